//! Tests of the database.

use super::*;
use crate::id::JobId;
use crate::journal::claiming::{Claim, LONGEST_ALONE};
use crate::journal::directory::FILE;
use crate::journal::item_row::note_undeleted;
use crate::journal::job_row::JobRow;
use crate::journal::jobs::{ENDED, OPEN};
use crate::journal::record::{
    Detached, Failures, FinishedCopy, ItemEnd, ItemHistory, ItemParts, ItemRecord, ItemState, JobStart,
    JobState, NAME_OF_COPY, NewItem, PartId, Place, RunEnd, SourceFacts, StoredJob, UnfinishedItem,
};
use crate::ladder::Rung;
use crate::outcome::{FileCopy, Verified};
use ftp_io::clock::since_1970;
use ftp_proto::digest::Algorithm;
use ftp_proto::wire::TransferId;
use std::fs;

fn place(source: &str) -> Place {
    Place::for_tests(source, "ann@two:21", "copy/f")
}

fn start(store: &Store, number: u64, resumes: bool) -> Result<JobLock, JournalFailure> {
    let id = JobId::new(number);
    store.start(&JobStart { resumes, ..JobStart::for_tests(id, &format!("copy {number} b")) })
}

fn begin(store: &Store, job: u64, source: &str, part: u64) -> Claim {
    store.claim(JobId::new(job), &NewItem::for_tests(place(source), part))
}

/// What earlier runs have done with a file that is claimed.
fn found(claim: Claim) -> ItemHistory {
    claim.ours().history
}

/// Why a file is left alone that this job has claimed.
fn left_to(job: u64) -> String {
    format!("job {} has claimed its destination", JobId::new(job))
}

/// The locks that this process has on a file (fcntl(2)), by its descriptors: `/proc/locks` leaves out some while others come and go.
#[cfg(target_os = "linux")]
fn locks(path: &Path) -> usize {
    use std::os::unix::fs::MetadataExt;
    let end = format!(":{}", fs::metadata(path).unwrap().ino());
    let descriptors = fs::read_dir("/proc/self/fdinfo").unwrap();
    // Other tests close theirs meanwhile.
    let texts = descriptors.filter_map(|descriptor| fs::read_to_string(descriptor.ok()?.path()).ok());
    let is_lock = |line: &&str| {
        line.starts_with("lock:")
            && line.contains(" POSIX ")
            && line.split_whitespace().any(|word| word.ends_with(&end))
    };
    texts.map(|text| text.lines().filter(is_lock).count()).sum()
}

#[test]
#[cfg(target_os = "linux")]
fn whoever_opens_the_journal_again_in_this_process_leaves_the_locks_of_sqlite_as_they_are() {
    let home = tempfile::tempdir().unwrap();
    let _store = Store::file_for_tests(home.path()).unwrap();
    let before = locks(&home.path().join(FILE));
    assert!(before > 0, "an open database is locked");
    // Another process that finds no lock takes itself for the last one, and removes the log of changes.
    drop(Store::file_for_tests(home.path()).unwrap());
    drop(Store::existing_file_for_tests(home.path()).unwrap().unwrap());
    assert_eq!(crate::journal::recent_jobs(home.path()).len(), 0);
    assert_eq!(locks(&home.path().join(FILE)), before);
}

#[test]
fn n10_a_destination_belongs_to_the_job_that_runs_and_else_to_whoever_asks_last() {
    let (_home, store) = Store::for_tests();
    let first = start(&store, 1, false).unwrap();
    assert_eq!(found(begin(&store, 1, "a", 10)), ItemHistory::New);
    let _second = start(&store, 2, false).unwrap();
    assert!(matches!(begin(&store, 2, "a", 20), Claim::Theirs(job) if job == JobId::new(1)));
    drop(first);
    // Its process is gone: what it has left is the business of the other job.
    let parts = ItemParts { names: vec![PartId(10)], ..ItemParts::default() };
    let left = ItemHistory::Open(Box::new(UnfinishedItem { parts, ..UnfinishedItem::default() }));
    assert_eq!(found(begin(&store, 2, "a", 20)), left);
    let given_over = store.items(JobId::new(1), ItemState::GivenOver).unwrap();
    assert_eq!((given_over.len(), given_over[0].parts.names.clone()), (1, vec![]));
    assert!(store.items(JobId::new(1), ItemState::Open).unwrap().is_empty());
    assert_eq!(store.items(JobId::new(2), ItemState::Open).unwrap()[0].parts.names, [PartId(10)]);
}

