//! Whose fault a refusal is, from the words of real servers (data, not code).

use super::Reply;
use crate::command::Verb;
use crate::dialect::Dialect;

/// Who is to blame for a refusal, which is: what to do next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Blame {
    /// The file is not there (source: exit 3).
    Missing,
    /// The file, its name or its permission: no other path helps.
    File,
    /// No space, quota: no other path helps.
    Space,
    /// Login or account.
    Login,
    /// The way between the two hosts: try the next rung.
    Path,
    /// Busy: the same again, later.
    Busy,
    /// The command is not known there.
    Unsupported,
    /// A reply that no server may send here.
    Peer,
}

/// The blame for a negative reply to `verb`.
pub fn blame(dialect: Dialect, verb: Verb, reply: &Reply) -> Blame {
    let _ = (dialect, verb, reply);
    Blame::Peer
}
