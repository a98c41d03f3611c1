//! One attempt, phase by phase.

use super::ends::{Ends, Phase};
use super::judge::{self, Verdict};
use super::leg::{Run, Task};
use super::rescue::end_of_run;
use super::script::{self, Step};
use super::{Cause, Heard, Job, Outcome, Output, Party, Plan, Repair, Side, Timeouts};
use crate::address::SockTarget;
use crate::client::Failure;
use crate::command::{Command, Verb};
use crate::reply::{Blame, Class};
use crate::timer::{Moment, Timer};
use std::net::SocketAddr;

/// The machine of one attempt.
#[derive(Debug)]
pub struct Transfer {
    job: Job,
    plan: Plan,
    ends: Ends,
    /// X: where the listening end listens.
    listens: Option<SocketAddr>,
    /// Y: where the connecting end will come from, once it has answered.
    connects_from: Option<Option<u16>>,
}

impl Transfer {
    /// Starts the attempt at `now`; both sessions are logged in and idle.
    pub fn new(
        job: Job,
        plan: Plan,
        source: Party,
        destination: Party,
        timeouts: Timeouts,
        now: Moment,
    ) -> Self {
        let mut ends = Ends::new(source, destination, timeouts);
        let (one, two) = (&ends.source.party, &ends.destination.party);
        let for_source = script::steps(plan, &job, Side::Source, one, two);
        let for_destination = script::steps(plan, &job, Side::Destination, two, one);
        ends.proven = script::proven(&job, one, two);
        (ends.source.steps, ends.destination.steps) = (for_source, for_destination);
        let mut transfer = Self { job, plan, ends, listens: None, connects_from: None };
        transfer.prepare(now);
        transfer
    }

    /// A reply to the last command of that side arrived.
    pub fn reply(&mut self, now: Moment, side: Side, heard: Heard) {
        match self.ends.phase {
            Phase::Setup => self.setup_heard(now, side, heard),
            Phase::Running => self.running_heard(now, side, heard),
            Phase::Rescue(_) => self.ends.rescue_heard(side, heard),
            Phase::Over => {}
        }
    }

    /// The abort of that side is complete: its session is in step.
    pub fn aborted(&mut self, _now: Moment, side: Side) {
        self.ends.aborted(side);
    }

    /// That side's session is over.
    pub fn ended(&mut self, now: Moment, side: Side, failure: Failure) {
        let leg = self.ends.leg_mut(side);
        let during = leg.asked.map_or("transfer", |asked| name(asked.verb));
        leg.close();
        leg.listening = false;
        let complete = leg.complete().is_some();
        if leg.runs() {
            leg.run = Run::Lost;
        }
        match self.ends.phase {
            Phase::Running if complete => {} // it has done its part
            Phase::Setup | Phase::Running => {
                let blame = judge::end_blame(&failure);
                self.ends.fail(now, side, during, Cause::Ended(failure), blame);
            }
            Phase::Rescue(_) => self.ends.finish_rescue(),
            Phase::Over => {}
        }
    }

    /// The caller gives up (Ctrl-C, stall): both ends are aborted.
    pub fn cancel(&mut self, now: Moment) {
        match self.ends.phase {
            Phase::Setup | Phase::Running => {
                self.ends.fail(now, Side::Source, "transfer", Cause::Cancelled, Blame::Busy);
            }
            Phase::Rescue(_) | Phase::Over => {} // the first failure tells more
        }
    }

    /// The deadline of the last [`Output::Wait`] has come.
    pub fn timeout(&mut self, now: Moment) {
        for side in [Side::Source, Side::Destination] {
            while let Some(timer) = self.ends.leg_mut(side).timers.fire(now) {
                self.leg_timeout(now, side, timer);
            }
        }
        while let Some(timer) = self.ends.timers.fire(now) {
            self.both_timeout(now, timer);
        }
    }

