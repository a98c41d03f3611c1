//! FailedPorts at one address that have failed lately.

use crate::timer::Moment;
use std::time::Duration;

/// How long a failed port counts.
pub(super) const WINDOW: Duration = Duration::from_secs(60 * 60);

/// The failed ports of one address.
#[derive(Debug, Default)]
pub(super) struct FailedPorts(Vec<FailedPort>);

#[derive(Debug)]
struct FailedPort {
    /// The time of its last failure.
    at: Moment,
    port: u16,
    /// Whether all of its tries were given up by the client.
    given_up: bool,
}

impl FailedPorts {
    /// A port has failed, or its try was given up. One that failed before still counts once.
    pub(super) fn add(&mut self, now: Moment, port: u16, given_up: bool) {
        let before = self.0.iter().position(|failed| failed.port == port);
        let before = before.map(|index| self.0.remove(index));
        let given_up = given_up && before.is_none_or(|before| before.given_up);
        self.0.push(FailedPort { at: now, port, given_up });
    }

    /// Forgets the failures that no longer count.
    pub(super) fn expire(&mut self, now: Moment) {
        self.0.retain(|failed| now.since(failed.at) < WINDOW);
    }

    /// Forgets the ports whose tries were given up.
    pub(super) fn forgive(&mut self) {
        self.0.retain(|failed| !failed.given_up);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ports count if these, which are being tried, fail as well.
    pub(super) fn with(&self, trying: impl Iterator<Item = u16>) -> usize {
        let mut fresh: Vec<u16> =
            trying.filter(|port| !self.0.iter().any(|failed| failed.port == *port)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        self.0.len() + fresh.len()
    }

    /// When a port failed last.
    pub(super) fn last(&self) -> Moment {
        self.0.last().map_or(Moment::START, |failed| failed.at)
    }
}
