//! One session: inputs in, outputs out, one command after the other by its row of the verb table.

mod queue;
mod work;

use super::ask::{Event, Input, Output, Ticket};
use super::config::{Config, Connection, Timer, TlsStart};
use super::context::Context;
use super::context::parameters::{self, DetachPermit};
use super::setup::{self, arrivals};
use super::sockets::listener;
use super::transfer::{self, request};
use super::{detach, files, inform, login, tls};
use crate::command::Command;
use crate::dialect::Dialect;
use crate::reply::{Meaning, NO_TLS};
use crate::timer::Moment;
use crate::wire::{ByteRange, Secret};
use queue::{Incoming, OtherProtocol, QueuedLine, reply_bad_line, reply_not_implemented};
use std::sync::Arc;
use work::{Step, Work, begin_extension, begin_pack, begin_practice, set_waits};

/// The machine of one control connection.
#[derive(Debug)]
pub struct Session {
    cx: Context,
    incoming: Incoming,
    work: Work,
    /// Whether the greeting was said.
    greeted: bool,
    /// What the session goes on for.
    goes_on: GoesOn,
    /// BYE came during a transfer. Its reply has been sent, and the session ends after the queue.
    leaving: bool,
    /// Others need the data ports of this session.
    ports_needed: bool,
    /// The server stops.
    stopping: bool,
    /// When the last transfer or digest ended.
    worked: Option<Moment>,
}

/// What a session goes on for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum GoesOn {
    /// Commands of its client.
    Commands,
    /// The control connection has ended, and a transfer goes on to its end: an upload (A24), or what DETA lets go on.
    Transfer,
    /// The session is over for its client. What was begun changes files, and the log is owed what came of it.
    Answer,
}

impl Session {
    /// Creates a session that has said nothing yet. [`Input::Start`] makes it send the greeting.
    pub fn new(config: Arc<Config>, connection: Connection) -> Self {
        Self {
            cx: Context::new(config, connection),
            incoming: Incoming::new(),
            work: Work::Idle,
            greeted: false,
            goes_on: GoesOn::Commands,
            leaving: false,
            ports_needed: false,
            stopping: false,
            worked: None,
        }
    }

    /// Takes one input, which came at `now`. Drain the session with [`Self::poll`] afterwards.
    pub fn input(&mut self, now: Moment, input: Input<'_>) {
        if matches!(self.work, Work::Closed) {
            return;
        }
        self.cx.now = now;
        match input {
            Input::Start if self.cx.config.tls.begin == TlsStart::Implicit => {
                self.work = Work::Securing(tls::implicit(&mut self.cx));
            }
            Input::Start => self.greet(),
            Input::Bytes(bytes) if self.goes_on == GoesOn::Commands => self.bytes(bytes),
            Input::Bytes(_) => {}
            Input::Closed => self.closed(false),
            Input::HungUp => self.closed(true),
            Input::Answer(ticket, answer) => {
                let step = self.work.answered(&mut self.cx, ticket, answer);
                self.after(step);
            }
            Input::Arrived { listener, conn, from } => {
                let step = self.work.arrived(&mut self.cx, listener, (conn, from));
                self.after(step);
            }
            Input::Data { conn, bytes } => self.tell_transfer(transfer::Input::Data { conn, bytes }),
            Input::Lost(conn) if self.cx.sockets.kept.lost(conn, &mut self.cx.out) => {}
            Input::Lost(conn) => self.tell_transfer(transfer::Input::Lost(conn)),
            Input::Timeout => {
                while let Some(timer) = self.cx.timers.fire(now) {
                    self.fired(timer);
                }
            }
            Input::PortsNeeded => {
                self.ports_needed = true;
                self.tell_transfer(transfer::Input::PortNeeded);
            }
            Input::ConnectionsNeeded => {
                if self.cx.sockets.kept.close_all(&mut self.cx.out) {
                    self.cx.out.event(Event::GaveConnectionsUp);
                }
            }
            Input::GroupTaken(group) => self.cx.groups.taken(group, &mut self.cx.out),
            Input::Shutdown => self.stopping = true,
            Input::End(_) if self.goes_on == GoesOn::Answer => {}
            Input::End(why) => {
                self.cx.out.reply(Meaning::Unavailable, why);
                self.end();
            }
        }
    }

