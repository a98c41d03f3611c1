//! The limits of attempts to reach foreign targets, over all sessions of a server, so that RNDZ cannot be
//! used to scan ports (docs/protocol/extensions.md, "No port scanner").
//!
//! | limit | of | beyond it |
//! |---|---|---|
//! | 4 targets at the same time | an account | the next ones queue, up to 64 |
//! | 30 failures in 10 minutes | an account | no SYN |
//! | 10 failed ports in an hour | an account at one target address | no SYN |
//! | 100 failed ports in an hour | all accounts at one target address | no SYN, except for an account that proved a transfer with that address within a day. The second half is for accounts without a failed port there |
//!
//! A try that the client gives up counts as a failure whatever the target did, and counts no more as soon as
//! the account proves a transfer with that target address: what one try costs must not tell anything about
//! its target, or an attacker would learn it from the SYN that a limit withholds later. It makes no difference
//! which end has connected for the proof.
//!
//! So the failures of one account never delay or refuse a transfer of another one. A port that is being tried
//! may fail, so it counts as failed until its try has ended.
//!
//! Memory is bounded: 16,384 pairs of an account and a target address, and as many target addresses. When
//! there are more, the account that holds most pairs loses its oldest one, and the address whose last failure
//! is the oldest is forgotten. This refuses no attempt.
//!
//! The driver keeps one [`ProofLimits`]. It calls [`ProofLimits::ask`] for each
//! [`Ask::Permit`](crate::server::Ask::Permit), and [`ProofLimits::done`] for each
//! [`Ask::PermitDone`](crate::server::Ask::PermitDone) and for each permit whose session has ended, and
//! [`ProofLimits::proved`] for each [`Ask::PeerProven`](crate::server::Ask::PeerProven).

#[cfg(test)]
mod tests;

use crate::address::unmapped;
use crate::timer::Moment;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How many targets one account may try at the same time.
pub const AT_ONCE: usize = 4;
/// How many more may wait for their turn.
const MAX_QUEUED: usize = 64;
/// How many ports of one target address may fail for one account.
const ACCOUNT_PORTS: usize = 10;
/// How many ports of one target address may fail, over all accounts.
const TARGET_PORTS: usize = 100;
/// The same for an account that has a failed port there itself.
const SHARED_PORTS: usize = TARGET_PORTS / 2;
/// How often entries that no longer count are removed.
const SWEEP: Duration = Duration::from_secs(60);
/// Maximum number of pairs of an account and a target address, and of target addresses.
const MAX_REMEMBERED: usize = 16 * 1024;

/// Whether a target may be tried.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// It may be tried now.
    Now,
    /// It may be tried after another try of the account: [`ProofLimits::done`] will return the permit.
    Later,
    /// It may not be tried.
    Never,
}

/// How a permitted try of a foreign target has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TryEnd {
    /// The other end has proven itself.
    Proven,
    /// It has not within the time for that, whatever it did.
    Failed,
    /// The client gave up before that, whatever the target did until then. This counts as a failure, too, until
    /// the target proves itself to the account: a count that depended on the target would tell what it did.
    GivenUp,
}

/// The limits, and what they have counted. `K` names a permit, for example by session and ticket.
#[derive(Debug)]
pub struct ProofLimits<K> {
    permits: HashMap<K, Permit>,
    accounts: HashMap<Vec<u8>, Account<K>>,
    /// The failed ports of each target address, over all accounts.
    targets: HashMap<IpAddr, FailedPorts>,
    /// The number of pairs of an account and a target address that are remembered.
    pairs: usize,
    swept: Moment,
}

#[derive(Debug)]
struct Permit {
    account: Vec<u8>,
    target: SocketAddr,
    going: bool,
}

impl<K: Copy + Eq + Hash> ProofLimits<K> {
    /// Creates limits that have counted nothing yet.
    pub fn new() -> Self {
        Self {
            permits: HashMap::new(),
            accounts: HashMap::new(),
            targets: HashMap::new(),
            pairs: 0,
            swept: Moment::START,
        }
    }

    /// Asks whether `account` may try `target` now. A permit that is not refused with
    /// [`Verdict::Never`] must be ended with [`Self::done`].
    pub fn ask(&mut self, now: Moment, permit: K, account: &[u8], target: SocketAddr) -> Verdict {
        let target = SocketAddr::new(unmapped(target.ip()), target.port());
        self.sweep(now);
        if !self.may(now, account, target) {
            return Verdict::Never;
        }
        let entry = self.accounts.entry(account.to_vec()).or_insert_with(Account::new);
        let going = entry.going < AT_ONCE;
        if going {
            entry.going += 1;
        } else if entry.queued.len() < MAX_QUEUED {
            entry.queued.push_back(permit);
        } else {
            return Verdict::Never;
        }
        self.permits.insert(permit, Permit { account: account.to_vec(), target, going });
        if going { Verdict::Now } else { Verdict::Later }
    }

