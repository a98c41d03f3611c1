//! What people do with jobs of the queue, and why it cannot be done.

use super::{QueueState, Wish};
use crate::named::named;

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

named!(JobChange { Pause: "pause", Resume: "resume", Retry: "retry", Cancel: "cancel", Forget: "forget" });

impl JobChange {
    /// Those of the API, as the page orders them.
    pub const OF_API: [Self; 4] = [Self::Pause, Self::Resume, Self::Retry, Self::Cancel];

    /// Whether it makes sense in this state, where this is wanted already. The page offers only these; the entry decides.
    pub const fn suits(self, state: QueueState, wish: Wish) -> bool {
        match self {
            Self::Pause => !state.has_ended() && matches!(wish, Wish::Run),
            Self::Resume => !state.has_ended() && matches!(wish, Wish::Pause),
            Self::Cancel | Self::Forget => !state.has_ended() && !matches!(wish, Wish::Cancel),
            Self::Retry => {
                (state.has_ended() && !matches!(state, QueueState::Done))
                    || matches!(state, QueueState::Waiting)
            }
        }
    }
}

/// Why something cannot be done with a job as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EntryRefusal {
    /// It has ended.
    #[error("it has ended")]
    HasEnded,
    /// It is done: no file of it has failed.
    #[error("it is done")]
    IsDone,
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
}
