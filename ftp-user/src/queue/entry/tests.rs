//! What happens to a job of the queue, and how it stands then.

use super::*;

fn entry() -> Entry {
    Entry { created: 100, due: 100, ..Entry::default() }
}

fn carried() -> Entry {
    let mut entry = entry();
    entry.begin(100);
    entry
}

#[test]
fn a_job_stands_as_its_entry_says() {
    let with = |change: fn(&mut Entry)| {
        let mut entry = entry();
        change(&mut entry);
        entry.state(1000).name()
    };
    assert_eq!(with(|_| {}), "queued");
    assert_eq!(with(|entry| entry.due = 1001), "scheduled");
    assert_eq!(with(|entry| (entry.due, entry.cause) = (1001, Some("busy".into()))), "waiting");
    assert_eq!(with(|entry| (entry.due, entry.tries) = (1000, 1)), "queued");
    assert_eq!(with(|entry| entry.is_carried = true), "running");
    assert_eq!(with(|entry| (entry.is_carried, entry.wish) = (true, Wish::Pause)), "running");
    assert_eq!(with(|entry| entry.wish = Wish::Pause), "paused");
    for (exit, name) in [(0, "done"), (9, "partial"), (10, "cancelled"), (5, "failed"), (2, "failed")] {
        assert_eq!(Entry { exit: Some(exit), ..entry() }.state(0).name(), name);
    }
    for (wish, state, words) in [
        (Wish::Run, QueueState::Running, None),
        (Wish::Pause, QueueState::Paused, None),
        (Wish::Pause, QueueState::Running, Some("is being paused")),
        (Wish::Cancel, QueueState::Queued, Some("is being cancelled")),
        (Wish::Cancel, QueueState::Cancelled, None),
    ] {
        assert_eq!(wish.words(state), words, "{wish:?} {state:?}");
    }
}

#[test]
fn what_may_pass_is_tried_ten_times_with_longer_pauses_and_everything_else_once() {
    let mut entry = carried();
    let mut pauses = Vec::new();
    let mut now = 100;
    while entry.exit.is_none() {
        entry.end(5, Some("busy".to_owned()), now);
        pauses.push(entry.due.saturating_sub(now));
        now = entry.due.max(now);
        if entry.exit.is_none() {
            entry.begin(now);
        }
    }
    assert_eq!(pauses[..9], [15, 30, 60, 120, 240, 480, 960, 1920, 3600]);
    assert_eq!((entry.exit, entry.tries, entry.cause.as_deref()), (Some(5), 10, Some("busy")));
    for exit in [1, 2, 3, 4, 6, 7, 8, 9, 11] {
        let mut entry = carried();
        entry.end(exit, None, 200);
        assert_eq!((entry.exit, entry.ended, entry.tries), (Some(exit), Some(200), 0), "{exit}");
    }
    let day = 24 * 3600;
    let mut old = carried();
    old.end(5, None, 100 + 2 * day);
    assert_eq!((old.exit, old.tries), (None, 1), "it ran for two days before it failed first");
    old.begin(old.due);
    old.end(5, None, 100 + 3 * day);
    assert_eq!(old.exit, Some(5), "it has failed for a day");
}

#[test]
fn a_job_that_gets_on_begins_its_tries_anew() {
    let files = |done| FileTotals { done, bytes: done, failed: 1 };
    let mut entry = carried();
    for done in 1..=20 {
        entry.note_files(files(done));
        entry.lose_worker(100_000 * done);
        assert_eq!((entry.exit, entry.tries), (None, 1), "one more is done");
        entry.begin(entry.due);
    }
    for tries in 2..10 {
        entry.note_files(files(20));
        entry.end(5, None, 2_000_000);
        assert_eq!((entry.exit, entry.tries), (None, tries), "no more are done");
        entry.begin(entry.due);
    }
    entry.note_files(files(20));
    entry.end(5, None, 2_000_000);
    assert_eq!(entry.state(2_000_000), QueueState::Failed);
}

#[test]
fn a_worker_that_has_to_stop_uses_no_try_up_and_one_that_is_lost_does() {
    let mut entry = carried();
    entry.end(10, None, 200);
    assert_eq!((entry.state(200), entry.tries), (QueueState::Queued, 0));
    entry.begin(300);
    entry.lose_worker(400);
    assert_eq!((entry.state(400), entry.tries, entry.due), (QueueState::Queued, 1, 400));
    entry.begin(400);
    entry.lose_worker(500);
    assert_eq!((entry.state(500), entry.tries, entry.due), (QueueState::Waiting, 2, 530));
}

