//! A user as the operator describes one: on the command line, in the file of `--users`, in the
//! configuration. The file of `--users` holds passwords, so only its owner may read it.

use std::num::NonZeroU64;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use ftp_io::named_file::{NamedFile, Readable};
use ftp_io::os_error::words;
use ftp_io::program::settings::{Mistake, Mistakes};
use ftp_io::quoting::for_shell;
use ftp_proto::policy::{Exchange, Foreign};
use ftp_proto::server::{Access, Rights};
use ftp_proto::wire::{PathName, Secret};
use zeroize::Zeroizing;

use super::hash::{BadHash, PasswordHash};
use super::terms::LoginTerms;
use crate::limits::AccountLimits;
use crate::vfs::{QuotaLimits, Roots, Tree};

/// A user as the operator describes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The name that the user logs in with.
    pub name: Vec<u8>,
    /// What shows that somebody is this user.
    pub credential: Credential,
    /// What the user may do with files.
    pub rights: Rights,
    /// Whether STAT shows the limits of the server.
    pub admin: bool,
    /// The foreign policy, where it is narrower than the server's.
    pub foreign: Option<Foreign>,
    /// What the user exchanges with foreign hosts; empty means all that the policy allows.
    pub exchanges: Vec<Exchange>,
    /// How many sessions the user may have.
    pub limits: AccountLimits,
    /// When and from where the user may log in.
    pub terms: LoginTerms,
    /// What the user sees of the disk.
    pub home: Home,
    /// What the user has to name with ACCT after the password.
    pub charged_to: Option<Secret>,
    /// How fast the transfers of the user are, all together.
    pub rates: Rates,
}

/// Rates in bytes per second; `None` means no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    /// Of files that the server receives.
    pub up: Option<NonZeroU64>,
    /// Of files and listings that the server sends.
    pub down: Option<NonZeroU64>,
}

/// What shows that somebody is a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credential {
    /// A password in clear. It is compared without a slow hash, so that thousands can log in per second.
    Quick(Secret),
    /// The hash of a password.
    Hashed(PasswordHash),
    /// A certificate of the terms, and no password.
    Certificate,
    /// A password that PAM checks.
    Pam,
}

/// Why a line does not describe a user. The text never shows the line, which may hold a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadUser {
    /// There is no colon.
    #[error("a user is NAME:PASSWORD; there is no ':'")]
    NoColon,
    /// There is no name before the colon.
    #[error("a user is NAME:PASSWORD; there is no name before the ':'")]
    NoName,
    /// There is no password after the colon.
    #[error("a user is NAME:PASSWORD; the password is empty, so everybody could log in")]
    NoPassword,
    /// What stands after the colon begins like a hash and is none.
    #[error("{0}")]
    Hash(BadHash),
}

impl User {
    /// A user with every right.
    pub fn new(name: impl Into<Vec<u8>>, credential: Credential) -> Self {
        Self {
            name: name.into(),
            credential,
            rights: Rights::ALL,
            admin: false,
            foreign: None,
            exchanges: Vec::new(),
            limits: AccountLimits::default(),
            terms: LoginTerms::default(),
            home: Home::default(),
            charged_to: None,
            rates: Rates::default(),
        }
    }

    /// Reads `NAME:PASSWORD[:ro]` (`--user`); the password may contain colons.
    ///
    /// # Errors
    /// There is no colon, no name before it, or no password after it.
    pub fn with_password(text: &[u8]) -> Result<Self, BadUser> {
        Self::parse(text, |password| Ok(Credential::Quick(Secret::new(password))))
    }

    /// Reads a line of `--users`: `NAME:PASSWORD[:ro]` or `NAME:HASH[:ro]`. What begins with `$` is
    /// always a hash.
    ///
    /// # Errors
    /// There is no colon, no name before it, or no password or an unknown hash after it.
    pub fn with_password_or_hash(text: &[u8]) -> Result<Self, BadUser> {
        Self::parse(text, |given| {
            if !given.starts_with(b"$") {
                return Ok(Credential::Quick(Secret::new(given)));
            }
            let text = std::str::from_utf8(given).map_err(|_| BadUser::Hash(BadHash::Damaged))?;
            PasswordHash::parse(text).map(Credential::Hashed).map_err(BadUser::Hash)
        })
    }

