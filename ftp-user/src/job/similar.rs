//! Names that differ only in upper and lower case, or in the Unicode form of a letter: many destinations take them for one.

use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{Failure, Kind, Result};
use crate::job::retry::ask;
use crate::place;
use ftp_proto::listing::Entry;
use ftp_proto::wire::PathName;
use icu_normalizer::DecomposingNormalizerBorrowed;

/// A name, or a path, without its case and in one Unicode form.
pub(super) fn folded(name: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(name) {
        // A capital letter may decompose into others than its small one.
        Ok(text) => decomposed(&decomposed(text).to_lowercase()).into_bytes(),
        Err(_) => name.to_ascii_lowercase(),
    }
}

/// A name, or a path, in one Unicode form: macOS decomposes letters with marks, most others compose them.
pub(super) fn one_form(name: &[u8]) -> Vec<u8> {
    std::str::from_utf8(name).map_or_else(|_| name.to_vec(), |text| decomposed(text).into_bytes())
}

fn decomposed(text: &str) -> String {
    DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned()
}

/// The path with each letter of a name in its other case: of the last name that has letters with two cases. `None` if none has.
fn in_other_case(path: &PathName) -> Option<PathName> {
    let mut names: Vec<Vec<u8>> = path.as_bytes().split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
    let swapped = names.iter().map(|name| match std::str::from_utf8(name) {
        Ok(text) => text.chars().map(swapped_case).collect::<String>().into_bytes(),
        Err(_) => name.iter().map(|byte| byte ^ (u8::from(byte.is_ascii_alphabetic()) << 5)).collect(),
    });
    let (index, other) = swapped.enumerate().filter(|(index, other)| *other != names[*index]).last()?;
    names[index] = other;
    PathName::from_wire(names.join(&b'/')).ok()
}

/// A letter in its other case, if that is one letter.
fn swapped_case(letter: char) -> char {
    let other: Vec<char> = match letter.is_lowercase() {
        true => letter.to_uppercase().collect(),
        false => letter.to_lowercase().collect(),
    };
    if let [other] = other[..] { other } else { letter }
}

/// What a directory shows of a name.
#[derive(Clone, Copy, Default)]
struct ShownNames {
    /// The name itself.
    own: bool,
    /// Another one that differs from it only in case.
    other: bool,
}

impl ShownNames {
    /// What the directory of a path shows of its last name: nothing, if it cannot be listed.
    async fn of(context: &Context, host: &mut Host, path: &PathName) -> Result<Self> {
        let Some(name) = place::base_name(path) else { return Ok(Self::default()) };
        let (above, like) = (place::parent_or_here(path), folded(name.as_bytes()));
        let shown = ask!(context, host, async {
            let mut shown = Self::default();
            let mut look = |entry: Entry| match entry.name == name {
                true => shown.own = true,
                false => shown.other |= folded(entry.name.as_bytes()) == like,
            };
            files::list_each(context, host, &above, &mut look).await?;
            Ok(shown)
        });
        match shown {
            Err(failure) if !matches!(failure.kind, Kind::Temporary | Kind::Interrupted) => {
                Ok(Self::default())
            }
            shown => shown,
        }
    }
}

/// Checks, if something has this name, that it is no other name of the job which differs from it only in case: its directory, or one
/// above it, shows both.
///
/// # Errors
///
/// The destination takes both names for one, or cannot be asked.
pub(super) async fn check_apart(context: &Context, destination: &mut Host, path: &PathName) -> Result<()> {
    if ask!(context, destination, files::facts(context, destination, path))?.is_none() {
        return Ok(());
    }
    for path in std::iter::successors(Some(path.clone()), place::parent) {
        match ShownNames::of(context, destination, &path).await? {
            ShownNames { own: true, other: true } => return Ok(()),
            ShownNames { own: true, other: false } => {}
            ShownNames { own: false, .. } => break,
        }
    }
    Err(same(destination, path, "another name that this job copies"))
}

/// Checks that what has this name is shown by it, before a move replaces it. What a destination shows in another case may be the
/// copy of another source, which is gone.
///
/// # Errors
///
/// The destination shows it by another name, or cannot be asked.
pub(super) async fn check_shown(context: &Context, destination: &mut Host, path: &PathName) -> Result<()> {
    let Some(other) = in_other_case(path) else { return Ok(()) };
    if ask!(context, destination, files::facts(context, destination, &other))?.is_none() {
        return Ok(());
    }
    for above in std::iter::successors(Some(path.clone()), place::parent) {
        if let ShownNames { own: false, other: true } = ShownNames::of(context, destination, &above).await? {
            return Err(same(destination, path, "a name that is there"));
        }
    }
    Ok(())
}

fn same(destination: &Host, path: &PathName, other: &str) -> Failure {
    let what = format!("{} differs from {other} only in upper and lower case", destination.show(path));
    Failure::new(Kind::Exists, what)
        .said("the destination treats both as the same name")
        .hint("rename one of them at the source")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::path;

    #[test]
    fn the_other_case_of_a_name_is_another_name_that_is_the_same_without_case() {
        for (name, expect) in [
            ("readme.TXT", Some("README.txt")),
            ("\u{d6}l", Some("\u{f6}L")),
            ("\u{43f}", Some("\u{41f}")),
            // One letter that would become two stays.
            ("\u{df}a", Some("\u{df}A")),
            ("42 ~", None),
            ("\u{df}", None),
            ("/d/E/f", Some("/d/E/F")),
            ("d/E/42", Some("d/e/42")),
        ] {
            let name = path(name);
            let other = in_other_case(&name);
            assert_eq!(other, expect.map(path), "{name:?}");
            let is_same = |other: PathName| folded(other.as_bytes()) == folded(name.as_bytes());
            assert!(other.is_none_or(is_same), "{name:?}");
        }
        let bytes = PathName::from_wire(*b"\xffaB").unwrap();
        assert_eq!(in_other_case(&bytes).unwrap().as_bytes(), b"\xffAb");
    }
}
