//! The stall clock of every transfer, whichever path its data takes. It decides that a transfer has stalled. The
//! caller says after how long: `session::flow` for a file of this host, `route::progress` for two servers.

use ftp_proto::timer::Moment;
use std::time::Duration;

/// Decides when a transfer has moved nothing for too long. It reads no clock: every method takes the time.
#[derive(Debug)]
pub struct Stall {
    period: Duration,
    moved: u64,
    /// When it was started first.
    began: Option<Moment>,
    running: Option<Running>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    /// The last time that something moved.
    since: Moment,
    next: Moment,
}

impl Stall {
    /// A clock that looks every `period`. It does not run yet.
    pub const fn new(period: Duration) -> Self {
        Self { period, moved: 0, began: None, running: None }
    }

    /// Starts the clock, unless it runs.
    pub fn start(&mut self, now: Moment) {
        self.began.get_or_insert(now);
        self.running.get_or_insert(Running { since: now, next: now + self.period });
    }

    /// Stops the clock: nothing needs to move any more.
    pub const fn stop(&mut self) {
        self.running = None;
    }

    /// How long ago the clock was started.
    pub fn age(&self, now: Moment) -> Duration {
        self.began.map_or(Duration::ZERO, |began| now.since(began))
    }

    /// When to look the next time. `None` if the clock does not run.
    pub fn next(&self) -> Option<Moment> {
        self.running.map(|running| running.next)
    }

    /// How many bytes have moved, as far as is known.
    pub const fn moved(&self) -> u64 {
        self.moved
    }

    /// Records how many bytes have moved in all. Returns whether that is more than before.
    pub const fn saw(&mut self, now: Moment, moved: u64) -> bool {
        let more = moved > self.moved;
        if more {
            self.moved = moved;
            if let Some(running) = &mut self.running {
                running.since = now;
            }
        }
        more
    }

    /// Looks at the clock. Returns whether nothing has moved for `limit`.
    pub fn look(&mut self, now: Moment, limit: Duration) -> bool {
        let Some(running) = &mut self.running else { return false };
        running.next = now + self.period;
        now.since(running.since) >= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_transfer_stalls_when_nothing_has_moved_for_the_limit() {
        let mut stall = Stall::new(Duration::from_secs(1));
        assert_eq!((stall.next(), stall.look(at(99), LIMIT)), (None, false), "it does not run");
        assert_eq!(stall.age(at(99)), Duration::ZERO);
        stall.start(at(100));
        assert_eq!(stall.age(at(103)), Duration::from_secs(3));
        assert_eq!(stall.next(), Some(at(101)));
        assert!(!stall.look(at(109), LIMIT));
        assert_eq!(stall.next(), Some(at(110)));
        assert!(stall.look(at(110), LIMIT));
    }

    #[test]
    fn only_more_bytes_than_before_count_as_progress() {
        let mut stall = Stall::new(Duration::from_secs(1));
        stall.start(at(0));
        assert!(stall.saw(at(5), 100));
        assert!(!stall.saw(at(6), 100));
        assert!(!stall.saw(at(7), 99));
        assert_eq!(stall.moved(), 100);
        assert!(!stall.look(at(14), LIMIT));
        assert!(stall.look(at(15), LIMIT));
    }

    #[test]
    fn a_second_start_changes_nothing_and_a_stopped_clock_never_fires() {
        let mut stall = Stall::new(Duration::from_secs(1));
        stall.start(at(0));
        stall.start(at(9));
        assert!(stall.look(at(10), LIMIT));
        stall.stop();
        assert_eq!((stall.next(), stall.look(at(99), LIMIT)), (None, false));
    }
}
