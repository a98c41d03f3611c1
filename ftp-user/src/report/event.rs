//! Everything that a verb can say, and how often people are told of what many files of a job may cause.

use super::change::{Change, Checked, FileDigest, Label, ShownToken, SiteShown, VerbSummary};
use super::json;
use super::progress::FoundFiles;
use crate::account::{PairAccount, RouteAccount, RunAccount};
use crate::failure::{FtpUser, Kind};
use crate::id::JobId;
use crate::journal::{ItemRecord, JobRecord, SeriesRecord};
use crate::ladder::Rung;
use crate::outcome::{FailedItem, FileOutcome, Protection, Relayed, Verified};
use crate::state::KnownSite;
use ftp_proto::listing::Entry;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use ftp_proto::wire::counted;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Not;
use std::time::Duration;

/// Something that has happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A file is about to be copied.
    Plan {
        /// copy, append or move; of a sync copy or replace.
        verb: &'static str,
        /// The place of the source.
        source: String,
        /// The place of the destination.
        dest: String,
        /// Size in bytes, if known.
        size: Option<u64>,
        /// What will verify it.
        verify: Verified,
        /// Whether only a plan was asked for.
        dry_run: bool,
    },
    /// The path that the bytes of a file take, and why.
    Path {
        /// The route of the candidate that is tried.
        route: Rung,
        /// The relay on the path, if there is one.
        relay: Option<String>,
        /// What protects the bytes on all of it.
        protection: Protection,
        /// Why this one.
        why: String,
        /// All candidates, the best one first, if somebody has asked for them; empty if one end is this host.
        account: Option<Box<RouteAccount>>,
    },
    /// The job goes on: earlier runs have done so much of it.
    Resumed {
        /// The number of their files.
        files: u64,
        /// The bytes of these.
        bytes: u64,
    },
    /// What follows is said by this job, one of several in turn: for people. A program reads the job of each line.
    OneJob {
        /// The job that says it.
        job: JobId,
        /// Its destination; empty if it has several.
        dest: String,
    },
    /// Files were found, or there are no more.
    Found(FoundFiles),
    /// How far a file has come.
    Progress(FileProgress),
    /// A file of several that move together has its name at the destination. It is done when all of them have ended.
    Arrived {
        /// The source of the file.
        source: String,
        /// Its size in bytes.
        size: u64,
        /// Which files they are: the number of the first one within its job.
        batch: u64,
    },
    /// How many bytes of files that move together have moved; `None` when all of them have ended.
    Together {
        /// Which files they are.
        batch: u64,
        /// The bytes of all of them.
        bytes: Option<u64>,
        /// For how long they have been moving.
        time: Duration,
    },
    /// A file of a job has ended, well or not, or goes on by itself.
    File(Box<FileOutcome>),
    /// How many files are copied at the same time was found out.
    Jobs {
        /// The number of files.
        number: u64,
        /// Why it is that number, in one word.
        reason: &'static str,
        /// The same in words for people.
        why: String,
    },
    /// A directory has failed just now, or a file that had ended, for programs.
    Failed(FailedItem),
    /// Names of the destination of a sync are not deleted, because they are more than the user has allowed.
    Withheld(WithheldDeletions),
    /// Everything that has failed, by cause, for people.
    Causes(Vec<Cause>),
    /// Something to know.
    Warning {
        /// The warning in words.
        message: String,
    },
    /// Something to know that many files may cause.
    Repeated {
        /// What it is about.
        topic: Topic,
        /// The site that has caused it.
        site: String,
        /// Why, where one topic has several reasons.
        why: Option<String>,
        /// The warning in words.
        message: String,
    },
    /// Something that only those want to know who ask for more: for programs it is a warning.
    Notice {
        /// The notice in words.
        message: String,
    },
    /// What happened before this was not read in time, and is not told.
    LeftOut(LeftOutEvents),
    /// The run has ended.
    Summary(Summary),
    /// The entries that follow are in this directory: for people, where there are several. A program reads the place of each.
    Heading {
        /// The directory that they are in.
        place: String,
        /// Whether nothing was listed before.
        is_first: bool,
    },
    /// One entry of a listing, or the facts of one place.
    Listed(ListedEntry),
    /// One entry of a tree that is drawn.
    Drawn(TreeEntry),
    /// A name was changed, or would be.
    Changed(Change),
    /// The digest of a file.
    Hashed(FileDigest),
    /// A verb has ended that works on names where they are.
    Ended(VerbSummary),
    /// What an earlier run has tried.
    Past(RunAccount),
    /// What a probe has found.
    Surveyed(PairAccount),
    /// A job of the journal.
    Job(JobRecord),
    /// A job in the list of all.
    JobRow(JobRecord),
    /// A job that is carried again and again.
    Series(SeriesRecord),
    /// A job that was asked for again by its name, and is done.
    AlreadyDone(JobRecord),
    /// What the journal knows of a file of that job, and how its destination was typed, if that is known.
    Receipt(JobId, ItemRecord, Option<String>),
    /// What the journal knows of all files of a job, for people.
    Receipts(Receipts),
    /// What was known of a server is forgotten.
    Forgotten(ForgottenSite),
    /// A token of the page and the API.
    Token(ShownToken),
    /// A site of the settings.
    Site(SiteShown),
    /// What a check has found.
    Checked(Checked),
    /// One line of the dialogue with a server, secrets removed.
    Dialogue {
        /// Its column in the trace: the source or the only server, or the destination.
        side: Side,
        /// The server as `host:port`.
        title: String,
        /// When it was said.
        at: Moment,
        /// `> ` or `< ` and the line.
        line: String,
    },
}

