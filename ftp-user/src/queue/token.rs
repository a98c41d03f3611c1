//! Tokens of the API, as a store has them: never the token itself.

use crate::named::named;
use clap::ValueEnum;
use serde::Serialize;

/// What a token permits. Each scope permits more than the one before it. The help of the command line shows these texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read the jobs of all owners
    Read = 0,
    /// Make jobs, and read and change the own ones
    Submit = 1,
    /// Read and change everything
    Admin = 2,
}

named!(Scope { Read: "read", Submit: "submit", Admin: "admin" });

impl Scope {
    /// The number that stands for it in a store.
    pub(crate) const fn number(self) -> i64 {
        self as i64
    }

    /// What a number of a store stands for.
    pub(crate) fn numbered(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.number() == number)
    }
}

/// A token of the API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Its name, which is the owner of its jobs.
    pub name: String,
    /// What it permits.
    pub scope: Scope,
    /// The SHA-256 of the token.
    pub digest: [u8; 32],
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it ends, in the same form.
    pub expires: Option<u64>,
}
