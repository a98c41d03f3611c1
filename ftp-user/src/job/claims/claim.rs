//! Claims of files: each is claimed before anything of it is stored, and its end is noted.
//!
//! Its row and the name of its first part are on the disk before a server is told to store, and
//! each further name before it is used. How a file has ended is written soon afterwards; if that is lost, the file is
//! compared once more, and not copied again.

use super::kept::{EarlierParts, Kept, seen};
use super::lifetime::goes_without;
use super::names::place;
use crate::context::Context;
use crate::endpoint::{Host, local_path};
use crate::failure::{Failure, Kind};
use crate::history::shortened;
use crate::job::item::{Done, Item};
use crate::job::remains::part::new_id;
use crate::journal::{
    Began, Begun, Claims, Ended, Found, ItemKey, JobJournal, NewItem, Next, PartId, decide,
};
use crate::ladder::Rung;
use crate::outcome::Verified;
use crate::route::Ends;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file that is claimed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::job) struct Claimed {
    /// Its row in the journal; `None` if nothing is kept of it.
    key: Option<ItemKey>,
    /// What the journal knows of it.
    pub(in crate::job) kept: Kept,
    /// If it need not be copied: what has verified it in an earlier run.
    pub(in crate::job) done: Option<Verified>,
    /// When it was begun, in milliseconds since 1970.
    began: OnceLock<Option<u64>>,
}

impl Claimed {
    /// Whether nothing of the file is stored that a copy would have to look at, except under its final name.
    pub(in crate::job) const fn has_no_part(&self) -> bool {
        self.done.is_none() && !self.kept.has_part()
    }

    /// Takes a name for its part that nobody has used. It is on the disk if the journal keeps the file; `None` if it is not.
    pub(in crate::job) fn take_part(&mut self) -> Option<PartId> {
        let own = self.kept.unused.take();
        own.or_else(|| new_id().ok().filter(|_| self.key.is_none()))
    }

    /// The context in which the file is copied: its journal is asked about this file. The file begins with the first call.
    pub(in crate::job) fn context(&self, context: &Context, item: &Item) -> Context {
        let job_journal = self.journal(context);
        Context { job_journal, ..context.item(item.number) }
    }

    /// The journal, asked about the file. The file begins with the first call.
    pub(in crate::job) fn journal(&self, context: &Context) -> JobJournal {
        let journal = &context.job_journal;
        self.key.map_or_else(|| journal.clone(), |key| journal.about(key, *self.began.get_or_init(now)))
    }
}

/// Claims a file. Nothing may be stored before this returns.
///
/// # Errors
///
/// See [`Claiming`].
pub(in crate::job) async fn claim(context: &Context, ends: &Ends, item: &Item) -> Result<Claimed, Failure> {
    let mut claiming = Claiming::begin(context, ends, vec![item.clone()], |_| true);
    claiming.ready(context, ends).await.pop().map_or_else(|| Ok(Claimed::default()), |(_, claimed)| claimed)
}

/// Files whose claims are on their way to the disk, all of them with one write.
#[derive(Debug)]
pub(in crate::job) struct Claiming {
    items: Vec<Item>,
    /// `Err`: this host has no random numbers.
    asked: Result<Claims, Failure>,
}

impl Claiming {
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
        let kept = if context.job_journal.job().is_some() { items.as_slice() } else { &[] };
        let files: Result<Vec<NewItem>, Failure> = kept.iter().map(new).collect();
        Self { items, asked: files.map(|files| context.job_journal.begin(files)) }
    }

    /// The files with their claims, which are on the disk; once. Nothing may be stored before this returns. Each file has its
    /// own result: another job that runs may have claimed its destination, or a job that was resumed may have lost its journal,
    /// so that nobody knows what an earlier run has left of the file. May be dropped without losing anything.
    pub(in crate::job) async fn ready(
        &mut self,
        context: &Context,
        ends: &Ends,
    ) -> Vec<(Item, Result<Claimed, Failure>)> {
        let began = match &mut self.asked {
            Ok(claims) => claims.ready().await,
            Err(failure) => {
                let failure = failure.clone();
                return self.items.drain(..).map(|item| (item, Err(failure.clone()))).collect();
            }
        };
        let began = began.into_iter().chain(std::iter::repeat(Began::Unkept));
        let items = std::mem::take(&mut self.items).into_iter().zip(began);
        items
            .map(|(item, began)| {
                let claimed = claimed(context, ends, &item, began);
                (item, claimed)
            })
            .collect()
    }
}

