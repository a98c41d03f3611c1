//! Users with passwords in clear (`--user`). They are compared in constant time and without a slow hash,
//! so that thousands can log in per second.

use std::sync::Arc;

use ftp_proto::wire::Secret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::entry::Entry;

/// Users with passwords in clear.
#[derive(Default)]
pub(super) struct QuickUsers(Vec<(Arc<Entry>, [u8; 32])>);

impl QuickUsers {
    /// Adds a user.
    pub(super) fn add(&mut self, entry: Arc<Entry>, password: &Secret) {
        let mark = mark(&entry.account.name, password);
        self.0.push((entry, mark));
    }

    /// The user with this name and password. It compares with every user, even after the right one, so
    /// that the time reveals nothing about names or passwords.
    pub(super) fn find(&self, name: &[u8], password: &Secret) -> Option<&Arc<Entry>> {
        let given = mark(name, password);
        let mut found = u32::MAX;
        for (index, (_, right)) in (0_u32..).zip(&self.0) {
            let same: Choice = given.ct_eq(right);
            found.conditional_assign(&index, same);
        }
        self.0.get(usize::try_from(found).ok()?).map(|(entry, _)| entry)
    }

    /// All of them.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.0.iter().map(|(entry, _)| entry)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Name and password as 32 bytes, made of the digests of both, so that no other pair has the same.
fn mark(name: &[u8], password: &Secret) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(Sha256::digest(name));
    digest.update(Sha256::digest(password.expose()));
    digest.finalize().into()
}
