//! The relay agent as a process: who may use it, what it joins, and how a cut looks.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for one message and skips the others")]

mod attacks;
mod audit;
mod blind;
mod crowd;
mod descriptors;
mod greets;
mod insiders;
mod no_relay;
mod policy;
mod proven;
mod release;
mod sandbox;
mod silence;
mod vanish;
mod withdrawn;

use ftp_io::link::LinkFailure;
use ftp_proto::dialect::Dialect;
use ftp_proto::relay::link::LinkError;
use ftp_proto::relay::message::{Code, End, FromAgent, Id, Leg, LegId, LegState, ToAgent, Waits};
use integration_tests::beside::each_beside;
use integration_tests::binary::{Program, Running};
use integration_tests::raw::Raw;
use integration_tests::relay::{Agent, Relay, Session, listen, wrong_token, wrong_token_file};
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use integration_tests::socket;
use rustix::process::Signal;
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

/// The two servers, as far as the relay sees them.
const SOURCE: &str = "127.0.0.2";
const TARGET: &str = "127.0.0.3";

fn relay() -> Agent {
    Relay::new().server(SOURCE).server(TARGET).start()
}

/// What `check` says of a relay, and it ends with this exit code.
pub(crate) fn checks(address: impl std::fmt::Display, token_file: &Path, code: i32) -> String {
    let mut command = Program::RelayAgent.command();
    command.args(["check", &address.to_string(), "--token-file"]).arg(token_file);
    let mut check = Running::start("check", command);
    assert_eq!(check.wait().code(), Some(code), "{}", check.said());
    check.said()
}

/// A session in which both servers have greeted.
fn greeted(agent: &Agent) -> Session {
    agent.session().greeted(&[SOURCE, TARGET])
}

/// A connection from a chosen address.
fn connect_from(from: &str, to: SocketAddr) -> TcpStream {
    socket::connect(SocketAddr::new(from.parse().unwrap(), 0), to)
}

/// Whether somebody from there is reset without a word.
fn is_stranger(from: &str, to: SocketAddr) -> bool {
    let stranger = socket::connect_or_reset(SocketAddr::new(from.parse().unwrap(), 0), to);
    stranger.is_none_or(|mut stranger| is_reset(&mut stranger))
}

fn at(state: LegState) -> SocketAddr {
    match state {
        LegState::Listening(at) | LegState::Dialing(at) => at,
        LegState::Meeting => panic!("this relay has joined no hub"),
    }
}

/// A session with a join of two listening legs, and the two servers' ends of it.
fn joined(agent: &Agent, max_bytes: u64) -> (Session, TcpStream, TcpStream) {
    let mut session = greeted(agent);
    let (source, target) = joined_in(&mut session, max_bytes);
    (session, source, target)
}

/// Asks for a join of two listening legs.
fn asks_for_legs(session: &mut Session, max_bytes: u64) -> Id {
    let grant = session.grant(&[SOURCE, TARGET], max_bytes, 1);
    session.join(grant, listen(SOURCE), listen(TARGET), Waits::default())
}

/// The same, and where the relay listens for both servers.
fn legs(session: &mut Session, max_bytes: u64) -> [SocketAddr; 2] {
    asks_for_legs(session, max_bytes);
    let (a, b) = session.ready();
    [at(a), at(b)]
}

/// The same in a session in which both servers have greeted.
fn joined_in(session: &mut Session, max_bytes: u64) -> (TcpStream, TcpStream) {
    let [a, b] = legs(session, max_bytes);
    let (source, target) = (connect_from(SOURCE, a), connect_from(TARGET, b));
    session.hear_until(|heard| matches!(heard, FromAgent::Joined { .. }).then_some(()));
    (source, target)
}

fn ended(session: &mut Session) -> (u64, u64, End) {
    session.hear_until(|heard| match heard {
        FromAgent::Ended { a_to_b, b_to_a, how, .. } => Some((*a_to_b, *b_to_a, *how)),
        _ => None,
    })
}