/// What the answer of the journal means for a file.
fn claimed(context: &Context, ends: &Ends, item: &Item, began: Began) -> Result<Claimed, Failure> {
    let Some(begun) = begun(ends, item, began)? else {
        return goes_without(context).map(|()| Claimed::default());
    };
    let mut claimed = Claimed { key: Some(begun.key), ..Claimed::default() };
    claimed.kept.unused = begun.first;
    let now = item.known.as_ref().map(seen);
    claimed.kept.noted = match &begun.found {
        Found::New => now.clone(),
        Found::Open { seen, .. } => seen.clone(),
        Found::Done { .. } | Found::GivenOver { .. } => None,
    };
    let finished = match &begun.found {
        Found::Done { seen, verified, path, .. } => {
            claimed.kept.finished_rung = path.as_deref().and_then(Rung::named);
            let verified = verified.as_deref().and_then(Verified::named);
            claimed.kept.finished_by = Some(verified.unwrap_or(Verified::None));
            Some(seen.clone())
        }
        Found::New | Found::Open { .. } | Found::GivenOver { .. } => None,
    };
    // The walk tells nothing of a file of this host.
    let now = match now {
        None if finished.is_some() => ends.source.facts_here(&item.source).as_ref().map(seen),
        now => now,
    };
    match decide(begun.found, now.as_ref()) {
        // A power failure may have taken what was not synced. To look at it here costs nothing.
        Next::Skip { .. } if is_lost(ends, item) => claimed.kept.finished_by = None,
        Next::Copy => {
            // Where nothing may be replaced, the copy of this very job is not somebody else's file.
            claimed.kept.may_be_done = finished.is_some();
            claimed.kept.finished = finished;
        }
        Next::Skip { verified } => {
            claimed.kept.finished = finished;
            claimed.done = Some(verified.and_then(|name| Verified::named(&name)).unwrap_or(Verified::None));
        }
        // Whatever became of the later job: what stands there is not this one's any more.
        Next::LeaveAlone { why } => {
            let hint = "type the copy again if it is to stand there".to_owned();
            return Err(exists(ends, item, &format!("left alone: {why}"), hint));
        }
        Next::GoOn { last, others, seen, in_place, detached, path } => {
            let rung = path.as_deref().and_then(Rung::named);
            claimed.kept.moved_earlier = seen.clone().zip(rung);
            claimed.kept.in_place = in_place;
            claimed.kept.detached = detached;
            // Nothing has a final name before the source was seen, and only the same source counts.
            claimed.kept.may_be_done = seen.is_some();
            claimed.kept.left = Some(EarlierParts { last, others, seen });
        }
    }
    Ok(claimed)
}

/// Holds the destination of a file that is changed in place: no job stores there meanwhile. What killed jobs have left there
/// stays theirs. Returns the journal, which is asked about the file until [`Ended::Unbegun`] gives it free.
///
/// # Errors
///
/// Another job has claimed it.
pub(in crate::job) async fn hold(context: &Context, ends: &Ends, item: &Item) -> Result<JobJournal, Failure> {
    if context.job_journal.job().is_none() {
        return Ok(JobJournal::default());
    }
    let file = NewItem { place: place(ends, item), part: None, seen: None, takes_over: false };
    let began = context.job_journal.begin(vec![file]).ready().await.pop().unwrap_or(Began::Unkept);
    let begun = begun(ends, item, began)?;
    Ok(begun.map_or_else(JobJournal::default, |begun| context.job_journal.about(begun.key, None)))
}

