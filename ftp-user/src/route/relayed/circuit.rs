//! What stands with a relay agent for the length of a run: the line to it, and through it a control
//! connection to each server. They are ready for the next file, too.

use crate::config::Relay;
use crate::context::Context;
use crate::control::{Role, Session};
use crate::endpoint::Server;
use crate::failure::{Failure, Kind};
use crate::place::Site;
use crate::relay::Line;
use std::sync::Arc;

/// A line to a relay, and the sessions through it.
#[derive(Debug)]
pub struct Circuit {
    /// Which of the relays that may be used.
    relay: usize,
    /// What reports call it.
    pub(super) name: Arc<str>,
    pub(super) line: Line,
    pub(super) source: Session,
    pub(super) destination: Session,
}

impl Circuit {
    /// The circuit of that relay: `kept`, where it still stands, else a new one.
    pub(crate) async fn ready<'a>(
        kept: &'a mut Option<Self>,
        context: &Context,
        relay: usize,
        from: &Server,
        to: &Server,
    ) -> Result<&'a mut Self, Failure> {
        let fit = kept.take().filter(|circuit| circuit.relay == relay && !circuit.line.is_over());
        let circuit = match fit {
            Some(circuit) => circuit.mended(context, from, to).await?,
            None => Self::open(context, relay, from, to).await?,
        };
        Ok(kept.insert(circuit))
    }

    async fn open(context: &Context, relay: usize, from: &Server, to: &Server) -> Result<Self, Failure> {
        let Some(chosen) = context.relays.iter().nth(relay) else {
            return Err(Failure::new(Kind::NoPath, "there is no such relay"));
        };
        let mut line = Line::open(context, chosen).await?;
        let source = session(context, &mut line, &from.site, Role::Source).await?;
        let destination = session(context, &mut line, &to.site, Role::Destination).await?;
        Ok(Self { relay, name: name(chosen), line, source, destination })
    }

    /// With new sessions for those that have ended: servers close what is idle for long.
    async fn mended(mut self, context: &Context, from: &Server, to: &Server) -> Result<Self, Failure> {
        tokio::join!(self.source.catch_up(), self.destination.catch_up());
        if self.source.is_over() {
            self.source = session(context, &mut self.line, &from.site, Role::Source).await?;
        }
        if self.destination.is_over() {
            self.destination = session(context, &mut self.line, &to.site, Role::Destination).await?;
        }
        Ok(self)
    }

    /// Both sessions.
    pub(crate) const fn sessions(&mut self) -> (&mut Session, &mut Session) {
        (&mut self.source, &mut self.destination)
    }

    /// Whether both servers prove themselves to each other.
    pub(crate) const fn is_proven(&self) -> bool {
        self.source.capabilities.rndz && self.destination.capabilities.rndz
    }

    /// Says goodbye to both servers.
    pub(crate) async fn quit(self) {
        tokio::join!(self.source.quit(), self.destination.quit());
    }
}

fn name(relay: &Relay) -> Arc<str> {
    Arc::from(relay.name.as_str())
}

async fn session(context: &Context, line: &mut Line, site: &Site, role: Role) -> Result<Session, Failure> {
    let tunnel = line.tunnel(context, site).await?;
    Session::open_tunnelled(context, site, role, tunnel).await
}
