//! Tests of claims and of what becomes of them.

use super::*;
use crate::journal::job_row::{add_withheld, files_below, take_withheld};
use crate::journal::record::{ItemParts, JobStart};
use crate::journal::store::JobLock;
use crate::outcome::{PathFacts, TransferFacts};
use ftp_proto::deletion::WithheldName;
use ftp_proto::digest::Algorithm;
use ftp_proto::wire::TransferId;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const JOB: JobId = JobId::new(1);
const OTHER: JobId = JobId::new(2);

/// A store in which a job of this verb runs.
fn start(home: &Path, job: JobId, verb: &str) -> (Store, JobLock) {
    let store = Store::open_for_tests(home).unwrap();
    let lock = store.start(&JobStart::for_tests(job, verb)).unwrap();
    (store, lock)
}

/// A new store in which a copy runs.
fn copying(job: JobId) -> (TempDir, Store, JobLock) {
    let home = tempfile::tempdir().unwrap();
    let (store, lock) = start(home.path(), job, "copy");
    (home, store, lock)
}

/// The next run of that copy.
fn resume(home: &TempDir) -> (Store, JobLock) {
    let store = Store::open_for_tests(home.path()).unwrap();
    let lock = store.start(&JobStart { resumes: true, ..JobStart::for_tests(JOB, "copy") }).unwrap();
    (store, lock)
}

fn begun(store: &Store, job: JobId, site: &str, path: &str) -> ItemKey {
    let add = |sum: u64, byte: u8| sum.wrapping_mul(31).wrapping_add(u64::from(byte));
    let part = path.bytes().fold(job.number(), add);
    let place = Place::for_tests(&format!("{job}/{path}"), site, path);
    store.claim(job, &NewItem::for_tests(place, part)).ours().key
}

// What a job does with a file that the journal knows.

fn seen(size: u64, modified: Option<i64>, unique: Option<&str>) -> SourceFacts {
    SourceFacts { size: Some(size), modified, unique: unique.map(str::to_owned) }
}

#[test]
fn n8_what_a_resumed_job_does_with_a_file_follows_from_its_state() {
    let before = seen(5, Some(1), Some("a"));
    let done_and = |replaced: Option<&str>| ItemHistory::Done {
        copy: FinishedCopy { seen: before.clone(), verified: Verified::Size, route: Some(Rung::DestListens) },
        replaced: replaced.map(str::to_owned),
    };
    let done = || done_and(None);
    let left = |parts: &[u64]| UnfinishedItem {
        parts: ItemParts {
            names: parts.iter().copied().map(PartId).collect(),
            undeleted: vec![PartId(2)],
            in_place: Some(PartId(1)),
            detached: None,
        },
        seen: Some(before.clone()),
        route: Some(Rung::DestListens),
        of_other: None,
    };
    let open = |parts: &[u64]| ItemHistory::Open(Box::new(left(parts)));
    let go_on = |parts: &[u64]| ResumeAction::GoOn(Box::new(left(parts)));
    let skip = || ResumeAction::Skip;
    for (found, now, expect) in [
        (ItemHistory::New, Some(seen(5, Some(1), None)), ResumeAction::Copy),
        (ItemHistory::New, None, ResumeAction::Copy),
        (
            ItemHistory::GivenOver { why: "job x has it".to_owned() },
            Some(seen(5, Some(1), None)),
            ResumeAction::LeaveAlone { why: "job x has it".to_owned() },
        ),
        (done(), Some(seen(5, Some(1), Some("a"))), skip()),
        (done(), Some(seen(5, Some(1), None)), skip()),
        (done(), Some(seen(5, Some(1), Some("b"))), ResumeAction::Copy),
        (done(), Some(seen(5, Some(2), Some("a"))), ResumeAction::Copy),
        (done(), Some(seen(6, Some(1), Some("a"))), ResumeAction::Copy),
        (done(), Some(seen(5, None, Some("a"))), ResumeAction::Copy),
        (done(), None, ResumeAction::Copy),
        (done_and(Some("job x")), Some(seen(5, Some(1), Some("a"))), skip()),
        (
            done_and(Some("job x")),
            Some(seen(6, Some(2), Some("a"))),
            ResumeAction::LeaveAlone { why: "job x".to_owned() },
        ),
        (done_and(Some("job x")), None, ResumeAction::LeaveAlone { why: "job x".to_owned() }),
        (open(&[7]), None, go_on(&[7])),
        (open(&[7, 8, 9]), Some(seen(6, None, None)), go_on(&[7, 8, 9])),
        (open(&[]), None, go_on(&[])),
    ] {
        assert_eq!(decide(found.clone(), now.as_ref()), expect, "{found:?} {now:?}");
    }
}

