//! How far a job is: what its events add up to, also when several files are under way. It reads no clock.

use super::event::{Event, FileProgress, LeftOutEvents};
use crate::failure::Kind;
use crate::outcome::FileOutcome;
use ftp_io::lock::Lock;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How far a job is.
#[derive(Debug, Default)]
pub(super) struct RunProgress {
    found: FoundFiles,
    /// The number of files that have ended, well or not.
    ended: u64,
    /// How many of them were interrupted: another run goes on with them.
    interrupted: u64,
    /// The bytes of them that are at the destination, as far as they are known.
    ended_bytes: u64,
    /// The bytes that will not come: the rests of files that have failed.
    lost: u64,
    /// The bytes that have moved for them, and in attempts that have failed.
    moved: u64,
    under_way: FilesUnderWay,
    last: Option<LastFile>,
    /// Files that move together, by their number.
    together: HashMap<u64, BatchProgress>,
    /// The files that have ended and the bytes, as they were shown last, or as earlier runs of the job have left them: no run shows less.
    least: (u64, u64),
    /// How fast bytes move.
    bytes: RateMeter,
    /// How fast files end.
    files: RateMeter,
}

/// The file of the last event, and how far it is.
#[derive(Clone, Debug, Default)]
pub struct LastFile {
    pub(super) source: String,
    pub(super) bytes: u64,
    pub(super) total: Option<u64>,
}

/// A file under way.
#[derive(Clone, Copy, Debug, Default)]
struct FileUnderWay {
    size: Option<u64>,
    /// The bytes that are at the destination.
    bytes: u64,
    /// How many of them were there before this attempt.
    before: u64,
    /// It has its name, and the files that move together with it have not ended.
    has_arrived: bool,
}

impl FileUnderWay {
    const fn moved(&self) -> u64 {
        self.bytes.saturating_sub(self.before)
    }
}

/// Files under way, by their sources, and what they add up to. Small files may be thousands.
#[derive(Debug, Default)]
struct FilesUnderWay {
    files: HashMap<String, FileUnderWay>,
    bytes: u128,
    moved: u128,
    /// How many of them have their names.
    arrived: u64,
}

/// Files that move together.
#[derive(Clone, Copy, Debug, Default)]
struct BatchProgress {
    /// The bytes that have moved for all of them.
    moved: u64,
    /// The bytes of those that have their names.
    arrived: u64,
}

impl BatchProgress {
    /// The bytes that belong to none of the files that have their names.
    const fn on_the_way(self) -> u64 {
        self.moved.saturating_sub(self.arrived)
    }
}

impl FilesUnderWay {
    /// Changes what is known of a file.
    fn change<T>(&mut self, source: &str, change: impl FnOnce(&mut FileUnderWay) -> T) -> T {
        let mut file = self.remove(source);
        let done = change(&mut file);
        self.bytes += u128::from(file.bytes);
        self.moved += u128::from(file.moved());
        self.arrived += u64::from(file.has_arrived);
        self.files.insert(source.to_owned(), file);
        done
    }

    /// The bytes that the files under way still have to move; `None` if the size of one is unknown.
    fn rest(&self) -> Option<u64> {
        let mut rests = self.files.values().map(|file| file.size?.checked_sub(file.bytes));
        rests.try_fold(0_u64, |sum, rest| sum.checked_add(rest?))
    }

    fn remove(&mut self, source: &str) -> FileUnderWay {
        let file = self.files.remove(source).unwrap_or_default();
        self.bytes -= u128::from(file.bytes);
        self.moved -= u128::from(file.moved());
        self.arrived -= u64::from(file.has_arrived);
        file
    }
}

/// What there is to show of a job.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct JobProgress {
    /// The number of files that have ended.
    pub files: u64,
    /// The number of files that were found.
    pub of: u64,
    /// Whether more may be found.
    pub more: bool,
    /// The bytes that are at the destination.
    pub bytes: u64,
    /// The bytes of all files that were found, if all sizes are known.
    pub total: Option<u64>,
    /// Bytes per second, lately.
    pub rate: Option<f64>,
    /// How long the rest takes at this pace.
    pub remaining: Option<Duration>,
}

