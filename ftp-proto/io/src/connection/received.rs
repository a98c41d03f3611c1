//! Bytes that came from a socket and were not looked at yet.

use std::io;

/// Encrypted bytes that were read from a socket, and how many of them were taken since.
///
/// A read asks for twice what the one before brought, between [`LEAST`] and [`MOST`]. The system acknowledges
/// each read of a fast connection, and with that it does some of the sender's work, so few large reads take
/// less time. A connection with little to say needs no large buffer.
#[derive(Debug)]
pub(super) struct Received {
    buffer: Vec<u8>,
    /// How many bytes of `buffer` were taken.
    taken: usize,
    /// How many bytes of `buffer` came.
    come: usize,
    /// How many bytes the next read asks for.
    ask: usize,
}

impl Default for Received {
    fn default() -> Self {
        Self { buffer: Vec::new(), taken: 0, come: 0, ask: LEAST }
    }
}

impl From<Vec<u8>> for Received {
    fn from(buffer: Vec<u8>) -> Self {
        Self { come: buffer.len(), buffer, ..Self::default() }
    }
}

impl Received {
    /// Reads more with `read` when all was taken.
    ///
    /// # Errors
    ///
    /// As those of `read`. Then there is no buffer: a connection that waits keeps none.
    pub(super) fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<()> {
        if self.buffer.len() < self.ask {
            self.buffer.resize(self.ask, 0);
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
    fn asked(received: &mut Received, come: impl IntoIterator<Item = usize>) -> Vec<usize> {
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
        let received = &mut Received::default();
        assert_eq!(asked(received, [10, 4096, 8192, 100, 0, 0]), [4096, 4096, 8192, 16384, 4096, 4096]);
        let asked = asked(received, [usize::MAX; 12]);
        assert_eq!((asked.first(), asked.last()), (Some(&LEAST), Some(&MOST)));
    }

    #[test]
    fn what_came_is_taken_once() {
        let received = &mut Received::default();
        assert!(received.is_empty());
        let bytes = [b'a', b'b', b'c'];
        received.fill(|mut room| io::Write::write(&mut room, &bytes)).unwrap();
        assert_eq!(received.rest(), b"abc");
        received.take(2);
        assert_eq!((received.rest(), received.is_empty()), (&b"c"[..], false));
        received.take(1);
        assert_eq!((received.rest(), received.is_empty()), (&b""[..], true));
        let mut fed = Received::from(b"fed".to_vec());
        assert_eq!(fed.rest(), b"fed");
        fed.take(3);
        assert!(fed.is_empty());
    }

    #[test]
    fn a_connection_that_waits_keeps_no_buffer() {
        let received = &mut Received::default();
        assert_eq!(asked(received, [4096, 8192]).len(), 2);
        let error = received.fill(|_| Err(io::ErrorKind::WouldBlock.into())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(received.is_empty() && received.rest().is_empty());
        assert_eq!(received.buffer.capacity(), 0);
        // What the connection brought before still counts.
        assert_eq!(asked(received, [1]), [16384]);
    }
}
