//! Makes one attempt with one candidate between two servers, and explains its failure.

use super::assignment::{Assignment, ContinuedBy};
use super::circuit::Circuit;
use super::direct::Direct;
use super::drive::{Drive, Ended, GivenUp, Path};
use super::explain;
use super::lane::{Lane, Sign};
use super::progress::{Progress, Subject};
use super::relay::RelayPath;
use super::second::Stored;
use super::sessions::Sessions;
use super::through::Through;
use crate::account::{Said, shortened};
use crate::context::{Context, connect_limit};
use crate::endpoint::Server;
use crate::failure::{Failure, Kind};
use crate::outcome::{PathFacts, Protection, Relayed, StreamedDigests, TransferFacts};
use crate::session::Session;
use ftp_io::copy::{Digest, Meters};
use ftp_proto::command::{DataType, Verb};
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::reply::Blame;
use ftp_proto::transfer::{
    self, Attempt, Cause, DataTls, Outcome, RelayRoles, Roles, Side, Stage, Store, Timeouts, Transfer,
};
use std::sync::Arc;
use std::time::Duration;

/// How one attempt ended.
#[derive(Debug)]
pub(crate) struct Attempted {
    /// The outcome of the machine.
    pub(crate) outcome: Outcome,
    /// Why this program cancelled the attempt, if that is the reason for its end.
    pub(crate) given_up: Option<GivenUp>,
    /// The failure, for people.
    pub(crate) failure: Option<Failure>,
    /// How many bytes have moved, as far as is known.
    pub(crate) moved: u64,
    /// How long the servers have said that they move the file.
    pub(crate) took: Duration,
    /// The SHA-256 of what this program copied, if it was computed.
    pub(crate) sha256: Option<String>,
    /// The digests that the servers have computed while the file moved.
    pub(crate) streamed: StreamedDigests,
    /// What has passed a relay.
    pub(crate) relayed: Option<Relayed>,
    /// What protected the bytes on their whole path.
    pub(crate) protection: Protection,
    /// What each end said last.
    pub(crate) said: Vec<Said>,
    /// What is known of the transfer.
    pub(crate) facts: TransferFacts,
}

impl Attempted {
    fn new(
        context: &Context,
        source: &Session,
        destination: &Session,
        intermediary: Option<&str>,
        ended: Ended,
        protection: Protection,
    ) -> Self {
        let ends = explain::Ends { source, destination, intermediary };
        let failure = explain::failure(context.settings.patience.stall, &ends, &ended);
        // A wrong certificate at a data connection, or somebody else at a server's address, explains more.
        let impostor = || source.impostor().or_else(|| destination.impostor());
        let intruded = ended.intruded.map(|side| match side {
            Side::Source => source.intruded_words(),
            Side::Destination => destination.intruded_words(),
        });
        let failure = failure.map(|failure| impostor().or(intruded).unwrap_or(failure));
        let Ended { outcome, given_up, moved, took, sha256, said, observed, .. } = ended;
        let said = [source, destination].into_iter().zip(said).filter_map(|(session, reply)| {
            let reply = shortened(&session.shown(&reply?));
            Some(Said { end: session.role.name().to_owned(), reply })
        });
        let said = said.collect();
        let streamed = StreamedDigests::of(&outcome);
        let passes_here = intermediary == Some(THIS_HOST);
        let path = path_facts([source, destination], (!passes_here).then_some(protection));
        let facts = TransferFacts { path: Some(Arc::new(path)), ..observed.facts() };
        Self {
            outcome,
            given_up,
            failure,
            moved,
            took,
            sha256,
            streamed,
            relayed: None,
            protection,
            said,
            facts,
        }
    }
}

/// What protects the connections with both servers. `agreed` is what protects the data connection between them; `None` if each of
/// them has one with this host.
pub(super) fn path_facts(sessions: [&Session; 2], agreed: Option<Protection>) -> PathFacts {
    let data = |session: &Session| match agreed {
        Some(protection) => session.agreed_protection(protection == Protection::Private),
        None => session.data_protection(),
    };
    let control = sessions.map(|session| Some(session.control_protection()));
    PathFacts { control, data: sessions.map(|session| Some(data(session))), why: None }
}

