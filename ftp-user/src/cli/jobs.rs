//! `jobs`: what the journal knows of jobs.

use crate::context::Context;
use crate::failure::Failure;
use crate::job::{self, Status};
use crate::report::Event;
use clap::Args;

/// List the jobs that run, that were interrupted, and the last ones that have ended
#[derive(Args, Debug)]
pub(super) struct JobsArgs {}

/// Runs the verb. The context ends with it, because the report waits for its last event.
pub(super) fn run(context: Context, _args: &JobsArgs) -> Result<Status, Failure> {
    for record in context.journal.jobs().map_err(|why| job::of_journal(&why))? {
        context.events.say(Event::Job(record));
    }
    Ok(Status::Done)
}
