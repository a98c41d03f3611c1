//! The verbs, each with its arguments.

use super::asked::{AskedJob, JobPurpose, options_of};
use super::copy::{AppendArgs, CopyArgs, SyncArgs};
use super::daemon::DaemonArgs;
use super::doctor::DoctorArgs;
use super::jobs::{self, CancelArgs, JobsArgs, ResumeArgs, RetryArgs};
use super::names::PlaceVerb;
use super::passwords::Passwords;
use super::queue::{PauseArgs, QueueArgs};
use super::remote::RemoteArgs;
use super::series::SeriesArgs;
use super::shell::ShellArgs;
use super::sites::SitesArgs;
use super::transfer::TransferArgs;
use super::why::{ProbeArgs, WhyArgs};
use super::{places, program};
use crate::config::{self, Settings};
use crate::context::Context;
use crate::failure::{FtpUser, Result};
use crate::job::{self, Job, Status};
use crate::place::{Location, Names};
use crate::queue::FileTotals;
use crate::report::Event;
use clap::Subcommand;
use ftp_io::program::completion::Completions;
use ftp_io::program::manual::Manual;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::Path;
use std::sync::LazyLock;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    #[command(flatten)]
    Job(JobVerb),
    #[command(flatten)]
    Place(PlaceVerb),
    Probe(ProbeArgs),
    Resume(ResumeArgs),
    Retry(RetryArgs),
    Jobs(JobsArgs),
    Pause(PauseArgs),
    Series(SeriesArgs),
    Cancel(CancelArgs),
    Why(WhyArgs),
    Sites(SitesArgs),
    Doctor(DoctorArgs),
    Shell(ShellArgs),
    Daemon(DaemonArgs),
    /// Print the script that completes words in a shell
    Completions(Completions),
    /// Print the manual page of this program, or of a verb
    Man(Manual),
}

/// A verb that the journal keeps as a job.
#[derive(Debug, Deserialize, Serialize, Subcommand)]
#[serde(rename_all = "lowercase")]
pub(super) enum JobVerb {
    Copy(CopyArgs),
    /// Copy files or trees, verify them, then delete the sources
    ///
    /// A source is deleted if its copy was verified in this run, or was there already and has the same digest, and if it is
    /// unchanged since it was read. Directories that are empty then are removed. The rules for SOURCE and DEST are those of copy.
    #[command(
        override_usage = "ftp-user move [OPTIONS] <SOURCE>... <DEST>\n       ftp-user move [OPTIONS] --from-file <FILE>",
        mut_arg("detach", |arg| arg.hide(true))
    )]
    Move(CopyArgs),
    Sync(SyncArgs),
    Append(AppendArgs),
}

impl Verb {
    /// Whether standard output receives a file, so that nothing else may be written there.
    pub(super) fn writes_a_file(&self) -> bool {
        matches!(self, Self::Place(PlaceVerb::Cat(_))) || self.job().is_some_and(JobVerb::writes_a_file)
    }

    /// The verb, if the journal keeps it as a job.
    pub(super) const fn job(&self) -> Option<&JobVerb> {
        if let Self::Job(job) = self { Some(job) } else { None }
    }

    /// The daemon of another host that is asked, if one was named.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are for this host")]
    pub(super) fn remote(&self) -> Option<&RemoteArgs> {
        let args = match self {
            Self::Job(job) => &job.queue().remote,
            Self::Resume(args) => &args.remote,
            Self::Retry(args) => &args.remote,
            Self::Jobs(args) => &args.remote,
            Self::Pause(args) => &args.remote,
            Self::Series(args) => &args.remote,
            Self::Cancel(args) => &args.remote,
            Self::Why(args) => &args.remote,
            _ => return None,
        };
        Some(args).filter(|args| args.is_asked())
    }

    /// The settings of this file, or of the usual one; none for a verb that starts without them.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others need them")]
    pub(super) fn settings(&self, named: Option<&Path>) -> Result<Settings> {
        let starts_without = match self {
            Self::Completions(_) | Self::Man(_) | Self::Doctor(_) | Self::Shell(_) | Self::Daemon(_) => true,
            Self::Sites(args) if args.makes_settings() => {
                config::settings_file(named).is_some_and(|path| !path.exists())
            }
            _ => false,
        };
        match (starts_without, program::settings(named)) {
            (true, _) => Ok(Settings::default()),
            // `store::despite_settings` has warned of them.
            (false, Err(_)) if matches!(self, Self::Why(_)) => Ok(Settings::default()),
            (false, settings) => settings,
        }
    }

    /// The options with values that the verb refuses. A default that says this of another verb does not hold for it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others refuse none")]
    pub(super) fn refuses(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Job(JobVerb::Append(_)) => &[("verify", "hash")],
            Self::Job(JobVerb::Move(_)) => &[("verify", "none"), ("links", "follow")],
            Self::Job(JobVerb::Copy(args)) if args.reads_standard_input() => &[("overwrite", "newer")],
            _ => &[],
        }
    }
}

