//! The path through the user agent: it has a data connection with each end and copies from one to the other. Each
//! end listens, or connects to the user agent, whichever works ([`super::arrangements`]).
//!
//! RETR goes first and is awaited: a source that does not have the file then touches nothing at the
//! destination (H14). What the source sends waits in its connection meanwhile. If the data connection of one end does
//! not come about, that end gets its transfer command again in the other posture; the other end does not notice.

use super::arrangements::{ActiveCommand, Arrangement, Arrangements, Fault, KnownPostures};
use super::attempt::Output;
use super::end::{End, Run, Task};
use super::ends::{Ends, JudgedReply, Middle, Phase, Progress, StepFailure};
use super::judge::{ClassifiedReply, Verdict, may_try_another};
use super::outcome::{Cause, DataFault, Stage};
use super::request::{Party, PerSide, Posture, Side, Timer, Transfer};
use super::script::{self, Step};
use crate::command::Command;
use crate::reply::Blame;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A posture in which the data connection of an end did not come about, although another one was left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedPosture {
    /// The end whose data connection it was.
    pub side: Side,
    /// What it did when its data connection failed.
    pub posture: Posture,
    /// Why the connection did not come about.
    pub cause: Cause,
}

/// How far the data is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    /// Nothing has been copied.
    Not,
    /// The driver copies.
    Copying,
    /// Everything has been sent to the destination. `is_all`: these are as many bytes as the source has announced.
    Copied { is_all: bool },
    /// The destination has been told that this was everything.
    Finished,
}

/// The state of an attempt through the user agent.
#[derive(Debug)]
pub(super) struct Through {
    middle: Middle,
    legs: PerSide<Leg>,
    /// Which end was given the time for its preliminary reply. Some servers reply only when data moves.
    waited: PerSide<bool>,
    flow: Flow,
    /// What was tried in vain.
    failed_postures: Vec<FailedPosture>,
}

impl Through {
    pub(super) fn start(ends: &mut Ends, [source, destination]: [KnownPostures; 2]) -> Self {
        ends.to_cut = true;
        let leg = |end: &Party, known| Leg::new(Arrangements::new(end, known));
        let mut through = Self {
            middle: Middle::default(),
            legs: PerSide {
                source: leg(&ends.source.party, source),
                destination: leg(&ends.destination.party, destination),
            },
            waited: PerSide::default(),
            flow: Flow::Not,
            failed_postures: Vec::new(),
        };
        for side in Side::BOTH {
            let steps = first_steps(&ends.transfer, &ends.end(side).party);
            ends.end_mut(side).steps = steps;
            through.legs.of_mut(side).begin(ends, side);
        }
        through.advance(ends);
        through
    }

    /// What is known now of the data connections with both ends.
    pub(super) const fn known_postures(&self, side: Side) -> KnownPostures {
        self.legs.of(side).arrangements.known()
    }

    /// What was tried in vain before something else worked, or failed too.
    pub(super) fn failed_postures(&self) -> &[FailedPosture] {
        &self.failed_postures
    }

    /// Sends each end what it can be sent now, and starts to copy as soon as everything is there.
    fn advance(&mut self, ends: &mut Ends) {
        if !matches!(ends.phase, Phase::Setup | Phase::Running) {
            return;
        }
        for side in Side::BOTH {
            let leg = self.legs.of_mut(side);
            if let Some(step) = leg.next_step(ends.end_mut(side))
                && let Some(command) = command(leg, ends, side, step)
            {
                ends.ask(side, Task::Setup(step), command);
            }
        }
        self.middle.open = self.legs.iter().all(Leg::is_open);
        let ready = |leg: &Leg, side| leg.is_ready() && ends.end(side).is_prepared();
        let (source, destination) =
            (ready(&self.legs.source, Side::Source), ready(&self.legs.destination, Side::Destination));
        if matches!(ends.phase, Phase::Setup) && source && destination {
            ends.phase = Phase::Running;
        }
        if matches!(ends.phase, Phase::Running) {
            if source && ends.source.run == Run::Not {
                self.send_transfer(ends, Side::Source);
            }
            let source_begun = ends.source.has_begun() || self.waited.source;
            if destination && source_begun && ends.destination.run == Run::Not {
                self.send_transfer(ends, Side::Destination);
            }
            let begun = ends.destination.has_begun() || self.waited.destination;
            if begun && self.middle.open && self.flow == Flow::Not {
                ends.timers.disarm(Timer::Preliminary);
                self.flow = Flow::Copying;
                ends.out.push_back(Output::Copy);
            }
            self.settle(ends);
        }
    }

