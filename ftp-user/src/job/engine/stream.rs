//! Files on their way between two places: whoever finds them adds them, they get their claims, workers copy them, and what came
//! of them is noted.
//!
//! ```text
//!  a tree's walk ──────┐
//!  matches of a pattern┤ add       claims            start             turn
//!  several sources ────┼─────> found ────> ready ──────────> workers ──────> tally
//!  lines of a list ────┘
//! ```
//!
//! A stream has no task: it goes on in [`Stream::turn`].

use super::sharing::SharedResults;
use super::taken_names::CopyPlaces;
use super::worker::{FileResult, WorkerResults};
use super::workers::Workers;
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind, Result};
use crate::job::Item;
use crate::job::claims::claim::{ClaimedFile, PendingClaims};
use crate::job::claims::names;
use crate::job::counted::FileShare;
use crate::job::last_look::StoredFiles;
use crate::job::moving::{KeptSource, MovedPortion, MovedTree};
use crate::job::request::job::Options;
use crate::job::summary::Tally;
use crate::outcome::{FailedItem, FileCopy};
use crate::route::Ends;
use ftp_proto::wire::{PathName, counted};
use std::collections::VecDeque;

/// The files between two places that wait or are under way.
#[derive(Debug)]
pub(in crate::job) struct Stream<'a> {
    pub(in crate::job) context: &'a Context,
    pub(in crate::job) options: Options,
    /// What came of the files of the job.
    pub(in crate::job) tally: &'a mut Tally,
    /// Where the copies of the job go.
    pub(in crate::job) places: CopyPlaces,
    /// Whether something was not begun because nothing more is.
    pub(in crate::job) has_unbegun: bool,
    /// The ends without sessions: the workers have those.
    ends: Ends,
    workers: Workers,
    waiting: WaitingFiles,
    /// What is at the destination.
    stored: StoredFiles,
    /// The same between other places.
    elsewhere: Vec<(Ends, StoredFiles)>,
    /// What came of each file, if these are a part of the files of another worker of the queue.
    pub(in crate::job) shared: Option<SharedResults>,
    /// Another worker of the queue is lost that has copied files for this job: nobody knows what it still does.
    has_lost_part: bool,
}

/// What the finder of files waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job) enum StreamWait {
    /// What it finds next, if there is room for a file.
    Next,
    /// A worker that is idle, whose session it needs.
    Session,
    /// That files end, or that there is room for another one.
    Progress,
}

/// What has happened to a stream.
#[derive(Debug)]
pub(in crate::job) enum StreamEvent<T> {
    /// A worker is idle: its session can be used.
    Idle,
    /// This was found.
    Found(T),
    /// Files have ended, another worker is ready, claims were written or are being written, or sources are being deleted.
    Progress,
    /// Nothing waits, and nothing is under way.
    Still,
}

impl<'a> Stream<'a> {
    /// A stream without files, whose first worker has the sessions of `ends`.
    pub(in crate::job) fn new(
        context: &'a Context,
        ends: Ends,
        options: Options,
        tally: &'a mut Tally,
    ) -> Self {
        Self {
            context,
            options,
            tally,
            places: CopyPlaces::default(),
            has_unbegun: false,
            ends: ends.beside(),
            workers: Workers::new(context, ends, options),
            waiting: WaitingFiles::default(),
            stored: StoredFiles::default(),
            elsewhere: Vec::new(),
            shared: None,
            has_lost_part: false,
        }
    }

    /// Both ends, without sessions.
    pub(in crate::job) const fn ends(&self) -> &Ends {
        &self.ends
    }

    /// Both ends with the sessions of a worker that is idle, if there is one.
    pub(in crate::job) fn idle(&mut self) -> &mut Ends {
        self.workers.idle().unwrap_or(&mut self.ends)
    }

    /// The source with its session of a worker that is idle, which has to get it back.
    pub(in crate::job) fn take_source(&mut self) -> Host {
        let source = &mut self.idle().source;
        let without = source.beside();
        std::mem::replace(source, without)
    }

