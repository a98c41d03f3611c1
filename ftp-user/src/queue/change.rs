//! What people do with jobs of the queue, and why it cannot be done.

/// What somebody does with a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JobChange {
    /// It stops until somebody resumes it.
    Pause,
    /// A paused job goes on.
    Resume,
    /// It is carried once more.
    Retry,
    /// It is given up.
    Cancel,
    /// It ends, and nothing that it has left is removed.
    Forget,
}

impl JobChange {
    /// Its name, as people and programs ask for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Forget => "forget",
        }
    }
}

/// Why something cannot be done with a job as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EntryRefusal {
    /// It has ended.
    #[error("it has ended")]
    HasEnded,
    /// It has not ended.
    #[error("it has not ended")]
    HasNotEnded,
    /// It is to be given up.
    #[error("it is being cancelled")]
    IsCancelled,
    /// It was not stopped.
    #[error("it is not paused")]
    IsNotPaused,
    /// A worker carries it.
    #[error("a daemon carries it")]
    IsCarried,
    /// The lease with which it was carried is lost.
    #[error("its worker has lost the lease")]
    LeaseLost,
}
