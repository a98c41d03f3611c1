//! What somebody who holds a token, or has found a ticket, sends to a hub and to the agents that have joined it. Only
//! his own session ends; the files of others go on.

use super::{Far, arrived, copy};
use ftp_io::clock::Clock;
use ftp_io::link;
use ftp_io::socket::Stream;
use ftp_proto::relay::hub::{FromHub, Role, ToHub};
use ftp_proto::relay::message::{Code, Id, Text};
use ftp_proto::relay::token::Secret32;
use integration_tests::foreign::own_address;
use integration_tests::hub::{Hub, Session};
use integration_tests::relay::{bad_frames, says_and_ends, says_over, says_to, wrong_token};
use integration_tests::site::sample;
use integration_tests::socket;
use std::fs;
use std::net::TcpStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A connection with an agent, as whoever calls it at the hub has it. The hub gives up a call whose session ends before both
/// ends are there, so the session stays.
fn called(hub: &Hub, agent: &str) -> (Session, TcpStream) {
    runtime().block_on(async {
        let mut session = Session::start(hub, Role::User { name: Text::of("eve") }).await;
        session.say(vec![ToHub::Call { id: Id(1), agent: Text::of(agent) }]).await;
        let FromHub::Ready { ticket, .. } = session.hear().await else { panic!("{agent} is not there") };
        let stream = tokio::net::TcpStream::connect(hub.address).await.unwrap();
        match link::call(stream, &ticket).await.unwrap() {
            Stream::Tcp(stream) => (session, stream.into_std().unwrap()),
            Stream::Unix(_) | Stream::Simulated(_) => panic!("a hub is reached over a network"),
        }
    })
}

#[test]
fn r38_r39_whatever_is_said_to_a_hub_and_to_its_agents_a_file_arrives() {
    let data = sample(3_000_003);
    let (from, to) = (Far::start(&[("a.bin", &data)]), Far::start(&[]));
    let hub = Hub::start(&own_address().to_string());
    let _agents = [from.agent(&hub, "zurich"), to.agent(&hub, "berlin")];
    let slow = copy(&hub).args([from.slow_url("a.bin"), to.url("b.bin")]).start();
    hub.running.logs(" call");
    let wrong = wrong_token();
    for said in bad_frames() {
        says_and_ends(hub.address, |stream| link::hub_session(stream, &hub.token), &said);
        // The agent is called, and hears the same: as the first octets, and from somebody who holds its token.
        let (_session, stream) = called(&hub, "zurich");
        says_to(stream, &said);
        let (_session, stream) = called(&hub, "berlin");
        says_over(stream, |stream| link::session(stream, hub.token.secret()), &said);
    }
    let (_session, stream) = called(&hub, "zurich");
    let denied = runtime().block_on(async {
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        link::session(stream, wrong.secret()).await
    });
    assert!(denied.is_err(), "the hub's own secret, or another one, is none of an agent");
    let run = slow.end().exits(0);
    arrived(&run, &to, "b.bin", &data);
}

#[test]
fn r36_the_ticket_of_a_call_is_good_for_one_connection_at_its_own_hub() {
    let far = Far::start(&[("a.bin", b"hello")]);
    let hub = Hub::start(&own_address().to_string());
    let other = Hub::start(&own_address().to_string());
    let _agent = far.agent(&hub, "zurich");
    let attach = async |at: &Hub, ticket: &Secret32| {
        let stream = tokio::net::TcpStream::connect(at.address).await.unwrap();
        link::call(stream, ticket).await.is_ok()
    };
    runtime().block_on(async {
        let mut caller = Session::start(&hub, Role::User { name: Text::of("ann") }).await;
        caller.say(vec![ToHub::Call { id: Id(1), agent: Text::of("zurich") }]).await;
        let FromHub::Ready { ticket, .. } = caller.hear().await else { panic!("not called") };
        assert!(!attach(&other, &ticket).await, "it is one of another hub");
        assert!(!attach(&hub, &Secret32::new([9; 32])).await, "one that nobody was given");
        assert!(attach(&hub, &ticket).await, "what others have tried has not used it up");
        assert!(!attach(&hub, &ticket).await, "it was used");
    });
    hub.running.logs("unknown or used ticket");
}

