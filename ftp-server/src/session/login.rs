//! The check of a login.

use ftp_proto::server::ask::Ticket;

use super::resources::Done;
use crate::auth::Check;
use crate::limits::LoginSlot;

/// Ends the check of a login: makes the slow hash, where one is needed, and delays a refusal.
pub(super) async fn judge(ticket: Ticket, slot: LoginSlot, check: Check) -> Done {
    let (slot, entry) = match check {
        Check::Right(entry) => (slot, Some(entry)),
        Check::Wrong => (slot, None),
        Check::Slow(slow) => match slot.hash(move || slow.run()).await {
            Some(checked) => checked,
            None => return Done::Login(ticket, None),
        },
    };
    match &entry {
        Some(_) => slot.right(),
        None => slot.wrong().await,
    }
    Done::Login(ticket, entry)
}
