//! Transfers the data of one file by the first candidate that works. [`Ascent`] decides which candidate comes next.
//! `conclude` decides what a failed attempt means for the file and for the memory of the two servers.

use crate::context::Context;
use crate::endpoint::{Host, Server};
use crate::failure::{Failure, Kind};
use crate::ladder::{Allowed, Ascent, Candidate, Memory, Rung, Step};
use crate::route::{
    self, Assignment, Attempted, Circuit, Count, Description, Ends, FAILED_FOR_EARLIER_FILE, GivenUp,
    Situation,
};
use ftp_proto::third_party::{Cause, Outcome, Store};
use ftp_proto::timer::Moment;

/// Result of all attempts to transfer one file.
#[derive(Debug)]
pub(super) struct Transferred {
    /// The candidate that worked, or why none did.
    pub(super) result: Result<Rung, Failure>,
    /// What is known of all attempts.
    pub(super) count: Count,
}

/// Transfers the data of one file.
pub(super) async fn transfer(context: &Context, ends: &mut Ends, assignment: &Assignment) -> Transferred {
    let mut count = Count::default();
    let result = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(source), Host::Server(destination)) => {
            let Ends { circuit, memory, .. } = ends;
            let mut between = ServerPair { context, from: source, to: destination, circuit, memory };
            between.transfer(assignment, &mut count).await
        }
        (Host::Local, Host::Server(destination)) => {
            (count.attempts, count.touched) = (1, true);
            route::send_local(context, destination, assignment, &mut count).await.map(|()| Rung::Local)
        }
        (Host::Server(source), Host::Local) => {
            (count.attempts, count.touched) = (1, true);
            route::receive_local(context, source, assignment, &mut count).await.map(|()| Rung::Local)
        }
        (Host::Local, Host::Local) => {
            Err(Failure::usage("both places are on this host").hint("use cp, or name a server with ftp://"))
        }
    };
    Transferred { result, count }
}

/// Two servers, what is known of the candidates between them, and what is kept with a relay.
struct ServerPair<'a> {
    context: &'a Context,
    from: &'a mut Server,
    to: &'a mut Server,
    circuit: &'a mut Option<Circuit>,
    memory: &'a mut Memory,
}

/// The search for a candidate that works.
struct Search {
    ascent: Ascent,
    step: Step,
    /// Why candidates are left out because of earlier files.
    known: Vec<String>,
    /// Why candidates have failed for this file.
    refused: Vec<String>,
}

impl Search {
    fn new(situation: &Situation, context: &Context, memory: &mut Memory, allowed: Allowed) -> Self {
        let candidates = situation.candidates(allowed);
        let (mut ascent, known) = memory.ascend(candidates, context.clock.now());
        let step = ascent.proceed();
        let refused = situation.limitation(allowed).into_iter().collect();
        Self { ascent, step, known, refused }
    }

    /// The candidate that is due.
    fn candidate(&self, situation: &Situation, allowed: Allowed) -> Result<Candidate, Failure> {
        match self.step {
            Step::Attempt(candidate) => Ok(candidate),
            Step::Exhausted | Step::Later | Step::Fail => {
                let only_known = self.refused.is_empty() && !self.known.is_empty();
                let why = if only_known { vec![FAILED_FOR_EARLIER_FILE.to_owned()] } else { self.reasons() };
                Err(situation.no_path(allowed, &why))
            }
        }
    }

    fn reasons(&self) -> Vec<String> {
        [&self.known[..], &self.refused[..]].concat()
    }

    fn announce(
        &self,
        context: &Context,
        memory: &mut Memory,
        description: &Description<'_>,
        assignment: &Assignment,
    ) {
        let unasked = assignment.allowed == Allowed::Auto && description.has_intermediary();
        if unasked && memory.announces(description.candidate) {
            description.warn_of_intermediary(context, &self.reasons());
        }
        description.announce(context, &self.refused);
    }

    /// Records that the relay of `candidate` cannot be used at all. If it may be an impostor, that ends the search:
    /// nothing else is sent to it, and no other path hides the danger.
    fn skip_relay(
        &mut self,
        failure: Failure,
        candidate: Candidate,
        memory: &mut Memory,
        now: Moment,
    ) -> Result<(), Failure> {
        if matches!(failure.kind, Kind::Untrusted | Kind::Interrupted | Kind::Usage) {
            return Err(failure);
        }
        self.step = self.ascent.past_relay();
        if self.step == Step::Exhausted && failure.kind == Kind::Temporary {
            return Err(failure);
        }
        let why = Failure { hint: None, ..failure }.to_string();
        memory.unusable(candidate, &why, now);
        self.refused.push(why);
        Ok(())
    }
}

