//! Output for people: results on standard output, messages on standard error.

use super::entry::{kind_name, moment};
use super::event::{Event, Forgotten, Form, Listed, Progress, Summary};
use super::job;
use super::pace::Pace;
use super::past;
use super::style::Style;
use crate::failure;
use crate::ladder::{Considered, Rung};
use crate::outcome::Relayed;
use ftp_io::program::size;
use ftp_proto::listing::Kind;
use ftp_proto::wire::counted;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};

/// Tells events to a person.
#[derive(Debug)]
pub(super) struct Human {
    style: Style,
    bar: Option<ProgressBar>,
    /// How fast what the bar shows is.
    pace: Pace,
    /// Whether this is a dry run.
    planning: bool,
    /// The candidates that have been explained.
    explained: Vec<Considered>,
    /// The kind of the last failure that was shown.
    kind: Option<failure::Kind>,
    /// The number of failures of that kind so far.
    failures: usize,
    /// Names go to a terminal, which must not see their control characters.
    terminal: bool,
}

impl Human {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            bar: None,
            pace: Pace::default(),
            planning: false,
            explained: Vec::new(),
            kind: None,
            failures: 0,
            terminal: io::stdout().is_terminal(),
        }
    }

    pub(super) fn tell(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Plan { dry_run: false, .. } => Ok(()),
            Event::Plan { verb, source, dest, size, verify, dry_run: true } => {
                self.planning = true;
                let size = size.map_or_else(String::new, |size| format!(", {}", size::bytes(size)));
                self.result(&format!("would {verb} {source} to {dest}{size}, verify: {}", verify.name()))
            }
            Event::Path { rung, relay, protection, why, considered } => {
                let relay = relay.as_ref().map_or_else(String::new, |relay| format!(" {relay}"));
                let line = format!("path: {}{relay}, {}: {why}", rung.words(), protection.words());
                if self.planning {
                    self.result(&format!("  {line}"))?;
                    return self.explain(considered);
                }
                if self.style.verbose {
                    self.talk("", &line);
                }
                Ok(())
            }
            Event::Progress(progress) => {
                self.progress(progress);
                Ok(())
            }
            Event::File { source, dest, bytes, rung, relayed, .. } => {
                self.clear();
                if self.style.verbose {
                    let how = match rung {
                        Some(rung) => format!("{}, {}", size::bytes(*bytes), path(*rung, relayed.as_ref())),
                        None => "skipped, it is already there".to_owned(),
                    };
                    self.talk("", &format!("{source} -> {dest}: {how}"));
                }
                Ok(())
            }
            Event::Failed { source, message, kind, of, .. } => {
                self.clear();
                if *of == 1 {
                    self.talk("", message);
                } else {
                    self.failed(*kind, source, message);
                }
                Ok(())
            }
            Event::Warning { message } => {
                if !self.style.quiet {
                    self.talk("warning: ", message);
                }
                Ok(())
            }
            Event::Notice { message } => {
                if self.style.verbose {
                    self.talk("", message);
                }
                Ok(())
            }
            Event::Summary(summary) => {
                self.clear();
                self.others();
                // If one file has failed and that is all, nothing more need be said.
                let shown = summary.files == 0 && summary.failed == 1;
                if self.style.quiet || shown { Ok(()) } else { self.result(&sentence(summary)) }
            }
            Event::Listed(listed) => self.listed(listed),
            Event::Past(run) => past::run(run).iter().try_for_each(|line| self.result(line)),
            Event::Surveyed(survey) => past::survey(survey).iter().try_for_each(|line| self.result(line)),
            Event::Job(record) => self.result(&job::sentence(record)),
            Event::Forgotten(forgotten) => self.result(&forgotten_words(forgotten)),
            Event::Dialogue { .. } => Ok(()),
        }
    }

    /// One of several failures: its kind is a heading above the first few of them.
    fn failed(&mut self, kind: failure::Kind, source: &str, message: &str) {
        if self.kind != Some(kind) {
            self.others();
            self.kind = Some(kind);
            self.talk("", &format!("{}:", kind.heading()));
        }
        self.failures += 1;
        if self.failures <= NAMED {
            // Most messages name the file.
            let name = if message.contains(source) { String::new() } else { format!("{source}: ") };
            self.talk("  ", &format!("{name}{message}"));
        }
    }

    /// The number of failures of the last kind that were not named.
    fn others(&mut self) {
        let failures = std::mem::take(&mut self.failures);
        if failures > NAMED {
            self.talk("  ", &format!("and {} others (--json names all)", failures - NAMED));
        }
    }

    /// Explains every candidate that was considered, once for all files with the same ones.
    fn explain(&mut self, considered: &[Considered]) -> io::Result<()> {
        if self.explained == considered {
            return Ok(());
        }
        for candidate in considered.iter().skip(1) {
            let commands = candidate.commands.map_or_else(String::new, |commands| format!(" by {commands}"));
            let tls = candidate.tls.map_or_else(String::new, |tls| format!(", {tls}"));
            let relay = candidate.relay.as_ref().map_or_else(String::new, |relay| format!(" {relay}"));
            let words = format!("{}{relay}", candidate.rung.words());
            let memory = candidate.memory.as_ref().map_or_else(String::new, |memory| format!(" ({memory})"));
            match &candidate.limitation {
                None => self.result(&format!("    if that is refused: {words}{commands}{tls}{memory}"))?,
                Some(why) => self.result(&format!("    not {words}{commands}{tls}: {why}"))?,
            }
        }
        self.explained = considered.to_vec();
        Ok(())
    }

    fn result(&self, line: &str) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{line}")
    }

    /// Standard error may be closed: that is no reason to stop.
    fn talk(&self, kind: &str, line: &str) {
        let kind =
            if self.style.color && !kind.is_empty() { format!("\x1b[33m{kind}\x1b[0m") } else { kind.into() };
        let write = || writeln!(io::stderr().lock(), "ftp-user: {kind}{line}");
        let _ = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
    }

    fn progress(&mut self, progress: &Progress) {
        if !self.style.progress {
            return;
        }
        let Progress { bytes, total, .. } = *progress;
        // --progress always, and nothing that a bar could be drawn on.
        if !io::stderr().is_terminal() {
            return self.talk("", &so_far(bytes, total));
        }
        self.pace.saw(progress);
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            let form = if total.is_some() {
                "{wide_bar} {bytes}/{total_bytes} {msg}"
            } else {
                "{spinner} {bytes} {msg}"
            };
            bar.with_style(
                ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()),
            )
        });
        bar.set_message(how_fast(&self.pace, total));
        bar.set_position(bytes);
    }

    fn clear(&mut self) {
        self.pace = Pace::default();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn listed(&self, listed: &Listed) -> io::Result<()> {
        let entry = &listed.entry;
        let mut out = io::stdout().lock();
        match listed.form {
            Form::Name => {}
            Form::Long => write!(
                out,
                "{}{} {:>14}  {:<20}  ",
                kind_letter(entry.kind),
                entry.mode.map_or_else(|| "----".to_owned(), |mode| format!("{mode:04o}")),
                entry.size.map_or_else(|| "-".to_owned(), |size| size.to_string()),
                entry.modified.map_or_else(|| "-".to_owned(), |at| moment(at, entry.precision)),
            )?,
            Form::Facts => return facts(listed, &mut out),
        }
        if self.terminal {
            writeln!(out, "{}", entry.name.display())
        } else {
            out.write_all(entry.name.as_bytes())?;
            out.write_all(b"\n")
        }
    }
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

fn facts(listed: &Listed, out: &mut impl Write) -> io::Result<()> {
    let entry = &listed.entry;
    let facts = [
        ("place", Some(listed.place.clone())),
        ("type", Some(kind_name(entry.kind).to_owned())),
        ("size", entry.size.map(|size| size.to_string())),
        ("modified", entry.modified.map(|at| moment(at, entry.precision))),
        ("mode", entry.mode.map(|mode| format!("{mode:04o}"))),
        ("perm", entry.perm.clone()),
        ("unique", entry.unique.clone()),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            writeln!(out, "{name}: {value}")?;
        }
    }
    Ok(())
}

