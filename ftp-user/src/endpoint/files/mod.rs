//! Operations on the files of an end: look, list, make, rename, delete, times, digests. Copies, syncs, moves and all verbs use
//! these, and nothing else sends commands about files. What takes a [`Host`](super::Host) is for both kinds of ends. What is
//! called `_at_server`, and what takes a session, is for those who hold the session of a transfer, or look at a server itself.
//!
//! | file | what |
//! |---|---|
//! | `look` | what is at a place |
//! | `list`, `listing` | what a directory holds; what a listing has shown |
//! | `absence` | whether a name is surely not there |
//! | `rename` | final names, and the old file that a new one replaces |
//! | `stored_name` | whether a server has kept a name as it is |
//! | `names` | names that are made and deleted |
//! | `times`, `digests` | times and rights of files; digests, and copies within the server |
//! | `receive` | the bytes of a file, as they come |
//! | `detached` | transfers that go on without their control connection |
//! | `examine` | what a server allows, as far as it can be seen without moving a file |

mod absence;
mod detached;
mod digests;
mod examine;
mod list;
mod listing;
mod look;
mod names;
mod receive;
mod rename;
mod stored_name;
mod times;

pub use absence::Lack;
pub(crate) use absence::lack;
pub use detached::{DetachedState, DetachedStatus, detached, knows_deta, may_detach, stop_detached};
pub use digests::{DigestQuery, copy_within, digest, digests_of_all, part_digest, part_digests};
pub use examine::{
    Foreign, SeenCertificate, ServerClock, certificate_seen, clock_of_server, most, sends_too_much,
    takes_foreign,
};
pub use list::{
    learn_listing, list, list_ahead, list_ahead_at_server, list_at_server, list_each, list_each_at_server,
    list_within, with_blanks,
};
pub(crate) use list::{list_certain_links, list_links, list_real_directories, shows_links};
pub use listing::{Each, Listing};
pub(crate) use look::mlst_shows_directory;
pub use look::{
    behind, entry_at_server, facts, facts_at_server, facts_of_all, facts_of_name, have, login_directory,
    real_directory, size, size_at_server, size_by_command, tells_no_size,
};
pub use names::{
    DirectoryThere, are_same, check_directory, check_directory_or_link, delete_all_at_server,
    delete_at_server, delete_own, delete_own_at_server, find_obstacle, make_directories,
    make_directories_at_once, make_directories_at_once_at_server, make_directory, make_directory_of_tree,
    make_parents, rename_free_at_server,
};
pub(crate) use names::{cannot_delete, make_stable};
pub use receive::{WantedFile, receive};
pub use rename::{FinalName, Replacement, put_back, rename, rename_at_server};
pub use stored_name::check_stored_name;
pub use times::{
    SetFact, modified, set_facts, set_modified, set_modified_at_server, time_refusal, time_refusal_at_server,
};
