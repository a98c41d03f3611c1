//! One candidate of a race: its sessions, its attempt, and what is removed if it loses; and the probes of more direct candidates
//! while a third host carries the file, for the files after it.

use crate::context::Context;
use crate::endpoint::Server;
use crate::failure::Failure;
use crate::job::part::Part;
use crate::job::unattended;
use crate::ladder::{Ascent, Candidate};
use crate::route::{Assignment, AttemptContext, AttemptResult, Circuit, Lane, StoreReply};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::race::{Race, ScoutOutput, Scouts};
use ftp_proto::transfer::{Outcome, Store};
use std::future::pending;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// The sessions of a candidate.
#[derive(Debug)]
pub(in crate::job) struct Runner {
    /// Its session with the source.
    pub(in crate::job) source: Server,
    /// Its session with the destination.
    pub(in crate::job) destination: Server,
    /// What it has with a relay.
    pub(in crate::job) circuit: Option<Circuit>,
}

/// Why a candidate has not come as far as an attempt.
#[derive(Debug)]
pub(in crate::job) enum Obstacle {
    /// There is no session with a server.
    Session(Failure),
    /// The relay cannot be used.
    Relay(Failure),
}

/// A candidate that has ended.
#[derive(Debug)]
pub(in crate::job) struct Finished {
    /// What it had. It is in step, or closed.
    pub(in crate::job) runner: Runner,
    /// What came of it.
    pub(in crate::job) attempted: Result<AttemptResult, Obstacle>,
    /// Whether it was told that it has lost. Then nothing of it is left.
    pub(in crate::job) lost: bool,
}

impl Runner {
    /// Makes the attempt. If it loses, removes what it has stored.
    pub(in crate::job) async fn run(
        mut self,
        context: Context,
        candidate: Candidate,
        assignment: Assignment,
        lane: Lane,
    ) -> Finished {
        let attempted = self.attempt(&context, candidate, &assignment, &lane).await;
        let lost = lane.is_lost();
        if lost {
            self.clear(&context, &assignment, attempted.as_ref().ok()).await;
        }
        Finished { runner: self, attempted, lost }
    }

    async fn attempt(
        &mut self,
        context: &Context,
        candidate: Candidate,
        assignment: &Assignment,
        lane: &Lane,
    ) -> Result<AttemptResult, Obstacle> {
        let Self { source, destination, circuit } = self;
        let attempts = AttemptContext { context, assignment, lane };
        // In boxes: a future has room for everything that it awaits, and a debug build has it several times.
        let attempted = match candidate {
            Candidate::Direct(roles) if assignment.detaches => {
                Box::pin(unattended::attempt(attempts, source, destination, roles)).await
            }
            Candidate::Direct(roles) => Box::pin(attempts.direct(source, destination, roles)).await,
            Candidate::Relay(through) => {
                let ready = Circuit::ready(circuit, context, through.relay, source, destination);
                let circuit = lane.unless_lost(Box::pin(ready)).await.map_err(Obstacle::Relay)?;
                if assignment.detaches {
                    Box::pin(unattended::attempt_by_relay(attempts, circuit, through)).await
                } else {
                    Box::pin(attempts.by_relay(circuit, through)).await
                }
            }
            Candidate::Through => Box::pin(attempts.through(source, destination)).await,
        };
        attempted.map_err(Obstacle::Session)
    }

    /// Removes what a candidate that has lost has left.
    async fn clear(&mut self, context: &Context, assignment: &Assignment, attempted: Option<&AttemptResult>) {
        let Some(attempted) = attempted else {
            // Replies may be on their way.
            self.source.abandon();
            self.destination.abandon();
            self.circuit = None;
            return;
        };
        // The part of a range has others.
        let is_own = assignment.store == Store::Replace && assignment.beside.is_none();
        if may_have_stored(&attempted.outcome, assignment.probes) && is_own {
            self.discard(context, assignment, attempted.store_reply).await;
        }
    }

    /// Deletes what was stored. Returns how many bytes that were, if it is known.
    pub(in crate::job) async fn discard(
        &mut self,
        context: &Context,
        assignment: &Assignment,
        store_reply: StoreReply,
    ) -> Option<u64> {
        let part = Part { stored: assignment.stored.clone(), target: assignment.target.clone() };
        part.discard_at(context, &mut self.destination, store_reply).await.bytes
    }

