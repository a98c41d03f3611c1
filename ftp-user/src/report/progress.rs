//! How far a job is: what its events add up to, also when several files are under way. It reads no clock.

use super::event::{Event, LeftOut, Progress};
use crate::outcome::FileOutcome;
use serde::{Serialize, Serializer};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How far a job is.
#[derive(Debug, Default)]
pub(super) struct Overall {
    found: Found,
    /// The number of files that have ended, well or not.
    ended: u64,
    /// The bytes of them that are at the destination, as far as they are known.
    ended_bytes: u64,
    /// The bytes that will not come: the rests of files that have failed.
    lost: u64,
    /// The bytes that have moved for them, and in attempts that have failed.
    moved: u64,
    under_way: FilesUnderWay,
    /// Files that move together, by their number.
    together: HashMap<u64, Together>,
    /// How fast bytes move.
    bytes: Pace,
    /// How fast files end.
    files: Pace,
}

/// A file under way.
#[derive(Clone, Copy, Debug, Default)]
struct UnderWay {
    size: Option<u64>,
    /// The bytes that are at the destination.
    bytes: u64,
    /// How many of them were there before this attempt.
    before: u64,
    /// It has its name, and the files that move together with it have not ended.
    has_arrived: bool,
}

impl UnderWay {
    const fn moved(&self) -> u64 {
        self.bytes.saturating_sub(self.before)
    }
}

/// Files under way, by their sources, and what they add up to. Small files may be thousands.
#[derive(Debug, Default)]
struct FilesUnderWay {
    files: HashMap<String, UnderWay>,
    bytes: u128,
    moved: u128,
    /// How many of them have their names.
    arrived: u64,
}

/// Files that move together.
#[derive(Clone, Copy, Debug, Default)]
struct Together {
    /// The bytes that have moved for all of them.
    moved: u64,
    /// The bytes of those that have their names.
    arrived: u64,
}

impl Together {
    /// The bytes that belong to none of the files that have their names.
    const fn on_the_way(self) -> u64 {
        self.moved.saturating_sub(self.arrived)
    }
}

impl FilesUnderWay {
    /// Changes what is known of a file.
    fn change<T>(&mut self, source: &str, change: impl FnOnce(&mut UnderWay) -> T) -> T {
        let mut file = self.remove(source);
        let done = change(&mut file);
        self.bytes += u128::from(file.bytes);
        self.moved += u128::from(file.moved());
        self.arrived += u64::from(file.has_arrived);
        self.files.insert(source.to_owned(), file);
        done
    }

    /// Takes a file out.
    fn remove(&mut self, source: &str) -> UnderWay {
        let file = self.files.remove(source).unwrap_or_default();
        self.bytes -= u128::from(file.bytes);
        self.moved -= u128::from(file.moved());
        self.arrived -= u64::from(file.has_arrived);
        file
    }

    /// The size of one of them.
    fn any_size(&self) -> Option<u64> {
        self.files.values().next().and_then(|file| file.size)
    }
}

/// What there is to show of a job.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Shown {
    /// The number of files that have ended.
    pub(super) files: u64,
    /// The number of files that were found.
    pub(super) of: u64,
    /// Whether more may be found.
    pub(super) more: bool,
    /// The bytes that are at the destination.
    #[serde(rename = "job_bytes")]
    pub(super) bytes: u64,
    /// The bytes of all files that were found, if all sizes are known.
    #[serde(rename = "job_total")]
    pub(super) total: Option<u64>,
    /// Bytes per second, lately.
    #[serde(serialize_with = "whole")]
    pub(super) rate: Option<f64>,
    /// How long the rest takes at this pace.
    #[serde(serialize_with = "seconds")]
    pub(super) remaining: Option<Duration>,
}

fn whole<S: Serializer>(rate: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    rate.map(|rate| rate as u64).serialize(serializer)
}

fn seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs()).serialize(serializer)
}

