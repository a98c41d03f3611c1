//! Two agents that have met at a hub try to connect directly: both listen and connect from one port, so that the
//! routers before them let the connection in (hole punching).
//!
//! They talk over the connection through the hub, on which both have proven the secret of their join. The hub tells
//! each of them where it sees both ends (`Seen`); each tells the other the same of itself (`Offer`), and goes to
//! no address of which the two say different things. A connection that comes about is proven with a secret that
//! follows from that of the join (`secret`). The caller decides (`Verdict`); until it has, the connection through
//! the hub is there for the file.
//!
//! ```text
//!  caller   Asking --both offers--> Punching --first proof--> Verdict::Direct, Done(Direct)
//!             |--first proof (the other agent has arrived before its offer)--^
//!             '--hopeless, not told, not allowed--------------> Verdict::Hub, Done(Hub)
//!                                    '--Punch------------------> Verdict::Hub, Done(Hub)
//!  called   Asking --both offers--> Punching --Verdict--> Done, when the chosen connection is proven here too
//! ```
//!
//! `memory` knows whether it can succeed, and how often one address is tried.

mod memory;
#[cfg(test)]
mod tests;

pub use memory::{Busy, Memory, Nat, Place, Try, is_hopeless};

use super::frame::{FrameReader, encode};
use super::hub::SeenAddresses;
use super::link::Exporter;
use super::token::Secret32;
use crate::address::{plain, unmapped};
use crate::timer::{Moment, Timers};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Returns what two agents prove over a direct connection, if this is the secret of their join.
#[must_use]
pub fn secret(of_join: &Secret32) -> Secret32 {
    of_join.derived(b"ftp-relay/1 direct")
}

/// The machine of one direct connection, at one of the two agents.
#[derive(Debug)]
pub struct Punch {
    role: Role,
    reader: FrameReader,
    /// What this agent has offered.
    own: AgentOffer,
    /// What the other one has offered.
    other: AgentOffer,
    /// Where the hub sees the other one.
    target: Option<SocketAddr>,
    /// Why there is no direct connection, as far as is known.
    why: Option<HubReason>,
    punching: bool,
    /// How often this agent has connected.
    tries: u32,
    connecting: bool,
    /// Connections, and their exporters if they are proven.
    conns: Vec<(ConnId, Option<Exporter>)>,
    /// The exporter of the connection that the caller has chosen. It may still be unknown which one that is.
    chosen: Option<Exporter>,
    timers: Timers<Timer>,
    out: VecDeque<Output>,
    done: bool,
}

/// What an agent has said about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AgentOffer {
    Nothing,
    Offer(Option<Place>),
}

impl Punch {
    /// Creates the machine when the connection through the hub is proven.
    pub fn new(now: Moment, role: Role) -> Self {
        let mut timers = Timers::new();
        for timer in [Timer::Seen, Timer::Punch, Timer::Offer] {
            timers.arm(timer, now + timer.wait());
        }
        Self {
            role,
            reader: FrameReader::new(),
            own: AgentOffer::Nothing,
            other: AgentOffer::Nothing,
            target: None,
            why: None,
            punching: false,
            tries: 0,
            connecting: false,
            conns: Vec::new(),
            chosen: None,
            timers,
            out: VecDeque::new(),
            done: false,
        }
    }

    /// How many bytes of the other agent may be read next; 0 if it says no more. What is behind them may belong to the
    /// file.
    pub fn missing(&self) -> usize {
        if self.chosen.is_some() { 0 } else { self.reader.missing() }
    }

