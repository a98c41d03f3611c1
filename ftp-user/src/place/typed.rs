//! A place as somebody typed it.

use super::local::Local;
use super::names::{Names, mistake as mistake_of_name};
use super::site::Remote;
use super::url;
use crate::failure::Failure;
use ftp_proto::wire::show;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// A place as somebody typed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// On a server.
    Remote(Remote),
    /// On this host.
    Local(Local),
}

impl Place {
    /// Reads a place where no site has a name: `ftp://...` or a local path.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &[u8]) -> Result<Self, Failure> {
        Self::parse_with(text, &Names::default())
    }

    /// Reads a place: `ftp://...`, `SITE:path` or `[SITE]path` with the name of one of these sites, or a local path, which
    /// may be written `[]path` as the shell shows it.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse_with(text: &[u8], names: &Names) -> Result<Self, Failure> {
        if let Some((scheme, rest)) = url::scheme(text) {
            return url::parse(&scheme, rest).map(Self::Remote);
        }
        if let Some(place) = names.place(text) {
            return place.map(Self::Remote);
        }
        if let Some(path) = text.strip_prefix(b"[]") {
            return Local::parse(if path.is_empty() { b"./" } else { path }).map(Self::Local);
        }
        // The text is not repeated: it may be a URL that cannot be read, and have a password.
        if let Some(mistake) = mistake(text) {
            return Err(Failure::usage(format!("a place looks like a URL with a mistake: {mistake}"))
                .hint("use ftp://user@host/path, or put ./ before the name of a local file"));
        }
        if let Some(failure) = mistake_of_name(text, names) {
            return Err(failure);
        }
        if text == b"-" {
            return Err(Failure::usage("standard input and output (-) are for copy, with one other place")
                .hint("use ./- for a file of that name"));
        }
        Local::parse(text).map(Self::Local)
    }
}

impl Place {
    /// Whether nothing between it and this program is in clear.
    pub const fn is_secured(&self) -> bool {
        match self {
            Self::Remote(remote) => remote.site.security.is_secured(),
            Self::Local(_) => true,
        }
    }
}

/// Whether it begins like a path of this host.
fn is_path(text: &[u8]) -> bool {
    [&b"/"[..], b"./", b"../"].into_iter().any(|start| text.starts_with(start))
}

/// What is wrong with `ftp//host/path`, `ftp:/host/path`, `user:password@host/path`, and with `://` after anything but a
/// scheme.
fn mistake(text: &[u8]) -> Option<&'static str> {
    let is_scheme = |word: &[u8]| {
        ["ftp", "ftps", "ftpes"].into_iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    let end = text.iter().position(|o| matches!(o, b':' | b'/')).unwrap_or(text.len());
    let (first, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    let has_scheme = is_scheme(first) && (rest.starts_with(b":") || rest.starts_with(b"//"));
    let mut after_colon = text.splitn(2, |o| *o == b':').skip(1);
    let has_login = after_colon.next().is_some_and(|rest| rest.contains(&b'@'));
    let has_slashes = text.windows(3).any(|three| three == b"://");
    match () {
        () if is_path(text) => None,
        () if has_slashes => Some("what stands before :// is no scheme"),
        () if has_scheme => Some("its scheme is not followed by ://"),
        () if has_login => Some("it does not begin with ftp://"),
        () => None,
    }
}

/// What is shown at a terminal and in events: control characters of a name are escaped.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(remote) => f.write_str(&remote.site.show(&remote.path)),
            Self::Local(local) => f.write_str(&show(local.path.as_os_str().as_bytes())),
        }
    }
}
