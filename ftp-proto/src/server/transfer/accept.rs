//! The passive end: a connection that arrives may be the peer, must prove itself where RNDZ is in
//! force, or is a stranger that changes nothing (C08, C13, C28, E21).

use super::Input;
use super::candidate::{Candidate, DataRequirements, FirstStep, NO_TLS, Peer, Progress, Verdict};
use super::request::Request;
use crate::address::{Group, unmapped};
use crate::fair::{Bounds, Fair, GivesWay};
use crate::policy::{self, Evidence, Filter, Grant, RefusalReason, RequestedTransfer};
use crate::server::ask::{Answer, Ask, ConnId, Ticket, TlsRole};
use crate::server::config::{Reuse, Timer};
use crate::server::context::Context;
use crate::server::setup::arrivals;
use crate::server::sockets::listener::{HeldConnection, HeldTls, Listener};
use crate::wire::PathName;
use std::net::SocketAddr;

/// The search of a passive end.
#[derive(Debug)]
pub(super) struct Accept {
    listener: Ticket,
    wants: DataRequirements,
    /// The absolute path of what moves; `None` if nothing does (PROB).
    path: Option<PathName>,
    /// The connections that may be the peer.
    candidates: Fair<Group, Candidate>,
    /// Whether the preliminary reply is due before TLS begins.
    announced: bool,
}

impl Accept {
    /// Begins to wait at `listener`. One of the connections that it holds may be the peer.
    pub(super) fn begin(cx: &mut Context, request: &Request, listener: Ticket) -> (Self, Progress) {
        cx.arm(Timer::PeerArrival, cx.config.timeouts.accept);
        let wants = DataRequirements::of(cx, request);
        let path = request.moved(false).path.cloned();
        let mut accept = Self { listener, wants, path, candidates: Fair::new(), announced: false };
        let mut progress = Progress::Waiting;
        while let Progress::Waiting = progress
            && let Some(HeldConnection { conn, from, tls, .. }) =
                cx.sockets.find(listener).and_then(Listener::take_held)
        {
            progress = accept.candidate(cx, (conn, from), tls);
        }
        if matches!(progress, Progress::Waiting) {
            progress = accept.unsecured(cx);
        }
        accept.arm(cx);
        (accept, progress)
    }

