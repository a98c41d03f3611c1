//! Makes one attempt with one candidate between two servers, and explains its failure.

use super::assignment::{Assignment, AttemptResult, ContinuedBy, Lane, Sign};
use super::drive::Drive;
use super::path::{Direct, Path, Sessions, note_kept};
use super::progress::{Origin, Progress, Subject};
use super::relay::Circuit;
use super::second::DestinationFile;
use super::through::Through;
use super::together;
use crate::context::{Context, connect_limit};
use crate::endpoint::Server;
use crate::failure::{Failure, Kind, Result};
use crate::ladder::{Candidate, ThroughRelay};
use crate::outcome::Protection;
use crate::session::Session;
use crate::world::random_bytes;
use ftp_io::copy::{Digest, Meters};
use ftp_proto::command::Verb;
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::reply::Blame;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{
    self, Attempt, Cause, DataTls, Machine, Outcome, Roles, Side, Stage, Store, Timeouts, Transfer,
};
use std::time::Duration;

/// What an attempt moves, and the lane of its candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptContext<'a> {
    pub(crate) context: &'a Context,
    pub(crate) assignment: &'a Assignment,
    pub(crate) lane: &'a Lane,
}

impl AttemptContext<'_> {
    /// Makes an attempt from server to server. If the end that listens refuses the file, both ends prove themselves to each other
    /// afterwards: for a server that connects, a try that its client gives up is a failure of the target until that is proven
    /// ([why](../../../docs/decisions/0062-what-belongs-to-a-later-job.md)).
    ///
    /// # Errors
    ///
    /// There is no session with a server, or it cannot be prepared.
    pub(crate) async fn direct(
        self,
        from: &mut Server,
        to: &mut Server,
        roles: Roles,
    ) -> Result<AttemptResult> {
        let Self { context, assignment, lane } = self;
        let attempted = Box::pin(self.exchange(from, to, roles)).await?;
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
            let proving = AttemptContext { context, assignment: &proof, lane: &lane.unheard() };
            // What comes of it is of no use to this file.
            let _ = Box::pin(proving.exchange(from, to, roles)).await;
        }
        Ok(attempted)
    }

    /// One exchange of direct.
    async fn exchange(self, from: &mut Server, to: &mut Server, roles: Roles) -> Result<AttemptResult> {
        let Self { context, assignment, lane } = self;
        let stored =
            DestinationFile { site: to.site.clone(), path: assignment.grows(), before: assignment.before };
        let mut sessions = lane.unless_lost(Box::pin(self.prepared(from, to))).await?;
        lane.say(Sign::Ready);
        let path = Path::Direct(Direct::default());
        if let Some(refused) = protect_data(&mut sessions, roles.tls).await? {
            return Ok(refused.explained(context, &sessions, &path, [None, None]));
        }
        let origin = Origin::direct(sessions.source.is_ours(), sessions.destination.is_ours());
        let progress = Progress::new(context, origin, subject(assignment));
        let progress = progress.watching(context, sessions.destination, stored).of(assignment);
        let transfer = transfer(assignment, secret(&sessions, Some(roles.passive))?);
        let (one, two) = sessions.parties(&Candidate::Direct(roles));
        let leads_others = assignment.leads_others
            && !assignment.probes
            && roles.opening != transfer::Opening::Symmetric
            && together::can_follow(&one, &two, roles.tls, transfer.digest);
        if leads_others {
            sessions.use_blocks();
        }
        let (timeouts, now) = bounds(context, assignment);
        let machine = Machine::Attempt(Box::new(Attempt::direct(transfer, roles, one, two, timeouts, now)));
        let drive = Drive::new(context, sessions, machine, path, progress, lane);
        let protection = Protection::of(roles.tls.runs_tls());
        let attempted = Box::pin(drive.attempt(protection, assignment.detaches)).await;
        if leads_others {
            let kept = Candidate::Direct(roles);
            let kept = matches!(attempted.outcome, Outcome::Moved { .. }).then_some(kept);
            note_kept([from.open(), to.open()], kept, context.world.clock.now());
        }
        Ok(attempted)
    }

    /// Makes an attempt through a relay.
    pub(crate) async fn by_relay(
        self,
        circuit: &mut Circuit,
        through: ThroughRelay,
    ) -> Result<AttemptResult> {
        let Self { context, assignment, lane } = self;
        lane.say(Sign::Ready);
        let (mut sessions, mut relay) = circuit.path();
        lane.unless_lost(self.reset_sessions(&mut sessions)).await?;
        let roles = through.roles;
        if let Some(refused) = protect_data(&mut sessions, roles.tls).await? {
            return Ok(refused.explained(context, &sessions, &Path::Relay(relay), [None, None]));
        }
        let transfer = transfer(assignment, secret(&sessions, None)?);
        // What proves the connection, or encrypts it, is no part of the file.
        let is_the_file = transfer.secret.is_none() && !roles.tls.runs_tls();
        relay.digest = if is_the_file { assignment.look } else { Digest::Off };
        let path = Path::Relay(relay);
        let (one, two) = sessions.parties(&Candidate::Relay(through));
        let (timeouts, now) = bounds(context, assignment);
        let progress = Progress::new(context, Origin::Relay, subject(assignment));
        let machine = Machine::Attempt(Box::new(Attempt::relayed(transfer, roles, one, two, timeouts, now)));
        let drive = Drive::new(context, sessions, machine, path, progress, lane);
        Ok(Box::pin(drive.attempt(Protection::of(roles.tls.runs_tls()), assignment.detaches)).await)
    }

    /// Makes an attempt through this program.
    pub(crate) async fn through(self, from: &mut Server, to: &mut Server) -> Result<AttemptResult> {
        let Self { context, assignment, lane } = self;
        let sessions = lane.unless_lost(Box::pin(self.prepared(from, to))).await?;
        lane.say(Sign::Ready);
        sessions.source.private_data().await?;
        sessions.destination.private_data().await?;
        let meters = Meters { taken: context.meter(), ..Meters::default() };
        let progress = Progress::new(context, Origin::Copy(meters.clone()), subject(assignment));
        let (one, two) = sessions.parties(&Candidate::Through);
        let known = [sessions.source.known_postures(), sessions.destination.known_postures()];
        let (transfer, (timeouts, now)) = (transfer(assignment, None), bounds(context, assignment));
        let path = Path::Through(Box::new(Through::new(assignment.look, meters)));
        let protection = Protection::of(sessions.run_tls());
        let machine = Machine::Attempt(Box::new(Attempt::through(transfer, one, two, known, timeouts, now)));
        let drive = Drive::new(context, sessions, machine, path, progress, lane);
        Ok(Box::pin(drive.attempt(protection, false)).await)
    }

    /// Both sessions, ready for a transfer between them.
    async fn prepared<'s>(self, from: &'s mut Server, to: &'s mut Server) -> Result<Sessions<'s>> {
        let mut sessions = Sessions::of_both(self.context, from, to).await?;
        self.reset_sessions(&mut sessions).await?;
        Side::BOTH.into_iter().for_each(|side| sessions.of(side).manners.settings.data_type = None);
        Ok(sessions)
    }

    /// Removes from both sessions what earlier files have left, and tells the destination whether to keep a partial
    /// file.
    async fn reset_sessions(self, sessions: &mut Sessions<'_>) -> Result<()> {
        let Self { context, assignment, .. } = self;
        if assignment.skips() == 0 {
            sessions.forget_restart().await?;
        }
        if assignment.store == Store::Replace {
            sessions.destination.partials(assignment.continued.partial()).await?;
        }
        sessions.keep_to_limit(context).await
    }
}

