//! The path through the user agent: both ends listen, and the user agent connects to both and copies from one
//! connection to the other.
//!
//! RETR goes first and is awaited: a source that does not have the file then touches nothing at the
//! destination (H14). What the source sends waits in its connection meanwhile.

use super::end::{Run, Task};
use super::ends::{Ends, Phase};
use super::event::Output;
use super::judge::Answer;
use super::middle::Middle;
use super::outcome::{Cause, DataFault};
use super::roles::Party;
use super::script::{self, Step};
use super::stage::Stage;
use super::timer::Timer;
use super::transfer::{Side, Transfer};
use crate::command::Command;
use crate::reply::Blame;
use crate::timer::Moment;
use std::collections::VecDeque;

/// How far the data is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    /// Nothing has been copied.
    Not,
    /// The driver copies.
    Copying,
    /// Everything has been sent to the destination.
    Copied,
    /// The destination has been told that this was everything.
    Finished,
}

/// The state of an attempt through the user agent.
#[derive(Debug)]
pub(super) struct Through {
    middle: Middle,
    /// The user agent's data connection with the source is open.
    source: bool,
    /// The same for the destination.
    destination: bool,
    flow: Flow,
}

impl Through {
    pub(super) fn start(ends: &mut Ends, now: Moment) -> Self {
        ends.to_cut = true;
        for side in Side::BOTH {
            let steps = steps(&ends.transfer, side, &ends.end(side).party);
            ends.end_mut(side).steps = steps;
        }
        let middle = Middle::new(ends);
        let mut through = Self { middle, source: false, destination: false, flow: Flow::Not };
        through.prepare(ends, now);
        through
    }

    /// Sends each end its next command. If both ends are prepared and connected, sends RETR.
    fn prepare(&mut self, ends: &mut Ends, now: Moment) {
        if !matches!(ends.phase, Phase::Setup) {
            return;
        }
        for side in Side::BOTH {
            let end = ends.end_mut(side);
            if end.asked.is_none()
                && let Some(step) = end.steps.pop_front()
                && let Some(command) = self.command(ends, side, step)
            {
                ends.ask(now, side, Task::Setup(step), command);
            }
        }
        if ends.is_prepared() && self.middle.open {
            ends.phase = Phase::Running;
            send_transfer(ends, now, Side::Source);
        }
    }

    fn command(&mut self, ends: &Ends, side: Side, step: Step) -> Option<Command> {
        match step {
            Step::Type => Some(script::IMAGE),
            Step::Digest => Some(script::compute(&ends.transfer, &ends.end(side).party)),
            // The server would ask the user agent for the secret of an earlier direct attempt.
            Step::Rndz => Some(Command::Rndz(None)),
            Step::Listen => self.middle.listen(side),
            Step::Announce => Some(script::announce(&ends.transfer, side)),
            Step::Rest => ends.transfer.restart.map(Command::Rest),
            Step::Activate | Step::Sscn | Step::Pinc | Step::Connect | Step::Filter => None,
            Step::Symmetric | Step::Port => None,
        }
    }

    pub(super) fn setup_reply(&mut self, ends: &mut Ends, now: Moment, side: Side, answer: Answer) {
        if let Some(at) = self.middle.setup_reply(ends, now, side, answer) {
            let by = now + ends.timeouts.connect;
            ends.end_mut(side).timers.arm(Timer::Connect, by);
            ends.out.push_back(Output::Connect(side, at));
        }
        self.prepare(ends, now);
    }

    /// The data connection with that end is open.
    pub(super) fn connected(&mut self, ends: &mut Ends, now: Moment, side: Side) {
        if matches!(ends.phase, Phase::Setup) {
            match side {
                Side::Source => self.source = true,
                Side::Destination => self.destination = true,
            }
            self.middle.open = self.source && self.destination;
            ends.end_mut(side).timers.disarm(Timer::Connect);
            self.prepare(ends, now);
        }
    }

