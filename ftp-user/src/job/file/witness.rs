//! Copies one file, and tells which session of the destination has verified the copy.

use super::copy::copy_and_note;
use crate::context::Context;
use crate::endpoint::{Host, Losses};
use crate::failure::Failure;
use crate::job::claims::claim::{self, FileClaim};
use crate::job::item::Item;
use crate::job::request::options::Options;
use crate::outcome::FileCopy;
use crate::route::Ends;

/// Copies one file. Temporary failures are tried again.
pub(in crate::job) async fn copy(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    options: Options,
) -> Result<FileCopy, Failure> {
    let claimed = claim::claim(context, ends, item).await?;
    Box::pin(copy_claimed(context, ends, item, options, claimed)).await
}

/// Copies a file that is claimed.
pub(in crate::job) async fn copy_claimed(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    options: Options,
    claimed: FileClaim,
) -> Result<FileCopy, Failure> {
    let before = lost(&ends.destination);
    let done = copy_and_note(context, ends, item, options, claimed).await?;
    // If a session was lost meanwhile, only the one in which the copy was verified counts, if that is known.
    let session = match lost(&ends.destination) == before {
        true => ends.destination.session_id(),
        false => done.session,
    };
    Ok(FileCopy { session, ..done })
}

/// How many sessions of a host were lost.
fn lost(host: &Host) -> Option<u64> {
    host.losses().map(Losses::number)
}
