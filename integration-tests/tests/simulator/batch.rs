//! Several files over one data connection (MODE B), symmetric opening (RSYM), and transfers that outlive their control
//! connections (DETA).

use super::{DIALECTS, account, crowds, every_seed, hold, hold_seed, hold_together, is_judged};
use ftp_proto::transfer::{Opening, Side};
use integration_tests::sim::conduct::{Asks, Batch, Conduct, Piece};
use integration_tests::sim::scenario::{Delays, Fault, Sabotage, Scenario, When};
use integration_tests::sim::{Pair, Report, SIDES, simulate, together};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// Five files of different lengths, one of them empty.
fn five() -> Batch {
    Batch {
        files: [5_000, 0, 40_000, 1, 9_000].map(Piece::Good).to_vec(),
        block: true,
        symmetric: false,
        ahead: 1,
        detach: None,
        allocates: false,
    }
}

/// A quiet run of several files.
fn quiet(batch: Batch) -> Scenario {
    Scenario { conduct: Conduct::Batch(batch), ..Scenario::plain() }
}

fn count(report: &Report, what: &str) -> usize {
    report.transcript().matches(what).count()
}

#[test]
fn j03_every_seed_of_several_files_gives_no_file_the_bytes_of_another_one() {
    let seeds = 2 * crowds();
    let [copied, kept, alone] = every_seed(seeds, |seed| {
        let report = hold_seed(seed, &Scenario::several(seed));
        let again = count(&report, "uses the connection that it has kept");
        [report.copied, again, count(&report, "goes on alone")].map(|count| count as u64)
    });
    eprintln!("{copied} files were copied, {kept} used a connection that was kept, {alone} went on alone");
    let least = seeds / 10;
    assert!(!is_judged(seeds) || copied > 10 * least, "{copied} copied");
    assert!(!is_judged(seeds) || (kept > least && alone > least / 2), "{kept} kept, {alone} alone");
}

#[test]
fn e12_every_choice_of_roles_moves_five_files_over_one_connection() {
    for dialect in DIALECTS {
        for (opening, passive, ahead) in [Opening::Lstn, Opening::Epsv]
            .into_iter()
            .flat_map(|opening| SIDES.into_iter().flat_map(move |side| [1, 5].map(|n| (opening, side, n))))
        {
            let mut scenario = quiet(Batch { ahead, ..five() });
            scenario.dialect = Pair::of(|_| dialect);
            (scenario.roles.opening, scenario.roles.passive) = (opening, passive);
            let report = hold(&scenario);
            assert_eq!(report.copied, 5, "{}", account(&scenario, &report));
            assert_eq!(count(&report, "   accepted"), 1, "{}", report.transcript());
            assert_eq!(count(&report, "uses the connection that it has kept"), 8);
        }
    }
}

#[test]
fn e12_a_file_that_one_end_lacks_or_refuses_costs_the_connection_and_no_other_file() {
    for bad in [Piece::Missing, Piece::Refused(5_000)] {
        for (at, ahead) in (0..4).flat_map(|at| [1, 5].map(|ahead| (at, ahead))) {
            let mut batch = Batch { ahead, ..five() };
            batch.files.insert(at, bad);
            let scenario = quiet(batch);
            let report = hold(&scenario);
            assert_eq!(report.copied, 5, "{}", account(&scenario, &report));
        }
    }
}

#[test]
fn e12_a_connection_that_breaks_between_or_in_files_ends_no_file_as_whole() {
    for (segments, ahead) in (0..40).flat_map(|segments| [1, 5].map(|ahead| (segments, ahead))) {
        let faults = vec![(When::Segments(segments), Fault::ResetData)];
        let scenario = Scenario { faults, ..quiet(Batch { ahead, ..five() }) };
        let report = hold(&scenario);
        assert_eq!(report.copied, 5, "{}", account(&scenario, &report));
    }
}

#[test]
fn g02_two_ends_that_open_at_the_same_time_have_one_connection() {
    for (source, destination) in DIALECTS.into_iter().flat_map(|s| DIALECTS.map(|d| (s, d))) {
        for (seed, block) in (0..40).flat_map(|seed| [true, false].map(|block| (seed, block))) {
            // The blocks of 1973 are not those of today.
            let block = block && source == destination;
            let mut scenario = quiet(Batch { symmetric: true, block, ..five() });
            scenario.seed = seed;
            scenario.dialect = Pair { source, destination };
            let report = hold(&scenario);
            assert_eq!(report.copied, 5, "{}", account(&scenario, &report));
        }
    }
}

/// Both control connections break in the middle of a file that may go on without them.
fn detached(segments: u32) -> Scenario {
    let files = vec![Piece::Good(40_000)];
    let faults = SIDES.map(|side| (When::Segments(segments), Fault::CutControl(side))).to_vec();
    Scenario { faults, ..quiet(Batch { files, detach: Some(HOUR), ..five() }) }
}

#[test]
fn a24_a_transfer_that_may_go_on_alone_arrives_and_one_that_may_not_ends() {
    let mut both = 0;
    for segments in 4..30 {
        // The law that it arrives is part of every run.
        both += usize::from(count(&hold(&detached(segments)), "goes on alone") == 2);
        let mut without = detached(segments);
        without.conduct = Conduct::Batch(Batch { files: vec![Piece::Good(40_000)], ..five() });
        assert_eq!(count(&hold(&without), "goes on alone"), 0);
    }
    assert!(both > 3, "{both} went on alone at both servers");
}

