//! Who may log in.

mod anonymous;
mod quick;

pub use anonymous::{Anonymous, is_anonymous};
pub use quick::{BadUser, QuickUser, QuickUsers};

use ftp_proto::server::Account;
use ftp_proto::wire::Secret;

/// A source of accounts.
pub trait Users: Send + Sync {
    /// The account of `name`, if `password` is right.
    fn login(&self, name: &[u8], password: &Secret) -> Option<Account>;
}

/// All sources of accounts of this server. The first that knows name and password decides.
pub struct AllUsers(Vec<Box<dyn Users>>);

impl AllUsers {
    /// Asks `sources` in order.
    pub fn new(sources: Vec<Box<dyn Users>>) -> Self {
        Self(sources)
    }
}

impl Users for AllUsers {
    fn login(&self, name: &[u8], password: &Secret) -> Option<Account> {
        self.0.iter().find_map(|source| source.login(name, password))
    }
}

impl std::fmt::Debug for AllUsers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AllUsers({} sources)", self.0.len())
    }
}
