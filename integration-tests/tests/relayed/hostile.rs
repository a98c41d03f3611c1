//! A hostile relay against `ftp-user`. It can break off; what it changes, cuts or invents is no copy, and what it says for
//! people stays harmless.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test waits for some messages and skips the others")]

use super::{never, user};
use ftp_io::connection::Connection;
use ftp_proto::relay::message::{
    Code, End, FromAgent, GrantPurpose, Id, Leg, LegId, LegState, Pin, Target, Text, ToAgent,
};
use ftp_proto::relay::token::{Secret32, Token};
use integration_tests::foreign::own_address;
use integration_tests::impostor::{Impostor, Talk};
use integration_tests::relay::{bad_frames, token_file};
use integration_tests::site::sample;
use integration_tests::user::Run;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::spawn_local;

/// Runs `ftp-user` with these words at a relay that behaves so in its only session.
fn run_at(words: &[&str], behave: impl AsyncFnOnce(&Impostor, Talk<ToAgent>) + Send + 'static) -> Run {
    let token = Token::new("test", None, ftp_io::random::bytes().unwrap()).unwrap();
    let file = token_file(&token);
    let (told, at) = std::sync::mpsc::channel();
    let relay = std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let relay = Impostor::relay(&own_address().to_string(), &token).await;
            told.send(relay.address).unwrap();
            let session = relay.session().await;
            behave(&relay, session).await;
        });
    });
    let run = user().args(words).args(["--timeout", "3s", "--retries", "0", "--trace", "trace.txt"]);
    let run = run.relay(at.recv().unwrap(), file.path()).run();
    relay.join().unwrap();
    run
}

/// Grants what is asked for; everything else goes to `other`.
async fn grants(session: &mut Talk<ToAgent>, mut other: impl AsyncFnMut(&mut Talk<ToAgent>, ToAgent)) {
    while let Some(heard) = session.hear().await {
        match heard {
            ToAgent::Grant { id, max_bytes, max_ms, uses, .. } => {
                session.say(FromAgent::Granted { id, max_bytes, max_ms, uses }).await;
            }
            ToAgent::Ping { t } => session.say(FromAgent::Pong { t }).await,
            heard => other(session, heard).await,
        }
    }
}

/// The tunnel of a server is ready, for whoever proves the ticket.
async fn ready(session: &mut Talk<ToAgent>, id: Id, peer: SocketAddr) -> Secret32 {
    let ticket = Secret32::new(ftp_io::random::bytes().unwrap());
    let local = "127.0.0.1:1".parse().unwrap();
    session.say(FromAgent::TunnelReady { id, local, peer, ticket: ticket.clone() }).await;
    ticket
}

/// `ls` of a server that only the relay would reach.
fn listed(behave: impl AsyncFnOnce(&Impostor, Talk<ToAgent>) + Send + 'static) -> Run {
    let closed = std::net::TcpListener::bind((own_address(), 0)).unwrap().local_addr().unwrap();
    let run = run_at(&["ls", &format!("ftp://ann:s3cret@{closed}/")], behave);
    assert!(!run.to_string().contains('\u{1b}') && run.code() != Some(0), "{run}");
    run
}

#[test]
fn whatever_a_relay_says_ends_with_a_reason_that_is_harmless_to_show() {
    for said in bad_frames() {
        listed(async move |_, mut session| {
            session.say_badly(&said).await;
            if said.is_cut() {
                session.close().await;
            }
            session.ended().await;
        });
    }
    let text = || Text::of("\u{1b}]0;x\u{7}\u{202e}\r\nftp-user: done");
    listed(async move |_, mut session| {
        session.say(FromAgent::Bye { code: Code::Denied, text: text(), retry_after_ms: u32::MAX }).await;
        session.ended().await;
    });
    for code in [Code::Denied, Code::Busy, Code::Internal, Code::Protocol, Code::Unwelcome] {
        listed(async move |_, mut session| {
            grants(&mut session, async |session, heard| {
                if let ToAgent::Tunnel { id, .. } = heard {
                    session.say(FromAgent::Refused { id, code, leg: None, text: text() }).await;
                }
            })
            .await;
        });
    }
}

#[test]
fn a_flood_of_messages_and_a_tunnel_without_an_end_are_ended() {
    listed(async |_, mut session| {
        for t in 0..100_000 {
            session.say(FromAgent::Pong { t }).await;
        }
        grants(&mut session, async |session, heard| {
            if let ToAgent::Tunnel { id, .. } = heard {
                session
                    .say(FromAgent::Refused { id, code: Code::Busy, leg: None, text: Text::default() })
                    .await;
            }
        })
        .await;
    });
    // A line without an end, and silence.
    for endless in [true, false] {
        let run = listed(async move |relay, mut session| {
            let server = relay.address;
            grants(&mut session, async |session, heard| {
                if let ToAgent::Tunnel { id, .. } = heard {
                    let ticket = ready(session, id, server).await;
                    let mut link = relay.attached(&ticket).await;
                    while endless && link.send(&[b'2'; 65_536]).await.is_ok() {}
                    let mut room = [0; 64];
                    while let Ok(1..) = link.receive(&mut room).await {}
                }
            })
            .await;
        });
        assert!(
            !std::fs::read_to_string(run.home().join("trace.txt")).unwrap_or_default().contains("PASS"),
            "{run}"
        );
    }
}