#[test]
fn a_transfer_goes_on_alone_no_longer_than_it_may() {
    let mut ended = 0;
    for segments in 4..30 {
        let mut scenario = detached(segments);
        scenario.conduct = Conduct::Batch(Batch {
            files: vec![Piece::Good(40_000)],
            detach: Some(Duration::from_secs(5)),
            ..five()
        });
        scenario.faults.push((When::Segments(segments), Fault::StallData(None)));
        ended += count(&hold(&scenario), "bytes, stopped");
    }
    assert!(ended > 3, "{ended} were ended by their timer");
}

/// A run of a detached transfer that is slow enough to be asked about, and users who ask.
fn asked(segments: u32, account: &'static str, asks: Asks) -> Vec<Scenario> {
    let mut scenario = detached(segments);
    scenario.faults.push((When::Segments(segments), Fault::StallData(Some(Duration::from_secs(100)))));
    let asker = Scenario::asks(u64::from(segments), account, asks, &scenario);
    vec![scenario, Scenario { begins: Duration::from_secs(5), ..asker }]
}

#[test]
fn nobody_else_sees_a_transfer_that_goes_on_alone_or_ends_it() {
    let mut refused = 0;
    for segments in 4..20 {
        let reports = hold_together("eve", &asked(segments, "eve", Asks { count: 20, ends_one_in: 2 }));
        refused += count(&reports[1], "550 There is no such transfer");
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn the_account_itself_sees_a_transfer_that_goes_on_alone_and_ends_it() {
    let [mut seen, mut ended] = [0, 0];
    for segments in 4..20 {
        for ends_one_in in [0, 3] {
            let scenarios = asked(segments, "anna", Asks { count: 20, ends_one_in });
            let reports = together(scenarios.clone());
            for (scenario, report) in scenarios.iter().zip(&reports) {
                assert!(report.violations.is_empty(), "{}", account(scenario, report));
            }
            seen += count(&reports[1], "State moving");
            ended += count(&reports[0], "bytes, stopped");
            assert!(ends_one_in > 0 || count(&reports[0], "bytes, stopped") == 0);
        }
    }
    assert!(seen > 20 && ended > 3, "{seen} seen, {ended} ended");
}

/// Whether some run of such a world has such a violation.
fn noticed(what: &str, runs: impl IntoIterator<Item = Scenario>, sabotage: Sabotage) -> bool {
    runs.into_iter().any(|scenario| {
        let report = simulate(Scenario { sabotage: Some(sabotage), ..scenario });
        report.violations.iter().any(|violation| violation.contains(what))
    })
}

#[test]
fn the_simulator_notices_bytes_of_the_next_file_that_are_lost() {
    let ahead = (0..20).map(|seed| {
        let files = vec![Piece::Good(100); 8];
        let most = Duration::from_millis;
        let delays = Delays { control: most(1), data: most(1), answer: most(100) };
        Scenario { seed, delays, ..quiet(Batch { files, ahead: 8, ..five() }) }
    });
    assert!(noticed("though nothing was wrong", ahead, Sabotage::LoseBehind));
}

#[test]
fn the_simulator_notices_the_end_of_a_connection_that_is_taken_for_that_of_a_file() {
    let broken = (0..40).map(|segments| {
        let files = vec![Piece::Good(40_000)];
        let faults = vec![(When::Segments(segments), Fault::Crash(Side::Source))];
        Scenario { old: Some(3_000), faults, ..quiet(Batch { files, ..five() }) }
    });
    assert!(noticed("neither the old file", broken, Sabotage::EndIsEnd));
}

#[test]
fn the_simulator_notices_two_connections_where_one_is_due() {
    let runs = (0..40).map(|seed| Scenario { seed, ..quiet(Batch { symmetric: true, ..five() }) });
    assert!(noticed("though nothing was wrong", runs, Sabotage::CrossTwice));
}

#[test]
fn the_simulator_notices_an_account_that_is_shown_the_transfers_of_others() {
    let shown = (4..20).any(|segments| {
        let mut scenarios = asked(segments, "eve", Asks { count: 20, ends_one_in: 2 });
        scenarios.iter_mut().for_each(|scenario| scenario.sabotage = Some(Sabotage::OneOwner));
        let reports = together(scenarios);
        reports[1].violations.iter().any(|what| what.contains("somebody else's transfer"))
    });
    assert!(shown);
}

#[test]
fn the_simulator_notices_a_half_file_that_is_believed_after_its_client_has_gone() {
    // For the destination the source's host is the user's own, so what comes from there may be cut short with it.
    let runs = (4..40).map(|segments| {
        let mut scenario = detached(segments);
        scenario.user_at = Some(Side::Source);
        scenario.conduct = Conduct::Batch(Batch {
            files: vec![Piece::Good(40_000)],
            block: false,
            detach: Some(HOUR),
            allocates: true,
            ..five()
        });
        scenario.faults = vec![
            (When::Segments(segments), Fault::CutControl(Side::Destination)),
            (When::Segments(segments + 3), Fault::Crash(Side::Source)),
        ];
        scenario
    });
    let runs: Vec<Scenario> = runs.collect();
    for scenario in &runs {
        hold(scenario);
    }
    assert!(noticed("believed", runs, Sabotage::NoDoubt));
}
