//! `rm`: what is to be deleted is found, somebody is asked, and it is deleted: files first, directories from below.

use super::listed::ListedDirectories;
use super::looks::Looks;
use super::outcome::Outcome;
use super::plan::{Plan, Planned, Totals, plan};
use super::targets::{asked, host_of, targets};
use crate::check::{Removal, Scope};
use crate::context::Context;
use crate::endpoint::{self, Host, Pools};
use crate::failure::{Failure, Kind};
use crate::job::{CheckedDirectories, CheckedEntry, DeletionPurpose, Status};
use crate::place::{self, Location};
use crate::report::several;
use ftp_io::program::size;
use ftp_io::program::terminal::Terminal;
use ftp_proto::deletion::{Learnt, ListedEntry, ReasonToKeep, RemovalKind};
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::HashSet;

/// What `rm` is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remove {
    /// What is deleted.
    pub places: Vec<Location>,
    /// Whether directories are deleted with everything in them.
    pub recursive: bool,
    /// Whether somebody has agreed.
    pub consent: Consent,
    /// Whether only a plan is asked for.
    pub dry_run: bool,
}

/// Whether somebody has agreed that directories are deleted with everything in them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Consent {
    /// The person at the terminal is asked.
    Ask,
    /// Nobody is asked.
    Given,
}

/// Deletes files and trees.
pub async fn remove(context: &Context, asked: &Remove) -> Status {
    let mut outcome = Outcome::new(context, "rm", asked.dry_run);
    let pools = Pools::default();
    if let Err(failure) = all(context, &pools, asked, &mut outcome).await {
        outcome.failed(String::new(), failure);
    }
    if !context.run.cancel.is_cancelled() {
        pools.quit().await;
    }
    outcome.end()
}

async fn all(
    context: &Context,
    pools: &Pools,
    Remove { places, recursive, consent, dry_run }: &Remove,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let asks = *recursive && *consent == Consent::Ask && !*dry_run;
    let terminal = if asks { Some(Terminal::open().ok_or_else(nobody)?) } else { None };
    if *recursive {
        // What can be refused is refused before anything is sent to a server.
        places.iter().try_for_each(|place| Scope::of_tree(place, None, &context.run.own_files).map(drop))?;
    }
    let (mut plans, mut looks) = (Vec::new(), Looks::default());
    for place in targets(context, pools, places, outcome).await {
        let mut others = Vec::new();
        let planned = plan(context, pools, &place, *recursive, (&mut looks, &mut others)).await;
        others.into_iter().for_each(|(name, failure)| outcome.failed(name, failure));
        match planned {
            Ok(plan) => plans.push(plan),
            Err(failure) => outcome.failed(place.to_string(), failure),
        }
        if outcome.was_interrupted() {
            return Ok(());
        }
    }
    if let Some(terminal) = terminal.filter(|_| !plans.is_empty()) {
        let agreed = tokio::select! {
            agreed = terminal.confirm(question(&plans)) => agreed,
            () = context.run.cancel.cancelled() => return Err(Failure::interrupted()),
        };
        if !agreed {
            return Err(Failure::new(Kind::Other, "nothing was deleted, because the answer was not yes"));
        }
    }
    for plan in plans {
        let place = plan.place.to_string();
        let mut deletion = Deletion::new(context, host_of(&plan.place, pools), plan, outcome);
        let deleted = deletion.run().await;
        deletion.host.release();
        if let Err(failure) = deleted {
            outcome.failed(place, failure);
        }
        if outcome.was_interrupted() {
            break;
        }
    }
    Ok(())
}

/// The failure if nobody can be asked.
fn nobody() -> Failure {
    Failure::usage("rm -r asks before it deletes, and there is no terminal")
        .hint("--yes answers; -n shows what would be deleted")
}

/// What the person at the terminal is asked.
fn question(plans: &[Plan]) -> String {
    let mut lines = vec!["This will be deleted:".to_owned()];
    let told = plans.iter().take(MOST_ASKED);
    lines.extend(told.map(|plan| format!("  {}: {}", plan.place, words(&plan.totals))));
    let others = plans.get(MOST_ASKED..).unwrap_or_default();
    if !others.is_empty() {
        let mut all = Totals::default();
        for Plan { totals: Totals { files, directories, bytes }, .. } in others {
            all.files += files;
            all.directories += directories;
            all.bytes = all.bytes.saturating_add(*bytes);
        }
        lines.push(format!("  and {} more: {}", several(others.len() as u64, "place"), words(&all)));
    }
    lines.push("Delete it?".to_owned());
    lines.join("\n")
}

