//! The task of a session: drains the machine, waits for the next thing that happens, and passes it on.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ftp_io::blocking;
use ftp_io::control::{Control, ReadEvent};
use ftp_io::os_error::words;
use ftp_io::program::log::Backlog;
use ftp_io::socket::Stream;
use ftp_proto::address::plain;
use ftp_proto::server::ask::{Answer, Ask, Event, Input, Output, Ticket};
use ftp_proto::server::{self, Connection};
use ftp_proto::timer::Moment;
use tokio::task::JoinError;

use super::Shared;
use super::context::{Context, ReadyAnswer, WorkResult};
use super::perform::Performer;
use super::report::Reporter;
use super::visit::Visit;
use crate::limits::{Displacement, NoPlace, SessionSlot};
use crate::operate::audit::Cause;
use crate::operate::{Phase, Running};

/// A control connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The number of the session.
    pub id: u64,
    /// The control connection.
    pub stream: Stream,
    /// The client: the other end of it, or whom a proxy there has announced.
    pub from: SocketAddr,
    /// Whether a proxy has announced the client.
    pub proxied: bool,
    /// The place of the session among the others.
    pub slot: SessionSlot,
    /// Tells it to make room.
    pub displacement: Displacement,
    /// The configuration of the machine.
    pub machine: Arc<server::Config>,
    /// Tells the session to end.
    pub running: Running,
}

/// Runs a session from the greeting to the end.
pub async fn run(shared: Arc<Shared>, accepted: Accepted) {
    // Boxed, so that the future of the session stays small.
    match SessionTask::new(shared, accepted).map(Box::new) {
        Ok(session) => session.run().await,
        // The client has gone already, or the system has no random numbers.
        Err(error) => tracing::debug!(error = words(&error), "the session could not start"),
    }
}

struct SessionTask {
    shared: Arc<Shared>,
    machine: server::Session,
    control: Control,
    /// The question that the begin or the end of TLS on the control connection answers.
    securing: Option<Ticket>,
    reporter: Reporter,
    performer: Performer,
    displacement: Displacement,
    running: Running,
    phase: Phase,
    /// The client has ended the control connection: nothing more is read from it.
    hung_up: bool,
    used: TurnUse,
}

/// What a session has done since the other sessions had their turn.
#[derive(Clone, Copy, Default)]
struct TurnUse {
    /// Bytes of commands that it has read.
    bytes: usize,
    /// Outputs of its machine that it has performed, without those for the log.
    outputs: usize,
    /// It has written a line while the log was behind.
    log_is_behind: bool,
}

/// How far the machine was drained.
#[derive(Clone, Copy)]
enum Drained {
    /// It waits for an input, or for this moment.
    Waits(Option<Moment>),
    /// It has more to say, but first other sessions have their turn and the client takes what was said.
    More,
    /// It has closed the session.
    Closed,
    /// Something has panicked.
    Failed,
}

/// Why the task wakes up.
enum Wake {
    /// The server is being stopped.
    Phase(Phase),
    /// Some work has ended.
    Done(Box<WorkResult>),
    /// A task has panicked.
    Failed(JoinError),
    /// Something happened on the control connection.
    Control(ReadEvent),
    /// The session was displaced, or its account removed.
    Evicted(NoPlace),
    /// The operator ends the session.
    Kicked,
    /// The next deadline has come.
    Deadline,
    /// Other sessions have had their turn.
    Turn,
}

impl SessionTask {
    fn new(shared: Arc<Shared>, accepted: Accepted) -> io::Result<Self> {
        let Accepted { id, stream, from, proxied, slot, displacement, machine, running } = accepted;
        let local = plain(stream.local_addr()?);
        let public_address = shared.public.of(from.ip(), local.ip());
        let connection =
            Connection { peer: from, local, proxied, public_address, entropy: ftp_io::random::bytes()? };
        Ok(Self {
            reporter: Reporter::new(Arc::clone(&shared), id, from),
            performer: Performer::new(Context::new(
                id,
                from.ip(),
                Arc::clone(&shared),
                slot,
                running.clone(),
            )),
            shared,
            machine: server::Session::new(machine, connection),
            control: Control::new(stream, MAX_UNSENT)?,
            securing: None,
            displacement,
            running,
            phase: Phase::Serving,
            hung_up: false,
            used: TurnUse::default(),
        })
    }

