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

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::data::DataConnection;
use super::flow::{Allowance, Broken, Flow};
#[cfg(target_os = "linux")]
use super::pool::Pipes;
use super::threads::{self, Slot};
use super::transit::Transit;
use crate::connection::Connection;
use crate::meter::{Meter, Meters};

/// One of the two connections.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The first connection.
    A,
    /// The second connection.
    B,
}

/// Why an exchange ended. Except after [`ExchangeEnd::Whole`] both connections have been reset.
#[derive(Debug)]
#[must_use]
pub enum ExchangeEnd {
    /// Both were closed in order, and everything has gone.
    Whole,
    /// That connection failed.
    Broken(Side, io::Error),
    /// There were more bytes than allowed.
    Limit,
    /// [`Exchange::stop`] was called.
    Stopped,
}

/// What an exchange works with. Clones share everything.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// From a to b.
    pub forth: Meters,
    /// From b to a.
    pub back: Meters,
    /// Maximum number of bytes, both directions together.
    pub limit: u64,
    /// Where the pipes come from.
    #[cfg(target_os = "linux")]
    pub pipes: Pipes,
}

impl Exchange {
    /// Moves bytes in both directions until the peers have closed both connections in order. Tells `half`
    /// which of them closed first and how much came from it, once all of that has gone. If it does not get
    /// there, or the future is dropped, both connections are reset.
    pub async fn run(&self, a: TcpStream, b: TcpStream, half: impl FnOnce(Side, u64) + Send) -> ExchangeEnd {
        let (tell, mut closed) = oneshot::channel();
        let there = self.clone();
        let on_half = move |side, bytes| {
            // Whoever wanted to know may have gone.
            let _ = tell.send((side, bytes));
        };
        let work = move |a, b, slot| async move { there.joined(a, b, &slot, on_half).await };
        let mut joined = pin!(threads::run(DataConnection::new(a), DataConnection::new(b), work));
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
        end.unwrap_or_else(|error| ExchangeEnd::Broken(Side::A, error))
    }

    async fn joined(
        self,
        a: DataConnection,
        b: DataConnection,
        slot: &Slot,
        half: impl FnOnce(Side, u64) + Send,
    ) -> ExchangeEnd {
        if let Err(end) = self.both(a.connection(), b.connection(), slot, half).await {
            return end;
        }
        a.close();
        b.close();
        ExchangeEnd::Whole
    }

    async fn both(
        &self,
        a: &Connection,
        b: &Connection,
        slot: &Slot,
        half: impl FnOnce(Side, u64) + Send,
    ) -> Result<(), ExchangeEnd> {
        let allowance = &Allowance::new(self.limit);
        let forth = self.one_way(Flow { from: a, to: b, meters: &self.forth, allowance, slot });
        let back = self.one_way(Flow { from: b, to: a, meters: &self.back, allowance, slot });
        tokio::pin!(forth, back);
        let first = tokio::select! {
            done = &mut forth => done.map(|()| Side::A).map_err(|broken| end(broken, Side::A)),
            done = &mut back => done.map(|()| Side::B).map_err(|broken| end(broken, Side::B)),
        };
        match first? {
            Side::A => {
                half(Side::A, self.forth.given.moved());
                back.await.map_err(|broken| end(broken, Side::B))
            }
            Side::B => {
                half(Side::B, self.back.given.moved());
                forth.await.map_err(|broken| end(broken, Side::A))
            }
        }
    }

    /// One direction to its orderly end, which is passed on.
    async fn one_way(&self, flow: Flow<'_>) -> Result<(), Broken> {
        let transit = Transit::copied(BUFFER);
        #[cfg(target_os = "linux")]
        let transit = transit.spliced(self.pipes.clone());
        flow.run(&mut { transit }).await?;
        SockRef::from(flow.to.socket()).shutdown(Shutdown::Write).map_err(Broken::To)
    }

    /// What has been taken and given, a's bytes first.
    pub fn moved(&self) -> [u64; 4] {
        let of = Meter::moved;
        [of(&self.forth.taken), of(&self.forth.given), of(&self.back.taken), of(&self.back.given)]
    }

    /// Ends it at once, with a reset of both connections.
    pub fn stop(&self) {
        self.forth.stop();
        self.back.stop();
    }
}

/// Why the exchange ends when the direction that begins at `from` has broken.
fn end(broken: Broken, from: Side) -> ExchangeEnd {
    match (broken, from) {
        (Broken::From(error), from) => ExchangeEnd::Broken(from, error),
        (Broken::To(error), Side::A) => ExchangeEnd::Broken(Side::B, error),
        (Broken::To(error), Side::B) => ExchangeEnd::Broken(Side::A, error),
        (Broken::Limit, _) => ExchangeEnd::Limit,
        (Broken::Stopped, _) => ExchangeEnd::Stopped,
    }
}

/// How much is read at once where bytes are copied.
const BUFFER: usize = 64 * 1024;
