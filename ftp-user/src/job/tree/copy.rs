//! Copies a tree: a walk finds directories and files one after the other, and each is made or copied.

use super::AT_ONCE;
use super::ahead;
use super::apart::{are_apart, is_free};
use super::asked::{Found, Tree};
use super::cases::Names;
use super::doubtful::{Doubtful, MOST as MOST_DOUBTFUL};
use super::finish;
use super::pending::{MOST_LOST, MOST_UNMADE, Pending, Unmade};
use super::visits::{Visit, Visits};
use super::walk::walk;
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::job::claims::given::GivenNames;
use crate::job::claims::lifetime;
use crate::job::claims::names;
use crate::job::claims::planned::Copied;
use crate::job::file::copy::copy;
use crate::job::file::times::Wanted;
use crate::job::item::{Item, Target};
use crate::job::moving::{KeptSource, MovedDirectories};
use crate::job::part::Part;
use crate::job::retry::Question;
use crate::job::spool::Spool;
use crate::job::summary::tally::Tally;
use crate::job::together::stream::{Results, Stream, Turn, Wish};
use crate::place;
use crate::report::{Event, Topic};
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::wire::PathName;
use std::collections::HashSet;

/// A tree while it is copied.
struct Copying<'a, 's> {
    context: &'a Context,
    stream: &'a mut Stream<'s>,
    /// A directory that waits until a worker is idle, whose session makes it.
    held: Option<Visit>,
    tree: Tree,
    /// The names of the directory that is being visited.
    names: Names,
    /// Files that differ from others only in upper and lower case. They are copied last, one after the other.
    doubtful: Doubtful,
    places: &'a mut GivenNames,
    tally: &'a mut Tally,
    /// Directories that are not there.
    pending: Pending,
    /// Directories that this job has made, and that are still to be visited.
    made_ahead: HashSet<PathName>,
    /// It was told that directories are made at once, because too many wait for a file.
    has_told_room: bool,
    /// So many directories could not be made that the rest of the tree is left.
    is_given_up: bool,
    /// Directories that were made, and what they get after their contents.
    made: Spool<Visit>,
    /// The sources of a move that may be deleted.
    moved: Option<MovedDirectories>,
}

impl Tree {
    /// Copies the tree by a stream in which nothing waits or is under way. Failures go to `tally`.
    pub(in crate::job) async fn copy(
        mut self,
        context: &Context,
        stream: &mut Stream<'_>,
        found: Found,
        (places, tally): (&mut GivenNames, &mut Tally),
    ) {
        let (made, moved) = (Spool::new(MADE_IN_MEMORY), self.moved.take());
        let copying = Copying {
            context,
            stream,
            held: None,
            tree: self,
            names: Names::default(),
            doubtful: Doubtful::default(),
            places,
            tally,
            pending: Pending::default(),
            made_ahead: HashSet::new(),
            has_told_room: false,
            is_given_up: false,
            made,
            moved,
        };
        Box::pin(copying.run(found)).await;
    }
}

impl Copying<'_, '_> {
    /// Copies everything that the tree has, then finishes its directories.
    async fn run(mut self, found: Found) {
        let root = self.tree.destination.clone();
        if let Err(failure) = self.make(&root, true).await {
            self.context.run.events.say(Event::Found(self.context.run.finding.tree_ends()));
            return self.failed(None, failure);
        }
        let Tree { source, unique, rules, .. } = &self.tree;
        let visits = match found {
            Found::By(walker) => {
                walk(self.context.clone(), walker, (source.clone(), unique.clone()), rules.clone())
            }
            Found::Before(visits) => visits,
        };
        self.stream.move_tree(self.moved.as_ref().map(|moved| &moved.tree));
        self.take(visits).await;
        while let Some(results) = self.stream.ended().await {
            self.ended(results);
        }
        self.stream.release().await;
        Box::pin(self.copy_doubtful()).await;
        self.stream.leave();
        while let Some(results) = self.stream.ended().await {
            self.ended(results);
        }
        self.stream.move_tree(None);
        if !self.is_over() && !self.tree.options.mode.is_dry() {
            let (root, attributes) = (self.tree.destination.clone(), self.tree.attributes);
            let wanted = Wanted::of(self.tree.options, self.stream.ends());
            let destination = &mut self.stream.idle().destination;
            finish::directories(self.context, destination, (root, attributes, &mut self.made), wanted).await;
        }
        if let Some(moved) = self.moved.take()
            && !self.context.run.cancel.is_cancelled()
        {
            moved.carry_out(self.context, self.stream.idle(), self.tally).await;
        }
        if self.context.run.cancel.is_cancelled() && !self.tally.was_interrupted() {
            self.failed(None, Failure::interrupted().hint(lifetime::rest(self.context)));
        }
    }

