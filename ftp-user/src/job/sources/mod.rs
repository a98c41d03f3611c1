//! The sources of a copy, in their order: each is a file or a tree, and goes where `cp` would put it.
//!
//! Files go through one stream between two places, whatever has named them. A tree waits for the files before it, and files
//! between other places for all of these.

mod destinations;
mod lines;
pub(super) mod moved;

use crate::context::Context;
use crate::endpoint::{Host, LocalEnd, Pools};
use crate::failure::{Failure, Kind as FailureKind, Result};
use crate::job::claims::names;
use crate::job::engine::stream::Stream;
use crate::job::engine::taken_names::PlaceState;
use crate::job::engine::worker::FileResult;
use crate::job::file::copy::copy;
use crate::job::file::times::Attributes;
use crate::job::moving::{MovedDirectories, put_back};
use crate::job::patterns::{SortedMatches, matching, named};
use crate::job::request::filter::Filter;
use crate::job::request::job::Options;
use crate::job::request::pairs::Pairs;
use crate::job::retry::facts;
use crate::job::similar::{self, DifferenceAt};
use crate::job::spool::{NameSet, TreeEntry};
use crate::job::summary::Tally;
use crate::job::tree::{Tree, WalkPurpose, WalkRules, walk};
use crate::job::{Item, Target, leftovers};
use crate::place::Location;
use crate::report::{Event, FoundFiles};
use crate::route::Ends;
use crate::session::{Facts, Role};
use destinations::{
    Destinations, KnownDirectories, Receiver, leaves_root, one_name, refuse, refuse_precious, takes_name,
    target,
};
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;
use lines::{LineFacts, SourceLine, ToldFacts, WaitingLines};
use std::collections::VecDeque;

/// Copies all sources of a job.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    pools: &'a Pools,
    /// The files between the current places.
    stream: Stream<'a>,
    /// That of all sources, or of the first line of a list.
    destination: Location,
    /// What the destinations are.
    destinations: Destinations<'a>,
    /// Which files of trees and patterns are copied.
    filter: Filter,
    /// Where sources of this job have gone that have one destination.
    taken: NameSet,
    /// Whether the files that the current source stands for are counted.
    is_counted: bool,
}

impl<'a> Sources<'a> {
    pub(super) fn new(
        context: &'a Context,
        pools: &'a Pools,
        destination: Location,
        options: Options,
        filter: Filter,
        tally: &'a mut Tally,
    ) -> Self {
        let ends = Ends::new(Host::Local(LocalEnd::Typed), Host::at(&destination, Role::Destination, pools));
        Self {
            pools,
            stream: Stream::new(context, ends, options, tally),
            destination,
            destinations: Destinations::new(context),
            filter,
            taken: NameSet::default(),
            is_counted: false,
        }
    }

    /// Copies each source to its own destination.
    pub(super) async fn copy_each(&mut self, pairs: Pairs) {
        let several = pairs.len() > 1;
        self.expect(pairs.len());
        self.destinations.expect_each();
        if several {
            self.stream.places.expect_several();
        }
        let lines =
            pairs.map(|pair| pair.map(|(source, destination)| SourceLine::named(source, destination)));
        self.lines(lines, several).await;
        self.end().await;
    }

    /// Copies all sources to one destination. A pattern stands for every name that it matches. The sources that are
    /// `unusable` fail.
    pub(super) async fn copy(&mut self, sources: Vec<Location>, unusable: Vec<(String, Failure)>) {
        let several = sources.len() + unusable.len() > 1;
        for (name, failure) in unusable {
            self.stream.tally.failed(name, self.destination.to_string(), failure);
        }
        self.destinations.takes_names = sources.iter().all(|source| takes_name(source, &self.destination));
        self.expect(sources.len());
        if several || sources.iter().any(|source| source.glob().is_some()) {
            self.stream.places.expect_several();
        }
        let mut named = Vec::new();
        let mut sources = sources.into_iter();
        while let Some(source) = sources.next() {
            if source.glob().is_none() {
                named.push(Ok(SourceLine::named(source, self.destination.clone())));
                continue;
            }
            let goes_on = self.lines(std::mem::take(&mut named), several).await;
            if !goes_on || !self.pattern(source, several).await {
                self.stream.has_unbegun |= !goes_on || sources.len() > 0;
                return self.end().await;
            }
        }
        self.lines(named, several).await;
        self.end().await;
    }

