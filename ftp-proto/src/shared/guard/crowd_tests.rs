//! Crowds of fresh addresses that guess, on a virtual clock: how long a right login waits among them.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How long one slow hash takes.
const HASH: u64 = 25;
/// A step of the simulation, in milliseconds.
const STEP: u64 = 5;

fn at(millis: u64) -> Moment {
    Moment::after_start(Duration::from_millis(millis))
}

fn v4(text: &str) -> Group {
    Group::of(text.parse().unwrap())
}

/// The `n`th /64 network of the attacker's /48.
fn of_attacker(n: u64) -> Group {
    let bits = 0x2001_0db8_0666_u128 << 80 | u128::from(n % 65_536) << 64;
    Group::of(Ipv6Addr::from_bits(bits).into())
}

/// The `n`th host of a crowd that sits in as many networks as there are.
fn anywhere(n: u64) -> Group {
    let spread = u32::try_from(n % 0xFFFF_FFFF).unwrap().wrapping_mul(0x9E37_79B1);
    Group::of(IpAddr::from(Ipv4Addr::from_bits(spread)))
}

/// A server with one thread for hashes, and one more for known addresses.
struct World {
    guard: Guard<u64>,
    now: u64,
    /// Hashes that are made, and when they are done.
    made: BTreeMap<u64, u64>,
    /// The right logins among those that are under way.
    right: Vec<u64>,
    next: u64,
    /// Guesses whose client is still there.
    guesses: Vec<u64>,
}

impl World {
    fn new() -> Self {
        let settings = Settings { at_once: 1, ..Settings::default() };
        let (made, right, guesses) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { guard: Guard::new(settings), now: 0, made, right, next: 0, guesses }
    }

    fn enter(&mut self, host: Group, name: &str) -> u64 {
        self.next += 1;
        self.guard.enter(self.next, host, name.into());
        self.next
    }

    fn guess(&mut self, host: Group, name: &str) {
        let key = self.enter(host, name);
        self.guesses.push(key);
        // The door has no more places for them: the oldest one gives way.
        if self.guesses.len() > 1_000 {
            let oldest = self.guesses.remove(0);
            if !self.made.contains_key(&oldest) {
                self.guard.give_up(at(self.now), oldest);
            }
        }
    }

    /// One step of time.
    fn step(&mut self) {
        let now = at(self.now);
        let done: Vec<u64> =
            self.made.iter().filter(|(_, until)| **until <= self.now).map(|(key, _)| *key).collect();
        for key in done {
            self.made.remove(&key);
            if self.right.contains(&key) {
                self.guard.succeeded(now, key, LoginOwner::Named);
                self.right.retain(|right| *right != key);
            } else {
                self.guard.failed(now, key);
                self.guesses.retain(|guess| *guess != key);
            }
        }
        while let Some((key, step)) = self.guard.next(now) {
            match step {
                Step::Check => self.guard.needs_hash(key),
                Step::Hash => {
                    self.made.insert(key, self.now + HASH);
                }
            }
        }
        assert!(self.made.len() <= 2 && self.guard.hashes() == self.made.len());
        self.now += STEP;
    }

    /// How long a right login waits while `crowd` goes on, in milliseconds; no longer than a minute.
    fn logs_in(&mut self, host: Group, name: &str, crowd: impl Fn(&mut Self)) -> u64 {
        let (key, since) = (self.enter(host, name), self.now);
        self.right.push(key);
        while self.right.contains(&key) && self.now < since + 60_000 {
            crowd(self);
            self.step();
        }
        self.now - since
    }

    /// So many seconds of a crowd.
    fn suffers(&mut self, seconds: u64, crowd: impl Fn(&mut Self)) {
        let end = self.now + seconds * 1_000;
        while self.now < end {
            crowd(self);
            self.step();
        }
    }
}

/// Two hundred fresh /64 networks of one /48 in a second.
fn one_network(world: &mut World) {
    let n = world.now / STEP;
    world.guess(of_attacker(n), "bob");
}

