//! What became of a file: the one value that the job fills in and that the journal, the reports and the summary read. Pure.

use crate::failure::Failure;
use crate::id::JobId;
use crate::ladder::Rung;
use ftp_proto::deletion::SessionId;
use ftp_proto::digest::{Algorithm, BadStreamed, Streamed, parse_streamed};
use ftp_proto::listing::Facts;
use ftp_proto::reply::Reply;
use ftp_proto::transfer::Outcome;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::net::SocketAddr;
use std::sync::Arc;

/// What became of one file of a job.
#[derive(Clone, PartialEq, Debug)]
pub struct FileOutcome {
    /// Its place at the source, as reports show it.
    pub source: String,
    /// Its place at the destination, in the same form.
    pub dest: String,
    /// The copy, or why there is none.
    pub copy: Result<FileCopy, Failure>,
}

/// A file or directory that has failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedItem {
    /// Its place at the source.
    pub source: String,
    /// Its place at the destination.
    pub dest: String,
    /// Why it failed.
    pub failure: Failure,
}

impl FailedItem {
    /// What people know it by: its place at the source, or what was only at the destination.
    pub fn name(&self) -> &str {
        if self.source.is_empty() { &self.dest } else { &self.source }
    }
}

/// Files that have failed for one cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailureGroup {
    /// What went wrong, with the words of the server.
    pub cause: String,
    /// How many files it concerns.
    pub files: u64,
    /// The sources of the first of them.
    pub names: Vec<String>,
}

/// How a file has come to its destination. In JSON it stands where one worker tells another one of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub struct FileCopy {
    /// The size of the file in bytes, if it is known; also if it was skipped.
    pub size: Option<u64>,
    /// Who has moved its bytes, and by which route.
    pub end: FileEnd,
    /// How many of its bytes were at the destination before this run, which has kept them.
    pub before: u64,
    /// How many bytes were sent, if they were only what had changed of the file.
    pub changed_parts: Option<u64>,
    /// How many data connections have moved it at the same time, if there were several.
    pub streams: Option<u32>,
    /// What passed a relay.
    pub relayed: Option<Relayed>,
    /// What protected its bytes; `None` if none have moved.
    pub protection: Option<Protection>,
    /// What this run has verified it with.
    pub verified: Verified,
    /// The number of attempts that may have moved bytes.
    pub attempts: u32,
    /// Whether an old file is kept under another name.
    pub kept_old: bool,
    /// What is known of its transfer.
    pub facts: TransferFacts,
    /// What the source was before its first byte was read, if this run has looked at it.
    pub source: Option<Facts>,
    /// Whether something had the name of the copy before. Then both places may be one.
    pub was_taken: bool,
    /// The session of the destination that has verified the copy, or found it there. `None`: this host, none that was open all the
    /// time, or one of another worker.
    #[serde(skip)]
    pub session: Option<SessionId>,
}

/// Who has moved the bytes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub enum FileEnd {
    /// This run, by this route; a dry run would.
    Moved(Rung),
    /// It moves on by this route without this program. Nothing of it is verified.
    Detached {
        /// The route of its bytes.
        route: Rung,
        /// The job that has it.
        job: JobId,
    },
    /// Nobody: it was there already.
    #[default]
    Skipped,
    /// An earlier run of this job, and this one had nothing to move.
    Earlier(EarlierCopy),
}

/// What an earlier run of a job has done with a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct EarlierCopy {
    /// The route of its bytes, if it is known.
    pub route: Option<Rung>,
    /// What has verified it, if that run has finished it. In a move, that run has deleted the source as well.
    pub verified: Option<Verified>,
    /// Whether it is told as copied if its route is known: whoever moves a tree is not told that it was there already.
    pub is_told_as_copied: bool,
}

impl FileOutcome {
    /// Whether it moves on without this program.
    pub fn is_detached(&self) -> bool {
        self.copy.as_ref().is_ok_and(FileCopy::is_detached)
    }
}

impl FileCopy {
    /// The file was moved by this route, in one attempt, and nobody has looked at more.
    pub fn moved(size: Option<u64>, route: Rung, verified: Verified) -> Self {
        Self { end: FileEnd::Moved(route), attempts: 1, ..Self::skipped(size, verified) }
    }

    /// A file of that size was skipped, since it is the same at the destination.
    pub fn skipped(size: Option<u64>, verified: Verified) -> Self {
        Self { size, verified, was_taken: true, ..Self::default() }
    }

    /// The same, and this run has looked at its source.
    pub fn of(self, source: Facts) -> Self {
        Self { source: Some(source), ..self }
    }

    /// A file of that size would take this route.
    pub fn planned(size: Option<u64>, route: Rung, verified: Verified) -> Self {
        Self { end: FileEnd::Moved(route), ..Self::skipped(size, verified) }
    }

    /// An earlier run of the job has copied the file, and this one has not looked at it.
    pub fn earlier(size: Option<u64>, verified: Verified) -> Self {
        let earlier = EarlierCopy { route: None, verified: Some(verified), is_told_as_copied: false };
        Self { end: FileEnd::Earlier(earlier), ..Self::skipped(size, Verified::None) }
    }

