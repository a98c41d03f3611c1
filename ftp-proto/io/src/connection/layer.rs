//! TLS above a socket, or above another TLS, for either side, driven by the owner of the socket.

use std::io::{self, BufRead, IoSlice, Read, Write};

use rustls::{Connection, ProtocolVersion};

use crate::socket::RawSocket;

/// TLS above a socket that does not block; the handshake is done. Nothing here waits: what cannot be
/// done now is [`io::ErrorKind::WouldBlock`].
///
/// The socket is an argument of each call, because a copy moves it between threads and reactors. Inside a tunnel
/// of a relay there is a layer below this one: that of the link.
#[derive(Debug)]
pub(crate) struct Layer {
    session: Box<Connection>,
    /// The layer that carries this one; `None` if the socket does.
    below: Option<Box<Self>>,
    /// Decrypted bytes that were read before this layer was made; they come first.
    early: Vec<u8>,
    /// Encrypted bytes that were read from the socket; rustls takes them.
    received: ReceiveBuffer,
    /// An error behind bytes that were good; the next read tells it.
    failed: Option<io::Error>,
    /// Whether the end of the connection is an end of the bytes without close_notify too.
    ends_silently: bool,
}

impl Layer {
    /// RawSocket that it takes at once when it holds nothing: full records.
    pub(crate) const ROOM: usize = PIECE;

    /// Takes over a session of the client or the server side.
    pub(crate) fn new(session: impl Into<Connection>) -> Self {
        let mut session = Box::new(session.into());
        session.set_buffer_limit(Some(PIECE));
        Self {
            session,
            below: None,
            early: Vec::new(),
            received: ReceiveBuffer::default(),
            failed: None,
            ends_silently: false,
        }
    }

    /// Has `below` carry this layer, if there is one.
    pub(crate) fn above(mut self, below: Option<Self>) -> Self {
        self.below = below.map(Box::new);
        self
    }

    /// Whether another layer carries this one.
    pub(crate) const fn has_below(&self) -> bool {
        self.below.is_some()
    }

    /// Gives `early` to the reader before anything that is still to come.
    pub(crate) fn with_early(mut self, early: Vec<u8>) -> Self {
        self.early = early;
        self
    }

