//! Connections to a relay or a hub, and what it means if they take too long.

use super::failure;
use crate::context::Context;
use crate::control::{open_tcp, unbound};
use crate::failure::Failure;
use ftp_io::socket;
use ftp_io::socks::HostPort;
use tokio::net::TcpStream;

/// A connection to a relay or a hub.
pub(super) async fn stream(context: &Context, at: &HostPort) -> std::io::Result<TcpStream> {
    let stream = open_tcp(context, unbound(at), at.clone()).await?;
    socket::keepalive(&stream)?;
    Ok(stream)
}

/// Why something has not come in time, or was not waited for.
pub(super) fn late(context: &Context, display_name: &str, for_what: &str) -> Failure {
    if context.cancel.is_cancelled() { Failure::interrupted() } else { failure::late(display_name, for_what) }
}
