//! Pages whose tables name tests: each row has one, and it exists.

use super::source::{read, texts, top};
use std::collections::BTreeSet;

/// The last column of each table of these pages names tests, files of tests, or fixtures.
const PAGES: [&str; 5] = [
    "docs/features.md",
    "docs/history.md",
    "docs/protocol/jobs.md",
    "docs/protocol/path.md",
    "docs/security/threats.md",
];

/// What a row may name.
struct Tests {
    /// The names of test functions.
    functions: BTreeSet<String>,
    /// The names of fixtures, without their ending.
    fixtures: BTreeSet<String>,
    /// The paths of Rust files.
    files: BTreeSet<String>,
}

impl Tests {
    fn of(texts: Vec<(String, String)>) -> Self {
        let mut tests =
            Self { functions: BTreeSet::new(), fixtures: BTreeSet::new(), files: BTreeSet::new() };
        for (path, text) in texts {
            if let Some(fixture) = path.split("fixtures/transcripts/").nth(1) {
                tests.fixtures.insert(fixture.trim_end_matches(".txt").to_owned());
            } else if path.ends_with(".rs") {
                tests.functions.extend(functions(&text));
                tests.files.insert(path);
            }
        }
        tests
    }

    /// Whether `name` is a test: a function with or without its modules, a fixture, or a file of tests.
    fn has(&self, name: &str) -> bool {
        let last = name.rsplit("::").next().unwrap_or(name);
        self.functions.contains(last)
            || self.fixtures.contains(name)
            || name.ends_with(".rs") && self.files.iter().any(|file| file.ends_with(&format!("/{name}")))
    }

    /// The rows of a page that name no test, or one that does not exist.
    fn missing(&self, page: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut in_table = false;
        for line in page.lines() {
            // The first row of a table is its head.
            let head = !std::mem::replace(&mut in_table, line.starts_with('|'));
            if !in_table || head || line.starts_with("|--") {
                continue;
            }
            let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
            let names: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
            if names.is_empty() {
                found.push(format!("no test: {line}"));
            }
            found.extend(
                names.iter().filter(|name| !self.has(name)).map(|name| format!("no such test: {name}")),
            );
        }
        found
    }
}

/// The names of the test functions of a file.
pub(super) fn functions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            let name = lines.find_map(|line| line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn "));
            found.extend(name.and_then(|name| name.split('(').next()).map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_row_of_a_checklist_names_a_test_that_exists() {
    let tests = Tests::of(texts());
    let missing: Vec<String> = PAGES
        .iter()
        .flat_map(|page| tests.missing(&read(page)).into_iter().map(move |row| format!("{page}: {row}")))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_threat_to_a_relay_names_statements_that_exist() {
    let relay = read("docs/protocol/relay.md");
    let exists = |id: &&str| relay.lines().any(|line| line.starts_with(&format!("{id} ")));
    let page = read("docs/security/threats.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| T")).collect();
    assert_eq!(rows.len(), 24);
    for row in rows {
        let statements = row.trim_end_matches('|').rsplit('|').nth(1).unwrap_or_default();
        let wrong: Vec<&str> = statements.split(',').map(str::trim).filter(|id| !exists(id)).collect();
        assert!(wrong.is_empty(), "{wrong:?} in {row}");
    }
}

#[test]
fn a_row_without_a_test_and_one_with_a_wrong_name_are_noticed() {
    let files = [
        ("a/tests/b.rs", "#[test]\nfn one() {}\n#[tokio::test]\nasync fn two() {}\nfn helper() {}"),
        ("fixtures/transcripts/A01-three.txt", ""),
    ];
    let tests = Tests::of(files.map(|(path, text)| (path.to_owned(), text.to_owned())).to_vec());
    let table = |row: &str| tests.missing(&format!("text\n\n| what | test |\n|---|---|\n| `x` | {row} |\n"));
    for right in ["`one`", "`m::two`", "`A01-three`, `tests/b.rs`"] {
        assert_eq!(table(right), Vec::<String>::new());
    }
    for wrong in ["nothing", "`helper`", "`one`, `four`", "`A01-four`", "`tests/c.rs`"] {
        assert_eq!(table(wrong).len(), 1, "{wrong}");
    }
}

#[test]
fn decisions_have_numbers_of_their_own_and_their_titles_say_them() {
    let mut numbers = BTreeSet::new();
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(top().join("docs/decisions")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some((number, _)) = name.split_once('-').filter(|_| name.ends_with(".md")) else { continue };
        let title = read(&format!("docs/decisions/{name}"));
        if !numbers.insert(number.to_owned()) || !title.starts_with(&format!("# {number}: ")) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "two decisions with one number, or a title without it: {wrong:?}");
}
