//! What is kept with a relay for the length of a run: the line to it, and through it a control session with each
//! server. The next file uses them again.

use crate::config;
use crate::context::Context;
use crate::control::{Role, Session};
use crate::endpoint::Server;
use crate::failure::{Failure, Kind};
use crate::place::Site;
use crate::relay::Line;

/// A line to a relay, and the control sessions through it.
#[derive(Debug)]
pub struct Circuit {
    /// The index of the relay among those that may be used.
    relay: usize,
    /// The name of the relay in reports.
    pub(super) name: String,
    pub(super) line: Line,
    pub(super) source: Session,
    pub(super) destination: Session,
}

impl Circuit {
    /// The circuit of that relay: `kept` if it can still be used, else a new one.
    ///
    /// # Errors
    ///
    /// Why the relay or a server cannot be reached.
    pub(crate) async fn ready<'a>(
        kept: &'a mut Option<Self>,
        context: &Context,
        relay: usize,
        source: &Server,
        destination: &Server,
    ) -> Result<&'a mut Self, Failure> {
        let fit = kept.take().filter(|circuit| circuit.relay == relay && !circuit.line.is_over());
        let circuit = match fit {
            Some(circuit) => circuit.mended(context, source, destination).await?,
            None => Self::open(context, relay, source, destination).await?,
        };
        Ok(kept.insert(circuit))
    }

    async fn open(
        context: &Context,
        relay: usize,
        source: &Server,
        destination: &Server,
    ) -> Result<Self, Failure> {
        let chosen: &config::Relay = context
            .relays
            .iter()
            .nth(relay)
            .ok_or_else(|| Failure::new(Kind::NoPath, "there is no such relay"))?;
        let mut line = Line::open(context, chosen).await?;
        let source = session(context, &mut line, &source.site, Role::Source).await?;
        let destination = session(context, &mut line, &destination.site, Role::Destination).await?;
        Ok(Self { relay, name: chosen.name.clone(), line, source, destination })
    }

    /// Replaces the sessions that have ended: servers close what is idle for long.
    async fn mended(
        mut self,
        context: &Context,
        source: &Server,
        destination: &Server,
    ) -> Result<Self, Failure> {
        tokio::join!(self.source.catch_up(), self.destination.catch_up());
        if self.source.is_over() {
            self.source = session(context, &mut self.line, &source.site, Role::Source).await?;
        }
        if self.destination.is_over() {
            self.destination = session(context, &mut self.line, &destination.site, Role::Destination).await?;
        }
        Ok(self)
    }

    /// Says goodbye to both servers.
    pub(super) async fn quit(self) {
        tokio::join!(self.source.quit(), self.destination.quit());
    }
}

async fn session(context: &Context, line: &mut Line, site: &Site, role: Role) -> Result<Session, Failure> {
    let tunnel = line.tunnel(context, site).await?;
    Session::open_tunnelled(context, site, role, tunnel).await
}
