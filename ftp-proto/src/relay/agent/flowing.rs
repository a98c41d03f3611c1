//! What flows between the two connections of a tunnel or join: whether it is idle or stalled, and
//! whether its time is over.

use super::grant::Use;
use super::interface::Timer;
use super::outbox::Outbox;
use super::{Answer, Ask, ConnId, Event, Flow, JoinEnd, Opening, Ticket};
use crate::relay::message::{End, FromAgent, Id};
use crate::timer::{Moment, Timers};
use std::time::Duration;

/// How long a tunnel or join may be silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Nothing moves, and no bytes wait for a receiver.
    pub(super) idle: Duration,
    /// The same after one end was closed.
    pub(super) half_idle: Duration,
    /// Bytes wait for a receiver that does not take them.
    pub(super) stall: Duration,
}

/// Two connections whose bytes the driver passes on.
#[derive(Debug)]
pub(super) struct Flowing {
    id: Id,
    /// The ticket of [`Ask::Join`].
    join: Ticket,
    /// The ticket of [`Ask::Progress`], while it is not answered.
    question: Option<Ticket>,
    /// The user agent waits for a `Stat`.
    stat: bool,
    patience: Patience,
    last: Flow,
    /// When bytes moved last.
    moved: Moment,
    half: bool,
    /// Why it is being stopped, if it is.
    stopped: Option<End>,
    timers: Timers<Timer>,
}

impl Flowing {
    pub(super) fn begin(
        granted: Use,
        [a, b]: [ConnId; 2],
        opening: Opening,
        patience: Patience,
        out: &mut Outbox,
    ) -> Self {
        let Use { id, max_bytes: limit, expires, .. } = granted;
        let join = out.ticket(id);
        out.ask(Ask::Join { ticket: join, a, b, limit, opening, stall: patience.stall });
        let mut timers = Timers::new();
        timers.arm(Timer::Grant, expires);
        let mut flowing = Self {
            id,
            join,
            question: None,
            stat: false,
            patience,
            last: Flow::default(),
            moved: out.now,
            half: false,
            stopped: None,
            timers,
        };
        flowing.look_again(out.now);
        flowing
    }

    pub(super) const fn timers(&self) -> &Timers<Timer> {
        &self.timers
    }

    /// The server has to greet before `due`.
    pub(super) fn expect_greeting(&mut self, due: Moment) {
        self.timers.arm(Timer::Greeting, due);
    }

    /// Takes note that the server has greeted.
    pub(super) fn greeted(&mut self) {
        self.timers.disarm(Timer::Greeting);
    }

    /// Takes note that one end was closed in order.
    pub(super) fn half_eof(&mut self, now: Moment) {
        self.half = true;
        self.moved = now;
    }

    /// Asks for the progress, for the user agent.
    pub(super) fn stat(&mut self, out: &mut Outbox) {
        self.stat = true;
        self.look(out);
    }

    /// Resets both connections. The end comes with the driver's answer.
    pub(super) fn stop(&mut self, why: End, out: &mut Outbox) {
        if self.stopped.is_none() {
            self.stopped = Some(why);
            self.timers.clear();
            out.ask(Ask::Stop(self.join));
        }
    }

    pub(super) fn timeout(&mut self, out: &mut Outbox) {
        while let Some(timer) = self.timers.fire(out.now) {
            if timer == Timer::Grant {
                self.stop(End::LimitTime, out);
            } else if timer == Timer::Greeting {
                out.event(Event::TimedOut(timer));
                self.stop(End::NoGreeting, out);
            } else {
                self.look(out);
                self.look_again(out.now);
            }
        }
    }

    /// Takes an answer, and returns whether it has ended.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer, out: &mut Outbox) -> bool {
        let is_progress = Some(ticket) == self.question;
        if let Answer::Ended { a_to_b, b_to_a, how } = answer
            && ticket == self.join
        {
            self.ended([a_to_b, b_to_a], how, out);
            return true;
        } else if let Answer::Progress(flow) = answer
            && is_progress
        {
            self.question = None;
            out.forget(ticket);
            self.progress(flow, out);
        } else if let Answer::Failed(..) = answer
            && is_progress
        {
            self.question = None;
            out.forget(ticket);
        } else {
            out.unwanted(&answer);
        }
        false
    }

    fn ended(&mut self, [a_to_b, b_to_a]: [u64; 2], how: JoinEnd, out: &mut Outbox) {
        let how = match how {
            JoinEnd::Whole => End::Eof,
            JoinEnd::Leg(leg) => End::Reset(leg),
            JoinEnd::Limit => End::LimitBytes,
            JoinEnd::Stopped => End::Shutdown,
            JoinEnd::NoGreeting => End::NoGreeting,
        };
        let how = self.stopped.filter(|_| how != End::Eof).unwrap_or(how);
        out.forget(self.join);
        if let Some(question) = self.question.take() {
            out.forget(question);
        }
        out.ended(self.id, [a_to_b, b_to_a], how);
    }

    fn progress(&mut self, flow: Flow, out: &mut Outbox) {
        if std::mem::take(&mut self.stat) {
            out.send(FromAgent::Stat { join: self.id, a_to_b: flow.given_b, b_to_a: flow.given_a });
        }
        if flow != self.last {
            self.last = flow;
            self.moved = out.now;
            return;
        }
        let quiet = out.now.since(self.moved);
        let (limit, end) = match (flow.is_held(), self.half) {
            (true, _) => (self.patience.stall, End::Stalled),
            (false, true) => (self.patience.half_idle, End::Idle),
            (false, false) => (self.patience.idle, End::Idle),
        };
        if quiet >= limit {
            out.event(Event::TimedOut(if end == End::Idle { Timer::Idle } else { Timer::Stall }));
            self.stop(end, out);
        }
    }

    fn look(&mut self, out: &mut Outbox) {
        if self.question.is_none() && self.stopped.is_none() {
            let ticket = out.ticket(self.id);
            self.question = Some(ticket);
            out.ask(Ask::Progress { ticket, of: self.join });
        }
    }

    /// Looks again soon enough that no wait is more than a quarter too long.
    fn look_again(&mut self, now: Moment) {
        if self.stopped.is_none() {
            let shortest = self.patience.idle.min(self.patience.half_idle).min(self.patience.stall);
            self.timers.arm(Timer::Progress, now + (shortest / 4).max(OFTEN));
        }
    }
}

const OFTEN: Duration = Duration::from_millis(100);
