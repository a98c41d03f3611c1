//! The accept loop of a listener, and what a new link proves.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::copy::Pipes;
use ftp_io::link::{Acceptor, Link};
use ftp_io::os_error::words;
use ftp_io::socket::{self, Stream};
use ftp_proto::listing::When;
use ftp_proto::policy::Rules;
use ftp_proto::relay::agent::{Config, Input, Withdrawn};
use ftp_proto::relay::date::DateAt;
use ftp_proto::relay::link::{Accepted, DataHello, First, Hello, Welcome, accept_data};
use ftp_proto::relay::message::Text;
use ftp_proto::timer::Moment;
use tracing::Instrument;

use super::door::Listening;
use crate::at_hub::{Caller, Spot};
use crate::operate::audit::{Audit, Newcomer, Record, Refusal, Who};
use crate::operate::metrics::Now;
use crate::operate::{DENIALS, Running, Strangers};
use crate::policy::{Accounts, Delays, Door, Kind, Limits, Origin, PING, Place, Policy, SESSION};
use crate::session::{self, Holder, Lookups, OwnSockets, Shared, Tickets};

/// Accepts links: those of user agents become sessions, those of tunnels join their session.
#[derive(Debug)]
pub(super) struct Links {
    shared: Arc<Shared>,
    acceptor: Acceptor,
    /// The listeners of this agent, which are never a target.
    listeners: Vec<SocketAddr>,
    /// The addresses of its connections with servers.
    addresses: Vec<IpAddr>,
    door: Arc<Door>,
    delays: Delays,
    /// What strangers cause in the log.
    seldom: Strangers,
    /// The same of those who have proven nothing.
    denials: Strangers,
    /// The number of the next link.
    next: AtomicU64,
}

impl Links {
    /// No link yet. `listeners` are all of this agent, and `addresses` those of its connections with servers. With
    /// `caller` it has joined a hub.
    pub(super) fn new(
        acceptor: Acceptor,
        listeners: Vec<SocketAddr>,
        addresses: Vec<IpAddr>,
        limits: &Limits,
        caller: Option<Caller>,
        audit: Arc<Audit>,
    ) -> Self {
        let clock = Clock::start();
        let shared = Shared {
            clock,
            pipes: Pipes::default(),
            tickets: Tickets::default(),
            own: OwnSockets::default(),
            lookups: Lookups::new(clock),
            accounts: Accounts::new(clock),
            caller,
            audit,
            direct: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            acceptor,
            listeners,
            addresses,
            door: Door::new(limits),
            delays: Delays::default(),
            seldom: Strangers::new(1),
            denials: Strangers::new(DENIALS),
            next: AtomicU64::new(1),
        }
    }

    /// What the tokens use.
    pub(super) fn accounts(&self) -> &Accounts {
        &self.shared.accounts
    }

    /// The page of the metrics.
    pub(super) fn page(&self) -> String {
        let Shared { accounts, audit, .. } = &*self.shared;
        let now = Now {
            uses: accounts.uses(&KINDS),
            unproven: self.door.len(),
            agents: 0,
            audit_lines_lost: audit.lost(),
        };
        audit.metrics.text(&now)
    }

