//! The suite's tests above the crates: one binary, a module for each chapter of the statements.

mod harness;
