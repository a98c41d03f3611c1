//! A fair semaphore: turns at work of which little can be done at the same time. The owner with the fewest
//! turns is next; ties go to the one whose last turn is longest ago.
//!
//! The work of one turn has to be short; large work takes many turns. So no turn is ever taken back.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use ftp_io::blocking;
use ftp_io::copy::{Gate, Pass};
use ftp_io::lock::Lock;
use tokio::sync::oneshot;
use tokio::task::JoinError;

use super::Owner;
use super::limit::{Limit, Use};

/// The turns of all sessions.
#[derive(Debug)]
pub struct Turns {
    /// How many there are.
    count: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Maximum number of turns of one owner.
    per_owner: usize,
    /// In the order in which they came.
    waiting: Vec<(Owner, oneshot::Sender<Turn>)>,
    /// Those who have turns or wait for one.
    owners: HashMap<Owner, Share>,
    /// How many turns there were so far.
    given: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    /// Turns that it has now.
    running: usize,
    waiting: usize,
    /// The number of its last turn.
    last: u64,
}

/// The turn of one session. Dropping it passes the turn on.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    turns: Arc<Turns>,
    owner: Owner,
}

/// The turns of one owner, for work that takes them itself.
#[derive(Debug)]
pub struct OwnTurns {
    turns: Arc<Turns>,
    owner: Owner,
}

impl Turns {
    /// Creates `count` turns, at least one. One owner may have all of them.
    pub fn new(count: usize) -> Arc<Self> {
        Self::with_limit(count, usize::MAX)
    }

    /// Creates `count` turns, at least two, of which one owner has at most half. This is for work that may
    /// hang: the others can still go on.
    pub fn with_half_per_owner(count: usize) -> Arc<Self> {
        Self::with_limit(count.max(2), count.max(2) / 2)
    }

    fn with_limit(count: usize, per_owner: usize) -> Arc<Self> {
        let count = count.max(1);
        let state = State { free: count, per_owner, waiting: Vec::new(), owners: HashMap::new(), given: 0 };
        Arc::new(Self { count, state: Mutex::new(state) })
    }

    /// Takes a turn of `owner`, if it needs no wait.
    pub fn take(self: &Arc<Self>, owner: &Owner) -> Option<Turn> {
        let mut state = self.state.locked();
        let is_free = state.free > 0 && state.may_have_more(owner);
        is_free.then(|| self.give(&mut state, owner.clone()))
    }

    /// The turns of `owner`.
    pub fn of(self: &Arc<Self>, owner: Owner) -> Arc<OwnTurns> {
        Arc::new(OwnTurns { turns: Arc::clone(self), owner })
    }

    /// Waits for a turn of `owner`.
    pub async fn wait(self: &Arc<Self>, owner: Owner) -> Turn {
        let waits = {
            let mut state = self.state.locked();
            if state.free > 0 && state.may_have_more(&owner) {
                return self.give(&mut state, owner);
            }
            let (give, waits) = oneshot::channel();
            state.owners.entry(owner.clone()).or_default().waiting += 1;
            state.waiting.push((owner.clone(), give));
            waits
        };
        match waits.await {
            Ok(turn) => turn,
            // A sender is never dropped without a turn; if one were lost, the work would go on without it.
            Err(_) => self.give(&mut self.state.locked(), owner),
        }
    }

    /// Runs `work` in a turn of `owner`, on a thread that may block.
    ///
    /// # Errors
    /// The work has panicked, or the process is ending.
    pub async fn run_blocking<T: Send + 'static>(
        self: &Arc<Self>,
        owner: Owner,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let turn = self.wait(owner).await;
        blocking::spawn(turn.during(work)).await
    }

    /// How far the turns are used, as `limit`.
    pub fn in_use(&self, limit: Limit) -> Use {
        Use { limit, used: self.count.saturating_sub(self.state.locked().free), bound: Some(self.count) }
    }

    /// Takes a free turn.
    fn give(self: &Arc<Self>, state: &mut State, owner: Owner) -> Turn {
        state.free = state.free.saturating_sub(1);
        state.given += 1;
        let given = state.given;
        let usage = state.owners.entry(owner.clone()).or_default();
        usage.running += 1;
        usage.last = given;
        Turn { turns: Arc::clone(self), owner }
    }

    /// Gives free turns to those who wait. A session that has ended meanwhile drops its turn at once, and
    /// the next one gets it.
    fn pass_on(self: &Arc<Self>) {
        loop {
            let mut state = self.state.locked();
            let Some((owner, give)) = state.next() else { return };
            if give.is_closed() {
                state.forget(&owner);
                continue;
            }
            let turn = self.give(&mut state, owner);
            drop(state);
            // If the session ends just now, the turn is dropped here and passed on.
            drop(give.send(turn));
        }
    }
}

