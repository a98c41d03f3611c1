//! The places of a command line, with their logins.

use crate::failure::{Failure, Result};
use crate::place::{Location, Names, Netrc, Place, Site, SiteLikePath};
use ftp_io::named_file::{NamedFile, Readable};
use ftp_io::quoting::for_shell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Reads places: all of them, before anything is sent to a server. What the URLs lack comes from `~/.netrc`.
pub(super) fn locations(places: &[OsString], names: &Names) -> Result<Vec<Location>> {
    let count = places.len();
    for (index, text) in places.iter().enumerate() {
        one_meaning(text, names).map_err(|failure| of_place(failure, index + 1, count))?;
    }
    let mut reader = PlaceReader::new(names);
    let numbered = places.iter().enumerate();
    let read = |(index, text): (usize, &OsString)| {
        reader.read(text.as_bytes(), |failure| of_place(failure, index + 1, count))
    };
    numbered.map(read).collect()
}

/// Takes out the sources that are files of this host whose names FTP cannot carry, as a pattern of a shell matches them: each
/// fails alone. If no other source is left, they stay.
pub(super) fn unusable_files(typed: &[OsString]) -> (Vec<(String, Failure)>, Vec<OsString>) {
    let is_unusable =
        |text: &&OsString| text.as_bytes().contains(&b'\n') && std::fs::symlink_metadata(text).is_ok();
    let sources = typed.split_last().map_or(typed, |(_, sources)| sources);
    let (unusable, usable): (Vec<&OsString>, Vec<&OsString>) = sources.iter().partition(is_unusable);
    if usable.is_empty() {
        return (Vec::new(), typed.to_vec());
    }
    let fail = |name: &OsString| {
        let failure = Failure::usage("its name has a line feed, which no FTP command can carry");
        (name.to_string_lossy().escape_debug().to_string(), failure.hint("rename it"))
    };
    let usable = usable.into_iter().chain(typed.last()).cloned().collect();
    (unusable.into_iter().map(fail).collect(), usable)
}

/// Refuses a place at a site whose text is the name of a local file too: a shell writes such names for `*`, and whoever may
/// put a file into a directory would choose what is read or deleted at the site.
fn one_meaning(text: &OsString, names: &Names) -> Result<()> {
    match names.respelled(text.as_bytes()) {
        Some(other) if std::fs::symlink_metadata(text).is_ok() => {
            let text = text.to_string_lossy();
            let (text, other) = (text.escape_debug(), other.escape_debug());
            Err(Failure::usage(format!("{text} is the name of a local file and a place at a site"))
                .hint(format!("write ./{text} for the file, or {other} for the place at the site")))
        }
        Some(_) | None => Ok(()),
    }
}

/// What to say of the place with this number, from 0, if it is a path of this host whose first part is also a site: whoever
/// left out the colon makes a file or a directory of that name, hears that nothing is there, or copies to the directory.
pub(super) fn meant_as_site(number: usize, text: &OsString, names: &Names) -> Option<String> {
    let meant = names.meant(text.to_str()?)?;
    match std::fs::symlink_metadata(meant.first) {
        Err(_) => Some(meant.warning()),
        Ok(facts) if number > 0 && facts.is_dir() && text == meant.first => {
            Some(format!("to the directory {} here; {}", meant.first, meant.warning()))
        }
        Ok(_) => None,
    }
}

/// For verbs that delete: refuses a relative path that exists here if its first part is also a site. Whoever forgot the colon
/// would delete files of the wrong host.
pub(super) fn refuse_site_like(places: &[&OsString], names: &Names) -> Result<()> {
    let is_here = |meant: &SiteLikePath<'_>| std::fs::symlink_metadata(meant.first).is_ok();
    let texts: Vec<_> = places.iter().map(|text| text.to_string_lossy()).collect();
    let meant = texts.iter().find_map(|text| Some((text, names.meant(text).filter(is_here)?)));
    match meant {
        Some((text, SiteLikePath { first, what, place })) => {
            let (text, place) = (text.escape_debug(), place.escape_debug());
            Err(Failure::usage(format!(
                "{first} is a name of this host and also {what}; nothing was deleted"
            ))
            .hint(format!("write ./{text} for what is here, or {place} for the place at the site")))
        }
        None => Ok(()),
    }
}

/// Whether one of these places depends on the current directory. What cannot be read is told by others.
pub(super) fn has_relative(places: &[OsString]) -> bool {
    places.iter().any(|text| is_here(text, &Names::default()) && Path::new(text).is_relative())
}

/// Whether a text is a path of this host, where sites have these names.
pub(super) fn is_here(text: &OsString, names: &Names) -> bool {
    Place::parse_with(text.as_bytes(), names).is_ok_and(|place| place.site().is_none())
}

