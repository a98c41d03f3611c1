//! The session of a server: any sequence of command lines, bytes, answers, connections and deadlines.

mod answers;
mod client;
mod driver;
mod lines;

use super::script::Script;
use client::Client;
use driver::{Conn, Driver, STOPPED};
use ftp_proto::command::{Direction, GroupNumber};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::{Foreign, Rules};
use ftp_proto::rendezvous::{self, Exchange, Flags, HELLO_LEN, RendezvousSecret};
use ftp_proto::server::ask::{Answer, ConnId, Input, Ticket};
use ftp_proto::server::{Config, Connection, Gender, Reuse, Session, Tls, TlsStart};
use lines::{LINES, SECRET};
use std::net::SocketAddr;
use std::time::Duration;

/// The first step of a script that is no line.
const STEPS: u8 = 0xC0;
/// The bit of an account whose client ends what is under way, and says goodbye.
const ENDS_IN_ORDER: u8 = 128;
/// How many deadlines may pass until a session ends whose client is silent or gone.
const DEADLINES: usize = 4_000;

/// A listener, an account, and what happens to a session, step by step.
///
/// Every command has one final reply, in order. Nothing is asked for after the end, or twice, or of something that is not
/// there. What a session holds is bounded, no state waits without a timer, and a client that is silent or gone ends it. No
/// reply and no text for a log shows a secret.
pub fn server_session(data: &[u8]) {
    let mut script = Script::new(data);
    let mut driver = begin(data, &mut script);
    driver.input(Input::Start);
    while !driver.closed
        && let Some(step) = script.next()
    {
        driver.step(step, &mut script);
    }
    driver.client.judge(format!("{:?}", driver.session).as_bytes());
    if driver.account & ENDS_IN_ORDER != 0 && !driver.left {
        driver.end_in_order();
    }
    driver.end();
}

