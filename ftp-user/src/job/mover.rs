//! Transfers the data of one file by the first candidate that works. Which candidate comes next is decided by
//! [`Ascent`]; this file carries it out.

use crate::context::Context;
use crate::endpoint::{Host, Server};
use crate::failure::{Failure, Kind};
use crate::ladder::{self, Allowed, Ascent, Candidate, Memory, Nearby, Rung, Step};
use crate::place::Site;
use crate::report::Relayed;
use crate::route::{self, Assignment, Attempted, Circuit, Count, Description, Ends, GivenUp, KNOWN};
use ftp_proto::third_party::{Cause, Outcome, Party, Store};
use ftp_proto::timer::Moment;

/// How it attempted.
#[derive(Debug)]
pub(super) struct Moved {
    /// The candidate that worked, or why none did.
    pub(super) result: Result<Rung, Failure>,
    /// How many attempts have sent data, or may have.
    pub(super) attempts: u32,
    /// Whether the destination's file may have changed.
    pub(super) touched: bool,
    /// How many bytes have moved in the last attempt, as far as is known.
    pub(super) bytes: u64,
    /// Their SHA-256, if they passed this host and it was computed (I14).
    pub(super) sha256: Option<String>,
    /// What has passed a relay, in all attempts.
    pub(super) relayed: Option<Relayed>,
    /// Whether an end refused to continue in the middle of the file.
    pub(super) refused: bool,
}

/// Transfers the data of one file.
pub(super) async fn transfer(context: &Context, ends: &mut Ends, assignment: &Assignment) -> Moved {
    let mut count = Count::default();
    let result = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(source), Host::Server(destination)) => {
            let Ends { circuit, memory, .. } = ends;
            let mut between = Between { context, from: source, to: destination, circuit, memory };
            between.transfer(assignment, &mut count).await
        }
        (Host::Local, Host::Server(destination)) => {
            (count.attempts, count.touched) = (1, true);
            route::up(context, destination, assignment, &mut count).await.map(|()| Rung::Local)
        }
        (Host::Server(source), Host::Local) => {
            (count.attempts, count.touched) = (1, true);
            route::down(context, source, assignment, &mut count).await.map(|()| Rung::Local)
        }
        (Host::Local, Host::Local) => {
            Err(Failure::usage("both places are on this host").hint("use cp, or name a server with ftp://"))
        }
    };
    let Count { attempts, touched, bytes, sha256, relayed, refused } = count;
    Moved { result, attempts, touched, bytes, sha256, relayed, refused }
}

/// Two servers, what is known of the candidates between them, and what is kept with a relay.
struct Between<'a> {
    context: &'a Context,
    from: &'a mut Server,
    to: &'a mut Server,
    circuit: &'a mut Option<Circuit>,
    memory: &'a mut Memory,
}

/// What is known of both servers.
struct Facts {
    source: (Site, Party),
    destination: (Site, Party),
    relays: Vec<Nearby>,
}

impl Facts {
    async fn of(context: &Context, from: &mut Server, to: &mut Server) -> Result<Self, Failure> {
        let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
        let (one, two) = (source.party(), destination.party());
        let relays = route::nearby(context, (&from.site, &one), (&to.site, &two));
        Ok(Self { source: (from.site.clone(), one), destination: (to.site.clone(), two), relays })
    }

    fn describe(&self, candidate: Candidate) -> Description<'_> {
        let (source, destination) = (&self.source, &self.destination);
        Description::new(candidate, &self.relays, (&source.0, &source.1), (&destination.0, &destination.1))
    }
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
    fn new(facts: &Facts, context: &Context, memory: &mut Memory, allowed: Allowed) -> Self {
        let (source, destination) = (&facts.source, &facts.destination);
        let data = route::data(context, &source.0, &destination.0);
        let candidates = ladder::candidates(&source.1, &destination.1, allowed, &facts.relays, data);
        let (mut ascent, known) = memory.ascend(candidates, context.clock.now());
        let step = ascent.proceed();
        let refused = data.hindrance(allowed).map(str::to_owned).into_iter().collect();
        Self { ascent, step, known, refused }
    }

    /// The candidate that is due.
    fn candidate(&self, facts: &Facts, allowed: Allowed) -> Result<Candidate, Failure> {
        match self.step {
            Step::Attempt(candidate) => Ok(candidate),
            Step::Exhausted | Step::Later | Step::Fail => {
                let only_known = self.refused.is_empty() && !self.known.is_empty();
                let why = if only_known { vec![KNOWN.to_owned()] } else { self.reasons() };
                let one_family = route::one_family(&facts.source.1, &facts.destination.1);
                Err(route::no_path(allowed, &why, one_family))
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

    /// Takes that the relay of `candidate` cannot be used at all. If it may be an impostor, that ends the search:
    /// nothing else is sent to it, and no other path hides the danger.
    fn without_relay(
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

impl Between<'_> {
    /// Tries one candidate after the other. Returns the rung of the one that worked.
    async fn transfer(&mut self, assignment: &Assignment, count: &mut Count) -> Result<Rung, Failure> {
        let mut search = None;
        loop {
            let facts = Facts::of(self.context, self.from, self.to).await?;
            let search = search
                .get_or_insert_with(|| Search::new(&facts, self.context, self.memory, assignment.allowed));
            let description = facts.describe(search.candidate(&facts, assignment.allowed)?);
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
                        search.without_relay(failure, description.candidate, self.memory, now)?;
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

    /// Takes how an attempt ended. Returns its rung if it worked, or `None` if another candidate is due.
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
            Step::Later => Err(Failure { kind: Kind::Temporary, ..failure }),
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
