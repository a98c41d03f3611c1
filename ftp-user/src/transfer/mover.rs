//! Moves the octets of one file, by whatever way works.

use super::pair::{GivenUp, Pair};
use super::through::{Told, Via};
use super::watch::{Subject, Watch};
use super::{Ends, Host, Server, local, trouble};
use crate::app::App;
use crate::cli::Exit;
use crate::ladder::{self, Allowed, Climb, Memory, Rung, Step, Way};
use crate::problem::Problem;
use crate::report::Event;
use ftp_io::copy::Look;
use ftp_proto::address::Family;
use ftp_proto::command::DataType;
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::third_party::{Cause, Job, Outcome, Party, Store};
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
    /// What was at the destination before, for APPE.
    pub(super) before: u64,
    /// Which ways it may go.
    pub(super) allowed: Allowed,
    /// Whether its octets are looked at where they pass this host.
    pub(super) look: Look,
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
}

/// What is known of all attempts so far.
#[derive(Debug, Default)]
struct Count {
    attempts: u32,
    touched: bool,
    octets: u64,
    sha256: Option<String>,
}

/// Moves it.
pub(super) async fn shift(app: &App, ends: &mut Ends, load: &Load<'_>) -> Moved {
    let mut count = Count::default();
    let result = match (&mut ends.source, &mut ends.destination) {
        (Host::Server(source), Host::Server(destination)) => {
            between(app, source, destination, load, &mut ends.memory, &mut count).await
        }
        (Host::Here, Host::Server(destination)) => {
            (count.attempts, count.touched) = (1, true);
            local::up(app, destination, load, &mut count.octets).await.map(|()| Rung::Local)
        }
        (Host::Server(source), Host::Here) => {
            (count.attempts, count.touched) = (1, true);
            local::down(app, source, load, &mut count.octets).await.map(|()| Rung::Local)
        }
        (Host::Here, Host::Here) => {
            Err(Problem::usage("both places are on this host").advice("use cp, or name a server with ftp://"))
        }
    };
    let Count { attempts, touched, octets, sha256 } = count;
    Moved { result, attempts, touched, octets, sha256 }
}

/// Server to server, rung by rung.
async fn between(
    app: &App,
    from: &mut Server,
    to: &mut Server,
    load: &Load<'_>,
    memory: &mut Memory,
    count: &mut Count,
) -> Result<Rung, Problem> {
    let mut refused: Vec<String> = Vec::new();
    let mut climb: Option<(Climb, Vec<String>)> = None;
    let mut step = None;
    loop {
        let site = to.site.clone();
        let (source, destination) = tokio::try_join!(from.session(app), to.session(app))?;
        let (one, two) = (source.party(), destination.party());
        let (climb, known) = climb
            .get_or_insert_with(|| memory.climb(ladder::ways(&one, &two, load.allowed), app.clock.now()));
        let way = match step.take().unwrap_or_else(|| climb.up()) {
            Step::Try(way) => way,
            Step::NoneLeft | Step::Later | Step::Stop => {
                let told = refused.is_empty() && !known.is_empty();
                let why = if told { vec![KNOWN.to_owned()] } else { [known, &refused[..]].concat() };
                return Err(no_way(load.allowed, &why, one_family(&one, &two)));
            }
        };
        if load.store == Store::Replace {
            destination.discard_partials().await?;
        }
        if way == Way::Through && load.allowed == Allowed::Auto && memory.announces(way) {
            warn_of_detour(app, &[known, &refused[..]].concat());
        }
        let why = why(way, one.capabilities.rndz && two.capabilities.rndz, &refused);
        app.events.say(Event::Path { rung: way.rung(), why, considered: Vec::new() });
        source.note_type(None);
        destination.note_type(None);
        let ran = match way {
            Way::Direct(plan) => {
                let subject = Subject {
                    name: load.name.to_owned(),
                    total: load.size,
                    site: &site,
                    stored: load.stored,
                    before: load.before,
                };
                let watch = Watch::new(app, source, destination, subject);
                let proven = one.capabilities.rndz && two.capabilities.rndz;
                let job = job(load, if proven { Some(secret()?) } else { None });
                Pair::new(app, source, destination, job, plan, watch).run().await
            }
            Way::Through => {
                let told = Told { name: load.name.to_owned(), total: load.size };
                let (ran, sha256) =
                    Via::new(app, source, destination, job(load, None), load.look, told).run().await;
                count.sha256 = sha256;
                ran
            }
        };
        count.octets = ran.moved;
        let failed = match &ran.outcome {
            Outcome::Moved { .. } => {
                source.note_type(Some(DataType::Image));
                destination.note_type(Some(DataType::Image));
                count.attempts += 1;
                count.touched = true;
                memory.worked(way, app.clock.now());
                return Ok(way.rung());
            }
            Outcome::Failed(failed) => failed,
        };
        if failed.touched {
            count.attempts += 1;
            count.touched = true;
        }
        let (problem, next) = match ran.given_up {
            Some(GivenUp::Stalled) => {
                let problem = trouble::given_up(app, source, destination, GivenUp::Stalled, &ran);
                (problem, climb.stalled())
            }
            Some(why) => return Err(trouble::given_up(app, source, destination, why, &ran)),
            None => (trouble::problem(source, destination, failed), climb.after(failed)),
        };
        if matches!(failed.cause, Cause::Policy(..)) {
            app.events.warn(problem.to_string());
        }
        memory.failed(way, failed, &told(way, &problem), app.clock.now());
        match next {
            // In place nobody may try again before it is known what is there now.
            Step::Try(_) | Step::NoneLeft
                if load.store == Store::Append && failed.touched && !unchanged(app, to, load).await =>
            {
                return Err(problem);
            }
            next @ (Step::Try(_) | Step::NoneLeft) => {
                refused.push(told(way, &problem));
                step = Some(next);
            }
            Step::Later => return Err(Problem { exit: Exit::Temporary, ..problem }),
            Step::Stop => return Err(problem),
        }
    }
}

