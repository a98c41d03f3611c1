//! Operations on the files of one server: look, list, make, rename, delete, times, digests. Each takes the session in which the
//! server is asked. Copies, syncs, moves and all verbs use these, and nothing else sends commands about files.
//!
//! | file | what |
//! |---|---|
//! | `look` | what is at a place |
//! | `list` | what a directory holds |
//! | `absence` | whether a name is surely not there |
//! | `rename` | final names, and the old file that a new one replaces; whether a name was kept as it is |
//! | `names` | names that are made and deleted |
//! | `times`, `digests` | times and rights of files; digests, and copies within the server |
//! | `detached` | transfers that go on without their control connection |
//! | `examine` | what a server allows, as far as it can be seen without moving a file |

mod absence;
mod detached;
mod digests;
mod examine;
mod list;
mod look;
mod names;
mod rename;
mod times;

pub use absence::{Lack, lack};
pub use detached::{DetachedState, DetachedStatus, detached, knows_deta, may_detach, stop_detached};
pub use digests::{copy_within, hash, hash_part, hash_parts};
pub use examine::{
    Foreign, SeenCertificate, ServerClock, certificate_seen, clock_of_server, most, sends_too_much,
    takes_foreign,
};
pub use list::{Each, Listing, list, list_each, list_text, name_with_blanks};
pub use look::{any_size, behind, entry, facts, facts_of_all, have, real_directory, size, tells_no_size};
pub(crate) use names::cannot_delete;
pub use names::{
    are_same, delete, delete_all, delete_own, delete_stored, make_directory, make_new_directories,
    make_stable, rename_free,
};
pub use rename::{FinalName, Replacement, check_stored_name, keeps_name, put_back, rename};
pub use times::{modified, set_mode, set_modified, set_modified_all, time_refusal};
