//! Control connections through the agent.

use super::*;

fn ask_for_tunnel(bench: &mut Bench) {
    let purpose = GrantPurpose::Tunnel(Target { host: Text::of("ftp.example.net"), port: 2121 });
    bench.say(ToAgent::Grant { id: id(1), purpose, max_bytes: 99, max_ms: 86_400_000, uses: 1 });
    bench.say(ToAgent::Tunnel { id: id(2), grant: id(1) });
}

fn tunnel(bench: &mut Bench, addresses: &[&str]) {
    ask_for_tunnel(bench);
    let Ask::Resolve { ticket, ref host, port } = bench.asks.remove(0) else { panic!("no question") };
    assert_eq!((host.as_str(), port), ("ftp.example.net", 2121));
    bench.answer(ticket, Answer::Resolved(addresses.iter().map(|text| at(text)).collect()));
    bench.routes();
}

/// A tunnel whose server is connected.
fn dialled(bench: &mut Bench) {
    tunnel(bench, &["192.0.2.1:2121"]);
    let Ask::Dial { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(ticket, Answer::Connected { conn: ConnId(1), local: at("198.51.100.9:999") });
}

/// A tunnel whose server has greeted; its secret is still to be drawn.
fn connected_tunnel(bench: &mut Bench) -> Ticket {
    dialled(bench);
    let Ask::Greeting { ticket, conn: ConnId(1) } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(ticket, Answer::Greeted);
    let Ask::Random(ticket) = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    ticket
}

#[test]
fn r25_a_name_with_one_forbidden_address_is_refused() {
    let mut bench = Bench::new(config());
    tunnel(&mut bench, &["192.0.2.1:2121", "10.0.0.1:2121"]);
    bench.pass(Duration::from_secs(2), Flow::default);
    assert!(refused(2, Code::Denied, None)(bench.last()));
    assert!(bench.asks.is_empty(), "{:?}", bench.asks);
    let Some(Event::Refused { why, address, .. }) = bench.events.last() else { panic!("{:?}", bench.events) };
    assert_eq!((*why, *address), (Some(RefusalReason::PrivateNetwork), Some(at("10.0.0.1:2121"))));
}

#[test]
fn r25_a_name_that_is_not_there_and_one_that_is_not_allowed_are_refused_alike() {
    let answers = |bench: &Bench| {
        bench.heard.iter().filter(|heard| !matches!(heard, FromAgent::Granted { .. })).count()
    };
    // How long the system looks for the name, and when it is refused.
    for (taken, told) in [(0, 2_000), (1_999, 2_000), (2_000, 2_000), (2_001, 4_000), (5_000, 6_000)] {
        let mut all = Vec::new();
        for is_there in [true, false] {
            let mut bench = Bench::new(config());
            ask_for_tunnel(&mut bench);
            let Ask::Resolve { ticket, .. } = bench.asks.remove(0) else { panic!("no question") };
            bench.pass(Duration::from_millis(taken), Flow::default);
            if is_there {
                bench.answer(ticket, Answer::Resolved(vec![at("10.0.0.1:2121")]));
                bench.routes();
            } else {
                bench.answer(ticket, Answer::Failed(Code::Resolve, "no such name".to_owned()));
            }
            let left = Duration::from_millis(told - taken);
            bench.pass(left.saturating_sub(Duration::from_millis(1)), Flow::default);
            assert_eq!(answers(&bench), usize::from(left.is_zero()), "{taken} {is_there}");
            bench.pass(left.min(Duration::from_millis(1)), Flow::default);
            all.push(bench.last().clone());
        }
        assert!(all[0] == all[1] && refused(2, Code::Denied, None)(&all[0]), "{all:?}");
    }
}

#[test]
fn a_tunnel_connects_to_a_checked_address_and_waits_for_its_link() {
    let mut bench = Bench::new(config());
    tunnel(&mut bench, &["192.0.2.1:2121", "192.0.2.2:2121"]);
    let Ask::Dial { ticket, to, from, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    assert_eq!((to, from), (at("192.0.2.1:2121"), ip(HERE)));
    bench.answer(ticket, Answer::Failed(Code::ConnectionRefused, "refused".to_owned()));
    let Ask::Dial { ticket, to, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    assert_eq!(to, at("192.0.2.2:2121"));
    bench.answer(ticket, Answer::Connected { conn: ConnId(1), local: at("198.51.100.9:999") });
    let Ask::Greeting { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(ticket, Answer::Greeted);
    let Ask::Random(ticket) = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(ticket, Answer::Random(Secret32::new([9; 32])));
    assert!(matches!(bench.last(), FromAgent::TunnelReady { id: Id(6), .. }));
    let Ask::Expect { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.input(Input::Attached { ticket, conn: ConnId(2) });
    assert!(
        matches!(
            bench.asks[..],
            [Ask::Join { a: ConnId(2), b: ConnId(1), limit: 99, opening: Opening::Greeted, .. }]
        ),
        "{:?}",
        bench.asks
    );
    bench.input(Input::Attached { ticket, conn: ConnId(3) });
    assert_eq!(bench.resets(), [3], "a ticket is good for one link");
}

#[test]
fn a_ticket_is_expected_before_the_user_agent_gets_it() {
    let mut bench = Bench::new(config());
    let ticket = connected_tunnel(&mut bench);
    bench.session.input(bench.now, Input::Answer(ticket, Answer::Random(Secret32::new([9; 32]))));
    assert!(matches!(bench.session.poll(), Output::Ask(Ask::Expect { .. })));
}

#[test]
fn a_control_connection_may_be_silent_for_as_long_as_a_large_file_takes() {
    let mut bench = Bench::new(config());
    let ticket = connected_tunnel(&mut bench);
    bench.answer(ticket, Answer::Random(Secret32::new([9; 32])));
    let Ask::Expect { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.input(Input::Attached { ticket, conn: ConnId(2) });
    bench.asks.clear();
    bench.pass(Duration::from_secs(12 * 3600), Flow::default);
    assert!(bench.asks.is_empty(), "{:?}", bench.asks);
}

#[test]
fn r29_an_unused_ticket_expires_after_30_seconds() {
    let mut bench = Bench::new(config());
    let ticket = connected_tunnel(&mut bench);
    bench.answer(ticket, Answer::Random(Secret32::new([9; 32])));
    bench.asks.clear();
    bench.pass(Duration::from_secs(30), Flow::default);
    assert!(refused(2, Code::Expired, None)(bench.last()));
    assert!(matches!(bench.asks[..], [Ask::Unexpect(_), Ask::Reset(ConnId(1))]), "{:?}", bench.asks);
}

/// A tunnel to a port where TLS begins at once; its link has attached. Returns the ticket of its join.
fn tls_tunnel(bench: &mut Bench) -> Ticket {
    dialled(bench);
    let Ask::Random(ticket) = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(ticket, Answer::Random(Secret32::new([9; 32])));
    let Ask::Expect { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.input(Input::Attached { ticket, conn: ConnId(2) });
    let Ask::Join { ticket, opening: Opening::Tls, .. } = bench.asks.remove(0) else {
        panic!("{:?}", bench.asks)
    };
    ticket
}

fn tls_config() -> Config {
    let rules = Rules { relay: vec!["192.0.2.0/24:2121/tls".parse().unwrap()], ..Rules::default() };
    Config { rules, ..config() }
}

/// Whether a data connection with the server of a tunnel would be possible.
fn may_join(bench: &mut Bench) -> bool {
    bench.grant_join(id(5), &[SOURCE], 9, 1);
    let (a, b) = (listen(SOURCE), listen(SOURCE));
    bench.say(ToAgent::Join { id: id(6), grant: id(5), a, b, waits: Waits::default() });
    bench.routes();
    !matches!(bench.last(), FromAgent::Refused { .. })
}

#[test]
fn r23_a_server_that_does_not_greet_gets_no_byte_and_the_user_agent_no_ticket() {
    for (code, text) in [(Code::NoGreeting, "other"), (Code::Unwelcome, "busy")] {
        let mut bench = Bench::new(config());
        dialled(&mut bench);
        let Ask::Greeting { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
        bench.answer(ticket, Answer::Failed(code, text.to_owned()));
        assert!(refused(2, code, None)(bench.last()), "{:?}", bench.last());
        assert_eq!(bench.resets(), [1]);
        assert!(bench.places.is_empty());
        bench.asks.clear();
        assert!(!may_join(&mut bench));
    }
}

#[test]
fn r23_a_silent_server_is_given_up_after_30_seconds() {
    let mut bench = Bench::new(config());
    dialled(&mut bench);
    bench.pass(Duration::from_millis(29_999), Flow::default);
    assert!(matches!(bench.asks[..], [Ask::Greeting { .. }]), "{:?}", bench.asks);
    bench.pass(Duration::from_millis(1), Flow::default);
    assert!(refused(2, Code::NoGreeting, None)(bench.last()), "{:?}", bench.last());
    assert!(matches!(bench.asks[1..], [Ask::Cancel(_), Ask::Reset(ConnId(1))]), "{:?}", bench.asks);
}

#[test]
fn r23_where_tls_begins_at_once_the_server_greets_by_its_hello() {
    let mut bench = Bench::new(tls_config());
    let ticket = tls_tunnel(&mut bench);
    assert!(!may_join(&mut bench));
    let mut bench = Bench::new(tls_config());
    let join = tls_tunnel(&mut bench);
    assert_eq!(join, ticket);
    bench.input(Input::Greeted { join });
    bench.pass(Duration::from_secs(60), Flow::default);
    assert!(may_join(&mut bench));
}

#[test]
fn r23_where_tls_begins_at_once_a_server_that_says_something_else_ends_the_tunnel() {
    let mut bench = Bench::new(tls_config());
    let ticket = tls_tunnel(&mut bench);
    bench.answer(ticket, Answer::Ended { a_to_b: 0, b_to_a: 0, how: JoinEnd::NoGreeting });
    assert!(matches!(bench.last(), FromAgent::Ended { how: End::NoGreeting, .. }));
    let mut bench = Bench::new(tls_config());
    let ticket = tls_tunnel(&mut bench);
    bench.pass(Duration::from_secs(30), Flow::default);
    assert!(matches!(bench.asks[..], [Ask::Stop(stopped)] if stopped == ticket), "{:?}", bench.asks);
    bench.answer(ticket, Answer::Ended { a_to_b: 0, b_to_a: 0, how: JoinEnd::Stopped });
    assert!(matches!(bench.last(), FromAgent::Ended { how: End::NoGreeting, .. }));
}
