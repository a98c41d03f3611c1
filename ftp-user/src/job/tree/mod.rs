//! A tree: a walk finds directories and files of the source one after the other, and each is made or copied at the destination.

mod names;
mod visits;
mod walk;

pub(crate) use visits::{FailedVisit, Visit, Visits};
pub(super) use visits::{VisitSender, visit_queue};
pub(crate) use walk::{WalkPurpose, WalkRules, contain_each_other, walk};

use crate::endpoint::files;
use crate::endpoint::files::DirectoryThere;
use crate::failure::{Failure, Kind, Result};
use crate::job::Item;
use crate::job::engine::stream::{Stream, StreamEvent, StreamWait};
use crate::job::engine::taken_names::PlaceState;
use crate::job::engine::worker::FileResult;
use crate::job::file::copy::copy;
use crate::job::file::times::{Attributes, KeptFacts, finish_directories};
use crate::job::moving::MovedDirectories;
use crate::job::part::Part;
use crate::job::retry::{ask, connect};
use crate::job::similar::{self, DifferenceAt};
use crate::job::spool::{NameSet, Spool};
use crate::place;
use crate::report::{Event, Topic};
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::wire::PathName;
use names::{
    MOST_LOST, MOST_SIMILAR, MOST_UNMADE, MissingDirectories, SiblingNames, SimilarFiles, UnmadeDirectory,
    WITHOUT_DIRECTORY,
};
use std::collections::HashMap;
use std::sync::Arc;

/// A tree to copy.
#[derive(Debug)]
pub(super) struct Tree {
    /// The directory at the source. Its contents are copied.
    pub(super) source: PathName,
    /// What its copy gets after its contents.
    pub(super) attributes: Attributes,
    /// The directory at the destination that receives them. It is made if it is not there.
    pub(super) destination: PathName,
    /// Whether only some files are copied, so that a directory may stay without any.
    pub(super) selects: bool,
    /// What becomes of the sources of a move.
    pub(super) moved: Option<MovedDirectories>,
    /// The directory at the destination's host below which files go that are replaced.
    pub(super) backup: Option<PathName>,
    /// The names of the source that `copy` does not visit, because a sync leaves them alone, as [`similar::beside`] has them.
    pub(super) left_alone: Option<NameSet>,
}

impl Tree {
    /// Copies the tree by a stream in which nothing waits or is under way. `visits` is what it holds, which a walk may still be finding
    /// by another session. Failures go to the tally of the stream.
    pub(super) async fn copy(mut self, stream: &mut Stream<'_>, visits: Visits) {
        let names = SiblingNames::new(self.left_alone.take());
        let copying = TreeCopy {
            stream,
            held: None,
            root: Arc::new(self.destination.clone()),
            tree: self,
            names,
            similar: SimilarFiles::default(),
            missing: MissingDirectories::default(),
            made_ahead: HashMap::new(),
            has_told_room: false,
            is_given_up: false,
            made: Spool::default(),
        };
        Box::pin(copying.run(visits)).await;
    }
}

/// A tree while it is copied.
struct TreeCopy<'a, 's> {
    stream: &'a mut Stream<'s>,
    /// A directory that waits until a worker is idle, whose session makes it.
    held: Option<Visit>,
    tree: Tree,
    /// The directory at the destination that has it.
    root: Arc<PathName>,
    /// The names of the directory that is being visited.
    names: SiblingNames,
    /// Files that differ from others only in upper and lower case. They are copied last, one after the other.
    similar: SimilarFiles,
    /// Directories that are not there.
    missing: MissingDirectories,
    /// Directories that this job has made, and that are still to be visited.
    made_ahead: HashMap<PathName, DirectoryThere>,
    /// It was told that directories are made at once, because too many wait for a file.
    has_told_room: bool,
    /// So many directories could not be made that the rest of the tree is left.
    is_given_up: bool,
    /// Directories that were made, and what they get after their contents.
    made: Spool<Visit>,
}

