//! A verb under way: the hosts of its places, what it has done, and what has failed; and `mkdir` and `mv`.

use crate::context::Context;
use crate::endpoint::{Host, Pools, files};
use crate::failure::{About, Failure, Kind, Result};
use crate::job::{Failures, Matches, Status, ask, matches, missing, named, rename_free};
use crate::outcome::FailedItem;
use crate::place::{self, Location};
use crate::report::{Cause, Change, Event, VerbSummary};
use crate::session::{Facts, Role};
use ftp_proto::listing;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::fmt::Display;

/// A verb under way. A place that fails does not stop the others.
#[derive(Debug)]
pub struct VerbRun<'a> {
    /// The settings, and what the run uses of the outside.
    pub context: &'a Context,
    pools: Pools,
    began: Moment,
    /// The summary so far; whether all went well, and how long it took, is added at the end.
    pub(super) summary: VerbSummary,
    failures: Failures,
    /// The worst status of the places that were shown, if the verb only shows what is there. Such a verb has no summary, reports each
    /// failure when it occurs, and warns of what is not known.
    shown: Option<Status>,
}

impl<'a> VerbRun<'a> {
    /// Nothing is done yet.
    pub(super) fn new(context: &'a Context, verb: &'static str, dry_run: bool) -> Self {
        let summary = VerbSummary { verb, dry_run, ..VerbSummary::default() };
        let (pools, failures, began) = (Pools::default(), Failures::default(), context.world.clock.now());
        Self { context, pools, began, summary, failures, shown: None }
    }

    /// A run of a verb that only shows what is there.
    pub fn for_display(context: &'a Context) -> Self {
        Self { shown: Some(Status::Done), ..Self::new(context, "", false) }
    }

    /// The host of a place, where only questions are asked and names are changed.
    pub fn host(&self, place: &Location) -> Host {
        Host::at(place, Role::Server, &self.pools)
    }

    /// Every place that the places stand for, in their order. A pattern that cannot be matched is a failure of its own.
    pub async fn targets(&mut self, places: &[Location]) -> Vec<Location> {
        let mut targets = Vec::with_capacity(places.len());
        for place in places {
            let Matches { names, gaps, .. } = match matches(self.context, &self.pools, place).await {
                Ok(found) => found,
                Err(failure) => {
                    self.failed(place, failure);
                    if self.was_interrupted() {
                        return Vec::new();
                    }
                    continue;
                }
            };
            for gap in gaps.into_iter().map(|gap| gap.during(place)) {
                match &mut self.shown {
                    Some(worst) => {
                        *worst = worst.and(Status::Partly);
                        self.context.run.events.warn(gap.to_string());
                    }
                    None => self.failed(place, gap),
                }
            }
            let names = names.into_iter();
            targets.extend(names.map(|name| name.map_or_else(|| place.clone(), |name| named(place, name))));
        }
        targets
    }

    /// Does something at a place, unless the run was interrupted. Returns `None` if it was not done; a failure is reported.
    pub async fn at<T>(
        &mut self,
        place: &Location,
        act: impl AsyncFnOnce(&mut Self, &mut Host, &Location) -> Result<T>,
    ) -> Option<T> {
        if self.was_interrupted() {
            return None;
        }
        let mut host = self.host(place);
        let done = act(self, &mut host, place).await;
        host.release();
        done.map_err(|failure| self.failed(place, failure)).ok()
    }

    /// What is at a path; a symbolic link is looked through.
    pub(super) async fn facts(&self, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
        ask!(self.context, host, files::facts(self.context, host, path))
    }

    /// What is at a path where something new is to be made. If a file is in the place of a directory above it, the failure says so.
    async fn facts_of_new(&self, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
        match self.facts(host, path).await {
            Err(failure) => Err(files::find_obstacle(self.context, host, path, failure).await),
            found => found,
        }
    }

    /// What is at a path, where a symbolic link is one.
    pub(super) async fn entry(&self, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
        ask!(self.context, host, files::facts_of_name(self.context, host, path))
    }

    /// What a place leads to.
    pub(super) async fn behind(&self, host: &mut Host, place: &Location) -> Result<Facts> {
        let found = ask!(self.context, host, files::behind(self.context, host, &place.path))?;
        found.ok_or_else(|| missing(place))
    }

    /// Counts a name that is done. Reports nothing.
    pub(super) const fn count(&mut self, kind: listing::Kind, size: Option<u64>) {
        if matches!(kind, listing::Kind::Directory) {
            self.summary.directories += 1;
        } else {
            self.summary.files += 1;
            if let Some(size) = size {
                self.summary.bytes = self.summary.bytes.saturating_add(size);
            }
        }
    }

