//! The coordinator's machines, drained: what the sessions report goes to the machine of the transfer, and what that asks for goes
//! to the sessions.

use super::SIDES;
use super::conduct::Conduct;
use super::conversation::Line;
use super::user::{PATIENCE, Purpose};
use super::world::World;
use ftp_proto::client::{self, Event, Failure};
use ftp_proto::command::Command;
use ftp_proto::reply::Class;
use ftp_proto::transfer::{Input, Machine, Output, Side};

impl World {
    /// A line leaves.
    pub(super) fn tell(&mut self, side: Side, line: &str, what: Line) {
        if self.course.talks.at(side).over {
            return;
        }
        self.say(side, format!("> {line}"));
        self.course.talks.at_mut(side).waiting.push_back(what);
        self.user_sends(side, format!("{line}\r\n").into_bytes());
    }

    pub(super) fn user_hears(&mut self, side: Side, piece: Option<Vec<u8>>) {
        match self.scenario.conduct {
            Conduct::Attempts | Conduct::Groups(_) => {}
            Conduct::Hostile => return self.hostile_hears(side, piece.as_deref()),
            Conduct::Batch(_) | Conduct::Asks(_) => return self.reader_hears(side, piece.as_deref()),
        }
        let now = self.now;
        let end = self.user.ends.at_mut(side);
        if end.over {
            return;
        }
        match piece {
            Some(bytes) => end.session.input(now, client::Input::Bytes(&bytes)),
            None => end.session.input(now, client::Input::Closed),
        }
    }

    pub(super) fn drain_session(&mut self, side: Side) -> bool {
        let mut busy = false;
        while !self.user.ends.at(side).over {
            match self.user.ends.at_mut(side).session.poll() {
                client::Output::Send(bytes) => self.user_sends(side, bytes),
                client::Output::Event(event) => self.session_tells(side, event),
                client::Output::StartTls => {
                    unreachable!("these sessions are in clear, or inside TLS from their first byte on")
                }
                client::Output::Close => self.hang_up(side),
                client::Output::Wait(wake) => {
                    let end = self.user.ends.at_mut(side);
                    end.wake = wake;
                    let idle = end.party.is_some() && end.waiting.is_empty() && !end.aborting;
                    if wake.is_none() && !idle && !end.moving {
                        self.violation("a client session waits without a timer and is not idle".to_owned());
                    }
                    return busy;
                }
            }
            busy = true;
        }
        busy
    }

    pub(super) fn drain_machine(&mut self) -> bool {
        let mut busy = false;
        while let Some(machine) = &mut self.user.machine {
            let is_attempt = matches!(machine, Machine::Attempt(_));
            match machine.poll() {
                Output::Command(side, command) => self.command(side, command),
                Output::Abort(side) => {
                    let now = self.now;
                    self.aborts.push(side);
                    let end = self.user.ends.at_mut(side);
                    end.moving = false;
                    end.aborting = true;
                    end.session.input(now, client::Input::Abort);
                }
                Output::Close(side) => {
                    // An attempt closes those that are deaf.
                    if is_attempt && !self.may_despair(side) {
                        self.violation("a session is closed as deaf that nothing had touched".to_owned());
                    }
                    self.say(side, "-- closed".to_owned());
                    *self.user.usable.at_mut(side) = false;
                    self.hang_up(side);
                }
                Output::Begins(_) => {}
                Output::FileEnded(number, end) => self.small_file_ended(number, end),
                Output::Done(outcome) => self.attempt_over(outcome),
                Output::AllEnded => self.groups_are_over(),
                Output::Connect(side, at) => self.user_connects(side, at),
                Output::Listen(side) => self.user_listens(side),
                Output::JoinAtRelay { source, destination } => self.join_at_relay(source, destination),
                Output::Copy => self.begin_copy(),
                Output::Finish => self.finish_copy(),
                Output::Cut => {
                    self.drop_data();
                    self.cut_at_relay();
                }
                Output::Wait(wake) => {
                    self.user.machine_wake = wake;
                    let moving = self.user.copying.is_some()
                        || SIDES.into_iter().any(|side| self.user.ends.at(side).moving);
                    if wake.is_none() && !(is_attempt && moving) {
                        self.violation("the machine of a transfer waits without a timer".to_owned());
                    }
                    return busy;
                }
            }
            busy = true;
        }
        busy
    }

