//! The page of the benchmark's figures: it says what the kept results say, and stays short.

use super::source::top;
use integration_tests::performance::{PAGE, RESULTS, Results, TARGETS, pages};
use std::collections::BTreeSet;
use std::fs;

/// Set to write the page and its curves instead of comparing them.
const UPDATE: &str = "UPDATE_REFERENCE";

/// The most lines of the page.
const LINES: usize = 250;

#[test]
fn the_page_of_performance_says_what_the_results_say() {
    let mut stale = Vec::new();
    for page in pages(&top()).unwrap() {
        if fs::read_to_string(top().join(&page.path)).is_ok_and(|found| found == page.text) {
            continue;
        }
        if std::env::var_os(UPDATE).is_some() {
            fs::write(top().join(&page.path), page.text).unwrap();
        } else {
            stale.push(page.path);
        }
    }
    assert!(
        stale.is_empty(),
        "out of date; {UPDATE}=1 cargo test -p integration-tests --test all performance\n{}",
        stale.join("\n")
    );
}

#[test]
fn the_page_of_performance_is_short() {
    let pages = pages(&top()).unwrap();
    let page = pages.iter().find(|page| page.path == PAGE).unwrap();
    let lines = page.text.lines().count();
    assert!(lines <= LINES, "{PAGE} has {lines} lines, more than {LINES}");
}

#[test]
fn each_target_has_a_name_of_its_own_and_each_recorded_figure_a_target() {
    let keys: BTreeSet<String> = TARGETS.iter().map(integration_tests::performance::Target::key).collect();
    assert_eq!(keys.len(), TARGETS.len(), "two targets have one key");
    let kept = Results::read(&top().join(RESULTS)).unwrap();
    let unknown: Vec<&str> = kept
        .recorded
        .iter()
        .map(|recorded| &*recorded.target)
        .filter(|target| !keys.contains(*target))
        .collect();
    assert!(unknown.is_empty(), "no target has these keys:\n{}", unknown.join("\n"));
}
