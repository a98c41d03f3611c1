//! What a name means where it is typed: at the current directory, at a site, or in a composite directory. Pure.

use super::directory::{Directory, Split, THIS_HOST, split};
use crate::failure::{Failure, Kind, Result};
use crate::place::{self, Names, RemotePath, check_name};
use ftp_proto::listing::Pattern;
use ftp_proto::wire::PathName;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The names of a shell, and its current directory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    /// The sites of the settings.
    pub sites: Names,
    /// Composite directories by their names.
    pub composites: Composites,
    /// What relative names are relative to.
    pub current: Meaning,
}

/// Composite directories with their components, by their names.
pub type Composites = BTreeMap<String, Vec<Directory>>;

/// Where a name is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// It is there.
    At(Directory),
    /// In one of the components of a composite directory.
    In(Partial),
}

/// A name in a composite directory: nobody has said yet in which of its components.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partial {
    /// The name of the composite directory.
    pub composite: String,
    /// The name in it, relative.
    pub path: Directory,
}

impl Default for Meaning {
    fn default() -> Self {
        Self::At(Directory::HERE)
    }
}

/// A word of a line as a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operand {
    /// The command line reads it as it is.
    AsTyped,
    /// It is there. The flag says whether it was written with a `/` at its end.
    Place(Meaning, bool),
}

impl Scope {
    /// What a word means.
    ///
    /// # Errors
    ///
    /// A name leads out of its composite directory.
    pub fn operand(&self, text: &str) -> Result<Operand> {
        let is_contents = text.ends_with('/')
            || matches!(text, "." | "..")
            || ["/.", "/.."].iter().any(|end| text.ends_with(end))
            || matches!(split(text), Split::Named(_, "" | "." | ".."));
        let meaning = match split(text) {
            Split::Url(..) => return Ok(Operand::AsTyped),
            Split::Named(name, path) if self.composites.contains_key(name) => {
                Meaning::In(Partial { composite: name.to_owned(), path: Directory::HERE }).at(path)?
            }
            Split::Named("" | THIS_HOST, path) => Meaning::At(Directory::HERE.at(path)),
            // A site, or what the command line will find fault with.
            Split::Named(..) => return Ok(Operand::AsTyped),
            Split::Path if text == "-" => return Ok(Operand::AsTyped),
            Split::Path if self.current == Meaning::default() => return Ok(Operand::AsTyped),
            Split::Path => self.current.at(text)?,
        };
        Ok(Operand::Place(meaning, is_contents))
    }

    /// The directory that a word means, to go there or to make it a part of something.
    ///
    /// # Errors
    ///
    /// It has a password, or leads out of its composite directory.
    pub fn directory(&self, text: &str) -> Result<Meaning> {
        match self.operand(text)? {
            Operand::Place(meaning, _) => Ok(meaning),
            Operand::AsTyped => match split(text) {
                Split::Named(name, _) if !self.sites.has_site_of(text.as_bytes()) => {
                    self.sites.find(name).map(|_| Meaning::At(Directory::HERE))
                }
                Split::Url(..) | Split::Named(..) | Split::Path => {
                    Directory::parse(text, &self.sites).map(Meaning::At)
                }
            },
        }
    }

    /// Adds components to a composite directory, which begins with the first of them.
    ///
    /// # Errors
    ///
    /// The name cannot be one, or there are too many.
    pub fn add(&mut self, composite: &str, components: Vec<Directory>) -> Result<()> {
        self.check_free(composite)?;
        if self.composites.len() >= MOST_NAMES && !self.composites.contains_key(composite) {
            let what = format!("there are {MOST_NAMES} composite directories already");
            return Err(Failure::usage(what).hint("composite remove makes room"));
        }
        let mut all = self.composites.get(composite).cloned().unwrap_or_default();
        for component in components {
            if !all.contains(&component) {
                all.push(component);
            }
        }
        if all.len() > MOST_COMPONENTS {
            return Err(Failure::usage(format!(
                "a composite directory has {MOST_COMPONENTS} components at most"
            )));
        }
        self.composites.insert(composite.to_owned(), all);
        Ok(())
    }

    /// Removes a component, or all of a composite directory. Without its last component it is gone.
    ///
    /// # Errors
    ///
    /// There is none of that name, or it has no such component.
    pub fn remove(&mut self, composite: &str, component: Option<&Directory>) -> Result<()> {
        let all = self.composites.get_mut(composite).ok_or_else(|| no_composite(composite))?;
        if let Some(component) = component {
            let before = all.len();
            all.retain(|known| known != component);
            if all.len() == before {
                let what = format!("{component} is not a component of {composite}");
                return Err(Failure::new(Kind::Missing, what).hint("composite list shows them"));
            }
            if !all.is_empty() {
                return Ok(());
            }
        }
        self.composites.remove(composite);
        Ok(())
    }

