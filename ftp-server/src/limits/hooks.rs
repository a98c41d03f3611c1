//! Room for the hooks that run after uploads, and their turns. Few hooks run at the same time, and few wait: an
//! upload takes the place of its hook before it begins, and waits until there is one. So no hook is left out, and no
//! account fills the memory or delays the uploads of others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ftp_io::lock::Lock;
use tokio::sync::oneshot;

use super::Owner;
use super::limit::{HookLimits, Limit, Use};
use super::turns::{Turn, Turns};

/// The hooks of all sessions.
#[derive(Debug)]
pub struct Hooks {
    turns: Arc<Turns>,
    places: Arc<Places>,
}

/// The places of hooks that wait, and of those that uploads under way will need.
#[derive(Debug)]
struct Places {
    /// How many there should be.
    waiting: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Those who have places.
    taken: HashMap<Owner, usize>,
    /// How many they have together.
    all: usize,
    /// Uploads that wait for room, in the order in which they came.
    requests: Vec<Request>,
}

/// An upload that waits for room.
#[derive(Debug)]
struct Request {
    owner: Owner,
    count: usize,
    give: oneshot::Sender<HookRoom>,
}

/// Places that one account has taken. Those that are not used are free again when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct HookRoom {
    places: Arc<Places>,
    owner: Owner,
    count: usize,
}

impl Hooks {
    /// Nothing runs yet.
    pub(super) fn new(limits: HookLimits) -> Self {
        let turns =
            if limits.at_once > 1 { Turns::with_half_per_owner(limits.at_once) } else { Turns::new(1) };
        Self { turns, places: Arc::new(Places { waiting: limits.waiting, state: Mutex::default() }) }
    }

    /// Takes `count` places of `owner` together, as soon as it may have more. Of those who wait, the account with
    /// fewest places is next.
    pub async fn room(&self, owner: Owner, count: usize) -> HookRoom {
        let places = &self.places;
        let given = {
            let mut state = places.state.locked();
            if state.may_have_more(&owner, places.waiting) {
                return places.give(&mut state, owner, count);
            }
            let (give, given) = oneshot::channel();
            state.requests.push(Request { owner: owner.clone(), count, give });
            given
        };
        // A sender is never dropped without room; if one were lost, the upload would go on.
        given.await.unwrap_or_else(|_| self.room_at_once(owner, count))
    }

    /// Takes places without a wait. This is for a hook whose command has taken none.
    pub fn room_at_once(&self, owner: Owner, count: usize) -> HookRoom {
        self.places.give(&mut self.places.state.locked(), owner, count)
    }

    /// Waits for the turn of a hook that has this room, which is free again then.
    pub async fn turn(&self, room: HookRoom) -> Turn {
        let turn = self.turns.wait(room.owner.clone()).await;
        drop(room);
        turn
    }

    /// How many places are taken.
    pub(super) fn in_use(&self) -> Use {
        Use { limit: Limit::Hooks, used: self.places.state.locked().all, bound: Some(self.places.waiting) }
    }
}

impl HookRoom {
    /// Takes one of the places out, if there is one.
    pub fn take(&mut self) -> Option<Self> {
        self.count = self.count.checked_sub(1)?;
        Some(Self { places: Arc::clone(&self.places), owner: self.owner.clone(), count: 1 })
    }
}

impl Drop for HookRoom {
    fn drop(&mut self) {
        if self.count > 0 {
            self.places.state.locked().free(&self.owner, self.count);
            self.places.pass_on();
        }
    }
}

impl Places {
    fn give(self: &Arc<Self>, state: &mut State, owner: Owner, count: usize) -> HookRoom {
        if count > 0 {
            *state.taken.entry(owner.clone()).or_default() += count;
            state.all += count;
        }
        HookRoom { places: Arc::clone(self), owner, count }
    }

    /// Gives free places to those who wait. A session that has ended meanwhile drops its room at once, and the next
    /// one gets it.
    fn pass_on(self: &Arc<Self>) {
        loop {
            let mut state = self.state.locked();
            let Some(Request { owner, count, give }) = state.next(self.waiting) else { return };
            if give.is_closed() {
                continue;
            }
            let room = self.give(&mut state, owner, count);
            drop(state);
            // If the session ends just now, the room is dropped here and passed on.
            drop(give.send(room));
        }
    }
}

impl State {
    /// Whether an account may have more places: it has less than half of them, and where all are taken, less than an
    /// equal share. So two accounts that take all that they can keep no third one waiting.
    fn may_have_more(&self, owner: &Owner, waiting: usize) -> bool {
        let own = self.count(owner);
        let owners = self.taken.len() + usize::from(own == 0);
        let is_below_share = owners <= waiting && own.saturating_mul(owners) < waiting;
        own < (waiting / 2).max(1) && (self.all < waiting || is_below_share)
    }

