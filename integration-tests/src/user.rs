//! One run of ftp-user.

use crate::binary::{Program, Running};
use crate::site::{PASSWORD, USER};
use crate::skip::say_skipped;
use rustix::process::Signal;
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use tempfile::TempDir;

/// What a run will be.
#[derive(Debug)]
pub struct User {
    command: Command,
    home: TempDir,
}

/// Whether the programs that this process starts ignore SIGHUP, as all do below nohup(1). Says so if they do: the test is
/// skipped or tests less.
pub fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let ignored = mask.is_some_and(|mask| mask & 1 == 1);
    if ignored {
        say_skipped("SIGHUP is ignored here (nohup)");
    }
    ignored
}

/// A run without a configuration, a home or a terminal.
pub fn user() -> User {
    user_at(&Program::User.path())
}

/// A copy with these options whose candidates do not race, from one place to another one.
pub fn copies(options: &[&str], places: [String; 2]) -> User {
    user().args(["copy", "--no-race"]).args(options).args(places)
}

/// A run with a state directory, and with the logins of [`Site`](crate::site::Site)s at 127.0.0.2 and 127.0.0.3, so that a job goes
/// on without its URLs.
pub fn job(state: &Path) -> User {
    user().logins(["127.0.0.2", "127.0.0.3"]).args(["--json", "--state", state.to_str().unwrap()])
}

/// The same as [`user`], with another build of the program.
pub fn user_at(program: &Path) -> User {
    let home = tempfile::Builder::new().prefix("ftp-user-home-").tempdir().unwrap();
    let mut command = Program::User.command_at(program);
    command.env("HOME", home.path()).current_dir(home.path());
    User { command, home }
}

impl User {
    /// With more arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// With a relay or a hub, and the file of its token.
    pub fn relay(self, address: impl Display, token_file: &Path) -> Self {
        self.args(["--relay", &address.to_string(), "--relay-token-file", token_file.to_str().unwrap()])
    }

    /// With a variable of its environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Its current directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// With a file in its current directory that only its user may read.
    pub fn private_file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let user = self.file(name, bytes);
        std::fs::set_permissions(user.home.path().join(name), Permissions::from_mode(0o600)).unwrap();
        user
    }

    /// With one more login in its `.netrc`.
    pub fn login(self, host: impl Display, name: &str, password: &str) -> Self {
        let known = std::fs::read_to_string(self.home.path().join(".netrc")).unwrap_or_default();
        self.private_file(".netrc", format!("{known}machine {host} login {name} password {password}\n"))
    }

    /// With the logins of [`Site`](crate::site::Site)s at these addresses.
    pub fn logins(self, hosts: impl IntoIterator<Item: Display>) -> Self {
        hosts.into_iter().fold(self, |user, host| user.login(host, USER, PASSWORD))
    }

    /// With a file in its current directory.
    pub fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.home.path().join(name), bytes).unwrap();
        self
    }

    /// In another current directory.
    pub fn here(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Starts it and returns at once.
    pub fn start(self) -> Started {
        let shown = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        Started { shown, running: Running::start("ftp-user", self.command), home: self.home }
    }

    /// Runs it to its end.
    pub fn run(self) -> Run {
        self.start().end()
    }
}

/// A run under way.
#[derive(Debug)]
pub struct Started {
    shown: String,
    home: TempDir,
    /// The process that runs.
    pub running: Running,
}

impl Started {
    /// Interrupts it as Ctrl-C does.
    pub fn interrupt(&self) {
        self.running.signal(Signal::INT);
    }