impl TreeCopy<'_, '_> {
    /// Copies everything that the tree has, then finishes its directories.
    async fn run(mut self, visits: Visits) {
        let context = self.stream.context;
        let root = self.tree.destination.clone();
        // A walk goes on while the directory is made, and while a session is opened in the place of the one that it may have.
        let mut copied_from = self.stream.take_source();
        let (made, opened) = tokio::join!(self.make(&root), connect(context, &mut copied_from));
        self.stream.idle().source = copied_from;
        if let Err(failure) = made {
            context.run.events.say(Event::Found(context.run.finding.tree_ends()));
            return self.failed_directory(None, failure);
        }
        if opened.is_err() {
            // The server may permit one session, which the walk has. Otherwise each file finds out why there is none.
            visits.all_found().await;
        }
        self.stream.move_tree(self.tree.moved.as_ref().map(|moved| &moved.tree));
        self.take(visits).await;
        self.stream.end_files().await;
        Box::pin(self.copy_similar()).await;
        self.stream.delete_sources().await;
        self.stream.move_tree(None);
        if !self.is_over() && !self.is_dry() {
            self.finish_directories().await;
        }
        if let Some(moved) = self.tree.moved.take()
            && !context.run.cancel.is_cancelled()
            && !self.stream.tally.was_interrupted()
        {
            let (ends, tally) = self.stream.idle_and_tally();
            moved.carry_out(context, ends, tally).await;
        }
        if context.run.cancel.is_cancelled() && !self.stream.tally.was_interrupted() {
            self.failed(None, Failure::interrupted());
        }
    }

    /// Makes and copies what the walk finds, until all of it has ended or nothing more is begun.
    async fn take(&mut self, mut visits: Visits) {
        let mut has_more = true;
        while !self.is_over() {
            let wish = match (&self.held, has_more) {
                (Some(_), _) => StreamWait::Session,
                (None, true) => StreamWait::Next,
                (None, false) => StreamWait::Progress,
            };
            if has_more && self.stream.waits_for_files() {
                visits.note_awaited();
            }
            match self.stream.turn(wish, visits.next()).await {
                StreamEvent::Idle => {
                    let Some(visit) = self.held.take() else { continue };
                    for visit in self.with_next_directories(visit, &mut visits).await {
                        self.visit(visit).await;
                    }
                }
                StreamEvent::Found(Some(visit)) if self.needs_session(&visit) => self.held = Some(visit),
                StreamEvent::Found(Some(visit)) => self.visit(visit).await,
                StreamEvent::Found(None) => has_more = false,
                StreamEvent::Progress => {}
                StreamEvent::Still => return,
            }
        }
    }

    /// Whether nothing more is begun.
    fn is_over(&self) -> bool {
        self.stream.is_over() || self.is_given_up
    }

    const fn is_dry(&self) -> bool {
        self.stream.options.mode.is_dry()
    }

    /// Whether a directory has to be made before anything else.
    fn needs_session(&self, visit: &Visit) -> bool {
        match visit {
            Visit::Directory(..) => !self.tree.selects || !self.missing.has_room(),
            Visit::File(path, _) | Visit::Link(path, _) => {
                self.missing.waits() || (self.tree.moved.is_some() && Part::is_name(path))
            }
            Visit::Skipped(..) | Visit::Failed(..) => false,
        }
    }

    /// A visit and, if it is a directory, those behind it that were found already. A server is told to make all of them at
    /// once. Those that are not there then find out why when they are visited.
    async fn with_next_directories(&mut self, first: Visit, visits: &mut Visits) -> Vec<Visit> {
        let is_directory = matches!(first, Visit::Directory(..));
        let mut next = vec![first];
        if !is_directory || self.tree.selects || self.is_dry() {
            return next;
        }
        while next.len() < AT_ONCE
            && let Some(directory) = visits.next_directory()
        {
            next.push(directory);
        }
        self.made_ahead.clear();
        let paths = self.missing.makeable(&next, &self.tree.destination);
        if paths.len() > 1 {
            let context = self.stream.context;
            // If the session is lost, the first one that is not known finds out.
            let destination = &mut self.stream.idle().destination;
            let there = files::make_directories_at_once(context, destination, &paths).await;
            self.made_ahead = paths.into_iter().zip(there).collect();
        }
        next
    }

