//! `rm`: what is to be deleted is found, somebody is asked, and it is deleted: files first, directories from below. A name goes
//! only if a whole listing of its directory shows it in the session that deletes. What was found before somebody was asked is a
//! plan, and no evidence.

use super::removal_plan::{RemovalPlan, RemovalTotals, SeenPlaces};
use super::verb::VerbRun;
use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::job::{
    CheckedDirectories, CheckedEntry, DeletionPurpose, Question, Removal, Scope, Status, TreeEntry,
    answer_if_any, ask, check_cancel, name_in_journal, storing, with_directories_above,
};
use crate::place::{self, Location};
use crate::report::several;
use ftp_io::program::size;
use ftp_io::program::terminal::Terminal;
use ftp_proto::deletion::{Learnt, ListedEntry, ReasonToKeep, RemovalKind, SessionId};
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::{HashMap, HashSet};

/// What `rm` is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remove {
    /// What is deleted.
    pub places: Vec<Location>,
    /// Whether directories are deleted with everything in them.
    pub recursive: bool,
    /// Whether the person at the terminal is asked before directories are deleted with everything in them.
    pub asks: bool,
    /// Whether only a plan is asked for.
    pub dry_run: bool,
}

/// Deletes files and trees.
pub async fn remove(context: &Context, wanted: &Remove) -> Status {
    let mut run = VerbRun::new(context, "rm", wanted.dry_run);
    if let Err(failure) = remove_all(&mut run, wanted).await {
        run.failed("", failure);
    }
    run.end().await
}

async fn remove_all(run: &mut VerbRun<'_>, wanted: &Remove) -> Result<()> {
    let Remove { places, recursive, asks, dry_run } = wanted;
    let context = run.context;
    let nobody = || {
        Failure::usage("rm -r asks before it deletes, and there is no terminal")
            .hint("--yes answers; -n shows what would be deleted")
    };
    if *recursive {
        // What can be refused is refused before anything is sent to a server, and before anybody is asked.
        places.iter().try_for_each(|place| Scope::of_tree(place, None, &context.run.own_files).map(drop))?;
    }
    let asks = *recursive && *asks && !*dry_run;
    let terminal = if asks { Some(Terminal::open().ok_or_else(nobody)?) } else { None };
    let (mut plans, mut seen, mut planned) = (Vec::new(), SeenPlaces::default(), HashSet::new());
    for place in run.targets(places).await {
        // A place that is named twice is deleted and counted once.
        let name = (place.site().map(name_in_journal), place.path.clone());
        if planned.contains(&name) {
            continue;
        }
        match seen.plan(run, &place, *recursive).await {
            Ok(plan) => {
                planned.insert(name);
                plans.push(plan);
            }
            Err(failure) => run.failed(&place, failure),
        }
        if run.was_interrupted() {
            return Ok(());
        }
    }
    if let Some(terminal) = terminal.filter(|_| !plans.is_empty()) {
        let answer = terminal.confirm(question(&plans));
        if !context.run.cancel.unless_cancelled(answer).await? {
            return Err(Failure::new(Kind::Other, "nothing was deleted, because the answer was not yes"));
        }
    }
    for plan in plans {
        if run.was_interrupted() {
            run.summary.undecided += plan.totals.names();
            continue;
        }
        let (place, is_one_name) = (plan.place.to_string(), plan.totals.names() == 1);
        let mut deletion = PlaceDeletion::new(run, plan);
        let deleted = deletion.run().await;
        let undecided = deletion.undecided();
        deletion.host.release();
        if let Err(failure) = deleted {
            run.failed(place, failure);
            // The failure of one name says all of it.
            run.summary.undecided += if is_one_name { 0 } else { undecided };
        }
    }
    Ok(())
}

/// What the person at the terminal is asked.
fn question(plans: &[RemovalPlan]) -> String {
    let mut lines = vec!["This will be deleted:".to_owned()];
    let told = plans.iter().take(MOST_ASKED);
    lines.extend(told.map(|plan| format!("  {}: {}", plan.place, words(plan.totals))));
    let others = plans.get(MOST_ASKED..).unwrap_or_default();
    if !others.is_empty() {
        let mut all = RemovalTotals::default();
        others.iter().for_each(|plan| all.add(plan.totals));
        lines.push(format!("  and {} more: {}", several(others.len() as u64, "place"), words(all)));
    }
    lines.push("Delete it?".to_owned());
    lines.join("\n")
}

