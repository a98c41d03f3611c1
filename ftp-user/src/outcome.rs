//! What a copy has shown: how it was verified, what protected it, and what passed a relay.

mod facts;

pub use facts::{PathFacts, TransferFacts};

use ftp_proto::digest::{Algorithm, BadStreamed, Streamed, parse_streamed};
use ftp_proto::reply::Reply;
use ftp_proto::transfer::Outcome;
use std::sync::Arc;

/// The digests that the servers of a copy have computed while the file moved (DGST), as their final replies tell them.
/// `None` if a server has told none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StreamedDigests {
    /// What the source has told.
    pub source: Option<Result<Streamed, BadStreamed>>,
    /// What the destination has told.
    pub destination: Option<Result<Streamed, BadStreamed>>,
}

impl StreamedDigests {
    /// The digests in the final replies of an attempt.
    pub fn of(outcome: &Outcome) -> Self {
        let read = |reply: &Reply| parse_streamed(&reply.lines).transpose();
        match outcome {
            Outcome::Moved { source, destination } => {
                Self { source: read(source), destination: read(destination) }
            }
            Outcome::Failed(_) => Self::default(),
        }
    }
}

/// What has passed a relay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relayed {
    /// The name of the relay.
    pub relay: Arc<str>,
    /// Bytes that it has passed on, as it said.
    pub bytes: u64,
    /// Whether two agents carried all of them over a direct connection: they have not passed the hub.
    pub directly: bool,
}

/// What is said of a path behind the names of two agents that have connected directly.
pub const DIRECTLY: &str = ", which connected directly";

impl Relayed {
    /// What it has passed on beside what it has said, if so many bytes that it carried are stored: a relay that dies cannot
    /// say the last of it.
    pub fn untold(&self, stored: u64) -> Option<Self> {
        let bytes = stored.saturating_sub(self.bytes);
        (bytes > 0).then(|| Self { bytes, ..self.clone() })
    }

    /// Adds what has passed in another attempt, or of another file. The name is that of the last relay.
    pub fn add(total: &mut Option<Self>, more: Option<Self>) {
        if let Some(Self { relay, bytes, directly }) = more {
            let before = total.take();
            let directly = directly && before.as_ref().is_none_or(|before| before.directly);
            let earlier = before.map_or(0, |before| before.bytes);
            *total = Some(Self { relay, bytes: bytes.saturating_add(earlier), directly });
        }
    }
}

/// What protects bytes on their path, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Protection {
    /// Nothing, at least on a part of it.
    Clear,
    /// TLS, on all of it.
    Private,
}

impl Protection {
    /// Whether every leg is `private`.
    pub const fn of(private: bool) -> Self {
        if private { Self::Private } else { Self::Clear }
    }

    /// Adds what has protected other bytes. What is weakest counts.
    pub fn add(total: &mut Option<Self>, more: Option<Self>) {
        *total = match (*total, more) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }

    /// What it is, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Clear => "in clear",
            Self::Private => "inside TLS",
        }
    }

    /// The value of `protection` in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Private => "private",
        }
    }
}

/// What a copy was verified with, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verified {
    /// Not verified at all.
    None,
    /// The size is right.
    Size,
    /// The digest is right.
    Hash(Algorithm),
}

impl Verified {
    /// The one with that [`name`](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        let hashes = Algorithm::ALL.iter().copied().map(Self::Hash);
        [Self::None, Self::Size].into_iter().chain(hashes).find(|known| known.name() == name)
    }

    /// The value of `verified` in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Size => "size",
            Self::Hash(Algorithm::Crc32) => "crc32",
            Self::Hash(Algorithm::Crc32c) => "crc32c",
            Self::Hash(Algorithm::Md5) => "md5",
            Self::Hash(Algorithm::Sha1) => "sha-1",
            Self::Hash(Algorithm::Sha256) => "sha-256",
            Self::Hash(Algorithm::Sha512) => "sha-512",
            Self::Hash(Algorithm::Blake3) => "blake3",
        }
    }
}
