//! How the bytes of a fuzzer are divided.

/// Takes the first byte as a choice, so that the fuzzer can vary more than the text.
pub(super) fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// The data in pieces of one size between 1 and 16 bytes, as a network may deliver it.
pub(super) fn pieces(data: &[u8], choice: u8) -> impl Iterator<Item = &[u8]> {
    data.chunks(usize::from(choice % 16) + 1)
}
