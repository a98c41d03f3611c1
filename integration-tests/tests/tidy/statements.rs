//! Every statement of docs/protocol/conformance.md and docs/protocol/relay.md has a test or a fixture with its id in the
//! name, or the page says why it has none.

use super::source::{read, texts};
use std::collections::BTreeSet;

/// The pages with statements, and how many each section has, by its letter: no number may disappear from a page.
const PAGES: [(&str, &[(char, usize)]); 2] = [
    (
        "docs/protocol/conformance.md",
        &[
            ('A', 24),
            ('B', 24),
            ('C', 28),
            ('D', 20),
            ('E', 25),
            ('F', 13),
            ('G', 5),
            ('H', 38),
            ('I', 15),
            ('J', 3),
        ],
    ),
    ("docs/protocol/relay.md", &[('R', 64)]),
];

/// Behind this heading a page names the statements that no test keeps, with the reason.
const UNTESTED: &str = "\n## Without a test\n";

/// Whether a word is an id: a letter and two digits.
fn is_id(word: &str) -> bool {
    let (letter, digits) = word.split_at_checked(1).unwrap_or_default();
    letter.bytes().all(|letter| letter.is_ascii_uppercase())
        && digits.len() == 2
        && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// The statements of a page: their ids begin a line, or a sentence.
fn written(page: &str) -> BTreeSet<String> {
    let text = read(page);
    let statements = text.split(UNTESTED).next().unwrap_or_default();
    let sentences = statements.lines().flat_map(|line| line.split(". "));
    let ids = sentences.filter_map(|sentence| sentence.split(' ').next()).filter(|word| is_id(word));
    ids.map(str::to_owned).collect()
}

/// The statements of a page that no test keeps.
fn untested(page: &str) -> BTreeSet<String> {
    let text = read(page);
    let lines = text.split(UNTESTED).nth(1).unwrap_or_default().lines();
    let ids = lines.filter_map(|line| line.split(": ").next()).flat_map(|ids| ids.split(", "));
    ids.filter(|word| is_id(word)).map(str::to_owned).collect()
}

/// The ids in the names of all tests and fixtures.
fn named() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut note = |name: &str| {
        for word in name.split(['_', '-', '.']) {
            let (letter, digits) = word.split_at_checked(1).unwrap_or_default();
            if digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit()) {
                ids.insert(format!("{}{digits}", letter.to_uppercase()));
            }
        }
    };
    for (path, text) in texts() {
        if let Some(fixture) = path.split("fixtures/transcripts/").nth(1) {
            note(fixture);
        }
        let mut lines = text.lines().filter(|_| path.ends_with(".rs"));
        while let Some(line) = lines.next() {
            if line.trim() == "#[test]" || line.trim().starts_with("#[tokio::test") {
                let name = lines.find_map(|line| {
                    let line = line.trim_start();
                    line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")
                });
                let name = name.unwrap_or_default();
                note(name.split('(').next().unwrap_or_default());
            }
        }
    }
    ids
}

#[test]
fn every_kept_statement_has_a_test_with_its_id() {
    let named = named();
    for (page, _) in PAGES {
        let kept: BTreeSet<String> = written(page).difference(&untested(page)).cloned().collect();
        let missing: Vec<&String> = kept.difference(&named).collect();
        assert!(missing.is_empty(), "of {page}, no test and no fixture is named after {missing:?}");
    }
}

#[test]
fn no_statement_disappears_without_a_reason() {
    for (page, sections) in PAGES {
        let all: BTreeSet<String> = sections
            .iter()
            .flat_map(|(letter, count)| (1..=*count).map(move |number| format!("{letter}{number:02}")))
            .collect();
        let written: BTreeSet<String> = written(page).union(&untested(page)).cloned().collect();
        let gone: Vec<&String> = all.difference(&written).collect();
        assert!(
            gone.is_empty(),
            "{page} has neither these statements nor a reason why they are not kept: {gone:?}"
        );
        let unknown: Vec<&String> = written.difference(&all).collect();
        assert!(unknown.is_empty(), "add these to the number of statements of {page}: {unknown:?}");
    }
}
