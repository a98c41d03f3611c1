//! What is remembered of logins: the addresses from which named accounts have come of late, and how often hosts and names have
//! failed.

use crate::address::{Group, Network};
use crate::timer::Moment;
use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

/// An address from which a named account has logged in of late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownHost<'a> {
    /// The name of the account.
    pub account: &'a [u8],
    /// The address of the client.
    pub host: Group,
    /// Until when it is known.
    pub until: Moment,
}

/// The latest addresses of each account, each until it is forgotten. Memory is bounded: an account has few
/// addresses, and where there are too many in all, the account that has most loses its oldest one.
#[derive(Debug, Default)]
pub(super) struct KnownAddresses {
    /// Of each account the address that was used last comes last.
    accounts: HashMap<Vec<u8>, VecDeque<(Group, Moment)>>,
    /// How many accounts have this address.
    hosts: HashMap<Group, usize>,
    /// How many pairs of an account and an address are in this network.
    sites: HashMap<Network, usize>,
    pairs: usize,
    swept: Moment,
}

impl KnownAddresses {
    /// `account` has logged in from `host`, which is remembered until a moment. Returns whether that is new.
    pub(super) fn add(&mut self, now: Moment, account: &[u8], host: Group, until: Moment) -> bool {
        if now.since(self.swept) >= SWEEP {
            self.swept = now;
            self.retain(|at| *at > now);
        }
        if let Some(hosts) = self.accounts.get_mut(account)
            && let Some(index) = hosts.iter().position(|(known, _)| *known == host)
        {
            hosts.remove(index);
            hosts.push_back((host, until));
            return false;
        }
        if self.accounts.get(account).is_some_and(|hosts| hosts.len() >= MAX_OF_ACCOUNT) {
            self.forget_oldest_of(account);
        } else if self.pairs >= MAX_KNOWN {
            let most = self.accounts.iter().max_by_key(|(name, hosts)| (hosts.len(), *name));
            if let Some(most) = most.map(|(name, _)| name.clone()) {
                self.forget_oldest_of(&most);
            }
        }
        self.accounts.entry(account.to_vec()).or_default().push_back((host, until));
        *self.hosts.entry(host).or_default() += 1;
        *self.sites.entry(host.site()).or_default() += 1;
        self.pairs += 1;
        true
    }

    /// Whether somebody has logged in from `host`.
    pub(super) fn has(&self, host: &Group) -> bool {
        self.hosts.contains_key(host)
    }

    /// Whether somebody has logged in from the site of `host`.
    pub(super) fn has_site(&self, host: &Group) -> bool {
        self.sites.contains_key(&host.site())
    }

    /// All that is known.
    pub(super) fn iter(&self) -> impl Iterator<Item = KnownHost<'_>> {
        let of = |(name, hosts)| {
            let (name, hosts): (&Vec<u8>, &VecDeque<(Group, Moment)>) = (name, hosts);
            hosts.iter().map(|(host, until)| KnownHost { account: name, host: *host, until: *until })
        };
        self.accounts.iter().flat_map(of)
    }

    /// Forgets all accounts and their addresses.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn forget_oldest_of(&mut self, account: &[u8]) {
        let Some(hosts) = self.accounts.get_mut(account) else { return };
        let oldest = hosts.pop_front();
        if hosts.is_empty() {
            self.accounts.remove(account);
        }
        if let Some((host, _)) = oldest {
            self.forgotten(host);
        }
    }

    /// Keeps those whose moment is meant.
    fn retain(&mut self, meant: impl Fn(&Moment) -> bool) {
        let mut gone = Vec::new();
        self.accounts.retain(|_, hosts| {
            hosts.retain(|(host, until)| {
                let stays = meant(until);
                if !stays {
                    gone.push(*host);
                }
                stays
            });
            !hosts.is_empty()
        });
        for host in gone {
            self.forgotten(host);
        }
    }

    /// An account has an address less.
    fn forgotten(&mut self, host: Group) {
        one_less(&mut self.hosts, &host);
        one_less(&mut self.sites, &host.site());
        self.pairs = self.pairs.saturating_sub(1);
    }
}

fn one_less<T: Eq + Hash>(counts: &mut HashMap<T, usize>, of: &T) {
    if let Some(count) = counts.get_mut(of) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(of);
        }
    }
}

/// Addresses of one account that are remembered.
const MAX_OF_ACCOUNT: usize = 16;
/// Pairs of an account and an address that are remembered.
const MAX_KNOWN: usize = 16 * 1024;
/// How often those are forgotten whose time is over.
const SWEEP: Duration = Duration::from_secs(60 * 60);

