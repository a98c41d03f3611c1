//! The two control sessions of an attempt.

use crate::ladder::Candidate;
use crate::place::Peer;
use crate::session::Session;
use ftp_proto::transfer::{Party, Side};

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

    /// What is known of both servers, as each of them is reached by the other end of its data connections.
    pub(super) fn parties(&self, candidate: &Candidate) -> (Party, Party) {
        match candidate {
            Candidate::Direct(_) => self.source.parties_with(self.destination),
            // It reaches both as the tunnels through it do.
            Candidate::Relay(_) => (self.source.party(), self.destination.party()),
            Candidate::Through => self.parties_here(),
        }
    }

    /// The same for data connections with this host.
    pub(super) fn parties_here(&self) -> (Party, Party) {
        (self.source.party_for(Peer::ThisHost), self.destination.party_for(Peer::ThisHost))
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