#[test]
fn a_job_does_not_begin_after_its_end_although_the_clock_was_ahead_once() {
    let (_home, store) = Store::for_tests();
    let _ahead = start(&store, 1, false).unwrap();
    let mut row = JobRow::find(&store.sql, JobId::new(1)).unwrap().unwrap();
    row.begun += 3_600_000_000;
    row.save(&store.sql).unwrap();
    let _next = start(&store, 2, false).unwrap();
    store.finish(JobId::new(2), RunEnd::Failed, None).unwrap();
    let jobs = store.jobs().unwrap();
    assert_eq!(jobs.len(), 2);
    for job in jobs {
        assert!(job.begun <= job.ended.unwrap_or_else(|| since_1970().as_secs()), "{job:?}");
    }
}

#[test]
fn a_part_that_has_to_be_deleted_outlives_the_end_of_its_file() {
    let (home, store) = Store::for_tests();
    let lock = start(&store, 1, false).unwrap();
    let job = JobId::new(1);
    let owing = |store: &Store| -> Vec<(Vec<u8>, Vec<PartId>)> {
        let files = ItemRecord::ended_with_undeleted(&store.sql, job).unwrap().into_iter();
        files.map(|file| (file.place.path, file.parts.undeleted)).collect()
    };
    let begun = begin(&store, 1, "a", 10).ours();
    note_undeleted(&store.sql, PartId(10)).unwrap();
    note_undeleted(&store.sql, PartId(77)).unwrap();
    store.add_part(begun.key, PartId(11)).unwrap();
    assert_eq!(owing(&store), [], "the file goes on");
    store.ended(begun.key, ItemEnd::done_for_tests()).unwrap();
    let left = [(place("a").path, vec![PartId(10)])];
    assert_eq!(owing(&store), left);
    drop((lock, store));

    let store = Store::existing_for_tests(home.path()).unwrap().unwrap();
    let lock = start(&store, 1, true).unwrap();
    assert!(matches!(found(begin(&store, 1, "a", 12)), ItemHistory::Done { .. }));
    assert_eq!(owing(&store), left);
    drop(lock);
    let abandoned = store.abandon(job).unwrap();
    assert_eq!(abandoned.iter().map(|file| file.parts.undeleted.clone()).collect::<Vec<_>>(), [[PartId(10)]]);
    assert_eq!(owing(&store), []);
}

#[test]
fn n8_a_file_is_found_as_it_was_left() {
    let (home, store) = Store::for_tests();
    let lock = start(&store, 1, false).unwrap();
    let begun = begin(&store, 1, "a", 10).ours();
    assert_eq!(begun.first, Some(PartId(10)));
    let seen = SourceFacts { size: Some(5), modified: Some(7), unique: None };
    store.seen(begun.key, seen.clone()).unwrap();
    store.add_part(begun.key, PartId(11)).unwrap();
    drop((lock, store));

    let store = Store::existing_for_tests(home.path()).unwrap().unwrap();
    assert_eq!(store.jobs().unwrap()[0].state, JobState::Interrupted);
    let lock = start(&store, 1, true).unwrap();
    assert_eq!(store.jobs().unwrap()[0].state, JobState::Running);
    let open = |in_place: Option<PartId>| {
        let names = vec![PartId(10), PartId(11)];
        let parts = ItemParts { names, in_place, ..ItemParts::default() };
        let seen = Some(seen.clone());
        ItemHistory::Open(Box::new(UnfinishedItem { parts, seen, ..UnfinishedItem::default() }))
    };
    assert_eq!(found(begin(&store, 1, "a", 12)), open(None));
    store.in_place(begun.key, PartId(12)).unwrap();
    for _ in 0..2 {
        assert_eq!(found(begin(&store, 1, "a", 13)), open(Some(PartId(12))));
    }
    let means = Verified::Hash(Algorithm::Sha256);
    let copy = Box::new(FileCopy::skipped(Some(5), means));
    store.ended(begun.key, ItemEnd::Done { copy, began: None, noted: 0 }).unwrap();
    assert_eq!(
        found(begin(&store, 1, "a", 13)),
        ItemHistory::Done { copy: FinishedCopy { seen, verified: means, route: None }, replaced: None }
    );
    assert_eq!(found(begin(&store, 1, "another source", 14)), ItemHistory::New);
    store.finish(JobId::new(1), RunEnd::Done, None).unwrap();
    drop(lock);
    assert_eq!(store.jobs().unwrap()[0].state, JobState::Done);
    assert!(matches!(start(&store, 9, true), Err(JournalFailure::Unknown { .. })));
}

