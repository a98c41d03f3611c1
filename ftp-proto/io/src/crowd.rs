//! A bounded number of places for clients that are not authenticated. When all are taken, the key that holds
//! most of them loses its oldest place.

use std::hash::Hash;
use std::sync::{Arc, Mutex};

use crate::lock::Lock;
use ftp_proto::fair::{Bounds, Fair, PlaceId};
use tokio::sync::oneshot;

/// A bounded number of places, shared by keys: addresses or accounts.
#[derive(Debug)]
pub struct Crowd<K> {
    bounds: Bounds,
    /// Who has to make room is told by dropping its sender.
    holders: Mutex<Fair<K, oneshot::Sender<()>>>,
}

/// The place of one of them. Dropping it frees the place.
#[derive(Debug)]
#[must_use]
pub struct CrowdPlace<K: Clone + Eq + Hash> {
    crowd: Arc<Crowd<K>>,
    place: PlaceId,
    displaced: oneshot::Receiver<()>,
}

impl<K: Clone + Eq + Hash> Crowd<K> {
    /// Creates `places` places, all of them free.
    pub fn new(places: usize) -> Arc<Self> {
        Self::bounded(Bounds::new(places))
    }

    /// Creates places with other bounds, all of them free.
    pub fn bounded(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, holders: Mutex::new(Fair::new()) })
    }

    /// Takes a place, which may displace another holder. Returns `None` if the table has no places.
    pub fn enter(self: &Arc<Self>, key: K) -> Option<CrowdPlace<K>> {
        let (stay, displaced) = oneshot::channel();
        let admitted = self.holders.locked().admit(self.bounds, key, stay, |_, _| false);
        let (place, _) = admitted.ok()?;
        Some(CrowdPlace { crowd: Arc::clone(self), place, displaced })
    }

    /// How many places are taken.
    pub fn len(&self) -> usize {
        self.holders.locked().len()
    }

    /// Whether no place is taken.
    pub fn is_empty(&self) -> bool {
        self.holders.locked().is_empty()
    }

    /// How many places there are.
    pub const fn places(&self) -> usize {
        self.bounds.places
    }
}

impl<K: Clone + Eq + Hash> CrowdPlace<K> {
    /// Returns when this place is displaced.
    pub async fn displaced(&mut self) {
        // Nothing is ever sent: the sender is dropped.
        let _ = (&mut self.displaced).await;
    }
}

impl<K: Clone + Eq + Hash> Drop for CrowdPlace<K> {
    fn drop(&mut self) {
        self.crowd.holders.locked().remove(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_of_whoever_holds_most_gives_way() {
        let crowd = Crowd::new(2);
        let mut first = crowd.enter("eve").unwrap();
        let mut second = crowd.enter("eve").unwrap();
        let mut ann = crowd.enter("ann").unwrap();
        first.displaced().await;
        assert!(second.displaced.try_recv().is_err() && ann.displaced.try_recv().is_err());
        assert_eq!((crowd.len(), crowd.places()), (2, 2));
        drop((first, second));
        assert_eq!(crowd.len(), 1);
        drop(ann);
        assert!(crowd.is_empty());
        assert!(Crowd::new(0).enter("ann").is_none());
    }
}
