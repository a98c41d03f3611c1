//! A verb under way: the hosts of its places, what it has done, and what has failed.

use crate::context::Context;
use crate::endpoint::files;
use crate::endpoint::{Host, Pools};
use crate::failure::{Failure, Kind, Result};
use crate::job::{Failures, Matches, Status, asked, matches, named};
use crate::outcome::FailedItem;
use crate::place::Location;
use crate::report::{Change, Event, VerbSummary};
use crate::session::{Facts, Role};
use ftp_proto::listing;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::fmt::Display;

/// A verb under way.
#[derive(Debug)]
pub(super) struct VerbRun<'a> {
    pub(super) context: &'a Context,
    pub(super) pools: Pools,
    verb: &'static str,
    /// Whether only a plan was asked for.
    pub(super) dry_run: bool,
    began: Moment,
    files: u64,
    directories: u64,
    bytes: u64,
    failures: Failures,
}

impl<'a> VerbRun<'a> {
    /// Nothing is done yet.
    pub(super) fn new(context: &'a Context, verb: &'static str, dry_run: bool) -> Self {
        let (pools, failures, began) =
            (Pools::new(context.world.files), Failures::default(), context.world.clock.now());
        Self { context, pools, verb, dry_run, began, files: 0, directories: 0, bytes: 0, failures }
    }

    /// The host of a place, where only questions are asked and names are changed.
    pub(super) fn host(&self, place: &Location) -> Host {
        Host::at(place, Role::Server, &self.pools)
    }

    /// Every place that the places stand for, in their order. A pattern that cannot be matched is a failure of its own.
    pub(super) async fn targets(&mut self, places: &[Location]) -> Vec<Location> {
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
            gaps.into_iter().for_each(|gap| self.failed(place, gap.during(place)));
            let names = names.into_iter();
            targets.extend(names.map(|name| name.map_or_else(|| place.clone(), |name| named(place, name))));
        }
        targets
    }

    /// What is at a path; a symbolic link is looked through.
    pub(super) async fn facts(&self, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
        asked(self.context, host, async |host| files::facts(self.context, host, path).await).await
    }

    /// What is at a path, where a symbolic link is one.
    pub(super) async fn entry(&self, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
        asked(self.context, host, async |host| files::facts_of_name(self.context, host, path).await).await
    }

    /// What a place leads to.
    ///
    /// # Errors
    ///
    /// Nothing is there, or it cannot be determined.
    pub(super) async fn behind(&self, host: &mut Host, place: &Location) -> Result<Facts> {
        let found =
            asked(self.context, host, async |host| files::behind(self.context, host, &place.path).await)
                .await?;
        found.ok_or_else(|| missing(place))
    }

    /// Counts a name that is done, without a word.
    pub(super) const fn count(&mut self, kind: listing::Kind, size: Option<u64>) {
        if matches!(kind, listing::Kind::Directory) {
            self.directories += 1;
        } else {
            self.files += 1;
            if let Some(size) = size {
                self.bytes = self.bytes.saturating_add(size);
            }
        }
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
        let (verb, dry_run) = (self.verb, self.dry_run);
        let change = Event::Changed(Change { verb, place, dest, kind, size, dry_run });
        self.context.run.events.plan(change, dry_run).await;
    }

    /// Notes that a place has failed, and reports it.
    pub(super) fn failed(&mut self, place: impl Display, failure: Failure) {
        let (source, dest) = (place.to_string(), String::new());
        let failed = FailedItem { source, dest, failure };
        self.context.run.events.say(Event::Failed(failed.clone()));
        self.failures.add(failed);
    }

    /// Whether somebody has asked the program to stop.
    pub(super) fn was_interrupted(&self) -> bool {
        self.failures.has(Kind::Interrupted)
    }

    /// Ends all sessions, then reports the causes of the failures and the end.
    pub(super) async fn end(self) -> Status {
        let Self { context, pools, verb, dry_run, began, files, directories, bytes, failures } = self;
        if !context.run.cancel.is_cancelled() {
            pools.quit().await;
        }
        let failed = failures.count();
        if failed > 0 {
            context.run.events.say(Event::Causes(failures.causes()));
        }
        let (ok, seconds) = (failed == 0, context.world.clock.now().since(began).as_secs_f64());
        let ended = VerbSummary { verb, ok, dry_run, files, directories, bytes, seconds, failed };
        context.run.events.say(Event::Ended(ended));
        Status::of_many(files + directories, &failures.kinds())
    }
}

/// The failure if nothing is at a place.
pub(super) fn missing(place: impl Display) -> Failure {
    Failure::new(Kind::Missing, format!("{place} does not exist")).hint("check the path")
}