#[test]
fn the_oldest_jobs_that_have_ended_are_forgotten_with_their_files() {
    let (_home, store) = Store::for_tests();
    let _runs = start(&store, 1, false).unwrap();
    for number in 2..ENDED as u64 + 5 {
        let _lock = start(&store, number, false).unwrap();
        found(begin(&store, number, "a", number + 100));
        store.finish(JobId::new(number), RunEnd::Failed, None).unwrap();
    }
    let _last = start(&store, 1_000, false).unwrap();
    let jobs: Vec<u64> = store.jobs().unwrap().iter().map(|job| job.id.number()).collect();
    assert_eq!(jobs.len(), 1 + ENDED, "{jobs:?}");
    assert!(jobs.contains(&1) && jobs.contains(&1_000) && !jobs.contains(&2), "{jobs:?}");
    assert!(store.items(JobId::new(2), ItemState::Open).unwrap().is_empty());
}

#[test]
fn jobs_that_have_begun_nothing_take_the_place_of_no_other_job() {
    let (_home, store) = Store::for_tests();
    for number in 1..=40 {
        let _lock = start(&store, number, false).unwrap();
        if number == 1 {
            found(begin(&store, number, "a", number + 100));
        }
        store.finish(JobId::new(number), RunEnd::Failed, None).unwrap();
    }
    let jobs: Vec<u64> = store.jobs().unwrap().iter().map(|job| job.id.number()).collect();
    assert_eq!(jobs, [1, 36, 37, 38, 39, 40]);
}

#[test]
fn a_job_has_the_number_and_the_cause_of_what_has_failed_in_its_last_run_until_it_runs_again() {
    let (_home, store) = Store::for_tests();
    let lock = start(&store, 1, false).unwrap();
    // A directory that cannot be listed has no row among the files.
    let failures = Failures { number: 3, why: "the listing is incomplete".to_owned() };
    store.finish(JobId::new(1), RunEnd::Failed, Some(&failures)).unwrap();
    drop(lock);
    let told = || store.jobs().unwrap().into_iter().map(|job| (job.failed, job.why)).collect::<Vec<_>>();
    assert_eq!(told(), [(3, Some(failures.why.clone()))]);
    let lock = start(&store, 1, true).unwrap();
    assert_eq!(told(), [(0, None)]);
    store.finish(JobId::new(1), RunEnd::Done, None).unwrap();
    drop(lock);
    assert_eq!(told(), [(0, None)]);
    store.finish(JobId::new(1), RunEnd::Failed, Some(&failures)).unwrap();
    store.sql.execute("UPDATE failures SET number = 4", &[]).unwrap();
    assert!(matches!(store.jobs(), Err(JournalFailure::Damaged { .. })));
}

#[test]
fn a_byte_that_has_changed_is_damage() {
    let (_home, store) = Store::for_tests();
    let _lock = start(&store, 1, false).unwrap();
    begin(&store, 1, "a", 10);
    store.sql.execute("UPDATE items SET path = ?1", &[b"copy/g".as_slice().into()]).unwrap();
    assert!(matches!(store.items(JobId::new(1), ItemState::Open), Err(JournalFailure::Damaged { .. })));
}

