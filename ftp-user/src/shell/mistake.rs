//! What is wrong with a line, and where.

use crate::failure::Failure;

/// What is wrong with a line, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Where it stands in the line, in bytes.
    pub at: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Mistake {
    /// A mistake at this byte of the line.
    pub fn at(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into(), hint: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The character of the line where it stands; the first one is 1.
    pub fn column(&self, line: &str) -> usize {
        line.char_indices().take_while(|(at, _)| *at < self.at).count() + 1
    }

    /// The failure, with the place in the line.
    pub fn failure(self, line: &str) -> Failure {
        let failure = Failure::usage(format!("column {}: {}", self.column(line), self.what));
        match self.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
