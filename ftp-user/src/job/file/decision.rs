//! What is known of both files before anything moves, and whether the copy is needed: the overwrite rule.

use super::copy::Copying;
use super::times;
use crate::context::Context;
use crate::endpoint::{both, files};
use crate::failure::{Failure, Kind, Result};
use crate::job::check::{
    ComparedFiles, Decision, Overwrite, Proof, common, compare, readable, refuse_itself, replaceable,
};
use crate::job::claims::claim::FileClaim;
use crate::job::claims::forecast::CopyForecast;
use crate::job::moving::refuse_without_directory;
use crate::job::request::job::{Compare, Options};
use crate::job::{Item, Target};
use crate::outcome::{EarlierCopy, FileCopy, FileEnd, StreamedDigests, TransferFacts, Verified};
use crate::report::{Change, Event, Topic};
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::listing;
use std::sync::atomic::Ordering;

/// Both files, before anything moves.
pub(super) struct Files {
    pub(super) source: Facts,
    /// What has the final name.
    pub(super) target: Option<Facts>,
}

/// Whether equal times show a sync that both files are the same. Listings may not have told the times.
fn is_as_old(options: Options, source: &Facts, target: Option<&Facts>) -> bool {
    let time = source.modified;
    let have_one_time = time.is_some() && target.is_some_and(|target| target.modified == time);
    have_one_time && matches!(options.syncs, Some(Compare::Auto | Compare::Time))
}

/// What can show that a file need not be copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job) enum SkipBy {
    /// The facts of both ends show it.
    Facts,
    /// Equal digests would show it.
    Digests,
    /// It has to be copied.
    Nothing,
}

/// What can show that a file need not be copied if `target` has its final name.
pub(in crate::job) fn skip_by(options: Options, source: &Facts, target: &Facts, claim: &FileClaim) -> SkipBy {
    match options.overwrite.decide(source, Some(target)) {
        Decision::Copy => SkipBy::Nothing,
        Decision::Skip if options.moves => SkipBy::Digests,
        Decision::Exists if claim.may_be_done() => SkipBy::Digests,
        Decision::Skip | Decision::Exists => SkipBy::Facts,
        Decision::Compare if !claim.kept.is_unproven() && is_as_old(options, source, Some(target)) => {
            SkipBy::Facts
        }
        Decision::Compare => SkipBy::Digests,
    }
}

/// The digest by which a file is compared with what has its name.
pub(in crate::job) async fn digest_to_compare(
    context: &Context,
    ends: &mut Ends,
    options: Options,
) -> Result<Option<Algorithm>> {
    // A sync moves nothing if they are equal, now and in later runs.
    let refused: &[Algorithm] = if options.syncs.is_some() { &Algorithm::CHECKSUMS } else { &[] };
    common(context, ends, refused).await
}

