//! Finds the programs under test, starts them, ends them by their id, and shows what they said
//! when a test fails.

use crate::socket::{WATCHDOG, until};
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

/// A program of this suite.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// The server, `ftp-server`.
    Server,
    /// The user agent, `ftp-user`.
    User,
    /// The relay, `ftp-relay-agent`.
    RelayAgent,
}

impl Program {
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "ftp-server",
            Self::User => "ftp-user",
            Self::RelayAgent => "ftp-relay-agent",
        }
    }

    /// The path of the program built from this tree: beside the test binary's own directory, built
    /// once for each run of the tests.
    pub fn path(self) -> PathBuf {
        self.path_in(built())
    }

    /// The path of the program in a directory that holds another build.
    pub fn path_in(self, directory: &Path) -> PathBuf {
        directory.join(format!("{}{}", self.name(), std::env::consts::EXE_SUFFIX))
    }

    /// A command for it, cut off from the person's own configuration.
    pub fn command(self) -> Command {
        self.command_at(&self.path())
    }

    /// The same for another build of it.
    pub fn command_at(self, path: &Path) -> Command {
        let mut command = Command::new(path);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in
            ["FTP_USER_CONFIG", "FTP_USER_STATE", "FTP_USER_PASSWORD", "XDG_CONFIG_HOME", "XDG_STATE_HOME"]
        {
            command.env_remove(name);
        }
        if matches!(self, Self::Server) {
            // Servers of tests share no state directory.
            command.env_remove("HOME").env_remove("STATE_DIRECTORY");
        }
        command
    }
}

/// The directory of the programs. Cargo is asked every time: a stale program would prove nothing.
fn built() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut directory = std::env::current_exe().unwrap();
        directory.pop();
        if directory.ends_with("deps") {
            directory.pop();
        }
        let profile = directory.file_name().unwrap().to_string_lossy().into_owned();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The whole workspace: with the features of `cargo test --workspace`, which has built all of it.
        cargo.args(["build", "--quiet", "--locked", "--workspace", "--bins", "--profile"]);
        cargo.arg(if profile == "debug" { "dev" } else { profile.as_str() });
        cargo.arg("--target-dir").arg(directory.parent().unwrap());
        if cfg!(feature = "postgres") {
            cargo.args(["--features", "ftp-user/postgres"]);
        }
        // What Cargo tells a test of its package is nothing to another Cargo: build scripts that look at it would run again,
        // and all that needs their crates would be built again.
        let told = std::env::vars_os().map(|(name, _)| name);
        for name in told.filter(|name| tells_of_a_package(&name.to_string_lossy())) {
            cargo.env_remove(name);
        }
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        let status = cargo.status().expect("cargo runs");
        assert!(status.success(), "the programs under test do not build");
        directory
    })
}

/// Whether a variable is one that Cargo sets for the tests of a package.
fn tells_of_a_package(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_"].iter().any(|start| name.starts_with(start))
        || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"].contains(&name)
}

/// A program that runs. Dropping it kills it; a failing test prints what it said.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    lines: Receiver<String>,
    said: Arc<Mutex<String>>,
    errors: Option<thread::JoinHandle<()>>,
}

impl Running {
    /// Starts `command` under a name for the logs.
    pub fn start(name: &str, mut command: Command) -> Self {
        let is_busy = |spawned: &io::Result<Child>| {
            spawned.as_ref().is_err_and(|error| error.kind() == ErrorKind::ExecutableFileBusy)
        };
        let mut spawned = command.spawn();
        // Of a program that was written a moment ago: what another test has forked has it open until its exec.
        for _ in 0..MOST_TRIES {
            if !is_busy(&spawned) {
                break;
            }
            thread::yield_now();
            spawned = command.spawn();
        }
        let mut child = spawned.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let said = Arc::new(Mutex::new(String::new()));
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let log = Arc::clone(&said);
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                log.lock().unwrap().push_str(&format!("{line}\n"));
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let log = Arc::clone(&said);
        let errors = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = stderr.read(&mut bytes) {
                log.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        Self { name: name.into(), child, lines, said, errors: Some(errors) }
    }

    /// The next line of its standard output; `None` when that has ended.
    pub fn line(&mut self) -> Option<String> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match self.lines.recv_timeout(WATCHDOG) {
            Ok(line) => Some(line),
            Err(Disconnected) => None,
            Err(Timeout) => panic!("{} says nothing more:\n{}", self.name, self.said()),
        }
    }

    /// All that it has said so far, on both outputs.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said these words.
    pub fn logs(&self, words: &str) {
        until(&format!("{} says {words:?}", self.name), || self.said().contains(words));
    }

    /// Where it says in its next line that it listens; `kind` is the end of the line.
    pub fn listens(&mut self, kind: &str) -> SocketAddr {
        let line = self.line().unwrap_or_else(|| panic!("it does not listen:\n{}", self.said()));
        let address = line.strip_prefix("listening on ").and_then(|line| line.strip_suffix(kind));
        address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{kind}: {line}"))
    }

    /// A number that the kernel keeps about the process: the first after `NAME:` of `/proc/ID/FILE`.
    pub fn kernel_says(&self, file: &str, name: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_there(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Lets it open descriptors below this number only. Those that it has stay open.
    pub fn limit_descriptors(&self, below: u64) {
        use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
        let id = Pid::from_raw(i32::try_from(self.id()).unwrap());
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        prlimit(id, Resource::Nofile, Rlimit { current: Some(below), maximum }).unwrap();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_raw(i32::try_from(self.id()).unwrap()).unwrap();
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Kills it, and waits for its end.
    pub fn die(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        self.wait();
    }

    /// Waits for its end: its standard output closes with it.
    pub fn wait(&mut self) -> ExitStatus {
        while self.line().is_some() {}
        let status = self.child.wait().unwrap();
        if let Some(errors) = self.errors.take() {
            errors.join().unwrap();
        }
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; there is nothing left to do then.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("---- {} said ----\n{}", self.name, self.said());
        }
    }
}

/// How often a program is started that somebody has open for writing.
const MOST_TRIES: usize = 10_000;
