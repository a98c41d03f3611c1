//! A connection that proves itself before anything moves on it (RNDZ).

use super::peer::Peer;
use crate::command::Direction;
use crate::rendezvous::{Exchange, Flags, Input, Output};
use crate::server::ask::Ask;
use crate::server::context::Context;
use crate::timer::Moment;

/// A connection that proves itself.
#[derive(Debug)]
pub(super) struct Prover {
    pub(super) peer: Peer,
    /// When its other end sent something last.
    pub(super) heard: Moment,
    exchange: Exchange,
}

/// What has become of a prover.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It has not proven anything yet.
    Waiting,
    /// It has the secret.
    Proven,
    /// It does not have the secret.
    Wrong,
}

impl Prover {
    /// Sends the hello of this end. Returns `None` if RNDZ is not in force, so that no proof is needed.
    pub(super) fn begin(cx: &mut Context, peer: Peer, direction: Direction) -> Option<Self> {
        let secret = cx.sockets.rendezvous.as_ref()?;
        let exchange = Exchange::new(secret, direction, Flags::default(), cx.nonces.next(), &[]);
        let mut prover = Self { peer, heard: cx.now, exchange };
        prover.advance(cx);
        Some(prover)
    }

    /// Takes bytes of the other end.
    pub(super) fn data(&mut self, cx: &mut Context, bytes: &[u8]) -> Verdict {
        self.heard = cx.now;
        self.exchange.input(Input::Bytes(bytes));
        self.advance(cx)
    }

    /// Asks for what the exchange wants done.
    fn advance(&mut self, cx: &mut Context) -> Verdict {
        let conn = self.peer.conn;
        loop {
            match self.exchange.poll() {
                Output::Send(bytes) => cx.out.ask(Ask::Write { conn, bytes }),
                Output::Read(limit) => {
                    cx.out.ask(Ask::Read { conn, limit });
                    return Verdict::Waiting;
                }
                Output::Proven => return Verdict::Proven,
                Output::Refused => return Verdict::Wrong,
            }
        }
    }

    /// The peer, once it has proven itself.
    pub(super) const fn proven(&self) -> Peer {
        Peer { proven: true, ..self.peer }
    }
}