/// What becomes of the bytes of a join.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lie {
    /// There never were any connections.
    Invented,
    /// One byte is another one.
    Changed,
    /// Half of them are missing, and the rest is said to be all.
    Cut,
}

/// A leg that has begun.
enum Begun {
    Listens(TcpListener, Pin),
    Dials(SocketAddr),
}

impl Begun {
    async fn of(leg: Leg) -> Self {
        match leg {
            Leg::Listen(pin) => Self::Listens(TcpListener::bind("127.0.0.1:0").await.unwrap(), pin),
            Leg::Dial(at) => Self::Dials(at),
        }
    }

    fn state(&self) -> LegState {
        match self {
            Self::Listens(listener, _) => LegState::Listening(listener.local_addr().unwrap()),
            Self::Dials(at) => LegState::Dialing(*at),
        }
    }

    async fn connection(self) -> TcpStream {
        match self {
            Self::Listens(listener, _) => listener.accept().await.unwrap().0,
            Self::Dials(at) => TcpStream::connect(at).await.unwrap(),
        }
    }

    /// Where the server's connection would come from, if there were one.
    const fn peer(&self) -> SocketAddr {
        match self {
            Self::Listens(_, pin) => SocketAddr::new(pin.ip, 20),
            Self::Dials(at) => *at,
        }
    }
}

/// Joins the data connections of two servers, and lies.
async fn joins(session: &mut Talk<ToAgent>, id: Id, legs: [Leg; 2], lie: Lie) {
    let [a, b] = [Begun::of(legs[0]).await, Begun::of(legs[1]).await];
    session.say(FromAgent::JoinReady { id, a: a.state(), b: b.state() }).await;
    let peers = [a.peer(), b.peer()];
    let mut ends = None;
    if lie != Lie::Invented {
        ends = Some((a.connection().await, b.connection().await));
    }
    let local = "127.0.0.1:1".parse().unwrap();
    for (leg, peer) in [LegId::A, LegId::B].into_iter().zip(peers) {
        session.say(FromAgent::LegUp { join: id, leg, local, peer, strangers: 0 }).await;
    }
    session.say(FromAgent::Joined { id }).await;
    if let Some((from, to)) = ends {
        let ((mut from, mut to_source), (mut of_destination, mut to)) = (from.into_split(), to.into_split());
        // The servers prove themselves to each other before the file.
        let proofs = spawn_local(async move { drop(copy(&mut of_destination, &mut to_source).await) });
        let (mut passed, mut room) = (0, [0; 4_096]);
        while let Ok(count @ 1..) = from.read(&mut room).await {
            if lie == Lie::Changed && passed > 4_096 {
                room[0] ^= 1;
            }
            passed += count;
            let is_lost = lie == Lie::Cut && passed > SIZE / 2;
            if !is_lost && to.write_all(&room[..count]).await.is_err() {
                break;
            }
        }
        drop(to.shutdown().await);
        proofs.abort();
    }
    let a_to_b = SIZE as u64;
    session.say(FromAgent::HalfEof { join: id, from: LegId::A, bytes: a_to_b }).await;
    session.say(FromAgent::Ended { id, a_to_b, b_to_a: 0, how: End::Eof }).await;
}

const SIZE: usize = 300_000;

#[test]
fn a_relay_that_invents_changes_or_cuts_what_it_joins_is_found_out_and_nothing_has_the_final_name() {
    for (lie, code) in [(Lie::Invented, 5), (Lie::Changed, 7), (Lie::Cut, 7)] {
        let (from, to) = (never().file("a", sample(SIZE)).start(), never().start());
        let words = ["copy", "--no-race", "--json", "--path", "relay", &from.url("a"), &to.url("a")];
        let run = run_at(&words, async move |relay, mut session| {
            let mut asked: Vec<(Id, SocketAddr)> = Vec::new();
            while let Some(heard) = session.hear().await {
                match heard {
                    ToAgent::Grant { id, purpose, max_bytes, max_ms, uses } => {
                        if let GrantPurpose::Tunnel(Target { host, port }) = purpose {
                            asked.push((id, SocketAddr::new(host.as_str().parse().unwrap(), port)));
                        }
                        session.say(FromAgent::Granted { id, max_bytes, max_ms, uses }).await;
                    }
                    ToAgent::Tunnel { id, grant } => {
                        let server = asked.iter().find(|(of, _)| *of == grant).unwrap().1;
                        let ticket = ready(&mut session, id, server).await;
                        let mut link = Connection::from(relay.attached(&ticket).await);
                        let mut server = TcpStream::connect(server).await.unwrap();
                        spawn_local(async move { drop(copy_bidirectional(&mut link, &mut server).await) });
                    }
                    ToAgent::Join { id, a, b, .. } => joins(&mut session, id, [a, b], lie).await,
                    ToAgent::Ping { t } => session.say(FromAgent::Pong { t }).await,
                    _ => {}
                }
            }
        });
        assert_eq!(run.code(), Some(code), "{lie:?} {run}");
        assert!(!to.names().contains(&"a".to_owned()), "{lie:?} {run}");
    }
}
