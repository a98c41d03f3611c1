//! A listing to a connection, as it is made.

use std::io;
use std::pin::pin;

use tokio::io::AsyncWriteExt;
use tokio_stream::{Stream, StreamExt};

use super::data::DataConnection;
use super::outcome::{Ended, Moved};
use crate::meter::Meter;
use crate::tls::Data;

/// Sends every item of `pieces` as it is (line ends included), then closes the connection in order.
/// The next item is asked for when the connection has taken the one before, so a peer that does not read
/// costs at most one item. An error in `pieces` ends the copy as [`Ended::File`]. Unless all of it was
/// sent, or if the future is dropped, the connection is reset.
pub async fn send_stream(
    pieces: impl Stream<Item = io::Result<Vec<u8>>>,
    data: impl Into<Data>,
    meter: &Meter,
) -> Moved {
    let end = match DataConnection::open(data.into(), meter).await {
        Ok(connection) => send_pieces(pieces, connection, meter).await,
        Err(end) => end,
    };
    Moved { bytes: meter.moved(), end }
}

async fn send_pieces(
    pieces: impl Stream<Item = io::Result<Vec<u8>>>,
    mut connection: DataConnection,
    meter: &Meter,
) -> Ended {
    let mut pieces = pin!(pieces);
    loop {
        let piece = tokio::select! {
            biased;
            () = meter.stopped() => return Ended::Stopped,
            piece = pieces.next() => piece,
        };
        match piece {
            Some(Ok(piece)) => {
                if let Err(end) = send_piece(&mut connection, &piece, meter).await {
                    return end;
                }
            }
            Some(Err(error)) => return Ended::File(error),
            None => return connection.finish(meter).await,
        }
    }
}

/// Sends all of `piece`, or says why the copy has ended.
async fn send_piece(connection: &mut DataConnection, mut piece: &[u8], meter: &Meter) -> Result<(), Ended> {
    while !piece.is_empty() {
        tokio::select! {
            () = meter.stopped() => return Err(Ended::Stopped),
            sent = connection.connection_mut().write_buf(&mut piece) => {
                meter.add(sent.map_err(Ended::Broken)?);
            }
        }
    }
    Ok(())
}
