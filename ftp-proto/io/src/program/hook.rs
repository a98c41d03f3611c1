//! A hook: a program of the operator, which runs after something has happened, without a shell and for a bounded time. What it has to
//! know is in its environment and on its standard input.

use std::ffi::OsString;
use std::future::pending;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::os_error::words;

/// A program that runs after something has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// The program, absolute.
    pub program: OsString,
    /// Its arguments, as they are: nothing is replaced in them.
    pub arguments: Vec<OsString>,
    /// How long it may run.
    pub time: Duration,
}

/// Why a hook has not done its work. The text is for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HookFailure {
    /// The program could not be started.
    #[error("{program:?} cannot be started: {why}")]
    NotStarted {
        /// The absolute path of the program.
        program: OsString,
        /// What the system says.
        why: String,
    },
    /// It was ended after its time.
    #[error("it was ended after {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// It has said that it failed.
    #[error("{status}: {said:?}")]
    Failed {
        /// How it has ended.
        status: String,
        /// The beginning of what it has written to standard error.
        said: String,
    },
}

/// Ends the program and everything that it has started, on drop, unless the program has exited.
struct ProcessGroup(Option<Pid>);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // If all of them have ended already, nothing is left to do.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Hook {
    fn not_started(&self, error: &io::Error) -> HookFailure {
        HookFailure::NotStarted { program: self.program.clone(), why: words(error) }
    }

    /// Runs the program with this environment, and nothing else of this process but `PATH`. `input` is what it can read on its
    /// standard input. It need not read it.
    ///
    /// # Errors
    ///
    /// It has not done its work.
    pub async fn run(
        &self,
        environment: Vec<(&'static str, OsString)>,
        input: &[u8],
    ) -> Result<(), HookFailure> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(environment);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.current_dir("/").process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| self.not_started(&error))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut group = ProcessGroup(pid);
        let (mut stdin, mut stderr) = (child.stdin.take(), child.stderr.take());
        let mut said = Vec::new();
        let ended = timeout(self.time, async {
            tokio::select! {
                biased;
                ended = child.wait() => ended,
                never = listen_for_ever(&mut stderr, &mut said) => never,
                never = tell_for_ever(&mut stdin, input) => never,
            }
        });
        let ended = ended.await.map_err(|_| HookFailure::TimedOut(self.time))?;
        // Background children are not waited for.
        group.0 = None;
        let status = ended.map_err(|error| self.not_started(&error))?;
        if status.success() {
            return Ok(());
        }
        let _ = timeout(STDERR_TIMEOUT, listen(&mut stderr, &mut said)).await;
        let said = String::from_utf8_lossy(&said).trim_end().to_owned();
        Err(HookFailure::Failed { status: status.to_string(), said })
    }
}

/// Keeps the beginning of what is written there, until the other end is closed.
async fn listen(from: &mut Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) -> io::Result<()> {
    let Some(from) = from else { return Ok(()) };
    let mut piece = [0; MAX_SAID];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        let room = MAX_SAID.saturating_sub(said.len());
        said.extend(piece.iter().take(count.min(room)));
    }
}

/// The same, without an end.
async fn listen_for_ever<T>(from: &mut Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) -> T {
    let _ = listen(from, said).await;
    pending().await
}

/// Writes `input` and closes the pipe, without an end. A program that has closed it does not want the rest.
async fn tell_for_ever<T>(to: &mut Option<impl AsyncWrite + Unpin>, input: &[u8]) -> T {
    if let Some(mut to) = to.take() {
        let _ = to.write_all(input).await;
    }
    pending().await
}

/// Bytes of standard error that are logged.
const MAX_SAID: usize = 512;
/// How long the last words of a program that has ended may take to arrive.
const STDERR_TIMEOUT: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, time: Duration) -> Hook {
        Hook { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()], time }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn it_gets_its_environment_and_nothing_else_of_the_server() {
        let place = tempfile::tempdir().unwrap();
        let seen = place.path().join("seen");
        let script = format!("env > {}; pwd >> {}", seen.display(), seen.display());
        let environment = vec![("FTP_PATH", OsString::from("/a b;$(x)\n"))];
        shell(&script, LONG).run(environment, b"").await.unwrap();
        let seen = std::fs::read_to_string(seen).unwrap();
        assert!(seen.contains("FTP_PATH=/a b;$(x)\n") && seen.ends_with("\n/\n"), "{seen}");
        assert!(!seen.contains("CARGO") && !seen.contains("HOME="), "{seen}");
    }

    #[tokio::test]
    async fn it_reads_its_input_or_not() {
        let large = vec![b'x'; 1 << 20];
        let count = shell("test $(wc -c) = 1048576", LONG);
        count.run(Vec::new(), &large).await.unwrap();
        for ignores in ["exit 0", "exec <&-; sleep 0.1", "head -c 5 > /dev/null"] {
            shell(ignores, LONG).run(Vec::new(), &large).await.unwrap();
        }
    }

    #[tokio::test]
    async fn failures_say_why() {
        let failed = shell("echo no room >&2; exit 3", LONG).run(Vec::new(), b"").await.unwrap_err();
        assert_eq!(failed.to_string(), "exit status: 3: \"no room\"");
        let endless = "i=0; while [ $i -lt 9999 ]; do echo 0123456789 >&2; i=$((i+1)); done; exit 1";
        let failed = shell(endless, LONG).run(Vec::new(), b"").await.unwrap_err();
        assert!(matches!(failed, HookFailure::Failed { said, .. } if said.len() <= MAX_SAID));
        let none = Hook { program: "/no/such/program".into(), ..shell("", LONG) };
        assert!(matches!(none.run(Vec::new(), b"").await, Err(HookFailure::NotStarted { .. })));
    }

    #[tokio::test]
    async fn it_is_ended_after_its_time_with_everything_that_it_has_started() {
        let place = tempfile::tempdir().unwrap();
        let number = place.path().join("number");
        let time = Duration::from_secs(2);
        let hook = shell(&format!("sleep 600 & echo $! > {}; wait", number.display()), time);
        assert_eq!(hook.run(Vec::new(), b"").await, Err(HookFailure::TimedOut(time)));
        let number = std::fs::read_to_string(number).unwrap();
        let status = format!("/proc/{}/stat", number.trim());
        // It has ended, and its status may not have been read yet.
        let is_gone = || std::fs::read_to_string(&status).map_or(true, |stat| stat.contains(") Z "));
        assert!((0..1_000_000).any(|_| is_gone()), "it still runs");
    }
}
