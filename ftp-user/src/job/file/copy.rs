//! One file is copied: nothing unverified ever stands under its final name.
//!
//! ```text
//!  facts -> overwrite rule -> name of the part -> move (ladder) -> verify -> rename
//!                |             or resume              |               |
//!              skip                    next candidate / later     delete the part
//! ```

use crate::check::{
    self, Compared, Decision, KnownFile, Overwrite, Passed, Proof, Verify, common, compare, readable,
    refuse_itself, replaceable,
};
use crate::context::Context;
use crate::failure::{self, About, Failure};
use crate::job::claims::claim::{self, FileClaim, FileRecord};
use crate::job::detached;
use crate::job::file::assigned::assignment;
use crate::job::file::attempts::{Attempts, StartPoint};
use crate::job::file::changed::{self, Wish};
use crate::job::file::gone;
use crate::job::file::overtaken::overtaken;
use crate::job::file::times;
use crate::job::file::transfer::{Transferred, transfer};
use crate::job::item::{Item, Target};
use crate::job::remains::backup;
use crate::job::remains::old::OldFiles;
use crate::job::request::options::{InPlace, Mode, Options};
use crate::job::request::sync::Compare;
use crate::job::retrying::outage::connect_both;
use crate::job::retrying::retry::Retry;
use crate::ladder::Rung;
use crate::outcome::{EarlierCopy, FileCopy, FileEnd, StreamedDigests, TransferFacts, Verified};
use crate::report::{Change, Event, Topic};
use crate::route::{self, ContinuedBy, Count, Ends};
use crate::session::{Facts, FinalName};
use ftp_io::copy::Digest;
use ftp_proto::digest::Algorithm;
use ftp_proto::listing;
use std::sync::atomic::Ordering;

/// Copies a file that is claimed. The session that has verified it is not told yet.
pub(super) async fn copy_and_note(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    options: Options,
    claimed: FileClaim,
) -> Result<FileCopy, Failure> {
    let context = claimed.context(context, item);
    let FileClaim { mut kept, done, .. } = claimed;
    match done {
        // Both may have changed since: they are compared again before the source is deleted.
        Some(means) if options.moves || options.syncs.is_some() => kept.compare_again(means),
        Some(means) => {
            return Ok(FileCopy::earlier(item.known.as_ref().and_then(|facts| facts.size), means));
        }
        None => {}
    }
    let moved_earlier = kept.moved_before().filter(|_| options.moves);
    let next = match (context.settings.patience.retries, context.run.job_journal.keeps_item()) {
        (0, false) => ContinuedBy::Nobody,
        (0, true) => ContinuedBy::Resume,
        (1.., _) => ContinuedBy::ThisRun,
    };
    let mut attempts = Attempts::new(options.resume, next, kept);
    // In a box: a future has room for everything that it awaits.
    let mut copied = Box::pin(try_until_done(&context, ends, item, options, &mut attempts)).await;
    if let (Some(done), Err(failure)) = (moved_earlier, &copied)
        && failure.kind == failure::Kind::Missing
    {
        // The row stays as it is if nobody can say whether the copy is there.
        copied = gone::moved_before(&context, ends, item, done).await?;
    }
    let may_be_done = attempts.kept.may_be_done && options.overwrite == Overwrite::Never;
    match &copied {
        // Nobody has looked at what an earlier run has left: only the row knows it.
        Err(_) if attempts.kept.has_left() => {}
        // Keep the row: without it, `resume` could not know that the file is our copy.
        Err(failure) if may_be_done && failure.kind != failure::Kind::Exists => {}
        // Its user has left: a server that has no time for it now may have some when the job is resumed.
        Err(failure) if options.detach && failure.kind == failure::Kind::Temporary => {}
        // What is left belongs to the next run, or to whoever gives the job up.
        Err(_) if attempts.leave_something() => {}
        ended => claim::ended(&context.run.job_journal, ended, attempts.noted),
    }
    copied
}

