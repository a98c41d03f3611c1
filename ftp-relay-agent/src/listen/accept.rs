//! The accept loop of a listener, and what a new link proves.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::copy::Pipes;
use ftp_io::link::{Acceptor, Link};
use ftp_io::os_error::words;
use ftp_io::socket::{self, Listener};
use ftp_proto::listing::When;
use ftp_proto::policy::Rules;
use ftp_proto::relay::agent::Config;
use ftp_proto::relay::link::{Accepted, DataHello, First, Hello, Welcome, accept_data};
use ftp_proto::relay::message::Text;
use ftp_proto::timer::Moment;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::operate::Running;
use crate::policy::{Bans, MAX_LINKS, PING, SESSION};
use crate::session::{self, Shared, Tickets};

/// Accepts links: those of user agents become sessions, those of tunnels join their session.
#[derive(Debug)]
pub(super) struct Links {
    shared: Arc<Shared>,
    acceptor: Acceptor,
    rules: Rules,
    /// The addresses that data connections may come from and go to.
    addresses: Vec<IpAddr>,
    bans: Bans,
    places: Arc<Semaphore>,
    /// The number of the next link.
    next: AtomicU64,
}

impl Links {
    /// No link yet. `addresses` are those of the listeners.
    pub(super) fn new(acceptor: Acceptor, rules: Rules, addresses: &[SocketAddr]) -> Self {
        let shared = Shared { clock: Clock::start(), pipes: Pipes::default(), tickets: Tickets::default() };
        Self {
            shared: Arc::new(shared),
            acceptor,
            rules,
            addresses: addresses.iter().map(SocketAddr::ip).collect(),
            bans: Bans::default(),
            places: Arc::new(Semaphore::new(MAX_LINKS)),
            next: AtomicU64::new(1),
        }
    }

    /// Accepts connections until it is aborted.
    pub(super) async fn accept(self: Arc<Self>, listener: Listener, running: Running) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => self.start(stream, from, &running),
                Err(error) => {
                    tracing::warn!(error = words(&error), "cannot accept a link");
                    tokio::time::sleep(socket::ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }

    fn start(self: &Arc<Self>, stream: TcpStream, from: SocketAddr, running: &Running) {
        if self.bans.is_banned(from.ip(), self.shared.clock.now()) {
            return;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!(%from, "turned away: {MAX_LINKS} links are open");
            return;
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let span = tracing::info_span!("link", id, %from);
        let (links, running) = (Arc::clone(self), running.clone());
        let work = async move {
            links.welcome(stream, from, running).await;
            drop(place);
        };
        // Sessions outlive the accept loop: they are given time to end.
        tokio::spawn(work.instrument(span));
    }

    /// Only a proof makes somebody known. Until then every failure counts against the address, but for a connection
    /// that breaks off: nothing was tried, and user agents are killed.
    async fn welcome(&self, stream: TcpStream, from: SocketAddr, running: Running) {
        if socket::keepalive(&stream).is_err() {
            return;
        }
        match self.acceptor.accept(stream).await {
            Ok((link, First::Session(hello))) => self.session(link, &hello, from, running).await,
            Ok((link, First::Data(hello))) => self.attach(link, &hello, from).await,
            Err(error) => {
                tracing::info!(%error, "the handshake of a link failed");
                if error.is_broken_off() {
                    return;
                }
                self.bans.record(from.ip(), self.shared.clock.now());
            }
        }
    }

    async fn session(&self, mut link: Link, hello: &Hello, from: SocketAddr, running: Running) {
        let today = Clock::today();
        match running.orders().tokens.accept(hello, link.exporter(), today) {
            Ok(token) => {
                let welcome = token.welcome(welcome(from, &token));
                let Ok(config) = self.config(&link, from, &token, today) else { return };
                if link.send(&welcome).await.is_ok() {
                    tracing::info!(token = token.name, "session");
                    let accepted = session::Accepted { link, token, config, running };
                    session::run(Arc::clone(&self.shared), accepted).await;
                }
            }
            Err(denial) => {
                tracing::warn!("denied: {denial}");
                self.bans.record(from.ip(), self.shared.clock.now());
                // If the other end has gone, the reason stands in the log only.
                let _ = link.send(&denial.answer()).await;
                link.close().await;
            }
        }
    }

    /// Hands the link of a tunnel to its session. Without a valid ticket there is no answer.
    async fn attach(&self, mut link: Link, hello: &DataHello, from: SocketAddr) {
        let claimed =
            self.shared.tickets.claim(&hello.id, |secret| accept_data(secret, hello, link.exporter()));
        let Some((accepted, holder)) = claimed else {
            tracing::warn!("denied: unknown or used ticket");
            self.bans.record(from.ip(), self.shared.clock.now());
            return;
        };
        if link.send(&accepted.data()).await.is_ok() {
            holder.attach(link).await;
        }
    }

    fn config(&self, link: &Link, from: SocketAddr, token: &Accepted, today: When) -> io::Result<Config> {
        Ok(Config {
            rules: self.rules.clone(),
            listen: self.addresses.clone(),
            peer: from.ip(),
            local: link.socket().local_addr()?.ip(),
            expires: token.expires.map(|at| self.moment_of(at, today)),
            limits: SESSION,
        })
    }

    /// The moment of a date that is not in the past.
    fn moment_of(&self, When(at): When, When(today): When) -> Moment {
        let seconds = u64::try_from(at.saturating_sub(today)).unwrap_or(0);
        self.shared.clock.now() + Duration::from_secs(seconds)
    }
}

fn welcome(from: SocketAddr, token: &Accepted) -> Welcome {
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    Welcome {
        version: token.version,
        build: Text::of(concat!("ftp-relay-agent ", env!("CARGO_PKG_VERSION"))),
        seen_as: from,
        ping_ms: millis(PING),
        dead_ms: millis(SESSION.dead),
        mac: [0; 32],
    }
}
