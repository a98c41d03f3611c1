//! Obtaining the one right data connection: by connecting or by listening, if policy lets it exist.

use super::Input;
use super::accept::Accept;
use super::candidate::{Peer, Progress};
use super::dial::Dial;
use super::request::Request;
use crate::address::unmapped;
use crate::policy::{self, Cargo, Filter, Grant};
use crate::server::ask::{Event, Ticket};
use crate::server::config::Timer;
use crate::server::context::{Context, Login};
use crate::server::sockets::Target;
use crate::timer::Moment;
use std::net::SocketAddr;

/// The search for a data connection.
#[derive(Debug)]
pub(super) enum Obtain {
    Dial(Dial),
    Accept(Accept),
}

impl Obtain {
    /// Begins the search for a command that came at `since`.
    ///
    /// # Errors
    ///
    /// A text for the client if no connection can be obtained. Then nothing has been tried, and
    /// nothing is used up.
    pub(super) fn begin(
        cx: &mut Context,
        request: &Request,
        since: Moment,
    ) -> Result<(Self, Progress), String> {
        if cx.sockets.secret_spent && request.cargo() == Cargo::File {
            return Err("The secret was for one data connection; send RNDZ again".to_owned());
        }
        let Some(listener) = cx.sockets.listener(request.direction()) else {
            let to = target(cx, request)?;
            let grant = judge(cx, request, to)?;
            return Ok((Self::Dial(Dial::begin(cx, request, since, (to, grant))), Progress::Waiting));
        };
        let ticket = listener.ticket;
        match *listener.filters.of(request.direction()) {
            Filter::Open => {}
            Filter::Host(host) => drop(judge(cx, request, SocketAddr::new(host, 0))?),
            Filter::Socket(socket) => drop(judge(cx, request, socket)?),
            Filter::Nobody => return Err("The last SOCK was refused, so nobody may connect".to_owned()), // B24
        }
        let (accept, progress) = Accept::begin(cx, request, ticket);
        Ok((Self::Accept(accept), progress))
    }

    /// Whether connections that arrive at `listener` are for this search.
    pub(super) fn awaits(&self, listener: Ticket) -> bool {
        match self {
            Self::Dial(dial) => dial.awaits(listener),
            Self::Accept(accept) => accept.awaits(listener),
        }
    }

    pub(super) fn input(&mut self, cx: &mut Context, input: Input<'_>) -> Progress {
        match self {
            Self::Dial(dial) => dial.input(cx, input),
            Self::Accept(accept) => accept.input(cx, input),
        }
    }

    /// Whether the preliminary reply is due before the data connection is there: TLS has begun, and many
    /// clients wait for that reply before they begin it.
    pub(super) const fn announces(&self) -> bool {
        match self {
            Self::Dial(dial) => dial.announces(),
            Self::Accept(accept) => accept.announces(),
        }
    }

    /// Gives back what the unfinished search holds.
    pub(super) fn release(self, cx: &mut Context) {
        match self {
            Self::Dial(dial) => dial.release(cx),
            Self::Accept(accept) => accept.release(cx),
        }
    }
}

/// The connection that MODE B has kept for `request`, if policy lets it be used.
pub(super) fn kept(cx: &mut Context, request: &Request) -> Option<Peer> {
    // PROT closes what is kept, so it is as private as a new connection.
    let (cargo, moved) = (request.cargo(), request.moved(cx.tls.private));
    let Context { login: Login::User(user), sockets, .. } = cx else { return None };
    let kept = sockets.kept.take(request.direction(), |kept| {
        let (peer, evidence) = (unmapped(kept.address.ip()), kept.evidence);
        user.decide(&policy::Ask::Transfer { peer, cargo, moved, evidence }).is_ok()
    });
    kept.as_ref().map(Peer::of)
}

/// The search is over: none of its waits goes on.
pub(super) fn disarm(cx: &mut Context) {
    let timers = [Timer::PeerArrival, Timer::Handshake, Timer::Hello, Timer::Proof];
    for timer in timers.into_iter().chain([Timer::Connect, Timer::Retry]) {
        cx.timers.disarm(timer);
    }
}

/// What an active end connects to.
fn target(cx: &Context, request: &Request) -> Result<SocketAddr, String> {
    match *cx.sockets.targets.of(request.direction()) {
        Target::None => Err("Send PASV, EPSV, PORT, EPRT or SOCK first".to_owned()),
        Target::Sock(to) if to.port() == 0 => {
            Err("SOCK with port 0 is a filter only; nothing can be connected to".to_owned())
        }
        // A connection from a port to itself opens, but there is no peer at its other end (G05).
        Target::Sock(to) if is_own_port(cx, request, to) => {
            Err("SOCK names the data port of this end itself".to_owned())
        }
        Target::Sock(to) | Target::Port(to) => Ok(to),
    }
}

/// Whether `to` is the very port from which this server would connect.
fn is_own_port(cx: &Context, request: &Request, to: SocketAddr) -> bool {
    let own = cx.sockets.own.as_ref().map(|own| own.port_of(request.direction()));
    unmapped(to.ip()) == cx.local_ip() && own == Some(to.port())
}

/// Asks policy about a peer that is known before it is connected.
fn judge(cx: &mut Context, request: &Request, peer: SocketAddr) -> Result<Grant, String> {
    let (cargo, evidence) = (request.cargo(), cx.sockets.evidence());
    let (peer_ip, moved) = (unmapped(peer.ip()), request.moved(cx.tls.private));
    cx.decide(&policy::Ask::Transfer { peer: peer_ip, cargo, moved, evidence }).map_err(|why| {
        cx.out.event(Event::Refused { why, address: peer });
        match cargo {
            Cargo::File => format!("No data connection: {why}"),
            Cargo::Listing => format!("No data connection: {why}; send EPSV, PORT or SOCK"),
        }
    })
}