    /// The route by which this run has moved it.
    pub const fn moved_by(&self) -> Option<Rung> {
        match self.end {
            FileEnd::Moved(route) | FileEnd::Detached { route, .. } => Some(route),
            FileEnd::Skipped | FileEnd::Earlier(_) => None,
        }
    }

    /// What an earlier run of the job has done with it, if this one had nothing to move.
    const fn earlier_copy(&self) -> Option<EarlierCopy> {
        if let FileEnd::Earlier(earlier) = self.end { Some(earlier) } else { None }
    }

    /// The route of its bytes, in this run or in an earlier one, as far as it is known.
    pub fn any_route(&self) -> Option<Rung> {
        self.moved_by().or_else(|| self.earlier_copy()?.route)
    }

    /// The route that is told of it; `None` if it was there already.
    pub fn route(&self) -> Option<Rung> {
        self.moved_by().or_else(|| self.earlier_copy().filter(|earlier| earlier.is_told_as_copied)?.route)
    }

    /// What has verified it in an earlier run of the job.
    pub fn verified_earlier(&self) -> Option<Verified> {
        self.earlier_copy()?.verified
    }

    /// Whether an earlier run of the job has copied it, and this one had nothing to do.
    pub fn is_earlier(&self) -> bool {
        self.route().is_none() && self.verified_earlier().is_some()
    }

    /// Whether it moves on without this program.
    pub const fn is_detached(&self) -> bool {
        matches!(self.end, FileEnd::Detached { .. })
    }

    /// Its bytes if it was copied, as far as they are known.
    pub fn copied(&self) -> u64 {
        self.route().and(self.size).unwrap_or(0)
    }

    /// How many of these bytes this run has moved.
    pub fn bytes_moved(&self) -> u64 {
        self.copied() - self.copied_before()
    }

    /// How many of its bytes this run need not move, because the destination had them.
    pub fn bytes_before(&self) -> u64 {
        self.copied_before().max(self.before)
    }

    /// How many of its copied bytes an earlier run has moved.
    pub fn copied_before(&self) -> u64 {
        let before = if self.moved_by().is_none() { u64::MAX } else { self.before };
        before.min(self.copied())
    }
}

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
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Relayed {
    /// The name of the relay.
    pub relay: Arc<str>,
    /// Bytes that it has passed on, as it said.
    #[serde(rename = "relayed")]
    pub bytes: u64,
    /// Whether two agents carried all of them over a direct connection: they have not passed the hub.
    #[serde(rename = "agents_direct", default, skip_serializing_if = "std::ops::Not::not")]
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protection {
    /// Nothing, at least on a part of it.
    #[default]
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
        *total = [*total, more].into_iter().flatten().min();
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Verified {
    /// Not verified at all.
    #[default]
    None,
    /// The size is right.
    Size,
    /// The digest is right.
    Hash(Algorithm),
}

impl Serialize for Verified {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Verified {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| D::Error::custom("no word for what has verified a copy"))
    }
}

impl Verified {
    /// The one with that [`name`](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        let hashes = Algorithm::ALL.iter().copied().map(Self::Hash);
        [Self::None, Self::Size].into_iter().chain(hashes).find(|known| known.name() == name)
    }

    /// The digest that has verified it, if that was one.
    pub const fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::Hash(algorithm) => Some(algorithm),
            Self::Size | Self::None => None,
        }
    }

    /// Whether a digest has verified it, and no mere checksum.
    pub fn is_by_digest(self) -> bool {
        self.algorithm().is_some_and(|algorithm| !Algorithm::CHECKSUMS.contains(&algorithm))
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

/// What is known of the transfer of one file. Of two values, the first one is that of the source.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub struct TransferFacts {
    /// The digest of both ends in hexadecimal digits, if digests have verified the copy.
    pub digest: Option<String>,
    /// The address of each server at its data connection.
    pub addresses: [Option<SocketAddr>; 2],
    /// How many strangers were refused where each server, or the relay for it, has waited for its data connection.
    pub strangers: [Option<u32>; 2],
    /// What it shares with other files of the same path.
    pub path: Option<Arc<PathFacts>>,
}

impl TransferFacts {
    /// The same, and why the path was taken.
    #[must_use]
    pub fn because(mut self, why: String) -> Self {
        let mut path = self.path.take().map_or_else(PathFacts::default, Arc::unwrap_or_clone);
        path.why = Some(why);
        Self { path: Some(Arc::new(path)), ..self }
    }
}

/// What files that take the same path have in common. Of two values, the first one is that of the source.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Deserialize, Serialize)]
pub struct PathFacts {
    /// What protects the control connection with each server: `clear`, or the version and the suite of TLS.
    pub control: [Option<String>; 2],
    /// What protects the data connection of each server. Between two servers this is what was agreed with PROT.
    pub data: [Option<String>; 2],
    /// Why this path was taken.
    pub why: Option<String>,
}
