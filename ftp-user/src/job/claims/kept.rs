//! The journal's part in a job: it claims files, notes how they end, and says what earlier runs have left of them.
//!
//! A file is claimed before anything of it is stored: its row and the name of its first part are on the disk by then, and
//! each further name before it is used. How a file has ended is written soon afterwards; if that is lost, the file is
//! compared once more, and not copied again.

use crate::context::Context;
use crate::control::Facts;
use crate::endpoint::{Host, local_path};
use crate::failure::{Failure, Kind};
use crate::history::shortened;
use crate::job::detached::{self, Arrived};
use crate::job::item::{Done, Item};
use crate::job::remains::leftover::Leftover;
use crate::job::remains::part::{Part, new_id};
use crate::job::request::job::Job;
use crate::job::summary::ending::ending;
use crate::job::summary::tally::Tally;
use crate::journal::{
    Began, Detached, Durable, End, Ended, Found, ItemKey, JobJournal, JournalFailure, NewItem, Next, PartId,
    Place, Seen, decide, is_same,
};
use crate::outcome::Verified;
use crate::place::Site;
use crate::route::Ends;
use ftp_proto::listing::{self, When};
use ftp_proto::wire::PathName;
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The hint of an interruption that leaves everything to `resume`.
pub(in crate::job) const RESUME_CONTINUES: &str = "ftp-user resume goes on with it";

/// The hint of an interruption in the middle of a tree.
pub(in crate::job) fn rest(context: &Context) -> String {
    match context.job_journal.job() {
        Some(job) => format!("ftp-user resume {job} copies the rest"),
        None => "run it again to copy the rest: finished files are skipped".to_owned(),
    }
}

/// Begins the journal of a job that is to be kept.
///
/// # Errors
///
/// The journal does not have a job that is to be continued, or another process runs it. That a new job cannot be kept is
/// only a warning.
pub(in crate::job) async fn start(context: &mut Context, job: &Job) -> Result<(), Failure> {
    let Some(start) = job.start.clone().filter(|_| !job.options.mode.is_dry()) else { return Ok(()) };
    let must_be_kept = start.resumes || start.command.name.is_some();
    let (journal, begun) = context.journal.begin(start);
    context.job_journal = journal;
    if !must_be_kept {
        if !context.job_journal.is_open() {
            warn(context, &JournalFailure::Nowhere);
        }
        return Ok(());
    }
    match begun.await {
        Ok(decided) => {
            context.job_journal = context.job_journal.clone().with_decided(decided);
            Ok(())
        }
        Err(_) => Err(of_journal(&context.job_journal.ended_by().unwrap_or(JournalFailure::Nowhere))),
    }
}

/// Notes how the job has ended. Returns what to do if another run can go on with it and nobody was told so far.
pub(in crate::job) async fn finish(context: &Context, tally: &Tally) -> Option<String> {
    let was_stopped = context.cancel.is_cancelled();
    let has_begun = context.job_journal.is_resumed()
        || tally.has_done()
        || (tally.has_failed() && !context.job_journal.open_files().await.is_empty());
    let end = ending(tally.may_pass(), was_stopped, has_begun);
    let job = context.job_journal.job();
    context.job_journal.finish(end, tally.to_keep()).await;
    tell(context);
    let can_go_on = end == End::Interrupted && !was_stopped;
    job.filter(|_| can_go_on).map(|job| {
        format!("ftp-user resume {job} copies the rest, ftp-user cancel {job} removes what is left of files under way")
    })
}

/// The failure of a verb that needs the journal.
pub fn of_journal(why: &JournalFailure) -> Failure {
    let kind = match why {
        JournalFailure::Held { .. } | JournalFailure::Named { .. } => Kind::Exists,
        JournalFailure::Unknown { .. } => Kind::Missing,
        JournalFailure::Nowhere
        | JournalFailure::Newer { .. }
        | JournalFailure::Damaged { .. }
        | JournalFailure::Full { .. }
        | JournalFailure::Unusable { .. } => Kind::Other,
    };
    Failure::new(kind, why.to_string()).hint(why.hint())
}

