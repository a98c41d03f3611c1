//! What the laws excuse, because nobody can see or prevent it.

use super::{Running, Tree};
use crate::world::SentCommand;
use crate::world::manners::Manners;
use crate::world::plan::Program;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What may be otherwise than the laws want, because of what nobody can see or prevent.
#[derive(Default)]
pub(super) struct Excused {
    /// The names of the destination that may be missing, or be something else.
    pub(super) may_differ: BTreeSet<String>,
    /// Those that may be nowhere.
    pub(super) may_be_lost: BTreeSet<String>,
    /// Whether `append` has failed after a fault, or was killed, so that only a beginning may be appended.
    pub(super) append_may_be_partial: bool,
    pub(super) late: LateParts,
    pub(super) crossing: CrossingWrites,
}

/// What a server may still store after the user agents have ended, because nobody has heard the end of a command.
#[derive(Default)]
pub(super) struct LateParts {
    /// What the user agents have said of parts that may still be there, of sources that have such a name, and of old files that they
    /// keep because their own name is taken.
    pub(super) said: String,
    /// The names under which the destination was told to store, and that it was not told to rename or to delete since.
    pub(super) sent: BTreeSet<String>,
    /// Those of them that it did not have yet when a user agent was killed.
    pub(super) of_killed: BTreeSet<String>,
}

impl LateParts {
    /// A user agent is killed, and the destination has these names.
    pub(super) fn sender_dies(&mut self, there: &Tree) {
        self.of_killed.extend(self.sent.iter().filter(|name| !there.contains_key(*name)).cloned());
    }

    /// Keeps what a user agent has said of what stays.
    pub(super) fn hear(&mut self, said: &str) {
        let tells = |line: &&str| TELLS.iter().any(|words| line.contains(words));
        self.said.extend(said.lines().filter(tells));
    }

    /// Whether a part may come to the destination as late as this.
    pub(super) fn may_have(&self, name: &str) -> bool {
        self.said.contains(name) || self.of_killed.contains(name)
    }
}

/// What somebody writes to a source whose deletion is on its way: at a server that deletes without a condition, no look shows it.
#[derive(Default)]
pub(super) struct CrossingWrites {
    /// When each file was written to.
    pub(super) written: BTreeMap<String, Duration>,
    /// When the deletion of each file was sent.
    pub(super) deleted: BTreeMap<String, Duration>,
}

impl CrossingWrites {
    /// Whether a file was written to and its deletion was sent within this time.
    fn has(&self, name: &str, window: Duration) -> bool {
        let both = self.written.get(name).zip(self.deleted.get(name));
        both.is_some_and(|(written, deleted)| written.abs_diff(*deleted) <= window)
    }
}

impl Running<'_> {
    /// Notes what a command may do late, or has done to a source.
    pub(super) fn note_command(&mut self, SentCommand { host, words, .. }: &SentCommand) {
        let Some((verb, name)) = words.split_once(" tree/") else { return };
        let is_source = *host == self.host(Program::Source);
        match verb {
            "STOR" if !is_source => drop(self.excused.late.sent.insert(name.to_owned())),
            "RNFR" | "DELE" if !is_source => drop(self.excused.late.sent.remove(name)),
            // Our server compares the file in the moment of its deletion.
            "DELE" if self.plan.manners[0] != Manners::Ours => {
                let now = self.world.now();
                self.excused.crossing.deleted.insert(name.to_owned(), now);
                self.excuse_crossing(name);
            }
            _ => {}
        }
    }

    /// A file may be lost to which somebody writes within two round trips of its deletion: so long a look and a deletion take
    /// through a relay.
    pub(super) fn excuse_crossing(&mut self, name: &str) {
        if self.excused.crossing.has(name, 4 * self.world.latency()) {
            self.excused.may_be_lost.insert(name.to_owned());
            self.excused.may_differ.insert(name.to_owned());
        }
    }

    /// What was on its way when the destination got an older state of its disk has come by now. Sources that are still there
    /// have to stay, unless somebody writes to them while their deletion is on its way.
    pub(super) fn end_of_set_back(&mut self) {
        let [source, _] = self.trees();
        let Excused { may_be_lost, crossing, .. } = &mut self.excused;
        let window = 4 * self.world.latency();
        may_be_lost.retain(|name| !source.contains_key(name) || crossing.has(name, window));
    }
}

/// What the user agents say of what stays.
const TELLS: [&str; 3] =
    ["may still be there", ".ftp-user.part meanwhile", "because something has that name: delete it"];
