//! A directory as text: where relative names are, and the parts of which a composite directory is made. Pure.

use crate::failure::{Failure, Result};
use crate::place::{Names, encoded, push_unless_plain};
use std::fmt;

/// A directory. Its names are written as those of a place are: at a server `%` and two digits stand for a byte.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Directory {
    /// Whose it is.
    pub host: HostText,
    /// Whether its path begins at the root, and not at the directory of the site or the current one of this host.
    pub is_absolute: bool,
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
    pub fn parse(text: &str, sites: &Names) -> Result<Self> {
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

    /// The place as the command line reads it. `is_contents` says whether a `/` stands at its end.
    pub fn place(&self, is_contents: bool) -> String {
        let names = self.names.join("/");
        let end = if is_contents && !names.is_empty() { "/" } else { "" };
        let root = if self.is_absolute { "/" } else { "" };
        match &self.host {
            // Nothing else is then taken for a place at a site, an option or standard output.
            HostText::This if !self.is_absolute => format!("./{names}{end}"),
            HostText::This => format!("{root}{names}{end}"),
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

/// A name of a server as it is typed behind `SITE:`: what means something else there, or to a terminal, is `%` and two digits.
pub fn name_at_server(name: &[u8]) -> String {
    encoded(name).replace('*', "%2A").replace('[', "%5B")
}

/// A name that was typed this way, behind what was typed of its directory. `./` keeps it from being an option, a URL, or a
/// name of another site.
pub(super) fn behind(directory: &str, name: &str) -> String {
    let first = name.split('/').next().unwrap_or_default();
    let misleads = name.starts_with(['-', '[']) || first.contains(':');
    let here = if directory.is_empty() && misleads { "./" } else { "" };
    format!("{here}{directory}{name}")
}

/// A place at a server without the characters that mean something to other shells: these are `%` and two digits.
pub(super) fn plain(place: &str) -> String {
    let mut out = String::with_capacity(place.len());
    for one in place.chars() {
        push_unless_plain(&mut out, one, one.is_alphanumeric() || "/:.-_%@,+[]".contains(one));
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::names::{Meaning, Operand, Scope};
    use super::super::words::{quoted, split};
    use super::*;
    use crate::place::tests::named_site;
    use crate::place::{Place, base_name};
    use ftp_proto::wire::{PathName, misleads};
    use std::os::unix::ffi::OsStrExt;

    pub(in crate::shell) fn sites() -> Names {
        let site = |name: &str| named_site(name, &format!("ftp://{name}.example/"));
        Names::new(["lab", "home", "far"].map(site))
    }

    pub(in crate::shell) fn at(text: &str) -> Directory {
        Directory::parse(text, &sites()).unwrap()
    }

    /// A shell that knows these sites, and a composite directory of two of them.
    pub(in crate::shell) fn scope() -> Scope {
        let mut scope = Scope { sites: sites(), ..Scope::default() };
        scope.add("data", vec![at("lab:pub"), at("home:d")]).unwrap();
        scope
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
            assert_eq!(at(typed).to_string(), shown, "{typed}");
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
            assert_eq!(at(current).at(typed).to_string(), shown, "{current} {typed}");
        }
    }

    #[test]
    fn a_path_of_the_server_is_at_the_same_server() {
        assert_eq!(at("lab:..").at_path(b"/").to_string(), "lab:/");
        assert_eq!(at("lab:../x").at_path(b"/srv/a b/%").to_string(), "lab:/srv/a%20b/%25");
        assert_eq!(at("ftp://h/..").at_path(b"/srv").to_string(), "ftp://h//srv");
    }

    #[test]
    fn the_last_name_comes_off() {
        let check = |text: &str, expect: Option<(&str, &str)>| {
            let directory = at(text);
            let found = directory.split_last().map(|(before, name)| (before.to_string(), name.to_owned()));
            assert_eq!(found, expect.map(|(before, name)| (before.to_owned(), name.to_owned())), "{text}");
        };
        check("lab:a/b", Some(("lab:a", "b")));
        check("lab:a", Some(("lab:", "a")));
        check("lab:/a", Some(("lab:/", "a")));
        check("lab:", None);
        check("lab:..", None);
    }

    fn names() -> Vec<Vec<u8>> {
        let plain = "a ' \" : - [ ] * ? % %2f \\ # & ; ( ) $ ~ @ = | \x1b \t \u{a0} \u{fc} \u{202e} lab this-host ftp data .";
        let parts: Vec<&[u8]> = plain.split(' ').map(str::as_bytes).chain([&b" "[..], b"\xff"]).collect();
        let longer = |all: &[Vec<u8>]| -> Vec<Vec<u8>> {
            all.iter()
                .flat_map(|begin| parts.iter().map(move |part| [begin.as_slice(), part].concat()))
                .collect()
        };
        let one = longer(&[Vec::new()]);
        let two = longer(&one);
        let three = longer(&two);
        let is_name = |name: &Vec<u8>| {
            !matches!(name.as_slice(), b"." | b"..") && PathName::from_user(name.as_slice()).is_ok()
        };
        [one, two, three.into_iter().step_by(7).collect()].concat().into_iter().filter(is_name).collect()
    }

    /// The place that a word of a line means, in the first component if it is in a composite directory.
    fn meant(scope: &Scope, typed: &str) -> Place {
        let line = split(&quoted(typed)).unwrap();
        let [word] = line.words.as_slice() else { panic!("{typed:?}") };
        assert!(!word.is_noise && !line.is_background && !word.text.starts_with('-'), "{typed:?}");
        let place = match scope.operand(&word.text).unwrap() {
            Operand::AsTyped => word.text.clone(),
            Operand::Place(Meaning::At(directory), is_contents) => directory.place(is_contents),
            Operand::Place(Meaning::In(partial), is_contents) => {
                scope.components(&partial.composite).unwrap()[0].at(&partial.shown()).place(is_contents)
            }
        };
        Place::parse_with(place.as_bytes(), &scope.sites).unwrap()
    }

    #[test]
    fn every_name_is_read_again_as_it_was_listed() {
        let mut scope = scope();
        let all = names();
        for (current, directory, above) in [
            ("lab:", "", ""),
            ("lab:pub", "", "pub/"),
            ("lab:pub", "sub/", "pub/sub/"),
            ("ftp://h/a", "", "a/"),
            ("data:", "", "pub/"),
            ("data:x", "", "pub/x/"),
            ("[]", "lab:", ""),
            ("[]", "[lab]pub/", "pub/"),
            ("[]", "ftp://h/a/", "a/"),
        ] {
            scope.current = scope.directory(current).unwrap();
            for name in &all {
                let typed = behind(directory, &name_at_server(name));
                let Place::Remote(remote) = meant(&scope, &typed) else { panic!("{current} {typed:?}") };
                let site =
                    if current.contains("ftp:") || directory.contains("ftp:") { None } else { Some("lab") };
                assert_eq!(remote.site.name(), site, "{current} {typed:?}");
                let expect = [above.as_bytes(), name].concat();
                let found = remote.path.name.as_ref().map(PathName::as_bytes);
                assert_eq!(found, Some(expect.as_slice()), "{current} {typed:?}");
                assert!(remote.path.glob.is_none() && !remote.path.contents, "{current} {typed:?}");
                assert!(remote.path.name.as_ref().and_then(base_name).is_some(), "{current} {typed:?}");
            }
        }
    }

    #[test]
    fn every_name_of_this_host_is_read_again_as_it_was_listed() {
        let mut scope = Scope { sites: sites(), ..Scope::default() };
        for (current, directory, above) in [("[]", "", "./"), ("[]sub", "", "./sub/"), ("lab:", "[]", "./")] {
            scope.current = scope.directory(current).unwrap();
            for name in names() {
                let Ok(name) = String::from_utf8(name) else { continue };
                if name.chars().any(misleads) {
                    continue;
                }
                let typed = behind(directory, &name);
                let Place::Local(local) = meant(&scope, &typed) else { panic!("{current} {typed:?}") };
                let found = local.path.as_os_str().as_bytes();
                let found = found.strip_prefix(b"./").unwrap_or(found);
                let expect = format!("{above}{name}");
                assert_eq!(found, expect.as_bytes().strip_prefix(b"./").unwrap(), "{current} {typed:?}");
            }
        }
    }
}
