//! A file is claimed for a job: nobody else stores at its destination, and what earlier runs have left there is known. Then what
//! becomes of it is noted: names of parts, transfers, what its source was, and its end. What other jobs have claimed is told.

#[cfg(test)]
mod tests;

use super::job_row::JobRow;
use super::record::{
    ClaimedItem, Detached, FinishedCopy, ItemEnd, ItemHistory, ItemKey, ItemRecord, ItemState, JobState,
    NAME_OF_COPY, NewItem, PartId, Place, SourceFacts, UnfinishedItem,
};
use super::sql::{GONE, Result};
use super::store::Store;
use crate::id::JobId;
use crate::ladder::Rung;
use crate::outcome::{FileCopy, FileEnd, Verified};
use ftp_io::clock::since_1970;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What became of a file that a job wants to begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claim {
    /// It is claimed for the job, and that is on the disk.
    Ours(ClaimedItem),
    /// Another job that runs has claimed its destination.
    Theirs(JobId),
    /// A transfer of another job moves there without this program.
    Moves(JobId),
    /// Nothing is kept of it.
    Unkept,
}

/// What a job does with a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ResumeAction {
    /// It is copied as if nothing had been done.
    Copy,
    /// It is not touched: it is done, and the source is the same.
    Skip,
    /// It is not touched: a later job has claimed its destination.
    LeaveAlone {
        /// Which job that is, in words.
        why: String,
    },
    /// An earlier run has begun it. An old file that was renamed aside is put back first. Then the last part is
    /// compared and continued, and the others are removed. The final name may have the finished copy already.
    GoOn(Box<UnfinishedItem>),
}

/// Decides what to do with a file: the only place where this is decided. `now` is what is known of its source, if a listing has
/// told it.
///
/// A file that is done is done again if its source has changed, or if nobody can say: then the overwrite rule compares. Where
/// a later job has stored something else, it is left alone.
pub fn decide(history: ItemHistory, now: Option<&SourceFacts>) -> ResumeAction {
    match history {
        ItemHistory::New => ResumeAction::Copy,
        ItemHistory::GivenOver { why } => ResumeAction::LeaveAlone { why },
        ItemHistory::Done { copy, replaced } => match (now, replaced) {
            (Some(now), _) if is_same(&copy.seen, now) => ResumeAction::Skip,
            (Some(_) | None, Some(why)) => ResumeAction::LeaveAlone { why },
            (Some(_) | None, None) => ResumeAction::Copy,
        },
        ItemHistory::Open(left) => ResumeAction::GoOn(left),
    }
}

/// Whether the source is certainly the same as before: size and time are known and equal, and the identity does not differ
/// where both are known.
pub fn is_same(before: &SourceFacts, now: &SourceFacts) -> bool {
    fn equal<T: PartialEq>(before: Option<&T>, now: Option<&T>) -> Option<bool> {
        Some(before? == now?)
    }
    let size = equal(before.size.as_ref(), now.size.as_ref());
    let modified = equal(before.modified.as_ref(), now.modified.as_ref());
    let unique = equal(before.unique.as_ref(), now.unique.as_ref());
    size == Some(true) && modified == Some(true) && unique != Some(false)
}

impl Store {
    /// Claims files for a job, in their order.
    pub(super) fn begin_all(&self, job: JobId, files: &[NewItem]) -> Result<Vec<Claim>> {
        let places: Vec<&Place> = files.iter().map(|file| &file.place).collect();
        let mut begun = HashSet::new();
        let found = ItemRecord::at(&self.sql, &places)?.into_iter().zip(files);
        found
            .map(|(rows, file)| {
                // Of two files that go to the same place, the second one finds the first.
                let is_first = begun.insert((&file.place.site, &file.place.path));
                let rows = if is_first { rows } else { ItemRecord::at(&self.sql, &[&file.place])?.concat() };
                self.begin(job, file, rows)
            })
            .collect()
    }

