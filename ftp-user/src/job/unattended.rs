//! A job that nobody runs: its file may move on (DETA), and it can be asked about and given up.
//!
//! ```text
//!  --detach:  DETA at both ends --> both names are in the journal --> RETR, STOR --> both move --> both are left alone
//!  resume:    STAT #id at the destination, until the transfer has ended --> whole:  verified, renamed
//!                                                                       '-> broken: continued like every broken copy
//!  cancel:    ABOR #id at both ends --> the part is removed
//! ```
//!
//! The names are on the disk before anything can move. So nothing moves that another run does not find, whenever this
//! program is killed; and a control connection that ends before its data connection stands ends everything.

use super::Item;
use crate::context::Context;
use crate::endpoint::files::{self, DetachedState, DetachedStatus, most};
use crate::endpoint::{Host, Pools, Server};
use crate::failure::{Failure, Kind, Result};
use crate::id::JobId;
use crate::job::claims::{lifetime, names};
use crate::job::part::publish::OldFiles;
use crate::job::part::{self, Part};
use crate::job::request::job::{Job, Work};
use crate::job::summary::Tally;
use crate::journal::{Detached, ItemEnd, ItemRecord, ItemState, JobState, RunEnd, TransferState};
use crate::ladder::{Candidate, Rung, ThroughRelay};
use crate::place::{self, Location};
use crate::report::{Event, Progress};
use crate::route::{Assignment, AttemptContext, AttemptResult, Circuit, Ends, GivenUp};
use crate::session::{Role, Session, Stall};
use ftp_proto::command::Command;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Roles;
use ftp_proto::wire::{PathName, TransferId};
use std::collections::HashMap;
use std::time::Duration;

/// A transfer that went on without this program and whose file is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FinishedTransfer {
    /// The path of its bytes.
    pub(super) rung: Rung,
    /// The number of bytes that were stored before it.
    pub(super) before: u64,
    /// The number of bytes that were stored when this run asked first.
    pub(super) seen: u64,
}

/// Fails if one of both ends cannot go on alone, or if no later run could find the transfer. Nothing is changed.
pub(super) async fn check(context: &Context, ends: &mut Ends) -> Result<()> {
    for host in [&mut ends.source, &mut ends.destination] {
        let Host::Server(server) = host else {
            return Err(Failure::usage("--detach needs two servers, and one end is on this host"));
        };
        let session = server.session(context).await?;
        if !files::knows_deta(session) {
            let who = session.who();
            let what = format!("{who} lets no transfer go on without its control connection");
            return Err(Failure::new(Kind::NoPath, what).hint(
                "leave out --detach: only servers that announce DETA in FEAT can do that, as ftp-server does",
            ));
        }
    }
    if context.run.job_journal.keeps_item() {
        Ok(())
    } else {
        Err(Failure::new(Kind::Other, "there is no journal, so no later run would find the detached copy")
            .hint("give it a state directory that can be written (--state), or leave out --detach"))
    }
}

/// One attempt that leaves both ends alone as soon as both move the file.
pub(super) async fn attempt(
    attempts: AttemptContext<'_>,
    from: &mut Server,
    to: &mut Server,
    roles: Roles,
) -> Result<AttemptResult> {
    let AttemptContext { context, assignment, .. } = attempts;
    let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
    let detached = named(context, source, destination, Candidate::Direct(roles).rung(), assignment).await?;
    let attempted = Box::pin(attempts.direct(from, to, roles)).await?;
    moves(context, detached, &attempted).await;
    Ok(attempted)
}

/// The same through a relay. Its join goes on as long as its grant allows, which is longer than any server lets a transfer
/// go on.
pub(super) async fn attempt_by_relay(
    attempts: AttemptContext<'_>,
    circuit: &mut Circuit,
    through: ThroughRelay,
) -> Result<AttemptResult> {
    let AttemptContext { context, assignment, .. } = attempts;
    let rung = if circuit.is_at_hub() { Rung::Hub } else { Candidate::Relay(through).rung() };
    let (source, destination) = circuit.sessions();
    let detached = named(context, source, destination, rung, assignment).await?;
    // The relay is the destination's client, and its data connection ends as that of a killed client does in clear. With
    // its control connection gone, the server knows by the count alone that it has the whole file.
    if let Some(size) = assignment.size {
        destination.ask(Command::Allo(size.saturating_sub(assignment.skips()))).await?;
    }
    let attempted = Box::pin(attempts.by_relay(circuit, through)).await?;
    moves(context, detached, &attempted).await;
    Ok(attempted)
}

