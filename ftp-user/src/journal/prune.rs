//! Which jobs are forgotten when another one begins.

use super::checksum::Bad;
use super::record::JobState;
use super::tables::{Count, JobRow, count, forget};
use crate::id::JobId;
use rusqlite::Connection;

/// Forgets the oldest jobs that have ended: of those that have stored something, of those whose files have all failed, and
/// of those that have begun no file. None of them takes the place of another kind. `runs` says whether a process runs a
/// job: one that was killed has not ended, unless it had begun nothing.
pub(super) fn prune(sql: &Connection, runs: impl Fn(JobId) -> bool) -> Result<(), Bad> {
    let (mut idle, mut failed, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for job in JobRow::all(sql)? {
        let has_ended = job.state != JobState::Running;
        match count(sql, job.id)? {
            count if !has_ended && (!count.is_idle() || runs(job.id)) => {}
            count if count.is_idle() => idle.push(job.id),
            Count { files: 0, open: 0, given_over: 0, .. } => failed.push(job.id),
            _ => others.push(job.id),
        }
    }
    for (jobs, most) in [(idle, IDLE), (failed, ENDED), (others, ENDED)] {
        let surplus = (jobs.len() + 1).saturating_sub(most);
        for job in jobs.into_iter().take(surplus) {
            forget(sql, job)?;
        }
    }
    Ok(())
}

/// The largest number of jobs that are remembered after their end, of each kind that has begun a file.
pub(super) const ENDED: usize = 20;
/// The same for those that have begun no file.
const IDLE: usize = 5;
