//! Files that earlier runs of a move have stored: there is no other copy of those whose sources are gone. The destination is asked
//! whether they are still there.

use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{Failure, Kind};
use crate::job::claims::names::site_of;
use crate::job::retry::connect;
use crate::job::summary::Tally;
use crate::journal::{ItemEnd, ItemKey, ItemRecord, ItemState, JobJournal};
use ftp_proto::deletion::{CopyState, ExpectedCopy};
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// Names the files that earlier runs have stored at this destination, which are not whole there any more. `began` is when this run
/// began, in milliseconds since 1970: by it earlier runs are told, as far as the clocks of their hosts agree with this one. What this
/// run has stored or found there is looked at elsewhere.
pub(in crate::job) async fn look_at_earlier(
    context: &Context,
    destination: &mut Host,
    began: u64,
    tally: &mut Tally,
) {
    let (journal, site) = (&context.run.job_journal, site_of(destination));
    let mut last = ItemKey::default();
    while !context.run.cancel.is_cancelled() {
        let mut rows = journal.stored_before(began, last).await;
        let Some(row) = rows.last() else { return };
        last = row.key;
        rows.retain(|row| row.place.site == site);
        let readable = |row: ItemRecord| Some((PathName::from_wire(row.place.path.clone()).ok()?, row));
        let (paths, rows): (Vec<PathName>, Vec<ItemRecord>) = rows.into_iter().filter_map(readable).unzip();
        if let Err(failure) = connect(context, destination).await {
            let failure = failure.during_unless_interrupted(UNKNOWN);
            return tally.failed(String::new(), destination.name(), failure);
        }
        let mut found = files::facts_of_all(context, destination, &paths).await.into_iter();
        for (path, row) in paths.iter().zip(rows) {
            let there = match found.next() {
                Some(there) => there,
                None => files::facts(context, destination, path).await,
            };
            let size = row.seen.as_ref().and_then(|seen| seen.size);
            let failure = match there {
                // A link that was moved has the size of nothing.
                Ok(Some(there)) if there.kind != listing::Kind::File => continue,
                Ok(there) => match (ExpectedCopy { size, modified: None }).is(there.as_ref()) {
                    CopyState::Same | CopyState::OtherTime => {
                        found_again(journal, row);
                        continue;
                    }
                    CopyState::Missing | CopyState::Other if journal.is_replaced(&row.place).await => {
                        continue;
                    }
                    CopyState::Missing | CopyState::Other => Failure::new(Kind::Unverified, GONE).hint(LOOK),
                },
                Err(failure) => failure.during_unless_interrupted(UNKNOWN),
            };
            tally.failed(row.place.source.clone(), destination.show(path), failure);
        }
    }
}

/// A file that an earlier run has stored, and of which it could not say at its end that it was still there, is done.
fn found_again(journal: &JobJournal, ItemRecord { key, state, copy, began, .. }: ItemRecord) {
    if state == ItemState::Failed {
        let noted = copy.attempts;
        journal.about(key, began).ended(ItemEnd::Done { copy, began, noted });
    }
}

/// What a failure says of a file that is not there.
const GONE: &str = "an earlier run has stored it, and it is not there any more";
const LOOK: &str = "look whether the disks of both ends are mounted";
/// What it says of files that cannot be looked at.
const UNKNOWN: &str = "nobody can tell whether what earlier runs have stored is still there";
