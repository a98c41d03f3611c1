//! A hostile hub against agents and user agents. It can refuse and break off; it reads nothing, opens nothing, and an agent
//! that it has treated badly holds nothing afterwards and returns.

use ftp_io::link::{Acceptor, Link, session};
use ftp_proto::relay::frame::encode;
use ftp_proto::relay::hub::{FromHub, Role, SeenAddresses, ToHub};
use ftp_proto::relay::link::{LinkAnswer, Welcome};
use ftp_proto::relay::message::{Code, Id, Text, VERSIONS};
use ftp_proto::relay::token::{Secret32, Token};
use integration_tests::binary::{Program, Running};
use integration_tests::foreign::own_address;
use integration_tests::impostor::{Impostor, Talk};
use integration_tests::relay::{bad_frames, token_file};
use integration_tests::socket::until;
use integration_tests::user::{Run, user};
use rustix::process::Signal;
use std::net::{SocketAddr, TcpListener};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

/// The token of an agent and its users, and its file.
struct Held {
    token: Token,
    file: NamedTempFile,
}

impl Held {
    fn new() -> Self {
        let token = Token::new("test", None, ftp_io::random::bytes().unwrap()).unwrap();
        Self { file: token_file(&token), token }
    }

    /// An agent that joins this hub.
    fn join(&self, hub: SocketAddr) -> Running {
        let mut command = Program::RelayAgent.command();
        command.args(["join", &hub.to_string(), "--name", "zurich", "--allow", "127.0.0.1", "--token-file"]);
        command.arg(self.file.path());
        Running::start("agent", command)
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn descriptors(of: &Running) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", of.id())).unwrap().count()
}

/// The session of an agent, which has introduced itself and was let in.
async fn joined(hub: &Impostor) -> Talk<ToHub> {
    loop {
        let mut agent = hub.session().await;
        match agent.hear().await {
            Some(ToHub::Introduce { role: Role::Agent { .. }, .. }) => {}
            // The agent had returned already when the signal came, and starts over: its next session counts.
            None => continue,
            Some(_) => panic!("no agent"),
        }
        agent.say(FromHub::Joined { replaced: false }).await;
        return agent;
    }
}

/// The agent returns at once when it has noticed the end of its session for the time with this number.
fn hurry(agent: &Running, times: usize) {
    until("the agent waits", || agent.said().matches("tries again in").count() >= times);
    agent.signal(Signal::HUP);
}

#[test]
fn an_agent_returns_to_a_hub_whatever_it_has_said() {
    let held = Held::new();
    runtime().block_on(async {
        let hub = Impostor::hub("127.0.0.9", &held.token).await;
        let mut agent = held.join(hub.address);
        let mut times = 0;
        for said in bad_frames() {
            let mut session = joined(&hub).await;
            session.say_badly(&said).await;
            if said.is_cut() {
                session.close().await;
            }
            session.ended().await;
            times += 1;
            hurry(&agent, times);
        }
        // What may be said, and means nothing.
        let mut session = joined(&hub).await;
        let at = "127.0.0.1:1".parse().unwrap();
        let seen = encode(&SeenAddresses { ticket: [0; 16], own: at, other: at }).unwrap()[4..].to_vec();
        for body in [seen, vec![255; 60_000], Vec::new()] {
            session.say(FromHub::Ext { name: Text::of("seen"), body }).await;
        }
        for id in [0, 1, u32::MAX] {
            session.say(FromHub::Ready { id: Id(id), ticket: Secret32::new([1; 32]) }).await;
            session.say(FromHub::Refused { id: Id(id), code: Code::Busy, text: Text::of("\u{1b}[2J") }).await;
        }
        session.say(FromHub::Agents(vec![Text::of("\u{1b}"); 500])).await;
        session.say(FromHub::Pong { t: 7, spread_ms: u32::MAX }).await;
        session
            .say(FromHub::Bye {
                code: Code::Draining,
                text: Text::of("\u{1b}]0;x\u{7}"),
                retry_after_ms: u32::MAX,
            })
            .await;
        session.ended().await;
        hurry(&agent, times + 1);
        joined(&hub).await;
        assert!(agent.is_there() && !agent.said().contains('\u{1b}'), "{}", agent.said());
    });
}

#[test]
fn the_calls_of_a_hostile_hub_are_bounded_and_what_they_hold_comes_back() {
    const CALLS: u8 = 200;
    let held = Held::new();
    runtime().block_on(async {
        let hub = Impostor::hub("127.0.0.9", &held.token).await;
        let agent = held.join(hub.address);
        let mut session = joined(&hub).await;
        until("it has joined", || agent.said().contains("joined hub="));
        let before = descriptors(&agent);
        for number in 0..CALLS {
            session.say(FromHub::Called { ticket: Secret32::new([number; 32]) }).await;
            session.say(FromHub::Called { ticket: Secret32::new([number; 32]) }).await;
        }
        // It connects, proves the tickets, and gets no answer.
        agent_says(&agent, "too many connections are being made");
        let most = descriptors(&agent) - before;
        assert!(most <= 2 * 256 + 8, "{most}: a connection and a reserved port for each call");
        let waiting: Vec<_> = {
            let mut waiting = Vec::new();
            for _ in 0..256 {
                waiting.push(hub.connection().await);
            }
            waiting
        };
        drop(waiting);
        until("everything has come back", || descriptors(&agent) <= before);
        // A call that is one.
        let ticket = Secret32::new([250; 32]);
        session.say(FromHub::Called { ticket: ticket.clone() }).await;
        let stream = hub.attached(&ticket).await.into_clear().await.unwrap();
        session_with(stream, &held.token).await;
    });
}

fn agent_says(agent: &Running, words: &str) {
    until(words, || agent.said().contains(words));
}

/// A user agent that calls the agent is let in.
async fn session_with(stream: ftp_io::socket::Stream, token: &Token) {
    session(stream, token.secret()).await.expect("the agent proves itself");
}

/// What a hub says in place of the agent that was called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Instead {
    /// It knows no such token.
    Denies,
    /// A proof that it cannot make.
    Welcomes,
    /// The greeting of a server.
    Greets,
}

