//! Jobs of the queue in the journal: submitted, kept, forgotten, and lost with their daemon.

use super::*;
use crate::id::WorkerId;
use crate::journal::table::counters;
use crate::journal::{JobStart, Leases, RunEnd};
use crate::queue::{MOST_OF_OWNER, NamedRequest};
#[cfg(feature = "postgres")]
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;
use submitting::{NewJob, submit_again, submit_all};

fn now() -> u64 {
    since_1970().as_secs()
}

fn entry(owner: &str) -> Entry {
    Entry::for_tests(owner, "")
}

fn new_job(id: u64, name: Option<&str>, entry: Entry) -> NewJob {
    let job = StoredJob { name: name.map(str::to_owned), ..StoredJob::for_tests("copy a b") };
    NewJob { id: JobId::new(id), job, entry }
}

fn new(id: u64) -> Result<Submitted, JournalFailure> {
    Ok(Submitted::New(JobId::new(id)))
}

#[test]
fn jobs_of_the_queue_are_kept_where_those_of_terminals_are_forgotten() {
    let (home, queue) = Queue::for_tests();
    let id = queue.submit_for_tests(1, "ann");
    // The same was typed at a terminal, and has found nothing to do.
    let store = Store::open_for_tests(home.path()).unwrap();
    let start = |id| JobStart::for_tests(id, "copy ftp://h/a ftp://i/b");
    drop(store.start(&start(JobId::new(2))).unwrap());
    assert!(queue.job(id).unwrap().is_some());
    drop(store.start(&JobStart { resumes: true, ..start(id) }).unwrap());
    let stays = store.durably(|store| store.finish(id, RunEnd::Nothing { has_failed: false }, None));
    assert!(stays.unwrap());
    assert_eq!(queue.job(id).unwrap().unwrap().state, JobState::Done);
}

#[test]
fn a_daemon_that_has_the_queue_alone_marks_what_the_one_before_has_left_as_lost() {
    let (home, queue) = Queue::for_tests();
    let id = queue.submit_for_tests(1, "ann");
    let lock = queue.daemon_lock("one").unwrap().unwrap();
    assert!(queue.has_daemon());
    let other = Queue::of(Store::open_for_tests(home.path()).unwrap());
    let is_shared = queue.with(|store| Ok(store.is_shared())).unwrap();
    assert_eq!(other.daemon_lock("two").unwrap().is_ok(), is_shared);
    assert_eq!(Leases::of(&queue, WorkerId::new(1)).take(1, &[], |_, _| true).unwrap().readable.len(), 1);
    drop(lock);
    let lock = other.daemon_lock("two").unwrap().unwrap();
    let lost = || other.lose_workers(&lock).unwrap();
    assert_eq!((lost(), lost()), (usize::from(!is_shared), 0));
    let record = queue.job(id).unwrap().unwrap();
    assert_eq!(record.queued.unwrap().tries, u32::from(!is_shared));
    assert_eq!(queue.carried_runs().unwrap().is_empty(), !is_shared);
}

#[test]
fn an_owner_has_so_many_jobs_and_a_name_is_of_one_work() {
    let (_home, queue) = Queue::for_tests();
    let named = |words: &str| StoredJob { name: Some("n".to_owned()), ..StoredJob::for_tests(words) };
    let put = |id, words| queue.submit(JobId::new(id), named(words), &entry("ann"));
    assert_eq!(put(1, "copy a b"), new(1));
    assert_eq!(put(2, "copy a b"), Ok(Submitted::Known(JobId::new(1))));
    assert!(matches!(put(3, "copy a c"), Err(JournalFailure::Named { .. })));
    let mut others = 10..10 + MOST_OF_OWNER;
    let save_all = |store: &Store| others.try_for_each(|id| save(&store.sql, JobId::new(id), &entry("bob")));
    queue.write(save_all).unwrap();
    let job = StoredJob::for_tests("copy a b");
    let full = queue.submit(JobId::new(5), job.clone(), &entry("bob"));
    assert!(matches!(full, Err(JournalFailure::Full { most: MOST_OF_OWNER, .. })));
    queue.submit(JobId::new(5), job, &entry("eve")).unwrap();
}

