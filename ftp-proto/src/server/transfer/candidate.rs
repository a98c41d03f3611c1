//! The other end of a data connection, and what a connection must show to become one: first TLS where PROT P holds (RFC 4217 7),
//! then the proof where RNDZ is in force.

use super::request::Request;
use crate::command::Direction;
use crate::policy::{Cargo, Evidence, Grant};
use crate::rendezvous::{Exchange, Flags, Input, Output};
use crate::server::ask::{Answer, Ask, ConnId, DataTls, Event, Handshake, Ticket, TlsRole};
use crate::server::config::Timer;
use crate::server::context::Context;
use crate::server::sockets::listener::{HeldTls, ReusedConnection};
use crate::server::{Reuse, Timeouts};
use crate::timer::Moment;
use std::net::SocketAddr;

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
        let how = data_tls(cx, role, peer.grant);
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
        match judge_tls(cx, wants, shown) {
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
            reply_tls_failed(cx, self.peer.address, answer);
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

/// What a transfer wants of its data connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataRequirements {
    /// The direction of the data, seen from this server.
    pub(super) direction: Direction,
    /// What it carries.
    pub(super) cargo: Cargo,
    /// Whether only the connection is wanted (PROB).
    pub(super) probe: bool,
    /// The role of this server in TLS; `None` in clear.
    pub(super) role: Option<TlsRole>,
}

impl DataRequirements {
    /// What `request` wants. CPSV counts only where this server listens.
    pub(super) fn of(cx: &Context, request: &Request) -> Self {
        let (direction, cargo) = (request.direction(), request.cargo());
        let cpsv = cx.sockets.listener(direction).is_some_and(|listener| listener.tls_client);
        Self { direction, cargo, probe: request.is_probe(), role: cx.tls.role(cargo, cpsv) }
    }

    /// Whether the preliminary reply comes before the handshake: many clients begin TLS only when they have
    /// read it. Where RNDZ is in force, it comes after the proof; PROB has none.
    pub(super) fn announces(self, cx: &Context) -> bool {
        self.role.is_some() && cx.sockets.rendezvous.is_none() && !self.probe
    }
}

/// A connection on which TLS begins.
#[derive(Debug)]
pub(super) struct Securing {
    pub(super) ticket: Ticket,
    /// Since when its end is due.
    pub(super) since: Moment,
}

impl Securing {
    pub(super) fn begin(cx: &mut Context, conn: ConnId, how: DataTls) -> Self {
        let ticket = cx.out.ticket();
        cx.out.ask(Ask::SecureData { ticket, conn, how });
        Self { ticket, since: cx.now }
    }

    /// A handshake that has begun before the transfer command.
    pub(super) const fn resume(cx: &Context, ticket: Ticket) -> Self {
        Self { ticket, since: cx.now }
    }
}

/// How TLS begins with a peer of these terms.
pub(super) fn data_tls(cx: &Context, role: TlsRole, grant: Grant) -> DataTls {
    cx.tls.data_tls(role, grant, cx.sockets.rendezvous.is_some(), cx.config.tls.reuse)
}

/// Whether the other end is who it must be (F08, F10).
///
/// # Errors
///
/// The text for the client if it is not.
pub(super) fn judge_tls(cx: &Context, wants: DataRequirements, shown: Handshake) -> Result<(), &'static str> {
    let must_resume = wants.role == Some(TlsRole::Server)
        && cx.config.tls.reuse == Reuse::Required
        && cx.sockets.rendezvous.is_none();
    match cx.tls.pin {
        Some(pin) if shown.leaf == Some(pin) => Ok(()),
        Some(_) => Err("The other end shows another certificate than PINC has named"),
        None if must_resume && !shown.resumed => {
            Err("Data connections must resume the TLS session of the control connection")
        }
        None => Ok(()),
    }
}

/// A handshake has failed: the log is told why.
pub(super) fn reply_tls_failed(cx: &mut Context, from: SocketAddr, answer: Answer) {
    if let Answer::Failed(why) = answer {
        cx.out.event(Event::NotPrivate { from, why });
    }
}

/// A connection that proves itself.
#[derive(Debug)]
pub(super) struct Prover {
    conn: ConnId,
    /// Since when the next part of its other end is due: the hello, or after it the proof.
    since: Moment,
    /// Whether its other end has sent nothing yet.
    is_silent: bool,
    exchange: Exchange,
}

/// What is known of the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Proof {
    /// It has not proven anything yet.
    Waiting,
    /// It has the secret.
    Right,
    /// It does not have the secret.
    Wrong,
}

