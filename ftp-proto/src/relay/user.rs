//! The machine of a relay session, user agent's end: it asks for grants, tunnels and joins, passes on
//! what the agent says, and notices when the agent has gone.
//!
//! The session begins after the link proof ([`super::link::hello`], [`super::link::Pending::welcome`]).
//!
//! ```
//! use ftp_proto::relay::link::Welcome;
//! use ftp_proto::relay::message::{GrantPurpose, Target, Text};
//! use ftp_proto::relay::user::{Input, Output, Session};
//! use ftp_proto::timer::Moment;
//! use std::time::Duration;
//!
//! # let welcome = Welcome {
//! #     version: 1,
//! #     build: Text::of("agent 1.0"),
//! #     seen_as: "192.0.2.7:40000".parse().unwrap(),
//! #     ping_ms: 15_000,
//! #     dead_ms: 45_000,
//! #     mac: [0; 32],
//! # };
//! // `welcome` is the agent's proven answer to the first frame.
//! let now = Moment::START;
//! let mut session = Session::new(now, &welcome, "example", "example 1.0");
//!
//! // A tunnel to an FTP server: the grant and its use may be asked for at once.
//! let server = GrantPurpose::Tunnel(Target { host: Text::of("ftp.example"), port: 21 });
//! let grant = session.grant(now, server, u64::MAX, Duration::from_secs(600), 1);
//! let tunnel = session.tunnel(now, grant);
//! assert!(tunnel > grant);
//!
//! // The driver sends three frames: the introduction, the grant and the tunnel.
//! for _ in 0..3 {
//!     assert!(matches!(session.poll(), Output::Send(_)));
//! }
//! let Output::Wait(Some(deadline)) = session.poll() else { panic!("a session never waits for ever") };
//!
//! // Nothing happens until the deadline, so the session pings the agent.
//! session.input(deadline, Input::Timeout);
//! assert!(matches!(session.poll(), Output::Send(_)));
//! ```

use super::conversation::{Conversation, Goodbye, Received, Sent};
use super::link::Welcome;
use super::message::{FromAgent, GrantPurpose, Id, Leg, LegId, Meeting, Text, ToAgent, Waits};
use crate::timer::Moment;
use std::time::Duration;

pub use super::conversation::{Failure, Input};

/// What the driver has to do.
pub type Output = super::conversation::Output<FromAgent>;

/// The machine of one relay session.
pub type Session = Conversation<ToAgent, FromAgent>;

impl Session {
    /// Creates a session that the agent welcomed at `now`. `name` and `build` identify this program in
    /// the agent's log.
    pub fn new(now: Moment, welcome: &Welcome, name: &str, build: &str) -> Self {
        let mut session = Self::welcomed(now, welcome);
        session.send(now, ToAgent::Introduce { name: Text::of(name), build: Text::of(build) });
        session
    }

    /// Asks for a grant of `uses` tunnels or joins, each of at most `max_bytes` in both directions
    /// together, within `life`. The returned id may be used at once.
    pub fn grant(
        &mut self,
        now: Moment,
        purpose: GrantPurpose,
        max_bytes: u64,
        life: Duration,
        uses: u8,
    ) -> Id {
        let id = self.next_id();
        let max_ms = u32::try_from(life.as_millis()).unwrap_or(u32::MAX);
        self.send(now, ToAgent::Grant { id, purpose, max_bytes, max_ms, uses });
        id
    }

    /// Asks for a tunnel to the server of a grant.
    pub fn tunnel(&mut self, now: Moment, grant: Id) -> Id {
        let id = self.next_id();
        self.send(now, ToAgent::Tunnel { id, grant });
        id
    }

    /// Asks to join two data connections under a grant.
    pub fn join(&mut self, now: Moment, grant: Id, [a, b]: [Leg; 2], waits: Waits) -> Id {
        let id = self.next_id();
        self.send(now, ToAgent::Join { id, grant, a, b, waits });
        id
    }

