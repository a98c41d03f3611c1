//! Runs of other people's clients: a directory of their own, an end in any case, all that they said.

use super::Tool;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Where a client runs: its home and current directory, without anybody's configuration.
#[derive(Debug)]
pub struct Desk {
    home: TempDir,
    /// After how many seconds a client is ended.
    patience: u64,
}

impl Desk {
    /// An empty one.
    pub fn new() -> Self {
        Self { home: tempfile::Builder::new().prefix("ftp-client-").tempdir().unwrap(), patience: 120 }
    }

    /// The same for clients that need longer than two minutes.
    #[must_use]
    pub fn with_patience(self, seconds: u64) -> Self {
        Self { patience: seconds, ..self }
    }

    /// Puts a file on it.
    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// A file of it.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The path of a file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs a client to its end, which must be a good one; what it said on standard output.
    pub fn run(&self, tool: &Tool, args: &[&str]) -> String {
        self.run_with(tool, args, "")
    }

    /// The same with commands on its standard input.
    pub fn run_with(&self, tool: &Tool, args: &[&str], input: &str) -> String {
        let ClientRun { code, stdout, stderr } = self.try_run(tool, args, input);
        assert_eq!(code, Some(0), "{} {args:?}\n{stdout}\n{stderr}", tool.program().display());
        stdout
    }

    /// Runs a client to its end, good or bad. One that hangs is ended.
    pub fn try_run(&self, tool: &Tool, args: &[&str], input: &str) -> ClientRun {
        let mut command = Command::new("timeout");
        command
            .args(["-k", "5", &self.patience.to_string()])
            .arg(tool.program())
            .args(args)
            .envs(tool.environment());
        command.env("HOME", self.home.path()).env("LC_ALL", "C.UTF-8").env_remove("XDG_CONFIG_HOME");
        command.current_dir(self.home.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A client that has ended reads nothing more.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        ClientRun { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// What came of a run of a client.
#[derive(Debug)]
pub struct ClientRun {
    /// Its exit code; `None` if a signal has ended it.
    pub code: Option<i32>,
    /// What it said on standard output.
    pub stdout: String,
    /// What it said on standard error.
    pub stderr: String,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}