#[test]
fn jobs_that_wait_for_the_store_are_submitted_together() {
    let (_home, queue) = Queue::for_tests();
    let commits = |store: &Store| counters(&store.sql).unwrap().commits;
    let store = queue.store.lock().unwrap();
    let before = commits(&store);
    let mut others = 10..9 + MOST_OF_OWNER;
    let save_all = |store: &Store| others.try_for_each(|id| save(&store.sql, JobId::new(id), &entry("bob")));
    store.durably(save_all).unwrap();
    let submitted = thread::scope(|scope| {
        let wait = |id: u64, owner: &'static str, name: Option<&str>| {
            let NewJob { id, job, entry } = new_job(id, name, entry(owner));
            let queue = &queue;
            let waiting = queue.submissions.number();
            let submitter = scope.spawn(move || queue.submit(id, job, &entry));
            while queue.submissions.number() == waiting {
                thread::yield_now();
            }
            submitter
        };
        let all = [
            wait(1, "ann", None),
            wait(2, "bob", None),
            wait(3, "bob", None),
            wait(4, "ann", Some("n")),
            wait(5, "ann", Some("n")),
        ];
        drop(store);
        all.map(|submitter| submitter.join().unwrap())
    });
    assert_eq!([0, 1, 3].map(|at: usize| submitted[at].clone()), [new(1), new(2), new(4)]);
    assert!(matches!(submitted[2], Err(JournalFailure::Full { .. })), "the second one of bob is too many");
    assert_eq!(submitted[4], Ok(Submitted::Known(JobId::new(4))));
    assert_eq!(commits(&queue.store.lock().unwrap()), before + 2);
    assert!([1, 2, 4].iter().all(|id| queue.job(JobId::new(*id)).unwrap().is_some()));
}

#[test]
fn a_damaged_row_keeps_only_its_own_submission_from_the_others_of_a_transaction() {
    let (_home, queue) = Queue::for_tests();
    let put = |id: u64, name: &str| {
        let request = Some(NamedRequest { name: name.to_owned(), digest: [0; 32] });
        new_job(id, None, Entry { request, ..entry("ann") })
    };
    let store = queue.store.lock().unwrap();
    assert_eq!(submit_all(&store, &[put(1, "one")]), [new(1)]);
    store.sql.run_all("UPDATE queue SET bytes = bytes + 1;").unwrap();
    let both = submit_all(&store, &[put(2, "one"), put(3, "two")]);
    assert!(matches!(both[0], Err(JournalFailure::Damaged { .. })), "{both:?}");
    assert_eq!(both[1], new(3));
}

/// No index of PostgreSQL takes all of them.
#[test]
fn of_many_servers_the_first_and_the_last_are_kept() {
    let (home, queue) = Queue::for_tests();
    let many: String = (0..2000_u32).map(|n| char::from_u32(0x100 + n * 37 % 1700).unwrap()).collect();
    for (id, pair) in [(1, format!("first {many} last")), (2, format!("ä{many}x")), (3, "a b".to_owned())] {
        let id = queue.put_for_tests(id, &Entry::for_tests("ann", &pair));
        let store = Store::open_for_tests(home.path()).unwrap();
        let kept = find(&store.sql, id).unwrap().unwrap().submission.pair;
        assert!(kept.len() <= LONGEST_PAIR && kept.len() + 2 >= pair.len().min(LONGEST_PAIR), "{kept}");
        let ends = |pair: &str| {
            let all: Vec<char> = pair.chars().collect();
            (all.first_chunk::<3>().copied(), all.last_chunk::<3>().copied())
        };
        assert_eq!(ends(&kept), ends(&pair));
    }
}

#[test]
fn a_job_that_the_store_refuses_keeps_no_other_one_out() {
    let (_home, queue) = Queue::for_tests();
    // No index of PostgreSQL takes it.
    let long: String = (0..1000_u32).map(|n| format!("{:08x}", crc32fast::hash(&n.to_le_bytes()))).collect();
    let put = |id: u64, name: &str| new_job(id, Some(name), entry("ann"));
    let store = queue.store.lock().unwrap();
    let all = submit_all(&store, &[put(1, "one"), put(2, &long), put(3, "three")]);
    assert_eq!([&all[0], &all[2]], [&new(1), &new(3)]);
    assert_eq!(all[1].is_err(), store.is_shared(), "{:?}", all[1]);
}

#[test]
fn a_job_that_is_in_the_queue_is_not_submitted_again() {
    let (_home, queue) = Queue::for_tests();
    let job = queue.submit_for_tests(1, "ann");
    let changed = queue.apply(job, JobChange::Pause, false).unwrap().unwrap();
    let again = new_job(1, None, entry("ann"));
    let store = queue.store.lock().unwrap();
    let lost = JournalFailure::Slow;
    for was_with_others in [true, false] {
        assert_eq!(submit_again(&store, &again, was_with_others, &lost), new(1));
    }
    assert_eq!(find(&store.sql, job).unwrap(), Some(changed), "it may have begun or ended since");
    let other = NewJob { id: JobId::new(2), ..again };
    assert_eq!(submit_again(&store, &other, false, &lost), Err(lost.clone()));
    assert_eq!(submit_again(&store, &other, true, &lost), new(2));
}

