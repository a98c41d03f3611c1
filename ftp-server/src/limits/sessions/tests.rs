//! Who comes in, and who gives way.

use std::time::Duration;

use super::*;
use crate::limits::named;

const NO_LIMITS: AccountLimits = AccountLimits { sessions: None, per_address: None };

fn host(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

/// Whether a connection has to make room.
fn is_displaced((_, displacement): &mut (SessionSlot, Displacement)) -> bool {
    displacement.0.as_mut().is_some_and(|displaced| displaced.try_recv().is_ok())
}

#[test]
fn sessions_are_counted_until_they_end() {
    let sessions = Sessions::new(Limits { sessions: Some(2), ..Limits::default() });
    let first = sessions.admit(host(1)).unwrap();
    let _second = sessions.admit(host(2)).unwrap();
    assert_eq!(sessions.admit(host(2)).unwrap_err(), NoPlace::Reached(Limit::Sessions));
    drop(first);
    assert!(sessions.admit(host(2)).is_ok());
}

#[test]
fn one_address_does_not_take_the_places_of_others_and_loopback_is_spared() {
    let sessions = Sessions::new(Limits { per_address: Some(1), ..Limits::default() });
    let _first = sessions.admit(host(1)).unwrap();
    assert_eq!(sessions.admit(host(1)).unwrap_err(), NoPlace::Reached(Limit::SessionsPerAddress));
    let _other = sessions.admit(host(2)).unwrap();
    let _network = sessions.admit("2001:db8::1".parse().unwrap()).unwrap();
    assert_eq!(
        sessions.admit("2001:db8::2".parse().unwrap()).unwrap_err(),
        NoPlace::Reached(Limit::SessionsPerAddress)
    );
    for here in ["127.0.0.1", "127.0.0.1", "::1", "::1", "::ffff:127.0.0.1"] {
        std::mem::forget(sessions.admit(here.parse().unwrap()).unwrap());
    }
}

#[test]
fn a_login_makes_room_at_the_door() {
    let limits =
        Limits { unauthenticated: Some(2), unauthenticated_per_address: Some(1), ..Limits::default() };
    let sessions = Sessions::new(limits);
    let mut ann = sessions.admit(host(1)).unwrap();
    assert_eq!(sessions.admit(host(1)).unwrap_err(), NoPlace::Reached(Limit::UnauthenticatedPerAddress));
    ann.0.log_in(b"ann", named("ann"), NO_LIMITS).unwrap();
    ann.0.log_in(b"ann", named("ann"), NO_LIMITS).unwrap();
    let _again = sessions.admit(host(1)).unwrap();
    let _bob = sessions.admit(host(2)).unwrap();
    assert!(!is_displaced(&mut ann));
}

#[test]
fn at_a_full_door_the_oldest_of_the_address_that_holds_most_gives_way() {
    let sessions = Sessions::new(Limits { unauthenticated: Some(4), ..Limits::default() });
    let mut eve = sessions.admit(host(1)).unwrap();
    let mut flood: Vec<_> = (0..3).map(|_| sessions.admit(host(2)).unwrap()).collect();
    let mut ann = sessions.admit(host(3)).unwrap();
    assert!(is_displaced(&mut flood[0]) && !is_displaced(&mut flood[1]) && !is_displaced(&mut eve));
    let _more = sessions.admit(host(2)).unwrap();
    assert!(is_displaced(&mut flood[1]), "the flood makes room for itself");
    assert!(!is_displaced(&mut eve) && !is_displaced(&mut ann), "never one within its equal share");
}

#[test]
fn if_nobody_holds_more_than_a_share_the_oldest_of_all_gives_way() {
    let sessions = Sessions::new(Limits { unauthenticated: Some(3), ..Limits::default() });
    let mut all: Vec<_> = (0..3).map(|n| sessions.admit(host(n)).unwrap()).collect();
    let _newcomer = sessions.admit(host(9)).unwrap();
    assert!(is_displaced(&mut all[0]) && !is_displaced(&mut all[1]) && !is_displaced(&mut all[2]));
    drop(all);
    assert_eq!(sessions.state.locked().door.len(), 1);
}

#[test]
fn an_account_without_limits_of_its_own_has_those_of_the_server() {
    let sessions = Sessions::new(Limits { per_account: Some(2), ..Limits::default() });
    let log_in = |owner: Owner, limits: AccountLimits| {
        let (slot, _) = sessions.admit(host(1)).unwrap();
        slot.log_in(format!("{owner}").as_bytes(), owner, limits).map(|()| slot)
    };
    let _anns = [log_in(named("ann"), NO_LIMITS).unwrap(), log_in(named("ann"), NO_LIMITS).unwrap()];
    assert_eq!(log_in(named("ann"), NO_LIMITS).unwrap_err(), NoPlace::Reached(Limit::AccountSessions));
    let own = AccountLimits { sessions: Some(3), per_address: None };
    let _bobs = [(); 3].map(|()| log_in(named("bob"), own).unwrap());
    let nameless = || Owner::new(None, host(1));
    let _guests = [(); 3].map(|()| log_in(nameless(), NO_LIMITS).unwrap());
}

#[test]
fn an_account_has_its_own_limits() {
    let sessions = Sessions::new(Limits::default());
    let limits = AccountLimits { sessions: Some(3), per_address: Some(2) };
    let log_in = |from: u8, name: &str| {
        let (slot, _) = sessions.admit(host(from)).unwrap();
        slot.log_in(name.as_bytes(), named(name), limits).map(|()| slot)
    };
    let first = log_in(1, "ann").unwrap();
    let _second = log_in(1, "ann").unwrap();
    assert_eq!(log_in(1, "ann").unwrap_err(), NoPlace::Reached(Limit::AccountSessionsPerAddress));
    let _third = log_in(2, "ann").unwrap();
    assert_eq!(log_in(3, "ann").unwrap_err(), NoPlace::Reached(Limit::AccountSessions));
    let bob = log_in(1, "bob").unwrap();
    drop(first);
    bob.log_in(b"ann", named("ann"), limits).unwrap();
    assert_eq!(log_in(3, "ann").unwrap_err(), NoPlace::Reached(Limit::AccountSessions));
}

#[test]
fn sessions_of_removed_accounts_end_and_others_stay() {
    let sessions = Sessions::new(Limits::default());
    let log_in = |name: &str| {
        let session = sessions.admit(host(1)).unwrap();
        session.0.log_in(b"first", named("first"), NO_LIMITS).unwrap();
        session.0.log_in(name.as_bytes(), named(name), NO_LIMITS).unwrap();
        session
    };
    let (mut ann, mut bob) = (log_in("ann"), log_in("bob"));
    let mut nobody = sessions.admit(host(1)).unwrap();
    sessions.end_others(|name| name == b"bob");
    assert!(is_displaced(&mut ann) && !is_displaced(&mut bob) && !is_displaced(&mut nobody));
    drop((ann, bob));
    assert_eq!(sessions.state.locked().seats.len(), 1);
}

#[test]
fn nobody_is_remembered_after_leaving() {
    let sessions = Sessions::new(Limits::default());
    let (slot, _) = sessions.admit(host(1)).unwrap();
    slot.log_in(b"ann", named("ann"), NO_LIMITS).unwrap();
    drop((slot, sessions.admit(host(2)).unwrap()));
    let state = sessions.state.locked();
    assert!(state.by_address.is_empty() && state.by_account.is_empty() && state.door.len() == 0);
    assert!(state.inside.is_empty() && state.seats.is_empty() && state.open == 0);
}

/// A session of `name` from `from` that does nothing since a moment.
fn idle(sessions: &Arc<Sessions>, from: u8, name: &str, since: u64) -> (SessionSlot, Displacement) {
    let session = sessions.admit(host(from)).unwrap();
    session.0.log_in(name.as_bytes(), named(name), NO_LIMITS).unwrap();
    session.0.set_idle(Some(Moment::after_start(Duration::from_secs(since))));
    session
}

/// A login in a full server.
fn log_in(
    sessions: &Arc<Sessions>,
    from: u8,
    name: &str,
    owner: Owner,
) -> Result<(SessionSlot, Displacement), NoPlace> {
    let session = sessions.admit(host(from))?;
    session.0.log_in(name.as_bytes(), owner, NO_LIMITS)?;
    Ok(session)
}

#[test]
fn in_a_full_server_the_account_that_holds_most_gives_up_the_session_that_is_idle_longest() {
    let sessions = Sessions::new(Limits { sessions: Some(6), ..Limits::default() });
    let mut anns: Vec<_> = [9, 3, 1, 5].map(|since| idle(&sessions, 1, "ann", since)).into();
    anns[2].0.set_idle(None);
    let mut bobs: Vec<_> = [1, 1].map(|since| idle(&sessions, 2, "bob", since)).into();
    let stranger = sessions.admit(host(3)).unwrap();
    assert!(anns.iter_mut().all(|ann| !is_displaced(ann)), "a stranger displaces nobody");
    stranger.0.log_in(b"dan", named("dan"), NO_LIMITS).unwrap();
    assert!(is_displaced(&mut anns[1]), "the third one works");
    assert!([0, 2, 3].iter().all(|n| !is_displaced(&mut anns[*n])));
    let _second = log_in(&sessions, 3, "dan", named("dan")).unwrap();
    assert!(is_displaced(&mut anns[3]) && !is_displaced(&mut anns[0]));
    let refused = log_in(&sessions, 3, "dan", named("dan")).unwrap_err();
    assert_eq!(
        refused,
        NoPlace::Reached(Limit::Sessions),
        "three keys, six places: two each are their share"
    );
    assert!(bobs.iter_mut().all(|bob| !is_displaced(bob)));
}

#[test]
fn an_account_that_fills_the_server_with_transfers_gives_up_the_oldest_of_them() {
    let sessions = Sessions::new(Limits { sessions: Some(4), ..Limits::default() });
    let mut all: Vec<_> = ["ann", "ann", "ann", "bob"].map(|name| idle(&sessions, 1, name, 1)).into();
    for ann in &mut all[..3] {
        ann.0.set_idle(None);
    }
    let _dan = log_in(&sessions, 2, "dan", named("dan")).unwrap();
    assert!(is_displaced(&mut all[0]) && !is_displaced(&mut all[1]));
    let another = log_in(&sessions, 2, "dan", named("dan")).unwrap_err();
    assert_eq!(another, NoPlace::Reached(Limit::Sessions), "ann holds as much as dan would");
    assert_eq!(log_in(&sessions, 1, "ann", named("ann")).unwrap_err(), NoPlace::Reached(Limit::Sessions));
    assert!(all[1..].iter_mut().all(|session| !is_displaced(session)));
}

#[test]
fn anonymous_sessions_share_what_one_account_has() {
    let sessions = Sessions::new(Limits { sessions: Some(6), ..Limits::default() });
    let nobody = |n: u8| Owner::Address(Group::of(host(n)));
    let mut bobs: Vec<_> = (0..3).map(|_| idle(&sessions, 1, "bob", 1)).collect();
    let mut anonymous: Vec<_> =
        [10, 10, 11].map(|n| log_in(&sessions, n, "anonymous", nobody(n)).unwrap()).into();
    // From however many addresses they come, they take nothing from bob, but from each other.
    let _one = log_in(&sessions, 12, "anonymous", nobody(12)).unwrap();
    assert!(is_displaced(&mut anonymous[0]));
    assert_eq!(
        log_in(&sessions, 13, "anonymous", nobody(13)).map(drop).unwrap_err(),
        NoPlace::Reached(Limit::Sessions)
    );
    assert!(bobs.iter_mut().all(|bob| !is_displaced(bob)));
}

#[test]
fn with_few_descriptors_a_login_displaces_whoever_holds_most_and_strangers_displace_nobody_inside() {
    let sessions = Sessions::new(Limits::default());
    let few = |from: u8| sessions.admit_to_few_descriptors(host(from));
    let mut bob = idle(&sessions, 1, "bob", 1);
    assert_eq!(few(9).map(drop).unwrap_err(), NoPlace::Reached(Limit::Descriptors), "nobody holds too much");
    let mut anns: Vec<_> = (0..4).map(|_| idle(&sessions, 2, "ann", 5)).collect();
    anns[0].0.set_idle(None);
    let mut first = few(3).unwrap();
    let mut second = few(3).unwrap();
    assert!(is_displaced(&mut first) && !is_displaced(&mut second), "the door grows no more");
    assert!(anns.iter_mut().all(|ann| !is_displaced(ann)));
    second.0.log_in(b"dan", named("dan"), NO_LIMITS).unwrap();
    assert!(is_displaced(&mut anns[1]) && !is_displaced(&mut anns[0]));
    second.0.log_in(b"dan", named("dan"), NO_LIMITS).unwrap();
    assert!(!is_displaced(&mut anns[2]) && !is_displaced(&mut anns[3]), "once for each connection");
    let third = few(2).unwrap();
    assert_eq!(third.0.log_in(b"ann", named("ann"), NO_LIMITS), Err(NoPlace::Reached(Limit::Descriptors)));
    assert!(!is_displaced(&mut bob) && !is_displaced(&mut second));
}

#[test]
fn strangers_at_the_door_of_a_full_server_are_bounded_and_shared_fairly() {
    let sessions = Sessions::new(Limits { sessions: Some(200), ..Limits::default() });
    let _anns: Vec<_> = (0..200).map(|since| idle(&sessions, 1, "ann", since)).collect();
    let mut flood: Vec<_> = (0..MAX_BEYOND).map(|_| sessions.admit(host(2)).unwrap()).collect();
    let bob = sessions.admit(host(3)).unwrap();
    assert_eq!(flood.iter_mut().filter_map(|one| is_displaced(one).then_some(())).count(), 1);
    bob.0.log_in(b"bob", named("bob"), NO_LIMITS).unwrap();
}

#[test]
fn the_uses_of_all_limits_are_told() {
    let limits = Limits { sessions: Some(9), per_address: Some(5), ..Limits::default() };
    let sessions = Sessions::new(limits);
    let _anns = [1, 1, 2].map(|from| {
        let session = sessions.admit(host(from)).unwrap();
        session
            .0
            .log_in(b"ann", named("ann"), AccountLimits { sessions: Some(4), per_address: None })
            .unwrap();
        session
    });
    let _nobody = sessions.admit(host(1)).unwrap();
    let lines: Vec<_> = sessions.uses().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "max-sessions 4/9 gives-way",
            "max-sessions-per-address 3/5 refused",
            "max-unauthenticated 1 gives-way",
            "max-unauthenticated-per-address 1 refused",
            "users.max-sessions 3/4 refused",
            "users.max-sessions-per-address 2 refused",
        ]
    );
}

