//! The commands about files, one place each: what the driver is asked, and what is said about the
//! answer.

mod attributes;
mod change;
mod facts;
pub(super) mod pack;
mod question;

pub(super) use attributes::{mff, mfmt, site};
pub(super) use change::{cdup, cwd, dele, mkd, pwd, rmd, rnfr, rnto};
pub(super) use facts::{avbl, hash, mdtm, mlst, pret, size, stat, x_digest};
pub(super) use question::{Request, Waits};
