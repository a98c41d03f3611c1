//! The other end of a data connection.

use crate::policy::{Evidence, Grant};
use crate::server::ask::{ConnId, TlsRole};
use crate::server::sockets::kept::Kept;
use crate::timer::Moment;
use std::net::SocketAddr;

/// The other end of a data connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) conn: ConnId,
    pub(super) address: SocketAddr,
    /// The terms on which policy allows it.
    pub(super) grant: Grant,
    /// Whether it has proven itself with RNDZ.
    pub(super) proven: bool,
    /// Whether it is the peer only if it resumes the TLS session of the control connection.
    pub(super) must_resume: bool,
    /// Whether the preliminary reply was said before TLS began.
    pub(super) announced: bool,
    /// How many strangers came to the port of a symmetric opening.
    pub(super) strangers: u32,
    /// Whether MODE B has kept the connection after another file.
    pub(super) again: bool,
}

impl Peer {
    /// The other end of a connection that MODE B has kept.
    pub(super) fn of(kept: &Kept) -> Self {
        let Kept { conn, address, grant, evidence, .. } = *kept;
        let proven = evidence == Evidence::Rendezvous;
        let must_resume = evidence == Evidence::ResumedSession;
        Self { proven, must_resume, again: true, ..Self::new(conn, address, grant) }
    }

    /// The same connection while no file uses it, from `since` on.
    pub(super) const fn keep(&self, since: Moment) -> Kept {
        let evidence = if self.proven {
            Evidence::Rendezvous
        } else if self.must_resume {
            Evidence::ResumedSession
        } else {
            Evidence::None
        };
        Kept { conn: self.conn, address: self.address, grant: self.grant, evidence, since }
    }

    /// The other end of a connection that policy allows on these terms.
    pub(super) const fn new(conn: ConnId, address: SocketAddr, grant: Grant) -> Self {
        Self {
            conn,
            address,
            grant,
            proven: false,
            must_resume: false,
            announced: false,
            strangers: 0,
            again: false,
        }
    }
}

/// How far the search for a data connection is.
#[derive(Debug)]
pub(super) enum Progress {
    /// There is none yet.
    Waiting,
    /// This one is it. It is proven where RNDZ is in force.
    Connected(Peer),
    /// There will be none; the text is for the client.
    Failed(&'static str),
    /// There will be none that is private; the text is for the client.
    NotPrivate(&'static str),
}

impl Progress {
    /// TLS could not begin. A server says so with a reply of its own (RFC 4217 7); where this server is the TLS
    /// client, there is just no data connection (extensions, "PINC").
    pub(super) const fn not_private(role: Option<TlsRole>, why: &'static str) -> Self {
        match role {
            Some(TlsRole::Client) => Self::Failed(why),
            Some(TlsRole::Server) | None => Self::NotPrivate(why),
        }
    }
}
