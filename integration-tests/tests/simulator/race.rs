//! Races of candidates, each of them a whole simulated transfer.

use ftp_proto::third_party::race::Conclusion;
use integration_tests::sim::race::{Field, Raced, Slip, race};
use integration_tests::sim::scenario::{Obstacle, Scenario};
use std::time::Duration;

/// How many seeds run, unless `FTP_SIM_SEEDS` says otherwise.
const SEEDS: u64 = 10_000;

fn hold(field: &Field) -> Raced {
    let raced = race(field);
    assert!(raced.violations.is_empty(), "{:#?}\n{raced:?}\n{field:#?}", raced.violations);
    raced
}

#[test]
fn j03_every_race_has_at_most_one_winner_and_leaves_no_loser_behind() {
    let seeds = super::number("FTP_SIM_SEEDS", SEEDS);
    let first = super::number("FTP_SIM_FIRST", 0);
    let run = |offset: u64| {
        let seeds = (first + offset..first + seeds).step_by(2);
        seeds.fold([0_u64, 0], |[won, beside], seed| {
            let raced = race(&Field::of(seed));
            assert!(raced.violations.is_empty(), "seed {seed}: {:#?}\n{raced:?}", raced.violations);
            let wins = matches!(raced.conclusion, Some(Conclusion::Won(_)));
            [won + u64::from(wins), beside + u64::from(raced.started > 1)]
        })
    };
    let [won, beside] = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        let (one, other) = (run(0), other.join().expect("the other half"));
        [one[0] + other[0], one[1] + other[1]]
    });
    eprintln!("{won} of {seeds} races were won, {beside} had more than one candidate under way");
    assert!(seeds < 100 || (won > seeds / 4 && beside > seeds / 4), "{won}, {beside}");
}

fn dead() -> Scenario {
    Scenario { obstacles: vec![Obstacle::Unanswered], ..Scenario::plain() }
}

#[test]
fn h17_a_candidate_that_works_wins_while_those_before_it_are_dead_without_a_word() {
    for before in 0..3 {
        let scenarios = (0..before).map(|_| dead()).chain([Scenario::plain()]).collect();
        let raced = hold(&Field { scenarios, sessions: 8, sabotage: None });
        assert_eq!(raced.conclusion, Some(Conclusion::Won(before)), "{raced:?}");
        assert!(raced.took < Duration::from_secs(20), "{raced:?}");
    }
}

#[test]
fn h17_where_sessions_are_limited_the_working_candidate_still_has_its_turn() {
    let raced = hold(&Field { scenarios: vec![dead(), Scenario::plain()], sessions: 1, sabotage: None });
    assert_eq!(raced.conclusion, Some(Conclusion::Won(1)), "{raced:?}");
}

/// Whether some race that is driven like this has such a violation.
fn shows(sabotage: Slip, what: &str) -> bool {
    (0..200).any(|seed| {
        let field = Field { sabotage: Some(sabotage), ..Field::of(seed) };
        race(&field).violations.iter().any(|violation| violation.contains(what))
    })
}

#[test]
fn the_simulator_notices_a_driver_that_publishes_losers() {
    assert!(shows(Slip::PublishAll, "final name"));
}

#[test]
fn the_simulator_notices_a_driver_that_forgets_losers() {
    assert!(shows(Slip::ForgetLosers, "has outlived the race"));
}