    /// Sends a transfer command. Some servers answer it only when data moves, or when all of it has moved. An end
    /// that connects does so now.
    fn send_transfer(&mut self, ends: &mut Ends, side: Side) {
        ends.timers.arm(Timer::Preliminary, ends.now + ends.timeouts.preliminary);
        ends.send_transfer(side);
        if !self.legs.of_mut(side).is_open() {
            let by = ends.now + ends.timeouts.connect;
            ends.end_mut(side).timers.arm(Timer::Connect, by);
        }
    }

    /// Takes a reply to any command.
    pub(super) fn reply(&mut self, ends: &mut Ends, side: Side, answer: ClassifiedReply) {
        match ends.end(side).asked.map(|asked| asked.task) {
            Some(Task::Setup(_)) => {
                if let Some(judged) = ends.setup_reply(side, answer) {
                    self.prepared(ends, side, judged);
                }
                self.advance(ends);
            }
            Some(Task::Transfer) => self.running_reply(ends, side, answer),
            None => {}
        }
    }

    /// A command before the transfer command was answered.
    fn prepared(&mut self, ends: &mut Ends, side: Side, judged: JudgedReply) {
        let JudgedReply { step, stage, verdict } = judged;
        match verdict {
            Verdict::Listens(at, _) => {
                let leg = self.legs.of_mut(side);
                let by = ends.now + leg.arrangements.patience(ends.timeouts.connect);
                leg.state = DataState::Connecting;
                ends.end_mut(side).timers.arm(Timer::Connect, by);
                ends.out.push_back(Output::Connect(side, at));
            }
            Verdict::ConnectsFrom(_) => {
                self.legs.of_mut(side).state = DataState::Expected;
                ends.end_mut(side).listening = false; // PORT, EPRT and ACTV close the listener
            }
            Verdict::Bad(cause, blame) => {
                let meets = matches!(step, Step::Listen | Step::Connect) && may_try_another(&cause, blame);
                if !(meets && self.try_next(ends, side, (Fault::Refused, &cause))) {
                    ends.fail(side, stage, cause, blame);
                }
            }
            Verdict::Wait | Verdict::Fine | Verdict::WantsPret => {}
        }
    }

    /// The data connection of `side` has not come about for this reason. Turns to the next arrangement, if there is one.
    fn try_next(&mut self, ends: &mut Ends, side: Side, (fault, cause): (Fault, &Cause)) -> bool {
        let leg = self.legs.of_mut(side);
        let Some(failed) = leg.arrangements.current() else { return false };
        let Some(next) = leg.arrangements.after(fault) else { return false };
        leg.begin(ends, side);
        if next.posture() != failed.posture() {
            self.failed_postures.push(FailedPosture {
                side,
                posture: failed.posture(),
                cause: cause.clone(),
            });
        }
        true
    }

    /// The user agent has connected to that end.
    pub(super) fn connected(&mut self, ends: &mut Ends, side: Side) {
        let leg = self.legs.of_mut(side);
        if leg.state == DataState::Connecting {
            leg.state = DataState::Open { from: None };
            ends.end_mut(side).timers.disarm(Timer::Connect);
            self.advance(ends);
        }
    }

    /// The user agent listens for that end.
    pub(super) fn listening(&mut self, ends: &mut Ends, side: Side, at: SocketAddr) {
        let leg = self.legs.of_mut(side);
        if leg.state == DataState::Listening(None) {
            leg.state = DataState::Listening(Some(at));
            ends.end_mut(side).timers.disarm(Timer::Connect);
            self.advance(ends);
        }
    }

    /// That end has connected to the user agent.
    pub(super) fn arrived(&mut self, ends: &mut Ends, side: Side, from: SocketAddr) {
        let leg = self.legs.of_mut(side);
        if leg.state == DataState::Expected {
            leg.state = DataState::Open { from: Some(from.port()) };
            ends.end_mut(side).timers.disarm(Timer::Connect);
            self.verify_port(ends, side);
            self.advance(ends);
        }
    }

    /// Fails the attempt if the end has connected from another port than its 255 says (H37).
    fn verify_port(&mut self, ends: &mut Ends, side: Side) {
        let DataState::Open { from: Some(from) } = self.legs.of_mut(side).state else { return };
        let Some(announced) = ends.end(side).data_port else { return };
        if !script::is_same_socket(announced, from) {
            let cause = Cause::Data(DataFault::OtherPort { announced, from });
            ends.fail(side, Stage::DataConnection, cause, Blame::Path);
        }
    }