    /// Tells the machine what happened. Drain [`Punch::poll`] afterwards.
    pub fn input(&mut self, now: Moment, input: Input<'_>) {
        if self.done {
            return;
        }
        match input {
            Input::Seen { seen, local } => self.seen(seen, local),
            Input::Never(why) => self.decline(why),
            Input::Bytes(bytes) => self.bytes(now, bytes),
            // The caller needs it no more.
            Input::Closed if self.chosen.is_some() => {}
            Input::Closed => self.end(Outcome::Broken("the connection through the hub was closed")),
            Input::Arrived { conn, from } => {
                let expected = self.target.is_some_and(|to| unmapped(to.ip()) == unmapped(from.ip()));
                if expected { self.stands(conn) } else { self.reset(conn) }
            }
            Input::Connected(conn) => {
                self.connecting = false;
                match conn {
                    Some(conn) => self.stands(conn),
                    None => self.again(now),
                }
            }
            Input::Proven(conn, proven) => self.proven(now, conn, proven),
            Input::Timeout => self.timeout(now),
        }
        self.begin_or_decline();
    }

    /// Returns the next output. Call this until it returns [`Output::Wait`] or [`Output::Done`].
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| Output::Wait(self.timers.next()))
    }

    fn seen(&mut self, seen: SeenAddresses, local: SocketAddr) {
        if self.own == AgentOffer::Nothing {
            self.target = Some(plain(seen.other));
            self.offer(Some(Place::of(local, seen.own)));
        }
    }

    /// This agent takes no part.
    fn decline(&mut self, why: HubReason) {
        if self.own == AgentOffer::Nothing {
            self.why = Some(why);
            self.offer(None);
        }
    }

    fn offer(&mut self, place: Option<Place>) {
        self.timers.disarm(Timer::Seen);
        self.own = AgentOffer::Offer(place);
        self.say(&Talk::Offer(place));
    }

    fn bytes(&mut self, now: Moment, bytes: &[u8]) {
        self.reader.push(bytes);
        match self.reader.message() {
            Ok(None) => {}
            Ok(Some(Talk::Offer(place))) if self.other == AgentOffer::Nothing => {
                self.timers.disarm(Timer::Offer);
                self.other = AgentOffer::Offer(place);
                if self.role == Role::Called {
                    self.timers.arm(Timer::Verdict, now + Timer::Verdict.wait());
                }
            }
            Ok(Some(Talk::Verdict(verdict)))
                if self.role == Role::Called && self.other != AgentOffer::Nothing =>
            {
                self.told(verdict);
            }
            Ok(Some(_)) => self.end(Outcome::Broken("the other agent spoke out of turn")),
            Err(_) => self.end(Outcome::Broken("the other agent sent what is no frame")),
        }
    }

    /// The caller has decided.
    fn told(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Hub => self.end(Outcome::Hub(self.why.unwrap_or(HubReason::Decided))),
            Verdict::Direct(of) => {
                self.chosen = Some(of);
                // `Timer::Verdict` stays armed: it bounds the wait for the proof too.
                self.timers.disarm(Timer::Again);
                self.find_chosen();
            }
        }
    }

    /// Ends with the chosen connection, or without one if it can be none of those that are there.
    fn find_chosen(&mut self) {
        let Some(of) = self.chosen else { return };
        let found = self.conns.iter().find(|(_, exporter)| *exporter == Some(of));
        if let Some((conn, _)) = found {
            self.end(Outcome::Direct(*conn));
        } else if self.conns.iter().all(|(_, exporter)| exporter.is_some()) {
            self.end(Outcome::Broken("the other agent has chosen a connection that is gone"));
        }
    }

    /// Begins to connect as soon as both offers are known, or decides for the hub.
    fn begin_or_decline(&mut self) {
        let (AgentOffer::Offer(own), AgentOffer::Offer(other)) = (self.own, self.other) else { return };
        if self.done || self.punching {
            return;
        }
        let why = match (own, other, self.target) {
            // The reason was set when this agent declined.
            (None, ..) => Some(self.why.unwrap_or(HubReason::NotTold)),
            (_, None, _) | (.., None) => Some(HubReason::Declined),
            (_, Some(place), Some(to)) if plain(place.at) != to => Some(HubReason::Contradiction),
            (Some(own), Some(other), _) if is_hopeless(own, other) => Some(HubReason::Hopeless),
            _ => (!self.timers.is_armed(Timer::Punch)).then_some(HubReason::NoConnection),
        };
        match why {
            None => {
                self.punching = true;
                self.connect();
            }
            Some(why) => {
                self.why = Some(why);
                self.through_the_hub(why);
            }
        }
    }

    /// The caller decides; the other one waits for that.
    fn through_the_hub(&mut self, why: HubReason) {
        if self.role == Role::Caller {
            self.say(&Talk::Verdict(Verdict::Hub));
            self.end(Outcome::Hub(why));
        }
    }

    fn connect(&mut self) {
        if let Some(to) = self.target.filter(|_| !self.connecting && self.tries < MAX_TRIES) {
            self.connecting = true;
            self.tries += 1;
            self.out.push_back(Output::Connect(to));
        }
    }

    /// Connects again a little later, unless a connection is there.
    fn again(&mut self, now: Moment) {
        let is_open = self.timers.is_armed(Timer::Punch) && self.chosen.is_none();
        let waits = self.punching && is_open && self.conns.is_empty();
        if waits && !self.connecting && self.tries < MAX_TRIES {
            self.timers.arm(Timer::Again, now + Timer::Again.wait());
        }
    }

    fn stands(&mut self, conn: ConnId) {
        if self.conns.len() >= MAX_CONNS || self.chosen.is_some() {
            return self.reset(conn);
        }
        self.conns.push((conn, None));
        self.out.push_back(Output::Prove(conn));
    }

    fn proven(&mut self, now: Moment, conn: ConnId, proven: Option<Exporter>) {
        let Some(place) = self.conns.iter_mut().find(|(held, _)| *held == conn) else { return };
        match (proven, self.role) {
            (Some(exporter), Role::Caller) => {
                place.1 = Some(exporter);
                self.say(&Talk::Verdict(Verdict::Direct(exporter)));
                self.end(Outcome::Direct(conn));
            }
            (Some(exporter), Role::Called) => place.1 = Some(exporter),
            (None, _) => {
                self.conns.retain(|(held, _)| *held != conn);
                self.again(now);
            }
        }
        self.find_chosen();
    }

    fn timeout(&mut self, now: Moment) {
        while let Some(timer) = self.timers.fire(now) {
            match timer {
                Timer::Seen => self.decline(HubReason::NotTold),
                Timer::Offer => self.end(Outcome::Broken("the other agent has said nothing")),
                Timer::Again => self.connect(),
                Timer::Punch => {
                    self.timers.disarm(Timer::Again);
                    self.decline(HubReason::NotTold);
                    self.why.get_or_insert(HubReason::NoConnection);
                    // Before the other's offer nothing is decided: it would be read as part of the file.
                    if self.punching {
                        self.through_the_hub(HubReason::NoConnection);
                    }
                }
                Timer::Verdict => self.end(Outcome::Broken("the other agent has not decided")),
            }
        }
    }

    fn say(&mut self, talk: &Talk) {
        // None of them is longer than a frame may be.
        self.out.extend(encode(talk).map(Output::Send));
    }

    fn reset(&mut self, conn: ConnId) {
        self.out.push_back(Output::Reset(conn));
    }

    fn end(&mut self, outcome: Outcome) {
        if !self.done {
            self.done = true;
            self.timers.clear();
            self.out.push_back(Output::Done(outcome));
        }
    }
}