/// How much it is, in words.
fn words(RemovalTotals { files, directories, bytes }: RemovalTotals) -> String {
    let files_words = format!("{}, {}", several(files, "file"), size::bytes(bytes));
    match directories {
        0 => files_words,
        _ => format!("{} in {}", files_words, several(directories, "directory")),
    }
}

/// One place that is deleted.
struct PlaceDeletion<'r, 'c> {
    run: &'r mut VerbRun<'c>,
    host: Host,
    plan: RemovalPlan,
    /// Directories whose contents were deleted, each before those in it, with what their listings have shown of them.
    directories: Vec<(Option<PathName>, Option<Learnt<ListedEntry>>)>,
    /// What turned out to be no directory of this place. What the plan has below it is not touched.
    elsewhere: HashSet<Option<PathName>>,
    /// Directories that are not empty, because something in them has failed.
    kept: HashSet<Option<PathName>>,
    checked: CheckedDirectories<'c>,
    listed: DeletionListings,
}

impl<'r, 'c> PlaceDeletion<'r, 'c> {
    fn new(run: &'r mut VerbRun<'c>, plan: RemovalPlan) -> Self {
        let (host, listed) = (run.host(&plan.place), DeletionListings::default());
        let kept = plan.unlisted.iter().cloned().flat_map(with_directories_above).collect();
        let checked = CheckedDirectories::new(run.context, &plan.scope, DeletionPurpose::Remove);
        Self { run, host, plan, directories: Vec::new(), elsewhere: HashSet::new(), kept, checked, listed }
    }

    async fn run(&mut self) -> Result<()> {
        let root = self.plan.seen.clone();
        self.reach(None, root.kind == listing::Kind::Directory, root.size).await?;
        let cannot = |error| Failure::of_this_host("the names of the tree cannot be read again", &error);
        while let Some(entry) = self.plan.names.pop().map_err(cannot)? {
            let (is_directory, size) = (entry.is_directory(), entry.facts.size);
            let TreeEntry { path, .. } = entry;
            self.reach(Some(path), is_directory, size).await?;
        }
        while let Some((below, seen)) = self.directories.pop() {
            check_cancel(self.run.context)?;
            let is_gone = self.elsewhere.contains(&below) || self.is_elsewhere(&below);
            if is_gone || self.kept.contains(&below) {
                continue;
            }
            if below.is_none() || self.enter_above(&below).await? {
                // What a listing has shown counts in its own session.
                let now = self.host.evidence_session();
                let seen = match seen.filter(|seen| now.is_some_and(|now| seen.in_session(now).is_ok())) {
                    Some(seen) => Some(seen),
                    None => self.see(&below).await?,
                };
                self.delete(below, seen, RemovalKind::Directory, None).await?;
            }
        }
        Ok(())
    }

    /// If it has broken off, how many names it has not decided about, with the one that was under way.
    fn undecided(&self) -> u64 {
        let directories = self.directories.iter().filter(|(below, _)| !self.kept.contains(below));
        (self.plan.names.len() + directories.count()) as u64 + 1
    }

    /// Deletes a file. A directory is entered, and goes when everything in it has gone.
    async fn reach(&mut self, below: Option<PathName>, is_directory: bool, size: Option<u64>) -> Result<()> {
        check_cancel(self.run.context)?;
        if self.is_elsewhere(&below) || self.is_unlisted(&below) {
            return Ok(());
        }
        if is_directory {
            // A directory that stays is entered when something in it goes.
            if self.kept.contains(&below) {
                return Ok(());
            }
            let seen = self.see(&below).await?;
            if self.enter(below.as_ref()).await? {
                self.directories.push((below, seen));
            }
        } else if below.is_none() || self.enter_above(&below).await? {
            let seen = self.see(&below).await?;
            self.delete(below, seen, RemovalKind::File, size).await?;
        }
        Ok(())
    }

    /// Whether something was not listed, or is in what was not.
    fn is_unlisted(&self, below: &Option<PathName>) -> bool {
        let is_in = |unlisted: &Option<PathName>| match (unlisted, below) {
            (None, _) => true,
            (Some(unlisted), Some(below)) => below.is_at_or_below(unlisted),
            (Some(_), None) => false,
        };
        self.plan.unlisted.iter().any(is_in)
    }

