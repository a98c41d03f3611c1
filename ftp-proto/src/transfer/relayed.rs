//! The path through a relay: each end has its data connection with the relay, which joins the two. Both
//! control connections come from the relay as well (through its tunnels), so each server sees one host as its
//! user and as its peer.
//!
//! TLS of the data is from server to server: one of the two is its client, as on the direct path.
//!
//! The relay moves nothing before both connections are open, and if it resets one it resets both. So a file is
//! complete only if both servers say so.

use super::arrangements::openings;
use super::attempt::Output;
use super::end::{Run, Task};
use super::ends::{Ends, JudgedReply, Middle, Phase};
use super::judge::{ClassifiedReply, Verdict, may_try_another, says_why};
use super::outcome::{Cause, DataFault, RelayFault, Stage};
use super::request::{Junction, Opening, Party, PerSide, Posture, RelayRoles, Side, Timer, Transfer};
use super::script::{self, Step};
use crate::command::Command;
use crate::reply::Blame;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// How far the relay is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Join {
    /// It has not been asked, because not every passive end listens.
    Not,
    /// It has been asked to join.
    Asked,
    /// It listens and connects.
    Ready,
    /// It has ended what it did.
    Over,
}

/// The data connection of one end with the relay.
#[derive(Debug)]
struct RelayLeg {
    posture: Posture,
    /// The commands with which the end may listen, best first, without those that were tried.
    openings: VecDeque<Opening>,
    /// The address at which the end listens if it is passive, or else the relay.
    at: Option<SocketAddr>,
}

impl RelayLeg {
    fn new(posture: Posture, party: &Party) -> Self {
        Self { posture, openings: openings(party), at: None }
    }

    /// The next command with which the end may listen.
    fn listen(&mut self, side: Side) -> Option<Command> {
        self.openings.pop_front().map(|opening| script::open(opening, side, None))
    }

    /// CPSV in place of every other command with which the end may listen: only it makes the end TLS client.
    fn listen_as_client(&mut self) -> Command {
        self.openings.clear();
        Command::Cpsv
    }

    const fn junction(&self) -> Junction {
        match (self.posture, self.at) {
            (Posture::Passive, Some(at)) => Junction::Dial(at),
            (Posture::Passive, None) | (Posture::Active, _) => Junction::Listen,
        }
    }
}

/// The state of an attempt through a relay.
#[derive(Debug)]
pub(super) struct Relayed {
    middle: Middle,
    roles: RelayRoles,
    legs: PerSide<RelayLeg>,
    join: Join,
}

impl Relayed {
    pub(super) fn start(ends: &mut Ends, roles: RelayRoles) -> Self {
        ends.proven = script::is_proven(&ends.transfer, &ends.source.party, &ends.destination.party);
        for side in Side::BOTH {
            let parties = (&ends.end(side).party, &ends.end(side.other()).party);
            let steps = steps(&ends.transfer, side, roles, parties);
            ends.end_mut(side).steps = steps;
        }
        let leg = |side| RelayLeg::new(*roles.postures.of(side), &ends.end(side).party);
        let legs = PerSide { source: leg(Side::Source), destination: leg(Side::Destination) };
        let mut relayed = Self { middle: Middle::default(), roles, legs, join: Join::Not };
        relayed.prepare(ends);
        relayed
    }

    /// Asks the relay if nothing continues without it, and sends each end its next command, as far as what it
    /// needs is known. If both ends are prepared, sends the transfer commands.
    fn prepare(&mut self, ends: &mut Ends) {
        if self.join == Join::Not && Side::BOTH.into_iter().all(|side| self.awaits_relay(ends, side)) {
            self.join = Join::Asked;
            ends.to_cut = true;
            ends.timers.arm(Timer::Relay, ends.now + ends.timeouts.reply);
            let (source, destination) = (self.legs.source.junction(), self.legs.destination.junction());
            ends.out.push_back(Output::JoinAtRelay { source, destination });
        }
        for side in Side::BOTH {
            while let Some(step) = self.next_step(ends, side) {
                if let Some(command) = self.command(ends, side, step) {
                    ends.ask(side, Task::Setup(step), command);
                }
            }
        }
        if self.join == Join::Ready && ends.is_prepared() {
            self.launch(ends);
        }
    }

