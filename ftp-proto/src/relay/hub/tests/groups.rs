//! Agents with tokens of their own, and the users of their group.

use super::*;

/// The agent `edge` of the group `site`, with a token of its own.
fn bench() -> Bench {
    let mut bench = Bench::new(Limits::USUAL);
    bench.open_in(1, "edge", "site", Joins::AsToken, None);
    bench.join(1, "edge");
    bench
}

impl Bench {
    fn join(&mut self, id: u64, name: &str) {
        self.introduce(id, Role::Agent { name: Text::of(name), boot: id });
    }

    /// A user with a token of this group.
    fn user_of(&mut self, id: u64, group: &str, expires: Option<Moment>) {
        self.open_in(id, "ann", group, Joins::Never, expires);
        self.introduce(id, Role::User { name: Text::default() });
    }
}

#[test]
fn r62_users_of_a_group_find_its_agents_and_others_do_not() {
    let mut bench = bench();
    bench.user_of(2, "site", None);
    bench.say(2, ToHub::Agents);
    assert_eq!(*bench.last(2), FromHub::Agents(vec![Text::of("edge")]));
    bench.call(2, 1, "edge");
    assert!(matches!(bench.last(2), FromHub::Ready { .. }));
    bench.user_of(3, "other", None);
    bench.say(3, ToHub::Agents);
    assert_eq!(*bench.last(3), FromHub::Agents(Vec::new()));
    bench.call(3, 1, "edge");
    assert_eq!(bench.refusal(3), Some(Code::NoAgent));
}

#[test]
fn r62_neither_a_user_nor_another_agent_of_the_group_takes_the_place_of_an_agent() {
    let mut bench = bench();
    for (id, token, joins) in [(2, "ann", Joins::Never), (3, "far", Joins::AsToken)] {
        bench.open_in(id, token, "site", joins, None);
        bench.join(id, "edge");
        assert_eq!(bench.goodbye(id), Some((Code::Denied, 0)), "{token}");
    }
    assert!(!bench.ends[&1].closed);
    bench.open_in(4, "edge", "site", Joins::AsToken, None);
    bench.join(4, "edge");
    assert!(bench.ends[&1].closed && !bench.ends[&4].closed, "the agent itself returns");
}

#[test]
fn r62_a_stream_ends_with_the_token_of_either_end() {
    for withdrawn in ["edge", "ann", "eve"] {
        let mut bench = bench();
        bench.user_of(2, "site", None);
        bench.call(2, 1, "edge");
        bench.attach(1);
        bench.input(Input::Revoked { token: withdrawn, why: Withdrawn::Token });
        assert_eq!(bench.dropped.len(), usize::from(withdrawn != "eve"), "{withdrawn}");
    }
    let at = |seconds| Some(Moment::after_start(Duration::from_secs(seconds)));
    let mut bench = Bench::new(Limits::USUAL);
    bench.open_in(1, "edge", "site", Joins::AsToken, at(9));
    bench.join(1, "edge");
    bench.user_of(2, "site", at(20));
    bench.call(2, 1, "edge");
    bench.attach(1);
    bench.wait();
    assert_eq!((bench.now, bench.dropped.len()), (at(9).unwrap(), 1));
}
