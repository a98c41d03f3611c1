//! What attempts come to: one of them, and all those for one file.

use super::explain;
use super::path::{Path, Sessions};
use crate::account::{Said, shortened};
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::{Protection, Relayed, StreamedDigests, TransferFacts};
use ftp_proto::reply::Reply;
use ftp_proto::transfer::{FailedPosture, Outcome, Side};
use std::sync::Arc;
use std::time::Duration;

/// How one attempt ended.
#[derive(Debug)]
pub(crate) struct Attempted {
    /// The outcome of the machine.
    pub(crate) outcome: Outcome,
    /// Why this program cancelled the attempt, if that is the reason for its end.
    pub(crate) given_up: Option<GivenUp>,
    /// The failure, for people.
    pub(crate) failure: Option<Failure>,
    /// How many bytes have moved, as far as is known.
    pub(crate) moved: u64,
    /// How long the servers have said that they move the file.
    pub(crate) took: Duration,
    /// The SHA-256 of what this program copied, if it was computed.
    pub(crate) sha256: Option<String>,
    /// The digests that the servers have computed while the file moved.
    pub(crate) streamed: StreamedDigests,
    /// What has passed a relay.
    pub(crate) relayed: Option<Relayed>,
    /// What protected the bytes on their whole path.
    pub(crate) protection: Protection,
    /// What each end said last.
    pub(crate) said: Vec<Said>,
    /// What is known of the transfer.
    pub(crate) facts: TransferFacts,
    /// Why servers have turned to the other posture for their data connection with this host.
    pub(super) failed_postures: Vec<FailedPosture>,
    /// The server at whose address somebody else is, if that is why the attempt failed.
    pub(super) intruded: Option<Side>,
}

/// Why this program cancelled an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GivenUp {
    /// The work should stop.
    Interrupted,
    /// Another candidate moves the file.
    Lost,
    /// Nothing moved for too long.
    Stalled,
    /// Nothing moved for too long, and this end is the reason.
    StalledAt(Side),
    /// Nobody has seen anything move for that time in addition to the stall time.
    Unseen(Duration),
    /// Both ends move the file, and go on without their control connections. Nothing has failed.
    Detached,
    /// The source sends more than the bytes that it announced.
    TooMuch(u64),
}

impl Attempted {
    /// An attempt with this outcome, in which nothing was opened.
    pub(super) fn early(outcome: Outcome) -> Self {
        Self {
            outcome,
            given_up: None,
            failure: None,
            moved: 0,
            took: Duration::ZERO,
            sha256: None,
            streamed: StreamedDigests::default(),
            relayed: None,
            protection: Protection::Clear,
            said: Vec::new(),
            facts: TransferFacts::NONE,
            failed_postures: Vec::new(),
            intruded: None,
        }
    }

    /// The same with its failure in words, and what is known of its path. `said` are the last replies of the source and of the
    /// destination before the attempt was given up.
    pub(super) fn explained(
        self,
        context: &Context,
        sessions: &Sessions<'_>,
        path: &Path<'_>,
        said: [Option<Reply>; 2],
    ) -> Self {
        let (source, destination) = (&*sessions.source, &*sessions.destination);
        let intermediary = path.intermediary();
        let ends = explain::Ends { source, destination, intermediary: intermediary.as_deref() };
        let failure = explain::failure(context.settings.patience.stall, &ends, &self);
        // A wrong certificate at a data connection, or somebody else at a server's address, explains more.
        let impostor = || source.impostor().or_else(|| destination.impostor());
        let intruded = self.intruded.map(|side| match side {
            Side::Source => source.intruded_words(),
            Side::Destination => destination.intruded_words(),
        });
        let failure = failure.map(|failure| impostor().or(intruded).unwrap_or(failure));
        let said = [source, destination].into_iter().zip(said).filter_map(|(session, reply)| {
            let reply = shortened(&session.shown(&reply?));
            Some(Said { end: session.role.name().to_owned(), reply })
        });
        let path = sessions.path_facts(path.agreed(self.protection));
        let facts = TransferFacts { path: Some(Arc::new(path)), ..self.facts };
        let streamed = StreamedDigests::of(&self.outcome);
        Self { failure, streamed, said: said.collect(), facts, ..self }
    }
}

