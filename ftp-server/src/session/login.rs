//! The check of a login.

use std::sync::Arc;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_proto::server::ask::Ticket;
use ftp_proto::shared::guard::Whose;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::resources::Done;
use super::shared::Shared;
use crate::auth::{Check, Entry, Origin, PamCheck};
use crate::limits::{LoginSlot, Owner, SessionSlot, Turns};
use crate::operate::audit::Record;

/// What is known of a login from `origin` at once, the terms of the account included.
pub(super) fn judge(shared: &Shared, origin: Origin, check: Check) -> Check {
    match check {
        Check::Right(entry) => admit(shared, origin, entry).map_or(Check::Wrong, Check::Right),
        other @ (Check::Wrong | Check::Slow(_) | Check::Pam(_)) => other,
    }
}

/// Ends the check: makes the slow hash, where one is needed, and delays a refusal.
pub(super) async fn conclude(
    shared: Arc<Shared>,
    (origin, ticket): (Origin, Ticket),
    (slot, session): (LoginSlot, SessionSlot),
    check: Check,
) -> Done {
    let at_door = session.is_checked(shared.shares.logins.prefers(origin.from));
    let (slot, entry) = match check {
        Check::Right(entry) => (slot, Some(entry)),
        Check::Wrong => (slot, None),
        Check::Slow(slow) => match slot.hash(move || slow.run()).await {
            Some((slot, entry)) => (slot, entry.and_then(|entry| admit(&shared, origin, entry))),
            None => return Done::Login(ticket, None),
        },
        Check::Pam(check) => {
            let entry = ask_pam(origin, check, Arc::clone(&shared.shares.pam)).await;
            (slot, entry.and_then(|entry| admit(&shared, origin, entry)))
        }
    };
    // A refusal that waits is nothing that the server has to do for it.
    drop((at_door, session));
    match &entry {
        Some(entry) => slot.right(whose(entry)),
        None => slot.wrong().await,
    }
    Done::Login(ticket, entry)
}

/// What PAM says. Its modules may hang: a login waits for no longer than [`PAM_TIMEOUT`], and whoever hangs keeps a
/// turn of its address.
async fn ask_pam(origin: Origin, check: PamCheck, turns: Arc<Turns>) -> Option<Arc<Entry>> {
    let asked = async move {
        let turn = turns.wait(Owner::new(None, origin.from)).await;
        let work = spawn_blocking(move || {
            let _turn = turn;
            check.run()
        });
        work.await.unwrap_or(None)
    };
    let told = timeout(PAM_TIMEOUT, asked).await;
    told.unwrap_or_else(|_| {
        tracing::warn!("PAM takes too long: the login is refused");
        None
    })
}

/// How long a login waits for PAM.
const PAM_TIMEOUT: Duration = Duration::from_secs(15);

/// Whose login it is: anonymous users may be anybody, so their addresses are not remembered.
pub(super) fn whose(entry: &Entry) -> Whose {
    if entry.account.anonymous { Whose::Anonymous } else { Whose::Named }
}

/// The entry, if its terms admit this origin. Why they do not stands in the audit only.
pub(super) fn admit(shared: &Shared, origin: Origin, entry: Arc<Entry>) -> Option<Arc<Entry>> {
    match entry.terms.admit(origin, Clock::today()) {
        Ok(()) => Some(entry),
        Err(unfit) => {
            shared.record(&Record::Unfit { user: &entry.account.name, why: unfit });
            None
        }
    }
}
