//! Copies several files at the same time. A worker is a pair of ends with sessions of its own.
//!
//! ```text
//!  idle ── start(files) ──> running ── ended ──> idle
//!    ^                                             |
//!    '── opened <── opening (while fewer work than the width wants)
//! ```

use super::already_there;
use super::batch;
use super::grouping::Grouping;
use super::intake::Intakes;
use super::sharing::Sharing;
use super::waiting::WaitingFiles;
use super::width::{Reason, Width, least, portion};
use super::worker::{FileResult, Worker, WorkerResults, WorkerTools};
use crate::context::Context;
use crate::endpoint::{Host, Pool};
use crate::failure::{Failure, Result};
use crate::job::claims::claim::ClaimedFile;
use crate::job::moving::{self, KeptSource, MovedPortion};
use crate::job::request::job::Options;
use crate::job::{Item, LARGE_ABOVE};
use crate::ladder::Candidate;
use crate::outcome::FileCopy;
use crate::report::Event;
use crate::route::{Circuit, Ends};
use ftp_io::blocking::unless_cancelled;
use ftp_proto::timer::Moment;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};

/// The workers between two ends.
#[derive(Debug)]
pub(super) struct Workers {
    /// What each of them needs beside its ends.
    pub(super) tools: WorkerTools,
    /// The ends without sessions, from which workers are made.
    ends: Ends,
    width: Width,
    idle: Vec<Worker>,
    /// Those that are not needed any more, and have copied files of a move whose sources are not deleted yet: no other session has
    /// verified these copies.
    resting: Vec<Worker>,
    /// How many are being opened.
    opening: usize,
    /// Why a server has refused one of those that were opened together.
    refusal: Option<Failure>,
    tasks: JoinSet<TaskEnd>,
    /// Sessions that nobody used, which end.
    goodbyes: JoinSet<()>,
    /// What workers that are not needed any more have with relays.
    circuits: Vec<Circuit>,
    grouping: Grouping,
    /// What moves together, and takes files in.
    intakes: Intakes,
    /// How many files the workers have.
    given: usize,
    /// What workers have copied that are not needed any more, of a move.
    unleft: MovedPortion,
    pub(super) sharing: Sharing,
}

/// The files that a worker gets.
struct Portion {
    files: Vec<ClaimedFile>,
    /// They may be at the destination already, or it is one. Otherwise they may move together.
    are_compared: bool,
}

/// What a task has come to.
enum TaskEnd {
    Opened(Result<Ends>),
    Copied(Worker, Box<WorkerResults>),
    /// The worker has deleted sources.
    Deleted(Worker, Vec<KeptSource>),
    /// What came of files that were offered to other daemons.
    Shared(Box<WorkerResults>),
}

impl Workers {
    /// One worker, which has the sessions of `ends`.
    pub(super) fn new(context: &Context, mut ends: Ends, options: Options) -> Self {
        Self {
            tools: WorkerTools::new(context, options),
            sharing: Sharing::new(context, &ends, options),
            ends: ends.beside(),
            grouping: Grouping::new(&mut ends),
            intakes: Intakes::default(),
            given: 0,
            width: Width::new(options.jobs),
            idle: vec![Worker::of(ends)],
            resting: Vec::new(),
            opening: 0,
            refusal: None,
            tasks: JoinSet::new(),
            goodbyes: JoinSet::new(),
            circuits: Vec::new(),
            unleft: MovedPortion::default(),
        }
    }

    /// The ends of a worker that has nothing to do, if there is one.
    pub(super) fn idle(&mut self) -> Option<&mut Ends> {
        self.idle.last_mut().map(|worker| &mut worker.ends)
    }

