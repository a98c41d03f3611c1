//! The active end: one attempt after the other until the connect timeout (E03, E04), and the
//! uniform failure that makes no port scanner of us.

use crate::policy::{Grant, hides_failure};
use crate::server::ask::{Answer, Ask, ConnId, Ending, Event, Ticket};
use crate::server::session::Session;
use crate::server::sockets::Target;
use crate::server::state::{Stage, Work};
use crate::server::transfer::Phase;
use crate::server::transfer::prove::{Prover, Verdict};
use crate::timer::Timer;
use std::net::SocketAddr;
use std::time::Duration;

/// The first pause between two attempts; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Connecting.
#[derive(Debug)]
pub(in crate::server) struct Dial {
    to: SocketAddr,
    /// The announced port (B03); PORT and EPRT have none.
    from: Option<Ticket>,
    grant: Grant,
    permit: Permit,
    attempt: Attempt,
    pause: Duration,
}

/// May a target be tried whose failures must all look the same (limits shared by all sessions)?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Permit {
    /// Failures may be told: the user's own host, or a network that the operator named.
    NotNeeded,
    /// Not answered yet.
    Asked(Ticket),
    /// Yes; its end must be told.
    Given(Ticket),
    /// No: silent until the time is over, so that nobody can tell a limit from a closed port.
    Denied,
}

#[derive(Debug)]
enum Attempt {
    /// The permit is awaited, or was refused: silent until the time is over.
    Silent,
    /// Until the next attempt.
    Pausing,
    /// A SYN is out.
    Connecting(Ticket),
    /// Connected; RNDZ is in force.
    Proving(Box<Prover>),
}

impl Session {
    /// Begins to connect.
    pub(in crate::server) fn dial(&mut self, to: SocketAddr, grant: Grant) {
        let from = match self.sockets.target {
            Target::Sock(_) => self.sockets.own.as_ref().map(|own| own.ticket),
            Target::Port(_) | Target::None => None,
        };
        let Stage::In(member) = &self.stage else { return };
        let hidden = hides_failure(&member.rules, grant, to.ip());
        let account = member.account.name.clone();
        let limit = self.config.timeouts.connect;
        let permit = if hidden { Permit::Asked(self.out.ticket()) } else { Permit::NotNeeded };
        let Work::Transfer(transfer) = &mut self.work else { return };
        let since = transfer.since;
        let attempt = Attempt::Silent;
        transfer.phase = Phase::Dialling(Dial { to, from, grant, permit, attempt, pause: FIRST_PAUSE });
        if let Permit::Asked(ticket) = permit {
            // Counted from the command, so that the time shows nothing of the file system either.
            self.timers.arm(Timer::Connect, since + limit);
            self.out.ask(Ask::Permit { ticket, account, target: to });
        } else {
            self.timers.arm(Timer::Connect, self.now + limit);
            self.attempt();
        }
    }

    /// One attempt to connect.
    pub(in crate::server) fn attempt(&mut self) {
        let local = self.local_ip();
        let ticket = self.out.ticket();
        let Some(dial) = self.dial_mut() else { return };
        let (from, to) = (dial.from, dial.to);
        dial.attempt = Attempt::Connecting(ticket);
        self.out.ask(Ask::Connect { ticket, from, local, to });
    }

    pub(in crate::server) fn dial_answered(&mut self, ticket: Ticket, answer: Answer) {
        let Some(dial) = self.dial_mut() else { return self.ignore(answer) };
        let connects = matches!(dial.attempt, Attempt::Connecting(waits) if waits == ticket);
        let permitted = dial.permit == Permit::Asked(ticket);
        if let Answer::Permit(true) = answer
            && permitted
        {
            dial.permit = Permit::Given(ticket);
            self.attempt();
        } else if let Answer::Permit(false) = answer
            && permitted
        {
            dial.permit = Permit::Denied;
        } else if let Answer::Connected { conn } = answer
            && connects
        {
            self.connected(conn);
        } else if connects {
            self.try_again();
        } else {
            self.ignore(answer);
        }
    }

