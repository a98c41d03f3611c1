//! The check of a login.

use std::sync::Arc;

use ftp_io::clock::Clock;
use ftp_proto::server::ask::Ticket;

use super::resources::Done;
use crate::auth::{Check, Entry, Origin};
use crate::limits::LoginSlot;

/// What is known of a login from `origin` at once, the terms of the account included.
pub(super) fn judge(origin: Origin, check: Check) -> Check {
    match check {
        Check::Right(entry) => admit(origin, entry).map_or(Check::Wrong, Check::Right),
        other @ (Check::Wrong | Check::Slow(_)) => other,
    }
}

/// Ends the check: makes the slow hash, where one is needed, and delays a refusal.
pub(super) async fn conclude(origin: Origin, ticket: Ticket, slot: LoginSlot, check: Check) -> Done {
    let (slot, entry) = match check {
        Check::Right(entry) => (slot, Some(entry)),
        Check::Wrong => (slot, None),
        Check::Slow(slow) => match slot.hash(move || slow.run()).await {
            Some((slot, entry)) => (slot, entry.and_then(|entry| admit(origin, entry))),
            None => return Done::Login(ticket, None),
        },
    };
    match &entry {
        Some(_) => slot.right(),
        None => slot.wrong().await,
    }
    Done::Login(ticket, entry)
}

/// The entry, if its terms admit this origin. Why they do not stands in the log only.
pub(super) fn admit(origin: Origin, entry: Arc<Entry>) -> Option<Arc<Entry>> {
    match entry.terms.admit(origin, Clock::today()) {
        Ok(()) => Some(entry),
        Err(unfit) => {
            let user = String::from_utf8_lossy(&entry.account.name).into_owned();
            tracing::warn!(user, "the login would be right, but {unfit}");
            None
        }
    }
}