    /// The announced addresses that were not used as they stood.
    pub fn repairs(&self) -> &[Repair] {
        &self.ends.repairs
    }

    /// The next output.
    pub fn poll(&mut self) -> Output {
        self.ends.poll()
    }

    /// Asks each end for its next step, as far as what it needs is known; both ends prepared:
    /// the transfer commands.
    fn prepare(&mut self, now: Moment) {
        for side in [self.plan.listener, self.plan.listener.other()] {
            while let Some(step) = self.next_step(side) {
                if let Some(command) = self.command(side, step) {
                    self.ends.ask(now, side, Task::Setup(step), command);
                }
            }
        }
        if self.ends.prepared() {
            self.launch(now);
        }
    }

    /// Takes the next step of an end that waits for nothing.
    fn next_step(&mut self, side: Side) -> Option<Step> {
        let ready = match self.ends.leg(side).steps.front()? {
            Step::Type | Step::Activate | Step::Rndz | Step::Announce | Step::Listen | Step::Rest => true,
            Step::Connect => self.listens.is_some(),
            Step::Filter => self.connects_from.is_some(),
        };
        let leg = self.ends.leg_mut(side);
        if ready && leg.asked.is_none() { leg.steps.pop_front() } else { None }
    }

    /// The command of a step; `None` when there is nothing to say.
    fn command(&self, side: Side, step: Step) -> Option<Command> {
        let (me, other) = (&self.ends.leg(side).party, &self.ends.leg(side.other()).party);
        match step {
            Step::Type => Some(script::IMAGE),
            Step::Activate => Some(Command::Actv),
            Step::Rndz => self.job.secret.clone().map(|secret| Command::Rndz(Some(secret))),
            Step::Announce => Some(script::announce(&self.job, side)),
            Step::Listen => Some(script::listen(self.plan, other)),
            Step::Connect => Some(script::connect(self.plan, me, other, self.listens?)),
            Step::Filter => {
                // Any port of the host, where its number is not known and an older SOCK stands.
                let any = script::has_old_filter(self.plan, me).then_some(0);
                let port = self.connects_from?.or(any)?;
                Some(Command::Sock(SockTarget { host: Some(other.address), port }))
            }
            Step::Rest => self.job.restart.map(Command::Rest),
        }
    }

    fn setup_heard(&mut self, now: Moment, side: Side, heard: Heard) {
        let leg = self.ends.leg_mut(side);
        let Some(asked) = leg.asked else { return };
        let Task::Setup(step) = asked.task else { return };
        // PRET is refused as the transfer would be.
        let verb = if step == Step::Announce { script::transfer(&self.job, side).verb() } else { asked.verb };
        match judge::setup(step, verb, &leg.party, heard) {
            Verdict::Wait => return,
            Verdict::Bad(cause, blame) => {
                leg.answered();
                leg.listening &=
                    step != Step::Listen || matches!(cause, Cause::Unusable(..) | Cause::Policy(..));
                return self.ends.fail(now, side, name(asked.verb), cause, blame);
            }
            Verdict::Fine => leg.answered(),
            Verdict::WantsPret => leg.learn_pret(),
            Verdict::Listens(at, announced) => {
                leg.answered();
                self.ends.note_repair(side, announced, at);
                self.listens = Some(at);
            }
            Verdict::ConnectsFrom(port) => {
                leg.answered();
                self.connects_from = Some(port);
            }
        }
        self.prepare(now);
    }

    /// The transfer commands. H13: the passive end may keep its preliminary reply until its peer
    /// has come, so it is never waited for. The active end goes first and is waited for, for a while:
    /// an active source that has not got the file then touches nothing at the destination (H14), and
    /// an active destination is ready before octets come (some drop a connection that brings any
    /// before STOR). With RNDZ nothing moves before the proof, and nobody waits.
    fn launch(&mut self, now: Moment) {
        self.ends.phase = Phase::Running;
        let active = self.plan.listener.other();
        let first = self.plan.first.unwrap_or(if self.ends.proven { Side::Source } else { active });
        self.command_transfer(now, first);
        if self.ends.proven || first != active {
            self.command_transfer(now, first.other());
        } else {
            self.ends.timers.arm(Timer::Preliminary, now + self.ends.timeouts.preliminary);
        }
    }

