//! Relay sessions with a scripted relay, over real links.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test answers one message and skips the others")]

use super::agents::FoundRelay;
use super::*;
use crate::context::Cancel;
use crate::failure::{Failure, Kind};
use crate::place::tests::remote;
use crate::session::{DataFailure, RelayPortState, Role, SessionOpening};
use ftp_io::connection::Connection;
use ftp_io::link::{Acceptor, Link};
use ftp_proto::client::{Event, Security};
use ftp_proto::command::Command;
use ftp_proto::listing::When;
use ftp_proto::relay::frame::{Frame, FrameReader, encode};
use ftp_proto::relay::link::{First, Keyring, Welcome, accept_data};
use ftp_proto::relay::message::{Code, End, LegId, LegState};
use ftp_proto::relay::token::Token;
use ftp_proto::transfer::Side;
use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A session with a relay agent.
async fn opened(relay: &Relay) -> Result<Session> {
    match agents::begin(&Context::for_tests(Cancel::never()), relay).await? {
        FoundRelay::Agent(session) => Ok(*session),
        FoundRelay::Hub(hub) => panic!("{} is a hub", hub.display_name()),
    }
}

/// Why there is no session with a relay in whose place somebody else answers, and what that one has found.
async fn answered_by<T>(relay: &mut Relay, answer: impl AsyncFnOnce(TcpStream) -> T) -> (Failure, T) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    relay.address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let answer = async { answer(listener.accept().await.unwrap().0).await };
    let (opened, found) = tokio::join!(opened(relay), answer);
    (opened.unwrap_err(), found)
}

/// What a relay of these tests does.
struct Script {
    /// The byte of its token; the user agent's token has the byte 7.
    token: u8,
    /// Its answers to a message.
    answer: Box<dyn FnMut(ToAgent) -> Vec<FromAgent> + Send>,
}

impl Script {
    fn new(answer: impl FnMut(ToAgent) -> Vec<FromAgent> + Send + 'static) -> Self {
        Self { token: 7, answer: Box::new(answer) }
    }
}

/// A relay that runs, and what it has received: messages, and the bytes of tunnels.
struct Agent {
    relay: Relay,
    messages: mpsc::UnboundedReceiver<ToAgent>,
    bytes: mpsc::UnboundedReceiver<Option<u8>>,
    _directory: TempDir,
}

impl Agent {
    async fn start(mut script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (tell, messages) = mpsc::unbounded_channel();
        let (pass, bytes) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let acceptor = Acceptor::new().unwrap();
            let keyring = Keyring::new([token(script.token)]);
            let (stream, _) = listener.accept().await.unwrap();
            let Ok((mut link, First::Session(hello))) = acceptor.accept(stream).await else { return };
            match keyring.accept(&hello, link.exporter(), When(0)) {
                Ok(accepted) => link.send(&accepted.welcome(welcome())).await.unwrap(),
                Err(denial) => {
                    link.send(&denial.answer()).await.unwrap();
                    return link.close().await;
                }
            }
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let accepted = acceptor.accept(stream).await.unwrap();
                    tokio::spawn(server(accepted, pass.clone()));
                }
            });
            let (mut reader, mut room, mut seq) = (FrameReader::new(), [0; 512], 0);
            while let Ok(count @ 1..) = link.receive(&mut room).await {
                reader.push(&room[..count]);
                while let Some(frame) = reader.message::<Frame<ToAgent>>().unwrap() {
                    tell.send(frame.body.clone()).ok();
                    for body in (script.answer)(frame.body) {
                        seq += 1;
                        link.send(&encode(&Frame { seq, body }).unwrap()).await.unwrap();
                    }
                }
            }
        });
        let directory = tempfile::tempdir().unwrap();
        let token_file = directory.path().join("token");
        write(&token_file, token(7).line().as_str()).unwrap();
        set_permissions(&token_file, Permissions::from_mode(0o600)).unwrap();
        let address = at.to_string().parse().unwrap();
        let relay = Relay { name: "edge".to_owned(), address, token_file, near: Vec::new() };
        Self { relay, messages, bytes, _directory: directory }
    }

    async fn session(&self) -> Session {
        opened(&self.relay).await.unwrap()
    }

    /// The next message, except those that every session sends.
    async fn receives(&mut self) -> ToAgent {
        loop {
            let message = self.messages.recv().await.unwrap();
            if !matches!(message, ToAgent::Introduce { .. } | ToAgent::Ping { .. }) {
                return message;
            }
        }
    }
}

