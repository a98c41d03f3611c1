//! Moves the octets of one file, by whatever way works.

use super::relayed::Circuit;
use super::two::GivenUp;
use super::way::{by_relay, direct, through};
use super::words::{KNOWN, Said, data, nearby, no_way, one_family};
use super::{Ends, Host, Server, local};
use crate::app::App;
use crate::cli::Exit;
use crate::ladder::{self, Allowed, Climb, Memory, Rung, Step, Way};
use crate::problem::Problem;
use crate::report::Passage;
use ftp_io::copy::Look;
use ftp_proto::reply::Blame;
use ftp_proto::third_party::{Cause, Outcome, Store};
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;

/// What is to be moved where.
#[derive(Clone, Debug)]
pub(super) struct Load<'a> {
    /// How reports call it.
    pub(super) name: &'a str,
    /// Its path at the source.
    pub(super) source: &'a PathName,
    /// The final name, for people.
    pub(super) target: &'a PathName,
    /// Where it is stored.
    pub(super) stored: &'a PathName,
    /// STOR or APPE.
    pub(super) store: Store,
    /// Its size, where known.
    pub(super) size: Option<u64>,
    /// Octets at the destination before: what APPE appends to, or what STOR goes on with.
    pub(super) before: u64,
    /// Whether the next try may go on where this one breaks off.
    pub(super) keeps: bool,
    /// Which ways it may go.
    pub(super) allowed: Allowed,
    /// Whether its octets are looked at where they pass this host.
    pub(super) look: Look,
}

impl Load<'_> {
    /// The octets of the source that are not moved, since they are at the destination already.
    pub(super) const fn skips(&self) -> u64 {
        match self.store {
            Store::Replace => self.before,
            Store::Append => 0,
        }
    }

    /// Whether a refusal, which is one for `blame`, may be one to go on in the middle: servers say so
    /// as late as at the transfer command (ProFTPD's 451).
    pub(super) const fn may_refuse_to_go_on(&self, blame: Blame) -> bool {
        self.skips() > 0
            && match blame {
                Blame::File | Blame::Busy | Blame::Unsupported | Blame::Peer => true,
                Blame::Missing | Blame::Space | Blame::Login | Blame::Path => false,
            }
    }
}

