//! The machine of one file that passes the user agent: both servers listen, the user agent connects to
//! both and carries the octets from one connection to the other.
//!
//! ```text
//!  Setup: both TYPE, forget RNDZ;  both EPSV, else PASV (1973: LSTN);  the driver connects to each;  REST
//!    |
//!  RETR --1yz--> STOR --1yz--> Join: the driver carries octets until the source closes in order
//!    |                           |  all of them have gone to the destination
//!    |                           |  and the source says that this was all (I03)
//!    |                         Finish: the driver closes the destination's connection in order (I05)
//!    |                           '--final reply--> Done(Moved)
//!    |  one end fails, or a connection breaks, or a timer
//!  Cut: both connections are reset, so that a cut file never looks whole (I03, I04)
//!    '--> Rescue, as between two servers --> Done(Failed)
//! ```
//!
//! RETR goes first and is waited for: a source that has not got the file then touches nothing at the
//! destination (H14). The source's octets wait in its connection meanwhile.

use super::carried::{CONNECTING, Carried};
use super::ends::Phase;
use super::leg::{Run, Task};
use super::script::{self, Step};
use super::{Cause, Heard, Job, Party, Repair, Side, Timeouts};
use crate::client::Failure;
use crate::command::Command;
use crate::reply::Blame;
use crate::timer::{Moment, Timer};
use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;

/// What comes out.
#[derive(Debug)]
pub enum Output {
    /// What the two control connections need.
    Control(super::Output),
    /// Connect to that end's data port; say how it went with [`Through::connected`] or
    /// [`Through::unconnected`].
    Connect(Side, SocketAddr),
    /// Carry octets from the source's connection to the destination's, until the source closes in
    /// order and all have gone ([`Through::joined`]) or one of them fails ([`Through::broken`]). The
    /// destination's connection stays open.
    Join,
    /// Close the destination's connection in order: it has the whole file.
    Finish,
    /// Reset whatever data connections there are.
    Cut,
}

/// How far the octets are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    /// Not begun.
    Not,
    /// The driver carries them.
    Joined,
    /// All have gone to the destination.
    Flushed,
    /// And it knows that these were all.
    Finished,
}

/// The machine of one attempt.
#[derive(Debug)]
pub struct Through {
    carried: Carried,
    /// The user agent's connections, where they stand.
    source: bool,
    destination: bool,
    flow: Flow,
    /// The data connections were reset.
    cut: bool,
    out: VecDeque<Output>,
}

impl Through {
    /// Starts the attempt at `now`; both sessions are logged in and idle. The job's secret is not
    /// used: each server talks to its own user's host.
    pub fn new(job: Job, source: Party, destination: Party, timeouts: Timeouts, now: Moment) -> Self {
        let mut carried = Carried::new(job, source, destination, timeouts);
        for side in [Side::Source, Side::Destination] {
            let steps = steps(&carried.ends.job, side, &carried.ends.leg(side).party);
            carried.ends.leg_mut(side).steps = steps;
        }
        let mut through = Self {
            carried,
            source: false,
            destination: false,
            flow: Flow::Not,
            cut: false,
            out: VecDeque::new(),
        };
        through.prepare(now);
        through
    }

    /// A reply to the last command of that side arrived.
    pub fn reply(&mut self, now: Moment, side: Side, heard: Heard) {
        match self.carried.ends.phase {
            Phase::Setup => self.setup_heard(now, side, heard),
            Phase::Running => self.running_heard(now, side, heard),
            Phase::Rescue(_) => self.carried.ends.rescue_heard(side, heard),
            Phase::Over => {}
        }
    }

    /// The connection of [`Output::Connect`] stands.
    pub fn connected(&mut self, now: Moment, side: Side) {
        if matches!(self.carried.ends.phase, Phase::Setup) {
            match side {
                Side::Source => self.source = true,
                Side::Destination => self.destination = true,
            }
            self.carried.open = self.source && self.destination;
            self.carried.ends.leg_mut(side).timers.disarm(Timer::Connect);
            self.prepare(now);
        }
    }

    /// It could not be had.
    pub fn unconnected(&mut self, now: Moment, side: Side, why: String) {
        if matches!(self.carried.ends.phase, Phase::Setup) {
            self.carried.ends.fail(now, side, CONNECTING, Cause::Data(why), Blame::Path);
        }
    }

    /// The source has closed its connection in order, and all octets have gone.
    pub fn joined(&mut self, now: Moment) {
        let running = matches!(self.carried.ends.phase, Phase::Running) && self.carried.broken.is_none();
        if running && self.flow == Flow::Joined {
            self.flow = Flow::Flushed;
            self.await_finals(now);
            self.settle(now);
        }
    }

    /// The data connection of `side` has failed, while octets moved or when it was closed.
    pub fn broken(&mut self, now: Moment, side: Side, why: String) {
        if !matches!(self.carried.ends.phase, Phase::Running) || self.carried.broken.is_some() {
            return;
        }
        self.cut();
        self.carried.broke(now, side, why);
        if !self.carried.ends.leg(side).runs() {
            self.carried.give_up(now);
        }
    }

    /// The abort of that side is complete: its session is in step.
    pub fn aborted(&mut self, _now: Moment, side: Side) {
        self.carried.ends.aborted(side);
    }

    /// That side's session is over.
    pub fn ended(&mut self, now: Moment, side: Side, failure: Failure) {
        self.carried.ends.ended(now, side, failure);
    }

    /// The caller gives up (Ctrl-C, stall): both ends are aborted.
    pub fn cancel(&mut self, now: Moment) {
        self.carried.ends.cancel(now);
    }

