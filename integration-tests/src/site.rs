//! One running ftp-server with a directory of its own.

use crate::binary::{Program, Running};
use crate::certificate::Certificate;
use crate::raw::Raw;
use crate::socket::{hold, is_free, release, until};
use ftp_proto::dialect::Dialect;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The user that every site has, unless it says otherwise.
pub const USER: &str = "ann";
/// That user's password.
pub const PASSWORD: &str = "open:sesame";

/// A URL of a [`Server`] without its password.
pub fn without_password(url: &str) -> String {
    let (user, host) = url.split_once('@').unwrap();
    format!("{}@{host}", user.rsplit_once(':').unwrap().0)
}

/// What a site will be.
#[derive(Debug)]
pub struct Site {
    name: String,
    root: TempDir,
    ip: String,
    users: Vec<String>,
    args: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    /// Its certificate, and where that is: outside the root.
    certificate: Option<(Certificate, TempDir)>,
    /// The program of another build; `None` is the one built from this tree.
    program: Option<PathBuf>,
    /// Where its configuration file is, if it has one.
    config: Option<TempDir>,
}

impl Site {
    /// A site at 127.0.0.2 with both listeners and one user.
    pub fn new(name: &str) -> Self {
        let root = tempfile::Builder::new().prefix(&format!("ftp-site-{name}-")).tempdir().unwrap();
        let users = vec![format!("{USER}:{PASSWORD}")];
        Self {
            name: name.into(),
            root,
            ip: "127.0.0.2".into(),
            users,
            args: Vec::new(),
            environment: Vec::new(),
            certificate: None,
            program: None,
            config: None,
        }
    }

    /// At another address.
    pub fn at(mut self, ip: &str) -> Self {
        self.ip = ip.into();
        self
    }

    /// With another build of the program.
    pub fn program(mut self, path: PathBuf) -> Self {
        self.program = Some(path);
        self
    }

    /// With a certificate of its own, so that its modern listener has explicit TLS, and with a listener
    /// for implicit TLS. Call this after [`Self::at`].
    pub fn tls(mut self) -> Self {
        let certificate = Certificate::of(self.ip.parse().unwrap());
        let place = tempfile::Builder::new().prefix("ftp-certificate-").tempdir().unwrap();
        let path = place.path().join("server.pem");
        fs::write(&path, [certificate.pem.as_str(), certificate.key_pem.as_str()].concat()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let any_port = SocketAddr::new(self.ip.parse().unwrap(), 0).to_string();
        let path = path.to_str().unwrap();
        self = self.args(["--tls-cert", path, "--tls-key", path, "--listen-tls", &any_port]);
        self.certificate = Some((certificate, place));
        self
    }

    /// With this configuration file.
    pub fn config(mut self, text: &str) -> Self {
        let place = tempfile::Builder::new().prefix("ftp-config-").tempdir().unwrap();
        let path = place.path().join("server.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self.config = Some(place);
        self.args(["--config", path.to_str().unwrap()])
    }

    /// With a file.
    pub fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// With an empty directory.
    pub fn directory(self, path: &str) -> Self {
        fs::create_dir_all(self.root.path().join(path)).unwrap();
        self
    }

    /// With one more user, as `NAME:PASSWORD[:ro]`.
    pub fn user(mut self, user: &str) -> Self {
        self.users.push(user.into());
        self
    }

    /// With a variable of its environment.
    pub fn environment(mut self, name: &'static str, value: &Path) -> Self {
        self.environment.push((name, value.to_path_buf()));
        self
    }

    /// With more options on its command line.
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(String::from));
        self
    }

