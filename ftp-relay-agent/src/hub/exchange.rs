//! The machine of the hub, and what it has asked for: who waits for which ticket, and which streams are joined.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::copy::{Join, JoinEnd, Meters, Pipes};
use ftp_io::os_error::words;
use ftp_io::socket;
use ftp_proto::relay::hub::{CallId, End, Event, Hub as Machine, Input, Limits, Output, SessionId};
use ftp_proto::relay::link::{Accepted, ticket_id};
use ftp_proto::relay::token::Secret32;
use ftp_proto::timer::Moment;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::operate::Running;

/// What all sessions of a hub share.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) clock: Clock,
    state: Mutex<State>,
    /// The deadline of the machine may be another one.
    changed: Notify,
    pipes: Pipes,
}

#[derive(Debug)]
struct State {
    machine: Machine,
    last_session: u64,
    deadline: Option<Moment>,
    /// Takes the frames of each session. Dropping it ends the session.
    sessions: HashMap<SessionId, mpsc::Sender<Vec<u8>>>,
    tickets: HashMap<[u8; 16], Expected>,
    calls: HashMap<CallId, Stream>,
    /// Held by each stream, so that the hub waits for them; `None` once it stops.
    running: Option<Running>,
}

/// Who comes with a ticket.
#[derive(Debug)]
struct Expected {
    call: CallId,
    end: End,
    secret: Secret32,
}

/// The stream of a call.
#[derive(Debug)]
enum Stream {
    /// One end may have come: the caller, the agent.
    Waiting([Option<TcpStream>; 2]),
    Flowing(Join),
}

impl Exchange {
    pub(super) fn new(limits: Limits, seed: Secret32, running: Running) -> Arc<Self> {
        let state = State {
            machine: Machine::new(limits, seed),
            last_session: 0,
            deadline: None,
            sessions: HashMap::new(),
            tickets: HashMap::new(),
            calls: HashMap::new(),
            running: Some(running),
        };
        Arc::new(Self {
            clock: Clock::start(),
            state: Mutex::new(state),
            changed: Notify::new(),
            pipes: Pipes::default(),
        })
    }

    /// Passes the time to the machine, for as long as the hub runs.
    pub(super) async fn tick(self: Arc<Self>) {
        loop {
            let deadline = self.state().deadline;
            tokio::select! {
                () = self.changed.notified() => {}
                () = self.clock.sleep_until(deadline) => self.input(Input::Timeout),
            }
        }
    }

    /// A session begins. Returns its id, and the frames that go to it; when they end, so does the session.
    pub(super) fn open(
        self: &Arc<Self>,
        token: &str,
        expires: Option<Moment>,
    ) -> (SessionId, mpsc::Receiver<Vec<u8>>) {
        let (sender, frames) = mpsc::channel(MAX_FRAMES);
        let session = {
            let mut state = self.state();
            state.last_session += 1;
            let session = SessionId(state.last_session);
            state.sessions.insert(session, sender);
            session
        };
        self.input(Input::Opened { session, token: token.to_owned(), expires });
        (session, frames)
    }

