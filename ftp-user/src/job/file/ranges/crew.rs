//! The pairs of sessions that move ranges of one file, each with data connections of its own.
//!
//! ```text
//!  opening ── connected ──> idle ── takes a range ──> moving ── done ──> idle
//!     | refused              ^                          | failed
//!     '-> gone                '- (others take it) <──── '-> gone, its range goes back to the list
//! ```
//!
//! The first pair finds the path. The others open their sessions meanwhile, and begin when its data connection stands.

use super::list::{PERIOD, RangeList, Span, Width};
use crate::context::Context;
use crate::failure::{About, Failure, Kind, Result};
use crate::job::race::{Transferred, transfer};
use crate::job::request::job::Streams;
use crate::ladder::Rung;
use crate::report::{RangeProgress, SharedProgress};
use crate::route::{Assignment, Count, Ends};
use ftp_proto::timer::Moment;
use std::panic::resume_unwind;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};

/// The pairs that move one file.
pub(super) struct Crew {
    context: Context,
    /// The ends without sessions, from which pairs are made.
    ends: Ends,
    assignment: Assignment,
    list: RangeList,
    idle: Vec<Ends>,
    /// Pairs that have failed. What is left of their sessions is given back.
    failed: Vec<Ends>,
    tasks: JoinSet<TaskEnd>,
    moving: Arc<Notify>,
    /// How many pairs move now, and how many are being opened.
    at_work: u64,
    opening: u64,
    /// When the first pair began.
    since: Moment,
    progress: SharedProgress,
    /// Whether a data connection has come about.
    has_path: bool,
    result: CrewResult,
}

/// What all ranges have come to.
struct CrewResult {
    count: Count,
    rung: Option<Rung>,
    /// Why the last pair has failed, or why nothing more is sent.
    failure: Option<Failure>,
    /// Whether that ends the attempt.
    is_over: bool,
}

/// What an attempt in ranges has come to.
pub(super) struct RangesMoved {
    pub(super) transferred: Transferred,
    /// Whether it has failed, and a server has refused to begin in the middle of the file.
    pub(super) has_refused: bool,
}

/// What a task has come to.
enum TaskEnd {
    Opened(Result<Ends>),
    Moved(Ends, Span, RangeProgress, Box<Transferred>),
}

impl Crew {
    /// The first pair has the sessions of `ends`.
    pub(super) fn new(context: &Context, ends: &mut Ends, assignment: Assignment, list: RangeList) -> Self {
        let moving = Arc::new(Notify::new());
        let before = assignment.size.unwrap_or(0).saturating_sub(list.bytes());
        let result = CrewResult { count: Count::of_others(), rung: None, failure: None, is_over: false };
        if ends.source.is_local() || ends.destination.is_local() {
            // There is one path.
            moving.notify_one();
        }
        Self {
            context: context.clone(),
            ends: ends.beside(),
            assignment: Assignment { moving: Some(Arc::clone(&moving)), ..assignment },
            list,
            idle: vec![std::mem::replace(ends, ends.beside())],
            failed: Vec::new(),
            tasks: JoinSet::new(),
            moving,
            at_work: 0,
            opening: 0,
            since: context.world.clock.now(),
            progress: SharedProgress::new(before),
            has_path: false,
            result,
        }
    }

    /// Moves all ranges, or as many as can be moved.
    pub(super) async fn run(&mut self, streams: Streams) -> RangesMoved {
        let clock = self.context.world.clock;
        let mut width = Width::new(streams, self.list.streams());
        let mut next_look = clock.now() + PERIOD;
        loop {
            self.start(width.target());
            if self.tasks.is_empty() {
                break;
            }
            let look = (self.has_path && width.is_measured()).then_some(next_look);
            tokio::select! {
                biased;
                () = self.moving.notified(), if !self.has_path => {
                    self.has_path = true;
                    next_look = clock.now() + PERIOD;
                }
                Some(ended) = self.tasks.join_next() => match task_end(ended) {
                    TaskEnd::Opened(Err(failure)) => {
                        self.opening -= 1;
                        width.refused();
                        self.tell_fewer(&failure);
                    }
                    TaskEnd::Opened(Ok(ends)) => {
                        self.opening -= 1;
                        self.idle.push(ends);
                    }
                    TaskEnd::Moved(ends, span, progress, moved) => self.moved((ends, span), &progress, *moved),
                },
                () = clock.sleep_until(look) => {
                    width.look(self.progress.moved(), clock.now().since(self.since));
                    next_look = clock.now() + PERIOD;
                }
            }
        }
        self.conclude()
    }

