//! A listing to a connection, as it is made.

use std::pin::pin;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_stream::{Stream, StreamExt};

use super::burst::Conn;
use super::send::finish;
use super::{Ended, Meter, Moved};

/// Sends every item of `lines` as it is (line ends included), gathered into pieces of 64 KiB, then
/// closes the connection in order. What has not been sent is never more than one such piece and one
/// item. Where it does not succeed, or the future is dropped, the connection is reset.
pub async fn send_stream(lines: impl Stream<Item = Vec<u8>>, conn: TcpStream, meter: &Meter) -> Moved {
    let mut lines = pin!(lines);
    let mut conn = Conn::new(conn);
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        let line = tokio::select! {
            biased;
            () = meter.stopped() => return Moved { octets: meter.moved(), end: Ended::Stopped },
            line = lines.next() => line,
        };
        let last = line.is_none();
        piece.extend(line.unwrap_or_default());
        if (last || piece.len() >= PIECE)
            && let Some(end) = push(&mut conn, &mut piece, meter).await
        {
            return Moved { octets: meter.moved(), end };
        }
        if last {
            let end = finish(conn, None, meter).await;
            return Moved { octets: meter.moved(), end };
        }
    }
}

/// Sends all of `piece` and empties it; why that did not succeed.
async fn push(conn: &mut Conn, piece: &mut Vec<u8>, meter: &Meter) -> Option<Ended> {
    let mut rest = piece.as_slice();
    while !rest.is_empty() {
        let stream = conn.stream_mut()?;
        tokio::select! {
            () = meter.stopped() => return Some(Ended::Stopped),
            sent = stream.write_buf(&mut rest) => match sent {
                Ok(sent) => meter.add(sent),
                Err(error) => return Some(Ended::Broken(error)),
            },
        }
    }
    piece.clear();
    None
}

const PIECE: usize = 64 * 1024;
