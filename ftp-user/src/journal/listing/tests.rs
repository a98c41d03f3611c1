//! Slices of jobs, and jobs that cannot be read.

use super::*;
use crate::journal::queue::put;
use crate::journal::record::{ItemKey, ItemState, Place};
use crate::journal::{ItemRecord, KnownJobs};
use crate::ladder::Rung;
use crate::outcome::{FileCopy, FileEnd};
use crate::queue::{FileQuery, FileState, JobChange, NamedRequest, Wish};
use ftp_io::clock::since_1970;

#[test]
fn the_files_of_a_job_come_in_pages_those_that_have_not_ended_first() {
    let (_home, queue) = Queue::for_tests();
    let job = JobId::new(1);
    let moved = FileEnd::Moved(Rung::DestListens);
    let kinds = [
        (ItemState::GivenOver, FileEnd::Skipped),
        (ItemState::Failed, FileEnd::Skipped),
        (ItemState::Done, FileEnd::Skipped),
        (ItemState::Done, moved),
        (ItemState::Open, FileEnd::Skipped),
    ];
    let kind = |key: i64| kinds[usize::try_from(key).unwrap() % kinds.len()];
    let add = |store: &Store, key: i64| {
        let place = Place::for_tests(&format!("ftp://h/f{key}"), "i:21", &format!("f{key}"));
        let (state, end) = kind(key);
        let copy = Box::new(FileCopy { end, ..FileCopy::default() });
        ItemRecord { state, copy, ..ItemRecord::new(ItemKey(key), job, place) }.add(&store.sql)
    };
    queue.write(|store| (1..=25).try_for_each(|key| add(store, key))).unwrap();
    for (state, wanted) in [
        (None, &kinds[..]),
        (Some(FileState::Waiting), &kinds[4..]),
        (Some(FileState::Done), &kinds[3..4]),
        (Some(FileState::Skipped), &[kinds[0], kinds[2]]),
        (Some(FileState::Failed), &kinds[1..2]),
    ] {
        let mut expect: Vec<i64> = (1..=25).filter(|key| wanted.contains(&kind(*key))).collect();
        expect.sort_by_key(|key| (kind(*key).0.number(), *key));
        for most in [1, 2, 4, 25, usize::MAX] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let Slice { items, next } = queue.files(job, FileQuery { state, most, after }).unwrap();
                assert!(items.len() <= most);
                found.extend(items.iter().map(|file| file.key.0));
                after = next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, expect, "{state:?}, {most} at a time");
        }
    }
}

#[test]
fn the_condition_of_a_state_finds_the_jobs_that_are_in_it() {
    let (_home, queue) = Queue::for_tests();
    let mut entries = Vec::new();
    for exit in [None, Some(0), Some(5), Some(9), Some(10)] {
        for wish in [Wish::Run, Wish::Pause, Wish::Cancel] {
            for is_carried in [false, true] {
                for (due, cause) in
                    [(0, None), (u64::from(u32::MAX) * 2, None), (u64::from(u32::MAX) * 2, Some("x"))]
                {
                    let cause = cause.map(str::to_owned);
                    entries.push(Entry { exit, wish, is_carried, due, cause, ..Entry::default() });
                }
            }
        }
    }
    for (id, entry) in (1..).zip(&entries) {
        queue.put_for_tests(id, entry);
    }
    for state in QueueState::ALL {
        let query = JobQuery { states: Some(vec![state]), most: 1000, ..JobQuery::default() };
        let found: Vec<u64> = queue.list(&query).unwrap().items.iter().map(|job| job.id.number()).collect();
        let is_in = |(_, entry): &(u64, &Entry)| entry.state(since_1970().as_secs()) == state;
        let mut expect: Vec<u64> = (1..).zip(&entries).filter(is_in).map(|(id, _)| id).collect();
        expect.reverse();
        assert_eq!(found, expect, "{state:?}");
        assert_eq!(queue.count_by_state().unwrap()[state.name()], expect.len() as u64);
    }
    let none = JobQuery { states: Some(Vec::new()), most: 1000, ..JobQuery::default() };
    assert!(queue.list(&none).unwrap().items.is_empty());
}

