//! Jobs of the queue in the journal: taken once, ended once, and lost with their workers.

use super::*;
use crate::journal::{JobStart, RunEnd};
use std::path::Path;

/// Nobody has begun a term.
const TERM: Term = Term(0);

fn queue(directory: &Path) -> Queue {
    Queue::of(Store::open_for_tests(directory).unwrap())
}

fn entry(owner: &str) -> Entry {
    let submission = Submission { owner: owner.to_owned(), ..Submission::default() };
    Entry { submission, created: now(), due: now(), ..Entry::default() }
}

fn submit(queue: &Queue, id: u64, owner: &str) -> JobId {
    let job = StoredJob::for_tests("copy ftp://h/a ftp://i/b");
    match queue.submit(JobId::new(id), job, &entry(owner)).unwrap() {
        Submitted::New(id) | Submitted::Known(id) => id,
    }
}

#[test]
fn a_job_is_taken_once_and_ends_once() {
    let home = tempfile::tempdir().unwrap();
    let queue = queue(home.path());
    let (one, two) = (submit(&queue, 1, "ann"), submit(&queue, 2, "bob"));
    let taken = |carried: &[CarriedJob]| queue.take(TERM, carried, |_| true).unwrap().map(|record| record.id);
    let of = |owner: &str, turn| CarriedJob {
        owner: owner.to_owned(),
        pair: String::new(),
        sites: Vec::new(),
        turn,
        is_running: true,
    };
    assert_eq!(taken(&[of("ann", 1)]), Some(two), "the other owner has none");
    assert_eq!(taken(&[]), Some(one));
    assert_eq!(taken(&[]), None);
    queue.change(two, |entry, _| entry.pause()).unwrap().unwrap();
    assert_eq!(queue.unwanted().unwrap(), [two]);
    queue
        .change(two, |entry, now| {
            entry.end(10, None, now);
            Ok(())
        })
        .unwrap()
        .unwrap();
    queue
        .change(one, |entry, now| {
            entry.end(9, Some("b: no".into()), now);
            Ok(())
        })
        .unwrap()
        .unwrap();
    assert_eq!(taken(&[]), None, "one is paused, one has ended");
    let ended = queue.job(one).unwrap().unwrap();
    assert_eq!((ended.state, ended.queued.unwrap().exit), (JobState::Failed, Some(9)));
    assert_eq!(queue.change(one, |entry, _| entry.pause()).unwrap(), Err(EntryRefusal::HasEnded));
    let unknown = queue.change(JobId::new(9), |_, _| Ok(()));
    assert_eq!(unknown, Err(JournalFailure::Unknown { job: JobId::new(9) }));
}

#[test]
fn jobs_of_the_queue_are_kept_where_those_of_terminals_are_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let queue = queue(home.path());
    let id = submit(&queue, 1, "ann");
    // The same was typed at a terminal, and has found nothing to do.
    let store = Store::open_for_tests(home.path()).unwrap();
    let start = |id| JobStart {
        id,
        job: StoredJob::for_tests("copy ftp://h/a ftp://i/b"),
        resumes: id == JobId::new(1),
    };
    drop(store.start(&start(JobId::new(2))).unwrap());
    assert!(queue.job(id).unwrap().is_some());
    drop(store.start(&start(id)).unwrap());
    let stays = store.durably(|store| store.finish(id, RunEnd::Nothing { has_failed: false }, None));
    assert!(stays.unwrap());
    assert_eq!(queue.job(id).unwrap().unwrap().state, JobState::Done);
}

#[test]
fn a_worker_that_is_lost_is_noticed_by_the_next_one() {
    let home = tempfile::tempdir().unwrap();
    let queue = queue(home.path());
    let id = submit(&queue, 1, "ann");
    let lock = queue.daemon_lock().unwrap().unwrap();
    assert!(queue.has_daemon());
    assert!(queue.daemon_lock().unwrap().is_err());
    queue.take(lock.term, &[], |_| true).unwrap().unwrap();
    drop(lock);
    assert!(!queue.has_daemon());
    let lock = queue.daemon_lock().unwrap().unwrap();
    let lost = || queue.lose_workers(&lock).unwrap();
    assert_eq!((lost(), lost()), (1, 0));
    let record = queue.job(id).unwrap().unwrap();
    assert_eq!(record.queued.unwrap().tries, 1);
}

