//! The laws of a run: what must hold at every moment, and at its end.

use super::third::STANDARD_INPUT;
use super::{Running, Tree, read_all};
use crate::world::plan::{Content, SIDE, Verb};

impl Running<'_> {
    /// What must hold at every moment.
    pub(super) fn look(&mut self) {
        let [source, destination] = self.trees();
        let has = |files: &Tree, name: &str, content: Option<&Content>| match (files.get(name), content) {
            (Some(found), Some(content)) => *found == content.bytes(),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let (plan, moves) = (self.plan, self.plan.verb == Verb::Move);
        let mut wrong = Vec::new();
        for (name, versions) in &self.versions {
            let newest = versions.last();
            let old = plan.destination.get(*name);
            let has_moved = moves && has(&destination, name, newest);
            let directory = |name: &str| name.rsplit_once('/').map(|(directory, _)| directory.to_owned());
            // A source that may be its own copy has the name of a part while it is looked at for the last time.
            let has_other_name = moves
                && source.iter().any(|(other, found)| {
                    let is_beside = other.ends_with(".ftp-user.part") && directory(other) == directory(name);
                    is_beside && newest.is_some_and(|newest| *found == newest.bytes())
                });
            let is_lost = self.excused.may_be_lost.contains(*name);
            if !(has_moved || has_other_name || is_lost || has(&source, name, newest)) {
                wrong.push(format!("{name} is at neither end"));
            }
            let has_come = match plan.verb {
                Verb::Append => self.appended(&destination, name).is_some(),
                Verb::Remove => false,
                Verb::Copy | Verb::Move | Verb::Sync | Verb::SyncDelete => {
                    versions.iter().any(|content| has(&destination, name, Some(content)))
                }
            };
            let is_old = has(&destination, name, old);
            if destination.contains_key(*name) && !has_come && !is_old {
                wrong.push(format!("{name} has something else under its final name"));
            }
            // While a file is replaced, the old one may have another name in its directory.
            let is_aside = || {
                let is_old =
                    |other: &str| other.ends_with(".ftp-user.old") && directory(other) == directory(name);
                let aside = || destination.iter().filter(|(other, _)| is_old(other));
                // It may have been replaced before: by another user agent, or by the same one before a session was lost.
                old.into_iter().chain(versions).any(|old| aside().any(|(_, found)| *found == old.bytes()))
            };
            if old.is_some() && !is_lost && !destination.contains_key(*name) && !is_aside() {
                wrong.push(format!("{name} is gone at the destination"));
            }
        }
        for (name, content) in &plan.destination {
            let may_go = plan.may_delete(name);
            if !plan.source.contains_key(name) && !may_go && !has(&destination, name, Some(content)) {
                wrong.push(format!("{name}, which only the destination has, has changed"));
            }
        }
        for (name, content) in plan.left_out.iter().flat_map(|left_out| &left_out.files) {
            if !has(&source, name, Some(content)) {
                wrong.push(format!("{name}, which a filter leaves out, has changed"));
            }
        }
        self.look_at_side(&mut wrong);
        wrong.iter().for_each(|wrong| self.violation(wrong));
    }

    /// Whatever the third user agent has stored is whole under its final name.
    fn look_at_side(&self, wrong: &mut Vec<String>) {
        let Some(third) = &self.third else { return };
        let left_out = self.plan.left_out.iter().flat_map(|left_out| left_out.files.values());
        for (name, found) in third.files(&self.roots[1].join(SIDE)) {
            let there = self.plan.destination.values().chain(self.versions.values().flatten());
            let is_version = there.chain(left_out.clone()).any(|content| found == content.bytes());
            if !is_version && found != STANDARD_INPUT {
                wrong.push(format!("{name} is no whole file"));
            }
        }
    }

    /// Whether both ends are as they should be at the end. Where nothing is moved, the destination may have an older version of
    /// a file that has changed since; after a sync, none that was old when it began. What an older state of the disk has taken or
    /// brought back does not count.
    pub(super) fn is_done(&self) -> bool {
        self.is_done_with(Parts::Count)
    }

    /// The same; parts may be left that only the user agent removes that has stored them.
    pub(super) fn is_done_with(&self, parts: Parts) -> bool {
        let [source, destination] = self.trees();
        let (plan, moves) = (self.plan, self.plan.verb == Verb::Move);
        let is_good = |(name, found): (&String, &Vec<u8>)| match self.versions.get(name.as_str()) {
            _ if self.excused.may_differ.contains(name) => true,
            Some(_) if !plan.verb.has_job() => match self.appended(&destination, name) {
                Some(is_whole) => is_whole || self.excused.append_may_be_partial,
                None => plan.destination.get(name).is_some_and(|old| *found == old.bytes()),
            },
            None if name.ends_with(".ftp-user.old") && self.excused.late.said.contains(name) => {
                let mut all = plan.destination.values().chain(self.versions.values().flatten());
                all.any(|content| *found == content.bytes())
            }
            None if name.ends_with(".ftp-user.part")
                && (parts == Parts::DoNotCount || self.excused.late.may_have(name)) =>
            {
                true
            }
            Some(versions) => {
                let at_start = self.at_start.get(name.as_str()).copied().unwrap_or(0);
                let skipped = match plan.verb {
                    Verb::Move => versions.len() - 1,
                    // Of two at the same time, the slower one may store what it has read before the change.
                    Verb::Sync | Verb::SyncDelete if plan.second.is_none() => at_start,
                    Verb::Copy | Verb::Sync | Verb::SyncDelete | Verb::Append | Verb::Remove => 0,
                };
                versions.iter().skip(skipped).any(|content| *found == content.bytes())
            }
            None => {
                let kept = plan.destination.get(name).filter(|_| !plan.may_delete(name));
                kept.is_some_and(|content| *found == content.bytes())
            }
        };
        let kept = plan.destination.keys().filter(|name| !plan.may_delete(name));
        let copied = plan.source.keys().filter(|_| plan.verb.has_job());
        let has_all = copied
            .chain(kept)
            .all(|name| destination.contains_key(name) || self.excused.may_differ.contains(name));
        let is_told = |name: &String| {
            name.ends_with(".ftp-user.part") && self.excused.late.said.contains(name.as_str())
        };
        let may_stay = |name: &String| is_told(name) || plan.leaves_out(name);
        has_all && destination.iter().all(is_good) && (!moves || source.keys().all(may_stay))
    }

    /// Whether all of the source is behind what a file of the destination was; `None` if nothing is appended to that file, or if it is
    /// something else than what it was and a beginning of the source.
    fn appended(&self, destination: &Tree, name: &str) -> Option<bool> {
        let (first, source) = self.plan.source.first_key_value()?;
        let old =
            self.plan.destination.get(name).filter(|_| self.plan.verb == Verb::Append && first == name)?;
        let (source, behind) = (source.bytes(), destination.get(name)?.strip_prefix(old.bytes().as_slice())?);
        source.starts_with(behind).then_some(behind.len() == source.len())
    }

    pub(super) fn trees(&self) -> [Tree; 2] {
        [self.source(), self.roots[1].join("tree")].map(|directory| {
            let mut files = Tree::new();
            read_all(&directory, "", &mut files);
            files
        })
    }
}

/// Whether parts count that are left at the destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Parts {
    Count,
    DoNotCount,
}
