//! What went wrong, for people: what failed, which end said what, what to do about it.

use crate::cli::Exit;
use std::fmt;

/// A failure that ends a verb or a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The exit code that it means.
    pub exit: Exit,
    /// What failed.
    pub what: String,
    /// Which end said what.
    pub said: Option<String>,
    /// What to do.
    pub advice: Option<String>,
}

impl Problem {
    /// A failure with nothing but its sentence.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), said: None, advice: None }
    }

    /// A mistake in what was typed.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Somebody asked the program to stop.
    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    /// Adds which end said what.
    #[must_use]
    pub fn said(mut self, words: impl Into<String>) -> Self {
        self.said = Some(words.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The same failure, told as the failure of something larger.
    #[must_use]
    pub fn during(mut self, what: impl fmt::Display) -> Self {
        self.what = if self.what.is_empty() { what.to_string() } else { format!("{what}: {}", self.what) };
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(said) = &self.said {
            write!(f, ": {said}")?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_in_one_line_of_three_parts() {
        let problem = Problem::new(Exit::Refused, "cannot store b.bin")
            .said("the destination 127.0.0.3:2121 said \"553 Permission denied\"")
            .advice("choose a directory that this user may write");
        assert_eq!(
            problem.to_string(),
            "cannot store b.bin: the destination 127.0.0.3:2121 said \"553 Permission denied\"; \
             choose a directory that this user may write"
        );
    }
}
