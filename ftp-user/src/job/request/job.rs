//! A job: what a user asked for, as an owned value, and how it is done.

use crate::failure::{Failure, Result};
use crate::id::JobId;
use crate::job::check::{Overwrite, Verify};
use crate::job::removal::Allowance;
use crate::job::request::filter::Filter;
use crate::job::request::pairs::{Pairs, refuse_itself, refuse_pair};
use crate::job::request::streams::Streams;
use crate::journal::{JobStart, StoredJob};
use crate::ladder::Allowed;
use crate::place::{Location, base_name};
use crate::queue::Lease;
use crate::world::random_number;
use clap::ValueEnum;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::num::NonZero;

/// What a user asked for.
#[derive(Debug)]
pub struct Job {
    /// The identity of the job.
    pub id: JobId,
    /// What is done.
    pub work: Work,
    /// How it is done.
    pub options: Options,
    /// Which files of trees are copied.
    pub filter: Filter,
    /// Sources that no command of FTP can name, and why: each fails alone.
    pub unusable: Vec<(String, Failure)>,
    /// How the journal has it; `None` if it is not kept there.
    pub start: Option<JobStart>,
}

/// What a job does.
#[derive(Debug)]
pub enum Work {
    /// Copies files and trees.
    Copy {
        /// Where the files are.
        sources: Vec<Location>,
        /// Where they are copied to.
        destination: Location,
    },
    /// Copies files and trees, each to a place of its own.
    CopyEach {
        /// What to copy, and where to.
        pairs: Pairs,
    },
    /// Makes a directory like another one.
    Sync {
        /// The directory that is looked at.
        source: Location,
        /// The directory that is changed.
        destination: Location,
        /// How they are made equal.
        rules: SyncRules,
    },
    /// Writes one file to standard output, or nowhere.
    Output {
        /// Where the file is.
        source: Location,
        /// Where it goes.
        sink: Sink,
    },
    /// Stores standard input as one file.
    Input {
        /// The file that receives it.
        destination: Location,
    },
    /// Appends one file to another.
    Append {
        /// The file to append.
        source: Location,
        /// The file that becomes longer.
        destination: Location,
    },
}

/// Where a file goes that is written as it comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sink {
    /// To standard output.
    Output,
    /// Nowhere: to `/dev/null`.
    Null,
}

impl Sink {
    /// How reports call it.
    pub(in crate::job) const fn name(self) -> &'static str {
        match self {
            Self::Output => NAME,
            Self::Null => NULL,
        }
    }
}

impl Work {
    /// A place that receives something at each destination, if files are copied: all, but of a list those in [`Pairs::places`].
    pub fn destinations(&self) -> Box<dyn Iterator<Item = &Location> + '_> {
        match self {
            Self::Copy { destination, .. } | Self::Sync { destination, .. } => {
                Box::new(std::iter::once(destination))
            }
            Self::CopyEach { pairs } => Box::new(pairs.destinations()),
            Self::Output { .. } | Self::Input { .. } | Self::Append { .. } => Box::new(std::iter::empty()),
        }
    }

    /// The sources of a copy or a move, of a list line after line; none of anything else.
    pub(in crate::job) fn into_sources(self) -> Box<dyn Iterator<Item = Result<Location>> + Send> {
        match self {
            Self::Copy { sources, .. } => Box::new(sources.into_iter().map(Ok)),
            Self::CopyEach { pairs } => Box::new(pairs.map(|pair| pair.map(|(source, _)| source))),
            Self::Sync { .. } | Self::Output { .. } | Self::Input { .. } | Self::Append { .. } => {
                Box::new(std::iter::empty())
            }
        }
    }

    /// Every place that the job names; of a list those in [`Pairs::places`], which have every login.
    pub fn places(&self) -> Box<dyn Iterator<Item = &Location> + '_> {
        match self {
            Self::Copy { sources, destination } => Box::new(sources.iter().chain([destination])),
            Self::CopyEach { pairs } => Box::new(pairs.places()),
            Self::Append { source, destination } | Self::Sync { source, destination, .. } => {
                Box::new([source, destination].into_iter())
            }
            Self::Output { source: place, .. } | Self::Input { destination: place } => {
                Box::new(std::iter::once(place))
            }
        }
    }
}

