//! The limits that all sessions of a server share, so that nobody can use RNDZ to scan ports
//! (docs/protocol/extensions.md, "No port scanner").
//!
//! The driver keeps one [`ProofLimits`]. It calls [`ProofLimits::ask`] for each
//! [`Ask::Permit`](super::Ask::Permit), and [`ProofLimits::done`] for each
//! [`Ask::PermitDone`](super::Ask::PermitDone) and for each permit whose session has ended.

use crate::address::unmapped;
use crate::timer::Moment;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How many targets one account may try at the same time.
const AT_ONCE: usize = 4;
/// How many more may wait for their turn.
const MAX_QUEUED: usize = 64;
/// How many failures one account may have in [`ACCOUNT_WINDOW`].
const ACCOUNT_FAILURES: usize = 30;
const ACCOUNT_WINDOW: Duration = Duration::from_secs(10 * 60);
/// How many ports of one target address may fail in [`TARGET_WINDOW`], over all accounts.
const TARGET_PORTS: usize = 10;
const TARGET_WINDOW: Duration = Duration::from_secs(60 * 60);
/// How often entries that no longer count are removed.
const SWEEP: Duration = Duration::from_secs(60);
/// The same while there is no room for a new entry.
const SWEEP_FULL: Duration = Duration::from_secs(1);
/// Maximum number of accounts, and of targets. While there are so many, no new one is tried.
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

/// The limits, and what they have counted. `K` names a permit, for example by session and ticket.
#[derive(Debug)]
pub struct ProofLimits<K> {
    permits: HashMap<K, Permit>,
    accounts: HashMap<Vec<u8>, Account<K>>,
    /// The failed ports of each target address, with the time of the last failure.
    targets: HashMap<IpAddr, Vec<(Moment, u16)>>,
    swept: Moment,
}

#[derive(Debug)]
struct Permit {
    account: Vec<u8>,
    target: SocketAddr,
    going: bool,
}

#[derive(Debug)]
struct Account<K> {
    going: usize,
    queued: VecDeque<K>,
    failures: VecDeque<Moment>,
}

