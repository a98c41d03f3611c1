//! What the agent's machine asks of its driver, and what the driver answers.
//!
//! A [`Ticket`] names a question and afterwards what came of it: the listener, the join. A [`ConnId`]
//! names a connection; the driver makes it. An answer to a ticket that was given up is ignored.

use super::timer::Timer;
use crate::policy::Why;
use crate::relay::link::Denial;
use crate::relay::message::{Code, End, Id, Side};
use crate::relay::token::Secret32;
use crate::timer::Moment;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Names a question of one session and what came of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// Names one connection of one session. Chosen by the driver, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);

/// What goes into the machine.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes of the session's link, after the link proof.
    Bytes(&'a [u8]),
    /// The link has ended or broken. What flows goes on.
    Closed,
    /// An answer.
    Answer(Ticket, Answer),
    /// A connection was accepted at a listener. Nothing of it is read.
    Arrived {
        /// The ticket of the listening.
        listener: Ticket,
        /// The new connection.
        conn: ConnId,
        /// Its local end.
        local: SocketAddr,
        /// Its other end.
        from: SocketAddr,
    },
    /// The link of an expected tunnel has come and has proven its ticket.
    Attached {
        /// The ticket of [`Ask::Expect`].
        ticket: Ticket,
        /// The link.
        conn: ConnId,
    },
    /// A join: one leg has closed in order, and everything of it has gone to the other.
    HalfEof {
        /// The ticket of [`Ask::Join`].
        join: Ticket,
        /// Which leg closed.
        from: Side,
        /// Bytes that came from it.
        bytes: u64,
    },
    /// The deadline of the last [`Output::Wait`] has come.
    Timeout,
    /// The token of this session was taken away: everything ends at once.
    Revoked,
    /// The agent stops: nothing new begins; what flows goes on until the driver's patience ends.
    Shutdown,
}

/// What comes out of the machine.
#[derive(Debug)]
pub enum Output {
    /// Bytes for the link: one frame.
    Send(Vec<u8>),
    /// Do this.
    Ask(Ask),
    /// Tell whoever cares.
    Event(Event),
    /// The session is over: close the link once everything sent is flushed, reset whatever is left.
    /// Nothing comes after it.
    Close,
    /// Nothing more until an input or this moment.
    Wait(Option<Moment>),
}

/// Requests. Those with a ticket of their own are answered under it.
#[derive(Debug)]
pub enum Ask {
    /// All addresses of this name, or the address itself -> [`Answer::Resolved`] or failed.
    Resolve {
        /// The question.
        ticket: Ticket,
        /// As the user agent wrote it.
        host: String,
        /// The port.
        port: u16,
    },
    /// Which local address would a connection to these go out from, without sending anything?
    /// -> [`Answer::Routes`], one for each, in order.
    Route {
        /// The question.
        ticket: Ticket,
        /// The hosts.
        to: Vec<IpAddr>,
    },
    /// Listen for one peer at any port of this address; connections come as [`Input::Arrived`]
    /// -> [`Answer::Listening`] or failed.
    Listen {
        /// The question, then the listener.
        ticket: Ticket,
        /// Bind here.
        at: IpAddr,
    },
    /// Stop listening; connections that nobody has accepted are reset.
    Unlisten(Ticket),
    /// Connect -> [`Answer::Connected`] or failed.
    Dial {
        /// The question.
        ticket: Ticket,
        /// Local address to bind.
        from: IpAddr,
        /// Exactly this address: it has been judged.
        to: SocketAddr,
    },
    /// Forget a question; a connection that it has made is reset.
    Cancel(Ticket),
    /// Reset a connection.
    Reset(ConnId),
    /// Let a link attach that proves this secret; it comes as [`Input::Attached`].
    Expect {
        /// The expectation.
        ticket: Ticket,
        /// The secret of the link, 32 bytes of [`Answer::Random`].
        secret: Secret32,
    },
    /// Expect it no longer.
    Unexpect(Ticket),
    /// 32 bytes that nobody can guess -> [`Answer::Random`].
    Random(Ticket),
    /// Carry bytes both ways until both have closed in order. Half-closes are passed on and reported
    /// as [`Input::HalfEof`]; a reset of one is a reset of both -> [`Answer::Ended`].
    Join {
        /// The question, then the join.
        ticket: Ticket,
        /// Leg a; of a tunnel the user agent's link.
        a: ConnId,
        /// Leg b; of a tunnel the server.
        b: ConnId,
        /// The most bytes, both ways together; beyond, both are reset.
        limit: u64,
        /// A peer that acknowledges nothing for so long has vanished (TCP_USER_TIMEOUT).
        stall: Duration,
    },
    /// How far is a join? -> [`Answer::Progress`] under a ticket of its own.
    Progress {
        /// The question.
        ticket: Ticket,
        /// The join.
        of: Ticket,
    },
    /// Reset both connections of a join -> its [`Answer::Ended`] comes.
    Stop(Ticket),
}

