//! What the hub knows of one session, and the names under which agents have joined. Each group has names of its own.

use super::interface::{SessionId, Timer};
use super::message::{FromHub, Role, ToHub};
use crate::relay::date::DateAt;
use crate::relay::frame::{Frame, FrameError, FrameReader, Numbered};
use crate::relay::message::{Id, Text};
use crate::relay::token::Joins;
use crate::timer::{Moment, Timers};
use std::collections::BTreeMap;

/// A session with an agent or a user agent.
#[derive(Debug)]
pub(super) struct Session {
    /// The name of its token.
    pub(super) token: String,
    /// The group of its token.
    pub(super) group: String,
    /// Under which name it may join as an agent.
    pub(super) joins: Joins,
    /// When that expires.
    pub(super) expires: Option<Moment>,
    /// What date it was when the session began.
    pub(super) date: Option<DateAt>,
    /// Who it is, once it has introduced itself.
    pub(super) role: Option<Role>,
    pub(super) timers: Timers<Timer>,
    last_call: Id,
    reader: FrameReader,
    seen: Numbered,
    sent: Numbered,
}

impl Session {
    /// A session whose token opens the agents of a group.
    pub(super) fn new(token: String, group: String, joins: Joins) -> Self {
        Self {
            token,
            group,
            joins,
            expires: None,
            date: None,
            role: None,
            timers: Timers::new(),
            last_call: Id(0),
            reader: FrameReader::new(),
            seen: Numbered::default(),
            sent: Numbered::default(),
        }
    }

    /// The same session of a token that expires.
    pub(super) fn until(mut self, expires: Option<Moment>) -> Self {
        self.expires = expires;
        if let Some(at) = expires {
            self.timers.arm(Timer::Token, at);
        }
        self
    }

    /// Why it may not join as an agent of this name.
    pub(super) fn cannot_join(&self, name: &str) -> Option<String> {
        let Self { token, group, .. } = self;
        match self.joins {
            Joins::Never => Some(format!(
                "the token {token} is not one of an agent; make one: ftp-relay-agent token --for-agent {group}"
            )),
            Joins::AsToken if name != token => {
                Some(format!("the token is that of the agent {token}: join as {token}"))
            }
            Joins::AsToken | Joins::AsAnybody => None,
        }
    }

    /// Adds bytes of its link.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
    }

    /// Whether there is more than has been heard: a message, or the beginning of one.
    pub(super) fn has_more(&self) -> bool {
        !self.reader.is_empty()
    }

    /// Its next message, if one is complete.
    pub(super) fn message(&mut self) -> Result<Option<ToHub>, FrameError> {
        let frame = self.reader.message::<Frame<ToHub>>()?;
        frame.map(|frame| self.seen.check(frame)).transpose()
    }

    /// The frame of a message to it.
    pub(super) fn frame(&mut self, message: FromHub) -> Option<Vec<u8>> {
        self.sent.encode(message)
    }

    /// Takes note of the id of a call; `false` if it is not above all earlier ones.
    pub(super) fn is_new(&mut self, id: Id) -> bool {
        let new = id > self.last_call;
        self.last_call = self.last_call.max(id);
        new
    }

    /// The agent's name and boot number, if it is an agent.
    pub(super) fn agent(&self) -> Option<(&str, u64)> {
        match &self.role {
            Some(Role::Agent { name, boot }) => Some((name.as_str(), *boot)),
            Some(Role::User { .. }) | None => None,
        }
    }
}

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
