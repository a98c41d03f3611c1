//! Workers in the journal: how each of them stands, as it has said last.

use super::queue::SITES;
use super::sql::{Sql, StoreError, Value};
use super::table::{WORKERS, read_json, written_json};
use crate::queue::{WorkerProfile, WorkerRecord};
use std::time::Duration;

/// The workers that were alive within the last hour. A damaged row is left out: a worker that is alive writes its row again at its next
/// check-in.
pub(super) fn workers(sql: &Sql) -> Result<Vec<WorkerRecord>, StoreError> {
    let condition = format!("TRUE ORDER BY name, id LIMIT {MOST_WORKERS}");
    let found = WORKERS.find_whole(sql, &condition, &[], |row| {
        let profile = WorkerProfile {
            id: row.get(0)?,
            name: row.get(1)?,
            version: row.get(2)?,
            parallel: u32::try_from(row.get::<u64>(3)?).unwrap_or(u32::MAX),
            is_draining: row.get(6)?,
            reports_ends: row.get(7)?,
            sites: read_json(row.get(8)?, SITES)?,
        };
        Ok(WorkerRecord { profile, started: row.get(4)?, seen: row.get(5)? })
    });
    found.map(|(whole, _)| whole)
}

/// Notes how a worker stands.
pub(super) fn save_worker(sql: &Sql, worker: &WorkerRecord) -> Result<(), StoreError> {
    let WorkerRecord { profile, started, seen } = worker;
    let WorkerProfile { id, name, version, parallel, is_draining, reports_ends, sites } = profile;
    let sites = written_json(sites, SITES)?;
    let values: [Value<'_>; 9] = [
        (*id).into(),
        name.into(),
        version.into(),
        u64::from(*parallel).into(),
        (*started).into(),
        (*seen).into(),
        (*is_draining).into(),
        (*reports_ends).into(),
        (&sites).into(),
    ];
    WORKERS.replace(sql, &values)
}

/// Forgets workers that were not heard of for long.
pub(super) fn forget_silent(sql: &Sql, now: u64) -> Result<(), StoreError> {
    let long_ago = now.saturating_sub(WORKER_KEPT_FOR.as_secs());
    sql.write("DELETE FROM workers WHERE seen < ?1", &[long_ago.into()])
}

/// For how long a worker is remembered that is not heard of.
const WORKER_KEPT_FOR: Duration = Duration::from_secs(3600);
/// The largest number of workers that are shown.
const MOST_WORKERS: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Leases, Queue};

    #[test]
    fn a_damaged_worker_keeps_no_other_from_saying_that_it_is_there() {
        let (_home, queue) = Queue::for_tests();
        let check_in = |number| {
            let profile = WorkerProfile::for_tests(number);
            Leases::of(&queue, profile.id).check_in(&profile, &[], 0)
        };
        check_in(1).unwrap();
        queue.change_for_tests("UPDATE workers SET sum = 0", &[]);
        check_in(2).unwrap();
        assert_eq!(queue.workers().unwrap().len(), 1);
        check_in(1).unwrap();
        assert_eq!(queue.workers().unwrap().len(), 2, "it has said again how it stands");
    }
}
