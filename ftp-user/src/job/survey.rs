//! Tries every candidate between two servers without moving a file.
//!
//! | candidate | what is sent |
//! |---|---|
//! | direct, between two servers that know PROB | PROB: nothing is read or stored |
//! | any other | an empty temporary file of the source, which the destination stores under a temporary name; both are deleted |

use crate::account::{CandidateFate, DataPath, PairAccount};
use crate::context::{Context, Patience};
use crate::endpoint::{Host, LocalEnd, Pools, Server};
use crate::failure::{Failure, Kind, Result};
use crate::job::part::{self, Part};
use crate::job::race::findings::{FAILED_IN_SILENCE, Notes, remember};
use crate::job::race::runner::{Finished, Obstacle, Runner, may_have_stored};
use crate::job::retry::{check_cancel, connect_both, facts};
use crate::ladder::{Allowed, Ascent, Memory, Rung, Schedule};
use crate::place::{self, Location};
use crate::route::{self, Assignment, Count, Ends, Lane, Sign, Situation, StoreReply};
use crate::session::Role;
use crate::world::NULL_DEVICE;
use ftp_proto::listing;
use ftp_proto::transfer::Outcome;
use ftp_proto::transfer::race::{CandidatePurpose, Entrant, Manner};
use ftp_proto::wire::PathName;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Tries every candidate between the servers of two places. Nothing is left at either.
///
/// # Errors
///
/// There is no session with a server, or the probe was interrupted.
pub async fn survey(
    context: &Context,
    source: &Location,
    destination: &Location,
    allowed: Allowed,
) -> Result<PairAccount> {
    let pools = Pools::default();
    let mut ends =
        Ends::new(Host::at(source, Role::Source, &pools), Host::at(destination, Role::Destination, &pools));
    connect_both(context, &mut ends).await?;
    let part = part_at(context, &mut ends.source, source).await?;
    let copy = part_at(context, &mut ends.destination, destination).await?;
    let (Host::Server(from), Host::Server(to)) = (&mut ends.source, &mut ends.destination) else {
        return Err(Failure::usage("probe needs two servers").hint("name servers with ftp://host/path"));
    };
    let situation = Situation::of(context, from, to).await?;
    let mut memory = Memory::default();
    situation.recall(context, &mut memory, allowed);
    let ascent = Ascent::new(situation.candidates(allowed), None);
    let (entrants, settings) = situation.race(&ascent, Manner::Beside);
    let groups = entrants.iter().map(|entrant| entrant.group).collect();
    let (sender, signs) = mpsc::unbounded_channel();
    let mut surveyor = Surveyor {
        context,
        situation: &situation,
        source: from,
        destination: to,
        allowed,
        part,
        copy,
        schedule: Schedule::new(groups, settings.together),
        entrants,
        notes: Notes::new(&situation, allowed, &ascent, &memory, context.world.clock.now()),
        ascent,
        tasks: JoinSet::new(),
        sender,
        signs,
        stops: Vec::new(),
        no_file: None,
    };
    let found = surveyor.run().await;
    ends.quit(context).await;
    part::settle(context, &pools).await;
    pools.quit().await;
    found
}

/// A temporary name in the directory that a place is, or beside the file that it is.
async fn part_at(context: &Context, host: &mut Host, place: &Location) -> Result<Part> {
    let found = facts(context, host, &place.path).await?;
    let is_directory = place.contents || found.is_some_and(|facts| facts.kind == listing::Kind::Directory);
    let name = || PathName::from_user("probe").map_err(|bad| Failure::new(Kind::Other, bad.to_string()));
    let target = if is_directory {
        place::join(Some(&place.path).filter(|path| path.as_bytes() != b"."), &name()?)
    } else {
        place.path.clone()
    };
    Part::random(&target)
}

/// A survey under way.
struct Surveyor<'a> {
    context: &'a Context,
    situation: &'a Situation,
    source: &'a mut Server,
    destination: &'a mut Server,
    allowed: Allowed,
    /// The empty file at the source.
    part: Part,
    /// Where the destination stores it.
    copy: Part,
    ascent: Ascent,
    entrants: Vec<Entrant>,
    schedule: Schedule,
    notes: Notes,
    tasks: JoinSet<(usize, Finished)>,
    sender: mpsc::UnboundedSender<(usize, Sign)>,
    signs: mpsc::UnboundedReceiver<(usize, Sign)>,
    /// Candidates run as long as nothing is sent here.
    stops: Vec<watch::Sender<bool>>,
    /// Why candidates that need an empty file cannot be tried.
    no_file: Option<Failure>,
}

