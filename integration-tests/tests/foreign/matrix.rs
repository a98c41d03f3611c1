//! What the matrices share: many cells beside each other, and a page that is given the result.

use integration_tests::foreign::{Page, Skipped};
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
            scope.spawn(|| {
                while let Some(Cell { from, to, work }) = cells.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
                        Ok(Ok(word)) => {
                            eprintln!("{from} -> {to}: {word}");
                            note(from, to, Ok(word));
                        }
                        Ok(Err(skipped)) => {
                            eprintln!("{from} -> {to}: n/a, {}", skipped.0);
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
