//! The session machine against its statements, on a virtual clock, with a driver of a few lines.

mod choices;
mod copies;
mod detach;
mod digests;
mod extensions;
mod fairness;
mod gender;
mod hangup;
mod harness;
mod kept;
mod lstn;
mod meeting;
mod oracle;
mod other_protocols;
mod owed;
mod pack;
mod pasv;
mod rights;
mod rndz;
mod room;
mod rsym;
mod session;
mod sock;
mod syncs;
mod tls;
mod transfer;
mod unused;
mod verbs;

use harness::Harness;
