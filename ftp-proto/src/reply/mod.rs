//! Replies: their meanings, their codes, and how clients read them.
//!
//! The server machine chooses a [`Meaning`], and one table gives its code in each dialect. The client
//! machine reads a [`Reply`], and [`classify`] tells what it is for the command that it answers.

mod classify;
mod foreign;
mod marker;
mod meaning;
mod pack;
mod parse;
mod refusals;
mod write;

pub(crate) use classify::NO_TLS;
pub use classify::{
    Class, Greeting, classify, ends_session, greeting, has_no_tls, is_open, is_status, takes_ahead,
};
pub use foreign::{Beginning, MAX_FIRST_LINE, Protocol, beginning};
pub use marker::{Markers, PeerFacts, facts_of_peer};
pub use meaning::Meaning;
pub use pack::{FileOutcome, LeftOut, deleted_files, file_outcomes, same_files};
pub(crate) use pack::{deleted_text, same_text};
pub use parse::{NotFtp, ReplyReader};
pub use refusals::{Blame, TlsFault, blame, failed_inside, tls_fault, wants_pret};
pub use write::{write, write_facts, write_inner, write_open};

use crate::wire::show;

/// A reply code of three digits, from 000 to 999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code(pub u16);

impl Code {
    /// Returns whether the same command would fail again (5yz, RFC 959 section 4.2.1).
    pub const fn is_permanent(self) -> bool {
        self.0 >= 500
    }
}

/// A complete reply of a server, of one line or more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The code of the first line.
    pub code: Code,
    /// The texts of the lines. The first and the last line, and inner lines that repeat the code, are
    /// without code and separator; the other lines are as they were received. There is at least one.
    pub lines: Vec<Vec<u8>>,
}

impl Reply {
    /// Returns the text of the last line, which in most replies is the only one.
    pub fn text(&self) -> &[u8] {
        self.lines.last().map_or(&[], Vec::as_slice)
    }

    /// Returns the code and the last line for people, for example `550 No such file`. Control characters
    /// are shown as `%XX`.
    pub fn display(&self) -> String {
        format!("{:03} {}", self.code.0, show(self.text().trim_ascii()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_5yz_is_permanent() {
        for (code, permanent) in [(226, false), (450, false), (499, false), (500, true), (550, true)] {
            assert_eq!(Code(code).is_permanent(), permanent, "{code}");
        }
    }

    #[test]
    fn a_reply_is_shown_in_one_line() {
        let show = |code, lines: &[&str]| {
            let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
            Reply { code: Code(code), lines }.display()
        };
        assert_eq!(show(550, &["No such file"]), "550 No such file");
        assert_eq!(show(7, &["first", " last \u{1b}[2J "]), "007 last %1B[2J");
    }
}
