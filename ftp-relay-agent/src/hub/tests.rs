//! One end of a call comes after the other one has gone: it is closed, and nothing is held.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ftp_io::link::{self, Link, LinkFailure, hub_session};
use ftp_io::socket::Stream;
use ftp_proto::relay::frame::{Frame, FrameReader, encode};
use ftp_proto::relay::hub::{CallId, End, FromHub, Role, ToHub};
use ftp_proto::relay::message::{Id, Text};
use ftp_proto::relay::token::{Secret32, Token};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::{CallEnd, MAX_BYTES, outlet};
use crate::config::ListenAt;
use crate::listen::{Server, Settings};
use crate::operate::audit::Audit;
use crate::policy::Policy;

fn start() -> (Server, SocketAddr) {
    let hub = Server::hub(Settings {
        addresses: Vec::new(),
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        tokens: vec![token()],
        policy: Policy::default(),
        metrics: None,
        metrics_from: Vec::new(),
        audit: Arc::new(Audit::default()),
        congestion: None,
    });
    let hub = hub.unwrap();
    let Some((ListenAt::Address(at), _)) = hub.places().next() else { panic!("no listener") };
    (hub, at)
}

/// A token without a group: its holders join, and call each other.
fn token() -> Token {
    Token::new("office", None, [3; 32]).unwrap()
}

/// A session of the test with the hub.
struct Session {
    link: Link,
    reader: FrameReader,
    said: u32,
    at: SocketAddr,
}

impl Session {
    async fn begin(at: SocketAddr, role: Role) -> Self {
        let stream = TcpStream::connect(at).await.unwrap();
        let (link, _) = hub_session(stream, &token()).await.unwrap();
        let mut session = Self { link, reader: FrameReader::new(), said: 0, at };
        session.say(ToHub::Introduce { role, build: Text::of("test") }).await;
        session
    }

    async fn agent(at: SocketAddr) -> Self {
        let mut agent = Self::begin(at, Role::Agent { name: Text::of("edge"), boot: 1 }).await;
        agent.hears(|heard| matches!(heard, FromHub::Joined { .. }).then_some(())).await;
        agent
    }

    async fn user(at: SocketAddr) -> Self {
        Self::begin(at, Role::User { name: Text::of("test") }).await
    }

    async fn say(&mut self, body: ToHub) {
        self.said += 1;
        self.link.send(&encode(&Frame { seq: self.said, body }).unwrap()).await.unwrap();
    }

    /// Waits for a message that is looked for.
    async fn hears<T>(&mut self, find: impl Fn(FromHub) -> Option<T>) -> T {
        let mut room = [0; 512];
        loop {
            while let Some(Frame { body, .. }) = self.reader.message().unwrap() {
                if let Some(found) = find(body) {
                    return found;
                }
            }
            let count = self.link.receive(&mut room).await.unwrap();
            assert_ne!(count, 0, "the session has ended");
            self.reader.push(&room[..count]);
        }
    }

    /// Comes with a ticket.
    async fn comes(&self, ticket: &Secret32) -> Result<Stream, LinkFailure> {
        link::call(TcpStream::connect(self.at).await.unwrap(), ticket).await
    }

    /// Leaves without a word.
    fn leave(self) {
        drop(self);
    }
}

/// A call from `user` to `agent`, and the tickets of both.
async fn call(user: &mut Session, agent: &mut Session) -> [Secret32; 2] {
    user.say(ToHub::Call { id: Id(1), agent: Text::of("edge") }).await;
    let users = user.hears(|heard| {
        assert!(!matches!(heard, FromHub::Refused { .. }), "{heard:?}");
        if let FromHub::Ready { ticket, .. } = heard { Some(ticket) } else { None }
    });
    let users = users.await;
    let called = |heard| if let FromHub::Called { ticket } = heard { Some(ticket) } else { None };
    [users, agent.hears(called).await]
}

async fn is_closed(mut stream: Stream) {
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
}

/// Waits until the hub holds this many sessions, and no call.
async fn holds_sessions_alone(hub: &Server, sessions: usize) {
    holds(hub, [sessions, 0, 0, 0]).await;
}

/// Waits until the hub holds this many sessions, tickets, calls and places of calls.
async fn holds(hub: &Server, expected: [usize; 4]) {
    let held = || hub.exchange().held();
    let end = Instant::now() + Duration::from_secs(60);
    while held() != expected {
        assert!(Instant::now() < end, "{:?}, and not {expected:?}", held());
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_end_whose_other_end_leaves_before_it_comes_is_closed() {
    let (hub, at) = start();
    let (mut agent, mut user) = (Session::agent(at).await, Session::user(at).await);
    let [ticket, _] = call(&mut user, &mut agent).await;
    let users = user.comes(&ticket).await.unwrap();
    agent.leave();
    is_closed(users).await;
    holds_sessions_alone(&hub, 1).await;
}

#[tokio::test]
async fn a_ticket_of_a_caller_that_has_left_opens_nothing() {
    let (hub, at) = start();
    let (mut agent, mut user) = (Session::agent(at).await, Session::user(at).await);
    let [_, ticket] = call(&mut user, &mut agent).await;
    user.leave();
    holds_sessions_alone(&hub, 1).await;
    assert!(agent.comes(&ticket).await.is_err());
}

#[tokio::test]
async fn an_end_whose_call_is_given_up_between_its_proof_and_its_stream_is_reset() {
    let (hub, _) = start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut there = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, from) = listener.accept().await.unwrap();
    hub.exchange().attach(CallEnd { call: CallId(7), end: End::Agent }, stream.into(), from);
    assert_eq!(there.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    holds_sessions_alone(&hub, 0).await;
}

#[tokio::test]
async fn a_call_that_flows_ends_with_its_ends_and_gives_its_place_back() {
    let (hub, at) = start();
    let (mut agent, mut user) = (Session::agent(at).await, Session::user(at).await);
    let [users, agents] = call(&mut user, &mut agent).await;
    let users = user.comes(&users).await.unwrap();
    let agents = agent.comes(&agents).await.unwrap();
    user.leave();
    agent.leave();
    // The stream goes on without the sessions.
    holds(&hub, [0, 0, 1, 1]).await;
    drop(users);
    is_closed(agents).await;
    holds_sessions_alone(&hub, 0).await;
}

#[tokio::test]
async fn a_session_that_takes_nothing_is_cut_off_at_a_bound() {
    let (outlet, mut frames) = outlet();
    let taken = (0..100).take_while(|_| outlet.send(vec![0; 16_000])).count();
    assert_eq!(taken, MAX_BYTES / 16_000);
    drop(outlet);
    let mut left = 0;
    while frames.next().await.is_some() {
        left += 1;
    }
    assert_eq!(left, taken, "what was taken is still sent");
}

#[tokio::test]
async fn one_that_takes_its_frames_gets_any_number_of_them() {
    let (outlet, mut frames) = outlet();
    for _ in 0..100 {
        assert!(outlet.send(vec![0; 100_000]));
        frames.next().await.unwrap();
    }
}
