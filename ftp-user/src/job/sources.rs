//! The sources of a copy, one after the other: each is a file or a tree, and goes where `cp` would put it.

use super::aside::put_back;
use super::item::{Item, Target};
use super::leaving::{Leaving, leave};
use super::moved;
use super::named_trees::NamedTrees;
use super::patterns::{Matches, matches, named};
use super::tree::{Found as TreeFound, Rules, Tree, is_below};
use crate::check::precious;
use crate::context::Context;
use crate::control::{Facts, Role};
use crate::endpoint::{Host, Pools};
use crate::failure::{self, Failure};
use crate::job::claims::given::GivenNames;
use crate::job::claims::names;
use crate::job::file::copy::copy;
use crate::job::file::times::Attributes;
use crate::job::interrupted::cancel;
use crate::job::request::filter::Filter;
use crate::job::request::options::Options;
use crate::job::retrying::outage::facts;
use crate::job::summary::tally::Tally;
use crate::journal::{EXISTING_DIRECTORY, NAME_OF_COPY};
use crate::place::{self, Location};
use crate::report::{Event, Found};
use crate::route::Ends;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use std::collections::HashSet;

/// Copies all sources of a job.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    context: &'a Context,
    pools: &'a Pools,
    ends: Ends,
    destination: Location,
    /// What the destination is, as soon as it is known.
    receiver: Option<Receiver>,
    /// If each source has a destination of its own: those that are names of copies of trees. The directories that are
    /// there now are copies that have begun.
    named: Option<NamedTrees>,
    options: Options,
    /// Which files of trees and patterns are copied.
    filter: Filter,
    /// Whether a directory that is there receives a source under its last name.
    takes_names: bool,
    /// Whether the files that the current source stands for are counted.
    counted: bool,
    /// The names that the current pattern matches and its listing calls symbolic links.
    links: Vec<PathName>,
    /// Where sources of this job have gone.
    taken: HashSet<PathName>,
    /// Where the files of this job have gone.
    places: GivenNames,
    tally: &'a mut Tally,
}

/// What the destination is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Receiver {
    /// The name of the copy.
    Name,
    /// A directory that receives sources under their last names.
    Directory,
    /// A directory that is still to be made.
    NewDirectory,
}

impl Receiver {
    /// Its word in the journal.
    const fn word(self) -> &'static str {
        match self {
            Self::Name => NAME_OF_COPY,
            Self::Directory => EXISTING_DIRECTORY,
            Self::NewDirectory => "new-directory",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        [Self::Name, Self::Directory, Self::NewDirectory].into_iter().find(|known| known.word() == word)
    }
}

impl<'a> Sources<'a> {
    pub(super) fn new(
        context: &'a Context,
        pools: &'a Pools,
        destination: Location,
        (options, filter): (Options, Filter),
        tally: &'a mut Tally,
    ) -> Self {
        let ends = Ends::new(Host::Local(None), Host::at(&destination, Role::Destination, pools));
        // The first run may have made the directory that is there now.
        let receiver = context.job_journal.decided().and_then(Receiver::of_word);
        Self {
            context,
            pools,
            ends,
            destination,
            receiver,
            named: None,
            options,
            filter,
            takes_names: false,
            counted: false,
            links: Vec::new(),
            taken: HashSet::new(),
            places: GivenNames::default(),
            tally,
        }
    }

    /// Records what the destination is, so that later runs of the job treat it alike.
    async fn is_received_by(&mut self, receiver: Receiver) {
        if self.receiver == Some(receiver) {
            return;
        }
        self.receiver = Some(receiver);
        if self.named.is_some() {
            return;
        }
        let Some(job) = self.context.job_journal.decide(receiver.word()).await else { return };
        // The contents of a directory go to the same place as those of the first copy.
        if !self.takes_names {
            return;
        }
        let place = &self.destination;
        self.context.events.warn(format!(
            "{place} may have been made by job {job}, which was interrupted: this copy goes into {place}, under the last name of its source; ftp-user resume {job} goes on with the first copy"
        ));
    }

    /// Records that a destination of a list is the name of the copy of a tree, before its directory is made.
    async fn names_tree(&mut self) {
        let host = &self.ends.destination;
        let name = (names::site_of(host), names::directory_at(host, &self.destination.path));
        if let Some(named) = self.named.as_mut().filter(|_| !self.options.mode.is_dry())
            && named.add(name)
        {
            self.context.job_journal.decide(&named.to_word()).await;
        }
    }