    async fn run(mut self: Box<Self>) {
        self.input(Input::Start);
        let mut received = Vec::new();
        loop {
            let mut drained = self.proceed();
            if self.performer.wants_visit() {
                let Ok(visited) = Box::pin(self.visit()).await else { return };
                (self, drained) = visited;
            }
            match drained {
                Drained::Closed => break,
                Drained::Failed => break self.reporter.ends(Cause::Failed),
                Drained::Waits(_) if self.machine.is_detached() => return Box::pin(self.detached()).await,
                Drained::Waits(_) | Drained::More => {}
            }
            match self.wait(drained, &mut received).await {
                Wake::Phase(Phase::Ending) => break self.reporter.ends(Cause::Stopped),
                Wake::Phase(phase) => {
                    self.phase = phase;
                    self.input(Input::Shutdown);
                }
                Wake::Done(done) => self.finish(*done),
                Wake::Failed(error) => {
                    tracing::error!(%error, "a task of this session failed");
                    break self.reporter.ends(Cause::Failed);
                }
                Wake::Control(ReadEvent::Bytes(count)) => {
                    self.used.bytes += count;
                    self.performer.note_idle(false);
                    // A session that waits keeps no buffer.
                    self.input(Input::Bytes(&std::mem::take(&mut received)));
                }
                Wake::Control(ReadEvent::Secured(handshake)) => {
                    tracing::debug!(version = self.control.tls_version(), "TLS on the control connection");
                    self.tls_changed(Answer::Secured(handshake));
                }
                Wake::Control(ReadEvent::Cleared) => self.tls_changed(Answer::Cleared),
                Wake::Control(ReadEvent::NotSecured(why)) => self.tls_changed(Answer::Failed(why)),
                Wake::Control(ReadEvent::Room) => {}
                Wake::Control(ReadEvent::Closed) => {
                    if self.closed().is_break() {
                        break;
                    }
                    if self.machine.is_detached() {
                        return Box::pin(self.detached()).await;
                    }
                }
                // A client that reads nothing cannot be told, and keeps its place for no longer.
                Wake::Evicted(why) => {
                    self.take(ReadyAnswer::End(why));
                    if self.control.is_full() {
                        return Box::pin(self.unread()).await;
                    }
                }
                Wake::Kicked => {
                    self.reporter.kick();
                    self.input(Input::End("The operator has ended this session"));
                    if self.control.is_full() {
                        return Box::pin(self.unread()).await;
                    }
                }
                Wake::Deadline if self.give_up().is_some_and(|at| at <= self.now()) => {
                    self.reporter.ends(Cause::Unread);
                    return Box::pin(self.unread()).await;
                }
                Wake::Deadline => self.input(Input::Timeout),
                Wake::Turn => self.used = TurnUse::default(),
            }
        }
        self.ended().await;
    }

    /// The client reads nothing: it is told nothing more.
    async fn unread(mut self: Box<Self>) {
        self.input(Input::Closed);
        if self.machine.is_detached() {
            return self.detached().await;
        }
        self.tell_rest();
        self.ended().await;
    }

    /// Ends the session, whose machine is closed or not asked any more.
    async fn ended(self: Box<Self>) {
        // A24: data connections, listeners and ports are released before the last replies are sent.
        let Self { shared, performer, control, reporter, .. } = *self;
        drop(performer);
        // Boxed, so that the future of the session stays small.
        Box::pin(control.close(&shared.clock, MAX_CLOSING)).await;
        reporter.end();
    }

    /// The control connection has ended. Breaks if nothing outlives it.
    fn closed(&mut self) -> ControlFlow<()> {
        self.reporter.left();
        if self.control.has_ended() && !self.control.is_full() {
            // A file may still be received to its end; else the machine closes the session now.
            self.hung_up = true;
            self.input(Input::HungUp);
            return ControlFlow::Continue(());
        }
        // The machine may still say something, but it is asked for nothing more.
        self.input(Input::Closed);
        if self.machine.is_detached() {
            return ControlFlow::Continue(());
        }
        self.tell_rest();
        ControlFlow::Break(())
    }

    /// Tells the log what the machine still has for it. Nothing else of it counts any more.
    fn tell_rest(&mut self) {
        loop {
            match self.machine.poll() {
                Output::Event(event) => self.tell(&event),
                Output::Send(_) | Output::Ask(_) => {}
                Output::Close | Output::Wait(_) => return,
            }
        }
    }