/// How much it is, in words.
fn words(totals: &Totals) -> String {
    let Totals { files, directories, bytes } = *totals;
    let files_words = format!("{}, {}", several(files, "file"), size::bytes(bytes));
    match directories {
        0 => files_words,
        _ => format!("{} in {}", files_words, several(directories, "directory")),
    }
}

/// One place that is deleted.
struct Deletion<'a> {
    context: &'a Context,
    host: Host,
    plan: Plan,
    outcome: &'a mut Outcome,
    /// Directories whose contents were deleted, each before those in it, with the leave to remove it in the session that gave
    /// it.
    directories: Vec<(Option<PathName>, Option<Learnt<ListedEntry>>)>,
    /// What turned out to be no directory of this place. What the plan has below it is not touched.
    elsewhere: HashSet<Option<PathName>>,
    /// Directories that are not empty, because something in them has failed.
    kept: HashSet<Option<PathName>>,
    /// The directories that were looked at last.
    entered: CheckedDirectories,
    /// The directories that were listed last.
    listed: ListedDirectories,
}

impl<'a> Deletion<'a> {
    fn new(context: &'a Context, host: Host, plan: Plan, outcome: &'a mut Outcome) -> Self {
        let (elsewhere, mut kept) = (HashSet::new(), HashSet::new());
        for unlisted in &plan.unlisted {
            kept.extend(with_directories_above(unlisted.clone()));
        }
        let entered = CheckedDirectories::new(&plan.scope, DeletionPurpose::Remove);
        let listed = ListedDirectories::default();
        Self { context, host, plan, outcome, directories: Vec::new(), elsewhere, kept, entered, listed }
    }

