//! The only place that reads a clock: machines get [`Moment`]s, listings get [`When`]s. The clock is that of tokio, which a
//! simulation may stop and set.

use std::future::pending;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ftp_proto::listing::When;
use ftp_proto::timer::Moment;
use nix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::simulated;

/// A running clock. Copies of it agree on what a [`Moment`] means.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    /// For how long the host had been suspended at the start, in nanoseconds.
    suspended: i128,
}

impl Clock {
    /// A clock that shows [`Moment::START`] now.
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn start() -> Self {
        Self { start: Instant::now(), suspended: suspended() }
    }

    /// The time since the start.
    pub fn now(&self) -> Moment {
        Moment::after_start(self.start.elapsed())
    }

    /// The time since the start, with the time for which the host was suspended. Timers do not count that, but others may have done
    /// something meanwhile.
    pub fn now_with_suspension(&self) -> Moment {
        let since = u64::try_from(suspended() - self.suspended).unwrap_or(0);
        self.now() + Duration::from_nanos(since)
    }

    /// Returns when the clock shows `deadline`, or never if there is none.
    pub async fn sleep_until(&self, deadline: Option<Moment>) {
        match deadline.and_then(|at| self.start.checked_add(at.since_start())) {
            Some(at) => tokio::time::sleep_until(at).await,
            None => pending().await,
        }
    }

    /// The date and time of the calendar, in UTC.
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn today() -> When {
        if let Some(host) = simulated::host() {
            return host.today();
        }
        let seconds = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
        };
        When(seconds)
    }
}

/// The time since 1970, with fractions of a second. In a simulation it is the simulated date, in whole seconds.
#[allow(clippy::disallowed_methods, reason = "this is the place")]
pub fn since_1970() -> Duration {
    match simulated::host() {
        Some(host) => Duration::from_secs(u64::try_from(host.today().0).unwrap_or(0)),
        None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
    }
}

/// The time on the system's monotonic clock, which other processes of this host share. It says when
/// something happened to programs that know this clock, such as systemd.
#[cfg(feature = "program")]
pub fn since_boot() -> Duration {
    Duration::from_nanos(u64::try_from(read(ClockId::CLOCK_MONOTONIC)).unwrap_or(0))
}

/// For how long this host was suspended since its start, in nanoseconds, to some microseconds; in a time namespace, beside a constant.
/// A simulated host never is. A machine that its hypervisor pauses does not know it.
fn suspended() -> i128 {
    match simulated::host() {
        Some(_) => 0,
        None => read(ClockId::CLOCK_BOOTTIME) - read(ClockId::CLOCK_MONOTONIC),
    }
}

/// What a clock shows, in nanoseconds; 0 of one that the system does not have. Not by rustix, which crashes under Valgrind when it
/// looks for the functions of the kernel.
fn read(clock: ClockId) -> i128 {
    let shown = clock_gettime(clock).ok();
    shown.map_or(0, |shown| i128::from(shown.tv_sec()) * 1_000_000_000 + i128::from(shown.tv_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn sleeping_ends_at_the_moment_and_not_before() {
        let clock = Clock::start();
        let at = clock.now() + Duration::from_millis(3);
        clock.sleep_until(Some(at)).await;
        assert!(clock.now() >= at);
    }

    #[test]
    fn a_suspension_before_the_start_is_not_counted() {
        let clock = Clock::start();
        assert!(clock.now_with_suspension().since(clock.now()) < Duration::from_secs(1));
    }

    #[test]
    fn today_is_after_the_year_2020() {
        assert!(Clock::today() > When(1_577_836_800));
    }
}
