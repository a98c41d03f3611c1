//! Small files that may be at the destination already. Both ends are asked about many of them at once: over a long line, each of them
//! alone would cost two round trips.
//!
//! What the ends have said goes with a file to its copy, which decides by its own rules, and saves it the questions. A file that has to
//! be copied is asked about again, right before that.

use super::taken_names::TakenNames;
use crate::context::Context;
use crate::endpoint::files;
use crate::job::check::Overwrite;
use crate::job::claims::claim::{ClaimedFile, FileClaim};
use crate::job::claims::forecast::{CommonDigest, CopyForecast};
use crate::job::file::decision::{SkipBy, digest_to_compare, skip_by};
use crate::job::request::job::Options;
use crate::job::{Item, Target};
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::manners::Manners;
use ftp_proto::wire::PathName;

/// Whether a small file may be at the destination already, and was not asked about together with others.
pub(super) fn may_be_there(file: &ClaimedFile, options: Options, names: &TakenNames) -> bool {
    let has_name = || match &file.item.target {
        Target::Known(found) => found.is_some(),
        Target::Unknown => !names.is_free(&file.item.destination),
    };
    options.overwrite != Overwrite::Always
        && file.claim.as_ref().is_ok_and(|claim| claim.may_be_asked(options))
        && file.item.is_small_file()
        && has_name()
}

/// Files about which both ends were asked, if that was worth it.
#[derive(Debug)]
pub(super) struct SortedFiles {
    /// Those that are not copied, as their copies will find out without a question.
    pub(super) settled: Vec<ClaimedFile>,
    pub(super) others: Vec<ClaimedFile>,
}

/// Asks both ends about those of these files that may be there already: at most [`MOST`].
pub(super) async fn sort_out(
    context: &Context,
    ends: &mut Ends,
    mut files: Vec<ClaimedFile>,
    options: Options,
    names: &TakenNames,
) -> SortedFiles {
    let mut asked: Vec<&mut ClaimedFile> =
        files.iter_mut().filter(|file| may_be_there(file, options, names)).collect();
    if asked.len() >= FEWEST && ends.are_asked_at_once() {
        let algorithm = digest_to_compare(context, ends, options).await.ok().flatten();
        let facts_may_do = options.overwrite != Overwrite::Different || options.syncs.is_some();
        if algorithm.is_some() || facts_may_do {
            ask(context, ends, &mut asked, (options, algorithm)).await;
        }
        // Whatever was not told is asked again.
        for claim in asked.into_iter().filter_map(|file| file.claim.as_mut().ok()) {
            if claim.kept.forecast == CopyForecast::NotAsked {
                claim.kept.forecast = CopyForecast::MustBeCopied;
            }
        }
    }
    let is_settled = |claim: &FileClaim| matches!(claim.kept.forecast, CopyForecast::NotCopied(_));
    let settled = files.extract_if(.., |file| file.claim.as_ref().is_ok_and(is_settled)).collect();
    SortedFiles { settled, others: files }
}

/// Asks both ends about these files, and notes which of them are not copied.
async fn ask(
    context: &Context,
    ends: &mut Ends,
    asked: &mut [&mut ClaimedFile],
    (options, algorithm): (Options, Option<Algorithm>),
) {
    let unknown = asked.iter().filter(|file| file.item.target == Target::Unknown);
    let paths: Vec<PathName> = unknown.map(|file| file.item.destination.clone()).collect();
    let mut told = files::facts_of_all(context, &mut ends.destination, &paths).await.into_iter();
    let (mut by_facts, mut by_digests) = (Vec::new(), Vec::new());
    for file in asked.iter_mut() {
        let target = match &file.item.target {
            Target::Known(target) => target.clone(),
            Target::Unknown => told.next().and_then(Result::ok).flatten(),
        };
        let (Some(source), Some(target), Ok(claim)) = (&file.item.known, target, &file.claim) else {
            continue;
        };
        // A digest must not be older than the time that says it.
        let gets_time = options.syncs.is_some() && options.times && source.modified != target.modified;
        match skip_by(options, source, &target, claim) {
            SkipBy::Facts => by_facts.push((file, target)),
            SkipBy::Digests if !gets_time => by_digests.push((file, target)),
            SkipBy::Digests | SkipBy::Nothing => {}
        }
    }
    let items: Vec<&Item> = by_digests.iter().map(|(file, _)| &file.item).collect();
    let digests = match algorithm {
        Some(algorithm) => digests(context, ends, &items, algorithm).await,
        None => Vec::new(),
    };
    for (file, target) in by_facts {
        settle(file, target, None);
    }
    for ((file, target), digests) in by_digests.into_iter().zip(digests) {
        if let Some(digest) = CommonDigest::told(ends, digests) {
            settle(file, target, Some(digest));
        }
    }
}

/// Notes that a file is not copied, since `target` has its final name.
fn settle(file: &mut ClaimedFile, target: Facts, digest: Option<CommonDigest>) {
    if let Ok(claim) = &mut file.claim {
        claim.kept.forecast = CopyForecast::NotCopied(digest.map(Box::new));
        file.item.target = Target::Known(Some(target));
    }
}

/// The digests of files at both ends, as far as these tell them. If a session is lost, these are the first ones only.
async fn digests(
    context: &Context,
    Ends { source, destination, .. }: &mut Ends,
    items: &[&Item],
    algorithm: Algorithm,
) -> Vec<[Option<Digest>; 2]> {
    let size = |item: &Item| item.size().unwrap_or(0);
    let sources: Vec<(&PathName, u64)> = items.iter().map(|item| (&item.source, size(item))).collect();
    let copies: Vec<(&PathName, u64)> = items.iter().map(|item| (&item.destination, size(item))).collect();
    let (there, here) = tokio::join!(
        files::digests_of_all(context, source, algorithm, &sources),
        files::digests_of_all(context, destination, algorithm, &copies),
    );
    there.into_iter().zip(here).map(<[Option<Digest>; 2]>::from).collect()
}

/// The most files about which both ends are asked before one of them is settled. It is a multiple of what waits at an
/// `ftp-server`: one more file would cost another round trip.
pub(super) const MOST: usize = 4 * Manners::MOST_AHEAD;
/// The smallest number of files that are asked about together.
const FEWEST: usize = 2;
