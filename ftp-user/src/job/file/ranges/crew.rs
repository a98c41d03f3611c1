//! The pairs of sessions that move ranges of one file, each with data connections of its own.
//!
//! ```text
//!  opening ── connected ──> idle ── takes a range ──> moving ── done ──> idle
//!     | refused              ^                          | failed
//!     '-> gone                '- (others take it) <──── '-> gone, its range goes back to the list
//! ```
//!
//! The first pair finds the path. The others open their sessions meanwhile, and begin when its data connection stands. An idle pair
//! that finds no range takes the second half of what is left of the slowest one, whose transfer ends as soon as it gets there.

use super::list::{RangeList, RangePosition, Span, StreamCount, slowest};
use crate::context::Context;
use crate::failure::{About, Failure, Kind, Result};
use crate::job::race::{Transferred, transfer};
use crate::job::request::streams::Streams;
use crate::ladder::Rung;
use crate::report::{RangeProgress, SharedProgress};
use crate::route::{Assignment, Count, Ends, RangeControl};
use ftp_io::blocking;
use ftp_proto::feature::RANG_STOR;
use ftp_proto::timer::Moment;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};

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
    stands: Arc<Notify>,
    /// The ranges that move now.
    moving: Vec<MovingRange>,
    /// How many pairs are being opened.
    opening: u64,
    /// When the first pair began.
    since: Moment,
    progress: SharedProgress,
    /// Whether a data connection has come about.
    has_path: bool,
    /// Whether the destination tells how much it has stored while a file moves. Servers of GridFTP do not.
    tells_stored: bool,
    result: CrewResult,
}

/// A range that moves.
struct MovingRange {
    task: Id,
    /// What is wanted of it.
    span: Span,
    /// What its servers were told to move.
    told: Span,
    progress: RangeProgress,
    signs: RangeControl,
    /// When it began.
    since: Moment,
}

impl MovingRange {
    /// No more is wanted of it than what stands before `end`.
    fn cut(&mut self, end: u64) {
        self.span.end = end.max(self.span.first);
        let enough = if self.span.length() == 0 { 0 } else { end };
        self.signs.enough.store(enough, Ordering::Relaxed);
    }

    fn pace(&self, now: Moment) -> RangePosition {
        let moved = self.progress.moved();
        RangePosition { left: self.span.length().saturating_sub(moved), moved, time: now.since(self.since) }
    }
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
    Moved(Ends, Box<Transferred>),
}

impl Crew {
    /// The first pair has the sessions of `ends`.
    pub(super) fn new(context: &Context, ends: &mut Ends, assignment: Assignment, list: RangeList) -> Self {
        let stands = Arc::new(Notify::new());
        let before = assignment.size.unwrap_or(0).saturating_sub(list.bytes());
        let tells_stored = ends.destination.has_line(RANG_STOR);
        let result = CrewResult { count: Count::of_others(), rung: None, failure: None, is_over: false };
        if !ends.are_servers() {
            // There is one path.
            stands.notify_one();
        }
        Self {
            context: context.clone(),
            ends: ends.beside(),
            assignment,
            list,
            idle: vec![std::mem::replace(ends, ends.beside())],
            failed: Vec::new(),
            tasks: JoinSet::new(),
            stands,
            moving: Vec::new(),
            opening: 0,
            since: context.world.clock.now(),
            progress: SharedProgress::new(before),
            has_path: false,
            tells_stored,
            result,
        }
    }

    /// Moves all ranges, or as many as can be moved.
    pub(super) async fn run(&mut self, streams: Streams) -> RangesMoved {
        let clock = self.context.world.clock;
        let mut width = StreamCount::new(streams, self.list.streams);
        let mut next_look = clock.now() + LOOK;
        loop {
            self.start(width.target);
            if self.tasks.is_empty() || (self.moving.is_empty() && self.list.is_empty()) {
                // Pairs that are still being opened are not needed any more.
                (self.tasks, self.opening) = (JoinSet::new(), 0);
                break;
            }
            let looks = width.is_measured() || !self.idle.is_empty();
            let look = (self.has_path && looks).then_some(next_look);
            tokio::select! {
                biased;
                () = self.stands.notified(), if !self.has_path => {
                    self.has_path = true;
                    width.begin(self.progress.moved(), clock.now().since(self.since));
                    next_look = clock.now() + LOOK;
                }
                // Tasks are cancelled only with this program.
                Some(ended) = self.tasks.join_next_with_id() => match blocking::unless_cancelled(ended) {
                    Some((task, TaskEnd::Moved(ends, moved))) => self.moved(task, ends, *moved),
                    Some((_, TaskEnd::Opened(opened))) => self.opened(opened, &mut width),
                    None => self.opened(Err(Failure::interrupted()), &mut width),
                },
                () = clock.sleep_until(look) => {
                    width.look(self.progress.moved(), clock.now().since(self.since));
                    next_look = clock.now() + LOOK;
                }
            }
        }
        self.conclude()
    }

    /// How many pairs there are, were, and are being opened. One that has failed is not replaced.
    fn number(&self) -> u64 {
        let known = self.moving.len() + self.idle.len() + self.failed.len();
        self.opening.saturating_add(known as u64)
    }

    /// A pair was opened, or could not be.
    fn opened(&mut self, opened: Result<Ends>, width: &mut StreamCount) {
        self.opening -= 1;
        match opened {
            Ok(ends) => self.idle.push(ends),
            Err(failure) => {
                width.refused(self.number());
                self.tell_fewer(&failure);
            }
        }
    }

