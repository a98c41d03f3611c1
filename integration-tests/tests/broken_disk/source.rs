//! Servers whose files are on a broken disk.

use ftp_proto::dialect::Dialect;
use integration_tests::broken_disk::BrokenDisk;
use integration_tests::foreign::{Foreign, ForeignServer, Kind, Skipped};
use integration_tests::raw::Raw;
use integration_tests::site::{Server, Site};

/// A server with a disk in the directory `disk` of its user.
pub(super) struct Source {
    pub(super) server: AnyServer,
    pub(super) disk: BrokenDisk,
}

pub(super) enum AnyServer {
    Own(Server),
    Other(ForeignServer),
}

impl Source {
    /// The server of this kind, or our own.
    pub(super) fn start(kind: Option<Kind>) -> Result<Self, Skipped> {
        let server = match kind {
            Some(kind) => AnyServer::Other(Foreign::new(kind).directory("disk").start()?),
            None => AnyServer::Own(Site::new("broken").directory("disk").start()),
        };
        let place = match &server {
            AnyServer::Own(server) => server.path("disk"),
            AnyServer::Other(server) => server.path("disk"),
        };
        let disk = BrokenDisk::mount(&place)?;
        Ok(Self { server, disk })
    }

    pub(super) fn name(&self) -> &'static str {
        match &self.server {
            AnyServer::Own(_) => "ftp-server",
            AnyServer::Other(server) => server.kind().name(),
        }
    }

    pub(super) fn is_own(&self) -> bool {
        matches!(self.server, AnyServer::Own(_))
    }

    /// The URL of a path of the disk.
    pub(super) fn url(&self, path: &str) -> String {
        let path = format!("disk/{path}");
        match &self.server {
            AnyServer::Own(server) => server.url(&path),
            AnyServer::Other(server) => server.url(&path),
        }
    }

    /// A control connection, logged in, in the directory above the disk.
    pub(super) fn login(&self) -> Raw {
        match &self.server {
            AnyServer::Own(server) => {
                let mut raw = server.login(Dialect::Rfc959);
                raw.ask("TYPE I", "200");
                raw
            }
            AnyServer::Other(server) => server.login(),
        }
    }
}
