//! What is known of the destinations of a job, and what is made there. The journal keeps what later runs of the job must know.

use super::directories::KnownDirectories;
use super::line::{Known, Line};
use super::receiver::Receiver;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::claims::names;
use crate::job::item::{Item, Target};
use crate::job::named_trees::NamedTrees;
use crate::job::together::stream::Stream;
use crate::place::{self, Location};
use crate::route::Ends;
use ftp_proto::wire::PathName;

/// What the destinations are.
#[derive(Debug)]
pub(super) struct Receiving<'a> {
    context: &'a Context,
    /// What the destination of all sources is, as soon as it is known.
    pub(super) receiver: Option<Receiver>,
    /// If each source has a destination of its own: those that are names of copies of trees. The directories that are
    /// there now are copies that have begun.
    named: Option<NamedTrees>,
    /// Whether a directory that is there receives a source under its last name.
    takes_names: bool,
    /// Directories that are there, at the current destination of a list.
    directories: KnownDirectories,
}

impl<'a> Receiving<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        // The first run may have made the directory that is there now.
        let receiver = context.run.job_journal.decided().and_then(Receiver::of_word);
        Self { context, receiver, named: None, takes_names: false, directories: KnownDirectories::default() }
    }

    /// Each source has a destination of its own.
    pub(super) fn expect_each(&mut self) {
        self.named = Some(NamedTrees::of_word(self.context.run.job_journal.decided().unwrap_or_default()));
    }

    /// All sources have one destination. `takes_names`: a directory that is there receives each under its last name.
    pub(super) const fn expect_one(&mut self, takes_names: bool) {
        self.takes_names = takes_names;
    }

    /// Whether each source has a destination of its own.
    pub(super) const fn is_each(&self) -> bool {
        self.named.is_some()
    }

    /// The next sources go to another host.
    pub(super) fn forget_directories(&mut self) {
        self.directories = KnownDirectories::default();
    }

    /// Whether a directory is known to be there.
    pub(super) fn has_directory(&self, path: &PathName) -> bool {
        self.directories.has(path)
    }

    /// What a destination is, if that is known without a question.
    pub(super) fn known(&self, ends: &Ends, line: &Line) -> Option<Receiver> {
        let Some(named) = &self.named else { return self.receiver };
        let name = journal_name(ends, line);
        if named.has(&name) {
            // An earlier run of the job, or this one, has made it.
            return Some(Receiver::Name);
        }
        self.directories.has(&line.destination.path).then_some(Receiver::Directory)
    }

    /// Records what the destination of all sources is, so that later runs of the job treat it alike.
    pub(super) async fn is_received_by(&mut self, destination: &Location, receiver: Receiver) {
        if self.is_each() || self.receiver == Some(receiver) {
            return;
        }
        self.receiver = Some(receiver);
        let Some(job) = self.context.run.job_journal.decide(receiver.word()).await else { return };
        // The contents of a directory go to the same place as those of the first copy.
        if !self.takes_names {
            return;
        }
        self.context.run.events.warn(format!(
            "{destination} may have been made by job {job}, which was interrupted: this copy goes into {destination}, under the last name of its source; ftp-user resume {job} goes on with the first copy"
        ));
    }

    /// Records that a destination of a list is the name of the copy of a tree, before its directory is made.
    pub(super) async fn names_tree(&mut self, ends: &Ends, line: &Line) {
        let name = journal_name(ends, line);
        if let Some(named) = &mut self.named
            && named.add(name)
        {
            self.context.run.job_journal.decide(&named.to_word()).await;
        }
    }

    /// Makes the directory that receives sources, unless it is known to be there.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(super) async fn make_directory(
        &mut self,
        stream: &mut Stream<'_>,
        path: &PathName,
    ) -> Result<(), Failure> {
        if self.directories.has(path) {
            return Ok(());
        }
        if stream.idle().destination.make_directories(self.context, path).await? {
            stream.note_new_directory(path);
        }
        match self.is_each() {
            true => self.directories.add(path),
            false => self.receiver = Some(Receiver::Directory),
        }
        Ok(())
    }

    /// Makes what is missing above a file of a list. If it cannot be made, the copy tells why.
    pub(super) async fn make_parents(&mut self, stream: &mut Stream<'_>, item: &Item, told: &Known) {
        let is_there = matches!(item.target, Target::Known(Some(_)));
        let Some(parent) = place::parent(&item.destination).filter(|_| !is_there) else { return };
        if self.directories.has(&parent) {
            return;
        }
        let destination = &mut stream.idle().destination;
        let made = match told.destination(&parent) {
            Some(Some(_)) => Ok(false),
            Some(None) => destination.make_directories(self.context, &parent).await,
            None => destination.make_parents(self.context, &item.destination).await.map(|_| false),
        };
        if let Ok(is_new) = made {
            if is_new {
                stream.note_new_directory(&parent);
            }
            self.directories.add(&parent);
        }
    }
}

/// The destination of a line as the journal names it.
fn journal_name(ends: &Ends, line: &Line) -> (String, Vec<u8>) {
    let host = &ends.destination;
    (names::site_of(host), names::directory_at(host, &line.destination.path))
}
