//! Tests of claims and of what becomes of them.

use super::*;

impl Store {
    /// Claims one file for a job.
    pub(in crate::journal) fn begin_one(&self, job: JobId, file: &NewItem) -> Result<Claim> {
        Ok(self.begin_all(job, std::slice::from_ref(file))?.remove(0))
    }
}

/// What a job does with a file that the journal knows.
mod decisions {
    use super::super::super::record::ItemParts;
    use super::super::*;
    use crate::outcome::Verified;

    fn seen(size: u64, modified: Option<i64>, unique: Option<&str>) -> SourceFacts {
        SourceFacts { size: Some(size), modified, unique: unique.map(str::to_owned) }
    }

    #[test]
    fn n8_what_a_resumed_job_does_with_a_file_follows_from_its_state() {
        let before = seen(5, Some(1), Some("a"));
        let done_and = |replaced: Option<&str>| ItemHistory::Done {
            copy: FinishedCopy {
                seen: before.clone(),
                verified: Verified::Size,
                route: Some(Rung::DestListens),
            },
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
}

/// What is noted of a file.
mod notes {
    use super::super::*;
    use crate::journal::job_row::files_below;
    use crate::journal::record::JobStart;
    use crate::journal::record::StoredJob;
    use crate::outcome::{PathFacts, TransferFacts, Verified};
    use ftp_proto::digest::Algorithm;
    use std::path::Path;
    use std::sync::Arc;

    const JOB: JobId = JobId::new(1);

    fn start(home: &Path, resumes: bool) -> (Store, impl Sized) {
        let store = Store::open_for_tests(home).unwrap();
        let job = StoredJob::for_tests("copy");
        let lock = store.start(&JobStart { id: JOB, job, resumes, lease: None }).unwrap();
        (store, lock)
    }

    fn begin(store: &Store, path: &str) -> ItemKey {
        let place = Place { source: path.to_owned(), site: "two".to_owned(), path: path.into() };
        let part = Some(PartId(path.bytes().map(u64::from).sum()));
        let claim = store
            .durably(|store| store.begin_one(JOB, &NewItem { place, part, seen: None, takes_over: true }))
            .unwrap();
        let Claim::Ours(begun) = claim else { panic!("no other job is there") };
        begun.key
    }

    fn done(attempts: u32, facts: &TransferFacts) -> ItemEnd {
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
        let why = || "no".to_owned();
        for (end, stored) in [
            (ItemEnd::Lost { why: why(), began: None }, 1),
            // An older source was stored, and the newer one could not be copied.
            (ItemEnd::Failed { why: why(), began: None }, 0),
        ] {
            let home = tempfile::tempdir().unwrap();
            let (store, _lock) = start(home.path(), false);
            let key = begin(&store, "a");
            store.ended(key, done(1, &TransferFacts::default())).unwrap();
            // The look that finds it lost may claim it more than once.
            for _ in 0..2 {
                assert_eq!(begin(&store, "a"), key);
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
        let home = tempfile::tempdir().unwrap();
        let (store, lock) = start(home.path(), false);
        let key = begin(&store, "a");
        store.attempted(key, 2, Some("no room")).unwrap();
        // An interruption is no reason.
        store.attempted(key, 1, None).unwrap();
        drop((store, lock));
        let (store, _lock) = start(home.path(), true);
        let open = the(&store, ItemState::Open);
        assert_eq!((open.copy.attempts, open.failure.as_deref(), open.why), (3, Some("no room"), None));
        assert_eq!(begin(&store, "a"), key);
        store.attempted(key, 1, Some("451 no")).unwrap();
        store.ended(key, ItemEnd::Failed { why: "451 no".to_owned(), began: None }).unwrap();
        let failed = the(&store, ItemState::Failed);
        assert_eq!((failed.copy.attempts, failed.failure), (4, Some("451 no".to_owned())));
        begin(&store, "a");
        store.ended(key, done(1, &TransferFacts::default())).unwrap();
        let copied = the(&store, ItemState::Done);
        assert_eq!((copied.copy.attempts, copied.failure.as_deref(), copied.why), (5, Some("451 no"), None));
    }

    #[test]
    fn n12_what_files_of_one_path_have_in_common_is_written_once() {
        let home = tempfile::tempdir().unwrap();
        let (store, _lock) = start(home.path(), false);
        let control = [Some("clear".to_owned()), Some("TLSv1.3 TLS13_AES_128_GCM_SHA256".to_owned())];
        let why = Some("it is fast".to_owned());
        let facts = |digest: &str| TransferFacts {
            digest: Some(digest.to_owned()),
            addresses: [None, "192.0.2.1:20".parse().ok()],
            strangers: [Some(3), None],
            path: Some(Arc::new(PathFacts {
                control: control.clone(),
                data: [None, None],
                why: why.clone(),
            })),
        };
        for (path, digest) in [("a", "0bad"), ("b", "cafe")] {
            let key = begin(&store, path);
            store.ended(key, done(1, &facts(digest))).unwrap();
        }
        let written =
            |store: &Store| -> i64 { store.sql.number("SELECT count(*) FROM path_facts", &[]).unwrap() };
        assert_eq!(written(&store), 1);
        let found = store.items(JOB, ItemState::Done).unwrap();
        assert_eq!([&found[0].copy.facts, &found[1].copy.facts], [&facts("0bad"), &facts("cafe")]);
        // A run that finds the copy there knows its digest alone.
        let digest = Some("beef".to_owned());
        let known = TransferFacts { digest, ..TransferFacts::default() };
        store.ended(found[0].key, done(0, &known)).unwrap();
        assert_eq!(the(&store, ItemState::Done).copy.facts, facts("beef"));
        // Its rows are checked, and are forgotten with the job.
        store.sql.execute("UPDATE path_facts SET why = 'it is slow'", &[]).unwrap();
        assert!(store.items(JOB, ItemState::Done).is_err());
        crate::journal::table::forget(&store.sql, JOB).unwrap();
        assert_eq!(written(&store), 0);
    }
}

/// Files whose rows this process has written.
mod under_way {
    use super::super::*;
    use crate::journal::record::JobStart;
    use crate::journal::record::StoredJob;
    use crate::outcome::Verified;
    use ftp_proto::digest::Algorithm;
    use ftp_proto::wire::TransferId;

    const JOB: JobId = JobId::new(1);

    fn begun(store: &Store, path: &str, part: u64) -> ItemKey {
        let (source, site) = (format!("ftp://ann@one:21/{path}"), "ann@two:21".to_owned());
        let place = Place { source, site, path: path.as_bytes().to_vec() };
        let seen = Some(SourceFacts { size: Some(5), modified: Some(7), unique: None });
        let file = NewItem { place, part: (part != 0).then_some(PartId(part)), seen, takes_over: true };
        let claim = store.durably(|store| store.begin_one(JOB, &file)).unwrap();
        let Claim::Ours(begun) = claim else { panic!("no other job is there") };
        begun.key
    }

    fn done() -> ItemEnd {
        let copy = FileCopy::moved(Some(5), Rung::User, Verified::Hash(Algorithm::Sha256));
        ItemEnd::Done { copy: Box::new(copy), began: Some(9), noted: 0 }
    }

    fn start(home: &std::path::Path) -> (Store, impl Sized) {
        let store = Store::open_for_tests(home).unwrap();
        let job = StoredJob::for_tests("copy");
        let lock = store.start(&JobStart { id: JOB, job, resumes: false, lease: None }).unwrap();
        (store, lock)
    }

    #[test]
    fn n8_a_file_that_ends_is_found_whole_whether_its_row_was_read_again_or_not() {
        let home = tempfile::tempdir().unwrap();
        let (store, _lock) = start(home.path());
        let keys = [("a", 97), ("b", 98), ("c", 99), ("d", 0), ("e", 0)];
        let keys = keys.map(|(path, part)| begun(&store, path, part));
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
        let again = begun(&store, "a", 200);
        assert_eq!(again, keys[0]);
    }

    #[test]
    fn n8_files_that_are_claimed_and_end_together_are_found_as_if_each_were_alone() {
        let home = tempfile::tempdir().unwrap();
        let (store, _lock) = start(home.path());
        let known = ["b", "d"].map(|path| begun(&store, path, 0));
        store.durably(|store| store.ended(known[0], done())).unwrap();
        let file = |path: &&str| {
            let (source, site) = (format!("ftp://ann@one:21/{path}"), "ann@two:21".to_owned());
            let place = Place { source, site, path: path.as_bytes().to_vec() };
            let seen = Some(SourceFacts { size: Some(5), modified: Some(7), unique: None });
            NewItem { place, part: None, seen, takes_over: true }
        };
        // The fourth one goes where the first one goes.
        let files: Vec<NewItem> = ["a", "b", "c", "a", "d", "e\0"].iter().map(file).collect();
        let claims = store.durably(|store| store.begin_all(JOB, &files)).unwrap();
        let ours = |claim: Claim| {
            let Claim::Ours(begun) = claim else { panic!("no other job is there") };
            begun
        };
        let claims: Vec<_> = claims.into_iter().map(ours).collect();
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
        let home = tempfile::tempdir().unwrap();
        let (store, _lock) = start(home.path());
        let keys = ["a", "b", "c"].map(|path| begun(&store, path, 0));
        let other = Store::open_for_tests(home.path()).unwrap();
        other.sql.execute("DELETE FROM items WHERE id = ?1", &[keys[1].0.into()]).unwrap();
        let ended = store.durably(|store| keys.iter().try_for_each(|key| store.ended(*key, done())));
        assert!(ended.is_err());
        assert_eq!(other.items(JOB, ItemState::Open).unwrap().len(), 2);
    }

    #[test]
    fn n8_a_file_without_a_part_that_was_under_way_is_looked_for_under_its_final_name() {
        let home = tempfile::tempdir().unwrap();
        let (store, lock) = start(home.path());
        let key = begun(&store, "a", 0);
        drop((store, lock));
        let store = Store::open_for_tests(home.path()).unwrap();
        let job = StoredJob::for_tests("copy");
        let _lock = store.start(&JobStart { id: JOB, job, resumes: true, lease: None }).unwrap();
        let place = store.items(JOB, ItemState::Open).unwrap().remove(0).place;
        let file = NewItem { place, part: Some(PartId(7)), seen: None, takes_over: true };
        let claim = store.durably(|store| store.begin_one(JOB, &file)).unwrap();
        let Claim::Ours(again) = claim else { panic!("no other job is there") };
        let seen = Some(SourceFacts { size: Some(5), modified: Some(7), unique: None });
        let left = ItemHistory::Open(Box::new(UnfinishedItem { seen, ..UnfinishedItem::default() }));
        assert_eq!((again.key, again.first, again.history), (key, None, left));
    }

    #[test]
    fn n8_a_row_that_has_changed_meanwhile_is_not_written_over() {
        for change in ["UPDATE items SET sum = sum + 1", "DELETE FROM items"] {
            let home = tempfile::tempdir().unwrap();
            let (store, _lock) = start(home.path());
            let key = begun(&store, "a", 10);
            let other = Store::open_for_tests(home.path()).unwrap();
            other.sql.execute(change, &[]).unwrap();
            assert!(store.ended(key, done()).is_err(), "{change}");
        }
    }
}

/// What other jobs have claimed.
mod others {
    use super::super::*;
    use crate::journal::record::StoredJob;
    use crate::journal::record::{ItemEnd, ItemKey, JobStart, NewItem, PartId};
    use crate::outcome::{FileCopy, Verified};
    use std::path::Path;

    fn begun(store: &Store, job: JobId, site: &str, path: &str) -> ItemKey {
        let (source, path) = (format!("{job}/{path}"), path.as_bytes().to_vec());
        let add = |sum: u64, byte: &u8| sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
        let number = path.iter().fold(job.number(), add);
        let place = Place { source, site: site.to_owned(), path };
        let file = NewItem { place, part: Some(PartId(number)), seen: None, takes_over: true };
        let Claim::Ours(begun) = store.durably(|store| store.begin_one(job, &file)).unwrap() else {
            panic!("no other job is there")
        };
        begun.key
    }

    fn start(home: &Path, job: u64) -> (Store, impl Sized) {
        start_verb(home, job, "copy")
    }

    fn start_verb(home: &Path, job: u64, verb: &str) -> (Store, impl Sized) {
        let store = Store::open_for_tests(home).unwrap();
        let start =
            JobStart { id: JobId::new(job), job: StoredJob::for_tests(verb), resumes: false, lease: None };
        let lock = store.start(&start).unwrap();
        (store, lock)
    }

    fn done(store: &Store, key: ItemKey) {
        let copy = Box::new(FileCopy::skipped(Some(1), Verified::Size));
        let ended = ItemEnd::Done { copy, began: None, noted: 0 };
        store.ended(key, ended).unwrap();
    }

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
        let home = tempfile::tempdir().unwrap();
        let (store, lock) = start(home.path(), 2);
        let job = JobId::new(2);
        let keys = ["d/a", "d/b", "d/e/f"].map(|path| begun(&store, job, "two", path));
        for (site, path) in [("two", "d"), ("two", "d!"), ("two", "d0"), ("two", "e/a"), ("one", "d/a")] {
            begun(&store, job, site, path);
        }
        done(&store, keys[1]);
        let failed = begun(&store, job, "two", "d/failed");
        store.ended(failed, ItemEnd::Failed { why: "no".to_owned(), began: None }).unwrap();
        let own = (store, lock);
        let (store, _own_lock) = start(home.path(), 1);
        begun(&store, JobId::new(1), "two", "d/own");
        let of = |paths: &[&str]| -> Vec<(String, u64)> {
            paths.iter().map(|path| ((*path).to_owned(), 2)).collect()
        };
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
        let (store, own_lock) = start_verb(home.path(), 1, "move");
        let (of_copy, _copy_lock) = start(home.path(), 2);
        let (of_move, move_lock) = start_verb(home.path(), 3, "move");
        let place = |site: &str, path: &str| Place {
            source: String::new(),
            site: site.to_owned(),
            path: path.as_bytes().to_vec(),
        };
        begun(&store, JobId::new(1), "two", "own");
        begun(&of_copy, JobId::new(2), "two", "copied");
        begun(&of_move, JobId::new(3), "two", "open");
        let key = begun(&of_move, JobId::new(3), "two", "done");
        done(&of_move, key);
        let failed = begun(&of_move, JobId::new(3), "two", "failed");
        of_move.ended(failed, ItemEnd::Failed { why: "no".to_owned(), began: None }).unwrap();
        let asked = [("two", "own"), ("two", "copied"), ("two", "open"), ("two", "done"), ("two", "failed")];
        let asked: Vec<Place> =
            asked.into_iter().chain([("one", "open")]).map(|(site, path)| place(site, path)).collect();
        let found = || claimed_by_moves(&store, JobId::new(1), &asked).unwrap();
        let other = Some(JobId::new(3));
        assert_eq!(found(), [None, None, other, other, None, None]);
        drop(move_lock);
        assert_eq!(found(), [None; 6]);
        assert_eq!(other_moves(&store, JobId::new(4)).unwrap(), [JobId::new(1)]);
        drop(own_lock);
    }

    #[test]
    fn a_path_may_be_as_long_as_any_system_has_it() {
        let home = tempfile::tempdir().unwrap();
        let (store, lock) = start(home.path(), 2);
        let job = JobId::new(2);
        // What nobody can write shorter, behind a beginning that all of them have.
        let mut number = 1_u32;
        let mut next = || {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'a' + u8::try_from(number >> 24).unwrap() % 26)
        };
        let begin = format!("d/{}", (0..4_000).map(|_| next()).collect::<String>());
        let paths = ["", "/a", "/b"].map(|end| format!("{begin}{end}"));
        let keys = paths.each_ref().map(|path| begun(&store, job, "two", path));
        assert_eq!(begun(&store, job, "two", &paths[1]), keys[1]);
        drop((store, lock));
        let (store, _lock) = start(home.path(), 1);
        let expect: Vec<_> = paths.iter().map(|path| (path.clone(), 2)).collect();
        assert_eq!(claims(&store, 1, "d/", &[2], u64::MAX), expect);
        assert_eq!(claims(&store, 1, &format!("{begin}/"), &[2], u64::MAX), expect[1..]);
        let names = [b'x', b'y'].map(|kind| {
            let path = [begin.as_bytes(), &[kind]].concat();
            ftp_proto::deletion::WithheldName::from_stored(path)
        });
        let add = |store: &Store| crate::journal::job_row::add_withheld(&store.sql, job, &names);
        store.durably(|store| add(store).and_then(|()| add(store))).unwrap();
        let kept = store.durably(|store| crate::journal::job_row::take_withheld(&store.sql, job));
        assert_eq!(kept.unwrap(), names);
    }

    #[test]
    fn claims_of_other_jobs_come_in_pages_and_none_is_lost() {
        let home = tempfile::tempdir().unwrap();
        let (store, _lock) = start(home.path(), 2);
        store
            .durably(|store| {
                for number in 0..2 * PAGE + 1 {
                    let path = format!("d/{number:05}").into_bytes();
                    let place = Place { source: String::new(), site: "two".to_owned(), path };
                    store.begin_one(
                        JobId::new(2),
                        &NewItem { place, part: None, seen: None, takes_over: true },
                    )?;
                }
                Ok(())
            })
            .unwrap();
        let found = claims(&store, 1, "d/", &[], u64::MAX);
        assert_eq!(found.len(), 2 * PAGE + 1);
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
