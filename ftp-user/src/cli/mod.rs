//! The verbs.

mod exit;

pub use exit::Exit;