    /// Ends a permit: the try has ended, or the permit was given up before its turn. Returns the waiting
    /// permits that are answered now, each with [`Verdict::Now`] or [`Verdict::Never`].
    pub fn done(&mut self, now: Moment, permit: K, end: TryEnd) -> Vec<(K, Verdict)> {
        let Some(Permit { account, target, going }) = self.permits.remove(&permit) else { return Vec::new() };
        let Some(entry) = self.accounts.get_mut(&account) else { return Vec::new() };
        if !going {
            entry.queued.retain(|queued| *queued != permit);
            return Vec::new();
        }
        entry.going = entry.going.saturating_sub(1);
        let before = entry.remembered();
        match end {
            TryEnd::Proven => entry.proved(now, target.ip()),
            TryEnd::Failed => entry.failed(now, target.ip(), (target.port(), false)),
            TryEnd::GivenUp => entry.failed(now, target.ip(), (target.port(), true)),
        }
        self.pairs += entry.remembered().saturating_sub(before);
        if end != TryEnd::Proven {
            self.targets.entry(target.ip()).or_default().add(now, target.port(), false);
        }
        self.forget_surplus();
        self.next_of(now, &account)
    }

    /// The host `peer` has proven itself to `account` at a listener, without a try: what the account has given up
    /// there counts no more.
    pub fn proved(&mut self, now: Moment, account: &[u8], peer: IpAddr) {
        let entry = self.accounts.entry(account.to_vec()).or_insert_with(Account::new);
        let before = entry.remembered();
        entry.proved(now, unmapped(peer));
        self.pairs += entry.remembered().saturating_sub(before);
        self.forget_surplus();
    }

    /// The most targets that one account is trying now.
    pub fn most_at_once(&self) -> usize {
        self.accounts.values().map(|account| account.going).max().unwrap_or(0)
    }

    /// Answers waiting permits of the account while it may try more targets.
    fn next_of(&mut self, now: Moment, account: &[u8]) -> Vec<(K, Verdict)> {
        let mut answered = Vec::new();
        while let Some(entry) = self.accounts.get_mut(account)
            && entry.going < AT_ONCE
            && let Some(permit) = entry.queued.pop_front()
        {
            let Some(target) = self.permits.get(&permit).map(|queued| queued.target) else { continue };
            if !self.may(now, account, target) {
                self.permits.remove(&permit);
                answered.push((permit, Verdict::Never));
                continue;
            }
            if let Some(entry) = self.accounts.get_mut(account) {
                entry.going += 1;
            }
            if let Some(permit) = self.permits.get_mut(&permit) {
                permit.going = true;
            }
            answered.push((permit, Verdict::Now));
        }
        answered
    }

    /// Whether the account and the target are within their limits.
    fn may(&mut self, now: Moment, account: &[u8], target: SocketAddr) -> bool {
        let ip = target.ip();
        if let Some(failed) = self.targets.get_mut(&ip) {
            failed.expire(now);
        }
        if let Some(entry) = self.accounts.get_mut(account) {
            let before = entry.remembered();
            entry.expire(now);
            self.pairs = self.pairs.saturating_sub(before - entry.remembered());
        }
        let trying = || self.permits.values().filter(|permit| permit.going && permit.target.ip() == ip);
        let port = |permit: &Permit| permit.target.port();
        let shared = match self.accounts.get(account) {
            Some(entry) => {
                let own = trying().filter(|permit| permit.account == account).map(port);
                if entry.must_pause() || entry.failed_ports(ip, own) >= ACCOUNT_PORTS {
                    return false;
                }
                if entry.has_proved(ip) {
                    return true;
                }
                entry.failed_ports(ip, std::iter::empty()) > 0
            }
            None => false,
        };
        let limit = if shared { SHARED_PORTS } else { TARGET_PORTS };
        let none = FailedPorts::default();
        self.targets.get(&ip).unwrap_or(&none).with(trying().map(port)) < limit
    }

