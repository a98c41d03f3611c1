//! What a server of other people will be, with a directory of its own.

use super::kind::{Hosts, Kind};
use super::tls::{self, Begin};
use crate::certificate::Certificate;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use tempfile::TempDir;

/// The user's directory below the server's own.
pub(super) const FILES: &str = "jail/files";

/// What a server will be.
#[derive(Debug)]
pub struct Foreign {
    pub(super) kind: Kind,
    pub(super) hosts: Hosts,
    /// Whether it replaces files, where that can be switched off.
    pub(super) replaces: bool,
    pub(super) extra: String,
    pub(super) tls: Option<(Begin, Certificate)>,
    pub(super) ip: IpAddr,
    /// The port; a free one if it is 0.
    pub(super) port: u16,
    pub(super) state: TempDir,
}

impl Foreign {
    /// A server of this kind at an address of its own that refuses foreign hosts, as far as it can.
    pub fn new(kind: Kind) -> Self {
        let state = state(kind, &std::env::temp_dir());
        Self {
            kind,
            hosts: kind.most_closed(),
            replaces: true,
            extra: String::new(),
            tls: None,
            ip: own_address(),
            port: 0,
            state,
        }
    }

    /// A vsftpd like [`Self::new`] makes it.
    pub fn vsftpd() -> Self {
        Self::new(Kind::Vsftpd)
    }

    /// A ProFTPD like [`Self::new`] makes it.
    pub fn proftpd() -> Self {
        Self::new(Kind::Proftpd)
    }

    /// A Pure-FTPd like [`Self::new`] makes it.
    pub fn pure_ftpd() -> Self {
        Self::new(Kind::PureFtpd)
    }

    /// A pyftpdlib like [`Self::new`] makes it.
    pub fn pyftpdlib() -> Self {
        Self::new(Kind::Pyftpdlib)
    }

    /// A Globus server like [`Self::new`] makes it.
    pub fn globus() -> Self {
        Self::new(Kind::Globus)
    }

    /// With its directory below this one (a certain file system); before any file.
    pub fn below(mut self, directory: &Path) -> Self {
        self.state = state(self.kind, directory);
        self
    }

    /// With this policy for foreign hosts.
    pub const fn foreign(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// At another address.
    pub fn at(mut self, ip: &str) -> Self {
        self.ip = ip.parse().unwrap();
        self
    }

    /// At a certain port.
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A ProFTPD that replaces no file, so that it renames to no name that is taken.
    pub const fn replaces_nothing(mut self) -> Self {
        self.replaces = false;
        self
    }

    /// With more lines of its configuration file, or options where it has none.
    pub fn extra(mut self, lines: &str) -> Self {
        self.extra.push_str(lines);
        self.extra.push('\n');
        self
    }

    /// With a file.
    pub fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.state.path().join(FILES).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// With an empty directory.
    pub fn directory(self, path: &str) -> Self {
        fs::create_dir_all(self.state.path().join(FILES).join(path)).unwrap();
        self
    }

    /// With a certificate: nothing in clear, neither logins nor data, and every data connection has to
    /// resume the session of its control connection where the server can demand that (I02).
    pub fn tls(self, begin: Begin) -> Self {
        self.with_certificate(begin, |kind, file, log| tls::lines(kind, begin, file, log))
    }

    /// With a certificate for those who ask for TLS; everybody else is served in clear.
    pub fn offers_tls(self) -> Self {
        self.with_certificate(Begin::Explicit, tls::offering)
    }

    fn with_certificate(mut self, begin: Begin, lines: impl Fn(Kind, &Path, &Path) -> String) -> Self {
        let certificate = Certificate::of(self.ip);
        let file = self.state.path().join("server.pem");
        fs::write(&file, format!("{}{}", certificate.key_pem, certificate.pem)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let lines = lines(self.kind, &file, &self.state.path().join("tls.log"));
        self.tls = Some((begin, certificate));
        self.extra(&lines)
    }
}

/// A directory for one server.
fn state(kind: Kind, below: &Path) -> TempDir {
    let state = tempfile::Builder::new().prefix(&format!("ftp-{}-", kind.name())).tempdir_in(below).unwrap();
    fs::create_dir_all(state.path().join(FILES)).unwrap();
    state
}

/// A loopback address that no other server of this machine's tests has: all are foreign to each other.
pub fn own_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = NEXT.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |host| Some(host % 254 + 1)).unwrap();
    Ipv4Addr::new(127, 64 | (high & 63), low, host).into()
}
