//! `copy` and `move`: files and trees between any two places; `append`: one file to the end of another, across servers (RFC 438's
//! own example); `sync`: a directory is made like another one.

use super::asked;
use super::passwords::Passwords;
use super::places::refuse_site_like;
use super::queue::QueueArgs;
use super::transfer::{TransferArgs, narrowed};
use super::trees::{FilterArgs, KeptArgs, TreeArgs};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::job::{
    self, Allowance, ChangedParts, Compare, Consent, Job, JobCount, Jobs, Options, Overwrite, SyncRules, Work,
};
use crate::journal::as_text;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::num::NonZero;

/// Copy files or trees between any two places
///
/// An existing directory, or a DEST that ends in /, receives SOURCE under its last name; a SOURCE
/// that ends in / means its contents; several SOURCEs need a directory. *, ? and [...] in the last
/// name of a URL that is a SOURCE match names at its server; %2A, %3F and %5B stand for the characters.
#[derive(Args, Debug, Deserialize, Serialize)]
#[command(
    override_usage = "ftp-user copy [OPTIONS] <SOURCE>... <DEST>\n       ftp-user copy [OPTIONS] --from-file <FILE>"
)]
pub(super) struct CopyArgs {
    /// What to copy, then where to
    #[arg(required_unless_present = "from_file", num_args = 1.., value_names = ["SOURCE", "DEST"])]
    #[serde(with = "as_text")]
    pub(super) places: Vec<OsString>,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) trees: TreeArgs,
    /// What to do with a file that is there
    ///
    /// different skips it if size and digest are equal.
    #[arg(long, value_enum, default_value_t = Overwrite::Different, value_name = "WHEN")]
    overwrite: Overwrite,
    /// How many files are copied at the same time (auto: as many as help, at most 8)
    #[arg(short, long, default_value = "auto", value_name = "N", value_parser = jobs_at_once)]
    jobs: JobCount,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// Leave both servers alone as soon as they move the file; ftp-user resume JOB waits for its end and gives it its name
    #[arg(long, conflicts_with = "from_file")]
    detach: bool,
    /// The name of this one job: a job that has it already is continued, or reported if it is done. The name is known until
    /// 20 other jobs have ended after it
    #[arg(long, value_name = "NAME", value_parser = asked::job_name, conflicts_with = "from_file")]
    pub(super) id: Option<String>,
    #[command(flatten)]
    #[serde(skip)]
    pub(super) queue: QueueArgs,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) transfer: TransferArgs,
}

impl CopyArgs {
    pub(super) fn reads_standard_input(&self) -> bool {
        self.places.len() > 1 && self.places.first().is_some_and(|place| place == "-")
    }

    /// The job. Whatever can be refused is refused before anything is sent to a server.
    pub(super) async fn prepare(&self, context: &mut Context, passwords: &Passwords) -> Result<Job> {
        let transfer = if self.detach { self.transfer.detached()? } else { self.transfer.clone() };
        let options = transfer.options(self.overwrite);
        let jobs = Jobs::of(self.jobs);
        let options = self.trees.options(Options { fail_fast: self.fail_fast, jobs, ..options });
        let job = self.trees.job(context, passwords, &self.places, options).await?;
        let job = narrowed(if self.detach { job.detached()? } else { job });
        if self.id.is_some() && matches!(job.work, Work::Output { .. } | Work::Input { .. }) {
            return Err(Failure::usage("a copy of standard input or output (-) cannot be continued")
                .hint("leave out --id"));
        }
        transfer.apply(context, &job).await?;
        Ok(job)
    }
}

/// Reads the number of files at the same time.
pub(super) fn jobs_at_once(text: &str) -> Result<JobCount, String> {
    Ok(auto_or_number(text, MOST_JOBS)?.map_or(JobCount::Auto, |number| JobCount::Exactly(number.into())))
}

/// Reads `auto`, which is `None`, or a number up to `most`.
pub(super) fn auto_or_number(text: &str, most: u8) -> Result<Option<NonZero<u8>>, String> {
    if text == "auto" {
        return Ok(None);
    }
    let number = text.parse().ok().filter(|number: &NonZero<u8>| number.get() <= most);
    number.map(Some).ok_or_else(|| format!("neither `auto` nor a number between 1 and {most}"))
}

/// The largest number of files that can be copied at the same time: each needs two sessions.
const MOST_JOBS: u8 = 64;

/// Append a file to another, in place
///
/// It is verified by old size + source size. After a failure it reports both sizes, and tries again
/// only if the destination is as long as before. Standard input (-) is not appended: nobody knows its size before its end,
/// and it cannot be read again.
#[derive(Args, Debug, Deserialize, Serialize)]
pub(super) struct AppendArgs {
    /// The file to append
    #[serde(with = "as_text")]
    pub(super) source: OsString,
    /// The file that becomes longer; it is made if it is not there
    #[serde(with = "as_text")]
    pub(super) dest: OsString,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) transfer: TransferArgs,
}

