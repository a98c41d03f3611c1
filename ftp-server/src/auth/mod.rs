//! Who may log in.
//!
//! | file | what |
//! |---|---|
//! | `user`, `file` | users as the operator describes them; the file of `--users` |
//! | `hash` | hashes of passwords |
//! | `pam` | passwords that the system checks |
//! | `terms`, `home` | when and from where a user logs in; the directories of a user |
//! | `entry`, `quick`, `users` | all users, ready to be used, and the check of a login |

mod entry;
mod file;
mod hash;
mod home;
mod pam;
mod quick;
mod terms;
mod user;
mod users;

pub use entry::{Common, Entry};
pub use file::{read_secret, read_users};
pub use hash::{BadHash, PasswordHash};
pub use home::{Home, Mount};
pub use pam::{HAS_PAM, PamCheck};
pub use terms::{LoginTerms, NoLogin, Origin, Unfit};
pub use user::{BadUser, Credential, Rates, User};
pub use users::{Check, NestedQuota, SlowCheck, Users, is_anonymous, refuse_nested_quotas};
