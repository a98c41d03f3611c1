//! The active end: one attempt after the other until the connect timeout (E03, E04). Where policy demands it,
//! every failure looks the same, so that this server cannot be used to scan ports.
//!
//! Symmetric opening (RSYM): both ends listen on the port from which they connect, so that the one whose SYN
//! comes first is accepted, and two SYNs that cross open one connection (RFC 9293 3.5, G02). All attempts of both ends have
//! the same two sockets, so there is never more than one connection between them: whichever way it opened, it is the one.

use super::Input;
use super::candidate::{Candidate, DataRequirements, FirstStep, Peer, Progress, Verdict};
use super::request::Request;
use crate::policy::{self, Filter, Grant, hides_failure};
use crate::server::ask::{Answer, Ask, ConnId, Event, Ticket, TryEnd};
use crate::server::config::Timer;
use crate::server::context::Context;
use crate::server::sockets::Target;
use crate::server::sockets::listener::HeldTls;
use crate::timer::Moment;
use std::net::SocketAddr;
use std::time::Duration;

/// The search of an active end.
#[derive(Debug)]
pub(super) struct Dial {
    wants: DataRequirements,
    to: SocketAddr,
    /// The announced port, from which to connect (B03). PORT and EPRT have none.
    from: Option<Ticket>,
    grant: Grant,
    permit: Permit,
    attempt: Attempt,
    pace: Pace,
    /// Whether this end also listens (RSYM).
    symmetric: bool,
    /// The half that listens, once the target may be tried.
    meeting: Option<SymmetricListener>,
    /// How the try ends if nothing more happens. It depends on what the client does and on the time, never on
    /// what the target does: else the limits would tell what that was.
    end: TryEnd,
    /// Whether the preliminary reply is due before TLS begins.
    announced: bool,
}

/// Whether a target may be tried whose failures must all look the same. All sessions of the server
/// share the limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Permit {
    /// Failures may be reported: the target is the user's own host or in a network that the operator named.
    NotNeeded,
    /// The question is not answered yet.
    Asked(Ticket),
    /// It may be tried. The driver must be told how that ended.
    Given(Ticket),
    /// It may not. The transfer stays silent until the timeout, so that a limit looks like a closed
    /// port.
    Denied,
}

#[derive(Debug)]
enum Attempt {
    /// Nothing is tried: the permit is awaited or was denied, this end does not listen yet (RSYM), or there
    /// were as many attempts as there may be.
    Silent,
    /// Nothing is tried any more: a connection was there, and its peer did not prove itself.
    Spent,
    /// The next attempt follows after a pause.
    Pausing,
    /// The driver connects.
    Connecting(Ticket),
    /// The connection is there: TLS begins on it, or it proves itself.
    Candidate(Box<Candidate>),
}

impl Dial {
    /// Begins to connect to `to` for a command that came at `since`.
    pub(super) fn begin(
        cx: &mut Context,
        request: &Request,
        since: Moment,
        (to, grant): (SocketAddr, Grant),
    ) -> Self {
        let direction = request.direction();
        let from = match cx.sockets.targets.of(direction) {
            Target::Sock(_) => cx.sockets.own.as_ref().map(|own| own.reservation(direction)),
            Target::Port(_) | Target::None => None,
        };
        let (permit, attempt) = (Permit::NotNeeded, Attempt::Silent);
        let (wants, end) = (DataRequirements::of(cx, request), TryEnd::GivenUp);
        let symmetric = cx.sockets.symmetric && from.is_some();
        let pace = if symmetric { Pace::SYMMETRIC } else { Pace::USUAL };
        let (meeting, announced) = (None, false);
        let mut dial =
            Self { wants, to, from, grant, permit, attempt, pace, symmetric, meeting, end, announced };
        let limit = cx.config.timeouts.connect;
        if let Some(account) = dial.hidden_from(cx) {
            let ticket = cx.out.ticket();
            dial.permit = Permit::Asked(ticket);
            // Counted from the command, so that the time tells nothing about the file system either.
            cx.timers.arm(Timer::Connect, since + limit);
            cx.out.ask(Ask::Permit { ticket, account, target: to });
        } else {
            cx.arm(Timer::Connect, limit);
            dial.open(cx);
        }
        dial
    }

