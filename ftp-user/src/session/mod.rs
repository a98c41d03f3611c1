//! Control connections: one struct drives one client machine, and makes the data connections of which this program is one end.
//! What is known of the server is in [`ftp_proto::manners`]; what is asked about files is in [`crate::remote`].
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
//! | `port`, `relay_port`, `arrived` | a port to which a server connects: one of this host, or of a relay |
//! | `data`, `closed_posture` | data connections of this program, and what was learnt about them |
//! | `sent`, `begin`, `flow`, `stall` | a transfer over one, and the stall clock |

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
mod dial;
mod drive;
mod first;
mod flow;
mod glance;
mod open;
mod port;
mod relay_port;
mod secrets;
mod secure;
mod sent;
mod sent_time;
mod session_id;
mod stall;
mod tunnel;

pub use answer::{Answer, kind_of};
pub(crate) use answer::{about, hint};
pub use arrived::Arrived;
pub use closed_posture::ClosedPosture;
pub use connection::{ABORT_TIMEOUT, Role, Session};
pub use data::OpeningPort;
pub use data_failure::DataFailure;
pub(crate) use dial::{Dialled, connect, within};
pub(crate) use first::First;
pub use flow::{Flow, Moving};
pub use ftp_proto::deletion::StableStorage;
pub use ftp_proto::listing::Facts;
pub use port::{DataPort, OwnPort};
pub use relay_port::{ListensElsewhere, RelayPort, Seen, check_place};
pub(crate) use secrets::Secrets;
pub use secrets::Words;
pub(crate) use sent_time::Untaken;
pub use session_id::{SessionId, newest_session};
pub use stall::Stall;
pub use tunnel::{Connecting, ControlRelay, DataLinks, Listening, Tunnel};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::session_of;
