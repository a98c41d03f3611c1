//! The machine of one control connection, server side.
//!
//! ```text
//!          bytes, answers, arrivals, timeout                 Send, Ask, Event, Close, Wait
//! driver ------------------------------------> Session ------------------------------------> driver
//! ```
//!
//! The driver keeps sockets and files under the tickets and numbers of [`ask`]. The machine decides
//! everything: who may connect, who is a stranger, who has proven itself, when a file is touched, and
//! what is said.
//!
//! Each line of this table uses only what stands above it:
//!
//! | room | what |
//! |---|---|
//! | [`ask`] | the vocabulary of the driver: questions, answers, events |
//! | `config`, `rights` | what a session is told at its start, and the timers; what an account may do with files |
//! | `outbox` | what the machine has to say, in order |
//! | `sockets` | the data sockets: listeners (picture there), open data connections that are idle, the gender of 1973 |
//! | `context` | what all commands work with: login, parameters, TLS, paths, names of unfinished files, nonces |
//! | `login`, `tls`, `detach`, `inform` | USER PASS ACCT; AUTH PBSZ PROT CCC SSCN PINC REIN; DETA; STAT HELP FEAT HOST LANG |
//! | `setup` | the commands that set up a data connection, and connections that arrive before the transfer command |
//! | `transfer` | the machine of one transfer (picture there) |
//! | `files` | the commands about files: CWD, SIZE, HASH, RNFR, ... |
//! | `session` | commands one after the other: queue, admission, dispatch, what is under way |
//!
//! ```
//! use ftp_proto::server::ask::{Account, Answer, Ask, Input, Output};
//! use ftp_proto::server::{Config, Connection, Session};
//! use ftp_proto::timer::Moment;
//!
//! let config = Config { software: "example".to_owned(), ..Config::default() };
//! let connection = Connection {
//!     peer: ([192, 0, 2, 7], 50000).into(),
//!     local: ([192, 0, 2, 1], 21).into(),
//!     proxied: false,
//!     public_address: None,
//!     entropy: [0; 32], // a real driver takes them from a random generator
//! };
//! let now = Moment::START;
//! let mut session = Session::new(config.into(), connection);
//! let mut said = Vec::new();
//! let lines: [&[u8]; 3] = [b"USER ada\r\n", b"PASS lace\r\n", b"PWD\r\n"];
//! for input in std::iter::once(Input::Start).chain(lines.map(Input::Bytes)) {
//!     session.input(now, input);
//!     loop {
//!         match session.poll() {
//!             Output::Send(bytes) => said.extend(bytes),
//!             Output::Ask(Ask::Login { ticket, user, .. }) => {
//!                 let account = Account::new(user);
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
//! # What a driver owes the machine
//!
//! * An answer to every ticket, [`Answer::Failed`] and the like included.
//! * A connection in an answer to a cancelled ticket: the driver closes it, or hands it in all the same
//!   and the machine closes it.
//! * After [`Output::Close`], it releases everything that the session holds, permits included.

pub mod ask;
mod config;
mod context;
mod detach;
mod files;
mod inform;
mod login;
mod outbox;
mod rights;
mod session;
mod setup;
mod sockets;
#[cfg(test)]
mod tests;
mod tls;
mod transfer;

pub use ask::{Account, Answer, Ask, CloseNotify, ConnId, Input, Output, Ticket};
pub use config::{Config, Connection, Reuse, Timeouts, Timer, Tls, TlsStart};
pub use context::path::{is_part_of_agent, is_partial, partial_name};
pub use rights::{Access, Right, Rights};
pub use session::Session;
pub use sockets::Gender;
