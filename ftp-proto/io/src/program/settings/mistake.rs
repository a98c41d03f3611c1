//! What is wrong in a file of settings, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// One mistake. The order is that of the file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mistake {
    /// The line, from 1; 0 if the mistake is one of the whole file.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong and what was expected.
    pub what: String,
}

/// All mistakes of one file. Its text is one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistakes {
    file: PathBuf,
    list: Vec<Mistake>,
}

impl Mistakes {
    /// The mistakes of `file`, in the order of the file.
    pub fn new(file: &Path, mut list: Vec<Mistake>) -> Self {
        list.sort();
        Self { file: file.to_owned(), list }
    }

    /// One mistake of the whole file.
    pub fn whole(file: &Path, what: impl Into<String>) -> Self {
        Self::new(file, vec![Mistake { line: 0, column: 0, what: what.into() }])
    }

    /// Each mistake as a line of its own: `FILE:LINE:COLUMN: what`.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.list.iter().map(|mistake| format!("{}:{mistake}", self.file.display()))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, " {}", self.what),
            line => write!(f, "{line}:{}: {}", self.column, self.what),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> = self.list.iter().map(Mistake::to_string).collect();
        write!(f, "{}:{}", self.file.display(), told.join(" | "))
    }
}

impl std::error::Error for Mistakes {}
