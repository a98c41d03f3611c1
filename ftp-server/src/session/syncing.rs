//! Everything that an account has stored is brought to stable storage.

use std::sync::Arc;

use ftp_proto::server::ask::FileFailure;

use crate::limits::{Owner, Syncs};
use crate::vfs::FileSystem;

/// Syncs these file systems for `owner`, at the same time.
///
/// # Errors
/// [`FileFailure::NotSynced`] if something may not be on stable storage.
pub(super) async fn sync(
    file_systems: Vec<FileSystem>,
    syncs: &Arc<Syncs>,
    owner: &Owner,
) -> Result<(), FileFailure> {
    let ask = |it: FileSystem| syncs.ask(it.device(), owner.clone(), Box::new(move || it.sync()));
    let asked: Vec<_> = file_systems.into_iter().map(ask).collect();
    let mut synced = Ok(());
    for answer in asked {
        // All of them are awaited, so that each failure is told once.
        if !answer.await.unwrap_or(false) {
            synced = Err(FileFailure::NotSynced);
        }
    }
    synced
}
