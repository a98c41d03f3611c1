//! The kinds of servers, and which foreign hosts they let take part.

use super::fetch::Tool;
use super::skip::Skipped;

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
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Vsftpd, Self::Proftpd, Self::PureFtpd, Self::Pyftpdlib, Self::Globus];

    /// Its name for people, also that of its directory under `target/peers`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vsftpd => "vsftpd",
            Self::Proftpd => "proftpd",
            Self::PureFtpd => "pure-ftpd",
            Self::Pyftpdlib => "pyftpdlib",
            Self::Globus => "globus",
        }
    }

    /// The name of its package.
    pub const fn package(self) -> &'static str {
        match self {
            Self::Vsftpd => "vsftpd",
            Self::Proftpd => "proftpd-core",
            Self::PureFtpd => "pure-ftpd",
            Self::Pyftpdlib => "pyftpdlib",
            Self::Globus => "globus-gridftp-server-progs",
        }
    }

    /// The program, fetched when this machine does not have it.
    pub fn tool(self) -> Result<Tool, Skipped> {
        match self {
            Self::Vsftpd => Tool::debian("vsftpd", &[self.package()], "sbin/vsftpd"),
            Self::Proftpd => Tool::debian("proftpd", &[self.package(), "proftpd-mod-crypto"], "sbin/proftpd"),
            Self::PureFtpd => {
                Tool::debian("pure-ftpd", &[self.package(), "pure-ftpd-common"], "sbin/pure-ftpd")
            }
            Self::Pyftpdlib => Tool::python(self.package()),
            Self::Globus => Tool::debian("globus", &[self.package()], "sbin/globus-gridftp-server"),
        }
    }
}

/// With which hosts other than the user's own a server makes data connections.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Hosts {
    /// With any host.
    Allowed,
    /// With no other host.
    Refused,
    /// It connects to any, but lets none in (only vsftpd has two switches).
    OnlyToConnect,
    /// It lets any in, but connects to none (only vsftpd has two switches).
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
