//! The machine of a session with a hub, at the end of an agent or a user agent: it joins, asks for agents and
//! calls, and notices when the hub has gone.
//!
//! The session begins after the link proof, as one with an agent does ([`super::user`]).

use super::conversation::{Conversation, Goodbye, Received, Sent};
use super::hub::{FromHub, Role, ToHub};
use super::link::Welcome;
use super::message::{Id, Text};
use crate::timer::Moment;

pub use super::conversation::{Failure, Input};

/// What the driver has to do.
pub type Output = super::conversation::Output<FromHub>;

/// The machine of one session with a hub.
pub type Session = Conversation<ToHub, FromHub>;

impl Session {
    /// Creates a session that the hub welcomed at `now`. `build` is the program and its version.
    pub fn new(now: Moment, welcome: &Welcome, role: Role, build: &str) -> Self {
        let mut session = Self::welcomed(now, welcome);
        session.send(now, ToHub::Introduce { role, build: Text::of(build) });
        session
    }

    /// Asks for a stream to an agent. The answer is [`FromHub::Ready`] or [`FromHub::Refused`] with this id.
    pub fn call(&mut self, now: Moment, agent: &str) -> Id {
        let id = self.next_id();
        self.send(now, ToHub::Call { id, agent: Text::of(agent) });
        id
    }
}

impl Sent for ToHub {
    fn ping(t: u64) -> Self {
        Self::Ping { t }
    }
}

impl Received for FromHub {
    fn is_pong(&self) -> bool {
        matches!(self, Self::Pong { .. })
    }

    fn goodbye(self) -> Result<Goodbye, Self> {
        if let Self::Bye { code, text, retry_after_ms } = self {
            Ok(Goodbye { code, text, retry_after_ms })
        } else {
            Err(self)
        }
    }
}
