//! Connections at a leg that are not those of its peer.

use super::*;

// Over a router that leads them there.
#[test]
fn r24_what_the_agent_itself_has_connected_is_a_stranger_from_the_right_address() {
    let mut bench = Bench::granted(1);
    let listener = bench.both_listen(2)[0];
    let from = at("192.0.2.1:5001");
    let arrival = Arrival { conn: ConnId(1), local: at("198.51.100.9:5001"), from, is_own: true };
    bench.input(Input::Arrived { listener, arrival });
    assert_eq!(bench.last(), &FromAgent::Stranger { join: id(2), leg: LegId::A, peer: from });
    assert_eq!(bench.resets(), [1]);
    bench.arrive(listener, 2, "192.0.2.1:5001");
    assert!(is_up(1)(bench.last()), "{:?}", bench.last());
}

#[test]
fn r09_r26_a_stranger_is_reset_and_the_leg_still_waits() {
    let mut bench = Bench::granted(1);
    bench.join(2, Leg::Listen(Pin { ip: ip(SOURCE), port: Some(20) }), listen(TARGET));
    bench.routes();
    let tickets = bench.listening();
    for (conn, from) in [(1, "192.0.2.3:20"), (2, "192.0.2.1:21"), (3, "[2001:db8::1]:20")] {
        bench.arrive(tickets[0], conn, from);
        assert_eq!(bench.last(), &FromAgent::Stranger { join: id(2), leg: LegId::A, peer: at(from) });
    }
    assert_eq!(bench.resets(), [1, 2, 3]);
    bench.arrive(tickets[0], 4, "[::ffff:192.0.2.1]:20");
    assert!(is_up(3)(bench.last()), "{:?}", bench.last());
}

#[test]
fn r10_no_number_of_strangers_ends_a_wait_unless_a_limit_is_configured() {
    let mut bench = Bench::granted_by(Config { limits: Limits::USUAL, ..config() }, 1);
    let tickets = bench.both_listen(2);
    for conn in 0..5_000 {
        bench.arrive(tickets[0], conn, "192.0.2.77:1");
    }
    bench.arrive(tickets[0], 5_000, "192.0.2.1:20");
    assert!(is_up(5_000)(bench.last()), "{:?}", bench.last());
    assert_eq!(bench.resets().len(), 5_000);
}

#[test]
fn r10_many_strangers_are_counted_and_too_many_end_the_wait() {
    let mut bench = Bench::granted(1);
    let tickets = bench.both_listen(2);
    bench.arrive(tickets[1], 500, "192.0.2.2:1");
    for conn in 0..31 {
        bench.arrive(tickets[0], conn, "192.0.2.77:1");
    }
    let told = bench.heard.iter().filter(|heard| matches!(heard, FromAgent::Stranger { .. })).count();
    assert_eq!(told, 8);
    bench.arrive(tickets[0], 31, "192.0.2.77:1");
    assert!(refused(2, Code::Strangers, Some(LegId::A))(bench.last()));
    assert!(bench.resets().contains(&500));
}
