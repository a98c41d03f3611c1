//! What other jobs have claimed: below a directory, while they run or while their files move without this program; and, for a
//! move, files that it wants to delete.

use super::job_row::JobRow;
use super::lock;
use super::record::{ItemRecord, ItemState, Place};
use super::store::Store;
use super::table::StoreError;
use crate::id::JobId;
use std::collections::HashMap;

/// Which claims are asked for: a page of those of other jobs, in the order of their paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimsBelow {
    /// The host, as a [`Place`](super::Place) has it.
    pub site: String,
    /// The directory, in the same form, with a separator at its end; empty for the login directory.
    pub directory: Vec<u8>,
    /// Jobs that are known to have run, also if they have ended meanwhile.
    pub ran: Vec<JobId>,
    /// What was finished since then counts for whichever job, in milliseconds since 1970.
    pub since: u64,
    /// The last claim that is known; `None` for the first page.
    pub after: Option<ClaimBelow>,
}

/// A claim of another job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimBelow {
    /// The path, as a [`Place`](super::Place) has it.
    pub path: Vec<u8>,
    /// Whose claim it is.
    pub job: JobId,
}

/// A page of claims.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ClaimsPage {
    /// The claims, in the order of their paths.
    pub claims: Vec<ClaimBelow>,
    /// Where the next page begins; `None` if this is the last one.
    pub last: Option<ClaimBelow>,
}

/// A page of claims of other jobs than `own`.
pub(super) fn claims_below(
    store: &Store,
    own: Option<JobId>,
    asked: &ClaimsBelow,
) -> Result<ClaimsPage, StoreError> {
    let after = asked.after.as_ref().map(|last| (last.path.as_slice(), last.job));
    let rows = ItemRecord::below(&store.sql, &asked.site, &asked.directory, after, PAGE)?;
    let claim = |row: &ItemRecord| ClaimBelow { path: row.place.path.clone(), job: row.job };
    let last = if rows.len() < PAGE { None } else { rows.last().map(claim) };
    let mut claims = Vec::new();
    let mut running: HashMap<JobId, bool> = HashMap::new();
    for row in rows.iter().filter(|row| Some(row.job) != own) {
        let runs = || asked.ran.contains(&row.job) || lock::holder(&store.directory, row.job).is_some();
        let runs = *running.entry(row.job).or_insert_with(runs);
        let is_claimed = match row.state {
            ItemState::Open => runs || store.moves_alone(row)?,
            ItemState::Done => runs || row.ended.is_some_and(|ended| ended >= asked.since),
            // Nothing of it is stored.
            ItemState::Failed | ItemState::GivenOver => false,
        };
        if is_claimed {
            claims.push(claim(row));
        }
    }
    Ok(ClaimsPage { claims, last })
}

/// Other moves than `own` that run.
pub(super) fn other_moves(store: &Store, own: JobId) -> Result<Vec<JobId>, StoreError> {
    let moves = JobRow::open_of_verb(&store.sql, "move")?.into_iter().map(|row| row.id);
    Ok(moves.filter(|id| *id != own && lock::holder(&store.directory, *id).is_some()).collect())
}

/// Which other move that runs has claimed each of these places.
pub(super) fn claimed_by_moves(
    store: &Store,
    own: JobId,
    places: &[Place],
) -> Result<Vec<Option<JobId>>, StoreError> {
    let moves = other_moves(store, own)?;
    let claimed = |place| {
        let claims = ItemRecord::at(&store.sql, place)?.into_iter();
        Ok(claims.filter(|row| row.state.may_be_stored()).map(|row| row.job).find(|job| moves.contains(job)))
    };
    places.iter().map(claimed).collect()
}

/// The largest number of files on a page.
const PAGE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::claiming::Claim;
    use crate::journal::record::{ItemEnd, ItemKey, JobStart, NewItem, PartId};
    use crate::journal::stored_job::StoredJob;
    use crate::outcome::{FileCopy, Verified};
    use std::path::Path;

    fn begun(store: &Store, job: JobId, site: &str, path: &str) -> ItemKey {
        let (source, path) = (format!("{job}/{path}"), path.as_bytes().to_vec());
        let number = path.iter().fold(job.number(), |sum, byte| sum * 31 + u64::from(*byte));
        let place = Place { source, site: site.to_owned(), path };
        let file = NewItem { place, part: Some(PartId(number)), seen: None, takes_over: true };
        let Claim::Ours(begun) = store.durably(|store| store.begin(job, &file)).unwrap() else {
            panic!("no other job is there")
        };
        begun.key
    }

    fn start(home: &Path, job: u64) -> (Store, impl Sized) {
        start_verb(home, job, "copy")
    }

    fn start_verb(home: &Path, job: u64, verb: &str) -> (Store, impl Sized) {
        let store = Store::open_for_tests(home).unwrap();
        let start = JobStart { id: JobId::new(job), job: StoredJob::for_tests(verb), resumes: false };
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
    fn claims_of_other_jobs_come_in_pages_and_none_is_lost() {
        let home = tempfile::tempdir().unwrap();
        let (store, _lock) = start(home.path(), 2);
        store
            .durably(|store| {
                for number in 0..2 * PAGE + 1 {
                    let path = format!("d/{number:05}").into_bytes();
                    let place = Place { source: String::new(), site: "two".to_owned(), path };
                    store
                        .begin(JobId::new(2), &NewItem { place, part: None, seen: None, takes_over: true })?;
                }
                Ok(())
            })
            .unwrap();
        let found = claims(&store, 1, "d/", &[], u64::MAX);
        assert_eq!(found.len(), 2 * PAGE + 1);
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