    /// Whether the end listens, or must be told where the relay does.
    fn awaits_relay(&self, ends: &Ends, side: Side) -> bool {
        let (end, leg) = (ends.end(side), self.legs.of(side));
        match leg.posture {
            Posture::Passive => leg.at.is_some(),
            Posture::Active => end.asked.is_none() && end.steps.front() == Some(&Step::Connect),
        }
    }

    /// Takes the next step of an end that waits for nothing.
    fn next_step(&self, ends: &mut Ends, side: Side) -> Option<Step> {
        let known = self.legs.of(side).at.is_some();
        let end = ends.end_mut(side);
        let ready = end.asked.is_none() && (known || end.steps.front() != Some(&Step::Connect));
        if ready { end.steps.pop_front() } else { None }
    }

    /// The command of a step, or `None` if the step is not needed.
    fn command(&mut self, ends: &Ends, side: Side, step: Step) -> Option<Command> {
        match step {
            Step::Type => Some(script::IMAGE),
            Step::Digest => Some(script::compute(&ends.transfer, &ends.end(side).party)),
            Step::Activate => Some(Command::Actv),
            // If only one end knows RNDZ, it would ask the relay for the secret of an earlier attempt.
            Step::Rndz => Some(Command::Rndz(ends.transfer.secret.clone().filter(|_| ends.proven))),
            Step::Announce => Some(ends.pret_command(side)),
            Step::Sscn => Some(Command::Sscn(Some(script::is_client(self.roles.tls, side)))),
            Step::Pinc => {
                let (me, other) = (&ends.end(side).party, &ends.end(side.other()).party);
                Some(Command::Pinc(script::pin(self.roles.tls, me, other)))
            }
            Step::Listen if self.roles.cpsv() == Some(side) => {
                Some(self.legs.of_mut(side).listen_as_client())
            }
            Step::Listen => self.legs.of_mut(side).listen(side),
            Step::Connect => Some(script::connect_to_relay(&ends.end(side).party, self.legs.of(side).at?)),
            Step::Rest => script::part_command(&ends.transfer),
            Step::Filter | Step::Symmetric | Step::Port => None,
        }
    }

    pub(super) fn setup_reply(&mut self, ends: &mut Ends, side: Side, answer: ClassifiedReply) {
        if let Some(judged) = ends.setup_reply(side, answer) {
            self.prepared(ends, side, judged);
        }
        if matches!(ends.phase, Phase::Setup) {
            self.prepare(ends);
        }
    }

    /// A command before the transfer command was answered.
    fn prepared(&mut self, ends: &mut Ends, side: Side, judged: JudgedReply) {
        match judged.verdict {
            Verdict::Listens(at, _) => self.legs.of_mut(side).at = Some(at),
            Verdict::WantsPret => self.legs.of_mut(side).openings = openings(&ends.end(side).party),
            Verdict::Bad(cause, blame) => {
                let is_left = !self.legs.of(side).openings.is_empty();
                if judged.step == Step::Listen && is_left && may_try_another(&cause, blame) {
                    ends.end_mut(side).steps.push_front(Step::Listen);
                } else {
                    ends.fail(side, judged.stage, cause, blame);
                }
            }
            // Each end talks only to the relay, so the other end's source port does not matter.
            Verdict::Wait | Verdict::Fine | Verdict::ConnectsFrom(_) => {}
        }
    }

