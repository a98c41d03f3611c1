//! Connections that arrive at a listener before a transfer command: each is held for the command, or
//! is a stranger that changes nothing (RFC 478 note 1, C08, C13, E21).

use super::ask::{ConnId, Event, Ticket};
use super::context::Context;
use super::listener::Held;
use super::timer::Timer;
use super::user::Login;
use crate::policy::{self, Evidence, Filter};
use std::net::SocketAddr;

/// A connection has arrived, and no transfer waits for it.
pub(super) fn arrived(cx: &mut Context, listener: Ticket, conn: ConnId, from: SocketAddr) {
    let evidence = cx.sockets.evidence();
    let Some(found) = cx.sockets.find(listener) else {
        // It was on its way when the listener was closed.
        return cx.out.reset(conn);
    };
    let filter = found.filter;
    let full = found.held.len() >= room(filter, evidence, cx.config.max_held);
    if full || cx.decide(&policy::Ask::Arrival { from, filter, evidence }).is_err() {
        return stranger(cx, listener, conn, from);
    }
    let since = cx.now;
    if let Some(found) = cx.sockets.find(listener) {
        found.held.push(Held { conn, from, since });
    }
}

/// How many connections a listener holds. A filter without a proof means one connection; the second
/// one of the same peer is refused (E21).
const fn room(filter: Filter, evidence: Evidence, max_held: usize) -> usize {
    match filter {
        Filter::Host(_) | Filter::Socket(_) if matches!(evidence, Evidence::None) => 1,
        Filter::Open | Filter::Host(_) | Filter::Socket(_) | Filter::Nobody => max_held,
    }
}

/// Closes a stranger at once, without reading anything, and counts it (C13, C28).
pub(super) fn stranger(cx: &mut Context, listener: Ticket, conn: ConnId, from: SocketAddr) {
    cx.out.reset(conn);
    cx.out.event(Event::Stranger { from });
    if let Some(listener) = cx.sockets.find(listener) {
        listener.count_stranger();
    }
}

/// SOCK or RNDZ has changed who may connect: judges every held connection again.
pub(super) fn judge_again(cx: &mut Context) {
    let evidence = cx.sockets.evidence();
    let max_held = cx.config.max_held;
    let Context { login: Login::User(user), sockets, out, .. } = cx else { return };
    for listener in sockets.listeners_mut() {
        let filter = listener.filter;
        let room = room(filter, evidence, max_held);
        for held in std::mem::take(&mut listener.held) {
            let granted = user.decide(&policy::Ask::Arrival { from: held.from, filter, evidence });
            if granted.is_ok() && listener.held.len() < room {
                listener.held.push(held);
            } else {
                listener.count_stranger();
                out.reset(held.conn);
                out.event(Event::Stranger { from: held.from });
            }
        }
    }
}

/// Closes the held connections for which no transfer command came in time.
pub(super) fn drop_old(cx: &mut Context) {
    let (now, limit) = (cx.now, cx.config.timeouts.held);
    for listener in cx.sockets.listeners_mut() {
        for old in listener.held.extract_if(.., |held| now.since(held.since) >= limit) {
            cx.out.reset(old.conn);
        }
    }
    cx.timed_out(Timer::Held);
}
