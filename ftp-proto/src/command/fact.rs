//! The facts that MFF changes (draft-somers-ftp-mfxx section 5).

use super::fault::Fault;
use super::word::{first_word, name, parse_mode};
use crate::calendar::{When, facts_time, parse_time};
use crate::wire::PathName;

/// A fact with its new value.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NewFact {
    /// `Modify`: when the file was modified last.
    Modify(When),
    /// `UNIX.mode`: the permissions.
    Mode(u32),
    /// Another fact, by its name.
    Unknown(String),
}

impl NewFact {
    /// The facts that can be changed, as FEAT lists them.
    pub const NAMES: &str = "modify;UNIX.mode;";

    /// Reads `fact=value;fact=value; path`.
    pub(super) fn parse(rest: &[u8]) -> Result<(Vec<Self>, PathName), Fault> {
        let (facts, path) = first_word(rest);
        let facts = std::str::from_utf8(facts).map_err(|_| Fault::Syntax)?;
        let facts = facts.strip_suffix(';').ok_or(Fault::Syntax)?;
        let facts = facts.split(';').take(MAX_FACTS).map(Self::one).collect::<Option<Vec<_>>>();
        Ok((facts.ok_or(Fault::Syntax)?, name(path)?))
    }

    fn one(fact: &str) -> Option<Self> {
        let (name, value) = fact.split_once('=')?;
        if name.eq_ignore_ascii_case("modify") {
            parse_time(value).map(Self::Modify)
        } else if name.eq_ignore_ascii_case("UNIX.mode") {
            parse_mode(value.as_bytes()).map(Self::Mode)
        } else {
            Some(Self::Unknown(name.to_owned()))
        }
    }

    /// Formats `fact=value;`, as the reply repeats it.
    pub fn to_text(&self) -> String {
        match self {
            Self::Modify(time) => format!("Modify={};", facts_time(*time).unwrap_or_default()),
            Self::Mode(mode) => format!("UNIX.mode={mode:04o};"),
            Self::Unknown(name) => format!("{name}=;"),
        }
    }
}

/// Maximum number of facts in one command.
const MAX_FACTS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::when;

    #[test]
    fn facts_are_read_in_any_case_and_order() {
        let path = |text: &str| PathName::from_wire(text).unwrap();
        let time = NewFact::Modify(when(2026, 11, 20, 10, 20, 30).unwrap());
        let unknown = NewFact::Unknown("Create".to_owned());
        for (line, expect) in [
            ("Modify=20261120102030; a b", Ok((vec![time.clone()], path("a b")))),
            ("unix.mode=0640;MODIFY=20261120102030; a", Ok((vec![NewFact::Mode(0o640), time], path("a")))),
            ("Create=20261120102030; a", Ok((vec![unknown], path("a")))),
            ("Modify=20260230102030; a", Err(Fault::Syntax)),
            ("Modify=20261120102030 a", Err(Fault::Syntax)),
            ("Modify; a", Err(Fault::Syntax)),
            ("Modify=20261120102030;", Err(Fault::Missing)),
            ("; a", Err(Fault::Syntax)),
            ("", Err(Fault::Syntax)),
        ] {
            assert_eq!(NewFact::parse(line.as_bytes()), expect, "{line}");
        }
    }
}
