//! The progress of a file whose ranges move over several data connections: what is told is their sum.

use super::event::FileProgress;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How much of a file has moved in all its ranges. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SharedProgress {
    moved: Arc<AtomicU64>,
    /// How many ranges have begun.
    begun: Arc<AtomicU64>,
    /// Bytes that were at the destination before.
    before: u64,
}

/// The part of one range in it.
#[derive(Clone, Debug)]
pub struct RangeProgress {
    all: SharedProgress,
    own: Arc<AtomicU64>,
    /// Whether it is the first one.
    pub(super) is_first: bool,
    /// How long after the first range this one has begun.
    late: Duration,
}

impl SharedProgress {
    /// Nothing has moved, and the destination has so many bytes of the file.
    pub fn new(before: u64) -> Self {
        Self { before, ..Self::default() }
    }

    /// How many bytes have moved.
    pub fn moved(&self) -> u64 {
        self.moved.load(Relaxed)
    }

    /// One more range, which begins so long after the first one.
    pub fn range(&self, late: Duration) -> RangeProgress {
        let is_first = self.begun.fetch_add(1, Relaxed) == 0;
        RangeProgress { all: self.clone(), own: Arc::default(), is_first, late }
    }
}

impl RangeProgress {
    /// How many bytes of the range have moved, as far as is known.
    pub fn moved(&self) -> u64 {
        self.own.load(Relaxed)
    }

    /// So many bytes of the range are at the destination in the end; 0 if they are sent again.
    pub fn ends(&self, moved: u64) {
        let before = self.own.swap(moved, Relaxed);
        self.all.moved.fetch_add(moved.wrapping_sub(before), Relaxed);
    }

    /// The progress of the range as progress of the file.
    pub(super) fn of_file(&self, told: FileProgress) -> FileProgress {
        self.ends(told.bytes.saturating_sub(told.before));
        let before = self.all.before;
        let bytes = before.saturating_add(self.all.moved());
        let bytes = told.total.map_or(bytes, |total| bytes.min(total));
        FileProgress { bytes, before, time: told.time.saturating_add(self.late), ..told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_the_sum_of_all_ranges() {
        let all = SharedProgress::new(100);
        let (early, late) = (all.range(Duration::ZERO), all.range(Duration::from_secs(2)));
        let told = |of: &RangeProgress, before, bytes| {
            let time = Duration::from_secs(1);
            let told =
                of.of_file(FileProgress { source: "a".into(), bytes, total: Some(1000), before, time });
            (told.bytes, told.before, told.time.as_secs())
        };
        assert_eq!(told(&early, 100, 110), (110, 100, 1));
        assert_eq!(told(&late, 500, 530), (140, 100, 3));
        assert_eq!(told(&early, 100, 120), (150, 100, 1));
        late.ends(0);
        assert_eq!(told(&early, 100, 120), (120, 100, 1), "a range that is lost is sent again");
        early.ends(400);
        assert_eq!(all.moved(), 400);
        assert_eq!(told(&late, 500, 2000), (1000, 100, 3), "there is no more than the file");
    }
}
