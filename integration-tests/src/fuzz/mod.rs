//! Fuzz targets as plain functions: each takes any bytes and asserts what must hold for them.
//!
//! The programs in `fuzz/fuzz_targets` call one function each. `tests/fuzz.rs` runs the same functions
//! over the saved inputs in `fuzz/corpus`, so a fault that was found once is tested on every change,
//! without a fuzzer.

mod grammar;
mod listings;
mod places;
mod relay;
mod rendezvous;

pub use grammar::{commands, replies};
pub use listings::listings;
pub use places::{places, settings};
pub use relay::{frames, token};
pub use rendezvous::rendezvous;

/// The name of every target, as its program and its corpus have it, and its function.
pub const TARGETS: [(&str, fn(&[u8])); 8] = [
    ("commands", commands),
    ("replies", replies),
    ("listings", listings),
    ("frames", frames),
    ("token", token),
    ("rendezvous", rendezvous),
    ("places", places),
    ("settings", settings),
];

/// Takes the first byte as a choice, so that the fuzzer can vary more than the text.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// The data in pieces of one size between 1 and 16 bytes, as a network may deliver it.
fn pieces(data: &[u8], choice: u8) -> impl Iterator<Item = &[u8]> {
    data.chunks(usize::from(choice % 16) + 1)
}
