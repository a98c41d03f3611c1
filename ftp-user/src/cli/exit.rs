//! The exit codes: the whole outside contract of "how did it go" in one enum.

use std::process::ExitCode;

/// How the program ends. The numbers are fixed; scripts rely on them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Exit {
    /// Done, and verified as asked.
    Done = 0,
    /// Any other error: unknown host, full disk, not FTP.
    Error = 1,
    /// Usage, a malformed place, CR, LF or NUL in a name.
    Usage = 2,
    /// The source does not exist.
    Missing = 3,
    /// A server refused: login, permission.
    Refused = 4,
    /// A temporary failure, and the retries are used up.
    Temporary = 5,
    /// No path between the two ends within what was allowed.
    NoPath = 6,
    /// Verification failed; nothing stands under the final name.
    Unverified = 7,
    /// The destination exists.
    Exists = 8,
    /// Some files of a tree failed, the rest is done.
    Partly = 9,
    /// Interrupted.
    Interrupted = 10,
    /// A certificate is not trusted, or a relay and this program do not hold the same token.
    Untrusted = 11,
}

impl Exit {
    /// The process's exit status.
    pub fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// What people call this kind of failure: the heading of a list of failures by cause.
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Error => "other errors",
            Self::Usage => "names or options that cannot be used",
            Self::Missing => "source not found",
            Self::Refused => "refused",
            Self::Temporary => "temporary failures",
            Self::NoPath => "no path between the two ends",
            Self::Unverified => "verification failed",
            Self::Exists => "destination exists",
            Self::Partly => "done in part",
            Self::Interrupted => "interrupted",
            Self::Untrusted => "certificate or relay not trusted",
        }
    }

    /// The exit of a tree: done when nothing failed; partly when anything succeeded; else the
    /// common cause of all failures, if they have one.
    pub fn of_many(succeeded: u64, failures: &[Self]) -> Self {
        let Some((first, rest)) = failures.split_first() else { return Self::Done };
        if failures.contains(&Self::Interrupted) {
            Self::Interrupted
        } else if succeeded > 0 {
            Self::Partly
        } else if rest.iter().all(|exit| exit == first) {
            *first
        } else {
            Self::Error
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_contract() {
        let numbers: Vec<u8> = [
            Exit::Done,
            Exit::Error,
            Exit::Usage,
            Exit::Missing,
            Exit::Refused,
            Exit::Temporary,
            Exit::NoPath,
            Exit::Unverified,
            Exit::Exists,
            Exit::Partly,
            Exit::Interrupted,
            Exit::Untrusted,
        ]
        .map(Exit::number)
        .to_vec();
        assert_eq!(numbers, (0..=11).collect::<Vec<u8>>());
    }

    #[test]
    fn a_tree_has_one_exit_for_many_files() {
        let check = |succeeded, failures: &[Exit], expect| {
            assert_eq!(Exit::of_many(succeeded, failures), expect, "{succeeded} {failures:?}");
        };
        check(0, &[], Exit::Done);
        check(3, &[], Exit::Done);
        check(3, &[Exit::Refused], Exit::Partly);
        check(0, &[Exit::Refused, Exit::Refused], Exit::Refused);
        check(0, &[Exit::Refused, Exit::Temporary], Exit::Error);
        check(3, &[Exit::Refused, Exit::Interrupted], Exit::Interrupted);
    }
}