    fn connected(&mut self, conn: ConnId) {
        let Self { work: Work::Transfer(transfer), sockets, nonces, out, .. } = self else { return };
        let direction = transfer.direction();
        let Phase::Dialling(dial) = &mut transfer.phase else { return };
        let (to, grant) = (dial.to, dial.grant);
        match &sockets.rendezvous {
            Some(secret) => {
                let prover = Prover::begin((conn, to, grant), secret, direction, nonces, self.now, out);
                dial.attempt = Attempt::Proving(Box::new(prover));
            }
            None => self.obtained(conn, to, grant, false),
        }
    }

    /// Octets of the connection that proves itself.
    pub(in crate::server) fn dial_heard(&mut self, conn: ConnId, octets: &[u8]) {
        let Self { work: Work::Transfer(transfer), out, .. } = self else { return };
        let Phase::Dialling(dial) = &mut transfer.phase else { return };
        let Attempt::Proving(prover) = &mut dial.attempt else { return };
        if prover.conn != conn {
            return;
        }
        match prover.hear(octets, self.now, out) {
            Verdict::Waiting => {}
            Verdict::Proven => {
                let (to, grant) = (dial.to, dial.grant);
                if let Permit::Given(ticket) = dial.permit {
                    out.ask(Ask::PermitDone { ticket, proven: true });
                }
                self.obtained(conn, to, grant, true);
            }
            Verdict::Wrong if dial.permit != Permit::NotNeeded => {
                out.ask(Ask::Drop { conn, how: Ending::Reset });
                self.try_again();
            }
            Verdict::Wrong => self.fail_connection("The other end has not proven itself (RNDZ)"),
        }
    }

    /// The connection that proves itself has ended: its listener may not be ready for us yet.
    pub(in crate::server) fn dial_lost(&mut self, conn: ConnId) {
        let Some(dial) = self.dial_mut() else { return };
        if matches!(&dial.attempt, Attempt::Proving(prover) if prover.conn == conn) {
            self.out.ask(Ask::Drop { conn, how: Ending::Reset });
            self.try_again();
        }
    }

    fn try_again(&mut self) {
        let Some(dial) = self.dial_mut() else { return };
        let pause = dial.pause;
        dial.pause = LONGEST_PAUSE.min(pause * 2);
        dial.attempt = Attempt::Pausing;
        self.timers.arm(Timer::Retry, self.now + pause);
    }

    /// The connect timeout: under the uniform failure the only end but the right proof.
    pub(in crate::server) fn dial_timed_out(&mut self) {
        self.out.event(Event::TimedOut(Timer::Connect));
        let hidden = self.dial_mut().is_none_or(|dial| dial.permit != Permit::NotNeeded);
        let text = if hidden { "No proven data connection" } else { "Could not connect in time" };
        self.fail_connection(text);
    }

    /// Gives back what an unfinished attempt holds.
    pub(in crate::server) fn release_dial(&mut self) {
        let Self { work: Work::Transfer(transfer), out, .. } = self else { return };
        let Phase::Dialling(dial) = &mut transfer.phase else { return };
        match std::mem::replace(&mut dial.attempt, Attempt::Silent) {
            Attempt::Silent | Attempt::Pausing => {}
            Attempt::Connecting(ticket) => out.ask(Ask::Cancel(ticket)),
            Attempt::Proving(prover) => out.ask(Ask::Drop { conn: prover.conn, how: Ending::Reset }),
        }
        match dial.permit {
            Permit::Given(ticket) => out.ask(Ask::PermitDone { ticket, proven: false }),
            Permit::Asked(ticket) => out.ask(Ask::Cancel(ticket)),
            Permit::NotNeeded | Permit::Denied => {}
        }
    }

    fn dial_mut(&mut self) -> Option<&mut Dial> {
        let Work::Transfer(transfer) = &mut self.work else { return None };
        let Phase::Dialling(dial) = &mut transfer.phase else { return None };
        Some(dial)
    }
}