    /// Whether a worker has nothing to do.
    pub(super) const fn is_free(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Opens other workers if all are busy, files wait or `wants_session`, and more may work. Those that work do not wait for them.
    pub(super) fn open_others(&mut self, waiting: &WaitingFiles, wants_session: bool) {
        if self.opening > 0 {
            return;
        }
        let (now, target) = (self.now(), self.width.target);
        let mut most = self.most(now);
        if most > target && !wants_session {
            let ready = waiting.ready.iter().map(|file| &file.item);
            let smaller = self.first_not_large(ready).or_else(|| self.first_not_large(waiting.found.iter()));
            if smaller.is_none() && waiting.claims.is_some() {
                return;
            }
            most = smaller.map_or(target, |_| most);
        }
        if self.number() >= most {
            return self.change_width(|width| width.opened(now));
        }
        if waiting.is_empty() && !wants_session {
            return;
        }
        self.recall_resting(now);
        if self.is_free() {
            return;
        }
        self.width.waits_for_files();
        self.opening = most - self.number();
        for _ in 0..self.opening {
            let (context, mut ends) = (self.tools.context.clone(), self.ends.beside());
            self.tasks.spawn(async move {
                // A server that refuses is not asked again: the others go on without this worker.
                TaskEnd::Opened(Box::pin(ends.connect(&context)).await.map(|()| ends))
            });
        }
    }

    /// How many may work: the target, and extra ones in place of those at large files, if a path is known.
    fn most(&self, now: Moment) -> usize {
        let most = self.width.with_extra(now);
        if most == self.width.target || self.has_path() { most } else { self.width.target }
    }

    /// Whether a path is known, or one end is this host.
    fn has_path(&self) -> bool {
        !self.ends.are_servers() || self.ends.memory.lock().found_path().is_some()
    }

    /// The index of the first file that is not large.
    fn first_not_large<'f>(&self, items: impl Iterator<Item = &'f Item>) -> Option<usize> {
        let most = if self.ends.source.is_local() { LOOKED_AT } else { usize::MAX };
        items.take(most).position(|item| !self.is_large(item))
    }

    /// Whether a file is large. One of this host is looked at, since its listing tells no size. One of unknown size counts as large.
    fn is_large(&self, item: &Item) -> bool {
        let size = item.size().or_else(|| self.ends.source.facts_here(&item.source)?.size);
        size.is_none_or(|size| size > LARGE_ABOVE)
    }

    /// Has a worker that rests work again, if none is idle and more may work.
    fn recall_resting(&mut self, now: Moment) {
        if self.idle.is_empty() && self.number() < self.most(now) {
            self.idle.extend(self.resting.pop());
        }
    }

    /// Whether none of these files may be given to an extra worker.
    pub(super) fn has_nothing_to_begin(&self, ready: &VecDeque<ClaimedFile>) -> bool {
        self.first_not_large(ready.iter().map(|file| &file.item)).is_none()
    }

    /// Notes that an idle worker waits for files.
    pub(super) fn note_waiting(&mut self) {
        if self.working() < self.most(self.now()) {
            self.width.waits_for_files();
        }
    }

