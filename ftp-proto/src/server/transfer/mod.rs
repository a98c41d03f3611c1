//! The machine of one transfer, from its command to its final reply.
//!
//! ```text
//! Room, where hooks run after uploads --time over--> 450
//!     v
//! Preparing --file error--> 550, nothing touched, nothing used up (RFC 614.3)
//!     | policy, or nowhere to connect --> 425 at once
//!     | MODE B has kept a connection ------------------------------+
//!     v                                                            |
//! Obtaining --time over--> 425, no TLS--> 522; PASV, RNDZ, SOCK are used up
//!     | one connection, inside TLS where PROT P holds, proven where RNDZ is in force
//!     v
//! Moving <---------------------------------------------------------+
//!     --Started--> 150 | 125 --Moved--> 226 | 250 | 426 | 451 | 552
//! ```
//!
//! | file | what |
//! |---|---|
//! | `request`, `pack` | what each transfer command asks for |
//! | `obtain`, `dial`, `accept` | the search for the data connection, by connecting (or connecting and listening at the same time, RSYM) or by listening |
//! | `candidate` | one connection on its way: TLS where PROT P holds, then the proof (RNDZ) |
//! | `moving` | the data connection is there |

mod accept;
mod candidate;
mod dial;
mod moving;
mod obtain;
pub(super) mod pack;
pub(super) mod request;

use super::ask::{Answer, Ask, ConnId, FileFailure, Ticket, Uploading};
use super::config::Timer;
use super::context::Context;
use super::context::parameters::DetachPermit;
use super::setup;
use crate::dialect::Dialect;
use crate::reply::Meaning;
use crate::timer::Moment;
use candidate::{Peer, Progress};
use moving::Moving;
use obtain::Obtain;
use request::Request;
use std::net::SocketAddr;

/// A transfer that is under way.
#[derive(Debug)]
pub(super) struct Transfer {
    request: Request,
    /// When the command came. A failure that must look like all others is timed from here.
    since: Moment,
    /// The ticket of [`Ask::Prepare`].
    prepared: Ticket,
    /// Whether the preliminary reply was said before the data connection was there.
    announced: bool,
    /// What DETA has given it.
    leave: Option<DetachPermit>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The upload waits for the room that its hook needs: the ticket of [`Ask::Room`].
    Room(Ticket),
    /// The driver looks at the file.
    Preparing,
    /// The data connection is not there yet.
    Obtaining(Obtain),
    /// The data connection is there.
    Moving(Moving),
    /// The final reply was sent.
    Over,
}

impl Transfer {
    /// Begins: there is room for the hook, and the file is looked at, before any data connection (RFC 614.3).
    pub(super) fn begin(cx: &mut Context, request: Request) -> Self {
        let (prepared, leave) = (cx.out.ticket(), cx.parameters.detach.take());
        let phase = Phase::Preparing;
        let mut transfer = Self { request, since: cx.now, prepared, announced: false, leave, phase };
        if transfer.request.is_probe() {
            transfer.obtain(cx);
        } else if cx.config.has_hooks && transfer.request.intent.uploads() {
            let ticket = cx.out.ticket();
            cx.ask_room(ticket, Uploading::File);
            transfer.phase = Phase::Room(ticket);
        } else {
            transfer.prepare(cx);
        }
        transfer
    }

    /// Asks the driver to look at the file.
    fn prepare(&mut self, cx: &mut Context) {
        self.phase = Phase::Preparing;
        let (path, intent) = (self.request.path.clone(), self.request.intent.clone());
        cx.out.ask(Ask::Prepare { ticket: self.prepared, path, intent });
        cx.await_answer();
    }

    /// What lets it go on without its control connection: DETA, once it has its data connection. A group of files would
    /// wait in vain for PACK KEEP.
    pub(super) fn outlives(&self) -> Option<DetachPermit> {
        let is_group = self.request.intent.is_group();
        self.leave.filter(|_| !is_group && matches!(self.phase, Phase::Moving(_)))
    }

    /// Whether the final reply was sent.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Whether connections that arrive at `listener` are for this transfer.
    pub(super) fn awaits(&self, listener: Ticket) -> bool {
        matches!(&self.phase, Phase::Obtaining(obtain) if obtain.awaits(listener))
    }

    /// Whether it goes on although the client has ended the control connection (A24).
    pub(super) fn outlives_control(&self) -> bool {
        matches!(&self.phase, Phase::Moving(moving) if moving.outlives_control(&self.request))
    }

    /// Whether bytes move to a file that has its name or gets it.
    pub(super) const fn changes_files(&self) -> bool {
        matches!(self.phase, Phase::Moving(_)) && self.request.intent.uploads()
    }

    /// Whether a STAT waits for its answer.
    pub(super) const fn has_stat(&self) -> bool {
        matches!(&self.phase, Phase::Moving(moving) if moving.has_stat())
    }

