//! Output for people: results on standard output, messages on standard error.

use super::bar::{Bar, Due};
use super::event::{Cause, Event, ForgottenSite, Repeats, Summary};
use super::progress::JobProgress;
use super::routes::{self, folded};
use super::{Style, change, complaint, receipt};
use crate::account::{CandidateAccount, RouteAccount};
use crate::id::JobId;
use crate::ladder::Rung;
use crate::outcome::{DIRECTLY, FailedItem, FileEnd, FileOutcome, Relayed, Verified};
use ftp_io::program::output;
use ftp_io::program::size;
use ftp_proto::wire::counted;
use std::io::{self, IsTerminal, Write};

/// Tells events to a person.
#[derive(Debug)]
pub(super) struct Human {
    style: Style,
    bar: Bar,
    /// Whether this is a dry run.
    planning: bool,
    repeats: Repeats,
    /// The path that was told last.
    path: String,
    /// What lines begin with, if this is one of several jobs: which one it is.
    job: String,
    /// The candidates that have been explained.
    explained: Vec<CandidateAccount>,
    /// Names go to a terminal, which must not see their control characters.
    terminal: bool,
}

impl Human {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            bar: Bar::new(),
            planning: false,
            repeats: Repeats::default(),
            path: String::new(),
            job: String::new(),
            explained: Vec::new(),
            terminal: io::stdout().is_terminal(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a person sees nothing of the others")]
    pub(super) fn tell(&mut self, event: &Event) -> io::Result<()> {
        let Style { verbose, quiet, .. } = self.style;
        match event {
            Event::Plan { verb, source, dest, size, verify, dry_run: true } => {
                self.planning = true;
                let size = size.map_or_else(String::new, |size| format!(", {}", size::bytes(size)));
                let what = match *verb {
                    "replace" => format!("{dest} with {source}"),
                    _ => format!("{source} to {dest}"),
                };
                return self.result(&format!("would {verb} {what}{size}, verify: {}", verify.name()));
            }
            Event::Path { route, relay, protection, why, account } => {
                let relay = relay.as_ref().map_or_else(String::new, |relay| format!(" {relay}"));
                let line = format!("path: {}{relay}, {}: {why}", route.words(), protection.words());
                return self.path(line, account.as_deref());
            }
            Event::OneJob { job, dest } => self.job = one_job(*job, dest),
            Event::File(outcome) => return self.file(outcome),
            Event::Causes(causes) => self.causes(causes),
            Event::Withheld(withheld) => {
                self.bar.clear();
                self.complain(&withheld.message);
            }
            Event::Jobs { number, why, .. } if verbose => {
                self.talk("", &format!("{} at the same time: {why}", counted(*number, "file")));
            }
            Event::Warning { message } if !quiet => self.talk("warning: ", message),
            Event::LeftOut(left_out) if !quiet => self.talk("warning: ", &left_out.words()),
            Event::Repeated { topic, site, why, message }
                if !quiet && self.repeats.is_first(*topic, site, why.as_deref()) =>
            {
                self.talk("warning: ", message);
            }
            Event::Notice { message } if verbose => self.talk("", message),
            Event::Summary(summary) => return self.summary(summary),
            Event::Listed(entry) => return change::write(entry, self.terminal, &mut output::out()),
            Event::Heading { place, is_first } => {
                let above = if *is_first { "" } else { "\n" };
                let end = if place.ends_with(':') { "" } else { ":" };
                return self.result(&format!("{above}{place}{end}"));
            }
            Event::Drawn(drawn) => return self.result(&format!("{}{}", drawn.branches, drawn.shown)),
            Event::Changed(change) if change.dry_run => return self.result(&change.words()),
            Event::Changed(change) if verbose => self.talk("", &change.words()),
            Event::Hashed(hashed) => {
                return self.bar.beside(|| hashed.write(&mut output::out(), self.terminal));
            }
            Event::Ended(ended) => return self.end(ended.sentence()),
            Event::Past(run) => return self.results(&routes::run(run)),
            Event::Surveyed(survey) => return self.results(&routes::survey(survey, self.style.screen)),
            Event::AlreadyDone(_) if quiet => {}
            Event::Job(job) | Event::AlreadyDone(job) => return self.result(&receipt::job_sentence(job)),
            Event::JobRow(job, age) => {
                // Programs that read this text find the whole command.
                let columns = if self.terminal { self.style.screen.columns } else { usize::MAX };
                return self.results(&receipt::job_row(job, *age, columns));
            }
            Event::Receipts(receipts) => return self.results(&receipt::lines(receipts)),
            Event::Forgotten(forgotten) => return self.result(&forgotten_words(forgotten)),
            Event::Site(site) => return self.results(&site.lines()),
            Event::Checked(found) => return self.result(&found.line()),
            _ => {}
        }
        Ok(())
    }

    /// The path of a file. Most files of a job take that of the one before.
    fn path(&mut self, line: String, account: Option<&RouteAccount>) -> io::Result<()> {
        // A sync tells it before the first file, and also if there is none.
        let is_explained = account.is_none_or(|account| self.explained == account.tried);
        if self.path == line && is_explained {
            return Ok(());
        }
        if self.planning || account.is_some() {
            self.result(&format!("  {line}"))?;
            account.map_or(Ok(()), |account| self.explain(account))?;
        } else if self.style.verbose {
            self.talk("", &line);
        }
        self.path = line;
        Ok(())
    }

    /// A file has ended: told if every file is, or if it goes on by itself. Failures are told together, at the end.
    fn file(&mut self, FileOutcome { source, dest, copy }: &FileOutcome) -> io::Result<()> {
        let Ok(copy) = copy else { return Ok(()) };
        if let FileEnd::Detached { route, job } = copy.end {
            self.bar.clear();
            let how = format!("{source} goes on to {dest} by itself, {}", route.words());
            let advice =
                format!("ftp-user resume {job} waits for its end, verifies it and gives it its name");
            return if self.style.quiet { Ok(()) } else { self.result(&format!("{how}: {advice}")) };
        }
        if self.style.verbose {
            let size = || copy.size.map_or_else(|| SIZE_UNKNOWN.to_owned(), size::bytes);
            let copied = |route| format!("{}, {}", size(), path(route, copy.relayed.as_ref()));
            let how = copy.route().map_or_else(|| skipped(copy.verified_earlier()), copied);
            let sent = |bytes: u64| format!(", changed parts: {} sent", size::bytes(bytes));
            let parts = copy.changed_parts.map_or_else(String::new, sent);
            self.talk("", &format!("{source} -> {dest}: {how}{parts}"));
        }
        Ok(())
    }

    /// The last line, if there is one.
    fn end(&mut self, line: Option<String>) -> io::Result<()> {
        self.bar.clear();
        for others in self.repeats.take() {
            self.talk("warning: ", &others);
        }
        line.filter(|_| !self.style.quiet).map_or(Ok(()), |line| self.result(&line))
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        // If one file has failed or goes on by itself, and that is all, nothing more need be said.
        let is_said = summary.done() == 0 && summary.failed + summary.detached == 1;
        let is_told = !is_said && !self.is_silent(summary);
        self.end(is_told.then(|| format!("{}{}", self.job, sentence(summary))))
    }

    /// Whether a sync has changed nothing, and no person is there who waits for an answer: cron sends by mail what is said.
    fn is_silent(&self, summary: &Summary) -> bool {
        let is_same =
            summary.skipped == summary.files && summary.deleted + summary.kept + summary.renamed == 0;
        let is_done = summary.verb == "sync" && summary.is_ok() && !summary.dry_run && is_same;
        is_done && !self.terminal && !self.style.verbose
    }

    /// Results of several lines.
    fn results(&mut self, lines: &[String]) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.result(line))
    }

    /// What has failed. If it is more than one thing, each kind is a heading above the first few of them.
    fn causes(&mut self, causes: &[Cause]) {
        self.bar.clear();
        if let [Cause { count: 1, first, .. }] = causes {
            return first.iter().for_each(|failed| self.complain(&receipt::alone(failed)));
        }
        for Cause { kind, count, first } in causes {
            self.complain(&format!("{}:", kind.heading()));
            for FailedItem { source, failure, .. } in first {
                self.complain(&format!("  {}", receipt::about(source, &failure.to_string())));
            }
            let others = count.saturating_sub(first.len() as u64);
            if others > 0 {
                self.complain(&format!("  {}", receipt::others(others)));
            }
        }
    }

    /// Explains every candidate that was considered, once for all files with the same ones.
    fn explain(&mut self, RouteAccount { tried, picture, .. }: &RouteAccount) -> io::Result<()> {
        if self.explained == *tried {
            return Ok(());
        }
        self.results(&picture.as_ref().map_or_else(Vec::new, |picture| picture.lines(self.style.screen)))?;
        for candidate in tried.iter().skip(1) {
            let (name, memory) = (candidate.name(), candidate.memory.as_ref());
            let memory = memory.map_or_else(String::new, |memory| format!(" ({memory})"));
            let line = match &candidate.why {
                None => format!("if that is refused or slow: {name}{memory}"),
                Some(why) => format!("not {name}: {why}"),
            };
            // Programs that read this text find each candidate on one line.
            let columns = if self.terminal { self.style.screen.columns } else { usize::MAX };
            self.results(&folded("    ", &line, columns))?;
        }
        self.explained.clone_from(tried);
        Ok(())
    }

    fn result(&self, line: &str) -> io::Result<()> {
        self.bar.beside(|| writeln!(self.style.output(), "{line}"))
    }

    /// Standard error may be closed: that is no reason to stop.
    fn talk(&self, kind: &str, line: &str) {
        let kind = if self.style.color && !kind.trim().is_empty() {
            format!("\x1b[33m{kind}\x1b[0m")
        } else {
            kind.into()
        };
        let write = || writeln!(output::err(), "ftp-user: {kind}{}{line}", self.job);
        let _ = self.bar.beside(write);
    }

    /// The same of what has failed.
    fn complain(&self, line: &str) {
        let program = complaint(self.style.color);
        let _ = self.bar.beside(|| writeln!(output::err(), "{program} {}{line}", self.job));
    }

    /// When people are told how far the job is; `None` if they are not.
    pub(super) fn due(&self) -> Option<Due> {
        self.style.progress.then(|| if self.is_drawn() { Due::DRAWING } else { Due::LINE })
    }

    /// Whether it is drawn on a terminal.
    pub(super) const fn is_drawn(&self) -> bool {
        self.bar.is_drawn()
    }

    /// Shows how far the job is.
    pub(super) fn progress(&mut self, shown: &JobProgress) {
        self.bar.show(shown);
    }
}

