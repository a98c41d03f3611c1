//! A connection that may become the data connection: first TLS where PROT P holds, then the proof where
//! RNDZ is in force.

use super::peer::Peer;
use super::prove::{Proof, Prover};
use super::tls::{self, DataRequirements, Securing};
use crate::server::Timeouts;
use crate::server::ask::{Answer, ConnId, Handshake, Ticket};
use crate::server::context::Context;
use crate::server::sockets::listener::HeldTls;
use crate::server::timer::Timer;
use crate::timer::Moment;

/// A connection that may become the data connection.
#[derive(Debug)]
pub(super) struct Candidate {
    peer: Peer,
    wants: DataRequirements,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The handshake of TLS is under way.
    Securing(Securing),
    /// It proves itself.
    Proving(Prover),
}

/// The first step with a new connection.
#[derive(Debug)]
pub(super) enum FirstStep {
    /// It is a candidate.
    Candidate(Box<Candidate>),
    /// The connection is already judged.
    Over(Verdict),
}

/// What has become of a candidate.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// Nothing is known yet.
    Waiting,
    /// It is the data connection.
    Ready(Peer),
    /// It is not the peer.
    Wrong,
    /// TLS could not begin, or has shown somebody else; the text is for the client.
    NotPrivate(&'static str),
}

/// What the client is told if a handshake fails.
pub(super) const NO_TLS: &str = "TLS failed on the data connection";

impl Candidate {
    /// Takes the first step with a connection. TLS may have begun on it before the transfer command.
    pub(super) fn begin(cx: &mut Context, wants: DataRequirements, peer: Peer, held: HeldTls) -> FirstStep {
        let Some(role) = wants.role else {
            return match held {
                HeldTls::Clear => Self::proof(cx, wants, peer, None),
                HeldTls::Securing(..) | HeldTls::Secured(..) => FirstStep::Over(Verdict::Wrong),
            };
        };
        let how = tls::how(cx, role, peer.grant);
        match held {
            HeldTls::Clear => Self::at(wants, peer, Stage::Securing(Securing::begin(cx, peer.conn, how))),
            HeldTls::Securing(ticket, begun) if begun == how => {
                Self::at(wants, peer, Stage::Securing(Securing::resume(cx, ticket)))
            }
            HeldTls::Secured(begun, shown) if begun == how => Self::secured(cx, wants, peer, shown),
            // PROT, PINC, SSCN or RNDZ came in between.
            HeldTls::Securing(..) | HeldTls::Secured(..) => FirstStep::Over(Verdict::Wrong),
        }
    }

    /// TLS has begun.
    fn secured(cx: &mut Context, wants: DataRequirements, peer: Peer, shown: Handshake) -> FirstStep {
        if peer.must_resume && !shown.resumed {
            return FirstStep::Over(Verdict::Wrong);
        }
        match tls::judge(cx, wants, shown) {
            Ok(()) => Self::proof(cx, wants, peer, Some(shown.exporter)),
            Err(why) => FirstStep::Over(Verdict::NotPrivate(why)),
        }
    }

    fn proof(cx: &mut Context, wants: DataRequirements, peer: Peer, exporter: Option<[u8; 32]>) -> FirstStep {
        match Prover::begin(cx, peer.conn, (wants.direction, wants.probe), exporter) {
            Some(prover) => Self::at(wants, peer, Stage::Proving(prover)),
            None => FirstStep::Over(Verdict::Ready(peer)),
        }
    }

    fn at(wants: DataRequirements, peer: Peer, stage: Stage) -> FirstStep {
        FirstStep::Candidate(Box::new(Self { peer, wants, stage }))
    }

    /// The name of the connection.
    pub(super) const fn conn(&self) -> ConnId {
        self.peer.conn
    }

    /// Its other end.
    pub(super) const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether `ticket` is that of its handshake.
    pub(super) fn awaits(&self, ticket: Ticket) -> bool {
        matches!(&self.stage, Stage::Securing(securing) if securing.ticket == ticket)
    }

    /// Whether its other end has shown nothing yet. The peer begins at once.
    pub(super) const fn is_silent(&self) -> bool {
        match &self.stage {
            Stage::Securing(_) => true,
            Stage::Proving(prover) => prover.is_silent(),
        }
    }

    /// What the other end owes next, and until when.
    pub(super) fn due(&self, timeouts: &Timeouts) -> (Timer, Moment) {
        match &self.stage {
            Stage::Securing(securing) => (Timer::Handshake, securing.since + timeouts.handshake),
            Stage::Proving(prover) => prover.due(timeouts),
        }
    }

    /// Its handshake is over.
    pub(super) fn handshake(&mut self, cx: &mut Context, answer: Answer) -> Verdict {
        let Answer::Secured(shown) = answer else {
            tls::failed(cx, self.peer.address, answer);
            return Verdict::NotPrivate(NO_TLS);
        };
        let start = Self::secured(cx, self.wants, self.peer, shown);
        match start {
            FirstStep::Candidate(next) => {
                *self = *next;
                Verdict::Waiting
            }
            FirstStep::Over(verdict) => verdict,
        }
    }

    /// Bytes of the other end.
    pub(super) fn data(&mut self, cx: &mut Context, bytes: &[u8]) -> Verdict {
        let Stage::Proving(prover) = &mut self.stage else { return Verdict::Waiting };
        match prover.data(cx, bytes) {
            Proof::Waiting => Verdict::Waiting,
            Proof::Right => Verdict::Ready(Peer { proven: true, ..self.peer }),
            Proof::Wrong => Verdict::Wrong,
        }
    }
}
