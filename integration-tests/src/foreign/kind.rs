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
}

impl Kind {
    /// All of them.
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

    /// Its name for people, also that of its directory under `target/peers`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vsftpd => "vsftpd",
            Self::Proftpd => "proftpd",
            Self::PureFtpd => "pure-ftpd",
            Self::Pyftpdlib => "pyftpdlib",
            Self::Globus => "globus",
            Self::Inetutils => "inetutils",
            Self::Netkit => "netkit",
            Self::Aioftp => "aioftp",
            Self::Twisted => "twisted",
            Self::FtpSrv => "ftp-srv",
            Self::Nodeftpd => "nodeftpd",
            Self::Libunftp => "libunftp",
        }
    }

    /// The policies for foreign hosts that it can have, the most open one first.
    pub const fn policies(self) -> &'static [Hosts] {
        use Hosts::{Allowed, OnlyToAccept, OnlyToConnect, Refused};
        match self {
            Self::Vsftpd => &[Allowed, OnlyToConnect, OnlyToAccept, Refused],
            Self::Proftpd | Self::PureFtpd | Self::Pyftpdlib => &[Allowed, Refused],
            Self::Globus | Self::Twisted | Self::Nodeftpd => &[Allowed],
            Self::Netkit => &[Allowed, OnlyToAccept],
            // They have no PORT, or none for another host, and let everybody in.
            Self::Inetutils | Self::Aioftp => &[OnlyToAccept],
            Self::FtpSrv | Self::Libunftp => &[Refused],
        }
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
    pub const fn package(self) -> &'static str {
        match self {
            Self::Vsftpd => "vsftpd",
            Self::Proftpd => "proftpd-core",
            Self::PureFtpd => "pure-ftpd",
            Self::Pyftpdlib => "pyftpdlib",
            Self::Globus => "globus-gridftp-server-progs",
            Self::Inetutils => "inetutils-ftpd",
            Self::Netkit => "ftpd-ssl",
            Self::Aioftp => "aioftp",
            Self::Twisted => "twisted",
            Self::FtpSrv => "ftp-srv",
            Self::Nodeftpd => "ftpd",
            Self::Libunftp => "libunftp",
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
            Self::Pyftpdlib | Self::Aioftp | Self::Twisted => Tool::python(self.package()),
            Self::Globus => Tool::debian("globus", &[self.package()], "sbin/globus-gridftp-server"),
            Self::Inetutils => Tool::debian(self.package(), &[self.package()], "sbin/ftpd"),
            Self::Netkit => Tool::debian(self.package(), &[self.package()], "sbin/in.ftpd"),
            Self::FtpSrv | Self::Nodeftpd => Tool::node(self.package()),
            Self::Libunftp => Tool::server_of_crate(self.package()),
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