/// Reads places one after the other. `~/.netrc` is read when the first one lacks a login.
#[derive(Debug)]
pub(super) struct PlaceReader<'a> {
    names: &'a Names,
    netrc: Option<Netrc>,
}

impl<'a> PlaceReader<'a> {
    /// These are the names of sites.
    pub(super) const fn new(names: &'a Names) -> Self {
        Self { names, netrc: None }
    }

    /// Reads a place.
    ///
    /// # Errors
    ///
    /// It cannot be used, which `written` makes the failure of; or `~/.netrc` cannot be read.
    pub(super) fn read(&mut self, text: &[u8], written: impl Fn(Failure) -> Failure) -> Result<Location> {
        let place = Place::parse_with(text, self.names).map_err(&written)?;
        if place.site().is_none() {
            refuse_home(text).map_err(&written)?;
        }
        let needs_login = place.site().is_some_and(Site::needs_login);
        let netrc = if needs_login { self.netrc()? } else { &Netrc::default() };
        Location::of(place, netrc).map_err(written)
    }

    fn netrc(&mut self) -> Result<&Netrc> {
        let netrc = match self.netrc.take() {
            Some(known) => known,
            None => netrc_of_home()?,
        };
        Ok(self.netrc.insert(netrc))
    }
}

/// Says which place is meant, since its text is not repeated.
fn of_place(failure: Failure, number: usize, of: usize) -> Failure {
    if of == 1 { failure } else { failure.during(format_args!("place {number} of {of}")) }
}

fn netrc_of_home() -> Result<Netrc> {
    match ftp_io::simulated::variable("HOME") {
        Some(home) => read_netrc(&Path::new(&home).join(".netrc")),
        None => Ok(Netrc::default()),
    }
}

/// Whether the next run finds the passwords of these places where this one could have found them, too.
pub(super) fn are_written_down<'a>(places: impl IntoIterator<Item = &'a Location>) -> bool {
    let Ok(netrc) = netrc_of_home() else { return false };
    places.into_iter().filter_map(Location::site).all(|site| site.is_written_down(&netrc))
}

/// The logins of a `.netrc` file; none if there is no file.
pub(super) fn read_netrc(path: &Path) -> Result<Netrc> {
    let Some(bytes) = private_file(path, Readable::File)? else { return Ok(Netrc::default()) };
    let text = str::from_utf8(&bytes)
        .map_err(|_| Failure::usage(format!("cannot read {}: it is not UTF-8", path.display())))?;
    Ok(Netrc::parse(text))
}

/// What is in a file that holds secrets; `None` if there is no file.
///
/// # Errors
///
/// Another user owns it, others than its owner may read or write it, or it cannot be read.
pub(super) fn private_file(path: &Path, readable: Readable) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let cannot_read =
        |error: &io::Error| Failure::of_this_host(format!("cannot read {}", path.display()), error);
    let file = match NamedFile::open(path, readable) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot_read(&error)),
    };
    if file.is_of_another_user() {
        return Err(Failure::usage(format!("another user owns {}", path.display()))
            .hint("whoever owns it says what is in it: use a file of your own"));
    }
    if file.facts().permissions().mode() & 0o077 != 0 {
        return Err(Failure::usage(format!("others may read or write {}", path.display())).hint(match file
            .facts()
            .is_file()
        {
            true => format!("chmod 600 {}", for_shell(path)),
            false => "use a file of your own that nobody else may read".to_owned(),
        }));
    }
    file.read(LARGEST_SECRETS).map(Some).map_err(|error| cannot_read(&error))
}

/// Bytes of a file with secrets, at most.
const LARGEST_SECRETS: u64 = 1 << 20;