impl Surveyor<'_> {
    /// Whether a candidate moves nothing at all (PROB).
    fn probes(&self, index: usize) -> bool {
        self.entrants.get(index).is_some_and(|entrant| entrant.probes)
    }

    /// Tries all candidates, then deletes what was stored.
    async fn run(&mut self) -> Result<PairAccount> {
        let needs_file = (0..self.entrants.len()).any(|index| !self.probes(index));
        if needs_file {
            self.no_file = self.store_empty().await.err();
        }
        if let Some(failure) = self.no_file.clone() {
            let why = failure.during("it cannot be tried without moving a file");
            for index in (0..self.entrants.len()).filter(|index| !self.probes(*index)).collect::<Vec<_>>() {
                self.schedule.closed(index);
                self.notes.left_out(index, &why);
            }
        }
        // The first candidates use the sessions that are open.
        for server in [&mut *self.source, &mut *self.destination] {
            let beside = server.beside();
            std::mem::replace(server, beside).release();
        }
        self.all().await;
        // What was refused is not there, and whoever may not store may not delete.
        let is_stored = self.no_file.as_ref().is_none_or(|failure| failure.kind != Kind::Refused);
        if needs_file && is_stored {
            self.part.discard_at(self.context, self.source, StoreReply::Received).await;
        }
        check_cancel(self.context)?;
        Ok(self.conclude())
    }

    async fn all(&mut self) {
        loop {
            while !self.context.run.cancel.is_cancelled()
                && let Some(index) = self.schedule.start_next()
            {
                self.start(index);
            }
            if self.tasks.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                Some((index, sign)) = self.signs.recv() => {
                    if sign == Sign::Connecting {
                        self.notes.connecting(index, self.context.world.clock.now());
                    }
                }
                Some(finished) = self.tasks.join_next() => {
                    if let Ok((index, finished)) = finished {
                        self.ended(index, finished).await;
                    }
                }
            }
        }
    }

    /// Stores an empty file at the source.
    async fn store_empty(&mut self) -> Result<()> {
        let nothing =
            PathName::from_user(NULL_DEVICE).map_err(|bad| Failure::new(Kind::Other, bad.to_string()))?;
        let stored = &self.part.stored;
        let assignment = Assignment { source: nothing, ..self.assignment(stored, stored, false) };
        route::send_local(&self.quick(), (&LocalEnd::Typed, self.source), &assignment, &mut Count::default())
            .await
    }

    fn assignment(&self, source: &PathName, stored: &PathName, probes: bool) -> Assignment {
        let empty = Assignment::new(source.display(), source, stored, Some(0));
        Assignment { probes, allowed: self.allowed, ..empty }
    }

    /// The context of an attempt: a dead path is given up within seconds.
    fn quick(&self) -> Context {
        let mut context = self.context.clone();
        let Patience { reply, stall, .. } = context.settings.patience;
        let (reply, stall) = (reply.min(QUICK), stall.min(QUICK));
        context.settings.patience = Patience { reply, stall, unseen: None, retries: 0, first_retries: 0 };
        context
    }

    fn start(&mut self, index: usize) {
        let Some(candidate) = self.ascent.candidates.get(index).copied() else { return };
        let now = self.context.world.clock.now();
        self.notes.started(index, CandidatePurpose::Probe, now);
        let stored =
            Part::random(&self.copy.target).map_or_else(|_| self.copy.stored.clone(), |part| part.stored);
        let assignment = self.assignment(&self.part.stored, &stored, self.probes(index));
        let (source, destination) = (self.source.beside(), self.destination.beside());
        let mut runner = Runner { source, destination, circuit: None };
        let (stop, lane) = Lane::new(index, self.sender.clone());
        self.stops.push(stop);
        let (patient, quick) = (self.context.clone(), self.quick());
        self.tasks.spawn(async move {
            // A login may take its time; it says nothing of the path.
            let sessions = async {
                tokio::try_join!(runner.source.session(&patient), runner.destination.session(&patient))
                    .map(drop)
            };
            if let Err(failure) = Box::pin(sessions).await {
                let attempted = Err(Obstacle::Session(failure));
                return (index, Finished { runner, attempted, lost: false });
            }
            let mut finished = Box::pin(runner.run(quick.clone(), candidate, assignment.clone(), lane)).await;
            if let Ok(attempted) = &finished.attempted
                && !assignment.probes
                && may_have_stored(&attempted.outcome, false)
            {
                finished.runner.discard(&quick, &assignment, attempted.store_reply).await;
            }
            (index, finished)
        });
    }

    async fn ended(&mut self, index: usize, finished: Finished) {
        let now = self.context.world.clock.now();
        if matches!(finished.attempted, Err(Obstacle::Session(_))) {
            if self.schedule.no_session(index) {
                return finished.runner.release().await;
            }
        } else {
            self.schedule.ended(index);
        }
        self.notes.ended(index, &finished, true, now);
        if let Ok(attempted) = &finished.attempted
            && let Outcome::Failed(failed) = &attempted.outcome
        {
            self.ascent.of(index).after(failed);
            if let Some(candidate) = self.ascent.candidates.get(index) {
                self.notes.ends_in_silence(index, *candidate, FAILED_IN_SILENCE, now);
            }
            for other in (0..self.entrants.len()).filter(|other| !self.ascent.is_open(*other)) {
                self.schedule.closed(other);
            }
        }
        finished.runner.release().await;
    }

    /// What was found, which is remembered, too.
    fn conclude(&mut self) -> PairAccount {
        let key = self.situation.key();
        let mut account = self.notes.take_account(0, "", &self.ascent, &[]);
        let tried = &account.tried;
        let best = tried.iter().position(|tried| tried.fate == CandidateFate::Proven);
        let works = |rung: Rung| {
            tried.iter().any(|tried| tried.rung == rung.name() && tried.fate == CandidateFate::Proven)
        };
        self.notes.remember_silent(self.context, key, works);
        let candidate = best.and_then(|best| self.ascent.candidates.get(best)).copied();
        if let Some(candidate) = candidate {
            remember(self.context, key, candidate, self.allowed);
        }
        let mut picture = candidate.map(|candidate| self.situation.picture(candidate));
        // Only the run shows whether a relay is a hub.
        if let Some(DataPath::Through { host, .. }) = picture.as_mut().map(|picture| &mut picture.path)
            && let Some(words) = best.and_then(|best| tried.get(best)).map(|tried| tried.words.as_str())
        {
            words.strip_prefix("through ").unwrap_or(words).clone_into(host);
        }
        let shown = |(name, address): &(String, std::net::IpAddr)| format!("{name} ({address})");
        account.picture = picture.map(Box::new);
        PairAccount::of(shown(&key.source), shown(&key.destination), account)
    }
}

/// How long each step of an attempt may take.
const QUICK: Duration = Duration::from_secs(5);
