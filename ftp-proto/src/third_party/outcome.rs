//! How an attempt ends: moved, or what failed, at which end, and what the next step may be.

use super::Side;
use crate::client::Failure;
use crate::policy::Why;
use crate::reply::{Blame, Reply};
use crate::timer::Timer;
use std::fmt;
use std::net::SocketAddr;

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

/// A 227 with an address that cannot be meant (unspecified, or private or loopback while the server's
/// is not): the server's own was used, and people are told (H08).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repair {
    /// The end that announced it.
    pub side: Side,
    /// What it announced.
    pub announced: SocketAddr,
    /// What was used.
    pub used: SocketAddr,
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
    /// Its data connection with the user agent or the relay could not be had, or broke.
    Data(String),
    /// The relay refused, cut what it carried, or has gone. The trouble's side says nothing then.
    Relay(String),
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
            Self::Data(why) | Self::Relay(why) => f.write_str(why),
            Self::Ended(failure) => failure.fmt(f),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}
