//! A PostgreSQL server of a test: a cluster in a temporary directory, which only a socket there reaches.

use crate::foreign::{Skipped, Tool};
use crate::socket::until;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Postgres {
    /// The process that was started; `None` while it does not run.
    server: Option<Child>,
    programs: Programs,
    directory: TempDir,
    /// Whether what is committed is on the disk.
    is_durable: bool,
}

/// The programs of one installation.
#[derive(Clone, Debug)]
struct Programs {
    tool: Tool,
    /// Where the other programs are.
    folder: PathBuf,
}

impl Programs {
    /// Those of this host, or Debian's packages.
    fn find() -> Result<Self, Skipped> {
        let installed = Path::new("/usr").join(PROGRAMS).join("postgres");
        let tool = if installed.is_file() {
            Tool::at(&installed)
        } else {
            Tool::debian("postgresql", &PACKAGES, &format!("{PROGRAMS}/postgres"))?
        };
        let folder = tool.program().parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Self { tool, folder })
    }

    /// A command for one of them. It refuses to run as root.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.envs(self.tool.environment()).env("LC_ALL", "C").stdin(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Postgres {
    /// Makes a cluster, and starts its server, which waits for no disk.
    ///
    /// # Errors
    ///
    /// PostgreSQL is neither installed nor can it be fetched.
    pub fn start() -> Result<Self, Skipped> {
        Self::start_with(false)
    }

    /// The same with a server that waits for the disk, as in real life.
    ///
    /// # Errors
    ///
    /// PostgreSQL is neither installed nor can it be fetched.
    pub fn start_durable() -> Result<Self, Skipped> {
        Self::start_with(true)
    }

    fn start_with(is_durable: bool) -> Result<Self, Skipped> {
        let programs = Programs::find()?;
        let directory = tempfile::Builder::new().prefix("pg-").tempdir().unwrap();
        for name in ["data", "socket"] {
            let path = directory.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
            if rustix::process::geteuid().is_root() {
                chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let data = directory.path().join("data");
        let mut initdb = programs.command("initdb");
        initdb.args(["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]).arg(&data);
        let made = initdb.current_dir(&data).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut postgres = Self { server: None, programs, directory, is_durable };
        postgres.run();
        Ok(postgres)
    }

    /// Starts the server again after [`stop`](Self::stop) or [`kill`](Self::kill).
    pub fn run(&mut self) {
        let (data, socket) = (self.directory.path().join("data"), self.directory.path().join("socket"));
        let log = File::options().append(true).create(true).open(self.directory.path().join("log")).unwrap();
        let at = format!("unix_socket_directories={}", socket.display());
        let sync = if self.is_durable { "fsync=on" } else { "fsync=off" };
        let start = || {
            let mut command = self.programs.command("postgres");
            command.arg("-D").arg(&data).current_dir(&data);
            for setting in ["listen_addresses=", &at, "max_connections=200", sync] {
                command.args(["-c", setting]);
            }
            command.stdout(log.try_clone().unwrap()).stderr(log.try_clone().unwrap()).spawn().unwrap()
        };
        let mut server = start();
        until("the server answers", || {
            if server.try_wait().unwrap().is_some() {
                // Processes of a server that was killed may still be there.
                server = start();
            }
            let mut ready = self.programs.command("pg_isready");
            let status = ready.arg("-q").arg("-h").arg(&socket).status();
            status.is_ok_and(|status| status.success())
        });
        self.server = Some(server);
    }

    /// Ends the server and its connections in order.
    pub fn stop(&mut self) {
        self.end(Signal::INT);
    }

    /// Ends the server and its connections at once: it recovers when it is started again.
    pub fn kill(&mut self) {
        self.end(Signal::QUIT);
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut server) = self.server.take() else { return };
        if let Some(id) = i32::try_from(server.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, signal); // it may have ended meanwhile
        }
        let _ = server.wait();
    }

    /// Carries out a statement, as an administrator does. That the server is away is no failure.
    pub fn run_sql(&self, statement: &str) {
        let _ = self.psql(statement).status();
    }

    /// The number that a statement returns, if the server is there.
    pub fn number(&self, statement: &str) -> Option<u64> {
        let found = self.psql(statement).stdout(Stdio::piped()).output().ok()?;
        str::from_utf8(&found.stdout).ok()?.trim().parse().ok()
    }

    /// Has so many connections carry out a statement, all of them together so often.
    pub fn repeat(&self, statement: &str, connections: u64, times: u64) {
        let script = self.directory.path().join("statement.sql");
        fs::write(&script, statement).unwrap();
        let mut pgbench = self.programs.command("pgbench");
        pgbench.args(["-n", "-U", USER, "-h"]).arg(self.directory.path().join("socket"));
        pgbench.args(["-c", &connections.to_string(), "-t", &(times / connections).to_string()]);
        let done = pgbench.arg("-f").arg(script).arg("postgres").output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn psql(&self, statement: &str) -> Command {
        let mut psql = self.programs.command("psql");
        psql.args(["-q", "-A", "-t", "-U", USER, "-d", "postgres", "-c", statement]);
        psql.arg("-h").arg(self.directory.path().join("socket"));
        psql.stdout(Stdio::null()).stderr(Stdio::null());
        psql
    }

    /// Makes a database and returns its URL.
    pub fn make_database(&self, name: &str) -> String {
        self.run_sql(&format!("CREATE DATABASE {name}"));
        self.url(name)
    }

    /// The URL of a database of it, which has no password.
    pub fn url(&self, database: &str) -> String {
        let socket = self.directory.path().join("socket").display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@{socket}/{database}")
    }

    /// What the server has written into its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where Debian has the programs, below `usr`.
const PROGRAMS: &str = "lib/postgresql/15/bin";
/// What has them.
const PACKAGES: [&str; 3] = ["postgresql-15", "postgresql-client-15", "libpq5"];
/// The user of the database.
const USER: &str = "tester";
/// The user of this host who runs the server if root may not.
const NOBODY: u32 = 65_534;
