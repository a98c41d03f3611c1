//! A server as an end of a copy, and the pool of its sessions: they are opened when they are needed, and again after they were lost.

use super::debts::Debts;
use super::disk::ServerDisk;
use crate::context::Context;
use crate::failure::{About, Failure, Kind, Result};
use crate::place::Site;
use crate::relay;
use crate::session::{
    ClosedPosture, FirstQuestions, Role, Session, SessionId, SessionOpening, Tunnel, newest_session,
};
use ftp_io::lock::Lock;
use ftp_io::tls::Versions;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::task::JoinSet;

/// What the hosts of a job share: for each site a pool. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pools(Arc<Mutex<Vec<Arc<Pool>>>>);

impl Pools {
    /// The pool of `site`.
    pub fn of(&self, site: &Site) -> Arc<Pool> {
        let mut pools = self.0.locked();
        if let Some(pool) = pools.iter().find(|pool| pool.site == *site) {
            return Arc::clone(pool);
        }
        let pool = Arc::new(Pool::new(site.clone()));
        pools.push(Arc::clone(&pool));
        pool
    }

    /// All pools that have been used.
    pub fn all(&self) -> Vec<Arc<Pool>> {
        self.0.locked().clone()
    }

    /// Says goodbye on all sessions that nobody uses.
    pub async fn quit(&self) {
        for pool in self.all() {
            pool.quit_idle().await;
        }
    }
}

/// The sessions with one site, and its health.
#[derive(Debug)]
pub struct Pool {
    /// Where the site is, and who logs in there.
    pub site: Site,
    /// What has to be deleted there before the run ends.
    pub debts: Debts,
    /// Its sessions that were lost.
    pub losses: Losses,
    /// What it has said of its disk.
    pub(super) disk: ServerDisk,
    state: Mutex<State>,
    /// In which posture no data connection with this host comes about.
    closed: ClosedPosture,
    /// Whether the server does not answer ABOR.
    is_deaf: Arc<AtomicBool>,
    /// Held by whoever runs the retries of an outage.
    outage: tokio::sync::Mutex<()>,
    /// The directory after the login, as soon as the server has told it.
    login_directory: OnceLock<PathName>,
}

#[derive(Debug, Default)]
struct State {
    /// Sessions that nobody uses.
    #[expect(clippy::vec_box, reason = "a session moves between tasks; in a box it is not copied each time")]
    idle: Vec<Box<Session>>,
    /// The number of sessions in use.
    leased: usize,
    /// Whether the server has answered in this run.
    answered: bool,
    /// Why no session is opened, if the server was given up and has not answered since.
    given_up: Option<Outage>,
    /// This host does not reach the server, and a relay does.
    behind_relay: bool,
    tls12: Tls12,
}

impl State {
    /// The number of sessions.
    const fn number(&self) -> usize {
        self.leased + self.idle.len()
    }
}

/// An outage after which a server was given up.
#[derive(Debug)]
struct Outage {
    /// How many sessions there were then.
    beside: usize,
    failure: Failure,
}

/// Whether new sessions use TLS 1.2, whose sessions can be resumed any number of times.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Tls12 {
    /// Nothing was tried: all versions are offered.
    #[default]
    Untried,
    /// The server knows it, and only that is offered.
    Works,
    /// No session came about with it: all versions are offered.
    Fails,
}

impl Tls12 {
    /// The versions that a new session offers.
    const fn versions(self) -> Versions {
        match self {
            Self::Untried | Self::Fails => Versions::All,
            Self::Works => Versions::Tls12,
        }
    }
}

impl Pool {
    fn new(site: Site) -> Self {
        Self {
            site,
            debts: Debts::default(),
            losses: Losses::default(),
            disk: ServerDisk::default(),
            state: Mutex::default(),
            closed: Arc::default(),
            is_deaf: Arc::default(),
            outage: tokio::sync::Mutex::default(),
            login_directory: OnceLock::new(),
        }
    }

    /// The directory after the login, if the server was asked for it and has told it.
    pub fn login_directory(&self) -> Option<&PathName> {
        self.login_directory.get()
    }

    /// Notes the directory after the login.
    pub(super) fn note_login_directory(&self, directory: &PathName) {
        self.login_directory.get_or_init(|| directory.clone());
    }

    /// Whether the server has answered in this run, and was not given up since.
    pub fn is_answering(&self) -> bool {
        let state = self.state.locked();
        state.answered && state.given_up.is_none()
    }