    /// What the destination of a list is, if an earlier run of the job knows it.
    fn receiver_of_earlier_run(&self) -> Option<Receiver> {
        let host = &self.ends.destination;
        let name = (names::site_of(host), names::directory_at(host, &self.destination.path));
        self.named.as_ref()?.has(&name).then_some(Receiver::Name)
    }

    /// Says goodbye to both ends.
    pub(super) async fn quit(self) {
        self.ends.quit(self.context).await;
    }

    /// Copies each source to its own destination, one after the other.
    pub(super) async fn copy_each(&mut self, pairs: Vec<(Location, Location)>) {
        self.expect(pairs.len());
        if pairs.len() > 1 {
            self.places.expect_several();
        }
        self.named = Some(NamedTrees::of_word(self.context.job_journal.decided().unwrap_or_default()));
        for (source, destination) in pairs {
            if !self.ends.destination.is_at(&destination) {
                let next = Host::at(&destination, Role::Destination, self.pools);
                std::mem::replace(&mut self.ends.destination, next).release();
                self.ends.forget();
            }
            self.destination = destination;
            names::learn(self.context, &mut self.ends.destination, &self.destination.path).await;
            self.receiver = self.receiver_of_earlier_run();
            self.taken.clear();
            Box::pin(self.copy_all(vec![source])).await;
            if self.is_over() {
                break;
            }
        }
    }

    /// Copies one source after the other. A pattern stands for every name that it matches.
    pub(super) async fn copy(&mut self, sources: Vec<Location>) {
        self.expect(sources.len());
        self.takes_names = sources.iter().any(|source| takes_name(source, &self.destination));
        if sources.len() > 1 || sources.iter().any(|source| source.glob().is_some()) {
            self.places.expect_several();
        }
        names::learn(self.context, &mut self.ends.destination, &self.destination.path).await;
        self.copy_all(sources).await;
    }

    /// Removes what earlier runs have left of files that are not copied any more, if all others are. `destinations` are all
    /// of the job.
    pub(super) async fn remove_left(&mut self, destinations: &[Location]) {
        let is_resumed = self.context.job_journal.is_resumed();
        if !is_resumed || self.tally.has_failed() || self.context.cancel.is_cancelled() {
            return;
        }
        // A server may permit one session.
        let next = self.ends.destination.beside();
        std::mem::replace(&mut self.ends.destination, next).release();
        if let Err(failure) = cancel::remove_left(self.context, destinations, self.pools).await {
            let place = self.destination.to_string();
            self.tally.failed(place.clone(), place, failure);
        }
    }

    async fn copy_all(&mut self, sources: Vec<Location>) {
        let is_only = sources.len() == 1;
        for source in sources {
            self.go_to(&source);
            let found = match matches(self.context, self.pools, &source).await {
                Ok(found) => found,
                // What an earlier run has moved matches nothing any more.
                Err(failure) if failure.kind == failure::Kind::Missing && self.may_have_moved() => {
                    match moved::matched(self.context, &self.ends.source, &source, failure).await {
                        Ok(why) => self.context.events.notice(why.to_string()),
                        Err(failure) => self.failed(&source, failure),
                    }
                    Matches::default()
                }
                Err(failure) => {
                    self.failed(&source, failure);
                    Matches::default()
                }
            };
            for gap in found.gaps {
                self.failed(&source, gap);
            }
            match found.names.len().checked_sub(1) {
                Some(more) => self.expect(more),
                None => self.found(self.context.finding.nothing()),
            }
            let several = !is_only || found.names.len() > 1;
            self.links = found.links;
            for name in found.names {
                let source = name.map_or_else(|| source.clone(), |name| named(&source, name));
                if !Box::pin(self.copy_source(&source, several)).await {
                    return;
                }
            }
            if self.is_over() {
                return;
            }
        }
    }

    /// Copies a source. Returns whether the next one can be copied.
    async fn copy_source(&mut self, source: &Location, several: bool) -> bool {
        self.counted = false;
        if several && self.receiver.is_none() {
            // If the destination cannot receive the first source, it cannot receive the others.
            match receiver(self.context, &mut self.ends.destination, &self.destination, true).await {
                Ok((found, _)) => self.is_received_by(found).await,
                Err(failure) => {
                    self.source_failed(source, failure);
                    return false;
                }
            }
        }
        if let Err(failure) = Box::pin(self.one(source)).await {
            self.source_failed(source, failure);
        }
        !self.is_over()
    }

