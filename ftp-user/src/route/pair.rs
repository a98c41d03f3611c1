//! One attempt between two servers: drives the two-party machine with two sessions.

use super::two::{GivenUp, Happened, Ran, Two, timeouts};
use super::watch::{Sight, Watch};
use crate::context::Context;
use crate::control::Session;
use ftp_proto::client::{CommandId, Event};
use ftp_proto::command::Command;
use ftp_proto::reply::Class;
use ftp_proto::third_party::{Attempt, Input, Outcome, Roles, Side, Transfer};
use ftp_proto::timer::Moment;

/// Two sessions and the machine between them.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    two: Two<'a>,
    machine: Attempt,
    watch: Watch,
    status: Option<CommandId>,
}

impl<'a> Pair<'a> {
    /// Starts an attempt.
    pub(super) fn new(
        context: &'a Context,
        source: &'a mut Session,
        destination: &'a mut Session,
        transfer: Transfer,
        roles: Roles,
        watch: Watch,
    ) -> Self {
        let two = Two::new(context, source, destination);
        let (one, other) = two.parties();
        let machine = Attempt::direct(
            transfer,
            roles,
            one,
            other,
            timeouts(context, watch.total()),
            context.clock.now(),
        );
        Self { two, machine, watch, status: None }
    }

    /// Runs it to its end, which comes in bounded time.
    pub(super) async fn run(mut self) -> Ran {
        let clock = self.two.context.clock;
        loop {
            let deadline = match self.perform() {
                Ok(outcome) => return self.two.ran(outcome, self.watch.moved()),
                Err(deadline) => deadline,
            };
            tokio::select! {
                happened = self.two.next() => match happened {
                    Happened::Said(side, event) => self.heard(side, event),
                    Happened::Interrupted => self.two.give_up(&mut self.machine, GivenUp::Interrupted),
                    Happened::Late => {
                        let outcome = self.two.hang_up();
                        return self.two.ran(outcome, self.watch.moved());
                    }
                },
                () = clock.sleep_until(deadline) => self.machine.input(clock.now(), Input::Timeout),
                sight = self.watch.look(clock) => self.saw(sight),
            }
        }
    }

    /// Does what the machine asks, up to its end or its next deadline.
    fn perform(&mut self) -> Result<Outcome, Option<Moment>> {
        loop {
            if let Some(done) = self.two.perform(self.machine.poll()) {
                return done;
            }
        }
    }

    fn heard(&mut self, side: Side, event: Event) {
        let now = self.two.context.clock.now();
        match &event {
            Event::Reply { to, reply, class } if self.status == Some(*to) => {
                self.watch.status(now, reply);
                if class.is_final() {
                    self.status = None;
                }
                return;
            }
            Event::Reply { class: Class::Preliminary, .. } => self.watch.started(now),
            Event::Reply { class: Class::Aside, reply, .. } => {
                let dialect = self.two.session(side).dialect;
                self.watch.marker(now, dialect, reply);
            }
            Event::Reply { .. }
            | Event::Unasked(_)
            | Event::AbortDone
            | Event::Ended(_)
            | Event::Ready { .. }
            | Event::Sent(_)
            | Event::Received { .. } => {}
        }
        self.two.heard(&mut self.machine, side, event);
    }

    fn saw(&mut self, sight: Sight) {
        match sight {
            Sight::Ask(side) if self.status.is_none() && self.two.goes_on() => {
                self.status = Some(self.two.session(side).send(Command::Stat(None), None));
            }
            Sight::Stalled if self.two.goes_on() => self.two.give_up(&mut self.machine, GivenUp::Stalled),
            Sight::Ask(_) | Sight::Stalled | Sight::Nothing => {}
        }
    }
}
