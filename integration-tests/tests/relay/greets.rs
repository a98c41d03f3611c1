//! The relay is no proxy: nothing is sent to what is not an FTP server, and data goes only where one has greeted.

use super::{SOURCE, TARGET, refused, relay};
use ftp_proto::relay::message::{Code, End, FromAgent, Id, Leg, LegId, ToAgent, Waits};
use integration_tests::relay::{Greeter, Relay, Session, listen};
use integration_tests::socket;
use std::io::Read;
use std::net::SocketAddr;

#[test]
fn r23_what_does_not_greet_as_ftp_is_closed_and_not_shown() {
    let agent = relay();
    let mut session = agent.session();
    let check = |session: &mut Session, words: &'static [u8], expected: Code| {
        let other = Greeter::saying(SOURCE, words);
        let tunnel = session.tunnel(SOURCE, other.address().port());
        let (id, code, text) = session.hear_until(|heard| match heard {
            FromAgent::Refused { id, code, text, .. } => Some((*id, *code, text.clone())),
            FromAgent::TunnelReady { .. } => panic!("{heard:?}"),
            _ => None,
        });
        assert_eq!((id, code), (tunnel, expected), "{text}");
        assert!(!text.as_str().contains("secret"), "{text}");
    };
    for words in [
        &b"SSH-2.0-secret\r\n"[..],
        b"HTTP/1.1 400 secret\r\n",
        b"-ERR secret\r\n",
        b"200 secret news\r\n",
        b"\0\0\0\n",
    ] {
        check(&mut session, words, Code::NoGreeting);
    }
    check(&mut session, b"421 secret\r\n", Code::Unwelcome);
    agent.running.logs("it said 421");
    agent.running.logs("it says something else");
    assert!(!agent.running.said().contains("secret"));
}

#[test]
fn r23_a_silent_listener_gets_no_byte() {
    let agent = relay();
    let silent = socket::listen(SOURCE, 0);
    let mut session = agent.session();
    let tunnel = session.tunnel(SOURCE, silent.local_addr().unwrap().port());
    session.hear_until(|heard| matches!(heard, FromAgent::Granted { .. }).then_some(()));
    let (mut stream, _) = socket::accept(&silent);
    session.say(ToAgent::Close { id: tunnel });
    session.hear_until(|heard| matches!(heard, FromAgent::Ended { how: End::Revoked, .. }).then_some(()));
    let mut got = Vec::new();
    drop(stream.read_to_end(&mut got));
    assert_eq!(got, b"");
}

#[test]
fn r23_where_tls_begins_at_once_nothing_but_a_client_hello_goes_first() {
    let agent = Relay::new().tls_server(SOURCE).start();
    let silent = socket::listen(SOURCE, 0);
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"USER ann\r\n"] {
        let mut session = agent.session();
        session.tunnel(SOURCE, silent.local_addr().unwrap().port());
        let ticket = session.ticket();
        let (mut stream, _) = socket::accept(&silent);
        drop(session.through(&ticket, words, 1));
        session
            .hear_until(|heard| matches!(heard, FromAgent::Ended { how: End::NoGreeting, .. }).then_some(()));
        let mut got = Vec::new();
        drop(stream.read_to_end(&mut got));
        assert_eq!(got, b"");
    }
}

/// The answer to a join of SOURCE with this leg.
fn joins(session: &mut Session, b: Leg, hosts: &[&str]) -> (Id, (Id, Code, Option<LegId>)) {
    let grant = session.grant(hosts, u64::MAX, 1);
    let join = session.join(grant, listen(SOURCE), b, Waits::default());
    (join, refused(session))
}

#[test]
fn r23_data_goes_only_to_hosts_that_have_greeted_in_this_session() {
    let agent = relay();
    let mut first = agent.session().greeted(&[SOURCE, TARGET]);
    let data = socket::listen(TARGET, 0);
    let to = data.local_addr().unwrap();
    let mut second = agent.session().greeted(&[SOURCE]);
    for b in [Leg::Dial(to), listen(TARGET)] {
        let (join, answer) = joins(&mut second, b, &[SOURCE, TARGET]);
        assert_eq!(answer, (join, Code::Denied, Some(LegId::B)));
    }
    agent.running.logs("no server of that host has greeted in this session");
    // Ports of other services, and low ones, although it has greeted and the rule's range has them.
    for port in [990, 6379, 27_017, 11_211] {
        let b = Leg::Dial(SocketAddr::new(to.ip(), port));
        let (join, answer) = joins(&mut first, b, &[SOURCE, TARGET]);
        assert_eq!(answer, (join, Code::Denied, Some(LegId::B)), "{port}");
    }
    assert!(socket::is_quiet(&data), "nothing was dialled");
    let grant = first.grant(&[SOURCE, TARGET], u64::MAX, 1);
    first.join(grant, listen(SOURCE), Leg::Dial(to), Waits::default());
    first.ready();
    socket::accept(&data);
}
