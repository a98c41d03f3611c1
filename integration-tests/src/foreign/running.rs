//! A server of other people that runs.

use super::config::{self, Places};
use super::fetch::Tool;
use super::kind::{Hosts, Kind};
use super::process::Group;
use super::server::{FILES, Foreign};
use super::tls::Begin;
use crate::certificate::Certificate;
use crate::raw::Raw;
use crate::site::{PASSWORD, USER};
use crate::skip::Skipped;
use crate::socket;
use ftp_proto::dialect::Dialect;
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

impl Foreign {
    /// Starts it and waits for its greeting.
    pub fn start(self) -> Result<ForeignServer, Skipped> {
        // vsftpd's anonymous user is protected by a password that nobody else knows.
        let (user, password) =
            if self.kind == Kind::Vsftpd { ("ftp", random_password()) } else { (USER, PASSWORD.to_owned()) };
        let tool = match (self.kind, &self.tls) {
            (Kind::Pyftpdlib, Some(_)) => Tool::python_with("pyftpdlib-tls", &["pyftpdlib", "pyOpenSSL"])?,
            _ => self.kind.tool()?,
        };
        if !self.kind.policies().contains(&self.hosts) {
            let (name, hosts) = (self.kind.name(), self.hosts);
            return Err(Skipped(format!("{name} cannot be made to treat foreign hosts so: {hosts:?}")));
        }
        if self.kind == Kind::Proftpd
            && self.tls.is_some()
            && !tool.beside("lib/proftpd/mod_tls.so").is_file()
        {
            return Err(Skipped("proftpd's mod_tls is missing (Debian: proftpd-mod-crypto)".into()));
        }
        let places = Places {
            root: self.state.path().join(FILES),
            state: self.state.path().to_path_buf(),
            log: self.state.path().join("log"),
        };
        fs::set_permissions(&places.state, fs::Permissions::from_mode(0o755)).unwrap();
        own(&places.root);
        let tries = if self.port == 0 { STARTS } else { 1 };
        let found = (1..=tries).find_map(|number| {
            let port =
                if self.port == 0 { socket::port_free_everywhere(&self.ip.to_string()) } else { self.port };
            let address = SocketAddr::new(self.ip, port);
            let command = match config::command(&self, &tool, address, (user, &password), &places) {
                Ok(command) => command,
                Err(skipped) => return Some(Err(skipped)),
            };
            let mut group = Group::start(self.kind.name(), &command, &places.log);
            let runs = self.waits_for_greeting(address, &mut group);
            assert!(runs || number < tries, "{} does not run:\n{}", self.kind.name(), group.said());
            runs.then_some(Ok((address, group)))
        });
        let Some(started) = found else { return Err(Skipped("it was never started".to_owned())) };
        let (address, group) = started?;
        Ok(ForeignServer {
            kind: self.kind,
            hosts: self.hosts,
            address,
            user,
            password,
            tls: self.tls,
            root: places.root,
            group,
            _state: self.state,
        })
    }

    /// Waits until it greets; `false` if it has ended instead: somebody else may have taken its port.
    fn waits_for_greeting(&self, address: SocketAddr, group: &mut Group) -> bool {
        let mut has_ended = false;
        socket::until("its greeting", || {
            has_ended = group.has_ended();
            has_ended || greets(address, matches!(self.tls, Some((Begin::Implicit, _))))
        });
        !has_ended
    }
}

/// How many ports a server may try, one after the other.
const STARTS: u32 = 4;

/// Whether somebody says 220 there.
fn greets(address: SocketAddr, implicit_tls: bool) -> bool {
    let any = SocketAddr::new(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { address.ip() }, 0);
    let Ok(mut stream) = socket::try_connect(any, address) else { return false };
    if implicit_tls {
        return true; // it waits for its client
    }
    let mut code = [0; 3];
    stream.read_exact(&mut code).is_ok() && code == *b"220"
}

/// Gives a tree to the user that the server runs as.
fn own(path: &Path) {
    let owner = config::owner();
    chown(path, Some(owner.uid), Some(owner.gid)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
            own(&entry.path());
        }
    }
}

fn random_password() -> String {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server that runs.
#[derive(Debug)]
pub struct ForeignServer {
    kind: Kind,
    hosts: Hosts,
    address: SocketAddr,
    user: &'static str,
    password: String,
    tls: Option<(Begin, Certificate)>,
    root: PathBuf,
    group: Group,
    _state: TempDir,
}

impl ForeignServer {
    /// What it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its policy for foreign hosts.
    pub const fn hosts(&self) -> Hosts {
        self.hosts
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its only user, and the password.
    pub const fn user(&self) -> (&'static str, &str) {
        (self.user, self.password.as_str())
    }

    /// The URL of a path from the user's directory.
    pub fn url(&self, path: &str) -> String {
        let password = self.password.replace(':', "%3A");
        let scheme = self.tls.as_ref().map_or("ftp", |(begin, _)| begin.scheme());
        format!("{scheme}://{}:{password}@{}/{}{path}", self.user, self.address, self.prefix())
    }

    /// The URL of a path that demands no TLS.
    pub fn clear_url(&self, path: &str) -> String {
        self.url(path).replace("ftpes://", "ftp://")
    }

    /// The certificate that it shows.
    pub fn certificate(&self) -> &Certificate {
        &self.tls.as_ref().unwrap_or_else(|| panic!("{} has none", self.kind.name())).1
    }

    /// When TLS begins, if it has TLS.
    pub fn begin(&self) -> Option<Begin> {
        self.tls.as_ref().map(|(begin, _)| *begin)
    }

    /// The way from the directory of the login to the user's own.
    pub fn prefix(&self) -> &'static str {
        if self.kind == Kind::Vsftpd { "files/" } else { "" }
    }

    /// A control connection, logged in, in the user's directory, files as they are.
    pub fn login(&self) -> Raw {
        let mut raw = Raw::connect(Dialect::Rfc959, self.address);
        raw.login(self.user, &self.password);
        raw.ask("TYPE I", "200");
        if !self.prefix().is_empty() {
            raw.ask(&format!("CWD {}", self.prefix()), "250");
        }
        raw
    }

    /// The process group of all its processes.
    pub fn group(&self) -> u32 {
        self.group.id()
    }

    /// Kills the processes of all its sessions: their connections break off.
    pub fn kill_sessions(&self) {
        self.group.kill_sessions();
    }

    /// All that it has logged so far.
    pub fn said(&self) -> String {
        self.group.said()
    }

    /// The place of a path in the real file system.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// What was written below its root becomes its user's own.
    pub fn owns(&self, path: &Path) {
        own(path);
    }

    /// The content of a file.
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// All names below the root, sorted, directories with a slash.
    pub fn names(&self) -> Vec<String> {
        crate::site::names_below(&self.root)
    }
}