    /// Leaves its sessions to whoever needs some next.
    pub(in crate::job) async fn release(self) {
        self.source.release();
        self.destination.release();
        if let Some(circuit) = self.circuit {
            circuit.quit().await;
        }
    }
}

/// Whether something may be stored under the name of a candidate that has ended like this. A copy that is whole is left over, too,
/// if another candidate has won.
pub(in crate::job) const fn may_have_stored(outcome: &Outcome, probes: bool) -> bool {
    match outcome {
        Outcome::Moved { .. } => !probes,
        Outcome::Failed(failure) => failure.touched,
    }
}

/// The probes beside a transfer through a third host.
#[derive(Debug, Default)]
pub(in crate::job) struct Scouting {
    /// The candidate that carries the file, and what is probed beside it.
    beside: Option<(usize, Scouts)>,
    tasks: JoinSet<(usize, Finished)>,
    /// Sending `true` ends the probe that runs.
    lose: Option<watch::Sender<bool>>,
}

impl Scouting {
    /// What is to be done now.
    pub(in crate::job) fn poll(&mut self, race: &Race, ascent: &Ascent, now: Moment) -> ScoutOutput {
        let Some(winner) = race.winner() else {
            self.stop();
            return ScoutOutput::Wait(None);
        };
        if self.beside.as_ref().is_none_or(|(known, _)| *known != winner) {
            self.stop();
            self.beside = Some((winner, race.scouts(|index| ascent.is_open(index), now)));
        }
        self.beside.as_mut().map_or(ScoutOutput::Wait(None), |(_, scouts)| scouts.poll(now))
    }

    /// Ends the probe that runs.
    fn stop(&mut self) {
        self.beside = None;
        if let Some(lose) = self.lose.take() {
            let _ = lose.send(true);
        }
    }

    /// Starts the probe of a candidate, on sessions of its own. What it says is not of the race.
    pub(in crate::job) fn start(
        &mut self,
        context: &Context,
        runner: Runner,
        index: usize,
        candidate: Candidate,
        assignment: &Assignment,
    ) {
        let (unheard, _) = mpsc::unbounded_channel();
        let (lose, lane) = Lane::new(index, unheard);
        self.lose = Some(lose);
        let assignment = Assignment { probes: true, ..assignment.clone() };
        let context = context.clone();
        self.tasks
            .spawn(async move { (index, Box::pin(runner.run(context, candidate, assignment, lane)).await) });
    }

    /// The next probe that has ended. Never returns if none runs.
    pub(in crate::job) async fn next(&mut self) -> (usize, Finished) {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(finished)) => return finished,
                Some(Err(_)) => {}
                None => pending().await,
            }
        }
    }

    /// Takes the end of a probe. What a failure closes is known to `ascent` already.
    pub(in crate::job) fn ended(&mut self, index: usize, finished: &Finished, ascent: &Ascent) {
        let Some((_, scouts)) = &mut self.beside else { return };
        match &finished.attempted {
            _ if finished.lost => {}
            Ok(attempted) if matches!(attempted.outcome, Outcome::Moved { .. }) => scouts.found(index),
            Ok(_) => scouts.ended(index, |other| ascent.is_open(other)),
            Err(Obstacle::Session(_) | Obstacle::Relay(_)) => scouts.stop(),
        }
    }

    /// Ends what runs, and waits for it. Returns the candidate that later files should take.
    pub(in crate::job) async fn finish(&mut self) -> Option<usize> {
        let better = self.beside.as_ref().and_then(|(_, scouts)| scouts.better());
        self.stop();
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok((_, finished)) = ended {
                finished.runner.release().await;
            }
        }
        better
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::reply::{Blame, Code, Reply};
    use ftp_proto::transfer::{self, Cause, Side, Stage};

    #[test]
    fn a_candidate_owes_what_it_has_stored_also_if_that_is_whole() {
        let done = Reply { code: Code(226), lines: vec![b"done".to_vec()] };
        let moved = || Outcome::Moved { source: done.clone(), destination: done.clone() };
        let failed = |touched| {
            Outcome::Failed(transfer::Failure {
                side: Side::Source,
                stage: Stage::DataConnection,
                cause: Cause::Cancelled,
                blame: Blame::Path,
                touched,
                complete: None,
                passed: false,
            })
        };
        for (outcome, probes, expect) in [
            (moved(), false, true),
            (moved(), true, false),
            (failed(true), false, true),
            (failed(false), false, false),
        ] {
            assert_eq!(may_have_stored(&outcome, probes), expect, "{outcome:?} {probes}");
        }
    }
}
