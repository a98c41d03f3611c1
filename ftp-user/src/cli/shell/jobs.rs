//! Jobs in the background: each is a process of its own, which outlives the directory in which it began and the line that
//! follows it. Their number is bounded, and so is what they say until somebody asks.

use super::super::exit;
use super::super::outputs::complain;
use super::verbs::Row;
use crate::failure::{Failure, Kind, Result};
use crate::job::Status;
use ftp_io::lock::Lock;
use ftp_proto::wire::{counted, show};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::VecDeque;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::sync::watch;

/// The jobs of a shell.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<Job>,
    last: usize,
}

/// A job in the background.
#[derive(Debug)]
pub(super) struct Job {
    /// Its number, as `fg` and `wait` take it.
    pub(super) number: usize,
    /// The line, without secrets.
    pub(super) line: String,
    /// Where the line is in a script: `SCRIPT:NUMBER`.
    at: Option<String>,
    process: Option<Pid>,
    said: Arc<Mutex<JobOutput>>,
    ended: watch::Receiver<Option<Status>>,
}

/// What a job has said, and nobody has read.
#[derive(Debug, Default)]
struct JobOutput {
    bytes: VecDeque<u8>,
    lost: u64,
}

impl Jobs {
    /// Starts a line in the background. `words` are those of the program, verb and all; `line` is how it is shown, and `at`
    /// where it is in a script.
    pub(super) fn start(&mut self, words: &[String], line: String, at: Option<String>) -> Result<&Job> {
        if self.running() >= MOST_JOBS {
            return Err(Failure::new(
                Kind::Refused,
                format!("{MOST_JOBS} jobs run in the background already"),
            )
            .hint("wait for one of them"));
        }
        let failed = |error: io::Error| {
            Failure::new(Kind::Other, format!("cannot start a job in the background: {error}"))
        };
        let (child, reader) = spawn(words).map_err(failed)?;
        let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let said = Arc::new(Mutex::new(JobOutput::default()));
        let (sender, ended) = watch::channel(None);
        let listens = Arc::clone(&said);
        thread::Builder::new()
            .name("ftp-user-job".to_owned())
            .spawn(move || {
                let status = listen(child, reader, &listens);
                let _ = sender.send(Some(status));
            })
            .map_err(failed)?;
        self.last += 1;
        self.jobs.push(Job { number: self.last, line, at, process, said, ended });
        self.jobs.last().ok_or_else(|| failed(io::Error::other("no job")))
    }

    /// The number of those that run.
    pub(super) fn running(&self) -> usize {
        self.jobs.iter().filter(|job| job.status().is_none()).count()
    }

    /// The job of that number, `%1` or `1`; without one, the last.
    pub(super) fn find(&self, called: Option<&str>) -> Result<&Job> {
        let found = match called {
            None => self.jobs.last(),
            Some(called) => {
                let number = called.strip_prefix('%').unwrap_or(called).parse().ok();
                self.jobs.iter().find(|job| Some(job.number) == number)
            }
        };
        found.ok_or_else(|| match called {
            None => Failure::new(Kind::Missing, "no job is in the background"),
            Some(called) => {
                let called: String = called.chars().take(20).collect();
                Failure::new(
                    Kind::Missing,
                    format!("no job in the background is called {}", called.escape_debug()),
                )
                .hint("jobs lists them")
            }
        })
    }

    /// The job that this process is.
    pub(super) fn run_by(&self, process: u32) -> Option<&Job> {
        let process = i32::try_from(process).ok().and_then(Pid::from_raw)?;
        self.jobs.iter().find(|job| job.process == Some(process))
    }

    /// Shows what jobs that have ended have said, and takes them. Their ends are told, but not that of the job `known`.
    /// Returns how the others have ended, together.
    pub(super) fn show_ended(&mut self, known: Option<usize>) -> Status {
        let mut status = Status::Done;
        for job in self.jobs.extract_if(.., |job| job.status().is_some()) {
            job.show_said();
            if known != Some(job.number) {
                status = status.and(job.status().unwrap_or(Status::Done));
                job.tell_end();
            }
        }
        status
    }

