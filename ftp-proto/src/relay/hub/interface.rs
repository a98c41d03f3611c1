//! What goes into the machine of a hub, what comes out of it, its limits and its waits.

use crate::relay::agent::Withdrawn;
use crate::relay::date::DateAt;
use crate::relay::message::{Code, Id};
use crate::relay::token::{Joins, Secret32};
use crate::timer::Moment;
use std::net::SocketAddr;
use std::time::Duration;

/// Identifies a session with the hub. The driver chooses it and never uses it twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u64);

/// Identifies a call. The hub chooses it and never uses it twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId(pub u64);

/// One of the two ends of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// The one that has called.
    Caller,
    /// The agent that was called.
    Agent,
}

/// What the driver tells the hub.
#[derive(Debug)]
pub enum Input<'a> {
    /// A link has proven a token: a session begins.
    Opened {
        /// The id of the new session.
        session: SessionId,
        /// The name of its token.
        token: String,
        /// The group of the token. Those in the same group see its agents, and nobody else does.
        group: String,
        /// Under which name it may join as an agent.
        joins: Joins,
        /// When the token expires, if it does.
        expires: Option<Moment>,
        /// What date it is, for those who ask.
        date: Option<DateAt>,
    },
    /// This session, which has just begun, may do nothing: it is told why, and ends.
    Refused(SessionId, Refusal<'a>),
    /// The answer to [`Output::Place`].
    Placed {
        /// The call that was asked about.
        call: CallId,
        /// How long its stream may live, or which limit is reached, for people.
        place: Result<Option<Duration>, &'a str>,
    },
    /// Bytes arrived on the link of a session.
    Bytes(SessionId, &'a [u8]),
    /// A session has taken all that was sent to it since [`Output::More`].
    Next(SessionId),
    /// The link of a session was closed or broke.
    Closed(SessionId),
    /// A connection from this address has proven the ticket of this end of a call.
    Attached(CallId, End, SocketAddr),
    /// The streams of a call have ended, after [`Output::Join`].
    Ended(CallId),
    /// What the holder of this token may do was withdrawn: its sessions and streams end at once.
    Revoked {
        /// The name of the token.
        token: &'a str,
        /// What has ended it.
        why: Withdrawn,
    },
    /// The hub stops: sessions end, and streams continue until the driver ends them.
    Drain,
    /// The deadline of the last [`Output::Wait`] has passed.
    Timeout,
}

/// Why a session may do nothing although its token was right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal<'a> {
    /// A limit is reached: which one, for people.
    Full(&'a str),
    /// The operator has withdrawn what it may do.
    Withdrawn(Withdrawn),
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes on the link of a session: one frame.
    Send(SessionId, Vec<u8>),
    /// A session has said more than the one message that was heard. Pass [`Input::Next`] once it has taken what was sent to
    /// it, and read nothing from it before: what one session asks for is never made ahead of what it takes, and others
    /// have their turns between.
    More(SessionId),
    /// Close the link of a session when everything is sent. The session is over.
    Close(SessionId),
    /// Somebody calls an agent: answer with [`Input::Placed`] whether there is a place for the call. The place is given
    /// back at [`Output::Drop`] or [`Input::Ended`].
    Place {
        /// The new call.
        call: CallId,
        /// The session that calls.
        by: SessionId,
        /// The session of the agent.
        to: SessionId,
        /// The caller's own id of the call.
        id: Id,
        /// The name of the agent that is called.
        agent: String,
    },
    /// Accept one connection that proves this ticket. It comes as [`Input::Attached`].
    Expect {
        /// The call of the ticket.
        call: CallId,
        /// The end that will come.
        end: End,
        /// What it has to prove.
        ticket: Secret32,
    },
    /// Both ends of the call have attached: pass the bytes of each to the other. [`Input::Ended`] follows.
    Join(CallId),
    /// Expect nothing more for this call, and reset what has attached and what flows. Its place is free.
    Drop(CallId, Cause),
    /// Something happened that belongs into logs or metrics.
    Event(Event),
    /// Wait for the next input, or until this moment, and then pass [`Input::Timeout`].
    Wait(Option<Moment>),
}

/// Why a call is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Its two ends did not both come, or there was no place for it.
    NotPaired,
    /// Its stream has lived for as long as it may.
    Life,
    /// Its token may do nothing any more.
    Revoked,
}

/// What a log, a metric or a test may want to know. It never contains a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A user agent has introduced itself.
    User {
        /// Its session with the hub.
        session: SessionId,
        /// The name of the user agent.
        name: String,
        /// The program and its version.
        build: String,
    },
    /// An agent has joined.
    Joined {
        /// Its session with the hub.
        session: SessionId,
        /// The name of the agent.
        name: String,
        /// The program and its version.
        build: String,
        /// The session that it has replaced, and whether both are of one process.
        replaced: Option<(SessionId, bool)>,
    },
    /// Somebody has called an agent.
    Called {
        /// The id of the new call.
        call: CallId,
        /// The caller's own id of it.
        id: Id,
        /// The session that has called.
        from: SessionId,
        /// The session of the agent.
        to: SessionId,
        /// The name of the agent.
        agent: String,
    },
    /// Something was refused.
    Refused {
        /// The session that has asked.
        session: SessionId,
        /// The id of what it has asked for; 0 if it has none.
        id: Id,
        /// Why it was refused.
        code: Code,
        /// More about the reason.
        text: String,
    },
    /// What a session may do was withdrawn. It ends.
    Withdrawn {
        /// The session that ends.
        session: SessionId,
        /// What has ended it.
        why: Withdrawn,
    },
    /// A session has ended before its link did.
    Ended {
        /// The session that has ended.
        session: SessionId,
        /// Why it has ended.
        code: Code,
        /// More about the reason.
        text: String,
    },
    /// A timer has fired.
    TimedOut(Timer),
}

/// How long a hub waits, and how many calls of one session may wait. How many sessions and calls there may be is decided
/// by the driver ([`Input::Refused`], [`Output::Place`]).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of calls of one session whose ends have not both come.
    pub waiting: usize,
    /// How long the link of a session may carry nothing before its other end counts as gone.
    pub dead: Duration,
    /// How long both ends of a call may take to come.
    pub pair: Duration,
}

impl Limits {
    /// Limits that suit most hubs.
    pub const USUAL: Self =
        Self { waiting: 64, dead: Duration::from_secs(45), pair: Duration::from_secs(10) };
}

impl Default for Limits {
    fn default() -> Self {
        Self::USUAL
    }
}

/// A wait of a [`Hub`](super::Hub).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// Something from an agent or a user agent is due on its link.
    Link,
    /// The token of a session expires.
    Token,
    /// Both ends of a call must connect.
    Pair,
    /// The stream of a call has lived for as long as it may.
    Life,
}

impl Timer {
    /// Returns the timer's name for people, as it stands in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Token => "token",
            Self::Pair => "pair",
            Self::Life => "life",
        }
    }
}