// What is noted of a file.

fn done_after(attempts: u32, facts: &TransferFacts) -> ItemEnd {
    let end = if attempts > 0 { FileEnd::Moved(Rung::User) } else { FileEnd::Skipped };
    let skipped = FileCopy::skipped(Some(5), Verified::Hash(Algorithm::Sha256));
    let copy = Box::new(FileCopy { end, attempts, facts: facts.clone(), ..skipped });
    ItemEnd::Done { copy, began: None, noted: 0 }
}

fn the(store: &Store, state: ItemState) -> ItemRecord {
    store.items(JOB, state).unwrap().remove(0)
}

#[test]
fn n8_only_a_file_that_was_lost_counts_as_stored_after_it_has_failed() {
    for (end, stored) in [
        (ItemEnd::Lost { why: "no".to_owned(), began: None }, 1),
        // An older source was stored, and the newer one could not be copied.
        (ItemEnd::failed_for_tests("no"), 0),
    ] {
        let (_home, store, _lock) = copying(JOB);
        let key = begun(&store, JOB, "two", "a");
        store.ended(key, done_after(1, &TransferFacts::default())).unwrap();
        // The look that finds it lost may claim it more than once.
        for _ in 0..2 {
            assert_eq!(begun(&store, JOB, "two", "a"), key);
            // The row is read again, as after `MOST` other files.
            store.under_way.take(key);
            store.ended(key, end.clone()).unwrap();
        }
        let files = files_below(&store.sql, JOB, "", true).unwrap();
        assert_eq!((files.finished, files.unfinished), (stored, 1 - stored));
        let is_verified = the(&store, ItemState::Failed).copy.verified != Verified::None;
        assert_eq!(is_verified, stored == 1);
    }
}

#[test]
fn n8_attempts_are_counted_in_all_runs_and_the_last_reason_is_kept() {
    let (home, store, lock) = copying(JOB);
    let key = begun(&store, JOB, "two", "a");
    store.attempted(key, 2, Some("no room")).unwrap();
    // An interruption is no reason.
    store.attempted(key, 1, None).unwrap();
    drop((store, lock));
    let (store, _lock) = resume(&home);
    let open = the(&store, ItemState::Open);
    assert_eq!((open.copy.attempts, open.failure.as_deref(), open.why), (3, Some("no room"), None));
    assert_eq!(begun(&store, JOB, "two", "a"), key);
    store.attempted(key, 1, Some("451 no")).unwrap();
    store.ended(key, ItemEnd::failed_for_tests("451 no")).unwrap();
    let last = the(&store, ItemState::Failed);
    assert_eq!((last.copy.attempts, last.failure), (4, Some("451 no".to_owned())));
    begun(&store, JOB, "two", "a");
    store.ended(key, done_after(1, &TransferFacts::default())).unwrap();
    let copied = the(&store, ItemState::Done);
    assert_eq!((copied.copy.attempts, copied.failure.as_deref(), copied.why), (5, Some("451 no"), None));
}

#[test]
fn n12_what_files_of_one_path_have_in_common_is_written_once() {
    let (_home, store, _lock) = copying(JOB);
    let control = [Some("clear".to_owned()), Some("TLSv1.3 TLS13_AES_128_GCM_SHA256".to_owned())];
    let why = Some("it is fast".to_owned());
    let facts = |digest: &str| TransferFacts {
        digest: Some(digest.to_owned()),
        addresses: [None, "192.0.2.1:20".parse().ok()],
        strangers: [Some(3), None],
        path: Some(Arc::new(PathFacts { control: control.clone(), data: [None, None], why: why.clone() })),
    };
    for (path, digest) in [("a", "0bad"), ("b", "cafe")] {
        let key = begun(&store, JOB, "two", path);
        store.ended(key, done_after(1, &facts(digest))).unwrap();
    }
    let written = || store.sql.number("SELECT count(*) FROM path_facts", &[]).unwrap();
    assert_eq!(written(), 1);
    let found = store.items(JOB, ItemState::Done).unwrap();
    assert_eq!([&found[0].copy.facts, &found[1].copy.facts], [&facts("0bad"), &facts("cafe")]);
    // A run that finds the copy there knows its digest alone.
    let digest = Some("beef".to_owned());
    let known = TransferFacts { digest, ..TransferFacts::default() };
    store.ended(found[0].key, done_after(0, &known)).unwrap();
    assert_eq!(the(&store, ItemState::Done).copy.facts, facts("beef"));
    // Its rows are checked, and are forgotten with the job.
    store.sql.execute("UPDATE path_facts SET why = 'it is slow'", &[]).unwrap();
    assert!(store.items(JOB, ItemState::Done).is_err());
    crate::journal::table::forget(&store.sql, JOB).unwrap();
    assert_eq!(written(), 0);
}