    /// How many sessions there are.
    pub(super) fn sessions(&self) -> usize {
        self.state.locked().number()
    }

    /// Waits until nobody else runs the retries of an outage.
    pub async fn outage(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.outage.lock().await
    }

    /// Gives the server up: later leases fail at once with the returned failure. A server that is silent beside other sessions may
    /// stand behind a firewall that drops one more, so it is asked once again when there are fewer. One that answers and refuses
    /// one more is not given up.
    pub fn give_up(&self, failure: Failure) -> Failure {
        let is_silent = failure.about == About::NoAnswer;
        let failure = failure.about(About::GivenUp);
        let mut state = self.state.locked();
        let beside = state.number();
        if is_silent || beside == 0 {
            state.given_up = Some(Outage { beside, failure: failure.clone() });
        }
        failure
    }

    /// A session: one that nobody uses, or a new one, which may be asked `first` with its login.
    ///
    /// # Errors
    /// Fails if there is no session. A server that was given up is not asked again.
    pub async fn lease(
        self: &Arc<Self>,
        context: &Context,
        role: Role,
        first: &FirstQuestions,
    ) -> Result<Lease> {
        let (idle, given_up, tls12) = {
            let mut state = self.state.locked();
            let idle = state.idle.pop();
            let given_up = state.given_up.as_ref().filter(|given_up| state.number() >= given_up.beside);
            (idle, given_up.map(|given_up| given_up.failure.clone()), state.tls12)
        };
        if let Some(mut session) = idle {
            session.adopt(context, role);
            session.catch_up().await;
            if !session.is_over() {
                return Ok(self.lend(session));
            }
            self.losses.note();
        }
        if let Some(failure) = given_up {
            return Err(failure);
        }
        // In a box: a future has room for everything that it awaits, and this one is awaited deep down.
        let opened = Box::pin(self.open(context, role, tls12.versions(), first)).await;
        if !matches!(&opened, Err(failure) if failure.about == About::NoAnswer) {
            let mut state = self.state.locked();
            (state.answered, state.given_up) = (true, None);
        }
        opened.map(|session| self.lend(Box::new(session)))
    }

    /// Opens a session: from here, or through a relay if this host has never reached the server.
    async fn open(
        &self,
        context: &Context,
        role: Role,
        tls: Versions,
        first: &FirstQuestions,
    ) -> Result<Session> {
        let (answered, behind_relay) = {
            let state = self.state.locked();
            (state.answered, state.behind_relay)
        };
        let opening = SessionOpening::new(context, &self.site, role).with_tls(tls);
        if behind_relay {
            return opening.open_tunnelled(self.reach(context).await?).await;
        }
        let failure = match opening.open_asking(first).await {
            Err(failure) if failure.about == About::NoAnswer && !answered => failure,
            opened => return opened,
        };
        if context.run.relays.is_empty() || context.run.cancel.is_cancelled() {
            return Err(failure);
        }
        let tunnel = match self.reach(context).await {
            Ok(tunnel) => tunnel,
            // A wrong token has to be known, and nothing is reported of an interrupted run.
            Err(other) if matches!(other.kind, Kind::Untrusted | Kind::Interrupted) => return Err(other),
            Err(relay) => {
                let also = format!("no relay reaches it either: {}", relay.why());
                let hint =
                    failure.hint.as_ref().map_or_else(|| also.clone(), |hint| format!("{hint}; {also}"));
                return Err(failure.hint(hint));
            }
        };
        let session = opening.open_tunnelled(tunnel).await?;
        self.state.locked().behind_relay = true;
        let relay = session.relay.as_ref().map_or_else(String::new, |relay| relay.name.clone());
        let site = self.site.authority();
        context.run.events.warn(format!("{site} does not answer here; the relay {relay} reaches it"));
        Ok(session)
    }

    /// A tunnel through the first relay, or agent of a hub, that reaches the server.
    async fn reach(&self, context: &Context) -> Result<Tunnel> {
        let mut last = None;
        for relay in context.run.relays.iter() {
            match relay::Session::reach(context, relay, &self.site).await {
                Ok(tunnel) => return Ok(tunnel),
                Err(failure) if failure.kind == Kind::Untrusted => return Err(failure),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::new(Kind::NoPath, "there is no relay")))
    }

