//! Accounts of tokens and groups.

use super::super::rules::{Bounds, Rule};
use super::*;

fn policy(whole: Bounds, group: Bounds) -> Policy {
    let group = Rule { name: "staff".to_owned(), bounds: group, ..Rule::default() };
    let names = ["ann", "bob", "eve", "joe", "sue"];
    let identity =
        |name: &str| Rule { name: name.to_owned(), parent: Some("staff".to_owned()), ..Rule::default() };
    Policy::new(Vec::new(), whole, vec![group], names.map(identity).to_vec()).unwrap()
}

fn standing(accounts: &Accounts, policy: &Policy, name: &str) -> Standing {
    accounts.standing(policy.terms(name).unwrap())
}

#[test]
fn r57_a_token_has_a_quarter_and_others_keep_theirs() {
    let whole = Bounds { joins: Some(8), sessions: Some(8), ..Bounds::default() };
    let (policy, accounts) = (policy(whole, Bounds::default()), Accounts::new(Clock::start()));
    let ann = standing(&accounts, &policy, "ann");
    let mut held = vec![ann.take(Kind::Join).unwrap(), ann.take(Kind::Join).unwrap()];
    let level = Level::Identity("ann".to_owned());
    assert_eq!(ann.take(Kind::Join).unwrap_err(), Full::Count { level, kind: Kind::Join, bound: 2 });
    held.push(ann.take(Kind::Session).unwrap());
    for name in ["bob", "bob", "eve", "eve", "joe", "joe"] {
        held.push(standing(&accounts, &policy, name).take(Kind::Join).unwrap());
    }
    let sue = standing(&accounts, &policy, "sue");
    let full = sue.take(Kind::Join).unwrap_err();
    assert_eq!(full.to_string(), "a group of this token has all 8 joins that it may have");
    drop(held.remove(0));
    held.push(sue.take(Kind::Join).unwrap());
    let kinds = [Kind::Session, Kind::Tunnel, Kind::Join, Kind::Call];
    let joins = accounts.uses(&kinds).into_iter().find(|used| used.kind == Kind::Join);
    assert_eq!(joins, Some(Use { kind: Kind::Join, used: 8, bound: 8 }));
    drop(held);
    assert!(accounts.uses(&kinds).iter().all(|used| used.used == 0));
}

#[test]
fn each_token_has_an_identity_of_its_own() {
    let policy = policy(Bounds::default(), Bounds::default());
    let accounts = Accounts::new(Clock::start());
    for name in ["ann", "bob"] {
        assert_eq!(standing(&accounts, &policy, name).identity(), Level::Identity(name.to_owned()));
    }
}

#[test]
fn what_is_refused_by_a_group_is_not_kept_by_the_token() {
    let group = Bounds { tunnels: Some(1), ..Bounds::default() };
    let (policy, accounts) = (policy(Bounds::default(), group), Accounts::new(Clock::start()));
    let (ann, bob) = (standing(&accounts, &policy, "ann"), standing(&accounts, &policy, "bob"));
    let first = ann.take(Kind::Tunnel).unwrap();
    for _ in 0..3 {
        assert!(matches!(bob.take(Kind::Tunnel), Err(Full::Count { level: Level::Group(_), .. })));
    }
    drop(first);
    bob.take(Kind::Tunnel).map(drop).unwrap();
}

#[test]
fn the_last_descriptors_are_for_the_tokens_that_hold_least_until_they_are_given_back() {
    let policy = policy(Bounds::default(), Bounds::default());
    // 60 descriptors.
    let accounts = Accounts::with(Clock::start(), Descriptors::of(80));
    let [eve, ann, bob] = ["eve", "ann", "bob"].map(|name| standing(&accounts, &policy, name));
    let mut held: Vec<Share> = (0..8).map(|_| eve.take(Kind::Join).unwrap()).collect();
    let of_ann = ann.take(Kind::Session).unwrap();
    assert_eq!(eve.take(Kind::Join).unwrap_err(), Full::Descriptors(54));
    let of_bob = [bob.take(Kind::Session).unwrap(), bob.take(Kind::Tunnel).unwrap()];
    ann.take(Kind::Join).map(drop).unwrap();
    drop(held.pop());
    held.push(eve.take(Kind::Tunnel).unwrap());
    drop((held, of_ann, of_bob));
    let alone: Vec<Share> = (0..8).map(|_| eve.take(Kind::Join).unwrap()).collect();
    assert_eq!(eve.take(Kind::Join).unwrap_err(), Full::Descriptors(54), "the last ones are for newcomers");
    ann.take(Kind::Join).map(drop).unwrap();
    drop(alone);
    eve.take(Kind::Join).map(drop).unwrap();
}

