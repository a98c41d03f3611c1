//! `tree`: what a directory holds at any depth, drawn.

use super::listing::{Grouping, UnionEntry, typed, united};
use super::verb::{VerbRun, refuse_slash};
use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{Failure, Kind, Result};
use crate::job::{Status, ask, check_cancel, usable};
use crate::place::{self, Location};
use crate::report::{Event, Form, Label, ListedEntry, TreeEntry};
use ftp_proto::listing::{self, Entry};
use ftp_proto::wire::PathName;

/// Draws the tree of each place, or of all as one directory.
pub async fn draw(context: &Context, places: &[Location], grouping: Grouping) -> Status {
    let mut run = VerbRun::new(context, "tree", false);
    let all = run.targets(places).await;
    let at_once = match grouping {
        Grouping::Each => 1,
        Grouping::AsOne => all.len().max(1),
    };
    for tree in all.chunks(at_once) {
        let roots = tree.iter().map(|place| DrawnRoot { host: run.host(place), place }).collect();
        let mut drawing = TreeDrawing { roots, run: &mut run, names: 0, waiting: 0 };
        if let Err(failure) = drawing.draw().await {
            let shown = drawing.shown();
            drawing.run.failed(shown, failure);
        }
        drawing.roots.into_iter().for_each(|root| root.host.release());
        if run.was_interrupted() {
            break;
        }
    }
    run.end().await
}

/// One tree that is drawn.
struct TreeDrawing<'r, 'c> {
    /// The directories of which it is the union.
    roots: Vec<DrawnRoot<'r>>,
    run: &'r mut VerbRun<'c>,
    /// How many names were found.
    names: u64,
    /// How many of them wait to be drawn.
    waiting: usize,
}

/// A place that is drawn.
struct DrawnRoot<'a> {
    host: Host,
    place: &'a Location,
}

/// A directory below a root: the number of the root, and the server's own identity of the directory.
type DrawnIdentity = (usize, Option<String>);

/// A directory of the chain that is being drawn.
struct DrawnLevel {
    /// Its path below the roots; `None` is the roots themselves.
    path: Option<PathName>,
    /// Below which roots it is.
    of: Vec<DrawnIdentity>,
    /// What is still to be drawn, the next one last.
    names: Vec<UnionEntry<usize>>,
}

impl DrawnLevel {
    fn is(&self, (root, unique): &DrawnIdentity) -> bool {
        unique.is_some() && self.of.iter().any(|(of, known)| (of, known) == (root, unique))
    }
}

