//! `sync`: a directory is made like another one.

use super::asked;
use super::copy::jobs_at_once;
use super::passwords::Passwords;
use super::transfer::{TransferArgs, narrowed};
use super::trees::{FilterArgs, KeptArgs};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::job::{self, ChangedParts, Compare, Job, Options, SyncRules, Wanted};
use crate::job::{Allowance, Consent, Overwrite};
use crate::journal::as_text;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;

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
    /// What tells whether two files are the same (auto: size and time if both are equal, else digests)
    #[arg(long, value_enum, default_value_t = Compare::Auto, value_name = "HOW")]
    compare: Compare,
    /// Delete from DEST what SOURCE does not have, after everything was copied and only if nothing failed
    #[arg(long)]
    delete: bool,
    /// Delete nothing if it would be more than N names
    #[arg(long, value_name = "N", requires = "delete")]
    max_delete: Option<u64>,
    /// Keep what would be replaced or deleted below this directory, on the same server and user as DEST
    #[arg(long, value_name = "PLACE")]
    #[serde(with = "as_text")]
    backup_dir: Option<OsString>,
    /// With --delete: permit that DEST becomes empty because SOURCE has no file, or that it is your home directory, /, or one
    /// that has the settings or the state of ftp-user
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
    /// How many files are copied at the same time, each on sessions of its own (auto: as many as make it faster, at most 8)
    #[arg(short, long, default_value = "auto", value_name = "N", value_parser = jobs_at_once)]
    jobs: Wanted,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// The name of this one job: a job that has it already is continued, or reported if it is done. The name is known until
    /// 20 other jobs have ended after it
    #[arg(long, value_name = "NAME", value_parser = asked::job_name)]
    pub(super) id: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    transfer: TransferArgs,
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
        let jobs = self.transfer.jobs(self.jobs);
        let options = Options { fail_fast: self.fail_fast, jobs, ..options };
        let mut places = passwords.locations(context, &self.places()).await?.into_iter();
        let (Some(source), Some(destination)) = (places.next(), places.next()) else {
            return Err(Failure::usage("sync needs a SOURCE and a DEST"));
        };
        let backup = places.next();
        if let Some(place) = backup.as_ref().filter(|place| !job::is_one_host(place, &destination)) {
            let what =
                format!("--backup-dir {place} is not on the same server and user as DEST {destination}");
            return Err(Failure::usage(what).hint("old files are renamed, and not copied"));
        }
        let deletion = self.delete.then_some(Allowance { most: self.max_delete, consent: self.consent() });
        let rules = SyncRules { compare: self.compare, deletion, backup: backup.map(|place| place.path) };
        let job = narrowed(Job { filter, ..Job::sync(source, destination, rules, options)? });
        self.transfer.apply(context, &job).await?;
        Ok(job)
    }
}
