//! The names under which agents have joined. Each group has names of its own.

use super::interface::SessionId;
use crate::relay::message::Text;
use std::collections::BTreeMap;

/// Which agent has which name. A list of them costs no more than the agents of its group.
#[derive(Debug)]
pub(super) struct Agents {
    of_group: BTreeMap<String, BTreeMap<String, SessionId>>,
    count: usize,
}

impl Agents {
    pub(super) const fn new() -> Self {
        Self { of_group: BTreeMap::new(), count: 0 }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// An agent joins. Whoever had its name has left before.
    pub(super) fn join(&mut self, group: &str, name: &str, session: SessionId) {
        let names = self.of_group.entry(group.to_owned()).or_default();
        if names.insert(name.to_owned(), session).is_none() {
            self.count += 1;
        }
    }

    /// The agent of this name and group has left.
    pub(super) fn leave(&mut self, group: &str, name: &str) {
        let Some(names) = self.of_group.get_mut(group) else { return };
        if names.remove(name).is_some() {
            self.count = self.count.saturating_sub(1);
        }
        if names.is_empty() {
            self.of_group.remove(group);
        }
    }

    /// The session of the agent of this name.
    pub(super) fn find(&self, group: &str, name: &str) -> Option<SessionId> {
        self.of_group.get(group)?.get(name).copied()
    }

    /// The names of all agents of a group, in order.
    pub(super) fn names(&self, group: &str) -> Vec<Text> {
        self.of_group.get(group).into_iter().flat_map(BTreeMap::keys).map(|name| Text::of(name)).collect()
    }
}
