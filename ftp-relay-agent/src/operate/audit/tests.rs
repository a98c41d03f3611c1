//! Lines of the audit, and who has them.

use std::collections::BTreeSet;
use std::time::Duration;

use ftp_proto::policy::RefusalReason;
use ftp_proto::relay::agent::{Timer, Withdrawn};

use super::*;
use crate::operate::metrics::Now;
use crate::policy::Full;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// One record of each kind.
fn every(refusal: &Refusal) -> Vec<Record<'_>> {
    let (target, peers) = (at("192.0.2.7:21"), [at("192.0.2.7:5000"), at("192.0.2.8:6000")].map(Some));
    let carried = Carried { a_to_b: 7, b_to_a: 0, how: End::Eof, took: Duration::from_secs(3) };
    let text = "two \"words\"\n";
    vec![
        Record::LinkDenied { reason: text.to_owned() },
        Record::SessionRefused(refusal),
        Record::SessionOpened,
        Record::SessionRevoked(Withdrawn::Token),
        Record::RulesChanged,
        Record::SessionEnded { took: Duration::ZERO },
        Record::RequestRefused {
            id: 1,
            code: Code::Denied,
            why: Some(RefusalReason::LowPort),
            target: Some(target),
            text,
        },
        Record::TunnelOpened { id: 1, target },
        Record::TunnelEnded { id: 1, target, carried: Carried { how: End::Reset(LegId::B), ..carried } },
        Record::JoinOpened { id: 1, peers },
        Record::JoinEnded { id: 1, peers, carried },
        Record::StrangerReset { id: 1, leg: LegId::A, target },
        Record::AgentJoined { agent: "zurich", replaced: true },
        Record::SessionDismissed { code: Code::Replaced, text },
        Record::CallOpened { id: 1, agent: "zurich" },
        Record::CallEnded { id: 1, agent: "zurich", carried },
        Record::TimedOut(Timer::Idle),
        Record::HubTimedOut(ftp_proto::relay::hub::Timer::Pair),
        Record::HubJoined,
        Record::HubLost { reason: text.to_owned() },
        Record::HubStarted,
        Record::HubStopped,
        Record::ProtocolBroken { reason: text },
        Record::RelayStarted,
        Record::PolicyRead,
        Record::PolicyRefused { reason: text.to_owned() },
        Record::RelayStopped,
    ]
}

fn refusal() -> Refusal {
    Full::Daily(crate::policy::Level::Whole).into()
}

#[test]
fn every_event_is_in_the_reference_and_the_other_way_round() {
    let refusal = refusal();
    let names: BTreeSet<_> = every(&refusal).iter().map(Record::name).collect();
    let listed: BTreeSet<_> = EVENTS.lines().filter_map(|line| line.split(" | ").next()).collect();
    assert_eq!(names, listed);
    assert_eq!(listed.len(), EVENTS.lines().count(), "each name stands once");
}

#[test]
fn each_record_is_one_line_of_json_with_who_what_and_why() {
    let who = LinkOwner {
        link: Some(7),
        from: Some(Origin::Address(at("198.51.100.1:999"))),
        token: Some("ann".to_owned()),
    };
    let refusal = refusal();
    for record in every(&refusal) {
        let line = line(&who, &record, 0, "2026-11-21T12:00:00Z");
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["event"], record.name());
        assert_eq!((read["token"].as_str(), read["link"].as_u64()), (Some("ann"), Some(7)));
        assert!(["done", "refused", "cut"].contains(&read["result"].as_str().unwrap()), "{line}");
        assert_eq!(read["result"] == "done", read["reason"].is_null(), "{line}");
    }
    let peers = [Some(at("192.0.2.7:5000")), Some(at("[2001:db8::8]:6000"))];
    let carried = Carried { a_to_b: 9, b_to_a: 0, how: End::LimitBytes, took: Duration::from_secs(3) };
    let expected = "{\"time\":\"2026-11-21T12:00:00Z\",\"event\":\"join-ended\",\"link\":7,\
        \"from\":\"198.51.100.1:999\",\"token\":\"ann\",\"id\":4,\"a\":\"192.0.2.7:5000\",\"b\":\"[2001:db8::8]:6000\",\
        \"a_to_b\":9,\"b_to_a\":0,\"seconds\":3,\"result\":\"cut\",\
        \"reason\":\"its bytes, or those of its token for a day, are used up\"}\n";
    assert_eq!(line(&who, &Record::JoinEnded { id: 4, peers, carried }, 0, "2026-11-21T12:00:00Z"), expected);
}