    /// The data connection with that end could not be opened, or it broke: while data moved, or when it was
    /// closed.
    pub(super) fn data_failed(&mut self, ends: &mut Ends, now: Moment, side: Side, why: String) {
        match ends.phase {
            Phase::Setup => {
                let cause = Cause::Data(DataFault::Failed(why));
                ends.fail(now, side, Stage::DataConnection, cause, Blame::Path);
            }
            Phase::Running if self.middle.broken.is_none() => {
                ends.cut();
                self.middle.broke(ends, now, side, why);
                if !ends.end(side).is_running() {
                    self.middle.give_up(ends, now);
                }
            }
            Phase::Running | Phase::Rescue(_) | Phase::Over => {}
        }
    }

    /// The source has closed its connection in order, and everything has been sent to the destination.
    pub(super) fn copied(&mut self, ends: &mut Ends, now: Moment) {
        let running = matches!(ends.phase, Phase::Running) && self.middle.broken.is_none();
        if running && self.flow == Flow::Copying {
            self.flow = Flow::Copied;
            ends.await_finals(now);
            self.settle(ends, now);
        }
    }

    pub(super) fn running_reply(&mut self, ends: &mut Ends, now: Moment, side: Side, answer: Answer) {
        if !self.middle.running_reply(ends, now, side, answer) {
            return;
        }
        match self.middle.broken {
            None => self.proceed(ends, now),
            Some((broken, _)) if broken == side && !ends.end(side).is_running() => {
                self.middle.give_up(ends, now);
            }
            Some(_) => {}
        }
    }

    /// An end has begun or is complete: starts what follows.
    fn proceed(&mut self, ends: &mut Ends, now: Moment) {
        if ends.source.run != Run::Sent && ends.destination.run == Run::Not {
            send_transfer(ends, now, Side::Destination);
        }
        if ends.destination.has_begun() {
            self.copy(ends);
        }
        self.settle(ends, now);
    }

    fn copy(&mut self, ends: &mut Ends) {
        if self.flow == Flow::Not {
            ends.timers.disarm(Timer::Preliminary);
            self.flow = Flow::Copying;
            ends.out.push_back(Output::Copy);
        }
    }

    /// Ends the attempt in this order: the source's end of file, everything sent, the source's final reply,
    /// the destination's connection closed, its final reply (I05). Some servers close a file that they cannot
    /// read to its end in order, and then reply 426 (I03).
    fn settle(&mut self, ends: &mut Ends, now: Moment) {
        if self.flow == Flow::Copied && ends.source.complete().is_some() {
            self.flow = Flow::Finished;
            ends.out.push_back(Output::Finish);
            ends.await_finals(now);
        }
        if self.flow == Flow::Finished && ends.destination.complete().is_some() {
            ends.finish(now);
        }
    }

    /// A timer of the end `of`, or of the whole attempt.
    pub(super) fn due(&mut self, ends: &mut Ends, now: Moment, of: Option<Side>, timer: Timer) {
        match (of, timer) {
            // The user agent could not connect to that end in time.
            (Some(side), _) => {
                if matches!(ends.phase, Phase::Setup) {
                    ends.fail(now, side, Stage::DataConnection, Cause::Silent(timer), Blame::Path);
                }
            }
            (None, Timer::Preliminary) if ends.destination.run == Run::Not => {
                send_transfer(ends, now, Side::Destination);
            }
            (None, Timer::Preliminary) => self.copy(ends),
            (None, _) => self.middle.half_done(ends, now),
        }
    }
}

/// Sends a transfer command. Some servers answer it only when data moves, or when all of it has moved.
fn send_transfer(ends: &mut Ends, now: Moment, side: Side) {
    ends.timers.arm(Timer::Preliminary, now + ends.timeouts.preliminary);
    ends.send_transfer(now, side);
}

fn steps(transfer: &Transfer, side: Side, party: &Party) -> VecDeque<Step> {
    let mut steps = script::first_steps(transfer, party);
    if party.capabilities.rndz {
        steps.push_back(Step::Rndz);
    }
    if script::needs_pret(party) {
        steps.push_back(Step::Announce);
    }
    steps.push_back(Step::Listen);
    if script::restarts(transfer, side) {
        steps.push_back(Step::Rest);
    }
    steps
}