/// Makes an attempt from server to server. If the end that listens refuses the file, both ends prove themselves to each other
/// afterwards: for a server that connects, a try that its client gives up is a failure of the target until that is proven
/// ([why](../../../docs/decisions/0062-what-belongs-to-a-later-job.md)).
///
/// # Errors
///
/// There is no session with a server, or it cannot be prepared.
pub(crate) async fn direct(
    context: &Context,
    from: &mut Server,
    to: &mut Server,
    roles: Roles,
    assignment: &Assignment,
    lane: &Lane,
) -> Result<Attempted, Failure> {
    let attempted = Box::pin(exchange(context, from, to, roles, assignment, lane)).await?;
    if attempted.given_up.is_none()
        && !assignment.probes
        && !assignment.detaches
        && owes_proof(&attempted.outcome, roles)
        && probe(context, from).await
        && probe(context, to).await
    {
        // A probe moves nothing that another attempt could continue. The server's setting stays that of the transfer.
        let continued = match assignment.continued {
            ContinuedBy::ThisRun => ContinuedBy::Resume,
            continued @ (ContinuedBy::Nobody | ContinuedBy::Resume) => continued,
        };
        let proof = Assignment { probes: true, continued, before: 0, until: None, ..assignment.clone() };
        // What comes of it is of no use to this file.
        let _ = Box::pin(exchange(context, from, to, roles, &proof, &lane.unheard())).await;
    }
    Ok(attempted)
}

/// Whether the end that connects was told to try the other one, which has refused its file meanwhile. Nobody has proven
/// anything then.
fn owes_proof(outcome: &Outcome, roles: Roles) -> bool {
    let Outcome::Failed(failed) = outcome else { return false };
    let is_of_file = match failed.blame {
        Blame::Missing | Blame::File | Blame::Space => true,
        Blame::Login | Blame::Path | Blame::Busy | Blame::Unsupported | Blame::Peer => false,
    };
    let is_transfer = matches!(failed.stage, Stage::Command(Verb::Retr | Verb::Stor | Verb::Appe));
    let was_refused = matches!(failed.cause, Cause::Refused(_)) && !failed.touched;
    let connects_to_it = failed.side == roles.passive || roles.opening == transfer::Opening::Symmetric;
    is_of_file && is_transfer && was_refused && connects_to_it
}

/// Whether a server proves its data connections also without a file.
async fn probe(context: &Context, server: &mut Server) -> bool {
    let session = server.session(context).await;
    session.is_ok_and(|session| session.manners.capabilities.rndz && session.manners.capabilities.prob)
}

/// One exchange of direct.
async fn exchange(
    context: &Context,
    from: &mut Server,
    to: &mut Server,
    roles: Roles,
    assignment: &Assignment,
    lane: &Lane,
) -> Result<Attempted, Failure> {
    let stored = Stored { site: to.site.clone(), path: assignment.grows(), before: assignment.before };
    let (source, destination) = lane.unless_lost(Box::pin(prepared(context, from, to, assignment))).await?;
    lane.say(Sign::Ready);
    if let Some(refused) = unprotected(source, destination, roles.tls).await? {
        return Ok(Attempted::new(context, source, destination, None, refused, Protection::Clear));
    }
    let progress = Progress::direct(context, source, destination, stored, subject(assignment));
    let progress = progress.after(assignment.slowest);
    let transfer = transfer(assignment, secret(source, destination)?);
    let sessions = Sessions { source, destination };
    let (one, two) = sessions.source.parties_with(sessions.destination);
    let timeouts = timeouts(context.settings.patience.reply, assignment.size);
    let attempt = Attempt::direct(transfer, roles, one, two, timeouts, context.world.clock.now());
    let path = Path::Direct(Direct::default());
    let drive = Drive::new(context, sessions, attempt, path, progress, lane).detaching(assignment.detaches);
    let ended = Box::pin(drive.run()).await;
    note_type(source, destination, &ended);
    Ok(Attempted::new(context, source, destination, None, ended, Protection::of(roles.tls.runs_tls())))
}

