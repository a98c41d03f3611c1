//! Copies several files at the same time. A worker is a pair of ends with sessions of its own.
//!
//! ```text
//!  idle ── start(item) ──> running ── ended ──> idle
//!    ^                                           |
//!    '── opened <── opening (while fewer work than the width wants)
//! ```

use crate::context::Context;
use crate::endpoint::{Host, with_blanks};
use crate::failure::{Failure, Kind};
use crate::job::claims::claim::ClaimedFile;
use crate::job::claims::planned::Copied;
use crate::job::file::copy::{copy, copy_claimed};
use crate::job::item::Item;
use crate::job::moving::{self, DirectorySizes, KeptSource, MovedPortion, MovedTree, expected_copy};
use crate::job::request::options::Options;
use crate::job::together::batch::{self, Prospect};
use crate::job::together::portion::Portion;
use crate::job::together::taken::TakenNames;
use crate::job::together::width::{Reason, Width};
use crate::ladder::Candidate;
use crate::outcome::FileCopy;
use crate::place;
use crate::report::Event;
use crate::route::{Circuit, Ends, Manner};
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::collections::{HashSet, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::{JoinError, JoinSet};

/// The workers between two ends.
#[derive(Debug)]
pub(in crate::job) struct Workers<'a> {
    context: &'a Context,
    options: Options,
    /// The ends without sessions, from which workers are made.
    ends: Ends,
    width: Width,
    idle: Vec<Worker>,
    /// How many are being opened.
    opening: usize,
    /// Why a server has refused one of those that were opened together.
    refusal: Option<Failure>,
    tasks: JoinSet<Ended>,
    /// How many of the tasks are of workers that are not needed any more.
    departing: usize,
    /// What workers that are not needed any more have with relays.
    circuits: Vec<Circuit>,
    unexplained: Unexplained,
    /// Whether small files may move together.
    batches: bool,
    /// How some have moved together.
    manner: Option<Manner>,
    /// Whether both servers have said that they take files in groups.
    take_groups: bool,
    /// How many times a session was closed over files that moved together.
    breaks: usize,
    /// The names that files had at the destination.
    names: TakenNames,
    /// About how many names directories have.
    sizes: DirectorySizes,
    /// The tree that is moved, if it is one.
    tree: Option<MovedTree>,
    /// What workers have copied that are not needed any more, of a move.
    unleft: MovedPortion,
}

/// A worker, and what it has copied.
#[derive(Debug)]
struct Worker {
    ends: Ends,
    /// What it has copied of a move, whose sources wait to be deleted.
    portion: MovedPortion,
}

impl Worker {
    fn of(ends: Ends) -> Self {
        Self { ends, portion: MovedPortion::default() }
    }
}

/// Which sources are deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job) enum LeaveWhich {
    /// Those of all copies that were verified.
    All,
    /// Those that have waited long enough.
    Due,
}

/// Source directories that were listed because a file was missing, without finding it. They are not asked again.
type Unexplained = Arc<Mutex<HashSet<Option<PathName>>>>;

/// What a task has come to.
enum Ended {
    Opened(Result<Ends, Failure>),
    Copied(Worker, Box<Worked>),
    /// It has deleted sources.
    Left(Worker, Vec<KeptSource>),
    /// The same of one that is not needed any more.
    Departed(Worker, Vec<KeptSource>),
}

/// What a worker has come to with the files that it was given.
#[derive(Debug, Default)]
pub(in crate::job) struct Worked {
    /// The files that have ended.
    pub(in crate::job) copied: Vec<Copied>,
    /// Those that were not begun, because nothing more is.
    pub(in crate::job) unbegun: Vec<ClaimedFile>,
    /// Sources of a move that were copied and stay.
    pub(in crate::job) kept: Vec<KeptSource>,
    /// Whether the next small files may move together.
    prospect: Prospect,
    /// How some have moved together, if they have.
    manner: Option<Manner>,
}

impl<'a> Workers<'a> {
    /// One worker, which has the sessions of `ends`.
    pub(in crate::job) fn new(context: &'a Context, mut ends: Ends, options: Options) -> Self {
        Self {
            context,
            options,
            ends: ends.beside(),
            take_groups: take_groups(&mut ends),
            width: Width::new(options.jobs),
            idle: vec![Worker::of(ends)],
            opening: 0,
            refusal: None,
            tasks: JoinSet::new(),
            departing: 0,
            circuits: Vec::new(),
            unexplained: Unexplained::default(),
            batches: true,
            manner: None,
            breaks: 0,
            names: TakenNames::default(),
            sizes: DirectorySizes::default(),
            tree: None,
            unleft: MovedPortion::default(),
        }
    }

