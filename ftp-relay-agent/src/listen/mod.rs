//! A relay or a hub that runs: its listeners, TLS, the proof of a token or a ticket, and who is turned away.

mod accept;
mod service;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accept::Links;
use anyhow::Context;
use ftp_io::link::Acceptor;
use ftp_io::lock::Lock;
use ftp_io::os_error::words;
use ftp_io::program::metrics;
use ftp_io::socket::{self, Congestion, Listener, LocalListener, Stream};
use ftp_proto::relay::agent::Withdrawn;
use ftp_proto::relay::token::{Secret32, Token};
use ipnet::IpNet;
use service::{Relay, Service};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::at_hub::{Caller, Incoming};
use crate::config::ListenAt;
use crate::hub::Exchange;
use crate::operate::audit::Audit;
use crate::operate::{Operator, Running};
use crate::policy::{Origin, Policy};

/// What a relay or a hub has to know.
#[derive(Debug)]
pub struct Settings {
    /// Where user agents and agents connect to; port 0 means any free port.
    pub listen: Vec<ListenAt>,
    /// The addresses of this host for a relay's connections with servers; those at which it listens, if there is none.
    pub addresses: Vec<IpAddr>,
    /// The tokens of those who may come. A hub has them as hubs hold them, or as agents hold them.
    pub tokens: Vec<Token>,
    /// Who of them may do what, and how much.
    pub policy: Policy,
    /// Where metrics are served; port 0 means any free port.
    pub metrics: Option<SocketAddr>,
    /// The networks that may read them; all, if there is none.
    pub metrics_from: Vec<IpNet>,
    /// Takes records of what happens.
    pub audit: Arc<Audit>,
    /// What joined connections use; `None` means the choice of the system.
    pub congestion: Option<Congestion>,
}

/// A relay or a hub that runs.
#[derive(Debug)]
pub struct Server {
    places: Vec<ListenAt>,
    metrics: Option<SocketAddr>,
    tasks: JoinSet<()>,
    service: Service,
    operator: Operator,
    /// The tokens that were read last.
    tokens: Mutex<Vec<Token>>,
}

impl Server {
    /// Opens the listeners of a relay, and accepts links.
    ///
    /// # Errors
    /// A listener cannot be opened, or no key for TLS can be made.
    pub fn relay(settings: Settings) -> Result<Self, anyhow::Error> {
        let acceptor = Acceptor::new().context(NO_KEY)?;
        let sockets = Sockets::open(&settings)?;
        let addresses = if settings.addresses.is_empty() {
            sockets.addresses().map(|at| at.ip()).collect()
        } else {
            settings.addresses.clone()
        };
        let listeners = sockets.addresses().chain(sockets.metrics_at()).collect();
        let (audit, congestion) = (Arc::clone(&settings.audit), settings.congestion.clone());
        let relay = Relay::new(listeners, addresses, None, audit, congestion);
        let (operator, running) = Operator::new(settings.tokens.clone(), settings.policy.clone());
        let service = Service::Relay(Arc::new(relay));
        Ok(Self::serve(service, acceptor, sockets, settings, (operator, running)).0)
    }

    /// Serves what comes from a hub, as if it had come to a listener; `settings.listen` is not used.
    ///
    /// # Errors
    /// The listener of the metrics cannot be opened, or no key for TLS can be made.
    pub fn behind_hub(
        mut settings: Settings,
        caller: Caller,
        mut incoming: mpsc::Receiver<Incoming>,
    ) -> Result<Self, anyhow::Error> {
        let acceptor = Acceptor::new().context(NO_KEY)?;
        settings.listen.clear();
        let sockets = Sockets::open(&settings)?;
        let (own, audit) = (sockets.metrics_at().into_iter().collect(), Arc::clone(&settings.audit));
        let congestion = settings.congestion.clone();
        let relay = Relay::new(own, settings.addresses.clone(), Some(caller), audit, congestion);
        let (operator, running) = Operator::new(settings.tokens.clone(), settings.policy.clone());
        let service = Service::Relay(Arc::new(relay));
        let (mut server, links) =
            Self::serve(service, acceptor, sockets, settings, (operator, running.clone()));
        server.tasks.spawn(async move {
            while let Some(Incoming { stream, from, spot }) = incoming.recv().await {
                links.start(stream, Origin::Address(from), spot, &running);
            }
        });
        Ok(server)
    }

    /// Opens the listeners of a hub, and accepts links.
    ///
    /// # Errors
    /// A listener cannot be opened, or the system has no random numbers.
    pub fn hub(settings: Settings) -> Result<Self, anyhow::Error> {
        let acceptor = Acceptor::hub().context(NO_KEY)?;
        let sockets = Sockets::open(&settings)?;
        let seed = ftp_io::random::bytes().context("the system has no random numbers")?;
        let (operator, running) = Operator::new(known(&settings.tokens), settings.policy.clone());
        let (audit, congestion) = (Arc::clone(&settings.audit), settings.congestion.clone());
        let exchange = Exchange::new(Secret32::new(seed), running.clone(), audit, congestion);
        let service = Service::Hub(Arc::clone(&exchange));
        let (mut server, _) = Self::serve(service, acceptor, sockets, settings, (operator, running));
        server.tasks.spawn(exchange.tick());
        Ok(server)
    }

    fn serve(
        service: Service,
        acceptor: Acceptor,
        sockets: Sockets,
        settings: Settings,
        (operator, running): (Operator, Running),
    ) -> (Self, Arc<Links>) {
        let links = Arc::new(Links::new(service.clone(), acceptor));
        let metrics = sockets.metrics_at();
        let mut tasks = JoinSet::new();
        let mut places = Vec::new();
        for (listener, place) in sockets.listeners {
            tasks.spawn(Arc::clone(&links).accept(listener, running.clone()));
            places.push(place);
        }
        if let Some((listener, _)) = sockets.metrics {
            let links = Arc::clone(&links);
            tasks.spawn(metrics::serve(listener, settings.metrics_from, move || links.page()));
        }
        let tokens = Mutex::new(settings.tokens);
        (Self { places, metrics, tasks, service, operator, tokens }, links)
    }

