//! Transfers that may outlive their control connection (DETA), as all sessions of a server share them.

use super::Pair;
use super::scenario::Sabotage;
use super::world::{Event, World};
use ftp_proto::server::ask::{Answer, Ask, DetachedState, DetachedTransfer, Ticket};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use ftp_proto::wire::TransferId;

/// How many of one account go on or wait at the same time.
const MOST: usize = 4;

/// A move: the number of its world, the server, and its ticket.
pub(super) type Move = (usize, Side, Ticket);

/// The transfers of both servers.
#[derive(Debug, Default)]
pub(super) struct Detached {
    entries: Pair<Vec<Entry>>,
    /// The moves that somebody has ended, each to be stopped in its world.
    stops: Vec<Move>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: TransferId,
    pub(super) account: &'static str,
    world: usize,
    ticket: Option<Ticket>,
    moved: u64,
    pub(super) state: DetachedState,
}

impl Entry {
    fn is_open(&self) -> bool {
        matches!(self.state, DetachedState::Waiting | DetachedState::Moving)
    }
}

impl Detached {
    /// A place for the next transfer of a session, instead of the one that has not begun.
    pub(super) fn reserve(
        &mut self,
        side: Side,
        world: usize,
        account: &'static str,
        id: TransferId,
    ) -> bool {
        self.forget(side, world);
        let entries = self.entries.at_mut(side);
        if entries.iter().filter(|entry| entry.account == account && entry.is_open()).count() >= MOST {
            return false;
        }
        let state = DetachedState::Waiting;
        entries.push(Entry { id, account, world, ticket: None, moved: 0, state });
        true
    }

    /// A session has ended: what has not begun never will.
    pub(super) fn forget(&mut self, side: Side, world: usize) {
        let waits = |entry: &Entry| entry.world == world && entry.state == DetachedState::Waiting;
        self.entries.at_mut(side).retain(|entry| !waits(entry));
    }

    /// The transfer begins to move.
    pub(super) fn begins(&mut self, side: Side, id: TransferId, ticket: Ticket) {
        if let Some(entry) = self.entry(side, id) {
            (entry.state, entry.ticket) = (DetachedState::Moving, Some(ticket));
        }
    }

    /// The transfer has ended; `why` it is not whole.
    pub(super) fn ends(&mut self, side: Side, id: TransferId, moved: u64, why: Option<&str>) {
        if let Some(entry) = self.entry(side, id) {
            let state = why.map_or(DetachedState::Whole, |why| DetachedState::Failed(why.to_owned()));
            (entry.state, entry.moved) = (state, moved);
        }
    }

    /// How far a transfer of that account is; `None` if the account has none of this name.
    pub(super) fn look(
        &mut self,
        side: Side,
        account: Option<&str>,
        id: TransferId,
        stop: bool,
    ) -> Option<DetachedTransfer> {
        let entries = self.entries.at_mut(side);
        let entry = entries.iter().find(|entry| entry.id == id)?;
        if account.is_some_and(|account| entry.account != account) {
            return None;
        }
        if stop && let (DetachedState::Moving, Some(ticket)) = (&entry.state, entry.ticket) {
            self.stops.push((entry.world, side, ticket));
        }
        Some(DetachedTransfer { moved: entry.moved, durable: 0, state: entry.state.clone() })
    }

    /// All transfers at that server.
    pub(super) fn all(&self, side: Side) -> &[Entry] {
        self.entries.at(side)
    }

    /// The moves to be stopped.
    pub(super) fn take_stops(&mut self) -> Vec<Move> {
        std::mem::take(&mut self.stops)
    }

    fn entry(&mut self, side: Side, id: TransferId) -> Option<&mut Entry> {
        self.entries.at_mut(side).iter_mut().find(|entry| entry.id == id)
    }
}

/// A session that goes on without its control connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Alone {
    pub(super) since: Moment,
    /// The number of the file that moves.
    pub(super) file: Option<usize>,
}

impl World {
    /// Transfers that may outlive their control connection, as all sessions share them.
    pub(super) fn perform_on_detached(&mut self, side: Side, ask: Ask) {
        let account = self.scenario.account;
        if let Ask::Detach { ticket, id } = ask {
            let place = self.shared.borrow_mut().detached.reserve(side, self.number, account, id);
            let answer = Answer::Detach(place);
            self.schedule_within(self.scenario.delays.answer, Event::Answer(side, ticket, answer));
        } else if let Ask::Detached { ticket, id, stop } = ask {
            let one = self.scenario.sabotage == Some(Sabotage::OneOwner);
            let account = Some(account).filter(|_| !one);
            let found = self.shared.borrow_mut().detached.look(side, account, id, stop);
            let answer = Answer::Detached(found);
            self.schedule_within(self.scenario.delays.answer, Event::Answer(side, ticket, answer));
        }
    }

    /// Another session of the account has ended a move.
    pub(super) fn ended_by_others(&mut self, side: Side, ticket: Ticket) {
        if self.hosts.at(side).moves.contains_key(&ticket) {
            self.hosts.at_mut(side).stopped_by_others = true;
            self.stop(side, ticket);
        }
    }
}
