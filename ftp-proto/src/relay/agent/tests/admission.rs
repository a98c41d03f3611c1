//! What a session may begin: data only with hosts that have greeted, and only where there is a place.

use super::*;

#[test]
fn r23_data_goes_only_to_hosts_whose_servers_have_greeted_and_are_still_there() {
    let mut bench = Bench::new(config());
    bench.greet();
    bench.grant_join(id(1), &[SOURCE, TARGET, "192.0.2.3"], 1, 9);
    for (number, b) in [(2, listen("192.0.2.3")), (3, Leg::Dial(at("192.0.2.3:5000")))] {
        bench.join(number, listen(SOURCE), b);
        bench.routes();
        assert!(refused(number, Code::Denied, Some(LegId::B))(bench.last()), "{:?}", bench.last());
        let Some(Event::Refused { why, .. }) = bench.events.last() else { panic!("{:?}", bench.events) };
        assert_eq!(*why, Some(RefusalReason::NotGreeted));
        assert!(!bench.asks.iter().any(|ask| matches!(ask, Ask::Dial { .. })));
        bench.asks.clear();
    }
    bench.join(4, listen(SOURCE), Leg::Dial(at("192.0.2.2:1023")));
    bench.routes();
    assert!(refused(4, Code::Denied, Some(LegId::B))(bench.last()), "{:?}", bench.last());
    bench.asks.clear();
    assert_eq!(bench.both_listen(5).len(), 2);
    // A server that has gone is no longer a target.
    bench.end_tunnels();
    bench.asks.clear();
    bench.join(6, listen(SOURCE), listen(TARGET));
    bench.routes();
    assert!(refused(6, Code::Denied, Some(LegId::A))(bench.last()), "{:?}", bench.last());
}

#[test]
fn r27_a_session_and_what_it_carries_end_with_its_token() {
    let expires = Some(Moment::after_start(Duration::from_secs(9)));
    let mut bench = Bench::granted_by(Config { expires, ..config() }, 1);
    let ticket = bench.flowing(2);
    let stops =
        |bench: &Bench| bench.asks.iter().any(|ask| matches!(ask, Ask::Stop(stopped) if *stopped == ticket));
    bench.pass(Duration::from_millis(8_999), Flow::default);
    assert!(!stops(&bench), "{:?}", bench.asks);
    bench.pass(Duration::from_millis(1), Flow::default);
    assert!(stops(&bench), "{:?}", bench.asks);
    let told = |heard: &FromAgent| matches!(heard, FromAgent::Bye { code: Code::Expired, .. });
    assert!(bench.heard.iter().any(told), "{:?}", bench.heard);
}

impl Bench {
    /// Has a message heard. What it brings about is not performed yet.
    fn hear_only(&mut self, message: ToAgent) {
        let bytes = self.sent.encode(message).unwrap();
        self.session.input(self.now, Input::Bytes(&bytes));
        assert!(matches!(self.session.poll(), Output::More));
        self.session.input(self.now, Input::Next);
    }
}

#[test]
fn without_a_place_a_join_or_tunnel_is_refused_and_places_are_given_back() {
    let mut bench = Bench::granted(3);
    assert_eq!(bench.places.len(), 2);
    bench.hear_only(join_message(2));
    let Output::Ask(Ask::Place { ticket, work: Work::Join }) = bench.session.poll() else {
        panic!("no place")
    };
    bench.answer(ticket, Answer::Failed(Code::Busy, "no place".to_owned()));
    assert!(refused(2, Code::Busy, None)(bench.last()), "{:?}", bench.last());
    assert!(bench.asks.is_empty(), "nothing was routed or opened");
    // One that waits can be given up.
    bench.hear_only(join_message(3));
    let Output::Ask(Ask::Place { ticket, .. }) = bench.session.poll() else { panic!("no place") };
    bench.say(ToAgent::Close { id: id(3) });
    assert!(matches!(bench.last(), FromAgent::Ended { how: End::Revoked, .. }));
    bench.answer(ticket, Answer::Admitted);
    assert!(bench.asks.is_empty());
    // A join that ends gives its place back.
    let ticket = bench.flowing(4);
    assert_eq!(bench.places.len(), 3);
    bench.answer(ticket, Answer::Ended { a_to_b: 1, b_to_a: 0, how: JoinEnd::Whole });
    assert_eq!(bench.places.len(), 2);
}