    /// Whether nothing more is copied.
    fn is_over(&self) -> bool {
        self.context.cancel.is_cancelled() || (self.options.fail_fast && self.tally.has_failed())
    }

    /// Makes the host of `source` the source of the next copy.
    fn go_to(&mut self, source: &Location) {
        if self.ends.source.is_at(source) {
            return;
        }
        let next = Host::at(source, Role::Source, self.pools);
        std::mem::replace(&mut self.ends.source, next).release();
        self.ends.forget();
    }

    /// Reports a source that failed. If it was not looked at, it counts as one file.
    fn source_failed(&mut self, source: &Location, failure: Failure) {
        if !self.counted {
            self.found(self.context.finding.file(None));
        }
        self.context.events.say(Event::FileFailed { source: source.to_string() });
        self.failed(source, failure);
    }

    /// Tells how many files there are now.
    fn found(&mut self, found: Found) {
        self.counted = true;
        self.context.events.say(Event::Found(found));
    }

    /// There are so many more sources. Each counts as a file until it was looked at.
    fn expect(&mut self, sources: usize) {
        self.found(self.context.finding.sources(u64::try_from(sources).unwrap_or(u64::MAX)));
    }

    fn failed(&mut self, source: &Location, failure: Failure) {
        self.tally.failed(source.to_string(), self.destination.to_string(), failure);
    }

    async fn one(&mut self, source: &Location) -> Result<(), Failure> {
        let (known, receiver, found) = self.find(source).await?;
        let target = target(source, &self.destination, receiver != Receiver::Name);
        let is_tree = known.as_ref().is_some_and(|facts| facts.kind == Kind::Directory);
        if receiver != Receiver::Name && !source.contents && !self.taken.insert(target.clone()) {
            return Err(one_name(source));
        }
        if known.is_none() && self.was_moved(source, &target).await? {
            self.found(self.context.finding.nothing());
            return Ok(());
        }
        if known.is_none() && self.is_link(source) {
            let what = format!("{source} is a symbolic link that leads nowhere");
            return Err(Failure::new(failure::Kind::Missing, what).hint("repair or delete the link"));
        }
        self.refuse(source, &target, known.is_some(), is_tree)?;
        self.refuse_precious(source, is_tree)?;
        self.refuse_emptied(source, is_tree).await?;
        if receiver == Receiver::NewDirectory && known.is_some() && !self.options.mode.is_dry() {
            self.ends.destination.make_directories(self.context, &self.destination.path).await?;
            self.receiver = Some(Receiver::Directory);
        }
        if is_tree || receiver != Receiver::Name {
            self.ends.destination.hold_contents(&self.destination.path)?;
        }
        if is_tree {
            if receiver == Receiver::Name {
                self.names_tree().await;
            }
            self.tree(source, known, target).await;
            return Ok(());
        }
        self.found(self.context.finding.file(known.as_ref().and_then(|facts| facts.size)));
        let item = Item {
            number: self.tally.next_number(),
            source: source.path.clone(),
            destination: target,
            known,
            target: if receiver == Receiver::Name { found } else { Target::Unknown },
            kept_as: None,
        };
        self.places.take(&names::place(&self.ends, &item))?;
        let (from, to) = item.names(&self.ends);
        let mut copied = Box::pin(copy(self.context, &mut self.ends, &item, self.options)).await;
        if receiver == Receiver::Name
            && copied.as_ref().is_err_and(may_lack_parent)
            && self.parents(&item).await
        {
            copied = Box::pin(copy(self.context, &mut self.ends, &item, self.options)).await;
        }
        if self.moves()
            && let Ok(done) = &copied
            && let Err(failure) = leave(self.context, &mut self.ends, &item, done).await
        {
            copied = Err(failure);
        }
        self.tally.file(from, to, copied);
        Ok(())
    }

    /// Copies a directory with everything in it.
    async fn tree(&mut self, source: &Location, known: Option<Facts>, target: PathName) {
        self.found(self.context.finding.tree());
        let rules = Rules { filter: self.filter.clone(), links: self.options.links, ..Rules::default() };
        let leaving = self.moves().then(|| Leaving::new(&source.path, &target, leaves_root(source)));
        let walker = Host::at(source, Role::Source, self.pools);
        let tree = Tree {
            source: source.path.clone(),
            attributes: attributes(known.as_ref()),
            unique: known.and_then(|facts| facts.unique),
            destination: target,
            options: self.options,
            rules,
            leaving,
            backup: None,
        };
        let notes = (&mut self.places, &mut *self.tally);
        Box::pin(tree.copy(self.context, &mut self.ends, TreeFound::By(walker), notes)).await;
    }