    fn parse(
        text: &[u8],
        credential: impl FnOnce(&[u8]) -> Result<Credential, BadUser>,
    ) -> Result<Self, BadUser> {
        let at = text.iter().position(|&byte| byte == b':').ok_or(BadUser::NoColon)?;
        let (name, given) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        if name.is_empty() {
            return Err(BadUser::NoName);
        }
        let (given, rights) = match given.strip_suffix(b":ro") {
            Some(given) => (given, Rights::READ_ONLY),
            None => (given, Rights::ALL),
        };
        if given.is_empty() {
            return Err(BadUser::NoPassword);
        }
        Ok(Self { rights, ..Self::new(name, credential(given)?) })
    }

    /// The name for people.
    pub fn shown_name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

/// Another directory at a path of what a user sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mount {
    /// The path, absolute.
    pub at: PathName,
    /// The directory that is mounted.
    pub dir: PathBuf,
    /// The rights there; `None` means those of the user.
    pub rights: Option<Rights>,
}

/// What a user sees of the disk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Home {
    /// The directory that the user sees as `/`; `None` means that of the server.
    pub root: Option<PathBuf>,
    /// Other directories, each at a path of its own.
    pub mounts: Vec<Mount>,
    /// How much the user may store in all of them.
    pub quota: QuotaLimits,
}

impl Home {
    /// Every directory; `usual` is the root of the server.
    pub fn directories<'a>(&'a self, usual: &'a Path) -> impl Iterator<Item = &'a Path> {
        let root = self.root.as_deref().unwrap_or(usual);
        std::iter::once(root).chain(self.mounts.iter().map(|mount| mount.dir.as_path()))
    }

    /// What a user with these rights may do, and where.
    pub(super) fn access(&self, rights: Rights) -> Access {
        self.mounts.iter().fold(Access::everywhere(rights), |access, mount| {
            access.beneath(mount.at.clone(), mount.rights.unwrap_or(rights))
        })
    }

    /// Opens all directories.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub(super) fn open(&self, roots: &Roots, usual: &Path) -> anyhow::Result<Arc<Tree>> {
        let open = |dir: &Path| {
            roots.open(dir).with_context(|| {
                format!("cannot use {}: it must be a directory that this process may enter", dir.display())
            })
        };
        let mut tree = roots.tree(open(self.root.as_deref().unwrap_or(usual))?);
        for mount in &self.mounts {
            let root = open(&mount.dir)?;
            tree = tree
                .mount(&mount.at, root)
                .map_err(|error| anyhow::anyhow!("cannot mount at {}: {error}", mount.at.display()))?;
        }
        let tree = tree.limited(self.quota).context("cannot count what its directories hold")?;
        Ok(Arc::new(tree))
    }
}

/// Reads all users of `path`. Empty lines and those that begin with `#` are skipped. A file without users has the line
/// `# none`; without it, somebody may be about to write it.
///
/// # Errors
/// The file cannot be read, others may read it, it has no user, or lines are wrong: each with its number.
pub fn read_users(path: &Path) -> Result<Vec<User>, Mistakes> {
    let text = read_secret(path)?;
    let mut users: Vec<User> = Vec::new();
    let mut mistakes = Vec::new();
    for (line, text) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.trim_ascii().is_empty() || text.starts_with(b"#") {
            continue;
        }
        let mut wrong = |what: String| mistakes.push(Mistake { line, column: 1, what });
        match User::with_password_or_hash(text) {
            Err(error) => wrong(error.to_string()),
            Ok(user) if users.iter().any(|other| other.name == user.name) => {
                wrong(format!("two users have the name {:?}: remove one of them", user.shown_name()));
            }
            Ok(user) => users.push(user),
        }
    }
    let is_empty = users.is_empty() && mistakes.is_empty();
    if is_empty && !text.split(|&byte| byte == b'\n').any(|line| line.trim_ascii() == NONE) {
        let what = "it has no user; write one, or the line \"# none\" if there are none";
        return Err(Mistakes::whole(path, what));
    }
    if mistakes.is_empty() { Ok(users) } else { Err(Mistakes::new(path, mistakes)) }
}

/// The bytes of a file that only its owner may read or write.
///
/// # Errors
/// The file cannot be read, is too large, or others may read or write it.
pub fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, Mistakes> {
    let wrong = |what: String| Mistakes::whole(path, what);
    let unread = |error: std::io::Error| wrong(format!("cannot read it: {}", words(&error)));
    let file = NamedFile::open(path, Readable::File).map_err(unread)?;
    if file.facts().permissions().mode() & OTHERS != 0 {
        return Err(wrong(format!(
            "it holds passwords, and others may read or write it; chmod 600 {}",
            for_shell(path)
        )));
    }
    file.read(LIMIT).map_err(unread)
}

