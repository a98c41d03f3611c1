//! The list of tests that may be skipped (docs/testing.md), and the script that reads it (`.ci/skips`).

use super::none;
use super::pages::functions;
use super::source::{read, texts, top};
use std::process::Command;

/// A row of the list: which tests, what their line says, where they run, and when they last did.
struct Row {
    tests: Vec<String>,
    says: Vec<String>,
    runs: String,
    last: String,
}

/// The words of a cell that stand in backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn rows() -> Vec<Row> {
    let page = read("docs/testing.md");
    let list = page.split("<!-- skips").nth(1).and_then(|rest| rest.split("<!-- end of the skips").next());
    let rows = list.expect("a list").lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, tests, says, runs, last, _] = cells.try_into().unwrap_or_else(|_| panic!("{line}"));
        Row { tests: quoted(tests), says: quoted(says), runs: runs.to_owned(), last: last.to_owned() }
    };
    rows.map(row).collect()
}

/// The names of the tests of a file, as the harness shows them.
fn names(path: &str, text: &str) -> Vec<String> {
    let inside = ["/src/", "/tests/program/", "/tests/counts/", "/tests/"]
        .iter()
        .find_map(|start| path.split_once(start));
    let module = inside.map_or(path, |(_, inside)| inside).trim_end_matches(".rs").trim_end_matches("/mod");
    let module = module.replace('/', "::");
    functions(text).into_iter().map(|function| format!("{module}::{function}")).collect()
}

/// Whether it says a day, or that nobody knows the day.
fn is_day(last: &str) -> bool {
    let form: String =
        last.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    form == "0000-00-00" || last == "not known"
}

#[test]
fn each_entry_of_the_list_of_skips_names_tests_and_words_that_exist() {
    let texts = texts();
    let tests = texts.iter().filter(|(path, _)| path.ends_with(".rs"));
    let tests: Vec<String> = tests.flat_map(|(path, text)| names(path, text)).collect();
    let is_code = |path: &str| path.ends_with(".rs") || path.starts_with(".ci/");
    let mut wrong = Vec::new();
    for Row { tests: prefixes, says, runs, last } in rows() {
        let exists = |prefix: &String| {
            top().join(prefix).is_file() || tests.iter().any(|test| test.starts_with(prefix))
        };
        let is_said = |words: &String| {
            texts.iter().any(|(path, text)| is_code(path) && text.replace("\\`", "`").contains(words))
        };
        wrong.extend(prefixes.iter().filter(|prefix| !exists(prefix)).map(|name| format!("no test: {name}")));
        wrong.extend(says.iter().filter(|words| !is_said(words)).map(|words| format!("not said: {words}")));
        if prefixes.is_empty() || says.is_empty() || runs.is_empty() || !is_day(&last) {
            wrong.push(format!("{prefixes:?} need a reason, a place and a day"));
        }
    }
    none("a row of docs/testing.md", wrong);
}

#[test]
fn a_skip_that_is_not_in_the_list_fails_and_skips_are_counted() {
    let run = |script: &str| {
        let output = Command::new(top().join(".ci/skips")).args(["sh", "-c", script]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let listed = rows().remove(0);
    let (test, says) = (format!("{}x", listed.tests[0]), &listed.says[0]);
    let line = format!("skipped: {test}: for {says} so");
    for (script, succeeds, count) in [
        (format!("echo '{line}'; echo '{line}' >&2; echo 'test {test} ... {line}'"), true, 1),
        (format!("echo '{line}'; exit 3"), false, 1),
        (format!("echo 'skipped: {test}: another reason'"), false, 1),
        (format!("echo '{line}'; echo 'skipped: new::test: for {says} so'"), false, 2),
        ("echo 'a.txt is skipped: another job has it'".to_owned(), true, 0),
        ("exit 3".to_owned(), false, 0),
    ] {
        let (has_succeeded, said) = run(&script);
        assert_eq!(has_succeeded, succeeds, "{script}\n{said}");
        assert!(said.ends_with(&format!("tests that were skipped: {count}\n")), "{script}\n{said}");
    }
}