    /// Has idle workers copy files that are claimed, for as long as there are both. While others may follow soon, the first few wait for
    /// them if all could take the path of an earlier run together. If all workers are busy, small files join those that move.
    pub(super) fn start(&mut self, ready: &mut VecDeque<ClaimedFile>, others_follow: bool) {
        if let Some(worker) = self.idle.last_mut().filter(|_| !ready.is_empty()) {
            let (context, allowed) = (&self.tools.context, self.tools.options.allowed);
            self.grouping.recall(context, &mut worker.ends, allowed);
        }
        let is_remembered = self.grouping.remembered_path(&self.ends.memory.lock()).is_some();
        let awaits_others = others_follow && is_remembered && ready.len() < batch::FEWEST;
        let now = self.now();
        while !ready.is_empty() && !awaits_others {
            self.recall_resting(now);
            if self.idle.is_empty() {
                break;
            }
            if self.working() >= self.width.target {
                let smaller = self.first_not_large(ready.iter().map(|file| &file.item));
                let Some(first) = smaller else { break };
                ready.rotate_left(first);
            }
            let Portion { files, are_compared } = self.share(ready);
            let shared = self.shared_path().filter(|_| !are_compared);
            if shared.is_some() {
                self.grouping.note_taken();
            }
            let Some(mut worker) = self.idle.pop() else { return };
            let workers = self.most(now);
            let shared = shared.filter(|_| files.len() > 1);
            let shared = shared.map(|candidate| self.intakes.open(candidate, &files, workers));
            self.given += files.len();
            if matches!(&*files, [file] if self.is_large(&file.item)) {
                worker.large_since = Some(now);
                self.width.begun_large(now);
            }
            let tools = self.tools.clone();
            self.tasks.spawn(async move {
                let results = Box::pin(tools.copy(&mut worker, files, shared)).await;
                TaskEnd::Copied(worker, Box::new(results))
            });
        }
        // Those that are still to be opened want files, too, and what has joined others is begun whatever fails.
        let (options, all) = (self.tools.options, self.most(now));
        let are_busy = self.idle.is_empty() && self.opening == 0 && self.number() >= all;
        if are_busy && self.grouping.go_in_groups() && !options.fail_fast {
            self.given += self.intakes.fill(ready, options);
        }
    }

    /// Whether some of so many files that wait should be offered to other daemons: all workers are busy. Of a move, it must be a tree
    /// in which no link is known, since whoever deletes the file to which it leads has to know that the link was copied.
    pub(super) fn may_share(&self, waiting: usize) -> bool {
        let is_known = !self.tools.options.deletes_sources()
            || (self.tools.tree.is_some() && self.tools.links.is_empty());
        let are_all_busy = self.idle.is_empty() && self.opening == 0;
        are_all_busy && is_known && self.sharing.is_due(waiting, self.now())
    }

    /// Offers files to other daemons.
    pub(super) fn share_with_others(&mut self, items: Vec<Item>) {
        let context = &self.tools.context;
        self.given += items.len();
        let ended = self.sharing.offer(context, &self.ends, self.tools.tree.as_ref(), items);
        self.tasks.spawn(async move { TaskEnd::Shared(Box::new(ended.await)) });
    }

    /// The next files for a worker: one, or small ones that may move together or be there already, so many that each worker gets
    /// some.
    fn share(&mut self, ready: &mut VecDeque<ClaimedFile>) -> Portion {
        let mut most = 1;
        if self.shared_path().is_some() {
            // A connection costs round trips of its own, so that many files share it. The number of workers is measured with
            // few, if each has its own connection.
            self.grouping.use_sessions(self.idle.last_mut().map(|worker| &mut worker.ends));
            let has_all = self.grouping.takes_groups || self.width.found().is_some();
            most = if has_all { usize::MAX } else { MEASURED };
        }
        let options = self.tools.options;
        let small = ready.iter().take(most).take_while(|file| batch::may_move(file, options));
        let sizes = small.map(|file| file.item.size().unwrap_or(0));
        let least = least(self.grouping.takes_groups, options.jobs.wanted);
        let mut number = portion(sizes, ready.len().div_ceil(self.width.target), least);
        let can_ask = |worker: &mut Worker| worker.ends.are_asked_at_once();
        let are_compared = number <= 1 && self.idle.last_mut().is_some_and(can_ask);
        if are_compared {
            let names = &self.tools.names;
            let some = ready.iter().take(already_there::MOST);
            number = some.take_while(|file| already_there::may_be_there(file, options, names)).count();
        }
        Portion { files: ready.drain(..number.max(1)).collect(), are_compared }
    }

    /// The path on which small files may move together.
    fn shared_path(&self) -> Option<Candidate> {
        self.grouping.shared_path(&self.ends.memory.lock(), self.now())
    }

    /// Notes what the servers of an idle worker have said when its sessions were opened.
    pub(super) fn note_sessions(&mut self) {
        self.grouping.note_sessions(self.idle.last_mut().map(|worker| &mut worker.ends));
    }

