//! Whether a destination can take another file, as far as failures have shown it.

use crate::failure::{About, Failure, Kind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a destination takes no more. Clones of the ends share it.
///
/// A disk that is full would otherwise take what fits of each further file, which is removed again. Small files may fit
/// where a large one did not; a limit for single files looks the same. A server that neither renames nor deletes would keep each further file whole, under the name of a part.
#[derive(Debug)]
pub struct Room {
    /// The size of the smallest file that there was no room for, in bytes; the largest number if there was none.
    refused: AtomicU64,
    /// Whether a part could be neither renamed nor deleted.
    is_shut: AtomicBool,
}

impl Default for Room {
    fn default() -> Self {
        Self { refused: AtomicU64::new(u64::MAX), is_shut: AtomicBool::new(false) }
    }
}

impl Room {
    /// Notes why a file of that size was not stored. A file whose size is not known says nothing about others.
    pub fn note(&self, failure: &Failure, size: Option<u64>) {
        if let (About::NoRoom, Some(size)) = (failure.about, size) {
            self.refused.fetch_min(size, Ordering::Relaxed);
        }
    }

    /// Refuses a file of that size that will not be taken. `is_begun`: something of it is stored there.
    ///
    /// # Errors
    ///
    /// Why it is not begun.
    pub fn check(&self, dest: &str, size: Option<u64>, is_begun: bool) -> Result<(), Failure> {
        let refused = |kind, why: &str| Failure::new(kind, format!("{dest} was not copied")).said(why);
        if self.is_shut.load(Ordering::Relaxed) {
            let why = "what was sent before could be neither renamed nor deleted there";
            let failure = refused(Kind::Refused, why);
            return Err(failure.hint("its account needs the rights to rename and to delete"));
        }
        if is_begun || self.may_take(size) {
            return Ok(());
        }
        let failure = refused(Kind::Other, "the disk was full for another file of at most this size");
        Err(failure.hint("make room there").about(About::NoRoom))
    }

    /// Whether a file of that size may fit.
    fn may_take(&self, size: Option<u64>) -> bool {
        let refused = self.refused.load(Ordering::Relaxed);
        refused == u64::MAX || size.is_none_or(|size| size < refused)
    }

    /// Notes that a part could be neither renamed nor deleted. Returns whether it is the first one.
    pub fn shut(&self) -> bool {
        !self.is_shut.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn who_keeps_every_part_gets_no_file_whatever_its_size() {
        let room = Room::default();
        assert!(room.check("d", Some(5), false).is_ok());
        assert!(room.shut() && !room.shut(), "it is told once");
        for (size, is_begun) in [(Some(0), false), (None, false), (Some(5), true)] {
            assert_eq!(room.check("d", size, is_begun).unwrap_err().kind, Kind::Refused);
        }
    }
}
