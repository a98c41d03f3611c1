//! The laws of a plan, by tables and by random trees.

use super::*;
use crate::place::tests::path;
use Kind::{Directory, File, Link, Other};
use ftp_proto::listing::When;
use std::collections::BTreeMap;

const MISSING: PathVerdict = PathVerdict::Planned(PlannedAction::Copy);
const DIFFERS: PathVerdict = PathVerdict::Planned(PlannedAction::Replace);
const UNSURE: PathVerdict = PathVerdict::Planned(PlannedAction::Compare);
const NEW_DIRECTORY: PathVerdict = PathVerdict::Planned(PlannedAction::Make);

fn facts(kind: Kind, size: Option<u64>, modified: Option<i64>) -> Facts {
    Facts { size, modified: modified.map(When), ..Facts::of_kind(kind) }
}

#[test]
fn a_file_that_both_have_is_judged_as_was_asked() {
    use Compare::{Auto, Exists, Hash, Size, Time};
    use PathVerdict::Same;
    let file = |size, modified| facts(File, size, modified);
    let (own, other) = (file(Some(5), Some(1)), file(Some(5), Some(2)));
    let check = |destination: &Facts, expect: [PathVerdict; 5]| {
        let found =
            [Exists, Size, Time, Hash, Auto].map(|compare| judge_source(&own, Some(destination), compare));
        assert_eq!(found, expect, "{destination:?}");
    };
    check(&own, [Same, Same, Same, UNSURE, Same]);
    check(&other, [Same, Same, DIFFERS, UNSURE, UNSURE]);
    check(&file(Some(6), Some(1)), [Same, DIFFERS, DIFFERS, DIFFERS, DIFFERS]);
    check(&file(Some(5), None), [Same, Same, UNSURE, UNSURE, UNSURE]);
    check(&file(None, Some(1)), [Same, DIFFERS, DIFFERS, DIFFERS, DIFFERS]);
    // Two sizes that nobody knows are not equal.
    assert_eq!(judge_source(&file(None, Some(1)), Some(&file(None, Some(1))), Size), DIFFERS);
}

#[test]
fn what_is_of_another_kind_is_neither_replaced_nor_deleted() {
    use PathVerdict::{Blocked, Same, Untouched};
    let check = |source: Kind, expect: [PathVerdict; 5]| {
        let found = [None, Some(File), Some(Directory), Some(Link), Some(Other)].map(|destination| {
            let destination = destination.map(|kind| facts(kind, Some(5), Some(1)));
            judge_source(&facts(source, Some(5), Some(1)), destination.as_ref(), Compare::Auto)
        });
        assert_eq!(found, expect, "{source:?}");
    };
    check(File, [MISSING, Same, Blocked, DIFFERS, Blocked]);
    check(Directory, [NEW_DIRECTORY, Blocked, Same, Blocked, Blocked]);
    check(Other, [Untouched; 5]);
}

/// A tree by its paths.
type Tree = BTreeMap<String, Facts>;

fn tree(names: &[(&str, Kind)]) -> Tree {
    names.iter().map(|(name, kind)| ((*name).to_owned(), facts(*kind, Some(5), Some(1)))).collect()
}

/// The verdicts on two trees.
fn verdicts(source: &Tree, destination: &Tree, compare: Compare) -> Vec<(String, PathVerdict)> {
    let mut paths: Vec<PathName> = source.keys().chain(destination.keys()).map(path).collect();
    paths.sort_by(order);
    paths.dedup();
    let mut judge = PathJudge::new(PlanRules { compare, ..PlanRules::default() });
    let of = |tree: &Tree, path: &PathName| {
        tree.get(&path.display()).map(|facts| TreeEntry { path: path.clone(), facts: facts.clone() })
    };
    let judged = paths.into_iter().map(|path| {
        let (source, destination) = (of(source, &path), of(destination, &path));
        (path.display(), judge.judge(source.as_ref(), destination.as_ref()))
    });
    judged.collect()
}