    async fn visit(&mut self, visit: Visit) {
        match visit {
            Visit::Directory(path, attributes) => {
                if let Some(moved) = &mut self.tree.moved {
                    moved.note_entered(&path);
                }
                // The directory above it has told why.
                if self.missing.lost_by(&path).is_some() {
                    return;
                }
                let unmade = UnmadeDirectory { attributes, is_similar: self.names.is_similar(&path) };
                if self.waits_for_file() {
                    self.missing.wait(&path, unmade);
                } else if self.make_directories_above(&path).await {
                    // In a box: directories are rare, and this future is large.
                    Box::pin(self.make_directory(path, unmade)).await;
                }
            }
            Visit::File(path, _) | Visit::Link(path, _) if Part::is_name(&path) => {
                Box::pin(self.put_back(path)).await;
            }
            Visit::File(path, known) => self.found(&path, known, None).await,
            Visit::Link(path, target) => {
                let is_local = self.stream.ends().source.is_local();
                let known = target.clone().filter(|target| !is_local && target.size.is_some());
                self.found(&path, known, target).await;
            }
            Visit::Skipped(path, why) => {
                let source = &self.stream.ends().source;
                let name = source.show(&place::join(Some(&self.tree.source), &path));
                let (site, message) = (source.name(), format!("{name} is skipped: {why}"));
                let skipped = Event::Repeated { topic: Topic::Skipped, site, why: Some(why), message };
                self.stream.context.run.events.say(skipped);
            }
            Visit::Failed(failed) => {
                let path = failed.path.as_ref();
                if let Some(moved) = &mut self.tree.moved {
                    moved.note_unseen(path);
                }
                let name = self.stream.ends().source.show(&place::at_or_below(&self.tree.source, path));
                let dest = self.stream.ends().destination.show(&self.tree.destination);
                self.stream.tally.failed_visit(name.clone(), dest, &name, &failed);
            }
        }
    }

    /// Plans a file that was found, unless there is no directory for its copy. `leads_to`: it is a symbolic link to this file.
    async fn found(&mut self, path: &PathName, known: Option<Facts>, leads_to: Option<Facts>) {
        if self.missing.lost_by(path).is_none() && self.make_directories_above(path).await {
            return self.file(path, known, leads_to);
        }
        // The exit code is that of the common cause.
        let failure = self.missing.lost_by(path).cloned();
        let failure = failure.unwrap_or_else(|| Failure::new(Kind::Other, WITHOUT_DIRECTORY));
        let (source, dest) = self.shown(Some(path));
        self.stream.tally.file(source, dest, Err(failure));
    }

    /// Nothing is copied that has the name of a part: it belongs to the job that stores it. A move that was killed may have
    /// left a source under such a name; that gets its own name back.
    async fn put_back(&mut self, path: PathName) {
        let context = self.stream.context;
        let named = match &mut self.tree.moved {
            Some(moved) => moved.put_back(context, &mut self.stream.idle().source, &path).await,
            None => Ok(None),
        };
        match named {
            Ok(Some(named)) => self.visit(Visit::File(named, None)).await,
            Ok(None) => self.visit(Visit::Skipped(path, PART.to_owned())).await,
            Err(failure) => self.failed(Some(&path), failure),
        }
    }

    /// Whether a directory is not made before a file goes into it.
    fn waits_for_file(&mut self) -> bool {
        let (selects, has_room) = (self.tree.selects, self.missing.has_room());
        if selects && !has_room && !std::mem::replace(&mut self.has_told_room, true) {
            self.stream.context.run.events.warn(format!(
                "more than {MOST_UNMADE} directories wait for a file that is chosen: others are made, even if no file \
                 goes into them"
            ));
        }
        selects && has_room
    }