    /// Takes one input.
    pub(super) fn input(&mut self, cx: &mut Context, input: Input<'_>) {
        match (&mut self.phase, input) {
            (Phase::Moving(moving), input) => {
                if moving.input(cx, &self.request, input).is_break() {
                    self.conclude(cx);
                }
            }
            (Phase::Room(_) | Phase::Preparing | Phase::Obtaining(_), Input::Abort) => self.abort(cx),
            // Nothing is shown of what happens at the other end (extensions, "No port scanner").
            (Phase::Room(_) | Phase::Preparing | Phase::Obtaining(_), Input::Status) => {
                moving::say_status(cx, &["waiting".to_owned()]);
            }
            (Phase::Obtaining(obtain), input) => {
                let progress = obtain.input(cx, input);
                self.progressed(cx, progress);
            }
            (Phase::Room(asked), Input::Answer(ticket, Answer::Room)) if ticket == *asked => {
                cx.timers.disarm(Timer::Room);
                self.prepare(cx);
            }
            (Phase::Room(_), Input::Fired(Timer::Room)) => self.no_room(cx),
            (Phase::Preparing, Input::Answer(ticket, answer)) if ticket == self.prepared => {
                self.file_checked(cx, answer);
            }
            (Phase::Room(_) | Phase::Preparing | Phase::Over, Input::Answer(_, answer)) => {
                cx.out.unwanted(answer);
            }
            (Phase::Room(_) | Phase::Preparing | Phase::Over, Input::Arrived { conn, .. }) => {
                cx.out.reset(conn);
            }
            (
                Phase::Room(_) | Phase::Preparing | Phase::Over,
                Input::Data { .. } | Input::Lost(_) | Input::Fired(_),
            ) => {}
            (Phase::Over, Input::Status | Input::Abort) => {}
            (
                Phase::Room(_) | Phase::Preparing | Phase::Over,
                Input::PortNeeded | Input::HungUp | Input::SessionEnds,
            ) => {}
        }
    }

    /// The hooks before this one take too long.
    fn no_room(&mut self, cx: &mut Context) {
        cx.timed_out(Timer::Room);
        self.unprepare(cx);
        self.refuse_file(cx, FileFailure::HooksWait);
    }

    /// Refuses the transfer because of its file.
    fn refuse_file(&mut self, cx: &mut Context, failure: FileFailure) {
        cx.sockets.kept.close(self.request.direction(), &mut cx.out);
        cx.refuse_file(self.request.verb, failure);
        self.request.tell_refused(cx, failure);
        self.conclude(cx);
    }

    /// The driver has looked at the file: now the connection, if policy lets it exist.
    fn file_checked(&mut self, cx: &mut Context, answer: Answer) {
        cx.timers.disarm(Timer::Question);
        if let Answer::Prepared { .. } = answer {
            return self.obtain(cx);
        }
        if let Answer::File(Err(FileFailure::NotFound)) = answer
            && let Some(request) = self.request.by_pattern()
        {
            match request::permitted(cx, request) {
                Some(request) => *self = Self::begin(cx, request),
                None => self.conclude(cx),
            }
            return;
        }
        let failure = if let Answer::File(Err(failure)) = answer {
            failure
        } else {
            cx.out.unwanted(answer);
            FileFailure::Other
        };
        self.refuse_file(cx, failure);
    }

    fn obtain(&mut self, cx: &mut Context) {
        if let Some(peer) = obtain::kept(cx, &self.request) {
            return self.connected(cx, peer);
        }
        match Obtain::begin(cx, &self.request, self.since) {
            Ok((obtain, progress)) => {
                self.phase = Phase::Obtaining(obtain);
                setup::tell_deferred_socket(cx, self.request.direction());
                self.progressed(cx, progress);
            }
            Err(text) => self.cannot_connect(cx, &text),
        }
    }

    /// The search for the connection has gone on.
    fn progressed(&mut self, cx: &mut Context, progress: Progress) {
        if let Phase::Obtaining(obtain) = &self.phase
            && obtain.announces()
            && !self.announced
        {
            self.announced = true;
            moving::say_started(cx, &self.request);
        }
        match progress {
            Progress::Waiting => {}
            Progress::Connected(peer) => {
                self.connected(cx, peer);
            }
            Progress::NotPrivate(text) => {
                self.give_up(cx);
                self.refuse(cx, Meaning::NotPrivate, text);
            }
            Progress::Failed(text) => {
                self.give_up(cx);
                self.cannot_connect(cx, text);
            }
        }
    }

    /// The data connection is there.
    fn connected(&mut self, cx: &mut Context, peer: Peer) {
        if !self.request.is_probe() {
            self.phase = Phase::Moving(Moving::begin(cx, &self.request, (self.prepared, self.leave), peer));
            return;
        }
        // PROB: a reset, because a peer that really stores must not take this for the end of a file.
        cx.out.reset(peer.conn);
        cx.sockets.use_up(self.request.direction(), cx.config.dialect, cx.now, &mut cx.out);
        let what = if peer.proven { "proven" } else { "opened" };
        cx.out.reply(Meaning::Probed, format!("Data connection {what}; nothing moved"));
        self.conclude(cx);
    }

