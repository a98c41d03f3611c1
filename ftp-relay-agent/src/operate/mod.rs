//! What the operator does to a running relay: give it other tokens and another policy, and
//! stop it; and what he sees of it: the audit and the metrics.

pub mod audit;
pub mod metrics;
mod record;
mod seldom;
pub mod session_log;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use ftp_proto::relay::agent::Withdrawn;
use ftp_proto::relay::link::{Accepted, Keyring};
use ftp_proto::relay::token::Token;
pub use seldom::{DENIALS, Strangers};
use tokio::sync::{mpsc, watch};

use crate::policy::{Policy, Terms};

/// Says in the log, once, what the sandbox of this process does not permit.
pub fn tell_what_is_forbidden() {
    if ftp_io::copy::splice_was_forbidden() {
        tracing::warn!("splice is not permitted here: bytes are copied");
    }
}

/// What the operator wants now.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The tokens that are valid now.
    pub tokens: Arc<Keyring>,
    /// What the holders of the tokens may do now.
    pub policy: Arc<Policy>,
    /// Whether the relay stops: sessions accept no new requests and end with their last join.
    pub stopping: bool,
}

impl Orders {
    /// What the holder of a proven token may do now.
    ///
    /// # Errors
    ///
    /// The operator has taken the token away, or the policy does not name it.
    pub fn terms(&self, token: &Accepted) -> Result<Terms, Withdrawn> {
        if !self.tokens.knows(token) {
            return Err(Withdrawn::Token);
        }
        self.policy.terms(&token.name).ok_or(Withdrawn::Rule)
    }
}

/// Tells all sessions what the operator wants.
#[derive(Debug)]
pub struct Operator {
    orders: watch::Sender<Orders>,
    /// Closed when the last [`Running`] is dropped.
    ended: mpsc::Receiver<()>,
}

/// A link's side of [`Operator`]. The relay does not end before all clones are dropped, or their time
/// is over.
#[derive(Clone, Debug)]
pub struct Running {
    orders: watch::Receiver<Orders>,
    _guard: mpsc::Sender<()>,
}

impl Operator {
    /// A relay that runs, with these tokens and this policy.
    pub fn new(tokens: Vec<Token>, policy: Policy) -> (Self, Running) {
        let (tokens, policy) = (Arc::new(Keyring::new(tokens)), Arc::new(policy));
        let orders = Orders { tokens, policy, stopping: false };
        let (sender, orders) = watch::channel(orders);
        let (guard, ended) = mpsc::channel(1);
        (Self { orders: sender, ended }, Running { orders, _guard: guard })
    }

    /// Replaces the tokens and the policy, and returns what holds now. Sessions of tokens that are gone end at once.
    pub fn renew(&self, tokens: Vec<Token>, policy: Policy) -> Orders {
        let (tokens, policy) = (Arc::new(Keyring::new(tokens)), Arc::new(policy));
        self.orders.send_modify(|orders| (orders.tokens, orders.policy) = (tokens, policy));
        self.orders.borrow().clone()
    }

    /// Stops the sessions. Returns when all have ended, or after `grace`.
    pub async fn drain(mut self, grace: Duration) {
        self.orders.send_modify(|orders| orders.stopping = true);
        // Connections that are still open then are reset when the scheduler stops.
        let _ = tokio::time::timeout(grace, self.ended.recv()).await;
    }
}

impl Running {
    /// What the operator wants now.
    pub fn orders(&self) -> Orders {
        self.orders.borrow().clone()
    }

    /// Waits until the operator wants something else.
    pub async fn changed(&mut self) -> Orders {
        if self.orders.changed().await.is_err() {
            // There is no operator any more, so that nothing changes.
            pending::<()>().await;
        }
        self.orders.borrow_and_update().clone()
    }
}