impl ServerPair<'_> {
    /// Tries one candidate after the other. Returns the rung of the one that worked.
    async fn transfer(&mut self, assignment: &Assignment, count: &mut Count) -> Result<Rung, Failure> {
        let mut search = None;
        loop {
            let situation = Situation::of(self.context, self.from, self.to).await?;
            let search = search.get_or_insert_with(|| {
                Search::new(&situation, self.context, self.memory, assignment.allowed)
            });
            let description = situation.describe(search.candidate(&situation, assignment.allowed)?);
            let Some(attempted) = self.attempt(search, &description, assignment).await? else { continue };
            count.add(&attempted);
            if let Some(rung) = self.conclude(search, &description, attempted, assignment, count).await? {
                return Ok(rung);
            }
        }
    }

    /// Makes one attempt. Returns `None` if the relay cannot be used and another candidate is due.
    async fn attempt(
        &mut self,
        search: &mut Search,
        description: &Description<'_>,
        assignment: &Assignment,
    ) -> Result<Option<Attempted>, Failure> {
        let context = self.context;
        let attempted = match description.candidate {
            Candidate::Direct(roles) => {
                search.announce(context, self.memory, description, assignment);
                route::direct(context, self.from, self.to, roles, assignment).await
            }
            Candidate::Relay(through_relay) => {
                let relay = through_relay.relay;
                match Circuit::ready(self.circuit, context, relay, self.from, self.to).await {
                    // Only a relay that was reached is announced.
                    Ok(circuit) => {
                        search.announce(context, self.memory, description, assignment);
                        route::by_relay(context, circuit, through_relay.postures, assignment).await
                    }
                    Err(failure) => {
                        let now = context.clock.now();
                        search.skip_relay(failure, description.candidate, self.memory, now)?;
                        return Ok(None);
                    }
                }
            }
            Candidate::Through => {
                search.announce(context, self.memory, description, assignment);
                route::through(context, self.from, self.to, assignment).await
            }
        };
        attempted.map(Some)
    }

    /// Records how an attempt ended. Returns its rung if it worked, or `None` if another candidate is due.
    async fn conclude(
        &mut self,
        search: &mut Search,
        description: &Description<'_>,
        attempted: Attempted,
        assignment: &Assignment,
        count: &mut Count,
    ) -> Result<Option<Rung>, Failure> {
        let (context, candidate) = (self.context, description.candidate);
        let (Outcome::Failed(failed), Some(failure)) = (&attempted.outcome, attempted.failure) else {
            self.memory.worked(candidate, context.clock.now());
            return Ok(Some(candidate.rung()));
        };
        let step = match attempted.given_up {
            Some(GivenUp::Stalled) => search.ascent.stalled(),
            Some(GivenUp::Interrupted | GivenUp::StalledAt(_)) => return Err(failure),
            None => search.ascent.after(failed),
        };
        if matches!(failed.cause, Cause::Policy(..)) {
            context.events.warn(failure.to_string());
        }
        let matters = match assignment.store {
            Store::Replace => assignment.keeps,
            Store::Append => step.continues(),
        };
        let changed = failed.touched && matters && !self.is_unchanged(assignment).await;
        if !changed
            && matches!(failed.cause, Cause::Refused(_))
            && assignment.may_refuse_to_go_on(failed.blame)
        {
            count.refused = true;
            return Err(failure);
        }
        let refusal = description.refusal(&failure);
        // A candidate that has moved data is open. An attempt that continues a file may fail for that reason.
        if !changed && assignment.skips() == 0 {
            self.memory.failed(candidate, failed, &refusal, context.clock.now());
        }
        if failure.kind == Kind::Untrusted {
            return Err(failure);
        }
        search.step = if changed { step.after_change(assignment.store) } else { step };
        match search.step {
            Step::Attempt(_) | Step::Exhausted => {
                search.refused.push(refusal);
                Ok(None)
            }
            Step::Later => Err(failure.as_kind(Kind::Temporary)),
            Step::Fail => Err(failure),
        }
    }

    /// Whether the file at the destination is as long as before. If it is appended to and has no size, it may
    /// have changed.
    async fn is_unchanged(&mut self, assignment: &Assignment) -> bool {
        let absent = assignment.store == Store::Replace && assignment.before == 0;
        match self.to.session(self.context).await {
            Ok(session) => session
                .size(&assignment.stored)
                .await
                .is_ok_and(|size| size == Some(assignment.before) || (absent && size.is_none())),
            Err(_) => false,
        }
    }
}
