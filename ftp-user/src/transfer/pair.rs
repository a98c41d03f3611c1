//! One attempt between two servers: drives the two-party machine with two sessions.

use super::watch::{Sight, Watch};
use crate::app::App;
use crate::control::Session;
use ftp_proto::client::{CommandId, Event};
use ftp_proto::command::Command;
use ftp_proto::reply::{Blame, Class};
use ftp_proto::third_party::{Cause, Heard, Job, Outcome, Output, Plan, Side, Timeouts, Transfer, Trouble};
use ftp_proto::timer::Moment;
use std::time::Duration;

/// How an attempt ended, and who ended it.
#[derive(Debug)]
pub(super) struct Ran {
    /// What the machine says.
    pub(super) outcome: Outcome,
    /// Why it was given up, if it was.
    pub(super) given_up: Option<GivenUp>,
    /// Octets that were seen to have moved.
    pub(super) moved: u64,
}

/// Why an attempt was given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum GivenUp {
    /// Somebody wants to stop.
    Interrupted,
    /// Nothing moved for too long.
    Stalled,
    /// That end brought nothing, or took nothing, for too long.
    Silent(Side),
}

/// Two sessions and the machine between them.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    app: &'a App,
    source: &'a mut Session,
    destination: &'a mut Session,
    machine: Transfer,
    watch: Watch,
    status: Option<CommandId>,
    given_up: Option<GivenUp>,
    /// The sessions are closed then, in step or not.
    no_later_than: Option<Moment>,
}

impl<'a> Pair<'a> {
    /// Starts an attempt.
    pub(super) fn new(
        app: &'a App,
        source: &'a mut Session,
        destination: &'a mut Session,
        job: Job,
        plan: Plan,
        watch: Watch,
    ) -> Self {
        let (one, two) = (source.party(), destination.party());
        let machine = Transfer::new(job, plan, one, two, timeouts(app, watch.total()), app.clock.now());
        Self { app, source, destination, machine, watch, status: None, given_up: None, no_later_than: None }
    }

    /// Runs it to its end, which comes in bounded time.
    pub(super) async fn run(mut self) -> Ran {
        loop {
            let deadline = match self.perform() {
                Ok(outcome) => return self.ran(outcome),
                Err(deadline) => deadline,
            };
            let now = || self.app.clock.now();
            tokio::select! {
                event = self.source.next() => self.heard(Side::Source, event),
                event = self.destination.next() => self.heard(Side::Destination, event),
                () = self.app.clock.sleep_until(deadline) => self.machine.timeout(now()),
                () = self.app.stop.raised(), if self.given_up != Some(GivenUp::Interrupted) => {
                    self.give_up(GivenUp::Interrupted);
                    self.no_later_than = Some(now() + LAST_WORDS);
                }
                sight = self.watch.look(self.app.clock) => self.saw(sight),
                () = self.app.clock.sleep_until(self.no_later_than), if self.no_later_than.is_some() => {
                    self.source.close();
                    self.destination.close();
                    return self.ran(Outcome::Failed(cancelled()));
                }
            }
        }
    }

    /// Does what the machine asks, up to its end or its next deadline.
    fn perform(&mut self) -> Result<Outcome, Option<Moment>> {
        loop {
            match self.machine.poll() {
                Output::Command(side, command) => {
                    // How long a transfer may take is for the watch to say.
                    self.session(side).send(command, None);
                }
                Output::Abort(side) => self.session(side).abort(),
                Output::Close(side) => self.session(side).close(),
                Output::Done(outcome) => return Ok(outcome),
                Output::Wait(deadline) => return Err(deadline),
            }
        }
    }

    fn heard(&mut self, side: Side, event: Event) {
        let now = self.app.clock.now();
        match event {
            Event::Reply { to, reply, class } if self.status == Some(to) => {
                self.watch.status(now, &reply);
                if class.is_final() {
                    self.status = None;
                }
            }
            Event::Reply { reply, class, .. } => {
                if class == Class::Preliminary {
                    self.watch.started(now);
                } else if class == Class::Aside {
                    let dialect = self.session(side).dialect;
                    self.watch.marker(now, dialect, &reply);
                }
                self.machine.reply(now, side, Heard { reply, class });
            }
            Event::Unasked(reply) => self.machine.unasked(now, side, reply),
            Event::AbortDone => self.machine.aborted(now, side),
            Event::Ended(failure) => self.machine.ended(now, side, failure),
            Event::Ready { .. } | Event::Sent(_) | Event::Received { .. } => {}
        }
        for repair in self.machine.repairs() {
            let session = match repair.side {
                Side::Source => &mut *self.source,
                Side::Destination => &mut *self.destination,
            };
            session.say_repair(repair.announced, repair.used);
        }
    }

    fn saw(&mut self, sight: Sight) {
        match sight {
            Sight::Ask(side) if self.status.is_none() && self.given_up.is_none() => {
                self.status = Some(self.session(side).send(Command::Stat(None), None));
            }
            Sight::Stalled if self.given_up.is_none() => self.give_up(GivenUp::Stalled),
            Sight::Ask(_) | Sight::Stalled | Sight::Nothing => {}
        }
    }

    fn give_up(&mut self, why: GivenUp) {
        self.given_up = Some(why);
        self.machine.cancel(self.app.clock.now());
    }

    const fn session(&mut self, side: Side) -> &mut Session {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination,
        }
    }

    fn ran(&self, outcome: Outcome) -> Ran {
        // Both ends were done before the wish to give up reached them, or one had failed already:
        // what nothing moves after is not a stall.
        let given_up = self.given_up.filter(|why| match (&outcome, why) {
            (Outcome::Moved { .. }, _) => false,
            (Outcome::Failed(_), GivenUp::Interrupted) => true,
            (Outcome::Failed(trouble), GivenUp::Stalled | GivenUp::Silent(_)) => {
                trouble.cause == Cause::Cancelled
            }
        });
        Ran { outcome, given_up, moved: self.watch.moved() }
    }
}

pub(super) fn cancelled() -> Trouble {
    Trouble {
        side: Side::Destination,
        during: "ABOR",
        cause: Cause::Cancelled,
        blame: Blame::Busy,
        touched: true,
    }
}

pub(super) fn timeouts(app: &App, total: Option<u64>) -> Timeouts {
    let reply = app.waits.reply;
    Timeouts {
        reply,
        connect: reply.min(CONNECT),
        preliminary: reply.min(PRELIMINARY),
        half_done: reply.min(HALF_DONE + Duration::from_secs(total.unwrap_or(UNKNOWN) / SLOWEST_DISK)),
        abort: reply.min(ABORT),
    }
}

/// Our own servers give up after 15 s (RFC 614.3); they are to say so themselves.
const CONNECT: Duration = Duration::from_secs(20);
/// How long the active end's preliminary reply is worth waiting for (modern-servers 2).
const PRELIMINARY: Duration = Duration::from_secs(5);
/// One end has finished: the other has to write what is on its way, and perhaps to sync the file.
const HALF_DONE: Duration = Duration::from_secs(15);
/// Octets per second.
const SLOWEST_DISK: u64 = 10_000_000;
const UNKNOWN: u64 = 1 << 32;
const ABORT: Duration = Duration::from_secs(4);
/// What two servers get to answer ABOR of the two seconds that an interrupted copy has (H33).
pub(super) const LAST_WORDS: Duration = Duration::from_millis(1100);
