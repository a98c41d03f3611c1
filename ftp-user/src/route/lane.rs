//! What connects an attempt with the race in which it takes part.

use crate::context::Cancel;
use crate::failure::Failure;
use ftp_proto::transfer::Side;
use tokio::sync::{mpsc, watch};

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
