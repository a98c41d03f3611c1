//! Logins on a virtual clock.

use super::*;
use std::net::IpAddr;

fn at(millis: u64) -> Moment {
    Moment::after_start(Duration::from_millis(millis))
}

fn host(n: u8) -> Group {
    Group::of(IpAddr::from([192, 0, 2, n]))
}

fn guard() -> Guard<u32> {
    Guard::new(Settings::default())
}

/// The same with so many logins of host 1.
fn with_logins(count: u32) -> Guard<u32> {
    let mut guard = guard();
    for n in 0..count {
        guard.enter(n, host(1), b"ann".to_vec());
    }
    guard
}

/// All logins that may go on now.
fn steps(guard: &mut Guard<u32>, now: Moment) -> Vec<(u32, Step)> {
    std::iter::from_fn(|| guard.next(now)).collect()
}

#[test]
fn seven_wrong_passwords_of_a_host_are_checked_in_a_second() {
    let mut guard = with_logins(1000);
    let mut checked = Vec::new();
    for millis in (0..3_000).step_by(50) {
        let now = at(millis);
        for (key, step) in steps(&mut guard, now) {
            assert_eq!(step, Step::Check);
            guard.failed(now, key);
            checked.push(millis);
        }
    }
    assert_eq!(checked.len(), 21);
    for window in checked.windows(8) {
        assert!(window[7] - window[0] >= 1_000, "{window:?}");
    }
}

#[test]
fn a_right_login_of_another_host_goes_at_once() {
    let mut guard = with_logins(1000);
    steps(&mut guard, at(0));
    guard.enter(5000, host(2), b"ann".to_vec());
    assert_eq!(steps(&mut guard, at(0)), [(5000, Step::Check)]);
}

#[test]
fn a_success_gives_its_place_back() {
    let mut guard = guard();
    for n in 0..1000 {
        guard.enter(n, host(1), b"ann".to_vec());
        assert_eq!(steps(&mut guard, at(0)), [(n, Step::Check)]);
        guard.succeeded(at(0), n, LoginOwner::Anonymous);
    }
    assert_eq!((guard.held.len(), guard.spent.len(), guard.logins.len()), (0, 0, 0));
}

#[test]
fn logins_of_a_host_wait_in_their_order_and_are_woken_in_time() {
    let mut guard = with_logins(9);
    assert_eq!(steps(&mut guard, at(0)).len(), 7);
    assert_eq!(guard.deadline(), None, "nothing is over by itself");
    guard.failed(at(100), 0);
    guard.failed(at(200), 1);
    assert_eq!(guard.deadline(), Some(at(1_100)));
    assert_eq!(steps(&mut guard, at(1_099)), []);
    assert_eq!(steps(&mut guard, at(1_100)), [(7, Step::Check)]);
    assert_eq!(steps(&mut guard, at(1_200)), [(8, Step::Check)]);
    assert_eq!(guard.deadline(), None, "nobody waits");
}

#[test]
fn whoever_hangs_up_during_a_check_has_guessed() {
    let mut guard = with_logins(8);
    for (key, _) in steps(&mut guard, at(0)) {
        guard.give_up(at(1), key);
    }
    assert_eq!(steps(&mut guard, at(1_000)), []);
    guard.give_up(at(1_000), 7);
    assert_eq!(steps(&mut guard, at(2_000)), [], "it has given up its turn");
    assert!(guard.logins.is_empty() && guard.entering.keys().next().is_none());
}

#[test]
fn the_pool_is_shared_and_those_who_failed_least_come_first() {
    let mut guard = guard();
    // Host 1 fails three times and then has two logins that wait for the pool.
    for n in 0..3 {
        guard.enter(n, host(1), b"ann".to_vec());
        steps(&mut guard, at(0));
        guard.failed(at(0), n);
    }
    for (n, of) in [(10, 1), (11, 1), (12, 1), (20, 2), (30, 3), (21, 2)] {
        guard.enter(n, host(of), b"ann".to_vec());
        assert_eq!(steps(&mut guard, at(1)).last(), Some(&(n, Step::Check)));
        guard.needs_hash(n);
        if n < 12 {
            assert_eq!(steps(&mut guard, at(1)), [(n, Step::Hash)], "the pool has two places");
        }
    }
    assert_eq!(steps(&mut guard, at(1)), []);
    for (over, next) in [(10, 20), (11, 30), (20, 21), (21, 12)] {
        guard.succeeded(at(0), over, LoginOwner::Anonymous);
        assert_eq!(steps(&mut guard, at(2)), [(next, Step::Hash)]);
    }
    guard.give_up(at(2), 30);
    guard.succeeded(at(0), 12, LoginOwner::Anonymous);
    assert_eq!(guard.hashes(), 0);
}