#[test]
fn n8_a_job_does_not_go_on_if_a_row_of_a_file_has_changed() {
    for (table, change, back) in [
        ("items", "UPDATE items SET path = x'00'", "UPDATE items SET path = x'636f70792f66'"),
        // These rows look like those of another job and another file.
        ("items", "UPDATE items SET job = 7", "UPDATE items SET job = 1"),
        ("parts", "UPDATE parts SET item = 7", "UPDATE parts SET item = 1"),
    ] {
        let (_home, store) = Store::for_tests();
        let lock = start(&store, 1, false).unwrap();
        begin(&store, 1, "a", 10);
        store.finish(JobId::new(1), RunEnd::Failed, None).unwrap();
        drop(lock);
        store.sql.execute(change, &[]).unwrap();
        let damage = start(&store, 1, true).unwrap_err();
        assert!(matches!(damage, JournalFailure::Damaged { .. }), "{change}: {damage}");
        assert!(damage.to_string().contains(&format!("of the table {table}")), "{change}: {damage}");
        assert_eq!(store.jobs().unwrap()[0].state, JobState::Failed, "{change}");
        // A new job does not need what others have left.
        assert!(start(&store, 2, false).is_ok(), "{change}");
        store.sql.execute(back, &[]).unwrap();
        assert!(start(&store, 1, true).is_ok(), "{change}");
    }
}

#[test]
fn n9_a_transfer_that_goes_on_alone_is_found_by_whoever_claims_its_file_next() {
    let (_home, store) = Store::for_tests();
    let lock = start(&store, 1, false).unwrap();
    let begun = begin(&store, 1, "a", 10).ours();
    let id = |number| TransferId::new([number; 16]);
    let route = Rung::DestListens;
    let mut detached = Detached { source: id(1), destination: id(2), route, before: 7, moves: false };
    store.detached(begun.key, Some(&detached)).unwrap();
    store.finish(JobId::new(1), RunEnd::Done, None).unwrap();
    drop(lock);
    let state = || store.jobs().unwrap()[0].state;
    assert_eq!(state(), JobState::Interrupted, "nobody has said that it moves");
    detached.moves = true;
    store.detached(begun.key, Some(&detached)).unwrap();
    assert_eq!(state(), JobState::Detached);
    let items = |job| store.items(JobId::new(job), ItemState::Open).unwrap();
    assert_eq!(items(1)[0].parts.detached, Some(detached.clone()));
    let lock = start(&store, 2, false).unwrap();
    let moves = begin(&store, 2, "a", 11);
    assert!(matches!(moves, Claim::Moves(job) if job == JobId::new(1)), "{moves:?}");
    drop(lock);
    // Nobody has heard of it for longer than any server lets it go on.
    let mut row = JobRow::find(&store.sql, JobId::new(1)).unwrap().unwrap();
    row.ended = row.ended.map(|ended| ended - LONGEST_ALONE.as_secs());
    row.save(&store.sql).unwrap();
    let _lock = start(&store, 3, false).unwrap();
    let ItemHistory::Open(left) = found(begin(&store, 3, "a", 11)) else { panic!("it is open") };
    assert_eq!(left.parts.detached.as_ref(), Some(&detached));
    assert_eq!((items(1).len(), items(3)[0].parts.detached.as_ref()), (0, Some(&detached)));
    let failed = ItemEnd::Failed { why: "no".to_owned(), began: Some(5) };
    store.ended(items(3)[0].key, failed).unwrap();
    assert_eq!(store.sql.number("SELECT count(*) FROM detached", &[]), Ok(0));
}