/// How far a file has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileProgress {
    /// The source of the file.
    pub source: String,
    /// The bytes that are at the destination.
    pub bytes: u64,
    /// Bytes in all, where known.
    pub total: Option<u64>,
    /// How many of them were there before this attempt began to move data.
    pub before: u64,
    /// How long this attempt has been moving data.
    pub time: Duration,
}

/// What is not told, because nobody has read what was told before.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LeftOutEvents {
    /// How many events that are.
    pub events: u64,
    /// How many files have ended, well or not.
    pub files: u64,
    /// The number of failures.
    pub failed: u64,
    /// The bytes of these files, as far as they are known.
    pub bytes: u64,
    /// How many of them have moved.
    pub moved: u64,
    /// How many files there are now, if that has changed.
    pub found: Option<FoundFiles>,
}

impl LeftOutEvents {
    /// The same in words.
    pub fn words(&self) -> String {
        let Self { events, files, failed, .. } = self;
        let (events, files) = (counted(*events, "event"), counted(*files, "file"));
        format!(
            "{events} left out here, since nobody has read what was said before: {files} ended meanwhile, {}; the summary counts all, and {FtpUser} why --json JOB tells each file",
            counted(*failed, "failure")
        )
    }
}

/// The failures that say the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cause {
    /// The kind that they have in common.
    pub kind: Kind,
    /// How many there are.
    pub count: u64,
    /// The first ones; none if these are failures of other causes that are only counted.
    pub first: Vec<FailedItem>,
}

/// Names that are not deleted, because they are more than the user has allowed, or because nobody has agreed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WithheldDeletions {
    /// The destination that they are in.
    pub dest: String,
    /// How many they are.
    pub names: u64,
    /// How many are allowed, if the user has set a limit.
    pub most: Option<u64>,
    /// The same in words.
    pub message: String,
}

/// What the journal knows of the files of a job, and what has failed in its run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Receipts {
    /// How many files were copied by each path, and what has verified them.
    pub copied: Vec<(String, String, u64)>,
    /// How many files were there already.
    pub skipped: u64,
    /// How many files were begun and have not ended.
    pub open: u64,
    /// The number of those whose destinations later jobs have claimed.
    pub given_over: u64,
    /// The first of these, and which job has each.
    pub left: Vec<FailedItem>,
    /// How many files have failed.
    pub failed: u64,
    /// The first of those, and why.
    pub failures: Vec<FailedItem>,
    /// The reason that the line of the job tells.
    pub reason_of_job: Option<String>,
    /// What has failed in the run beside them, and why.
    pub other_failures: Vec<FailedItem>,
    /// How many more have failed in the run, of which nobody keeps the names.
    pub unkept: u64,
}

/// A server that is forgotten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForgottenSite {
    /// Its host and port, `host:port`.
    pub site: String,
    /// What was known; `None` if nothing was.
    pub known: Option<KnownSite>,
}

/// An entry of `ls`, or what `stat` found.
#[derive(Clone, PartialEq, Debug)]
pub struct ListedEntry {
    /// Where it is.
    pub place: String,
    /// What is known of it.
    pub entry: Entry,
    /// How to show it.
    pub form: Form,
    /// What it is called for people.
    pub label: Label,
}

/// An entry of `tree`.
#[derive(Clone, PartialEq, Debug)]
pub struct TreeEntry {
    /// The lines that lead to it. Empty for the place itself.
    pub branches: String,
    /// Its last name, or the place itself, for people.
    pub shown: String,
    /// The place that is drawn, and what is known of the entry, by its path below that place; `None` for the place itself.
    pub listed: Option<ListedEntry>,
}

