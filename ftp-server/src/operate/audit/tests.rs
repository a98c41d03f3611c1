//! Every kind of record has a name, and the reference has all of them; refusals have few lines.

use std::collections::BTreeSet;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ftp_proto::command::{Direction, Verb};
use ftp_proto::policy::RefusalReason;
use ftp_proto::server::Timer;
use ftp_proto::server::ask::{FileFailure, TransferFailure};
use ftp_proto::timer::Moment;
use ftp_proto::wire::{PathName, TransferId};

use super::{Cause, EVENTS, HeaderFailure, MAX_ADDRESSES, MAX_REFUSALS, MINUTE, Record, Refusals, Transfer};
use crate::auth::{NoLogin, Unfit};
use crate::limits::{NoPlace, Owner, named};
use ftp_io::program::hook::HookFailure;

/// Does not compile if a kind is missing: a new one belongs to [`every`], too.
const fn is_in_every(record: &Record<'_>) -> bool {
    match record {
        Record::Connected
        | Record::TurnedAway(_)
        | Record::BadHeader { .. }
        | Record::Displaced(_)
        | Record::NoPort { .. }
        | Record::LoggedIn { .. }
        | Record::LoggedOut
        | Record::LoginFailed { .. }
        | Record::LoginInClear { .. }
        | Record::DataInClear { .. }
        | Record::Refused { .. }
        | Record::Stranger { .. }
        | Record::GavePortsUp
        | Record::GaveConnectionsUp
        | Record::NotPrivate { .. }
        | Record::NotFtp(_)
        | Record::TimedOut(_)
        | Record::Listed(_)
        | Record::Moved(_)
        | Record::Changed { .. }
        | Record::Copied { .. }
        | Record::Hooked { .. }
        | Record::GroupHooksFailed { .. }
        | Record::Untold { .. }
        | Record::Kicked
        | Record::Detached { .. }
        | Record::Ended { .. } => true,
    }
}

/// One record of each kind.
fn every<'a>(
    path: &'a PathName,
    owner: &'a Owner,
    failed: &'a HookFailure,
    broken: &'a TransferFailure,
) -> Vec<Record<'a>> {
    let from: SocketAddr = "192.0.2.7:5000".parse().unwrap();
    let received = Transfer::stored(path);
    let sent = Transfer { verb: Verb::Retr, direction: Direction::Send, ..received };
    let broken = |transfer: Transfer<'a>| Transfer { failure: Some(broken), ..transfer };
    let changed = |failure| Record::Changed { verb: Verb::Dele, path, to: None, failure };
    let copied = |outcome| Record::Copied { from: path, to: path, outcome, took: Duration::ZERO };
    let full = NoPlace::Banned { minutes: 1 };
    vec![
        Record::Connected,
        Record::TurnedAway(full),
        Record::BadHeader { from, why: HeaderFailure::Late },
        Record::Displaced(full),
        Record::NoPort { owner, error: "two words".to_owned() },
        Record::LoggedIn { private: true },
        Record::LoggedOut,
        Record::LoginFailed { user: b"a b", why: NoLogin::Unfit(Unfit::Expired), shown: None },
        Record::LoginInClear { user: b"a b" },
        Record::DataInClear { verb: Verb::List },
        Record::Refused { why: RefusalReason::LowPort, address: from },
        Record::Stranger { from },
        Record::GavePortsUp,
        Record::GaveConnectionsUp,
        Record::NotPrivate { from, why: "two words" },
        Record::NotFtp("HTTP"),
        Record::TimedOut(Timer::Idle),
        Record::Listed(sent),
        Record::Listed(broken(sent)),
        Record::Moved(sent),
        Record::Moved(broken(sent)),
        Record::Moved(received),
        Record::Moved(broken(received)),
        changed(None),
        changed(Some(FileFailure::NoSpace)),
        copied(Ok(7)),
        copied(Err(FileFailure::NoSpace)),
        Record::Hooked { path, failure: None },
        Record::Hooked { path, failure: Some(failed) },
        Record::GroupHooksFailed { paths: std::slice::from_ref(path), why: failed },
        Record::Untold { event: "change failed", count: 7 },
        Record::Kicked,
        Record::Detached { id: TransferId::new([0; 16]) },
        Record::Ended { took: Duration::ZERO, sent: 0, received: 0, cause: Cause::Quit },
    ]
}

#[test]
fn every_event_is_in_the_reference_and_the_other_way_round() {
    let (path, owner) = (PathName::from_wire("/a").unwrap(), Owner::new(None, [192, 0, 2, 7].into()));
    let failed = HookFailure::TimedOut(Duration::ZERO);
    let broken = TransferFailure::from("two words");
    let every = every(&path, &owner, &failed, &broken);
    assert!(every.iter().all(is_in_every));
    let names: BTreeSet<_> = every.iter().map(Record::name).collect();
    // A ban begins in no session.
    let names: BTreeSet<_> = names.into_iter().chain(["banned"]).collect();
    let listed: BTreeSet<_> = EVENTS.lines().filter_map(|line| line.split(" | ").next()).collect();
    assert_eq!(names, listed);
    assert_eq!(listed.len(), EVENTS.lines().count(), "each name stands once");
}

#[test]
fn each_event_has_lines_of_its_own_and_what_has_none_is_counted() {
    let (refusals, now) = (Refusals::default(), Moment::after_start(MINUTE));
    let ann = named("ann");
    let told = |event, times: u32| {
        (0..times).filter(|_| refusals.due(event, ann.clone(), now).is_some()).count() as u64
    };
    assert_eq!(told("stranger closed", 500), u64::from(MAX_REFUSALS));
    assert_eq!(told("change failed", 2), 2, "strangers take no lines of the account itself");
    assert_eq!(refusals.take_untold(&named("bob")), []);
    assert_eq!(refusals.take_untold(&ann), [("stranger closed", u64::from(500 - MAX_REFUSALS))]);
    assert_eq!(refusals.take_untold(&ann), [], "each is counted once");
}

#[test]
fn a_crowd_of_addresses_takes_no_line_of_an_account() {
    let (refusals, now) = (Refusals::default(), Moment::after_start(MINUTE));
    let crowd = 2 * u32::try_from(MAX_ADDRESSES).unwrap();
    let address = |number: u32| Owner::new(None, Ipv4Addr::from_bits(0x0a00_0000 + number).into());
    let told = (0..crowd).filter(|number| refusals.due("change failed", address(*number), now).is_some());
    assert_eq!(told.count(), MAX_ADDRESSES);
    let ann = named("ann");
    assert_eq!(refusals.due("change failed", ann.clone(), now), Some(0), "none of hers is missing");
    assert_eq!(refusals.take_untold(&ann), []);
    let later = Moment::after_start(2 * MINUTE);
    assert_eq!(refusals.due("change failed", ann, later), Some(0), "others are not counted as hers");
    let missing = u64::from(crowd) - MAX_ADDRESSES as u64;
    assert_eq!(refusals.due("change failed", address(crowd), later), Some(missing));
}