const fn kind_letter(kind: Kind) -> char {
    match kind {
        Kind::File => '-',
        Kind::Directory | Kind::Current | Kind::Parent => 'd',
        Kind::Link => 'l',
        Kind::Other => '?',
    }
}

/// `1.05 GiB/s 14s`: the rate, and the time that remains.
fn how_fast(pace: &Pace, total: Option<u64>) -> String {
    let rate = pace.lately().and_then(|(bytes, seconds)| size::rate(bytes, seconds));
    let remaining = pace.remaining(total).map(|remaining| format!("{:#}", HumanDuration(remaining)));
    rate.into_iter().chain(remaining).collect::<Vec<_>>().join(" ")
}

/// `448.00 MiB of 2.00 GiB (21 %)`.
fn so_far(bytes: u64, total: Option<u64>) -> String {
    let percent = |total: u64| u128::from(bytes) * 100 / u128::from(total.max(1));
    let of =
        total.map_or_else(String::new, |total| format!(" of {} ({} %)", size::bytes(total), percent(total)));
    format!("{}{of}", size::bytes(bytes))
}

/// The last line: `copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens),
/// verified sha-256`.
fn sentence(summary: &Summary) -> String {
    let done = match (summary.verb, summary.dry_run) {
        ("append", false) => "appended",
        ("append", true) => "would append",
        (_, false) => "copied",
        (_, true) => "would copy",
    };
    let files = |count: u64| counted(count, "file");
    let moved = summary.files - summary.skipped.min(summary.files);
    let mut line = format!("{done} {}, {}", files(moved), size::bytes(summary.bytes));
    if !summary.dry_run {
        line.push_str(&format!(" in {:.1} s", summary.seconds));
        if let Some(rate) = size::rate(summary.bytes, summary.seconds).filter(|_| summary.bytes > 0) {
            line.push_str(&format!(" ({rate})"));
        }
    }
    if let Some(rung) = summary.rung {
        line.push_str(&format!(", {}, ", path(rung, summary.relayed.as_ref())));
        line.push_str(if summary.dry_run { "to be verified by " } else { "verified " });
        line.push_str(summary.verified.name());
    }
    if summary.skipped > 0 {
        line.push_str(&format!("; {} skipped (already there)", files(summary.skipped)));
    }
    if summary.failed > 0 {
        line.push_str(&format!("; {} failed", files(summary.failed)));
    }
    line
}