/// The identity of a new job.
pub(crate) fn new_job_id() -> Result<JobId> {
    random_number().map(JobId::new)
}

impl Job {
    /// Copies `sources` to `destination`.
    ///
    /// # Errors
    ///
    /// These places cannot be copied: both ends are on this host, or a source is its own destination.
    pub fn copy(sources: Vec<Location>, destination: Location, options: Options) -> Result<Self> {
        if sources.is_empty() {
            return Err(Failure::usage("copy needs a SOURCE and a DEST"));
        }
        let mut names = HashSet::new();
        for source in &sources {
            refuse_pair(source, &destination)?;
            let name =
                if source.contents || source.glob().is_some() { None } else { base_name(&source.path) };
            if let Some(name) = name
                && !names.insert(name.clone())
            {
                let what = format!("two sources have the last name {}", name.display());
                return Err(Failure::usage(what).hint("copy them one after the other, to different names"));
            }
        }
        Self::new(Work::Copy { sources, destination }, options)
    }

    /// Makes `destination` like `source`.
    ///
    /// # Errors
    ///
    /// Both are on this host, one is in the other, or the directory for what is replaced is in one of them.
    pub fn sync(source: Location, destination: Location, rules: SyncRules, options: Options) -> Result<Self> {
        if source.is_local() && destination.is_local() {
            return Err(Failure::usage(format!("{source} and {destination} are both on this host"))
                .hint("use rsync, or name a server with ftp://"));
        }
        for place in [&source, &destination] {
            if place.glob().is_some() {
                return Err(Failure::usage(format!("{place} is a pattern, and sync takes a directory"))
                    .hint("write * as %2A, ? as %3F and [ as %5B in its name, or use --include"));
            }
        }
        if is_one_host(&source, &destination) {
            for place in [&source, &destination] {
                if place.path.as_bytes().split(|byte| *byte == b'/').any(|name| name == b"..") {
                    return Err(Failure::usage(format!("{place} leads upwards with .."))
                        .hint("both places are on one server: write their paths without .."));
                }
            }
            refuse_nested((&source, &source.path), (&destination, &destination.path))?;
        }
        let options = Options { recursive: true, syncs: Some(rules.compare), ..options };
        Self::new(Work::Sync { source, destination, rules }, options)
    }

    /// Copies each source to its own destination.
    ///
    /// # Errors
    ///
    /// There are no pairs.
    pub fn copy_each(pairs: Pairs, options: Options) -> Result<Self> {
        if pairs.is_empty() {
            return Err(Failure::usage("there is nothing to copy"));
        }
        Self::new(Work::CopyEach { pairs }, options)
    }

    /// Copies one file from `source` to standard output, or from standard input to `destination`.
    ///
    /// # Errors
    ///
    /// The other end is on this host, or `options` ask for what one stream cannot have.
    pub fn standard(work: Work, options: Options) -> Result<Self> {
        if work.places().any(Location::is_local) {
            return Err(both_are_here());
        }
        if options.recursive {
            return Err(Failure::usage("standard input and output (-) are one file").hint("leave out -r"));
        }
        Self::new(work, options)
    }

    /// Appends `source` to `destination`.
    ///
    /// # Errors
    ///
    /// This file cannot be appended to that one: both are on this host or the same, or one is a directory.
    pub fn append(source: Location, destination: Location, options: Options) -> Result<Self> {
        // It would need the digest of the appended part, which no end can tell for certain.
        if options.verify == Verify::Hash {
            return Err(Failure::usage("append cannot be verified by hash")
                .hint("--verify size compares old size + source size"));
        }
        if source.is_local() && destination.is_local() {
            return Err(both_are_here());
        }
        refuse_itself(&source, &destination)?;
        for place in [&source, &destination] {
            if place.contents {
                let what = format!("{place} ends in /, and append takes two files");
                return Err(Failure::usage(what).hint("leave out the / at its end if it is a file"));
            }
        }
        Self::new(Work::Append { source, destination }, options)
    }

