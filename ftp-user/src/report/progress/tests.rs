//! What is checked of it.

use super::*;
use crate::failure::{Failure, Result};
use crate::ladder::Rung;
use crate::outcome::{FileCopy, FileEnd, Verified};

const MIB: u64 = 1 << 20;

fn found(files: u64, mib: u64, unsized_files: u64, more: bool) -> Event {
    Event::Found(FoundFiles { files, bytes: mib * MIB, unsized_files, more })
}

fn plan(source: &str, mib: u64) -> Event {
    let (source, dest) = (source.to_owned(), String::new());
    let (size, verify) = (Some(mib * MIB), Verified::None);
    Event::Plan { verb: "copy", source, dest, size, verify, dry_run: false }
}

fn at(source: &str, before: u64, mib: u64, seconds: u64) -> Event {
    Event::Progress(FileProgress {
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

fn ended(source: &str, copy: Result<FileCopy>) -> Event {
    Event::File(Box::new(FileOutcome { source: source.to_owned(), dest: String::new(), copy }))
}

/// What is shown after these events, each with its second: files, of, MiB, total in MiB, MiB per second, seconds.
fn shown(events: &[(u64, Event)]) -> (u64, u64, u64, Option<u64>, Option<f64>, Option<u64>) {
    let (mut overall, mut at) = (RunProgress::default(), Duration::ZERO);
    for (second, event) in events {
        at = Duration::from_secs(*second);
        overall.take(event, at);
    }
    let JobProgress { files, of, bytes, total, rate, remaining, .. } = overall.shown(at);
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
fn the_file_of_which_was_spoken_last_is_known() {
    let mut overall = RunProgress::default();
    assert!(overall.last().is_none());
    for (event, source, mib) in
        [(plan("a", 50), "a", 0), (at("b", 0, 10, 1), "b", 10), (file("a", 50, false), "a", 50)]
    {
        overall.take(&event, Duration::ZERO);
        let last = overall.last().unwrap();
        assert_eq!((last.source.as_str(), last.bytes), (source, mib * MIB));
    }
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
    let events = [(0, found(1, 100, 0, false)), (0, plan("a", 100)), (1, at("a", 0, 1, 1)), (1, detached)];
    assert_eq!(shown(&events), (1, 1, 1, Some(100), Some(1.0), Some(99)));
    // What was there when resume asked first is no progress of this run.
    let events =
        [(0, found(1, 100, 0, false)), (0, at("a", 30, 30, 0)), (2, at("a", 30, 90, 2)), (3, plan("a", 100))];
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
    let mut overall = RunProgress::default();
    let started = [found(1, 100, 0, false), plan("a", 100)];
    started.iter().for_each(|event| assert!(overall.take(event, Duration::ZERO)));
    overall.take(&at("a", 0, 20, 2), Duration::from_secs(2));
    let mut told = |second| {
        let JobProgress { rate, remaining, .. } = overall.shown(Duration::from_secs(second));
        (rate.map(|rate| (rate / MIB as f64).round()), remaining.map(|remaining| remaining.as_secs()))
    };
    assert_eq!(told(2), (Some(10.0), Some(8)));
    assert_eq!(told(5), (Some(4.0), Some(20)));
    for second in 6..30 {
        overall.saw(Duration::from_secs(second));
    }
    let JobProgress { rate, remaining, .. } = overall.shown(Duration::from_secs(30));
    assert_eq!((rate, remaining), (Some(0.0), None));
}

#[test]
fn a_run_begins_with_what_earlier_ones_have_done_and_never_shows_less() {
    let mut overall = RunProgress::default();
    let mut told = |event: Event| {
        overall.take(&event, Duration::ZERO);
        let JobProgress { files, of, bytes, total, .. } = overall.shown(Duration::ZERO);
        assert!(of >= files && total.is_none_or(|total| total >= bytes), "{event:?}");
        (files, bytes / MIB)
    };
    assert_eq!(told(Event::Resumed { files: 2, bytes: 60 * MIB }), (2, 60));
    assert_eq!(told(found(1, 30, 0, true)), (2, 60));
    assert_eq!(told(file("a", 30, false)), (2, 60));
    assert_eq!(told(found(3, 100, 0, false)), (2, 60));
    assert_eq!(told(file("b", 30, false)), (2, 60));
    assert_eq!(told(at("c", 0, 20, 1)), (2, 80));
    // It begins again with the first byte.
    assert_eq!(told(at("c", 0, 5, 2)), (2, 80));
    assert_eq!(told(file("c", 40, false)), (3, 100));
}

#[test]
fn of_files_of_unknown_sizes_a_large_one_under_way_says_how_long_the_rest_takes() {
    let small = |second, name: &str| [(second, plan(name, 1)), (second, file(name, 1, false))];
    let mut events = vec![(0, found(5, 0, 5, false)), (0, plan("large", 100))];
    events.extend(small(1, "a").into_iter().chain(small(1, "b")));
    events.extend([(2, at("large", 0, 18, 2)), (2, plan("c", 1)), (2, file("c", 1, false))]);
    // 21 MiB in two seconds, and 82 are left; one file ended in each second, and one more is to come.
    assert_eq!(shown(&events), (3, 5, 21, None, Some(10.5), Some(8)));
    // No file has ended for a while, and 41 MiB are left at 3.5 in a second.
    events.push((3, plan("e", 1)));
    events.push((14, at("large", 0, 60, 14)));
    assert_eq!(shown(&events), (3, 5, 63, None, Some(3.5), Some(12)));
    // Nobody knows how long a file of unknown size takes.
    let unsized_file =
        FileProgress { source: "d".to_owned(), bytes: 1, total: None, before: 0, time: Duration::ZERO };
    events.push((14, Event::Progress(unsized_file)));
    assert_eq!(shown(&events).5, None);
    // Nobody knows how long those take that have not begun.
    assert_eq!(shown(&[(0, found(9, 0, 9, false)), (0, plan("a", 9)), (1, at("a", 0, 5, 1))]).5, None);
}

#[test]
fn files_that_ended_while_nobody_read_are_counted() {
    let left_out =
        LeftOutEvents { events: 9, files: 2, bytes: 60 * MIB, moved: 60 * MIB, ..LeftOutEvents::default() };
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
    let failed = || ended("a", Err(Failure::new(Kind::Refused, "no")));
    let events = [(0, found(2, 100, 0, false)), (0, plan("a", 40)), (1, failed())];
    assert_eq!(shown(&events), (1, 2, 0, Some(100), Some(0.0), None));
    // An interruption ends the run, and not the only file. It has not arrived.
    let interrupted = ended("a", Err(Failure::interrupted()));
    let events =
        [(0, found(1, 100, 0, false)), (0, plan("a", 100)), (2, at("a", 0, 40, 2)), (3, interrupted)];
    let (files, of, bytes, total, _, remaining) = shown(&events);
    assert_eq!((files, of, bytes, total, remaining), (0, 1, 40, Some(100), None));
    // 20 MiB have moved in 2 s. Of the other file 60 remain.
    let other = [(0, plan("b", 60)), (0, plan("a", 40)), (2, at("a", 0, 20, 2)), (2, failed())];
    let events: Vec<_> = [(0, found(2, 100, 0, false))].into_iter().chain(other).collect();
    assert_eq!(shown(&events), (1, 2, 20, Some(100), Some(10.0), Some(6)));
}

/// The pace in MiB per second, and the seconds that 50 MiB more take, after these counts in MiB.
fn pace(seen: impl IntoIterator<Item = (f64, u64)>) -> (Option<f64>, Option<f64>) {
    let (mut pace, mut at) = (RateMeter::default(), Duration::ZERO);
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
    let mut pace = RateMeter::default();
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
    let mut pace = RateMeter::default();
    pace.begin(Duration::ZERO);
    pace.saw(Duration::from_secs(2), 40);
    let lately = |pace: &RateMeter, second| pace.lately(Duration::from_secs(second));
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
    let mut slow = RateMeter::default();
    slow.begin(Duration::ZERO);
    let late = Duration::from_secs(1_000_000_000);
    slow.saw(late, 1);
    assert_eq!(slow.remaining(50 * MIB, late), None);
}

#[test]
fn sources_are_counted_as_files_until_they_are_looked_at() {
    let finding = Finding::default();
    let found = |files, bytes, unsized_files, more| FoundFiles { files, bytes, unsized_files, more };
    assert_eq!(finding.sources(3), found(3, 0, 3, true));
    assert_eq!(finding.file(Some(5)), found(3, 5, 2, true));
    assert_eq!(finding.tree(), found(2, 5, 1, true));
    assert_eq!(finding.in_tree(found(10, 100, 1, false)), found(12, 105, 2, true));
    assert_eq!(finding.clone().nothing(), found(11, 105, 1, true));
    assert_eq!(finding.tree_ends(), found(11, 105, 1, false));
}