    /// Whether something stands in what turned out to be no directory of this place.
    fn is_elsewhere(&self, below: &Option<PathName>) -> bool {
        let mut above = with_directories_above(below.clone()).skip(1);
        !self.elsewhere.is_empty() && above.any(|directory| self.elsewhere.contains(&directory))
    }

    /// What the listing of its directory shows of a name now; `None` for the place itself, which was named, and in a dry run.
    /// What no listing shows any more is told, unless it is gone.
    async fn see(&mut self, below: &Option<PathName>) -> Result<Option<Learnt<ListedEntry>>> {
        let (Some(_), false) = (below, self.run.summary.dry_run) else { return Ok(None) };
        let path = self.plan.scope.path(below.as_ref());
        let seen = self.listed.entry(self.run.context, &mut self.host, &path).await;
        Ok(answer_if_any(seen)?.flatten())
    }

    /// Enters the directory that has something in it, which is not the place itself.
    async fn enter_above(&mut self, below: &Option<PathName>) -> Result<bool> {
        self.enter(below.as_ref().and_then(place::parent).as_ref()).await
    }

    /// Looks at a directory before something in it is deleted. `false` if nothing in it may be: it was a symbolic link, which
    /// is deleted now, or nobody can tell.
    async fn enter(&mut self, below: Option<&PathName>) -> Result<bool> {
        if self.run.summary.dry_run {
            return Ok(true);
        }
        match self.checked.enter(&mut self.host, below).await? {
            CheckedEntry::Directory => return Ok(true),
            CheckedEntry::Link(link) => {
                let name = self.host.show(&self.plan.scope.path(link.as_ref()));
                self.run.changed(name, None, listing::Kind::Link, None).await;
                self.elsewhere.insert(link);
            }
            CheckedEntry::Elsewhere(directory, failure) => {
                self.elsewhere.insert(directory.clone());
                self.kept.insert(directory.clone());
                self.fail(directory, failure);
            }
        }
        Ok(false)
    }

    async fn delete(
        &mut self,
        below: Option<PathName>,
        mut seen: Option<Learnt<ListedEntry>>,
        what: RemovalKind,
        size: Option<u64>,
    ) -> Result<()> {
        let name = self.host.show(&self.plan.scope.path(below.as_ref()));
        let kind = match what {
            RemovalKind::File => listing::Kind::File,
            RemovalKind::Directory => listing::Kind::Directory,
        };
        if self.run.summary.dry_run {
            self.run.changed(name, None, kind, size).await;
            return Ok(());
        }
        let mut question = Question::new(self.run.context);
        let (mut session, mut is_again) = (self.host.evidence_session(), false);
        let removed = loop {
            match self.remove(&below, seen, what, &name).await {
                // What a listing has shown counts in its own session: the next one is asked for the name once more.
                Err(failure) if below.is_some() && self.host.evidence_session() != session => {
                    if let Err(failure) = question.again(failure).await {
                        break Err(failure);
                    }
                    (seen, is_again) = match self.see(&below).await {
                        Ok(seen) => (seen, true),
                        Err(failure) => break Err(failure),
                    };
                    session = self.host.evidence_session();
                }
                done => break done,
            }
        };
        match removed {
            Ok(true) => self.run.changed(name, None, kind, size).await,
            // The session may have ended after the server had deleted it.
            Ok(false) if is_again => self.run.changed(name, None, kind, size).await,
            Ok(false) => {}
            Err(failure) if failure.ends_the_work() => return Err(failure),
            Err(failure) => self.fail(below, failure),
        }
        Ok(())
    }

    /// Deletes a name: the place itself in any session, a name below it in the session that has listed it. `false`: a look has shown
    /// that somebody else has deleted it.
    async fn remove(
        &mut self,
        below: &Option<PathName>,
        seen: Option<Learnt<ListedEntry>>,
        what: RemovalKind,
        name: &str,
    ) -> Result<bool> {
        let (context, host) = (self.run.context, &mut self.host);
        let path = self.plan.scope.path(below.as_ref());
        if let Some(job) = storing(context, &path) {
            let what = format!("{name} stays, because job {job}, which runs, stores a file there");
            return Err(Failure::new(Kind::Exists, what).hint(format!("wait for its end ({FtpUser} jobs)")));
        }
        let removal = match (below, seen) {
            (None, _) => Removal::named(&self.plan.scope, what),
            (Some(below), Some(seen)) => {
                let now = host.evidence_session().unwrap_or(seen.session());
                Removal::listed(&self.plan.scope, (below, what), &seen, now)?
            }
            (Some(_), None) if self.run.entry(host, &path).await?.is_none() => return Ok(false),
            (Some(_), None) => {
                let what = format!("{name} stays, because {}", ReasonToKeep::NotListed);
                return Err(Failure::new(Kind::Unverified, what));
            }
        };
        // What somebody else has deleted is gone as well.
        match removal.is_of_any_session() {
            true => ask!(context, host, removal.carry_out(context, host))?,
            false => removal.carry_out(context, host).await?,
        };
        Ok(true)
    }

