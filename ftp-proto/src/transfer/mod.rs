//! The machine of one attempt to transfer one file between two servers.
//!
//! An [`Attempt`] speaks in commands and replies, which two [`crate::client::Session`]s carry. It takes one of
//! three paths:
//!
//! | constructor | path |
//! |---|---|
//! | [`Attempt::direct`] | one server listens, the other one connects to it ([`Roles`]) |
//! | [`Attempt::relayed`] | each server has a data connection with a relay, which joins the two ([`RelayRoles`]) |
//! | [`Attempt::through`] | the user agent has a data connection with each server ([`Arrangements`]) and copies |
//!
//! All three prepare the ends, run both transfer commands, and clean up: if anything fails, no end is left with a
//! command that nobody follows.
//!
//! ```text
//!  Setup     both TYPE; SSCN and PINC where TLS protects the data; RNDZ
//!            direct:   passive end LSTN, PASV or EPSV; active end SOCK, PORT or EPRT;
//!                      passive end SOCK (its filter, if it knows SOCK)
//!            relayed:  passive ends listen; JoinAtRelay; active ends are told where the relay listens
//!            through:  each end listens and gets a Connect, or is told where the user agent listens (Listen);
//!                      an end whose connection does not come about turns to the other posture
//!            REST at both
//!    |
//!  Running   the transfer commands; through: Copy until the source's end of file, then Finish
//!    |---- both final replies are positive ----> Done(Moved)
//!    |
//!    | an end, a data connection or the relay fails, or a timer runs out
//!    v
//!  Rescue    Cut resets the data connections with the host in the middle
//!            each end that still does something is aborted, and closed if it does not react
//!    '-----------------------------------------> Done(Failed)
//! ```
//!
//! Which path and which roles to try next is up to the caller; [`Failure::blame`] helps to decide it.
//!
//! While data moves between other hosts, the attempt has no timer, because it cannot see the data. The caller
//! watches for a stall and passes [`Input::Cancel`].
//!
//! ```
//! use ftp_proto::client::Standing;
//! use ftp_proto::command::Verb;
//! use ftp_proto::dialect::Dialect;
//! use ftp_proto::feature::Capabilities;
//! use ftp_proto::reply::{Code, Reply, classify};
//! use ftp_proto::transfer::{
//!     Attempt, DataTls, Input, Outcome, Output, Party, Roles, Side, Store, Timeouts, Transfer, opening,
//! };
//! use ftp_proto::timer::Moment;
//! use ftp_proto::wire::PathName;
//!
//! // Two servers that know RFC 438, as their greeting and FEAT said.
//! let capabilities = Capabilities { sock: true, lstn: true, ..Capabilities::default() };
//! let party = |address: &str| Party {
//!     dialect: Dialect::Rfc959,
//!     capabilities: capabilities.clone(),
//!     address: address.parse().unwrap(),
//!     standing: Standing::default(),
//!     given: false,
//!     leaf: None,
//! };
//! let (source, destination) = (party("192.0.2.1"), party("192.0.2.2"));
//! let roles = Roles {
//!     passive: Side::Destination,
//!     opening: opening(&destination, &source).unwrap(),
//!     filter: true,
//!     first: None,
//!     tls: DataTls::Clear,
//! };
//! let transfer = Transfer {
//!     source_path: PathName::from_user("PROG1.PL1").unwrap(),
//!     destination_path: PathName::from_user("PROG2.PL1").unwrap(),
//!     store: Store::Append,
//!     part: None,
//!     secret: None,
//!     probes: false,
//!     digest: None,
//! };
//!
//! let now = Moment::START;
//! let mut attempt = Attempt::direct(transfer, roles, source, destination, Timeouts::default(), now);
//! let mut dialogue = Vec::new();
//! let outcome = loop {
//!     match attempt.poll() {
//!         Output::Command(side, command) => {
//!             // A client session sends the command and returns the reply. Here a table does.
//!             let (code, text) = match (command.verb(), side) {
//!                 (Verb::Lstn, _) => (255, "SOCK 40002"),
//!                 (Verb::Sock, Side::Source) => (255, "SOCK 40003"),
//!                 (Verb::Sock, Side::Destination) => (255, "SOCK 40002"),
//!                 (Verb::Retr | Verb::Appe, _) => (226, "done"),
//!                 (_, _) => (200, "ok"),
//!             };
//!             dialogue.push(format!("{side:?} {}", command.redacted(Dialect::Rfc959)));
//!             let reply = Reply { code: Code(code), lines: vec![text.into()] };
//!             let class = classify(Dialect::Rfc959, command.verb(), reply.code);
//!             attempt.input(now, Input::Reply { side, reply, class });
//!         }
//!         Output::Done(outcome) => break outcome,
//!         other => unreachable!("no end fails, and there is no host in the middle: {other:?}"),
//!     }
//! };
//! assert!(matches!(outcome, Outcome::Moved { .. }));
//! assert_eq!(
//!     dialogue,
//!     [
//!         "Destination TYPE I",
//!         "Source TYPE I",
//!         "Destination LSTN R",
//!         "Source SOCK 192.0.2.2,40002",
//!         "Destination SOCK 192.0.2.1,40003",
//!         "Source RETR PROG1.PL1",
//!         "Destination APPE PROG2.PL1",
//!     ]
//! );
//! ```

mod arrangements;
mod attempt;
pub mod batch;
mod direct;
mod end;
mod ends;
mod judge;
mod outcome;
pub mod pipeline;
pub mod race;
mod relayed;
mod request;
mod script;
#[cfg(test)]
mod tests;
mod through;

pub use arrangements::{ActiveCommand, Arrangement, Arrangements, Fault, KnownPostures, Listener};
pub use attempt::{Attempt, Input, Machine, Output};
pub use outcome::{Cause, DataFault, Failure, Outcome, RelayFault, Repair, Stage, Unusable};
pub use request::{
    DataTls, Junction, Opening, Party, PerSide, Posture, Postures, RelayRoles, Roles, Side, Store, Timeouts,
    Timer, Transfer, opening,
};
pub use script::{is_same_socket, takes_sock_for_filter};
pub use through::FailedPosture;
