//! What a server does for a transfer command, as far as victims notice it.

use ftp_proto::server::ask::Ticket;
use ftp_proto::timer::Moment;
use std::collections::BTreeMap;

/// The transfer command that a server carries out, and what it has sent to victims.
#[derive(Debug, Default)]
pub(super) struct TransferCommands {
    /// How many transfer commands there were.
    command: u64,
    pub(super) since: Moment,
    /// The file of the command.
    prepared: Option<Ticket>,
    /// The failure must look like all others.
    pub(super) hidden: bool,
    /// When the command has failed.
    pub(super) failed: Option<Moment>,
    /// The attempts to connect, with the command that they serve.
    pub(super) attempts: BTreeMap<Ticket, u64>,
    /// The connections to victims, with the command that made them.
    pub(super) conns: BTreeMap<usize, u64>,
    /// Connections, and bytes, for each command.
    pub(super) counts: BTreeMap<u64, (usize, usize)>,
}

impl TransferCommands {
    /// A transfer command begins.
    pub(super) fn begins(&mut self, now: Moment, prepared: Ticket) {
        self.command += 1;
        self.since = now;
        self.prepared = Some(prepared);
        self.hidden = false;
        self.failed = None;
    }

    /// How many connections have reached victims.
    pub(super) fn victims(&self) -> usize {
        self.conns.len()
    }

    /// Its target is a foreign one that must prove itself.
    pub(super) const fn hides(&mut self) {
        self.hidden = true;
    }

    /// The command in hand connects.
    pub(super) fn connects(&mut self, attempt: Ticket) {
        self.attempts.insert(attempt, self.command);
    }

    /// The machine needs the file no more, or something else.
    pub(super) fn cancelled(&mut self, now: Moment, ticket: Ticket) {
        if self.prepared == Some(ticket) {
            self.failed = Some(now);
        }
    }
}
