//! One candidate of a race.

use crate::failure::Failure;
use crate::job::race::runner::Runner;
use crate::job::remains::part::{self, Part};
use crate::journal::PartId;
use crate::ladder::{Candidate, Rung};
use crate::outcome::Relayed;
use crate::route::{Assignment, Circuit};
use ftp_proto::transfer::race::Purpose;
use ftp_proto::wire::PathName;
use tokio::sync::watch;

/// A candidate in the race.
pub(super) struct Entry {
    pub(super) candidate: Candidate,
    /// The name under which it stores.
    pub(super) stored: PathName,
    /// The number in that name, if it is its own: the journal has to know it.
    pub(super) own: Option<PartId>,
    /// What it has while it does not run.
    pub(super) runner: Option<Runner>,
    /// Sending `true` tells it that it has lost.
    pub(super) lose: Option<watch::Sender<bool>>,
    pub(super) purpose: Purpose,
    pub(super) failure: Option<Failure>,
    /// Why it is tried, in words.
    pub(super) why: Option<String>,
    /// Whether something may be stored under its name that nobody removes yet.
    pub(super) owes: bool,
    /// What a relay has said that it passed on of that.
    pub(super) relayed: Option<Relayed>,
}

impl Entry {
    /// The rung on which it has worked: at a relay the run has shown whether it is a hub.
    pub(super) fn rung(&self) -> Rung {
        let circuit = self.runner.as_ref().and_then(|runner| runner.circuit.as_ref());
        match self.candidate {
            Candidate::Relay(_) if circuit.is_some_and(Circuit::is_at_hub) => Rung::Hub,
            Candidate::Direct(_) | Candidate::Relay(_) | Candidate::Through => self.candidate.rung(),
        }
    }

    /// A candidate that stores under the name of the assignment.
    pub(super) fn new(candidate: Candidate, assignment: &Assignment) -> Self {
        Self {
            candidate,
            stored: assignment.stored.clone(),
            own: None,
            runner: None,
            lose: None,
            purpose: Purpose::Transfer,
            failure: None,
            why: None,
            owes: false,
            relayed: None,
        }
    }

    /// Takes a name of its own, since it runs beside others. Without random numbers, all have one name.
    pub(super) fn take_own_name(&mut self, assignment: &Assignment) {
        if let Ok(id) = part::new_id()
            && let Ok(part) = Part::new(id, &assignment.target)
        {
            (self.stored, self.own) = (part.stored, Some(id));
        }
    }
}
