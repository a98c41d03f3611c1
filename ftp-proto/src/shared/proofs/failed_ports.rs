//! FailedPorts at one address that have failed lately.

use crate::timer::Moment;
use std::time::Duration;

/// How long a failed port counts.
pub(super) const WINDOW: Duration = Duration::from_secs(60 * 60);

/// The failed ports of one address, each with the time of its last failure.
#[derive(Debug, Default)]
pub(super) struct FailedPorts(Vec<(Moment, u16)>);

impl FailedPorts {
    /// A port has failed. One that failed before still counts once.
    pub(super) fn add(&mut self, now: Moment, port: u16) {
        self.0.retain(|(_, failed)| *failed != port);
        self.0.push((now, port));
    }

    /// Forgets the failures that no longer count.
    pub(super) fn expire(&mut self, now: Moment) {
        self.0.retain(|(at, _)| now.since(*at) < WINDOW);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ports count if these, which are being tried, fail as well.
    pub(super) fn with(&self, trying: impl Iterator<Item = u16>) -> usize {
        let mut fresh: Vec<u16> = trying.filter(|port| !self.0.iter().any(|(_, old)| old == port)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        self.0.len() + fresh.len()
    }

    /// When a port failed last.
    pub(super) fn last(&self) -> Moment {
        self.0.last().map_or(Moment::START, |(at, _)| *at)
    }
}
