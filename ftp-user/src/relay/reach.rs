//! Connections to a relay or a hub, and what it means if they take too long.

use super::failure;
use crate::config::RelayAddress;
use crate::context::Context;
use crate::failure::Failure;
use crate::session::{Dialled, connect, open_tcp, unbound, within};
use ftp_io::socket::{self, Stream};
use ftp_io::socks::HostPort;
use std::io;
use std::path::PathBuf;
use tokio::net::UnixStream;

/// Where a relay or a hub has been found.
#[derive(Clone, Debug)]
pub(super) enum At {
    /// In a network.
    Network(HostPort),
    /// At a Unix socket of this host.
    Unix(PathBuf),
}

/// The first connection to a relay or a hub, and where it was found.
pub(super) async fn found(
    context: &Context,
    address: &RelayAddress,
    display_name: &str,
) -> Result<(Stream, At), Failure> {
    match address {
        RelayAddress::Network(at) => {
            let title = format!("the relay {display_name}");
            let Dialled { stream, to } = connect(context, &at.host, at.port, &title, "a relay").await?;
            socket::keepalive(&stream).map_err(|error| failure::no_link(display_name, &error.into()))?;
            Ok((stream.into(), At::Network(to)))
        }
        RelayAddress::Unix(path) => {
            let at = At::Unix(path.clone());
            match within(context, context.settings.patience.reply, stream(context, &at)).await {
                Some(Ok(stream)) => Ok((stream, at)),
                Some(Err(error)) => Err(failure::no_socket(display_name, &error)),
                None => Err(late(context, display_name, "a connection")),
            }
        }
    }
}

/// One more connection to a relay or a hub. A Unix socket is of this host, so no proxy is asked.
pub(super) async fn stream(context: &Context, at: &At) -> io::Result<Stream> {
    match at {
        At::Network(at) => {
            let stream = open_tcp(context, unbound(at), at.clone()).await?;
            socket::keepalive(&stream)?;
            Ok(stream.into())
        }
        At::Unix(path) => Ok(UnixStream::connect(path).await?.into()),
    }
}

/// Why something has not come in time, or was not waited for.
pub(super) fn late(context: &Context, display_name: &str, for_what: &str) -> Failure {
    if context.run.cancel.is_cancelled() {
        Failure::interrupted()
    } else {
        failure::late(display_name, for_what)
    }
}