#[test]
fn delays_grow_with_the_failures_of_a_host_and_of_a_name() {
    let mut guard = guard();
    let mut fail = |n: u32, of: u8, name: &str, millis: u64| {
        let now = at(millis);
        guard.enter(n, host(of), name.into());
        assert_eq!(steps(&mut guard, now), [(n, Step::Check)]);
        guard.failed(now, n).since(now).as_millis()
    };
    assert_eq!(fail(0, 1, "ann", 0), 250);
    assert_eq!(fail(1, 1, "bob", 2_000), 500, "another name of the same host");
    assert_eq!(fail(2, 2, "ann", 2_000), 500, "the same name of another host");
    assert_eq!(fail(3, 3, "eve", 2_000), 250);
    for (n, expect) in [(4, 1_000), (5, 2_000), (6, 4_000), (7, 8_000), (8, 8_000)] {
        assert_eq!(fail(n, 1, "zoe", u64::from(n) * 2_000), expect, "{n}");
    }
    assert_eq!(fail(9, 1, "ann", 700_000), 250, "all is forgotten");
}

#[test]
fn the_success_of_another_account_does_not_shorten_a_delay() {
    let mut guard = guard();
    let fail = |guard: &mut Guard<u32>, n: u32, now: Moment| {
        guard.enter(n, host(1), b"ann".to_vec());
        steps(guard, now);
        guard.failed(now, n).since(now).as_millis()
    };
    assert_eq!(fail(&mut guard, 0, at(0)), 250);
    guard.enter(1, host(1), b"own".to_vec());
    steps(&mut guard, at(0));
    guard.succeeded(at(0), 1, LoginOwner::Anonymous);
    assert_eq!(fail(&mut guard, 2, at(0)), 500);
}

#[test]
fn the_time_of_a_refusal_does_not_tell_how_long_the_hash_took() {
    let refused = |slow: bool| {
        let mut guard = guard();
        guard.enter(0, host(1), b"ann".to_vec());
        steps(&mut guard, at(0));
        if slow {
            guard.needs_hash(0);
            steps(&mut guard, at(0));
            return guard.failed(at(120), 0);
        }
        guard.failed(at(0), 0)
    };
    assert_eq!(refused(true), refused(false));
}

#[test]
fn guesses_at_a_name_lock_nobody_out() {
    let mut guard = guard();
    let mut key = 0;
    for second in 0..60 {
        for of in 10..60 {
            key += 1;
            guard.enter(key, host(of), b"ann".to_vec());
            for (key, _) in steps(&mut guard, at(second * 1_000)) {
                guard.failed(at(second * 1_000), key);
            }
        }
    }
    guard.enter(0, host(1), b"ann".to_vec());
    assert_eq!(steps(&mut guard, at(60_000)), [(0, Step::Check)], "the right user from a host of her own");
    guard.succeeded(at(0), 0, LoginOwner::Anonymous);
}

#[test]
fn a_host_is_banned_after_so_many_failures_and_only_for_a_time() {
    let ban = Some(Ban { after: 3, time: Duration::from_secs(60) });
    let mut guard = Guard::new(Settings { ban, ..Settings::default() });
    for n in 0..3 {
        assert!(!guard.is_banned(at(0), host(1)));
        guard.enter(n, host(1), b"ann".to_vec());
        steps(&mut guard, at(0));
        guard.failed(at(0), n);
    }
    assert!(guard.is_banned(at(59_999), host(1)) && !guard.is_banned(at(0), host(2)));
    assert_eq!(guard.bans(at(1_000)).collect::<Vec<_>>(), [(host(1), Duration::from_secs(59))]);
    assert!(!guard.is_banned(at(60_000), host(1)));
    assert_eq!(guard.bans(at(60_000)).count(), 0);
}

#[test]
fn a_ban_that_is_over_begins_the_count_anew() {
    let ban = Some(Ban { after: 3, time: Duration::from_secs(60) });
    let mut guard = Guard::new(Settings { ban, ..Settings::default() });
    let mut fail = |n: u32, now: Moment| {
        guard.enter(n, host(1), b"ann".to_vec());
        steps(&mut guard, now);
        guard.failed(now, n);
        (guard.is_banned(now, host(1)), guard.banned())
    };
    assert_eq!([0, 1, 2].map(|n| fail(n, at(0))), [(false, 0), (false, 0), (true, 1)]);
    let later = at(60_000);
    assert_eq!([3, 4, 5].map(|n| fail(n, later)), [(false, 1), (false, 1), (true, 2)]);
}

#[test]
fn of_too_many_bans_the_one_that_would_end_first_gives_way() {
    let mut guard = guard();
    for n in 0..8 {
        guard.ban(at(0), host(n), at(80_000 - 10_000 * u64::from(n)));
    }
    guard.ban(at(0), host(3), at(90_000));
    assert!((0..8).all(|n| guard.is_banned(at(0), host(n))), "a host is in the table already");
    guard.ban(at(0), host(8), at(60_000));
    let banned: Vec<u8> = (0..9).filter(|n| guard.is_banned(at(0), host(*n))).collect();
    assert_eq!(banned, [0, 1, 2, 3, 4, 5, 6, 8]);
}