/// Without a journal a file is copied with a warning. If an earlier run may have left a part of it, it fails.
fn goes_without(context: &Context) -> Result<(), Failure> {
    match context.job_journal.is_missed() {
        Some(why) => Err(of_journal(&why)),
        None => {
            tell(context);
            Ok(())
        }
    }
}

/// Warns once if the journal has ended before the job.
fn tell(context: &Context) {
    if let Some(why) = context.job_journal.ended_by() {
        warn(context, &why);
    }
}

fn warn(context: &Context, why: &JournalFailure) {
    let hint = why.hint();
    context.events.warn(format!("{why}; if this run is killed, it cannot be resumed ({hint})"));
}

/// What the journal knows of a file, while it is copied.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::job) struct Kept {
    /// A name for a part that is on the disk and that nobody has used.
    unused: Option<PartId>,
    /// What an earlier run has left, until it was looked at.
    left: Option<Left>,
    /// What the source was, as the journal has it.
    noted: Option<Seen>,
    /// Old files that were renamed aside, and whose names new ones have now.
    aside: Vec<PathName>,
    /// Whether the file under the final name may be the copy, which an earlier run has finished just before its end.
    pub(in crate::job) may_be_done: bool,
    /// The source of a copy that this job has finished, if the listing did not show that it is still the same.
    finished: Option<Seen>,
    /// What has verified that copy.
    finished_by: Option<Verified>,
    /// Whether what stands under the final name may be a part of the copy: an earlier run began to store it there, at a
    /// server that cannot rename, when nothing had that name.
    pub(in crate::job) in_place: bool,
    /// The transfer that an earlier run has left alone, until its end was waited for.
    detached: Option<Detached>,
}

