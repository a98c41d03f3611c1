//! The check of a login.

use std::net::IpAddr;
use std::sync::Arc;

use ftp_io::clock::Clock;
use ftp_proto::server::ask::Ticket;

use super::resources::Done;
use crate::auth::{Check, Entry};
use crate::limits::LoginSlot;

/// A client that logs in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login {
    /// The address of the client.
    pub(super) from: IpAddr,
    /// Whether the control connection is inside TLS.
    pub(super) private: bool,
}

impl Login {
    /// What is known of the login at once, the terms of the account included.
    pub(super) fn judge(self, check: Check) -> Check {
        match check {
            Check::Right(entry) => self.admit(entry).map_or(Check::Wrong, Check::Right),
            other @ (Check::Wrong | Check::Slow(_)) => other,
        }
    }

    /// Ends the check: makes the slow hash, where one is needed, and delays a refusal.
    pub(super) async fn conclude(self, ticket: Ticket, slot: LoginSlot, check: Check) -> Done {
        let (slot, entry) = match check {
            Check::Right(entry) => (slot, Some(entry)),
            Check::Wrong => (slot, None),
            Check::Slow(slow) => match slot.hash(move || slow.run()).await {
                Some((slot, entry)) => (slot, entry.and_then(|entry| self.admit(entry))),
                None => return Done::Login(ticket, None),
            },
        };
        match &entry {
            Some(_) => slot.right(),
            None => slot.wrong().await,
        }
        Done::Login(ticket, entry)
    }

    /// The entry, if its terms admit this client. Why they do not stands in the log only.
    fn admit(self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        match entry.terms.admit(self.from, Clock::today(), self.private) {
            Ok(()) => Some(entry),
            Err(unfit) => {
                let user = String::from_utf8_lossy(&entry.account.name).into_owned();
                tracing::warn!(user, "the password is right, but {unfit}");
                None
            }
        }
    }
}
