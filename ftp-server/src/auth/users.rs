//! All users of the server, and the check of a login. Passwords in clear (`--user`) are compared in constant time and
//! without a slow hash, so that thousands can log in per second.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::limiter::Limiter;
use ftp_proto::listing::When;
use ftp_proto::policy::Foreign;
use ftp_proto::server::Account;
use ftp_proto::wire::{Fingerprint, Secret};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::hash::PasswordHash;
use super::pam::PamCheck;
use super::terms::{LoginTerms, NoLogin, Origin, Unfit};
use super::user::{Credential, Home, User};
use crate::limits::AccountLimits;
use crate::vfs::{Roots, Tree};

/// All users of the server: those with passwords in clear, with hashes, with certificates alone, and the
/// anonymous account.
/// The list of kinds is closed.
#[derive(Default)]
pub struct Users {
    quick: QuickUsers,
    hashed: HashMap<Vec<u8>, (Arc<Entry>, PasswordHash)>,
    /// Those who log in by a certificate alone.
    certified: HashMap<Vec<u8>, Arc<Entry>>,
    /// Those whose passwords PAM checks.
    pam: HashMap<Vec<u8>, Arc<Entry>>,
    /// The service of PAM that does so.
    pam_service: Arc<str>,
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
    /// PAM will tell.
    Pam(PamCheck),
}

/// A password that is to be compared with a slow hash. For a user that does not exist the hash is one that no
/// password has, so that the time does not tell which names there are.
#[derive(Debug)]
pub struct SlowCheck {
    entry: Option<Arc<Entry>>,
    hash: PasswordHash,
    password: Secret,
}

impl Users {
    /// These users and, with `anonymous`, the anonymous account. Opens their directories and counts what
    /// those with a quota hold: call it from a thread that may block.
    ///
    /// # Errors
    /// A directory cannot be used.
    pub fn open(users: &[User], anonymous: bool, common: Common<'_>) -> anyhow::Result<Self> {
        refuse_nested_quotas(users, common.root)?;
        let mut all = Self { pam_service: Arc::from(common.pam_service), ..Self::default() };
        if anonymous {
            all.anonymous = Some(Arc::new(Entry::anonymous(common)?));
        }
        for user in users {
            let entry = Arc::new(Entry::open(user, common)?);
            match &user.credential {
                Credential::Quick(password) => all.quick.add(entry, password),
                Credential::Hashed(hash) => {
                    all.hashed.insert(user.name.clone(), (entry, hash.clone()));
                }
                Credential::Certificate => {
                    all.certified.insert(user.name.clone(), entry);
                }
                Credential::Pam => {
                    all.pam.insert(user.name.clone(), entry);
                }
            }
        }
        Ok(all)
    }

    /// Whether there is an account of this name.
    pub fn has(&self, name: &[u8]) -> bool {
        let is = |entry: &Arc<Entry>| entry.account.name == name;
        self.hashed.contains_key(name)
            || self.certified.contains_key(name)
            || self.pam.contains_key(name)
            || self.quick.entries().any(is)
            || self.anonymous.as_ref().is_some_and(is)
    }

    /// The user of this name, if this certificate logs in without a password.
    pub fn recognise(&self, name: &[u8], certificate: Fingerprint) -> Option<&Arc<Entry>> {
        self.certified.get(name).filter(|entry| entry.terms.knows(Some(certificate)))
    }

    /// Why a login under this name from `origin` has failed. Only for the log.
    pub fn why_not(&self, name: &[u8], origin: Origin, now: When) -> NoLogin {
        match self.certified.get(name).map(|entry| entry.terms.admit(origin, now)) {
            Some(Ok(()) | Err(Unfit::Certificate)) => NoLogin::NoPassword,
            Some(Err(unfit)) => NoLogin::Unfit(unfit),
            None if self.has(name) => NoLogin::WrongPassword,
            None => NoLogin::NoAccount,
        }
    }

