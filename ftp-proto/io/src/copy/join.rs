//! Two connections joined in both directions: the work of a relay.
//!
//! ```text
//!  a --flow--> b        each direction on its own: an orderly close of one is passed on,
//!  a <--flow-- b        and the other one goes on
//! ```
//!
//! A close is passed on only after everything before it. A reset, an error or a limit resets both
//! connections, so that a cut file never looks whole (E10).

#[cfg(test)]
mod tests;

use std::io;
use std::net::Shutdown;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use ftp_proto::relay::message::LegId;
use tokio::sync::oneshot;

use super::data::DataConnection;
use super::flow::{self, Allowance, Broken, Flow, Slot, Transit};
#[cfg(target_os = "linux")]
use super::pipe::Pipes;
use crate::connection::Connection;
use crate::limiter::Volume;
use crate::lock::Lock;
use crate::meter::{Meter, Meters};

/// Why a join ended. Except after [`JoinEnd::Whole`] both connections have been reset.
#[derive(Debug)]
#[must_use]
pub enum JoinEnd {
    /// Both were closed in order, and everything has gone.
    Whole,
    /// That connection failed.
    Broken(LegId, io::Error),
    /// There were more bytes than allowed.
    Limit,
    /// [`Join::stop`] was called.
    Stopped,
}

/// A join: the counters of its two flows, and what bounds them. Clones share everything.
#[derive(Clone, Debug)]
pub struct Join {
    /// From a to b.
    pub forth: Meters,
    /// From b to a.
    pub back: Meters,
    /// Maximum number of bytes, both directions together.
    pub limit: u64,
    /// What it shares with other joins.
    pub volumes: Vec<Volume>,
    /// Where the pipes come from.
    #[cfg(target_os = "linux")]
    pub pipes: Pipes,
    /// Takes the digests of what passes. Then the bytes are copied, and no pipe moves them.
    pub digests: Option<Digests>,
}

/// The SHA-256 of each direction of a join, 64 lower-case hexadecimal digits, once it has ended in order. Clones share
/// them.
#[derive(Clone, Debug, Default)]
pub struct Digests(Arc<Mutex<[Option<String>; 2]>>);

impl Digests {
    /// Both: from a to b, and from b to a.
    pub fn both(&self) -> Option<[String; 2]> {
        let [forth, back] = self.0.locked().clone();
        Some([forth?, back?])
    }

    fn note(&self, from: LegId, sha256: Option<String>) {
        let [forth, back] = &mut *self.0.locked();
        *(if from == LegId::A { forth } else { back }) = sha256;
    }
}

impl Join {
    /// Moves bytes in both directions until the peers have closed both connections in order. Tells `half`
    /// which of them closed first and how much came from it, once all of that has gone. If it does not get
    /// there, or the future is dropped, both connections are reset.
    ///
    /// Inside TLS an orderly close is close_notify, so that no host on the path can make one.
    pub async fn run(
        &self,
        a: impl Into<Connection>,
        b: impl Into<Connection>,
        half: impl FnOnce(LegId, u64) + Send,
    ) -> JoinEnd {
        let (tell, mut closed) = oneshot::channel();
        let there = self.clone();
        let on_half = move |side, bytes| {
            // The receiver may have gone.
            let _ = tell.send((side, bytes));
        };
        let work = move |a, b, slot| async move { there.joined(a, b, &slot, on_half).await };
        let mut joined = pin!(flow::run(DataConnection::new(a), DataConnection::new(b), work));
        let early = tokio::select! {
            biased;
            Ok((side, bytes)) = &mut closed => {
                half(side, bytes);
                None
            }
            end = &mut joined => {
                if let Ok((side, bytes)) = closed.try_recv() {
                    half(side, bytes);
                }
                Some(end)
            }
        };
        let end = match early {
            Some(end) => end,
            None => joined.await,
        };
        end.unwrap_or_else(|error| JoinEnd::Broken(LegId::A, error))
    }

    async fn joined(
        self,
        a: DataConnection,
        b: DataConnection,
        slot: &Slot,
        half: impl FnOnce(LegId, u64) + Send,
    ) -> JoinEnd {
        if let Err(end) = self.both(a.connection(), b.connection(), slot, half).await {
            return end;
        }
        a.close();
        b.close();
        JoinEnd::Whole
    }

    async fn both(
        &self,
        a: &Connection,
        b: &Connection,
        slot: &Slot,
        half: impl FnOnce(LegId, u64) + Send,
    ) -> Result<(), JoinEnd> {
        let allowance = &Allowance::new(self.limit, self.volumes.clone());
        let forth = self.flow_to_end(LegId::A, Flow { from: a, to: b, meters: &self.forth, allowance, slot });
        let back = self.flow_to_end(LegId::B, Flow { from: b, to: a, meters: &self.back, allowance, slot });
        tokio::pin!(forth, back);
        let first = tokio::select! {
            biased;
            done = &mut forth => done.map(|()| LegId::A).map_err(|broken| end(broken, LegId::A)),
            done = &mut back => done.map(|()| LegId::B).map_err(|broken| end(broken, LegId::B)),
        };
        match first? {
            LegId::A => {
                half(LegId::A, self.forth.given.moved());
                back.await.map_err(|broken| end(broken, LegId::B))
            }
            LegId::B => {
                half(LegId::B, self.back.given.moved());
                forth.await.map_err(|broken| end(broken, LegId::A))
            }
        }
    }

    /// Runs one flow to its orderly end, and passes the close on.
    async fn flow_to_end(&self, from: LegId, flow: Flow<'_>) -> Result<(), Broken> {
        let transit = Transit::copied(BUFFER);
        let may_splice = !flow.from.has_tls() && !flow.to.has_tls() && self.digests.is_none();
        #[cfg(target_os = "linux")]
        let transit = if may_splice { transit.spliced(self.pipes.clone(), CROWDED) } else { transit };
        let mut transit = if self.digests.is_some() { transit.digested() } else { transit };
        flow.run(&mut transit).await?;
        if let Some(digests) = &self.digests {
            digests.note(from, transit.sha256());
        }
        if flow.to.has_tls() {
            end_tls(flow.to).await.map_err(Broken::To)?;
        }
        flow.to.socket().shut_down(Shutdown::Write).map_err(Broken::To)
    }

    /// Bytes taken and given: taken from a, given to b, taken from b, given to a.
    pub fn moved(&self) -> [u64; 4] {
        let of = Meter::moved;
        [of(&self.forth.taken), of(&self.forth.given), of(&self.back.taken), of(&self.back.given)]
    }

    /// Ends the join at once, with a reset of both connections.
    pub fn stop(&self) {
        self.forth.stop();
        self.back.stop();
    }
}

/// Says inside TLS that nothing more follows, and waits until the socket has taken it.
async fn end_tls(to: &Connection) -> io::Result<()> {
    let mut sent = to.close_notify();
    loop {
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                to.socket().writable().await?;
                sent = to.try_flush();
            }
            sent => return sent,
        }
    }
}

/// Why the join ends when the flow that begins at `from` has broken.
fn end(broken: Broken, from: LegId) -> JoinEnd {
    match broken {
        Broken::From(error) => JoinEnd::Broken(from, error),
        Broken::To(error) => JoinEnd::Broken(from.other(), error),
        Broken::Limit => JoinEnd::Limit,
        Broken::Stopped => JoinEnd::Stopped,
    }
}

/// How much is read at once where bytes are copied.
const BUFFER: usize = 64 * 1024;
/// The same while all pipes are lent: then many joins wait for their receivers, and each of them may hold so much.
#[cfg(target_os = "linux")]
const CROWDED: usize = 16 * 1024;