/// Makes an attempt through a relay.
pub(crate) async fn by_relay(
    context: &Context,
    circuit: &mut Circuit,
    roles: RelayRoles,
    assignment: &Assignment,
    lane: &Lane,
) -> Result<Attempted, Failure> {
    let Circuit { name, agents, source, destination, .. } = circuit;
    lane.say(Sign::Ready);
    lane.unless_lost(ready(context, source, destination, assignment)).await?;
    let intermediary = format!("the relay {name}");
    if let Some(refused) = unprotected(source, destination, roles.tls).await? {
        return Ok(Attempted::new(
            context,
            source,
            destination,
            Some(&intermediary),
            refused,
            Protection::Clear,
        ));
    }
    let transfer = transfer(assignment, secret(source, destination)?);
    // What proves the connection, or encrypts it, is no part of the file.
    let is_the_file = transfer.secret.is_none() && !roles.tls.runs_tls();
    let digest = if is_the_file { assignment.look } else { Digest::Off };
    let sessions = Sessions { source, destination };
    let (one, two) = (sessions.source.party(), sessions.destination.party());
    let timeouts = timeouts(context.settings.patience.reply, assignment.size);
    let attempt = Attempt::relayed(transfer, roles, one, two, timeouts, context.world.clock.now());
    let path = Path::Relay(RelayPath::new(name, agents).digested(digest));
    let progress = Progress::relay(context, subject(assignment));
    let drive = Drive::new(context, sessions, attempt, path, progress, lane).detaching(assignment.detaches);
    let ended = Box::pin(drive.run()).await;
    let directly = agents.are_direct();
    let relayed = Relayed { relay: name.as_str().into(), bytes: ended.moved, directly };
    let protection = Protection::of(roles.tls.runs_tls());
    let attempted = Attempted::new(context, source, destination, Some(&intermediary), ended, protection);
    Ok(Attempted { relayed: Some(relayed), ..attempted })
}

/// Makes an attempt through this program.
pub(crate) async fn through(
    context: &Context,
    from: &mut Server,
    to: &mut Server,
    assignment: &Assignment,
    lane: &Lane,
) -> Result<Attempted, Failure> {
    let (source, destination) = lane.unless_lost(Box::pin(prepared(context, from, to, assignment))).await?;
    lane.say(Sign::Ready);
    source.private_data().await?;
    destination.private_data().await?;
    let meters = Meters { taken: context.meter(), ..Meters::default() };
    let progress = Progress::copy(context, meters.clone(), subject(assignment));
    let sessions = Sessions { source, destination };
    let protection = Protection::of(sessions.run_tls());
    let (one, two) = sessions.parties_here();
    let timeouts = timeouts(context.settings.patience.reply, assignment.size);
    let (one, two) = ((one, sessions.source.known_postures()), (two, sessions.destination.known_postures()));
    let attempt = Attempt::through(transfer(assignment, None), one, two, timeouts, context.world.clock.now());
    let path = Path::Through(Box::new(Through::new(assignment.look, meters)));
    let ended = Box::pin(Drive::new(context, sessions, attempt, path, progress, lane).run()).await;
    note_type(source, destination, &ended);
    Ok(Attempted::new(context, source, destination, Some(THIS_HOST), ended, protection))
}

/// Sets the protection of the data between the two servers. Returns the end of the attempt if one of them refuses it.
async fn unprotected(
    source: &mut Session,
    destination: &mut Session,
    tls: DataTls,
) -> Result<Option<Ended>, Failure> {
    for (side, session) in [(Side::Source, source), (Side::Destination, destination)] {
        if tls.runs_tls() && !session.runs_tls() {
            return Err(Failure::new(
                Kind::NoPath,
                format!("{} runs no TLS, so the data would be in clear", session.title),
            ));
        }
        if let Some(answer) = session.protect(tls.runs_tls()).await? {
            let (stage, cause) = (Stage::Command(Verb::Prot), Cause::Refused(answer.reply));
            let (blame, touched, complete) = (Blame::Path, false, None);
            let failure = transfer::Failure { side, stage, cause, blame, touched, complete };
            return Ok(Some(Ended::early(failure)));
        }
    }
    Ok(None)
}

/// Both sessions, ready for a transfer between them.
async fn prepared<'a>(
    context: &Context,
    from: &'a mut Server,
    to: &'a mut Server,
    assignment: &Assignment,
) -> Result<(&'a mut Session, &'a mut Session), Failure> {
    let (source, destination) = tokio::try_join!(from.session(context), to.session(context))?;
    ready(context, source, destination, assignment).await?;
    source.note_type(None);
    destination.note_type(None);
    Ok((source, destination))
}

/// Removes from both sessions what earlier files have left, and tells the destination whether to keep a partial
/// file.
async fn ready(
    context: &Context,
    source: &mut Session,
    destination: &mut Session,
    assignment: &Assignment,
) -> Result<(), Failure> {
    if assignment.skips() == 0 {
        tokio::try_join!(source.forget_restart(), destination.forget_restart())?;
    }
    if assignment.store == Store::Replace {
        destination.partials(assignment.continued.partial()).await?;
    }
    match &context.settings.limit {
        Some(limit) if source.manners.capabilities.has_line("RATE") => source.keep_to(limit.share).await,
        Some(limit) if destination.manners.capabilities.has_line("RATE") => {
            destination.keep_to(limit.share).await
        }
        Some(_) | None => Ok(()),
    }
}

