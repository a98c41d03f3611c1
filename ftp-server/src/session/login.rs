//! The logins of a session: how they are checked, and what follows.

use std::sync::Arc;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_proto::server::ask::{Answer, Ticket};
use ftp_proto::shared::guard::LoginOwner;
use ftp_proto::wire::{Fingerprint, Secret};
use tokio::time::timeout;

use super::Shared;
use super::context::{Context, ReadyAnswer, WorkResult};
use crate::auth::{Check, Entry, NoLogin, Origin, PamCheck, SlowCheck, Users};
use crate::limits::{LoginEntry, LoginSlot, Owner, SessionSlot, Turns};
use crate::operate::audit::Record;

/// Whether USER alone logs in. A certificate cannot be guessed, so this needs no slot among the logins.
pub(super) fn recognise(cx: &mut Context, ticket: Ticket, user: &[u8], certificate: Fingerprint) {
    let origin = origin(cx, Some(certificate));
    let known = cx.shared.users().recognise(user, certificate).cloned();
    match known.filter(|entry| entry.terms.admit(origin, Clock::today()).is_ok()) {
        Some(entry) => logged_in(cx, ticket, &entry),
        None => cx.answer(ticket, Answer::Login(None)),
    }
}

/// Logs out: the session is charged to its address again, and counts as one without a login.
pub(super) fn log_out(cx: &mut Context) {
    cx.client.log_out();
    cx.held.remove_groups();
    if let Err(full) = cx.slot.log_out() {
        cx.ready.push_back(ReadyAnswer::End(full));
    }
}

/// Checks a login. A right password without a slow hash needs no wait.
pub(super) fn login(
    cx: &mut Context,
    ticket: Ticket,
    user: &[u8],
    password: Secret,
    certificate: Option<Fingerprint>,
) {
    let (users, shared) = (cx.shared.users(), Arc::clone(&cx.shared));
    let (origin, session) = (origin(cx, certificate), cx.slot.share());
    let attempt = Attempt { user: user.to_vec(), origin, users, session };
    match shared.shares.logins.enter(cx.client.from, user) {
        LoginEntry::Now(slot) => match attempt.judge(password) {
            LoginVerdict::In(entry) => {
                slot.succeeded(whose(&entry));
                logged_in(cx, ticket, &entry);
            }
            other @ (LoginVerdict::Out(_) | LoginVerdict::Slow(_) | LoginVerdict::Pam(_)) => {
                cx.held.start(ticket, attempt.conclude(shared, ticket, slot, other));
            }
        },
        LoginEntry::Later(waiting) => cx.held.start(ticket, async move {
            let slot = waiting.granted().await;
            let judged = attempt.judge(password);
            attempt.conclude(shared, ticket, slot, judged).await
        }),
    }
}

/// The password was right. From here on the files are those of this user, unless the account has as
/// many sessions as it may.
pub(super) fn logged_in(cx: &mut Context, ticket: Ticket, entry: &Arc<Entry>) {
    let owner = Owner::new(Some(&entry.account), cx.client.from);
    match cx.slot.log_in(&entry.account.name, owner, entry.limits) {
        Ok(()) => {
            cx.client.log_in(entry);
            cx.answer(ticket, Answer::Login(Some(entry.account.clone())));
        }
        Err(full) => cx.ready.push_back(ReadyAnswer::End(full)),
    }
}

/// Where a login comes from.
const fn origin(cx: &Context, certificate: Option<Fingerprint>) -> Origin {
    Origin { from: cx.client.from, private: cx.tls.is_some(), certificate }
}

/// Somebody who wants to log in by a password.
struct Attempt {
    user: Vec<u8>,
    origin: Origin,
    users: Arc<Users>,
    /// The place of the session.
    session: SessionSlot,
}

/// What is known of an attempt at once.
enum LoginVerdict {
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
    fn judge(&self, password: Secret) -> LoginVerdict {
        match self.users.check(&self.user, password) {
            Check::Right(entry) => self.admit(entry).map_or_else(LoginVerdict::Out, LoginVerdict::In),
            Check::Wrong => LoginVerdict::Out(self.why_not()),
            Check::Slow(check) => LoginVerdict::Slow(check),
            Check::Pam(check) => LoginVerdict::Pam(check),
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
    async fn conclude(
        self,
        shared: Arc<Shared>,
        ticket: Ticket,
        slot: LoginSlot,
        judged: LoginVerdict,
    ) -> WorkResult {
        let at_door = self.session.is_checked(shared.shares.logins.prefers(self.origin.from));
        let (slot, entry) = match judged {
            LoginVerdict::In(entry) => (slot, Ok(entry)),
            LoginVerdict::Out(why) => (slot, Err(why)),
            LoginVerdict::Slow(slow) => match slot.hash(move || slow.run()).await {
                Some((slot, found)) => (slot, self.checked(found)),
                None => return WorkResult::Login(ticket, None),
            },
            LoginVerdict::Pam(check) => {
                let told = ask_pam(self.origin, check, Arc::clone(&shared.shares.pam)).await;
                (slot, told.and_then(|found| self.checked(found)))
            }
        };
        // A refusal that waits is nothing that the server has to do for it.
        let Self { user, origin, session, .. } = self;
        drop((at_door, session));
        match entry {
            Ok(entry) => {
                slot.succeeded(whose(&entry));
                WorkResult::Login(ticket, Some(entry))
            }
            Err(why) => {
                shared.record(&Record::LoginFailed { user: &user, why, shown: origin.certificate });
                slot.failed().await;
                WorkResult::Login(ticket, None)
            }
        }
    }
}

/// What PAM says. Its modules may hang: the login waits for no longer than [`PAM_TIMEOUT`], and a module that
/// hangs keeps a turn of its address.
async fn ask_pam(origin: Origin, check: PamCheck, turns: Arc<Turns>) -> Result<Option<Arc<Entry>>, NoLogin> {
    let asked = turns.run_blocking(Owner::new(None, origin.from), move || check.run());
    let told = timeout(PAM_TIMEOUT, asked).await.map_err(|_| NoLogin::PamTooSlow)?;
    Ok(told.unwrap_or(None))
}

/// How long a login waits for PAM.
const PAM_TIMEOUT: Duration = Duration::from_secs(15);

/// Whose login it is: anonymous users may be anybody, so their addresses are not remembered.
fn whose(entry: &Entry) -> LoginOwner {
    if entry.account.anonymous { LoginOwner::Anonymous } else { LoginOwner::Named }
}
