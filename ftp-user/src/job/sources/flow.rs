//! The stream of a copy, and what is noted of its files.

use crate::context::Context;
use crate::failure::Failure;
use crate::job::claims::lifetime;
use crate::job::claims::planned::Copied;
use crate::job::item::Item;
use crate::job::moving::KeptSource;
use crate::job::request::options::Options;
use crate::job::summary::tally::Tally;
use crate::job::together::stream::{Results, Stream, Turn, Wish};
use crate::outcome::FileCopy;
use crate::place::Location;
use crate::report::{Event, Found};
use crate::route::Ends;

/// Files between two places, and their ends.
#[derive(Debug)]
pub(super) struct Flow<'a> {
    pub(super) context: &'a Context,
    pub(super) options: Options,
    pub(super) stream: Stream<'a>,
    pub(super) tally: &'a mut Tally,
    /// Whether the files that the current source stands for are counted.
    pub(super) counted: bool,
    /// Whether something was not begun because nothing more is.
    pub(super) leaves: bool,
}

impl<'a> Flow<'a> {
    pub(super) fn new(context: &'a Context, ends: Ends, options: Options, tally: &'a mut Tally) -> Self {
        let stream = Stream::new(context, ends, options);
        Self { context, options, stream, tally, counted: false, leaves: false }
    }

    /// Gives files to the stream, each when there is room for it.
    pub(super) async fn add(&mut self, items: Vec<Item>) {
        for item in items {
            while !self.stream.has_room() && !self.is_over() && self.turn().await {}
            if self.is_over() {
                self.leaves = true;
                return;
            }
            self.stream.add(item);
        }
    }

    /// Waits until a session can be asked. The files that were found come first. Returns whether more can be copied.
    pub(super) async fn rest(&mut self) -> bool {
        while !self.is_over() && !self.stream.is_at_rest() && self.turn().await {}
        !self.is_over()
    }

    /// Waits until something happens. Returns whether anything can.
    async fn turn(&mut self) -> bool {
        match self.stream.turn(Wish::Progress, std::future::pending::<()>()).await {
            Turn::Ended(results) => self.ended(results),
            Turn::Idle | Turn::Found(()) | Turn::Claims => {}
            Turn::Still => return false,
        }
        true
    }

    /// Waits until all files between these places have ended, then deletes the sources of a move.
    pub(super) async fn drain(&mut self) {
        while !self.is_over() && self.turn().await {}
        while let Some(results) = self.stream.ended().await {
            self.ended(results);
        }
        self.leaves |= self.stream.release().await > 0;
        self.stream.leave();
        while let Some(results) = self.stream.ended().await {
            self.ended(results);
        }
    }

    /// Deletes the source of a file that was copied alone, if this is a move.
    ///
    /// # Errors
    ///
    /// It stays, and why.
    pub(super) async fn leave(&mut self, item: &Item, done: &FileCopy) -> Result<(), Failure> {
        self.stream.note_copied(item, done)?;
        if !self.moves() || !self.stream.is_at_rest() {
            return Ok(());
        }
        self.stream.leave();
        let mut stays = Ok(());
        while let Some(Results { copied, kept }) = self.stream.ended().await {
            let (own, others) = kept.into_iter().partition(|kept: &KeptSource| kept.source == item.source);
            self.ended(Results { copied, kept: others });
            let own: Vec<KeptSource> = own;
            stays = own.into_iter().next().map_or(stays, |kept| Err(kept.failure));
        }
        stays
    }

    /// Looks once more at what was stored, where a session was lost.
    pub(super) async fn last_look(&mut self) {
        self.stream.last_look(self.tally).await;
    }

    /// Notes what came of files.
    fn ended(&mut self, Results { copied, kept }: Results) {
        for Copied { item, result, stays } in copied {
            let (source, dest) = item.names(self.stream.ends());
            let rest = lifetime::rest(self.context);
            let result = result.map_err(|failure| failure.of_one_of_many(&source, &rest));
            match stays {
                Some(failure) => self.tally.source_stays(source, dest, failure),
                None => self.tally.file(source, dest, result),
            }
        }
        let ends = self.stream.ends();
        for KeptSource { source, copy, failure } in kept {
            self.tally.source_stays(ends.source.show(&source), ends.destination.show(&copy), failure);
        }
    }

    /// Whether many places at both ends are looked at in the time of one.
    pub(super) fn is_asked_at_once(&mut self) -> bool {
        let Ends { source, destination, .. } = self.stream.idle();
        source.is_asked_at_once() && destination.is_asked_at_once()
    }

    /// Whether nothing more is copied.
    pub(super) fn is_over(&self) -> bool {
        self.context.run.cancel.is_cancelled() || (self.options.fail_fast && self.tally.has_failed())
    }

    /// Whether sources are deleted.
    pub(super) const fn moves(&self) -> bool {
        self.options.moves && !self.options.mode.is_dry()
    }

    /// Notes the failure of a source.
    pub(super) fn failed(&mut self, source: &Location, destination: &Location, failure: Failure) {
        self.tally.failed(source.to_string(), destination.to_string(), failure);
    }

    /// Reports a source that failed. If it was not looked at, it counts as one file.
    pub(super) fn source_failed(&mut self, source: &Location, destination: &Location, failure: Failure) {
        if !self.counted {
            self.found(self.context.run.finding.file(None));
        }
        self.tally.file(source.to_string(), destination.to_string(), Err(failure));
    }

    /// Tells how many files there are now.
    pub(super) fn found(&mut self, found: Found) {
        self.counted = true;
        self.context.run.events.say(Event::Found(found));
    }

    /// There are so many more sources. Each counts as a file until it was looked at.
    pub(super) fn expect(&mut self, sources: usize) {
        self.found(self.context.run.finding.sources(u64::try_from(sources).unwrap_or(u64::MAX)));
    }
}
