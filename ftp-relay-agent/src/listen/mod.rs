//! Who has come: TLS, the proof of the token or of a ticket, and who is turned away.

mod expected;
mod failures;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use ftp_io::clock::Clock;
use ftp_io::copy::Pipes;
use ftp_io::link::{Acceptor, Link};
use ftp_io::socket::{self, Listener};
use ftp_proto::listing::When;
use ftp_proto::policy::Rules;
use ftp_proto::relay::agent::{Config, Limits};
use ftp_proto::relay::link::{Accepted, DataHello, First, Hello, Keyring, Welcome, accept_data};
use ftp_proto::relay::message::Text;
use ftp_proto::relay::token::Token;
use ftp_proto::timer::Moment;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::cli::run::Options;
use crate::session::{self, Guest};
pub use expected::{Expectation, Expected, Waiting};
use failures::Failures;

/// What all sessions of a relay use.
#[derive(Debug)]
pub struct Shared {
    /// The clock.
    pub clock: Clock,
    /// Pipes of all joins.
    pub pipes: Pipes,
    /// Links that tunnels wait for.
    pub expected: Expected,
    acceptor: Acceptor,
    rules: Rules,
    listen: Vec<IpAddr>,
    failures: Failures,
    places: Arc<Semaphore>,
    next: AtomicU64,
}

/// What reaches every session.
#[derive(Clone, Debug)]
pub struct News {
    /// The tokens of now.
    pub tokens: Arc<Keyring>,
    /// The relay stops.
    pub stopping: bool,
}

/// The running relay.
#[derive(Debug)]
pub struct Relay {
    places: Vec<SocketAddr>,
    news: watch::Sender<News>,
    doors: JoinSet<()>,
    /// Ends with the last session.
    alive: mpsc::Receiver<()>,
}

impl Relay {
    /// Opens the listeners and serves.
    pub fn start(options: &Options, tokens: Vec<Token>) -> Result<Self, anyhow::Error> {
        let mut listeners = Vec::new();
        for at in &options.listen {
            let listener = socket::listen(*at).with_context(|| format!("cannot listen on {at}"))?;
            let place = listener.local().with_context(|| format!("cannot listen on {at}"))?;
            listeners.push((listener, place));
        }
        let places: Vec<SocketAddr> = listeners.iter().map(|(_, place)| *place).collect();
        let own_listeners = places.clone();
        let shared = Arc::new(Shared {
            clock: Clock::start(),
            pipes: Pipes::default(),
            expected: Expected::default(),
            acceptor: Acceptor::new().context("cannot make a key for TLS")?,
            rules: Rules { relay: options.allow.clone(), own_listeners, ..Rules::default() },
            listen: places.iter().map(SocketAddr::ip).collect(),
            failures: Failures::default(),
            places: Arc::new(Semaphore::new(MOST_LINKS)),
            next: AtomicU64::new(1),
        });
        let (news, listening) =
            watch::channel(News { tokens: Arc::new(Keyring::new(tokens)), stopping: false });
        let (living, alive) = mpsc::channel(1);
        let mut doors = JoinSet::new();
        for (listener, _) in listeners {
            doors.spawn(Arc::clone(&shared).door(listener, listening.clone(), living.clone()));
        }
        Ok(Self { places, news, doors, alive })
    }

    /// Where it listens.
    pub fn places(&self) -> &[SocketAddr] {
        &self.places
    }

    /// Other tokens: sessions of those that are gone end at once.
    pub fn renew(&self, tokens: Vec<Token>) {
        tracing::info!(tokens = tokens.len(), "the tokens were read again");
        self.news.send_modify(|news| news.tokens = Arc::new(Keyring::new(tokens)));
    }

    /// Nothing new; what flows may end within `grace`.
    pub async fn drain(mut self, grace: Duration) {
        tracing::info!("stopping: what flows may end");
        self.doors.shutdown().await;
        self.news.send_modify(|news| news.stopping = true);
        // Late ones are reset when the scheduler stops.
        let _ = tokio::time::timeout(grace, self.alive.recv()).await;
    }
}