    /// Whether the peer has already come, and TLS could not begin with it. The client is told the same as where
    /// the peer comes after the command.
    fn unsecured(&self, cx: &mut Context) -> Progress {
        let came = cx.sockets.find(self.listener).and_then(|listener| listener.unsecured.take());
        let role = self.wants.role;
        match came.filter(|_| role.is_some()).and_then(|(conn, from)| self.judge(cx, conn, from)) {
            Some(peer) if self.is_the_only_one(cx, &peer) => Progress::not_private(role, NO_TLS),
            Some(_) | None => Progress::Waiting,
        }
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
            Input::Arrived { conn, from } => return self.candidate(cx, (conn, from), HeldTls::Clear),
            Input::Data { conn, bytes } => return self.data(cx, conn, bytes),
            Input::Answer(ticket, answer) => return self.answered(cx, ticket, answer),
            Input::Lost(conn) => self.stranger(cx, conn),
            Input::Fired(Timer::PeerArrival) => {
                cx.timed_out(Timer::PeerArrival);
                return Progress::Failed("Nobody connected to the data port in time"); // C23
            }
            Input::PortNeeded => {
                return Progress::Failed("Others need this data port (passive-ports); ask for another one");
            }
            Input::Fired(timer @ (Timer::Handshake | Timer::Hello | Timer::Proof)) => {
                return self.drop_late(cx, timer);
            }
            Input::Fired(_) | Input::Status | Input::Abort | Input::HungUp | Input::SessionEnds => {}
        }
        Progress::Waiting
    }

    /// A connection at the listener. Where it must prove itself, the wait goes on whatever becomes of it
    /// (C28).
    fn candidate(
        &mut self,
        cx: &mut Context,
        (conn, address): (ConnId, SocketAddr),
        tls: HeldTls,
    ) -> Progress {
        let Some(peer) = self.judge(cx, conn, address) else {
            arrivals::stranger(cx, self.listener, conn, address);
            return Progress::Waiting;
        };
        let candidate = match Candidate::begin(cx, self.wants, peer, tls) {
            FirstStep::Candidate(candidate) => *candidate,
            FirstStep::Over(verdict) => return self.concluded(cx, peer, verdict),
        };
        // A foreign host that connects begins TLS by itself, so a wrong certificate is refused before 150.
        let waits_for_leaf = cx.tls.pin.is_some() && peer.grant != Grant::Own;
        self.announced |= self.wants.announces(cx) && !waits_for_leaf;
        let group = Group::of(address.ip());
        let admitted = self.candidates.admit(places(cx), group, candidate, |_, other| other.is_silent());
        let displaced = match admitted {
            Ok((_, displaced)) => displaced,
            Err(candidate) => Some(candidate),
        };
        if let Some(displaced) = displaced {
            let Peer { conn, address, .. } = *displaced.peer();
            arrivals::stranger(cx, self.listener, conn, address);
        }
        Progress::Waiting
    }

    /// The other end of a connection, if it may be the peer. A host that may not is the user's own host all
    /// the same if it resumes the TLS session of the control connection.
    fn judge(&self, cx: &mut Context, conn: ConnId, from: SocketAddr) -> Option<Peer> {
        let evidence = cx.sockets.evidence();
        match self.decide(cx, from, evidence) {
            Ok(grant) => Some(Peer::new(conn, from, grant)),
            Err(_) if self.may_resume(cx) => {
                let grant = self.decide(cx, from, Evidence::ResumedSession).ok()?;
                Some(Peer { must_resume: true, ..Peer::new(conn, from, grant) })
            }
            Err(_) => None,
        }
    }

    fn decide(&self, cx: &Context, from: SocketAddr, evidence: Evidence) -> Result<Grant, RefusalReason> {
        let filter = cx.sockets.filter(self.listener, self.wants.direction);
        cx.decide(&policy::Ask::Arrival { from, filter, evidence })?;
        let DataRequirements { direction, cargo, role, .. } = self.wants;
        let moved = RequestedTransfer { direction, path: self.path.as_ref(), private: role.is_some() };
        cx.decide(&policy::Ask::Transfer { peer: unmapped(from.ip()), cargo, moved, evidence })
    }

    /// Whether the peer may show by its TLS session that it is the user's own host.
    fn may_resume(&self, cx: &Context) -> bool {
        let proves = cx.sockets.rendezvous.is_some() || cx.tls.pin.is_some();
        self.wants.role == Some(TlsRole::Server) && !proves && cx.config.tls.reuse != Reuse::Off
    }

    /// Bytes of a connection that proves itself.
    fn data(&mut self, cx: &mut Context, conn: ConnId, bytes: &[u8]) -> Progress {
        let Some(candidate) = self.candidates.values_mut().find(|other| other.conn() == conn) else {
            return Progress::Waiting;
        };
        let (peer, verdict) = (*candidate.peer(), candidate.data(cx, bytes));
        self.concluded(cx, peer, verdict)
    }

    /// The handshake of a candidate is over.
    fn answered(&mut self, cx: &mut Context, ticket: Ticket, answer: Answer) -> Progress {
        let Some(candidate) = self.candidates.values_mut().find(|other| other.awaits(ticket)) else {
            cx.out.unwanted(answer);
            return Progress::Waiting;
        };
        let (peer, verdict) = (*candidate.peer(), candidate.handshake(cx, answer));
        self.concluded(cx, peer, verdict)
    }

    /// It is known what a candidate is.
    fn concluded(&mut self, cx: &mut Context, peer: Peer, verdict: Verdict) -> Progress {
        match verdict {
            Verdict::Waiting => {}
            Verdict::Ready(peer) => {
                self.candidates.take_if(|other| other.conn() == peer.conn);
                self.drop_candidates(cx, |_| true);
                tell_proof(cx, &peer);
                return Progress::Connected(Peer { announced: self.announced, ..peer });
            }
            Verdict::Wrong => {
                self.candidates.take_if(|other| other.conn() == peer.conn);
                arrivals::stranger(cx, self.listener, peer.conn, peer.address);
            }
            Verdict::NotPrivate(why) => return self.not_private(cx, peer, why),
        }
        Progress::Waiting
    }

    /// TLS could not begin with a candidate. If it is the only one that could be the peer, there will be no
    /// other: the client is told at once.
    fn not_private(&mut self, cx: &mut Context, peer: Peer, why: &'static str) -> Progress {
        self.candidates.take_if(|other| other.conn() == peer.conn);
        if self.is_the_only_one(cx, &peer) {
            cx.out.reset(peer.conn);
            return Progress::not_private(self.wants.role, why);
        }
        arrivals::stranger(cx, self.listener, peer.conn, peer.address);
        Progress::Waiting
    }

    /// Whether no other connection can be that of the peer.
    fn is_the_only_one(&self, cx: &Context, peer: &Peer) -> bool {
        let filter = cx.sockets.filter(self.listener, self.wants.direction);
        let is_named = peer.grant == Grant::Own && !peer.must_resume
            || matches!(filter, Filter::Host(_) | Filter::Socket(_));
        is_named && cx.sockets.rendezvous.is_none() && self.candidates.is_empty()
    }

    /// A connection that has not proven itself is a stranger.
    fn stranger(&mut self, cx: &mut Context, conn: ConnId) {
        self.drop_candidates(cx, |other| other.conn() == conn);
    }

    /// Closes the candidates whose handshake, hello or proof has not come in time.
    fn drop_late(&mut self, cx: &mut Context, timer: Timer) -> Progress {
        cx.timed_out(timer);
        let (now, timeouts) = (cx.now, cx.config.timeouts.clone());
        let mut progress = Progress::Waiting;
        for late in self.candidates.take_if(|other| other.due(&timeouts).1 <= now) {
            let peer = *late.peer();
            if late.due(&timeouts).0 == Timer::Handshake {
                progress = self.not_private(cx, peer, "TLS did not begin on the data connection in time");
            } else {
                arrivals::stranger(cx, self.listener, peer.conn, peer.address);
            }
        }
        progress
    }

    fn drop_candidates(&mut self, cx: &mut Context, meant: impl Fn(&Candidate) -> bool) {
        for candidate in self.candidates.take_if(meant) {
            let Peer { conn, address, .. } = *candidate.peer();
            arrivals::stranger(cx, self.listener, conn, address);
        }
    }

    /// Arms the waits for what the candidates owe next.
    fn arm(&self, cx: &mut Context) {
        for timer in [Timer::Handshake, Timer::Hello, Timer::Proof] {
            let dues = self.candidates.iter().map(|(_, candidate)| candidate.due(&cx.config.timeouts));
            match dues.filter(|(due, _)| *due == timer).map(|(_, at)| at).min() {
                Some(at) => cx.timers.arm(timer, at),
                None => cx.timers.disarm(timer),
            }
        }
    }

    /// Whether the preliminary reply is due before the data connection is there.
    pub(super) const fn announces(&self) -> bool {
        self.announced
    }

    /// Gives back what the unfinished search holds.
    pub(super) fn release(mut self, cx: &mut Context) {
        for candidate in self.candidates.take_all() {
            cx.out.reset(candidate.conn());
        }
    }
}

/// Tells the limits of tries that a foreign host has proven itself. Which end connects is the client's choice, so
/// this proof is worth as much as one of a target.
fn tell_proof(cx: &mut Context, peer: &Peer) {
    if !peer.proven || peer.grant == Grant::Own {
        return;
    }
    if let Some(account) = cx.user().map(|user| user.account.name.clone()) {
        cx.out.ask(Ask::PeerProven { account, peer: unmapped(peer.address.ip()) });
    }
}

/// How many candidates prove themselves at the same time, and which of them gives way after the silent ones.
/// A newcomer takes the place of the oldest one of its own host, so that early strangers do not keep the peer
/// out. The peer needs its place for one round trip only.
fn places(cx: &Context) -> Bounds {
    Bounds {
        places: cx.config.max_provers.max(1),
        per_key: cx.config.max_of_one_address.max(1),
        to_others: GivesWay::Newest,
        to_own: GivesWay::Oldest,
    }
}