    /// The relay answered [`Output::JoinAtRelay`] with the addresses at which it listens for active ends.
    pub(super) fn ready(
        &mut self,
        ends: &mut Ends,
        source: Option<SocketAddr>,
        destination: Option<SocketAddr>,
    ) {
        if !matches!(ends.phase, Phase::Setup) || self.join != Join::Asked {
            return;
        }
        self.join = Join::Ready;
        ends.timers.disarm(Timer::Relay);
        for (side, at) in [(Side::Source, source), (Side::Destination, destination)] {
            let leg = self.legs.of_mut(side);
            leg.at = leg.at.or(at);
        }
        if self.legs.iter().any(|leg| leg.at.is_none()) {
            return fail_relay(ends, RelayFault::NoAddress, Blame::Path);
        }
        self.prepare(ends);
    }

    /// Sends the transfer commands.
    ///
    /// A passive destination has its connection already, and some servers drop what arrives before STOR. So it
    /// goes first and is awaited for a limited time (H13). An active destination connects when it gets STOR.
    /// The source goes first, so that a missing file touches nothing at the destination (H14), and its data
    /// waits at the relay. With RNDZ nothing moves before the proof, so no end is awaited.
    fn launch(&self, ends: &mut Ends) {
        let first = match self.legs.destination.posture {
            Posture::Passive => Side::Destination,
            Posture::Active => Side::Source,
        };
        ends.launch(first, !ends.proven);
    }

    pub(super) fn running_reply(&self, ends: &mut Ends, side: Side, answer: ClassifiedReply) {
        if self.middle.running_reply(ends, side, answer) {
            self.proceed(ends);
        }
    }

    /// Both data connections are open, and data may flow.
    pub(super) fn flowing(&mut self, ends: &mut Ends) {
        if self.join == Join::Ready && matches!(ends.phase, Phase::Setup | Phase::Running) {
            self.middle.open = true;
            self.proceed(ends);
        }
    }

    /// An end has begun or is complete, or the relay has both connections: starts what follows.
    fn proceed(&self, ends: &mut Ends) {
        if !matches!(ends.phase, Phase::Running) {
            return;
        }
        for side in Side::BOTH {
            if ends.end(side).run == Run::Not && ends.end(side.other()).has_begun() {
                ends.begin_transfer(side);
            }
        }
        let (source, destination) = (&ends.source, &ends.destination);
        let asked = source.run != Run::Not && destination.run != Run::Not;
        let both = source.complete().is_some() && destination.complete().is_some();
        if self.middle.open && asked && (source.has_begun() || destination.has_begun()) {
            ends.timers.disarm(Timer::Connect); // from here on the caller watches for a stall
        }
        if both || self.middle.broken.is_none() {
            ends.finish();
        }
    }

    /// Both connections have ended in order, and everything has been sent on. The final replies of both ends
    /// are awaited.
    pub(super) fn passed(&mut self, ends: &mut Ends) {
        if self.join != Join::Ready || !self.middle.open {
            return;
        }
        self.leave_relay(ends);
        match ends.phase {
            Phase::Running if ends.source.run != Run::Not => {
                ends.passed = true;
                ends.timers.disarm(Timer::Connect);
                ends.await_finals();
                ends.tell_lost();
            }
            Phase::Setup | Phase::Running => {
                let cause = Cause::Data(DataFault::ClosedEarly);
                ends.fail(Side::Source, Stage::DataConnection, cause, Blame::Path);
            }
            Phase::Rescue(_) | Phase::Over => {}
        }
    }

    /// The relay could not open the data connection of that end, or the connection broke.
    ///
    /// Before data may have moved, the path is to blame ([`Blame::Path`]), and the other posture may work.
    /// Later the same path may work the next time, and the words of the server are awaited.
    pub(super) fn data_failed(&mut self, ends: &mut Ends, side: Side, why: String) {
        self.leave_relay(ends);
        let blame = self.middle.blame(ends, side);
        let cause = Cause::Data(DataFault::Failed(why.clone()));
        match &ends.phase {
            Phase::Setup | Phase::Running if self.middle.broken.is_some() => {}
            Phase::Setup | Phase::Running if blame == Blame::Busy => {
                self.middle.broke(ends, side, why);
                if ends.end(side).run == Run::Lost {
                    self.middle.give_up(ends);
                }
            }
            Phase::Setup | Phase::Running => ends.fail(side, Stage::DataConnection, cause, blame),
            // The other end was reset for this reason and its reply came first.
            Phase::Rescue(first) => {
                let explains_less =
                    matches!(first.cause, Cause::Refused(_)) && !says_why(&first.cause, first.blame);
                if explains_less && side != first.side && blame == Blame::Path {
                    ends.explain(side, Stage::DataConnection, cause, blame);
                }
            }
            Phase::Over => {}
        }
    }

