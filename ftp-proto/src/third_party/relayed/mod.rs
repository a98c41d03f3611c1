//! The machine of one file that passes a relay: each server has its data connection with the relay,
//! which joins the two. Both control connections come from the relay too (its tunnels), so that each
//! server sees one host as its user and as its peer.
//!
//! ```text
//!  Setup: both TYPE;  RNDZ with one secret where both know it, else it is forgotten
//!         passive end: EPSV, else PASV (1973: LSTN)      active end: waits
//!    |  every passive end listens
//!  Join: the relay dials the passive ends, and listens for the active ones
//!    |  ready
//!         active end: PORT, EPRT (1973: SOCK)            both: REST
//!    |
//!  Running: transfer commands  --both finals-->  Done(Moved)
//!    |  one end fails, or the relay does, or a timer
//!  Cut: the relay resets both connections
//!    '--> Rescue, as between two servers --> Done(Failed)
//! ```
//!
//! While octets flow the caller watches for a stall ([`Relayed::flows`] to [`Relayed::passed`]).
//!
//! The relay moves nothing before both connections stand, and what it resets is reset at both ends: a
//! file is complete only when both servers say so.

mod fault;
mod join;

pub use join::{Junction, Posture, Postures};

use super::carried::{CONNECTING, Carried};
use super::ends::Phase;
use super::leg::{Run, Task};
use super::script::{self, Step};
use super::{Cause, Heard, Job, Party, Repair, Side, Timeouts};
use crate::client::Failure;
use crate::command::Command;
use crate::dialect::Dialect;
use crate::reply::Blame;
use crate::timer::{Moment, Timer};
use join::{Join, Meeting};
use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;

/// What comes out.
#[derive(Debug)]
pub enum Output {
    /// What the two control connections need.
    Control(super::Output),
    /// Have the relay join the two data connections; say what it answers with [`Relayed::ready`] or
    /// [`Relayed::broken`].
    Join {
        /// The source's.
        source: Junction,
        /// The destination's.
        destination: Junction,
    },
    /// The attempt has failed: have the relay reset what it has joined.
    Cut,
}

/// The machine of one attempt.
#[derive(Debug)]
pub struct Relayed {
    carried: Carried,
    source: Meeting,
    destination: Meeting,
    join: Join,
}