impl Overall {
    /// Takes an event. `at` is the time since the first one. Returns whether it has changed what there is to show.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event says how far a job is")]
    pub(super) fn take(&mut self, event: &Event, at: Duration) -> bool {
        match event {
            Event::Found(found) => self.found = *found,
            Event::Plan { source, size, dry_run: false, .. } => {
                self.bytes.begin(at);
                self.files.begin(at);
                // What an earlier attempt has moved is still there, and may be continued.
                self.under_way.change(source, |file| file.size = *size);
            }
            Event::Progress(progress) => self.progress(progress, at),
            Event::Arrived { source, size, batch } => self.arrives(source, *size, *batch, at),
            Event::Together { batch, bytes, time } => self.move_together(*batch, *bytes, (*time, at)),
            Event::File(outcome) => self.file_ends(outcome, at),
            Event::LeftOut(LeftOut { files, bytes, moved, found, .. }) => {
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

    fn progress(&mut self, progress: &Progress, at: Duration) {
        let Progress { source, bytes, total, before, time } = progress;
        self.bytes.begin(at.saturating_sub(*time));
        self.moved += self.under_way.change(source, |known| {
            let is_another_attempt = *bytes < known.bytes || *before != known.before;
            let given_up = if is_another_attempt { known.moved() } else { 0 };
            let size = total.or(known.size);
            *known = UnderWay { size, bytes: *bytes, before: *before, has_arrived: false };
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
                let size = copy.size.or(known.size).unwrap_or(known.bytes);
                // What was resumed has moved in part only, and a short rest of it has no progress of its own.
                let before = known.before.max(copy.bytes_before());
                let moved = copy.route().map_or(0, |_| size.saturating_sub(before));
                self.ends(size, moved, at);
            }
            Err(_) => {
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
            *file = UnderWay { size: Some(size), bytes: size, before: 0, has_arrived: true };
        });
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
                let given_up = self.together.remove(&batch).map_or(0, Together::on_the_way);
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
        self.files.saw(at, self.ended());
    }

    /// Whether files are under way.
    pub(super) fn is_under_way(&self) -> bool {
        !self.under_way.files.is_empty()
    }

    /// The number of files that have ended, or have arrived.
    const fn ended(&self) -> u64 {
        self.ended.saturating_add(self.under_way.arrived)
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
    pub(super) fn shown(&self, at: Duration) -> Shown {
        let under_way = u64::try_from(self.under_way.bytes).unwrap_or(u64::MAX);
        let bytes = self.ended_bytes.saturating_add(under_way).saturating_add(self.on_the_way());
        let of = self.found.files.max(self.ended + self.under_way.files.len() as u64);
        let total = match (self.found.files, of) {
            // Nobody has said what the files are.
            (0, 1) => self.under_way.any_size(),
            (found, of) if found > 0 && found == of && self.found.unsized_files == 0 => {
                Some(self.found.bytes)
            }
            // The only file, whose size was not known at first.
            (1, 1) => self.under_way.any_size(),
            _ => None,
        };
        let total = total.map(|total| total.max(bytes));
        let rate = self.bytes.lately(at).map(|(bytes, seconds)| bytes as f64 / seconds);
        let remaining = match total {
            _ if self.found.more => None,
            // After an interruption nothing moves any more, and what was lost does not come.
            _ if self.lost > 0 && self.under_way.files.is_empty() => None,
            Some(total) => self.bytes.remaining((total - bytes).saturating_sub(self.lost), at),
            None if of > 1 => self.files.remaining(of - self.ended(), at),
            None => None,
        };
        let remaining = remaining.map(rounded_up);
        let Found { more, .. } = self.found;
        Shown { files: self.ended(), of, more, bytes, total, rate, remaining }
    }
}

/// In whole seconds: what still takes a while is not said to be over.
const fn rounded_up(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().saturating_add(if time.subsec_nanos() > 0 { 1 } else { 0 }))
}

/// What was seen of a count that grows.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When, and how much there was then. The first one is the start, or older than `WINDOW`.
    seen: VecDeque<(Duration, u64)>,
}

impl Pace {
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
            let mut is_kept = false;
            self.seen.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.seen.push_back((at, count));
        }
    }

