//! Attacks of one token at a relay.
#![allow(clippy::wildcard_enum_match_arm, reason = "a client waits for one message and skips the others")]

use std::collections::VecDeque;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use ftp_proto::relay::message::{FromAgent, ToAgent, Waits};
use ftp_proto::relay::token::Token;
use integration_tests::relay::{Agent, Greeter, Relay, Session, listen};

use super::{AHEAD, ATTACKERS, SESSIONS, Scene, Stop, again_and_again, rest};
use crate::plan::Plan;
use crate::report::Report;

/// The server of the other one, and that of the attacker.
const SERVER: &str = "127.0.0.2";
const ATTACKED: &str = "127.0.0.3";
/// Connections that the server of the attacker keeps.
const KEPT: usize = 512;

pub(super) fn table(plan: &Plan, report: &mut Report) {
    let agent = Relay::new()
        .allow(&format!("{SERVER}:21,1024-65535"))
        .allow(&format!("{ATTACKED}:21,1024-65535"))
        .token("other")
        .start();
    let attacker = Entrance { at: agent.address, token: Arc::new(agent.token.clone()) };
    let (greeter, server) = (Greeter::start(SERVER), greets_many());
    let probe = || session_of_other(&agent, SERVER, greeter.address().port());
    let scene = Scene { id: agent.running.id(), probe: &probe };
    let alone = scene.alone("a session and a tunnel at a relay, alone", report);
    scene.beside(
        plan,
        alone,
        "tunnels closed as their server greets",
        |stop| attackers(&attacker, stop, move |entrance, stop| closes_tunnels(entrance, server, stop)),
        report,
    );
    rest();
    scene.beside(plan, alone, "256 sessions with pings", |stop| attackers(&attacker, stop, pings), report);
    rest();
    scene.beside(
        plan,
        alone,
        "sessions that hang up in their tunnels",
        |stop| attackers(&attacker, stop, move |entrance, _| hangs_up(entrance, server)),
        report,
    );
    rest();
    scene.beside(
        plan,
        alone,
        "joins that nobody comes to",
        |stop| attackers(&attacker, stop, move |entrance, stop| waits_in_joins(entrance, server, stop)),
        report,
    );
    rest();
}

/// Where an attacker gets in, and by which token.
#[derive(Clone)]
pub(super) struct Entrance {
    pub(super) at: SocketAddr,
    pub(super) token: Arc<Token>,
}

/// A session, a tunnel and the greeting that comes through it.
pub(super) fn session_of_other(agent: &Agent, host: &str, port: u16) -> Result<(), String> {
    let token = agent.others.first().ok_or("no token")?;
    let mut session = agent.session_with(token).map_err(|why| why.to_string())?;
    session.tunnel(host, port);
    loop {
        match session.said().map_err(|why| why.to_string())? {
            FromAgent::TunnelReady { ticket, .. } => {
                let greeting = session.through(&ticket, b"", 10).map_err(|why| why.to_string())?;
                return if greeting == b"220 here\r\n" { Ok(()) } else { Err("another greeting".to_owned()) };
            }
            FromAgent::Refused { code, .. } => return Err(format!("{code:?}")),
            _ => {}
        }
    }
}

pub(super) fn attackers(
    entrance: &Entrance,
    stop: &Stop,
    attack: impl Fn(&Entrance, &Stop) -> Option<()> + Clone + Send + 'static,
) -> Vec<JoinHandle<()>> {
    (0..ATTACKERS)
        .map(|_| {
            let (entrance, attack) = (entrance.clone(), attack.clone());
            again_and_again(stop, move |stop| attack(&entrance, stop))
        })
        .collect()
}

impl Entrance {
    pub(super) fn enter(&self) -> Option<Session> {
        Session::begin(self.at, &self.token).ok()
    }
}

/// A server that greets everybody, by several threads, and forgets the oldest connections.
fn greets_many() -> SocketAddr {
    let listener = TcpListener::bind((ATTACKED, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..ATTACKERS {
        let listener = listener.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut kept = VecDeque::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                drop(stream.write_all(b"220 here\r\n"));
                kept.push_back(stream);
                if kept.len() > KEPT {
                    kept.pop_front();
                }
            }
        });
    }
    address
}

/// Each tunnel is closed when the relay says that it stands, and right behind the question.
fn closes_tunnels(entrance: &Entrance, server: SocketAddr, stop: &Stop) -> Option<()> {
    let mut session = entrance.enter()?;
    let (host, port) = (server.ip().to_string(), server.port());
    while !stop.is_told() {
        let ids: Vec<_> = (0..32).map(|_| session.tunnel(&host, port)).collect();
        let mut open = ids.len();
        while open > 0 {
            match session.said().ok()? {
                FromAgent::Granted { .. } => {
                    let close = |id| ToAgent::Close { id };
                    ids.get(ids.len() - open).copied().into_iter().for_each(|id| session.say(close(id)));
                }
                FromAgent::TunnelReady { id, .. } => session.say(ToAgent::Close { id }),
                FromAgent::Ended { .. } | FromAgent::Refused { .. } => open -= 1,
                _ => {}
            }
        }
    }
    Some(())
}

/// A quarter of the sessions that the token may have, each with pings ahead of their answers.
fn pings(entrance: &Entrance, stop: &Stop) -> Option<()> {
    let mut sessions: Vec<Session> = (0..SESSIONS / ATTACKERS).filter_map(|_| entrance.enter()).collect();
    while !stop.is_told() {
        for session in &mut sessions {
            (0..AHEAD).for_each(|t| session.say(ToAgent::Ping { t: t.into() }));
        }
        for session in &mut sessions {
            let mut answers = 0;
            while answers < AHEAD {
                answers += u32::from(matches!(session.said().ok()?, FromAgent::Pong { .. }));
            }
        }
    }
    Some(())
}

fn hangs_up(entrance: &Entrance, server: SocketAddr) -> Option<()> {
    let mut session = entrance.enter()?;
    let (host, port) = (server.ip().to_string(), server.port());
    for _ in 0..32 {
        session.tunnel(&host, port);
    }
    session.said().ok()?;
    Some(())
}

fn waits_in_joins(entrance: &Entrance, server: SocketAddr, stop: &Stop) -> Option<()> {
    let mut session = entrance.enter()?;
    session.meet(Greeter::at(server));
    while !stop.is_told() {
        let grant = session.grant(&[ATTACKED], u64::MAX, 1);
        let id = session.join(grant, listen(ATTACKED), listen(ATTACKED), Waits::default());
        loop {
            match session.said().ok()? {
                FromAgent::JoinReady { .. } => session.say(ToAgent::Close { id }),
                FromAgent::Ended { .. } | FromAgent::Refused { .. } => break,
                _ => {}
            }
        }
    }
    Some(())
}
