//! What only the destination has is deleted, or kept in another directory: files first, then directories that are empty, from
//! below.

use super::hidden::{Hidden, ends_all};
use super::listed::cannot_keep;
use super::named::Named;
use super::twins::Twins;
use crate::check::{Permit, Removal, Scope};
use crate::context::Context;
use crate::endpoint::{self, Host, list};
use crate::failure::{Failure, Kind};
use crate::job::entered::{Entered, Found, Why};
use crate::job::remains::backup::{self, Backup};
use crate::job::retrying::outage::asked;
use crate::job::spool::Spool;
use crate::job::summary::tally::Tally;
use crate::place;
use crate::report::{Change, Event};
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::HashSet;

/// What is deleted below a destination.
#[derive(Debug)]
pub(super) struct Deletion<'a> {
    pub(super) context: &'a Context,
    pub(super) permit: Permit,
    /// Where the source is.
    pub(super) source: PathName,
    /// Where the destination is.
    pub(super) root: PathName,
    /// Where files go instead.
    pub(super) backup: Option<Backup>,
    /// What has another name now.
    pub(super) renamed: HashSet<PathName>,
    /// Names that differ from new ones only in case.
    pub(super) twins: Twins,
    /// Whether a directory stays in which nothing was deleted: only some files are wanted.
    pub(super) selects: bool,
    /// Whether only a plan is asked for.
    pub(super) is_dry: bool,
}

impl Deletion<'_> {
    /// Deletes it. Failures go to `tally`.
    ///
    /// # Errors
    ///
    /// Nothing more is deleted: the server was given up, or somebody has asked the program to stop.
    pub(super) async fn run(
        self,
        (source, host): (&mut Host, &mut Host),
        mut surplus: Spool<Named>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let scope = Scope::of_destination(&self.root);
        let mut hidden = Hidden::at(self.source.clone());
        let mut entered = Entered::new(&scope, Why::Synced);
        // Directories, and those in which something was deleted.
        let (mut directories, mut emptier) = (Vec::new(), HashSet::new());
        while let Some(named) = surplus.pop().map_err(|error| cannot_keep(&error))? {
            if self.context.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            let is_renamed = self.renamed.contains(&named.path);
            let stays = self.twins.spares(&named.path)
                || (!is_renamed && !hidden.lacks(self.context, source, &named).await?);
            if stays {
                continue;
            }
            if named.is_directory() {
                if directories.len() < MOST_DIRECTORIES {
                    directories.push(named.path);
                }
                continue;
            }
            let is_gone = is_renamed
                || match self.file(host, (&scope, &mut entered), &named, tally).await {
                    Ok(()) => true,
                    Err(failure) if ends_all(&failure) => return Err(failure),
                    Err(failure) => {
                        let path = place::join(Some(&self.root), &named.path);
                        tally.failed(String::new(), host.show(&path), failure);
                        false
                    }
                };
            if is_gone {
                emptier.extend(std::iter::successors(place::parent(&named.path), place::parent));
            }
        }
        hidden.tell(self.context, source);
        for below in directories.into_iter().rev() {
            if self.context.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            if self.selects && !emptier.contains(&below) {
                continue;
            }
            match self.directory(host, (&scope, &mut entered), &below, tally).await {
                Ok(()) => {}
                Err(failure) if ends_all(&failure) => return Err(failure),
                Err(failure) => {
                    let path = place::join(Some(&self.root), &below);
                    tally.failed(String::new(), host.show(&path), failure);
                }
            }
        }
        Ok(())
    }

    async fn file(
        &self,
        host: &mut Host,
        (scope, entered): (&Scope, &mut Entered),
        named: &Named,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let (context, below) = (self.context, &named.path);
        let path = place::join(Some(&self.root), below);
        let what = (named.facts.kind, named.facts.size);
        let kept_as = self.backup.as_ref().map(|backup| backup.of(below));
        if self.is_dry {
            self.tell((host, &path), kept_as.as_ref(), what).await;
            tally.deleted();
            return Ok(());
        }
        if let Found::Elsewhere(_, failure) =
            entered.enter(context, host, place::parent(below).as_ref()).await?
        {
            return Err(failure);
        }
        let now = asked(context, host, async |host| endpoint::entry(context, host, &path).await).await?;
        let Some(now) = now else { return Ok(()) };
        let removal = Removal::surplus(&self.permit, scope, below, (&named.facts, &now))?;
        let kept = match kept_as {
            None => {
                asked(context, host, async |host| removal.carry_out(context, host).await).await?;
                None
            }
            Some(kept_as) => {
                let kept = backup::keep(context, host, removal.path(), &kept_as).await;
                Some(kept.map_err(|failure| {
                    failure.during_unless_interrupted("it is not deleted, because it cannot be kept")
                })?)
            }
        };
        self.tell((host, &path), kept.as_ref(), what).await;
        tally.deleted();
        Ok(())
    }

    async fn directory(
        &self,
        host: &mut Host,
        (scope, entered): (&Scope, &mut Entered),
        below: &PathName,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let context = self.context;
        let path = place::join(Some(&self.root), below);
        if !self.is_dry {
            if let Found::Elsewhere(_, failure) = entered.enter(context, host, Some(below)).await? {
                return Err(failure);
            }
            let listing = asked(context, host, async |host| list(context, host, &path).await).await;
            let listing = match listing {
                Err(failure) if failure.kind == Kind::Missing => return Ok(()),
                listing => listing?,
            };
            let Some(removal) = Removal::emptied(scope, Some(below), &listing)? else { return Ok(()) };
            asked(context, host, async |host| removal.carry_out(context, host).await).await?;
        }
        self.tell((host, &path), None, (listing::Kind::Directory, None)).await;
        tally.deleted();
        Ok(())
    }

    /// Tells that a name was deleted, or would be.
    async fn tell(
        &self,
        (host, path): (&Host, &PathName),
        kept_as: Option<&PathName>,
        (kind, size): (listing::Kind, Option<u64>),
    ) {
        let (place, dest, dry_run) = (host.show(path), kept_as.map(|path| host.show(path)), self.is_dry);
        let verb = if dest.is_some() { "backup" } else { "delete" };
        let change = Event::Changed(Change { verb, place, dest, kind, size, dry_run });
        if dry_run { self.context.events.deliver(change).await } else { self.context.events.say(change) }
    }
}

/// The largest number of directories that are removed. Others stay, empty.
const MOST_DIRECTORIES: usize = 1_000_000;
