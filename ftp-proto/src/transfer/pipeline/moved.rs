//! What is known of a file whose transfer commands were sent.

use crate::calendar::When;
use crate::digest::Digest;
use crate::reply::Reply;
use crate::transfer::batch::{BatchEnd, BatchFile};
use crate::transfer::request::PerSide;

/// How far a file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// Nothing was asked yet.
    Waiting,
    /// Its transfer commands were sent.
    Moving(Moved),
    /// It is verified, and was modified then.
    Verified(Option<When>),
    /// The commands that give it its time and its name were sent. The reply is the refusal of its time.
    Naming(Option<Reply>),
    /// Its end was told.
    Over,
}

impl Progress {
    /// How the file ends if nothing more is done.
    pub(super) const fn left(&self) -> Option<BatchEnd> {
        match self {
            Self::Waiting => Some(BatchEnd::UNTOUCHED),
            Self::Moving(_) | Self::Verified(_) => Some(BatchEnd::TOUCHED),
            Self::Naming(_) => Some(BatchEnd::Left { touched: true, may_be_done: true }),
            Self::Over => None,
        }
    }
}

/// What both servers have said of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Moved {
    /// How many replies are due that say something of it.
    pub(super) due: usize,
    /// Whether both servers are asked for digests.
    pub(super) has_digests: bool,
    /// The digest of the source after the transfer, and that of the part.
    pub(super) digests: PerSide<Option<Digest>>,
    /// Whether the source is asked for times.
    pub(super) has_times: bool,
    /// When the source was modified before the transfer.
    pub(super) before: Option<When>,
    /// The same after it.
    pub(super) after: Option<When>,
    /// Whether the source has called the transfer complete, and the destination.
    pub(super) whole: PerSide<bool>,
    /// The size of the source after the transfer, and that of the part.
    pub(super) sizes: PerSide<Option<u64>>,
}

impl Moved {
    /// Whether the part is the file that was listed, as far as sizes, times and digests can show it.
    pub(super) fn is(&self, file: &BatchFile) -> bool {
        let is_same = !self.has_times || (self.before == self.after && self.after.is_some());
        let PerSide { source: sent, destination: stored } = &self.digests;
        let is_equal = !self.has_digests || (sent.is_some() && sent == stored);
        let is_whole = self.whole.iter().all(|whole| *whole);
        is_same && is_equal && is_whole && self.sizes.iter().all(|size| *size == Some(file.size))
    }
}