    /// Opens pairs and gives ranges to those that are idle.
    fn start(&mut self, target: u64) {
        let known = self.at_work + self.opening + self.idle.len() as u64 + self.failed.len() as u64;
        let is_over = self.result.is_over || self.context.run.cancel.is_cancelled();
        if is_over {
            return;
        }
        for _ in known..target.min(self.list.streams()) {
            self.opening += 1;
            let (context, mut ends) = (self.context.clone(), self.ends.beside());
            self.tasks
                .spawn(async move { TaskEnd::Opened(Box::pin(ends.connect(&context)).await.map(|()| ends)) });
        }
        while self.at_work == 0 || (self.has_path && self.at_work < target) {
            if self.list.is_empty() {
                return;
            }
            let (Some(ends), Some(span)) = (self.idle.pop(), self.list.next()) else { return };
            self.send(ends, span);
        }
    }

    /// Has a pair move a range.
    fn send(&mut self, mut ends: Ends, span: Span) {
        self.at_work += 1;
        let most = u32::try_from(self.at_work).ok().filter(|number| *number > 1);
        self.result.count.streams = self.result.count.streams.max(most);
        let progress = self.progress.range(self.context.world.clock.now().since(self.since));
        let mut context = self.context.clone();
        context.run.events = context.run.events.of_range(progress.clone());
        let assignment = Assignment { before: span.first, until: Some(span.end), ..self.assignment.clone() };
        self.tasks.spawn(async move {
            let moved = Box::pin(transfer(&context, &mut ends, &assignment)).await;
            TaskEnd::Moved(ends, span, progress, Box::new(moved))
        });
    }

    /// A pair has done with a range.
    fn moved(&mut self, (ends, span): (Ends, Span), progress: &RangeProgress, moved: Transferred) {
        self.at_work -= 1;
        self.result.count.follow(moved.count);
        match moved.result {
            Ok(rung) => {
                self.has_path = true;
                self.result.rung = Some(rung);
                progress.ends(span.length());
                self.idle.push(ends);
            }
            Err(failure) => {
                progress.ends(0);
                self.list.give_back(span);
                self.failed.push(ends);
                // What is about the file or its host is so for every pair, and without a path there is none for any.
                let is_of_file = matches!(failure.about, About::NoRoom | About::Changed);
                self.result.is_over |= is_of_file
                    || matches!(failure.kind, Kind::Interrupted | Kind::Missing | Kind::Untrusted)
                    || !self.has_path;
                if !self.result.is_over && self.at_work > 0 {
                    self.tell_fewer(&failure);
                }
                self.result.failure = Some(failure);
            }
        }
    }

    /// Tells that the file has fewer data connections than were wanted.
    fn tell_fewer(&self, failure: &Failure) {
        if !self.context.run.cancel.is_cancelled() {
            let name = &self.assignment.name;
            let text = format!("{name} has one data connection less: {failure}");
            self.context.run.events.notice(text);
        }
    }

    fn conclude(&mut self) -> RangesMoved {
        let CrewResult { count, rung, failure, .. } = &mut self.result;
        let mut count = std::mem::take(count);
        let is_whole = self.list.is_empty();
        let has_refused = std::mem::take(&mut count.refused) && !is_whole;
        let result = match (rung.take(), failure.take()) {
            (Some(rung), _) if is_whole => Ok(rung),
            (_, failure) => Err(failure.unwrap_or_else(Failure::interrupted)),
        };
        let stored = self.assignment.stored.clone();
        RangesMoved { transferred: Transferred { result, count, stored }, has_refused }
    }

    /// Gives the sessions of one pair to `ends`, and leaves all others to whoever needs some next.
    pub(super) async fn leave(self, ends: &mut Ends) {
        let mut pairs = self.idle.into_iter().chain(self.failed);
        if let Some(pair) = pairs.next() {
            *ends = pair;
        }
        for Ends { source, destination, circuit, .. } in pairs {
            source.release();
            destination.release();
            if let Some(circuit) = circuit {
                circuit.quit().await;
            }
        }
    }
}

/// What a task has come to. A task that has panicked is not survived.
fn task_end(ended: Result<TaskEnd, JoinError>) -> TaskEnd {
    match ended.map_err(JoinError::try_into_panic) {
        Ok(end) => end,
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_)) => TaskEnd::Opened(Err(Failure::interrupted())), // tasks are cancelled only with this program
    }
}