/// A file that is claimed; `None` if nothing is kept of it.
fn begun(ends: &Ends, item: &Item, began: Began) -> Result<Option<Begun>, Failure> {
    match began {
        Began::Kept(begun) => Ok(Some(begun)),
        Began::Claimed(job) => {
            let hint = "wait for its end (ftp-user jobs), or choose another destination".to_owned();
            Err(exists(ends, item, &format!("claimed by job {job}, which runs"), hint))
        }
        Began::Moves(job) => {
            let what = format!("claimed by job {job}, whose transfer goes on without this program");
            let hint = format!(
                "ftp-user resume {job} waits for its end, ftp-user cancel {job} ends it; or choose another destination"
            );
            Err(exists(ends, item, &what, hint))
        }
        Began::Unkept => Ok(None),
    }
}

/// The destination of a file belongs to another job.
fn exists(ends: &Ends, item: &Item, what: &str, hint: String) -> Failure {
    let (_, dest) = item.names(ends);
    Failure::new(Kind::Exists, format!("{dest} is {what}")).hint(hint)
}

/// Whether a finished copy on this host is not there any more, or has another size.
fn is_lost(ends: &Ends, item: &Item) -> bool {
    let size = item.known.as_ref().and_then(|facts| facts.size);
    match &ends.destination {
        Host::Server(_) => false,
        Host::Local(_) => {
            let found = std::fs::metadata(local_path(&item.destination));
            !found.is_ok_and(|found| found.is_file() && Some(found.len()) == size)
        }
    }
}

#[cfg(test)]
impl Claiming {
    /// Claims that no journal keeps.
    pub(in crate::job) fn of_nobody(items: Vec<Item>) -> Self {
        Self { items, asked: Ok(Claims::default()) }
    }
}

#[cfg(test)]
impl Claimed {
    /// A file that an earlier run has claimed, with these parts.
    pub(in crate::job) fn of_earlier_run(parts: &[PartId]) -> Self {
        let left = EarlierParts { last: parts.last().copied(), others: Vec::new(), seen: None };
        Self { kept: Kept { left: Some(left), may_be_done: true, ..Kept::default() }, ..Self::default() }
    }

    /// A file that an earlier run has copied.
    pub(in crate::job) fn done_by_earlier_run(verified: Verified) -> Self {
        Self { done: Some(verified), ..Self::default() }
    }
}

/// Gives up the claim of a file that was not begun.
pub(in crate::job) fn release(context: &Context, item: &Item, claimed: &Claimed) {
    if claimed.key.is_some() && !claimed.kept.has_left() && claimed.done.is_none() {
        claimed.context(context, item).job_journal.ended(Ended::Unbegun);
    }
}

/// Gives up a claim for which nothing was stored.
pub(in crate::job) fn give_up(context: &Context, item: &Item, claimed: &Claimed) {
    if claimed.key.is_some() {
        claimed.context(context, item).job_journal.ended(Ended::Unbegun);
    }
}

/// Notes how a file has ended. What was interrupted stays open. So many of its attempts were noted before.
pub(in crate::job) fn ended(journal: &JobJournal, copied: &Result<Done, Failure>, noted: u32) {
    if !journal.keeps_item() {
        return;
    }
    let began = journal.began();
    match copied {
        // It goes on without this program.
        Ok(done) if done.detached.is_some() => {}
        Ok(done) => journal.ended(Ended::Done {
            bytes: done.size.unwrap_or(0),
            // What this run had no need to verify is verified as it was.
            verified: done
                .earlier
                .map_or(done.verified, |earlier| earlier.max(done.verified))
                .name()
                .to_owned(),
            path: done.took().or(done.earlier_by).map(|rung| rung.name().to_owned()),
            began,
            attempts: done.attempts.saturating_sub(noted),
            facts: Box::new(done.facts.clone()),
        }),
        Err(failure) if failure.kind == Kind::Interrupted => {}
        Err(failure) => {
            journal.ended(Ended::Failed { why: shortened(&failure.to_string()), began });
        }
    }
}

/// The time, in milliseconds since 1970.
fn now() -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(now.as_millis()).ok()
}
