//! A connection to a connection: a file that passes this host and is never stored here.
//!
//! It is one flow. The destination's connection is not closed: only the caller knows whether the file
//! was whole (I03).

#[cfg(test)]
mod tests;

use std::io;

use super::CopyEnd;
use super::data::DataConnection;
use super::flow::{self, Allowance, Broken, Flow, Slot, Transit};
#[cfg(target_os = "linux")]
use super::pipe::Pipes;
use crate::meter::{Meter, Meters};
use crate::tls::Data;

/// Whether a digest of the bytes is computed on their way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Digest {
    /// No digest. The kernel moves the bytes (splice).
    #[default]
    Off,
    /// Their SHA-256 (I14).
    Sha256,
}

/// What [`forward`] did.
#[derive(Debug)]
#[must_use]
pub struct Forwarded {
    /// Bytes that the destination's connection has accepted.
    pub bytes: u64,
    /// Their SHA-256, 64 lower-case hexadecimal digits, if it was asked for and they are all.
    pub sha256: Option<String>,
    /// Why there were no more.
    pub end: ForwardEnd,
}

/// Why [`forward`] ended. Except after [`ForwardEnd::Whole`] both connections have been reset.
#[derive(Debug)]
#[must_use]
pub enum ForwardEnd {
    /// The source closed its connection in order, and the destination's has accepted everything.
    Whole(Unclosed),
    /// The source's connection failed.
    Source(io::Error),
    /// The destination's connection failed.
    Destination(io::Error),
    /// [`Meters::stop`] was called.
    Stopped,
}

/// The destination's connection after the last byte. Dropping it resets it.
#[derive(Debug)]
#[must_use]
pub struct Unclosed(DataConnection);

impl Unclosed {
    /// Closes it in order: the file is whole.
    pub async fn close(self, meter: &Meter) -> CopyEnd {
        self.0.finish(false, meter).await
    }
}

/// Moves the bytes of `from` to `to` until `from` closes in order. Never more than one pipe of 1 MiB is
/// under way, or 256 KiB where a digest is computed, or there is TLS, or splice does not work. If it
/// does not succeed, or the future is dropped, both connections are reset.
pub async fn forward(
    from: impl Into<Data>,
    to: impl Into<Data>,
    digest: Digest,
    meters: &Meters,
) -> Forwarded {
    forward_by(transit(digest), from.into(), to.into(), meters).await
}

fn transit(digest: Digest) -> Transit {
    let transit = Transit::copied(BUFFER).kept();
    match digest {
        Digest::Sha256 => transit.digested(),
        #[cfg(target_os = "linux")]
        Digest::Off => transit.spliced(Pipes::one(), BUFFER),
        #[cfg(not(target_os = "linux"))]
        Digest::Off => transit,
    }
}

async fn forward_by(transit: Transit, from: Data, to: Data, meters: &Meters) -> Forwarded {
    let none = |end| Forwarded { bytes: 0, sha256: None, end };
    // An end whose handshake fails is not kept waiting for the other's.
    let opened = tokio::try_join!(
        async {
            DataConnection::open_to_send(from, &meters.taken)
                .await
                .map_err(|end| failed(end, ForwardEnd::Source))
        },
        async {
            DataConnection::open_to_send(to, &meters.given)
                .await
                .map_err(|end| failed(end, ForwardEnd::Destination))
        },
    );
    let (from, to) = match opened {
        Ok(opened) => opened,
        Err(end) => return none(end),
    };
    let private = from.connection().has_tls() || to.connection().has_tls();
    let transit = if private { transit.without_pipes() } else { transit };
    let there = meters.clone();
    let work = move |from, to, slot| async move { forwarded(transit, from, to, &there, &slot).await };
    flow::run(from, to, work).await.unwrap_or_else(|error| none(ForwardEnd::Source(error)))
}

/// Why a connection could not be opened.
fn failed(end: CopyEnd, whose: impl FnOnce(io::Error) -> ForwardEnd) -> ForwardEnd {
    match end {
        CopyEnd::Broken(error) => whose(error),
        CopyEnd::Whole | CopyEnd::Stopped | CopyEnd::File(_) => ForwardEnd::Stopped,
    }
}

async fn forwarded(
    mut transit: Transit,
    from: DataConnection,
    to: DataConnection,
    meters: &Meters,
    slot: &Slot,
) -> Forwarded {
    let allowance = Allowance::new(u64::MAX, Vec::new());
    let flow = Flow { from: from.connection(), to: to.connection(), meters, allowance: &allowance, slot };
    let ended = flow.run(&mut transit).await;
    let (sha256, end) = match ended {
        Ok(()) => {
            from.close();
            (transit.sha256(), ForwardEnd::Whole(Unclosed(to)))
        }
        Err(Broken::From(error)) => (None, ForwardEnd::Source(error)),
        Err(Broken::To(error)) => (None, ForwardEnd::Destination(error)),
        Err(Broken::Limit | Broken::Stopped) => (None, ForwardEnd::Stopped),
    };
    Forwarded { bytes: meters.given.moved(), sha256, end }
}

/// How much is read at once where bytes are copied.
const BUFFER: usize = 256 * 1024;
