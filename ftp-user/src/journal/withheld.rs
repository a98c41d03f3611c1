//! The names that the last run of a sync has kept because nobody had agreed to delete them. `retry --yes` agrees to them, once.

use super::checksum::{Bad, check, insert, insertion};
use crate::id::JobId;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Creates the table of version 6.
pub(super) const WITHHELD: &str = "
CREATE TABLE withheld (job INTEGER NOT NULL, path BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (job, path));
";

/// The columns of this table.
pub(super) const COLUMNS: &str = "job, path";
/// The number of these columns.
pub(super) const WIDTH: usize = 2;

/// Notes names that a job keeps, as paths below its destination.
pub(super) fn add_withheld(sql: &Connection, job: JobId, paths: &[Vec<u8>]) -> Result<(), Bad> {
    let statement = insertion("withheld", COLUMNS, WIDTH);
    for path in paths {
        insert(sql, &statement, &[ValueRef::Integer(job.number().cast_signed()), ValueRef::Blob(path)])?;
    }
    Ok(())
}

/// The names that a job has kept. Nobody agrees to them a second time: they are forgotten.
pub(super) fn take_withheld(sql: &Connection, job: JobId) -> Result<Vec<Vec<u8>>, Bad> {
    let mut paths = Vec::new();
    let mut statement = sql.prepare_cached(&format!("SELECT {COLUMNS}, sum FROM withheld WHERE job = ?1"))?;
    let mut rows = statement.query([job.number().cast_signed()])?;
    while let Some(row) = rows.next()? {
        check(row, "withheld", WIDTH)?;
        paths.push(row.get(1)?);
    }
    forget_withheld(sql, job)?;
    Ok(paths)
}

/// Forgets the names that a job has kept.
pub(super) fn forget_withheld(sql: &Connection, job: JobId) -> Result<(), Bad> {
    sql.prepare_cached("DELETE FROM withheld WHERE job = ?1")?.execute([job.number().cast_signed()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::record::Start;
    use crate::journal::store::Store;
    use crate::journal::stored_job::StoredJob;

    #[test]
    fn names_that_were_kept_are_told_once_and_a_changed_row_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let id = JobId::new(1);
        let start = Start { id, job: StoredJob::for_tests("sync"), resumes: false };
        let store = Store::open_for_tests(home.path()).unwrap();
        let _lock = store.start(&start).unwrap();
        let paths = vec![b"a".to_vec(), b"b/\xff".to_vec()];
        store.durably(|store| add_withheld(&store.sql, id, &paths)).unwrap();
        // The names of one job are not those of another.
        assert!(store.durably(|store| take_withheld(&store.sql, JobId::new(2))).unwrap().is_empty());
        assert_eq!(store.durably(|store| take_withheld(&store.sql, id)).unwrap(), paths);
        assert!(store.durably(|store| take_withheld(&store.sql, id)).unwrap().is_empty());
        store.durably(|store| add_withheld(&store.sql, id, &paths)).unwrap();
        store.sql.execute("UPDATE withheld SET path = 'c' WHERE path = x'61'", []).unwrap();
        assert!(store.durably(|store| take_withheld(&store.sql, id)).is_err());
    }
}