#[test]
fn the_time_is_that_of_utc() {
    assert_eq!(time(When(1_795_262_400)), "2026-11-21T12:00:00Z");
}

#[test]
fn denials_without_a_line_are_counted_and_told_by_the_next_one() {
    let audit = Audit::default();
    for due in [Some(0), None, None] {
        audit.denied(&LinkOwner::default(), "unknown token", due);
    }
    let now = Now { uses: Vec::new(), unproven: 0, agents: 0, audit_lines_lost: 0 };
    let page = audit.metrics.text(&now);
    assert!(page.contains("\nftp_relay_links_denied_total 3\n"), "{page}");
    let reason = |untold| with_untold("unknown token".to_owned(), untold);
    assert_eq!(reason(0), "unknown token");
    assert_eq!(reason(2), "unknown token; 2 earlier ones were not logged");
}

#[test]
fn a_token_fills_neither_the_log_nor_the_audit_with_what_it_is_refused() {
    let audit = Audit::default();
    let who = |token: &str| LinkOwner { token: Some(token.to_owned()), ..LinkOwner::default() };
    let record = Record::RequestRefused { id: 1, code: Code::NoAgent, why: None, target: None, text: "" };
    let lines = |name: &str, times: u32, seconds| {
        let (mut lines, now) = (Vec::new(), Moment::after_start(Duration::from_secs(seconds)));
        for _ in 0..times {
            audit.refused(&who(name), &record, now, |untold| lines.push(untold));
        }
        lines
    };
    assert_eq!(lines("eve", 87_044, 1), [None; 60]);
    assert_eq!(lines("ann", 1, 1), [None], "the lines of others are theirs");
    assert_eq!(lines("eve", 1, 61), [Some(86_984)]);
    let now = Now { uses: Vec::new(), unproven: 0, agents: 0, audit_lines_lost: 0 };
    let page = audit.metrics.text(&now);
    assert!(page.contains("{reason=\"NoAgent\"} 87046\n"), "{page}");
}

const TUNNEL: &str = "tunnel-opened";

fn second(seconds: u64) -> Moment {
    Moment::after_start(Duration::from_secs(seconds))
}

fn host(number: u32) -> Vec<Target> {
    vec![Target::Host(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into())]
}

fn key(token: &str) -> Key {
    (Some(token.to_owned()), TUNNEL)
}

#[test]
fn r43_a_host_has_its_line_whatever_was_told_of_another_one() {
    let carries = Carries::new();
    let eve = key("eve");
    assert_eq!((0..10_000).filter_map(|_| carries.due(&eve, host(1), second(1))).sum::<u64>(), 0);
    assert_eq!(carries.due(&eve, host(2), second(2)), Some(10_000 - 60));
    assert_eq!(carries.due(&eve, host(2), second(2)), None, "only the first one");
    assert_eq!(carries.due(&eve, host(3), second(2)), Some(1));
    assert_eq!(carries.take_untold(Some("eve"), &[TUNNEL]), 0);
    assert_eq!(carries.due(&eve, host(1), second(2)), None);
    assert_eq!(carries.take_untold(Some("eve"), &[TUNNEL, "join-opened"]), 1);
    assert_eq!(carries.take_all(), 0, "nothing is told twice");
}

#[test]
fn r43_either_host_of_a_join_may_be_the_new_one() {
    let carries = Carries::new();
    let join = |a, b| carries.due(&key("eve"), [host(a), host(b)].concat(), second(1));
    assert_eq!((0..100).filter_map(|_| join(1, 2)).count(), 60);
    assert_eq!((join(3, 1), join(1, 4), join(4, 3)), (Some(40), Some(0), None));
}

#[test]
fn r43_the_hosts_of_a_token_have_a_bounded_number_of_lines() {
    let carries = Carries::new();
    let told = |name, hosts: u32, seconds| {
        (0..hosts).filter(|number| carries.due(&key(name), host(*number), second(seconds)).is_some()).count()
    };
    assert_eq!(told("eve", 10_000, 1), MAX_TARGETS);
    assert_eq!(carries.visit(&key("eve"), host(20_000), second(1)), Visit::Again, "it was told");
    assert_eq!(told("ann", 100, 1), 100, "those of others are theirs");
    assert_eq!(told("eve", 1, 61), 1);
    for number in 0..2 * MAX_TOKENS {
        carries.visit(&key(&number.to_string()), host(1), second(62));
    }
    assert_eq!(carries.reached.lock().unwrap().len(), MAX_TOKENS);
}