    /// Notes that a place was shown, with this status.
    pub fn note_shown(&mut self, status: Status) {
        self.summary.files += 1;
        self.shown = self.shown.map(|worst| worst.and(status));
    }

    /// Notes that a name was changed, or would be, and reports it.
    pub(super) async fn changed(
        &mut self,
        place: String,
        dest: Option<String>,
        kind: listing::Kind,
        size: Option<u64>,
    ) {
        self.count(kind, size);
        let (verb, dry_run) = (self.summary.verb, self.summary.dry_run);
        let change = Event::Changed(Change { verb, place, dest, kind, size, dry_run });
        self.context.run.events.plan(change, dry_run).await;
    }

    /// Notes that a place has failed, and reports it.
    pub fn failed(&mut self, place: impl Display, failure: Failure) {
        let (source, dest, kind) = (place.to_string(), String::new(), failure.kind);
        // The message names the place even if the failure is about its server.
        let failure = failure.about(About::Operation);
        let failed = FailedItem { source, dest, failure };
        self.context.run.events.say(Event::Failed(failed.clone()));
        if self.shown.is_some() {
            let first = vec![failed.clone()];
            self.context.run.events.say(Event::Causes(vec![Cause { kind, count: 1, first }]));
        }
        self.failures.add(failed);
    }

    /// Whether somebody has asked the program to stop.
    pub fn was_interrupted(&self) -> bool {
        self.failures.has(Kind::Interrupted)
    }

    /// Ends all sessions, then reports the causes of the failures and the end.
    pub async fn end(self) -> Status {
        let Self { context, pools, began, summary, failures, shown } = self;
        if !context.run.cancel.is_cancelled() {
            pools.quit().await;
        }
        let number = summary.files + summary.directories;
        let status = Status::of_many(number, &failures.kinds());
        if let Some(worst) = shown {
            return status.and(worst);
        }
        let failed = failures.count();
        if failed > 0 {
            context.run.events.say(Event::Causes(failures.causes()));
        }
        let (ok, seconds) = (failed == 0, context.world.clock.now().since(began).as_secs_f64());
        context.run.events.say(Event::Ended(VerbSummary { ok, seconds, failed, ..summary }));
        status
    }
}

/// Refuses a place that ends in `/` and is no directory.
///
/// # Errors
///
/// The place ends in `/` and is not a directory.
pub fn refuse_slash(place: &Location, kind: listing::Kind) -> Result<()> {
    if kind.is_directory() || !place.contents {
        return Ok(());
    }
    let what = if kind == listing::Kind::Link { "is a symbolic link" } else { "is not a directory" };
    Err(Failure::usage(format!("{place} {what}")).hint("leave out the / at its end"))
}

/// Makes directories, and reports each; with `parents` those above them too, and then one that is there is no failure.
pub async fn make_directories(
    context: &Context,
    places: &[Location],
    parents: bool,
    dry_run: bool,
) -> Status {
    let mut run = VerbRun::new(context, "mkdir", dry_run);
    for place in places {
        match parents {
            true => run.at(place, make_with_parents).await,
            false => run.at(place, make_new).await,
        };
    }
    run.end().await
}

/// Makes a directory that must not be there.
async fn make_new(run: &mut VerbRun<'_>, host: &mut Host, place: &Location) -> Result<()> {
    let path = &place.path;
    if let Some(there) = run.facts_of_new(host, path).await? {
        files::check_directory_or_link(host, path, there.kind)?;
        let failure = Failure::new(Kind::Exists, format!("{} exists", host.show(path)));
        return Err(failure.hint("mkdir -p accepts an existing directory"));
    }
    let context = run.context;
    let make = async |host: &mut Host| files::make_directory(context, host, path).await.map(drop);
    change_at(run, host, path, "mkdir -p makes it too", make).await?;
    run.changed(host.show(path), None, listing::Kind::Directory, None).await;
    Ok(())
}

/// Makes a directory, and those above it that are missing.
async fn make_with_parents(run: &mut VerbRun<'_>, host: &mut Host, place: &Location) -> Result<()> {
    let (mut directory, mut missing) = (Some(place.path.clone()), Vec::new());
    while let Some(path) = directory {
        if let Some(there) = run.facts_of_new(host, &path).await? {
            files::check_directory_or_link(host, &path, there.kind)?;
            break;
        }
        directory = place::parent(&path);
        missing.push(path);
    }
    let context = run.context;
    while let Some(path) = missing.pop() {
        if !run.summary.dry_run {
            ask!(context, host, files::make_directory(context, host, &path))?;
        }
        run.changed(host.show(&path), None, listing::Kind::Directory, None).await;
    }
    Ok(())
}