/// Makes attempts until one has copied the file or there are no more.
async fn try_until_done(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    options: Options,
    attempts: &mut Attempts,
) -> Result<FileCopy, Failure> {
    let mut retry = Retry::new(&context.settings.patience);
    let (mut number, mut kept_old) = (0, false);
    loop {
        number += 1;
        let context = context.attempt(number);
        // What was known may be the reason for a failure, so it is asked again the second time. A listing
        // for people has no exact date.
        let dated = |facts: &Facts| facts.modified.is_some() || options.overwrite != Overwrite::Newer;
        let known = item.known.clone().filter(|facts| number == 1 && dated(facts));
        let is_first = number == 1 && !attempts.kept.has_left();
        let target = if is_first { item.target.clone() } else { Target::Unknown };
        let mut copying = Copying { context: &context, ends, item, options, kept_old: &mut kept_old };
        match Box::pin(copying.attempt((known, target), attempts)).await {
            Ok(done) if done.is_detached() => return Ok(done),
            Ok(done) => {
                attempts.discard(&context, ends).await; // the file was skipped this time
                let is_right = done.moved_by().is_some() || done.verified != Verified::None;
                attempts.kept.old.end(&context, &mut ends.destination, &item.destination, is_right).await;
                context.run.routes.verified(item.number, done.verified.name());
                return Ok(done);
            }
            Err(_) if context.run.cancel.is_cancelled() && attempts.count == 0 => {
                let interrupted = Failure::interrupted();
                return Err(match attempts.kept.has_detached_transfer() {
                    true => interrupted.hint(detached::RESUME_WAITS),
                    false => interrupted,
                });
            }
            Err(failure) => attempts.after(&context, ends, item, &mut retry, failure).await?,
        }
    }
}

/// One attempt at a file.
struct Copying<'a> {
    context: &'a Context,
    ends: &'a mut Ends,
    item: &'a Item,
    options: Options,
    /// Whether an attempt has kept the old file under another name.
    kept_old: &'a mut bool,
}

/// Both files, before anything moves.
struct Files {
    source: Facts,
    target: Option<Facts>,
}

/// How a file has ended that was to be moved.
enum Ended {
    /// It has its name.
    Named {
        rung: Rung,
        proof: Proof,
        /// How many bytes have moved.
        bytes: u64,
    },
    /// It goes on without this program.
    Detached(Rung),
    /// It was not renamed: see [`Named::Overtaken`].
    Overtaken(Facts),
}

/// Whether a part has its final name.
enum Named {
    /// It has, and this has verified it.
    By(Proof),
    /// Since the copy began, somebody has stored this under the name, and it may not be replaced.
    Overtaken(Facts),
}