    /// The same ends, and what came of the files of the job.
    pub(in crate::job) fn idle_and_tally(&mut self) -> (&mut Ends, &mut Tally) {
        (self.workers.idle().unwrap_or(&mut self.ends), self.tally)
    }

    /// Whether nothing more is begun.
    pub(in crate::job) fn is_over(&self) -> bool {
        self.context.run.cancel.is_cancelled()
            || self.has_lost_part
            || (self.options.fail_fast && self.tally.has_failed())
    }

    /// Takes the place of a copy. Returns false if this very source has taken it already.
    ///
    /// # Errors
    ///
    /// Another source of this job goes there.
    pub(in crate::job) fn take_place(&mut self, item: &Item) -> Result<bool> {
        self.places.take(&names::place(&self.ends, item))
    }

    /// Adds a file, although there may be no room for it.
    pub(in crate::job) fn push(&mut self, item: Item) {
        self.workers.note_found(&item);
        self.waiting.found.push(item);
    }

    /// Adds files, each when there is room for it.
    pub(in crate::job) async fn add(&mut self, items: Vec<Item>) {
        for item in items {
            while !self.waiting.has_room() && !self.is_over() && self.progress().await {}
            if self.is_over() {
                self.has_unbegun = true;
                return;
            }
            self.push(item);
        }
    }

    /// Waits until something happens. `next` is what is found next; it must be one that can be dropped without losing
    /// anything, as this can.
    pub(in crate::job) async fn turn<T>(
        &mut self,
        wish: StreamWait,
        next: impl Future<Output = T>,
    ) -> StreamEvent<T> {
        let others_follow = wish == StreamWait::Next || self.waiting.claims.is_some();
        self.workers.start(&mut self.waiting.ready, others_follow);
        if self.workers.may_share(self.waiting.number()) {
            let items = self.waiting.take_part(self.context);
            if !items.is_empty() {
                self.workers.share_with_others(items);
            }
        }
        let is_free = self.workers.is_free(!self.waiting.is_empty());
        self.workers.want_shared_back(is_free && self.waiting.is_empty());
        if is_free && wish == StreamWait::Session {
            return StreamEvent::Idle;
        }
        let are_busy = self.workers.are_busy();
        let reads_on = wish == StreamWait::Next && self.waiting.has_room();
        let due = self.workers.due_at().filter(|_| are_busy);
        tokio::select! {
            biased;
            results = self.workers.next(), if are_busy => self.note(results),
            () = self.waiting.claimed(self.context, &self.ends), if self.waiting.claims.is_some() => {}
            found = next, if reads_on => return StreamEvent::Found(found),
            () = self.context.world.clock.sleep_until(due), if due.is_some() => {
                self.workers.delete_sources(MovedPortion::is_due);
            }
            // Nothing more was found for now, or enough.
            () = std::future::ready(()), if self.waiting.wants_claims(is_free, reads_on) => {
                self.workers.note_sessions();
                self.waiting.claim(self.context, &self.ends, |item| self.workers.has_part(item));
            }
            else => return StreamEvent::Still,
        }
        StreamEvent::Progress
    }

    /// Waits until something happens. Returns whether anything can.
    async fn progress(&mut self) -> bool {
        !matches!(self.turn(StreamWait::Progress, std::future::pending::<()>()).await, StreamEvent::Still)
    }

    /// Waits until every file has a worker, and another worker is idle, so that its sessions can be asked. Returns whether
    /// more can be copied.
    pub(in crate::job) async fn rest(&mut self) -> bool {
        while !self.is_over() && !self.is_at_rest() && self.progress().await {}
        !self.is_over()
    }

    fn is_at_rest(&mut self) -> bool {
        self.workers.start(&mut self.waiting.ready, false);
        self.waiting.is_empty() && self.workers.is_free(false)
    }

    /// Waits until all files have ended, then deletes the sources of a move.
    pub(in crate::job) async fn drain(&mut self) {
        while !self.is_over() && self.progress().await {}
        self.end_files().await;
        self.delete_sources().await;
    }

