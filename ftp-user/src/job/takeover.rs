//! A run takes over what other workers have left of a job, before it does anything else.

use super::leftovers::{Destinations, target};
use crate::context::Context;
use crate::endpoint::{Host, Pools, files};
use crate::failure::{Kind, Result};
use crate::job::part::{self, Part};
use crate::job::removal::rename_free;
use crate::job::request::job::Job;
use crate::job::retry::connect;
use crate::journal::ItemRecord;
use crate::route::StoreReply;
use ftp_proto::feature::RANG_STOR;
use ftp_proto::wire::ByteRange;
use std::time::Duration;

/// A part that has a name of this run now.
struct RenamedPart {
    /// What the journal calls its host.
    site: String,
    part: Part,
    /// Its size in bytes after it was renamed.
    size: Option<u64>,
}

/// Before anything else is done, gives what other workers have left of a job names that only this run knows: a worker that has
/// lost the job, and still gives a part its final name, finds nothing then. What cannot be renamed, or is still written, is deleted.
pub(in crate::job) async fn take_over(context: &Context, job: &Job) -> Result<()> {
    let journal = &context.run.job_journal;
    if !journal.is_resumed() || !journal.is_shared() {
        return Ok(());
    }
    let open = journal.open_files().await;
    let pools = Pools::default();
    let mut hosts = Destinations::of(job.work.destinations(), &pools);
    let (mut renamed, mut taken) = (Vec::new(), Ok(()));
    for item in open.iter().filter(|item| item.parts.detached.is_none()) {
        if let Some(host) = hosts.find(&item.place.site) {
            taken = rename_parts(context, host, item, &mut renamed).await;
        }
        if taken.is_err() {
            break;
        }
    }
    if taken.is_ok() && !renamed.is_empty() {
        context.world.clock.sleep_until(Some(context.world.clock.now() + GROWTH_CHECK)).await;
        taken = delete_written(context, &mut hosts, &renamed).await;
    }
    hosts.release();
    pools.quit().await;
    taken
}

/// Renames the parts of a file, or deletes those that cannot be renamed.
async fn rename_parts(
    context: &Context,
    host: &mut Host,
    item: &ItemRecord,
    renamed: &mut Vec<RenamedPart>,
) -> Result<()> {
    let target = target(item)?;
    let journal = context.run.job_journal.about(item.key, None);
    for id in &item.parts.names {
        connect(context, host).await?;
        let (old, new) = (Part::new(*id, &target)?, part::new_id()?);
        if files::size(context, host, &old.stored).await?.is_none()
            && !files::tells_no_size(context, host, &old.stored).await?
        {
            continue;
        }
        journal.part(new).await;
        context.confirm_job().await?;
        let new = Part::new(new, &target)?;
        match rename_free(context, host, &old.stored, &new.stored).await {
            Ok(()) => {
                let size = files::size(context, host, &new.stored).await?;
                renamed.push(RenamedPart { site: item.place.site.clone(), part: new, size });
            }
            Err(failure) if failure.kind == Kind::Interrupted || !host.is_connected() => return Err(failure),
            Err(_) => drop(old.discard(context, host, StoreReply::Received).await),
        }
    }
    Ok(())
}

/// Deletes the parts to which another worker still stores: those that have grown since they were renamed, and those of which their
/// server tells no digest now.
async fn delete_written(
    context: &Context,
    hosts: &mut Destinations<'_>,
    renamed: &[RenamedPart],
) -> Result<()> {
    for RenamedPart { site, part, size } in renamed {
        let Some(host) = hosts.find(site) else { continue };
        if files::size(context, host, &part.stored).await? != *size || is_in_use(context, host, part).await? {
            part.discard(context, host, StoreReply::Received).await;
        }
    }
    Ok(())
}

/// Whether somebody stores ranges of a part, whose size says nothing then: its server refuses a digest as long as that lasts. A
/// server of GridFTP knows no such lock, so that nobody can tell.
async fn is_in_use(context: &Context, host: &mut Host, part: &Part) -> Result<bool> {
    if !host.stores_ranges(context).await? {
        return Ok(false);
    }
    if !host.is_local() && !host.has_line(RANG_STOR) {
        return Ok(true);
    }
    let Some(algorithm) = host.part_algorithms(context).await?.first().copied() else { return Ok(false) };
    let first = ByteRange { first: 0, length: Some(1) };
    let told = files::part_digest(context, host, algorithm, &part.stored, first).await;
    Ok(!matches!(told, Ok(Ok(_))))
}

/// How long a renamed part is watched: one that grows in this time still has a writer.
const GROWTH_CHECK: Duration = Duration::from_secs(1);
