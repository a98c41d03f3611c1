//! Connections that arrive at a listener before a transfer command: each is held for the command, or
//! is a stranger that changes nothing (RFC 478 note 1, C08, C13, E21).

use crate::fair::{Bounds, GivesWay};
use crate::policy::{self, Cargo, Evidence, Filter, Grant};
use crate::server::ask::{Answer, Ask, ConnId, Event, Ticket, TlsRole};
use crate::server::config::{Config, Timer};
use crate::server::context::{Context, Login};
use crate::server::sockets::listener::{HeldConnection, HeldTls};
use std::net::SocketAddr;

/// A connection has arrived, and no transfer waits for it.
pub(crate) fn arrived(cx: &mut Context, listener: Ticket, conn: ConnId, from: SocketAddr) {
    let evidence = cx.sockets.evidence();
    if cx.sockets.find(listener).is_none() {
        // It was on its way when the listener was closed.
        return cx.out.reset(conn);
    }
    let filters = cx.sockets.filters(listener);
    let granted = |filter: &Filter| cx.decide(&policy::Ask::Arrival { from, filter: *filter, evidence });
    let grant = filters.iter().find_map(|filter| granted(filter).ok());
    let may_resume = filters.iter().any(|filter| may_resume(cx, from, *filter));
    if grant.is_none() && !may_resume {
        return stranger(cx, listener, conn, from);
    }
    let tls = begin_tls(cx, listener, conn, grant.unwrap_or(Grant::Own));
    let (since, bounds) = (cx.now, places(&filters, evidence, &cx.config));
    let displaced = cx.sockets.find(listener).and_then(|found| {
        let held = HeldConnection { conn, from, since, tls };
        found.hold(bounds, held)
    });
    if let Some(HeldConnection { conn, from, .. }) = displaced {
        stranger(cx, listener, conn, from);
    }
}

/// Whether a connection is that of the user's own host if it resumes the TLS session of the control
/// connection.
fn may_resume(cx: &Context, from: SocketAddr, filter: Filter) -> bool {
    let evidence = Evidence::ResumedSession;
    cx.tls.data_tls(TlsRole::Server, Grant::Own, cx.sockets.rendezvous.is_some(), cx.config.tls.reuse).resumes
        && cx.tls.role(Cargo::File, false) == Some(TlsRole::Server)
        && cx.decide(&policy::Ask::Arrival { from, filter, evidence }).is_ok()
}

/// Begins TLS before the transfer command if this server will be its server whatever that command is. Some
/// clients wait for the end of the handshake before they send the command.
fn begin_tls(cx: &mut Context, listener: Ticket, conn: ConnId, grant: Grant) -> HeldTls {
    let cpsv = cx.sockets.listeners().any(|other| other.ticket == listener && other.tls_client);
    if cx.tls.role(Cargo::File, cpsv) != Some(TlsRole::Server) {
        return HeldTls::Clear;
    }
    let proves = cx.sockets.rendezvous.is_some();
    let how = cx.tls.data_tls(TlsRole::Server, grant, proves, cx.config.tls.reuse);
    let ticket = cx.out.ticket();
    cx.out.ask(Ask::SecureData { ticket, conn, how });
    HeldTls::Securing(ticket, how)
}

/// An answer that may be the end of a held connection's handshake; if it is not, it is given back.
pub(crate) fn handshake(cx: &mut Context, ticket: Ticket, answer: Answer) -> Option<Answer> {
    let awaits = |held: &HeldConnection| matches!(held.tls, HeldTls::Securing(asked, _) if asked == ticket);
    let found = cx.sockets.listeners_mut().find_map(|listener| {
        let place = listener.ticket;
        listener.held.values_mut().find(|held| awaits(held)).map(|held| (place, held))
    });
    let Some((listener, held)) = found else { return Some(answer) };
    let HeldConnection { conn, from, tls, .. } = *held;
    if let (Answer::Secured(shown), HeldTls::Securing(_, how)) = (&answer, tls) {
        held.tls = HeldTls::Secured(how, *shown);
        return None;
    }
    if let Answer::Failed(why) = answer {
        cx.out.event(Event::NotPrivate { from, why });
    }
    if let Some(listener) = cx.sockets.find(listener) {
        listener.held.take_if(|held| held.conn == conn);
        listener.unsecured = Some((conn, from));
    }
    stranger(cx, listener, conn, from);
    None
}

/// How many connections a listener holds, and which of them gives way.
///
/// Without a proof the first connection of a host is the peer, so the later ones of that host give way; a
/// filter means one connection (E21); with strict gender there may be a filter for each direction. Where a
/// proof is due, the order means nothing. Then a newcomer takes the place of the oldest one of its host, so
/// that early strangers do not keep the peer out.
fn places(filters: &[Filter], evidence: Evidence, config: &Config) -> Bounds {
    let all_named = filters.iter().all(|filter| matches!(filter, Filter::Host(_) | Filter::Socket(_)));
    let (places, per_key, to_own) = match (all_named, evidence) {
        (true, Evidence::None) => (filters.len().max(1), filters.len().max(1), GivesWay::Newest),
        (false, Evidence::None) => (config.max_held, config.max_held, GivesWay::Newest),
        (_, Evidence::Rendezvous | Evidence::PinnedLeaf | Evidence::ResumedSession) => {
            (config.max_held, config.max_of_one_address, GivesWay::Oldest)
        }
    };
    Bounds { places, per_key, to_others: GivesWay::Newest, to_own }
}

/// Closes a stranger at once, without reading anything, and counts it (C13, C28).
pub(crate) fn stranger(cx: &mut Context, listener: Ticket, conn: ConnId, from: SocketAddr) {
    cx.out.reset(conn);
    cx.out.event(Event::Stranger { from });
    if let Some(listener) = cx.sockets.find(listener) {
        listener.count_stranger();
    }
}

/// SOCK or RNDZ has changed who may connect: judges every held connection again.
pub(crate) fn judge_again(cx: &mut Context) {
    let evidence = cx.sockets.evidence();
    let Context { login: Login::User(user), sockets, out, config, .. } = cx else { return };
    let listeners: Vec<Ticket> = sockets.listeners().map(|listener| listener.ticket).collect();
    for ticket in listeners {
        let filters = sockets.filters(ticket);
        let Some(listener) = sockets.find(ticket) else { continue };
        let bounds = places(&filters, evidence, config);
        for held in listener.held.take_all() {
            let ask = |filter: &Filter| policy::Ask::Arrival { from: held.from, filter: *filter, evidence };
            let granted = filters.iter().any(|filter| user.decide(&ask(filter)).is_ok());
            let stranger = if granted { listener.hold(bounds, held) } else { Some(held) };
            if let Some(HeldConnection { conn, from, .. }) = stranger {
                listener.count_stranger();
                out.reset(conn);
                out.event(Event::Stranger { from });
            }
        }
    }
}

/// Closes the held connections for which no transfer command came in time.
pub(crate) fn drop_old(cx: &mut Context) {
    let (now, limit) = (cx.now, cx.config.timeouts.held);
    for listener in cx.sockets.listeners_mut() {
        for old in listener.held.take_if(|held| now.since(held.since) >= limit) {
            cx.out.reset(old.conn);
        }
    }
    cx.timed_out(Timer::Held);
}
