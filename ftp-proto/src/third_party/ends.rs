//! Both ends of an attempt: what each does, what they wait for, and what is to be done next. What
//! the attempt is made of (who listens, who connects) is the machines' around it.

use super::leg::{Leg, Task, name};
use super::{Job, Outcome, Output, Party, Repair, Side, Timeouts, Trouble, script};
use crate::address::{Family, unmapped};
use crate::command::Command;
use crate::timer::{Moment, Timer, Timers};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Where the attempt stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// The commands before the transfer commands.
    Setup,
    /// From the first transfer command to both final replies.
    Running,
    /// It has failed; the ends are brought back in step.
    Rescue(Trouble),
    /// Told.
    Over,
}

/// Both ends.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) job: Job,
    pub(super) source: Leg,
    pub(super) destination: Leg,
    /// Both prove themselves to each other with RNDZ.
    pub(super) proven: bool,
    pub(super) timeouts: Timeouts,
    pub(super) timers: Timers,
    pub(super) phase: Phase,
    /// The attempt has failed: what carries its octets must not end in order.
    pub(super) failed: bool,
    pub(super) out: VecDeque<Output>,
    pub(super) repairs: Vec<Repair>,
}

impl Ends {
    /// Two ends that are logged in and idle; their steps are still to come.
    pub(super) fn new(job: Job, source: Party, destination: Party, timeouts: Timeouts) -> Self {
        let leg = |party: Party| {
            let address = unmapped(party.address);
            Leg::new(Party { address, ..party }, VecDeque::new())
        };
        Self {
            job,
            source: leg(source),
            destination: leg(destination),
            proven: false,
            timeouts,
            timers: Timers::new(),
            phase: Phase::Setup,
            failed: false,
            out: VecDeque::new(),
            repairs: Vec::new(),
        }
    }

    pub(super) const fn leg(&self, side: Side) -> &Leg {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    pub(super) const fn leg_mut(&mut self, side: Side) -> &mut Leg {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }

    /// Whether this host reaches the two by different families.
    pub(super) fn is_mixed(&self) -> bool {
        Family::of(self.source.party.address) != Family::of(self.destination.party.address)
    }

    /// Nothing is left of the set-up of either.
    pub(super) fn prepared(&self) -> bool {
        self.source.prepared() && self.destination.prepared()
    }

    pub(super) fn ask(&mut self, now: Moment, side: Side, task: Task, command: Command) {
        let patience = self.timeouts.reply;
        self.leg_mut(side).ask(task, command.verb(), now, patience);
        self.out.push_back(Output::Command(side, command));
    }

    /// The transfer command of that side.
    pub(super) fn transfer(&mut self, now: Moment, side: Side) {
        let command = script::transfer(&self.job, side);
        self.ask(now, side, Task::Transfer, command);
    }

    /// Its name as people read it in an error.
    pub(super) fn transfer_name(&self, side: Side) -> &'static str {
        name(script::transfer(&self.job, side).verb())
    }

    /// An end listens `at` an address; `announced` is the one that it said instead.
    pub(super) fn note_repair(&mut self, side: Side, announced: Option<SocketAddr>, at: SocketAddr) {
        self.repairs.extend(announced.map(|announced| Repair { side, announced, used: at }));
    }

    /// The abort of that side is complete: its session is in step. A server that forgot to end what
    /// it had begun may still do it over the next data connection, and is not given one.
    pub(super) fn aborted(&mut self, side: Side) {
        let leg = self.leg_mut(side);
        let forgotten = leg.started && leg.runs();
        if !leg.aborted() {
            return;
        }
        if forgotten {
            leg.close();
            self.out.push_back(Output::Close(side));
        }
        self.finish_rescue();
    }

    /// That side does not answer ABOR (H20): the other end is not touched.
    pub(super) fn deaf(&mut self, side: Side) {
        self.leg_mut(side).close();
        self.out.push_back(Output::Close(side));
        self.finish_rescue();
    }

    /// Both ends may have said that it is complete: then it is over. One of them: the other is given
    /// its time.
    pub(super) fn finish(&mut self, now: Moment) {
        let (source, destination) = (self.source.complete(), self.destination.complete());
        if let (Some(source), Some(destination)) = (source, destination) {
            let (source, destination) = (source.clone(), destination.clone());
            self.conclude(Outcome::Moved { source, destination });
        } else if source.or(destination).is_some() {
            self.timers.arm(Timer::HalfDone, now + self.timeouts.half_done);
        }
    }

    pub(super) fn conclude(&mut self, outcome: Outcome) {
        self.phase = Phase::Over;
        self.timers.clear();
        self.source.timers.clear();
        self.destination.timers.clear();
        self.out.push_back(Output::Done(outcome));
    }

    /// The next output.
    pub(super) fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or_else(|| {
            let all = [&self.timers, &self.source.timers, &self.destination.timers];
            Output::Wait(all.iter().filter_map(|timers| timers.next()).min())
        })
    }
}
