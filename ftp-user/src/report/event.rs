//! Everything that a verb can say.

use crate::failure::Kind;
use crate::ladder::{Considered, Rung};
use ftp_proto::digest::Algorithm;
use ftp_proto::listing::Entry;
use ftp_proto::timer::Moment;
use std::sync::Arc;

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// What will be done.
    Plan {
        /// copy or append.
        verb: &'static str,
        /// From where.
        source: String,
        /// To where.
        dest: String,
        /// Bytes, where known.
        size: Option<u64>,
        /// What will verify it.
        verify: Verified,
        /// Whether that is all.
        dry_run: bool,
    },
    /// The path that the bytes of a file take, and why.
    Path {
        /// The rung.
        rung: Rung,
        /// The relay on the path, if there is one.
        relay: Option<String>,
        /// What protects the bytes on all of it.
        protection: Protection,
        /// Why this one.
        why: String,
        /// All candidates, if an explanation was asked for.
        considered: Vec<Considered>,
    },
    /// How far a file has come.
    Progress {
        /// Its source.
        source: String,
        /// Bytes moved.
        bytes: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// A file is done.
    File {
        /// Its source.
        source: String,
        /// Its destination.
        dest: String,
        /// Its bytes.
        bytes: u64,
        /// The path that it took; `None` if it was skipped.
        rung: Option<Rung>,
        /// What passed a relay.
        relayed: Option<Relayed>,
        /// What verified it.
        verified: Verified,
        /// How often its bytes were sent.
        attempts: u32,
    },
    /// A file failed.
    Failed {
        /// Its source.
        source: String,
        /// Its destination.
        dest: String,
        /// What kind of failure it is.
        kind: Kind,
        /// In words.
        message: String,
        /// Failures in all: several are listed by cause.
        of: usize,
    },
    /// Something to know.
    Warning {
        /// In words.
        message: String,
    },
    /// The end.
    Summary(Summary),
    /// One entry of a listing, or the facts of one place.
    Listed(Listed),
    /// One line of the dialogue with a server, secrets removed.
    Dialogue {
        /// Which end.
        column: Column,
        /// `host:port`.
        title: String,
        /// When.
        at: Moment,
        /// `> ` or `< ` and the line.
        line: String,
    },
}

/// The columns of the trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Column {
    /// The source, or the only server.
    Source,
    /// The destination.
    Destination,
}

/// An entry of `ls`, or what `stat` found.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    /// Where it is.
    pub place: String,
    /// Its facts.
    pub entry: Entry,
    /// How to show it.
    pub form: Form,
}

/// How `ls` and `stat` show an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Its name.
    Name,
    /// Its facts and name on one line.
    Long,
    /// A line for each fact.
    Facts,
}

/// The last line.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// What was done.
    pub verb: &'static str,
    /// Whether nothing failed.
    pub ok: bool,
    /// Whether nothing was done but planning.
    pub dry_run: bool,
    /// Files done.
    pub files: u64,
    /// Files skipped, which count as done.
    pub skipped: u64,
    /// Bytes moved.
    pub bytes: u64,
    /// Time taken.
    pub seconds: f64,
    /// The path of most files.
    pub rung: Option<Rung>,
    /// What passed relays; the name is that of the last one.
    pub relayed: Option<Relayed>,
    /// What protected the bytes.
    pub protection: Protection,
    /// The weakest verification of any file.
    pub verified: Verified,
    /// Files failed.
    pub failed: u64,
}

/// What has passed a relay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relayed {
    /// Its name.
    pub relay: Arc<str>,
    /// Bytes that it has passed on, as it said.
    pub bytes: u64,
}

impl Relayed {
    /// Adds what has passed in another try, or of another file; the last relay is named.
    pub fn add(total: &mut Option<Self>, more: Option<Self>) {
        if let Some(Self { relay, bytes }) = more {
            let before = total.take().map_or(0, |total| total.bytes);
            *total = Some(Self { relay, bytes: bytes.saturating_add(before) });
        }
    }
}

/// What protects bytes on their path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
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
    /// Nothing.
    None,
    /// Its size.
    Size,
    /// A digest.
    Hash(Algorithm),
}

impl Verified {
    /// The value of `verified` in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Size => "size",
            Self::Hash(Algorithm::Crc32) => "crc32",
            Self::Hash(Algorithm::Md5) => "md5",
            Self::Hash(Algorithm::Sha1) => "sha-1",
            Self::Hash(Algorithm::Sha256) => "sha-256",
            Self::Hash(Algorithm::Sha512) => "sha-512",
        }
    }
}