impl Prover {
    /// Sends the hello of this end; inside TLS the proofs hold for the connection with this `exporter` only.
    /// Returns `None` if RNDZ is not in force, so that no proof is needed.
    pub(super) fn begin(
        cx: &mut Context,
        conn: ConnId,
        (direction, probe): (Direction, bool),
        exporter: Option<[u8; 32]>,
    ) -> Option<Self> {
        let secret = cx.sockets.rendezvous.as_ref()?;
        let flags = Flags { probe, tls: exporter.is_some() };
        let exporter = exporter.as_ref().map_or(&[][..], |exporter| exporter);
        let exchange = Exchange::new(secret, direction, flags, cx.nonces.next(), exporter);
        let mut prover = Self { conn, since: cx.now, is_silent: true, exchange };
        prover.advance(cx);
        Some(prover)
    }

    /// Takes bytes of the other end.
    pub(super) fn data(&mut self, cx: &mut Context, bytes: &[u8]) -> Proof {
        self.is_silent = false;
        let before = self.expects_hello();
        self.exchange.input(Input::Bytes(bytes));
        if before && !self.expects_hello() {
            self.since = cx.now;
        }
        self.advance(cx)
    }

    /// Whether the other end has sent nothing yet. The peer sends its hello at once.
    pub(super) const fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Whether the other end has not sent a whole right hello yet.
    pub(super) const fn expects_hello(&self) -> bool {
        self.exchange.expects_hello()
    }

    /// What the other end owes next, and until when.
    pub(super) fn due(&self, timeouts: &Timeouts) -> (Timer, Moment) {
        if self.expects_hello() {
            (Timer::Hello, self.since + timeouts.hello)
        } else {
            (Timer::Proof, self.since + timeouts.proof)
        }
    }

    /// Asks for what the exchange wants done.
    fn advance(&mut self, cx: &mut Context) -> Proof {
        let conn = self.conn;
        loop {
            match self.exchange.poll() {
                Output::Send(bytes) => cx.out.ask(Ask::Write { conn, bytes }),
                Output::Read(limit) => {
                    cx.out.ask(Ask::Read { conn, limit });
                    return Proof::Waiting;
                }
                Output::Proven => return Proof::Right,
                Output::Refused => return Proof::Wrong,
            }
        }
    }
}

/// The other end of a data connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) conn: ConnId,
    pub(super) address: SocketAddr,
    /// The terms on which policy allows it.
    pub(super) grant: Grant,
    /// Whether it has proven itself with RNDZ.
    pub(super) proven: bool,
    /// Whether it is the peer only if it resumes the TLS session of the control connection.
    pub(super) must_resume: bool,
    /// Whether the preliminary reply was said before TLS began.
    pub(super) announced: bool,
    /// How many strangers came to the port of a symmetric opening.
    pub(super) strangers: u32,
    /// Whether MODE B has kept the connection after another file.
    pub(super) again: bool,
}

impl Peer {
    /// The other end of a connection that MODE B has kept.
    pub(super) fn of(kept: &ReusedConnection) -> Self {
        let ReusedConnection { conn, address, grant, evidence, .. } = *kept;
        let proven = evidence == Evidence::Rendezvous;
        let must_resume = evidence == Evidence::ResumedSession;
        Self { proven, must_resume, again: true, ..Self::new(conn, address, grant) }
    }

    /// The same connection while no file uses it, from `since` on.
    pub(super) const fn keep(&self, since: Moment) -> ReusedConnection {
        let evidence = if self.proven {
            Evidence::Rendezvous
        } else if self.must_resume {
            Evidence::ResumedSession
        } else {
            Evidence::None
        };
        ReusedConnection { conn: self.conn, address: self.address, grant: self.grant, evidence, since }
    }

    /// The other end of a connection that policy allows on these terms.
    pub(super) const fn new(conn: ConnId, address: SocketAddr, grant: Grant) -> Self {
        Self {
            conn,
            address,
            grant,
            proven: false,
            must_resume: false,
            announced: false,
            strangers: 0,
            again: false,
        }
    }
}

/// How far the search for a data connection is.
#[derive(Debug)]
pub(super) enum Progress {
    /// There is none yet.
    Waiting,
    /// This one is it. It is proven where RNDZ is in force.
    Connected(Peer),
    /// There will be none; the text is for the client.
    Failed(&'static str),
    /// There will be none that is private; the text is for the client.
    NotPrivate(&'static str),
}

impl Progress {
    /// TLS could not begin. A server says so with a reply of its own (RFC 4217 7); where this server is the TLS
    /// client, there is just no data connection (extensions, "PINC").
    pub(super) const fn not_private(role: Option<TlsRole>, why: &'static str) -> Self {
        match role {
            Some(TlsRole::Client) => Self::Failed(why),
            Some(TlsRole::Server) | None => Self::NotPrivate(why),
        }
    }
}
