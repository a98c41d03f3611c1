//! The running server: what its sessions share, and its accept loops.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::os_error::words;
use ftp_io::tls::{self, Identity};
use ftp_proto::dialect::Dialect;
use ftp_proto::server::{Begin, Reuse};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::accept::Acceptor;
use super::listener::{Listener, Place};
use super::{identity, machine, notices};
use crate::auth::{Common, Users};
use crate::config::Config;
use crate::limits::Shares;
use crate::operate::xferlog::XferLog;
use crate::operate::{Shutdown, State, certificate, control};
use crate::session::Shared;
use crate::vfs::Roots;

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
        let clock = Clock::start();
        let (roots, users) = users(config, clock)?;
        let (identity, state) = identity::open(config)?;
        let shared = Arc::new(Shared {
            clock,
            shares: Shares::new(config.limits, config.passive_ports.clone(), clock),
            tls: identity.as_ref().map(|identity| tls(config, identity)).transpose()?,
            users: RwLock::new(Arc::new(users)),
            roots: Arc::new(roots),
            live: Arc::default(),
            xferlog: config.xferlog.as_deref().map(open_xferlog).transpose()?,
        });
        let places: Vec<Place> = listeners.iter().map(Listener::place).collect();
        notices::log(config, &places, &shared.shares);
        let rules = machine::rules(config, &places);
        let (shutdown, running) = Shutdown::new();
        let mut accepting = JoinSet::new();
        if let Some(socket) = state.as_ref().and_then(control_socket) {
            accepting.spawn(control::serve(socket, Arc::clone(&shared.live), clock));
        }
        let acceptor = Arc::new(Acceptor::new(Arc::clone(&shared), running));
        for listener in listeners {
            let machine = Arc::new(machine::machine(config, &listener, rules.clone()));
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

/// The directories of all users, and who may log in.
fn users(config: &Config, clock: Clock) -> Result<(Roots, Users), anyhow::Error> {
    let roots = Roots::default();
    roots.open(&config.root).with_context(|| {
        format!(
            "cannot use {} as --root: it must be a directory that this process may enter",
            config.root.display()
        )
    })?;
    let common = Common { root: &config.root, foreign: config.foreign, roots: &roots, clock };
    let users = Users::open(&config.users, config.anonymous, common)?;
    Ok((roots, users))
}

fn tls(config: &Config, identity: &Arc<Identity>) -> Result<Arc<tls::Server>, anyhow::Error> {
    let resumes = config.session_reuse != Reuse::Off;
    let server = tls::Server::new(Arc::clone(identity), resumes, config.client_authorities.as_deref());
    server.context("cannot use the certificates of --tls-client-ca")
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
