//! Counting the replies after ABOR: every sequence of replies ends in step, or is recognised as one
//! that cannot (conformance H19).
//!
//! The server owes one final reply for each command before ABOR and one for ABOR itself. Some send
//! both (426+226, 226+226, 226+225, 452+201). Some leave out the transfer's (225 alone, 202) or ABOR's
//! (426 and then silence; Pure-FTPd with nothing under way: silence). Some still start the transfer (a
//! late 150). If the count does not come out, NOOP marks the place: what comes before its reply belongs
//! to what was sent before it.

use super::control::{Control, Owner, Pipeline};
use super::{Event, Failure, Output, Timer};
use crate::command::Command;
use crate::dialect::Dialect;
use crate::reply::{Code, Meaning};
use crate::timer::Moment;

/// How the bytes of ABOR begin without TLS: Telnet IP, and the IAC of the DATA MARK that ends a Synch
/// (RFC 959 section 4.1.3).
///
/// If an [`Output::Send`] begins with these bytes, a driver that can send urgent data sends them as
/// urgent data and the rest after them, because ProFTPD reads ABOR during a transfer only then. A
/// driver that cannot sends all bytes as they are.
pub const SYNCH: &[u8] = b"\xFF\xF4\xFF";

/// [`SYNCH`], the DATA MARK and the command.
const ABOR: &[u8] = b"\xFF\xF4\xFF\xF2ABOR\r\n";
const PLAIN: &[u8] = b"ABOR\r\n";

/// An abort that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abort {
    since: Moment,
    /// NOOP was sent.
    probed: bool,
    /// ABOR was answered after NOOP had been sent, with a 200 that in 1973 may answer either.
    unsure: bool,
    /// The server does not know ABOR. It may say so again.
    unknown: bool,
    /// The server sent at least one reply.
    answered: bool,
}

impl Abort {
    /// Sends ABOR and begins to count.
    pub(super) fn begin(now: Moment, control: &mut Control) -> Self {
        let busy = !control.pipeline.is_empty();
        if control.config.traces {
            control.event(Event::Sent("ABOR".into()));
        }
        // TLS has no urgent data, and Telnet signals would be part of the line (RFC 4217 section 14).
        let line = if control.secured { PLAIN } else { ABOR };
        control.output(Output::Send(line.to_vec()));
        control.pipeline.push(Owner::Abort, &Command::Abor, None);
        control.aborting = true;
        control.timers.disarm(Timer::Reply);
        // A server with nothing to abort answers soon or, like Pure-FTPd, not at all.
        let part = if busy { 2 } else { 4 };
        control.timers.arm(Timer::Abort, now + control.config.abort_timeout / part);
        Self { since: now, probed: false, unsure: false, unknown: false, answered: false }
    }

    /// Takes a reply and returns the command that it answers, if there is one.
    pub(super) fn reply(&mut self, code: Code, control: &Control) -> Option<usize> {
        self.answered = true;
        // Once more about ABOR: the reply to NOOP has yet to come.
        let at_probe = control.pipeline.position(Owner::Probe) == Some(0);
        if self.unknown && at_probe && is_unknown(control.dialect, code) {
            return None;
        }
        answers(&control.pipeline, control.dialect, code)
    }

    /// Takes note that a command has its final reply and left the pipeline. Returns whether the
    /// abort is complete.
    pub(super) fn finished(&mut self, now: Moment, owner: Owner, code: Code, control: &mut Control) -> bool {
        // 201 and 202 answer ABOR only; 200 may answer NOOP if ABOR was forgotten.
        let either = control.dialect == Dialect::Rfc354 && code == Meaning::Okay.code(control.dialect);
        self.unsure |= owner == Owner::Abort && self.probed && either;
        self.unknown |= owner == Owner::Abort && is_unknown(control.dialect, code);
        if control.pipeline.is_empty() {
            if self.unknown && !self.probed {
                self.probe(now, control);
                return false;
            }
            return in_step(control);
        }
        // ABOR is answered and the transfer is not. Its reply may never come.
        if control.pipeline.position(Owner::Abort).is_none() && !self.probed {
            self.probe(now, control);
        }
        false
    }

    /// Handles the end of the wait. The first part of the time is for the replies, the rest for NOOP.
    /// Returns whether the abort is complete.
    pub(super) fn timeout(&mut self, now: Moment, control: &mut Control) -> bool {
        if !self.probed {
            self.probe(now, control);
        } else if self.unsure && control.pipeline.position(Owner::Probe) == Some(0) {
            control.pipeline.finish_through(0); // nothing else came, so the 200 answered NOOP
            return in_step(control);
        } else if self.answered {
            control.end(Failure::OutOfStep);
        } else {
            control.end(Failure::Silent(Timer::Abort));
        }
        false
    }

    fn probe(&mut self, now: Moment, control: &mut Control) {
        self.probed = true;
        control.timers.arm(Timer::Abort, self.since + control.config.abort_timeout);
        control.send(now, Owner::Probe, &Command::Noop, None);
    }
}

fn in_step(control: &mut Control) -> bool {
    control.aborting = false;
    control.timers.disarm(Timer::Abort);
    true
}

/// Whether the code says that a command is not known.
fn is_unknown(dialect: Dialect, code: Code) -> bool {
    [Meaning::Unrecognised, Meaning::NotImplemented].iter().any(|meaning| code == meaning.code(dialect))
}

/// The command that a reply answers while an abort is under way; `None` if it answers none.
fn answers(pipeline: &Pipeline, dialect: Dialect, code: Code) -> Option<usize> {
    let means = |meaning: Meaning| code == meaning.code(dialect);
    // A command whose reply no server leaves out is answered first.
    let next = |index| pipeline.forgettable_before(index);
    let unknown = is_unknown(dialect, code);
    let abort = pipeline.position(Owner::Abort);
    let started = pipeline.head().is_some_and(|head| head.transfer && head.started);

    if let Some(stat) = pipeline.status_in_parts() {
        return Some(stat);
    }
    let stat = pipeline.status(dialect, code);
    if stat.is_some_and(|stat| abort.is_none_or(|abort| stat < abort)) {
        return stat;
    }
    if means(Meaning::Started) {
        // The transfer began before the server read ABOR.
        return pipeline.transfer();
    }
    if let Some(abort) = abort.filter(|index| next(*index)) {
        let nothing_or_done = match dialect {
            // 200 is TENEX's "Abort request noted."; no transfer ends with it.
            Dialect::Rfc354 => {
                means(Meaning::NothingToAbort) || means(Meaning::Aborted) || means(Meaning::Okay)
            }
            // 226 may answer either: the order decides.
            Dialect::Rfc959 => means(Meaning::NothingToAbort),
        };
        // A transfer that has begun does not end with "unknown command", but ABOR may.
        if nothing_or_done || (unknown && started) {
            return Some(abort);
        }
        // The transfer's final reply came before, and the server repeats it.
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