#[test]
fn what_is_below_a_name_that_the_source_has_for_something_else_stays() {
    let check = |source: &[(&str, Kind)], destination: &[(&str, Kind)], expect: &[(&str, PathVerdict)]| {
        let found = verdicts(&tree(source), &tree(destination), Compare::Auto);
        let expect: Vec<_> = expect.iter().map(|(name, verdict)| ((*name).to_owned(), *verdict)).collect();
        assert_eq!(found, expect);
    };
    // What is excluded or skipped at the source is there by its name alone.
    check(
        &[("tmp", Other), ("u", File)],
        &[("tmp", Directory), ("tmp/a", File), ("tmp-", File), ("v", File)],
        &[
            ("tmp", PathVerdict::Untouched),
            ("tmp/a", PathVerdict::Untouched),
            ("tmp-", PathVerdict::Surplus),
            ("u", MISSING),
            ("v", PathVerdict::Surplus),
        ],
    );
    check(
        &[("a", File)],
        &[("a", Directory), ("a/b", Directory), ("a/b/c", File), ("d", Directory), ("d/e", File)],
        &[
            ("a", PathVerdict::Blocked),
            ("a/b", PathVerdict::Untouched),
            ("a/b/c", PathVerdict::Untouched),
            ("d", PathVerdict::Surplus),
            ("d/e", PathVerdict::Surplus),
        ],
    );
    check(
        &[("a", Directory), ("a/b", File), ("a/c", Directory), ("b", File)],
        &[("a", File)],
        &[
            ("a", PathVerdict::Blocked),
            ("a/b", PathVerdict::Untouched),
            ("a/c", PathVerdict::Untouched),
            ("b", MISSING),
        ],
    );
}

/// A random tree: each name stands in a directory of it.
fn random_tree(seed: &mut u64) -> Tree {
    let mut next = |below: u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % below
    };
    let mut tree = Tree::new();
    for _ in 0..next(12) {
        let mut name = String::new();
        for depth in 0..=next(3) {
            let is_new = !tree.contains_key(&name);
            if depth > 0 && !is_new && tree.get(&name).is_some_and(|facts| facts.kind != Directory) {
                break;
            }
            if depth > 0 && is_new {
                tree.insert(name.clone(), facts(Directory, None, Some(1)));
            }
            let separator = if depth > 0 { "/" } else { "" };
            name = format!("{name}{separator}{}", ["a", "b", "a-", "c"][usize::try_from(next(4)).unwrap()]);
        }
        let kind = [File, File, Directory, Link, Other];
        let kind = kind[usize::try_from(next(5)).unwrap()];
        let time = i64::try_from(next(2)).unwrap();
        tree.entry(name).or_insert_with(|| facts(kind, Some(next(2)), Some(time)));
    }
    tree
}

/// Whether nothing is below a name.
fn is_empty(tree: &Tree, name: &str) -> bool {
    let below = format!("{name}/");
    !tree.keys().any(|name| name.starts_with(&below))
}

/// What a sync with deletion makes of the destination, if everything succeeds.
fn synced(source: &Tree, destination: &Tree, compare: Compare) -> Tree {
    let mut made = destination.clone();
    // Directories are removed from below, if they are empty.
    let judged = verdicts(source, destination, compare);
    let (directories, others): (Vec<_>, Vec<_>) = judged
        .into_iter()
        .partition(|(name, verdict)| *verdict == PathVerdict::Surplus && destination[name].kind == Directory);
    for (name, verdict) in others.into_iter().chain(directories.into_iter().rev()) {
        match verdict {
            PathVerdict::Surplus if !is_empty(&made, &name) => {}
            MISSING | DIFFERS | UNSURE | NEW_DIRECTORY => {
                made.insert(name.clone(), source[&name].clone());
            }
            PathVerdict::Surplus => drop(made.remove(&name)),
            PathVerdict::Same | PathVerdict::Blocked | PathVerdict::Untouched | PathVerdict::Claimed(_) => {}
        }
    }
    made
}

