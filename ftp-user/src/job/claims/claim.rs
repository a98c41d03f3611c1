//! The claim of a file. A file is claimed before anything of it is stored, and its end is noted.
//!
//! Its row and the name of its first part are on the disk before a server is told to store, and each further name before it is
//! used. How a file has ended is written soon afterwards; if that is lost, the file is compared once more, and not copied
//! again.

use super::forecast::CopyForecast;
use super::lifetime::{goes_without, tell};
use super::names::place;
use crate::account::shortened;
use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{About, Failure, FtpUser, Kind, Result};
use crate::job::Item;
use crate::job::part::publish::OldFiles;
use crate::job::part::{Leftover, Part, new_id};
use crate::job::request::job::Options;
use crate::journal::{
    Claim, ClaimedItem, Detached, FinishedCopy, ItemEnd, ItemHistory, ItemKey, ItemParts, JobJournal,
    JournalAnswer, NewItem, PartId, ResumeAction, SourceFacts, UnfinishedItem, decide, is_same,
};
use crate::ladder::Rung;
use crate::outcome::{EarlierCopy, FileCopy, FileEnd, Verified};
use crate::report::Topic;
use crate::route::{Ends, StoreReply};
use crate::session::Facts;
use crate::world::LocalName;
use ftp_io::clock::since_1970;
use ftp_proto::listing::{self, When};
use std::sync::OnceLock;

/// A file that is claimed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::job) struct FileClaim {
    /// Its row in the journal; `None` if nothing is kept of it.
    key: Option<ItemKey>,
    /// What the journal knows of it.
    pub(in crate::job) kept: FileRecord,
    /// If it need not be copied: what has verified it in an earlier run.
    pub(in crate::job) done: Option<Verified>,
    /// When it was begun, in milliseconds since 1970.
    began: OnceLock<Option<u64>>,
}

impl FileClaim {
    /// Whether nothing of the file is stored that a copy would have to look at, except under its final name, and this run has not
    /// had it named.
    pub(in crate::job) const fn has_no_part(&self) -> bool {
        self.done.is_none() && !self.kept.has_part() && self.kept.moved.is_none()
    }

    /// Whether both ends may be asked about the file together with others: nothing but its final name has to be looked at, and they
    /// were not asked in this way before. A copy that has ended is compared again for a move and a sync only.
    pub(in crate::job) fn may_be_asked(&self, options: Options) -> bool {
        let is_open = self.done.is_none() || options.moves || options.syncs.is_some();
        let has_no_old_part = self.kept.left.as_ref().is_none_or(|left| left.undeleted.is_empty());
        is_open && !self.kept.has_part() && has_no_old_part && self.kept.forecast == CopyForecast::NotAsked
    }

    /// Whether what has the final name may be the copy of this very job, which has ended or was not seen to end.
    pub(in crate::job) const fn may_be_done(&self) -> bool {
        self.done.is_some() || self.kept.may_be_done
    }

    /// Takes a name for its part that nobody has used. It is on the disk if the journal keeps the file; `None` if it is not.
    pub(in crate::job) fn take_part(&mut self) -> Option<PartId> {
        let own = self.kept.unused.take();
        own.or_else(|| new_id().ok().filter(|_| self.key.is_none()))
    }

    /// The context in which the file is copied: its journal is asked about this file. The file begins with the first call.
    pub(in crate::job) fn context(&self, context: &Context, item: &Item) -> Context {
        let mut own = context.item(item.number);
        own.run.job_journal = self.journal(context);
        own
    }

    /// The journal, asked about the file. The file begins with the first call.
    pub(in crate::job) fn journal(&self, context: &Context) -> JobJournal {
        let journal = &context.run.job_journal;
        self.key.map_or_else(|| journal.clone(), |key| journal.about(key, *self.began.get_or_init(now)))
    }

    /// Gives up the claim: nothing was stored for it.
    pub(in crate::job) fn give_up(&self, context: &Context) {
        if self.key.is_some() {
            self.journal(context).ended(ItemEnd::Unbegun);
        }
    }

