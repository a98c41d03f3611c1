//! Where links come in: a port, or a Unix socket.

use std::io;
use std::net::SocketAddr;

use anyhow::Context;
use ftp_io::os_error::words;
use ftp_io::socket::{self, Listener, LocalListener, Stream};

use crate::config::ListenAt;
use crate::policy::Origin;

/// One listener of a relay.
#[derive(Debug)]
pub(super) enum Listening {
    /// At an address.
    Tcp(Listener),
    /// At a Unix socket.
    Unix(LocalListener),
}

impl Listening {
    /// Opens it. Returns where it is, with the real port.
    pub(super) fn open(at: &ListenAt) -> Result<(Self, ListenAt), anyhow::Error> {
        match at {
            ListenAt::Address(at) => {
                let (listener, at) = open(*at)?;
                Ok((Self::Tcp(listener), ListenAt::Address(at)))
            }
            ListenAt::Unix(path) => {
                let opened = LocalListener::open(path);
                let why = |error: io::Error| anyhow::anyhow!("cannot listen on {at}: {}", words(&error));
                Ok((Self::Unix(opened.map_err(why)?), at.clone()))
            }
        }
    }

    /// Waits for the next connection.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Origin)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok((stream.into(), Origin::Address(from)))
            }
            Self::Unix(listener) => {
                let (stream, user) = listener.accept().await?;
                Ok((stream.into(), Origin::User(user)))
            }
        }
    }
}

/// Listens at an address.
pub(super) fn open(at: SocketAddr) -> Result<(Listener, SocketAddr), anyhow::Error> {
    let opened = socket::listen(at).and_then(|listener| Ok((listener.local()?, listener)));
    opened.map(|(address, listener)| (listener, address)).with_context(|| format!("cannot listen on {at}"))
}
