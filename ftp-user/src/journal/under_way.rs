//! The rows of files that are under way, as this process has written them. How such a file has ended is noted without
//! reading its row again.

use super::record::{ItemKey, ItemRecord};
use std::cell::RefCell;
use std::collections::HashMap;

/// Rows with one part or none, and no transfer. One that is not here is read.
#[derive(Debug, Default)]
pub(super) struct UnderWay(RefCell<HashMap<ItemKey, (ItemRecord, bool)>>);

impl UnderWay {
    /// Remembers a row that has no transfer, and whether it has a part: no more than one.
    pub(super) fn note(&self, row: ItemRecord, has_part: bool) {
        let mut rows = self.0.borrow_mut();
        if rows.len() < MOST {
            rows.insert(row.key, (row, has_part));
        }
    }

    /// Takes a row out: it ends, or something else becomes of it. With it comes whether it has a part.
    pub(super) fn take(&self, key: ItemKey) -> Option<(ItemRecord, bool)> {
        self.0.borrow_mut().remove(&key)
    }
}

/// The largest number of rows.
const MOST: usize = 4_096;

#[cfg(test)]
mod tests {
    use crate::id::JobId;
    use crate::journal::claiming::Claim;
    use crate::journal::record::{
        Detached, Ended, Found, ItemKey, ItemState, NewItem, PartId, Place, Seen, Start,
    };
    use crate::journal::store::{FILE, Store};
    use crate::journal::stored_job::StoredJob;
    use crate::ladder::Rung;
    use crate::outcome::{FileCopy, Verified};
    use ftp_proto::digest::Algorithm;
    use ftp_proto::wire::TransferId;

    const JOB: JobId = JobId::new(1);

    fn begun(store: &Store, path: &str, part: u64) -> ItemKey {
        let (source, site) = (format!("ftp://ann@one:21/{path}"), "ann@two:21".to_owned());
        let place = Place { source, site, path: path.as_bytes().to_vec() };
        let seen = Some(Seen { size: Some(5), modified: Some(7), unique: None });
        let file = NewItem { place, part: (part != 0).then_some(PartId(part)), seen, takes_over: true };
        let claim = store.durably(|store| store.begin(JOB, &file)).unwrap();
        let Claim::Ours(begun) = claim else { panic!("no other job is there") };
        begun.key
    }

    fn done() -> Ended {
        let copy = FileCopy::moved(Some(5), Rung::User, Verified::Hash(Algorithm::Sha256));
        Ended::Done { copy: Box::new(copy), began: Some(9), noted: 0 }
    }

    fn start(home: &std::path::Path) -> (Store, impl Sized) {
        let store = Store::open_for_tests(home).unwrap();
        let job = StoredJob::for_tests("copy");
        let lock = store.start(&Start { id: JOB, job, resumes: false }).unwrap();
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
        let route = "dest-listens".to_owned();
        let detached = Detached { source: id(1), destination: id(2), route, before: 0, moves: false };
        store.detached(keys[2], Some(&detached)).unwrap();
        for key in keys {
            store.ended(key, done()).unwrap();
        }
        // Every row has its checksum, and nothing is stored under any part.
        let found = store.items(JOB, ItemState::Done).unwrap();
        assert_eq!(found.len(), 5);
        for file in &found {
            assert_eq!((file.bytes, file.verified.as_deref(), file.began), (5, Some("sha-256"), Some(9)));
            assert_eq!((file.route.as_deref(), file.parts.detached.as_ref()), (Some("user"), None));
            assert!(file.parts.names.is_empty() && file.ended.is_some(), "{file:?}");
            assert_eq!(file.seen.as_ref().and_then(|seen| seen.size), Some(5));
        }
        // The same file again, in the same run.
        let again = begun(&store, "a", 200);
        assert_eq!(again, keys[0]);
    }

    #[test]
    fn n8_a_file_without_a_part_that_was_under_way_is_looked_for_under_its_final_name() {
        let home = tempfile::tempdir().unwrap();
        let (store, lock) = start(home.path());
        let key = begun(&store, "a", 0);
        drop((store, lock));
        let store = Store::open_for_tests(home.path()).unwrap();
        let job = StoredJob::for_tests("copy");
        let _lock = store.start(&Start { id: JOB, job, resumes: true }).unwrap();
        let place = store.items(JOB, ItemState::Open).unwrap().remove(0).place;
        let file = NewItem { place, part: Some(PartId(7)), seen: None, takes_over: true };
        let claim = store.durably(|store| store.begin(JOB, &file)).unwrap();
        let Claim::Ours(again) = claim else { panic!("no other job is there") };
        let seen = Some(Seen { size: Some(5), modified: Some(7), unique: None });
        let found = Found::Open { parts: Vec::new(), seen, in_place: false, detached: None, route: None };
        assert_eq!((again.key, again.first, again.found), (key, None, found));
    }

    #[test]
    fn n8_a_row_that_has_changed_meanwhile_is_not_written_over() {
        for change in ["UPDATE items SET sum = sum + 1", "DELETE FROM items"] {
            let home = tempfile::tempdir().unwrap();
            let (store, _lock) = start(home.path());
            let key = begun(&store, "a", 10);
            rusqlite::Connection::open(home.path().join(FILE)).unwrap().execute(change, []).unwrap();
            assert!(store.ended(key, done()).is_err(), "{change}");
        }
    }
}
