//! The running server: what its sessions share, its accept loops, and what the log says at its start.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::os_error::words;
use ftp_io::program::log::{Backlog, LostLines};
use ftp_io::program::metrics;
use ftp_io::simulated;
use ftp_io::socket::{Bound, Congestion};
use ftp_io::tls::{self, Identity};
use ftp_proto::address::{Kind, kind};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Foreign;
use ftp_proto::server::{Reuse, TlsStart};
use ipnet::IpNet;
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::accept::{Acceptor, ActiveListener};
use super::sockets::{Listener, Place, Sockets, for_listener, rules};
use crate::auth::{Common, Users};
use crate::config::{Certificates, Config, needs_restart};
use crate::limits::{Limits, Logins, Shares};
use crate::operate::audit::Refusals;
use crate::operate::metrics::Metrics;
use crate::operate::public::PublicAddresses;
use crate::operate::xferlog::XferLog;
use crate::operate::{Shutdown, State, certificate, live, remembered};
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
        (lost, backlog): (LostLines, Backlog),
    ) -> Result<Self, anyhow::Error> {
        let clock = Clock::start();
        let (roots, users) = users(config, clock)?;
        let roots = Arc::new(roots);
        let (identity, state) = open_identity(config)?;
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
            refusals: Refusals::default(),
            durability: config.durability,
            congestion: config.congestion.clone(),
            xferlog: config.xferlog.as_deref().map(open_xferlog).transpose()?,
        });
        let Sockets { control, metrics } = sockets;
        let places: Vec<Place> = control.iter().map(Listener::place).collect();
        log_settings(config, &places, &shared.shares);
        let metrics_at = metrics.as_ref().map(Bound::local).transpose()?;
        let rules = rules(config, places.iter().map(|place| place.0).chain(metrics_at));
        let (shutdown, running) = Shutdown::new();
        let (mut accepting, mut operating) = (JoinSet::new(), JoinSet::new());
        if let Some(socket) = state.as_ref().and_then(control_socket) {
            operating.spawn(live::serve(socket, Arc::clone(&shared.live), clock));
        }
        if let Some(state) = &state {
            operating.spawn(keep_bans(state, &shared.shares.logins, config));
            remembered::restore_known(state.directory(), &shared.shares.logins);
            operating.spawn(remembered::keep_known(
                state.directory().to_owned(),
                Arc::clone(&shared.shares.logins),
            ));
        }
        operating.spawn(Arc::clone(&shared.public).keep());
        if let Some(socket) = metrics {
            let shared = Arc::clone(&shared);
            let page = move || shared.metrics.text(&shared.shares.uses());
            operating.spawn(metrics::serve(socket.start()?, config.metrics_from.clone(), page));
        }
        let acceptor = Arc::new(Acceptor::new(Arc::clone(&shared), running, config.proxy_from.clone()));
        for listener in control {
            let machine = Arc::new(for_listener(config, &listener, rules.clone()));
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
        let users = open_users(config, &self.started, roots, *clock)?;
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
                remembered::save_bans(state.directory().to_owned(), Arc::clone(logins)).await;
            }
            remembered::save_known(state.directory().to_owned(), Arc::clone(logins)).await;
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
    if simulated::host().is_some() {
        return search();
    }
    if let Err(error) = std::thread::Builder::new().name("ftp-search".to_owned()).spawn(search) {
        tracing::warn!(error = words(&error), "cannot start the search for old temporary files");
    }
}

/// Takes up the bans that were kept, and keeps them from here on.
fn keep_bans(state: &State, logins: &Arc<Logins>, config: &Config) -> impl Future<Output = ()> + use<> {
    if let Some(ban) = config.limits.logins.ban {
        remembered::restore_bans(state.directory(), logins, ban.time);
    }
    remembered::keep_bans(state.directory().to_owned(), Arc::clone(logins))
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
    let users = open_users(config, config, &roots, clock)?;
    Ok((roots, users))
}