fn refused(session: &mut Session) -> (Id, Code, Option<LegId>) {
    session.hear_until(|heard| match heard {
        FromAgent::Refused { id, code, leg, .. } => Some((*id, *code, *leg)),
        _ => None,
    })
}

/// One byte of a file comes through.
fn flows(source: &mut TcpStream, target: &mut TcpStream) {
    source.write_all(b"x").unwrap();
    target.read_exact(&mut [0]).unwrap();
}

/// Both ends closed by reset, never in order.
fn is_reset(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn r01_r04_a_file_of_a_sender_that_comes_first_arrives_whole() {
    let agent = relay();
    let mut session = greeted(&agent);
    let [a, b] = legs(&mut session, u64::MAX);
    let data = sample(8 << 20);
    let (sent, to) = (data.clone(), a);
    let sender = std::thread::spawn(move || {
        let mut source = connect_from(SOURCE, to);
        source.write_all(&sent).unwrap();
    });
    session.hear_until(|heard| matches!(heard, FromAgent::LegUp { leg: LegId::A, .. }).then_some(()));
    let target = connect_from(TARGET, b);
    let got = socket::drain(target);
    sender.join().unwrap();
    assert!(got == data, "{} of {} bytes", got.len(), data.len());
    assert_eq!(ended(&mut session), (8 << 20, 0, End::Eof));
}

#[test]
fn r02_two_servers_that_listen_are_dialled_from_the_relays_address() {
    let agent = relay();
    let servers = [SOURCE, TARGET].map(|host| TcpListener::bind((host, 0)).unwrap());
    let [a, b] = servers.each_ref().map(|server| server.local_addr().unwrap());
    let mut session = greeted(&agent);
    let grant = session.grant(&[SOURCE, TARGET], u64::MAX, 1);
    session.join(grant, Leg::Dial(a), Leg::Dial(b), Waits::default());
    assert_eq!(session.ready(), (LegState::Dialing(a), LegState::Dialing(b)));
    let [(mut source, from), (target, _)] = servers.map(|server| server.accept().unwrap());
    assert_eq!(from.ip(), agent.address.ip());
    source.write_all(b"file").unwrap();
    drop(source);
    assert_eq!(socket::drain(target), b"file");
    assert_eq!(ended(&mut session), (4, 0, End::Eof));
}

#[test]
fn r03_a_server_of_ipv6_and_one_of_ipv4_are_joined() {
    let agent = Relay::new().also("[::1]:0").server("::1").server(TARGET).start();
    let mut session = agent.session().greeted(&["::1", TARGET]);
    let grant = session.grant(&["::1", TARGET], u64::MAX, 1);
    session.join(grant, listen("::1"), listen(TARGET), Waits::default());
    let (a, b) = session.ready();
    assert!(at(a).is_ipv6() && at(b).is_ipv4(), "{a:?} {b:?}");
    let (mut source, target) = (connect_from("::1", at(a)), connect_from(TARGET, at(b)));
    source.write_all(b"file").unwrap();
    drop(source);
    assert_eq!(socket::drain(target), b"file");
}

#[test]
fn r15_a_half_close_leaves_the_other_way_open() {
    let agent = relay();
    let (mut session, mut source, mut target) = joined(&agent, u64::MAX);
    source.write_all(b"ask").unwrap();
    source.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    target.read_to_end(&mut got).unwrap();
    session.hear_until(|heard| {
        matches!(heard, FromAgent::HalfEof { from: LegId::A, bytes: 3, .. }).then_some(())
    });
    target.write_all(b"answer").unwrap();
    drop(target);
    let mut answer = Vec::new();
    source.read_to_end(&mut answer).unwrap();
    assert_eq!((got.as_slice(), answer.as_slice()), (b"ask".as_slice(), b"answer".as_slice()));
    drop(source);
    assert_eq!(ended(&mut session), (3, 6, End::Eof));
}

#[test]
fn r12_r13_a_reset_of_either_end_is_a_reset_of_the_other_never_an_end_of_file() {
    let agent = relay();
    for source_breaks in [true, false] {
        let (mut session, mut source, mut target) = joined(&agent, u64::MAX);
        source.write_all(&sample(100_000)).unwrap();
        target.read_exact(&mut [0; 1_000]).unwrap();
        let (broken, mut other, side) =
            if source_breaks { (source, target, LegId::A) } else { (target, source, LegId::B) };
        reset(broken);
        assert!(is_reset(&mut other), "source breaks: {source_breaks}");
        assert_eq!(ended(&mut session).2, End::Reset(side));
    }
}

#[test]
fn r19_more_joins_than_pipes_still_carry_every_byte() {
    let agent = relay();
    let mut session = greeted(&agent);
    let data = sample(6 << 20);
    let mut targets = Vec::new();
    std::thread::scope(|scope| {
        let mut grant = Id(0);
        for number in 0..64 {
            // A grant has 16 uses at most.
            if number % 16 == 0 {
                grant = session.grant(&[SOURCE, TARGET], u64::MAX, 16);
            }
            session.join(grant, listen(SOURCE), listen(TARGET), Waits::default());
            let (a, b) = session.ready();
            let (mut source, target) = (connect_from(SOURCE, at(a)), connect_from(TARGET, at(b)));
            // It fills pipe and sockets while nobody reads at the other end.
            scope.spawn({
                let data = &data;
                move || source.write_all(data).unwrap()
            });
            targets.push(target);
        }
        for target in targets {
            let got = socket::drain(target);
            assert!(got == data, "{} of {} bytes", got.len(), data.len());
        }
    });
    for _ in 0..64 {
        assert_eq!(ended(&mut session).2, End::Eof);
    }
}

#[test]
fn a_relay_that_is_killed_in_mid_file_leaves_resets() {
    let agent = relay();
    let (_session, mut source, mut target) = joined(&agent, u64::MAX);
    source.write_all(&sample(100_000)).unwrap();
    target.read_exact(&mut [0; 1_000]).unwrap();
    agent.running.signal(Signal::KILL);
    assert!(is_reset(&mut target));
    assert!(is_reset(&mut source));
}

#[test]
fn r09_r11_strangers_and_second_peers_are_reset_and_the_right_one_is_joined() {
    let agent = relay();
    let mut session = greeted(&agent);
    let [a, b] = legs(&mut session, u64::MAX);
    for _ in 0..3 {
        assert!(is_stranger("127.0.0.4", a));
        session.hear_until(|heard| matches!(heard, FromAgent::Stranger { leg: LegId::A, .. }).then_some(()));
    }
    let mut source = connect_from(SOURCE, a);
    let strangers = session.hear_until(|heard| match heard {
        FromAgent::LegUp { leg: LegId::A, strangers, .. } => Some(*strangers),
        _ => None,
    });
    assert_eq!(strangers, 3);
    let second = socket::try_connect(SocketAddr::new(SOURCE.parse().unwrap(), 0), a);
    assert!(second.map_or(true, |mut second| is_reset(&mut second)), "a second one is not taken");
    let mut target = connect_from(TARGET, b);
    flows(&mut source, &mut target);
}

#[test]
fn r20_a_relay_that_allows_nothing_relays_nothing() {
    let agent = Relay::new().start();
    agent.running.logs("no server may be reached");
    let mut session = agent.session();
    let join = asks_for_legs(&mut session, u64::MAX);
    assert_eq!(refused(&mut session), (join, Code::Denied, Some(LegId::A)));
    let server = TcpListener::bind((SOURCE, 0)).unwrap();
    let tunnel = session.tunnel(SOURCE, server.local_addr().unwrap().port());
    assert_eq!(refused(&mut session), (tunnel, Code::Denied, None));
    server.set_nonblocking(true).unwrap();
    assert_eq!(server.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nothing was dialled");
}

#[test]
fn r22_r24_r25_targets_are_judged_by_the_address_that_would_be_dialled() {
    let agent = Relay::new().allow("0.0.0.0/0:1-65535").allow("::/0:1-65535").allow("127.0.0.2").start();
    let own = agent.address.port();
    let denied = [
        ("localhost", 2121),
        ("127.0.0.1", 2121),
        ("0x7f.1", 2121),
        ("2130706433", 2121),
        ("0177.0.0.1", 2121),
        ("127.1", 2121),
        ("localhost.", 2121),
        ("::ffff:127.0.0.1", 2121),
        ("::ffff:7f00:3", 2121),
        ("::127.0.0.1", 2121),
        ("::1", 2121),
        ("::1%lo", 2121),
        ("64:ff9b::7f00:1", 2121),
        ("2002:7f00:1::", 2121),
        ("2001:0:808:808::80ff:fffe", 2121),
        ("2001:db8::5efe:127.0.0.1", 2121),
        ("fe80::1%lo", 2121),
        ("127\u{3002}0\u{3002}0\u{3002}1", 2121),
        ("169.254.169.254", 2121),
        ("10.0.0.1", 2121),
        ("127.0.0.2", 22),
        ("127.0.0.2", 5000),
        ("127.0.0.9", own),
        ("::ffff:127.0.0.9", own),
        ("0.0.0.0", 2121),
    ];
    // Each refusal takes its time: some sessions are refused beside each other.
    let sessions: Vec<_> = denied.chunks(7).map(|denied| (agent.session(), denied)).collect();
    each_beside(sessions, |(mut session, denied)| {
        for (host, port) in denied {
            let tunnel = session.tunnel(host, *port);
            let (id, code, _) = refused(&mut session);
            assert_eq!(id, tunnel);
            assert!(matches!(code, Code::Denied | Code::Resolve), "{host}: {code:?}");
        }
    });
}

#[test]
fn r29_a_tunnel_carries_a_control_connection_and_its_ticket_is_good_for_one_link() {
    let agent = relay();
    let server = TcpListener::bind((SOURCE, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let mut session = agent.session();
    session.tunnel(SOURCE, port);
    session.hear_until(|heard| matches!(heard, FromAgent::Granted { .. }).then_some(()));
    let (mut control, from) = server.accept().unwrap();
    control.write_all(b"220 ready\r\n").unwrap();
    let (local, ticket) = session.hear_until(|heard| match heard {
        FromAgent::TunnelReady { local, ticket, .. } => Some((*local, ticket.clone())),
        FromAgent::Refused { .. } => panic!("{heard:?}"),
        _ => None,
    });
    assert_eq!(from, local);
    assert_eq!(from.ip(), agent.address.ip());
    let got = session.through(&ticket, b"QUIT\r\n", 11).unwrap();
    assert_eq!(got, b"220 ready\r\n");
    let mut said = [0; 6];
    control.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"QUIT\r\n");
    assert!(session.through(&ticket, b"", 1).is_err());
    agent.running.logs("denied: unknown or used ticket");
}

#[test]
fn r27_r31_a_wrong_token_is_denied_with_the_reason_in_the_relays_log_alone() {
    let agent = relay();
    let wrong = wrong_token();
    let denied = agent.session_with(&wrong).unwrap_err();
    assert!(matches!(denied, LinkFailure::Proof(LinkError::Denied)), "{denied:?}");
    agent.running.logs("denied: unknown token");
    // `check` says so with the exit status of trust.
    checks(agent.address, wrong_token_file().path(), 11);
    let said = checks(agent.address, &agent.token_file, 0);
    for line in [
        "is a relay, holds token test",
        "the clocks of the relay and of this host agree",
        "no NAT",
        "hint  hosts that can connect to 127.0.0.1",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!agent.running.said().contains(wrong.line().rsplit('.').next().unwrap()));
    assert!(!agent.running.said().contains(agent.token.line().rsplit('.').next().unwrap()));
}

#[test]
fn user_agents_that_are_killed_in_the_handshake_are_not_taken_for_wrong_tokens() {
    let agent = relay();
    for _ in 0..6 {
        reset(connect_from(SOURCE, agent.address));
        drop(connect_from(SOURCE, agent.address));
    }
    agent.running.logs("the handshake of a link failed");
    drop(agent.session());
}

#[test]
fn what_flows_goes_on_when_the_user_agent_has_gone() {
    let agent = relay();
    let (session, mut source, target) = joined(&agent, u64::MAX);
    drop(session);
    source.write_all(b"still here").unwrap();
    drop(source);
    assert_eq!(socket::drain(target), b"still here");
}

#[test]
fn a_relay_that_is_told_to_stop_lets_what_flows_end() {
    let mut agent = relay();
    let (session, mut source, target) = joined(&agent, u64::MAX);
    agent.running.signal(Signal::TERM);
    agent.running.logs("stopping");
    source.write_all(b"file").unwrap();
    drop(source);
    assert_eq!(socket::drain(target), b"file");
    // The control connections that it still carries flow as well. The relay ends with the last of them.
    assert!(agent.running.is_there(), "{}", agent.running.said());
    drop(session);
    assert_eq!(agent.running.wait().code(), Some(0));
}

#[test]
fn mistakes_on_the_command_line_are_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let open = directory.path().join("open");
    std::fs::write(&open, "frt1.x\n").unwrap();
    let path = open.to_str().unwrap();
    let check = |args: &[&str], code: i32, words: &str| {
        let mut command = Program::RelayAgent.command();
        command.args(args);
        let mut running = Running::start("relay", command);
        assert_eq!(running.wait().code(), Some(code), "{args:?}: {}", running.said());
        assert!(running.said().contains(words), "{args:?}: {}", running.said());
        if code != 0 {
            assert_eq!(running.said().lines().count(), 1, "{args:?}: {}", running.said());
        }
    };
    check(&["run", "--listen", "127.0.0.9:0", "--token-file", path], 1, "chmod 600");
    check(&["run", "--listen", "127.0.0.9", "--token-file", path], 2, "IP:PORT");
    check(&["run", "--listen", "127.0.0.9:0", "--token-file", path, "--allow", "example.net"], 2, "network");
    check(&["run", "--token-file", path], 2, "--listen");
    check(&["token", "--name", "a b"], 2, "letters");
    check(&["token", "--name", "edge"], 0, "frt1.edge.0.");
    check(&["completions", "bash"], 0, "ftp-relay-agent");
    check(&["man"], 0, "relay");
}

/// Two of our servers with the default policy, the relay, and the user's host: four addresses.
struct Scene {
    source: Server,
    target: Server,
    agent: Agent,
    data: Vec<u8>,
}

fn scene() -> Scene {
    let data = sample(3_000_001);
    let source = Site::new("source").file("a.bin", &data).at(SOURCE).start();
    let target = Site::new("target").at(TARGET).start();
    Scene { source, target, agent: relay(), data }
}

fn control(session: &mut Session, server: &Server) -> Raw {
    let at = server.address(Dialect::Rfc959);
    let mut raw = Raw::connect(Dialect::Rfc959, session.bridge(&at.ip().to_string(), at.port()));
    raw.login(USER, PASSWORD);
    raw.ask("TYPE I", "200");
    raw
}

fn port(raw: &mut Raw, to: SocketAddr) {
    let host = to.ip().to_string().replace('.', ",");
    raw.ask(&format!("PORT {host},{},{}", to.port() >> 8, to.port() & 255), "200");
}

fn pasv(raw: &mut Raw, host: &str) -> Leg {
    let port = raw.ask("PASV", "227").port();
    Leg::Dial(SocketAddr::new(host.parse().unwrap(), port))
}

/// Tells a server where its leg of the relay listens; a server that listens itself is called by the relay.
fn announce(raw: &mut Raw, leg: LegState, server_listens: bool, agent: &Agent) {
    match (leg, server_listens) {
        (LegState::Listening(at), false) => {
            assert_eq!(at.ip(), agent.address.ip());
            port(raw, at);
        }
        (LegState::Dialing(_), true) => {}
        (leg, _) => panic!("server_listens={server_listens}, and the leg is {leg:?}"),
    }
}

/// The file `a.bin` moves, and has this name then.
fn exchange(from: &mut Raw, to: &mut Raw, name: &str) {
    to.send(&format!("STOR {name}"));
    from.send("RETR a.bin");
    to.expect("150");
    from.expect("150");
    from.expect("226");
    to.expect("226");
}

#[test]
fn r42_two_servers_that_refuse_each_other_exchange_a_file_through_the_relay() {
    let Scene { source, target, agent, data } = scene();
    let mut session = agent.session();
    let (mut from, mut to) = (control(&mut session, &source), control(&mut session, &target));
    let grant = session.grant(&[SOURCE, TARGET], u64::MAX, 4);
    for (name, source_listens, target_listens) in [
        ("both-dial", false, false),
        ("both-listen", true, true),
        ("mixed", true, false),
        ("mixed-2", false, true),
    ] {
        let a = if source_listens { pasv(&mut from, SOURCE) } else { listen(SOURCE) };
        let b = if target_listens { pasv(&mut to, TARGET) } else { listen(TARGET) };
        session.join(grant, a, b, Waits::default());
        let (at_a, at_b) = session.ready();
        announce(&mut from, at_a, source_listens, &agent);
        announce(&mut to, at_b, target_listens, &agent);
        exchange(&mut from, &mut to, &format!("{name}.bin"));
        assert_eq!(ended(&mut session), (data.len() as u64, 0, End::Eof), "{name}");
        assert!(target.bytes(&format!("{name}.bin")) == data, "{name}");
    }
    // Without the tunnel the same addresses are foreign.
    let mut direct = source.login(Dialect::Rfc959);
    let [at, _] = legs(&mut session, u64::MAX);
    direct.ask(&format!("PORT 127,0,0,9,{},{}", at.port() >> 8, at.port() & 255), "504");
}

#[test]
fn r33_a_server_never_calls_a_file_whole_that_the_relay_has_cut() {
    let Scene { source, target, agent, data } = scene();
    let mut session = agent.session();
    let (mut from, mut to) = (control(&mut session, &source), control(&mut session, &target));
    let [a, b] = legs(&mut session, data.len() as u64 / 2);
    port(&mut from, a);
    port(&mut to, b);
    to.send("STOR cut.bin");
    from.send("RETR a.bin");
    to.expect("150");
    assert_eq!(ended(&mut session).2, End::LimitBytes);
    to.expect("426");
    from.expect("150");
    from.expect("426");
}

#[test]
fn r33_a_file_larger_than_its_grant_is_cut_with_a_reset() {
    let agent = relay();
    let (mut session, mut source, mut target) = joined(&agent, 50_000);
    // It may be cut while it is still being written.
    drop(source.write_all(&sample(100_000)));
    assert!(is_reset(&mut target));
    assert_eq!(ended(&mut session).2, End::LimitBytes);
}

#[test]
fn r32_one_session_knows_nothing_of_anothers_join() {
    let agent = relay();
    let (mut first, mut source, mut target) = joined(&agent, u64::MAX);
    let mut second = agent.session();
    for id in 1..8 {
        second.say(ToAgent::Close { id: Id(id) });
        assert_eq!(refused(&mut second), (Id(id), Code::NoGrant, None));
    }
    flows(&mut source, &mut target);
    drop((source, target));
    assert_eq!(ended(&mut first), (1, 0, End::Eof));
}

#[test]
fn r07_a_leg_that_never_comes_is_named_and_the_one_that_came_is_reset() {
    let agent = relay();
    let mut session = greeted(&agent);
    let grant = session.grant(&[SOURCE, TARGET], u64::MAX, 1);
    let waits = Waits { leg_ms: 1_000, ..Waits::default() };
    let join = session.join(grant, listen(SOURCE), listen(TARGET), waits);
    let (a, _) = session.ready();
    let mut source = connect_from(SOURCE, at(a));
    assert_eq!(refused(&mut session), (join, Code::LegTimeout, Some(LegId::B)));
    assert!(is_reset(&mut source));
}