impl Copying<'_> {
    /// What is known of both files, if the source can be copied there. What a listing has told is not asked again.
    pub(super) async fn files(&mut self, known: Option<Facts>, target: Target) -> Result<Files> {
        let (source_name, dest_name) = self.item.names(self.ends);
        let (context, item) = (&self.context, self.item);
        let Ends { source, destination, no_times, .. } = &mut *self.ends;
        // The time of a copy, what a sync compares, and what shows that the source of a move has not changed.
        let is_dry = self.options.mode.is_dry();
        let keeps_times = self.options.times && !no_times.load(Ordering::Relaxed);
        let asks_time = match is_dry {
            true => keeps_times && self.options.syncs.is_some(),
            false => keeps_times || self.options.moves,
        };
        let known = async {
            let mut known = match known {
                Some(facts) => Some(facts),
                None => files::facts(context, source, &item.source).await?,
            };
            // A listing for people has no exact time.
            if let Some(facts) = known.as_mut().filter(|facts| asks_time && facts.modified.is_none()) {
                facts.modified = files::modified(context, source, &item.source).await?;
            }
            Ok(known)
        };
        let target = async {
            match target {
                Target::Known(facts) => Ok(facts),
                Target::Unknown => files::facts(context, destination, &item.destination).await,
            }
        };
        let (source, target) = both(known, target).await?;
        let source = readable(source, &source_name)?;
        files::check_stored_name(context, &mut self.ends.source, &item.source).await?;
        refuse_itself(self.ends, item, &source, target.as_ref())?;
        replaceable(target.as_ref(), &dest_name)?;
        Ok(Files { source, target })
    }

    /// What came of a file that need not be copied.
    pub(super) async fn skip_if_there(&mut self, files: &Files) -> Result<Option<FileCopy>> {
        if let Some(done) = self.named_by_batch(files).await? {
            return Ok(Some(done));
        }
        let Some(Proof { by: means, digest }) = self.proof_to_skip(files).await? else { return Ok(None) };
        self.give_time(files).await?;
        let (kept, source) = (&self.attempts.kept, &files.source);
        let is_proven = means != Verified::None;
        let earlier = if self.options.moves {
            let rung = kept.has_copied(source).filter(|_| is_proven);
            rung.map(|rung| EarlierCopy { route: Some(rung), verified: None, is_told_as_copied: true })
        } else {
            kept.earlier(source)
        };
        Ok(Some(FileCopy {
            end: earlier.map_or(FileEnd::Skipped, FileEnd::Earlier),
            source: Some(source.clone()),
            facts: TransferFacts { digest, ..TransferFacts::default() },
            ..FileCopy::skipped(source.size, means)
        }))
    }

    /// What came of a file that this run has moved together with others, if the server that has not said so has given it its
    /// name: both are equal.
    async fn named_by_batch(&mut self, files: &Files) -> Result<Option<FileCopy>> {
        let there = files.target.as_ref().and_then(|target| target.size);
        if self.attempts.kept.moved.is_none() || there.is_none() || there != files.source.size {
            return Ok(None);
        }
        let proof = self.compare(files.source.size).await?;
        Ok(proof.zip(self.attempts.kept.moved.as_deref()).map(|(Proof { by: verified, digest }, done)| {
            FileCopy {
                verified,
                source: Some(files.source.clone()),
                facts: TransferFacts { digest, ..done.facts.clone() },
                // Both places may be one, as far as this has shown.
                was_taken: true,
                ..done.clone()
            }
        }))
    }

    /// Whether the file need not be copied, and what has shown that.
    pub(super) async fn proof_to_skip(&mut self, files: &Files) -> Result<Option<Proof>> {
        let kept = &self.attempts.kept;
        let size = files.source.size;
        let has_its_size = files.target.as_ref().is_some_and(|target| target.size == size);
        // A part of the copy is always newer than its source.
        let may_be_part = self.options.overwrite == Overwrite::Newer && kept.in_place;
        let rule = if may_be_part { Overwrite::Different } else { self.options.overwrite };
        match rule.decide(&files.source, files.target.as_ref()) {
            Decision::Copy => Ok(None),
            // The source of a move is deleted if both are equal, and so is an old file that waits.
            Decision::Skip if self.options.moves || kept.old.wait() => {
                let is_by_size = size.is_some() && has_its_size && !self.options.moves;
                let same = self.compare(size).await?;
                Ok(Some(same.unwrap_or(if is_by_size { Verified::Size } else { Verified::None }.into())))
            }
            Decision::Skip => Ok(Some(Verified::None.into())),
            Decision::Exists => {
                // Some listings show no exact time, and some servers compute no digest.
                if has_its_size && kept.earlier(&files.source).is_some() && !self.options.moves {
                    return Ok(Some(Verified::None.into()));
                }
                let same = if kept.may_be_done { self.compare(size).await? } else { None };
                if same.is_some() {
                    return Ok(same);
                }
                let (_, dest) = self.item.names(self.ends);
                let what = format!("{dest} exists");
                Err(match self.attempts.kept.in_place {
                    true => Failure::new(Kind::Exists, what)
                        .hint("it may be what the killed run has stored: delete it, and resume again"),
                    false => Failure::not_replaced(what),
                })
            }
            Decision::Compare
                if !kept.is_unproven() && is_as_old(self.options, &files.source, files.target.as_ref()) =>
            {
                Ok(Some(Verified::Size.into()))
            }
            Decision::Compare => match digest_to_compare(&self.context, self.ends, self.options).await? {
                Some(algorithm) => self.compare_by(algorithm, size).await,
                None => {
                    self.attempts.is_incomparable = true;
                    Ok(None)
                }
            },
        }
    }

    /// Whether both files have the same digest. If nobody can say, the file is copied.
    async fn compare(&mut self, size: Option<u64>) -> Result<Option<Proof>> {
        match digest_to_compare(&self.context, self.ends, self.options).await? {
            Some(algorithm) => self.compare_by(algorithm, size).await,
            None => Ok(None),
        }
    }

    /// Warns that a file is copied that may be there already.
    pub(super) fn tell_again(&self) {
        let (_, dest) = self.item.names(self.ends);
        let advice = match (self.options.syncs.is_some(), self.options.times) {
            (true, true) => "",
            (true, false) => "; --times keeps times, which show it",
            (false, _) => "; ftp-user sync compares times",
        };
        let text = format!(
            "{dest} is copied again: it has the size of its source, and no digest shows whether both are equal{advice}"
        );
        self.context.run.events.warn_of(Topic::Again, self.ends.destination.name(), text);
    }

    async fn compare_by(&mut self, algorithm: Algorithm, size: Option<u64>) -> Result<Option<Proof>> {
        let Item { source, destination: copy, .. } = self.item;
        if let CopyForecast::NotCopied(Some(told)) = std::mem::take(&mut self.attempts.kept.forecast)
            && let Some(Digest { hex, .. }) = told.still(self.ends, algorithm)
        {
            return Ok(Some(Proof { by: Verified::Hash(algorithm), digest: Some(hex) }));
        }
        let size = Some(size.unwrap_or(0));
        let files = ComparedFiles { source, copy, size, streamed: &StreamedDigests::default(), passed: None };
        match compare(&self.context, self.ends, &files, Verified::Hash(algorithm)).await {
            Ok(same) => Ok(same.ok()),
            Err(failure) if matches!(failure.kind, Kind::Temporary | Kind::Interrupted) => Err(failure),
            Err(_) => Ok(None),
        }
    }

    /// A file of a sync that is the same gets the time of its source, so that the next run need not compare it.
    async fn give_time(&mut self, files: &Files) -> Result<()> {
        let time = files.source.modified.filter(|_| self.options.syncs.is_some() && self.options.times);
        let is_other = files.target.as_ref().is_some_and(|target| target.modified != files.source.modified);
        if time.is_none() || !is_other || self.options.mode.is_dry() {
            return Ok(());
        }
        // It is the final name.
        self.context.confirm_job().await?;
        times::set(&self.context, self.ends, &self.item.destination, time).await?;
        times::tell(&self.context, self.ends).await;
        Ok(())
    }

    /// Tells what is to be done with a file of `size` bytes, and what with the `old` one.
    pub(super) async fn tell_plan(&self, size: Option<u64>, verify: Verified, old: Option<&Facts>) {
        let (source, dest) = self.item.names(self.ends);
        let dry_run = self.options.mode.is_dry();
        let verb = match (self.options.syncs.is_some(), old.is_some()) {
            (true, true) => "replace",
            (true, false) => "copy",
            (false, _) => self.options.verb(),
        };
        let place = dest.clone();
        let plan = Event::Plan { verb, source, dest, size, verify, dry_run };
        self.context.run.events.plan(plan, dry_run).await;
        if let (Some(kept_as), Some(old), true) = (self.item.kept_as.as_ref(), old, dry_run) {
            let dest = Some(self.ends.destination.show(kept_as));
            let (verb, kind, size) = ("backup", listing::Kind::File, old.size);
            let change = Change { verb, place, dest, kind, size, dry_run };
            self.context.run.events.deliver(Event::Changed(change)).await;
        }
    }

    /// What came of a file of a move whose source is gone and which an earlier run has copied: `done`, if the copy is still
    /// there. That run may have deleted the source, which it does when the copy is verified. It leaves the directory of one that was
    /// named.
    ///
    /// # Errors
    ///
    /// Nobody can say whether the copy is there, or whether the source was deleted.
    pub(super) async fn moved_before(&mut self, done: FileCopy) -> Result<Result<FileCopy>> {
        let found = files::facts(&self.context, &mut self.ends.destination, &self.item.destination).await?;
        if may_be_copy(found.as_ref(), done.size) {
            // The directories of a tree go with it.
            if let Item { source, root: None, .. } = self.item {
                let unique = self.attempts.kept.unique_before();
                refuse_without_directory(&self.context, &mut self.ends.source, source, unique).await?;
            }
            return Ok(Ok(done));
        }
        let (source, dest) = self.item.names(self.ends);
        let what = format!("neither the source nor the verified copy is there: {source}, {dest}");
        let failure = Failure::new(Kind::Missing, what);
        Ok(Err(match found {
            Some(_) => failure.hint("something else has the name of the copy"),
            None => failure,
        }))
    }
}

