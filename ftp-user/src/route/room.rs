//! How much room a destination has, as far as failures have shown it.

use crate::failure::{About, Failure};
use std::sync::atomic::{AtomicU64, Ordering};

/// The size of the smallest file that a destination had no room for, in bytes; the largest number if there was none.
/// Clones of the ends share it.
///
/// A disk that is full would otherwise take what fits of each further file, which is removed again. Small files may fit
/// where a large one did not; a limit for single files looks the same.
#[derive(Debug)]
pub struct Room(AtomicU64);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Room {
    /// Notes why a file of that size was not stored. A file whose size is not known says nothing about others.
    pub fn note(&self, failure: &Failure, size: Option<u64>) {
        if let (About::NoRoom, Some(size)) = (failure.about, size) {
            self.0.fetch_min(size, Ordering::Relaxed);
        }
    }

    /// Whether a file of that size may fit.
    pub fn may_take(&self, size: Option<u64>) -> bool {
        let refused = self.0.load(Ordering::Relaxed);
        refused == u64::MAX || size.is_none_or(|size| size < refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn what_is_no_smaller_than_a_file_that_did_not_fit_does_not_fit_either() {
        let room = Room::default();
        let other = Failure::new(Kind::Other, "refused");
        let full = other.clone().about(About::NoRoom);
        assert!(room.may_take(Some(u64::MAX)) && room.may_take(None));
        room.note(&full, None);
        room.note(&other, Some(5));
        assert!(room.may_take(Some(u64::MAX)));
        room.note(&full, Some(100));
        room.note(&full, Some(200));
        assert!(room.may_take(Some(99)) && !room.may_take(Some(100)) && room.may_take(None));
    }
}
