//! How a race is run, and its waits.

use std::time::Duration;

/// How the candidates follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Manner {
    /// Beside each other, each after the head start of the one before.
    Beside,
    /// One at a time. The next one starts when the one before has failed.
    Turns,
}

/// How a race is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How the candidates follow each other.
    pub manner: Manner,
    /// How long a candidate may take to prepare both ends before the next one starts beside it.
    pub setup: Duration,
    /// How long a candidate may take to begin if candidates must take turns because a server limits its sessions.
    pub patience: Duration,
    /// How long a file passes a third host before more direct candidates are probed beside it.
    pub scout: Duration,
    /// How long a claimant has to become certain. Meanwhile no candidate starts, and none is aborted.
    pub claim: Duration,
    /// The largest number of candidates that have sessions at the same time.
    pub together: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            manner: Manner::Beside,
            setup: Duration::from_secs(1),
            patience: Duration::from_secs(3),
            scout: Duration::from_millis(500),
            claim: Duration::from_secs(2),
            together: 4,
        }
    }
}

/// A candidate, as far as the race needs to know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entrant {
    /// Candidates with the same number share their fate: they never run at the same time.
    pub group: usize,
    /// How long the candidates that run have, once their ends have their transfer commands, before this one starts
    /// beside them. RFC 8305 section 8 recommends 250 ms.
    pub head_start: Duration,
    /// Whether it only probes (PROB) if it starts beside others.
    pub probes: bool,
}

/// A wait of a race. Its length is in [`Settings`] or [`Entrant`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Timer {
    /// For a candidate to prepare both ends, before the next one starts beside it.
    Setup,
    /// For a candidate to move data after its transfer commands, before the next one starts beside it.
    HeadStart,
    /// For a candidate to begin, if candidates must take turns because a server limits its sessions.
    Patience,
    /// For certainty, after both ends of a candidate have said that they have begun.
    Claim,
}

impl Timer {
    /// The name of the timer in messages for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::HeadStart => "head start",
            Self::Patience => "patience",
            Self::Claim => "claim",
        }
    }
}