    /// Claims a file for a job. `rows` are the files of all jobs that go to its place.
    fn begin(&self, job: JobId, file: &NewItem, rows: Vec<ItemRecord>) -> Result<Claim> {
        let place = &file.place;
        let (mut known, others): (Vec<ItemRecord>, Vec<ItemRecord>) =
            rows.into_iter().partition(|row| row.job == job);
        let known = known.pop();
        if let Some(row) = known.as_ref().filter(|row| row.state == ItemState::GivenOver) {
            let why = row.why.clone().unwrap_or_else(|| "a later job has claimed its destination".to_owned());
            return Ok(ours(row.key, None, ItemHistory::GivenOver { why }));
        }
        let (others, ended): (Vec<ItemRecord>, Vec<ItemRecord>) =
            others.into_iter().partition(|row| row.state == ItemState::Open);
        if let Some(claim) = self.held(&others)? {
            return Ok(claim);
        }
        if !file.takes_over {
            return self.write_open(self.new_row(job, place)?, false, ItemHistory::New, file);
        }
        if known.as_ref().is_none_or(|row| row.state == ItemState::Failed)
            && let Some(later) = self.later(job, place, others.iter().chain(&ended))?
        {
            let row = known.map_or_else(|| self.new_row(job, place), Ok)?;
            return self.leave(row, later);
        }
        let replaced = match &known {
            Some(row) if row.state == ItemState::Done => self.later(job, place, ended.iter())?,
            Some(_) | None => None,
        };
        let adopted = self.take_over(job, place, others)?;
        let was_known = known.is_some();
        let mut row = known.map_or_else(|| self.new_row(job, place), Ok)?;
        let is_same = row.place.source == place.source;
        let history = match (row.state, adopted) {
            (ItemState::Done, None) if is_same && was_known => ItemHistory::Done {
                copy: FinishedCopy {
                    seen: row.seen.clone().unwrap_or_default(),
                    verified: row.copy.verified,
                    route: row.copy.moved_by(),
                },
                replaced: replaced.map(given_over_to),
            },
            (ItemState::Open, None) if was_known => ItemHistory::Open(Box::new(UnfinishedItem {
                parts: row.read_parts(&self.sql)?,
                seen: row.seen.clone().filter(|_| is_same),
                route: row.copy.moved_by().filter(|_| is_same),
                of_other: None,
            })),
            (_, Some(left)) => ItemHistory::Open(Box::new(left)),
            (ItemState::Open | ItemState::Done | ItemState::Failed | ItemState::GivenOver, None) => {
                ItemHistory::New
            }
        };
        row.place = place.clone();
        if matches!(history, ItemHistory::Done { .. }) {
            return Ok(ours(row.key, None, history));
        }
        self.write_open(row, was_known, history, file)
    }

    /// Writes that a file is open: what earlier runs have left of it, or a new row with the name of its first part, if it has
    /// a new one.
    fn write_open(
        &self,
        mut row: ItemRecord,
        was_known: bool,
        history: ItemHistory,
        file: &NewItem,
    ) -> Result<Claim> {
        let mut attempts = row.copy.attempts;
        if row.state == ItemState::Done {
            // Another source has its name, or what is there is doubted: another copy begins.
            (attempts, row.failure) = (0, None);
        }
        // A look that finds its copy lost needs what has verified it (`ItemEnd::Lost`).
        let FileCopy { size, verified, .. } = *row.copy;
        *row.copy = FileCopy { attempts, size, verified, ..FileCopy::default() };
        (row.state, row.why, row.shared_row) = (ItemState::Open, None, None);
        (row.began, row.ended) = (None, None);
        let key = row.key;
        self.under_way.take(key);
        if let ItemHistory::Open(left) = &history {
            row.seen.clone_from(&left.seen);
            row.copy.end = left.route.map_or(FileEnd::Skipped, FileEnd::Moved);
            row.save(&self.sql)?;
            row.set_parts(&self.sql, &left.parts)?;
            return Ok(ours(key, None, history));
        }
        row.seen.clone_from(&file.seen);
        if was_known {
            row.save(&self.sql)?;
        } else {
            row.add(&self.sql)?;
        }
        row.set_first_part(&self.sql, file.part, was_known)?;
        self.under_way.note(row, file.part.is_some());
        Ok(ours(key, file.part, history))
    }

    /// The row of a file that the job has not claimed before.
    fn new_row(&self, job: JobId, place: &Place) -> Result<ItemRecord> {
        Ok(ItemRecord::new(self.new_key()?, job, place.clone()))
    }

