//! One attempt through this host: drives the machine of two passive ends with two sessions, and carries
//! the octets from one data connection to the other. No file, and never more ahead than one pipe.

use super::two::{GivenUp, Happened, Ran, Two, timeouts};
use crate::context::Context;
use crate::control::Session;
use crate::failure::words;
use crate::report::Event as Report;
use ftp_io::copy::{self, Ended, Joined, Joint, Look, Meters, Tail};
use ftp_io::socket;
use ftp_proto::third_party::{Attempt, Input, Outcome, Output, Side, Transfer};
use ftp_proto::timer::Moment;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What is told about the octets while they move.
#[derive(Debug)]
pub(super) struct Told {
    /// How reports call the source.
    pub(super) name: String,
    /// Its size, where known.
    pub(super) total: Option<u64>,
    /// Octets that do not pass, since they are at the destination already.
    pub(super) skips: u64,
}

/// Two sessions, the machine between them, and their data connections.
#[derive(Debug)]
pub(super) struct Via<'a> {
    two: Two<'a>,
    machine: Attempt,
    told: Told,
    look: Look,
    /// The data connections that wait for their octets.
    from: Option<TcpStream>,
    to: Option<TcpStream>,
    /// The destination's, after the last octet.
    tail: Option<Tail>,
    /// What is done with them beside the sessions.
    work: JoinSet<Done>,
    meters: Meters,
    pulse: Option<Pulse>,
    sha256: Option<String>,
}

/// Something that was done with a data connection.
#[derive(Debug)]
enum Done {
    Connected(Side, io::Result<TcpStream>),
    Joined(Joined),
    Closed(Ended),
}

/// When the octets are looked after, and what was seen last.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    next: Moment,
    moved: u64,
    since: Moment,
}

impl<'a> Via<'a> {
    /// Starts an attempt.
    pub(super) fn new(
        context: &'a Context,
        source: &'a mut Session,
        destination: &'a mut Session,
        transfer: Transfer,
        look: Look,
        told: Told,
    ) -> Self {
        let two = Two::new(context, source, destination);
        let (one, other) = two.parties();
        let machine =
            Attempt::through(transfer, one, other, timeouts(context, told.total), context.clock.now());
        Self {
            two,
            machine,
            told,
            look,
            from: None,
            to: None,
            tail: None,
            work: JoinSet::new(),
            meters: Meters::default(),
            pulse: None,
            sha256: None,
        }
    }

    /// Runs it to its end, which comes in bounded time. With it the SHA-256 of what has passed, where
    /// it was looked at.
    pub(super) async fn run(mut self) -> (Ran, Option<String>) {
        loop {
            let deadline = match self.perform() {
                Ok(outcome) => return self.ran(outcome).await,
                Err(deadline) => deadline,
            };
            let clock = self.two.context.clock;
            let beat = self.pulse.map(|pulse| pulse.next);
            tokio::select! {
                happened = self.two.next() => match happened {
                    Happened::Said(side, event) => self.two.heard(&mut self.machine, side, event),
                    Happened::Interrupted => self.two.give_up(&mut self.machine, GivenUp::Interrupted),
                    Happened::Late => {
                        let outcome = self.two.hang_up();
                        return self.ran(outcome).await;
                    }
                },
                // What was cut says nothing any more.
                Some(done) = self.work.join_next() => if let Ok(done) = done {
                    self.done(done);
                },
                () = clock.sleep_until(deadline) => self.machine.input(clock.now(), Input::Timeout),
                () = clock.sleep_until(beat), if beat.is_some() => self.beat(),
            }
        }
    }

    /// Does what the machine asks, up to its end or its next deadline.
    fn perform(&mut self) -> Result<Outcome, Option<Moment>> {
        loop {
            match self.machine.poll() {
                Output::Connect(side, at) => self.connect(side, at),
                Output::Copy => self.join(),
                Output::Finish => self.finish(),
                Output::Cut => self.cut(),
                output => {
                    if let Some(done) = self.two.perform(output) {
                        return done;
                    }
                }
            }
        }
    }