    /// What came in the last seconds before `at`, also if nothing did, and how many seconds that are.
    pub(super) fn lately(&self, at: Duration) -> Option<(u64, f64)> {
        let is_before = |seen: &&(Duration, u64)| at.saturating_sub(seen.0) >= WINDOW;
        let first = self.seen.iter().rev().find(is_before).or_else(|| self.seen.front())?;
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
pub struct Found {
    /// The number of files.
    pub files: u64,
    /// The sizes of all files of which they are known, in bytes.
    pub bytes: u64,
    /// The number of files whose sizes are not known.
    pub unsized_files: u64,
    /// Whether more may be found.
    pub more: bool,
}

/// Counts the files of a job. Clones share it: several trees may be read at the same time.
#[derive(Clone, Debug, Default)]
pub struct Finding(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    found: Found,
    /// Sources that nobody has looked at. Each is probably a file.
    unseen: u64,
    /// Trees that are being read.
    trees: u64,
}

impl Finding {
    /// There are so many more sources.
    pub fn sources(&self, count: u64) -> Found {
        self.change(|counts| counts.unseen += count)
    }

    /// A source is a file, or could not be looked at.
    pub fn file(&self, size: Option<u64>) -> Found {
        self.change(|counts| {
            counts.unseen = counts.unseen.saturating_sub(1);
            counts.add(1, size.unwrap_or(0), u64::from(size.is_none()));
        })
    }

    /// A source is a tree, which will be read.
    pub fn tree(&self) -> Found {
        self.change(|counts| {
            counts.unseen = counts.unseen.saturating_sub(1);
            counts.trees += 1;
        })
    }

    /// A source stands for no file.
    pub fn nothing(&self) -> Found {
        self.change(|counts| counts.unseen = counts.unseen.saturating_sub(1))
    }

    /// So many more files are in a tree, with so many bytes in all; the sizes of `unsized_files` are not known.
    pub fn in_tree(&self, files: u64, bytes: u64, unsized_files: u64) -> Found {
        self.change(|counts| counts.add(files, bytes, unsized_files))
    }

    /// A tree was read to its end.
    pub fn tree_ends(&self) -> Found {
        self.change(|counts| counts.trees = counts.trees.saturating_sub(1))
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) -> Found {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut counts);
        let Counts { found, unseen, trees } = &*counts;
        Found {
            files: found.files + unseen,
            unsized_files: found.unsized_files + unseen,
            more: *unseen > 0 || *trees > 0,
            ..*found
        }
    }
}

impl Counts {
    const fn add(&mut self, files: u64, bytes: u64, unsized_files: u64) {
        self.found.files += files;
        self.found.bytes = self.found.bytes.saturating_add(bytes);
        self.found.unsized_files += unsized_files;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::ladder::Rung;
    use crate::outcome::{FileCopy, FileEnd, Verified};

    const MIB: u64 = 1 << 20;

    fn found(files: u64, mib: u64, unsized_files: u64, more: bool) -> Event {
        Event::Found(Found { files, bytes: mib * MIB, unsized_files, more })
    }

    fn plan(source: &str, mib: u64) -> Event {
        let (source, dest) = (source.to_owned(), String::new());
        let (size, verify) = (Some(mib * MIB), Verified::None);
        Event::Plan { verb: "copy", source, dest, size, verify, dry_run: false }
    }

    fn at(source: &str, before: u64, mib: u64, seconds: u64) -> Event {
        Event::Progress(Progress {
            source: source.to_owned(),
            bytes: mib * MIB,
            total: None,
            before: before * MIB,
            time: Duration::from_secs(seconds),
        })
    }

    fn file(source: &str, mib: u64, is_skipped: bool) -> Event {
        let size = Some(mib * MIB);
        ended(
            source,
            Ok(match is_skipped {
                true => FileCopy::skipped(size, Verified::None),
                false => FileCopy::moved(size, Rung::Local, Verified::None),
            }),
        )
    }

    fn ended(source: &str, copy: Result<FileCopy, Failure>) -> Event {
        Event::File(Box::new(FileOutcome { source: source.to_owned(), dest: String::new(), copy }))
    }

    /// What is shown after these events, each with its second: files, of, MiB, total in MiB, MiB per second, seconds.
    fn shown(events: &[(u64, Event)]) -> (u64, u64, u64, Option<u64>, Option<f64>, Option<u64>) {
        let (mut overall, mut at) = (Overall::default(), Duration::ZERO);
        for (second, event) in events {
            at = Duration::from_secs(*second);
            overall.take(event, at);
        }
        let Shown { files, of, bytes, total, rate, remaining, .. } = overall.shown(at);
        let mib = |bytes: u64| bytes / MIB;
        let rate = rate.map(|rate| (rate / MIB as f64 * 10.0).round() / 10.0);
        (files, of, mib(bytes), total.map(mib), rate, remaining.map(|remaining| remaining.as_secs()))
    }

    #[test]
    fn a_job_is_right_from_its_first_event() {
        assert_eq!(shown(&[]), (0, 0, 0, None, None, None));
        assert_eq!(shown(&[(0, found(1, 100, 0, false))]), (0, 1, 0, Some(100), None, None));
        let one = [(0, found(1, 100, 0, false)), (0, plan("a", 100)), (2, at("a", 0, 20, 2))];
        assert_eq!(shown(&one), (0, 1, 20, Some(100), Some(10.0), Some(8)));
        // Nobody has counted it.
        assert_eq!(shown(&one[1..]), (0, 1, 20, Some(100), Some(10.0), Some(8)));
    }

    #[test]
    fn the_files_of_several_workers_add_up() {
        let events = [
            (0, found(3, 120, 0, false)),
            (0, plan("a", 50)),
            (0, plan("b", 50)),
            (1, at("a", 0, 10, 1)),
            (1, at("b", 0, 20, 1)),
            (2, file("b", 50, false)),
            (2, file("c", 20, true)),
        ];
        // 60 MiB have moved in 2 s, 20 were there, 40 remain.
        assert_eq!(shown(&events), (2, 3, 80, Some(120), Some(30.0), Some(2)));
    }

    #[test]
    fn nothing_is_promised_while_more_may_be_found() {
        let events = [(0, found(2, 100, 0, true)), (0, plan("a", 50)), (1, at("a", 0, 10, 1))];
        assert_eq!(shown(&events), (0, 2, 10, Some(100), Some(10.0), None));
    }

    #[test]
    fn without_sizes_the_files_tell_how_long_it_takes() {
        let events = [(0, found(4, 0, 4, false)), (0, plan("a", 1)), (1, file("a", 1, false))];
        assert_eq!(shown(&events), (1, 4, 1, None, Some(1.0), Some(3)));
    }

    #[test]
    fn bytes_that_were_there_before_or_were_lost_are_no_progress() {
        let resumed = [(0, plan("a", 100)), (2, at("a", 50, 60, 2))];
        assert_eq!(shown(&resumed), (0, 1, 60, Some(100), Some(5.0), Some(8)));
        let again = [(0, plan("a", 100)), (1, at("a", 0, 90, 1)), (2, at("a", 0, 10, 1))];
        assert_eq!(shown(&again), (0, 1, 10, Some(100), Some(50.0), Some(2)));
    }

    #[test]
    fn a_resumed_file_that_ends_without_progress_has_moved_only_its_rest() {
        let moved = FileCopy::moved(Some(100 * MIB), Rung::Local, Verified::None);
        let resumed = ended("a", Ok(FileCopy { before: 80 * MIB, ..moved }));
        let events = [(0, found(2, 200, 0, false)), (0, plan("a", 100)), (2, resumed)];
        // 20 MiB have moved in 2 s, and 100 remain.
        assert_eq!(shown(&events), (1, 2, 100, Some(200), Some(10.0), Some(10)));
    }

    #[test]
    fn a_detached_file_counts_for_what_has_arrived_and_its_verification_begins_where_it_ended() {
        let end = FileEnd::Detached { route: Rung::Local, job: crate::id::JobId::new(1) };
        let copy = FileCopy { end, ..FileCopy::skipped(Some(100 * MIB), Verified::None) };
        let detached = ended("a", Ok(copy));
        let events =
            [(0, found(1, 100, 0, false)), (0, plan("a", 100)), (1, at("a", 0, 1, 1)), (1, detached)];
        assert_eq!(shown(&events), (1, 1, 1, Some(100), Some(1.0), Some(99)));
        // What was there when resume asked first is no progress of this run.
        let events = [
            (0, found(1, 100, 0, false)),
            (0, at("a", 30, 30, 0)),
            (2, at("a", 30, 90, 2)),
            (3, plan("a", 100)),
        ];
        // 60 MiB in 3 s, in the last of which nothing moved.
        assert_eq!(shown(&events), (0, 1, 90, Some(100), Some(20.0), Some(1)));
    }

    #[test]
    fn files_that_move_together_count_while_they_move() {
        let arrived =
            |source: &str, mib: u64| Event::Arrived { source: source.to_owned(), size: mib * MIB, batch: 1 };
        let together = |mib: Option<u64>| Event::Together {
            batch: 1,
            bytes: mib.map(|mib| mib * MIB),
            time: Duration::from_secs(2),
        };
        let mut events = vec![(0, found(3, 60, 0, false))];
        events.extend(["a", "b", "c"].map(|name| (0, plan(name, 20))));
        events.push((2, together(Some(10))));
        assert_eq!(shown(&events), (0, 3, 10, Some(60), Some(5.0), Some(10)));
        // Of what has moved, 20 MiB are those of a file that has its name.
        events.extend([(4, together(Some(30))), (4, arrived("a", 20))]);
        assert_eq!(shown(&events), (1, 3, 30, Some(60), Some(7.5), Some(4)));
        // The count of bytes is behind that of names.
        events.push((5, arrived("b", 20)));
        assert_eq!(shown(&events), (2, 3, 40, Some(60), Some(8.0), Some(3)));
        // The third file is left. What is told at the end changes nothing of the others.
        events.extend([(6, together(Some(50))), (6, together(None))]);
        assert_eq!(shown(&events), (2, 3, 40, Some(60), Some(8.3), Some(3)));
        events.extend([(6, file("a", 20, false)), (6, file("b", 20, false))]);
        assert_eq!(shown(&events), (2, 3, 40, Some(60), Some(8.3), Some(3)));
    }

    #[test]
    fn after_silence_the_rate_is_lower_and_nothing_is_promised() {
        let mut overall = Overall::default();
        let started = [found(1, 100, 0, false), plan("a", 100)];
        started.iter().for_each(|event| assert!(overall.take(event, Duration::ZERO)));
        overall.take(&at("a", 0, 20, 2), Duration::from_secs(2));
        let told = |overall: &Overall, second| {
            let Shown { rate, remaining, .. } = overall.shown(Duration::from_secs(second));
            (rate.map(|rate| (rate / MIB as f64).round()), remaining.map(|remaining| remaining.as_secs()))
        };
        assert_eq!(told(&overall, 2), (Some(10.0), Some(8)));
        assert_eq!(told(&overall, 5), (Some(4.0), Some(20)));
        for second in 6..30 {
            overall.saw(Duration::from_secs(second));
        }
        assert_eq!(told(&overall, 30), (Some(0.0), None));
    }

    #[test]
    fn files_that_ended_while_nobody_read_are_counted() {
        let left_out =
            LeftOut { events: 9, files: 2, bytes: 60 * MIB, moved: 60 * MIB, ..LeftOut::default() };
        let events = [
            (0, found(3, 100, 0, false)),
            (0, plan("a", 50)),
            (1, Event::LeftOut(left_out)),
            (2, file("c", 40, false)),
        ];
        assert_eq!(shown(&events), (3, 3, 100, Some(100), Some(50.0), Some(0)));
    }

    #[test]
    fn a_file_that_failed_is_neither_waited_for_nor_shown_as_done() {
        let failed = || ended("a", Err(Failure::interrupted()));
        let events = [(0, found(2, 100, 0, false)), (0, plan("a", 40)), (1, failed())];
        assert_eq!(shown(&events), (1, 2, 0, Some(100), Some(0.0), None));
        // An interruption ends the only file. It has not arrived.
        let events =
            [(0, found(1, 100, 0, false)), (0, plan("a", 100)), (2, at("a", 0, 40, 2)), (3, failed())];
        let (files, of, bytes, total, _, remaining) = shown(&events);
        assert_eq!((files, of, bytes, total, remaining), (1, 1, 40, Some(100), None));
        // 20 MiB have moved in 2 s. Of the other file 60 remain.
        let other = [(0, plan("b", 60)), (0, plan("a", 40)), (2, at("a", 0, 20, 2)), (2, failed())];
        let events: Vec<_> = [(0, found(2, 100, 0, false))].into_iter().chain(other).collect();
        assert_eq!(shown(&events), (1, 2, 20, Some(100), Some(10.0), Some(6)));
    }
}

#[cfg(test)]
mod pace_tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// The pace in MiB per second, and the seconds that 50 MiB more take, after these counts in MiB.
    fn pace(seen: impl IntoIterator<Item = (f64, u64)>) -> (Option<f64>, Option<f64>) {
        let (mut pace, mut at) = (Pace::default(), Duration::ZERO);
        pace.begin(at);
        for (seconds, mib) in seen {
            at = Duration::from_secs_f64(seconds);
            pace.saw(at, mib * MIB);
        }
        let lately = pace.lately(at).map(|(bytes, seconds)| bytes as f64 / seconds / MIB as f64);
        let remaining = pace.remaining(50 * MIB, at);
        (lately, remaining.map(|remaining| (remaining.as_secs_f64() * 10.0).round() / 10.0))
    }