    /// Returns a session in place of `lease`, which cannot resume its TLS session any more. TLS 1.2 is tried once,
    /// because its sessions do not run out. If that fails, `lease` is returned: it can still carry commands, and
    /// the next call replaces it. So a call connects once at most.
    ///
    /// # Errors
    ///
    /// Fails if no new session can be opened.
    pub async fn renew(self: &Arc<Self>, context: &Context, role: Role, lease: Lease) -> Result<Lease> {
        let (tls12, none) = (self.state.locked().tls12, FirstQuestions::default());
        if tls12 != Tls12::Untried {
            lease.quit().await;
            return self.lease(context, role, &none).await;
        }
        match Box::pin(self.open(context, role, Versions::Tls12, &none)).await {
            Ok(session) => {
                self.state.locked().tls12 = Tls12::Works;
                lease.quit().await;
                Ok(self.lend(Box::new(session)))
            }
            Err(failure) if failure.kind == Kind::Interrupted => Err(failure),
            Err(_) => {
                self.state.locked().tls12 = Tls12::Fails;
                Ok(lease)
            }
        }
    }

    /// Says goodbye on all sessions that nobody uses. So those that were lost unnoticed are noticed.
    pub async fn quit_idle(&self) {
        let idle = std::mem::take(&mut self.state.locked().idle);
        self.quit(idle.into_iter()).await;
    }

    /// The moment from which a session that nobody uses counts as long idle.
    pub fn long_idle_at(&self) -> Option<Moment> {
        self.state.locked().idle.iter().filter_map(|session| session.long_idle_at()).min()
    }

    /// Takes out the long idle sessions, if there are any, and says goodbye on them. Otherwise their server ends them, which counts as
    /// a loss, and they take places that new sessions may need.
    pub fn quit_long_idle(self: &Arc<Self>, now: Moment) -> Option<impl Future<Output = ()> + use<>> {
        let mut state = self.state.locked();
        let is_due = |session: &mut Box<Session>| session.long_idle_at().is_some_and(|at| at <= now);
        let idle: Vec<_> = state.idle.extract_if(.., is_due).collect();
        // Until it has heard the goodbye, the server counts them.
        state.leased += idle.len();
        let (pool, number) = (Arc::clone(self), idle.len());
        (number > 0).then_some(async move {
            pool.quit(idle.into_iter()).await;
            pool.state.locked().leased -= number;
        })
    }

    async fn quit(&self, sessions: impl Iterator<Item = Box<Session>>) {
        // Each answers after a round trip, and there may be many.
        let mut goodbyes: JoinSet<bool> = sessions.map(|session| session.quit()).collect();
        while let Some(said) = goodbyes.join_next().await {
            if !matches!(said, Ok(true)) {
                self.losses.note();
            }
        }
    }

    fn lend(self: &Arc<Self>, mut session: Box<Session>) -> Lease {
        session.closed = Arc::clone(&self.closed);
        session.is_deaf = Arc::clone(&self.is_deaf);
        self.state.locked().leased += 1;
        Lease { pool: Arc::clone(self), session: Some(session) }
    }
}

/// A session in use. Dropping it closes the connection.
#[derive(Debug)]
pub struct Lease {
    pool: Arc<Pool>,
    /// `None` after it was given back.
    session: Option<Box<Session>>,
}

impl Lease {
    /// The session; `None` if it has ended.
    pub fn session(&mut self) -> Option<&mut Session> {
        self.session.as_deref_mut().filter(|session| !session.is_over())
    }

    /// Ends the session in order, unless it was lost.
    pub async fn quit(mut self) {
        if let Some(session) = self.session.take()
            && !Box::pin(session.quit()).await
        {
            self.pool.losses.note();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.session.is_some() {
            self.pool.losses.note();
        }
        let mut state = self.pool.state.locked();
        state.leased = state.leased.saturating_sub(1);
    }
}

/// A server as an end of a copy.
#[derive(Debug)]
pub struct Server {
    /// Where it is, and who logs in there.
    pub site: Site,
    /// The sessions with it, which other ends may use too.
    pub pool: Arc<Pool>,
    role: Role,
    lease: Option<Lease>,
    /// What the next session is asked first, perhaps together with its login.
    first: FirstQuestions,
}

impl Server {
    /// A server without a session yet.
    pub fn new(pool: Arc<Pool>, role: Role) -> Self {
        Self { site: pool.site.clone(), pool, role, lease: None, first: FirstQuestions::default() }
    }

    /// If the next thing that it is asked needs a session first, asks it together with the login what is at `path`.
    pub fn will_be_asked(&mut self, path: &PathName) {
        self.first.look = Some(path.clone());
    }