    /// Who may still store what these rows claim.
    fn held(&self, others: &[ItemRecord]) -> Result<Option<Claim>> {
        for row in others {
            if self.is_held(row.job)? {
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
    ) -> Result<Option<JobId>> {
        self.later_of(job, others.filter(|row| row.place.source != place.source))
    }

    /// Whether a job that has begun later than `job` may have stored something else at this place.
    pub(super) fn is_replaced(&self, job: JobId, place: &Place) -> Result<bool> {
        let rows = ItemRecord::at(&self.sql, &[place])?.concat();
        Ok(self.later_of(job, rows.iter().filter(|row| row.job != job))?.is_some())
    }

    /// The job that has begun later than `job` and may have stored something, of these rows.
    fn later_of<'a>(
        &self,
        job: JobId,
        others: impl Iterator<Item = &'a ItemRecord>,
    ) -> Result<Option<JobId>> {
        let mut others = others.filter(|row| row.state.may_be_stored()).peekable();
        if others.peek().is_none() {
            return Ok(None);
        }
        let Some(own) = JobRow::find(&self.sql, job)? else { return Err(GONE) };
        others.try_fold(None, |found, row| {
            let is_later = JobRow::find(&self.sql, row.job)?.is_some_and(|other| other.begun > own.begun);
            Ok(if is_later { Some(row.job) } else { found })
        })
    }

    /// Leaves a file that was not begun to a later job.
    fn leave(&self, mut row: ItemRecord, later: JobId) -> Result<Claim> {
        let why = given_over_to(later);
        (row.state, row.why) = (ItemState::GivenOver, Some(why.clone()));
        row.save(&self.sql)?;
        Ok(ours(row.key, None, ItemHistory::GivenOver { why }))
    }

    /// Whether a file of a job that nobody runs may still move from server to server.
    pub(super) fn moves_alone(&self, row: &ItemRecord) -> Result<bool> {
        if row.read_parts(&self.sql)?.detached.is_none_or(|detached| !detached.moves) {
            return Ok(false);
        }
        let left = JobRow::find(&self.sql, row.job)?.and_then(|job| job.ended);
        let is_over = |left: u64| since_1970().as_secs() >= left.saturating_add(LONGEST_ALONE.as_secs());
        Ok(!left.is_some_and(is_over))
    }

    /// Takes the destination of a file from jobs that were killed. What they have left is the business of `job` now:
    /// the names of the last one, and what its source was, if that is the same. What it has moved was there before.
    fn take_over(
        &self,
        job: JobId,
        place: &Place,
        others: Vec<ItemRecord>,
    ) -> Result<Option<UnfinishedItem>> {
        let mut adopted = None;
        for mut row in others {
            let parts = row.read_parts(&self.sql)?;
            row.forget_parts(&self.sql)?;
            row.state = ItemState::GivenOver;
            row.why = Some(given_over_to(job));
            row.save(&self.sql)?;
            self.retire(row.job, job)?;
            let is_same = row.place.source == place.source;
            let (seen, of_other) = (row.seen.filter(|_| is_same), (!is_same).then_some(row.job));
            adopted = Some(UnfinishedItem { parts, seen, route: None, of_other });
        }
        Ok(adopted)
    }

    /// A job has lost a file to a later one. If the later one copies all of it, or there was nothing else, it is over.
    fn retire(&self, old: JobId, new: JobId) -> Result<()> {
        let Some(mut old) = JobRow::find(&self.sql, old)?.filter(|old| old.state == JobState::Running) else {
            return Ok(());
        };
        let has_one_file = old.decided.as_deref() == Some(NAME_OF_COPY) && !old.job.may_be_a_tree();
        let new = JobRow::find(&self.sql, new)?;
        if has_one_file || new.is_some_and(|new| new.job.asks_for_the_same(&old.job)) {
            (old.state, old.ended) = (JobState::Failed, Some(since_1970().as_secs()));
            old.save(&self.sql)?;
        }
        Ok(())
    }

    /// The row of a file that changes in a way which [`UnderWay`] does not know: its end reads it again.
    fn row(&self, key: ItemKey) -> Result<ItemRecord> {
        self.under_way.take(key);
        ItemRecord::find(&self.sql, key)?.ok_or(GONE)
    }

    /// The row of a file, and where it comes from.
    fn known_row(&self, key: ItemKey) -> Result<(ItemRecord, RowOrigin)> {
        match self.under_way.take(key) {
            Some((row, has_part)) => Ok((row, RowOrigin::Written { has_part })),
            None => Ok((self.row(key)?, RowOrigin::Read)),
        }
    }

    /// Writes a row of [`known_row`](Self::known_row), of a file that goes on.
    fn save_known(&self, mut row: ItemRecord, origin: RowOrigin) -> Result<()> {
        match origin {
            RowOrigin::Read => row.save(&self.sql)?,
            RowOrigin::Written { has_part } => {
                row.save_end(&self.sql)?;
                self.under_way.note(row, has_part);
            }
        }
        Ok(())
    }

    /// Notes a further name under which something of a file may be stored. A file that was done is open again.
    pub(super) fn add_part(&self, key: ItemKey, part: PartId) -> Result<()> {
        let mut row = self.row(key)?;
        if row.state != ItemState::Open {
            row.state = ItemState::Open;
            row.save(&self.sql)?;
        }
        row.add_part(&self.sql, part)
    }

    /// Something of a file may be stored under its final name.
    pub(super) fn in_place(&self, key: ItemKey, part: PartId) -> Result<()> {
        self.row(key)?.add_in_place(&self.sql, part)
    }

    /// Notes a transfer that may go on without this program, or that there is none any more.
    pub(super) fn detached(&self, key: ItemKey, detached: Option<&Detached>) -> Result<()> {
        self.row(key)?.set_detached(&self.sql, detached)
    }

    /// Notes what the source was before its first byte was read.
    pub(super) fn seen(&self, key: ItemKey, seen: SourceFacts) -> Result<()> {
        let mut row = self.row(key)?;
        row.seen = Some(seen);
        row.save(&self.sql)
    }

    /// Notes by which route the bytes of a file move to a name that nothing equal has, or that they do not.
    pub(super) fn moves(&self, key: ItemKey, route: Option<Rung>) -> Result<()> {
        let (mut row, origin) = self.known_row(key)?;
        row.copy.end = route.map_or(FileEnd::Skipped, FileEnd::Moved);
        self.save_known(row, origin)
    }

    /// Notes that attempts at a file have ended, and why the last of them has failed. It may be tried again.
    pub(super) fn attempted(&self, key: ItemKey, attempts: u32, why: Option<&str>) -> Result<()> {
        let (mut row, origin) = self.known_row(key)?;
        row.copy.attempts = row.copy.attempts.saturating_add(attempts);
        row.failure = why.map(str::to_owned).or(row.failure);
        self.save_known(row, origin)
    }

    /// Notes how a file has ended.
    pub(super) fn ended(&self, key: ItemKey, end: ItemEnd) -> Result<()> {
        let (mut row, origin) = self.known_row(key)?;
        if matches!(end, ItemEnd::Failed { .. }) {
            // What an earlier run has stored was an older source.
            (row.copy.size, row.copy.verified) = (None, Verified::None);
        }
        match end {
            ItemEnd::Done { copy, began, noted } => {
                (row.state, row.why, row.began) = (ItemState::Done, None, began);
                self.note_copy(&mut row, *copy, noted)?;
            }
            ItemEnd::Failed { why, began } | ItemEnd::Lost { why, began } => {
                (row.state, row.began) = (ItemState::Failed, began);
                (row.failure, row.why) = (Some(why.clone()), Some(why));
            }
            ItemEnd::Unbegun => return row.forget(&self.sql),
        }
        row.ended = u64::try_from(since_1970().as_millis()).ok();
        match origin {
            RowOrigin::Read => {
                row.save(&self.sql)?;
                row.forget_parts(&self.sql)
            }
            RowOrigin::Written { has_part } => {
                row.save_end(&self.sql)?;
                if has_part { row.forget_names(&self.sql) } else { Ok(()) }
            }
        }
    }

    /// Notes how a file has come to its destination, in a run of which so many attempts are noted already. A run that has moved
    /// nothing of the file adds what it has found out to what is known.
    fn note_copy(&self, row: &mut ItemRecord, copy: FileCopy, noted: u32) -> Result<()> {
        let mut known = std::mem::take(&mut *row.copy);
        if let Some(shared) = &copy.facts.path {
            row.shared_row = Some(self.shared_rows.row(&self.sql, row.job, shared)?);
            known.facts.clone_from(&copy.facts);
        } else if copy.facts.digest.is_some() {
            known.facts.digest.clone_from(&copy.facts.digest);
        }
        *row.copy = FileCopy {
            // What this run had no need to verify is verified as it was.
            verified: copy.verified_earlier().map_or(copy.verified, |by| by.max(copy.verified)),
            end: copy.any_route().map_or(FileEnd::Skipped, FileEnd::Moved),
            attempts: known.attempts.saturating_add(copy.attempts.saturating_sub(noted)),
            facts: known.facts,
            ..copy
        };
        Ok(())
    }
}

/// Where the row of a file comes from that is about to change.
#[derive(Clone, Copy, Debug)]
enum RowOrigin {
    /// It was read: the file may have parts and a transfer.
    Read,
    /// This process has written it: the file has no transfer, and one part or none.
    Written { has_part: bool },
}

/// The rows of files that are under way, as this process has written them: how such a file has ended is noted without reading its
/// row again. They have one part or none, and no transfer. One that is not here is read.
#[derive(Debug, Default)]
pub(super) struct UnderWay(RefCell<HashMap<ItemKey, (ItemRecord, bool)>>);

impl UnderWay {
    /// Remembers a row that has no transfer, and whether it has a part: no more than one.
    pub(super) fn note(&self, row: ItemRecord, has_part: bool) {
        let mut rows = self.0.borrow_mut();
        if rows.len() < MOST {
            rows.insert(row.key, (row, has_part));
        }
    }

