//! TLS on a data connection, where PROT P holds (RFC 4217 7): how it begins, and who the other end must be.

use super::request::Request;
use crate::command::Direction;
use crate::policy::{Cargo, Grant};
use crate::server::Reuse;
use crate::server::ask::{Answer, Ask, ConnId, DataTls, Event, Handshake, Ticket, TlsRole};
use crate::server::context::Context;
use crate::timer::Moment;
use std::net::SocketAddr;

/// What a transfer wants of its data connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataRequirements {
    /// The direction of the data, seen from this server.
    pub(super) direction: Direction,
    /// What it carries.
    pub(super) cargo: Cargo,
    /// Whether only the connection is wanted (PROB).
    pub(super) probe: bool,
    /// The role of this server in TLS; `None` in clear.
    pub(super) role: Option<TlsRole>,
}

impl DataRequirements {
    /// What `request` wants. CPSV counts only where this server listens.
    pub(super) fn of(cx: &Context, request: &Request) -> Self {
        let (direction, cargo) = (request.direction(), request.cargo());
        let cpsv = cx.sockets.listener(direction).is_some_and(|listener| listener.tls_client);
        Self { direction, cargo, probe: request.is_probe(), role: cx.tls.role(cargo, cpsv) }
    }

    /// Whether the preliminary reply comes before the handshake: many clients begin TLS only when they have
    /// read it. Where RNDZ is in force, it comes after the proof; PROB has none.
    pub(super) fn announces(self, cx: &Context) -> bool {
        self.role.is_some() && cx.sockets.rendezvous.is_none() && !self.probe
    }
}

/// A connection on which TLS begins.
#[derive(Debug)]
pub(super) struct Securing {
    pub(super) ticket: Ticket,
    /// Since when its end is due.
    pub(super) since: Moment,
}

impl Securing {
    pub(super) fn begin(cx: &mut Context, conn: ConnId, how: DataTls) -> Self {
        let ticket = cx.out.ticket();
        cx.out.ask(Ask::SecureData { ticket, conn, how });
        Self { ticket, since: cx.now }
    }

    /// A handshake that has begun before the transfer command.
    pub(super) const fn resume(cx: &Context, ticket: Ticket) -> Self {
        Self { ticket, since: cx.now }
    }
}

/// How TLS begins with a peer of these terms.
pub(super) fn how(cx: &Context, role: TlsRole, grant: Grant) -> DataTls {
    cx.tls.data_tls(role, grant, cx.sockets.rendezvous.is_some(), cx.config.tls.reuse)
}

/// Whether the other end is who it must be (F08, F10).
///
/// # Errors
///
/// The text for the client if it is not.
pub(super) fn judge(cx: &Context, wants: DataRequirements, shown: Handshake) -> Result<(), &'static str> {
    let must_resume = wants.role == Some(TlsRole::Server)
        && cx.config.tls.reuse == Reuse::Required
        && cx.sockets.rendezvous.is_none();
    match cx.tls.pin {
        Some(pin) if shown.leaf == Some(pin) => Ok(()),
        Some(_) => Err("The other end shows another certificate than PINC has named"),
        None if must_resume && !shown.resumed => {
            Err("Data connections must resume the TLS session of the control connection")
        }
        None => Ok(()),
    }
}

/// A handshake has failed: the log is told why.
pub(super) fn failed(cx: &mut Context, from: SocketAddr, answer: Answer) {
    if let Answer::Failed(why) = answer {
        cx.out.event(Event::NotPrivate { from, why });
    }
}