/// Maximum number of connections that this agent begins. The system sends two or three packets for each.
const MAX_TRIES: u32 = 10;
/// Maximum number of connections that are proven at the same time.
const MAX_CONNS: usize = 4;

/// Identifies a connection. The driver chooses it and never uses it twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);

/// Which of the two agents this one is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// The one that has called the other at the hub. On each connection it is the client of TLS, and it decides which
    /// connection carries the file.
    Caller,
    /// The one that was called.
    Called,
}

/// What the driver tells the machine.
#[derive(Debug)]
pub enum Input<'a> {
    /// The hub has told where it sees both ends. The driver listens at `local`, from where it has connected to the
    /// hub, and may go to the other end.
    Seen {
        /// Where the hub sees both ends.
        seen: SeenAddresses,
        /// The local end of the connection with the hub.
        local: SocketAddr,
    },
    /// This agent does not take part, for this reason.
    Never(HubReason),
    /// Bytes of the other agent, over the hub: at most [`Punch::missing`](Punch::missing).
    Bytes(&'a [u8]),
    /// The connection through the hub was closed or broke.
    Closed,
    /// A connection has come to the listener.
    Arrived {
        /// The new connection.
        conn: ConnId,
        /// Its other end.
        from: SocketAddr,
    },
    /// The answer to [`Output::Connect`]: the connection, if there is one.
    Connected(Option<ConnId>),
    /// The answer to [`Output::Prove`]: the exporter of TLS on that connection, if both ends have proven the secret.
    Proven(ConnId, Option<Exporter>),
    /// The deadline of the last [`Output::Wait`] has passed.
    Timeout,
}

