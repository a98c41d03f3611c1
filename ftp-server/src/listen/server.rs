//! The running server: what its sessions share, and its accept loops.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::os_error::words;
use ftp_io::program::http;
use ftp_io::program::log::{Backlog, Lost};
use ftp_io::socket::Bound;
use ftp_io::tls::{self, Identity};
use ftp_proto::dialect::Dialect;
use ftp_proto::server::{Reuse, TlsStart};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::accept::{Acceptor, ActiveListener};
use super::listener::{Listener, Place};
use super::sockets::Sockets;
use super::{identity, session_config, start_log};
use crate::auth::{Common, Users};
use crate::config::{Config, needs_restart};
use crate::limits::{Logins, Shares};
use crate::operate::metrics::Metrics;
use crate::operate::public::PublicAddresses;
use crate::operate::refusals::Refusals;
use crate::operate::xferlog::XferLog;
use crate::operate::{Shutdown, State, bans, certificate, control, known};
use crate::session::Shared;
use crate::vfs::{Durability, Roots};

/// The running server.
#[derive(Debug)]
pub struct Server {
    places: Vec<Place>,
    /// The certificates, if there are any.
    identity: Option<Arc<Identity>>,
    /// The state directory, held until the end.
    state: Option<State>,
    shared: Arc<Shared>,
    accepting: JoinSet<()>,
    /// Where metrics are served.
    metrics: Option<SocketAddr>,
    /// What the operator sees and does, until the end.
    _operating: JoinSet<()>,
    shutdown: Shutdown,
    /// The configuration of the start, without users: what a reload does not change is still as it says.
    started: Config,
}

impl Server {
    /// Accepts sessions at `sockets`. The metrics tell how many lines the log has `lost`, and sessions wait for its
    /// `backlog`.
    ///
    /// # Errors
    /// The root directory cannot be opened, or the certificates cannot be read.
    pub fn start(
        config: &Config,
        sockets: Sockets,
        (lost, backlog): (Lost, Backlog),
    ) -> Result<Self, anyhow::Error> {
        let clock = Clock::start();
        let (roots, users) = users(config, clock)?;
        let roots = Arc::new(roots);
        let (identity, state) = identity::open(config)?;
        remove_what_is_left(&roots, state.as_ref(), config.durability);
        roots.keep_free(config.keep_free);
        let shared = Arc::new(Shared {
            clock,
            shares: Shares::new(config.limits, config.passive_ports.clone(), clock),
            tls: identity.as_ref().map(|identity| tls(config, identity)).transpose()?,
            users: RwLock::new(Arc::new(users)),
            roots,
            public: Arc::new(PublicAddresses::new(&config.public)),
            live: Arc::default(),
            hook: config.hook.clone(),
            metrics: Metrics::new(lost),
            backlog,
            refusals: Refusals::new(),
            durability: config.durability,
            xferlog: config.xferlog.as_deref().map(open_xferlog).transpose()?,
        });
        let Sockets { control, metrics } = sockets;
        let places: Vec<Place> = control.iter().map(Listener::place).collect();
        start_log::log(config, &places, &shared.shares);
        let metrics_at = metrics.as_ref().map(Bound::local).transpose()?;
        let rules = session_config::rules(config, places.iter().map(|place| place.0).chain(metrics_at));
        let (shutdown, running) = Shutdown::new();
        let (mut accepting, mut operating) = (JoinSet::new(), JoinSet::new());
        if let Some(socket) = state.as_ref().and_then(control_socket) {
            operating.spawn(control::serve(socket, Arc::clone(&shared.live), clock));
        }
        if let Some(state) = &state {
            operating.spawn(keep_bans(state, &shared.shares.logins, config));
            known::restore(state.directory(), &shared.shares.logins);
            operating.spawn(known::keep(state.directory().to_owned(), Arc::clone(&shared.shares.logins)));
        }
        operating.spawn(Arc::clone(&shared.public).keep());
        if let Some(socket) = metrics {
            let shared = Arc::clone(&shared);
            let page = move || shared.metrics.text(&shared.shares.uses());
            operating.spawn(http::serve(socket.start()?, config.metrics_from.clone(), page));
        }
        let acceptor = Arc::new(Acceptor::new(Arc::clone(&shared), running, config.proxy_from.clone()));
        for listener in control {
            let machine = Arc::new(session_config::for_listener(config, &listener, rules.clone()));
            let listener =
                ActiveListener { address: listener.address, socket: listener.socket.start()?, machine };
            accepting.spawn(Arc::clone(&acceptor).run(listener));
        }
        if let Some(identity) = &identity {
            operating.spawn(certificate::watch(Arc::clone(identity), certificate::CHECK_INTERVAL));
        }
        Ok(Self {
            places,
            identity,
            state,
            shared,
            accepting,
            metrics: metrics_at,
            _operating: operating,
            shutdown,
            started: Config { users: Vec::new(), ..config.clone() },
        })
    }

    /// Looks up the names of public addresses for the first time.
    pub async fn look_up(&self) {
        self.shared.public.look_up().await;
    }

