//! The options of copy, move and sync that say what is copied: filters and links, and the list of `--from-file`, lines of SOURCE, a
//! tab, DEST. They are read one after the other, and little of them is in memory.

use super::copy::auto_or_number;
use super::passwords::{Order, Passwords};
use super::places::{self, PlaceReader};
use crate::context::Context;
use crate::failure::{Failure, Kind, Result};
use crate::job::{self, Filter, Job, Options, Pairs, Sink, Work};
use crate::journal::as_text;
use crate::place::{Location, Names};
use clap::Args;
use ftp_io::named_file::{NamedFile, Readable};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Options that say what is copied.
#[derive(Args, Debug, Deserialize, Serialize)]
pub(super) struct TreeArgs {
    /// Copy directories with everything in them
    #[arg(short, long, visible_short_alias = 'R')]
    recursive: bool,
    #[command(flatten)]
    #[serde(flatten)]
    filter: FilterArgs,
    /// Copy what this file lists: lines of SOURCE, a tab, DEST; # begins a comment; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "places")]
    #[serde(with = "as_text")]
    from_file: Option<PathBuf>,
    #[command(flatten)]
    #[serde(flatten)]
    kept: KeptArgs,
}

/// Options that say which files of a tree are meant.
#[derive(Args, Debug, Deserialize, Serialize)]
pub(super) struct FilterArgs {
    /// Of a tree take only files that this pattern matches
    ///
    /// Or files in a directory that it matches; repeatable. Without a slash it matches the last name, with one the path below the tree, with one at its end directories
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Leave out what this pattern matches
    ///
    /// A directory is left out with everything in it; repeatable.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Read patterns from this file: lines of + GLOB to take files or - GLOB to leave them out, of which the first one that
    /// matches a file decides; # begins a comment; repeatable
    #[arg(long, value_name = "FILE")]
    #[serde(with = "as_text")]
    filter_from: Vec<PathBuf>,
}

/// Options that say what copies have of their sources.
#[derive(Args, Debug, Deserialize, Serialize)]
pub(super) struct KeptArgs {
    /// Give copies the modification times of their sources, where the destination can set them (the default)
    #[arg(long, overrides_with = "no_times")]
    times: bool,
    /// Leave the time of a copy to the destination
    #[arg(long, overrides_with = "times")]
    no_times: bool,
    /// Give copies the permissions of their sources (read, write, execute), where both ends can
    #[arg(long)]
    perms: bool,
    /// Whether only the changed parts of a large file are sent from server to server (sync: auto, else never)
    #[arg(long, value_enum, value_name = "WHEN")]
    changed_parts: Option<job::ChangedParts>,
    /// How many data connections a large file has (default: 1; auto: as many as help, at most 4)
    #[arg(long, default_value = "1", hide_default_value = true, value_name = "N", value_parser = streams)]
    #[serde(default)]
    streams: job::Streams,
    /// What to do with symbolic links in a tree
    #[arg(long, value_enum, default_value_t = job::Links::Files, value_name = "WHAT")]
    links: job::Links,
}

/// Reads the number of data connections of a file.
fn streams(text: &str) -> Result<job::Streams, String> {
    Ok(auto_or_number(text, job::Streams::MOST)?.map_or(job::Streams::Auto, job::Streams::Exactly))
}

impl KeptArgs {
    /// The options with these.
    pub(super) fn options(&self, options: Options) -> Options {
        let times = self.times || !self.no_times;
        let changed_parts = self.changed_parts.unwrap_or(options.changed_parts);
        Options {
            links: self.links,
            times,
            perms: self.perms,
            changed_parts,
            streams: self.streams,
            ..options
        }
    }
}

impl FilterArgs {
    pub(super) fn filter(&self) -> Result<Filter> {
        let mut filter = Filter::new(&self.include, &self.exclude)?;
        for path in &self.filter_from {
            let name = path.display();
            let read = NamedFile::open(path, Readable::FileOrPipe).and_then(|file| file.read(LARGEST_FILTER));
            let bytes = read.map_err(|error| {
                Failure::of_this_host(format!("cannot read {name}"), &error).as_kind(Kind::Usage)
            })?;
            let text = str::from_utf8(&bytes)
                .map_err(|_| Failure::usage(format!("cannot read {name}: it is not UTF-8")))?;
            for (number, line) in text.lines().enumerate() {
                let at = || format!("{name}: line {}", number + 1);
                add_line(&mut filter, line).map_err(|failure| failure.during(at()))?;
            }
        }
        Ok(filter)
    }
}

/// Adds a line of a file with patterns to the filter. A comment adds nothing.
fn add_line(filter: &mut Filter, line: &str) -> Result<()> {
    let line = line.trim_end_matches('\r');
    if line.trim().is_empty() || line.starts_with(['#', ';']) {
        return Ok(());
    }
    let (includes, glob) = match (line.strip_prefix("+ "), line.strip_prefix("- ")) {
        (Some(glob), _) => (true, glob),
        (None, Some(glob)) => (false, glob),
        (None, None) => {
            return Err(Failure::usage("it begins neither with \"+ \" nor with \"- \"")
                .hint("write + GLOB to include, - GLOB to exclude, # for a comment"));
        }
    };
    if glob.contains("{{") {
        return Err(Failure::usage("{{ begins a regular expression in rclone, and there are none here")
            .hint("write it as patterns with *, ?, [...] and {a,b}"));
    }
    filter.push_line(includes, glob)
}

/// The largest file with patterns, in bytes.
const LARGEST_FILTER: u64 = 1 << 20;

impl TreeArgs {
    /// The options with those of trees.
    pub(super) fn options(&self, options: Options) -> Options {
        Options { recursive: self.recursive, ..self.kept.options(options) }
    }

