//! Control connections: one struct drives one client machine. On top of it are the questions that the
//! verbs ask, and the data connections of which this program is one end.
//!
//! | file | what |
//! |---|---|
//! | `connection`, `drive` | one control connection and its machine, and the loop that drives them |
//! | `tcp`, `dial`, `open`, `secure`, `tunnel` | how a session begins: connect, perhaps through a proxy, TLS, greeting, login; or through a relay, which may also make its data connections |
//! | `glance` | a look at what is there where no greeting comes |
//! | `certificate`, `certificate_words` | whether the certificate of a server is accepted, kept or refused, and what is said about one that is not |
//! | `first` | the answer to what a server was asked together with the login |
//! | `secrets` | the secrets of a session, which no message shows |
//! | `ask`, `answer` | one command and its final reply, and what a refusal means |
//! | `listing`, `facts`, `directory` | a listing; what is at a place; what a directory holds |
//! | `sameness` | whether many files are what they were |
//! | `announced` | how much may come of a file whose size was told |
//! | `files` | commands that change files |
//! | `naming`, `replacement` | final names, and the old file that a new one replaces |
//! | `removal` | commands that delete and rename because somebody has asked for it |
//! | `rate` | how fast a server may be |
//! | `stored_name` | whether a server keeps non-ASCII names unchanged |
//! | `port`, `relay_port`, `arrived` | a port to which a server connects: one of this host, or of a relay |
//! | `data`, `closed_posture` | data connections of this program, and what was learnt about them |
//! | `sent`, `begin`, `flow`, `stall` | a transfer over one, and the stall clock |

mod absence;
mod announced;
mod answer;
mod arrived;
mod ask;
mod begin;
mod certificate;
mod certificate_words;
mod closed_posture;
mod connection;
mod data;
mod data_failure;
mod detached;
mod dial;
mod directory;
mod drive;
mod examine;
mod facts;
mod files;
mod first;
mod flow;
mod glance;
mod listing;
mod naming;
mod open;
mod parts;
mod port;
mod rate;
mod relay_port;
mod removal;
mod replacement;
mod sameness;
mod secrets;
mod secure;
mod sent;
mod sent_time;
mod session_id;
mod stall;
mod stored_name;
mod tcp;
mod times;
mod tunnel;

pub use absence::Lack;
pub use announced::most;
pub use answer::{Answer, kind_of};
pub(crate) use answer::{about, hint};
pub use arrived::Arrived;
pub use closed_posture::ClosedPosture;
pub use connection::{ABORT_TIMEOUT, Role, Session};
pub use data::OpeningPort;
pub use data_failure::DataFailure;
pub use detached::{DetachedState, DetachedStatus};
pub(crate) use dial::{Dialled, connect, within};
pub use examine::{Foreign, SeenCertificate, ServerClock};
pub use facts::Facts;
pub use flow::{Flow, Moving};
pub use ftp_proto::deletion::StableStorage;
pub use listing::{Each, Listing};
pub use port::{DataPort, OwnPort};
pub use relay_port::{ListensElsewhere, RelayPort, Seen, check_place};
pub(crate) use removal::cannot_delete;
pub use replacement::{FinalName, Replacement};
pub use secrets::Words;
pub use session_id::{SessionId, newest_session};
pub use stall::Stall;
pub(crate) use tcp::{open_tcp, unbound};
pub use tunnel::{Connecting, ControlRelay, DataLinks, Listening, Tunnel};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::session_of;