impl RunProgress {
    /// Takes an event. `at` is the time since the first one. Returns whether it has changed what there is to show.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event says how far a job is")]
    pub(super) fn take(&mut self, event: &Event, at: Duration) -> bool {
        match event {
            Event::Found(found) => self.found = *found,
            Event::Resumed { files, bytes } => {
                self.least = (*files, *bytes);
                return false;
            }
            Event::Plan { source, size, dry_run: false, .. } => {
                self.bytes.begin(at);
                self.files.begin(at);
                // What an earlier attempt has moved is still there, and may be continued.
                self.under_way.change(source, |file| file.size = *size);
                self.speaks_of(source, 0, *size);
            }
            Event::Progress(progress) => self.progress(progress, at),
            Event::Arrived { source, size, batch } => self.arrives(source, *size, *batch, at),
            Event::Together { batch, bytes, time } => self.move_together(*batch, *bytes, (*time, at)),
            Event::File(outcome) => self.file_ends(outcome, at),
            Event::LeftOut(LeftOutEvents { files, bytes, moved, found, .. }) => {
                self.found = found.unwrap_or(self.found);
                // Some of those under way have ended. The others tell it with their next progress.
                self.moved = self.all_moved().saturating_add(*moved);
                self.under_way = FilesUnderWay::default();
                self.together.clear();
                self.ended += files;
                self.ended_bytes = self.ended_bytes.saturating_add(*bytes);
            }
            _ => return false,
        }
        true
    }

    fn progress(&mut self, progress: &FileProgress, at: Duration) {
        let FileProgress { source, bytes, total, before, time } = progress;
        self.speaks_of(source, *bytes, *total);
        self.bytes.begin(at.saturating_sub(*time));
        self.moved += self.under_way.change(source, |known| {
            let is_another_attempt = *bytes < known.bytes || *before != known.before;
            let given_up = if is_another_attempt { known.moved() } else { 0 };
            let size = total.or(known.size);
            *known = FileUnderWay { size, bytes: *bytes, before: *before, has_arrived: false };
            given_up
        });
        self.bytes.saw(at, self.all_moved());
    }

    fn file_ends(&mut self, outcome: &FileOutcome, at: Duration) {
        let known = self.under_way.remove(&outcome.source);
        match &outcome.copy {
            // The rest of it is on its way.
            Ok(copy) if copy.is_detached() => self.ends(known.bytes, known.moved(), at),
            Ok(copy) => {
                self.speaks_of(&outcome.source, copy.size.unwrap_or(0), copy.size);
                let size = copy.size.or(known.size).unwrap_or(known.bytes);
                // What was resumed has moved in part only, and a short rest of it has no progress of its own.
                let before = known.before.max(copy.bytes_before());
                let moved = copy.route().map_or(0, |_| size.saturating_sub(before));
                self.ends(size, moved, at);
            }
            Err(failure) => {
                self.interrupted += u64::from(failure.kind == Kind::Interrupted);
                // What has not arrived is neither done nor waited for.
                let rest = known.size.unwrap_or(known.bytes).saturating_sub(known.bytes);
                self.lost = self.lost.saturating_add(rest);
                self.ends(known.bytes, known.moved(), at);
            }
        }
    }

    /// A file of several that move together has its name.
    fn arrives(&mut self, source: &str, size: u64, batch: u64, at: Duration) {
        self.under_way.change(source, |file| {
            *file = FileUnderWay { size: Some(size), bytes: size, before: 0, has_arrived: true };
        });
        self.speaks_of(source, size, Some(size));
        let together = self.together.entry(batch).or_default();
        together.arrived = together.arrived.saturating_add(size);
        self.saw(at);
    }

    /// Files move together; so many of their bytes have moved in the `time` before `at`, or all files have ended.
    fn move_together(&mut self, batch: u64, bytes: Option<u64>, (time, at): (Duration, Duration)) {
        match bytes {
            Some(bytes) => {
                self.bytes.begin(at.saturating_sub(time));
                self.together.entry(batch).or_default().moved = bytes;
                self.saw(at);
            }
            None => {
                // What has moved for files that are left has moved all the same.
                let given_up = self.together.remove(&batch).map_or(0, BatchProgress::on_the_way);
                self.moved = self.moved.saturating_add(given_up);
            }
        }
    }

    fn ends(&mut self, size: u64, moved: u64, at: Duration) {
        self.ended += 1;
        self.ended_bytes = self.ended_bytes.saturating_add(size);
        self.moved = self.moved.saturating_add(moved);
        self.files.begin(at);
        self.bytes.begin(at);
        self.saw(at);
    }