    /// Where it listens, and the kind of each listener as the ready lines name it.
    pub fn places(&self) -> impl Iterator<Item = (SocketAddr, &'static str)> + '_ {
        let metrics = self.metrics.map(|at| (at, "metrics"));
        let control = self.places.iter().map(|(at, dialect, begin)| match (dialect, begin) {
            (Dialect::Rfc354, _) => (*at, "ftp-1973"),
            (Dialect::Rfc959, TlsStart::Implicit) => (*at, "ftps"),
            (Dialect::Rfc959, TlsStart::Explicit | TlsStart::Never) => (*at, "ftp"),
        });
        control.chain(metrics)
    }

    /// Replaces users and limits by those of `config`, and reads the certificates again. Sessions that are
    /// there keep their rights and certificates; those of accounts that are gone end. What
    /// [`Self::needs_restart`] names stays as it is. Call this on a thread that may block.
    ///
    /// # Errors
    /// A directory or a certificate cannot be used. Everything stays as it was.
    pub fn reload(&self, config: &Config) -> Result<(), anyhow::Error> {
        let Shared { roots, clock, shares, tls, .. } = &*self.shared;
        let common = Common {
            root: &self.started.root,
            foreign: self.started.foreign,
            pam_service: &config.pam_service,
            roots,
            clock: *clock,
        };
        let users = Users::open(&config.users, config.anonymous, common)?;
        // The last step that can fail: what follows only sets values.
        self.identity
            .as_ref()
            .map_or(Ok(()), |identity| identity.reload())
            .context("cannot use the certificate")?;
        roots.keep_free(config.keep_free);
        shares.sessions.set(config.limits);
        shares.logins.set(config.limits.logins);
        if let Some(tls) = tls {
            tls.ask_clients(config.knows_certificates());
        }
        self.shared.set_users(users);
        if let Some(xferlog) = &self.shared.xferlog {
            xferlog.reopen();
        }
        Ok(())
    }

    /// The keys whose values in `config` are not those that the server has started with, and hold only after
    /// a restart.
    pub fn needs_restart(&self, config: &Config) -> Vec<&'static str> {
        needs_restart(&self.started, config)
    }

    /// How long transfers may go on after the signal to stop.
    pub const fn grace(&self) -> Duration {
        self.started.shutdown_grace
    }

    /// Accepts no more sessions, and answers the operator while it lets transfers end, then ends what is left.
    pub async fn drain(mut self) {
        // Clients that are told to leave must find no listener.
        self.accepting.shutdown().await;
        if let Some(state) = self.state.as_ref() {
            let logins = &self.shared.shares.logins;
            if logins.bans_hosts() {
                bans::save(state.directory().to_owned(), Arc::clone(logins)).await;
            }
            known::save(state.directory().to_owned(), Arc::clone(logins)).await;
        }
        self.shutdown.drain(self.started.shutdown_grace).await;
    }
}

/// Removes temporary files that a killed server has left. Listed files are removed before the server listens;
/// unlisted files older than a day are removed in the background.
fn remove_what_is_left(roots: &Arc<Roots>, state: Option<&State>, durability: Durability) {
    if let Some(state) = state
        && let Err(error) = roots.list_partial_names_in(&state.directory().join("under-way"), durability)
    {
        tracing::warn!(
            error = words(&error),
            "cannot use the list of temporary files in the state directory; what a killed server has left is removed after a day"
        );
    }
    let roots = Arc::clone(roots);
    let search = move || roots.remove_old_names();
    if let Err(error) = std::thread::Builder::new().name("ftp-search".to_owned()).spawn(search) {
        tracing::warn!(error = words(&error), "cannot start the search for old temporary files");
    }
}

/// Takes up the bans that were kept, and keeps them from here on.
fn keep_bans(state: &State, logins: &Arc<Logins>, config: &Config) -> impl Future<Output = ()> + use<> {
    if let Some(ban) = config.limits.logins.ban {
        bans::restore(state.directory(), logins, ban.time);
    }
    bans::keep(state.directory().to_owned(), Arc::clone(logins))
}

/// The directories of all users, and who may log in.
fn users(config: &Config, clock: Clock) -> Result<(Roots, Users), anyhow::Error> {
    let roots = Roots::default();
    roots.open(&config.root).with_context(|| {
        format!(
            "cannot use {} as --root: it must be a directory that this process may enter",
            config.root.display()
        )
    })?;
    let common = Common {
        root: &config.root,
        foreign: config.foreign,
        pam_service: &config.pam_service,
        roots: &roots,
        clock,
    };
    let users = Users::open(&config.users, config.anonymous, common)?;
    Ok((roots, users))
}

fn tls(config: &Config, identity: &Arc<Identity>) -> Result<Arc<tls::Server>, anyhow::Error> {
    let resumes = config.session_reuse != Reuse::Off;
    let server = tls::Server::new(Arc::clone(identity), resumes, config.client_authorities.as_deref());
    let server = server.context("cannot use the certificates of --tls-client-ca")?;
    server.ask_clients(config.knows_certificates());
    Ok(server)
}

fn open_xferlog(path: &Path) -> Result<XferLog, anyhow::Error> {
    XferLog::open(path)
        .map_err(|error| anyhow::anyhow!("cannot write the xferlog {}: {}", path.display(), words(&error)))
}

/// The socket for `who` and `kick`. The server works without it as well.
fn control_socket(state: &State) -> Option<UnixListener> {
    let opened = control::listen(state.directory());
    opened
        .inspect_err(|error| tracing::warn!(error = words(error), "who and kick cannot reach this server"))
        .ok()
}