fn job(load: &Load<'_>, secret: Option<RendezvousSecret>) -> Job {
    Job {
        source_path: load.source.clone(),
        destination_path: load.stored.clone(),
        store: load.store,
        restart: None,
        secret,
    }
}

/// Whether the file that is appended to is as long as before.
async fn unchanged(app: &App, to: &mut Server, load: &Load<'_>) -> bool {
    match to.session(app).await {
        Ok(session) => session.size(load.stored).await.is_ok_and(|size| size == Some(load.before)),
        Err(_) => false,
    }
}

/// Why a way could not be gone, for the reasons of the next one.
fn told(way: Way, problem: &Problem) -> String {
    format!("{}: {}", way.rung().words(), Problem { advice: None, ..problem.clone() })
}

/// Nobody has asked for octets that pass this host: that is said loudly.
fn warn_of_detour(app: &App, refused: &[String]) {
    let why = if refused.is_empty() { NOTHING_IN_COMMON.to_owned() } else { refused.join(" | ") };
    app.events.warn(format!("the octets pass this host, since no direct way works: {why}"));
}

pub(super) fn no_way(allowed: Allowed, refused: &[String], one_family: bool) -> Problem {
    let problem = Problem::new(Exit::NoPath, "no way between the two servers works");
    let said = if refused.is_empty() { NOTHING_IN_COMMON.to_owned() } else { refused.join(" | ") };
    problem.said(said).advice(match allowed {
        Allowed::Direct if !one_family => {
            "reach both by addresses of one family (-4 or -6), or let the octets pass this host (--path auto)"
        }
        Allowed::Direct => {
            "allow transfers between servers (FXP) at one of them, or let the octets pass this host \
             (--path auto)"
        }
        Allowed::Auto | Allowed::User => "check that the data ports of both can be reached from here",
    })
}

/// Whether this program reaches both by the same address family.
pub(super) fn one_family(source: &Party, destination: &Party) -> bool {
    Family::of(source.address) == Family::of(destination.address)
}

const KNOWN: &str = "each was refused to an earlier file";
const NOTHING_IN_COMMON: &str = "they have no address family and no commands in common";

pub(super) fn why(way: Way, proven: bool, refused: &[String]) -> String {
    let mut why = way.needs();
    if proven && way != Way::Through {
        why.push_str(", and RNDZ proves them to each other");
    }
    if let Some(last) = refused.last() {
        why.push_str(&format!("; before: {last}"));
    }
    why
}

/// A secret for one data connection.
fn secret() -> Result<RendezvousSecret, Problem> {
    ftp_io::random::octets()
        .map(RendezvousSecret::new)
        .map_err(|error| Problem::new(Exit::Error, format!("no random number could be had: {error}")))
}
