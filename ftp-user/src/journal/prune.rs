//! Which jobs are forgotten when another one begins.

use super::checksum::Bad;
use super::count::{Count, count};
use super::job_row::JobRow;
use super::tables::forget;
use rusqlite::Connection;

/// Forgets the oldest jobs that have ended: of those that have stored something, of those whose files have all failed, and
/// of those that have begun no file. None of them takes the place of another kind. A job that was killed has not ended.
pub(super) fn prune(sql: &Connection) -> Result<(), Bad> {
    let (mut idle, mut failed, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for job in JobRow::ended(sql)? {
        match count(sql, job.id)? {
            count if count.is_idle() => idle.push(job),
            Count { files: 0, open: 0, given_over: 0, .. } => failed.push(job),
            _ => others.push(job),
        }
    }
    for (mut jobs, most) in [(idle, IDLE), (failed, ENDED), (others, ENDED)] {
        jobs.sort_by_key(|job| job.begun);
        let surplus = (jobs.len() + 1).saturating_sub(most);
        for job in jobs.into_iter().take(surplus) {
            forget(sql, job.id)?;
        }
    }
    Ok(())
}

/// The largest number of jobs that have not ended. What they have left at servers is known from their rows alone, so none
/// of them is forgotten: one more begins without a journal.
pub(super) const OPEN: u64 = 10_000;
/// The largest number of jobs that are remembered after their end, of each kind that has begun a file.
pub(super) const ENDED: usize = 20;
/// The same for those that have begun no file.
const IDLE: usize = 5;
