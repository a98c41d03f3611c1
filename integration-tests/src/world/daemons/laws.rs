//! The laws of daemons that share a store: what must hold at every moment, and at the end.

use super::plan::{EXTRA, QueuedVerb};
use super::store::HeldLease;
use super::{BOTH, Program, Running, tree_at};
use crate::world::SentCommand;
use crate::world::run::{Tree, read_all};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Which daemon has which job, as the store has said.
#[derive(Debug, Default)]
pub(super) struct Holders {
    /// The leases that there were last.
    leases: BTreeSet<HeldLease>,
    /// When a daemon had a lease last of a job or of one of its parts.
    held: BTreeMap<(u64, String), Duration>,
    /// The jobs of the groups that move together, by their connections and numbers.
    groups: BTreeMap<(u64, String), usize>,
    /// The parts whose results were counted.
    ended: BTreeSet<(u64, u64)>,
    asked: Duration,
}

/// The files of a job at the destination when it was done: their inodes and times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frozen(BTreeMap<String, Identity>);

impl Running<'_> {
    /// Looks which daemon has which job, and which jobs have ended.
    pub(super) fn look_at_store(&mut self) {
        let now = self.world.now();
        if now < self.holders.asked + ASK {
            return;
        }
        self.ask_store();
        let store = self.store.as_ref().expect("it was opened");
        let mut done = Vec::new();
        for (index, job) in self.jobs.iter().enumerate() {
            let state = job.id.and_then(|id| store.job(id));
            let Some(state) = state else { continue };
            match (&job.frozen, state.exit) {
                (None, Some(0)) => done.push(index),
                (Some(_), Some(0)) | (None, _) => {}
                (Some(_), other) => {
                    return self.violation(&format!("job {index} was done, and stands otherwise: {other:?}"));
                }
            }
        }
        for index in done {
            self.tell(&format!("job {index} is done"));
            self.look();
            self.look_at_done(index);
            let trees = self.trees(index);
            self.jobs[index].frozen = Some(self.frozen(index, &trees[1]));
        }
    }

    fn ask_store(&mut self) {
        let now = self.world.now();
        let Some(store) = &self.store else { return };
        let leases: BTreeSet<HeldLease> = store.leases().into_iter().collect();
        let results = store.results();
        self.holders.asked = now;
        for key in results {
            if self.holders.ended.insert(key) {
                self.tally.parts_ended += 1;
            }
        }
        for lease in &leases {
            let key = (lease.job, lease.daemon.clone());
            self.holders.held.insert(key, now);
        }
        let new: Vec<HeldLease> = leases.difference(&self.holders.leases).cloned().collect();
        for lease in new {
            let HeldLease { job, part, daemon, .. } = &lease;
            let had = |other: &HeldLease| (other.job, other.part) == (*job, 0) && other.daemon != *daemon;
            if *part > 0 {
                self.tally.parts += 1;
            } else {
                self.tally.jobs += 1;
                let others = self.holders.held.keys().any(|(held, name)| held == job && name != daemon);
                self.tally.taken_over += u64::from(others || self.holders.leases.iter().any(had));
            }
            let index = self.jobs.iter().position(|queued| queued.id == Some(*job));
            self.tell(&format!("{daemon} has job {index:?}, part {part}"));
        }
        self.holders.leases = leases;
    }

    /// A daemon stores nothing, makes nothing final, changes nothing and deletes nothing for a job that it has lost.
    pub(super) fn judge_sender(&mut self, daemon: usize, command: &SentCommand) {
        let Some(index) = self.holders.job_of(command) else { return };
        self.ask_store();
        let Some(id) = self.jobs.get(index).and_then(|job| job.id) else { return };
        let (now, name) = (self.world.now(), self.daemons[daemon].name);
        let last = self.holders.held.get(&(id, name.to_owned())).copied();
        if last.is_none_or(|last| now > last + COVERED) {
            self.violation(&format!("{name} has lost job {index} at {last:?}, and sends: {}", command.words));
        }
    }

    /// What must hold at every moment.
    pub(super) fn look(&mut self) {
        let mut wrong = Vec::new();
        for (index, job) in self.jobs.iter().enumerate() {
            let [source, destination] = self.trees(index);
            let planned = job.planned;
            for (name, content) in &planned.source {
                let content = content.bytes();
                let (there, old) = (destination.get(name), planned.destination.get(name));
                let has_come = there == Some(&content);
                let is_old = there.is_some_and(|found| old.is_some_and(|old| *found == old.bytes()));
                // A source that may be its own copy has the name of a part while it is looked at for the last time.
                let has_other_name = || is_beside(&source, name, ".ftp-user.part", &content);
                if source.get(name) != Some(&content) {
                    let may_go = planned.verb == QueuedVerb::Move && !source.contains_key(name);
                    if !may_go || !(has_come || has_other_name()) {
                        wrong.push(format!("job {index}: {name} is at neither end, or has changed"));
                    }
                }
                if there.is_some() && !has_come && !is_old {
                    wrong.push(format!("job {index}: {name} has something else under its final name"));
                }
                // A daemon that has lost the job may have replaced it before.
                let is_aside = || {
                    let mut all = old.map(|old| old.bytes()).into_iter().chain([content.clone()]);
                    all.any(|content| is_beside(&destination, name, ".ftp-user.old", &content))
                };
                if old.is_some() && there.is_none() && !is_aside() {
                    wrong.push(format!("job {index}: {name} is gone at the destination"));
                }
            }
            for (name, content) in planned.destination.iter().filter(|(name, _)| name.starts_with(EXTRA)) {
                let may_go = planned.verb == QueuedVerb::SyncDelete && !destination.contains_key(name);
                if !may_go && destination.get(name) != Some(&content.bytes()) {
                    wrong.push(format!("job {index}: {name}, which only the destination has, has changed"));
                }
            }
            let changed = |frozen: &Frozen| frozen.changed(&self.frozen(index, &destination));
            let changed = job.frozen.as_ref().map(changed).unwrap_or_default();
            if !changed.is_empty() {
                wrong.push(format!("job {index} was done, and something has changed: {changed:?}"));
            }
        }
        wrong.iter().for_each(|wrong| self.violation(wrong));
    }

    /// What must hold when a job says that it is done.
    fn look_at_done(&mut self, index: usize) {
        let [source, destination] = self.trees(index);
        let planned = self.jobs[index].planned;
        for (name, content) in &planned.source {
            if destination.get(name) != Some(&content.bytes()) {
                self.violation(&format!("job {index} is done without {name}"));
            }
            if planned.verb == QueuedVerb::Move && source.contains_key(name) {
                self.violation(&format!("job {index} is done, and the source still has {name}"));
            }
        }
        let only = planned.destination.keys().filter(|name| name.starts_with(EXTRA));
        for name in
            only.filter(|name| planned.verb == QueuedVerb::SyncDelete && destination.contains_key(*name))
        {
            self.violation(&format!("job {index} is done, and the destination still has {name}"));
        }
    }

    /// Whether nothing is left of parts and old files.
    pub(super) fn is_tidy(&self) -> bool {
        (0..self.jobs.len()).all(|index| self.left(index).is_empty())
    }

    /// The names that no job should leave. An old file may stay under another name if its deletion was lost with a session, and a part
    /// whose data connection has waited for a daemon that did not work, or whose connections broke.
    fn left(&self, index: usize) -> Vec<String> {
        let planned = self.jobs[index].planned;
        let is_known =
            |name: &String| planned.source.contains_key(name) || planned.destination.contains_key(name);
        let [source, destination] = self.trees(index);
        let all = || planned.destination.values().chain(planned.source.values());
        let is_old = |name: &str, found: &[u8]| {
            name.ends_with(".ftp-user.old") && all().any(|content| found == content.bytes())
        };
        let at_destination = destination.into_iter().filter(|(name, found)| !is_old(name, found));
        let is_late = |name: &String| self.late_parts.contains(&format!("job{index}/{name}"));
        let at_destination = at_destination.map(|(name, _)| name).filter(|name| !is_late(name));
        let names = source.into_keys().chain(at_destination);
        names.filter(|name| !is_known(name)).collect()
    }

    /// What must hold at the end.
    pub(super) fn look_at_the_end(&mut self) {
        self.look();
        for index in 0..self.jobs.len() {
            let left = self.left(index);
            if !left.is_empty() {
                self.violation(&format!("job {index} has left something: {left:?}"));
            }
        }
    }

    fn trees(&self, job: usize) -> [Tree; 2] {
        BOTH.map(|program| {
            let mut files = Tree::new();
            read_all(&tree_at(&self.directory, program, job), "", &mut files);
            files
        })
    }

    fn frozen(&self, job: usize, destination: &Tree) -> Frozen {
        let root = tree_at(&self.directory, Program::Destination, job);
        // What a server still receives is seen by nobody, and goes with the session that has sent it: at the end it must be gone.
        let is_part = |name: &str| {
            let mut parts = name.split('/');
            name.ends_with(".ftp-user.part")
                || parts.any(|part| part.starts_with(".ftp-") && part.ends_with(".part"))
        };
        let known = destination.keys().filter(|name| !is_part(name));
        let all = known.filter_map(|name| Some((name.clone(), identity(&root.join(name))?)));
        Frozen(all.collect())
    }
}

