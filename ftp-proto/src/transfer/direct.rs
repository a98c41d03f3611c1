//! The direct path: one end listens, the other one connects to it.

use super::end::{Run, Task};
use super::ends::{Ends, Phase, Progress, StepFailure};
use super::judge::{ClassifiedReply, Verdict};
use super::outcome::{Cause, Unusable};
use super::request::{DataTls, Opening, Party, Roles, Side, Timer};
use super::script::{self, Step};
use crate::address::SockTarget;
use crate::command::{Command, Extension};
use crate::reply::{Blame, Reply, blame};
use std::net::SocketAddr;

/// The state of a direct attempt.
#[derive(Debug)]
pub(super) struct Direct {
    roles: Roles,
    /// X of RFC 438: where the passive end listens.
    listens: Option<SocketAddr>,
    /// Y of RFC 438: the port from which the active end will connect, if it said so, once it has
    /// answered.
    connects_from: Option<Option<u16>>,
}

impl Direct {
    pub(super) fn start(ends: &mut Ends, roles: Roles) -> Self {
        let (source, destination) = (&ends.source.party, &ends.destination.party);
        let for_source = script::direct_steps(roles, &ends.transfer, Side::Source, source, destination);
        let for_destination =
            script::direct_steps(roles, &ends.transfer, Side::Destination, destination, source);
        ends.proven = script::is_proven(&ends.transfer, source, destination);
        ends.connects = roles.passive.other();
        (ends.source.steps, ends.destination.steps) = (for_source, for_destination);
        let may_listen = ends.proven && roles.opening == Opening::Lstn;
        let (now, direction) = (ends.now, roles.passive.direction());
        let passive = ends.end_mut(roles.passive);
        let listens = if may_listen { passive.use_listener(direction, now) } else { None };
        let direct = Self { roles, listens, connects_from: None };
        direct.prepare(ends);
        direct
    }

    /// Sends each end its next command, as far as what it needs is known. If both ends are prepared, or will be
    /// without another word, sends the transfer commands.
    fn prepare(&self, ends: &mut Ends) {
        for side in [self.roles.passive, self.roles.passive.other()] {
            while let Some(step) = self.next_step(ends, side) {
                if let Some(command) = self.command(ends, side, step) {
                    ends.ask(side, Task::Setup(step), command);
                }
            }
        }
        if ends.is_prepared() || self.needs_no_reply(ends) {
            self.launch(ends);
        }
    }

    /// Whether the transfer commands need not wait for the replies that are due. They do while the passive end has the
    /// filter of an earlier attempt, which takes the active end for a stranger.
    fn needs_no_reply(&self, ends: &Ends) -> bool {
        ends.proven
            && !script::has_old_filter(self.roles, &ends.end(self.roles.passive).party)
            && Side::BOTH.into_iter().all(|side| ends.end(side).takes_transfer())
    }

    /// Whether both ends listen and connect.
    fn is_symmetric(&self) -> bool {
        self.roles.opening == Opening::Symmetric
    }

    /// Takes the next step of an end that waits for nothing that it needs.
    fn next_step(&self, ends: &mut Ends, side: Side) -> Option<Step> {
        let (port, proven) = (ends.end(side.other()).data_port, ends.proven);
        let end = ends.end_mut(side);
        let ready = match end.steps.front()? {
            Step::Type
            | Step::Digest
            | Step::Activate
            | Step::Symmetric
            | Step::Port
            | Step::Sscn
            | Step::Pinc
            | Step::Rndz
            | Step::Announce
            | Step::Listen
            | Step::Rest => true,
            Step::Connect if self.is_symmetric() => port.is_some(),
            Step::Connect => self.listens.is_some(),
            Step::Filter => self.connects_from.is_some() || names_host(proven, &end.party),
        };
        if ready && end.takes_next() { end.steps.pop_front() } else { None }
    }

    /// The command of a step, or `None` if the step is not needed.
    fn command(&self, ends: &Ends, side: Side, step: Step) -> Option<Command> {
        let (me, other) = (&ends.end(side).party, &ends.end(side.other()).party);
        match step {
            Step::Type => Some(script::IMAGE),
            Step::Digest => Some(script::compute(&ends.transfer, me)),
            Step::Activate => Some(Command::Actv),
            Step::Sscn => Some(Command::Sscn(Some(script::is_client(self.roles.tls, side)))),
            Step::Pinc => Some(Command::Pinc(script::pin(self.roles.tls, me, other))),
            Step::Rndz => Some(Command::Rndz(ends.transfer.secret.clone().filter(|_| ends.proven))),
            Step::Announce => Some(ends.pret_command(side)),
            Step::Listen if self.roles.tls == DataTls::Cpsv => Some(Command::Cpsv),
            Step::Listen => Some(script::open(self.roles.opening, side, Some(other))),
            Step::Symmetric => Some(Command::Extension(Extension::Rsym(self.is_symmetric()))),
            Step::Port => Some(Command::Gsoc),
            Step::Connect if self.is_symmetric() => {
                let port = ends.end(side.other()).data_port?;
                Some(Command::Sock(SockTarget { host: Some(other.address), port }))
            }
            Step::Connect => Some(script::connect(self.roles, me, other, self.listens?)),
            Step::Filter => {
                // If the port is not known, port 0 (any port of the host) replaces an old filter. A symmetric
                // NAT changes the port, so a filter names the host alone where both ends prove themselves.
                let any = script::has_old_filter(self.roles, me).then_some(0);
                if names_host(ends.proven, me) {
                    return Some(Command::Sock(SockTarget { host: Some(other.address), port: 0 }));
                }
                let announced = self.connects_from?.map(|port| if ends.proven { 0 } else { port });
                let port = announced.or(any)?;
                Some(Command::Sock(SockTarget { host: Some(other.address), port }))
            }
            Step::Rest => script::part_command(&ends.transfer),
        }
    }