#[test]
fn n8_what_a_later_job_has_claimed_is_left_alone() {
    let (_home, store) = Store::for_tests();
    let state = |number: u64| {
        let jobs = store.jobs().unwrap();
        let job = jobs.iter().find(|job| job.id == JobId::new(number)).unwrap();
        (job.state, job.given_over)
    };
    drop(start(&store, 1, false).unwrap());
    assert_eq!(found(begin(&store, 1, "a", 10)), ItemHistory::New);
    let typed = |number: u64, words: &[&str], decided: Option<&str>| {
        let mut row = JobRow::find(&store.sql, JobId::new(number)).unwrap().unwrap();
        row.job = StoredJob::for_tests(&words.join(" "));
        row.decided = decided.map(str::to_owned);
        row.save(&store.sql).unwrap();
    };
    // A tree has more files, and nobody copies those.
    typed(1, &["copy", "-r", "a", "b"], Some(NAME_OF_COPY));
    drop(start(&store, 2, false).unwrap());
    typed(2, &["copy", "c", "b"], Some(NAME_OF_COPY));
    assert!(matches!(found(begin(&store, 2, "c", 20)), ItemHistory::Open(_)));
    assert_eq!(state(1), (JobState::Interrupted, 1));
    // Neither before the later job has ended nor afterwards.
    for _ in 0..2 {
        let _lock = start(&store, 1, true).unwrap();
        assert_eq!(found(begin(&store, 1, "a", 11)), ItemHistory::GivenOver { why: left_to(2) });
        let open = store.items(JobId::new(2), ItemState::Open).unwrap();
        if let Some(item) = open.first() {
            assert_eq!(item.parts.names, [PartId(10)]);
            store.ended(item.key, ItemEnd::done_for_tests()).unwrap();
        }
    }
    // One file, or the same command: nothing is left to do.
    for (words, again) in
        [(["copy", "a", "b"], ["copy", "x", "b"]), (["copy", "-r", "b"], ["copy", "-rv", "b"])]
    {
        let number = if words[1] == "-r" { 5 } else { 3 };
        drop(start(&store, number, false).unwrap());
        typed(number, &words, Some(NAME_OF_COPY));
        assert_eq!(found(begin(&store, number, "a", number * 10)), ItemHistory::New);
        assert_eq!(state(number), (JobState::Interrupted, 0));
        let _lock = start(&store, number + 1, false).unwrap();
        typed(number + 1, &again, None);
        begin(&store, number + 1, "x", number * 10 + 1);
        assert_eq!(state(number), (JobState::Failed, 1), "{words:?}");
        let open = store.items(JobId::new(number + 1), ItemState::Open).unwrap();
        let failed = ItemEnd::failed_for_tests("no");
        store.ended(open[0].key, failed).unwrap();
    }
}

#[test]
fn n8_jobs_that_were_killed_before_they_had_begun_a_file_are_interrupted_however_many_they_are() {
    let (_home, store) = Store::for_tests();
    let states = || store.jobs().unwrap().iter().map(|job| job.state).collect::<Vec<_>>();
    let lock = start(&store, 1, false).unwrap();
    assert_eq!(states(), [JobState::Running]);
    drop(lock);
    assert_eq!(states(), [JobState::Interrupted]);
    let lock = start(&store, 1, true).unwrap();
    begin(&store, 1, "a", 10);
    drop(lock);
    assert_eq!(states(), [JobState::Interrupted]);
    for number in 2..40 {
        drop(start(&store, number, false).unwrap());
    }
    assert_eq!(states(), [JobState::Interrupted; 39]);
}

#[test]
fn n8_a_file_that_was_never_begun_is_left_to_a_later_job_that_has_stored_another_source_there() {
    for is_done in [true, false] {
        let (_home, store) = Store::for_tests();
        drop(start(&store, 1, false).unwrap());
        let lock = start(&store, 2, false).unwrap();
        let begun = begin(&store, 2, "b", 20).ours();
        if is_done {
            store.ended(begun.key, ItemEnd::done_for_tests()).unwrap();
        }
        drop(lock);
        let _lock = start(&store, 1, true).unwrap();
        for _ in 0..2 {
            assert_eq!(found(begin(&store, 1, "a", 10)), ItemHistory::GivenOver { why: left_to(2) });
        }
        assert_eq!(store.items(JobId::new(1), ItemState::GivenOver).unwrap().len(), 1);
        // A job that begins now is the last one that asks. A copy of the same source is compared.
        let _third = start(&store, 3, false).unwrap();
        assert!(!matches!(found(begin(&store, 3, "a", 30)), ItemHistory::GivenOver { .. }));
    }
    let (_home, store) = Store::for_tests();
    drop(start(&store, 1, false).unwrap());
    drop(start(&store, 2, false).unwrap());
    begin(&store, 2, "a", 20);
    let _lock = start(&store, 1, true).unwrap();
    assert!(matches!(found(begin(&store, 1, "a", 10)), ItemHistory::Open(_)));
}