/// Asks both ends for the names of their next transfers, and keeps them in the journal.
async fn named(
    context: &Context,
    source: &mut Session,
    destination: &mut Session,
    rung: Rung,
    assignment: &Assignment,
) -> Result<Detached> {
    let (source, destination) =
        tokio::try_join!(files::may_detach(source, LONGEST), files::may_detach(destination, LONGEST))?;
    let detached = Detached { source, destination, route: rung, before: assignment.before, moves: false };
    context.run.job_journal.detached(Some(detached.clone())).await;
    Ok(detached)
}

/// Notes that both ends move the file, if they do.
async fn moves(context: &Context, detached: Detached, attempted: &AttemptResult) {
    if attempted.given_up == Some(GivenUp::Detached) {
        context.run.job_journal.detached(Some(Detached { moves: true, ..detached })).await;
    }
}

/// Waits until a transfer has ended that an earlier run has left alone. Returns what has arrived, if that is the whole
/// file. Otherwise what there is of it is looked at like what every broken attempt leaves.
///
/// # Errors
///
/// The destination cannot be asked, or this run was interrupted. The transfer goes on.
pub(super) async fn wait(
    context: &Context,
    ends: &mut Ends,
    item: &Item,
    detached: &Detached,
    total: Option<u64>,
) -> Result<Option<FinishedTransfer>> {
    let name = ends.source.show(&item.source);
    let clock = context.world.clock;
    let mut watch = Watch::new(clock.now(), total, detached.before);
    let mut stopped: Option<(&'static str, Moment)> = None;
    let mut first = None;
    let why = loop {
        let moved = match look(context, &mut ends.destination, detached).await? {
            None => break "its server does not know it any more".to_owned(),
            Some(DetachedStatus { state: DetachedState::Failed(why), .. }) => break why.to_string(),
            Some(DetachedStatus { state: DetachedState::Whole, moved }) => {
                let before = detached.before;
                let seen = first.unwrap_or_else(|| before.saturating_add(moved));
                return Ok(Some(FinishedTransfer { rung: detached.route, before, seen }));
            }
            Some(DetachedStatus { state: DetachedState::Moving, moved }) => moved,
        };
        let now = clock.now();
        if watch.saw(now, moved) {
            let bytes = detached.before.saturating_add(moved);
            // What has moved before this run asked is no progress of it.
            let before = *first.get_or_insert(bytes);
            let (source, time) = (name.clone(), watch.stall.age(now));
            context.run.events.say(Event::Progress(Progress { source, bytes, total, before, time }));
        }
        match stopped {
            Some((reason, until)) if now >= until => break format!("{reason}, and it does not end"),
            Some(_) => {}
            None => {
                if let Some(reason) = watch.why_to_stop(now, context.settings.patience.stall) {
                    stop(context, &mut ends.destination, detached.destination).await?;
                    stopped = Some((reason, clock.now() + context.settings.patience.reply));
                }
            }
        }
        pause(context).await?;
    };
    // What is left of it must not move while another attempt does.
    if let Err(failure) = stop(context, &mut ends.source, detached.source).await {
        context.run.events.notice(failure.to_string());
    }
    context.run.events.warn(format!("the detached transfer of {name} has ended before its end: {why}"));
    Ok(None)
}

/// For how long a transfer is waited for that goes on without this program. Nothing that its server says makes the wait
/// endless.
#[derive(Debug)]
struct Watch {
    stall: Stall,
    /// When no transfer can move any more: a server lets none go on for longer.
    until: Moment,
    /// The number of bytes that may come.
    most: u64,
}

impl Watch {
    /// The wait begins `now`. The file has `total` bytes, as far as is known, of which `before` were stored before.
    fn new(now: Moment, total: Option<u64>, before: u64) -> Self {
        let mut stall = Stall::new(PERIOD);
        stall.start(now);
        let most = most(total.map(|total| total.saturating_sub(before)));
        Self { stall, until: now + LONGEST, most }
    }

    /// Records how many bytes have moved. Returns whether that is more than before.
    const fn saw(&mut self, now: Moment, moved: u64) -> bool {
        self.stall.saw(now, moved)
    }

    /// Why the transfer has to end now, if nothing may move no longer than for `limit`.
    fn why_to_stop(&mut self, now: Moment, limit: Duration) -> Option<&'static str> {
        if self.stall.moved() > self.most {
            Some("more has come than its source announced")
        } else if self.stall.look(now, limit) {
            Some("it moved nothing")
        } else if now >= self.until {
            Some("it has moved for longer than any server lets a transfer go on")
        } else {
            None
        }
    }
}