/// Four hundred fresh addresses of all networks in a second.
fn all_networks(world: &mut World) {
    let n = world.now / STEP * 2;
    world.guess(anywhere(n), "bob");
    world.guess(anywhere(n + 1), "bob");
}

/// The same under names that were never tried before.
fn all_names(world: &mut World) {
    let n = world.now / STEP * 2;
    world.guess(anywhere(n), &format!("a{n}"));
    world.guess(anywhere(n + 1), &format!("b{n}"));
}

#[test]
fn a_crowd_in_one_network_delays_others_by_two_hashes_at_most() {
    let mut world = World::new();
    world.suffers(5, one_network);
    assert!(world.guesses.len() > 700, "the crowd is more than the pool can take");
    for host in ["2001:db9:1::1", "192.0.2.1", "198.51.100.1"] {
        let waited = world.logs_in(v4(host), "bob", one_network);
        assert!(waited <= 3 * HASH, "{host}: {waited}");
    }
}

#[test]
fn a_neighbour_of_the_crowd_in_another_site_has_every_other_turn() {
    let mut world = World::new();
    world.suffers(5, one_network);
    let waited = world.logs_in(v4("2001:db8:1::1"), "bob", one_network);
    assert!(waited <= 4 * HASH, "{waited}");
}

#[test]
fn a_known_address_waits_for_nobody_wherever_the_crowd_comes_from() {
    for crowd in [one_network, all_networks, all_names] {
        let mut world = World::new();
        let mut known = vec![v4("192.0.2.1"), v4("2001:db8:666:7::1")];
        for host in &known {
            assert!(world.logs_in(*host, "bob", |_| ()) <= HASH + STEP);
        }
        known.push(v4("192.0.2.77"));
        world.suffers(5, crowd);
        for host in known.iter().take(2) {
            let waited = world.logs_in(*host, "bob", crowd);
            assert!(waited <= HASH + 2 * STEP, "{host:?}: {waited}");
        }
        // Its neighbours are preferred, too.
        let waited = world.logs_in(known[2], "bob", crowd);
        assert!(waited <= HASH + 2 * STEP, "{waited}");
    }
}

#[test]
fn guesses_at_one_name_from_everywhere_do_not_delay_another_name() {
    let mut world = World::new();
    world.suffers(5, all_networks);
    let waited = world.logs_in(v4("192.0.2.1"), "ann", all_networks);
    assert!(waited <= 3 * HASH, "{waited}");
}

#[test]
fn an_account_cannot_make_a_network_known_and_then_use_it() {
    let mut world = World::new();
    for n in 0..2_000 {
        assert!(world.logs_in(of_attacker(n), "mal", |_| ()) <= HASH + STEP);
    }
    // All of the /48 is known by then, as a site; it loses that by its failures.
    world.suffers(5, one_network);
    let waited = world.logs_in(v4("192.0.2.1"), "bob", one_network);
    assert!(waited <= 3 * HASH, "{waited}");
    let known = (0..2_000).filter(|n| world.guard.known.has(&of_attacker(*n))).count();
    assert_eq!(known, 16);
}

#[test]
fn an_anonymous_login_makes_no_address_known() {
    let mut guard = Guard::<u64>::new(Settings::default());
    guard.enter(1, v4("192.0.2.1"), b"anonymous".to_vec());
    assert_eq!(guard.next(at(0)), Some((1, Step::Check)));
    guard.succeeded(at(0), 1, LoginOwner::Anonymous);
    assert!(!guard.prefers(at(0), v4("192.0.2.1")) && guard.learned() == 0);
}

#[test]
fn a_known_address_is_preferred_until_it_fails_and_again_when_that_is_forgotten() {
    let mut guard = Guard::<u64>::new(Settings::default());
    let host = v4("192.0.2.1");
    guard.know(at(0), b"bob", host, at(100_000_000));
    for n in 0..4 {
        assert!(guard.prefers(at(0), host), "{n}");
        guard.enter(n, host, b"bob".to_vec());
        assert_eq!(guard.next(at(0)), Some((n, Step::Check)));
        guard.failed(at(0), n);
    }
    assert!(!guard.prefers(at(599_999), host) && guard.prefers(at(600_000), host));
}