/// What is known of all attempts for one file.
#[derive(Debug, Default)]
pub(crate) struct Count {
    /// How many attempts have sent data, or may have.
    pub(crate) attempts: u32,
    /// Whether the destination's file may have changed.
    pub(crate) touched: bool,
    /// How many bytes have moved in the last attempt, as far as is known.
    pub(crate) bytes: u64,
    /// Their SHA-256, if they passed this host and it was computed (I14).
    pub(crate) sha256: Option<String>,
    /// The digests that the servers have computed while the file moved, in the last attempt.
    pub(crate) streamed: StreamedDigests,
    /// What has passed a relay.
    pub(crate) relayed: Option<Relayed>,
    /// What has passed on what the destination may have stored.
    pub(crate) passed: Passed,
    /// What protected the bytes that have moved; `None` if none have.
    pub(crate) protection: Option<Protection>,
    /// Whether an end refused to continue in the middle of the file.
    pub(crate) refused: bool,
    /// Whether the file moves on without this program.
    pub(crate) detached: bool,
    /// What is known of the transfer, of the last attempt.
    pub(crate) facts: TransferFacts,
}

/// What has passed on what the destination may have stored of a file.
#[derive(Debug, Default)]
pub(crate) enum Passed {
    /// Nobody so far.
    #[default]
    Nobody,
    /// Relays and nobody else; this was the last one.
    Relay(Relayed),
    /// Somebody else, too.
    Others,
}

impl Count {
    /// No attempts yet, at a file of which the destination has most from elsewhere.
    pub(crate) fn of_others() -> Self {
        Self { passed: Passed::Others, ..Self::default() }
    }

    /// Adds the attempts at a part of the file that follows. They are those of one copy.
    pub(crate) fn follow(&mut self, part: Self) {
        self.attempts = self.attempts.max(part.attempts);
        self.touched |= part.touched;
        self.bytes = self.bytes.saturating_add(part.bytes);
        Relayed::add(&mut self.relayed, part.relayed);
        Protection::add(&mut self.protection, part.protection);
        self.refused |= part.refused;
        self.facts = part.facts;
    }

    /// The relay that has passed on what the destination has stored, with what all relays have said that they passed on; `None`
    /// if some of it may have come by another path. A relay that died could not say the last of it.
    pub(crate) fn by_relay(&self) -> Option<Relayed> {
        match &self.passed {
            Passed::Relay(relay) => {
                let bytes = self.relayed.as_ref().map_or(0, |relayed| relayed.bytes);
                Some(Relayed { bytes, ..relay.clone() })
            }
            Passed::Nobody | Passed::Others => None,
        }
    }

    /// Adds an attempt between two servers that has ended.
    pub(crate) fn add(&mut self, attempted: &Attempted) {
        let complete = matches!(attempted.outcome, Outcome::Moved { .. });
        let relayed = attempted.relayed.clone().filter(|relayed| complete || relayed.bytes > 0);
        Relayed::add(&mut self.relayed, relayed);
        if complete || attempted.moved > 0 {
            Protection::add(&mut self.protection, Some(attempted.protection));
        }
        self.bytes = attempted.moved;
        self.detached = attempted.given_up == Some(GivenUp::Detached);
        self.sha256.clone_from(&attempted.sha256);
        self.streamed.clone_from(&attempted.streamed);
        self.facts.clone_from(&attempted.facts);
        let touched = match &attempted.outcome {
            Outcome::Moved { .. } => true,
            Outcome::Failed(failure) => failure.touched,
        };
        if touched {
            self.attempts += 1;
            self.touched = true;
            self.passed = match (&attempted.relayed, &self.passed) {
                (Some(relayed), Passed::Nobody | Passed::Relay(_)) => Passed::Relay(relayed.clone()),
                (Some(_), Passed::Others) | (None, _) => Passed::Others,
            };
        }
    }
}
