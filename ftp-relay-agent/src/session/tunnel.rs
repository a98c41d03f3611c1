//! A tunnel: carries a control connection between the link of a user agent and a server.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};

use ftp_io::connection::Connection;
use ftp_io::copy::{Allowance, Meter};
use ftp_io::link::Link;
use ftp_io::socket::{end_by_reset, end_in_order};
use ftp_proto::relay::agent::{Answer, Flow, JoinEnd, Opening};
use ftp_proto::relay::message::LegId;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, split};
use tokio::sync::Notify;

use super::greeting::{self, Server, Unopened};

/// A running tunnel: how much it has carried, and how to end it.
#[derive(Debug)]
pub(super) struct Tunnel {
    up: AtomicU64,
    down: AtomicU64,
    /// What may still pass.
    allowance: Allowance,
    /// How fast it may pass.
    meter: Meter,
    stop: Notify,
}

impl Tunnel {
    pub(super) fn new(allowance: Allowance, meter: Meter) -> Self {
        Self { up: AtomicU64::new(0), down: AtomicU64::new(0), allowance, meter, stop: Notify::new() }
    }

    pub(super) fn flow(&self) -> Flow {
        let (up, down) = (self.up.load(Ordering::Relaxed), self.down.load(Ordering::Relaxed));
        Flow { taken_a: up, given_b: up, taken_b: down, given_a: down }
    }

    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }

    /// Carries bytes until both ends have closed in order. Otherwise the server's connection is reset. Calls
    /// `opened` when a server that begins with TLS has greeted.
    pub(super) async fn run<F>(
        &self,
        link: Link,
        mut server: Server,
        opening: Opening,
        opened: impl FnOnce() -> F,
    ) -> Answer
    where
        F: Future<Output = ()>,
    {
        end_by_reset(&server.stream);
        let how = tokio::select! {
            () = self.stop.notified() => JoinEnd::Stopped,
            how = self.carry(link, &mut server, opening, opened) => how,
        };
        if how == JoinEnd::Whole {
            end_in_order(&server.stream);
        }
        let (a_to_b, b_to_a) = (self.up.load(Ordering::Relaxed), self.down.load(Ordering::Relaxed));
        Answer::Ended { a_to_b, b_to_a, how }
    }

    async fn carry<F: Future<Output = ()>>(
        &self,
        link: Link,
        server: &mut Server,
        opening: Opening,
        opened: impl FnOnce() -> F,
    ) -> JoinEnd {
        let (mut from_user, mut to_user) = split(Connection::from(link));
        let (mut from_server, mut to_server) = server.stream.split();
        let (mut said, mut ahead) = (std::mem::take(&mut server.said), Vec::new());
        if opening == Opening::Tls {
            // Its buffers are not kept for as long as the tunnel.
            match Box::pin(greeting::open(&mut from_user, &mut from_server, &mut to_server)).await {
                Ok(read) => (said, ahead) = read,
                Err(Unopened::User) => return JoinEnd::Leg(LegId::A),
                Err(Unopened::Server) => return JoinEnd::Leg(LegId::B),
                Err(Unopened::NoGreeting) => return JoinEnd::NoGreeting,
            }
            opened().await;
        }
        let up = async {
            self.pass(&ahead, &mut to_server, LegId::B, &self.up).await?;
            self.copy((from_user, LegId::A), &mut to_server, &self.up).await?;
            to_server.shutdown().await.map_err(|_| JoinEnd::Leg(LegId::B))
        };
        let down = async {
            self.pass(&said, &mut to_user, LegId::A, &self.down).await?;
            self.copy((from_server, LegId::B), &mut to_user, &self.down).await?;
            to_user.shutdown().await.map_err(|_| JoinEnd::Leg(LegId::A))
        };
        match tokio::try_join!(up, down) {
            Ok(((), ())) => JoinEnd::Whole,
            Err(broke) => broke,
        }
    }

    async fn copy(
        &self,
        (mut from, leg): (impl AsyncRead + Unpin, LegId),
        to: &mut (impl AsyncWrite + Unpin),
        moved: &AtomicU64,
    ) -> Result<(), JoinEnd> {
        loop {
            // The meter is never stopped: the whole tunnel is dropped.
            let most = self.meter.turn().await.ok_or(JoinEnd::Stopped)?;
            let bytes = read_some(&mut from, most).await.map_err(|_| JoinEnd::Leg(leg))?;
            if bytes.is_empty() {
                return Ok(());
            }
            self.pass(&bytes, to, leg.other(), moved).await?;
        }
    }

    /// Passes bytes on to a leg, within the limit.
    async fn pass(
        &self,
        bytes: &[u8],
        to: &mut (impl AsyncWrite + Unpin),
        leg: LegId,
        moved: &AtomicU64,
    ) -> Result<(), JoinEnd> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if !self.allowance.take(bytes.len()) {
            return Err(JoinEnd::Limit);
        }
        self.meter.add(bytes.len());
        send(to, bytes).await.map_err(|_| JoinEnd::Leg(leg))?;
        moved.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }
}

/// Reads what there is, at most `most` bytes; none at the end. It holds no memory while nothing comes, because most
/// tunnels are silent for most of their time.
async fn read_some(from: &mut (impl AsyncRead + Unpin), most: usize) -> io::Result<Vec<u8>> {
    poll_fn(|context| {
        let mut room = [0; ROOM];
        let mut read = ReadBuf::new(room.get_mut(..most.min(ROOM)).unwrap_or_default());
        ready!(Pin::new(&mut *from).poll_read(context, &mut read))?;
        Poll::Ready(Ok(read.filled().to_vec()))
    })
    .await
}

async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

/// Bytes that are read at once; a control connection carries little at a time.
const ROOM: usize = 4 * 1024;