    /// Takes a row out: it ends, or something else becomes of it. With it comes whether it has a part.
    pub(super) fn take(&self, key: ItemKey) -> Option<(ItemRecord, bool)> {
        self.0.borrow_mut().remove(&key)
    }
}

fn ours(key: ItemKey, first: Option<PartId>, history: ItemHistory) -> Claim {
    Claim::Ours(ClaimedItem { key, first, history })
}

/// Why a file is left alone.
fn given_over_to(job: JobId) -> String {
    format!("job {job} has claimed its destination")
}

/// For how long servers let a transfer go on without this program.
pub(super) const LONGEST_ALONE: Duration = Duration::from_secs(3600);
/// The largest number of rows that are kept.
const MOST: usize = 8_192;

/// Which claims are asked for: a page of those of other jobs, in the order of their paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimsBelow {
    /// The host, as a [`Place`](super::Place) has it.
    pub site: String,
    /// The directory, in the same form, with a separator at its end; empty for the login directory.
    pub directory: Vec<u8>,
    /// Jobs that are known to have run, also if they have ended meanwhile.
    pub ran: Vec<JobId>,
    /// What was finished since then counts for whichever job, in milliseconds since 1970.
    pub since: u64,
    /// The last claim that is known; `None` for the first page.
    pub after: Option<ClaimBelow>,
}

