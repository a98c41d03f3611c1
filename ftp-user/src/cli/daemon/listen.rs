//! Where a daemon listens: the socket of its user, and the addresses of page and API.

use super::state::Daemon;
use crate::failure::{Failure, Result};
use crate::web::serve::UnixTrust;
use crate::web::{self, Listener, WebSettings};
use clap::Args;
use ftp_io::simulated;
use ftp_io::socket::{self, LocalListener};
use ftp_io::tls::{Files, Identity, Server};
use ftp_proto::address;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The options of page and API.
#[derive(Args, Debug)]
pub(super) struct ListenArgs {
    /// Open the page and the API at 127.0.0.1:8990, [::1]:8990 or unix:PATH
    ///
    /// An address that other hosts reach needs --tls-cert and --tls-key. unix:PATH is for a proxy of this host.
    #[arg(long, value_name = "ADDR")]
    listen: Vec<ListenAddress>,
    /// The certificate of these addresses (PEM), with those up to its authority
    #[arg(long, requires = "tls_key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM, mode 0600)
    #[arg(long, requires = "tls_cert", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    tls_key: Option<PathBuf>,
    /// A name by which browsers reach the page, beside its address and localhost
    #[arg(long, value_name = "NAME", hide_short_help = true, value_parser = host_name)]
    host: Vec<String>,
    /// A proxy stands before each unix: address, and X-Forwarded-For tells who asks
    #[arg(long, hide_short_help = true)]
    trust_proxy: bool,
    /// The networks that may read /metrics without a token
    #[arg(long, value_name = "NETWORK", hide_short_help = true, value_parser = network)]
    metrics_from: Vec<IpNet>,
}

/// Reads a network, or the address of one host.
fn network(text: &str) -> Result<IpNet, String> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse()).map_err(|_| "expected a network like 127.0.0.0/8, or an address".to_owned())
}

fn host_name(text: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_name) {
        true => Ok(text.to_owned()),
        false => Err("expected a name like transfers.example, without scheme and port".to_owned()),
    }
}

/// Where page and API are.
#[derive(Clone, PartialEq, Eq, Debug)]
enum ListenAddress {
    /// A port of this host.
    Tcp(SocketAddr),
    /// A socket in the file system, behind a proxy.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            "expected an address and a port (127.0.0.1:8990, [::1]:8990), or unix:PATH".to_owned()
        })
    }
}

/// Listeners that are open, and nobody answers there yet.
pub(super) struct OpenListeners {
    listeners: Vec<Listener>,
    settings: WebSettings,
    identity: Option<Arc<Identity>>,
}

/// Listeners whose requests are answered.
pub(super) struct RunningListeners {
    stop: oneshot::Sender<()>,
    answering: JoinHandle<()>,
    /// The certificate, which is read again when its files change.
    pub(super) identity: Option<Arc<Identity>>,
}

impl ListenArgs {
    /// Opens all listeners: the socket of the state directory, and those that were asked for.
    pub(super) fn open(&self, directory: &Path, name: &str) -> Result<OpenListeners> {
        let identity = self.identity()?;
        let mut listeners = Vec::new();
        // A simulated host has no sockets in its file system.
        if simulated::host().is_none() {
            let user = super::super::draft::user_of_this_host();
            let trust = UnixTrust::SameUser { name: user, uid: rustix::process::geteuid().as_raw() };
            listeners.push(open_unix(&directory.join(SOCKET), SOCKET, trust)?);
        }
        for address in &self.listen {
            listeners.push(open_one(address, identity.as_ref())?);
        }
        let networks = self.metrics_from.clone();
        let settings = WebSettings {
            name: name.to_owned(),
            hosts: self.host.clone(),
            trust_proxy: self.trust_proxy,
            metrics_from: Arc::new(move |address| {
                networks.iter().any(|network| network.contains(&address.to_canonical()))
            }),
            ..WebSettings::default()
        };
        Ok(OpenListeners { listeners, settings, identity })
    }

    fn identity(&self) -> Result<Option<Arc<Identity>>> {
        let (Some(certificate), Some(key)) = (self.tls_cert.clone(), self.tls_key.clone()) else {
            return Ok(None);
        };
        let identity = Identity::read(vec![Files { certificate, key }]);
        let bad = |error| Failure::of_this_host("the certificate cannot be used", &error);
        identity.map(|identity| Some(Arc::new(identity))).map_err(bad)
    }
}

fn open_one(address: &ListenAddress, identity: Option<&Arc<Identity>>) -> Result<Listener> {
    match address {
        ListenAddress::Unix(path) => open_unix(path, &path.display().to_string(), UnixTrust::Proxy),
        ListenAddress::Tcp(at) => {
            if identity.is_none() && address::kind(at.ip()) != address::Kind::Loopback {
                let what = format!("--listen {at} would send tokens in clear to other hosts");
                return Err(Failure::usage(what).hint(
                    "add --tls-cert and --tls-key, or listen at 127.0.0.1 and reach it through a proxy or SSH",
                ));
            }
            let bad = |error| Failure::of_this_host(format!("cannot listen at {at}"), &error);
            let is_taken = |error| bad(error).hint("choose another address or port with --listen");
            let tls = identity.map(|identity| Server::for_http(Arc::clone(identity)));
            let tls = tls.transpose().map_err(bad)?;
            Ok(Listener::Tcp { listener: socket::listen(*at).map_err(is_taken)?, tls })
        }
    }
}

fn open_unix(path: &Path, shown: &str, trust: UnixTrust) -> Result<Listener> {
    let bad = |error| Failure::of_this_host(format!("cannot listen at {shown}"), &error);
    Ok(Listener::Unix { listener: LocalListener::open(path).map_err(bad)?, trust })
}

impl OpenListeners {
    /// What is printed for each of them.
    pub(super) fn announced(&self) -> Vec<(String, &'static str)> {
        self.listeners.iter().filter_map(announced).collect()
    }

    /// Answers requests from now on.
    pub(super) fn serve(self, daemon: Arc<Daemon>) -> RunningListeners {
        let Self { listeners, settings, identity } = self;
        let (stop, stopped) = oneshot::channel();
        let answering = tokio::spawn(web::serve(listeners, daemon, settings, async {
            let _ = stopped.await;
        }));
        RunningListeners { stop, answering, identity }
    }
}

fn announced(listener: &Listener) -> Option<(String, &'static str)> {
    match listener {
        Listener::Tcp { listener, tls } => {
            let scheme = if tls.is_some() { "https" } else { "http" };
            Some((format!("{scheme}://{}", listener.local().ok()?), "page, api"))
        }
        Listener::Unix { listener, trust } => {
            let what = if let UnixTrust::Proxy = trust { "page, api" } else { "api, this user" };
            Some((format!("unix:{}", listener.path().display()), what))
        }
    }
}

impl RunningListeners {
    pub(super) async fn end(self) {
        let _ = self.stop.send(());
        let _ = self.answering.await;
    }
}

/// The file in the state directory at which a daemon listens for its own user.
pub(in crate::cli) const SOCKET: &str = "daemon.sock";
