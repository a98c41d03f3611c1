//! One attempt through this host: drives the machine of two passive ends with two sessions, and carries
//! the octets from one data connection to the other. No file, and never more ahead than one pipe.

use super::pair::{GivenUp, LAST_WORDS, Ran, cancelled, timeouts};
use crate::app::App;
use crate::control::{Session, words};
use crate::report::Event as Report;
use ftp_io::copy::{self, Ended, Joined, Joint, Look, Meters, Tail};
use ftp_io::socket;
use ftp_proto::client::Event;
use ftp_proto::third_party::through::{Output, Through};
use ftp_proto::third_party::{self, Cause, Heard, Job, Outcome, Side};
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
    app: &'a App,
    source: &'a mut Session,
    destination: &'a mut Session,
    machine: Through,
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
    given_up: Option<GivenUp>,
    /// The sessions are closed then, in step or not.
    no_later_than: Option<Moment>,
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
        app: &'a App,
        source: &'a mut Session,
        destination: &'a mut Session,
        job: Job,
        look: Look,
        told: Told,
    ) -> Self {
        let (one, two) = (source.party(), destination.party());
        let machine = Through::new(job, one, two, timeouts(app, told.total), app.clock.now());
        Self {
            app,
            source,
            destination,
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
            given_up: None,
            no_later_than: None,
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
            let clock = self.app.clock;
            let beat = self.pulse.map(|pulse| pulse.next);
            tokio::select! {
                event = self.source.next() => self.heard(Side::Source, event),
                event = self.destination.next() => self.heard(Side::Destination, event),
                // What was cut says nothing any more.
                Some(done) = self.work.join_next() => if let Ok(done) = done {
                    self.done(done);
                },
                () = clock.sleep_until(deadline) => self.machine.timeout(clock.now()),
                () = clock.sleep_until(beat), if beat.is_some() => self.beat(),
                () = self.app.stop.raised(), if self.given_up != Some(GivenUp::Interrupted) => {
                    self.give_up(GivenUp::Interrupted);
                    self.no_later_than = Some(clock.now() + LAST_WORDS);
                }
                () = clock.sleep_until(self.no_later_than), if self.no_later_than.is_some() => {
                    self.source.close();
                    self.destination.close();
                    return self.ran(Outcome::Failed(cancelled())).await;
                }
            }
        }
    }

    /// Does what the machine asks, up to its end or its next deadline.
    fn perform(&mut self) -> Result<Outcome, Option<Moment>> {
        loop {
            match self.machine.poll() {
                Output::Control(third_party::Output::Command(side, command)) => {
                    self.session(side).send(command, None);
                }
                Output::Control(third_party::Output::Abort(side)) => self.session(side).abort(),
                Output::Control(third_party::Output::Close(side)) => self.session(side).close(),
                Output::Control(third_party::Output::Done(outcome)) => return Ok(outcome),
                Output::Control(third_party::Output::Wait(deadline)) => return Err(deadline),
                Output::Connect(side, at) => self.connect(side, at),
                Output::Join => self.join(),
                Output::Finish => self.finish(),
                Output::Cut => self.cut(),
            }
        }
    }

    fn connect(&mut self, side: Side, at: SocketAddr) {
        let local = self.session(side).local;
        self.work.spawn(async move { Done::Connected(side, socket::connect(local, at).await) });
    }

    fn join(&mut self) {
        let (Some(from), Some(to)) = (self.from.take(), self.to.take()) else { return };
        let now = self.app.clock.now();
        self.pulse = Some(Pulse { next: now + self.rest(), moved: 0, since: now });
        let (from, to) = (self.source.data(from), self.destination.data(to));
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
        let now = self.app.clock.now();
        match done {
            Done::Connected(side, Ok(connection)) => {
                // Also when this process is killed before the first octet (E10).
                socket::end_by_reset(&connection);
                match side {
                    Side::Source => self.from = Some(connection),
                    Side::Destination => self.to = Some(connection),
                }
                self.machine.connected(now, side);
            }
            Done::Connected(side, Err(error)) => self.machine.unconnected(now, side, words(&error)),
            Done::Joined(Joined { sha256, end, .. }) => {
                self.pulse = None;
                match end {
                    Joint::Whole(tail) => {
                        (self.tail, self.sha256) = (Some(tail), sha256);
                        self.machine.joined(now);
                    }
                    Joint::Source(error) => self.machine.broken(now, Side::Source, words(&error)),
                    Joint::Destination(error) => {
                        self.machine.broken(now, Side::Destination, words(&error));
                    }
                    Joint::Stopped => {}
                }
            }
            Done::Closed(Ended::Broken(error)) => {
                self.machine.broken(now, Side::Destination, words(&error));
            }
            Done::Closed(Ended::Whole | Ended::Stopped | Ended::File(_)) => {}
        }
    }

    fn heard(&mut self, side: Side, event: Event) {
        let now = self.app.clock.now();
        match event {
            Event::Reply { reply, class, .. } => self.machine.reply(now, side, Heard { reply, class }),
            Event::AbortDone => self.machine.aborted(now, side),
            Event::Ended(failure) => self.machine.ended(now, side, failure),
            Event::Ready { .. } | Event::Sent(_) | Event::Received { .. } | Event::Unasked(_) => {}
        }
        for repair in self.machine.repairs() {
            let session = match repair.side {
                Side::Source => &mut *self.source,
                Side::Destination => &mut *self.destination,
            };
            session.say_repair(repair.announced, repair.used);
        }
    }

    /// Tells how far it is, and notices when nothing moves, and whose fault that is (I13).
    fn beat(&mut self) {
        let (now, moved) = (self.app.clock.now(), self.meters.given.moved());
        let next = now + self.rest();
        let Some(pulse) = &mut self.pulse else { return };
        pulse.next = next;
        if moved != pulse.moved {
            (pulse.moved, pulse.since) = (moved, now);
            let Told { name, total, skips } = &self.told;
            let bytes = skips + moved;
            self.app.events.say(Report::Progress { source: name.clone(), bytes, total: *total });
        } else if now.since(pulse.since) >= self.app.waits.stall {
            // What has come and not gone waits for the destination.
            let waits = self.meters.taken.moved() > moved;
            self.give_up(GivenUp::Silent(if waits { Side::Destination } else { Side::Source }));
        }
    }

    fn rest(&self) -> Duration {
        BEAT.min(self.app.waits.stall)
    }

    fn give_up(&mut self, why: GivenUp) {
        self.given_up = Some(why);
        self.machine.cancel(self.app.clock.now());
    }

    const fn session(&mut self, side: Side) -> &mut Session {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination,
        }
    }

    async fn ran(mut self, outcome: Outcome) -> (Ran, Option<String>) {
        let given_up = self.given_up.filter(|why| match (&outcome, why) {
            (Outcome::Moved { .. }, _) => false,
            (Outcome::Failed(_), GivenUp::Interrupted) => true,
            (Outcome::Failed(trouble), GivenUp::Stalled | GivenUp::Silent(_)) => {
                trouble.cause == Cause::Cancelled
            }
        });
        if matches!(outcome, Outcome::Moved { .. }) {
            // The destination has said that it has everything; its connection still ends in order.
            while self.work.join_next().await.is_some() {}
        } else {
            self.cut();
        }
        (Ran { outcome, given_up, moved: self.meters.given.moved() }, self.sha256.take())
    }
}

const BEAT: Duration = Duration::from_millis(500);