/// The line that says that no user is meant to be there.
const NONE: &[u8] = b"# none";
/// The permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;
/// Maximum size of the file in bytes.
const LIMIT: u64 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions, write};

    #[test]
    fn a_line_is_a_name_a_password_and_perhaps_ro() {
        let check = |line: &str, name: &str, password: &str, rights: Rights| {
            let user = User::with_password(line.as_bytes()).unwrap();
            assert_eq!(user.name, name.as_bytes(), "{line}");
            assert_eq!(user.credential, Credential::Quick(Secret::new(password)), "{line}");
            assert_eq!(user.rights, rights, "{line}");
        };
        check("ann:secret", "ann", "secret", Rights::ALL);
        check("ann:a:b", "ann", "a:b", Rights::ALL);
        check("ann:a:ro", "ann", "a", Rights::READ_ONLY);
        check("ann:a:ro:ro", "ann", "a:ro", Rights::READ_ONLY);
        check("ann:$5$x", "ann", "$5$x", Rights::ALL);
    }

    #[test]
    fn what_begins_with_a_dollar_sign_is_a_hash_in_a_file() {
        let nobody = PasswordHash::of_nobody();
        let line = format!("ann:{}:ro", nobody.text());
        let user = User::with_password_or_hash(line.as_bytes()).unwrap();
        assert_eq!((user.credential, user.rights), (Credential::Hashed(nobody), Rights::READ_ONLY));
        let bad = |line: &str| User::with_password_or_hash(line.as_bytes()).unwrap_err();
        assert_eq!(bad("ann:$1$old$hash"), BadUser::Hash(BadHash::Unknown));
        assert_eq!(bad("ann:$"), BadUser::Hash(BadHash::Unknown));
        assert_eq!(bad("ann:$6$salt$short"), BadUser::Hash(BadHash::Damaged));
        assert!(User::with_password_or_hash(b"ann:secret").is_ok());
    }

    #[test]
    fn an_empty_password_is_refused() {
        for line in ["ann:", "ann::ro"] {
            assert_eq!(User::with_password(line.as_bytes()), Err(BadUser::NoPassword), "{line}");
            assert_eq!(User::with_password_or_hash(line.as_bytes()), Err(BadUser::NoPassword), "{line}");
        }
    }

    #[test]
    fn a_line_without_colon_or_name_is_refused_without_showing_it() {
        assert_eq!(User::with_password(b"secret"), Err(BadUser::NoColon));
        assert_eq!(User::with_password(b":secret"), Err(BadUser::NoName));
        assert!(!format!("{:?}", User::with_password(b"ann:secret")).contains("secret"));
    }

    fn read(text: &str, mode: u32) -> Result<Vec<User>, Vec<String>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        write(&path, text).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let short = |line: String| line.replace(&*directory.path().to_string_lossy(), "");
        read_users(&path).map_err(|mistakes| mistakes.lines().map(short).collect())
    }

    #[test]
    fn each_line_is_a_user() {
        let users = read("# ours\n\nann:secret\r\nbob:a b:ro\n", 0o600).unwrap();
        let names: Vec<String> = users.iter().map(User::shown_name).collect();
        assert_eq!(names, ["ann", "bob"]);
        assert_eq!(users[0], User::with_password(b"ann:secret").unwrap());
        assert_eq!(users[1], User::with_password(b"bob:a b:ro").unwrap());
    }

    #[test]
    fn a_file_without_users_says_that_there_are_none() {
        for text in ["", "\n", "# ann:secret\n", "# none of these\n"] {
            assert!(read(text, 0o600).unwrap_err()[0].contains("has no user"), "{text:?}");
        }
        assert_eq!(read("# none\r\n", 0o400), Ok(Vec::new()));
    }

    #[test]
    fn every_wrong_line_is_told_without_its_secret() {
        let said = read("ann:a\nsecret\nbob:$9$secret\nann:secret\n:secret", 0o600).unwrap_err();
        let starts = [
            "/users:2:1: a user is NAME:PASSWORD",
            "/users:3:1: no known kind of hash",
            "/users:4:1: two users have the name \"ann\"",
            "/users:5:1: a user is",
        ];
        assert_eq!(said.len(), starts.len(), "{said:?}");
        for (line, start) in said.iter().zip(starts) {
            assert!(line.starts_with(start) && !line.contains("secret"), "{line}");
        }
    }

    #[test]
    fn only_its_owner_may_read_it() {
        for mode in [0o640, 0o604, 0o602] {
            let said = read("ann:a", mode).unwrap_err();
            assert!(said[0].contains("chmod 600"), "{said:?}");
        }
    }
}
