//! The passive end: a connection that arrives may be the peer, must prove itself where RNDZ is in
//! force, or is a stranger that changes nothing (C08, C13, C28, E21).

use super::input::Input;
use super::peer::{Peer, Progress};
use super::prove::{Prover, Verdict};
use super::request::Request;
use crate::address::unmapped;
use crate::command::Direction;
use crate::policy::{self, Cargo, Filter, Grant, Why};
use crate::server::arrivals;
use crate::server::ask::{ConnId, Ticket};
use crate::server::context::Context;
use crate::server::listener::{Held, Listener};
use crate::server::timer::Timer;
use std::net::SocketAddr;

/// The search of a passive end.
#[derive(Debug)]
pub(super) struct Accept {
    listener: Ticket,
    direction: Direction,
    cargo: Cargo,
    /// The connections that prove themselves, in the order of their arrival.
    provers: Vec<Prover>,
    /// How many strangers have come in this wait.
    strangers: u32,
}

impl Accept {
    /// Begins to wait at `listener`. One of the connections that it holds may be the peer.
    pub(super) fn begin(cx: &mut Context, request: &Request, listener: Ticket) -> (Self, Progress) {
        cx.arm(Timer::PeerArrival, cx.config.timeouts.accept);
        let (direction, cargo) = (request.direction(), request.cargo());
        let mut accept = Self { listener, direction, cargo, provers: Vec::new(), strangers: 0 };
        let mut progress = Progress::Waiting;
        while let Progress::Waiting = progress
            && let Some(Held { conn, from, .. }) = cx.sockets.find(listener).and_then(Listener::take_held)
        {
            progress = accept.candidate(cx, conn, from);
        }
        (accept, progress)
    }

    /// Whether connections that arrive at `listener` are for this search.
    pub(super) fn awaits(&self, listener: Ticket) -> bool {
        self.listener == listener
    }

    pub(super) fn input(&mut self, cx: &mut Context, input: Input<'_>) -> Progress {
        match input {
            Input::Arrived { conn, from } => self.candidate(cx, conn, from),
            Input::Data { conn, bytes } => self.data(cx, conn, bytes),
            Input::Lost(conn) => match self.take_prover(conn) {
                Some(gone) => self.not_proven(cx, &gone),
                None => Progress::Waiting,
            },
            Input::Fired(Timer::PeerArrival) => {
                cx.timed_out(Timer::PeerArrival);
                Progress::Failed("Nobody connected to the data port in time") // C23
            }
            Input::Answer(_, answer) => {
                cx.out.unwanted(answer);
                Progress::Waiting
            }
            Input::Fired(_) | Input::Status | Input::Abort => Progress::Waiting,
        }
    }

    /// A connection at the listener.
    fn candidate(&mut self, cx: &mut Context, conn: ConnId, address: SocketAddr) -> Progress {
        let Ok(grant) = self.judge(cx, address) else { return self.stranger(cx, conn, address) };
        let peer = Peer { conn, address, grant, proven: false };
        let Some(prover) = Prover::begin(cx, peer, self.direction) else { return Progress::Connected(peer) };
        let full = self.provers.len() >= cx.config.max_provers.max(1);
        let silent = if full { self.take_longest_silent() } else { None };
        self.provers.push(prover);
        match silent {
            Some(silent) => self.not_proven(cx, &silent),
            None => Progress::Waiting,
        }
    }

    fn judge(&self, cx: &mut Context, from: SocketAddr) -> Result<Grant, Why> {
        let evidence = cx.sockets.evidence();
        let filter = cx.sockets.find(self.listener).map_or(Filter::Nobody, |listener| listener.filter);
        cx.decide(&policy::Ask::Arrival { from, filter, evidence })?;
        cx.decide(&policy::Ask::Transfer { peer: unmapped(from.ip()), cargo: self.cargo, evidence })
    }

    /// Bytes of a connection that proves itself.
    fn data(&mut self, cx: &mut Context, conn: ConnId, bytes: &[u8]) -> Progress {
        let Some(prover) = self.provers.iter_mut().find(|prover| prover.peer.conn == conn) else {
            return Progress::Waiting;
        };
        match prover.data(cx, bytes) {
            Verdict::Waiting => Progress::Waiting,
            Verdict::Wrong => match self.take_prover(conn) {
                Some(wrong) => self.not_proven(cx, &wrong),
                None => Progress::Waiting,
            },
            Verdict::Proven => {
                let proven = prover.proven();
                for other in self.provers.drain(..).filter(|other| other.peer.conn != conn) {
                    arrivals::stranger(cx, self.listener, other.peer.conn, other.peer.address);
                }
                Progress::Connected(proven)
            }
        }
    }

    /// A connection that has not proven itself is a stranger.
    fn not_proven(&mut self, cx: &mut Context, prover: &Prover) -> Progress {
        self.stranger(cx, prover.peer.conn, prover.peer.address)
    }

    /// A stranger is closed and counted, and the wait goes on up to the configured limit (C28).
    fn stranger(&mut self, cx: &mut Context, conn: ConnId, address: SocketAddr) -> Progress {
        arrivals::stranger(cx, self.listener, conn, address);
        self.strangers = self.strangers.saturating_add(1);
        if self.strangers >= cx.config.max_strangers {
            return Progress::Failed("Too many strangers at the data port");
        }
        Progress::Waiting
    }

    fn take_prover(&mut self, conn: ConnId) -> Option<Prover> {
        let index = self.provers.iter().position(|prover| prover.peer.conn == conn)?;
        Some(self.provers.remove(index))
    }

    fn take_longest_silent(&mut self) -> Option<Prover> {
        let (index, _) = self.provers.iter().enumerate().min_by_key(|(_, prover)| prover.heard)?;
        Some(self.provers.remove(index))
    }

    /// Gives back what the unfinished search holds.
    pub(super) fn release(self, cx: &mut Context) {
        for prover in self.provers {
            cx.out.reset(prover.peer.conn);
        }
    }
}
