//! One worker: a pair of ends with sessions of its own that copies the files it is given.

use super::already_there;
use super::batch::{self, Prospect, SharedPath};
use super::taken_names::TakenNames;
use crate::context::Context;
use crate::endpoint::files;
use crate::failure::{About, Failure, Kind, Result};
use crate::job::claims::claim::{ClaimedFile, FileClaim};
use crate::job::file::copy::{copy, copy_claimed};
use crate::job::moving::{
    self, DirectorySizes, KeptSource, MovedLinks, MovedPortion, MovedTree, expected_copy,
};
use crate::job::request::job::Options;
use crate::job::{Item, Target};
use crate::outcome::FileCopy;
use crate::place;
use crate::route::{Ends, Manner};
use ftp_io::lock::Lock;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// A worker, and what it has copied.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) ends: Ends,
    /// What it has copied of a move, whose sources wait to be deleted.
    pub(super) portion: MovedPortion,
    /// When the file was begun that it copies, if that is one large file.
    pub(super) large_since: Option<Moment>,
}

impl Worker {
    pub(super) fn of(ends: Ends) -> Self {
        Self { ends, portion: MovedPortion::default(), large_since: None }
    }

    /// The moment from which a session of it counts as long idle. `None` while sources wait to be deleted: only the session that has
    /// verified their copies proves them.
    pub(super) fn long_idle_at(&self) -> Option<Moment> {
        self.ends.long_idle_at().filter(|_| self.portion.is_empty())
    }
}

/// A file that a worker has done with.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::job) struct FileResult {
    /// The file, under the names that it turned out to have.
    pub(in crate::job) item: Item,
    /// What came of it.
    pub(in crate::job) result: Result<FileCopy>,
    /// Why the source of a move stays although it was copied.
    pub(in crate::job) stays: Option<Failure>,
}

impl FileResult {
    /// What came of a file.
    pub(in crate::job) const fn of(item: Item, result: Result<FileCopy>) -> Self {
        Self { item, result, stays: None }
    }
}

/// What a worker has come to with the files that it was given.
#[derive(Debug, Default)]
pub(super) struct WorkerResults {
    /// The files that have ended.
    pub(super) files: Vec<FileResult>,
    /// Those that were not begun, because nothing more is, or that are still to be copied alone.
    pub(super) unbegun: Vec<ClaimedFile>,
    /// Sources of a move that were copied and stay.
    pub(super) kept: Vec<KeptSource>,
    /// Whether the next small files may move together.
    pub(super) prospect: Prospect,
    /// How some have moved together, if they have.
    pub(super) manner: Option<Manner>,
    /// Some files did not move together. One of them is copied alone, and the rest, which any worker may take, wait.
    pub(super) others_wait: bool,
    /// A server was given up, so the worker has no session with it.
    pub(super) has_no_session: bool,
    /// A file has failed, and nothing more is begun after a failure.
    pub(super) fails_fast: bool,
    /// Files that another daemon was to copy, and has not.
    pub(super) returned: Vec<Item>,
    /// Another daemon has lost a session with the destination.
    pub(super) has_lost_session: bool,
    /// Why a part of a file that another daemon has copied may still be there.
    pub(super) undeleted_part: Option<Failure>,
    /// Another daemon is lost, and with it what is known of its files.
    pub(super) has_lost_tree_part: bool,
}

/// What a worker needs beside its ends. All workers share it.
#[derive(Clone, Debug)]
pub(super) struct WorkerTools {
    pub(super) context: Context,
    pub(super) options: Options,
    /// Source directories that were listed because a file was missing, without finding it. They are not asked again.
    unexplained: Arc<Mutex<HashSet<Option<PathName>>>>,
    /// The names that files had at the destination.
    pub(super) names: TakenNames,
    /// About how many names directories have.
    pub(super) sizes: DirectorySizes,
    /// The symbolic links that are moved.
    pub(super) links: MovedLinks,
    /// The tree that is moved, if it is one.
    pub(super) tree: Option<MovedTree>,
}

impl WorkerTools {
    /// Those of workers that have copied nothing yet.
    pub(super) fn new(context: &Context, options: Options) -> Self {
        Self {
            context: context.clone(),
            options,
            unexplained: Arc::default(),
            names: TakenNames::default(),
            sizes: DirectorySizes::default(),
            links: MovedLinks::default(),
            tree: None,
        }
    }

    /// Copies files: together on the path that they share, else one after the other. Of several without a path, those that the
    /// destination has already are settled, one other is copied, and the rest wait for the path that it finds. The sources of a
    /// move are deleted soon after.
    pub(super) async fn copy(
        &self,
        worker: &mut Worker,
        mut files: Vec<ClaimedFile>,
        shared: Option<SharedPath>,
    ) -> WorkerResults {
        let mut results = WorkerResults { others_wait: files.len() > 1, ..WorkerResults::default() };
        // They wait for the next batch, whatever has ended this one.
        let mut late = Vec::new();
        if let Some(mut shared) = shared {
            let (context, ends, names) = (&self.context, &mut worker.ends, &self.names);
            results = Box::pin(batch::batched(context, ends, files, self.options, &mut shared, names)).await;
            files = std::mem::take(&mut results.unbegun);
            results.others_wait |= results.prospect == Prospect::None;
            late = shared.close().await;
            for file in std::mem::take(&mut results.files) {
                self.ended(worker, &mut results, file);
            }
            self.delete_if(worker, &mut results, MovedPortion::is_due).await;
        }
        let mut others = Vec::new();
        while !files.is_empty() {
            let later = files.split_off(files.len().min(already_there::MOST));
            let (context, options, ends) = (&self.context, self.options, &mut worker.ends);
            let sorted = already_there::sort_out(context, ends, files, options, &self.names).await;
            others.extend(self.copy_in_turn(worker, &mut results, sorted.settled).await);
            others.extend(sorted.others);
            files = later;
        }
        let waiting = if results.others_wait { others.split_off(others.len().min(1)) } else { Vec::new() };
        results.unbegun = self.copy_in_turn(worker, &mut results, others).await;
        results.unbegun.extend(waiting.into_iter().chain(late));
        results
    }

