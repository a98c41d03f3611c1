//! What was done.
//!
//! | file | what |
//! |---|---|
//! | `tally` | counts what has ended |
//! | `failures` | the first failures of each kind, and their number |
//! | `status` | the result in one word |
//! | `ending` | how the job stands for another run |

pub(in crate::job) mod ending;
pub(in crate::job) mod failures;
pub(in crate::job) mod status;
pub(in crate::job) mod tally;