#[test]
fn what_is_known_can_be_kept_and_taken_up_again_and_switched_off() {
    let mut guard = Guard::<u64>::new(Settings::default());
    let host = v4("192.0.2.1");
    guard.enter(1, host, b"bob".to_vec());
    guard.next(at(0));
    guard.succeeded(at(0), 1, LoginOwner::Named);
    let month = Settings::default().known;
    assert_eq!(
        guard.known(at(1_000)).collect::<Vec<_>>(),
        [KnownHost { account: b"bob", host, until: at(0) + month }]
    );
    assert_eq!(guard.known(at(0) + month).count(), 0);
    guard.know(at(1_000), b"bob", host, at(2_000));
    assert_eq!(guard.learned(), 1, "nothing new");
    guard.know(at(1_000), b"ann", host, at(1_000));
    assert_eq!(guard.learned(), 1, "it was over already");
    guard.set(Settings { known: Duration::ZERO, ..Settings::default() });
    assert!(!guard.prefers(at(0), host) && guard.known(at(0)).count() == 0);
    guard.enter(2, host, b"bob".to_vec());
    guard.next(at(0));
    guard.succeeded(at(0), 2, LoginOwner::Named);
    assert!(!guard.prefers(at(0), host));
}

#[test]
fn a_place_is_kept_for_known_addresses_and_no_more_than_one() {
    let mut guard = Guard::<u64>::new(Settings { at_once: 2, ..Settings::default() });
    guard.know(at(0), b"bob", v4("192.0.2.1"), at(1_000));
    let hosts = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "192.0.2.1", "192.0.2.2"];
    for (n, host) in (0..).zip(hosts) {
        guard.enter(n, v4(host), b"eve".to_vec());
        assert_eq!(guard.next(at(0)), Some((n, Step::Check)));
    }
    for n in 0..3 {
        guard.needs_hash(n);
    }
    let mut steps = || std::iter::from_fn(|| guard.next(at(0))).map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(steps(), [0, 1]);
    for n in [4, 3] {
        guard.needs_hash(n);
    }
    let mut steps = || std::iter::from_fn(|| guard.next(at(0))).map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(steps(), [3], "the address itself before its site");
    guard.failed(at(0), 0);
    assert_eq!(guard.next(at(0)), Some((4, Step::Hash)), "two places are taken, and one is kept");
    guard.failed(at(0), 1);
    assert_eq!(guard.next(at(0)), None, "two places are taken");
    guard.failed(at(0), 3);
    assert_eq!(guard.next(at(0)), Some((2, Step::Hash)));
    assert_eq!(guard.settings().most_hashes(), 3);
}

proptest! {
    /// Whatever comes, no login waits forever: each right login has its hash after no more turns than there
    /// are logins before it, and four times as many as there are networks.
    #[test]
    fn nobody_starves(
        hosts in prop::collection::vec((0..4_u8, 0..4_u8, 0..4_u8, 0..3_u8), 1..60),
        bob in (0..4_u8, 0..4_u8, 0..4_u8),
        known in any::<bool>(),
    ) {
        let host = |(a, b, c): (u8, u8, u8)| Group::of([10 + a, 1, b, c].into());
        let mut world = World::new();
        for (a, b, c, name) in &hosts {
            world.guess(host((*a, *b, *c)), &name.to_string());
        }
        if known {
            world.guard.know(at(0), b"bob", host(bob), at(100_000_000));
        }
        let crowd = |world: &mut World| {
            let n = world.now / STEP;
            let index = usize::try_from(n).unwrap() % hosts.len();
            let (a, b, c, name) = hosts[index];
            world.guess(host((a, b, c)), &format!("{name}{}", n % 7));
        };
        let waited = world.logs_in(host(bob), "bob", crowd);
        prop_assert!(waited < 30_000, "{}", waited);
    }
}