    /// The relay refused to join, or closed what it had joined, and blames neither end.
    pub(super) fn refused(&mut self, ends: &mut Ends, why: String) {
        self.leave_relay(ends);
        if matches!(ends.phase, Phase::Setup | Phase::Running) {
            // Where both connections stood, the path is fine: the relay has reached a limit of its own.
            let blame = if self.middle.open { Blame::Busy } else { Blame::Path };
            fail_relay(ends, RelayFault::Refused(why), blame);
        }
    }

    /// The relay itself is gone, or it has no capacity at the moment. That is the failure even if a control
    /// connection was the first to show it. A later attempt may succeed ([`Blame::Busy`]).
    pub(super) fn lost(&mut self, ends: &mut Ends, why: String) {
        self.leave_relay(ends);
        match &ends.phase {
            Phase::Setup | Phase::Running => fail_relay(ends, RelayFault::Lost(why), Blame::Busy),
            Phase::Rescue(first) if matches!(first.cause, Cause::Ended(_) | Cause::Data(_)) => {
                let cause = Cause::Relay(RelayFault::Lost(why));
                ends.explain(Side::Source, Stage::Relay, cause, Blame::Busy);
            }
            Phase::Rescue(_) | Phase::Over => {}
        }
    }

    /// The relay has ended what it did: there is nothing to reset any more.
    const fn leave_relay(&mut self, ends: &mut Ends) {
        self.join = Join::Over;
        ends.to_cut = false;
    }

    pub(super) fn due(&self, ends: &mut Ends, timer: Timer) {
        match timer {
            Timer::Preliminary => {
                let first = ends.source.run == Run::Not;
                ends.begin_transfer(if first { Side::Source } else { Side::Destination });
            }
            Timer::Relay => fail_relay(ends, RelayFault::Silent, Blame::Path),
            Timer::HalfDone => self.middle.half_done(ends),
            // A data connection is not open: that of an end that has not begun, if there is one.
            Timer::Connect | Timer::Reply | Timer::Abort => {
                let begun = ends.source.has_begun();
                let side = if begun { Side::Destination } else { Side::Source };
                let stage = ends.transfer_stage(side);
                ends.fail(side, stage, Cause::Silent(timer), Blame::Path);
            }
        }
    }
}

fn fail_relay(ends: &mut Ends, fault: RelayFault, blame: Blame) {
    ends.fail(Side::Source, Stage::Relay, Cause::Relay(fault), blame);
}

fn steps(
    transfer: &Transfer,
    side: Side,
    roles: RelayRoles,
    (me, other): (&Party, &Party),
) -> VecDeque<Step> {
    let mut steps = script::first_steps(transfer, me);
    let active = *roles.postures.of(side) == Posture::Active;
    if active && script::takes_sock_for_filter(me, false) {
        steps.push_back(Step::Activate);
    }
    steps.extend(script::security_steps(roles.tls, side, me, other));
    if me.capabilities.rndz {
        steps.push_back(Step::Rndz); // before PORT, EPRT and SOCK, whose addresses it permits
    }
    if !active && script::needs_pret(me) {
        steps.push_back(Step::Announce);
    }
    steps.push_back(if active { Step::Connect } else { Step::Listen });
    if script::needs_part_command(transfer, side, me) {
        steps.push_back(Step::Rest);
    }
    steps
}
