//! One end of an attempt: what it was asked, what it answered, and what it still owes.

use super::judge::{ClassifiedReply, is_decisive, transfer_blame};
use super::outcome::Stage;
use super::request::{Party, Timer};
use super::script::Step;
use crate::command::{Direction, Verb};
use crate::dialect::Dialect;
use crate::reply::{Blame, Meaning, Reply};
use crate::timer::{Moment, Timers};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// What a command is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    Setup(Step),
    Transfer,
}

/// The command that awaits its final reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PendingCommand {
    pub(super) task: Task,
    pub(super) verb: Verb,
}

impl PendingCommand {
    /// The stage of a failure of this command.
    pub(super) const fn stage(self) -> Stage {
        Stage::Command(self.verb)
    }

    /// Whether it is a setting, whose reply tells nothing. What ACTV ends need not be there.
    const fn is_setting(&self) -> bool {
        matches!(
            self.task,
            Task::Setup(Step::Type | Step::Digest | Step::Activate | Step::Sscn | Step::Pinc | Step::Rndz)
        )
    }

    /// Whether it tells whom to connect to, or whom to accept.
    const fn names_peer(&self) -> bool {
        matches!(self.task, Task::Setup(Step::Connect | Step::Filter))
    }
}

/// The state of the transfer command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Run {
    /// It has not been sent.
    Not,
    /// It has been sent.
    Sent,
    /// Its preliminary reply has come.
    Moving,
    /// Its final reply says that the transfer is complete.
    Complete(Reply),
    /// It was refused because of the file, before anything was touched.
    Refused,
    /// It failed in any other way.
    Failed,
    /// The session ended before the final reply.
    Lost,
}

/// The state of the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Session {
    /// Each command has its reply, or a timer for it.
    InStep,
    /// ABOR was sent, its replies are awaited.
    Aborting,
    /// It is over.
    Closed,
}

/// One end of the attempt.
#[derive(Debug)]
pub(super) struct End {
    pub(super) party: Party,
    /// The steps before the transfer command that are still to be sent.
    pub(super) steps: VecDeque<Step>,
    pub(super) asked: Option<PendingCommand>,
    /// Commands that were sent after it, without waiting for its reply.
    behind: VecDeque<PendingCommand>,
    pub(super) run: Run,
    /// It listens, or was asked to, and no transfer command has used that port.
    pub(super) listening: bool,
    /// The data port that its 255 announced.
    pub(super) data_port: Option<u16>,
    /// The preliminary reply of its transfer command has come.
    pub(super) started: bool,
    /// Its transfer has failed and may wait for another data connection all the same. pyftpdlib goes on listening when it
    /// has refused the peer (425 after 150).
    pub(super) may_still_listen: bool,
    /// An earlier transfer command of this attempt may have touched its file.
    touched: bool,
    pub(super) session: Session,
    pub(super) timers: Timers<Timer>,
}

impl End {
    /// An end that is logged in and idle. Its steps are still to be set.
    pub(super) const fn new(party: Party) -> Self {
        Self {
            party,
            steps: VecDeque::new(),
            asked: None,
            behind: VecDeque::new(),
            run: Run::Not,
            listening: false,
            data_port: None,
            started: false,
            may_still_listen: false,
            touched: false,
            session: Session::InStep,
            timers: Timers::new(),
        }
    }

    /// Notes that a command was sent. Transfer commands have no timer of their own: their waits depend on both
    /// ends.
    pub(super) fn ask(&mut self, task: Task, verb: Verb, now: Moment, timeout: Duration) {
        let asked = PendingCommand { task, verb };
        if self.asked.is_none() {
            self.asked = Some(asked);
        } else {
            self.behind.push_back(asked);
        }
        match task {
            Task::Setup(step) => {
                self.listening |= step == Step::Listen;
                self.timers.arm(Timer::Reply, now + timeout);
            }
            Task::Transfer => {
                self.listening = false;
                self.run = Run::Sent;
            }
        }
    }

    /// Uses the listener that it has, if one for that direction was opened a moment ago, and its secret is that of this attempt.
    /// Who connects may come before the settings that are still to be sent: none of them may say whom to believe. Returns where
    /// it listens.
    pub(super) fn use_listener(&mut self, direction: Direction, now: Moment) -> Option<SocketAddr> {
        let is_done = |step: &Step| matches!(step, Step::Rndz | Step::Listen);
        let may_be_late = |step: &Step| matches!(step, Step::Type | Step::Digest | Step::Filter | Step::Rest);
        let suits = self.steps.iter().all(|step| is_done(step) || may_be_late(step));
        let at = self.party.listens_at(direction, now).filter(|_| suits)?;
        (self.listening, self.data_port) = (true, Some(at.port()));
        self.steps.retain(|step| !is_done(step));
        Some(at)
    }