/// Ends a transfer that an earlier run has left alone, and returns when nothing of it is stored any more.
///
/// # Errors
///
/// The destination cannot be asked, or does not end it.
pub(super) async fn end(
    context: &Context,
    source: Option<&mut Host>,
    destination: &mut Host,
    detached: &Detached,
) -> Result<()> {
    stop(context, destination, detached.destination).await?;
    if let Some(source) = source
        && let Err(failure) = stop(context, source, detached.source).await
    {
        // Its peer is gone, so it ends by itself.
        context.run.events.notice(failure.to_string());
    }
    let deadline = context.world.clock.now() + context.settings.patience.reply;
    while let Some(DetachedStatus { state: DetachedState::Moving, .. }) =
        look(context, destination, detached).await?
    {
        if context.world.clock.now() >= deadline {
            let what = "the destination does not end the detached transfer";
            return Err(Failure::new(Kind::Temporary, what).hint("try again later"));
        }
        pause(context).await?;
    }
    Ok(())
}

/// How far it is at the destination.
pub(super) async fn look(
    context: &Context,
    destination: &mut Host,
    detached: &Detached,
) -> Result<Option<DetachedStatus>> {
    match destination {
        Host::Server(server) => files::detached(server.session(context).await?, detached.destination).await,
        Host::Local(_) => Ok(None),
    }
}

async fn stop(context: &Context, host: &mut Host, id: TransferId) -> Result<()> {
    match host {
        Host::Server(server) => files::stop_detached(server.session(context).await?, id).await,
        Host::Local(_) => Ok(()),
    }
}

/// Waits for the next question.
async fn pause(context: &Context) -> Result<()> {
    let next = context.world.clock.now() + PERIOD;
    tokio::select! {
        biased;
        () = context.run.cancel.cancelled() => Err(Failure::interrupted().hint(RESUME_WAITS)),
        () = context.world.clock.sleep_until(Some(next)) => Ok(()),
    }
}

/// The hint of an interruption while a transfer goes on alone.
pub(super) const RESUME_WAITS: &str = "the transfer goes on without this program";
/// For how long a transfer may go on without this program: servers of ours grant no more.
const LONGEST: Duration = Duration::from_secs(3600);
/// The time between two questions.
const PERIOD: Duration = Duration::from_millis(500);

