//! What the control connection has not taken yet, and which of it is urgent.

use ftp_io::socket;
use ftp_proto::client::SYNCH;
use std::io;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Octets that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    octets: Vec<u8>,
    /// Where the urgent data of an ABOR begins (RFC 959 4.1.3): some servers read nothing else while
    /// octets move.
    urgent: Option<usize>,
}

impl Unsent {
    pub(super) const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        if octets.starts_with(SYNCH) {
            self.urgent = Some(self.octets.len());
        }
        self.octets.extend_from_slice(octets);
    }

    /// There is nobody left to send anything to.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Everything, in order: what a tunnel carries, where nothing is urgent (relay 2.6).
    pub(super) fn in_line(&self) -> &[u8] {
        &self.octets
    }

    /// So much of [`Self::in_line`] was taken.
    pub(super) fn sent(&mut self, count: usize) {
        self.urgent = None;
        self.octets.drain(..count.min(self.octets.len()));
    }

    /// Sends as much as the connection takes.
    pub(super) fn write(&mut self, stream: &TcpStream) -> io::Result<()> {
        let sent = match self.urgent {
            Some(0) => {
                stream.try_io(Interest::WRITABLE, || socket::urgent(stream, SYNCH))?;
                self.urgent = None;
                SYNCH.len()
            }
            Some(before) => {
                let sent = stream.try_write(self.octets.get(..before).unwrap_or_default())?;
                self.urgent = Some(before - sent.min(before));
                sent
            }
            None => stream.try_write(&self.octets)?,
        };
        self.octets.drain(..sent.min(self.octets.len()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn everything_arrives_in_order_and_the_mark_is_urgent() {
        let listener = socket::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let at = listener.local().unwrap();
        let (ours, theirs) = tokio::join!(socket::connect(at.ip(), at), listener.accept());
        let (ours, mut theirs) = (ours.unwrap(), theirs.unwrap().0);
        socket::control(&theirs).unwrap(); // urgent data in line
        let mut unsent = Unsent::default();
        unsent.push(b"NOOP\r\n");
        unsent.push(b"\xFF\xF4\xFF\xF2ABOR\r\n");
        while !unsent.is_empty() {
            ours.writable().await.unwrap();
            match unsent.write(&ours) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => panic!("{error}"),
                Ok(()) | Err(_) => {}
            }
        }
        drop(ours);
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"NOOP\r\n\xFF\xF4\xFF\xF2ABOR\r\n");
    }
}
