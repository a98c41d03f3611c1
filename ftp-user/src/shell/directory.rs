//! A directory as text: where relative names are, and the parts of which a composite directory is made. Pure.

use super::written::name_at_server;
use crate::failure::Failure;
use crate::place::Names;
use std::fmt;

/// A directory. Its names are written as those of a place are: at a server `%` and two digits stand for a byte.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Directory {
    /// Whose it is.
    pub host: HostText,
    /// Whether its path begins at the root, and not at the directory of the site or the current one of this host.
    is_absolute: bool,
    names: Vec<String>,
}

/// How a host is written.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum HostText {
    /// The host of this program.
    This,
    /// A site by its name in the settings.
    Site(String),
    /// A server by its URL up to the path, without a password.
    Url(String),
}

impl Directory {
    /// The current directory of this host.
    pub const HERE: Self = Self { host: HostText::This, is_absolute: false, names: Vec::new() };

    /// Reads a place: `ftp://...`, `SITE:path` and `[SITE]path` with the name of one of these sites, `[]path` and
    /// `this-host:path` for this host, or a path of this host.
    ///
    /// # Errors
    ///
    /// A URL has a password: it would be shown with each prompt.
    pub fn parse(text: &str, sites: &Names) -> Result<Self, Failure> {
        match split(text) {
            Split::Url(scheme, rest) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                let has_password = authority.rsplit_once('@').is_some_and(|(login, _)| login.contains(':'));
                if has_password {
                    return Err(Failure::usage("a directory of the shell has no password in its URL")
                        .hint("leave it out: it is asked for, or comes from ~/.netrc or from a site"));
                }
                let host = HostText::Url(format!("{scheme}://{authority}"));
                Ok(Self { host, is_absolute: false, names: Vec::new() }.at(path))
            }
            Split::Named("" | THIS_HOST, path) => Ok(Self::HERE.at(path)),
            Split::Named(site, path) if sites.has_site_of(text.as_bytes()) => {
                let host = HostText::Site(site.to_owned());
                Ok(Self { host, is_absolute: false, names: Vec::new() }.at(path))
            }
            Split::Named(..) | Split::Path => Ok(Self::HERE.at(text)),
        }
    }

    /// Where a name is that was typed while this is the current directory.
    #[must_use]
    pub fn at(&self, text: &str) -> Self {
        let is_remote = self.host != HostText::This;
        let path = match text.get(..3) {
            Some(slash) if is_remote && slash.eq_ignore_ascii_case("%2f") => {
                format!("/{}", text.get(3..).unwrap_or_default())
            }
            Some(_) | None => text.to_owned(),
        };
        let mut found = match path.starts_with('/') {
            true => Self { host: self.host.clone(), is_absolute: true, names: Vec::new() },
            false => self.clone(),
        };
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." => match found.names.last().map(String::as_str) {
                    Some("..") => found.names.push("..".to_owned()),
                    Some(_) => drop(found.names.pop()),
                    None if found.is_absolute => {}
                    None => found.names.push("..".to_owned()),
                },
                name => found.names.push(name.to_owned()),
            }
        }
        found
    }

    /// The directory of the same server at an absolute path.
    #[must_use]
    pub fn at_path(&self, path: &[u8]) -> Self {
        let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        Self { host: self.host.clone(), is_absolute: true, names: names.map(name_at_server).collect() }
    }

    /// The directory that holds it, and its name there; `None` if it has no name.
    pub fn split_last(&self) -> Option<(Self, &str)> {
        let (last, before) = self.names.split_last()?;
        let is_name = last != "..";
        is_name.then(|| (Self { names: before.to_vec(), ..self.clone() }, last.as_str()))
    }

    /// Whether it is above what it is relative to.
    pub fn leads_up(&self) -> bool {
        self.names.first().is_some_and(|name| name == "..")
    }

    /// Whether it is the other one, or the other one is below it, by their names.
    pub fn contains(&self, other: &Self) -> bool {
        self.host == other.host
            && self.is_absolute == other.is_absolute
            && other.names.starts_with(&self.names)
    }

    /// Whether it is on this host.
    pub fn is_local(&self) -> bool {
        self.host == HostText::This
    }

    /// Whether its path begins at the root.
    pub const fn is_absolute(&self) -> bool {
        self.is_absolute
    }

    /// The place as the command line reads it. `is_contents` says whether a `/` stands at its end.
    pub fn place(&self, is_contents: bool) -> String {
        let names = self.names.join("/");
        let end = if is_contents && !names.is_empty() { "/" } else { "" };
        let root = if self.is_absolute { "/" } else { "" };
        match &self.host {
            HostText::This if names.is_empty() && !self.is_absolute => "./".to_owned(),
            // Nothing else is then taken for a place at a site, an option or standard output.
            HostText::This if !self.is_absolute => format!("./{names}{end}"),
            HostText::This => format!("/{names}{end}"),
            HostText::Site(name) => format!("{name}:{root}{names}{end}"),
            HostText::Url(url) => format!("{url}/{root}{names}{end}"),
        }
    }
}