    /// Gives back what was prepared; for PROB that is nothing.
    fn unprepare(&self, cx: &mut Context) {
        if !self.request.is_probe() {
            let asked = if let Phase::Room(ticket) = self.phase { ticket } else { self.prepared };
            cx.out.ask(Ask::Cancel(asked));
        }
    }

    fn cannot_connect(&mut self, cx: &mut Context, text: &str) {
        self.refuse(cx, Meaning::CannotConnect, text);
    }

    fn refuse(&mut self, cx: &mut Context, meaning: Meaning, text: &str) {
        self.unprepare(cx);
        cx.sockets.kept.close(self.request.direction(), &mut cx.out);
        cx.out.reply(meaning, text);
        self.request.tell_refused(cx, text);
        self.conclude(cx);
    }

    /// ABOR before anything moves. A listener that the transfer would have used is used up, as if the
    /// wait had begun (D13).
    fn abort(&mut self, cx: &mut Context) {
        if let Phase::Obtaining(_) = self.phase {
            self.give_up(cx);
        } else {
            cx.sockets.end_passive(&mut cx.out);
            cx.sockets.rendezvous = None;
        }
        self.unprepare(cx);
        self.request.tell_refused(cx, "aborted by the client");
        self.conclude(cx);
        reply_aborted(cx);
    }

    /// Ends the search for the connection. What was meant for this one connection is used up.
    fn give_up(&mut self, cx: &mut Context) {
        self.release(cx);
        cx.sockets.use_up(self.request.direction(), cx.config.dialect, cx.now, &mut cx.out);
    }

    /// The session ends, and with it a transfer that is under way: the log is told.
    pub(super) fn end(&mut self, cx: &mut Context) {
        let why = "the session ended";
        match &self.phase {
            Phase::Room(_) | Phase::Preparing | Phase::Obtaining(_) => self.request.tell_refused(cx, why),
            Phase::Moving(moving) => moving.log_unfinished(cx, &self.request, why),
            Phase::Over => {}
        }
        self.release(cx);
    }

    /// Gives back what an unfinished search for the connection holds.
    fn release(&mut self, cx: &mut Context) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Obtaining(obtain) => obtain.release(cx),
            Phase::Room(_) | Phase::Preparing | Phase::Moving(_) | Phase::Over => {}
        }
    }

    fn conclude(&mut self, cx: &mut Context) {
        for timer in [Timer::Question, Timer::Room, Timer::Stall] {
            cx.timers.disarm(timer);
        }
        obtain::disarm(cx);
        self.phase = Phase::Over;
    }
}

/// What can happen to a transfer.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// The driver has answered a question.
    Answer(Ticket, Answer),
    /// A connection has arrived at the listener that the transfer waits at.
    Arrived { conn: ConnId, from: SocketAddr },
    /// Bytes of a connection that proves itself.
    Data { conn: ConnId, bytes: &'a [u8] },
    /// A connection that proves itself has ended.
    Lost(ConnId),
    /// A timer of the transfer has fired.
    Fired(Timer),
    /// The client has sent STAT.
    Status,
    /// The client has sent ABOR.
    Abort,
    /// The client has ended the control connection.
    HungUp,
    /// The session is over for its client.
    SessionEnds,
    /// Others need the data port that the transfer waits at.
    PortNeeded,
}

/// Nothing moves: PASV and EPSV end (RFC 2428 3, D13), LSTN's listener stays (E08). Today's reply is 226
/// (RFC 959 4.1.3, the first case of ABOR): clients whose data connection broke just before they said ABOR
/// wait for it.
pub(crate) fn reply_idle_abort(cx: &mut Context) {
    end_passive(cx);
    let meaning = match cx.config.dialect {
        Dialect::Rfc354 => Meaning::NothingToAbort,
        Dialect::Rfc959 => Meaning::Aborted,
    };
    cx.out.reply(meaning, "There is nothing to abort");
}

/// Another ABOR has been heard, and its replies are still to come: 226 would be taken for one of them.
pub(crate) fn reply_next_abort(cx: &mut Context) {
    end_passive(cx);
    cx.out.reply(Meaning::NothingToAbort, "There is nothing to abort");
}

fn end_passive(cx: &mut Context) {
    cx.sockets.end_passive(&mut cx.out);
    cx.sockets.rendezvous = None;
}

/// Something was ended that had moved nothing: its own reply comes first, then that of ABOR (E07).
pub(crate) fn reply_aborted(cx: &mut Context) {
    cx.out.reply(Meaning::TransferAborted, "Aborted");
    cx.out.reply(Meaning::Aborted, "ABOR done");
}
