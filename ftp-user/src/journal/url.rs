//! Names of stores, as they are typed.

use crate::named::named;
use crate::place::{decode, escaped};
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::str::FromStr;
use url::Url;

/// Where jobs are kept: `sqlite:PATH` or `postgres://USER@HOST[:PORT]/DB[?sslmode=MODE]`. It has no password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreUrl {
    /// A file of this host.
    Sqlite(PathBuf),
    /// A database that several hosts may share.
    Postgres(PostgresUrl),
}

impl Display for StoreUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// A PostgreSQL database and its user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostgresUrl {
    /// The user of the database.
    pub user: String,
    /// The host of the server.
    pub host: DatabaseHost,
    /// The port of the server, also where it is a part of the name of a socket.
    pub port: u16,
    /// The name of the database.
    pub database: String,
    /// Whether the connection has TLS.
    pub ssl: SslMode,
    /// A file of authorities (PEM) that may vouch for the server, in the place of those that this host trusts.
    pub roots: Option<PathBuf>,
}

/// The host of a database server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DatabaseHost {
    /// A name or an address.
    Name(String),
    /// The directory of a socket of this host.
    Directory(PathBuf),
}

impl DatabaseHost {
    /// Whether it is this host, through a socket.
    pub const fn is_directory(&self) -> bool {
        matches!(self, Self::Directory(_))
    }
}

/// Whether a connection has TLS, as libpq means it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum SslMode {
    /// It has none.
    Disable,
    /// It has TLS if the server does. Nobody is verified.
    #[default]
    Prefer,
    /// It has TLS. Nobody is verified.
    Require,
    /// It has TLS, and an authority vouches for the server.
    VerifyCa,
    /// The same, and the certificate is that of the host.
    VerifyFull,
}

named!(SslMode {
    Disable: "disable",
    Prefer: "prefer",
    Require: "require",
    VerifyCa: "verify-ca",
    VerifyFull: "verify-full",
});

/// Why a text is no name of a store.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadStoreUrl {
    /// It has another form.
    #[error("a store is sqlite:PATH or postgres://USER@HOST[:PORT]/DB[?sslmode=MODE]")]
    Form,
    /// It has a password, which every process of this host could read.
    #[error("a store has no password in its URL; write it into ~/.pgpass, or use --store-password-file")]
    Password,
    /// It has several hosts.
    #[error("a store has one host; name the one that leads to its primary server")]
    Hosts,
    /// This part of it is missing, or has characters that it cannot have.
    #[error("the URL of the store has no {0}")]
    Part(&'static str),
    /// It has this parameter, which is not known or has no known value.
    #[error(
        "{0} in the URL of the store is not known (sslmode: disable, prefer, require, verify-ca, verify-full)"
    )]
    Parameter(String),
}

impl FromStr for StoreUrl {
    type Err = BadStoreUrl;

    fn from_str(text: &str) -> Result<Self, BadStoreUrl> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return if path.is_empty() {
                Err(BadStoreUrl::Part("path"))
            } else {
                Ok(Self::Sqlite(path.into()))
            };
        }
        let url = Url::parse(text).map_err(|_| BadStoreUrl::Form)?;
        if !["postgres", "postgresql"].contains(&url.scheme()) || url.cannot_be_a_base() {
            return Err(BadStoreUrl::Form);
        }
        if url.password().is_some() {
            return Err(BadStoreUrl::Password);
        }
        if url.fragment().is_some() {
            return Err(BadStoreUrl::Form);
        }
        let host = match url.host_str().map(|host| host.trim_matches(['[', ']'])) {
            None | Some("") => return Err(BadStoreUrl::Part("host")),
            Some(host) if host.contains(',') => return Err(BadStoreUrl::Hosts),
            Some(host) => part(host, "host")?,
        };
        let host = match host.starts_with('/') {
            true => DatabaseHost::Directory(host.into()),
            false => DatabaseHost::Name(host),
        };
        let (ssl, roots) = terms(&url)?;
        Ok(Self::Postgres(PostgresUrl {
            user: part(url.username(), "user")?,
            host,
            port: url.port().unwrap_or(PORT),
            database: part(url.path().strip_prefix('/').unwrap_or_default(), "database")?,
            ssl,
            roots,
        }))
    }
}

/// What the query says: `sslmode` and `sslrootcert`, each once.
fn terms(url: &Url) -> Result<(SslMode, Option<PathBuf>), BadStoreUrl> {
    let (mut mode, mut roots) = (None, None);
    for (name, value) in url.query_pairs() {
        if name == "password" {
            return Err(BadStoreUrl::Password);
        }
        let bad = || BadStoreUrl::Parameter(name.clone().into_owned());
        match &*name {
            "sslmode" if mode.is_none() => mode = Some(SslMode::named(&value).ok_or_else(bad)?),
            "sslrootcert" if roots.is_none() && !value.is_empty() => {
                roots = Some(PathBuf::from(value.into_owned()));
            }
            _ => return Err(bad()),
        }
    }
    Ok((mode.unwrap_or_default(), roots))
}