    /// The control connection has ended: in order, or it has broken.
    fn closed(&mut self, in_order: bool) {
        if self.goes_on == GoesOn::Answer || self.detaches() {
            return;
        }
        if let Work::Transfer(transfer) = &self.work
            && in_order
            && transfer.outlives_control()
        {
            self.goes_on = GoesOn::Transfer;
            self.incoming.clear();
            return self.tell_transfer(transfer::Input::HungUp);
        }
        if self.work.changes_files() {
            self.cx.out.drop_replies();
        } else {
            self.cx.out.discard(); // A24: the driver releases everything
        }
        self.end();
    }

    /// Returns the next output. After [`Output::Wait`] there is none until the next input.
    pub fn poll(&mut self) -> Output {
        loop {
            if let Some(output) = self.cx.out.pop() {
                return output;
            }
            if !self.advance() {
                self.set_idle_timers();
                return Output::Wait(self.cx.timers.next());
            }
        }
    }

    fn greet(&mut self) {
        self.greeted = true;
        let no_tls = if tls::is_absent(&self.cx.config) { NO_TLS } else { "" };
        let text = format!("{} ready{no_tls}", self.cx.config.software);
        self.cx.out.reply(Meaning::Ready, text);
    }

    /// Whether the driver must stop reading: the queue is full and the current command is not finished. So no
    /// client makes the session hold more.
    pub fn is_full(&self) -> bool {
        self.incoming.queue.is_full() && !self.work.accepts_urgent_commands()
    }

    /// Whether commands wait for the one that is being carried out.
    pub fn has_commands(&self) -> bool {
        !self.incoming.queue.is_empty()
    }

    /// Whether no command is being carried out and no transfer is under way: the session waits for its client.
    pub const fn is_idle(&self) -> bool {
        matches!(self.work, Work::Idle)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if let Work::Securing(_) = self.work {
            return; // nothing in clear counts any more
        }
        match self.incoming.push(bytes) {
            Ok(()) => self.read_lines(),
            Err(other) => self.refuse(other),
        }
    }

    /// Takes the lines that have come into the queue. What does not fit stays where it is, but not during
    /// work that ABOR may end: then every line is looked at.
    fn read_lines(&mut self) {
        if matches!(self.work, Work::Closed) {
            return;
        }
        let urgent = self.work.accepts_urgent_commands();
        if let Err(other) = self.incoming.read(&mut self.cx, urgent) {
            self.refuse(other);
        }
    }

    /// Ends the session of a client that does not speak FTP.
    fn refuse(&mut self, OtherProtocol(name): OtherProtocol) {
        self.cx.out.event(Event::NotFtp(name));
        self.end();
    }

    /// Takes the next step that needs no input. Returns whether there was one.
    fn advance(&mut self) -> bool {
        self.read_lines();
        let dialect = self.cx.config.dialect;
        let next = match &self.work {
            Work::Closed | Work::Securing(_) | Work::Login(_) | Work::Setup(_) | Work::Status(_) => None,
            Work::Idle if self.goes_on != GoesOn::Commands => {
                self.end();
                return true;
            }
            Work::Idle if self.stopping && !self.may_complete() => {
                self.stop();
                return true;
            }
            Work::Idle if std::mem::take(&mut self.ports_needed) => {
                self.cx.sockets.give_ports_up(&mut self.cx.out);
                self.cx.out.event(Event::GavePortsUp);
                return true;
            }
            Work::Idle => {
                let next = self.incoming.queue.pop();
                if next.is_none() && self.leaving {
                    self.end();
                    return true;
                }
                next
            }
            Work::File(question) if question.purpose.is_long() => {
                let has_status = question.purpose.waits_for_room();
                let is_urgent =
                    |waiting: &QueuedLine| waiting.is_abort() || (has_status && waiting.is_status());
                self.incoming.queue.pop_unless(|waiting| !is_urgent(waiting))
            }
            Work::File(_) => None,
            // The answers to two STATs must not be mixed up.
            Work::Transfer(transfer) if transfer.has_stat() => None,
            Work::Transfer(_) => {
                self.incoming.queue.pop_unless(|waiting| waiting.waits_for_transfer(dialect))
            }
        };
        let Some(next) = next else { return false };
        self.cx.timers.disarm(Timer::Idle); // it starts again when there is nothing to do
        self.take(next);
        true
    }

    /// Whether the client may still complete what it has moved or digested, although the server stops.
    fn may_complete(&self) -> bool {
        self.worked.is_some_and(|at| self.cx.now < at + self.cx.config.timeouts.stopping)
    }

    /// Ends the session because the server stops.
    fn stop(&mut self) {
        self.cx.out.reply(Meaning::Unavailable, "The server is stopping");
        self.end();
    }

