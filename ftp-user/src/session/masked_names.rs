//! Which name a server means that shows `?` for what it cannot print, or a name behind blanks. Pure.

use ftp_proto::wire::PathName;
use std::collections::{HashMap, HashSet};

/// The names of a directory, to look up what a listing has shown.
#[derive(Debug)]
pub(super) struct Names<'a> {
    exact: HashMap<&'a [u8], &'a PathName>,
    /// Names with letters that a server may show as `?`, by what it shows; `None` if several look the same.
    shown: HashMap<Vec<u8>, Option<&'a PathName>>,
}

impl<'a> Names<'a> {
    /// Takes the names that NLST has sent.
    pub(super) fn new(names: &'a [PathName]) -> Self {
        let exact = names.iter().map(|name| (name.as_bytes(), name)).collect();
        let mut shown: HashMap<_, Option<&PathName>> = HashMap::new();
        for name in names.iter().filter(|name| !name.as_bytes().iter().all(is_printable)) {
            for mask in masks(name.as_bytes()) {
                let found = shown.entry(mask).or_insert(Some(name));
                *found = found.filter(|same| *same == name);
            }
        }
        Self { exact, shown }
    }

    /// Returns the only name that this server would show like this, with so many blanks before it beside the one that
    /// separates it. Returns `None` if `shown` is itself a name, or if several names look the same.
    pub(super) fn meant(&self, shown: &PathName, blanks: usize) -> Option<&'a PathName> {
        if blanks > 0 {
            let whole = [vec![b' '; blanks], shown.as_bytes().to_vec()].concat();
            if let Some(name) = self.exact.get(whole.as_slice()) {
                return Some(name);
            }
        }
        if self.exact.contains_key(shown.as_bytes()) {
            return None;
        }
        self.shown.get(shown.as_bytes()).copied().flatten()
    }
}

/// What a listing has shown that may be another name: which names are of interest to [`Names::meant`].
#[derive(Debug)]
pub(super) struct Shown(HashSet<Vec<u8>>);

impl Shown {
    pub(super) fn new<'a>(shown: impl Iterator<Item = &'a PathName>) -> Self {
        Self(shown.map(|name| without_blanks(name.as_bytes()).to_vec()).collect())
    }

    /// Whether a name may be what one of them means, or one of them itself.
    pub(super) fn may_be(&self, name: &PathName) -> bool {
        let has = |name: &[u8]| self.0.contains(without_blanks(name));
        let is_masked = !name.as_bytes().iter().all(is_printable);
        has(name.as_bytes()) || (is_masked && masks(name.as_bytes()).iter().any(|mask| has(mask)))
    }
}

/// A name without the blanks at its beginning.
fn without_blanks(name: &[u8]) -> &[u8] {
    let blanks = name.iter().take_while(|byte| **byte == b' ').count();
    name.get(blanks..).unwrap_or_default()
}

const fn is_printable(byte: &u8) -> bool {
    byte.is_ascii_graphic() || *byte == b' '
}

/// How servers show a name: `?` for each byte that is no printable ASCII, for each such letter, or for each control
/// character.
fn masks(name: &[u8]) -> [Vec<u8>; 3] {
    let bytes = name.iter().map(|byte| if is_printable(byte) { *byte } else { b'?' }).collect();
    let text = String::from_utf8_lossy(name);
    let masked = |is_shown: fn(char) -> bool| -> Vec<u8> {
        text.chars()
            .map(|letter| if is_shown(letter) { letter } else { '?' })
            .collect::<String>()
            .into_bytes()
    };
    let letters = masked(|letter| letter.is_ascii() && !letter.is_ascii_control());
    [bytes, letters, masked(|letter| !letter.is_control())]
}

/// The only one of these names that is `shown` with blanks before it: some servers drop leading blanks in LIST.
pub(super) fn with_blanks<'a>(names: &'a [PathName], shown: &PathName) -> Option<&'a PathName> {
    let is_meant =
        |name: &&PathName| name != &shown && name.as_bytes().trim_ascii_start() == shown.as_bytes();
    let mut meant = names.iter().filter(is_meant);
    meant.next().filter(|_| meant.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Vec<PathName> {
        all.iter().map(|name| PathName::from_user(*name).unwrap()).collect()
    }

    /// What is meant among all names, and so among those of interest alone.
    fn meant(all: &[PathName], shown: &PathName, blanks: usize) -> Option<String> {
        let interest = Shown::new([shown].into_iter());
        let few: Vec<PathName> = all.iter().filter(|name| interest.may_be(name)).cloned().collect();
        let meant = |names: &[PathName]| Names::new(names).meant(shown, blanks).map(PathName::display);
        assert_eq!(meant(&few), meant(all), "{few:?} of {all:?}: {shown:?}");
        meant(all)
    }

    #[test]
    fn names_that_nothing_shown_can_mean_are_of_no_interest() {
        let shown = names(&["?w", "x", " y"]);
        let interest = Shown::new(shown.iter());
        for (name, expect) in [
            ("?w", true),
            ("żw", true),
            ("  ów", true),
            ("aw", false),
            ("x", true),
            ("  x", true),
            ("xx", false),
            ("y", true),
            ("ż", false),
        ] {
            assert_eq!(interest.may_be(&PathName::from_user(name).unwrap()), expect, "{name}");
        }
    }

    #[test]
    fn a_question_mark_is_settled_by_the_names_themselves() {
        let check = |all: &[&str], shown: &str, expect: Option<&str>| {
            let (all, shown) = (names(all), PathName::from_user(shown).unwrap());
            assert_eq!(meant(&all, &shown, 0).as_deref(), expect, "{all:?} {shown:?}");
        };
        check(&["żw", "a"], "??w", Some("żw"));
        check(&["żw", "a"], "?w", Some("żw"));
        check(&["żw", "a?b"], "a?b", None);
        check(&["żw", "ów"], "?w", None);
        check(&["żw", "?w"], "?w", None);
        check(&["aw"], "?w", None);
    }

    #[test]
    fn blanks_before_a_name_are_settled_by_the_names_themselves() {
        let check = |all: &[&str], shown: &str, blanks, expect: Option<&str>| {
            let (all, shown) = (names(all), PathName::from_user(shown).unwrap());
            assert_eq!(meant(&all, &shown, blanks).as_deref(), expect, "{all:?} {shown:?}");
        };
        check(&["x", " x"], "x", 1, Some(" x"));
        check(&["x", " x"], "x", 0, None);
        check(&["x", "y"], "x", 4, None);
        check(&[], "x", 1, None);
    }

    #[test]
    fn a_dropped_blank_is_settled_by_the_names_themselves() {
        let check = |all: &[&str], shown: &str, expect: Option<&str>| {
            let (all, shown) = (names(all), PathName::from_user(shown).unwrap());
            assert_eq!(
                with_blanks(&all, &shown).map(|name| name.display()).as_deref(),
                expect,
                "{all:?} {shown:?}"
            );
        };
        check(&[" x", "y"], "x", Some(" x"));
        check(&["  x", "y"], "x", Some("  x"));
        check(&[" x", "  x"], "x", None);
        check(&["x", "y"], "x", None);
    }
}