/// How `ls` and `stat` show an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Its name alone.
    Name,
    /// Its facts and name on one line.
    Long,
    /// A line for each fact.
    Facts,
}

/// The last line. Its members are those of the contract, in that order.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Summary {
    /// What was done.
    #[serde(skip)]
    pub verb: &'static str,
    /// Number of files that are done.
    pub files: u64,
    /// The bytes of the files that were copied, as far as they are known.
    pub bytes: u64,
    /// How many seconds the run took.
    #[serde(serialize_with = "json::seconds")]
    pub seconds: f64,
    /// The route of most files.
    #[serde(flatten, serialize_with = "json::path_and_rung")]
    pub route: Option<Rung>,
    /// What protected the bytes.
    pub protection: Protection,
    /// The weakest verification of any file, copied or found equal.
    pub verified: Verified,
    /// What has failed.
    #[serde(flatten)]
    pub failed: FailedFiles,
    /// Files skipped, which count as done.
    pub skipped: u64,
    /// How many of these an earlier run of the job has copied.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub earlier: u64,
    /// What passed relays; the name is that of the last one.
    #[serde(flatten)]
    pub relayed: Option<Relayed>,
    /// Whether this is a dry run.
    #[serde(skip_serializing_if = "Not::not")]
    pub dry_run: bool,
    /// Number of files that move on without this program.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub detached: u64,
    /// How many of the bytes this run has not moved, because the destination had them.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub before: u64,
    /// Names that a sync has deleted at the destination.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub deleted: u64,
    /// Names that a sync has kept elsewhere instead.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub kept: u64,
    /// Names that a sync has not deleted because they are more than the user has allowed.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub withheld: u64,
    /// Names of which a sync has not decided whether they go, because it ended before: the last one under way may be gone.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub undecided: u64,
    /// Files that a sync has renamed at the destination.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub renamed: u64,
    /// What the last line for people has beside.
    #[serde(skip)]
    pub details: SummaryDetails,
}

/// What only people are told of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SummaryDetails {
    /// How many of the bytes are unchanged parts of files of which only what had changed was sent.
    pub unchanged: u64,
    /// Files that were copied and whose size nobody knows.
    pub unsized_files: u64,
    /// The weakest verification of the files that were copied.
    pub copied: Option<Verified>,
    /// By what skipped files are equal; an empty word for those that only have the names.
    pub equal_by: Vec<&'static str>,
}

/// How many files and directories have failed. None counts in two of `directories`, `stays`, `unconfirmed` and `interrupted`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct FailedFiles {
    /// All of them.
    #[serde(rename = "failed")]
    pub all: u64,
    /// Those that are directories: they could not be made, listed or deleted, or their sync failed as a whole.
    #[serde(rename = "failed_directories", skip_serializing_if = "json::is_zero")]
    pub directories: u64,
    /// Those that are complete at the destination, and count in `files` of the summary as well: only their sources stay.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub stays: u64,
    /// Those that were stored, and nobody can tell whether they are still there.
    #[serde(skip_serializing_if = "json::is_zero")]
    pub unconfirmed: u64,
    /// Those that an interruption has ended.
    #[serde(skip)]
    pub interrupted: u64,
}

impl Summary {
    /// Whether nothing has failed, and nothing was withheld.
    pub const fn is_ok(&self) -> bool {
        self.failed.all + self.withheld == 0
    }

    /// How many files and names are done.
    pub const fn done(&self) -> u64 {
        self.files + self.deleted + self.kept + self.renamed
    }
}

/// What a warning is about that many files may cause.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Topic {
    /// A server refused a digest that it has announced, so that something weaker is compared.
    Digest,
    /// Nothing verifies the copy.
    Unverified,
    /// The copy is stored under its final name.
    InPlace,
    /// The destination does not keep permissions.
    Permissions,
    /// Something of a tree is not copied.
    Skipped,
    /// A server computes no such digest, so that files are read.
    Read,
    /// A transfer has failed, and what is stored is as long as the source.
    AsLong,
    /// A file is copied that may be there already: no digest shows whether it is equal.
    Again,
    /// A copy that has broken off begins with its first byte again.
    Anew,
    /// Of a copy that has broken off, only the beginning is kept.
    Prefix,
    /// A file that may have several data connections has one.
    OneStream,
    /// What was learnt cannot be kept for later runs.
    Memory,
    /// Nobody sees whether a file moves.
    Unseen,
    /// A destination cannot be asked whether what it stores survives a power failure.
    Storage,
    /// Another job, which has not ended, was copying something else to the name.
    TakenOver,
}

