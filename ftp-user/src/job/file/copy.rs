//! One file is copied: nothing unverified ever stands under its final name.
//!
//! ```text
//!  facts -> overwrite rule -> name of the part -> move (ladder) -> verify -> rename
//!                |             or resume              |               |
//!              skip                    next candidate / later     delete the part
//! ```

use super::attempts::{Attempts, StartPoint};
use super::decision::Files;
use super::{changed, ranges, times};
use crate::context::Context;
use crate::endpoint::files::{self, FinalName};
use crate::endpoint::{Host, Losses};
use crate::failure::{self, About, Failure, Result};
use crate::job::check::{self, ComparedFiles, Overwrite, Proof, Verify};
use crate::job::claims::claim::{self, FileClaim};
use crate::job::claims::forecast::CopyForecast;
use crate::job::part::publish;
use crate::job::race::{Transferred, transfer};
use crate::job::request::job::{InPlace, Mode, Options};
use crate::job::retry::{Retry, connect_both};
use crate::job::{Item, Target, similar, unattended};
use crate::ladder::Rung;
use crate::outcome::{FileCopy, FileEnd, StreamedDigests, TransferFacts, Verified};
use crate::report::Topic;
use crate::route::{self, ContinuedBy, Count, Ends};
use crate::session::Facts;
use ftp_io::copy::Digest;

/// Copies one file. Temporary failures are tried again.
pub(in crate::job) async fn copy(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    options: Options,
) -> Result<FileCopy> {
    let claimed = claim::claim(context, ends, item).await?;
    Box::pin(copy_claimed(context, ends, item, options, claimed)).await
}

/// Copies a file that is claimed, and notes in the journal how that has ended. Tells which session of the destination has
/// verified the copy.
pub(in crate::job) async fn copy_claimed(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    options: Options,
    claimed: FileClaim,
) -> Result<FileCopy> {
    let lost = |host: &Host| host.losses().map(Losses::number);
    let before = lost(&ends.destination);
    let context = claimed.context(context, item);
    let FileClaim { mut kept, done, .. } = claimed;
    match done {
        // Both may have changed since: they are compared again before the source is deleted.
        Some(_) if options.moves || options.syncs.is_some() => kept.may_be_done = true,
        Some(means) => {
            let done = FileCopy::earlier(item.known.as_ref().and_then(|facts| facts.size), means);
            return Ok(FileCopy { session: ends.destination.session_id(), ..done });
        }
        None => {}
    }
    let moved_earlier = kept.moved_before().filter(|_| options.moves);
    let next = match (context.settings.patience.retries, context.run.job_journal.keeps_item()) {
        (0, false) => ContinuedBy::Nobody,
        (0, true) => ContinuedBy::Resume,
        (1.., _) => ContinuedBy::ThisRun,
    };
    let attempts = Attempts::new(options.resume, next, kept);
    let mut copying = Copying { context: context.clone(), ends, item, options, attempts };
    // In a box: a future has room for everything that it awaits.
    let mut copied = Box::pin(copying.try_until_done(&context)).await;
    let mut is_lost = false;
    if let (Some(done), Err(failure)) = (moved_earlier, &copied)
        && failure.kind == failure::Kind::Missing
    {
        // The row stays as it is if nobody can say whether the copy is there.
        copied = copying.moved_before(done).await?;
        is_lost = copied.is_err();
    }
    let attempts = copying.attempts;
    let may_be_done = attempts.kept.may_be_done && options.overwrite == Overwrite::Never;
    match &copied {
        // Nobody has looked at what an earlier run has left: only the row knows it.
        Err(_) if attempts.kept.has_left() => {}
        // Keep the row: without it, `resume` could not know that the file is our copy.
        Err(failure) if may_be_done && failure.kind != failure::Kind::Exists => {}
        // Its user has left: a server that has no time for it now may have some when the job is resumed.
        Err(failure) if options.detach && failure.kind == failure::Kind::Temporary => {}
        // What is left belongs to the next run, or to whoever gives the job up.
        Err(_) if attempts.has_something_left() => {}
        Err(failure) if is_lost => claim::lost(&context.run.job_journal, failure),
        ended => claim::ended(&context.run.job_journal, ended, attempts.noted),
    }
    // If a session was lost meanwhile, only the one in which the copy was verified counts, if that is known.
    let is_same = lost(&ends.destination) == before;
    let done = copied?;
    let session = if is_same { ends.destination.session_id() } else { done.session };
    Ok(FileCopy { session, ..done })
}

