//! The file of `--users`: one user in each line. It holds passwords, so only its owner may read it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ftp_io::named_file::{NamedFile, Readable};
use ftp_io::os_error::words;
use ftp_io::program::settings::{Mistake, Mistakes};
use zeroize::Zeroizing;

use super::user::User;

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
            path.display()
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
    use std::fs::{Permissions, set_permissions, write};

    use super::*;

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
