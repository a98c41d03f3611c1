//! `cancel`: gives up a job that was interrupted.

use super::asked::find;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::{self, Job, Status};
use crate::journal::{JobRecord, JobState};
use crate::report::Event;
use clap::Args;

/// Give up a job that was interrupted, and remove what it has left
///
/// Files that are finished stay.
#[derive(Args, Debug)]
pub(super) struct CancelArgs {
    /// The id or the name of a job, or last
    #[arg(value_name = "JOB")]
    pub(super) job: String,
    /// Ask no server: name what the job may have left, and forget it. For a server that does not come back
    #[arg(long)]
    pub(super) forget: bool,
}

impl CancelArgs {
    /// The job to give up.
    ///
    /// # Errors
    ///
    /// There is no such job, or it has ended.
    pub(super) fn chosen<'a>(&self, jobs: &'a [JobRecord]) -> Result<&'a JobRecord, Failure> {
        let job = find(jobs, &self.job)?;
        match job.state {
            JobState::Running | JobState::Interrupted | JobState::Detached => Ok(job),
            // Something may be stored at a server.
            JobState::Done | JobState::Failed | JobState::Cancelled if job.open > 0 => Ok(job),
            JobState::Done | JobState::Failed | JobState::Cancelled => Err(Failure::usage(format!(
                "job {} {}: there is nothing to cancel",
                job.id,
                job.state.verb()
            ))),
        }
    }
}

/// Cancels the job, and reports it.
pub(super) async fn cancelled(job: Job, context: &Context) -> Status {
    let (id, verb) = (job.id, "cancel");
    if let Err(failure) = job::cancel(job, context).await {
        return job::refused(verb, failure, context).status;
    }
    let jobs = context.store.journal.jobs().unwrap_or_default();
    for record in jobs.into_iter().filter(|job| job.id == id) {
        context.run.events.say(Event::Job(record));
    }
    Status::Done
}
