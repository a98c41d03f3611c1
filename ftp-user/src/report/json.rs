//! One JSON object per line: the keys, their order and the values are an outside contract.

use super::change::{kind_name, moment};
use super::event::{Event, FileProgress, ForgottenSite, ListedEntry, WithheldDeletions};
use super::progress::{JobProgress, LastFile};
use super::{Exits, jobs, receipt};
use crate::account::{CandidateAccount, PairAccount};
use crate::failure::Failure;
use crate::ladder::Rung;
use crate::outcome::{FailedItem, FileEnd, FileOutcome};
use ftp_proto::listing::{Entry, Kind};
use serde::{Serialize, Serializer};
use std::io;

/// The line of `event` without its end, if it has one.
pub(super) fn text(event: &Event, job: Option<&JobProgress>, exits: Exits) -> io::Result<Option<String>> {
    line(event, job, exits).map(JsonLine::text).transpose()
}

/// The line that says how far the job is, without its end.
pub(super) fn progress_text(file: &LastFile, job: &JobProgress) -> io::Result<String> {
    progress(&file.source, file.bytes, file.total, Some(job)).text()
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

/// A line: one object, its members in the order of the contract; what is not in the contract comes last.
#[derive(Debug)]
pub(super) struct JsonLine(serde_json::Result<Vec<u8>>);

impl JsonLine {
    /// The line of an event with that name.
    pub(super) fn of(event: &str) -> Self {
        let mut text = Vec::with_capacity(USUAL_LENGTH);
        for piece in ["{\"event\":\"", event, "\""] {
            text.extend_from_slice(piece.as_bytes());
        }
        Self(Ok(text))
    }

    /// With a member, which is `null` if its value is not known.
    pub(super) fn with(self, key: &str, value: impl Serialize) -> Self {
        Self(self.0.and_then(|mut text| {
            // The line has room: a member allocates nothing.
            for piece in [",\"", key, "\":"] {
                text.extend_from_slice(piece.as_bytes());
            }
            serde_json::to_writer(&mut text, &value)?;
            Ok(text)
        }))
    }

    /// With a member, if its value is known.
    pub(super) fn with_known(self, key: &str, value: Option<impl Serialize>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// With all members of a value, if it has any.
    fn with_all(self, members: impl Serialize) -> Self {
        Self(self.0.and_then(|mut text| {
            let members = serde_json::to_vec(&members)?;
            let inner = members.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
            if let Some(inner) = inner.filter(|inner| !inner.is_empty()) {
                text.push(b',');
                text.extend_from_slice(inner);
            }
            Ok(text)
        }))
    }

    /// With the two names of a route.
    pub(super) fn with_route(self, route: Option<Rung>) -> Self {
        self.with("path", route.map(Rung::path)).with("rung", route.map(Rung::name))
    }

    /// The object on one line.
    pub(super) fn text(self) -> io::Result<String> {
        let mut text = self.0?;
        text.push(b'}');
        String::from_utf8(text).map_err(io::Error::other)
    }
}

/// Room for most lines, in bytes.
const USUAL_LENGTH: usize = 320;

impl Event {
    /// Whether its line is a `warning`.
    pub const fn is_warning(&self) -> bool {
        matches!(self, Self::Warning { .. } | Self::Notice { .. } | Self::Repeated { .. } | Self::LeftOut(_))
    }
}

/// The line of an event, if it has one. `shown` is how far the job is now, if that has changed.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other event has a line")]
fn line(event: &Event, shown: Option<&JobProgress>, exits: Exits) -> Option<JsonLine> {
    Some(match event {
        Event::Plan { verb, source, dest, size, verify, dry_run: _ } => JsonLine::of("plan")
            .with("verb", verb)
            .with("source", source)
            .with("dest", dest)
            .with("bytes", size)
            .with("verify", verify),
        Event::Path { route, relay, protection, why, account } => {
            let considered = account.as_ref().map(|account| &account.tried);
            let considered = considered.filter(|tried| !tried.is_empty());
            JsonLine::of("path")
                .with_route(Some(*route))
                .with("protection", protection)
                .with("why", why)
                .with_known("relay", relay.as_ref())
                .with_known(
                    "considered",
                    considered.map(|tried| tried.iter().map(ConsideredCandidate::of).collect::<Vec<_>>()),
                )
        }
        Event::Progress(FileProgress { source, bytes, total, .. }) => progress(source, *bytes, *total, shown),
        Event::File(outcome) => file(outcome, exits),
        Event::Jobs { number, reason, why } => {
            JsonLine::of("jobs").with("number", number).with("reason", reason).with("why", why)
        }
        Event::Failed(FailedItem { source, dest, failure }) => failed(source, dest, failure, exits),
        Event::Withheld(WithheldDeletions { dest, names, most, message }) => JsonLine::of("withheld")
            .with("dest", dest)
            .with("names", names)
            .with_known("most", *most)
            .with("exit", exits.partly)
            .with("message", message),
        Event::Warning { message } | Event::Notice { message } => warning(message),
        Event::Repeated { topic, site, message, .. } => {
            warning(message).with("topic", topic.name()).with("site", site)
        }
        Event::LeftOut(left_out) => warning(&left_out.words()).with("topic", "unread"),
        Event::Summary(summary) => JsonLine::of("summary").with("ok", summary.is_ok()).with_all(summary),
        Event::Listed(listed) => entry(listed),
        Event::Drawn(drawn) => entry(drawn.listed.as_ref()?),
        Event::Changed(change) => JsonLine::of(if change.dry_run { "plan" } else { "done" }).with_all(change),
        Event::Hashed(hashed) => hashed.line(),
        Event::Ended(ended) => JsonLine::of("summary").with_all(ended),
        Event::Past(run) => JsonLine::of("run").with_all(run),
        Event::Surveyed(survey) => probe(survey),
        Event::Job(record) | Event::JobRow(record) | Event::AlreadyDone(record) => jobs::job_line(record),
        Event::Series(record) => jobs::series_line(record),
        Event::Token(token) => jobs::token_line(token),
        Event::Receipt(job, item, dest) => receipt::line(*job, item, dest.as_deref()),
        Event::Forgotten(ForgottenSite { site, known }) => {
            let facts = known.unwrap_or_default();
            JsonLine::of("forgotten")
                .with("site", site)
                .with("known", known.is_some())
                .with("tls", facts.offers_tls)
                .with_known("certificate", facts.certificate.map(|certificate| certificate.to_string()))
        }
        Event::Site(site) => JsonLine::of("site").with_all(site),
        Event::Checked(found) => JsonLine::of("check").with_all(found),
        _ => return None,
    })
}

fn warning(message: &str) -> JsonLine {
    JsonLine::of("warning").with("message", message)
}

/// How far a file is, and how far the job is now, if that has changed.
fn progress(source: &str, bytes: u64, total: Option<u64>, job: Option<&JobProgress>) -> JsonLine {
    let line = JsonLine::of("progress").with("source", source).with("bytes", bytes).with("total", total);
    let Some(job) = job else { return line };
    line.with("files", job.files)
        .with("of", job.of)
        .with("more", job.more)
        .with("job_bytes", job.bytes)
        .with("job_total", job.total)
        .with("rate", job.rate.map(|rate| rate as u64))
        .with("remaining", job.remaining.map(|time| time.as_secs()))
}

fn file(FileOutcome { source, dest, copy }: &FileOutcome, exits: Exits) -> JsonLine {
    let copy = match copy {
        Ok(copy) => copy,
        Err(failure) => return failed(source, dest, failure, exits),
    };
    let ends = |event| JsonLine::of(event).with("source", source).with("dest", dest);
    if let FileEnd::Detached { route, job } = copy.end {
        let detached = ends("detached").with("bytes", copy.size).with_route(Some(route));
        return detached.with("job", job.to_string());
    }
    let route = copy.route();
    ends("file")
        .with("bytes", if route.is_some() { copy.size } else { Some(0) })
        .with_route(route)
        .with("verified", copy.verified)
        .with("attempts", copy.attempts)
        .with("skipped", route.is_none())
        .with_known("earlier", copy.verified_earlier())
        .with_all(copy.relayed.as_ref())
        .with_known("before", Some(copy.bytes_before()).filter(|bytes| *bytes > 0))
        .with_known("changed_parts", copy.changed_parts)
        .with_known("streams", copy.streams)
}

fn failed(source: &str, dest: &str, failure: &Failure, exits: Exits) -> JsonLine {
    JsonLine::of("failed")
        .with("source", source)
        .with("dest", dest)
        .with("exit", (exits.of_kind)(failure.kind))
        .with("cause", failure.kind.heading())
        .with("message", failure.to_string())
}

fn probe(survey: &PairAccount) -> JsonLine {
    let best = survey.best();
    JsonLine::of("probe")
        .with("source", &survey.source)
        .with("dest", &survey.destination)
        .with("ok", best.is_some())
        .with("path", best.map(|tried| &tried.path))
        .with("rung", best.map(|tried| &tried.rung))
        .with("tried", survey.races.first().map_or(&[][..], |race| race.tried.as_slice()))
}

fn entry(listed: &ListedEntry) -> JsonLine {
    let Entry { name, kind, size, modified, precision, mode, perm, unique, .. } = &listed.entry;
    JsonLine::of("entry")
        .with("place", &listed.place)
        .with("name", name.display())
        .with("type", kind_name(*kind))
        .with("size", size)
        .with("modified", modified.map(|at| moment(at, *precision)))
        .with("mode", mode.map(|mode| format!("{mode:04o}")))
        .with("perm", perm)
        .with("unique", unique)
}

/// A candidate that was considered.
#[derive(Serialize)]
struct ConsideredCandidate<'a> {
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

impl<'a> ConsideredCandidate<'a> {
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

#[cfg(test)]
mod tests;
