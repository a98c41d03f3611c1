//! Leases: a job is taken once, ends once, and goes to another worker if its own has not renewed its lease.

use super::*;
use crate::journal::JobState;
use crate::journal::queue::{find, put};
use crate::journal::record::{JobStart, StoredJob};
use crate::journal::retention::KEPT_FOR;
use crate::journal::table::RUNS;
use crate::queue::{EntryRefusal, JobChange, JobQuery, Priority};
use ftp_io::clock::since_1970;
use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

/// Submits a job of these words between these servers.
fn submit_words(queue: &Queue, id: u64, words: &str, pair: &str) {
    queue.submit(JobId::new(id), StoredJob::for_tests(words), &Entry::for_tests("ann", pair)).unwrap();
}

/// Takes at most so many jobs.
fn take_numbers(holder: &Leases<'_>, most: usize) -> Vec<u64> {
    let taken = holder.take(most, &[], |_, _| true).unwrap().readable;
    taken.iter().map(|taken| taken.lease.job.number()).collect()
}

fn of(queue: &Queue, id: u64) -> Leases<'_> {
    Leases::of(queue, WorkerId::new(id))
}

fn take(holder: &Leases<'_>) -> Option<Lease> {
    holder.take(1, &[], |_, _| true).unwrap().readable.pop().map(|taken| taken.lease)
}

/// Lets the lease of a job end now.
fn expire(queue: &Queue, lease: Lease) {
    let Lease { job, part, worker, fence } = lease;
    let row = [job.into(), part.into(), worker.into(), fence.into(), 0_u64.into(), Value::Null];
    queue.write(|store| LEASES.replace(&store.sql, &row)).unwrap();
}

/// Ends a run. Returns the exit status of its job, if it has ended; the outer `None`: the lease was lost.
fn end(holder: &Leases<'_>, lease: Lease, exit: u8) -> Option<Option<u8>> {
    let mut ended = holder.end(vec![(lease, |entry: &mut Entry, now| entry.end(exit, None, now))]).unwrap();
    ended.pop().unwrap().map(|entry| entry.exit)
}

#[test]
fn a_job_is_taken_once_and_ends_once() {
    let (_home, queue) = Queue::for_tests();
    let [one, two] = [1, 2].map(|id| of(&queue, id));
    let [first, second, third] =
        [(1, "ann"), (2, "ann"), (3, "bob")].map(|(id, owner)| queue.submit_for_tests(id, owner));
    let [a, b] = [take(&one).unwrap(), take(&two).unwrap()];
    assert_eq!([a.job, b.job], [first, third], "the other owner has none");
    assert!(b.fence > a.fence);
    let c = take(&one).unwrap();
    assert_eq!((c.job, take(&two)), (second, None));
    assert_eq!(queue.carried_runs().unwrap()[&third].worker, WorkerId::new(2));
    queue.apply(third, JobChange::Pause, false).unwrap().unwrap();
    assert_eq!(queue.unwanted().unwrap(), [third]);
    assert_eq!(end(&two, b, 10), Some(None));
    assert_eq!(end(&one, a, 9), Some(Some(9)));
    assert_eq!(end(&one, a, 0), None);
    assert_eq!((take(&one), take(&two)), (None, None), "one is paused, one has ended, one is carried");
    let ended = queue.job(first).unwrap().unwrap();
    assert_eq!((ended.state, ended.queued.unwrap().exit), (JobState::Failed, Some(9)));
    assert_eq!(queue.apply(first, JobChange::Pause, false).unwrap(), Err(EntryRefusal::HasEnded));
    let unknown = queue.apply(JobId::new(9), JobChange::Pause, false);
    assert_eq!(unknown, Err(JournalFailure::Unknown { job: JobId::new(9) }));
}

