//! The check of a login.

use std::sync::Arc;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_proto::server::ask::Ticket;
use ftp_proto::shared::guard::Whose;
use ftp_proto::wire::Secret;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::resources::Done;
use super::shared::Shared;
use crate::auth::{Check, Entry, NoLogin, Origin, PamCheck, SlowCheck, Users};
use crate::limits::{LoginSlot, Owner, SessionSlot, Turns};
use crate::operate::audit::Record;

/// Somebody who wants to log in by a password.
pub(super) struct Attempt {
    pub(super) user: Vec<u8>,
    pub(super) origin: Origin,
    pub(super) users: Arc<Users>,
    /// The place of the session.
    pub(super) session: SessionSlot,
}

/// What is known of an attempt at once.
pub(super) enum Judged {
    /// It logs in.
    In(Arc<Entry>),
    /// It does not.
    Out(NoLogin),
    /// A slow hash will tell.
    Slow(SlowCheck),
    /// PAM will tell.
    Pam(PamCheck),
}

impl Attempt {
    /// What is known at once, the terms of the account included.
    pub(super) fn judge(&self, password: Secret) -> Judged {
        match self.users.check(&self.user, password) {
            Check::Right(entry) => self.admit(entry).map_or_else(Judged::Out, Judged::In),
            Check::Wrong => Judged::Out(self.why_not()),
            Check::Slow(check) => Judged::Slow(check),
            Check::Pam(check) => Judged::Pam(check),
        }
    }

    fn why_not(&self) -> NoLogin {
        self.users.why_not(&self.user, self.origin, Clock::today())
    }

    fn admit(&self, entry: Arc<Entry>) -> Result<Arc<Entry>, NoLogin> {
        entry.terms.admit(self.origin, Clock::today())?;
        Ok(entry)
    }

    /// The entry that a check has found, if its terms admit the client.
    fn checked(&self, found: Option<Arc<Entry>>) -> Result<Arc<Entry>, NoLogin> {
        found.ok_or_else(|| self.why_not()).and_then(|entry| self.admit(entry))
    }

    /// Ends the check: makes the slow hash, where one is needed, and delays a refusal. Its reason stands in the
    /// audit only.
    pub(super) async fn conclude(
        self,
        shared: Arc<Shared>,
        ticket: Ticket,
        slot: LoginSlot,
        judged: Judged,
    ) -> Done {
        let at_door = self.session.is_checked(shared.shares.logins.prefers(self.origin.from));
        let (slot, entry) = match judged {
            Judged::In(entry) => (slot, Ok(entry)),
            Judged::Out(why) => (slot, Err(why)),
            Judged::Slow(slow) => match slot.hash(move || slow.run()).await {
                Some((slot, found)) => (slot, self.checked(found)),
                None => return Done::Login(ticket, None),
            },
            Judged::Pam(check) => {
                let told = ask_pam(self.origin, check, Arc::clone(&shared.shares.pam)).await;
                (slot, told.and_then(|found| self.checked(found)))
            }
        };
        // A refusal that waits is nothing that the server has to do for it.
        let Self { user, origin, session, .. } = self;
        drop((at_door, session));
        match entry {
            Ok(entry) => {
                slot.right(whose(&entry));
                Done::Login(ticket, Some(entry))
            }
            Err(why) => {
                shared.record(&Record::LoginFailed { user: &user, why, shown: origin.certificate });
                slot.wrong().await;
                Done::Login(ticket, None)
            }
        }
    }
}

/// What PAM says. Its modules may hang: the login waits for no longer than [`PAM_TIMEOUT`], and a module that
/// hangs keeps a turn of its address.
async fn ask_pam(origin: Origin, check: PamCheck, turns: Arc<Turns>) -> Result<Option<Arc<Entry>>, NoLogin> {
    let asked = async move {
        let turn = turns.wait(Owner::new(None, origin.from)).await;
        let work = spawn_blocking(move || {
            let _turn = turn;
            check.run()
        });
        work.await.unwrap_or(None)
    };
    timeout(PAM_TIMEOUT, asked).await.map_err(|_| NoLogin::PamTooSlow)
}

/// How long a login waits for PAM.
const PAM_TIMEOUT: Duration = Duration::from_secs(15);

/// Whose login it is: anonymous users may be anybody, so their addresses are not remembered.
pub(super) fn whose(entry: &Entry) -> Whose {
    if entry.account.anonymous { Whose::Anonymous } else { Whose::Named }
}
