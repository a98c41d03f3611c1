//! All sockets at which the server waits for connections, those of the options and those of systemd, and the configuration
//! of the sessions there.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use anyhow::{Context, bail};
use ftp_io::os_error::words;
use ftp_io::program::service::Inherited;
use ftp_io::socket::{self, Bound};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Rules;
use ftp_proto::server::{self, TlsStart};

use crate::config::{Config, Listen};
use crate::limits::{MAX_DETACHED_TIME, MAX_HELD, MAX_OF_ONE_ADDRESS, MAX_PROVERS};
use crate::operate::public::PublicRule;

/// The sockets of a server, before it serves.
#[derive(Debug)]
pub struct Sockets {
    pub(super) control: Vec<Listener>,
    pub(super) metrics: Option<Bound>,
}

impl Sockets {
    /// Opens every listener, and takes those that systemd has opened. One of the two default listeners may
    /// be missing, because a host may have only one address family; there are none of them if systemd has
    /// passed a listener.
    ///
    /// # Errors
    /// A listener that the operator named cannot be opened, no listener can, or `FileDescriptorName=` does not fit a socket of systemd.
    pub fn open(config: &Config, inherited: Vec<Inherited>) -> Result<Self, anyhow::Error> {
        let mut sockets = Self { control: Vec::new(), metrics: None };
        for Inherited { name, socket } in inherited {
            let at = socket.local_addr().map(|at| at.to_string()).unwrap_or_default();
            let adopted = Bound::adopt(socket).context("it cannot be used");
            let adopted = adopted.and_then(|socket| sockets.adopt(&name, socket, config));
            adopted.with_context(|| format!("systemd has passed the socket {name:?} at {at}"))?;
        }
        let mut missing = None;
        let passed = !sockets.control.is_empty();
        for listen in config.listeners.iter().filter(|listen| listen.named || !passed) {
            match Bound::open(listen.address) {
                Ok(socket) => sockets.control.push(Listener::new(socket, listen.dialect, listen.begin)?),
                Err(error) if listen.named || error.kind() == ErrorKind::AddrInUse => {
                    return Err(refusal(option(listen), listen.address, &error));
                }
                Err(error) => missing = Some(refusal(option(listen), listen.address, &error)),
            }
        }
        match missing {
            Some(error) if sockets.control.is_empty() => return Err(error),
            Some(error) => tracing::warn!("{error:#}"),
            None => {}
        }
        if let Some(at) = config.metrics {
            if sockets.metrics.is_some() {
                bail!("systemd has passed a socket for metrics, too: leave --metrics out");
            }
            sockets.metrics = Some(Bound::open(at).map_err(|error| refusal("--metrics", at, &error))?);
        }
        Ok(sockets)
    }

    /// Takes a socket by the name that its unit has given it (`FileDescriptorName=`). Without that key the
    /// name is that of the unit.
    fn adopt(&mut self, name: &str, socket: Bound, config: &Config) -> Result<(), anyhow::Error> {
        let explicit = if config.certificates.is_some() { TlsStart::Explicit } else { TlsStart::Never };
        let (dialect, begin) = match name {
            "metrics" if self.metrics.is_some() => bail!("there is another one for metrics: leave one out"),
            "metrics" => {
                self.metrics = Some(socket);
                return Ok(());
            }
            "ftps" if config.certificates.is_none() => {
                bail!("it needs a certificate: give --tls-cert and --tls-key, or --tls-self-signed");
            }
            "ftps" => (Dialect::Rfc959, TlsStart::Implicit),
            "ftp-1973" if config.require_tls => {
                bail!("nobody could use it, because --require-tls is given: leave one of them out");
            }
            "ftp-1973" => (Dialect::Rfc354, TlsStart::Never),
            unit if unit == "ftp" || unit.is_empty() || is_unit(unit) => (Dialect::Rfc959, explicit),
            _ => bail!("FileDescriptorName= may be ftp, ftps, ftp-1973 or metrics"),
        };
        self.control.push(Listener::new(socket, dialect, begin)?);
        Ok(())
    }
}

/// Whether systemd has named a socket itself: by its unit, or as `unknown`.
fn is_unit(name: &str) -> bool {
    name.ends_with(".socket") || name == "unknown"
}