/// The path that was taken, with the relay on it and what that has passed on.
fn path(rung: Rung, relayed: Option<&Relayed>) -> String {
    let words = rung.words();
    match (relayed, rung) {
        (Some(Relayed { relay, bytes: passed }), Rung::RelaySource | Rung::RelayDest) => {
            format!("{words} {relay} ({} passed it)", size::bytes(*passed))
        }
        (
            Some(Relayed { relay, bytes: passed }),
            Rung::DestListens | Rung::SourceListens | Rung::Symmetric | Rung::User | Rung::Local,
        ) => format!("{words} ({} passed the relay {relay})", size::bytes(*passed)),
        (None, _) => words.to_owned(),
    }
}

/// The number of failures of one kind that are named.
const NAMED: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Protection, Verified};
    use ftp_proto::digest::Algorithm;

    fn summary() -> Summary {
        Summary {
            verb: "copy",
            ok: true,
            dry_run: false,
            files: 1,
            skipped: 0,
            bytes: 2 << 30,
            seconds: 1.9,
            rung: Some(Rung::DestListens),
            relayed: None,
            protection: Protection::Private,
            verified: Verified::Hash(Algorithm::Sha256),
            failed: 0,
        }
    }

    #[test]
    fn the_last_line_is_the_one_of_the_contract() {
        let check = |summary: Summary, expect: &str| assert_eq!(sentence(&summary), expect);
        check(
            summary(),
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens), verified sha-256",
        );
        check(
            Summary { files: 12, skipped: 2, failed: 1, verified: Verified::Size, ..summary() },
            "copied 10 files, 2.00 GiB in 1.9 s (1.05 GiB/s), direct (destination listens), verified size; \
             2 files skipped (already there); 1 file failed",
        );
        // Whether data went in clear is told by warnings and by `--json`: others rely on the end of this line.
        assert_eq!(sentence(&Summary { protection: Protection::Clear, ..summary() }), sentence(&summary()));
        check(
            Summary { skipped: 1, bytes: 0, rung: None, ..summary() },
            "copied 0 files, 0 B in 1.9 s; 1 file skipped (already there)",
        );
        check(
            Summary {
                verb: "append",
                rung: Some(Rung::Local),
                bytes: 100,
                verified: Verified::Size,
                ..summary()
            },
            "appended 1 file, 100 B in 1.9 s (53 B/s), local, verified size",
        );
        check(
            Summary {
                rung: Some(Rung::User),
                relayed: Some(Relayed { relay: "edge".into(), bytes: 5 << 20 }),
                ..summary()
            },
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), through this host (5.00 MiB passed the relay edge), \
             verified sha-256",
        );
        check(
            Summary {
                rung: Some(Rung::RelayDest),
                relayed: Some(Relayed { relay: "edge".into(), bytes: 2 << 30 }),
                ..summary()
            },
            "copied 1 file, 2.00 GiB in 1.9 s (1.05 GiB/s), through the relay edge (2.00 GiB passed it), \
             verified sha-256",
        );
        check(
            Summary { dry_run: true, protection: Protection::Clear, ..summary() },
            "would copy 1 file, 2.00 GiB, direct (destination listens), to be verified by sha-256",
        );
    }

    #[test]
    fn the_bar_shows_the_rate_and_the_time_that_remains() {
        let mut pace = Pace::default();
        assert_eq!(how_fast(&pace, None), "");
        let (source, total) = ("a".to_owned(), Some(6 << 30));
        let time = std::time::Duration::from_secs(2);
        pace.saw(&Progress { source, bytes: 1 << 30, total, before: 0, time });
        assert_eq!(how_fast(&pace, total), "512.00 MiB/s 10s");
        assert_eq!(how_fast(&pace, None), "512.00 MiB/s");
    }

    #[test]
    fn progress_without_a_terminal_is_a_line() {
        assert_eq!(so_far(448 << 20, Some(2 << 30)), "448.00 MiB of 2.00 GiB (21 %)");
        assert_eq!(so_far(u64::MAX, Some(u64::MAX)), "16.00 EiB of 16.00 EiB (100 %)");
        assert_eq!(so_far(5, None), "5 B");
        assert_eq!(so_far(0, Some(0)), "0 B of 0 B (0 %)");
    }
}
