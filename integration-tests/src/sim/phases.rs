//! The phases of a run: login, attempts, and whether the sessions are still in step.

use super::Pair;
use super::SIDES;
use super::relay::Relay;
use super::scenario::{Path, Scenario};
use super::small_files::listed;
use super::user::{PATIENCE, Phase, Purpose, REST, timeouts};
use super::world::World;
use ftp_proto::client::{self, Standing};
use ftp_proto::command::Command;
use ftp_proto::digest::Algorithm;
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::reply::{Meaning, Reply};
use ftp_proto::transfer::batch::{Batch, BatchFile, BatchOpening, BatchTerms, Window};
use ftp_proto::transfer::{
    Attempt, DataTls, Input, KnownPostures, Listener, Machine, Outcome, Party, Side, Transfer,
};
use ftp_proto::wire::ByteRange;
use std::time::Duration;

/// How long both servers together may say nothing of groups.
const SILENCE: Duration = Duration::from_secs(60);

impl World {
    pub(super) fn is_over(&self) -> bool {
        self.user.phase == Phase::Over
            && SIDES.into_iter().all(|side| self.hosts.at(side).is_gone())
            && self.relay.as_ref().is_none_or(Relay::is_gone)
    }

    /// The user gives up.
    pub(super) fn cancel(&mut self) {
        self.tell_machine(Input::Cancel);
    }

