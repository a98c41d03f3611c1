//! `jobs`: what the journal knows of jobs.

use crate::context::Context;
use crate::failure::Failure;
use crate::id::JobId;
use crate::job::{self, Job, Status};
use crate::journal::Transfer;
use crate::report::Event;
use clap::Args;

/// List the jobs that run, that were interrupted or go on without this program, and the last ones that have ended
///
/// The destination of a file that goes on by itself is asked how far it is, if its password need not be typed.
#[derive(Args, Debug)]
pub(super) struct JobsArgs {
    /// In the shell: lists the jobs that have ended, too. The command line always lists them
    #[arg(long)]
    all: bool,
    /// Which jobs are listed, besides those of `--all`.
    #[arg(skip)]
    listed: Listed,
}

/// Which jobs are listed.
#[derive(Clone, Copy, Debug, Default)]
enum Listed {
    /// All that are known.
    #[default]
    All,
    /// Those that have not ended.
    Unended,
}

impl JobsArgs {
    /// In the shell what runs must not scroll away.
    pub(super) const fn in_shell(&mut self) {
        self.listed = Listed::Unended;
    }

    /// Whether jobs that have ended are left out.
    pub(super) const fn leaves_out_ended(&self) -> bool {
        matches!(self.listed, Listed::Unended) && !self.all
    }
}

/// Shows a job with what its destination says of the transfer that goes on without this program.
pub(super) async fn shown(job: Result<Job, Failure>, id: JobId, context: &Context) -> Status {
    let asked = async { job::transfer_of(&job?, context).await };
    let transfer = match asked.await {
        Ok(told) => told.map(Transfer::Asked),
        Err(failure) => Some(Transfer::NotAsked(failure.to_string())),
    };
    let jobs = context.store.journal.jobs().unwrap_or_default();
    for mut record in jobs.into_iter().filter(|record| record.id == id) {
        record.transfer.clone_from(&transfer);
        context.run.events.say(Event::Job(record));
    }
    Status::Done
}