#[test]
fn jobs_of_one_owner_and_priority_begin_in_the_order_of_their_submissions() {
    let (_home, queue) = Queue::for_tests();
    let holder = of(&queue, 1);
    // All within a second; a later one has the smaller id.
    for (id, priority) in [(9, 0), (7, 5), (8, 0), (3, 0), (5, 5), (1, 0)] {
        let mut entry = Entry::for_tests("ann", "");
        entry.submission.priority = Priority::try_from(priority).unwrap();
        queue.submit(JobId::new(id), StoredJob::copy_for_tests(), &entry).unwrap();
    }
    let listed = queue.list(&JobQuery { most: 10, ..JobQuery::default() }).unwrap().items;
    assert_eq!(listed.iter().map(|job| job.id.number()).collect::<Vec<_>>(), [1, 5, 3, 8, 7, 9]);
    let take = |most| take_numbers(&holder, most);
    assert_eq!([take(1), take(2), take(0)], [vec![7], vec![5, 9], vec![]]);
    // One that was paused keeps its place.
    queue.apply(JobId::new(8), JobChange::Pause, false).unwrap().unwrap();
    assert_eq!(take(1), [3]);
    queue.apply(JobId::new(8), JobChange::Resume, false).unwrap().unwrap();
    assert_eq!(take(9), [8, 1]);
}

#[test]
fn jobs_that_one_transaction_has_submitted_are_taken_once() {
    let (_home, queue) = Queue::for_tests();
    let put = |store: &Store, id| put(store, JobId::new(id), StoredJob::copy_for_tests(), &Entry::default());
    queue.write(|store| (1..=3).try_for_each(|id| put(store, id))).unwrap();
    let mut taken = take_numbers(&of(&queue, 1), 9);
    taken.sort_unstable();
    assert_eq!(taken, [1, 2, 3]);
}

#[test]
fn what_is_taken_together_counts_for_each_other() {
    let (_home, queue) = Queue::for_tests();
    let holder = of(&queue, 1);
    for (id, owner) in [(1, "ann"), (2, "ann"), (3, "ann"), (4, "bob"), (5, "bob")] {
        queue.submit_for_tests(id, owner);
    }
    let seen = RefCell::new(Vec::new());
    let taken = holder.take(4, &[], |_, carried| {
        seen.borrow_mut().push(carried.len());
        carried.len() < 3
    });
    let taken: Vec<_> = taken.unwrap().readable.iter().map(|taken| taken.lease).collect();
    assert_eq!(taken.iter().map(|lease| lease.job.number()).collect::<Vec<_>>(), [1, 4, 2]);
    assert!(taken.is_sorted_by_key(|lease| lease.fence) && seen.borrow().contains(&3), "{seen:?}");
    let lost = Lease { fence: 77, ..taken[0] };
    let ends = taken.iter().copied().chain([lost]);
    let ended =
        holder.end(ends.map(|lease| (lease, |entry: &mut Entry, now| entry.end(0, None, now))).collect());
    let ended = ended.unwrap();
    assert_eq!(ended.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, true, false]);
}

#[test]
fn a_job_that_cannot_be_read_is_told_to_its_run_and_the_others_are_taken() {
    let (_home, queue) = Queue::for_tests();
    let holder = of(&queue, 1);
    let [bad, good] = [1, 2].map(|id| queue.submit_for_tests(id, "ann"));
    queue.change_for_tests("UPDATE jobs SET sum = 0 WHERE id = ?1", &[bad.into()]);
    let taken = holder.take(2, &[], |_, _| true).unwrap().readable;
    assert_eq!(taken.iter().map(|taken| taken.lease.job).collect::<Vec<_>>(), [bad, good]);
    assert!(matches!(queue.job(bad), Err(JournalFailure::Damaged { .. })));
    holder
        .end(vec![(taken[0].lease, |entry: &mut Entry, now| entry.postpone("why".to_owned(), now))])
        .unwrap();
    assert_eq!((take(&holder), queue.carried_runs().unwrap().len()), (None, 1));
    queue.change_for_tests("UPDATE jobs SET sum = 0 WHERE id = ?1", &[good.into()]);
    assert_eq!(end(&holder, taken[1].lease, 0), Some(Some(0)), "it was damaged while it ran");
}