/// What a line begins with that is about one of several jobs: `job 0123456789abcdef to two:x: `.
fn one_job(job: JobId, dest: &str) -> String {
    match dest {
        "" => format!("job {job}: "),
        dest => format!("job {job} to {dest}: "),
    }
}

/// Why a file was not copied. `earlier` has verified it in an earlier run of the job.
fn skipped(earlier: Option<Verified>) -> String {
    earlier.map_or_else(
        || "skipped, it is already there".to_owned(),
        |earlier| format!("copied by an earlier run of this job (verified: {})", earlier.name()),
    )
}

fn forgotten_words(forgotten: &ForgottenSite) -> String {
    let site = &forgotten.site;
    let Some(known) = &forgotten.known else { return format!("nothing was known of {site}") };
    let certificate = match (known.certificate, known.was_verified) {
        (Some(certificate), _) => format!("its certificate {certificate}"),
        (None, true) => "that an authority vouched for it".to_owned(),
        (None, false) => String::new(),
    };
    let tls = if known.offers_tls { "that it offers TLS" } else { "" };
    let what: Vec<&str> = [certificate.as_str(), tls].into_iter().filter(|words| !words.is_empty()).collect();
    format!("forgotten of {site}: {}", what.join(", "))
}

/// The last line: `copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens),
/// verified sha-256`.
pub(super) fn sentence(summary: &Summary) -> String {
    let done = match (summary.verb, summary.dry_run) {
        ("append", false) => "appended",
        ("append", true) => "would append",
        // Some of the sources may be there still.
        ("move", false) if !summary.is_ok() => "copied",
        ("move", false) => "moved",
        ("move", true) => "would move",
        (_, false) => "copied",
        (_, true) => "would copy",
    };
    let files = |count: u64| counted(count, "file");
    let moved = summary.files - summary.skipped.min(summary.files);
    let unknown = summary.unsized_files;
    let bytes = match unknown {
        0 => size::bytes(summary.bytes),
        _ if unknown == moved => SIZE_UNKNOWN.to_owned(),
        _ => format!("{} and {} of unknown size", size::bytes(summary.bytes), files(unknown)),
    };
    let mut line = format!("{done} {}, {bytes}", files(moved));
    let earlier = summary.before.saturating_sub(summary.unchanged);
    for (bytes, what) in [(earlier, "by earlier runs"), (summary.unchanged, "unchanged and not sent")] {
        if bytes > 0 {
            line.push_str(&format!(" ({} of them {what})", size::bytes(bytes)));
        }
    }
    if !summary.dry_run {
        line.push_str(&format!(" in {:.1} s", summary.seconds));
        let now = summary.bytes.saturating_sub(summary.before);
        if let Some(rate) = size::rate(now, summary.seconds).filter(|_| now > 0) {
            line.push_str(&format!(" ({rate})"));
        }
    }
    if let Some(route) = summary.route {
        line.push_str(&format!(", {}, ", path(route, summary.relayed.as_ref())));
        line.push_str(if summary.dry_run { "to be verified by " } else { "verified " });
        line.push_str(summary.verified.name());
    }
    for (count, names, what) in [
        (summary.renamed, "file", "renamed"),
        (summary.deleted, "name", "deleted"),
        (summary.kept, "name", "kept in --backup-dir"),
    ] {
        if count > 0 {
            let to_be = if summary.dry_run { "to be " } else { "" };
            line.push_str(&format!("; {} {to_be}{what}", counted(count, names)));
        }
    }
    let there = summary.skipped.saturating_sub(summary.earlier);
    let skipped = match (summary.verb, summary.dry_run) {
        ("move", true) => "already there (to be deleted at the source if equal)",
        ("move", false) if summary.is_ok() => "deleted at the source only (already there)",
        // Some of the sources may be there still.
        ("move", false) => "already there",
        (_, _) => "skipped (already there)",
    };
    for (count, what) in [(summary.earlier, "copied by earlier runs of this job"), (there, skipped)] {
        if count > 0 {
            line.push_str(&format!("; {} {what}", files(count)));
        }
    }
    if summary.withheld > 0 {
        let not = if summary.dry_run { "not to be" } else { "not" };
        line.push_str(&format!("; {} {not} deleted", counted(summary.withheld, "name")));
    }
    if summary.failed > 0 {
        line.push_str(&format!("; {} failed", files(summary.failed)));
    }
    line
}

