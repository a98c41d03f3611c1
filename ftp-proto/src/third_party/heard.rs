//! What a reply, the end of a session or a timer does to an end. What follows for the attempt is for
//! the machines around both.

use super::ends::{Ends, Phase};
use super::judge::{self, Verdict};
use super::leg::{Asked, Leg, Run, Task};
use super::script::{self, Step};
use super::{Cause, Heard, Side};
use crate::client::Failure;
use crate::reply::{Blame, Class, Reply};
use crate::timer::{Moment, Timer};

/// A reply of the set-up.
#[derive(Debug)]
pub(super) struct Judged {
    /// The step it answers.
    pub(super) step: Step,
    /// The command, for people.
    pub(super) during: &'static str,
    pub(super) verdict: Verdict,
}

/// A reply to a transfer command.
#[derive(Debug)]
pub(super) enum News {
    /// It tells nothing.
    None,
    /// The end has begun, or is complete.
    Good,
    /// It has failed.
    Bad(&'static str, Cause, Blame),
}

impl Ends {
    /// A reply of the set-up. `None`: the final one is still to come.
    pub(super) fn setup_heard(&mut self, side: Side, heard: Heard) -> Option<Judged> {
        let asked = self.leg(side).asked?;
        let Task::Setup(step) = asked.task else { return None };
        // PRET is refused as the transfer would be.
        let verb = if step == Step::Announce { script::transfer(&self.job, side).verb() } else { asked.verb };
        let leg = self.leg_mut(side);
        let verdict = judge::setup(step, verb, &leg.party, heard);
        match &verdict {
            Verdict::Wait => return None,
            Verdict::Fine => leg.answered(),
            Verdict::ConnectsFrom(port) => {
                leg.answered();
                leg.socket = *port;
            }
            Verdict::WantsPret => leg.learn_pret(),
            Verdict::Listens(at, announced) => {
                leg.answered();
                leg.socket = Some(at.port());
                self.note_repair(side, *announced, *at);
            }
            Verdict::Bad(cause, _) => {
                leg.answered();
                let said_yes = matches!(cause, Cause::Unusable(..) | Cause::Policy(..));
                leg.listening &= step != Step::Listen || said_yes;
            }
        }
        Some(Judged { step, during: asked.name(), verdict })
    }

    /// A reply while the transfer commands run.
    pub(super) fn running_heard(&mut self, side: Side, heard: Heard) -> News {
        let leg = self.leg_mut(side);
        let Some(asked) = leg.asked else { return News::None };
        match heard.class {
            Class::Aside => return leg.verify(asked, heard.reply),
            Class::Preliminary => {
                leg.started = true;
                leg.run = Run::Moving;
            }
            Class::Done | Class::More | Class::Later | Class::Refused => {
                leg.answered();
                let cause = Cause::Refused(heard.reply.clone());
                if let Some(blame) = leg.end_of_run(asked.verb, heard) {
                    return News::Bad(asked.name(), cause, blame);
                }
            }
        }
        if let (Run::Not, Run::Complete(reply)) = (&self.source.run, &self.destination.run) {
            let cause = Cause::Unusable(reply.clone(), "it was complete before anything was sent");
            return News::Bad(asked.name(), cause, Blame::Path);
        }
        News::Good
    }

    /// That side's session is over.
    pub(super) fn ended(&mut self, now: Moment, side: Side, failure: Failure) {
        let leg = self.leg_mut(side);
        let during = leg.asked.map_or("transfer", |asked| asked.name());
        leg.close();
        leg.listening = false;
        let complete = leg.complete().is_some();
        if leg.runs() {
            leg.run = Run::Lost;
        }
        match self.phase {
            Phase::Running if complete => {} // it has done its part
            Phase::Setup | Phase::Running => {
                let blame = judge::end_blame(&failure);
                self.fail(now, side, during, Cause::Ended(failure), blame);
            }
            Phase::Rescue(_) => self.finish_rescue(),
            Phase::Over => {}
        }
    }

    /// The caller gives up.
    pub(super) fn cancel(&mut self, now: Moment) {
        match self.phase {
            Phase::Setup | Phase::Running => {
                self.fail(now, Side::Source, "transfer", Cause::Cancelled, Blame::Busy);
            }
            Phase::Rescue(_) | Phase::Over => {} // the first failure tells more
        }
    }

    /// A timer that is due and that the machine has armed: of one end, or of the attempt. A reply
    /// that an end owes is followed here.
    pub(super) fn due(&mut self, now: Moment) -> Option<(Option<Side>, Timer)> {
        for side in [Side::Source, Side::Destination] {
            while let Some(timer) = self.leg_mut(side).timers.fire(now) {
                if timer == Timer::AbortDrain {
                    self.deaf(side);
                } else if timer == Timer::Reply {
                    self.silent(now, side);
                } else {
                    return Some((Some(side), timer));
                }
            }
        }
        self.timers.fire(now).map(|timer| (None, timer))
    }

    /// It owes a reply of the set-up: that is counted by the abort, or the session is closed.
    fn silent(&mut self, now: Moment, side: Side) {
        let during = self.leg(side).asked.map_or("set-up", |asked| asked.name());
        self.stop(now, side);
        if matches!(self.phase, Phase::Setup) {
            self.fail(now, side, during, Cause::Silent(Timer::Reply), Blame::Busy);
        }
    }
}

impl Leg {
    /// H37, socket verification: a 255 that comes by itself names the data socket once more (H04:
    /// after a SOCK that was answered with 200, for the first time). The other end was told of one
    /// socket only.
    fn verify(&mut self, asked: Asked, reply: Reply) -> News {
        let Some(said) = judge::number(&self.party, &reply) else { return News::None };
        if *self.socket.get_or_insert(said) == said {
            return News::None;
        }
        let why = "socket verification: it has announced another data socket before";
        News::Bad(asked.name(), Cause::Unusable(reply, why), Blame::Path)
    }
}