    /// The account from which a failure must be hidden; `None` if the failure may be told.
    fn hidden_from(&self, cx: &Context) -> Option<Vec<u8>> {
        let user = cx.user()?;
        hides_failure(&user.rules, self.grant, self.to.ip()).then(|| user.account.name.clone())
    }

    pub(super) fn input(&mut self, cx: &mut Context, input: Input<'_>) -> Progress {
        match input {
            Input::Answer(ticket, answer) => return self.answered(cx, ticket, answer),
            Input::Data { conn, bytes } => return self.data(cx, conn, bytes),
            Input::Fired(Timer::Connect) => {
                cx.timed_out(Timer::Connect);
                self.end = TryEnd::Failed;
                let text =
                    if self.hides() { "No proven data connection" } else { "Could not connect in time" };
                return Progress::Failed(text);
            }
            Input::Lost(conn) if self.is_candidate(conn) => self.unproven(cx, conn),
            Input::Fired(Timer::Handshake) => return self.no_handshake(cx),
            Input::Fired(Timer::Retry) => self.connect(cx),
            Input::Arrived { conn, from } => return self.arrived(cx, conn, from),
            Input::Lost(_) | Input::Fired(_) | Input::Status | Input::Abort => {}
            Input::PortNeeded | Input::HungUp | Input::SessionEnds => {}
        }
        Progress::Waiting
    }

    /// Whether connections that arrive at `listener` are for this search (RSYM).
    pub(super) fn awaits(&self, listener: Ticket) -> bool {
        self.meeting.as_ref().is_some_and(|meeting| meeting.awaits(listener))
    }

    /// The target may be tried. In a symmetric opening this end listens first.
    fn open(&mut self, cx: &mut Context) {
        match self.from.filter(|_| self.symmetric) {
            Some(reservation) => self.meeting = Some(SymmetricListener::begin(cx, reservation, self.to)),
            None => self.connect(cx),
        }
    }

    /// A connection to the port of a symmetric opening. There is only one that can be the peer's (E21).
    fn arrived(&mut self, cx: &mut Context, conn: ConnId, from: SocketAddr) -> Progress {
        let Some(meeting) = &mut self.meeting else {
            cx.out.reset(conn);
            return Progress::Waiting;
        };
        let is_over = matches!(self.attempt, Attempt::Candidate(_) | Attempt::Spent);
        if is_over || !meeting.is_peer(cx, from) {
            meeting.stranger(cx, conn, from);
            return Progress::Waiting;
        }
        if let Attempt::Connecting(ticket) = std::mem::replace(&mut self.attempt, Attempt::Silent) {
            cx.out.ask(Ask::Cancel(ticket));
        }
        cx.timers.disarm(Timer::Retry);
        self.connected(cx, conn)
    }

    /// One attempt to connect.
    fn connect(&mut self, cx: &mut Context) {
        let ticket = cx.out.ticket();
        self.attempt = Attempt::Connecting(ticket);
        let local = cx.local_ip();
        cx.out.ask(Ask::Connect { ticket, from: self.from, local, to: self.to });
    }

    fn answered(&mut self, cx: &mut Context, ticket: Ticket, answer: Answer) -> Progress {
        let connects = matches!(self.attempt, Attempt::Connecting(asked) if asked == ticket);
        if let Answer::Permit(may) = answer
            && self.permit == Permit::Asked(ticket)
        {
            self.permitted(cx, may.then_some(ticket));
        } else if let Answer::Port(port) = answer
            && self.awaits(ticket)
        {
            if port.is_none() {
                self.meeting = None;
            }
            // The peer may have been faster.
            if let Attempt::Silent = self.attempt {
                self.connect(cx);
            }
        } else if let Answer::Connected { conn } = answer
            && connects
        {
            return self.connected(cx, conn);
        } else if connects {
            self.try_again(cx);
        } else if let Attempt::Candidate(candidate) = &mut self.attempt
            && candidate.awaits(ticket)
        {
            cx.timers.disarm(Timer::Handshake);
            let verdict = candidate.handshake(cx, answer);
            let peer = *candidate.peer();
            return self.concluded(cx, peer, verdict);
        } else {
            cx.out.unwanted(answer);
        }
        Progress::Waiting
    }

