//! What all sessions of a server share: the limits of failed proofs. Every world has sessions of its own at
//! the two servers; the worlds of one run share the limits of both.

use super::Pair;
use super::detached::Detached;
use ftp_proto::server::ask::{Ticket, TryEnd};
use ftp_proto::shared::proofs::{ProofLimits, Verdict};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use std::net::{IpAddr, SocketAddr};

/// The limits of both servers.
#[derive(Debug, Default)]
pub(super) struct Shared {
    limits: Pair<ProofLimits<Permit>>,
    /// Transfers that may outlive their control connection.
    pub(super) detached: Detached,
    /// Permits that had to wait and are answered now.
    answers: Vec<PermitAnswer>,
}

/// A permit: the number of its world, and the ticket of the question.
pub(super) type Permit = (usize, Ticket);

impl Shared {
    pub(super) fn ask(
        &mut self,
        now: Moment,
        side: Side,
        permit: Permit,
        account: &[u8],
        target: SocketAddr,
    ) -> Verdict {
        self.limits.at_mut(side).ask(now, permit, account, target)
    }

    pub(super) fn proved(&mut self, now: Moment, side: Side, account: &[u8], peer: IpAddr) {
        self.limits.at_mut(side).proved(now, account, peer);
    }

    pub(super) fn done(&mut self, now: Moment, side: Side, permit: Permit, end: TryEnd) {
        let answered = self.limits.at_mut(side).done(now, permit, end);
        self.answers.extend(answered.into_iter().map(|(permit, verdict)| PermitAnswer {
            permit,
            side,
            may: verdict == Verdict::Now,
        }));
    }

    /// The answers of permits that have waited.
    pub(super) fn take_answers(&mut self) -> Vec<PermitAnswer> {
        std::mem::take(&mut self.answers)
    }
}

/// The answer to a permit that had to wait.
#[derive(Debug)]
pub(super) struct PermitAnswer {
    /// The number of its world, and the ticket there.
    pub(super) permit: Permit,
    pub(super) side: Side,
    pub(super) may: bool,
}
