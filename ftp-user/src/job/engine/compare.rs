//! Small files that may be at the destination already. Both ends are asked about many of them at once: over a long line, each of them
//! alone would cost two round trips.
//!
//! What the ends have said goes with a file to its copy, which decides as it does of one alone. A file that has to be copied is asked
//! about again, right before that.

use super::taken_names::TakenNames;
use crate::context::Context;
use crate::endpoint::files;
use crate::job::check::{AskedDigests, Overwrite};
use crate::job::claims::claim::{AskedTogether, ClaimedFile, FileClaim};
use crate::job::file::decision::{Needs, digest_to_skip, needs};
use crate::job::request::job::Options;
use crate::job::{Item, Target};
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::digest::Digest;
use ftp_proto::wire::PathName;

/// Whether both ends, as far as that is known, take many questions at once.
pub(super) fn can_ask(ends: &mut Ends) -> bool {
    ends.source.is_asked_at_once() && ends.destination.is_asked_at_once()
}

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
pub(super) struct ComparedFiles {
    /// Those that need not be copied, as their copies will find out.
    pub(super) there: Vec<ClaimedFile>,
    pub(super) others: Vec<ClaimedFile>,
}

/// Asks both ends about those of these files that may be there already.
pub(super) async fn compare(
    context: &Context,
    ends: &mut Ends,
    mut files: Vec<ClaimedFile>,
    options: Options,
    names: &TakenNames,
) -> ComparedFiles {
    let may_be_there = |file: &&mut ClaimedFile| may_be_there(file, options, names);
    let mut asked: Vec<&mut ClaimedFile> = files.iter_mut().filter(may_be_there).collect();
    if asked.len() < FEWEST || !can_ask(ends) {
        return ComparedFiles { there: Vec::new(), others: files };
    }
    for some in asked.chunks_mut(MOST) {
        ask(context, ends, some, options).await;
    }
    let is_there =
        |file: &mut ClaimedFile| file.claim.as_ref().is_ok_and(|claim| claim.kept.asked.is_there());
    ComparedFiles { there: files.extract_if(.., is_there).collect(), others: files }
}

/// Asks both ends about these files.
async fn ask(context: &Context, ends: &mut Ends, asked: &mut [&mut ClaimedFile], options: Options) {
    let is_unknown = |file: &&&mut ClaimedFile| file.item.target == Target::Unknown;
    let paths: Vec<PathName> =
        asked.iter().filter(is_unknown).map(|file| file.item.destination.clone()).collect();
    let mut found = files::facts_of_all(context, &mut ends.destination, &paths).await.into_iter();
    let mut found = || found.next().and_then(Result::ok).flatten();
    let needed = |file: &&mut ClaimedFile| {
        let target = if let Target::Known(target) = &file.item.target { target.clone() } else { found() };
        let both = file.item.known.as_ref().zip(target.as_ref());
        let may_be_done = file.claim.as_ref().is_ok_and(FileClaim::may_be_done);
        let needs = both.map(|(source, target)| needs(options, source, target, may_be_done));
        (needs.unwrap_or(Needs::Copy), target)
    };
    let needed: Vec<(Needs, Option<Facts>)> = asked.iter().map(needed).collect();
    let compared = asked.iter().zip(&needed).filter(|(_, (needs, _))| *needs == Needs::Digests);
    let compared: Vec<&Item> = compared.map(|(file, _)| &file.item).collect();
    let mut digests = digests(context, ends, &compared, options).await.into_iter();
    for (file, (needs, target)) in asked.iter_mut().zip(needed) {
        let told = if needs == Needs::Digests { digests.next().unwrap_or_default() } else { [None, None] };
        let told = AskedDigests::new(ends, told);
        let is_there = needs == Needs::Nothing || told.are_equal();
        if is_there {
            file.item.target = Target::Known(target);
        }
        if let Ok(claim) = &mut file.claim {
            claim.kept.asked =
                if is_there { AskedTogether::IsThere(Box::new(told)) } else { AskedTogether::Yes };
        }
    }
}

/// The digests of files at both ends, as far as these tell them.
async fn digests(
    context: &Context,
    ends: &mut Ends,
    items: &[&Item],
    options: Options,
) -> Vec<[Option<Digest>; 2]> {
    if items.is_empty() {
        return Vec::new();
    }
    let Ok(Some(algorithm)) = digest_to_skip(context, ends, options).await else { return Vec::new() };
    let size = |item: &Item| item.known.as_ref().and_then(|facts| facts.size).unwrap_or(0);
    let sources: Vec<(&PathName, u64)> = items.iter().map(|item| (&item.source, size(item))).collect();
    let copies: Vec<(&PathName, u64)> = items.iter().map(|item| (&item.destination, size(item))).collect();
    let Ends { source, destination, .. } = ends;
    let (there, here) = tokio::join!(
        files::digests_of_all(context, source, algorithm, &sources),
        files::digests_of_all(context, destination, algorithm, &copies),
    );
    there.into_iter().zip(here).map(<[Option<Digest>; 2]>::from).collect()
}

/// The most files about which both ends are asked before one of them is copied.
pub(super) const MOST: usize = 256;
/// Fewer files are asked about alone.
const FEWEST: usize = 2;
