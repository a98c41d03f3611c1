//! Verbs whose jobs the journal keeps: a command may ask for a job of an earlier run, and a job is run, given up or shown.

use super::asked::{Asked, Named, Purpose};
use super::{cancel, jobs};
use crate::context::Context;
use crate::failure::Failure;
use crate::id::JobId;
use crate::job::{self, Job, Status};
use crate::report::Event;

/// A verb in the words for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// The verb, as it is typed.
    pub(super) verb: &'static str,
    /// What it does, as a noun.
    pub(super) noun: &'static str,
    /// What it has done.
    pub(super) done: &'static str,
}

/// What is asked for with the name of `--id`, or the status of a run that has nothing to do. `is_relative` says whether a
/// place depends on the directory.
pub(super) fn asked(
    asked: Asked,
    id: Option<&str>,
    is_relative: bool,
    words: Words,
    context: &Context,
) -> Result<Asked, Status> {
    match asked.named(context, id, is_relative) {
        Ok(Named::Goes(asked)) => Ok(asked),
        Ok(Named::Done(record)) => {
            let (name, Words { noun, done, .. }) = (id.unwrap_or_default(), words);
            context.run.events.say(Event::AlreadyDone(record));
            context.run.events.warn(format!(
                "the job {name} is done already: nothing was {done} now (a name is for one {noun}, such as {name}-$(date +%F))"
            ));
            Err(Status::Done)
        }
        Err(failure) => Err(job::refused(words.verb, failure, context).status),
    }
}

/// Does with a job what is asked for.
pub(super) async fn carry_out(
    prepared: Result<Job, Failure>,
    asked: (Purpose, Option<JobId>),
    verb: &'static str,
    context: &Context,
) -> Status {
    match (asked, prepared) {
        ((Purpose::Show, Some(id)), prepared) => Box::pin(jobs::shown(prepared, id, context)).await,
        ((Purpose::GiveUp, _), Ok(job)) => Box::pin(cancel::cancelled(job, context)).await,
        ((Purpose::Run | Purpose::Show, _), Ok(job)) => Box::pin(job::run(job, context)).await.status,
        (_, Err(failure)) => job::refused(verb, failure, context).status,
    }
}
