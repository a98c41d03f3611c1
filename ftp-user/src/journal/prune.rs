//! Which jobs are forgotten when another one begins.

use super::record::JobState;
use super::tables::{Bad, JobRow, forget};
use rusqlite::Connection;

/// Forgets the oldest jobs that have ended, of those that have begun a file and of those that have not.
pub(super) fn prune(sql: &Connection) -> Result<(), Bad> {
    let (mut idle, mut others) = (Vec::new(), Vec::new());
    for job in JobRow::all(sql)?.into_iter().filter(|job| job.state != JobState::Running) {
        let ask = "SELECT EXISTS (SELECT 1 FROM items WHERE job = ?1)";
        let has_files: bool = sql.query_row(ask, [job.id.number().cast_signed()], |row| row.get(0))?;
        if has_files { others.push(job.id) } else { idle.push(job.id) }
    }
    for (jobs, most) in [(idle, IDLE), (others, ENDED)] {
        let surplus = (jobs.len() + 1).saturating_sub(most);
        for job in jobs.into_iter().take(surplus) {
            forget(sql, job)?;
        }
    }
    Ok(())
}

/// The largest number of jobs that are remembered after their end.
pub(super) const ENDED: usize = 20;
/// The same for those that have begun no file, such as mistyped ones: they take the place of no other job.
const IDLE: usize = 5;