#[cfg(feature = "postgres")]
#[test]
fn jobs_of_one_transaction_wait_together_for_whoever_writes() {
    let home = tempfile::tempdir().unwrap();
    let [one, two] = [(); 2].map(|()| Store::open_for_tests(home.path()).unwrap());
    if !one.is_shared() {
        return;
    }
    one.sql.run_all("SET lock_timeout = '2s'").unwrap();
    let pid = one.sql.number("SELECT CAST(pg_backend_pid() AS BIGINT)", &[]).unwrap();
    two.sql.begin().unwrap();
    two.sql.number("SELECT CAST(1 AS BIGINT)", &[]).unwrap();
    let all = [1, 2, 3].map(|id| new_job(id, None, entry("ann")));
    let refused = thread::spawn(move || submit_all(&one, &all));
    let ask = "SELECT CAST(waitstart AS TEXT) FROM pg_locks WHERE CAST(pid AS BIGINT) = ?1 AND waitstart IS NOT NULL";
    let mut waits = BTreeSet::new();
    while !refused.is_finished() {
        waits.extend(two.sql.all(ask, &[pid.into()], |row| row.get::<String>(0)).unwrap());
    }
    assert!(refused.join().unwrap().iter().all(Result::is_err));
    assert_eq!(waits.len(), 1, "{waits:?}");
}

/// The plans of a database have a test of their own.
#[test]
fn a_look_in_a_file_reads_only_the_index_of_groups() {
    let (_home, queue) = Queue::for_tests();
    let store = queue.store.lock().unwrap();
    if store.sql.sqlite().is_err() {
        return;
    }
    let numbers = [1_u64, 2, 3, 4].map(Value::from);
    for (ask, values) in [(ask_for_heads(), 1), (QUEUE.select(&of_group()), 4)] {
        let explain = format!("EXPLAIN QUERY PLAN {ask}");
        let plan: Vec<String> = store.sql.all(&explain, &numbers[..values], |row| row.get(3)).unwrap();
        let reads: Vec<_> = plan.iter().filter(|step| step.contains(" queue ")).collect();
        assert!(
            !reads.is_empty() && reads.iter().all(|step| step.contains("INDEX queue_groups")),
            "{plan:#?}"
        );
    }
}

#[test]
fn an_owner_of_very_many_pairs_hides_nobody_and_its_urgent_jobs_come_first() {
    let (_home, queue) = Queue::for_tests();
    let many = 2 * MOST_HEADS as u64;
    let of_pair = |number: u64| {
        let mut entry = Entry::for_tests("bob", &format!("a{number} b"));
        entry.submitted = Some(number);
        entry.submission.priority = i8::from(number == many).try_into().unwrap();
        entry
    };
    let save_all =
        |store: &Store| (1..=many).try_for_each(|id| save(&store.sql, JobId::new(id), &of_pair(id)));
    queue.write(save_all).unwrap();
    let urgent = JobId::new(many);
    let others = queue.submit_for_tests(many + 1, "ann");
    let heads = queue.read(|store| heads(&store.sql, now())).unwrap();
    let of = |owner| heads.iter().filter(move |head| head.owner == owner);
    assert_eq!((of("bob").count(), of("ann").count()), (MOST_HEADS, 1));
    assert!(of("bob").any(|head| head.job == urgent) && of("ann").any(|head| head.job == others));
}

#[test]
fn what_no_worker_could_carry_goes_on_when_the_settings_were_read_again() {
    let (_home, queue) = Queue::for_tests();
    let put = |id, end: fn(&mut Entry)| {
        let mut entry = entry("ann");
        end(&mut entry);
        queue.put_for_tests(id, &entry)
    };
    let postponed = put(1, |entry| entry.postpone("no site is called one".to_owned(), now()));
    let failed_before = put(5, |entry| {
        entry.end(5, Some("busy".to_owned()), now());
        entry.postpone("no site is called one".to_owned(), now());
    });
    let others = [
        put(2, |entry| entry.end(5, Some("busy".to_owned()), now())),
        put(3, |entry| entry.wait_for(JobId::new(1), "b", now())),
        put(4, |entry| entry.due = now() + 9),
        put(6, |entry| {
            entry.hold_back("its run has lost the store".to_owned(), Duration::from_secs(60), now())
        }),
    ];
    queue.wake_postponed().unwrap();
    let is_due = |id| queue.job(id).unwrap().unwrap().queued.unwrap().due <= now();
    assert!(is_due(postponed) && is_due(failed_before) && !others.into_iter().any(is_due));
}
