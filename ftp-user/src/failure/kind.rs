//! The kinds of failures: what decisions are made on, and what scripts see.

/// The kind of a failure. Decisions depend on it, never on the words of a failure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Any error that is none of the others: unknown host, full disk, not FTP.
    Other = 1,
    /// Wrong usage, a malformed place, or CR, LF or NUL in a name.
    Usage = 2,
    /// The source does not exist.
    Missing = 3,
    /// A server refused: login or permission.
    Refused = 4,
    /// A temporary failure: the same may work later.
    Temporary = 5,
    /// No path between the two ends within what was allowed.
    NoPath = 6,
    /// Verification failed. Nothing is left under the final name.
    Unverified = 7,
    /// The destination exists.
    Exists = 8,
    /// The user or the system asked the program to stop.
    Interrupted = 10,
    /// A certificate is not trusted, or a relay and this program do not hold the same token.
    Untrusted = 11,
}

impl Kind {
    /// The number that stands for this kind outside the program: in JSON events, and as the exit status of a
    /// program that fails with it.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The heading above all failures of this kind.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Other => "other errors",
            Self::Usage => "names or options that cannot be used",
            Self::Missing => "source not found",
            Self::Refused => "refused",
            Self::Temporary => "temporary failures",
            Self::NoPath => "no path between the two ends",
            Self::Unverified => "verification failed",
            Self::Exists => "destination exists",
            Self::Interrupted => "interrupted",
            Self::Untrusted => "certificate or relay not trusted",
        }
    }
}