impl<K: Copy + Eq + Hash> ProofLimits<K> {
    /// Creates limits that have counted nothing yet.
    pub fn new() -> Self {
        Self {
            permits: HashMap::new(),
            accounts: HashMap::new(),
            targets: HashMap::new(),
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

    /// Ends a permit: the target has proven itself or not, or the permit was given up before its turn.
    /// Returns the waiting permits that are answered now, each with [`Verdict::Now`] or
    /// [`Verdict::Never`].
    pub fn done(&mut self, now: Moment, permit: K, proven: bool) -> Vec<(K, Verdict)> {
        let Some(Permit { account, target, going }) = self.permits.remove(&permit) else { return Vec::new() };
        let Some(entry) = self.accounts.get_mut(&account) else { return Vec::new() };
        if !going {
            entry.queued.retain(|queued| *queued != permit);
            return Vec::new();
        }
        entry.going = entry.going.saturating_sub(1);
        if !proven {
            entry.failures.push_back(now);
            let failed = self.targets.entry(target.ip()).or_default();
            failed.retain(|(_, port)| *port != target.port());
            failed.push((now, target.port()));
        }
        self.next_of(now, &account)
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

    /// Whether the account and the target are within their limits, and there is room for both.
    fn may(&mut self, now: Moment, account: &[u8], target: SocketAddr) -> bool {
        let account_may = match self.accounts.get_mut(account) {
            Some(entry) => entry.failures_at(now) < ACCOUNT_FAILURES,
            None => self.accounts.len() < MAX_REMEMBERED,
        };
        // A port that is being tried may fail, so it counts until it has succeeded.
        let trying: HashSet<u16> = self
            .permits
            .values()
            .filter(|permit| permit.going && permit.target.ip() == target.ip())
            .map(|permit| permit.target.port())
            .collect();
        let target_may = match self.targets.get_mut(&target.ip()) {
            Some(failed) => {
                failed.retain(|(at, _)| now.since(*at) < TARGET_WINDOW);
                let fresh = trying.iter().filter(|port| !failed.iter().any(|(_, old)| old == *port)).count();
                failed.len() + fresh < TARGET_PORTS
            }
            None => self.targets.len() < MAX_REMEMBERED && trying.len() < TARGET_PORTS,
        };
        account_may && target_may
    }

    /// Removes the entries that no longer count.
    fn sweep(&mut self, now: Moment) {
        let full = self.accounts.len().max(self.targets.len()) >= MAX_REMEMBERED;
        let pause = if full { SWEEP_FULL } else { SWEEP };
        if now.since(self.swept) < pause {
            return;
        }
        self.swept = now;
        self.targets.retain(|_, failed| {
            failed.retain(|(at, _)| now.since(*at) < TARGET_WINDOW);
            !failed.is_empty()
        });
        self.accounts.retain(|_, account| {
            account.failures_at(now) > 0 || account.going > 0 || !account.queued.is_empty()
        });
    }
}

impl<K: Copy + Eq + Hash> Default for ProofLimits<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Account<K> {
    const fn new() -> Self {
        Self { going: 0, queued: VecDeque::new(), failures: VecDeque::new() }
    }

    /// The number of failures that still count.
    fn failures_at(&mut self, now: Moment) -> usize {
        self.failures.retain(|at| now.since(*at) < ACCOUNT_WINDOW);
        self.failures.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    fn target(host: u8, port: u16) -> SocketAddr {
        ([192, 0, 2, host], port).into()
    }

    #[test]
    fn four_waits_of_an_account_go_at_once_and_a_fifth_when_one_is_over() {
        let mut limits = ProofLimits::new();
        for n in 0..4 {
            assert_eq!(limits.ask(at(0), n, b"u", target(n, 2000)), Verdict::Now);
        }
        assert_eq!(limits.ask(at(0), 4, b"u", target(4, 2000)), Verdict::Later);
        assert_eq!(limits.ask(at(0), 5, b"u", target(5, 2000)), Verdict::Later);
        assert_eq!(limits.ask(at(0), 6, b"other", target(6, 2000)), Verdict::Now);
        assert_eq!(limits.done(at(1), 4, false), []);
        assert_eq!(limits.done(at(1), 0, true), [(5, Verdict::Now)]);
        assert_eq!(limits.done(at(1), 0, true), []);
    }

    #[test]
    fn thirty_failures_of_an_account_stop_it_for_ten_minutes() {
        let mut limits = ProofLimits::new();
        for n in 0..30 {
            let host = u8::try_from(n / 5).unwrap();
            assert_eq!(limits.ask(at(n), n, b"u", target(host, 2000)), Verdict::Now, "{n}");
            limits.done(at(n), n, false);
        }
        assert_eq!(limits.ask(at(599), 99, b"u", target(77, 2000)), Verdict::Never);
        assert_eq!(limits.ask(at(599), 98, b"v", target(77, 2000)), Verdict::Now);
        assert_eq!(limits.ask(at(600), 99, b"u", target(78, 2000)), Verdict::Now);
    }

    #[test]
    fn a_proof_is_no_failure() {
        let mut limits = ProofLimits::new();
        for n in 0..100 {
            assert_eq!(limits.ask(at(n), n, b"u", target(1, 2000)), Verdict::Now);
            limits.done(at(n), n, true);
        }
    }

    #[test]
    fn ten_failed_ports_of_a_target_stop_all_accounts_for_an_hour() {
        let mut limits = ProofLimits::new();
        for n in 0..10u16 {
            let account = n.to_string();
            assert_eq!(limits.ask(at(0), n, account.as_bytes(), target(1, 2000 + n)), Verdict::Now);
            limits.done(at(0), n, false);
        }
        assert_eq!(limits.ask(at(3599), 50, b"new", target(1, 3000)), Verdict::Never);
        assert_eq!(limits.ask(at(3599), 51, b"new", target(2, 3000)), Verdict::Now);
        assert_eq!(limits.ask(at(3600), 52, b"new", target(1, 3000)), Verdict::Now);
    }

    #[test]
    fn ports_that_are_being_tried_count_before_they_fail() {
        let mut limits = ProofLimits::new();
        let mapped = |port| SocketAddr::new("::ffff:192.0.2.1".parse().unwrap(), port);
        for n in 0..10u16 {
            let account = n.to_string();
            assert_eq!(limits.ask(at(0), n, account.as_bytes(), mapped(2000 + n)), Verdict::Now);
        }
        assert_eq!(limits.ask(at(0), 10, b"new", target(1, 3000)), Verdict::Never);
        limits.done(at(0), 0, true);
        assert_eq!(limits.ask(at(0), 10, b"new", target(1, 3000)), Verdict::Now);
    }

    #[test]
    fn whoever_queued_is_judged_again_when_the_turn_comes() {
        let mut limits = ProofLimits::new();
        for n in 0..4 {
            assert_eq!(limits.ask(at(0), n, b"u", target(9, 2000)), Verdict::Now);
        }
        assert_eq!(limits.ask(at(0), 4, b"u", target(1, 4000)), Verdict::Later);
        for n in 0..10u16 {
            let account = n.to_string();
            limits.ask(at(0), 100 + n, account.as_bytes(), target(1, 2000 + n));
            limits.done(at(0), 100 + n, false);
        }
        assert_eq!(limits.done(at(1), 0, false), [(4, Verdict::Never)]);
    }

    #[test]
    fn sixty_four_waits_of_an_account_queue_and_no_more() {
        let mut limits = ProofLimits::new();
        let mut ask = |n: u8| limits.ask(at(0), n, b"u", target(n, 2000));
        assert!((0..4).all(|n| ask(n) == Verdict::Now));
        assert!((4..68).all(|n| ask(n) == Verdict::Later));
        assert_eq!(ask(68), Verdict::Never);
    }

    #[test]
    fn each_end_of_a_wait_lets_one_that_queues_begin() {
        let mut limits = ProofLimits::new();
        for n in 0..7 {
            limits.ask(at(0), n, b"u", target(n, 2000));
        }
        for (over, next) in [(0, 4), (1, 5), (2, 6)] {
            assert_eq!(limits.done(at(1), over, true), [(next, Verdict::Now)]);
        }
        assert_eq!(limits.done(at(1), 3, true), []);
        assert_eq!(limits.ask(at(1), 7, b"u", target(7, 2000)), Verdict::Now);
        assert_eq!(limits.ask(at(1), 8, b"u", target(8, 2000)), Verdict::Later);
    }

    #[test]
    fn a_port_counts_once_and_only_for_its_own_host() {
        let mut limits = ProofLimits::new();
        for n in 0..9u16 {
            let account = n.to_string();
            limits.ask(at(0), n, account.as_bytes(), target(1, 2000 + n));
            limits.done(at(0), n, false);
        }
        for n in 20..32u16 {
            let (account, host) = (n.to_string(), u8::try_from(n).unwrap());
            assert_eq!(limits.ask(at(0), n, account.as_bytes(), target(host, 7000 + n)), Verdict::Now);
        }
        assert_eq!(limits.ask(at(0), 40, b"a", target(1, 2000)), Verdict::Now, "it has failed already");
        assert_eq!(limits.ask(at(0), 41, b"b", target(1, 3000)), Verdict::Now, "the tenth port");
        assert_eq!(limits.ask(at(0), 42, b"c", target(1, 3001)), Verdict::Never, "it is being tried");
    }

    #[test]
    fn memory_is_bounded_and_freed() {
        let mut limits = ProofLimits::new();
        let mut refused = 0;
        for n in 0..40_000u32 {
            let host = SocketAddr::new(std::net::Ipv4Addr::from(0x0A00_0000 + n).into(), 2000);
            match limits.ask(at(0), n, &n.to_be_bytes(), host) {
                Verdict::Now => drop(limits.done(at(0), n, false)),
                Verdict::Later => panic!("nobody is told to come later"),
                Verdict::Never => refused += 1,
            }
        }
        assert_eq!(refused, 40_000 - 16_384, "as many accounts and targets are remembered as have room");
        assert_eq!((limits.accounts.len(), limits.targets.len()), (16_384, 16_384));
        assert_eq!(limits.ask(at(3600), 1, b"u", target(1, 2000)), Verdict::Now);
        assert_eq!(limits.targets.len(), 0);
        assert_eq!(limits.accounts.len(), 1);
    }
}
