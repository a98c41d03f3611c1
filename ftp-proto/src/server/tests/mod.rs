//! The session machine against its statements, on a virtual clock, with a driver of a few lines.

mod harness;
mod session;
mod unused;

use harness::Harness;
