//! RNDZ: both ends of a data connection prove that they take part in this very transfer
//! (docs/protocol/extensions.md). Pure: octets in, octets out; the randomness is an argument.
//!
//! ```text
//! each end:  hello (32) = "RNDZ1" CR LF NUL, flags, 23 random octets
//!            proof (32) = HMAC-SHA-256(S, "ftp rendezvous 1" || role || hello of the file's sender
//!                                         || hello of the file's receiver || exporter)
//! ```

use crate::command::Direction;
use zeroize::Zeroizing;

/// Octets of a hello and of a proof.
pub const HELLO_LEN: usize = 32;

/// The 32 secret octets that a coordinator gives both ends for one data connection.
#[derive(Clone, PartialEq, Eq)]
pub struct RendezvousSecret(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for RendezvousSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RendezvousSecret(***)")
    }
}

impl RendezvousSecret {
    /// Takes 32 random octets.
    pub fn new(octets: [u8; 32]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// Reads 64 hex digits, any case.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        let _ = hex;
        None
    }

    /// 64 lower-case hex digits, for the command line to the server.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(String::new())
    }
}

/// What the two ends must agree on besides the secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// Bit 0: PROB instead of a transfer.
    pub probe: bool,
    /// Bit 1: inside TLS.
    pub tls: bool,
}

/// One end of the exchange on one connection.
#[derive(Debug)]
pub struct Exchange {
    direction: Direction,
}

/// What became of octets that arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// More octets are needed: at most so many may be read, so that no octet of the file is.
    Need(usize),
    /// Send these (our proof), then go on reading the other's.
    Send(Vec<u8>),
    /// The other end has proven itself. Everything that was to be read has been read.
    Proven,
    /// It has not and cannot any more: close the connection.
    Wrong,
}

impl Exchange {
    /// Our end of a connection: `direction` is what this end does with the file, `nonce` 23 random
    /// octets, `exporter` the TLS exporter or empty. Gives the hello to send at once.
    pub fn new(
        secret: &RendezvousSecret,
        direction: Direction,
        flags: Flags,
        nonce: [u8; 23],
        exporter: &[u8],
    ) -> (Self, [u8; HELLO_LEN]) {
        let _ = (secret, flags, nonce, exporter);
        (Self { direction }, [0; HELLO_LEN])
    }

    /// Takes octets of the other end, never more than the last [`Step::Need`] allowed (the first
    /// need is [`HELLO_LEN`]). After [`Step::Send`] call again with an empty slice.
    pub fn push(&mut self, octets: &[u8]) -> Step {
        let _ = (octets, self.direction);
        Step::Wrong
    }
}
