//! The two ends of an attempt and what is to be done next. The strategies decide which end listens and in
//! which order the two are asked.

use super::end::{End, Task};
use super::machine::Output;
use super::outcome::{Failure, Outcome, Repair};
use super::request::{Side, Timeouts, Transfer};
use super::roles::Party;
use super::script;
use super::stage::Stage;
use super::timer::Timer;
use crate::address::{Family, unmapped};
use crate::command::Command;
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

/// The two ends.
#[derive(Debug)]
pub(super) struct Ends {
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
    /// Data connections that must be reset if the attempt fails: an incomplete file must never look
    /// complete.
    pub(super) to_cut: bool,
    pub(super) out: VecDeque<Output>,
    pub(super) repairs: Vec<Repair>,
}

impl Ends {
    /// Two ends that are logged in and idle. Their steps are still to be set.
    pub(super) fn new(transfer: Transfer, source: Party, destination: Party, timeouts: Timeouts) -> Self {
        let end = |party: Party| End::new(Party { address: unmapped(party.address), ..party });
        Self {
            transfer,
            source: end(source),
            destination: end(destination),
            proven: false,
            connects: Side::Source,
            timeouts,
            timers: Timers::new(),
            phase: Phase::Setup,
            to_cut: false,
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
    pub(super) fn ask(&mut self, now: Moment, side: Side, task: Task, command: Command) {
        let timeout = self.timeouts.reply;
        self.end_mut(side).ask(task, command.verb(), now, timeout);
        self.out.push_back(Output::Command(side, command));
    }

    /// Sends the transfer command of that side.
    pub(super) fn send_transfer(&mut self, now: Moment, side: Side) {
        let command = script::transfer_command(&self.transfer, side);
        self.ask(now, side, Task::Transfer, command);
    }

    /// The stage of a failure of that side's transfer command.
    pub(super) fn transfer_stage(&self, side: Side) -> Stage {
        Stage::Command(script::transfer_command(&self.transfer, side).verb())
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
    pub(super) fn finish(&mut self, now: Moment) {
        let (source, destination) = (self.source.complete(), self.destination.complete());
        if let (Some(source), Some(destination)) = (source, destination) {
            let (source, destination) = (source.clone(), destination.clone());
            self.conclude(Outcome::Moved { source, destination });
        } else if source.is_some() {
            self.await_finals(now);
        } else if destination.is_some() {
            self.timers.arm(Timer::HalfDone, now + self.timeouts.stored);
        }
    }

    /// Starts the wait for the final replies.
    pub(super) fn await_finals(&mut self, now: Moment) {
        self.timers.arm(Timer::HalfDone, now + self.timeouts.half_done);
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
}
