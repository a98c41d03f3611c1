//! What a name means where it is typed: at the current directory, at a site, or in a composite directory. Pure.

use super::directory::{Directory, Split, split};
use crate::failure::{Failure, Kind};
use crate::place::{Names, check_name};
use std::collections::BTreeMap;

/// The names of a shell, and its current directory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    /// The sites of the settings.
    pub sites: Names,
    /// Composite directories by their names.
    composites: BTreeMap<String, Vec<Directory>>,
    /// What relative names are relative to.
    pub current: Current,
}

/// Composite directories with their components, by their names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Composites(BTreeMap<String, Vec<Directory>>);

impl Composites {
    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Directory])> {
        self.0.iter().map(|(name, all)| (name.as_str(), all.as_slice()))
    }
}

/// The current directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Current(pub Meaning);

impl Default for Current {
    fn default() -> Self {
        Self(Meaning::At(Directory::HERE))
    }
}

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

/// A word of a line as a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operand {
    /// The command line reads it as it is.
    AsTyped,
    /// It is there. The flag says whether it was written with a `/` at its end.
    At(Directory, bool),
    /// It is in one of the components of a composite directory.
    In(Partial, bool),
}

impl Scope {
    /// The sites of the settings, and this host as the current directory.
    pub fn new(sites: Names) -> Self {
        Self { sites, ..Self::default() }
    }

    /// The same with composite directories.
    pub fn with(sites: Names, composites: Composites) -> Self {
        Self { composites: composites.0, ..Self::new(sites) }
    }

    /// Its composite directories alone.
    pub fn into_composites(self) -> Composites {
        Composites(self.composites)
    }

    /// What a word means.
    ///
    /// # Errors
    ///
    /// A name leads out of its composite directory.
    pub fn operand(&self, text: &str) -> Result<Operand, Failure> {
        let is_contents = text.ends_with('/')
            || matches!(text, "." | "..")
            || ["/.", "/.."].iter().any(|end| text.ends_with(end))
            || matches!(split(text), Split::Named(_, "" | "." | ".."));
        let meaning = match split(text) {
            Split::Url(..) => return Ok(Operand::AsTyped),
            Split::Named(name, path) => match self.named(name) {
                Some(meaning) => meaning.at(path)?,
                None if matches!(name, "" | super::directory::THIS_HOST) => {
                    Meaning::At(Directory::HERE.at(path))
                }
                // A site, or what the command line will find fault with.
                None => return Ok(Operand::AsTyped),
            },
            Split::Path if text == "-" => return Ok(Operand::AsTyped),
            Split::Path => match &self.current.0 {
                Meaning::At(directory) if *directory == Directory::HERE => return Ok(Operand::AsTyped),
                meaning @ (Meaning::At(_) | Meaning::In(_)) => meaning.at(text)?,
            },
        };
        Ok(match meaning {
            Meaning::At(directory) => Operand::At(directory, is_contents),
            Meaning::In(partial) => Operand::In(partial, is_contents),
        })
    }

    /// The directory that a word means, to go there or to make it a part of something.
    ///
    /// # Errors
    ///
    /// It has a password, or leads out of its composite directory.
    pub fn directory(&self, text: &str) -> Result<Meaning, Failure> {
        match self.operand(text)? {
            Operand::At(directory, _) => Ok(Meaning::At(directory)),
            Operand::In(partial, _) => Ok(Meaning::In(partial)),
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

    fn named(&self, name: &str) -> Option<Meaning> {
        self.composites
            .contains_key(name)
            .then(|| Meaning::In(Partial { composite: name.to_owned(), path: Directory::HERE }))
    }

    /// Adds components to a composite directory, which begins with the first of them.
    ///
    /// # Errors
    ///
    /// The name cannot be one, or there are too many.
    pub fn add(&mut self, composite: &str, components: Vec<Directory>) -> Result<(), Failure> {
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
    pub fn remove(&mut self, composite: &str, component: Option<&Directory>) -> Result<(), Failure> {
        let all = self.composites.get_mut(composite).ok_or_else(|| no_composite(composite))?;
        if let Some(component) = component {
            let before = all.len();
            all.retain(|known| known != component);
            if all.len() == before {
                let what = format!("{component} is no component of {composite}");
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
    pub fn components(&self, composite: &str) -> Result<&[Directory], Failure> {
        self.composites.get(composite).map(Vec::as_slice).ok_or_else(|| no_composite(composite))
    }

    /// All composite directories.
    pub fn composites(&self) -> impl Iterator<Item = (&str, &[Directory])> {
        self.composites.iter().map(|(name, all)| (name.as_str(), all.as_slice()))
    }

    /// The names that may stand before a colon.
    pub fn all_names(&self) -> Vec<&str> {
        let sites = self.sites.iter().map(|(name, _)| name);
        sites.chain(self.composites.keys().map(String::as_str)).collect()
    }

    fn check_free(&self, name: &str) -> Result<(), Failure> {
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
    pub fn at(&self, text: &str) -> Result<Self, Failure> {
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

    /// How it is shown, for a prompt too.
    pub fn shown(&self) -> String {
        match self {
            Self::At(directory) => directory.to_string(),
            Self::In(partial) => format!("[{}]{}", partial.composite, partial.shown()),
        }
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

#[cfg(test)]
mod tests {
    use super::super::directory::tests::sites;
    use super::*;

    fn scope() -> Scope {
        let mut scope = Scope::new(sites());
        let at = |text: &str| Directory::parse(text, &sites()).unwrap();
        scope.add("data", vec![at("lab:pub"), at("home:data")]).unwrap();
        scope
    }

    fn means(scope: &Scope, text: &str) -> String {
        match scope.operand(text).unwrap() {
            Operand::AsTyped => format!("= {text}"),
            Operand::At(directory, is_contents) => directory.place(is_contents),
            Operand::In(partial, is_contents) => {
                format!("{}|{}{}", partial.composite, partial.shown(), if is_contents { "/" } else { "" })
            }
        }
    }

    fn go(scope: &mut Scope, text: &str) {
        scope.current = Current(scope.directory(text).unwrap());
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
            ("a", "a name has 2 to 64"),
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
        let at = |text: &str| Directory::parse(text, &sites()).unwrap();
        scope.add("data", vec![at("lab:pub"), at("far:")]).unwrap();
        let shown = |scope: &Scope| {
            scope.components("data").unwrap().iter().map(Directory::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown(&scope), ["lab:pub", "home:data", "far:"]);
        scope.remove("data", Some(&at("home:data"))).unwrap();
        assert!(scope.remove("data", Some(&at("home:data"))).is_err());
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
}
