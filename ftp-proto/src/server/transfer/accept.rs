//! The listening end: who arrives is held, proves itself, or is a stranger that changes nothing
//! (C08, C13, C28, E21).

use crate::address::unmapped;
use crate::policy::{self, Filter, Grant, Why};
use crate::server::ask::{Ask, ConnId, Ending, Event, Ticket};
use crate::server::session::Session;
use crate::server::sockets::{Held, Listener};
use crate::server::state::{Stage, Work};
use crate::server::transfer::prove::{Prover, Verdict};
use crate::server::transfer::{Phase, Transfer};
use crate::timer::Timer;
use std::net::SocketAddr;

/// Waiting for a connection after the transfer command.
#[derive(Debug)]
pub(in crate::server) struct Accept {
    listener: Ticket,
    /// Candidates that prove themselves, in the order of their arrival.
    provers: Vec<Prover>,
    /// Strangers in this wait.
    strangers: u32,
}

impl Session {
    /// The transfer command is there: whoever is held may be the one.
    pub(in crate::server) fn accept(&mut self) {
        let wait = self.config.timeouts.accept;
        let Work::Transfer(transfer) = &mut self.work else { return };
        let direction = transfer.direction();
        let Some(ticket) = self.sockets.listener(direction).map(|listener| listener.ticket) else { return };
        transfer.phase = Phase::Accepting(Accept { listener: ticket, provers: Vec::new(), strangers: 0 });
        self.timers.arm(Timer::PeerArrival, self.now + wait);
        while self.is_accepting(ticket)
            && let Some(Held { conn, from, .. }) = self.sockets.find(ticket).and_then(Listener::take_held)
        {
            self.candidate(ticket, conn, from);
        }
    }

    /// A connection has been accepted in the background.
    pub(in crate::server) fn arrived(&mut self, listener: Ticket, conn: ConnId, from: SocketAddr) {
        if self.sockets.find(listener).is_none() {
            // It was on its way when the listener was closed.
            self.out.ask(Ask::Drop { conn, how: Ending::Reset });
        } else if self.is_accepting(listener) {
            self.candidate(listener, conn, from);
        } else {
            self.hold(listener, conn, from);
        }
    }

    /// No transfer command yet: hold who may come (RFC 478 note 1, C08).
    fn hold(&mut self, ticket: Ticket, conn: ConnId, from: SocketAddr) {
        let proof = self.sockets.rendezvous.is_some();
        let max_held = self.config.max_held;
        let now = self.now;
        let Some(listener) = self.sockets.find(ticket) else { return };
        let filter = listener.filter;
        // A filter without proof means one connection; the second of the same peer is refused (E21).
        let room = match filter {
            Filter::Host(_) | Filter::Socket(_) if !proof => 1,
            Filter::Open | Filter::Host(_) | Filter::Socket(_) | Filter::Nobody => max_held,
        };
        let full = listener.held.len() >= room;
        let judged = self.decide(&policy::Ask::Arrival { from, filter, proof });
        if full || judged.is_err() {
            return self.stranger(ticket, conn, from);
        }
        if let Some(listener) = self.sockets.find(ticket) {
            listener.held.push(Held { conn, from, since: now });
        }
    }

    /// A connection at the listener of the transfer under way.
    fn candidate(&mut self, ticket: Ticket, conn: ConnId, from: SocketAddr) {
        let Ok(grant) = self.judge_candidate(ticket, from) else {
            return self.stranger(ticket, conn, from);
        };
        let max_provers = self.config.max_provers.max(1);
        let Self { work: Work::Transfer(transfer), sockets, nonces, out, .. } = self else { return };
        let direction = transfer.direction();
        let Phase::Accepting(accept) = &mut transfer.phase else { return };
        let Some(secret) = &sockets.rendezvous else { return self.obtained(conn, from, grant, false) };
        let silent = (accept.provers.len() >= max_provers)
            .then(|| longest_silent(&accept.provers))
            .flatten()
            .map(|index| accept.provers.remove(index));
        let prover = Prover::begin((conn, from, grant), secret, direction, nonces, self.now, out);
        accept.provers.push(prover);
        if let Some(silent) = silent {
            self.stranger(ticket, silent.conn, silent.from);
        }
    }

    fn judge_candidate(&mut self, ticket: Ticket, from: SocketAddr) -> Result<Grant, Why> {
        let proof = self.sockets.rendezvous.is_some();
        let Work::Transfer(transfer) = &self.work else { return Err(Why::NotThePeer) };
        let cargo = transfer.cargo();
        let filter = self.sockets.find(ticket).map_or(Filter::Nobody, |listener| listener.filter);
        self.decide(&policy::Ask::Arrival { from, filter, proof })?;
        self.decide(&policy::Ask::Transfer { peer: unmapped(from.ip()), cargo, proof })
    }

