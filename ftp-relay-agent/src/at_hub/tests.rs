//! An answer of the hub comes after its owner has gone: what it brings is closed, and nothing is held.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};

use ftp_io::clock::Clock;
use ftp_io::link::{Acceptor, Link, attach};
use ftp_io::socket::Stream;
use ftp_proto::relay::frame::{Frame, FrameReader, encode};
use ftp_proto::relay::hub::{FromHub, ToHub};
use ftp_proto::relay::link::{First, Welcome, accept_data, ticket_id};
use ftp_proto::relay::message::{Code, Id, Text};
use ftp_proto::relay::token::Secret32;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::keep::Incoming;
use super::session::{Ends, Session};
use super::{Caller, HubAddress, Spots};
use crate::operate::audit::Audit;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TICKET: Secret32 = Secret32::new([9; 32]);

/// A hub that the test plays, with the session of one agent.
struct Hub {
    listener: TcpListener,
    acceptor: Acceptor,
    link: Link,
    reader: FrameReader,
    said: u32,
}

impl Hub {
    /// A hub, and the agent's end of the link.
    async fn start() -> (Self, Link) {
        let listener = TcpListener::bind((HERE, 0)).await.unwrap();
        let (acceptor, secret) = (Acceptor::new().unwrap(), Secret32::new([7; 32]));
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let serve = async { taken(&acceptor, listener.accept().await.unwrap().0, &secret).await };
        let (there, link) = tokio::join!(attach(stream, &secret), serve);
        let acceptor = Acceptor::hub().unwrap();
        (Self { listener, acceptor, link, reader: FrameReader::new(), said: 0 }, there.unwrap())
    }

    async fn say(&mut self, body: FromHub) {
        self.said += 1;
        self.link.send(&encode(&Frame { seq: self.said, body }).unwrap()).await.unwrap();
    }

    /// The id of the next call.
    async fn called(&mut self) -> Id {
        let mut room = [0; 512];
        loop {
            while let Some(Frame { body, .. }) = self.reader.message::<Frame<ToHub>>().unwrap() {
                if let ToHub::Call { id, .. } = body {
                    return id;
                }
            }
            let count = self.link.receive(&mut room).await.unwrap();
            self.reader.push(&room[..count]);
        }
    }

    /// The next connection of the agent.
    async fn connection(&self) -> Stream {
        self.listener.accept().await.unwrap().0.into()
    }

    /// The next connection, on which both ends have proven [`TICKET`].
    async fn attached(&self) -> Stream {
        let link = taken(&self.acceptor, self.connection().await, &TICKET).await;
        link.into_clear().await.unwrap()
    }
}

/// The end of the one that was called, which knows the secret.
async fn taken(acceptor: &Acceptor, stream: impl Into<Stream>, secret: &Secret32) -> Link {
    let Ok((mut link, First::Data(hello))) = acceptor.accept(stream).await else { panic!("no hello") };
    assert_eq!(hello.id, ticket_id(secret));
    let accepted = accept_data(secret, &hello, link.exporter()).unwrap();
    link.send(&accepted.data()).await.unwrap();
    link
}

/// The agent: what all its sessions share.
struct Agent {
    ends: Ends,
    caller: Caller,
    incoming: mpsc::Receiver<Incoming>,
}

impl Agent {
    fn new() -> Self {
        let (sees, seen_as) = watch::channel(None);
        let (caller, requests) = Caller::new(seen_as);
        let (sender, incoming) = mpsc::channel(1);
        let ends = Ends {
            clock: Clock::start(),
            name: "edge".to_owned(),
            boot: 1,
            requests,
            incoming: sender,
            joined: watch::channel(false).0,
            seen_as: sees,
            connecting: JoinSet::new(),
            spots: Spots::new(),
            audit: std::sync::Arc::new(Audit::default()),
        };
        Self { ends, caller, incoming }
    }