    fn command_transfer(&mut self, now: Moment, side: Side) {
        self.ends.timers.disarm(Timer::Preliminary);
        self.ends.timers.arm(Timer::Connect, now + self.ends.timeouts.connect);
        let command = script::transfer(&self.job, side);
        self.ends.ask(now, side, Task::Transfer, command);
    }

    fn running_heard(&mut self, now: Moment, side: Side, heard: Heard) {
        let leg = self.ends.leg_mut(side);
        let Some(asked) = leg.asked else { return };
        match heard.class {
            Class::Aside => return, // H04: also the 255 that a SOCK answered with 200 still owes
            Class::Preliminary => {
                leg.started = true;
                leg.run = Run::Moving;
            }
            Class::Done | Class::More | Class::Later | Class::Refused => {
                leg.answered();
                let cause = Cause::Refused(heard.reply.clone());
                if let Some(blame) = end_of_run(leg, asked.verb, heard) {
                    return self.ends.fail(now, side, name(asked.verb), cause, blame);
                }
            }
        }
        if let (Run::Not, Run::Complete(reply)) = (&self.ends.source.run, &self.ends.destination.run) {
            let why = "it was complete before anything was sent";
            let (cause, during) = (Cause::Unusable(reply.clone(), why), name(asked.verb));
            return self.ends.fail(now, side, during, cause, Blame::Path);
        }
        self.ends.timers.disarm(Timer::Connect);
        self.go_on(now, side);
    }

    /// `side` has begun or is complete: the other begins, or is given its time, or it is over.
    fn go_on(&mut self, now: Moment, side: Side) {
        if self.ends.leg(side.other()).run == Run::Not {
            self.command_transfer(now, side.other());
            self.ends.timers.disarm(Timer::Connect); // something has moved
        }
        let (source, destination) = (self.ends.source.complete(), self.ends.destination.complete());
        if let (Some(source), Some(destination)) = (source, destination) {
            let (source, destination) = (source.clone(), destination.clone());
            self.ends.conclude(Outcome::Moved { source, destination });
        } else if source.or(destination).is_some() {
            self.ends.timers.arm(Timer::HalfDone, now + self.ends.timeouts.half_done);
        }
    }

    fn leg_timeout(&mut self, now: Moment, side: Side, timer: Timer) {
        if timer == Timer::AbortDrain {
            return self.ends.deaf(side);
        }
        // Silent in the set-up: what it owes is counted by the abort, or it is closed.
        let during = self.ends.leg(side).asked.map_or("set-up", |asked| name(asked.verb));
        self.ends.stop(now, side);
        if matches!(self.ends.phase, Phase::Setup) {
            self.ends.fail(now, side, during, Cause::Silent(timer), Blame::Busy);
        }
    }

    fn both_timeout(&mut self, now: Moment, timer: Timer) {
        let of_source = |is: bool| if is { Side::Source } else { Side::Destination };
        if timer == Timer::Preliminary {
            return self.command_transfer(now, of_source(self.ends.source.run == Run::Not));
        }
        let (side, blame) = if timer == Timer::HalfDone {
            (of_source(self.ends.source.runs()), Blame::Busy)
        } else {
            (self.plan.listener.other(), Blame::Path) // nothing has moved: it could not connect
        };
        let during = name(script::transfer(&self.job, side).verb());
        self.ends.fail(now, side, during, Cause::Silent(timer), blame);
    }
}

/// The verb as people read it in an error.
pub(super) fn name(verb: Verb) -> &'static str {
    verb.row().map_or("command", |row| row.name)
}
