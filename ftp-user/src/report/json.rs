//! One JSON object per line: the keys, their order and the values are an outside contract.

mod line;

use self::line::{Job, Line};
use super::entry::kind_name;
use super::event::Event;
use super::overall::Shown;
use super::style::Exits;
use crate::ladder::Rung;
use ftp_proto::listing::Kind;
use serde::Serializer;
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
        let job = Some(Job::of(shown));
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
pub(super) fn route<S: Serializer>(route: &Option<Rung>, serializer: S) -> Result<S::Ok, S::Error> {
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

#[cfg(test)]
mod tests;
