//! Files on their way between two places: whoever finds them adds them, they get their claims, and workers copy them.
//!
//! ```text
//!  a tree's walk ──────┐
//!  matches of a pattern┤ add       claims            start            turn
//!  several sources ────┼─────> found ────> ready ──────────> workers ─────> those that have ended
//!  lines of a list ────┘
//! ```
//!
//! A stream has no task: what has ended, and what can be done next, comes out of [`Stream::turn`].

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::Failure;
use crate::job::claims::plan::{Need, Outlook, Plan};
use crate::job::claims::planned::Copied;
use crate::job::item::Item;
use crate::job::last_look::StoredFiles;
use crate::job::moving::{KeptSource, MovedTree};
use crate::job::request::options::Options;
use crate::job::summary::tally::Tally;
use crate::job::together::workers::{LeaveWhich, Worked, Workers};
use crate::outcome::FileCopy;
use crate::route::Ends;
use ftp_proto::wire::PathName;

/// The files between two places that wait or are under way.
#[derive(Debug)]
pub(in crate::job) struct Stream<'a> {
    context: &'a Context,
    options: Options,
    /// The ends without sessions: the workers have those.
    ends: Ends,
    workers: Workers<'a>,
    plan: Plan,
    /// What is at the destination.
    stored: StoredFiles,
    /// The same between other places.
    elsewhere: Vec<(Ends, StoredFiles)>,
}

/// What whoever finds the files waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job) enum Wish {
    /// What it finds next, if there is room for a file.
    Next,
    /// A worker that is idle, whose session it needs.
    Session,
    /// That files end, or that there is room for another one.
    Progress,
}

/// What workers have come to.
#[derive(Debug, Default)]
pub(in crate::job) struct Results {
    /// The files that have ended.
    pub(in crate::job) copied: Vec<Copied>,
    /// Sources of a move that were copied and stay.
    pub(in crate::job) kept: Vec<KeptSource>,
}

/// What has happened to a stream.
#[derive(Debug)]
pub(in crate::job) enum Turn<T> {
    /// A worker is idle: its session can be used.
    Idle,
    /// This was found.
    Found(T),
    /// These files have ended. There may be none: another worker is ready.
    Ended(Results),
    /// Claims were written, or are being written, or sources are being deleted.
    Claims,
    /// Nothing waits, and nothing is under way.
    Still,
}

impl<'a> Stream<'a> {
    /// A stream without files, whose first worker has the sessions of `ends`.
    pub(in crate::job) fn new(context: &'a Context, ends: Ends, options: Options) -> Self {
        let (beside, plan) = (ends.beside(), Plan::default());
        let workers = Workers::new(context, ends, options);
        let stored = StoredFiles::default();
        Self { context, options, ends: beside, workers, plan, stored, elsewhere: Vec::new() }
    }

    /// Both ends, without sessions.
    pub(in crate::job) const fn ends(&self) -> &Ends {
        &self.ends
    }

    /// Both ends with the sessions of a worker that is idle, if there is one.
    pub(in crate::job) fn idle(&mut self) -> &mut Ends {
        self.workers.idle().unwrap_or(&mut self.ends)
    }

    /// Adds a file.
    pub(in crate::job) fn add(&mut self, item: Item) {
        self.workers.note_found(&item);
        self.plan.add(item);
    }

    /// Whether another file may be added.
    pub(in crate::job) fn has_room(&self) -> bool {
        self.plan.has_room()
    }

    /// Whether every file has a worker, and another worker is idle.
    pub(in crate::job) fn is_at_rest(&mut self) -> bool {
        self.workers.start(&mut self.plan.ready);
        self.plan.is_empty() && self.workers.is_free(false)
    }

    /// Notes that a directory of the destination was made, so that nothing is in it.
    pub(in crate::job) fn note_new_directory(&self, path: &PathName) {
        self.workers.note_new_directory(path);
    }

