//! Control connections through the agent.

use super::*;

fn tunnel(bench: &mut Bench, addresses: &[&str]) {
    let target = Target { host: Text::of("ftp.example.net"), port: 2121 };
    bench.say(ToAgent::Grant {
        id: Id(1),
        purpose: Purpose::Tunnel(target),
        max_bytes: 99,
        max_ms: 86_400_000,
        uses: 1,
    });
    bench.say(ToAgent::Tunnel { id: Id(2), grant: Id(1) });
    let Ask::Resolve { ticket, ref host, port } = bench.asks.remove(0) else { panic!("no question") };
    assert_eq!((host.as_str(), port), ("ftp.example.net", 2121));
    bench.answer(ticket, Answer::Resolved(addresses.iter().map(|text| at(text)).collect()));
    bench.routes();
}

/// A tunnel whose server is connected; its secret is still to be drawn.
fn connected_tunnel(bench: &mut Bench) -> Ticket {
    tunnel(bench, &["192.0.2.1:2121"]);
    let Ask::Dial { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(ticket, Answer::Connected { conn: ConnId(1), local: at("198.51.100.9:999") });
    let Ask::Random(ticket) = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    ticket
}

#[test]
fn r25_a_name_with_one_forbidden_address_is_refused() {
    let mut bench = Bench::new(config());
    tunnel(&mut bench, &["192.0.2.1:2121", "10.0.0.1:2121"]);
    assert!(refused(2, Code::Denied, None)(bench.last()));
    assert!(bench.asks.is_empty(), "{:?}", bench.asks);
    let Some(Event::Refused { why, address, .. }) = bench.events.last() else { panic!("{:?}", bench.events) };
    assert_eq!((*why, *address), (Some(Why::PrivateNetwork), Some(at("10.0.0.1:2121"))));
}

#[test]
fn a_tunnel_connects_to_a_checked_address_and_waits_for_its_link() {
    let mut bench = Bench::new(config());
    tunnel(&mut bench, &["192.0.2.1:2121", "192.0.2.2:2121"]);
    let Ask::Dial { ticket, to, from } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    assert_eq!((to, from), (at("192.0.2.1:2121"), ip(HERE)));
    bench.answer(ticket, Answer::Failed(Code::ConnectionRefused, "refused".to_owned()));
    let Ask::Dial { ticket, to, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    assert_eq!(to, at("192.0.2.2:2121"));
    bench.answer(ticket, Answer::Connected { conn: ConnId(1), local: at("198.51.100.9:999") });
    let Ask::Random(ticket) = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(ticket, Answer::Random(Secret32::new([9; 32])));
    assert!(matches!(bench.last(), FromAgent::TunnelReady { id: Id(2), .. }));
    let Ask::Expect { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.input(Input::Attached { ticket, conn: ConnId(2) });
    assert!(
        matches!(bench.asks[..], [Ask::Join { a: ConnId(2), b: ConnId(1), limit: 99, .. }]),
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