    /// One line, when its turn has come.
    fn take(&mut self, waiting: QueuedLine) {
        if let Some(shown) = waiting.shown(self.cx.config.dialect) {
            self.cx.out.event(Event::Command(shown));
        }
        let verb = waiting.verb();
        // A transfer command uses the restart point up, even when it fails (E14).
        let (moves_data, directions) = (waiting.moves_data(), waiting.directions());
        let range = if moves_data { self.cx.parameters.range.take() } else { None };
        if queue::may_run(&mut self.cx, &waiting, matches!(self.work, Work::Transfer(_))) {
            if self.stopping && moves_data {
                return self.stop();
            }
            if verb.is_some_and(listener::is_closed_by) {
                self.cx.sockets.kept.close_all(&mut self.cx.out);
                self.cx.sockets.secret_spent = false;
            }
            self.run_waiting(waiting, range);
        }
        // The peer may have begun to send the file that was refused.
        if !matches!(self.work, Work::Transfer(_)) && moves_data {
            self.cx.parameters.detach = None;
            for direction in directions {
                self.cx.sockets.kept.close(*direction, &mut self.cx.out);
            }
        }
    }

    fn run_waiting(&mut self, waiting: QueuedLine, range: Option<ByteRange>) {
        match waiting {
            QueuedLine::Command(command) => {
                self.cx.parameters.named.take_if(|named| !named.is_for(&command)); // E22
                self.execute(command, range.unwrap_or_default());
            }
            QueuedLine::BadLine(error, _) => reply_bad_line(&mut self.cx, &error),
            QueuedLine::TooLong => self.cx.out.reply(Meaning::TooLong, "That line is too long"),
            QueuedLine::Overflow(_) => {
                let text = "Too many commands were waiting; this one was dropped";
                self.cx.out.reply(Meaning::BadSequence, text);
            }
        }
    }

    /// One command; a transfer moves `range` of its file.
    fn execute(&mut self, command: Command, range: ByteRange) {
        let Self { cx, work, .. } = self;
        match command {
            Command::User(name) => work.wait(login::user(cx, name)),
            Command::Pass(password) => work.wait(login::pass(cx, password)),
            Command::Acct(account) => self.acct(&account),
            Command::Rein => self.change_tls(tls::rein),
            Command::Quit => self.quit(),
            Command::Auth(mechanism) => self.change_tls(|cx| tls::auth(cx, &mechanism)),
            Command::Pbsz(_) => tls::pbsz(cx),
            Command::Prot(level) => tls::prot(cx, level),
            Command::Ccc => tls::ccc(cx),
            Command::Sscn(client) => tls::sscn(cx, client),
            Command::Pinc(pin) => tls::pinc(cx, pin),
            Command::Type(data_type) => cx.parameters.set_type(data_type, &mut cx.out),
            Command::Mode(mode) => cx.parameters.set_mode(mode, &mut cx.out),
            Command::Stru(structure) => parameters::set_structure(structure, &mut cx.out),
            Command::Byte(size) => parameters::set_byte(size, &mut cx.out),
            Command::Sock(target) => work.wait(setup::sock(cx, target)),
            Command::Lstn(direction) => work.wait(setup::lstn(cx, direction)),
            Command::Pasv => work.wait(setup::pasv(cx)),
            Command::Actv => setup::actv(cx),
            Command::Gsoc => work.wait(setup::gsoc(cx)),
            Command::Port(target) => work.wait(setup::port(cx, target.into())),
            Command::Eprt(target) => work.wait(setup::port(cx, target)),
            Command::EprtUnknown(_) => work.wait(setup::unknown_family(cx)),
            Command::Cpsv => work.wait(setup::cpsv(cx)),
            Command::Epsv(family) => work.wait(setup::epsv(cx, family)),
            Command::Rndz(secret) => setup::rndz(cx, secret),
            Command::Retr(name) => work.transfer(request::retr(cx, &name, range), cx),
            Command::Stor(name) => work.transfer(request::stor(cx, &name, range), cx),
            Command::Appe(name) => work.transfer(request::appe(cx, &name, range), cx),
            Command::Stou => work.transfer(request::stou(cx), cx),
            Command::Rest(offset) => cx.parameters.set_restart(offset, &mut cx.out),
            Command::Rang(range) => cx.parameters.set_range(range, &mut cx.out),
            Command::List(of) | Command::ListAll(of) => work.transfer(request::list(cx, of.as_ref()), cx),
            Command::Nlst(of) | Command::NlstAll(of) => work.transfer(request::nlst(cx, of.as_ref()), cx),
            Command::Mlsd(name) => work.transfer(request::mlsd(cx, name.as_ref()), cx),
            Command::Mlst(name) => work.wait(files::mlst(cx, name.as_ref())),
            Command::Size(name) => work.wait(files::size(cx, &name)),
            Command::Mdtm(name) => work.wait(files::mdtm(cx, &name)),
            Command::Pret(next) => work.wait(files::pret(cx, &next)),
            Command::Hash(name) => work.wait(files::hash(cx, name)),
            Command::XDigest(digest, name, range) => work.wait(files::x_digest(cx, digest, name, range)),
            Command::Rnfr(name) => work.wait(files::rnfr(cx, &name)),
            Command::Rnto(name) => work.wait(files::rnto(cx, &name)),
            Command::Dele(name) => work.wait(files::dele(cx, &name)),
            Command::Mkd(name) => work.wait(files::mkd(cx, &name)),
            Command::Rmd(name) => work.wait(files::rmd(cx, &name)),
            Command::Cwd(name) => work.wait(files::cwd(cx, &name)),
            Command::Cdup => work.wait(files::cdup(cx)),
            Command::Pwd => files::pwd(cx),
            Command::Abor => self.abort(),
            Command::Stat(Some(name)) => work.wait(files::stat(cx, &name)),
            Command::Stat(None) => self.status(),
            Command::Noop => cx.out.reply(Meaning::Okay, "NOOP done"),
            Command::Allo(bytes) => cx.parameters.allocate(bytes, &mut cx.out),
            Command::Detached(detached) => work.wait(detach::begin(cx, detached)),
            Command::Extension(extension) => work.transfer(begin_extension(cx, extension), cx),
            Command::Pack(command) => begin_pack(cx, work, *command, range),
            Command::Practice(practice) => work.wait(begin_practice(cx, practice)),
            Command::Syst => cx.out.reply(Meaning::SystemName, "UNIX Type: L8"),
            Command::Help(verb) => inform::help(cx, verb.as_deref()),
            Command::Feat => inform::feat(cx),
            Command::Opts(opts) => cx.parameters.set_option(opts, &mut cx.out),
            Command::Other(verb, _) => reply_not_implemented(cx, verb),
            Command::GridFtp(command) => reply_not_implemented(cx, command.verb()),
        }
    }

