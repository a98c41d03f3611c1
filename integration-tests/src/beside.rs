//! Parts of one test that run beside each other, because most of their time is waiting.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, Scope, ScopedJoinHandle, current, scope};

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

/// Tries all cases of a table, four at a time, and returns those that failed.
///
/// # Panics
///
/// There can be no more threads.
pub fn failing<C: Debug + Sync>(cases: &[C], test: impl Fn(&C) + Sync) -> Vec<String> {
    let (failed, next) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    scope(|scope| {
        for _ in 0..4 {
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

/// Tries all cases of a table, four at a time.
///
/// # Panics
///
/// Some of them fail. They are named when all have been tried.
pub fn each_of<C: Debug + Sync>(cases: &[C], test: impl Fn(&C) + Sync) {
    let failed = failing(cases, test);
    assert!(failed.is_empty(), "{} cases: {failed:#?}", failed.len());
}
