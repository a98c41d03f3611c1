//! What follows a line.

use crate::failure::Failure;
use crate::job::Status;

/// What follows a line.
#[derive(Debug)]
pub(super) enum After {
    /// It was carried out, or has failed, which was said. No place is another one for it.
    Ended(Status),
    /// It cannot be carried out, and nobody has said so yet. A script never goes on after it: the line may have been a `cd`,
    /// and what follows would mean other places.
    Mistake(Failure),
    /// The same of a line of the shell's own verbs that could not be read, which was said.
    Unread(Status),
    /// The shell is to be left.
    Leave,
}
