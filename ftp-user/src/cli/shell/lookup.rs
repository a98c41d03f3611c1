//! The operands of a line: each place becomes one that the command line reads. Names in composite directories are looked up: the
//! search says what to list, and servers are asked.

use super::super::names::PlaceVerb;
use super::super::outputs::complain;
use super::super::{JobVerb, Verb};
use super::known::{Servers, SharedKnowledge, canonical};
use crate::action::Grouping;
use crate::context::Cancel;
use crate::failure::{About, Failure, Kind, Result};
use crate::place::{Names, Place, Site};
use crate::shell::{
    ComponentState, Directory, Meaning, NameUse, Occupant, Operand, Partial, PlaceUse, Search, Step,
    stands_there,
};
use clap::Command;
use ftp_io::clock::since_1970;
use ftp_io::program::completion::{ValueKind, values};
use ftp_proto::wire::PathName;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Looks names up.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) known: SharedKnowledge,
    pub(super) servers: Servers,
}

/// How a search for a name in a composite directory has ended.
struct EndedSearch {
    /// The name, for people.
    name: String,
    /// Its places in all components.
    targets: Vec<Directory>,
    /// The last step.
    step: Step,
}

impl EndedSearch {
    /// The places of these components.
    fn pick(&self, components: &[usize]) -> Vec<Directory> {
        components.iter().filter_map(|index| self.targets.get(*index).cloned()).collect()
    }

    /// Where the name is.
    fn places(&self) -> Result<Places> {
        if let Step::Found { components, unseen } = &self.step {
            let component = components.first().copied().filter(|_| components.len() == 1);
            return Ok(Places { all: self.pick(components), component, unseen: self.pick(unseen) });
        }
        let shown = |index: usize| self.targets.get(index).map(Directory::to_string).unwrap_or_default();
        Err(self.step.failure(&self.name, shown).unwrap_or_else(Failure::interrupted))
    }
}

/// Where a name is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Places {
    /// In one component, or in several directories that are listed together.
    pub(super) all: Vec<Directory>,
    /// The number of the component, if it is in one.
    pub(super) component: Option<usize>,
    /// Where it could be, too: these could not be looked at.
    pub(super) unseen: Vec<Directory>,
}

impl Lookup {
    /// The places of a name that is there.
    ///
    /// # Errors
    ///
    /// It is in no component, or in several and the purpose wants one. The failure lists them.
    pub(super) async fn find(&self, partial: &Partial, purpose: NameUse, cancel: &Cancel) -> Result<Places> {
        self.search(partial, purpose, cancel).await?.places()
    }

    /// All places that have a name, and those that could not be looked at.
    pub(super) async fn everywhere(&self, partial: &Partial, cancel: &Cancel) -> Result<Places> {
        let ended = self.search(partial, NameUse::Read, cancel).await?;
        if let Step::Ambiguous(all) = &ended.step {
            return Ok(Places { all: ended.pick(all), ..Places::default() });
        }
        ended.places()
    }

    /// The place of a name that is there, or that is made: then in the component that has its directory, and in the component
    /// `beside` if that is one of them.
    ///
    /// # Errors
    ///
    /// Several components could have it.
    pub(super) async fn destination(
        &self,
        partial: &Partial,
        beside: Option<usize>,
        cancel: &Cancel,
    ) -> Result<Directory> {
        let ended = self.search(partial, NameUse::Change, cancel).await?;
        if !matches!(&ended.step, Step::Nowhere { unseen } if unseen.is_empty()) {
            return ended.places()?.all.into_iter().next().ok_or_else(Failure::interrupted);
        }
        let Some((parent, last)) = partial.path.split_last() else { return Err(Failure::interrupted()) };
        let parent = Partial { composite: partial.composite.clone(), path: parent };
        if let Some(beside) = beside
            && let Some(place) = ended.targets.get(beside)
            && self.has(&parent, beside, cancel).await?
        {
            return Ok(place.clone());
        }
        if parent.path.split_last().is_some() {
            let parent = Box::pin(self.destination(&parent, None, cancel)).await?;
            return Ok(parent.at(last));
        }
        match ended.targets.as_slice() {
            [one] => Ok(one.clone()),
            several => {
                let several: Vec<String> = several.iter().map(Directory::to_string).collect();
                let several = several.join(", ");
                let what = format!("{partial} is in no component, and each of them could get it: {several}");
                Err(Failure::usage(what).hint("name one of them"))
            }
        }
    }

