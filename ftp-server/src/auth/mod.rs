//! Who may log in.
//!
//! | file | what |
//! |---|---|
//! | `user`, `file` | users as the operator describes them; the file of `--users` |
//! | `hash` | hashes of passwords |
//! | `entry`, `quick`, `users` | all users, ready to be used, and the check of a login |

mod entry;
mod file;
mod hash;
mod quick;
mod user;
mod users;

pub use entry::Entry;
pub use file::{read_secret, read_users};
pub use hash::{BadHash, PasswordHash};
pub use user::{BadUser, Credential, User};
pub use users::{Check, SlowCheck, Users, is_anonymous};
