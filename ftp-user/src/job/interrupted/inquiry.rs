//! How far a job is whose file moves on without this program: its destination is asked, and nothing is changed.

use crate::context::Context;
use crate::endpoint::{Host, Pools};
use crate::failure::Failure;
use crate::job::claims::lifetime;
use crate::job::detached;
use crate::job::remains::part::Part;
use crate::job::request::job::{Job, Work};
use crate::journal::{ItemRecord, ItemState, TransferState};
use crate::session::{DetachedState, DetachedStatus, Role};
use ftp_proto::wire::PathName;

/// How far the transfer of `job` is, as its destination tells; `None` if none of its files moves on without this program.
///
/// # Errors
///
/// The journal cannot be used, or the destination cannot be asked.
pub async fn transfer_of(job: &Job, context: &Context) -> Result<Option<TransferState>, Failure> {
    let Work::Copy { destination, .. } = &job.work else { return Ok(None) };
    let open =
        context.store.journal.items(job.id, ItemState::Open).map_err(|why| lifetime::of_journal(&why))?;
    let Some(item) = open.into_iter().find(|item| item.detached.is_some()) else { return Ok(None) };
    let Some(transfer) = &item.detached else { return Ok(None) };
    let pools = Pools::default();
    let mut host = Host::at(destination, Role::Destination, &pools);
    let status = detached::look(context, &mut host, transfer).await;
    // A server that was started again has forgotten the transfer, and not what has arrived.
    let stored = match &status {
        Ok(None) => stored(context, &mut host, &item).await,
        Ok(Some(_)) | Err(_) => None,
    };
    host.release();
    pools.quit().await;
    let (total, before) = (item.seen.as_ref().and_then(|seen| seen.size), transfer.before);
    Ok(Some(match status? {
        None => {
            let (bytes, state) =
                (stored.unwrap_or(before), "its server does not know it any more".to_owned());
            TransferState { bytes, total, state }
        }
        Some(DetachedStatus { moved, state }) => {
            let state = match state {
                DetachedState::Moving => "moving".to_owned(),
                DetachedState::Whole => "complete".to_owned(),
                DetachedState::Failed(why) => format!("failed: {why}"),
            };
            TransferState { bytes: before.saturating_add(moved), total, state }
        }
    }))
}

/// How many bytes of a file are stored under the name of its last part, if its server tells it.
async fn stored(context: &Context, host: &mut Host, item: &ItemRecord) -> Option<u64> {
    let target = PathName::from_wire(item.place.path.clone()).ok()?;
    let part = Part::new(*item.parts.last()?, &target).ok()?;
    host.size(context, &part.stored).await.ok()?
}
