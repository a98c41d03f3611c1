//! Output for people: results on standard output, messages on standard error.

use super::bar::{Bar, Due};
use super::event::{Cause, Event, ForgottenSite, Repeats, Summary};
use super::progress::JobProgress;
use super::routes::{self, folded};
use super::sentence::{SIZE_UNKNOWN, path, sentence};
use super::{Style, change, complaint, jobs, receipt};
use crate::account::{CandidateAccount, RouteAccount};
use crate::failure::FtpUser;
use crate::id::JobId;
use crate::outcome::{FailedItem, FileCopy, FileEnd, FileOutcome, Verified};
use ftp_io::clock::since_1970;
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
            // One write for the whole line.
            Event::Listed(entry) => return output::out().write_all(&change::lines(entry, self.terminal)),
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
            Event::Surveyed(survey) => {
                return self.results(&routes::survey(survey, self.style.screen, verbose));
            }
            Event::AlreadyDone(_) if quiet => {}
            Event::Job(job) | Event::AlreadyDone(job) => return self.result(&jobs::job_sentence(job)),
            Event::Series(record) => return self.result(&jobs::series_words(record)),
            Event::Token(token) => return self.result(&jobs::token_words(token)),
            Event::JobRow(job) => {
                // Programs that read this text find the whole command.
                let columns = if self.terminal { self.style.screen.columns } else { usize::MAX };
                return self.results(&jobs::job_row(job, since_1970().as_secs(), columns));
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
                format!("{FtpUser} resume {job} waits for its end, verifies it and gives it its name");
            return if self.style.quiet { Ok(()) } else { self.result(&format!("{how}: {advice}")) };
        }
        if self.style.verbose {
            let size = || copy.size.map_or_else(|| SIZE_UNKNOWN.to_owned(), size::bytes);
            let copied = |route| format!("{}, {}", size(), path(route, copy.relayed.as_ref()));
            let how = copy.route().map_or_else(|| skipped(copy), copied);
            let sent = |bytes: u64| format!(", changed parts: {} sent", size::bytes(bytes));
            let parts = copy.changed_parts.map_or_else(String::new, sent);
            let streams = |number: u32| format!(", over {number} data connections");
            let streams = copy.streams.map_or_else(String::new, streams);
            self.talk("", &format!("{source} -> {dest}: {how}{parts}{streams}"));
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
        let is_said = summary.done() == 0 && summary.failed.all + summary.detached == 1;
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

    fn results(&mut self, lines: &[String]) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.result(line))
    }

    /// What has failed: each cause once, with the first of its files. If it is more than one thing, there are headings.
    fn causes(&mut self, causes: &[Cause]) {
        self.bar.clear();
        if let [Cause { count: 1, first, .. }] = causes {
            return first.iter().for_each(|failed| self.complain(&receipt::alone(failed)));
        }
        for of_kind in causes.chunk_by(|one, next| one.kind == next.kind) {
            let heading = of_kind.first().map_or("", |cause| cause.kind.heading());
            self.complain(&format!("{heading}:"));
            of_kind.iter().flat_map(cause_lines).for_each(|line| self.complain(&format!("  {line}")));
        }
    }

    /// Explains every candidate that was considered, once for all files with the same ones.
    fn explain(&mut self, RouteAccount { tried, picture, .. }: &RouteAccount) -> io::Result<()> {
        if self.explained == *tried {
            return Ok(());
        }
        self.results(&picture.as_ref().map_or_else(Vec::new, |picture| picture.lines(self.style.screen)))?;
        if let Some(first) = tried.first().filter(|_| self.style.verbose) {
            self.result(&format!("    {}", first.name()))?;
        }
        for (name, candidate) in
            routes::named_candidates(tried.iter(), self.style.verbose).into_iter().skip(1)
        {
            let memory = candidate.memory.as_ref();
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

    pub(super) fn progress(&mut self, shown: &JobProgress, file: Option<&str>) {
        self.bar.show(shown, file);
    }
}

/// A cause with the names of its first files, and how many others there are.
fn cause_lines(Cause { count, first, .. }: &Cause) -> Vec<String> {
    let others = count.saturating_sub(first.len() as u64);
    let others = (others > 0).then(|| receipt::others(others));
    let Some((told, named)) = first.split_first() else { return others.into_iter().collect() };
    let mut lines = vec![receipt::of_file(told)];
    lines.extend((*count > 1).then(|| "the same for:".to_owned()));
    lines.extend(named.iter().map(FailedItem::name).chain(others.as_deref()).map(|name| format!("  {name}")));
    lines
}

/// What a line begins with that is about one of several jobs: `job 0123456789abcdef to two:x: `.
fn one_job(job: JobId, dest: &str) -> String {
    match dest {
        "" => format!("job {job}: "),
        dest => format!("job {job} to {dest}: "),
    }
}

fn skipped(copy: &FileCopy) -> String {
    match (copy.verified_earlier(), copy.verified) {
        (Some(earlier), _) => format!("copied by an earlier run of this job (verified: {})", earlier.name()),
        (None, Verified::None) => "skipped, it is already there".to_owned(),
        (None, by) => format!("skipped, it is equal by {}", by.name()),
    }
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

#[cfg(test)]
mod tests {
    use super::super::receipt::tests::failed_item;
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn a_cause_is_told_once_above_the_names_of_its_first_files() {
        let full = |name: &str| {
            let what = format!("cannot store {name}: the disk is full");
            failed_item(&format!("one:{name}"), &format!("two:{name}"), &what)
        };
        let first = vec![full("t/a.bin"), full("t/b.bin")];
        let others = "and 1 other file (--json names all)";
        let expect = [
            "cannot store t/a.bin: the disk is full",
            "the same for:",
            "  one:t/b.bin",
            &format!("  {others}"),
        ];
        assert_eq!(cause_lines(&Cause { kind: Kind::Other, count: 3, first }), expect);
        let first = vec![failed_item("one:c", "two:c", "interrupted")];
        let alone = Cause { kind: Kind::Interrupted, count: 1, first };
        assert_eq!(cause_lines(&alone), ["one:c: interrupted"]);
        assert_eq!(cause_lines(&Cause { kind: Kind::Other, count: 1, first: Vec::new() }), [others]);
    }
}