    /// Whether a component has a directory.
    async fn has(&self, partial: &Partial, component: usize, cancel: &Cancel) -> Result<bool> {
        Ok(match self.search(partial, NameUse::List, cancel).await?.step {
            Step::Found { components, .. } | Step::Ambiguous(components) => components.contains(&component),
            Step::List(_) | Step::Nowhere { .. } | Step::Uncertain { .. } => false,
        })
    }

    /// Warns of a relative name that is made in the current directory although a site has it: somebody may have left out
    /// the colon.
    pub(super) async fn warn_of_site(&self, text: &str, cancel: &Cancel) {
        let (meant, operand) = {
            let scope = &self.known.lock().scope;
            let Some(meant) = scope.sites.meant(text) else { return };
            let operand = scope.operand(meant.first);
            (meant, operand)
        };
        let Ok(Operand::Place(Meaning::At(place), _)) = operand else { return };
        let is_there = match place.is_local() {
            true => here(&place) != Occupant::Nothing,
            false => {
                matches!(self.servers.held(&place, cancel).await, Ok(Occupant::Directory | Occupant::Other))
            }
        };
        if !is_there {
            complain(format_args!("warning: {}", meant.warning()));
        }
    }

    /// Searches to the end.
    async fn search(&self, partial: &Partial, purpose: NameUse, cancel: &Cancel) -> Result<EndedSearch> {
        let components = self.known.lock().scope.components(&partial.composite)?.to_vec();
        let path = partial.shown();
        if path.contains(['*', '?', '[']) {
            return Err(Failure::usage("a pattern cannot be looked up in a composite directory")
                .hint("name a site: SITE:pattern"));
        }
        let path = path.split('/').map(canonical).collect::<Result<Vec<_>, _>>()?.join("/");
        let targets: Vec<Directory> = components.iter().map(|component| component.at(&path)).collect();
        let is_root = partial.path.split_last().is_none();
        // The root of a composite directory is that of all components.
        let root = ComponentState::Now(Occupant::Directory);
        let known = targets.iter().map(|target| if is_root { root } else { self.before(target) });
        let mut search = Search::new(purpose, known.collect());
        loop {
            let step = search.step();
            let Step::List(components) = step else {
                return Ok(EndedSearch { name: partial.to_string(), targets, step });
            };
            let mut asked = tokio::task::JoinSet::new();
            for index in components {
                let Some(target) = targets.get(index).cloned() else { continue };
                let (lookup, cancel) = (self.clone(), cancel.clone());
                asked.spawn(async move { (index, lookup.look(&target, &cancel).await) });
            }
            while let Some(answer) = asked.join_next().await {
                let Ok((index, held)) = answer else { continue };
                search.learn(index, held?);
            }
        }
    }

    /// What is known of a place before anybody is asked.
    fn before(&self, target: &Directory) -> ComponentState {
        let Some((directory, name)) = target.split_last() else { return ComponentState::Unknown };
        if target.is_local() {
            return ComponentState::Now(here(target));
        }
        if self.known.is_down(&directory) {
            return ComponentState::Unseen;
        }
        let mut known = self.known.lock();
        match known.cache.find(&directory) {
            Some(listed) if listed.is_fresh(since_1970().as_secs()) => {
                listed.occupant(name).map_or(ComponentState::Unknown, ComponentState::Before)
            }
            Some(_) | None => ComponentState::Unknown,
        }
    }

    /// Lists the directory of a place, and says what is there; `None` if nobody can say it.
    async fn look(&self, target: &Directory, cancel: &Cancel) -> Result<Option<Occupant>> {
        let Some((directory, name)) = target.split_last() else { return Ok(None) };
        if self.known.is_down(&directory) {
            return Ok(None);
        }
        match self.servers.unlock(&directory, cancel).await {
            Err(failure) if failure.kind == Kind::Interrupted => return Err(failure),
            // What is wrong with the place is told by the question itself.
            Ok(()) | Err(_) => {}
        }
        match self.servers.list(&directory, name, cancel).await {
            Ok(look) => {
                self.known.note_answer(&directory, true);
                self.known.lock().cache.keep(directory, look.listed);
                Ok(Some(look.held))
            }
            Err(failure) if failure.kind == Kind::Interrupted => Err(failure),
            Err(failure) if matches!(failure.kind, Kind::Missing | Kind::Refused) => {
                // A server that is asked for a directory that is not there refuses.
                self.known.note_answer(&directory, true);
                self.known.lock().cache.forget(&directory);
                let held = self.servers.held(&directory, cancel).await;
                Ok(held.ok().filter(|held| *held == Occupant::Nothing))
            }
            Err(failure) => {
                if matches!(failure.about, About::NoAnswer | About::GivenUp) {
                    self.known.note_answer(&directory, false);
                }
                Ok(None)
            }
        }
    }

