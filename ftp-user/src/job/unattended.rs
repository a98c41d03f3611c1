//! A job that nobody runs: its file may move on (DETA), and it can be asked about.
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
use crate::job::part::Part;
use crate::job::request::job::{Job, Work};
use crate::journal::{Detached, ItemRecord, ItemState, TransferState};
use crate::ladder::{Candidate, Rung, ThroughRelay};
use crate::report::{Event, FileProgress};
use crate::route::{Assignment, AttemptContext, AttemptResult, Circuit, Ends, GivenUp};
use crate::session::{Role, Session, Stall};
use ftp_proto::command::Command;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Roles;
use ftp_proto::wire::{PathName, TransferId};
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
            context.run.events.say(Event::Progress(FileProgress { source, bytes, total, before, time }));
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
    context.run.events.warn(format!("the detached transfer of {name} ended early: {why}"));
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
    let Host::Server(server) = destination else { return Ok(None) };
    files::detached(server.session(context).await?, detached.destination).await
}

async fn stop(context: &Context, host: &mut Host, id: TransferId) -> Result<()> {
    let Host::Server(server) = host else { return Ok(()) };
    files::stop_detached(server.session(context).await?, id).await
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
    let open = context.store.journal.items(job.id, ItemState::Open)?;
    let Some(item) = open.into_iter().find(|item| item.parts.detached.is_some()) else { return Ok(None) };
    let Some(transfer) = &item.parts.detached else { return Ok(None) };
    let pools = Pools::default();
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
    let (bytes, state) = match status? {
        None => (stored.unwrap_or(before), "its server does not know it any more".to_owned()),
        Some(DetachedStatus { moved, state }) => {
            let state = match state {
                DetachedState::Moving => "moving".to_owned(),
                DetachedState::Whole => "complete".to_owned(),
                DetachedState::Failed(why) => format!("failed: {why}"),
            };
            (before.saturating_add(moved), state)
        }
    };
    Ok(Some(TransferState { bytes, total, state }))
}

/// How many bytes of a file are stored under the name of its last part, if its server tells it.
async fn stored(context: &Context, host: &mut Host, item: &ItemRecord) -> Option<u64> {
    let target = PathName::from_wire(item.place.path.clone()).ok()?;
    let part = Part::new(*item.parts.names.last()?, &target).ok()?;
    files::size(context, host, &part.stored).await.ok()?
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
