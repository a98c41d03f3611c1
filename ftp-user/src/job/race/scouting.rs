//! While a third host carries a file, more direct candidates are probed for the files after it.

use crate::context::Context;
use crate::endpoint::Server;
use crate::job::race::runner::{Finished, Obstacle, Runner};
use crate::ladder::{Ascent, Candidate};
use crate::route::{Assignment, Lane, Sign};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Outcome;
use ftp_proto::transfer::race::{Race, ScoutOutput, Scouts};
use std::future::pending;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

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

    /// Starts the probe of a candidate, on sessions of its own.
    pub(in crate::job) fn start(
        &mut self,
        context: &Context,
        (source, destination): (Server, Server),
        candidate: (usize, Candidate),
        assignment: &Assignment,
        signs: mpsc::UnboundedSender<(usize, Sign)>,
    ) {
        let runner = Runner { source, destination, circuit: None };
        let (lose, lane) = Lane::new(candidate.0, signs);
        self.lose = Some(lose);
        let assignment = Assignment { probes: true, ..assignment.clone() };
        let (context, (index, candidate)) = (context.clone(), candidate);
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
