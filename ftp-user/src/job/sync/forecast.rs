//! What a dry run tells of the files that would be copied. The path is the same for all of them.

use super::plan::{PlannedAction, Task};
use crate::check::common;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::remains::backup::Backup;
use crate::job::request::options::{Mode, Options};
use crate::job::sorted_names::TreeEntry;
use crate::job::summary::tally::Tally;
use crate::ladder::Rung;
use crate::outcome::FileCopy;
use crate::place;
use crate::report::{Change, Event};
use crate::route::{Ends, first_rung};
use ftp_proto::digest::Algorithm;
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// What a dry run knows of both ends, once it has asked them.
#[derive(Debug)]
pub(super) struct Forecast<'a> {
    pub(super) context: &'a Context,
    pub(super) options: Options,
    pub(super) backup: Option<&'a Backup>,
    /// Where the source is.
    pub(super) source: &'a PathName,
    /// Where the destination is.
    pub(super) destination: &'a PathName,
    pub(super) known: Option<Known>,
}

/// What is the same for all files.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The digest that both ends compute.
    common: Option<Algorithm>,
    /// The path of their bytes.
    rung: Result<Rung, Failure>,
}

impl Forecast<'_> {
    /// Asks both ends, unless that was done. `--explain` tells the path.
    ///
    /// # Errors
    ///
    /// An end does not answer.
    pub(super) async fn ask(&mut self, ends: &mut Ends) -> Result<Known, Failure> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        ends.connect(self.context).await?;
        let common = common(self.context, ends, &[]).await?;
        let explain = self.options.mode == Mode::Explain;
        let Ends { source, destination, .. } = ends;
        let rung = first_rung(self.context, source, destination, self.options.allowed, explain).await;
        Ok(self.known.insert(Known { common, rung }).clone())
    }

    /// Tells that a file would be copied.
    ///
    /// # Errors
    ///
    /// An end does not answer.
    pub(super) async fn tell(
        &mut self,
        ends: &mut Ends,
        Task { entry, what }: &Task,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let TreeEntry { path, facts } = entry;
        let from = ends.source.show(&place::join(Some(self.source), path));
        let to = ends.destination.show(&place::join(Some(self.destination), path));
        let known = self.ask(ends).await?;
        let means = self.options.verify.with(known.common, facts.size);
        let planned = match (means, known.rung) {
            (Ok(means), Ok(rung)) => {
                let replaces = *what == PlannedAction::Replace;
                let verb = if replaces { "replace" } else { "copy" };
                let (source, dest, size) = (from.clone(), to.clone(), facts.size);
                let plan = Event::Plan { verb, source, dest, size, verify: means, dry_run: true };
                self.context.run.events.deliver(plan).await;
                if let Some(backup) = self.backup.filter(|_| replaces) {
                    let dest = Some(ends.destination.show(&backup.of(path)));
                    let (verb, kind, dry_run) = ("backup", listing::Kind::File, true);
                    let change = Change { verb, place: to.clone(), dest, kind, size: None, dry_run };
                    self.context.run.events.deliver(Event::Changed(change)).await;
                }
                let kept_old = replaces && self.backup.is_some();
                Ok(FileCopy { kept_old, ..FileCopy::planned(facts.size, rung, means) })
            }
            (Err(failure), _) | (_, Err(failure)) => Err(failure),
        };
        tally.file(from, to, planned);
        Ok(())
    }
}