    /// Waits until the files that are under way have ended, and gives up those that were not begun.
    pub(in crate::job) async fn end_files(&mut self) {
        self.end_tasks().await;
        self.has_unbegun |= self.waiting.give_up(self.context, &self.ends).await > 0;
        let missing = self.workers.missing();
        if missing > 0 {
            let what = format!("what became of {} is not known", counted(missing as u64, "file"));
            let (source, dest) = (self.ends.source.name(), self.ends.destination.name());
            self.tally.failed(source, dest, Failure::new(Kind::Other, what).hint(MISSING));
        }
    }

    /// Has the workers delete the sources of all that they have moved. No file may wait or be under way.
    pub(in crate::job) async fn delete_sources(&mut self) {
        // The files to which symbolic links lead go after those.
        for _ in 0..2 {
            self.workers.delete_sources(|portion, _| !portion.is_empty());
            self.end_tasks().await;
        }
        let kept = self.workers.kept_for_links();
        self.note(Some(WorkerResults { kept, ..WorkerResults::default() }));
    }

    /// Waits until all workers are idle, while no more files are begun.
    async fn end_tasks(&mut self) {
        while self.workers.are_working() {
            let results = self.workers.next().await;
            self.note(results);
        }
        // A server that says nothing must not hold up what is done.
        self.workers.stop_opening().await;
    }

    /// Notes that an idle worker has copied a file.
    ///
    /// # Errors
    ///
    /// The source of a move stays, and why.
    pub(in crate::job) fn note_copied(&mut self, item: &Item, done: &FileCopy) -> Result<()> {
        self.stored.note(&self.ends, self.options, item, done, FileShare::of(done));
        self.workers.note_copied(item, done)
    }

    /// Deletes the source of a file that an idle worker has copied, if this is a move and no other file waits or is under way.
    /// Otherwise it is deleted later.
    ///
    /// # Errors
    ///
    /// It stays, and why.
    pub(in crate::job) async fn delete_source_of(&mut self, item: &Item, done: &FileCopy) -> Result<()> {
        let deleted = Box::pin(self.delete_source_alone(item, done)).await;
        // Where its source stays, it has failed, and is not counted.
        let share = if deleted.is_ok() { FileShare::of(done) } else { FileShare::NONE };
        self.stored.note(&self.ends, self.options, item, done, share);
        deleted
    }

    async fn delete_source_alone(&mut self, item: &Item, done: &FileCopy) -> Result<()> {
        self.workers.note_copied(item, done)?;
        if !self.options.deletes_sources() || !self.is_at_rest() {
            return Ok(());
        }
        self.workers.delete_sources(|portion, _| !portion.is_empty());
        let mut stays = Ok(());
        while self.workers.are_busy() {
            let mut results = self.workers.next().await.unwrap_or_default();
            let own = results.kept.extract_if(.., |kept| kept.source == item.source).next();
            stays = own.map_or(stays, |kept| Err(kept.failure));
            self.note(Some(results));
        }
        stays
    }

    /// Takes back what a worker has not begun, and notes what came of the other files.
    fn note(&mut self, results: Option<WorkerResults>) {
        let results = results.unwrap_or_default();
        if let Some(shared) = &mut self.shared {
            shared.note(&results.files, &results.kept);
        }
        if results.has_lost_part {
            self.lose_part();
        }
        if results.has_lost_session
            && let Some(losses) = self.ends.destination.losses()
        {
            losses.note();
        }
        let WorkerResults { files, unbegun, kept, returned, .. } = results;
        self.waiting.ready.extend(unbegun);
        self.waiting.found.extend(returned);
        for file in files {
            if let Ok(done) = &file.result {
                let share = if self.has_failed(&file) { FileShare::NONE } else { FileShare::of(done) };
                self.stored.note(&self.ends, self.options, &file.item, done, share);
            }
            self.report(file);
        }
        for KeptSource { number, source, copy, failure } in kept {
            let (source, dest) = (self.ends.source.show(&source), self.ends.destination.show(&copy));
            self.tally.source_stays(number, FailedItem { source, dest, failure });
        }
    }

