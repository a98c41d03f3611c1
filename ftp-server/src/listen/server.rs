//! The running server: what its sessions share, and its accept loops.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context, bail};
use ftp_io::clock::Clock;
use ftp_io::os_error::words;
use ftp_io::tls::Identity;
use ftp_io::{socket, tls};
use ftp_proto::address::{Kind, kind};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Rules;
use ftp_proto::server::{self, Begin, Reuse};
use ipnet::IpNet;
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::accept::Acceptor;
use super::listener::Listener;
use crate::auth::{Common, Users};
use crate::config::{Certificates, Config};
use crate::limits::{Limits, MAX_HELD, MAX_OF_ONE_ADDRESS, MAX_PROVERS, Shares};
use crate::operate::xferlog::XferLog;
use crate::operate::{Shutdown, State, certificate, control, is_below};
use crate::session::Shared;
use crate::vfs::Roots;

/// Where a listener is, what it speaks, and when TLS begins there.
type Place = (SocketAddr, Dialect, Begin);

/// The running server.
#[derive(Debug)]
pub struct Server {
    places: Vec<Place>,
    /// The certificates, if there are any.
    identity: Option<Arc<Identity>>,
    /// The state directory, held until the end.
    _state: Option<State>,
    shared: Arc<Shared>,
    accepting: JoinSet<()>,
    shutdown: Shutdown,
    /// How long transfers may go on after the signal to stop.
    grace: Duration,
}

impl Server {
    /// Accepts sessions at `listeners`.
    ///
    /// # Errors
    /// The root directory cannot be opened, or the certificates cannot be read.
    pub fn start(config: &Config, listeners: Vec<Listener>) -> Result<Self, anyhow::Error> {
        let (roots, clock) = (Roots::default(), Clock::start());
        roots.open(&config.root).with_context(|| {
            format!(
                "cannot use {} as --root: it must be a directory that this process may enter",
                config.root.display()
            )
        })?;
        let common = Common { root: &config.root, foreign: config.foreign, roots: &roots, clock };
        let users = Users::open(&config.users, config.anonymous, common)?;
        let (identity, state) = identity(config)?;
        let tls = match &identity {
            Some(identity) => {
                let (resumes, clients) =
                    (config.session_reuse != Reuse::Off, config.client_authorities.as_deref());
                let server = tls::Server::new(Arc::clone(identity), resumes, clients);
                Some(server.context("cannot use the certificates of --tls-client-ca")?)
            }
            None => None,
        };
        let shared = Arc::new(Shared {
            clock,
            shares: Shares::new(config.limits, config.passive_ports.clone(), clock),
            tls,
            users: RwLock::new(Arc::new(users)),
            roots: Arc::new(roots),
            live: Arc::default(),
            xferlog: config.xferlog.as_deref().map(open_xferlog).transpose()?,
        });
        if let Some(sessions) = shared.shares.descriptors.too_few_for(config.limits.sessions) {
            tracing::warn!(
                "the limit of open files is enough for {sessions} sessions: raise it (ulimit -n, LimitNOFILE) or set --max-sessions"
            );
        }
        let places: Vec<Place> = listeners.iter().map(Listener::place).collect();
        warn_about_passwords(&places);
        let rules = Rules {
            foreign: config.foreign,
            foreign_networks: config.foreign_networks.clone(),
            same_host: config.same_host.clone(),
            own_listeners: own_listeners(&places),
            relay: Vec::new(),
        };
        log_start(config);
        let (shutdown, running) = Shutdown::new();
        let mut accepting = JoinSet::new();
        if let Some(socket) = state.as_ref().and_then(control_socket) {
            accepting.spawn(control::serve(socket, Arc::clone(&shared.live), clock));
        }
        let acceptor = Arc::new(Acceptor::new(Arc::clone(&shared), running));
        for listener in listeners {
            let machine = Arc::new(machine(config, &listener, rules.clone()));
            accepting.spawn(Arc::clone(&acceptor).run(listener, machine));
        }
        if let Some(identity) = &identity {
            accepting.spawn(certificate::watch(Arc::clone(identity)));
        }
        let grace = config.shutdown_grace;
        Ok(Self { places, identity, _state: state, shared, accepting, shutdown, grace })
    }

