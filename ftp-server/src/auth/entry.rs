//! What the server keeps of one user.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::limiter::Limiter;
use ftp_proto::policy::Foreign;
use ftp_proto::server::Account;

use super::home::Home;
use super::terms::LoginTerms;
use super::user::User;
use crate::limits::AccountLimits;
use crate::vfs::{Roots, Tree};

/// One user, ready to be used by sessions.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What the session is told after the login.
    pub account: Account,
    /// How many sessions the user may have.
    pub limits: AccountLimits,
    /// When and from where the user may log in.
    pub terms: LoginTerms,
    /// What the user sees of the disk.
    pub tree: Arc<Tree>,
    /// The rate of files that the server receives, shared by all sessions of the user.
    pub up: Option<Limiter>,
    /// The rate of files and listings that the server sends.
    pub down: Option<Limiter>,
}

/// What all users of a server have in common.
#[derive(Clone, Copy, Debug)]
pub struct Common<'a> {
    /// The directory that users see as `/` unless they have one of their own.
    pub root: &'a Path,
    /// The foreign policy of the server.
    pub foreign: Foreign,
    /// The service of PAM that checks passwords.
    pub pam_service: &'a str,
    /// All roots that are open.
    pub roots: &'a Roots,
    /// The clock of the limiters.
    pub clock: Clock,
}

impl Entry {
    /// The entry of `user`.
    ///
    /// # Errors
    /// A directory of the user cannot be used.
    pub fn open(user: &User, common: Common<'_>) -> anyhow::Result<Self> {
        let account = Account {
            admin: user.admin,
            access: user.home.access(user.rights),
            foreign: user.foreign.unwrap_or(common.foreign),
            exchanges: user.exchanges.clone(),
            charged_to: user.charged_to.clone(),
            require_tls: user.terms.require_tls,
            ..Account::new(user.name.clone())
        };
        let tree = user.home.open(common.roots, common.root);
        let limiter = |rate: Option<NonZeroU64>| rate.map(|rate| Limiter::new(rate, common.clock));
        Ok(Self {
            account,
            limits: user.limits,
            terms: user.terms.clone(),
            tree: tree.with_context(|| format!("the user {:?} cannot be served", user.shown_name()))?,
            up: limiter(user.rates.up),
            down: limiter(user.rates.down),
        })
    }

    /// The entry of the anonymous account.
    ///
    /// # Errors
    /// The root of the server cannot be used.
    pub fn anonymous(common: Common<'_>) -> anyhow::Result<Self> {
        Ok(Self {
            account: Account::anonymous(),
            limits: AccountLimits::default(),
            terms: LoginTerms::default(),
            tree: Home::default().open(common.roots, common.root)?,
            up: None,
            down: None,
        })
    }
}