    /// Whether the operand `text` may be deleted, or get another name.
    ///
    /// # Errors
    ///
    /// It is what the shell stands in, or contains it, or has no name.
    pub(super) async fn check_removal(&self, text: &str, cancel: &Cancel) -> Result<()> {
        let (taken, standing, sites) = {
            let known = self.known.lock();
            known.scope.check_removal(text)?;
            (known.scope.taken_from(text), known.scope.standing(), known.scope.sites.clone())
        };
        for (parent, name) in taken {
            for current in &standing {
                if !are_of_one_host(&parent, current, &sites) {
                    continue;
                }
                let Some(at) = self.real(&parent, cancel).await? else { continue };
                let Some(current) = self.real(current, cancel).await? else { continue };
                if name.holds(&at, &current) {
                    return Err(stands_there(text));
                }
            }
        }
        Ok(())
    }

    /// The path of a directory without symbolic links, as far as it can be told.
    async fn real(&self, directory: &Directory, cancel: &Cancel) -> Result<Option<PathName>> {
        if directory.is_local() {
            let real = fs::canonicalize(local_path(directory)).ok();
            return Ok(real.and_then(|path| PathName::from_wire(path.into_os_string().into_vec()).ok()));
        }
        self.servers.real(directory, cancel).await
    }
}

/// What is at a place of this host.
fn here(place: &Directory) -> Occupant {
    match fs::metadata(local_path(place)) {
        Ok(facts) if facts.is_dir() => Occupant::Directory,
        Ok(_) => Occupant::Other,
        Err(_) => Occupant::Nothing,
    }
}

/// The path of a place of this host.
pub(super) fn local_path(place: &Directory) -> PathBuf {
    PathBuf::from(OsString::from(place.place(false)))
}

/// Whether both directories are on one host, by whichever name.
fn are_of_one_host(one: &Directory, other: &Directory, sites: &Names) -> bool {
    if one.is_local() || other.is_local() {
        return one.is_local() && other.is_local();
    }
    match (site(one, sites), site(other, sites)) {
        (Some(one), Some(other)) => one.is_same(&other),
        (None, _) | (_, None) => false,
    }
}

fn site(directory: &Directory, sites: &Names) -> Option<Site> {
    Place::parse_with(directory.place(false).as_bytes(), sites).ok()?.site().cloned()
}

/// The arguments of a verb of the command line.
#[derive(Debug)]
pub(super) struct Arguments {
    /// Each place as the command line reads it.
    pub(super) words: Vec<String>,
    /// How it is shown where one name stands for several directories.
    pub(super) grouping: Grouping,
}

/// A component of a composite directory.
#[derive(Debug)]
struct Component {
    composite: String,
    number: usize,
}

impl Lookup {
    /// The arguments with each place as the command line reads it. `read` is the line as it was typed.
    pub(super) async fn resolved(
        &self,
        verb: &Command,
        read: &Verb,
        arguments: Vec<String>,
        cancel: &Cancel,
    ) -> Result<Arguments> {
        let values = values(verb, &arguments);
        let (mut words, mut grouping) = (Vec::new(), Grouping::Each);
        let mut touched = Vec::new();
        let mut last = None;
        for (argument, value) in arguments.into_iter().zip(values) {
            let place = value.and_then(|value| Some((value.at, place_use(read, value.kind())?)));
            let Some((at, place_use)) = place else {
                words.push(argument);
                continue;
            };
            let (before, typed) = argument.split_at(at);
            if place_use == PlaceUse::There(NameUse::Change) {
                self.check_removal(typed, cancel).await?;
            }
            let (places, component) = self.operand(typed, place_use, last.as_ref(), cancel).await?;
            last = component;
            if places.len() > 1 {
                grouping = Grouping::AsOne;
            }
            if place_use.changes() {
                touched.extend(places.iter().cloned());
            }
            words.extend(places.into_iter().map(|place| format!("{before}{place}")));
        }
        self.known.forget_listings(&touched);
        Ok(Arguments { words, grouping })
    }

