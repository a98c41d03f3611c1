//! Operations of `ftp-relay-agent`.

use super::quiet::{settle, settle_for_long};
use super::table::Count;
use super::valgrind::Valgrind;
use ftp_proto::relay::message::{FromAgent, LegState, ToAgent, Waits};
use integration_tests::relay::{Agent, Relay, listen};
use integration_tests::socket::connect;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// The two servers, as far as the relay sees them.
const SOURCE: &str = "127.0.0.2";
const TARGET: &str = "127.0.0.3";

fn run(valgrind: &Valgrind, work: impl FnOnce(&Agent)) -> Count {
    let (launcher, counted) = valgrind.launcher();
    let relay = Relay::new().server(SOURCE).server(TARGET).launcher(&launcher);
    let mut agent = relay.start();
    settle(agent.running.id());
    work(&agent);
    settle(agent.running.id());
    agent.running.signal(Signal::TERM);
    assert!(agent.running.wait().success());
    counted.count()
}

/// Frames of a session, each with its answer.
pub(crate) fn frame(valgrind: &Valgrind, times: usize) -> Count {
    run(valgrind, |agent| {
        let mut session = agent.session();
        for number in 0..times as u64 {
            settle(agent.running.id());
            session.say(ToAgent::Ping { t: number });
            session.hear_until(|heard| matches!(heard, FromAgent::Pong { .. }).then_some(()));
        }
    })
}

/// Megabytes from one server to the other. The next piece is sent when the relay sleeps.
pub(crate) fn join(valgrind: &Valgrind, times: usize) -> Count {
    /// Less than one segment of loopback.
    const PIECE: usize = 32 << 10;
    run(valgrind, |agent| {
        let mut session = agent.session().greeted(&[SOURCE, TARGET]);
        let grant = session.grant(&[SOURCE, TARGET], u64::MAX, 1);
        session.join(grant, listen(SOURCE), listen(TARGET), Waits::default());
        let (a, b) = session.ready();
        let (mut source, mut target) = (connect_from(SOURCE, a), connect_from(TARGET, b));
        let (bytes, mut room) = (vec![7; PIECE], vec![0; PIECE]);
        for _ in 0..(times << 20) / PIECE {
            settle_for_long(agent.running.id());
            source.write_all(&bytes).unwrap();
            target.read_exact(&mut room).unwrap();
        }
    })
}

fn connect_from(ip: &str, leg: LegState) -> TcpStream {
    let LegState::Listening(to) = leg else { panic!("{leg:?}") };
    connect(SocketAddr::new(ip.parse().unwrap(), 0), to)
}