/// An FTP server behind a tunnel: greets in small pieces, then replies 200 to every line. It passes on what it
/// reads, at last `None` if the tunnel was closed in order.
async fn server((mut link, first): (Link, First), pass: mpsc::UnboundedSender<Option<u8>>) {
    let First::Data(hello) = first else { panic!("a second session") };
    let accepted = accept_data(&ticket(), &hello, link.exporter()).unwrap();
    // The greeting comes with the proof.
    link.send(&[accepted.data().as_slice(), b"220 "].concat()).await.unwrap();
    let (mut read, mut write) = split(Connection::from(link));
    for byte in b"ready\r\n" {
        write.write_u8(*byte).await.unwrap();
        write.flush().await.unwrap();
    }
    let mut room = [0];
    while let Ok(count) = read.read(&mut room).await {
        pass.send(room[..count].first().copied()).ok();
        match (count, room) {
            (0, _) => return,
            (_, [b'\n']) => {
                write.write_all(b"200 as you say\r\n").await.unwrap();
                write.flush().await.unwrap();
            }
            _ => {}
        }
    }
}

fn token(byte: u8) -> Token {
    Token::new("ann", None, [byte; 32]).unwrap()
}

fn ticket() -> Secret32 {
    Secret32::new([9; 32])
}

pub(super) fn welcome() -> Welcome {
    let seen_as = "127.0.0.1:1".parse().unwrap();
    Welcome { version: 1, build: Text::of("test"), seen_as, ping_ms: 20_000, dead_ms: 45_000, mac: [0; 32] }
}

