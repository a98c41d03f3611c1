//! The suite's tests above the crates: one binary, a module for each chapter of the statements.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails at once, its helpers too"
)]

mod foreign;
mod harness;
mod lines;
mod proof;
mod simulator;
mod sock;
mod tidy;
mod transcripts;
mod transfer;
