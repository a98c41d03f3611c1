//! A data connection that has carried a whole file and stays open for the next one (MODE B).

use std::io;
use std::task::{Context, Poll, ready};

use crate::connection::Connection;
use crate::socket::{end_by_reset, end_in_order};
use crate::tls::Data;

/// A data connection between two files. When it is dropped it ends in order: between two files, that is never
/// the end of one.
#[derive(Debug)]
pub struct KeptConnection(Connection);

impl KeptConnection {
    pub(super) fn new(connection: Connection) -> Self {
        end_in_order(connection.socket());
        Self(connection)
    }

    /// Returns once the other end has ended the connection, or it has broken. Nothing is taken from it: what has
    /// come belongs to the next file. Once that has begun to come, this waits forever.
    pub fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.0.try_peek() {
                Ok(0) => return Poll::Ready(()),
                Ok(_) => return Poll::Pending,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if ready!(self.0.socket().poll_read_ready(cx)).is_err() {
                        return Poll::Ready(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Poll::Ready(()),
            }
        }
    }

    /// Ends the connection; inside TLS the other end is told so, as far as the socket takes it at once.
    pub fn close(self) {
        // The peer may have gone; it has got all that it was to get.
        let _ = self.0.close_notify();
    }
}

impl From<KeptConnection> for Data {
    fn from(KeptConnection(connection): KeptConnection) -> Self {
        // A copy that breaks off must not look like one that has ended.
        end_by_reset(connection.socket());
        connection.into()
    }
}
