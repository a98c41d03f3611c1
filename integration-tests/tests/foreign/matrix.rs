//! What the matrices share: many cells beside each other, and a page that is given the result.

use integration_tests::beside::beside;
use integration_tests::foreign::{End, Page, Protection, Skipped, Who, ftplib_fetches, say_skipped};
use integration_tests::user::{Run, user};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The word of a cell that another matrix has.
pub(super) const ELSEWHERE: &str = "-";

/// What a cell asserts; the word is what the page shows.
type Work<'a> = Box<dyn Fn() -> Result<&'static str, Skipped> + Sync + Send + 'a>;

/// One cell.
pub(super) struct Cell<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) work: Work<'a>,
}

/// `FOREIGN_MATRIX=all`: every ordered pair, for the matrix of that name, if a page shows it. `FOREIGN_MATRIX=pyftpdlib`: the
/// cells with that one at either end. Otherwise nothing.
pub(super) fn run_all_pairs(name: Option<&'static str>, cell: fn(Who, Who) -> Result<&'static str, Skipped>) {
    let Some(wanted) = wanted() else { return };
    let pairs = Who::all().flat_map(|from| Who::all().map(move |to| (from, to)));
    let cells: Vec<Cell<'_>> = pairs
        .filter(|(from, to)| wanted(*from) || wanted(*to))
        .map(|(from, to)| Cell { from: from.name(), to: to.name(), work: Box::new(move || cell(from, to)) })
        .collect();
    match name {
        Some(name) => {
            run_all(Page::named(name, Who::all().map(|who| who.name().to_owned()).collect()), &cells)
        }
        None => expect_all(&cells),
    }
}

/// Whom `FOREIGN_MATRIX` names. Says so if it names nobody.
pub(super) fn wanted() -> Option<impl Fn(Who) -> bool> {
    let Ok(wanted) = std::env::var("FOREIGN_MATRIX") else {
        say_skipped("FOREIGN_MATRIX names no servers; `.ci/full matrix` and `matrix-more` run all pairs");
        return None;
    };
    Some(move |who: Who| wanted == "all" || wanted == who.name())
}

/// Runs these cells, four at a time, and names those that failed at the end. `FOREIGN_PAGE` names the page that is
/// given the result.
pub(super) fn run_all(page: Page, cells: &[Cell<'_>]) {
    let page = Mutex::new(page);
    let failed = run_each(cells, |from, to, came| match came {
        Ok(word) => page.lock().unwrap().note(from, to, word),
        Err(skipped) => page.lock().unwrap().note_skipped(from, to, skipped),
    });
    if let Some(path) = std::env::var_os("FOREIGN_PAGE") {
        page.into_inner().unwrap().write(path.as_ref());
    }
    assert!(failed.is_empty(), "{} cells: {failed:#?}", failed.len());
}

/// The same for cells that no page shows.
pub(super) fn expect_all(cells: &[Cell<'_>]) {
    let failed = run_each(cells, |_, _, _| ());
    assert!(failed.is_empty(), "{} cells: {failed:#?}", failed.len());
}

/// Runs these cells, passes on what came of each, and returns the names of those that failed.
fn run_each(
    cells: &[Cell<'_>],
    note: impl Fn(&str, &str, Result<&'static str, &Skipped>) + Sync,
) -> Vec<String> {
    let (failed, next) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            beside(scope, || {
                while let Some(Cell { from, to, work }) = cells.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
                        Ok(Ok(word)) => {
                            eprintln!("{from} -> {to}: {word}");
                            note(from, to, Ok(word));
                        }
                        Ok(Err(skipped)) => {
                            say_skipped(format!("{from} -> {to}: {}", skipped.0));
                            note(from, to, Err(&skipped));
                        }
                        Err(_) => failed.lock().unwrap().push(format!("{from} -> {to}")),
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

/// Copies the tree below `tree` of the source, and asserts that it is there, whole and verified, and that ftplib fetches
/// the same.
pub(super) fn brings_tree(from: &End, to: &End, files: &[(&'static str, Vec<u8>)], more: &[&str]) -> Run {
    let patience = ["--retries", "1", "--timeout", "10s", "--stall", "10s"];
    let run = user()
        .args(["copy", "-r", "--json", "--trace", "trace.txt"])
        .args(patience)
        .args(Who::without_tls(&[from.who(), to.who()]))
        .args(more)
        .args([from.url("tree"), to.url("")])
        .run();
    is_whole(&run, (from, to), files, &shown(&run, from, to, ""));
    is_fetched(to, files);
    run
}

/// All that is known of a copy, for a person who has to find out. `more` is what others have said.
pub(super) fn shown(run: &Run, from: &End, to: &End, more: &str) -> String {
    format!(
        "{:?} -> {:?}\n{run}\n-- the trace --\n{}\n-- source --\n{}\n-- destination --\n{}\n{more}",
        from.who(),
        to.who(),
        String::from_utf8_lossy(&run.bytes("trace.txt")),
        from.said(),
        to.said()
    )
}

/// A copy has succeeded, verified, and all that the source has is at the destination, and nothing else.
pub(super) fn is_whole(run: &Run, (from, to): (&End, &End), files: &[(&'static str, Vec<u8>)], shown: &str) {
    assert_eq!(run.code(), Some(0), "{shown}");
    assert_eq!(to.names(), from.names(), "{shown}");
    for (path, bytes) in files {
        assert!(to.bytes(path) == *bytes, "{path} differs\n{shown}");
    }
    assert_ne!(run.summary()["verified"], "none", "{shown}");
}

/// Python's ftplib fetches the same, where it can be had.
pub(super) fn is_fetched(to: &End, files: &[(&'static str, Vec<u8>)]) {
    if let Err(skipped) = ftplib_fetches(to, files, Protection::InClear) {
        say_skipped(skipped.0);
    }
}

/// What the page shows of a copy by its rung.
pub(super) fn word(run: &Run) -> &'static str {
    match run.summary()["rung"].as_str() {
        Some("user") => "user",
        Some(rung) if rung.starts_with("dest-listens") => "direct, D",
        Some(rung) if rung.starts_with("source-listens") => "direct, S",
        _ => "direct",
    }
}
