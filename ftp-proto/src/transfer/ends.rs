//! The two ends of an attempt and what is to be done next: what a reply, the end of a session or a timer does to an end, and how
//! the ends are rescued. The strategies decide which end listens, in which order the two are asked, and what follows.
//!
//! One end has failed while the other one waits or transfers. The other one is aborted, so that no end is left
//! with a command that nobody follows.
//!
//! | state of the end | what is done |
//! |---|---|
//! | its transfer command has no final reply | ABOR |
//! | it listens, and no transfer command has used the port | ABOR, which frees the port (RFC 2428 section 4) |
//! | it owes a reply to an earlier command | the reply is awaited, and after a timeout ABOR is sent |
//! | it does not answer ABOR in time | its control connection is closed (H20) |
//! | anything else | nothing: it is in step |
//!
//! The session of one end is over while bytes of the file are seen to move: the servers may go on without it, so the other end is
//! not aborted. Its final reply, or its own end, ends the attempt, but not before a host in the middle has seen the end of the
//! data.

use super::attempt::Output;
use super::end::{End, PendingCommand, Run, Session, Task};
use super::judge::{self, ClassifiedReply, Verdict, is_decisive, says_why};
use super::outcome::{Cause, DataFault, Failure, Outcome, Repair, Stage, Unusable};
use super::request::{Party, Side, Store, Timeouts, Timer, Transfer};
use super::script::{self, Step};
use crate::address::{Family, unmapped};
use crate::client;
use crate::command::Command;
use crate::reply::{Blame, Class, Reply};
use crate::timer::{Moment, Timers};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// How far the attempt is.
#[derive(Debug)]
pub(super) enum Phase {
    /// The commands before the transfer commands.
    Setup,
    /// From the first transfer command to both final replies.
    Running,
    /// The attempt has failed, and the ends are brought back in step.
    Rescue(Failure),
    /// The outcome has been told.
    Over,
}

/// A reply to a command before the transfer commands.
#[derive(Debug)]
pub(super) struct JudgedReply {
    pub(super) step: Step,
    pub(super) stage: Stage,
    pub(super) verdict: Verdict,
}

/// A reply to a transfer command.
#[derive(Debug)]
pub(super) enum Progress {
    /// It changes nothing.
    None,
    /// The end has begun, or it is complete.
    Good,
    /// The end has failed.
    Bad(StepFailure),
}

/// Why a step of one end has failed.
#[derive(Debug)]
pub(super) struct StepFailure {
    pub(super) stage: Stage,
    pub(super) cause: Cause,
    pub(super) blame: Blame,
}

/// The two ends.
#[derive(Debug)]
pub(super) struct Ends {
    /// When the last input came.
    pub(super) now: Moment,
    pub(super) transfer: Transfer,
    pub(super) source: End,
    pub(super) destination: End,
    /// Both prove themselves to each other with RNDZ.
    pub(super) proven: bool,
    /// The end that connects, if one connects to the other. It is aborted first, so that it does not reach an end
    /// that has been told to stop.
    pub(super) connects: Side,
    pub(super) timeouts: Timeouts,
    pub(super) timers: Timers<Timer>,
    pub(super) phase: Phase,
    /// A host in the middle has data connections, or may get them. They must be reset if the attempt fails: an incomplete file
    /// must never look complete.
    pub(super) to_cut: bool,
    /// Bytes were seen to move.
    pub(super) moves: bool,
    /// A host in the middle has passed on everything, and both its connections have ended in order.
    pub(super) passed: bool,
    /// The end whose session was over first while they moved.
    lost: Option<Failure>,
    pub(super) out: VecDeque<Output>,
    pub(super) repairs: Vec<Repair>,
}

impl Ends {
    /// Two ends that are logged in and idle. Their steps are still to be set.
    pub(super) fn new(
        transfer: Transfer,
        source: Party,
        destination: Party,
        timeouts: Timeouts,
        now: Moment,
    ) -> Self {
        let end = |party: Party| End::new(Party { address: unmapped(party.address), ..party });
        Self {
            now,
            transfer,
            source: end(source),
            destination: end(destination),
            proven: false,
            connects: Side::Source,
            timeouts,
            timers: Timers::new(),
            phase: Phase::Setup,
            to_cut: false,
            moves: false,
            passed: false,
            lost: None,
            out: VecDeque::new(),
            repairs: Vec::new(),
        }
    }