fn site() -> Site {
    Site { security: Security::Clear, ..remote("ftp://ann:pw@src.example.net:2121/").site }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn listen(ip: &str) -> Leg {
    Leg::Listen(Pin { ip: ip.parse().unwrap(), port: None })
}

/// Every tunnel is ready at once.
fn tunnels(message: ToAgent) -> Vec<FromAgent> {
    match message {
        ToAgent::Tunnel { id, .. } => {
            let (local, peer) = (at("192.0.2.9:40000"), at("192.0.2.1:2121"));
            vec![FromAgent::TunnelReady { id, local, peer, ticket: ticket() }]
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn r58_a_control_connection_through_a_relay_is_one_like_any_other() {
    let mut agent = Agent::start(Script::new(tunnels)).await;
    let context = Context::for_tests(Cancel::never());
    let mut session = agent.session().await;
    let tunnel = session.tunnel(&context, &site()).await.unwrap();
    assert_eq!((tunnel.local, tunnel.peer), (at("192.0.2.9:40000"), at("192.0.2.1:2121")));
    let mut session =
        SessionOpening::new(&context, &site(), Role::Source).open_tunnelled(tunnel).await.unwrap();
    assert_eq!(session.title, "src.example.net:2121 through relay edge");
    assert_eq!(
        (session.addresses.local, session.addresses.peer),
        (at("192.0.2.9:0").ip(), at("192.0.2.1:0").ip())
    );
    assert!(session.ask(Command::Noop).await.unwrap().is_done());
    // A tunnel has no urgent data: Telnet's Synch goes in line.
    session.send(Command::Noop, None);
    session.abort();
    while !matches!(session.next().await, Event::AbortDone) {}
    let mut heard = Vec::new();
    while !heard.ends_with(b"ABOR\r\n") {
        heard.extend(agent.bytes.recv().await.unwrap());
    }
    assert!(heard.ends_with(b"NOOP\r\n\xFF\xF4\xFF\xF2ABOR\r\n"), "{}", heard.escape_ascii());
    assert!(heard.starts_with(b"USER ann\r\n"), "{}", heard.escape_ascii());
    let target = Target { host: Text::of("src.example.net"), port: 2121 };
    let ToAgent::Grant { purpose, .. } = agent.receives().await else { panic!("no grant") };
    assert_eq!(purpose, GrantPurpose::Tunnel(target));
}

#[tokio::test]
async fn a_session_through_a_relay_ends_in_order() {
    let mut agent = Agent::start(Script::new(tunnels)).await;
    let context = Context::for_tests(Cancel::never());
    let tunnel = agent.session().await.tunnel(&context, &site()).await.unwrap();
    let session = SessionOpening::new(&context, &site(), Role::Source).open_tunnelled(tunnel).await.unwrap();
    session.quit().await;
    while agent.bytes.recv().await.expect("the tunnel broke").is_some() {}
}

#[tokio::test]
async fn no_byte_of_a_tunnel_is_lost_when_a_wait_is_dropped() {
    let agent = Agent::start(Script::new(tunnels)).await;
    let context = Context::for_tests(Cancel::never());
    let tunnel = agent.session().await.tunnel(&context, &site()).await.unwrap();
    let mut session =
        SessionOpening::new(&context, &site(), Role::Source).open_tunnelled(tunnel).await.unwrap();
    let asked: Vec<_> = (0..50).map(|_| session.send(Command::Noop, None)).collect();
    let mut answered = Vec::new();
    while answered.len() < asked.len() {
        let event = tokio::select! {
            biased;
            event = session.next() => event,
            // The driver of a session drops this wait as soon as anything else happens.
            () = tokio::task::yield_now() => continue,
        };
        match event {
            Event::Reply { to, .. } => answered.push(to),
            Event::Ended(failure) => panic!("{failure:?}"),
            _ => {}
        }
    }
    assert_eq!(answered, asked);
}

#[tokio::test]
async fn another_token_is_reported_as_wrong_and_not_shown() {
    let agent = Agent::start(Script { token: 8, ..Script::new(|_| Vec::new()) }).await;
    let failure = opened(&agent.relay).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Untrusted);
    let (said, secret) = (failure.to_string(), token(7).line());
    let (address, file) = (agent.relay.address.to_string(), agent.relay.token_file.display().to_string());
    for part in ["edge", &address, "does not accept the token ann", &file] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    assert!(!said.contains(&secret[12..24]), "{said}");
}

#[tokio::test]
async fn r31_a_relay_that_cannot_prove_its_token_is_not_trusted() {
    let mut agent = Agent::start(Script::new(|_| Vec::new())).await;
    // It accepts any token, and answers with a proof that it cannot have.
    let between = async |stream| {
        let (mut link, _) = Acceptor::new().unwrap().accept(stream).await.unwrap();
        let answer = ftp_proto::relay::link::LinkAnswer::Welcome(welcome());
        link.send(&encode(&answer).unwrap()).await.unwrap();
        let mut rest = Vec::new();
        Connection::from(link).read_to_end(&mut rest).await.ok();
        rest
    };
    let (failure, rest) = answered_by(&mut agent.relay, between).await;
    assert_eq!(failure.kind, Kind::Untrusted);
    assert!(failure.to_string().contains("did not prove"), "{failure}");
    assert_eq!(rest, b"", "nothing more was sent to it");
}

#[tokio::test]
async fn a_relay_that_cannot_be_reached_and_a_host_that_is_no_relay_are_reported() {
    let mut agent = Agent::start(Script::new(|_| Vec::new())).await;
    let ftp = async |mut stream: TcpStream| {
        stream.write_all(b"220 ready\r\n").await.unwrap();
        stream.read_u8().await.ok();
    };
    let (failure, ()) = answered_by(&mut agent.relay, ftp).await;
    assert_eq!(failure.kind, Kind::Other);
    assert!(failure.to_string().contains("check that a relay listens there"), "{failure}");
    let failure = opened(&agent.relay).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Temporary);
    assert!(failure.to_string().contains("the relay edge"), "{failure}");
    // So does a relay that has seen too many wrong tokens.
    let closing = async |mut stream: TcpStream| {
        // All of the hello, so that the close is no reset.
        let mut hello = vec![0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        hello.resize(usize::from(u16::from_be_bytes([hello[3], hello[4]])), 0);
        stream.read_exact(&mut hello).await.unwrap();
    };
    let (failure, ()) = answered_by(&mut agent.relay, closing).await;
    assert_eq!(failure.kind, Kind::Temporary);
    assert!(failure.to_string().contains("it closed the connection in the handshake"), "{failure}");
}

#[tokio::test]
async fn a_refused_tunnel_tells_by_whom_and_why() {
    let refusing = |message| match message {
        ToAgent::Tunnel { id, .. } => {
            let text = Text::of("no rule");
            vec![FromAgent::Refused { id, code: Code::Denied, leg: None, text }]
        }
        _ => Vec::new(),
    };
    let agent = Agent::start(Script::new(refusing)).await;
    let failure =
        agent.session().await.tunnel(&Context::for_tests(Cancel::never()), &site()).await.unwrap_err();
    assert_eq!(failure.kind, Kind::NoPath);
    let said = failure.to_string();
    for part in ["edge", "src.example.net:2121", "does not allow that target (no rule)", "--allow"] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
}

#[tokio::test]
async fn a_cancelled_job_does_not_wait_for_a_tunnel() {
    let (wish, cancel) = Cancel::new();
    let asked = move |message| {
        if matches!(message, ToAgent::Tunnel { .. }) {
            wish.send(true).unwrap();
        }
        Vec::new()
    };
    let mut agent = Agent::start(Script::new(asked)).await;
    let mut session = agent.session().await;
    let failure = session.tunnel(&Context::for_tests(cancel), &site()).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Interrupted);
    let ToAgent::Grant { .. } = agent.receives().await else { panic!("no grant") };
    let ToAgent::Tunnel { id, .. } = agent.receives().await else { panic!("no tunnel") };
    assert_eq!(agent.receives().await, ToAgent::Close { id }, "the relay must not keep the server waiting");
}

/// A relay whose joins are ready at once, and report their events after each Stat.
fn joins(message: ToAgent) -> Vec<FromAgent> {
    match message {
        ToAgent::Join { id, .. } => {
            let (a, b) = (LegState::Listening(at("192.0.2.9:5000")), LegState::Dialing(at("192.0.2.2:6000")));
            let stale = |join| FromAgent::Stat { join: Id(join), a_to_b: 99, b_to_a: 0 };
            let before = (0..id.0).map(stale);
            before.chain([FromAgent::JoinReady { id, a, b }]).collect()
        }
        ToAgent::Stat { join } => {
            let peer = at("192.0.2.3:7");
            vec![
                FromAgent::Stranger { join, leg: LegId::A, peer },
                FromAgent::Joined { id: join },
                FromAgent::Stat { join, a_to_b: 5, b_to_a: 0 },
                FromAgent::HalfEof { join, from: LegId::A, bytes: 8 },
                FromAgent::Ended { id: join, a_to_b: 8, b_to_a: 0, how: End::Eof },
            ]
        }
        ToAgent::Close { id } => {
            vec![FromAgent::Ended { id, a_to_b: 3, b_to_a: 0, how: End::Revoked }]
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_join_counts_bytes_from_the_source_to_the_destination() {
    let agent = Agent::start(Script::new(joins)).await;
    let mut session = agent.session().await;
    let ready = JoinEvent::Ready { source: Some(at("192.0.2.9:5000")), destination: None };
    for _ in 0..2 {
        let id = session.join(listen("192.0.2.1"), Leg::Dial(at("192.0.2.2:6000")));
        assert_eq!(session.next().await, ready, "events of older joins are dropped");
        session.stat(id);
        let mut heard = Vec::new();
        for _ in 0..4 {
            heard.push(session.next().await);
        }
        let why = "both ends closed in order".to_owned();
        let expect = [
            JoinEvent::Stranger { side: Side::Source, peer: at("192.0.2.3:7") },
            JoinEvent::Flows,
            JoinEvent::Stat { bytes: 5 },
            JoinEvent::Ended { bytes: 8, in_order: true, side: None, why },
        ];
        assert_eq!(heard, expect);
    }
    let id = session.join(listen("192.0.2.1"), listen("192.0.2.2"));
    assert_eq!(session.next().await, ready);
    session.close(id);
    let JoinEvent::Ended { bytes: 3, in_order: false, .. } = session.next().await else {
        panic!("not closed")
    };
}

#[tokio::test]
async fn the_end_of_a_join_that_was_forgotten_is_not_the_end_of_what_follows() {
    let both = |message: ToAgent| [joins(message.clone()), tunnels(message)].concat();
    let agent = Agent::start(Script::new(both)).await;
    let mut session = agent.session().await;
    let context = Context::for_tests(Cancel::never());
    for came_before in [false, true] {
        let id = session.join(listen("192.0.2.1"), listen("192.0.2.2"));
        let JoinEvent::Ready { .. } = session.next().await else { panic!("not ready") };
        session.close(id);
        // The tunnel is ready after everything else that was said.
        if came_before {
            session.tunnel(&context, &site()).await.unwrap();
            session.forget_join();
        } else {
            session.forget_join();
            session.tunnel(&context, &site()).await.unwrap();
        }
        tokio::select! {
            biased;
            event = session.next() => panic!("{event:?}"),
            () = std::future::ready(()) => {}
        }
    }
}

#[tokio::test]
async fn one_grant_serves_many_joins_of_the_same_hosts() {
    let mut agent = Agent::start(Script::new(|_| Vec::new())).await;
    let mut session = agent.session().await;
    let mut grants = Vec::new();
    for _ in 0..MAX_USES + 1 {
        session.join(listen("192.0.2.2"), listen("192.0.2.1"));
        session.join(listen("192.0.2.1"), listen("192.0.2.2"));
    }
    session.join(listen("192.0.2.1"), listen("192.0.2.3"));
    drop(session);
    let (mut revoked, mut joined) = (Vec::new(), 0);
    loop {
        match agent.receives().await {
            ToAgent::Grant { id, purpose, uses, .. } => grants.push((id, purpose, uses)),
            ToAgent::Revoke { grant, reset } => revoked.push((grant, reset)),
            ToAgent::Join { grant, .. } => {
                joined += 1;
                assert_eq!(Some(grant), grants.last().map(|(id, ..)| *id));
            }
            ToAgent::Bye => break,
            ToAgent::Close { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let hosts = |last: &str| GrantPurpose::Join(vec!["192.0.2.1".parse().unwrap(), last.parse().unwrap()]);
    let purposes: Vec<_> = grants.iter().map(|(_, purpose, _)| purpose.clone()).collect();
    assert_eq!(purposes, [hosts("192.0.2.2"), hosts("192.0.2.2"), hosts("192.0.2.2"), hosts("192.0.2.3")]);
    assert_eq!(revoked, [(grants[0].0, false), (grants[1].0, false)], "the relay keeps no more than it must");
    assert_eq!(joined, 2 * (u32::from(MAX_USES) + 1) + 1);
}

#[tokio::test]
async fn a_refused_grant_is_the_refusal_of_its_join_and_is_reported_once() {
    let refusing = |message| match message {
        ToAgent::Grant { id, .. } => {
            vec![FromAgent::Refused { id, code: Code::Busy, leg: None, text: Text::default() }]
        }
        ToAgent::Join { id, .. } => {
            vec![FromAgent::Refused { id, code: Code::NoGrant, leg: None, text: Text::default() }]
        }
        ToAgent::Ping { .. } | ToAgent::Close { .. } => {
            vec![FromAgent::Bye { code: Code::Draining, text: Text::of("so long"), retry_after_ms: 0 }]
        }
        _ => Vec::new(),
    };
    let agent = Agent::start(Script::new(refusing)).await;
    let mut session = agent.session().await;
    let id = session.join(listen("192.0.2.1"), listen("192.0.2.2"));
    assert_eq!(
        session.next().await,
        JoinEvent::Refused { side: None, code: Code::Busy, why: "it is busy".to_owned(), for_now: true }
    );
    session.close(id);
    let JoinEvent::Lost(end) = session.next().await else { panic!("reported twice") };
    assert!(end.why.contains("so long"), "{end:?}");
    assert!(session.is_over());
    let late = tokio::time::timeout(Duration::from_millis(1), session.next()).await;
    assert!(late.is_err(), "nothing comes after the end");
    let failure = session.tunnel(&Context::for_tests(Cancel::never()), &site()).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Temporary);
    assert!(failure.to_string().contains("edge") && failure.to_string().contains("so long"), "{failure}");
}

#[test]
fn no_secret_has_a_debug_text() {
    let heard = SessionEvent::Message(FromAgent::TunnelReady {
        id: Id(1),
        local: at("192.0.2.9:1"),
        peer: at("192.0.2.1:21"),
        ticket: ticket(),
    });
    assert!(format!("{heard:?}").contains("Secret32(***)"));
}

#[tokio::test]
async fn r47_r55_why_a_relay_makes_no_data_connection_says_whose_fault_it_is() {
    let check = async |server: Leg, code: Code, leg: Option<LegId>, kind: Kind, words: &str| {
        let agent = Agent::start(Script::new(move |message| match message {
            ToAgent::Meet { id, .. } => vec![FromAgent::Refused { id, code, leg, text: Text::of("") }],
            _ => Vec::new(),
        }));
        let agent = agent.await;
        let context = Context::for_tests(Cancel::never());
        let told = watch::Sender::new(RelayPortState::default());
        let failure = agent.session().await.data_connection(&context, server, &told).await;
        let failed = failure.unwrap_err();
        assert_eq!(matches!(failed, DataFailure::Path(_)), kind == Kind::NoPath, "{failed:?}");
        let failure = failed.into_failure();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.to_string().contains(words), "{failure}");
    };
    let near = Some(LegId::A);
    let new = "check that the relay is as new as this program";
    let dial = Leg::Dial(at("192.0.2.1:5000"));
    check(dial, Code::Unsupported, Some(LegId::B), Kind::NoPath, new).await;
    let closed = "the server has told a port at which nobody listens";
    check(dial, Code::ConnectionRefused, near, Kind::NoPath, closed).await;
    let unreached = "check that the relay can reach the data ports";
    check(dial, Code::Unreachable, near, Kind::NoPath, unreached).await;
    check(dial, Code::Denied, near, Kind::NoPath, "ask its operator to name the data ports").await;
    let listens = listen("192.0.2.1");
    check(listens, Code::Unsupported, Some(LegId::B), Kind::NoPath, new).await;
    let unnamed = "ask its operator to name the address at which servers reach it";
    check(listens, Code::NoAddress, near, Kind::NoPath, unnamed).await;
    let alone = "check that the server can connect to the relay";
    check(listens, Code::LegTimeout, near, Kind::NoPath, alone).await;
    for server in [dial, listens] {
        check(server, Code::Busy, None, Kind::Temporary, "it said \"it is busy\"; try again later").await;
    }
}
