//! Control connections, and the data connections of which this program is one end. The shape, from the outside in:
//!
//! - `SessionOpening` (`open`) dials (`dial`), begins TLS, logs in, and ends as a [`Session`].
//! - [`Session`] is one logged-in control connection: what it is and what it knows (`connection`), the loop that drives its
//!   machine (`drive`), commands and their final replies (`ask`). Its methods are in these three files.
//! - `Dialogue` (in `connection`) is the machine with its bytes: what is under way between this program and the server. `listing`
//!   is the data connection that listings share.
//! - `SessionTls` (`tls`) borrows a session: how TLS begins, which certificates are accepted, why there is none.
//! - `EndedSession` (`answer`) borrows a session and says why it has ended. `secrets` is what no message shows.
//! - [`Transfer`] borrows a session for one transfer: its data connection (`data`), its beginning (`begin`), its flow (`flow`)
//!   with the stall clock (`stall`). `port` has the ports to which servers connect.
//!
//! What is known of the server is in [`ftp_proto::manners`]; what is asked about files is in [`crate::endpoint::files`].

mod answer;
mod ask;
mod begin;
mod connection;
mod data;
mod dial;
mod drive;
mod flow;
mod listing;
mod open;
mod port;
mod secrets;
mod stall;
mod tls;

pub use answer::{Answer, kind_of};
pub(crate) use answer::{about, hint};
pub(crate) use ask::{SentCommand, bytes_of_question};
pub use connection::{
    ABORT_TIMEOUT, Addresses, ClosedPosture, LONG_IDLE, Role, Session, SessionId, newest_session,
};
pub(crate) use connection::{BlockMode, KEPT_FOR, KeptConnection, TimeRefusal};
pub use data::OpeningPort;
pub(crate) use dial::{Dialed, connect, within};
pub use flow::{Flow, Moving, Transfer, data_connection_broke};
pub use ftp_proto::deletion::StableStorage;
pub use ftp_proto::listing::Facts;
pub use open::{FirstQuestions, SessionOpening};
pub use port::{
    ArrivedConnection, Connecting, ControlRelay, DataFailure, DataLinks, DataPort, ListeningPort,
    ListensElsewhere, OwnPort, RelayPort, RelayPortState, Tunnel, check_place,
};
pub(crate) use secrets::Secrets;
pub use secrets::Words;
pub use stall::Stall;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::session_of;
