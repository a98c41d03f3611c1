//! A listing to a connection, as it is made.

use std::io;
use std::pin::pin;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_stream::{Stream, StreamExt};

use super::burst::Conn;
use super::send::finish;
use super::{Ended, Meter, Moved};

/// Sends every item of `pieces` as it is (line ends included), then closes the connection in order.
/// The next item is asked for when the connection has taken the one before, so that nobody who does
/// not read makes this hold more than one item. An error in `pieces` ends the copy as
/// [`Ended::File`]. Unless all of it was sent, or if the future is dropped, the connection is reset.
pub async fn send_stream(
    pieces: impl Stream<Item = io::Result<Vec<u8>>>,
    conn: TcpStream,
    meter: &Meter,
) -> Moved {
    let mut pieces = pin!(pieces);
    let mut conn = Conn::new(conn);
    let end = loop {
        let piece = tokio::select! {
            biased;
            () = meter.stopped() => break Ended::Stopped,
            piece = pieces.next() => piece,
        };
        match piece {
            Some(Ok(piece)) => {
                if let Err(end) = send_all(&mut conn, &piece, meter).await {
                    break end;
                }
            }
            Some(Err(error)) => break Ended::File(error),
            None => break finish(conn, None, meter).await,
        }
    };
    Moved { octets: meter.moved(), end }
}

/// Sends all of `piece`, or says why the copy has ended.
async fn send_all(conn: &mut Conn, mut piece: &[u8], meter: &Meter) -> Result<(), Ended> {
    while !piece.is_empty() {
        let Some(stream) = conn.stream_mut() else { return Err(Ended::Stopped) };
        tokio::select! {
            () = meter.stopped() => return Err(Ended::Stopped),
            sent = stream.write_buf(&mut piece) => meter.add(sent.map_err(Ended::Broken)?),
        }
    }
    Ok(())
}
