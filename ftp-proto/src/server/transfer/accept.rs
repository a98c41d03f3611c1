//! The passive end: a connection that arrives may be the peer, must prove itself where RNDZ is in
//! force, or is a stranger that changes nothing (C08, C13, C28, E21).

use super::input::Input;
use super::peer::{Peer, Progress};
use super::prove::{Prover, Verdict};
use super::request::Request;
use crate::address::{Group, unmapped};
use crate::command::Direction;
use crate::fair::{Bounds, Fair, GivesWay};
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
    /// The connections that prove themselves.
    provers: Fair<Group, Prover>,
}

impl Accept {
    /// Begins to wait at `listener`. One of the connections that it holds may be the peer.
    pub(super) fn begin(cx: &mut Context, request: &Request, listener: Ticket) -> (Self, Progress) {
        cx.arm(Timer::PeerArrival, cx.config.timeouts.accept);
        let (direction, cargo) = (request.direction(), request.cargo());
        let mut accept = Self { listener, direction, cargo, provers: Fair::new() };
        let mut progress = Progress::Waiting;
        while let Progress::Waiting = progress
            && let Some(Held { conn, from, .. }) = cx.sockets.find(listener).and_then(Listener::take_held)
        {
            progress = accept.candidate(cx, conn, from);
        }
        accept.arm(cx);
        (accept, progress)
    }

    /// Whether connections that arrive at `listener` are for this search.
    pub(super) fn awaits(&self, listener: Ticket) -> bool {
        self.listener == listener
    }

    pub(super) fn input(&mut self, cx: &mut Context, input: Input<'_>) -> Progress {
        let progress = self.advance(cx, input);
        self.arm(cx);
        progress
    }

    fn advance(&mut self, cx: &mut Context, input: Input<'_>) -> Progress {
        match input {
            Input::Arrived { conn, from } => return self.candidate(cx, conn, from),
            Input::Data { conn, bytes } => return self.data(cx, conn, bytes),
            Input::Lost(conn) => self.not_proven(cx, conn),
            Input::Fired(Timer::PeerArrival) => {
                cx.timed_out(Timer::PeerArrival);
                return Progress::Failed("Nobody connected to the data port in time"); // C23
            }
            Input::Fired(timer @ (Timer::Hello | Timer::Proof)) => self.drop_late(cx, timer),
            Input::Answer(_, answer) => cx.out.unwanted(answer),
            Input::PortNeeded => return Progress::Failed("Others need this data port; ask for another one"),
            Input::Fired(_) | Input::Status | Input::Abort => {}
        }
        Progress::Waiting
    }

    /// A connection at the listener. The wait goes on whatever becomes of it (C28).
    fn candidate(&mut self, cx: &mut Context, conn: ConnId, address: SocketAddr) -> Progress {
        let Ok(grant) = self.judge(cx, address) else {
            arrivals::stranger(cx, self.listener, conn, address);
            return Progress::Waiting;
        };
        let peer = Peer { conn, address, grant, proven: false };
        let Some(prover) = Prover::begin(cx, peer, self.direction) else { return Progress::Connected(peer) };
        let group = Group::of(address.ip());
        let displaced = match self.provers.admit(places(cx), group, prover, |_, prover| prover.is_silent()) {
            Ok((_, displaced)) => displaced,
            Err(prover) => Some(prover),
        };
        if let Some(Prover { peer: Peer { conn, address, .. }, .. }) = displaced {
            arrivals::stranger(cx, self.listener, conn, address);
        }
        Progress::Waiting
    }

    fn judge(&self, cx: &mut Context, from: SocketAddr) -> Result<Grant, Why> {
        let evidence = cx.sockets.evidence();
        let filter = cx.sockets.find(self.listener).map_or(Filter::Nobody, |listener| listener.filter);
        cx.decide(&policy::Ask::Arrival { from, filter, evidence })?;
        cx.decide(&policy::Ask::Transfer { peer: unmapped(from.ip()), cargo: self.cargo, evidence })
    }

    /// Bytes of a connection that proves itself.
    fn data(&mut self, cx: &mut Context, conn: ConnId, bytes: &[u8]) -> Progress {
        let Some(prover) = self.provers.values_mut().find(|prover| prover.peer.conn == conn) else {
            return Progress::Waiting;
        };
        match prover.data(cx, bytes) {
            Verdict::Waiting => {}
            Verdict::Wrong => self.not_proven(cx, conn),
            Verdict::Proven => {
                let proven = prover.proven();
                self.drop_provers(cx, |prover| prover.peer.conn != conn);
                self.provers.take_all();
                return Progress::Connected(proven);
            }
        }
        Progress::Waiting
    }

    /// A connection that has not proven itself is a stranger.
    fn not_proven(&mut self, cx: &mut Context, conn: ConnId) {
        self.drop_provers(cx, |prover| prover.peer.conn == conn);
    }

    /// Closes the candidates whose hello or proof has not come in time.
    fn drop_late(&mut self, cx: &mut Context, timer: Timer) {
        cx.timed_out(timer);
        let (now, timeouts) = (cx.now, cx.config.timeouts.clone());
        self.drop_provers(cx, |prover| prover.due(&timeouts).1 <= now);
    }

    fn drop_provers(&mut self, cx: &mut Context, meant: impl Fn(&Prover) -> bool) {
        for Prover { peer: Peer { conn, address, .. }, .. } in self.provers.take_if(meant) {
            arrivals::stranger(cx, self.listener, conn, address);
        }
    }

    /// Arms the waits for the next hello and the next proof.
    fn arm(&self, cx: &mut Context) {
        for timer in [Timer::Hello, Timer::Proof] {
            let dues = self.provers.iter().map(|(_, prover)| prover.due(&cx.config.timeouts));
            match dues.filter(|(due, _)| *due == timer).map(|(_, at)| at).min() {
                Some(at) => cx.timers.arm(timer, at),
                None => cx.timers.disarm(timer),
            }
        }
    }

    /// Gives back what the unfinished search holds.
    pub(super) fn release(mut self, cx: &mut Context) {
        for prover in self.provers.take_all() {
            cx.out.reset(prover.peer.conn);
        }
    }
}

/// How many candidates prove themselves at the same time, and which of them gives way after the silent ones.
/// A newcomer takes the place of the oldest one of its own host, so that nobody who came early keeps the peer
/// out. The peer needs its place for one round trip only.
fn places(cx: &Context) -> Bounds {
    Bounds {
        places: cx.config.max_provers.max(1),
        per_key: cx.config.max_of_one_address.max(1),
        to_others: GivesWay::Newest,
        to_own: GivesWay::Oldest,
    }
}
