//! What a verb may not take away: what the shell stands in, what contains it, and what has no name of its own. Pure.

use super::directory::{Directory, Split, split};
use super::names::{Meaning, Scope};
use crate::failure::Failure;
use crate::place::{self, RemotePath};
use ftp_proto::listing::Pattern;
use ftp_proto::wire::PathName;
use std::borrow::Cow;

impl Scope {
    /// Whether the operand `text` may be deleted or get another name. The command line never sees what was typed: `..` is the
    /// name of a directory by then.
    ///
    /// # Errors
    ///
    /// It ends with `.` or `..`, has no name at all, is the current directory or contains it, or cannot be read.
    pub fn check_removal(&self, text: &str) -> Result<(), Failure> {
        if !has_name(text) {
            return Err(Failure::usage(format!("{text} does not name what is deleted or renamed"))
                .hint("write its name; . and .. are refused at the end"));
        }
        if self.stands_in(&self.removed(text)?) {
            return Err(stands_there(text));
        }
        Ok(())
    }

    /// The directories whose real paths say whether the operand `text` is what the shell stands in: where the name is, and
    /// the name itself.
    pub fn taken_from(&self, text: &str) -> Vec<(Directory, Taken)> {
        let Ok(meaning) = self.removed(text) else { return Vec::new() };
        let split = |directory: &Directory| {
            let (parent, name) = directory.split_last()?;
            let taken =
                if directory.is_local() { Taken::of_this_host(name) } else { Taken::at_server(name)? };
            Some((parent, taken))
        };
        self.places_of(&meaning).iter().filter_map(split).collect()
    }

    /// What the operand `text` means. The verb may have a password in its URL, which names the same place.
    fn removed(&self, text: &str) -> Result<Meaning, Failure> {
        self.directory(&without_password(text))
    }

    /// The directories in which the shell stands: several in a composite directory.
    pub fn standing(&self) -> Vec<Directory> {
        self.places_of(&self.current.0)
    }

    fn places_of(&self, meaning: &Meaning) -> Vec<Directory> {
        match meaning {
            Meaning::At(directory) => vec![directory.clone()],
            Meaning::In(partial) => {
                let components = self.components(&partial.composite).unwrap_or_default();
                components.iter().map(|component| component.at(&partial.path.place(false))).collect()
            }
        }
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

/// The name that is taken away, or the names that a pattern matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// What has this name.
    Name(Vec<u8>),
    /// What it matches.
    Matching(Pattern),
}

impl Taken {
    fn of_this_host(name: &str) -> Self {
        Self::Name(name.as_bytes().to_vec())
    }

    fn at_server(name: &str) -> Option<Self> {
        let path = RemotePath::parse(name.as_bytes()).ok()?;
        match path.glob {
            Some(pattern) => Some(Self::Matching(pattern)),
            None => place::decode(name.as_bytes()).ok().map(Self::Name),
        }
    }

    /// Whether the directory at the path `current`, or one above it, has this name in `parent`. Both paths are absolute and
    /// have no symbolic links.
    pub fn holds(&self, parent: &PathName, current: &PathName) -> bool {
        current.names_below(parent).and_then(|mut names| names.next()).is_some_and(|name| match self {
            Self::Name(taken) => taken == name,
            Self::Matching(pattern) => pattern.matches(name),
        })
    }
}

/// The failure of whoever would take away what the shell stands in.
pub fn stands_there(text: &str) -> Failure {
    Failure::usage(format!("{text} is the current directory, or contains it"))
        .hint("go to another directory first: cd")
}

/// A place without the password of its URL.
fn without_password(text: &str) -> Cow<'_, str> {
    let Split::Url(scheme, rest) = split(text) else { return Cow::Borrowed(text) };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@').and_then(|(login, host)| Some((login.split_once(':')?.0, host))) {
        Some((user, host)) => Cow::Owned(format!("{scheme}://{user}@{host}{path}")),
        None => Cow::Borrowed(text),
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
    fn the_real_paths_say_what_is_taken_away() {
        let path = |text: &str| PathName::from_user(text).unwrap();
        for (current, text, parent, expect) in [
            ("lab:pub/a", "../*", "/srv/pub", true),
            ("lab:pub/a", "../[a-c]", "/srv/pub", true),
            ("lab:pub/a", "../b*", "/srv/pub", false),
            ("lab:pub/a", "../%2A", "/srv/pub", false),
            ("lab:pub/a", "*", "/srv/pub/a", false),
            ("lab:pub/a", "/srv/pub", "/srv", true),
            ("lab:pub/a", "/srv/*", "/srv", true),
            ("lab:pub/a", "/other/pub", "/other", false),
            ("lab:pub/a", "ftp://ann@lab/x/p%75b", "/srv", true),
            ("lab:pub/a", "ftp://ann:secret@lab/x/pub", "/srv", true),
            ("data:sub", "lab:x/pub", "/srv", true),
            ("[]", "../a", "/srv/pub", true),
            ("[]", "../*", "/srv/pub", false),
        ] {
            let scope = standing_in(current);
            let taken = scope.taken_from(text);
            let holds = taken.iter().any(|(_, taken)| taken.holds(&path(parent), &path("/srv/pub/a")));
            assert_eq!(holds, expect, "{current} {text}");
        }
        let scope = standing_in("data:sub");
        let shown: Vec<String> = scope.standing().iter().map(Directory::to_string).collect();
        assert_eq!(shown, ["lab:pub/sub", "home:d/sub"]);
        assert_eq!(scope.taken_from("lab:").len(), 0);
    }

    #[test]
    fn the_current_directory_and_what_contains_it_are_never_taken_away() {
        for (current, text) in [
            ("lab:pub/a/b", "lab:pub"),
            ("lab:pub/a/b", "[lab]pub/a/"),
            ("lab:pub/a/b", "lab:pub/a/b"),
            ("lab:pub/a/b", "../b"),
            ("lab:pub/a/b", "../../../pub"),
            ("lab:pub/a/b", "data:a"),
            ("lab:/srv/x", "/srv"),
            ("ftp://h/a/b", "ftp://h/a"),
            ("ftp://ann@h/a/b", "ftp://ann:secret@h/a"),
            ("ftp://ann@h/a/b", "ftp://ann:se:c@ret@h/a"),
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