    /// Asks to join the data connection of one server, which becomes leg `near`, with another agent.
    pub fn meet(
        &mut self,
        now: Moment,
        grant: Id,
        (near, leg): (LegId, Leg),
        meeting: Meeting,
        waits: Waits,
    ) -> Id {
        let id = self.next_id();
        self.send(now, ToAgent::Meet { id, grant, near, leg, meeting, waits });
        id
    }
}

impl Sent for ToAgent {
    fn ping(t: u64) -> Self {
        Self::Ping { t }
    }
}

impl Received for FromAgent {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::frame::{FrameError, Numbered};
    use crate::relay::message::Code;

    fn welcome() -> Welcome {
        Welcome {
            version: 1,
            build: Text::default(),
            seen_as: "192.0.2.7:40000".parse().unwrap(),
            ping_ms: 15_000,
            dead_ms: 45_000,
            mac: [0; 32],
        }
    }

    fn welcomed() -> (Session, Numbered) {
        let mut session = Session::new(Moment::START, &welcome(), "test", "test 1");
        while session.poll() != Output::Wait(Some(at(15))) {}
        (session, Numbered::default())
    }

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_silent_agent_is_pinged_and_given_up_when_its_time_is_over() {
        let (mut session, _) = welcomed();
        for seconds in [15, 30] {
            session.input(at(seconds), Input::Timeout);
            assert!(matches!(session.poll(), Output::Send(_)));
        }
        session.input(at(45), Input::Timeout);
        let mut outputs = std::iter::from_fn(|| Some(session.poll()));
        let ended = outputs.find(|output| matches!(output, Output::Ended(_)));
        assert_eq!(ended, Some(Output::Ended(Failure::Silent(Duration::from_secs(45)))));
        session.input(at(46), Input::Timeout);
        session.send(at(46), ToAgent::Bye);
        assert_eq!(session.poll(), Output::Wait(None), "nothing follows the end");
    }

    #[test]
    fn r53_an_idle_session_is_one_ping_and_one_answer_in_20_seconds() {
        let welcome = Welcome { ping_ms: 20_000, ..welcome() };
        let mut session = Session::new(Moment::START, &welcome, "test", "test 1");
        let mut agent = Numbered::default();
        let mut next = session.poll();
        let (mut sent, mut deadline) = (0, None);
        // The introduction, and then what time alone brings about, for ten minutes.
        for _ in 0..200 {
            match next {
                Output::Send(_) => sent += 1,
                Output::Wait(at) => {
                    let now = at.expect("a session without a timer is dead");
                    if now > self::at(600) {
                        break;
                    }
                    assert_ne!(deadline.replace(now), Some(now), "it wakes for nothing");
                    session.input(now, Input::Timeout);
                    let pong = agent.encode(FromAgent::Pong { t: 1 }).unwrap();
                    session.input(now, Input::Bytes(&pong));
                }
                Output::Message(FromAgent::Pong { .. }) => {}
                other @ (Output::Message(_) | Output::Ended(_)) => panic!("{other:?}"),
            }
            next = session.poll();
        }
        assert_eq!(sent, 1 + 30);
    }

    #[test]
    fn the_end_of_a_session_has_a_reason() {
        let (mut session, mut agent) = welcomed();
        let bye = FromAgent::Bye { code: Code::Draining, text: Text::default(), retry_after_ms: 5_000 };
        session.input(at(1), Input::Bytes(&agent.encode(bye).unwrap()));
        let retry_after = Some(Duration::from_secs(5));
        let failure = Failure::Bye { code: Code::Draining, text: Text::default(), retry_after };
        assert_eq!(session.poll(), Output::Ended(failure));

        let (mut session, _) = welcomed();
        session.input(at(1), Input::Closed);
        assert_eq!(session.poll(), Output::Ended(Failure::Closed));

        let (mut session, _) = welcomed();
        session.input(at(1), Input::Bytes(&[0; 4]));
        assert_eq!(session.poll(), Output::Ended(Failure::Protocol(FrameError::Length(0))));
    }
}
