//! The running relay: its listeners and its sessions.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ftp_io::link::Acceptor;
use ftp_io::socket;
use ftp_proto::relay::token::Token;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::accept::Links;
use crate::at_hub::{Caller, Incoming};
use crate::operate::Operator;
use crate::policy::{Accounts, Limits, Policy};

/// What the relay has to know.
#[derive(Debug)]
pub struct Settings {
    /// Where user agents connect to; port 0 means any free port.
    pub listen: Vec<SocketAddr>,
    /// The tokens of those who may use the relay.
    pub tokens: Vec<Token>,
    /// What they may do.
    pub policy: Policy,
    /// How much the relay holds at the same time of links without a proof.
    pub limits: Limits,
}

/// The running relay.
#[derive(Debug)]
pub struct Relay {
    addresses: Vec<SocketAddr>,
    accepting: JoinSet<()>,
    operator: Operator,
    accounts: Accounts,
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
        let ips = addresses.iter().map(SocketAddr::ip).collect();
        let links = Arc::new(Links::new(acceptor, addresses.clone(), ips, &settings.limits, None));
        let accounts = links.accounts().clone();
        let (operator, running) = Operator::new(settings.tokens, settings.policy);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(Arc::clone(&links).accept(listener, running.clone()));
        }
        Ok(Self { addresses, accepting, operator, accounts })
    }

    /// Serves what comes from a hub, as if it had come to a listener. `addresses` are those of this host for
    /// connections with servers; `settings.listen` is not used.
    ///
    /// # Errors
    /// No key for TLS can be made.
    pub fn behind_hub(
        settings: Settings,
        addresses: Vec<IpAddr>,
        caller: Caller,
        mut incoming: mpsc::Receiver<Incoming>,
    ) -> Result<Self, anyhow::Error> {
        let acceptor = Acceptor::new().context("cannot make a key for TLS")?;
        let links = Arc::new(Links::new(acceptor, Vec::new(), addresses, &settings.limits, Some(caller)));
        let accounts = links.accounts().clone();
        let (operator, running) = Operator::new(settings.tokens, settings.policy);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            while let Some(Incoming { stream, from }) = incoming.recv().await {
                links.start(stream, from, &running);
            }
        });
        Ok(Self { addresses: Vec::new(), accepting, operator, accounts })
    }

    /// Where it listens, with the real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Replaces the tokens and the policy. Sessions of tokens that are gone, or that the policy does not name, end at
    /// once; so does what flows to servers that are no longer allowed.
    pub fn renew(&self, tokens: Vec<Token>, policy: Policy) {
        tracing::info!(tokens = tokens.len(), "the tokens and the policy were read again");
        self.accounts.forget(&policy);
        self.operator.renew(tokens, policy);
    }

    /// Accepts nothing more, and lets transfers end within `grace`.
    pub async fn drain(mut self, grace: Duration) {
        tracing::info!("stopping: transfers may end");
        self.accepting.shutdown().await;
        self.operator.drain(grace).await;
    }
}