#[test]
fn a_transfer_that_outlives_its_session_counts_as_a_session() {
    let sessions = Sessions::new(Limits { sessions: Some(1), ..Limits::default() });
    let limits = AccountLimits { sessions: Some(1), per_address: None };
    let (slot, _) = sessions.admit(host(1)).unwrap();
    slot.log_in(b"ann", named("ann"), limits).unwrap();
    let transfer = slot.share();
    drop(slot);
    assert_eq!(sessions.admit(host(2)).unwrap_err(), NoPlace::Reached(Limit::Sessions));
    drop(transfer);
    assert!(sessions.admit(host(2)).is_ok());
}

#[test]
fn whoever_logs_out_counts_among_those_without_login_and_no_more_for_the_account() {
    let limits = Limits { unauthenticated_per_address: Some(1), ..Limits::default() };
    let (sessions, one) = (Sessions::new(limits), AccountLimits { sessions: Some(1), per_address: None });
    let crowded = NoPlace::Reached(Limit::UnauthenticatedPerAddress);
    let (first, _first) = sessions.admit(host(1)).unwrap();
    first.log_in(b"ann", named("ann"), one).unwrap();
    let (second, _second) = sessions.admit(host(1)).unwrap();
    assert_eq!(second.log_in(b"ann", named("ann"), one), Err(NoPlace::Reached(Limit::AccountSessions)));
    assert_eq!(first.log_out(), Err(crowded), "the second one waits there");
    second.log_in(b"ann", named("ann"), one).unwrap();
    second.log_out().unwrap();
    assert_eq!(sessions.admit(host(1)).unwrap_err(), crowded);
    let (third, _third) = sessions.admit(host(2)).unwrap();
    third.log_in(b"ann", named("ann"), one).unwrap();
    drop((first, second, third));
    let state = sessions.state.locked();
    assert!(state.by_account.is_empty() && state.seats.is_empty() && state.door.len() == 0);
    assert_eq!((state.open, state.inside.len()), (0, 0));
}
