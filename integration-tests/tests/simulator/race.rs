//! Races of candidates, each of them a whole simulated transfer.

use super::every_seed;
use ftp_proto::transfer::race::{Conclusion, Settings};
use ftp_proto::transfer::{Posture, Postures};
use integration_tests::sim::race::{DriverFault, Field, RaceResult, race};
use integration_tests::sim::scenario::{Obstacle, Path, Sabotage, Scenario};
use std::time::Duration;

fn hold(field: &Field) -> RaceResult {
    let raced = race(field);
    assert!(raced.violations.is_empty(), "{:#?}\n{raced:?}\n{field:#?}", raced.violations);
    raced
}

#[test]
fn j03_every_race_has_at_most_one_winner_and_leaves_no_loser_behind() {
    let seeds = super::seeds();
    let [won, beside, aborted, probed] = every_seed(seeds, |seed| {
        let raced = race(&Field::of(seed));
        assert!(raced.violations.is_empty(), "seed {seed}: {:#?}\n{raced:?}", raced.violations);
        let wins = matches!(raced.conclusion, Some(Conclusion::Won(_)));
        [wins, raced.started > 1, raced.aborted > 0, raced.probed > 0].map(u64::from)
    });
    eprintln!("of {seeds} races {won} were won, {beside} had more than one candidate under way,");
    eprintln!("{aborted} had losers to abort, and in {probed} some only probed");
    let enough = [(won, 4), (beside, 4), (aborted, 8), (probed, 10)];
    assert!(
        !super::is_judged(seeds) || enough.iter().all(|(count, part)| *count > seeds / part),
        "{enough:?}"
    );
}

/// When the data connection of the winner stands at the latest: the candidates before it have had their head starts
/// and claims, and it has not taken longer than alone. A winner that has only probed begins once more, with other
/// delays, and a connection that comes too early is tried again after 250 ms, and after 500 ms.
fn latest(field: &Field, works: usize) -> Duration {
    let alone = Field::plain(vec![field.scenarios[works].clone()]);
    let alone = hold(&alone).first.expect("a connection");
    let Settings { setup, claim, .. } = Settings::default();
    let before = setup + Duration::from_millis(250) + if field.hasty { claim } else { Duration::ZERO };
    let before = before * u32::try_from(works).expect("a few");
    let again = if field.probes && works > 0 { alone * 3 + Duration::from_secs(2) } else { Duration::ZERO };
    before + alone + again
}

/// How much later than that the winner of a race was.
fn too_late(field: &Field, works: usize) -> Option<Duration> {
    let raced = hold(field);
    assert_eq!(raced.conclusion, Some(Conclusion::Won(works)), "{raced:?}");
    raced.first.expect("a connection").checked_sub(latest(field, works)).filter(|late| !late.is_zero())
}

#[test]
fn j03_the_first_byte_comes_after_the_head_starts_of_silent_candidates_and_no_timeout() {
    every_seed(super::seeds(), |seed| {
        let (field, works) = Field::silent(seed);
        assert_eq!(too_late(&field, works), None, "seed {seed}\n{field:#?}");
        []
    });
}

fn dead() -> Scenario {
    Scenario { obstacles: vec![Obstacle::Unanswered], ..Scenario::plain() }
}

#[test]
fn h17_a_candidate_that_works_wins_while_those_before_it_are_dead_without_a_word() {
    for before in 0..3 {
        let scenarios = (0..before).map(|_| dead()).chain([Scenario::plain()]).collect();
        let raced = hold(&Field::plain(scenarios));
        assert_eq!(raced.conclusion, Some(Conclusion::Won(before)), "{raced:?}");
        assert!(raced.took < Duration::from_secs(20), "{raced:?}");
    }
}