#[test]
fn starts_and_bytes_are_shared_by_a_group() {
    let group = Bounds { starts: Some(8), daily: Some(1_000), ..Bounds::default() };
    let (policy, accounts) = (policy(Bounds::default(), group), Accounts::new(Clock::start()));
    let (ann, bob) = (standing(&accounts, &policy, "ann"), standing(&accounts, &policy, "bob"));
    for _ in 0..2 {
        ann.take(Kind::Join).map(drop).unwrap();
    }
    assert_eq!(ann.take(Kind::Join).unwrap_err(), Full::Starts(Level::Identity("ann".to_owned()), 2));
    ann.take(Kind::Session).map(drop).unwrap();
    assert!(bob.volumes().iter().all(|volume| volume.take(250)));
    assert_eq!(bob.take(Kind::Join).unwrap_err(), Full::Daily(Level::Identity("bob".to_owned())));
    assert_eq!(ann.volumes()[1].left(), 750);
}

#[test]
fn the_bytes_of_a_day_come_back_when_the_day_is_over_and_not_before() {
    // One of a group has a quarter.
    let group = Bounds { daily: Some(4_000), ..Bounds::default() };
    let (policy, accounts) = (policy(Bounds::default(), group), Accounts::new(Clock::start()));
    let ann = standing(&accounts, &policy, "ann");
    let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
    let volume = ann.volumes().remove(0);
    assert!(volume.take_at(at(10), 1_000));
    let own = &ann.accounts[0];
    let full = Full::Daily(Level::Identity("ann".to_owned()));
    for seconds in [10, 43_200, 86_409] {
        assert_eq!(own.take(Kind::Join, at(seconds)).unwrap_err(), full, "{seconds}");
    }
    // A session costs no bytes.
    own.take(Kind::Session, at(11)).unwrap();
    own.take(Kind::Join, at(86_410)).unwrap();
}

#[test]
fn r23_a_token_that_tries_closed_ports_begins_no_join_for_the_rest_of_the_minute() {
    let (policy, accounts) = (policy(Bounds::default(), Bounds::default()), Accounts::new(Clock::start()));
    let (ann, bob) = (standing(&accounts, &policy, "ann"), standing(&accounts, &policy, "bob"));
    for _ in 0..CLOSED_PORTS {
        ann.take(Kind::Join).map(drop).unwrap();
        drop(ann.dial());
    }
    let closed = Full::ClosedPorts(Level::Identity("ann".to_owned()));
    assert_eq!(ann.take(Kind::Join).unwrap_err(), closed);
    ann.take(Kind::Tunnel).map(drop).unwrap();
    bob.take(Kind::Join).map(drop).unwrap();
    let later = accounts.0.clock.now() + MINUTE;
    ann.accounts[0].take(Kind::Join, later).unwrap();
}

#[test]
fn r23_connections_under_way_count_before_they_are_known_to_be_closed() {
    let (policy, accounts) = (policy(Bounds::default(), Bounds::default()), Accounts::new(Clock::start()));
    let (ann, bob) = (standing(&accounts, &policy, "ann"), standing(&accounts, &policy, "bob"));
    let mut under_way = Vec::new();
    let full = loop {
        match ann.take(Kind::Join) {
            Ok(_join) => under_way.push(ann.dial()),
            Err(full) => break full,
        }
    };
    assert_eq!(full, Full::Dialling(Level::Identity("ann".to_owned()), under_way.len()));
    assert!(under_way.len() >= DIALLING_LEAST);
    bob.take(Kind::Join).map(drop).unwrap();
    // A port where a server listens is free again, and charged to nobody.
    under_way.drain(..).for_each(Dialling::is_innocent);
    ann.take(Kind::Join).map(drop).unwrap();
}

#[test]
fn a_policy_that_is_read_again_holds_for_what_is_in_use_and_forgets_no_volume() {
    let accounts = Accounts::new(Clock::start());
    let tight =
        policy(Bounds { sessions: Some(4), daily: Some(400), ..Bounds::default() }, Bounds::default());
    let ann = standing(&accounts, &tight, "ann");
    let held = ann.take(Kind::Session).unwrap();
    ann.take(Kind::Session).unwrap_err();
    assert!(ann.volumes().iter().all(|volume| volume.take(100)));
    drop(ann);
    let wide = policy(Bounds { sessions: Some(8), daily: Some(800), ..Bounds::default() }, Bounds::default());
    accounts.forget(&wide);
    let ann = standing(&accounts, &wide, "ann");
    let second = ann.take(Kind::Session).unwrap();
    ann.take(Kind::Session).unwrap_err();
    assert_eq!(ann.volumes()[0].left(), 100);
    drop((held, second, ann));
    let others = Policy::new(
        Vec::new(),
        Bounds::default(),
        Vec::new(),
        vec![Rule { name: "zoe".to_owned(), ..Rule::default() }],
    );
    accounts.forget(&others.unwrap());
    assert_eq!(accounts.0.accounts.locked().len(), 1, "the whole relay is left");
}