    /// Opens pairs and gives ranges to those that are idle.
    fn start(&mut self, target: u64) {
        let is_over = self.result.is_over || self.context.run.cancel.is_cancelled();
        if is_over {
            return;
        }
        for _ in self.number()..target.min(self.list.streams) {
            self.opening += 1;
            let (context, mut ends) = (self.context.clone(), self.ends.beside());
            self.tasks
                .spawn(async move { TaskEnd::Opened(Box::pin(ends.connect(&context)).await.map(|()| ends)) });
        }
        while self.moving.is_empty() || (self.has_path && (self.moving.len() as u64) < target) {
            let Some(ends) = self.idle.pop() else { return };
            let Some(span) = self.list.next().or_else(|| self.share()) else { return self.idle.push(ends) };
            self.send(ends, span);
        }
    }

    /// Takes the second half of what is left of the slowest range: only on a direct path, and only if the destination tells how
    /// much it has stored.
    fn share(&mut self) -> Option<Span> {
        self.result.rung.filter(|rung| self.tells_stored && !rung.is_counted() && *rung != Rung::Local)?;
        let now = self.context.world.clock.now();
        let index = slowest(self.moving.iter().map(|range| range.pace(now)))?;
        let range = self.moving.get_mut(index)?;
        let (end, half) = (range.span.end, range.pace(now).left / 2);
        range.cut(end.saturating_sub(half));
        Some(Span { first: range.span.end, end })
    }

    /// Has a pair move a range.
    fn send(&mut self, mut ends: Ends, span: Span) {
        let now = self.context.world.clock.now();
        let progress = self.progress.range(now.since(self.since));
        let mut context = self.context.clone();
        context.run.events = context.run.events.of_range(progress.clone());
        let signs = RangeControl {
            moving: Arc::clone(&self.stands),
            enough: Arc::new(AtomicU64::new(u64::MAX)),
            has_ended: Arc::default(),
        };
        let (until, beside) = (Some(span.end), Some(signs.clone()));
        let assignment = Assignment { before: span.first, until, beside, ..self.assignment.clone() };
        let task = self.tasks.spawn(async move {
            let moved = Box::pin(transfer(&context, &mut ends, &assignment)).await;
            TaskEnd::Moved(ends, Box::new(moved))
        });
        self.moving.push(MovingRange { task: task.id(), span, told: span, progress, signs, since: now });
        let most = u32::try_from(self.moving.len()).ok().filter(|number| *number > 1);
        self.result.count.streams = self.result.count.streams.max(most);
    }

    /// A pair has done with its range.
    fn moved(&mut self, task: Id, ends: Ends, moved: Transferred) {
        let Some(index) = self.moving.iter().position(|range| range.task == task) else { return };
        let MovingRange { span, told, progress, signs, .. } = self.moving.swap_remove(index);
        let is_cut = span != told && signs.has_ended.load(Ordering::Relaxed);
        self.result.count.follow(moved.count);
        match moved.result {
            Ok(rung) => {
                self.has_path = true;
                self.result.rung = Some(rung);
                // What others have taken of it is there already.
                self.list.remove(told);
                self.moving.iter_mut().filter(|range| range.span.is_in(told)).for_each(|range| range.cut(0));
                progress.ends(span.length());
                self.idle.push(ends);
            }
            Err(_) if is_cut && !self.context.run.cancel.is_cancelled() => {
                progress.ends(span.length());
                self.idle.push(ends);
            }
            Err(failure) => {
                progress.ends(0);
                self.list.give_back(span);
                self.failed.push(ends);
                self.lost(failure);
            }
        }
    }

    /// A pair has failed.
    fn lost(&mut self, failure: Failure) {
        // What is about the file or its host is so for every pair, and without a path there is none for any.
        let is_of_file = matches!(failure.about, About::NoRoom | About::Changed);
        self.result.is_over |= is_of_file
            || matches!(failure.kind, Kind::Interrupted | Kind::Missing | Kind::Untrusted)
            || !self.has_path;
        if !self.result.is_over && !self.moving.is_empty() {
            self.tell_fewer(&failure);
        }
        self.result.failure = Some(failure);
    }

    /// Tells that the file has fewer data connections than were wanted.
    fn tell_fewer(&self, failure: &Failure) {
        if !self.context.run.cancel.is_cancelled() {
            let text = format!("{} uses one data connection fewer: {failure}", self.assignment.name);
            self.context.run.events.notice(text);
        }
    }

    fn conclude(&mut self) -> RangesMoved {
        let CrewResult { count, rung, failure, .. } = &mut self.result;
        let mut count = std::mem::take(count);
        let is_whole = self.list.is_empty();
        let has_refused = count.refused && !is_whole;
        // What passes by itself is tried again with the ranges that are there.
        let passes = failure.as_ref().is_some_and(|failure| failure.kind == Kind::Temporary);
        count.refused = has_refused && !passes;
        let result = match (rung.take(), failure.take()) {
            (Some(rung), _) if is_whole => Ok(rung),
            (_, failure) => Err(failure.unwrap_or_else(Failure::interrupted)),
        };
        let stored = self.assignment.stored.clone();
        RangesMoved { transferred: Transferred { result, count, stored }, has_refused }
    }

    /// Gives the sessions of the pair that was used last to `ends`, and leaves all others to whoever needs some next.
    pub(super) async fn leave(mut self, ends: &mut Ends) {
        if let Some(pair) = self.idle.pop().or_else(|| self.failed.pop()) {
            *ends = pair;
        }
        let mut circuits = JoinSet::new();
        for Ends { source, destination, circuit, .. } in self.idle.into_iter().chain(self.failed) {
            source.release();
            destination.release();
            if let Some(circuit) = circuit {
                circuits.spawn(circuit.quit());
            }
        }
        while circuits.join_next().await.is_some() {}
    }
}

/// How often idle pairs look for a slow one.
const LOOK: Duration = Duration::from_secs(1);