    /// The components of a composite directory.
    ///
    /// # Errors
    ///
    /// There is none of that name.
    pub fn components(&self, composite: &str) -> Result<&[Directory]> {
        self.composites.get(composite).map(Vec::as_slice).ok_or_else(|| no_composite(composite))
    }

    /// The names that may stand before a colon.
    pub fn all_names(&self) -> Vec<&str> {
        let sites = self.sites.iter().map(|(name, _)| name);
        sites.chain(self.composites.keys().map(String::as_str)).collect()
    }

    fn check_free(&self, name: &str) -> Result<()> {
        if let Err(why) = check_name(name) {
            let name: String = name.chars().take(64).collect();
            return Err(Failure::usage(format!("{} cannot be a name here: {why}", name.escape_debug())));
        }
        if self.sites.iter().any(|(site, _)| site == name) {
            return Err(Failure::usage(format!("{name} is the name of a site")).hint("choose another"));
        }
        Ok(())
    }
}

impl Meaning {
    /// Where a name is that is relative to it.
    ///
    /// # Errors
    ///
    /// The name leads out of a composite directory.
    pub fn at(&self, text: &str) -> Result<Self> {
        match self {
            Self::At(directory) => Ok(Self::At(directory.at(text))),
            Self::In(partial) => {
                // The root of a composite directory is itself.
                let path = match text.strip_prefix('/') {
                    Some(from_root) => Directory::HERE.at(from_root.trim_start_matches('/')),
                    None => partial.path.at(text),
                };
                if path.leads_up() {
                    let what = format!("{text} leads out of the composite directory {}", partial.composite);
                    return Err(Failure::usage(what));
                }
                Ok(Self::In(Partial { composite: partial.composite.clone(), path }))
            }
        }
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(directory) => directory.fmt(f),
            Self::In(partial) => partial.fmt(f),
        }
    }
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]{}", self.composite, self.shown())
    }
}

impl Partial {
    /// The name in the composite directory as it is typed.
    pub fn shown(&self) -> String {
        let text = self.path.place(false);
        text.strip_prefix("./").unwrap_or(&text).to_owned()
    }
}

fn no_composite(name: &str) -> Failure {
    Failure::usage(format!("no composite directory is called {name}")).hint("composite list shows them")
}

/// The largest number of composite directories.
const MOST_NAMES: usize = 64;
/// The largest number of components: each may be asked for a name.
const MOST_COMPONENTS: usize = 16;

impl Scope {
    /// Whether the operand `text` may be deleted or get another name. The command line never sees what was typed: `..` is the
    /// name of a directory by then.
    ///
    /// # Errors
    ///
    /// It ends with `.` or `..`, has no name at all, is the current directory or contains it, or cannot be read.
    pub fn check_removal(&self, text: &str) -> Result<()> {
        if !has_name(text) {
            return Err(Failure::usage(format!("{text} does not name what is deleted or renamed"))
                .hint("write its name; . and .. are refused at the end"));
        }
        let (removed, standing) = (self.places_of(&self.removed(text)?), self.standing());
        if removed.iter().any(|removed| standing.iter().any(|current| removed.contains(current))) {
            return Err(stands_there(text));
        }
        Ok(())
    }

    /// The directories whose real paths say whether the operand `text` is what the shell stands in: where the name is, and
    /// the name itself.
    pub fn taken_from(&self, text: &str) -> Vec<(Directory, RemovedName)> {
        let Ok(meaning) = self.removed(text) else { return Vec::new() };
        let split = |directory: &Directory| {
            let (parent, name) = directory.split_last()?;
            let taken = match directory.is_local() {
                true => RemovedName::Name(name.as_bytes().to_vec()),
                false => RemovedName::at_server(name)?,
            };
            Some((parent, taken))
        };
        self.places_of(&meaning).iter().filter_map(split).collect()
    }

    /// What the operand `text` means. The verb may have a password in its URL, which names the same place.
    fn removed(&self, text: &str) -> Result<Meaning> {
        self.directory(&without_password(text))
    }

    /// The directories in which the shell stands: several in a composite directory.
    pub fn standing(&self) -> Vec<Directory> {
        self.places_of(&self.current)
    }

    /// The places that a name may mean: one in each component of a composite directory.
    pub fn places_of(&self, meaning: &Meaning) -> Vec<Directory> {
        match meaning {
            Meaning::At(directory) => vec![directory.clone()],
            Meaning::In(partial) => {
                let components = self.components(&partial.composite).unwrap_or_default();
                components.iter().map(|component| component.at(&partial.path.place(false))).collect()
            }
        }
    }
}

/// The name that is taken away, or the names that a pattern matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RemovedName {
    /// What has this name.
    Name(Vec<u8>),
    /// What it matches.
    Matching(Pattern),
}

impl RemovedName {
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
    use super::super::directory::tests::{at, scope};
    use super::*;