impl Shared {
    async fn door(
        self: Arc<Self>,
        listener: Listener,
        news: watch::Receiver<News>,
        living: mpsc::Sender<()>,
    ) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    if self.failures.is_barred(from.ip(), self.clock.now()) {
                        continue;
                    }
                    let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                        tracing::warn!(%from, "turned away: {MOST_LINKS} links are open");
                        continue;
                    };
                    let id = self.next.fetch_add(1, Ordering::Relaxed);
                    let (shared, news, living) = (Arc::clone(&self), news.clone(), living.clone());
                    let span = tracing::info_span!("link", id, %from);
                    let work = async move {
                        shared.welcome(stream, from, news).await;
                        drop((place, living));
                    };
                    // Sessions outlive the door: they are given time to end.
                    tokio::spawn(work.instrument(span));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn welcome(self: Arc<Self>, stream: TcpStream, from: SocketAddr, news: watch::Receiver<News>) {
        // Only the proof makes somebody known; until then every failure counts against the address.
        if socket::keepalive(&stream).is_err() {
            return;
        }
        match self.acceptor.accept(stream).await {
            Ok((link, First::Session(hello))) => self.session(link, &hello, from, news).await,
            Ok((link, First::Data(hello))) => self.attach(link, &hello, from).await,
            Err(error) => {
                tracing::info!(%error, "no link");
                self.failures.note(from.ip(), self.clock.now());
            }
        }
    }

    async fn session(
        self: Arc<Self>,
        mut link: Link,
        hello: &Hello,
        from: SocketAddr,
        news: watch::Receiver<News>,
    ) {
        let tokens = Arc::clone(&news.borrow().tokens);
        let today = Clock::today();
        match tokens.accept(hello, link.exporter(), today) {
            Ok(accepted) => {
                let welcome = accepted.welcome(welcome(from, &accepted));
                let Ok(config) = self.config(&link, from, &accepted, today) else { return };
                if link.send(&welcome).await.is_ok() {
                    tracing::info!(token = accepted.name, "session");
                    session::run(Arc::clone(&self), Guest { link, accepted, config, news }).await;
                }
            }
            Err(denial) => {
                tracing::warn!("denied: {denial}");
                self.failures.note(from.ip(), self.clock.now());
                // It may have gone: the reason stands in the log.
                let _ = link.send(&denial.answer()).await;
                link.close().await;
            }
        }
    }

    /// A tunnel's link. Whoever has no ticket that is waited for hears nothing.
    async fn attach(&self, mut link: Link, hello: &DataHello, from: SocketAddr) {
        let accepted = self.expected.claim(&hello.id, |secret| accept_data(secret, hello, link.exporter()));
        let Some((accepted, waiting)) = accepted else {
            tracing::warn!("denied: a ticket that is not, or no longer, good");
            self.failures.note(from.ip(), self.clock.now());
            return;
        };
        if link.send(&accepted.data()).await.is_ok() {
            waiting.attach(link).await;
        }
    }

    fn config(&self, link: &Link, from: SocketAddr, accepted: &Accepted, today: When) -> io::Result<Config> {
        Ok(Config {
            rules: self.rules.clone(),
            listen: self.listen.clone(),
            peer: from.ip(),
            local: link.socket().local_addr()?.ip(),
            expires: accepted.expires.map(|at| self.moment_of(at, today)),
            limits: LIMITS,
        })
    }

    fn moment_of(&self, When(at): When, When(today): When) -> Moment {
        let seconds = u64::try_from(at.saturating_sub(today)).unwrap_or(0);
        self.clock.now() + Duration::from_secs(seconds)
    }
}

fn welcome(from: SocketAddr, accepted: &Accepted) -> Welcome {
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    Welcome {
        version: accepted.version,
        build: Text::of(concat!("ftp-relay-agent ", env!("CARGO_PKG_VERSION"))),
        seen_as: from,
        ping_ms: millis(PING),
        dead_ms: millis(LIMITS.dead),
        mac: [0; 32],
    }
}

/// The limits of every session.
const LIMITS: Limits = Limits::USUAL;
/// How often a user agent says that it is there.
const PING: Duration = Duration::from_secs(20);
/// Sessions and tunnels together, handshakes included.
const MOST_LINKS: usize = 1_024;
/// Out of descriptors: some will be closed.
const PAUSE: Duration = Duration::from_millis(100);
