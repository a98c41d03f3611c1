//! The running hub: its listeners and its sessions.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use ftp_io::link::Acceptor;
use ftp_io::program::http;
use ftp_io::socket::{self, Listener};
use ftp_proto::relay::agent::Withdrawn;
use ftp_proto::relay::token::{Secret32, Token};
use ipnet::IpNet;
use tokio::task::JoinSet;

use super::accept::Links;
use super::exchange::Exchange;
use crate::operate::audit::Audit;
use crate::operate::{DENIALS, Operator, Strangers};
use crate::policy::{Delays, Door, Limits, Policy};

/// What the hub has to know.
#[derive(Debug)]
pub struct Settings {
    /// Where agents and user agents connect to; port 0 means any free port.
    pub listen: Vec<SocketAddr>,
    /// The tokens of those who may come, as hubs hold them, or as agents hold them.
    pub tokens: Vec<Token>,
    /// Who of them may use how much of the hub.
    pub policy: Policy,
    /// Where metrics are served; port 0 means any free port.
    pub metrics: Option<SocketAddr>,
    /// The networks that may read them; all, if there is none.
    pub metrics_from: Vec<IpNet>,
    /// Takes records of what happens.
    pub audit: Arc<Audit>,
}

/// The running hub.
#[derive(Debug)]
pub struct Hub {
    addresses: Vec<SocketAddr>,
    metrics: Option<SocketAddr>,
    tasks: JoinSet<()>,
    pub(super) exchange: Arc<Exchange>,
    operator: Operator,
    tokens: Mutex<Vec<Token>>,
}

impl Hub {
    /// Opens the listeners and accepts links.
    ///
    /// # Errors
    /// A listener cannot be opened, or the system has no random numbers.
    pub fn start(settings: Settings) -> Result<Self, anyhow::Error> {
        let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
        for at in settings.listen {
            let (listener, address) = open(at)?;
            addresses.push(address);
            listeners.push(listener);
        }
        let metrics = settings.metrics.map(open).transpose()?;
        let metrics_at = metrics.as_ref().map(|(_, at)| *at);
        let acceptor = Acceptor::hub().context("cannot make a key for TLS")?;
        let seed = ftp_io::random::bytes().context("the system has no random numbers")?;
        let (operator, running) = Operator::new(known(&settings.tokens), settings.policy);
        let exchange = Exchange::new(Secret32::new(seed), running.clone(), settings.audit);
        let links = Arc::new(Links {
            exchange: Arc::clone(&exchange),
            acceptor,
            door: Door::new(&Limits::USUAL),
            delays: Delays::default(),
            seldom: Strangers::new(1),
            denials: Strangers::new(DENIALS),
            last: AtomicU64::new(1),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&exchange).tick());
        for listener in listeners {
            tasks.spawn(Arc::clone(&links).accept(listener, running.clone()));
        }
        if let Some((listener, _)) = metrics {
            tasks.spawn(http::serve(listener, settings.metrics_from, move || links.page()));
        }
        let tokens = Mutex::new(settings.tokens);
        Ok(Self { addresses, metrics: metrics_at, tasks, exchange, operator, tokens })
    }

    /// Where it listens, with the real ports, and the kind of each listener as the ready lines name it.
    pub fn places(&self) -> impl Iterator<Item = (SocketAddr, &'static str)> + '_ {
        let metrics = self.metrics.map(|at| (at, "metrics"));
        self.addresses.iter().map(|at| (*at, "hub")).chain(metrics)
    }

    /// Replaces the tokens and the policy. Sessions and streams of tokens that are gone, or that the policy does not
    /// name, end at once.
    pub fn renew(&self, tokens: Vec<Token>, policy: Policy) {
        tracing::info!(tokens = tokens.len(), "the tokens and the policy were read again");
        let mut held = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let mut withdrawn = Vec::new();
        for token in held.iter() {
            let why = if !tokens.contains(token) {
                tracing::warn!(token = token.name(), "the token was removed: its sessions end");
                Withdrawn::Token
            } else if policy.terms(token.name()).is_none() {
                tracing::warn!(token = token.name(), "the policy does not name the token: its sessions end");
                Withdrawn::Rule
            } else {
                continue;
            };
            withdrawn.push((token.name().to_owned(), why));
        }
        let orders = self.operator.renew(known(&tokens), policy);
        self.exchange.renew(&orders, &withdrawn);
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

fn open(at: SocketAddr) -> Result<(Listener, SocketAddr), anyhow::Error> {
    let opened = socket::listen(at).and_then(|listener| Ok((listener.local()?, listener)));
    opened.map(|(address, listener)| (listener, address)).with_context(|| format!("cannot listen on {at}"))
}