fn join_message(number: u32) -> ToAgent {
    let (a, b) = (listen(SOURCE), listen(TARGET));
    ToAgent::Join { id: id(number), grant: id(1), a, b, waits: Waits::default() }
}

#[test]
fn a_session_without_a_place_is_told_so_and_ends() {
    let mut bench = Bench::new(config());
    bench.input(Input::Full);
    assert!(matches!(bench.last(), FromAgent::Bye { code: Code::Busy, retry_after_ms: 1.., .. }));
    assert!(bench.closed);
}

#[test]
fn r28_what_flows_to_a_host_that_is_no_longer_allowed_ends_and_the_rest_goes_on() {
    let mut bench = Bench::granted(2);
    let ticket = bench.flowing(2);
    bench.renew("192.0.2.0/24:1-65535", &[]);
    assert!(bench.asks.is_empty(), "{:?}", bench.asks);
    bench.renew("198.51.100.0/24:1-65535", &[]);
    assert!(bench.asks.iter().any(|ask| matches!(ask, Ask::Stop(stopped) if *stopped == ticket)));
    bench.answer(ticket, Answer::Ended { a_to_b: 7, b_to_a: 0, how: JoinEnd::Stopped });
    assert_eq!(bench.last(), &FromAgent::Ended { id: id(2), a_to_b: 7, b_to_a: 0, how: End::Revoked });
    // The session itself goes on, by the new rules.
    bench.end_tunnels();
    bench.asks.clear();
    bench.join(3, listen(SOURCE), listen(TARGET));
    bench.routes();
    assert!(refused(3, Code::Denied, Some(LegId::A))(bench.last()), "{:?}", bench.last());
}

#[test]
fn r28_a_session_is_told_why_it_may_do_nothing_any_more() {
    for (why, code) in [(Withdrawn::Token, Code::Expired), (Withdrawn::Rule, Code::Denied)] {
        let mut bench = Bench::new(config());
        bench.input(Input::Revoked(why));
        let FromAgent::Bye { code: told, text, .. } = bench.last() else { panic!("{:?}", bench.last()) };
        assert_eq!((*told, text.as_str()), (code, why.to_string().as_str()));
        assert!(bench.closed);
    }
}

#[test]
fn who_a_user_agent_is_is_told_once_however_often_it_says_so() {
    let mut bench = Bench::new(config());
    for name in ["ann", "eve", "eve"] {
        bench.say(ToAgent::Introduce { name: Text::of(name), build: Text::of("1") });
    }
    let told = bench.events.iter().filter(|event| matches!(event, Event::Introduced { .. })).count();
    assert_eq!(told, 1, "{:?}", bench.events);
    assert!(!bench.closed);
}

#[test]
fn one_message_is_heard_in_a_turn() {
    let mut bench = Bench::granted(1);
    let pings: Vec<u8> = (0..3).flat_map(|t| bench.sent.encode(ToAgent::Ping { t }).unwrap()).collect();
    let (most, rest) = pings.split_at(pings.len() - 1);
    let turn = |bench: &mut Bench, input: Input<'_>| {
        bench.session.input(bench.now, input);
        let (mut answers, mut asks) = (0, 0);
        loop {
            match bench.session.poll() {
                Output::Send(_) => answers += 1,
                Output::More => asks += 1,
                Output::Wait(_) => return (answers, asks),
                other @ (Output::Ask(_) | Output::Event(_) | Output::Close) => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(turn(&mut bench, Input::Bytes(most)), (0, 1), "nothing is heard before its turn");
    assert_eq!(turn(&mut bench, Input::Next), (1, 1));
    assert_eq!(turn(&mut bench, Input::Next), (1, 1));
    assert_eq!(turn(&mut bench, Input::Next), (0, 0), "half a message waits for its rest");
    assert_eq!(turn(&mut bench, Input::Bytes(rest)), (0, 1));
    assert_eq!(turn(&mut bench, Input::Next), (1, 0));
    assert_eq!(turn(&mut bench, Input::Next), (0, 0), "nothing is left");
    turn(&mut bench, Input::Bytes(most));
    assert_eq!(turn(&mut bench, Input::Closed), (0, 0));
    assert_eq!(turn(&mut bench, Input::Next), (0, 0), "nobody is there any more");
}
