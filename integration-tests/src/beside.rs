//! Parts of one test that run beside each other, because most of their time is waiting.

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