/// Decodes the escapes of a part of the URL. Refuses an empty part, a NUL, and a slash that is not escaped.
fn part(text: &str, name: &'static str) -> Result<String, BadStoreUrl> {
    let bad = || BadStoreUrl::Part(name);
    let bytes = decode(text.as_bytes()).map_err(|_| bad())?;
    let is_refused = text.contains('/') || bytes.is_empty() || bytes.contains(&0);
    String::from_utf8(bytes).ok().filter(|_| !is_refused).ok_or_else(bad)
}

impl Display for PostgresUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { user, host, port, database, ssl, roots } = self;
        let escaped = |text: &str| escaped(text.as_bytes(), b"");
        let host = match host {
            DatabaseHost::Name(host) if host.contains(':') => format!("[{host}]"),
            DatabaseHost::Name(host) => escaped(host),
            DatabaseHost::Directory(directory) => escaped(&directory.to_string_lossy()),
        };
        write!(f, "postgres://{}@{host}:{port}/{}", escaped(user), escaped(database))?;
        let mode = (*ssl != SslMode::default()).then(|| format!("sslmode={}", ssl.name()));
        let roots = roots.as_ref().map(|roots| format!("sslrootcert={}", escaped(&roots.to_string_lossy())));
        let terms: Vec<String> = mode.into_iter().chain(roots).collect();
        if terms.is_empty() { Ok(()) } else { write!(f, "?{}", terms.join("&")) }
    }
}

/// The port of PostgreSQL.
const PORT: u16 = 5432;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_read_strictly() {
        let url = |text: &str| text.parse::<StoreUrl>();
        assert_eq!(url("sqlite:/srv/jobs.db"), Ok(StoreUrl::Sqlite("/srv/jobs.db".into())));
        let database = |host: DatabaseHost, port, ssl| {
            let (user, database) = ("ann".to_owned(), "jobs".to_owned());
            Ok(StoreUrl::Postgres(PostgresUrl { user, host, port, database, ssl, roots: None }))
        };
        let named = |name: &str| DatabaseHost::Name(name.to_owned());
        assert_eq!(url("postgres://ann@db/jobs"), database(named("db"), 5432, SslMode::Prefer));
        let whole = "postgres://a%6En@db.example:5433/j%6Fbs?sslmode=verify-full";
        assert_eq!(url(whole), database(named("db.example"), 5433, SslMode::VerifyFull));
        for scheme in ["postgresql", "POSTGRES", "PostgreSQL"] {
            assert_eq!(url(&format!("{scheme}://ann@db/jobs")), url("postgres://ann@db/jobs"));
        }
        assert_eq!(url("postgres://ann@[::1]:1/jobs"), database(named("::1"), 1, SslMode::Prefer));
        let socket = DatabaseHost::Directory("/run/postgresql".into());
        assert_eq!(url("postgres://ann@%2Frun%2Fpostgresql/jobs"), database(socket, 5432, SslMode::Prefer));
        for text in [
            "postgres://ann@db:5432/jobs",
            "postgres://a%40n@[::1]:1/j%2Fb",
            "postgres://ann@%2Frun%2Fpg:5432/jobs?sslmode=verify-ca&sslrootcert=%2Fetc%2Fca.pem",
            "sqlite:/srv/journal.db",
        ] {
            assert_eq!(url(text).unwrap().to_string(), text);
        }
        for (text, why) in [
            ("jobs.db", BadStoreUrl::Form),
            ("mysql://ann@db/jobs", BadStoreUrl::Form),
            ("postgres://ann@db/jobs#x", BadStoreUrl::Form),
            ("postgres:ann@db/jobs", BadStoreUrl::Form),
            ("postgres://ann@one,two/jobs", BadStoreUrl::Hosts),
            ("sqlite:", BadStoreUrl::Part("path")),
            ("postgres://ann:secret@db/jobs", BadStoreUrl::Password),
            ("postgres://db/jobs", BadStoreUrl::Part("user")),
            ("postgres://ann@db", BadStoreUrl::Part("database")),
            ("postgres://ann@db/", BadStoreUrl::Part("database")),
            ("postgres://ann@db/a/b", BadStoreUrl::Part("database")),
            ("postgres://ann@db/a%00", BadStoreUrl::Part("database")),
            ("postgres://ann@db/jobs?sslmode=on", BadStoreUrl::Parameter("sslmode".to_owned())),
            ("postgres://ann@db/jobs?password=x", BadStoreUrl::Password),
        ] {
            assert_eq!(url(text), Err(why), "{text}");
        }
    }
}