#[test]
fn n8_a_finished_file_that_a_later_job_has_replaced_is_known_to_be_replaced() {
    for (source, expect) in [("b", true), ("a", false)] {
        let (_home, store) = Store::for_tests();
        let finish = |job: u64, source: &str| {
            let _lock = start(&store, job, false).unwrap();
            let begun = begin(&store, job, source, job * 10).ours();
            store.ended(begun.key, ItemEnd::done_for_tests()).unwrap();
        };
        finish(1, "a");
        finish(2, source);
        let _lock = start(&store, 1, true).unwrap();
        let ItemHistory::Done { replaced, .. } = found(begin(&store, 1, "a", 10)) else {
            panic!("it is done")
        };
        assert_eq!(replaced, expect.then(|| left_to(2)), "{source}");
    }
}

#[test]
fn n8_a_job_goes_on_with_the_words_that_were_typed_last() {
    let (_home, store) = Store::for_tests();
    let start = |number, words: &str, resumes| {
        let name = Some("nightly".to_owned());
        let start = JobStart { resumes, ..JobStart::for_tests(JobId::new(number), words) };
        let job = StoredJob { directory: "/srv".into(), name, ..start.job };
        store.start(&JobStart { job, ..start })
    };
    let first = start(1, "copy --id=nightly --limit=1MB --retries=9 a b", false).unwrap();
    // Another one that was started at the same time hears who runs it.
    let other = start(2, "copy --id=nightly -v a b", false);
    assert!(matches!(other, Err(JournalFailure::Held { job, .. }) if job == JobId::new(1)), "{other:?}");
    drop(first);
    drop(start(1, "copy --id=nightly a b", true).unwrap());
    let words = store.jobs().unwrap().remove(0).job.words;
    assert_eq!(words, ["copy", "--id=nightly", "a", "b"]);
}

#[test]
fn a_job_that_has_stored_nothing_keeps_its_name_from_nobody() {
    let (_home, store) = Store::for_tests();
    let named = |number: u64, word: &str| {
        let mut start = JobStart::for_tests(JobId::new(number), &format!("copy {word} b"));
        start.job.name = Some("n".to_owned());
        store.start(&start)
    };
    let lock = named(1, "typo").unwrap();
    assert!(matches!(named(2, "right"), Err(JournalFailure::Named { .. })));
    let begun = begin(&store, 1, "a", 1).ours();
    store.ended(begun.key, ItemEnd::failed_for_tests("no such file")).unwrap();
    store.finish(JobId::new(1), RunEnd::Failed, None).unwrap();
    drop(lock);
    drop(named(3, "right").unwrap());
    let names: Vec<bool> = store.jobs().unwrap().iter().map(|job| job.job.name.is_some()).collect();
    assert_eq!(names, [false, true]);
}

#[test]
fn jobs_that_have_only_failed_take_the_place_of_no_other() {
    let (_home, store) = Store::for_tests();
    for number in 1..60 {
        let lock = start(&store, number, false).unwrap();
        let begun = begin(&store, number, "a", number).ours();
        let (file, run) = match number {
            1 => (ItemEnd::done_for_tests(), RunEnd::Done),
            _ => (ItemEnd::Failed { why: "no such file".to_owned(), began: Some(5) }, RunEnd::Failed),
        };
        store.ended(begun.key, file).unwrap();
        store.finish(JobId::new(number), run, None).unwrap();
        drop(lock);
    }
    let jobs = store.jobs().unwrap();
    assert_eq!((jobs[0].id, jobs.len()), (JobId::new(1), 1 + ENDED));
}