/// The path that was taken, with the relay on it and what that has passed on.
pub(super) fn path(route: Rung, relayed: Option<&Relayed>) -> String {
    let words = route.words();
    let Some(Relayed { relay, bytes, directly }) = relayed else { return words.to_owned() };
    let passed = size::bytes(*bytes);
    match route {
        Rung::RelaySource | Rung::RelayDest | Rung::Hub if *directly => format!("{words} {relay}{DIRECTLY}"),
        Rung::RelaySource | Rung::RelayDest | Rung::Hub => format!("{words} {relay} ({passed} passed it)"),
        Rung::DestListens | Rung::SourceListens | Rung::Symmetric | Rung::User | Rung::Local => {
            format!("{words} ({passed} passed the relay {relay})")
        }
    }
}

/// What is said where nobody knows how large a file is.
pub(super) const SIZE_UNKNOWN: &str = "size unknown";

#[cfg(test)]
mod sentence_tests {
    use super::*;
    use crate::outcome::{Protection, Verified};
    use ftp_proto::digest::Algorithm;

    impl Summary {
        /// That of one file, copied from server to server.
        pub(in crate::report) fn example() -> Self {
            Self {
                verb: "copy",
                dry_run: false,
                files: 1,
                skipped: 0,
                earlier: 0,
                deleted: 0,
                kept: 0,
                withheld: 0,
                renamed: 0,
                detached: 0,
                bytes: 2 << 30,
                before: 0,
                unchanged: 0,
                unsized_files: 0,
                seconds: 1.9,
                route: Some(Rung::DestListens),
                relayed: None,
                protection: Protection::Private,
                verified: Verified::Hash(Algorithm::Sha256),
                failed: 0,
            }
        }
    }