    /// STAT without a path. What is under way tells how far it is.
    fn status(&mut self) {
        let Self { cx, work, .. } = self;
        if let Work::Transfer(_) = work {
            self.tell_transfer(transfer::Input::Status);
        } else if let Work::File(question) = work {
            question.purpose.say_waits(cx);
        } else {
            work.wait(inform::stat(cx));
        }
    }

    /// ABOR: what is under way ends at once, with a reply of its own before that of ABOR.
    fn abort(&mut self) {
        self.cx.parameters.range = None; // E14
        self.cx.sockets.kept.close_all(&mut self.cx.out);
        let step = self.work.abort(&mut self.cx);
        self.after(step);
    }

    fn tell_transfer(&mut self, input: transfer::Input<'_>) {
        let step = self.work.tell_transfer(&mut self.cx, input);
        self.after(step);
    }

    /// What follows from a step of the work.
    fn after(&mut self, step: Step) {
        match step {
            Step::Same => {}
            Step::Ended => self.worked = Some(self.cx.now),
            Step::Secured if !self.greeted => self.greet(),
            Step::Secured => {}
            Step::Failed => self.end(),
        }
    }

    /// ACCT: the last step of a login, where the account asks for it.
    fn acct(&mut self, account: &Secret) {
        if login::acct(&mut self.cx, account).is_break() {
            self.end();
        }
    }

    /// TLS begins or ends on the control connection. What was pipelined behind the command is dropped,
    /// because anybody could have sent what came in clear.
    fn change_tls(&mut self, begin: impl FnOnce(&mut Context) -> Option<Ticket>) {
        if let Some(ticket) = begin(&mut self.cx) {
            self.incoming.begin_anew();
            self.work = Work::Securing(ticket);
        }
    }

    /// QUIT and BYE. During a transfer BYE of 1973 is answered at once, and the session ends after the
    /// transfer (A21).
    fn quit(&mut self) {
        if matches!(self.work, Work::Transfer(_)) && self.cx.config.dialect == Dialect::Rfc354 {
            if !self.leaving {
                self.cx.out.reply(Meaning::GoodbyeLater, "Goodbye when the transfer is done");
            }
            self.leaving = true;
        } else {
            self.cx.out.reply(Meaning::Goodbye, "Goodbye");
            self.end();
        }
    }

