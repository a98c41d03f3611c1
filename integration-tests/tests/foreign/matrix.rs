//! What the matrices share: many cells beside each other, and a page that is given the result.

use integration_tests::beside::{each_of, failing};
use integration_tests::foreign::{
    End, Kind, Page, Protection, Skipped, Who, ftplib_fetches, say_skipped, shown,
};
use integration_tests::or_skip;
use integration_tests::user::{Run, user};
use std::sync::Mutex;

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

impl std::fmt::Debug for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)
    }
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

/// What a test tries for every change: from ours to each of these kinds, from it to ours, and between two of it.
pub(super) fn run_with_each(kinds: &[Kind], cell: fn(Who, Who) -> Result<&'static str, Skipped>) {
    let pairs = |kind| [(Who::Ours, kind), (kind, Who::Ours), (kind, kind)];
    let pairs: Vec<(Who, Who)> = kinds.iter().flat_map(|kind| pairs(Who::Theirs(*kind))).collect();
    each_of(&pairs, |(from, to)| {
        or_skip!(cell(*from, *to));
    });
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
    failing(cells, |cell| match (cell.work)() {
        Ok(word) => {
            eprintln!("{cell:?}: {word}");
            note(cell.from, cell.to, Ok(word));
        }
        Err(skipped) => {
            say_skipped(format!("{cell:?}: {}", skipped.0));
            note(cell.from, cell.to, Err(&skipped));
        }
    })
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
