//! A line becomes a [`Command`]. Bytes, not text: names may be anything but NUL and LF.

use super::{Command, Verb};
use crate::dialect::Dialect;

/// Why a line is no command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandError {
    /// The verb, where it is one of the table: a session may have to act on its failure
    /// (a bad SOCK drops the old value, B06).
    pub verb: Option<Verb>,
    /// What is wrong.
    pub fault: Fault,
}

/// The kinds of mistakes in a command line; each has its reply meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// Not a verb of the table.
    Unknown,
    /// An empty line.
    Empty,
    /// The argument is not of the verb's form.
    Syntax,
    /// The argument is missing.
    Missing,
    /// A number (host, socket) that can't be one: `503`/`501`.
    OutOfRange,
    /// A socket number that is legal in RFC 354 and no TCP port: `503`/`504`.
    NotAPort,
    /// A name with NUL or a bare LF in it (A14).
    BadName,
}

/// Parses one line (without its CR LF, Telnet already taken out).
///
/// In [`Dialect::Rfc354`] any number of blanks separates verb and argument; in
/// [`Dialect::Rfc959`] exactly one does and the rest is the argument (A04, RFC 2640 3.1).
pub fn parse(line: &[u8], dialect: Dialect) -> Result<Command, CommandError> {
    let _ = (line, dialect);
    Err(CommandError { verb: None, fault: Fault::Unknown })
}
