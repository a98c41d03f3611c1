//! Small files in groups (PACK), by the machine of a batch.

use super::{account, crowds, every_seed, hold, hold_seed, is_judged};
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
    let seeds = crowds();
    let [copied, lied, relayed] = every_seed(seeds, |seed| {
        let scenario = Scenario::grouped(seed);
        let copied = hold_seed(seed, &scenario).copied;
        let has_lie = matches!(&scenario.conduct, Conduct::Groups(Groups { lie: Some(_), .. }));
        let is_relayed = matches!(scenario.path, Path::Relayed(_));
        [copied as u64, u64::from(has_lie && copied > 0), u64::from(is_relayed && copied > 0)]
    });
    eprintln!(
        "{copied} files were copied in groups, in {relayed} runs through a relay; {lied} runs had a lie"
    );
    let least = seeds / 50;
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