    /// Takes out who has the next places, if there are any for those who wait.
    fn next(&mut self, waiting: usize) -> Option<Request> {
        let may = |request: &Request| self.may_have_more(&request.owner, waiting);
        let some = self.requests.iter().enumerate().filter(|(_, request)| may(request));
        let (index, _) = some.min_by_key(|(_, request)| self.count(&request.owner))?;
        Some(self.requests.remove(index))
    }

    fn count(&self, owner: &Owner) -> usize {
        self.taken.get(owner).copied().unwrap_or(0)
    }

    fn free(&mut self, owner: &Owner, count: usize) {
        self.all = self.all.saturating_sub(count);
        if let Some(taken) = self.taken.get_mut(owner) {
            *taken = taken.saturating_sub(count);
            if *taken == 0 {
                self.taken.remove(owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::named;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn hooks(waiting: usize) -> Hooks {
        Hooks::new(HookLimits { at_once: 1, waiting })
    }

    /// What a future has come to, if that needs no more waiting.
    fn now<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    #[track_caller]
    fn at_once(hooks: &Hooks, name: &str, count: usize) -> HookRoom {
        now(pin!(hooks.room(named(name), count))).expect("there is room")
    }

    #[test]
    fn an_account_that_has_half_of_the_places_waits_and_nobody_else() {
        let hooks = hooks(8);
        let ann = at_once(&hooks, "ann", 3);
        let more = at_once(&hooks, "ann", 200);
        assert_eq!(hooks.in_use().used, 203, "a group is not divided");
        let mut waits = pin!(hooks.room(named("ann"), 1));
        assert!(now(waits.as_mut()).is_none());
        let bob = at_once(&hooks, "bob", 1);
        drop((ann, bob));
        assert!(now(waits.as_mut()).is_none());
        drop(more);
        assert_eq!(now(waits.as_mut()).map(|room| room.count), Some(1));
    }

    #[test]
    fn two_accounts_that_take_all_keep_no_third_one_waiting() {
        let hooks = hooks(10);
        let all: Vec<HookRoom> = ["eve", "mallory"]
            .map(|name| [(); 5].map(|()| at_once(&hooks, name, 1)))
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(hooks.in_use().used, 10);
        let bob: Vec<HookRoom> = (0..4).map(|_| at_once(&hooks, "bob", 1)).collect();
        let mut fifth = pin!(hooks.room(named("bob"), 1));
        assert!(now(fifth.as_mut()).is_none(), "4 of 10 is more than a third");
        let mut eve = pin!(hooks.room(named("eve"), 1));
        assert!(now(eve.as_mut()).is_none());
        drop(all);
        assert!(now(fifth.as_mut()).is_some() && now(eve.as_mut()).is_some());
        drop(bob);
    }

    #[test]
    fn the_account_with_fewest_places_is_next() {
        let hooks = hooks(12);
        let mut carl = at_once(&hooks, "carl", 3);
        let full = [at_once(&hooks, "ann", 4), at_once(&hooks, "bob", 5)];
        let mut bob = pin!(hooks.room(named("bob"), 1));
        let mut ann = pin!(hooks.room(named("ann"), 1));
        assert!(now(bob.as_mut()).is_none() && now(ann.as_mut()).is_none());
        drop(carl.take());
        assert!(now(bob.as_mut()).is_none(), "it came first and has more");
        assert!(now(ann.as_mut()).is_some());
        drop((full, carl));
    }

    #[test]
    fn room_that_is_not_used_is_free_again() {
        let hooks = hooks(2);
        let mut room = at_once(&hooks, "ann", 3);
        let used = room.take().expect("one of three");
        assert_eq!(hooks.in_use().used, 3);
        drop(room);
        assert_eq!(hooks.in_use().used, 1);
        let mut none = at_once(&hooks, "bob", 0);
        assert!(none.take().is_none());
        drop((used, none));
        assert_eq!(hooks.in_use().used, 0);
        assert!(hooks.places.state.locked().taken.is_empty());
    }

    #[test]
    fn uploads_that_end_while_they_wait_leave_nothing() {
        let hooks = hooks(1);
        let ann = at_once(&hooks, "ann", 1);
        {
            let mut waits = pin!(hooks.room(named("ann"), 7));
            assert!(now(waits.as_mut()).is_none());
        }
        let mut waits = pin!(hooks.room(named("ann"), 1));
        assert!(now(waits.as_mut()).is_none());
        drop(ann);
        assert_eq!(now(waits.as_mut()).map(|room| room.count), Some(1));
        assert_eq!(hooks.in_use().used, 0);
        assert!(hooks.places.state.locked().requests.is_empty());
    }

    #[tokio::test]
    async fn a_hook_that_runs_has_no_place() {
        let hooks = hooks(2);
        let turn = hooks.turn(at_once(&hooks, "ann", 1)).await;
        assert_eq!(hooks.in_use().used, 0);
        let mut next = pin!(hooks.turn(at_once(&hooks, "ann", 1)));
        assert!(now(next.as_mut()).is_none());
        assert_eq!(hooks.in_use().used, 1);
        drop(turn);
        assert!(now(next.as_mut()).is_some());
        assert_eq!(hooks.in_use().used, 0);
    }
}