/// Answers.
#[derive(Debug)]
pub enum Answer {
    /// To [`Ask::Resolve`]: at least one.
    Resolved(Vec<SocketAddr>),
    /// To [`Ask::Route`]: none where there is no way.
    Routes(Vec<Option<IpAddr>>),
    /// To [`Ask::Listen`].
    Listening(SocketAddr),
    /// To [`Ask::Dial`].
    Connected {
        /// The connection.
        conn: ConnId,
        /// Its local end.
        local: SocketAddr,
    },
    /// To [`Ask::Random`].
    Random(Secret32),
    /// To [`Ask::Join`]: it has ended, both connections are closed.
    Ended {
        /// Bytes from a to b.
        a_to_b: u64,
        /// And back.
        b_to_a: u64,
        /// How.
        how: JoinEnd,
    },
    /// To [`Ask::Progress`].
    Progress(Flow),
    /// It could not be done; words for the log.
    Failed(Code, String),
}

/// How the bytes of a join stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinEnd {
    /// Both legs closed in order.
    Whole,
    /// That leg was reset or failed.
    Leg(Side),
    /// The limit was reached.
    Limit,
    /// [`Ask::Stop`].
    Stopped,
}

/// Bytes of a join: taken from one leg, given to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flow {
    /// Taken from a.
    pub taken_a: u64,
    /// Given to b.
    pub given_b: u64,
    /// Taken from b.
    pub taken_b: u64,
    /// Given to a.
    pub given_a: u64,
}

impl Flow {
    /// Whether bytes are under way that a receiver has yet to take.
    pub const fn is_held(&self) -> bool {
        self.taken_a > self.given_b || self.taken_b > self.given_a
    }
}

/// What a log, a metric or a test may want to know. Never a secret, never an byte that was carried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The link proof failed: said by the driver, here so that there is one vocabulary.
    Denied(Denial),
    /// The user agent's own name and build.
    Introduced {
        /// Name.
        name: String,
        /// Build.
        build: String,
    },
    /// A grant stands.
    Granted(Id),
    /// Something was refused, and by which rule.
    Refused {
        /// What was asked.
        id: Id,
        /// Why, as the user agent hears it.
        code: Code,
        /// The rule of the policy.
        why: Option<Why>,
        /// The address that was judged.
        address: Option<SocketAddr>,
        /// Words.
        text: String,
    },
    /// A tunnel's server is connected.
    TunnelReady {
        /// The tunnel.
        id: Id,
        /// The server.
        peer: SocketAddr,
    },
    /// A stranger was reset at a leg.
    Stranger {
        /// The join.
        join: Id,
        /// Which leg.
        leg: Side,
        /// Who.
        from: SocketAddr,
    },
    /// Both legs of a join stand.
    Joined {
        /// The join.
        id: Id,
        /// Peer of leg a.
        a: SocketAddr,
        /// Peer of leg b.
        b: SocketAddr,
    },
    /// A tunnel or join has ended.
    Ended {
        /// Which.
        id: Id,
        /// Bytes from a to b.
        a_to_b: u64,
        /// And back.
        b_to_a: u64,
        /// How.
        how: End,
    },
    /// A wait ended by its timer.
    TimedOut(Timer),
    /// The user agent broke the protocol.
    Protocol(String),
}