    /// What happens next, once everything is quiet; false when nothing does.
    pub(super) fn advance(&mut self) -> bool {
        let user = &self.user;
        let quiet = user.ends.both(|end| end.over || !end.waiting.values().any(|p| *p == Purpose::Noop));
        match user.phase {
            Phase::Login if user.ends.both(|end| end.over || end.party.is_some()) => {
                let ready = user.ends.both(|end| !end.over);
                self.user.usable = Pair::of(|side| !self.user.ends.at(side).over);
                match (ready, self.scenario.groups().is_some()) {
                    (false, _) => self.noop(Phase::Noop),
                    (true, false) => self.begin_attempt(),
                    (true, true) => self.begin_groups(),
                }
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
                self.judge_the_middle();
                self.user.phase = Phase::Quit;
                let now = self.now;
                for side in SIDES {
                    let end = self.user.ends.at_mut(side);
                    if !end.over {
                        end.session.input(now, client::Input::Quit);
                    }
                }
            }
            Phase::Quit if user.ends.both(|end| end.over) => {
                self.user.phase = Phase::Over;
                self.leave_relay();
            }
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

    pub(super) fn attempt_over(&mut self, outcome: Outcome) {
        self.user.machine = None;
        self.user.machine_wake = None;
        self.drop_data();
        if let Some(relay) = &mut self.relay {
            relay.join = None;
        }
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

    pub(super) fn noop_answered(&mut self, side: Side, reply: &Reply) {
        let means = |meaning: Meaning| reply.code == meaning.code(*self.scenario.dialect.at(side));
        let leaves = self.links.at(side).harmed && means(Meaning::Unavailable);
        let stops = self.hosts.at(side).stopping;
        *self.user.usable.at_mut(side) &= !leaves && !stops;
        if !means(Meaning::Okay) && !leaves {
            self.violation(format!("a session is out of step: NOOP was answered {}", reply.display()));
        }
    }

    /// Asks both sessions whether they are in step.
    pub(super) fn noop(&mut self, phase: Phase) {
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

    /// Another file follows where both sessions are still usable and the first attempt has failed or
    /// more roles are due.
    fn worth_another(&self) -> bool {
        self.user.usable.both(|usable| *usable)
            && match self.user.outcomes.as_slice() {
                [Outcome::Failed(_)] => true,
                _ => !self.scenario.again.is_empty(),
            }
    }

    /// What the user agent knows of both servers.
    pub(super) fn parties(&self) -> Option<[Party; 2]> {
        let mut parties = Vec::new();
        for side in SIDES {
            let (dialect, capabilities) = self.user.ends.at(side).party.clone()?;
            // What is arranged for TLS is the scenario's, right or wrong: the attempt adds nothing to it.
            let standing = self.user.ends.at(side).session.standing();
            let standing = Standing { sscn: false, pin: None, ..standing };
            parties.push(Party {
                dialect,
                capabilities,
                address: self.address(side),
                standing,
                given: false,
                leaf: None,
            });
        }
        parties.try_into().ok()
    }

    /// Both sessions are ready: the files are copied.
    fn begin_groups(&mut self) {
        self.agree_on_tls();
        let (Some(groups), Some([source, destination])) = (self.scenario.groups().cloned(), self.parties())
        else {
            return;
        };
        let secret = self.next_secret();
        let opening = match self.scenario.path {
            Path::Relayed(postures) => BatchOpening::Relayed { postures, secret },
            Path::Direct | Path::Through => {
                BatchOpening::Direct { passive: self.scenario.roles.passive, secret }
            }
        };
        let (tls, algorithm) = (DataTls::Clear, Algorithm::Sha256);
        let window = Window::default();
        let terms = BatchTerms { opening, tls, algorithm, window, connect: SILENCE, silence: SILENCE };
        if !Batch::is_possible(&source, &destination, &terms) {
            self.violation("two servers of ours cannot copy groups".to_owned());
        }
        let files: Vec<BatchFile> =
            groups.files.iter().enumerate().map(|(number, file)| listed(number, *file, &groups)).collect();
        let batch = Batch::start(files, terms, (source, destination), self.now);
        self.user.machine = Some(Machine::Batch(Box::new(batch)));
        self.user.phase = Phase::Attempt;
        self.user.alarm = Some(self.now + PATIENCE);
        self.say_both(&format!("== {} files in groups, {:?}", groups.files.len(), self.scenario.path));
        self.arm();
    }

    fn begin_attempt(&mut self) {
        self.agree_on_tls();
        let Some([source, destination]) = self.parties() else { return };
        let transfer = self.transfer();
        let timeouts = timeouts(self.scenario.brisk);
        let (roles, now) = (self.scenario.roles, self.now);
        let attempt = match self.scenario.path {
            Path::Direct => Attempt::direct(transfer, roles, source, destination, timeouts, now),
            Path::Relayed(postures) => {
                Attempt::relayed(transfer, postures.into(), source, destination, timeouts, now)
            }
            Path::Through => {
                let listener = if self.may_listen() { Listener::Here } else { Listener::Nobody };
                let known = [KnownPostures { listener, closed: None }; 2];
                Attempt::through(transfer, source, destination, known, timeouts, now)
            }
        };
        self.user.machine = Some(Machine::Attempt(Box::new(attempt)));
        self.user.phase = Phase::Attempt;
        self.user.alarm = Some(self.now + PATIENCE);
        for side in SIDES {
            self.hosts.at_mut(side).secret = None;
            self.say(side, format!("== attempt {}, {:?}", self.user.outcomes.len() + 1, self.scenario.path));
        }
        self.arm();
    }

    /// The secret of the next attempt, which no other one has.
    pub(super) fn next_secret(&mut self) -> RendezvousSecret {
        if let Some(byte) = self.user.secret.first_mut() {
            *byte = byte.wrapping_add(1);
        }
        RendezvousSecret::new(self.user.secret)
    }

    fn transfer(&mut self) -> Transfer {
        let Scenario { store, restart, rendezvous, .. } = self.scenario;
        let secret = self.next_secret();
        Transfer {
            source_path: self.user.source_path.clone(),
            destination_path: self.user.destination_path.clone(),
            store,
            part: restart.map(|offset| ByteRange::from(offset as u64)),
            secret: rendezvous.then_some(secret),
            probes: self.scenario.probes,
            digest: None,
        }
    }
}
