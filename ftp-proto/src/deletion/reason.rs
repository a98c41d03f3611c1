//! Why a name is not deleted.

/// Why a name stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReasonToKeep {
    /// The session that gave the evidence has ended.
    #[error("the session in which it was looked at has ended")]
    Stale,
    /// The path leads out of the place.
    #[error("its path leads out of the place")]
    Outside,
    /// A listing is not whole, or does not show the name.
    #[error("no whole listing tells what is in its directory")]
    NotListed,
    /// The source has the name.
    #[error("the source has it when it is asked")]
    There,
    /// The source does not say clearly whether it has the name.
    #[error("the source does not say clearly that it lacks it")]
    Unclear,
    /// The source found nothing at all while it was asked, also not what is there.
    #[error("the source did not find what it has in that directory either")]
    NoWitness,
    /// So much would go that somebody has to agree.
    #[error("more than half of its directory would be deleted")]
    Amount,
    /// It is not what it was when it was looked at.
    #[error("it has changed since it was looked at")]
    Changed,
    /// Something is in the directory.
    #[error("something is in it")]
    NotEmpty,
    /// The source of a move is another file now.
    #[error("it has changed since it was read")]
    SourceChanged,
    /// Neither a time nor a digest would show a change of it.
    #[error("no time of it is known that would show a change, and no digest has verified the copy")]
    NoTime,
    /// The destination does not have the copy any more.
    #[error("its copy is not there any more")]
    CopyMissing,
    /// Something else has the name of the copy.
    #[error("its copy is not what was verified")]
    CopyChanged,
    /// Nothing shows that the copy is still what was verified.
    #[error(
        "the session that has verified its copy has ended, and no digest shows that the copy is the same"
    )]
    NotProven,
    /// The destination has not said that the copy survives a power failure.
    #[error("the destination does not say that its copy is on stable storage")]
    NotStable,
}

impl ReasonToKeep {
    /// What to do.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Stale
            | Self::Outside
            | Self::NotListed
            | Self::There
            | Self::Unclear
            | Self::NoWitness
            | Self::Amount
            | Self::Changed
            | Self::NotEmpty => "do it again, to see what is there now",
            Self::SourceChanged => "move it again when nobody writes to it",
            Self::CopyMissing | Self::CopyChanged => "look at the destination, then move it again",
            Self::NoTime | Self::NotProven => "compare both, and delete it with ftp-user rm",
            Self::NotStable => "look at the log of the destination, then move it again",
        }
    }
}
