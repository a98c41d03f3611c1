//! The directories of a tree that was moved: each is removed if it is empty when everything else is done. And sources that have
//! another name for a moment, so that it is seen whether the copy is the same file under another place: a run that is killed
//! meanwhile leaves one under that name, and the next run of the job gives it its name back.

use super::portion::MovedTree;
use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{About, Failure, Kind, Result};
use crate::id::JobId;
use crate::job::checked_directories::{CheckedDirectories, removal_if_empty};
use crate::job::part::{Part, id_of, new_id};
use crate::job::removal::{Removal, rename_free};
use crate::job::retry::{ask, connect, facts};
use crate::job::spool::NameSet;
use crate::job::summary::Tally;
use crate::journal::{ItemKey, ItemRecord, PartId};
use crate::place::{self, Location, Netrc};
use crate::report::{Change, Event};
use crate::route::Ends;
use crate::session::Role;
use crate::world::device_in;
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::{HashMap, HashSet};

/// The directories of a tree, and its sources that an earlier run has given another name.
#[derive(Debug)]
pub(in crate::job) struct MovedDirectories {
    pub(in crate::job) tree: MovedTree,
    /// Directories below the root that were entered, each before those in it.
    directories: Vec<PathName>,
    /// Paths below the root that could not be looked at: what is in such a directory has not moved.
    unseen: NameSet,
    /// Whether the root itself is removed if it is empty.
    with_root: bool,
    /// The names that its sources may have, as soon as one was looked for.
    names: Option<SourceNames>,
    /// How many names were looked for that an earlier run may have given.
    looked: u32,
}

impl MovedDirectories {
    /// Nothing was entered yet.
    pub(in crate::job) fn new(root: &PathName, with_root: bool) -> Self {
        let (directories, unseen) = (Vec::new(), NameSet::default());
        Self { tree: MovedTree::of(root), directories, unseen, with_root, names: None, looked: 0 }
    }

    /// Notes a directory that was entered.
    pub(in crate::job) fn note_entered(&mut self, below: &PathName) {
        if self.directories.len() < MOST_DIRECTORIES {
            self.directories.push(below.clone());
        }
    }

    /// Notes what could not be looked at; `None` is the root. A directory stays, and nobody lists it again to tell why.
    pub(in crate::job) fn note_unseen(&mut self, below: Option<&PathName>) {
        match below {
            Some(below) => drop(self.unseen.insert(below.as_bytes())),
            None => self.with_root = false,
        }
    }

    /// Gives a source its name back that an earlier run of the job was about to delete under the name `aside`, and returns
    /// that name below the root; `None` if it is no such name, or if very many were looked for.
    pub(in crate::job) async fn put_back(
        &mut self,
        context: &Context,
        host: &mut Host,
        aside: &PathName,
    ) -> Result<Option<PathName>> {
        self.looked += 1;
        if self.looked > MOST_LOOKED || !context.run.job_journal.is_resumed() {
            return Ok(None);
        }
        let names = match &mut self.names {
            Some(names) => names,
            none => none.insert(SourceNames::of(context).await),
        };
        let path = self.tree.scope.path(Some(aside));
        let Some(source) = names.called(&path) else { return Ok(None) };
        name_back(context, host, &path, &source).await?;
        Ok(place::base_name(&source).map(|name| place::sibling(aside, &name)))
    }

    /// Removes the directories that are empty. Failures go to `tally`.
    pub(in crate::job) async fn carry_out(self, context: &Context, ends: &mut Ends, tally: &mut Tally) {
        let (host, tree) = (&mut ends.source, &self.tree);
        let mut checked = CheckedDirectories::of_move(context, &tree.scope, &tree.links);
        let root = self.with_root.then_some(None);
        let is_seen = |below: &PathName| !self.unseen.contains(below.as_bytes());
        let directories = self.directories.into_iter().rev().filter(is_seen);
        for below in directories.map(Some).chain(root) {
            if context.run.cancel.is_cancelled() {
                return;
            }
            let place = host.show(&tree.scope.path(below.as_ref()));
            match remove_if_empty(context, host, tree, below.as_ref(), &mut checked).await {
                Ok(true) => report_moved(context, place, listing::Kind::Directory, None),
                Ok(false) => {}
                Err(failure) => tally.failed_directory(place, String::new(), failure),
            }
        }
    }
}

/// Tells that a source, or a directory of one, was deleted.
pub(super) fn report_moved(context: &Context, place: String, kind: listing::Kind, size: Option<u64>) {
    let change = Change { verb: "move", place, dest: None, kind, size, dry_run: false };
    context.run.events.say(Event::Changed(change));
}

