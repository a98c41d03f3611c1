//! The accept loop of a hub, and what a new link proves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::link::{Acceptor, HANDSHAKE, Link};
use ftp_io::os_error::words;
use ftp_io::socket::{self, Listener};
use ftp_proto::address::Group;
use ftp_proto::listing::When;
use ftp_proto::relay::hub::{CallId, End, Limits};
use ftp_proto::relay::link::{Accepted, DataHello, First, Hello, Welcome, accept_data};
use ftp_proto::relay::message::Text;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::Instrument;

use super::exchange::{Admitted, Exchange};
use super::session;
use crate::operate::audit::Newcomer;
use crate::operate::{Running, Strangers, metrics};
use crate::policy::{Delays, Door, Origin, PING, Place};

/// Accepts links: those with a token become sessions, those with a ticket streams.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) exchange: Arc<Exchange>,
    pub(super) acceptor: Acceptor,
    pub(super) door: Arc<Door>,
    pub(super) delays: Delays,
    /// What strangers cause in the log.
    pub(super) seldom: Strangers,
    /// The same of those who have proven nothing.
    pub(super) denials: Strangers,
    /// The number of the last link.
    pub(super) last: AtomicU64,
}

/// What a link has proven to be.
enum Proven {
    Session(Box<Link>, Box<Admitted>),
    Stream(Box<Link>, CallId, End),
}

impl Links {
    /// The page of the metrics.
    pub(super) fn page(&self) -> String {
        let now: metrics::Now = self.exchange.now(self.door.len());
        self.exchange.audit.metrics.text(&now)
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
        let Some(place) = self.door.enter(Group::of(from.ip())) else { return };
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        let span = tracing::info_span!("link", id, %from);
        let who = Newcomer { id, from: Origin::Address(from) };
        let work = Arc::clone(self).serve(stream, who, place, running.clone());
        // Sessions outlive the accept loop: they are told to end.
        tokio::spawn(work.instrument(span));
    }

    /// Serves a link. Until it has proven something it may have to make room for others.
    async fn serve(self: Arc<Self>, stream: TcpStream, from: Newcomer, mut place: Place, running: Running) {
        let proven = tokio::select! {
            biased;
            () = place.displaced() => {
                if let Some(untold) = self.line(from) {
                    tracing::info!(untold, "closed before its proof: too many links wait for one");
                }
                return;
            }
            proven = self.prove(stream, from, &running) => proven,
        };
        drop(place);
        match proven {
            Some(Proven::Session(link, admitted)) => {
                let now = self.exchange.clock.now();
                let expires = admitted.token.expires.map(|When(at)| {
                    let When(today) = Clock::today();
                    now + Duration::from_secs(u64::try_from(at.saturating_sub(today)).unwrap_or(0))
                });
                let (exchange, orders) = (Arc::clone(&self.exchange), || running.orders());
                session::run(exchange, *link, *admitted, expires, orders).await;
            }
            Some(Proven::Stream(link, call, end)) => match timeout(HANDSHAKE, link.into_clear()).await {
                Ok(Ok(stream)) => self.exchange.attach(call, end, stream, from.from.seen_as()),
                failed => {
                    if let Some(untold) = self.line(from) {
                        let error = failed.map_or_else(
                            |_| "it did not end TLS".to_owned(),
                            |failed| failed.err().map(|error| words(&error).to_string()).unwrap_or_default(),
                        );
                        tracing::info!(error, untold, "an end of a call has failed");
                    }
                }
            },
            None => {}
        }
        drop(running);
    }

    async fn prove(&self, stream: TcpStream, from: Newcomer, running: &Running) -> Option<Proven> {
        if socket::keepalive(&stream).is_err() {
            return None;
        }
        match self.acceptor.accept(stream).await {
            Ok((link, First::Session(hello))) => self.session(link, &hello, from, running).await,
            Ok((link, First::Data(hello))) => self.stream(link, &hello, from).await,
            Err(error) => {
                if let Some(untold) = self.line(from) {
                    tracing::info!(%error, untold, "the handshake of a link failed");
                }
                None
            }
        }
    }

    async fn session(
        &self,
        mut link: Link,
        hello: &Hello,
        from: Newcomer,
        running: &Running,
    ) -> Option<Proven> {
        let orders = running.orders();
        match orders.tokens.accept(hello, link.exporter(), Clock::today()) {
            Ok(token) => {
                link.send(&token.welcome(welcome(from.from.seen_as(), &token))).await.ok()?;
                match self.exchange.admit(from.with(&token.name), token, &orders) {
                    Ok(admitted) => Some(Proven::Session(Box::new(link), Box::new(admitted))),
                    Err(refusal) => {
                        let (who, refused) = *refusal;
                        let now = self.exchange.clock.now();
                        self.exchange.audit.refused(&who, &refused.record(), now, |untold| {
                            tracing::warn!(token = who.token, untold, "refused: {refused}");
                        });
                        if let Some(frame) = refused.frame(now) {
                            // It may have gone already.
                            drop(link.send(&frame).await);
                        }
                        link.close().await;
                        None
                    }
                }
            }
            Err(denial) => {
                self.denied(from, &denial.to_string());
                self.delay(from.from).await;
                // If the other end has gone, the reason stands in the log only.
                let _ = link.send(&denial.answer()).await;
                link.close().await;
                None
            }
        }
    }

    /// Finds the call of a stream. Without a valid ticket there is no answer.
    async fn stream(&self, mut link: Link, hello: &DataHello, from: Newcomer) -> Option<Proven> {
        let claimed = self.exchange.claim(&hello.id, |secret| accept_data(secret, hello, link.exporter()));
        let Some((accepted, call, end)) = claimed else {
            self.denied(from, "unknown or used ticket");
            self.delay(from.from).await;
            return None;
        };
        link.send(&accepted.data()).await.ok()?;
        Some(Proven::Stream(Box::new(link), call, end))
    }

    /// Whether a stranger has a line in the log now, and how many had none before.
    fn line(&self, stranger: Newcomer) -> Option<u64> {
        self.seldom.due(stranger.from.neighbours(), self.exchange.clock.now())
    }

    /// Tells why a link was refused, if its address has a line left for that.
    fn denied(&self, from: Newcomer, reason: &str) {
        let due = self.denials.due(from.from.neighbours(), self.exchange.clock.now());
        self.exchange.audit.denied(&from.unknown(), reason, due);
    }

    /// Waits before a refusal is told, so that guesses are slow. The link keeps its place meanwhile.
    async fn delay(&self, from: Origin) {
        let now = self.exchange.clock.now();
        tokio::time::sleep(self.delays.failed(from.neighbours(), now)).await;
    }
}

fn welcome(from: SocketAddr, token: &Accepted) -> Welcome {
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    Welcome {
        version: token.version,
        build: Text::of(concat!("ftp-relay-agent ", env!("CARGO_PKG_VERSION"))),
        seen_as: from,
        ping_ms: millis(PING),
        dead_ms: millis(Limits::USUAL.dead),
        mac: [0; 32],
    }
}
