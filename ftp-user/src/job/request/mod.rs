//! What was asked for.
//!
//! | file | what |
//! |---|---|
//! | `job` | the job as a value, also one whose end is standard input or output, with its options |
//! | `pairs` | sources with destinations of their own, little of them in memory |
//! | `streams` | how many data connections one file has |
//! | `filter` | which names of a tree it takes |

pub(super) mod filter;
pub(super) mod job;
pub(super) mod pairs;
pub(super) mod streams;