    /// With another directory than the root's own as what users see (a small file system).
    pub fn start_in(self, directory: PathBuf) -> Server {
        self.run(directory)
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Server {
        let directory = self.root.path().to_path_buf();
        self.run(directory)
    }

    fn run(self, directory: PathBuf) -> Server {
        let ip: IpAddr = self.ip.parse().unwrap();
        let any_port = SocketAddr::new(ip, 0);
        let (running, [modern, implicit, old]) = self.launch(&directory, any_port, any_port);
        Server { directory, modern, implicit, old, running, site: self }
    }

    /// Starts it; where it listens: in clear or with explicit TLS, with implicit TLS (or again in clear),
    /// as in 1973 (or again as before, where TLS is required).
    fn launch(&self, root: &Path, modern: SocketAddr, old: SocketAddr) -> (Running, [SocketAddr; 3]) {
        let mut command = match &self.program {
            Some(path) => Program::Server.command_at(path),
            None => Program::Server.command(),
        };
        command.args(["--listen", &modern.to_string(), "--root"]).arg(root);
        // The listener of 1973 is always in clear.
        let has_old = !self.args.iter().any(|arg| arg == "--require-tls");
        if has_old {
            command.args(["--listen-1973", &old.to_string()]);
        }
        for user in &self.users {
            command.args(["--user", user]);
        }
        command.args(&self.args).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut running = Running::start(&self.name, command);
        let modern = running.listens(" (ftp)");
        let implicit = if self.certificate.is_some() { running.listens(" (ftps)") } else { modern };
        let old = if has_old { running.listens(" (ftp-1973)") } else { modern };
        (running, [modern, implicit, old])
    }
}

/// A site that runs.
#[derive(Debug)]
pub struct Server {
    directory: PathBuf,
    site: Site,
    modern: SocketAddr,
    implicit: SocketAddr,
    old: SocketAddr,
    /// The process that runs.
    pub running: Running,
}

impl Server {
    /// The listener of a dialect.
    pub const fn address(&self, dialect: Dialect) -> SocketAddr {
        match dialect {
            Dialect::Rfc354 => self.old,
            Dialect::Rfc959 => self.modern,
        }
    }

    /// The listener for implicit TLS.
    pub const fn implicit(&self) -> SocketAddr {
        self.implicit
    }

    /// The fingerprint of its certificate ([`Site::tls`]).
    pub fn pin(&self) -> String {
        self.site.certificate.as_ref().map(|(certificate, _)| certificate.fingerprint()).unwrap()
    }

    /// Where its certificate and key are ([`Site::tls`]).
    pub fn certificate(&self) -> PathBuf {
        self.site.certificate.as_ref().map(|(_, place)| place.path().join("server.pem")).unwrap()
    }

    /// The URL of a path with explicit TLS.
    pub fn explicit_url(&self, path: &str) -> String {
        self.url(path).replacen("ftp://", "ftpes://", 1)
    }

    /// The URL of a path with implicit TLS.
    pub fn implicit_url(&self, path: &str) -> String {
        let password = PASSWORD.replace(':', "%3A");
        format!("ftps://{USER}:{password}@{}/{path}", self.implicit)
    }

    /// The address of all its data ports.
    pub const fn ip(&self) -> IpAddr {
        self.modern.ip()
    }

    /// The host number of SOCK: the address as one integer (RFC 354's form on TCP).
    pub fn host_number(&self) -> u32 {
        match self.ip() {
            IpAddr::V4(ip) => ip.to_bits(),
            IpAddr::V6(ip) => panic!("{ip} is no host number"),
        }
    }

    /// The URL of a path on the modern listener.
    pub fn url(&self, path: &str) -> String {
        self.url_of(Dialect::Rfc959, path)
    }

    /// The URL of a path on a dialect's listener.
    pub fn url_of(&self, dialect: Dialect, path: &str) -> String {
        format!("ftp://{USER}:{}@{}/{path}", PASSWORD.replace(':', "%3A"), self.address(dialect))
    }

    /// A control connection, greeted, not logged in.
    pub fn connect(&self, dialect: Dialect) -> Raw {
        Raw::connect(dialect, self.address(dialect))
    }

    /// A control connection from a chosen address of this machine, greeted, not logged in.
    pub fn connect_from(&self, from: IpAddr, dialect: Dialect) -> Raw {
        Raw::connect_from(dialect, from, self.address(dialect))
    }

    /// A control connection, logged in.
    pub fn login(&self, dialect: Dialect) -> Raw {
        let mut raw = self.connect(dialect);
        raw.login(USER, PASSWORD);
        raw
    }

