//! One JSON object per line: the keys, their order and the values are an outside contract.

use super::entry::{kind_name, moment};
use super::event::{Event, Forgotten, Listed, Progress, Summary, Survey};
use super::job::JobLine;
use crate::failure::Kind;
use crate::history::{PastCandidate, PastRun};
use crate::ladder::{Considered, Rung};
use ftp_proto::listing::Entry;
use serde::Serialize;
use std::io::{self, Write};

/// Writes the line of `event`, if it has one. One write per line. `exit_of` is [`Style::exit_of`](super::Style).
pub(super) fn line(event: &Event, exit_of: fn(Kind) -> u8, out: &mut impl Write) -> io::Result<()> {
    let Some(line) = Line::of(event, exit_of) else { return Ok(()) };
    let mut text = serde_json::to_vec(&line)?;
    text.push(b'\n');
    out.write_all(&text)?;
    out.flush()
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
    },
    File {
        source: &'a str,
        dest: &'a str,
        bytes: u64,
        path: Option<&'a str>,
        rung: Option<&'a str>,
        verified: &'a str,
        attempts: u32,
        skipped: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        relay: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        relayed: Option<u64>,
    },
    Failed {
        source: &'a str,
        dest: &'a str,
        exit: u8,
        cause: &'a str,
        message: &'a str,
    },
    Warning {
        message: &'a str,
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
        #[serde(skip_serializing_if = "Option::is_none")]
        relay: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        relayed: Option<u64>,
        #[serde(skip_serializing_if = "is_false")]
        dry_run: bool,
    },
    Run(&'a PastRun),
    Job(JobLine<'a>),
    Probe {
        source: &'a str,
        dest: &'a str,
        ok: bool,
        path: Option<&'a str>,
        rung: Option<&'a str>,
        tried: &'a [PastCandidate],
    },
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

impl<'a> Line<'a> {
    fn of(event: &'a Event, exit_of: fn(Kind) -> u8) -> Option<Self> {
        Some(match event {
            Event::Plan { verb, source, dest, size, verify, dry_run: _ } => {
                Self::Plan { verb, source, dest, bytes: *size, verify: verify.name() }
            }
            Event::Path { rung, relay, protection, why, considered } => Self::Path {
                path: rung.path(),
                rung: rung.name(),
                protection: protection.name(),
                why,
                relay: relay.as_deref(),
                considered: considered.iter().map(Thought::of).collect(),
            },
            Event::Progress(Progress { source, bytes, total, .. }) => {
                Self::Progress { source, bytes: *bytes, total: *total }
            }
            Event::File { source, dest, bytes, rung, relayed, verified, attempts } => Self::File {
                source,
                dest,
                bytes: *bytes,
                path: rung.map(Rung::path),
                rung: rung.map(Rung::name),
                verified: verified.name(),
                attempts: *attempts,
                skipped: rung.is_none(),
                relay: relayed.as_ref().map(|relayed| &*relayed.relay),
                relayed: relayed.as_ref().map(|relayed| relayed.bytes),
            },
            Event::Failed { source, dest, kind, message, of: _ } => {
                Self::Failed { source, dest, exit: exit_of(*kind), cause: kind.heading(), message }
            }
            Event::Warning { message } | Event::Notice { message } => Self::Warning { message },
            Event::Summary(summary) => Self::summary(summary),
            Event::Listed(listed) => Self::entry(listed),
            Event::Past(run) => Self::Run(run),
            Event::Surveyed(survey) => Self::survey(survey),
            Event::Job(record) => Self::Job(JobLine::of(record)),
            Event::Forgotten(forgotten) => Self::forgotten(forgotten),
            Event::Dialogue { .. } => return None,
        })
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
            relay: summary.relayed.as_ref().map(|relayed| &*relayed.relay),
            relayed: summary.relayed.as_ref().map(|relayed| relayed.bytes),
            dry_run: summary.dry_run,
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

const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Protection;
    use crate::outcome::{Relayed, Verified};
    use ftp_proto::digest::Algorithm;

    fn check(event: &Event, expect: &str) {
        let mut out = Vec::new();
        line(event, |_| 4, &mut out).unwrap();
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
            bytes: 2_147_483_648,
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
                bytes: 5,
                rung: Some(Rung::SourceListens),
                relayed: None,
                verified: Verified::Size,
                attempts: 2,
            },
            r#"{"event":"file","source":"ftp://a/x","dest":"ftp://b/x","bytes":5,"path":"direct","rung":"source-listens","verified":"size","attempts":2,"skipped":false}"#,
        );
    }

    #[test]
    fn what_passed_a_relay_is_told_last() {
        check(
            &Event::File {
                source: "ftp://a/x".into(),
                dest: "ftp://b/x".into(),
                bytes: 5,
                rung: Some(Rung::RelaySource),
                relayed: Some(Relayed { relay: "edge".into(), bytes: 5 }),
                verified: Verified::Size,
                attempts: 1,
            },
            r#"{"event":"file","source":"ftp://a/x","dest":"ftp://b/x","bytes":5,"path":"relay","rung":"relay-source","verified":"size","attempts":1,"skipped":false,"relay":"edge","relayed":5}"#,
        );
    }
}
