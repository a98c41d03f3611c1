//! How events are shown.

use crate::failure::Kind;
use std::io::{self, Write};

/// How events are shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// One JSON object per line instead of words.
    pub json: bool,
    /// Everything goes to standard error, since standard output receives a file.
    pub to_stderr: bool,
    /// Only failures are shown.
    pub quiet: bool,
    /// Every file and every path is shown.
    pub verbose: bool,
    /// Colour is used.
    pub color: bool,
    /// Where results are shown.
    pub screen: Screen,
    /// A progress bar is drawn.
    pub progress: bool,
    /// The numbers that `--json` shows.
    pub exits: Exits,
}

/// What a line about a failure begins with.
pub const fn complaint(color: bool) -> &'static str {
    if color { "\x1b[31mftp-user:\x1b[0m" } else { "ftp-user:" }
}

/// The exit status that the command line gives to what has happened.
#[derive(Clone, Copy, Debug)]
pub struct Exits {
    /// That of a kind of failure.
    pub of_kind: fn(Kind) -> u8,
    /// That of a run that has not done all of what it was asked for.
    pub partly: u8,
}

/// What can be shown at standard output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Screen {
    /// How many characters a line has room for.
    pub columns: usize,
    /// Whether more than ASCII can be shown.
    pub unicode: bool,
    /// Colour is used.
    pub color: bool,
}

impl Style {
    /// Where results go.
    pub(super) fn output(&self) -> Box<dyn Write> {
        if self.to_stderr { Box::new(io::stderr().lock()) } else { Box::new(io::stdout().lock()) }
    }
}

#[cfg(test)]
impl Style {
    /// JSON without progress, for tests that do not look at it.
    pub(crate) fn for_tests() -> Self {
        Self {
            json: true,
            to_stderr: false,
            quiet: true,
            verbose: false,
            color: false,
            screen: Screen { columns: 80, unicode: true, color: false },
            progress: false,
            exits: Exits { of_kind: |_| 1, partly: 1 },
        }
    }
}
