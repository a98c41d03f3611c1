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
//! | file | what |
//! |---|---|
//! | `session`, `work` | dispatch and the order of replies; what the session is doing |
//! | `queue`, `mistake` | commands that wait for their turn; the reply to a line that is no command |
//! | `first` | what the first bytes of a client say |
//! | `privacy`, `security` | what is inside TLS; AUTH PBSZ PROT CCC SSCN PINC |
//! | `practice` | the commands of drafts and of today's practice |
//! | `login`, `parameters`, `files`, `inform` | USER..., TYPE..., CWD..., STAT HELP FEAT |
//! | `setup`, `arrivals` | the commands that set up a data connection; connections that come before the transfer command |
//! | `sockets`, `listener`, `gender` | the data sockets themselves (picture in `sockets`); which numbers they have |
//! | `transfer` | the machine of one transfer (picture in `transfer`) |
//! | `rights` | what an account may do with files |
//! | `context` | what all of these work with; `user`, `outbox`, `nonces` are parts of it |
//! | [`ask`] | the vocabulary of the driver |
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

mod allowed;
mod arrivals;
pub mod ask;
mod config;
mod context;
mod detach;
mod failure;
mod files;
mod first;
mod gender;
mod inform;
mod kept;
mod listener;
mod login;
mod mistake;
mod nonces;
mod outbox;
mod parameters;
mod partial;
mod path;
mod practice;
mod privacy;
mod queue;
mod rights;
mod security;
mod session;
mod setup;
mod sockets;
#[cfg(test)]
mod tests;
mod timer;
mod transfer;
mod user;
mod waits;
mod work;

pub use ask::{Account, Answer, Ask, ConnId, Input, Output, Ticket};
pub use config::{Begin, Config, Connection, Reuse, Timeouts, Tls};
pub use gender::Gender;
pub use partial::{is_partial, partial_name};
pub use rights::{Access, Right, Rights};
pub use session::Session;
pub use timer::Timer;
