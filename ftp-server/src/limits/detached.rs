//! Transfers that may outlive their control connection (DETA). Counts them for each account, and remembers
//! how they ended, for later sessions of the account.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::copy::Meter;
use ftp_io::lock::Lock;
use ftp_proto::fair::{Bounds, Fair, GivesWay, PlaceId};
use ftp_proto::server::ask::{DetachedState, DetachedTransfer, End};
use ftp_proto::timer::Moment;
use ftp_proto::wire::TransferId;

use super::Owner;
use super::limit::{Limit, MAX_DETACHED, MAX_DETACHED_OF_ONE, Use};

/// The transfers that may outlive their control connection, and those that have ended of late.
#[derive(Debug)]
pub struct DetachedTransfers {
    entries: Mutex<Fair<Owner, Entry>>,
    bounds: Bounds,
    /// How long the end of a transfer is remembered.
    remembered: Duration,
    clock: Clock,
}

#[derive(Debug)]
struct Entry {
    id: TransferId,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The transfer has not begun.
    Waiting,
    /// The second value is whether all of it is on stable storage when it is whole.
    Moving(Meter, bool),
    /// It has ended.
    Over {
        moved: u64,
        /// How many of them are known to be on stable storage.
        durable: u64,
        state: DetachedState,
        at: Moment,
    },
}

/// The place of one transfer. It is free again when this is dropped before the end of the transfer.
#[derive(Debug)]
#[must_use]
pub struct DetachedSlot {
    all: Arc<DetachedTransfers>,
    place: PlaceId,
    /// The name of the transfer.
    pub id: TransferId,
}

impl DetachedTransfers {
    /// There is no such transfer yet.
    pub fn new(clock: Clock) -> Arc<Self> {
        Self::bounded(MAX_DETACHED, REMEMBERED, clock)
    }

    fn bounded(places: usize, remembered: Duration, clock: Clock) -> Arc<Self> {
        let bounds = Bounds { to_own: GivesWay::Newest, ..Bounds::new(places).per_key(MAX_DETACHED_OF_ONE) };
        Arc::new(Self { entries: Mutex::default(), bounds, remembered, clock })
    }

    /// Takes a place for the next transfer of a session. Finished and unstarted entries are dropped first. If
    /// all places are taken, a transfer of the account that has most of them is stopped. Returns `None` if
    /// `owner` has as many as it may.
    pub fn reserve(self: &Arc<Self>, owner: Owner, id: TransferId) -> Option<DetachedSlot> {
        let mut entries = self.entries();
        let entry = Entry { id, state: State::Waiting };
        let admitted =
            entries.admit(self.bounds, owner, entry, |_, entry| !matches!(entry.state, State::Moving(..)));
        let (place, displaced) = admitted.ok()?;
        if let Some(Entry { state: State::Moving(meter, _), .. }) = displaced {
            meter.stop();
        }
        Some(DetachedSlot { all: Arc::clone(self), place, id })
    }

    /// How far a transfer of `owner` is; with `stop` it ends. Returns `None` if there is none of this name.
    pub fn look(&self, owner: &Owner, id: TransferId, stop: bool) -> Option<DetachedTransfer> {
        let entries = self.entries();
        let (_, entry) = entries.iter().find(|(of, entry)| *of == owner && entry.id == id)?;
        // Nothing is synced during a transfer, so no byte is known to be durable before its end.
        let told = |moved, durable, state| DetachedTransfer { moved, durable, state };
        Some(match &entry.state {
            State::Waiting => told(0, 0, DetachedState::Waiting),
            State::Moving(meter, _) => {
                if stop {
                    meter.stop();
                }
                told(meter.moved(), 0, DetachedState::Moving)
            }
            State::Over { moved, durable, state, .. } => told(*moved, *durable, state.clone()),
        })
    }

    /// How many places are taken.
    pub fn in_use(&self) -> Use {
        let used = self.entries().len();
        Use { limit: Limit::DetachedTransfers, used, bound: Some(self.bounds.places) }
    }

    /// All entries, without those that ended too long ago.
    fn entries(&self) -> MutexGuard<'_, Fair<Owner, Entry>> {
        let mut entries = self.entries.locked();
        let now = self.clock.now();
        let is_old = |at| now.since(at) >= self.remembered;
        entries.take_if(|entry| matches!(entry.state, State::Over { at, .. } if is_old(at)));
        entries
    }
}

impl DetachedSlot {
    /// The transfer begins to move. `is_synced` tells whether it stores a file that is on stable storage when
    /// it is whole.
    pub fn begin(&self, meter: &Meter, is_synced: bool) {
        let mut entries = self.all.entries();
        if let Some(entry) = entries.values_mut().find(|entry| entry.id == self.id) {
            entry.state = State::Moving(meter.clone(), is_synced);
        }
    }

    /// The transfer has ended, and is remembered for an hour.
    pub fn end(self, moved: u64, end: &End) {
        let state = match end {
            End::Whole(_) => DetachedState::Whole,
            End::Broken(_) => DetachedState::Failed("the data connection broke".to_owned()),
            End::Stopped => DetachedState::Failed("it was stopped".to_owned()),
            End::Failed(failure) => DetachedState::Failed(failure.to_string()),
        };
        let at = self.all.clock.now();
        let mut entries = self.all.entries();
        if let Some(entry) = entries.values_mut().find(|entry| entry.id == self.id) {
            let is_synced = matches!(entry.state, State::Moving(_, true)) && state == DetachedState::Whole;
            let durable = if is_synced { moved } else { 0 };
            entry.state = State::Over { moved, durable, state, at };
        }
    }
}

