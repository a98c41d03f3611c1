//! What a session is doing, what PACK and the commands of drafts, of today's practice and of this suite alone begin, and the
//! timers that follow from the state of a session.

use crate::command::{Extension, Pack, Practice};
use crate::dialect::Dialect;
use crate::reply::Meaning;
use crate::server::ask::{Answer, Ask, ConnId, Ticket};
use crate::server::config::Timer;
use crate::server::context::{Context, Question};
use crate::server::files::{self, Waits};
use crate::server::setup::{self, arrivals};
use crate::server::sockets::listener::Listener;
use crate::server::transfer::request::{self, Request};
use crate::server::transfer::{self, Transfer, pack, reply_aborted, reply_idle_abort};
use crate::server::{detach, inform, login, tls};
use crate::timer::Moment;
use crate::wire::ByteRange;
use std::net::SocketAddr;
use std::sync::Arc;

/// What the session is doing. A timer ends everything but `Idle` and `Closed`.
#[derive(Debug)]
pub(super) enum Work {
    /// Nothing: the next command may come.
    Idle,
    /// TLS begins or ends on the control connection: nothing that comes meanwhile counts.
    Securing(Ticket),
    /// PASS waits for the driver; so do later commands.
    Login(Question<login::Request>),
    /// A command that sets up a data connection waits for the driver; so do later commands.
    Setup(Question<setup::Request>),
    /// STAT waits for the driver; so do later commands.
    Status(Question<inform::Status>),
    /// A command about files waits for the driver; so do later commands.
    File(Question<files::Request>),
    /// A transfer is under way.
    Transfer(Box<Transfer>),
    /// The session is closed: nothing goes in or out any more.
    Closed,
}

/// What a step of the work means for the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(super) enum Step {
    /// Nothing changes for the session.
    Same,
    /// A transfer or a digest has ended.
    Ended,
    /// TLS has begun or ended on the control connection.
    Secured,
    /// The session has to end.
    Failed,
}

impl Work {
    /// Whether a command may come that must not wait for those before it: ABOR and STAT.
    pub(super) const fn accepts_urgent_commands(&self) -> bool {
        match self {
            Self::Transfer(_) => true,
            Self::File(question) => question.purpose.is_long(),
            Self::Idle
            | Self::Securing(_)
            | Self::Login(_)
            | Self::Setup(_)
            | Self::Status(_)
            | Self::Closed => false,
        }
    }

    /// Whether the driver does something that changes files, of which the log is owed what comes of it.
    pub(super) const fn changes_files(&self) -> bool {
        match self {
            Self::Transfer(transfer) => transfer.changes_files(),
            Self::File(question) => question.purpose.changes_files(),
            Self::Idle
            | Self::Securing(_)
            | Self::Login(_)
            | Self::Setup(_)
            | Self::Status(_)
            | Self::Closed => false,
        }
    }

    /// A command waits for a question, if it has one.
    pub(super) fn wait(&mut self, question: Option<impl Into<Self>>) {
        if let Some(question) = question {
            *self = question.into();
        }
    }

    /// A transfer begins, unless its command was refused.
    pub(super) fn transfer(&mut self, request: Option<Request>, cx: &mut Context) {
        if let Some(request) = request {
            let transfer = Transfer::begin(cx, request);
            // PROB may have failed at once.
            if !transfer.is_over() {
                *self = Self::Transfer(Box::new(transfer));
            }
        }
    }

    /// Passes an input to the transfer that is under way, if there is one.
    pub(super) fn tell_transfer(&mut self, cx: &mut Context, input: transfer::Input<'_>) -> Step {
        let Self::Transfer(transfer) = self else { return Step::Same };
        transfer.input(cx, input);
        if !transfer.is_over() {
            return Step::Same;
        }
        *self = Self::Idle;
        Step::Ended
    }

