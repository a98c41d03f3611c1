//! The commands about files, one place each: what the driver is asked, and what is said about the
//! answer.

mod change;
mod digest;
mod directory;
mod facts;
mod question;
mod status;

pub(super) use change::{dele, rnfr, rnto};
pub(super) use digest::{hash, x_digest};
pub(super) use directory::{cdup, cwd, mkd, pwd, rmd};
pub(super) use facts::{mdtm, mlst, size};
pub(super) use question::Request;
pub(super) use status::stat;
