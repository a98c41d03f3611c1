//! The nonces of this session's RNDZ hellos.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// HMAC-SHA-256 in counter mode over the entropy of the connection: no two nonces are alike, and
/// none can be predicted.
pub(in crate::server) struct Nonces {
    key: Zeroizing<[u8; 32]>,
    counter: u64,
}

impl Nonces {
    /// The nonces that follow from `entropy`.
    pub(in crate::server) fn new(entropy: [u8; 32]) -> Self {
        Self { key: Zeroizing::new(entropy), counter: 0 }
    }

    /// The next nonce.
    pub(in crate::server) fn next(&mut self) -> [u8; 23] {
        // RFC 2104 2: a key shorter than the block is padded with zeros.
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(*self.key).for_each(|(b, k)| *b = k);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(b"ftp rendezvous nonce");
        mac.update(&self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(1);
        let mut nonce = [0; 23];
        nonce.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(n, byte)| *n = byte);
        nonce
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonces({} so far)", self.counter)
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
