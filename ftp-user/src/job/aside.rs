//! A source of `move` that gets another name for a moment: so it is seen whether its copy is the same file under another
//! place. A run that is killed meanwhile leaves it under that name, and the next run of the job gives it its name back.

use super::claims::names::Named;
use super::remains::part::{Part, id_of, new_id};
use super::retrying::outage::{Question, facts};
use crate::check::Removal;
use crate::context::Context;
use crate::endpoint::{self, Host};
use crate::failure::{Failure, Kind};
use crate::journal::ItemState;
use crate::place;
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// Gives a source another name and looks whether its copy is still there: both places may be one file, which two hosts or
/// two users show. If the copy is gone with it, the source gets its name back.
pub(super) async fn set_aside(
    context: &Context,
    ends: &mut Ends,
    removal: Removal,
    (copy, size): (&PathName, Option<u64>),
) -> Result<Removal, Failure> {
    let source = removal.path().clone();
    let aside = aside(context, &source)?;
    let name = ends.source.show(&source);
    endpoint::rename_free(context, &mut ends.source, &source, &aside).await.map_err(|failure| {
        failure.during_unless_interrupted(format!(
            "{name} stays, because nobody can tell whether its copy is the same file"
        ))
    })?;
    let found = match facts(context, &mut ends.destination, copy).await {
        Ok(Some(found)) if found.kind == listing::Kind::File && (found.size == size || size.is_none()) => {
            touch(context, &mut ends.destination, copy, &found).await
        }
        found => found.map(|_| false),
    };
    let why = match found {
        Ok(true) => return removal.set_aside(aside),
        Ok(false) => Failure::usage(format!("{name} and its copy are one file, so it stays")),
        Err(failure) => failure.during_unless_interrupted(format!("{name} stays")),
    };
    Err(named_again(context, &mut ends.source, (&aside, &source), why).await)
}

/// Gives a copy, which this run has not stored, another version, by the time that it has. The copy may be the source of
/// another `move`, in the other direction: its server deletes it only with the version that it had when that one has read it.
/// Returns whether the copy is still there.
async fn touch(context: &Context, host: &mut Host, copy: &PathName, found: &Facts) -> Result<bool, Failure> {
    let Some(time) = found.modified.filter(|_| found.version.is_some()) else { return Ok(true) };
    let refusal = host.set_modified_all(context, &[(copy.clone(), time)]).await?;
    // Whoever may not set it has seen the copy right before.
    Ok(refusal.is_none_or(|refusal| refusal.kind != Kind::Missing))
}

/// The other name of a source while its copy is looked for. A later run of the job finds it again.
fn aside(context: &Context, source: &PathName) -> Result<PathName, Failure> {
    let id = match context.run.job_journal.job() {
        Some(job) => id_of(job, source),
        None => new_id()?,
    };
    Ok(Part::new(id, source)?.stored)
}

/// Gives a source its name back, because of `why`. If that fails, the failure says what its name is now.
pub(super) async fn named_again(
    context: &Context,
    host: &mut Host,
    (aside, source): (&PathName, &PathName),
    why: Failure,
) -> Failure {
    let mut cleanup = context.for_cleanup().0;
    cleanup.run.job_journal = context.run.job_journal.clone();
    match endpoint::rename_free(&cleanup, host, aside, source).await {
        Ok(()) => why,
        Err(_) => why.hint(format!("it is {} now: rename it back", host.show(aside))),
    }
}

/// Gives the source of a single file its name back, if an earlier run of the job was killed while it had the other one. Its
/// copy may be the same file. Returns whether it has it back.
///
/// # Errors
///
/// The server does not tell, or does not rename it.
pub(super) async fn put_back(context: &Context, host: &mut Host, source: &PathName) -> Result<bool, Failure> {
    if !context.run.job_journal.is_resumed() {
        return Ok(false);
    }
    let aside = aside(context, source)?;
    if facts(context, host, &aside).await?.is_none() {
        return Ok(false);
    }
    name_back(context, host, (&aside, source)).await?;
    Ok(true)
}

/// Renames what an earlier run has set aside.
///
/// # Errors
///
/// The server does not rename it.
pub(super) async fn name_back(
    context: &Context,
    host: &mut Host,
    (aside, source): (&PathName, &PathName),
) -> Result<(), Failure> {
    let question = Question::new(context);
    question.connect(host).await?;
    let (aside_name, name) = (host.show(aside), host.show(source));
    endpoint::rename_free(context, host, aside, source).await.map_err(|failure| {
        let what = format!("{aside_name} is the source {name}, and has not got its name back");
        failure.during_unless_interrupted(what).hint("rename it, and resume the job")
    })
}

/// The path below the source of a tree that an earlier run of the job has called `aside`. `destination` says how the journal
/// names its copies.
pub(super) fn name_of(
    context: &Context,
    (source, destination): (&PathName, &[Named]),
    aside: &PathName,
) -> Option<PathName> {
    let journal = &context.run.job_journal;
    let job = journal.job().filter(|_| journal.is_resumed())?;
    let items = [ItemState::Done, ItemState::Open].map(|state| context.store.journal.items(job, state));
    items.into_iter().flatten().flatten().find_map(|item| {
        let below = destination.iter().find_map(|form| form.path_below(&item.place.path))?;
        let below = PathName::from_wire(below).ok()?;
        let path = place::join(Some(source), &below);
        let is_it = Part::new(id_of(job, &path), &path).is_ok_and(|part| part.stored == *aside);
        is_it.then_some(below)
    })
}

/// The largest number of names in a tree that are looked for in the journal. Each look reads what the job has done.
pub(super) const MOST_LOOKED: u32 = 16;