impl Relayed {
    /// Starts the attempt at `now`; both sessions are logged in, idle, and come from the relay.
    pub fn new(
        job: Job,
        postures: Postures,
        source: Party,
        destination: Party,
        timeouts: Timeouts,
        now: Moment,
    ) -> Self {
        let mut carried = Carried::new(job, source, destination, timeouts);
        let ends = &mut carried.ends;
        ends.proven = script::proven(&ends.job, &ends.source.party, &ends.destination.party);
        for side in [Side::Source, Side::Destination] {
            let steps = steps(&ends.job, side, postures.of(side), &ends.leg(side).party);
            ends.leg_mut(side).steps = steps;
        }
        let meeting = |side| Meeting { posture: postures.of(side), at: None };
        let (source, destination) = (meeting(Side::Source), meeting(Side::Destination));
        let mut relayed = Self { carried, source, destination, join: Join::Not };
        relayed.prepare(now);
        relayed
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

    /// The relay answered [`Output::Join`]: where it listens, for each end that is
    /// [`Posture::Active`].
    pub fn ready(&mut self, now: Moment, source: Option<SocketAddr>, destination: Option<SocketAddr>) {
        if !matches!(self.carried.ends.phase, Phase::Setup) || self.join != Join::Asked {
            return;
        }
        self.join = Join::Ready;
        self.carried.ends.timers.disarm(Timer::Reply);
        for (meeting, at) in [(&mut self.source, source), (&mut self.destination, destination)] {
            meeting.at = meeting.at.or(at);
        }
        if self.source.at.is_none() || self.destination.at.is_none() {
            let why = "the relay does not say where it listens".to_owned();
            return self.carried.ends.fail(now, Side::Source, JOINING, Cause::Relay(why), Blame::Path);
        }
        self.prepare(now);
    }

    /// Both data connections stand, octets may flow.
    pub fn flows(&mut self, now: Moment) {
        if self.join == Join::Ready {
            self.carried.open = true;
            self.go_on(now);
        }
    }

    /// Both connections have ended in order, and everything has gone: the last words of both ends are
    /// awaited, and nothing moves for which the caller would watch.
    pub fn passed(&mut self, now: Moment) {
        if self.join != Join::Ready || !self.carried.open {
            return;
        }
        self.join = Join::Over;
        let ends = &mut self.carried.ends;
        match ends.phase {
            Phase::Running if ends.source.run != Run::Not => {
                ends.timers.disarm(Timer::Connect);
                ends.timers.arm(Timer::HalfDone, now + ends.timeouts.half_done);
            }
            Phase::Setup | Phase::Running => {
                let why = "it was closed before the file".to_owned();
                ends.fail(now, Side::Source, CONNECTING, Cause::Data(why), Blame::Path);
            }
            Phase::Rescue(_) | Phase::Over => {}
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
        while let Some((_, timer)) = self.carried.ends.due(now) {
            self.due(now, timer);
        }
    }

    /// The announced addresses that were not used as they stood.
    pub fn repairs(&self) -> &[Repair] {
        &self.carried.ends.repairs
    }

    /// The next output.
    pub fn poll(&mut self) -> Output {
        if self.carried.ends.failed {
            let join = mem::replace(&mut self.join, Join::Over);
            if matches!(join, Join::Asked | Join::Ready) {
                return Output::Cut;
            }
        } else if self.join == Join::Due {
            self.join = Join::Asked;
            return Output::Join { source: self.source.junction(), destination: self.destination.junction() };
        }
        Output::Control(self.carried.ends.poll())
    }

    const fn meeting(&self, side: Side) -> &Meeting {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    /// Asks each end for its next step, as far as what it needs is known; the relay, when nothing goes
    /// on without it; both ends prepared: the transfer commands.
    fn prepare(&mut self, now: Moment) {
        let both = [Side::Source, Side::Destination];
        for side in both {
            while let Some(step) = self.next_step(side) {
                if let Some(command) = self.command(side, step) {
                    self.carried.ends.ask(now, side, Task::Setup(step), command);
                }
            }
        }
        if self.join == Join::Not && both.into_iter().all(|side| self.awaits_relay(side)) {
            self.join = Join::Due;
            let ends = &mut self.carried.ends;
            ends.timers.arm(Timer::Reply, now + ends.timeouts.reply);
        }
        if self.join == Join::Ready && self.carried.ends.prepared() {
            self.launch(now);
        }
    }

    /// Whether it listens, or must be told where the relay does.
    fn awaits_relay(&self, side: Side) -> bool {
        let (leg, meeting) = (self.carried.ends.leg(side), self.meeting(side));
        match meeting.posture {
            Posture::Passive => meeting.at.is_some(),
            Posture::Active => leg.asked.is_none() && leg.steps.front() == Some(&Step::Connect),
        }
    }

    /// Takes the next step of an end that waits for nothing.
    fn next_step(&mut self, side: Side) -> Option<Step> {
        let told = self.meeting(side).at.is_some();
        let leg = self.carried.ends.leg_mut(side);
        let ready = leg.asked.is_none() && (told || leg.steps.front() != Some(&Step::Connect));
        if ready { leg.steps.pop_front() } else { None }
    }

    /// The command of a step; `None` when there is nothing to say.
    fn command(&mut self, side: Side, step: Step) -> Option<Command> {
        let ends = &self.carried.ends;
        match step {
            Step::Type => Some(script::IMAGE),
            Step::Activate => Some(Command::Actv),
            // Between two that do not both know it, an older secret would be asked of the relay.
            Step::Rndz => Some(Command::Rndz(ends.job.secret.clone().filter(|_| ends.proven))),
            Step::Announce => Some(script::announce(&ends.job, side)),
            Step::Listen => self.carried.listen(side),
            Step::Connect => Some(script::connect_to_relay(&ends.leg(side).party, self.meeting(side).at?)),
            Step::Rest => ends.job.restart.map(Command::Rest),
            Step::Filter => None,
        }
    }

    fn setup_heard(&mut self, now: Moment, side: Side, heard: Heard) {
        if let Some(at) = self.carried.setup_heard(now, side, heard) {
            match side {
                Side::Source => self.source.at = Some(at),
                Side::Destination => self.destination.at = Some(at),
            }
        }
        if matches!(self.carried.ends.phase, Phase::Setup) {
            self.prepare(now);
        }
    }

    /// The transfer commands. A passive destination has its connection already, and some servers drop
    /// what arrives before STOR: it goes first and is waited for, for a while (H13). An active one
    /// connects when it is told to, and a source that has not got the file then touches nothing there
    /// (H14): the source's octets wait at the relay. With RNDZ nothing moves before the proof, and
    /// nobody waits.
    fn launch(&mut self, now: Moment) {
        self.carried.ends.phase = Phase::Running;
        let first = match self.destination.posture {
            Posture::Passive => Side::Destination,
            Posture::Active => Side::Source,
        };
        self.command_transfer(now, first);
        if self.carried.ends.proven {
            self.command_transfer(now, first.other());
        } else {
            let ends = &mut self.carried.ends;
            ends.timers.arm(Timer::Preliminary, now + ends.timeouts.preliminary);
        }
    }

    fn command_transfer(&mut self, now: Moment, side: Side) {
        let ends = &mut self.carried.ends;
        ends.timers.disarm(Timer::Preliminary);
        ends.timers.arm(Timer::Connect, now + ends.timeouts.connect);
        ends.transfer(now, side);
    }

    fn running_heard(&mut self, now: Moment, side: Side, heard: Heard) {
        if self.carried.running_heard(now, side, heard) {
            self.go_on(now);
        }
    }

    /// An end has begun or is complete, or the relay has both connections: what is next begins.
    fn go_on(&mut self, now: Moment) {
        if !matches!(self.carried.ends.phase, Phase::Running) {
            return;
        }
        for side in [Side::Source, Side::Destination] {
            let ends = &self.carried.ends;
            if ends.leg(side).run == Run::Not && ends.leg(side.other()).begun() {
                self.command_transfer(now, side);
            }
        }
        let ends = &mut self.carried.ends;
        let (source, destination) = (&ends.source, &ends.destination);
        let asked = source.run != Run::Not && destination.run != Run::Not;
        if self.carried.open && asked && (source.begun() || destination.begun()) {
            ends.timers.disarm(Timer::Connect); // from here on the caller watches for a stall
        }
        let both = ends.source.complete().is_some() && ends.destination.complete().is_some();
        if both || self.carried.broken.is_none() {
            ends.finish(now);
        }
    }

    fn due(&mut self, now: Moment, timer: Timer) {
        if timer == Timer::Preliminary {
            let first = self.carried.ends.source.run == Run::Not;
            let side = if first { Side::Source } else { Side::Destination };
            return self.command_transfer(now, side);
        }
        if timer == Timer::Reply {
            let why = "the relay does not answer (reply timer)".to_owned();
            return self.carried.ends.fail(now, Side::Source, JOINING, Cause::Relay(why), Blame::Path);
        }
        if timer == Timer::HalfDone {
            return self.carried.half_done(now);
        }
        // Some connection does not stand: of an end that has not begun, if there is one.
        let begun = self.carried.ends.source.begun();
        let side = if begun { Side::Destination } else { Side::Source };
        let during = self.carried.ends.transfer_name(side);
        self.carried.ends.fail(now, side, during, Cause::Silent(timer), Blame::Path);
    }
}

/// What fails when the relay does.
const JOINING: &str = "the relay";

fn steps(job: &Job, side: Side, posture: Posture, me: &Party) -> VecDeque<Step> {
    let mut steps = VecDeque::from([Step::Type]);
    let active = posture == Posture::Active;
    if active && me.standing.listens && me.dialect == Dialect::Rfc354 {
        steps.push_back(Step::Activate);
    }
    if me.capabilities.rndz {
        steps.push_back(Step::Rndz); // before PORT, EPRT and SOCK, which are judged by it
    }
    if !active && script::announces(me) {
        steps.push_back(Step::Announce);
    }
    steps.push_back(if active { Step::Connect } else { Step::Listen });
    if script::restarts(job, side) {
        steps.push_back(Step::Rest);
    }
    steps
}