    /// Notes that the final reply came.
    pub(super) fn answered(&mut self) {
        self.asked = self.behind.pop_front();
        if self.asked.is_none_or(|asked| asked.task == Task::Transfer) {
            self.timers.disarm(Timer::Reply);
        }
    }

    /// Whether the next command may be sent now: nothing is asked, or the server takes commands ahead and everything
    /// that is asked is a setting, whose reply tells nothing.
    pub(super) fn takes_next(&self) -> bool {
        let takes_ahead = self.party.capabilities.takes_ahead;
        takes_ahead && self.asked.iter().chain(&self.behind).all(PendingCommand::is_setting)
            || self.asked.is_none()
    }

    /// Whether the transfer command may be sent now, if both ends prove themselves: nothing is asked, or the server takes
    /// commands ahead and is asked only for settings, whom to connect to, and whom to accept. If it refuses whom, the transfer
    /// command is harmless: the secret is in force, so that nothing moves before the right peer has proven itself. A server of
    /// ours that knows RNDZ refuses no secret, and every refused setting but the digest fails the attempt.
    pub(super) fn takes_transfer(&self) -> bool {
        let may_be_due = |asked: &PendingCommand| asked.is_setting() || asked.names_peer();
        let are_harmless = || self.asked.iter().chain(&self.behind).all(may_be_due);
        self.is_prepared() || self.steps.is_empty() && self.party.capabilities.takes_ahead && are_harmless()
    }

    /// Notes that the server requires PRET: PRET and the listening command are sent, the latter once more.
    pub(super) fn learn_pret(&mut self) {
        self.answered();
        self.listening = false;
        self.party.capabilities.pret = true;
        self.steps.push_front(Step::Listen);
        self.steps.push_front(Step::Announce);
    }

    /// Notes the final reply of the transfer command. Returns the blame if it is a failure.
    pub(super) fn end_of_run(&mut self, verb: Verb, answer: ClassifiedReply) -> Option<Blame> {
        let Some(blame) = transfer_blame(verb, &self.party, &answer) else {
            self.run = Run::Complete(answer.reply);
            return None;
        };
        let untouched = !self.started && (is_decisive(blame) || blame == Blame::Unsupported);
        self.run = if untouched { Run::Refused } else { Run::Failed };
        let cannot_connect = answer.reply.code == Meaning::CannotConnect.code(Dialect::Rfc959);
        self.may_still_listen = self.started && self.party.capabilities.loses_early && cannot_connect;
        Some(blame)
    }

    /// Notes that the transfer command, which has failed, will be sent again.
    pub(super) fn run_again(&mut self) {
        self.touched |= self.started;
        self.started = false;
        self.run = Run::Not;
    }

    /// Whether all steps before the transfer command are done.
    pub(super) fn is_prepared(&self) -> bool {
        self.steps.is_empty() && self.asked.is_none()
    }

    /// Whether the transfer command has got any reply.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.run, Run::Not | Run::Sent)
    }

    /// Whether the transfer command was sent and has no final reply.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.run, Run::Sent | Run::Moving)
    }

    /// The final reply, if it says that the transfer is complete.
    pub(super) const fn complete(&self) -> Option<&Reply> {
        if let Run::Complete(reply) = &self.run { Some(reply) } else { None }
    }

    /// Notes that the abort is complete. Returns whether one was under way.
    pub(super) fn aborted(&mut self) -> bool {
        let aborting = self.session == Session::Aborting;
        if aborting {
            self.session = Session::InStep;
            self.asked = None;
            self.behind.clear();
            self.timers.clear();
        }
        aborting
    }

    /// Notes that the session is over.
    pub(super) fn close(&mut self) {
        self.session = Session::Closed;
        self.asked = None;
        self.behind.clear();
        self.timers.clear();
    }

    /// Whether the end owes nothing any more.
    pub(super) fn is_settled(&self) -> bool {
        match self.session {
            Session::InStep => self.asked.is_none(),
            Session::Aborting => false,
            Session::Closed => true,
        }
    }

    /// Whether data may have reached the file of this end.
    ///
    /// Nobody knows what a server does between its transfer command and its first reply, except that with
    /// RNDZ it does nothing before the proof. Without a final reply, other replies may have been lost.
    pub(super) fn may_have_written(&self, proven: bool) -> bool {
        match self.run {
            _ if self.touched => true,
            Run::Not | Run::Refused => false,
            Run::Failed => self.started || !proven,
            Run::Sent | Run::Lost | Run::Moving | Run::Complete(_) => true,
        }
    }
}
