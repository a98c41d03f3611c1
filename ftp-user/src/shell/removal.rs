//! What a verb may not take away: what the shell stands in, what contains it, and what has no name of its own. Pure.

use super::directory::{Directory, Split, split};
use super::names::{Meaning, Scope};
use crate::failure::Failure;
use crate::place;

impl Scope {
    /// Whether the operand `text` may be deleted or get another name. The command line never sees what was typed: `..` is the
    /// name of a directory by then.
    ///
    /// # Errors
    ///
    /// It ends with `.` or `..`, has no name at all, or is the current directory or contains it.
    pub fn check_removal(&self, text: &str) -> Result<(), Failure> {
        if !has_name(text) {
            return Err(Failure::usage(format!("{text} does not name what is deleted or renamed"))
                .hint("write its name; . and .. are refused at the end"));
        }
        // What cannot be read is refused where it is used.
        let Ok(meaning) = self.directory(text) else { return Ok(()) };
        if self.stands_in(&meaning) {
            return Err(Failure::usage(format!("{text} is the current directory, or contains it"))
                .hint("go to another directory first: cd"));
        }
        Ok(())
    }

    fn stands_in(&self, taken: &Meaning) -> bool {
        match (taken, &self.current.0) {
            (Meaning::At(taken), Meaning::At(current)) => taken.contains(current),
            (Meaning::In(taken), Meaning::In(current)) => {
                taken.composite == current.composite && taken.path.contains(&current.path)
            }
            (Meaning::At(taken), Meaning::In(current)) => {
                let components = self.components(&current.composite).unwrap_or_default();
                let at = |component: &Directory| component.at(&current.path.place(false));
                components.iter().any(|component| taken.contains(&at(component)))
            }
            (Meaning::In(taken), Meaning::At(current)) => {
                let components = self.components(&taken.composite).unwrap_or_default();
                let at = |component: &Directory| component.at(&taken.path.place(false));
                components.iter().any(|component| at(component).contains(current))
            }
        }
    }
}

/// Whether a place ends with a name.
fn has_name(text: &str) -> bool {
    let path = match split(text) {
        Split::Url(_, rest) => rest.split_once('/').map_or("", |(_, path)| path),
        Split::Named(_, path) => path,
        Split::Path => text,
    };
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let is_name = |name: &[u8]| !matches!(name, b"" | b"." | b"..");
    is_name(last.as_bytes()) && place::decode(last.as_bytes()).map_or(true, |name| is_name(&name))
}

#[cfg(test)]
mod tests {
    use super::super::directory::tests::sites;
    use super::super::names::Current;
    use super::*;

    fn standing_in(current: &str) -> Scope {
        let mut scope = Scope::new(sites());
        let at = |text: &str| Directory::parse(text, &sites()).unwrap();
        scope.add("data", vec![at("lab:pub"), at("home:d")]).unwrap();
        scope.bind("LPT", Meaning::At(at("lab:pub"))).unwrap();
        scope.current = Current(scope.directory(current).unwrap());
        scope
    }

    #[test]
    fn what_has_no_name_is_never_taken_away() {
        for current in ["lab:pub/a/b", "lab:", "ftp://h/a/b", "data:sub", "[]"] {
            let scope = standing_in(current);
            for text in [
                ".",
                "..",
                "./",
                "../",
                "../..",
                "x/..",
                "x/.",
                "x/../",
                "/",
                "//",
                "",
                "lab:",
                "lab:x/..",
                "[lab]",
                "[lab]x/.",
                "lab:/",
                "lab:%2e%2E",
                "%2e",
                "x/%2e%2e",
                "[]",
                "[]..",
                "data:",
                "data:x/..",
                "LPT:",
                "ftp://h",
                "ftp://h/",
                "ftp://h/x/..",
            ] {
                let found = scope.check_removal(text);
                assert!(
                    found.is_err_and(|why| why.to_string().contains("does not name")),
                    "{current} {text}"
                );
            }
            for text in ["x", "x/", "./x", "../other", "...", "lab:other", ".hidden", "/x", "[]x", "-x"] {
                assert_eq!(scope.check_removal(text), Ok(()), "{current} {text}");
            }
        }
    }

    #[test]
    fn the_current_directory_and_what_contains_it_are_never_taken_away() {
        for (current, text) in [
            ("lab:pub/a/b", "lab:pub"),
            ("lab:pub/a/b", "[lab]pub/a/"),
            ("lab:pub/a/b", "lab:pub/a/b"),
            ("lab:pub/a/b", "../b"),
            ("lab:pub/a/b", "../../../pub"),
            ("lab:pub/a/b", "LPT:a"),
            ("lab:pub/a/b", "data:a"),
            ("lab:/srv/x", "/srv"),
            ("ftp://h/a/b", "ftp://h/a"),
            ("data:sub/x", "data:sub"),
            ("data:sub/x", "../../sub"),
            ("data:sub/x", "lab:pub/sub"),
            ("data:", "home:d"),
        ] {
            let found = standing_in(current).check_removal(text);
            assert!(found.is_err_and(|why| why.to_string().contains("contains it")), "{current} {text}");
        }
        for (current, text) in [
            ("lab:pub/a/b", "lab:pub/a/bb"),
            ("lab:pub/a/b", "lab:pub/a/b/c"),
            ("lab:pub/a/b", "home:pub"),
            ("lab:pub/a/b", "lab:/pub"),
            ("lab:pub/a/b", "data:b"),
            ("data:sub", "lab:sub"),
        ] {
            assert_eq!(standing_in(current).check_removal(text), Ok(()), "{current} {text}");
        }
    }
}
