//! What is under way at one server: commands that wait, those of the last burst that have no reply, and what is known of a file
//! whose transfer commands were sent.

use crate::calendar::When;
use crate::command::Command;
use crate::dialect::Dialect;
use crate::digest::Digest;
use crate::reply::Reply;
use crate::transfer::batch::{BatchEnd, BatchFile};
use crate::transfer::request::PerSide;
use std::collections::VecDeque;

/// What a command is for. The number is that of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// TYPE, SSCN, PINC: what has to be in force for all files.
    Setting,
    /// PASV or EPSV: the port for the next file.
    Listen,
    /// PORT or EPRT.
    Connect,
    /// MDTM at the source, before the transfer.
    Before(usize),
    /// RETR at the source.
    Send(usize),
    /// MDTM at the source, after the transfer.
    After(usize),
    /// SIZE at the source, after the transfer.
    Length(usize),
    /// MLST at the source, after the transfer.
    Facts(usize),
    /// STOR at the destination.
    Store(usize),
    /// SIZE of the part.
    Stored(usize),
    /// The digest of the source, after the transfer.
    SentDigest(usize),
    /// The digest of the part.
    StoredDigest(usize),
    /// The time of the part.
    Time(usize),
    /// RNFR: the name of the part.
    From(usize),
    /// RNTO: the final name.
    To(usize),
    /// SIZE under the final name: is the file there?
    Named(usize),
}

/// The commands of one server.
#[derive(Debug, Default)]
pub(super) struct Lane {
    waiting: VecDeque<(Task, Command)>,
    asked: VecDeque<Task>,
    /// The command whose reply is due has had a preliminary one.
    has_begun: bool,
}

impl Lane {
    /// Puts a command behind those that wait.
    pub(super) fn push(&mut self, task: Task, command: Command) {
        self.waiting.push_back((task, command));
    }

    /// Puts commands behind those that wait.
    pub(super) fn extend(&mut self, commands: impl IntoIterator<Item = (Task, Command)>) {
        self.waiting.extend(commands);
    }

    /// What may be sent now: nothing while a reply is due, else so many commands as fit into one piece.
    pub(super) fn burst(&mut self) -> Vec<Command> {
        let (mut burst, mut bytes) = (Vec::new(), 0);
        if !self.asked.is_empty() {
            return burst;
        }
        while let Some((_, command)) = self.waiting.front() {
            bytes += command.to_line(Dialect::Rfc959).len();
            if bytes > BURST && !burst.is_empty() {
                break;
            }
            let Some((task, command)) = self.waiting.pop_front() else { break };
            self.asked.push_back(task);
            burst.push(command);
        }
        burst
    }

    /// What the next reply answers.
    pub(super) fn head(&self) -> Option<Task> {
        self.asked.front().copied()
    }

    /// Notes a preliminary reply. Returns whether it is the first one to its command: others tell nothing.
    pub(super) const fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.has_begun, true)
    }

    /// Notes a final reply.
    pub(super) fn answered(&mut self) {
        self.has_begun = false;
        self.asked.pop_front();
    }

    /// Whether nothing waits, and no reply is due.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.asked.is_empty()
    }
}

/// The largest burst in bytes: it fits into one segment, and into the 1,024 bytes that ProFTPD reads at once. What ProFTPD
/// has not read when a transfer begins, it reads while the file moves, and refuses or does it then.
const BURST: usize = 900;

/// How far a file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// Nothing was asked yet.
    Waiting,
    /// Its transfer commands were sent.
    Moving(FileReplies),
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
pub(super) struct FileReplies {
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

impl FileReplies {
    /// Whether the part is the file that was listed, as far as sizes, times and digests can show it.
    pub(super) fn is(&self, file: &BatchFile) -> bool {
        let is_same = !self.has_times || (self.before == self.after && self.after.is_some());
        let PerSide { source: sent, destination: stored } = &self.digests;
        let is_equal = !self.has_digests || (sent.is_some() && sent == stored);
        let is_whole = self.whole.iter().all(|whole| *whole);
        is_same && is_equal && is_whole && self.sizes.iter().all(|size| *size == Some(file.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::PathName;

    #[test]
    fn a_burst_is_as_large_as_one_segment_and_waits_for_every_reply() {
        let mut lane = Lane::default();
        for _ in 0..5 {
            let path = PathName::from_user("x".repeat(300)).unwrap();
            lane.push(Task::Setting, Command::Size(path));
        }
        let mut bursts = Vec::new();
        while !lane.is_idle() {
            let burst = lane.burst().len();
            for _ in 0..burst {
                assert!(lane.burst().is_empty());
                assert_eq!(lane.head(), Some(Task::Setting));
                lane.answered();
            }
            bursts.push(burst);
        }
        assert_eq!(bursts, [2, 2, 1]);
        // A line that is too long for a burst goes alone.
        lane.push(Task::Setting, Command::Size(PathName::from_user("x".repeat(2000)).unwrap()));
        assert_eq!(lane.burst().len(), 1);
    }
}