    /// Whether something of a file may be stored under the name of a part.
    pub(super) fn has_part(&self, item: &Item) -> bool {
        !(self.grouping.go_in_groups() && item.may_move_together(self.tools.options))
    }

    /// Whether files are being copied, or sources deleted.
    pub(super) fn are_working(&self) -> bool {
        self.tasks.len() > self.opening
    }

    /// Gives up the workers that are being opened. Nobody else may work.
    pub(super) async fn stop_opening(&mut self) {
        self.tasks.abort_all();
        while let Some(joined) = self.tasks.join_next().await {
            if let TaskEnd::Opened(Ok(ends)) = task_end(joined) {
                self.dismiss(Worker::of(ends));
            }
        }
        (self.opening, self.refusal) = (0, None);
    }

    /// How many files have not come back, although nothing is under way: none, unless this program is wrong.
    pub(super) fn missing(&self) -> usize {
        if self.are_busy() { 0 } else { self.given }
    }

    /// Whether anything is under way.
    pub(super) fn are_busy(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// The next files that have ended. `None` if another worker is ready, or nothing is under way. May be dropped
    /// without losing anything.
    pub(super) async fn next(&mut self) -> Option<WorkerResults> {
        match task_end(self.tasks.join_next().await?) {
            TaskEnd::Opened(opened) => {
                self.opened(opened);
                None
            }
            TaskEnd::Deleted(worker, kept) => {
                self.keep(worker);
                Some(WorkerResults { kept, ..WorkerResults::default() })
            }
            TaskEnd::Shared(results) => {
                self.given = self.given.saturating_sub(results.files.len() + results.returned.len());
                self.sharing.part_ended(&results, self.now());
                Some(*results)
            }
            TaskEnd::Copied(mut worker, results) => {
                self.given = self.given.saturating_sub(results.files.len() + results.unbegun.len());
                self.sharing.note_ended(results.files.len());
                self.note_reason_for_one(&mut worker.ends);
                self.learn(worker.large_since.take(), &results);
                let others = self.number() - self.opening;
                if results.has_no_session && others > 0 {
                    // They have sessions, perhaps the only ones that a firewall permits.
                    self.width.refused(others);
                    self.dismiss(worker);
                } else {
                    self.keep(worker);
                }
                Some(*results)
            }
        }
    }

    /// Has no more than one file move at a time, if a server is the reason.
    fn note_reason_for_one(&mut self, ends: &mut Ends) {
        let reason = if ends.source.mixes_sessions() || ends.destination.mixes_sessions() {
            Some(Reason::Mixed)
        } else {
            ends.keep_rate_for_each_session(&self.tools.context).then_some(Reason::Rate)
        };
        self.change_width(|width| width.one_by_one(reason));
    }

    /// Changes the number of workers, and tells it as soon as it is found.
    fn change_width(&mut self, change: impl FnOnce(&mut Width)) {
        let was_found = self.width.found().is_some();
        change(&mut self.width);
        if !was_found {
            self.explain(None);
        }
    }

    /// A worker was opened, or a server has refused it. What is found is told when no others are being opened.
    fn opened(&mut self, opened: Result<Ends>) {
        self.opening -= 1;
        match opened {
            Ok(mut ends) => {
                self.note_reason_for_one(&mut ends);
                self.keep(Worker::of(ends));
            }
            Err(failure) => self.refusal = Some(failure),
        }
        if self.opening > 0 {
            return;
        }
        let Some(failure) = self.refusal.take() else { return };
        let (all, now) = (self.number(), self.now());
        if all >= self.width.target {
            return self.width.refused_extra(now);
        }
        // Beside the workers, a walk has one session or, for a while, several.
        let has_others = self.ends.source.sessions() > all + 1;
        if !has_others || !self.width.refused_for_now(all, now) {
            self.width.refused(all);
            self.explain(Some(&failure));
        }
    }

    /// Takes note of what a worker has found out. `large_since`: when it was begun, if it was one large file.
    fn learn(&mut self, large_since: Option<Moment>, results: &WorkerResults) {
        let moved = |file: &FileResult| file.result.as_ref().map_or(0, FileCopy::bytes_moved);
        let bytes: Vec<u64> = results.files.iter().map(moved).collect();
        let now = self.now();
        self.change_width(|width| match large_since {
            Some(begun) => width.ended_large(begun, bytes.iter().sum(), now),
            None => width.ended(&bytes, now),
        });
        self.grouping.learn(results);
    }

    fn now(&self) -> Moment {
        self.tools.context.world.clock.now()
    }

    /// How many workers there are, and how many are being opened.
    fn number(&self) -> usize {
        self.idle.len() + self.tasks.len() - self.sharing.parts
    }

    /// How many of them have something to do.
    fn working(&self) -> usize {
        self.number() - self.idle.len() - self.opening
    }

    /// Keeps a worker that has nothing to do, unless there are too many.
    fn keep(&mut self, worker: Worker) {
        if self.number() < self.most(self.now()) {
            self.idle.push(worker);
        } else if worker.portion.is_empty() {
            self.dismiss(worker);
        } else {
            self.resting.push(worker);
        }
    }

    /// Returns the sessions of a worker to their pools.
    fn dismiss(&mut self, Worker { ends, portion, .. }: Worker) {
        self.unleft.append(portion);
        ends.source.release();
        ends.destination.release();
        self.circuits.extend(ends.circuit);
    }

    /// Says how many files are copied at the same time, and why, as soon as it is known.
    fn explain(&self, failure: Option<&Failure>) {
        let Some((number, reason)) = self.width.found() else { return };
        let failure = failure.filter(|_| reason == Reason::Refused);
        let (reason, why) = match reason {
            Reason::Asked => return,
            Reason::NoFaster => ("no-faster", "twice as many were hardly faster"),
            Reason::Most => {
                ("most", "the most that auto uses; --jobs N permits more, up to the limits of the sites")
            }
            Reason::Site => ("site", "the limits of a site permit no more"),
            Reason::Mixed => ("mixed", "a server mixes up sessions that are busy at the same time"),
            Reason::Rate => ("rate", "a server does not share the rate of --limit among sessions"),
            Reason::Refused => ("refused", "a server permits no more sessions"),
        };
        let why = failure.map_or_else(|| why.to_owned(), |failure| format!("{why}: {failure}"));
        self.tools.context.run.events.say(Event::Jobs { number: number as u64, reason, why });
    }

    /// Notes a file that was found.
    pub(super) fn note_found(&self, item: &Item) {
        if self.tools.options.deletes_sources() {
            self.tools.sizes.note_found(item);
            self.tools.links.note_found(item);
        }
    }

    /// Notes that an idle worker has copied a file, whose source is deleted with others if this is a move.
    ///
    /// # Errors
    ///
    /// Its source stays, and why.
    pub(super) fn note_copied(&mut self, item: &Item, done: &FileCopy) -> Result<()> {
        match self.idle.last_mut() {
            Some(Worker { ends, portion, .. }) => self.tools.note_copied(ends, portion, item, done),
            None => self.tools.note_copied(&self.ends, &mut self.unleft, item, done),
        }
    }

    /// Has workers that copy nothing delete the sources of what they have copied where `is_due` says so. Those that are busy do it
    /// before they are idle for long.
    pub(super) fn delete_sources(&mut self, is_due: fn(&MovedPortion, Moment) -> bool) {
        let now = self.now();
        if let Some(worker) = self.idle.last_mut() {
            worker.portion.append(std::mem::take(&mut self.unleft));
        }
        let idle = self.idle.extract_if(.., |worker| is_due(&worker.portion, now));
        for mut worker in idle.chain(self.resting.extract_if(.., |worker| is_due(&worker.portion, now))) {
            let tools = self.tools.clone();
            self.tasks.spawn(async move {
                let kept = tools.delete_sources(&mut worker).await;
                TaskEnd::Deleted(worker, kept)
            });
        }
    }

    /// The sources that stay because symbolic links to them were not moved. Nothing may be under way.
    pub(super) fn kept_for_links(&mut self) -> Vec<KeptSource> {
        let workers = self.idle.iter_mut().chain(&mut self.resting);
        let portions = workers.map(|worker| &mut worker.portion).chain([&mut self.unleft]);
        portions.flat_map(|portion| moving::kept_for_links(portion, &self.tools.links)).collect()
    }

    /// Ends the sessions that nobody has used for long: those in the pools, and those of idle workers.
    pub(super) fn quit_long_idle(&mut self) {
        let now = self.now();
        let is_long_idle = |worker: &&mut Worker| worker.long_idle_at().is_some_and(|at| at <= now);
        self.idle.iter_mut().filter(is_long_idle).for_each(|worker| worker.ends.release_sessions());
        while self.goodbyes.try_join_next().is_some() {}
        for goodbyes in self.pools().filter_map(|pool| pool.quit_long_idle(now)).collect::<Vec<_>>() {
            self.goodbyes.spawn(goodbyes);
        }
    }

    /// The sessions of both ends.
    fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        [&self.ends.source, &self.ends.destination].into_iter().filter_map(Host::pool)
    }