    /// Octets of a candidate.
    pub(in crate::server) fn candidate_heard(&mut self, conn: ConnId, octets: &[u8]) {
        let Self { work: Work::Transfer(transfer), out, .. } = self else { return };
        let Phase::Accepting(accept) = &mut transfer.phase else { return };
        let ticket = accept.listener;
        let Some(index) = accept.provers.iter().position(|prover| prover.conn == conn) else { return };
        let Some(prover) = accept.provers.get_mut(index) else { return };
        let verdict = prover.hear(octets, self.now, out);
        let (from, grant) = (prover.from, prover.grant);
        match verdict {
            Verdict::Waiting => {}
            Verdict::Wrong => {
                accept.provers.remove(index);
                self.stranger(ticket, conn, from);
            }
            Verdict::Proven => {
                accept.provers.remove(index);
                let others = std::mem::take(&mut accept.provers);
                for other in others {
                    self.count_and_drop(ticket, other.conn, other.from);
                }
                self.obtained(conn, from, grant, true);
            }
        }
    }

    /// A candidate has gone before it had proven anything.
    pub(in crate::server) fn candidate_lost(&mut self, conn: ConnId) {
        let Work::Transfer(transfer) = &mut self.work else { return };
        let Phase::Accepting(accept) = &mut transfer.phase else { return };
        let ticket = accept.listener;
        if let Some(index) = accept.provers.iter().position(|prover| prover.conn == conn) {
            let gone = accept.provers.remove(index);
            self.stranger(ticket, gone.conn, gone.from);
        }
    }

    /// Closed at once, nothing read, counted; the wait goes on up to the configured limit (C28).
    fn stranger(&mut self, ticket: Ticket, conn: ConnId, from: SocketAddr) {
        self.count_and_drop(ticket, conn, from);
        let limit = self.config.max_strangers;
        let Work::Transfer(transfer) = &mut self.work else { return };
        let Phase::Accepting(accept) = &mut transfer.phase else { return };
        if accept.listener == ticket {
            accept.strangers = accept.strangers.saturating_add(1);
            if accept.strangers >= limit {
                self.fail_connection("Too many strangers at the data port");
            }
        }
    }

    fn count_and_drop(&mut self, ticket: Ticket, conn: ConnId, from: SocketAddr) {
        self.out.ask(Ask::Drop { conn, how: Ending::Reset });
        self.out.event(Event::Stranger { from });
        if let Some(listener) = self.sockets.find(ticket) {
            listener.strangers = listener.strangers.saturating_add(1);
        }
    }

    /// SOCK or RNDZ has changed who may come: whoever is held is judged again.
    pub(in crate::server) fn judge_held_again(&mut self) {
        let proof = self.sockets.rendezvous.is_some();
        let max_held = self.config.max_held;
        let Stage::In(member) = &self.stage else { return };
        for listener in self.sockets.listeners_mut() {
            let filter = listener.filter;
            let room = if filter == Filter::Open || proof { max_held } else { 1 };
            let mut kept = 0;
            for held in std::mem::take(&mut listener.held) {
                let granted = member.decide(&policy::Ask::Arrival { from: held.from, filter, proof });
                if granted.is_ok() && kept < room {
                    kept += 1;
                    listener.held.push(held);
                } else {
                    listener.strangers = listener.strangers.saturating_add(1);
                    self.out.ask(Ask::Drop { conn: held.conn, how: Ending::Reset });
                    self.out.event(Event::Stranger { from: held.from });
                }
            }
        }
    }

    /// Held candidates for whom no transfer command has come in time.
    pub(in crate::server) fn drop_old_held(&mut self) {
        let (now, limit) = (self.now, self.config.timeouts.held);
        for listener in self.sockets.listeners_mut() {
            for old in listener.held.extract_if(.., |held| now.since(held.since) >= limit) {
                self.out.ask(Ask::Drop { conn: old.conn, how: Ending::Reset });
            }
        }
        self.out.event(Event::TimedOut(Timer::Held));
    }

    /// Nobody came in time.
    pub(in crate::server) fn accept_timed_out(&mut self) {
        self.out.event(Event::TimedOut(Timer::PeerArrival));
        self.fail_connection("Nobody connected to the data port in time"); // C23
    }

    /// Gives back what an unfinished wait holds.
    pub(in crate::server) fn release_accept(&mut self) {
        let Work::Transfer(transfer) = &mut self.work else { return };
        if let Phase::Accepting(accept) = &mut transfer.phase {
            for prover in accept.provers.drain(..) {
                self.out.ask(Ask::Drop { conn: prover.conn, how: Ending::Reset });
            }
        }
    }

    fn is_accepting(&self, ticket: Ticket) -> bool {
        let Work::Transfer(transfer) = &self.work else { return false };
        matches!(&**transfer, Transfer { phase: Phase::Accepting(accept), .. } if accept.listener == ticket)
    }
}

fn longest_silent(provers: &[Prover]) -> Option<usize> {
    provers.iter().enumerate().min_by_key(|(_, prover)| prover.heard).map(|(index, _)| index)
}