impl Drop for DetachedSlot {
    fn drop(&mut self) {
        let mut entries = self.all.entries();
        let is_over = |entry: &Entry| entry.id == self.id && matches!(entry.state, State::Over { .. });
        if !entries.iter().any(|(_, entry)| is_over(entry)) {
            entries.remove(self.place);
        }
    }
}

/// How long the end of a transfer is remembered.
const REMEMBERED: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::named;

    fn id(n: u8) -> TransferId {
        TransferId::new([n; 16])
    }

    fn state(all: &DetachedTransfers, name: &str, n: u8) -> Option<DetachedState> {
        all.look(&named(name), id(n), false).map(|found| found.state)
    }

    #[test]
    fn only_the_account_itself_sees_a_transfer_and_may_end_it() {
        let all = DetachedTransfers::new(Clock::start());
        let slot = all.reserve(named("ann"), id(1)).unwrap();
        assert_eq!(state(&all, "ann", 1), Some(DetachedState::Waiting));
        assert_eq!(state(&all, "eve", 1), None);
        assert_eq!(state(&all, "ann", 2), None);
        let meter = Meter::default();
        slot.begin(&meter, false);
        assert!(all.look(&named("eve"), id(1), true).is_none() && !meter.is_stopped());
        assert!(all.look(&named("ann"), id(1), true).is_some() && meter.is_stopped());
        slot.end(7, &End::Stopped);
        let found = all.look(&named("ann"), id(1), true).unwrap();
        assert_eq!((found.moved, found.state), (7, DetachedState::Failed("it was stopped".to_owned())));
    }

    #[test]
    fn bytes_are_durable_when_a_file_that_is_synced_is_whole() {
        let all = DetachedTransfers::new(Clock::start());
        for (n, is_synced, end, durable) in
            [(1, true, End::WHOLE_FILE, 7), (2, false, End::WHOLE_FILE, 0), (3, true, End::Stopped, 0)]
        {
            let slot = all.reserve(named("ann"), id(n)).unwrap();
            slot.begin(&Meter::default(), is_synced);
            assert_eq!(all.look(&named("ann"), id(n), false).unwrap().durable, 0);
            slot.end(7, &end);
            let found = all.look(&named("ann"), id(n), false).unwrap();
            assert_eq!((found.moved, found.durable), (7, durable), "{n}");
        }
    }

    #[test]
    fn an_account_has_a_few_and_what_has_ended_makes_room() {
        let all = DetachedTransfers::new(Clock::start());
        let reserve =
            |n| all.reserve(named("ann"), id(n)).inspect(|slot| slot.begin(&Meter::default(), false));
        let mut slots: Vec<DetachedSlot> = (0..).map_while(reserve).take(2 * MAX_DETACHED_OF_ONE).collect();
        assert_eq!(slots.len(), MAX_DETACHED_OF_ONE);
        assert!(all.reserve(named("bob"), id(100)).is_some());
        slots.remove(0).end(5, &End::WHOLE_FILE);
        assert_eq!(state(&all, "ann", 0), Some(DetachedState::Whole));
        let next = reserve(50).unwrap();
        assert_eq!(state(&all, "ann", 0), None, "it was forgotten for the next one");
        drop((next, slots));
        assert!(all.entries().is_empty(), "a session that ends before its transfer leaves nothing");
    }

    #[test]
    fn the_end_of_a_transfer_is_forgotten_when_its_time_is_over_and_one_that_moves_is_not() {
        let all = DetachedTransfers::bounded(4, Duration::ZERO, Clock::start());
        let [ended, moving] = [1, 2].map(|n| {
            let slot = all.reserve(named("ann"), id(n)).unwrap();
            slot.begin(&Meter::default(), false);
            slot
        });
        ended.end(5, &End::WHOLE_FILE);
        assert_eq!(state(&all, "ann", 1), None);
        assert_eq!(state(&all, "ann", 2), Some(DetachedState::Moving));
        assert!(all.look(&named("ann"), id(1), true).is_none(), "nothing is left to end");
        drop(moving);
        assert!(all.entries().is_empty());
    }

    #[test]
    fn when_all_places_are_taken_whoever_has_most_loses_one() {
        let all = DetachedTransfers::bounded(4, REMEMBERED, Clock::start());
        let meters: [Meter; 4] = Default::default();
        let _slots: Vec<DetachedSlot> = [("eve", 0), ("eve", 1), ("eve", 2), ("bob", 3)]
            .map(|(name, n)| {
                let slot = all.reserve(named(name), id(n)).unwrap();
                slot.begin(&meters[usize::from(n)], false);
                slot
            })
            .into();
        let _ann = all.reserve(named("ann"), id(9)).unwrap();
        assert!(meters[0].is_stopped(), "the oldest of eve's");
        assert!(!meters[3].is_stopped() && state(&all, "bob", 3).is_some());
        assert_eq!(state(&all, "ann", 9), Some(DetachedState::Waiting));
    }
}