    fn connect(&mut self, side: Side, at: SocketAddr) {
        let local = self.two.session(side).local;
        self.work.spawn(async move { Done::Connected(side, socket::connect(local, at).await) });
    }

    fn join(&mut self) {
        let (Some(from), Some(to)) = (self.from.take(), self.to.take()) else { return };
        let now = self.two.context.clock.now();
        self.pulse = Some(Pulse { next: now + self.rest(), moved: 0, since: now });
        let (from, to) = (self.two.source.data(from), self.two.destination.data(to));
        let (look, meters) = (self.look, self.meters.clone());
        self.work.spawn(async move { Done::Joined(copy::join(from, to, look, &meters).await) });
    }

    fn finish(&mut self) {
        let Some(tail) = self.tail.take() else { return };
        let meter = self.meters.given.clone();
        self.work.spawn(async move { Done::Closed(tail.close(&meter).await) });
    }

    fn cut(&mut self) {
        self.pulse = None;
        self.tail = None;
        // Until all is well each of them ends with a reset, whoever drops it.
        self.work.abort_all();
        (self.from, self.to) = (None, None);
    }

    fn done(&mut self, done: Done) {
        let now = self.two.context.clock.now();
        match done {
            Done::Connected(side, Ok(connection)) => {
                // Also when this process is killed before the first octet (E10).
                socket::end_by_reset(&connection);
                match side {
                    Side::Source => self.from = Some(connection),
                    Side::Destination => self.to = Some(connection),
                }
                self.machine.input(now, Input::Connected(side));
            }
            Done::Connected(side, Err(error)) => {
                self.machine.input(now, Input::DataFailed(side, words(&error)))
            }
            Done::Joined(Joined { sha256, end, .. }) => {
                self.pulse = None;
                match end {
                    Joint::Whole(tail) => {
                        (self.tail, self.sha256) = (Some(tail), sha256);
                        self.machine.input(now, Input::Copied);
                    }
                    Joint::Source(error) => {
                        self.machine.input(now, Input::DataFailed(Side::Source, words(&error)))
                    }
                    Joint::Destination(error) => {
                        self.machine.input(now, Input::DataFailed(Side::Destination, words(&error)));
                    }
                    Joint::Stopped => {}
                }
            }
            Done::Closed(Ended::Broken(error)) => {
                self.machine.input(now, Input::DataFailed(Side::Destination, words(&error)));
            }
            Done::Closed(Ended::Whole | Ended::Stopped | Ended::File(_)) => {}
        }
    }

    /// Tells how far it is, and notices when nothing moves, and whose fault that is (I13).
    fn beat(&mut self) {
        let (now, moved) = (self.two.context.clock.now(), self.meters.given.moved());
        let next = now + self.rest();
        let Some(pulse) = &mut self.pulse else { return };
        pulse.next = next;
        if moved != pulse.moved {
            (pulse.moved, pulse.since) = (moved, now);
            let Told { name, total, skips } = &self.told;
            let bytes = skips + moved;
            self.two.context.events.say(Report::Progress { source: name.clone(), bytes, total: *total });
        } else if now.since(pulse.since) >= self.two.context.patience.stall {
            // What has come and not gone waits for the destination.
            let waits = self.meters.taken.moved() > moved;
            self.two.give_up(
                &mut self.machine,
                GivenUp::Silent(if waits { Side::Destination } else { Side::Source }),
            );
        }
    }

    fn rest(&self) -> Duration {
        BEAT.min(self.two.context.patience.stall)
    }

    async fn ran(mut self, outcome: Outcome) -> (Ran, Option<String>) {
        if matches!(outcome, Outcome::Moved { .. }) {
            // The destination has said that it has everything; its connection still ends in order.
            while self.work.join_next().await.is_some() {}
        } else {
            self.cut();
        }
        (self.two.ran(outcome, self.meters.given.moved()), self.sha256.take())
    }
}

const BEAT: Duration = Duration::from_millis(500);
