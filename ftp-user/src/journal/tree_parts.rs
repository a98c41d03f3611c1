//! The parts of trees in the journal. The worker of a job offers them, others that have room take them, and what came of their files
//! goes back to the worker of the job.
//!
//! ```text
//!  offered ── taken, with a lease of its own ──> ended, with a result
//!     |                   |                        or given back: nothing of it goes on
//!     '-- taken back      '-- its lease expires ──> lost
//! ```
//!
//! A part is only a way to divide work: what is known of its files stands in their rows. When the lease of the job ends, all parts end
//! with it, and whoever takes the job over begins with its files.

use super::failure::JournalFailure;
use super::handle::JobJournal;
use super::leases::{self, Leases, TakenJob};
use super::queue::{self, group_of, head_of};
use super::sql::{Sql, StoreError};
use super::store::Store;
use super::table::TREE_PARTS;
use crate::id::{JobId, WorkerId};
use crate::queue::{CarriedJob, Head, Lease};

/// How a part stands, as the worker of the job sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TreePartState {
    /// Nobody has taken it.
    Offered,
    /// Another worker carries it.
    Taken,
    /// Nothing of it goes on. What came of its files, if somebody has carried it.
    Ended(Option<String>),
    /// The worker that has carried it is lost. It may go on, and find out later.
    Lost,
}

/// What the worker of a job does with a part that it has offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PartRequest {
    /// It looks how the part stands.
    Look,
    /// It takes the part back if nobody else has taken it.
    TakeBack,
    /// It takes the part away from whoever carries it, who notices that before the next final name and the next deletion.
    Revoke,
}

impl JobJournal {
    /// Whether other workers may carry parts of the job: a worker has it, and others share its store.
    pub fn can_be_shared(&self) -> bool {
        self.is_shared() && self.lease().is_some_and(|lease| !lease.is_of_tree_part())
    }

    /// Whether this run carries a part of a job for another worker.
    pub fn is_of_tree_part(&self) -> bool {
        self.lease().is_some_and(Lease::is_of_tree_part)
    }

    /// Offers files of the job to other workers. Returns the number of the part; `None` if the journal has ended.
    pub async fn offer_tree_part(&self, files: String) -> Option<u64> {
        self.ask(move |store, job| offer(&store.sql, job, &files)).await.ok()
    }

    /// Does that with a part that was offered, and says how it stands then. It is forgotten when it has ended. `None` if the
    /// journal has ended.
    pub async fn tree_part_state(&self, part: u64, request: PartRequest) -> Option<TreePartState> {
        self.ask(move |store, job| state_after(&store.sql, job, part, request)).await.ok()
    }

    /// The files of the part that this run carries; `None` if it carries none, or has lost it.
    pub async fn files_of_tree_part(&self) -> Option<String> {
        let lease = self.lease()?;
        self.ask(move |store, _| find(&store.sql, lease.job, lease.part)).await.ok()?
    }

    /// Ends the part that this run carries, with everything that was noted before.
    pub async fn end_tree_part(&self, result: String) {
        let Some(lease) = self.lease() else { return };
        self.end_with(move |store, _| end(&store.sql, lease, RowState::Ended, &result).map(drop)).await;
    }
}

impl Leases<'_> {
    /// Takes a part of a job that another worker carries. `may_begin` decides about each job, given those that are carried then.
    ///
    /// # Errors
    ///
    /// The journal cannot be read or written.
    pub fn take_tree_part(
        &self,
        mut may_begin: impl FnMut(&Head<JobId>, &[CarriedJob]) -> bool,
    ) -> Result<Option<TakenJob>, JournalFailure> {
        self.queue.with(|store| {
            let look = |Store { sql, .. }: &Store| {
                let offered = offered(sql, self.worker)?;
                Ok((!offered.is_empty()).then_some(()))
            };
            let taken = store.look_and_write(look, |Store { sql, .. }, ()| {
                let carried = leases::carried(sql)?;
                for (job, part) in offered(sql, self.worker)? {
                    match take(sql, (job, part), self.worker, |head| may_begin(head, &carried)) {
                        // Whoever has the job finds out what is wrong with it.
                        Ok(None) | Err(StoreError::Row(_)) => {}
                        taken => return taken,
                    }
                }
                Ok(None)
            });
            taken.map(Option::flatten)
        })
    }

    /// Whether the worker of a part of the tree of a job is lost, so that nobody knows what it still does.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn has_lost_tree_part(&self, job: JobId) -> Result<bool, JournalFailure> {
        let ask = "SELECT count(*) FROM tree_parts WHERE job = ?1 AND state = ?2";
        let lost = RowState::Lost as i64;
        self.queue.read(|store| Ok(store.sql.number(ask, &[job.into(), lost.into()])? > 0))
    }

    /// Ends parts whose runs have told no result. Those that have not `begun` go back; what becomes of the others is not known. Returns
    /// those that this worker has no more, because it has lost them or their result was told.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn end_tree_parts(&self, parts: &[(Lease, bool)]) -> Result<Vec<Lease>, JournalFailure> {
        let state = |has_begun| if has_begun { RowState::Lost } else { RowState::GivenBack };
        self.queue.write(|store| {
            let mut gone = Vec::new();
            for (lease, has_begun) in parts {
                if !end(&store.sql, *lease, state(*has_begun), "")? {
                    gone.push(*lease);
                }
            }
            Ok(gone)
        })
    }
}