/// Failures by host or by name. Memory is bounded: the oldest failure is forgotten first.
#[derive(Debug)]
pub(super) struct Remembered<T>(HashMap<T, (u32, Moment)>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone + Eq + Hash> Remembered<T> {
    /// Counts a failure of `who`, and returns how many count now.
    pub(super) fn add(&mut self, now: Moment, memory: Duration, who: T) -> u32 {
        if self.0.len() >= MAX_REMEMBERED && !self.0.contains_key(&who) {
            self.make_room(now, memory);
        }
        let (count, last) = self.0.entry(who).or_insert((0, now));
        *count = if now.since(*last) < memory { count.saturating_add(1) } else { 1 };
        *last = now;
        *count
    }

    /// How many failures of `who` count.
    pub(super) fn count<Q: Eq + Hash + ?Sized>(&self, now: Moment, memory: Duration, who: &Q) -> u32
    where
        T: Borrow<Q>,
    {
        self.0.get(who).filter(|(_, last)| now.since(*last) < memory).map_or(0, |(count, _)| *count)
    }

    /// Forgets the failures of `who`.
    pub(super) fn forget(&mut self, who: &T) {
        self.0.remove(who);
    }

    /// Forgets those that no longer count, and at least a quarter.
    fn make_room(&mut self, now: Moment, memory: Duration) {
        self.0.retain(|_, (_, last)| now.since(*last) < memory);
        let mut times: Vec<Moment> = self.0.values().map(|(_, last)| *last).collect();
        let quarter = MAX_REMEMBERED / 4;
        if times.len() > MAX_REMEMBERED - quarter {
            let (_, &mut oldest, _) = times.select_nth_unstable(quarter);
            self.0.retain(|_, (_, last)| *last > oldest);
        }
    }
}

/// Maximum number of hosts, and of names.
const MAX_REMEMBERED: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    fn host(n: u32) -> Group {
        Group::of(Ipv4Addr::from_bits(0x0A00_0000 + n).into())
    }

    #[test]
    fn an_account_has_its_latest_addresses_only() {
        let mut known = KnownAddresses::default();
        for n in 0..16 {
            assert!(known.add(at(0), b"mal", host(n * 256), at(9)));
        }
        assert!(!known.add(at(0), b"mal", host(0), at(9)), "it is the latest again");
        assert!(known.add(at(0), b"mal", host(99 * 256), at(9)));
        assert!(known.has(&host(0)) && !known.has(&host(256)) && known.has(&host(512)));
        assert!(!known.has_site(&host(257)) && known.has_site(&host(513)));
        assert_eq!(known.pairs, 16);
    }

    #[test]
    fn what_is_over_is_forgotten_and_an_address_stays_as_long_as_somebody_has_it() {
        let mut known = KnownAddresses::default();
        known.add(at(0), b"ann", host(1), at(10_000));
        known.add(at(0), b"bob", host(1), at(20_000));
        known.add(at(0), b"bob", host(2), at(10_000));
        known.add(at(10_000), b"ann", host(3), at(20_000));
        assert!(known.has(&host(1)) && !known.has(&host(2)) && known.has_site(&host(2)));
        known.add(at(20_000), b"ann", host(3), at(30_000));
        assert!(!known.has(&host(1)) && known.has(&host(3)));
        assert_eq!(
            known.iter().collect::<Vec<_>>(),
            [KnownHost { account: b"ann", host: host(3), until: at(30_000) }]
        );
        known.clear();
        assert!(!known.has(&host(3)) && known.hosts.is_empty() && known.sites.is_empty());
    }

    #[test]
    fn in_a_full_memory_the_account_with_most_addresses_loses_its_oldest_one() {
        let mut known = KnownAddresses::default();
        let most = u32::try_from(MAX_KNOWN).unwrap();
        known.add(at(0), b"mal", host(most + 1), at(9));
        known.add(at(0), b"mal", host(most + 2), at(9));
        for n in 0..most - 2 {
            known.add(at(0), &n.to_be_bytes(), host(n), at(9));
        }
        assert!(known.has(&host(most + 1)));
        known.add(at(0), b"ann", host(most + 3), at(9));
        assert!(!known.has(&host(most + 1)) && known.has(&host(most + 2)) && known.has(&host(most + 3)));
        assert_eq!(known.pairs, MAX_KNOWN);
    }

    proptest! {
        /// The counts are those of what is known.
        #[test]
        fn the_counts_are_right(steps in prop::collection::vec((0..4_u8, 0..40_u32, 0..20_000_u64), 0..300)) {
            let mut known = KnownAddresses::default();
            let mut now = at(0);
            for (account, n, pause) in steps {
                now = now + Duration::from_secs(pause / 10);
                known.add(now, &[account], host(n * 64), now + Duration::from_secs(pause));
                prop_assert!(known.has(&host(n * 64)));
                prop_assert_eq!(known.iter().count(), known.pairs);
                prop_assert!(known.accounts.values().all(|hosts| hosts.len() <= MAX_OF_ACCOUNT));
                for (host, count) in &known.hosts {
                    prop_assert_eq!(known.iter().filter(|known| known.host == *host).count(), *count);
                }
                for (site, count) in &known.sites {
                    prop_assert_eq!(known.iter().filter(|known| known.host.site() == *site).count(), *count);
                }
            }
        }
    }

    const MEMORY: Duration = Duration::from_secs(600);

    #[test]
    fn failures_count_until_there_were_none_for_a_while() {
        let mut failures = Remembered::default();
        assert_eq!(failures.add(at(0), MEMORY, 'a'), 1);
        assert_eq!(failures.add(at(599), MEMORY, 'a'), 2);
        assert_eq!(failures.add(at(600), MEMORY, 'b'), 1);
        assert_eq!(failures.count(at(1198), MEMORY, &'a'), 2);
        assert_eq!(failures.count(at(1199), MEMORY, &'a'), 0);
        assert_eq!(failures.add(at(1199), MEMORY, 'a'), 1);
    }

    #[test]
    fn memory_is_bounded_and_the_latest_are_remembered() {
        let mut failures = Remembered::default();
        for n in 0..40_000_u32 {
            failures.add(Moment::after_start(Duration::from_micros(n.into())), MEMORY, n);
            assert!(failures.0.len() <= MAX_REMEMBERED);
        }
        let now = Moment::after_start(Duration::from_secs(1));
        assert!((39_000..40_000).all(|n| failures.count(now, MEMORY, &n) == 1));
        assert_eq!(failures.count(now, MEMORY, &0), 0);
    }
}
