//! What a batch is told: which end listens, the digest, and how much may be under way.

use crate::digest::Algorithm;
use crate::rendezvous::RendezvousSecret;
use crate::third_party::roles::DataTls;
use crate::third_party::transfer::Side;
use std::time::Duration;

/// How the files of a batch are moved.
#[derive(Clone, Debug)]
pub struct BatchTerms {
    /// The end that listens. The other one connects to it.
    pub passive: Side,
    /// What protects the data connection. Except in clear, PROT P must be in force at both ends.
    pub tls: DataTls,
    /// The digest that both servers compute while a file moves.
    pub algorithm: Algorithm,
    /// The secret of the data connection. It must be new.
    pub secret: RendezvousSecret,
    /// How much may be under way.
    pub window: Window,
    /// How long both servers together may say nothing.
    pub silence: Duration,
}

/// How much may be under way at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Commands without a reply at each server. `ftp-server` lets 64 wait.
    pub commands: usize,
    /// Bytes of their lines. `ftp-server` lets 16 KiB wait.
    pub line_bytes: usize,
    /// Bytes of files that were asked for and are not verified. A larger file goes alone.
    pub file_bytes: u64,
}

impl Default for Window {
    /// What an `ftp-server` with its defaults takes.
    fn default() -> Self {
        Self { commands: 60, line_bytes: 10_000, file_bytes: 8 << 20 }
    }
}

/// A wait of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Timer {
    /// For the next reply of either server.
    Silence,
}

impl Timer {
    /// The name of the timer in messages for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
        }
    }
}