    /// Makes and copies what the walk finds, until all of it has ended or nothing more is begun.
    async fn take(&mut self, mut visits: Visits) {
        let mut has_more = true;
        while !self.is_over() {
            let wish = match (&self.held, has_more) {
                (Some(_), _) => Wish::Session,
                (None, true) => Wish::Next,
                (None, false) => Wish::Progress,
            };
            match self.stream.turn(wish, visits.next()).await {
                Turn::Idle => {
                    let Some(visit) = self.held.take() else { continue };
                    for visit in self.with_next_directories(visit, &mut visits).await {
                        Box::pin(self.visit(visit)).await;
                    }
                }
                Turn::Found(Some(visit)) if self.needs_session(&visit) => self.held = Some(visit),
                Turn::Found(Some(visit)) => Box::pin(self.visit(visit)).await,
                Turn::Found(None) => has_more = false,
                Turn::Ended(results) => self.ended(results),
                Turn::Claims => {}
                Turn::Still => return,
            }
        }
    }

    /// Whether nothing more is begun.
    fn is_over(&self) -> bool {
        let has_failed = self.tree.options.fail_fast && self.tally.has_failed();
        self.context.run.cancel.is_cancelled() || has_failed || self.is_given_up
    }

    /// Whether a directory has to be made before anything else.
    fn needs_session(&self, visit: &Visit) -> bool {
        match visit {
            Visit::Directory(..) => !self.tree.rules.filter.selects() || !self.pending.has_room(),
            Visit::File(path, _) => self.pending.waits() || (self.moved.is_some() && Part::is_name(path)),
            Visit::Skipped(..) | Visit::Failed(..) => false,
        }
    }

    /// A visit and, if it is a directory, those behind it that were found already. A server is told to make all of them at
    /// once. Those that it does not make find out why when they are visited.
    async fn with_next_directories(&mut self, first: Visit, visits: &mut Visits) -> Vec<Visit> {
        let mut next = vec![first];
        if !matches!(next.as_slice(), [Visit::Directory(..)])
            || self.tree.rules.filter.selects()
            || self.tree.options.mode.is_dry()
        {
            return next;
        }
        while next.len() < AT_ONCE
            && let Some(directory) = visits.next_directory()
        {
            next.push(directory);
        }
        let is_lost = |path: &PathName| self.pending.lost_by(path).is_some();
        let paths = ahead::makeable(&next, &self.tree.destination, is_lost);
        let Ends { destination, .. } = self.stream.idle();
        // If the session is lost, the first one that is not made finds out.
        let made = match paths.len() {
            0 | 1 => Vec::new(),
            _ => destination.make_new_directories(self.context, &paths).await,
        };
        let made = paths.into_iter().zip(made).filter(|(_, is_made)| *is_made).map(|(path, _)| path);
        self.made_ahead = made.collect();
        next
    }