    /// Nothing more is begun: the next run of the job takes over what a lost worker has left, before it does anything else.
    fn lose_part(&mut self) {
        if !std::mem::replace(&mut self.has_lost_part, true) {
            let (source, dest) = (self.ends.source.name(), self.ends.destination.name());
            let what = "another worker that carried a part of the job was lost";
            self.tally.failed(source, dest, Failure::new(Kind::Interrupted, what));
        }
    }

    /// Whether a file has failed. One whose source stays has, unless it is one of a tree: that one is copied all the same.
    const fn has_failed(&self, file: &FileResult) -> bool {
        file.result.is_err() || (file.stays.is_some() && self.workers.tools.tree.is_none())
    }

    /// Notes what came of a file.
    pub(in crate::job) fn report(&mut self, file: FileResult) {
        let has_failed = self.has_failed(&file);
        let FileResult { item, result, stays } = file;
        let (source, dest) = item.names(&self.ends);
        match stays {
            Some(failure) if has_failed => {
                self.tally.fails_stored(item.number, FailedItem { source, dest, failure });
            }
            stays => {
                self.tally.file(source.clone(), dest.clone(), result);
                if let Some(failure) = stays {
                    self.tally.source_stays(item.number, FailedItem { source, dest, failure });
                }
            }
        }
    }

    /// Notes that a directory of the destination was made, so that nothing is in it.
    pub(in crate::job) fn note_new_directory(&self, path: &PathName) {
        self.workers.tools.names.note_new(path);
    }

    /// From now on, files of this tree are moved, or of none.
    pub(in crate::job) fn move_tree(&mut self, tree: Option<&MovedTree>) {
        self.workers.tools.tree = tree.cloned();
    }

    /// Makes it a stream between other places, with what `change` makes of the ends. Nothing may wait or be under way.
    pub(in crate::job) async fn change(&mut self, change: impl FnOnce(&mut Ends)) {
        let mut ends = self.take_ends().await;
        self.set_apart();
        change(&mut ends);
        ends.forget();
        self.ends = ends.beside();
        self.workers = Workers::new(self.context, ends, self.options);
    }

    /// The ends with the sessions of the first worker. The sessions of the others return to their pools.
    async fn take_ends(&mut self) -> Ends {
        let none = Workers::new(self.context, self.ends.beside(), self.options);
        std::mem::replace(&mut self.workers, none).finish().await
    }

    /// Makes this the source, which is on this host as the one before. Nothing may wait or be under way.
    pub(in crate::job) fn read_from(&mut self, source: &Host) {
        self.ends.source = source.beside();
        self.workers.read_from(source);
    }

    /// Returns the sessions of idle workers to their pools, but for one.
    pub(in crate::job) fn shrink(&mut self) {
        self.workers.shrink();
    }

    /// Keeps what is known of the files between the current places.
    fn set_apart(&mut self) {
        let stored = std::mem::take(&mut self.stored);
        if stored.is_empty() {
            return;
        }
        let names = |ends: &Ends| (ends.source.name(), ends.destination.name());
        let own = names(&self.ends);
        match self.elsewhere.iter_mut().find(|(ends, _)| names(ends) == own) {
            Some((_, known)) => known.append(stored),
            None => self.elsewhere.push((self.ends.beside(), stored)),
        }
    }

    /// Ends all sessions in order, then looks once more at what is at the destinations of which a session was lost. Nothing may
    /// wait or be under way.
    pub(in crate::job) async fn last_look(&mut self) {
        if self.context.run.cancel.is_cancelled() {
            return;
        }
        self.set_apart();
        let elsewhere = std::mem::take(&mut self.elsewhere);
        if elsewhere.is_empty() {
            return;
        }
        self.take_ends().await.quit(self.context).await;
        for (mut ends, stored) in elsewhere {
            ends.destination.quit_idle().await;
            Box::pin(stored.look(self.context, &mut ends, self.options, self.tally)).await;
            ends.quit(self.context).await;
        }
    }