    /// A worker that has nothing to do, if there is one.
    pub(in crate::job) fn idle(&mut self) -> Option<&mut Ends> {
        self.idle.last_mut().map(|worker| &mut worker.ends)
    }

    /// Whether a worker has nothing to do. Otherwise, if files wait and more may work, another one is opened.
    pub(in crate::job) fn is_free(&mut self, files_wait: bool) -> bool {
        let is_free = !self.idle.is_empty();
        let all = self.number();
        if !is_free && files_wait && all < self.width.target() && self.opening == 0 {
            self.open(self.width.target() - all);
        }
        is_free
    }

    /// Opens the sessions of `more` workers. Those that work do not wait for them.
    fn open(&mut self, more: usize) {
        for _ in 0..more {
            self.opening += 1;
            let (context, mut ends) = (self.context.clone(), self.ends.beside());
            self.tasks.spawn(async move {
                // A server that refuses is not asked again: the others go on without this worker.
                Ended::Opened(Box::pin(ends.connect(&context)).await.map(|()| ends))
            });
        }
    }

    /// Has idle workers copy files that are claimed, for as long as there are both.
    pub(in crate::job) fn start(&mut self, ready: &mut VecDeque<ClaimedFile>) {
        while !self.idle.is_empty() && !ready.is_empty() {
            let some = self.share(ready);
            self.start_some(some);
        }
    }

    /// The next files for a worker: one, or small ones that may move together, so many that each worker gets some.
    fn share(&mut self, ready: &mut VecDeque<ClaimedFile>) -> Vec<ClaimedFile> {
        let may_batch = self.batches && self.shared_path().is_some();
        let most = if may_batch { self.most_together() } else { 1 };
        let portion =
            Portion::of(ready.len(), self.width.target(), self.take_groups, self.options.jobs.wanted);
        let mut bytes = 0;
        let is_next = |(index, planned): &(usize, &ClaimedFile)| {
            bytes += planned.item.known.as_ref().and_then(|facts| facts.size).unwrap_or(0);
            portion.takes(*index, bytes) && batch::may_move(planned, self.options)
        };
        let small = ready.iter().enumerate().take(most).take_while(is_next).count();
        ready.drain(..small.max(1)).collect()
    }

    /// How many files a worker may get at once. The number of workers is measured with few, if each has its own connection.
    fn most_together(&mut self) -> usize {
        // A connection costs round trips of its own, so that many share it.
        self.take_groups = self.idle().is_some_and(take_groups);
        if self.take_groups || self.width.found().is_some() { usize::MAX } else { MEASURED }
    }

    /// The path of the last file, if others may share it.
    fn shared_path(&self) -> Option<Candidate> {
        self.ends.memory.lock().shared_path(self.context.world.clock.now())
    }

    fn start_some(&mut self, planned: Vec<ClaimedFile>) {
        let Some(mut worker) = self.idle.pop() else { return };
        let shared = self.shared_path();
        let (context, options) = (self.context.clone(), self.options);
        let (unexplained, names) = (Arc::clone(&self.unexplained), self.names.clone());
        let (sizes, tree) = (self.sizes.clone(), self.tree.clone());
        self.tasks.spawn(async move {
            let work = Work {
                context: &context,
                options,
                unexplained: &unexplained,
                names: &names,
                sizes: &sizes,
                tree: tree.as_ref(),
            };
            let worked = Box::pin(work.run(&mut worker, planned, shared)).await;
            Ended::Copied(worker, Box::new(worked))
        });
    }

    /// Notes what the servers of an idle worker have said when its sessions were opened.
    pub(in crate::job) fn note_sessions(&mut self) {
        self.take_groups |= self.idle().is_some_and(take_groups);
    }

    /// Whether something of a file may be stored under the name of a part.
    pub(in crate::job) fn has_part(&self, item: &Item) -> bool {
        let go_in_groups = self.batches
            && match self.manner {
                Some(manner) => manner == Manner::Groups,
                None => self.take_groups && self.context.settings.limit.is_none(),
            };
        !(go_in_groups && batch::is_small(item, self.options))
    }

    /// Notes that a directory of the destination was made, so that nothing is in it.
    pub(in crate::job) fn note_new_directory(&self, path: &PathName) {
        self.names.note_new(path);
    }

