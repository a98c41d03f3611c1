//! The limits on a virtual clock, and what they remember.

use super::*;

fn at(seconds: u64) -> Moment {
    Moment::after_start(Duration::from_secs(seconds))
}

fn target(host: u8, port: u16) -> SocketAddr {
    ([192, 0, 2, host], port).into()
}

type Limits = ProofLimits<u32>;

/// One try of `account`, from its permit to its end; the verdict.
fn try_once(limits: &mut Limits, now: Moment, account: &str, target: SocketAddr, end: TryEnd) -> Verdict {
    let permit = u32::MAX;
    let verdict = limits.ask(now, permit, account.as_bytes(), target);
    assert_ne!(verdict, Verdict::Later, "it was the only try of {account}");
    if verdict == Verdict::Now {
        assert_eq!(limits.done(now, permit, end), []);
    }
    verdict
}

fn fail(limits: &mut Limits, now: Moment, account: &str, target: SocketAddr) -> Verdict {
    try_once(limits, now, account, target, TryEnd::Failed)
}

/// So many accounts fail at one port each of host 1, beginning with port 2000.
fn many_fail(limits: &mut Limits, count: u16) {
    for n in 0..count {
        assert_eq!(fail(limits, at(0), &format!("a{n}"), target(1, 2000 + n)), Verdict::Now, "{n}");
    }
}

#[test]
fn four_waits_of_an_account_go_at_once_and_a_fifth_when_one_is_over() {
    let mut limits = Limits::new();
    for n in 0..4 {
        assert_eq!(limits.ask(at(0), n, b"u", target(1, 2000)), Verdict::Now);
    }
    assert_eq!(limits.ask(at(0), 4, b"u", target(4, 2000)), Verdict::Later);
    assert_eq!(limits.ask(at(0), 5, b"u", target(5, 2000)), Verdict::Later);
    assert_eq!(limits.ask(at(0), 6, b"other", target(6, 2000)), Verdict::Now);
    assert_eq!(limits.done(at(1), 4, TryEnd::Failed), []);
    assert_eq!(limits.done(at(1), 0, TryEnd::Proven), [(5, Verdict::Now)]);
    assert_eq!(limits.done(at(1), 0, TryEnd::Proven), []);
}

#[test]
fn thirty_failures_of_an_account_stop_it_for_ten_minutes_and_nobody_else() {
    let mut limits = Limits::new();
    for n in 0..30u8 {
        assert_eq!(fail(&mut limits, at(n.into()), "u", target(n / 5, 2000 + u16::from(n))), Verdict::Now);
    }
    assert_eq!(fail(&mut limits, at(599), "u", target(77, 2000)), Verdict::Never);
    assert_eq!(fail(&mut limits, at(599), "v", target(77, 2000)), Verdict::Now);
    assert_eq!(fail(&mut limits, at(600), "u", target(78, 2000)), Verdict::Now);
    assert_eq!(fail(&mut limits, at(600), "u", target(78, 2000)), Verdict::Never, "only one has expired");
}

#[test]
fn a_proof_is_no_failure() {
    let mut limits = Limits::new();
    for n in 0..100 {
        assert_eq!(try_once(&mut limits, at(0), "u", target(1, 2000 + n), TryEnd::Proven), Verdict::Now);
    }
}

#[test]
fn what_was_given_up_is_a_failure_until_its_target_proves_itself() {
    let mut limits = Limits::new();
    let give_up = |limits: &mut Limits, target| try_once(limits, at(0), "u", target, TryEnd::GivenUp);
    for n in 0..9 {
        assert_eq!(give_up(&mut limits, target(1, 2000 + n)), Verdict::Now);
        assert_eq!(give_up(&mut limits, target(2, 2000 + n)), Verdict::Now);
    }
    assert_eq!(fail(&mut limits, at(0), "u", target(1, 2000)), Verdict::Now);
    // 19 failures, nine ports at each target.
    assert_eq!(give_up(&mut limits, target(1, 3000)), Verdict::Now);
    assert_eq!(give_up(&mut limits, target(1, 3001)), Verdict::Never, "ten ports");
    assert_eq!(give_up(&mut limits, target(2, 3000)), Verdict::Now);
    assert_eq!(give_up(&mut limits, target(2, 3001)), Verdict::Never);
    let permit = 7;
    // A proof with the second target forgives what was given up there, and nothing else.
    limits.proved(at(0), b"u", "::ffff:192.0.2.2".parse().unwrap());
    let account = &limits.accounts[b"u".as_slice()];
    assert_eq!(account.failed_ports(target(2, 0).ip(), std::iter::empty()), 0);
    assert_eq!(account.failed_ports(target(1, 0).ip(), std::iter::empty()), 10);
    // 11 failures are left.
    for n in 0..19 {
        assert_eq!(limits.ask(at(0), permit, b"u", target(3 + n, 2000)), Verdict::Now, "{n}");
        limits.done(at(0), permit, TryEnd::GivenUp);
    }
    assert_eq!(limits.ask(at(0), permit, b"u", target(99, 2000)), Verdict::Never);
    limits.proved(at(0), b"u", target(1, 0).ip());
    let failed = limits.accounts[b"u".as_slice()].failed_ports(target(1, 0).ip(), std::iter::empty());
    assert_eq!(failed, 1, "the one that was not given up");
}

