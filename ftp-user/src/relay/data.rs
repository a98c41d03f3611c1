//! Data connections between this host and a server that only a relay reaches. The relay connects to the server's data port, or
//! listens for the server; this host makes one more link with the relay, proves the secret of the join, and is its other leg.
//! What passes is encrypted from here to the relay or agent, and TLS of the server runs inside that from one end to the other.

use super::event::JoinEvent;
use super::{Session, failure};
use crate::context::Context;
use crate::session::{
    Connecting, ControlRelay, DataFailure, DataLinks, ListeningPort, RelayPort, RelayPortState, Tunnel,
    within,
};
use crate::world::random_bytes;
use ftp_io::connection::Connection;
use ftp_io::link;
use ftp_proto::relay::message::{Leg, Meeting, Pin};
use ftp_proto::relay::token::Secret32;
use ftp_proto::transfer::Side;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// The relay session beside a tunnel. It ends with the last control session that may ask it.
#[derive(Debug)]
struct Beside(Arc<Mutex<Session>>);

impl DataLinks for Beside {
    fn connect(&self, context: &Context, at: SocketAddr) -> Connecting {
        let (session, context) = (Arc::clone(&self.0), context.clone());
        let tell = watch::Sender::new(RelayPortState::default());
        Box::pin(async move { session.lock().await.data_connection(&context, Leg::Dial(at), &tell).await })
    }

    fn listen(&self, context: &Context, peer: IpAddr) -> ListeningPort {
        let (session, context) = (Arc::clone(&self.0), context.clone());
        let (tell, seen) = watch::channel(RelayPortState::default());
        // A server may connect from any port.
        let leg = Leg::Listen(Pin { ip: peer, port: None });
        let join = async move { session.lock().await.data_connection(&context, leg, &tell).await };
        Box::pin(RelayPort::open(join, seen))
    }
}

/// A session whose join is given up if it is dropped before it flows.
struct Unfinished<'a>(&'a mut Session);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some((id, _)) = self.0.current_join {
            self.0.close(id);
            self.0.forget_join();
        }
    }
}

impl Session {
    /// The tunnel of this session, whose server has its data connections through it, too.
    pub(super) fn with_data(self, tunnel: Tunnel) -> Tunnel {
        let data: Arc<dyn DataLinks> = Arc::new(Beside(Arc::new(Mutex::new(self))));
        let relay = ControlRelay { data: Some(data), ..tunnel.relay };
        Tunnel { relay, ..tunnel }
    }

    /// A data connection with the server at `leg`; `told` learns where the relay listens for it, and who has come. If the
    /// future is dropped, the join is given up.
    pub(super) async fn data_connection(
        &mut self,
        context: &Context,
        leg: Leg,
        told: &watch::Sender<RelayPortState>,
    ) -> Result<Connection, DataFailure> {
        if let Some(why) = &self.ended {
            return Err(DataFailure::Relay(failure::lost(&self.display_name, why)));
        }
        let secret = Secret32::new(random_bytes().map_err(DataFailure::Relay)?);
        let Unfinished(session) = &mut Unfinished(self);
        session.meet(Side::Source, leg, Meeting::Await(secret.clone()));
        let (reach, display_name) = (session.reach.clone(), session.display_name.clone());
        // The link is expected once the join is ready. The connection below it needs no such wait.
        let (stream, ()) = tokio::try_join!(
            async { reach.stream(context, &display_name).await.map_err(DataFailure::Relay) },
            session.wait_for(leg, Awaited::Ready, told)
        )?;
        let link = {
            let mut flows = pin!(session.wait_for(leg, Awaited::Flow, told));
            let mut attached = pin!(async {
                let attached = link::attach(stream, &secret).await;
                attached.map_err(|failure| DataFailure::Relay(failure::no_link(&display_name, &failure)))
            });
            tokio::select! {
                biased;
                flow = &mut flows => {
                    flow?;
                    attached.await?
                }
                attached = &mut attached => match attached {
                    Ok(link) => flows.await.map(|()| link)?,
                    // A relay whose server has not come expects no link any more. What it says explains more.
                    Err(failure) => match within(context, LAST_WORD, flows).await {
                        Some(Err(said)) => return Err(said),
                        Some(Ok(())) | None => return Err(failure),
                    },
                }
            }
        };
        // From here on its ends speak for themselves.
        session.forget_join();
        Ok(link.into())
    }

    /// Waits until the join with the server at `leg` has come so far.
    async fn wait_for(
        &mut self,
        leg: Leg,
        awaited: Awaited,
        told: &watch::Sender<RelayPortState>,
    ) -> Result<(), DataFailure> {
        loop {
            match (self.next().await, awaited) {
                (JoinEvent::Ready { source, .. }, awaited) => {
                    if let Some(at) = source {
                        told.send_modify(|seen| seen.listens(at));
                    }
                    if awaited == Awaited::Ready {
                        return Ok(());
                    }
                }
                (JoinEvent::Up(Side::Source, peer), _) => told.send_modify(|seen| seen.arrived(peer)),
                (JoinEvent::Flows, Awaited::Flow) => return Ok(()),
                (JoinEvent::Refused { why, for_now: true, .. } | JoinEvent::Ended { why, .. }, _) => {
                    return Err(DataFailure::Relay(failure::no_data_now(&self.display_name, &why)));
                }
                (JoinEvent::Refused { code, why, for_now: false, .. }, _) => {
                    return Err(DataFailure::Path(failure::no_data(&self.display_name, leg, code, &why)));
                }
                (JoinEvent::Lost(why), _) => {
                    return Err(DataFailure::Relay(failure::lost(&self.display_name, &why)));
                }
                (
                    JoinEvent::Up(Side::Destination, _)
                    | JoinEvent::Flows
                    | JoinEvent::Stranger { .. }
                    | JoinEvent::Stat { .. }
                    | JoinEvent::Digest { .. },
                    _,
                ) => {}
            }
        }
    }
}

/// How far a join has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Awaited {
    /// The link of this host is expected.
    Ready,
    /// Both ends are connected.
    Flow,
}

/// How long the relay may take to say why it expects no link any more.
const LAST_WORD: Duration = Duration::from_secs(1);