    /// ABOR: ends the work, with a reply of its own before that of ABOR.
    pub(super) fn abort(&mut self, cx: &mut Context) -> Step {
        match self {
            Self::Idle | Self::Securing(_) | Self::Closed => {
                reply_idle_abort(cx);
                Step::Same
            }
            Self::Login(Question { ticket, .. })
            | Self::Setup(Question { ticket, .. })
            | Self::Status(Question { ticket, .. }) => {
                cx.out.ask(Ask::Cancel(*ticket));
                cx.timers.disarm(Timer::Question);
                *self = Self::Idle;
                reply_aborted(cx);
                Step::Same
            }
            Self::File(Question { ticket, purpose }) => {
                if purpose.stop(cx, *ticket) {
                    return Step::Same;
                }
                cx.out.ask(Ask::Cancel(*ticket));
                cx.timers.disarm(Timer::Question);
                purpose.aborted(cx);
                *self = Self::Idle;
                Step::Ended
            }
            Self::Transfer(_) => self.tell_transfer(cx, transfer::Input::Abort),
        }
    }

    /// The session ends as soon as the answer to what is under way has come.
    pub(super) fn session_ends(&mut self, cx: &mut Context) -> Step {
        if let Self::File(Question { ticket, purpose }) = self {
            purpose.stop(cx, *ticket);
        } else if let Self::Transfer(_) = self {
            return self.tell_transfer(cx, transfer::Input::SessionEnds);
        }
        Step::Same
    }

    /// A command about files has waited for room for too long.
    pub(super) fn no_room(&mut self, cx: &mut Context) {
        if let Self::File(_) = self
            && let Self::File(Question { ticket, purpose }) = std::mem::replace(self, Self::Idle)
        {
            cx.out.ask(Ask::Cancel(ticket));
            purpose.no_room(cx);
        }
    }

    /// Takes an answer of the driver. An answer that nothing waits for is disposed of.
    pub(super) fn answered(&mut self, cx: &mut Context, ticket: Ticket, answer: Answer) -> Step {
        let Some(answer) = arrivals::handshake(cx, ticket, answer) else { return Step::Same };
        match std::mem::replace(self, Self::Idle) {
            Self::Securing(asked) if asked == ticket => {
                if tls::secured(cx, answer).is_break() {
                    Step::Failed
                } else {
                    Step::Secured
                }
            }
            Self::Login(question) if question.ticket == ticket => {
                cx.timers.disarm(Timer::Question);
                if question.purpose.answered(cx, answer).is_break() { Step::Failed } else { Step::Same }
            }
            Self::Setup(question) if question.ticket == ticket => {
                cx.timers.disarm(Timer::Question);
                self.wait(question.purpose.answered(cx, ticket, answer));
                Step::Same
            }
            Self::Status(question) if question.ticket == ticket => {
                cx.timers.disarm(Timer::Question);
                question.purpose.answered(cx, answer);
                Step::Same
            }
            Self::File(question) if question.ticket == ticket => {
                cx.timers.disarm(Timer::Question);
                let step = if question.purpose.is_long() { Step::Ended } else { Step::Same };
                self.wait(question.purpose.answered(cx, answer));
                step
            }
            transfer @ Self::Transfer(_) => {
                *self = transfer;
                self.tell_transfer(cx, transfer::Input::Answer(ticket, answer))
            }
            other @ (Self::Securing(_)
            | Self::Login(_)
            | Self::Setup(_)
            | Self::Status(_)
            | Self::File(_)
            | Self::Idle
            | Self::Closed) => {
                *self = other;
                cx.out.unwanted(answer);
                Step::Same
            }
        }
    }

    /// Takes a connection that has arrived at a listener.
    pub(super) fn arrived(
        &mut self,
        cx: &mut Context,
        listener: Ticket,
        (conn, from): (ConnId, SocketAddr),
    ) -> Step {
        if let Self::Transfer(transfer) = self
            && transfer.awaits(listener)
        {
            return self.tell_transfer(cx, transfer::Input::Arrived { conn, from });
        }
        let may_wait = matches!(self, Self::Transfer(_) | Self::Status(_));
        if !may_wait && cx.config.strict_listen && !cx.sockets.is_passive(listener) {
            arrivals::stranger(cx, listener, conn, from); // C11
        } else {
            arrivals::arrived(cx, listener, conn, from);
        }
        Step::Same
    }
}

impl From<Question<login::Request>> for Work {
    fn from(question: Question<login::Request>) -> Self {
        Self::Login(question)
    }
}

impl From<Question<setup::Request>> for Work {
    fn from(question: Question<setup::Request>) -> Self {
        Self::Setup(question)
    }
}

impl From<Question<inform::Status>> for Work {
    fn from(question: Question<inform::Status>) -> Self {
        Self::Status(question)
    }
}