    /// Its current directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !self.running.is_there()
    }

    /// Waits until it has said these words.
    pub fn wait_for(&self, words: &str) {
        self.running.logs(words);
    }

    /// Waits until it has said these words so many times.
    pub fn wait_for_times(&self, words: &str, times: usize) {
        crate::socket::until(words, || self.running.said().matches(words).count() >= times);
    }

    /// Waits until it has told so many events of this kind, or has ended. Its [`Run`] has no line that was told before.
    pub fn wait_for_events(&mut self, kind: &str, times: usize) {
        let (event, mut told) = (format!("{{\"event\":\"{kind}\""), 0);
        while told < times
            && let Some(line) = self.running.line()
        {
            told += usize::from(line.starts_with(&event));
        }
    }

    /// Ends it as a power failure of its host would.
    pub fn kill(self) -> Run {
        self.end_with(Signal::KILL)
    }

    /// Sends a signal, and waits for the end.
    pub fn end_with(self, signal: Signal) -> Run {
        self.running.signal(signal);
        self.end()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Run {
        let mut stdout = Vec::new();
        while let Some(line) = self.running.line() {
            stdout.push(line);
        }
        let status = self.running.wait();
        let said = self.running.said();
        for line in said.lines().filter(|line| line.starts_with("ftp-user: ")) {
            let length = length(line);
            assert!(length <= 240, "{length} characters beside names and options: {line}\n{said}");
        }
        Run { shown: self.shown, status, stdout, said, home: self.home }
    }
}

/// The length of a message without what is quoted, names, places, numbers and options.
fn length(line: &str) -> usize {
    let plain: String = line.split('"').step_by(2).collect();
    let is_name = |word: &&str| {
        let word = word.trim_end_matches(|letter: char| letter.is_ascii_punctuation());
        word.contains(|letter: char| letter.is_ascii_digit() || "/:.@=".contains(letter))
            || word.starts_with("--")
    };
    plain.split_whitespace().filter(|word| !is_name(word)).map(|word| word.len() + 1).sum()
}

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    shown: String,
    status: ExitStatus,
    /// The lines of its standard output.
    pub stdout: Vec<String>,
    /// Standard output and standard error.
    pub said: String,
    home: TempDir,
}

impl Run {
    /// Its exit code.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Its current directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// It has ended with this exit code (cli.md).
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// Its exit code says that it failed.
    pub fn fails(self) -> Self {
        assert!(self.status.code().is_some_and(|code| code != 0), "{self}");
        self
    }

    /// Some line says this, on either output, in any case.
    pub fn says(self, words: &str) -> Self {
        assert!(self.said.to_lowercase().contains(&words.to_lowercase()), "not said: {words:?}\n{self}");
        self
    }

    /// No line says this.
    pub fn never_says(self, words: &str) -> Self {
        assert!(!self.said.contains(words), "said: {words:?}\n{self}");
        self
    }

    /// The last line for people.
    pub fn last(&self) -> &str {
        self.stdout.last().unwrap_or_else(|| panic!("nothing said\n{self}"))
    }

    /// The events of `--json` of one kind.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.stdout
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{self}")))
            .filter(|event: &Value| event["event"] == kind)
            .collect()
    }

    /// The warnings of `--json`, but not that a server offers no TLS or sets no times.
    pub fn warnings(&self) -> Vec<String> {
        let warnings = self.events("warning");
        let texts = warnings.iter().map(|event| event["message"].as_str().unwrap_or_default().to_owned());
        texts.filter(|text| !text.contains("offers no TLS") && !text.contains("times are not kept")).collect()
    }

    /// The last event of `--json`.
    pub fn summary(&self) -> Value {
        let summary = self.events("summary").pop().unwrap_or_else(|| panic!("no summary\n{self}"));
        assert_eq!(serde_json::from_str::<Value>(self.last()).ok(), Some(summary.clone()), "{self}");
        summary
    }

    /// All names in its current directory, without what it keeps from run to run.
    pub fn names(&self) -> Vec<String> {
        let mut names = crate::site::names_below(self.home.path());
        names.retain(|name| !name.starts_with(".local/"));
        names
    }

    /// The text of a file of its current directory.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    /// A file of its current directory.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.home.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}\n{self}"))
    }
}

impl Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ftp-user {} ended with {}\n{}", self.shown, self.status, self.said)
    }
}