    /// Asks all of them to end in order. What they have begun can be resumed.
    pub(super) fn interrupt(&self) {
        self.jobs.iter().for_each(Job::interrupt);
    }
}

impl Job {
    /// How it ended; `None` while it runs.
    pub(super) fn status(&self) -> Option<Status> {
        *self.ended.borrow()
    }

    /// Asks it to end in order.
    pub(super) fn interrupt(&self) {
        if let Some(process) = self.process.filter(|_| self.status().is_none()) {
            let _ = kill_process(process, Signal::TERM);
        }
    }

    /// Returns when it has ended.
    pub(super) fn end(&self) -> impl Future<Output = Status> + use<> {
        let mut ended = self.ended.clone();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(status) => (*status).unwrap_or(Status::Failed(Kind::Other)),
                Err(_) => Status::Failed(Kind::Other),
            }
        }
    }

    /// Shows what it has said since it was asked last.
    pub(super) fn show_said(&self) {
        let JobOutput { bytes, lost } = std::mem::take(&mut *self.said.locked());
        if lost > 0 {
            let lost = counted(lost, "byte");
            complain(format_args!("[{}] {lost} of its output are lost", self.number));
        }
        let mut said = Vec::from(bytes);
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            // The job has written into a pipe, which acts on nothing.
            let lines: Vec<String> = said.split(|byte| *byte == b'\n').map(show).collect();
            said = lines.join("\n").into_bytes();
        }
        let _ = out.write_all(&said).and_then(|()| out.flush());
    }

    /// Says how it ended, and which line of the script has begun it.
    pub(super) fn tell_end(&self) {
        let at = self.at.as_ref().map_or_else(String::new, |at| format!("{at}: "));
        complain(format_args!("{at}{}", self.row().text()));
    }

    pub(super) fn row(&self) -> Row {
        let status = match self.status() {
            None => "runs",
            Some(Status::Done) => "done",
            Some(Status::Partly | Status::Failed(_)) => "failed",
        };
        Row::BackgroundJob { number: self.number, status, line: self.line.clone() }
    }
}

/// Starts this program once more. Its line comes through a pipe, where nobody sees its secrets; both of its outputs go into
/// one. It is in a process group of its own, so Ctrl-C at the terminal is not for it.
fn spawn(words: &[String]) -> io::Result<(Child, io::PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["shell", "--file", "-"]).process_group(0);
    command.stdin(Stdio::piped()).stderr(writer.try_clone()?).stdout(writer);
    let mut child = command.spawn()?;
    drop(command);
    let quoted: Vec<String> = words.iter().map(|word| crate::shell::quoted(word)).collect();
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(format!("{}\n", quoted.join(" ")).as_bytes())?;
    }
    Ok((child, reader))
}

/// Keeps what a job says until it ends.
fn listen(mut child: Child, mut reader: io::PipeReader, said: &Mutex<JobOutput>) -> Status {
    let mut buffer = vec![0; 8192];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => said.locked().add(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    child.wait().map_or(Status::Failed(Kind::Other), ended)
}

fn ended(status: ExitStatus) -> Status {
    let number = status.code().and_then(|code| u8::try_from(code).ok());
    number.map_or(Status::Failed(Kind::Interrupted), exit::of_number)
}

impl JobOutput {
    /// Adds what was said. Beyond the bound, what was said first is lost.
    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let surplus = self.bytes.len().saturating_sub(MOST_SAID);
        self.bytes.drain(..surplus);
        self.lost += surplus as u64;
    }
}

/// The largest number of jobs in the background.
const MOST_JOBS: usize = 8;
/// The largest number of bytes that a job has said and nobody has read.
const MOST_SAID: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_says_is_bounded_and_the_end_of_it_is_kept() {
        let mut said = JobOutput::default();
        said.add(&vec![b'a'; MOST_SAID]);
        assert_eq!(said.lost, 0);
        said.add(b"the end");
        assert_eq!((said.bytes.len(), said.lost), (MOST_SAID, 7));
        assert!(Vec::from(said.bytes).ends_with(b"the end"));
    }
}
