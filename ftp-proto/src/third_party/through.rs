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

use super::ends::{Ends, Phase};
use super::judge::{self, Verdict};
use super::leg::{Run, Task};
use super::rescue::end_of_run;
use super::script::{self, Step};
use super::{Cause, Heard, Job, Opening, Party, Repair, Side, Store, Timeouts};
use crate::address::Family;
use crate::client::Failure;
use crate::command::{Command, Direction, Epsv, Verb};
use crate::dialect::Dialect;
use crate::reply::{Blame, Class};
use crate::timer::{Moment, Timer};
use std::collections::VecDeque;
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

/// The data port of one end.
#[derive(Debug)]
struct Port {
    /// The commands that may open it, best first; those that were tried are gone.
    openings: VecDeque<Opening>,
    connected: bool,
}

/// The machine of one attempt.
#[derive(Debug)]
pub struct Through {
    job: Job,
    ends: Ends,
    source: Port,
    destination: Port,
    flow: Flow,
    /// The data connection that broke, and how. Its server's own words are waited for.
    broken: Option<(Side, String)>,
    out: VecDeque<Output>,
}

impl Through {
    /// Starts the attempt at `now`; both sessions are logged in and idle. The job's secret is not
    /// used: each server talks to its own user's host.
    pub fn new(job: Job, source: Party, destination: Party, timeouts: Timeouts, now: Moment) -> Self {
        let port = |party: &Party| Port { openings: openings(party), connected: false };
        let (for_source, for_destination) = (port(&source), port(&destination));
        let mut ends = Ends::new(source, destination, timeouts);
        for side in [Side::Source, Side::Destination] {
            let leg = ends.leg_mut(side);
            leg.steps = steps(&job, side, &leg.party);
        }
        let mut through = Self {
            job,
            ends,
            source: for_source,
            destination: for_destination,
            flow: Flow::Not,
            broken: None,
            out: VecDeque::new(),
        };
        through.prepare(now);
        through
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

    /// The connection of [`Output::Connect`] stands.
    pub fn connected(&mut self, now: Moment, side: Side) {
        if matches!(self.ends.phase, Phase::Setup) {
            self.port_mut(side).connected = true;
            self.ends.leg_mut(side).timers.disarm(Timer::Connect);
            self.prepare(now);
        }
    }

    /// It could not be had.
    pub fn unconnected(&mut self, now: Moment, side: Side, why: String) {
        if matches!(self.ends.phase, Phase::Setup) {
            self.fail(now, side, CONNECTING, Cause::Data(why), Blame::Path);
        }
    }

    /// The source has closed its connection in order, and all octets have gone.
    pub fn joined(&mut self, now: Moment) {
        let running = matches!(self.ends.phase, Phase::Running) && self.broken.is_none();
        if running && self.flow == Flow::Joined {
            self.flow = Flow::Flushed;
            self.ends.timers.arm(Timer::HalfDone, now + self.ends.timeouts.half_done);
            self.settle(now);
        }
    }

    /// The data connection of `side` has failed, while octets moved or when it was closed.
    pub fn broken(&mut self, now: Moment, side: Side, why: String) {
        if !matches!(self.ends.phase, Phase::Running) || self.broken.is_some() {
            return;
        }
        self.out.push_back(Output::Cut);
        self.broken = Some((side, why));
        // Its server knows more about it, and may be about to say so.
        self.ends.timers.arm(Timer::HalfDone, now + self.ends.timeouts.abort);
        if !self.ends.leg(side).runs() {
            self.give_up(now);
        }
    }

    /// The abort of that side is complete: its session is in step.
    pub fn aborted(&mut self, _now: Moment, side: Side) {
        self.ends.aborted(side);
    }

    /// That side's session is over.
    pub fn ended(&mut self, now: Moment, side: Side, failure: Failure) {
        let leg = self.ends.leg_mut(side);
        let during = leg.asked.map_or("transfer", |asked| super::transfer::name(asked.verb));
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
                self.fail(now, side, during, Cause::Ended(failure), blame);
            }
            Phase::Rescue(_) => self.ends.finish_rescue(),
            Phase::Over => {}
        }
    }

    /// The caller gives up (Ctrl-C, stall): both ends are aborted.
    pub fn cancel(&mut self, now: Moment) {
        match self.ends.phase {
            Phase::Setup | Phase::Running => {
                self.fail(now, Side::Source, "transfer", Cause::Cancelled, Blame::Busy);
            }
            Phase::Rescue(_) | Phase::Over => {} // the first failure tells more
        }
    }

    /// The deadline of the last [`super::Output::Wait`] has come.
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
        self.out.pop_front().unwrap_or_else(|| Output::Control(self.ends.poll()))
    }

    const fn port_mut(&mut self, side: Side) -> &mut Port {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }

    /// Asks each end for its next step; both ends prepared and connected: RETR.
    fn prepare(&mut self, now: Moment) {
        for side in [Side::Source, Side::Destination] {
            let leg = self.ends.leg_mut(side);
            if leg.asked.is_none()
                && let Some(step) = leg.steps.pop_front()
                && let Some(command) = self.command(side, step)
            {
                self.ends.ask(now, side, Task::Setup(step), command);
            }
        }
        if self.ends.prepared() && self.source.connected && self.destination.connected {
            self.ends.phase = Phase::Running;
            self.command_transfer(now, Side::Source);
        }
    }

    fn command(&mut self, side: Side, step: Step) -> Option<Command> {
        match step {
            Step::Type => Some(script::IMAGE),
            // A secret that an attempt between the servers has left would be asked of this host.
            Step::Rndz => Some(Command::Rndz(None)),
            Step::Listen => self.port_mut(side).openings.pop_front().map(|opening| listen(opening, side)),
            Step::Announce => Some(script::announce(&self.job, side)),
            Step::Rest => self.job.restart.map(Command::Rest),
            Step::Activate | Step::Connect | Step::Filter => None,
        }
    }

    fn setup_heard(&mut self, now: Moment, side: Side, heard: Heard) {
        let by = now + self.ends.timeouts.connect;
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
                let closed = matches!(blame, Blame::Path | Blame::Unsupported);
                let lied = matches!(cause, Cause::Policy(..));
                if step == Step::Listen && closed && !lied && !self.port_mut(side).openings.is_empty() {
                    self.ends.leg_mut(side).steps.push_front(Step::Listen);
                } else {
                    return self.fail(now, side, super::transfer::name(asked.verb), cause, blame);
                }
            }
            Verdict::WantsPret => {
                leg.learn_pret();
                let again = openings(&leg.party);
                self.port_mut(side).openings = again;
            }
            // Both listen, and neither is told its peer.
            Verdict::Fine | Verdict::ConnectsFrom(_) => leg.answered(),
            Verdict::Listens(at, announced) => {
                leg.answered();
                leg.timers.arm(Timer::Connect, by);
                self.ends.note_repair(side, announced, at);
                self.out.push_back(Output::Connect(side, at));
            }
        }
        self.prepare(now);
    }

    fn command_transfer(&mut self, now: Moment, side: Side) {
        // Some servers say nothing until octets move, or until they have moved.
        self.ends.timers.arm(Timer::Preliminary, now + self.ends.timeouts.preliminary);
        let command = script::transfer(&self.job, side);
        self.ends.ask(now, side, Task::Transfer, command);
    }

    fn running_heard(&mut self, now: Moment, side: Side, heard: Heard) {
        let leg = self.ends.leg_mut(side);
        let Some(asked) = leg.asked else { return };
        match heard.class {
            Class::Aside => return,
            Class::Preliminary => {
                leg.started = true;
                leg.run = Run::Moving;
            }
            Class::Done | Class::More | Class::Later | Class::Refused => {
                leg.answered();
                let cause = Cause::Refused(heard.reply.clone());
                if let Some(blame) = end_of_run(leg, asked.verb, heard) {
                    return self.refused(now, side, asked.verb, cause, blame);
                }
            }
        }
        match self.broken {
            None => self.go_on(now),
            Some((broken, _)) if broken == side && !self.ends.leg(side).runs() => self.give_up(now),
            Some(_) => {}
        }
    }

    /// The final reply of `side` says that its part has failed.
    fn refused(&mut self, now: Moment, side: Side, verb: Verb, cause: Cause, blame: Blame) {
        // The other end's connection broke and this one was reset for it: no news.
        let no_news = self.broken.as_ref().is_some_and(|(broken, _)| *broken != side);
        if no_news && !judge::is_decisive(blame) {
            return;
        }
        // The way was open: what broke may hold the next time.
        let blame = if self.ends.leg(side).started && blame == Blame::Path { Blame::Busy } else { blame };
        self.fail(now, side, super::transfer::name(verb), cause, blame);
    }

    /// The connection that broke is all that is known.
    fn give_up(&mut self, now: Moment) {
        if let Some((side, why)) = self.broken.clone() {
            let during = super::transfer::name(script::transfer(&self.job, side).verb());
            self.fail(now, side, during, Cause::Data(why), Blame::Busy);
        }
    }

    /// Some end has begun, or is complete: what is next begins.
    fn go_on(&mut self, now: Moment) {
        if self.ends.source.run != Run::Sent && self.ends.destination.run == Run::Not {
            self.command_transfer(now, Side::Destination);
        }
        if !matches!(self.ends.destination.run, Run::Not | Run::Sent) {
            self.join();
        }
        self.settle(now);
    }

    fn join(&mut self) {
        if self.flow == Flow::Not {
            self.ends.timers.disarm(Timer::Preliminary);
            self.flow = Flow::Joined;
            self.out.push_back(Output::Join);
        }
    }

    /// I05: source EOF, flush, its final reply, close the destination, its final reply. I03: some
    /// servers close a file that they cannot read to its end in order, and then say 426.
    fn settle(&mut self, now: Moment) {
        if self.flow == Flow::Flushed && self.ends.source.complete().is_some() {
            self.flow = Flow::Finished;
            self.out.push_back(Output::Finish);
            self.ends.timers.arm(Timer::HalfDone, now + self.ends.timeouts.half_done);
        }
        let (source, destination) = (self.ends.source.complete(), self.ends.destination.complete());
        if let (Flow::Finished, Some(source), Some(destination)) = (self.flow, source, destination) {
            let (source, destination) = (source.clone(), destination.clone());
            self.ends.conclude(super::Outcome::Moved { source, destination });
        }
    }

    fn fail(&mut self, now: Moment, side: Side, during: &'static str, cause: Cause, blame: Blame) {
        self.out.push_back(Output::Cut);
        self.ends.fail(now, side, during, cause, blame);
    }

    fn leg_timeout(&mut self, now: Moment, side: Side, timer: Timer) {
        if timer == Timer::AbortDrain {
            return self.ends.deaf(side);
        }
        let setup = matches!(self.ends.phase, Phase::Setup);
        if timer == Timer::Connect {
            if setup {
                self.fail(now, side, CONNECTING, Cause::Silent(timer), Blame::Path);
            }
            return;
        }
        // Silent in the set-up: what it owes is counted by the abort, or it is closed.
        let during = self.ends.leg(side).asked.map_or("set-up", |asked| super::transfer::name(asked.verb));
        self.ends.stop(now, side);
        if setup {
            self.fail(now, side, during, Cause::Silent(timer), Blame::Busy);
        }
    }

    fn both_timeout(&mut self, now: Moment, timer: Timer) {
        if timer == Timer::Preliminary {
            if self.ends.destination.run == Run::Not {
                return self.command_transfer(now, Side::Destination);
            }
            return self.join();
        }
        if self.broken.is_some() {
            return self.give_up(now);
        }
        let side = if self.ends.source.runs() { Side::Source } else { Side::Destination };
        let during = super::transfer::name(script::transfer(&self.job, side).verb());
        self.fail(now, side, during, Cause::Silent(timer), Blame::Busy);
    }
}

