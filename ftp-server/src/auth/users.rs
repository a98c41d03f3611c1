//! All users of the server, and the check of a login.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ftp_proto::policy::Foreign;
use ftp_proto::wire::Secret;

use super::entry::Entry;
use super::hash::PasswordHash;
use super::quick::QuickUsers;
use super::user::{Credential, User};

/// All users of the server: those with passwords in clear, those with hashes, and the anonymous account.
/// The list of kinds is closed.
#[derive(Default)]
pub struct Users {
    quick: QuickUsers,
    hashed: HashMap<Vec<u8>, (Arc<Entry>, PasswordHash)>,
    anonymous: Option<Arc<Entry>>,
}

/// What is known of a login at once.
#[derive(Debug)]
pub enum Check {
    /// The password is right.
    Right(Arc<Entry>),
    /// Name or password is wrong.
    Wrong,
    /// A slow hash will tell.
    Slow(SlowCheck),
}

/// A password that is to be compared with a slow hash. For a user that does not exist the hash is one
/// that no password has, so that the time tells nobody which names there are.
#[derive(Debug)]
pub struct SlowCheck {
    entry: Option<Arc<Entry>>,
    hash: PasswordHash,
    password: Secret,
}

impl Users {
    /// These users and, with `anonymous`, the anonymous account. All of them have the foreign policy
    /// `foreign` unless they have a narrower one.
    pub fn new(users: &[User], anonymous: bool, foreign: Foreign) -> Self {
        let mut all = Self { anonymous: anonymous.then(|| Arc::new(Entry::anonymous())), ..Self::default() };
        for user in users {
            let entry = Arc::new(Entry::new(user, foreign));
            match &user.credential {
                Credential::Quick(password) => all.quick.add(entry, password),
                Credential::Hashed(hash) => {
                    all.hashed.insert(user.name.clone(), (entry, hash.clone()));
                }
            }
        }
        all
    }

    /// Checks a login as far as that is quick.
    pub fn check(&self, name: &[u8], password: Secret) -> Check {
        if let Some(entry) = self.quick.find(name, &password) {
            return Check::Right(Arc::clone(entry));
        }
        if let Some(entry) = self.anonymous.as_ref().filter(|_| is_anonymous(name)) {
            return Check::Right(Arc::clone(entry));
        }
        if self.hashed.is_empty() {
            return Check::Wrong;
        }
        let known = self.hashed.get(name);
        Check::Slow(SlowCheck {
            entry: known.map(|(entry, _)| Arc::clone(entry)),
            hash: known.map_or_else(PasswordHash::of_nobody, |(_, hash)| hash.clone()),
            password,
        })
    }
}

impl SlowCheck {
    /// Compares. Takes time and memory on purpose: call it from the pool for hashing.
    pub fn run(self) -> Option<Arc<Entry>> {
        let right = self.hash.verify(self.password.expose());
        self.entry.filter(|_| right)
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({} quick, {} hashed)", self.quick.len(), self.hashed.len())
    }
}

/// Whether `name` is a name of the anonymous account: `anonymous` or `ftp`, in any case.
pub fn is_anonymous(name: &[u8]) -> bool {
    [b"anonymous".as_slice(), b"ftp"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of the account that a login opens, after every check.
    fn login(users: &Users, name: &str, password: &str) -> Option<Vec<u8>> {
        let entry = match users.check(name.as_bytes(), Secret::new(password)) {
            Check::Right(entry) => Some(entry),
            Check::Wrong => None,
            Check::Slow(slow) => slow.run(),
        };
        entry.map(|entry| entry.account.name.clone())
    }

    fn quick(lines: &[&str], anonymous: bool) -> Users {
        let users: Vec<_> = lines.iter().map(|line| User::with_password(line.as_bytes()).unwrap()).collect();
        Users::new(&users, anonymous, Foreign::Proven)
    }

    #[test]
    fn only_name_and_password_together_open_an_account() {
        let users = quick(&["ann:secret", "bob:other:ro", "eve:"], false);
        for (name, password) in [("ann", "secret"), ("bob", "other"), ("eve", "")] {
            assert_eq!(login(&users, name, password), Some(name.into()));
        }
        for (name, password) in
            [("ann", "other"), ("ann", ""), ("Ann", "secret"), ("ann:secret", ""), ("", ""), ("ftp", "")]
        {
            assert_eq!(login(&users, name, password), None, "{name} {password}");
        }
    }

    #[test]
    fn anonymous_needs_no_password_and_only_reads() {
        let users = quick(&["ann:secret"], true);
        for name in ["anonymous", "ftp", "FTP"] {
            assert_eq!(login(&users, name, "who@example.org"), Some("anonymous".into()));
        }
        let entry = Entry::anonymous();
        assert!(entry.account.anonymous && entry.account.access.is_read_only());
        assert_eq!(entry.account.foreign, Foreign::Never);
    }

    #[test]
    fn a_hashed_user_and_a_name_that_nobody_has_both_take_a_slow_check() {
        let hash = PasswordHash::of(b"secret").unwrap();
        let mut all = vec![User::with_password(b"bob:other").unwrap()];
        all.push(User::new("ann", Credential::Hashed(hash)));
        let users = Users::new(&all, false, Foreign::Proven);
        assert_eq!(login(&users, "ann", "secret"), Some("ann".into()));
        assert_eq!(login(&users, "bob", "other"), Some("bob".into()));
        for (name, password) in [("ann", "other"), ("bob", "secret"), ("eve", "secret"), ("", "")] {
            let slow = matches!(users.check(name.as_bytes(), Secret::new(password)), Check::Slow(_));
            assert!(slow, "{name} {password}");
            assert_eq!(login(&users, name, password), None, "{name} {password}");
        }
    }

    #[test]
    fn debug_text_of_the_users_shows_no_secret() {
        let shown = format!("{:?}", quick(&["ann:secret"], false));
        assert_eq!(shown, "Users(1 quick, 0 hashed)");
        let slow = SlowCheck { entry: None, hash: PasswordHash::of_nobody(), password: Secret::new("x") };
        assert!(!format!("{slow:?}").contains("argon2id"), "{slow:?}");
    }
}
