//! What was done, what failed, and the status that follows. Pure.

use crate::failure::{Failure, Kind};
use crate::job::{Done, Status};
use crate::ladder::Rung;
use crate::report::{Event, Events, Passage, Protection, Summary, Verified};
use std::time::Duration;

/// Counts files.
#[derive(Debug)]
pub struct Tally {
    verb: &'static str,
    dry_run: bool,
    files: u64,
    skipped: u64,
    bytes: u64,
    /// How many files went which way.
    rungs: Vec<(Rung, u64)>,
    passage: Option<Passage>,
    protection: Protection,
    verified: Option<Verified>,
    failures: Vec<FailedFile>,
}

#[derive(Debug)]
struct FailedFile {
    source: String,
    dest: String,
    failure: Failure,
}

impl Tally {
    /// Nothing done yet.
    pub const fn new(verb: &'static str, dry_run: bool) -> Self {
        Self {
            verb,
            dry_run,
            files: 0,
            skipped: 0,
            bytes: 0,
            rungs: Vec::new(),
            passage: None,
            protection: Protection::Clear,
            verified: None,
            failures: Vec::new(),
        }
    }

    /// Nothing between the places and this program is in clear.
    pub const fn protect(&mut self, private: bool) {
        self.protection = Protection::of(private);
    }

    /// A file is done.
    pub fn done(&mut self, done: &Done) {
        self.files += 1;
        let Some(rung) = done.rung else {
            self.skipped += 1;
            return;
        };
        self.bytes += done.bytes;
        if rung.path() == Rung::DestListens.path() {
            self.protection = Protection::Clear; // somebody has permitted it
        }
        Passage::add(&mut self.passage, done.passage.clone());
        self.verified = Some(self.verified.map_or(done.verified, |weakest| weakest.min(done.verified)));
        match self.rungs.iter_mut().find(|(known, _)| *known == rung) {
            Some((_, count)) => *count += 1,
            None => self.rungs.push((rung, 1)),
        }
    }

    /// A file has failed.
    pub fn failed(&mut self, source: String, dest: String, failure: Failure) {
        self.failures.push(FailedFile { source, dest, failure });
    }

    /// Whether anything has failed.
    pub const fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Whether somebody interrupted it.
    pub fn was_interrupted(&self) -> bool {
        self.failures.iter().any(|failure| failure.failure.kind == Kind::Interrupted)
    }

    /// Lists the failures by cause, then the last line; gives the status.
    pub fn tell(mut self, events: &Events, took: Duration) -> Status {
        let kinds: Vec<Kind> = self.failures.iter().map(|failure| failure.failure.kind).collect();
        self.failures.sort_by_key(|failure| failure.failure.kind);
        let of = self.failures.len();
        let failed = u64::try_from(of).unwrap_or(u64::MAX);
        for FailedFile { source, dest, failure } in std::mem::take(&mut self.failures) {
            events.say(Event::Failed { source, dest, kind: failure.kind, message: failure.to_string(), of });
        }
        events.say(Event::Summary(Summary {
            verb: self.verb,
            ok: failed == 0,
            dry_run: self.dry_run,
            files: self.files,
            skipped: self.skipped,
            bytes: self.bytes,
            seconds: took.as_secs_f64(),
            rung: self.rungs.iter().max_by_key(|(_, count)| *count).map(|(rung, _)| *rung),
            passage: self.passage,
            protection: self.protection,
            verified: self.verified.unwrap_or(Verified::None),
            failed,
        }));
        Status::of_many(self.files, &kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Reporter, Style};
    use ftp_proto::digest::Algorithm;

    fn done(rung: Option<Rung>, bytes: u64, verified: Verified) -> Done {
        Done { bytes, rung, passage: None, verified, attempts: 1 }
    }

    #[tokio::test]
    async fn a_tally_tells_the_weakest_verification_and_the_commonest_way() {
        let mut tally = Tally::new("copy", false);
        let sha = Verified::Hash(Algorithm::Sha256);
        tally.done(&done(Some(Rung::DestListens), 5, sha));
        tally.done(&done(Some(Rung::SourceListens), 6, Verified::Size));
        tally.done(&done(Some(Rung::SourceListens), 7, sha));
        tally.done(&done(None, 0, sha));
        assert!(!tally.has_failed());
        assert_eq!((tally.files, tally.skipped, tally.bytes), (4, 1, 18));
        assert_eq!(tally.verified, Some(Verified::Size));
        assert_eq!(tally.rungs, [(Rung::DestListens, 1), (Rung::SourceListens, 2)]);
        tally.failed("a".into(), "b".into(), Failure::new(Kind::Refused, "no"));
        let style = Style { json: true, quiet: true, verbose: false, color: false, progress: false };
        let (events, reporter) = Reporter::start(style, None);
        assert_eq!(tally.tell(&events, Duration::from_secs(1)), Status::Partly);
        drop(events);
        reporter.finish().await.unwrap();
    }
}
