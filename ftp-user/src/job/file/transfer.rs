//! Transfers the data of one file: between two servers, or with this host at one end.

use crate::context::Context;
use crate::endpoint::{Host, LocalRoot, check_file};
use crate::failure::Failure;
use crate::job::race::{self, ServerPair};
use crate::ladder::Rung;
use crate::route::{self, Assignment, Count, Ends};
use ftp_proto::wire::PathName;

/// Result of all attempts to transfer one file.
#[derive(Debug)]
pub(in crate::job) struct Transferred {
    /// The candidate that worked, or why none did.
    pub(in crate::job) result: Result<Rung, Failure>,
    /// What is known of all attempts.
    pub(in crate::job) count: Count,
    /// The name under which the destination has what was stored.
    pub(in crate::job) stored: PathName,
}

/// Transfers the data of one file.
pub(in crate::job) async fn transfer(
    context: &Context,
    ends: &mut Ends,
    assignment: &Assignment,
) -> Transferred {
    let mut count = Count::default();
    let mut stored = assignment.stored.clone();
    let result = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(source), Host::Server(destination)) => {
            let Ends { circuit, memory, .. } = ends;
            let mut pair = ServerPair { context, from: source, to: destination, circuit, memory };
            let result;
            (result, stored) = Box::pin(race::transfer(&mut pair, assignment, &mut count)).await;
            result
        }
        (Host::Local(from), Host::Server(destination)) => {
            (count.attempts, count.touched) = (1, true);
            let sent = route::send_local(context, (from, destination), assignment, &mut count).await;
            sent.map(|()| Rung::Local)
        }
        (Host::Server(source), Host::Local(end)) => {
            let root = end.destination();
            let checked = check_file(root.map(LocalRoot::path), &assignment.stored);
            (count.attempts, count.touched) = (1, checked.is_ok());
            match checked {
                Ok(()) => {
                    let received = route::receive_local(context, source, root, assignment, &mut count).await;
                    received.map(|()| Rung::Local)
                }
                Err(failure) => Err(failure),
            }
        }
        (Host::Local(_), Host::Local(_)) => {
            Err(Failure::usage("both places are on this host").hint("use cp, or name a server with ftp://"))
        }
    };
    Transferred { result, count, stored }
}