    /// Makes the directories above a file that were not needed so far. Returns whether they are there.
    async fn make_directories_above(&mut self, path: &PathName) -> bool {
        let mut above = self.missing.take_above(path);
        while let Some((directory, unmade)) = above.pop() {
            // In a box, too.
            if !Box::pin(self.make_directory(directory, unmade)).await {
                return false;
            }
        }
        true
    }

    /// Makes a directory of the tree. Returns whether it is there.
    async fn make_directory(&mut self, path: PathName, unmade: UnmadeDirectory) -> bool {
        let (context, UnmadeDirectory { attributes, is_similar }) = (self.stream.context, unmade);
        let target = place::join(Some(&self.tree.destination), &path);
        let mut made = self.make(&target).await;
        if made.is_ok() && is_similar && !self.is_dry() {
            let destination = &mut self.stream.idle().destination;
            made = similar::check_apart(context, destination, &target, DifferenceAt::LastName).await;
        }
        if let Err(failure) = made {
            let has_room = self.missing.lose(&path, &failure);
            self.failed_directory(Some(&path), failure);
            if !has_room {
                self.is_given_up = true;
                let what = format!("{MOST_LOST} directories could not be made, so the rest is not copied");
                self.failed(None, Failure::new(Kind::Other, what));
            }
            return false;
        }
        if let Err(error) = self.made.push(Visit::Directory(path, attributes)) {
            context.run.events.warn(format!("a directory does not get its time: {error}"));
        }
        true
    }

    /// Makes a directory at the destination, also what is missing above it: above the root, or because the server has lost it.
    async fn make(&mut self, path: &PathName) -> Result<()> {
        let context = self.stream.context;
        if self.is_dry() {
            if !self.stream.is_in_new_directory(path) {
                let destination = &mut self.stream.idle().destination;
                let there = ask!(context, destination, files::facts(context, destination, path))?;
                if let Some(there) = there {
                    return files::check_directory(destination.show(path), there.kind);
                }
            }
            self.stream.note_new_directory(path);
            return Ok(());
        }
        let is_new = match self.made_ahead.remove(path) {
            Some(DirectoryThere::New) => true,
            Some(DirectoryThere::Old) => false,
            Some(DirectoryThere::Unknown) | None => {
                let destination = &mut self.stream.idle().destination;
                let root = &self.tree.destination;
                ask!(context, destination, async {
                    match path == root {
                        true => files::make_directories(context, destination, path).await,
                        false => files::make_directory_of_tree(context, destination, root, path).await,
                    }
                })?
            }
        };
        if is_new {
            self.stream.note_new_directory(path);
        }
        Ok(())
    }

    /// Plans a file.
    fn file(&mut self, path: &PathName, known: Option<Facts>, leads_to: Option<Facts>) {
        let item = Item {
            known,
            leads_to,
            kept_as: self.tree.backup.as_ref().map(|backup| place::join(Some(backup), path)),
            is_listed: true,
            root: Some(Arc::clone(&self.root)),
            ..Item::new(
                self.stream.tally.next_number(),
                place::join(Some(&self.tree.source), path),
                place::join(Some(&self.tree.destination), path),
            )
        };
        let taken = match self.stream.take_place(&item) {
            Ok(taken) => taken,
            Err(failure) => return self.stream.report(FileResult::of(item, Err(failure))),
        };
        let difference = match (self.names.is_similar(path), taken) {
            (true, _) => DifferenceAt::LastName,
            (false, PlaceState::FreeButSimilar) => DifferenceAt::AnyName,
            (false, PlaceState::Free | PlaceState::TakenBySameSource) => return self.stream.push(item),
        };
        if let Err(item) = self.similar.push(item, difference) {
            let what =
                format!("more than {MOST_SIMILAR} names of the tree differ in case only, or long ones do");
            let failure = Failure::new(Kind::Other, what).hint("copy its directories one by one");
            self.stream.report(FileResult::of(*item, Err(failure)));
        }
    }