    /// The data connection with that end could not be opened, or it broke: while data moved, or when it was
    /// closed.
    pub(super) fn data_failed(&mut self, ends: &mut Ends, side: Side, why: String) {
        match ends.phase {
            Phase::Setup | Phase::Running if !self.legs.of_mut(side).is_open() => {
                self.unconnected(ends, side, Cause::Data(DataFault::Failed(why)));
            }
            Phase::Setup => {
                let cause = Cause::Data(DataFault::Failed(why));
                ends.fail(side, Stage::DataConnection, cause, Blame::Path);
            }
            Phase::Running if self.middle.broken.is_none() => {
                ends.cut();
                self.middle.broke(ends, side, why);
                if !ends.end(side).is_running() {
                    self.middle.give_up(ends);
                }
            }
            Phase::Running | Phase::Rescue(_) | Phase::Over => {}
        }
    }

    /// The data connection with that end did not come about. If its transfer command is under way, only an abort ends
    /// that, and with it the attempt.
    fn unconnected(&mut self, ends: &mut Ends, side: Side, cause: Cause) {
        ends.end_mut(side).timers.disarm(Timer::Connect);
        if ends.end(side).run == Run::Not && self.try_next(ends, side, (Fault::NoConnection, &cause)) {
            self.advance(ends);
        } else {
            ends.fail(side, Stage::DataConnection, cause, Blame::Path);
        }
    }

    /// The source has closed its connection in order, and everything has been sent to the destination.
    pub(super) fn copied(&mut self, ends: &mut Ends, is_all: bool) {
        let running = matches!(ends.phase, Phase::Running) && self.middle.broken.is_none();
        if running && self.flow == Flow::Copying {
            self.flow = Flow::Copied { is_all };
            ends.await_finals();
            self.settle(ends);
        }
    }

    /// The destination's data connection was closed in order. There is nothing to reset any more.
    pub(super) fn finished(&mut self, ends: &mut Ends) {
        if self.flow == Flow::Finished && matches!(ends.phase, Phase::Running) {
            (ends.to_cut, ends.passed) = (false, true);
            ends.finish();
        }
    }

    fn running_reply(&mut self, ends: &mut Ends, side: Side, answer: ClassifiedReply) {
        match ends.running_reply(side, answer) {
            Progress::None => return self.verify_port(ends, side),
            Progress::Good => {}
            Progress::Bad(failure) => {
                if self.again(ends, side, &failure) {
                    self.advance(ends);
                } else {
                    self.middle.refused(ends, side, failure);
                }
                return;
            }
        }
        match self.middle.broken {
            None => self.advance(ends),
            Some((broken, _)) if broken == side && !ends.end(side).is_running() => {
                self.middle.give_up(ends);
            }
            Some(_) => {}
        }
    }

    /// The transfer command of `side` was refused. If that is because of its data connection, and nothing has been
    /// copied yet, the end gets the command again with another data connection.
    fn again(&mut self, ends: &mut Ends, side: Side, failure: &StepFailure) -> bool {
        let StepFailure { cause, blame, .. } = failure;
        let unused = self.flow == Flow::Not && self.middle.broken.is_none();
        let refused = *blame == Blame::Path && matches!(cause, Cause::Refused(_));
        let again = unused && refused && self.try_next(ends, side, (Fault::NoConnection, cause));
        if again {
            // The wait for its first reply is over.
            let awaited = if ends.destination.run == Run::Not { Side::Source } else { Side::Destination };
            if side == awaited {
                ends.timers.disarm(Timer::Preliminary);
            }
            *self.waited.of_mut(side) = false;
            ends.end_mut(side).run_again();
        }
        again
    }

    /// Ends the attempt in this order: the source's end of file, everything sent, the source's final reply,
    /// the destination's connection closed, its final reply (I05). Some servers close a file that they cannot
    /// read to its end in order, and then reply 426 (I03). If the session of the source is over, the number of the bytes
    /// stands for its reply.
    pub(super) fn settle(&mut self, ends: &mut Ends) {
        if !matches!(ends.phase, Phase::Running) {
            return;
        }
        let is_lost = ends.source.run == Run::Lost;
        match self.flow {
            Flow::Copied { is_all } if ends.source.complete().is_some() || is_lost && is_all => {
                self.flow = Flow::Finished;
                ends.out.push_back(Output::Finish);
                ends.await_finals();
            }
            Flow::Copied { .. } if is_lost => {
                ends.cut();
                ends.finish();
            }
            Flow::Finished if ends.destination.complete().is_some() => ends.finish(),
            Flow::Not | Flow::Copying | Flow::Copied { .. } | Flow::Finished => {}
        }
    }

