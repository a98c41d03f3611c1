//! Attacks of one token at a hub.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ftp_io::link;
use ftp_proto::relay::hub::{FromHub, Role, ToHub};
use ftp_proto::relay::message::{Id, Text};
use ftp_proto::relay::token::Token;
use integration_tests::hub::{Hub, Session};
use integration_tests::socket::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::interval;

use super::{AHEAD, ATTACKERS, SESSIONS, Scene, Stop, again_and_again, rest};
use crate::plan::Plan;
use crate::report::Report;

/// The agent of the other one, and that of the attacker.
const AGENT: &str = "edge";
const ATTACKED: &str = "trap";
/// What the agent of the other one says to whoever calls it.
const GREETING: &[u8] = b"220 here\r\n";
/// How often the agent of the other one shows that it is there.
const PING: Duration = Duration::from_secs(10);

pub(super) fn table(plan: &Plan, report: &mut Report) {
    let hub = Hub::start("127.0.0.9");
    let eve = Token::new("eve", None, ftp_io::random::bytes().unwrap()).unwrap();
    hub.hold(&[hub.token.clone(), eve.clone()]);
    let (at, token) = (hub.address, hub.token.clone());
    thread::spawn(move || runtime().block_on(greets(at, &token)));
    let probe = || runtime().block_on(call_of_other(&hub));
    until("the agent has joined", || probe().is_ok());
    let scene = Scene { id: hub.running.id(), probe: &probe };
    let alone = scene.alone("a session and a call at a hub, alone", report);
    let attacker = Attacker { hub: at, token: Arc::new(eve) };
    for (name, attack) in ATTACKS {
        scene.beside(plan, alone, name, |stop| attacker.attack(stop, attack), report);
        rest();
    }
}

/// Who attacks, and where.
#[derive(Clone)]
struct Attacker {
    hub: SocketAddr,
    token: Arc<Token>,
}

/// What each thread does again and again.
type Attack = fn(&Attacker, &Stop) -> Option<()>;

const ATTACKS: [(&str, Attack); 3] = [
    ("256 sessions with pings at a hub", |attacker, stop| {
        let runtime = runtime();
        let begin = |_| runtime.block_on(attacker.session(user()));
        let mut sessions: Vec<Session> = (0..SESSIONS / ATTACKERS).filter_map(begin).collect();
        while !stop.is_told() {
            runtime.block_on(pings(&mut sessions))?;
        }
        Some(())
    }),
    ("calls to an agent that never comes", |attacker, stop| {
        runtime().block_on(async {
            let mut agent = attacker.session(agent(ATTACKED)).await?;
            let mut caller = attacker.session(user()).await?;
            let mut id = 0;
            while !stop.is_told() {
                let calls = (0..AHEAD).map(|_| {
                    id += 1;
                    ToHub::Call { id: Id(id), agent: Text::of(ATTACKED) }
                });
                caller.say(calls.collect()).await;
                for _ in 0..AHEAD {
                    caller.heard().await?;
                }
                agent.say(vec![ToHub::Ping { t: 1 }]).await;
                while !matches!(agent.heard().await?, FromHub::Pong { .. }) {}
            }
            Some(())
        })
    }),
    ("agents that join and leave at once", |attacker, _| {
        runtime().block_on(async { attacker.session(agent(ATTACKED)).await?.heard().await.map(drop) })
    }),
];

impl Attacker {
    fn attack(&self, stop: &Stop, attack: Attack) -> Vec<JoinHandle<()>> {
        (0..ATTACKERS)
            .map(|_| {
                let attacker = self.clone();
                again_and_again(stop, move |stop| attack(&attacker, stop))
            })
            .collect()
    }

    async fn session(&self, role: Role) -> Option<Session> {
        Session::begin(self.hub, &self.token, role).await.ok()
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn user() -> Role {
    Role::User { name: Text::of("user") }
}

fn agent(name: &str) -> Role {
    Role::Agent { name: Text::of(name), boot: 1 }
}

async fn pings(sessions: &mut [Session]) -> Option<()> {
    for session in &mut *sessions {
        session.say((0..AHEAD).map(|t| ToHub::Ping { t: t.into() }).collect()).await;
    }
    for session in sessions {
        for _ in 0..AHEAD {
            session.heard().await?;
        }
    }
    Some(())
}

/// The agent of the other one: it greets whoever calls it.
async fn greets(hub: SocketAddr, token: &Token) {
    let Ok(mut session) = Session::begin(hub, token, agent(AGENT)).await else { return };
    let mut pings = interval(PING);
    loop {
        let heard = tokio::select! {
            heard = session.heard() => heard,
            _ = pings.tick() => {
                session.say(vec![ToHub::Ping { t: 1 }]).await;
                continue;
            }
        };
        let Some(FromHub::Called { ticket }) = heard else { if heard.is_none() { return } else { continue } };
        let Ok(stream) = TcpStream::connect(hub).await else { continue };
        if let Ok(mut stream) = link::call(stream, &ticket).await {
            drop(stream.write_all(GREETING).await);
        }
    }
}

/// A session, a call and the greeting of the agent.
async fn call_of_other(hub: &Hub) -> Result<(), String> {
    let mut session = Session::begin(hub.address, &hub.token, user()).await.map_err(|why| why.to_string())?;
    session.say(vec![ToHub::Call { id: Id(1), agent: Text::of(AGENT) }]).await;
    let heard = session.heard().await.ok_or("the session has ended")?;
    let FromHub::Ready { ticket, .. } = heard else { return Err(format!("{heard:?}")) };
    let stream = TcpStream::connect(hub.address).await.map_err(|error| error.to_string())?;
    let mut stream = link::call(stream, &ticket).await.map_err(|why| why.to_string())?;
    let mut greeting = Vec::new();
    stream.read_to_end(&mut greeting).await.map_err(|error| error.to_string())?;
    if greeting == GREETING { Ok(()) } else { Err("another greeting".to_owned()) }
}