/// The users of `config`, for a server that was `started` with its root and its foreign policy.
fn open_users(
    config: &Config,
    started: &Config,
    roots: &Roots,
    clock: Clock,
) -> Result<Users, anyhow::Error> {
    let (root, foreign, pam_service) = (&started.root, started.foreign, &config.pam_service);
    Users::open(&config.users, config.anonymous, Common { root, foreign, pam_service, roots, clock })
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
    if simulated::host().is_some() {
        return None;
    }
    let opened = live::listen(state.directory());
    opened
        .inspect_err(|error| tracing::warn!(error = words(error), "who and kick cannot reach this server"))
        .ok()
}

/// The certificates, and the state directory, which a server without anything to keep may lack.
fn open_identity(config: &Config) -> Result<(Option<Arc<Identity>>, Option<State>), anyhow::Error> {
    let roots: Vec<&Path> = config.roots().collect();
    let open = || State::open(config.state.as_deref(), &roots);
    let state = match &config.certificates {
        Some(Certificates::SelfSigned) => Some(open()?),
        Some(Certificates::Files(_)) | None if config.state.is_some() => Some(open()?),
        Some(Certificates::Files(_)) | None => State::open_usual(&roots),
    };
    let identity = match (&config.certificates, &state) {
        (Some(Certificates::Files(files)), _) => Some(certificate::from_files(files, &config.root)?),
        (Some(Certificates::SelfSigned), Some(state)) => Some(certificate::self_signed(state)?),
        (Some(Certificates::SelfSigned), None) | (None, _) => None,
    };
    Ok((identity.map(Arc::new), state))
}

/// Logs warnings about unsafe settings, then writes the first line of the audit.
fn log_settings(config: &Config, places: &[Place], shares: &Shares) {
    if let Some(sessions) = shares.descriptors.too_few_for(config.limits.sessions) {
        tracing::warn!(
            "the limit of open files is enough for {sessions} sessions: raise it (ulimit -n, LimitNOFILE) or set --max-sessions"
        );
    }
    warn_about_passwords(places);
    log_start(config, places);
}

/// The first line of the audit: which server this is, and what it allows.
fn log_start(config: &Config, places: &[Place]) {
    let Limits { sessions, per_address, per_account, unauthenticated, .. } = config.limits;
    let networks =
        |networks: &[IpNet]| networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        root = config.root.display().to_string(),
        listeners = listeners(places),
        tls = config.certificates.is_some(),
        foreign = policy(config.foreign),
        foreign_networks = config.foreign_networks.as_deref().map(networks),
        same_host = networks(&config.same_host),
        users = config.users.len(),
        anonymous = config.anonymous,
        require_tls = config.require_tls,
        passive_ports =
            config.passive_ports.as_ref().map(|ports| format!("{}-{}", ports.start(), ports.end())),
        congestion = Congestion::in_force(config.congestion.as_ref()),
        run_as = config.run_as,
        max_sessions = sessions,
        max_sessions_per_address = per_address,
        max_sessions_per_account = per_account,
        max_unauthenticated = unauthenticated,
        "started"
    );
}

/// Where the server listens.
fn listeners(places: &[Place]) -> String {
    places.iter().map(|(at, ..)| at.to_string()).collect::<Vec<_>>().join(",")
}

/// The policy as the option has it.
const fn policy(foreign: Foreign) -> &'static str {
    match foreign {
        Foreign::Never => "never",
        Foreign::Proven => "proven",
        Foreign::Authenticated => "authenticated",
    }
}

/// Says once that passwords go in clear, if they can come from another host.
fn warn_about_passwords(places: &[Place]) {
    let open = |(at, _, begin): &&Place| *begin == TlsStart::Never && kind(at.ip()) != Kind::Loopback;
    if let Some((at, ..)) = places.iter().find(open) {
        tracing::warn!(
            %at,
            "passwords and files go in clear here: --tls-self-signed or --tls-cert gives TLS, --require-tls demands it"
        );
    }
}