// Files whose rows this process has written.

/// A file whose source was seen. It has no part if `part` is 0.
fn seen_file(path: &str, part: u64) -> NewItem {
    let place = Place::for_tests(&format!("ftp://ann@one:21/{path}"), "ann@two:21", path);
    let seen = Some(SourceFacts { size: Some(5), modified: Some(7), unique: None });
    NewItem { part: (part != 0).then_some(PartId(part)), seen, ..NewItem::for_tests(place, part) }
}

fn begun_seen(store: &Store, path: &str, part: u64) -> ItemKey {
    store.claim(JOB, &seen_file(path, part)).ours().key
}

fn done() -> ItemEnd {
    let copy = FileCopy::moved(Some(5), Rung::User, Verified::Hash(Algorithm::Sha256));
    ItemEnd::Done { copy: Box::new(copy), began: Some(9), noted: 0 }
}

#[test]
fn n8_a_file_that_ends_is_found_whole_whether_its_row_was_read_again_or_not() {
    let (_home, store, _lock) = copying(JOB);
    let keys = [("a", 97), ("b", 98), ("c", 99), ("d", 0), ("e", 0)];
    let keys = keys.map(|(path, part)| begun_seen(&store, path, part));
    // The last one gets a name after all.
    store.add_part(keys[4], PartId(2)).unwrap();
    // Something else becomes of the others before they end.
    store.add_part(keys[1], PartId(1)).unwrap();
    let id = |number| TransferId::new([number; 16]);
    let route = Rung::DestListens;
    let detached = Detached { source: id(1), destination: id(2), route, before: 0, moves: false };
    store.detached(keys[2], Some(&detached)).unwrap();
    for key in keys {
        store.ended(key, done()).unwrap();
    }
    // Every row has its checksum, and nothing is stored under any part.
    let found = store.items(JOB, ItemState::Done).unwrap();
    assert_eq!(found.len(), 5);
    for file in &found {
        let FileCopy { size, verified, .. } = &*file.copy;
        assert_eq!((*size, verified.name(), file.began), (Some(5), "sha-256", Some(9)));
        assert_eq!((file.copy.moved_by(), file.parts.detached.as_ref()), (Some(Rung::User), None));
        assert!(file.parts.names.is_empty() && file.ended.is_some(), "{file:?}");
        assert_eq!(file.seen.as_ref().and_then(|seen| seen.size), Some(5));
    }
    // The same file again, in the same run.
    let again = begun_seen(&store, "a", 200);
    assert_eq!(again, keys[0]);
}

#[test]
fn n8_files_that_are_claimed_and_end_together_are_found_as_if_each_were_alone() {
    let (_home, store, _lock) = copying(JOB);
    let known = ["b", "d"].map(|path| begun_seen(&store, path, 0));
    store.durably(|store| store.ended(known[0], done())).unwrap();
    // The fourth one goes where the first one goes.
    let files = ["a", "b", "c", "a", "d", "e\0"].map(|path| seen_file(path, 0));
    let claims = store.durably(|store| store.begin_all(JOB, &files)).unwrap();
    let claims: Vec<_> = claims.into_iter().map(Claim::ours).collect();
    let keys: Vec<ItemKey> = claims.iter().map(|claim| claim.key).collect();
    assert_eq!((keys[0], keys[1], keys[4]), (keys[3], known[0], known[1]));
    let histories = claims.iter().map(|claim| match &claim.history {
        ItemHistory::New => "new",
        ItemHistory::Open(_) => "open",
        ItemHistory::Done { .. } => "done",
        ItemHistory::GivenOver { .. } => "given over",
    });
    assert_eq!(histories.collect::<Vec<_>>(), ["new", "done", "new", "open", "open", "new"]);
    let mut ended = vec![keys[0], keys[2], keys[4], keys[5]];
    store.durably(|store| ended.iter().try_for_each(|key| store.ended(*key, done()))).unwrap();
    ended.push(known[0]);
    let found = store.items(JOB, ItemState::Done).unwrap();
    assert_eq!(found.len(), ended.len());
    for file in &found {
        let FileCopy { size, verified, .. } = &*file.copy;
        assert_eq!((*size, verified.name(), file.began), (Some(5), "sha-256", Some(9)));
        assert!(ended.contains(&file.key), "{file:?}");
    }
}