#[test]
fn r36_a_call_that_nobody_takes_is_given_up_at_both_ends_and_its_tickets_open_nothing() {
    let hub = Hub::start(&own_address().to_string());
    runtime().block_on(async {
        let role = Role::Agent { name: Text::of("zurich"), boot: 1 };
        let mut agent = Session::start(&hub, role).await;
        assert_eq!(agent.hear().await, FromHub::Joined { replaced: false });
        let mut caller = Session::start(&hub, Role::User { name: Text::of("ann") }).await;
        caller.say(vec![ToHub::Call { id: Id(1), agent: Text::of("zurich") }]).await;
        let FromHub::Ready { ticket: ours, .. } = caller.hear().await else { panic!("not called") };
        let FromHub::Called { ticket: theirs, .. } = agent.hear().await else { panic!("not told") };
        // Its 10 s pass.
        assert!(matches!(caller.hear().await, FromHub::Refused { id: Id(1), code: Code::NotPaired, .. }));
        for ticket in [ours, theirs] {
            let stream = tokio::net::TcpStream::connect(hub.address).await.unwrap();
            assert!(link::call(stream, &ticket).await.is_err(), "it comes late");
        }
    });
    hub.running.logs("unknown or used ticket");
}

#[test]
fn r43_a_token_fills_neither_the_log_nor_the_audit_of_a_hub() {
    const REFUSED: usize = 4 * 60;
    const SESSIONS: usize = 130;
    let hub = Hub::with_policy(&own_address().to_string(), "audit = \"audit.log\"\n");
    let clock = Clock::start();
    let began = clock.now();
    runtime().block_on(async {
        for _ in 0..4 {
            let mut session = Session::start(&hub, Role::User { name: Text::of("eve") }).await;
            for id in 1..=60 {
                session.say(vec![ToHub::Call { id: Id(id), agent: Text::of("nobody") }]).await;
                assert!(matches!(session.hear().await, FromHub::Refused { .. }));
            }
        }
        for _ in 0..SESSIONS {
            let mut session = Session::start(&hub, Role::User { name: Text::of("eve") }).await;
            session.say(vec![ToHub::Ping { t: 1 }, ToHub::Bye]).await;
            while !matches!(session.hear().await, FromHub::Pong { .. }) {}
        }
    });
    // A slow machine needs several minutes, each of which has lines of its own.
    let minutes = usize::try_from(clock.now().since(began).as_secs() / 60).unwrap() + 1;
    let file = hub.directory().join("audit.log");
    let count = |event: &str| {
        let text = fs::read_to_string(&file).unwrap_or_default();
        text.matches(&format!("\"event\":\"{event}\"")).count()
    };
    let most = 120;
    socket::until("the sessions with lines have ended", || {
        count("session-opened") >= most && count("session-ended") == count("session-opened")
    });
    assert!(count("request-refused") >= 60, "{}", hub.running.said());
    let log = hub.running.said();
    let told = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    let (refused, sessions) = (60 * minutes, most * minutes);
    assert!(count("request-refused") <= refused.min(REFUSED) && told("refused: ") <= refused, "{log}");
    assert!(count("session-opened") <= sessions.min(4 + SESSIONS), "{log}");
    assert!(told("user agent") <= sessions, "{log}");
    // An agent is told, also if its token has no line left for a session.
    runtime().block_on(async {
        let role = Role::Agent { name: Text::of("zurich"), boot: 1 };
        let mut session = Session::start(&hub, role).await;
        session.say(vec![ToHub::Ping { t: 1 }]).await;
        while !matches!(session.hear().await, FromHub::Pong { .. }) {}
    });
    socket::until("the agent is told, and its end", || {
        count("agent-joined") == 1 && count("session-ended") == count("session-opened")
    });
    // Others have theirs, and no line says a thing twice.
    assert!(!hub.running.said().contains("busy: it is busy"));
}

