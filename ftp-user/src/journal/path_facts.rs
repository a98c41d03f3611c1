//! What files that took the same path have in common, as rows have it. A row is written once for all of them.

use super::checksum::{Bad, check, insert, insertion, text};
use crate::id::JobId;
use crate::outcome::PathFacts;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Creates the table.
pub(super) const PATH_FACTS: &str = "
CREATE TABLE path_facts (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, source_control TEXT, dest_control TEXT, source_data TEXT, dest_data TEXT,
    why TEXT, sum INTEGER NOT NULL);
CREATE INDEX path_facts_by_job ON path_facts (job);
";

/// The columns of this table.
pub(super) const COLUMNS: &str = "id, job, source_control, dest_control, source_data, dest_data, why";
/// The number of these columns.
pub(super) const WIDTH: usize = 7;

static SAVE: LazyLock<String> = LazyLock::new(|| insertion("path_facts", COLUMNS, WIDTH));

/// The rows that this process has written, by what they say.
#[derive(Debug, Default)]
pub(super) struct Written(RefCell<HashMap<(JobId, Arc<PathFacts>), i64>>);

impl Written {
    /// The number of the row that says this of files of a job. Writes one if there is none.
    pub(super) fn row(&self, sql: &Connection, job: JobId, facts: &Arc<PathFacts>) -> Result<i64, Bad> {
        let key = (job, Arc::clone(facts));
        if let Some(row) = self.0.borrow().get(&key) {
            return Ok(*row);
        }
        let mut next = sql.prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM path_facts")?;
        let row: i64 = next.query_row([], |row| row.get(0))?;
        let PathFacts { control: [source_control, dest_control], data: [source_data, dest_data], why } =
            &**facts;
        let values = [
            ValueRef::Integer(row),
            ValueRef::Integer(job.number().cast_signed()),
            text(source_control.as_deref()),
            text(dest_control.as_deref()),
            text(source_data.as_deref()),
            text(dest_data.as_deref()),
            text(why.as_deref()),
        ];
        insert(sql, &SAVE, &values)?;
        let mut written = self.0.borrow_mut();
        if written.len() >= MOST {
            written.clear();
        }
        written.insert(key, row);
        Ok(row)
    }
}

/// What the row with that number says; nothing if it is not there.
pub(super) fn path_facts(sql: &Connection, row: i64) -> Result<Option<Arc<PathFacts>>, Bad> {
    let mut statement =
        sql.prepare_cached(&format!("SELECT {COLUMNS}, sum FROM path_facts WHERE id = ?1"))?;
    let mut rows = statement.query([row])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    check(row, "path_facts", WIDTH)?;
    let (control, data) = ([row.get(2)?, row.get(3)?], [row.get(4)?, row.get(5)?]);
    Ok(Some(Arc::new(PathFacts { control, data, why: row.get(6)? })))
}

/// The largest number of rows that are remembered. Most jobs have one or two.
const MOST: usize = 64;