    /// Removes what earlier runs have left of files that are not copied any more, if all others are.
    async fn remove_left(&mut self, destinations: &[Location]) {
        let (context, moves) = (self.stream.context, self.stream.options.deletes_sources());
        if !context.run.job_journal.is_resumed() {
            return;
        }
        // A server may permit one session.
        self.stream.shrink();
        let Ends { destination, .. } = self.stream.idle();
        let next = destination.beside();
        std::mem::replace(destination, next).release();
        if let Err(failure) =
            leftovers::remove_left(context, destinations, self.pools, self.stream.tally, moves).await
        {
            let place = self.destination.clone();
            self.failed(&place, &place, failure);
        }
    }

    /// Removes what is left of files that are not copied any more, and says goodbye to both ends. `destinations` are all of the
    /// job.
    pub(super) async fn finish(mut self, destinations: &[Location]) {
        let context = self.stream.context;
        self.remove_left(destinations).await;
        self.stream.finish().await.quit(context).await;
    }

    /// Copies what a pattern matches. Returns whether the next source can be copied.
    async fn pattern(&mut self, source: Location, several: bool) -> bool {
        let (context, destination) = (self.stream.context, self.destination.clone());
        self.go_to(&source, &destination).await;
        if !self.stream.rest().await {
            return false;
        }
        if self.may_have_moved() {
            let source_end = &mut self.stream.idle().source;
            match leftovers::put_matches_back(context, source_end, &source).await {
                Ok(failures) => failures.into_iter().for_each(|why| self.failed(&source, &destination, why)),
                Err(failure) => {
                    let failure = moved::refuse_listing(context, source_end, &source, failure).await;
                    self.failed(&source, &destination, failure);
                    self.found(context.run.finding.nothing());
                    return true;
                }
            }
        }
        let takes = |entry: &Entry| self.filter.takes_entry(entry);
        let source_end = &mut self.stream.idle().source;
        let mut matched = match matching(context, source_end, &source, takes).await {
            Ok(matched) => matched,
            Err(failure) => {
                // What an earlier run has moved matches nothing any more.
                let failure = match failure.kind == FailureKind::Missing && self.may_have_moved() {
                    true => moved::matched(context, &mut self.stream.idle().source, &source, failure).await,
                    false => Err(failure),
                };
                match failure {
                    Ok(why) => context.run.events.notice(why.to_string()),
                    Err(failure) => self.failed(&source, &destination, failure),
                }
                SortedMatches::default()
            }
        };
        for gap in std::mem::take(&mut matched.gaps) {
            self.failed(&source, &destination, gap);
        }
        match matched.number.checked_sub(1) {
            Some(more) => self.expect(more),
            None => self.found(context.run.finding.nothing()),
        }
        let several = several || matched.number > 1;
        let lines = matched.map(|name| {
            let TreeEntry { path: name, facts } = name?;
            let is_enough = facts.kind == Kind::File && facts.size.is_some();
            let (source, destination, is_link) =
                (named(&source, name), destination.clone(), facts.kind == Kind::Link);
            Ok(SourceLine { source, destination, listed: is_enough.then_some(facts), is_link })
        });
        self.lines(lines, several).await
    }

    /// Copies one line after the other. `several`: their files go through the stream. Returns whether more can be copied.
    async fn lines(&mut self, lines: impl IntoIterator<Item = Result<SourceLine>>, several: bool) -> bool {
        let mut waiting = WaitingLines::new(lines.into_iter());
        let mut number = lines::ONE_BY_ONE;
        while !self.stream.is_over()
            && let Some(first) = waiting.next()
        {
            let first = match first {
                Ok(first) => first,
                Err(failure) => {
                    let place = self.destination.clone();
                    self.failed(&place, &place, failure);
                    self.stream.has_unbegun = true;
                    return false;
                }
            };
            if self.go_to(&first.source, &first.destination).await {
                number = lines::ONE_BY_ONE;
            }
            let most = if self.is_on_one_host(&first) { 1 } else { number };
            let mut lines = VecDeque::from([first]);
            while lines.len() < most
                && let Some(next) = waiting.next_if(|line| line.is_between(self.stream.ends()))
            {
                lines.push_back(next);
            }
            let Some(has_tree) = self.chunk(&mut lines, several).await else { return false };
            waiting.put_back(lines);
            number = lines::next_number(number, has_tree, self.stream.idle().are_asked_at_once());
        }
        self.stream.has_unbegun |= !waiting.is_empty();
        !self.stream.is_over()
    }