    pub(super) const fn end(&self, side: Side) -> &End {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    pub(super) const fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }

    /// Whether the user agent reaches the two by different address families.
    pub(super) fn is_mixed(&self) -> bool {
        Family::of(self.source.party.address) != Family::of(self.destination.party.address)
    }

    /// Whether both ends are ready for the transfer commands.
    pub(super) fn is_prepared(&self) -> bool {
        self.source.is_prepared() && self.destination.is_prepared()
    }

    /// Sends a command.
    pub(super) fn ask(&mut self, side: Side, task: Task, command: Command) {
        let (now, timeout) = (self.now, self.timeouts.reply);
        self.end_mut(side).ask(task, command.verb(), now, timeout);
        self.out.push_back(Output::Command(side, command));
    }

    /// The transfer command of that side.
    pub(super) fn transfer_command(&self, side: Side) -> Command {
        script::transfer_command(&self.transfer, side, &self.end(side).party)
    }

    /// PRET for that side.
    pub(super) fn pret_command(&self, side: Side) -> Command {
        Command::Pret(Box::new(self.transfer_command(side)))
    }

    /// Sends the transfer command of that side.
    pub(super) fn send_transfer(&mut self, side: Side) {
        let command = self.transfer_command(side);
        self.ask(side, Task::Transfer, command);
    }

    /// The stage of a failure of that side's transfer command.
    pub(super) fn transfer_stage(&self, side: Side) -> Stage {
        Stage::Command(self.transfer_command(side).verb())
    }

    /// Notes that an end listens at `at` although it announced another address.
    pub(super) fn note_repair(&mut self, side: Side, announced: Option<SocketAddr>, at: SocketAddr) {
        self.repairs.extend(announced.map(|announced| Repair { side, announced, used: at }));
    }

    /// Resets the data connections, if there are any to reset.
    pub(super) fn cut(&mut self) {
        if std::mem::take(&mut self.to_cut) {
            self.out.push_back(Output::Cut);
        }
    }

    /// Ends the attempt if both ends have said that it is complete. If only one has, the other one gets a
    /// limited time.
    pub(super) fn finish(&mut self) {
        let (source, destination) = (self.source.complete(), self.destination.complete());
        if let (Some(source), Some(destination)) = (source, destination) {
            let (source, destination) = (source.clone(), destination.clone());
            self.conclude(Outcome::Moved { source, destination });
        } else if self.lost.is_some() {
            self.tell_lost();
        } else if source.is_some() {
            self.await_finals();
        } else if destination.is_some() {
            self.timers.arm(Timer::HalfDone, self.now + self.timeouts.stored);
        }
    }

    /// Fails because a session was lost meanwhile, unless something goes on without it.
    pub(super) fn tell_lost(&mut self) {
        if let Some(Failure { side, stage, cause, blame, .. }) = self.lost.take() {
            self.fail(side, stage, cause, blame);
        }
    }

    /// Starts the wait for the final replies.
    pub(super) fn await_finals(&mut self) {
        self.timers.arm(Timer::HalfDone, self.now + self.timeouts.half_done);
    }

    pub(super) fn conclude(&mut self, outcome: Outcome) {
        self.phase = Phase::Over;
        self.timers.clear();
        self.source.timers.clear();
        self.destination.timers.clear();
        self.out.push_back(Output::Done(outcome));
    }

