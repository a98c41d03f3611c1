//! The names under which agents have joined. Each token has names of its own.

use super::interface::SessionId;
use crate::relay::message::Text;
use std::collections::BTreeMap;

/// Which agent has which name. A list of them costs no more than the agents of its token.
#[derive(Debug)]
pub(super) struct Agents {
    of_token: BTreeMap<String, BTreeMap<String, SessionId>>,
    count: usize,
}

impl Agents {
    pub(super) const fn new() -> Self {
        Self { of_token: BTreeMap::new(), count: 0 }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// An agent joins. Whoever had its name has left before.
    pub(super) fn join(&mut self, token: &str, name: &str, session: SessionId) {
        let names = self.of_token.entry(token.to_owned()).or_default();
        if names.insert(name.to_owned(), session).is_none() {
            self.count += 1;
        }
    }

    /// The agent of this name and token has left.
    pub(super) fn leave(&mut self, token: &str, name: &str) {
        let Some(names) = self.of_token.get_mut(token) else { return };
        if names.remove(name).is_some() {
            self.count = self.count.saturating_sub(1);
        }
        if names.is_empty() {
            self.of_token.remove(token);
        }
    }

    /// The session of the agent of this name.
    pub(super) fn find(&self, token: &str, name: &str) -> Option<SessionId> {
        self.of_token.get(token)?.get(name).copied()
    }

    /// The names of all agents of a token, in order.
    pub(super) fn names(&self, token: &str) -> Vec<Text> {
        self.of_token.get(token).into_iter().flat_map(BTreeMap::keys).map(|name| Text::of(name)).collect()
    }
}
