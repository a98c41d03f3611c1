//! A job: what a user asked for, and how it is carried out.
//!
//! | room | what |
//! |---|---|
//! | `request` | what was asked for, as a value |
//! | `run` | runs it: the only entry |
//! | `sources`, `patterns`, `tree` | from places to files, which go through the stream of `engine` |
//! | `claims` | which job may write where, and what the journal keeps of it for another run |
//! | `check` | the overwrite rule, the verification, and whether a source has changed |
//! | `removal` | what may be deleted, and the deletion |
//! | `file` | one file: facts, the overwrite rule, the attempts, the name |
//! | `race` | one file between two servers: the race of the candidates, and what is noted of it |
//! | `part` | the name under which a file is stored, what earlier attempts have left, and the final name |
//! | `engine` | several files at the same time, and small files that move together |
//! | `spool` | queues and orders of names of which little is in memory |
//! | `similar` | names that differ only in case, and whether a destination takes them for one |
//! | `checked_directories` | the directories of a tree of which something is deleted: whether they are no links |
//! | `moving` | the sources of `move`, which are deleted when their copies are verified |
//! | `sync` | a directory is made like another one |
//! | `unattended` | a job that nobody runs: its file moves on, and it is asked about |
//! | `leftovers` | what killed runs have left: it is removed, or the job is given up |
//! | `takeover` | what other workers have left of a job gets names of this run |
//! | `tree_part` | a part of the tree of a job, which this run carries for the daemon that has the job |
//! | `survey` | every candidate between two servers, without a file |
//! | `retry` | whether something is tried again; the waiting, and the retries of a server that does not answer |
//! | `file_tally` | what a file adds to the counts as long as it is known to be complete |
//! | `summary` | what was done and what has failed, and the report |
//! | `status` | whether everything, something or nothing was done |

mod check;
mod checked_directories;
mod claims;
mod engine;
mod failures;
mod file;
mod file_tally;
mod last_look;
mod leftovers;
mod moving;
mod part;
mod patterns;
mod race;
mod removal;
mod request;
pub mod retry;
mod run;
mod similar;
mod sources;
mod spool;
mod status;
mod summary;
mod survey;
mod sync;
mod takeover;
mod tree;
mod tree_part;
mod unattended;

pub use crate::id::JobId;
pub use check::{Overwrite, Verify};
pub(crate) use check::{missing, usable};
pub(crate) use checked_directories::{
    CheckedDirectories, CheckedEntry, DeletionPurpose, answer_if_any, with_directories_above,
};
pub use claims::names::name_in_journal;
pub use failures::Failures;
pub(crate) use leftovers::storing;
pub use leftovers::{LeftNames, cancel, left_of};
pub(crate) use patterns::{Matches, matches, named};
pub use removal::{Allowance, Consent};
pub(crate) use removal::{Removal, Scope, rename_free};
pub use request::filter::Filter;
pub use request::job::{
    ChangedParts, Compare, InPlace, Job, JobCount, Jobs, Links, Mode, NULL, Options, Sink, SyncRules, Work,
};
pub(crate) use request::job::{is_one_host, new_job_id};
pub use request::pairs::Pairs;
pub use request::streams::Streams;
pub use retry::{Question, facts};
pub(crate) use retry::{ask, check_cancel, connect};
pub use run::{refused, run};
pub(crate) use spool::{Spool, TreeEntry};
pub use status::Status;
pub use summary::Report;
pub use survey::survey;
pub(crate) use tree::{FailedVisit, Visit, Visits, WalkPurpose, WalkRules, walk};
pub use unattended::transfer_of;

use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::Result;
use crate::place;
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One file to copy.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Item {
    /// The number of the file within its job, from 1.
    pub number: u64,
    /// Its path at the source.
    pub source: PathName,
    /// Its path at the destination.
    pub destination: PathName,
    /// What a listing says about the source, so that it need not be asked again.
    pub known: Option<Facts>,
    /// The file to which it leads, if it is known to be a symbolic link.
    pub leads_to: Option<Facts>,
    /// What the destination has said about its path.
    pub target: Target,
    /// The name that an old file at the destination gets before the copy gets its own.
    pub kept_as: Option<PathName>,
    /// Whether a listing has told its name: it may have left out blanks at the beginning.
    pub is_listed: bool,
    /// Whether missing directories above its copy are made if it cannot be stored.
    pub makes_directories: bool,
    /// The directory at the destination that has the tree of which it is. What a server has lost below that is made again. Another
    /// daemon does not know it, and makes none.
    #[serde(skip)]
    pub root: Option<Arc<PathName>>,
}

/// What is known of the place of a copy before it begins.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub enum Target {
    /// The destination has not been asked.
    #[default]
    Unknown,
    /// This is there, or nothing.
    Known(Option<Facts>),
}

impl Item {
    /// A file of which nothing but its places is known.
    pub const fn new(number: u64, source: PathName, destination: PathName) -> Self {
        Self {
            number,
            source,
            destination,
            known: None,
            leads_to: None,
            target: Target::Unknown,
            kept_as: None,
            is_listed: false,
            makes_directories: false,
            root: None,
        }
    }

    /// Makes what is missing above its copy, below the root of its tree if it is of one. Returns whether something was.
    async fn make_parents(&self, context: &Context, destination: &mut Host) -> Result<bool> {
        match (place::parent(&self.destination), &self.root) {
            (Some(parent), Some(root)) => {
                files::make_directory_of_tree(context, destination, root, &parent).await
            }
            (None, _) | (_, None) => files::make_parents(context, destination, &self.destination).await,
        }
    }

    /// Its size in bytes, as far as a listing has told it.
    fn size(&self) -> Option<u64> {
        self.known.as_ref()?.size
    }

    /// Whether a listing has told that it is a small file: it takes no longer to move than the commands of a few files.
    fn is_small_file(&self) -> bool {
        let is_small =
            |facts: &Facts| facts.kind == listing::Kind::File && facts.size.is_some_and(|size| size <= SMALL);
        self.known.as_ref().is_some_and(is_small)
    }

    /// Whether the file may move together with others, as far as its listing and the options say.
    fn may_move_together(&self, options: Options) -> bool {
        // Without a time nobody could say later whether the source of a move is unchanged.
        let is_known = |facts: &Facts| !options.moves || facts.modified.is_some();
        options.verify != Verify::None
            && !options.mode.is_dry()
            && !options.perms
            && !options.detach
            && self.is_small_file()
            && self.known.as_ref().is_some_and(is_known)
            && !matches!(self.target, Target::Known(Some(_)))
    }

    /// How reports call both places.
    pub fn names(&self, ends: &Ends) -> (String, String) {
        (ends.source.show(&self.source), ends.destination.show(&self.destination))
    }
}

/// The largest file that counts as small, in bytes.
const SMALL: u64 = 256 << 10;
/// A larger file counts as large, in bytes.
const LARGE_ABOVE: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    impl Item {
        /// A file that has the same path at both ends, of which nothing else is known.
        pub(in crate::job) fn of_both(number: u64, path: &str) -> Self {
            let path = PathName::from_user(path).unwrap();
            Self::new(number, path.clone(), path)
        }
    }
}
