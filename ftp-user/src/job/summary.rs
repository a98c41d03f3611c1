//! What was done and what has failed in a job, and the report that follows.

use super::failures::Failures;
use super::file_tally::FileTally;
use super::status::Status;
use crate::account::{FailedFile, PairAccount, RunAccount, shortened};
use crate::failure::{About, Failure, Kind, Result};
use crate::id::JobId;
use crate::job::request::job::Compare;
use crate::job::tree::FailedVisit;
use crate::journal::{self, RunEnd};
use crate::ladder::Rung;
use crate::outcome::{FailedItem, FileCopy, FileOutcome, Protection, Relayed, Verified};
use crate::report::{Event, Events, FailedFiles, FoundFiles, Summary, WithheldDeletions, about};
use ftp_io::clock::since_1970;
use ftp_proto::wire::counted;
use std::collections::HashSet;
use std::time::Duration;

/// Counts the files of a job.
#[derive(Debug)]
pub(in crate::job) struct Tally {
    events: Events,
    /// The number of the last file.
    number: u64,
    /// What is done so far.
    pub(in crate::job) sums: Summary,
    /// The files that a sync need not copy.
    equal: u64,
    /// The numbers of the files that have failed although they were stored: their sources stay.
    failed_stored: HashSet<u64>,
    /// Names that a sync has not deleted because they are more than the user has allowed, or because nobody has agreed to that.
    pub(in crate::job) withheld: Option<WithheldDeletions>,
    /// How many files took which route.
    rungs: Vec<(Rung, u64)>,
    /// What has protected the bytes that moved.
    protection: Option<Protection>,
    verified: Option<Verified>,
    pub(in crate::job) failures: Failures,
    /// Why a part may still be there, so that another run goes on although no file has failed.
    pub(in crate::job) undeleted_part: Option<Failure>,
}

/// How a job ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// Whether everything, something or nothing was done.
    pub status: Status,
    /// How many files, and how many bytes.
    pub summary: Summary,
    /// The first failures of each cause, sorted by kind. The summary counts all of them.
    pub failures: Vec<FailedItem>,
}

impl Tally {
    /// Nothing is done yet.
    pub(in crate::job) fn new(events: &Events, verb: &'static str, dry_run: bool) -> Self {
        Self {
            events: events.clone(),
            number: 0,
            sums: Summary { verb, dry_run, ..Summary::default() },
            equal: 0,
            failed_stored: HashSet::new(),
            withheld: None,
            rungs: Vec::new(),
            protection: None,
            verified: None,
            failures: Failures::default(),
            undeleted_part: None,
        }
    }

    /// The number of the next file.
    pub(in crate::job) const fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Notes how a file ended, and reports it if it was copied.
    pub(in crate::job) fn file(&mut self, source: String, dest: String, ended: Result<FileCopy>) {
        match &ended {
            Ok(copy) if copy.is_detached() => self.sums.detached += 1,
            Ok(copy) => {
                self.done(copy);
                if self.sums.dry_run {
                    return;
                }
            }
            Err(failure) => {
                self.note_interrupted(failure);
                let (source, dest, failure) = (source.clone(), dest.clone(), failure.clone());
                self.failures.add(FailedItem { source, dest, failure });
            }
        }
        self.events.say(Event::File(Box::new(FileOutcome { source, dest, copy: ended })));
    }

    fn done(&mut self, done: &FileCopy) {
        FileTally::of(done).add_to(&mut self.sums);
        self.sums.kept += u64::from(done.kept_old);
        let Some(rung) = done.route() else {
            // What an earlier run has done is counted by itself.
            match done.verified {
                Verified::None if done.is_earlier() => {}
                Verified::None => self.note_equal("", Verified::None),
                by @ (Verified::Size | Verified::Hash(_)) => self.note_equal(by.name(), by),
            }
            return;
        };
        Protection::add(&mut self.protection, done.protection);
        Relayed::add(&mut self.sums.relayed, done.relayed.clone());
        self.note_verified(done.verified);
        let copied = &mut self.sums.details.copied;
        *copied = Some(copied.map_or(done.verified, |weakest| weakest.min(done.verified)));
        match self.rungs.iter_mut().find(|(known, _)| *known == rung) {
            Some((_, count)) => *count += 1,
            None => self.rungs.push((rung, 1)),
        }
    }

