//! Control connections: one struct drives one client machine, and makes the data connections of which this program is one end.
//! What is known of the server is in [`ftp_proto::manners`]; what is asked about files is in [`crate::endpoint::files`].
//!
//! | file | what |
//! |---|---|
//! | `connection`, `drive` | one control connection and its machine, and the loop that drives them |
//! | `dial`, `open`, `tls` | how a session begins: connect, perhaps through a proxy; TLS and certificates; greeting, login |
//! | `secrets` | the secrets of a session, which no message shows |
//! | `ask`, `answer` | one command and its final reply, and what a refusal means |
//! | `port`, `data` | data connections of this program, and the ports to which servers connect |
//! | `begin`, `flow`, `stall` | a transfer over one, and the stall clock |

mod answer;
mod ask;
mod begin;
mod connection;
mod data;
mod dial;
mod drive;
mod flow;
mod open;
mod port;
mod secrets;
mod stall;
mod tls;

pub use answer::{Answer, kind_of};
pub(crate) use answer::{about, hint};
pub(crate) use ask::SentCommand;
pub(crate) use connection::Untaken;
pub use connection::{ABORT_TIMEOUT, Addresses, ClosedPosture, Role, Session, SessionId, newest_session};
pub use data::OpeningPort;
pub(crate) use dial::{Dialled, connect, within};
pub use flow::{Flow, Moving};
pub use ftp_proto::deletion::StableStorage;
pub use ftp_proto::listing::Facts;
pub use port::{
    ArrivedConnection, Connecting, ControlRelay, DataFailure, DataLinks, DataPort, Listening,
    ListensElsewhere, OwnPort, RelayPort, RelayPortState, Tunnel, check_place,
};
pub(crate) use secrets::Secrets;
pub use secrets::Words;
pub use stall::Stall;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::session_of;
