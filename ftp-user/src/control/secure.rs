//! TLS of a session: its control connection, and the data connections that resume it.

use super::dial::within;
use super::session::{Role, Session};
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::place::Site;
use crate::report::Event;
use ftp_io::control::Control;
use ftp_io::tls::{Client, Data, Handshake, Refusal, Versions};
use std::io;
use tokio::net::TcpStream;

/// TLS towards a site, where its URL asks for it. The trace says how each handshake went.
pub(super) fn client(
    context: &Context,
    site: &Site,
    role: Role,
    versions: Versions,
    title: &str,
) -> Result<Option<Client>, Failure> {
    if !site.security.is_secured() {
        return Ok(None);
    }
    let (events, clock, title) = (context.events.clone(), context.clock, title.to_owned());
    let tell = move |Handshake { version, resumed }| {
        let how = if resumed { "resumed" } else { "new session" };
        let line = format!("* {version}, {how}");
        let title = title.clone();
        events.say(Event::Dialogue { side: role.side(), title, at: clock.now(), line });
    };
    Client::new(&context.trust, &site.host, versions, tell).map(Some).map_err(|error| {
        Failure::new(Kind::Other, format!("TLS cannot be used with {}: {error}", site.authority()))
    })
}

impl Session {
    /// Begins TLS on the control connection, in bounded time. Inside a tunnel it begins inside that of the link.
    pub(super) async fn secure(&self, control: Option<Control>) -> Result<Control, Failure> {
        let who = format!("the {} {}", self.role.name(), self.title);
        let (Some(connection), Some(client)) = (control.and_then(Control::into_connection), &self.tls) else {
            return Err(Failure::new(Kind::Other, format!("TLS cannot begin with {who} now")));
        };
        match within(&self.context, self.context.patience.reply, client.connect(connection)).await {
            Some(Ok(connection)) => {
                Control::new(connection, UNSENT).map_err(|error| refused(&who, &Refusal::Failed(error)))
            }
            Some(Err(refusal)) => Err(refused(&who, &refusal)),
            None if self.context.cancel.is_cancelled() => Err(Failure::interrupted()),
            None => Err(Failure::new(Kind::Temporary, format!("{who} did not begin TLS in time"))
                .hint("try again later, or raise --timeout")),
        }
    }

    /// The data connection showed another certificate than the control connection.
    pub fn impostor(&self) -> Option<Failure> {
        let who = format!("the {} {}", self.role.name(), self.title);
        let fingerprint = self.tls.as_ref().and_then(Client::impostor)?;
        Some(refused(&who, &Refusal::Another(fingerprint)))
    }

    /// Its data connections could not resume its TLS session any more: a new session can.
    pub fn is_used_up(&self) -> bool {
        self.tls.as_ref().is_some_and(Client::is_used_up)
    }

    /// A data connection with this server, as private as the control connection.
    pub fn data(&self, stream: TcpStream) -> Data {
        match &self.tls {
            Some(client) => Data::private(stream, client),
            None => stream.into(),
        }
    }
}

/// Maximum number of bytes that wait to be sent; the machine never has that many commands under way.
pub(super) const UNSENT: usize = 1024 * 1024;

/// Why there is no TLS, for people.
fn refused(who: &str, refusal: &Refusal) -> Failure {
    match refusal {
        Refusal::Untrusted { fingerprint, why } => {
            Failure::new(Kind::Untrusted, format!("the certificate of {who} is not trusted: {why}"))
                .said(format!("it is {fingerprint}"))
                .hint(format!("ask its operator whether that is right; --pin {fingerprint} accepts it"))
        }
        Refusal::Another(_) => {
            Failure::new(Kind::Untrusted, format!("the data connection is not with {who}"))
                .said(refusal.to_string())
                .hint("somebody may be between; ask its operator")
        }
        Refusal::NotTls => Failure::new(Kind::Other, format!("{who} does not speak TLS on this port"))
            .hint("use ftpes:// if the server offers AUTH TLS, or the port of implicit TLS (990)"),
        Refusal::Failed(error) => {
            let lasting = matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
            let exit = if lasting { Kind::Other } else { Kind::Temporary };
            Failure::new(exit, format!("TLS with {who} failed: {error}")).hint(
                "check host and port, and whether it is ftpes:// (AUTH TLS) or ftps:// (from the start)",
            )
        }
    }
}
