//! Sites: servers to which the settings give names. `SITE:path` and `[SITE]path` are places there. Pure.

use super::path::RemotePath;
use super::settings::{NAME, SiteLimits, check_name};
use super::site::Remote;
use crate::failure::{Failure, FtpUser, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The sites of the settings, by their names. Clones share them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    sites: Arc<BTreeMap<String, Remote>>,
    /// Names of composite directories, which the shell alone knows.
    composites: Arc<BTreeSet<String>>,
    /// Whether it is known which places are at sites, as of a job that goes on: nothing is refused because it may mean another one.
    pub are_certain: bool,
}

impl Names {
    /// The sites of these URLs. Each of them has `Site::named` with the same name.
    pub fn new(sites: impl IntoIterator<Item = (String, Remote)>) -> Self {
        Self { sites: Arc::new(sites.into_iter().collect()), ..Self::default() }
    }

    /// The same sites. These are names of composite directories, and not of sites.
    #[must_use]
    pub fn beside_composites(self, names: impl IntoIterator<Item = String>) -> Self {
        Self { composites: Arc::new(names.into_iter().collect()), ..self }
    }

    /// The same sites with these limits in the place of theirs.
    #[must_use]
    pub fn with_limits(&self, limits: impl Fn(&str, SiteLimits) -> SiteLimits) -> Self {
        let limited = |(name, remote): (&String, &Remote)| {
            let mut remote = remote.clone();
            if let Some(named) = &mut remote.site.named {
                Arc::make_mut(named).limits = limits(name, named.limits);
            }
            (name.clone(), remote)
        };
        Self { sites: Arc::new(self.sites.iter().map(limited).collect()), ..self.clone() }
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Remote)> {
        self.sites.iter().map(|(name, remote)| (name.as_str(), remote))
    }

    /// The site of that name.
    ///
    /// # Errors
    ///
    /// There is none. The failure names the nearest.
    pub fn find(&self, name: &str) -> Result<&Remote> {
        self.sites.get(name).ok_or_else(|| {
            if self.composites.contains(name) {
                return Failure::usage(format!(
                    "{name} is a composite directory, which only ftp-user shell knows"
                ))
                .hint("start the shell, or name the place at one of its sites");
            }
            let failure = Failure::usage(format!("no site is called {name}"));
            let names = self.sites.keys().map(String::as_str);
            failure.hint(match (nearest(name, names), self.sites.is_empty()) {
                (Some(near), _) => format!("did you mean {near}? A local file is ./{name}:..."),
                (None, true) => {
                    format!(
                        "no site is configured: {FtpUser} sites -h shows how to add one; {}",
                        unnamed(name)
                    )
                }
                (None, false) => format!("{FtpUser} sites list shows them; {}", unnamed(name)),
            })
        })
    }

    /// Whether a text is `SITE:path` or `[SITE]path` with the name of one of them.
    pub fn has_site_of(&self, text: &[u8]) -> bool {
        split(text).is_some_and(|(name, _)| self.sites.contains_key(name))
    }

    /// The same place written in the other way: `[SITE]path` for `SITE:path`. `None` if no site of them is named so.
    pub fn respelled(&self, text: &[u8]) -> Option<String> {
        let is_doubtful = |name| !self.are_certain && self.sites.contains_key(name);
        let (name, path) = split(text).filter(|(name, _)| is_doubtful(*name))?;
        let path = String::from_utf8_lossy(path);
        let is_bracketed = text.starts_with(b"[");
        Some(if is_bracketed { format!("{name}:{path}") } else { format!("[{name}]{path}") })
    }

