//! What carries a control connection: a socket, TLS on it, or a tunnel through a relay.

use super::unsent::Unsent;
use ftp_io::link::Link;
use ftp_io::tls;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A tunnel to a server: this program's link with the relay, and who the server talks to.
#[derive(Debug)]
pub struct Tunnel {
    /// The link; its octets are the server's.
    pub stream: Link,
    /// The relay's end of the connection with the server: what the server sees.
    pub local: SocketAddr,
    /// The server.
    pub peer: SocketAddr,
    /// The relay's name.
    pub relay: String,
}

/// The octets of a control connection.
#[derive(Debug)]
pub(super) enum Channel {
    /// A connection with the server.
    Plain(TcpStream),
    /// The same, inside TLS.
    Tls(Box<Layer<tls::Stream>>),
    /// Through a relay.
    Tunnel(Box<Layer<Link>>),
}

/// A connection with TLS in between, and whether that still holds something that was written.
#[derive(Debug)]
pub(super) struct Layer<S: AsyncRead + AsyncWrite + Unpin> {
    stream: S,
    unflushed: bool,
}

impl Channel {
    pub(super) fn tunnel(link: Link) -> Self {
        Self::Tunnel(Box::new(Layer { stream: link, unflushed: false }))
    }

    pub(super) fn tls(stream: tls::Stream) -> Self {
        Self::Tls(Box::new(Layer { stream, unflushed: false }))
    }

    /// Sends what is unsent as the connection takes it, until something comes: how many octets, `None` at
    /// the end. May be dropped without losing any.
    pub(super) async fn stir(&mut self, unsent: &mut Unsent, room: &mut [u8]) -> Option<usize> {
        match self {
            Self::Plain(stream) => plain(stream, unsent, room).await,
            Self::Tls(layer) => poll_fn(|cx| layer.poll(cx, unsent, room)).await,
            Self::Tunnel(tunnel) => poll_fn(|cx| tunnel.poll(cx, unsent, room)).await,
        }
    }
}

/// Whoever closes says so: an end without a word is that of a connection that broke.
impl<S: AsyncRead + AsyncWrite + Unpin> Drop for Layer<S> {
    fn drop(&mut self) {
        let mut nobody = Context::from_waker(Waker::noop());
        // What cannot leave at once is not waited for.
        let _ = Pin::new(&mut self.stream).poll_shutdown(&mut nobody);
    }
}

async fn plain(stream: &TcpStream, unsent: &mut Unsent, room: &mut [u8]) -> Option<usize> {
    loop {
        tokio::select! {
            ready = stream.writable(), if !unsent.is_empty() => {
                match ready.and_then(|()| unsent.write(stream)) {
                    // What the server said before it closed may still be there to read.
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => unsent.clear(),
                    Ok(()) | Err(_) => {}
                }
            }
            ready = stream.readable() => {
                match ready.and_then(|()| stream.try_read(room)) {
                    Ok(0) => return None,
                    Ok(count) => return Some(count),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return None,
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Layer<S> {
    fn poll(&mut self, cx: &mut Context<'_>, unsent: &mut Unsent, room: &mut [u8]) -> Poll<Option<usize>> {
        if self.poll_send(cx, unsent).is_err() {
            // As above.
            unsent.clear();
            self.unflushed = false;
        }
        let mut room = ReadBuf::new(room);
        Pin::new(&mut self.stream).poll_read(cx, &mut room).map(|read| match (read, room.filled().len()) {
            (Ok(()), 0) | (Err(_), _) => None,
            (Ok(()), count) => Some(count),
        })
    }

    /// As much as the connection takes now; TLS keeps part of it until it is flushed.
    fn poll_send(&mut self, cx: &mut Context<'_>, unsent: &mut Unsent) -> io::Result<()> {
        while !unsent.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, unsent.in_line()) {
                Poll::Ready(count) => unsent.sent(count?),
                Poll::Pending => return Ok(()),
            }
            self.unflushed = true;
        }
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx)
        {
            self.unflushed = false;
            flushed?;
        }
        Ok(())
    }
}