    async fn visit(&mut self, visit: Visit) {
        if let (Visit::Directory(path, _), Some(moved)) = (&visit, &mut self.moved) {
            moved.note_entered(path);
        }
        match visit {
            // The directory above it has told why.
            Visit::Directory(path, _) if self.pending.lost_by(&path).is_some() => {}
            Visit::Directory(path, attributes) => {
                let unmade = Unmade { attributes, other: self.names.other(&path) };
                if self.waits_for_file() {
                    self.pending.wait(&path, unmade);
                } else if self.directories_above(&path).await {
                    self.directory(path, unmade).await;
                }
            }
            Visit::File(path, _) if Part::is_name(&path) => Box::pin(self.set_aside(path)).await,
            Visit::File(path, known) => {
                if self.pending.lost_by(&path).is_none() && self.directories_above(&path).await {
                    self.file(&path, known);
                } else {
                    // The exit code is that of the common cause.
                    let kind = self.pending.lost_by(&path).unwrap_or(Kind::Other);
                    let (source, dest) = self.shown(Some(&path));
                    self.tally.file(source, dest, Err(Failure::new(kind, WITHOUT_DIRECTORY)));
                }
            }
            Visit::Skipped(path, why) => {
                let name = self.stream.ends().source.show(&place::join(Some(&self.tree.source), &path));
                let (site, message) = (self.stream.ends().source.name(), format!("{name} is skipped: {why}"));
                let why = Some(why);
                self.context.run.events.say(Event::Repeated { topic: Topic::Skipped, site, why, message });
            }
            Visit::Failed(path, failure) => {
                let root = &self.tree.source;
                let path = path.map_or_else(|| root.clone(), |path| place::join(Some(root), &path));
                let name = self.stream.ends().source.show(&path);
                let dest = self.stream.ends().destination.show(&self.tree.destination);
                self.tally.failed(name.clone(), dest, failure.during(&name));
            }
        }
    }

    /// Nothing is copied that has the name of a part: it belongs to the job that stores it. A move that was killed may have
    /// left a source under such a name; that gets its own name back.
    async fn set_aside(&mut self, path: PathName) {
        let ends = self.stream.idle();
        let Some(moved) = &mut self.moved else {
            return self.visit(Visit::Skipped(path, PART.to_owned())).await;
        };
        match moved.put_back(self.context, ends, &path).await {
            Ok(Some(named)) => self.visit(Visit::File(named, None)).await,
            Ok(None) => self.visit(Visit::Skipped(path, PART.to_owned())).await,
            Err(failure) => self.failed(Some(&path), failure),
        }
    }

    /// Whether a directory is not made before a file goes into it.
    fn waits_for_file(&mut self) -> bool {
        let selects = self.tree.rules.filter.selects();
        if selects && !self.pending.has_room() && !std::mem::replace(&mut self.has_told_room, true) {
            self.context.run.events.warn(format!(
                "more than {MOST_UNMADE} directories wait for a file that is chosen: others are made, even if no file \
                 goes into them"
            ));
        }
        selects && self.pending.has_room()
    }

    /// Makes a directory of the tree. Returns whether it is there.
    async fn directory(&mut self, path: PathName, unmade: Unmade) -> bool {
        let Unmade { attributes, other } = unmade;
        let target = place::join(Some(&self.tree.destination), &path);
        let mut made = self.make(&target, false).await;
        if let (Ok(()), Some(other)) = (&made, other.filter(|_| !self.tree.options.mode.is_dry())) {
            let destination = &mut self.stream.idle().destination;
            made = are_apart(self.context, destination, &self.names, (&target, other)).await;
        }
        if let Err(failure) = made {
            let kind = failure.kind;
            self.failed(Some(&path), failure);
            if !self.pending.lose(&path, kind) {
                self.is_given_up = true;
                let what = format!("{MOST_LOST} directories could not be made, so the rest is not copied");
                self.failed(None, Failure::new(Kind::Other, what));
            }
            return false;
        }
        if let Err(error) = self.made.push(Visit::Directory(path, attributes)) {
            self.context.run.events.warn(format!("a directory does not get its time: {error}"));
        }
        true
    }

    /// Makes the directories above a file that were not needed so far. Returns whether they are there.
    async fn directories_above(&mut self, path: &PathName) -> bool {
        let mut above = self.pending.take_above(path);
        while let Some((directory, unmade)) = above.pop() {
            if !self.directory(directory, unmade).await {
                return false;
            }
        }
        true
    }

