//! Moves the octets of one file, by whatever candidate works.

use crate::context::Context;
use crate::endpoint::{Host, Server};
use crate::failure::{Failure, Kind};
use crate::ladder::{self, Allowed, Ascent, Candidate, Memory, Rung, Step};
use crate::report::Passage;
use crate::route::{self, Circuit, Count, Description, Ends, GivenUp, KNOWN, Load};
use ftp_proto::third_party::{Cause, Outcome, Store};
use ftp_proto::timer::Moment;

/// How it attempted.
#[derive(Debug)]
pub(super) struct Moved {
    /// The candidate that worked, or why none did.
    pub(super) result: Result<Rung, Failure>,
    /// How often octets were sent, or may have been.
    pub(super) attempts: u32,
    /// Whether something may stand at the destination.
    pub(super) touched: bool,
    /// Octets seen to have moved in the last attempt.
    pub(super) octets: u64,
    /// Their SHA-256, where they were looked at (I14).
    pub(super) sha256: Option<String>,
    /// What passed a relay, in all attempts.
    pub(super) passage: Option<Passage>,
    /// An end would not go on in the middle.
    pub(super) refused: bool,
}

/// Moves it.
pub(super) async fn shift(context: &Context, ends: &mut Ends, load: &Load<'_>) -> Moved {
    let mut count = Count::default();
    let result = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(source), Host::Server(destination)) => {
            let pair = Between { from: source, to: destination, circuit: &mut ends.circuit };
            between(context, pair, load, &mut ends.memory, &mut count).await
        }
        (Host::Local, Host::Server(destination)) => {
            (count.attempts, count.touched) = (1, true);
            route::up(context, destination, load, &mut count).await.map(|()| Rung::Local)
        }
        (Host::Server(source), Host::Local) => {
            (count.attempts, count.touched) = (1, true);
            route::down(context, source, load, &mut count).await.map(|()| Rung::Local)
        }
        (Host::Local, Host::Local) => {
            Err(Failure::usage("both places are on this host").hint("use cp, or name a server with ftp://"))
        }
    };
    let Count { attempts, touched, octets, sha256, passage, refused } = count;
    Moved { result, attempts, touched, octets, sha256, passage, refused }
}

/// Two servers, and what may stand between them.
struct Between<'a> {
    from: &'a mut Server,
    to: &'a mut Server,
    circuit: &'a mut Option<Circuit>,
}

