//! Servers that the user agent knows by another address than the agent.

use super::*;

const PUBLIC: &str = "203.0.113.5";

/// The server at 192.0.2.1 is known as 203.0.113.5, and so is that at 192.0.2.2 with another port.
fn known() -> Config {
    let allow = ["203.0.113.5=192.0.2.1:21", "203.0.113.5=192.0.2.2:2121", "192.0.2.3:21"];
    let relay = allow.iter().map(|text| text.parse().unwrap()).collect();
    let config = config();
    Config { rules: Rules { relay, ..config.rules }, ..config }
}

/// A tunnel to a server at PUBLIC, which greets. Returns where the agent connects to, and what the user agent hears of it.
fn tunnel(bench: &mut Bench, number: u32, port: u16) -> (SocketAddr, SocketAddr) {
    let purpose = GrantPurpose::Tunnel(Target { host: Text::of(PUBLIC), port });
    bench.say(ToAgent::Grant { id: Id(number), purpose, max_bytes: 99, max_ms: 86_400_000, uses: 1 });
    bench.say(ToAgent::Tunnel { id: Id(number + 1), grant: Id(number) });
    let to = bench.server_greets(SocketAddr::new(ip(PUBLIC), port), ConnId(number.into()));
    let FromAgent::TunnelReady { peer, .. } = *bench.last() else { panic!("{:?}", bench.last()) };
    bench.asks.clear();
    (to, peer)
}

fn join(bench: &mut Bench, number: u32, a: Leg, b: Leg) {
    bench.grant_join(Id(number), &[PUBLIC], 99, 1);
    bench.say(ToAgent::Join { id: Id(number + 1), grant: Id(number), a, b, waits: Waits::default() });
}

#[test]
fn r63_a_control_connection_goes_to_the_server_that_is_known_by_the_address() {
    let mut bench = Bench::new(known());
    assert_eq!(tunnel(&mut bench, 1, 21), (at("192.0.2.1:21"), at("203.0.113.5:21")));
    assert_eq!(tunnel(&mut bench, 3, 2121), (at("192.0.2.2:2121"), at("203.0.113.5:2121")));
    let seen = |event: &Event| matches!(event, Event::Greeted { peer, .. } if *peer == at("192.0.2.1:21"));
    assert!(bench.events.iter().any(seen), "the operator is told where it is: {:?}", bench.events);
}

#[test]
fn r63_data_connections_go_where_the_control_connection_goes_and_are_told_by_the_known_address() {
    let mut bench = Bench::new(known());
    tunnel(&mut bench, 1, 21);
    join(&mut bench, 3, Leg::Dial(at("203.0.113.5:5000")), listen(PUBLIC));
    let Ask::Route { ticket, ref to } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    assert_eq!(*to, [ip("192.0.2.1"); 2]);
    let route = Route { from: Some(ip(HERE)), is_own: false };
    bench.answer(ticket, Answer::Routes(vec![route; 2]));
    let Ask::Listen { ticket, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    bench.answer(ticket, Answer::Listening(at("198.51.100.9:7000")));
    let FromAgent::JoinReady { a, .. } = *bench.last() else { panic!("{:?}", bench.last()) };
    assert_eq!(a, LegState::Dialing(at("203.0.113.5:5000")));
    let Ask::Dial { ticket: dial, to, .. } = bench.asks.remove(0) else { panic!("{:?}", bench.asks) };
    assert_eq!(to, at("192.0.2.1:5000"));
    bench.answer(dial, Answer::Connected { conn: ConnId(11), local: at("198.51.100.9:998") });
    let arrives = |from: &str, conn| Arrival {
        conn: ConnId(conn),
        local: at("198.51.100.9:7000"),
        from: at(from),
        is_own: false,
    };
    bench.input(Input::Arrived { listener: ticket, arrival: arrives("203.0.113.5:20", 12) });
    assert_eq!(bench.resets(), [12], "whoever has that address in the network is a stranger");
    bench.input(Input::Arrived { listener: ticket, arrival: arrives("192.0.2.1:20", 13) });
    let told: Vec<SocketAddr> = (bench.heard.iter())
        .filter_map(|heard| if let FromAgent::LegUp { peer, .. } = heard { Some(*peer) } else { None })
        .collect();
    assert_eq!(told, [at("203.0.113.5:5000"), at("203.0.113.5:20")]);
    let (a, b) = (Some(at("192.0.2.1:5000")), Some(at("192.0.2.1:20")));
    assert!(bench.events.contains(&Event::Joined { id: Id(4), a, b }), "{:?}", bench.events);
}

#[test]
fn r63_without_a_control_connection_by_that_address_there_is_no_data_connection() {
    let dial = |to: &str| Leg::Dial(at(to));
    // Nobody has greeted by that address.
    let mut bench = Bench::new(known());
    join(&mut bench, 3, dial("203.0.113.5:5000"), listen(PUBLIC));
    bench.routes();
    assert!(matches!(bench.last(), FromAgent::Refused { code: Code::Denied, .. }), "{:?}", bench.last());
    // The address leads to two servers, and nobody knows which of them is meant.
    let mut bench = Bench::new(known());
    tunnel(&mut bench, 1, 21);
    tunnel(&mut bench, 3, 2121);
    join(&mut bench, 5, dial("203.0.113.5:5000"), listen(PUBLIC));
    bench.routes();
    assert!(matches!(bench.last(), FromAgent::Refused { code: Code::Denied, .. }), "{:?}", bench.last());
}

#[test]
fn r63_a_tunnel_ends_when_the_operator_takes_its_server_away() {
    let mut bench = Bench::new(known());
    tunnel(&mut bench, 1, 21);
    bench.renew("203.0.113.9=192.0.2.1:21", &[]);
    assert!(!matches!(bench.last(), FromAgent::Ended { .. }), "the server is still allowed");
    bench.renew("203.0.113.5=192.0.2.2:21", &[]);
    assert!(matches!(bench.last(), FromAgent::Ended { how: End::Revoked, .. }), "{:?}", bench.last());
}
