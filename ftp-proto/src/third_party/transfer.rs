//! One attempt, phase by phase.

use super::ends::{Ends, Phase};
use super::heard::News;
use super::judge::Verdict;
use super::leg::{Run, Task};
use super::script::{self, Step};
use super::{Cause, Heard, Job, Opening, Output, Party, Plan, Repair, Side, Timeouts};
use crate::address::SockTarget;
use crate::client::Failure;
use crate::command::Command;
use crate::reply::{Blame, Reply, blame};
use crate::timer::{Moment, Timer};
use std::net::SocketAddr;

/// The machine of one attempt.
#[derive(Debug)]
pub struct Transfer {
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
        let mut ends = Ends::new(job, source, destination, timeouts);
        let (one, two) = (&ends.source.party, &ends.destination.party);
        let for_source = script::steps(plan, &ends.job, Side::Source, one, two);
        let for_destination = script::steps(plan, &ends.job, Side::Destination, two, one);
        ends.proven = script::proven(&ends.job, one, two);
        (ends.source.steps, ends.destination.steps) = (for_source, for_destination);
        let mut transfer = Self { plan, ends, listens: None, connects_from: None };
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

    /// A reply that answers nothing arrived from that side: a listener turns its peer away before it is
    /// asked for the file (pyftpdlib), and will not say so again.
    pub fn unasked(&mut self, now: Moment, side: Side, reply: Reply) {
        let leg = self.ends.leg(side);
        let verb = script::transfer(&self.ends.job, side).verb();
        // It may be one that connects as soon as it is told where to (pyftpdlib again).
        let early = matches!(self.ends.phase, Phase::Setup | Phase::Running);
        if early && leg.listening && blame(leg.party.dialect, verb, &reply) == Blame::Path {
            let during = self.ends.transfer_name(side);
            self.ends.fail(now, side, during, Cause::Refused(reply), Blame::Path);
        }
    }

    /// The abort of that side is complete: its session is in step.
    pub fn aborted(&mut self, _now: Moment, side: Side) {
        self.ends.aborted(side);
    }

    /// That side's session is over.
    pub fn ended(&mut self, now: Moment, side: Side, failure: Failure) {
        self.ends.ended(now, side, failure);
    }

    /// The caller gives up (Ctrl-C, stall): both ends are aborted.
    pub fn cancel(&mut self, now: Moment) {
        self.ends.cancel(now);
    }

    /// The deadline of the last [`Output::Wait`] has come.
    pub fn timeout(&mut self, now: Moment) {
        while let Some((_, timer)) = self.ends.due(now) {
            self.due(now, timer);
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
            Step::Rndz => self.ends.job.secret.clone().map(|secret| Command::Rndz(Some(secret))),
            Step::Announce => Some(script::announce(&self.ends.job, side)),
            Step::Listen => Some(script::listen(self.plan, other)),
            Step::Connect => Some(script::connect(self.plan, me, other, self.listens?)),
            Step::Filter => {
                // Any port of the host, where its number is not known and an older SOCK stands.
                let any = script::has_old_filter(self.plan, me).then_some(0);
                let port = self.connects_from?.or(any)?;
                Some(Command::Sock(SockTarget { host: Some(other.address), port }))
            }
            Step::Rest => self.ends.job.restart.map(Command::Rest),
        }
    }

    fn setup_heard(&mut self, now: Moment, side: Side, heard: Heard) {
        let mixed = self.plan.opening == Opening::Epsv && self.ends.is_mixed();
        let said = mixed.then(|| heard.reply.clone());
        let Some(judged) = self.ends.setup_heard(side, heard) else { return };
        match judged.verdict {
            Verdict::Wait | Verdict::Fine | Verdict::WantsPret => {}
            Verdict::Listens(at, _) => match said {
                None => self.listens = Some(at),
                Some(reply) => {
                    let cause = Cause::Unusable(reply, MIXED);
                    return self.ends.fail(now, side, judged.during, cause, Blame::Path);
                }
            },
            Verdict::ConnectsFrom(port) => self.connects_from = Some(port),
            Verdict::Bad(cause, blame) => return self.ends.fail(now, side, judged.during, cause, blame),
        }
        self.prepare(now);
    }

    /// The transfer commands. H13: the passive end may keep its preliminary reply until its peer
    /// has come, so it is never waited for. The active end goes first and is waited for, for a while:
    /// an active source that has not got the file then touches nothing at the destination (H14), and
    /// an active destination is ready before octets come (some drop a connection that brings any
    /// before STOR). With RNDZ nothing moves before the proof, and nobody waits.
    ///
    /// A passive destination that is known to lose octets which come before STOR, and to answer STOR
    /// before they come, goes first and is waited for in the same way.
    fn launch(&mut self, now: Moment) {
        self.ends.phase = Phase::Running;
        let active = self.plan.listener.other();
        let destination = &self.ends.destination.party;
        let early = active == Side::Source && destination.capabilities.loses_early && !self.ends.proven;
        let waited_for = if early { Side::Destination } else { active };
        let first = self.plan.first.unwrap_or(if self.ends.proven { Side::Source } else { waited_for });
        self.command_transfer(now, first);
        if self.ends.proven || first != waited_for {
            self.command_transfer(now, first.other());
        } else {
            self.ends.timers.arm(Timer::Preliminary, now + self.ends.timeouts.preliminary);
        }
    }

    fn command_transfer(&mut self, now: Moment, side: Side) {
        self.ends.timers.disarm(Timer::Preliminary);
        self.ends.timers.arm(Timer::Connect, now + self.ends.timeouts.connect);
        self.ends.transfer(now, side);
    }

    /// `side` has begun or is complete: the other begins, or is given its time, or it is over.
    fn running_heard(&mut self, now: Moment, side: Side, heard: Heard) {
        match self.ends.running_heard(side, heard) {
            News::None => return,
            News::Good => {}
            News::Bad(during, cause, blame) => return self.ends.fail(now, side, during, cause, blame),
        }
        if self.ends.leg(side.other()).run == Run::Not {
            self.command_transfer(now, side.other());
        }
        self.ends.timers.disarm(Timer::Connect); // something has moved
        self.ends.finish(now);
    }

    fn due(&mut self, now: Moment, timer: Timer) {
        let of_source = |is: bool| if is { Side::Source } else { Side::Destination };
        if timer == Timer::Preliminary {
            return self.command_transfer(now, of_source(self.ends.source.run == Run::Not));
        }
        let (side, blame) = if timer == Timer::HalfDone {
            (of_source(self.ends.source.runs()), Blame::Busy)
        } else {
            (self.plan.listener.other(), Blame::Path) // nothing has moved: it could not connect
        };
        let during = self.ends.transfer_name(side);
        self.ends.fail(now, side, during, Cause::Silent(timer), blame);
    }
}

/// RFC 2428 3: EPSV asked for a port of the other end's family, and 229 has no address to go with it.
const MIXED: &str = "it listens for the other end's address family, at an address that it does not say";
