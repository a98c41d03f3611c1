//! The options of copy, move and sync that say what is copied: filters and links.

use super::list;
use super::passwords::Passwords;
use super::places;
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::job::{self, Filter, Job, Options, Sink, Work};
use crate::journal::as_text;
use crate::place::{Location, Names};
use clap::Args;
use ftp_io::named_file::{NamedFile, Readable};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;

/// Options that say what is copied.
#[derive(Args, Debug, Deserialize, Serialize)]
pub(super) struct TreeArgs {
    /// Copy directories with everything in them
    #[arg(short, long, visible_short_alias = 'R')]
    recursive: bool,
    #[command(flatten)]
    #[serde(flatten)]
    filter: FilterArgs,
    /// Copy what this file lists: lines of SOURCE, a tab, DEST; - is standard input
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
    /// Of a tree take only files that this pattern matches, or that are in a directory that it matches; repeatable.
    /// Without a slash it matches the last name, with one the path below the tree, with one at its end directories
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Leave out what this pattern matches, a directory with everything in it; repeatable
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
    /// What to do with symbolic links in a tree
    #[arg(long, value_enum, default_value_t = job::Links::Files, value_name = "WHAT")]
    links: job::Links,
}

impl KeptArgs {
    /// The options with these.
    pub(super) fn options(&self, options: Options) -> Options {
        let times = self.times || !self.no_times;
        let changed_parts = self.changed_parts.unwrap_or(options.changed_parts);
        Options { links: self.links, times, perms: self.perms, changed_parts, ..options }
    }
}

impl FilterArgs {
    /// The filter.
    ///
    /// # Errors
    ///
    /// A pattern or a file with patterns cannot be read.
    pub(super) fn filter(&self) -> Result<Filter, Failure> {
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
///
/// # Errors
///
/// It is none of these, or its pattern cannot be read.
fn add_line(filter: &mut Filter, line: &str) -> Result<(), Failure> {
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
    ///
    /// # Errors
    ///
    /// A place or the list cannot be read.
    pub(super) fn locations(&self, typed: &[OsString], names: &Names) -> Result<Vec<Location>, Failure> {
        match &self.from_file {
            Some(path) => list::locations(path, names),
            None => places::locations(typed, names),
        }
    }

    /// Whether what is copied can be asked for again: a list is a file, and not a pipe that was read.
    pub(super) fn can_be_repeated(&self) -> bool {
        self.from_file.as_ref().is_none_or(|path| path.is_file())
    }

    /// The job that copies `typed`, or the pairs of `--from-file`. Every place is read before anything is sent.
    ///
    /// # Errors
    ///
    /// A pattern, a place or the list cannot be used.
    pub(super) async fn job(
        &self,
        context: &mut Context,
        passwords: &Passwords,
        typed: &[OsString],
        options: Options,
    ) -> Result<Job, Failure> {
        let filter = self.filter.filter()?;
        let job = match &self.from_file {
            Some(path) => list::job(context, passwords, path, options).await?,
            None if typed.iter().any(|place| place == "-") || is_to_nowhere(typed) => {
                standard(context, passwords, typed, options).await?
            }
            None => {
                if let [only] = typed {
                    let what =
                        format!("{} is one place, and SOURCE and DEST are two", only.to_string_lossy());
                    return Err(Failure::usage(what).hint("name where the files go, such as ./"));
                }
                let mut sources = passwords.locations(context, typed).await?;
                let Some(destination) = sources.pop() else {
                    return Err(Failure::usage("copy needs a SOURCE and a DEST"));
                };
                Job::copy(sources, destination, options)?
            }
        };
        Ok(Job { filter, ..job })
    }
}

/// Whether one file goes to `/dev/null`.
fn is_to_nowhere(typed: &[OsString]) -> bool {
    matches!(typed, [_, destination] if destination == job::NULL)
}

/// The job that copies from standard input or to standard output, or to nowhere.
async fn standard(
    context: &mut Context,
    passwords: &Passwords,
    typed: &[OsString],
    options: Options,
) -> Result<Job, Failure> {
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
