//! Detects servers that drop non-ASCII bytes from command lines. On such a server a command reaches another file
//! than the one named, and MLST of the name finds that file as well.

use super::connection::Session;
use crate::failure::{Failure, Kind};
use ftp_proto::wire::PathName;

/// How a server shows a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    /// The name is unchanged.
    Kept,
    /// It is another name.
    Changed,
    /// Too little of the name is shown.
    Unclear,
}

impl Session {
    /// Checks that MLST of `path` found that path. `shown` is the name in the reply.
    pub(super) fn check_shown_name(&mut self, path: &PathName, shown: &PathName) -> Result<(), Failure> {
        match compare(path.as_bytes(), shown.as_bytes()) {
            Shown::Kept => {
                self.saw_kept(path);
                Ok(())
            }
            Shown::Changed => Err(changed(path, &format!("{} shows it as {}", self.title, shown.display()))),
            Shown::Unclear => Ok(()),
        }
    }
}

impl Session {
    /// Notes that the server has kept a name as long as it is.
    pub(super) fn saw_kept(&mut self, path: &PathName) {
        match str::from_utf8(path.as_bytes()) {
            Ok(_) => self.keeps_non_ascii = true,
            Err(_) => self.keeps_other_bytes = true,
        }
    }
}

pub(super) fn changed(path: &PathName, why: &str) -> Failure {
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
/// between the same ASCII letters. A name with IAC is shown as it is: a server that does not know Telnet (RFC 854) has
/// stored that byte twice.
pub(super) fn is_alike(asked: &[u8], shown: &[u8]) -> bool {
    let ascii = |name: &[u8]| name.iter().copied().filter(u8::is_ascii).collect::<Vec<_>>();
    asked == shown
        || (!has_iac(asked)
            && !is_replaced(asked, shown)
            && !shown.is_ascii()
            && ascii(asked).eq_ignore_ascii_case(&ascii(shown)))
}

/// Whether a name is shown with the letter that stands for bytes which a server could not read. Several names may look
/// like that, and the server may have stored them so.
fn is_replaced(asked: &[u8], shown: &[u8]) -> bool {
    let has_mark = |name: &[u8]| name.windows(MARK.len()).any(|letter| letter == MARK);
    has_mark(shown) && !has_mark(asked)
}

/// U+FFFD in UTF-8.
const MARK: &[u8] = "\u{fffd}".as_bytes();

/// Whether a name has the byte that begins a command of Telnet.
pub(super) fn has_iac(name: &[u8]) -> bool {
    name.contains(&0xff)
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
        check("é\u{fffd}", "é\u{fffd}".as_bytes(), Shown::Kept);
        assert_eq!(compare(b"uml\xfc", "uml\u{fffd}".as_bytes()), Shown::Changed);
        assert_eq!(compare(b"uml\xfc", "umlü".as_bytes()), Shown::Kept);
    }
}
