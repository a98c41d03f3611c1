//! What `check` asks a relay or a hub that has proven itself.

use std::io;

use ftp_io::clock::Clock;
use ftp_io::link::{Link, LinkFailure};
use ftp_proto::listing::When;
use ftp_proto::relay::at_hub;
use ftp_proto::relay::conversation::{Conversation, Failure, Input, Output, Received, Sent};
use ftp_proto::relay::date;
use ftp_proto::relay::hub::{FromHub, Role, ToHub};
use ftp_proto::relay::link::Welcome;
use ftp_proto::relay::message::{Code, FromAgent, Text, ToAgent};
use ftp_proto::relay::user;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The connection failed.
    #[error(transparent)]
    Link(#[from] LinkFailure),
    /// The token may do nothing there.
    #[error("{0}")]
    Denied(String),
    /// The session has ended otherwise.
    #[error("{0}")]
    Ended(Failure),
}

/// What a hub has told: the agents of this token, and the date there, if it tells that.
pub(super) async fn hub(
    link: &mut Link,
    welcome: &Welcome,
) -> Result<(Vec<String>, Option<When>), Unanswered> {
    let clock = Clock::start();
    let role = Role::User { name: Text::of(NAME) };
    let mut session = at_hub::Session::new(clock.now(), welcome, role, BUILD);
    let (name, body) = date::question();
    session.send(clock.now(), ToHub::Ext { name, body });
    session.send(clock.now(), ToHub::Agents);
    let mut told = None;
    // The answers come in the order of the questions.
    let heard = |message: FromHub| {
        if let FromHub::Ext { name, body } = &message {
            told = told.or(date::read(name, body));
        }
        let FromHub::Agents(names) = message else { return None };
        Some((names.into_iter().map(String::from).collect(), told))
    };
    answer(link, clock, session, heard).await
}

/// The date at a relay, if it tells that.
pub(super) async fn relay(link: &mut Link, welcome: &Welcome) -> Result<Option<When>, Unanswered> {
    let clock = Clock::start();
    let mut session = user::Session::new(clock.now(), welcome, NAME, BUILD);
    let (name, body) = date::question();
    session.send(clock.now(), ToAgent::Ext { name, body });
    let heard = |message: FromAgent| {
        if let FromAgent::Ext { name, body } = &message {
            return Some(date::read(name, body));
        }
        matches!(message, FromAgent::Refused { .. }).then_some(None)
    };
    answer(link, clock, session, heard).await
}

/// Goes on with a session until a message is the answer.
async fn answer<S: Sent, R: Received, T>(
    link: &mut Link,
    clock: Clock,
    mut session: Conversation<S, R>,
    mut heard: impl FnMut(R) -> Option<T>,
) -> Result<T, Unanswered> {
    let mut line = Line { link, unsent: None };
    loop {
        match session.poll() {
            Output::Message(message) => {
                if let Some(answer) = heard(message) {
                    return Ok(answer);
                }
            }
            Output::Send(frame) => line.send(&frame).await,
            Output::Ended(failure) => return Err(failure.into()),
            Output::Wait(_) => {
                let mut room = [0; ROOM];
                let count = line.receive(&mut room).await?;
                let bytes = room.get(..count).unwrap_or_default();
                let input = if bytes.is_empty() { Input::Closed } else { Input::Bytes(bytes) };
                session.input(clock.now(), input);
            }
        }
    }
}

/// The link while a question is asked. Where the other end has closed it, a question cannot be sent; what the other end has said
/// before is heard first, as it tells why.
struct Line<'a> {
    link: &'a mut Link,
    /// Why something was not sent.
    unsent: Option<io::Error>,
}

impl Line<'_> {
    async fn send(&mut self, frame: &[u8]) {
        if self.unsent.is_none() {
            self.unsent = self.link.send(frame).await.err();
        }
    }

    async fn receive(&mut self, room: &mut [u8]) -> Result<usize, LinkFailure> {
        let received = self.link.receive(room).await;
        if !matches!(received, Ok(1..))
            && let Some(unsent) = self.unsent.take()
        {
            return Err(unsent.into());
        }
        received.map_err(LinkFailure::from)
    }
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        if let Failure::Bye { code: Code::Denied, text, .. } = &failure {
            return Self::Denied(Code::Denied.with(text));
        }
        Self::Ended(failure)
    }
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Self {
        Self::Link(error.into())
    }
}

const NAME: &str = "check";
const BUILD: &str = concat!("ftp-relay-agent ", env!("CARGO_PKG_VERSION"));
/// Bytes that are read at once.
const ROOM: usize = 4096;
