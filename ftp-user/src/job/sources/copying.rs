//! Copies the sources of a job, and the pairs of a list.
//!
//! Files go through one stream between two places, whatever has named them. A tree waits for the files before it, and files
//! between other places for all of these.

use super::flow::Flow;
use super::line::{Chunk, Known, Line, Looked, Number};
use super::receiver::Receiver;
use super::receiving::Receiving;
use super::target::{may_lack_parent, one_name, refuse, refuse_precious, takes_name, target};
use super::trees;
use super::waiting::Waiting;
use crate::context::Context;
use crate::endpoint::{Host, LocalEnd, Pools};
use crate::failure::{self, Failure};
use crate::job::claims::given::GivenNames;
use crate::job::claims::lifetime;
use crate::job::claims::names;
use crate::job::file::copy::copy;
use crate::job::item::{Item, Target};
use crate::job::moved;
use crate::job::moving::put_back;
use crate::job::patterns::{Matching, matching, named};
use crate::job::request::filter::Filter;
use crate::job::request::options::Options;
use crate::job::request::pairs::Pairs;
use crate::job::retry::facts;
use crate::job::sorted_names::TreeEntry;
use crate::job::summary::tally::Tally;
use crate::job::tree::Hashes;
use crate::job::unattended;
use crate::place::Location;
use crate::route::Ends;
use crate::session::Role;
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

/// Copies all sources of a job.
#[derive(Debug)]
pub(in crate::job) struct Sources<'a> {
    context: &'a Context,
    pools: &'a Pools,
    /// The files between the current places.
    flow: Flow<'a>,
    /// That of all sources, or of the first line of a list.
    destination: Location,
    /// What the destinations are.
    receiving: Receiving<'a>,
    /// Which files of trees and patterns are copied.
    filter: Filter,
    hasher: RandomState,
    /// Where sources of this job have gone that have one destination.
    taken: Hashes,
    /// Where the files of this job have gone.
    places: GivenNames,
}

impl<'a> Sources<'a> {
    pub(in crate::job) fn new(
        context: &'a Context,
        pools: &'a Pools,
        destination: Location,
        (options, filter): (Options, Filter),
        tally: &'a mut Tally,
    ) -> Self {
        let ends = Ends::new(Host::Local(LocalEnd::Typed), Host::at(&destination, Role::Destination, pools));
        Self {
            context,
            pools,
            flow: Flow::new(context, ends, options, tally),
            destination,
            receiving: Receiving::new(context),
            filter,
            hasher: RandomState::new(),
            taken: Hashes::default(),
            places: GivenNames::default(),
        }
    }

    /// Copies each source to its own destination.
    pub(in crate::job) async fn copy_each(&mut self, pairs: Pairs) {
        self.flow.expect(pairs.len());
        self.receiving.expect_each();
        let number = if pairs.len() > 1 { Number::Several } else { Number::One };
        if number == Number::Several {
            self.places.expect_several();
        }
        let lines = pairs.map(|pair| pair.map(|(source, destination)| Line::named(source, destination)));
        self.lines(lines, number).await;
        self.end().await;
    }

    /// Copies all sources to one destination. A pattern stands for every name that it matches.
    pub(in crate::job) async fn copy(&mut self, sources: Vec<Location>) {
        self.receiving.expect_one(sources.iter().all(|source| takes_name(source, &self.destination)));
        self.flow.expect(sources.len());
        let number = if sources.len() > 1 { Number::Several } else { Number::One };
        if number == Number::Several || sources.iter().any(|source| source.glob().is_some()) {
            self.places.expect_several();
        }
        let mut named = Vec::new();
        let mut sources = sources.into_iter();
        while let Some(source) = sources.next() {
            match source.glob() {
                None => named.push(Ok(Line::named(source, self.destination.clone()))),
                Some(_) => {
                    let goes_on = self.lines(std::mem::take(&mut named), number).await;
                    if !goes_on || !self.pattern(source, number).await {
                        self.flow.leaves |= !goes_on || sources.len() > 0;
                        return self.end().await;
                    }
                }
            }
        }
        self.lines(named, number).await;
        self.end().await;
    }

    /// Removes what earlier runs have left of files that are not copied any more, if all others are. `destinations` are all
    /// of the job.
    pub(in crate::job) async fn remove_left(&mut self, destinations: &[Location]) {
        let is_resumed = self.context.run.job_journal.is_resumed();
        if !is_resumed || self.flow.tally.has_failed() || self.context.run.cancel.is_cancelled() {
            return;
        }
        // A server may permit one session.
        self.flow.stream.shrink();
        let Ends { destination, .. } = self.flow.stream.idle();
        let next = destination.beside();
        std::mem::replace(destination, next).release();
        if let Err(failure) = unattended::remove_left(self.context, destinations, self.pools).await {
            let place = self.destination.to_string();
            self.flow.tally.failed(place.clone(), place, failure);
        }
    }