#[test]
fn every_pair_of_trees_obeys_the_laws() {
    let mut seed = 1;
    for round in 0..4_000 {
        let (source, destination) = (random_tree(&mut seed), random_tree(&mut seed));
        let compare =
            [Compare::Auto, Compare::Exists, Compare::Size, Compare::Time, Compare::Hash][round % 5];
        let judged = verdicts(&source, &destination, compare);
        let shown = format!("{round}: {source:?}\n{destination:?}\n{judged:?}");
        for (name, verdict) in &judged {
            let is_in = |tree: &Tree| tree.contains_key(name);
            match *verdict {
                // Nothing is deleted whose name the source has, for whatever it is.
                PathVerdict::Surplus => assert!(!is_in(&source) && is_in(&destination), "{name} {shown}"),
                MISSING | NEW_DIRECTORY => {
                    assert!(is_in(&source) && !is_in(&destination), "{name} {shown}");
                }
                DIFFERS | UNSURE => {
                    assert!(is_in(&source) && is_in(&destination), "{name} {shown}");
                }
                PathVerdict::Same
                | PathVerdict::Blocked
                | PathVerdict::Untouched
                | PathVerdict::Claimed(_) => {}
            }
        }
        // No name is left without its directory, and what is copied goes into a directory.
        let made = synced(&source, &destination, compare);
        for name in made.keys() {
            let above = name.rsplit_once('/').map(|(above, _)| above);
            let is_there =
                above.is_none_or(|above| made.get(above).is_some_and(|found| found.kind == Directory));
            assert!(is_there, "{name} {shown}");
        }
        // What is equal stays as it is, and a second run has nothing to copy or delete.
        for (name, verdict) in verdicts(&source, &made, compare) {
            let is_done = match verdict {
                PathVerdict::Same
                | PathVerdict::Blocked
                | PathVerdict::Untouched
                | PathVerdict::Claimed(_) => true,
                UNSURE => compare == Compare::Hash,
                // Something in it is of a kind that stays.
                PathVerdict::Surplus => !is_empty(&made, &name),
                MISSING | DIFFERS | NEW_DIRECTORY => false,
            };
            assert!(is_done, "{name} {verdict:?} {shown}");
        }
    }
}

/// A tree with these names, as it is listed.
fn listed<'a>(names: impl IntoIterator<Item = (&'a str, Kind)>) -> ListedTree {
    let mut sorter = Sorter::new(Cancel::never());
    for (name, kind) in names {
        sorter.push(TreeEntry { path: path(name), facts: Facts::of_kind(kind) }).unwrap();
    }
    ListedTree { names: sorter.finish().unwrap(), ..ListedTree::default() }
}

#[test]
fn whoever_is_asked_to_stop_plans_no_further() {
    let names: Vec<String> = (0..3000).map(|number| format!("f{number}")).collect();
    let tree = || listed(names.iter().map(|name| (name.as_str(), File)));
    let (stop, cancel) = Cancel::new();
    let planned = plan(tree(), ListedTree::default(), PlanRules::default(), &cancel).unwrap();
    assert_eq!(planned.counts.copied, 3000);
    stop.send(true).unwrap();
    let stopped = plan(tree(), ListedTree::default(), PlanRules::default(), &cancel).unwrap_err();
    assert_eq!(stopped.kind(), io::ErrorKind::Interrupted);
}

#[test]
fn what_an_earlier_run_has_begun_is_compared_although_it_looks_the_same() {
    let tree = || listed(["a", "d/a", "d/b"].map(|name| (name, File)));
    let begun = ["d/a", "gone"].map(|name| name.as_bytes().to_vec()).into();
    let rules = PlanRules { compare: Compare::Exists, begun, ..PlanRules::default() };
    let mut plan = plan(tree(), tree(), rules, &Cancel::never()).unwrap();
    assert_eq!((plan.counts.same, plan.counts.copied), (2, 1));
    let task = plan.tasks.pop().unwrap().unwrap();
    assert_eq!((task.entry.path.display().as_str(), task.action), ("d/a", PlannedAction::Compare));
    assert_eq!(plan.tasks.pop().unwrap(), None);
}

#[test]
fn h35_names_that_are_not_copied_are_known_without_their_case() {
    let source = ["README", "a", "b/X", "b/x", "readme"].map(|name| (name, File));
    let there = listed([("README", File), ("b/x", File), ("other", File)]);
    let rules = PlanRules { compare: Compare::Exists, ..PlanRules::default() };
    let plan = plan(listed(source), there, rules, &Cancel::never()).unwrap();
    for (name, expect) in [("ReadMe", true), ("b/X", true), ("B/x", false), ("a", false), ("other", false)] {
        assert_eq!(plan.left_alone.contains(&beside(&path(name))), expect, "{name}");
    }
}

#[test]
fn a_directory_whose_name_a_file_had_that_was_begun_is_not_compared() {
    let tree = || listed([("d", Directory)]);
    let rules = PlanRules { begun: [b"d".to_vec()].into(), ..PlanRules::default() };
    let mut plan = plan(tree(), tree(), rules, &Cancel::never()).unwrap();
    assert_eq!((plan.counts.same, plan.counts.copied, plan.tasks.pop().unwrap()), (0, 0, None));
}