/// Whether the end that connects was told to try the other one, which has refused its file meanwhile. Nobody has proven
/// anything then.
fn owes_proof(outcome: &Outcome, roles: Roles) -> bool {
    let Outcome::Failed(failed) = outcome else { return false };
    let is_of_file = matches!(failed.blame, Blame::Missing | Blame::File | Blame::Space);
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

/// Sets the protection of the data between the two servers. Returns the end of the attempt if one of them refuses it.
async fn protect_data(sessions: &mut Sessions<'_>, tls: DataTls) -> Result<Option<AttemptResult>> {
    for side in Side::BOTH {
        let session = sessions.of(side);
        if tls.runs_tls() && !session.runs_tls() {
            return Err(Failure::new(
                Kind::NoPath,
                format!("{} runs no TLS, so the data would be in clear", session.title),
            ));
        }
        if let Some(answer) = session.protect(tls.runs_tls()).await? {
            let (stage, cause) = (Stage::Command(Verb::Prot), Cause::Refused(answer.reply));
            let (blame, touched, complete) = (Blame::Path, false, None);
            let failure = transfer::Failure { side, stage, cause, blame, touched, complete, passed: false };
            return Ok(Some(AttemptResult::early(Outcome::Failed(failure))));
        }
    }
    Ok(None)
}

/// The waits of an attempt, and when it begins.
fn bounds(context: &Context, assignment: &Assignment) -> (Timeouts, Moment) {
    (timeouts(context.settings.patience.reply, assignment.size), context.world.clock.now())
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

/// A secret for one data connection, if both servers know RNDZ, and one of them may listen for the other one.
fn secret(sessions: &Sessions<'_>, passive: Option<Side>) -> Result<Option<RendezvousSecret>> {
    let proves = |session: &Session| session.manners.capabilities.rndz;
    match (proves(sessions.source) && proves(sessions.destination), passive) {
        (true, Some(passive)) => sessions.secret(passive).map(Some),
        (true, None) => new_secret().map(Some),
        (false, _) => Ok(None),
    }
}

/// A new secret of a data connection.
pub(super) fn new_secret() -> Result<RendezvousSecret> {
    random_bytes().map(RendezvousSecret::new)
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
    use crate::ladder;
    use ftp_proto::reply::{Code, Reply};
    use ftp_proto::transfer::Timer;

    #[test]
    fn only_a_file_that_the_listening_end_refuses_leaves_a_proof_undone() {
        let refused =
            || Cause::Refused(Reply { code: Code(550), lines: vec![b"Permission denied".to_vec()] });
        let failed = |side, verb, blame, touched, cause| {
            let stage = Stage::Command(verb);
            Outcome::Failed(transfer::Failure { touched, ..ladder::failed(side, stage, cause, blame) })
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