    /// Whether a line of a list copies within one host: what the line before it makes may be its source.
    fn is_on_one_host(&self, line: &SourceLine) -> bool {
        self.destinations.is_each() && self.stream.ends().destination.is_also(&line.source)
    }

    /// Copies lines between the current places. Those that were not begun stay: the ones behind a tree, or those that are left
    /// because nothing more is begun. Returns whether there was a tree. `None`: the destination cannot receive them.
    async fn chunk(&mut self, lines: &mut VecDeque<SourceLine>, several: bool) -> Option<bool> {
        let asks = self.destinations.receiver != Some(Receiver::Directory)
            || lines.iter().any(|line| line.listed.is_none());
        if asks && !self.stream.rest().await {
            return Some(false);
        }
        let first = lines.front()?;
        if self.is_on_one_host(first) {
            self.stream.drain().await;
        }
        if several
            && !self.destinations.is_each()
            && self.destinations.receiver.is_none()
            && let Err(failure) = self.receive_several().await
        {
            // If the destination cannot receive the first source, it cannot receive the others.
            self.source_failed(first, failure);
            return None;
        }
        let told = if asks { self.ask(lines.make_contiguous()).await } else { ToldFacts::default() };
        let (mut items, mut has_tree) = (Vec::new(), false);
        while !has_tree && let Some(line) = lines.pop_front() {
            self.is_counted = false;
            let looked = self.look(&line, &told).await;
            has_tree = looked.as_ref().is_ok_and(LineFacts::is_tree);
            if has_tree {
                self.stream.add(std::mem::take(&mut items)).await;
                self.stream.drain().await;
                if self.stream.is_over() {
                    lines.push_front(line);
                    break;
                }
            }
            let ended = match looked {
                Ok(facts) => Box::pin(self.line(&line, facts, several, &told, &mut items)).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = ended {
                self.source_failed(&line, failure);
            }
            if self.stream.is_over() {
                break;
            }
        }
        self.stream.add(items).await;
        Some(has_tree)
    }

    /// Asks what the destination of several sources is.
    async fn receive_several(&mut self) -> Result<()> {
        let (context, host) = (self.stream.context, &mut self.stream.idle().destination);
        let found = facts(context, host, &self.destination.path).await?;
        let receiver = Receiver::of(found.as_ref(), &self.destination, true)?;
        self.destinations.is_received_by(&self.destination, receiver).await;
        Ok(())
    }

    /// Asks for all that is not known of lines, once for all of them.
    async fn ask(&mut self, lines: &[SourceLine]) -> ToldFacts {
        let (context, ends) = (self.stream.context, self.stream.idle());
        if let Some(line) = lines.iter().find(|line| line.destination.path.as_bytes().starts_with(b"/")) {
            names::learn(context, &mut ends.destination, &line.destination.path).await;
        }
        let asks_destinations = self.destinations.receiver.is_none();
        let is_known = |path: &PathName| self.destinations.directories.has(path);
        ToldFacts::of(context, ends, lines, asks_destinations, is_known).await
    }

    /// What a source is, what its destination is, and what is there. A source that an earlier run has left under another name
    /// gets its own back.
    async fn look(&mut self, line: &SourceLine, told: &ToldFacts) -> Result<LineFacts> {
        let (context, options) = (self.stream.context, self.stream.options);
        let receiver = self.destinations.known(self.stream.ends(), line);
        let known = line.listed.clone().map(Some).or_else(|| told.sources.get(&line.source.path).cloned());
        let there = told.destinations.get(&line.destination.path).cloned();
        let Ends { source: from, destination: to, .. } = self.stream.idle();
        if !from.is_local() && options.may_listen() {
            to.will_receive();
        }
        let known = async {
            match known {
                Some(known) => Ok(known),
                None => facts(context, from, &line.source.path).await,
            }
        };
        // If nothing is known yet, both ends are asked at once.
        let (mut known, (receiver, mut target)) = match receiver {
            Some(receiver) => (known.await?, (receiver, Target::Unknown)),
            None => tokio::try_join!(known, async {
                let there = match there {
                    Some(there) => there,
                    None => facts(context, to, &line.destination.path).await?,
                };
                let receiver = Receiver::of(there.as_ref(), &line.destination, false)?;
                Ok((receiver, Target::Known(there)))
            })?,
        };
        self.destinations.is_received_by(&self.destination, receiver).await;
        if known.is_none() && options.deletes_sources() {
            let source = &mut self.stream.idle().source;
            if put_back(context, source, &line.source.path).await? {
                known = facts(context, source, &line.source.path).await?;
                target = Target::Unknown;
            }
        }
        Ok(LineFacts { known, receiver, target })
    }

    fn is_link(&self, line: &SourceLine) -> bool {
        line.is_link || self.stream.ends().source.is_link_here(&line.source.path)
    }

    /// Copies a tree, or one file, or plans one of several files.
    async fn line(
        &mut self,
        line: &SourceLine,
        LineFacts { known, receiver, target: there }: LineFacts,
        several: bool,
        told: &ToldFacts,
        items: &mut Vec<Item>,
    ) -> Result<()> {
        let (context, options) = (self.stream.context, self.stream.options);
        let (source, destination) = (&line.source, &line.destination);
        let (is_named, is_dry) = (receiver == Receiver::Name, options.mode.is_dry());
        let target = target(source, destination, !is_named);
        if !is_named
            && !source.contents
            && !self.destinations.is_each()
            && !self.taken.insert(target.as_bytes())
        {
            return Err(one_name(source));
        }
        if known.is_none() {
            if self.may_have_moved() && moved::tree(context, self.stream.idle(), source, &target).await? {
                self.found(context.run.finding.nothing());
                return Ok(());
            }
            if self.is_link(line) {
                let what = format!("{source} is a symbolic link that leads nowhere");
                return Err(Failure::new(FailureKind::Missing, what).hint("repair or delete the link"));
            }
        }
        let is_tree = known.as_ref().is_some_and(|facts| facts.kind == Kind::Directory);
        let is_also = self.stream.ends().destination.is_also(source);
        refuse(source, known.as_ref(), &target, options.recursive, is_also)?;
        refuse_precious(source, is_tree && options.moves, &context.run.own_files)?;
        if is_tree {
            moved::refuse_emptied(context, &mut self.stream.idle().source, source, options.deletes_sources())
                .await?;
        }
        if receiver == Receiver::NewDirectory && known.is_some() && !is_dry {
            self.destinations.make_directory(&mut self.stream, &destination.path).await?;
        }
        if is_tree || !is_named {
            self.stream.ends().destination.hold(&destination.path, None, None)?;
        }
        if let Some(directory) = known.as_ref().filter(|_| is_tree) {
            if is_named && !is_dry {
                self.destinations.names_tree(self.stream.ends(), line).await;
            }
            return self.tree(source, directory, target).await;
        }
        self.found(context.run.finding.file(known.as_ref().and_then(|facts| facts.size)));
        let is_alone = !several || known.is_none();
        let item = Item {
            // One of several files waits. A file of this host is looked at when it is copied.
            leads_to: known.clone().filter(|_| options.deletes_sources() && self.is_link(line)),
            known: known.filter(|_| is_alone || !source.is_local()),
            target: if is_named { there } else { Target::Unknown },
            is_listed: line.listed.is_some(),
            ..Item::new(self.stream.tally.next_number(), source.path.clone(), target)
        };
        let is_new = self.take_place(&item, items).await?;
        // What is not there fails at once, unless an earlier run has moved it. What was copied already is compared.
        if is_alone || !is_new {
            self.file(Item { makes_directories: is_named && !is_dry, ..item }).await;
            return Ok(());
        }
        if is_named && !is_dry {
            self.destinations.make_parents(&mut self.stream, &item, told).await;
        }
        items.push(item);
        Ok(())
    }

    /// Takes the place of a copy. If another one of this job goes there, or to a place that differs only in case, the files before it
    /// (`items`) are copied first. Returns whether there is none.
    ///
    /// # Errors
    ///
    /// Another source of this job goes there, or the destination takes both places for one.
    async fn take_place(&mut self, item: &Item, items: &mut Vec<Item>) -> Result<bool> {
        let taken = self.stream.take_place(item)?;
        if taken == PlaceState::Free {
            return Ok(true);
        }
        self.stream.add(std::mem::take(items)).await;
        self.stream.drain().await;
        if taken == PlaceState::FreeButSimilar && !self.stream.options.mode.is_dry() {
            let context = self.stream.context;
            let destination = &mut self.stream.idle().destination;
            similar::check_apart(context, destination, &item.destination, DifferenceAt::AnyName).await?;
        }
        Ok(false)
    }

    /// Copies a directory with everything in it. On this host it stays open meanwhile, and what is in it is read from there.
    ///
    /// # Errors
    ///
    /// The directory was replaced since it was looked at, or cannot be opened.
    async fn tree(&mut self, source: &Location, known: &Facts, target: PathName) -> Result<()> {
        let options = self.stream.options;
        let typed = self.stream.ends().source.beside();
        let mut walker = typed.reading(&source.path, known, options.links)?;
        self.found(self.stream.context.run.finding.tree());
        // Other workers would hold the session that the first one needs.
        self.stream.shrink();
        if typed.is_local() {
            self.stream.read_from(&walker);
        } else {
            // The walk begins at once, and a worker cannot begin before something was found.
            std::mem::swap(&mut walker, &mut self.stream.idle().source);
        }
        let (context, root) = (self.stream.context.clone(), source.path.clone());
        let rules = WalkRules {
            filter: self.filter.clone(),
            links: options.links,
            purpose: if options.deletes_sources() { WalkPurpose::Moved } else { WalkPurpose::Copied },
            sessions_beside: options.jobs.beside_copies(),
        };
        let visits = walk(context, walker, root, known.unique.clone(), rules);
        let moved = || MovedDirectories::new(&source.path, leaves_root(source));
        let tree = Tree {
            source: source.path.clone(),
            attributes: Attributes { modified: known.modified, mode: known.mode },
            selects: self.filter.selects(),
            moved: options.deletes_sources().then(moved),
            backup: None,
            left_alone: None,
            destination: target,
        };
        Box::pin(tree.copy(&mut self.stream, visits)).await;
        if typed.is_local() {
            self.stream.read_from(&typed);
        }
        Ok(())
    }

    /// Copies one file, and waits for it.
    async fn file(&mut self, item: Item) {
        let (context, options) = (self.stream.context, self.stream.options);
        let result = Box::pin(copy(context, self.stream.idle(), &item, options)).await;
        let stays = match &result {
            Ok(done) => self.stream.delete_source_of(&item, done).await.err(),
            Err(_) => None,
        };
        self.stream.report(FileResult { item, result, stays });
    }

    /// Makes these the places of what is copied next. Returns whether they are others than before.
    async fn go_to(&mut self, source: &Location, destination: &Location) -> bool {
        let ends = self.stream.ends();
        let (is_source, is_destination) = (ends.source.is_at(source), ends.destination.is_at(destination));
        if is_source && is_destination {
            return false;
        }
        self.stream.drain().await;
        let pools = self.pools;
        let change = |ends: &mut Ends| {
            if !is_source {
                let next = Host::at(source, Role::Source, pools);
                std::mem::replace(&mut ends.source, next).release();
            }
            if !is_destination {
                let next = Host::at(destination, Role::Destination, pools);
                std::mem::replace(&mut ends.destination, next).release();
            }
        };
        self.stream.change(change).await;
        if !is_destination {
            self.destinations.directories = KnownDirectories::default();
        }
        true
    }

    /// Ends what was begun.
    async fn end(&mut self) {
        self.stream.drain().await;
        self.stream.last_look().await;
        let context = self.stream.context;
        let is_interrupted = context.run.cancel.is_cancelled() && self.stream.has_unbegun;
        if is_interrupted && !self.stream.tally.was_interrupted() {
            let place = self.destination.clone();
            self.failed(&place, &place, Failure::interrupted());
        }
    }

    /// Whether an earlier run may have deleted sources.
    const fn may_have_moved(&self) -> bool {
        self.stream.options.deletes_sources() && self.stream.context.run.job_journal.is_resumed()
    }

    /// Notes the failure of a source.
    fn failed(&mut self, source: &Location, destination: &Location, failure: Failure) {
        self.stream.tally.failed(source.to_string(), destination.to_string(), failure);
    }

    /// Notes the failure of a line. If its source was not looked at, it counts as one file.
    fn source_failed(&mut self, line: &SourceLine, failure: Failure) {
        let context = self.stream.context;
        if !self.is_counted {
            self.found(context.run.finding.file(None));
        }
        self.stream.tally.file(line.source.to_string(), line.destination.to_string(), Err(failure));
    }

    /// Tells how many files there are now.
    fn found(&mut self, found: FoundFiles) {
        self.is_counted = true;
        self.stream.context.run.events.say(Event::Found(found));
    }

    /// There are so many more sources. Each counts as a file until it was looked at.
    fn expect(&mut self, sources: usize) {
        let sources = u64::try_from(sources).unwrap_or(u64::MAX);
        self.found(self.stream.context.run.finding.sources(sources));
    }
}
