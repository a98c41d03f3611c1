//! What the server can: FEAT, in 1973 HELP. A refusal is an answer too.

use super::Event;
use super::pipeline::Owner;
use super::session::{Session, State};
use crate::command::{Command, Opts};
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::reply::{Class, Reply};
use crate::timer::Moment;

impl Session {
    /// Logged in: asks for the features.
    pub(super) fn ask_features(&mut self, now: Moment) {
        self.state = State::Features(Vec::new());
        let command = match self.dialect {
            Dialect::Rfc354 => Command::Help(None),
            Dialect::Rfc959 => Command::Feat,
        };
        self.write(now, Owner::Features, &command, None);
    }

    /// The final reply to FEAT or HELP.
    pub(super) fn features_heard(&mut self, now: Moment, mut reply: Reply, class: Class) {
        let State::Features(before) = &mut self.state else { return };
        let mut capabilities = Capabilities::default();
        if class == Class::Done {
            // TENEX answers HELP with many one-line replies before the last one.
            reply.lines.splice(0..0, before.drain(..));
            capabilities = Capabilities::from_reply(self.dialect, &reply);
        }
        self.settle(now, capabilities);
    }

    /// HELP had only 0xx and 1xx lines and no end (RFC 354 promises none): NOOP finds the end.
    /// Gives whether that was so.
    pub(super) fn help_without_end(&mut self, now: Moment) -> bool {
        let State::Features(before) = &self.state else { return false };
        if before.is_empty() || self.pipeline.head().is_none_or(|head| head.owner != Owner::Features) {
            return false;
        }
        self.pipeline.finish(0);
        self.write(now, Owner::Probe, &Command::Noop, None);
        true
    }

    /// NOOP was answered outside an abort: what HELP said is complete.
    pub(super) fn help_ended(&mut self, now: Moment, reply: &Reply) {
        let State::Features(before) = &mut self.state else { return };
        let said = Reply { code: reply.code, lines: std::mem::take(before) };
        let capabilities = Capabilities::from_reply(self.dialect, &said);
        self.settle(now, capabilities);
    }

    /// RFC 2640 3.1 has servers assume UTF-8; some want to be told (modern-servers 9). Any answer
    /// will do.
    fn settle(&mut self, now: Moment, capabilities: Capabilities) {
        if capabilities.utf8 && self.dialect == Dialect::Rfc959 {
            self.state = State::Utf8(capabilities);
            self.write(now, Owner::Utf8, &Command::Opts(Opts::Utf8), None);
        } else {
            self.ready(now, capabilities);
        }
    }

    /// OPTS UTF8 was answered.
    pub(super) fn utf8_heard(&mut self, now: Moment) {
        let State::Utf8(capabilities) = &mut self.state else { return };
        let capabilities = std::mem::take(capabilities);
        self.ready(now, capabilities);
    }

    /// Commands may be sent.
    fn ready(&mut self, now: Moment, capabilities: Capabilities) {
        let capabilities = Capabilities { loses_early: self.loses_early, ..capabilities };
        self.state = State::Ready;
        self.timers.disarm(crate::timer::Timer::Login);
        self.event(Event::Ready { dialect: self.dialect, capabilities });
        self.release(now);
    }
}
