//! What the server can do: FEAT, or HELP in 1973. A refusal means that it can do nothing special.

use super::control::Control;
use super::pipeline::Owner;
use crate::command::Command;
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::reply::{Class, Reply};
use crate::timer::Moment;

/// The number of lines that are kept of what comes before HELP's final reply.
const HELP_LINES: usize = 1000;

/// FEAT or HELP is under way.
#[derive(Debug, Default)]
pub(super) struct Features {
    /// The lines that came before the final reply: TENEX answers HELP with many replies of one line.
    lines: Vec<Vec<u8>>,
    /// NOOP was sent to find the end of HELP.
    probed: bool,
}

impl Features {
    /// Sends the command.
    pub(super) fn begin(now: Moment, control: &mut Control) -> Self {
        let command = match control.dialect {
            Dialect::Rfc354 => Command::Help(None),
            Dialect::Rfc959 => Command::Feat,
        };
        control.send_in_setup(now, &command);
        Self::default()
    }

    /// Keeps the lines of a reply that is not the final one.
    pub(super) fn more(&mut self, lines: Vec<Vec<u8>>) {
        if self.lines.len() < HELP_LINES {
            self.lines.extend(lines);
        }
    }

    /// Takes the final reply, to FEAT, HELP or NOOP, and returns what the server can do.
    pub(super) fn reply(&mut self, mut reply: Reply, class: Class, dialect: Dialect) -> Capabilities {
        let mut lines = std::mem::take(&mut self.lines);
        if self.probed {
            reply.lines = lines;
        } else if class == Class::Done {
            lines.append(&mut reply.lines);
            reply.lines = lines;
        } else {
            return Capabilities::default();
        }
        Capabilities::from_reply(dialect, &reply)
    }

    /// Handles the end of the reply timeout. RFC 354 promises no end of HELP, so if only 0xx and 1xx
    /// lines came, NOOP finds it. Returns whether that was the case.
    pub(super) fn timeout(&mut self, now: Moment, control: &mut Control) -> bool {
        if self.lines.is_empty() || self.probed {
            return false;
        }
        self.probed = true;
        control.pipeline.finish(0);
        control.send(now, Owner::Setup, &Command::Noop, None);
        true
    }
}
