//! Small files at the simulated servers: where they are put, what lying servers say of them, and what must hold.

use super::SIDES;
use super::conduct::{BadLine, Fate, Groups, Small, Untruth};
use super::group::Oddity;
use super::scenario::{ExpectedEnd, Sabotage};
use super::user::Phase;
use super::world::World;
use ftp_proto::transfer::Side;
use ftp_proto::transfer::batch::{BatchEnd, BatchFile};
use ftp_proto::wire::PathName;

impl World {
    /// Puts the files where they belong. What happens to them after their listing has happened already.
    pub(super) fn furnish_groups(&mut self, groups: &Groups) {
        for (number, Small { size, fate, .. }) in groups.files.iter().enumerate() {
            let [from, to] = SIDES.map(|side| small(side, number, groups));
            let size = usize::try_from(*size).unwrap_or_default();
            let file = self.random.bytes(size);
            let disk = &mut self.hosts.source.disk;
            disk.put(&from, file);
            match fate {
                Fate::Good => {}
                Fate::Gone => disk.remove(&from),
                Fate::Grown => disk.put(&from, vec![1; size + 1]),
                Fate::Replaced => disk.put(&from, vec![2; size]),
                Fate::Taken => self.hosts.destination.disk.put(&to, b"an old file".to_vec()),
                Fate::Appears => drop(self.hosts.destination.groups.appearing.insert(to)),
                Fate::Refused => self.hosts.destination.disk.refuse(&to),
            }
        }
        for side in SIDES {
            let oddity = match self.scenario.sabotage {
                Some(Sabotage::KeepReplaces) => Some((Oddity::Replaces, 0)),
                Some(Sabotage::KeepSpoils) => Some((Oddity::Spoils, 0)),
                Some(Sabotage::KeepsGroups) => Some((Oddity::Keeps, 0)),
                _ => groups.lie.map(|lie| (Oddity::Lies(lie.what), lie.after)),
            };
            self.hosts.at_mut(side).groups.oddity = oddity;
        }
        self.first_disk = self.hosts.destination.disk.clone();
        self.user.small_ends = vec![None; groups.files.len()];
    }

    pub(super) fn small_file_ended(&mut self, number: usize, end: BatchEnd) {
        self.say_both(&format!("== file {number}: {end:?}"));
        let has_ended = self.user.small_ends.get_mut(number).and_then(|place| place.replace(end)).is_some();
        if has_ended {
            self.violation(format!("file {number} has ended twice"));
        }
        // What is true of it must be true now.
        if let Some(groups) = self.scenario.groups().cloned() {
            self.judge_small(number, &groups);
        }
    }

    pub(super) fn groups_are_over(&mut self) {
        self.user.machine = None;
        self.user.machine_wake = None;
        self.drop_data();
        self.cut_at_relay();
        self.disarm();
        self.noop(Phase::Noop);
    }

    /// What must hold for one file, as soon as it has ended and later.
    pub(super) fn judge_small(&mut self, number: usize, groups: &Groups) {
        let (Some(file), Some(end)) =
            (groups.files.get(number), self.user.small_ends.get(number).cloned().flatten())
        else {
            return self.violation(format!("file {number} has not ended"));
        };
        let (from, to) = (small(Side::Source, number, groups), small(Side::Destination, number, groups));
        let sent = self.hosts.source.disk.get(&from).map(<[u8]>::to_vec);
        let stored = self.hosts.destination.disk.get(&to).map(<[u8]>::to_vec);
        let is_copied = stored.is_some() && stored == sent;
        let has_appeared = file.fate == Fate::Appears && stored.as_deref() == Some(b"somebody else's");
        let was_there = has_appeared || stored.as_deref() == self.first_disk.get(&to);
        match end {
            BatchEnd::Published { .. } if file.fate != Fate::Good => {
                self.violation(format!("file {number} is called published, and was {:?}", file.fate));
            }
            BatchEnd::Published { .. } if !is_copied => {
                self.violation(format!("file {number} is called published and is not whole"));
            }
            BatchEnd::Published { .. } if self.scenario.must() == ExpectedEnd::Fail => {
                self.violation(format!("file {number} has moved, though it must not"));
            }
            BatchEnd::Left { may_be_done: false, .. } if !was_there => {
                self.violation(format!("file {number} is said to be untouched and has changed"));
            }
            BatchEnd::Left { may_be_done: true, .. } if !was_there && !is_copied => {
                self.violation(format!("file {number} has a name and is not whole"));
            }
            BatchEnd::Left { .. }
                if file.fate == Fate::Good
                    && self.scenario.must() == ExpectedEnd::Move
                    && groups.lie.is_none() =>
            {
                self.violation(format!("file {number} has not moved, though nothing was wrong"));
            }
            BatchEnd::Published { .. } | BatchEnd::Left { .. } => {}
        }
    }

