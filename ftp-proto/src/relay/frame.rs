//! Frames: a length, and one message with its number.
//!
//! ```text
//!  length: u32, big-endian, 1..=65 536 | postcard(Frame { seq, body })
//! ```
//!
//! A reader cannot skip a message that it does not know. Later versions therefore add messages in `Ext`. An
//! answer to an unknown one is [`super::message::Code::Unsupported`]; an unknown one from a hub is ignored.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Maximum length of a frame in bytes, without its length field.
pub const MAX_FRAME: usize = 65_536;

/// One message with its number. Each direction counts from 1.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Frame<M> {
    /// The number of the message: 1, 2, 3 and so on.
    pub seq: u32,
    /// The message of this frame.
    pub body: M,
}

/// Why bytes are not a frame. The connection must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The length is 0 or above [`MAX_FRAME`].
    #[error("a frame of {0} bytes")]
    Length(u32),
    /// The bytes are not a message of this version, or others follow the message.
    #[error("a frame without a message of this version")]
    Undecodable,
    /// A number was left out or came twice: the number that came, and the one that was due.
    #[error("frame {0} instead of frame {1}")]
    Number(u32, u32),
}

/// Encodes a frame, length first. Returns `None` if `message` is longer than [`MAX_FRAME`].
pub fn encode<M: Serialize>(message: &M) -> Option<Vec<u8>> {
    let body = postcard::to_allocvec(message).ok()?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_FRAME)?;
    Some([length.to_be_bytes().as_slice(), &body].concat())
}

/// Assembles frames from bytes that arrive in pieces of any size.
#[derive(Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
}

impl fmt::Debug for FrameReader {
    /// Hides the bytes, because a secret may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameReader").finish_non_exhaustive()
    }
}

impl FrameReader {
    /// Creates an empty reader.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Adds bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the message of the next complete frame, or `None` if more bytes are needed.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not a frame with such a message.
    pub fn message<M: DeserializeOwned>(&mut self) -> Result<Option<M>, FrameError> {
        let Some((length, rest)) = self.bytes.split_first_chunk::<4>() else { return Ok(None) };
        let announced = u32::from_be_bytes(*length);
        let Ok(length @ 1..=MAX_FRAME) = usize::try_from(announced) else {
            return Err(FrameError::Length(announced));
        };
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let (message, []) = postcard::take_from_bytes(body).map_err(|_| FrameError::Undecodable)? else {
            return Err(FrameError::Undecodable);
        };
        self.bytes.drain(..length + 4);
        Ok(Some(message))
    }

    /// Returns whether there are no bytes behind the last message.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns how many bytes are missing, as far as is known: of the length, or of the frame. Whoever reads no more
    /// than that takes nothing of what follows the frame on a link.
    pub fn missing(&self) -> usize {
        let Some((length, rest)) = self.bytes.split_first_chunk::<4>() else {
            return 4_usize.saturating_sub(self.bytes.len());
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(MAX_FRAME).min(MAX_FRAME);
        length.saturating_sub(rest.len())
    }

    /// Takes the bytes behind the last frame, for what follows the frames on a link. The reader is empty
    /// afterwards.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// The numbers of the frames in one direction.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    last: u32,
}

impl Numbered {
    /// Encodes the next frame. A message that is too long is left out, and takes no number.
    pub(super) fn encode<M: Serialize>(&mut self, body: M) -> Option<Vec<u8>> {
        let seq = self.last.wrapping_add(1);
        let frame = encode(&Frame { seq, body })?;
        self.last = seq;
        Some(frame)
    }

    /// Checks the number of a received frame and returns its message.
    pub(super) fn check<M>(&mut self, frame: Frame<M>) -> Result<M, FrameError> {
        self.last = self.last.wrapping_add(1);
        if frame.seq == self.last { Ok(frame.body) } else { Err(FrameError::Number(frame.seq, self.last)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<M: DeserializeOwned>(bytes: &[u8]) -> Result<Option<M>, FrameError> {
        let mut reader = FrameReader::new();
        reader.push(bytes);
        reader.message()
    }

    #[test]
    fn a_frame_may_arrive_in_any_pieces() {
        let bytes = encode(&("one".to_owned(), 7_u32)).unwrap();
        let mut reader = FrameReader::new();
        for byte in bytes.iter().chain(&bytes) {
            reader.push(&[*byte]);
        }
        for _ in 0..2 {
            assert_eq!(reader.message(), Ok(Some(("one".to_owned(), 7_u32))));
        }
        assert_eq!(reader.message::<(String, u32)>(), Ok(None));
    }

    #[test]
    fn lengths_outside_the_limits_are_refused_before_anything_is_kept() {
        assert_eq!(read::<u8>(&[0, 0, 0, 0]), Err(FrameError::Length(0)));
        assert_eq!(read::<u8>(&[0, 1, 0, 1]), Err(FrameError::Length(65_537)));
        assert_eq!(read::<u8>(&[0xff; 4]), Err(FrameError::Length(u32::MAX)));
        assert_eq!(read::<u8>(&[0, 1, 0, 0]), Ok(None));
        assert_eq!(encode(&vec![1_u8; MAX_FRAME]), None);
    }

    #[test]
    fn bytes_that_are_no_message_or_more_than_one_are_refused() {
        assert_eq!(read::<(u32, bool)>(&[0, 0, 0, 2, 1, 9]), Err(FrameError::Undecodable));
        assert_eq!(read::<bool>(&[0, 0, 0, 2, 1, 1]), Err(FrameError::Undecodable));
        assert_eq!(read::<String>(&[0, 0, 0, 2, 0xff, 0xff]), Err(FrameError::Undecodable));
    }

    #[test]
    fn a_missing_frame_is_noticed() {
        let (mut sent, mut seen) = (Numbered::default(), Numbered::default());
        let first: Frame<u8> = read(&sent.encode(1_u8).unwrap()).unwrap().unwrap();
        assert_eq!(seen.check(first.clone()), Ok(1));
        assert_eq!(seen.check(first), Err(FrameError::Number(1, 2)));
    }

    #[test]
    fn a_message_that_is_too_long_takes_no_number() {
        let (mut sent, mut seen) = (Numbered::default(), Numbered::default());
        assert_eq!(sent.encode(vec![1_u8; MAX_FRAME]), None);
        let first: Frame<u8> = read(&sent.encode(1_u8).unwrap()).unwrap().unwrap();
        assert_eq!(seen.check(first), Ok(1));
    }

    #[test]
    fn a_reader_shows_no_bytes_because_a_secret_may_be_among_them() {
        let mut reader = FrameReader::new();
        reader.push(&[0x5A; 8]);
        assert!(!format!("{reader:?}").contains("90"), "{reader:?}");
    }
}