#[test]
fn n8_one_row_that_is_gone_ends_all_that_was_written_with_it() {
    let (home, store, _lock) = copying(JOB);
    let keys = ["a", "b", "c"].map(|path| begun_seen(&store, path, 0));
    let other = Store::open_for_tests(home.path()).unwrap();
    other.sql.execute("DELETE FROM items WHERE id = ?1", &[keys[1].0.into()]).unwrap();
    let ended = store.durably(|store| keys.iter().try_for_each(|key| store.ended(*key, done())));
    assert!(ended.is_err());
    assert_eq!(other.items(JOB, ItemState::Open).unwrap().len(), 2);
}

#[test]
fn n8_a_file_without_a_part_that_was_under_way_is_looked_for_under_its_final_name() {
    let (home, store, lock) = copying(JOB);
    let key = begun_seen(&store, "a", 0);
    drop((store, lock));
    let (store, _lock) = resume(&home);
    let place = store.items(JOB, ItemState::Open).unwrap().remove(0).place;
    let again = store.claim(JOB, &NewItem::for_tests(place, 7)).ours();
    let seen = Some(SourceFacts { size: Some(5), modified: Some(7), unique: None });
    let left = ItemHistory::Open(Box::new(UnfinishedItem { seen, ..UnfinishedItem::default() }));
    assert_eq!((again.key, again.first, again.history), (key, None, left));
}

#[test]
fn n8_a_row_that_has_changed_meanwhile_is_not_written_over() {
    for change in ["UPDATE items SET sum = sum + 1", "DELETE FROM items"] {
        let (home, store, _lock) = copying(JOB);
        let key = begun_seen(&store, "a", 10);
        let other = Store::open_for_tests(home.path()).unwrap();
        other.sql.execute(change, &[]).unwrap();
        assert!(store.ended(key, done()).is_err(), "{change}");
    }
}

// What other jobs have claimed.

/// All pages.
fn claims(store: &Store, own: u64, directory: &str, ran: &[u64], since: u64) -> Vec<(String, u64)> {
    let mut asked = ClaimsBelow {
        site: "two".to_owned(),
        directory: directory.as_bytes().to_vec(),
        ran: ran.iter().copied().map(JobId::new).collect(),
        since,
        after: None,
    };
    let mut all = Vec::new();
    loop {
        let page = claims_below(store, Some(JobId::new(own)), &asked).unwrap();
        let path = |claim: ClaimBelow| (String::from_utf8(claim.path).unwrap(), claim.job.number());
        all.extend(page.claims.into_iter().map(path));
        asked.after = page.last;
        if asked.after.is_none() {
            return all;
        }
    }
}

#[test]
fn what_another_job_has_claimed_below_a_directory_is_known_while_it_runs() {
    let (home, store, lock) = copying(OTHER);
    let keys = ["d/a", "d/b", "d/e/f"].map(|path| begun(&store, OTHER, "two", path));
    for (site, path) in [("two", "d"), ("two", "d!"), ("two", "d0"), ("two", "e/a"), ("one", "d/a")] {
        begun(&store, OTHER, site, path);
    }
    store.ended(keys[1], ItemEnd::done_for_tests()).unwrap();
    store.ended(begun(&store, OTHER, "two", "d/failed"), ItemEnd::failed_for_tests("no")).unwrap();
    let own = (store, lock);
    let (store, _own_lock) = start(home.path(), JOB, "copy");
    begun(&store, JOB, "two", "d/own");
    let of =
        |paths: &[&str]| -> Vec<(String, u64)> { paths.iter().map(|path| ((*path).to_owned(), 2)).collect() };
    let later = u64::MAX;
    assert_eq!(claims(&store, 1, "d/", &[], later), of(&["d/a", "d/b", "d/e/f"]));
    assert_eq!(claims(&store, 1, "x/", &[], later), []);
    assert_eq!(claims(&store, 1, "", &[], later).len(), 7);
    // It has ended.
    drop(own);
    assert_eq!(claims(&store, 1, "d/", &[], later), []);
    // A moment ago it ran, or has finished a file.
    assert_eq!(claims(&store, 1, "d/", &[2], later), of(&["d/a", "d/b", "d/e/f"]));
    assert_eq!(claims(&store, 1, "d/", &[], 0), of(&["d/b"]));
}

