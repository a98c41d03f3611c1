//! How a job is done.

pub use crate::endpoint::Links;
use crate::job::check::{Overwrite, Verify};
use crate::job::removal::Allowance;
use crate::ladder::Allowed;
use clap::ValueEnum;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::num::NonZero;

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
    pub wanted: Wanted,
    /// No more than this: the limit of a site.
    pub site_limit: Option<NonZero<usize>>,
}

/// How many files somebody wants to be copied at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// As many as make it faster, at most 8.
    #[default]
    Auto,
    /// This many, and no fewer.
    Exactly(NonZero<usize>),
}

impl Jobs {
    /// One file after the other.
    pub const ONE: Self = Self::exactly(NonZero::<usize>::MIN);

    /// So many files.
    pub const fn exactly(number: NonZero<usize>) -> Self {
        Self { wanted: Wanted::Exactly(number), site_limit: None }
    }

    /// The same, but no more than a site permits.
    pub fn limited(self, site: NonZero<usize>) -> Self {
        Self { site_limit: Some(self.site_limit.map_or(site, |limit| limit.min(site))), ..self }
    }

    /// The largest number that may be used.
    pub fn most(self) -> NonZero<usize> {
        let wanted = match self.wanted {
            Wanted::Auto => MOST_OF_AUTO,
            Wanted::Exactly(number) => number,
        };
        self.site_limit.map_or(wanted, |limit| limit.min(wanted))
    }

    /// Whether a site permits less than is wanted.
    pub fn is_cut(self) -> bool {
        self.site_limit.is_some_and(|limit| Self { site_limit: None, ..self }.most() > limit)
    }
}

/// The largest number that is found by measurement.
const MOST_OF_AUTO: NonZero<usize> = NonZero::new(8).unwrap();

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