    /// Whether an earlier run has begun or copied the file, or it may have its name.
    pub(in crate::job) const fn was_begun(&self) -> bool {
        self.kept.has_left() || self.done.is_some() || self.kept.moved.is_some()
    }
}

/// Claims a file. Nothing may be stored before this returns.
///
/// # Errors
///
/// See [`PendingClaims::ready`].
pub(in crate::job) async fn claim(context: &Context, ends: &Ends, item: &Item) -> Result<FileClaim> {
    let mut claims = PendingClaims::begin(context, ends, vec![item.clone()], |_| true);
    claims.ready(context, ends).await.pop().map_or_else(|| Ok(FileClaim::default()), |file| file.claim)
}

/// A file that has its claim.
#[derive(Clone, Debug)]
pub(in crate::job) struct ClaimedFile {
    pub(in crate::job) item: Item,
    /// What the journal knows of it, or why it cannot be copied.
    pub(in crate::job) claim: Result<FileClaim>,
}

/// Files whose claims are on their way to the disk, all of them with one write.
#[derive(Debug)]
pub(in crate::job) struct PendingClaims {
    items: Vec<Item>,
    /// `Err`: this host has no random numbers.
    asked: Result<JournalAnswer<Vec<Claim>>>,
}

impl PendingClaims {
    /// Begins to claim files. `has_part` says of which files something may be stored under the name of a part; that of another
    /// file is written when it is needed.
    pub(in crate::job) fn begin(
        context: &Context,
        ends: &Ends,
        items: Vec<Item>,
        has_part: impl Fn(&Item) -> bool,
    ) -> Self {
        let new = |item: &Item| {
            let seen = item.known.as_ref().map(seen);
            let part = has_part(item).then(new_id).transpose()?;
            Ok(NewItem { place: place(ends, item), part, seen, takes_over: true })
        };
        let kept = if context.run.job_journal.job().is_some() { items.as_slice() } else { &[] };
        let files: Result<Vec<NewItem>> = kept.iter().map(new).collect();
        Self { items, asked: files.map(|files| context.run.job_journal.begin(files)) }
    }

    /// The files with their claims, which are on the disk; once. Nothing may be stored before this returns. Each file has its
    /// own result: another job that runs may have claimed its destination, or a job that was resumed may have lost its journal,
    /// so that nobody knows what an earlier run has left of the file. May be dropped without losing anything.
    pub(in crate::job) async fn ready(&mut self, context: &Context, ends: &Ends) -> Vec<ClaimedFile> {
        let began = match &mut self.asked {
            Ok(claims) => claims.ready().await.unwrap_or_default(),
            Err(failure) => {
                let claim = Err(failure.clone());
                return self.items.drain(..).map(|item| ClaimedFile { item, claim: claim.clone() }).collect();
            }
        };
        let began = began.into_iter().chain(std::iter::repeat(Claim::Unkept));
        let items = std::mem::take(&mut self.items).into_iter().zip(began);
        let claimed = |(item, began)| ClaimedFile { claim: claimed(context, ends, &item, began), item };
        items.map(claimed).collect()
    }
}

