//! A file is claimed for a job: nobody else stores at its destination, and what earlier runs have left there is known.

use super::checksum::{Bad, GONE};
use super::job_row::JobRow;
use super::lock;
use super::record::{
    Begun, Found, ItemParts, ItemRecord, ItemState, JobState, NAME_OF_COPY, NewItem, PartId, Place, Seen,
};
use super::store::{Store, now};
use crate::id::JobId;
use crate::outcome::TransferFacts;
use std::time::Duration;

/// What became of a file that a job wants to begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claim {
    /// It is claimed for the job, and that is on the disk.
    Ours(Begun),
    /// Another job that runs has claimed its destination.
    Theirs(JobId),
    /// A transfer of another job moves there without this program.
    Moves(JobId),
    /// Nothing is kept of it.
    Unkept,
}

impl Store {
    /// Claims a file for a job.
    pub(super) fn begin(&self, job: JobId, file: &NewItem) -> Result<Claim, Bad> {
        let place = &file.place;
        let (known, others): (Vec<ItemRecord>, _) =
            ItemRecord::at(&self.sql, place)?.into_iter().partition(|row| row.job == job);
        let known = known.into_iter().next();
        if let Some(row) = known.as_ref().filter(|row| row.state == ItemState::GivenOver) {
            let why = row.why.clone().unwrap_or_else(|| "a later job has claimed its destination".to_owned());
            let found = Found::GivenOver { why };
            return Ok(Claim::Ours(Begun { key: row.key, first: None, found }));
        }
        let (others, ended): (Vec<ItemRecord>, Vec<ItemRecord>) =
            others.into_iter().partition(|row| row.state == ItemState::Open);
        if let Some(claim) = self.held(&others)? {
            return Ok(claim);
        }
        if !file.takes_over {
            let (row, found) = (self.new_row(job, place)?, Found::New);
            let key = row.key;
            let first = self.write_open(row, false, &ItemParts::default(), &found, file)?;
            return Ok(Claim::Ours(Begun { key, first, found }));
        }
        if known.as_ref().is_none_or(|row| row.state == ItemState::Failed)
            && let Some(later) = self.later(job, place, others.iter().chain(&ended))?
        {
            let row = known.map_or_else(|| self.new_row(job, place), Ok)?;
            return self.leave(row, later);
        }
        let replaced = self.replaced(known.as_ref(), place, &ended)?;
        let adopted = self.take_over(job, place, others)?;
        let mut row = known.clone().map_or_else(|| self.new_row(job, place), Ok)?;
        let is_same = row.place.source == place.source;
        let mut parts = ItemParts::default();
        let found = match (row.state, adopted) {
            (ItemState::Done, None) if is_same && known.is_some() => {
                let (seen, verified) = (row.seen.clone().unwrap_or_default(), row.verified.clone());
                let (route, replaced) = (row.route.clone(), replaced.map(given_over_to));
                Found::Done { seen, verified, route, replaced }
            }
            (ItemState::Open, None) if known.is_some() => {
                let seen = row.seen.clone().filter(|_| is_same);
                parts = row.read_parts(&self.sql)?;
                open(&parts, seen, row.route.clone().filter(|_| is_same))
            }
            (_, Some((theirs, seen))) => {
                parts = theirs;
                // What another job has moved was there before this one.
                open(&parts, seen, None)
            }
            (ItemState::Open | ItemState::Done | ItemState::Failed | ItemState::GivenOver, None) => {
                Found::New
            }
        };
        row.place = place.clone();
        let key = row.key;
        if matches!(found, Found::Done { .. }) {
            return Ok(Claim::Ours(Begun { key, first: None, found }));
        }
        let first = self.write_open(row, known.is_some(), &parts, &found, file)?;
        Ok(Claim::Ours(Begun { key, first, found }))
    }

    /// Writes that a file is open: what earlier runs have left of it, or a new row. Returns the name of its first part, if it
    /// has a new one.
    fn write_open(
        &self,
        mut row: ItemRecord,
        was_known: bool,
        parts: &ItemParts,
        found: &Found,
        file: &NewItem,
    ) -> Result<Option<PartId>, Bad> {
        if row.state == ItemState::Done {
            // Another source has its name, or what is there is doubted: another copy begins.
            (row.attempts, row.failure) = (0, None);
        }
        (row.state, row.why, row.verified, row.route, row.bytes) = (ItemState::Open, None, None, None, 0);
        (*row.facts, row.shared_row) = (TransferFacts::NONE, None);
        (row.began, row.ended) = (None, None);
        let key = row.key;
        self.under_way.take(key);
        if let Found::Open { seen, route, .. } = found {
            row.seen.clone_from(seen);
            row.route.clone_from(route);
            row.save(&self.sql)?;
            row.set_parts(&self.sql, parts)?;
            return Ok(None);
        }
        row.seen.clone_from(&file.seen);
        if was_known {
            row.save(&self.sql)?;
        } else {
            row.add(&self.sql)?;
        }
        row.set_first_part(&self.sql, file.part, was_known)?;
        self.under_way.note(row, file.part.is_some());
        Ok(file.part)
    }

