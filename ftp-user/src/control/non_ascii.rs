//! Detects servers that drop non-ASCII bytes from command lines. On such a server a command reaches another file
//! than the one named, and MLST of the name finds that file as well.

use super::fact_replies;
use super::session::Session;
use crate::failure::{Failure, Kind};
use crate::place;
use ftp_proto::command::Command;
use ftp_proto::wire::PathName;

/// How a server shows a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    /// Unchanged.
    Kept,
    /// As another name.
    Changed,
    /// Too little of the name is shown.
    Unclear,
}

impl Session {
    /// Checks that MLST of `path` found that path. `shown` is the name in the reply.
    pub(super) fn check_shown_name(&mut self, path: &PathName, shown: &PathName) -> Result<(), Failure> {
        match compare(path.as_bytes(), shown.as_bytes()) {
            Shown::Kept => {
                self.keeps_non_ascii = true;
                Ok(())
            }
            Shown::Changed => Err(changed(path, &format!("{} shows it as {}", self.title, shown.display()))),
            Shown::Unclear => Ok(()),
        }
    }

    /// Checks that the server has stored the name of `path` unchanged: by MLST, or by the listing of its
    /// directory. ASCII names are not checked. If one non-ASCII name is right, later ones are not checked.
    ///
    /// # Errors
    ///
    /// Fails if the server shows another name, or if it cannot be asked.
    pub async fn check_stored_name(&mut self, path: &PathName) -> Result<(), Failure> {
        if self.keeps_non_ascii || path.as_bytes().is_ascii() {
            return Ok(());
        }
        if self.capabilities.mlst.is_some() {
            let answer = self.ask(Command::Mlst(Some(path.clone()))).await?;
            if let Some(entry) = fact_replies::entry(&answer.reply).filter(|_| answer.is_done()) {
                self.check_shown_name(path, &entry.name)?;
            }
        }
        let Some((directory, name)) = first_non_ascii(path).filter(|_| !self.keeps_non_ascii) else {
            return Ok(());
        };
        let listing = self.list(directory.as_ref()).await?;
        let shows = |name: &PathName| {
            listing.entries.iter().any(|entry| is_alike(name.as_bytes(), entry.name.as_bytes()))
        };
        if shows(&name) {
            self.keeps_non_ascii = true;
            return Ok(());
        }
        Err(changed(path, &format!("{} does not list it", self.title)))
    }
}

/// The first non-ASCII name of a path, and its directory.
fn first_non_ascii(path: &PathName) -> Option<(Option<PathName>, PathName)> {
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

fn changed(path: &PathName, why: &str) -> Failure {
    Failure::new(Kind::Unverified, format!("{} is another name on the server", path.display()))
        .said(why)
        .hint("it cannot keep letters beyond ASCII: choose a name without them")
}

/// Compares the last names of two paths, as far as both go.
fn compare(asked: &[u8], shown: &[u8]) -> Shown {
    let names = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|byte| *byte == b'/').rev().filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (asked, shown) = (names(asked), names(shown));
    let mut pairs = asked.iter().zip(&shown).filter(|(asked, _)| !asked.is_ascii()).peekable();
    if pairs.peek().is_none() {
        return Shown::Unclear;
    }
    if pairs.all(|(asked, shown)| is_alike(asked, shown)) { Shown::Kept } else { Shown::Changed }
}

/// Whether a name is shown whole. A server may show it in another encoding, but then it has non-ASCII letters
/// between the same ASCII letters.
fn is_alike(asked: &[u8], shown: &[u8]) -> bool {
    let ascii = |name: &[u8]| name.iter().copied().filter(u8::is_ascii).collect::<Vec<_>>();
    asked == shown || (!shown.is_ascii() && ascii(asked).eq_ignore_ascii_case(&ascii(shown)))
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
    fn the_first_non_ascii_name_is_looked_for_in_its_directory() {
        let check = |path: &str, expect: Option<(Option<&str>, &str)>| {
            let found = first_non_ascii(&PathName::from_user(path).unwrap());
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