/// Removes a directory if it is empty, and its own directory still one of the tree. Returns whether that was done.
async fn remove_if_empty(
    context: &Context,
    host: &mut Host,
    MovedTree { scope, .. }: &MovedTree,
    below: Option<&PathName>,
    checked: &mut CheckedDirectories<'_>,
) -> Result<bool> {
    if let Some(below) = below
        && (checked.was_link(below) || !checked.is_within(host, place::parent(below).as_ref()).await?)
    {
        return Ok(false);
    }
    ask!(context, host, async {
        // If it cannot be removed, its listing tells why.
        if host.keeps_full_directories()
            && Removal::directory_if_empty(scope, below)?.carry_out(context, host).await.is_ok()
        {
            return Ok(true);
        }
        match removal_if_empty(context, host, scope, below, Role::Source).await? {
            Some(removal) => removal.carry_out(context, host).await.map(|_| true),
            None => Ok(false),
        }
    })
}

/// Whether the directory of a source is there, and is one. If its disk is not mounted, most directories are missing as well, and
/// others are empty. `unique` told the source from other files.
pub(super) async fn has_directory_of(
    context: &Context,
    host: &mut Host,
    source: &PathName,
    unique: Option<&str>,
) -> Result<bool> {
    let directory = place::parent_or_here(source);
    let found = facts(context, host, &directory).await?;
    let is_there = found.is_some_and(|found| found.kind == listing::Kind::Directory);
    Ok(is_there && !is_without_disk(context, host, &directory, unique).await?)
}

/// Whether a directory of this host is empty, and on another device than a file that was in it: the disk of the file is not mounted
/// there now. `unique` told that file from others. A device may get another number, so a directory that has something is believed.
pub(in crate::job) async fn is_without_disk(
    context: &Context,
    host: &mut Host,
    directory: &PathName,
    unique: Option<&str>,
) -> Result<bool> {
    let Some(before) = unique.filter(|_| host.is_local()).and_then(device_in) else { return Ok(false) };
    let now = facts(context, host, directory).await?;
    if now.is_none_or(|now| now.unique.as_deref().and_then(device_in) == Some(before)) {
        return Ok(false);
    }
    let mut is_empty = true;
    files::list_each(context, host, directory, &mut |_| is_empty = false).await?;
    Ok(is_empty)
}

/// Refuses to take a source that is not there for a moved one if its directory is not there either: a move leaves that. `unique` told
/// the source, or a file in it, from others.
pub(in crate::job) async fn refuse_without_directory(
    context: &Context,
    host: &mut Host,
    source: &PathName,
    unique: Option<&str>,
) -> Result<()> {
    if has_directory_of(context, host, source, unique).await? {
        return Ok(());
    }
    let source = host.show(source);
    let what = format!("{source} is not there, and neither is its directory, as it was: a move leaves that");
    Err(Failure::new(Kind::Missing, what).about(About::Unfinished).hint(DISK_AWAY))
}

/// The other name of a source while its copy is looked for. A later run of the job finds it again.
pub(super) fn name_aside(context: &Context, source: &PathName) -> Result<PathName> {
    let id = match context.run.job_journal.job() {
        Some(job) => id_of(job, source),
        None => new_id()?,
    };
    Ok(Part::new(id, source)?.stored)
}

/// Gives a source its name back, because of `why`. If that fails, the failure says what its name is now.
pub(super) async fn named_again(
    context: &Context,
    host: &mut Host,
    aside: &PathName,
    source: &PathName,
    why: Failure,
) -> Failure {
    let mut cleanup = context.for_cleanup().0;
    cleanup.run.job_journal = context.run.job_journal.clone();
    match rename_free(&cleanup, host, aside, source).await {
        Ok(()) => why,
        Err(_) => why.hint(format!("it is {} now: rename it back", host.show(aside))),
    }
}

/// The last names of the sources of a move, also those that they have at the destination.
#[derive(Debug)]
pub(in crate::job) struct SourceNames {
    job: Option<JobId>,
    names: HashSet<PathName>,
    /// Those in one directory, by what a run of the job calls them before it deletes them.
    called: (Option<PathName>, HashMap<PartId, PathName>),
}

