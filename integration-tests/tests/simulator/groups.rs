//! Small files in groups (PACK), by the machine of a batch.

use super::{CROWDS, account, hold, is_judged, number};
use integration_tests::sim::conduct::{Conduct, Fate, Groups, Small};
use integration_tests::sim::scenario::{Path, Sabotage, Scenario};
use integration_tests::sim::{SIDES, simulate};

/// Sixty files in three directories.
fn sixty() -> Groups {
    let files = (0..60).map(|number| Small { size: number * 7, fate: Fate::Good, asks: number % 2 == 0 });
    Groups { files: files.collect(), directories: 3, lie: None }
}

/// A quiet run of small files.
fn quiet(groups: Groups) -> Scenario {
    Scenario { conduct: Conduct::Groups(groups), ..Scenario::plain() }
}

#[test]
fn j03_every_seed_of_groups_names_no_wrong_file_and_tells_every_end() {
    let first = number("FTP_SIM_FIRST", 0);
    let seeds = number("FTP_SIM_CROWDS", CROWDS);
    let run = |offset: u64| {
        (first + offset..first + seeds).step_by(2).fold([0; 3], |[copied, lied, relayed], seed| {
            let scenario = Scenario::grouped(seed);
            let report = simulate(scenario.clone());
            assert!(report.violations.is_empty(), "seed {seed}: {}", account(&scenario, &report));
            let has_lie = matches!(&scenario.conduct, Conduct::Groups(Groups { lie: Some(_), .. }));
            let is_relayed = matches!(scenario.path, Path::Relayed(_)) && report.copied > 0;
            let lied = lied + usize::from(has_lie && report.copied > 0);
            [copied + report.copied, lied, relayed + usize::from(is_relayed)]
        })
    };
    let [copied, lied, relayed] = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        let (one, other) = (run(0), other.join().expect("the other half"));
        [one[0] + other[0], one[1] + other[1], one[2] + other[2]]
    });
    eprintln!(
        "{copied} files were copied in groups, in {relayed} runs through a relay; {lied} runs had a lie"
    );
    let least = usize::try_from(seeds / 50).expect("a number of seeds");
    assert!(
        !is_judged(seeds) || (copied > 100 * least && lied > least && relayed > least),
        "{copied} {lied} {relayed}"
    );
}

#[test]
fn every_file_of_a_quiet_run_gets_its_name() {
    for passive in SIDES {
        let mut scenario = quiet(sixty());
        scenario.roles.passive = passive;
        let report = hold(&scenario);
        assert_eq!(report.copied, 60, "{}", account(&scenario, &report));
        let kept = report.transcript().matches("PACK KEEP").count();
        assert!((3..30).contains(&kept), "{kept} groups");
    }
}

#[test]
fn the_simulator_notices_what_is_wrong_with_groups() {
    let mut groups = sixty();
    // A group is looked at as a whole.
    groups.files.iter_mut().for_each(|file| file.asks = false);
    groups.files[20].fate = Fate::Taken;
    for (sabotage, what) in [
        (Sabotage::KeepReplaces, "called published, and was Taken"),
        (Sabotage::KeepSpoils, "not whole"),
        (Sabotage::KeepsGroups, "a group"),
    ] {
        let mut scenario = quiet(groups.clone());
        scenario.sabotage = Some(sabotage);
        let report = simulate(scenario.clone());
        let has = report.violations.iter().any(|violation| violation.contains(what));
        assert!(has, "{sabotage:?}: {}", account(&scenario, &report));
    }
}