    /// Copies files one after the other. Returns those that were not begun, because nothing more is.
    async fn copy_in_turn(
        &self,
        worker: &mut Worker,
        results: &mut WorkerResults,
        files: Vec<ClaimedFile>,
    ) -> Vec<ClaimedFile> {
        let mut files = files.into_iter();
        while !self.context.run.cancel.is_cancelled() && !results.has_no_session && !results.fails_fast {
            let Some(file) = files.next() else { break };
            let size = self.size_of(worker, &file.item).await;
            // A copy counts as verified only in the session that has verified it.
            let loses_session = worker.ends.destination.may_need_another_session();
            let is_due = |portion: &MovedPortion, _| loses_session || portion.is_due_before(size);
            self.delete_if(worker, results, is_due).await;
            let file = Box::pin(self.copy_one(&mut worker.ends, file)).await;
            results.has_no_session = matches!(&file.result, Err(failure) if failure.about == About::GivenUp);
            results.fails_fast = file.result.is_err() && self.options.fail_fast;
            self.ended(worker, results, file);
            self.delete_if(worker, results, MovedPortion::is_due).await;
        }
        files.collect()
    }

    /// In a directory that this job has made, a server of ours is not asked what has the name of a file that nobody has begun. Where
    /// nothing may be replaced, it is asked before the file gets its name. Others may have to store it under that name.
    fn expect_nothing(&self, ends: &mut Ends, item: &mut Item, claim: &FileClaim) {
        let is_expected = !claim.was_begun() && item.target == Target::Unknown && item.kept_as.is_none();
        if is_expected && self.names.is_in_new_directory(&item.destination) && ends.destination.is_ours() {
            item.target = Target::Known(None);
        }
    }

    /// Copies a file. If one is missing that was listed, the listing may have dropped leading blanks of its name.
    async fn copy_one(&self, ends: &mut Ends, ClaimedFile { mut item, claim }: ClaimedFile) -> FileResult {
        let mut result = match claim {
            Ok(claim) => {
                self.expect_nothing(ends, &mut item, &claim);
                copy_claimed(&self.context, ends, &item, self.options, claim).await
            }
            Err(failure) => Err(failure),
        };
        let directory = place::parent(&item.source);
        let is_missing = result.as_ref().is_err_and(|failure| failure.kind == Kind::Missing);
        let unexplained = || self.unexplained.locked();
        if is_missing && item.is_listed && !unexplained().contains(&directory) {
            let found = files::with_blanks(&self.context, &mut ends.source, &item.source).await;
            let found =
                found.ok().flatten().and_then(|path| place::base_name(&path).map(|name| (path, name)));
            match found {
                None => drop(unexplained().insert(directory)),
                Some((source, name)) => {
                    let above = place::parent(&item.destination);
                    (item.source, item.destination) = (source, place::join(above.as_ref(), &name));
                    result = copy(&self.context, ends, &item, self.options).await;
                }
            }
        }
        FileResult::of(item, result)
    }

    /// How large a file is, if that is known. A file of this host is looked at if sources of a move wait for it.
    async fn size_of(&self, worker: &mut Worker, item: &Item) -> Option<u64> {
        match &item.known {
            None if !worker.portion.is_empty() && worker.ends.source.is_local() => {
                files::facts(&self.context, &mut worker.ends.source, &item.source).await.ok()??.size
            }
            known => known.as_ref()?.size,
        }
    }

    /// Notes what came of a file.
    fn ended(&self, worker: &mut Worker, results: &mut WorkerResults, mut file: FileResult) {
        if let Ok(done) = &file.result {
            file.stays = self.note_copied(&worker.ends, &mut worker.portion, &file.item, done).err();
        }
        results.files.push(file);
    }

    /// Notes that a file was copied, whose source is deleted with others if this is a move.
    pub(super) fn note_copied(
        &self,
        ends: &Ends,
        portion: &mut MovedPortion,
        item: &Item,
        done: &FileCopy,
    ) -> Result<()> {
        if !self.options.deletes_sources() {
            return Ok(());
        }
        let expected = expected_copy(ends, self.options, done);
        portion.note(&self.context, self.tree.as_ref(), item, done, expected)
    }

    /// Deletes the sources of what was copied, if that is due.
    async fn delete_if(
        &self,
        worker: &mut Worker,
        results: &mut WorkerResults,
        is_due: impl Fn(&MovedPortion, Moment) -> bool,
    ) {
        if !worker.portion.is_empty() && is_due(&worker.portion, self.context.world.clock.now()) {
            results.kept.extend(self.delete_sources(worker).await);
        }
    }

    /// Deletes the sources of what a worker has copied. Returns those that stay.
    pub(super) async fn delete_sources(&self, Worker { ends, portion, .. }: &mut Worker) -> Vec<KeptSource> {
        let known = (&self.sizes, &self.links);
        Box::pin(moving::delete_sources(&self.context, ends, portion, self.tree.as_ref(), known)).await
    }
}
