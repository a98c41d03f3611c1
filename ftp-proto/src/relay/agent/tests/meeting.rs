//! Joins whose other leg is another agent, met at a hub.

use super::*;
use crate::relay::digest;
use crate::relay::message::Meeting;

fn secret() -> Secret32 {
    Secret32::new([5; 32])
}

fn meeting_bench(meets: bool) -> Bench {
    let mut bench = Bench::new(Config { meets, ..config() });
    bench.greet();
    bench.grant_join(id(1), &[SOURCE], 1_000, 9);
    bench.heard.clear();
    bench
}

fn meet(bench: &mut Bench, number: u32, near: LegId, leg: Leg, meeting: Meeting) {
    bench.say(ToAgent::Meet { id: id(number), grant: id(1), near, leg, meeting, waits: Waits::default() });
}

/// A join whose near leg dials the source and whose other leg awaits somebody; the tickets of both.
fn awaits(bench: &mut Bench, near: LegId) -> (Ticket, Ticket) {
    meet(bench, 2, near, Leg::Dial(at("192.0.2.1:5000")), Meeting::Await(secret()));
    bench.routes();
    let Ask::Expect { ticket: expected, secret: proven } = bench.asks.remove(0) else {
        panic!("{:?}", bench.asks)
    };
    assert_eq!(proven, secret());
    let Ask::Dial { ticket: dial, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    (expected, dial)
}

fn call() -> Meeting {
    Meeting::Call { agent: Text::of("other"), secret: secret() }
}

#[test]
fn r36_the_other_agent_is_expected_with_its_secret_before_the_user_agent_knows() {
    let mut bench = meeting_bench(true);
    let (ticket, dial) = awaits(&mut bench, LegId::B);
    let ready =
        FromAgent::JoinReady { id: id(2), a: LegState::Meeting, b: LegState::Dialing(at("192.0.2.1:5000")) };
    assert_eq!(bench.heard, [ready]);
    bench.input(Input::Attached { ticket, conn: ConnId(7) });
    assert!(bench.asks.is_empty(), "nothing flows before both stand");
    bench.answer(dial, Answer::Connected { conn: ConnId(8), local: at("198.51.100.9:9") });
    assert!(matches!(bench.asks[..], [Ask::Join { a: ConnId(7), b: ConnId(8), limit: 1_000, .. }]));
    assert_eq!(bench.last(), &FromAgent::Joined { id: id(2) });
    bench.input(Input::Attached { ticket, conn: ConnId(9) });
    assert_eq!(bench.resets(), [9], "one comes, and no second one");
}

#[test]
fn r28_a_join_to_a_data_port_that_is_not_named_any_more_ends() {
    let mut bench = meeting_bench(true);
    let (ticket, dial) = awaits(&mut bench, LegId::B);
    bench.input(Input::Attached { ticket, conn: ConnId(7) });
    bench.answer(dial, Answer::Connected { conn: ConnId(8), local: at("198.51.100.9:9") });
    assert!(matches!(bench.asks.remove(0), Ask::Join { .. }));
    bench.renew("192.0.2.0/24:1-65535", &["4000-6000"]);
    assert!(bench.asks.is_empty(), "{:?}", bench.asks);
    bench.renew("192.0.2.0/24:1-65535", &["6000"]);
    assert!(matches!(bench.asks[..], [Ask::Stop(_)]), "{:?}", bench.asks);
}

#[test]
fn an_agent_is_called_when_the_server_can_come() {
    let mut bench = meeting_bench(true);
    meet(&mut bench, 2, LegId::A, listen(SOURCE), call());
    bench.routes();
    assert!(matches!(bench.asks[..], [Ask::Listen { .. }]), "{:?}", bench.asks);
    let listener = bench.listening()[0];
    let Ask::Call { ticket, agent, secret: proves } = bench.asks.remove(0) else {
        panic!("{:?}", bench.asks)
    };
    assert_eq!((agent.as_str(), proves), ("other", secret()));
    assert!(matches!(bench.last(), FromAgent::JoinReady { b: LegState::Meeting, .. }));
    bench.answer(ticket, Answer::Called { conn: ConnId(7), direct: None });
    bench.arrive(listener, 8, "192.0.2.1:20");
    assert!(matches!(bench.asks.last(), Some(Ask::Join { a: ConnId(8), b: ConnId(7), .. })));
}

#[test]
fn r48_a_direct_connection_with_the_other_agent_is_told_with_its_addresses() {
    let (local, peer) = (at("198.51.100.9:4000"), at("203.0.113.1:5000"));
    let up = |leg| FromAgent::LegUp { join: id(2), leg, local, peer, strangers: 0 };
    let mut bench = meeting_bench(true);
    meet(&mut bench, 2, LegId::B, Leg::Dial(at("192.0.2.1:5000")), Meeting::Await(secret()));
    bench.routes();
    let Ask::Expect { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.input(Input::Met { ticket, conn: ConnId(7), local, peer });
    assert_eq!(bench.last(), &up(LegId::A));
    bench.input(Input::Met { ticket, conn: ConnId(8), local, peer });
    assert_eq!(bench.resets(), [8]);

    let mut bench = meeting_bench(true);
    meet(&mut bench, 2, LegId::A, listen(SOURCE), call());
    bench.routes();
    bench.listening();
    let Ask::Call { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(ticket, Answer::Called { conn: ConnId(7), direct: Some((local, peer)) });
    assert_eq!(bench.last(), &up(LegId::B));
    bench.answer(ticket, Answer::Called { conn: ConnId(9), direct: None });
    assert_eq!(bench.resets(), [9], "one that was not asked for");
}

#[test]
fn a_call_that_fails_names_its_leg_and_the_server_is_reset() {
    let mut bench = meeting_bench(true);
    meet(&mut bench, 2, LegId::A, listen(SOURCE), call());
    bench.routes();
    let listener = bench.listening()[0];
    bench.arrive(listener, 8, "192.0.2.1:20");
    let Ask::Call { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(ticket, Answer::Failed(Code::NoAgent, String::new()));
    assert!(refused(2, Code::NoAgent, Some(LegId::B))(bench.last()), "{:?}", bench.last());
    assert_eq!(bench.resets(), [8]);
}

#[test]
fn r36_another_agent_that_was_lost_is_told_at_once() {
    let mut bench = meeting_bench(true);
    meet(&mut bench, 2, LegId::B, listen(SOURCE), Meeting::Await(secret()));
    bench.routes();
    let Ask::Expect { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    let listener = bench.listening()[0];
    bench.arrive(listener, 8, "192.0.2.1:20");
    bench.answer(ticket, Answer::Failed(Code::NotPaired, "it has gone".to_owned()));
    assert!(refused(2, Code::NotPaired, Some(LegId::A))(bench.last()), "{:?}", bench.last());
    assert_eq!(bench.resets(), [8]);
}

#[test]
fn r44_an_agent_that_is_alone_gives_up_after_the_wait_and_expects_nobody() {
    let mut bench = meeting_bench(true);
    meet(&mut bench, 2, LegId::B, listen(SOURCE), Meeting::Await(secret()));
    bench.routes();
    let listener = bench.listening()[0];
    bench.arrive(listener, 8, "192.0.2.1:20");
    bench.pass(Duration::from_secs(15), Flow::default);
    assert!(refused(2, Code::LegTimeout, Some(LegId::A))(bench.last()), "{:?}", bench.last());
    assert!(bench.asks.iter().any(|ask| matches!(ask, Ask::Unexpect(_))), "{:?}", bench.asks);
    assert_eq!(bench.resets(), [8]);
}

#[test]
fn a_call_needs_a_hub_and_every_meeting_a_grant_and_a_server_that_has_greeted() {
    let mut bench = meeting_bench(false);
    meet(&mut bench, 2, LegId::A, listen(SOURCE), call());
    bench.routes();
    assert!(refused(2, Code::Unsupported, Some(LegId::B))(bench.last()), "{:?}", bench.last());
    meet(&mut bench, 3, LegId::A, listen(TARGET), Meeting::Await(secret()));
    assert!(refused(3, Code::NoGrant, None)(bench.last()), "{:?}", bench.last());

    let mut bench = meeting_bench(true);
    meet(&mut bench, 2, LegId::A, listen(TARGET), call());
    assert!(refused(2, Code::NoGrant, None)(bench.last()), "{:?}", bench.last());
    bench.end_tunnels();
    meet(&mut bench, 3, LegId::A, listen(SOURCE), call());
    bench.routes();
    assert!(refused(3, Code::Denied, Some(LegId::A))(bench.last()), "{:?}", bench.last());
}

#[test]
fn r55_without_a_hub_the_user_agent_itself_is_the_other_leg() {
    let mut bench = meeting_bench(false);
    let (ticket, dial) = awaits(&mut bench, LegId::A);
    let ready =
        FromAgent::JoinReady { id: id(2), a: LegState::Dialing(at("192.0.2.1:5000")), b: LegState::Meeting };
    assert_eq!(bench.heard, [ready]);
    bench.answer(dial, Answer::Connected { conn: ConnId(8), local: at("198.51.100.9:9") });
    assert!(bench.asks.is_empty(), "nothing flows before both stand");
    bench.input(Input::Attached { ticket, conn: ConnId(7) });
    assert!(matches!(bench.asks[..], [Ask::Join { a: ConnId(8), b: ConnId(7), limit: 1_000, .. }]));
    assert_eq!(bench.last(), &FromAgent::Joined { id: id(2) });
}

#[test]
fn r55_a_data_port_that_is_closed_names_the_server_and_the_link_is_not_expected_any_more() {
    let mut bench = meeting_bench(false);
    let (expected, dial) = awaits(&mut bench, LegId::A);
    bench.answer(dial, Answer::Failed(Code::ConnectionRefused, String::new()));
    assert!(refused(2, Code::ConnectionRefused, Some(LegId::A))(bench.last()), "{:?}", bench.last());
    assert!(bench.asks.iter().any(|ask| matches!(ask, Ask::Unexpect(ticket) if *ticket == expected)));
    bench.input(Input::Attached { ticket: expected, conn: ConnId(7) });
    assert_eq!(bench.resets(), [7], "it came too late");
}

#[test]
fn r61_a_join_tells_the_digests_of_what_it_has_passed_on_before_its_end_if_it_was_asked_in_time() {
    let mut bench = meeting_bench(false);
    meet(&mut bench, 2, LegId::A, Leg::Dial(at("192.0.2.1:5000")), Meeting::Await(secret()));
    bench.say(digest::request(id(2)).unwrap());
    bench.routes();
    let Ask::Expect { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    let Ask::Dial { ticket: dial, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(dial, Answer::Connected { conn: ConnId(8), local: at("198.51.100.9:9") });
    bench.input(Input::Attached { ticket, conn: ConnId(7) });
    let Ask::Join { ticket: join, opening: Opening::Digested, .. } = bench.asks.remove(0) else {
        panic!("{:?}", bench.asks)
    };
    let (one, other) = ("1".repeat(64), "2".repeat(64));
    bench.input(Input::Digested { join, a_to_b: one.clone(), b_to_a: other.clone() });
    let Some(FromAgent::Ext { name, body }) = bench.heard.last() else { panic!("{:?}", bench.heard) };
    let told = digest::Digests::read(name, body).unwrap();
    assert_eq!((told.join, told.a_to_b.as_str(), told.b_to_a.as_str()), (id(2), &*one, &*other));
    bench.answer(join, Answer::Ended { a_to_b: 5, b_to_a: 0, how: JoinEnd::Whole });
    assert!(matches!(bench.last(), FromAgent::Ended { how: End::Eof, .. }));
    // It has ended, was never asked for, or is no join.
    for other in [2, 9] {
        bench.say(digest::request(id(other)).unwrap());
        assert!(matches!(bench.last(), FromAgent::Refused { id: Id(0), code: Code::NoGrant, .. }));
    }
}

#[test]
fn r23_who_meets_the_relay_reaches_no_port_that_its_operator_has_not_named() {
    for meeting in [Meeting::Await(secret()), call()] {
        let mut bench = meeting_bench(true);
        meet(&mut bench, 2, LegId::A, Leg::Dial(at("192.0.2.1:8080")), meeting);
        bench.routes();
        let begins = |ask: &Ask| matches!(ask, Ask::Dial { .. } | Ask::Expect { .. } | Ask::Call { .. });
        assert!(!bench.asks.iter().any(begins), "{:?}", bench.asks);
        assert!(refused(2, Code::Denied, Some(LegId::A))(bench.last()), "{:?}", bench.last());
        let FromAgent::Refused { text, .. } = bench.last() else { panic!("{:?}", bench.last()) };
        assert!(text.as_str().contains("--data-ports"), "{text:?}");
    }
}