#[test]
fn hosts_that_prove_themselves_at_a_listener_take_no_more_memory_than_others() {
    let mut limits = Limits::new();
    let most = u32::try_from(MAX_REMEMBERED).unwrap();
    for n in 0..most + 50 {
        let peer = std::net::Ipv4Addr::from(0x0A00_0000 + n).into();
        limits.proved(at(u64::from(n)), b"u", peer);
        limits.proved(at(u64::from(n)), b"u", peer);
        assert_eq!(limits.pairs, limits.accounts[b"u".as_slice()].remembered());
        assert!(limits.pairs <= MAX_REMEMBERED);
    }
    assert!(
        !limits.accounts[b"u".as_slice()].has_proved("10.0.0.0".parse().unwrap()),
        "the oldest goes first"
    );
    assert!(limits.accounts[b"u".as_slice()].has_proved("10.0.1.0".parse().unwrap()));
}

#[test]
fn ten_failed_ports_of_an_account_at_one_target_stop_it_there_for_an_hour_and_nobody_else() {
    let mut limits = Limits::new();
    for n in 0..10 {
        assert_eq!(fail(&mut limits, at(0), "u", target(1, 2000 + n)), Verdict::Now);
    }
    assert_eq!(fail(&mut limits, at(3599), "u", target(1, 3000)), Verdict::Never);
    assert_eq!(fail(&mut limits, at(3599), "u", target(1, 2000)), Verdict::Never);
    assert_eq!(fail(&mut limits, at(3599), "u", target(2, 3000)), Verdict::Now);
    assert_eq!(fail(&mut limits, at(3599), "v", target(1, 3000)), Verdict::Now);
    assert_eq!(fail(&mut limits, at(3600), "u", target(1, 3001)), Verdict::Now);
}

#[test]
fn a_port_counts_once_and_only_for_its_own_host() {
    let mut limits = Limits::new();
    for n in 0..9 {
        fail(&mut limits, at(0), "u", target(1, 2000 + n));
        fail(&mut limits, at(0), "u", target(1, 2000));
    }
    assert_eq!(fail(&mut limits, at(600), "u", target(2, 7000)), Verdict::Now);
    assert_eq!(limits.ask(at(600), 1, b"u", target(1, 3000)), Verdict::Now, "the tenth port");
    assert_eq!(limits.ask(at(600), 2, b"u", target(1, 3001)), Verdict::Never, "it is being tried");
    limits.done(at(600), 1, TryEnd::Proven);
    assert_eq!(limits.ask(at(600), 2, b"u", target(1, 3001)), Verdict::Now);
}

#[test]
fn mapped_addresses_are_those_of_the_same_host() {
    let mut limits = Limits::new();
    let mapped = |port| SocketAddr::new("::ffff:192.0.2.1".parse().unwrap(), port);
    for n in 0..10 {
        assert_eq!(fail(&mut limits, at(0), "u", mapped(2000 + n)), Verdict::Now);
    }
    assert_eq!(fail(&mut limits, at(0), "u", target(1, 3000)), Verdict::Never);
}

