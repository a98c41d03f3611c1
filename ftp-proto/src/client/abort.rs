//! ABOR accounting: every sequence of replies ends in step or says that it cannot (H19).
//!
//! The server owes one final reply for each command before ABOR and one for ABOR. Some pay both
//! (426+226, 226+226, 226+225, 452+201), some forget the transfer (225 alone, 202), some forget ABOR
//! (426, then silence; Pure-FTPd, with nothing under way: silence), some start the transfer after all (a late 150). When the count does not come
//! out, NOOP is the mark: what comes before its 200 belongs to what was sent before it.

use super::pipeline::{Owner, Pipeline};
use super::session::{Session, State};
use super::{Event, Failure, Output};
use crate::command::Command;
use crate::dialect::Dialect;
use crate::reply::{Code, Meaning};
use crate::timer::{Moment, Timer};

/// How the octets of ABOR begin: Telnet IP and the IAC of Synch's DATA MARK (RFC 959 4.1.3).
///
/// A driver that can send urgent data sends these of an [`Output::Send`] that begins with them as
/// urgent and the rest after them: ProFTPD reads ABOR during a transfer only then. A driver that
/// cannot sends the whole as it is.
pub const SYNCH: &[u8] = b"\xFF\xF4\xFF";

/// The same, the mark itself, and the command.
const ABOR: &[u8] = b"\xFF\xF4\xFF\xF2ABOR\r\n";
const PLAIN: &[u8] = b"ABOR\r\n";

/// An abort under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
    since: Moment,
    /// NOOP was sent.
    probed: bool,
    /// ABOR was answered after NOOP had been sent: 200 in 1973 may have been either's.
    unsure: bool,
    /// Some reply came.
    pub(super) heard: bool,
}

/// The command that a reply during an abort answers; `None`: it is none's answer.
pub(super) fn owner(pipeline: &Pipeline, dialect: Dialect, code: Code) -> Option<usize> {
    let means = |meaning: Meaning| code == meaning.code(dialect);
    // A command that no server forgets is answered first.
    let next = |index| pipeline.forgettable_before(index);
    let unknown = means(Meaning::Unrecognised) || means(Meaning::NotImplemented);
    let abort = pipeline.position(Owner::Abort);
    let started = pipeline.head().is_some_and(|head| head.transfer && head.started);

    let stat = pipeline.status(dialect, code);
    if stat.is_some_and(|stat| abort.is_none_or(|abort| stat < abort)) {
        return stat;
    }
    if means(Meaning::Started) {
        // Late: the transfer began before ABOR was read.
        return pipeline.transfer();
    }
    if let Some(abort) = abort.filter(|index| next(*index)) {
        let nothing_or_done = match dialect {
            // 200 is TENEX's "Abort request noted."; no transfer ends with it.
            Dialect::Rfc354 => {
                means(Meaning::NothingToAbort) || means(Meaning::Aborted) || means(Meaning::Okay)
            }
            // 226 may be either's: the order decides.
            Dialect::Rfc959 => means(Meaning::NothingToAbort),
        };
        // A transfer that has begun does not end with "unknown command": ABOR did.
        if nothing_or_done || (unknown && started) {
            return Some(abort);
        }
        // The transfer's own end came before; the server says it again.
        if abort == 0 && means(Meaning::TransferAborted) {
            return None;
        }
    }
    if let Some(probe) = pipeline.position(Owner::Probe).filter(|index| next(*index))
        && (means(Meaning::Okay) || unknown)
    {
        return Some(probe);
    }
    if pipeline.is_empty() { None } else { Some(0) }
}

impl Session {
    /// Sends ABOR, with Telnet IP and Synch where there is no TLS, for whatever transfer is under way, and counts the
    /// replies until the session is in step: [`Event::AbortDone`], or [`Event::Ended`].
    /// The aborted command's own final reply still comes as [`Event::Reply`] if the server sends
    /// it. With nothing under way it frees a listener (RFC 2428 section 4). Commands sent meanwhile
    /// wait for the end of the abort.
    ///
    /// The octets contain the DATA MARK; to send it as TCP urgent data is the driver's matter
    /// ([`super::SYNCH`]).
    pub fn abort(&mut self, now: Moment) {
        if self.is_over() || self.drain.is_some() {
            return;
        }
        if !matches!(self.state, State::Ready) {
            return self.event(Event::AbortDone); // no command of the caller's was sent
        }
        let busy = !self.pipeline.is_empty();
        self.event(Event::Sent("ABOR".into()));
        // Inside TLS nothing is urgent, and Telnet's signals would be part of the line (RFC 4217 14).
        let line = if self.config.security.is_secured() { PLAIN } else { ABOR };
        self.out.push_back(Output::Send(line.to_vec()));
        self.pipeline.push(Owner::Abort, &Command::Abor, None);
        self.drain = Some(Drain { since: now, probed: false, unsure: false, heard: false });
        self.timers.disarm(Timer::Reply);
        // A server that does nothing else answers soon, or not at all (Pure-FTPd).
        let part = if busy { 2 } else { 4 };
        self.timers.arm(Timer::AbortDrain, now + self.config.abort_timeout / part);
    }

    /// A final reply came during the abort and its command is off the pipeline.
    pub(super) fn drain_on(&mut self, now: Moment, answered: Owner, code: Code) {
        // 202 and 201 are ABOR's alone; 200 may be NOOP's where ABOR was forgotten.
        let either = self.dialect == Dialect::Rfc354 && code == Meaning::Okay.code(self.dialect);
        let Some(drain) = &mut self.drain else { return };
        drain.unsure |= answered == Owner::Abort && drain.probed && either;
        let drain = *drain;
        if self.pipeline.is_empty() {
            self.in_step(now);
        } else if self.pipeline.position(Owner::Abort).is_none() && !drain.probed {
            self.send_probe(now); // ABOR is answered and the transfer is not: will it ever be?
        }
    }

    /// The wait for the replies to ABOR ended: the first part of it is for the server, the rest for
    /// NOOP.
    pub(super) fn drain_timeout(&mut self, now: Moment) {
        let Some(drain) = self.drain else { return };
        if !drain.probed {
            self.send_probe(now);
        } else if drain.unsure && self.pipeline.position(Owner::Probe) == Some(0) {
            self.pipeline.finish_through(0); // nothing more came: that 200 was NOOP's
            self.in_step(now);
        } else if drain.heard {
            self.end(Failure::OutOfStep);
        } else {
            self.end(Failure::Silent(Timer::AbortDrain));
        }
    }

    fn in_step(&mut self, now: Moment) {
        self.drain = None;
        self.timers.disarm(Timer::AbortDrain);
        self.event(Event::AbortDone);
        self.release(now);
    }

    fn send_probe(&mut self, now: Moment) {
        if let Some(drain) = &mut self.drain {
            drain.probed = true;
            let until = drain.since + self.config.abort_timeout;
            self.timers.arm(Timer::AbortDrain, until);
        }
        self.write(now, Owner::Probe, &Command::Noop, None);
    }
}