    pub(super) fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| {
            let all = [&self.timers, &self.source.timers, &self.destination.timers];
            Output::Wait(all.iter().filter_map(|timers| timers.next()).min())
        })
    }

    /// Sends the transfer command of that side, and waits for the first sign of data.
    pub(super) fn begin_transfer(&mut self, side: Side) {
        self.timers.disarm(Timer::Preliminary);
        self.timers.arm(Timer::Connect, self.now + self.timeouts.connect);
        self.send_transfer(side);
    }

    /// Sends the transfer command of `first`, and that of the other end too, unless it `waits` for a limited time.
    pub(super) fn launch(&mut self, first: Side, waits: bool) {
        self.phase = Phase::Running;
        self.begin_transfer(first);
        if waits {
            self.timers.arm(Timer::Preliminary, self.now + self.timeouts.preliminary);
        } else {
            self.begin_transfer(first.other());
        }
    }

    /// Takes a reply to a command before the transfer commands. Returns `None` if the final one is still to
    /// come.
    pub(super) fn setup_reply(&mut self, side: Side, answer: ClassifiedReply) -> Option<JudgedReply> {
        let asked = self.end(side).asked?;
        let Task::Setup(step) = asked.task else { return None };
        // A refusal of PRET is one of the transfer command.
        let announces = step == Step::Announce;
        let verb = if announces { self.transfer_command(side).verb() } else { asked.verb };
        let end = self.end_mut(side);
        let verdict = judge::setup(step, verb, &end.party, answer);
        match &verdict {
            Verdict::Wait => return None,
            Verdict::Fine => end.answered(),
            Verdict::ConnectsFrom(port) => {
                end.answered();
                end.data_port = *port;
            }
            Verdict::WantsPret => end.learn_pret(),
            Verdict::Listens(at, announced) => {
                end.answered();
                end.data_port = Some(at.port());
                self.note_repair(side, *announced, *at);
            }
            Verdict::Bad(cause, _) => {
                end.answered();
                let accepted = matches!(cause, Cause::Unusable(..) | Cause::Policy(..));
                end.listening &= step != Step::Listen || accepted;
            }
        }
        Some(JudgedReply { step, stage: asked.stage(), verdict })
    }

    /// Takes a reply while the transfer commands run.
    pub(super) fn running_reply(&mut self, side: Side, answer: ClassifiedReply) -> Progress {
        let end = self.end_mut(side);
        let Some(asked) = end.asked else { return Progress::None };
        match answer.class {
            Class::Aside => return end.verify_port(asked, answer.reply),
            Class::Preliminary => {
                end.started = true;
                end.run = Run::Moving;
            }
            Class::Done | Class::More | Class::Later | Class::Refused => {
                end.answered();
                let cause = Cause::Refused(answer.reply.clone());
                if let Some(blame) = end.end_of_run(asked.verb, answer) {
                    return Progress::Bad(StepFailure { stage: asked.stage(), cause, blame });
                }
            }
        }
        if let (Run::Not, Run::Complete(reply)) = (&self.source.run, &self.destination.run) {
            let cause = Cause::Unusable(reply.clone(), Unusable::TooEarly);
            return Progress::Bad(StepFailure { stage: asked.stage(), cause, blame: Blame::Path });
        }
        Progress::Good
    }

    /// The session of that side is over.
    pub(super) fn ended(&mut self, side: Side, failure: client::Failure) {
        let end = self.end_mut(side);
        let stage = end.asked.map_or(Stage::Attempt, PendingCommand::stage);
        end.close();
        end.listening = false;
        let complete = end.complete().is_some();
        if end.is_running() {
            end.run = Run::Lost;
        }
        match self.phase {
            Phase::Running if complete => {} // it has done its part
            Phase::Setup | Phase::Running => {
                let blame = judge::end_blame(&failure);
                self.fail(side, stage, Cause::Ended(failure), blame);
            }
            Phase::Rescue(_) => self.finish_rescue(),
            Phase::Over => {}
        }
    }

    /// The caller gives up.
    pub(super) fn cancel(&mut self) {
        match self.phase {
            Phase::Setup | Phase::Running => {
                self.fail(Side::Source, Stage::Attempt, Cause::Cancelled, Blame::Busy);
            }
            Phase::Rescue(_) | Phase::Over => {} // the first failure explains more
        }
    }

    /// Fires a timer that is due: one of the attempt, or of the end in the result. Timers for a reply of one
    /// end are handled here and not returned.
    pub(super) fn due(&mut self) -> Option<(Option<Side>, Timer)> {
        let now = self.now;
        for side in Side::BOTH {
            while let Some(timer) = self.end_mut(side).timers.fire(now) {
                match timer {
                    Timer::Abort => self.abandon(side),
                    Timer::Reply => self.silent(side),
                    Timer::Relay | Timer::Connect | Timer::Preliminary | Timer::HalfDone => {
                        return Some((Some(side), timer));
                    }
                }
            }
        }
        self.timers.fire(now).map(|timer| (None, timer))
    }

    /// The end owes a reply to a command before the transfer commands. The abort accounts for that reply, or the
    /// session is closed.
    fn silent(&mut self, side: Side) {
        let stage = self.end(side).asked.map_or(Stage::Attempt, PendingCommand::stage);
        self.abort(side);
        if matches!(self.phase, Phase::Setup | Phase::Running) {
            self.fail(side, stage, Cause::Silent(Timer::Reply), Blame::Busy);
        }
    }

    /// The attempt has failed: stops every end that still does something. If it has failed because a session is over, what moves
    /// goes on.
    pub(super) fn fail(&mut self, side: Side, stage: Stage, cause: Cause, blame: Blame) {
        let failure = Failure::new(side, stage, cause, blame);
        let goes_on = self.to_cut || self.end(side.other()).is_running();
        if self.moves && goes_on && failure.is_of_session() {
            self.lost.get_or_insert(failure);
            return;
        }
        self.timers.clear();
        self.cut();
        // A host in the middle that saw the data break off knows that nothing goes on.
        let has_ended = matches!(failure.cause, Cause::Data(_) | Cause::Relay(_));
        let lost = self.lost.take().filter(|_| !is_decisive(blame) && !has_ended);
        self.phase = Phase::Rescue(lost.unwrap_or(failure));
        for side in [self.connects, self.connects.other()] {
            let end = self.end(side);
            if end.is_running() || end.listening {
                self.abort(side);
            }
        }
        self.finish_rescue();
    }

    /// Aborts one end, at most once.
    pub(super) fn abort(&mut self, side: Side) {
        let by = self.now + self.timeouts.abort;
        let end = self.end_mut(side);
        if end.session != Session::InStep {
            return;
        }
        end.session = Session::Aborting;
        end.listening = false;
        end.timers.disarm(Timer::Reply);
        end.timers.arm(Timer::Abort, by);
        self.out.push_back(Output::Abort(side));
    }

    /// Takes a reply that came after the failure. It may explain more than the first one did: a full
    /// disk at one end is a broken connection at the other.
    pub(super) fn rescue_reply(&mut self, side: Side, answer: ClassifiedReply) {
        let end = self.end_mut(side);
        let Some(asked) = end.asked else { return };
        if !answer.class.is_final() {
            end.started |= asked.task == Task::Transfer && answer.class == Class::Preliminary;
            return;
        }
        end.answered();
        if asked.task == Task::Transfer {
            let blame = end.end_of_run(asked.verb, answer.clone());
            let cause = Cause::Refused(answer.reply);
            if let (Phase::Rescue(failure), Some(blame)) = (&self.phase, blame)
                && says_why(&cause, blame)
                && !is_decisive(failure.blame)
                && failure.cause != Cause::Cancelled
            {
                self.explain(side, asked.stage(), cause, blame);
            }
        }
        self.finish_rescue();
    }

    /// Replaces the failure that came first by one that explains it.
    pub(super) fn explain(&mut self, side: Side, stage: Stage, cause: Cause, blame: Blame) {
        if let Phase::Rescue(failure) = &mut self.phase {
            *failure = Failure::new(side, stage, cause, blame);
        }
    }

    /// The abort of that side is complete: its session is in step. If the server has forgotten to end what it
    /// had begun, it may do so over the next data connection. It does not get one.
    pub(super) fn aborted(&mut self, side: Side) {
        let end = self.end_mut(side);
        let forgotten = end.started && end.is_running();
        if !end.aborted() {
            return;
        }
        if forgotten {
            end.close();
            self.out.push_back(Output::Close(side));
        }
        self.finish_rescue();
    }

    /// That side does not answer ABOR (H20): closes its control connection. The other end is not touched.
    pub(super) fn abandon(&mut self, side: Side) {
        self.end_mut(side).close();
        self.out.push_back(Output::Close(side));
        self.finish_rescue();
    }

    /// Whether a destination that has refused its command without a preliminary reply may have taken bytes before. A complete
    /// source has sent them. A source that has begun is enough for APPE, since what was appended has no name of its own, and for a
    /// command that is unknown, since the same bytes would be sent over the next path.
    fn refusal_may_hide_bytes(&self, blame: Blame) -> bool {
        let is_doubtful = self.transfer.store == Store::Append || blame == Blame::Unsupported;
        let may_have_sent = self.source.complete().is_some() || self.source.started && is_doubtful;
        self.destination.run == Run::Refused && !self.proven && may_have_sent
    }

    /// Tells the failure as soon as both ends are in step or closed. An end whose transfer may still wait for a data connection
    /// gets none.
    pub(super) fn finish_rescue(&mut self) {
        let Phase::Rescue(failure) = &self.phase else { return };
        for (end, side) in [(&mut self.source, Side::Source), (&mut self.destination, Side::Destination)] {
            if end.may_still_listen && end.session == Session::InStep {
                end.close();
                self.out.push_back(Output::Close(side));
            }
        }
        if !self.source.is_settled() || !self.destination.is_settled() {
            return;
        }
        let mut failure = failure.clone();
        failure.touched = !self.transfer.probes
            && (self.destination.may_have_written(self.proven) || self.refusal_may_hide_bytes(failure.blame));
        failure.complete = Side::BOTH.into_iter().find(|side| self.end(*side).complete().is_some());
        failure.passed = self.passed;
        self.conclude(Outcome::Failed(failure));
    }
}