    /// When a worker that copies nothing must delete sources, a session that nobody uses must end, or one more may work.
    pub(super) fn due_at(&self) -> Option<Moment> {
        let portions = self.idle.iter().chain(&self.resting).filter_map(|worker| worker.portion.due_at());
        let sessions = self.idle.iter().filter_map(Worker::long_idle_at);
        let pools = self.pools().filter_map(|pool| pool.long_idle_at());
        let now = self.now();
        // Nothing wakes this task when a path is found.
        let waits_for_path = self.width.with_extra(now) > self.most(now);
        let extra = self.width.extra_from().filter(|from| *from > now);
        let others = extra.into_iter().chain(waits_for_path.then(|| now + LOOK_AGAIN));
        portions.chain(sessions).chain(pools).chain(others).min()
    }

    /// Makes this the source. It is on the same host as before, which has no sessions. Nothing may be under way.
    pub(super) fn read_from(&mut self, source: &Host) {
        let workers = self.idle.iter_mut().chain(&mut self.resting).map(|worker| &mut worker.ends);
        for ends in workers.chain([&mut self.ends]) {
            ends.source = source.beside();
        }
    }

    /// Leaves one worker that is idle. The sessions of the others return to their pools, for other uses.
    pub(super) fn shrink(&mut self) {
        for other in self.idle.split_off(self.idle.len().min(1)) {
            self.dismiss(other);
        }
    }

    /// The first worker, after all others have ended; their sessions return to their pools.
    pub(super) async fn finish(mut self) -> Ends {
        let ends = self.idle.pop().map_or_else(|| self.ends.beside(), |worker| worker.ends);
        for other in std::mem::take(&mut self.idle).into_iter().chain(std::mem::take(&mut self.resting)) {
            self.dismiss(other);
        }
        while self.goodbyes.join_next().await.is_some() {}
        for circuit in self.circuits {
            circuit.quit().await;
        }
        ends
    }
}

/// What a task has come to. A panic goes on here: a file that nobody knows the end of must not count as copied.
fn task_end(joined: Result<TaskEnd, JoinError>) -> TaskEnd {
    // Only opening is cancelled, and all with this program.
    unless_cancelled(joined).unwrap_or_else(|| TaskEnd::Opened(Err(Failure::interrupted())))
}

/// How many files of this host are looked at to find one that is not large.
const LOOKED_AT: usize = 64;
/// How soon it is looked again whether a path is known.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How many small files a worker gets at once while the number of workers is being found, if each has its own connection.
const MEASURED: usize = 16;