#[test]
fn bans_hold_beside_each_other_and_those_that_are_over_are_forgotten() {
    let mut guard = guard();
    guard.ban(at(0), host(1), at(10_000));
    guard.ban(at(0), host(2), at(20_000));
    guard.ban(at(5_000), host(3), at(30_000));
    assert!([1, 2, 3].into_iter().all(|n| guard.is_banned(at(5_000), host(n))));
    guard.ban(at(10_000), host(4), at(30_000));
    assert_eq!(guard.bans.len(), 3, "the first one is over");
    assert!([2, 3, 4].into_iter().all(|n| guard.is_banned(at(10_000), host(n))));
}

#[test]
fn an_operator_sees_how_many_places_and_hashes_are_taken() {
    let mut guard = guard();
    assert_eq!(guard.settings().most_hashes(), 3);
    for n in 0..3 {
        guard.enter(n, host(1), b"ann".to_vec());
    }
    guard.enter(3, host(2), b"bob".to_vec());
    steps(&mut guard, at(0));
    assert_eq!((guard.most_taken(at(0)), guard.hashes()), (3, 0));
    guard.needs_hash(0);
    guard.needs_hash(3);
    steps(&mut guard, at(0));
    assert_eq!((guard.most_taken(at(0)), guard.hashes()), (3, 2));
    guard.failed(at(0), 0);
    guard.succeeded(at(0), 1, LoginOwner::Anonymous);
    assert_eq!((guard.most_taken(at(999)), guard.hashes()), (2, 1), "a wrong password keeps its place");
    assert_eq!(guard.most_taken(at(1_000)), 1);
}

#[test]
fn an_ipv6_network_is_one_host_and_each_loopback_address_is_one() {
    let group = |text: &str| Group::of(text.parse().unwrap());
    assert_eq!(group("2001:db8::1"), group("2001:db8::ffff:1"));
    assert_ne!(group("2001:db8::1"), group("2001:db8:0:1::1"));
    assert_ne!(group("127.0.0.1"), group("127.0.0.2"));
}

#[test]
fn memory_is_freed() {
    let mut guard = guard();
    for n in 0..20_000_u32 {
        let host = Group::of(IpAddr::from(n.to_be_bytes()));
        let now = at(u64::from(n));
        guard.enter(n, host, n.to_be_bytes().to_vec());
        for (key, _) in steps(&mut guard, now) {
            guard.failed(now, key);
        }
    }
    assert!(guard.spent.len() <= 2 * MAX_SPENT, "{}", guard.spent.len());
    assert_eq!((guard.logins.len(), guard.held.len()), (0, 0));
}

/// A host that was suspended: its clock jumps, and nothing happened in between.
#[test]
fn a_jump_of_the_clock_by_hours_frees_what_is_over_and_keeps_what_is_counted() {
    let settings = Settings {
        ban: Some(Ban { after: 10, time: Duration::from_secs(10 * 3_600) }),
        ..Settings::default()
    };
    let mut guard = Guard::new(settings);
    for n in 0..20 {
        guard.enter(n, host(1), b"ann".to_vec());
    }
    assert_eq!(steps(&mut guard, at(0)).len(), 7);
    for n in 0..7 {
        guard.failed(at(0), n);
    }
    let later = at(5 * 3_600_000);
    let next = steps(&mut guard, later);
    assert_eq!(next.len(), 7, "seven in a second, however long the last one took");
    let refusal = guard.failed(later, next[0].0);
    assert_eq!(refusal, later + settings.first_delay, "what failed five hours ago is forgotten");
    for (key, _) in &next[1..] {
        guard.failed(later, *key);
    }
    for (key, _) in steps(&mut guard, later + Duration::from_secs(1)) {
        guard.failed(later, key);
    }
    assert!(guard.is_banned(later, host(1)));
    assert!(guard.is_banned(at(14 * 3_600_000), host(1)), "nine hours of ten");
    assert!(!guard.is_banned(at(15 * 3_600_000), host(1)));
    assert!(guard.most_taken(at(15 * 3_600_000)) == 0 && guard.hashes() == 0);
}

#[test]
fn bans_are_counted_and_end_where_hosts_are_banned_no_more() {
    let ban = Some(Ban { after: 1, time: Duration::from_secs(900) });
    let mut guard = Guard::<u32>::new(Settings { ban, ..Settings::default() });
    guard.ban(at(0), host(1), at(900_000));
    assert_eq!((guard.banned(), guard.is_banned(at(1), host(1))), (1, true));
    assert_eq!(guard.bans(at(1)).next().map(|(host, _)| host.first()), Some([192, 0, 2, 1].into()));
    guard.set(Settings { ban, wrong_per_second: 1, ..Settings::default() });
    assert!(guard.is_banned(at(1), host(1)));
    guard.set(Settings::default());
    assert!(!guard.is_banned(at(1), host(1)));
}
