//! Tests that cannot run here say so.

/// Why a test cannot run here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped(pub String);

/// Says why a test ends here and ends it. It is said past the capture of test output: a test that
/// did not run is never silent.
#[macro_export]
macro_rules! skip {
    ($reason:expr) => {{
        $crate::foreign::say_skipped($reason);
        return;
    }};
}

/// The value, or the end of the test with the reason.
#[macro_export]
macro_rules! or_skip {
    ($value:expr) => {
        match $value {
            Ok(value) => value,
            Err($crate::foreign::Skipped(reason)) => $crate::skip!(reason),
        }
    };
}

/// What [`skip!`] says.
pub fn say_skipped(reason: impl std::fmt::Display) {
    use std::io::Write;
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    drop(writeln!(std::io::stderr(), "skipped: {test}: {reason}"));
}