    /// The site that the first part of a path may be meant to name, because it is its name or its host.
    pub fn meant<'t>(&self, text: &'t str) -> Option<SiteLikePath<'t>> {
        let (first, rest) = text.split_once('/').unwrap_or((text, ""));
        let is_host = |remote: &Remote| remote.site.host.eq_ignore_ascii_case(first);
        let of_host = || self.sites.iter().find(|(_, remote)| is_host(remote));
        let (site, remote) =
            self.sites.get_key_value(first).or_else(of_host).filter(|_| !self.are_certain)?;
        let (what, place) = match site == first {
            true => ("a site", format!("{site}:{rest}")),
            false => ("the host of a site", format!("{}/{rest}", remote.site.url())),
        };
        Some(SiteLikePath { first, what, place })
    }

    /// The place that `SITE:path` or `[SITE]path` names; `None` if the text is not written so.
    pub(super) fn place(&self, text: &[u8]) -> Option<Result<Remote>> {
        let (name, path) = split(text)?;
        let site = self.sites.get(name)?;
        let path = RemotePath::below(site.path.name.as_ref(), path);
        Some(path.map(|path| Remote { site: site.site.clone(), path }))
    }
}

/// A path whose first part may be meant to name a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SiteLikePath<'t> {
    /// The first part of the path.
    pub first: &'t str,
    /// What the first part names beside a file of this host.
    pub what: &'static str,
    /// How the place that may be meant is written.
    pub place: String,
}

impl SiteLikePath<'_> {
    /// What to say where the path names nothing that is there.
    pub fn warning(&self) -> String {
        let Self { first, what, place } = self;
        format!("{first} is also {what}: {place} names it")
    }
}

/// The name that is most like `name`, if one is like it.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let alike = known.map(|known| (strsim::damerau_levenshtein(&lower, &known.to_lowercase()), known));
    let near = alike.filter(|(far, known)| *far <= 1 + known.chars().count().min(name.chars().count()) / 3);
    near.min_by_key(|(far, _)| *far).map(|(_, known)| known)
}

/// The name and the path of `SITE:path` and `[SITE]path`.
fn split(text: &[u8]) -> Option<(&str, &[u8])> {
    let (name, path) = match text.strip_prefix(b"[") {
        Some(rest) => {
            let end = rest.iter().position(|byte| matches!(byte, b']' | b'/'))?;
            (rest.get(..end)?, rest.get(end..)?.strip_prefix(b"]")?)
        }
        None => {
            let end = text.iter().position(|byte| matches!(byte, b':' | b'/'))?;
            (text.get(..end)?, text.get(end..)?.strip_prefix(b":")?)
        }
    };
    Some((str::from_utf8(name).ok()?, path))
}

/// The failure if a text looks like a place at a site and is none.
pub(super) fn mistake_of_name(text: &[u8], names: &Names) -> Option<Failure> {
    let first = text.split(|byte| *byte == b'/').next().unwrap_or_default();
    let looks_so = match first.strip_prefix(b"[") {
        Some(rest) => rest.contains(&b']'),
        None => first.contains(&b':'),
    };
    if !looks_so {
        return None;
    }
    let name = split(text).map(|(name, _)| name).filter(|name| check_name(name).is_ok());
    let Some(name) = name else {
        let meant = text.strip_prefix(b":").and_then(|text| text.split(|byte| *byte == b'/').next());
        if let Some(site) = meant.and_then(|name| names.sites.get_key_value(str::from_utf8(name).ok()?)) {
            return Some(Failure::usage("a place looks like SITE:path").hint(format!("write {}:", site.0)));
        }
        let why = split(text).and_then(|(name, _)| check_name(name).err()).unwrap_or(NAME);
        // What stands before the colon is not repeated: it may be a secret.
        return Some(
            Failure::usage(format!(
                "a place looks like SITE:path, and its name cannot be that of a site: {why}"
            ))
            .hint("use ftp://user@host/path, or put ./ before the name of a local file"),
        );
    };
    let failure = names.find(name).err()?;
    Some(match port_of(text) {
        Some(port) => failure.hint(unnamed(&format!("{name}:{port}"))),
        None => failure,
    })
}

/// How a server is written that no site is named for, and a local file of such a name.
fn unnamed(authority: &str) -> String {
    format!("a server without a name is ftp://{authority}/, and ./ begins the name of a local file")
}