#[test]
fn several_runs_may_make_the_journal_at_the_same_instant() {
    for round in 0..60 {
        let home = tempfile::tempdir().unwrap();
        let together = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            let open = || {
                together.wait();
                Store::open_for_tests(home.path()).map(drop)
            };
            let all: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            for one in all {
                assert_eq!(one.join().unwrap(), Ok(()), "round {round}");
            }
        });
    }
}

/// Writes jobs that have not ended, each with a file if `has_file`.
fn interrupted(store: &Store, numbers: std::ops::Range<u64>, has_file: bool) {
    let write = |store: &Store| {
        for number in numbers.clone() {
            let (id, job) = (JobId::new(number), StoredJob::for_tests(&format!("copy {number} b")));
            let (state, begun) = (JobState::Interrupted, number);
            JobRow { id, job, state, begun, ended: None, decided: None }.save(&store.sql)?;
            if has_file {
                let place = Place::for_tests("a", "", &number.to_string());
                ItemRecord::new(store.new_key()?, id, place).add(&store.sql)?;
            }
        }
        Ok(())
    };
    store.durably(write).unwrap();
}

#[test]
fn n8_ten_thousand_interrupted_jobs_are_kept_and_one_more_begins_without_a_journal() {
    let (_home, store) = Store::for_tests();
    interrupted(&store, 1..OPEN - 4, true);
    interrupted(&store, OPEN..OPEN + 4, false);
    let _last = start(&store, 100_000, false).unwrap();
    assert_eq!(JobRow::count_open(&store.sql).unwrap(), OPEN);
    found(begin(&store, 100_000, "b", 1));
    let full = start(&store, 100_001, false).unwrap_err();
    assert!(matches!(full, JournalFailure::Full { most: OPEN, .. }), "{full}");
    let _again = start(&store, 7, true).unwrap();
    assert_eq!(store.jobs().unwrap().len() as u64, OPEN);
    if !store.is_file() {
        return;
    }
    // All jobs are read at each start, but none of their files: an index tells whether there is one.
    let plan = "EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE state = 0 AND name IS NULL AND NOT EXISTS (SELECT 1 FROM items WHERE job = jobs.id)";
    let steps: Vec<String> = store.sql.all(plan, &[], |row| row.get(3)).unwrap();
    assert!(steps.iter().any(|step| step.contains("items_by_job")), "{steps:?}");
}

#[test]
fn n8_a_job_that_is_given_up_without_its_servers_names_what_it_may_have_left() {
    let (_home, store) = Store::for_tests();
    let job = JobId::new(1);
    let lock = start(&store, 1, false).unwrap();
    found(begin(&store, 1, "a", 10));
    assert!(matches!(store.abandon(job), Err(JournalFailure::Held { .. })));
    drop(lock);
    let left = store.abandon(job).unwrap();
    assert_eq!((left.len(), &left[0].parts.names), (1, &vec![PartId(10)]));
    assert_eq!(store.jobs().unwrap()[0].state, JobState::Cancelled);
    let _second = start(&store, 2, false).unwrap();
    assert_eq!(found(begin(&store, 2, "a", 20)), ItemHistory::New, "nobody has a claim there");
}

#[test]
fn n8_by_which_path_a_file_was_moving_is_known_to_the_next_run_of_its_job_alone() {
    let home = tempfile::tempdir().unwrap();
    let moving = |found: ItemHistory| {
        let ItemHistory::Open(left) = found else { panic!("it is open") };
        left.route
    };
    let direct = || Some(Rung::DestListens);
    let store = Store::open_for_tests(home.path()).unwrap();
    let lock = start(&store, 1, false).unwrap();
    let begun = begin(&store, 1, "a", 10).ours();
    store.moves(begun.key, direct()).unwrap();
    // In the same run, and in the next one and the one after it.
    for _ in 0..2 {
        assert_eq!(moving(found(begin(&store, 1, "a", 11))), direct());
    }
    store.moves(begun.key, None).unwrap();
    assert_eq!(moving(found(begin(&store, 1, "a", 12))), None);
    store.moves(begun.key, direct()).unwrap();
    drop(lock);
    let _second = start(&store, 2, false).unwrap();
    assert_eq!(moving(found(begin(&store, 2, "a", 13))), None, "another job finds what was there");
}
