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
use super::taken_names::{CopyPlaces, PlaceState};
use super::waiting::WaitingFiles;
use super::worker::{FileResult, WorkerResults};
use super::workers::Workers;
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind, Result};
use crate::job::Item;
use crate::job::claims::{claim, names};
use crate::job::file_tally::FileTally;
use crate::job::last_look::StoredFiles;
use crate::job::moving::{KeptSource, MovedPortion, MovedTree, look_at_earlier};
use crate::job::request::job::Options;
use crate::job::summary::Tally;
use crate::journal::PartRequest;
use crate::outcome::{FailedItem, FileCopy};
use crate::route::Ends;
use ftp_proto::wire::{PathName, counted};
use std::collections::HashSet;

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
    /// When it began, in milliseconds since 1970.
    began: u64,
    /// What is at the destination.
    stored: StoredFiles,
    /// The same between other places.
    elsewhere: Vec<(Ends, StoredFiles)>,
    /// What came of each file, if they are a part of the tree of a job that another daemon has.
    pub(in crate::job) results_for_other: Option<SharedResults>,
    /// Another daemon is lost that has copied files for this job: nobody knows what it still does.
    has_lost_tree_part: bool,
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
            began: claim::now().unwrap_or(0),
            stored: StoredFiles::default(),
            elsewhere: Vec::new(),
            results_for_other: None,
            has_lost_tree_part: false,
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
            || self.has_lost_tree_part
            || (self.options.fail_fast && self.tally.has_failed())
    }

    /// Takes the place of a copy.
    pub(in crate::job) fn take_place(&mut self, item: &Item) -> Result<PlaceState> {
        self.places.take(|| names::place(&self.ends, item))
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

    /// Whether a worker is idle, and every file that was found has its claim: the last few may wait for others.
    pub(in crate::job) fn waits_for_files(&mut self) -> bool {
        self.waiting.found.is_empty() && self.waiting.claims.is_none() && self.workers.is_free()
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
            let items = self
                .waiting
                .take_tree_part(self.context, self.workers.sharing.most(self.context.world.clock.now()));
            if !items.is_empty() {
                self.workers.share_with_others(items);
            }
        }
        self.workers.open_others(&self.waiting, wish == StreamWait::Session);
        let is_free = self.workers.is_free();
        let has_nothing_else = is_free && self.waiting.is_empty();
        if (self.waits_for_files() && self.waiting.ready.is_empty())
            || (is_free && wish == StreamWait::Session)
        {
            self.workers.note_waiting();
        }
        self.workers.sharing.request(if has_nothing_else {
            PartRequest::TakeBack
        } else {
            PartRequest::Look
        });
        if is_free && wish == StreamWait::Session {
            return StreamEvent::Idle;
        }
        let are_busy = self.workers.are_busy();
        let reads_on = wish == StreamWait::Next && self.waiting.has_room();
        let is_idle = is_free && self.workers.has_nothing_to_begin(&self.waiting.ready);
        let due = self.workers.due_at().filter(|_| are_busy || reads_on);
        tokio::select! {
            biased;
            results = self.workers.next(), if are_busy => self.note(results),
            () = self.waiting.claimed(self.context, &self.ends), if self.waiting.claims.is_some() => {}
            found = next, if reads_on => return StreamEvent::Found(found),
            () = self.context.world.clock.sleep_until(due), if due.is_some() => {
                self.workers.delete_sources(MovedPortion::is_due);
                self.workers.quit_long_idle();
            }
            // Nothing more was found for now, or enough.
            () = std::future::ready(()), if self.waiting.wants_claims(is_idle, reads_on) => {
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
        self.waiting.is_empty() && self.workers.is_free()
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
        // Whatever a lost daemon still does is taken over by the next run, which must not wait for the others.
        let is_lost = self.has_lost_tree_part;
        self.workers.sharing.request(if is_lost { PartRequest::Revoke } else { PartRequest::TakeBack });
        while self.workers.are_working() {
            let results = self.workers.next().await;
            self.note(results);
        }
        // A server that says nothing must not hold up what is done.
        self.workers.stop_opening().await;
    }

    /// Notes that an idle worker has copied a file.
    pub(in crate::job) fn note_copied(&mut self, item: &Item, done: &FileCopy) -> Result<()> {
        self.stored.note(&self.ends, self.options, item, done, FileTally::of(done));
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
        let counts = if deleted.is_ok() { FileTally::of(done) } else { FileTally::default() };
        self.stored.note(&self.ends, self.options, item, done, counts);
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
        if let Some(others) = &mut self.results_for_other {
            others.note(&results.files, &results.kept);
        }
        if results.has_lost_tree_part {
            self.lose_tree_part();
        }
        if results.has_lost_session
            && let Some(losses) = self.ends.destination.losses()
        {
            losses.note();
        }
        let WorkerResults { files, unbegun, kept, returned, undeleted_part, .. } = results;
        self.tally.undeleted_part = self.tally.undeleted_part.take().or(undeleted_part);
        self.waiting.ready.extend(unbegun);
        self.waiting.found.extend(returned);
        for file in files {
            if let Ok(done) = &file.result {
                let counts = if self.has_failed(&file) { FileTally::default() } else { FileTally::of(done) };
                self.stored.note(&self.ends, self.options, &file.item, done, counts);
            }
            self.report(file);
        }
        for KeptSource { number, source, copy, failure } in kept {
            let (source, dest) = (self.ends.source.show(&source), self.ends.destination.show(&copy));
            self.tally.source_stays(number, FailedItem { source, dest, failure });
        }
    }

    /// Nothing more is begun: the next run of the job takes over what a lost daemon has left, before it does anything else.
    fn lose_tree_part(&mut self) {
        self.workers.sharing.request(PartRequest::Revoke);
        if !std::mem::replace(&mut self.has_lost_tree_part, true) {
            let (source, dest) = (self.ends.source.name(), self.ends.destination.name());
            let what = "another daemon that carried a part of the tree was lost";
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

    /// Whether a name is in a directory that was made, so that nothing has it.
    pub(in crate::job) fn is_in_new_directory(&self, path: &PathName) -> bool {
        self.workers.tools.names.is_in_new_directory(path)
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
        if self.context.run.cancel.is_cancelled() || self.has_lost_tree_part {
            return;
        }
        self.set_apart();
        let mut all = std::mem::take(&mut self.elsewhere);
        let looks_at_earlier = self.options.deletes_sources() && self.context.run.job_journal.is_resumed();
        if all.is_empty() && !looks_at_earlier {
            return;
        }
        self.take_ends().await.quit(self.context).await;
        let own = self.ends.destination.name();
        if looks_at_earlier && all.iter().all(|(ends, _)| ends.destination.name() != own) {
            all.push((self.ends.beside(), StoredFiles::default()));
        }
        let mut looked_at = HashSet::new();
        for (mut ends, stored) in all {
            ends.destination.quit_idle().await;
            Box::pin(stored.look(self.context, &mut ends, self.options, self.tally)).await;
            if looks_at_earlier && looked_at.insert(ends.destination.name()) {
                let destination = &mut ends.destination;
                Box::pin(look_at_earlier(self.context, destination, self.began, self.tally)).await;
            }
            ends.quit(self.context).await;
        }
    }

    /// Both ends with their sessions.
    pub(in crate::job) async fn finish(self) -> Ends {
        self.workers.finish().await
    }
}

/// What to do where files were lost on the way through this program.
const MISSING: &str = "this is a fault of ftp-user: run the command again, and report it";
