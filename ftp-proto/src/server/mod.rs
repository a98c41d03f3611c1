//! The machine of one control connection, server side.
//!
//! ```text
//!          bytes, answers, arrivals, timeout                 Send, Ask, Event, Close, Wait
//! driver ------------------------------------> Session ------------------------------------> driver
//! ```
//!
//! The driver keeps sockets and files under the names of [`ask`]; the machine decides everything:
//! who may connect, who is a stranger, who has proven itself, when a file is touched, what is said.
//!
//! | file | what |
//! |---|---|
//! | `session` | inputs in, outputs out, whose turn it is, timers |
//! | `dispatch` | a line by its row of the verb table |
//! | `state`, `queue`, `outbox` | what the session is doing; lines that wait; outputs that wait |
//! | `login`, `parameters`, `names`, `inform` | USER..., TYPE..., CWD..., STAT... |
//! | `channel`, `sockets` | the data sockets and the commands that change them (picture in `channel`) |
//! | `transfer` | check, obtain a connection, move (picture in `transfer`) |
//! | `dial`, `accept`, `proof` | obtaining: connecting, being connected to, RNDZ |
//! | `moving`, `abort` | octets move; ABOR |
//! | [`limits`] | what all sessions of a server share |
//!
//! ```
//! use ftp_proto::dialect::Dialect;
//! use ftp_proto::policy::Rules;
//! use ftp_proto::server::ask::{Account, Answer, Ask, Input, Output};
//! use ftp_proto::server::{Config, Connection, Session, Timeouts};
//! use ftp_proto::timer::Moment;
//!
//! let config = Config {
//!     dialect: Dialect::Rfc959,
//!     rules: Rules::default(),
//!     public_address: None,
//!     timeouts: Timeouts::default(),
//!     max_strangers: 1000,
//!     max_held: 8,
//!     max_provers: 16,
//!     software: "example".to_owned(),
//! };
//! let connection = Connection {
//!     peer: ([192, 0, 2, 7], 50000).into(),
//!     local: ([192, 0, 2, 1], 21).into(),
//!     entropy: [0; 32], // of a random generator in earnest
//! };
//! let now = Moment::START;
//! let mut session = Session::new(config.into(), connection);
//! let mut said = Vec::new();
//! let lines: [&[u8]; 3] = [b"USER ada\r\n", b"PASS lace\r\n", b"PWD\r\n"];
//! for input in std::iter::once(Input::Start).chain(lines.map(Input::Bytes)) {
//!     session.input(now, input);
//!     loop {
//!         match session.poll() {
//!             Output::Send(octets) => said.extend(octets),
//!             Output::Ask(Ask::Login { ticket, user, .. }) => {
//!                 let account = Account {
//!                     name: user,
//!                     anonymous: false,
//!                     read_only: false,
//!                     foreign: Default::default(),
//!                 };
//!                 session.input(now, Input::Answer(ticket, Answer::Login(Some(account))));
//!             }
//!             Output::Ask(_) | Output::Event(_) => {}
//!             Output::Close | Output::Wait(_) => break,
//!         }
//!     }
//! }
//! assert!(String::from_utf8_lossy(&said).ends_with("257 \"/\" is the working directory\r\n"));
//! ```
//!
//! What a driver owes the machine: an answer to every ticket, [`Answer::Failed`] and the like
//! included; a connection in an answer to a ticket that was cancelled it closes itself or hands in
//! all the same (the machine drops it); after [`Output::Close`] it releases what the session holds,
//! permits included.

pub mod ask;

mod dispatch;
mod inform;
pub mod limits;
mod login;

mod files;
mod outbox;
mod parameters;
mod path;

mod queue;
mod session;
mod setup;
mod sockets;
mod state;
#[cfg(test)]
mod tests;
mod transfer;

pub use ask::{Account, Answer, Ask, ConnId, Input, Output, Ticket};
pub use session::Session;

use crate::dialect::Dialect;
use crate::policy::Rules;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Everything a session must know from its start. Cheap to clone behind an `Arc` by the driver.
#[derive(Clone, Debug)]
pub struct Config {
    /// The dialect of the listener.
    pub dialect: Dialect,
    /// What the operator allows. [`Account::foreign`] may narrow the foreign policy.
    pub rules: Rules,
    /// What PASV, LSTN, SOCK announce instead of the control connection's local address.
    pub public_address: Option<IpAddr>,
    /// The waits.
    pub timeouts: Timeouts,
    /// Strangers in one wait before it ends with 454/425 (C28).
    pub max_strangers: u32,
    /// Candidates held before a transfer command while no filter exists.
    pub max_held: usize,
    /// Candidates that prove at the same time.
    pub max_provers: usize,
    /// Name and version for greeting and HELP.
    pub software: String,
}

/// The waits of a session (`--listen-idle --connect-timeout --accept-timeout` and the built-in ones).
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// Connected, not logged in.
    pub login: Duration,
    /// Logged in, no command, no transfer.
    pub idle: Duration,
    /// An unused LSTN or GSOC allocation.
    pub listen_idle: Duration,
    /// Listening, after the transfer command.
    pub accept: Duration,
    /// Connecting, retries included.
    pub connect: Duration,
    /// Held candidates before the transfer command.
    pub held: Duration,
    /// A transfer without an octet moved.
    pub stall: Duration,
    /// An unanswered question to the driver.
    pub question: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            login: s(60),
            idle: s(600),
            listen_idle: s(300),
            accept: s(60),
            connect: s(15),
            held: s(60),
            stall: s(300),
            question: s(3600),
        }
    }
}

/// What is true of this one control connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// Its other end.
    pub peer: SocketAddr,
    /// Its local end.
    pub local: SocketAddr,
    /// Octets from a cryptographic random generator, new for each session: the nonces come of them.
    pub entropy: [u8; 32],
}
