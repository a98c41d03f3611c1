//! What an attempt leaves for the next one.
//!
//! | file | what |
//! |---|---|
//! | `part` | the name under which something is stored, and its removal |
//! | `leftover` | what an earlier run has stored |
//! | `prefix` | how much of it is right |
//! | `old` | old files that were renamed aside for an instant |
//! | `backup` | old files that are kept under other names |

pub(in crate::job) mod backup;
pub(in crate::job) mod leftover;
pub(in crate::job) mod old;
pub(in crate::job) mod part;
pub(in crate::job) mod prefix;
