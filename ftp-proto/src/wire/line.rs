//! Octets of a control connection become lines: Telnet out, limits kept, always in step.

/// Assembles command lines (server side) or reply lines (client side) from octets that arrive in
/// any pieces (A05, A06, A13).
#[derive(Debug)]
pub struct LineReader {
    limit: usize,
}

/// What [`LineReader::next`] finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A whole line without its line end; CR NUL has become CR, IAC IAC 0xFF, options are out.
    Line(Vec<u8>),
    /// A line longer than the limit; it was thrown away up to its line end (A13).
    TooLong,
    /// Octets that the Telnet layer must answer (IAC WONT x, IAC DONT x; A07).
    Respond(Vec<u8>),
}

/// Where a DATA MARK stood: what was assembled of the current line is thrown away (A08, A09).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Synch;

impl LineReader {
    /// A reader for lines of at most `limit` octets.
    pub const fn new(limit: usize) -> Self {
        Self { limit }
    }

    /// Takes octets as they arrived.
    pub fn push(&mut self, octets: &[u8]) {
        let _ = (octets, self.limit);
    }

    /// The next line, if a whole one is there.
    #[allow(clippy::should_implement_trait, reason = "it is no iterator: more may come later")]
    pub fn next(&mut self) -> Option<Item> {
        None
    }
}