    /// The places `typed`, or of a list places with every login, as they are written down somewhere. Of standard input nothing
    /// is read.
    pub(super) fn locations(&self, typed: &[OsString], names: &Names) -> Result<Vec<Location>> {
        match &self.from_file {
            Some(path) if is_standard_input(path) => Ok(Vec::new()),
            Some(path) => Ok(pairs(path, names)?.places().cloned().collect()),
            None => places::locations(&places::unusable_files(typed).1, names),
        }
    }

    /// Whether what is copied can be asked for again: a list is a file, and not a pipe that was read.
    pub(super) fn can_be_repeated(&self) -> bool {
        self.from_file.as_ref().is_none_or(|path| path.is_file())
    }

    /// The job that copies `typed`, or the pairs of `--from-file`. Every place is read before anything is sent.
    pub(super) async fn job(
        &self,
        context: &mut Context,
        passwords: &Passwords,
        typed: &[OsString],
        options: Options,
    ) -> Result<Job> {
        let filter = self.filter.filter()?;
        let job = match &self.from_file {
            Some(path) => listed_job(context, passwords, path, options).await?,
            None if typed.iter().any(|place| place == "-") || is_to_nowhere(typed) => {
                standard(context, passwords, typed, options).await?
            }
            None => {
                if let [only] = typed {
                    let what =
                        format!("{} is one place, and SOURCE and DEST are two", only.to_string_lossy());
                    return Err(Failure::usage(what).hint("name where the files go, such as ./"));
                }
                let (unusable, usable) = places::unusable_files(typed);
                let mut sources = passwords.locations(context, &usable).await?;
                let Some(destination) = sources.pop() else {
                    return Err(Failure::usage("copy needs a SOURCE and a DEST"));
                };
                Job { unusable, ..Job::copy(sources, destination, options)? }
            }
        };
        Ok(Job { filter, ..job })
    }
}

fn is_to_nowhere(typed: &[OsString]) -> bool {
    matches!(typed, [_, destination] if destination == job::NULL)
}

/// The job that copies from standard input or to standard output, or to nowhere.
async fn standard(
    context: &mut Context,
    passwords: &Passwords,
    typed: &[OsString],
    options: Options,
) -> Result<Job> {
    let (place, is_input) = match typed {
        [place, destination] if place != "-" && (destination == "-" || is_to_nowhere(typed)) => {
            (place, false)
        }
        [source, place] if source == "-" && place != "-" => (place, true),
        _ => {
            return Err(Failure::usage("standard input and output (-) are one file, with one other place")
                .hint("use ./- for a file of that name"));
        }
    };
    let mut places = passwords.locations(context, std::slice::from_ref(place)).await?;
    let Some(place) = places.pop() else {
        return Err(Failure::usage("copy needs a SOURCE and a DEST"));
    };
    if place.glob().is_some() && !is_input {
        return Err(Failure::usage("standard output receives one file, and no pattern")
            .hint("write * as %2A, ? as %3F and [ as %5B in the name of a file"));
    }
    let work = match is_input {
        true => Work::Input { destination: place.literal() },
        false => {
            let sink = if is_to_nowhere(typed) { Sink::Null } else { Sink::Output };
            Work::Output { source: place, sink }
        }
    };
    Job::standard(work, options)
}

/// The job that copies the pairs of a list.
///
/// # Errors
///
/// The list lists nothing or cannot be read, or a line of it is no pair that can be copied.
async fn listed_job(
    context: &mut Context,
    passwords: &Passwords,
    path: &Path,
    options: Options,
) -> Result<Job> {
    let pairs = pairs(path, &context.settings.named)?;
    if pairs.is_empty() {
        let what = format!("{} lists nothing", name_of(path));
        return Err(Failure::usage(what).hint("a line is SOURCE, a tab, DEST"));
    }
    let places = pairs.places().cloned().collect();
    let places = passwords.complete(context, places, Order::Pairs).await?;
    Job::copy_each(pairs.logged_in(places), options)
}

/// Reads a list to its end.
fn pairs(path: &Path, names: &Names) -> Result<Pairs> {
    let name = name_of(path);
    if is_standard_input(path) {
        return read(io::stdin().lock(), &name, names);
    }
    let file = NamedFile::open(path, Readable::FileOrPipe);
    read(file.map_err(|error| cannot_read(&name, &error))?, &name, names)
}

fn read(from: impl Read, name: &str, names: &Names) -> Result<Pairs> {
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
    let failure = Failure::of_this_host(format!("cannot read {name}"), error);
    if error.kind() == ErrorKind::IsADirectory { failure.as_kind(Kind::Usage) } else { failure }
}

/// SOURCE and DEST of a line; `None` if the line is empty or a comment.
fn fields(number: usize, line: &[u8]) -> Result<Option<[&[u8]; 2]>> {
    if number == 1 && line.starts_with(BYTE_ORDER_MARK) {
        let failure = Failure::usage("it begins with a byte order mark, which is no part of a name");
        return Err(failure.hint("write the list without one"));
    }
    if line.is_empty() || line.starts_with(b"#") {
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
mod list_tests {
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
        check("# of today\na\tb\n#c\td\n./#e\tf", &[(2, ["a", "b"]), (4, ["./#e", "f"])]);
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

    /// Gives a byte at a time, then an error.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let (byte, rest) = self.0.split_first().ok_or(ErrorKind::BrokenPipe)?;
            (self.0, into[0]) = (rest, *byte);
            Ok(1)
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
        let mut slow = Lines::new(Slow(b"a\tb\n\nc"));
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