    /// Says goodbye to both ends.
    pub(in crate::job) async fn quit(self) {
        self.flow.stream.finish().await.quit(self.context).await;
    }

    /// Copies what a pattern matches. Returns whether the next source can be copied.
    async fn pattern(&mut self, source: Location, number: Number) -> bool {
        let destination = self.destination.clone();
        self.go_to(&source, &destination).await;
        if !self.flow.rest().await {
            self.flow.leaves = true;
            return false;
        }
        let takes = |entry: &Entry| self.filter.takes_entry(entry);
        let host = &mut self.flow.stream.idle().source;
        let mut matching = match matching(self.context, host, &source, takes).await {
            Ok(found) => found,
            // What an earlier run has moved matches nothing any more.
            Err(failure) if failure.kind == failure::Kind::Missing && self.may_have_moved() => {
                match moved::matched(self.context, &self.flow.stream.ends().source, &source, failure).await {
                    Ok(why) => self.context.run.events.notice(why.to_string()),
                    Err(failure) => self.flow.failed(&source, &destination, failure),
                }
                Matching::default()
            }
            Err(failure) => {
                self.flow.failed(&source, &destination, failure);
                Matching::default()
            }
        };
        for gap in std::mem::take(&mut matching.gaps) {
            self.flow.failed(&source, &destination, gap);
        }
        match matching.number.checked_sub(1) {
            Some(more) => self.flow.expect(more),
            None => self.flow.found(self.context.run.finding.nothing()),
        }
        let number = if matching.number > 1 { Number::Several } else { number };
        let lines = matching.map(|name| {
            let TreeEntry { path: name, facts } = name?;
            let (is_enough, is_link) =
                (facts.kind == Kind::File && facts.size.is_some(), facts.kind == Kind::Link);
            let (source, destination) = (named(&source, name), destination.clone());
            Ok(Line { source, destination, listed: is_enough.then_some(facts), is_link })
        });
        self.lines(lines, number).await
    }

    /// Copies one line after the other. Returns whether more can be copied.
    async fn lines(
        &mut self,
        lines: impl IntoIterator<Item = Result<Line, Failure>>,
        number: Number,
    ) -> bool {
        let mut waiting = Waiting::new(lines.into_iter());
        let mut chunk = Chunk::first(false);
        while !self.flow.is_over()
            && let Some(first) = waiting.next()
        {
            let first = match first {
                Ok(first) => first,
                Err(failure) => {
                    let place = self.destination.clone();
                    self.flow.failed(&place, &place, failure);
                    self.flow.leaves = true;
                    return false;
                }
            };
            if self.go_to(&first.source, &first.destination).await {
                chunk = Chunk::first(self.flow.is_asked_at_once());
            }
            let most = if self.is_on_one_host(&first) { 1 } else { chunk.most() };
            let mut some = vec![first];
            while some.len() < most
                && let Some(next) = waiting.next_if(|line| line.is_between(self.flow.stream.ends()))
            {
                some.push(next);
            }
            let Some((rest, has_tree)) = self.some(some, number).await else { return false };
            waiting.put_back(rest);
            chunk = chunk.after(has_tree, self.flow.is_asked_at_once());
        }
        self.flow.leaves |= !waiting.is_empty();
        !self.flow.is_over()
    }

    /// Whether a line of a list copies within one host: what the line before it makes may be its source.
    fn is_on_one_host(&self, line: &Line) -> bool {
        self.receiving.is_each() && self.flow.stream.ends().destination.is_also(&line.source)
    }