/// What fails when a server cannot be reached.
const CONNECTING: &str = "the data connection";

/// How an end can listen, best first (I07: each in its own family).
fn openings(party: &Party) -> VecDeque<Opening> {
    let v4 = Family::of(party.address) == Family::V4;
    let able = &party.capabilities;
    match party.dialect {
        Dialect::Rfc354 if able.lstn => VecDeque::from([Opening::Lstn]),
        Dialect::Rfc354 => VecDeque::from([Opening::Pasv]),
        Dialect::Rfc959 if !v4 => VecDeque::from([Opening::Epsv]),
        // Servers without FEAT may know EPSV all the same.
        Dialect::Rfc959 if able.epsv || !able.known => VecDeque::from([Opening::Epsv, Opening::Pasv]),
        Dialect::Rfc959 => VecDeque::from([Opening::Pasv]),
    }
}

fn listen(opening: Opening, side: Side) -> Command {
    match opening {
        Opening::Lstn => Command::Lstn(match side {
            Side::Source => Direction::Send,
            Side::Destination => Direction::Receive,
        }),
        Opening::Pasv => Command::Pasv,
        Opening::Epsv => Command::Epsv(Epsv::Same),
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
    // APPE appends by itself; after REST it would be a STOR (RFC 3659 5.2).
    let appends = side == Side::Destination && job.store == Store::Append;
    if job.restart.is_some_and(|octets| octets > 0) && !appends {
        steps.push_back(Step::Rest);
    }
    steps
}
