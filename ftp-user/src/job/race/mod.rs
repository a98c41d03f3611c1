//! The bytes of one file: between two servers by the race of their candidates, or with this host at one end.
//!
//! | file | what |
//! |---|---|
//! | `contest` | performs what the race asks for, and tells it what has happened |
//! | `findings` | what the end of a candidate shows for the others, for `why` and for later runs, and what is said if none is left |
//! | `remembered` | the path of an earlier run, which small files take together without a race |
//! | `runner` | a candidate while it runs, and the probes for the next files |

mod contest;
pub(super) mod findings;
pub(super) mod remembered;
pub(super) mod runner;

use crate::context::Context;
use crate::endpoint::{Host, Server};
use crate::failure::{Failure, Result};
use crate::ladder::{Rung, SharedMemory};
use crate::route::{self, Assignment, Circuit, Count, Ends};
use ftp_proto::wire::PathName;
use std::fmt::Display;

/// Result of all attempts to transfer one file.
#[derive(Debug)]
pub(super) struct Transferred {
    /// The candidate that worked, or why none did.
    pub(super) result: Result<Rung>,
    /// What is known of all attempts.
    pub(super) count: Count,
    /// The name under which the destination has what was stored.
    pub(super) stored: PathName,
}

impl Transferred {
    /// No candidate has worked.
    fn failed(failure: Failure, count: Count, assignment: &Assignment) -> Self {
        Self { result: Err(failure), count, stored: assignment.stored.clone() }
    }

    /// The same, whose failure is told as that of something larger.
    pub(super) fn during(self, what: impl Display) -> Self {
        Self { result: self.result.map_err(|failure| failure.during_unless_interrupted(what)), ..self }
    }
}

/// Transfers the data of one file.
pub(super) async fn transfer(context: &Context, ends: &mut Ends, assignment: &Assignment) -> Transferred {
    let mut count = Count::default();
    let result = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(source), Host::Server(destination)) => {
            let Ends { circuit, memory, .. } = ends;
            let mut pair = ServerPair { context, from: source, to: destination, circuit, memory };
            return Box::pin(contest::transfer(&mut pair, assignment)).await;
        }
        (Host::Local(from), Host::Server(destination)) => {
            (count.attempts, count.touched) = (1, true);
            let sent = route::send_local(context, (from, destination), assignment, &mut count).await;
            sent.map(|()| Rung::Local)
        }
        (Host::Server(source), Host::Local(end)) => {
            let checked = end.check_file(&assignment.stored);
            (count.attempts, count.touched) = (1, checked.is_ok());
            match checked {
                Ok(()) => {
                    let received = route::receive_local(context, source, end, assignment, &mut count).await;
                    received.map(|()| Rung::Local)
                }
                Err(failure) => Err(failure),
            }
        }
        (Host::Local(_), Host::Local(_)) => {
            Err(Failure::usage("both places are on this host").hint("use cp, or name a server with ftp://"))
        }
    };
    Transferred { result, count, stored: assignment.stored.clone() }
}

/// Two servers, what is known of the candidates between them, and what is kept with a relay.
pub(super) struct ServerPair<'a> {
    pub(super) context: &'a Context,
    pub(super) from: &'a mut Server,
    pub(super) to: &'a mut Server,
    pub(super) circuit: &'a mut Option<Circuit>,
    pub(super) memory: &'a SharedMemory,
}
