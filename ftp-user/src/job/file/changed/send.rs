//! Whether only what has changed of a file is sent, and what follows if that fails.

use super::assemble::{Assembly, assemble};
use super::compare::{Sameness, compare};
use super::ranges::Chunks;
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::job::file::assigned::assignment;
use crate::job::file::attempts::{Attempts, Parts, StartPoint};
use crate::job::file::transfer::Transferred;
use crate::job::item::Item;
use crate::job::request::options::{ChangedParts, Options};
use crate::outcome::Verified;
use crate::route::Ends;
use crate::session::Facts;
use ftp_io::copy::Digest;
use ftp_proto::digest::Algorithm;
use ftp_proto::listing;

/// What is wanted of a file that may have an old version at the destination.
#[derive(Debug)]
pub(in crate::job::file) struct Wish<'a> {
    /// How the job is done.
    pub(in crate::job::file) options: Options,
    /// The source as it is now.
    pub(in crate::job::file) source: &'a Facts,
    /// What has the final name.
    pub(in crate::job::file) old: Option<&'a Facts>,
    /// What will verify the copy.
    pub(in crate::job::file) means: Verified,
}

/// Puts the part together from the old file and what has changed of it. `None` if the file is to be sent whole: nothing of the
/// part is left then.
///
/// # Errors
///
/// A server does not answer any more, or the run was interrupted.
pub(in crate::job::file) async fn send(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    wish: Wish<'_>,
    start: &mut StartPoint,
    attempts: &mut Attempts,
) -> Result<Option<Transferred>, Failure> {
    let Some((chunks, old)) = chunks(ends, &wish, start, attempts) else { return Ok(None) };
    attempts.parts = Parts::Tried;
    let name = ends.source.show(&item.source);
    let whole = |why: &str| {
        context.run.events.notice(format!("{name} is sent whole: {why}"));
        Ok(None)
    };
    let changed = match compare(context, ends, item, chunks).await? {
        Sameness::All(changed) => changed,
        Sameness::Little => return whole("too little of it is the same at the destination"),
        Sameness::Unknown(why) => return whole(&why),
    };
    let assignment = assignment(ends, item, wish.options, (start, wish.source), (None, Digest::Off));
    let assembly = Assembly { changed: &changed, old, assignment };
    let moved = assemble(context, ends, item, assembly).await;
    if let Err(failure) = &moved.result
        && !matches!(failure.kind, Kind::Temporary | Kind::Interrupted)
        && !context.run.cancel.is_cancelled()
    {
        start.part.discard(context, &mut ends.destination).await;
        return whole(&failure.to_string());
    }
    start.assembled = true;
    Ok(Some(moved))
}

/// The chunks of both files and the size of the old one, if only what has changed may be sent: between servers, once in a run,
/// and where the digest of the whole file will prove the copy.
fn chunks(ends: &Ends, wish: &Wish<'_>, start: &StartPoint, attempts: &Attempts) -> Option<(Chunks, u64)> {
    let Options { changed_parts, detach, .. } = wish.options;
    let is_wanted = changed_parts == ChangedParts::Auto && attempts.parts == Parts::Untried && !detach;
    let is_fresh = start.at == 0 && start.moved.is_none() && !attempts.in_place;
    let is_proven = matches!(wish.means, Verified::Hash(by) if !Algorithm::CHECKSUMS.contains(&by));
    let is_between = !ends.source.is_local() && !ends.destination.is_local();
    let old = wish.old.filter(|old| old.kind == listing::Kind::File)?.size?;
    let chunks = Chunks::of(wish.source.size?, old)?;
    (is_wanted && is_fresh && is_proven && is_between).then_some((chunks, old))
}
