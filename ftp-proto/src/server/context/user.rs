//! Who is logged in, and what holds for them.

use crate::address::unmapped;
use crate::policy::{self, Asker, Foreign, Grant, Rules, Why};
use crate::server::ask::Account;
use crate::server::config::{Config, Connection};
use std::net::SocketAddr;

/// How far the login is.
#[derive(Debug, Default)]
pub(in crate::server) enum Login {
    /// USER has not been sent.
    #[default]
    Nobody,
    /// USER gave this name; PASS must follow.
    Named(Vec<u8>),
    /// The password was right, and ACCT must follow (B23).
    Charged(Box<Account>, LoginMethod),
    /// Somebody is logged in.
    User(Box<User>),
}

/// How somebody shows who they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server) enum LoginMethod {
    /// By the certificate of the control connection, after USER.
    Certificate,
    /// By a password, after PASS.
    Password,
}

/// Somebody who is logged in.
#[derive(Debug)]
pub(in crate::server) struct User {
    pub(in crate::server) account: Account,
    /// How the login was.
    pub(in crate::server) by: LoginMethod,
    /// The operator's rules, with the account's foreign policy where that is narrower.
    pub(in crate::server) rules: Rules,
    asker: Asker,
}

impl User {
    /// The user of `account` on this connection.
    pub(in crate::server) fn new(
        account: Account,
        by: LoginMethod,
        config: &Config,
        connection: &Connection,
    ) -> Self {
        let scope = match connection.peer {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let asker = Asker {
            peer: unmapped(connection.peer.ip()),
            scope,
            local: unmapped(connection.local.ip()),
            proxied: connection.proxied,
            anonymous: account.anonymous,
        };
        let foreign = narrower(config.rules.foreign, account.foreign);
        let exchanges = account.exchanges.clone();
        Self { account, by, rules: Rules { foreign, exchanges, ..config.rules.clone() }, asker }
    }

    /// Whether this data connection may exist, and on which terms.
    pub(in crate::server) fn decide(&self, ask: &policy::Ask<'_>) -> Result<Grant, Why> {
        policy::decide(&self.rules, &self.asker, ask)
    }
}

/// The narrower of two foreign policies.
const fn narrower(a: Foreign, b: Foreign) -> Foreign {
    match (a, b) {
        (Foreign::Never, _) | (_, Foreign::Never) => Foreign::Never,
        (Foreign::Proven, _) | (_, Foreign::Proven) => Foreign::Proven,
        (Foreign::Authenticated, Foreign::Authenticated) => Foreign::Authenticated,
    }
}
