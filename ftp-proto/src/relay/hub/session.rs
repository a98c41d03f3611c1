//! What the hub knows of one session.

use super::message::{FromHub, Role, ToHub};
use super::timer::Timer;
use crate::relay::date::DateAt;
use crate::relay::frame::{Frame, FrameError, FrameReader, Numbered};
use crate::relay::message::Id;
use crate::timer::{Moment, Timers};

/// A session with an agent or a user agent.
#[derive(Debug)]
pub(super) struct Session {
    /// The name of its token.
    pub(super) token: String,
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
    pub(super) fn new(token: String, expires: Option<Moment>, date: Option<DateAt>) -> Self {
        let mut timers = Timers::new();
        if let Some(at) = expires {
            timers.arm(Timer::Token, at);
        }
        Self {
            token,
            expires,
            date,
            role: None,
            timers,
            last_call: Id(0),
            reader: FrameReader::new(),
            seen: Numbered::default(),
            sent: Numbered::default(),
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
