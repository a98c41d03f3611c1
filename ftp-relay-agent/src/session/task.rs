//! The task of a session: drains the machine, waits for the next thing that happens, and passes it on.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::control::{Control, ReadEvent};
use ftp_io::link::Link;
use ftp_proto::relay::agent::Session as Machine;
use ftp_proto::relay::agent::{Config, Input, Output};
use ftp_proto::relay::link;
use ftp_proto::timer::Moment;
use tokio::sync::mpsc;

use super::Event;
use super::perform::Performer;
use super::report::Reporter;
use super::shared::Shared;
use crate::operate::audit::LinkOwner;
use crate::operate::{Orders, Running};
use crate::policy::{Share, Standing};

/// A user agent that has proven to hold a token.
#[derive(Debug)]
pub struct Accepted {
    /// Its link with this relay.
    pub link: Link,
    /// The token, and what was agreed.
    pub token: link::Accepted,
    /// The configuration of the machine.
    pub config: Config,
    /// The number and the origin of the link, and the name of the token.
    pub who: LinkOwner,
    /// Tells the session what the operator wants.
    pub running: Running,
    /// What the token may do and uses.
    pub standing: Standing,
    /// The place of the session.
    pub place: Share,
}

/// Runs a session until nothing of it is left. There are many at the same time, and most of them wait, so this future
/// is small.
pub async fn run(shared: Arc<Shared>, accepted: Box<Accepted>) {
    match Session::new(shared, *accepted) {
        Ok(mut session) => {
            session.serve().await;
            // The end needs a buffer that the session does not have before.
            Box::pin(session.end()).await;
        }
        // The user agent has gone already.
        Err(error) => tracing::debug!(%error, "the session could not start"),
    }
}

/// Tells a user agent with `why` that it may do nothing here, and closes the link.
pub async fn refuse(mut link: Link, now: Moment, config: Config, why: Input<'_>) {
    let mut machine = Machine::new(now, config);
    machine.input(now, why);
    while let Output::Send(frame) = machine.poll() {
        if link.send(&frame).await.is_err() {
            // It has gone already.
            return;
        }
    }
    link.close().await;
}

struct Session {
    shared: Arc<Shared>,
    machine: Machine,
    link: Frames,
    performer: Performer,
    reporter: Reporter,
    token: link::Accepted,
    running: Running,
    /// Whether the machine knows that the relay stops.
    stopping: bool,
    /// Whether the machine knows that its token may do nothing any more.
    revoked: bool,
    /// Whether the user agent has said something that was not heard.
    more: bool,
    /// What the tasks of the session report.
    events: mpsc::Receiver<Box<Event>>,
    /// The place among the sessions of its token.
    place: Share,
}

/// How far the machine was drained.
enum Drained {
    /// It waits for an input, or for this moment.
    Waits(Option<Moment>),
    /// The user agent has not taken its frames for long.
    Behind,
    /// It has closed the session.
    Closed,
}

/// Why the task wakes up.
enum Wake {
    /// Something happened on the link.
    Link(ReadEvent),
    /// It is the turn of the session.
    Turn,
    /// A task has reported something.
    Event(Box<Event>),
    /// The operator wants something else.
    Orders(Orders),
    /// The deadline of the machine has come.
    Deadline,
}

impl Session {
    fn new(shared: Arc<Shared>, accepted: Accepted) -> io::Result<Box<Self>> {
        let Accepted { link, token, config, who, running, standing, place } = accepted;
        let link = Frames::new(link, shared.clock)?;
        let (report, events) = mpsc::channel(MAX_EVENTS);
        Ok(Box::new(Self {
            machine: Machine::new(shared.clock.now(), config),
            link,
            performer: Performer::new(Arc::clone(&shared), standing, report),
            reporter: Reporter::new(Arc::clone(&shared), who),
            shared,
            token,
            running,
            stopping: false,
            revoked: false,
            more: false,
            events,
            place,
        }))
    }

    /// Serves the user agent until the machine closes the session.
    async fn serve(&mut self) {
        let mut heard = Vec::new();
        loop {
            let deadline = match self.drain() {
                Drained::Waits(deadline) => deadline,
                Drained::Behind => {
                    self.input(Input::Closed);
                    continue;
                }
                Drained::Closed => return,
            };
            if let Some((ticket, answer)) = self.performer.next_answer() {
                self.input(Input::Answer(ticket, answer));
                continue;
            }
            match self.wait(deadline, &mut heard).await {
                // While it waits it keeps no room.
                Wake::Link(ReadEvent::Bytes(_)) => self.input(Input::Bytes(&std::mem::take(&mut heard))),
                Wake::Link(ReadEvent::Room) => {}
                Wake::Turn => {
                    self.more = false;
                    self.input(Input::Next);
                }
                // TLS has begun before the session.
                Wake::Link(
                    ReadEvent::Closed | ReadEvent::Secured(_) | ReadEvent::Cleared | ReadEvent::NotSecured(_),
                ) => self.input(Input::Closed),
                Wake::Event(event) => {
                    let now = self.shared.clock.now();
                    self.performer.finish(*event, |input| self.machine.input(now, input));
                }
                Wake::Orders(orders) => self.obey(&orders),
                Wake::Deadline => self.input(Input::Timeout),
            }
        }
    }

