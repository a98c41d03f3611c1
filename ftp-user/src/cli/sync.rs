//! `sync`: a directory is made like another one.

use super::asked::{self, Asked};
use super::copy::jobs_at_once;
use super::kept::{self, Words};
use super::passwords::Passwords;
use super::places;
use super::site_limits;
use super::transfer::TransferArgs;
use super::trees::{FilterArgs, KeptArgs};
use crate::check::Overwrite;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::{self, Compare, Deletion, Job, Jobs, Options, Status, SyncRules};
use crate::place::{Location, Names};
use clap::{Args, ValueEnum};
use ftp_proto::wire::PathName;
use std::ffi::OsString;
use std::num::NonZero;

/// Make the directory DEST like the directory SOURCE
///
/// The contents of SOURCE become the contents of DEST, with or without a / at their ends. DEST is made if it is not there.
/// What only DEST has stays, unless --delete is given. Two places at the same time are made equal by one sync: another one
/// ends with exit code 8. From cron, use -q: nothing is said unless something fails.
#[derive(Args, Debug)]
pub(super) struct SyncArgs {
    /// The directory that is looked at
    #[arg(value_name = "SOURCE")]
    source: OsString,
    /// The directory that is changed
    #[arg(value_name = "DEST")]
    dest: OsString,
    /// What tells whether two files are the same (auto: size and time where both ends tell both, else digests)
    #[arg(long, value_enum, default_value_t = How::Auto, value_name = "HOW")]
    compare: How,
    /// After everything is copied, delete at DEST what SOURCE lacks. Nothing is deleted if anything has failed
    #[arg(long)]
    delete: bool,
    /// Delete nothing if it would be more than N names
    #[arg(long, value_name = "N", requires = "delete")]
    max_delete: Option<u64>,
    /// Keep what would be replaced or deleted in this directory at the host of DEST: a place, as DEST is written
    #[arg(long, value_name = "PLACE")]
    backup_dir: Option<OsString>,
    /// Delete everything at DEST if SOURCE has no file
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    kept: KeptArgs,
    /// How many files are copied at the same time, each on sessions of its own (auto: as many as make it faster, at most 8)
    #[arg(short, long, default_value = "auto", value_name = "N", value_parser = jobs_at_once)]
    jobs: Jobs,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// The name of this one sync: if a job has it already, that job is continued, or reported if it is done
    #[arg(long, value_name = "NAME", value_parser = asked::job_name)]
    id: Option<String>,
    #[command(flatten)]
    transfer: TransferArgs,
}

/// The values of `--compare`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum How {
    /// Size and time where both ends tell both, else digests
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

impl From<How> for Compare {
    fn from(how: How) -> Self {
        match how {
            How::Auto => Self::Auto,
            How::Exists => Self::Exists,
            How::Size => Self::Size,
            How::Time => Self::Time,
            How::Hash => Self::Hash,
        }
    }
}

impl SyncArgs {
    /// Whether a place is a path of this host that depends on the current directory.
    pub(super) fn has_relative(&self) -> bool {
        places::has_relative(&self.places())
    }

    /// Both places with the logins that are written down somewhere.
    ///
    /// # Errors
    ///
    /// One of them cannot be read.
    pub(super) fn locations(&self, names: &Names) -> Result<Vec<Location>, Failure> {
        places::locations(&self.places(), names)
    }

    fn places(&self) -> [OsString; 2] {
        [self.source.clone(), self.dest.clone()]
    }

    /// The directory that keeps old files, at the host of `destination`.
    fn backup(&self, names: &Names, destination: &Location) -> Result<Option<PathName>, Failure> {
        let Some(typed) = &self.backup_dir else { return Ok(None) };
        let found = places::locations(std::slice::from_ref(typed), names);
        let mut found = found.map_err(|failure| failure.during("--backup-dir"))?;
        match found.pop() {
            Some(place) if job::is_one_host(&place, destination) => Ok(Some(place.path)),
            Some(place) => Err(Failure::usage(format!(
                "--backup-dir {place} is not at the host of {destination}"
            ))
            .hint("write it as DEST is written, with the same user: old files are renamed, and not copied")),
            None => Ok(None),
        }
    }
}

/// Runs the verb. A job that was asked for in an earlier run is continued, or cancelled.
pub(super) async fn run(mut context: Context, passwords: &Passwords, args: SyncArgs, asked: Asked) -> Status {
    let is_relative = args.has_relative();
    let asked = match kept::asked(asked, args.id.as_deref(), is_relative, SYNC, &context) {
        Ok(asked) => asked,
        Err(status) => return status,
    };
    let prepared = prepare(&mut context, passwords, &args).await;
    let prepared = prepared.map(|job| job.kept(asked.command, asked.resumes));
    kept::carry_out(prepared, (asked.purpose, asked.resumes), SYNC.verb, &context).await
}

const SYNC: Words = Words { verb: "sync", noun: "sync", done: "done" };

/// The job. Whatever can be refused is refused before anything is sent to a server.
async fn prepare(context: &mut Context, passwords: &Passwords, args: &SyncArgs) -> Result<Job, Failure> {
    let filter = args.filter.filter()?;
    let options = args.kept.options(args.transfer.options(Overwrite::Different));
    // A server knows nothing of the others: with a limit, one file at a time has all of it.
    let jobs = match args.jobs {
        Jobs::Auto { .. } if args.transfer.is_limited() => Jobs::Exactly(NonZero::<usize>::MIN),
        jobs @ (Jobs::Auto { .. } | Jobs::Exactly(_)) => jobs,
    };
    let options = Options { fail_fast: args.fail_fast, jobs, ..options };
    let mut places = passwords.locations(context, &args.places()).await?;
    let (Some(destination), Some(source)) = (places.pop(), places.pop()) else {
        return Err(Failure::usage("sync needs a SOURCE and a DEST"));
    };
    let backup = args.backup(&context.named.names, &destination)?;
    let deletion = args.delete.then_some(Deletion { most: args.max_delete, empty_is_meant: args.yes });
    let rules = SyncRules { compare: args.compare.into(), deletion, backup };
    let job = site_limits::narrowed(Job::sync(source, destination, rules, options)?.filtered(filter));
    args.transfer.apply(context, &job).await?;
    Ok(job)
}