/// What an earlier run has left of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Left {
    last: Option<PartId>,
    others: Vec<PartId>,
    seen: Option<Seen>,
}

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
    /// Whether nothing of the file was begun before.
    pub(in crate::job) const fn is_new(&self) -> bool {
        self.done.is_none() && !self.kept.has_left()
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
/// See [`claim_all`].
pub(in crate::job) async fn claim(context: &Context, ends: &Ends, item: &Item) -> Result<Claimed, Failure> {
    let claimed = claim_all(context, ends, std::slice::from_ref(item), |_| true).await?.pop();
    claimed.unwrap_or_else(|| Ok(Claimed::default()))
}

/// Claims files, all of them with one write to the disk. Nothing may be stored before this returns. `has_part` says of which
/// files something may be stored under the name of a part; that of another file is written when it is needed. Each file has its own
/// result: another job that runs may have claimed its destination, or a job that was resumed may have lost its journal,
/// so that nobody knows what an earlier run has left of the file.
///
/// # Errors
///
/// This host has no random numbers.
pub(in crate::job) async fn claim_all(
    context: &Context,
    ends: &Ends,
    items: &[Item],
    has_part: impl Fn(&Item) -> bool,
) -> Result<Vec<Result<Claimed, Failure>>, Failure> {
    let began = if context.job_journal.job().is_some() {
        let new = |item: &Item| {
            let seen = item.known.as_ref().map(seen);
            let part = has_part(item).then(new_id).transpose()?;
            Ok(NewItem { place: place(ends, item), part, seen })
        };
        let files: Result<Vec<NewItem>, Failure> = items.iter().map(new).collect();
        context.job_journal.begin(files?).await
    } else {
        Vec::new()
    };
    let began = began.into_iter().chain(std::iter::repeat(Began::Unkept));
    Ok(items.iter().zip(began).map(|(item, began)| claimed(context, ends, item, began)).collect())
}

/// What the answer of the journal means for a file.
fn claimed(context: &Context, ends: &Ends, item: &Item, began: Began) -> Result<Claimed, Failure> {
    let begun = match began {
        Began::Kept(begun) => begun,
        Began::Claimed(job) => {
            let hint = "wait for its end (ftp-user jobs), or choose another destination".to_owned();
            return Err(exists(ends, item, &format!("claimed by job {job}, which runs"), hint));
        }
        Began::Moves(job) => {
            let what = format!("claimed by job {job}, whose transfer goes on without this program");
            let hint = format!(
                "ftp-user resume {job} waits for its end, ftp-user cancel {job} ends it; or choose another destination"
            );
            return Err(exists(ends, item, &what, hint));
        }
        Began::Unkept => return goes_without(context).map(|()| Claimed::default()),
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
        Found::Done { seen, verified, .. } => {
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
        Next::Skip { .. } if is_lost(ends, item) => {}
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
        Next::GoOn { last, others, seen, in_place, detached } => {
            claimed.kept.in_place = in_place;
            claimed.kept.detached = detached;
            // Nothing has a final name before the source was seen, and only the same source counts.
            claimed.kept.may_be_done = seen.is_some();
            claimed.kept.left = Some(Left { last, others, seen });
        }
    }
    Ok(claimed)
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

impl Kept {
    /// The number of the next part. The journal has it on the disk when this returns.
    pub(in crate::job) async fn next_part(&mut self, context: &Context) -> Result<PartId, Failure> {
        if let Some(unused) = self.unused.take() {
            return Ok(unused);
        }
        let id = new_id()?;
        context.job_journal.part(id).await;
        tell(context);
        Ok(id)
    }

    /// From now on something of the file may be stored under its final name. The journal has that on the disk when this
    /// returns.
    pub(in crate::job) async fn store_in_place(&mut self, context: &Context) -> Result<(), Failure> {
        if !self.in_place {
            context.job_journal.in_place(new_id()?).await;
            self.in_place = true;
            tell(context);
        }
        Ok(())
    }

    /// Gives it back: nothing was stored under it.
    pub(in crate::job) const fn put_unused(&mut self, part: PartId) {
        self.unused = Some(part);
    }

    /// Something may be stored under the name of this part: it is looked at like that of an earlier run.
    pub(in crate::job) fn leave(&mut self, part: PartId, source: &Facts, may_be_done: bool) {
        self.left = Some(Left { last: Some(part), others: Vec::new(), seen: Some(seen(source)) });
        self.may_be_done = may_be_done;
    }

    /// Whether this job has finished a copy of this very source before.
    pub(in crate::job) fn has_finished(&self, source: &Facts) -> bool {
        self.finished.as_ref().is_some_and(|finished| is_same(finished, &seen(source)))
    }

    /// The size of the source of the copy that this job has finished before, and what has verified that copy.
    pub(in crate::job) fn finished_by(&self) -> Option<(Option<u64>, Verified)> {
        let size = self.finished.as_ref().and_then(|finished| finished.size);
        self.finished_by.map(|means| (size, means))
    }

    /// What this job has finished is compared with its source again.
    pub(in crate::job) const fn compare_again(&mut self, means: Verified) {
        self.may_be_done = true;
        self.finished_by = Some(means);
    }

    /// Whether a transfer may move that an earlier run has left alone.
    pub(in crate::job) const fn has_detached_transfer(&self) -> bool {
        self.detached.is_some()
    }

    /// Whether an earlier run has left something that nobody has looked at.
    pub(in crate::job) const fn has_left(&self) -> bool {
        self.left.is_some()
    }

    /// Waits for the end of the transfer that an earlier run has left alone. Returns what has arrived, if that is whole.
    pub(in crate::job) async fn arrived(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
    ) -> Result<Option<Arrived>, Failure> {
        let Some(detached) = &self.detached else { return Ok(None) };
        let Ends { source, destination, .. } = &mut *ends;
        let arrived = match self.left.as_ref().and_then(|left| left.seen.as_ref()) {
            Some(seen) => detached::wait(context, ends, item, detached, seen.size).await?,
            // It may move another source.
            None => {
                detached::end(context, (Some(source), destination), detached).await?;
                None
            }
        };
        self.detached = None;
        if arrived.is_none() {
            context.job_journal.detached(None).await;
        }
        Ok(arrived)
    }

    /// Puts the old file back if it was renamed aside, removes what cannot be continued, and returns what may be.
    pub(in crate::job) async fn recover(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
    ) -> Result<Option<Leftover>, Failure> {
        let Some(left) = self.left.clone() else { return Ok(None) };
        let target = &item.destination;
        self.aside.clear();
        for id in left.others.iter().chain(&left.last) {
            let part = Part::new(*id, target)?;
            self.aside.extend(ends.destination.put_back(context, &part.stored, target).await?);
        }
        for id in &left.others {
            Part::new(*id, target)?.discard(context, &mut ends.destination).await;
        }
        self.left = None;
        let Some(last) = left.last else { return Ok(None) };
        let source = left.seen.map(|seen| Facts {
            kind: listing::Kind::File,
            size: seen.size,
            modified: seen.modified.map(When),
            unique: seen.unique,
            mode: None,
        });
        Ok(Some(Leftover { part: Part::new(last, target)?, source }))
    }

    /// Removes the old files whose names verified new ones have now.
    pub(in crate::job) async fn remove_aside(&mut self, context: &Context, ends: &mut Ends) {
        for aside in self.aside.drain(..) {
            if let Err(why) = ends.destination.delete(context, &aside).await {
                let name = ends.destination.show(&aside);
                context.events.warn(format!("the old file is {name} now and can be deleted: {why}"));
            }
        }
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

/// Notes what the source is before its first byte is read. Nothing gets its final name before that is on the disk:
/// without it a copy that was finished just before a kill would be somebody else's file.
pub(in crate::job) fn note_source(journal: &JobJournal, kept: &mut Kept, source: &Facts) -> Durable {
    let now = Some(seen(source));
    match &now {
        Some(seen) if kept.noted != now && journal.keeps_item() => {
            let durable = journal.seen(seen.clone());
            kept.noted = now;
            durable
        }
        Some(_) | None => Durable::default(),
    }
}

/// Notes how a file has ended. What was interrupted stays open.
pub(in crate::job) fn ended(journal: &JobJournal, copied: &Result<Done, Failure>) {
    if !journal.keeps_item() {
        return;
    }
    let began = journal.began();
    match copied {
        // It goes on without this program.
        Ok(done) if done.detached.is_some() => {}
        Ok(done) => journal.ended(Ended::Done {
            bytes: done.size.unwrap_or(0),
            verified: done.verified.name().to_owned(),
            path: done.rung.map(|rung| rung.name().to_owned()),
            began,
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

fn seen(facts: &Facts) -> Seen {
    Seen {
        size: facts.size,
        modified: facts.modified.map(|When(seconds)| seconds),
        unique: facts.unique.clone(),
    }
}

/// A file as the journal names it.
pub(in crate::job) fn place(ends: &Ends, item: &Item) -> Place {
    let path = path_at(&ends.destination, &item.destination);
    Place { source: ends.source.show(&item.source), site: site_of(&ends.destination), path }
}

/// A host as the journal names it: user, host and port; empty for this host.
pub(in crate::job) fn site_of(host: &Host) -> String {
    match host {
        Host::Server(server) => name_in_journal(&server.site),
        Host::Local(_) => String::new(),
    }
}

/// A server as the journal names it, whatever the settings call it: two jobs must not write to one place.
pub fn name_in_journal(site: &Site) -> String {
    format!("{}@{}", String::from_utf8_lossy(site.login()), site.key())
}

/// A path as the journal names it.
pub(in crate::job) fn path_at(host: &Host, path: &PathName) -> Vec<u8> {
    match host {
        Host::Server(_) => path.as_bytes().to_vec(),
        Host::Local(_) => {
            let path = local_path(path);
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            path.as_os_str().as_bytes().to_vec()
        }
    }
}