/// What the answer of the journal means for a file.
fn claimed(context: &Context, ends: &Ends, item: &Item, began: Claim) -> Result<FileClaim> {
    let Some(begun) = begun(ends, item, began)? else {
        return goes_without(context).map(|()| FileClaim::default());
    };
    let mut claim = FileClaim { key: Some(begun.key), ..FileClaim::default() };
    let kept = &mut claim.kept;
    kept.unused = begun.first;
    let mut now = item.known.as_ref().map(seen);
    match &begun.history {
        ItemHistory::New => kept.noted = now.clone(),
        ItemHistory::Open(left) => kept.noted = left.seen.clone(),
        ItemHistory::Done { copy, .. } => {
            kept.finished = Some(copy.clone());
            // The walk tells nothing of a file of this host.
            now = now.or_else(|| ends.source.facts_here(&item.source).as_ref().map(seen));
        }
        ItemHistory::GivenOver { .. } => {}
    }
    match decide(begun.history, now.as_ref()) {
        // A power failure may have taken what was not synced. To look at it here costs nothing.
        ResumeAction::Skip if is_lost(ends, item) => kept.finished = None,
        // Where nothing may be replaced, the copy of this very job is not somebody else's file.
        ResumeAction::Copy => kept.may_be_done = kept.finished.is_some(),
        ResumeAction::Skip => claim.done = kept.finished.as_ref().map(|copy| copy.verified),
        // Whatever became of the later job: what stands there is not this one's any more.
        ResumeAction::LeaveAlone { why } => {
            let hint = "type the copy again if it is to stand there".to_owned();
            return Err(exists(ends, item, &format!("left alone: {why}"), hint).about(About::TakenOver));
        }
        ResumeAction::GoOn(left) => {
            let UnfinishedItem { mut parts, seen, route, of_other } = *left;
            if of_other.is_some() && context.run.job_journal.is_shared() {
                // A worker that has lost the other job may still give them the final name.
                parts.undeleted.append(&mut parts.names);
            }
            if let Some(other) = of_other {
                let name = ends.destination.show(&item.destination);
                let text =
                    format!("job {other} was copying something else to {name}, and leaves it alone now");
                context.run.events.warn_of(Topic::TakenOver, ends.destination.name(), text);
            }
            let ItemParts { mut names, undeleted, in_place, detached } = parts;
            kept.moved_earlier = seen.clone().zip(route);
            kept.in_place = in_place.is_some();
            kept.detached = detached;
            // Nothing has a final name before the source was seen, and only the same source counts.
            kept.may_be_done = seen.is_some();
            let last = names.pop();
            kept.left =
                Some(EarlierParts { last, others: names, undeleted, seen, ..EarlierParts::default() });
        }
    }
    Ok(claim)
}

/// Holds the destination of a file that is changed in place: no job stores there meanwhile. What killed jobs have left there
/// stays theirs. Returns the journal, which is asked about the file until [`ItemEnd::Unbegun`] gives it free.
///
/// # Errors
///
/// Another job has claimed it.
pub(in crate::job) async fn hold(context: &Context, ends: &Ends, item: &Item) -> Result<JobJournal> {
    if context.run.job_journal.job().is_none() {
        return Ok(JobJournal::default());
    }
    let file = NewItem { place: place(ends, item), part: None, seen: None, takes_over: false };
    let claims = context.run.job_journal.begin(vec![file]).ready().await;
    let began = claims.and_then(|mut claims| claims.pop()).unwrap_or(Claim::Unkept);
    let begun = begun(ends, item, began)?;
    Ok(begun.map_or_else(JobJournal::default, |begun| context.run.job_journal.about(begun.key, None)))
}

/// A file that is claimed; `None` if nothing is kept of it.
fn begun(ends: &Ends, item: &Item, began: Claim) -> Result<Option<ClaimedItem>> {
    match began {
        Claim::Ours(begun) => Ok(Some(begun)),
        Claim::Theirs(job) => {
            let hint = format!("wait for its end ({FtpUser} jobs), or choose another destination");
            Err(exists(ends, item, &format!("claimed by job {job}, which runs"), hint)
                .about(About::Claimed(job)))
        }
        Claim::Moves(job) => {
            let what = format!("claimed by job {job}, whose transfer goes on without this program");
            let hint = format!(
                "{FtpUser} resume {job} waits for its end, {FtpUser} cancel {job} ends it; or choose another destination"
            );
            Err(exists(ends, item, &what, hint))
        }
        Claim::Unkept => Ok(None),
    }
}

/// The destination of a file belongs to another job.
fn exists(ends: &Ends, item: &Item, what: &str, hint: String) -> Failure {
    let (_, dest) = item.names(ends);
    Failure::new(Kind::Exists, format!("{dest} is {what}")).hint(hint)
}

/// Whether a finished copy on this host is not there any more, or has another size.
fn is_lost(ends: &Ends, item: &Item) -> bool {
    let size = item.size();
    match &ends.destination {
        Host::Server(_) => false,
        Host::Local(_) => {
            let found = LocalName::typed(&item.destination).facts().ok().flatten();
            found.is_none_or(|found| found.kind != listing::Kind::File || found.size != size)
        }
    }
}