    async fn run(&mut self) -> Result<(), Failure> {
        while let Some(planned) = self.next()? {
            if self.context.run.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            let Planned { below, is_directory, size } = planned;
            if self.is_elsewhere(below.as_ref()) || self.is_unlisted(below.as_ref()) {
                continue;
            }
            // A directory that stays is entered when something in it goes.
            if is_directory && self.kept.contains(&below) {
                continue;
            }
            if is_directory {
                let seen = self.seen(below.as_ref()).await?;
                if self.enter(below.as_ref()).await? {
                    self.directories.push((below, seen));
                }
            } else if below.is_none() || self.enter(above(&below).as_ref()).await? {
                let seen = self.seen(below.as_ref()).await?;
                let file = (listing::Kind::File, size);
                self.delete((below, seen), RemovalKind::File, file).await?;
            }
        }
        while let Some((below, seen)) = self.directories.pop() {
            if self.context.run.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            let is_gone = self.elsewhere.contains(&below) || self.is_elsewhere(below.as_ref());
            if is_gone || self.kept.contains(&below) {
                continue;
            }
            if below.is_none() || self.enter(above(&below).as_ref()).await? {
                let seen = self.still(below.as_ref(), seen).await?;
                self.delete((below, seen), RemovalKind::Directory, (listing::Kind::Directory, None)).await?;
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Planned>, Failure> {
        self.plan
            .names
            .pop()
            .map_err(|error| Failure::of_this_host("the names of the tree cannot be read again", &error))
    }

    /// Whether something was not listed, or is in what was not.
    fn is_unlisted(&self, below: Option<&PathName>) -> bool {
        let is_in = |unlisted: &Option<PathName>| match (unlisted, below) {
            (None, _) => true,
            (Some(unlisted), Some(below)) => below.is_at_or_below(unlisted),
            (Some(_), None) => false,
        };
        self.plan.unlisted.iter().any(is_in)
    }

    /// What the listing of its directory shows of a name now; `None` for the place itself, which was named, and in a dry run.
    /// What no listing shows any more is told, unless it is gone.
    async fn seen(&mut self, below: Option<&PathName>) -> Result<Option<Learnt<ListedEntry>>, Failure> {
        let Some(path) =
            below.map(|below| self.plan.scope.path(Some(below))).filter(|_| !self.outcome.is_dry())
        else {
            return Ok(None);
        };
        match self.listed.entry(self.context, &mut self.host, &path).await {
            Ok(seen) => Ok(seen.ok()),
            Err(failure) if failure.ends_the_work() => Err(failure),
            Err(_) => Ok(None),
        }
    }

    /// What was seen of a directory, or what is seen of it in the session that is open now.
    async fn still(
        &mut self,
        below: Option<&PathName>,
        seen: Option<Learnt<ListedEntry>>,
    ) -> Result<Option<Learnt<ListedEntry>>, Failure> {
        let now = self.host.evidence_session();
        match seen.filter(|seen| now.is_some_and(|now| seen.in_session(now).is_ok())) {
            Some(seen) => Ok(Some(seen)),
            None => self.seen(below).await,
        }
    }

    /// Whether something stands in what turned out to be no directory of this place.
    fn is_elsewhere(&self, below: Option<&PathName>) -> bool {
        let mut above = below.cloned();
        while !self.elsewhere.is_empty()
            && let Some(path) = above
        {
            above = place::parent(&path);
            if self.elsewhere.contains(&above) {
                return true;
            }
        }
        false
    }

    /// Looks at a directory before something in it is deleted. `false` if nothing in it may be: it was a symbolic link, which
    /// is deleted now, or nobody can tell.
    async fn enter(&mut self, below: Option<&PathName>) -> Result<bool, Failure> {
        if self.outcome.is_dry() {
            return Ok(true);
        }
        match self.entered.enter(self.context, &mut self.host, below).await? {
            CheckedEntry::Directory => return Ok(true),
            CheckedEntry::Link(link) => {
                let path = self.plan.scope.path(link.as_ref());
                self.outcome.changed(self.host.show(&path), None, (listing::Kind::Link, None)).await;
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
        (below, seen): (Option<PathName>, Option<Learnt<ListedEntry>>),
        what: RemovalKind,
        (kind, size): (listing::Kind, Option<u64>),
    ) -> Result<(), Failure> {
        let (context, path) = (self.context, self.plan.scope.path(below.as_ref()));
        let name = self.host.show(&path);
        if self.outcome.is_dry() {
            self.outcome.changed(name, None, (kind, size)).await;
            return Ok(());
        }
        let removal = match (&below, seen) {
            (None, _) => Ok(Removal::named(&self.plan.scope, what)),
            (Some(below), Some(seen)) => {
                let now = self.host.evidence_session().unwrap_or(seen.session());
                Removal::listed(&self.plan.scope, (below, what), &seen, now)
            }
            (Some(_), None) => {
                // What somebody else has deleted is gone as well.
                let now =
                    asked(context, &mut self.host, async |host| endpoint::entry(context, host, &path).await);
                match now.await {
                    Ok(None) => return Ok(()),
                    Ok(Some(_)) => Err(Failure::new(
                        Kind::Unverified,
                        format!("{name} stays, because {}", ReasonToKeep::NotListed),
                    )),
                    Err(failure) => Err(failure),
                }
            }
        };
        let removed = match removal {
            // What its listing has shown counts in one session only.
            Ok(removal) if !removal.is_of_any_session() => removal.carry_out(context, &mut self.host).await,
            Ok(removal) => {
                asked(context, &mut self.host, async |host| removal.carry_out(context, host).await).await
            }
            Err(failure) => Err(failure),
        };
        match removed {
            // What somebody else has deleted is gone as well.
            Ok(_) => self.outcome.changed(name, None, (kind, size)).await,
            Err(failure) if failure.ends_the_work() => return Err(failure),
            Err(failure) => self.fail(below, failure),
        }
        Ok(())
    }

    /// Notes a failure. The directories above it stay.
    fn fail(&mut self, below: Option<PathName>, failure: Failure) {
        let path = self.plan.scope.path(below.as_ref());
        self.outcome.failed(self.host.show(&path), failure);
        let mut above = below;
        while let Some(path) = above {
            above = place::parent(&path);
            if !self.kept.insert(above.clone()) {
                break;
            }
        }
    }
}

/// A path below the place, and the directories above it up to the place.
fn with_directories_above(below: Option<PathName>) -> Vec<Option<PathName>> {
    let mut chain = vec![below];
    while let Some(Some(path)) = chain.last() {
        chain.push(place::parent(path));
    }
    chain
}

/// The directory that has something in it, which is not the place itself.
fn above(below: &Option<PathName>) -> Option<PathName> {
    below.as_ref().and_then(place::parent)
}

/// The largest number of places that a question names.
const MOST_ASKED: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_tells_how_much_it_is() {
        let totals = |files, directories, bytes| words(&Totals { files, directories, bytes });
        assert_eq!(totals(1, 0, 5), "1 file, 5 B");
        assert_eq!(totals(3, 1, 2048), "3 files, 2.00 KiB in 1 directory");
        assert_eq!(totals(0, 2, 0), "0 files, 0 B in 2 directories");
    }
}
