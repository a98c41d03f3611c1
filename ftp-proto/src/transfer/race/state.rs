//! How far a candidate is, and what is known of its data connection.

use crate::transfer::Side;

/// What a candidate is started for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Purpose {
    /// To transfer the file.
    Transfer,
    /// To obtain and prove a data connection, without moving anything (PROB).
    Probe,
}

/// How far a candidate is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It has not started, or it was given up too early and may start again.
    Waiting,
    /// It runs, and this is known of it.
    Running(Run),
    /// It was told to abort. Whether it may start again.
    Leaving { again: bool },
    /// It has ended, or it is known to fail.
    Over,
}

impl State {
    pub(super) const fn is_running(self) -> bool {
        matches!(self, Self::Running(_))
    }

    /// Whether it has sessions with both servers.
    pub(super) const fn is_busy(self) -> bool {
        matches!(self, Self::Running(_) | Self::Leaving { .. })
    }

    /// Whether it is to transfer, both ends have said at least that they have begun, and nothing shows that they have not.
    pub(super) fn is_believed(self) -> bool {
        matches!(self, Self::Running(run) if run.is_claimed() && !run.idle)
    }
}

/// What is known of a candidate that runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) purpose: Purpose,
    pub(super) source: Word,
    pub(super) destination: Word,
    /// The destination was asked, and had received nothing.
    pub(super) idle: bool,
}

/// What is known of the data connection of an end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Word {
    Nothing,
    /// The end has said that the transfer has begun.
    Claimed,
    /// The data connection stands.
    Stands,
}

impl Run {
    pub(super) const fn new(purpose: Purpose) -> Self {
        Self { purpose, source: Word::Nothing, destination: Word::Nothing, idle: false }
    }

    pub(super) fn hear(&mut self, side: Side, word: Word) {
        let known = match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        };
        *known = word.max(*known);
    }

    pub(super) fn is_claimed(self) -> bool {
        self.purpose == Purpose::Transfer && self.source.min(self.destination) >= Word::Claimed
    }

    /// The two ends have one data connection. If it stands for one of them, it stands.
    pub(super) fn is_certain(self) -> bool {
        self.is_claimed() && self.source.max(self.destination) == Word::Stands
    }
}
