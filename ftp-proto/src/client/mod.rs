//! The machine of one control connection, client side: greeting, TLS, login, features, and which reply
//! answers which command.
//!
//! ```text
//!  Greeting --300/220--> (AUTH, TLS) --> Login --230--> (PROT) --> Features --211--> Ready <----> commands and replies
//!      |                                    |                                        |
//!      +------------- silence, not FTP, refused, closed ----------------------------+----> Ended(Failure)
//! ```
//!
//! This machine speaks only on the control connection. The driver opens and reads data connections, and
//! it runs TLS, which begins where [`Output::StartTls`] asks for it.
//!
//! ```
//! use ftp_proto::client::{Config, Event, Input, Output, Session};
//! use ftp_proto::command::Command;
//! use ftp_proto::dialect::Dialect;
//! use ftp_proto::timer::Moment;
//! use ftp_proto::wire::{PathName, Secret};
//!
//! /// Performs what the session asks for; here the connection is a list of lines.
//! fn drain(session: &mut Session, sent: &mut Vec<String>, events: &mut Vec<Event>) {
//!     loop {
//!         match session.poll() {
//!             Output::Send(bytes) => sent.push(String::from_utf8(bytes).unwrap()),
//!             Output::Event(event) => events.push(event),
//!             Output::StartTls | Output::Close | Output::Wait(_) => return,
//!         }
//!     }
//! }
//!
//! let config = Config { user: b"ann".to_vec(), password: Some(Secret::new("secret")), ..Config::default() };
//! let now = Moment::START;
//! let (mut sent, mut events) = (Vec::new(), Vec::new());
//!
//! let mut session = Session::new(config, now);
//! let replies = b"220 ready\r\n331 password?\r\n230 welcome\r\n502 no FEAT here\r\n";
//! session.input(now, Input::Bytes(replies));
//! drain(&mut session, &mut sent, &mut events);
//! assert_eq!(sent, ["USER ann\r\n", "PASS secret\r\n", "FEAT\r\n"]);
//! assert!(matches!(events.last(), Some(Event::Ready { dialect: Dialect::Rfc959, .. })));
//!
//! let id = session.send(now, Command::Size(PathName::from_user("a.txt").unwrap()), None);
//! session.input(now, Input::Bytes(b"213 5\r\n"));
//! drain(&mut session, &mut sent, &mut events);
//! assert!(matches!(events.last(), Some(Event::Reply { to, .. }) if *to == id));
//! ```

mod abort;
mod control;
mod interface;
mod setup;
mod standing;
#[cfg(test)]
mod tests;

pub use abort::SYNCH;
pub use interface::{CommandId, Config, Event, Failure, Input, Output, Security, Timer};
pub use standing::{Standing, UnusedListener};

use crate::command::{Command, Verb};
use crate::feature::Capabilities;
use crate::reply::{Class, Reply, classify, ends_session};
use crate::timer::Moment;
use abort::Abort;
use control::{Control, Owner, Pending, WaitingCommand};
use setup::Setup;
use std::collections::VecDeque;
use std::time::Duration;

/// The machine of one control connection, client side.
#[derive(Debug)]
pub struct Session {
    stage: Stage,
    control: Control,
    held: VecDeque<WaitingCommand>,
    next: u64,
    quitting: bool,
    /// The server has sent at least one byte.
    received: bool,
    /// The reply with which the server announced that it will close the connection.
    farewell: Option<Reply>,
}

/// What the session is doing.
#[derive(Debug)]
enum Stage {
    /// Greeting, TLS, login, features.
    Setup(Setup),
    /// Commands of the caller are sent at once.
    Ready,
    /// Commands of the caller wait for the end of the abort.
    Aborting(Abort),
}

impl Session {
    /// Creates a session that waits for the greeting from `now` on.
    pub fn new(config: Config, now: Moment) -> Self {
        let mut control = Control::new(config);
        Self {
            stage: Stage::Setup(Setup::begin(now, &mut control)),
            control,
            held: VecDeque::new(),
            next: 0,
            quitting: false,
            received: false,
            farewell: None,
        }
    }

    /// Tells the session what happened. Drain [`Session::poll`] afterwards.
    pub fn input(&mut self, now: Moment, input: Input<'_>) {
        if self.control.is_over() {
            return;
        }
        match input {
            Input::Bytes(bytes) => self.bytes(now, bytes),
            Input::Secured => {
                if let Stage::Setup(setup) = &mut self.stage {
                    setup.secured(now, &mut self.control);
                }
            }
            Input::Closed => self.closed(),
            Input::Timeout => self.timeout(now),
            Input::Abort => self.abort(now),
            Input::Quit => self.quit(now),
        }
    }

