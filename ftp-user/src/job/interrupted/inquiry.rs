//! How far a job is whose file moves on without this program: its destination is asked, and nothing is changed.

use crate::context::Context;
use crate::control::{DetachedState, DetachedStatus, Role};
use crate::endpoint::{Host, Pools};
use crate::failure::Failure;
use crate::job::claims::kept;
use crate::job::detached;
use crate::job::request::job::{Job, Work};
use crate::journal::{ItemState, TransferState};

/// How far the transfer of `job` is, as its destination tells; `None` if none of its files moves on without this program.
///
/// # Errors
///
/// The journal cannot be used, or the destination cannot be asked.
pub async fn transfer_of(job: &Job, context: &Context) -> Result<Option<TransferState>, Failure> {
    let Work::Copy { destination, .. } = &job.work else { return Ok(None) };
    let open = context.journal.items(job.id, ItemState::Open).map_err(|why| kept::of_journal(&why))?;
    let mut found = open.into_iter().filter_map(|item| Some((item.detached?, item.seen)));
    let Some((transfer, seen)) = found.next() else { return Ok(None) };
    let pools = Pools::default();
    let mut host = Host::at(destination, Role::Destination, &pools);
    let status = detached::look(context, &mut host, &transfer).await;
    host.release();
    pools.quit().await;
    let (total, before) = (seen.and_then(|seen| seen.size), transfer.before);
    Ok(Some(match status? {
        None => {
            TransferState { bytes: before, total, state: "its server does not know it any more".to_owned() }
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
