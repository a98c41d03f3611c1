//! Who may log in.
//!
//! | file | what |
//! |---|---|
//! | `user` | users as the operator describes them, their directories, and the file of `--users` |
//! | `hash` | hashes of passwords |
//! | `pam` | passwords that the system checks |
//! | `terms` | when and from where a user logs in |
//! | `users` | all users, ready to be used, and the check of a login |

mod hash;
mod pam;
mod terms;
mod user;
mod users;

pub use hash::{BadHash, PasswordHash};
pub use pam::{HAS_PAM, PamCheck};
pub use terms::{LoginTerms, NoLogin, Origin, Unfit};
pub use user::{BadUser, Credential, Home, Mount, Rates, User, read_secret, read_users};
pub use users::{Check, Common, Entry, NestedQuota, SlowCheck, Users, is_anonymous, refuse_nested_quotas};
