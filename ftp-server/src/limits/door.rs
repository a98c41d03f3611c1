//! The door: connections that have not logged in, and who gives way when it is full.
//!
//! 1. A connection whose password is being checked stays, as long as others are there: it waits for the
//!    server, not the server for it. Such connections have half of the door at most.
//! 2. The address that holds most places, the newcomer counted, gives up its oldest one.
//! 3. Where several addresses hold as many, the site that holds most of them (IPv4 /24, IPv6 /48), then the
//!    provider (IPv4 /16, IPv6 /32), then the oldest of all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use ftp_proto::address::{Group, Network};

/// The connections at the door, by the numbers of their sessions.
#[derive(Debug, Default)]
pub(super) struct Door {
    all: BTreeMap<u64, Visitor>,
    here: Counts,
    /// Those whose password is being checked.
    checked: Counts,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Visitor {
    from: Group,
    /// The order in which they came.
    came: u64,
    check: Option<Check>,
}

/// A check of a password that goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Check {
    /// The order in which the checks began.
    began: u64,
    is_preferred: bool,
}

/// How many there are of each host, site and provider.
#[derive(Debug, Default)]
struct Counts {
    all: usize,
    hosts: HashMap<Group, usize>,
    sites: HashMap<Network, usize>,
    providers: HashMap<Network, usize>,
}

impl Door {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many there are of one address.
    pub(super) fn count(&self, from: &Group) -> usize {
        self.here.hosts.get(from).copied().unwrap_or(0)
    }

    /// The most that there are of one address.
    pub(super) fn most(&self) -> usize {
        self.here.hosts.values().copied().max().unwrap_or(0)
    }

    /// A connection comes to one of `places`. Returns who has to give way.
    ///
    /// # Errors
    /// There are no places at all.
    pub(super) fn admit(&mut self, places: usize, from: Group, number: u64) -> Result<Option<u64>, ()> {
        if places == 0 {
            return Err(());
        }
        self.here.add(from);
        let displaced = if self.all.len() >= places { self.choose(from) } else { None };
        if let Some(displaced) = displaced {
            self.remove(displaced);
        }
        let came = self.tick();
        self.all.insert(number, Visitor { from, came, check: None });
        Ok(displaced)
    }

    /// A connection goes. Returns whether it was there.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        self.end_check(number);
        let removed = self.all.remove(&number);
        if let Some(Visitor { from, .. }) = removed {
            self.here.remove(from);
        }
        removed.is_some()
    }

    /// The password of a connection is being checked from here on. Beyond half of `places`, the newest of the
    /// network that has most of these gives way, those from known addresses last: its number is returned.
    pub(super) fn begin_check(&mut self, places: usize, number: u64, is_preferred: bool) -> Option<u64> {
        let began = self.tick();
        let visitor = self.all.get_mut(&number).filter(|visitor| visitor.check.is_none())?;
        visitor.check = Some(Check { began, is_preferred });
        self.checked.add(visitor.from);
        if self.checked.all <= (places / 2).max(1) {
            return None;
        }
        let ranked = self.all.iter().filter_map(|(number, Visitor { from, check, .. })| {
            let Check { began, is_preferred } = (*check)?;
            Some(((Reverse(is_preferred), self.checked.of(*from), began), *number))
        });
        let (_, displaced) = ranked.max()?;
        self.remove(displaced);
        Some(displaced)
    }

    /// The check of a password is over.
    pub(super) fn end_check(&mut self, number: u64) {
        if let Some(visitor) = self.all.get_mut(&number)
            && visitor.check.take().is_some()
        {
            self.checked.remove(visitor.from);
        }
    }

    /// The oldest connection of the address that holds most, if it holds at least that many.
    pub(super) fn oldest_of_crowd(&self, at_least: usize) -> Option<u64> {
        let (most, count) = self.here.hosts.iter().max_by_key(|(from, count)| (**count, **from))?;
        let of_most = self.all.iter().filter(|(_, visitor)| visitor.from == *most);
        let oldest = of_most.min_by_key(|(_, visitor)| visitor.came);
        oldest.filter(|_| *count >= at_least).map(|(number, _)| *number)
    }

    /// Who gives way to a newcomer of `newcomer`, who is counted already.
    fn choose(&self, newcomer: Group) -> Option<u64> {
        let ranked = self.all.iter().map(|(number, Visitor { from, came, check })| {
            let [host, site, provider] = self.here.of(*from);
            // Where others hold as many, the newcomer's own network gives way to it.
            let rank = [
                (host, *from == newcomer),
                (site, from.site() == newcomer.site()),
                (provider, from.provider() == newcomer.provider()),
            ];
            ((check.is_none(), rank, Reverse(*came)), *number)
        });
        ranked.max().map(|(_, number)| number)
    }

    fn tick(&mut self) -> u64 {
        self.next = self.next.saturating_add(1);
        self.next
    }
}

impl Counts {
    fn add(&mut self, from: Group) {
        self.all += 1;
        *self.hosts.entry(from).or_default() += 1;
        *self.sites.entry(from.site()).or_default() += 1;
        *self.providers.entry(from.provider()).or_default() += 1;
    }

    fn remove(&mut self, from: Group) {
        self.all = self.all.saturating_sub(1);
        release(&mut self.hosts, from);
        release(&mut self.sites, from.site());
        release(&mut self.providers, from.provider());
    }

