//! Servers whose files are on a broken disk.

use ftp_proto::dialect::Dialect;
use integration_tests::broken_disk::BrokenDisk;
use integration_tests::foreign::{End, Foreign, Kind, Skipped, Who};
use integration_tests::raw::Raw;
use integration_tests::site::Site;

/// The kinds of servers that are tried over a broken disk; `None` is our own.
pub(super) const SERVERS: [Option<Kind>; 4] =
    [Some(Kind::Vsftpd), Some(Kind::Proftpd), Some(Kind::PureFtpd), None];

/// A server with a disk in the directory `disk` of its user.
pub(super) struct Source {
    pub(super) server: End,
    pub(super) disk: BrokenDisk,
}

impl Source {
    /// The server of this kind, or our own.
    pub(super) fn start(kind: Option<Kind>) -> Result<Self, Skipped> {
        let server = match kind {
            Some(kind) => End::Theirs(Box::new(Foreign::new(kind).directory("disk").start()?)),
            None => End::Ours(Box::new(Site::new("broken").directory("disk").start())),
        };
        let disk = BrokenDisk::mount(&server.path("disk"))?;
        Ok(Self { server, disk })
    }

    pub(super) fn name(&self) -> &'static str {
        self.server.who().name()
    }

    pub(super) fn is_own(&self) -> bool {
        self.server.who() == Who::Ours
    }

    /// The URL of a path of the disk.
    pub(super) fn url(&self, path: &str) -> String {
        self.server.url(&format!("disk/{path}"))
    }

    /// A control connection, logged in, in the directory above the disk.
    pub(super) fn login(&self) -> Raw {
        match &self.server {
            End::Ours(server) => {
                let mut raw = server.login(Dialect::Rfc959);
                raw.ask("TYPE I", "200");
                raw
            }
            End::Theirs(server) => server.login(),
        }
    }
}
