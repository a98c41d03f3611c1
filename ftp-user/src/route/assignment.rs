//! What an attempt is asked to move, and what connects it with the race of its candidates.

use crate::context::Cancel;
use crate::failure::Failure;
use crate::ladder::Allowed;
use crate::remote::most;
use ftp_io::copy::Digest;
use ftp_proto::command::Partial;
use ftp_proto::digest::Algorithm;
use ftp_proto::reply::Blame;
use ftp_proto::transfer::{Side, Store};
use ftp_proto::wire::{ByteRange, PathName};
use tokio::sync::{mpsc, watch};

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

/// What a candidate tells the race.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sign {
    /// It has its sessions, and begins.
    Ready,
    /// The first transfer command was sent, or the first data connection is being opened.
    Connecting,
    /// The data connection of this end stands.
    Moving(Side),
    /// This end has said that the transfer has begun. It may say so before its data connection stands.
    Claims(Side),
    /// The destination has received nothing yet.
    Idle,
}

/// What connects the attempt of a candidate with the race: its signs go there, and from there comes that it has
/// lost.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    number: usize,
    signs: mpsc::UnboundedSender<(usize, Sign)>,
    lost: Cancel,
}

impl Lane {
    /// The lane of the candidate with this number. Sending `true` tells it that it has lost.
    pub(crate) fn new(
        number: usize,
        signs: mpsc::UnboundedSender<(usize, Sign)>,
    ) -> (watch::Sender<bool>, Self) {
        let (sender, lost) = Cancel::new();
        (sender, Self { number, signs, lost })
    }

    /// The lane of what takes part in no race.
    pub(super) fn alone() -> Self {
        Self { number: 0, signs: mpsc::unbounded_channel().0, lost: Cancel::never() }
    }

    /// A lane whose signs nobody hears. It loses when this one does.
    pub(crate) fn unheard(&self) -> Self {
        let (signs, _) = mpsc::unbounded_channel();
        Self { signs, ..self.clone() }
    }

    /// Tells the race something. A race that is over does not hear it.
    pub(crate) fn say(&self, sign: Sign) {
        let _ = self.signs.send((self.number, sign));
    }

    /// Returns as soon as the candidate has lost.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Whether it has lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// The result of `work`, or an interruption if the candidate loses meanwhile.
    ///
    /// # Errors
    ///
    /// Fails as `work` does, or because the candidate has lost.
    pub(crate) async fn unless_lost<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = work => done,
            () = self.lost() => Err(Failure::interrupted()),
        }
    }
}
