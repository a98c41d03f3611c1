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
use crate::job::claims::planned::{Copied, Planned};
use crate::job::file::copy::{copy, copy_claimed};
use crate::job::item::{Done, Item};
use crate::job::request::options::Options;
use crate::job::together::batch::{self, Prospect};
use crate::job::together::portion::Portion;
use crate::job::together::taken::TakenNames;
use crate::job::together::width::{Reason, Width};
use crate::ladder::Candidate;
use crate::place;
use crate::report::Event;
use crate::route::{Circuit, Ends, Manner};
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
    idle: Vec<Ends>,
    /// How many are being opened.
    opening: usize,
    /// Why a server has refused one of those that were opened together.
    refusal: Option<Failure>,
    tasks: JoinSet<Ended>,
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
}

/// Source directories that were listed because a file was missing, without finding it. They are not asked again.
type Unexplained = Arc<Mutex<HashSet<Option<PathName>>>>;

/// What a task has come to.
enum Ended {
    Opened(Result<Ends, Failure>),
    Copied(Ends, Box<Worked>),
}

/// What a worker has come to with the files that it was given.
#[derive(Debug, Default)]
pub(in crate::job) struct Worked {
    /// The files that have ended.
    pub(in crate::job) copied: Vec<Copied>,
    /// Those that were not begun, because nothing more is.
    pub(in crate::job) unbegun: Vec<Planned>,
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
            idle: vec![ends],
            opening: 0,
            refusal: None,
            tasks: JoinSet::new(),
            circuits: Vec::new(),
            unexplained: Unexplained::default(),
            batches: true,
            manner: None,
            breaks: 0,
            names: TakenNames::default(),
        }
    }

    /// A worker that has nothing to do, if there is one.
    pub(in crate::job) fn idle(&mut self) -> Option<&mut Ends> {
        self.idle.last_mut()
    }

    /// Whether a worker has nothing to do. Otherwise, if files wait and more may work, another one is opened.
    pub(in crate::job) fn is_free(&mut self, files_wait: bool) -> bool {
        let is_free = !self.idle.is_empty();
        let all = self.idle.len() + self.tasks.len();
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
    pub(in crate::job) fn start(&mut self, ready: &mut VecDeque<Planned>) {
        while !self.idle.is_empty() && !ready.is_empty() {
            let some = self.share(ready);
            self.start_some(some);
        }
    }

    /// The next files for a worker: one, or small ones that may move together, so many that each worker gets some.
    fn share(&mut self, ready: &mut VecDeque<Planned>) -> Vec<Planned> {
        let may_batch = self.batches && self.shared_path().is_some();
        let most = if may_batch { self.most_together() } else { 1 };
        let portion =
            Portion::of(ready.len(), self.width.target(), self.take_groups, self.options.jobs.wanted);
        let mut bytes = 0;
        let is_next = |(index, planned): &(usize, &Planned)| {
            bytes += planned.item.known.as_ref().and_then(|facts| facts.size).unwrap_or(0);
            portion.takes(*index, bytes) && batch::may_move(planned, self.options)
        };
        let small = ready.iter().enumerate().take(most).take_while(is_next).count();
        ready.drain(..small.max(1)).collect()
    }

    /// How many files a worker may get at once. The number of workers is measured with few, if each has its own connection.
    fn most_together(&mut self) -> usize {
        // A connection costs round trips of its own, so that many share it.
        self.take_groups = self.idle.last_mut().is_some_and(take_groups);
        if self.take_groups || self.width.found().is_some() { usize::MAX } else { MEASURED }
    }

    /// The path of the last file, if others may share it.
    fn shared_path(&self) -> Option<Candidate> {
        self.ends.memory.lock().shared_path(self.context.clock.now())
    }

    fn start_some(&mut self, planned: Vec<Planned>) {
        let Some(mut ends) = self.idle.pop() else { return };
        let shared = self.shared_path();
        let (context, options) = (self.context.clone(), self.options);
        let (unexplained, names) = (Arc::clone(&self.unexplained), self.names.clone());
        self.tasks.spawn(async move {
            let work = Work { context: &context, options, unexplained: &unexplained, names: &names };
            let worked = Box::pin(work.run(&mut ends, planned, shared)).await;
            Ended::Copied(ends, Box::new(worked))
        });
    }

    /// Notes what the servers of an idle worker have said when its sessions were opened.
    pub(in crate::job) fn note_sessions(&mut self) {
        self.take_groups |= self.idle.last_mut().is_some_and(take_groups);
    }

    /// Whether something of a file may be stored under the name of a part.
    pub(in crate::job) fn has_part(&self, item: &Item) -> bool {
        let go_in_groups = self.batches
            && match self.manner {
                Some(manner) => manner == Manner::Groups,
                None => self.take_groups && self.context.limit.is_none(),
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
            Ended::Copied(mut ends, worked) => {
                let was_found = self.width.found().is_some();
                if ends.source.mixes_sessions() || ends.destination.mixes_sessions() {
                    self.width.mixes();
                }
                self.learn(&worked);
                if !was_found {
                    self.explain(None);
                }
                self.keep(ends);
                Some(*worked)
            }
        }
    }

    /// A worker was opened, or a server has refused it. What is found is told when no others are being opened.
    fn opened(&mut self, opened: Result<Ends, Failure>) {
        self.opening -= 1;
        match opened {
            Ok(ends) => self.keep(ends),
            Err(failure) => self.refusal = Some(failure),
        }
        if self.opening > 0 {
            return;
        }
        let all = self.idle.len() + self.tasks.len();
        match self.refusal.take() {
            Some(failure) => {
                self.width.refused(all);
                self.explain(Some(&failure));
            }
            None => self.width.opened(all, self.context.clock.now()),
        }
    }

    /// Takes note of what a worker has found out.
    fn learn(&mut self, worked: &Worked) {
        let done = || worked.copied.iter().map(|copied| copied.result.as_ref().ok());
        let bytes: Vec<u64> = done().map(|done| done.map_or(0, Done::moved)).collect();
        self.width.ended(&bytes, self.context.clock.now());
        self.breaks += usize::from(worked.prospect == Prospect::Doubtful);
        self.manner = worked.manner.or(self.manner);
        self.batches &= worked.prospect != Prospect::None && self.breaks < MOST_BREAKS;
    }

    /// Keeps a worker that has nothing to do, unless there are too many.
    fn keep(&mut self, ends: Ends) {
        if self.idle.len() + self.tasks.len() < self.width.target() {
            self.idle.push(ends);
        } else {
            self.dismiss(ends);
        }
    }

    /// Returns the sessions of a worker to their pools.
    fn dismiss(&mut self, ends: Ends) {
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
        self.context.events.say(Event::Jobs { number: number as u64, reason, why });
    }

    /// Makes this the source. It is on the same host as before, which has no sessions. Nothing may be under way.
    pub(in crate::job) fn read_from(&mut self, source: &Host) {
        for ends in self.idle.iter_mut().chain([&mut self.ends]) {
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
        let ends = self.idle.pop().unwrap_or_else(|| self.ends.beside());
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
        Host::Server(server) => server.open().is_some_and(|session| session.capabilities.pack),
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
}

impl Work<'_> {
    /// Copies files: together if that is possible, else one after the other.
    async fn run(&self, ends: &mut Ends, mut planned: Vec<Planned>, shared: Option<Candidate>) -> Worked {
        let mut worked = Worked::default();
        if let Some(shared) = shared.filter(|_| planned.len() > 1) {
            let known = (shared, self.names);
            let batched = Box::pin(batch::batched(self.context, ends, planned, self.options, known)).await;
            (worked.copied, planned, worked.prospect) = (batched.copied, batched.rest, batched.prospect);
            worked.manner = batched.manner;
        }
        let mut planned = planned.into_iter();
        for next in planned.by_ref() {
            let copied = Box::pin(copied(self.context, ends, next, self.options, self.unexplained)).await;
            let has_failed = copied.result.is_err() && self.options.fail_fast;
            worked.copied.push(copied);
            if has_failed || self.context.cancel.is_cancelled() {
                break;
            }
        }
        worked.unbegun = planned.collect();
        worked
    }
}

/// Copies a file. If one is missing that was listed, the listing may have dropped leading blanks of its name.
async fn copied(
    context: &Context,
    ends: &mut Ends,
    Planned { mut item, claimed }: Planned,
    options: Options,
    unexplained: &Mutex<HashSet<Option<PathName>>>,
) -> Copied {
    let mut result = match claimed {
        Ok(claimed) => copy_claimed(context, ends, &item, options, claimed).await,
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
    Copied { item, result }
}
