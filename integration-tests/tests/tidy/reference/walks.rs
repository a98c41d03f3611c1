//! The walks of ARCHITECTURE.md and docs/walks.md name files and functions that exist, and none is longer than a dozen steps.

use super::super::source;

/// A step of a walk: its number, its file, the functions that are named there.
#[derive(PartialEq, Eq, Debug)]
struct Step {
    number: usize,
    file: String,
    functions: Vec<String>,
}

/// The steps: rows of tables whose first cell is a number, `| 3 | `file.rs` `function` | what happens |`.
fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in text.lines() {
        let mut cells = line.split('|').skip(1).map(str::trim);
        let Some(number) = cells.next().and_then(|cell| cell.parse().ok()) else { continue };
        let mut spans = cells.next().unwrap_or_default().split('`').skip(1).step_by(2).map(str::to_owned);
        let file = spans.next().unwrap_or_default();
        steps.push(Step { number, file, functions: spans.collect() });
    }
    steps
}

/// What is wrong with a step, if anything is.
fn mistake(step: &Step, code: Option<&str>) -> Option<String> {
    let Some(code) = code else { return Some(format!("{} does not exist", step.file)) };
    let missing = |name: &&String| {
        let name = name.rsplit("::").next().unwrap_or_default();
        !["fn", "enum", "struct"].iter().any(|kind| {
            let item = format!("{kind} {name}");
            code.match_indices(&item).any(|(at, _)| {
                let next = code.get(at + item.len()..).and_then(|rest| rest.chars().next());
                !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
            })
        })
    };
    if step.functions.is_empty() {
        return Some(format!("{}: no function is named", step.file));
    }
    step.functions.iter().find(missing).map(|name| format!("{} has no {name}", step.file))
}

#[test]
fn the_walks_lead_through_files_and_functions_that_exist() {
    let pages = ["ARCHITECTURE.md", "docs/walks.md"];
    let steps: Vec<Step> = pages.iter().flat_map(|page| steps(&source::read(page))).collect();
    let mut wrong = Vec::new();
    for step in &steps {
        let code = std::fs::read_to_string(source::top().join(&step.file)).ok();
        wrong.extend(mistake(step, code.as_deref()).map(|what| format!("step {}: {what}", step.number)));
    }
    assert!(wrong.is_empty(), "{pages:?}:\n{}", wrong.join("\n"));
    let starts = steps.iter().filter(|step| step.number == 1).count();
    assert_eq!(starts, 4, "one RETR, one login, one copy, one relay join");
    assert!(steps.iter().all(|step| step.number <= 12), "a walk has at most a dozen steps");
}

#[test]
fn every_file_that_the_architecture_names_exists() {
    let text = source::read("ARCHITECTURE.md");
    let files: std::collections::BTreeSet<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|span| span.ends_with(".rs") && span.contains('/'))
        .collect();
    let folders = [
        "",
        "ftp-user/src",
        "ftp-proto/src",
        "ftp-server/src",
        "ftp-relay-agent/src",
        "integration-tests/tests",
    ];
    let exists = |file: &&str| folders.iter().any(|folder| source::top().join(folder).join(file).is_file());
    let missing: Vec<_> = files.iter().filter(|file| !exists(file)).collect();
    assert!(missing.is_empty() && files.len() > 50, "{missing:?} of {}", files.len());
}

/// What a page says to be in a file: "`function` in `file.rs`".
fn said_to_be_in(text: &str) -> Vec<Step> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let parts: Vec<&str> = line.split('`').collect();
        for window in parts.windows(4) {
            if let [_, function, " in ", file] = window
                && file.ends_with(".rs")
            {
                let functions = vec![(*function).to_owned()];
                found.push(Step { number, file: (*file).to_owned(), functions });
            }
        }
    }
    found
}

#[test]
fn what_the_history_says_to_be_in_a_file_is_there() {
    let page = "docs/history.md";
    let found = said_to_be_in(&source::read(page));
    assert!(found.len() > 5, "only {} places were found", found.len());
    let wrong: Vec<String> = found
        .iter()
        .filter_map(|step| {
            let code = std::fs::read_to_string(source::top().join(&step.file)).ok();
            mistake(step, code.as_deref()).map(|what| format!("{page}:{}: {what}", step.number))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let text = "| x | (`go` in `a.rs`, or `stop` there) and `Y` in `b.rs` |\n";
    let names = said_to_be_in(text).into_iter().map(|step| (step.functions.concat(), step.file));
    assert_eq!(names.collect::<Vec<_>>(), [("go", "a.rs"), ("Y", "b.rs")].map(|(f, p)| (f.into(), p.into())));
}

#[test]
fn a_walk_into_nowhere_is_found() {
    let text =
        "| step | where |\n|---|---|\n| 1 | `a.rs` `X::go`, `stop` | it goes |\n| 2 | `b.rs` | rests |\n";
    let steps = steps(text);
    assert_eq!(steps.len(), 2);
    assert_eq!(
        (steps[0].file.as_str(), steps[0].functions.as_slice()),
        ("a.rs", ["X::go".to_owned(), "stop".to_owned()].as_slice())
    );
    assert_eq!(mistake(&steps[0], Some("fn go() {} fn stop<T>() {}")), None);
    assert_eq!(mistake(&steps[0], Some("fn going() {} fn stop() {}")), Some("a.rs has no X::go".into()));
    assert_eq!(mistake(&steps[0], None), Some("a.rs does not exist".into()));
    assert_eq!(mistake(&steps[1], Some("fn go() {}")), Some("b.rs: no function is named".into()));
}
