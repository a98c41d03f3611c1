//! Files that earlier runs of a move have stored: there is no other copy of those whose sources are gone. The destination is asked
//! whether they are still there.

use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{Failure, Kind, Result};
use crate::job::claims::names::site_of;
use crate::job::retry::{ask, connect};
use crate::job::summary::Tally;
use crate::journal::{ItemEnd, ItemKey, ItemRecord, ItemState, JobJournal};
use crate::session::Facts;
use ftp_proto::deletion::{CopyState, ExpectedCopy};
use ftp_proto::listing::{self, When};
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
            let judged = match there {
                Ok(there) => judge(context, destination, path, &row, there.as_ref()).await,
                Err(failure) => Err(failure.during_unless_interrupted(UNKNOWN)),
            };
            match judged {
                Ok(true) => found_again(journal, row),
                Ok(false) => {}
                Err(failure) => tally.failed(row.place.source, destination.show(path), failure),
            }
        }
    }
}

/// Whether a file that an earlier run has stored was seen again. It is not if it is no file, or if a later job has replaced it.
///
/// # Errors
///
/// It is not whole there any more, or nobody can tell that it is this file.
async fn judge(
    context: &Context,
    destination: &mut Host,
    path: &PathName,
    row: &ItemRecord,
    there: Option<&Facts>,
) -> Result<bool> {
    // A link that was moved has the size of nothing.
    if there.is_some_and(|there| there.kind != listing::Kind::File) {
        return Ok(false);
    }
    let (journal, seen) = (&context.run.job_journal, row.seen.clone().unwrap_or_default());
    match ((ExpectedCopy { size: seen.size, modified: None }).is(there), there) {
        // Another file may have the size of one that was lost.
        (CopyState::Same | CopyState::OtherTime, Some(now)) if row.state != ItemState::Done => {
            // It has the time of its source where the destination can set that.
            let has_time = seen.modified.is_some() && seen.modified.map(When) == now.modified;
            let is_it = has_time || has_digest(context, destination, path, row, now).await?;
            is_it.then_some(true).ok_or_else(|| Failure::new(Kind::Unverified, UNPROVEN).hint(LOOK))
        }
        (CopyState::Same | CopyState::OtherTime, _) => Ok(true),
        // A later job may have replaced it: then nothing is to be said of it.
        (CopyState::Missing | CopyState::Other, _) => match journal.is_replaced(&row.place).await {
            true => Ok(false),
            false => Err(Failure::new(Kind::Unverified, GONE).hint(LOOK)),
        },
    }
}

/// Whether a file has the digest that has verified the copy.
async fn has_digest(
    context: &Context,
    destination: &mut Host,
    path: &PathName,
    row: &ItemRecord,
    now: &Facts,
) -> Result<bool> {
    let (algorithm, known) = (row.copy.verified.algorithm(), row.copy.facts.digest.as_deref());
    let (Some(algorithm), Some(known), Some(size)) = (algorithm, known, now.size) else { return Ok(false) };
    let found = ask!(context, destination, files::digest(context, destination, algorithm, path, size));
    let found = found.map_err(|failure| failure.during_unless_interrupted(UNKNOWN))?;
    Ok(found.is_ok_and(|found| found.hex.eq_ignore_ascii_case(known)))
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
/// What it says of one that only has its size.
const UNPROVEN: &str =
    "an earlier run has stored it, and neither a time nor a digest tells that what is there now is that file";
/// What it says of files that cannot be looked at.
const UNKNOWN: &str = "nobody can tell whether what earlier runs have stored is still there";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::endpoint::LocalEnd;
    use crate::journal::SourceFacts;
    use crate::outcome::{FileCopy, TransferFacts, Verified};
    use ftp_proto::digest::Algorithm;
    use std::fs;

    #[tokio::test]
    async fn n8_a_lost_file_is_found_again_only_by_its_time_or_its_digest() {
        let home = tempfile::tempdir().unwrap();
        let (context, mut host) = (Context::for_tests(Cancel::never()), Host::Local(LocalEnd::Typed));
        let name = home.path().join("f");
        fs::write(&name, "data").unwrap();
        let path = PathName::from_user(name.to_str().unwrap()).unwrap();
        let there = files::facts(&context, &mut host, &path).await.unwrap().unwrap();
        let found = files::digest(&context, &mut host, Algorithm::Sha256, &path, 4).await.unwrap().unwrap();
        let time = there.modified.map(|When(seconds)| seconds);
        let (right, wrong) = (Some(found.hex), Some("00".repeat(32)));
        let other_time = time.map(|time| time - 1);
        for (state, size, modified, digest, expect) in [
            (ItemState::Failed, 4, time, &wrong, true),
            (ItemState::Failed, 4, other_time, &right, true),
            (ItemState::Failed, 4, other_time, &wrong, false),
            (ItemState::Failed, 4, other_time, &None, false),
            (ItemState::Failed, 4, None, &None, false),
            (ItemState::Failed, 5, time, &right, false),
            (ItemState::Done, 4, other_time, &None, true),
        ] {
            let seen = Some(SourceFacts { size: Some(size), modified, unique: None });
            let facts = TransferFacts { digest: digest.clone(), ..TransferFacts::default() };
            let skipped = FileCopy::skipped(Some(size), Verified::Hash(Algorithm::Sha256));
            let copy = Box::new(FileCopy { facts, ..skipped });
            let row = ItemRecord { state, seen, copy, ..ItemRecord::default() };
            let judged = judge(&context, &mut host, &path, &row, Some(&there)).await;
            assert_eq!(judged.is_ok_and(|is_found| is_found), expect, "{state:?} {size} {modified:?}");
        }
    }
}