    /// Removes the entries that no longer count.
    fn sweep(&mut self, now: Moment) {
        if now.since(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        self.targets.retain(|_, failed| {
            failed.expire(now);
            !failed.is_empty()
        });
        self.accounts.retain(|_, account| {
            account.expire(now);
            !account.is_forgotten()
        });
        self.pairs = self.accounts.values().map(Account::remembered).sum();
    }

    /// Forgets what there is no room for.
    fn forget_surplus(&mut self) {
        if self.targets.len() > MAX_REMEMBERED
            && let Some(oldest) = self.targets.iter().map(|(target, failed)| (failed.last(), *target)).min()
        {
            self.targets.remove(&oldest.1);
        }
        if self.pairs > MAX_REMEMBERED
            && let Some(account) = self.most_remembered()
            && let Some(entry) = self.accounts.get_mut(&account)
            && let Some((_, target)) = entry.oldest()
        {
            entry.forget(target);
            self.pairs -= 1;
            if entry.is_forgotten() {
                self.accounts.remove(&account);
            }
        }
    }

    /// The account that is remembered for most targets; among equals, the one with the oldest target.
    fn most_remembered(&self) -> Option<Vec<u8>> {
        let held = |account: &Account<K>| (Reverse(account.remembered()), account.oldest());
        self.accounts
            .iter()
            .filter(|(_, account)| account.remembered() > 0)
            .min_by(|(_, one), (_, other)| held(one).cmp(&held(other)))
            .map(|(name, _)| name.clone())
    }
}

impl<K: Copy + Eq + Hash> Default for ProofLimits<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// How many failures of an account count, and for how long.
const FAILURES: usize = 30;
const FAILURE_WINDOW: Duration = Duration::from_secs(10 * 60);
/// How long a proof counts.
const PROOF: Duration = Duration::from_secs(24 * 60 * 60);

/// What is known of one account.
#[derive(Debug)]
struct Account<K> {
    /// How many targets it is trying.
    going: usize,
    /// The permits that wait for their turn.
    queued: VecDeque<K>,
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
    fn new() -> Self {
        Self { going: 0, queued: VecDeque::new(), failures: VecDeque::new(), targets: HashMap::new() }
    }

    /// Forgets what no longer counts.
    fn expire(&mut self, now: Moment) {
        self.failures.retain(|failure| now.since(failure.at) < FAILURE_WINDOW);
        self.targets.retain(|_, record| {
            record.failed.expire(now);
            record.proved.take_if(|at| now.since(*at) >= PROOF);
            !record.failed.is_empty() || record.proved.is_some()
        });
    }

    /// Whether nothing needs to be remembered. Call [`Self::expire`] first.
    fn is_forgotten(&self) -> bool {
        self.going == 0 && self.queued.is_empty() && self.failures.is_empty() && self.targets.is_empty()
    }

    /// Whether it has failed so often that it has to pause. Call [`Self::expire`] first.
    fn must_pause(&self) -> bool {
        self.failures.len() >= FAILURES
    }

    /// How many ports of `target` it has failed at, if those that it is trying fail as well.
    fn failed_ports(&self, target: IpAddr, trying: impl Iterator<Item = u16>) -> usize {
        match self.targets.get(&target) {
            Some(record) => record.failed.with(trying),
            None => FailedPorts::default().with(trying),
        }
    }

    /// Whether it has proved a transfer with `target` lately.
    fn has_proved(&self, target: IpAddr) -> bool {
        self.targets.get(&target).is_some_and(|record| record.proved.is_some())
    }

    /// A try has failed, or the client gave it up.
    fn failed(&mut self, now: Moment, target: IpAddr, (port, given_up): (u16, bool)) {
        self.failures.push_back(Failure { at: now, given_up: given_up.then_some(target) });
        self.targets.entry(target).or_default().failed.add(now, port, given_up);
    }

    /// `target` has proved itself. What was given up there counts no more.
    fn proved(&mut self, now: Moment, target: IpAddr) {
        self.failures.retain(|failure| failure.given_up != Some(target));
        let record = self.targets.entry(target).or_default();
        record.failed.forgive();
        record.proved = Some(now);
    }

    /// How many target addresses it is remembered for.
    fn remembered(&self) -> usize {
        self.targets.len()
    }

    /// When the oldest of these was used last, and which it is.
    fn oldest(&self) -> Option<(Moment, IpAddr)> {
        self.targets.iter().map(|(target, record)| (record.last(), *target)).min()
    }

    /// Forgets how it got on with `target`. An account of which no target is remembered is forgotten as a
    /// whole.
    fn forget(&mut self, target: IpAddr) {
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

/// How long a failed port counts.
const PORT_WINDOW: Duration = Duration::from_secs(60 * 60);

/// The failed ports of one address.
#[derive(Debug, Default)]
struct FailedPorts(Vec<FailedPort>);

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
    fn add(&mut self, now: Moment, port: u16, given_up: bool) {
        let before = self.0.iter().position(|failed| failed.port == port);
        let before = before.map(|index| self.0.remove(index));
        let given_up = given_up && before.is_none_or(|before| before.given_up);
        self.0.push(FailedPort { at: now, port, given_up });
    }

    /// Forgets the failures that no longer count.
    fn expire(&mut self, now: Moment) {
        self.0.retain(|failed| now.since(failed.at) < PORT_WINDOW);
    }

    /// Forgets the ports whose tries were given up.
    fn forgive(&mut self) {
        self.0.retain(|failed| !failed.given_up);
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ports count if these, which are being tried, fail as well.
    fn with(&self, trying: impl Iterator<Item = u16>) -> usize {
        let mut fresh: Vec<u16> =
            trying.filter(|port| !self.0.iter().any(|failed| failed.port == *port)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        self.0.len() + fresh.len()
    }

    /// When a port failed last.
    fn last(&self) -> Moment {
        self.0.last().map_or(Moment::START, |failed| failed.at)
    }
}
