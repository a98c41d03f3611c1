//! Passwords of databases: from a file that has one, or from `~/.pgpass` by the rules of libpq.

use super::url::{DatabaseHost, PostgresUrl};
use ftp_io::named_file::{self, LARGEST_SETTINGS};
use std::fmt::{self, Debug, Formatter};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A password. Nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Debug for Password {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// What a password file of libpq says of a database.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PgpassAnswer {
    /// The password, if the file has one.
    pub password: Option<Password>,
    /// Why the file was not read, for people.
    pub warning: Option<String>,
}

impl Password {
    /// The password of a file that has nothing else: its first line.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or others can read it.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.mode() & 0o077 != 0 {
            return Err(io::Error::other(READABLE));
        }
        let bytes = named_file::read(path, LARGEST_SETTINGS)?;
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(Self(Zeroizing::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec())))
    }

    /// Where passwords of databases are: the file that `PGPASSFILE` names, or `.pgpass` in the home directory.
    pub fn pgpass_path(named: Option<PathBuf>, home: Option<&Path>) -> Option<PathBuf> {
        let named = named.filter(|path| !path.as_os_str().is_empty());
        named.or_else(|| home.map(|home| home.join(".pgpass")))
    }

    /// The password of a database in a file such as `~/.pgpass`. A file that others can read is left alone, as libpq does; one
    /// that is not there has no password.
    pub fn of_pgpass(path: &Path, database: &PostgresUrl) -> PgpassAnswer {
        let ignored = |why: String| PgpassAnswer {
            password: None,
            warning: Some(format!("the password file {} is not read: {why}", path.display())),
        };
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return PgpassAnswer::default(),
            Err(error) => return ignored(ftp_io::os_error::words(&error)),
            Ok(facts) if !facts.is_file() => return ignored("it is not a regular file".to_owned()),
            Ok(facts) if facts.mode() & 0o077 != 0 => {
                return ignored(READABLE.to_owned());
            }
            Ok(_) => {}
        }
        match named_file::read(path, LARGEST_SETTINGS) {
            Ok(bytes) => PgpassAnswer { password: find(&bytes, database), warning: None },
            Err(error) => ignored(ftp_io::os_error::words(&error)),
        }
    }

    /// Its bytes, for the server.
    #[cfg(feature = "postgres")]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The password in the first line that fits: `host:port:database:user:password`.
fn find(file: &[u8], database: &PostgresUrl) -> Option<Password> {
    let host = match &database.host {
        DatabaseHost::Name(name) => name.clone(),
        // The directories in which servers are by default.
        DatabaseHost::Directory(path) if DEFAULT_DIRECTORIES.iter().any(|known| path == Path::new(known)) => {
            "localhost".to_owned()
        }
        DatabaseHost::Directory(path) => path.display().to_string(),
    };
    let port = database.port.to_string();
    let wanted = [host.as_str(), &port, &database.database, &database.user];
    let lines = file.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.starts_with(b"#")).find_map(|line| {
        let mut rest = line;
        for wanted in wanted {
            let field = field(&mut rest)?;
            if *field != b"*"[..] && unescaped(field) != wanted.as_bytes() {
                return None;
            }
        }
        Some(Password(Zeroizing::new(unescaped(field(&mut rest).unwrap_or(rest)))))
    })
}

/// The next field, with its escapes. `None` if no colon ends it.
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut is_escaped = false;
    let end = rest.iter().position(|byte| {
        let is_end = *byte == b':' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })?;
    let (found, after) = rest.split_at(end);
    *rest = after.get(1..).unwrap_or_default();
    Some(found)
}

/// A field without its escapes: a backslash stands before `:` and `\`.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => plain.extend(rest.next()),
            byte => plain.push(*byte),
        }
    }
    plain
}

/// Where servers of this host have their sockets.
const DEFAULT_DIRECTORIES: [&str; 3] = ["/tmp", "/var/run/postgresql", "/run/postgresql"];

/// Why a file is left alone.
const READABLE: &str = "others can read it; its mode has to be 0600";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn database(text: &str) -> PostgresUrl {
        match text.parse().unwrap() {
            crate::journal::StoreUrl::Postgres(url) => url,
            crate::journal::StoreUrl::Sqlite(_) => panic!("it is a database"),
        }
    }

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let file = b"# db:5432:jobs:ann:comment
other:5432:jobs:ann:wrong
db:5433:*:ann:of\\:port\\\\
db:*:jobs:*:any
no line
localhost:*:*:*:socket\r
we\\:ird:5432:jobs:ann:escaped
*:*:*:eve:";
        for (url, expect) in [
            ("postgres://ann@db:5433/x", Some("of:port\\")),
            ("postgres://bob@db/jobs", Some("any")),
            ("postgres://bob@db/else", None),
            ("postgres://bob@%2Frun%2Fpostgresql/else", Some("socket")),
            ("postgres://bob@%2Fsrv/else", None),
            ("postgres://ann@we%3Aird/jobs", Some("escaped")),
            ("postgres://eve@far/jobs", Some("")),
        ] {
            let expect = expect.map(|text| Password(Zeroizing::new(text.as_bytes().to_vec())));
            assert!(find(file, &database(url)) == expect, "{url}");
        }
    }

    #[test]
    fn a_password_file_that_others_can_read_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = Password::pgpass_path(Some(PathBuf::new()), Some(home.path())).unwrap();
        assert_eq!(path, home.path().join(".pgpass"));
        assert_eq!(Password::pgpass_path(Some("/x".into()), Some(home.path())), Some("/x".into()));
        let database = database("postgres://ann@db/jobs");
        assert_eq!(Password::of_pgpass(&path, &database), PgpassAnswer::default());
        fs::write(&path, "*:*:*:*:secret\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let ignored = Password::of_pgpass(&path, &database);
        assert!(ignored.password.is_none() && ignored.warning.unwrap().contains("0600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let found = Password::of_pgpass(&path, &database);
        assert!(found.warning.is_none() && found.password.as_ref().unwrap().0.as_slice() == b"secret");
        assert_eq!(format!("{found:?}").find("secret"), None);
        fs::write(&path, "word\nmore").unwrap();
        assert_eq!(Password::of_file(&path).unwrap().0.as_slice(), b"word");
    }
}