    pub(super) fn setup_reply(&mut self, ends: &mut Ends, side: Side, answer: ClassifiedReply) {
        let mixed = self.roles.opening == Opening::Epsv && ends.is_mixed();
        let reply = mixed.then(|| answer.reply.clone());
        let Some(judged) = ends.setup_reply(side, answer) else { return };
        match judged.verdict {
            Verdict::Wait | Verdict::Fine | Verdict::WantsPret => {}
            Verdict::Listens(at, _) => match reply {
                None => self.listens = Some(at),
                Some(reply) => {
                    let cause = Cause::Unusable(reply, Unusable::OtherFamily);
                    return ends.fail(side, judged.stage, cause, Blame::Path);
                }
            },
            Verdict::ConnectsFrom(port) => self.connects_from = Some(port),
            Verdict::Bad(cause, blame) => return ends.fail(side, judged.stage, cause, blame),
        }
        if matches!(ends.phase, Phase::Setup) {
            self.prepare(ends);
        }
    }

    /// Sends the transfer commands.
    ///
    /// The passive end's preliminary reply is not awaited, because the end may keep it until its peer has come
    /// (H13). So the active end goes first and is awaited for a limited time. An active source that does not
    /// have the file then touches nothing at the destination (H14), and an active destination is ready before
    /// data comes: some servers drop a connection that brings data before STOR. With RNDZ nothing moves before
    /// the proof, so no end is awaited.
    ///
    /// Some passive destinations lose data that comes before STOR, but answer STOR before the data comes. Such
    /// a destination goes first and is awaited in the same manner.
    fn launch(&self, ends: &mut Ends) {
        let active = self.roles.passive.other();
        let loses_early = ends.destination.party.capabilities.loses_early && !ends.proven;
        let awaited = if active == Side::Source && loses_early { Side::Destination } else { active };
        let first = self.roles.first.unwrap_or(if ends.proven { Side::Source } else { awaited });
        ends.launch(first, !ends.proven && first == awaited);
    }

    /// `side` has begun or is complete. Then the other end gets its command or a limited time, or the attempt
    /// is over. If it owes replies to commands before its transfer command, those come first.
    pub(super) fn running_reply(&mut self, ends: &mut Ends, side: Side, answer: ClassifiedReply) {
        if ends.end(side).asked.is_some_and(|asked| asked.task != Task::Transfer) {
            return self.setup_reply(ends, side, answer);
        }
        match ends.running_reply(side, answer) {
            Progress::None => return,
            Progress::Good => {}
            Progress::Bad(StepFailure { stage, cause, blame }) => {
                return ends.fail(side, stage, cause, blame);
            }
        }
        if ends.end(side.other()).run == Run::Not {
            ends.begin_transfer(side.other());
        }
        ends.timers.disarm(Timer::Connect); // something has moved
        ends.finish();
    }

    /// A passive end may turn its peer away before it is asked for the file, and does not repeat that later
    /// (pyftpdlib).
    pub(super) fn unasked(&self, ends: &mut Ends, side: Side, reply: Reply) {
        let end = ends.end(side);
        let verb = ends.transfer_command(side).verb();
        // The peer may connect as soon as it knows where (also pyftpdlib), so this can come early.
        let early = matches!(ends.phase, Phase::Setup | Phase::Running);
        if early && end.listening && blame(end.party.dialect, verb, &reply) == Blame::Path {
            let stage = ends.transfer_stage(side);
            ends.fail(side, stage, Cause::Refused(reply), Blame::Path);
        }
    }

    pub(super) fn due(&self, ends: &mut Ends, timer: Timer) {
        let of_source = |is: bool| if is { Side::Source } else { Side::Destination };
        let (side, blame) = match timer {
            Timer::Preliminary => {
                return ends.begin_transfer(of_source(ends.source.run == Run::Not));
            }
            Timer::HalfDone => (of_source(ends.source.is_running()), Blame::Busy),
            // Nothing has moved: the active end could not connect.
            Timer::Connect | Timer::Reply | Timer::Relay | Timer::Abort => {
                (self.roles.passive.other(), Blame::Path)
            }
        };
        let stage = ends.transfer_stage(side);
        ends.fail(side, stage, Cause::Silent(timer), blame);
    }
}

/// Whether the filter of a passive end need not wait for the port of the other end: both prove themselves, so it names
/// the host alone, and the end takes commands ahead.
const fn names_host(proven: bool, passive: &Party) -> bool {
    proven && passive.capabilities.takes_ahead
}