/// How far the transfer of `job` is, as its destination tells; `None` if none of its files moves on without this program.
///
/// # Errors
///
/// The journal cannot be used, or the destination cannot be asked.
pub async fn transfer_of(job: &Job, context: &Context) -> Result<Option<TransferState>> {
    let Work::Copy { destination, .. } = &job.work else { return Ok(None) };
    let open =
        context.store.journal.items(job.id, ItemState::Open).map_err(|why| lifetime::of_journal(&why))?;
    let Some(item) = open.into_iter().find(|item| item.parts.detached.is_some()) else { return Ok(None) };
    let Some(transfer) = &item.parts.detached else { return Ok(None) };
    let pools = Pools::new(context.world.files);
    let mut host = Host::at(destination, Role::Destination, &pools);
    let status = look(context, &mut host, transfer).await;
    // A server that was started again has forgotten the transfer, and not what has arrived.
    let stored = match &status {
        Ok(None) => stored(context, &mut host, &item).await,
        Ok(Some(_)) | Err(_) => None,
    };
    host.release();
    pools.quit().await;
    let (total, before) = (item.seen.as_ref().and_then(|seen| seen.size), transfer.before);
    Ok(Some(match status? {
        None => {
            let (bytes, state) =
                (stored.unwrap_or(before), "its server does not know it any more".to_owned());
            TransferState { bytes, total, state }
        }
        Some(DetachedStatus { moved, state }) => {
            let state = match state {
                DetachedState::Moving => "moving".to_owned(),
                DetachedState::Whole => "complete".to_owned(),
                DetachedState::Failed(why) => format!("failed: {why}"),
            };
            TransferState { bytes: before.saturating_add(moved), total, state }
        }
    }))
}

/// How many bytes of a file are stored under the name of its last part, if its server tells it.
async fn stored(context: &Context, host: &mut Host, item: &ItemRecord) -> Option<u64> {
    let target = PathName::from_wire(item.place.path.clone()).ok()?;
    let part = Part::new(*item.parts.names.last()?, &target).ok()?;
    files::size(context, host, &part.stored).await.ok()?
}

/// Gives up `job`, which the journal has. Returns how many files were under way.
///
/// # Errors
///
/// The journal cannot be used, another process runs the job, or something could not be removed. Then the job stays
/// interrupted.
pub async fn cancel(job: Job, context: &Context) -> Result<usize> {
    let source = match &job.work {
        Work::Copy { sources, .. } => sources.first(),
        Work::CopyEach { .. } | Work::Sync { .. } => None,
        Work::Output { .. } | Work::Input { .. } | Work::Append { .. } => {
            return Err(Failure::usage("only a copy can be cancelled"));
        }
    };
    let mut context = context.clone();
    lifetime::start(&mut context, &job).await?;
    let open = context.run.job_journal.open_files().await;
    let pools = Pools::new(context.world.files);
    let mut hosts = Destinations::of(job.work.destinations(), &pools);
    // A job whose transfer goes on has one source.
    let mut source = source.map(|source| Host::at(source, Role::Source, &pools));
    let mut removed = Ok(());
    for item in &open {
        removed = give_up(&context, source.as_mut(), &mut hosts, item).await;
        if removed.is_err() {
            break;
        }
        context.run.job_journal.about(item.key, None).ended(ItemEnd::Unbegun);
    }
    owe_again(&context, &mut hosts).await;
    hosts.release();
    if let Some(source) = source {
        source.release();
    }
    part::settle(&context, &pools).await;
    pools.quit().await;
    let end = if removed.is_ok() { RunEnd::Cancelled } else { RunEnd::Interrupted };
    context.run.job_journal.finish(end, None).await;
    removed.map(|()| open.len())
}

/// Ends what still moves of a file, and removes what is stored of it.
async fn give_up(
    context: &Context,
    source: Option<&mut Host>,
    hosts: &mut Destinations<'_>,
    item: &ItemRecord,
) -> Result<()> {
    let host = hosts.find(&item.place.site).ok_or_else(|| {
        let what = format!("the list of the job has no destination at {} any more", item.place.site);
        Failure::new(Kind::Other, what).hint("write its line into the list again")
    })?;
    if let Some(transfer) = &item.parts.detached {
        end(context, source, host, transfer).await?;
    }
    remove(context, host, item).await
}

/// The hosts of the destinations of a job, each of them as soon as it is needed.
#[derive(Debug)]
struct Destinations<'a> {
    places: HashMap<String, &'a Location>,
    hosts: HashMap<String, Host>,
    pools: &'a Pools,
}

impl<'a> Destinations<'a> {
    fn of(places: impl Iterator<Item = &'a Location>, pools: &'a Pools) -> Self {
        let places = places.map(|place| (names::site_of(&Host::at(place, Role::Destination, pools)), place));
        Self { places: places.collect(), hosts: HashMap::new(), pools }
    }