    /// Both ends with their sessions.
    pub(in crate::job) async fn finish(self) -> Ends {
        self.workers.finish().await
    }
}

/// The files that wait for a worker. Their claims are written ahead, many with one write to the disk.
///
/// ```text
///  found (by the walk) ──> claims (on the way to the disk) ──> ready ── a worker is idle ──> copied
///    '----- at most 256, and 2,048 while claims are written -----'  '- at most 2,048 -'
/// ```
///
/// While a worker is idle, whatever was found is claimed. While all work, the next claims are written as soon as there are
/// many, so that no worker waits for them, and small files that move together share a connection with many others. While
/// claims are written, the walk is read on: what it finds meanwhile shares the next write.
#[derive(Debug, Default)]
struct WaitingFiles {
    /// Those that have no claim yet.
    found: Vec<Item>,
    /// Those whose claims are being written.
    claims: Option<PendingClaims>,
    /// Those that can be copied.
    ready: VecDeque<ClaimedFile>,
}

impl WaitingFiles {
    /// Whether another file may be found before one of these is copied.
    fn has_room(&self) -> bool {
        self.found.len() < if self.claims.is_some() { MOST_READY } else { MOST }
    }

    /// Whether files are to be claimed that are the next ones to be copied. `is_free`: a worker has nothing to do, so that few
    /// are enough. `reads_on`: others may be found, which could share the write.
    fn wants_claims(&self, is_free: bool, reads_on: bool) -> bool {
        let has_room = self.ready.len() + self.found.len() <= MOST_READY;
        let is_time = !reads_on || (is_free && self.ready.is_empty());
        self.claims.is_none() && !self.found.is_empty() && has_room && is_time
    }

    /// Whether no file waits.
    fn is_empty(&self) -> bool {
        self.found.is_empty() && self.claims.is_none() && self.ready.is_empty()
    }

    /// Begins to claim all files that were found. `has_part`: see [`PendingClaims::begin`].
    fn claim(&mut self, context: &Context, ends: &Ends, has_part: impl Fn(&Item) -> bool) {
        let items = std::mem::take(&mut self.found);
        self.claims = Some(PendingClaims::begin(context, ends, items, has_part));
    }

    /// Waits until the claims that are on their way to the disk are there. May be dropped without losing anything.
    async fn claimed(&mut self, context: &Context, ends: &Ends) {
        let Some(claims) = &mut self.claims else { return };
        let claimed = claims.ready(context, ends).await;
        self.claims = None;
        self.ready.extend(claimed);
    }

    /// How many files wait for a worker, whose claims are not on their way to the disk.
    fn number(&self) -> usize {
        self.found.len() + self.ready.len()
    }

    /// Takes out files that another worker may copy: at most half of those that wait, up to the size of a part. Claims of which
    /// nothing was begun are given up.
    fn take_part(&mut self, context: &Context) -> Vec<Item> {
        let most = (self.number() / 2).min(MOST_SHARED);
        let (mut items, mut bytes) = (Vec::new(), 0_u64);
        while items.len() < most && bytes < MOST_BYTES_SHARED {
            let Some(item) = self.found.pop().or_else(|| self.unclaim(context)) else { break };
            bytes = bytes.saturating_add(item.known.as_ref().and_then(|facts| facts.size).unwrap_or(0));
            items.push(item);
        }
        items.reverse();
        items
    }

    /// Gives up the last claim, if nothing was begun for it.
    fn unclaim(&mut self, context: &Context) -> Option<Item> {
        let is_new = |file: &mut ClaimedFile| file.claim.as_ref().is_ok_and(|claim| !claim.was_begun());
        let file = self.ready.pop_back_if(is_new)?;
        if let Ok(claim) = &file.claim {
            claim.give_up(context);
        }
        Some(file.item)
    }

    /// Gives up what was not begun. Returns how many files that were.
    async fn give_up(&mut self, context: &Context, ends: &Ends) -> usize {
        self.claimed(context, ends).await;
        let given_up = self.found.len() + self.ready.len();
        for claim in self.ready.drain(..).filter_map(|file| file.claim.ok()) {
            claim.give_up_unless_begun(context);
        }
        self.found.clear();
        given_up
    }
}

