//! The running server: what its sessions share, and its accept loops.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::os_error::words;
use ftp_io::socket;
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Rules;
use ftp_proto::server;
use tokio::task::JoinSet;

use super::accept::Acceptor;
use super::listener::Listener;
use crate::auth::Users;
use crate::config::Config;
use crate::limits::{MAX_HELD, MAX_OF_ONE_ADDRESS, MAX_PROVERS, Shares};
use crate::operate::Shutdown;
use crate::session::Shared;
use crate::vfs::Root;

/// The running server.
#[derive(Debug)]
pub struct Server {
    places: Vec<(SocketAddr, Dialect)>,
    accepting: JoinSet<()>,
    shutdown: Shutdown,
}

impl Server {
    /// Accepts sessions at `listeners`.
    ///
    /// # Errors
    /// The root directory cannot be opened.
    pub fn start(config: &Config, listeners: Vec<Listener>) -> Result<Self, anyhow::Error> {
        let root = Root::open(&config.root).with_context(|| {
            format!(
                "cannot use {} as --root: it must be a directory that this process may enter",
                config.root.display()
            )
        })?;
        let clock = Clock::start();
        let shared = Arc::new(Shared {
            clock,
            shares: Shares::new(config.limits, config.passive_ports.clone(), clock),
            users: Arc::new(Users::new(&config.users, config.anonymous, config.foreign)),
            root: Arc::new(root),
        });
        let places: Vec<_> = listeners.iter().map(|listener| (listener.address, listener.dialect)).collect();
        let rules = Rules {
            foreign: config.foreign,
            foreign_networks: config.foreign_networks.clone(),
            same_host: config.same_host.clone(),
            own_listeners: own_listeners(&places),
            relay: Vec::new(),
        };
        let (shutdown, running) = Shutdown::new();
        let acceptor = Arc::new(Acceptor::new(shared, running));
        let mut accepting = JoinSet::new();
        for listener in listeners {
            let machine = Arc::new(machine(config, listener.dialect, rules.clone()));
            accepting.spawn(Arc::clone(&acceptor).run(listener, machine));
        }
        Ok(Self { places, accepting, shutdown })
    }

    /// Where it listens, and the kind of each listener as the ready lines name it.
    pub fn places(&self) -> impl Iterator<Item = (SocketAddr, &'static str)> + '_ {
        self.places.iter().map(|(at, dialect)| match dialect {
            Dialect::Rfc959 => (*at, "ftp"),
            Dialect::Rfc354 => (*at, "ftp-1973"),
        })
    }

    /// Accepts no more sessions, lets transfers end, then ends what is left.
    pub async fn drain(mut self) {
        // Clients that are told to leave must find nobody listening.
        self.accepting.shutdown().await;
        self.shutdown.drain().await;
    }
}

/// Every address of this server's own listeners: none of them is ever a target (B19). An address that
/// this host gets later is known from the control connections that come in through it.
fn own_listeners(places: &[(SocketAddr, Dialect)]) -> Vec<SocketAddr> {
    let everywhere = |at: SocketAddr| {
        socket::everywhere(at).unwrap_or_else(|error| {
            tracing::warn!(error = words(&error), "cannot list the addresses of this host");
            vec![at]
        })
    };
    places.iter().flat_map(|(at, _)| everywhere(*at)).collect()
}

fn machine(config: &Config, dialect: Dialect, rules: Rules) -> server::Config {
    server::Config {
        dialect,
        rules,
        public_address: config.public_address,
        timeouts: config.timeouts.clone(),
        max_held: MAX_HELD,
        max_provers: MAX_PROVERS,
        max_of_one_address: MAX_OF_ONE_ADDRESS,
        software: concat!("ftp-server ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b19_a_wildcard_listener_is_at_every_address_of_this_host() {
        let places = [("0.0.0.0:2121", Dialect::Rfc959), ("127.0.0.2:2173", Dialect::Rfc354)]
            .map(|(at, dialect)| (at.parse().unwrap(), dialect));
        let found = own_listeners(&places);
        for at in ["0.0.0.0:2121", "127.0.0.1:2121", "127.0.0.2:2173"] {
            assert!(found.contains(&at.parse().unwrap()), "{at}: {found:?}");
        }
    }
}
