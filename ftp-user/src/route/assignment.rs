//! What an attempt is asked to move.

use crate::ladder::Allowed;
use crate::remote::most;
use ftp_io::copy::Digest;
use ftp_proto::command::Partial;
use ftp_proto::digest::Algorithm;
use ftp_proto::reply::Blame;
use ftp_proto::transfer::Store;
use ftp_proto::wire::{ByteRange, PathName};

/// Who may continue what an attempt leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ContinuedBy {
    /// Nobody: it is deleted.
    Nobody,
    /// After an interruption, an attempt of `resume`.
    Resume,
    /// Another attempt of this run, and `resume` where the journal has the job.
    ThisRun,
}

impl ContinuedBy {
    /// Whether what the attempt leaves is kept for somebody.
    pub(crate) const fn is_kept(self) -> bool {
        match self {
            Self::Nobody => false,
            Self::Resume | Self::ThisRun => true,
        }
    }

    /// What a server does with the first part of a broken transfer.
    pub(crate) const fn partial(self) -> Partial {
        if self.is_kept() { Partial::Keep } else { Partial::Discard }
    }
}

/// What an attempt is asked to move, and how. It borrows nothing.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    /// The name of the source in reports.
    pub(crate) name: String,
    /// Its path at the source.
    pub(crate) source: PathName,
    /// What told the source from other files when it was looked at, if that is known.
    pub(crate) seen: Option<String>,
    /// The final name at the destination, for people.
    pub(crate) target: PathName,
    /// The path at which the destination stores it.
    pub(crate) stored: PathName,
    /// Whether the destination replaces or appends.
    pub(crate) store: Store,
    /// The size of the source, if known.
    pub(crate) size: Option<u64>,
    /// How many bytes the destination has already: what APPE appends to, or what STOR continues.
    pub(crate) before: u64,
    /// Where the part that moves ends (RANG). The destination has what follows. `None`: at the end of the source.
    pub(crate) until: Option<u64>,
    /// Who may continue what this attempt leaves.
    pub(crate) continued: ContinuedBy,
    /// Whether only the path is tried, and nothing moves (PROB).
    pub(crate) probes: bool,
    /// Whether both control connections are closed as soon as both ends say that the transfer has begun (DETA).
    pub(crate) detaches: bool,
    /// Which paths are allowed.
    pub(crate) allowed: Allowed,
    /// Whether to compute a digest if the data passes this host.
    pub(crate) look: Digest,
    /// The slowest rate that a file between these two servers has shown in this run, in bytes a second.
    pub(crate) slowest: Option<u64>,
    /// The digest that servers which know DGST compute while the file moves.
    pub(crate) digest: Option<Algorithm>,
}

impl Assignment {
    /// How many bytes of the source are not sent, because the destination has them already.
    pub(crate) const fn skips(&self) -> u64 {
        match self.store {
            Store::Replace => self.before,
            Store::Append => 0,
        }
    }

    /// How many bytes come from the source, if that is known.
    pub(crate) fn to_move(&self) -> Option<u64> {
        self.until.or(self.size).map(|end| end.saturating_sub(self.skips()))
    }

    /// How many bytes may come from the source.
    pub(crate) fn most(&self) -> u64 {
        most(self.to_move())
    }

    /// Which part of the source moves, if not all of it.
    pub(crate) fn part(&self) -> Option<ByteRange> {
        match self.until {
            Some(until) => ByteRange::before(self.skips(), until),
            None => Some(ByteRange::from(self.skips())).filter(|part| *part != ByteRange::WHOLE),
        }
    }

    /// The file of the destination, if it gets longer while bytes come.
    pub(crate) fn grows(&self) -> Option<PathName> {
        self.until.is_none().then(|| self.stored.clone())
    }

    /// Whether the destination gets a new file.
    pub(crate) fn is_new(&self) -> bool {
        self.store == Store::Replace && self.before == 0 && self.until.is_none()
    }

    /// Whether a refusal with this blame may mean that the server cannot continue in the middle of a file. Some
    /// servers say so only at the transfer command (ProFTPD's 451).
    pub(crate) const fn may_refuse_to_go_on(&self, blame: Blame) -> bool {
        self.skips() > 0
            && match blame {
                Blame::File | Blame::Busy | Blame::Unsupported | Blame::Peer => true,
                Blame::Missing | Blame::Space | Blame::Login | Blame::Path => false,
            }
    }
}