    /// Sends a command and returns its id, which [`Event::Reply`] carries.
    ///
    /// Several commands may be under way; replies are matched in order, except for STAT, which a
    /// server may answer during a transfer. Before [`Event::Ready`] (or [`Event::TakesMore`], if that comes) and
    /// during an abort commands wait for their turn. After the end of the session and after [`Input::Quit`] they are not sent.
    ///
    /// `patience` replaces the reply timeout for this command, for example for HASH of a large file. A
    /// preliminary reply starts the timeout anew. Without `patience`, only the first reply to a
    /// transfer command is timed, because only the driver sees whether the data moves; with it, the
    /// whole transfer is.
    pub fn send(&mut self, now: Moment, command: Command, patience: Option<Duration>) -> CommandId {
        let id = CommandId(self.next);
        self.next += 1;
        if !self.quitting {
            self.send_or_hold(now, Owner::Caller(id), command, patience);
        }
        id
    }

    /// Returns what the commands so far may have left behind at the server.
    pub const fn standing(&self) -> Standing {
        self.control.standing()
    }

    /// Notes that the reply to LSTN has told where the server listens, and that it has a secret for that. No command may have been
    /// sent since that uses or ends a listener.
    pub const fn note_listener(&mut self, listener: UnusedListener) {
        self.control.note_listener(listener);
    }

    /// Returns the next output. Call this until it returns [`Output::Wait`].
    pub fn poll(&mut self) -> Output {
        self.control.poll()
    }

    fn bytes(&mut self, now: Moment, bytes: &[u8]) {
        if let Stage::Setup(setup) = &self.stage {
            if setup.awaits_tls() {
                return self.control.end(Failure::Injected);
            }
            if !self.received && matches!(bytes, [TLS_ALERT | TLS_HANDSHAKE, TLS_MAJOR, ..]) {
                return self.control.end(Failure::TlsOnly);
            }
        }
        self.received |= !bytes.is_empty();
        self.control.reader.push(bytes);
        while !self.control.is_over() {
            match self.control.reader.next() {
                Ok(Some(reply)) => self.reply(now, reply),
                Ok(None) => break,
                Err(error) => self.control.end(Failure::NotFtp(error)),
            }
        }
    }

    fn closed(&mut self) {
        let failure = match self.farewell.take() {
            _ if self.quitting => Failure::Quit,
            Some(reply) => Failure::Unavailable(reply),
            None if self.awaits_greeting() => Failure::ClosedEarly,
            None => Failure::Closed,
        };
        self.control.end(failure);
    }

    fn timeout(&mut self, now: Moment) {
        while let Some(timer) = self.control.timers.fire(now) {
            match (timer, &mut self.stage) {
                (Timer::Abort, Stage::Aborting(abort)) => {
                    if abort.timeout(now, &mut self.control) {
                        self.abort_done(now);
                    }
                }
                (Timer::Reply, Stage::Setup(setup)) => {
                    if !setup.reply_timeout(now, &mut self.control) {
                        self.control.end(Failure::Silent(timer));
                    }
                }
                (Timer::Greeting, Stage::Setup(_)) if !self.received => {
                    self.control.end(Failure::NoGreeting);
                }
                (Timer::Greeting | Timer::Login | Timer::Reply | Timer::Abort | Timer::Closing, _) => {
                    self.control.end(Failure::Silent(timer));
                }
            }
        }
    }

    fn abort(&mut self, now: Moment) {
        match self.stage {
            Stage::Setup(_) => self.control.event(Event::AbortDone), // no command of the caller was sent
            Stage::Ready => self.stage = Stage::Aborting(Abort::begin(now, &mut self.control)),
            Stage::Aborting(_) => {}
        }
    }

    fn quit(&mut self, now: Moment) {
        if std::mem::replace(&mut self.quitting, true) {
            return;
        }
        if self.awaits_greeting() {
            return self.control.end(Failure::Quit);
        }
        self.control.timers.arm(Timer::Closing, now + self.control.config.reply_timeout);
        self.send_or_hold(now, Owner::Quit, Command::Quit, None);
    }

    const fn awaits_greeting(&self) -> bool {
        matches!(&self.stage, Stage::Setup(setup) if setup.awaits_greeting())
    }

