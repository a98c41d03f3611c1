//! For how long jobs of the queue are kept that have ended.

use super::job_row::one_row_per_job;
use super::sql::{Result, Sql};
use crate::id::JobId;
use std::time::Duration;

/// The jobs that ended long ago, and the oldest of too many, as many as one transaction forgets: their files are counted, too. With
/// each stands the number of its last change.
pub(super) fn oldest(sql: &Sql) -> Result<Vec<(JobId, u64)>> {
    let ask = "SELECT job, changed FROM queue WHERE exit IS NOT NULL AND ended < ?1
        UNION SELECT job, changed FROM (SELECT job, changed FROM queue WHERE exit IS NOT NULL ORDER BY ended DESC NULLS LAST LIMIT ?2 OFFSET ?3) AS surplus
        LIMIT ?2";
    let oldest = sql.now()?.saturating_sub(KEPT_FOR.as_secs());
    let values = [oldest.into(), AT_ONCE.into(), MOST_ENDED.into()];
    let mut found = sql.all(ask, &values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let jobs: Vec<JobId> = found.iter().map(|(job, _)| *job).collect();
    let files =
        one_row_per_job(sql, "SELECT count(*) FROM items WHERE job = ?1", &jobs, |row| row.get::<u64>(0))?;
    let mut so_far = 0;
    let fits = files.into_iter().take_while(|files| {
        so_far += files.unwrap_or(0);
        so_far <= MOST_FORGOTTEN_FILES
    });
    let number = fits.count().max(1);
    found.truncate(number);
    Ok(found)
}

/// For how long jobs are kept that have ended.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);
/// The largest number of them.
const MOST_ENDED: i64 = 100_000;
/// How many are forgotten at most in one transaction, and how many files of them, unless one job has more.
const AT_ONCE: i64 = 1000;
const MOST_FORGOTTEN_FILES: u64 = 10_000;
