//! Whether small files move together, how, and on which path.

use super::batch::Prospect;
use super::worker::WorkerResults;
use crate::context::Context;
use crate::endpoint::Host;
use crate::job::race::remembered;
use crate::ladder::{Allowed, Candidate, Memory};
use crate::route::{Ends, Manner};
use ftp_proto::timer::Moment;

/// What is known of small files between two ends.
#[derive(Debug)]
pub(super) struct Grouping {
    /// Whether they may move together.
    is_possible: bool,
    /// How some have moved together.
    manner: Option<Manner>,
    /// Whether both servers have said that they take files in groups.
    pub(super) takes_groups: bool,
    /// How many times in a row a connection has broken over files that moved together.
    breaks: usize,
    remembered: Remembered,
}

/// What became of the path that an earlier run has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Remembered {
    /// It was not looked for.
    Unknown,
    /// It is known whether there is one, and no file has taken it.
    Recalled,
    /// Files were sent there.
    Tried,
}

impl Grouping {
    /// Nothing has moved yet.
    pub(super) fn new(ends: &mut Ends) -> Self {
        let (manner, takes_groups) = (None, take_groups(ends));
        Self { is_possible: true, manner, takes_groups, breaks: 0, remembered: Remembered::Unknown }
    }

    /// Recalls the path of an earlier run, as soon as there are sessions with both servers.
    pub(super) fn recall(&mut self, context: &Context, ends: &mut Ends, allowed: Allowed) {
        if self.remembered == Remembered::Unknown && remembered::recall(context, ends, allowed) {
            self.remembered = Remembered::Recalled;
        }
    }

    /// Notes what both servers have said when these sessions were opened.
    pub(super) fn note_sessions(&mut self, ends: Option<&mut Ends>) {
        self.takes_groups |= ends.is_some_and(take_groups);
    }

    /// The same of the sessions that are to move files.
    pub(super) fn use_sessions(&mut self, ends: Option<&mut Ends>) {
        self.takes_groups = ends.is_some_and(take_groups);
    }

    /// Whether small files go in groups.
    pub(super) fn go_in_groups(&self) -> bool {
        let is_so = self.manner.map_or(self.takes_groups, |manner| manner == Manner::Groups);
        self.is_possible && is_so
    }

    /// The path of the last file, if others may share it. Files that go in groups share that of an earlier run before there is
    /// one: if nothing moves there, they are left as they were.
    pub(super) fn shared_path(&self, memory: &Memory, now: Moment) -> Option<Candidate> {
        let shared = memory.shared_path(now).or_else(|| self.remembered_path(memory));
        shared.filter(|_| self.is_possible)
    }

    /// The path of an earlier run, if files may take it, and none has.
    pub(super) fn remembered_path(&self, memory: &Memory) -> Option<Candidate> {
        let is_offered = self.is_possible && self.takes_groups && self.remembered == Remembered::Recalled;
        memory.remembered_path().filter(|_| is_offered)
    }

    /// Files take a shared path. Others take that of an earlier run only after these have shown that it works.
    pub(super) const fn note_taken(&mut self) {
        self.remembered = Remembered::Tried;
    }

    /// Takes note of what a worker has found out.
    pub(super) fn learn(&mut self, results: &WorkerResults) {
        let has_published = results.manner.is_some() && !results.files.is_empty();
        match results.prospect {
            Prospect::Doubtful => self.breaks += 1,
            Prospect::Good if has_published => self.breaks = 0,
            Prospect::Good | Prospect::None => {}
        }
        self.manner = results.manner.or(self.manner);
        self.is_possible &= results.prospect != Prospect::None && self.breaks < MOST_BREAKS;
    }
}

/// Whether both servers have said that they take files in groups.
fn take_groups(ends: &mut Ends) -> bool {
    let takes = |host: &mut Host| match host {
        Host::Server(server) => server.open().is_some_and(|session| session.manners.capabilities.pack),
        Host::Local(_) => false,
    };
    takes(&mut ends.source) && takes(&mut ends.destination)
}

/// After so many connections have broken in a row over files that moved together, the other files of the tree move one after the other.
/// A server may wait for a minute in each of these sessions.
const MOST_BREAKS: usize = 3;