    /// Tells the machine what happened, and performs what it asks for.
    pub(super) fn input(self: &Arc<Self>, input: Input<'_>) {
        let mut state = self.state();
        state.machine.input(self.clock.now(), input);
        loop {
            match state.machine.poll() {
                Output::Send(session, frame) => {
                    // One that takes nothing for long is ended: its task sees that nothing more comes.
                    if state.sessions.get(&session).is_some_and(|to| to.try_send(frame).is_err()) {
                        state.sessions.remove(&session);
                    }
                }
                Output::Close(session) => drop(state.sessions.remove(&session)),
                Output::Expect { call, end, ticket } => {
                    let id = ticket_id(&ticket);
                    state.tickets.insert(id, Expected { call, end, secret: ticket });
                    state.calls.entry(call).or_insert_with(|| Stream::Waiting([None, None]));
                }
                Output::Join(call) => self.join(&mut state, call),
                Output::Drop(call) => state.give_up(call),
                Output::Event(event) => log(&event),
                Output::Wait(deadline) => {
                    state.deadline = deadline;
                    break;
                }
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The call and the end that wait for the ticket `id`. Only a right proof uses the ticket up.
    pub(super) fn claim(
        &self,
        id: &[u8; 16],
        judge: impl FnOnce(&Secret32) -> Option<Accepted>,
    ) -> Option<(Accepted, CallId, End)> {
        let mut state = self.state();
        let accepted = judge(&state.tickets.get(id)?.secret)?;
        state.tickets.remove(id).map(|expected| (accepted, expected.call, expected.end))
    }

    /// One end of a call has come.
    pub(super) fn attach(self: &Arc<Self>, call: CallId, end: End, stream: TcpStream, from: SocketAddr) {
        socket::end_by_reset(&stream);
        if let Some(Stream::Waiting([caller, agent])) = self.state().calls.get_mut(&call) {
            match end {
                End::Caller => *caller = Some(stream),
                End::Agent => *agent = Some(stream),
            }
        } else {
            // It was given up meanwhile.
            return;
        }
        self.input(Input::Attached(call, end, from));
    }

    /// Ends all sessions. Streams continue.
    pub(super) fn stop(self: &Arc<Self>) {
        self.input(Input::Drain);
        self.state().running = None;
    }

    fn join(self: &Arc<Self>, state: &mut State, call: CallId) {
        let Some(Stream::Waiting([Some(caller), Some(agent)])) = state.calls.remove(&call) else { return };
        for stream in [&caller, &agent] {
            // It will fail when it is used.
            drop(socket::control(stream).and_then(|()| socket::vanishes_after(stream, STALL)));
        }
        let (forth, back) = (Meters::default(), Meters::default());
        let join = Join { forth, back, limit: u64::MAX, volumes: Vec::new(), pipes: self.pipes.clone() };
        state.calls.insert(call, Stream::Flowing(join.clone()));
        let (exchange, running) = (Arc::clone(self), state.running.clone());
        tokio::spawn(async move {
            let end = join.run(caller, agent, |_, _| {}).await;
            let [_, up, _, down] = join.moved();
            let CallId(id) = call;
            match end {
                JoinEnd::Whole => tracing::info!(call = id, up, down, "the call has ended"),
                JoinEnd::Broken(_, error) => {
                    tracing::info!(call = id, up, down, error = words(&error), "the call was broken off");
                }
                JoinEnd::Limit | JoinEnd::Stopped => {
                    tracing::info!(call = id, up, down, "the call was stopped")
                }
            }
            exchange.state().calls.remove(&call);
            exchange.input(Input::Ended(call));
            drop(running);
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn give_up(&mut self, call: CallId) {
        self.tickets.retain(|_, expected| expected.call != call);
        match self.calls.remove(&call) {
            Some(Stream::Waiting(held)) => held.into_iter().flatten().for_each(socket::reset),
            Some(Stream::Flowing(join)) => join.stop(),
            None => {}
        }
    }
}

/// Writes what happens to the log: names and numbers, never a secret.
fn log(event: &Event) {
    match event {
        Event::User { session, name, build } => {
            tracing::info!(session = session.0, name, build, "user agent")
        }
        Event::Joined { session, name, build, replaced: None } => {
            tracing::info!(session = session.0, name, build, "agent");
        }
        Event::Joined { session, name, build, replaced: Some((old, true)) } => {
            tracing::info!(session = session.0, name, build, replaces = old.0, "agent, again");
        }
        Event::Joined { session, name, build, replaced: Some((old, false)) } => {
            tracing::warn!(session = session.0, name, build, replaces = old.0, "agent, of another process");
        }
        Event::Called { call, from, to } => tracing::info!(call = call.0, from = from.0, to = to.0, "call"),
        Event::Refused { session, code, text } => {
            tracing::info!(session = session.0, text, "refused: {code}");
        }
        Event::Ended { session, code, text } => tracing::info!(session = session.0, text, "ended: {code}"),
        Event::TimedOut(timer) => tracing::info!("timed out: {}", timer.name()),
    }
}

/// Frames that a session has not taken yet.
const MAX_FRAMES: usize = 256;
/// How long one end of a stream may take nothing although bytes wait for it.
const STALL: Duration = Duration::from_secs(60);