/// The number behind the colon, as in `host:port/path`.
fn port_of(text: &[u8]) -> Option<u16> {
    let (_, rest) = split(text)?;
    let port = rest.split(|byte| *byte == b'/').next()?;
    str::from_utf8(port).ok()?.parse().ok().filter(|_| !text.starts_with(b"["))
}

#[cfg(test)]
mod tests {
    use super::super::path::user_name;
    use super::super::settings::{Addresses, Peer};
    use super::super::tests::named_site;
    use super::super::{Location, Netrc, Place};
    use super::*;
    use crate::failure::Kind;

    fn names() -> Names {
        Names::new([
            named_site("lab", "ftp://ann@lab.example:2121/pub/data"),
            named_site("root", "ftpes://bob@root.example//"),
            named_site("home", "ftp://home.example/"),
            named_site("srv", "ftp://srv.example//srv"),
        ])
    }

    #[test]
    fn a_composite_directory_is_no_site_and_is_called_what_it_is() {
        let names = names().beside_composites(["data".to_owned()]);
        for text in ["data:x", "[data]"] {
            let said = Place::parse_with(text.as_bytes(), &names).unwrap_err().to_string();
            assert!(
                said.contains("data is a composite directory, which only ftp-user shell knows"),
                "{said}"
            );
        }
        assert!(!names.has_site_of(b"data:x"));
    }

    #[test]
    fn a_place_at_a_site_is_relative_to_its_url_or_absolute() {
        let check = |text: &str, path: &str, contents: bool, shown: &str| {
            let place = Place::parse_with(text.as_bytes(), &names()).unwrap();
            assert_eq!(place.to_string(), shown, "{text}");
            let location = Location::of(place, &Netrc::default()).unwrap();
            assert_eq!((location.path.display().as_str(), location.contents), (path, contents), "{text}");
            // What is shown can be typed.
            let again = Place::parse_with(shown.as_bytes(), &names()).unwrap();
            assert_eq!(Location::of(again, &Netrc::default()).unwrap().path, location.path, "{text}");
        };
        check("lab:x/y", "pub/data/x/y", false, "lab:x/y");
        check("[lab]x/y", "pub/data/x/y", false, "lab:x/y");
        check("lab:", "pub/data", true, "lab:");
        check("[lab]", "pub/data", true, "lab:");
        check("lab:x/", "pub/data/x", true, "lab:x/");
        check("lab:/etc/x", "/etc/x", false, "lab:/etc/x");
        check("[lab]/etc/x", "/etc/x", false, "lab:/etc/x");
        check("lab:%2Fetc", "/etc", false, "lab:/etc");
        check("lab:/", "/", true, "lab:/");
        check("lab:a b%25%3f", "pub/data/a b%?", false, "lab:a%20b%25%3F");
        check("lab:x:y@z", "pub/data/x:y@z", false, "lab:x:y%40z");
        check("lab:a://b", "pub/data/a://b", false, "lab:a://b");
        check("lab:../x", "pub/data/../x", false, "lab:../x");
        check("root:", "/", true, "root:");
        check("root:x", "/x", false, "root:x");
        check("home:", ".", true, "home:");
        check("home:x", "x", false, "home:x");
        check("home:/x", "/x", false, "home:/x");
        check("srv:x", "/srv/x", false, "srv:x");
        check("srv:/srvx", "/srvx", false, "srv:/srvx");
    }