#[test]
fn a_run_of_an_earlier_term_ends_nothing_and_takes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let queue = queue(home.path());
    let id = submit(&queue, 1, "ann");
    let old = queue.daemon_lock().unwrap().unwrap().term;
    queue.take(old, &[], |_| true).unwrap().unwrap();
    submit(&queue, 2, "bob");
    let lock = queue.daemon_lock().unwrap().unwrap();
    assert_ne!(lock.term, old);
    let displaced = |failure: JournalFailure| matches!(failure, JournalFailure::Displaced { .. });
    assert!(displaced(queue.check_term(old).unwrap_err()) && queue.check_term(lock.term).is_ok());
    assert!(displaced(queue.take(old, &[], |_| true).unwrap_err()));
    assert!(displaced(queue.end(old, id, |entry, now| entry.end(0, None, now)).unwrap_err()));
    assert_eq!(queue.lose_workers(&lock), Ok(1));
    let end = |exit| queue.end(lock.term, id, |entry, now| entry.end(exit, None, now)).unwrap();
    assert_eq!(end(0), Err(EntryRefusal::HasEnded), "nobody carries it");
    let taken = [(); 2].map(|()| queue.take(lock.term, &[], |_| true).unwrap().unwrap().id);
    assert!(taken.contains(&id));
    assert_eq!(end(9).unwrap().exit, Some(9));
    assert_eq!(end(0), Err(EntryRefusal::HasEnded));
    let (term, lost) = queue.begin_term().unwrap();
    assert!(term != lock.term && lost == 1, "bob's");
}

#[test]
fn an_owner_has_so_many_jobs_and_a_name_is_of_one_work() {
    let home = tempfile::tempdir().unwrap();
    let queue = queue(home.path());
    let named = |words: &str| StoredJob { name: Some("n".to_owned()), ..StoredJob::for_tests(words) };
    let put = |id, words| queue.submit(JobId::new(id), named(words), &entry("ann"));
    assert_eq!(put(1, "copy a b"), Ok(Submitted::New(JobId::new(1))));
    assert_eq!(put(2, "copy a b"), Ok(Submitted::Known(JobId::new(1))));
    assert!(matches!(put(3, "copy a c"), Err(JournalFailure::Named { .. })));
    {
        let store = queue.store.lock().unwrap();
        store
            .durably(|store| {
                (10..10 + MOST_OF_OWNER).try_for_each(|id| save(&store.sql, JobId::new(id), &entry("bob")))
            })
            .unwrap();
    }
    let job = StoredJob::for_tests("copy a b");
    let full = queue.submit(JobId::new(5), job.clone(), &entry("bob"));
    assert!(matches!(full, Err(JournalFailure::Full { most: MOST_OF_OWNER, .. })));
    queue.submit(JobId::new(5), job, &entry("eve")).unwrap();
}

#[test]
fn jobs_that_ended_long_ago_are_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let queue = queue(home.path());
    let id = submit(&queue, 1, "ann");
    let end = |ended| {
        queue.change(id, |entry, _| {
            (entry.exit, entry.ended) = (Some(0), Some(ended));
            Ok(())
        })
    };
    end(now()).unwrap().unwrap();
    submit(&queue, 2, "ann");
    assert!(queue.job(id).unwrap().is_some());
    end(now() - KEPT_FOR.as_secs() - 1).unwrap().unwrap();
    submit(&queue, 3, "ann");
    assert!(queue.job(id).unwrap().is_none());
    let jobs = Store::open_for_tests(home.path()).unwrap().jobs().unwrap();
    assert_eq!(jobs.iter().map(|job| job.id.number()).collect::<Vec<_>>(), [2, 3]);
}