    /// Takes note of how far the job is at that time, also if nothing has happened.
    pub(super) fn saw(&mut self, at: Duration) {
        self.bytes.saw(at, self.all_moved());
        self.files.saw(at, self.done_or_failed());
    }

    fn speaks_of(&mut self, source: &str, bytes: u64, total: Option<u64>) {
        let last = self.last.get_or_insert_default();
        source.clone_into(&mut last.source);
        (last.bytes, last.total) = (bytes, total);
    }

    /// The file of which was spoken last.
    pub(super) const fn last(&self) -> Option<&LastFile> {
        self.last.as_ref()
    }

    pub(super) fn is_under_way(&self) -> bool {
        !self.under_way.files.is_empty()
    }

    /// The number of files that have ended, or have arrived. Those that were interrupted have not.
    const fn done_or_failed(&self) -> u64 {
        self.ended.saturating_sub(self.interrupted).saturating_add(self.under_way.arrived)
    }

    /// The bytes of files that move together and have no names yet.
    fn on_the_way(&self) -> u64 {
        self.together.values().map(|together| together.on_the_way()).fold(0, u64::saturating_add)
    }

    fn all_moved(&self) -> u64 {
        let under_way = u64::try_from(self.under_way.moved).unwrap_or(u64::MAX);
        self.moved.saturating_add(under_way).saturating_add(self.on_the_way())
    }

    /// What there is to show at that time.
    pub(super) fn shown(&mut self, at: Duration) -> JobProgress {
        let under_way = u64::try_from(self.under_way.bytes).unwrap_or(u64::MAX);
        let bytes = self.ended_bytes.saturating_add(under_way).saturating_add(self.on_the_way());
        let (files, bytes) = (self.done_or_failed().max(self.least.0), bytes.max(self.least.1));
        self.least = (files, bytes);
        let of = self.found.files.max(self.ended + self.under_way.files.len() as u64).max(files);
        let are_known = self.found.files > 0 && self.found.files == of && self.found.unsized_files == 0;
        let total = match of {
            _ if are_known => Some(self.found.bytes),
            // Nobody has said what the only file is, or its size was not known at first.
            1 => self.under_way.files.values().next().and_then(|file| file.size),
            _ => None,
        };
        let total = total.map(|total| total.max(bytes));
        let rate = self.bytes.lately(at).map(|(bytes, seconds)| bytes as f64 / seconds);
        let remaining = match total {
            _ if self.found.more => None,
            // After an interruption nothing moves any more, and what was lost does not come.
            _ if self.lost > 0 && self.under_way.files.is_empty() => None,
            Some(total) => self.bytes.remaining((total - bytes).saturating_sub(self.lost), at),
            None if of > 1 => {
                // A large file under way may take longer than all files that have not begun.
                let rest = self.under_way.rest().and_then(|rest| self.bytes.remaining(rest, at));
                let not_begun = of.saturating_sub(self.ended + self.under_way.files.len() as u64);
                match not_begun {
                    0 => rest,
                    _ => self.files.remaining(not_begun, at).zip(rest).map(|(files, rest)| files.max(rest)),
                }
            }
            None => None,
        };
        // In whole seconds, rounded up: what still takes a while is not said to be over.
        let remaining =
            remaining.map(|time| Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0)));
        let FoundFiles { more, .. } = self.found;
        JobProgress { files, of, more, bytes, total, rate, remaining }
    }
}

/// What was seen of a count that grows.
#[derive(Debug, Default)]
pub(super) struct RateMeter {
    /// When, and how much there was then. The first one is the start, or older than `WINDOW`.
    seen: VecDeque<(Duration, u64)>,
}

impl RateMeter {
    /// Begins to count at that time, unless that was done.
    pub(super) fn begin(&mut self, at: Duration) {
        if self.seen.is_empty() {
            self.seen.push_back((at, 0));
        }
    }

    /// There is so much at that time. What cannot follow the last count begins anew.
    pub(super) fn saw(&mut self, at: Duration, count: u64) {
        if self.seen.back().is_some_and(|last| at < last.0 || count < last.1) {
            self.seen.clear();
        }
        self.seen.push_back((at, count));
        while self.seen.get(1).is_some_and(|second| at.saturating_sub(second.0) >= WINDOW) {
            self.seen.pop_front();
        }
        if self.seen.len() > MOST_SEEN {
            // Every second one says as much.
            self.seen = self.seen.iter().copied().step_by(2).collect();
            self.seen.push_back((at, count));
        }
    }

