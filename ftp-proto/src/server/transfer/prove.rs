//! A connection that proves itself before anything moves on it (RNDZ).

use super::peer::Peer;
use crate::command::Direction;
use crate::rendezvous::{Exchange, Flags, HELLO_LEN, Step};
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
    /// Sends our hello. `None` if RNDZ is not in force, so that no proof is needed.
    pub(super) fn begin(cx: &mut Context, peer: Peer, direction: Direction) -> Option<Self> {
        let secret = cx.sockets.rendezvous.as_ref()?;
        let (exchange, hello) = Exchange::new(secret, direction, Flags::default(), cx.nonces.next(), &[]);
        let conn = peer.conn;
        cx.out.ask(Ask::Write { conn, octets: hello.to_vec() });
        cx.out.ask(Ask::Read { conn, limit: HELLO_LEN });
        Some(Self { peer, heard: cx.now, exchange })
    }

    /// Takes bytes of the other end.
    pub(super) fn data(&mut self, cx: &mut Context, bytes: &[u8]) -> Verdict {
        let conn = self.peer.conn;
        self.heard = cx.now;
        let mut step = self.exchange.push(bytes);
        if let Step::Send(proof) = step {
            cx.out.ask(Ask::Write { conn, octets: proof });
            step = self.exchange.push(&[]);
        }
        match step {
            Step::Need(limit) => {
                cx.out.ask(Ask::Read { conn, limit });
                Verdict::Waiting
            }
            Step::Proven => Verdict::Proven,
            Step::Wrong | Step::Send(_) => Verdict::Wrong,
        }
    }

    /// The peer, once it has proven itself.
    pub(super) const fn proven(&self) -> Peer {
        Peer { proven: true, ..self.peer }
    }
}