impl End {
    /// Takes a 255 that comes without being asked for (H37). It repeats the data port, or announces it for the
    /// first time after a SOCK that was answered with 200 (H04). The other end was told one port only.
    fn verify_port(&mut self, asked: PendingCommand, reply: Reply) -> Progress {
        let Some(announced) = judge::announced_port(&self.party, &reply) else { return Progress::None };
        if *self.data_port.get_or_insert(announced) == announced {
            return Progress::None;
        }
        let cause = Cause::Unusable(reply, Unusable::OtherPort);
        Progress::Bad(StepFailure { stage: asked.stage(), cause, blame: Blame::Path })
    }
}

/// The data connections of both ends with the host in the middle.
#[derive(Debug, Default)]
pub(super) struct Middle {
    /// Both data connections are open.
    pub(super) open: bool,
    /// The data connection that broke, and how. The words of its server are awaited.
    pub(super) broken: Option<(Side, String)>,
}

impl Middle {
    /// Takes a reply while the transfer commands run. Returns whether the end has begun or is complete.
    pub(super) fn running_reply(&self, ends: &mut Ends, side: Side, answer: ClassifiedReply) -> bool {
        match ends.running_reply(side, answer) {
            Progress::None => false,
            Progress::Good => true,
            Progress::Bad(failure) => {
                self.refused(ends, side, failure);
                false
            }
        }
    }

