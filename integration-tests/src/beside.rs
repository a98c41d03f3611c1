//! Parts of one test that run beside each other, because most of their time is waiting.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, Scope, ScopedJoinHandle, available_parallelism, current, scope};

/// Does a part of a test in a thread of its own, which has the name of the test too.
///
/// # Panics
///
/// There can be no more threads.
pub fn beside<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let name = current().name().unwrap_or("a test").to_owned();
    Builder::new().name(name).spawn_scoped(scope, work).expect("one more thread")
}

/// Tries all cases of a test at the same time.
///
/// # Panics
///
/// One of them panics, after all have ended.
pub fn each_beside<C: Send>(cases: impl IntoIterator<Item = C>, test: impl Fn(C) + Sync) {
    let test = &test;
    scope(|scope| {
        for case in cases {
            beside(scope, move || test(case));
        }
    });
}

/// Tries all cases of a table, and returns those that failed. At most four are tried at a time, and no more than tests run at a time.
///
/// # Panics
///
/// There can be no more threads.
pub fn failing<C: Debug + Sync>(cases: &[C], test: impl Fn(&C) + Sync) -> Vec<String> {
    let (failed, next) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    scope(|scope| {
        for _ in 0..at_once() {
            beside(scope, || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if catch_unwind(AssertUnwindSafe(|| test(case))).is_err() {
                        failed.lock().unwrap().push(format!("{case:?}"));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

/// Tries all cases of a table as [`failing`] does.
///
/// # Panics
///
/// Some of them fail. They are named when all have been tried.
pub fn each_of<C: Debug + Sync>(cases: &[C], test: impl Fn(&C) + Sync) {
    let failed = failing(cases, test);
    assert!(failed.is_empty(), "{} cases: {failed:#?}", failed.len());
}

/// How many cases are tried at a time.
fn at_once() -> usize {
    let tests = std::env::var("RUST_TEST_THREADS").ok().and_then(|number| number.parse().ok());
    tests.or_else(|| available_parallelism().ok().map(usize::from)).unwrap_or(1).clamp(1, 4)
}
