//! The exit status: how a run went, as scripts see it.

use crate::failure::Kind;
use crate::job::Status;
use std::process::ExitCode;

/// The exit status of the process.
pub fn code(status: Status) -> ExitCode {
    ExitCode::from(number(status))
}

/// The exit status after the second interruption, which ends the program at once.
pub(super) const INTERRUPTED: u8 = Kind::Interrupted.number();

/// The number of an exit status. The numbers are fixed: scripts rely on them.
pub const fn number(status: Status) -> u8 {
    match status {
        Status::Done => 0,
        Status::Partly => 9,
        Status::Failed(kind) => kind.number(),
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
