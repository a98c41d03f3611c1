//! `resume` and `retry`: jobs go on that were interrupted, or that have failed.

use super::asked::find;
use crate::failure::Failure;
use crate::journal::{JobRecord, JobState};
use clap::Args;

/// Continue jobs that were interrupted, all of them or one
///
/// Passwords are not kept: they come again from the place where they came from, or from ~/.netrc.
#[derive(Args, Debug)]
pub(super) struct ResumeArgs {
    /// The id or the name of a job, or last; without it, all that are interrupted
    #[arg(value_name = "JOB")]
    job: Option<String>,
}

/// Run a job again that has failed or was interrupted
///
/// What it has done already is not done again. Passwords are not kept: they come again from the place where they came from, or
/// from ~/.netrc.
#[derive(Args, Debug)]
pub(super) struct RetryArgs {
    /// The id or the name of a job, or last
    #[arg(value_name = "JOB")]
    job: String,
    /// Delete the names that this sync has kept because so much was to go, and no others
    #[arg(short, long)]
    pub(super) yes: bool,
}

impl RetryArgs {
    /// The job that is run again.
    ///
    /// # Errors
    ///
    /// There is no such job, or it has nothing left to do.
    pub(super) fn chosen<'a>(&self, jobs: &'a [JobRecord]) -> Result<&'a JobRecord, Failure> {
        let job = find(jobs, &self.job)?;
        let id = job.id;
        match job.state {
            JobState::Failed | JobState::Interrupted | JobState::Detached => Ok(job),
            JobState::Running => Err(Failure::usage(format!("job {id} runs"))),
            JobState::Done | JobState::Cancelled => {
                Err(Failure::usage(format!("job {id} {}: there is nothing to retry", job.state.verb())))
            }
        }
    }
}

/// What is said where no job was interrupted.
pub(super) fn nothing(jobs: &[JobRecord]) -> String {
    let running = jobs.iter().filter(|job| job.state == JobState::Running);
    let running: Vec<String> = running.map(|job| job.id.to_string()).collect();
    let nothing = "there is nothing to resume: no job was interrupted";
    match running.as_slice() {
        [] => nothing.to_owned(),
        [one] => format!("{nothing}, and job {one} runs"),
        several => format!("{nothing}, and {} jobs run: {}", several.len(), several.join(", ")),
    }
}

impl ResumeArgs {
    /// The jobs to go on with.
    ///
    /// # Errors
    ///
    /// There is no such job, or it has nothing left to do.
    pub(super) fn chosen<'a>(&self, jobs: &'a [JobRecord]) -> Result<Vec<&'a JobRecord>, Failure> {
        let Some(called) = &self.job else {
            // What moves without this program is waited for last.
            let of = |state| jobs.iter().filter(move |job| job.state == state);
            return Ok(of(JobState::Interrupted).chain(of(JobState::Detached)).collect());
        };
        let job = find(jobs, called)?;
        match job.state {
            JobState::Running | JobState::Interrupted | JobState::Detached | JobState::Failed => {
                Ok(vec![job])
            }
            JobState::Done | JobState::Cancelled => Err(Failure::usage(format!(
                "job {} {}: there is nothing to resume",
                job.id,
                job.state.verb()
            ))),
        }
    }
}