    #[test]
    fn what_was_not_sent_because_it_has_not_changed_is_told() {
        let there = (2 << 30) - (19 << 20);
        assert_eq!(
            sentence(&Summary { before: there, unchanged: there, ..Summary::example() }),
            "copied 1 file, 2.00 GiB (1.98 GiB of them unchanged and not sent) in 1.9 s (10.00 MiB/s), \
             direct (destination listens), verified sha-256",
        );
    }

    #[test]
    fn a_move_that_has_failed_says_only_what_was_copied() {
        for (ok, done) in [(true, "moved 1 file"), (false, "copied 1 file")] {
            let line = sentence(&Summary { verb: "move", failed: u64::from(!ok), ..Summary::example() });
            assert!(line.starts_with(done), "{line}");
        }
    }

    #[test]
    fn what_earlier_runs_have_copied_was_not_there_already() {
        assert_eq!(
            sentence(&Summary { files: 8, skipped: 6, earlier: 5, bytes: 2 << 20, ..Summary::example() }),
            "copied 2 files, 2.00 MiB in 1.9 s (1.05 MiB/s), direct (destination listens), verified sha-256; \
             5 files copied by earlier runs of this job; 1 file skipped (already there)",
        );
    }

    #[test]
    fn the_last_line_of_a_move_says_what_became_of_sources_whose_copies_were_there() {
        for (dry_run, failed, done, there) in [
            (false, 0, "moved 0 files, 0 B in 1.9 s", "; 1 file deleted at the source only (already there)"),
            (
                true,
                0,
                "would move 0 files, 0 B",
                "; 1 file already there (to be deleted at the source if equal)",
            ),
            (false, 1, "copied 0 files, 0 B in 1.9 s", "; 1 file already there; 1 file failed"),
        ] {
            let verb = "move";
            let summary =
                Summary { verb, dry_run, failed, skipped: 1, bytes: 0, route: None, ..Summary::example() };
            assert_eq!(sentence(&summary), format!("{done}{there}"));
        }
    }