/// Refuses a place of this host that begins with `~`, unless that is there: a shell that has not replaced it has passed on a
/// name, and whoever makes a directory of that name deletes it with `rm -r ~`.
fn refuse_home(text: &[u8]) -> Result<()> {
    let first = text.split(|byte| *byte == b'/').next().unwrap_or_default();
    if !first.starts_with(b"~") || std::fs::symlink_metadata(OsStr::from_bytes(first)).is_ok() {
        return Ok(());
    }
    let typed = String::from_utf8_lossy(text);
    let typed = typed.escape_debug();
    Err(Failure::usage(format!(
        "{typed} begins with ~, which is your home directory only where a shell replaces it"
    ))
    .hint(format!(
        "write the whole path, or ./{typed} for a name of the current directory that begins with ~"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use crate::place::tests::named_site;
    use std::fs::{Permissions, create_dir, set_permissions, write};

    #[test]
    fn files_whose_names_ftp_cannot_carry_fail_alone_beside_others() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name).into_os_string();
        let (good, bad, missing, dest) = (file("a"), file("a\nb"), file("c\nd"), OsString::from("h:x/"));
        write(&good, "").unwrap();
        write(&bad, "").unwrap();
        let check = |typed: &[&OsString], failed: usize, left: &[&OsString]| {
            let typed: Vec<OsString> = typed.iter().copied().cloned().collect();
            let (unusable, usable) = unusable_files(&typed);
            assert_eq!(
                (unusable.len(), usable.iter().collect::<Vec<_>>()),
                (failed, left.to_vec()),
                "{typed:?}"
            );
            assert!(unusable.iter().all(|(name, why)| name.ends_with(r"a\nb") && why.kind == Kind::Usage));
        };
        check(&[&good, &bad, &dest], 1, &[&good, &dest]);
        check(&[&good, &missing, &dest], 0, &[&good, &missing, &dest]);
        check(&[&bad, &dest], 0, &[&bad, &dest]);
        check(&[&good, &bad], 0, &[&good, &bad]);
        check(&[], 0, &[]);
    }

    #[test]
    fn a_netrc_that_others_may_read_or_write_or_own_is_refused_and_one_that_cannot_be_read_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".netrc");
        assert!(read_netrc(&path).unwrap().find("h", None).is_none(), "there is none");

        write(&path, "machine h login ann password s3cret\n").unwrap();
        for (mode, is_good) in [(0o600, true), (0o400, true), (0o644, false), (0o620, false), (0o602, false)]
        {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            match read_netrc(&path) {
                Ok(netrc) => assert!(is_good && netrc.find("h", None).is_some(), "{mode:o}"),
                Err(failure) => {
                    assert!(!is_good && failure.kind == Kind::Usage, "{mode:o}");
                    assert!(failure.to_string().contains("chmod 600"), "{failure}");
                }
            }
        }
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        // Only root can give a file away.
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
            let failure = read_netrc(&path).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{failure}");
            assert!(failure.to_string().contains("another user owns"), "{failure}");
        }
        let path = directory.path().join("directory");
        create_dir(&path).unwrap();
        set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        let failure = read_netrc(&path).unwrap_err().to_string();
        assert!(failure.starts_with("cannot read ") && failure.contains("directory"), "{failure}");
    }

    #[test]
    fn a_place_with_a_mistake_is_named_by_its_number() {
        let check = |places: &[&str], expect: &str| {
            let places: Vec<OsString> = places.iter().map(OsString::from).collect();
            let failure = locations(&places, &Names::default()).unwrap_err().to_string();
            assert!(failure.starts_with(expect), "{failure}");
        };
        check(&["ftp://a:1@h/", "ftp://b:2@h:0/"], "place 2 of 2: the URL is malformed");
        check(&["ftp://b:2@h:0/"], "the URL is malformed");
    }

    #[test]
    fn a_site_without_its_colon_is_known_unless_a_file_has_the_name() {
        let site = |name: &str| named_site(name, "ftp://ann:s3cret@192.0.2.7:2121/pub");
        let names = Names::new(["no-such-name", "Cargo.toml", "src"].map(site));
        for (text, expect) in [
            ("no-such-name", Some("no-such-name is also a site: no-such-name: names it")),
            ("no-such-name/", Some("no-such-name is also a site: no-such-name: names it")),
            ("no-such-name/a/b", Some("no-such-name is also a site: no-such-name:a/b names it")),
            (
                "192.0.2.7/x",
                Some("192.0.2.7 is also the host of a site: ftp://ann@192.0.2.7:2121/x names it"),
            ),
            ("no-such-name:", None),
            ("./no-such-name", None),
            ("src/no-such-name", None),
            ("Cargo.toml", None),
            ("src", Some("to the directory src here; src is also a site: src: names it")),
            ("Cargo.toml/x", None),
            ("no-such-site", None),
            ("192.0.2.8/x", None),
            ("/no-such-name", None),
        ] {
            let found = meant_as_site(1, &text.into(), &names);
            assert_eq!(found.as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn a_home_directory_that_no_shell_has_replaced_is_refused() {
        let read = |text: &str| PlaceReader::new(&Names::default()).read(text.as_bytes(), |failure| failure);
        for text in ["~/x", "~", "~/", "~ann/x"] {
            let failure = read(text).unwrap_err();
            let told = failure.to_string();
            assert!(failure.kind == Kind::Usage && told.ends_with("that begins with ~"), "{told}");
            assert!(told.contains(&format!("write the whole path, or ./{text} for")), "{told}");
        }
        for text in ["./~/x", "/srv/~/x", "a~/x", "ftp://h/~/x"] {
            assert!(read(text).is_ok(), "{text}");
        }
    }
}