#[test]
fn a_damaged_row_of_the_queue_is_told_and_keeps_no_job_from_being_taken_and_ended() {
    let (_home, queue) = Queue::for_tests();
    let holder = of(&queue, 1);
    let [bad, good, later] = [1, 2, 3].map(|id| queue.submit_for_tests(id, "ann"));
    let damage = |set: &str, job: JobId| {
        queue.change_for_tests(&format!("UPDATE queue SET {set} WHERE job = ?1"), &[job.into()])
    };
    damage("sum = 0", bad);
    let TableRows { readable: taken, unreadable } = holder.take(1, &[], |_, _| true).unwrap();
    assert_eq!((taken[0].lease.job, unreadable[0].id), (good, bad));
    damage("sum = 0", good);
    assert_eq!(queue.unwanted().unwrap(), []);
    assert_eq!(holder.lose_expired(&[], |_| true).unwrap(), []);
    queue.wake_postponed().unwrap();
    assert_eq!(end(&holder, taken[0].lease, 0), None);
    assert!(queue.carried_runs().unwrap().is_empty(), "its lease has ended all the same");
    damage("sites = 'x', priority = 99", bad);
    // The row that was damaged while its job ran says that it still runs.
    let begin_alone = |_: &Head<JobId>, carried: &[CarriedJob]| carried.is_empty();
    let TableRows { readable: taken, unreadable } = holder.take(2, &[], begin_alone).unwrap();
    assert_eq!((taken.len(), taken[0].lease.job, unreadable[0].id), (1, later, bad));
}

#[test]
fn a_job_whose_lease_has_expired_goes_to_another_worker_and_its_own_one_ends_nothing() {
    let (_home, queue) = Queue::for_tests();
    let [one, two] = [1, 2].map(|id| of(&queue, id));
    let job = queue.submit_for_tests(1, "ann");
    let lease = take(&one).unwrap();
    let renew = |holder: &Leases<'_>, id, held: &[Lease]| {
        holder.check_in(&WorkerProfile::for_tests(id), held, 0).unwrap().lost
    };
    let lose = |holder: &Leases<'_>, held: &[Lease]| holder.lose_expired(held, |_| true).unwrap();
    assert_eq!(lose(&two, &[]), []);
    let is_live = || queue.read(|store| is_live(&store.sql, job)).unwrap();
    assert!(is_live());
    expire(&queue, lease);
    assert!(!is_live());
    // Nobody has marked it as lost: it is as good as another one.
    assert_eq!(renew(&one, 1, &[lease]), []);
    assert_eq!(lose(&two, &[]), []);
    expire(&queue, lease);
    assert_eq!(lose(&one, &[lease]), [], "it carries the job itself");
    let is_shared = queue.with(|store| Ok(store.is_shared())).unwrap();
    if !is_shared {
        // Nobody else can carry it.
        assert_eq!(lose(&two, &[]), []);
        return;
    }
    assert_eq!(two.lose_expired(&[], |_| false).unwrap(), []);
    assert_eq!(lose(&two, &[]), [job]);
    assert_eq!(renew(&one, 1, &[lease]), [lease]);
    assert_eq!(end(&one, lease, 0), None);
    let next = take(&one).unwrap();
    assert!(next.job == job && next.worker == lease.worker && next.fence > lease.fence);
    assert_eq!(end(&one, lease, 0), None, "the same worker, an earlier lease");
    assert_eq!(queue.job(job).unwrap().unwrap().queued.unwrap().tries, 1);
    assert_eq!(end(&one, next, 0), Some(Some(0)));
}

#[test]
fn how_far_a_job_is_can_be_seen_elsewhere_as_long_as_it_is_carried() {
    let home = tempfile::tempdir().unwrap();
    let [queue, elsewhere] = [(), ()].map(|()| Queue::of(Store::open_for_tests(home.path()).unwrap()));
    let one = of(&queue, 1);
    let job = queue.submit_for_tests(1, "ann");
    let lease = take(&one).unwrap();
    let seen = || {
        let of_run = elsewhere.carried_runs().unwrap().remove(&job).and_then(|run| run.progress);
        let of_job = elsewhere.job(job).unwrap().unwrap().progress;
        assert_eq!(of_run, of_job);
        of_job
    };
    assert_eq!(seen(), None);
    let progress = StoredProgress { files: 3, bytes: 4096, rate: Some(1024), ..StoredProgress::default() };
    one.report(&[(lease, progress.clone())]).unwrap();
    one.report(&[(Lease { fence: lease.fence + 1, ..lease }, StoredProgress::default())]).unwrap();
    assert_eq!(one.check_in(&WorkerProfile::for_tests(1), &[lease], 0).unwrap().lost, []);
    assert_eq!(seen(), Some(progress));
    assert_eq!(end(&one, lease, 0), Some(Some(0)));
    assert_eq!(seen(), None);
}