impl TreeDrawing<'_, '_> {
    /// Draws the roots and everything below them, each directory before what follows it.
    async fn draw(&mut self) -> Result<()> {
        let of = self.begin().await?;
        let mut levels = vec![self.enter(None, of).await];
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.names.pop() else {
                levels.pop();
                continue;
            };
            self.waiting = self.waiting.saturating_sub(1 + name.others.len());
            let (root, entry) = &name.first;
            let (root, kind) = (*root, entry.kind);
            let path = place::join(level.path.as_ref(), &entry.name);
            self.run.count(kind, entry.size);
            let all = std::iter::once(&name.first).chain(&name.others);
            let mut of: Vec<DrawnIdentity> = all.map(|(root, entry)| (*root, entry.unique.clone())).collect();
            self.tell(&levels, name, &path).await;
            if kind != listing::Kind::Directory {
                continue;
            }
            of.retain(|one| !levels.iter().any(|level| level.is(one)));
            if of.is_empty() {
                let why = Failure::new(Kind::Other, "it is the same directory as one that contains it");
                self.failed(root, Some(&path), why);
                continue;
            }
            let most = self.run.context.settings.listing.names;
            if self.names > most {
                let what = format!("the tree has more than {most} names, and may have no end");
                let failure = Failure::new(Kind::Other, what);
                return Err(failure.hint("check whether a directory contains a link to itself"));
            }
            levels.push(self.enter(Some(path), of).await);
            check_cancel(self.run.context)?;
        }
        Ok(())
    }

    /// Draws the roots themselves. Returns those that are directories. One that is not there is no failure of the others.
    async fn begin(&mut self) -> Result<Vec<DrawnIdentity>> {
        let (mut of, mut found) = (Vec::new(), None);
        let is_only = self.roots.len() == 1;
        for (number, root) in self.roots.iter_mut().enumerate() {
            let looked = self.run.behind(&mut root.host, root.place).await;
            if !is_only {
                root.rest();
            }
            match looked.and_then(|facts| refuse_slash(root.place, facts.kind).map(|()| facts)) {
                Ok(facts) if facts.kind == listing::Kind::Directory => {
                    of.push((number, facts.unique));
                    found = Some((facts.kind, facts.size));
                }
                Ok(facts) => found = found.or(Some((facts.kind, facts.size))),
                Err(failure) if is_only || self.run.context.run.cancel.is_cancelled() => return Err(failure),
                Err(failure) => self.run.failed(root.place, failure),
            }
        }
        if let Some((kind, size)) = found {
            let drawn = TreeEntry { branches: String::new(), shown: self.shown(), listed: None };
            self.run.context.run.events.deliver(Event::Drawn(drawn)).await;
            self.run.count(kind, size);
        }
        Ok(of)
    }

    /// What is drawn, for people.
    fn shown(&self) -> String {
        let places: Vec<String> = self.roots.iter().map(|root| root.place.to_string()).collect();
        places.join(", ")
    }

    /// Tells one name. Its branches are those of the directories above it that have more to come.
    async fn tell(&self, levels: &[DrawnLevel], name: UnionEntry<usize>, path: &PathName) {
        let mut branches = String::new();
        for (depth, level) in levels.iter().enumerate() {
            let has_more = !level.names.is_empty();
            branches.push_str(match (depth + 1 == levels.len(), has_more) {
                (true, true) => "\u{251c}\u{2500}\u{2500} ",
                (true, false) => "\u{2514}\u{2500}\u{2500} ",
                (false, true) => "\u{2502}   ",
                (false, false) => "    ",
            });
        }
        let UnionEntry { first: (root, entry), others, has_namesake } = name;
        let end = match entry.kind {
            listing::Kind::Directory => "/",
            listing::Kind::Link => "@",
            listing::Kind::File | listing::Kind::Current | listing::Kind::Parent | listing::Kind::Other => "",
        };
        let at = self.roots.get(root).filter(|_| has_namesake);
        let shown = at.map_or_else(|| entry.name.display(), |root| typed(root.place, path));
        let listed = Some(self.listed(root, entry, path, Label::Name));
        let drawn = TreeEntry { branches, shown: format!("{shown}{end}"), listed };
        self.run.context.run.events.deliver(Event::Drawn(drawn)).await;
        // A program hears of each.
        for (root, entry) in others {
            let listed = self.listed(root, entry, path, Label::Hidden);
            self.run.context.run.events.deliver(Event::Listed(listed)).await;
        }
    }

    fn listed(&self, root: usize, entry: Entry, path: &PathName, label: Label) -> ListedEntry {
        let place = self.roots.get(root).map(|root| root.place.to_string()).unwrap_or_default();
        ListedEntry { place, entry: Entry { name: path.clone(), ..entry }, form: Form::Name, label }
    }

    /// Lists a directory below its roots.
    async fn enter(&mut self, path: Option<PathName>, of: Vec<DrawnIdentity>) -> DrawnLevel {
        let mut held = Vec::new();
        for (root, _) in &of {
            held.push((*root, self.entries(*root, path.as_ref()).await));
        }
        let mut names: Vec<UnionEntry<usize>> = match held.pop() {
            Some((root, mut entries)) if held.is_empty() => {
                entries.sort_by(|a, b| a.name.cmp(&b.name));
                let alone =
                    |entry| UnionEntry { first: (root, entry), others: Vec::new(), has_namesake: false };
                entries.into_iter().map(alone).collect()
            }
            last => united(held.into_iter().chain(last)),
        };
        names.reverse();
        DrawnLevel { path, of, names }
    }

    /// What a root has there. What cannot be listed, or not completely, is a failure of its own.
    async fn entries(&mut self, root: usize, path: Option<&PathName>) -> Vec<Entry> {
        let mut entries = match self.list(root, path).await {
            Ok(entries) => entries,
            Err(failure) => {
                self.failed(root, path, failure);
                Vec::new()
            }
        };
        entries.retain(|entry| match usable(&entry.name) {
            Ok(()) => true,
            Err(why) => {
                self.failed(root, path, Failure::usage(format!("{}: {why}", entry.name.display())));
                false
            }
        });
        let above = self.roots.get(root).map_or(0, |root| root.place.path.as_bytes().len());
        let above = path.map_or(0, |path| path.as_bytes().len() + 1) + above;
        if entries.iter().any(|entry| above + entry.name.as_bytes().len() >= LONGEST_PATH) {
            let why = format!("paths in it are longer than {LONGEST_PATH} bytes");
            self.failed(root, path, Failure::new(Kind::Other, why));
            entries.retain(|entry| above + entry.name.as_bytes().len() < LONGEST_PATH);
        }
        if self.waiting + entries.len() > MOST_HELD {
            let why = format!("it is not drawn, because {MOST_HELD} names wait");
            self.failed(root, path, Failure::new(Kind::Other, why).hint("name parts of the tree"));
            entries.clear();
        }
        self.names += entries.len() as u64;
        self.waiting += entries.len();
        entries
    }

    async fn list(&mut self, root: usize, below: Option<&PathName>) -> Result<Vec<Entry>> {
        let is_only = self.roots.len() == 1;
        let Some(root_of) = self.roots.get_mut(root) else { return Ok(Vec::new()) };
        let path = root_of.path(below);
        let context = self.run.context;
        let listing = ask!(context, &mut root_of.host, files::list(context, &mut root_of.host, &path))?;
        if !is_only {
            root_of.rest();
        }
        let place = root_of.place.to_string();
        self.run.context.run.listed.note(&place, below, &listing.entries, listing.is_incomplete());
        for gap in listing.gaps() {
            self.failed(root, below, gap);
        }
        Ok(listing.entries)
    }

    fn failed(&mut self, root: usize, below: Option<&PathName>, failure: Failure) {
        let Some(root) = self.roots.get(root) else { return };
        let name = root.host.show(&root.path(below));
        self.run.failed(name.clone(), failure.during_unless_interrupted(&name));
    }
}

impl DrawnRoot<'_> {
    fn path(&self, below: Option<&PathName>) -> PathName {
        let root = &self.place.path;
        let Some(below) = below else { return root.clone() };
        place::join(Some(root).filter(|root| root.as_bytes() != b"."), below)
    }

    /// Gives the session back: the other directories may be at the same server.
    fn rest(&mut self) {
        let again = self.host.beside();
        std::mem::replace(&mut self.host, again).release();
    }
}

/// The length of the longest path, in bytes.
const LONGEST_PATH: usize = 4096;
/// The number of names that may wait to be drawn.
const MOST_HELD: usize = 2_000_000;
