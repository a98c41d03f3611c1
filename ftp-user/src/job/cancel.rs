//! Gives up a job that was interrupted: what it has stored is removed, and old files get their names back.

use super::kept;
use super::part::Part;
use super::request::{Job, Work};
use crate::context::Context;
use crate::control::Role;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind};
use crate::journal::{End, Ended, ItemRecord, ItemState, JobState};
use ftp_proto::wire::PathName;

/// Gives up `job`, which the journal has. Returns how many files were under way.
///
/// # Errors
///
/// The journal cannot be used, another process runs the job, or something could not be removed. Then the job stays
/// interrupted.
pub async fn cancel(job: Job, context: &Context) -> Result<usize, Failure> {
    let mut context = context.clone();
    kept::start(&mut context, &job).await?;
    let open = context.journal.items(job.id, ItemState::Open).map_err(|why| kept::of_journal(&why))?;
    let Work::Copy { destination, .. } = &job.work else {
        return Err(Failure::usage("the job is not in the journal"));
    };
    let pools = Pools::default();
    let mut host = Host::at(destination, Role::Destination, &pools);
    let mut removed = Ok(());
    for item in &open {
        removed = remove(&context, &mut host, item).await;
        if removed.is_err() {
            break;
        }
        let why = Ended::Failed("the job was cancelled".to_owned());
        context.job_journal.about(item.key).ended(why);
    }
    host.release();
    pools.quit().await;
    let state = if removed.is_ok() { JobState::Cancelled } else { JobState::Interrupted };
    context.job_journal.finish(End { state }).await;
    removed.map(|()| open.len())
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