#[test]
fn only_other_moves_that_run_and_may_store_a_file_count_on_its_name() {
    let home = tempfile::tempdir().unwrap();
    let third = JobId::new(3);
    let (store, own_lock) = start(home.path(), JOB, "move");
    let (of_copy, _copy_lock) = start(home.path(), OTHER, "copy");
    let (of_move, move_lock) = start(home.path(), third, "move");
    begun(&store, JOB, "two", "own");
    begun(&of_copy, OTHER, "two", "copied");
    begun(&of_move, third, "two", "open");
    of_move.ended(begun(&of_move, third, "two", "done"), ItemEnd::done_for_tests()).unwrap();
    of_move.ended(begun(&of_move, third, "two", "failed"), ItemEnd::failed_for_tests("no")).unwrap();
    let asked = ["own", "copied", "open", "done", "failed"].map(|path| ("two", path));
    let asked = asked.into_iter().chain([("one", "open")]);
    let asked: Vec<Place> = asked.map(|(site, path)| Place::for_tests("", site, path)).collect();
    let found = || claimed_by_moves(&store, JOB, &asked).unwrap();
    assert_eq!(found(), [None, None, Some(third), Some(third), None, None]);
    drop(move_lock);
    assert_eq!(found(), [None; 6]);
    assert_eq!(other_moves(&store, JobId::new(4)).unwrap(), [JOB]);
    drop(own_lock);
}

#[test]
fn a_path_may_be_as_long_as_any_system_has_it() {
    let (home, store, lock) = copying(OTHER);
    // What nobody can write shorter, behind a beginning that all of them have.
    let mut number = 1_u32;
    let mut next = || {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + u8::try_from(number >> 24).unwrap() % 26)
    };
    let begin = format!("d/{}", (0..4_000).map(|_| next()).collect::<String>());
    let paths = ["", "/a", "/b"].map(|end| format!("{begin}{end}"));
    let keys = paths.each_ref().map(|path| begun(&store, OTHER, "two", path));
    assert_eq!(begun(&store, OTHER, "two", &paths[1]), keys[1]);
    drop((store, lock));
    let (store, _lock) = start(home.path(), JOB, "copy");
    let expect: Vec<_> = paths.iter().map(|path| (path.clone(), 2)).collect();
    assert_eq!(claims(&store, 1, "d/", &[2], u64::MAX), expect);
    assert_eq!(claims(&store, 1, &format!("{begin}/"), &[2], u64::MAX), expect[1..]);
    let names = ["x", "y"].map(|kind| WithheldName::from_stored(format!("{begin}{kind}").into_bytes()));
    let add = |store: &Store| add_withheld(&store.sql, OTHER, &names);
    store.durably(|store| add(store).and_then(|()| add(store))).unwrap();
    let kept = store.durably(|store| take_withheld(&store.sql, OTHER));
    assert_eq!(kept.unwrap(), names);
}

#[test]
fn claims_of_other_jobs_come_in_pages_and_none_is_lost() {
    let (_home, store, _lock) = copying(OTHER);
    let file = |number: usize| {
        let place = Place::for_tests("", "two", &format!("d/{number:05}"));
        NewItem { part: None, ..NewItem::for_tests(place, 0) }
    };
    let files: Vec<NewItem> = (0..2 * PAGE + 1).map(file).collect();
    store.durably(|store| store.begin_all(OTHER, &files)).unwrap();
    let found = claims(&store, 1, "d/", &[], u64::MAX);
    assert_eq!(found.len(), 2 * PAGE + 1);
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
}