    fn fired(&mut self, timer: Timer) {
        match timer {
            Timer::Login | Timer::Idle => {
                self.cx.timed_out(timer);
                let text = format!("Nothing for too long ({}), goodbye", timer.name());
                self.cx.out.reply(Meaning::Unavailable, text);
                self.end();
            }
            Timer::Question => {
                self.cx.timed_out(timer);
                let text = "Local error: no answer from this server's own parts";
                self.cx.out.reply(Meaning::Unavailable, text);
                self.close();
            }
            Timer::ListenIdle => {
                self.cx.timed_out(timer);
                let limit = self.cx.config.timeouts.listen_idle;
                self.cx.sockets.close_idle(self.cx.now, limit, &mut self.cx.out);
            }
            Timer::Handshake if matches!(self.work, Work::Securing(_)) => {
                self.cx.timed_out(timer);
                self.end();
            }
            Timer::Stopping => {} // `advance` ends the session now
            Timer::Held => arrivals::drop_old(&mut self.cx),
            Timer::Kept => {
                self.cx.timed_out(timer);
                let limit = self.cx.config.timeouts.kept;
                self.cx.sockets.kept.close_old(self.cx.now, limit, &mut self.cx.out);
            }
            Timer::Group => {
                self.cx.timed_out(timer);
                let limit = self.cx.config.timeouts.group;
                self.cx.groups.drop_old(self.cx.now, limit, &mut self.cx.out);
            }
            Timer::KeepAlive => {
                if let Work::File(question) = &mut self.work {
                    question.purpose.keep_alive(&mut self.cx);
                }
            }
            Timer::Room if matches!(self.work, Work::File(_)) => self.work.no_room(&mut self.cx),
            Timer::Room
            | Timer::PeerArrival
            | Timer::Hello
            | Timer::Proof
            | Timer::Connect
            | Timer::Retry
            | Timer::Handshake
            | Timer::Detached
            | Timer::Stall => {
                self.tell_transfer(transfer::Input::Fired(timer));
            }
        }
    }

    /// Sets the timers that depend on nothing but the state.
    fn set_idle_timers(&mut self) {
        if matches!(self.work, Work::Closed) {
            return;
        }
        let idle = matches!(self.work, Work::Idle);
        let worked = self.worked.filter(|_| idle && self.stopping);
        set_waits(&mut self.cx, idle, worked);
    }

    /// Whether the session goes on without its control connection, which is to be closed: for a transfer (DETA), or for
    /// the answer to a question that changes files. Then its driver passes on what ends work, and says nothing more.
    pub const fn is_detached(&self) -> bool {
        self.cx.out.drops_replies() && !matches!(self.work, Work::Closed)
    }

    /// Whether the session is over but for the answer to a question that changes files.
    pub const fn awaits_last_answer(&self) -> bool {
        matches!(self.goes_on, GoesOn::Answer) && !matches!(self.work, Work::Closed)
    }

    /// The control connection has ended. Returns whether DETA lets a transfer go on without it.
    fn detaches(&mut self) -> bool {
        let Work::Transfer(transfer) = &self.work else { return false };
        let Some(DetachPermit { id, time }) = transfer.outlives() else { return false };
        let may_be_cut = transfer.outlives_control();
        self.cx.out.drop_replies();
        self.goes_on = GoesOn::Transfer;
        self.incoming.clear();
        self.cx.arm(Timer::Detached, time);
        self.cx.out.event(Event::Detached { id });
        if may_be_cut {
            self.tell_transfer(transfer::Input::HungUp);
        }
        true
    }

    /// Ends the session. Only queued replies are still sent. What was begun and changes files is first answered, so that
    /// the log has it and the hook after an upload runs.
    fn end(&mut self) {
        if self.goes_on == GoesOn::Answer || !self.work.changes_files() {
            return self.close();
        }
        self.goes_on = GoesOn::Answer;
        self.incoming.clear();
        self.cx.out.say_nothing_more();
        self.cx.sockets.reset(&mut self.cx.out);
        self.cx.timers.clear();
        self.cx.await_answer();
        let step = self.work.session_ends(&mut self.cx);
        self.after(step);
    }

    /// Closes the session now.
    fn close(&mut self) {
        if let Work::File(question) = &mut self.work {
            question.purpose.unanswered(&mut self.cx);
        }
        if let Work::Transfer(transfer) = &mut self.work {
            transfer.end(&mut self.cx);
        }
        self.cx.groups.end(&mut self.cx.out);
        self.cx.out.close();
        self.work = Work::Closed;
        self.cx.timers.clear();
        self.incoming.clear();
        self.cx.sockets.rendezvous = None;
        self.cx.sockets.kept.forget();
    }
}
