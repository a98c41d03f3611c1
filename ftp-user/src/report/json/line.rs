//! The objects: their keys, the order of these, and the values.

use super::super::change::{ChangeLine, EndedLine, HashLine};
use super::super::entry::{kind_name, moment};
use super::super::event::{Event, Forgotten, Listed, Progress, Summary, Withheld};
use super::super::job::JobLine;
use super::super::overall::Shown;
use super::super::receipt::ReceiptLine;
use super::super::setup::{CheckLine, SiteLine};
use super::super::style::Exits;
use crate::account::{CandidateAccount, PairAccount, RunAccount};
use crate::failure::Failure;
use crate::ladder::Rung;
use crate::outcome::{FailedItem, FileEnd, FileOutcome, Relayed, Verified};
use ftp_proto::listing::Entry;
use serde::Serialize;
use std::borrow::Cow;

/// How far the job of a file is.
#[derive(Serialize)]
pub(super) struct Job {
    files: u64,
    of: u64,
    more: bool,
    job_bytes: u64,
    job_total: Option<u64>,
    rate: Option<u64>,
    remaining: Option<u64>,
}

impl Job {
    pub(super) fn of(shown: &Shown) -> Self {
        let Shown { files, of, more, bytes, total, rate, remaining } = *shown;
        let rate = rate.map(|rate| rate as u64);
        let remaining = remaining.map(|remaining| remaining.as_secs());
        Self { files, of, more, job_bytes: bytes, job_total: total, rate, remaining }
    }
}

/// A line, its members in the order of the contract; what is not in the contract comes last.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Line<'a> {
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
        #[serde(skip_serializing_if = "Option::is_none")]
        changed_parts: Option<u64>,
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
        message: String,
    },
    Withheld {
        dest: &'a str,
        names: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        most: Option<u64>,
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
        #[serde(skip_serializing_if = "is_zero")]
        earlier: u64,
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
    Run(&'a RunAccount),
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
        tried: &'a [CandidateAccount],
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
pub(super) struct Thought<'a> {
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
    fn of(candidate: &'a CandidateAccount) -> Self {
        Self {
            rung: &candidate.rung,
            relay: candidate.relay.as_deref(),
            commands: candidate.how.as_deref(),
            tls: candidate.tls.as_deref(),
            hindrance: candidate.why.as_deref(),
            memory: candidate.memory.as_deref(),
        }
    }
}

/// What has passed a relay.
#[derive(Serialize)]
pub(super) struct Passed<'a> {
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
    pub(super) fn of(event: &'a Event, shown: Option<&Shown>, exits: Exits) -> Option<Self> {
        Some(match event {
            Event::Plan { verb, source, dest, size, verify, dry_run: _ } => {
                Self::Plan { verb, source, dest, bytes: *size, verify: verify.name() }
            }
            Event::Path { rung, relay, protection, why, account } => Self::Path {
                path: rung.path(),
                rung: rung.name(),
                protection: protection.name(),
                why,
                relay: relay.as_deref(),
                considered: account.iter().flat_map(|account| &account.tried).map(Thought::of).collect(),
            },
            Event::Progress(Progress { source, bytes, total, .. }) => {
                Self::Progress { source, bytes: *bytes, total: *total, job: shown.map(Job::of) }
            }
            Event::File(outcome) => Self::file(outcome, exits),
            Event::Jobs { number, reason, why } => Self::Jobs { number: *number, reason, why },
            Event::Failed(FailedItem { source, dest, failure }) => Self::failed(source, dest, failure, exits),
            Event::Withheld(withheld) => Self::withheld(withheld, exits.partly),
            Event::Warning { message } | Event::Notice { message } => Self::told(message),
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
            | Event::Arrived { .. }
            | Event::Together { .. }
            | Event::OneJob { .. }
            | Event::Heading { .. }
            | Event::Receipts(_)
            | Event::Causes(_)
            | Event::Dialogue { .. } => return None,
        })
    }

    fn file(FileOutcome { source, dest, copy }: &'a FileOutcome, exits: Exits) -> Self {
        let copy = match copy {
            Ok(copy) => copy,
            Err(failure) => return Self::failed(source, dest, failure, exits),
        };
        if let FileEnd::Detached { route, job } = copy.end {
            let (path, rung, job) = (route.path(), route.name(), job.to_string());
            return Self::Detached { source, dest, bytes: copy.size, path, rung, job };
        }
        let route = copy.route();
        Self::File {
            source,
            dest,
            bytes: if route.is_some() { copy.size } else { Some(0) },
            path: route.map(Rung::path),
            rung: route.map(Rung::name),
            verified: copy.verified.name(),
            attempts: copy.attempts,
            skipped: route.is_none(),
            earlier: copy.verified_earlier().map(Verified::name),
            relay: copy.relayed.as_ref().map(Passed::of),
            before: copy.bytes_before(),
            changed_parts: copy.changed_parts,
        }
    }

    fn failed(source: &'a str, dest: &'a str, failure: &Failure, exits: Exits) -> Self {
        let (exit, cause) = ((exits.of_kind)(failure.kind), failure.kind.heading());
        Self::Failed { source, dest, exit, cause, message: failure.to_string() }
    }

    fn told(message: &'a str) -> Self {
        Self::warning(message.into(), None, None)
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
            earlier: summary.earlier,
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

    fn survey(survey: &'a PairAccount) -> Self {
        let best = survey.best();
        Self::Probe {
            source: &survey.source,
            dest: &survey.destination,
            ok: best.is_some(),
            path: best.map(|tried| tried.path.as_str()),
            rung: best.map(|tried| tried.rung.as_str()),
            tried: survey.races.first().map_or(&[], |race| &race.tried),
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