impl Frozen {
    /// The names that are not as they were.
    fn changed(&self, Self(now): &Self) -> Vec<String> {
        let Self(before) = self;
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        names.into_iter().filter(|name| before.get(*name) != now.get(*name)).cloned().collect()
    }
}

/// What another file of that name would have otherwise, and the same file with another time or mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Identity {
    inode: u64,
    modified: i64,
    changed: i64,
}

fn identity(path: &Path) -> Option<Identity> {
    let facts = fs::metadata(path).ok()?;
    Some(Identity { inode: facts.ino(), modified: facts.mtime(), changed: facts.ctime_nsec() })
}

/// Whether a directory has this content beside a file, under a name with this end.
fn is_beside(tree: &Tree, name: &str, end: &str, content: &[u8]) -> bool {
    let directory = |name: &str| name.rsplit_once('/').map(|(directory, _)| directory.to_owned());
    tree.iter()
        .any(|(other, found)| other.ends_with(end) && directory(other) == directory(name) && found == content)
}

impl Holders {
    /// The job for which a command stores, makes a name final, or changes or deletes one that is not the name of a part.
    fn job_of(&mut self, SentCommand { connection, words, .. }: &SentCommand) -> Option<usize> {
        let words: Vec<&str> = words.split(' ').collect();
        match words.as_slice() {
            ["PACK", "STORE", group, files, ..] => {
                let job = job_at(files)?;
                self.groups.insert((*connection, (*group).to_owned()), job);
                Some(job)
            }
            ["STOR", path] => job_at(path),
            ["PACK", "KEEP", group, ..] => self.groups.get(&(*connection, (*group).to_owned())).copied(),
            ["RNTO" | "DELE", path] | ["PACK", "DELETE", path, ..] | ["MFMT" | "MDTM", _, path] => {
                job_at(path).filter(|_| !path.ends_with(".ftp-user.part"))
            }
            _ => None,
        }
    }
}

/// The job whose directory has this path.
fn job_at(path: &str) -> Option<usize> {
    let (directory, _) = path.strip_prefix('/').unwrap_or(path).split_once('/')?;
    directory.strip_prefix("job")?.parse().ok()
}

/// How often the store is asked.
const ASK: Duration = Duration::from_millis(200);
/// How long what a daemon has asked the store covers what it sends, and how long nobody has looked.
const COVERED: Duration = Duration::from_millis(1_300);