impl SourceNames {
    /// None if the journal has ended: then the job goes on another time.
    pub(in crate::job) async fn of(context: &Context) -> Self {
        let journal = &context.run.job_journal;
        let mut names = HashSet::new();
        let mut note = |row: &ItemRecord| {
            let source = Location::parse(row.place.source.as_bytes(), &Netrc::default())
                .ok()
                .map(|source| source.path);
            let copy = PathName::from_wire(row.place.path.clone()).ok();
            names.extend(source.into_iter().chain(copy).filter_map(|path| place::base_name(&path)));
        };
        journal.open_files().await.iter().for_each(&mut note);
        let mut last = ItemKey::default();
        loop {
            let rows = journal.stored_before(ANY_TIME, last).await;
            let Some(row) = rows.last() else { break };
            last = row.key;
            rows.iter().for_each(&mut note);
        }
        Self { job: journal.job(), names, called: Default::default() }
    }

    /// The source beside `aside` to which a run of the job has given that name.
    pub(in crate::job) fn called(&mut self, aside: &PathName) -> Option<PathName> {
        let (job, id) = (self.job?, Part::id_in(aside)?);
        let directory = place::parent(aside);
        if self.called.1.is_empty() || self.called.0 != directory {
            let sources = self.names.iter().map(|name| place::sibling(aside, name));
            self.called = (directory, sources.map(|source| (id_of(job, &source), source)).collect());
        }
        self.called.1.get(&id).cloned()
    }
}

/// Gives the source of a single file its name back, if an earlier run of the job was killed while it had the other one. Its
/// copy may be the same file. Returns whether it has it back.
pub(in crate::job) async fn put_back(context: &Context, host: &mut Host, source: &PathName) -> Result<bool> {
    if !context.run.job_journal.is_resumed() {
        return Ok(false);
    }
    let aside = name_aside(context, source)?;
    if facts(context, host, &aside).await?.is_none() {
        return Ok(false);
    }
    name_back(context, host, &aside, source).await?;
    Ok(true)
}

/// Renames what an earlier run has set aside.
///
/// # Errors
///
/// The server does not rename it, or another host may carry the job now.
pub(in crate::job) async fn name_back(
    context: &Context,
    host: &mut Host,
    aside: &PathName,
    source: &PathName,
) -> Result<()> {
    connect(context, host).await?;
    context.confirm_job().await?;
    let (aside_name, name) = (host.show(aside), host.show(source));
    rename_free(context, host, aside, source).await.map_err(|failure| {
        let what = format!("{aside_name} is the source {name}, and has not got its name back");
        failure.during_unless_interrupted(what).hint("rename it, and resume the job")
    })
}

/// What to do where the disk of a source may be away.
pub(in crate::job) const DISK_AWAY: &str = "put it back where it was, or mount its disk, before the job goes on; if the directory is the right one although it is empty, put any file into it";
/// The largest number of names in a tree that are looked for. A look in another directory goes through all names of sources.
const MOST_LOOKED: u32 = 16;
/// Later than any time of a journal, in milliseconds since 1970.
const ANY_TIME: u64 = i64::MAX.cast_unsigned();
/// The largest number of directories that are removed. Others stay, empty.
const MOST_DIRECTORIES: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::endpoint::LocalEnd;
    use std::fs;

    #[tokio::test]
    async fn n8_an_empty_directory_on_another_device_than_its_file_was_is_without_its_disk() {
        let home = tempfile::tempdir().unwrap();
        let (context, mut host) = (Context::for_tests(Cancel::never()), Host::Local(LocalEnd::Typed));
        let path = |name: &str| PathName::from_user(home.path().join(name).to_str().unwrap()).unwrap();
        let (directory, file) = (path("d"), path("d/f"));
        fs::create_dir(home.path().join("d")).unwrap();
        fs::write(home.path().join("d/f"), "f").unwrap();
        let here = facts(&context, &mut host, &file).await.unwrap().unwrap().unique.unwrap();
        let elsewhere = format!("1{here}");
        for (is_empty, unique, expect) in [
            (false, Some(&here), false),
            (false, Some(&elsewhere), false),
            (true, Some(&here), false),
            (true, Some(&elsewhere), true),
            (true, None, false),
        ] {
            if is_empty {
                let _ = fs::remove_file(home.path().join("d/f"));
            }
            let unique = unique.map(String::as_str);
            let is_away = is_without_disk(&context, &mut host, &directory, unique).await.unwrap();
            assert_eq!(is_away, expect, "{is_empty} {unique:?}");
            let refused = refuse_without_directory(&context, &mut host, &file, unique).await.is_err();
            assert_eq!(refused, expect, "{is_empty} {unique:?}");
        }
    }
}