impl AppendArgs {
    /// The job. Whatever can be refused is refused before anything is sent to a server.
    pub(super) async fn prepare(&self, context: &mut Context, passwords: &Passwords) -> Result<Job> {
        let options = self.transfer.options(Overwrite::Always);
        let typed = [self.source.clone(), self.dest.clone()];
        if typed.iter().any(|place| place == "-") {
            let what = "append takes no standard input or output (-): its size is not known before, and it cannot be read again";
            return Err(
                Failure::usage(what).hint("write it to a file first, or use ./- for a file of that name")
            );
        }
        let mut places = passwords.locations(context, &typed).await?;
        let (Some(destination), Some(source)) = (places.pop(), places.pop()) else {
            return Err(Failure::usage("append needs a SOURCE and a DEST"));
        };
        let job = Job::append(source, destination, options)?;
        self.transfer.apply(context, &job).await?;
        Ok(job)
    }
}

/// Make the directory DEST like the directory SOURCE
///
/// The contents of SOURCE become the contents of DEST, with or without a / at their ends. DEST is made if it is not there.
/// What only DEST has stays, unless --delete is given. Only one sync of a DEST runs at a time; a second one ends with exit
/// code 8. From cron, use -q: nothing is said unless something fails.
#[derive(Args, Debug, Deserialize, Serialize)]
pub(super) struct SyncArgs {
    /// The directory that is looked at
    #[arg(value_name = "SOURCE")]
    #[serde(with = "as_text")]
    source: OsString,
    /// The directory that is changed
    #[arg(value_name = "DEST")]
    #[serde(with = "as_text")]
    dest: OsString,
    /// What tells whether two files are the same
    ///
    /// auto takes size and time if both are equal, else digests.
    #[arg(long, value_enum, default_value_t = Compare::Auto, value_name = "HOW")]
    compare: Compare,
    /// Delete from DEST what SOURCE does not have, after the copies
    ///
    /// What could not be listed or copied protects what it concerns.
    #[arg(long)]
    delete: bool,
    /// Delete nothing if it would be more than N names
    #[arg(long, value_name = "N", requires = "delete")]
    max_delete: Option<u64>,
    /// Keep what would be replaced or deleted below this directory of the site of DEST
    #[arg(long, value_name = "PLACE")]
    #[serde(with = "as_text")]
    backup_dir: Option<OsString>,
    /// With --delete: permit to delete very much
    ///
    /// It permits that DEST becomes empty because SOURCE has no file, or that it is your home directory, /, or one that has the
    /// settings or the state of ftp-user.
    #[arg(short, long)]
    yes: bool,
    /// Whether `retry --yes` agrees to what the last run has kept.
    #[arg(skip)]
    #[serde(skip)]
    pub(super) agrees_to_withheld: bool,
    #[command(flatten)]
    #[serde(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    #[serde(flatten)]
    kept: KeptArgs,
    /// How many files are copied at the same time (auto: as many as help, at most 8)
    #[arg(short, long, default_value = "auto", value_name = "N", value_parser = jobs_at_once)]
    jobs: JobCount,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// The name of this one job: a job that has it already is continued, or reported if it is done. The name is known until
    /// 20 other jobs have ended after it
    #[arg(long, value_name = "NAME", value_parser = asked::job_name)]
    pub(super) id: Option<String>,
    #[command(flatten)]
    #[serde(skip)]
    pub(super) queue: QueueArgs,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) transfer: TransferArgs,
}

impl SyncArgs {
    const fn consent(&self) -> Consent {
        match (self.yes, self.agrees_to_withheld) {
            (true, _) => Consent::Everything,
            (false, true) => Consent::WithheldNames,
            (false, false) => Consent::Nothing,
        }
    }

    /// All places: SOURCE, DEST, and that of `--backup-dir`.
    pub(super) fn places(&self) -> Vec<OsString> {
        [&self.source, &self.dest].into_iter().chain(&self.backup_dir).cloned().collect()
    }

    /// The job. Whatever can be refused is refused before anything is sent to a server.
    pub(super) async fn prepare(&self, context: &mut Context, passwords: &Passwords) -> Result<Job> {
        let filter = self.filter.filter()?;
        let options = self.transfer.options(Overwrite::Different);
        let options = self.kept.options(Options { changed_parts: ChangedParts::Auto, ..options });
        let jobs = Jobs::of(self.jobs);
        let options = Options { fail_fast: self.fail_fast, jobs, ..options };
        if self.delete {
            refuse_site_like(&[&self.source, &self.dest], &context.settings.named)?;
        }
        let mut places = passwords.locations(context, &self.places()).await?.into_iter();
        let (Some(source), Some(destination)) = (places.next(), places.next()) else {
            return Err(Failure::usage("sync needs a SOURCE and a DEST"));
        };
        let backup = places.next();
        if let Some(place) = backup.as_ref().filter(|place| !job::is_one_host(place, &destination)) {
            let what =
                format!("--backup-dir {place} is not on the same server and user as DEST {destination}");
            return Err(Failure::usage(what)
                .hint("old files are renamed, so they stay at the server of DEST: name the site or the user and server that DEST has"));
        }
        let deletion = self.delete.then_some(Allowance { most: self.max_delete, consent: self.consent() });
        let rules = SyncRules { compare: self.compare, deletion, backup: backup.map(|place| place.path) };
        let job = narrowed(Job { filter, ..Job::sync(source, destination, rules, options)? });
        self.transfer.apply(context, &job).await?;
        Ok(job)
    }
}