    #[test]
    fn a_name_with_the_characters_of_a_pattern_is_shown_so_that_it_is_none() {
        for (name, shown) in [
            ("st*r", "st%2Ar"),
            ("d*/[1]x", "d*/%5B1]x"),
            ("d*/x", "d*/x"),
            ("a?b*", "a%3Fb%2A"),
            ("[", "["),
            ("/r/st*r", "/r/st%2Ar"),
        ] {
            let path =
                RemotePath { name: Some(user_name(name.as_bytes()).unwrap()), ..RemotePath::default() };
            let site = names().find("home").unwrap().site.clone();
            for site in [crate::place::Site { named: None, ..site.clone() }, site] {
                let text = site.show(&path);
                assert!(text.ends_with(shown), "{name}: {text}");
                let Ok(Place::Remote(again)) = Place::parse_with(text.as_bytes(), &names()) else {
                    panic!("{text}")
                };
                assert!(again.path.glob.is_none() && again.path.name == path.name, "{text}");
            }
        }
        let Ok(place) = Place::parse_with(b"home:d*/st*r", &names()) else { panic!("it is a pattern") };
        assert_eq!(place.to_string(), "home:d*/st*r", "a pattern stays one");
    }

    #[test]
    fn what_is_no_configured_site_is_a_mistake_and_tells_the_nearest() {
        let check = |text: &str, expect: &str| {
            let failure = Place::parse_with(text.as_bytes(), &names()).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{text}");
            let said = failure.to_string();
            assert!(said.contains(expect) && !said.contains("s3cret"), "{text}: {said}");
        };
        check("lap:x", "no site is called lap; did you mean lab?");
        check("LAB:x", "did you mean lab?");
        check("[hme]x", "did you mean home?");
        check("elsewhere:x", "no site is called elsewhere; ftp-user sites list");
        check("bob:s3cret", "no site is called bob");
        check("elsewhere:2121/x", "a server without a name is ftp://elsewhere:2121/, and");
        check("192.0.2.7:21", "is ftp://192.0.2.7:21/, and");
        check("a:b", "no site is called a;");
        check("[a+b]c", "a name has 1 to 64");
        check("ftp:s3cret", "a URL with a mistake");
        check("http:x", "it is the beginning of a URL");
        check("bob s3cret:x", "a name has 1 to 64");
        check("this-host:x", "it stands for this host");
        check("bob:s3cret@h/x", "a URL with a mistake");
        let none = Place::parse_with(b"lab:x", &Names::default()).unwrap_err().to_string();
        assert!(none.contains("no site is configured"), "{none}");
    }

    #[test]
    fn a_local_name_with_a_colon_is_written_behind_a_slash() {
        for text in ["./a:b", "./lab:x", "/lab:x", "d/lab:x", "[x", "lab"] {
            let place = Place::parse_with(text.as_bytes(), &names());
            assert!(matches!(place, Ok(Place::Local(_))), "{text}: {place:?}");
        }
    }

    #[test]
    fn names_are_plain_and_no_schemes() {
        for (name, is_good) in [
            ("lab", true),
            ("2nd.site_x-y", true),
            ("a", true),
            ("", false),
            ("FTP", false),
            ("file", false),
            ("-x", false),
            ("a/b", false),
            ("a b", false),
            ("z\u{fc}rich", false),
        ] {
            assert_eq!(check_name(name).is_ok(), is_good, "{name}");
        }
        assert!(check_name(&"x".repeat(65)).is_err());
    }

    #[test]
    fn an_address_is_that_of_the_peer_or_that_for_everybody() {
        let of = |pairs: &[(&str, &str)]| {
            Addresses(pairs.iter().map(|(peer, at)| ((*peer).to_owned(), at.parse().unwrap())).collect())
        };
        let names = names();
        let lab = Peer::Site(names.find("lab").unwrap().site.name());
        let found = |addresses: &Addresses, peer| addresses.towards(peer).map(|at| at.to_string());
        let all = of(&[("lab", "10.0.0.1"), ("this-host", "10.0.0.2"), ("*", "10.0.0.3")]);
        assert_eq!(found(&all, lab).as_deref(), Some("10.0.0.1"));
        assert_eq!(found(&all, Peer::ThisHost).as_deref(), Some("10.0.0.2"));
        assert_eq!(found(&of(&[("*", "10.0.0.3")]), lab).as_deref(), Some("10.0.0.3"));
        assert_eq!(found(&of(&[("lab", "10.0.0.1")]), Peer::ThisHost), None);
    }
}