    #[test]
    fn the_last_line_is_the_one_of_the_contract() {
        let check = |summary: Summary, expect: &str| assert_eq!(sentence(&summary), expect);
        check(
            Summary::example(),
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens), verified sha-256",
        );
        check(
            Summary { files: 12, skipped: 2, failed: 1, verified: Verified::Size, ..Summary::example() },
            "copied 10 files, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens), verified size; \
             2 files skipped (already there); 1 file failed",
        );
        // Whether data went in clear is told by warnings and by `--json`: others rely on the end of this line.
        assert_eq!(
            sentence(&Summary { protection: Protection::Clear, ..Summary::example() }),
            sentence(&Summary::example())
        );
        // The rate is that of this run.
        check(
            Summary { before: (2 << 30) - (19 << 20), ..Summary::example() },
            "copied 1 file, 2.00 GiB (1.98 GiB of them by earlier runs) in 1.9 s (10.00 MiB/s), \
             direct (destination listens), verified sha-256",
        );
        check(
            Summary { skipped: 1, bytes: 0, route: None, ..Summary::example() },
            "copied 0 files, 0 B in 1.9 s; 1 file skipped (already there)",
        );
        check(
            Summary {
                verb: "append",
                route: Some(Rung::Local),
                bytes: 100,
                verified: Verified::Size,
                ..Summary::example()
            },
            "appended 1 file, 100 B in 1.9 s (53 B/s), local, verified size",
        );
        check(
            Summary {
                route: Some(Rung::User),
                relayed: Some(Relayed { relay: "edge".into(), bytes: 5 << 20, directly: false }),
                ..Summary::example()
            },
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), through this host (5.00 MiB passed the relay edge), \
             verified sha-256",
        );
        check(
            Summary {
                route: Some(Rung::RelayDest),
                relayed: Some(Relayed { relay: "edge".into(), bytes: 2 << 30, directly: false }),
                ..Summary::example()
            },
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), through the relay edge (2.00 GiB passed it), \
             verified sha-256",
        );
        check(
            Summary { bytes: 0, unsized_files: 1, verified: Verified::None, ..Summary::example() },
            "copied 1 file, size unknown in 1.9 s, direct (destination listens), verified none",
        );
        check(
            Summary { verb: "sync", files: 7, skipped: 6, deleted: 2, renamed: 1, ..Summary::example() },
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens), verified sha-256; \
             1 file renamed; 2 names deleted; 6 files skipped (already there)",
        );
        check(
            Summary { files: 5, unsized_files: 1, ..Summary::example() },
            "copied 5 files, 2.00 GiB and 1 file of unknown size in 1.9 s (1.05 GiB/s), \
             direct (destination listens), verified sha-256",
        );
        check(
            Summary { dry_run: true, protection: Protection::Clear, ..Summary::example() },
            "would copy 1 file, 2.00 GiB, direct (destination listens), to be verified by sha-256",
        );
    }
}
