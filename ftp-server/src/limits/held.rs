//! What sessions keep between two commands, shared fairly: data connections that are open between two files (MODE B),
//! and groups of files that wait for their names (PACK). Where there is no place, or no descriptor, the account that keeps
//! most gives one back.

use std::sync::{Arc, Mutex};

use ftp_io::lock::Lock;
use ftp_proto::fair::{Bounds, Fair, PlaceId};
use tokio::sync::Notify;

use super::Owner;
use super::limit::{Limit, MAX_HELD_GROUPS, MAX_KEPT, Use};

/// Who keeps how many things of one kind.
#[derive(Debug)]
pub struct HeldPlaces {
    /// Each with what tells its session that others need it.
    places: Mutex<Fair<Owner, Arc<Notify>>>,
    bounds: Bounds,
    limit: Limit,
    /// How many descriptors each of them takes.
    descriptors: usize,
}

/// The place of one of them. It is free again when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct HeldSlot {
    all: Arc<HeldPlaces>,
    place: PlaceId,
}

impl HeldPlaces {
    /// Data connections; none is kept yet.
    pub fn connections() -> Arc<Self> {
        Self::with_places(MAX_KEPT, Limit::KeptConnections, 1)
    }

    /// Groups of files; none is held yet.
    pub fn groups() -> Arc<Self> {
        // The directory of the targets and the temporary one.
        Self::with_places(MAX_HELD_GROUPS, Limit::HeldGroups, 2)
    }

    fn with_places(places: usize, limit: Limit, descriptors: usize) -> Arc<Self> {
        Arc::new(Self { places: Mutex::default(), bounds: Bounds::new(places), limit, descriptors })
    }

    /// Takes a place for a session of `owner`. If there is none, the session whose place is taken instead is told by its
    /// `needed`. Returns `None` if no owner has to give way.
    pub fn take(self: &Arc<Self>, owner: Owner, needed: &Arc<Notify>) -> Option<HeldSlot> {
        let admitted = self.places.locked().admit(self.bounds, owner, Arc::clone(needed), |_, _| false);
        let (place, displaced) = admitted.ok()?;
        if let Some(displaced) = displaced {
            displaced.notify_one();
        }
        Some(HeldSlot { all: Arc::clone(self), place })
    }

    /// How many descriptors the account takes that keeps most.
    pub(super) fn most_descriptors(&self) -> usize {
        self.places.locked().most() * self.descriptors
    }

    /// Called when descriptors are scarce: the account that keeps most gives its oldest back. Returns whether there was
    /// one.
    pub fn relieve(&self) -> bool {
        let mut places = self.places.locked();
        let most = places.iter().map(|(owner, _)| owner).max_by_key(|owner| places.count(owner)).cloned();
        let displaced = most.and_then(|most| places.take_oldest_of(&most));
        displaced.inspect(|displaced| displaced.notify_one()).is_some()
    }

    /// How many are kept.
    pub fn in_use(&self) -> Use {
        let used = self.places.locked().len();
        Use { limit: self.limit, used, bound: Some(self.bounds.places) }
    }
}

impl HeldSlot {
    /// Whether its place was taken away: what has it must be given back.
    pub fn is_taken(&self) -> bool {
        !self.all.places.locked().has(self.place)
    }
}

impl Drop for HeldSlot {
    fn drop(&mut self) {
        self.all.places.locked().remove(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::named;

    /// Whether a session was told to close what it keeps.
    async fn is_needed(needed: &Notify) -> bool {
        tokio::select! {
            biased;
            () = needed.notified() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn whoever_keeps_most_gives_way_and_nobody_within_its_share() {
        let all = HeldPlaces::with_places(3, Limit::KeptConnections, 1);
        let sessions: [Arc<Notify>; 4] = Default::default();
        let keep = |name: &str, session: usize| all.take(named(name), &sessions[session]).unwrap();
        let kept = [keep("ann", 0), keep("ann", 1), keep("bob", 2)];
        let eve = keep("eve", 3);
        assert!(is_needed(&sessions[0]).await, "ann kept two");
        assert!(!is_needed(&sessions[1]).await && !is_needed(&sessions[2]).await);
        drop(eve);
        assert_eq!(all.places.locked().len(), 2);
        assert_eq!(kept.each_ref().map(HeldSlot::is_taken), [true, false, false]);
        let _bob = keep("bob", 2);
        let _more = keep("bob", 3);
        assert!(is_needed(&sessions[2]).await, "bob makes room for himself");
        assert!(!is_needed(&sessions[1]).await);
    }

    #[tokio::test]
    async fn when_descriptors_are_few_kept_connections_are_closed_first() {
        let all = HeldPlaces::with_places(3, Limit::KeptConnections, 1);
        assert!(!all.relieve());
        let [ann, bob]: [Arc<Notify>; 2] = Default::default();
        let kept = [all.take(named("ann"), &ann), all.take(named("bob"), &bob), all.take(named("bob"), &bob)];
        assert!(all.relieve());
        assert!(is_needed(&bob).await && !is_needed(&ann).await);
        drop(kept);
        assert!(!all.relieve(), "places that were given back are free");
    }
}
