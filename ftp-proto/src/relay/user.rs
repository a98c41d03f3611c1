//! The machine of a relay session, user agent's end: it asks for grants, tunnels and joins, passes on
//! what the agent says, and notices when the agent has gone.
//!
//! The session begins after the link proof ([`super::link::hello`], [`super::link::Pending::welcome`]).
//!
//! ```
//! use ftp_proto::relay::link::Welcome;
//! use ftp_proto::relay::message::{Purpose, Target, Text};
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
//! let server = Purpose::Tunnel(Target { host: Text::of("ftp.example"), port: 21 });
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

use super::frame::{Frame, FrameError, FrameReader, Numbered};
use super::link::Welcome;
use super::message::{Code, FromAgent, Id, Leg, Purpose, Text, ToAgent, Waits};
use crate::timer::{Moment, Timers};
use std::collections::VecDeque;
use std::time::Duration;

/// What the driver tells the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// Bytes arrived on the link.
    Bytes(&'a [u8]),
    /// The link was closed or broke.
    Closed,
    /// The deadline of the last [`Output::Wait`] has passed.
    Timeout,
}

/// What the driver has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes on the link: one frame.
    Send(Vec<u8>),
    /// The agent sent this message.
    Message(FromAgent),
    /// The session has ended. Joins whose data flows continue without it. This is the last output
    /// apart from [`Output::Wait`].
    Ended(Failure),
    /// Wait for the next input, or until this moment, and then pass [`Input::Timeout`].
    Wait(Option<Moment>),
}

/// Why a relay session ended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The link was closed or broke.
    #[error("the connection to the relay has ended")]
    Closed,
    /// The agent sent nothing for this long.
    #[error("the relay sent nothing for {} s", .0.as_secs())]
    Silent(Duration),
    /// The agent ended the session with [`FromAgent::Bye`].
    #[error("{}", .code.with(.text))]
    Bye {
        /// Why the session ended.
        code: Code,
        /// What the agent adds to it, for people.
        text: Text,
        /// How long to wait before the next session; `None` if the agent does not want another one.
        retry_after: Option<Duration>,
    },
    /// The agent sent something that is not this protocol.
    #[error("the relay sent {0}")]
    Protocol(FrameError),
}

/// A wait of a [`Session`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Timer {
    /// A ping is due, so that the agent does not take this end for dead.
    Ping,
    /// Something from the agent is due.
    Silence,
}

/// The machine of one relay session.
#[derive(Debug)]
pub struct Session {
    reader: FrameReader,
    sent: Numbered,
    received: Numbered,
    timers: Timers<Timer>,
    ping: Duration,
    dead: Duration,
    last_id: u32,
    pings: u64,
    over: bool,
    out: VecDeque<Output>,
}

impl Session {
    /// Creates a session that the agent welcomed at `now`. `name` and `build` identify this program in
    /// the agent's log.
    pub fn new(now: Moment, welcome: &Welcome, name: &str, build: &str) -> Self {
        let mut session = Self {
            reader: FrameReader::new(),
            sent: Numbered::default(),
            received: Numbered::default(),
            timers: Timers::new(),
            ping: Duration::from_millis(u64::from(welcome.ping_ms).max(SHORTEST_PING_MS)),
            dead: Duration::from_millis(u64::from(welcome.dead_ms).max(2 * SHORTEST_PING_MS)),
            last_id: 0,
            pings: 0,
            over: false,
            out: VecDeque::new(),
        };
        session.timers.arm(Timer::Silence, now + session.dead);
        session.send(now, ToAgent::Introduce { name: Text::of(name), build: Text::of(build) });
        session
    }

    /// Tells the session what happened. Drain [`Session::poll`] afterwards.
    pub fn input(&mut self, now: Moment, input: Input<'_>) {
        match input {
            Input::Bytes(bytes) => self.bytes(now, bytes),
            Input::Closed => self.end(Failure::Closed),
            Input::Timeout => self.timeout(now),
        }
    }

    /// Asks for a grant of `uses` tunnels or joins, each of at most `max_bytes` in both directions
    /// together, within `life`. The returned id may be used at once.
    pub fn grant(&mut self, now: Moment, purpose: Purpose, max_bytes: u64, life: Duration, uses: u8) -> Id {
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

    /// Sends any other message. After the end of the session nothing is sent.
    pub fn send(&mut self, now: Moment, message: ToAgent) {
        if self.over {
            return;
        }
        self.timers.arm(Timer::Ping, now + self.ping);
        if let Some(frame) = self.sent.encode(message) {
            self.out.push_back(Output::Send(frame));
        }
    }

    /// Returns the next output. Call this until it returns [`Output::Wait`].
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| Output::Wait(self.timers.next()))
    }

    fn bytes(&mut self, now: Moment, bytes: &[u8]) {
        self.reader.push(bytes);
        while !self.over {
            let frame = self.reader.message::<Frame<FromAgent>>();
            match frame.and_then(|frame| frame.map(|frame| self.received.check(frame)).transpose()) {
                Ok(None) => return,
                Ok(Some(FromAgent::Bye { code, text, retry_after_ms })) => {
                    let retry_after =
                        (retry_after_ms > 0).then(|| Duration::from_millis(retry_after_ms.into()));
                    self.end(Failure::Bye { code, text, retry_after });
                }
                Ok(Some(message)) => {
                    self.timers.arm(Timer::Silence, now + self.dead);
                    self.out.push_back(Output::Message(message));
                }
                Err(error) => self.end(Failure::Protocol(error)),
            }
        }
    }

    fn timeout(&mut self, now: Moment) {
        while let Some(timer) = self.timers.fire(now) {
            match timer {
                Timer::Ping => {
                    self.pings += 1;
                    self.send(now, ToAgent::Ping { t: self.pings });
                }
                Timer::Silence => self.end(Failure::Silent(self.dead)),
            }
        }
    }

    fn next_id(&mut self) -> Id {
        self.last_id += 1;
        Id(self.last_id)
    }

    fn end(&mut self, failure: Failure) {
        if !self.over {
            self.over = true;
            self.timers.clear();
            self.out.push_back(Output::Ended(failure));
        }
    }
}

/// The shortest time between two pings, in milliseconds, whatever the agent asks for.
const SHORTEST_PING_MS: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn welcomed() -> (Session, Numbered) {
        let welcome = Welcome {
            version: 1,
            build: Text::default(),
            seen_as: "192.0.2.7:40000".parse().unwrap(),
            ping_ms: 15_000,
            dead_ms: 45_000,
            mac: [0; 32],
        };
        let mut session = Session::new(Moment::START, &welcome, "test", "test 1");
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