/// A claim of another job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimBelow {
    /// The path, as a [`Place`](super::Place) has it.
    pub path: Vec<u8>,
    /// Whose claim it is.
    pub job: JobId,
}

/// A page of claims.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ClaimsPage {
    /// The claims, in the order of their paths.
    pub claims: Vec<ClaimBelow>,
    /// Where the next page begins; `None` if this is the last one.
    pub last: Option<ClaimBelow>,
}

/// A page of claims of other jobs than `own`.
pub(super) fn claims_below(store: &Store, own: Option<JobId>, asked: &ClaimsBelow) -> Result<ClaimsPage> {
    let after = asked.after.as_ref().map(|last| (last.path.as_slice(), last.job));
    let rows = ItemRecord::below(&store.sql, &asked.site, &asked.directory, after, PAGE)?;
    let claim = |row: &ItemRecord| ClaimBelow { path: row.place.path.clone(), job: row.job };
    let last = if rows.len() < PAGE { None } else { rows.last().map(claim) };
    let mut claims = Vec::new();
    let mut running: HashMap<JobId, bool> = HashMap::new();
    for row in rows.iter().filter(|row| Some(row.job) != own) {
        let runs = match running.get(&row.job) {
            Some(runs) => *runs,
            None => asked.ran.contains(&row.job) || store.is_held(row.job)?,
        };
        running.insert(row.job, runs);
        let is_claimed = match row.state {
            ItemState::Open => runs || store.moves_alone(row)?,
            ItemState::Done => runs || row.ended.is_some_and(|ended| ended >= asked.since),
            // Nothing of it is stored.
            ItemState::Failed | ItemState::GivenOver => false,
        };
        if is_claimed {
            claims.push(claim(row));
        }
    }
    Ok(ClaimsPage { claims, last })
}

/// Other moves than `own` that run.
pub(super) fn other_moves(store: &Store, own: JobId) -> Result<Vec<JobId>> {
    let mut moves = Vec::new();
    for row in JobRow::open_of_verb(&store.sql, "move")? {
        if row.id != own && store.is_held(row.id)? {
            moves.push(row.id);
        }
    }
    Ok(moves)
}

/// Which other move that runs has claimed each of these places.
pub(super) fn claimed_by_moves(store: &Store, own: JobId, places: &[Place]) -> Result<Vec<Option<JobId>>> {
    let moves = other_moves(store, own)?;
    let claimed = |place| {
        let claims = ItemRecord::at(&store.sql, &[place])?.into_iter().flatten();
        Ok(claims.filter(|row| row.state.may_be_stored()).map(|row| row.job).find(|job| moves.contains(job)))
    };
    places.iter().map(claimed).collect()
}

/// The largest number of files on a page.
const PAGE: usize = 1024;