/// `ls` of a server that only an agent would reach, at a hub that is itself the agent.
fn listed(instead: Instead) -> Run {
    let held = Held::new();
    // Nothing listens there.
    let closed = TcpListener::bind((own_address(), 0)).unwrap().local_addr().unwrap();
    let (told, at) = std::sync::mpsc::channel();
    let token = held.token.clone();
    let hub = std::thread::spawn(move || {
        runtime().block_on(async {
            let hub = Impostor::hub(&own_address().to_string(), &token).await;
            told.send(hub.address).unwrap();
            let mut user: Talk<ToHub> = hub.session().await;
            while let Some(heard) = user.hear().await {
                match heard {
                    ToHub::Agents => user.say(FromHub::Agents(vec![Text::of("zurich")])).await,
                    ToHub::Call { id, .. } => {
                        let ticket = Secret32::new([3; 32]);
                        user.say(FromHub::Ready { id, ticket: ticket.clone() }).await;
                        pretends(hub.attached(&ticket).await, instead).await;
                    }
                    ToHub::Ping { t } => user.say(FromHub::Pong { t, spread_ms: 0 }).await,
                    ToHub::Introduce { .. } | ToHub::Bye | ToHub::Ext { .. } => {}
                }
            }
        });
    });
    let run = user().args(["ls", "--timeout", "5s", "--retries", "0", "--trace", "trace.txt"]);
    let run = run.relay(at.recv().unwrap(), held.file.path());
    let run = run.args([format!("ftp://ann:s3cret@{closed}/")]).run();
    hub.join().unwrap();
    run
}

/// Pretends to be an agent without its token.
async fn pretends(link: Link, instead: Instead) {
    let mut stream = link.into_clear().await.unwrap();
    if instead == Instead::Greets {
        drop(stream.write_all(b"220 welcome\r\n").await);
        let mut said = Vec::new();
        drop(stream.read_to_end(&mut said).await);
        assert!(!said.windows(4).any(|part| part == b"PASS"), "{said:?}");
        return;
    }
    let Ok((mut link, _)) = Acceptor::new().unwrap().accept(stream).await else { return };
    let answer = if instead == Instead::Denies {
        LinkAnswer::Denied
    } else {
        let seen_as = "127.0.0.1:1".parse().unwrap();
        let (version, build) = (VERSIONS.1, Text::of("impostor"));
        LinkAnswer::Welcome(Welcome { version, build, seen_as, ping_ms: 1, dead_ms: 1, mac: [0; 32] })
    };
    drop(link.send(&encode(&answer).unwrap()).await);
    let mut room = [0; 4_096];
    while let Ok(1..) = link.receive(&mut room).await {}
}

#[test]
fn a_hub_that_pretends_to_be_an_agent_is_not_believed_and_hears_no_password() {
    for (instead, code) in [(Instead::Denies, 11), (Instead::Welcomes, 11), (Instead::Greets, 5)] {
        let run = listed(instead);
        assert_eq!(run.code(), Some(code), "{run}");
        let trace = std::fs::read_to_string(run.home().join("trace.txt")).unwrap_or_default();
        assert!(!trace.contains("PASS"), "{trace}");
    }
}