    fn new(work: Work, options: Options) -> Result<Self> {
        let (id, filter) = (new_job_id()?, Filter::default());
        Ok(Self { id, work, options, filter, unusable: Vec::new(), start: None })
    }

    /// The name of the verb.
    pub const fn verb(&self) -> &'static str {
        if let Work::Append { .. } = self.work { "append" } else { self.options.verb() }
    }

    /// The same job, whose sources are deleted when their copies are verified.
    ///
    /// # Errors
    ///
    /// It does not copy files, or asks for what would delete something that was not verified.
    pub fn moving(self) -> Result<Self> {
        if !matches!(self.work, Work::Copy { .. } | Work::CopyEach { .. }) {
            return Err(Failure::usage("move needs files, not standard input or output (-)").hint("use copy"));
        }
        if self.options.verify == Verify::None {
            return Err(Failure::usage("move deletes no source whose copy was not verified")
                .hint("leave out --verify none, or use copy"));
        }
        if self.options.detach {
            return Err(Failure::usage(
                "move deletes its source when the copy is verified, and --detach does not wait for that",
            )
            .hint("leave out --detach, or use copy"));
        }
        if self.options.links == Links::Follow {
            return Err(Failure::usage("move does not delete what symbolic links to directories lead to")
                .hint("leave out --links follow, or use copy"));
        }
        Ok(Self { options: Options { moves: true, ..self.options }, ..self })
    }

    /// The same job, kept in the journal if files are copied, or appended for as long as it runs. `job` asks for it again; `resumes` is the job that it
    /// continues, and `lease` the right of the worker that does so.
    #[must_use]
    pub fn kept(self, job: StoredJob, resumes: Option<JobId>, lease: Option<Lease>) -> Self {
        let id = resumes.unwrap_or(self.id);
        let start = JobStart { id, job, resumes: resumes.is_some(), lease };
        let is_kept = matches!(
            self.work,
            Work::Copy { .. } | Work::CopyEach { .. } | Work::Sync { .. } | Work::Append { .. }
        );
        // Whoever asks for the job again waits for it.
        let options = Options { detach: self.options.detach && resumes.is_none(), ..self.options };
        Self { id, options, start: is_kept.then_some(start), ..self }
    }

    /// The same job, whose two servers are left alone as soon as they move the file.
    ///
    /// # Errors
    ///
    /// It is not one file that goes from server to server.
    pub fn detached(self) -> Result<Self> {
        let one = "leave out --detach, or copy the files one by one";
        if let Some(local) = self.work.places().find(|place| place.is_local()) {
            return Err(Failure::usage(format!("--detach needs two servers, and {local} is on this host"))
                .hint("leave out --detach"));
        }
        match &self.work {
            Work::Copy { .. } if self.options.recursive => Err(Failure::usage(
                "--detach copies one file: those of a tree need this program for their names",
            )
            .hint(one)),
            Work::Copy { sources, .. } if matches!(sources.as_slice(), [source] if source.glob().is_none()) => {
                Ok(Self { options: Options { detach: true, ..self.options }, ..self })
            }
            Work::Copy { .. } | Work::CopyEach { .. } => {
                Err(Failure::usage("--detach copies one file, and these may be several").hint(one))
            }
            Work::Sync { .. } | Work::Output { .. } | Work::Input { .. } | Work::Append { .. } => {
                Err(Failure::usage("--detach needs two servers").hint("leave out --detach"))
            }
        }
    }

    /// Whether all its places are on servers.
    pub fn is_between_servers(&self) -> bool {
        let is_standard = matches!(self.work, Work::Output { .. } | Work::Input { .. });
        !is_standard && !self.work.places().any(Location::is_local)
    }

    /// Whether everything between its places and this program is protected.
    pub fn is_secured(&self) -> bool {
        self.work.places().all(|location| location.place.is_secured())
    }
}