    /// A timer of the end `of`, or of the whole attempt.
    pub(super) fn due(&mut self, ends: &mut Ends, of: Option<Side>, timer: Timer) {
        match (of, timer) {
            // The data connection with that end is not there in time.
            (Some(side), _) => {
                if matches!(ends.phase, Phase::Setup | Phase::Running) {
                    self.unconnected(ends, side, Cause::Silent(timer));
                }
            }
            (None, Timer::Preliminary) => {
                if ends.destination.run == Run::Not {
                    self.waited.source = true;
                } else {
                    self.waited.destination = true;
                }
                self.advance(ends);
            }
            (None, _) => self.middle.half_done(ends),
        }
    }
}

/// The command of a step, or `None` if the step is not needed.
fn command(leg: &Leg, ends: &Ends, side: Side, step: Step) -> Option<Command> {
    match step {
        Step::Type => Some(script::IMAGE),
        Step::Digest => Some(script::compute(&ends.transfer, &ends.end(side).party)),
        // The server would ask the user agent for the secret of an earlier direct attempt.
        Step::Rndz => Some(Command::Rndz(None)),
        Step::Listen | Step::Connect => leg.command(side),
        Step::Announce => Some(ends.pret_command(side)),
        Step::Activate => Some(Command::Actv),
        Step::Rest => script::part_command(&ends.transfer),
        Step::Sscn | Step::Pinc | Step::Filter | Step::Symmetric | Step::Port => None,
    }
}

/// The steps before those that depend on who listens.
fn first_steps(transfer: &Transfer, party: &Party) -> VecDeque<Step> {
    let mut steps = script::first_steps(transfer, party);
    if party.capabilities.rndz {
        steps.push_back(Step::Rndz);
    }
    steps
}

/// How far a data connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DataState {
    /// The end has not been asked to listen, or has not replied.
    Not,
    /// The end listens, and the user agent connects.
    Connecting,
    /// The user agent was asked to listen; it listens here.
    Listening(Option<SocketAddr>),
    /// The end knows where the user agent listens. It connects when it gets its transfer command.
    Expected,
    /// The connection is open. If the end has connected, this is the port from which it did.
    Open { from: Option<u16> },
}

/// The data connection of one end.
#[derive(Debug)]
struct Leg {
    arrangements: Arrangements,
    state: DataState,
}

impl Leg {
    const fn new(arrangements: Arrangements) -> Self {
        Self { arrangements, state: DataState::Not }
    }

    const fn is_open(&self) -> bool {
        matches!(self.state, DataState::Open { .. })
    }

    /// Whether the end may get its transfer command.
    const fn is_ready(&self) -> bool {
        matches!(self.state, DataState::Open { .. } | DataState::Expected)
    }

    /// Begins with the current arrangement: adds its steps to those of the end, and asks the user agent to listen if the end is
    /// to connect.
    fn begin(&mut self, ends: &mut Ends, side: Side) {
        let needs_part = script::needs_part_command(&ends.transfer, side, &ends.end(side).party);
        let by = ends.now + ends.timeouts.connect;
        let end = ends.end_mut(side);
        end.steps.retain(|step| *step != Step::Rest);
        self.state = match self.arrangements.current() {
            Some(Arrangement::Active(target)) => {
                if target == ActiveCommand::Sock && script::takes_sock_for_filter(&end.party, end.listening) {
                    end.steps.push_back(Step::Activate);
                }
                end.steps.push_back(Step::Connect);
                end.timers.arm(Timer::Connect, by);
                ends.out.push_back(Output::Listen(side));
                DataState::Listening(None)
            }
            Some(Arrangement::Passive(_)) | None => {
                if script::needs_pret(&end.party) {
                    end.steps.push_back(Step::Announce);
                }
                end.steps.push_back(Step::Listen);
                DataState::Not
            }
        };
        if needs_part {
            ends.end_mut(side).steps.push_back(Step::Rest); // directly before the transfer command
        }
    }

    /// Takes the next step of the end, if everything that it needs is known.
    fn next_step(&self, end: &mut End) -> Option<Step> {
        let waits = end.steps.front() == Some(&Step::Connect) && self.state == DataState::Listening(None);
        if end.asked.is_some() || waits { None } else { end.steps.pop_front() }
    }

    /// The command with which the end listens, or is told where to connect.
    fn command(&self, side: Side) -> Option<Command> {
        let here = match self.state {
            DataState::Listening(at) => at,
            DataState::Not | DataState::Connecting | DataState::Expected | DataState::Open { .. } => None,
        };
        self.arrangements.current()?.command(side.direction(), here)
    }
}
