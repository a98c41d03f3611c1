//! What the journal has of a file while it is copied, and what an earlier run has left of it.

use super::lifetime::tell;
use crate::context::Context;
use crate::failure::Failure;
use crate::job::detached::{self, Arrived};
use crate::job::item::{Done, Item};
use crate::job::remains::leftover::Leftover;
use crate::job::remains::old::OldFiles;
use crate::job::remains::part::{Part, new_id};
use crate::journal::{Detached, Durable, JobJournal, PartId, Seen, is_same};
use crate::ladder::Rung;
use crate::outcome::Verified;
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::listing::{self, When};

/// What the journal knows of a file, while it is copied.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::job) struct Kept {
    /// A name for a part that is on the disk and that nobody has used.
    pub(super) unused: Option<PartId>,
    /// What an earlier run has left, until it was looked at.
    pub(super) left: Option<EarlierParts>,
    /// What the source was, as the journal has it.
    pub(super) noted: Option<Seen>,
    /// Old files that were renamed aside, by this run or an earlier one.
    pub(in crate::job) old: OldFiles,
    /// Whether the file under the final name may be the copy, which an earlier run has finished just before its end.
    pub(in crate::job) may_be_done: bool,
    /// What this run has done with it, if its server has not said whether it has given the copy its name.
    pub(super) moved: Option<Box<Done>>,
    /// The source of a copy that this job has finished, if the listing did not show that it is still the same.
    pub(super) finished: Option<Seen>,
    /// The path of its bytes, if this job has moved them.
    pub(super) finished_rung: Option<Rung>,
    /// What has verified that copy.
    pub(super) finished_by: Option<Verified>,
    /// The source that an earlier run of this job has moved, perhaps to its final name, and by which path.
    pub(super) moved_earlier: Option<(Seen, Rung)>,
    /// Whether what stands under the final name may be a part of the copy: an earlier run began to store it there, at a
    /// server that cannot rename, when nothing had that name.
    pub(in crate::job) in_place: bool,
    /// The transfer that an earlier run has left alone, until its end was waited for.
    pub(super) detached: Option<Detached>,
}

/// What an earlier run has left of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct EarlierParts {
    pub(super) last: Option<PartId>,
    pub(super) others: Vec<PartId>,
    pub(super) seen: Option<Seen>,
}

impl Kept {
    /// The number of the next part. The journal has it on the disk when this returns.
    pub(in crate::job) async fn next_part(&mut self, context: &Context) -> Result<PartId, Failure> {
        if let Some(unused) = self.unused.take() {
            return Ok(unused);
        }
        let id = new_id()?;
        context.job_journal.part(id).await;
        tell(context);
        Ok(id)
    }

    /// From now on something of the file may be stored under its final name. The journal has that on the disk when this
    /// returns.
    pub(in crate::job) async fn store_in_place(&mut self, context: &Context) -> Result<(), Failure> {
        if !self.in_place {
            context.job_journal.in_place(new_id()?).await;
            self.in_place = true;
            tell(context);
        }
        Ok(())
    }

    /// Gives it back: nothing was stored under it.
    pub(in crate::job) const fn put_unused(&mut self, part: PartId) {
        self.unused = Some(part);
    }

    /// Something may be stored under the name of this part: it is looked at like that of an earlier run.
    pub(in crate::job) fn leave(&mut self, part: PartId, source: &Facts, may_be_done: bool) {
        self.left = Some(EarlierParts { last: Some(part), others: Vec::new(), seen: Some(seen(source)) });
        self.may_be_done = may_be_done;
    }

    /// This run has moved the file, and its server has not said whether it has given the copy its name.
    pub(in crate::job) fn may_be_named(&mut self, done: Done) {
        self.may_be_done = true;
        self.moved = Some(Box::new(done));
    }

    /// What this run has done with the file, if the copy is seen under its name.
    pub(in crate::job) fn moved(&self) -> Option<&Done> {
        self.moved.as_deref()
    }

    /// Whether this job has finished a copy of this very source before.
    pub(in crate::job) fn has_finished(&self, source: &Facts) -> bool {
        self.finished.as_ref().is_some_and(|finished| is_same(finished, &seen(source)))
    }

    /// The path by which this job has copied this very source before. If something equal has the final name of a copy that
    /// was not finished, it is that copy.
    pub(in crate::job) fn has_copied(&self, source: &Facts) -> Option<Rung> {
        let finished = self.finished_rung.filter(|_| self.has_finished(source));
        let moved = self.moved_earlier.as_ref().filter(|(moved, _)| is_same(moved, &seen(source)));
        finished.or(moved.map(|(_, rung)| *rung))
    }

    /// What an earlier run of this job has done with the file, if it has finished a copy: that run may have deleted the source
    /// of a move.
    pub(in crate::job) fn moved_before(&self) -> Option<Done> {
        let size = self.finished.as_ref().and_then(|finished| finished.size);
        self.finished_by.map(|means| Done {
            before_by: self.finished_rung,
            verified: means,
            ..Done::earlier(size, means)
        })
    }

