//! What is kept of a relay for the length of a run: the relay session, and through it a control session with each
//! server. The next file uses them again.

use crate::config;
use crate::context::Context;
use crate::endpoint::Server;
use crate::failure::{Failure, Kind};
use crate::place::Site;
use crate::relay;
use crate::session::{Role, Session, Tunnel};
use ftp_io::tls::Versions;
use ftp_proto::transfer::Side;

/// A relay session, and the control sessions through it.
#[derive(Debug)]
pub struct Circuit {
    /// The index of the relay among those that may be used.
    relay: usize,
    /// The name of the relay in reports.
    pub(super) name: String,
    pub(super) agents: Box<relay::Agents>,
    pub(super) source: Box<Session>,
    pub(super) destination: Box<Session>,
}

impl Circuit {
    /// Returns the circuit of that relay: `kept` if it can still be used, else a new one.
    ///
    /// # Errors
    ///
    /// Fails if the relay or a server cannot be reached.
    pub(crate) async fn ready<'a>(
        kept: &'a mut Option<Self>,
        context: &Context,
        relay: usize,
        source: &Server,
        destination: &Server,
    ) -> Result<&'a mut Self, Failure> {
        let fit = kept.take().filter(|circuit| circuit.relay == relay && !circuit.agents.is_over());
        let circuit = match fit {
            Some(circuit) => circuit.mended(context, source, destination).await?,
            None => Self::open(context, relay, source, destination).await?,
        };
        Ok(kept.insert(circuit))
    }

    /// Whether what has moved last has passed no hub.
    pub(crate) const fn is_direct(&self) -> bool {
        self.agents.are_direct()
    }

    async fn open(
        context: &Context,
        relay: usize,
        source: &Server,
        destination: &Server,
    ) -> Result<Self, Failure> {
        let chosen: &config::Relay = context
            .run
            .relays
            .iter()
            .nth(relay)
            .ok_or_else(|| Failure::new(Kind::NoPath, "there is no such relay"))?;
        let (source, destination) = (&source.site, &destination.site);
        let opened = Box::pin(relay::Agents::open(context, chosen, source, destination)).await?;
        let (agents, to_source, to_destination) = opened;
        let name = agents.name(&chosen.name);
        let source = session(context, source, Role::Source, to_source).await?;
        let destination = session(context, destination, Role::Destination, to_destination).await?;
        Ok(Self { relay, name, agents: Box::new(agents), source, destination })
    }

    /// Replaces the sessions that have ended: servers close sessions that are idle for long.
    async fn mended(
        mut self,
        context: &Context,
        source: &Server,
        destination: &Server,
    ) -> Result<Self, Failure> {
        tokio::join!(self.source.catch_up(), self.destination.catch_up());
        if self.source.is_over() {
            let tunnel = self.agents.tunnel(context, Side::Source, &source.site).await?;
            self.source = session(context, &source.site, Role::Source, tunnel).await?;
        }
        if self.destination.is_over() {
            let tunnel = self.agents.tunnel(context, Side::Destination, &destination.site).await?;
            self.destination = session(context, &destination.site, Role::Destination, tunnel).await?;
        }
        Ok(self)
    }

    /// The control sessions with the source and the destination.
    pub(crate) fn sessions(&mut self) -> (&mut Session, &mut Session) {
        (&mut self.source, &mut self.destination)
    }

    /// Whether its agents were found at a hub.
    pub(crate) const fn is_at_hub(&self) -> bool {
        self.agents.are_at_hub()
    }

    /// Says goodbye to both servers.
    pub(crate) async fn quit(self) {
        tokio::join!(Box::pin(self.source.quit()), Box::pin(self.destination.quit()));
    }
}

async fn session(
    context: &Context,
    site: &Site,
    role: Role,
    tunnel: Tunnel,
) -> Result<Box<Session>, Failure> {
    Box::pin(Session::open_tunnelled(context, site, role, Versions::All, tunnel)).await.map(Box::new)
}