    /// Notes files that earlier runs have moved, so that this one does not meet them.
    pub(in crate::job) const fn finished_earlier(&mut self, files: u64) {
        self.sums.files += files;
        self.sums.skipped += files;
        self.sums.earlier += files;
    }

    /// Notes that names are not deleted, because they are more than the user has allowed. No file has failed, and the job has not done what it was asked for.
    pub(in crate::job) fn withhold(&mut self, withheld: WithheldDeletions) {
        // A dry run has told them.
        (self.sums.deleted, self.sums.kept) = (0, 0);
        self.withheld = Some(withheld);
    }

    /// Notes that a file or directory has failed, and reports it.
    pub(in crate::job) fn failed(&mut self, source: String, dest: String, failure: Failure) {
        self.note_interrupted(&failure);
        self.tell_failed(FailedItem { source, dest, failure });
    }

    /// The same of a directory.
    pub(in crate::job) fn failed_directory(&mut self, source: String, dest: String, failure: Failure) {
        self.sums.failed.directories += u64::from(failure.kind != Kind::Interrupted);
        self.failed(source, dest, failure);
    }

    /// Notes what a walk could not look at, and what people call it.
    pub(in crate::job) fn failed_visit(
        &mut self,
        source: String,
        dest: String,
        name: &str,
        FailedVisit { failure, is_unlisted, .. }: &FailedVisit,
    ) {
        let failure = failure.clone().during(name);
        match is_unlisted {
            true => self.failed_directory(source, dest, failure),
            false => self.failed(source, dest, failure),
        }
    }

    fn tell_failed(&mut self, failed: FailedItem) {
        self.events.say(Event::Failed(failed.clone()));
        self.failures.add(failed);
    }

    fn note_interrupted(&mut self, failure: &Failure) {
        self.sums.failed.interrupted += u64::from(failure.kind == Kind::Interrupted);
    }

    /// Notes that the source of a move stays, although the file was copied and counts as that.
    pub(in crate::job) fn source_stays(&mut self, number: u64, failed: FailedItem) {
        self.failed_stored.insert(number);
        self.sums.failed.stays += 1;
        self.tell_failed(failed);
    }

    /// Notes that a file has failed because its source stays, although it was stored: it does not count as copied.
    pub(in crate::job) fn fails_stored(&mut self, number: u64, failed: FailedItem) {
        let FailedItem { source, dest, failure } = failed;
        self.failed_stored.insert(number);
        self.file(source, dest, Err(failure));
    }

    /// Notes that a file that was stored does not count as done any more. `is_unconfirmed`: nobody can tell whether it is still there;
    /// otherwise it is not. Returns whether it is told now: it is not if it has failed already, because its source stays.
    pub(in crate::job) fn not_whole(
        &mut self,
        number: u64,
        counts: FileTally,
        failed: FailedItem,
        is_unconfirmed: bool,
    ) -> bool {
        counts.take_from(&mut self.sums);
        self.sums.failed.unconfirmed += u64::from(is_unconfirmed);
        let has_failed = self.failed_stored.contains(&number);
        if !has_failed {
            if !is_unconfirmed {
                self.note_interrupted(&failed.failure);
            }
            self.tell_failed(failed);
        } else if counts != FileTally::default() {
            self.sums.failed.stays -= 1;
        }
        !has_failed
    }

    /// Whether anything has failed.
    pub(in crate::job) fn has_failed(&self) -> bool {
        self.has_failed_files() || self.withheld.is_some()
    }

    /// Whether a file or directory has failed.
    pub(in crate::job) fn has_failed_files(&self) -> bool {
        self.failures.count() > 0
    }

    /// How many files are done of those that were found: `240 of 3000 files are done; `.
    pub(in crate::job) fn how_far(&self, found: FoundFiles) -> String {
        let (done, all) = (self.sums.files, found.files + self.equal);
        let so_far = if found.more { " found so far" } else { "" };
        match all {
            _ if done > all || (all <= 1 && !found.more) => String::new(),
            all if self.sums.failed.stays > 0 => {
                format!(
                    "{done} of {} are copied, sources that stay: {}; ",
                    counted(all, "file"),
                    self.sums.failed.stays
                )
            }
            // What has failed is none of them: a listing, or a name that FTP cannot carry.
            all if done == all && !found.more => String::new(),
            all => format!("{done} of {}{so_far} are done; ", counted(all, "file")),
        }
    }

