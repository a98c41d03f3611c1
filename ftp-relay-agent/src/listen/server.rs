//! The running relay: its listeners and its sessions.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ftp_io::link::Acceptor;
use ftp_io::program::http;
use ftp_proto::relay::token::Token;
use ipnet::IpNet;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::accept::Links;
use super::door::{Listening, open};
use crate::at_hub::{Caller, Incoming};
use crate::config::ListenAt;
use crate::operate::Operator;
use crate::operate::audit::Audit;
use crate::policy::{Accounts, Limits, Origin, Policy};

/// What the relay has to know.
#[derive(Debug)]
pub struct Settings {
    /// Where user agents connect to; port 0 means any free port.
    pub listen: Vec<ListenAt>,
    /// The addresses of this host for connections with servers; those at which it listens, if there is none.
    pub addresses: Vec<IpAddr>,
    /// The tokens of those who may use the relay.
    pub tokens: Vec<Token>,
    /// What they may do.
    pub policy: Policy,
    /// Where metrics are served; port 0 means any free port.
    pub metrics: Option<SocketAddr>,
    /// The networks that may read them; all, if there is none.
    pub metrics_from: Vec<IpNet>,
    /// Takes records of what happens.
    pub audit: Arc<Audit>,
    /// How much the relay holds at the same time of links without a proof.
    pub limits: Limits,
}

/// The running relay.
#[derive(Debug)]
pub struct Relay {
    places: Vec<ListenAt>,
    metrics: Option<SocketAddr>,
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
        let (mut listeners, mut places) = (Vec::new(), Vec::new());
        for at in &settings.listen {
            let (listener, place) = Listening::open(at)?;
            places.push(place);
            listeners.push(listener);
        }
        let address = |place: &ListenAt| match place {
            ListenAt::Address(at) => Some(*at),
            ListenAt::Unix(_) => None,
        };
        let addresses: Vec<SocketAddr> = places.iter().filter_map(address).collect();
        let metrics = settings.metrics.map(open).transpose()?;
        let metrics_at = metrics.as_ref().map(|(_, at)| *at);
        let own: Vec<SocketAddr> = addresses.iter().copied().chain(metrics_at).collect();
        let acceptor = Acceptor::new().context("cannot make a key for TLS")?;
        let ips = match settings.addresses {
            none if none.is_empty() => addresses.iter().map(SocketAddr::ip).collect(),
            named => named,
        };
        let links = Arc::new(Links::new(acceptor, own, ips, &settings.limits, None, settings.audit));
        let accounts = links.accounts().clone();
        let (operator, running) = Operator::new(settings.tokens, settings.policy);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(Arc::clone(&links).accept(listener, running.clone()));
        }
        if let Some((listener, _)) = metrics {
            let links = Arc::clone(&links);
            accepting.spawn(http::serve(listener, settings.metrics_from, move || links.page()));
        }
        Ok(Self { places, metrics: metrics_at, accepting, operator, accounts })
    }

    /// Serves what comes from a hub, as if it had come to a listener; `settings.listen` is not used.
    ///
    /// # Errors
    /// The listener of the metrics cannot be opened, or no key for TLS can be made.
    pub fn behind_hub(
        settings: Settings,
        caller: Caller,
        mut incoming: mpsc::Receiver<Incoming>,
    ) -> Result<Self, anyhow::Error> {
        let acceptor = Acceptor::new().context("cannot make a key for TLS")?;
        let Settings { addresses, limits, audit, metrics_from, .. } = settings;
        let metrics = settings.metrics.map(open).transpose()?;
        let metrics_at = metrics.as_ref().map(|(_, at)| *at);
        let own = metrics_at.into_iter().collect();
        let links = Arc::new(Links::new(acceptor, own, addresses, &limits, Some(caller), audit));
        let accounts = links.accounts().clone();
        let (operator, running) = Operator::new(settings.tokens, settings.policy);
        let mut accepting = JoinSet::new();
        if let Some((listener, _)) = metrics {
            let links = Arc::clone(&links);
            accepting.spawn(http::serve(listener, metrics_from, move || links.page()));
        }
        accepting.spawn(async move {
            while let Some(Incoming { stream, from, spot }) = incoming.recv().await {
                links.start(stream.into(), Origin::Address(from), spot, &running);
            }
        });
        Ok(Self { places: Vec::new(), metrics: metrics_at, accepting, operator, accounts })
    }

    /// Where it listens, with the real ports, and the kind of each listener as the ready lines name it.
    pub fn places(&self) -> impl Iterator<Item = (ListenAt, &'static str)> + '_ {
        let metrics = self.metrics.map(|at| (ListenAt::Address(at), "metrics"));
        self.places.iter().map(|at| (at.clone(), "relay")).chain(metrics)
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
