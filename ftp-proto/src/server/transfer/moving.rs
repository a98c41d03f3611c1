//! The data connection is there: the file moves until its end, an ABOR or a stall; then the final
//! reply.

use super::candidate::Peer;
use super::request::Request;
use super::{Input, obtain, pack, reply_next_abort};
use crate::address::unmapped;
use crate::command::{Direction, Mode};
use crate::dialect::Dialect;
use crate::policy::{Cargo, Grant};
use crate::reply::Meaning;
use crate::server::ask::{
    Answer, Ask, Carried, CloseNotify, End, Ending, Intent, Ticket, TransferFailure, TransferTerms,
};
use crate::server::config::Timer;
use crate::server::context::Context;
use crate::server::context::parameters::DetachPermit;
use crate::wire::{ByteRange, counted};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

/// The transfer of the bytes, from `Ask::Move` on.
#[derive(Debug)]
pub(super) struct Moving {
    /// The ticket of [`Ask::Move`].
    ticket: Ticket,
    peer: Peer,
    /// How many strangers came before the peer.
    strangers: u32,
    started: bool,
    /// The moved and the durable bytes when the stall timer fired last.
    seen: (u64, u64),
    /// The question that a STAT waits for.
    stat: Option<Ticket>,
    /// The question of the stall timer.
    stall: Option<Ticket>,
    stop: Option<Stop>,
    /// How many bytes ALLO had announced.
    allocated: Option<u64>,
    /// Whether the client has ended the control connection.
    hung_up: bool,
    /// Whether DETA lets it go on without its control connection, for as long as it does not stall.
    may_detach: bool,
}

/// Why a move is being stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    Abort,
    Stall,
    /// The time that DETA gave is over.
    Alone,
    /// The session is over for its client.
    SessionEnds,
}

impl Moving {
    /// Moves the prepared file over the connection with `peer`.
    pub(super) fn begin(
        cx: &mut Context,
        request: &Request,
        (prepared, leave): (Ticket, Option<DetachPermit>),
        peer: Peer,
    ) -> Self {
        let strangers = if peer.again {
            0
        } else {
            cx.sockets.use_up(request.direction(), cx.config.dialect, cx.now, &mut cx.out)
        };
        let strangers = strangers.saturating_add(peer.strangers);
        obtain::disarm(cx);
        cx.await_answer();
        let ticket = cx.out.ticket();
        let parameters = &cx.parameters;
        let terms = TransferTerms {
            data_type: request.data_type,
            mode: parameters.mode,
            keep: parameters.mode == Mode::Block,
            dialect: cx.config.dialect,
            partial: parameters.partial,
            // Each file of a group has a digest of its own.
            digest: parameters
                .digest
                .filter(|_| request.cargo() == Cargo::File && !request.intent.is_group()),
            detach: leave.map(|leave| leave.id),
            rate: parameters.rate,
            close_notify: match peer.grant {
                Grant::Own => cx.config.tls.close_notify,
                Grant::Foreign | Grant::AfterProof => CloseNotify::Required,
            },
        };
        cx.out.ask(Ask::Move { ticket, prepared, conn: peer.conn, terms });
        let (started, seen, hung_up) = (false, (0, 0), false);
        let allocated = cx.parameters.allocated.take();
        Self {
            ticket,
            peer,
            strangers,
            started,
            seen,
            stat: None,
            stall: None,
            stop: None,
            allocated,
            hung_up,
            may_detach: leave.is_some(),
        }
    }

    /// Whether a STAT waits for its answer.
    pub(super) const fn has_stat(&self) -> bool {
        self.stat.is_some()
    }

    /// Breaks once the final reply was sent.
    pub(super) fn input(&mut self, cx: &mut Context, request: &Request, input: Input<'_>) -> ControlFlow<()> {
        match input {
            Input::Answer(ticket, Answer::Moved { bytes, kept, end }) if ticket == self.ticket => {
                self.moved(cx, request, (bytes, kept), end);
                return ControlFlow::Break(());
            }
            Input::Answer(ticket, Answer::Started) if ticket == self.ticket => self.started(cx, request),
            Input::Answer(ticket, Answer::Progress { moved, durable }) => {
                self.progressed(cx, ticket, (moved, durable));
            }
            Input::Answer(_, answer) => cx.out.unwanted(answer),
            Input::Status => self.stat = Some(self.ask_progress(cx)),
            Input::Fired(Timer::Stall) => self.stall = Some(self.ask_progress(cx)),
            Input::Fired(Timer::Detached) => self.stop(cx, Stop::Alone),
            Input::Abort if self.stop == Some(Stop::Abort) => reply_next_abort(cx),
            Input::Abort => {
                cx.sockets.rendezvous = None;
                self.stop(cx, Stop::Abort); // both replies come with the end of the move (E07)
            }
            Input::HungUp => self.hang_up(cx, request),
            Input::SessionEnds if self.stop.is_none() => self.stop(cx, Stop::SessionEnds),
            Input::Arrived { conn, .. } => cx.out.reset(conn),
            Input::Data { .. }
            | Input::Lost(_)
            | Input::Fired(_)
            | Input::PortNeeded
            | Input::SessionEnds => {}
        }
        ControlFlow::Continue(())
    }