/// Whether what has the name of the copy can be the copy of a source of that size.
fn may_be_copy(found: Option<&Facts>, size: Option<u64>) -> bool {
    let Some(found) = found else { return false };
    let is_other = matches!((found.size, size), (Some(theirs), Some(ours)) if theirs != ours);
    found.kind != listing::Kind::Directory && !is_other
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::calendar::When;

    fn file(size: u64, time: Option<i64>) -> Facts {
        let modified = time.map(When);
        Facts { size: Some(size), modified, ..Facts::of_kind(listing::Kind::File) }
    }

    #[test]
    fn files_without_times_are_not_as_old_as_each_other() {
        let options = Options { syncs: Some(Compare::Auto), ..Options::default() };
        for (source, target, expect) in [
            (Some(1), Some(1), true),
            (Some(1), Some(2), false),
            (Some(1), None, false),
            (None, Some(1), false),
            (None, None, false),
        ] {
            let found = is_as_old(options, &file(5, source), Some(&file(5, target)));
            assert_eq!(found, expect, "{source:?} {target:?}");
        }
    }

    #[test]
    fn what_shows_that_a_file_need_not_be_copied_depends_on_the_rule() {
        use Overwrite::{Always, Different, Never, Newer};
        let source = file(5, Some(1));
        let (same, other, older) = (file(5, Some(1)), file(6, Some(1)), file(5, Some(0)));
        let copies = |overwrite| Options { overwrite, ..Options::default() };
        let moves = |overwrite| Options { moves: true, ..copies(overwrite) };
        let syncs = |rule| Options { syncs: Some(rule), ..Options::default() };
        let mut begun = FileClaim::default();
        begun.kept.may_be_done = true;
        for (options, target, was_begun, expect) in [
            (copies(Different), &same, false, SkipBy::Digests),
            (copies(Different), &other, false, SkipBy::Nothing),
            (copies(Always), &same, false, SkipBy::Nothing),
            (copies(Never), &other, false, SkipBy::Facts),
            (copies(Never), &same, true, SkipBy::Digests),
            (copies(Newer), &same, false, SkipBy::Facts),
            (copies(Newer), &older, false, SkipBy::Nothing),
            // What shows that a copy is whole decides about its source.
            (moves(Newer), &same, false, SkipBy::Digests),
            (moves(Never), &same, false, SkipBy::Facts),
            (syncs(Compare::Auto), &same, false, SkipBy::Facts),
            (syncs(Compare::Auto), &same, true, SkipBy::Digests),
            (syncs(Compare::Hash), &same, false, SkipBy::Digests),
            (syncs(Compare::Auto), &older, false, SkipBy::Digests),
        ] {
            let claim = if was_begun { &begun } else { &FileClaim::default() };
            let found = skip_by(options, &source, target, claim);
            assert_eq!(found, expect, "{options:?} {target:?} {was_begun}");
        }
    }

    #[test]
    fn a_copy_is_there_if_its_name_has_a_file_of_its_size() {
        let file = |size| Some(Facts { size, ..Facts::of_kind(listing::Kind::File) });
        let directory = Some(Facts { size: Some(5), ..Facts::of_kind(listing::Kind::Directory) });
        for (found, size, expect) in [
            (None, Some(5), false),
            (None, None, false),
            (file(Some(5)), Some(5), true),
            (file(Some(6)), Some(5), false),
            (file(None), Some(5), true),
            (file(Some(6)), None, true),
            (directory, Some(5), false),
        ] {
            assert_eq!(may_be_copy(found.as_ref(), size), expect, "{found:?} {size:?}");
        }
    }
}