    /// Notes a failure. The directories above it stay.
    fn fail(&mut self, below: Option<PathName>, failure: Failure) {
        self.run.failed(self.host.show(&self.plan.scope.path(below.as_ref())), failure);
        for directory in with_directories_above(below).skip(1) {
            if !self.kept.insert(directory) {
                break;
            }
        }
    }
}

/// The directories that were listed last.
#[derive(Debug, Default)]
struct DeletionListings {
    last: Vec<DeletionListing>,
}

#[derive(Debug)]
struct DeletionListing {
    path: Option<PathName>,
    kinds: HashMap<PathName, listing::Kind>,
    is_listing_whole: bool,
    /// In which it was listed.
    session: SessionId,
}

impl DeletionListings {
    /// What the listing of its directory shows at `path` in the session that is open now. If it does not show it, that is gone, or
    /// nobody can tell.
    async fn entry(
        &mut self,
        context: &Context,
        host: &mut Host,
        path: &PathName,
    ) -> Result<Option<Learnt<ListedEntry>>> {
        let Some(name) = place::base_name(path) else { return Ok(None) };
        let directory = place::parent(path);
        let now = host.evidence_session();
        if !self.last.iter().any(|listed| listed.path == directory && Some(listed.session) == now) {
            let listed = ask!(context, host, DeletionListing::list(context, host, &directory))?;
            self.keep(listed);
        }
        let Some(listed) = self.last.iter().find(|listed| listed.path == directory) else { return Ok(None) };
        let is_listing_whole = listed.is_listing_whole;
        let entry = |kind: &listing::Kind| ListedEntry { kind: *kind, is_listing_whole };
        Ok(listed.kinds.get(&name).map(|kind| Learnt::new(entry(kind), listed.session)))
    }

    /// Remembers a listing. Those of directories above it stay, as far as there is room.
    fn keep(&mut self, listed: DeletionListing) {
        let is_above = |known: &DeletionListing| match (&known.path, &listed.path) {
            (Some(above), Some(path)) => path.is_below(above),
            (None, path) => path.is_some(),
            (Some(_), None) => false,
        };
        self.last.retain(is_above);
        self.last.push(listed);
        let names =
            |last: &[DeletionListing]| -> usize { last.iter().map(|known| known.kinds.len() + 1).sum() };
        while self.last.len() > 1 && names(&self.last) > MOST_NAMES {
            self.last.remove(0);
        }
    }
}

impl DeletionListing {
    /// Lists a directory in the session that is open; `None` is the login directory.
    async fn list(context: &Context, host: &mut Host, directory: &Option<PathName>) -> Result<Self> {
        let here = directory.clone().unwrap_or_else(PathName::here);
        let mut kinds = HashMap::new();
        let listing = files::list_each(context, host, &here, &mut |entry| {
            kinds.insert(entry.name, entry.kind);
        })
        .await?;
        let session = host.evidence_session().unwrap_or(SessionId::HERE);
        let is_listing_whole = !listing.is_incomplete();
        Ok(Self { path: directory.clone(), kinds, is_listing_whole, session })
    }
}

/// The number of names of all listings that are kept. The one that is needed is always kept.
const MOST_NAMES: usize = 100_000;
/// The largest number of places that a question names.
const MOST_ASKED: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_tells_how_much_it_is() {
        let totals = |files, directories, bytes| words(RemovalTotals { files, directories, bytes });
        assert_eq!(totals(1, 0, 5), "1 file, 5 B");
        assert_eq!(totals(3, 1, 2048), "3 files, 2.00 KiB in 1 directory");
        assert_eq!(totals(0, 2, 0), "0 files, 0 B in 2 directories");
    }
}