    fn permitted(&mut self, cx: &mut Context, permit: Option<Ticket>) {
        match permit {
            Some(ticket) => {
                self.permit = Permit::Given(ticket);
                self.open(cx);
            }
            None => self.permit = Permit::Denied,
        }
    }

    fn connected(&mut self, cx: &mut Context, conn: ConnId) -> Progress {
        let peer = Peer::new(conn, self.to, self.grant);
        match Candidate::begin(cx, self.wants, peer, HeldTls::Clear) {
            FirstStep::Candidate(candidate) => {
                if let (Timer::Handshake, at) = candidate.due(&cx.config.timeouts) {
                    cx.timers.arm(Timer::Handshake, at);
                }
                self.attempt = Attempt::Candidate(candidate);
                self.announced |= self.wants.announces(cx);
                Progress::Waiting
            }
            FirstStep::Over(verdict) => self.concluded(cx, peer, verdict),
        }
    }

    /// Bytes of the connection that proves itself.
    fn data(&mut self, cx: &mut Context, conn: ConnId, bytes: &[u8]) -> Progress {
        let Attempt::Candidate(candidate) = &mut self.attempt else { return Progress::Waiting };
        if candidate.conn() != conn {
            return Progress::Waiting;
        }
        let verdict = candidate.data(cx, bytes);
        let peer = *candidate.peer();
        self.concluded(cx, peer, verdict)
    }

    /// The other end has not begun TLS in time.
    fn no_handshake(&mut self, cx: &mut Context) -> Progress {
        let Attempt::Candidate(candidate) = &self.attempt else { return Progress::Waiting };
        cx.timed_out(Timer::Handshake);
        let verdict = Verdict::NotPrivate("TLS did not begin on the data connection in time");
        self.concluded(cx, *candidate.peer(), verdict)
    }

    /// It is known what the connection is.
    fn concluded(&mut self, cx: &mut Context, peer: Peer, verdict: Verdict) -> Progress {
        match verdict {
            Verdict::Waiting => Progress::Waiting,
            Verdict::Ready(peer) => {
                if let (true, Permit::Given(ticket)) = (peer.proven, self.permit) {
                    cx.out.ask(Ask::PermitDone { ticket, end: TryEnd::Proven });
                }
                let strangers = self.meeting.take().map_or(0, |meeting| meeting.end(cx));
                Progress::Connected(Peer { announced: self.announced, strangers, ..peer })
            }
            Verdict::Wrong | Verdict::NotPrivate(_) if self.hides() => {
                self.unproven(cx, peer.conn);
                Progress::Waiting
            }
            Verdict::Wrong => Progress::Failed("The other end has not proven itself (RNDZ)"),
            Verdict::NotPrivate(why) => Progress::not_private(self.wants.role, why),
        }
    }

    fn is_candidate(&self, conn: ConnId) -> bool {
        matches!(&self.attempt, Attempt::Candidate(candidate) if candidate.conn() == conn)
    }

    /// Whether every failure must look the same.
    fn hides(&self) -> bool {
        self.permit != Permit::NotNeeded
    }

    /// The peer accepted the connection and failed the proof. A peer that may be a victim gets no second
    /// connection for the same command. At any other peer the listener may not be ready yet.
    fn unproven(&mut self, cx: &mut Context, conn: ConnId) {
        cx.out.reset(conn);
        cx.timers.disarm(Timer::Handshake);
        if self.hides() {
            self.attempt = Attempt::Spent;
        } else {
            self.try_again(cx);
        }
    }

    fn try_again(&mut self, cx: &mut Context) {
        match self.pace.pause() {
            Some(pause) => {
                self.attempt = Attempt::Pausing;
                cx.arm(Timer::Retry, pause);
            }
            None => self.attempt = Attempt::Silent, // the peer may still connect (RSYM)
        }
    }

    /// Whether the preliminary reply is due before the data connection is there.
    pub(super) const fn announces(&self) -> bool {
        self.announced
    }

