//! PACK: many small files in one transfer (docs/protocol/extensions.md).
//!
//! ```text
//! PACK LOOK <directory>//<name>/<name>/...
//! PACK SAME <directory>//<size>,<time>,<unique>,<name>/...
//! PACK SEND <directory>//<size>,<time>,<unique>,<name>/...
//! PACK STORE <group> <directory>//<size>,<time>,<name>/...
//! PACK KEEP <group> <number>,<number>-<number>,...
//! PACK DROP <group>
//! ```
//!
//! No name is empty and none has a slash, so the last `//` ends the directory. What follows the last fixed comma of a
//! file is its name, which may have commas. `-` is a time or an identity that is not known.

#[cfg(test)]
mod tests;

use super::Direction;
use super::parse::{Fault, first_word, name, number};
use crate::calendar::{When, facts_time, parse_time};
use crate::wire::{FileName, PathName, counted, show};
use std::fmt;

/// A command about a group of small files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pack {
    /// LOOK: which of these names something has.
    Look(PathName, Vec<FileName>),
    /// SAME: which of these files of the directory are what the command says of them.
    Same(PathName, Vec<FileToSend>),
    /// DELETE: delete those of these files of the directory that are what the command says of them.
    Delete(PathName, Vec<FileToSend>),
    /// SEND: send these files of the directory.
    Send(PathName, Vec<FileToSend>),
    /// STORE: receive these files beside the directory's own, under the number of the group, until KEEP or DROP.
    Store(GroupNumber, PathName, Vec<FileToStore>),
    /// KEEP: give these files of the group their names, and remove the others.
    Keep(GroupNumber, FileNumbers),
    /// DROP: remove all files of the group.
    Drop(GroupNumber),
}

/// The number of a group, which the client chooses. It counts from PACK STORE to PACK KEEP or DROP.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupNumber(pub u32);

impl fmt::Display for GroupNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A file that PACK SEND asks for, or that PACK SAME and DELETE describe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileToSend {
    /// How many bytes it has: in PACK SEND at most [`Pack::MAX_FILE`].
    pub size: u32,
    /// When it was modified, if that is known. It is written as `-` if its year does not have four digits.
    pub modified: Option<When>,
    /// The fact `unique` of its listing. It is written as `-` if it has a comma, a slash or a blank.
    pub unique: Option<String>,
    /// Its name in the directory.
    pub name: FileName,
}

/// A file that PACK STORE announces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileToStore {
    /// How many bytes it has: at most [`Pack::MAX_FILE`].
    pub size: u32,
    /// The time that it gets, if that is known. It is written as `-` if its year does not have four digits.
    pub modified: Option<When>,
    /// Its name in the directory.
    pub name: FileName,
}

/// Files of a group by their numbers, which count from 1 in the order of the command: at least one, ascending, each once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileNumbers(Vec<u16>);

impl FileNumbers {
    /// Takes numbers in any order. Returns `None` if there is none, or if one is not a number of a file.
    pub fn new(numbers: impl IntoIterator<Item = u16>) -> Option<Self> {
        let mut numbers: Vec<u16> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let fit = numbers.iter().all(|number| (1..=MAX_NUMBER).contains(number));
        (fit && !numbers.is_empty()).then_some(Self(numbers))
    }

    /// Returns the numbers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().copied()
    }

    /// Returns whether `number` is one of them.
    pub fn has(&self, number: u16) -> bool {
        self.0.binary_search(&number).is_ok()
    }

    /// Returns how many they are.
    pub fn count(&self) -> u16 {
        u16::try_from(self.0.len()).unwrap_or(MAX_NUMBER)
    }

    /// Returns the greatest of them.
    pub fn last(&self) -> u16 {
        self.0.last().copied().unwrap_or_default()
    }

    /// Reads `1,3-5`: ascending, each once.
    fn parse(word: &[u8]) -> Result<Self, Fault> {
        let mut numbers = Vec::new();
        for part in word.split(|byte| *byte == b',') {
            let (first, last) = match part.iter().position(|byte| *byte == b'-') {
                Some(at) => (part.get(..at), part.get(at + 1..)),
                None => (Some(part), Some(part)),
            };
            let (first, last): (u16, u16) =
                (number(first.unwrap_or_default())?, number(last.unwrap_or_default())?);
            if first == 0 || last > MAX_NUMBER {
                return Err(Fault::OutOfRange);
            }
            if last < first || numbers.last().is_some_and(|before| first <= *before) {
                return Err(Fault::Syntax);
            }
            numbers.extend(first..=last);
        }
        Ok(Self(numbers))
    }

    /// Writes them with ranges, as short as they can be.
    fn text(&self) -> String {
        let runs = self.0.chunk_by(|before, after| *after == before + 1);
        let runs = runs.filter_map(|run| Some((run.first()?, run.last()?)));
        let texts: Vec<String> = runs
            .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
            .collect();
        texts.join(",")
    }
}

