//! The exit status: how a run went, as scripts see it.

use crate::failure::Kind;
use crate::job::Status;
use std::process::ExitCode;

/// The exit status of the process.
pub fn code(status: Status) -> ExitCode {
    ExitCode::from(number(status))
}

/// The exit status after the second interruption, which ends the program at once.
pub(super) const INTERRUPTED: u8 = of_kind(Kind::Interrupted);

/// The number of an exit status. The numbers are fixed: scripts rely on them.
pub const fn number(status: Status) -> u8 {
    match status {
        Status::Done => 0,
        Status::Partly => 9,
        Status::Failed(kind) => of_kind(kind),
    }
}

/// The exit status of a run that fails with this kind, also the `exit` of `--json`.
pub(super) const fn of_kind(kind: Kind) -> u8 {
    match kind {
        Kind::Other => 1,
        Kind::Usage => 2,
        Kind::Missing => 3,
        Kind::Refused => 4,
        Kind::Temporary => 5,
        Kind::NoPath => 6,
        Kind::Unverified => 7,
        Kind::Exists => 8,
        Kind::Interrupted => 10,
        Kind::Untrusted => 11,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_contract() {
        let kinds = [
            Kind::Other,
            Kind::Usage,
            Kind::Missing,
            Kind::Refused,
            Kind::Temporary,
            Kind::NoPath,
            Kind::Unverified,
            Kind::Exists,
            Kind::Interrupted,
            Kind::Untrusted,
        ];
        assert_eq!(kinds.map(|kind| number(Status::Failed(kind))), [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]);
        assert_eq!([Status::Done, Status::Partly].map(number), [0, 9]);
    }
}
