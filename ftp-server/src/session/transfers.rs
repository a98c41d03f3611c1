//! The transfers of a session: how they begin, what they keep, and how they end.

use std::sync::Arc;

use ftp_io::clock::Clock;
use ftp_io::copy::KeptConnection;
use ftp_proto::server::ask::{Answer, ConnId, End, FileFailure, Ticket, TransferTerms};
use ftp_proto::wire::TransferId;
use tokio::sync::Notify;

use super::context::{Context, ReadyAnswer, WorkResult};
use crate::data::{self, Doubt, OpenTransfer, Pumped};
use crate::limits::{DetachedSlot, HeldSlot, SessionRate};
use crate::vfs::{Durability, HeldGroup, PreparedTransfer};

/// What a session has for its next transfers.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    /// Signalled when the session must close the data connections that it keeps between two files.
    pub(super) connections_needed: Arc<Notify>,
    /// Signalled when a group of the session has lost its place.
    pub(super) groups_needed: Arc<Notify>,
    /// The place of the group that is being received.
    pub(super) held_slot: Option<HeldSlot>,
    /// What RATE has left to the next transfer.
    rate: SessionRate,
    /// The place of the next transfer, if DETA permits it to outlive the control connection.
    detaches: Option<DetachedSlot>,
}

impl Transfers {
    /// Takes the place that the next transfer needs to outlive its control connection.
    pub(super) fn detach(&mut self, cx: &mut Context, ticket: Ticket, id: TransferId) {
        self.detaches = None; // its place is free again before the next one is taken
        self.detaches = cx.shared.shares.detached.reserve(cx.client.owner.clone(), id);
        cx.answer(ticket, Answer::Detach(self.detaches.is_some()));
    }

    /// Keeps a connection for the next file, if there is a place for it. Otherwise it ends in order.
    fn keep(&self, cx: &mut Context, conn: ConnId, kept: KeptConnection) -> bool {
        let slot = cx.shared.shares.kept.take(cx.client.owner.clone(), &self.connections_needed);
        match slot {
            Some(slot) => {
                cx.held.keep(conn, kept, slot);
                true
            }
            None => {
                kept.close();
                false
            }
        }
    }

    /// Takes the place of a group that is about to be received. Returns whether there is one.
    pub(super) fn reserve_group(&mut self, cx: &Context) -> bool {
        self.held_slot = None; // its place is free again before the next one is taken
        self.held_slot = cx.shared.shares.groups.take(cx.client.owner.clone(), &self.groups_needed);
        self.held_slot.is_some()
    }

    /// A transfer has ended: what it has received of a group is held, and its connection is kept for the next file.
    pub(super) fn moved(&mut self, cx: &mut Context, ticket: Ticket, conn: ConnId, pumped: Pumped) -> Answer {
        let Pumped { bytes, group, kept, end, .. } = pumped;
        let has_place = self.hold(cx, group);
        let end = if has_place { end } else { End::Failed(FileFailure::HeldGroups) };
        let kept = kept.filter(|_| has_place).is_some_and(|kept| self.keep(cx, conn, kept));
        detached_ends(cx, ticket, bytes, &end);
        Answer::Moved { bytes, kept, end }
    }

    /// What was received of a group is held until it gets its names. Returns whether that is so.
    fn hold(&mut self, cx: &mut Context, group: Option<Box<HeldGroup>>) -> bool {
        let (slot, Some(group)) = (self.held_slot.take(), group) else { return true };
        let Some(slot) = slot else {
            cx.held.drop_elsewhere(group);
            return false;
        };
        if slot.is_taken() {
            // Others have needed the place meanwhile: the machine is told as of every other group.
            self.groups_needed.notify_one();
        }
        cx.held.groups.insert(group.number(), (group, slot));
        true
    }
}

/// Starts a transfer of either direction. A file that is to be received is made first.
pub(super) fn begin(
    cx: &mut Context,
    transfers: &mut Transfers,
    ticket: Ticket,
    (prepared, conn): (Ticket, ConnId),
    terms: TransferTerms,
) {
    let (Some(prepared), Some(connection)) = (cx.held.prepared.remove(&prepared), cx.held.take_data(conn))
    else {
        let end = End::Broken("the data connection is gone".to_owned());
        return cx.answer(ticket, nothing_moved(end));
    };
    let turns = Arc::clone(&cx.shared.shares.transfers);
    let own = transfers.rate.limiter(terms.rate, &cx.client.owner, &cx.shared.shares.rates);
    let meter = cx.client.meter(&prepared, own, &turns);
    let leave = terms.detach.and_then(|id| transfers.detaches.take_if(|slot| slot.id == id));
    if let Some(slot) = leave {
        let is_synced = cx.shared.durability == Durability::Synced;
        slot.begin(&meter, is_synced && matches!(prepared, PreparedTransfer::Receive(_)));
        cx.held.detached.insert(ticket, slot);
    }
    let doubt = Doubt::default();
    cx.held.moves.insert(ticket, meter.clone());
    cx.held.doubts.insert(ticket, doubt.clone());
    let (is_open, is_near, durability) = (prepared.is_open(), prepared.is_near(), cx.shared.durability);
    // The session counts until its file is finished, even if its control connection ends before.
    let place = (!is_open).then(|| (cx.slot.share(), cx.held.guard()));
    let open = move || {
        let begun = data::begin(prepared, connection, terms, durability, (&meter, doubt));
        drop(place);
        begun
    };
    let done =
        move |begun: Result<OpenTransfer, _>| WorkResult::Begun(ticket, begun.map(Box::new), conn, terms);
    if is_open {
        return cx.ready.push_back(ReadyAnswer::Done(Box::new(done(open()))));
    }
    cx.start_in_turn(ticket, (&turns, is_near), open, done);
}

/// Moves the bytes of a transfer.
pub(super) fn start(
    cx: &mut Context,
    ticket: Ticket,
    begun: OpenTransfer,
    conn: ConnId,
    terms: TransferTerms,
) {
    if let OpenTransfer::Received(pumped) = begun {
        cx.held.forget_move(ticket);
        return cx.ready.push_back(ReadyAnswer::Done(Box::new(WorkResult::Moved(ticket, conn, pumped))));
    }
    let meter = cx.held.moves.get(&ticket).cloned().unwrap_or_default();
    // The session counts until the file is finished, even if its control connection ends before.
    let place = cx.slot.share();
    cx.held.start_transfer(place, async move {
        let pumped = data::pump(begun, terms, Clock::today(), meter).await;
        WorkResult::Moved(ticket, conn, pumped)
    });
}

/// Answers that the file could not be opened; its connection was reset.
pub(super) fn not_begun(cx: &mut Context, ticket: Ticket, failure: FileFailure) -> Answer {
    cx.held.forget_move(ticket);
    let end = End::Failed(failure);
    detached_ends(cx, ticket, 0, &end);
    nothing_moved(end)
}

/// Records the end of a transfer that might have outlived its control connection.
fn detached_ends(cx: &mut Context, ticket: Ticket, bytes: u64, end: &End) {
    if let Some(slot) = cx.held.detached.remove(&ticket) {
        slot.end(bytes, end);
    }
}

/// A move that has ended before its first byte.
const fn nothing_moved(end: End) -> Answer {
    Answer::Moved { bytes: 0, kept: false, end }
}
