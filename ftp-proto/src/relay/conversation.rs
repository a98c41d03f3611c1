//! What the machines of both kinds of relay session have in common, at the end that begins them: numbered frames,
//! pings, and the end.

use super::frame::{Frame, FrameError, FrameReader, Numbered};
use super::link::Welcome;
use super::message::{Code, Id, Text};
use crate::timer::{Moment, Timers};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::time::Duration;

/// A message that this end sends.
pub trait Sent: Serialize {
    /// Asks whether the other end is alive.
    fn ping(t: u64) -> Self;
}

/// A message that comes from the other end.
pub trait Received: DeserializeOwned {
    /// Whether this message answers a ping, for which no caller waits.
    fn is_pong(&self) -> bool;

    /// Why the session ends, if this message ends it.
    ///
    /// # Errors
    ///
    /// The message, if it does not end the session.
    fn goodbye(self) -> Result<Goodbye, Self>;
}

/// Why a session ends that the other end ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Goodbye {
    pub(super) code: Code,
    pub(super) text: Text,
    /// When another session is wanted, in milliseconds; 0 for never.
    pub(super) retry_after_ms: u32,
}

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
pub enum Output<R> {
    /// Send these bytes on the link: one frame.
    Send(Vec<u8>),
    /// The other end sent this message.
    Message(R),
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
    /// The other end sent nothing for this long.
    #[error("the relay sent nothing for {} s", .0.as_secs())]
    Silent(Duration),
    /// The other end ended the session with `Bye`.
    #[error("{}", .code.with(.text))]
    Bye {
        /// Why the session ended.
        code: Code,
        /// What the other end adds to it, for people.
        text: Text,
        /// How long to wait before the next session; `None` if the other end does not want another one.
        retry_after: Option<Duration>,
    },
    /// The other end sent something that is not this protocol.
    #[error("the relay sent {0}")]
    Protocol(FrameError),
}

/// A wait of a [`Conversation`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Timer {
    /// A ping is due, so that the other end does not take this end for dead.
    Ping,
    /// Something from the other end is due.
    Silence,
}

/// A session with an agent or a hub: `S` is what this end sends, `R` what it receives.
#[derive(Debug)]
pub struct Conversation<S, R> {
    reader: FrameReader,
    sent: Numbered,
    received: Numbered,
    timers: Timers<Timer>,
    ping: Duration,
    dead: Duration,
    last_id: u32,
    pings: u64,
    over: bool,
    out: VecDeque<Output<R>>,
    sends: PhantomData<fn(S)>,
}

impl<S: Sent, R: Received> Conversation<S, R> {
    /// Creates a session that the other end welcomed at `now`.
    pub(super) fn welcomed(now: Moment, welcome: &Welcome) -> Self {
        let mut conversation = Self {
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
            sends: PhantomData,
        };
        conversation.timers.arm(Timer::Silence, now + conversation.dead);
        conversation
    }

    /// Tells the session what happened. Drain [`Self::poll`] afterwards.
    pub fn input(&mut self, now: Moment, input: Input<'_>) {
        match input {
            Input::Bytes(bytes) => self.bytes(now, bytes),
            Input::Closed => self.end(Failure::Closed),
            Input::Timeout => self.timeout(now),
        }
    }

    /// Sends any other message. After the end of the session nothing is sent.
    pub fn send(&mut self, now: Moment, message: S) {
        if self.over {
            return;
        }
        self.timers.arm(Timer::Ping, now + self.ping);
        if let Some(frame) = self.sent.encode(message) {
            self.out.push_back(Output::Send(frame));
        }
    }

    /// Returns the next output. Call this until it returns [`Output::Wait`].
    pub fn poll(&mut self) -> Output<R> {
        self.out.pop_front().unwrap_or_else(|| Output::Wait(self.timers.next()))
    }

    fn bytes(&mut self, now: Moment, bytes: &[u8]) {
        self.reader.push(bytes);
        while !self.over {
            let frame = self.reader.message::<Frame<R>>();
            match frame.and_then(|frame| frame.map(|frame| self.received.check(frame)).transpose()) {
                Ok(None) => return,
                Ok(Some(message)) => match message.goodbye() {
                    Ok(Goodbye { code, text, retry_after_ms }) => {
                        let retry_after =
                            (retry_after_ms > 0).then(|| Duration::from_millis(retry_after_ms.into()));
                        self.end(Failure::Bye { code, text, retry_after });
                    }
                    Err(message) => {
                        self.timers.arm(Timer::Silence, now + self.dead);
                        self.out.push_back(Output::Message(message));
                    }
                },
                Err(error) => self.end(Failure::Protocol(error)),
            }
        }
    }

    fn timeout(&mut self, now: Moment) {
        while let Some(timer) = self.timers.fire(now) {
            match timer {
                Timer::Ping => {
                    self.pings += 1;
                    self.send(now, S::ping(self.pings));
                }
                Timer::Silence => self.end(Failure::Silent(self.dead)),
            }
        }
    }

    /// Returns an id that this session has not used yet.
    pub(super) fn next_id(&mut self) -> Id {
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
