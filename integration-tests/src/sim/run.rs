//! The loop of a run, from its first event to its report.

use super::conduct::Conduct;
use super::relay::Relay;
use super::scenario::Fault;
use super::trace::Trace;
use super::user::{Clock, Phase, Purpose};
use super::world::{Event, World};
use super::{Pair, SIDES};
use ftp_proto::client;
use ftp_proto::command::Command;
use ftp_proto::relay::{agent, user};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{Input, Outcome, Side};
use std::cmp::Reverse;
use std::time::Duration;

/// A run is over long before; one that is not hangs.
const LONGEST: Duration = Duration::from_secs(2 * 3600);
const MOST_STEPS: u64 = 50_000;

/// A machine that is not the user agent's.
#[derive(Clone, Copy)]
enum Machine {
    Server(Side),
    /// The relay agent's machine.
    Agent,
    /// The user agent's session with the relay.
    Line,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What did not hold; empty when all did.
    pub violations: Vec<String>,
    /// How each attempt ended.
    pub outcomes: Vec<Outcome>,
    /// The virtual time it took.
    pub took: Duration,
    /// Bytes of the file at the destination in the end.
    pub stored: Option<Vec<u8>>,
    /// Bytes that were at the destination in the beginning.
    pub old: Option<Vec<u8>>,
    /// Bytes of the file.
    pub file: Vec<u8>,
    /// How many of several files both servers have called whole.
    pub copied: usize,
    /// How many connections reached victims.
    pub victims: usize,
    /// The most bytes that a stranger received on one connection.
    pub strangers_heard: usize,
    /// Control connections that were still usable in the end.
    pub usable: Pair<bool>,
    transcript: Trace,
}

impl Report {
    /// The dialogue in two columns.
    pub fn transcript(&self) -> String {
        self.transcript.to_string()
    }

    /// One side's lines of the dialogue, each with its time.
    pub fn lines(&self, side: Side) -> Vec<(Duration, String)> {
        self.transcript.of(side).map(|(at, text)| (at.since_start(), text.to_owned())).collect()
    }
}

impl World {
    /// The user comes.
    pub(super) fn begin(&mut self) {
        self.furnish();
        match self.scenario.conduct.clone() {
            Conduct::Attempts | Conduct::Groups(_) => {}
            Conduct::Hostile => return self.begin_hostilities(),
            Conduct::Batch(batch) => return self.begin_batch(&batch),
            Conduct::Asks(_) => return self.begin_to_ask(),
        }
        if self.relay.is_some() {
            self.open_tunnels();
            // The agent has a timer from its beginning.
            self.agent_input(agent::Input::Timeout);
        } else {
            for side in SIDES {
                self.greet(side);
            }
        }
        self.settle();
    }

    /// When something happens next.
    pub(super) fn next_time(&self) -> Option<Moment> {
        let event = self.queue.peek().map(|Reverse(due)| due.at);
        [event, self.deadline()].into_iter().flatten().min()
    }