/// What the driver has to do.
#[derive(PartialEq, Eq, Debug)]
pub enum Output {
    /// Send these bytes to the other agent, over the hub.
    Send(Vec<u8>),
    /// Connect to this address, from the port of the listener.
    Connect(SocketAddr),
    /// Begin TLS on this connection, as client if this agent is the caller, and prove the secret.
    Prove(ConnId),
    /// Reset this connection.
    Reset(ConnId),
    /// It is decided which connection carries the file. This is the last output. Reset all other connections; if the
    /// file goes over a direct one, the one through the hub ends too.
    Done(Outcome),
    /// Wait for the next input, or until this moment, and then pass [`Input::Timeout`].
    Wait(Option<Moment>),
}

/// Which connection carries the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// This direct one.
    Direct(ConnId),
    /// The one through the hub, for this reason.
    Hub(HubReason),
    /// None: the two have lost each other.
    Broken(&'static str),
}

/// Why a file goes through the hub.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum HubReason {
    /// The hub did not tell in time where it sees the two.
    #[error("the hub does not tell where the other agent is")]
    NotTold,
    /// This agent does not listen or connect for it.
    #[error("this agent has no port for it")]
    NoPort,
    /// The policy does not permit that address.
    #[error("the address of the other agent is not one to connect to: {0}")]
    NotAllowed(crate::policy::RefusalReason),
    /// The memory of tries does not permit one now.
    #[error("{0}")]
    Busy(Busy),
    /// The other agent does not take part.
    #[error("the other agent does not connect directly")]
    Declined,
    /// The hub and the other agent say different things about where that one is.
    #[error("the hub and the other agent say different addresses")]
    Contradiction,
    /// The routers before the two do not permit it.
    #[error("the routers before the two agents do not permit it")]
    Hopeless,
    /// No connection came about in time.
    #[error("no direct connection came about")]
    NoConnection,
    /// The caller has decided so.
    #[error("the other agent has decided so")]
    Decided,
}

/// What the two agents say to each other, over the hub.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Talk {
    /// Where the agent is seen, if it takes part. Both send this once.
    Offer(Option<Place>),
    /// Which connection carries the file. The caller sends this once; bytes of the file may follow.
    Verdict(Verdict),
}

/// Which connection carries the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Verdict {
    /// The one through the hub.
    Hub,
    /// The direct one with this exporter.
    Direct(Exporter),
}

/// A wait of a [`Punch`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// The hub must tell where it sees both ends.
    Seen,
    /// The other agent must tell where it is seen.
    Offer,
    /// A direct connection must come about and be proven. The wait begins with that for the hub.
    Punch,
    /// A refused connection is tried again.
    Again,
    /// The other agent must tell which connection carries the file, and that one must be proven.
    Verdict,
}

impl Timer {
    /// Returns the timer's name for people, as it stands in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Offer => "offer",
            Self::Punch => "punch",
            Self::Again => "again",
            Self::Verdict => "verdict",
        }
    }

    /// How long the wait is.
    pub const fn wait(self) -> std::time::Duration {
        use std::time::Duration;
        match self {
            Self::Seen => Duration::from_secs(1),
            Self::Offer => Duration::from_secs(10),
            Self::Punch => Duration::from_secs(2),
            Self::Again => Duration::from_millis(100),
            Self::Verdict => Duration::from_secs(10),
        }
    }
}