/// Notes that TYPE I is in force at both ends. After a failure nobody knows.
const fn note_type(source: &mut Session, destination: &mut Session, ended: &Ended) {
    if matches!(ended.outcome, Outcome::Moved { .. }) {
        source.note_type(Some(DataType::Image));
        destination.note_type(Some(DataType::Image));
    }
}

fn subject(assignment: &Assignment) -> Subject {
    Subject { name: assignment.name.clone(), total: assignment.size, skips: assignment.skips() }
}

fn transfer(assignment: &Assignment, secret: Option<RendezvousSecret>) -> Transfer {
    Transfer {
        source_path: assignment.source.clone(),
        destination_path: assignment.stored.clone(),
        store: assignment.store,
        part: assignment.part(),
        secret,
        probes: assignment.probes,
        digest: assignment.digest,
    }
}

/// A secret for one data connection, if both servers know RNDZ.
fn secret(source: &Session, destination: &Session) -> Result<Option<RendezvousSecret>, Failure> {
    if !source.manners.capabilities.rndz || !destination.manners.capabilities.rndz {
        return Ok(None);
    }
    ftp_io::random::bytes()
        .map(|secret| Some(RendezvousSecret::new(secret)))
        .map_err(|error| Failure::new(Kind::Other, format!("cannot get random numbers: {error}")))
}

/// The waits of an attempt to transfer `size` bytes, if a reply may take `reply`.
pub fn timeouts(reply: Duration, size: Option<u64>) -> Timeouts {
    let half_done = HALF_DONE + Duration::from_secs(size.unwrap_or(UNKNOWN_SIZE) / SLOWEST_DISK);
    Timeouts {
        reply,
        connect: connect_limit(reply),
        preliminary: reply.min(PRELIMINARY),
        half_done: reply.min(half_done),
        stored: reply.min(STORED),
        abort: reply.min(ABORT),
    }
}

const THIS_HOST: &str = "this host";
/// How long to wait for the preliminary reply of the end that goes first (modern-servers 2).
const PRELIMINARY: Duration = Duration::from_secs(5);
/// When one end has finished, the other one has to write what is on its way, and perhaps to sync the file.
const HALF_DONE: Duration = Duration::from_secs(15);
/// When the destination has finished, the source has nothing left to do but to say so. libunftp never does if its peer
/// has hung up.
const STORED: Duration = Duration::from_secs(5);
/// Bytes per second that the slowest disk syncs.
const SLOWEST_DISK: u64 = 10_000_000;
const UNKNOWN_SIZE: u64 = 1 << 32;
const ABORT: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::reply::{Code, Reply};
    use ftp_proto::transfer::Timer;

    #[test]
    fn only_a_file_that_the_listening_end_refuses_leaves_a_proof_undone() {
        let refused =
            || Cause::Refused(Reply { code: Code(550), lines: vec![b"Permission denied".to_vec()] });
        let failed = |side, verb, blame, touched, cause| {
            let stage = Stage::Command(verb);
            Outcome::Failed(transfer::Failure { side, stage, cause, blame, touched, complete: None })
        };
        let to = Side::Destination;
        let (opening, tls) = (transfer::Opening::Lstn, DataTls::Clear);
        let roles = Roles { passive: to, opening, filter: false, first: None, tls };
        let check = |outcome, expect| assert_eq!(owes_proof(&outcome, roles), expect, "{outcome:?}");
        check(failed(to, Verb::Stor, Blame::File, false, refused()), true);
        check(failed(to, Verb::Stor, Blame::Space, false, refused()), true);
        // It has connected: something has moved.
        check(failed(to, Verb::Stor, Blame::Space, true, refused()), false);
        check(failed(to, Verb::Lstn, Blame::File, false, refused()), false);
        check(failed(to, Verb::Stor, Blame::Path, false, refused()), false);
        check(failed(to, Verb::Stor, Blame::Path, false, Cause::Silent(Timer::Connect)), false);
        // The source does not connect to anybody.
        check(failed(Side::Source, Verb::Retr, Blame::Missing, false, refused()), false);
    }
}
