//! All sockets at which the server waits for connections: those of the options, and those of systemd.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use anyhow::{Context, bail};
use ftp_io::os_error::words;
use ftp_io::program::inherited::Inherited;
use ftp_io::socket::Bound;
use ftp_proto::dialect::Dialect;
use ftp_proto::server::TlsStart;

use super::listener::Listener;
use crate::config::{Config, Listen};

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