/// A file while it is copied.
pub(super) struct Copying<'a> {
    /// The context of the attempt that runs.
    pub(super) context: Context,
    pub(super) ends: &'a mut Ends,
    pub(super) item: &'a Item,
    pub(super) options: Options,
    pub(super) attempts: Attempts,
}

/// What an attempt copies, and what will verify the copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct CopyPlan<'a> {
    /// The source as it is now.
    pub(super) source: &'a Facts,
    /// What has the final name.
    pub(super) old: Option<&'a Facts>,
    /// What will verify the copy at least.
    pub(super) means: Verified,
    /// Which digest is computed of bytes that pass this host or a relay.
    look: Digest,
}

/// Whether a part has its final name.
enum Published {
    /// It has its final name.
    By {
        /// What has verified it.
        proof: Proof,
        /// What was copied of the source.
        source: Facts,
    },
    /// Since the copy began, somebody has stored this under the name, and it may not be replaced.
    Overtaken(Facts),
}

impl Copying<'_> {
    /// Makes attempts until one has copied the file or there are no more.
    async fn try_until_done(&mut self, context: &Context) -> Result<FileCopy> {
        let mut retry = Retry::new(&context.settings.patience);
        let mut number = 0;
        loop {
            number += 1;
            self.context = context.clone();
            // What was known may be the reason for a failure, so it is asked again the second time. A listing
            // for people has no exact date.
            let is_first = number == 1;
            let dated =
                |facts: &Facts| facts.modified.is_some() || self.options.overwrite != Overwrite::Newer;
            let known = self.item.known.clone().filter(|facts| is_first && dated(facts));
            // What an earlier run has left may be renamed when it is looked at, unless nothing but the final name was left.
            let is_known = matches!(self.attempts.kept.forecast, CopyForecast::NotCopied(_));
            let is_fresh = is_first && (!self.attempts.kept.has_left() || is_known);
            let target = if is_fresh { self.item.target.clone() } else { Target::Unknown };
            match Box::pin(self.attempt(known, target)).await {
                Ok(done) if done.is_detached() => return Ok(done),
                Ok(done) => {
                    self.discard().await; // the file was skipped this time
                    let is_right = done.moved_by().is_some() || done.verified != Verified::None;
                    let (host, target) = (&mut self.ends.destination, &self.item.destination);
                    self.attempts.kept.old.end(&self.context, host, target, is_right).await;
                    context.run.routes.verified(self.item.number, done.verified.name());
                    return Ok(done);
                }
                Err(_) if context.run.cancel.is_cancelled() && self.attempts.done.attempts == 0 => {
                    let interrupted = Failure::interrupted();
                    return Err(match self.attempts.kept.detached {
                        Some(_) => interrupted.hint(unattended::RESUME_WAITS),
                        None => interrupted,
                    });
                }
                Err(failure) => self.after(&mut retry, failure).await?,
            }
        }
    }

    async fn attempt(&mut self, known: Option<Facts>, target: Target) -> Result<FileCopy> {
        let Options { verify, allowed, mode, detach, .. } = self.options;
        connect_both(&self.context, self.ends).await?;
        if detach && !mode.is_dry() {
            unattended::check(&self.context, self.ends).await?;
        }
        self.recover().await?;
        let files = self.files(known, target).await?;
        if let Some(done) = self.skip_if_there(&files).await? {
            return Ok(done);
        }
        let Files { source, target } = files;
        if self.options.moves && target.is_some() {
            let Item { destination: path, source: from, .. } = self.item;
            similar::check_shown(&self.context, &mut self.ends.destination, path, from).await?;
        }
        if std::mem::take(&mut self.attempts.is_incomparable) {
            self.tell_again();
        }
        let (means, look) = check::means(&self.context, self.ends, verify, allowed, source.size).await?;
        self.tell_plan(source.size, means, target.as_ref()).await;
        if mode.is_dry() {
            let Ends { source: from, destination: to, .. } = &mut *self.ends;
            let rung = route::first_rung(&self.context, from, to, allowed, mode == Mode::Explain).await?;
            let kept_old = self.item.kept_as.is_some() && target.is_some();
            return Ok(FileCopy { kept_old, ..FileCopy::planned(source.size, rung, means) });
        }
        let is_begun = self.attempts.kept.has_left() || self.attempts.done.attempts > 0;
        let (_, dest) = self.item.names(self.ends);
        self.ends.room.check(&dest, source.size, is_begun)?;
        self.move_and_name(CopyPlan { source: &source, old: target.as_ref(), means, look }).await
    }

    /// Moves the file and gives it its name. A destination that turns out to rename nothing gets it under its final name.
    async fn move_and_name(&mut self, plan: CopyPlan<'_>) -> Result<FileCopy> {
        let CopyPlan { source, old, .. } = plan;
        let mut noted = claim::note_source(&self.context.run.job_journal, &mut self.attempts.kept, source);
        let is_ours = old.is_none() || self.attempts.kept.in_place;
        let is_new = is_ours && self.options.in_place == InPlace::Fallback;
        if is_new && (self.ends.destination.cannot_rename() || self.attempts.kept.in_place) {
            self.store_in_place().await?;
        }
        loop {
            let mut start = self.next_start(plan).await?;
            let mut moved = match Box::pin(changed::send(self, plan, &mut start)).await? {
                Some(moved) => moved,
                None => match Box::pin(ranges::send(self, plan, &mut start)).await? {
                    Some(moved) => moved,
                    None => self.move_part(&start, plan).await,
                },
            };
            start.part.stored.clone_from(&moved.stored);
            self.attempts.note(&start, source, &moved);
            if moved.count.touched {
                self.context.run.job_journal.note_change();
            }
            let rung = moved.result.inspect_err(|failure| self.ends.room.note(failure, source.size))?;
            noted.ready().await;
            if moved.count.detached {
                // The file goes on without this program.
                self.attempts.published();
                let detached = |job| FileEnd::Detached { route: rung, job };
                let end = self.context.run.job_journal.job().map_or(FileEnd::Moved(rung), detached);
                let FileCopy { protection, attempts, kept_old, .. } = self.attempts.done;
                let (before, moved) =
                    (self.attempts.before(), FileCopy::skipped(source.size, Verified::None));
                return Ok(FileCopy { end, before, protection, attempts, kept_old, ..moved });
            }
            if self.options.moves {
                // What a run has moved that is killed now is not called "already there" by the next one.
                self.context.run.job_journal.moves(Some(rung)).ready().await;
            }
            // A server that is killed may have given the name without saying so.
            self.attempts.kept.may_be_done = true;
            // A session that has ended unnoticed since the transfer is not the one that verifies, nor is the digest that it has told.
            if !self.ends.destination.is_alive(&self.context).await {
                moved.count.streamed.destination = None;
                self.ends.destination.connect(&self.context).await?;
            }
            self.attempts.done.session = self.ends.destination.session_id();
            match self.verify_and_publish(&start, rung, &moved.count, plan).await {
                Ok(Published::By { proof, source }) => {
                    let plan = CopyPlan { source: &source, ..plan };
                    return Ok(self.copied(plan, rung, proof, moved.count.bytes).await);
                }
                Ok(Published::Overtaken(target)) => {
                    let files = Files { source: source.clone(), target: Some(target) };
                    let proof = self.proof_to_skip(&files).await?.unwrap_or(Verified::None.into());
                    return Ok(FileCopy::skipped(source.size, proof.by).of(files.source));
                }
                Err(failure) if failure.about == About::NoRename && is_new && !self.attempts.in_place => {
                    self.store_in_place().await?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// The copy has its final name, and `moved` bytes have moved in the last attempt.
    async fn copied(&mut self, plan: CopyPlan<'_>, rung: Rung, proof: Proof, moved: u64) -> FileCopy {
        self.attempts.published();
        let size = match plan.source.size {
            // A source that tells no size: what the destination says, or else what this program has moved.
            None => {
                let told =
                    files::size(&self.context, &mut self.ends.destination, &self.item.destination).await;
                told.ok().flatten().or((moved > 0).then_some(moved))
            }
            size => size,
        };
        let done = self.attempts.done.clone();
        FileCopy {
            size,
            end: FileEnd::Moved(rung),
            before: self.attempts.before(),
            verified: proof.by,
            source: Some(plan.source.clone()),
            was_taken: plan.old.is_some(),
            facts: TransferFacts { digest: proof.digest, ..done.facts.clone() },
            ..done
        }
    }

    /// From now on the file is stored under its final name.
    async fn store_in_place(&mut self) -> Result<()> {
        self.discard().await;
        self.attempts.kept.store_in_place(&self.context).await?;
        self.attempts.in_place = true;
        let (_, dest) = self.item.names(self.ends);
        let text = format!(
            "{dest} is stored under its final name, since its server cannot rename: until the copy is verified, others may see a part of it"
        );
        self.context.run.events.warn_of(Topic::InPlace, self.ends.destination.name(), text);
        Ok(())
    }

    /// Moves the bytes to the part.
    async fn move_part(&mut self, start: &StartPoint, plan: CopyPlan<'_>) -> Transferred {
        let CopyPlan { source, means, look, .. } = plan;
        if let Some(rung) = start.moved {
            let bytes = source.size.unwrap_or(0).saturating_sub(start.at);
            let count = Count { attempts: 1, touched: true, bytes, ..Count::default() };
            return Transferred { result: Ok(rung), count, stored: start.part.stored.clone() };
        }
        let (name, target) = self.item.names(self.ends);
        let mut assignment = self.assignment(start, source);
        if start.at == 0 {
            // Any other digest would be that of a part.
            (assignment.digest, assignment.look) = (means.algorithm(), look);
            assignment.leads_others = self.item.is_listed && self.item.may_move_together(self.options);
        }
        let moved = transfer(&self.context, self.ends, &assignment).await;
        moved.during(format_args!("cannot copy {name} to {target}"))
    }

    /// Verifies the part, also by the digests that were computed while it moved, then gives it the final name. If a server
    /// offers digests and then refuses one, sizes are compared, unless a digest was asked for or is the only proof of what
    /// an earlier attempt has stored.
    async fn verify_and_publish(
        &mut self,
        start: &StartPoint,
        rung: Rung,
        count: &Count,
        plan: CopyPlan<'_>,
    ) -> Result<Published> {
        let (verify, source) = (self.options.verify, &self.item.source);
        let nothing = StreamedDigests::default();
        let streamed = if start.at == 0 && start.in_ranges.is_none() { &count.streamed } else { &nothing };
        let is_counted = rung.is_counted() && !start.assembled && start.in_ranges.is_none();
        let passed = is_counted.then(|| start.at.saturating_add(count.bytes));
        let (copy, size) = (&start.part.stored, plan.source.size);
        let files = ComparedFiles { source, copy, size, streamed, passed };
        let proof = match count.sha256.as_deref() {
            Some(sha256) => check::verify_passed(&self.context, self.ends, &files, sha256, verify).await,
            None => verify.verify(&self.context, self.ends, &files).await,
        };
        let digest_of_sent = streamed.source.is_some() || count.sha256.is_some();
        let from = &mut self.ends.source;
        let proof = check::unchanged(&self.context, from, source, plan.source, proof, digest_of_sent).await;
        let grown = match &proof {
            // What a move deletes must have been copied.
            Err(failure) if failure.about == About::Changed && !self.options.moves => {
                check::grown(&self.context, self.ends, &files, plan.source).await?
            }
            Ok(_) | Err(_) => None,
        };
        let (source, proof) = match grown {
            Some((source, proof)) => (source, proof),
            None => (plan.source.clone(), proof?),
        };
        let plan = CopyPlan { source: &source, ..plan };
        if proof.by == Verified::None && verify == Verify::Auto {
            let name = self.ends.source.show(&self.item.source);
            let text = format!(
                "the copy of {name} is not verified: a server tells no size, and there is no common digest"
            );
            self.context.run.events.warn_of(Topic::Unverified, self.ends.destination.name(), text);
        }
        if !start.is_verified_by(proof.by) {
            return Err(Failure::new(
                failure::Kind::Unverified,
                "no digest proves what was stored before the transfer broke",
            ));
        }
        self.publish(start, proof, plan).await
    }

    /// Gives the part, which is verified, its final name, and before that what belongs to it: its old file is kept if it is
    /// to be, and it gets permissions and time.
    async fn publish(&mut self, start: &StartPoint, proof: Proof, plan: CopyPlan<'_>) -> Result<Published> {
        let CopyPlan { source, old, .. } = plan;
        let (context, part, target) = (&self.context, &start.part, &self.item.destination);
        let (options, host) = (self.options, &mut self.ends.destination);
        if let Some(target) = publish::overtaken(context, host, part, options.overwrite, source).await? {
            return Ok(Published::Overtaken(target));
        }
        // The reply to a time that is set comes with the next command, which must be the renaming.
        if let (Some(kept_as), Some(old)) = (self.item.kept_as.as_ref(), old) {
            self.attempts.done.kept_old |=
                publish::keep_old(context, host, target, kept_as, old.size).await?;
        }
        if options.perms {
            match source.mode {
                Some(mode) => times::set_mode(context, self.ends, &part.stored, mode).await?,
                None => times::tell_unknown_mode(context, self.ends, self.item),
            }
        }
        times::set(context, self.ends, &part.stored, source.modified.filter(|_| options.times)).await?;
        let size = source.size.filter(|_| proof.by != Verified::None);
        let before = if old.is_some() { FinalName::Taken(proof.as_digest()) } else { FinalName::Free };
        let aside = &mut self.attempts.kept.old;
        let named = aside.publish(context, &mut self.ends.destination, part, before, size).await;
        named.map_err(|why| part.not_named(why))?;
        times::tell(context, self.ends).await;
        Ok(Published::By { proof, source: source.clone() })
    }
}
