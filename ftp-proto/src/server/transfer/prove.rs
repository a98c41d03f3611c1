//! A connection that proves itself before anything moves on it (RNDZ).

use crate::command::Direction;
use crate::rendezvous::{Exchange, Flags, Input, Output};
use crate::server::Timeouts;
use crate::server::ask::{Ask, ConnId};
use crate::server::context::Context;
use crate::server::timer::Timer;
use crate::timer::Moment;

/// A connection that proves itself.
#[derive(Debug)]
pub(super) struct Prover {
    conn: ConnId,
    /// Since when the next part of its other end is due: the hello, or after it the proof.
    since: Moment,
    /// Whether its other end has sent nothing yet.
    is_silent: bool,
    exchange: Exchange,
}

/// What is known of the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Proof {
    /// It has not proven anything yet.
    Waiting,
    /// It has the secret.
    Right,
    /// It does not have the secret.
    Wrong,
}

impl Prover {
    /// Sends the hello of this end; inside TLS the proofs hold for the connection with this `exporter` only.
    /// Returns `None` if RNDZ is not in force, so that no proof is needed.
    pub(super) fn begin(
        cx: &mut Context,
        conn: ConnId,
        (direction, probe): (Direction, bool),
        exporter: Option<[u8; 32]>,
    ) -> Option<Self> {
        let secret = cx.sockets.rendezvous.as_ref()?;
        let flags = Flags { probe, tls: exporter.is_some() };
        let exporter = exporter.as_ref().map_or(&[][..], |exporter| exporter);
        let exchange = Exchange::new(secret, direction, flags, cx.nonces.next(), exporter);
        let mut prover = Self { conn, since: cx.now, is_silent: true, exchange };
        prover.advance(cx);
        Some(prover)
    }

    /// Takes bytes of the other end.
    pub(super) fn data(&mut self, cx: &mut Context, bytes: &[u8]) -> Proof {
        self.is_silent = false;
        let before = self.expects_hello();
        self.exchange.input(Input::Bytes(bytes));
        if before && !self.expects_hello() {
            self.since = cx.now;
        }
        self.advance(cx)
    }

    /// Whether the other end has sent nothing yet. The peer sends its hello at once.
    pub(super) const fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Whether the other end has not sent a whole right hello yet.
    pub(super) const fn expects_hello(&self) -> bool {
        self.exchange.expects_hello()
    }

    /// What the other end owes next, and until when.
    pub(super) fn due(&self, timeouts: &Timeouts) -> (Timer, Moment) {
        if self.expects_hello() {
            (Timer::Hello, self.since + timeouts.hello)
        } else {
            (Timer::Proof, self.since + timeouts.proof)
        }
    }

    /// Asks for what the exchange wants done.
    fn advance(&mut self, cx: &mut Context) -> Proof {
        let conn = self.conn;
        loop {
            match self.exchange.poll() {
                Output::Send(bytes) => cx.out.ask(Ask::Write { conn, bytes }),
                Output::Read(limit) => {
                    cx.out.ask(Ask::Read { conn, limit });
                    return Proof::Waiting;
                }
                Output::Proven => return Proof::Right,
                Output::Refused => return Proof::Wrong,
            }
        }
    }
}
