//! Users of the command line (`--user NAME:PASSWORD[:ro]`). They are compared in constant time and
//! without a slow hash, so that thousands can log in per second.

use ftp_proto::policy::Foreign;
use ftp_proto::server::Account;
use ftp_proto::wire::Secret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::Users;

/// One user as the command line gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuickUser {
    name: Vec<u8>,
    password: Secret,
    read_only: bool,
}

/// Why a value of `--user` cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadUser {
    /// There is no colon.
    #[error("--user needs NAME:PASSWORD; there is no ':'")]
    NoColon,
    /// There is no name before the colon.
    #[error("--user needs NAME:PASSWORD; there is no name before the ':'")]
    NoName,
}

impl QuickUser {
    /// Reads `NAME:PASSWORD[:ro]`; the password may contain colons.
    ///
    /// # Errors
    /// There is no colon, or no name before it.
    pub fn parse(text: &[u8]) -> Result<Self, BadUser> {
        let at = text.iter().position(|&byte| byte == b':').ok_or(BadUser::NoColon)?;
        let (name, password) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        if name.is_empty() {
            return Err(BadUser::NoName);
        }
        let (password, read_only) = match password.strip_suffix(b":ro") {
            Some(password) => (password, true),
            None => (password, false),
        };
        Ok(Self { name: name.to_vec(), password: Secret::new(password), read_only })
    }

    /// The name that the user logs in with.
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}

/// The users of the command line.
pub struct QuickUsers(Vec<(Account, [u8; 32])>);

impl QuickUsers {
    /// These users; all of them have the foreign policy of the server.
    pub fn new(users: &[QuickUser], foreign: Foreign) -> Self {
        let users = users.iter().map(|user| {
            let account =
                Account { name: user.name.clone(), anonymous: false, read_only: user.read_only, foreign };
            (account, mark(&user.name, &user.password))
        });
        Self(users.collect())
    }
}

impl Users for QuickUsers {
    /// Compares with every user, even after the right one, so that the time reveals nothing about
    /// names or passwords.
    fn login(&self, name: &[u8], password: &Secret) -> Option<Account> {
        let given = mark(name, password);
        let mut found = u32::MAX;
        for (index, (_, right)) in (0_u32..).zip(&self.0) {
            let same: Choice = given.ct_eq(right);
            found.conditional_assign(&index, same);
        }
        self.0.get(usize::try_from(found).ok()?).map(|(account, _)| account.clone())
    }
}

impl std::fmt::Debug for QuickUsers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QuickUsers({} users)", self.0.len())
    }
}

/// Name and password as 32 bytes, made of the digests of both, so that no other pair has the same.
fn mark(name: &[u8], password: &Secret) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(Sha256::digest(name));
    digest.update(Sha256::digest(password.expose()));
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(list: &[&str]) -> QuickUsers {
        let list: Vec<_> = list.iter().map(|user| QuickUser::parse(user.as_bytes()).unwrap()).collect();
        QuickUsers::new(&list, Foreign::Proven)
    }

    #[test]
    fn only_name_and_password_together_open_an_account() {
        let users = users(&["ann:secret", "bob:other:ro", "eve:"]);
        let check = |name: &str, password: &str| users.login(name.as_bytes(), &Secret::new(password));
        assert_eq!(check("ann", "secret").unwrap().name, b"ann");
        assert!(!check("ann", "secret").unwrap().read_only);
        assert!(check("bob", "other").unwrap().read_only);
        assert!(check("eve", "").is_some(), "an empty password is one");
        for (name, password) in
            [("ann", "other"), ("ann", ""), ("Ann", "secret"), ("ann:secret", ""), ("", "")]
        {
            assert_eq!(check(name, password), None, "{name} {password}");
        }
    }

    #[test]
    fn a_password_may_contain_colons() {
        let users = users(&["ann:a:b", "bob:a:ro:ro"]);
        assert!(users.login(b"ann", &Secret::new("a:b")).is_some());
        assert!(users.login(b"bob", &Secret::new("a:ro")).unwrap().read_only);
    }

    #[test]
    fn a_user_without_colon_or_name_is_refused_without_showing_it() {
        assert_eq!(QuickUser::parse(b"secret"), Err(BadUser::NoColon));
        assert_eq!(QuickUser::parse(b":secret"), Err(BadUser::NoName));
        assert!(!format!("{:?}", QuickUser::parse(b"ann:secret")).contains("secret"));
    }

    #[test]
    fn debug_text_of_the_users_shows_no_digest() {
        assert_eq!(format!("{:?}", users(&["ann:secret"])), "QuickUsers(1 users)");
    }
}