/// Server to server, rung by rung.
async fn between(
    context: &Context,
    Between { from, to, circuit }: Between<'_>,
    load: &Load<'_>,
    memory: &mut Memory,
    count: &mut Count,
) -> Result<Rung, Failure> {
    let data = route::data(context, &from.site, &to.site);
    let mut refused: Vec<String> = data.hindrance(load.allowed).map(str::to_owned).into_iter().collect();
    let mut ascent: Option<(Ascent, Vec<String>)> = None;
    let mut step = None;
    loop {
        let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
        let (one, two) = (source.party(), destination.party());
        let relays = route::nearby(context, (&from.site, &one), (&to.site, &two));
        let candidates = || ladder::candidates(&one, &two, load.allowed, &relays, data);
        let (ascent, known) = ascent.get_or_insert_with(|| memory.ascend(candidates(), context.clock.now()));
        let candidate = match step.take().unwrap_or_else(|| ascent.next()) {
            Step::Attempt(candidate) => candidate,
            Step::Exhausted | Step::Later | Step::Fail => {
                let told = refused.is_empty() && !known.is_empty();
                let why = if told { vec![KNOWN.to_owned()] } else { [known, &refused[..]].concat() };
                return Err(route::no_path(load.allowed, &why, route::one_family(&one, &two)));
            }
        };
        let sites = (from.site.clone(), to.site.clone());
        let description = Description::new(candidate, &relays, (&sites.0, &one), (&sites.1, &two));
        let mut announce = || {
            if load.allowed == Allowed::Auto && description.has_intermediary() && memory.announces(candidate)
            {
                description.warn_of_intermediary(context, &[known, &refused[..]].concat());
            }
            description.announce(context, &refused);
        };
        let attempted = match candidate {
            Candidate::Direct(roles) => {
                announce();
                route::direct(context, from, to, roles, load).await?
            }
            // The relay must be there before files can be said to pass it.
            Candidate::Relay(through_relay) => {
                match Circuit::ready(circuit, context, through_relay.relay, from, to).await {
                    Ok(circuit) => {
                        announce();
                        route::by_relay(context, circuit, through_relay.postures, load).await?
                    }
                    Err(failure) => {
                        let now = context.clock.now();
                        step = Some(without_relay(failure, candidate, ascent, memory, &mut refused, now)?);
                        continue;
                    }
                }
            }
            Candidate::Through => {
                announce();
                route::through(context, from, to, load).await?
            }
        };
        count.octets = attempted.moved;
        let is_done = matches!(attempted.outcome, Outcome::Moved { .. });
        Passage::add(&mut count.passage, attempted.passage.filter(|passage| is_done || passage.octets > 0));
        let (Outcome::Failed(failed), Some(failure)) = (&attempted.outcome, attempted.failure) else {
            count.attempts += 1;
            count.touched = true;
            count.sha256 = attempted.sha256;
            memory.worked(candidate, context.clock.now());
            return Ok(candidate.rung());
        };
        if failed.touched {
            count.attempts += 1;
            count.touched = true;
        }
        let next = match attempted.given_up {
            Some(GivenUp::Stalled) => ascent.stalled(),
            Some(GivenUp::Interrupted | GivenUp::StalledAt(_)) => return Err(failure),
            None => ascent.after(failed),
        };
        if matches!(failed.cause, Cause::Policy(..)) {
            context.events.warn(failure.to_string());
        }
        let asks = match load.store {
            Store::Replace => load.keeps,
            Store::Append => matches!(next, Step::Attempt(_) | Step::Exhausted),
        };
        let changed = failed.touched && asks && !unchanged(context, to, load).await;
        if !changed && matches!(failed.cause, Cause::Refused(_)) && load.may_refuse_to_go_on(failed.blame) {
            count.refused = true;
            return Err(failure);
        }
        // A candidate that carries octets is open, and a try that goes on may fail for that reason.
        if !changed && load.skips() == 0 {
            memory.failed(candidate, failed, &description.refusal(&failure), context.clock.now());
        }
        if failure.kind == Kind::Untrusted {
            return Err(failure);
        }
        match next {
            // In place nobody may try again before it is known what is there now.
            Step::Attempt(_) | Step::Exhausted if changed && load.store == Store::Append => {
                return Err(failure);
            }
            // The same candidate again, from there (H35).
            Step::Attempt(_) | Step::Exhausted if changed => {
                return Err(Failure { kind: Kind::Temporary, ..failure });
            }
            next @ (Step::Attempt(_) | Step::Exhausted) => {
                refused.push(description.refusal(&failure));
                step = Some(next);
            }
            Step::Later => return Err(Failure { kind: Kind::Temporary, ..failure }),
            Step::Fail => return Err(failure),
        }
    }
}

/// The step after a relay could not be used at all. One that may be somebody else's ends it: nothing more
/// is said to it, and nothing is done as if nobody had wanted it.
fn without_relay(
    failure: Failure,
    candidate: Candidate,
    ascent: &mut Ascent,
    memory: &mut Memory,
    refused: &mut Vec<String>,
    now: Moment,
) -> Result<Step, Failure> {
    if matches!(failure.kind, Kind::Untrusted | Kind::Interrupted | Kind::Usage) {
        return Err(failure);
    }
    let step = ascent.past_relay();
    if step == Step::Exhausted && failure.kind == Kind::Temporary {
        return Err(failure);
    }
    let why = Failure { hint: None, ..failure }.to_string();
    memory.unusable(candidate, &why, now);
    refused.push(why);
    Ok(step)
}

/// Whether the file at the destination is as long as before. One that is appended to and has no size
/// may have changed.
async fn unchanged(context: &Context, to: &mut Server, load: &Load<'_>) -> bool {
    let absent = load.store == Store::Replace && load.before == 0;
    match to.session(context).await {
        Ok(session) => session
            .size(load.stored)
            .await
            .is_ok_and(|size| size == Some(load.before) || (absent && size.is_none())),
        Err(_) => false,
    }
}
