//! What some servers drop from a command line. The command reaches another name there than the one that was sent, and that
//! file may be read, replaced or deleted in its place.

use crate::wire::PathName;

/// A part of a name that some servers drop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DroppedPart {
    /// Blanks at the end of the line (aioftp, nodeftpd).
    BlankAtEnd,
    /// Blanks between the verb and the name (nodeftpd).
    BlankBefore,
    /// Quotation marks (ftp-srv).
    Quote,
    /// A word of a dash and one letter, which looks like an option (ftp-srv).
    Dash,
    /// Dots and blanks at the end of each name of a path (Windows).
    DotAtEnd,
}

impl DroppedPart {
    /// The parts of this path that a server may drop.
    pub fn of(path: &PathName) -> impl Iterator<Item = Self> {
        let all = [Self::BlankAtEnd, Self::BlankBefore, Self::Quote, Self::Dash, Self::DotAtEnd];
        all.into_iter().filter(|part| part.is_in(path.as_bytes()))
    }

    fn is_in(self, path: &[u8]) -> bool {
        let text = String::from_utf8_lossy(path);
        // Python counts four more control characters as blanks than Unicode.
        let is_blank = |letter: char| letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter);
        match self {
            Self::BlankAtEnd => text.ends_with(is_blank),
            Self::BlankBefore => text.starts_with(is_blank),
            Self::Quote => path.contains(&b'"'),
            Self::Dash => path.split(|byte| *byte == b' ').any(|word| matches!(word, [b'-', _])),
            Self::DotAtEnd => path.split(|byte| *byte == b'/').any(|name| {
                !matches!(name, b"." | b"..") && name.last().is_some_and(|end| b". ".contains(end))
            }),
        }
    }

    /// A directory that is not there, unless the server drops this part of its name: then it is `home`.
    pub fn added_to(self, home: &PathName) -> Option<PathName> {
        let (before, behind): (&[u8], &[u8]) = match self {
            Self::BlankAtEnd => (b"", b" "),
            Self::BlankBefore => (b" ", b""),
            Self::Quote => (b"\"", b""),
            Self::Dash => (b"-x ", b""),
            // One or two dots would mean a directory if the home is /.
            Self::DotAtEnd => (b"", b"..."),
        };
        PathName::from_wire([before, home.as_bytes(), behind].concat()).ok()
    }

    /// What it is, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BlankAtEnd => "blanks at the end of a name",
            Self::BlankBefore => "blanks before a name",
            Self::Quote => "quotation marks in names",
            Self::Dash => "words like -x in names",
            Self::DotAtEnd => "dots and blanks at the end of names",
        }
    }
}

/// Whether a server was seen to drop each of these parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DroppedParts([Option<bool>; 5]);

impl DroppedParts {
    /// Whether the server drops it, if that is known.
    pub fn has(self, part: DroppedPart) -> Option<bool> {
        self.0.get(part as usize).copied().flatten()
    }

    /// Notes whether the server drops it.
    pub fn note(&mut self, part: DroppedPart, drops: bool) {
        if let Some(known) = self.0.get_mut(part as usize) {
            *known = Some(drops);
        }
    }

    /// Whether the server is known to keep all of this path.
    pub fn keep(self, path: &PathName) -> bool {
        DroppedPart::of(path).all(|part| self.has(part) == Some(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bytes: &[u8]) -> PathName {
        PathName::from_wire(bytes).unwrap()
    }

    #[test]
    fn what_a_server_may_drop_is_known_by_the_path() {
        use DroppedPart::{BlankAtEnd, BlankBefore, Dash, DotAtEnd, Quote};
        for (path, expect) in [
            (&b"d/x"[..], &[][..]),
            (b"d/x ", &[BlankAtEnd, DotAtEnd]),
            (b"d/x.", &[DotAtEnd]),
            (b"d./x", &[DotAtEnd]),
            (b"../.a/./b.c", &[]),
            (b"d/...", &[DotAtEnd]),
            (b"d/x\t", &[BlankAtEnd]),
            ("d/x\u{a0}".as_bytes(), &[BlankAtEnd]),
            (b"d/x\x1f", &[BlankAtEnd]),
            (b"d/ x", &[]),
            (b"d /x", &[DotAtEnd]),
            (b" x", &[BlankBefore]),
            (b"a\"q", &[Quote]),
            (b"a -b c", &[Dash]),
            (b"-b", &[Dash]),
            (b"a -bc - d-e", &[]),
            (b" \" -a ", &[BlankAtEnd, BlankBefore, Quote, Dash, DotAtEnd]),
        ] {
            assert_eq!(DroppedPart::of(&name(path)).collect::<Vec<_>>(), expect, "{path:?}");
        }
    }

    #[test]
    fn a_path_is_kept_if_the_server_keeps_each_part() {
        let mut parts = DroppedParts::default();
        assert!(parts.keep(&name(b"x")));
        assert!(!parts.keep(&name(b" x ")));
        parts.note(DroppedPart::BlankAtEnd, false);
        parts.note(DroppedPart::DotAtEnd, false);
        assert!(parts.keep(&name(b"x ")));
        assert!(!parts.keep(&name(b" x ")));
        parts.note(DroppedPart::BlankBefore, true);
        assert!(!parts.keep(&name(b" x ")));
        assert_eq!(parts.has(DroppedPart::BlankBefore), Some(true));
        assert_eq!(parts.has(DroppedPart::Dash), None);
    }

    #[test]
    fn a_server_that_drops_a_part_is_asked_for_its_home() {
        for (part, expect) in [
            (DroppedPart::DotAtEnd, &b"/h..."[..]),
            (DroppedPart::BlankBefore, b" /h"),
            (DroppedPart::Quote, b"\"/h"),
            (DroppedPart::Dash, b"-x /h"),
        ] {
            let asked = part.added_to(&name(b"/h")).unwrap();
            assert_eq!(asked, name(expect));
            assert!(DroppedPart::of(&asked).any(|dropped| dropped == part), "{}", part.name());
        }
    }
}