/// How it went.
#[derive(Debug)]
pub(super) struct Moved {
    /// The way that worked, or why none did.
    pub(super) result: Result<Rung, Problem>,
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

/// What is known of all attempts so far.
#[derive(Debug, Default)]
pub(super) struct Count {
    attempts: u32,
    touched: bool,
    pub(super) octets: u64,
    sha256: Option<String>,
    passage: Option<Passage>,
    pub(super) refused: bool,
}

/// Moves it.
pub(super) async fn shift(app: &App, ends: &mut Ends, load: &Load<'_>) -> Moved {
    let mut count = Count::default();
    let result = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(source), Host::Server(destination)) => {
            let pair = Between { from: source, to: destination, circuit: &mut ends.circuit };
            between(app, pair, load, &mut ends.memory, &mut count).await
        }
        (Host::Here, Host::Server(destination)) => {
            (count.attempts, count.touched) = (1, true);
            local::up(app, destination, load, &mut count).await.map(|()| Rung::Local)
        }
        (Host::Server(source), Host::Here) => {
            (count.attempts, count.touched) = (1, true);
            local::down(app, source, load, &mut count).await.map(|()| Rung::Local)
        }
        (Host::Here, Host::Here) => {
            Err(Problem::usage("both places are on this host").advice("use cp, or name a server with ftp://"))
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
    app: &App,
    Between { from, to, circuit }: Between<'_>,
    load: &Load<'_>,
    memory: &mut Memory,
    count: &mut Count,
) -> Result<Rung, Problem> {
    let data = data(app, &from.site, &to.site);
    let mut refused: Vec<String> = data.hindrance(load.allowed).map(str::to_owned).into_iter().collect();
    let mut climb: Option<(Climb, Vec<String>)> = None;
    let mut step = None;
    loop {
        let (source, destination) = tokio::try_join!(from.session(app), to.session(app))?;
        let (one, two) = (source.party(), destination.party());
        let relays = nearby(app, (&from.site, &one), (&to.site, &two));
        let ways = || ladder::ways(&one, &two, load.allowed, &relays, data);
        let (climb, known) = climb.get_or_insert_with(|| memory.climb(ways(), app.clock.now()));
        let way = match step.take().unwrap_or_else(|| climb.up()) {
            Step::Try(way) => way,
            Step::NoneLeft | Step::Later | Step::Stop => {
                let told = refused.is_empty() && !known.is_empty();
                let why = if told { vec![KNOWN.to_owned()] } else { [known, &refused[..]].concat() };
                return Err(no_way(load.allowed, &why, one_family(&one, &two)));
            }
        };
        let sites = (from.site.clone(), to.site.clone());
        let said = Said::new(way, &relays, (&sites.0, &one), (&sites.1, &two));
        let mut announce = || {
            if load.allowed == Allowed::Auto && said.is_detour() && memory.announces(way) {
                said.warn_of_detour(app, &[known, &refused[..]].concat());
            }
            said.tell(app, &refused);
        };
        let went = match way {
            Way::Direct(plan) => {
                announce();
                direct(app, from, to, plan, load).await?
            }
            // The relay must be there before files can be said to pass it.
            Way::Relay(relaying) => match Circuit::ready(circuit, app, relaying.relay, from, to).await {
                Ok(circuit) => {
                    announce();
                    by_relay(app, circuit, relaying.postures, load).await?
                }
                Err(problem) => {
                    let now = app.clock.now();
                    step = Some(without_relay(problem, way, climb, memory, &mut refused, now)?);
                    continue;
                }
            },
            Way::Through => {
                announce();
                through(app, from, to, load).await?
            }
        };
        count.octets = went.ran.moved;
        let is_done = matches!(went.ran.outcome, Outcome::Moved { .. });
        Passage::add(&mut count.passage, went.passage.filter(|passage| is_done || passage.octets > 0));
        let (Outcome::Failed(failed), Some(problem)) = (&went.ran.outcome, went.problem) else {
            count.attempts += 1;
            count.touched = true;
            count.sha256 = went.sha256;
            memory.worked(way, app.clock.now());
            return Ok(way.rung());
        };
        if failed.touched {
            count.attempts += 1;
            count.touched = true;
        }
        let next = match went.ran.given_up {
            Some(GivenUp::Stalled) => climb.stalled(),
            Some(GivenUp::Interrupted | GivenUp::Silent(_)) => return Err(problem),
            None => climb.after(failed),
        };
        if matches!(failed.cause, Cause::Policy(..)) {
            app.events.warn(problem.to_string());
        }
        let asks = match load.store {
            Store::Replace => load.keeps,
            Store::Append => matches!(next, Step::Try(_) | Step::NoneLeft),
        };
        let changed = failed.touched && asks && !unchanged(app, to, load).await;
        if !changed && matches!(failed.cause, Cause::Refused(_)) && load.may_refuse_to_go_on(failed.blame) {
            count.refused = true;
            return Err(problem);
        }
        // A way that carries octets is open, and a try that goes on may fail for that reason.
        if !changed && load.skips() == 0 {
            memory.failed(way, failed, &said.told(&problem), app.clock.now());
        }
        if problem.exit == Exit::Untrusted {
            return Err(problem);
        }
        match next {
            // In place nobody may try again before it is known what is there now.
            Step::Try(_) | Step::NoneLeft if changed && load.store == Store::Append => return Err(problem),
            // The same way again, from there (H35).
            Step::Try(_) | Step::NoneLeft if changed => {
                return Err(Problem { exit: Exit::Temporary, ..problem });
            }
            next @ (Step::Try(_) | Step::NoneLeft) => {
                refused.push(said.told(&problem));
                step = Some(next);
            }
            Step::Later => return Err(Problem { exit: Exit::Temporary, ..problem }),
            Step::Stop => return Err(problem),
        }
    }
}

/// The step after a relay could not be used at all. One that may be somebody else's ends it: nothing more
/// is said to it, and nothing is done as if nobody had wanted it.
fn without_relay(
    problem: Problem,
    way: Way,
    climb: &mut Climb,
    memory: &mut Memory,
    refused: &mut Vec<String>,
    now: Moment,
) -> Result<Step, Problem> {
    if matches!(problem.exit, Exit::Untrusted | Exit::Interrupted | Exit::Usage) {
        return Err(problem);
    }
    let step = climb.past_relay();
    if step == Step::NoneLeft && problem.exit == Exit::Temporary {
        return Err(problem);
    }
    let why = Problem { advice: None, ..problem }.to_string();
    memory.unusable(way, &why, now);
    refused.push(why);
    Ok(step)
}

/// Whether the file at the destination is as long as before. One that is appended to and has no size
/// may have changed.
async fn unchanged(app: &App, to: &mut Server, load: &Load<'_>) -> bool {
    let absent = load.store == Store::Replace && load.before == 0;
    match to.session(app).await {
        Ok(session) => session
            .size(load.stored)
            .await
            .is_ok_and(|size| size == Some(load.before) || (absent && size.is_none())),
        Err(_) => false,
    }
}