    /// Lets work go on that outlives the control connection, which is closed: a transfer (DETA), or what changes files and
    /// was begun before. It goes on to count as this session: the operator sees and ends it, and so does whatever ends a
    /// session.
    async fn detached(self: Box<Self>) {
        let Self { shared, machine, control, reporter, performer, displacement, running, phase, .. } = *self;
        let (mut machine, mut reporter, mut performer) = (machine, reporter, performer);
        let (mut displacement, mut running, mut phase) = (displacement, running, phase);
        performer.cx.visit.note_commands(false);
        let clock = shared.clock;
        // Its last replies are sent meanwhile.
        let closing = tokio::spawn(async move { control.close(&clock, MAX_CLOSING).await });
        loop {
            let deadline = match machine.poll() {
                Output::Send(_) => continue, // the control connection is gone
                Output::Ask(ask) => {
                    performer.perform(ask);
                    continue;
                }
                Output::Event(event) => {
                    reporter.event(&event, || performer.moved());
                    performer.start_hook_after_upload(&event, &running);
                    continue;
                }
                Output::Close => break,
                Output::Wait(deadline) => deadline,
            };
            match performer.cx.next_ready() {
                Some(ReadyAnswer::Answer(ticket, answer)) => {
                    machine.input(clock.now(), Input::Answer(ticket, answer));
                    continue;
                }
                Some(ReadyAnswer::Done(done)) => {
                    performer.finish(*done, |input| machine.input(clock.now(), input));
                    continue;
                }
                Some(ReadyAnswer::End(why)) => {
                    machine.input(clock.now(), Input::End(&why.to_string()));
                    continue;
                }
                None => {}
            }
            tokio::select! {
                biased;
                next = running.phase_after(phase) => {
                    phase = next;
                    if phase == Phase::Ending {
                        reporter.ends(Cause::Stopped);
                        break;
                    }
                    machine.input(clock.now(), Input::Shutdown);
                }
                why = displacement.wait() => {
                    reporter.displace(why);
                    machine.input(clock.now(), Input::End(&why.to_string()));
                }
                () = reporter.kicked() => {
                    reporter.kick();
                    machine.input(clock.now(), Input::End("kicked"));
                }
                done = performer.next_done() => match done {
                    Ok(done) => performer.finish(done, |input| machine.input(clock.now(), input)),
                    Err(error) => {
                        tracing::error!(%error, "a task of this session failed");
                        break;
                    }
                },
                () = clock.sleep_until(deadline) => machine.input(clock.now(), Input::Timeout),
            }
        }
        drop(performer);
        // It ends in time, and cannot fail.
        let _ = closing.await;
        reporter.end();
    }

    /// Waits for whatever comes first. A client whose commands have come in great number keeps no other
    /// session waiting: nothing more of it is read or done before the others have had their turn.
    async fn wait(&mut self, drained: Drained, received: &mut Vec<u8>) -> Wake {
        // All replies to what needed no wait go out in one piece.
        self.control.flush();
        let (deadline, more) = match drained {
            Drained::Waits(deadline) => (deadline, false),
            Drained::More => (None, true),
            Drained::Closed | Drained::Failed => (None, false),
        };
        self.performer.note_idle(matches!(drained, Drained::Waits(_)) && self.machine.is_idle());
        let deadline = [deadline, self.give_up()].into_iter().flatten().min();
        let turn = self.used.is_all() || more && !self.control.is_full();
        let listens = !more && !self.hung_up && !self.machine.is_full();
        let control = &mut self.control;
        let control = async { if listens { control.read_to(received).await } else { control.write().await } };
        tokio::select! {
            biased;
            phase = self.running.phase_after(self.phase) => Wake::Phase(phase),
            why = self.displacement.wait() => Wake::Evicted(why),
            () = self.reporter.kicked() => Wake::Kicked,
            done = self.performer.next_done(), if !turn => done.map_or_else(Wake::Failed, |done| Wake::Done(Box::new(done))),
            () = self.shared.clock.sleep_until(deadline) => Wake::Deadline,
            () = self.used.turn(&self.shared.backlog), if turn => Wake::Turn,
            read = control, if !turn => Wake::Control(read),
        }
    }

    /// When the session ends because the client does not read its replies.
    fn give_up(&self) -> Option<Moment> {
        self.control.behind_since().map(|since| since + MAX_BEHIND)
    }

    /// Performs outputs, and passes on what comes of them at once, until the machine waits or other sessions have their
    /// turn.
    fn proceed(&mut self) -> Drained {
        loop {
            let drained = self.drain();
            if matches!(drained, Drained::Closed) || self.used.is_all() {
                return drained;
            }
            let Some(ready) = self.performer.cx.next_ready() else { return drained };
            self.take(ready);
        }
    }

    /// Goes on in the same way on a thread that may block, where work on files is done at once.
    ///
    /// # Errors
    /// The process ends.
    async fn visit(mut self: Box<Self>) -> Result<(Box<Self>, Drained), JoinError> {
        let span = tracing::Span::current();
        blocking::spawn(move || {
            let _span = span.entered();
            let proceeded = catch_unwind(AssertUnwindSafe(|| {
                let _turn = self.performer.begin_visit();
                self.proceed()
            }));
            self.performer.cx.visit = Visit::default();
            // The panic was told when it happened; the session ends.
            (self, proceeded.unwrap_or(Drained::Failed))
        })
        .await
    }

