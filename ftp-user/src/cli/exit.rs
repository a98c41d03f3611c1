//! The exit status: how a run went, as scripts see it.

use crate::failure::Kind;
use crate::job::Status;
use std::process::ExitCode;

/// The exit status of the process.
pub fn code(status: Status) -> ExitCode {
    ExitCode::from(number(status))
}

/// The number of an exit status. The numbers are fixed: scripts rely on them.
pub const fn number(status: Status) -> u8 {
    described(status).0
}

/// The exit status of a run that fails with this kind, also the `exit` of `--json`.
pub(super) const fn of_kind(kind: Kind) -> u8 {
    number(Status::Failed(kind))
}

/// The number of an exit status, and what it means.
pub const fn described(status: Status) -> (u8, &'static str) {
    match status {
        Status::Done => (0, "done, and verified as asked"),
        Status::Partly => (9, "some files of a tree failed, or deletions were withheld; the rest is done"),
        Status::Failed(kind) => match kind {
            Kind::Other => (1, "any other error: unknown host, full disk, not an FTP server"),
            Kind::Usage => (2, "the command line, a URL or a name cannot be used"),
            Kind::Missing => (3, "the source, or the job, does not exist"),
            Kind::Refused => (4, "a server refused: login or permission"),
            Kind::Temporary => (5, "a temporary failure, and the retries are used up"),
            Kind::NoPath => (6, "no path between the two ends within what was allowed"),
            Kind::Unverified => (7, "verification failed; nothing is left under the final name"),
            Kind::Exists => (8, "the destination exists, or another job has claimed it or runs this one"),
            Kind::Interrupted => (10, "interrupted"),
            Kind::Untrusted => (11, "a certificate is not trusted, or a relay does not hold the same token"),
        },
    }
}

/// The status of another process of this program that has ended with this number.
pub(super) fn of_number(code: u8) -> Status {
    Status::all().find(|status| number(*status) == code).unwrap_or(Status::Failed(Kind::Other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_means_the_status_that_has_it() {
        for status in Status::all() {
            assert_eq!(of_number(number(status)), status);
        }
        assert_eq!(of_number(99), Status::Failed(Kind::Other));
    }

    #[test]
    fn the_numbers_are_those_of_the_contract() {
        assert_eq!(Kind::ALL.map(|kind| number(Status::Failed(kind))), [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]);
        assert_eq!([Status::Done, Status::Partly].map(number), [0, 9]);
    }
}