    fn session_tells(&mut self, side: Side, event: Event) {
        match event {
            Event::Sent(line) => self.say(side, format!("> {line}")),
            Event::Received { reply, .. } => self.say(side, format!("< {}", reply.display())),
            Event::Ready { dialect, capabilities } => {
                self.user.ends.at_mut(side).party = Some((dialect, capabilities));
            }
            Event::Reply { to, reply, class } => {
                let end = self.user.ends.at_mut(side);
                let purpose =
                    if class.is_final() { end.waiting.remove(&to) } else { end.waiting.get(&to).copied() };
                match purpose {
                    Some(Purpose::Transfer) => {
                        let curious = self.scenario.curious && class == Class::Preliminary;
                        let ask_at = self.now + self.random.time(std::time::Duration::from_secs(1));
                        let end = self.user.ends.at_mut(side);
                        end.moving = class == Class::Preliminary;
                        end.ask_at = curious.then_some(ask_at);
                        self.tell_machine(Input::Reply { side, reply, class });
                    }
                    // E09: an answer, whatever goes on.
                    Some(Purpose::Status) if matches!(class, Class::Later | Class::Refused | Class::More) => {
                        if !self.links.at(side).harmed {
                            self.violation(format!("STAT was answered {}", reply.display()));
                        }
                    }
                    Some(Purpose::Status) => {}
                    Some(Purpose::Noop) if class.is_final() => self.noop_answered(side, &reply),
                    Some(Purpose::Noop) | None => {}
                }
            }
            Event::Unasked(reply) => self.tell_machine(Input::Unasked { side, reply }),
            Event::AbortDone => {
                self.user.ends.at_mut(side).aborting = false;
                // What was aborted without a reply of its own will never have one.
                self.user.ends.at_mut(side).waiting.retain(|_, purpose| *purpose == Purpose::Noop);
                self.tell_machine(Input::Aborted(side));
            }
            // These sessions begin inside TLS or stay in clear.
            Event::TlsAbsent | Event::TakesMore => {}
            Event::Ended(failure) => self.session_over(side, failure),
        }
    }

    fn session_over(&mut self, side: Side, failure: Failure) {
        self.say(side, format!("-- {failure}"));
        if failure != Failure::Quit && !self.may_despair(side) {
            self.violation(format!("a session has ended that nothing had touched: {failure}"));
        }
        self.user.ends.at_mut(side).waiting.clear();
        *self.user.usable.at_mut(side) &= failure == Failure::Quit;
        self.tell_machine(Input::Ended(side, failure));
    }

    /// Whether a session has a reason to end before its time.
    pub(super) fn may_despair(&self, side: Side) -> bool {
        let relay_lost = self.relay.as_ref().is_some_and(|relay| relay.over || relay.is_gone());
        self.links.at(side).harmed || relay_lost || !self.scenario.delays.are_quick()
    }

    pub(super) fn command(&mut self, side: Side, command: Command) {
        let now = self.now;
        let command = self.twist(side, command);
        if let Command::Rndz(secret) = &command {
            self.hosts.at_mut(side).secret = secret.clone();
        }
        *self.commanded.at_mut(side) |= command.is_transfer();
        let patience = command.is_transfer().then_some(PATIENCE);
        let end = self.user.ends.at_mut(side);
        if end.over {
            return self.violation("a command for a session that is over".to_owned());
        }
        if let Command::Rest(offset) = &command {
            end.restarts = *offset > 0;
        }
        let id = end.session.send(now, command, patience);
        end.waiting.insert(id, Purpose::Transfer);
    }
}
