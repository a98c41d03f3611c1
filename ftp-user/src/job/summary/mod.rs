//! What was done (`tally`), and what has failed: the first failures of each kind, and how the job stands for another run
//! (`failures`).

pub(in crate::job) mod failures;
pub(in crate::job) mod tally;
