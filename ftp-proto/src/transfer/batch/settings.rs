//! What a batch is told: how the data connection is opened, the digest, and how much may be under way.

use crate::command::{Command, Pack};
use crate::digest::Algorithm;
use crate::rendezvous::RendezvousSecret;
use crate::transfer::request::Side;
use crate::transfer::roles::{DataTls, Postures};
use std::time::Duration;

/// How the files of a batch are moved.
#[derive(Clone, Debug)]
pub struct BatchTerms {
    /// How the data connection is opened.
    pub opening: BatchOpening,
    /// What protects the data connection between the two servers. Except in clear, PROT P must be in force at both ends.
    pub tls: DataTls,
    /// The digest that both servers compute while a file moves.
    pub algorithm: Algorithm,
    /// How much may be under way.
    pub window: Window,
    /// How long both servers together may say nothing.
    pub silence: Duration,
}

/// How the data connection of a batch is opened.
#[derive(Clone, Debug)]
pub enum BatchOpening {
    /// One server listens, the other one connects to it, and both prove themselves.
    Direct {
        /// The end that listens.
        passive: Side,
        /// The secret of the data connection. It must be new.
        secret: RendezvousSecret,
    },
    /// Each server has a data connection with a relay, which joins the two.
    Relayed {
        /// Which server listens for the relay, and which one connects to it.
        postures: Postures,
        /// The secret with which both servers prove themselves to each other. It must be new.
        secret: RendezvousSecret,
    },
    /// Each server has a data connection with the user agent, which copies. It proves nothing to its own user.
    Through {
        /// Which server listens for the user agent, and which one connects to it.
        postures: Postures,
    },
}

impl BatchOpening {
    /// The secret of the data connection, if the servers prove themselves.
    pub(super) const fn secret(&self) -> Option<&RendezvousSecret> {
        match self {
            Self::Direct { secret, .. } | Self::Relayed { secret, .. } => Some(secret),
            Self::Through { .. } => None,
        }
    }

    /// Who opens each data connection with the host in the middle, if there is one.
    pub(super) const fn postures(&self) -> Option<Postures> {
        match self {
            Self::Direct { .. } => None,
            Self::Relayed { postures, .. } | Self::Through { postures } => Some(*postures),
        }
    }
}

/// How much may be under way at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Commands without a reply at each server. `ftp-server` lets [`Command::MAX_WAITING`] wait.
    pub commands: usize,
    /// Bytes of their lines. `ftp-server` lets [`Command::MAX_WAITING_BYTES`] wait.
    pub line_bytes: usize,
    /// Bytes of files that were asked for and are not verified. A larger file goes alone.
    pub file_bytes: u64,
    /// Groups that the destination was told to store, and not yet to name. `ftp-server` holds
    /// [`Pack::MAX_HELD`].
    pub groups: usize,
}

impl Default for Window {
    /// What an `ftp-server` with its defaults takes.
    fn default() -> Self {
        Self {
            commands: Command::MAX_WAITING - SPARE_COMMANDS,
            line_bytes: Command::MAX_WAITING_BYTES - SPARE_BYTES,
            file_bytes: Pack::MAX_BYTES,
            groups: Pack::MAX_HELD,
        }
    }
}

/// A wait of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Timer {
    /// For the next reply of either server, for bytes that are seen to move, or for the host in the middle.
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

/// Commands that are not under way, though a server lets them wait: room for those that are not of the batch.
const SPARE_COMMANDS: usize = 4;
/// The same for bytes of their lines.
const SPARE_BYTES: usize = 384;