    /// Whether anything is under way.
    pub(in crate::job) fn are_busy(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// The next files that have ended. `None` if another worker is ready, or nothing is under way. May be dropped
    /// without losing anything.
    pub(in crate::job) async fn next(&mut self) -> Option<Worked> {
        match ended(self.tasks.join_next().await?) {
            Ended::Opened(opened) => {
                self.opened(opened);
                None
            }
            Ended::Left(worker, kept) => {
                self.keep(worker);
                Some(Worked { kept, ..Worked::default() })
            }
            Ended::Departed(worker, kept) => {
                self.departing -= 1;
                self.dismiss(worker);
                Some(Worked { kept, ..Worked::default() })
            }
            Ended::Copied(mut worker, worked) => {
                let was_found = self.width.found().is_some();
                let ends = &mut worker.ends;
                if ends.source.mixes_sessions() || ends.destination.mixes_sessions() {
                    self.width.mixes();
                }
                self.learn(&worked);
                if !was_found {
                    self.explain(None);
                }
                self.keep(worker);
                Some(*worked)
            }
        }
    }

    /// A worker was opened, or a server has refused it. What is found is told when no others are being opened.
    fn opened(&mut self, opened: Result<Ends, Failure>) {
        self.opening -= 1;
        match opened {
            Ok(ends) => self.keep(Worker::of(ends)),
            Err(failure) => self.refusal = Some(failure),
        }
        if self.opening > 0 {
            return;
        }
        let all = self.number();
        match self.refusal.take() {
            Some(failure) => {
                self.width.refused(all);
                self.explain(Some(&failure));
            }
            None => self.width.opened(all, self.context.world.clock.now()),
        }
    }

    /// Takes note of what a worker has found out.
    fn learn(&mut self, worked: &Worked) {
        let done = || worked.copied.iter().map(|copied| copied.result.as_ref().ok());
        let bytes: Vec<u64> = done().map(|done| done.map_or(0, FileCopy::bytes_moved)).collect();
        self.width.ended(&bytes, self.context.world.clock.now());
        self.breaks += usize::from(worked.prospect == Prospect::Doubtful);
        self.manner = worked.manner.or(self.manner);
        self.batches &= worked.prospect != Prospect::None && self.breaks < MOST_BREAKS;
    }

    /// How many workers there are, and how many are being opened.
    fn number(&self) -> usize {
        self.idle.len() + self.tasks.len() - self.departing
    }

    /// Keeps a worker that has nothing to do, unless there are too many. Then it deletes the sources of what it has copied
    /// before its sessions are given up: no other session has verified these copies.
    fn keep(&mut self, worker: Worker) {
        if self.number() < self.width.target() {
            self.idle.push(worker);
        } else if worker.portion.is_empty() {
            self.dismiss(worker);
        } else {
            self.departing += 1;
            self.leave_by(worker, Ended::Departed);
        }
    }

    /// Has a worker delete the sources of what it has copied.
    fn leave_by(&mut self, mut worker: Worker, ended: fn(Worker, Vec<KeptSource>) -> Ended) {
        let (context, sizes, tree) = (self.context.clone(), self.sizes.clone(), self.tree.clone());
        self.tasks.spawn(async move {
            let Worker { ends, portion } = &mut worker;
            let deleting = moving::delete_sources(&context, ends, portion, tree.as_ref(), &sizes);
            let kept = Box::pin(deleting).await;
            ended(worker, kept)
        });
    }

    /// Returns the sessions of a worker to their pools.
    fn dismiss(&mut self, Worker { ends, portion }: Worker) {
        self.unleft.append(portion);
        ends.source.release();
        ends.destination.release();
        self.circuits.extend(ends.circuit);
    }

    /// Says how many files are copied at the same time, and why, as soon as it is known.
    fn explain(&self, failure: Option<&Failure>) {
        let Some((number, reason)) = self.width.found() else { return };
        let (reason, why) = match (reason, failure) {
            (Reason::Asked, _) => return,
            (Reason::NoFaster, _) => ("no-faster", "twice as many were hardly faster".to_owned()),
            (Reason::Most, _) => (
                "most",
                "the most that auto uses; --jobs N permits more, up to the limits of the sites".to_owned(),
            ),
            (Reason::Site, _) => ("site", "the limits of a site permit no more".to_owned()),
            (Reason::Mixed, _) => {
                ("mixed", "a server mixes up sessions that are busy at the same time".to_owned())
            }
            (Reason::Refused, None) => ("refused", "a server permits no more sessions".to_owned()),
            (Reason::Refused, Some(failure)) => {
                ("refused", format!("a server permits no more sessions: {failure}"))
            }
        };
        self.context.run.events.say(Event::Jobs { number: number as u64, reason, why });
    }

    /// From now on, files of this tree are moved, or of none.
    pub(in crate::job) fn move_tree(&mut self, tree: Option<&MovedTree>) {
        self.tree = tree.cloned();
    }

    /// Notes a file that was found.
    pub(in crate::job) fn note_found(&self, item: &Item) {
        if self.moves() {
            self.sizes.note_found(item);
        }
    }

    /// Notes that an idle worker has copied a file, whose source is deleted with others if this is a move.
    ///
    /// # Errors
    ///
    /// Its source stays, and why.
    pub(in crate::job) fn note_copied(&mut self, item: &Item, done: &FileCopy) -> Result<(), Failure> {
        if !self.moves() {
            return Ok(());
        }
        let (ends, portion) = match self.idle.last_mut() {
            Some(Worker { ends, portion }) => (&*ends, portion),
            None => (&self.ends, &mut self.unleft),
        };
        let expected = expected_copy(ends, self.options, done);
        portion.note(self.context, self.tree.as_ref(), item, done, expected)
    }

    /// Has idle workers delete the sources of what was copied. Those that are busy do it before they are idle for long.
    pub(in crate::job) fn leave(&mut self, which: LeaveWhich) {
        let now = self.context.world.clock.now();
        if let Some(worker) = self.idle.last_mut() {
            worker.portion.append(std::mem::take(&mut self.unleft));
        }
        let is_now = |worker: &mut Worker| match which {
            LeaveWhich::All => !worker.portion.is_empty(),
            LeaveWhich::Due => worker.portion.is_due(now),
        };
        let workers: Vec<Worker> = self.idle.extract_if(.., is_now).collect();
        for worker in workers {
            self.leave_by(worker, Ended::Left);
        }
    }

    /// When an idle worker is to delete the sources of what it has copied.
    pub(in crate::job) fn due_at(&self) -> Option<Moment> {
        self.idle.iter().filter_map(|worker| worker.portion.due_at()).min()
    }

    fn moves(&self) -> bool {
        self.options.moves && !self.options.mode.is_dry()
    }

    /// Makes this the source. It is on the same host as before, which has no sessions. Nothing may be under way.
    pub(in crate::job) fn read_from(&mut self, source: &Host) {
        for ends in self.idle.iter_mut().map(|worker| &mut worker.ends).chain([&mut self.ends]) {
            ends.source = source.beside();
        }
    }

    /// Leaves one worker that is idle. The sessions of the others return to their pools, for other uses.
    pub(in crate::job) fn shrink(&mut self) {
        for other in self.idle.split_off(self.idle.len().min(1)) {
            self.dismiss(other);
        }
    }

    /// The first worker, after all others have ended; their sessions return to their pools.
    pub(in crate::job) async fn finish(mut self) -> Ends {
        let ends = self.idle.pop().map_or_else(|| self.ends.beside(), |worker| worker.ends);
        for other in std::mem::take(&mut self.idle) {
            self.dismiss(other);
        }
        for circuit in self.circuits {
            circuit.quit().await;
        }
        ends
    }
}

/// How many small files a worker gets at once while the number of workers is being found, if each has its own connection.
const MEASURED: usize = 16;
/// After so many sessions were closed over files that moved together, the other files of the tree move one after the other.
/// A server may wait for a minute in each of these sessions.
const MOST_BREAKS: usize = 3;

/// Whether both servers have said that they take files in groups.
fn take_groups(ends: &mut Ends) -> bool {
    let takes = |host: &mut Host| match host {
        Host::Server(server) => server.open().is_some_and(|session| session.manners.capabilities.pack),
        Host::Local(_) => false,
    };
    takes(&mut ends.source) && takes(&mut ends.destination)
}

/// What a task has come to. A panic goes on here: a file that nobody knows the end of must not count as copied.
fn ended(joined: Result<Ended, JoinError>) -> Ended {
    match joined.map_err(JoinError::try_into_panic) {
        Ok(ended) => ended,
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_)) => Ended::Opened(Err(Failure::interrupted())), // tasks are cancelled only with this program
    }
}