/// The failure of what one file is read from and written to on this host.
pub(in crate::job) fn both_are_here() -> Failure {
    Failure::usage("both places are on this host").hint("use cat, or name a server with ftp://")
}

/// Refuses two directories of one host if one is in the other: what is copied or deleted in one would change the other.
/// The paths are those of the places, or the same as the server tells them.
pub(in crate::job) fn refuse_nested(
    (source, from): (&Location, &PathName),
    (destination, to): (&Location, &PathName),
) -> Result<()> {
    let what = match (from.is_at_or_below(to), to.is_at_or_below(from)) {
        (false, false) => return Ok(()),
        (true, true) => format!("{source} is source and destination"),
        (true, false) => format!("the source {source} is in the destination {destination}"),
        (false, true) => format!("the destination {destination} is in the source {source}"),
    };
    Err(Failure::usage(what).hint("choose another destination"))
}

/// Whether both places are on one host, as far as their names tell.
pub(crate) fn is_one_host(one: &Location, other: &Location) -> bool {
    match (one.site(), other.site()) {
        (Some(one), Some(other)) => one.is_same(other),
        (one, other) => one == other,
    }
}

/// What takes everything and keeps nothing.
pub const NULL: &str = "/dev/null";
/// How reports call standard input and output.
pub(in crate::job) const NAME: &str = "-";

pub use crate::endpoint::Links;

/// How a job is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How each copy is verified.
    pub verify: Verify,
    /// What happens to a file that exists.
    pub overwrite: Overwrite,
    /// Which paths between two servers may be used.
    pub allowed: Allowed,
    /// What happens where the destination cannot rename.
    pub in_place: InPlace,
    /// Whether only the changed parts of a large file are sent, where both servers can.
    pub changed_parts: ChangedParts,
    /// How many data connections a large file has.
    pub streams: Streams,
    /// Whether an attempt may continue what the one before has stored.
    pub resume: bool,
    /// Whether directories are copied, with everything in them.
    pub recursive: bool,
    /// What happens to symbolic links in a tree.
    pub links: Links,
    /// Whether copies get the modification times of their sources.
    pub times: bool,
    /// Whether copies get the permissions of their sources.
    pub perms: bool,
    /// Whether the first failure ends the job.
    pub fail_fast: bool,
    /// How many files of a tree are copied at the same time.
    pub jobs: Jobs,
    /// Whether both servers are left alone as soon as they move the file.
    pub detach: bool,
    /// Whether sources are deleted when their copies are verified.
    pub moves: bool,
    /// If two trees are made equal: what tells whether two files are the same. One that turns out to be the same gets the
    /// time of its source.
    pub syncs: Option<Compare>,
    /// Whether anything is changed.
    pub mode: Mode,
}

impl Options {
    /// Whether sources are deleted.
    pub(crate) const fn deletes_sources(&self) -> bool {
        self.moves && !self.mode.is_dry()
    }

    /// Whether one server may listen for another one, which sends it a file.
    pub(crate) const fn may_listen(&self) -> bool {
        !self.mode.is_dry() && matches!(self.allowed, Allowed::Auto | Allowed::Direct)
    }

    /// The name of the verb that copies files with these options.
    pub const fn verb(&self) -> &'static str {
        match (self.moves, self.syncs) {
            (true, _) => "move",
            (false, Some(_)) => "sync",
            (false, None) => "copy",
        }
    }
}