#[test]
fn only_a_directory_in_which_something_goes_is_looked_at_as_the_source() {
    let names = [("d", Directory), ("d/x", File), ("d/y", File)];
    for (source, expect) in [(&[("x", File), ("y", File)][..], Some("d")), (&names, None)] {
        let mut sample = RootSample::default();
        ["x", "y"].iter().for_each(|name| sample.add(&path(name), File));
        let source = ListedTree { sample, ..listed(source.iter().copied()) };
        let mut plan = plan(source, listed(names), PlanRules::default(), &Cancel::never()).unwrap();
        assert_eq!(plan.suspects.pop().unwrap(), expect.map(path), "{expect:?}");
    }
}

#[test]
fn a_directory_in_which_something_stays_is_not_counted_among_what_goes() {
    let check = |names: &[(&str, Kind)], selects: bool, expect: u64, stay: &[&str]| {
        let rules = PlanRules { selects, ..PlanRules::default() };
        let tree = listed(names.iter().copied());
        let mut plan = plan(ListedTree::default(), tree, rules, &Cancel::never()).unwrap();
        let mut left = Vec::new();
        while let Some(entry) = plan.surplus.pop().unwrap() {
            left.extend(entry.is_left().then(|| entry.path.display()));
        }
        assert_eq!(
            (plan.counts.surplus, left),
            (expect, stay.iter().map(|name| (*name).to_owned()).collect())
        );
    };
    check(
        &[("d", Directory), ("d/big.1", Other), ("d/big.2", Other), ("big.3", Other)],
        false,
        0,
        &["d/big.1"],
    );
    check(&[("d", Directory), ("d/a", File), ("d/e", Directory), ("d/e/b", Other)], false, 1, &["d/e/b"]);
    check(&[("d", Directory), ("d/e", Directory), ("d/e/b", File), ("f", Directory)], false, 4, &[]);
    check(&[("d", Directory), ("d/e", Directory), ("d/e/b", File), ("f", Directory)], true, 3, &[]);
    check(&[("d", Directory), ("d/a", File), ("d/e", Directory)], true, 1, &[]);
}

#[test]
fn what_another_job_has_claimed_is_neither_deleted_nor_counted() {
    let job = JobId::new(7);
    let check = |claimed: &[&str], expect: u64, go: &[&str], words: &[&str]| {
        let names = [("d", Directory), ("d/a", File), ("d/e", Directory), ("d/old", File), ("f", Directory)];
        let rules = PlanRules { others: Arc::new(OtherJobs::of(job, claimed)), ..PlanRules::default() };
        let mut plan = plan(ListedTree::default(), listed(names), rules, &Cancel::never()).unwrap();
        let mut found = Vec::new();
        while let Some(entry) = plan.surplus.pop().unwrap() {
            found.extend((!entry.is_left()).then(|| entry.path.display()));
        }
        let go: Vec<_> = go.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!((plan.counts.surplus, found), (expect, go), "{claimed:?}");
        assert!(words.iter().all(|word| format!("{:?}", plan.claimed).contains(word)), "{:?}", plan.claimed);
    };
    check(&[], 5, &["d", "d/a", "d/e", "d/old", "f"], &["names: 0", "has_empty: false"]);
    // What was listed as empty may be made by the job: it is no task of a plan.
    check(&["d/a"], 1, &["d/e", "d/old", "f"], &["names: 2", "has_empty: true"]);
    // It is not stored yet, and its directory stays.
    check(&["d/e/f"], 2, &["d/a", "d/old", "f"], &["names: 2"]);
    check(&["x/y"], 2, &["d", "d/a", "d/e", "d/old", "f"], &["names: 0", "has_empty: true"]);
}

#[test]
fn what_the_source_cannot_show_protects_its_path_and_what_is_below_it_and_nothing_else() {
    let hides = |texts: &[Option<&str>], others| {
        let failure = || Failure::new(crate::failure::Kind::Refused, "no");
        let failed =
            |text: &Option<&str>| FailedVisit { path: text.map(path), failure: failure(), is_unlisted: true };
        let failed = texts.iter().map(failed).collect();
        ListedTree { failed, others, ..ListedTree::default() }
    };
    for (texts, others, name, expect) in [
        (&[Some("d")][..], 0, "d/a", true),
        (&[Some("d")], 0, "d", true),
        (&[Some("d")], 0, "da", false),
        (&[Some("d/e")], 0, "d/a", false),
        (&[None], 0, "x", true),
        (&[Some("d")], 1, "x", true),
        (&[], 0, "x", false),
    ] {
        assert_eq!(hides(texts, others).hides(&path(name)), expect, "{texts:?} {others} {name}");
    }
}