/// Renames files and directories on one host. `destination` is the new name, or a directory that receives them.
pub async fn rename(context: &Context, sources: &[Location], dest: &Location, dry_run: bool) -> Status {
    let mut run = VerbRun::new(context, "mv", dry_run);
    if let Err(failure) = rename_all(&mut run, sources, dest).await {
        run.failed(dest, failure);
    }
    run.end().await
}

async fn rename_all(run: &mut VerbRun<'_>, sources: &[Location], destination: &Location) -> Result<()> {
    let mut host = run.host(destination);
    if let Some(other) = sources.iter().find(|source| !host.is_also(source)) {
        let what = format!("mv renames on one host, and {other} and {destination} are on different ones");
        return Err(Failure::usage(what).hint("ftp-user move crosses servers"));
    }
    let found = run.facts_of_new(&mut host, &destination.path).await?;
    let is_directory = found.as_ref().is_some_and(|facts| facts.kind == listing::Kind::Directory);
    match found {
        Some(_) if !is_directory => return Err(taken(destination)),
        None if destination.contents => return Err(missing(destination)),
        Some(_) | None => {}
    }
    let targets = run.targets(sources).await;
    if targets.len() > 1 && !is_directory {
        let what = format!("several sources need a directory, and {destination} does not exist");
        return Err(Failure::usage(what).hint("make it with mkdir"));
    }
    for source in targets {
        let renamed = match (is_directory, place::base_name(&source.path)) {
            (false, _) => rename_one(run, &mut host, &source, &destination.path, false).await,
            (true, Some(name)) => {
                let to = place::join(Some(&destination.path), &name);
                rename_one(run, &mut host, &source, &to, true).await
            }
            (true, None) => Err(Failure::usage(format!("{source} does not name what is renamed"))
                .hint("write its path without . and .. at the end")),
        };
        if let Err(failure) = renamed {
            run.failed(&source, failure);
        }
        if run.was_interrupted() {
            break;
        }
    }
    host.release();
    Ok(())
}

/// Renames one name. The new name is looked for before, if it is `in_directory`: nothing was asked about it yet.
async fn rename_one(
    run: &mut VerbRun<'_>,
    host: &mut Host,
    source: &Location,
    to: &PathName,
    in_directory: bool,
) -> Result<()> {
    let (context, from, dest) = (run.context, &source.path, host.show(to));
    let found = run.entry(host, from).await?.ok_or_else(|| missing(source))?;
    refuse_slash(source, found.kind)?;
    if to.is_at_or_below(from) {
        let what = format!("{source} would be renamed into itself");
        return Err(Failure::usage(what).hint("choose another name"));
    }
    if in_directory && run.entry(host, to).await?.is_some() {
        return Err(taken(&dest));
    }
    let mut was_sent = false;
    let rename = async |host: &mut Host| {
        let again = std::mem::replace(&mut was_sent, true);
        match rename_free(context, host, from, to).await {
            // The reply to the first one may have been lost.
            Err(failure) if again && failure.kind == Kind::Missing => {
                files::facts_of_name(context, host, to).await?.map(drop).ok_or(failure)
            }
            renamed => renamed,
        }
    };
    change_at(run, host, to, "check the path", rename).await?;
    run.changed(source.to_string(), Some(dest), found.kind, found.size).await;
    Ok(())
}

/// Makes a change that gives something the name `path`; in a dry run only its directory is looked for. Servers refuse a name
/// in a missing directory in words of their own, so the directory is looked for then as well. `hint` is for a missing one.
async fn change_at(
    run: &VerbRun<'_>,
    host: &mut Host,
    path: &PathName,
    hint: &str,
    mut change: impl AsyncFnMut(&mut Host) -> Result<()>,
) -> Result<()> {
    let changed = match run.summary.dry_run {
        true => Ok(()),
        false => ask!(run.context, host, change(host)),
    };
    let may_lack_directory = match &changed {
        Ok(()) => run.summary.dry_run,
        Err(failure) => matches!(failure.kind, Kind::Missing | Kind::Refused),
    };
    if may_lack_directory
        && let Some(directory) = place::parent(path)
        && run.facts(host, &directory).await?.is_none()
    {
        let what = format!("{} does not exist", host.show(&directory));
        return Err(Failure::new(Kind::Missing, what).hint(hint));
    }
    changed
}

/// The failure if something has the new name.
fn taken(dest: impl Display) -> Failure {
    Failure::new(Kind::Exists, format!("{dest} exists, and mv replaces nothing"))
        .hint("choose another name, or rename what has this one first")
}
