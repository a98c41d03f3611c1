//! The directories of a tree that was moved: each is removed if it is empty when everything else is done.

use super::copied::MovedTree;
use crate::check::Removal;
use crate::context::Context;
use crate::endpoint::{Host, learn_listing};
use crate::failure::{Failure, Kind};
use crate::job::aside::{MOST_LOOKED, name_back, name_of};
use crate::job::checked_directories::{CheckedDirectories, CheckedEntry, DeletionPurpose};
use crate::job::claims::names::named_below;
use crate::job::retrying::outage::Question;
use crate::job::summary::tally::Tally;
use crate::place;
use crate::report::{Change, Event};
use crate::route::Ends;
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// The directories of a tree, and its sources that an earlier run has given another name.
#[derive(Debug)]
pub(in crate::job) struct MovedDirectories {
    tree: MovedTree,
    /// Where the copies are.
    destination: PathName,
    /// Directories below the root that were entered, each before those in it.
    directories: Vec<PathName>,
    /// Whether the root itself is removed if it is empty.
    with_root: bool,
    /// How many names were looked for that an earlier run may have given.
    looked: u32,
}

impl MovedDirectories {
    /// Nothing was entered yet.
    pub(in crate::job) fn new(root: &PathName, destination: &PathName, with_root: bool) -> Self {
        let (tree, destination) = (MovedTree::of(root), destination.clone());
        Self { tree, destination, directories: Vec::new(), with_root, looked: 0 }
    }

    /// The tree, for the workers.
    pub(in crate::job) const fn tree(&self) -> &MovedTree {
        &self.tree
    }

    /// Notes a directory that was entered.
    pub(in crate::job) fn directory(&mut self, below: &PathName) {
        if self.directories.len() < MOST_DIRECTORIES {
            self.directories.push(below.clone());
        }
    }

    /// Gives a source its name back that an earlier run of the job was about to delete under the name `aside`, and returns
    /// that name below the root; `None` if it is no such name, or if very many were looked for.
    ///
    /// # Errors
    ///
    /// The server does not rename it.
    pub(in crate::job) async fn put_back(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        aside: &PathName,
    ) -> Result<Option<PathName>, Failure> {
        self.looked += 1;
        if self.looked > MOST_LOOKED {
            return Ok(None);
        }
        let root = self.tree.scope.root();
        let aside = place::join(Some(root), aside);
        let destination = named_below(&ends.destination, &self.destination);
        let Some(below) = name_of(context, (root, &destination), &aside) else { return Ok(None) };
        name_back(context, &mut ends.source, (&aside, &place::join(Some(root), &below))).await?;
        Ok(Some(below))
    }

    /// Removes the directories that are empty. Failures go to `tally`.
    pub(in crate::job) async fn carry_out(mut self, context: &Context, ends: &mut Ends, tally: &mut Tally) {
        let host = &mut ends.source;
        let mut entered =
            CheckedDirectories::sharing(&self.tree.scope, DeletionPurpose::Move, &self.tree.links);
        let directories = std::mem::take(&mut self.directories);
        let root = self.with_root.then_some(None);
        for below in directories.into_iter().rev().map(Some).chain(root) {
            if context.run.cancel.is_cancelled() {
                return;
            }
            if let Err(failure) = self.remove_if_empty(context, host, below.as_ref(), &mut entered).await {
                tally.failed(host.show(&self.tree.scope.path(below.as_ref())), String::new(), failure);
            }
        }
    }

    async fn remove_if_empty(
        &self,
        context: &Context,
        host: &mut Host,
        below: Option<&PathName>,
        entered: &mut CheckedDirectories,
    ) -> Result<(), Failure> {
        let path = self.tree.scope.path(below);
        if let Some(below) = below
            && (entered.was_link(below) || !is_within(context, host, place::parent(below), entered).await?)
        {
            return Ok(());
        }
        let mut question = Question::new(context);
        let is_removed = loop {
            question.connect(host).await?;
            match self.once(context, host, below).await {
                Ok(is_removed) => break is_removed,
                // Its listing counts in the session that is lost.
                Err(failure) => question.again(failure).await?,
            }
        };
        if is_removed {
            tell(context, host, &path);
        }
        Ok(())
    }

    /// Removes a directory if it is empty. Returns whether it was.
    async fn once(
        &self,
        context: &Context,
        host: &mut Host,
        below: Option<&PathName>,
    ) -> Result<bool, Failure> {
        let scope = &self.tree.scope;
        // If it cannot be removed, its listing tells why.
        if host.keeps_full_directories()
            && Removal::directory_if_empty(scope, below)?.carry_out(context, host).await.is_ok()
        {
            return Ok(true);
        }
        let listing = learn_listing(context, host, &scope.path(below)).await?;
        let Some(now) = host.evidence_session() else { return Err(Failure::new(Kind::Temporary, LOST)) };
        let Some(removal) = Removal::emptied(scope, below, listing, now)? else { return Ok(false) };
        removal.carry_out(context, host).await.map(|_| true)
    }
}

/// Tells that a directory was removed.
fn tell(context: &Context, host: &Host, path: &PathName) {
    let (verb, dest, dry_run, size) = ("move", None, false, None);
    let (place, kind) = (host.show(path), listing::Kind::Directory);
    context.run.events.say(Event::Changed(Change { verb, place, dest, kind, size, dry_run }));
}

/// Whether a directory of the tree is still one. If it was a symbolic link, the link is deleted, and what it leads to stays.
///
/// # Errors
///
/// What is in it stays, and why.
async fn is_within(
    context: &Context,
    host: &mut Host,
    directory: Option<PathName>,
    entered: &mut CheckedDirectories,
) -> Result<bool, Failure> {
    match entered.enter(context, host, directory.as_ref()).await? {
        CheckedEntry::Directory => Ok(true),
        CheckedEntry::Link(_) => Ok(false),
        CheckedEntry::Elsewhere(_, failure) => Err(failure),
    }
}

/// What is said if nothing that was seen counts.
const LOST: &str = "a session with the source was lost";
/// The largest number of directories that are removed. Others stay, empty.
const MOST_DIRECTORIES: usize = 1_000_000;