    /// Copies the files whose names differ from others only in case, unless the destination treats both as the same name.
    async fn copy_similar(&mut self) {
        let (context, options) = (self.stream.context, self.stream.options);
        for (item, difference) in self.similar.take() {
            if self.is_over() {
                return;
            }
            let ends = self.stream.idle();
            let is_free = match options.mode.is_dry() {
                true => Ok(()),
                // This run may have stored it there under the other name.
                false => {
                    similar::check_apart(context, &mut ends.destination, &item.destination, difference).await
                }
            };
            let result = match is_free {
                Ok(()) => Box::pin(copy(context, ends, &item, options)).await,
                Err(failure) => Err(failure),
            };
            let stays = result.as_ref().ok().and_then(|done| self.stream.note_copied(&item, done).err());
            self.stream.report(FileResult { item, result, stays });
        }
    }

    /// Directories get their times and modes after their contents: each file changes the time of its directory, and a
    /// directory may be one into which nothing can be written. Where a session was lost, those that may have gone with it are made
    /// again before: of an empty one, no file shows that it is not there.
    async fn finish_directories(&mut self) {
        let (context, root) = (self.stream.context, &self.tree.destination);
        let mut wanted = KeptFacts::of(self.stream.options, self.stream.ends());
        let (Ends { destination, .. }, tally) = self.stream.idle_and_tally();
        let has_lost_session = destination.has_lost_session();
        let mut next = vec![(root.clone(), self.tree.attributes)];
        while !next.is_empty() {
            if !(wanted.times || wanted.modes || has_lost_session) || context.run.cancel.is_cancelled() {
                return;
            }
            if let Err(failure) = connect(context, destination).await {
                if has_lost_session && !tally.has_failed() {
                    tally.failed_directory(String::new(), destination.show(root), failure);
                }
                return;
            }
            for (path, _) in next.iter().filter(|_| has_lost_session) {
                // Whoever has the job now may have moved or deleted the tree since.
                let made = match context.confirm_job().await {
                    Ok(()) => ask!(
                        context,
                        destination,
                        files::make_directory_of_tree(context, destination, root, path)
                    ),
                    Err(lost) => Err(lost),
                };
                if let Err(failure) = made {
                    let is_over = path == root || failure.kind == Kind::Interrupted;
                    tally.failed_directory(String::new(), destination.show(path), failure);
                    if is_over {
                        return;
                    }
                }
            }
            if let Err(failure) = finish_directories(context, destination, &next, &mut wanted).await {
                tally.failed_directory(String::new(), destination.show(root), failure);
                return;
            }
            next.clear();
            while next.len() < AT_ONCE
                && let Ok(Some(Visit::Directory(path, attributes))) = self.made.pop()
            {
                next.push((place::join(Some(root), &path), attributes));
            }
        }
    }

    /// Notes a failure at `path` of the tree, or of the tree itself.
    fn failed(&mut self, path: Option<&PathName>, failure: Failure) {
        let (source, dest) = self.shown(path);
        self.stream.tally.failed(source, dest, failure);
    }

    /// The same of a directory of the tree.
    fn failed_directory(&mut self, path: Option<&PathName>, failure: Failure) {
        let (source, dest) = self.shown(path);
        self.stream.tally.failed_directory(source, dest, failure);
    }

    /// How reports call what is at `path` of the tree, or the tree itself, at both ends.
    fn shown(&self, path: Option<&PathName>) -> (String, String) {
        let (Tree { source, destination, .. }, ends) = (&self.tree, self.stream.ends());
        let (from, to) = (place::at_or_below(source, path), place::at_or_below(destination, path));
        (ends.source.show(&from), ends.destination.show(&to))
    }
}

/// The number of directories that a server is told to make, or that get their times, at once.
const AT_ONCE: usize = 32;
/// Why a file of a move is skipped.
const PART: &str =
    "another job may be copying it, or it is a source of a move that was killed: resume that job";
