//! Small files that are copied in groups: the machine, and how each file has ended.

use ftp_proto::timer::Moment;
use ftp_proto::transfer::Input;
use ftp_proto::transfer::batch::{Batch, BatchEnd, BatchInput};

/// The small files that are copied.
#[derive(Debug, Default)]
pub(super) struct GroupCopy {
    pub(super) batch: Option<Batch>,
    /// How each file has ended.
    pub(super) ends: Vec<Option<BatchEnd>>,
}

impl GroupCopy {
    /// Whether they are being copied.
    pub(super) const fn is_running(&self) -> bool {
        self.batch.is_some()
    }

    /// How many have their names.
    pub(super) fn published(&self) -> usize {
        self.ends.iter().flatten().filter(|end| matches!(end, BatchEnd::Published { .. })).count()
    }

    /// Tells the machine what has happened, if it runs.
    pub(super) fn tell(&mut self, now: Moment, input: BatchInput) {
        if let Some(batch) = &mut self.batch {
            batch.input(now, input);
        }
    }

    /// The same for what the relay says.
    pub(super) fn tell_of_relay(&mut self, now: Moment, input: Input) {
        if let Input::RelayReady { source, destination } = input {
            self.tell(now, BatchInput::Joined { source, destination });
        } else if matches!(input, Input::RelayLost(_) | Input::RelayRefused(_) | Input::DataFailed(..)) {
            self.tell(now, BatchInput::Broken);
        }
    }
}
