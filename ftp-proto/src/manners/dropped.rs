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
        match self {
            Self::BlankAtEnd => text.ends_with(is_blank),
            Self::BlankBefore => text.starts_with(is_blank),
            Self::Quote => path.contains(&b'"'),
            Self::Dash => path.split(|byte| *byte == b' ').any(is_option),
            Self::DotAtEnd => path.split(|byte| *byte == b'/').any(|name| without_dots(name) != name),
        }
    }

    /// The path that a server reaches that drops this part; `None` if nothing is left, or the path is no text.
    pub fn dropped_from(self, path: &PathName) -> Option<PathName> {
        let text = || std::str::from_utf8(path.as_bytes()).ok();
        let left = match self {
            Self::BlankAtEnd => text()?.trim_end_matches(is_blank).into(),
            Self::BlankBefore => text()?.trim_start_matches(is_blank).into(),
            Self::Quote => text()?.replace('"', "").into(),
            Self::Dash => {
                let words = path.as_bytes().split(|byte| *byte == b' ');
                words.filter(|word| !is_option(word)).collect::<Vec<_>>().join(&b' ')
            }
            Self::DotAtEnd => {
                let names = path.as_bytes().split(|byte| *byte == b'/').map(without_dots);
                names.collect::<Vec<_>>().join(&b'/')
            }
        };
        PathName::from_wire(left).ok().filter(|left| !left.as_bytes().is_empty())
    }

    /// A directory that is not there, unless the server drops this part of its name: then it is `home`.
    pub fn added_to(self, home: &PathName) -> Option<PathName> {
        let (before, behind): (&[u8], &[u8]) = match self {
            Self::BlankAtEnd => (b"", b" "),
            Self::BlankBefore => (b" ", b""),
            Self::Quote => (b"\"", b""),
            Self::Dash => (b"-x ", b""),
            // Three dots: with a home of /, one or two would name a directory that exists.
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

/// Whether a letter is a blank. Python counts four more control characters than Unicode.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter)
}

/// Whether a word looks like an option.
const fn is_option(word: &[u8]) -> bool {
    matches!(word, [b'-', _])
}

/// A name of a path without dots and blanks at its end. The names of directories that stand for others keep their dots.
fn without_dots(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| !b". ".contains(byte)).map_or(0, |last| last + 1);
    if matches!(name, b"." | b"..") { name } else { name.get(..end).unwrap_or_default() }
}

/// What is known of a server and a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Keeping {
    /// Nobody has asked.
    #[default]
    Unknown,
    /// It does not enter its own directory by a name with this part. Other commands, or other names, may be different.
    Likely,
    /// Two names that differ in this part alone were seen to be two.
    Proven,
    /// It drops the part.
    Dropped,
}

/// What is known of a server and each of these parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DroppedParts([Keeping; 5]);

impl DroppedParts {
    /// Whether the server keeps it.
    pub fn of(self, part: DroppedPart) -> Keeping {
        self.0.get(part as usize).copied().unwrap_or_default()
    }

    /// Notes whether the server keeps it.
    pub fn note(&mut self, part: DroppedPart, keeping: Keeping) {
        if let Some(known) = self.0.get_mut(part as usize) {
            *known = keeping;
        }
    }

    /// Whether the server is known to keep all of this path.
    pub fn keep(self, path: &PathName) -> bool {
        DroppedPart::of(path).all(|part| self.of(part) == Keeping::Proven)
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
        parts.note(DroppedPart::BlankAtEnd, Keeping::Likely);
        parts.note(DroppedPart::DotAtEnd, Keeping::Proven);
        assert!(!parts.keep(&name(b"x ")));
        parts.note(DroppedPart::BlankAtEnd, Keeping::Proven);
        assert!(parts.keep(&name(b"x ")));
        assert!(!parts.keep(&name(b" x ")));
        parts.note(DroppedPart::BlankBefore, Keeping::Dropped);
        assert!(!parts.keep(&name(b" x ")));
        assert_eq!(parts.of(DroppedPart::BlankBefore), Keeping::Dropped);
        assert_eq!(parts.of(DroppedPart::Dash), Keeping::Unknown);
    }

    #[test]
    fn the_name_that_is_reached_lacks_the_part() {
        use DroppedPart::{BlankAtEnd, BlankBefore, Dash, DotAtEnd, Quote};
        for (part, path, expect) in [
            (BlankAtEnd, &b"d/x \t"[..], Some(&b"d/x"[..])),
            (BlankBefore, b" x", Some(b"x")),
            (Quote, b"a\"b\"", Some(b"ab")),
            (Dash, b"a -b c", Some(b"a c")),
            (DotAtEnd, b"../d./x. .", Some(b"../d/x")),
            (DotAtEnd, b"\xff.", Some(b"\xff")),
            (BlankAtEnd, b" ", None),
            (BlankAtEnd, b"\xff ", None),
        ] {
            assert_eq!(part.dropped_from(&name(path)), expect.map(name), "{path:?}");
        }
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