    /// Copies lines between the current places. Those that were not begun come back: the ones behind a tree, which is told, or
    /// those that are left. `None`: the destination cannot receive them.
    async fn some(&mut self, lines: Vec<Line>, number: Number) -> Option<(VecDeque<Line>, bool)> {
        let mut lines = VecDeque::from(lines);
        let asks = self.receiving.receiver != Some(Receiver::Directory)
            || lines.iter().any(|line| line.listed.is_none());
        if asks && !self.flow.rest().await {
            return Some((lines, false));
        }
        if lines.front().is_some_and(|line| self.is_on_one_host(line)) {
            self.flow.drain().await;
        }
        if number == Number::Several
            && !self.receiving.is_each()
            && self.receiving.receiver.is_none()
            && let Some(first) = lines.front()
            && let Err(failure) = self.receive_several().await
        {
            // If the destination cannot receive the first source, it cannot receive the others.
            self.flow.source_failed(&first.source, &first.destination, failure);
            return None;
        }
        // Once for all of them.
        let rooted = |line: &&Line| asks && line.destination.path.as_bytes().starts_with(b"/");
        if let Some(line) = lines.iter().find(rooted) {
            let to = &mut self.flow.stream.idle().destination;
            names::learn(self.context, to, &line.destination.path).await;
        }
        let told = match asks {
            true => {
                let (asks, receiving) = (self.receiving.receiver.is_none(), &self.receiving);
                let is_known = |path: &PathName| receiving.has_directory(path);
                let lines = lines.make_contiguous();
                Known::of(self.context, self.flow.stream.idle(), lines, asks, is_known).await
            }
            false => Known::default(),
        };
        let (mut items, mut has_tree) = (Vec::new(), false);
        while !has_tree && let Some(line) = lines.pop_front() {
            self.flow.counted = false;
            let looked = self.look(&line, &told).await;
            has_tree = looked.as_ref().is_ok_and(Looked::is_tree);
            if has_tree {
                self.flow.add(std::mem::take(&mut items)).await;
                self.flow.drain().await;
                if self.flow.is_over() {
                    lines.push_front(line);
                    break;
                }
            }
            let ended = match looked {
                Ok(looked) => Box::pin(self.line(&line, looked, (number, &told), &mut items)).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = ended {
                self.flow.source_failed(&line.source, &line.destination, failure);
            }
            if self.flow.is_over() {
                break;
            }
        }
        self.flow.add(items).await;
        Some((lines, has_tree))
    }

    /// Asks what the destination of several sources is.
    async fn receive_several(&mut self) -> Result<(), Failure> {
        let found =
            facts(self.context, &mut self.flow.stream.idle().destination, &self.destination.path).await?;
        let receiver = Receiver::of(found.as_ref(), &self.destination, true)?;
        self.receiving.is_received_by(&self.destination, receiver).await;
        Ok(())
    }

    /// What a source is, what its destination is, and what is there. A source that an earlier run has left under another name
    /// gets its own back.
    async fn look(&mut self, line: &Line, told: &Known) -> Result<Looked, Failure> {
        let receiver = self.receiving.known(self.flow.stream.ends(), line);
        let known = line.listed.clone().map(Some).or_else(|| told.source(&line.source.path));
        let there = told.destination(&line.destination.path);
        let Ends { source: from, destination: to, .. } = self.flow.stream.idle();
        let known = async {
            match known {
                Some(known) => Ok(known),
                None => facts(self.context, from, &line.source.path).await,
            }
        };
        // If nothing is known yet, both ends are asked at once.
        let (mut known, (receiver, mut target)) = match receiver {
            Some(receiver) => (known.await?, (receiver, Target::Unknown)),
            None => tokio::try_join!(known, async {
                let there = match there {
                    Some(there) => there,
                    None => facts(self.context, to, &line.destination.path).await?,
                };
                let receiver = Receiver::of(there.as_ref(), &line.destination, false)?;
                Ok((receiver, Target::Known(there)))
            })?,
        };
        self.receiving.is_received_by(&self.destination, receiver).await;
        if known.is_none() && self.flow.moves() {
            let source = &mut self.flow.stream.idle().source;
            if put_back(self.context, source, &line.source.path).await? {
                known = facts(self.context, source, &line.source.path).await?;
                target = Target::Unknown;
            }
        }
        Ok(Looked { known, receiver, target })
    }

    /// Copies a tree, or one file, or plans one of several files.
    async fn line(
        &mut self,
        line: &Line,
        Looked { known, receiver, target: there }: Looked,
        (number, told): (Number, &Known),
        items: &mut Vec<Item>,
    ) -> Result<(), Failure> {
        let (source, destination) = (&line.source, &line.destination);
        let target = target(source, destination, receiver != Receiver::Name);
        let is_tree = known.as_ref().is_some_and(|facts| facts.kind == Kind::Directory);
        if receiver != Receiver::Name && !source.contents && !self.receiving.is_each() {
            let hash = self.hasher.hash_one(target.as_bytes());
            if !self.taken.insert(hash) {
                return Err(one_name(source));
            }
        }
        if known.is_none() && self.was_moved(source, &target).await? {
            self.flow.found(self.context.run.finding.nothing());
            return Ok(());
        }
        if known.is_none() && (line.is_link || self.flow.stream.ends().source.is_link_here(&source.path)) {
            let what = format!("{source} is a symbolic link that leads nowhere");
            return Err(Failure::new(failure::Kind::Missing, what).hint("repair or delete the link"));
        }
        let is_also = self.flow.stream.ends().destination.is_also(source);
        refuse(source, known.as_ref(), &target, (self.flow.options.recursive, is_also))?;
        refuse_precious(source, is_tree && self.flow.options.moves, &self.context.run.own_files)?;
        if is_tree {
            moved::refuse_emptied(self.context, &mut self.flow.stream.idle().source, source).await?;
        }
        let is_dry = self.flow.options.mode.is_dry();
        if receiver == Receiver::NewDirectory && known.is_some() && !is_dry {
            self.receiving.make_directory(&mut self.flow.stream, &destination.path).await?;
        }
        if is_tree || receiver != Receiver::Name {
            self.flow.stream.ends().destination.hold_contents(&destination.path)?;
        }
        if is_tree {
            if receiver == Receiver::Name && !is_dry {
                self.receiving.names_tree(self.flow.stream.ends(), line).await;
            }
            let notes = (&mut self.flow, &mut self.places);
            return trees::copy(notes, &self.filter, (source, known), target).await;
        }
        self.flow.found(self.context.run.finding.file(known.as_ref().and_then(|facts| facts.size)));
        let is_named = receiver == Receiver::Name;
        let is_alone = number == Number::One || known.is_none();
        // One of several files waits. A file of this host is looked at when it is copied.
        let known = known.filter(|_| is_alone || !source.is_local());
        let item = Item {
            number: self.flow.tally.next_number(),
            source: source.path.clone(),
            destination: target,
            known,
            target: if is_named { there } else { Target::Unknown },
            kept_as: None,
            is_listed: line.listed.is_some(),
        };
        let is_new = self.places.take(&names::place(self.flow.stream.ends(), &item))?;
        // What is not there fails at once, unless an earlier run has moved it. What was copied already is compared.
        if is_alone {
            return self.file(item, is_named).await;
        }
        if !is_new {
            self.flow.add(std::mem::take(items)).await;
            self.flow.drain().await;
            return self.file(item, is_named).await;
        }
        if is_named && !is_dry {
            self.receiving.make_parents(&mut self.flow.stream, &item, told).await;
        }
        items.push(item);
        Ok(())
    }

    /// Copies one file, and waits for it.
    async fn file(&mut self, item: Item, is_named: bool) -> Result<(), Failure> {
        let ends = self.flow.stream.idle();
        let (from, to) = item.names(ends);
        let mut copied = Box::pin(copy(self.context, ends, &item, self.flow.options)).await;
        // A job that goes on has not looked.
        let may_make =
            is_named && !matches!(item.target, Target::Known(Some(_))) && !self.flow.options.mode.is_dry();
        if may_make
            && copied.as_ref().is_err_and(may_lack_parent)
            && ends.destination.make_parents(self.context, &item.destination).await.unwrap_or(false)
        {
            copied = Box::pin(copy(self.context, ends, &item, self.flow.options)).await;
        }
        if let Ok(done) = &copied
            && let Err(failure) = self.flow.leave(&item, done).await
        {
            copied = Err(failure);
        }
        self.flow.tally.file(from, to, copied);
        Ok(())
    }

    /// Makes these the places of what is copied next. Returns whether they are others than before.
    async fn go_to(&mut self, source: &Location, destination: &Location) -> bool {
        let is_at = |ends: &Ends| (ends.source.is_at(source), ends.destination.is_at(destination));
        let (is_source, is_destination) = is_at(self.flow.stream.ends());
        if is_source && is_destination {
            return false;
        }
        self.flow.drain().await;
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
        self.flow.stream.change(change).await;
        if !is_destination {
            self.receiving.forget_directories();
        }
        true
    }

    /// Ends what was begun.
    async fn end(&mut self) {
        self.flow.drain().await;
        self.flow.last_look().await;
        let is_interrupted = self.context.run.cancel.is_cancelled() && self.flow.leaves;
        if is_interrupted && !self.flow.tally.was_interrupted() {
            let failure = Failure::interrupted().hint(lifetime::rest(self.context));
            let place = self.destination.to_string();
            self.flow.tally.failed(place.clone(), place, failure);
        }
    }

    /// Whether an earlier run may have deleted sources.
    const fn may_have_moved(&self) -> bool {
        self.flow.moves() && self.context.run.job_journal.is_resumed()
    }

    /// Whether an earlier run has moved a tree that is not there.
    async fn was_moved(&mut self, source: &Location, target: &PathName) -> Result<bool, Failure> {
        Ok(self.may_have_moved()
            && moved::tree(self.context, self.flow.stream.idle(), source, target).await?)
    }
}
