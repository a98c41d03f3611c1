//! Instructions and system calls of the hot paths, compared with the numbers in `counts.txt`.
//!
//! `UPDATE_COUNTS=1 cargo test -p integration-tests --test counts` writes the table again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails at once, its helpers too"
)]

mod calls;
mod gate;
mod profile;
mod quiet;
mod relay;
mod server;
mod table;
mod user;
mod valgrind;