    fn send_or_hold(&mut self, now: Moment, owner: Owner, command: Command, patience: Option<Duration>) {
        if self.control.is_over() {
            return;
        }
        match self.stage {
            Stage::Ready => self.control.send(now, owner, &command, patience),
            // None overtakes one that was sent before the server was known to take more.
            Stage::Setup(_) if self.control.takes_more && !self.quitting && self.held.is_empty() => {
                self.control.send(now, owner, &command, patience);
            }
            Stage::Setup(_) | Stage::Aborting(_) => {
                self.held.push_back(WaitingCommand { owner, command, patience })
            }
        }
    }

    /// Sends the commands that had to wait.
    fn release(&mut self, now: Moment) {
        self.stage = Stage::Ready;
        for WaitingCommand { owner, command, patience } in std::mem::take(&mut self.held) {
            self.control.send(now, owner, &command, patience);
        }
    }

    fn reply(&mut self, now: Moment, reply: Reply) {
        let lines = self.control.reader.take_wire();
        self.control.event(Event::Received { reply: reply.clone(), lines });
        let index = match &mut self.stage {
            Stage::Setup(setup) if setup.awaits_greeting() => {
                setup.greeting(now, reply, &mut self.control);
                return self.control.count_surplus();
            }
            Stage::Setup(_) | Stage::Ready => {
                Some(self.control.pipeline.answered_by(self.control.dialect, reply.code))
            }
            Stage::Aborting(abort) => abort.reply(reply.code, &self.control),
        };
        let Some((index, pending)) = index.and_then(|i| Some((i, *self.control.pipeline.get(i)?))) else {
            self.unasked(reply);
            return self.control.count_surplus();
        };
        let class = classify(self.control.dialect, pending.verb, reply.code);
        if class.is_final() {
            self.final_reply(now, index, pending.owner, reply, class);
        } else {
            self.intermediate_reply(now, index, pending, reply, class);
            self.control.count_surplus();
        }
    }

    /// A reply after which the command has another one to come.
    fn intermediate_reply(&mut self, now: Moment, index: usize, to: Pending, reply: Reply, class: Class) {
        if class == Class::Preliminary || to.verb == Verb::Stat {
            self.control.pipeline.start(index);
        }
        if index == 0 {
            self.control.watch(now);
        }
        if let Owner::Caller(to) = to.owner {
            self.control.event(Event::Reply { to, reply, class });
        } else if let Stage::Setup(setup) = &mut self.stage {
            setup.more(reply);
        }
    }

    fn final_reply(&mut self, now: Moment, index: usize, owner: Owner, reply: Reply, class: Class) {
        let code = reply.code;
        self.farewell = ends_session(self.control.dialect, code).then(|| reply.clone());
        if matches!(class, Class::Later | Class::Refused)
            && let Some(pending) = self.control.pipeline.get(index)
        {
            self.control.refused(pending.verb);
        }
        if owner == Owner::Probe {
            self.control.pipeline.finish_through(index);
        } else {
            self.control.pipeline.finish(index);
        }
        if index == 0 {
            self.control.watch(now);
        }
        match owner {
            Owner::Caller(to) => self.control.event(Event::Reply { to, reply, class }),
            Owner::Setup => {
                if let Stage::Setup(setup) = &mut self.stage
                    && let Some(capabilities) = setup.reply(now, reply, class, &mut self.control)
                {
                    self.ready(now, capabilities);
                }
            }
            Owner::Abort | Owner::Probe => {}
            Owner::Quit => self.control.end(Failure::Quit),
        }
        if let Stage::Aborting(abort) = &mut self.stage
            && !self.control.is_over()
            && abort.finished(now, owner, code, &mut self.control)
        {
            self.abort_done(now);
        }
    }

    fn ready(&mut self, now: Moment, capabilities: Capabilities) {
        self.control.event(Event::Ready { dialect: self.control.dialect, capabilities });
        self.release(now);
    }

    fn abort_done(&mut self, now: Moment) {
        self.control.event(Event::AbortDone);
        self.release(now);
    }

    /// A reply that answers no command: one that ends the session, a status, or a second final reply.
    /// During an abort it belongs to what was aborted.
    fn unasked(&mut self, reply: Reply) {
        match self.stage {
            Stage::Aborting(_) => {}
            Stage::Setup(_) | Stage::Ready if ends_session(self.control.dialect, reply.code) => {
                self.control.end(Failure::Unavailable(reply));
            }
            Stage::Setup(_) | Stage::Ready => self.control.unasked(reply),
        }
    }
}

/// The first two bytes of a TLS record: an alert or a handshake message, and the major version.
const TLS_ALERT: u8 = 21;
const TLS_HANDSHAKE: u8 = 22;
const TLS_MAJOR: u8 = 3;
