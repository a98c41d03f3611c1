//! The bytes of a fuzzer as a script: each step takes its bytes from the front.

/// What is left of a script.
#[derive(Debug)]
pub(super) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// The whole of `data`.
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// The next byte, if there is one.
    pub(super) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next byte, or 0 at the end.
    pub(super) fn byte(&mut self) -> u8 {
        self.next().unwrap_or_default()
    }

    /// Everything that is left.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// A byte with the length of a text, and the text.
    pub(super) fn text(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        text
    }

    /// One of these, chosen by the next byte; `None` if there are none.
    pub(super) fn pick<T>(&mut self, choices: impl ExactSizeIterator<Item = T>) -> Option<T> {
        let mut choices = choices;
        let count = choices.len();
        if count == 0 { None } else { choices.nth(usize::from(self.byte()) % count) }
    }
}

/// Whether `text` contains `part`.
pub(super) fn contains(text: &[u8], part: &str) -> bool {
    // Most texts are UTF-8, where the search is much faster.
    std::str::from_utf8(text).map_or_else(
        |_| text.windows(part.len()).any(|window| window == part.as_bytes()),
        |text| text.contains(part),
    )
}