    /// The places that a word means, as the command line reads them, and the component in which they are. `last` is where the place
    /// before it on the line is.
    async fn operand(
        &self,
        text: &str,
        place_use: PlaceUse,
        last: Option<&Component>,
        cancel: &Cancel,
    ) -> Result<(Vec<String>, Option<Component>)> {
        let operand = self.known.lock().scope.operand(text)?;
        let is_made = matches!(place_use, PlaceUse::Destination | PlaceUse::NewName);
        let one = |place| Ok((vec![place], None));
        let (partial, is_contents) = match operand {
            Operand::AsTyped => return one(text.to_owned()),
            Operand::Place(Meaning::At(directory), is_contents) => {
                if is_made {
                    self.warn_of_site(text, cancel).await;
                }
                return one(directory.place(is_contents));
            }
            Operand::Place(Meaning::In(partial), is_contents) => (partial, is_contents),
        };
        let PlaceUse::There(purpose) = place_use else {
            let is_beside =
                |last: &&Component| place_use == PlaceUse::NewName && last.composite == partial.composite;
            let beside = last.filter(is_beside).map(|last| last.number);
            return one(self.destination(&partial, beside, cancel).await?.place(is_contents));
        };
        let Places { all, component, unseen } = self.find(&partial, purpose, cancel).await?;
        if !unseen.is_empty() {
            let unseen: Vec<String> = unseen.iter().map(Directory::to_string).collect();
            complain(format_args!("warning: not looked at: {}", unseen.join(", ")));
        }
        let component = component.map(|number| Component { composite: partial.composite, number });
        Ok((all.iter().map(|place| place.place(is_contents)).collect(), component))
    }
}

/// What a verb does with a value; `None` if that is no place that depends on where the shell is.
fn place_use(verb: &Verb, kind: ValueKind) -> Option<PlaceUse> {
    if !kind.is_place() {
        return None;
    }
    let is_destination = kind == ValueKind::Destination;
    match verb {
        Verb::Place(PlaceVerb::Ls(_) | PlaceVerb::Tree(_)) => Some(PlaceUse::There(NameUse::List)),
        Verb::Place(PlaceVerb::Stat(_) | PlaceVerb::Cat(_) | PlaceVerb::Hash(_)) | Verb::Probe(_) => {
            Some(PlaceUse::There(NameUse::Read))
        }
        Verb::Job(JobVerb::Move(_)) if !is_destination => Some(PlaceUse::There(NameUse::Change)),
        Verb::Job(_) if kind == ValueKind::Source => Some(PlaceUse::There(NameUse::Read)),
        // Also where a sync keeps what it replaces.
        Verb::Job(_) | Verb::Place(PlaceVerb::Mkdir(_)) => Some(PlaceUse::Destination),
        Verb::Place(PlaceVerb::Mv(_)) if is_destination => Some(PlaceUse::NewName),
        Verb::Place(PlaceVerb::Mv(_) | PlaceVerb::Rm(_)) => Some(PlaceUse::There(NameUse::Change)),
        // Servers that are forgotten or tested, with or without a name.
        Verb::Sites(_)
        | Verb::Resume(_)
        | Verb::Retry(_)
        | Verb::Jobs(_)
        | Verb::Pause(_)
        | Verb::Series(_)
        | Verb::Daemon(_)
        | Verb::Cancel(_)
        | Verb::Why(_)
        | Verb::Doctor(_)
        | Verb::Shell(_)
        | Verb::Completions(_)
        | Verb::Man(_) => None,
    }
}

/// Refuses standard input as a source: the lines themselves come from there.
pub(super) fn refuse_stdin(verb: &Command, arguments: &[String]) -> Result<()> {
    let values = values(verb, arguments);
    let reads = arguments.iter().zip(values).any(|(word, value)| match value {
        Some(value) if value.is_operand => word == "-" && value.kind() != ValueKind::Destination,
        Some(value) => value.kind() == ValueKind::File && word.get(value.at..) == Some("-"),
        None => false,
    });
    if reads {
        let what = format!("{} cannot read standard input: the script is there", verb.get_name());
        return Err(Failure::usage(what).hint("name the script with --file"));
    }
    Ok(())
}