impl fmt::Display for Directory {
    /// As it is typed in the shell, wherever that is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = if self.is_absolute { "/" } else { "" };
        match self.host {
            HostText::This => write!(f, "[]{root}{}", self.names.join("/")),
            HostText::Site(_) | HostText::Url(_) => f.write_str(&self.place(false)),
        }
    }
}

/// How a place is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Split<'a> {
    /// A URL: `scheme://rest`.
    Url(&'a str, &'a str),
    /// `NAME:path` or `[NAME]path`.
    Named(&'a str, &'a str),
    /// A path, or anything else.
    Path,
}

/// Takes a place apart.
pub(super) fn split(text: &str) -> Split<'_> {
    if let Some((scheme, rest)) = text.split_once("://")
        && ["ftp", "ftps", "ftpes"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Split::Url(scheme, rest);
    }
    let named = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']'),
        None => text.split_once(':'),
    };
    match named {
        Some((name, path)) if !name.contains('/') && (text.starts_with('[') || !name.is_empty()) => {
            Split::Named(name, path)
        }
        Some(_) | None => Split::Path,
    }
}

/// The name of this host where a site could stand.
pub const THIS_HOST: &str = "this-host";

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::place::{Named, Place};
    use std::sync::Arc;

    pub(in crate::shell) fn sites() -> Names {
        let site = |name: &str| {
            let Ok(Place::Remote(mut remote)) = Place::parse(format!("ftp://{name}.example/").as_bytes())
            else {
                panic!("{name}")
            };
            remote.site.named = Some(Arc::new(Named { name: name.to_owned(), ..Named::default() }));
            (name.to_owned(), remote)
        };
        Names::new(["lab", "home", "far"].map(site))
    }

    fn parse(text: &str) -> Directory {
        Directory::parse(text, &sites()).unwrap()
    }

    #[test]
    fn a_directory_is_shown_as_the_command_line_reads_it() {
        for (typed, shown) in [
            ("lab:", "lab:"),
            ("[lab]", "lab:"),
            ("[lab]pub/x/", "lab:pub/x"),
            ("lab:/srv//x/./y", "lab:/srv/x/y"),
            ("lab:%2Fsrv", "lab:/srv"),
            ("lab:/", "lab:/"),
            ("lab:a/../b", "lab:b"),
            ("lab:..", "lab:.."),
            ("lab:../../x", "lab:../../x"),
            ("lab:/..", "lab:/"),
            ("lab:a b", "lab:a b"),
            ("ftp://ann@h:2121/x", "ftp://ann@h:2121/x"),
            ("ftp://h", "ftp://h/"),
            ("ftp://h//srv", "ftp://h//srv"),
            ("ftp://h/%2fsrv", "ftp://h//srv"),
            ("[]x", "[]x"),
            ("this-host:x", "[]x"),
            ("[]/etc", "[]/etc"),
            ("[]", "[]"),
            ("a:b", "[]a:b"),
            ("nosite:b", "[]nosite:b"),
            ("-x", "[]-x"),
        ] {
            assert_eq!(parse(typed).to_string(), shown, "{typed}");
        }
        assert!(Directory::parse("ftp://ann:s3cret@h/x", &sites()).is_err());
    }

    #[test]
    fn a_relative_name_is_below_the_current_directory() {
        for (current, typed, shown) in [
            ("lab:pub", "x", "lab:pub/x"),
            ("lab:pub", "./x/", "lab:pub/x"),
            ("lab:pub", "/x", "lab:/x"),
            ("lab:pub", "..", "lab:"),
            ("lab:pub", "../..", "lab:.."),
            ("lab:/pub", "../../..", "lab:/"),
            ("lab:", "x", "lab:x"),
            ("lab:pub", ".", "lab:pub"),
            ("ftp://h/a", "b", "ftp://h/a/b"),
            ("ftp://h/a", "/b", "ftp://h//b"),
            ("[]a", "b", "[]a/b"),
            ("[]a", "%2Fb", "[]a/%2Fb"),
        ] {
            assert_eq!(parse(current).at(typed).to_string(), shown, "{current} {typed}");
        }
    }

    #[test]
    fn a_path_of_the_server_is_at_the_same_server() {
        assert_eq!(parse("lab:..").at_path(b"/").to_string(), "lab:/");
        assert_eq!(parse("lab:../x").at_path(b"/srv/a b/%").to_string(), "lab:/srv/a%20b/%25");
        assert_eq!(parse("ftp://h/..").at_path(b"/srv").to_string(), "ftp://h//srv");
    }

    #[test]
    fn the_last_name_comes_off() {
        let check = |text: &str, expect: Option<(&str, &str)>| {
            let directory = parse(text);
            let found = directory.split_last().map(|(before, name)| (before.to_string(), name.to_owned()));
            assert_eq!(found, expect.map(|(before, name)| (before.to_owned(), name.to_owned())), "{text}");
        };
        check("lab:a/b", Some(("lab:a", "b")));
        check("lab:a", Some(("lab:", "a")));
        check("lab:/a", Some(("lab:/", "a")));
        check("lab:", None);
        check("lab:..", None);
    }
}