impl Topic {
    /// Its name in `--json`.
    pub const fn name(self) -> &'static str {
        let [name, ..] = self.texts();
        name
    }

    /// Its name in `--json`, and for people what is counted, and what has happened to that: one file may have several attempts.
    const fn texts(self) -> [&'static str; 3] {
        match self {
            Self::Digest => ["digest", "file", "verified by something weaker than the server has announced"],
            Self::Unverified => ["unverified", "file", "not verified"],
            Self::InPlace => ["in-place", "file", "stored under the final name"],
            Self::Permissions => ["permissions", "file", "copied without permissions"],
            Self::Skipped => ["skipped", "file", "skipped"],
            Self::Read => ["read", "file", "read and hashed here"],
            Self::AsLong => {
                ["as-long", "attempt", "compared, because what was stored was as long as the source"]
            }
            Self::Again => {
                ["again", "file", "copied again, because no digest shows whether the files are equal"]
            }
            Self::Anew => ["anew", "attempt", "begun with the first byte again"],
            Self::Prefix => ["prefix", "attempt", "continued from the part that was right"],
            Self::OneStream => ["one-stream", "file", "moved over one data connection"],
            Self::Memory => ["memory", "attempt", "made of which nothing is remembered"],
            Self::Unseen => ["unseen", "attempt", "not seen to move"],
            Self::Storage => ["storage", "portion", "deleted at the source"],
            Self::TakenOver => ["taken-over", "file", "taken over from a job that has not ended"],
        }
    }
}

/// The site that this host is.
pub const THIS_HOST: &str = "this host";

/// How often warnings of each topic have come from each site.
#[derive(Debug, Default)]
pub(super) struct Repeats(BTreeMap<Key, u64>);

/// The topic, the site, and why.
type Key = (Topic, String, Option<String>);

impl Repeats {
    /// Notes a warning. Returns whether it is shown now: it is the first one of its topic and reason from this site, or
    /// there are too many of those to count.
    pub(super) fn is_first(&mut self, topic: Topic, site: &str, why: Option<&str>) -> bool {
        let key = (topic, site.to_owned(), why.map(str::to_owned));
        if let Some(more) = self.0.get_mut(&key) {
            *more += 1;
            return false;
        }
        if self.0.len() < MOST {
            self.0.insert(key, 0);
        }
        true
    }

    /// A line for each topic, site and reason of which more came than were shown. They are counted anew from now on.
    pub(super) fn take(&mut self) -> Vec<String> {
        let counted = |((topic, site, why), more): (Key, u64)| {
            (more > 0).then(|| {
                let why = why.map_or_else(String::new, |why| format!(": {why}"));
                let [_, unit, words] = topic.texts();
                format!("{} {words} ({site}{why})", counted(more, &format!("more {unit}")))
            })
        };
        std::mem::take(&mut self.0).into_iter().filter_map(counted).collect()
    }
}

/// The largest number of topics, sites and reasons that are counted.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_shown_once_for_each_site_and_cause_and_the_others_are_counted() {
        let mut repeats = Repeats::default();
        assert!(repeats.is_first(Topic::Unverified, "ftp://a", None));
        for _ in 0..41 {
            assert!(!repeats.is_first(Topic::Unverified, "ftp://a", None));
        }
        assert!(repeats.is_first(Topic::InPlace, "ftp://a", None));
        assert!(repeats.is_first(Topic::Unverified, "ftp://b", None));
        assert!(!repeats.is_first(Topic::Unverified, "ftp://b", None));
        let expect = ["41 more files not verified (ftp://a)", "1 more file not verified (ftp://b)"];
        assert_eq!(repeats.take(), expect);
        for _ in 0..5 {
            repeats.is_first(Topic::Anew, "ftp://b", None);
        }
        // They may be attempts at one file.
        assert_eq!(repeats.take(), ["4 more attempts begun with the first byte again (ftp://b)"]);
        assert!(repeats.take().is_empty());
    }

    #[test]
    fn warnings_of_too_many_sites_are_shown_and_not_kept() {
        let mut repeats = Repeats::default();
        for _ in 0..2 {
            for site in 0..MOST {
                repeats.is_first(Topic::InPlace, &site.to_string(), None);
            }
        }
        assert!(
            repeats.is_first(Topic::InPlace, "another", None)
                && repeats.is_first(Topic::InPlace, "another", None)
        );
        assert_eq!(repeats.take().len(), MOST);
    }
}
