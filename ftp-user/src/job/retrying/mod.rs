//! Whether something is tried again, and the waiting.
//!
//! | file | what |
//! |---|---|
//! | [`retry`] | the only place that decides it |
//! | `outage` | a server that does not answer |

pub(in crate::job) mod outage;
pub mod retry;
