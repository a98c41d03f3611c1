//! What the last runs have tried between two servers. It is bounded, and holds no secrets.

use super::checksum::{Bad, check, replace};
use super::failure::JournalFailure;
use super::store::Store;
use crate::account::RunAccount;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Creates the table. A run is one text: nothing but `why` looks into it.
pub(super) const RUNS_OF_JOURNAL: &str =
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, account TEXT NOT NULL, sum INTEGER NOT NULL);";

/// The columns of this table.
const RUNS: &str = "id, account";

/// Keeps a run. The oldest runs are forgotten.
pub(super) fn keep_run(sql: &Connection, run: &RunAccount) -> Result<(), Bad> {
    let text = serde_json::to_string(run).map_err(|error| Bad::Row(error.to_string().into()))?;
    let next: i64 = sql.query_row("SELECT coalesce(max(id), 0) + 1 FROM runs", [], |row| row.get(0))?;
    replace(sql, "runs", RUNS, &[ValueRef::Integer(next), ValueRef::Text(text.as_bytes())])?;
    sql.execute("DELETE FROM runs WHERE id <= ?1", [next - MOST])?;
    Ok(())
}

/// The runs that are kept, the last one last. Runs are only shown, so one that was damaged is left out: it stops neither a
/// job nor the other runs.
fn runs(sql: &Connection) -> Result<Vec<RunAccount>, Bad> {
    let mut statement = sql.prepare(&format!("SELECT {RUNS}, sum FROM runs ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text = check(row, "runs", 2).ok().and_then(|()| row.get_ref(1).ok()?.as_str().ok());
        found.extend(text.and_then(|text| serde_json::from_str::<RunAccount>(text).ok()));
    }
    Ok(found)
}

impl Store {
    /// The runs that are kept, the last one last.
    pub(super) fn runs(&self) -> Result<Vec<RunAccount>, JournalFailure> {
        runs(&self.sql).map_err(|bad| self.failure(bad))
    }
}

/// The largest number of runs that are kept.
const MOST: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::journal::tables::check_files;

    #[test]
    fn n14_the_last_runs_are_kept_and_the_oldest_one_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::at(Some(home.path().to_path_buf()), |_| None);
        assert_eq!(journal.runs().unwrap(), []);
        for id in 0..=MOST {
            journal.keep_run(&RunAccount { id: id.to_string(), ..RunAccount::default() }).unwrap();
        }
        let kept = journal.runs().unwrap();
        assert_eq!((kept.len() as i64, kept[0].id.as_str()), (MOST, "1"));
        let sql = Connection::open(home.path().join(crate::journal::store::FILE)).unwrap();
        sql.execute("UPDATE runs SET account = '{}' WHERE id = 3", []).unwrap();
        let left: Vec<String> = journal.runs().unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(left, ["1", "3", "4", "5", "6", "7", "8", "9", "10"], "every row has a checksum");
        check_files(&sql).expect("what is only shown stops no job");
    }
}
