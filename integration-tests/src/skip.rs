//! Tests that cannot run here say so. docs/testing.md has the list of those that may.

use std::io::Write;
use std::thread::current;

/// Why a test cannot run here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped(pub String);

/// Says why a test ends here and ends it. It is said past the capture of test output: a test that
/// did not run is never silent.
#[macro_export]
macro_rules! skip {
    ($reason:expr) => {{
        $crate::skip::say_skipped($reason);
        return;
    }};
}

/// The value, or the end of the test with the reason.
#[macro_export]
macro_rules! or_skip {
    ($value:expr) => {
        match $value {
            Ok(value) => value,
            Err($crate::skip::Skipped(reason)) => $crate::skip!(reason),
        }
    };
}

/// What [`skip!`] says. The thread has the name of the test. The line is written at once, so that no other one gets into it.
pub fn say_skipped(reason: impl std::fmt::Display) {
    let line = format!("skipped: {}: {reason}\n", current().name().unwrap_or("a test"));
    drop(std::io::stderr().write_all(line.as_bytes()));
}
