//! What was done and what has failed in a job, and the report that follows.

use super::failures::Failures;
use crate::account::{FailedFile, PairAccount, RunAccount, shortened};
use crate::failure::{About, Failure, Kind, Result};
use crate::id::JobId;
use crate::job::request::job::Compare;
use crate::journal::{self, RunEnd};
use crate::ladder::Rung;
use crate::outcome::{FailedItem, FileCopy, FileOutcome, Protection, Relayed, Verified};
use crate::report::{Event, Events, FoundFiles, Summary, SummaryDetails, WithheldDeletions, about};
use ftp_io::clock::since_1970;
use ftp_proto::wire::counted;
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
    /// Sources of a move that stay, although they were copied.
    staying: u64,
    /// Names that a sync has not deleted because they are more than the user has allowed, or because nobody has agreed to that.
    pub(in crate::job) withheld: Option<WithheldDeletions>,
    /// How many files took which route.
    rungs: Vec<(Rung, u64)>,
    /// What has protected the bytes that moved.
    protection: Option<Protection>,
    verified: Option<Verified>,
    pub(in crate::job) failures: Failures,
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
            staying: 0,
            withheld: None,
            rungs: Vec::new(),
            protection: None,
            verified: None,
            failures: Failures::default(),
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
                let (source, dest, failure) = (source.clone(), dest.clone(), failure.clone());
                self.failures.add(FailedItem { source, dest, failure });
            }
        }
        self.events.say(Event::File(Box::new(FileOutcome { source, dest, copy: ended })));
    }

    fn done(&mut self, done: &FileCopy) {
        self.sums.files += 1;
        self.sums.kept += u64::from(done.kept_old);
        let Some(rung) = done.route() else {
            let by = if done.verified == Verified::None { "" } else { done.verified.name() };
            self.skipped(1, by, done.verified);
            self.sums.earlier += u64::from(done.is_earlier());
            return;
        };
        self.sums.bytes += done.copied();
        self.sums.before += done.copied_before();
        self.sums.details.unchanged += done.changed_parts.map_or(0, |_| done.copied_before());
        self.sums.details.unsized_files += u64::from(done.size.is_none());
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

    /// A file of that size that was counted is not whole.
    pub(in crate::job) fn gone(&mut self, size: Option<u64>, was_skipped: bool) {
        self.sums.files = self.sums.files.saturating_sub(1);
        match was_skipped {
            true => self.sums.skipped = self.sums.skipped.saturating_sub(1),
            false => self.sums.bytes = self.sums.bytes.saturating_sub(size.unwrap_or(0)),
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
        let failed = FailedItem { source, dest, failure };
        self.events.say(Event::Failed(failed.clone()));
        self.failures.add(failed);
    }

    /// Notes that a source of a move stays, although it was copied.
    pub(in crate::job) fn source_stays(&mut self, source: String, dest: String, failure: Failure) {
        self.staying += 1;
        self.failures.note_kept(&source, &dest);
        self.failed(source, dest, failure);
    }

    /// Notes that a copy was there and is not whole any more. If its source was kept, the file has failed already.
    pub(in crate::job) fn copy_lost(&mut self, source: String, dest: String, failure: Failure) {
        if self.failures.is_kept(&source, &dest) {
            self.events.say(Event::File(Box::new(FileOutcome { source, dest, copy: Err(failure) })));
        } else {
            self.file(source, dest, Err(failure));
        }
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
            all if self.staying > 0 => {
                format!(
                    "{done} of {} are copied, sources that stay: {}; ",
                    counted(all, "file"),
                    self.staying
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
        self.skipped(files, words, verified);
    }

    /// Notes files that are skipped because they are equal by this; only by their names if the word is empty.
    fn skipped(&mut self, files: u64, by: &'static str, verified: Verified) {
        self.sums.skipped += files;
        if files > 0 && !by.is_empty() {
            self.note_verified(verified);
        }
        if files > 0 && !self.sums.details.equal_by.contains(&by) {
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

    /// Whether any file is complete at its destination.
    pub(in crate::job) const fn has_done(&self) -> bool {
        self.sums.done() > 0
    }

    /// If nothing was stored, made or deleted as far as the files show: whether something has failed, all of it because the
    /// command names something that cannot be used, is missing or is refused. `None` in any other case.
    pub(in crate::job) fn has_failed_for_nothing(&self) -> Option<bool> {
        let stored = self.sums.done() - self.sums.skipped + self.sums.detached;
        if stored > 0 || self.withheld.is_some() {
            return None;
        }
        let kinds = self.failures.kinds();
        let are_of_command =
            kinds.iter().all(|kind| matches!(kind, Kind::Usage | Kind::Missing | Kind::Refused));
        match kinds.len() {
            0 => Some(false),
            // Different ones are no exit status of their own.
            1 if are_of_command && self.sums.files == 0 => Some(true),
            _ => None,
        }
    }

    /// Whether another run may succeed with something that has failed; `None` if nothing has.
    pub(in crate::job) fn may_pass(&self) -> Option<bool> {
        self.has_failed().then_some(self.failures.may_pass)
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
        let first = || self.failures.first().take(FAILURES);
        let file =
            |item: &FailedItem| FailedFile { source: shortened(&item.source), dest: shortened(&item.dest) };
        RunAccount {
            id: id.to_string(),
            verb: self.sums.verb.to_owned(),
            at,
            seconds: took.as_secs_f64(),
            files: self.sums.files,
            failed: self.failures.count(),
            pairs,
            failures: first().map(|item| shortened(&item.failure.to_string())).collect(),
            failed_files: first().map(file).collect(),
        }
    }

    /// Reports the causes of the failures, then what to do, then the summary.
    pub(in crate::job) fn report(self, took: Duration, advice: Option<String>) -> Report {
        let (events, failed) = (&self.events, self.failures.count());
        if failed > 0 {
            events.say(Event::Causes(self.failures.causes()));
        }
        if let Some(withheld) = &self.withheld {
            events.say(Event::Withheld(withheld.clone()));
        }
        if let Some(advice) = advice {
            events.warn(advice);
        }
        let interrupted = failed - self.failures.count_without(Kind::Interrupted);
        let summary = Summary {
            withheld: self.withheld.as_ref().map_or(0, |withheld| withheld.names),
            seconds: took.as_secs_f64(),
            route: self.rungs.iter().max_by_key(|(_, count)| *count).map(|(rung, _)| *rung),
            protection: self.protection.unwrap_or(self.sums.protection),
            verified: self.verified.unwrap_or_default(),
            failed,
            details: SummaryDetails { interrupted, ..self.sums.details },
            ..self.sums
        };
        events.say(Event::Summary(summary.clone()));
        let status = Status::of_many(summary.done(), &self.failures.kinds());
        let is_withheld = status == Status::Done && self.withheld.is_some();
        let status = if is_withheld { Status::Partly } else { status };
        Report { status, summary, failures: self.failures.first().cloned().collect() }
    }
}

/// The largest number of failures that are kept of a run.
const FAILURES: usize = 10;

/// How a job ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// Everything is done, and verified as asked.
    Done,
    /// Some files failed, the others are done.
    Partly,
    /// Nothing is done. The kind is that of all failures.
    Failed(Kind),
}

impl Status {
    /// The status of two jobs together, the worst of both. If both have failed and not for the same reason, it is
    /// [`Kind::Other`], but an interruption stays one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, Self::Done) | (Self::Done, one) => one,
            (Self::Failed(Kind::Interrupted), _) | (_, Self::Failed(Kind::Interrupted)) => {
                Self::Failed(Kind::Interrupted)
            }
            (Self::Failed(one), Self::Failed(two)) if one != two => Self::Failed(Kind::Other),
            (failed @ Self::Failed(_), _) | (_, failed @ Self::Failed(_)) => failed,
            (Self::Partly, Self::Partly) => Self::Partly,
        }
    }

    /// The status of many files. If nothing succeeded and the failures have no common kind, it is
    /// [`Kind::Other`].
    pub fn of_many(succeeded: u64, failures: &[Kind]) -> Self {
        let Some((first, rest)) = failures.split_first() else { return Self::Done };
        if failures.contains(&Kind::Interrupted) {
            Self::Failed(Kind::Interrupted)
        } else if succeeded > 0 {
            Self::Partly
        } else if rest.iter().all(|kind| kind == first) {
            Self::Failed(*first)
        } else {
            Self::Failed(Kind::Other)
        }
    }
}

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

    fn done(rung: Option<Rung>, bytes: u64, verified: Verified) -> FileCopy {
        let end = rung.map_or(FileEnd::Skipped, FileEnd::Moved);
        FileCopy { before: 4, end, ..FileCopy::skipped(Some(bytes), verified) }
    }

    #[tokio::test]
    async fn a_report_has_the_weakest_verification_and_the_commonest_path() {
        let (events, reporter) = Reporter::start(Style::for_tests(), None);
        let mut tally = Tally::new(&events, "copy", false);
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
        assert_eq!((summary.files, summary.skipped, summary.bytes, summary.failed), (5, 2, 18, 1));
        assert_eq!(summary.earlier, 1);
        assert_eq!(summary.before, 12, "of files that were skipped nothing is counted");
        assert_eq!((summary.verified, summary.route), (Verified::Size, Some(Rung::SourceListens)));
        assert_eq!(summary.details.copied, Some(Verified::Size));
        drop(events);
        reporter.finish().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_not_counted_whether_it_was_copied_or_skipped() {
        let (events, reporter) = Reporter::start(Style::for_tests(), None);
        let mut tally = Tally::new(&events, "move", false);
        let sha = Verified::Hash(Algorithm::Sha256);
        tally.done(&done(Some(Rung::DestListens), 5, sha));
        tally.done(&done(None, 7, sha));
        tally.gone(Some(7), true);
        tally.gone(Some(5), false);
        tally.failed("a".into(), "b".into(), Failure::new(Kind::Unverified, "gone"));
        assert_eq!(tally.has_failed_for_nothing(), None);
        let Report { summary, .. } = tally.report(Duration::from_secs(1), None);
        assert_eq!((summary.files, summary.skipped, summary.failed), (0, 0, 1));
        drop(events);
        reporter.finish().await.unwrap();
    }

    #[tokio::test]
    async fn a_report_says_how_many_of_how_many_are_done() {
        let (events, _reporter) = Reporter::start(Style::for_tests(), None);
        let mut tally = Tally::new(&events, "sync", false);
        let found = |files, more| FoundFiles { files, more, ..FoundFiles::default() };
        assert_eq!(tally.how_far(found(1, false)), "");
        assert_eq!(tally.how_far(found(3, false)), "0 of 3 files are done; ");
        tally.found_equal(2, Compare::Time);
        assert_eq!(tally.how_far(found(3, true)), "2 of 5 files found so far are done; ");
        tally.source_stays("a".into(), "b".into(), Failure::new(Kind::Refused, "it stays"));
        assert_eq!(tally.how_far(found(0, false)), "2 of 2 files are copied, sources that stay: 1; ");
        assert_eq!(
            (tally.verified, tally.sums.details.equal_by),
            (Some(Verified::Size), vec!["size and time"])
        );
    }
}

#[cfg(test)]
mod status_tests {
    use super::*;

    #[test]
    fn two_jobs_have_the_worst_status_of_both() {
        use Kind::{Interrupted, Other, Refused, Temporary};
        use Status::{Done, Failed, Partly};
        for (one, two, expect) in [
            (Done, Done, Done),
            (Done, Partly, Partly),
            (Partly, Failed(Refused), Failed(Refused)),
            (Failed(Refused), Done, Failed(Refused)),
            (Failed(Refused), Failed(Refused), Failed(Refused)),
            (Failed(Refused), Failed(Temporary), Failed(Other)),
            (Failed(Refused), Failed(Interrupted), Failed(Interrupted)),
        ] {
            assert_eq!((one.and(two), two.and(one)), (expect, expect), "{one:?} {two:?}");
        }
    }

    #[test]
    fn many_files_have_one_status() {
        use Kind::{Interrupted, Other, Refused, Temporary};
        let check = |succeeded, failures: &[Kind], expect| {
            assert_eq!(Status::of_many(succeeded, failures), expect, "{succeeded} {failures:?}");
        };
        check(0, &[], Status::Done);
        check(3, &[], Status::Done);
        check(3, &[Refused], Status::Partly);
        check(0, &[Refused, Refused], Status::Failed(Refused));
        check(0, &[Refused, Temporary], Status::Failed(Other));
        check(3, &[Refused, Interrupted], Status::Failed(Interrupted));
    }
}

#[cfg(test)]
mod ending_tests {
    use super::*;

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