    /// The same, for bytes as they are (TYPE I).
    pub fn login_binary(&self, dialect: Dialect) -> Raw {
        let mut raw = self.login(dialect);
        raw.ask("TYPE I", "200");
        raw
    }

    /// The same of today for another user.
    pub fn login_as(&self, user: &str, password: &str) -> Raw {
        let mut raw = self.connect(Dialect::Rfc959);
        raw.login(user, password);
        raw.ask("TYPE I", "200");
        raw
    }

    /// Kills it and starts it again at the same addresses.
    pub fn die_and_return(&mut self) {
        self.die();
        self.start_again();
    }

    /// Kills it, and nothing else.
    pub fn die(&mut self) {
        self.running.die();
        [self.modern, self.old].into_iter().for_each(hold);
    }

    /// Starts it again at the same addresses. It has ended.
    pub fn start_again(&mut self) {
        // Between fork and exec, a program that another test starts has copies of the sockets of this process, and a test may
        // have listened at this port.
        for address in [self.modern, self.old] {
            until("the port is free", || is_free(address));
        }
        (self.running, _) = self.site.launch(&self.directory, self.modern, self.old);
        [self.modern, self.old].into_iter().for_each(release);
    }

    /// The place of a path in the real file system.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// The content of a file.
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// All names below the root, sorted, directories with a slash.
    pub fn names(&self) -> Vec<String> {
        names_below(&self.directory)
    }

    /// The files under way of `ftp-user`, which have not got their names yet.
    pub fn parts(&self) -> Vec<PathBuf> {
        let names = self.names().into_iter().filter(|name| name.contains(".ftp-user."));
        names.map(|name| self.path(&name)).collect()
    }

    /// Waits until a file under way has at least so many bytes. It may have the name that the server gives it until its end.
    pub fn until_part(&self, bytes: u64) {
        let is_hidden =
            |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let has_arrived = |path: PathBuf| {
            is_hidden(&path) && fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.len() >= bytes)
        };
        until("a part has arrived", || self.names().iter().any(|name| has_arrived(self.path(name))));
    }
}

/// A site without files, for copies to it.
pub fn target() -> Server {
    Site::new("target").at("127.0.0.3").start()
}

/// Both directories have the same names and bytes. `shown` is what else is known.
pub fn are_equal(from: &Path, to: &Path, shown: &impl std::fmt::Display) {
    assert_eq!(names_below(to), names_below(from), "{shown}");
    for name in names_below(from).into_iter().filter(|name| !name.ends_with('/')) {
        assert!(fs::read(to.join(&name)).unwrap() == fs::read(from.join(&name)).unwrap(), "{name}: {shown}");
    }
}

/// The second server has what the first one has, and nothing else.
pub fn is_whole(from: &Server, to: &Server, shown: &impl std::fmt::Display) {
    are_equal(&from.directory, &to.directory, shown);
}

/// All names below a directory, sorted, directories with a slash. What goes away meanwhile is left out.
pub fn names_below(top: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut directories = vec![(top.to_path_buf(), String::new())];
    while let Some((directory, own)) = directories.pop() {
        let Some(entries) = unless_gone(fs::read_dir(&directory), &directory) else {
            assert!(directory != top, "{}: it is not there", top.display());
            names.retain(|name| *name != own);
            continue;
        };
        for entry in entries.filter_map(|entry| unless_gone(entry, &directory)) {
            let path = entry.path();
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            let Some(kind) = unless_gone(entry.file_type(), &path) else { continue };
            if kind.is_dir() {
                directories.push((path, format!("{name}/")));
                names.push(format!("{name}/"));
            } else {
                names.push(name);
            }
        }
    }
    names.sort();
    names
}

/// What the system has told; `None` if nothing is there any more.
fn unless_gone<T>(told: std::io::Result<T>, path: &Path) -> Option<T> {
    match told {
        Ok(told) => Some(told),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// Bytes without a pattern that a lost or doubled block could hide in.
pub fn sample(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}
