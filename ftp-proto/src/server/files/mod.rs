//! The commands about files, one place each: what the driver is asked, and what is said about the
//! answer.

mod attributes;
mod change;
mod copy;
mod digest;
mod directory;
mod facts;
pub(super) mod pack;
mod question;
mod status;
mod sync;

pub(super) use attributes::{mff, mfmt, site};
pub(super) use change::{dele, rnfr, rnto};
pub(super) use digest::{hash, x_digest};
pub(super) use directory::{cdup, cwd, mkd, pwd, rmd};
pub(super) use facts::{avbl, mdtm, mlst, pret, size};
pub(super) use question::{Request, Waits};
pub(super) use status::stat;