    /// Whether the file is received to its end although the client has ended the control connection: some
    /// clients end it first. What a foreign peer sends depends on the client, who has gone.
    pub(super) fn outlives_control(&self, request: &Request) -> bool {
        request.cargo() == Cargo::File
            && request.direction() == Direction::Receive
            && !request.intent.is_group()
            && self.peer.grant == Grant::Own
            && self.stop.is_none()
    }

    /// The client has ended the control connection. If it was killed, so was its data connection, and in
    /// stream mode in clear that looks like the end of the file: then the old file is kept.
    fn hang_up(&mut self, cx: &mut Context, request: &Request) {
        self.hung_up = !self.may_detach;
        let is_closed = cx.tls.private && cx.config.tls.close_notify == CloseNotify::Required;
        let shows_its_end = is_closed || cx.parameters.mode != Mode::Stream;
        if request.intent == Intent::Replace && !shows_its_end {
            cx.out.ask(Ask::Doubt { of: self.ticket, unless: self.allocated });
        }
        if self.started {
            cx.arm(Timer::Stall, self.patience(cx));
        }
    }

    /// How long the file may move no byte.
    fn patience(&self, cx: &Context) -> Duration {
        let timeouts = &cx.config.timeouts;
        if self.hung_up { timeouts.hung_up.min(timeouts.stall) } else { timeouts.stall }
    }

