//! What every attempt between two servers has in common, whatever stands between them: two sessions, the
//! wish to stop, and how it ended.

use crate::context::Context;
use crate::control::Session;
use ftp_proto::client::Event;
use ftp_proto::command::Verb;
use ftp_proto::reply::Blame;
use ftp_proto::third_party::{Attempt, Cause, Failure, Input, Outcome, Output, Party, Side, Stage, Timeouts};
use ftp_proto::timer::Moment;
use std::time::Duration;

/// How an attempt ended, and who ended it.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What the machine says.
    pub(crate) outcome: Outcome,
    /// Why it was given up, if it was.
    pub(crate) given_up: Option<GivenUp>,
    /// Octets that were seen to have moved.
    pub(crate) moved: u64,
}

/// Why an attempt was given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GivenUp {
    /// Somebody wants to stop.
    Interrupted,
    /// Nothing moved for too long.
    Stalled,
    /// That end brought nothing, or took nothing, for too long.
    Silent(Side),
}

/// Two sessions, and whether the attempt between them was given up.
#[derive(Debug)]
pub(super) struct Two<'a> {
    pub(super) context: &'a Context,
    pub(super) source: &'a mut Session,
    pub(super) destination: &'a mut Session,
    given_up: Option<GivenUp>,
    /// The sessions are closed then, in step or not.
    no_later_than: Option<Moment>,
}

/// What happens at the two sessions, or to both.
#[derive(Debug)]
pub(super) enum Happened {
    /// That server says something.
    Said(Side, Event),
    /// Somebody wants to stop.
    Interrupted,
    /// The servers have had their time to answer that.
    Late,
}

impl<'a> Two<'a> {
    pub(super) const fn new(
        context: &'a Context,
        source: &'a mut Session,
        destination: &'a mut Session,
    ) -> Self {
        Self { context, source, destination, given_up: None, no_later_than: None }
    }

    /// What the machine wants to know of both.
    pub(super) fn parties(&self) -> (Party, Party) {
        (self.source.party(), self.destination.party())
    }

    pub(super) const fn session(&mut self, side: Side) -> &mut Session {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination,
        }
    }

    /// What happens next. May be dropped without losing anything.
    pub(super) async fn next(&mut self) -> Happened {
        let clock = self.context.clock;
        tokio::select! {
            () = self.context.cancel.cancelled(), if self.given_up != Some(GivenUp::Interrupted) => {
                Happened::Interrupted
            }
            event = self.source.next() => Happened::Said(Side::Source, event),
            event = self.destination.next() => Happened::Said(Side::Destination, event),
            () = clock.sleep_until(self.no_later_than), if self.no_later_than.is_some() => Happened::Late,
        }
    }

    /// Does what a machine asks of the sessions; its end or its next deadline.
    pub(super) fn perform(&mut self, output: Output) -> Option<Result<Outcome, Option<Moment>>> {
        match output {
            // How long a transfer may take is for whoever watches its octets to say.
            Output::Command(side, command) => {
                self.session(side).send(command, None);
            }
            Output::Abort(side) => self.session(side).abort(),
            Output::Close(side) => self.session(side).close(),
            Output::Done(outcome) => return Some(Ok(outcome)),
            Output::Wait(deadline) => return Some(Err(deadline)),
            Output::Connect(..)
            | Output::JoinAtRelay { .. }
            | Output::Copy
            | Output::Finish
            | Output::Cut => {}
        }
        None
    }

    /// Tells the machine what a server says.
    pub(super) fn heard(&mut self, machine: &mut Attempt, side: Side, event: Event) {
        let now = self.context.clock.now();
        match event {
            Event::Reply { reply, class, .. } => machine.input(now, Input::Reply { side, reply, class }),
            Event::Unasked(reply) => machine.input(now, Input::Unasked { side, reply }),
            Event::AbortDone => machine.input(now, Input::Aborted(side)),
            Event::Ended(failure) => machine.input(now, Input::Ended(side, failure)),
            Event::Ready { .. } | Event::Sent(_) | Event::Received { .. } => {}
        }
        for repair in machine.repairs() {
            self.session(repair.side).say_repair(repair.announced, repair.used);
        }
    }

    /// Nobody has given it up yet.
    pub(super) const fn goes_on(&self) -> bool {
        self.given_up.is_none()
    }

    pub(super) fn give_up(&mut self, machine: &mut Attempt, why: GivenUp) {
        let now = self.context.clock.now();
        self.given_up = Some(why);
        if why == GivenUp::Interrupted {
            self.no_later_than = Some(now + LAST_WORDS);
        }
        machine.input(now, Input::Cancel);
    }

    /// Both are hung up on.
    pub(super) fn hang_up(&mut self) -> Outcome {
        self.source.close();
        self.destination.close();
        Outcome::Failed(Failure {
            side: Side::Destination,
            stage: Stage::Command(Verb::Abor),
            cause: Cause::Cancelled,
            blame: Blame::Busy,
            touched: true,
        })
    }

    /// Both ends may have been done before the wish to give up reached them, or one had failed already:
    /// what nothing moves after is not a stall.
    pub(super) fn ran(&self, outcome: Outcome, moved: u64) -> Ran {
        let given_up = self.given_up.filter(|why| match (&outcome, why) {
            (Outcome::Moved { .. }, _) => false,
            (Outcome::Failed(_), GivenUp::Interrupted) => true,
            (Outcome::Failed(failure), GivenUp::Stalled | GivenUp::Silent(_)) => {
                failure.cause == Cause::Cancelled
            }
        });
        Ran { outcome, given_up, moved }
    }
}

/// The waits of a machine; `total` octets are to be moved.
pub(super) fn timeouts(context: &Context, total: Option<u64>) -> Timeouts {
    let reply = context.patience.reply;
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
const LAST_WORDS: Duration = Duration::from_millis(1100);
