//! The sources of a copy, in their order: each is a file or a tree, and goes where `cp` would put it.
//!
//! | file | what |
//! |---|---|
//! | `copying` | sources, patterns and lines of a list, one after the other; their files go through one stream |
//! | `flow` | their stream, and what is noted of its files |
//! | `line` | a source with its destination, and many of them looked at together |
//! | `waiting` | lines that wait to be looked at |
//! | `receiver` | what a destination is |
//! | `receiving` | what is known of the destinations of a job, and what is made there |
//! | `target` | where a source goes, and what is refused |
//! | `trees` | a source that is a directory |
//! | `directories` | directories that are known to be at the destination |

mod copying;
mod directories;
mod flow;
mod line;
mod receiver;
mod receiving;
mod target;
mod trees;
mod waiting;

pub(super) use copying::Sources;