    /// The version of TLS, such as `TLSv1.3`.
    pub(crate) fn version(&self) -> &'static str {
        match self.session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(_) | None => "TLS",
        }
    }

    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub(crate) fn suite(&self) -> Option<&'static str> {
        self.session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str())
    }

    /// Reads decrypted bytes, all that came with one read of the socket if there is room; 0 is the end, by
    /// close_notify.
    ///
    /// # Errors
    ///
    /// An end without close_notify is [`io::ErrorKind::UnexpectedEof`]: anybody can end a connection.
    pub(crate) fn read(&mut self, socket: &impl RawSocket, room: &mut [u8]) -> io::Result<usize> {
        if !self.early.is_empty() {
            let count = self.early.as_slice().read(room)?;
            self.early.drain(..count);
            return Ok(count);
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut filled = 0;
        loop {
            let read = match self.session.reader().read(room.get_mut(filled..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if filled > 0 && self.received.is_empty() {
                        return Ok(filled);
                    }
                    self.receive(socket).map(|()| None)
                }
                read => self.end(read).map(Some),
            };
            match read {
                Ok(None) => {}
                Ok(Some(count @ 1..)) if filled + count < room.len() => filled += count,
                Ok(Some(count)) => return Ok(filled + count),
                Err(error) if filled > 0 => {
                    self.failed = Some(error);
                    return Ok(filled);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// How many decrypted bytes have come, at least; they stay here. 0 is the end, by close_notify.
    ///
    /// # Errors
    ///
    /// As those of [`Self::read`].
    pub(crate) fn peek(&mut self, socket: &impl RawSocket) -> io::Result<usize> {
        if !self.early.is_empty() {
            return Ok(self.early.len());
        }
        loop {
            match self.session.reader().fill_buf().map(<[u8]>::len) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.receive(socket)?,
                come => return self.end(come),
            }
        }
    }

    /// What an end without close_notify means.
    fn end(&self, read: io::Result<usize>) -> io::Result<usize> {
        match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                if self.ends_silently {
                    Ok(0)
                } else {
                    Err(io::Error::new(error.kind(), CUT_SHORT))
                }
            }
            read => read,
        }
    }

    /// Takes the end of the connection for the end of the bytes, also without close_notify.
    pub(crate) const fn end_silently(&mut self) {
        self.ends_silently = true;
    }

    /// Reads encrypted bytes, at least the end of them.
    fn receive(&mut self, socket: &impl RawSocket) -> io::Result<()> {
        if self.received.is_empty() {
            let below = &mut self.below;
            self.received.fill(|room| match below {
                Some(below) => below.read(socket, room),
                None => socket.read_now(room),
            })?;
        }
        let taken = self.session.read_tls(&mut self.received.rest())?;
        self.received.take(taken);
        let processed = self.session.process_new_packets();
        // A new key, or an alert that says what the peer did wrong. Nothing waits until it is sent.
        let _ = self.flush(socket);
        processed.map(drop).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Encrypts some of `bytes`, and sends what the socket takes. The rest stays here until the next
    /// call of this or of [`Self::flush`].
    pub(crate) fn write(&mut self, socket: &impl RawSocket, bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        let taken = self.session.writer().write(bytes)?;
        match self.flush(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(taken),
        }
    }

    /// Sends what is still here.
    pub(crate) fn flush(&mut self, socket: &impl RawSocket) -> io::Result<()> {
        while self.session.wants_write() {
            match &mut self.below {
                Some(below) => self.session.write_tls(&mut Beneath(below, socket))?,
                None => self.session.write_tls(&mut Socket(socket))?,
            };
        }
        self.below.as_mut().map_or(Ok(()), |below| below.flush(socket))
    }

    /// Takes bytes of the peer that somebody else has read from the socket.
    pub(crate) fn feed(&mut self, received: Vec<u8>) {
        self.received = received.into();
    }

    /// Drops what has been received. Returns whether the peer has ended TLS.
    pub(crate) fn skip(&mut self) -> io::Result<bool> {
        let mut dropped = [0; 4096];
        loop {
            let taken = self.session.read_tls(&mut self.received.rest())?;
            self.received.take(taken);
            let state = self.session.process_new_packets();
            let state = state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            while matches!(self.session.reader().read(&mut dropped), Ok(1..)) {}
            if state.peer_has_closed() || self.received.is_empty() {
                return Ok(state.peer_has_closed());
            }
        }
    }

    /// Whether something is still here.
    pub(crate) fn wants_write(&self) -> bool {
        self.session.wants_write() || self.below.as_ref().is_some_and(|below| below.wants_write())
    }

    /// Sends close_notify, as far as the socket takes it.
    pub(crate) fn close(&mut self, socket: &impl RawSocket) -> io::Result<()> {
        self.session.send_close_notify();
        self.flush(socket)?;
        self.below.as_mut().map_or(Ok(()), |below| below.close(socket))
    }
}

/// A layer, with its socket, for the layer above it to write to.
struct Beneath<'a, S>(&'a mut Layer, &'a S);

impl<S: RawSocket> Write for Beneath<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(self.1, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush(self.1)
    }
}

/// A socket for rustls to write to.
struct Socket<'a, S>(&'a S);

