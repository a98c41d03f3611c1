//! One session: a task that owns a machine, its control connection and everything it has asked for.
//!
//! ```text
//!   octets, answers, arrivals, deadlines --> machine --> Send  --> control
//!                    ^                                   Event --> report
//!                    +------------- work <-- perform <-- Ask
//! ```

mod control;
mod held;
mod perform;
mod permits;
mod report;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use ftp_io::clock::Clock;
use ftp_io::socket::Ports;
use ftp_proto::server::ask::{Answer, Event, Input, Output, Ticket};
use ftp_proto::server::{self, Connection};
use ftp_proto::timer::Moment;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;

use crate::auth::Users;
use crate::listen::{Admitted, Phase};
use crate::vfs::{Root, View};
use control::{Control, Read};
use held::{Done, Held};
pub use permits::Permits;

/// What all sessions of a server use.
pub struct Shared {
    /// The clock.
    pub clock: Clock,
    /// The data ports.
    pub ports: Arc<Ports>,
    /// Who may log in.
    pub users: Arc<dyn Users>,
    /// The files.
    pub root: Arc<Root>,
    /// Who may try foreign targets now.
    pub permits: Arc<Permits>,
}

/// Who has come.
#[derive(Debug)]
pub struct Guest {
    /// The session's number.
    pub id: u64,
    /// The control connection.
    pub stream: TcpStream,
    /// Its other end.
    pub from: SocketAddr,
    /// Its place among the sessions.
    pub admitted: Admitted,
    /// The machine's configuration.
    pub machine: Arc<server::Config>,
    /// How far the server is on its way to the end.
    pub phases: watch::Receiver<Phase>,
    /// Kept as long as something of the session lives.
    pub living: mpsc::Sender<()>,
}

/// The session's task, from the greeting to the end.
pub async fn run(shared: Arc<Shared>, guest: Guest) {
    match Session::new(shared, guest) {
        Ok(session) => session.run().await,
        // The client has gone before we looked, or the system is out of something.
        Err(error) => tracing::debug!(%error, "the session could not start"),
    }
}

struct Session {
    id: u64,
    shared: Arc<Shared>,
    machine: server::Session,
    control: Control,
    /// What the machine has asked for and we hold.
    held: Held,
    /// Answers that need no wait.
    ready: VecDeque<(Ticket, Answer)>,
    /// The files as the account that is logged in sees them.
    view: Option<View>,
    admitted: Admitted,
    phases: watch::Receiver<Phase>,
    phase: Phase,
}

/// How far the machine was drained.
#[derive(Clone, Copy)]
enum Drained {
    /// It waits for an input, or for this moment.
    Waits(Option<Moment>),
    /// It has more to say, when others have had their turn and the client has taken what was said.
    More,
    /// It has closed the session.
    Closed,
}

/// What has happened.
enum Happened {
    Phase(Phase),
    Done(Box<Done>),
    Failed(JoinError),
    Ready,
    Deadline,
    Turn,
}

impl Session {
    fn new(shared: Arc<Shared>, guest: Guest) -> io::Result<Self> {
        let Guest { id, stream, from, admitted, machine, phases, living } = guest;
        let connection =
            Connection { peer: from, local: stream.local_addr()?, entropy: ftp_io::random::octets()? };
        Ok(Self {
            id,
            shared,
            machine: server::Session::new(machine, connection),
            control: Control::new(stream)?,
            held: Held::new(living),
            ready: VecDeque::new(),
            view: None,
            admitted,
            phases,
            phase: Phase::Open,
        })
    }

    async fn run(mut self) {
        tracing::debug!("connected");
        self.input(Input::Start);
        let mut buffer = vec![0; BUFFER];
        loop {
            let drained = self.drain();
            if let Drained::Closed = drained {
                break;
            }
            if let Some((ticket, answer)) = self.ready.pop_front() {
                self.input(Input::Answer(ticket, answer));
                continue;
            }
            match self.wait(drained).await {
                Happened::Phase(Phase::Ending) => break,
                Happened::Phase(phase) => {
                    self.phase = phase;
                    self.input(Input::Shutdown);
                }
                Happened::Done(done) => self.settle(*done),
                Happened::Failed(error) => {
                    tracing::error!(%error, "a task of this session failed");
                    break;
                }
                Happened::Ready => {
                    if self.exchange(&mut buffer).is_break() {
                        // Its last words, then nothing more is asked of it.
                        self.input(Input::Closed);
                        self.drain();
                        break;
                    }
                }
                Happened::Deadline if self.control.is_late(self.now()) => {
                    tracing::info!("the client does not take its replies");
                    break;
                }
                Happened::Deadline => self.input(Input::Timeout),
                Happened::Turn => {}
            }
        }
        // A24: data connections, listeners and ports are given up before the last words are said.
        let Self { shared, held, control, .. } = self;
        drop(held);
        control.finish(&shared.clock).await;
        tracing::debug!("closed");
    }

    /// Waits for whatever comes first.
    async fn wait(&mut self, drained: Drained) -> Happened {
        let (deadline, more) = match drained {
            Drained::Waits(deadline) => (deadline, false),
            Drained::More => (None, !self.control.is_full()),
            Drained::Closed => (None, false),
        };
        let deadline = [deadline, self.control.deadline()].into_iter().flatten().min();
        let phase = self.phase;
        tokio::select! {
            biased;
            next = self.phases.wait_for(|next| *next > phase) => {
                Happened::Phase(next.map_or(Phase::Ending, |next| *next))
            }
            done = self.held.next() => done.map_or_else(Happened::Failed, |done| Happened::Done(Box::new(done))),
            () = self.shared.clock.sleep_until(deadline) => Happened::Deadline,
            () = self.control.ready() => Happened::Ready,
            () = tokio::task::yield_now(), if more => Happened::Turn,
        }
    }

    /// Does what the machine says until it waits. One input may make it say very much (refusals of
    /// millions of commands that did not fit): that is taken in portions, as the client takes it.
    fn drain(&mut self) -> Drained {
        for _ in 0..PORTION {
            if self.control.is_full() {
                break;
            }
            match self.machine.poll() {
                Output::Send(octets) => self.control.send(&octets, self.shared.clock.now()),
                Output::Ask(ask) => self.perform(ask),
                Output::Event(event) => self.tell(&event),
                Output::Close => return Drained::Closed,
                Output::Wait(deadline) => return Drained::Waits(deadline),
            }
        }
        Drained::More
    }

    /// Moves octets of the control connection, both ways; breaks at its end.
    fn exchange(&mut self, buffer: &mut [u8]) -> ControlFlow<()> {
        self.control.write();
        match self.control.read(buffer) {
            Read::Octets(count) => self.input(Input::Bytes(buffer.get(..count).unwrap_or_default())),
            Read::Nothing => {}
            Read::End => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    fn input(&mut self, input: Input<'_>) {
        self.machine.input(self.shared.clock.now(), input);
    }

    fn tell(&mut self, event: &Event) {
        if let Event::LoggedIn { .. } = event {
            self.admitted.logged_in();
        }
        report::log(event);
    }

    fn now(&self) -> Moment {
        self.shared.clock.now()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("root", &self.root).finish_non_exhaustive()
    }
}

const BUFFER: usize = 4 * 1024;
/// What a machine may say before other sessions have their turn.
const PORTION: usize = 256;