    /// Checks a login as far as that is quick. An empty password is never right, whatever a hash or PAM would
    /// say about it.
    pub fn check(&self, name: &[u8], password: Secret) -> Check {
        if let Some(entry) = self.quick.find(name, &password) {
            return Check::Right(Arc::clone(entry));
        }
        if let Some(entry) = self.anonymous.as_ref().filter(|_| is_anonymous(name)) {
            return Check::Right(Arc::clone(entry));
        }
        // The check of an empty password takes as long under every name.
        let is_empty = password.expose().is_empty();
        let (known, of_pam) = (self.hashed.get(name).filter(|_| !is_empty), self.pam.get(name));
        if !is_empty && (of_pam.is_some() || known.is_none() && !self.pam.is_empty()) {
            let (entry, service) = (of_pam.cloned(), Arc::clone(&self.pam_service));
            return Check::Pam(PamCheck { entry, service, user: name.to_vec(), password });
        }
        if self.hashed.is_empty() {
            return Check::Wrong;
        }
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
        let (quick, hashed) = (self.quick.len(), self.hashed.len());
        let (certified, pam) = (self.certified.len(), self.pam.len());
        write!(f, "Users({quick} quick, {hashed} hashed, {certified} certified, {pam} of PAM)")
    }
}

/// Whether `name` is a name of the anonymous account: `anonymous` or `ftp`, in any case.
pub fn is_anonymous(name: &[u8]) -> bool {
    [b"anonymous".as_slice(), b"ftp"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The directories of a user with a quota lie in others, or others in them.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the quota of the user {user:?} needs directories that do not lie in each other: {} and {}",
    dir.display(),
    other.display()
)]
pub struct NestedQuota {
    /// The name of the user.
    pub user: String,
    /// A directory of this user.
    pub dir: PathBuf,
    /// The other one.
    pub other: PathBuf,
}

/// Refuses directories that lie in each other, if a quota is about one of them: what changes in the inner
/// one would not be counted for the outer one.
///
/// # Errors
/// The first two that do so.
pub fn refuse_nested_quotas(users: &[User], usual: &Path) -> Result<(), NestedQuota> {
    let real = |dir: &Path| dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let all: Vec<PathBuf> =
        users.iter().flat_map(|user| user.home.directories(usual)).chain([usual]).map(real).collect();
    for user in users.iter().filter(|user| !user.home.quota.is_unlimited()) {
        for dir in user.home.directories(usual).map(real) {
            let nested =
                |other: &&PathBuf| **other != dir && (other.starts_with(&dir) || dir.starts_with(other));
            if let Some(other) = all.iter().find(nested) {
                return Err(NestedQuota { user: user.shown_name(), dir, other: other.clone() });
            }
        }
    }
    Ok(())
}

/// One user, ready to be used by sessions.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What the session is told after the login.
    pub account: Account,
    /// How many sessions the user may have.
    pub limits: AccountLimits,
    /// When and from where the user may log in.
    pub terms: LoginTerms,
    /// What the user sees of the disk.
    pub tree: Arc<Tree>,
    /// The rate of files that the server receives, shared by all sessions of the user.
    pub up: Option<Limiter>,
    /// The rate of files and listings that the server sends.
    pub down: Option<Limiter>,
}

/// What all users of a server have in common.
#[derive(Clone, Copy, Debug)]
pub struct Common<'a> {
    /// The directory that users see as `/` unless they have one of their own.
    pub root: &'a Path,
    /// The foreign policy of the server.
    pub foreign: Foreign,
    /// The service of PAM that checks passwords.
    pub pam_service: &'a str,
    /// All roots that are open.
    pub roots: &'a Roots,
    /// The clock of the limiters.
    pub clock: Clock,
}

impl Entry {
    /// The entry of `user`.
    ///
    /// # Errors
    /// A directory of the user cannot be used.
    pub fn open(user: &User, common: Common<'_>) -> anyhow::Result<Self> {
        let account = Account {
            admin: user.admin,
            access: user.home.access(user.rights),
            foreign: user.foreign.unwrap_or(common.foreign),
            exchanges: user.exchanges.clone(),
            charged_to: user.charged_to.clone(),
            require_tls: user.terms.require_tls,
            ..Account::new(user.name.clone())
        };
        let tree = user.home.open(common.roots, common.root);
        let limiter = |rate: Option<NonZeroU64>| rate.map(|rate| Limiter::new(rate, common.clock));
        Ok(Self {
            account,
            limits: user.limits,
            terms: user.terms.clone(),
            tree: tree.with_context(|| format!("the user {:?} cannot be served", user.shown_name()))?,
            up: limiter(user.rates.up),
            down: limiter(user.rates.down),
        })
    }

    /// The entry of the anonymous account.
    ///
    /// # Errors
    /// The root of the server cannot be used.
    pub fn anonymous(common: Common<'_>) -> anyhow::Result<Self> {
        Ok(Self {
            account: Account::anonymous(),
            limits: AccountLimits::default(),
            terms: LoginTerms::default(),
            tree: Home::default().open(common.roots, common.root)?,
            up: None,
            down: None,
        })
    }
}