#[test]
fn a_job_whose_destination_another_job_has_waits_as_long_as_that_lasts() {
    let mut entry = carried();
    entry.end(5, None, 100);
    let mut now = entry.due;
    for _ in 0..10_000 {
        entry.begin(now);
        entry.wait_for(JobId::new(7), "two:d", now);
        assert_eq!((entry.state(now), entry.tries, entry.due), (QueueState::Waiting, 1, now + 30));
        now = entry.due;
    }
    let cause = "job 0000000000000007 stores at two:d, too; this one goes on when that has ended";
    assert_eq!(entry.cause.as_deref(), Some(cause));
    entry.begin(now);
    entry.end(5, None, now);
    assert_eq!((entry.exit, entry.tries), (None, 2), "days have passed, and it could not be tried in them");
    entry.begin(now);
    entry.pause().unwrap();
    entry.wait_for(JobId::new(7), "two:d", now);
    assert_eq!(entry.state(now), QueueState::Paused);
    entry.cancel(true, now).unwrap();
    assert_eq!((entry.state(now), entry.cause), (QueueState::Queued, None));
}

#[test]
fn what_its_owner_wants_ends_the_wait_for_another_job() {
    for change in [JobChange::Pause, JobChange::Cancel, JobChange::Forget] {
        let mut entry = Entry::default();
        entry.wait_for(JobId::new(7), "two:d", 100);
        entry.apply(change, false, 110).unwrap();
        assert_eq!((entry.cause, entry.waits_for), (None, None), "{change:?}");
    }
}

#[test]
fn a_job_that_was_held_back_before_it_failed_is_tried_again_after_a_long_run() {
    let mut entry = carried();
    entry.hold_back("its run has lost the store".to_owned(), Duration::from_secs(5), 200);
    assert_eq!((entry.due, entry.tries), (205, 0));
    entry.begin(260);
    entry.end(5, Some("busy".to_owned()), 260 + 25 * 3600);
    assert_eq!((entry.exit, entry.tries), (None, 1));
}

#[test]
fn a_job_stops_at_the_wish_of_its_owner() {
    let mut entry = carried();
    entry.pause().unwrap();
    entry.end(10, None, 200);
    assert_eq!(entry.state(200), QueueState::Paused);
    assert_eq!(entry.retry(200), Err(EntryRefusal::HasNotEnded));
    entry.resume(300).unwrap();
    assert_eq!(entry.resume(300), Err(EntryRefusal::IsNotPaused));
    entry.begin(300);
    entry.cancel(true, 400).unwrap();
    assert_eq!(entry.pause(), Err(EntryRefusal::IsCancelled));
    entry.end(10, None, 500);
    assert_eq!(entry.state(500), QueueState::Queued, "a worker removes what it has left");
    entry.begin(500);
    entry.end_cancel(5, Some("busy".to_owned()), 500);
    assert_eq!((entry.exit, entry.due, entry.state(500)), (None, 515, QueueState::Waiting));
    entry.retry(510).unwrap();
    assert_eq!((entry.wish, entry.due), (Wish::Cancel, 510));
    entry.begin(600);
    entry.end_cancel(0, None, 600);
    assert_eq!((entry.state(600), entry.exit), (QueueState::Cancelled, Some(10)));
    assert_eq!(entry.cancel(false, 500), Err(EntryRefusal::HasEnded));
    entry.retry(600).unwrap();
    assert_eq!((entry.state(600), entry.created), (QueueState::Queued, 100));
    entry.cancel(false, 600).unwrap();
    assert_eq!(entry.state(600), QueueState::Queued, "it may have left something before");
    let mut unbegun = self::entry();
    unbegun.cancel(false, 600).unwrap();
    assert_eq!(unbegun.state(600), QueueState::Cancelled);
    let mut failed = carried();
    failed.end(4, None, 200);
    failed.cancel(true, 300).unwrap();
    assert_eq!(failed.state(300), QueueState::Queued, "what it has left is removed");
    let mut forgotten = carried();
    assert_eq!(forgotten.forget(200), Err(EntryRefusal::IsCarried));
    forgotten.end(10, None, 200);
    forgotten.forget(200).unwrap();
    assert_eq!(forgotten.state(200), QueueState::Cancelled);
    // It was done before the wish came.
    let mut entry = carried();
    entry.cancel(true, 200).unwrap();
    entry.end(0, None, 200);
    assert_eq!(entry.state(200), QueueState::Done);
    assert_eq!(entry.retry(200), Err(EntryRefusal::IsDone));
}

#[test]
fn a_paused_job_that_was_scheduled_keeps_its_time() {
    let mut entry = Entry { due: 900, ..entry() };
    entry.pause().unwrap();
    entry.resume(200).unwrap();
    assert_eq!((entry.state(200), entry.due), (QueueState::Scheduled, 900));
}

#[test]
fn a_job_that_waits_for_the_settings_is_due_at_once_when_it_was_paused_and_continues() {
    let mut entry = Entry::default();
    entry.postpone("the settings have mistakes".to_owned(), 10);
    entry.due = 600;
    entry.pause().unwrap();
    entry.resume(30).unwrap();
    assert_eq!(entry.due, 30);
}
