//! One file.
//!
//! | file | what |
//! |---|---|
//! | `copy` | a file is copied: the attempts, verification, the name |
//! | `decision` | facts of both ends, and the overwrite rule |
//! | `attempts` | where each attempt begins, and what becomes of what it leaves |
//! | `changed` | what has changed of a large file, and nothing else |
//! | `ranges` | a large file over several data connections |
//! | `append` | a file at the end of another one |
//! | `standard` | one file between a server and standard input or output |
//! | `times` | times and permissions |

pub(super) mod append;
mod attempts;
mod changed;
pub(super) mod copy;
pub(super) mod decision;
mod ranges;
pub(super) mod standard;
pub(super) mod times;