    /// Notes files that a sync need not copy. They are not among those that were found.
    pub(in crate::job) fn found_equal(&mut self, files: u64, by: Compare) {
        let (words, verified) = match by {
            Compare::Auto | Compare::Time => ("size and time", Verified::Size),
            Compare::Size => ("size", Verified::Size),
            Compare::Exists | Compare::Hash => ("", Verified::None),
        };
        self.equal += files;
        self.sums.files += files;
        self.sums.skipped += files;
        if files > 0 {
            self.note_equal(words, verified);
        }
    }

    /// Notes that files are skipped because they are equal by this; only by their names if the word is empty.
    fn note_equal(&mut self, by: &'static str, verified: Verified) {
        if !by.is_empty() {
            self.note_verified(verified);
        }
        if !self.sums.details.equal_by.contains(&by) {
            self.sums.details.equal_by.push(by);
        }
    }

    fn note_verified(&mut self, verified: Verified) {
        self.verified = Some(self.verified.map_or(verified, |weakest| weakest.min(verified)));
    }

    /// Whether there was nothing to do: no file was found, none was deleted, and nothing has failed.
    pub(in crate::job) fn is_empty(&self) -> bool {
        !self.has_done() && self.sums.detached == 0 && !self.has_failed()
    }

    /// How the files have ended as a whole.
    fn status(&self) -> Status {
        let status = Status::of_many(self.sums.done(), &self.failures.kinds());
        if status == Status::Done && self.withheld.is_some() { Status::Partly } else { status }
    }

    /// Whether any file is complete at its destination.
    pub(in crate::job) const fn has_done(&self) -> bool {
        self.sums.done() > 0
    }

    /// If nothing was stored, made or deleted as far as the files show: whether something has failed, all of it because the
    /// command names something that cannot be used, is missing or is refused. `None` in any other case.
    pub(in crate::job) fn has_failed_for_nothing(&self) -> Option<bool> {
        let stored = self.sums.done() - self.sums.skipped + self.sums.detached + self.sums.failed.unconfirmed;
        if stored > 0 || self.withheld.is_some() || self.undeleted_part.is_some() {
            return None;
        }
        match self.failures.kinds().as_slice() {
            [] => Some(false),
            // Different ones are no exit status of their own.
            [Kind::Usage | Kind::Missing | Kind::Refused] if self.sums.files == 0 => Some(true),
            _ => None,
        }
    }

    /// Whether another run may succeed with something that has failed, or delete a part; `None` if there is neither.
    pub(in crate::job) fn may_pass(&self) -> Option<bool> {
        let for_part = self.undeleted_part.as_ref().map(|_| true);
        if self.has_failed() { Some(self.failures.may_pass) } else { for_part }
    }

    /// Whether another run fails as well unless somebody changes something before.
    pub(in crate::job) fn has_lasting_cause(&self) -> bool {
        // A server that has refused the login was given up, and is asked again.
        self.may_pass() == Some(false)
            || (self.has_failed_files() && self.failures.kinds().into_iter().all(is_lasting))
    }

    /// What has failed, for the journal. An interruption is no failure.
    pub(in crate::job) fn to_keep(&self) -> Option<journal::Failures> {
        let number = self.failures.count_without(Kind::Interrupted);
        let Some(first) = self.failures.first().find(|item| item.failure.kind != Kind::Interrupted) else {
            let why = shortened(&self.withheld.as_ref()?.message);
            return Some(journal::Failures { number, why });
        };
        let why = shortened(&about(&first.source, &first.failure.to_string()));
        Some(journal::Failures { number, why })
    }

    /// Whether the job was interrupted.
    pub(in crate::job) fn was_interrupted(&self) -> bool {
        self.failures.has(Kind::Interrupted)
    }