/// How many lines of this kind the audit of a hub has.
fn told(hub: &Hub, event: &str) -> usize {
    let text = fs::read_to_string(hub.directory().join("audit.log")).unwrap_or_default();
    text.matches(&format!("\"event\":\"{event}\"")).count()
}

/// A call of this id to `zurich`: the caller sends so many bytes, and both ends close.
async fn carries(hub: &Hub, caller: &mut Session, agent: &mut Session, id: u32, bytes: usize) {
    caller.say(vec![ToHub::Call { id: Id(id), agent: Text::of("zurich") }]).await;
    let FromHub::Ready { ticket: ours, .. } = caller.hear().await else { panic!("not called") };
    let FromHub::Called { ticket: theirs, .. } = agent.hear().await else { panic!("not told") };
    let reaches = async || tokio::net::TcpStream::connect(hub.address).await.unwrap();
    let (near, far) = tokio::join!(async { link::call(reaches().await, &ours).await }, async {
        link::call(reaches().await, &theirs).await
    });
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    let sending = async {
        near.write_all(&vec![7; bytes]).await.unwrap();
        near.shutdown().await.unwrap();
        near.read_to_end(&mut Vec::new()).await.unwrap();
    };
    let taking = async {
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len(), bytes);
        far.shutdown().await.unwrap();
    };
    tokio::join!(sending, taking);
}

#[test]
fn r43_where_a_call_of_silent_sessions_is_told_both_sessions_are() {
    const SESSIONS: usize = 120;
    const CALLS: u32 = 60;
    let hub = Hub::with_policy(&own_address().to_string(), "audit = \"audit.log\"\n");
    let clock = Clock::start();
    runtime().block_on(async {
        // They take all lines that the sessions of this token have in a minute.
        for _ in 0..SESSIONS {
            let mut session = Session::start(&hub, Role::User { name: Text::of("noise") }).await;
            session.say(vec![ToHub::Ping { t: 1 }, ToHub::Bye]).await;
            while !matches!(session.hear().await, FromHub::Pong { .. }) {}
        }
        let mut agent = Session::start(&hub, Role::Agent { name: Text::of("zurich"), boot: 1 }).await;
        assert_eq!(agent.hear().await, FromHub::Joined { replaced: false });
        let mut caller = Session::start(&hub, Role::User { name: Text::of("ann") }).await;
        for id in 1..=CALLS {
            carries(&hub, &mut caller, &mut agent, id, 10).await;
        }
        // The file has its lines in their order, a little later. With the last of these come all before it.
        socket::until("the end of each small call is told", || told(&hub, "call-ended") >= CALLS as usize);
        // No line is left for the calls of this token, and neither is one for another caller.
        let mut silent = Session::start(&hub, Role::User { name: Text::of("bob") }).await;
        let (opened, begun) = (told(&hub, "session-opened"), told(&hub, "call-opened"));
        carries(&hub, &mut silent, &mut agent, 1, 10).await;
        carries(&hub, &mut silent, &mut agent, 2, 1 << 20).await;
        socket::until("the end of the large call is told", || {
            let text = fs::read_to_string(hub.directory().join("audit.log")).unwrap();
            text.lines().any(|line| line.contains("call-ended") && line.contains("1048576"))
        });
        // After a minute the token has lines again.
        if clock.now().since_start().as_secs() < 60 {
            assert_eq!(told(&hub, "call-opened"), begun, "it is the end alone that is told");
            assert_eq!(told(&hub, "session-opened"), opened + 1, "and who has called");
        }
    });
    socket::until("every session that began has ended", || {
        told(&hub, "session-ended") == told(&hub, "session-opened")
    });
    assert_eq!(told(&hub, "agent-joined"), 1);
    assert!(told(&hub, "call-ended") > told(&hub, "call-opened"), "{}", hub.running.said());
}
