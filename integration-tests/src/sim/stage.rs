//! When faults may happen, and the files with which an attempt begins.

use super::SIDES;
use super::fault::Faults;
use super::scenario::{Obstacle, Path, When};
use super::world::{Event, World};
use ftp_proto::transfer::Side;

impl World {
    /// The attempt begins: faults may happen.
    pub(super) fn arm(&mut self) {
        self.faults.armed = true;
        self.wire.segments = 0;
        for side in SIDES {
            self.links.at_mut(side).messages = 0;
        }
        for number in 0..self.faults.waiting.len() {
            if let Some((When::After(time), _)) = self.faults.waiting[number] {
                self.schedule(self.now + time, Event::Fault(number));
            }
        }
    }

    /// The attempt is over: no fault happens any more, everything is put right, another file is due.
    pub(super) fn heal(&mut self) {
        self.disarm();
        let length = self.random.pick([1, 5_000, 20_000]);
        self.file = self.random.bytes(length);
        self.scenario = self.scenario.healed(length);
        // A relay that a fault has touched may not serve again.
        if self.relay.as_ref().is_some_and(|relay| relay.over || relay.link.harmed)
            && matches!(self.scenario.path, Path::Relayed(_))
        {
            self.scenario.path = Path::Direct;
        }
        self.wire.dead = false;
        self.wire.stalled_until = self.now;
        self.furnish();
    }

    pub(super) fn disarm(&mut self) {
        self.faults = Faults::default();
    }

    /// Puts the files and the state of the disks that the scenario wants.
    pub(super) fn furnish(&mut self) {
        if let Some(groups) = self.scenario.groups().cloned() {
            self.furnish_groups(&groups);
            return self.limit_disk();
        }
        let (source, destination) = (self.user.source_path.clone(), self.user.destination_path.clone());
        if self.scenario.file.is_some() {
            let file = self.file.clone();
            self.hosts.source.disk.put(&source, file);
        }
        match self.old.clone() {
            Some(old) => self.hosts.destination.disk.put(&destination, old),
            None => self.hosts.destination.disk.remove(&destination),
        }
        self.limit_disk();
    }

    /// What the destination does not take.
    fn limit_disk(&mut self) {
        self.hosts.destination.disk.read_only = self.has(Obstacle::Denied);
        self.hosts.destination.disk.space = self
            .scenario
            .obstacles
            .iter()
            .find_map(|obstacle| if let Obstacle::Full(space) = obstacle { Some(*space) } else { None });
    }

    pub(super) fn message_passed(&mut self, side: Side) {
        let count = self.links.at(side).messages;
        self.strike_when(|when| matches!(when, When::Messages(of, n) if *of == side && *n < count));
    }

    pub(super) fn segment_passed(&mut self) {
        self.wire.segments += 1;
        let count = self.wire.segments;
        self.strike_when(|when| matches!(when, When::Segments(n) if *n < count));
    }

    pub(super) fn strike_when(&mut self, due: impl Fn(&When) -> bool) {
        if !self.faults.armed {
            return;
        }
        for number in 0..self.faults.waiting.len() {
            if self.faults.waiting[number].as_ref().is_some_and(|(when, _)| due(when)) {
                self.schedule(self.now, Event::Fault(number));
            }
        }
    }
}
