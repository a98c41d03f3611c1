//! The laws of a plan, by tables and by random trees.

use super::*;
use crate::job::sorted_names::order;
use ftp_proto::listing::When;
use std::collections::BTreeMap;

fn path(text: &str) -> PathName {
    PathName::from_user(text).unwrap()
}

fn facts(kind: Kind, size: Option<u64>, modified: Option<i64>) -> Facts {
    Facts { kind, size, modified: modified.map(When), unique: None, version: None, mode: None }
}

#[test]
fn a_file_that_both_have_is_judged_as_was_asked() {
    use Compare::{Auto, Exists, Hash, Size, Time};
    use Verdict::{Differs, Same, Unsure};
    let file = |size, modified| facts(Kind::File, size, modified);
    let (own, other) = (file(Some(5), Some(1)), file(Some(5), Some(2)));
    let check = |destination: &Facts, expect: [Verdict; 5]| {
        let found = [Exists, Size, Time, Hash, Auto].map(|compare| both(&own, Some(destination), compare));
        assert_eq!(found, expect, "{destination:?}");
    };
    check(&own, [Same, Same, Same, Unsure, Same]);
    check(&other, [Same, Same, Differs, Unsure, Unsure]);
    check(&file(Some(6), Some(1)), [Same, Differs, Differs, Differs, Differs]);
    check(&file(Some(5), None), [Same, Same, Unsure, Unsure, Unsure]);
    check(&file(None, Some(1)), [Same, Differs, Differs, Differs, Differs]);
    // Two sizes that nobody knows are not equal.
    assert_eq!(both(&file(None, Some(1)), Some(&file(None, Some(1))), Size), Differs);
}

#[test]
fn what_is_of_another_kind_is_neither_replaced_nor_deleted() {
    use Kind::{Directory, File, Link, Other};
    use Verdict::{Blocked, Differs, Left, Missing, NewDirectory, Same};
    let check = |source: Kind, expect: [Verdict; 5]| {
        let found = [None, Some(File), Some(Directory), Some(Link), Some(Other)].map(|destination| {
            let destination = destination.map(|kind| facts(kind, Some(5), Some(1)));
            both(&facts(source, Some(5), Some(1)), destination.as_ref(), Compare::Auto)
        });
        assert_eq!(found, expect, "{source:?}");
    };
    check(File, [Missing, Same, Blocked, Differs, Blocked]);
    check(Directory, [NewDirectory, Blocked, Same, Blocked, Blocked]);
    check(Other, [Left; 5]);
}

/// A tree by its paths.
type Tree = BTreeMap<String, Facts>;

fn tree(names: &[(&str, Kind)]) -> Tree {
    names.iter().map(|(name, kind)| ((*name).to_owned(), facts(*kind, Some(5), Some(1)))).collect()
}

/// The verdicts on two trees.
fn verdicts(source: &Tree, destination: &Tree, compare: Compare) -> Vec<(String, Verdict)> {
    let mut paths: Vec<PathName> = source.keys().chain(destination.keys()).map(|name| path(name)).collect();
    paths.sort_by(order);
    paths.dedup();
    let mut judge = Judge::new(compare, BegunFiles::default(), Arc::default());
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
    use Kind::{Directory, File, Other};
    let check = |source: &[(&str, Kind)], destination: &[(&str, Kind)], expect: &[(&str, Verdict)]| {
        let found = verdicts(&tree(source), &tree(destination), Compare::Auto);
        let expect: Vec<_> = expect.iter().map(|(name, verdict)| ((*name).to_owned(), *verdict)).collect();
        assert_eq!(found, expect);
    };
    // What is excluded or skipped at the source is there by its name alone.
    check(
        &[("tmp", Other), ("u", File)],
        &[("tmp", Directory), ("tmp/a", File), ("tmp-", File), ("v", File)],
        &[
            ("tmp", Verdict::Left),
            ("tmp/a", Verdict::Left),
            ("tmp-", Verdict::Surplus),
            ("u", Verdict::Missing),
            ("v", Verdict::Surplus),
        ],
    );
    check(
        &[("a", File)],
        &[("a", Directory), ("a/b", Directory), ("a/b/c", File), ("d", Directory), ("d/e", File)],
        &[
            ("a", Verdict::Blocked),
            ("a/b", Verdict::Left),
            ("a/b/c", Verdict::Left),
            ("d", Verdict::Surplus),
            ("d/e", Verdict::Surplus),
        ],
    );
    check(
        &[("a", Directory), ("a/b", File), ("a/c", Directory), ("b", File)],
        &[("a", File)],
        &[("a", Verdict::Blocked), ("a/b", Verdict::Left), ("a/c", Verdict::Left), ("b", Verdict::Missing)],
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
            if depth > 0 && !is_new && tree.get(&name).is_some_and(|facts| facts.kind != Kind::Directory) {
                break;
            }
            if depth > 0 && is_new {
                tree.insert(name.clone(), facts(Kind::Directory, None, Some(1)));
            }
            let separator = if depth > 0 { "/" } else { "" };
            name = format!("{name}{separator}{}", ["a", "b", "a-", "c"][usize::try_from(next(4)).unwrap()]);
        }
        let kind = [Kind::File, Kind::File, Kind::Directory, Kind::Link, Kind::Other];
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
    let (directories, others): (Vec<_>, Vec<_>) = judged.into_iter().partition(|(name, verdict)| {
        *verdict == Verdict::Surplus && destination[name].kind == Kind::Directory
    });
    for (name, verdict) in others.into_iter().chain(directories.into_iter().rev()) {
        match verdict {
            Verdict::Surplus if !is_empty(&made, &name) => {}
            Verdict::Missing | Verdict::Differs | Verdict::Unsure | Verdict::NewDirectory => {
                made.insert(name.clone(), source[&name].clone());
            }
            Verdict::Surplus => drop(made.remove(&name)),
            Verdict::Same | Verdict::Blocked | Verdict::Left | Verdict::Claimed(_) => {}
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
            match verdict {
                // Nothing is deleted whose name the source has, for whatever it is.
                Verdict::Surplus => assert!(!is_in(&source) && is_in(&destination), "{name} {shown}"),
                Verdict::Missing | Verdict::NewDirectory => {
                    assert!(is_in(&source) && !is_in(&destination), "{name} {shown}");
                }
                Verdict::Differs | Verdict::Unsure => {
                    assert!(is_in(&source) && is_in(&destination), "{name} {shown}");
                }
                Verdict::Same | Verdict::Blocked | Verdict::Left | Verdict::Claimed(_) => {}
            }
        }
        // No name is left without its directory, and what is copied goes into a directory.
        let made = synced(&source, &destination, compare);
        for name in made.keys() {
            let above = name.rsplit_once('/').map(|(above, _)| above);
            let is_there =
                above.is_none_or(|above| made.get(above).is_some_and(|found| found.kind == Kind::Directory));
            assert!(is_there, "{name} {shown}");
        }
        // What is equal stays as it is, and a second run has nothing to copy or delete.
        for (name, verdict) in verdicts(&source, &made, compare) {
            let is_done = match verdict {
                Verdict::Same | Verdict::Blocked | Verdict::Left | Verdict::Claimed(_) => true,
                Verdict::Unsure => compare == Compare::Hash,
                // Something in it is of a kind that stays.
                Verdict::Surplus => !is_empty(&made, &name),
                Verdict::Missing | Verdict::Differs | Verdict::NewDirectory => false,
            };
            assert!(is_done, "{name} {verdict:?} {shown}");
        }
    }
}