    #[test]
    fn the_pace_is_right_from_the_first_count() {
        assert_eq!(pace([]), (None, None));
        assert_eq!(pace([(0.5, 10)]), (Some(20.0), Some(2.5)));
        assert_eq!(pace([(0.5, 10), (1.0, 30)]), (Some(30.0), Some(1.7)));
    }

    #[test]
    fn the_pace_is_that_of_the_last_seconds() {
        let slow = (1..=20).map(|second| (f64::from(second), 2 * second as u64));
        let fast = (1..=10).map(|second| (f64::from(20 + second), 40 + 6 * second as u64));
        assert_eq!(pace(slow.chain(fast)), (Some(6.0), Some(8.3)));
    }

    #[test]
    fn a_pace_keeps_little() {
        let mut pace = Pace::default();
        pace.begin(Duration::ZERO);
        for count in 1..=100_000_u64 {
            pace.saw(Duration::from_micros(50 * count), count);
        }
        assert!(pace.seen.len() <= MOST_SEEN + 1);
        let (count, seconds) = pace.lately(Duration::from_secs(5)).unwrap();
        assert_eq!((count as f64 / seconds).round(), 20_000.0);
    }

    #[test]
    fn silence_counts() {
        let mut pace = Pace::default();
        pace.begin(Duration::ZERO);
        pace.saw(Duration::from_secs(2), 40);
        let lately = |pace: &Pace, second| pace.lately(Duration::from_secs(second));
        assert_eq!(lately(&pace, 2), Some((40, 2.0)));
        assert_eq!(lately(&pace, 8), Some((40, 8.0)));
        assert_eq!(pace.remaining(10, Duration::from_secs(8)), Some(Duration::from_secs(2)));
        // Nothing has come for as long as the pace looks back.
        assert_eq!(lately(&pace, 12), Some((0, 10.0)));
        assert_eq!(pace.remaining(10, Duration::from_secs(12)), None);
        // What comes after a long silence in which somebody has looked is no average over all of it.
        for second in [12, 20, 25] {
            pace.saw(Duration::from_secs(second), 40);
        }
        pace.saw(Duration::from_secs(30), 140);
        assert_eq!(lately(&pace, 30), Some((100, 10.0)));
    }

    #[test]
    fn without_time_or_bytes_nothing_is_promised() {
        assert_eq!(pace([(0.0, 10)]), (None, None));
        assert_eq!(pace([(1.0, 0)]), (Some(0.0), None));
        let mut slow = Pace::default();
        slow.begin(Duration::ZERO);
        let late = Duration::from_secs(1_000_000_000);
        slow.saw(late, 1);
        assert_eq!(slow.remaining(50 * MIB, late), None);
    }
}

#[cfg(test)]
mod found_tests {
    use super::*;

    #[test]
    fn sources_are_counted_as_files_until_they_are_looked_at() {
        let finding = Finding::default();
        let found = |files, bytes, unsized_files, more| Found { files, bytes, unsized_files, more };
        assert_eq!(finding.sources(3), found(3, 0, 3, true));
        assert_eq!(finding.file(Some(5)), found(3, 5, 2, true));
        assert_eq!(finding.tree(), found(2, 5, 1, true));
        assert_eq!(finding.in_tree(10, 100, 1), found(12, 105, 2, true));
        assert_eq!(finding.clone().nothing(), found(11, 105, 1, true));
        assert_eq!(finding.tree_ends(), found(11, 105, 1, false));
    }
}
