//! Data connections between this host and a server that only a relay reaches. The relay connects to the server's data port;
//! this host makes one more link with the relay, proves the secret of the join, and is its other leg. What passes is
//! encrypted from here to the relay or agent, and TLS of the server runs inside that from one end to the other.

use super::event::JoinEvent;
use super::{Session, failure};
use crate::context::Context;
use crate::control::{Connecting, ControlRelay, DataLinks, Tunnel};
use crate::failure::Failure;
use ftp_io::connection::Connection;
use ftp_io::link;
use ftp_io::random;
use ftp_proto::relay::message::{Leg, Meeting};
use ftp_proto::relay::token::Secret32;
use ftp_proto::third_party::Side;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The relay session beside a tunnel. It ends with the last control session that may ask it.
#[derive(Debug)]
struct Beside(Arc<Mutex<Session>>);

impl DataLinks for Beside {
    fn connect(&self, context: &Context, at: SocketAddr) -> Connecting {
        let (session, context) = (Arc::clone(&self.0), context.clone());
        Box::pin(async move { session.lock().await.data_connection(&context, at).await })
    }
}

impl Session {
    /// The tunnel of this session, whose server has its data connections through it, too.
    pub(super) fn with_data(self, tunnel: Tunnel) -> Tunnel {
        let data: Arc<dyn DataLinks> = Arc::new(Beside(Arc::new(Mutex::new(self))));
        let relay = ControlRelay { data: Some(data), ..tunnel.relay };
        Tunnel { relay, ..tunnel }
    }

    /// A data connection with the data port at `to`. If the future is dropped, the next call, or the end of the session,
    /// ends the join.
    pub(super) async fn data_connection(
        &mut self,
        context: &Context,
        to: SocketAddr,
    ) -> Result<Connection, Failure> {
        if let Some(why) = &self.ended {
            return Err(failure::lost(&self.display_name, why));
        }
        if let Some((unfinished, _)) = self.current_join {
            self.close(unfinished);
        }
        let secret = Secret32::new(random::bytes().map_err(|error| failure::no_secret(&error))?);
        self.meet(Side::Source, Leg::Dial(to), Meeting::Await(secret.clone()));
        let (reach, display_name) = (self.reach.clone(), self.display_name.clone());
        // The link is expected once the join is ready. The connection below it needs no such wait.
        let (stream, ()) =
            tokio::try_join!(reach.stream(context, &display_name), self.wait_for(to, Awaited::Ready))?;
        let attached = link::attach(stream, &secret).await;
        let link = attached.map_err(|failure| failure::no_link(&display_name, &failure))?;
        self.wait_for(to, Awaited::Flow).await?;
        // From here on its ends speak for themselves.
        self.forget_join();
        Ok(link.into())
    }

    /// Waits until the join with the data port at `to` has come so far.
    async fn wait_for(&mut self, to: SocketAddr, awaited: Awaited) -> Result<(), Failure> {
        loop {
            match (self.next().await, awaited) {
                (JoinEvent::Ready { .. }, Awaited::Ready) | (JoinEvent::Flows, Awaited::Flow) => {
                    return Ok(());
                }
                (JoinEvent::Refused { why, for_now: true, .. } | JoinEvent::Ended { why, .. }, _) => {
                    return Err(failure::no_data_now(&self.display_name, &why));
                }
                (JoinEvent::Refused { code, why, for_now: false, .. }, _) => {
                    return Err(failure::no_data(&self.display_name, to, code, &why));
                }
                (JoinEvent::Lost(why), _) => return Err(failure::lost(&self.display_name, &why)),
                (
                    JoinEvent::Ready { .. }
                    | JoinEvent::Up(_)
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
