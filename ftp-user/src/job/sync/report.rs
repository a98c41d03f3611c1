//! What a sync tells: of both trees before anything is changed, and in a dry run of the files that would be copied.

use super::plan::{ListedTree, PlannedAction, SyncPlan, SyncTask};
use super::run::{SyncRequest, SyncRun};
use crate::endpoint::files;
use crate::failure::{Failure, Kind, Result};
use crate::job::check::common;
use crate::job::request::job::Mode;
use crate::job::spool::TreeEntry;
use crate::ladder::Rung;
use crate::outcome::FileCopy;
use crate::place;
use crate::report::{Change, Event, Topic};
use crate::route::{Ends, first_rung};
use ftp_proto::digest::Algorithm;
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// What a dry run knows of the copies, once it has asked both ends. It is the same for all files.
#[derive(Clone, Debug)]
pub(super) struct CopyForecast {
    /// The digest that both ends compute.
    common: Option<Algorithm>,
    /// The path of their bytes.
    rung: Result<Rung>,
}

impl SyncRun<'_> {
    /// How people call a name below the source, or the source.
    pub(super) fn show_source(&self, below: Option<&PathName>) -> String {
        self.ends.source.show(&place::at_or_below(&self.request.source.path, below))
    }

    /// How people call a name below the destination, or the destination.
    pub(super) fn show_destination(&self, below: Option<&PathName>) -> String {
        self.ends.destination.show(&place::at_or_below(&self.request.destination.path, below))
    }

    /// Tells what was skipped and what could not be looked at.
    pub(super) fn report_listings(&mut self, source: &ListedTree, destination: &ListedTree) {
        let SyncRequest { source: from, destination: to, .. } = self.request;
        for (path, why) in &source.skipped {
            let message = format!("{} is skipped: {why}", self.show_source(Some(path)));
            let (site, why) = (self.ends.source.name(), Some(why.clone()));
            let event = Event::Repeated { topic: Topic::Skipped, site, why, message };
            self.context.run.events.say(event);
        }
        for failed in &source.failed {
            let name = self.show_source(failed.path.as_ref());
            self.tally.failed_visit(name.clone(), to.to_string(), &name, failed);
        }
        for failed in &destination.failed {
            let name = self.show_destination(failed.path.as_ref());
            self.tally.failed_visit(from.to_string(), name.clone(), &name, failed);
        }
        let others = source.others + destination.others;
        if others > 0 {
            let what = format!("{others} more names could not be looked at");
            self.tally.failed(from.to_string(), to.to_string(), Failure::new(Kind::Other, what));
        }
    }

    /// Tells what cannot be copied, because the destination has something else of that name.
    pub(super) fn report_blocked(&mut self, plan: &SyncPlan) {
        for (TreeEntry { path, facts }, there) in &plan.blocked {
            let ours = if facts.kind == listing::Kind::Directory { "a directory" } else { "a file" };
            let theirs = match there {
                listing::Kind::Link => "is a symbolic link, and sync follows none",
                listing::Kind::Directory | listing::Kind::Current | listing::Kind::Parent => "is a directory",
                listing::Kind::File => "is a file",
                listing::Kind::Other => "is neither a file nor a directory",
            };
            let (source, dest) = (self.show_source(Some(path)), self.show_destination(Some(path)));
            let failure = match (files::check_directory(&dest, *there), facts.kind, there) {
                (Err(needed), listing::Kind::Directory, listing::Kind::File | listing::Kind::Other) => needed,
                _ => Failure::new(Kind::Exists, format!("{source} is {ours}, but {dest} {theirs}"))
                    .hint("move it away or delete it (ftp-user rm), and sync again"),
            };
            self.tally.failed(source, dest, failure);
        }
        let others = plan.counts.blocked.saturating_sub(plan.blocked.len() as u64);
        if others > 0 {
            let SyncRequest { source, destination, .. } = self.request;
            let what = format!("{others} more names are taken at the destination by something else");
            let failure = Failure::new(Kind::Exists, what);
            self.tally.failed(source.to_string(), destination.to_string(), failure);
        }
    }

    /// Tells that a name below the destination was changed, or would be. `dest` is its new path, also for what is kept outside of
    /// the destination.
    pub(super) async fn report_change(
        &self,
        verb: &'static str,
        below: &PathName,
        dest: Option<&PathName>,
        kind: listing::Kind,
        size: Option<u64>,
    ) {
        let (place, dry_run) = (self.show_destination(Some(below)), self.is_dry());
        let dest = dest.map(|path| self.ends.destination.show(path));
        let change = Event::Changed(Change { verb, place, dest, kind, size, dry_run });
        self.context.run.events.plan(change, dry_run).await;
    }

    /// Asks both ends how files would be copied, unless that was done. `--explain` tells the path.
    pub(super) async fn forecast(&mut self) -> Result<CopyForecast> {
        if let Some(known) = &self.forecast {
            return Ok(known.clone());
        }
        let (context, options) = (self.context, self.request.options);
        self.ends.connect(context).await?;
        let common = common(context, &mut self.ends, &[]).await?;
        let explain = options.mode == Mode::Explain;
        let Ends { source, destination, .. } = &mut self.ends;
        let rung = first_rung(context, source, destination, options.allowed, explain).await;
        Ok(self.forecast.insert(CopyForecast { common, rung }).clone())
    }

    /// Tells that a file would be copied.
    pub(super) async fn report_planned(&mut self, SyncTask { entry, action }: &SyncTask) -> Result<()> {
        let TreeEntry { path, facts } = entry;
        let (source, dest) = (self.show_source(Some(path)), self.show_destination(Some(path)));
        let CopyForecast { common, rung } = self.forecast().await?;
        let replaces = *action == PlannedAction::Replace;
        let backup = self.request.rules.backup.as_ref().filter(|_| replaces);
        let kept_as = backup.map(|backup| place::join(Some(backup), path));
        let planned = match (self.request.options.verify.with(common, facts.size), rung) {
            (Ok(verify), Ok(rung)) => {
                let (verb, size) = (if replaces { "replace" } else { "copy" }, facts.size);
                let (source, dest) = (source.clone(), dest.clone());
                let plan = Event::Plan { verb, source, dest, size, verify, dry_run: true };
                self.context.run.events.deliver(plan).await;
                if kept_as.is_some() {
                    self.report_change("backup", path, kept_as.as_ref(), listing::Kind::File, None).await;
                }
                Ok(FileCopy { kept_old: kept_as.is_some(), ..FileCopy::planned(size, rung, verify) })
            }
            (Err(failure), _) | (_, Err(failure)) => Err(failure),
        };
        self.tally.file(source, dest, planned);
        Ok(())
    }
}
