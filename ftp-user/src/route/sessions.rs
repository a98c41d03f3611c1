//! The two control sessions of an attempt.

use crate::control::Session;
use ftp_proto::third_party::{Party, Side};

/// The control sessions with both servers.
#[derive(Debug)]
pub(super) struct Sessions<'a> {
    pub(super) source: &'a mut Session,
    pub(super) destination: &'a mut Session,
}

impl Sessions<'_> {
    /// The session with one side.
    pub(super) const fn of(&mut self, side: Side) -> &mut Session {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination,
        }
    }

    /// What is known of both servers.
    pub(super) fn parties(&self) -> (Party, Party) {
        (self.source.party(), self.destination.party())
    }

    /// Whether TLS protects both.
    pub(super) const fn run_tls(&self) -> bool {
        self.source.runs_tls() && self.destination.runs_tls()
    }

    /// Closes both control connections.
    pub(super) fn close(&mut self) {
        self.source.close();
        self.destination.close();
    }
}
