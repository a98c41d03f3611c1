//! The data ports of a session.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use ftp_io::os_error::words;
use ftp_proto::address::Parity;
use ftp_proto::server::ask::{Answer, Ticket};
use tokio::sync::Notify;

use super::context::Context;
use super::done::Done;
use crate::limits::{DataPort, MAX_ANONYMOUS_PORTS};
use crate::operate::audit::Record;

/// Reserves a data port. If none is free, others may have to give one back first; `needed` is signalled when
/// this session has to.
pub(super) fn reserve(
    cx: &mut Context,
    needed: &Arc<Notify>,
    ticket: Ticket,
    (at, parity): (IpAddr, Parity),
) {
    if !may_reserve(cx, 1) {
        return cx.answer(ticket, Answer::Port(None));
    }
    let ports = Arc::clone(&cx.shared.shares.ports);
    let (owner, needed) = (cx.client.owner.clone(), Arc::clone(needed));
    cx.start(ticket, async move { Done::Reserved(ticket, ports.reserve(at, owner, &needed, parity).await) });
}

/// Reserves two data ports in the same way.
pub(super) fn reserve_pair(cx: &mut Context, needed: &Arc<Notify>, tickets: [Ticket; 2], at: IpAddr) {
    let [ticket, _] = tickets;
    if !may_reserve(cx, 2) {
        return cx.answer(ticket, Answer::Port(None));
    }
    let ports = Arc::clone(&cx.shared.shares.ports);
    let (owner, needed) = (cx.client.owner.clone(), Arc::clone(needed));
    cx.start(
        ticket,
        async move { Done::ReservedPair(tickets, ports.reserve_pair(at, owner, &needed).await) },
    );
}

/// Data ports were reserved under these names; the machine is told the first one.
pub(super) fn reserved<const N: usize>(cx: &mut Context, ports: [(Ticket, DataPort); N]) -> Answer {
    let number = ports.first().map(|(_, port)| port.reserved.port());
    cx.held.reservations.extend(ports);
    Answer::Port(number)
}

/// Answers that no data port could be reserved.
pub(super) fn no_port(cx: &Context, error: &io::Error) -> Answer {
    cx.shared.record(&Record::NoPort { owner: &cx.client.owner, error: words(error) });
    Answer::Port(None)
}

/// Whether the session may have `more` data ports.
fn may_reserve(cx: &Context, more: usize) -> bool {
    !cx.client.owner.is_anonymous() || cx.held.reservations.len() + more <= MAX_ANONYMOUS_PORTS
}