    /// Performs outputs until the machine waits. One input can cause very many of them (refusals of
    /// millions of commands that did not fit), so it is drained in portions, as the client reads them.
    fn drain(&mut self) -> Drained {
        while !self.used.is_all() && !self.control.is_full() {
            let output = self.machine.poll();
            // What is only told to the log comes with something else.
            self.used.outputs += usize::from(!matches!(output, Output::Event(_)));
            match output {
                Output::Send(bytes) => self.control.queue(&bytes, self.shared.clock.now()),
                Output::Ask(Ask::Secure { ticket, last }) => self.begin_tls(ticket, &last),
                Output::Ask(Ask::Clear { ticket, last }) => {
                    self.securing = Some(ticket);
                    self.control.end_tls(&last);
                }
                Output::Ask(ask) => {
                    self.performer.cx.visit.note_commands(self.machine.has_commands());
                    self.performer.perform(ask);
                }
                Output::Event(event) => self.tell(&event),
                Output::Close => {
                    if self.phase != Phase::Serving {
                        self.reporter.stopped();
                    }
                    return Drained::Closed;
                }
                Output::Wait(deadline) => return Drained::Waits(deadline),
            }
        }
        Drained::More
    }

    /// Tells the log of an event, and runs the hook if it is an upload.
    fn tell(&mut self, event: &Event) {
        let has_line = !matches!(event, Event::Command(_) | Event::Replied(_));
        self.used.log_is_behind |= has_line && self.shared.backlog.is_behind();
        self.reporter.event(event, || self.performer.moved());
        self.performer.start_hook_after_upload(event, &self.running);
    }

    fn begin_tls(&mut self, ticket: Ticket, last: &[u8]) {
        match self.performer.begin_tls() {
            Ok(session) => {
                self.securing = Some(ticket);
                self.control.begin_tls(last, session);
            }
            Err(error) => self.performer.cx.answer(ticket, Answer::Failed(words(&error))),
        }
    }

    /// TLS has begun or ended on the control connection, or could not.
    fn tls_changed(&mut self, answer: Answer) {
        if let Some(ticket) = self.securing.take() {
            self.input(Input::Answer(ticket, answer));
        }
    }

    /// Passes on what needed no wait.
    fn take(&mut self, ready: ReadyAnswer) {
        match ready {
            ReadyAnswer::Answer(ticket, answer) => self.input(Input::Answer(ticket, answer)),
            ReadyAnswer::Done(done) => self.finish(*done),
            ReadyAnswer::End(why) => {
                self.reporter.displace(why);
                self.input(Input::End(&why.to_string()));
            }
        }
    }

    /// Passes on what has come of some work.
    fn finish(&mut self, done: WorkResult) {
        let now = self.now();
        self.performer.finish(done, |input| self.machine.input(now, input));
    }

    fn input(&mut self, input: Input<'_>) {
        self.machine.input(self.shared.clock.now(), input);
    }

    fn now(&self) -> Moment {
        self.shared.clock.now()
    }
}

impl TurnUse {
    /// Whether the other sessions have their turn now.
    const fn is_all(self) -> bool {
        self.log_is_behind || self.bytes >= BYTES_PER_TURN || self.outputs >= OUTPUTS_PER_TURN
    }

    /// Returns when the others have had their turn, and the log has taken the lines of this session and of others: no flood
    /// takes their room.
    async fn turn(self, backlog: &Backlog) {
        tokio::task::yield_now().await;
        if self.log_is_behind {
            backlog.caught_up().await;
        }
    }
}

/// Bytes of unsent replies beyond which no command is read.
const MAX_UNSENT: usize = 64 * 1024;
/// How long a client may be behind with reading its replies.
const MAX_BEHIND: Duration = Duration::from_secs(60);
/// How long the last replies of a session may take.
const MAX_CLOSING: Duration = Duration::from_secs(2);
/// Bytes read from the control connection before other sessions have their turn.
const BYTES_PER_TURN: usize = 4 * 1024;
/// Outputs of a machine before other sessions have their turn.
const OUTPUTS_PER_TURN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what a function returns.
    const fn result_of<A, B, T>(_: &impl Fn(A, B) -> T) -> usize {
        size_of::<T>()
    }

    #[test]
    fn a_session_that_waits_is_small() {
        let (state, task) = (size_of::<SessionTask>(), result_of(&run));
        // With the socket, the log's span and the lists of the server this is less than 8 KiB.
        assert!(state + task < 5 * 1024, "{state} and {task} bytes");
    }
}
