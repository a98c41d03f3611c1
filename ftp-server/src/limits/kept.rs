//! Data connections that sessions keep between two files (MODE B), shared fairly: where there is no place, or
//! no descriptor, the account that keeps most closes one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ftp_proto::fair::{Bounds, Fair, PlaceId};
use tokio::sync::Notify;

use super::limit::{Limit, Use};
use super::owner::Owner;
use super::settings::MAX_KEPT;

/// Who keeps how many data connections.
#[derive(Debug)]
pub struct KeptConnections {
    /// Each with what tells its session that others need it.
    places: Mutex<Fair<Owner, Arc<Notify>>>,
    bounds: Bounds,
}

/// The place of one connection. It is free again when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct KeptSlot {
    all: Arc<KeptConnections>,
    place: PlaceId,
}

impl KeptConnections {
    /// Creates the table; no connection is kept yet.
    pub fn new() -> Arc<Self> {
        Self::with_places(MAX_KEPT)
    }

    fn with_places(places: usize) -> Arc<Self> {
        Arc::new(Self { places: Mutex::default(), bounds: Bounds::new(places) })
    }

    /// Takes a place for a connection of a session of `owner`. If there is none, a session that keeps more
    /// than its share is told by its `needed` to close what it keeps. Returns `None` if no other owner has to
    /// give way.
    pub fn keep(self: &Arc<Self>, owner: Owner, needed: &Arc<Notify>) -> Option<KeptSlot> {
        let admitted = self.places().admit(self.bounds, owner, Arc::clone(needed), |_, _| false);
        let (place, displaced) = admitted.ok()?;
        if let Some(displaced) = displaced {
            displaced.notify_one();
        }
        Some(KeptSlot { all: Arc::clone(self), place })
    }

    /// Called when descriptors are scarce: the account that keeps most connections closes its oldest. Returns
    /// whether a connection was closed.
    pub fn relieve(&self) -> bool {
        let mut places = self.places();
        let most = places.iter().map(|(owner, _)| owner).max_by_key(|owner| places.count(owner)).cloned();
        let displaced = most.and_then(|most| places.take_oldest_of(&most));
        displaced.inspect(|displaced| displaced.notify_one()).is_some()
    }

    /// How many connections are kept.
    pub fn in_use(&self) -> Use {
        let used = self.places().len();
        Use { limit: Limit::KeptConnections, used, bound: Some(self.bounds.places) }
    }

    fn places(&self) -> MutexGuard<'_, Fair<Owner, Arc<Notify>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for KeptSlot {
    fn drop(&mut self) {
        self.all.places().remove(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        Owner::Account(name.as_bytes().to_vec())
    }

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
        let all = KeptConnections::with_places(3);
        let sessions: [Arc<Notify>; 4] = Default::default();
        let keep = |name: &str, session: usize| all.keep(owner(name), &sessions[session]).unwrap();
        let _kept = [keep("ann", 0), keep("ann", 1), keep("bob", 2)];
        let eve = keep("eve", 3);
        assert!(is_needed(&sessions[0]).await, "ann kept two");
        assert!(!is_needed(&sessions[1]).await && !is_needed(&sessions[2]).await);
        drop(eve);
        assert_eq!(all.places().len(), 2);
        let _bob = keep("bob", 2);
        let _more = keep("bob", 3);
        assert!(is_needed(&sessions[2]).await, "bob makes room for himself");
        assert!(!is_needed(&sessions[1]).await);
    }

    #[tokio::test]
    async fn when_descriptors_are_few_kept_connections_are_closed_first() {
        let all = KeptConnections::with_places(3);
        assert!(!all.relieve());
        let [ann, bob]: [Arc<Notify>; 2] = Default::default();
        let kept = [all.keep(owner("ann"), &ann), all.keep(owner("bob"), &bob), all.keep(owner("bob"), &bob)];
        assert!(all.relieve());
        assert!(is_needed(&bob).await && !is_needed(&ann).await);
        drop(kept);
        assert!(!all.relieve(), "places that were given back are free");
    }
}