impl Default for Options {
    /// The defaults of the command line.
    fn default() -> Self {
        Self {
            verify: Verify::default(),
            overwrite: Overwrite::default(),
            allowed: Allowed::default(),
            in_place: InPlace::default(),
            changed_parts: ChangedParts::default(),
            streams: Streams::default(),
            resume: true,
            recursive: false,
            links: Links::default(),
            times: true,
            perms: false,
            fail_fast: false,
            jobs: Jobs::default(),
            detach: false,
            moves: false,
            syncs: None,
            mode: Mode::default(),
        }
    }
}

/// What happens where the destination does not know RNFR, so that a part never gets its final name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum InPlace {
    /// Never: such a file fails
    Never,
    /// If the server does not know RNFR and the file does not exist yet
    #[default]
    Fallback,
}

/// Whether only the changed parts of a large file are sent that replaces another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ChangedParts {
    /// Where both servers can tell what has changed, and the destination can copy a file within itself
    Auto,
    /// Files are sent whole
    #[default]
    Never,
}

/// How many files of a tree are copied at the same time, each on sessions of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Jobs {
    /// The number that is wanted. A server that refuses so many sessions gets fewer.
    pub wanted: JobCount,
    /// No more than this: the limit of a site.
    pub site_limit: Option<NonZero<usize>>,
}

/// How many files somebody wants to be copied at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobCount {
    /// As many as make it faster, at most 8.
    #[default]
    Auto,
    /// This many, and no fewer.
    Exactly(NonZero<usize>),
}

impl Jobs {
    /// That number, without the limit of a site.
    pub const fn of(wanted: JobCount) -> Self {
        Self { wanted, site_limit: None }
    }

    /// The same, but no more than a site permits.
    pub fn limited(self, site: NonZero<usize>) -> Self {
        Self { site_limit: Some(self.site_limit.map_or(site, |limit| limit.min(site))), ..self }
    }

    /// The largest number that may be used.
    pub fn most(self) -> NonZero<usize> {
        let wanted = match self.wanted {
            JobCount::Auto => MOST_OF_AUTO,
            JobCount::Exactly(number) => number,
        };
        self.site_limit.map_or(wanted, |limit| limit.min(wanted))
    }

    /// How many sessions may list a tree beside that of its walk, before anything is copied.
    pub fn beside_walk(self) -> usize {
        self.most().get() - 1
    }

    /// The same while files are copied on others: none where somebody has said
    /// how many there may be.
    pub fn beside_copies(self) -> usize {
        if self == Self::default() { MOST_BESIDE_COPIES } else { 0 }
    }

    /// Whether a site permits less than is wanted.
    pub fn is_cut(self) -> bool {
        self.site_limit.is_some_and(|limit| Self { site_limit: None, ..self }.most() > limit)
    }
}

/// The largest number that is found by measurement.
const MOST_OF_AUTO: NonZero<usize> = NonZero::new(8).unwrap();
/// The largest number of sessions that list a tree while it is copied, beside that of the walk.
const MOST_BESIDE_COPIES: usize = 3;

/// Whether a job changes anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mode {
    /// The work is done.
    #[default]
    Run,
    /// Only what would be done is reported.
    DryRun,
    /// Like [`Mode::DryRun`], and all candidates are reported with the reasons for them.
    Explain,
}

impl Mode {
    /// Whether nothing is changed.
    pub const fn is_dry(self) -> bool {
        match self {
            Self::Run => false,
            Self::DryRun | Self::Explain => true,
        }
    }
}

/// How two trees are made equal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SyncRules {
    /// What tells whether two files are the same.
    pub compare: Compare,
    /// Whether what the source lacks is deleted; `None` if it stays.
    pub deletion: Option<Allowance>,
    /// The directory, at the host of the destination, that keeps what is replaced or deleted.
    pub backup: Option<PathName>,
}

/// What tells whether two files of one path are the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// Size and time if both are equal, else digests
    #[default]
    Auto,
    /// A file that is there is the same
    Exists,
    /// Files of one size are the same
    Size,
    /// Files of one size and one time are the same
    Time,
    /// Files with one digest are the same
    Hash,
}

#[cfg(test)]
mod tests;
