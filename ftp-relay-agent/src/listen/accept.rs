//! The accept loop of a listener, and what a new link proves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::crowd::{Crowd, CrowdPlace};
use ftp_io::link::{Acceptor, Link};
use ftp_io::os_error::words;
use ftp_io::socket::{self, Stream};
use ftp_proto::relay::link::{Accepted, DataHello, First, Hello, Welcome};
use ftp_proto::relay::message::Text;
use tracing::Instrument;

use super::LinkListener;
use super::service::{Data, Service, Session};
use crate::at_hub::Spot;
use crate::operate::audit::Newcomer;
use crate::operate::{DENIALS, Running, Strangers};
use crate::policy::{Delays, Limits, Neighbours, Origin, PING};

/// Accepts links: those with a token become sessions, those with a ticket carry data.
#[derive(Debug)]
pub(super) struct Links {
    service: Service,
    acceptor: Acceptor,
    door: Arc<Crowd<Neighbours>>,
    delays: Delays,
    /// What strangers cause in the log.
    seldom: Strangers,
    /// The same of those who have proven nothing.
    denials: Strangers,
    /// The number of the next link.
    next: AtomicU64,
}

/// What a link has proven to be.
enum Proven {
    /// That of a user agent or an agent that holds a token.
    Session(Session),
    /// One that carries data, for the session whose ticket it has shown.
    Data(Box<Link>, Data),
}

impl Links {
    /// No link yet.
    pub(super) fn new(service: Service, acceptor: Acceptor) -> Self {
        Self {
            service,
            acceptor,
            door: Limits::USUAL.door(),
            delays: Delays::default(),
            seldom: Strangers::new(1),
            denials: Strangers::new(DENIALS),
            next: AtomicU64::new(1),
        }
    }

    /// The page of the metrics.
    pub(super) fn page(&self) -> String {
        self.service.audit().metrics.text(&self.service.now(self.door.len()))
    }

    /// Accepts connections until it is aborted.
    pub(super) async fn accept(self: Arc<Self>, listener: LinkListener, running: Running) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => self.start(stream, from, None, &running),
                Err(error) => {
                    tracing::warn!(error = words(&error), "cannot accept a link");
                    tokio::time::sleep(socket::ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }

    /// Serves a connection that has come. `spot` is the reserved port of a connection from a hub, if there is one.
    pub(super) fn start(
        self: &Arc<Self>,
        stream: Stream,
        from: Origin,
        spot: Option<Spot>,
        running: &Running,
    ) {
        let Some(place) = self.door.enter(from.neighbours()) else { return };
        let link = Newcomer { id: self.next.fetch_add(1, Ordering::Relaxed), from };
        let span = tracing::info_span!("link", id = link.id, %from);
        let work = Arc::clone(self).serve(stream, spot, link, place, running.clone());
        // Sessions outlive the accept loop: they are given time to end.
        tokio::spawn(work.instrument(span));
    }

    /// Serves a link. Until it has proven something it may have to make room for others.
    async fn serve(
        self: Arc<Self>,
        stream: Stream,
        spot: Option<Spot>,
        from: Newcomer,
        mut place: CrowdPlace<Neighbours>,
        running: Running,
    ) {
        let proven = tokio::select! {
            biased;
            () = place.displaced() => {
                if let Some(untold) = self.line(from) {
                    tracing::info!(untold, "closed before its proof: too many links wait for one");
                }
                return;
            }
            // A session lives long, and needs nothing of this any more.
            proven = Box::pin(self.prove(stream, from, &running)) => proven,
        };
        drop(place);
        match proven {
            Some(Proven::Session(session)) => {
                drop(spot);
                session.run(&running).await;
            }
            Some(Proven::Data(link, data)) => {
                let carried = data.take(*link, &self.acceptor, from.from, spot);
                if let Err(error) = Box::pin(carried).await
                    && let Some(untold) = self.line(from)
                {
                    tracing::info!(error, untold, "an end of a call has failed");
                }
            }
            None => {}
        }
        // The program waits for those who run.
        drop(running);
    }

    /// Only a proof makes somebody known. A connection that breaks off before is no failed proof: nothing was
    /// tried, and user agents are killed.
    async fn prove(&self, stream: Stream, from: Newcomer, running: &Running) -> Option<Proven> {
        if socket::keepalive(&stream).is_err() {
            return None;
        }
        match self.acceptor.accept(stream).await {
            Ok((link, First::Session(hello))) => self.session(link, &hello, from, running).await,
            Ok((link, First::Data(hello))) => self.data(link, &hello, from).await,
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
                link.send(&token.welcome(self.welcome(from.from.seen_as(), &token))).await.ok()?;
                self.service.admit(link, token, from, &orders, running).await.map(Proven::Session)
            }
            Err(denial) => {
                self.denied(from, &denial.to_string()).await;
                // If the other end has gone, the reason stands in the log only.
                let _ = link.send(&denial.answer()).await;
                link.close().await;
                None
            }
        }
    }

    /// Finds the session of a link that carries data. Without a valid ticket there is no answer.
    async fn data(&self, mut link: Link, hello: &DataHello, from: Newcomer) -> Option<Proven> {
        let Some((accepted, data)) = self.service.claim(hello, link.exporter()) else {
            self.denied(from, "unknown or used ticket").await;
            return None;
        };
        link.send(&accepted.data()).await.ok()?;
        Some(Proven::Data(Box::new(link), data))
    }

    /// Whether a stranger has a line in the log now, and how many had none before.
    fn line(&self, stranger: Newcomer) -> Option<u64> {
        self.seldom.due(stranger.from.neighbours(), self.service.clock().now())
    }

    /// Tells why a link was refused, if its address has a line left for that. Then it waits, so that guesses are slow. The
    /// link keeps its place meanwhile.
    async fn denied(&self, from: Newcomer, reason: &str) {
        let neighbours = from.from.neighbours();
        let due = self.denials.due(neighbours, self.service.clock().now());
        self.service.audit().denied(&from.unknown(), reason, due);
        tokio::time::sleep(self.delays.failed(neighbours, self.service.clock().now())).await;
    }

    fn welcome(&self, from: SocketAddr, token: &Accepted) -> Welcome {
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        Welcome {
            version: token.version,
            build: Text::of(concat!("ftp-relay-agent ", env!("CARGO_PKG_VERSION"))),
            seen_as: from,
            ping_ms: millis(PING),
            dead_ms: millis(self.service.dead()),
            mac: [0; 32],
        }
    }
}
