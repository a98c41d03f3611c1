//! Gives up a job that was interrupted: what it has stored is removed, and old files get their names back.

use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind};
use crate::job::claims::kept;
use crate::job::detached;
use crate::job::remains::part::Part;
use crate::job::request::job::{Job, Work};
use crate::journal::{End, Ended, ItemRecord};
use ftp_proto::wire::PathName;

/// Gives up `job`, which the journal has. Returns how many files were under way.
///
/// # Errors
///
/// The journal cannot be used, another process runs the job, or something could not be removed. Then the job stays
/// interrupted.
pub async fn cancel(job: Job, context: &Context) -> Result<usize, Failure> {
    let Work::Copy { sources, destination } = &job.work else {
        return Err(Failure::usage("only a copy can be cancelled"));
    };
    let mut context = context.clone();
    kept::start(&mut context, &job).await?;
    let open = context.job_journal.open_files().await;
    let pools = Pools::default();
    let mut host = Host::at(destination, Role::Destination, &pools);
    // A job whose transfer goes on has one source.
    let mut source = sources.first().map(|source| Host::at(source, Role::Source, &pools));
    let mut removed = Ok(());
    for item in &open {
        removed = match &item.detached {
            Some(transfer) => detached::end(&context, (source.as_mut(), &mut host), transfer).await,
            None => Ok(()),
        };
        if removed.is_ok() {
            removed = remove(&context, &mut host, item).await;
        }
        if removed.is_err() {
            break;
        }
        context.job_journal.about(item.key, None).ended(Ended::Unbegun);
    }
    host.release();
    if let Some(source) = source {
        source.release();
    }
    pools.quit().await;
    let end = if removed.is_ok() { End::Cancelled } else { End::Interrupted };
    context.job_journal.finish(end, None).await;
    removed.map(|()| open.len())
}

/// Removes what earlier runs of the job have left of files that this run has not come to: their sources are gone.
///
/// # Errors
///
/// Something could not be removed. The journal still has it.
pub(in crate::job) async fn remove_left(context: &Context, host: &mut Host) -> Result<(), Failure> {
    if !context.job_journal.goes_on() {
        return Ok(());
    }
    // What moves without this program is not left: another run comes to it.
    let open = context.job_journal.open_files().await.into_iter();
    for item in open.filter(|item| item.detached.is_none()) {
        remove(context, host, &item).await?;
        context.job_journal.about(item.key, None).ended(Ended::Unbegun);
    }
    Ok(())
}

/// Removes what is stored of a file.
async fn remove(context: &Context, host: &mut Host, item: &ItemRecord) -> Result<(), Failure> {
    let target = PathName::from_wire(item.place.path.clone())
        .map_err(|bad| Failure::new(Kind::Other, format!("the journal has a bad path: {bad}")))?;
    if item.in_place && host.facts(context, &target).await?.is_some() {
        let name = host.show(&target);
        context.events.warn(format!(
            "{name} may be a part of a copy, since its server cannot rename: delete it if it is not needed"
        ));
    }
    for id in &item.parts {
        let part = Part::new(*id, &target)?;
        if let Some(aside) = host.put_back(context, &part.stored, &target).await? {
            let (old, name) = (host.show(&aside), host.show(&target));
            context.events.warn(format!(
                "the file that {name} was before is kept as {old}, because something has that name: delete it if it is not needed"
            ));
        }
        host.delete(context, &part.stored).await?;
    }
    Ok(())
}
