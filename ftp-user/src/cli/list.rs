//! The list of `copy --from-file`: lines of SOURCE, a tab, DEST. They are read one after the other, and little of them is in
//! memory.

use super::passwords::{Order, Passwords};
use super::places::PlaceReader;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::{Job, Options, Pairs};
use crate::place::{Location, Names};
use ftp_io::named_file::{NamedFile, Readable};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// The job that copies the pairs of a list.
///
/// # Errors
///
/// The list lists nothing or cannot be read, or a line of it is no pair that can be copied.
pub(super) async fn job(
    context: &mut Context,
    passwords: &Passwords,
    path: &Path,
    options: Options,
) -> Result<Job, Failure> {
    let pairs = pairs(path, &context.settings.named)?;
    if pairs.is_empty() {
        let what = format!("{} lists nothing", name_of(path));
        return Err(Failure::usage(what).hint("a line is SOURCE, a tab, DEST"));
    }
    let places = pairs.places().cloned().collect();
    let places = passwords.complete(context, places, Order::Pairs).await?;
    Job::copy_each(pairs.logged_in(places), options)
}

/// Places of a list with every login, as they are written down somewhere. Of standard input nothing is read.
///
/// # Errors
///
/// The list cannot be read, or a line of it is no pair that can be copied.
pub(super) fn locations(path: &Path, names: &Names) -> Result<Vec<Location>, Failure> {
    if is_standard_input(path) {
        return Ok(Vec::new());
    }
    Ok(pairs(path, names)?.places().cloned().collect())
}

/// Reads a list to its end.
fn pairs(path: &Path, names: &Names) -> Result<Pairs, Failure> {
    let name = name_of(path);
    if is_standard_input(path) {
        return read(io::stdin().lock(), &name, names);
    }
    let file = NamedFile::open(path, Readable::FileOrPipe);
    read(file.map_err(|error| cannot_read(&name, &error))?, &name, names)
}

fn read(from: impl Read, name: &str, names: &Names) -> Result<Pairs, Failure> {
    let (mut lines, mut places, mut pairs) = (Lines::new(from), PlaceReader::new(names), Pairs::default());
    loop {
        let (number, line) = match lines.next() {
            Ok(None) => return Ok(pairs),
            Ok(Some(line)) => line,
            Err(Unread::Broken(error)) => return Err(cannot_read(name, &error)),
            Err(Unread::TooLarge) => {
                return Err(Failure::usage(format!("{name} is larger than {LARGEST} bytes"))
                    .hint("divide it into several lists"));
            }
            Err(Unread::TooLong(number)) => {
                let what = format!("{name} line {number}: it is longer than {LONGEST_LINE} bytes");
                return Err(Failure::usage(what).hint("a line is SOURCE, a tab, DEST"));
            }
        };
        let at_line = |failure: Failure| failure.during(format_args!("{name} line {number}"));
        let Some([source, destination]) = fields(number, line).map_err(at_line)? else { continue };
        let (source, destination) = (places.read(source, at_line)?, places.read(destination, at_line)?);
        pairs.push(source, destination).map_err(at_line)?;
    }
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The list, for people.
fn name_of(path: &Path) -> String {
    if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() }
}

fn cannot_read(name: &str, error: &io::Error) -> Failure {
    Failure::of_this_host(format!("cannot read {name}"), error)
}

/// SOURCE and DEST of a line; `None` if the line is empty.
///
/// # Errors
///
/// The line has something else.
fn fields(number: usize, line: &[u8]) -> Result<Option<[&[u8]; 2]>, Failure> {
    if number == 1 && line.starts_with(BYTE_ORDER_MARK) {
        let failure = Failure::usage("it begins with a byte order mark, which is no part of a name");
        return Err(failure.hint("write the list without one"));
    }
    if line.is_empty() {
        return Ok(None);
    }
    if line.ends_with(b"\r") {
        let failure = Failure::usage("it ends in CR and LF");
        return Err(failure.hint("write the list with lines that end in LF"));
    }
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    let [source, destination] = *fields.as_slice() else {
        let count = ftp_proto::wire::counted(fields.len() as u64, "field");
        let what = format!("it has {count} instead of a SOURCE, a tab and a DEST");
        return Err(Failure::usage(what).hint("write a tab in a name as %09 in a URL"));
    };
    if [source, destination].contains(&&b"-"[..]) {
        let failure = Failure::usage("a list names no standard input or output (-)");
        return Err(failure.hint("use ./- for a file of that name"));
    }
    Ok(Some([source, destination]))
}

/// The lines of a list.
struct Lines<R> {
    from: R,
    /// What was read and may not be taken yet. It may have passwords, so that it never moves in memory.
    held: Zeroizing<Vec<u8>>,
    /// Where the next line begins in it.
    at: usize,
    /// The number of the last line.
    number: usize,
    /// The number of bytes that were read.
    bytes: u64,
    is_over: bool,
}

/// Why the next line cannot be taken.
#[derive(Debug)]
enum Unread {
    /// The list cannot be read.
    Broken(io::Error),
    /// It has more than [`LARGEST`] bytes.
    TooLarge,
    /// The line with that number has more than [`LONGEST_LINE`] bytes.
    TooLong(usize),
}

impl<R: Read> Lines<R> {
    fn new(from: R) -> Self {
        let held = Zeroizing::new(Vec::with_capacity(LONGEST_LINE + PIECE));
        Self { from, held, at: 0, number: 0, bytes: 0, is_over: false }
    }