#[test]
fn a_run_of_a_lost_lease_does_not_begin_and_confirms_nothing() {
    let (home, queue) = Queue::for_tests();
    let [one, two] = [1, 2].map(|id| of(&queue, id));
    let job = queue.submit_for_tests(1, "ann");
    let lease = take(&one).unwrap();
    let store = Store::open_for_tests(home.path()).unwrap();
    let start = |lease| JobStart { resumes: true, lease: Some(lease), ..JobStart::for_tests(job, "copy") };
    let lock = store.start(&start(lease)).unwrap();
    store.check_job(job, Some(lease)).unwrap();
    expire(&queue, lease);
    store.check_job(job, Some(lease)).unwrap();
    queue.write(lose_all).unwrap();
    store.check_job(job, Some(lease)).unwrap_err();
    let next = take(&two).unwrap();
    // In a database, a run that still has the lock loses its connection.
    let other = Store::open_for_tests(home.path()).unwrap();
    let begun = other.start(&start(next));
    assert_eq!(begun.is_ok(), !store.is_file());
    drop((begun, lock));
    assert_eq!(store.start(&start(lease)).unwrap_err(), JournalFailure::Held { job, process: None });
    drop(other.start(&start(next)).unwrap());
}

#[test]
fn a_worker_says_that_it_is_there_and_is_forgotten_when_it_leaves() {
    let (_home, queue) = Queue::for_tests();
    let sites = RecordedSites::from([("one".to_owned(), "ftp://h/".to_owned())]);
    let profile = WorkerProfile { reports_ends: true, sites, ..WorkerProfile::for_tests(1) };
    let found = of(&queue, 1).check_in(&profile, &[], 0).unwrap();
    let mut known = WorkerRecord { started: found.now, seen: found.now, profile: profile.clone() };
    assert_eq!(queue.workers().unwrap(), [known.clone()]);
    let other = of(&queue, 2).check_in(&WorkerProfile::for_tests(2), &[], 0).unwrap();
    let again = of(&queue, 1).check_in(&profile, &[], 0).unwrap();
    known.seen = again.now;
    assert!(found.is_reporter && again.is_reporter && !other.is_reporter);
    let workers = queue.workers().unwrap();
    assert_eq!(workers.iter().find(|worker| worker.profile.id == profile.id), Some(&known));
    of(&queue, 1).leave().unwrap();
    assert_eq!(queue.workers().unwrap().len(), 1);
    assert!(again.last_change > found.last_change && again.changes_gone.is_none());
}

#[test]
fn when_a_store_comes_back_older_all_leases_end_and_fences_jump() {
    let (_home, queue) = Queue::for_tests();
    let [one, two] = [1, 2].map(|id| of(&queue, id));
    let job = queue.submit_for_tests(1, "ann");
    let lease = take(&one).unwrap();
    let seen = one.check_in(&WorkerProfile::for_tests(1), &[lease], 0).unwrap().last_change;
    // Five changes that this store does not have.
    let found = two.check_in(&WorkerProfile::for_tests(2), &[], seen + 5).unwrap();
    assert_eq!(found.changes_gone, Some(5));
    assert_eq!(one.check_in(&WorkerProfile::for_tests(1), &[lease], seen).unwrap().lost, [lease]);
    let next = take(&two).unwrap();
    assert!(next.job == job && next.fence > lease.fence + (1 << 31));
    // A worker that has seen even more of them notices nothing new.
    let last = one.check_in(&WorkerProfile::for_tests(1), &[], seen + 9).unwrap();
    assert_eq!((last.changes_gone, take(&one)), (None, None));
    let row = [1_i64.into(), "x".into()];
    queue.write(|store| RUNS.replace(&store.sql, &row)).unwrap();
    assert!(queue.last_change().unwrap() < last.last_change + 5, "changes are counted as before");
}

