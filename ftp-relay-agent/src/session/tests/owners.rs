//! An event brings something back after its owner has gone: what it brings is dropped, and nobody hears of it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};

use ftp_io::link::{Acceptor, attach};
use ftp_proto::relay::agent::{Answer, Ask, ConnId, Ticket, Work};
use tokio::net::TcpStream;

use super::*;
use crate::session::direct::accepted;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Bench {
    /// The next report of a task. The performer does not know it yet.
    async fn report(&mut self) -> Event {
        let report = tokio::time::timeout(Duration::from_secs(60), self.events.recv()).await;
        *report.expect("a task reports").expect("the performer has a sender")
    }

    /// Reports something whose owner has gone.
    fn comes_late(&mut self, event: Event) {
        self.performer.finish(event, |input| panic!("the machine hears {input:?}"));
        assert_eq!(self.performer.held(), [0; 5], "connections, tasks, waits, places, joins");
    }

    /// Connects to a server at this port.
    async fn connected(&mut self, port: u16) -> ConnId {
        self.performer.perform(dial(Ticket(1), port));
        let connected = self.report().await;
        let mut held = None;
        self.performer.finish(connected, |input| {
            if let Input::Answer(_, Answer::Connected { conn, .. }) = input {
                held = Some(conn);
            }
        });
        held.expect("it is connected")
    }
}

fn dial(ticket: Ticket, port: u16) -> Ask {
    Ask::Dial { ticket, from: HERE, to: (HERE, port).into(), work: Work::Tunnel }
}

/// A link with the other agent's end of it.
async fn link(secret: &Secret32) -> (ftp_io::link::Link, ftp_io::link::Link) {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (arrived, _) = listener.accept().await.unwrap();
    let acceptor = Acceptor::new().unwrap();
    let (there, here) = tokio::join!(attach(stream, secret), accepted(&acceptor, arrived, secret));
    (here.unwrap(), there.unwrap())
}

fn is_reset(end: &io::Result<usize>) -> bool {
    end.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn a_connection_that_nobody_waits_for_is_reset() {
    let (port, ended) = greeter().await;
    let mut bench = Bench::start();
    bench.performer.perform(dial(Ticket(1), port));
    let connected = bench.report().await;
    bench.performer.perform(Ask::Cancel(Ticket(1)));
    bench.comes_late(connected);
    assert!(is_reset(&ended.await));
}

#[tokio::test]
async fn a_server_that_greets_while_its_tunnel_is_closed_is_reset() {
    let (port, ended) = greeter().await;
    let mut bench = Bench::start();
    let conn = bench.connected(port).await;
    bench.performer.perform(Ask::Greeting { ticket: Ticket(2), conn });
    let greeted = bench.report().await;
    bench.performer.perform(Ask::Cancel(Ticket(2)));
    bench.performer.perform(Ask::Reset(conn));
    bench.comes_late(greeted);
    assert!(is_reset(&ended.await));
}

#[tokio::test]
async fn a_peer_that_comes_while_its_listener_is_closed_is_reset() {
    let mut bench = Bench::start();
    bench.performer.perform(Ask::Listen { ticket: Ticket(1), at: HERE });
    let Some((_, Answer::Listening(at))) = bench.performer.next_answer() else { panic!("it listens") };
    let mut peer = TcpStream::connect(at).await.unwrap();
    let arrived = bench.report().await;
    bench.performer.perform(Ask::Unlisten(Ticket(1)));
    bench.comes_late(arrived);
    assert!(is_reset(&peer.read(&mut [0]).await));
}

#[tokio::test]
async fn r24_what_the_relay_has_connected_itself_is_told_to_the_machine_until_it_is_closed() {
    let (port, _ended) = greeter().await;
    let mut bench = Bench::start();
    let conn = bench.connected(port).await;
    let dialled = bench.performer.local_of(conn);
    bench.performer.perform(Ask::Listen { ticket: Ticket(2), at: HERE });
    let Some((_, Answer::Listening(at))) = bench.performer.next_answer() else { panic!("it listens") };
    let is_own = async |bench: &mut Bench| {
        let _peer = TcpStream::connect(at).await.unwrap();
        let Event::Arrived { listener, stream, .. } = bench.report().await else { panic!("nobody arrived") };
        // As if a router had led the relay's own connection here.
        let mut seen = None;
        bench.performer.finish(Event::Arrived { listener, stream, from: dialled }, |input| {
            if let Input::Arrived { arrival, .. } = input {
                seen = Some(arrival.is_own);
            }
        });
        seen.expect("the machine hears of it")
    };
    assert!(is_own(&mut bench).await);
    bench.performer.perform(Ask::Reset(conn));
    assert!(!is_own(&mut bench).await);
}

#[tokio::test]
async fn a_link_that_comes_while_its_tunnel_is_closed_ends() {
    let mut bench = Bench::start();
    let secret = Secret32::new([7; 32]);
    let (here, mut there) = link(&secret).await;
    bench.performer.perform(Ask::Expect { ticket: Ticket(1), secret });
    bench.performer.perform(Ask::Unexpect(Ticket(1)));
    bench.comes_late(Event::Attached { ticket: Ticket(1), link: Box::new(here), direct: None });
    assert!(there.receive(&mut [0]).await.is_err(), "it is reset");
}

#[tokio::test]
async fn an_agent_that_answers_a_call_that_was_given_up_is_left() {
    let mut bench = Bench::start();
    let (here, mut there) = link(&Secret32::new([7; 32])).await;
    bench.comes_late(Event::Called(Ticket(1), Box::new(here), None));
    assert!(there.receive(&mut [0]).await.is_err(), "it is reset");
}