    /// If it needs a session first, has it listen together with the login for another server, which will send a file.
    pub(super) const fn will_receive(&mut self) {
        self.first.listen = true;
    }

    /// The open session, or a new one. Whatever is seldom needed is in a box: this future is part of all that ask a server.
    ///
    /// # Errors
    /// Fails if no session can be opened.
    pub async fn session(&mut self, context: &Context) -> Result<&mut Session> {
        let lease = match self.alive(context).await {
            Some(lease)
                if lease.session.as_ref().is_some_and(|session| session.tickets_left() == Some(0)) =>
            {
                Box::pin(self.pool.renew(context, self.role, lease)).await?
            }
            Some(lease) => lease,
            None => Box::pin(self.pool.lease(context, self.role, &self.first)).await?,
        };
        self.first = FirstQuestions::default();
        self.lease.insert(lease).session().ok_or_else(Failure::interrupted)
    }

    /// The lease, if its session can still be used.
    async fn alive(&mut self, context: &Context) -> Option<Lease> {
        let mut lease = self.lease.take()?;
        let session = lease.session()?;
        session.context.run.cancel = context.run.cancel.clone();
        Box::pin(session.catch_up()).await;
        // A session that was opened for cleanup has too little patience for anything else.
        if session.context.settings.patience.reply < context.settings.patience.reply {
            Box::pin(lease.quit()).await;
            return None;
        }
        lease.session().is_some().then_some(lease)
    }

    /// Whether its session is open.
    pub async fn is_connected(&mut self, context: &Context) -> bool {
        self.lease = self.alive(context).await;
        self.lease.is_some()
    }

    /// The session, if it is open.
    pub fn open(&mut self) -> Option<&mut Session> {
        self.lease.as_mut().and_then(Lease::session)
    }

    /// The same server without a session, for another use.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::new(Arc::clone(&self.pool), self.role)
    }

    /// Closes the session without a word, because nothing needs it any more. Only one that has ended before was lost.
    pub fn abandon(&mut self) {
        let session = self.lease.take().and_then(|mut lease| lease.session.take());
        if session.is_some_and(|session| session.is_over()) {
            self.pool.losses.note();
        }
    }

    /// Ends the session in order.
    pub async fn quit(self) {
        if let Some(lease) = self.lease {
            lease.quit().await;
        }
    }

    /// The moment from which its session counts as long idle; `None` without a session.
    pub fn long_idle_at(&self) -> Option<Moment> {
        self.lease.as_ref()?.session.as_ref()?.long_idle_at()
    }

    /// Leaves the session to whoever needs one next.
    pub fn release(self) {
        let Some(mut lease) = self.lease else { return };
        match lease.session.take() {
            Some(session) if session.is_over() => self.pool.losses.note(),
            Some(session) => self.pool.state.locked().idle.push(session),
            None => {}
        }
    }
}

/// The lost sessions of a server: those that ended in any other way than by this program's own QUIT. Also a server that was
/// restarted loses its sessions, and may have another disk afterwards.
#[derive(Debug, Default)]
pub struct Losses(Mutex<LossCount>);

#[derive(Clone, Copy, Debug, Default)]
struct LossCount {
    number: u64,
    /// The newest session that was open when the last loss was noticed.
    newest: Option<SessionId>,
}

impl Losses {
    /// Notes that a session was lost. It may have been lost long ago.
    pub fn note(&self) {
        let mut lost = self.0.locked();
        lost.number += 1;
        lost.newest = Some(newest_session()).max(lost.newest);
    }

    /// How many sessions were lost.
    pub fn number(&self) -> u64 {
        self.0.locked().number
    }

    /// Whether facts from `session` may be stale because a session was lost since; `None`: the session is unknown. Facts
    /// from a session that was opened after the last loss was noticed are not.
    pub fn concern(&self, session: Option<SessionId>) -> bool {
        let newest = self.0.locked().newest;
        newest.is_some_and(|newest| session.is_none_or(|session| session <= newest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_concerns_what_was_seen_in_sessions_that_were_open_then() {
        let losses = Losses::default();
        assert!(!losses.concern(None) && !losses.concern(Some(SessionId::new(0))));
        losses.note();
        assert_eq!(losses.number(), 1);
        assert!(losses.concern(None) && losses.concern(Some(newest_session())));
        assert!(!losses.concern(Some(SessionId::new(u64::MAX))));
    }
}