impl<S: RawSocket> Write for Socket<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_now(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_pieces(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const CUT_SHORT: &str = "the connection ended without close_notify, so what came may be cut short";
/// The most that rustls may keep unsent.
const PIECE: usize = 64 * 1024;

/// Encrypted bytes that were read from a socket, and how many of them were taken since.
///
/// A read asks for twice what the one before brought, between [`LEAST`] and [`MOST`]. The system acknowledges
/// each read of a fast connection, and with that it does some of the sender's work, so few large reads take
/// less time. A connection with little to say needs no large buffer.
#[derive(Debug)]
pub(super) struct ReceiveBuffer {
    buffer: Vec<u8>,
    /// How many bytes of `buffer` were taken.
    taken: usize,
    /// How many bytes of `buffer` came.
    come: usize,
    /// How many bytes the next read asks for.
    ask: usize,
}

impl Default for ReceiveBuffer {
    fn default() -> Self {
        Self { buffer: Vec::new(), taken: 0, come: 0, ask: LEAST }
    }
}

impl From<Vec<u8>> for ReceiveBuffer {
    fn from(buffer: Vec<u8>) -> Self {
        Self { come: buffer.len(), buffer, ..Self::default() }
    }
}

impl ReceiveBuffer {
    /// Reads more with `read` when all was taken.
    ///
    /// # Errors
    ///
    /// As those of `read`. Then there is no buffer: a connection that waits keeps none.
    pub(super) fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<()> {
        if self.buffer.len() < self.ask {
            self.buffer = vec![0; self.ask];
        }
        (self.taken, self.come) = (0, 0);
        match read(self.buffer.get_mut(..self.ask).unwrap_or_default()) {
            Ok(come) => {
                self.come = come;
                self.ask = come.saturating_mul(2).clamp(LEAST, MOST);
                Ok(())
            }
            Err(error) => {
                self.buffer = Vec::new();
                Err(error)
            }
        }
    }

    /// Whether all of it was taken.
    pub(super) const fn is_empty(&self) -> bool {
        self.taken == self.come
    }

    /// What was not taken yet.
    pub(super) fn rest(&self) -> &[u8] {
        self.buffer.get(self.taken..self.come).unwrap_or_default()
    }

    /// Takes the first `count` bytes of [`Self::rest`].
    pub(super) fn take(&mut self, count: usize) {
        self.taken = self.come.min(self.taken + count);
    }
}

/// The least and the most that a read asks for. More than this most saves no further time (docs/performance.md).
const LEAST: usize = 4 * 1024;
const MOST: usize = 512 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes each of some reads asks for; they bring `come`.
    fn asked(received: &mut ReceiveBuffer, come: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut asked = Vec::new();
        for come in come {
            received
                .fill(|room| {
                    asked.push(room.len());
                    Ok(come.min(room.len()))
                })
                .unwrap();
            received.take(received.rest().len());
        }
        asked
    }

    #[test]
    fn a_read_asks_for_twice_what_the_one_before_brought() {
        let received = &mut ReceiveBuffer::default();
        assert_eq!(asked(received, [10, 4096, 8192, 100, 0, 0]), [4096, 4096, 8192, 16384, 4096, 4096]);
        let asked = asked(received, [usize::MAX; 12]);
        assert_eq!((asked.first(), asked.last()), (Some(&LEAST), Some(&MOST)));
    }

    #[test]
    fn what_came_is_taken_once() {
        let received = &mut ReceiveBuffer::default();
        assert!(received.is_empty());
        let bytes = [b'a', b'b', b'c'];
        received.fill(|mut room| Write::write(&mut room, &bytes)).unwrap();
        assert_eq!(received.rest(), b"abc");
        received.take(2);
        assert_eq!((received.rest(), received.is_empty()), (&b"c"[..], false));
        received.take(1);
        assert_eq!((received.rest(), received.is_empty()), (&b""[..], true));
        let mut fed = ReceiveBuffer::from(b"fed".to_vec());
        assert_eq!(fed.rest(), b"fed");
        fed.take(3);
        assert!(fed.is_empty());
    }

    #[test]
    fn a_connection_that_waits_keeps_no_buffer() {
        let received = &mut ReceiveBuffer::default();
        assert_eq!(asked(received, [4096, 8192]).len(), 2);
        let error = received.fill(|_| Err(io::ErrorKind::WouldBlock.into())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(received.is_empty() && received.rest().is_empty());
        assert_eq!(received.buffer.capacity(), 0);
        // What the connection brought before still counts.
        assert_eq!(asked(received, [1]), [16384]);
    }
}