    async fn end(self: Box<Self>) {
        let Self { reporter, performer, link, place, .. } = *self;
        reporter.close();
        // Connections that are still held are reset before the last frames are sent.
        drop(performer);
        link.close().await;
        drop(place);
    }

    async fn wait(&mut self, deadline: Option<Moment>, heard: &mut Vec<u8>) -> Wake {
        // The answers to all that one read has brought go out in one piece.
        if !self.more || self.link.is_full() {
            self.link.flush();
        }
        let is_heard = self.more && !self.link.is_full();
        let (link, standing, clock) = (&mut self.link, self.performer.standing(), self.shared.clock);
        let heard = (!self.more).then_some(heard);
        tokio::select! {
            biased;
            orders = self.running.changed() => Wake::Orders(orders),
            // What the user agent has said comes first: it asks for the digest of a join before the servers connect.
            () = turn(standing, clock), if is_heard => Wake::Turn,
            read = link.next(heard), if !is_heard => Wake::Link(read),
            // The performer keeps a sender, so that this never ends.
            Some(event) = self.events.recv() => Wake::Event(event),
            () = clock.sleep_until(deadline) => Wake::Deadline,
        }
    }

    /// Performs outputs until the machine waits.
    fn drain(&mut self) -> Drained {
        loop {
            match self.machine.poll() {
                Output::Send(frame) => {
                    if let Err(Behind) = self.link.queue(&frame) {
                        return Drained::Behind;
                    }
                }
                Output::More => self.more = true,
                Output::Ask(ask) => self.performer.perform(ask),
                Output::Event(event) => self.reporter.event(&event),
                Output::Close => return Drained::Closed,
                Output::Wait(deadline) => return Drained::Waits(deadline),
            }
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.machine.input(self.shared.clock.now(), input);
    }

    fn obey(&mut self, orders: &Orders) {
        match orders.terms(&self.token) {
            Ok(terms) if *self.performer.terms() != terms => {
                self.reporter.renewed();
                let (allow, limits) = (terms.allow.clone(), terms.session());
                let data_ports = terms.data_ports.clone();
                self.performer.renew(self.shared.accounts.standing(terms));
                self.input(Input::Renewed { allow, data_ports, limits });
            }
            Err(why) if !std::mem::replace(&mut self.revoked, true) => {
                self.reporter.revoked(why);
                self.input(Input::Revoked(why));
            }
            Ok(_) | Err(_) => {}
        }
        if orders.stopping && !std::mem::replace(&mut self.stopping, true) {
            self.input(Input::Shutdown);
        }
    }
}

/// Waits until it is the turn of a session: its token may have a message heard, and others have had their turns.
async fn turn(standing: &Standing, clock: Clock) {
    while let Err(pause) = standing.hear() {
        clock.sleep_until(Some(clock.now() + pause)).await;
    }
    tokio::task::yield_now().await;
}

/// Reports of tasks that wait for the session.
const MAX_EVENTS: usize = 64;

/// The link, until it ends.
#[derive(Debug)]
struct Frames {
    /// `None` once it has ended, or the user agent has fallen behind.
    control: Option<Control>,
    clock: Clock,
}

/// The user agent has stopped reading: more than the limit is unsent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Behind;

impl Frames {
    fn new(link: Link, clock: Clock) -> io::Result<Self> {
        Ok(Self { control: Some(Control::new(link, ANSWERS)?), clock })
    }

    /// Queues a frame. Nothing is sent any more after [`Behind`].
    fn queue(&mut self, frame: &[u8]) -> Result<(), Behind> {
        match &mut self.control {
            Some(control) if control.unsent() >= MAX_UNSENT => {
                self.control = None;
                Err(Behind)
            }
            Some(control) => {
                control.queue(frame, self.clock.now());
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Sends what is queued, as far as the connection takes it.
    fn flush(&mut self) {
        if let Some(control) = &mut self.control {
            control.flush();
        }
    }

    /// Whether many answers wait: nothing that the user agent has said is heard before it has taken them.
    fn is_full(&self) -> bool {
        self.control.as_ref().is_some_and(Control::is_full)
    }

    /// Sends what is queued, and appends what has come to `heard`; without it nothing is read. Reports the end once and never
    /// returns after it.
    async fn next(&mut self, heard: Option<&mut Vec<u8>>) -> ReadEvent {
        let Some(control) = &mut self.control else { return pending().await };
        let read = match heard {
            Some(heard) => control.read_to(heard).await,
            None => control.write().await,
        };
        if read == ReadEvent::Closed {
            self.control = None;
        }
        read
    }

    /// Sends what is unsent, if the user agent takes it soon, and closes the link.
    async fn close(self) {
        if let Some(control) = self.control {
            control.close(&self.clock, LAST_FRAMES).await;
        }
    }
}

/// Bytes of answers that go out in one piece, and that may wait while the user agent is heard.
const ANSWERS: usize = 16 * 1024;
/// Bytes of frames that the user agent has not taken yet.
const MAX_UNSENT: usize = 256 * 1024;
/// How long the last frames of a session may take.
const LAST_FRAMES: Duration = Duration::from_secs(2);
