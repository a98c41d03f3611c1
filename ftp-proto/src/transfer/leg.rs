//! The data connection of one end with the user agent, from the first command to the connection.

use super::arrangements::{ActiveCommand, Arrangement, Arrangements};
use super::end::End;
use super::ends::Ends;
use super::machine::Output;
use super::outcome::Cause;
use super::posture::Posture;
use super::request::Side;
use super::script::{self, Step};
use super::timer::Timer;
use crate::command::{Command, Direction};
use crate::timer::Moment;
use std::net::SocketAddr;

/// A posture in which the data connection of an end did not come about, although another one was left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedPosture {
    /// The end whose data connection it was.
    pub side: Side,
    /// What it did when its data connection failed.
    pub posture: Posture,
    /// Why the connection did not come about.
    pub cause: Cause,
}

/// How far a data connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DataState {
    /// The end has not been asked to listen, or has not replied.
    Not,
    /// The end listens, and the user agent connects.
    Connecting,
    /// The user agent was asked to listen; it listens here.
    Listening(Option<SocketAddr>),
    /// The end knows where the user agent listens. It connects when it gets its transfer command.
    Expected,
    /// The connection is open. If the end has connected, this is the port from which it did.
    Open { from: Option<u16> },
}

/// The data connection of one end.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) arrangements: Arrangements,
    pub(super) state: DataState,
}

impl Leg {
    pub(super) const fn new(arrangements: Arrangements) -> Self {
        Self { arrangements, state: DataState::Not }
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, DataState::Open { .. })
    }

    /// Whether the end may get its transfer command.
    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.state, DataState::Open { .. } | DataState::Expected)
    }

    /// Begins with the current arrangement: adds its steps to those of the end, and asks the user agent to listen if the end is
    /// to connect.
    pub(super) fn begin(&mut self, ends: &mut Ends, now: Moment, side: Side) {
        let restarts = script::restarts(&ends.transfer, side);
        let by = now + ends.timeouts.connect;
        let end = ends.end_mut(side);
        end.steps.retain(|step| *step != Step::Rest);
        self.state = match self.arrangements.current() {
            Some(Arrangement::Active(target)) => {
                if target == ActiveCommand::Sock && script::takes_sock_for_filter(&end.party, end.listening) {
                    end.steps.push_back(Step::Activate);
                }
                end.steps.push_back(Step::Connect);
                end.timers.arm(Timer::Connect, by);
                ends.out.push_back(Output::Listen(side));
                DataState::Listening(None)
            }
            Some(Arrangement::Passive(_)) | None => {
                if script::needs_pret(&end.party) {
                    end.steps.push_back(Step::Announce);
                }
                end.steps.push_back(Step::Listen);
                DataState::Not
            }
        };
        if restarts {
            ends.end_mut(side).steps.push_back(Step::Rest); // directly before the transfer command
        }
    }

    /// Takes the next step of the end, if everything that it needs is known.
    pub(super) fn next_step(&self, end: &mut End) -> Option<Step> {
        let waits = end.steps.front() == Some(&Step::Connect) && self.state == DataState::Listening(None);
        if end.asked.is_some() || waits { None } else { end.steps.pop_front() }
    }

    /// The command with which the end listens, or is told where to connect.
    pub(super) fn command(&self, side: Side) -> Option<Command> {
        let here = match self.state {
            DataState::Listening(at) => at,
            DataState::Not | DataState::Connecting | DataState::Expected | DataState::Open { .. } => None,
        };
        let direction = match side {
            Side::Source => Direction::Send,
            Side::Destination => Direction::Receive,
        };
        self.arrangements.current()?.command(direction, here)
    }
}
