//! The coordinator: two client sessions and one third-party transfer, as a user agent drives them.

use super::host::{PASSWORD, USER};
use super::scenario::Scenario;
use super::world::World;
use super::{Pair, SIDES};
use ftp_proto::client::{self, CommandId, Session};
use ftp_proto::command::Command;
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::reply::{Meaning, Reply};
use ftp_proto::third_party::{Attempt, Input, Outcome, Party, Side, Timeouts, Transfer};
use ftp_proto::timer::Moment;
use ftp_proto::wire::{PathName, Secret};
use std::collections::BTreeMap;
use std::time::Duration;

/// A person gives up then.
pub(super) const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// After this time nothing of a finished attempt may be left at a server.
const REST: Duration = Duration::from_secs(400);

/// The user agent.
pub(super) struct User {
    pub(super) ends: Pair<End>,
    pub(super) attempt: Option<Attempt>,
    pub(super) attempt_wake: Option<Moment>,
    phase: Phase,
    /// When the phase is over at the latest.
    alarm: Option<Moment>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) usable: Pair<bool>,
    pub(super) source_path: PathName,
    pub(super) destination_path: PathName,
    secret: [u8; 32],
}

pub(super) struct End {
    pub(super) session: Session,
    pub(super) wake: Option<Moment>,
    pub(super) party: Option<(ftp_proto::dialect::Dialect, ftp_proto::feature::Capabilities)>,
    pub(super) over: bool,
    pub(super) aborting: bool,
    /// Octets move here: how long that may take is this user's to say (the alarm of the phase), not
    /// the machines'.
    pub(super) moving: bool,
    /// A restart point was sent: the server keeps it until a transfer command uses it (E14).
    pub(super) restarts: bool,
    /// When STAT asks how far it is.
    pub(super) ask_at: Option<Moment>,
    pub(super) waiting: BTreeMap<CommandId, Purpose>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    Transfer,
    Status,
    Noop,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Login,
    Attempt,
    /// Are the sessions in step?
    Noop,
    Rest,
    LastNoop,
    Quit,
    Over,
}

impl User {
    pub(super) fn new(scenario: &Scenario, secret: [u8; 32]) -> Self {
        let Timeouts { reply, abort, .. } = timeouts(scenario.brisk);
        let config = client::Config {
            user: USER.to_vec(),
            password: Secret::new(PASSWORD),
            account: None,
            security: client::Security::Clear,
            reply_timeout: reply,
            abort_timeout: abort,
        };
        let name = |text: &str| PathName::from_user(text).expect("a name");
        Self {
            ends: Pair::of(|_| End {
                session: Session::new(config.clone(), Moment::START),
                wake: None,
                party: None,
                over: false,
                aborting: false,
                moving: false,
                restarts: false,
                ask_at: None,
                waiting: BTreeMap::new(),
            }),
            attempt: None,
            attempt_wake: None,
            phase: Phase::Login,
            alarm: None,
            outcomes: Vec::new(),
            usable: Pair { source: false, destination: false },
            source_path: name("/from"),
            destination_path: name("/to"),
            secret,
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        let sessions = SIDES.into_iter().filter_map(|side| self.ends.at(side).wake);
        let questions = SIDES.into_iter().filter_map(|side| self.ends.at(side).ask_at);
        sessions.chain(questions).chain(self.attempt_wake).chain(self.alarm).min()
    }

    /// The machines and clocks that are due.
    fn due(&self, now: Moment) -> Vec<Clock> {
        let is_due = |wake: Option<Moment>| wake.is_some_and(|at| at <= now);
        let sessions = SIDES.into_iter().filter(|side| is_due(self.ends.at(*side).wake)).map(Clock::Session);
        let attempt = is_due(self.attempt_wake).then_some(Clock::Attempt);
        let alarm = is_due(self.alarm).then_some(Clock::Alarm);
        let questions =
            SIDES.into_iter().filter(|side| is_due(self.ends.at(*side).ask_at)).map(Clock::Question);
        sessions.chain(questions).chain(attempt).chain(alarm).collect()
    }
}

#[derive(Clone, Copy)]
enum Clock {
    Session(Side),
    Question(Side),
    Attempt,
    Alarm,
}

impl World {
    pub(super) fn is_over(&self) -> bool {
        self.user.phase == Phase::Over && SIDES.into_iter().all(|side| self.hosts.at(side).is_gone())
    }

