//! The machine of one control connection, client side: greeting, TLS, login, features, and which reply
//! answers which command.
//!
//! ```text
//!  Greeting --300/220--> (AUTH, TLS) --> Login --230--> (PROT) --> Features --211--> Ready <----> commands and replies
//!      |                                    |                                        |
//!      +------------- silence, not FTP, refused, closed ----------------------------+----> Ended(Failure)
//! ```
//!
//! This machine speaks only on the control connection. The driver opens and reads data connections, and
//! it runs TLS, which begins where [`Output::StartTls`] asks for it.
//!
//! ```
//! use ftp_proto::client::{Config, Event, Input, Output, Session};
//! use ftp_proto::command::Command;
//! use ftp_proto::dialect::Dialect;
//! use ftp_proto::timer::Moment;
//! use ftp_proto::wire::{PathName, Secret};
//!
//! /// Performs what the session asks for; here the connection is a list of lines.
//! fn drain(session: &mut Session, sent: &mut Vec<String>, events: &mut Vec<Event>) {
//!     loop {
//!         match session.poll() {
//!             Output::Send(bytes) => sent.push(String::from_utf8(bytes).unwrap()),
//!             Output::Event(event) => events.push(event),
//!             Output::StartTls | Output::Close | Output::Wait(_) => return,
//!         }
//!     }
//! }
//!
//! let config = Config { user: b"ann".to_vec(), password: Some(Secret::new("secret")), ..Config::default() };
//! let now = Moment::START;
//! let (mut sent, mut events) = (Vec::new(), Vec::new());
//!
//! let mut session = Session::new(config, now);
//! let replies = b"220 ready\r\n331 password?\r\n230 welcome\r\n502 no FEAT here\r\n";
//! session.input(now, Input::Bytes(replies));
//! drain(&mut session, &mut sent, &mut events);
//! assert_eq!(sent, ["USER ann\r\n", "PASS secret\r\n", "FEAT\r\n"]);
//! assert!(matches!(events.last(), Some(Event::Ready { dialect: Dialect::Rfc959, .. })));
//!
//! let id = session.send(now, Command::Size(PathName::from_user("a.txt").unwrap()), None);
//! session.input(now, Input::Bytes(b"213 5\r\n"));
//! drain(&mut session, &mut sent, &mut events);
//! assert!(matches!(events.last(), Some(Event::Reply { to, .. }) if *to == id));
//! ```

mod abort;
mod control;
mod interface;
mod login;
mod session;
mod setup;
mod standing;
#[cfg(test)]
mod tests;

pub use abort::SYNCH;
pub use interface::{CommandId, Config, Event, Failure, Input, Output, Security, Timer};
pub use session::Session;
pub use standing::Standing;
