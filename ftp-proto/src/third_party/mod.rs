//! The machine of one file between two servers: one attempt, two sessions, one verdict.
//!
//! It speaks in commands and replies; two [`crate::client::Session`]s carry them. Which end listens
//! is the attempt's [`Plan`]; climbing to the next plan is the caller's. Where the two servers may not
//! talk to each other a relay joins their data connections ([`relayed`]), or the octets go [`through`]
//! the user agent.
//!
//! ```text
//!  Setup: both TYPE, RNDZ;  passive end LSTN|PASV|EPSV;  active end SOCK|PORT|EPRT;
//!         passive end SOCK (its filter, where it knows SOCK);  REST at both
//!    |
//!  Running: transfer commands  --both finals-->  Done(Moved)
//!    |  one fails, or a timer
//!  Rescue: the other end is ABORted, its replies awaited; deaf: its control connection is closed
//!    '--> Done(Failed)
//! ```
//!
//! ```
//! use ftp_proto::client::Standing;
//! use ftp_proto::command::Verb;
//! use ftp_proto::dialect::Dialect;
//! use ftp_proto::feature::Capabilities;
//! use ftp_proto::reply::{Code, Reply, classify};
//! use ftp_proto::third_party::{
//!     Heard, Job, Outcome, Output, Party, Plan, Side, Store, Timeouts, Transfer, opening,
//! };
//! use ftp_proto::timer::Moment;
//! use ftp_proto::wire::PathName;
//! use std::time::Duration;
//!
//! // Two servers that know RFC 438, as their greeting and FEAT said.
//! let capabilities = Capabilities { sock: true, lstn: true, ..Capabilities::default() };
//! let party = |address: &str| Party {
//!     dialect: Dialect::Rfc959,
//!     capabilities: capabilities.clone(),
//!     address: address.parse().unwrap(),
//!     standing: Standing::default(),
//! };
//! let (source, destination) = (party("192.0.2.1"), party("192.0.2.2"));
//! let plan = Plan {
//!     listener: Side::Destination,
//!     opening: opening(&destination, &source).unwrap(),
//!     filter: true,
//!     first: None,
//! };
//! let job = Job {
//!     source_path: PathName::from_user("PROG1.PL1").unwrap(),
//!     destination_path: PathName::from_user("PROG2.PL1").unwrap(),
//!     store: Store::Append,
//!     restart: None,
//!     secret: None,
//! };
//! let second = Duration::from_secs(1);
//! let timeouts = Timeouts {
//!     reply: 60 * second,
//!     connect: 60 * second,
//!     preliminary: 5 * second,
//!     half_done: 60 * second,
//!     abort: 10 * second,
//! };
//!
//! let now = Moment::START;
//! let mut transfer = Transfer::new(job, plan, source, destination, timeouts, now);
//! let mut dialogue = Vec::new();
//! let outcome = loop {
//!     match transfer.poll() {
//!         Output::Command(side, command) => {
//!             // A session sends it and tells the reply; here the servers are a table.
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
//!             transfer.reply(now, side, Heard { reply, class });
//!         }
//!         Output::Done(outcome) => break outcome,
//!         Output::Abort(_) | Output::Close(_) | Output::Wait(_) => unreachable!("nobody fails here"),
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

mod carried;
mod ends;
mod heard;
mod judge;
mod leg;
mod outcome;
mod plan;
pub mod relayed;
mod rescue;
mod script;
#[cfg(test)]
mod tests;
pub mod through;
mod transfer;

pub use outcome::{Cause, Outcome, Repair, Trouble};
pub use plan::{Opening, Party, Plan, opening};
pub use transfer::Transfer;

use crate::command::Command;
use crate::rendezvous::RendezvousSecret;
use crate::reply::{Class, Reply};
use crate::timer::Moment;
use crate::wire::PathName;
use std::time::Duration;

/// The two ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The one that sends the file (SITE1 of RFC 438).
    Source,
    /// The one that receives it (SITE2).
    Destination,
}

impl Side {
    /// The other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }
}

/// How the receiving end stores.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Store {
    /// STOR.
    Replace,
    /// APPE.
    Append,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Job {
    /// The path at the source.
    pub source_path: PathName,
    /// The path at the destination.
    pub destination_path: PathName,
    /// STOR or APPE.
    pub store: Store,
    /// Octets to skip at both ends (H21). Only where both ends listed REST STREAM: a 1973 server says
    /// 200 to REST and means the markers of MODE B.
    pub restart: Option<u64>,
    /// RNDZ at both ends, where both know it.
    pub secret: Option<RendezvousSecret>,
}

/// The waits of one attempt.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// For each set-up reply.
    pub reply: Duration,
    /// From the transfer commands to the first sign of movement or an end.
    pub connect: Duration,
    /// Between the active end's transfer command and the passive end's, at most (about 5 s).
    pub preliminary: Duration,
    /// From one end's final reply to the other's.
    pub half_done: Duration,
    /// For the replies to ABOR.
    pub abort: Duration,
}

/// What comes out.
#[derive(Debug)]
pub enum Output {
    /// Send this command on that side's session; say its replies with [`Transfer::reply`].
    Command(Side, Command),
    /// Abort what runs on that side ([`crate::client::Session::abort`]); say its end with
    /// [`Transfer::aborted`].
    Abort(Side),
    /// That side is deaf: close its control connection (H20).
    Close(Side),
    /// It is over; both sessions that were not closed are in step and usable.
    Done(Outcome),
    /// Nothing more until an input or this moment.
    Wait(Option<Moment>),
}

/// A reply, as the client session classified it.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The reply.
    pub reply: Reply,
    /// Its class for the command it answers.
    pub class: Class,
}
