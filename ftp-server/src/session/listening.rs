//! The data ports where a session listens.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ftp_io::os_error::words;
use ftp_io::socket::{self, ACCEPT_RETRY_DELAY, Listener};
use ftp_proto::server::ask::Ticket;
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// A data port where peers may connect.
#[derive(Debug)]
pub(super) struct Listening {
    listener: Listener,
    /// The rest after `accept` has failed.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Listening {
    pub(super) const fn new(listener: Listener) -> Self {
        Self { listener, pause: None }
    }

    /// The next connection, which ends by reset.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<(TcpStream, SocketAddr)> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.listener.poll_accept(cx)) {
                Ok((stream, from)) => {
                    socket::end_by_reset(&stream);
                    return Poll::Ready((stream, from));
                }
                Err(error) => {
                    tracing::warn!(error = words(&error), "cannot accept a data connection");
                    self.pause = Some(Box::pin(tokio::time::sleep(ACCEPT_RETRY_DELAY)));
                }
            }
        }
    }
}

/// A connection that has come to a data port.
pub(super) struct Arrival {
    pub(super) listener: Ticket,
    pub(super) stream: TcpStream,
    pub(super) from: SocketAddr,
}

/// The next connection at any of these data ports.
pub(super) fn poll_accept(listeners: &mut HashMap<Ticket, Listening>, cx: &mut Context<'_>) -> Poll<Arrival> {
    for (ticket, listening) in listeners {
        if let Poll::Ready((stream, from)) = listening.poll_accept(cx) {
            return Poll::Ready(Arrival { listener: *ticket, stream, from });
        }
    }
    Poll::Pending
}
