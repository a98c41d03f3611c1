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
    match beyond_ascii(name) {
        // A capital letter may decompose into others than its small one. Several small letters may have one capital letter (\u{3c3}, \u{3c2}).
        Some(text) => {
            let capital = decomposed(text).chars().flat_map(char::to_uppercase).collect::<String>();
            decomposed(&capital.chars().flat_map(char::to_lowercase).collect::<String>()).into_bytes()
        }
        None => name.to_ascii_lowercase(),
    }
}

/// A path whose last name has no case and one Unicode form: the same for names of one directory that some destinations take for one.
pub(super) fn beside(path: &PathName) -> Vec<u8> {
    let above = place::parent(path).map_or_else(Vec::new, |above| above.as_bytes().to_vec());
    let name = place::base_name(path).map_or_else(Vec::new, |name| folded(name.as_bytes()));
    [above, name].join(&b'/')
}

/// A name, or a path, in one Unicode form: macOS decomposes letters with marks, most others compose them.
pub(super) fn one_form(name: &[u8]) -> Vec<u8> {
    beyond_ascii(name).map_or_else(|| name.to_vec(), |text| decomposed(text).into_bytes())
}

/// The text of a name with letters beyond ASCII. `None` if it has none, which is quick, or if it is no text.
fn beyond_ascii(name: &[u8]) -> Option<&str> {
    std::str::from_utf8(name).ok().filter(|text| !text.is_ascii())
}

fn decomposed(text: &str) -> String {
    DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned()
}

/// The path with the letters of a name in their other case: of the last name that has letters with two cases. `None` if none has.
fn in_other_case(path: &PathName) -> Option<PathName> {
    let mut names: Vec<Vec<u8>> = path.as_bytes().split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
    let (name, other) = names.iter_mut().rev().find_map(|name| {
        let other = swapped_cases(name);
        (other != *name).then_some((name, other))
    })?;
    *name = other;
    PathName::from_wire(names.join(&b'/')).ok()
}

/// A name with the letters of ASCII in their other case, of which every destination knows that ignores case, or with others if it
/// has none.
fn swapped_cases(name: &[u8]) -> Vec<u8> {
    let has_ascii = name.iter().any(u8::is_ascii_alphabetic);
    match std::str::from_utf8(name) {
        Ok(text) if !has_ascii => text.chars().map(swapped_case).collect::<String>().into_bytes(),
        _ => name.iter().map(|byte| byte ^ (u8::from(byte.is_ascii_alphabetic()) << 5)).collect(),
    }
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
    /// The name as it is.
    as_it_is: bool,
    /// The name in another Unicode form.
    in_other_form: bool,
    /// A name that differs from it in case.
    in_other_case: bool,
}

impl ShownNames {
    /// What the directory of a path shows of its last name: nothing, if it cannot be listed.
    async fn of(context: &Context, host: &mut Host, path: &PathName) -> Result<Self> {
        let Some(name) = place::base_name(path) else { return Ok(Self::default()) };
        let (above, form) = (place::parent_or_here(path), one_form(name.as_bytes()));
        let like = folded(name.as_bytes());
        let shown = ask!(context, host, async {
            let mut shown = Self::default();
            let mut look = |entry: Entry| match entry.name.as_bytes() {
                same if same == name.as_bytes() => shown.as_it_is = true,
                other if one_form(other) == form => shown.in_other_form = true,
                other => shown.in_other_case |= folded(other) == like,
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

/// Where two names of a job may differ in case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DifferenceAt {
    /// In the last name of the path.
    LastName,
    /// In any name of the path.
    AnyName,
}

/// If something has this name, checks that it is not the copy of another source of this job whose name differs only in case: the
/// directory where the names differ shows both.
///
/// # Errors
///
/// The destination may take both for one, or does not answer.
pub(super) async fn check_apart(
    context: &Context,
    destination: &mut Host,
    path: &PathName,
    difference: DifferenceAt,
) -> Result<()> {
    if !is_there(context, destination, path).await? {
        return Ok(());
    }
    // Forms of letters may count for one where case does not.
    let is_clear = path.as_bytes().is_ascii();
    if is_clear && distinguishes_case(context, destination, path).await? {
        return Ok(());
    }
    for place in place::with_those_above(path) {
        let shown = ShownNames::of(context, destination, &place).await?;
        let others = shown.in_other_form || shown.in_other_case;
        if !shown.as_it_is {
            break;
        }
        if others || (!is_clear && distinguishes_case(context, destination, &place).await?) {
            return Ok(());
        }
        if difference == DifferenceAt::LastName {
            break;
        }
    }
    let path = destination.show(path);
    let what = format!("{path} and another name of this job differ only in upper and lower case");
    Err(Failure::new(Kind::Exists, what)
        .said("the destination treats both as the same name")
        .hint("rename one of them at the source"))
}

/// Before a move replaces a file: checks that the destination shows it by this name. If it shows the name in another case, the file
/// may be the only copy of another source. The same of the directories above it that have the names of those above `source`.
///
/// # Errors
///
/// The destination ignores case and does not show it by this name, or does not answer.
pub(super) async fn check_shown(
    context: &Context,
    destination: &mut Host,
    path: &PathName,
    source: &PathName,
) -> Result<()> {
    let Some(other) = in_other_case(path) else { return Ok(()) };
    if !is_there(context, destination, &other).await? {
        return Ok(());
    }
    let has_its_name = |(place, source): &(PathName, PathName)| {
        let name = place::base_name(place);
        place == path || (name.is_some() && name == place::base_name(source))
    };
    for (place, _) in
        place::with_those_above(path).zip(place::with_those_above(source)).take_while(has_its_name)
    {
        let shown = ShownNames::of(context, destination, &place).await?;
        if !shown.as_it_is && !shown.in_other_form {
            let path = destination.show(path);
            let what = format!("{path} may be there by a name that differs only in upper and lower case");
            return Err(Failure::new(Kind::Exists, what)
                .said("that file may be the only copy of another source")
                .hint("rename the source, or the file at the destination"));
        }
    }
    Ok(())
}

/// Whether the destination is seen to distinguish case where this path is.
async fn distinguishes_case(context: &Context, destination: &mut Host, path: &PathName) -> Result<bool> {
    match in_other_case(path) {
        Some(other) => Ok(!is_there(context, destination, &other).await?),
        None => Ok(false),
    }
}

async fn is_there(context: &Context, destination: &mut Host, path: &PathName) -> Result<bool> {
    Ok(ask!(context, destination, files::facts(context, destination, path))?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::path;

    #[test]
    fn names_that_a_destination_may_take_for_one_are_folded_alike() {
        for (one, other) in [
            ("README", "readme"),
            ("\u{d6}l", "o\u{308}L"),
            ("\u{39f}\u{3a3}", "\u{3bf}\u{3c2}"),
            ("\u{3bf}\u{3c3}", "\u{3bf}\u{3c2}"),
            ("STRASSE", "stra\u{df}e"),
        ] {
            assert_eq!(folded(one.as_bytes()), folded(other.as_bytes()), "{one} {other}");
        }
        assert_ne!(folded(b"a b"), folded(b"ab"));
    }

    #[test]
    fn the_other_case_of_a_name_is_another_name_that_is_the_same_without_case() {
        for (name, expect) in [
            ("readme.TXT", Some("README.txt")),
            ("\u{d6}l", Some("\u{d6}L")),
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