    /// What has verified the copy of this very source that this job has finished before, and the path of its bytes.
    pub(in crate::job) fn earlier(&self, source: &Facts) -> Option<(Verified, Option<Rung>)> {
        let means = self.finished_by.filter(|_| self.has_finished(source))?;
        Some((means, self.finished_rung))
    }

    /// What this job has finished is compared with its source again.
    pub(in crate::job) const fn compare_again(&mut self, means: Verified) {
        self.may_be_done = true;
        self.finished_by = Some(means);
    }

    /// Whether a transfer may move that an earlier run has left alone.
    pub(in crate::job) const fn has_detached_transfer(&self) -> bool {
        self.detached.is_some()
    }

    /// Whether an earlier run has left something that nobody has looked at.
    pub(in crate::job) const fn has_left(&self) -> bool {
        self.left.is_some()
    }

    /// Whether what an earlier run has left may be stored under the name of a part, may be a part under the final name, or
    /// may still move.
    pub(super) const fn has_part(&self) -> bool {
        match &self.left {
            Some(left) => {
                left.last.is_some() || !left.others.is_empty() || self.in_place || self.detached.is_some()
            }
            None => false,
        }
    }

    /// Waits for the end of the transfer that an earlier run has left alone. Returns what has arrived, if that is whole.
    pub(in crate::job) async fn arrived(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
    ) -> Result<Option<Arrived>, Failure> {
        let Some(detached) = &self.detached else { return Ok(None) };
        let Ends { source, destination, .. } = &mut *ends;
        let arrived = match self.left.as_ref().and_then(|left| left.seen.as_ref()) {
            Some(seen) => detached::wait(context, ends, item, detached, seen.size).await?,
            // It may move another source.
            None => {
                detached::end(context, (Some(source), destination), detached).await?;
                None
            }
        };
        self.detached = None;
        if arrived.is_none() {
            context.job_journal.detached(None).await;
        }
        Ok(arrived)
    }

    /// Puts the old file back if it was renamed aside, removes what cannot be continued, and returns what may be. Candidates
    /// that ran beside each other have stored under names of their own: of these parts the one with most bytes goes on.
    pub(in crate::job) async fn recover(
        &mut self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
    ) -> Result<Option<Leftover>, Failure> {
        let target = &item.destination;
        for id in self.left.iter().flat_map(|left| left.others.iter().chain(&left.last)) {
            self.old.may_be_aside_for(&Part::new(*id, target)?)?;
        }
        self.old.look(context, &mut ends.destination, target).await?;
        let Some(left) = self.left.clone() else { return Ok(None) };
        let mut last = left.last;
        if !left.others.is_empty() {
            let mut sizes = Vec::new();
            for id in left.others.iter().chain(&left.last) {
                let part = Part::new(*id, target)?;
                sizes.push((*id, ends.destination.size(context, &part.stored).await?));
            }
            last = largest(&sizes).or(last);
            for id in left.others.iter().chain(&left.last).filter(|id| Some(**id) != last) {
                Part::new(*id, target)?.discard(context, &mut ends.destination).await;
            }
        }
        self.left = None;
        let Some(last) = last else { return Ok(None) };
        let source = left.seen.map(|seen| Facts {
            kind: listing::Kind::File,
            size: seen.size,
            modified: seen.modified.map(When),
            unique: seen.unique,
            version: None,
            mode: None,
        });
        Ok(Some(Leftover { part: Part::new(last, target)?, source }))
    }
}

/// The part with most bytes, of several with the same the last one.
fn largest(sizes: &[(PartId, Option<u64>)]) -> Option<PartId> {
    sizes.iter().max_by_key(|(_, size)| size.unwrap_or(0)).map(|(id, _)| *id)
}

/// Notes what the source is before its first byte is read. Nothing gets its final name before that is on the disk:
/// without it a copy that was finished just before a kill would be somebody else's file.
pub(in crate::job) fn note_source(journal: &JobJournal, kept: &mut Kept, source: &Facts) -> Durable {
    let now = Some(seen(source));
    match &now {
        Some(seen) if kept.noted != now && journal.keeps_item() => {
            let durable = journal.seen(seen.clone());
            kept.noted = now;
            durable
        }
        Some(_) | None => Durable::default(),
    }
}

/// What the journal keeps of the facts of a source.
pub(super) fn seen(facts: &Facts) -> Seen {
    Seen {
        size: facts.size,
        modified: facts.modified.map(|When(seconds)| seconds),
        unique: facts.unique.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_parts_of_candidates_that_ran_beside_each_other_the_largest_goes_on() {
        let check = |sizes: &[Option<u64>], expect: Option<u64>| {
            let sizes: Vec<_> = (0..).map(PartId).zip(sizes.iter().copied()).collect();
            assert_eq!(largest(&sizes), expect.map(PartId), "{sizes:?}");
        };
        check(&[Some(1_572_864), None], Some(0));
        check(&[None, Some(7), Some(3)], Some(1));
        check(&[Some(7), Some(7)], Some(1));
        check(&[None, None], Some(1));
        check(&[], None);
    }
}