/// How a part stands, as its row has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum RowState {
    /// Somebody carries it, or nobody has taken it: leases say so.
    Open = 0,
    /// What came of its files is known.
    Ended = 1,
    /// Nobody has begun it.
    GivenBack = 2,
    /// Its worker is lost.
    Lost = 3,
}

impl RowState {
    /// The state that a number of a row stands for.
    fn numbered(number: i64) -> Option<Self> {
        let all = [Self::Open, Self::Ended, Self::GivenBack, Self::Lost];
        all.into_iter().find(|state| *state as i64 == number)
    }
}

/// The text of a part: its files, or what came of them.
fn find(sql: &Sql, job: JobId, part: u64) -> Result<Option<String>, StoreError> {
    let values = [job.into(), part.into()];
    Ok(TREE_PARTS.find(sql, "job = ?1 AND part = ?2", &values, |row| row.get(3))?.pop())
}

/// The state of a part. Its text, which may be long, is not read.
fn row_state(sql: &Sql, job: JobId, part: u64) -> Result<Option<RowState>, StoreError> {
    let ask = "SELECT state FROM tree_parts WHERE job = ?1 AND part = ?2";
    Ok(sql.all(ask, &[job.into(), part.into()], |row| row.get(0))?.pop().and_then(RowState::numbered))
}

fn save(sql: &Sql, job: JobId, part: u64, state: RowState, text: &str) -> Result<(), StoreError> {
    TREE_PARTS.replace(sql, &[job.into(), part.into(), (state as i64).into(), text.into()])
}

fn offer(sql: &Sql, job: JobId, files: &str) -> Result<u64, StoreError> {
    let next = "SELECT coalesce(max(part), 0) + 1 FROM tree_parts WHERE job = ?1";
    let part = sql.number(next, &[job.into()])?.cast_unsigned();
    save(sql, job, part, RowState::Open, files)?;
    sql.notify()?;
    Ok(part)
}

