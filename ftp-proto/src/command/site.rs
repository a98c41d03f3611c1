//! Commands that change a file beyond its contents: SITE, which no RFC defines for this server, and the facts of MFF
//! (draft-somers-ftp-mfxx section 5).

use super::parse::{Fault, first_word, name, parse_mode};
use crate::calendar::{When, facts_time, parse_time};
use crate::wire::PathName;

/// The argument of SITE.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Site {
    /// `CHMOD <octal mode> <path>`: the permissions of a file or directory.
    Chmod(u32, PathName),
    /// `UTIME <time> <path>`, or `UTIME <path> <accessed> <modified> <created> UTC`: when a file was
    /// modified last.
    Utime(When, PathName),
    /// `SYMLINK <target> <path>`: make a symbolic link. Neither name can hold a blank.
    Symlink {
        /// What the link leads to.
        target: PathName,
        /// The link to be made.
        link: PathName,
    },
    /// `CPFR <path>`: the file that CPTO will copy (ProFTPD's mod_copy).
    CopyFrom(PathName),
    /// `CPTO <path>`: the name of the copy.
    CopyTo(PathName),
    /// `SYNC`: everything that the account has stored, renamed or made is to be on stable storage.
    Sync,
    /// `HELP`: the list of these commands; `HELP <word>`, in upper case: one of them.
    Help(Option<String>),
    /// Another word, in upper case.
    Unknown(String),
}

impl Site {
    /// The commands as HELP shows them.
    const COMMANDS: [&str; 5] =
        ["CHMOD <mode> <path>", "HELP", "SYMLINK <target> <path>", "SYNC", "UTIME <YYYYMMDDhhmm[ss]> <path>"];
    /// Those that copy a file within the server, which an operator may switch off.
    const COPIES: [&str; 2] = ["CPFR <path>", "CPTO <path>"];

    /// The lines of the commands that are served, in order of the alphabet, with those that copy if `copies`.
    pub fn lines(copies: bool) -> Vec<&'static str> {
        let copies: &[&str] = if copies { &Self::COPIES } else { &[] };
        let mut lines: Vec<&str> = Self::COMMANDS.iter().chain(copies).copied().collect();
        lines.sort_unstable();
        lines
    }

    /// The line of one command, if it is served.
    pub fn line(word: &[u8], copies: bool) -> Option<&'static str> {
        let names = |line: &&str| line.split(' ').next().is_some_and(|name| name.as_bytes() == word);
        Self::lines(copies).into_iter().find(names)
    }

    /// Reads the argument of SITE.
    pub(super) fn parse(rest: &[u8]) -> Result<Self, Fault> {
        let (word, rest) = first_word(rest);
        match word.to_ascii_uppercase().as_slice() {
            b"" => Err(Fault::Missing),
            b"HELP" => {
                let word = String::from_utf8_lossy(rest.trim_ascii()).to_ascii_uppercase();
                Ok(Self::Help(Some(word).filter(|word| !word.is_empty())))
            }
            b"SYNC" if rest.is_empty() => Ok(Self::Sync),
            b"SYNC" => Err(Fault::Syntax),
            b"CHMOD" => {
                let (mode, path) = first_word(rest);
                let mode = parse_mode(mode).ok_or(Fault::Syntax)?;
                Ok(Self::Chmod(mode, name(path)?))
            }
            b"UTIME" => utime(rest),
            b"CPFR" => Ok(Self::CopyFrom(name(rest)?)),
            b"CPTO" => Ok(Self::CopyTo(name(rest)?)),
            b"SYMLINK" => {
                let (target, rest) = first_word(rest);
                let (link, more) = first_word(rest);
                if more.is_empty() {
                    Ok(Self::Symlink { target: name(target)?, link: name(link)? })
                } else {
                    Err(Fault::Syntax)
                }
            }
            other => Ok(Self::Unknown(String::from_utf8_lossy(other).into_owned())),
        }
    }

    /// Returns the argument of SITE.
    pub(super) fn argument(&self) -> Vec<u8> {
        match self {
            Self::Chmod(mode, path) => [format!("CHMOD {mode:03o} ").as_bytes(), path.as_bytes()].concat(),
            Self::Utime(time, path) => {
                let time = facts_time(*time).unwrap_or_default();
                [format!("UTIME {time} ").as_bytes(), path.as_bytes()].concat()
            }
            Self::Symlink { target, link } => {
                [b"SYMLINK ", target.as_bytes(), b" ", link.as_bytes()].concat()
            }
            Self::CopyFrom(path) => [b"CPFR ", path.as_bytes()].concat(),
            Self::CopyTo(path) => [b"CPTO ", path.as_bytes()].concat(),
            Self::Sync => b"SYNC".to_vec(),
            Self::Help(None) => b"HELP".to_vec(),
            Self::Help(Some(word)) => [b"HELP ", word.as_bytes()].concat(),
            Self::Unknown(word) => word.as_bytes().to_vec(),
        }
    }
}

