//! The session of a relay agent: any user agent, any servers, and any other ends of connections.

mod driver;
mod messages;

use super::script::Script;
use driver::Driver;
use ftp_proto::listing::When;
use ftp_proto::policy::Rules;
use ftp_proto::relay::agent::{Answer, Arrival, Config, Input, Limits, Opening, Session, Withdrawn};
use ftp_proto::relay::date::DateAt;
use ftp_proto::relay::message::LegId;
use ftp_proto::timer::Moment;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The first step of a script that is no message.
const STEPS: u8 = 0x80;
/// How many deadlines may pass until a session ends whose user agent has gone.
const DEADLINES: usize = 4_000;
/// The address of the agent.
const HERE: [u8; 4] = [198, 51, 100, 9];
/// How many tunnels and joins there may be.
const FLOWS: usize = 4;

/// A user agent, and what happens to its tunnels and joins, step by step.
///
/// Nothing is opened without a grant, nor towards an address that the operator has not named. What a session holds is
/// bounded, and with its last tunnel or join everything is given back. Nothing is asked for after the end, or of something that
/// is not there. No state waits without a timer or a question. No text shows a secret.
pub fn relay_session(data: &[u8]) {
    let mut script = Script::new(data);
    let mut driver = begin(script.byte());
    while !driver.closed
        && let Some(step) = script.next()
    {
        driver.step(step, &mut script);
    }
    driver.end();
}

fn begin(kind: u8) -> Driver {
    let limits = Limits {
        grants: 3,
        flows: FLOWS,
        life: Duration::from_secs(600),
        strangers: (kind & 1 != 0).then_some(3),
        ..Limits::USUAL
    };
    let config = Config {
        rules: Rules {
            relay: vec!["192.0.2.0/24:21,990/tls".parse().unwrap()],
            data_ports: vec!["5000-5099".parse().unwrap()],
            own_listeners: vec![(HERE, 2190).into()],
            ..Rules::default()
        },
        listen: if kind & 2 == 0 { vec![HERE.into()] } else { Vec::new() },
        meets: kind & 4 == 0,
        expires: (kind & 8 != 0).then(|| Moment::after_start(Duration::from_secs(300))),
        date: (kind & 16 != 0).then_some(DateAt { moment: Moment::START, date: When(1_800_000_000) }),
        limits,
        ..Config::new(IpAddr::from([203, 0, 113, 1]), HERE.into())
    };
    Driver::new(Session::new(Moment::START, config), kind & 32 != 0)
}

impl Driver {
    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step.checked_sub(STEPS) {
            None => {
                let message = self.message(step, script);
                self.say(message);
            }
            Some(0) => self.hear(script.text()),
            Some(1) => self.mood = script.byte(),
            Some(2..=4) => {
                if let Some(ticket) = script.pick(self.open.keys().copied()) {
                    self.answer(ticket, script.byte());
                    self.drain();
                }
            }
            Some(5) => self.late_connection(),
            Some(6 | 7) => self.arrive(script),
            Some(8) => self.attach(script),
            Some(9) => self.flow(script),
            Some(10) => self.pass(Duration::from_secs(script.byte().into())),
            Some(11) => self.wait(),
            Some(12) => self.renew(script.byte()),
            Some(13) => self.revoke(script.byte()),
            Some(14) => self.leave(Input::Closed),
            Some(15) => self.leave(Input::Shutdown),
            Some(16) => self.leave(Input::Full),
            Some(_) => self.input(Input::Next),
        }
    }

    fn late_connection(&mut self) {
        if let Some(ticket) = self.cancelled.pop() {
            let conn = self.connect();
            self.input(Input::Answer(ticket, Answer::Connected { conn, local: (HERE, 999).into() }));
            assert!(!self.conns.contains(&conn) || self.closed, "a connection that came too late stays");
        }
    }

    fn arrive(&mut self, script: &mut Script<'_>) {
        if let Some(listener) = script.pick(self.listeners.iter().copied()) {
            let from = script.byte();
            let arrival = Arrival {
                conn: self.connect(),
                local: (HERE, 5001).into(),
                from: ([192, 0, 2, from & 3], if from & 4 == 0 { 20 } else { 40_000 }).into(),
                is_own: from & 56 == 56,
            };
            self.input(Input::Arrived { listener, arrival });
        }
    }

    /// A link comes that proves its secret.
    fn attach(&mut self, script: &mut Script<'_>) {
        if let Some((ticket, meets)) =
            script.pick(self.expected.iter().map(|(ticket, meets)| (*ticket, *meets)))
        {
            self.expected.remove(&ticket);
            let conn = self.connect();
            let (local, peer): (SocketAddr, SocketAddr) = ((HERE, 2190).into(), ([203, 0, 113, 5], 9).into());
            if script.byte() & 1 == 0 || !meets {
                self.input(Input::Attached { ticket, conn });
            } else {
                self.input(Input::Met { ticket, conn, local, peer });
            }
        }
    }

    /// Something happens to what flows.
    fn flow(&mut self, script: &mut Script<'_>) {
        let Some(join) = script.pick(self.flows.keys().copied()) else { return };
        let how = script.byte();
        let Some(flow) = self.flows.get_mut(&join) else { return };
        match how & 3 {
            0 | 1 => {
                let (from, end) = if how & 1 == 0 {
                    (LegId::A, &mut flow.ended[0])
                } else {
                    (LegId::B, &mut flow.ended[1])
                };
                if !std::mem::replace(end, true) {
                    self.input(Input::HalfEof { join, from, bytes: how.into() });
                }
            }
            2 if flow.opening == Opening::Tls && !std::mem::replace(&mut flow.greeted, true) => {
                self.input(Input::Greeted { join });
            }
            _ => self.end_flow(join, how >> 2),
        }
    }

    fn renew(&mut self, how: u8) {
        let allow = if how & 1 == 0 { "192.0.2.0/24:21,990/tls" } else { "192.0.2.2:21" };
        let data_ports = if how & 2 == 0 { vec!["5000-5099".parse().unwrap()] } else { Vec::new() };
        let limits = Limits { grants: 2, flows: FLOWS, life: Duration::from_secs(600), ..Limits::USUAL };
        self.input(Input::Renewed { allow: vec![allow.parse().unwrap()], data_ports, limits });
    }

    fn revoke(&mut self, how: u8) {
        let why = [Withdrawn::Expired, Withdrawn::Token, Withdrawn::Rule][usize::from(how) % 3];
        self.leave(Input::Revoked(why));
    }

    /// The clock goes on; every deadline on the way fires.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..DEADLINES {
            if self.deadline.is_none_or(|deadline| deadline > end) {
                self.now = end;
                return;
            }
            self.wait();
        }
        panic!("deadlines without end");
    }

    /// The user agent goes, nothing moves any more, and what was asked is not answered, except for what is to stop.
    fn end(&mut self) {
        self.leave(Input::Closed);
        self.mood = 0;
        for _ in 0..DEADLINES {
            if self.closed {
                break;
            }
            self.stop_all();
            self.wait();
        }
        assert!(self.closed, "a session without an end: {:?}", self.session);
        for input in
            [Input::Bytes(b"\0\0\0\x01\0"), Input::Next, Input::Closed, Input::Shutdown, Input::Timeout]
        {
            self.input(input);
        }
    }
}