/// Users with passwords in clear.
#[derive(Default)]
struct QuickUsers(Vec<(Arc<Entry>, [u8; 32])>);

impl QuickUsers {
    /// Adds a user.
    fn add(&mut self, entry: Arc<Entry>, password: &Secret) {
        let mark = mark(&entry.account.name, password);
        self.0.push((entry, mark));
    }

    /// The user with this name and password. It compares with every user, even after the right one, so
    /// that the time reveals nothing about names or passwords.
    fn find(&self, name: &[u8], password: &Secret) -> Option<&Arc<Entry>> {
        let given = mark(name, password);
        let mut found = u32::MAX;
        for (index, (_, right)) in (0_u32..).zip(&self.0) {
            let same: Choice = given.ct_eq(right);
            found.conditional_assign(&index, same);
        }
        self.0.get(usize::try_from(found).ok()?).map(|(entry, _)| entry)
    }

    /// All of them.
    fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.0.iter().map(|(entry, _)| entry)
    }

    /// How many there are.
    fn len(&self) -> usize {
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

#[cfg(test)]
mod tests {
    use ftp_io::clock::Clock;
    use ftp_proto::policy::Foreign;

    use super::*;
    use crate::vfs::Roots;

    /// The name of the account that a login opens, after every check.
    fn login(users: &Users, name: &str, password: &str) -> Option<Vec<u8>> {
        let entry = match users.check(name.as_bytes(), Secret::new(password)) {
            Check::Right(entry) => Some(entry),
            Check::Wrong => None,
            Check::Slow(slow) => slow.run(),
            Check::Pam(pam) => pam.run(),
        };
        entry.map(|entry| entry.account.name.clone())
    }

    fn quick(lines: &[&str], anonymous: bool) -> Users {
        let users: Vec<_> = lines.iter().map(|line| User::with_password(line.as_bytes()).unwrap()).collect();
        open(&users, anonymous)
    }

    fn open(users: &[User], anonymous: bool) -> Users {
        let root = tempfile::tempdir().unwrap();
        let (roots, clock) = (Roots::default(), Clock::start());
        let common =
            Common { root: root.path(), foreign: Foreign::Proven, pam_service: "ftp", roots: &roots, clock };
        Users::open(users, anonymous, common).unwrap()
    }

    #[test]
    fn only_name_and_password_together_open_an_account() {
        let users = quick(&["ann:secret", "bob:other:ro"], false);
        for (name, password) in [("ann", "secret"), ("bob", "other")] {
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
        let entry = users.anonymous.unwrap();
        assert!(entry.account.anonymous && entry.account.access.is_read_only());
        assert_eq!(entry.account.foreign, Foreign::Never);
    }

    #[test]
    fn a_hashed_user_and_a_name_that_nobody_has_both_take_a_slow_check() {
        let hash = PasswordHash::of(b"secret").unwrap();
        let mut all = vec![User::with_password(b"bob:other").unwrap()];
        all.push(User::new("ann", Credential::Hashed(hash)));
        let users = open(&all, false);
        assert_eq!(login(&users, "ann", "secret"), Some("ann".into()));
        assert_eq!(login(&users, "bob", "other"), Some("bob".into()));
        for (name, password) in [("ann", "other"), ("bob", "secret"), ("eve", "secret"), ("", "")] {
            let slow = matches!(users.check(name.as_bytes(), Secret::new(password)), Check::Slow(_));
            assert!(slow, "{name} {password}");
            assert_eq!(login(&users, name, password), None, "{name} {password}");
        }
    }

    #[test]
    fn a_certificate_logs_in_its_own_user_and_no_password_does() {
        let [known, other] = [1, 2].map(|n| Fingerprint::of(&[n]));
        let terms = LoginTerms { certificates: vec![known], ..LoginTerms::default() };
        let both = Credential::Hashed(PasswordHash::of(b"secret").unwrap());
        let all = [
            User { terms: terms.clone(), ..User::new("ann", Credential::Certificate) },
            User { terms, ..User::new("bob", both) },
        ];
        let users = open(&all, false);
        assert_eq!(users.recognise(b"ann", known).unwrap().account.name, b"ann");
        for (name, certificate) in [("ann", other), ("bob", known), ("eve", known)] {
            assert!(users.recognise(name.as_bytes(), certificate).is_none(), "{name}");
        }
        assert_eq!(login(&users, "ann", ""), None);
        assert_eq!(login(&users, "bob", "secret"), Some("bob".into()));
        assert!(users.has(b"ann"));
    }

    #[test]
    fn an_empty_password_is_never_right_and_pam_is_not_asked() {
        let empty = Credential::Hashed(PasswordHash::of(b"").unwrap());
        let users = open(&[User::new("ann", empty), User::new("bob", Credential::Pam)], false);
        for name in ["ann", "bob", "nobody"] {
            assert!(matches!(users.check(name.as_bytes(), Secret::new("")), Check::Slow(_)), "{name}");
            assert_eq!(login(&users, name, ""), None, "{name}");
        }
    }

    #[test]
    fn the_log_is_told_why_a_login_has_failed() {
        let known = Fingerprint::of(&[1]);
        let terms = LoginTerms {
            certificates: vec![known],
            networks: vec!["192.0.2.0/24".parse().unwrap()],
            ..LoginTerms::default()
        };
        let all = [
            User::with_password(b"ann:secret").unwrap(),
            User { terms, ..User::new("backup", Credential::Certificate) },
        ];
        let users = open(&all, false);
        let check = |name: &str, from: [u8; 4], certificate: Option<Fingerprint>, expect: NoLogin| {
            let origin = Origin { from: from.into(), private: true, certificate };
            assert_eq!(users.why_not(name.as_bytes(), origin, When(0)), expect, "{name} {from:?}");
        };
        check("ann", [192, 0, 2, 7], None, NoLogin::WrongPassword);
        check("eve", [192, 0, 2, 7], None, NoLogin::NoAccount);
        check("backup", [192, 0, 2, 7], None, NoLogin::NoPassword);
        check("backup", [192, 0, 2, 7], Some(Fingerprint::of(&[2])), NoLogin::NoPassword);
        check("backup", [198, 51, 100, 7], Some(known), NoLogin::Unfit(Unfit::Network));
    }

    #[test]
    fn users_of_pam_and_names_that_nobody_has_are_asked_of_pam() {
        let hash = PasswordHash::of(b"secret").unwrap();
        let users =
            open(&[User::new("ann", Credential::Pam), User::new("bob", Credential::Hashed(hash))], false);
        for (name, asks) in [("ann", true), ("nobody", true), ("bob", false)] {
            let check = users.check(name.as_bytes(), Secret::new("secret"));
            assert_eq!(matches!(check, Check::Pam(_)), asks, "{name}");
        }
        assert!(users.has(b"ann") && !users.has(b"nobody"));
    }

    #[test]
    fn a_quota_needs_directories_that_do_not_lie_in_each_other() {
        let top = tempfile::tempdir().unwrap();
        for dir in ["ann", "bob", "bob/in"] {
            std::fs::create_dir(top.path().join(dir)).unwrap();
        }
        let with = |name: &str, dir: &str, bytes: Option<u64>| {
            let quota = crate::vfs::QuotaLimits { bytes, ..Default::default() };
            let home = Home { root: Some(top.path().join(dir)), mounts: Vec::new(), quota };
            User { home, ..User::with_password(format!("{name}:x").as_bytes()).unwrap() }
        };
        let usual = top.path().join("ann");
        let check = |users: &[User]| refuse_nested_quotas(users, &usual).map_err(|error| error.to_string());
        assert_eq!(check(&[with("a", "ann", Some(1)), with("b", "bob", Some(1))]), Ok(()));
        assert_eq!(check(&[with("a", "ann", Some(1)), with("b", "ann", Some(2))]), Ok(()), "one directory");
        assert_eq!(check(&[with("a", "bob", None), with("b", "bob/in", None)]), Ok(()), "nobody counts");
        for (outer, inner) in [(Some(1), None), (None, Some(1))] {
            let said = check(&[with("a", "bob", outer), with("b", "bob/in", inner)]).unwrap_err();
            assert!(said.contains("do not lie in each other"), "{said}");
        }
    }

    #[test]
    fn debug_text_of_the_users_shows_no_secret() {
        let shown = format!("{:?}", quick(&["ann:secret"], false));
        assert_eq!(shown, "Users(1 quick, 0 hashed, 0 certified, 0 of PAM)");
        let slow = SlowCheck { entry: None, hash: PasswordHash::of_nobody(), password: Secret::new("x") };
        assert!(!format!("{slow:?}").contains("argon2id"), "{slow:?}");
    }
}
