//! Reply lines become replies: one line, `nnn-` blocks (454, 542, 959), lines that start with blanks
//! (354), sloppy ends.

use super::Reply;

/// Assembles replies from octets that arrive in any pieces.
#[derive(Debug, Default)]
pub struct ReplyReader {}

/// What cannot be a reply of an FTP server.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotFtp {
    /// A first line that does not begin with three digits.
    #[error("expected a reply code, got {0:?}")]
    NoCode(String),
    /// A line or a reply beyond the limits.
    #[error("a reply of more than {0} octets")]
    TooLong(usize),
}

impl ReplyReader {
    /// An empty reader.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes octets as they arrived.
    pub fn push(&mut self, octets: &[u8]) {
        let _ = octets;
    }

    /// The next whole reply, if one is there.
    #[allow(clippy::should_implement_trait, reason = "it is no iterator: more may come later")]
    pub fn next(&mut self) -> Result<Option<Reply>, NotFtp> {
        Ok(None)
    }
}