/// Notes how a file has ended. What was interrupted stays open. So many of its attempts were noted before.
pub(in crate::job) fn ended(journal: &JobJournal, copied: &Result<FileCopy>, noted: u32) {
    if !journal.keeps_item() {
        return;
    }
    let began = journal.began;
    match copied {
        // It goes on without this program.
        Ok(done) if done.is_detached() => {}
        Ok(done) => journal.ended(ItemEnd::Done { copy: Box::new(done.clone()), began, noted }),
        Err(failure) if failure.kind == Kind::Interrupted => {}
        Err(failure) => {
            journal.ended(ItemEnd::Failed { why: shortened(&failure.to_string()), began });
        }
    }
}

/// Notes that a file which was done was not seen afterwards. If the look was interrupted, it is still done.
pub(in crate::job) fn lost(journal: &JobJournal, failure: &Failure) {
    if failure.kind != Kind::Interrupted {
        journal.ended(ItemEnd::Lost { why: shortened(&failure.to_string()), began: journal.began });
    }
}

/// The time, in milliseconds since 1970.
pub(in crate::job) fn now() -> Option<u64> {
    u64::try_from(since_1970().as_millis()).ok()
}

/// What the journal knows of a file, while it is copied.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::job) struct FileRecord {
    /// A name for a part that is on the disk and that nobody has used.
    pub(in crate::job) unused: Option<PartId>,
    /// What an earlier run has left, until it was looked at.
    pub(in crate::job) left: Option<EarlierParts>,
    /// What the source was, as the journal has it.
    noted: Option<SourceFacts>,
    /// Old files that were renamed aside, by this run or an earlier one.
    pub(in crate::job) old: OldFiles,
    /// Whether the file under the final name may be the copy, which an earlier run has finished just before its end.
    pub(in crate::job) may_be_done: bool,
    /// What this run has done with it, if its server has not said whether it has given the copy its name.
    pub(in crate::job) moved: Option<Box<FileCopy>>,
    /// The copy that this job has finished before.
    finished: Option<FinishedCopy>,
    /// The source that an earlier run of this job has moved, perhaps to its final name, and by which path.
    moved_earlier: Option<(SourceFacts, Rung)>,
    /// Whether what stands under the final name may be a part of the copy: an earlier run began to store it there, at a
    /// server that cannot rename, when nothing had that name.
    pub(in crate::job) in_place: bool,
    /// The transfer that an earlier run has left alone, until its end was waited for.
    pub(in crate::job) detached: Option<Detached>,
    /// Whether it will be copied, if both ends were asked about several files at once.
    pub(in crate::job) forecast: CopyForecast,
}

/// What an earlier run has left of a file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(in crate::job) struct EarlierParts {
    last: Option<PartId>,
    others: Vec<PartId>,
    /// Those that earlier runs have not seen deleted.
    undeleted: Vec<PartId>,
    pub(in crate::job) seen: Option<SourceFacts>,
    /// Whether the final reply to the command that has stored the last one was received. What a process has sent that was killed
    /// counts as executed or lost.
    store_reply: StoreReply,
}

/// What a report says of a copy that an earlier run has finished.
const fn earlier(copy: &FinishedCopy, is_told_as_copied: bool) -> EarlierCopy {
    EarlierCopy { route: copy.route, verified: Some(copy.verified), is_told_as_copied }
}

impl FileRecord {
    /// The number of the next part. The journal has it on the disk when this returns.
    pub(in crate::job) async fn next_part(&mut self, context: &Context) -> Result<PartId> {
        if let Some(unused) = self.unused.take() {
            return Ok(unused);
        }
        let id = new_id()?;
        context.run.job_journal.part(id).await;
        tell(context);
        // A part that the journal does not know would stay for ever.
        context.confirm_job().await?;
        Ok(id)
    }

    /// From now on something of the file may be stored under its final name. The journal has that on the disk when this
    /// returns.
    pub(in crate::job) async fn store_in_place(&mut self, context: &Context) -> Result<()> {
        if !self.in_place {
            context.run.job_journal.in_place(new_id()?).await;
            self.in_place = true;
            tell(context);
        }
        context.confirm_job().await
    }