#[test]
fn a_sync_whose_destination_another_one_has_waits_and_begins_when_that_has_ended() {
    let (_home, queue) = Queue::for_tests();
    let holder = of(&queue, 1);
    let all = [
        "sync one:a two:d",
        "sync one:b two:d/",
        "copy one:c two:d/",
        "sync one:e two:d/below",
        "sync one:f two:dd",
    ];
    (1..).zip(all).for_each(|(id, words)| submit_words(&queue, id, words, "one two"));
    let look = || holder.take(9, &[], |_, _| true).unwrap().readable;
    // One that waits ends the look at its group.
    let taken: Vec<TakenJob> = (0..3).flat_map(|_| look()).collect();
    let number = |taken: &TakenJob| taken.lease.job.number();
    assert_eq!(taken.iter().map(number).collect::<Vec<_>>(), [1, 3, 5], "the others go on");
    let entry = |id| queue.with(|store| Ok(find(&store.sql, JobId::new(id)).unwrap().unwrap())).unwrap();
    let now = queue.now().unwrap();
    for id in [2, 4] {
        let entry = entry(id);
        assert_eq!((entry.state(now).name(), entry.tries, entry.started), ("waiting", 0, None));
        let dest = if id == 2 { "two:d/" } else { "two:d/below" };
        let cause =
            format!("job 0000000000000001 stores at {dest}, too; this one goes on when that has ended");
        assert_eq!(entry.cause, Some(cause));
        assert!((now + 25..=now + 30).contains(&entry.due));
    }
    assert_eq!(take(&holder), None);
    // A run that waits itself makes no room.
    let hold = |entry: &mut Entry, now| entry.wait_for(JobId::new(1), "two:d", now);
    holder.end(vec![(taken[1].lease, hold)]).unwrap();
    assert_eq!(take(&holder), None);
    assert_eq!(end(&holder, taken[0].lease, 0), Some(Some(0)));
    let next: Vec<TakenJob> = (0..2).flat_map(|_| look()).collect();
    assert_eq!(next.iter().map(number).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(entry(4).waits_for, Some(JobId::new(2)));
    assert_eq!(next[0].entry.cause, None);
    // What it has left can be removed meanwhile.
    let change = |store: &Store| {
        let (id, now) = (JobId::new(4), store.sql.now()?);
        let mut entry = find(&store.sql, id)?.unwrap();
        entry.started = Some(now);
        entry.cancel(true, now).unwrap();
        save(&store.sql, id, &entry)
    };
    queue.write(change).unwrap();
    assert_eq!(take(&holder).map(|lease| lease.job.number()), Some(4));
}

#[test]
fn however_many_of_a_group_wait_those_of_others_and_of_the_next_look_begin() {
    for waiting in [1, MOST_WAITING_OF_GROUP - 1, MOST_WAITING_OF_GROUP] {
        let (_home, queue) = Queue::for_tests();
        submit_words(&queue, 1, "sync one:a two:d", "one two");
        (0..waiting as u64).for_each(|at| submit_words(&queue, 2 + at, "sync one:b two:d/", "one two"));
        submit_words(&queue, 98, "copy one:c two:x", "one two");
        submit_words(&queue, 99, "copy one:c three:x", "one three");
        let look = || HashSet::<u64>::from_iter(take_numbers(&of(&queue, 1), 9));
        let first = if waiting < MOST_WAITING_OF_GROUP { vec![1, 98, 99] } else { vec![1, 99] };
        assert_eq!(look(), first.iter().copied().collect(), "{waiting}");
        assert_eq!(look().len(), 3 - first.len(), "{waiting}");
    }
}

#[test]
fn a_job_that_waits_for_another_one_is_not_taken_while_that_runs() {
    let (home, queue) = Queue::for_tests();
    let holder = of(&queue, 1);
    let [_, second] = [1, 2].map(|id| queue.submit_for_tests(id, "ann"));
    let lease = take(&holder).unwrap();
    let store = Store::open_for_tests(home.path()).unwrap();
    let start = JobStart { resumes: true, lease: Some(lease), ..JobStart::for_tests(lease.job, "copy") };
    let lock = store.start(&start).unwrap();
    let is_taken = || {
        let wait = |store: &Store| {
            let now = store.sql.now()?;
            let mut entry = find(&store.sql, second)?.unwrap();
            entry.wait_for(lease.job, "ftp://i/b", now);
            entry.due = now;
            save(&store.sql, second, &entry)
        };
        queue.write(wait).unwrap();
        take(&holder).is_some()
    };
    assert!(!is_taken());
    drop(lock);
    assert!(is_taken());
}

#[test]
fn jobs_that_ended_long_ago_are_forgotten() {
    let (_home, queue) = Queue::for_tests();
    let [old, new] = [1, 2].map(|id| queue.submit_for_tests(id, "ann"));
    let end = |job, ago: Duration| {
        let ended = since_1970().as_secs() - ago.as_secs();
        queue.write(|store| {
            let entry = find(&store.sql, job)?.unwrap();
            keep(store, job, Entry { exit: Some(0), ended: Some(ended), ..entry })
        })
    };
    end(new, KEPT_FOR - Duration::from_secs(60)).unwrap();
    let left = || {
        queue.forget_oldest().unwrap();
        queue.read(|store| JobRow::all_and_damaged(&store.sql)).unwrap().0.len()
    };
    assert_eq!(left(), 2);
    end(old, KEPT_FOR + Duration::from_secs(1)).unwrap();
    assert_eq!(left(), 1);
}

#[test]
fn a_job_behind_many_damaged_rows_of_its_group_is_taken() {
    let (_home, queue) = Queue::for_tests();
    let jobs: Vec<JobId> = (1..=30).map(|id| queue.submit_for_tests(id, "ann")).collect();
    queue.change_for_tests("UPDATE queue SET sum = 0 WHERE job < ?1", &[jobs[29].into()]);
    let found = of(&queue, 1).take(1, &[], |_, _| true).unwrap();
    assert_eq!((found.readable[0].lease.job, found.unreadable.len()), (jobs[29], 29));
}

#[test]
fn a_damaged_row_that_says_what_was_reported_keeps_nobody_from_the_journal() {
    let (_home, queue) = Queue::for_tests();
    let check_in = |reports_ends| {
        let profile = WorkerProfile { reports_ends, ..WorkerProfile::for_tests(1) };
        of(&queue, 1).check_in(&profile, &[], 0).unwrap().is_reporter
    };
    assert!(check_in(true));
    queue.change_for_tests("UPDATE commits SET sum = 0 WHERE id = 2", &[]);
    queue.submit_for_tests(1, "ann");
    assert_eq!(queue.next_unreported().unwrap(), None);
    assert!(check_in(true));
    let reported = queue.read(|store| Ok(counters(&store.sql)?.reported)).unwrap();
    assert!(reported.is_some(), "it is written anew");
}

#[test]
fn the_first_job_of_a_group_hides_no_other_one_whatever_is_damaged_of_it() {
    // Only SQLite stores 0.5 in a column of integers.
    for damage in
        ["sites = 'x'", "priority = 99", "owner = 'x'", "pair = 'x'", "submitted = 0.5", "job_group = 7"]
    {
        let (_home, queue) = Queue::for_tests();
        let [bad, good] = [1, 2].map(|id| queue.submit_for_tests(id, "ann"));
        queue.change_for_tests(&format!("UPDATE queue SET {damage} WHERE job = ?1"), &[bad.into()]);
        let TableRows { readable: jobs, unreadable } = of(&queue, 1).take(2, &[], |_, _| true).unwrap();
        let taken: Vec<JobId> = jobs.iter().map(|taken| taken.lease.job).collect();
        assert_eq!(taken, [good], "{damage}");
        assert_eq!(unreadable.iter().map(|row| row.id).collect::<Vec<_>>(), [bad], "{damage}");
    }
}

#[test]
fn a_lease_that_cannot_be_read_keeps_no_other_job_from_being_taken() {
    let (_home, queue) = Queue::for_tests();
    if queue.read(|store| Ok(store.sql.sqlite().is_err())).unwrap() {
        return; // The columns of a server have types.
    }
    let [bad, good] = [1, 2].map(|id| queue.submit_for_tests(id, "ann"));
    let [one, two] = [1, 2].map(|id| of(&queue, id));
    assert_eq!(take(&one).map(|lease| lease.job), Some(bad));
    queue.change_for_tests("UPDATE leases SET fence = 'x' WHERE job = ?1", &[bad.into()]);
    assert_eq!(queue.carried_jobs().unwrap().len(), 1);
    assert_eq!(take(&two).map(|lease| lease.job), Some(good));
}

#[test]
fn each_part_of_a_tree_is_one_of_the_jobs_that_are_carried() {
    let (_home, queue) = Queue::for_tests();
    queue.submit_for_tests(1, "ann");
    let lease = take(&of(&queue, 1)).unwrap();
    let part = Lease { part: 1, worker: WorkerId::new(2), fence: lease.fence + 1, ..lease };
    queue.write(|store| LeaseRow::new(part, since_1970().as_secs()).save(&store.sql)).unwrap();
    let mut fences: Vec<u64> = queue.carried_jobs().unwrap().iter().map(|carried| carried.fence).collect();
    fences.sort_unstable();
    assert_eq!(fences, [lease.fence, part.fence]);
}