    /// The host that the journal calls `site`.
    fn find(&mut self, site: &str) -> Option<&mut Host> {
        let place = *self.places.get(site)?;
        let host = || Host::at(place, Role::Destination, self.pools);
        Some(self.hosts.entry(site.to_owned()).or_insert_with(host))
    }

    fn release(self) {
        self.hosts.into_values().for_each(Host::release);
    }
}

/// If all files of this run are done, removes what earlier runs of the job have left of files that it has not come to: their
/// sources are gone. `destinations` are all of the job.
///
/// # Errors
///
/// Something could not be removed. The journal still has it.
pub(in crate::job) async fn remove_left(
    context: &Context,
    destinations: &[Location],
    pools: &Pools,
    tally: &Tally,
) -> Result<()> {
    if !context.run.job_journal.is_resumed() || tally.has_failed() || context.run.cancel.is_cancelled() {
        return Ok(());
    }
    let mut hosts = Destinations::of(destinations.iter(), pools);
    // What moves without this program is not left: another run comes to it.
    let open = context.run.job_journal.open_files().await.into_iter();
    let mut removed = Ok(());
    for item in open.filter(|item| item.parts.detached.is_none()) {
        // What is at a server that the list does not name any more is left to whoever changed it.
        let Some(host) = hosts.find(&item.place.site) else { continue };
        removed = match has_its_name(host, &item) {
            true => remove(context, host, &item).await,
            false => remove_parts(context, host, &item).await.map(drop),
        };
        if removed.is_err() {
            break;
        }
        context.run.job_journal.about(item.key, None).ended(ItemEnd::Unbegun);
    }
    owe_again(context, &mut hosts).await;
    if let ([destination], Some(here)) = (destinations, hosts.find("")) {
        let directory = names::directory_at(here, &destination.path);
        for item in context.run.job_journal.finished_under_two_names(directory).await {
            if !has_its_name(here, &item) {
                context.run.job_journal.about(item.key, None).ended(ItemEnd::Unbegun);
            }
        }
    }
    hosts.release();
    removed
}

/// Has the run delete at its end what earlier runs could not delete of files that have ended.
async fn owe_again(context: &Context, hosts: &mut Destinations<'_>) {
    for item in context.run.job_journal.files_that_owe().await {
        if let (Some(Host::Server(server)), Ok(target)) = (hosts.find(&item.place.site), target(&item)) {
            part::owe_again(server, &target, &item.parts.names);
        }
    }
}

/// Whether the journal's name of a file is still its name. If one of its directories was renamed meanwhile, and a symbolic link
/// leads there, this run has copied the file by its present name.
fn has_its_name(host: &Host, item: &ItemRecord) -> bool {
    target(item).is_ok_and(|target| names::path_at(host, &target) == item.place.path)
}

/// The job that runs on this host and stores a file under this name, if one does: the name is that of a part, which has a random
/// number.
pub(crate) fn storing(context: &Context, path: &PathName) -> Option<JobId> {
    Part::id_in(path)?;
    let (journal, name) = (&context.store.journal, place::base_name(path));
    let running = journal.jobs().unwrap_or_default().into_iter().filter(|job| job.state == JobState::Running);
    let is_stored = |item: &ItemRecord| {
        let Ok(target) = PathName::from_wire(item.place.path.clone()) else { return false };
        let parts = item.parts.names.iter().filter_map(|id| Part::new(*id, &target).ok());
        parts.map(|part| place::base_name(&part.stored)).any(|part| part == name)
    };
    let mut running = running.map(|job| job.id);
    running.find(|job| journal.items(*job, ItemState::Open).unwrap_or_default().iter().any(is_stored))
}

/// What a file that has not ended may have left, as it is typed: `ftp://ann@two.example:21/copy/.00000000000000ab.ftp-user.part`.
pub fn left_of(item: &ItemRecord) -> Vec<String> {
    let Ok(target) = PathName::from_wire(item.place.path.clone()) else { return Vec::new() };
    let host = if item.place.site.is_empty() { String::new() } else { format!("ftp://{}/", item.place.site) };
    let parts = item.parts.names.iter().filter_map(|id| Part::new(*id, &target).ok()).map(|part| part.stored);
    let in_place = item.parts.in_place.map(|_| target.clone());
    parts.chain(in_place).map(|path| format!("{host}{}", path.display())).collect()
}

