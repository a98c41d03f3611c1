//! One job of the queue is carried: as `resume` and `cancel` would, with nobody at the terminal.

use super::super::asked::{AskedJob, JobPurpose, Start};
use super::super::exit::number;
use super::super::{General, ShellSession, program};
use crate::context::Cancel;
use crate::failure::Kind;
use crate::job::Status;
use crate::journal::JobRecord;
use crate::queue::Wish;
use crate::report::KeptOutput;
use ftp_io::lock::Lock;
use serde_json::Value;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// How a run of a job has ended.
#[derive(Clone, Debug)]
pub(super) struct RunResult {
    /// Its exit status.
    pub(super) exit: u8,
    /// The first thing that has failed.
    pub(super) cause: Option<String>,
    /// Whether it was a run that gives the job up.
    pub(super) was_cancel: bool,
}

/// Carries a job until it ends, or until `cancel` stops it.
pub(super) async fn carry(general: General, record: JobRecord, cancel: Cancel) -> RunResult {
    let wish = record.queued.as_ref().map(|entry| entry.wish).unwrap_or_default();
    let (verb, purpose) = match wish {
        Wish::Run | Wish::Pause => ("resume", JobPurpose::Run),
        Wish::Cancel => ("cancel", JobPurpose::GiveUp),
    };
    let said = SaidLines::default();
    let unattended = Some(KeptOutput::new(said.clone()));
    let hands = ShellSession { cancel: Some(cancel), unattended, ..ShellSession::default() };
    let general = General { json: true, verbose: false, quiet: false, hands, ..general };
    // The settings are those of the daemon: what is wrong with them is no fault of the job.
    let settings = program::settings(general.job.config.as_deref());
    let (exit, cause) = match settings.map(|_| general.command(verb, &record)) {
        Err(failure) => (number(Status::Failed(Kind::Temporary)), Some(failure.to_string())),
        Ok(Ok(command)) => {
            let asked = Start::Kept(AskedJob::again(&record, purpose));
            (number(Box::pin(command.perform(asked)).await), said.failure())
        }
        Ok(Err(failure)) => (number(Status::Failed(failure.kind)), Some(failure.to_string())),
    };
    RunResult { exit, cause, was_cancel: wish == Wish::Cancel }
}

/// What a job says, line by line. Only the first failure is kept. Clones share it.
#[derive(Clone, Debug, Default)]
struct SaidLines(Arc<Mutex<FirstFailure>>);

/// The first failure of what was said so far.
#[derive(Debug, Default)]
struct FirstFailure {
    /// The beginning of a line.
    begun: Vec<u8>,
    found: Option<String>,
}

impl SaidLines {
    /// The first failure.
    fn failure(&self) -> Option<String> {
        self.0.locked().found.clone()
    }
}

impl FirstFailure {
    fn read_line(&mut self) {
        if self.found.is_none()
            && let Ok(Value::Object(line)) = serde_json::from_slice(&self.begun)
            && line.get("event").and_then(Value::as_str) == Some("failed")
        {
            let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
            let (source, message) = (text("source"), text("message"));
            self.found = Some(match message.contains(source) {
                true => message.to_owned(),
                false => format!("{source}: {message}"),
            });
        }
        self.begun.clear();
    }
}

impl Write for SaidLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut said = self.0.locked();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if said.begun.len() + piece.len() <= LONGEST_LINE {
                said.begun.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                said.read_line();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Longer lines are not read.
const LONGEST_LINE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_kept_whatever_pieces_its_line_comes_in() {
        let mut said = SaidLines::default();
        for piece in [
            "{\"event\":\"file\",\"message\":\"x\"}\n{\"eve",
            "nt\":\"failed\",\"source\":\"a\",\"message\":\"no\"}\n",
            "{\"event\":\"failed\",\"source\":\"b\",\"message\":\"b: later\"}\nno line",
        ] {
            said.write_all(piece.as_bytes()).unwrap();
        }
        assert_eq!(said.failure().as_deref(), Some("a: no"));
        let mut long = SaidLines::default();
        long.write_all(&vec![b'x'; 2 * LONGEST_LINE]).unwrap();
        assert!(long.0.locked().begun.len() <= LONGEST_LINE);
    }
}
