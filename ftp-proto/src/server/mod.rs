//! The machine of one control connection, server side.
//!
//! ```text
//!          bytes, answers, arrivals, timeout                 Send, Ask, Event, Close, Wait
//! driver ------------------------------------> Session ------------------------------------> driver
//! ```
//!
//! The driver keeps sockets and files under the names of [`ask`]; the machine decides everything:
//! who may connect, who is a stranger, who has proven itself, when a file is touched, what is said.

mod abort;
mod accept;
pub mod ask;
mod channel;
mod dial;
mod dispatch;
mod inform;
pub mod limits;
mod login;
mod moving;
mod names;
mod outbox;
mod parameters;
mod path;
mod proof;
mod queue;
mod session;
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