    /// The account of the run, as it is kept.
    pub(in crate::job) fn account(&self, id: JobId, took: Duration, pairs: Vec<PairAccount>) -> RunAccount {
        let at = since_1970().as_secs();
        let failed = self.failures.count_without(Kind::Interrupted);
        let is_failure = |item: &&FailedItem| item.failure.kind != Kind::Interrupted;
        let first = || self.failures.first().filter(is_failure).take(FAILURES);
        let file =
            |item: &FailedItem| FailedFile { source: shortened(&item.source), dest: shortened(&item.dest) };
        RunAccount {
            id: id.to_string(),
            verb: self.sums.verb.to_owned(),
            at,
            seconds: took.as_secs_f64(),
            files: self.sums.files,
            failed,
            interrupted: self.failures.count() - failed,
            pairs,
            failures: first().map(|item| shortened(&item.failure.to_string())).collect(),
            failed_files: first().map(file).collect(),
        }
    }

    /// Reports the causes of the failures, then what to do, then the summary.
    pub(in crate::job) fn report(self, took: Duration, advice: Option<String>) -> Report {
        let (events, failed, status) = (&self.events, self.failures.count(), self.status());
        if failed > 0 {
            events.say(Event::Causes(self.failures.causes()));
        }
        if let Some(withheld) = &self.withheld {
            events.say(Event::Withheld(withheld.clone()));
        }
        if let Some(advice) = advice {
            events.warn(advice);
        }
        let summary = Summary {
            withheld: self.withheld.as_ref().map_or(0, |withheld| withheld.names),
            seconds: took.as_secs_f64(),
            route: self.rungs.iter().max_by_key(|(_, count)| *count).map(|(rung, _)| *rung),
            protection: self.protection.unwrap_or(self.sums.protection),
            verified: self.verified.unwrap_or_default(),
            failed: FailedFiles { all: failed, ..self.sums.failed },
            ..self.sums
        };
        events.say(Event::Summary(summary.clone()));
        let mut failures: Vec<FailedItem> = self.failures.first().cloned().collect();
        let Some(failure) = self.undeleted_part.filter(|_| status == Status::Done) else {
            return Report { status, summary, failures };
        };
        let status = Status::Failed(failure.kind);
        failures.push(FailedItem { source: String::new(), dest: String::new(), failure });
        Report { status, summary, failures }
    }
}

/// The largest number of failures that are kept of a run.
const FAILURES: usize = 10;

/// Whether another run may succeed where this one has failed, although nobody changes the file: a server did not answer,
/// refused the login, or had no time; a source that is half moved is not there; or an old
/// file has not got its name back.
pub(in crate::job) fn may_pass(failure: &Failure) -> bool {
    match failure.about {
        About::NoAnswer | About::NoRelay | About::GivenUp | About::Unfinished | About::OldFile => true,
        About::Operation
        | About::Login
        | About::Relay
        | About::DataPorts
        | About::Changed
        | About::Unknown(_)
        | About::NoRename
        | About::NotNamed
        | About::Nested
        | About::Command
        | About::TakenOver
        | About::Claimed(_)
        | About::NoRoom => failure.kind == Kind::Temporary,
    }
}

/// Whether a failure of this kind needs a change of the command, of the files, or of what somebody may do.
const fn is_lasting(kind: Kind) -> bool {
    match kind {
        Kind::Usage | Kind::Missing | Kind::Refused | Kind::Exists | Kind::Untrusted => true,
        Kind::Other | Kind::Temporary | Kind::NoPath | Kind::Unverified | Kind::Interrupted => false,
    }
}

