//! The handshake of TLS on a data connection, where PROT P holds (RFC 4217 7).

use super::input::Input;
use super::peer::Peer;
use super::request::Request;
use crate::policy::Grant;
use crate::server::Reuse;
use crate::server::ask::{Answer, Ask, DataTls, Event, Handshake, Ticket, TlsRole};
use crate::server::context::Context;
use crate::server::timer::Timer;

/// A connection on which TLS begins.
#[derive(Debug)]
pub(super) struct Securing {
    ticket: Ticket,
    peer: Peer,
    how: DataTls,
}

/// How far the handshake is.
#[derive(Debug)]
pub(super) enum Secured {
    /// It goes on.
    Waiting,
    /// It is done, and the other end is who it must be.
    Done(Peer),
    /// It has failed, or the other end is not who it must be; the text is for the client.
    Failed(&'static str),
}

impl Securing {
    /// Begins TLS on the connection with `peer`. Returns `None` if data connections are in clear.
    pub(super) fn begin(cx: &mut Context, request: &Request, peer: Peer) -> Option<Self> {
        let cpsv = cx.sockets.listener(request.direction()).is_some_and(|listener| listener.tls_client);
        let role = cx.privacy.role(request.cargo(), cpsv)?;
        let pinned = cx.privacy.pin.is_some();
        let ours = peer.grant == Grant::Own && role == TlsRole::Server && !pinned;
        let how = DataTls { role, resumes: ours && cx.config.tls.reuse != Reuse::Off, pinned };
        let ticket = cx.out.ticket();
        cx.out.ask(Ask::SecureData { ticket, conn: peer.conn, how });
        cx.arm(Timer::Handshake, cx.config.timeouts.handshake);
        Some(Self { ticket, peer, how })
    }

    pub(super) fn input(&self, cx: &mut Context, input: Input<'_>) -> Secured {
        match input {
            Input::Answer(ticket, Answer::Secured(shown)) if ticket == self.ticket => {
                cx.timers.disarm(Timer::Handshake);
                match self.judge(cx, shown) {
                    Ok(()) => return Secured::Done(self.peer),
                    Err(why) => return self.failed(cx, why),
                }
            }
            Input::Answer(ticket, Answer::Failed(why)) if ticket == self.ticket => {
                cx.out.event(Event::NotPrivate { from: self.peer.address, why });
                return Secured::Failed("TLS failed on the data connection");
            }
            Input::Answer(_, answer) => cx.out.unwanted(answer),
            Input::Fired(Timer::Handshake) => {
                cx.timed_out(Timer::Handshake);
                return self.failed(cx, "TLS did not begin on the data connection in time");
            }
            Input::Arrived { conn, .. } => cx.out.reset(conn),
            Input::Data { .. }
            | Input::Lost(_)
            | Input::Fired(_)
            | Input::Status
            | Input::Abort
            | Input::PortNeeded => {}
        }
        Secured::Waiting
    }

    fn failed(&self, cx: &mut Context, why: &'static str) -> Secured {
        cx.out.event(Event::NotPrivate { from: self.peer.address, why: why.to_owned() });
        self.release(cx);
        Secured::Failed(why)
    }

    /// Whether the other end is who it must be (F08, F10).
    fn judge(&self, cx: &Context, shown: Handshake) -> Result<(), &'static str> {
        let server = self.how.role == TlsRole::Server;
        match cx.privacy.pin {
            Some(pin) if shown.leaf == Some(pin) => Ok(()),
            Some(_) => Err("The other end shows another certificate than PINC has named"),
            None if server
                && cx.config.tls.reuse == Reuse::Required
                && !self.peer.proven
                && !shown.resumed =>
            {
                Err("Data connections must resume the TLS session of the control connection")
            }
            None => Ok(()),
        }
    }

    /// Closes the connection.
    pub(super) fn release(&self, cx: &mut Context) {
        cx.out.reset(self.peer.conn);
    }
}