    /// Where it listens, and the kind of each listener as the ready lines name it.
    pub fn places(&self) -> impl Iterator<Item = (SocketAddr, &'static str)> + '_ {
        self.places.iter().map(|(at, dialect, begin)| match (dialect, begin) {
            (Dialect::Rfc354, _) => (*at, "ftp-1973"),
            (Dialect::Rfc959, Begin::Implicit) => (*at, "ftps"),
            (Dialect::Rfc959, Begin::Explicit | Begin::Never) => (*at, "ftp"),
        })
    }

    /// Users and limits are those of `config` from now on. Sessions that are there keep their rights;
    /// those of accounts that are gone end. Call this on a thread that may block.
    ///
    /// # Errors
    /// A directory cannot be used. The users that were there before stay in force.
    pub fn reload(&self, config: &Config) -> Result<(), anyhow::Error> {
        let Shared { roots, clock, shares, .. } = &*self.shared;
        let common = Common { root: &config.root, foreign: config.foreign, roots, clock: *clock };
        let users = Users::open(&config.users, config.anonymous, common)?;
        shares.sessions.set(config.limits);
        shares.logins.set(config.limits.logins);
        self.shared.set_users(users);
        Ok(())
    }

    /// Reads the certificates again; sessions that have begun keep theirs. Call this on a thread that may
    /// block.
    ///
    /// # Errors
    /// A file cannot be used. The certificates that were read before stay in force.
    pub fn reload_certificates(&self) -> std::io::Result<()> {
        self.identity.as_ref().map_or(Ok(()), |identity| identity.reload())
    }

    /// Accepts no more sessions, lets transfers end, then ends what is left.
    pub async fn drain(mut self) {
        // Clients that are told to leave must find nobody listening.
        self.accepting.shutdown().await;
        self.shutdown.drain(self.grace).await;
    }
}

/// Every address of this server's own listeners: none of them is ever a target (B19). An address that
/// this host gets later is known from the control connections that come in through it.
fn own_listeners(places: &[Place]) -> Vec<SocketAddr> {
    let everywhere = |at: SocketAddr| {
        socket::everywhere(at).unwrap_or_else(|error| {
            tracing::warn!(error = words(&error), "cannot list the addresses of this host");
            vec![at]
        })
    };
    places.iter().flat_map(|(at, ..)| everywhere(*at)).collect()
}

/// The first line of the audit: which server this is, and what it allows.
fn log_start(config: &Config) {
    let Limits { sessions, per_address, unauthenticated, .. } = config.limits;
    let networks =
        |networks: &[IpNet]| networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        root = %config.root.display(),
        foreign = ?config.foreign,
        foreign_networks = config.foreign_networks.as_deref().map(networks),
        same_host = networks(&config.same_host),
        users = config.users.len(),
        anonymous = config.anonymous,
        require_tls = config.require_tls,
        max_sessions = sessions,
        max_sessions_per_address = per_address,
        max_unauthenticated = unauthenticated,
        "started"
    );
}

fn open_xferlog(path: &Path) -> Result<XferLog, anyhow::Error> {
    XferLog::open(path)
        .map_err(|error| anyhow::anyhow!("cannot write the xferlog {}: {}", path.display(), words(&error)))
}

/// Says once that passwords go in clear, if they can come from another host.
fn warn_about_passwords(places: &[Place]) {
    let open = |(at, _, begin): &&Place| *begin == Begin::Never && kind(at.ip()) != Kind::Loopback;
    if let Some((at, ..)) = places.iter().find(open) {
        tracing::warn!(
            %at,
            "passwords and files go in clear here: --tls-self-signed or --tls-cert gives TLS, --require-tls demands it"
        );
    }
}

/// The certificates, and the state directory, which a server without anything to keep may lack.
fn identity(config: &Config) -> Result<(Option<Arc<Identity>>, Option<State>), anyhow::Error> {
    let open = || State::open(config.state.as_deref(), &config.root);
    let state = match &config.certificates {
        Some(Certificates::SelfSigned) => Some(open()?),
        Some(Certificates::Files(_)) | None if config.state.is_some() => Some(open()?),
        Some(Certificates::Files(_)) | None => {
            State::open_usual(&config.root).filter(|state| !is_visible(state, config))
        }
    };
    let identity = match (&config.certificates, &state) {
        (Some(Certificates::Files(files)), _) => Some(certificate::from_files(files, &config.root)?),
        (Some(Certificates::SelfSigned), Some(state)) => Some(certificate::self_signed(state)?),
        (Some(Certificates::SelfSigned), None) | (None, _) => None,
    };
    if state.as_ref().is_some_and(|state| is_visible(state, config)) {
        bail!("the state directory is below a root: name another one with --state");
    }
    Ok((identity.map(Arc::new), state))
}

/// Whether users could see the state directory, which has been told then.
fn is_visible(state: &State, config: &Config) -> bool {
    let directory = state.directory();
    let root = config.roots().find(|root| is_below(directory, root));
    root.inspect(|root| {
        let (directory, root) = (directory.display(), root.display());
        tracing::warn!("the state directory {directory} is below the root {root}, where users could read it");
    })
    .is_some()
}

/// The socket for `who` and `kick`. The server works without it as well.
fn control_socket(state: &State) -> Option<UnixListener> {
    let opened = control::listen(state.directory());
    opened
        .inspect_err(|error| tracing::warn!(error = words(error), "who and kick cannot reach this server"))
        .ok()
}

fn machine(config: &Config, listener: &Listener, rules: Rules) -> server::Config {
    let tls =
        server::Tls { begin: listener.begin, required: config.require_tls, reuse: config.session_reuse };
    server::Config {
        dialect: listener.dialect,
        rules,
        tls,
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
            .map(|(at, dialect)| (at.parse().unwrap(), dialect, Begin::Never));
        let found = own_listeners(&places);
        for at in ["0.0.0.0:2121", "127.0.0.1:2121", "127.0.0.2:2173"] {
            assert!(found.contains(&at.parse().unwrap()), "{at}: {found:?}");
        }
    }
}