    /// One event or one deadline, whichever comes first; false when nothing is left to happen.
    pub(super) fn step(&mut self) -> bool {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            self.violation("it does not end: too many steps".to_owned());
            return false;
        }
        let event = self.queue.peek().map(|Reverse(due)| due.at);
        let deadline = self.deadline();
        let Some(at) = [event, deadline].into_iter().flatten().min() else { return false };
        if at.since(self.scenario.start()) > LONGEST {
            self.violation("it does not end: two hours have passed".to_owned());
            return false;
        }
        self.now = self.now.max(at);
        // At the same moment the lot decides.
        let event_first = event == Some(at) && (deadline != Some(at) || self.random.once_in(2));
        if event_first {
            if let Some(Reverse(due)) = self.queue.pop() {
                self.happen(due.event);
            }
        } else {
            self.fire();
        }
        self.settle();
        !self.is_over()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ToServer(side, piece) => self.server_hears(side, piece),
            Event::ToUser(side, piece) => self.user_hears(side, piece),
            Event::Answer(side, ticket, answer) => self.answer(side, ticket, answer),
            Event::Listen(side, ticket, port) => self.listening(side, ticket, port),
            Event::Syn(syn) => self.syn_arrives(syn),
            Event::Connected(by, place) => self.connected(by, place),
            Event::NotConnected(side, attempt) => self.user_not_connected(side, attempt),
            Event::ToAgent(piece) => self.agent_hears(piece),
            Event::FromAgent(piece) => self.line_arrives(piece),
            Event::AgentAnswer(ticket, answer) => self.agent_answer(ticket, answer),
            Event::ControlSyn(side, ticket) => self.control_syn(side, ticket),
            Event::Attach(side, secret) => self.attaches(side, &secret),
            Event::Data { conn, end, what } => self.data_arrives(conn, end, what),
            Event::Serve { conn, end } => self.serve(conn, end),
            Event::Pump(side, ticket) => self.go_on(side, ticket),
            Event::Stranger { number, at } => self.stranger_comes(number, at),
            Event::Script(side) => match self.scenario.conduct {
                Conduct::Batch(_) => self.feed(side),
                Conduct::Asks(_) => self.ask_next(side),
                Conduct::Attempts | Conduct::Groups(_) | Conduct::Hostile => self.script_goes_on(side),
            },
            Event::End(side, ticket) => self.ended_by_others(side, ticket),
            Event::Fault(number) => self.strike(number),
        }
    }

    /// The earliest deadline of any machine.
    fn deadline(&self) -> Option<Moment> {
        let servers = SIDES.into_iter().filter_map(|side| self.hosts.at(side).deadline());
        let relay = self.relay.as_ref();
        let middle = [relay.and_then(Relay::agent_deadline), relay.and_then(Relay::session_deadline)];
        servers.chain(middle.into_iter().flatten()).chain(self.user.deadline()).min()
    }

    /// One machine whose deadline has come hears of it.
    fn fire(&mut self) {
        let relay = self.relay.as_ref();
        let machines = [
            (Machine::Server(Side::Source), self.hosts.source.deadline()),
            (Machine::Server(Side::Destination), self.hosts.destination.deadline()),
            (Machine::Agent, relay.and_then(Relay::agent_deadline)),
            (Machine::Line, relay.and_then(Relay::session_deadline)),
        ];
        let due = machines.into_iter().filter(|(_, wake)| wake.is_some_and(|at| at <= self.now));
        let due: Vec<Machine> = due.map(|(machine, _)| machine).collect();
        let lot = self.random.length(due.len().saturating_sub(1));
        match due.get(lot) {
            Some(Machine::Server(side)) => self.server_timeout(*side),
            Some(Machine::Agent) => self.agent_input(agent::Input::Timeout),
            Some(Machine::Line) => self.line_input(user::Input::Timeout),
            None => self.user_timeout(),
        }
    }

    fn user_timeout(&mut self) {
        let due = self.user.due(self.now);
        let lot = self.random.length(due.len().saturating_sub(1));
        let now = self.now;
        match due.get(lot) {
            None => {}
            Some(Clock::Session(side)) => {
                self.user.ends.at_mut(*side).session.input(now, client::Input::Timeout)
            }
            Some(Clock::Question(side)) => {
                let end = self.user.ends.at_mut(*side);
                end.ask_at = None;
                if end.moving && !end.over && !end.aborting {
                    let id = end.session.send(now, Command::Stat(None), None);
                    end.waiting.insert(id, Purpose::Status);
                }
            }
            Some(Clock::Machine) => self.tell_machine(Input::Timeout),
            Some(Clock::Alarm) => {
                self.user.alarm = None;
                match self.user.phase {
                    Phase::Attempt => self.cancel(),
                    Phase::Rest => self.noop(Phase::LastNoop),
                    Phase::Login | Phase::Noop | Phase::LastNoop | Phase::Quit | Phase::Over => {}
                }
            }
        }
    }

    /// Drains the coordinator's machines until none has anything to say.
    pub(super) fn settle(&mut self) {
        if !self.scenario.conduct.has_machines() {
            return;
        }
        for _ in 0..1_000 {
            let mut busy = false;
            for side in SIDES {
                busy |= self.drain_session(side);
            }
            busy |= self.drain_machine();
            if !busy && !self.advance() {
                return;
            }
        }
        self.violation("the coordinator is never drained".to_owned());
        self.user.phase = Phase::Over;
    }

    /// A fault happens.
    fn strike(&mut self, number: usize) {
        let Some((_, fault)) = self.faults.waiting.get_mut(number).and_then(Option::take) else { return };
        for side in SIDES {
            self.say(side, format!("** {fault:?}"));
        }
        match fault {
            Fault::CutControl(side) => self.cut(side),
            Fault::StallControl(side, time) => self.stall_control(side, time.map(|time| self.now + time)),
            Fault::ResetData => self.reset_data(),
            Fault::StallData(Some(time)) => {
                self.wire.stalled_until = self.wire.stalled_until.max(self.now + time);
            }
            Fault::StallData(None) => self.wire.dead = true,
            Fault::Crash(side) => self.crash(side),
            Fault::Shutdown(side) => self.shut_down(side),
            Fault::Cancel => self.cancel(),
            Fault::RelayDies => self.relay_dies(),
            Fault::RelayStops => self.stop_relay(),
            Fault::CutRelay => self.cut_relay(),
            Fault::StallRelay(time) => self.stall_relay(time),
        }
    }

    pub(super) fn report(mut self) -> Report {
        self.judge_the_end();
        let copied = self.course.copied.len() + self.user.published();
        Report {
            violations: self.violations,
            outcomes: self.user.outcomes.clone(),
            took: self.now.since(self.scenario.start()),
            stored: self.hosts.destination.disk.get(&self.user.destination_path).map(<[u8]>::to_vec),
            old: self.old,
            file: self.file,
            copied,
            victims: SIDES.into_iter().map(|side| self.hosts.at(side).deeds.victims()).sum(),
            strangers_heard: self.wire.strangers_heard(),
            usable: self.user.usable,
            transcript: self.trace,
        }
    }
}