impl Pack {
    /// Maximum number of files in a group, and of names that are looked at together.
    pub const MAX_FILES: usize = MAX_NUMBER as usize;
    /// Maximum number of bytes of one file.
    pub const MAX_FILE: u32 = 256 * 1024;
    /// Maximum number of bytes of all files of a group.
    pub const MAX_BYTES: u64 = 8 * 1024 * 1024;
    /// How many groups a session may hold: some get their names while others come.
    pub const MAX_HELD: usize = 4;

    /// Reads the argument of PACK.
    pub(super) fn parse(rest: &[u8]) -> Result<Self, Fault> {
        let (word, rest) = first_word(rest);
        match word.to_ascii_uppercase().as_slice() {
            b"" => Err(Fault::Missing),
            b"LOOK" => listed(rest, file_name).map(|(directory, names)| Self::Look(directory, names)),
            b"SAME" => listed(rest, FileToSend::parse).map(|(directory, files)| Self::Same(directory, files)),
            b"DELETE" => {
                listed(rest, FileToSend::parse).map(|(directory, files)| Self::Delete(directory, files))
            }
            b"SEND" => {
                let (directory, files) = listed(rest, FileToSend::parse)?;
                bounded(files.iter().map(|file| file.size))?;
                Ok(Self::Send(directory, files))
            }
            b"STORE" => {
                let (group, rest) = first_word(rest);
                let (directory, files) = listed(rest, FileToStore::parse)?;
                bounded(files.iter().map(|file| file.size))?;
                Ok(Self::Store(group_number(group)?, directory, files))
            }
            b"KEEP" => {
                let (group, rest) = first_word(rest.trim_ascii_end());
                Ok(Self::Keep(group_number(group)?, FileNumbers::parse(rest)?))
            }
            b"DROP" => Ok(Self::Drop(group_number(rest.trim_ascii_end())?)),
            _ => Err(Fault::Syntax),
        }
    }

    /// Returns the direction in which the command moves data, seen from the server; `None` if it moves nothing.
    pub const fn direction(&self) -> Option<Direction> {
        match self {
            Self::Send(..) => Some(Direction::Send),
            Self::Store(..) => Some(Direction::Receive),
            Self::Look(..) | Self::Same(..) | Self::Delete(..) | Self::Keep(..) | Self::Drop(_) => None,
        }
    }

    /// Returns the argument for logs and traces, with the number of files and not their names.
    pub(super) fn summary(&self) -> String {
        let of = |directory: &PathName, count: usize| {
            format!("{} ({})", directory.display(), counted(count as u64, "file"))
        };
        match self {
            Self::Look(directory, names) => format!("LOOK {}", of(directory, names.len())),
            Self::Same(directory, files) => format!("SAME {}", of(directory, files.len())),
            Self::Delete(directory, files) => format!("DELETE {}", of(directory, files.len())),
            Self::Send(directory, files) => format!("SEND {}", of(directory, files.len())),
            Self::Store(group, directory, files) => format!("STORE {group} {}", of(directory, files.len())),
            Self::Keep(..) | Self::Drop(_) => show(&self.argument()),
        }
    }

    /// Returns the argument for a trace, with each file's number and name.
    pub(super) fn traced(&self) -> String {
        let numbered = |names: &mut dyn Iterator<Item = &FileName>| {
            let names: Vec<String> =
                names.zip(1..).map(|(name, number)| format!("{number} {}", show(name.as_bytes()))).collect();
            format!("{}: {}", self.summary(), names.join(" / "))
        };
        match self {
            Self::Look(_, names) => numbered(&mut names.iter()),
            Self::Same(_, files) | Self::Delete(_, files) | Self::Send(_, files) => {
                numbered(&mut files.iter().map(|file| &file.name))
            }
            Self::Store(_, _, files) => numbered(&mut files.iter().map(|file| &file.name)),
            Self::Keep(..) | Self::Drop(_) => self.summary(),
        }
    }

    /// Returns the argument of the command.
    pub(super) fn argument(&self) -> Vec<u8> {
        let described = |word: &str, directory, files: &[FileToSend]| {
            written(word, directory, files.iter().map(FileToSend::text))
        };
        match self {
            Self::Look(directory, names) => {
                written("LOOK", directory, names.iter().map(|name| name.as_bytes().to_vec()))
            }
            Self::Same(directory, files) => described("SAME", directory, files),
            Self::Delete(directory, files) => described("DELETE", directory, files),
            Self::Send(directory, files) => described("SEND", directory, files),
            Self::Store(group, directory, files) => {
                written(&format!("STORE {group}"), directory, files.iter().map(FileToStore::text))
            }
            Self::Keep(group, numbers) => format!("KEEP {group} {}", numbers.text()).into_bytes(),
            Self::Drop(group) => format!("DROP {group}").into_bytes(),
        }
    }
}