/// Removes what is stored of a file, and tells what may be left.
async fn remove(context: &Context, host: &mut Host, item: &ItemRecord) -> Result<()> {
    let target = target(item)?;
    if item.parts.in_place.is_some() && files::facts(context, host, &target).await?.is_some() {
        let name = host.show(&target);
        context.run.events.warn(format!(
            "{name} may be a part of a copy, since its server cannot rename: delete it if it is not needed"
        ));
    }
    let has_part = remove_parts(context, host, item).await?;
    if !has_part && is_directory_gone(host, &target) {
        for name in left_of(item) {
            context.run.events.warn(format!(
                "nobody has removed {name}, since its directory is gone: if that has another name now, delete the file there"
            ));
        }
    } else if !has_part {
        tell_if_published(context, host, &target, item).await?;
    }
    Ok(())
}

fn target(item: &ItemRecord) -> Result<PathName> {
    let path = PathName::from_wire(item.place.path.clone());
    path.map_err(|bad| Failure::new(Kind::Other, format!("the journal has a bad path: {bad}")))
}

/// Removes the parts of a file, and gives an old one its name back. Returns whether there was a part.
async fn remove_parts(context: &Context, host: &mut Host, item: &ItemRecord) -> Result<bool> {
    let (target, mut has_part, mut old) = (target(item)?, false, OldFiles::default());
    for id in &item.parts.names {
        let part = Part::new(*id, &target)?;
        old.may_be_aside_for(&part)?;
        old.look(context, host, &target).await?;
        has_part |= files::delete_own(context, host, &part.stored).await?;
    }
    old.leave(context, host, &target);
    Ok(has_part)
}

/// Whether the directory of a file of this host is not there: somebody has deleted it with what was in it, or renamed it.
fn is_directory_gone(host: &Host, target: &PathName) -> bool {
    let (Host::Local(here), Some(directory)) = (host, place::parent(target)) else { return false };
    here.files().name(&directory).entry().is_ok_and(|found| found.is_none())
}

/// Tells that the copy may have its final name: a run that was killed between the renaming and its note in the journal has
/// left no part. The file is whole then, and stays, as each file that the journal has as finished.
async fn tell_if_published(
    context: &Context,
    host: &mut Host,
    target: &PathName,
    item: &ItemRecord,
) -> Result<()> {
    let size = item.seen.as_ref().and_then(|source| source.size);
    if item.parts.in_place.is_some() || item.parts.names.is_empty() || size.is_none() {
        return Ok(());
    }
    if files::facts(context, host, target).await?.is_some_and(|facts| facts.size == size) {
        let name = host.show(target);
        context.run.events.warn(format!(
            "{name} has the size of its source and stays: the run may have finished this copy just before it ended; delete it if it is not needed"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_a_server_makes_the_wait_for_a_detached_transfer_endless() {
        let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
        let limit = Duration::from_secs(60);
        // The numbers of an honest transfer.
        let mut watch = Watch::new(at(0), Some(10), 4);
        assert!(watch.saw(at(30), 3) && watch.why_to_stop(at(31), limit).is_none());
        assert_eq!(watch.why_to_stop(at(90), limit), Some("it moved nothing"));
        // It grows beyond the file.
        let mut watch = Watch::new(at(0), Some(10), 4);
        watch.saw(at(1), most(Some(6)));
        assert_eq!(watch.why_to_stop(at(2), limit), None);
        watch.saw(at(2), most(Some(6)) + 1);
        assert_eq!(watch.why_to_stop(at(2), limit), Some("more has come than its source announced"));
        // It grows for ever, and nobody knows the size.
        let mut watch = Watch::new(at(0), None, 0);
        let ends = (0..100_000).find(|second| {
            watch.saw(at(*second), *second);
            watch.why_to_stop(at(*second), limit).is_some()
        });
        assert_eq!(ends, Some(LONGEST.as_secs()));
    }
}
