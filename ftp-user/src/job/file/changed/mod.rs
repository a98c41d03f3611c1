//! Changed parts: a large file at the destination becomes its new content, and only what differs is sent
//! ([decision](../../../../../docs/decisions/0101-changed-parts.md)).
//!
//! ```text
//!  both files      digests of chunks      the part of the copy            the part is complete
//!  are large  -->  of both are       -->  begins as a copy of the    -->  and goes the way of every
//!                  compared               old file (SITE CPTO),           copy: its digest as a whole
//!                                         and gets what differs (RANG)    is compared, then its name
//! ```
//!
//! What the chunks have shown is a hint and proves nothing: a copy that was put together in this way is verified by the digest
//! of the whole file, or it is copied whole.

mod assemble;
mod compare;
mod ranges;
mod send;

pub(super) use send::{Wish, send};