    /// Whether the name of a source is a symbolic link, as far as this host or the listing of a pattern tells.
    fn is_link(&self, source: &Location) -> bool {
        let is_listed = |name| self.links.contains(&name);
        self.ends.source.is_link_here(&source.path) || place::base_name(&source.path).is_some_and(is_listed)
    }

    /// Refuses a tree of this host that nobody wants to be moved away as a whole.
    fn refuse_precious(&self, source: &Location, is_tree: bool) -> Result<(), Failure> {
        let may_leave = is_tree && self.options.moves;
        let Some(what) = may_leave.then(|| precious(source, &self.context.own_files)).flatten() else {
            return Ok(());
        };
        let what = format!("{source} {what}, and move does not delete it");
        Err(Failure::usage(what).hint("name what is to be moved in it; copy -r copies everything"))
    }

    /// Refuses a tree that is empty now and was not before.
    async fn refuse_emptied(&mut self, source: &Location, is_tree: bool) -> Result<(), Failure> {
        match is_tree {
            true => moved::refuse_emptied(self.context, &mut self.ends.source, source).await,
            false => Ok(()),
        }
    }

    /// Whether sources are deleted.
    const fn moves(&self) -> bool {
        self.options.moves && !self.options.mode.is_dry()
    }

    /// Whether an earlier run may have deleted sources.
    const fn may_have_moved(&self) -> bool {
        self.moves() && self.context.job_journal.is_resumed()
    }

    /// Whether an earlier run has moved a tree that is not there.
    async fn was_moved(&mut self, source: &Location, target: &PathName) -> Result<bool, Failure> {
        Ok(self.may_have_moved() && moved::tree(self.context, &mut self.ends, source, target).await?)
    }

    /// Makes what is missing above the destination of a file. Returns whether anything was; the failure of the copy tells
    /// the rest.
    async fn parents(&mut self, item: &Item) -> bool {
        // A job that goes on has not looked.
        if matches!(item.target, Target::Known(Some(_))) || self.options.mode.is_dry() {
            return false;
        }
        let made = self.ends.destination.make_parents(self.context, &item.destination).await;
        made.unwrap_or(false)
    }

    /// The same as [`look`](Self::look). A source that an earlier run has left under another name gets its own back.
    async fn find(&mut self, source: &Location) -> Result<(Option<Facts>, Receiver, Target), Failure> {
        let (mut known, receiver, mut found) = self.look(source).await?;
        if known.is_none()
            && self.moves()
            && put_back(self.context, &mut self.ends.source, &source.path).await?
        {
            known = facts(self.context, &mut self.ends.source, &source.path).await?;
            found = Target::Unknown;
        }
        Ok((known, receiver, found))
    }

    /// What the source is, what the destination is, and what it has just said of itself. If nothing is known yet, both
    /// ends are asked at once.
    async fn look(&mut self, source: &Location) -> Result<(Option<Facts>, Receiver, Target), Failure> {
        let Ends { source: from, destination: to, .. } = &mut self.ends;
        let known = facts(self.context, from, &source.path);
        let (known, (receiver, target)) = match self.receiver {
            Some(receiver) => (known.await?, (receiver, Target::Unknown)),
            None => tokio::try_join!(known, receiver(self.context, to, &self.destination, false))?,
        };
        self.is_received_by(receiver).await;
        Ok((known, receiver, target))
    }

    /// Refuses a source that is not what its place says, or that would be copied into itself.
    fn refuse(
        &self,
        source: &Location,
        target: &PathName,
        exists: bool,
        is_tree: bool,
    ) -> Result<(), Failure> {
        if is_tree && !self.options.recursive {
            return Err(Failure::usage(format!("{source} is a directory"))
                .hint("-r takes directories with everything in them"));
        }
        if is_tree && self.ends.destination.is_also(source) && is_within(source, target) {
            return Err(Failure::usage(format!("{source} would be copied into itself"))
                .hint("choose another destination"));
        }
        if !is_tree && source.contents && exists {
            return Err(
                Failure::usage(format!("{source} is not a directory")).hint("leave out the / at its end")
            );
        }
        Ok(())
    }
}