    fn means(scope: &Scope, text: &str) -> String {
        match scope.operand(text).unwrap() {
            Operand::AsTyped => format!("= {text}"),
            Operand::Place(Meaning::At(directory), is_contents) => directory.place(is_contents),
            Operand::Place(Meaning::In(partial), is_contents) => {
                format!("{}|{}{}", partial.composite, partial.shown(), if is_contents { "/" } else { "" })
            }
        }
    }

    fn go(scope: &mut Scope, text: &str) {
        scope.current = scope.directory(text).unwrap();
    }

    #[test]
    fn a_name_is_relative_to_the_current_directory() {
        let mut scope = scope();
        let check = |scope: &Scope, table: &[(&str, &str)]| {
            for (typed, expect) in table {
                assert_eq!(means(scope, typed), *expect, "{typed}");
            }
        };
        let same = [("ftp://h/x", "= ftp://h/x"), ("lab:x", "= lab:x"), ("[lab]x", "= [lab]x"), ("-", "= -")];
        check(&scope, &same);
        check(
            &scope,
            &[("x", "= x"), ("./x", "= ./x"), ("/x", "= /x"), ("[]x", "./x"), ("this-host:/x", "/x")],
        );
        go(&mut scope, "[lab]pub/d");
        check(&scope, &same);
        check(
            &scope,
            &[("x", "lab:pub/d/x"), ("x/", "lab:pub/d/x/"), ("../y", "lab:pub/y"), ("/x", "lab:/x")],
        );
        check(
            &scope,
            &[(".", "lab:pub/d/"), ("..", "lab:pub/"), ("*.c", "lab:pub/d/*.c"), ("./a:b", "lab:pub/d/a:b")],
        );
        check(&scope, &[("[]x", "./x"), ("[]", "./"), ("this-host:x/", "./x/")]);
        go(&mut scope, "..");
        check(&scope, &[("x", "lab:pub/x")]);
        go(&mut scope, "[]");
        check(&scope, &[("x", "= x")]);
    }

    #[test]
    fn h28_a_site_that_is_named_bypasses_the_composite_directory() {
        let mut scope = scope();
        assert_eq!(means(&scope, "data:x/y"), "data|x/y");
        assert_eq!(means(&scope, "[data]"), "data|/");
        go(&mut scope, "data:sub");
        assert_eq!(means(&scope, "x"), "data|sub/x");
        assert_eq!(means(&scope, "../x"), "data|x");
        assert_eq!(means(&scope, "/x"), "data|x");
        for named in ["[lab]x", "lab:x", "ftp://h/x"] {
            assert_eq!(means(&scope, named), format!("= {named}"));
        }
        assert_eq!(means(&scope, "[]x"), "./x");
        assert!(scope.operand("../../x").is_err(), "it would be in no component");
    }

    #[test]
    fn a_name_means_one_thing() {
        let mut scope = scope();
        for (name, expect) in [
            ("lab", "is the name of a site"),
            ("-a", "a name has 1 to 64"),
            ("this-host", "it stands for this host"),
            ("ftp", "it is the beginning of a URL"),
        ] {
            let said = scope.add(name, vec![Directory::HERE]).unwrap_err().to_string();
            assert!(said.contains(expect), "{name}: {said}");
        }
        assert!(scope.directory("lap:x").unwrap_err().to_string().contains("did you mean lab"));
    }

    #[test]
    fn components_are_added_and_removed() {
        let mut scope = scope();
        scope.add("data", vec![at("lab:pub"), at("far:")]).unwrap();
        let shown = |scope: &Scope| {
            scope.components("data").unwrap().iter().map(Directory::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown(&scope), ["lab:pub", "home:d", "far:"]);
        scope.remove("data", Some(&at("home:d"))).unwrap();
        assert!(scope.remove("data", Some(&at("home:d"))).is_err());
        assert_eq!(shown(&scope), ["lab:pub", "far:"]);
        scope.remove("data", None).unwrap();
        assert!(scope.components("data").is_err());
        let many = (0..=MOST_COMPONENTS).map(|number| at(&format!("lab:{number}"))).collect();
        assert!(scope.add("many", many).is_err());
        for number in 0..MOST_NAMES {
            scope.add(&format!("dir{number}"), vec![at("far:")]).unwrap();
        }
        assert!(scope.add("onemore", vec![at("far:")]).is_err());
    }

    fn standing_in(current: &str) -> Scope {
        let mut scope = scope();
        scope.current = scope.directory(current).unwrap();
        scope
    }

    /// Places that do not end with a name. The last one is empty.
    const NAMELESS: &str = ". .. ./ ../ ../.. x/.. x/. x/../ / // lab: lab:x/.. [lab] [lab]x/. lab:/ lab:%2e%2E %2e \
        x/%2e%2e [] [].. data: data:x/.. ftp://h ftp://h/ ftp://h/x/.. ";

    #[test]
    fn what_has_no_name_is_never_taken_away() {
        for current in ["lab:pub/a/b", "lab:", "ftp://h/a/b", "data:sub", "[]"] {
            let scope = standing_in(current);
            for text in NAMELESS.split(' ') {
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