/// What a worker needs beside its ends.
struct Work<'a> {
    context: &'a Context,
    options: Options,
    unexplained: &'a Mutex<HashSet<Option<PathName>>>,
    names: &'a TakenNames,
    sizes: &'a DirectorySizes,
    tree: Option<&'a MovedTree>,
}

impl Work<'_> {
    /// Copies files: together if that is possible, else one after the other. The sources of a move are deleted soon after.
    async fn run(
        &self,
        worker: &mut Worker,
        mut planned: Vec<ClaimedFile>,
        shared: Option<Candidate>,
    ) -> Worked {
        let mut worked = Worked::default();
        if let Some(shared) = shared.filter(|_| planned.len() > 1) {
            let (known, ends) = ((shared, self.names), &mut worker.ends);
            let batched = Box::pin(batch::batched(self.context, ends, planned, self.options, known)).await;
            (planned, worked.prospect, worked.manner) = (batched.rest, batched.prospect, batched.manner);
            for copied in batched.copied {
                self.ended(worker, &mut worked, copied);
            }
            self.leave(worker, &mut worked, MovedPortion::is_due).await;
        }
        let mut planned = planned.into_iter();
        for next in planned.by_ref() {
            let size = self.size_of(worker, &next.item).await;
            self.leave(worker, &mut worked, |portion, _| portion.is_due_before(size)).await;
            let ends = &mut worker.ends;
            let copied = Box::pin(copied(self.context, ends, next, self.options, self.unexplained)).await;
            let has_failed = copied.result.is_err() && self.options.fail_fast;
            self.ended(worker, &mut worked, copied);
            self.leave(worker, &mut worked, MovedPortion::is_due).await;
            if has_failed || self.context.run.cancel.is_cancelled() {
                break;
            }
        }
        worked.unbegun = planned.collect();
        worked
    }

    /// How large a file is, if that is known. A file of this host is looked at if sources of a move wait for it.
    async fn size_of(&self, worker: &mut Worker, item: &Item) -> Option<u64> {
        match &item.known {
            None if !worker.portion.is_empty() && worker.ends.source.is_local() => {
                worker.ends.source.facts(self.context, &item.source).await.ok()??.size
            }
            known => known.as_ref()?.size,
        }
    }

    /// Notes what came of a file.
    fn ended(&self, Worker { ends, portion }: &mut Worker, worked: &mut Worked, mut copied: Copied) {
        if let Ok(done) = &copied.result
            && self.options.moves
            && !self.options.mode.is_dry()
        {
            let expected = expected_copy(ends, self.options, done);
            copied.stays = portion.note(self.context, self.tree, &copied.item, done, expected).err();
        }
        worked.copied.push(copied);
    }

    /// Deletes the sources of what was copied, if that is due.
    async fn leave(
        &self,
        Worker { ends, portion }: &mut Worker,
        worked: &mut Worked,
        is_due: impl Fn(&MovedPortion, Moment) -> bool,
    ) {
        if !portion.is_empty() && is_due(portion, self.context.world.clock.now()) {
            let deleting = moving::delete_sources(self.context, ends, portion, self.tree, self.sizes);
            worked.kept.extend(Box::pin(deleting).await);
        }
    }
}

/// Copies a file. If one is missing that was listed, the listing may have dropped leading blanks of its name.
async fn copied(
    context: &Context,
    ends: &mut Ends,
    ClaimedFile { mut item, claim }: ClaimedFile,
    options: Options,
    unexplained: &Mutex<HashSet<Option<PathName>>>,
) -> Copied {
    let mut result = match claim {
        Ok(claim) => copy_claimed(context, ends, &item, options, claim).await,
        Err(failure) => Err(failure),
    };
    let directory = place::parent(&item.source);
    let is_missing = result.as_ref().is_err_and(|failure| failure.kind == Kind::Missing);
    let unexplained = || unexplained.lock().unwrap_or_else(PoisonError::into_inner);
    if is_missing && item.is_listed && !unexplained().contains(&directory) {
        let found = with_blanks(context, &mut ends.source, &item.source).await;
        let found = found.ok().flatten().and_then(|path| place::base_name(&path).map(|name| (path, name)));
        match found {
            None => drop(unexplained().insert(directory)),
            Some((source, name)) => {
                let above = place::parent(&item.destination);
                (item.source, item.destination) = (source, place::join(above.as_ref(), &name));
                result = copy(context, ends, &item, options).await;
            }
        }
    }
    Copied::of(item, result)
}
