//! Replies: what they mean before which digits they have.
//!
//! The server machine says a [`Meaning`]; one table gives the digits of either dialect. The client
//! reads a [`Reply`] and asks [`classify`] what it is for the command it answers.

mod classify;
mod facts;
mod marker;
mod meaning;
mod parse;
mod refusals;
mod session;
mod write;

pub use classify::{Class, classify};
pub use facts::write_facts;
pub use marker::Markers;
pub use meaning::Meaning;
pub use parse::{NotFtp, ReplyReader};
pub use refusals::{Blame, blame, wants_pret};
pub use session::{Greeting, ends_session, greeting, is_status, loses_early};
pub use write::write;

use crate::wire::show;

/// A three-digit code as it stands on the wire, 000..=999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code(pub u16);

impl Code {
    /// Whether the same command will be answered like this again (5yz, RFC 959 4.2.1).
    pub const fn is_permanent(self) -> bool {
        self.0 >= 500
    }
}

/// A whole reply of a server, one line or many.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The code of its first line.
    pub code: Code,
    /// The texts of its lines: without code and separator on the first and last line (and on inner
    /// lines that repeat it), inner lines otherwise as they came. Never empty.
    pub lines: Vec<Vec<u8>>,
}

impl Reply {
    /// The text of the last line: in most replies the only one.
    pub fn text(&self) -> &[u8] {
        self.lines.last().map_or(&[], Vec::as_slice)
    }

    /// `550 No such file` for people: control characters shown as `%XX`, one line, the last text.
    pub fn display(&self) -> String {
        format!("{:03} {}", self.code.0, show(self.text().trim_ascii()))
    }
}
