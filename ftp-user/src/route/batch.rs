//! Drives a batch of small files between two servers: performs what the machine asks for, and tells it what happens.

use super::sessions::Sessions;
use crate::context::Context;
use crate::endpoint::Server;
use crate::failure::{Failure, Kind};
use ftp_proto::client::Event;
use ftp_proto::command::DataType;
use ftp_proto::digest::{Algorithm, best_common};
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::third_party::Side;
use ftp_proto::third_party::batch::{
    Batch, BatchEnd, BatchFile, BatchInput, BatchOutput, BatchTerms, Window,
};

/// How the files of a batch are moved between two servers.
#[derive(Clone, Debug)]
pub(crate) struct BatchPath {
    terms: BatchTerms,
}

impl BatchPath {
    /// How small files can be moved together, if that is possible between these two: their sessions are open, both are
    /// servers of ours of today, and neither uses TLS. `passive` is the end that has listened for an earlier file.
    ///
    /// # Errors
    ///
    /// This host has no random numbers.
    pub(crate) fn between(
        context: &Context,
        from: &mut Server,
        to: &mut Server,
        passive: Side,
    ) -> Result<Option<Self>, Failure> {
        let (Some(source), Some(destination)) = (from.open(), to.open()) else { return Ok(None) };
        let (one, two) = (source.party(), destination.party());
        let common = best_common(&one.capabilities.dgst, &two.capabilities.dgst);
        let Some(algorithm) = common.filter(|_| !source.runs_tls() && !destination.runs_tls()) else {
            return Ok(None);
        };
        let secret = ftp_io::random::bytes()
            .map(RendezvousSecret::new)
            .map_err(|error| Failure::new(Kind::Other, format!("cannot get random numbers: {error}")))?;
        let (window, silence) = (Window::default(), context.patience.stall);
        let terms = BatchTerms { passive, algorithm, secret, window, silence };
        Ok(Batch::is_possible(&one, &two, &terms).then_some(Self { terms }))
    }

    /// The end that listens.
    pub(crate) const fn passive(&self) -> Side {
        self.terms.passive
    }

    /// The digest that verifies every file.
    pub(crate) const fn algorithm(&self) -> Algorithm {
        self.terms.algorithm
    }
}

/// Moves files together. `told` learns of each file how it has ended, but only those that are published may be touched
/// before this returns.
///
/// # Errors
///
/// Fails if there is no session with one of the servers.
pub(crate) async fn batch(
    context: &Context,
    (from, to): (&mut Server, &mut Server),
    path: BatchPath,
    files: Vec<BatchFile>,
    told: &mut (dyn FnMut(usize, BatchEnd) + Send),
) -> Result<(), Failure> {
    let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
    tokio::try_join!(source.forget_restart(), destination.forget_restart())?;
    destination.partials(false).await?;
    let mut sessions = Sessions { source, destination };
    let clock = context.clock;
    let mut batch = Batch::start(files, path.terms, sessions.parties(), clock.now());
    let mut is_cancelled = false;
    loop {
        let deadline = match batch.poll() {
            BatchOutput::Command(side, command) => {
                sessions.of(side).send(command, None);
                continue;
            }
            BatchOutput::Ended(index, end) => {
                told(index, end);
                continue;
            }
            BatchOutput::Close(side) => {
                sessions.of(side).close();
                continue;
            }
            BatchOutput::Done => break,
            BatchOutput::Wait(deadline) => deadline,
        };
        let input = tokio::select! {
            () = context.cancel.cancelled(), if !is_cancelled => {
                is_cancelled = true;
                Some(BatchInput::Cancel)
            }
            event = sessions.source.next() => heard(Side::Source, event),
            event = sessions.destination.next() => heard(Side::Destination, event),
            () = clock.sleep_until(deadline) => Some(BatchInput::Timeout),
        };
        if let Some(input) = input {
            batch.input(clock.now(), input);
        }
    }
    for session in [sessions.source, sessions.destination] {
        session.note_type(Some(DataType::Image));
    }
    Ok(())
}

/// What an event of a session is for the batch.
fn heard(side: Side, event: Event) -> Option<BatchInput> {
    match event {
        Event::Reply { reply, class, .. } => Some(BatchInput::Reply { side, reply, class }),
        Event::Ended(_) => Some(BatchInput::Ended(side)),
        Event::Unasked(_)
        | Event::AbortDone
        | Event::Ready { .. }
        | Event::Sent(_)
        | Event::Received { .. }
        | Event::TakesMore
        | Event::TlsAbsent => None,
    }
}