    /// Something may be stored under the name of this part: it is looked at like that of an earlier run.
    pub(in crate::job) fn leave(
        &mut self,
        part: PartId,
        source: &Facts,
        store_reply: StoreReply,
        may_be_done: bool,
    ) {
        let (last, seen) = (Some(part), Some(seen(source)));
        self.left = Some(EarlierParts { last, seen, store_reply, ..EarlierParts::default() });
        self.may_be_done = may_be_done;
    }

    /// This run has moved the file, and its server has not said whether it has given the copy its name.
    pub(in crate::job) fn may_be_named(&mut self, done: FileCopy) {
        self.may_be_done = true;
        self.moved = Some(Box::new(done));
    }

    /// Whether what has the final name may be the copy of this very job, and no run has seen it end: only digests prove it. A copy
    /// that has ended was verified before it got its name and its time.
    pub(in crate::job) const fn is_unproven(&self) -> bool {
        self.may_be_done && self.finished.is_none()
    }

    /// The copy of this very source that this job has finished before.
    fn finished(&self, source: &Facts) -> Option<&FinishedCopy> {
        self.finished.as_ref().filter(|copy| is_same(&copy.seen, &seen(source)))
    }

    /// The route by which this job has copied this very source before. If something equal has the final name of a copy that
    /// was not finished, it is that copy.
    pub(in crate::job) fn has_copied(&self, source: &Facts) -> Option<Rung> {
        let finished = self.finished(source).and_then(|copy| copy.route);
        let moved = self.moved_earlier.as_ref().filter(|(moved, _)| is_same(moved, &seen(source)));
        finished.or(moved.map(|(_, rung)| *rung))
    }

    /// What an earlier run of this job has done with the file, if it has finished a copy: that run may have deleted the source
    /// of a move.
    pub(in crate::job) fn moved_before(&self) -> Option<FileCopy> {
        let copy = self.finished.as_ref()?;
        let end = FileEnd::Earlier(earlier(copy, true));
        Some(FileCopy { end, ..FileCopy::skipped(copy.seen.size, copy.verified) })
    }

    /// What told the source from other files when this job has finished a copy of it.
    pub(in crate::job) fn unique_before(&self) -> Option<&str> {
        self.finished.as_ref()?.seen.unique.as_deref()
    }

    /// The copy of this very source that this job has finished before, as reports tell it.
    pub(in crate::job) fn earlier(&self, source: &Facts) -> Option<EarlierCopy> {
        self.finished(source).map(|copy| earlier(copy, false))
    }

    /// Whether an earlier run has left something that nobody has looked at.
    pub(in crate::job) const fn has_left(&self) -> bool {
        self.left.is_some()
    }

    /// Whether what an earlier run has left may be stored under the name of a part, may be a part under the final name, or
    /// may still move.
    const fn has_part(&self) -> bool {
        match &self.left {
            Some(left) => {
                left.last.is_some() || !left.others.is_empty() || self.in_place || self.detached.is_some()
            }
            None => false,
        }
    }

    /// Puts the old file back if it was renamed aside, removes what cannot be continued, and returns what may be. Candidates
    /// that ran beside each other have stored under names of their own: of these parts the one with most bytes goes on.
    pub(in crate::job) async fn recover(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
    ) -> Result<Option<Leftover>> {
        let target = &item.destination;
        for id in
            self.left.iter().flat_map(|left| left.undeleted.iter().chain(&left.others).chain(&left.last))
        {
            self.old.may_be_aside_for(&Part::new(*id, target)?)?;
        }
        self.old.look(context, &mut ends.destination, target).await?;
        let Some(left) = self.left.clone() else { return Ok(None) };
        for id in &left.undeleted {
            Part::new(*id, target)?.discard(context, &mut ends.destination, StoreReply::Received).await;
        }
        let mut last = left.last;
        if !left.others.is_empty() {
            let mut sizes = Vec::new();
            for id in left.others.iter().chain(&left.last) {
                let part = Part::new(*id, target)?;
                sizes.push((*id, files::size(context, &mut ends.destination, &part.stored).await?));
            }
            last = largest(&sizes).or(last);
            for id in left.others.iter().chain(&left.last).filter(|id| Some(**id) != last) {
                Part::new(*id, target)?.discard(context, &mut ends.destination, StoreReply::Received).await;
            }
        }
        self.left = None;
        let Some(last) = last else { return Ok(None) };
        let source = left.seen.map(|seen| Facts {
            size: seen.size,
            modified: seen.modified.map(When),
            unique: seen.unique,
            ..Facts::of_kind(listing::Kind::File)
        });
        Ok(Some(Leftover { part: Part::new(last, target)?, source, store_reply: left.store_reply }))
    }
}