impl State {
    /// Who has the next turn, if one is free.
    fn next(&mut self) -> Option<(Owner, oneshot::Sender<Turn>)> {
        if self.free == 0 {
            return None;
        }
        let rank = |owner: &Owner| self.owners.get(owner).map_or((0, 0), |usage| (usage.running, usage.last));
        let waiting = self.waiting.iter().enumerate().filter(|(_, (owner, _))| self.may_have_more(owner));
        let (index, _) = waiting.min_by_key(|(_, (owner, _))| rank(owner))?;
        let (owner, give) = self.waiting.remove(index);
        if let Some(usage) = self.owners.get_mut(&owner) {
            usage.waiting = usage.waiting.saturating_sub(1);
        }
        Some((owner, give))
    }

    fn may_have_more(&self, owner: &Owner) -> bool {
        self.owners.get(owner).is_none_or(|usage| usage.running < self.per_owner)
    }

    /// A turn of `owner` has ended.
    fn end(&mut self, owner: &Owner) {
        self.free += 1;
        if let Some(usage) = self.owners.get_mut(owner) {
            usage.running = usage.running.saturating_sub(1);
        }
        self.forget(owner);
    }

    /// Forgets `owner`, if it has no turn and waits for none.
    fn forget(&mut self, owner: &Owner) {
        if self.owners.get(owner).is_some_and(|usage| usage.running == 0 && usage.waiting == 0) {
            self.owners.remove(owner);
        }
    }
}

impl Turn {
    /// The same work, which holds the turn until it is done, also if the session ends before.
    pub fn during<T>(self, work: impl FnOnce() -> T) -> impl FnOnce() -> T {
        move || {
            let _turn = self;
            work()
        }
    }
}

impl Gate for OwnTurns {
    fn pass(&self) -> Pin<Box<dyn Future<Output = Pass> + Send + '_>> {
        Box::pin(async { Box::new(self.turns.wait(self.owner.clone()).await) as Pass })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.state.locked().end(&self.owner);
        self.turns.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::named;
    use std::sync::mpsc::{Sender, channel};
    use tokio::task::JoinHandle;

    /// Work that takes so many turns and writes its name at each.
    fn work(
        turns: &Arc<Turns>,
        name: &'static str,
        count: usize,
        log: &Sender<&'static str>,
    ) -> JoinHandle<()> {
        let (turns, log) = (Arc::clone(turns), log.clone());
        tokio::spawn(async move {
            for _ in 0..count {
                let turn = turns.wait(named(name)).await;
                log.send(name).unwrap();
                tokio::task::yield_now().await;
                drop(turn);
            }
        })
    }

    #[tokio::test]
    async fn one_who_wants_little_waits_for_no_more_than_one_turn_of_each_other() {
        let turns = Turns::new(1);
        let (log, logged) = channel();
        let mut all: Vec<_> = (0..50).map(|_| work(&turns, "ann", 4, &log)).collect();
        tokio::task::yield_now().await;
        all.push(work(&turns, "bob", 3, &log));
        for one in all {
            one.await.unwrap();
        }
        let order: Vec<_> = logged.try_iter().collect();
        let first = order.iter().position(|name| *name == "bob").unwrap();
        let last = order.iter().rposition(|name| *name == "bob").unwrap();
        assert!(first <= 2 && last <= first + 4, "{order:?}");
        assert_eq!(order.len(), 203);
        assert!(turns.state.locked().owners.is_empty() && turns.state.locked().free == 1);
    }

    #[tokio::test]
    async fn work_of_one_owner_that_hangs_leaves_half_of_the_turns() {
        let turns = Turns::with_half_per_owner(4);
        let hangs = [turns.wait(named("ann")).await, turns.wait(named("ann")).await];
        let third = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { turns.wait(named("ann")).await }
        });
        tokio::task::yield_now().await;
        for _ in 0..10 {
            drop(turns.wait(named("bob")).await);
        }
        assert!(!third.is_finished());
        drop(hangs);
        drop(third.await.unwrap());
        assert!(turns.state.locked().owners.is_empty() && turns.state.locked().free == 4);
    }

    #[tokio::test]
    async fn sessions_that_end_while_they_wait_leave_nothing() {
        let turns = Turns::new(2);
        let held = [turns.wait(named("ann")).await, turns.wait(named("ann")).await];
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move { turns.wait(named("bob")).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(turns.state.locked().waiting.len(), 5);
        for one in &waiting {
            one.abort();
        }
        for one in waiting {
            assert!(one.await.is_err());
        }
        drop(held);
        assert!(turns.state.locked().waiting.is_empty() && turns.state.locked().owners.is_empty());
        assert_eq!(turns.state.locked().free, 2);
    }
}
