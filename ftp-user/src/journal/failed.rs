//! What has failed in the last run of a job: its files, directories that could not be listed, and files that were never
//! begun, which have no row of their own.

use super::checksum::{Bad, check, replace};
use super::record::Failures;
use crate::id::JobId;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Creates the table of version 3. It has a row for each job of whose last run something has failed.
pub(super) const FAILURES_OF_JOBS: &str = "
CREATE TABLE failures (job INTEGER PRIMARY KEY, number INTEGER NOT NULL, why TEXT NOT NULL, sum INTEGER NOT NULL);
";

/// The columns of this table.
pub(super) const FAILURES: &str = "job, number, why";

/// What has failed in the last run of a job.
pub(super) fn failures(sql: &Connection, job: JobId) -> Result<Option<Failures>, Bad> {
    let mut statement =
        sql.prepare_cached(&format!("SELECT {FAILURES}, sum FROM failures WHERE job = ?1"))?;
    let mut rows = statement.query([job.number().cast_signed()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    check(row, "failures", 3)?;
    Ok(Some(Failures { number: row.get::<_, i64>(1)?.cast_unsigned(), why: row.get(2)? }))
}

/// Writes what has failed in a run of a job, in the place of what was known.
pub(super) fn set_failures(sql: &Connection, job: JobId, failures: Option<&Failures>) -> Result<(), Bad> {
    let job = job.number().cast_signed();
    let Some(Failures { number, why }) = failures else {
        sql.prepare_cached("DELETE FROM failures WHERE job = ?1")?.execute([job])?;
        return Ok(());
    };
    let values =
        [ValueRef::Integer(job), ValueRef::Integer(number.cast_signed()), ValueRef::Text(why.as_bytes())];
    replace(sql, "failures", FAILURES, &values)
}
