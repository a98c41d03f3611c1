//! The groups of a session that wait for their names (PACK), each with its place among those of all sessions.

use std::collections::BTreeMap;

use ftp_proto::command::GroupNumber;

use crate::limits::HeldSlot;
use crate::vfs::HeldGroup;

/// The groups that a session holds. A group that is dropped is removed, which may block on a disk.
#[derive(Debug, Default)]
pub(super) struct HeldGroups(BTreeMap<GroupNumber, (Box<HeldGroup>, HeldSlot)>);

impl HeldGroups {
    /// Holds a group, which has this place.
    pub(super) fn hold(&mut self, group: Box<HeldGroup>, slot: HeldSlot) {
        self.0.insert(group.number(), (group, slot));
    }

    /// Takes a group out, with its place.
    pub(super) fn let_go(&mut self, number: GroupNumber) -> Option<(Box<HeldGroup>, HeldSlot)> {
        self.0.remove(&number)
    }

    /// A group whose place was taken away.
    pub(super) fn without_place(&self) -> Option<GroupNumber> {
        self.0.iter().find(|(_, (_, slot))| slot.is_taken()).map(|(number, _)| *number)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