impl Copying<'_> {
    async fn attempt(
        &mut self,
        known: (Option<Facts>, Target),
        attempts: &mut Attempts,
    ) -> Result<FileCopy, Failure> {
        connect_both(self.context, self.ends).await?;
        if self.options.detach && !self.options.mode.is_dry() {
            detached::check(self.context, self.ends).await?;
        }
        attempts.recover(self.context, self.ends, self.item).await?;
        let files = self.files(known).await?;
        if let Some(done) = self.is_there(&files, &attempts.kept).await? {
            return Ok(done);
        }
        let (Options { verify, allowed, mode, .. }, source) = (self.options, files.source);
        let (means, look) = check::means(self.context, self.ends, verify, allowed, source.size).await?;
        self.plan(source.size, means, files.target.as_ref()).await;
        if mode.is_dry() {
            let Ends { source: from, destination: to, .. } = &mut *self.ends;
            let rung = route::first_rung(self.context, from, to, allowed, mode == Mode::Explain).await?;
            let kept_old = self.item.kept_as.is_some() && files.target.is_some();
            return Ok(FileCopy { kept_old, ..FileCopy::planned(source.size, rung, means) });
        }
        self.may_fit(source.size, attempts)?;
        let (old, is_taken) = (files.target.as_ref(), files.target.is_some());
        let ended = self.move_and_name(attempts, (&source, old), (means, look)).await?;
        let (rung, proof, moved) = match ended {
            Ended::Named { rung, proof, bytes } => (rung, proof, bytes),
            Ended::Detached(rung) => return Ok(self.detached(source.size, rung, attempts)),
            Ended::Overtaken(target) => {
                let files = Files { source, target: Some(target) };
                let proof = self.is_skipped(&files, &attempts.kept).await?.unwrap_or(Verified::None.into());
                return Ok(FileCopy::skipped(files.source.size, proof.by).of(files.source));
            }
        };
        attempts.published();
        let size = match source.size {
            None => self.size_of_copy(moved).await,
            size => size,
        };
        Ok(FileCopy {
            end: FileEnd::Moved(rung),
            before: attempts.before(),
            changed_parts: attempts.parts.sent(),
            relayed: attempts.relayed.take(),
            protection: attempts.protection,
            attempts: attempts.count,
            source: Some(source),
            was_taken: is_taken,
            kept_old: *self.kept_old,
            facts: TransferFacts { digest: proof.digest, ..std::mem::take(&mut attempts.facts) },
            session: attempts.verifier,
            ..FileCopy::skipped(size, proof.by)
        })
    }

    /// Moves the file and gives it its name. A destination that turns out to rename nothing gets it under its final name.
    async fn move_and_name(
        &mut self,
        attempts: &mut Attempts,
        (source, old): (&Facts, Option<&Facts>),
        (means, look): (Verified, Digest),
    ) -> Result<Ended, Failure> {
        let mut noted = claim::note_source(&self.context.run.job_journal, &mut attempts.kept, source);
        let is_ours = old.is_none() || attempts.kept.in_place;
        let is_new = is_ours && self.options.in_place == InPlace::Fallback;
        if is_new && (self.ends.destination.cannot_rename() || attempts.kept.in_place) {
            self.store_in_place(attempts).await?;
        }
        loop {
            let mut start = attempts.next_start(self.context, self.ends, self.item, source, means).await?;
            let wish = Wish { options: self.options, source, old, means };
            let (context, item) = (self.context, self.item);
            let sent = Box::pin(changed::send(context, self.ends, item, wish, &mut start, attempts)).await?;
            let moved = match sent {
                Some(moved) => moved,
                None => self.move_part(&start, source, (means, look)).await,
            };
            start.part.stored.clone_from(&moved.stored);
            attempts.note(&start, source, &moved);
            if moved.count.touched {
                context.run.job_journal.note_change();
            }
            let rung = moved.result.inspect_err(|failure| self.ends.room.note(failure, source.size))?;
            noted.ready().await;
            if moved.count.detached {
                attempts.published();
                return Ok(Ended::Detached(rung));
            }
            if self.options.moves {
                // What a run has moved that is killed now is not called "already there" by the next one.
                self.context.run.job_journal.moves(Some(rung.name())).ready().await;
            }
            // A server that is killed may have given the name without saying so.
            attempts.kept.may_be_done = true;
            // A session that has ended unnoticed since the transfer is not the one that verifies.
            if !self.ends.destination.is_alive(self.context).await {
                self.ends.destination.connect(self.context).await?;
            }
            attempts.verifier = self.ends.destination.session_id();
            match self.publish(&start, &moved.count, (source, old), &mut attempts.kept.old).await {
                Ok(Named::By(proof)) => {
                    return Ok(Ended::Named { rung, proof, bytes: moved.count.bytes });
                }
                Ok(Named::Overtaken(target)) => return Ok(Ended::Overtaken(target)),
                Err(failure) if failure.about == About::NoRename && is_new && !attempts.in_place => {
                    self.store_in_place(attempts).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// The file goes on without this program.
    fn detached(&self, size: Option<u64>, rung: Rung, attempts: &Attempts) -> FileCopy {
        let detached = |job| FileEnd::Detached { route: rung, job };
        FileCopy {
            end: self.context.run.job_journal.job().map_or(FileEnd::Moved(rung), detached),
            before: attempts.before(),
            protection: attempts.protection,
            attempts: attempts.count,
            kept_old: *self.kept_old,
            ..FileCopy::skipped(size, Verified::None)
        }
    }

    /// Refuses a file that the destination will not take.
    fn may_fit(&self, size: Option<u64>, attempts: &Attempts) -> Result<(), Failure> {
        let is_begun = attempts.kept.has_left() || attempts.count > 0;
        let (_, dest) = self.item.names(self.ends);
        self.ends.room.check(&dest, size, is_begun)
    }

    /// The size of the copy of a source that tells none: what the destination says, or else what this program has moved.
    async fn size_of_copy(&mut self, moved: u64) -> Option<u64> {
        let told = self.ends.destination.size(self.context, &self.item.destination).await;
        told.ok().flatten().or((moved > 0).then_some(moved))
    }

    /// From now on the file is stored under its final name.
    async fn store_in_place(&mut self, attempts: &mut Attempts) -> Result<(), Failure> {
        attempts.discard(self.context, self.ends).await;
        attempts.kept.store_in_place(self.context).await?;
        attempts.in_place = true;
        let (_, dest) = self.item.names(self.ends);
        let text = format!(
            "{dest} is stored under its final name, since its server cannot rename: until the copy is verified, others may see a part of it"
        );
        self.context.run.events.warn_of(Topic::InPlace, self.ends.destination.name(), text);
        Ok(())
    }

    /// What is known of both files, if the source can be copied there.
    async fn files(&mut self, (known, target): (Option<Facts>, Target)) -> Result<Files, Failure> {
        let (source_name, dest_name) = self.item.names(self.ends);
        let Ends { source, destination, no_times, .. } = &mut *self.ends;
        // The time of a copy, and what a sync compares.
        let is_used = !self.options.mode.is_dry() || self.options.syncs.is_some();
        let asks_time = self.options.times && is_used && !no_times.load(Ordering::Relaxed);
        let known = async {
            let mut known = match known {
                Some(facts) => Some(facts),
                None => source.facts(self.context, &self.item.source).await?,
            };
            // A listing for people has no exact time.
            if let Some(facts) = known.as_mut().filter(|facts| asks_time && facts.modified.is_none()) {
                facts.modified = source.modified(self.context, &self.item.source).await?;
            }
            Ok(known)
        };
        let target = async {
            match target {
                Target::Known(facts) => Ok(facts),
                Target::Unknown => destination.facts(self.context, &self.item.destination).await,
            }
        };
        let (source, target) = tokio::try_join!(known, target)?;
        let source = readable(source, &source_name)?;
        self.ends.source.check_stored_name(self.context, &self.item.source).await?;
        let one = KnownFile { path: &self.item.source, facts: Some(&source) };
        refuse_itself(self.ends, one, KnownFile { path: &self.item.destination, facts: target.as_ref() })?;
        replaceable(target.as_ref(), &dest_name)?;
        Ok(Files { source, target })
    }

    /// What came of a file that need not be copied.
    async fn is_there(&mut self, files: &Files, kept: &FileRecord) -> Result<Option<FileCopy>, Failure> {
        if let Some(done) = self.is_named(files, kept).await? {
            return Ok(Some(done));
        }
        let Some(Proof { by: means, digest }) = self.is_skipped(files, kept).await? else { return Ok(None) };
        self.give_time(files).await?;
        let source = Some(files.source.clone());
        let is_proven = means != Verified::None;
        let facts = TransferFacts { digest, ..TransferFacts::NONE };
        let earlier = match self.options.moves {
            true => kept.has_copied(&files.source).filter(|_| is_proven).map(|route| EarlierCopy {
                route: Some(route),
                verified: None,
                counts: true,
            }),
            false => kept.earlier(&files.source),
        };
        let end = earlier.map_or(FileEnd::Skipped, FileEnd::Earlier);
        Ok(Some(FileCopy { source, end, facts, ..FileCopy::skipped(files.source.size, means) }))
    }

    /// What came of a file that this run has moved together with others, if the server that has not said so has given it its
    /// name: both are equal.
    async fn is_named(&mut self, files: &Files, kept: &FileRecord) -> Result<Option<FileCopy>, Failure> {
        let there = files.target.as_ref().and_then(|target| target.size);
        let Some(done) = kept.moved().filter(|_| there.is_some() && there == files.source.size) else {
            return Ok(None);
        };
        let proof = self.compare(files.source.size.unwrap_or(0)).await?;
        let source = Some(files.source.clone());
        // Both places may be one, as far as this has shown.
        Ok(proof.map(|Proof { by: verified, digest }| {
            let facts = TransferFacts { digest, ..done.facts.clone() };
            FileCopy { verified, source, facts, was_taken: true, ..done.clone() }
        }))
    }

    /// Whether the file need not be copied, and what has shown that.
    async fn is_skipped(&mut self, files: &Files, kept: &FileRecord) -> Result<Option<Proof>, Failure> {
        let rule = match self.options.overwrite {
            // A part of the copy is always newer than its source.
            Overwrite::Newer if kept.in_place => Overwrite::Different,
            rule @ (Overwrite::Never | Overwrite::Always | Overwrite::Different | Overwrite::Newer) => rule,
        };
        match rule.decide(&files.source, files.target.as_ref()) {
            Decision::Copy => Ok(None),
            // The source of a move is deleted if both are equal, and so is an old file that waits.
            Decision::Skip if self.options.moves || kept.old.wait() => {
                let size = files.source.size.filter(|_| !self.options.moves);
                let has_its_size = size.is_some() && size == files.target.as_ref().and_then(|to| to.size);
                let same = self.compare(files.source.size.unwrap_or(0)).await?;
                Ok(Some(same.unwrap_or(if has_its_size { Verified::Size } else { Verified::None }.into())))
            }
            Decision::Skip => Ok(Some(Verified::None.into())),
            Decision::Exists => {
                // Some listings show no exact time, and some servers compute no digest.
                let has_its_size =
                    files.target.as_ref().is_some_and(|target| target.size == files.source.size);
                if has_its_size && kept.has_finished(&files.source) && !self.options.moves {
                    return Ok(Some(Verified::None.into()));
                }
                let size = files.source.size.unwrap_or(0);
                let same = if kept.may_be_done { self.compare(size).await? } else { None };
                if same.is_some() {
                    return Ok(same);
                }
                let (_, dest) = self.item.names(self.ends);
                let failure = Failure::new(failure::Kind::Exists, format!("{dest} exists"));
                Err(failure.hint(if kept.in_place {
                    "it may be what the killed run has stored: delete it, and resume again"
                } else {
                    "--overwrite always replaces it"
                }))
            }
            // What an earlier run of this job may have stored is proven.
            Decision::Compare if self.is_as_old(files) && !kept.may_be_done => {
                Ok(Some(Verified::None.into()))
            }
            Decision::Compare => self.compare(files.source.size.unwrap_or(0)).await,
        }
    }

    /// Whether equal times show a sync that both files are the same. Listings may not have told the times.
    fn is_as_old(&self, files: &Files) -> bool {
        let times = (files.source.modified, files.target.as_ref().and_then(|target| target.modified));
        let is_equal = matches!(times, (Some(ours), Some(theirs)) if ours == theirs);
        is_equal && matches!(self.options.syncs, Some(Compare::Auto | Compare::Time))
    }

    /// Whether both files have the same digest. If nobody can say, the file is copied.
    async fn compare(&mut self, size: u64) -> Result<Option<Proof>, Failure> {
        // A sync moves nothing if they are equal, now and in later runs.
        let refused: &[Algorithm] = if self.options.syncs.is_some() { &Algorithm::CHECKSUMS } else { &[] };
        let Some(algorithm) = common(self.context, self.ends, refused).await? else { return Ok(None) };
        let means = Verified::Hash(algorithm);
        let Item { source, destination, .. } = self.item;
        let files =
            Compared { source, copy: destination, size: Some(size), streamed: &StreamedDigests::default() };
        match compare(self.context, self.ends, &files, means).await {
            Ok(Ok(proof)) => Ok(Some(proof)),
            Err(failure) if matches!(failure.kind, failure::Kind::Temporary | failure::Kind::Interrupted) => {
                Err(failure)
            }
            Ok(Err(_)) | Err(_) => Ok(None),
        }
    }

    /// A file of a sync that is the same gets the time of its source, so that the next run need not compare it.
    async fn give_time(&mut self, files: &Files) -> Result<(), Failure> {
        let time = files.source.modified.filter(|_| self.options.syncs.is_some() && self.options.times);
        let is_other = files.target.as_ref().is_some_and(|target| target.modified != files.source.modified);
        if time.is_none() || !is_other || self.options.mode.is_dry() {
            return Ok(());
        }
        times::set(self.context, self.ends, &self.item.destination, time).await?;
        times::tell(self.context, self.ends).await;
        Ok(())
    }

    async fn plan(&self, size: Option<u64>, verify: Verified, old: Option<&Facts>) {
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
            self.context
                .run
                .events
                .deliver(Event::Changed(Change { verb, place, dest, kind, size, dry_run }))
                .await;
        }
    }

    /// Moves the bytes to the part.
    async fn move_part(
        &mut self,
        start: &StartPoint,
        source: &Facts,
        (means, look): (Verified, Digest),
    ) -> Transferred {
        if let Some(rung) = start.moved {
            let bytes = source.size.unwrap_or(0).saturating_sub(start.at);
            let count = Count { attempts: 1, touched: true, bytes, ..Count::default() };
            return Transferred { result: Ok(rung), count, stored: start.part.stored.clone() };
        }
        let is_whole = start.at == 0; // any other digest would be that of a part
        let name = self.ends.source.show(&self.item.source);
        let digest = match means {
            Verified::Hash(algorithm) if is_whole => Some(algorithm),
            Verified::Hash(_) | Verified::Size | Verified::None => None,
        };
        let digests = (digest, if is_whole { look } else { Digest::Off });
        let assignment = assignment(self.ends, self.item, self.options, (start, source), digests);
        let mut moved = transfer(self.context, self.ends, &assignment).await;
        let target = self.ends.destination.show(&self.item.destination);
        moved.result = moved.result.map_err(|failure| {
            failure.during_unless_interrupted(format_args!("cannot copy {name} to {target}"))
        });
        moved
    }

    /// Verifies the part, also by the digests that were computed while it moved, then gives it the final name. Says
    /// what has verified it. If a server offers digests and then refuses one, sizes are compared, unless a
    /// digest was asked for or is the only proof of what an earlier attempt has stored.
    async fn publish(
        &mut self,
        start: &StartPoint,
        count: &Count,
        (facts, old): (&Facts, Option<&Facts>),
        aside: &mut OldFiles,
    ) -> Result<Named, Failure> {
        let Options { verify, .. } = self.options;
        let (part, source) = (&start.part, &self.item.source);
        let nothing = StreamedDigests::default();
        let streamed = if start.at == 0 { &count.streamed } else { &nothing };
        let files = Compared { source, copy: &part.stored, size: facts.size, streamed };
        let by = match count.sha256.as_deref() {
            Some(sha256) => check::verify(self.context, self.ends, Passed { files, sha256 }, verify).await,
            None => verify.verify(self.context, self.ends, &files).await,
        };
        let mut digest = None;
        let by = by.map(|proof| {
            digest = proof.digest;
            proof.by
        });
        let is_streamed = streamed.source.is_some();
        let from = &mut self.ends.source;
        let by = check::unchanged(self.context, from, source, facts, by, is_streamed).await?;
        if by == Verified::None && verify == Verify::Auto {
            let name = self.ends.source.show(source);
            let text = format!(
                "the copy of {name} is not verified: a server tells no size, and there is no common digest"
            );
            self.context.run.events.warn_of(Topic::Unverified, self.ends.destination.name(), text);
        }
        if !start.is_verified_by(by) {
            return Err(Failure::new(
                failure::Kind::Unverified,
                "no digest proves what was stored before the transfer broke",
            ));
        }
        let now = (&mut self.ends.destination, part, facts);
        if let Some(target) = overtaken(self.context, self.options.overwrite, now).await? {
            return Ok(Named::Overtaken(target));
        }
        // The reply to a time that is set comes with the next command, which must be the renaming.
        if let (Some(kept_as), Some(old)) = (self.item.kept_as.as_ref(), old) {
            let (host, target) = (&mut self.ends.destination, &self.item.destination);
            *self.kept_old |= backup::keep_old(self.context, host, target, (kept_as, old.size)).await?;
        }
        if self.options.perms {
            times::set_mode(self.context, self.ends, &part.stored, facts.mode).await?;
        }
        times::set(self.context, self.ends, &part.stored, facts.modified.filter(|_| self.options.times))
            .await?;
        let size = facts.size.filter(|_| by != Verified::None);
        let (host, proof) = (&mut self.ends.destination, Proof { by, digest });
        let before = if old.is_some() { FinalName::Taken(proof.as_digest()) } else { FinalName::Free };
        let named = aside.publish(self.context, host, part, before, size).await;
        named.map_err(|why| part.not_named(why))?;
        times::tell(self.context, self.ends).await;
        Ok(Named::By(proof))
    }
}