#[test]
fn fifty_failed_ports_of_a_target_stop_those_who_have_failed_there_themselves() {
    let mut limits = Limits::new();
    many_fail(&mut limits, 50);
    assert_eq!(fail(&mut limits, at(1), "a3", target(1, 4000)), Verdict::Never);
    assert_eq!(fail(&mut limits, at(1), "a3", target(2, 4000)), Verdict::Now);
    assert_eq!(fail(&mut limits, at(1), "old", target(2, 4001)), Verdict::Now);
    assert_eq!(
        fail(&mut limits, at(1), "old", target(1, 4100)),
        Verdict::Now,
        "it has failed elsewhere only"
    );
    assert_eq!(fail(&mut limits, at(1), "new", target(1, 4000)), Verdict::Now, "the other half is reserved");
    assert_eq!(fail(&mut limits, at(1), "new", target(1, 4001)), Verdict::Never);
    assert_eq!(fail(&mut limits, at(3600), "a3", target(1, 4000)), Verdict::Now);
}

#[test]
fn a_hundred_failed_ports_of_a_target_stop_all_but_those_who_proved_themselves_there_within_a_day() {
    let mut limits = Limits::new();
    let day = 24 * 3600;
    assert_eq!(try_once(&mut limits, at(0), "ann", target(1, 1999), TryEnd::Proven), Verdict::Now);
    for n in 0..100 {
        assert_eq!(fail(&mut limits, at(day - 60), &format!("b{n}"), target(1, 2000 + n)), Verdict::Now);
    }
    assert_eq!(fail(&mut limits, at(day - 60), "new", target(1, 4000)), Verdict::Never);
    assert_eq!(fail(&mut limits, at(day - 60), "new", target(2, 4000)), Verdict::Now);
    assert_eq!(fail(&mut limits, at(day - 1), "ann", target(1, 4000)), Verdict::Now);
    assert_eq!(fail(&mut limits, at(day), "ann", target(1, 4001)), Verdict::Never);
    assert_eq!(fail(&mut limits, at(day - 60 + 3600), "new", target(1, 4000)), Verdict::Now);
}

#[test]
fn a_proof_spares_nobody_from_the_limits_of_the_account_itself() {
    let mut limits = Limits::new();
    try_once(&mut limits, at(0), "ann", target(1, 1999), TryEnd::Proven);
    for n in 0..10 {
        assert_eq!(fail(&mut limits, at(0), "ann", target(1, 2000 + n)), Verdict::Now);
    }
    assert_eq!(fail(&mut limits, at(0), "ann", target(1, 3000)), Verdict::Never);
}

#[test]
fn ports_that_are_being_tried_count_before_they_fail() {
    let mut limits = Limits::new();
    for n in 0..100u16 {
        let account = n.to_string();
        assert_eq!(limits.ask(at(0), n.into(), account.as_bytes(), target(1, 2000 + n)), Verdict::Now);
    }
    assert_eq!(limits.ask(at(0), 100, b"new", target(1, 3000)), Verdict::Never);
    limits.done(at(0), 0, TryEnd::Proven);
    assert_eq!(limits.ask(at(0), 100, b"new", target(1, 3000)), Verdict::Now);
}

#[test]
fn whatever_one_account_does_another_one_is_neither_delayed_nor_refused() {
    let mut limits = Limits::new();
    let mut permits = 0..;
    for round in 0..400u64 {
        let (now, port) = (at(round * 20), 2000 + u16::try_from(round).unwrap());
        let mine: Vec<u32> = permits.by_ref().take(80).collect();
        for (n, permit) in mine.iter().enumerate() {
            limits.ask(now, *permit, b"eve", target(u8::try_from(n % 8).unwrap(), port));
        }
        for host in 0..8 {
            assert_eq!(fail(&mut limits, now, "ann", target(host, 3000 + u16::from(host))), Verdict::Now);
            limits.accounts.remove(b"ann".as_slice());
        }
        for permit in mine {
            limits.done(now, permit, TryEnd::Failed);
        }
    }
}

#[test]
fn whoever_queued_is_judged_again_when_the_turn_comes() {
    let mut limits = Limits::new();
    for n in 0..4 {
        assert_eq!(limits.ask(at(0), n, b"u", target(9, 2000)), Verdict::Now);
    }
    assert_eq!(limits.ask(at(0), 4, b"u", target(1, 4000)), Verdict::Later);
    many_fail(&mut limits, 100);
    assert_eq!(limits.done(at(1), 0, TryEnd::Failed), [(4, Verdict::Never)]);
}

