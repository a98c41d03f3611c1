//! A series: the same job again and again.

use super::entry::{QueueState, Submission};
use super::when::{Recurrence, zone_of};
use crate::id::JobId;
use jiff::Timestamp;

/// A job that is carried again and again. Times are in seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Series {
    /// For whom its runs are carried.
    pub submission: Submission,
    /// When its runs are planned.
    pub every: Recurrence,
    /// The time zone of whoever has submitted it.
    pub zone: String,
    /// When it was submitted.
    pub created: u64,
    /// When its next run is planned; `None` if there is none any more.
    pub next: Option<u64>,
    /// Whether its owner has stopped it.
    pub is_paused: bool,
    /// The job of its last run.
    pub last: Option<JobId>,
}

/// What becomes of a planned run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It is put into the queue.
    Begin,
    /// The same, and the run before it, which has not ended, is given up.
    Replace,
    /// It is left out, because the run before it is carried, or its owner has paused it.
    Skip,
}

/// What becomes of a planned run if the run before it stands so.
pub const fn turn(last: Option<QueueState>) -> Turn {
    match last {
        Some(QueueState::Running | QueueState::Paused) => Turn::Skip,
        Some(QueueState::Scheduled | QueueState::Queued | QueueState::Waiting) => Turn::Replace,
        Some(QueueState::Done | QueueState::Partial | QueueState::Failed | QueueState::Cancelled) | None => {
            Turn::Begin
        }
    }
}

impl Series {
    /// Plans the run after the one that was planned and is noticed `now`. Runs that were missed meanwhile are left out.
    pub fn plan_next(&mut self, now: u64) {
        self.next = self.next.and_then(|planned| {
            let zone = zone_of(&self.zone)?;
            let after = self.every.after_run(moment(planned), moment(now), &zone)?;
            u64::try_from(after.as_second()).ok()
        });
    }

    /// Goes on with it. The runs that were missed while it was stopped are left out.
    pub fn resume(&mut self, now: u64) {
        self.is_paused = false;
        if self.next.is_some_and(|planned| planned <= now) {
            self.plan_next(now);
        }
    }
}

/// A moment by the seconds since 1970; the last one that has a name if it is later.
pub fn moment(seconds: u64) -> Timestamp {
    Timestamp::from_second(seconds.cast_signed()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(every: &str, next: u64) -> Series {
        Series {
            submission: Submission::default(),
            every: every.parse().unwrap(),
            zone: "UTC".to_owned(),
            created: 0,
            next: Some(next),
            is_paused: false,
            last: None,
        }
    }

    #[test]
    fn one_missed_run_is_made_up_and_the_next_ones_keep_their_times() {
        for (every, next, now, expect) in [
            ("15m", 900, 900, 1_800),
            ("15m", 900, 950, 1_800),
            ("15m", 900, 10_000, 10_800),
            ("daily@02:30", 9_000, 9_001, 95_400),
            ("daily@02:30", 9_000, 500_000, 527_400),
        ] {
            let mut series = series(every, next);
            series.plan_next(now);
            assert_eq!(series.next, Some(expect), "{every} {now}");
        }
    }

    #[test]
    fn what_was_missed_while_it_was_stopped_is_not_made_up() {
        let mut stopped = Series { is_paused: true, ..series("15m", 900) };
        stopped.resume(10_000);
        assert_eq!((stopped.is_paused, stopped.next), (false, Some(10_800)));
        let mut early = Series { is_paused: true, ..series("15m", 900) };
        early.resume(100);
        assert_eq!(early.next, Some(900));
    }

    #[test]
    fn only_a_run_that_is_carried_or_paused_makes_the_next_one_skip() {
        use QueueState::{Cancelled, Done, Failed, Paused, Queued, Running, Scheduled, Waiting};
        for (last, expect) in [
            (None, Turn::Begin),
            (Some(Done), Turn::Begin),
            (Some(Failed), Turn::Begin),
            (Some(Cancelled), Turn::Begin),
            (Some(Queued), Turn::Replace),
            (Some(Waiting), Turn::Replace),
            (Some(Scheduled), Turn::Replace),
            (Some(Running), Turn::Skip),
            (Some(Paused), Turn::Skip),
        ] {
            assert_eq!(turn(last), expect, "{last:?}");
        }
    }
}
