//! One attempt to transfer one file, on one of three paths, and what all machines of transfers are told and ask for: those of
//! one file, of many files over one connection, and of many files in a pipeline. One driver serves all three.

use super::arrangements::KnownPostures;
use super::batch::{Batch, BatchEnd};
use super::direct::Direct;
use super::ends::{Ends, Phase};
use super::judge::ClassifiedReply;
use super::outcome::{Outcome, Repair};
use super::pipeline::Pipeline;
use super::relayed::Relayed;
use super::request::{Junction, Party, RelayRoles, Roles, Side, Timeouts, Timer, Transfer};
use super::through::{FailedPosture, Through};
use crate::client;
use crate::command::Command;
use crate::reply::{Class, Reply};
use crate::timer::Moment;
use std::net::SocketAddr;

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
        let mut ends = Ends::new(transfer, source, destination, timeouts, now);
        let strategy = Strategy::Direct(Direct::start(&mut ends, roles));
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
        let mut ends = Ends::new(transfer, source, destination, timeouts, now);
        let strategy = Strategy::Relayed(Relayed::start(&mut ends, roles));
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
        let mut ends = Ends::new(transfer, source, destination, timeouts, now);
        let strategy = Strategy::Through(Through::start(&mut ends, known));
        Self { ends, strategy }
    }

    /// Takes something that has happened. An input that means nothing on the path of this attempt, or that
    /// comes too late, is ignored.
    pub fn input(&mut self, now: Moment, input: Input) {
        let ends = &mut self.ends;
        ends.now = now;
        match (input, &mut self.strategy) {
            (Input::Reply { side, reply, class }, _) => self.reply(side, ClassifiedReply { reply, class }),
            (Input::Aborted(side), _) => ends.aborted(side),
            (Input::Ended(side, failure), strategy) => {
                ends.ended(side, failure);
                if let Strategy::Through(through) = strategy {
                    through.settle(ends);
                }
            }
            (Input::Cancel, _) => ends.cancel(),
            (Input::Moving, _) => ends.moves = true,
            (Input::Timeout, _) => {
                while let Some((of, timer)) = self.ends.due() {
                    self.due(of, timer);
                }
            }
            (Input::Unasked { side, reply }, Strategy::Direct(direct)) => {
                direct.unasked(ends, side, reply);
            }
            (Input::Connected(side), Strategy::Through(through)) => through.connected(ends, side),
            (Input::Listening(side, at), Strategy::Through(through)) => through.listening(ends, side, at),
            (Input::Arrived(side, from), Strategy::Through(through)) => through.arrived(ends, side, from),
            (Input::Copied { is_all }, Strategy::Through(through)) => through.copied(ends, is_all),
            (Input::Finished, Strategy::Through(through)) => through.finished(ends),
            (Input::DataFailed(side, why), Strategy::Through(through)) => {
                through.data_failed(ends, side, why);
            }
            (Input::DataFailed(side, why), Strategy::Relayed(relayed)) => {
                relayed.data_failed(ends, side, why);
            }
            (Input::RelayReady { source, destination }, Strategy::Relayed(relayed)) => {
                relayed.ready(ends, source, destination);
            }
            (Input::RelayFlowing, Strategy::Relayed(relayed)) => relayed.flowing(ends),
            (Input::RelayPassed, Strategy::Relayed(relayed)) => relayed.passed(ends),
            (Input::RelayRefused(why), Strategy::Relayed(relayed)) => relayed.refused(ends, why),
            (Input::RelayLost(why), Strategy::Relayed(relayed)) => relayed.lost(ends, why),
            // These mean nothing on the path of this attempt.
            (
                Input::Unasked { .. }
                | Input::Connected(_)
                | Input::Listening(..)
                | Input::Arrived(..)
                | Input::Copied { .. }
                | Input::Finished
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

    fn reply(&mut self, side: Side, answer: ClassifiedReply) {
        let ends = &mut self.ends;
        match (&ends.phase, &mut self.strategy) {
            (Phase::Setup, Strategy::Direct(direct)) => direct.setup_reply(ends, side, answer),
            (Phase::Setup, Strategy::Relayed(relayed)) => relayed.setup_reply(ends, side, answer),
            (Phase::Running, Strategy::Direct(direct)) => direct.running_reply(ends, side, answer),
            (Phase::Running, Strategy::Relayed(relayed)) => relayed.running_reply(ends, side, answer),
            (Phase::Setup | Phase::Running, Strategy::Through(through)) => {
                through.reply(ends, side, answer);
            }
            (Phase::Rescue(_), _) => ends.rescue_reply(side, answer),
            (Phase::Over, _) => {}
        }
    }

    fn due(&mut self, of: Option<Side>, timer: Timer) {
        let ends = &mut self.ends;
        match &mut self.strategy {
            Strategy::Direct(direct) => direct.due(ends, timer),
            Strategy::Relayed(relayed) => relayed.due(ends, timer),
            Strategy::Through(through) => through.due(ends, of, timer),
        }
    }
}

/// The machine of a transfer between two servers.
///
/// The driver owns both control sessions, and on the paths with a host in the middle the data connections or the relay
/// session. It calls [`poll`](Self::poll) until that returns [`Output::Wait`], performs each output, and passes what happens to
/// [`input`](Self::input).
#[derive(Debug)]
pub enum Machine {
    /// One file of a copy.
    Attempt(Box<Attempt>),
    /// Many files over one data connection.
    Batch(Box<Batch>),
    /// Many files, with a data connection each.
    Pipeline(Box<Pipeline>),
}

impl Machine {
    /// Takes something that has happened.
    pub fn input(&mut self, now: Moment, input: Input) {
        match self {
            Self::Attempt(attempt) => attempt.input(now, input),
            Self::Batch(batch) => batch.input(now, input),
            Self::Pipeline(pipeline) => pipeline.input(now, input),
        }
    }

    /// The next thing to do. Call it until it returns [`Output::Wait`], [`Output::Done`] or [`Output::AllEnded`].
    pub fn poll(&mut self) -> Output {
        match self {
            Self::Attempt(attempt) => attempt.poll(),
            Self::Batch(batch) => batch.poll(),
            Self::Pipeline(pipeline) => pipeline.poll(),
        }
    }
}

/// Something that has happened.
///
/// An input that has no meaning for the machine or for its path, or that comes too late, is ignored. So a driver can pass on
/// whatever it sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// An end replied to the command that is due next there.
    Reply {
        /// The end whose server replied.
        side: Side,
        /// The reply as it came.
        reply: Reply,
        /// The class of the reply for the command that it answers.
        class: Class,
    },
    /// An end sent a reply that answers no command.
    Unasked {
        /// The end whose server replied.
        side: Side,
        /// The reply as it came.
        reply: Reply,
    },
    /// The abort of an end is complete: its session expects the next command.
    Aborted(Side),
    /// The session of an end is over.
    Ended(Side, client::Failure),
    /// The caller gives up, because of a stall or because the user interrupts it. An attempt aborts both ends; the other
    /// machines close both sessions.
    Cancel,
    /// Bytes of files were seen to move.
    Moving,
    /// The deadline of the last [`Output::Wait`] has come.
    Timeout,
    /// The data connection of [`Output::Connect`] is open.
    Connected(Side),
    /// The user agent listens for that side at this address, as [`Output::Listen`] has asked. It is the address at
    /// which the server can reach it.
    Listening(Side, SocketAddr),
    /// That side has connected to the user agent from this address. Its host was verified (I11).
    Arrived(Side, SocketAddr),
    /// The data connection of an end could not be opened, or it broke. The text is the driver's own and
    /// comes back in [`DataFault::Failed`](super::DataFault::Failed).
    ///
    /// A relay reports this for an end that it could not connect to, and for the end whose connection
    /// failed first.
    DataFailed(Side, String),
    /// The source closed its data connection in order, and all bytes of [`Output::Copy`] have been
    /// sent to the destination.
    Copied {
        /// Whether they are as many as the source has announced.
        is_all: bool,
    },
    /// The destination's data connection was closed in order, as [`Output::Finish`] has asked.
    Finished,
    /// The relay answered [`Output::JoinAtRelay`].
    RelayReady {
        /// The address at which the relay listens for the source, if the source is active.
        source: Option<SocketAddr>,
        /// The address at which the relay listens for the destination, if it is active.
        destination: Option<SocketAddr>,
    },
    /// Both data connections with the relay are open. From here on the caller watches for a stall.
    RelayFlowing,
    /// Both data connections with the relay ended in order, and the relay has sent on every byte. The
    /// caller stops watching for a stall.
    RelayPassed,
    /// The relay refused to join, or closed what it had joined, and blames neither end.
    RelayRefused(String),
    /// The relay itself is gone, or it has no capacity at the moment.
    RelayLost(String),
}

/// Something for the driver to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send this command on the session of that side. Report each reply with [`Input::Reply`].
    Command(Side, Command),
    /// Abort what runs on that side ([`client::Input::Abort`]). Report the end of the abort with
    /// [`Input::Aborted`].
    Abort(Side),
    /// Close the control connection of that side: it does not react any more (H20), or its replies cannot be told apart or are
    /// not awaited.
    Close(Side),
    /// Connect to the data port of that side, and forget an earlier data connection with it. Report [`Input::Connected`] or [`Input::DataFailed`].
    Connect(Side, SocketAddr),
    /// Listen for that side at the local address of its control connection, and forget an earlier data connection with
    /// it. Report [`Input::Listening`], then [`Input::Arrived`] for the first connection of its host, or
    /// [`Input::DataFailed`]. Close what comes from other hosts, and go on waiting.
    Listen(Side),
    /// Ask the relay to join the two data connections. Report [`Input::RelayReady`],
    /// [`Input::DataFailed`], [`Input::RelayRefused`] or [`Input::RelayLost`].
    JoinAtRelay {
        /// What the relay does for the source.
        source: Junction,
        /// What the relay does for the destination.
        destination: Junction,
    },
    /// Copy from the source's data connection to the destination's, until the source closes in order
    /// and all bytes have been sent. Then report [`Input::Copied`]. If either connection fails, report
    /// [`Input::DataFailed`]. Keep the destination's connection open.
    Copy,
    /// Close the destination's data connection in order: the file is complete. Then report [`Input::Finished`] or
    /// [`Input::DataFailed`].
    Finish,
    /// Reset all data connections of the attempt, or make the relay reset them.
    Cut,
    /// Both servers are told to move one of several files, named by its index. As far as the destination has been asked,
    /// nothing has its name. From now on it may get it.
    Begins(usize),
    /// One of several files has ended, named by its index.
    FileEnded(usize, BatchEnd),
    /// The attempt is over. Every session that was not closed expects the next command.
    Done(Outcome),
    /// Several files have ended. Each session is closed or idle, after a batch in MODE S.
    AllEnded,
    /// Nothing to do until the next input or this moment. `None` means that only an input can
    /// continue the transfer.
    Wait(Option<Moment>),
}