    pub(super) fn user_timeout(&mut self) {
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
            Some(Clock::Attempt) => {
                if let Some(attempt) = &mut self.user.attempt {
                    attempt.input(now, Input::Timeout);
                }
            }
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

    /// The user gives up.
    pub(super) fn cancel(&mut self) {
        let now = self.now;
        if let Some(attempt) = &mut self.user.attempt {
            attempt.input(now, Input::Cancel);
        }
    }

    /// Drains the coordinator's machines until none has anything to say.
    pub(super) fn settle(&mut self) {
        for _ in 0..1_000 {
            let mut busy = false;
            for side in SIDES {
                busy |= self.drain_session(side);
            }
            busy |= self.drain_attempt();
            if !busy && !self.advance() {
                return;
            }
        }
        self.violation("the coordinator is never drained".to_owned());
        self.user.phase = Phase::Over;
    }

    /// What happens next, once everything is quiet; false when nothing does.
    fn advance(&mut self) -> bool {
        let user = &self.user;
        let quiet = user.ends.both(|end| end.over || !end.waiting.values().any(|p| *p == Purpose::Noop));
        match user.phase {
            Phase::Login if user.ends.both(|end| end.over || end.party.is_some()) => {
                let ready = user.ends.both(|end| !end.over);
                self.user.usable = Pair::of(|side| !self.user.ends.at(side).over);
                if ready { self.begin_attempt() } else { self.noop(Phase::Noop) }
            }
            Phase::Noop if quiet && self.worth_another() => {
                self.heal();
                self.begin_attempt();
            }
            Phase::Noop if quiet => {
                self.user.phase = Phase::Rest;
                self.user.alarm = Some(self.now + REST);
            }
            Phase::LastNoop if quiet => {
                self.judge_leftovers();
                self.user.phase = Phase::Quit;
                let now = self.now;
                for side in SIDES {
                    let end = self.user.ends.at_mut(side);
                    if !end.over {
                        end.session.input(now, client::Input::Quit);
                    }
                }
            }
            Phase::Quit if user.ends.both(|end| end.over) => self.user.phase = Phase::Over,
            Phase::Login
            | Phase::Attempt
            | Phase::Noop
            | Phase::Rest
            | Phase::LastNoop
            | Phase::Quit
            | Phase::Over => return false,
        }
        true
    }

    /// Another file follows where both sessions are still usable and the first attempt has failed or
    /// more roles are due.
    fn worth_another(&self) -> bool {
        self.user.usable.both(|usable| *usable)
            && match self.user.outcomes.as_slice() {
                [Outcome::Failed(_)] => true,
                _ => !self.scenario.again.is_empty(),
            }
    }

    fn begin_attempt(&mut self) {
        let mut parties = Vec::new();
        for side in SIDES {
            let Some((dialect, capabilities)) = self.user.ends.at(side).party.clone() else { return };
            let standing = self.user.ends.at(side).session.standing();
            parties.push(Party { dialect, capabilities, address: self.address(side), standing });
        }
        let [source, destination] = parties.try_into().expect("two sides");
        let transfer = self.transfer();
        let timeouts = timeouts(self.scenario.brisk);
        self.user.attempt =
            Some(Attempt::direct(transfer, self.scenario.roles, source, destination, timeouts, self.now));
        self.user.phase = Phase::Attempt;
        self.user.alarm = Some(self.now + PATIENCE);
        for side in SIDES {
            self.hosts.at_mut(side).secret = None;
            self.say(side, format!("== attempt {}", self.user.outcomes.len() + 1));
        }
        self.arm();
    }

    fn transfer(&mut self) -> Transfer {
        let Scenario { store, restart, rendezvous, .. } = self.scenario;
        // Each attempt has its own secret.
        if let Some(octet) = self.user.secret.first_mut() {
            *octet = octet.wrapping_add(1);
        }
        Transfer {
            source_path: self.user.source_path.clone(),
            destination_path: self.user.destination_path.clone(),
            store,
            restart: restart.map(|offset| offset as u64),
            secret: rendezvous.then(|| RendezvousSecret::new(self.user.secret)),
        }
    }

    pub(super) fn attempt_over(&mut self, outcome: Outcome) {
        self.user.attempt = None;
        self.user.attempt_wake = None;
        let what = match &outcome {
            Outcome::Moved { .. } => "moved".to_owned(),
            Outcome::Failed(failure) => format!("failed: {failure:?}"),
        };
        for side in SIDES {
            self.say(side, format!("== {what}"));
        }
        self.judge_outcome(&outcome);
        self.user.outcomes.push(outcome);
        self.disarm();
        self.noop(Phase::Noop);
    }

    /// Asks both sessions whether they are in step.
    fn noop(&mut self, phase: Phase) {
        self.user.phase = phase;
        self.user.alarm = None;
        let now = self.now;
        for side in SIDES {
            let end = self.user.ends.at_mut(side);
            if !end.over {
                if std::mem::take(&mut end.restarts) {
                    end.session.send(now, Command::Rest(0), None);
                }
                let id = end.session.send(now, Command::Noop, None);
                end.waiting.insert(id, Purpose::Noop);
            }
        }
    }

    pub(super) fn noop_answered(&mut self, side: Side, reply: &Reply) {
        let means = |meaning: Meaning| reply.code == meaning.code(*self.scenario.dialect.at(side));
        let leaves = self.links.at(side).harmed && means(Meaning::Unavailable);
        *self.user.usable.at_mut(side) &= !leaves;
        if !means(Meaning::Okay) && !leaves {
            self.violation(format!("a session is out of step: NOOP was answered {}", reply.display()));
        }
    }
}

fn timeouts(brisk: bool) -> Timeouts {
    let s = Duration::from_secs;
    if brisk {
        Timeouts { reply: s(10), connect: s(20), preliminary: s(2), half_done: s(10), abort: s(5) }
    } else {
        Timeouts { reply: s(60), connect: s(90), preliminary: s(5), half_done: s(60), abort: s(20) }
    }
}
