//! What was asked for.
//!
//! | file | what |
//! |---|---|
//! | `job` | the job as a value |
//! | `options` | its options |
//! | `pairs` | sources with destinations of their own, little of them in memory |
//! | `standard` | standard input and output as its ends |
//! | `filter` | which names of a tree it takes |
//! | `sync` | how two trees are made equal |

pub(in crate::job) mod filter;
pub(in crate::job) mod job;
pub(in crate::job) mod options;
pub(in crate::job) mod pairs;
pub(in crate::job) mod standard;
pub(in crate::job) mod sync;