    /// How many there are of this host, its site and its provider.
    fn of(&self, from: Group) -> [usize; 3] {
        [
            self.hosts.get(&from).copied().unwrap_or(0),
            self.sites.get(&from.site()).copied().unwrap_or(0),
            self.providers.get(&from.provider()).copied().unwrap_or(0),
        ]
    }
}

/// Counts one less. A key without a connection is forgotten.
pub(super) fn release<T: Eq + Hash>(counts: &mut HashMap<T, usize>, of: T) {
    if let Some(count) = counts.get_mut(&of) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Group {
        Group::of(text.parse().unwrap())
    }

    /// A door with these connections, numbered from 0.
    fn door(all: &[&str]) -> Door {
        let mut door = Door::default();
        for (number, from) in (0..).zip(all) {
            assert_eq!(door.admit(1_000, host(from), number), Ok(None));
        }
        door
    }

    /// Who gives way to a newcomer at a full door of these.
    fn gives_way(all: &[&str], checked: &[u64], newcomer: &str) -> Option<u64> {
        let mut door = door(all);
        for number in checked {
            assert_eq!(door.begin_check(1_000, *number, false), None);
        }
        let displaced = door.admit(all.len(), host(newcomer), 99).unwrap();
        assert_eq!((door.len(), door.here.all), (all.len(), all.len()));
        displaced
    }

    const A1: &str = "192.0.2.1";
    const A2: &str = "192.0.2.2";
    const A3: &str = "192.0.2.3";
    const B1: &str = "192.0.3.1";
    const C1: &str = "198.51.100.1";

    #[test]
    fn the_address_that_holds_most_gives_up_its_oldest_place() {
        assert_eq!(gives_way(&[B1, A1, A2, A1], &[], C1), Some(1));
        assert_eq!(gives_way(&[A1, A2, A1], &[], A2), Some(1), "its own, where others hold as many");
    }

    #[test]
    fn among_addresses_that_hold_as_many_the_site_and_the_provider_with_most_give_way() {
        assert_eq!(gives_way(&[C1, B1, A1, A2], &[], "203.0.113.1"), Some(2));
        assert_eq!(gives_way(&[C1, B1, A1], &[], "203.0.113.1"), Some(1));
        assert_eq!(gives_way(&[C1, "203.0.113.1"], &[], "192.0.2.1"), Some(0), "the oldest of all");
        assert_eq!(gives_way(&[C1, A1, A2], &[], A3), Some(1), "a crowd makes room for itself");
        assert_eq!(gives_way(&[C1, A1], &[], B1), Some(1), "so does that of a provider");
    }

    #[test]
    fn a_connection_whose_password_is_checked_stays_while_others_are_there() {
        assert_eq!(gives_way(&[A1, A1, C1], &[0, 1], B1), Some(2));
        assert_eq!(gives_way(&[A1, A1, C1], &[0, 1, 2], B1), Some(0));
    }

    #[test]
    fn checks_have_half_of_the_door_and_the_newest_of_the_largest_crowd_gives_way() {
        let mut door = door(&[A1, C1, A2, A3, B1, "203.0.113.9"]);
        assert_eq!([0, 1, 2].map(|number| door.begin_check(6, number, false)), [None; 3]);
        assert_eq!(door.begin_check(6, 3, false), Some(3));
        assert_eq!(door.begin_check(6, 4, false), Some(2), "another site of the same provider");
        door.end_check(0);
        door.end_check(0);
        assert_eq!(door.begin_check(6, 5, true), None);
        assert_eq!((door.len(), door.checked.all), (4, 3));
    }

    #[test]
    fn checks_from_known_addresses_give_way_last() {
        let mut door = door(&[A1, A2, A3, C1]);
        for number in [0, 1] {
            assert_eq!(door.begin_check(6, number, true), None);
        }
        assert_eq!(door.begin_check(6, 3, false), None);
        assert_eq!(door.begin_check(6, 2, true), Some(3));
        assert_eq!(door.begin_check(6, 2, true), None, "it goes on already");
    }

    #[test]
    fn a_crowd_of_fresh_addresses_displaces_no_login_of_another_network() {
        let mut door = Door::default();
        let mut displaced = Vec::new();
        let address = |n: u32| Group::of(std::net::Ipv4Addr::from_bits(0x7F14_0000 + n).into());
        for n in 0..5_000_u32 {
            let number = u64::from(n);
            displaced.extend(door.admit(1_000, address(n), number).unwrap());
            displaced.extend(door.begin_check(1_000, number, false));
            if n == 2_000 {
                displaced.extend(door.admit(1_000, host(C1), 9_000).unwrap());
                displaced.extend(door.begin_check(1_000, 9_000, false));
                displaced.extend(door.admit(1_000, host(B1), 9_001).unwrap());
            }
        }
        assert!(!displaced.contains(&9_000) && !displaced.contains(&9_001));
        assert!(door.checked.all == 500 && door.len() <= 1_000);
    }

    #[test]
    fn nobody_is_remembered_after_leaving_and_a_door_without_places_admits_nobody() {
        let mut door = door(&[A1, B1]);
        assert_eq!(door.begin_check(1_000, 0, false), None);
        assert!(door.remove(0) && door.remove(1) && !door.remove(1));
        assert!(door.here.hosts.is_empty() && door.here.sites.is_empty() && door.here.providers.is_empty());
        assert!(door.checked.hosts.is_empty() && door.checked.all == 0 && door.here.all == 0);
        assert_eq!(door.admit(0, host(A1), 3), Err(()));
        assert_eq!(door.begin_check(1_000, 77, false), None, "it has gone");
    }
}
