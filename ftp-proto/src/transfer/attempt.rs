//! One attempt to transfer one file, on one of three paths.

use super::arrangements::KnownPostures;
use super::direct::Direct;
use super::ends::{Ends, Phase};
use super::judge::Answer;
use super::machine::{Input, Output};
use super::outcome::Repair;
use super::relayed::Relayed;
use super::request::{Side, Timeouts, Timer, Transfer};
use super::roles::{Party, RelayRoles, Roles};
use super::through::{FailedPosture, Through};
use crate::timer::Moment;

/// The machine of one attempt to transfer one file between two servers.
///
/// Both sessions must be logged in and idle when the attempt starts. After [`Output::Done`] each of them is
/// either closed or ready for the next command, and every further input is ignored.
#[derive(Debug)]
pub struct Attempt {
    ends: Ends,
    strategy: Strategy,
}

#[derive(Debug)]
enum Strategy {
    Direct(Direct),
    Relayed(Relayed),
    Through(Through),
}

impl Attempt {
    /// Starts an attempt on the direct path: one server listens, the other one connects to it.
    pub fn direct(
        transfer: Transfer,
        roles: Roles,
        source: Party,
        destination: Party,
        timeouts: Timeouts,
        now: Moment,
    ) -> Self {
        let mut ends = Ends::new(transfer, source, destination, timeouts);
        let strategy = Strategy::Direct(Direct::start(&mut ends, roles, now));
        Self { ends, strategy }
    }

    /// Starts an attempt through a relay, which joins a data connection of each server. Both control
    /// connections must come from the relay.
    pub fn relayed(
        transfer: Transfer,
        roles: RelayRoles,
        source: Party,
        destination: Party,
        timeouts: Timeouts,
        now: Moment,
    ) -> Self {
        let mut ends = Ends::new(transfer, source, destination, timeouts);
        let strategy = Strategy::Relayed(Relayed::start(&mut ends, roles, now));
        Self { ends, strategy }
    }

    /// Starts an attempt through the user agent: it has a data connection with each server and copies. `known`
    /// is what earlier attempts have learnt of the source and of the destination ([`Self::known_postures`]).
    ///
    /// [`Transfer::secret`] is not used, because each server talks to the host of its own user.
    pub fn through(
        transfer: Transfer,
        source: Party,
        destination: Party,
        known: [KnownPostures; 2],
        timeouts: Timeouts,
        now: Moment,
    ) -> Self {
        let mut ends = Ends::new(transfer, source, destination, timeouts);
        let strategy = Strategy::Through(Through::start(&mut ends, known, now));
        Self { ends, strategy }
    }

    /// Takes something that has happened. An input that means nothing on the path of this attempt, or that
    /// comes too late, is ignored.
    pub fn input(&mut self, now: Moment, input: Input) {
        let ends = &mut self.ends;
        match (input, &mut self.strategy) {
            (Input::Reply { side, reply, class }, _) => self.reply(now, side, Answer { reply, class }),
            (Input::Aborted(side), _) => ends.aborted(side),
            (Input::Ended(side, failure), _) => ends.ended(now, side, failure),
            (Input::Cancel, _) => ends.cancel(now),
            (Input::Timeout, _) => {
                while let Some((of, timer)) = self.ends.due(now) {
                    self.due(now, of, timer);
                }
            }
            (Input::Unasked { side, reply }, Strategy::Direct(direct)) => {
                direct.unasked(ends, now, side, reply);
            }
            (Input::Connected(side), Strategy::Through(through)) => through.connected(ends, now, side),
            (Input::Listening(side, at), Strategy::Through(through)) => {
                through.listening(ends, now, side, at)
            }
            (Input::Arrived(side, from), Strategy::Through(through)) => {
                through.arrived(ends, now, side, from)
            }
            (Input::Copied, Strategy::Through(through)) => through.copied(ends, now),
            (Input::DataFailed(side, why), Strategy::Through(through)) => {
                through.data_failed(ends, now, side, why);
            }
            (Input::DataFailed(side, why), Strategy::Relayed(relayed)) => {
                relayed.data_failed(ends, now, side, why);
            }
            (Input::RelayReady { source, destination }, Strategy::Relayed(relayed)) => {
                relayed.ready(ends, now, source, destination);
            }
            (Input::RelayFlowing, Strategy::Relayed(relayed)) => relayed.flowing(ends, now),
            (Input::RelayPassed, Strategy::Relayed(relayed)) => relayed.passed(ends, now),
            (Input::RelayRefused(why), Strategy::Relayed(relayed)) => relayed.refused(ends, now, why),
            (Input::RelayLost(why), Strategy::Relayed(relayed)) => relayed.lost(ends, now, why),
            // These mean nothing on the path of this attempt.
            (
                Input::Moving
                | Input::Unasked { .. }
                | Input::Connected(_)
                | Input::Listening(..)
                | Input::Arrived(..)
                | Input::Copied
                | Input::DataFailed(..)
                | Input::RelayReady { .. }
                | Input::RelayFlowing
                | Input::RelayPassed
                | Input::RelayRefused(_)
                | Input::RelayLost(_),
                _,
            ) => {}
        }
    }

    /// The next thing to do. Call it until it returns [`Output::Wait`].
    pub fn poll(&mut self) -> Output {
        self.ends.poll()
    }

    /// The addresses that an end announced and that were replaced by its own address, in the order in which
    /// they came.
    pub fn repairs(&self) -> &[Repair] {
        &self.ends.repairs
    }

    /// What is known of the data connections between that end and the user agent, for the next attempt.
    pub fn known_postures(&self, side: Side) -> KnownPostures {
        match &self.strategy {
            Strategy::Through(through) => through.known_postures(side),
            Strategy::Direct(_) | Strategy::Relayed(_) => KnownPostures::default(),
        }
    }

    /// Why ends have turned to the other posture for their data connection with the user agent.
    pub fn failed_postures(&self) -> &[FailedPosture] {
        match &self.strategy {
            Strategy::Through(through) => through.failed_postures(),
            Strategy::Direct(_) | Strategy::Relayed(_) => &[],
        }
    }

    fn reply(&mut self, now: Moment, side: Side, answer: Answer) {
        let ends = &mut self.ends;
        match (&ends.phase, &mut self.strategy) {
            (Phase::Setup, Strategy::Direct(direct)) => direct.setup_reply(ends, now, side, answer),
            (Phase::Setup, Strategy::Relayed(relayed)) => relayed.setup_reply(ends, now, side, answer),
            (Phase::Running, Strategy::Direct(direct)) => direct.running_reply(ends, now, side, answer),
            (Phase::Running, Strategy::Relayed(relayed)) => relayed.running_reply(ends, now, side, answer),
            (Phase::Setup | Phase::Running, Strategy::Through(through)) => {
                through.reply(ends, now, side, answer);
            }
            (Phase::Rescue(_), _) => ends.rescue_reply(side, answer),
            (Phase::Over, _) => {}
        }
    }

    fn due(&mut self, now: Moment, of: Option<Side>, timer: Timer) {
        let ends = &mut self.ends;
        match &mut self.strategy {
            Strategy::Direct(direct) => direct.due(ends, now, timer),
            Strategy::Relayed(relayed) => relayed.due(ends, now, timer),
            Strategy::Through(through) => through.due(ends, now, of, timer),
        }
    }
}