    /// The final reply of `side` says that its part has failed.
    pub(super) fn refused(&self, ends: &mut Ends, side: Side, failure: StepFailure) {
        let StepFailure { stage, cause, blame } = failure;
        // If the other end's connection broke, this one was reset for that reason: it tells nothing new.
        let broken = self.broken.as_ref().map(|(broken, _)| *broken).filter(|broken| *broken != side);
        if let Some(broken) = broken.filter(|_| !says_why(&cause, blame)) {
            if !ends.end(broken).is_running() {
                self.give_up(ends); // its server has already said what it knows
            }
            return;
        }
        let blame = if blame == Blame::Path { self.blame(ends, side) } else { blame };
        ends.fail(side, stage, cause, blame);
    }

    /// Whom to blame if the data connection of `side` fails. If data may have moved, the path was open, and a
    /// later attempt may succeed.
    pub(super) fn blame(&self, ends: &Ends, side: Side) -> Blame {
        let moving = self.open && ends.source.run != Run::Not && ends.end(side).started;
        if moving { Blame::Busy } else { Blame::Path }
    }

    /// The data connection of `side` has broken while its transfer command ran. Its server knows more about that
    /// and may be about to say so.
    pub(super) fn broke(&mut self, ends: &mut Ends, side: Side, why: String) {
        self.broken = Some((side, why));
        ends.timers.arm(Timer::HalfDone, ends.now + ends.timeouts.abort);
    }

    /// Fails the attempt: nothing is known but that a connection broke.
    pub(super) fn give_up(&self, ends: &mut Ends) {
        if let Some((side, why)) = self.broken.clone() {
            let stage = ends.transfer_stage(side);
            ends.fail(side, stage, Cause::Data(DataFault::Failed(why)), Blame::Busy);
        }
    }

    /// The wait for the final replies is over.
    pub(super) fn half_done(&self, ends: &mut Ends) {
        if self.broken.is_some() {
            return self.give_up(ends);
        }
        let side = if ends.source.is_running() { Side::Source } else { Side::Destination };
        let stage = ends.transfer_stage(side);
        ends.fail(side, stage, Cause::Silent(Timer::HalfDone), Blame::Busy);
    }
}