#[test]
fn slices_have_each_job_once_and_changes_come_in_their_order() {
    let (_home, queue) = Queue::for_tests();
    for id in 1..=25 {
        let owner = if id % 2 == 0 { "ann" } else { "bob" };
        let entry = Entry::for_tests(owner, &format!("one s{}", id % 3));
        queue.put_for_tests(id, &Entry { created: 100, ..entry });
    }
    let mut query = JobQuery { most: 4, owner: Some("ann".into()), ..JobQuery::default() };
    let mut found = Vec::new();
    loop {
        let slice = queue.list(&query).unwrap();
        found.extend(slice.items.iter().map(|job| job.id.number()));
        query.after = slice.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(found, [24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2]);
    let of_site = JobQuery { most: 100, site: Some("s1".into()), ..JobQuery::default() };
    assert_eq!(queue.list(&of_site).unwrap().items.len(), 9);
    let (last, all) = queue.changed_after(0).unwrap();
    assert_eq!((all.readable.len(), queue.last_change().unwrap()), (25, last));
    queue.apply(JobId::new(7), JobChange::Pause, false).unwrap().unwrap();
    let (next, changed) = queue.changed_after(last).unwrap();
    assert!(next > last && changed.readable.len() == 1 && changed.readable[0].id == JobId::new(7));
    assert_eq!(queue.changed_after(next).unwrap(), (next, TableRows::default()));
}

#[test]
fn a_job_that_cannot_be_read_is_named_beside_the_others() {
    let (_home, queue) = Queue::for_tests();
    let ended = Entry { exit: Some(0), ended: Some(5), ..Entry::default() };
    let reported = Counters { reported: Some(0), ..Counters::default() };
    queue.write(|store| set_counters(&store.sql, reported)).unwrap();
    let (good, bad) = (JobId::new(1), JobId::new(2));
    let put = |store: &Store, id| put(store, id, StoredJob::copy_for_tests(), &ended);
    queue.write(|store| [good, bad].into_iter().try_for_each(|id| put(store, id))).unwrap();
    queue.change_for_tests("UPDATE jobs SET sum = 0 WHERE id = ?1", &[bad.into()]);
    let check = |found: TableRows<QueuedJob>| {
        let jobs: Vec<_> = found.readable.iter().map(|job| job.id).collect();
        let unreadable: Vec<_> = found.unreadable.iter().map(|job| job.id).collect();
        assert_eq!((jobs, unreadable), (vec![good], vec![bad]));
    };
    check(queue.changed_after(0).unwrap().1);
    check(queue.next_unreported().unwrap().unwrap().1);
    let listed = || {
        let listed = queue.list(&JobQuery { most: 1, ..JobQuery::default() }).unwrap();
        let after = listed.next;
        let others = queue.list(&JobQuery { most: 1, after, ..JobQuery::default() }).unwrap().items;
        [listed.items, others].concat()
    };
    let check_list = || {
        let shown = listed();
        assert_eq!(shown.iter().map(|job| job.id).collect::<Vec<_>>(), [bad, good]);
        assert!(shown[0].is_damaged && !shown[1].is_damaged);
        assert_eq!(queue.called(None, None).unwrap()[0].id, good);
        shown[0].entry.clone()
    };
    assert_eq!(check_list().exit, Some(0));
    // The same where the row of the queue is damaged.
    queue.change_for_tests("UPDATE jobs SET sum = (SELECT sum FROM jobs WHERE id = 1)", &[]);
    queue.change_for_tests("UPDATE queue SET sum = 0, wish = 77 WHERE job = ?1", &[bad.into()]);
    check(queue.changed_after(0).unwrap().1);
    check(queue.next_unreported().unwrap().unwrap().1);
    let is_in = |state| {
        let query = JobQuery { states: Some(vec![state]), most: 9, ..JobQuery::default() };
        queue.list(&query).unwrap().items.iter().any(|job| job.id == bad)
    };
    // Whether it has ended is not known.
    assert_eq!(check_list().state(0), QueueState::Paused);
    assert!(!is_in(QueueState::Done) && !is_in(QueueState::Failed));
    queue.change_for_tests("UPDATE queue SET carried = 1, exit = NULL WHERE job = ?1", &[bad.into()]);
    let entry = listed().remove(0).entry;
    assert_eq!((entry.state(0), entry.exit), (QueueState::Running, None));
    assert!(is_in(QueueState::Running) && !is_in(QueueState::Paused));
    let KnownJobs { readable: jobs, unreadable } = queue.with(Store::known_jobs).unwrap();
    assert_eq!((jobs[0].id, unreadable[0].id), (good, bad));
}

#[test]
fn a_damaged_row_with_the_number_of_no_change_hides_no_change() {
    let (_home, queue) = Queue::for_tests();
    let reported = Counters { reported: Some(0), ..Counters::default() };
    queue.write(|store| set_counters(&store.sql, reported)).unwrap();
    let ended = Entry { exit: Some(0), ended: Some(5), ..Entry::default() };
    queue.put_for_tests(1, &ended);
    queue.put_for_tests(2, &Entry::default());
    queue.change_for_tests("UPDATE queue SET changed = 1099511627776 WHERE job = 1", &[]);
    let (last, _) = queue.changed_after(0).unwrap();
    assert_eq!((queue.last_change().unwrap(), queue.next_unreported().unwrap()), (last, None));
    queue.apply(JobId::new(2), JobChange::Pause, false).unwrap().unwrap();
    let (next, changed) = queue.changed_after(last).unwrap();
    assert_eq!((next > last, changed.readable[0].id), (true, JobId::new(2)));
    assert_eq!(queue.changed_after(next).unwrap().0, next);
}

#[test]
fn jobs_are_found_by_their_names() {
    let (_home, queue) = Queue::for_tests();
    let entry = |owner: &str, name: Option<&str>| {
        let request = name.map(|name| NamedRequest { name: name.to_owned(), digest: [0; 32] });
        Entry { request, ..Entry::for_tests(owner, "") }
    };
    let given = StoredJob { name: Some("nightly".to_owned()), ..StoredJob::copy_for_tests() };
    queue.submit(JobId::new(1), given, &entry("ann", None)).unwrap();
    for (id, owner, name) in
        [(2, "ann", "weekly"), (3, "bob", "nightly"), (4, "bob", "weekly"), (5, "eve", "nightly")]
    {
        queue.put_for_tests(id, &entry(owner, Some(name)));
    }
    for (owner, name, expect) in [
        (None, Some("nightly"), &[5, 3, 1][..]),
        (None, Some("weekly"), &[4, 2]),
        (Some("ann"), Some("nightly"), &[1]),
        (Some("bob"), Some("nightly"), &[3]),
        (Some("root"), Some("nightly"), &[]),
        (None, Some("hourly"), &[]),
        (None, None, &[5]),
        (Some("bob"), None, &[4]),
        (Some("root"), None, &[]),
    ] {
        let found = queue.called(owner, name).unwrap();
        let found: Vec<u64> = found.iter().map(|job| job.id.number()).collect();
        assert_eq!(found, expect, "{owner:?} {name:?}");
    }
    // None of the questions reads the whole queue. SQLite tells that.
    if queue.read(|store| Ok(store.sql.sqlite().is_err())).unwrap() {
        return;
    }
    for condition in [OF_COMMAND, OF_REQUEST, NEXT_OWNER] {
        let ask = format!("EXPLAIN QUERY PLAN SELECT min(owner) FROM queue WHERE {condition}");
        let values = [Value::from("ann"), "nightly".into()];
        let values = if condition == OF_REQUEST { &values[..] } else { &values[..1] };
        let plan = queue.read(|store| store.sql.all(&ask, values, |row| row.get::<String>(3))).unwrap();
        assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{condition}: {plan:?}");
    }
}