/// Whether the root of a tree that is moved goes as well: one whose contents are meant stays, and so does a login directory.
fn leaves_root(source: &Location) -> bool {
    !source.contents && place::base_name(&source.path).is_some()
}

/// Whether the copy of a tree would be in the tree. The root of a server has all of its paths in it, and so has the login
/// directory every path that is relative to it.
fn is_within(source: &Location, target: &PathName) -> bool {
    let is_root = matches!(source.path.as_bytes(), b"." | b"/") && !source.is_local();
    let is_relative = !target.as_bytes().starts_with(b"/") && target.as_bytes() != b".";
    is_below(&source.path, target) || (is_root && is_relative)
}

/// The failure of a source that would replace another one of the same job.
fn one_name(source: &Location) -> Failure {
    Failure::usage(format!("{source} has the last name of another source, which it would replace"))
        .hint("copy them one after the other, to different names")
}

/// Whether a copy may have failed because there is no directory that could receive it. Asked only after a failure, so
/// that the usual copy costs no round trip more.
const fn may_lack_parent(failure: &Failure) -> bool {
    matches!(failure.kind, failure::Kind::Refused | failure::Kind::Other)
}

/// What the destination is, and what is there. With `several` sources it must be a directory.
async fn receiver(
    context: &Context,
    host: &mut Host,
    destination: &Location,
    several: bool,
) -> Result<(Receiver, Target), Failure> {
    let found = facts(context, host, &destination.path).await?;
    let receiver = match (&found, destination.contents, several) {
        (Some(facts), ..) if facts.kind == Kind::Directory => Ok(Receiver::Directory),
        (None, true, _) => Ok(Receiver::NewDirectory),
        (_, false, false) => Ok(Receiver::Name),
        (Some(_), ..) => {
            Err(Failure::new(failure::Kind::Exists, format!("{destination} is not a directory"))
                .hint("choose a directory, or copy one file"))
        }
        (None, false, true) => {
            Err(Failure::usage(format!("several sources need a directory, and {destination} does not exist"))
                .hint("end it with / to have it made"))
        }
    }?;
    Ok((receiver, Target::Known(found)))
}

/// What the copy of a directory gets of it.
fn attributes(directory: Option<&Facts>) -> Attributes {
    directory
        .map_or_else(Attributes::default, |facts| Attributes { modified: facts.modified, mode: facts.mode })
}

/// Where a source goes. `into` says that the destination is a directory.
fn target(source: &Location, destination: &Location, into: bool) -> PathName {
    let name = if source.contents { None } else { place::base_name(&source.path) };
    match name {
        Some(name) if into => place::join(unless_here(&destination.path), &name),
        Some(_) | None => destination.path.clone(),
    }
}

/// Whether a directory receives a source under its last name, and not what is in it.
fn takes_name(source: &Location, destination: &Location) -> bool {
    target(source, destination, true) != destination.path
}

/// Leaves out `.`, so that the names of files are shorter.
fn unless_here(path: &PathName) -> Option<&PathName> {
    if path.as_bytes() == b"." { None } else { Some(path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Netrc;

    #[test]
    fn trees_and_files_go_where_cp_puts_them() {
        let location = |text: &str| Location::parse(text.as_bytes(), &Netrc::default()).unwrap();
        let check = |source: &str, dest: &str, into: bool, expect: &str| {
            let found = target(&location(source), &location(dest), into);
            assert_eq!(found.display(), expect, "{source:?} {dest:?} {into}");
            let takes_name = takes_name(&location(source), &location(dest));
            assert_eq!(takes_name, !source.ends_with('/'), "{source:?} {dest:?}");
        };
        check("ftp://a/x/f", "ftp://b/g", false, "g");
        check("ftp://a/x/f", "ftp://b/d", true, "d/f");
        check("ftp://a/x/f", "ftp://b/d/", true, "d/f");
        check("ftp://a/x/f", "ftp://b/", true, "f");
        check("ftp://a/x/f", "ftp://b", true, "f");
        check("ftp://a/x/f", "ftp://b//", true, "/f");
        check("ftp://a/x/", "ftp://b/d", true, "d");
        check("ftp://a//", "ftp://b/d", true, "d");
        check("dir/f", "ftp://b/d", true, "d/f");
        check("ftp://a/x/f", "./d", true, "./d/f");
    }
}
