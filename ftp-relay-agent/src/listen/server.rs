//! The running relay: its listeners and its sessions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ftp_io::link::Acceptor;
use ftp_io::socket;
use ftp_proto::policy::{Allowed, Rules};
use ftp_proto::relay::token::Token;
use tokio::task::JoinSet;

use super::accept::Links;
use crate::operate::Operator;
use crate::policy::Limits;

/// What the relay has to know.
#[derive(Debug)]
pub struct Settings {
    /// Where user agents connect to; port 0 means any free port.
    pub listen: Vec<SocketAddr>,
    /// The servers that may be reached.
    pub allow: Vec<Allowed>,
    /// The tokens of those who may use the relay.
    pub tokens: Vec<Token>,
    /// How much the relay holds at the same time.
    pub limits: Limits,
}

/// The running relay.
#[derive(Debug)]
pub struct Relay {
    addresses: Vec<SocketAddr>,
    accepting: JoinSet<()>,
    operator: Operator,
}

impl Relay {
    /// Opens the listeners and accepts links.
    ///
    /// # Errors
    /// A listener cannot be opened, or no key for TLS can be made.
    pub fn start(settings: Settings) -> Result<Self, anyhow::Error> {
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for at in settings.listen {
            let listener = socket::listen(at).with_context(|| format!("cannot listen on {at}"))?;
            addresses.push(listener.local().with_context(|| format!("cannot listen on {at}"))?);
            listeners.push(listener);
        }
        let acceptor = Acceptor::new().context("cannot make a key for TLS")?;
        let rules = Rules { relay: settings.allow, own_listeners: addresses.clone(), ..Rules::default() };
        let links = Arc::new(Links::new(acceptor, rules, &addresses, &settings.limits));
        let (operator, running) = Operator::new(settings.tokens);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(Arc::clone(&links).accept(listener, running.clone()));
        }
        Ok(Self { addresses, accepting, operator })
    }

    /// Where it listens, with the real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Replaces the tokens. Sessions of tokens that are gone end at once.
    pub fn renew(&self, tokens: Vec<Token>) {
        tracing::info!(tokens = tokens.len(), "the tokens were read again");
        self.operator.renew(tokens);
    }

    /// Accepts nothing more, and lets transfers end within `grace`.
    pub async fn drain(mut self, grace: Duration) {
        tracing::info!("stopping: transfers may end");
        self.accepting.shutdown().await;
        self.operator.drain(grace).await;
    }
}
