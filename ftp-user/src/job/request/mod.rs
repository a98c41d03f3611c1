//! What was asked for.
//!
//! | file | what |
//! |---|---|
//! | `job` | the job as a value, also one whose end is standard input or output, with its options |
//! | `pairs` | sources with destinations of their own, little of them in memory |
//! | `streams` | how many data connections one file has |
//! | `filter` | which names of a tree it takes |

pub(in crate::job) mod filter;
pub(in crate::job) mod job;
pub(in crate::job) mod pairs;
pub(in crate::job) mod streams;
