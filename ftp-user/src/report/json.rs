//! One JSON object per line: the keys, their order and the values are an outside contract.

use super::change::{ChangeLine, EndedLine, HashLine};
use super::entry::{kind_name, moment};
use super::event::{Event, Explanation, Forgotten, Listed, Progress, Summary, Survey, Withheld};
use super::job::JobLine;
use super::overall::Shown;
use super::receipt::ReceiptLine;
use super::setup::{CheckLine, SiteLine};
use super::style::Exits;
use crate::history::{PastCandidate, PastRun};
use crate::ladder::{Considered, Rung};
use crate::outcome::{Relayed, Verified};
use ftp_proto::listing::Entry;
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

/// Tells events to a program.
#[derive(Debug)]
pub(super) struct Json {
    exits: Exits,
    /// When it was told last how far the job is.
    last: Duration,
}

impl Json {
    pub(super) const fn new(exits: Exits) -> Self {
        Self { exits, last: Duration::ZERO }
    }

    /// Writes the line of `event`, if it has one. `shown` is how far the job is now, if that has changed; `at` is the
    /// time since the first event. Many small files have no progress of their own: after one of them, the program is
    /// told how far the job is, once a second.
    pub(super) fn tell(
        &mut self,
        event: &Event,
        shown: Option<&Shown>,
        at: Duration,
        out: &mut impl Write,
    ) -> io::Result<()> {
        if let Some(line) = Line::of(event, shown, self.exits) {
            write(&line, out)?;
        }
        match (event, shown) {
            (Event::Progress(_), _) => self.last = at,
            (Event::File { source, size, .. }, Some(shown))
                if shown.of > 1 && at.saturating_sub(self.last) >= PERIOD =>
            {
                self.last = at;
                let job = Some(Job::of(shown));
                write(&Line::Progress { source, bytes: size.unwrap_or(0), total: *size, job }, out)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The time between two lines that tell how far the job is.
const PERIOD: Duration = Duration::from_secs(1);

/// One write per line.
fn write(line: &Line<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    out.write_all(&text)?;
    out.flush()
}

/// How far the job of a file is.
#[derive(Serialize)]
struct Job {
    files: u64,
    of: u64,
    more: bool,
    job_bytes: u64,
    job_total: Option<u64>,
    rate: Option<u64>,
    remaining: Option<u64>,
}

impl Job {
    fn of(shown: &Shown) -> Self {
        let Shown { files, of, more, bytes, total, rate, remaining } = *shown;
        let rate = rate.map(|rate| rate as u64);
        let remaining = remaining.map(|remaining| remaining.as_secs());
        Self { files, of, more, job_bytes: bytes, job_total: total, rate, remaining }
    }
}

/// A line, its members in the order of the contract; what is not in the contract comes last.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line<'a> {
    Plan {
        verb: &'a str,
        source: &'a str,
        dest: &'a str,
        bytes: Option<u64>,
        verify: &'a str,
    },
    Path {
        path: &'a str,
        rung: &'a str,
        protection: &'a str,
        why: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        relay: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        considered: Vec<Thought<'a>>,
    },
    Progress {
        source: &'a str,
        bytes: u64,
        total: Option<u64>,
        #[serde(flatten)]
        job: Option<Job>,
    },
    File {
        source: &'a str,
        dest: &'a str,
        bytes: Option<u64>,
        path: Option<&'a str>,
        rung: Option<&'a str>,
        verified: &'a str,
        attempts: u32,
        skipped: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        earlier: Option<&'a str>,
        #[serde(flatten)]
        relay: Option<Passed<'a>>,
        #[serde(skip_serializing_if = "is_zero")]
        before: u64,
    },
    Detached {
        source: &'a str,
        dest: &'a str,
        bytes: Option<u64>,
        path: &'a str,
        rung: &'a str,
        job: String,
    },
    Jobs {
        number: u64,
        reason: &'a str,
        why: &'a str,
    },
    Failed {
        source: &'a str,
        dest: &'a str,
        exit: u8,
        cause: &'a str,
        message: &'a str,
    },
    Withheld {
        dest: &'a str,
        names: u64,
        most: u64,
        exit: u8,
        message: &'a str,
    },
    Warning {
        message: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        topic: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        site: Option<&'a str>,
    },
    Forgotten {
        site: &'a str,
        known: bool,
        tls: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        certificate: Option<String>,
    },
    Summary {
        ok: bool,
        files: u64,
        bytes: u64,
        seconds: f64,
        path: Option<&'a str>,
        rung: Option<&'a str>,
        protection: &'a str,
        verified: &'a str,
        failed: u64,
        skipped: u64,
        #[serde(flatten)]
        relay: Option<Passed<'a>>,
        #[serde(skip_serializing_if = "is_false")]
        dry_run: bool,
        #[serde(skip_serializing_if = "is_zero")]
        detached: u64,
        #[serde(skip_serializing_if = "is_zero")]
        before: u64,
        #[serde(skip_serializing_if = "is_zero")]
        deleted: u64,
        #[serde(skip_serializing_if = "is_zero")]
        kept: u64,
        #[serde(skip_serializing_if = "is_zero")]
        withheld: u64,
        #[serde(skip_serializing_if = "is_zero")]
        renamed: u64,
    },
    Run(&'a PastRun),
    Job(JobLine<'a>),
    Receipt(ReceiptLine<'a>),
    Site(SiteLine<'a>),
    Check(CheckLine<'a>),
    Probe {
        source: &'a str,
        dest: &'a str,
        ok: bool,
        path: Option<&'a str>,
        rung: Option<&'a str>,
        tried: &'a [PastCandidate],
    },
    #[serde(rename = "plan")]
    Planned(ChangeLine<'a>),
    Done(ChangeLine<'a>),
    Hash(HashLine<'a>),
    #[serde(rename = "summary")]
    Ended(EndedLine<'a>),
    Entry {
        place: &'a str,
        name: String,
        #[serde(rename = "type")]
        kind: &'a str,
        size: Option<u64>,
        modified: Option<String>,
        mode: Option<String>,
        perm: Option<&'a str>,
        unique: Option<&'a str>,
    },
}

/// A candidate that was considered.
#[derive(Serialize)]
struct Thought<'a> {
    rung: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<&'a str>,
    commands: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<&'a str>,
    hindrance: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<&'a str>,
}

impl<'a> Thought<'a> {
    fn all(explanation: &'a Explanation) -> Vec<Self> {
        explanation.considered.iter().map(Self::of).collect()
    }

    fn of(candidate: &'a Considered) -> Self {
        Self {
            rung: candidate.rung.name(),
            relay: candidate.relay.as_deref(),
            commands: candidate.commands,
            tls: candidate.tls,
            hindrance: candidate.limitation.as_deref(),
            memory: candidate.memory.as_deref(),
        }
    }
}

/// What has passed a relay.
#[derive(Serialize)]
struct Passed<'a> {
    relay: &'a str,
    relayed: u64,
    #[serde(skip_serializing_if = "is_false")]
    agents_direct: bool,
}

impl<'a> Passed<'a> {
    fn of(relayed: &'a Relayed) -> Self {
        let Relayed { relay, bytes, directly } = relayed;
        Self { relay, relayed: *bytes, agents_direct: *directly }
    }
}

impl<'a> Line<'a> {
    fn of(event: &'a Event, shown: Option<&Shown>, exits: Exits) -> Option<Self> {
        Some(match event {
            Event::Plan { verb, source, dest, size, verify, dry_run: _ } => {
                Self::Plan { verb, source, dest, bytes: *size, verify: verify.name() }
            }
            Event::Path { rung, relay, protection, why, explanation } => Self::Path {
                path: rung.path(),
                rung: rung.name(),
                protection: protection.name(),
                why,
                relay: relay.as_deref(),
                considered: explanation.as_ref().map_or_else(Vec::new, Thought::all),
            },
            Event::Progress(Progress { source, bytes, total, .. }) => {
                Self::Progress { source, bytes: *bytes, total: *total, job: shown.map(Job::of) }
            }
            Event::File { source, dest, size, before, rung, relayed, verified, attempts, earlier } => {
                Self::File {
                    source,
                    dest,
                    bytes: if rung.is_some() { *size } else { Some(0) },
                    path: rung.map(Rung::path),
                    rung: rung.map(Rung::name),
                    verified: verified.name(),
                    attempts: *attempts,
                    skipped: rung.is_none(),
                    earlier: earlier.map(Verified::name),
                    relay: relayed.as_ref().map(Passed::of),
                    before: *before,
                }
            }
            Event::Detached { source, dest, size, rung, job } => Self::Detached {
                source,
                dest,
                bytes: *size,
                path: rung.path(),
                rung: rung.name(),
                job: job.to_string(),
            },
            Event::Jobs { number, reason, why } => Self::Jobs { number: *number, reason, why },
            Event::Failed { source, dest, kind, message } => {
                Self::Failed { source, dest, exit: (exits.of_kind)(*kind), cause: kind.heading(), message }
            }
            Event::Withheld(withheld) => Self::withheld(withheld, exits.partly),
            Event::Warning { message } | Event::Notice { message } => {
                Self::warning(message.into(), None, None)
            }
            Event::Repeated { topic, site, message, .. } => {
                Self::warning(message.into(), Some(topic.name()), Some(site))
            }
            Event::LeftOut(left_out) => Self::warning(left_out.words().into(), Some("unread"), None),
            Event::Summary(summary) => Self::summary(summary),
            Event::Listed(listed) => Self::entry(listed),
            Event::Drawn(drawn) => Self::entry(drawn.listed.as_ref()?),
            Event::Changed(change) if change.dry_run => Self::Planned(ChangeLine::of(change)),
            Event::Changed(change) => Self::Done(ChangeLine::of(change)),
            Event::Hashed(hashed) => Self::Hash(HashLine::of(hashed)),
            Event::Ended(ended) => Self::Ended(EndedLine::of(ended)),
            Event::Past(run) => Self::Run(run),
            Event::Surveyed(survey) => Self::survey(survey),
            Event::Job(record) | Event::AlreadyDone(record) => Self::Job(JobLine::of(record)),
            Event::Receipt(job, item, dest) => Self::Receipt(ReceiptLine::of(*job, item, dest.as_deref())),
            Event::Forgotten(forgotten) => Self::forgotten(forgotten),
            Event::Site(site) => Self::Site(site.into()),
            Event::Checked(found) => Self::Check(found.into()),
            Event::Found(_)
            | Event::Receipts(_)
            | Event::FileFailed { .. }
            | Event::Causes(_)
            | Event::Dialogue { .. } => return None,
        })
    }

    const fn warning(message: Cow<'a, str>, topic: Option<&'a str>, site: Option<&'a str>) -> Self {
        Self::Warning { message, topic, site }
    }

    fn withheld(Withheld { dest, names, most, message }: &'a Withheld, exit: u8) -> Self {
        Self::Withheld { dest, names: *names, most: *most, exit, message }
    }

    fn summary(summary: &'a Summary) -> Self {
        Self::Summary {
            ok: summary.ok,
            files: summary.files,
            bytes: summary.bytes,
            seconds: (summary.seconds * 1000.0).round() / 1000.0,
            path: summary.rung.map(Rung::path),
            rung: summary.rung.map(Rung::name),
            protection: summary.protection.name(),
            verified: summary.verified.name(),
            failed: summary.failed,
            skipped: summary.skipped,
            relay: summary.relayed.as_ref().map(Passed::of),
            dry_run: summary.dry_run,
            detached: summary.detached,
            before: summary.before,
            deleted: summary.deleted,
            kept: summary.kept,
            withheld: summary.withheld,
            renamed: summary.renamed,
        }
    }

    fn survey(survey: &'a Survey) -> Self {
        let best = survey.best.and_then(|best| survey.tried.get(best));
        Self::Probe {
            source: &survey.source,
            dest: &survey.destination,
            ok: best.is_some(),
            path: best.map(|tried| tried.path.as_str()),
            rung: best.map(|tried| tried.rung.as_str()),
            tried: &survey.tried,
        }
    }

    fn forgotten(forgotten: &'a Forgotten) -> Self {
        let known = forgotten.known.unwrap_or_default();
        Self::Forgotten {
            site: &forgotten.site,
            known: forgotten.known.is_some(),
            tls: known.offers_tls,
            certificate: known.certificate.map(|certificate| certificate.to_string()),
        }
    }

    fn entry(listed: &'a Listed) -> Self {
        let Entry { name, kind, size, modified, precision, mode, perm, unique, .. } = &listed.entry;
        Self::Entry {
            place: &listed.place,
            name: name.display(),
            kind: kind_name(*kind),
            size: *size,
            modified: modified.map(|at| moment(at, *precision)),
            mode: mode.map(|mode| format!("{mode:04o}")),
            perm: perm.as_deref(),
            unique: unique.as_deref(),
        }
    }
}

const fn is_zero(value: &u64) -> bool {
    *value == 0
}

const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Protection;
    use crate::outcome::{Relayed, Verified};
    use ftp_proto::digest::Algorithm;

    const EXITS: Exits = Exits { of_kind: |_| 4, partly: 9 };

    fn check(event: &Event, expect: &str) {
        let mut out = Vec::new();
        Json::new(EXITS).tell(event, None, Duration::ZERO, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expect}\n"));
    }

    #[test]
    fn the_summary_has_the_keys_of_the_contract() {
        let summary = Summary {
            verb: "copy",
            ok: true,
            dry_run: false,
            files: 1,
            skipped: 0,
            deleted: 0,
            kept: 0,
            withheld: 0,
            renamed: 0,
            detached: 0,
            bytes: 2_147_483_648,
            before: 0,
            unsized_files: 0,
            seconds: 1.9,
            rung: Some(Rung::DestListens),
            relayed: None,
            protection: Protection::Clear,
            verified: Verified::Hash(Algorithm::Sha256),
            failed: 0,
        };
        check(
            &Event::Summary(summary),
            r#"{"event":"summary","ok":true,"files":1,"bytes":2147483648,"seconds":1.9,"path":"direct","rung":"dest-listens","protection":"clear","verified":"sha-256","failed":0,"skipped":0}"#,
        );
    }

    #[test]
    fn a_file_has_the_keys_of_the_contract() {
        check(
            &Event::File {
                source: "ftp://a/x".into(),
                dest: "ftp://b/x".into(),
                size: Some(5),
                before: 0,
                rung: Some(Rung::SourceListens),
                relayed: None,
                verified: Verified::Size,
                attempts: 2,
                earlier: None,
            },
            r#"{"event":"file","source":"ftp://a/x","dest":"ftp://b/x","bytes":5,"path":"direct","rung":"source-listens","verified":"size","attempts":2,"skipped":false}"#,
        );
    }

    #[test]
    fn names_that_are_not_deleted_are_no_file_that_failed() {
        let message = "nothing was deleted".to_owned();
        check(
            &Event::Withheld(Withheld { dest: "ftp://b/d".into(), names: 3, most: 2, message }),
            r#"{"event":"withheld","dest":"ftp://b/d","names":3,"most":2,"exit":9,"message":"nothing was deleted"}"#,
        );
    }

    #[test]
    fn the_number_of_jobs_has_its_reason() {
        let (reason, why) = ("no-faster", "twice as many were hardly faster".to_owned());
        check(
            &Event::Jobs { number: 4, reason, why },
            r#"{"event":"jobs","number":4,"reason":"no-faster","why":"twice as many were hardly faster"}"#,
        );
    }

    #[test]
    fn a_progress_event_has_its_file_and_its_job() {
        let progress = Progress {
            source: "ftp://a/x".into(),
            bytes: 5,
            total: Some(10),
            before: 0,
            time: Duration::from_secs(1),
        };
        let mut shown =
            Shown { files: 3, of: 7, more: true, bytes: 35, total: None, rate: Some(5.5), remaining: None };
        let mut out = Vec::new();
        let mut json = Json::new(EXITS);
        json.tell(&Event::Progress(progress), Some(&shown), Duration::from_secs(1), &mut out).unwrap();
        let file = |source: &str| Event::File {
            source: source.into(),
            dest: "ftp://b/x".into(),
            size: Some(5),
            before: 0,
            rung: None,
            relayed: None,
            verified: Verified::Size,
            attempts: 1,
            earlier: None,
        };
        // Once a second.
        for (source, millis) in [("ftp://a/y", 1500), ("ftp://a/z", 2000), ("ftp://a/0", 2999)] {
            shown.files += 1;
            json.tell(&file(source), Some(&shown), Duration::from_millis(millis), &mut out).unwrap();
        }
        let told = String::from_utf8(out).unwrap();
        let told: Vec<&str> = told.lines().filter(|line| line.contains("\"progress\"")).collect();
        assert_eq!(
            told,
            [
                r#"{"event":"progress","source":"ftp://a/x","bytes":5,"total":10,"files":3,"of":7,"more":true,"job_bytes":35,"job_total":null,"rate":5,"remaining":null}"#,
                r#"{"event":"progress","source":"ftp://a/z","bytes":5,"total":5,"files":5,"of":7,"more":true,"job_bytes":35,"job_total":null,"rate":5,"remaining":null}"#,
            ]
        );
    }

    #[test]
    fn a_file_that_an_earlier_run_has_copied_is_not_called_verified() {
        check(
            &Event::File {
                source: "ftp://a/x".into(),
                dest: "ftp://b/x".into(),
                size: None,
                before: 0,
                rung: None,
                relayed: None,
                verified: Verified::None,
                attempts: 0,
                earlier: Some(Verified::Hash(Algorithm::Sha256)),
            },
            r#"{"event":"file","source":"ftp://a/x","dest":"ftp://b/x","bytes":0,"path":null,"rung":null,"verified":"none","attempts":0,"skipped":true,"earlier":"sha-256"}"#,
        );
    }

    #[test]
    fn what_passed_a_relay_and_what_was_there_before_is_told_last() {
        check(
            &Event::File {
                source: "ftp://a/x".into(),
                dest: "ftp://b/x".into(),
                size: Some(5),
                before: 2,
                rung: Some(Rung::RelaySource),
                relayed: Some(Relayed { relay: "edge".into(), bytes: 5, directly: true }),
                verified: Verified::Size,
                attempts: 1,
                earlier: None,
            },
            r#"{"event":"file","source":"ftp://a/x","dest":"ftp://b/x","bytes":5,"path":"relay","rung":"relay-source","verified":"size","attempts":1,"skipped":false,"relay":"edge","relayed":5,"agents_direct":true,"before":2}"#,
        );
    }
}
