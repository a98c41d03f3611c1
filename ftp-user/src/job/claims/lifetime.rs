//! The journal of a whole job: it begins, it ends, or it is lost while the job runs.

use crate::account::RunAccount;
use crate::context::Context;
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::job::request::job::Job;
use crate::job::summary::{Tally, ending};
use crate::journal::{JournalFailure, RunEnd};

/// What has to be done before the next run of the job, as the beginning of a sentence.
fn first(has_lasting_cause: bool, needs_passwords: bool) -> String {
    let cause = has_lasting_cause.then_some("remove the cause");
    let passwords = needs_passwords.then_some("write the passwords into ~/.netrc (no journal has them)");
    let all: Vec<&str> = cause.into_iter().chain(passwords).collect();
    if all.is_empty() { String::new() } else { all.join(", and ") + ", then " }
}

/// Begins the journal of a job that is to be kept.
///
/// # Errors
///
/// The journal does not have a job that is to be continued, or another process runs it. That a new job cannot be kept is
/// only a warning.
pub(in crate::job) async fn start(context: &mut Context, job: &Job) -> Result<()> {
    let Some(start) = job.start.clone().filter(|_| !job.options.mode.is_dry()) else { return Ok(()) };
    let must_be_kept = start.resumes || start.job.name.is_some();
    let (journal, begun) = context.store.journal.begin(start);
    context.run.job_journal = journal;
    if !context.run.job_journal.is_open() && !must_be_kept {
        warn(context, &JournalFailure::Nowhere);
        return Ok(());
    }
    // It is on the disk before a server is asked for anything: if this run is killed then, `resume` finds it.
    match begun.await {
        Ok(decided) => {
            context.run.job_journal = context.run.job_journal.clone().with_decided(decided);
            Ok(())
        }
        // What must be kept of its files says so when they are claimed.
        Err(_) if !must_be_kept => Ok(()),
        Err(_) => Err(context.run.job_journal.ended_by().unwrap_or(JournalFailure::Nowhere).into()),
    }
}

/// Keeps what the run has tried between two servers, for `why`: also if no journal keeps the job.
pub(in crate::job) fn keep_run(context: &Context, run: RunAccount) {
    if context.run.job_journal.job().is_some() {
        return context.run.job_journal.keep_run(run);
    }
    if let Err(why) = context.store.journal.keep_run(&run)
        && !context.run.job_journal.has_ended()
    {
        context.run.events.warn(format!("cannot remember this run for \"{FtpUser} why\": {why}"));
    }
}

/// Notes how the job has ended. Returns how far it is and what to do, if another run can go on with it.
pub(in crate::job) async fn finish(context: &Context, tally: &Tally) -> Option<String> {
    let was_stopped = context.run.cancel.is_cancelled();
    let has_begun = tally.has_done()
        || tally.sums.failed.unconfirmed > 0
        || tally.undeleted_part.is_some()
        || (tally.has_failed() && has_begun_files(context).await);
    let may_be_nothing = !context.run.job_journal.is_resumed() && !context.run.job_journal.has_changed();
    let end = match tally.has_failed_for_nothing() {
        Some(has_failed) if may_be_nothing && (!has_failed || !has_begun) => RunEnd::Nothing { has_failed },
        Some(_) | None => ending(tally.may_pass(), was_stopped, has_begun),
    };
    let job = context.run.job_journal.job();
    let stays = context.run.job_journal.finish(end, tally.to_keep()).await;
    tell(context);
    // Whoever has stopped a job of the queue knows how it goes on.
    if !stays || (was_stopped && context.run.job_journal.is_carried()) {
        return None;
    }
    let advice = match (end, job) {
        (RunEnd::Interrupted | RunEnd::Failed, None) if was_stopped => {
            "run it again: what is done is skipped".to_owned()
        }
        (RunEnd::Interrupted, Some(job)) if was_stopped => format!("{FtpUser} resume {job} goes on"),
        (RunEnd::Interrupted, Some(job)) => format!(
            "{FtpUser} retry {job} goes on, and {FtpUser} cancel {job} removes what is left of files under way"
        ),
        (RunEnd::Failed, Some(job)) if was_stopped => format!("{FtpUser} retry {job} begins again"),
        (RunEnd::Failed | RunEnd::Nothing { has_failed: true }, Some(job))
            if tally.failures.can_be_retried =>
        {
            format!("{FtpUser} retry {job} tries again what has failed")
        }
        (_, _) => return None,
    };
    let lacks_passwords = !context.run.sites_without_password.is_empty();
    let may_be_removed = !was_stopped && !lacks_passwords && !tally.failures.has_claimed;
    let has_lasting_cause = may_be_removed && tally.has_lasting_cause();
    let first = first(has_lasting_cause, lacks_passwords || context.run.job_journal.had_passwords);
    Some(tally.how_far(context.run.finding.found()) + &first + &advice)
}

/// Whether the journal has a file that this run has begun, or of a job that goes on an earlier one. If the journal of that has ended,
/// nobody can tell.
async fn has_begun_files(context: &Context) -> bool {
    let journal = &context.run.job_journal;
    if !journal.is_resumed() {
        return !journal.open_files().await.is_empty();
    }
    journal.files_below(String::new(), true).await.is_none_or(|files| files.finished + files.unfinished > 0)
}

/// Without a journal a file is copied with a warning. If an earlier run may have left a part of it, it fails.
pub(super) fn goes_without(context: &Context) -> Result<()> {
    match context.run.job_journal.why_missed() {
        Some(why) if context.run.job_journal.is_shared() => {
            Err(Failure::from(why).as_kind(Kind::Interrupted))
        }
        Some(why) => Err(why.into()),
        None => {
            tell(context);
            Ok(())
        }
    }
}

/// Warns once if the journal has ended before the job.
pub(super) fn tell(context: &Context) {
    if let Some(why) = context.run.job_journal.ended_by() {
        warn(context, &why);
    }
}

fn warn(context: &Context, why: &JournalFailure) {
    let hint = why.hint();
    context.run.events.warn(format!("{why}; if this run is killed, it cannot be resumed ({hint})"));
}