impl FileToSend {
    fn parse(item: &[u8]) -> Result<Self, Fault> {
        let (size, rest) = field(item)?;
        let (modified, rest) = field(rest)?;
        let (unique, rest) = field(rest)?;
        let unique = match unique {
            b"" => return Err(Fault::Missing),
            b"-" => None,
            unique => {
                let unique = std::str::from_utf8(unique).map_err(|_| Fault::Syntax)?;
                Some(unique.to_owned()).filter(|unique| fits(unique)).ok_or(Fault::Syntax).map(Some)?
            }
        };
        Ok(Self { size: number(size)?, modified: time(modified)?, unique, name: file_name(rest)? })
    }

    /// Returns whether all that is known of it can stand in a command.
    pub fn is_whole(&self) -> bool {
        let has_time = self.modified.is_none_or(|modified| facts_time(modified).is_some());
        has_time && self.unique.as_deref().is_none_or(fits)
    }

    /// Returns the file as PACK SEND names it.
    pub fn text(&self) -> Vec<u8> {
        let unique = self.unique.as_deref().filter(|unique| fits(unique)).unwrap_or("-");
        let facts = format!("{},{},{unique},", self.size, time_text(self.modified));
        [facts.as_bytes(), self.name.as_bytes()].concat()
    }
}

impl FileToStore {
    fn parse(item: &[u8]) -> Result<Self, Fault> {
        let (size, rest) = field(item)?;
        let (modified, rest) = field(rest)?;
        Ok(Self { size: number(size)?, modified: time(modified)?, name: file_name(rest)? })
    }

    /// Returns the file as PACK STORE names it.
    pub fn text(&self) -> Vec<u8> {
        let facts = format!("{},{},", self.size, time_text(self.modified));
        [facts.as_bytes(), self.name.as_bytes()].concat()
    }
}

/// Whether the fact `unique` can stand in a command, and does not look like one that is not known.
fn fits(unique: &str) -> bool {
    let is_plain = |byte: u8| byte > b' ' && byte != 0x7f && !matches!(byte, b',' | b'/');
    !matches!(unique, "" | "-") && unique.bytes().all(is_plain)
}

/// Reads the directory, and each item that is listed behind the last `//`.
fn listed<T>(rest: &[u8], read: impl Fn(&[u8]) -> Result<T, Fault>) -> Result<(PathName, Vec<T>), Fault> {
    if rest.is_empty() {
        return Err(Fault::Missing);
    }
    let at = memchr::memmem::rfind(rest, b"//").ok_or(Fault::Syntax)?;
    let (directory, items) = rest.split_at(at);
    let (directory, items) = (name(directory)?, items.get(2..).unwrap_or_default());
    if memchr::memchr_iter(b'/', items).count() >= Pack::MAX_FILES {
        return Err(Fault::OutOfRange);
    }
    let items: Result<_, _> = items.split(|byte| *byte == b'/').map(read).collect();
    Ok((directory, items?))
}

/// Splits what stands before the first comma from the rest.
fn field(item: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let at = memchr::memchr(b',', item).ok_or(Fault::Syntax)?;
    let (field, rest) = item.split_at(at);
    Ok((field, rest.get(1..).unwrap_or_default()))
}

fn file_name(bytes: &[u8]) -> Result<FileName, Fault> {
    name(bytes)?; // tells a byte that cannot be sent from what is no name
    FileName::from_wire(bytes).ok_or(Fault::Syntax)
}

fn time(field: &[u8]) -> Result<Option<When>, Fault> {
    if field == b"-" {
        return Ok(None);
    }
    let text = std::str::from_utf8(field).map_err(|_| Fault::Syntax)?;
    parse_time(text).map(Some).ok_or(Fault::Syntax)
}

fn time_text(modified: Option<When>) -> String {
    modified.and_then(facts_time).unwrap_or_else(|| "-".to_owned())
}

fn group_number(word: &[u8]) -> Result<GroupNumber, Fault> {
    number(word).map(GroupNumber)
}

/// Refuses files that are too large, alone or together.
fn bounded(mut sizes: impl Iterator<Item = u32>) -> Result<(), Fault> {
    let all = sizes.try_fold(0, |all, size| (size <= Pack::MAX_FILE).then_some(all + u64::from(size)));
    if all.is_some_and(|all| all <= Pack::MAX_BYTES) { Ok(()) } else { Err(Fault::OutOfRange) }
}

/// Writes the directory and what is listed behind it.
fn written(word: &str, directory: &PathName, items: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut text = [word.as_bytes(), b" ", directory.as_bytes(), b"/"].concat();
    for item in items {
        text.push(b'/');
        text.extend_from_slice(&item);
    }
    text
}

/// The greatest number of a file.
const MAX_NUMBER: u16 = 256;