/// How a run with these failures ends. A job that has not begun anything may be a mistake: it is over.
/// `may_pass` is what [`may_pass`] says of any of them; `None` if nothing has failed.
pub(in crate::job) const fn ending(may_pass: Option<bool>, was_stopped: bool, has_begun: bool) -> RunEnd {
    match (may_pass, was_stopped) {
        (None, _) => RunEnd::Done,
        (Some(_), true) | (Some(true), false) if has_begun => RunEnd::Interrupted,
        (Some(_), _) => RunEnd::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::FileEnd;
    use crate::report::{Reporter, Style};
    use ftp_proto::digest::Algorithm;

    /// The tally of a job, whose events nobody reads.
    fn tally(verb: &'static str) -> Tally {
        Tally::new(&Reporter::start(Style::for_tests(), None).0, verb, false)
    }

    fn done(rung: Option<Rung>, bytes: u64, verified: Verified) -> FileCopy {
        let end = rung.map_or(FileEnd::Skipped, FileEnd::Moved);
        FileCopy { before: 4, end, ..FileCopy::skipped(Some(bytes), verified) }
    }

    #[tokio::test]
    async fn a_report_has_the_weakest_verification_and_the_commonest_path() {
        let mut tally = tally("copy");
        let sha = Verified::Hash(Algorithm::Sha256);
        tally.done(&done(Some(Rung::DestListens), 5, sha));
        tally.done(&done(Some(Rung::SourceListens), 6, Verified::Size));
        tally.done(&done(Some(Rung::SourceListens), 7, sha));
        tally.done(&done(None, 0, sha));
        tally.done(&FileCopy::earlier(Some(9), sha));
        assert!(!tally.has_failed());
        tally.failed("a".into(), "b".into(), Failure::new(Kind::Refused, "no"));
        let Report { status, summary, failures } = tally.report(Duration::from_secs(1), None);
        assert_eq!((status, failures.len()), (Status::Partly, 1));
        assert_eq!((summary.files, summary.skipped, summary.bytes, summary.failed.all), (5, 2, 18, 1));
        assert_eq!(summary.earlier, 1);
        assert_eq!(summary.before, 12, "of files that were skipped nothing is counted");
        assert_eq!((summary.verified, summary.route), (Verified::Size, Some(Rung::SourceListens)));
        assert_eq!(summary.details.copied, Some(Verified::Size));
        assert_eq!(summary.details.equal_by, ["sha-256"]);
    }

    #[tokio::test]
    async fn a_part_that_may_be_left_is_no_failed_file_and_keeps_the_job_open() {
        let undeleted_part = Some(Failure::new(Kind::Temporary, "x may still be there"));
        let new = || Tally { undeleted_part: undeleted_part.clone(), ..tally("copy") };
        let mut tally = new();
        tally.done(&done(Some(Rung::DestListens), 5, Verified::Size));
        assert_eq!(ending(tally.may_pass(), false, true), RunEnd::Interrupted);
        assert!(tally.to_keep().is_none() && tally.has_failed_for_nothing().is_none());
        let Report { status, summary, failures } = tally.report(Duration::from_secs(1), None);
        assert_eq!((status, summary.failed.all), (Status::Failed(Kind::Temporary), 0));
        assert_eq!(failures[0].failure.what, "x may still be there");
        // Beside a failure that lasts, the job is over.
        let mut failed = new();
        failed.failed("a".into(), "b".into(), Failure::new(Kind::Refused, "no"));
        assert_eq!(ending(failed.may_pass(), false, true), RunEnd::Failed);
    }

    #[tokio::test]
    async fn what_could_not_be_listed_is_a_directory_whatever_the_reason() {
        for (kind, is_unlisted, expect) in [
            (Kind::Untrusted, true, 1),
            (Kind::Refused, true, 1),
            (Kind::Temporary, false, 0),
            (Kind::Interrupted, true, 0),
        ] {
            let mut tally = tally("copy");
            let visit = FailedVisit { path: None, failure: Failure::new(kind, "no"), is_unlisted };
            tally.failed_visit("a".into(), "b".into(), "a", &visit);
            assert_eq!((tally.sums.failed.directories, tally.failures.count()), (expect, 1), "{visit:?}");
        }
    }

    /// What becomes of four files of a move of a tree: copied, copied, skipped, and not copied.
    fn four_files() -> (Tally, [FileCopy; 3]) {
        let mut tally = tally("move");
        let sha = Verified::Hash(Algorithm::Sha256);
        let files = [
            done(Some(Rung::DestListens), 5, sha),
            done(Some(Rung::DestListens), 9, sha),
            done(None, 7, sha),
        ];
        for file in &files {
            tally.next_number();
            tally.file("a".into(), "b".into(), Ok(file.clone()));
        }
        tally.next_number();
        tally.file("d".into(), "e".into(), Err(Failure::new(Kind::Temporary, "busy")));
        (tally, files)
    }

    fn failed() -> FailedItem {
        let failure = Failure::new(Kind::Unverified, "where is it?");
        FailedItem { source: "a".into(), dest: "b".into(), failure }
    }

    #[tokio::test]
    async fn each_file_is_counted_once_whatever_became_of_it() {
        for (whose_sources_stay, unconfirmed, gone) in [
            (vec![], vec![], vec![]),
            (vec![], vec![1, 2, 3], vec![]),
            (vec![], vec![], vec![1, 2, 3]),
            (vec![1, 2], vec![], vec![]),
            (vec![1, 2], vec![1, 3], vec![2]),
            (vec![1, 2, 3], vec![1, 2, 3], vec![]),
        ] {
            let (mut tally, files) = four_files();
            for number in &whose_sources_stay {
                tally.source_stays(*number, failed());
            }
            for (numbers, is_unconfirmed) in [(&unconfirmed, true), (&gone, false)] {
                for number in numbers {
                    let counts = FileTally::of(&files[*number as usize - 1]);
                    let is_told = tally.not_whole(*number, counts, failed(), is_unconfirmed);
                    assert_eq!(is_told, !whose_sources_stay.contains(number));
                }
            }
            let Report { summary, .. } = tally.report(Duration::from_secs(1), None);
            let FailedFiles { all, stays, unconfirmed: not_confirmed, interrupted, directories: _ } =
                summary.failed;
            assert_eq!(summary.files + all - stays, 4, "{summary:?}");
            assert_eq!(summary.files, 3 - (unconfirmed.len() + gone.len()) as u64);
            assert_eq!((not_confirmed, interrupted), (unconfirmed.len() as u64, 0));
            assert!(summary.skipped <= summary.files && summary.before <= summary.bytes, "{summary:?}");
        }
    }

    #[tokio::test]
    async fn a_stored_file_that_has_failed_takes_no_other_file_with_it() {
        let (mut tally, _) = four_files();
        let number = tally.next_number();
        tally.fails_stored(number, failed());
        assert!(!tally.not_whole(number, FileTally::default(), failed(), true));
        let Report { summary, .. } = tally.report(Duration::from_secs(1), None);
        let expect = FailedFiles { all: 2, unconfirmed: 1, ..FailedFiles::default() };
        assert_eq!((summary.files, summary.failed), (3, expect));
    }

    #[tokio::test]
    async fn a_report_says_how_many_of_how_many_are_done() {
        let mut tally = tally("sync");
        let found = |files, more| FoundFiles { files, more, ..FoundFiles::default() };
        assert_eq!(tally.how_far(found(1, false)), "");
        assert_eq!(tally.how_far(found(3, false)), "0 of 3 files are done; ");
        tally.found_equal(2, Compare::Time);
        assert_eq!(tally.how_far(found(3, true)), "2 of 5 files found so far are done; ");
        tally.source_stays(1, failed());
        assert_eq!(tally.how_far(found(0, false)), "2 of 2 files are copied, sources that stay: 1; ");
        assert_eq!(
            (tally.verified, tally.sums.details.equal_by),
            (Some(Verified::Size), vec!["size and time"])
        );
    }

    #[test]
    fn n8_a_job_goes_on_later_unless_its_files_are_the_reason() {
        let gone = Failure::new(Kind::Refused, "no login").about(About::GivenUp);
        let unheard = Failure::new(Kind::Other, "unknown host").about(About::NoAnswer);
        let busy = Failure::new(Kind::Temporary, "busy");
        let refused = Failure::new(Kind::Refused, "no");
        let away = Failure::new(Kind::Missing, "not there").about(About::Unfinished);
        let aside = Failure::new(Kind::Unverified, "not there").about(About::OldFile);
        let changed = Failure::new(Kind::Other, "changed").about(About::Changed);
        for (failures, was_stopped, has_begun, expect) in [
            (vec![], false, false, RunEnd::Done),
            (vec![], true, true, RunEnd::Done),
            (vec![&refused, &changed], false, true, RunEnd::Failed),
            (vec![&refused], true, true, RunEnd::Interrupted),
            (vec![&refused], true, false, RunEnd::Failed),
            (vec![&refused, &gone], false, true, RunEnd::Interrupted),
            (vec![&away], false, true, RunEnd::Interrupted),
            (vec![&aside], false, true, RunEnd::Interrupted),
            (vec![&unheard], false, false, RunEnd::Failed),
            (vec![&busy], false, false, RunEnd::Failed),
            (vec![&busy, &refused], false, true, RunEnd::Interrupted),
        ] {
            let passing = failures.iter().map(|failure| may_pass(failure)).reduce(|one, two| one || two);
            assert_eq!(ending(passing, was_stopped, has_begun), expect, "{failures:?}");
        }
    }
}
