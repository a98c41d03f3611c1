//! What the server keeps of one user.

use ftp_proto::policy::Foreign;
use ftp_proto::server::{Access, Account};

use super::user::User;
use crate::limits::AccountLimits;

/// One user, ready to be used by sessions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What the session is told after the login.
    pub account: Account,
    /// How many sessions the user may have.
    pub limits: AccountLimits,
}

impl Entry {
    /// The entry of `user`; `foreign` is the policy of the server.
    pub fn new(user: &User, foreign: Foreign) -> Self {
        let account = Account {
            access: Access::everywhere(user.rights),
            foreign: user.foreign.unwrap_or(foreign),
            ..Account::new(user.name.clone())
        };
        Self { account, limits: user.limits }
    }

    /// The entry of the anonymous account.
    pub fn anonymous() -> Self {
        Self { account: Account::anonymous(), limits: AccountLimits::default() }
    }
}
