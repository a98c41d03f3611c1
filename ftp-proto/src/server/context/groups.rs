//! Groups of small files that were received and wait for their names (PACK).

use crate::command::{DataType, Direction, FileNumbers, FileToStore, GroupNumber, Pack, Verb};
use crate::reply::{FileOutcome, LeftOut};
use crate::server::ask::{Ask, Event, FileFailure, TransferFailure};
use crate::server::outbox::Outbox;
use crate::timer::Moment;
use crate::wire::PathName;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The groups that a session holds, by their numbers. The driver holds their files.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    held: BTreeMap<GroupNumber, WaitingGroup>,
    /// Since when the session has been busy: the time of the groups stands still meanwhile.
    busy: Option<Moment>,
    /// The group whose files get their names just now, and which of them.
    naming: Option<(Group, FileNumbers)>,
}

/// A group that waits for its names.
#[derive(Debug)]
struct WaitingGroup {
    group: Group,
    /// Since when it waits; the time of transfers that came after it is added.
    since: Moment,
}

/// A group that was received.
#[derive(Debug)]
pub(crate) struct Group {
    /// The absolute path of its directory.
    pub(crate) directory: PathName,
    pub(crate) files: Arc<[FileToStore]>,
    /// What became of each file.
    pub(crate) outcomes: Vec<FileOutcome>,
    pub(crate) data_type: DataType,
    /// How long it took, from the command.
    pub(crate) took: Duration,
    /// The other end of the data connection.
    pub(crate) peer: SocketAddr,
    /// Whether data connections were inside TLS.
    pub(crate) private: bool,
}

impl Groups {
    /// Whether a group has this number.
    pub(crate) fn has(&self, number: GroupNumber) -> bool {
        self.held.contains_key(&number)
    }

    /// Whether there is no place for one more.
    pub(crate) fn is_full(&self) -> bool {
        self.held.len() >= Pack::MAX_HELD
    }

    /// Holds a group that was received.
    pub(crate) fn hold(&mut self, number: GroupNumber, group: Group, now: Moment) {
        self.held.insert(number, WaitingGroup { group, since: now });
    }

    /// Since when the group that has waited longest waits. `None` if none does, or the session is not `idle`: a KEEP
    /// that comes behind a long transfer waits for it, and is not late.
    pub(crate) fn waits_since(&mut self, idle: bool, now: Moment) -> Option<Moment> {
        if !idle {
            self.busy.get_or_insert(now);
            return None;
        }
        if let Some(busy) = self.busy.take() {
            for held in self.held.values_mut() {
                held.since = held.since + now.since(busy.max(held.since));
            }
        }
        self.held.values().map(|held| held.since).min()
    }

    /// Forgets the groups that have waited for `limit`. The log and the driver are told.
    pub(crate) fn drop_old(&mut self, now: Moment, limit: Duration, out: &mut Outbox) {
        for (number, held) in self.held.extract_if(.., |_, held| now.since(held.since) >= limit) {
            out.event(held.group.lost(NOT_KEPT));
            out.ask(Ask::DropGroup(number));
        }
    }

    /// The group with this number.
    pub(crate) fn get(&self, number: GroupNumber) -> Option<&Group> {
        self.held.get(&number).map(|held| &held.group)
    }

    /// The files `numbers` of a group are about to get their names.
    pub(crate) fn begin_naming(&mut self, number: GroupNumber, numbers: FileNumbers, out: &mut Outbox) {
        self.not_named(FileFailure::Other, out);
        self.naming = self.held.remove(&number).map(|held| (held.group, numbers));
    }

    /// Files that were to get their names have not got them, or the driver does not tell which. The log is told so.
    pub(crate) fn not_named(&mut self, failure: FileFailure, out: &mut Outbox) {
        let Some((group, _)) = self.naming.take() else { return };
        let why = if failure == FileFailure::Other {
            "it is not known which files got their names".to_owned()
        } else {
            not_named(failure)
        };
        out.event(group.lost(&why));
    }

    /// They have got their names, but for `left`. The log is told.
    pub(crate) fn named(&mut self, left: &[(u16, LeftOut)], out: &mut Outbox) {
        let Some((group, numbers)) = self.naming.take() else { return };
        for (number, (file, outcome)) in (1..).zip(group.files.iter().zip(&group.outcomes)) {
            let FileOutcome::Moved { bytes, .. } = outcome else { continue };
            let why = left.iter().find(|(of, _)| *of == number).map(|(_, why)| *why);
            let failure = match why {
                Some(why) => Some(format!("the file did not get its name: {}", why.word())),
                None if numbers.has(number) => None,
                None => Some(NOT_KEPT.to_owned()),
            };
            out.event(group.event(
                file.name.in_directory(&group.directory),
                u64::from(*bytes),
                failure.map(Into::into),
            ));
        }
    }

    /// Forgets a group that the client drops. The log is told. Returns whether there was one.
    pub(crate) fn forget(&mut self, number: GroupNumber, out: &mut Outbox) -> bool {
        self.remove(number, NOT_KEPT, out)
    }

    /// Forgets a group that the driver has removed for others. The log is told.
    pub(crate) fn taken(&mut self, number: GroupNumber, out: &mut Outbox) {
        self.remove(number, TAKEN, out);
    }

    /// Forgets a group of which no file gets its name. The log and the driver are told.
    pub(crate) fn refuse(&mut self, number: GroupNumber, failure: FileFailure, out: &mut Outbox) {
        if self.remove(number, &not_named(failure), out) {
            out.ask(Ask::DropGroup(number));
        }
    }

    fn remove(&mut self, number: GroupNumber, why: &str, out: &mut Outbox) -> bool {
        let held = self.held.remove(&number);
        held.map(|held| out.event(held.group.lost(why))).is_some()
    }

    /// Forgets all groups, because the login or the session ends. The driver forgets them as well.
    pub(crate) fn end(&mut self, out: &mut Outbox) {
        self.not_named(FileFailure::Other, out);
        for held in std::mem::take(&mut self.held).into_values() {
            out.event(held.group.lost("the session ended before the files got their names"));
        }
    }
}

impl Group {
    /// The transfer of a file, for the log.
    fn event(&self, path: PathName, bytes: u64, failure: Option<TransferFailure>) -> Event {
        Event::Transfer {
            verb: Verb::Pack,
            path,
            direction: Direction::Receive,
            data_type: self.data_type,
            bytes: Some(bytes),
            took: self.took,
            peer: Some(self.peer),
            private: self.private,
            failure,
        }
    }

    /// The transfer of all files, none of which is kept.
    fn lost(&self, why: &str) -> Event {
        let bytes = self.outcomes.iter().map(|outcome| match outcome {
            FileOutcome::Moved { bytes, .. } => u64::from(*bytes),
            FileOutcome::LeftOut(_) => 0,
        });
        self.event(self.directory.clone(), bytes.sum(), Some(why.into()))
    }
}

/// Why no file of a group got its name.
fn not_named(failure: FileFailure) -> String {
    format!("no file got its name: {failure}")
}

/// Why a file that was received is removed.
const NOT_KEPT: &str = "the client did not keep the file";
/// The same, for others.
const TAKEN: &str = "others needed the place of the group (held-groups)";
