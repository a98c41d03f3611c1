//! What a file adds to the counts of its job as long as it is known to be complete at its destination.

use crate::outcome::FileCopy;
use crate::report::Summary;
use serde::{Deserialize, Serialize};

/// What one file adds to the counts. The default adds nothing: it is for a file that is not done. All of it is taken back if the copy is
/// gone, or if nobody can tell whether it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub(in crate::job) struct FileTally {
    files: u64,
    skipped: u64,
    earlier: u64,
    bytes: u64,
    before: u64,
    unchanged: u64,
    unsized_files: u64,
}

impl FileTally {
    /// That of a file that is done.
    pub(in crate::job) fn of(done: &FileCopy) -> Self {
        let is_copied = done.route().is_some();
        Self {
            files: 1,
            skipped: u64::from(!is_copied),
            earlier: u64::from(done.is_earlier()),
            bytes: done.copied(),
            before: done.copied_before(),
            unchanged: done.changed_parts.map_or(0, |_| done.copied_before()),
            unsized_files: u64::from(is_copied && done.size.is_none()),
        }
    }

    /// Counts the file.
    pub(in crate::job) fn add_to(self, sums: &mut Summary) {
        self.change(sums, u64::saturating_add);
    }

    /// Counts it no longer.
    pub(in crate::job) fn take_from(self, sums: &mut Summary) {
        self.change(sums, u64::saturating_sub);
    }

    fn change(self, sums: &mut Summary, changed: fn(u64, u64) -> u64) {
        let details = &mut sums.details;
        for (sum, count) in [
            (&mut sums.files, self.files),
            (&mut sums.skipped, self.skipped),
            (&mut sums.earlier, self.earlier),
            (&mut sums.bytes, self.bytes),
            (&mut sums.before, self.before),
            (&mut details.unchanged, self.unchanged),
            (&mut details.unsized_files, self.unsized_files),
        ] {
            *sum = changed(*sum, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::Rung;
    use crate::outcome::Verified;

    #[test]
    fn what_a_file_has_added_can_be_taken_back() {
        let moved = FileCopy::moved(Some(9), Rung::Hub, Verified::Size);
        let before = FileCopy { before: 4, changed_parts: Some(5), ..moved.clone() };
        let of_unknown_size = FileCopy::moved(None, Rung::Hub, Verified::None);
        let skipped = FileCopy::skipped(Some(7), Verified::Size);
        let earlier = FileCopy::earlier(Some(7), Verified::Size);
        let mut sums = Summary::default();
        for done in [moved, before, of_unknown_size, skipped, earlier] {
            let without = sums.clone();
            FileTally::of(&done).add_to(&mut sums);
            assert_eq!(sums.files, without.files + 1);
            let mut again = sums.clone();
            FileTally::of(&done).take_from(&mut again);
            assert_eq!(again, without, "{done:?}");
        }
        assert_eq!((sums.files, sums.skipped, sums.earlier), (5, 2, 1));
        assert_eq!((sums.bytes, sums.before, sums.details.unchanged), (18, 4, 4));
        assert_eq!(sums.details.unsized_files, 1);
    }
}
