//! A small file that is in memory to a connection: no thread is needed for it.

use std::io;

use tokio::io::AsyncWriteExt;

use super::data::DataConnection;
use super::encode::{EncodedFile, Encoder};
use super::outcome::{CopyEnd, CopyReport, Format};
use crate::meter::Meter;
use crate::tls::Data;

/// Sends `bytes`, which are a whole file or the part of it that is wanted, then closes the connection in order or
/// keeps it, as `format` says. If that does not succeed, or the future is dropped, the connection is reset. As with
/// [`send`](super::send) the peer has to close its side in turn.
///
/// Everything that `format` wants is done at once, so it takes the time that a small file takes.
pub async fn send_whole(
    bytes: &[u8],
    data: impl Into<Data>,
    format: impl Into<Format>,
    meter: &Meter,
) -> CopyReport {
    let format = format.into();
    let EncodedFile { wire, digest } = match Encoder::new(&format).encode_whole(bytes) {
        Ok(encoded) => encoded,
        Err(error) => return CopyReport::plain(0, CopyEnd::File(error)),
    };
    let mut connection = match DataConnection::open(data.into(), meter).await {
        Ok(connection) => connection,
        Err(end) => return CopyReport::plain(0, end),
    };
    let (end, kept) = match write(&wire, &mut connection, meter).await {
        Ok(()) if format.keep => connection.keep(meter).await,
        Ok(()) => (connection.finish(format.encoding.marks_end(), meter).await, None),
        Err(end) => (end, None),
    };
    CopyReport { digest, kept, ..CopyReport::plain(meter.moved(), end) }
}

async fn write(bytes: &[u8], connection: &mut DataConnection, meter: &Meter) -> Result<(), CopyEnd> {
    let mut rest = bytes;
    // Nearly always a new connection takes everything, though nobody knows yet that it is ready.
    if meter.allowance().is_ok_and(|most| most >= rest.len()) && !meter.is_stopped() {
        match connection.connection().write_now(rest) {
            Ok(count) => rest = advance(rest, count, meter),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(CopyEnd::Broken(error)),
        }
    }
    while !rest.is_empty() {
        let most = match meter.allowance() {
            Ok(most) => most,
            Err(rest) => {
                tokio::select! {
                    () = meter.stopped() => return Err(CopyEnd::Stopped),
                    () = tokio::time::sleep(rest) => continue,
                }
            }
        };
        let piece = rest.get(..most).unwrap_or(rest);
        let count = tokio::select! {
            biased;
            () = meter.stopped() => return Err(CopyEnd::Stopped),
            written = connection.connection_mut().write(piece) => written.map_err(CopyEnd::Broken)?,
        };
        rest = advance(rest, count, meter);
    }
    Ok(())
}

/// Counts what has moved. Returns what follows it.
fn advance<'a>(bytes: &'a [u8], count: usize, meter: &Meter) -> &'a [u8] {
    meter.add(count);
    bytes.get(count..).unwrap_or_default()
}
