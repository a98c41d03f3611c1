//! The door: links that have not proven anything yet, and who gives way when it is full.

use std::sync::{Arc, Mutex};

use ftp_io::lock::Lock;
use ftp_proto::fair::{Bounds, Fair, PlaceId};
use tokio::sync::oneshot;

use super::limits::Limits;
use super::origin::Neighbours;

/// The places of links without a proof. When all are taken, the oldest link of the address that holds most gives
/// way, never one of an address within its equal share; if no address exceeds its share, the oldest of all.
#[derive(Debug)]
pub struct Door {
    bounds: Bounds,
    /// Who has to make room is told by dropping its sender.
    places: Mutex<Fair<Neighbours, oneshot::Sender<()>>>,
}

/// The place of one link. Dropping it frees the place.
#[derive(Debug)]
#[must_use]
pub struct Place {
    door: Arc<Door>,
    place: PlaceId,
    displaced: oneshot::Receiver<()>,
}

impl Door {
    /// Creates a door with the places of `limits`, all of them free.
    pub fn new(limits: &Limits) -> Arc<Self> {
        let bounds = Bounds::new(limits.unproven).per_key(limits.unproven_of_one);
        Arc::new(Self { bounds, places: Mutex::new(Fair::new()) })
    }

    /// Takes a place, which may displace another link. Returns `None` if the door has no places.
    pub fn enter(self: &Arc<Self>, from: impl Into<Neighbours>) -> Option<Place> {
        let (stay, displaced) = oneshot::channel();
        let (place, _) = self.places.locked().admit(self.bounds, from.into(), stay, |_, _| false).ok()?;
        Some(Place { door: Arc::clone(self), place, displaced })
    }

    /// How many links have a place.
    pub fn len(&self) -> usize {
        self.places.locked().len()
    }

    /// Whether no link has a place.
    pub fn is_empty(&self) -> bool {
        self.places.locked().is_empty()
    }
}

impl Place {
    /// Returns when this link has to make room.
    pub async fn displaced(&mut self) {
        // Nothing is ever sent: the sender is dropped.
        let _ = (&mut self.displaced).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.places.locked().remove(self.place);
    }
}

#[cfg(test)]
mod tests {
    use ftp_proto::address::Group;

    use super::*;
    use std::net::Ipv4Addr;

    fn is_displaced(place: &mut Place) -> bool {
        place.displaced.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    fn host(last: u32) -> Group {
        Group::of(Ipv4Addr::from_bits(0x7f00_0000 + last).into())
    }

    #[test]
    fn r56_of_one_address_64_links_wait_and_the_oldest_gives_way() {
        let door = Door::new(&Limits::USUAL);
        let mut places: Vec<Place> = (0..100).map(|_| door.enter(host(1)).unwrap()).collect();
        let displaced: Vec<bool> = places.iter_mut().map(is_displaced).collect();
        assert!(displaced[..36].iter().all(|displaced| *displaced));
        assert!(!displaced[36..].iter().any(|displaced| *displaced));
    }

    #[test]
    fn r56_a_crowd_of_a_network_displaces_its_own_and_nobody_within_an_equal_share() {
        let door = Door::new(&Limits::USUAL);
        let mut holder = door.enter(host(0x1_0000)).unwrap();
        // 256 addresses with four links each.
        let mut crowd: Vec<Place> = (0..1_024).map(|n| door.enter(host(n % 256)).unwrap()).collect();
        assert!(!is_displaced(&mut holder));
        assert_eq!(crowd.iter_mut().filter_map(|place| (!is_displaced(place)).then_some(())).count(), 511);
        let mut another = door.enter(host(0x2_0000)).unwrap();
        assert!(!is_displaced(&mut another) && !is_displaced(&mut holder));
    }

    #[test]
    fn r56_if_nobody_exceeds_its_share_the_oldest_of_all_gives_way() {
        let door = Door::new(&Limits { unproven: 3, ..Limits::USUAL });
        let mut places: Vec<Place> = (0..4).map(|n| door.enter(host(n)).unwrap()).collect();
        let displaced: Vec<bool> = places.iter_mut().map(is_displaced).collect();
        assert_eq!(displaced, [true, false, false, false]);
        drop(places);
        assert!(door.places.locked().is_empty());
    }
}
