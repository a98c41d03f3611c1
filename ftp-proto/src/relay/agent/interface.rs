//! What goes into an agent's session and what comes out of it: inputs, outputs, questions and answers.
//!
//! A [`Ticket`] names a question and then its result, such as a listener or a join. A [`ConnId`] names a
//! connection and is chosen by the driver. An answer to a question that was cancelled is ignored.

use super::config::Limits;
use crate::policy::{Allowed, DataPorts, RefusalReason};
use crate::relay::link::Denial;
use crate::relay::message::{Code, End, Id, LegId};
use crate::relay::token::Secret32;
use crate::timer::Moment;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Identifies a question of one session, and then its result.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// Identifies a connection of one session. The driver chooses it and never uses it twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);

/// A connection that has come to a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The accepted connection.
    pub conn: ConnId,
    /// Its local address.
    pub local: SocketAddr,
    /// Its remote address.
    pub from: SocketAddr,
    /// Whether this agent itself has connected, for one of its sessions. Such a peer is a stranger, whatever its address.
    pub is_own: bool,
}

/// What the driver tells the session.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes arrived on the session's link, after the link proof. [`Output::More`] asks for the turns in which they are heard.
    Bytes(&'a [u8]),
    /// It is the turn of the session, after [`Output::More`]: one message is heard.
    Next,
    /// The link was closed or broke. What flows continues.
    Closed,
    /// The answer to a question.
    Answer(Ticket, Answer),
    /// A listener accepted a connection. Nothing was read from it.
    Arrived {
        /// The ticket of the listener.
        listener: Ticket,
        /// What has come.
        arrival: Arrival,
    },
    /// The link that carries a tunnel, or another agent, has attached and has proven its ticket.
    Attached {
        /// The ticket of [`Ask::Expect`].
        ticket: Ticket,
        /// The link that attached.
        conn: ConnId,
    },
    /// The same, and the link is a direct connection with another agent.
    Met {
        /// The ticket of [`Ask::Expect`].
        ticket: Ticket,
        /// The link that attached.
        conn: ConnId,
        /// The local address of the connection.
        local: SocketAddr,
        /// The remote address of the connection.
        peer: SocketAddr,
    },
    /// One leg of a join was closed in order, and all its bytes were passed to the other leg.
    HalfEof {
        /// The ticket of [`Ask::Join`].
        join: Ticket,
        /// The leg that was closed.
        from: LegId,
        /// How many bytes came from it.
        bytes: u64,
    },
    /// Both legs of a join with [`Opening::Digested`] were closed in order. Its [`Answer::Ended`] follows.
    Digested {
        /// The ticket of [`Ask::Join`].
        join: Ticket,
        /// The SHA-256 of the bytes from leg A to leg B, 64 lower-case hexadecimal digits.
        a_to_b: String,
        /// The same of those from leg B to leg A.
        b_to_a: String,
    },
    /// The server of a tunnel that began with TLS ([`Opening::Tls`]) has greeted.
    Greeted {
        /// The ticket of [`Ask::Join`].
        join: Ticket,
    },
    /// The deadline of the last [`Output::Wait`] has passed.
    Timeout,
    /// The session may do nothing any more: everything ends at once.
    Revoked(Withdrawn),
    /// The operator has changed what the session may do. What flows to a host that is no longer allowed ends.
    Renewed {
        /// The servers that may be reached.
        allow: Vec<Allowed>,
        /// The data ports of new joins with whoever meets the agent.
        data_ports: Vec<DataPorts>,
        /// The limits of what begins from now on.
        limits: Limits,
    },
    /// The agent is stopping: nothing new begins. What flows continues until the driver closes it.
    Shutdown,
    /// The agent has no place for another session of this token: the session ends at once.
    Full,
}

/// Why a session may do nothing any more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Withdrawn {
    /// The time of its token is over.
    #[error("the token has expired")]
    Expired,
    /// The operator has taken its token away.
    #[error("the token was taken away")]
    Token,
    /// The operator's policy has no rule for its token.
    #[error("the policy does not name the token")]
    Rule,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes on the link: one frame.
    Send(Vec<u8>),
    /// The user agent has said something that was not heard. Pass [`Input::Next`] when it is the turn of the session, and read
    /// nothing before: others have their turns between the messages of one session.
    More,
    /// Carry out this request.
    Ask(Ask),
    /// Something happened that belongs into logs or metrics.
    Event(Event),
    /// The session is over. Close the link when everything is sent, and reset all other connections.
    /// This is the last output.
    Close,
    /// Wait for the next input, or until this moment, and then pass [`Input::Timeout`].
    Wait(Option<Moment>),
}

