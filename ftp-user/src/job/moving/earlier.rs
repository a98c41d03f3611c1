//! What earlier runs of a move have left behind: files that this run does not find at their source. Their copies are looked at, since
//! there is no other one.

use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{Failure, Kind};
use crate::job::claims::names::site_of;
use crate::job::retry::connect;
use crate::job::summary::Tally;
use crate::journal::{ItemKey, ItemRecord, ItemState};
use ftp_proto::deletion::{CopyState, ExpectedCopy};
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// Names the files that earlier runs have ended, of which this run, which began at `began` (in milliseconds since 1970), has found no
/// source, and whose copies are not whole at the destination.
pub(in crate::job) async fn look_at_earlier(
    context: &Context,
    destination: &mut Host,
    began: u64,
    tally: &mut Tally,
) {
    let (journal, site) = (&context.run.job_journal, site_of(destination));
    let mut last = ItemKey::default();
    while !context.run.cancel.is_cancelled() {
        let mut rows = journal.ended_before(began, last).await;
        let Some(row) = rows.last() else { return };
        last = row.key;
        rows.retain(|row| row.place.site == site);
        let readable = |row: ItemRecord| Some((PathName::from_wire(row.place.path.clone()).ok()?, row));
        let (paths, rows): (Vec<PathName>, Vec<ItemRecord>) = rows.into_iter().filter_map(readable).unzip();
        let found = match connect(context, destination).await {
            Ok(()) => files::facts_of_all(context, destination, &paths).await,
            Err(_) => Vec::new(),
        };
        let mut found = found.into_iter();
        for (path, row) in paths.iter().zip(&rows) {
            let there = match found.next() {
                Some(there) => there,
                None => files::facts(context, destination, path).await,
            };
            let size = row.seen.as_ref().and_then(|seen| seen.size);
            let failure = match there {
                // A link that was moved has the size of nothing.
                Ok(Some(there)) if there.kind != listing::Kind::File => continue,
                Ok(there) => match (ExpectedCopy { size, modified: None }).is(there.as_ref()) {
                    CopyState::Same | CopyState::OtherTime => continue,
                    CopyState::Missing | CopyState::Other => gone(row),
                },
                Err(failure) => failure.during_unless_interrupted(UNKNOWN),
            };
            tally.failed(row.place.source.clone(), destination.show(path), failure);
        }
    }
}

/// The failure of a file that is at neither end.
fn gone(row: &ItemRecord) -> Failure {
    let what = match row.state {
        ItemState::Done => "an earlier run has moved it, and it is not there any more",
        ItemState::Open | ItemState::Failed | ItemState::GivenOver => {
            "an earlier run has failed to move it, and neither end has it now"
        }
    };
    Failure::new(Kind::Unverified, what).hint("look whether the disks of both ends are mounted")
}

/// What a failure says of a file that cannot be looked at.
const UNKNOWN: &str = "an earlier run has moved it, and nobody can tell whether it is still there";
