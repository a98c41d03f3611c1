//! What a reply, the end of a session or a timer does to an end. What follows for the attempt is decided by
//! the strategies.

use super::end::{Asked, End, Run, Task};
use super::ends::{Ends, Phase};
use super::judge::{self, Answer, Verdict};
use super::outcome::{Cause, Unusable};
use super::request::Side;
use super::script::{self, Step};
use super::stage::Stage;
use super::timer::Timer;
use crate::client;
use crate::reply::{Blame, Class, Reply};
use crate::timer::Moment;

/// A reply to a command before the transfer commands.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) step: Step,
    pub(super) stage: Stage,
    pub(super) verdict: Verdict,
}

/// A reply to a transfer command.
#[derive(Debug)]
pub(super) enum Progress {
    /// It changes nothing.
    None,
    /// The end has begun, or it is complete.
    Good,
    /// The end has failed.
    Bad(Stage, Cause, Blame),
}

impl Ends {
    /// Takes a reply to a command before the transfer commands. Returns `None` if the final one is still to
    /// come.
    pub(super) fn setup_reply(&mut self, side: Side, answer: Answer) -> Option<Judged> {
        let asked = self.end(side).asked?;
        let Task::Setup(step) = asked.task else { return None };
        // A refusal of PRET is one of the transfer command.
        let announces = step == Step::Announce;
        let verb = if announces { script::transfer_command(&self.transfer, side).verb() } else { asked.verb };
        let end = self.end_mut(side);
        let verdict = judge::setup(step, verb, &end.party, answer);
        match &verdict {
            Verdict::Wait => return None,
            Verdict::Fine => end.answered(),
            Verdict::ConnectsFrom(port) => {
                end.answered();
                end.data_port = *port;
            }
            Verdict::WantsPret => end.learn_pret(),
            Verdict::Listens(at, announced) => {
                end.answered();
                end.data_port = Some(at.port());
                self.note_repair(side, *announced, *at);
            }
            Verdict::Bad(cause, _) => {
                end.answered();
                let accepted = matches!(cause, Cause::Unusable(..) | Cause::Policy(..));
                end.listening &= step != Step::Listen || accepted;
            }
        }
        Some(Judged { step, stage: asked.stage(), verdict })
    }

    /// Takes a reply while the transfer commands run.
    pub(super) fn running_reply(&mut self, side: Side, answer: Answer) -> Progress {
        let end = self.end_mut(side);
        let Some(asked) = end.asked else { return Progress::None };
        match answer.class {
            Class::Aside => return end.verify_port(asked, answer.reply),
            Class::Preliminary => {
                end.started = true;
                end.run = Run::Moving;
            }
            Class::Done | Class::More | Class::Later | Class::Refused => {
                end.answered();
                let cause = Cause::Refused(answer.reply.clone());
                if let Some(blame) = end.end_of_run(asked.verb, answer) {
                    return Progress::Bad(asked.stage(), cause, blame);
                }
            }
        }
        if let (Run::Not, Run::Complete(reply)) = (&self.source.run, &self.destination.run) {
            let cause = Cause::Unusable(reply.clone(), Unusable::TooEarly);
            return Progress::Bad(asked.stage(), cause, Blame::Path);
        }
        Progress::Good
    }

    /// The session of that side is over.
    pub(super) fn ended(&mut self, now: Moment, side: Side, failure: client::Failure) {
        let end = self.end_mut(side);
        let stage = end.asked.map_or(Stage::Attempt, Asked::stage);
        end.close();
        end.listening = false;
        let complete = end.complete().is_some();
        if end.is_running() {
            end.run = Run::Lost;
        }
        match self.phase {
            Phase::Running if complete => {} // it has done its part
            Phase::Setup | Phase::Running => {
                let blame = judge::end_blame(&failure);
                self.fail(now, side, stage, Cause::Ended(failure), blame);
            }
            Phase::Rescue(_) => self.finish_rescue(),
            Phase::Over => {}
        }
    }

    /// The caller gives up.
    pub(super) fn cancel(&mut self, now: Moment) {
        match self.phase {
            Phase::Setup | Phase::Running => {
                self.fail(now, Side::Source, Stage::Attempt, Cause::Cancelled, Blame::Busy);
            }
            Phase::Rescue(_) | Phase::Over => {} // the first failure explains more
        }
    }

    /// Fires a timer that is due: one of the attempt, or of the end in the result. Timers for a reply of one
    /// end are handled here and not returned.
    pub(super) fn due(&mut self, now: Moment) -> Option<(Option<Side>, Timer)> {
        for side in Side::BOTH {
            while let Some(timer) = self.end_mut(side).timers.fire(now) {
                match timer {
                    Timer::Abort => self.abandon(side),
                    Timer::Reply => self.silent(now, side),
                    Timer::Relay | Timer::Connect | Timer::Preliminary | Timer::HalfDone => {
                        return Some((Some(side), timer));
                    }
                }
            }
        }
        self.timers.fire(now).map(|timer| (None, timer))
    }

    /// The end owes a reply to a command before the transfer commands. The abort accounts for that reply, or the
    /// session is closed.
    fn silent(&mut self, now: Moment, side: Side) {
        let stage = self.end(side).asked.map_or(Stage::Attempt, Asked::stage);
        self.abort(now, side);
        if matches!(self.phase, Phase::Setup | Phase::Running) {
            self.fail(now, side, stage, Cause::Silent(Timer::Reply), Blame::Busy);
        }
    }
}

impl End {
    /// Takes a 255 that comes without being asked for (H37). It repeats the data port, or announces it for the
    /// first time after a SOCK that was answered with 200 (H04). The other end was told one port only.
    fn verify_port(&mut self, asked: Asked, reply: Reply) -> Progress {
        let Some(announced) = judge::announced_port(&self.party, &reply) else { return Progress::None };
        if *self.data_port.get_or_insert(announced) == announced {
            return Progress::None;
        }
        Progress::Bad(asked.stage(), Cause::Unusable(reply, Unusable::OtherPort), Blame::Path)
    }
}