    /// Waits until something happens. `next` is what is found next; it must be one that can be dropped without losing
    /// anything, as this can.
    pub(in crate::job) async fn turn<T>(&mut self, wish: Wish, next: impl Future<Output = T>) -> Turn<T> {
        self.workers.start(&mut self.plan.ready);
        let is_free = self.workers.is_free(!self.plan.is_empty());
        if is_free && wish == Wish::Session {
            return Turn::Idle;
        }
        let are_busy = self.workers.are_busy();
        let reads_on = wish == Wish::Next && self.plan.has_room();
        let due = self.workers.due_at().filter(|_| are_busy);
        let need = if is_free { Need::Idle } else { Need::Busy };
        let outlook = if reads_on { Outlook::More } else { Outlook::Nothing };
        tokio::select! {
            biased;
            worked = self.workers.next(), if are_busy => Turn::Ended(self.worked(worked)),
            () = self.plan.claimed(self.context, &self.ends), if self.plan.is_claiming() => Turn::Claims,
            found = next, if reads_on => Turn::Found(found),
            () = self.context.world.clock.sleep_until(due), if due.is_some() => {
                self.workers.leave(LeaveWhich::Due);
                Turn::Claims
            }
            // Nothing more was found for now, or enough.
            () = std::future::ready(()), if self.plan.wants_claims(need, outlook) => {
                self.workers.note_sessions();
                self.plan.claim(self.context, &self.ends, |item| self.workers.has_part(item));
                Turn::Claims
            }
            else => Turn::Still,
        }
    }

    /// The next files that end of those that are under way, while no others are begun; `None` if there are none.
    pub(in crate::job) async fn ended(&mut self) -> Option<Results> {
        if !self.workers.are_busy() {
            return None;
        }
        let worked = self.workers.next().await;
        Some(self.worked(worked))
    }

    /// Gives up the files that were not begun. Returns how many there were.
    pub(in crate::job) async fn release(&mut self) -> usize {
        self.plan.release(self.context, &self.ends).await
    }

    /// Takes back what a worker has not begun.
    fn worked(&mut self, worked: Option<Worked>) -> Results {
        let Worked { copied, unbegun, kept, .. } = worked.unwrap_or_default();
        self.plan.ready.extend(unbegun);
        for Copied { item, result, .. } in &copied {
            if let Ok(done) = result {
                self.stored.note(&self.ends, self.options, item, done);
            }
        }
        Results { copied, kept }
    }

    /// From now on, files of this tree are moved, or of none.
    pub(in crate::job) fn move_tree(&mut self, tree: Option<&MovedTree>) {
        self.workers.move_tree(tree);
    }

    /// Notes that an idle worker has copied a file.
    ///
    /// # Errors
    ///
    /// The source of a move stays, and why.
    pub(in crate::job) fn note_copied(&mut self, item: &Item, done: &FileCopy) -> Result<(), Failure> {
        self.stored.note(&self.ends, self.options, item, done);
        self.workers.note_copied(item, done)
    }

    /// Has the workers delete the sources of all that they have moved. No file may wait or be under way; what stays comes out of
    /// [`Self::ended`].
    pub(in crate::job) fn leave(&mut self) {
        self.workers.leave(LeaveWhich::All);
    }

    /// Makes it a stream between other places, with what `change` makes of the ends. Nothing may wait or be under way.
    pub(in crate::job) async fn change(&mut self, change: impl FnOnce(&mut Ends)) {
        let none = Workers::new(self.context, self.ends.beside(), self.options);
        let mut ends = std::mem::replace(&mut self.workers, none).finish().await;
        self.set_apart();
        change(&mut ends);
        ends.forget();
        self.ends = ends.beside();
        self.workers = Workers::new(self.context, ends, self.options);
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
    pub(in crate::job) async fn last_look(&mut self, tally: &mut Tally) {
        if self.context.run.cancel.is_cancelled() {
            return;
        }
        self.set_apart();
        let elsewhere = std::mem::take(&mut self.elsewhere);
        if elsewhere.is_empty() {
            return;
        }
        let none = Workers::new(self.context, self.ends.beside(), self.options);
        std::mem::replace(&mut self.workers, none).finish().await.quit(self.context).await;
        for (mut ends, stored) in elsewhere {
            ends.destination.quit_idle().await;
            Box::pin(stored.look(self.context, &mut ends, self.options, tally)).await;
            ends.quit(self.context).await;
        }
    }

    /// Both ends with their sessions.
    pub(in crate::job) async fn finish(self) -> Ends {
        self.workers.finish().await
    }
}