impl JobVerb {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Copy(_) => "copy",
            Self::Move(_) => "move",
            Self::Sync(_) => "sync",
            Self::Append(_) => "append",
        }
    }

    /// What was typed of `copy` or `move`.
    const fn copy(&self) -> Option<&CopyArgs> {
        match self {
            Self::Copy(args) | Self::Move(args) => Some(args),
            Self::Sync(_) | Self::Append(_) => None,
        }
    }

    /// Its options, as the journal keeps them.
    pub(super) fn options(&self) -> Map<String, Value> {
        // Its JSON has one key, the verb.
        options_of(self).into_iter().find_map(|(_, own)| own.as_object().cloned()).unwrap_or_default()
    }

    /// The name of `--id`.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Copy(args) | Self::Move(args) => args.id.as_deref(),
            Self::Sync(args) => args.id.as_deref(),
            Self::Append(_) => None,
        }
    }

    /// What was typed of the queue.
    pub(super) fn queue(&self) -> &QueueArgs {
        static NONE: LazyLock<QueueArgs> = LazyLock::new(QueueArgs::default);
        match self {
            Self::Copy(args) | Self::Move(args) => &args.queue,
            Self::Sync(args) => &args.queue,
            Self::Append(_) => &NONE,
        }
    }

    fn places(&self) -> Vec<OsString> {
        match self {
            Self::Copy(args) | Self::Move(args) => args.places.clone(),
            Self::Sync(args) => args.places(),
            Self::Append(AppendArgs { source, dest, .. }) => vec![source.clone(), dest.clone()],
        }
    }

    /// Whether a place may depend on the directory in which the job was typed.
    pub(super) fn has_relative(&self) -> bool {
        places::has_relative(&self.places())
    }

    /// Its destination, if it can be read and is the only one.
    pub(super) fn destination(&self, names: &Names) -> Option<Location> {
        // That of `--backup-dir` may stand behind it.
        let mut behind = self.places().into_iter().skip(1);
        let typed = if self.copy().is_some() { behind.last() } else { behind.next() };
        places::locations(&[typed?], names).ok()?.pop()
    }

    /// Its places, as far as they can be read.
    pub(super) fn locations(&self, names: &Names) -> Vec<Location> {
        let locations = match self.copy() {
            Some(args) => args.trees.locations(&args.places, names),
            None => places::locations(&self.places(), names),
        };
        locations.unwrap_or_default()
    }

    /// Its options of paths, relays and limits.
    pub(super) const fn transfer(&self) -> &TransferArgs {
        match self {
            Self::Copy(args) | Self::Move(args) => &args.transfer,
            Self::Sync(args) => &args.transfer,
            Self::Append(args) => &args.transfer,
        }
    }

    /// Whether what is copied can be asked for again: a list may have been a pipe.
    pub(super) fn can_be_repeated(&self) -> bool {
        self.copy().is_none_or(|args| args.trees.can_be_repeated())
    }

    fn writes_a_file(&self) -> bool {
        self.copy().is_some_and(|args| args.places.iter().skip(1).last().is_some_and(|last| last == "-"))
    }

    /// The job. Whatever can be refused is refused before anything is sent to a server.
    pub(super) async fn prepare(&self, context: &mut Context, passwords: &Passwords) -> Result<Job> {
        match self {
            Self::Copy(args) => args.prepare(context, passwords).await,
            Self::Move(args) => args.prepare(context, passwords).await.and_then(Job::moving),
            Self::Sync(args) => args.prepare(context, passwords).await,
            Self::Append(args) => args.prepare(context, passwords).await,
        }
    }

    /// Runs the verb. A job that was asked for in an earlier run is continued, shown or given up.
    pub(super) async fn run(self, mut context: Context, passwords: &Passwords, asked: AskedJob) -> Status {
        let AskedJob { job: mut stored, resumes, lease, purpose, done } = match asked.named(&context, &self) {
            Ok(asked) => asked,
            Err(status) => return status,
        };
        if done != FileTotals::default() {
            context.run.events.say(Event::Resumed { files: done.done, bytes: done.bytes });
        }
        context.settings.named.are_certain = resumes.is_some();
        let prepared = self.prepare(&mut context, passwords).await;
        if let Ok(job) = &prepared {
            stored.had_passwords &= !places::are_written_down(job.work.places());
        }
        let prepared = match (self.can_be_repeated(), resumes) {
            (true, _) => prepared.map(|job| job.kept(stored, resumes, lease)),
            (false, None) => prepared,
            (false, Some(id)) => prepared.map_err(|failure| {
                failure.hint(format!(
                    "it is the list of job {id}: write it again, or {FtpUser} cancel --forget {id} gives the job up"
                ))
            }),
        };
        match (purpose, resumes, prepared) {
            (JobPurpose::Show, Some(id), prepared) => Box::pin(jobs::shown(prepared, id, &context)).await,
            (JobPurpose::GiveUp, _, Ok(job)) => Box::pin(jobs::cancelled(job, &context)).await,
            (JobPurpose::Run | JobPurpose::Show, _, Ok(job)) => {
                Box::pin(job::run(job, &context)).await.status
            }
            (_, _, Err(failure)) => job::refused(self.name(), failure, &context).status,
        }
    }
}
