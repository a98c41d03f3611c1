//! The machine of one file between two servers: one attempt, two sessions, one verdict.
//!
//! It speaks in commands and replies; two [`crate::client::Session`]s carry them. Which end listens
//! is the attempt's [`Plan`]; climbing to the next plan is the caller's.
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

mod judge;
mod leg;
mod rescue;
mod script;
#[cfg(test)]
mod tests;
mod transfer;

pub use transfer::Transfer;

use crate::address::Family;
use crate::client::{Failure, Standing};
use crate::command::Command;
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::policy::Why;
use crate::rendezvous::RendezvousSecret;
use crate::reply::{Blame, Class, Reply};
use crate::timer::{Moment, Timer};
use crate::wire::PathName;
use std::fmt;
use std::net::IpAddr;
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

/// What is known of one end.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its dialect.
    pub dialect: Dialect,
    /// What it said it can.
    pub capabilities: Capabilities,
    /// The address of its control connection, as the user agent reached it: the host that the
    /// other end is told.
    pub address: IpAddr,
    /// What earlier attempts may have left there ([`crate::client::Session::standing`]).
    pub standing: Standing,
}

/// How the receiving end stores.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Store {
    /// STOR.
    Replace,
    /// APPE.
    Append,
}

/// By which commands the listening end listens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opening {
    /// LSTN and 255 (RFC 438).
    Lstn,
    /// PASV and 227 or 255 (RFC 478, 959).
    Pasv,
    /// EPSV and 229 (RFC 2428).
    Epsv,
}

/// One attempt: who listens and how.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Plan {
    /// The end that listens.
    pub listener: Side,
    /// Its command.
    pub opening: Opening,
    /// Whether the listening end is told its peer with SOCK, where it knows SOCK (RFC 478 note 3).
    pub filter: bool,
    /// Which transfer command goes first when neither has to.
    pub first: Option<Side>,
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

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Both ends said that it is complete. Verify next: two 2yz prove no octet (H16).
    Moved {
        /// The source's final reply.
        source: Reply,
        /// The destination's final reply.
        destination: Reply,
    },
    /// It failed.
    Failed(Trouble),
}

/// What failed, at which end, and what the next step may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// The end that said it, or that did not say anything.
    pub side: Side,
    /// What it was asked.
    pub during: &'static str,
    /// What happened.
    pub cause: Cause,
    /// What to do next.
    pub blame: Blame,
    /// Whether octets may have reached the destination's file (a transfer command was accepted).
    pub touched: bool,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The end refused with this reply.
    Refused(Reply),
    /// Its reply could not be used (a 255 without a number, a 227 of another host).
    Unusable(Reply, &'static str),
    /// Policy of the user agent refused what it announced.
    Policy(Why, Reply),
    /// It said nothing in time.
    Silent(Timer),
    /// Its session ended.
    Ended(Failure),
    /// The caller cancelled.
    Cancelled,
}

impl fmt::Display for Cause {
    /// For people: the server's own words, or what is wrong with them, or that there were none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reply) => f.write_str(&reply.display()),
            Self::Unusable(reply, why) => write!(f, "{why}: {}", reply.display()),
            Self::Policy(why, reply) => write!(f, "{why}: {}", reply.display()),
            Self::Silent(timer) => write!(f, "no answer in time ({} timer)", timer.name()),
            Self::Ended(failure) => failure.fmt(f),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl Party {
    /// Whether it knows SOCK: every 1973 server does (RFC 385 asks it of the smallest one), others
    /// say so in FEAT.
    pub fn knows_sock(&self) -> bool {
        self.capabilities.sock || self.dialect == Dialect::Rfc354
    }
}

/// What a party can use to listen or to connect; `None` when nothing fits the other.
///
/// Prefers LSTN/SOCK where both know them, then EPSV with EPRT or SOCK, then PASV with PORT or SOCK
/// (IPv4 only where the listening end is no 1973 server: their 255 carries no address).
pub fn opening(listener: &Party, connector: &Party) -> Option<Opening> {
    let both_v4 = Family::of(listener.address) == Family::V4 && Family::of(connector.address) == Family::V4;
    let any_family = connector.capabilities.epsv || connector.capabilities.sock;
    if listener.capabilities.lstn && connector.knows_sock() {
        Some(Opening::Lstn)
    } else if listener.capabilities.epsv && any_family {
        Some(Opening::Epsv)
    } else if both_v4 || (listener.dialect == Dialect::Rfc354 && any_family) {
        Some(Opening::Pasv)
    } else {
        None
    }
}

/// A reply, as the client session classified it.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The reply.
    pub reply: Reply,
    /// Its class for the command it answers.
    pub class: Class,
}
