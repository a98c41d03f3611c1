//! `tree`: what a directory holds at any depth, drawn.

use super::outcome::Outcome;
use super::targets::{asked, host_of, missing, targets};
use crate::check::usable;
use crate::context::Context;
use crate::endpoint::{Host, Pools, list};
use crate::failure::{Failure, Kind};
use crate::job::{Question, Status};
use crate::place::{self, Location};
use crate::report::{Drawn, Event, Form, Label, Listed};
use ftp_proto::listing::{self, Entry};
use ftp_proto::wire::PathName;

/// Draws the tree of each place.
pub async fn draw(context: &Context, places: &[Location]) -> Status {
    let mut outcome = Outcome::new(context, "tree", false);
    let pools = Pools::default();
    for place in targets(context, &pools, places, &mut outcome).await {
        let mut host = host_of(&place, &pools);
        let mut drawing =
            Drawing { context, host: &mut host, place: &place, outcome: &mut outcome, names: 0, held: 0 };
        if let Err(failure) = drawing.place().await {
            outcome.failed(place.to_string(), failure);
        }
        host.release();
        if outcome.was_interrupted() {
            break;
        }
    }
    if !context.cancel.is_cancelled() {
        pools.quit().await;
    }
    outcome.end()
}

/// One tree that is drawn.
struct Drawing<'a> {
    context: &'a Context,
    host: &'a mut Host,
    place: &'a Location,
    outcome: &'a mut Outcome,
    /// How many names were found.
    names: u64,
    /// How many of them wait to be drawn.
    held: usize,
}

/// A directory of the chain that is being drawn.
struct Level {
    /// Its path below the place; `None` is the place itself.
    path: Option<PathName>,
    /// The server's own identity of it.
    unique: Option<String>,
    /// What is still to be drawn, the next one last.
    entries: Vec<Entry>,
}

impl Drawing<'_> {
    /// Draws the place and everything below it, each directory before what follows it.
    async fn place(&mut self) -> Result<(), Failure> {
        let path = &self.place.path;
        let found =
            asked(self.context, self.host, async |host| host.behind(self.context, path).await).await?;
        let found = found.ok_or_else(|| missing(&self.place.to_string()))?;
        let shown = self.place.to_string();
        self.context
            .events
            .deliver(Event::Drawn(Drawn { branches: String::new(), shown, listed: None }))
            .await;
        self.outcome.count(found.kind, found.size);
        if found.kind != listing::Kind::Directory {
            return Ok(());
        }
        let mut levels = vec![self.enter(None, found.unique).await];
        while let Some(level) = levels.last_mut() {
            let Some(entry) = level.entries.pop() else {
                levels.pop();
                continue;
            };
            self.held = self.held.saturating_sub(1);
            let path = place::join(level.path.as_ref(), &entry.name);
            let (kind, unique) = (entry.kind, entry.unique.clone());
            self.outcome.count(kind, entry.size);
            self.tell(&levels, entry, &path).await;
            let is_known = |level: &Level| level.unique.is_some() && level.unique == unique;
            if kind != listing::Kind::Directory {
                continue;
            }
            if levels.iter().any(is_known) {
                let why = Failure::new(Kind::Other, "it is the same directory as one that contains it");
                self.failed(Some(&path), why);
                continue;
            }
            if self.names > self.context.listing.names {
                let most = self.context.listing.names;
                return Err(Failure::new(
                    Kind::Other,
                    format!("the tree has more than {most} names, and may have no end"),
                )
                .hint("check whether a directory contains a link to itself"));
            }
            levels.push(self.enter(Some(path), unique).await);
            if self.context.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
        }
        Ok(())
    }

    /// Tells one entry. Its branches are those of the directories above it that have more to come.
    async fn tell(&self, levels: &[Level], entry: Entry, path: &PathName) {
        let mut branches = String::new();
        for (depth, level) in levels.iter().enumerate() {
            let has_more = !level.entries.is_empty();
            branches.push_str(match (depth + 1 == levels.len(), has_more) {
                (true, true) => "\u{251c}\u{2500}\u{2500} ",
                (true, false) => "\u{2514}\u{2500}\u{2500} ",
                (false, true) => "\u{2502}   ",
                (false, false) => "    ",
            });
        }
        let end = match entry.kind {
            listing::Kind::Directory => "/",
            listing::Kind::Link => "@",
            listing::Kind::File | listing::Kind::Current | listing::Kind::Parent | listing::Kind::Other => "",
        };
        let shown = format!("{}{end}", entry.name.display());
        let listed = Listed {
            place: self.place.to_string(),
            entry: Entry { name: path.clone(), ..entry },
            form: Form::Name,
            label: Label::Name,
        };
        self.context.events.deliver(Event::Drawn(Drawn { branches, shown, listed: Some(listed) })).await;
    }

    /// Lists a directory. One that cannot be listed, or not completely, is a failure of its own.
    async fn enter(&mut self, path: Option<PathName>, unique: Option<String>) -> Level {
        let mut entries = match self.list(path.as_ref()).await {
            Ok(entries) => entries,
            Err(failure) => {
                self.failed(path.as_ref(), failure);
                Vec::new()
            }
        };
        entries.retain(|entry| match usable(&entry.name) {
            Ok(()) => true,
            Err(why) => {
                self.failed(path.as_ref(), Failure::usage(format!("{}: {why}", entry.name.display())));
                false
            }
        });
        let above =
            path.as_ref().map_or(0, |path| path.as_bytes().len() + 1) + self.place.path.as_bytes().len();
        if entries.iter().any(|entry| above + entry.name.as_bytes().len() >= LONGEST_PATH) {
            let why = format!("paths in it are longer than {LONGEST_PATH} bytes");
            self.failed(path.as_ref(), Failure::new(Kind::Other, why));
            entries.retain(|entry| above + entry.name.as_bytes().len() < LONGEST_PATH);
        }
        if self.held + entries.len() > MOST_HELD {
            let why = format!("it is not drawn, because {MOST_HELD} names wait");
            self.failed(path.as_ref(), Failure::new(Kind::Other, why).hint("name parts of the tree"));
            entries.clear();
        }
        self.names += entries.len() as u64;
        self.held += entries.len();
        entries.sort_by(|a, b| b.name.cmp(&a.name));
        Level { path, unique, entries }
    }

    async fn list(&mut self, below: Option<&PathName>) -> Result<Vec<Entry>, Failure> {
        let path = self.path(below);
        let mut question = Question::new(self.context);
        let listing = loop {
            question.connect(self.host).await?;
            match list(self.context, self.host, &path).await {
                Ok(listing) => break listing,
                Err(failure) => question.again(failure).await?,
            }
        };
        let place = self.place.to_string();
        self.context.listed.note(&place, below, &listing.entries, listing.is_incomplete());
        for gap in listing.gaps() {
            self.failed(below, gap);
        }
        Ok(listing.entries)
    }

    fn path(&self, below: Option<&PathName>) -> PathName {
        let root = &self.place.path;
        let Some(below) = below else { return root.clone() };
        place::join(Some(root).filter(|root| root.as_bytes() != b"."), below)
    }

    fn failed(&mut self, below: Option<&PathName>, failure: Failure) {
        let name = self.host.show(&self.path(below));
        self.outcome.failed(name.clone(), failure.during_unless_interrupted(&name));
    }
}

/// The length of the longest path, in bytes.
const LONGEST_PATH: usize = 4096;
/// The number of names that may wait to be drawn.
const MOST_HELD: usize = 2_000_000;