/// A session with a listener of any kind.
fn begin(data: &[u8], script: &mut Script<'_>) -> Driver {
    let (kind, tls, account) = (script.byte(), script.byte(), script.byte());
    let old = kind & 7 == 7;
    let config = Config {
        dialect: if old { Dialect::Rfc354 } else { Dialect::Rfc959 },
        gender: if kind & 8 == 0 { Gender::Off } else { Gender::Strict },
        defers_socket: kind & 16 != 0,
        strict_listen: kind & 32 != 0,
        has_hooks: kind & 64 != 0,
        rules: match tls >> 6 {
            0 => Rules::default(),
            1 => Rules { foreign: Foreign::Never, ..Rules::default() },
            _ => Rules {
                foreign: Foreign::Authenticated,
                foreign_networks: Some(vec!["0.0.0.0/0".parse().unwrap()]),
                ..Rules::default()
            },
        },
        tls: Tls {
            begin: [TlsStart::Never, TlsStart::Never, TlsStart::Explicit, TlsStart::Implicit]
                [usize::from(tls & 3)],
            required: tls & 4 != 0,
            reuse: [Reuse::Preferred, Reuse::Required, Reuse::Off][usize::from(tls >> 3 & 3).min(2)],
            ..Tls::default()
        },
        ..Config::default()
    };
    let connection = Connection {
        peer: address("192.0.2.7:50000"),
        local: address("192.0.2.1:21"),
        proxied: kind & 128 != 0,
        public_address: None,
        entropy: [9; 32],
    };
    let mut driver = Driver::new(Session::new(config.into(), connection), Client::new(data));
    driver.counts = !old;
    driver.account = account;
    driver
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Driver {
    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step.checked_sub(STEPS) {
            None => self.say(LINES[usize::from(step) % LINES.len()].as_bytes()),
            Some(0) => {
                self.send(script.text());
                self.client.begun = true;
            }
            Some(1) => {
                let directory = self.client.next_directory();
                self.say(directory.as_bytes());
            }
            Some(2) => self.mood = script.byte(),
            Some(3 | 4) => {
                if let Some(ticket) = script.pick(self.open.keys().copied()) {
                    self.answer(ticket, script.byte());
                    self.input(Input::Bytes(b""));
                }
            }
            Some(5) => self.late_connection(),
            Some(6 | 7) => self.arrive(script),
            Some(8) => self.prove(script.byte()),
            Some(9) => {
                if let Some((conn, limit)) = self.reading() {
                    let bytes = script.text();
                    let bytes = &bytes[..bytes.len().min(limit)];
                    self.data(conn, if bytes.is_empty() { b"2" } else { bytes });
                }
            }
            Some(10) => {
                let lost = self.conns.iter().find(|(_, conn)| conn.reads.is_some() || conn.kept);
                if let Some(conn) = lost.map(|(conn, _)| *conn) {
                    self.conns.entry(conn).and_modify(|conn| conn.reads = None);
                    self.input(Input::Lost(conn));
                }
            }
            Some(11 | 12) => self.pass(Duration::from_secs(script.byte().into())),
            Some(13) => self.wait(),
            Some(14) => self.input(Input::PortsNeeded),
            Some(15) => self.input(Input::ConnectionsNeeded),
            Some(16) => self.input(Input::GroupTaken(GroupNumber(script.byte().into()))),
            Some(17) => {
                self.counts = false;
                self.input(Input::Shutdown);
            }
            Some(18) => {
                self.counts = false;
                self.input(Input::End("A limit was reached"));
            }
            Some(19) => self.leave(Input::HungUp),
            Some(20) => self.leave(Input::Closed),
            Some(other) => self.say(LINES[usize::from(other)].as_bytes()),
        }
    }

    /// Sends a line, at the beginning of one, so that no other command repeats its secret.
    fn say(&mut self, line: &[u8]) {
        if self.client.begun {
            self.send(b"\r\n");
        }
        if !self.client.begun {
            self.send(&[line, b"\r\n"].concat());
        }
    }

    /// Sends bytes, unless the driver would not read them now. What comes while TLS begins counts for nothing.
    fn send(&mut self, bytes: &[u8]) {
        if self.closed || self.left || self.session.is_full() || self.session.is_detached() {
            return;
        }
        if !self.secures() {
            self.client.sends(bytes);
        }
        self.input(Input::Bytes(bytes));
    }

    /// The client goes.
    fn leave(&mut self, how: Input<'_>) {
        if self.left {
            return;
        }
        (self.counts, self.left) = (false, true);
        self.input(how);
    }

    fn late_connection(&mut self) {
        if let Some(ticket) = self.cancelled.pop() {
            let conn = self.connect();
            self.input(Input::Answer(ticket, Answer::Connected { conn }));
            assert!(self.closed || !self.conns.contains_key(&conn), "a connection that came too late stays");
        }
    }

    fn arrive(&mut self, script: &mut Script<'_>) {
        if let Some(listener) = script.pick(self.listeners.iter().copied()) {
            let from = script.byte();
            let host = if from & 1 == 0 { [192, 0, 2, 7] } else { [198, 51, 100, 9] };
            let port = if from & 2 == 0 { 40_004 } else { 1_000 + u16::from(from) };
            let conn = self.connect();
            self.input(Input::Arrived { listener, conn, from: (host, port).into() });
        }
    }

    /// The first connection that is read, and how much may be read from it.
    fn reading(&self) -> Option<(ConnId, usize)> {
        self.conns.iter().find_map(|(conn, Conn { reads, .. })| Some((*conn, (*reads)?)))
    }

    fn data(&mut self, conn: ConnId, bytes: &[u8]) {
        self.conns.entry(conn).and_modify(|conn| conn.reads = None);
        self.input(Input::Data { conn, bytes });
    }

    /// The other end of a connection proves itself.
    fn prove(&mut self, how: u8) {
        let Some((conn, HELLO_LEN)) = self.reading() else { return };
        let written = self.conns[&conn].written.clone();
        let Some(flags) = written.get(8).filter(|_| written.len() == HELLO_LEN) else { return };
        let (flags, tls) = (Flags { probe: flags & 1 != 0, tls: flags & 2 != 0 }, flags & 2 != 0);
        let direction = if how & 1 == 0 { Direction::Send } else { Direction::Receive };
        let secret = RendezvousSecret::new(if how & 6 == 6 { [8; 32] } else { SECRET });
        let exporter: &[u8] = if tls { &[7; 32] } else { b"" };
        let mut exchange = Exchange::new(&secret, direction, flags, [how; 23], exporter);
        let rendezvous::Output::Send(hello) = exchange.poll() else { return };
        exchange.input(rendezvous::Input::Bytes(&written));
        let rendezvous::Output::Send(proof) = exchange.poll() else { return };
        self.data(conn, &hello);
        if self.conns.get(&conn).is_some_and(|conn| conn.reads == Some(HELLO_LEN)) {
            self.data(conn, &proof);
        }
    }

    /// The clock goes on; every deadline on the way fires.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..DEADLINES {
            match self.deadline {
                Some(deadline) if deadline <= end => self.wait(),
                Some(_) | None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("deadlines without end");
    }

    /// The next deadline fires.
    fn wait(&mut self) {
        if let Some(deadline) = self.deadline {
            self.now = self.now.max(deadline);
            self.input(Input::Timeout);
        }
    }

    /// The client ends what is under way, and goes. Nothing is left then.
    fn end_in_order(&mut self) {
        self.mood = 0;
        // What Telnet has begun is ended (IAC SE): until then no line is one.
        self.send(b"\xff\xf0");
        // A client that has sent many transfer commands ends one after the other.
        for _ in 0..70 {
            for ticket in self.open.keys().copied().collect::<Vec<_>>() {
                self.answer(ticket, STOPPED);
            }
            self.input(Input::Bytes(b""));
            self.say(b"ABOR");
        }
        assert!(self.closed || !self.counts || self.client.owed() == 0, "a command has no final reply");
        self.say(b"REIN");
        let left = (self.conns.len(), self.listeners.len(), self.reserved.len());
        assert!(self.closed || left == (0, 0, 0), "connections, listeners and ports stay: {left:?}");
        if !self.closed {
            self.say(b"QUIT");
            let is_polite = self.client.last_code / 100 == 2;
            assert!(self.closed && is_polite, "goodbye does not end the session: {:?}", self.session);
        }
    }

    /// The client is silent from now on, and what was asked is not answered any more. The session ends, and then it is over.
    fn end(&mut self) {
        (self.counts, self.mood) = (false, u8::MAX);
        for _ in 0..DEADLINES {
            if self.closed {
                break;
            }
            self.wait();
        }
        assert!(self.closed, "a session without an end: {:?}", self.session);
        for input in [
            Input::Timeout,
            Input::Bytes(b"NOOP\r\n"),
            Input::Answer(Ticket(1), Answer::Room),
            Input::Closed,
            Input::Shutdown,
            Input::End("over"),
        ] {
            self.input(input);
        }
    }
}
