//! A server as an end of a copy: its session is opened when it is needed, and again after it was lost.

use super::pool::{Lease, Pool};
use crate::context::Context;
use crate::failure::Failure;
use crate::place::Site;
use crate::session::{Role, Session, SessionId};
use ftp_proto::wire::PathName;
use std::sync::Arc;

/// A server as an end of a copy.
#[derive(Debug)]
pub struct Server {
    /// Where it is, and who logs in there.
    pub site: Site,
    /// The sessions with it, which other ends may use too.
    pub pool: Arc<Pool>,
    role: Role,
    lease: Option<Lease>,
    /// What the next session is asked about first, perhaps together with its login.
    first: Option<PathName>,
}

impl Server {
    /// A server without a session yet.
    pub fn new(pool: Arc<Pool>, role: Role) -> Self {
        Self { site: pool.site.clone(), pool, role, lease: None, first: None }
    }

    /// If the next thing that it is asked needs a session first, asks it together with the login what is at `path`.
    pub fn will_be_asked(&mut self, path: &PathName) {
        self.first = Some(path.clone());
    }

    /// The open session, or a new one. Whatever is seldom needed is in a box: this future is part of all that ask a server.
    ///
    /// # Errors
    /// Fails if no session can be opened.
    pub async fn session(&mut self, context: &Context) -> Result<&mut Session, Failure> {
        let lease = match self.alive(context).await {
            Some(lease) if lease.is_used_up() => Box::pin(self.pool.renew(context, self.role, lease)).await?,
            Some(lease) => lease,
            None => Box::pin(self.pool.lease(context, self.role, self.first.as_ref())).await?,
        };
        self.first = None;
        self.lease.insert(lease).session().ok_or_else(Failure::interrupted)
    }

    /// The lease, if its session can still be used.
    async fn alive(&mut self, context: &Context) -> Option<Lease> {
        let mut lease = self.lease.take()?;
        let session = lease.session()?;
        session.cancel_by(&context.run.cancel);
        Box::pin(session.catch_up()).await;
        // A session that was opened for cleanup has too little patience for anything else.
        if session.patience() < context.settings.patience.reply {
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

    /// Closes the session without a word.
    pub fn abandon(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.abandon();
        }
    }

    /// The number of the session, if it is open.
    pub fn session_id(&mut self) -> Option<SessionId> {
        self.open().map(|session| session.id)
    }

    /// Ends the session in order.
    pub async fn quit(self) {
        if let Some(lease) = self.lease {
            lease.quit().await;
        }
    }

    /// Leaves the session to whoever needs one next.
    pub fn release(self) {
        if let Some(lease) = self.lease {
            lease.give_back();
        }
    }
}
