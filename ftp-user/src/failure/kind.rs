//! The kinds of failures: what decisions are made on, and what scripts see.

/// The kind of a failure. Decisions depend on it, never on the words of a failure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Any error that is none of the others: unknown host, full disk, not FTP.
    Other,
    /// Wrong usage, a malformed place, or CR, LF or NUL in a name.
    Usage,
    /// The source, or the job, does not exist.
    Missing,
    /// A server refused: login or permission.
    Refused,
    /// A temporary failure: the same may work later.
    Temporary,
    /// No path between the two ends within what was allowed.
    NoPath,
    /// Verification failed. Nothing is left under the final name.
    Unverified,
    /// The destination exists, or another job has claimed it or runs this one.
    Exists,
    /// The user or the system asked the program to stop.
    Interrupted,
    /// A certificate is not trusted, or a relay and this program do not hold the same token.
    Untrusted,
}

impl Kind {
    /// The heading above all failures of this kind.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Other => "other errors",
            Self::Usage => "names or options that cannot be used",
            Self::Missing => "not found",
            Self::Refused => "refused",
            Self::Temporary => "temporary failures",
            Self::NoPath => "no path between the two ends",
            Self::Unverified => "verification failed",
            Self::Exists => "destination exists or is claimed",
            Self::Interrupted => "interrupted",
            Self::Untrusted => "certificate or relay not trusted",
        }
    }
}