    /// Where it listens, with the real ports, and the kind of each listener as the ready lines name it.
    pub fn places(&self) -> impl Iterator<Item = (ListenAt, &'static str)> + '_ {
        let kind = match self.service {
            Service::Relay(_) => "relay",
            Service::Hub(_) => "hub",
        };
        let metrics = self.metrics.map(|at| (ListenAt::Address(at), "metrics"));
        self.places.iter().map(move |at| (at.clone(), kind)).chain(metrics)
    }

    /// Replaces the tokens and the policy. What belongs to tokens that are gone, or that the policy does not name, ends at
    /// once; so does what flows to servers that are no longer allowed.
    pub fn renew(&self, tokens: Vec<Token>, policy: Policy) {
        tracing::info!(tokens = tokens.len(), "the tokens and the policy were read again");
        let mut held = self.tokens.locked();
        match &self.service {
            Service::Relay(_) => {
                self.service.accounts().forget(&policy);
                self.operator.renew(tokens.clone(), policy);
            }
            Service::Hub(exchange) => {
                let withdrawn = withdrawn(&held, &tokens, &policy);
                let orders = self.operator.renew(known(&tokens), policy);
                exchange.renew(&orders, &withdrawn);
            }
        }
        *held = tokens;
    }

    /// Accepts nothing more, and lets what flows end within `grace`.
    pub async fn drain(mut self, grace: Duration) {
        let what = match self.service {
            Service::Relay(_) => "transfers",
            Service::Hub(_) => "streams",
        };
        tracing::info!("stopping: {what} may end");
        self.tasks.shutdown().await;
        if let Service::Hub(exchange) = &self.service {
            exchange.stop();
        }
        self.operator.drain(grace).await;
    }

    /// The exchange of the hub.
    #[cfg(test)]
    pub(crate) fn exchange(&self) -> &Arc<Exchange> {
        match &self.service {
            Service::Hub(exchange) => exchange,
            Service::Relay(_) => panic!("a relay is no hub"),
        }
    }
}

/// The tokens of a hub that may do nothing any more, and why.
fn withdrawn(held: &[Token], tokens: &[Token], policy: &Policy) -> Vec<(String, Withdrawn)> {
    let mut withdrawn = Vec::new();
    for token in held {
        let name = token.name();
        if !tokens.iter().any(|other| other.is_same(token)) {
            tracing::warn!(token = name, "the token was removed: its sessions end");
            withdrawn.push((name.to_owned(), Withdrawn::Token));
        } else if policy.terms(name).is_none() {
            tracing::warn!(token = name, "the policy does not name the token: its sessions end");
            withdrawn.push((name.to_owned(), Withdrawn::Rule));
        }
    }
    withdrawn
}

/// A line of the file of a hub is what a hub holds, or a token from which that follows. Older lines do not say which.
fn known(tokens: &[Token]) -> Vec<Token> {
    let derived = tokens.iter().filter(|token| !token.is_of_hub()).map(Token::for_hub);
    tokens.iter().cloned().chain(derived).collect()
}

/// Listeners that are open, each with its place, with the real port.
struct Sockets {
    listeners: Vec<(LinkListener, ListenAt)>,
    metrics: Option<(Listener, SocketAddr)>,
}

impl Sockets {
    fn open(settings: &Settings) -> Result<Self, anyhow::Error> {
        let listeners = settings.listen.iter().map(LinkListener::open).collect::<Result<_, _>>()?;
        Ok(Self { listeners, metrics: settings.metrics.map(open).transpose()? })
    }

    fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listeners.iter().filter_map(|(_, place)| match place {
            ListenAt::Address(at) => Some(*at),
            ListenAt::Unix(_) => None,
        })
    }

    fn metrics_at(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(_, at)| *at)
    }
}

/// Where links come in: a port, or a Unix socket.
#[derive(Debug)]
enum LinkListener {
    /// At an address.
    Tcp(Listener),
    /// At a Unix socket.
    Unix(LocalListener),
}

impl LinkListener {
    /// Opens it. Returns where it is, with the real port.
    fn open(at: &ListenAt) -> Result<(Self, ListenAt), anyhow::Error> {
        match at {
            ListenAt::Address(at) => {
                let (listener, at) = open(*at)?;
                Ok((Self::Tcp(listener), ListenAt::Address(at)))
            }
            ListenAt::Unix(path) => {
                let opened = LocalListener::open(path);
                let why = |error: io::Error| anyhow::anyhow!("cannot listen on {at}: {}", words(&error));
                Ok((Self::Unix(opened.map_err(why)?), at.clone()))
            }
        }
    }

    /// Waits for the next connection.
    async fn accept(&self) -> io::Result<(Stream, Origin)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok((stream, Origin::Address(from)))
            }
            Self::Unix(listener) => {
                let (stream, user) = listener.accept().await?;
                Ok((stream.into(), Origin::User(user)))
            }
        }
    }
}

/// Listens at an address.
fn open(at: SocketAddr) -> Result<(Listener, SocketAddr), anyhow::Error> {
    let opened = socket::listen(at).and_then(|listener| Ok((listener.local()?, listener)));
    opened.map(|(address, listener)| (listener, address)).with_context(|| format!("cannot listen on {at}"))
}

/// Why a listener cannot begin.
const NO_KEY: &str = "cannot make a key for TLS";