/// What to do where files were lost on the way through this program.
const MISSING: &str = "this is a fault of ftp-user: run the command again, and report it";
/// The largest number of files that wait for a write of claims to begin, so that a worker does not wait for many.
const MOST: usize = 256;
/// The largest number of files that wait for a worker, and of those that wait for the end of a write of claims.
const MOST_READY: usize = 2_048;
/// The largest number of files of a part for another worker of the queue.
const MOST_SHARED: usize = 1_000;
/// So many bytes are enough for a part.
const MOST_BYTES_SHARED: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::job::claims::claim::FileClaim;

    fn waiting(found: usize) -> WaitingFiles {
        let item = |number: usize| Item::of_both(number as u64, &format!("f{number}"));
        WaitingFiles { found: (0..found).map(item).collect(), ..WaitingFiles::default() }
    }

    #[test]
    fn files_are_claimed_ahead_of_workers_that_are_busy_when_they_are_many() {
        assert!(!waiting(0).wants_claims(true, true), "nothing was found");
        let files = waiting(MOST - 1);
        assert!(files.has_room() && files.wants_claims(true, true));
        assert!(!files.wants_claims(false, true), "others can still share the write");
        let mut files = waiting(MOST);
        assert!(!files.has_room() && files.wants_claims(false, false));
        // Those that are ready do not hinder the next ones, up to a number.
        let ready = ClaimedFile { item: Item::of_both(0, "f"), claim: Ok(FileClaim::default()) };
        files.ready.push_back(ready.clone());
        assert!(!files.wants_claims(true, true));
        assert!(files.wants_claims(false, false));
        files.ready.extend(std::iter::repeat_n(ready, MOST_READY));
        for is_free in [true, false] {
            assert!(!files.wants_claims(is_free, false));
        }
    }

    #[test]
    fn while_claims_are_written_others_gather_for_the_next_write() {
        let mut files = waiting(MOST);
        assert!(!files.has_room());
        files.claims = Some(PendingClaims::of_nobody(std::mem::take(&mut files.found)));
        assert!(files.has_room() && !files.is_empty());
        files.found = waiting(MOST_READY - 1).found;
        assert!(files.has_room());
        files.found = waiting(MOST_READY).found;
        assert!(!files.has_room());
        for is_free in [true, false] {
            assert!(!files.wants_claims(is_free, false), "one write at a time");
        }
        files.claims = None;
        assert!(files.wants_claims(false, false), "all of them share the next one");
    }

    #[test]
    fn another_worker_gets_half_of_what_waits_and_nothing_that_was_begun() {
        let context = Context::for_tests(Cancel::never());
        let numbers = |items: Vec<Item>| items.iter().map(|item| item.number).collect::<Vec<_>>();
        let mut files = waiting(10);
        assert_eq!(numbers(files.take_part(&context)), [5, 6, 7, 8, 9]);
        let claimed = |number, claim| ClaimedFile { item: Item::of_both(number, "f"), claim: Ok(claim) };
        files.ready = (10..14).map(|number| claimed(number, FileClaim::default())).collect();
        files.found.truncate(2);
        assert_eq!(numbers(files.take_part(&context)), [13, 0, 1], "those without a claim first");
        files.ready.push_back(claimed(20, FileClaim::of_earlier_run(&[])));
        assert!(files.take_part(&context).is_empty());
        assert_eq!(files.ready.len(), 4);
        let large = |number| Item { known: Some(facts(MOST_BYTES_SHARED)), ..Item::of_both(number, "f") };
        let mut files = WaitingFiles { found: (0..10).map(large).collect(), ..WaitingFiles::default() };
        assert_eq!(numbers(files.take_part(&context)), [9], "as many as have the size of a part");
    }

    fn facts(size: u64) -> crate::session::Facts {
        let kind = ftp_proto::listing::Kind::File;
        crate::session::Facts { size: Some(size), ..crate::session::Facts::of_kind(kind) }
    }
}
