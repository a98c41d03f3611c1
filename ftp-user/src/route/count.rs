//! What the attempts for one file have come to.

use super::attempt::Attempted;
use super::drive::GivenUp;
use crate::outcome::{Protection, Relayed, StreamedDigests, TransferFacts};
use ftp_proto::transfer::Outcome;

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