/// Requests to the driver. Those with a ticket of their own are answered under it.
#[derive(Debug)]
pub enum Ask {
    /// Take a place for a tunnel or join among those of all sessions, and of this session's token. The answer
    /// is [`Answer::Admitted`] or [`Answer::Failed`].
    Place {
        /// The ticket of the answer, and then of the place.
        ticket: Ticket,
        /// What needs the place.
        work: Work,
    },
    /// Give a place back.
    Leave(Ticket),
    /// Resolve a name to all its addresses. The answer is [`Answer::Resolved`] or [`Answer::Failed`].
    Resolve {
        /// The ticket of the answer.
        ticket: Ticket,
        /// The name or address, as the user agent wrote it.
        host: String,
        /// The port for the resolved addresses.
        port: u16,
    },
    /// Find the local addresses from which connections to these hosts would go out, and whether the hosts
    /// are this one, without sending anything. The answer is [`Answer::Routes`].
    Route {
        /// The ticket of the answer.
        ticket: Ticket,
        /// The hosts, in the order of the answer.
        to: Vec<IpAddr>,
    },
    /// Listen for one peer at any port of an address. The answer is [`Answer::Listening`] or
    /// [`Answer::Failed`]; connections come as [`Input::Arrived`].
    Listen {
        /// The ticket of the answer, then of the listener.
        ticket: Ticket,
        /// The local address at which to listen.
        at: IpAddr,
    },
    /// Stop listening, and reset connections that were not accepted yet.
    Unlisten(Ticket),
    /// Connect to an address. The answer is [`Answer::Connected`] or [`Answer::Failed`].
    Dial {
        /// The ticket of the answer.
        ticket: Ticket,
        /// The local address to connect from.
        from: IpAddr,
        /// The address to connect to, and no other: it was checked.
        to: SocketAddr,
        /// What the connection is for.
        work: Work,
    },
    /// Call another agent at the hub, and prove this secret to it. The answer is [`Answer::Called`] or
    /// [`Answer::Failed`].
    Call {
        /// The ticket of the answer.
        ticket: Ticket,
        /// The name of the agent at the hub.
        agent: String,
        /// What both agents prove.
        secret: Secret32,
    },
    /// Read the first line of a tunnel's server, and keep it for the user agent. Nothing is sent. The answer is
    /// [`Answer::Greeted`] or [`Answer::Failed`], by [`crate::reply::beginning`].
    Greeting {
        /// The ticket of the answer.
        ticket: Ticket,
        /// The connection with the server.
        conn: ConnId,
    },
    /// Cancel a question, and reset a connection that it has made.
    Cancel(Ticket),
    /// Reset this connection.
    Reset(ConnId),
    /// Let a link attach that proves this secret. It comes as [`Input::Attached`].
    Expect {
        /// The ticket of the expected link.
        ticket: Ticket,
        /// The secret that the link must prove, from [`Answer::Random`].
        secret: Secret32,
    },
    /// Do not expect this link any longer.
    Unexpect(Ticket),
    /// Draw 32 random bytes. The answer is [`Answer::Random`].
    Random(Ticket),
    /// Pass bytes in both directions between two connections until both were closed in order. A
    /// half-close is passed on and reported as [`Input::HalfEof`]; a reset of one connection resets the
    /// other. The answer is [`Answer::Ended`].
    Join {
        /// The ticket of the answer, and of the join until then.
        ticket: Ticket,
        /// Leg A; for a tunnel the user agent's link.
        a: ConnId,
        /// Leg B; for a tunnel the server.
        b: ConnId,
        /// Maximum number of bytes, both directions together. Beyond it both connections are reset.
        limit: u64,
        /// What may pass before the server has greeted.
        opening: Opening,
        /// How long a peer may acknowledge nothing before it counts as gone (TCP_USER_TIMEOUT).
        stall: Duration,
    },
    /// Report the progress of a join. The answer is [`Answer::Progress`].
    Progress {
        /// The ticket of the answer.
        ticket: Ticket,
        /// The ticket of the join.
        of: Ticket,
    },
    /// Reset both connections of a join. Its [`Answer::Ended`] follows.
    Stop(Ticket),
}

/// What takes a place ([`Ask::Place`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Work {
    /// A control connection.
    Tunnel,
    /// Two data connections.
    Join,
}

/// What may pass between two connections from the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opening {
    /// Everything, and both connections carry data: neither is a tunnel.
    Data,
    /// The same, and the SHA-256 of each direction is computed: no byte may pass unseen by this host.
    Digested,
    /// Everything: the servers at its ends have greeted.
    Greeted,
    /// One ClientHello of the user agent, and nothing more before the server has greeted or has sent a
    /// ServerHello ([`crate::relay::opening`]). Then [`Input::Greeted`] follows.
    Tls,
}

/// How a host is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The local address from which connections go out; `None` if there is no route.
    pub from: Option<IpAddr>,
    /// Whether the host is this one.
    pub is_own: bool,
}