impl From<Question<detach::Request>> for Work {
    fn from(Question { ticket, purpose }: Question<detach::Request>) -> Self {
        Self::Setup(Question { ticket, purpose: setup::Request::Detach(purpose) })
    }
}

impl From<Question<files::Request>> for Work {
    fn from(question: Question<files::Request>) -> Self {
        Self::File(question)
    }
}

/// Begins what the command asks for; REST or RANG has given `range`.
pub(super) fn begin_pack(cx: &mut Context, work: &mut Work, command: Pack, range: ByteRange) {
    match command {
        Pack::Look(directory, names) => work.wait(files::pack::look(cx, &directory, names)),
        Pack::Same(directory, files) => work.wait(files::pack::same(cx, &directory, files)),
        Pack::Delete(directory, files) => work.wait(files::pack::delete(cx, &directory, files)),
        Pack::Send(directory, files) => work.transfer(pack::send(cx, &directory, files, range), cx),
        Pack::Store(group, directory, files) => {
            work.transfer(pack::store(cx, group, &directory, files, range), cx);
        }
        Pack::Keep(group, numbers) => work.wait(files::pack::keep(cx, group, numbers)),
        Pack::Drop(group) => work.wait(files::pack::drop_group(cx, group)),
    }
}

/// Serves a command. Returns the question that it waits for, if its reply has not been sent.
pub(super) fn begin_practice(cx: &mut Context, practice: Practice) -> Waits {
    match practice {
        Practice::Mfmt(time, name) => return files::mfmt(cx, time, &name),
        Practice::Mff(facts, name) => return files::mff(cx, &facts, &name),
        Practice::Avbl(name) => return files::avbl(cx, name.as_ref()),
        Practice::Site(site) => return files::site(cx, site),
        Practice::Clnt(_) => cx.out.reply(Meaning::Okay, "Noted"),
        Practice::Csid(_) => inform::csid(cx),
        Practice::Host(name) => inform::host(cx, &name),
        Practice::Lang(language) => inform::lang(cx, language.as_deref()),
        Practice::Cepr(on) => cx.parameters.set_names_address(on, &mut cx.out),
    }
    None
}

/// Serves a command of docs/protocol/extensions.md. Returns the transfer that it asks for.
pub(super) fn begin_extension(cx: &mut Context, extension: Extension) -> Option<Request> {
    match extension {
        // The digest stands in a reply of several lines, which a client of 1973 would misread.
        Extension::Dgst(_) if cx.config.dialect == Dialect::Rfc354 => {
            cx.out.reply(Meaning::NotImplemented, "DGST is not implemented here");
        }
        Extension::Dgst(digest) => cx.parameters.set_digest(digest, &mut cx.out),
        Extension::Rate(rate) => cx.parameters.set_rate(rate, &mut cx.out),
        Extension::Rsym(on) => setup::rsym(cx, on),
        Extension::Prob(direction) => return request::prob(cx, direction),
    }
    None
}

/// Sets these timers. `idle`: no command is running. `worked`: the end of the last transfer or digest, for
/// the grace of a server that stops.
pub(super) fn set_waits(cx: &mut Context, idle: bool, worked: Option<Moment>) {
    let config = Arc::clone(&cx.config);
    let timeouts = &config.timeouts;
    let logged_in = cx.user().is_some();
    for (timer, due, wait) in
        [(Timer::Idle, idle && logged_in, timeouts.idle), (Timer::Login, !logged_in, timeouts.login)]
    {
        if !due {
            cx.timers.disarm(timer);
        } else if !cx.timers.is_armed(timer) {
            cx.arm(timer, wait);
        }
    }
    let oldest = cx.sockets.listeners().filter_map(Listener::held_since).min();
    let unused = cx.sockets.idle_since().filter(|_| idle);
    let kept = cx.sockets.kept.since().filter(|_| idle);
    let group = cx.groups.waits_since(idle, cx.now);
    for (timer, since, wait) in [
        (Timer::Held, oldest, timeouts.held),
        (Timer::Kept, kept, timeouts.kept),
        (Timer::Group, group, timeouts.group),
        (Timer::ListenIdle, unused, timeouts.listen_idle),
        (Timer::Stopping, worked, timeouts.stopping),
    ] {
        match since {
            Some(since) => cx.timers.arm(timer, since + wait),
            None => cx.timers.disarm(timer),
        }
    }
}