#[test]
fn sixty_four_waits_of_an_account_queue_and_no_more() {
    let mut limits = Limits::new();
    let mut ask = |n: u8| limits.ask(at(0), n.into(), b"u", target(n, 2000));
    assert!((0..4).all(|n| ask(n) == Verdict::Now));
    assert!((4..68).all(|n| ask(n) == Verdict::Later));
    assert_eq!(ask(68), Verdict::Never);
}

#[test]
fn each_end_of_a_wait_lets_one_that_queues_begin() {
    let mut limits = Limits::new();
    for n in 0..7u8 {
        limits.ask(at(0), n.into(), b"u", target(n, 2000));
    }
    for (over, next) in [(0, 4), (1, 5), (2, 6)] {
        assert_eq!(limits.done(at(1), over, TryEnd::GivenUp), [(next, Verdict::Now)]);
    }
    assert_eq!(limits.done(at(1), 3, TryEnd::Proven), []);
    assert_eq!(limits.ask(at(1), 7, b"u", target(7, 2000)), Verdict::Now);
    assert_eq!(limits.ask(at(1), 8, b"u", target(8, 2000)), Verdict::Later);
}

#[test]
fn memory_is_bounded_and_freed_and_nobody_is_refused_for_it() {
    let mut limits = Limits::new();
    // The later, the lower: age decides, not the order of addresses.
    let host = |n: u32| SocketAddr::new(std::net::Ipv4Addr::from(0x0AFF_FFFF - n).into(), 2000);
    // Somebody has proved a transfer, and somebody else fails again and again.
    try_once(&mut limits, at(0), "ann", target(1, 2000), TryEnd::Proven);
    let most = u32::try_from(MAX_REMEMBERED).unwrap();
    for n in 0..most + 200 {
        let account = if n < 100 { "eve".to_owned() } else { format!("b{n}") };
        let now = at(u64::from(n / 29) * 2);
        assert_eq!(
            try_once(&mut limits, now, &account, host(n), TryEnd::Failed),
            if (30..100).contains(&n) { Verdict::Never } else { Verdict::Now },
            "{n}"
        );
        assert!(limits.pairs <= MAX_REMEMBERED && limits.targets.len() <= MAX_REMEMBERED);
        if n == most + 80 {
            // eve held most, so she lost her oldest pairs first; ann lost nothing to her.
            let eve = &limits.accounts[b"eve".as_slice()];
            assert!(eve.remembered() < 30);
            let failed_at = |n| eve.failed_ports(host(n).ip(), std::iter::empty());
            // Of those that failed at the same time, the one with the lowest address went first.
            assert_eq!((failed_at(28), failed_at(29)), (0, 1));
            assert!(!limits.targets.contains_key(&host(28).ip()));
            assert!(limits.targets.contains_key(&host(n).ip()));
            assert!(limits.accounts[b"ann".as_slice()].has_proved(target(1, 0).ip()));
        }
    }
    assert_eq!(limits.pairs, limits.accounts.values().map(Account::remembered).sum::<usize>());
    assert_eq!(limits.accounts.len(), limits.pairs, "one pair each by now");
    assert_eq!(limits.ask(at(100_000), 1, b"u", target(1, 2000)), Verdict::Now);
    assert_eq!((limits.accounts.len(), limits.targets.len(), limits.pairs), (1, 0, 0));
}

#[test]
fn a_jump_of_the_clock_by_hours_ends_what_was_counted_and_no_turn() {
    let mut limits = Limits::new();
    for n in 0..4 {
        assert_eq!(limits.ask(at(0), n, b"u", target(1, 2000)), Verdict::Now);
    }
    assert_eq!(limits.ask(at(0), 4, b"u", target(2, 2000)), Verdict::Later);
    for n in 0..30 {
        assert_eq!(fail(&mut limits, at(0), "v", target(n, 2000)), Verdict::Now);
    }
    assert_eq!(fail(&mut limits, at(0), "v", target(99, 2000)), Verdict::Never);
    let later = at(10 * 3_600);
    assert_eq!(fail(&mut limits, later, "v", target(99, 2000)), Verdict::Now);
    assert_eq!(limits.ask(later, 5, b"u", target(3, 2000)), Verdict::Later, "four are still going");
    assert_eq!(limits.most_at_once(), 4);
    assert_eq!(limits.done(later, 0, TryEnd::Failed), [(4, Verdict::Now)]);
}
