//! Connections that prove themselves before anything moves on them (RNDZ), and the random octets
//! of this session's hellos.

use crate::command::Direction;
use crate::policy::Grant;
use crate::rendezvous::{Exchange, Flags, HELLO_LEN, RendezvousSecret, Step};
use crate::server::ask::{Ask, ConnId};
use crate::server::outbox::Outbox;
use crate::timer::Moment;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::net::SocketAddr;
use zeroize::Zeroizing;

/// HMAC-SHA-256 in counter mode over the entropy of the connection: no two hellos are alike, none
/// can be foretold.
pub(in crate::server) struct Nonces {
    key: Zeroizing<[u8; 32]>,
    counter: u64,
}

impl Nonces {
    pub(in crate::server) fn new(entropy: [u8; 32]) -> Self {
        Self { key: Zeroizing::new(entropy), counter: 0 }
    }

    fn next(&mut self) -> [u8; 23] {
        // RFC 2104 2: a key shorter than the block is filled up with zeros.
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(*self.key).for_each(|(b, k)| *b = k);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(b"ftp rendezvous nonce");
        mac.update(&self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(1);
        let mut nonce = [0; 23];
        nonce.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(n, octet)| *n = octet);
        nonce
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonces({} so far)", self.counter)
    }
}

/// One connection that is proving itself.
#[derive(Debug)]
pub(in crate::server) struct Prover {
    pub(in crate::server) conn: ConnId,
    pub(in crate::server) from: SocketAddr,
    pub(in crate::server) grant: Grant,
    /// When its other end said something last.
    pub(in crate::server) heard: Moment,
    exchange: Exchange,
}

/// What became of a prover.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server) enum Verdict {
    /// Not yet.
    Waiting,
    /// It holds the secret.
    Proven,
    /// It does not.
    Wrong,
}

impl Prover {
    /// Sends our hello.
    pub(in crate::server) fn begin(
        (conn, from, grant): (ConnId, SocketAddr, Grant),
        secret: &RendezvousSecret,
        direction: Direction,
        nonces: &mut Nonces,
        now: Moment,
        out: &mut Outbox,
    ) -> Self {
        let (exchange, hello) = Exchange::new(secret, direction, Flags::default(), nonces.next(), &[]);
        out.ask(Ask::Write { conn, octets: hello.to_vec() });
        out.ask(Ask::Read { conn, limit: HELLO_LEN });
        Self { conn, from, grant, heard: now, exchange }
    }

    /// Takes octets of the other end.
    pub(in crate::server) fn hear(&mut self, octets: &[u8], now: Moment, out: &mut Outbox) -> Verdict {
        self.heard = now;
        let mut step = self.exchange.push(octets);
        if let Step::Send(proof) = step {
            out.ask(Ask::Write { conn: self.conn, octets: proof });
            step = self.exchange.push(&[]);
        }
        match step {
            Step::Need(limit) => {
                out.ask(Ask::Read { conn: self.conn, limit });
                Verdict::Waiting
            }
            Step::Proven => Verdict::Proven,
            Step::Wrong | Step::Send(_) => Verdict::Wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_nonces_are_alike_and_each_session_has_its_own() {
        let mut seen = HashSet::new();
        for entropy in [[1; 32], [2; 32]] {
            let mut nonces = Nonces::new(entropy);
            for _ in 0..100 {
                assert!(seen.insert(nonces.next()));
            }
        }
    }
}
