//! A tunnel: carries a control connection between the link of a user agent and a server.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use ftp_io::connection::Connection;
use ftp_io::link::Link;
use ftp_io::socket::{end_by_reset, end_in_order};
use ftp_proto::relay::agent::{Answer, Flow, JoinEnd};
use ftp_proto::relay::message::LegId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A running tunnel: how much it has carried, and how to end it.
#[derive(Debug)]
pub(super) struct Tunnel {
    up: AtomicU64,
    down: AtomicU64,
    left: AtomicU64,
    stop: Notify,
}

impl Tunnel {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            left: AtomicU64::new(limit),
            stop: Notify::new(),
        }
    }

    pub(super) fn flow(&self) -> Flow {
        let (up, down) = (self.up.load(Ordering::Relaxed), self.down.load(Ordering::Relaxed));
        Flow { taken_a: up, given_b: up, taken_b: down, given_a: down }
    }

    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }

    /// Carries bytes until both ends have closed in order. Otherwise the server's connection is reset.
    pub(super) async fn run(&self, link: Link, mut server: TcpStream) -> Answer {
        end_by_reset(&server);
        let how = tokio::select! {
            () = self.stop.notified() => JoinEnd::Stopped,
            how = self.carry(link, &mut server) => how,
        };
        if how == JoinEnd::Whole {
            end_in_order(&server);
        }
        let (a_to_b, b_to_a) = (self.up.load(Ordering::Relaxed), self.down.load(Ordering::Relaxed));
        Answer::Ended { a_to_b, b_to_a, how }
    }

    async fn carry(&self, link: Link, server: &mut TcpStream) -> JoinEnd {
        let (from_user, mut to_user) = split(Connection::from(link));
        let (from_server, mut to_server) = server.split();
        let up = async {
            self.copy((from_user, LegId::A), &mut to_server, &self.up).await?;
            to_server.shutdown().await.map_err(|_| JoinEnd::Leg(LegId::B))
        };
        let down = async {
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
        let mut room = vec![0; ROOM];
        loop {
            let count = from.read(&mut room).await.map_err(|_| JoinEnd::Leg(leg))?;
            let bytes = room.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            let length = u64::try_from(count).unwrap_or(u64::MAX);
            let left =
                self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(length));
            if left.is_err() {
                return Err(JoinEnd::Limit);
            }
            send(to, bytes).await.map_err(|_| JoinEnd::Leg(leg.other()))?;
            moved.fetch_add(length, Ordering::Relaxed);
        }
    }
}

async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

/// Bytes that are read at once; a control connection carries little at a time.
const ROOM: usize = 4 * 1024;