    /// When all is over.
    pub(super) fn judge_groups(&mut self, groups: &Groups) {
        let ready = self.user.small_ends.iter().any(Option::is_some);
        for number in (0..groups.files.len()).filter(|_| ready) {
            self.judge_small(number, groups);
        }
        let targets: Vec<PathName> =
            (0..groups.files.len()).map(|number| small(Side::Destination, number, groups)).collect();
        let names: Vec<PathName> = self.hosts.destination.disk.names().cloned().collect();
        if names.iter().any(|name| !targets.contains(name)) {
            self.violation("the destination has a file that nobody asked for".to_owned());
        }
    }

    /// What a server whose lines about files lie says in the place of a reply.
    pub(super) fn lie_about_files(&mut self, side: Side, bytes: Vec<u8>) -> Vec<u8> {
        let Some(lie) = self.scenario.groups().and_then(|groups| groups.lie) else { return bytes };
        let Untruth::Line(liar, bad) = lie.what else { return bytes };
        let is_of_file =
            |line: &&[u8]| line.get(3) == Some(&b'-') && line.get(4).is_some_and(u8::is_ascii_digit);
        let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let numbered: Vec<usize> = (0..lines.len()).filter(|at| is_of_file(&lines[*at])).collect();
        let lots = numbered.len().saturating_sub(1);
        if liar != side || numbered.is_empty() {
            return bytes;
        }
        let told = self.user.lies.at_mut(side);
        *told += 1;
        if *told <= lie.after {
            return bytes;
        }
        let at = numbered[self.random.length(lots)];
        let code = String::from_utf8_lossy(&lines[at][..4]).into_owned();
        let beyond = format!("{code}257 left gone\r\n");
        let unreadable = format!("{code}1 many\r\n");
        match bad {
            BadLine::Missing => drop(lines.remove(at)),
            BadLine::Twice => lines.insert(at, lines[at]),
            BadLine::Beyond => lines[at] = beyond.as_bytes(),
            BadLine::Unreadable => lines[at] = unreadable.as_bytes(),
        }
        lines.concat()
    }
}

/// The name of a small file at that server.
fn small(side: Side, number: usize, groups: &Groups) -> PathName {
    // Files of a directory follow each other.
    let directory = number * groups.directories / groups.files.len().max(1);
    let text = match side {
        Side::Source => format!("/from/{directory}/{number}"),
        Side::Destination => format!("/to/{directory}/{number}"),
    };
    PathName::from_user(text.as_str()).expect("a name")
}

/// A small file as its listing has told it.
pub(super) fn listed(number: usize, file: Small, groups: &Groups) -> BatchFile {
    let [source, target] = SIDES.map(|side| small(side, number, groups));
    BatchFile {
        source,
        target,
        size: u64::from(file.size),
        modified: None,
        // The one that was listed was the first under its name.
        unique: Some("v1".to_owned()),
        asks: file.asks,
        sets_time: false,
    }
}
