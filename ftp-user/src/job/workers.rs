//! Copies several files at the same time. A worker is a pair of ends with sessions of its own.
//!
//! ```text
//!  idle ── start(item) ──> running ── ended ──> idle
//!    ^                                           |
//!    '── opened <── opening (while fewer work than the width wants)
//! ```

use super::copy::{copy, copy_claimed};
use super::item::{Done, Item};
use super::kept::Claimed;
use super::options::Options;
use super::width::{Reason, Width};
use crate::context::Context;
use crate::endpoint::with_blanks;
use crate::failure::{Failure, Kind};
use crate::place;
use crate::route::{Circuit, Ends};
use ftp_proto::wire::PathName;
use std::collections::{HashSet, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::{JoinError, JoinSet};

/// The workers between two ends.
#[derive(Debug)]
pub(super) struct Workers<'a> {
    context: &'a Context,
    options: Options,
    /// The ends without sessions, from which workers are made.
    ends: Ends,
    width: Width,
    idle: Vec<Ends>,
    /// How many are being opened.
    opening: usize,
    tasks: JoinSet<Ended>,
    /// What workers that are not needed any more have with relays.
    circuits: Vec<Circuit>,
    unexplained: Unexplained,
}

/// A file that has its claim, and waits for a worker.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) item: Item,
    /// What the journal knows of it, or why it cannot be copied.
    pub(super) claimed: Result<Claimed, Failure>,
}

/// The directories in which a file was missing and whose names have not explained it. They are not asked again.
type Unexplained = Arc<Mutex<HashSet<Option<PathName>>>>;

/// What a task has come to.
enum Ended {
    Opened(Result<Ends, Failure>),
    Copied(Ends, Box<Copied>),
}

/// A file that a worker has done with.
#[derive(Debug)]
pub(super) struct Copied {
    /// The file, under the names that it turned out to have.
    pub(super) item: Item,
    /// What came of it.
    pub(super) result: Result<Done, Failure>,
}

impl<'a> Workers<'a> {
    /// One worker, which has the sessions of `ends`.
    pub(super) fn new(context: &'a Context, ends: Ends, options: Options) -> Self {
        Self {
            context,
            options,
            ends: ends.beside(),
            width: Width::new(options.jobs),
            idle: vec![ends],
            opening: 0,
            tasks: JoinSet::new(),
            circuits: Vec::new(),
            unexplained: Unexplained::default(),
        }
    }

    /// A worker that has nothing to do, if there is one.
    pub(super) fn idle(&mut self) -> Option<&mut Ends> {
        self.idle.last_mut()
    }

    /// Whether a worker has nothing to do. Otherwise, if files wait and more may work, another one is opened.
    pub(super) fn is_free(&mut self, files_wait: bool) -> bool {
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
    pub(super) fn start(&mut self, ready: &mut VecDeque<Planned>) {
        while !self.idle.is_empty()
            && let Some(planned) = ready.pop_front()
        {
            self.start_one(planned);
        }
    }

    fn start_one(&mut self, planned: Planned) {
        let Some(mut ends) = self.idle.pop() else { return };
        let (context, options) = (self.context.clone(), self.options);
        let unexplained = Arc::clone(&self.unexplained);
        self.tasks.spawn(async move {
            let copied = Box::pin(copied(&context, &mut ends, planned, options, &unexplained)).await;
            Ended::Copied(ends, Box::new(copied))
        });
    }

    /// Whether anything is under way.
    pub(super) fn are_busy(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// The next file that has ended. `None` if another worker is ready, or nothing is under way. May be dropped
    /// without losing anything.
    pub(super) async fn next(&mut self) -> Option<Copied> {
        match ended(self.tasks.join_next().await?) {
            Ended::Opened(Ok(ends)) => {
                self.opening -= 1;
                self.keep(ends);
                None
            }
            Ended::Opened(Err(failure)) => {
                self.opening -= 1;
                self.width.refused(self.idle.len() + self.tasks.len());
                self.explain(Some(&failure));
                None
            }
            Ended::Copied(ends, copied) => {
                let was_found = self.width.found().is_some();
                let bytes = copied.result.as_ref().map_or(0, Done::moved);
                self.width.ended(bytes, self.context.clock.now());
                if !was_found {
                    self.explain(None);
                }
                self.keep(ends);
                Some(*copied)
            }
        }
    }

    /// Keeps a worker that has nothing to do, unless there are too many.
    fn keep(&mut self, ends: Ends) {
        if self.idle.len() + self.tasks.len() < self.width.target() {
            self.idle.push(ends);
        } else {
            self.dismiss(ends);
        }
    }

    /// Leaves the sessions of a worker to whoever needs some next.
    fn dismiss(&mut self, ends: Ends) {
        ends.source.release();
        ends.destination.release();
        self.circuits.extend(ends.circuit);
    }

    /// Says how many files are copied at the same time, and why, as soon as it is known.
    fn explain(&self, failure: Option<&Failure>) {
        let Some((number, reason)) = self.width.found() else { return };
        let why = match (reason, failure) {
            (Reason::Asked, _) => return,
            (Reason::NoFaster, _) => "twice as many were hardly faster".to_owned(),
            (Reason::Most, _) => "--jobs permits more".to_owned(),
            (Reason::Refused, None) => "there is no session for more".to_owned(),
            (Reason::Refused, Some(failure)) => format!("there is no session for more: {failure}"),
        };
        let files = ftp_proto::wire::counted(number as u64, "file");
        self.context.events.notice(format!("{files} at the same time: {why}"));
    }

    /// The first worker, after all others have ended; they leave their sessions to whoever needs some next.
    pub(super) async fn finish(mut self) -> Ends {
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

/// What a task has come to. A panic goes on here: a file that nobody knows the end of must not count as copied.
fn ended(joined: Result<Ended, JoinError>) -> Ended {
    match joined.map_err(JoinError::try_into_panic) {
        Ok(ended) => ended,
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_)) => Ended::Opened(Err(Failure::interrupted())), // tasks are cancelled only with this program
    }
}

/// Copies a file. If it is missing, the listing may have dropped leading blanks of its name.
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
    if is_missing && !unexplained().contains(&directory) {
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