    /// The row of a file that the job has not claimed before.
    fn new_row(&self, job: JobId, place: &Place) -> Result<ItemRecord, Bad> {
        Ok(ItemRecord::new(self.new_key()?, job, place.clone()))
    }

    /// Who may still store what these rows claim.
    fn held(&self, others: &[ItemRecord]) -> Result<Option<Claim>, Bad> {
        for row in others {
            if lock::holder(&self.directory, row.job).is_some() {
                return Ok(Some(Claim::Theirs(row.job)));
            }
            if self.moves_alone(row)? {
                return Ok(Some(Claim::Moves(row.job)));
            }
        }
        Ok(None)
    }

    /// The job that has begun later than `job` and has claimed the same destination for another source, of these rows.
    fn later<'a>(
        &self,
        job: JobId,
        place: &Place,
        others: impl Iterator<Item = &'a ItemRecord>,
    ) -> Result<Option<JobId>, Bad> {
        let mut others = others.peekable();
        if others.peek().is_none() {
            return Ok(None);
        }
        let Some(own) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        let has_stored = |row: &ItemRecord| match row.state {
            ItemState::Open | ItemState::Done => row.place.source != place.source,
            ItemState::Failed | ItemState::GivenOver => false,
        };
        others.try_fold(None, |found, row| {
            let is_later = has_stored(row)
                && JobRow::find(&self.sql, row.job)?.is_some_and(|other| other.begun > own.begun);
            Ok(if is_later { Some(row.job) } else { found })
        })
    }

    /// The later job that has stored another source where this file is finished.
    fn replaced(
        &self,
        known: Option<&ItemRecord>,
        place: &Place,
        ended: &[ItemRecord],
    ) -> Result<Option<JobId>, Bad> {
        let Some(row) = known.filter(|row| row.state == ItemState::Done) else { return Ok(None) };
        self.later(row.job, place, ended.iter())
    }

    /// Leaves a file that was not begun to a later job.
    fn leave(&self, mut row: ItemRecord, later: JobId) -> Result<Claim, Bad> {
        let why = given_over_to(later);
        (row.state, row.why) = (ItemState::GivenOver, Some(why.clone()));
        row.save(&self.sql)?;
        let key = row.key;
        Ok(Claim::Ours(Begun { key, first: None, found: Found::GivenOver { why } }))
    }

    /// Whether a file of a job that nobody runs may still move from server to server.
    pub(super) fn moves_alone(&self, row: &ItemRecord) -> Result<bool, Bad> {
        if row.read_parts(&self.sql)?.detached.is_none_or(|detached| !detached.moves) {
            return Ok(false);
        }
        let left = JobRow::find(&self.sql, row.job)?.and_then(|job| job.ended);
        let is_over = |left: u64| now().as_secs() >= left.saturating_add(LONGEST_ALONE.as_secs());
        Ok(!left.is_some_and(is_over))
    }

    /// Takes the destination of a file from jobs that were killed. What they have left is the business of `job` now:
    /// the names of the last one, and what its source was, if that is the same.
    fn take_over(
        &self,
        job: JobId,
        place: &Place,
        others: Vec<ItemRecord>,
    ) -> Result<Option<(ItemParts, Option<Seen>)>, Bad> {
        let mut adopted = None;
        for mut row in others {
            let parts = row.read_parts(&self.sql)?;
            row.forget_parts(&self.sql)?;
            row.state = ItemState::GivenOver;
            row.why = Some(given_over_to(job));
            row.save(&self.sql)?;
            self.retire(row.job, job)?;
            adopted = Some((parts, row.seen.filter(|_| row.place.source == place.source)));
        }
        Ok(adopted)
    }

    /// A job has lost a file to a later one. If the later one copies all of it, or there was nothing else, it is over.
    fn retire(&self, old: JobId, new: JobId) -> Result<(), Bad> {
        let Some(mut old) = JobRow::find(&self.sql, old)?.filter(|old| old.state == JobState::Running) else {
            return Ok(());
        };
        let has_one_file = old.decided.as_deref() == Some(NAME_OF_COPY) && !old.job.may_be_a_tree();
        let new = JobRow::find(&self.sql, new)?;
        if has_one_file || new.is_some_and(|new| new.job.asks_for_the_same(&old.job)) {
            (old.state, old.ended) = (JobState::Failed, Some(now().as_secs()));
            old.save(&self.sql)?;
        }
        Ok(())
    }
}

/// Why a file is left alone.
fn given_over_to(job: JobId) -> String {
    format!("job {job} has claimed its destination")
}

/// A file that was begun and has not ended.
fn open(parts: &ItemParts, seen: Option<Seen>, route: Option<String>) -> Found {
    let (names, in_place) = (parts.names.clone(), parts.in_place.is_some());
    Found::Open { parts: names, seen, in_place, detached: parts.detached.clone(), route }
}

/// For how long servers let a transfer go on without this program.
pub(super) const LONGEST_ALONE: Duration = Duration::from_secs(3600);