/// The option that names such a listener.
const fn option(listen: &Listen) -> &'static str {
    match (listen.dialect, listen.begin) {
        (Dialect::Rfc354, _) => "--listen-1973",
        (Dialect::Rfc959, TlsStart::Implicit) => "--listen-tls",
        (Dialect::Rfc959, TlsStart::Explicit | TlsStart::Never) => "--listen",
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the standard library's list is open")]
fn refusal(option: &str, at: SocketAddr, error: &io::Error) -> anyhow::Error {
    let what_to_do = match error.kind() {
        ErrorKind::AddrInUse => ": choose another port, or stop what uses it",
        ErrorKind::PermissionDenied => {
            ": a port below 1024 needs root (which --run-as gives up), the capability CAP_NET_BIND_SERVICE, or a socket of systemd"
        }
        ErrorKind::AddrNotAvailable => ": this host has no such address",
        _ => "",
    };
    anyhow::anyhow!("cannot listen on {at} ({option}): {}{what_to_do}", words(error))
}

/// Where a listener is, what it speaks, and when TLS begins there.
pub(super) type Place = (SocketAddr, Dialect, TlsStart);

/// A listening socket for control connections.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: Bound,
    /// Where it listens, with the real port.
    pub(super) address: SocketAddr,
    pub(super) dialect: Dialect,
    /// When TLS begins there.
    pub(super) begin: TlsStart,
}

impl Listener {
    /// A listener at a socket.
    ///
    /// # Errors
    /// The system does not know the socket.
    pub(super) fn new(socket: Bound, dialect: Dialect, begin: TlsStart) -> io::Result<Self> {
        Ok(Self { address: socket.local()?, socket, dialect, begin })
    }

    /// Where it is, what it speaks, and when TLS begins there.
    pub(super) const fn place(&self) -> Place {
        (self.address, self.dialect, self.begin)
    }
}

/// The policy of the server, whose own listeners are at `places`: none of them is ever a target (B19).
pub(super) fn rules(config: &Config, places: impl IntoIterator<Item = SocketAddr>) -> Rules {
    Rules {
        foreign: config.foreign,
        foreign_networks: config.foreign_networks.clone(),
        same_host: config.same_host.clone(),
        own_listeners: own_listeners(places, &config.public),
        exchanges: Vec::new(),
        relay: Vec::new(),
        data_ports: Vec::new(),
        own_host: None,
    }
}

/// The configuration of the sessions at a listener.
pub(super) fn for_listener(config: &Config, listener: &Listener, rules: Rules) -> server::Config {
    let tls = server::Tls {
        begin: listener.begin,
        required: config.require_tls,
        reuse: config.session_reuse,
        close_notify: config.close_notify,
    };
    server::Config {
        dialect: listener.dialect,
        gender: config.gender,
        defers_socket: config.defers_socket,
        rules,
        tls,
        strict_listen: config.strict_438_listen,
        timeouts: config.timeouts.clone(),
        max_held: MAX_HELD,
        max_provers: MAX_PROVERS,
        max_of_one_address: MAX_OF_ONE_ADDRESS,
        max_detached: MAX_DETACHED_TIME,
        copies: config.site_copy,
        has_hooks: config.hook.is_some(),
        software: concat!("ftp-server ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// Every address of this server's own listeners: none of them is ever a target (B19). An address that
/// this host gets later is known from the control connections that come in through it.
fn own_listeners(places: impl IntoIterator<Item = SocketAddr>, public: &[PublicRule]) -> Vec<SocketAddr> {
    let everywhere = |at: SocketAddr| {
        socket::everywhere(at).unwrap_or_else(|error| {
            tracing::warn!(error = words(&error), "cannot list the addresses of this host");
            vec![at]
        })
    };
    let places: Vec<SocketAddr> = places.into_iter().collect();
    let seen = public.iter().filter_map(|rule| rule.host.address());
    let outside = seen.flat_map(|ip| places.iter().map(move |at| SocketAddr::new(ip, at.port())));
    places.iter().copied().flat_map(everywhere).chain(outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::public::Host;

    #[test]
    fn b19_a_wildcard_listener_is_at_every_address_of_this_host() {
        let places = ["0.0.0.0:2121", "127.0.0.2:2173"].map(|at| at.parse().unwrap());
        let public = [PublicRule { networks: Vec::new(), host: Host::Address([192, 0, 2, 1].into()) }];
        let found = own_listeners(places, &public);
        for at in ["0.0.0.0:2121", "127.0.0.1:2121", "127.0.0.2:2173", "192.0.2.1:2121", "192.0.2.1:2173"] {
            assert!(found.contains(&at.parse().unwrap()), "{at}: {found:?}");
        }
    }
}