    /// The deadline of the last [`super::Output::Wait`] has come.
    pub fn timeout(&mut self, now: Moment) {
        while let Some((of, timer)) = self.carried.ends.due(now) {
            match of {
                Some(side) => self.unreachable(now, side, timer),
                None => self.due(now, timer),
            }
        }
    }

    /// The announced addresses that were not used as they stood.
    pub fn repairs(&self) -> &[Repair] {
        &self.carried.ends.repairs
    }

    /// The next output.
    pub fn poll(&mut self) -> Output {
        if self.carried.ends.failed {
            self.cut();
        }
        self.out.pop_front().unwrap_or_else(|| Output::Control(self.carried.ends.poll()))
    }

    fn cut(&mut self) {
        if !mem::replace(&mut self.cut, true) {
            self.out.push_back(Output::Cut);
        }
    }

    /// Asks each end for its next step; both ends prepared and connected: RETR.
    fn prepare(&mut self, now: Moment) {
        if !matches!(self.carried.ends.phase, Phase::Setup) {
            return;
        }
        for side in [Side::Source, Side::Destination] {
            let leg = self.carried.ends.leg_mut(side);
            if leg.asked.is_none()
                && let Some(step) = leg.steps.pop_front()
                && let Some(command) = self.command(side, step)
            {
                self.carried.ends.ask(now, side, Task::Setup(step), command);
            }
        }
        if self.carried.ends.prepared() && self.carried.open {
            self.carried.ends.phase = Phase::Running;
            self.command_transfer(now, Side::Source);
        }
    }

    fn command(&mut self, side: Side, step: Step) -> Option<Command> {
        match step {
            Step::Type => Some(script::IMAGE),
            // A secret that an attempt between the servers has left would be asked of this host.
            Step::Rndz => Some(Command::Rndz(None)),
            Step::Listen => self.carried.listen(side),
            Step::Announce => Some(script::announce(&self.carried.ends.job, side)),
            Step::Rest => self.carried.ends.job.restart.map(Command::Rest),
            Step::Activate | Step::Connect | Step::Filter => None,
        }
    }

    fn setup_heard(&mut self, now: Moment, side: Side, heard: Heard) {
        if let Some(at) = self.carried.setup_heard(now, side, heard) {
            let by = now + self.carried.ends.timeouts.connect;
            self.carried.ends.leg_mut(side).timers.arm(Timer::Connect, by);
            self.out.push_back(Output::Connect(side, at));
        }
        self.prepare(now);
    }

    fn command_transfer(&mut self, now: Moment, side: Side) {
        // Some servers say nothing until octets move, or until they have moved.
        let ends = &mut self.carried.ends;
        ends.timers.arm(Timer::Preliminary, now + ends.timeouts.preliminary);
        ends.transfer(now, side);
    }

    fn running_heard(&mut self, now: Moment, side: Side, heard: Heard) {
        if !self.carried.running_heard(now, side, heard) {
            return;
        }
        match self.carried.broken {
            None => self.go_on(now),
            Some((broken, _)) if broken == side && !self.carried.ends.leg(side).runs() => {
                self.carried.give_up(now);
            }
            Some(_) => {}
        }
    }

    /// Some end has begun, or is complete: what is next begins.
    fn go_on(&mut self, now: Moment) {
        let ends = &self.carried.ends;
        if ends.source.run != Run::Sent && ends.destination.run == Run::Not {
            self.command_transfer(now, Side::Destination);
        }
        if self.carried.ends.destination.begun() {
            self.join();
        }
        self.settle(now);
    }

    fn join(&mut self) {
        if self.flow == Flow::Not {
            self.carried.ends.timers.disarm(Timer::Preliminary);
            self.flow = Flow::Joined;
            self.out.push_back(Output::Join);
        }
    }

    fn await_finals(&mut self, now: Moment) {
        let ends = &mut self.carried.ends;
        ends.timers.arm(Timer::HalfDone, now + ends.timeouts.half_done);
    }

    /// I05: source EOF, flush, its final reply, close the destination, its final reply. I03: some
    /// servers close a file that they cannot read to its end in order, and then say 426.
    fn settle(&mut self, now: Moment) {
        if self.flow == Flow::Flushed && self.carried.ends.source.complete().is_some() {
            self.flow = Flow::Finished;
            self.out.push_back(Output::Finish);
            self.await_finals(now);
        }
        if self.flow == Flow::Finished && self.carried.ends.destination.complete().is_some() {
            self.carried.ends.finish(now);
        }
    }

    /// The user agent could not connect to that end in time.
    fn unreachable(&mut self, now: Moment, side: Side, timer: Timer) {
        if matches!(self.carried.ends.phase, Phase::Setup) {
            self.carried.ends.fail(now, side, CONNECTING, Cause::Silent(timer), Blame::Path);
        }
    }

    fn due(&mut self, now: Moment, timer: Timer) {
        if timer != Timer::Preliminary {
            return self.carried.half_done(now);
        }
        if self.carried.ends.destination.run == Run::Not {
            self.command_transfer(now, Side::Destination);
        } else {
            self.join();
        }
    }
}

fn steps(job: &Job, side: Side, party: &Party) -> VecDeque<Step> {
    let mut steps = VecDeque::from([Step::Type]);
    if party.capabilities.rndz {
        steps.push_back(Step::Rndz);
    }
    if script::announces(party) {
        steps.push_back(Step::Announce);
    }
    steps.push_back(Step::Listen);
    if script::restarts(job, side) {
        steps.push_back(Step::Rest);
    }
    steps
}
