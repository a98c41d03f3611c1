//! What an attempt was doing when it failed.

use crate::command::Verb;

/// What was going on at an end when the attempt failed. It has no text; programs choose the words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// The end was asked this command.
    Command(Verb),
    /// The data connection between the end and the host in the middle (the user agent or the relay)
    /// was being opened or used.
    DataConnection,
    /// The relay was joining the two data connections, or copying between them.
    Relay,
    /// No command was waiting for a reply: the attempt failed as a whole.
    Attempt,
}