/// The parts that nobody has taken, of jobs that other workers carry and that are wanted. Those of the job that was submitted first come
/// first.
fn offered(sql: &Sql, worker: WorkerId) -> Result<Vec<(JobId, u64)>, StoreError> {
    let ask = "SELECT tree_parts.job, tree_parts.part FROM tree_parts
        JOIN queue ON queue.job = tree_parts.job AND queue.carried = 1 AND queue.wish = 0
        JOIN leases ON leases.job = tree_parts.job AND leases.part = 0 AND leases.worker <> ?1
        WHERE tree_parts.state = 0 AND NOT EXISTS (
            SELECT 1 FROM leases AS taken WHERE taken.job = tree_parts.job AND taken.part = tree_parts.part)
        ORDER BY queue.submitted, tree_parts.part LIMIT 100";
    sql.all(ask, &[worker.into()], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Gives a worker the right to a part. `None`: it may not have it.
fn take(
    sql: &Sql,
    (job, part): (JobId, u64),
    worker: WorkerId,
    may_begin: impl FnOnce(&Head<JobId>) -> bool,
) -> Result<Option<TakenJob>, StoreError> {
    match queue::find(sql, job)? {
        Some(entry) if may_begin(&head_of(job, &entry, group_of(&entry.submission)?)) => {
            Ok(Some(TakenJob { lease: leases::new_lease(sql, job, part, worker)?, entry }))
        }
        Some(_) | None => Ok(None),
    }
}

/// How a part stands after a request. One that has ended is forgotten, but for one that is lost: it ends with the lease of the job.
fn state_after(sql: &Sql, job: JobId, part: u64, request: PartRequest) -> Result<TreePartState, StoreError> {
    let is_taken = leases::is_taken(sql, job, part)?;
    if is_taken && request != PartRequest::Revoke {
        return Ok(TreePartState::Taken);
    }
    let state = match row_state(sql, job, part)? {
        Some(RowState::Open) if is_taken => {
            save(sql, job, part, RowState::Lost, "")?;
            leases::delete_part(sql, job, part)?;
            TreePartState::Lost
        }
        Some(RowState::Open) if request == PartRequest::Look => return Ok(TreePartState::Offered),
        Some(RowState::Open | RowState::GivenBack) => TreePartState::Ended(None),
        Some(RowState::Ended) => match find(sql, job, part) {
            // It has ended all the same.
            Err(StoreError::Row(_)) => TreePartState::Ended(Some(String::new())),
            found => TreePartState::Ended(found?),
        },
        Some(RowState::Lost) | None => TreePartState::Lost,
    };
    if state != TreePartState::Lost {
        let forget = "DELETE FROM tree_parts WHERE job = ?1 AND part = ?2";
        sql.write(forget, &[job.into(), part.into()])?;
    }
    Ok(state)
}

/// Ends a part, if that is still its lease; returns whether it was. The row is not read: one that is damaged must keep nobody from going
/// on.
fn end(sql: &Sql, lease: Lease, state: RowState, result: &str) -> Result<bool, StoreError> {
    let is_held = leases::is_held(sql, lease)?;
    if is_held {
        leases::delete_part(sql, lease.job, lease.part)?;
        save(sql, lease.job, lease.part, state, result)?;
    }
    Ok(is_held)
}

/// Marks those parts as lost whose leases have expired. Returns their jobs.
pub(super) fn lose_expired(sql: &Sql, now: u64, held: &[Lease]) -> Result<Vec<JobId>, StoreError> {
    let mut lost = leases::expired_tree_parts(sql, now)?;
    lost.retain(|lease| !held.contains(lease));
    lost.iter().try_for_each(|lease| end(sql, *lease, RowState::Lost, "").map(drop))?;
    Ok(lost.into_iter().map(|lease| lease.job).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Queue;
    use crate::journal::queue::lose_all;
    use crate::queue::{Entry, JobChange};

    struct Scene {
        _home: tempfile::TempDir,
        queue: Queue,
        job: JobId,
    }

    impl Scene {
        /// A job that worker 1 carries.
        fn new() -> Self {
            let (home, queue) = Queue::for_tests();
            let job = queue.put_for_tests(7, &Entry::default());
            let scene = Self { _home: home, queue, job };
            assert_eq!(scene.of(1).take(1, &[], |_, _| true).unwrap().readable.len(), 1);
            scene
        }

        fn of(&self, worker: u64) -> Leases<'_> {
            Leases::of(&self.queue, WorkerId::new(worker))
        }

        fn write<T>(&self, work: impl FnOnce(&Sql) -> Result<T, StoreError>) -> T {
            self.queue.write(|store| work(&store.sql)).unwrap()
        }

        fn offer(&self) -> u64 {
            self.write(|sql| offer(sql, self.job, "files"))
        }

        fn take(&self, worker: u64) -> Option<Lease> {
            self.of(worker).take_tree_part(|_, _| true).unwrap().map(|taken| taken.lease)
        }

        fn state(&self, part: u64, request: PartRequest) -> TreePartState {
            self.write(|sql| state_after(sql, self.job, part, request))
        }
    }

    #[test]
    fn a_part_goes_to_another_worker_and_its_result_back() {
        let scene = Scene::new();
        assert_eq!(scene.take(2), None, "nothing is offered");
        let [first, second] = [scene.offer(), scene.offer()];
        assert_eq!((first, second), (1, 2));
        assert_eq!(scene.take(1), None, "its own worker carries the job");
        let lease = scene.take(2).unwrap();
        assert_eq!((lease.job, lease.part), (scene.job, first));
        assert_eq!(scene.take(3).map(|lease| lease.part), Some(second));
        assert_eq!(scene.take(3), None, "both are taken");
        let carried = scene.write(leases::carried);
        assert_eq!(carried.len(), 3, "each part counts as a job");
        let files = scene.write(|sql| find(sql, scene.job, first));
        assert_eq!(files.as_deref(), Some("files"));
        for request in [PartRequest::Look, PartRequest::TakeBack] {
            assert_eq!(scene.state(first, request), TreePartState::Taken);
        }
        scene.write(|sql| end(sql, lease, RowState::Ended, "result"));
        scene.write(|sql| end(sql, lease, RowState::Ended, "another"));
        assert_eq!(scene.state(first, PartRequest::Look), TreePartState::Ended(Some("result".to_owned())));
        assert_eq!(scene.state(first, PartRequest::Look), TreePartState::Lost, "it is forgotten");
    }

    #[test]
    fn a_part_comes_back_if_nobody_takes_it_or_ends_it() {
        let scene = Scene::new();
        let part = scene.offer();
        assert_eq!(scene.state(part, PartRequest::Look), TreePartState::Offered);
        assert_eq!(scene.state(part, PartRequest::TakeBack), TreePartState::Ended(None));
        assert_eq!(scene.take(2), None);
        let part = scene.offer();
        let lease = scene.take(2).unwrap();
        scene.of(2).end_tree_parts(&[(lease, false)]).unwrap();
        assert_eq!(scene.take(3), None, "whoever has offered it knows it first");
        assert_eq!(scene.state(part, PartRequest::Look), TreePartState::Ended(None));
        // A run that has begun, and has told nothing, may have left anything.
        let part = scene.offer();
        let lease = scene.take(2).unwrap();
        scene.of(2).end_tree_parts(&[(lease, true)]).unwrap();
        assert_eq!(scene.state(part, PartRequest::Look), TreePartState::Lost);
        assert_eq!(scene.of(1).has_lost_tree_part(scene.job), Ok(true));
    }

    #[test]
    fn a_damaged_row_keeps_nobody_from_going_on() {
        let scene = Scene::new();
        let damage =
            |sql: &Sql| sql.write("UPDATE tree_parts SET sum = sum + 1 WHERE job = ?1", &[scene.job.into()]);
        let part = scene.offer();
        let lease = scene.take(2).unwrap();
        scene.write(damage);
        scene.of(2).end_tree_parts(&[(lease, false)]).unwrap();
        assert_eq!(scene.state(part, PartRequest::Look), TreePartState::Ended(None));
        let part = scene.offer();
        let lease = scene.take(2).unwrap();
        scene.write(|sql| end(sql, lease, RowState::Ended, "result"));
        scene.write(damage);
        // Nothing of it goes on, and its files say for themselves how they stand.
        assert_eq!(scene.state(part, PartRequest::Look), TreePartState::Ended(Some(String::new())));
        scene.offer();
        let lease = scene.take(2).unwrap();
        scene.write(damage);
        assert_eq!(scene.write(|sql| lose_expired(sql, u64::MAX >> 2, &[])), [lease.job]);
    }

    #[test]
    fn what_is_taken_away_or_expires_ends_nothing() {
        let scene = Scene::new();
        let revoked = scene.offer();
        let lease = scene.take(2).unwrap();
        assert_eq!(scene.state(revoked, PartRequest::Revoke), TreePartState::Lost);
        assert!(!scene.write(|sql| leases::is_held(sql, lease)));
        let part = scene.offer();
        let lease = scene.take(2).unwrap();
        let far = u64::MAX >> 2;
        assert_eq!(scene.write(|sql| lose_expired(sql, far, &[lease])), []);
        assert_eq!(scene.write(|sql| lose_expired(sql, far, &[])), [scene.job]);
        scene.write(|sql| end(sql, lease, RowState::Ended, "late"));
        assert_eq!(scene.state(part, PartRequest::Look), TreePartState::Lost);
    }

    #[test]
    fn parts_end_with_the_lease_of_their_job_and_none_of_an_unwanted_job_is_taken() {
        let scene = Scene::new();
        scene.offer();
        let lease = scene.take(2).unwrap();
        scene.offer();
        scene.queue.apply(scene.job, JobChange::Pause, false).unwrap().unwrap();
        assert_eq!(scene.take(2), None);
        scene.queue.write(lose_all).unwrap();
        assert!(!scene.write(|sql| leases::is_held(sql, lease)));
        let left = scene.write(|sql| sql.number("SELECT count(*) FROM tree_parts", &[]));
        assert_eq!(left, 0);
    }
}