    /// Runs a session while `script` runs, and asserts that nothing is held afterwards.
    async fn holds_nothing_after(&mut self, link: Link, script: impl Future<Output = ()>) {
        let welcome = Welcome {
            version: 1,
            build: Text::of("test"),
            seen_as: (HERE, 1).into(),
            ping_ms: 60_000,
            dead_ms: 120_000,
            mac: [0; 32],
        };
        let mut session = Session::new(&mut self.ends, link, &welcome).unwrap();
        tokio::select! {
            failure = session.run() => panic!("{failure}"),
            () = script => {}
        }
        assert_eq!(session.waiting(), 0, "calls");
        drop(session);
        // The hub is at a loopback address, too.
        assert_eq!(self.caller.seen_as(), Some(HERE));
        while self.ends.connecting.join_next().await.is_some() {}
        assert_eq!(self.ends.spots.waiting(), 0, "ports");
    }
}

async fn is_closed(mut stream: Stream) {
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_ready_for_a_call_that_was_given_up_makes_no_connection() {
    let (mut hub, link) = Hub::start().await;
    let mut agent = Agent::new();
    let caller = agent.caller.clone();
    let script = async {
        let id = tokio::select! {
            id = hub.called() => id,
            _ = caller.call("far") => panic!("it was answered"),
        };
        hub.say(FromHub::Ready { id, ticket: Secret32::new([1; 32]) }).await;
        // The first connection is the one of the next message.
        hub.say(FromHub::Called { ticket: TICKET }).await;
        drop(hub.attached().await);
    };
    agent.incoming.close();
    agent.holds_nothing_after(link, script).await;
}

#[tokio::test]
async fn a_connection_whose_caller_gives_up_meanwhile_is_closed() {
    let (mut hub, link) = Hub::start().await;
    let mut agent = Agent::new();
    let caller = agent.caller.clone();
    let script = async {
        let hub = &mut hub;
        let answered = async {
            let id = hub.called().await;
            hub.say(FromHub::Ready { id, ticket: TICKET }).await;
            hub.connection().await
        };
        let stream = tokio::select! {
            stream = answered => stream,
            _ = caller.call("far") => panic!("it has no link"),
        };
        let link = taken(&hub.acceptor, stream, &TICKET).await;
        is_closed(link.into_clear().await.unwrap()).await;
    };
    agent.holds_nothing_after(link, script).await;
}

#[tokio::test]
async fn a_connection_that_comes_while_the_agent_stops_is_closed() {
    let (mut hub, link) = Hub::start().await;
    let mut agent = Agent::new();
    agent.incoming.close();
    let script = async {
        hub.say(FromHub::Called { ticket: TICKET }).await;
        is_closed(hub.attached().await).await;
    };
    agent.holds_nothing_after(link, script).await;
}

#[tokio::test]
async fn calls_that_a_hub_never_answers_are_forgotten() {
    let (mut hub, link) = Hub::start().await;
    let mut agent = Agent::new();
    let caller = agent.caller.clone();
    let script = async {
        for _ in 0..3 {
            tokio::select! {
                _ = hub.called() => {}
                _ = caller.call("far") => panic!("it was answered"),
            }
        }
        // The next call is refused: with it those before it are forgotten.
        let refused = async {
            let id = hub.called().await;
            hub.say(FromHub::Refused { id, code: Code::Unreachable, text: Text::of("no") }).await;
            std::future::pending::<()>().await
        };
        tokio::select! {
            () = refused => {}
            called = caller.call("far") => assert!(called.is_err()),
        }
    };
    agent.holds_nothing_after(link, script).await;
}

#[test]
fn a_hub_has_a_host_and_a_port() {
    for right in ["hub.example.net:443", "192.0.2.1:2190", "[2001:db8::1]:2190", "hub:1"] {
        assert_eq!(right.parse::<HubAddress>().map(|at| at.to_string()), Ok(right.to_owned()));
    }
    for wrong in
        ["", "hub", "hub:", "hub:0", ":1", "hub:+1", "2001:db8::1:1", "[hub]:1", "a b:1", "hub:65536"]
    {
        assert!(wrong.parse::<HubAddress>().is_err(), "{wrong}");
    }
}