    /// Plans a file.
    fn file(&mut self, path: &PathName, known: Option<Facts>) {
        let item = Item {
            number: self.tally.next_number(),
            source: place::join(Some(&self.tree.source), path),
            destination: place::join(Some(&self.tree.destination), path),
            known,
            target: Target::Unknown,
            kept_as: self.tree.backup.as_ref().map(|backup| backup.of(path)),
            is_listed: true,
        };
        if let Err(failure) = self.places.take(&names::place(self.stream.ends(), &item)) {
            return self.copied(Copied::of(item, Err(failure)));
        }
        let kept = match self.names.other(path) {
            Some(other) => self.doubtful.push(item, other),
            None => {
                self.stream.add(item);
                Ok(())
            }
        };
        if let Err(item) = kept {
            let what =
                format!("more than {MOST_DOUBTFUL} names of the tree differ in case only, or long ones do");
            let failure = Failure::new(Kind::Other, what).hint("copy its directories one by one");
            self.copied(Copied::of(*item, Err(failure)));
        }
    }

    /// Copies the files whose names differ from others only in case, unless the destination takes both for one.
    async fn copy_doubtful(&mut self) {
        for (item, other) in self.doubtful.take() {
            if self.is_over() {
                return;
            }
            let destination = &mut self.stream.idle().destination;
            let at = (&item.destination, other);
            let is_free = match self.tree.options.mode.is_dry() {
                true => Ok(()),
                false => is_free(self.context, destination, &self.names, at).await,
            };
            let result = match is_free {
                Ok(()) => {
                    let ends = self.stream.idle();
                    Box::pin(copy(self.context, ends, &item, self.tree.options)).await
                }
                Err(failure) => Err(failure),
            };
            let mut copied = Copied::of(item, result);
            if let Ok(done) = &copied.result {
                copied.stays = self.stream.note_copied(&copied.item, done).err();
            }
            self.copied(copied);
        }
    }

    /// Notes what came of files.
    fn ended(&mut self, Results { copied, kept }: Results) {
        copied.into_iter().for_each(|copied| self.copied(copied));
        let ends = self.stream.ends();
        for KeptSource { source, copy, failure } in kept {
            self.tally.source_stays(ends.source.show(&source), ends.destination.show(&copy), failure);
        }
    }

    /// Notes what came of a file.
    fn copied(&mut self, Copied { item, result, stays }: Copied) {
        let (source, dest) = item.names(self.stream.ends());
        let rest = lifetime::rest(self.context);
        let result = result.map_err(|failure| failure.of_one_of_many(&source, &rest));
        self.tally.file(source.clone(), dest.clone(), result);
        if let Some(failure) = stays {
            self.tally.source_stays(source, dest, failure);
        }
    }

    /// Notes a failure at `path` of the tree, or of the tree itself.
    fn failed(&mut self, path: Option<&PathName>, failure: Failure) {
        let (source, dest) = self.shown(path);
        self.tally.failed(source, dest, failure);
    }

    /// How reports call what is at `path` of the tree, or the tree itself, at both ends.
    fn shown(&self, path: Option<&PathName>) -> (String, String) {
        let Tree { source, destination, .. } = &self.tree;
        let below = |root: &PathName| path.map_or_else(|| root.clone(), |path| place::join(Some(root), path));
        let ends = self.stream.ends();
        (ends.source.show(&below(source)), ends.destination.show(&below(destination)))
    }

    /// Makes a directory at the destination, also what is missing above the root.
    async fn make(&mut self, path: &PathName, is_root: bool) -> Result<(), Failure> {
        if self.tree.options.mode.is_dry() {
            return Ok(());
        }
        if self.made_ahead.remove(path) {
            self.stream.note_new_directory(path);
            return Ok(());
        }
        let mut question = Question::new(self.context);
        let Ends { destination, .. } = self.stream.idle();
        loop {
            question.connect(destination).await?;
            let made = match is_root {
                true => destination.make_directories(self.context, path).await,
                false => destination.make_directory(self.context, path).await,
            };
            match made {
                Ok(is_new) => {
                    if is_new {
                        self.stream.note_new_directory(path);
                    }
                    return Ok(());
                }
                Err(failure) => question.again(failure).await?,
            }
        }
    }
}

/// The number of directories that were made and that are in memory.
const MADE_IN_MEMORY: usize = 1024;
/// Why nothing can be copied into a directory.
const WITHOUT_DIRECTORY: &str = "its directory could not be made";

/// Why a file of a move is skipped.
const PART: &str = "another job may be copying it, or a move that was killed has given a source this name";
