//! A copy gets the modification time of its source, where the destination can set it.

use crate::context::Context;
use crate::failure::Failure;
use crate::route::Ends;
use ftp_proto::listing::When;
use ftp_proto::wire::PathName;
use std::sync::atomic::Ordering;

/// Gives what was stored the time of its source, before it gets its final name.
///
/// # Errors
///
/// Fails if the session is lost, or this host refuses.
pub(super) async fn set(
    context: &Context,
    ends: &mut Ends,
    stored: &PathName,
    time: Option<When>,
) -> Result<(), Failure> {
    match time.filter(|_| !ends.no_times.load(Ordering::Relaxed)) {
        Some(time) => ends.destination.set_modified(context, stored, time).await,
        None => Ok(()),
    }
}

/// Tells once that the destination sets no times. Nothing is wrong with a copy that is there already, so that a session
/// which is lost now fails nothing.
pub(super) async fn tell(context: &Context, ends: &mut Ends) {
    if let Ok(Some(refusal)) = ends.destination.time_refusal().await
        && !ends.no_times.swap(true, Ordering::Relaxed)
    {
        context.events.notice(format!("modification times are not kept: {refusal}"));
    }
}