/// Both forms of UTIME. The long one ends with three times and the word UTC; the second one counts.
fn utime(rest: &[u8]) -> Result<Site, Fault> {
    let (first, path) = first_word(rest);
    if let Some(time) = short_time(first)
        && !path.is_empty()
    {
        return Ok(Site::Utime(time, name(path)?));
    }
    let mut words: Vec<&[u8]> = rest.rsplitn(5, |byte| *byte == b' ').collect();
    words.reverse();
    match words.as_slice() {
        [path, accessed, modified, created, zone] if zone.eq_ignore_ascii_case(b"UTC") => {
            let times = [accessed, modified, created].map(|time| short_time(time));
            match times {
                [Some(_), Some(modified), Some(_)] => Ok(Site::Utime(modified, name(path)?)),
                _ => Err(Fault::Syntax),
            }
        }
        _ => Err(Fault::Syntax),
    }
}

/// Reads a time whose seconds may be missing.
fn short_time(word: &[u8]) -> Option<When> {
    let word = std::str::from_utf8(word).ok()?;
    if word.len() == 12 { parse_time(&format!("{word}00")) } else { parse_time(word) }
}

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
    fn the_commands_of_site_are_read() {
        let path = |text: &str| PathName::from_wire(text).unwrap();
        let time = when(2026, 11, 20, 10, 20, 30).unwrap();
        let minute = when(2026, 11, 20, 10, 20, 0).unwrap();
        for (line, expect) in [
            ("chmod 644 a b", Ok(Site::Chmod(0o644, path("a b")))),
            ("CHMOD 4755 a", Ok(Site::Chmod(0o4755, path("a")))),
            ("CHMOD 888 a", Err(Fault::Syntax)),
            ("CHMOD +x a", Err(Fault::Syntax)),
            ("CHMOD 644", Err(Fault::Missing)),
            ("UTIME 20261120102030 a b", Ok(Site::Utime(time, path("a b")))),
            ("UTIME 202611201020 a", Ok(Site::Utime(minute, path("a")))),
            (
                "UTIME a b 20200101000000 20261120102030 20200101000000 UTC",
                Ok(Site::Utime(time, path("a b"))),
            ),
            ("UTIME a 20200101000000 20261320102030 20200101000000 UTC", Err(Fault::Syntax)),
            ("UTIME 20261320102030 a", Err(Fault::Syntax)),
            ("SYMLINK a/b c", Ok(Site::Symlink { target: path("a/b"), link: path("c") })),
            ("SYMLINK a b c", Err(Fault::Syntax)),
            ("SYMLINK a", Err(Fault::Missing)),
            ("cpfr a b", Ok(Site::CopyFrom(path("a b")))),
            ("CPTO c d", Ok(Site::CopyTo(path("c d")))),
            ("CPFR", Err(Fault::Missing)),
            ("CPTO", Err(Fault::Missing)),
            ("sync", Ok(Site::Sync)),
            ("SYNC a", Err(Fault::Syntax)),
            ("help", Ok(Site::Help(None))),
            ("HELP chmod", Ok(Site::Help(Some("CHMOD".to_owned())))),
            ("who is there", Ok(Site::Unknown("WHO".to_owned()))),
            ("", Err(Fault::Missing)),
        ] {
            let read = Site::parse(line.as_bytes());
            assert_eq!(read, expect, "{line}");
            if let Ok(site) = read
                && !matches!(site, Site::Unknown(_))
            {
                assert_eq!(Site::parse(&site.argument()), Ok(site), "{line}");
            }
        }
    }

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
