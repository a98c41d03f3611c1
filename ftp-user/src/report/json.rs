//! One JSON object per line: the keys, their order and the values are an outside contract.

use super::Exits;
use super::change::{Change, Ended, HashLine};
use super::event::{Event, Forgotten, Listed, Progress, Summary, Withheld};
use super::listed::{kind_name, moment};
use super::progress::Shown;
use super::receipt::JobLine;
use super::receipt::ReceiptLine;
use super::setup::{Checked, SiteShown};
use crate::account::{CandidateAccount, PairAccount, RunAccount};
use crate::failure::Failure;
use crate::ladder::Rung;
use crate::outcome::{FailedItem, FileEnd, FileOutcome, Protection, Relayed, Verified};
use ftp_proto::listing::{Entry, Kind};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::io::{self, Write};

/// Tells events to a program.
#[derive(Debug)]
pub(super) struct Json {
    exits: Exits,
    /// The file of which was spoken last.
    last: Option<ReportedProgress>,
}

/// How far a file is.
#[derive(Debug)]
struct ReportedProgress {
    source: String,
    bytes: u64,
    total: Option<u64>,
}

impl Json {
    pub(super) const fn new(exits: Exits) -> Self {
        Self { exits, last: None }
    }

    /// Writes the line of `event`, if it has one. `shown` is how far the job is now, if that has changed.
    pub(super) fn tell(
        &mut self,
        event: &Event,
        shown: Option<&Shown>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        self.note(event);
        match Line::of(event, shown, self.exits) {
            Some(line) => write(&line, out),
            None => Ok(()),
        }
    }

    /// Writes how far the job is, beside the file of which was spoken last.
    pub(super) fn progress(&self, shown: &Shown, out: &mut impl Write) -> io::Result<()> {
        let Some(ReportedProgress { source, bytes, total }) = &self.last else { return Ok(()) };
        let job = Some(shown);
        write(&Line::Progress { source, bytes: *bytes, total: *total, job }, out)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is about a file under way")]
    fn note(&mut self, event: &Event) {
        let (source, bytes, total) = match event {
            Event::Plan { source, size, dry_run: false, .. } => (source, 0, *size),
            Event::Progress(progress) => (&progress.source, progress.bytes, progress.total),
            Event::Arrived { source, size, .. } => (source, *size, Some(*size)),
            Event::File(outcome) => match &outcome.copy {
                Ok(copy) if !copy.is_detached() => (&outcome.source, copy.size.unwrap_or(0), copy.size),
                Ok(_) | Err(_) => return,
            },
            _ => return,
        };
        match &mut self.last {
            Some(last) => {
                last.source.clone_from(source);
                (last.bytes, last.total) = (bytes, total);
            }
            None => self.last = Some(ReportedProgress { source: source.clone(), bytes, total }),
        }
    }
}

/// The members `path` and `rung` of a route.
pub(super) fn path_and_rung<S: Serializer>(route: &Option<Rung>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("path", route.map(Rung::path)), ("rung", route.map(Rung::name))])
}

/// Seconds with three decimals.
pub(super) fn seconds<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((seconds * 1000.0).round() / 1000.0)
}

/// The kind of an entry, in one word.
pub(super) fn kind<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind_name(*kind))
}

pub(super) const fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// One write per line.
fn write(line: &Line<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    out.write_all(&text)?;
    out.flush()
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
        verify: Verified,
    },
    Path {
        #[serde(flatten, serialize_with = "path_and_rung")]
        route: Option<Rung>,
        protection: Protection,
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
        job: Option<&'a Shown>,
    },
    File {
        source: &'a str,
        dest: &'a str,
        bytes: Option<u64>,
        #[serde(flatten, serialize_with = "path_and_rung")]
        route: Option<Rung>,
        verified: Verified,
        attempts: u32,
        skipped: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        earlier: Option<Verified>,
        #[serde(flatten)]
        relay: Option<&'a Relayed>,
        #[serde(skip_serializing_if = "is_zero")]
        before: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        changed_parts: Option<u64>,
    },
    Detached {
        source: &'a str,
        dest: &'a str,
        bytes: Option<u64>,
        #[serde(flatten, serialize_with = "path_and_rung")]
        route: Option<Rung>,
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
    Summary(&'a Summary),
    Run(&'a RunAccount),
    Job(JobLine<'a>),
    Receipt(ReceiptLine<'a>),
    Site(&'a SiteShown),
    Check(&'a Checked),
    Probe {
        source: &'a str,
        dest: &'a str,
        ok: bool,
        path: Option<&'a str>,
        rung: Option<&'a str>,
        tried: &'a [CandidateAccount],
    },
    #[serde(rename = "plan")]
    Planned(&'a Change),
    Done(&'a Change),
    Hash(HashLine<'a>),
    #[serde(rename = "summary")]
    Ended(&'a Ended),
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

impl<'a> Line<'a> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event has a line")]
    pub(super) fn of(event: &'a Event, shown: Option<&'a Shown>, exits: Exits) -> Option<Self> {
        Some(match event {
            Event::Plan { verb, source, dest, size, verify, dry_run: _ } => {
                Self::Plan { verb, source, dest, bytes: *size, verify: *verify }
            }
            Event::Path { rung, relay, protection, why, account } => Self::Path {
                route: Some(*rung),
                protection: *protection,
                why,
                relay: relay.as_deref(),
                considered: account.iter().flat_map(|account| &account.tried).map(Thought::of).collect(),
            },
            Event::Progress(Progress { source, bytes, total, .. }) => {
                Self::Progress { source, bytes: *bytes, total: *total, job: shown }
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
            Event::Summary(summary) => Self::Summary(summary),
            Event::Listed(listed) => Self::entry(listed),
            Event::Drawn(drawn) => Self::entry(drawn.listed.as_ref()?),
            Event::Changed(change) if change.dry_run => Self::Planned(change),
            Event::Changed(change) => Self::Done(change),
            Event::Hashed(hashed) => Self::Hash(HashLine::of(hashed)),
            Event::Ended(ended) => Self::Ended(ended),
            Event::Past(run) => Self::Run(run),
            Event::Surveyed(survey) => Self::survey(survey),
            Event::Job(record) | Event::AlreadyDone(record) => Self::Job(JobLine::of(record)),
            Event::Receipt(job, item, dest) => Self::Receipt(ReceiptLine::of(*job, item, dest.as_deref())),
            Event::Forgotten(forgotten) => Self::forgotten(forgotten),
            Event::Site(site) => Self::Site(site),
            Event::Checked(found) => Self::Check(found),
            _ => return None,
        })
    }

    fn file(FileOutcome { source, dest, copy }: &'a FileOutcome, exits: Exits) -> Self {
        let copy = match copy {
            Ok(copy) => copy,
            Err(failure) => return Self::failed(source, dest, failure, exits),
        };
        if let FileEnd::Detached { route, job } = copy.end {
            let (route, job) = (Some(route), job.to_string());
            return Self::Detached { source, dest, bytes: copy.size, route, job };
        }
        let route = copy.route();
        Self::File {
            source,
            dest,
            bytes: if route.is_some() { copy.size } else { Some(0) },
            route,
            verified: copy.verified,
            attempts: copy.attempts,
            skipped: route.is_none(),
            earlier: copy.verified_earlier(),
            relay: copy.relayed.as_ref(),
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

#[cfg(test)]
mod tests;