    /// What came in the last seconds before `at`, also if nothing did, and how many seconds that are.
    pub(super) fn lately(&self, at: Duration) -> Option<(u64, f64)> {
        let before = self.seen.partition_point(|seen| at.saturating_sub(seen.0) >= WINDOW);
        let first = self.seen.get(before.saturating_sub(1))?;
        let last = self.seen.back()?;
        let seconds = at.max(last.0).checked_sub(first.0)?.as_secs_f64();
        (seconds > 0.0).then_some((last.1.checked_sub(first.1)?, seconds))
    }

    /// How long `rest` takes at this pace, if that is known and below a hundred days.
    pub(super) fn remaining(&self, rest: u64, at: Duration) -> Option<Duration> {
        let (moved, seconds) = self.lately(at)?;
        let remaining = rest as f64 * seconds / moved as f64;
        Duration::try_from_secs_f64(remaining).ok().filter(|remaining| *remaining < HUNDRED_DAYS)
    }
}

/// A pace is an average over this time, so that it neither jumps nor lags far behind.
const WINDOW: Duration = Duration::from_secs(10);
/// Many small files would be seen thousands of times in that time.
const MOST_SEEN: usize = 256;
/// Beyond that nobody waits.
const HUNDRED_DAYS: Duration = Duration::from_secs(100 * 24 * 3600);

/// What was found so far of the files of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FoundFiles {
    /// The number of files.
    pub files: u64,
    /// The sizes of all files of which they are known, in bytes.
    pub bytes: u64,
    /// The number of files whose sizes are not known.
    pub unsized_files: u64,
    /// Whether more may be found.
    pub more: bool,
}

impl FoundFiles {
    /// Counts one more file, of that size if it is known.
    pub const fn add(&mut self, size: Option<u64>) {
        self.files += 1;
        match size {
            Some(size) => self.bytes = self.bytes.saturating_add(size),
            None => self.unsized_files += 1,
        }
    }
}

/// Counts the files of a job. Clones share it: several trees may be read at the same time.
#[derive(Clone, Debug, Default)]
pub struct Finding(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    found: FoundFiles,
    /// Sources that nobody has looked at. Each is probably a file.
    unseen: u64,
    /// Trees that are being read.
    trees: u64,
}

impl Finding {
    /// What was found so far.
    pub fn found(&self) -> FoundFiles {
        self.change(|_| ())
    }

    /// There are so many more sources.
    pub fn sources(&self, count: u64) -> FoundFiles {
        self.change(|counts| counts.unseen += count)
    }

    /// A source is a file, or could not be looked at.
    pub fn file(&self, size: Option<u64>) -> FoundFiles {
        self.change(|counts| {
            counts.unseen = counts.unseen.saturating_sub(1);
            counts.found.add(size);
        })
    }

    /// A source is a tree, which will be read.
    pub fn tree(&self) -> FoundFiles {
        self.change(|counts| {
            counts.unseen = counts.unseen.saturating_sub(1);
            counts.trees += 1;
        })
    }

    /// A source stands for no file.
    pub fn nothing(&self) -> FoundFiles {
        self.change(|counts| counts.unseen = counts.unseen.saturating_sub(1))
    }

    /// These files are in a tree as well.
    pub fn in_tree(&self, others: FoundFiles) -> FoundFiles {
        self.change(|Counts { found, .. }| {
            found.files += others.files;
            found.bytes = found.bytes.saturating_add(others.bytes);
            found.unsized_files += others.unsized_files;
        })
    }

    /// A tree was read to its end.
    pub fn tree_ends(&self) -> FoundFiles {
        self.change(|counts| counts.trees = counts.trees.saturating_sub(1))
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) -> FoundFiles {
        let mut counts = self.0.locked();
        change(&mut counts);
        let Counts { found, unseen, trees } = &*counts;
        FoundFiles {
            files: found.files + unseen,
            unsized_files: found.unsized_files + unseen,
            more: *unseen > 0 || *trees > 0,
            ..*found
        }
    }
}

#[cfg(test)]
mod tests;
