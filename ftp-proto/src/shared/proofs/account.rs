//! What one account tries, and how that went.

use super::failed_ports::FailedPorts;
use crate::timer::Moment;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// How many failures of an account count, and for how long.
const FAILURES: usize = 30;
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// How long a proof counts.
const PROOF: Duration = Duration::from_secs(24 * 60 * 60);

/// What is known of one account.
#[derive(Debug)]
pub(super) struct Account<K> {
    /// How many targets it is trying.
    pub(super) going: usize,
    /// The permits that wait for their turn.
    pub(super) queued: VecDeque<K>,
    failures: VecDeque<Failure>,
    targets: HashMap<IpAddr, Record>,
}

/// A try that counts as failed.
#[derive(Debug)]
struct Failure {
    at: Moment,
    /// The target, if the client gave the try up. A proof with that target gives it back.
    given_up: Option<IpAddr>,
}

/// How an account got on with one target address.
#[derive(Debug, Default)]
struct Record {
    failed: FailedPorts,
    proved: Option<Moment>,
}

impl<K> Account<K> {
    pub(super) fn new() -> Self {
        Self { going: 0, queued: VecDeque::new(), failures: VecDeque::new(), targets: HashMap::new() }
    }

    /// Forgets what no longer counts.
    pub(super) fn expire(&mut self, now: Moment) {
        self.failures.retain(|failure| now.since(failure.at) < WINDOW);
        self.targets.retain(|_, record| {
            record.failed.expire(now);
            record.proved.take_if(|at| now.since(*at) >= PROOF);
            !record.failed.is_empty() || record.proved.is_some()
        });
    }

    /// Whether nothing needs to be remembered. Call [`Self::expire`] first.
    pub(super) fn is_forgotten(&self) -> bool {
        self.going == 0 && self.queued.is_empty() && self.failures.is_empty() && self.targets.is_empty()
    }

    /// Whether it has failed so often that it has to pause. Call [`Self::expire`] first.
    pub(super) fn must_pause(&self) -> bool {
        self.failures.len() >= FAILURES
    }

    /// How many ports of `target` it has failed at, if those that it is trying fail as well.
    pub(super) fn failed_ports(&self, target: IpAddr, trying: impl Iterator<Item = u16>) -> usize {
        match self.targets.get(&target) {
            Some(record) => record.failed.with(trying),
            None => FailedPorts::default().with(trying),
        }
    }

    /// Whether it has proved a transfer with `target` lately.
    pub(super) fn has_proved(&self, target: IpAddr) -> bool {
        self.targets.get(&target).is_some_and(|record| record.proved.is_some())
    }

    /// A try has failed, or the client gave it up.
    pub(super) fn failed(&mut self, now: Moment, target: IpAddr, (port, given_up): (u16, bool)) {
        self.failures.push_back(Failure { at: now, given_up: given_up.then_some(target) });
        self.targets.entry(target).or_default().failed.add(now, port, given_up);
    }

    /// `target` has proved itself. What was given up there counts no more.
    pub(super) fn proved(&mut self, now: Moment, target: IpAddr) {
        self.failures.retain(|failure| failure.given_up != Some(target));
        let record = self.targets.entry(target).or_default();
        record.failed.forgive();
        record.proved = Some(now);
    }

    /// How many target addresses it is remembered for.
    pub(super) fn remembered(&self) -> usize {
        self.targets.len()
    }

    /// When the oldest of these was used last, and which it is.
    pub(super) fn oldest(&self) -> Option<(Moment, IpAddr)> {
        self.targets.iter().map(|(target, record)| (record.last(), *target)).min()
    }

    /// Forgets how it got on with `target`. An account of which no target is remembered is forgotten as a
    /// whole.
    pub(super) fn forget(&mut self, target: IpAddr) {
        self.targets.remove(&target);
        if self.targets.is_empty() {
            self.failures.clear();
        }
    }
}

impl Record {
    fn last(&self) -> Moment {
        self.failed.last().max(self.proved.unwrap_or(Moment::START))
    }
}
