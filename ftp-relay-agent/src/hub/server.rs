//! The running hub: its listeners and its sessions.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use ftp_io::link::Acceptor;
use ftp_io::socket;
use ftp_proto::relay::hub::{Input, Limits};
use ftp_proto::relay::token::{Secret32, Token};
use tokio::task::JoinSet;

use super::accept::Links;
use super::exchange::Exchange;
use crate::operate::Operator;
use crate::policy::{self, Delays, Door, Policy};

/// What the hub has to know.
#[derive(Debug)]
pub struct Settings {
    /// Where agents and user agents connect to; port 0 means any free port.
    pub listen: Vec<SocketAddr>,
    /// The tokens of those who may come, as hubs hold them, or as agents hold them.
    pub tokens: Vec<Token>,
    /// How much the hub holds at the same time.
    pub limits: Limits,
}

/// The running hub.
#[derive(Debug)]
pub struct Hub {
    addresses: Vec<SocketAddr>,
    tasks: JoinSet<()>,
    exchange: Arc<Exchange>,
    operator: Operator,
    tokens: Mutex<Vec<Token>>,
}

impl Hub {
    /// Opens the listeners and accepts links.
    ///
    /// # Errors
    /// A listener cannot be opened, or the system has no random numbers.
    pub fn start(settings: Settings) -> Result<Self, anyhow::Error> {
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for at in settings.listen {
            let listener = socket::listen(at).with_context(|| format!("cannot listen on {at}"))?;
            addresses.push(listener.local().with_context(|| format!("cannot listen on {at}"))?);
            listeners.push(listener);
        }
        let acceptor = Acceptor::hub().context("cannot make a key for TLS")?;
        let seed = ftp_io::random::bytes().context("the system has no random numbers")?;
        let (operator, running) = Operator::new(known(&settings.tokens), Policy::open(Vec::new()));
        let exchange = Exchange::new(settings.limits, Secret32::new(seed), running.clone());
        let links = Arc::new(Links {
            exchange: Arc::clone(&exchange),
            acceptor,
            door: Door::new(&policy::Limits::USUAL),
            delays: Delays::default(),
            last: AtomicU64::new(1),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&exchange).tick());
        for listener in listeners {
            tasks.spawn(Arc::clone(&links).accept(listener, running.clone()));
        }
        Ok(Self { addresses, tasks, exchange, operator, tokens: Mutex::new(settings.tokens) })
    }

    /// Where it listens, with the real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Replaces the tokens. Sessions and streams of tokens that are gone end at once.
    pub fn renew(&self, tokens: Vec<Token>) {
        tracing::info!(tokens = tokens.len(), "the tokens were read again");
        let mut held = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        self.operator.renew(known(&tokens), Policy::open(Vec::new()));
        for gone in held.iter().filter(|token| !tokens.contains(token)) {
            tracing::warn!(token = gone.name(), "the token was removed: its sessions end");
            self.exchange.input(Input::Revoked(gone.name()));
        }
        *held = tokens;
    }

    /// Accepts nothing more, sends everybody away, and lets streams end within `grace`.
    pub async fn drain(mut self, grace: Duration) {
        tracing::info!("stopping: streams may end");
        self.tasks.shutdown().await;
        self.exchange.stop();
        self.operator.drain(grace).await;
    }
}

/// A line of the file is what a hub holds, or a token from which that follows.
fn known(tokens: &[Token]) -> Vec<Token> {
    tokens.iter().flat_map(|token| [token.clone(), token.for_hub()]).collect()
}
