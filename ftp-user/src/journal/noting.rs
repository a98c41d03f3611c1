//! What becomes of a file that is claimed: names of parts, transfers, what its source was, and its end.

use super::checksum::{Bad, GONE};
use super::record::{Detached, Ended, ItemKey, ItemRecord, ItemState, PartId, Seen};
use super::store::{Store, now};
use crate::outcome::TransferFacts;

impl Store {
    /// Notes a further name under which something of a file may be stored. A file that was done is open again.
    pub(super) fn add_part(&self, key: ItemKey, part: PartId) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(mut row) = ItemRecord::find(&self.sql, key)? else { return Err(GONE) };
        if row.state != ItemState::Open {
            row.state = ItemState::Open;
            row.save(&self.sql)?;
        }
        row.add_part(&self.sql, part)
    }

    /// Something of a file may be stored under its final name.
    pub(super) fn in_place(&self, key: ItemKey, part: PartId) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(row) = ItemRecord::find(&self.sql, key)? else { return Err(GONE) };
        row.add_in_place(&self.sql, part)
    }

    /// Notes a transfer that may go on without this program, or that there is none any more.
    pub(super) fn detached(&self, key: ItemKey, detached: Option<&Detached>) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(row) = ItemRecord::find(&self.sql, key)? else { return Err(GONE) };
        row.set_detached(&self.sql, detached)
    }

    /// Notes what the source was before its first byte was read.
    pub(super) fn seen(&self, key: ItemKey, seen: Seen) -> Result<(), Bad> {
        self.under_way.take(key);
        let Some(mut row) = ItemRecord::find(&self.sql, key)? else { return Err(GONE) };
        row.seen = Some(seen);
        row.save(&self.sql)
    }

    /// Notes by which route the bytes of a file move to a name that nothing equal has, or that they do not.
    pub(super) fn moves(&self, key: ItemKey, route: Option<String>) -> Result<(), Bad> {
        if let Some((mut row, has_part)) = self.under_way.take(key) {
            row.route = route;
            row.save_end(&self.sql)?;
            self.under_way.note(row, has_part);
            return Ok(());
        }
        let Some(mut row) = ItemRecord::find(&self.sql, key)? else { return Err(GONE) };
        row.route = route;
        row.save(&self.sql)
    }

    /// Notes that attempts at a file have ended, and why the last of them has failed. It may be tried again.
    pub(super) fn attempted(&self, key: ItemKey, attempts: u32, why: Option<&str>) -> Result<(), Bad> {
        let (known, has_part) = self.under_way.take(key).unzip();
        let row = if let Some(row) = known { Some(row) } else { ItemRecord::find(&self.sql, key)? };
        let Some(mut row) = row else { return Err(GONE) };
        row.attempts = row.attempts.saturating_add(attempts);
        row.failure = why.map(str::to_owned).or(row.failure);
        let Some(has_part) = has_part else { return row.save(&self.sql) };
        row.save_end(&self.sql)?;
        self.under_way.note(row, has_part);
        Ok(())
    }

    /// Notes what is known of the transfer of a file. A run that has moved nothing of the file adds what it has found out to what
    /// is known.
    fn note_facts(&self, row: &mut ItemRecord, facts: &TransferFacts) -> Result<(), Bad> {
        if let Some(shared) = &facts.path {
            row.shared_row = Some(self.path_facts.row(&self.sql, row.job, shared)?);
            *row.facts = facts.clone();
        } else if facts.digest.is_some() {
            row.facts.digest.clone_from(&facts.digest);
        }
        Ok(())
    }

    /// Notes how a file has ended.
    pub(super) fn ended(&self, key: ItemKey, ended: Ended) -> Result<(), Bad> {
        let known = self.under_way.take(key);
        let (is_known, has_part) = (known.is_some(), known.as_ref().is_none_or(|(_, has_part)| *has_part));
        let row = if let Some((row, _)) = known { Some(row) } else { ItemRecord::find(&self.sql, key)? };
        let Some(mut row) = row else { return Err(GONE) };
        match ended {
            Ended::Done { copy, began, noted } => {
                (row.state, row.why, row.began) = (ItemState::Done, None, began);
                row.bytes = copy.size.unwrap_or(0);
                // What this run had no need to verify is verified as it was.
                let verified = copy.verified_earlier().map_or(copy.verified, |by| by.max(copy.verified));
                row.verified = Some(verified.name().to_owned());
                row.route = copy.any_route().map(|route| route.name().to_owned());
                row.attempts = row.attempts.saturating_add(copy.attempts.saturating_sub(noted));
                self.note_facts(&mut row, &copy.facts)?;
            }
            Ended::Failed { why, began } => {
                (row.state, row.began) = (ItemState::Failed, began);
                (row.failure, row.why) = (Some(why.clone()), Some(why));
            }
            Ended::Unbegun => return row.forget(&self.sql),
        }
        row.ended = u64::try_from(now().as_millis()).ok();
        if is_known {
            row.save_end(&self.sql)?;
            return if has_part { row.forget_names(&self.sql) } else { Ok(()) };
        }
        row.save(&self.sql)?;
        row.forget_parts(&self.sql)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::JobId;
    use crate::journal::claiming::Claim;
    use crate::journal::record::{NewItem, Place, Start};
    use crate::journal::stored_job::StoredJob;
    use crate::ladder::Rung;
    use crate::outcome::{FileCopy, FileEnd, PathFacts, Verified};
    use ftp_proto::digest::Algorithm;
    use std::path::Path;
    use std::sync::Arc;

    const JOB: JobId = JobId::new(1);

    fn start(home: &Path, resumes: bool) -> (Store, impl Sized) {
        let store = Store::open_for_tests(home).unwrap();
        let job = StoredJob::for_tests("copy");
        let lock = store.start(&Start { id: JOB, job, resumes }).unwrap();
        (store, lock)
    }

    fn begin(store: &Store, path: &str) -> ItemKey {
        let place = Place { source: path.to_owned(), site: "two".to_owned(), path: path.into() };
        let part = Some(PartId(path.bytes().map(u64::from).sum()));
        let claim = store
            .durably(|store| store.begin(JOB, &NewItem { place, part, seen: None, takes_over: true }))
            .unwrap();
        let Claim::Ours(begun) = claim else { panic!("no other job is there") };
        begun.key
    }

    fn done(attempts: u32, facts: &TransferFacts) -> Ended {
        let end = if attempts > 0 { FileEnd::Moved(Rung::User) } else { FileEnd::Skipped };
        let skipped = FileCopy::skipped(Some(5), Verified::Hash(Algorithm::Sha256));
        let copy = Box::new(FileCopy { end, attempts, facts: facts.clone(), ..skipped });
        Ended::Done { copy, began: None, noted: 0 }
    }

    fn the(store: &Store, state: ItemState) -> ItemRecord {
        store.items(JOB, state).unwrap().remove(0)
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
        assert_eq!((open.attempts, open.failure.as_deref(), open.why), (3, Some("no room"), None));
        assert_eq!(begin(&store, "a"), key);
        store.attempted(key, 1, Some("451 no")).unwrap();
        store.ended(key, Ended::Failed { why: "451 no".to_owned(), began: None }).unwrap();
        let failed = the(&store, ItemState::Failed);
        assert_eq!((failed.attempts, failed.failure), (4, Some("451 no".to_owned())));
        begin(&store, "a");
        store.ended(key, done(1, &TransferFacts::NONE)).unwrap();
        let copied = the(&store, ItemState::Done);
        assert_eq!((copied.attempts, copied.failure.as_deref(), copied.why), (5, Some("451 no"), None));
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
        let written = |store: &Store| -> i64 {
            store.sql.query_row("SELECT count(*) FROM path_facts", [], |row| row.get(0)).unwrap()
        };
        assert_eq!(written(&store), 1);
        let found = store.items(JOB, ItemState::Done).unwrap();
        assert_eq!([&*found[0].facts, &*found[1].facts], [&facts("0bad"), &facts("cafe")]);
        // A run that finds the copy there knows its digest alone.
        let digest = Some("beef".to_owned());
        let known = TransferFacts { digest, ..TransferFacts::NONE };
        store.ended(found[0].key, done(0, &known)).unwrap();
        assert_eq!(*the(&store, ItemState::Done).facts, facts("beef"));
        // Its rows are checked, and are forgotten with the job.
        store.sql.execute("UPDATE path_facts SET why = 'it is slow'", []).unwrap();
        assert!(store.items(JOB, ItemState::Done).is_err());
        super::super::tables::forget(&store.sql, JOB).unwrap();
        assert_eq!(written(&store), 0);
    }
}