    /// The next line with its number.
    fn next(&mut self) -> Result<Option<(usize, &[u8])>, Unread> {
        let (length, end) = loop {
            let rest = self.held.get(self.at..).unwrap_or_default();
            match rest.iter().position(|byte| *byte == b'\n') {
                Some(length) => break (length, length + 1),
                None if self.is_over && rest.is_empty() => return Ok(None),
                None if self.is_over || rest.len() > LONGEST_LINE => break (rest.len(), rest.len()),
                None => self.fill()?,
            }
        };
        self.number += 1;
        if length > LONGEST_LINE {
            return Err(Unread::TooLong(self.number));
        }
        let begin = self.at;
        self.at += end;
        Ok(self.held.get(begin..begin + length).map(|line| (self.number, line)))
    }

    /// Reads the next piece.
    fn fill(&mut self) -> Result<(), Unread> {
        self.held.drain(..self.at);
        self.at = 0;
        let before = self.held.len();
        self.held.resize(before + PIECE, 0);
        let read = loop {
            match self.from.read(self.held.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let count = *read.as_ref().unwrap_or(&0);
        self.held.truncate(before + count);
        read.map_err(Unread::Broken)?;
        self.is_over = count == 0;
        self.bytes += count as u64;
        if self.bytes > LARGEST { Err(Unread::TooLarge) } else { Ok(()) }
    }
}

/// What some editors write before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// The size of the largest list in bytes: some millions of lines.
const LARGEST: u64 = 512 << 20;
/// The size of the longest line in bytes: a path of 4096 bytes has three times as many in a URL.
const LONGEST_LINE: usize = 32 << 10;
/// How many bytes are read at once.
const PIECE: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The pairs of a text with the numbers of their lines, or the number of the first line that is none.
    fn all(text: &str) -> Result<Vec<(usize, [String; 2])>, usize> {
        let (mut lines, mut found) = (Lines::new(text.as_bytes()), Vec::new());
        while let Some((number, line)) = lines.next().unwrap() {
            match fields(number, line) {
                Ok(None) => {}
                Ok(Some(pair)) => {
                    found.push((number, pair.map(|place| str::from_utf8(place).unwrap().to_owned())));
                }
                Err(_) => return Err(number),
            }
        }
        Ok(found)
    }

    #[test]
    fn a_list_has_two_places_in_a_line() {
        let check = |text: &str, expect: &[(usize, [&str; 2])]| {
            let expect = expect.iter().map(|(line, pair)| (*line, pair.map(str::to_owned))).collect();
            assert_eq!(all(text), Ok(expect), "{text:?}");
        };
        check("", &[]);
        check("\n\n", &[]);
        check("a\tb\n", &[(1, ["a", "b"])]);
        check("a\tb", &[(1, ["a", "b"])]);
        check("\na b \t #c\n\nd\te/\n", &[(2, ["a b ", " #c"]), (4, ["d", "e/"])]);
        for (text, line) in [
            ("a b\n", 1),
            ("a\tb\nc\td\te\n", 2),
            ("a\tb\n\n-\tc", 3),
            ("a\t-", 1),
            ("a\tb\nc\td\r\n", 2),
            ("\u{feff}a\tb\n", 1),
        ] {
            assert_eq!(all(text), Err(line), "{text:?}");
        }
    }

    /// Gives a byte at a time, then an error or the end.
    struct Slow<'a>(&'a [u8], bool);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.split_first() {
                Some((byte, rest)) => {
                    (self.0, into[0]) = (rest, *byte);
                    Ok(1)
                }
                None if self.1 => Err(ErrorKind::BrokenPipe.into()),
                None => Ok(0),
            }
        }
    }

    #[test]
    fn lines_are_the_same_however_they_come_and_none_is_kept() {
        let text: String = (0..20_000).map(|number| format!("{number}\t{}\n", number % 7)).collect();
        let mut lines = Lines::new(text.as_bytes());
        let (capacity, mut found) = (lines.held.capacity(), String::new());
        while let Some((_, line)) = lines.next().unwrap() {
            found.push_str(str::from_utf8(line).unwrap());
            found.push('\n');
        }
        assert!(found == text && lines.held.capacity() == capacity && capacity < 100_000);
        let mut slow = Lines::new(Slow(b"a\tb\n\nc", true));
        let mut next = || slow.next().map(|line| line.map(|(number, line)| (number, line.to_vec())));
        assert_eq!(next().unwrap(), Some((1, b"a\tb".to_vec())));
        assert_eq!(next().unwrap(), Some((2, Vec::new())));
        assert!(matches!(next(), Err(Unread::Broken(_))), "a piece of a line is no line");
    }

    #[test]
    fn neither_a_line_nor_a_list_is_without_end() {
        let long = "x".repeat(LONGEST_LINE);
        let text = format!("{long}\n{long}x\n");
        let mut lines = Lines::new(text.as_bytes());
        assert_eq!(lines.next().unwrap().map(|(_, line)| line.len()), Some(LONGEST_LINE));
        assert!(matches!(lines.next(), Err(Unread::TooLong(2))));
        assert!(matches!(Lines::new(io::repeat(b'x')).next(), Err(Unread::TooLong(1))));
        let mut endless = Lines::new(io::repeat(b'\n'));
        endless.bytes = LARGEST - 10;
        assert!(matches!(endless.next(), Err(Unread::TooLarge)));
    }
}