    fn started(&mut self, cx: &mut Context, request: &Request) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        if self.stop.is_none() {
            cx.timers.disarm(Timer::Question);
            cx.arm(Timer::Stall, self.patience(cx));
        }
        // Also if it is to stop: the file exists now, and the user has to know.
        if !self.peer.announced {
            say_opened(cx, request, self.peer.again);
        }
    }

    fn ask_progress(&self, cx: &mut Context) -> Ticket {
        let ticket = cx.out.ticket();
        cx.out.ask(Ask::Progress { ticket, of: self.ticket });
        if !cx.timers.is_armed(Timer::Question) {
            cx.await_answer();
        }
        ticket
    }

    fn progressed(&mut self, cx: &mut Context, ticket: Ticket, now: (u64, u64)) {
        let for_stat = self.stat.take_if(|asked| *asked == ticket).is_some();
        let for_stall = self.stall.take_if(|asked| *asked == ticket).is_some();
        if self.stat.is_none() && self.stall.is_none() && self.started && self.stop.is_none() {
            cx.timers.disarm(Timer::Question);
        }
        if for_stat {
            let (moved, durable) = now;
            say_status(cx, &[format!("Bytes {moved}"), format!("Durable {durable}")]);
        } else if for_stall && std::mem::replace(&mut self.seen, now) == now {
            self.stop(cx, Stop::Stall);
        } else if for_stall {
            cx.arm(Timer::Stall, self.patience(cx));
        }
    }

    /// Stops the move. Its end is told when [`Answer::Moved`] comes.
    fn stop(&mut self, cx: &mut Context, why: Stop) {
        if self.stop.is_none() {
            cx.out.ask(Ask::Stop(self.ticket));
        }
        // An ABOR after a stall has a reply of its own as well.
        if self.stop != Some(Stop::Abort) {
            self.stop = Some(why);
        }
        cx.timers.disarm(Timer::Stall);
        cx.await_answer();
    }

    /// The move is over: its final reply, and that of an ABOR that waited for it.
    fn moved(&self, cx: &mut Context, request: &Request, (bytes, kept): (u64, bool), end: End) {
        let whole = end.is_whole();
        let kept = self.keep(cx, request.direction(), kept, whole);
        if let End::Whole(Carried::Group(outcomes)) = &end {
            pack::moved(cx, request, outcomes, self.peer.address);
        } else {
            request.tell(cx, Some(bytes), Some(self.peer.address), self.failure(&end));
        }
        if self.stat.is_some() {
            say_status(cx, &[format!("Bytes {bytes}")]);
        }
        match (end, self.stop) {
            (End::Whole(carried), _) => self.say_whole(cx, bytes, kept, carried),
            (End::Stopped, Some(Stop::Abort)) => cx.out.reply(Meaning::TransferAborted, "Transfer aborted"),
            (End::Stopped, None | Some(Stop::Alone | Stop::SessionEnds)) => {
                cx.out.reply(Meaning::TransferAborted, "Transfer stopped by the server");
            }
            (End::Stopped, Some(Stop::Stall)) => {
                cx.timed_out(Timer::Stall);
                let seconds = self.patience(cx).as_secs();
                let text = format!("Nothing moved for {seconds} s, transfer ended");
                cx.out.reply(Meaning::TransferAborted, text);
            }
            (End::Broken(_), _) => {
                let text = format!("Data connection broken after {}", counted(bytes, "byte"));
                cx.out.reply(Meaning::TransferAborted, text);
            }
            (End::Failed(failure), _) => cx.refuse_file(request.verb, failure),
        }
        if self.stop == Some(Stop::Abort) {
            let meaning = if whole { Meaning::NothingToAbort } else { Meaning::Aborted };
            cx.out.reply(meaning, "ABOR done");
        }
    }

    /// What becomes of the connection, if the driver has `kept` it. Returns whether it stays open. ABOR closes
    /// it, and a transfer that failed closes what was kept for its direction.
    fn keep(&self, cx: &mut Context, direction: Direction, kept: bool, whole: bool) -> bool {
        let stays = whole && self.stop.is_none();
        if !stays {
            cx.sockets.kept.close(direction, &mut cx.out);
        }
        if kept && stays {
            cx.sockets.kept.keep(direction, self.peer.keep(cx.now), &mut cx.out);
        } else if kept {
            cx.out.ask(Ask::Drop { conn: self.peer.conn, how: Ending::Close });
        }
        kept && stays
    }

    /// Tells the log that the session ended before the move did. How many bytes have moved is known to the
    /// driver.
    pub(super) fn log_unfinished(&self, cx: &mut Context, request: &Request, why: &str) {
        request.tell(cx, None, Some(self.peer.address), Some(why.into()));
    }

    /// Why the file is not whole, for the log.
    fn failure(&self, end: &End) -> Option<TransferFailure> {
        Some(match (end, self.stop) {
            (End::Whole(_), _) => return None,
            (End::Stopped, Some(Stop::Abort)) => "aborted by the client".into(),
            (End::Stopped, Some(Stop::Stall)) => "nothing moved for too long".into(),
            (End::Stopped, Some(Stop::Alone)) => "the time without control connection is over".into(),
            (End::Stopped, Some(Stop::SessionEnds)) => "the session ended".into(),
            (End::Stopped, None) => "stopped by the server".into(),
            (End::Broken(why), _) => format!("the data connection broke: {why}").into(),
            (End::Failed(failure), _) => (*failure).into(),
        })
    }

    /// The final reply of a transfer that ended well: with facts if the peer was foreign, with a line for each file of a
    /// group, and with the number of names that a listing left out (extensions, "Final reply with facts").
    fn say_whole(&self, cx: &mut Context, bytes: u64, kept: bool, carried: Carried) {
        let text = "Transfer complete.";
        let meaning = if kept { Meaning::TransferredKept } else { Meaning::Transferred };
        if cx.config.dialect == Dialect::Rfc354 {
            // A client of 1973 may take each line for a reply of its own.
            return match carried {
                Carried::Listing { omitted: count @ 1.. } => {
                    let count = counted(count, "name");
                    cx.out.reply(meaning, format!("Omitted {count}, transfer complete."));
                }
                Carried::Listing { omitted: 0 } | Carried::File(_) | Carried::Group(_) => {
                    cx.out.reply(meaning, text);
                }
            };
        }
        let digested = matches!(carried, Carried::File(Some(_)));
        let (mut facts, omitted) = match carried {
            Carried::File(None) => (Vec::new(), 0),
            Carried::File(Some((digest, ByteRange { first, length }))) => {
                let (name, count) = (digest.algorithm.name(), length.unwrap_or(bytes));
                (vec![format!("Digest {name} {first}+{count} {}", digest.hex)], 0)
            }
            Carried::Listing { omitted } => (Vec::new(), omitted),
            Carried::Group(outcomes) => (pack::lines(&outcomes), 0),
        };
        if let Some(by) = self.allowed_by() {
            let address = SocketAddr::new(unmapped(self.peer.address.ip()), self.peer.address.port());
            facts.push(format!("Peer {address} proven-by={by}"));
            facts.push(format!("Strangers-refused {}", self.strangers));
        }
        if digested || self.allowed_by().is_some() {
            facts.push(format!("Bytes {bytes}"));
        }
        if omitted > 0 {
            facts.push(format!("Omitted {omitted}"));
        }
        cx.out.reply_facts(meaning, &facts, text);
    }

    /// What allowed a foreign peer; `None` for the user's own host.
    const fn allowed_by(&self) -> Option<&'static str> {
        match self.peer.grant {
            Grant::Own => None,
            Grant::Foreign | Grant::AfterProof if self.peer.proven => Some("rndz"),
            Grant::Foreign | Grant::AfterProof => Some("foreign-networks"),
        }
    }
}

/// The preliminary reply of a transfer that opens its connection.
pub(super) fn say_started(cx: &mut Context, request: &Request) {
    say_opened(cx, request, false);
}

/// The preliminary reply of a transfer; `again` if it uses a connection that MODE B has kept (E12).
fn say_opened(cx: &mut Context, request: &Request, again: bool) {
    let meaning = if again { Meaning::StartedAgain } else { Meaning::Started };
    let text = match request.direction() {
        Direction::Send => "Data connection open, sending",
        Direction::Receive => "Data connection open, receiving",
    };
    match request.unique_name() {
        Some(name) => cx.out.reply(meaning, [b"FILE: ", name].concat()),
        None => cx.out.reply(meaning, text),
    }
}

/// The reply to STAT while a transfer is under way (E09).
pub(super) fn say_status(cx: &mut Context, lines: &[String]) {
    cx.out.status(Meaning::SystemStatus, "Transfer", lines);
}
