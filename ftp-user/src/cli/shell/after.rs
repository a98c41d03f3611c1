//! What follows a line.

use crate::failure::Failure;
use crate::job::Status;

/// What follows a line.
#[derive(Debug)]
pub(super) enum After {
    /// It was carried out.
    Ended(Status),
    /// It cannot be carried out, and nobody has said so yet.
    Mistake(Failure),
    /// The shell is to be left.
    Leave,
}