/// Answers of the driver.
#[derive(Debug)]
pub enum Answer {
    /// The answer to [`Ask::Place`]: there is one.
    Admitted,
    /// The answer to [`Ask::Greeting`]: an FTP server has greeted.
    Greeted,
    /// The answer to [`Ask::Resolve`]: at least one address.
    Resolved(Vec<SocketAddr>),
    /// The answer to [`Ask::Route`]: one for each host.
    Routes(Vec<Route>),
    /// The answer to [`Ask::Listen`]: the address of the listener.
    Listening(SocketAddr),
    /// The answer to [`Ask::Dial`].
    Connected {
        /// The connection that was made.
        conn: ConnId,
        /// The local address of the connection.
        local: SocketAddr,
    },
    /// The answer to [`Ask::Call`].
    Called {
        /// The connection with the other agent.
        conn: ConnId,
        /// Its local and its remote address, if it is a direct one and does not go through the hub.
        direct: Option<(SocketAddr, SocketAddr)>,
    },
    /// The answer to [`Ask::Random`].
    Random(Secret32),
    /// The answer to [`Ask::Join`]: it has ended, and both connections are closed.
    Ended {
        /// Bytes passed from leg A to leg B.
        a_to_b: u64,
        /// Bytes passed from leg B to leg A.
        b_to_a: u64,
        /// How the join has ended.
        how: JoinEnd,
    },
    /// The answer to [`Ask::Progress`].
    Progress(Flow),
    /// The request failed. The text is for the log.
    Failed(Code, String),
}

/// How a join has ended, as the driver sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinEnd {
    /// Both legs were closed in order.
    Whole,
    /// This leg was reset or failed.
    Leg(LegId),
    /// The limit of bytes was reached.
    Limit,
    /// It was stopped with [`Ask::Stop`].
    Stopped,
    /// What came from the server of a tunnel that began with TLS is not the beginning of FTP, or what came
    /// from the user agent is not a ClientHello.
    NoGreeting,
}

/// The progress of a join: bytes read from each leg and written to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flow {
    /// Bytes read from leg A.
    pub taken_a: u64,
    /// Bytes written to leg B.
    pub given_b: u64,
    /// Bytes read from leg B.
    pub taken_b: u64,
    /// Bytes written to leg A.
    pub given_a: u64,
}

impl Flow {
    /// Returns whether bytes wait for a receiver to take them.
    pub const fn is_held(&self) -> bool {
        self.taken_a > self.given_b || self.taken_b > self.given_a
    }
}

/// What a log, a metric or a test may want to know. It never contains a secret or a byte that was
/// carried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The link proof failed. The driver reports it; it is part of this enum so that there is one
    /// vocabulary.
    Denied(Denial),
    /// The user agent has introduced itself.
    Introduced {
        /// The name of the user agent.
        name: String,
        /// The program and its version.
        build: String,
    },
    /// A grant is in force.
    Granted(Id),
    /// Something was refused.
    Refused {
        /// The grant, tunnel or join that was asked for.
        id: Id,
        /// The reason as the user agent receives it.
        code: Code,
        /// The rule of the policy that refused it.
        why: Option<RefusalReason>,
        /// The address that was checked.
        address: Option<SocketAddr>,
        /// More about the reason.
        text: String,
    },
    /// The server of a tunnel has greeted: data connections with its host are possible.
    Greeted {
        /// The tunnel of the server.
        id: Id,
        /// The address of the server.
        peer: SocketAddr,
    },
    /// A tunnel's server is connected.
    TunnelReady {
        /// The tunnel that is ready.
        id: Id,
        /// The address of the server.
        peer: SocketAddr,
    },
    /// A connection from another host came to a leg and was reset.
    Stranger {
        /// The join of the leg.
        join: Id,
        /// The leg that it came to.
        leg: LegId,
        /// Where the connection came from.
        from: SocketAddr,
    },
    /// Both legs of a join are connected.
    Joined {
        /// The join that flows.
        id: Id,
        /// The peer of leg A; `None` for the user agent, or another agent behind the hub.
        a: Option<SocketAddr>,
        /// The peer of leg B; `None` for the user agent, or another agent behind the hub.
        b: Option<SocketAddr>,
    },
    /// A tunnel or join has ended.
    Ended {
        /// The tunnel or join that has ended.
        id: Id,
        /// Bytes passed from leg A to leg B.
        a_to_b: u64,
        /// Bytes passed from leg B to leg A.
        b_to_a: u64,
        /// How it has ended.
        how: End,
    },
    /// A timer has fired.
    TimedOut(Timer),
    /// The user agent violated the protocol.
    Protocol(String),
}

/// A wait of a [`Session`](super::Session), or of one of its tunnels and joins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// Something from the user agent is due on the link.
    Link,
    /// The token of the session expires.
    Token,
    /// The connection to a tunnel's server must be established.
    Connect,
    /// The server of a tunnel must greet.
    Greeting,
    /// A name that is not there or not allowed is refused: this hides which of both it is.
    Refusal,
    /// The link that carries a tunnel must attach with its ticket.
    Ticket,
    /// Both legs of a join must be connected.
    Leg,
    /// The grant of a tunnel or join expires.
    Grant,
    /// The progress of a tunnel or join must be looked at again.
    Progress,
    /// A tunnel or join carried nothing for its idle time.
    Idle,
    /// The receiver of a tunnel or join took nothing for its stall time.
    Stall,
}

impl Timer {
    /// Returns the timer's name for people, as it stands in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Token => "token",
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Refusal => "refusal",
            Self::Ticket => "ticket",
            Self::Leg => "leg",
            Self::Grant => "grant",
            Self::Progress => "progress",
            Self::Idle => "idle",
            Self::Stall => "stall",
        }
    }
}