    /// Accepts connections until it is aborted.
    pub(super) async fn accept(self: Arc<Self>, door: Listening, running: Running) {
        loop {
            match door.accept().await {
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
        let work = Arc::clone(self).serve((stream, spot), link, place, running.clone());
        // Sessions outlive the accept loop: they are given time to end.
        tokio::spawn(work.instrument(span));
    }

    /// Serves a link. Until it has proven something it may have to make room for others.
    async fn serve(
        self: Arc<Self>,
        (stream, spot): (Stream, Option<Spot>),
        from: Newcomer,
        mut place: Place,
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
            Some(Proven::Session(accepted)) => {
                drop(spot);
                session::run(Arc::clone(&self.shared), accepted).await;
            }
            Some(Proven::Tunnel(link, holder)) => Box::pin(self.attach(*link, holder, spot)).await,
            None => {}
        }
    }

    /// Hands a link over to the session that expects it. If the link is from another agent, a direct connection is
    /// tried first.
    async fn attach(&self, link: Link, holder: Holder, spot: Option<Spot>) {
        let met = session::upgrade(&self.shared, Some(&self.acceptor), link, holder.secret(), spot).await;
        match met {
            Ok((link, direct)) => holder.attach(link, direct).await,
            Err(what) => {
                tracing::info!("another agent was lost: {what}");
                holder.lost(what).await;
            }
        }
    }

    /// Only a proof makes somebody known. A connection that breaks off before is no failed proof: nothing was
    /// tried, and user agents are killed.
    async fn prove(&self, stream: Stream, from: Newcomer, running: &Running) -> Option<Proven> {
        if stream.tcp().is_some_and(|stream| socket::keepalive(stream).is_err()) {
            return None;
        }
        match self.acceptor.accept(stream).await {
            Ok((link, First::Session(hello))) => self.session(link, &hello, from, running).await,
            Ok((link, First::Data(hello))) => self.tunnel(link, &hello, from).await,
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
        let (today, orders) = (Clock::today(), running.orders());
        match orders.tokens.accept(hello, link.exporter(), today) {
            Ok(token) => {
                let welcome = token.welcome(welcome(from.from.seen_as(), &token));
                let config = self.config(&link, from.from.ip(), &token, today).ok()?;
                link.send(&welcome).await.ok()?;
                self.admit((link, from.with(&token.name)), token, config, &orders.policy, running).await
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

    /// Begins the session of a token if the policy has a rule and a place for it; else it is told why not.
    async fn admit(
        &self,
        (link, who): (Link, Who),
        token: Accepted,
        config: Config,
        policy: &Policy,
        running: &Running,
    ) -> Option<Proven> {
        let now = self.shared.clock.now();
        let Some(terms) = policy.terms(&token.name) else {
            self.refused(&who, Refusal::Rule(Withdrawn::Rule), &Withdrawn::Rule);
            session::refuse(link, now, config, Input::Revoked(Withdrawn::Rule)).await;
            return None;
        };
        let (relay, data_ports) = (terms.allow.clone(), terms.data_ports.clone());
        let rules = Rules { relay, data_ports, ..config.rules };
        let config = Config { rules, limits: terms.session(), ..config };
        let standing = self.shared.accounts.standing(terms);
        match standing.take(Kind::Session) {
            Ok(place) => {
                let running = running.clone();
                let accepted = session::Accepted { link, token, config, who, running, standing, place };
                Some(Proven::Session(Box::new(accepted)))
            }
            Err(full) => {
                self.refused(&who, Refusal::Full(&full), &full);
                session::refuse(link, now, config, Input::Full).await;
                None
            }
        }
    }

    /// Finds the session of a tunnel's link. Without a valid ticket there is no answer.
    async fn tunnel(&self, mut link: Link, hello: &DataHello, from: Newcomer) -> Option<Proven> {
        let claimed =
            self.shared.tickets.claim(&hello.id, |secret| accept_data(secret, hello, link.exporter()));
        let Some((accepted, holder)) = claimed else {
            self.denied(from, "unknown or used ticket");
            self.delay(from.from).await;
            return None;
        };
        link.send(&accepted.data()).await.ok()?;
        Some(Proven::Tunnel(Box::new(link), holder))
    }

    /// Whether a stranger has a line in the log now, and how many had none before.
    fn line(&self, stranger: Newcomer) -> Option<u64> {
        self.seldom.due(stranger.from.neighbours(), self.shared.clock.now())
    }

    /// Tells why a link was refused, if its address has a line left for that.
    fn denied(&self, from: Newcomer, reason: &str) {
        let due = self.denials.due(from.from.neighbours(), self.shared.clock.now());
        self.shared.audit.denied(&from.unknown(), reason, due);
    }

    /// Tells why a token has no session, if it has a line left for that.
    fn refused(&self, who: &Who, refusal: Refusal<'_>, why: &dyn fmt::Display) {
        let record = Record::SessionRefused(refusal);
        self.shared.audit.refused(who, &record, self.shared.clock.now(), |untold| {
            tracing::warn!(token = who.token, untold, "refused: {why}");
        });
    }

    /// Waits before a refusal is told, so that guesses are slow. The link keeps its place meanwhile.
    async fn delay(&self, from: Origin) {
        let now = self.shared.clock.now();
        tokio::time::sleep(self.delays.failed(from.neighbours(), now)).await;
    }

    /// The configuration of a session that may not reach anything yet.
    fn config(&self, link: &Link, peer: IpAddr, token: &Accepted, today: When) -> io::Result<Config> {
        Ok(Config {
            rules: Rules { own_listeners: self.listeners.clone(), ..Rules::default() },
            listen: self.addresses.clone(),
            peer,
            local: link.socket().local_ip()?,
            date: Some(DateAt { moment: self.shared.clock.now(), date: today }),
            expires: token.expires.map(|at| self.moment_of(at, today)),
            meets: self.shared.caller.is_some(),
            limits: SESSION,
        })
    }

    /// The moment of a date that is not in the past.
    fn moment_of(&self, When(at): When, When(today): When) -> Moment {
        let seconds = u64::try_from(at.saturating_sub(today)).unwrap_or(0);
        self.shared.clock.now() + Duration::from_secs(seconds)
    }
}

/// What a link has proven to be.
enum Proven {
    /// That of a user agent that holds a token.
    Session(Box<session::Accepted>),
    /// That of a tunnel, with its session.
    Tunnel(Box<Link>, Holder),
}

/// What a relay counts.
const KINDS: [Kind; 3] = [Kind::Session, Kind::Tunnel, Kind::Join];

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