/// The part with most bytes, of several with the same the last one.
fn largest(sizes: &[(PartId, Option<u64>)]) -> Option<PartId> {
    sizes.iter().max_by_key(|(_, size)| size.unwrap_or(0)).map(|(id, _)| *id)
}

/// Notes what the source is before its first byte is read. Nothing gets its final name before that is on the disk:
/// without it a copy that was finished just before a kill would be somebody else's file.
pub(in crate::job) fn note_source(
    journal: &JobJournal,
    kept: &mut FileRecord,
    source: &Facts,
) -> JournalAnswer<()> {
    let now = Some(seen(source));
    match &now {
        Some(seen) if kept.noted != now && journal.keeps_item() => {
            let answer = journal.seen(seen.clone());
            kept.noted = now;
            answer
        }
        Some(_) | None => JournalAnswer::default(),
    }
}

/// What the journal keeps of the facts of a source.
fn seen(facts: &Facts) -> SourceFacts {
    SourceFacts {
        size: facts.size,
        modified: facts.modified.map(|When(seconds)| seconds),
        unique: facts.unique.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl PendingClaims {
        /// Claims that no journal keeps.
        pub(in crate::job) fn of_nobody(items: Vec<Item>) -> Self {
            Self { items, asked: Ok(JournalAnswer::default()) }
        }
    }

    impl FileClaim {
        /// A file that an earlier run has claimed, with these parts.
        pub(in crate::job) fn of_earlier_run(parts: &[PartId]) -> Self {
            let left = EarlierParts { last: parts.last().copied(), ..EarlierParts::default() };
            Self {
                kept: FileRecord { left: Some(left), may_be_done: true, ..FileRecord::default() },
                ..Self::default()
            }
        }

        /// A file that an earlier run has copied.
        pub(in crate::job) fn done_by_earlier_run(verified: Verified) -> Self {
            Self { done: Some(verified), ..Self::default() }
        }
    }

    #[test]
    fn n8_both_ends_are_asked_about_files_of_which_nothing_but_the_final_name_is_left() {
        let (copies, moves) = (Options::default(), Options { moves: true, ..Options::default() });
        let mut was_asked = FileClaim::default();
        was_asked.kept.forecast = CopyForecast::MustBeCopied;
        let mut has_old_part = FileClaim::of_earlier_run(&[]);
        has_old_part.kept.left.as_mut().unwrap().undeleted.push(PartId(1));
        for (claimed, options, expect) in [
            (FileClaim::default(), copies, true),
            (FileClaim::of_earlier_run(&[]), copies, true),
            (FileClaim::of_earlier_run(&[PartId(1)]), copies, false),
            (has_old_part, copies, false),
            (was_asked, copies, false),
            (FileClaim::done_by_earlier_run(Verified::Size), copies, false),
            (FileClaim::done_by_earlier_run(Verified::Size), moves, true),
        ] {
            assert_eq!(claimed.may_be_asked(options), expect, "{claimed:?} {options:?}");
        }
    }

    #[test]
    fn of_the_parts_of_candidates_that_ran_beside_each_other_the_largest_goes_on() {
        let check = |sizes: &[Option<u64>], expect: Option<u64>| {
            let sizes: Vec<_> = (0..).map(PartId).zip(sizes.iter().copied()).collect();
            assert_eq!(largest(&sizes), expect.map(PartId), "{sizes:?}");
        };
        check(&[Some(1_572_864), None], Some(0));
        check(&[None, Some(7), Some(3)], Some(1));
        check(&[Some(7), Some(7)], Some(1));
        check(&[None, None], Some(1));
        check(&[], None);
    }
}