#[test]
fn r49_while_direct_paths_are_silent_a_relay_has_its_first_byte_within_two_seconds_of_its_head_start() {
    let postures = [Posture::Passive, Posture::Active];
    for (source, destination) in postures.into_iter().flat_map(|one| postures.map(|two| (one, two))) {
        let path = Path::Relayed(Postures { source, destination });
        let relayed = Scenario { path, relay: true, ..Scenario::plain() };
        let alone = hold(&Field::plain(vec![relayed.clone()])).first.expect("a connection");
        let raced = hold(&Field::plain(vec![dead(), dead(), relayed]));
        assert_eq!(raced.conclusion, Some(Conclusion::Won(2)), "{raced:?}");
        // Each candidate before it has 250 ms of head start, once its sessions are there.
        let limit = alone + 2 * (Settings::default().setup + Duration::from_millis(250));
        let first = raced.first.expect("a connection");
        assert!(first <= limit + Duration::from_secs(2), "{first:?} and {alone:?} alone");
    }
}

/// Through a user agent whose own connections are never answered.
fn walled() -> Scenario {
    Scenario { path: Path::Through, obstacles: vec![Obstacle::Walled], ..Scenario::plain() }
}

#[test]
fn h17_where_its_connections_are_not_answered_the_user_agent_listens_for_both_servers_in_one_wait() {
    let raced = hold(&Field::plain(vec![walled()]));
    assert_eq!(raced.conclusion, Some(Conclusion::Won(0)), "{raced:?}");
    let open = Scenario { obstacles: Vec::new(), ..walled() };
    let open = hold(&Field::plain(vec![open])).first.expect("a connection");
    let first = raced.first.expect("a connection");
    assert!(first <= open + Duration::from_millis(2_500), "{first:?} and {open:?}");
    let raced = hold(&Field::plain(vec![dead(), walled()]));
    assert_eq!(raced.conclusion, Some(Conclusion::Won(1)), "{raced:?}");
}

#[test]
fn the_simulator_notices_a_user_agent_that_does_not_listen() {
    let deaf = Scenario { sabotage: Some(Sabotage::Deaf), ..walled() };
    let raced = race(&Field::plain(vec![deaf]));
    assert!(
        !raced.violations.is_empty() && !matches!(raced.conclusion, Some(Conclusion::Won(_))),
        "{raced:?}"
    );
}

#[test]
fn the_simulator_notices_a_user_agent_that_takes_strangers_for_its_servers() {
    let notices = (0..400).any(|seed| {
        let mut field = Field::of(seed);
        let is_walled = |scenario: &Scenario| scenario.obstacles.contains(&Obstacle::Walled);
        field.scenarios.retain(is_walled);
        field.groups = (0..field.scenarios.len()).collect();
        for scenario in &mut field.scenarios {
            scenario.sabotage = Some(Sabotage::Credulous);
        }
        !field.scenarios.is_empty() && !race(&field).violations.is_empty()
    });
    assert!(notices);
}

#[test]
fn h17_where_sessions_are_limited_the_working_candidate_still_has_its_turn() {
    let raced = hold(&Field { sessions: 1, ..Field::plain(vec![dead(), Scenario::plain()]) });
    assert_eq!(raced.conclusion, Some(Conclusion::Won(1)), "{raced:?}");
}

#[test]
fn the_simulator_notices_what_a_driver_does_wrong_with_losers_and_probes() {
    for (sabotage, what) in [
        (DriverFault::PublishAll, "final name"),
        (DriverFault::ForgetLosers, "has outlived the race"),
        (DriverFault::ListenerFirst, "is aborted first"),
        (DriverFault::ProbesMove, "where it should probe"),
        (DriverFault::KeepSessions, "have sessions for ever"),
    ] {
        let is_seen = (0..400).any(|seed| {
            let field = Field { sabotage: Some(sabotage), ..Field::of(seed) };
            race(&field).violations.iter().any(|violation| violation.contains(what))
        });
        assert!(is_seen, "{sabotage:?}: {what}");
    }
}

/// Without a clock, or with every claim taken for a win, some race in which only one candidate works comes too late.
#[test]
fn the_simulator_notices_a_driver_that_comes_too_late() {
    for sabotage in [DriverFault::NoClock, DriverFault::Believe] {
        let is_late = (0..400).any(|seed| {
            let (field, works) = Field::silent(seed);
            let latest = latest(&field, works);
            let raced = race(&Field { sabotage: Some(sabotage), ..field });
            raced.first.is_none_or(|first| first > latest)
        });
        assert!(is_late, "{sabotage:?}");
    }
}
