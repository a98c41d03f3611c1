//! Whether a server keeps the octets of a name that are beyond ASCII. Some drop them from command
//! lines, all in the same way: then another file answers to the name, also when it is asked about.

use super::facts::from_reply;
use super::session::Session;
use crate::failure::{Failure, Kind};
use crate::place;
use ftp_proto::command::Command;
use ftp_proto::wire::PathName;

/// How a server shows a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    /// As it is.
    Kept,
    /// As another one.
    Changed,
    /// Too little of it is shown.
    Unclear,
}

impl Session {
    /// What MLST has found at `path` is what was asked for: `shown` is its name there.
    pub(super) fn believe(&mut self, path: &PathName, shown: &PathName) -> Result<(), Failure> {
        match compare(path.as_bytes(), shown.as_bytes()) {
            Shown::Kept => {
                self.kept = true;
                Ok(())
            }
            Shown::Changed => Err(changed(path, &format!("{} shows it as {}", self.title, shown.display()))),
            Shown::Unclear => Ok(()),
        }
    }

    /// What was given the name `path` has it: the server shows it, by MLST or in a listing. Only
    /// names beyond ASCII need that, and the first of them answers for all others of the session.
    pub async fn confirm(&mut self, path: &PathName) -> Result<(), Failure> {
        if self.kept || path.as_bytes().is_ascii() {
            return Ok(());
        }
        if self.capabilities.mlst.is_some() {
            let answer = self.ask(Command::Mlst(Some(path.clone()))).await?;
            if let Some(entry) = from_reply(&answer.reply).filter(|_| answer.is_done()) {
                self.believe(path, &entry.name)?;
            }
        }
        let Some((directory, name)) = beyond_ascii(path).filter(|_| !self.kept) else { return Ok(()) };
        let listing = self.list(directory.as_ref()).await?;
        let shows = |name: &PathName| {
            listing.entries.iter().any(|entry| is_alike(name.as_bytes(), entry.name.as_bytes()))
        };
        if shows(&name) {
            self.kept = true;
            return Ok(());
        }
        Err(changed(path, &format!("{} does not list it", self.title)))
    }
}

fn changed(path: &PathName, why: &str) -> Failure {
    Failure::new(Kind::Unverified, format!("{} is another name on the server", path.display()))
        .said(why)
        .hint("it cannot keep letters beyond ASCII: choose a name without them")
}

/// Compares the last names of two paths, as far as both go.
fn compare(asked: &[u8], shown: &[u8]) -> Shown {
    let names = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|octet| *octet == b'/').rev().filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (asked, shown) = (names(asked), names(shown));
    let mut pairs = asked.iter().zip(&shown).filter(|(asked, _)| !asked.is_ascii()).peekable();
    if pairs.peek().is_none() {
        return Shown::Unclear;
    }
    if pairs.all(|(asked, shown)| is_alike(asked, shown)) { Shown::Kept } else { Shown::Changed }
}

/// Whether a name is shown whole. A server may keep it in another encoding, but it has letters beyond
/// ASCII there, too, between the same others.
fn is_alike(asked: &[u8], shown: &[u8]) -> bool {
    let ascii = |name: &[u8]| name.iter().copied().filter(u8::is_ascii).collect::<Vec<_>>();
    asked == shown || (!shown.is_ascii() && ascii(asked).eq_ignore_ascii_case(&ascii(shown)))
}

/// The first name of a path that is beyond ASCII, and its directory.
fn beyond_ascii(path: &PathName) -> Option<(Option<PathName>, PathName)> {
    let (mut found, mut here) = (None, Some(path.clone()));
    while let Some(path) = here {
        let above = place::parent(&path).filter(|above| *above != path);
        if let Some(name) = place::base_name(&path).filter(|name| !name.as_bytes().is_ascii()) {
            found = Some((above.clone(), name));
        }
        here = above;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h25_a_name_is_kept_or_it_is_another_one() {
        let check = |asked: &str, shown: &[u8], expect| {
            assert_eq!(compare(asked.as_bytes(), shown), expect, "{asked} {shown:?}");
        };
        check("ż.txt", "/srv/ż.txt".as_bytes(), Shown::Kept);
        check("ż.txt", b".txt", Shown::Changed);
        check("ż.txt", b"??.txt", Shown::Changed);
        check("é.txt", b"\xe9.txt", Shown::Kept);
        check("é.txt", b"\xe9.doc", Shown::Changed);
        check("ż/a.txt", b"/srv/a.txt", Shown::Changed);
        check("ż/a.txt", b"a.txt", Shown::Unclear);
        check("a.txt", b"b.txt", Shown::Unclear);
    }

    #[test]
    fn the_first_name_beyond_ascii_is_looked_for_in_its_directory() {
        let check = |path: &str, expect: Option<(Option<&str>, &str)>| {
            let found = beyond_ascii(&PathName::from_user(path).unwrap());
            let found = found.map(|(directory, name)| (directory.map(|d| d.display()), name.display()));
            let expect = expect.map(|(directory, name)| (directory.map(str::to_owned), name.to_owned()));
            assert_eq!(found, expect, "{path}");
        };
        check("ż", Some((None, "ż")));
        check("/ż", Some((Some("/"), "ż")));
        check("d/ż/ó/a", Some((Some("d"), "ż")));
        check("/d/a", None);
    }
}
