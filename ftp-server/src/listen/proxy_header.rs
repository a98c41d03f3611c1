//! Who is at the other end of a proxy: the header of the PROXY protocol, before the first byte of FTP or TLS.

use std::net::SocketAddr;
use std::time::Duration;

use ftp_proto::address::proxy::{BadHeader, Header, Proxied, parse};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::operate::audit::HeaderFailure;

/// Reads the header of a connection, and not a byte more. Returns the client, and whether the proxy has named
/// it: a LOCAL or UNKNOWN header makes the proxy itself the client.
///
/// # Errors
/// There is no valid header, or it did not come in time.
pub(super) async fn read_client(
    stream: &mut TcpStream,
    proxy: SocketAddr,
) -> Result<(SocketAddr, bool), HeaderFailure> {
    match timeout(MAX_HEADER_TIME, header(stream)).await {
        Ok(Ok(Proxied::Client(client))) => Ok((client, true)),
        Ok(Ok(Proxied::Itself)) => Ok((proxy, false)),
        Ok(Err(why)) => Err(HeaderFailure::Bad(why)),
        Err(_) => Err(HeaderFailure::Late),
    }
}

async fn header(stream: &mut TcpStream) -> Result<Proxied, BadHeader> {
    let mut bytes = Vec::new();
    loop {
        match parse(&bytes)? {
            Header::Whole(proxied) => return Ok(proxied),
            Header::Lacks(count) => {
                let count = u64::try_from(count.get()).unwrap_or(1);
                if !matches!((&mut *stream).take(count).read_buf(&mut bytes).await, Ok(1..)) {
                    return Err(BadHeader::Missing);
                }
            }
        }
    }
}

/// How long a proxy may take to send its header. It knows all of it when it connects.
const MAX_HEADER_TIME: Duration = Duration::from_secs(5);
