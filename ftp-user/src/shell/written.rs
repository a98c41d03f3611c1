//! A name of a listing as it is typed: the parser reads exactly this name again, where the listing was. Pure.

use crate::place::encoded;

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
        let is_plain = one.is_alphanumeric() || "/:.-_%@,+[]".contains(one);
        match is_plain {
            true => out.push(one),
            false => one.to_string().bytes().for_each(|byte| out.push_str(&format!("%{byte:02X}"))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::directory::{Directory, tests::sites};
    use super::super::names::{Current, Operand, Scope};
    use super::super::words::{quoted, split};
    use super::*;
    use crate::place::{Place, base_name};
    use ftp_proto::wire::{PathName, misleads};
    use std::os::unix::ffi::OsStrExt;

    fn names() -> Vec<Vec<u8>> {
        let parts: Vec<&[u8]> = [
            "a",
            " ",
            "'",
            "\"",
            ":",
            "-",
            "[",
            "]",
            "*",
            "?",
            "%",
            "%2f",
            "\\",
            "#",
            "&",
            ";",
            "(",
            ")",
            "$",
            "~",
            "@",
            "=",
            "|",
            "\x1b",
            "\t",
            "\u{a0}",
            "\u{fc}",
            "\u{202e}",
            "lab",
            "this-host",
            "ftp",
            "data",
            ".",
        ]
        .iter()
        .map(|part| part.as_bytes())
        .chain([&b"\xff"[..]])
        .collect();
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
            Operand::At(directory, is_contents) => directory.place(is_contents),
            Operand::In(partial, is_contents) => {
                scope.components(&partial.composite).unwrap()[0].at(&partial.shown()).place(is_contents)
            }
        };
        Place::parse_with(place.as_bytes(), &scope.sites).unwrap()
    }

    #[test]
    fn every_name_is_read_again_as_it_was_listed() {
        let mut scope = Scope::new(sites());
        let at = |text: &str| Directory::parse(text, &sites()).unwrap();
        scope.add("data", vec![at("lab:pub"), at("home:d")]).unwrap();
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
            scope.current = Current(scope.directory(current).unwrap());
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
        let mut scope = Scope::new(sites());
        for (current, directory, above) in [("[]", "", "./"), ("[]sub", "", "./sub/"), ("lab:", "[]", "./")] {
            scope.current = Current(scope.directory(current).unwrap());
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
