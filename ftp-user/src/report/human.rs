//! Output for people: results on standard output, messages on standard error.

use super::bar::Bar;
use super::change::{Change, Ended};
use super::due::Timer;
use super::event::{Cause, Event, Forgotten, Summary};
use super::job;
use super::listed;
use super::overall::Shown;
use super::past;
use super::picture::folded;
use super::receipt;
use super::sentence::{SIZE_UNKNOWN, path, sentence};
use super::style::{Style, complaint};
use super::topic::Repeats;
use crate::account::{CandidateAccount, RouteAccount};
use crate::id::JobId;
use crate::outcome::{FailedItem, FileEnd, FileOutcome, Verified};
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

    pub(super) fn tell(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Plan { verb, source, dest, size, verify, dry_run: true } => {
                self.planning = true;
                self.result(&would((verb, source, dest), *size, verify.name()))
            }
            Event::Path { rung, relay, protection, why, account } => {
                let relay = relay.as_ref().map_or_else(String::new, |relay| format!(" {relay}"));
                let line = format!("path: {}{relay}, {}: {why}", rung.words(), protection.words());
                // A sync tells it before the first file, and also if there is none.
                if self.planning || account.is_some() {
                    self.result(&format!("  {line}"))?;
                    return account.as_ref().map_or(Ok(()), |account| self.explain(account));
                }
                // Most files of a job take the path of the one before.
                if self.style.verbose && self.path != line {
                    self.talk("", &line);
                    self.path = line;
                }
                Ok(())
            }
            Event::OneJob { job, dest } => {
                self.job = one_job(*job, dest);
                Ok(())
            }
            Event::Plan { dry_run: false, .. }
            | Event::Found(_)
            | Event::Progress(_)
            | Event::Arrived { .. }
            | Event::Together { .. }
            | Event::Failed(_)
            | Event::Receipt(..)
            | Event::Dialogue { .. } => Ok(()),
            Event::File(outcome) => self.file(outcome),
            Event::Causes(_)
            | Event::Withheld(_)
            | Event::Jobs { .. }
            | Event::Warning { .. }
            | Event::LeftOut(_)
            | Event::Repeated { .. }
            | Event::Notice { .. } => {
                self.remark(event);
                Ok(())
            }
            Event::Summary(summary) => self.summary(summary),
            Event::Listed(entry) => listed::write(entry, self.terminal, &mut io::stdout().lock()),
            Event::Heading { .. }
            | Event::Drawn(_)
            | Event::Changed(_)
            | Event::Hashed(_)
            | Event::Ended(_) => self.acted(event),
            Event::Past(run) => self.results(&past::run(run)),
            Event::Surveyed(survey) => self.results(&past::survey(survey, self.style.screen)),
            Event::AlreadyDone(_) if self.style.quiet => Ok(()),
            Event::Job(record) | Event::AlreadyDone(record) => self.result(&job::sentence(record)),
            Event::Receipts(receipts) => self.results(&receipt::lines(receipts)),
            Event::Forgotten(forgotten) => self.result(&forgotten_words(forgotten)),
            Event::Site(site) => self.results(&site.lines()),
            Event::Checked(found) => self.result(&found.line()),
        }
    }

    /// A file has ended: told if every file is, or if it goes on by itself. Failures are told together, at the end.
    fn file(&mut self, FileOutcome { source, dest, copy }: &FileOutcome) -> io::Result<()> {
        let Ok(copy) = copy else { return Ok(()) };
        if let FileEnd::Detached { route, job } = copy.end {
            let what = format!("{source} goes on to {dest} by itself, {}", route.words());
            return self.detached(&what, job);
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

    /// The last line.
    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        self.bar.clear();
        for others in self.repeats.take() {
            self.talk("warning: ", &others);
        }
        let done = summary.files + summary.deleted + summary.kept + summary.renamed;
        // If one file has failed or goes on by itself, and that is all, nothing more need be said.
        let is_said = done == 0 && summary.failed + summary.detached == 1;
        match self.style.quiet || is_said || self.is_silent(summary) {
            true => Ok(()),
            false => self.result(&format!("{}{}", self.job, sentence(summary))),
        }
    }

    /// Whether a sync has changed nothing, and no person is there who waits for an answer: cron sends by mail what is said.
    fn is_silent(&self, summary: &Summary) -> bool {
        let is_same =
            summary.skipped == summary.files && summary.deleted + summary.kept + summary.renamed == 0;
        let is_done = summary.verb == "sync" && summary.ok && !summary.dry_run && is_same;
        is_done && !self.terminal && !self.style.verbose
    }

    /// Results of several lines.
    fn results(&mut self, lines: &[String]) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.result(line))
    }

    /// Something that is said beside the results: what has failed, and what somebody wants to know.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other event is a result")]
    fn remark(&mut self, event: &Event) {
        let Style { verbose, quiet, .. } = self.style;
        match event {
            Event::Causes(causes) => {
                self.bar.clear();
                self.causes(causes);
            }
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
            _ => {}
        }
    }

    /// What a verb says that works on names where they are.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other event is told elsewhere")]
    fn acted(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Heading { place, is_first } => {
                let above = if *is_first { "" } else { "\n" };
                let end = if place.ends_with(':') { "" } else { ":" };
                self.result(&format!("{above}{place}{end}"))
            }
            Event::Drawn(drawn) => self.result(&format!("{}{}", drawn.branches, drawn.shown)),
            Event::Changed(change) => self.changed(change),
            Event::Hashed(hashed) => {
                self.bar.beside(|| hashed.write(&mut io::stdout().lock(), self.terminal))
            }
            Event::Ended(ended) => self.ended(ended),
            _ => Ok(()),
        }
    }

    /// A name was changed, or would be.
    fn changed(&self, change: &Change) -> io::Result<()> {
        if change.dry_run {
            return self.result(&change.would());
        }
        if self.style.verbose {
            self.talk("", &change.done());
        }
        Ok(())
    }

    /// The last line of a verb that works on names where they are.
    fn ended(&mut self, ended: &Ended) -> io::Result<()> {
        self.bar.clear();
        for others in self.repeats.take() {
            self.talk("warning: ", &others);
        }
        match ended.sentence().filter(|_| !self.style.quiet) {
            Some(sentence) => self.result(&sentence),
            None => Ok(()),
        }
    }

    /// A file goes on by itself.
    fn detached(&mut self, what: &str, job: JobId) -> io::Result<()> {
        self.bar.clear();
        if self.style.quiet {
            return Ok(());
        }
        self.result(&format!(
            "{what}: ftp-user resume {job} waits for its end, verifies it and gives it its name"
        ))
    }

    /// What has failed. If it is more than one thing, each kind is a heading above the first few of them.
    fn causes(&self, causes: &[Cause]) {
        if let [Cause { count: 1, first, .. }] = causes {
            return first.iter().for_each(|failed| self.complain(&failed.failure.to_string()));
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
        let write = || writeln!(io::stderr().lock(), "ftp-user: {kind}{}{line}", self.job);
        let _ = self.bar.beside(write);
    }

    /// The same of what has failed.
    fn complain(&self, line: &str) {
        let program = complaint(self.style.color);
        let _ = self.bar.beside(|| writeln!(io::stderr().lock(), "{program} {}{line}", self.job));
    }

    /// How often people are told how far the job is; `None` if they are not.
    pub(super) const fn progress_timer(&self) -> Option<Timer> {
        match (self.style.progress, self.is_drawn()) {
            (false, _) => None,
            (true, true) => Some(Timer::Drawing),
            (true, false) => Some(Timer::Line),
        }
    }

    /// Whether it is drawn on a terminal.
    pub(super) const fn is_drawn(&self) -> bool {
        self.bar.is_drawn()
    }

    /// Shows how far the job is.
    pub(super) fn progress(&mut self, shown: &Shown) {
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

/// What would be done with a file.
fn would((verb, source, dest): (&str, &str, &str), size: Option<u64>, verify: &str) -> String {
    let size = size.map_or_else(String::new, |size| format!(", {}", size::bytes(size)));
    let what = match verb {
        "replace" => format!("{dest} with {source}"),
        _ => format!("{source} to {dest}"),
    };
    format!("would {verb} {what}{size}, verify: {verify}")
}

/// Why a file was not copied. `earlier` has verified it in an earlier run of the job.
fn skipped(earlier: Option<Verified>) -> String {
    earlier.map_or_else(
        || "skipped, it is already there".to_owned(),
        |earlier| format!("copied by an earlier run of this job (verified: {})", earlier.name()),
    )
}

fn forgotten_words(forgotten: &Forgotten) -> String {
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
