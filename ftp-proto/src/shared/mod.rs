//! What all sessions of a server share. Each machine decides for all of them; the driver keeps one of each.
//!
//! | module | what it decides |
//! |---|---|
//! | [`guard`] | when a login is checked, and when its refusal is sent |
//! | [`proofs`] | whether a foreign target may be tried |

pub mod guard;
pub mod proofs;