    /// Gives back what the unfinished search holds.
    pub(super) fn release(mut self, cx: &mut Context) {
        if let Some(meeting) = self.meeting.take() {
            meeting.end(cx);
        }
        match self.attempt {
            Attempt::Silent | Attempt::Spent | Attempt::Pausing => {}
            Attempt::Connecting(ticket) => cx.out.ask(Ask::Cancel(ticket)),
            Attempt::Candidate(candidate) => cx.out.reset(candidate.conn()),
        }
        match self.permit {
            Permit::Given(ticket) => cx.out.ask(Ask::PermitDone { ticket, end: self.end }),
            Permit::Asked(ticket) => cx.out.ask(Ask::Cancel(ticket)),
            Permit::NotNeeded | Permit::Denied => {}
        }
    }
}

/// The half of a symmetric opening that listens. The other half connects.
#[derive(Debug)]
pub(super) struct SymmetricListener {
    listener: Ticket,
    peer: SocketAddr,
    strangers: u32,
}

impl SymmetricListener {
    /// Asks the driver to listen on a reserved port for `peer` alone.
    pub(super) fn begin(cx: &mut Context, reservation: Ticket, peer: SocketAddr) -> Self {
        let listener = cx.out.ticket();
        cx.out.ask(Ask::Listen { ticket: listener, reservation, connects: true });
        Self { listener, peer, strangers: 0 }
    }

    /// Whether `ticket` is that of the listener.
    pub(super) fn awaits(&self, ticket: Ticket) -> bool {
        self.listener == ticket
    }

    /// Whether a connection that has arrived comes from the peer's own socket.
    pub(super) fn is_peer(&self, cx: &Context, from: SocketAddr) -> bool {
        let (filter, evidence) = (Filter::Socket(self.peer), cx.sockets.evidence());
        cx.decide(&policy::Ask::Arrival { from, filter, evidence }).is_ok()
    }

    /// Closes a stranger at once and counts it (G04).
    pub(super) fn stranger(&mut self, cx: &mut Context, conn: ConnId, from: SocketAddr) {
        cx.out.reset(conn);
        cx.out.event(Event::Stranger { from });
        self.strangers = self.strangers.saturating_add(1);
    }

    /// Stops listening. Returns how many strangers came.
    pub(super) fn end(self, cx: &mut Context) -> u32 {
        cx.out.ask(Ask::Unlisten(self.listener));
        self.strangers
    }
}

/// The first pause between two attempts; each pause is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The first pauses of a symmetric opening, in which the other end may not listen yet.
const QUICK_PAUSE: Duration = Duration::from_millis(20);
/// How many pauses are that short. With the default connect timeout of 15 s, the other attempts last until
/// its end.
const QUICK_PAUSES: u32 = 24;
/// Attempts of a symmetric opening (extensions, "No port scanner").
const SYMMETRIC_ATTEMPTS: u32 = 40;

/// How long to wait before each further attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    next: Duration,
    /// How many pauses stay as short as the first one.
    quick: u32,
    /// How many more attempts there may be; `None` is any number.
    left: Option<u32>,
}

impl Pace {
    /// The pauses of an end that connects to one that listens.
    pub(super) const USUAL: Self = Self { next: FIRST_PAUSE, quick: 0, left: None };
    /// The pauses of a symmetric opening.
    pub(super) const SYMMETRIC: Self =
        Self { next: QUICK_PAUSE, quick: QUICK_PAUSES, left: Some(SYMMETRIC_ATTEMPTS - 1) };

    /// The pause before the next attempt; `None` if there may be no other.
    pub(super) fn pause(&mut self) -> Option<Duration> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        let pause = self.next;
        if self.quick > 0 {
            self.quick -= 1;
        } else {
            self.next = LONGEST_PAUSE.min(pause * 2);
        }
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(mut pace: Pace) -> Vec<u128> {
        std::iter::from_fn(|| pace.pause()).map(|pause| pause.as_millis()).take(100).collect()
    }

    #[test]
    fn e03_pauses_double_up_to_two_seconds() {
        assert_eq!(pauses(Pace::USUAL)[..6], [250, 500, 1000, 2000, 2000, 2000]);
    }

    #[test]
    fn a_symmetric_opening_has_forty_attempts_over_the_connect_timeout() {
        let pauses = pauses(Pace::SYMMETRIC);
        assert_eq!(pauses.len() + 1, 40);
        assert!(pauses[..24].iter().all(|pause| *pause == 20));
        assert!(pauses.iter().sum::<u128>() > 15_000);
    }
}
