//! What stands behind a listener: a relay, or a hub.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::link::{Acceptor, HANDSHAKE, Link};
use ftp_io::os_error::words;
use ftp_io::socket::{self, Congestion};
use ftp_proto::listing::When;
use ftp_proto::policy::{Allowed, OwnHost, Rules};
use ftp_proto::relay::agent::{Config, Input, Withdrawn};
use ftp_proto::relay::date::DateAt;
use ftp_proto::relay::hub;
use ftp_proto::relay::link::{Accepted, DataHello, Exporter, accept_data};
use ftp_proto::timer::Moment;
use tokio::time::timeout;

use crate::at_hub::{Caller, Spot};
use crate::hub::{Admitted, CallEnd, Exchange};
use crate::operate::audit::{Audit, LinkOwner, Newcomer};
use crate::operate::metrics::Now;
use crate::operate::{Orders, Running};
use crate::policy::{Accounts, Kind, Origin, SESSION};
use crate::session::{self, Holder, Shared};

/// What stands behind a listener.
#[derive(Clone, Debug)]
pub(super) enum Service {
    /// User agents have it connect to servers.
    Relay(Arc<Relay>),
    /// Agents that can only connect out join it, and user agents call them.
    Hub(Arc<Exchange>),
}

/// A relay, and what its sessions share.
#[derive(Debug)]
pub(super) struct Relay {
    shared: Arc<Shared>,
    /// The listeners of this agent, which are never a target.
    listeners: Vec<SocketAddr>,
    /// The addresses of its connections with servers.
    addresses: Vec<IpAddr>,
}

/// A session that may begin.
pub(super) enum Session {
    /// With the relay.
    Relay(Arc<Shared>, Box<session::Accepted>),
    /// With the hub.
    Hub(Arc<Exchange>, Box<Link>, Box<Admitted>),
}

/// What a ticket is for.
pub(super) enum Data {
    /// A tunnel of a session with the relay.
    Tunnel(Arc<Shared>, Holder),
    /// One end of a call at the hub.
    Call(Arc<Exchange>, CallEnd),
}

impl Relay {
    /// `listeners` are all of this agent, and `addresses` those of its connections with servers. With `caller` it has joined
    /// a hub.
    pub(super) fn new(
        listeners: Vec<SocketAddr>,
        addresses: Vec<IpAddr>,
        caller: Option<Caller>,
        audit: Arc<Audit>,
        congestion: Option<Congestion>,
    ) -> Self {
        let shared = Arc::new(Shared::new(audit, caller, congestion));
        Self { shared, listeners, addresses }
    }

    /// Begins the session of a token if the policy has a rule and a place for it; else it is told why not.
    async fn admit(
        &self,
        link: Link,
        token: Accepted,
        who: LinkOwner,
        orders: &Orders,
        running: &Running,
    ) -> Option<Box<session::Accepted>> {
        let now = self.shared.clock.now();
        let config = self.config(&link, &token, who.from?.ip())?;
        let Some(terms) = orders.policy.terms(&token.name) else {
            self.shared.audit.session_refused(&who, &Withdrawn::Rule.into(), now);
            session::refuse(link, now, config, Input::Revoked(Withdrawn::Rule)).await;
            return None;
        };
        let (relay, data_ports) = (terms.allow.clone(), terms.data_ports.clone());
        let own_host = self.shared.caller.as_ref().and_then(Caller::seen_as).map(|seen_as| OwnHost {
            seen_as,
            addresses: relay.iter().filter_map(Allowed::address).filter(|ip| socket::is_own(*ip)).collect(),
        });
        let rules = Rules { relay, data_ports, own_host, ..config.rules };
        let config = Config { rules, limits: terms.session(), ..config };
        let standing = self.shared.accounts.standing(terms);
        match standing.take(Kind::Session) {
            Ok(place) => {
                let running = running.clone();
                Some(Box::new(session::Accepted { link, token, config, who, running, standing, place }))
            }
            Err(full) => {
                self.shared.audit.session_refused(&who, &full.into(), now);
                session::refuse(link, now, config, Input::Full).await;
                None
            }
        }
    }

    /// The configuration of a session that may not reach anything yet; `None` if its other end has gone.
    fn config(&self, link: &Link, token: &Accepted, peer: IpAddr) -> Option<Config> {
        let clock = self.shared.clock;
        Some(Config {
            rules: Rules { own_listeners: self.listeners.clone(), ..Rules::default() },
            listen: self.addresses.clone(),
            peer,
            local: link.socket().local_ip().ok()?,
            date: Some(DateAt { moment: clock.now(), date: Clock::today() }),
            expires: expiry(token, clock),
            meets: self.shared.caller.is_some(),
            limits: SESSION,
        })
    }
}

impl Service {
    /// The clock of all its machines and delays.
    pub(super) fn clock(&self) -> Clock {
        match self {
            Self::Relay(relay) => relay.shared.clock,
            Self::Hub(exchange) => exchange.clock,
        }
    }

    /// Takes records of what happens.
    pub(super) fn audit(&self) -> &Audit {
        match self {
            Self::Relay(relay) => &relay.shared.audit,
            Self::Hub(exchange) => &exchange.audit,
        }
    }

    /// What the tokens use.
    pub(super) fn accounts(&self) -> &Accounts {
        match self {
            Self::Relay(relay) => &relay.shared.accounts,
            Self::Hub(exchange) => &exchange.accounts,
        }
    }

    /// How long a session may be silent.
    pub(super) const fn dead(&self) -> Duration {
        match self {
            Self::Relay(_) => SESSION.dead,
            Self::Hub(_) => hub::Limits::USUAL.dead,
        }
    }

    /// What the page of the metrics tells; so many links have proven nothing yet.
    pub(super) fn now(&self, unproven: usize) -> Now {
        let (kinds, agents): (&[Kind], usize) = match self {
            Self::Relay(_) => (&[Kind::Session, Kind::Tunnel, Kind::Join], 0),
            Self::Hub(exchange) => (&[Kind::Session, Kind::Call], exchange.agents()),
        };
        Now { uses: self.accounts().uses(kinds), unproven, agents, audit_lines_lost: self.audit().lost() }
    }

    /// Admits the holder of a token, or tells it why it may not come.
    pub(super) async fn admit(
        &self,
        mut link: Link,
        token: Accepted,
        from: Newcomer,
        orders: &Orders,
        running: &Running,
    ) -> Option<Session> {
        let who = from.with(&token.name);
        match self {
            Self::Relay(relay) => {
                let accepted = relay.admit(link, token, who, orders, running).await?;
                Some(Session::Relay(Arc::clone(&relay.shared), accepted))
            }
            Self::Hub(exchange) => match exchange.admit(who, token, orders) {
                Ok(admitted) => Some(Session::Hub(Arc::clone(exchange), Box::new(link), Box::new(admitted))),
                Err(frame) => {
                    if let Some(frame) = frame {
                        // It may have gone already.
                        drop(link.send(&frame).await);
                    }
                    link.close().await;
                    None
                }
            },
        }
    }

    /// What a ticket is for. Only a right proof uses it up.
    pub(super) fn claim(&self, hello: &DataHello, exporter: &Exporter) -> Option<(Accepted, Data)> {
        let judge = |secret: &_| accept_data(secret, hello, exporter);
        match self {
            Self::Relay(relay) => {
                let (accepted, holder) = relay.shared.tickets.claim(&hello.id, judge)?;
                Some((accepted, Data::Tunnel(Arc::clone(&relay.shared), holder)))
            }
            Self::Hub(exchange) => {
                let (accepted, end) = exchange.claim(&hello.id, judge)?;
                Some((accepted, Data::Call(Arc::clone(exchange), end)))
            }
        }
    }
}

impl Session {
    /// Runs it until nothing of it is left.
    pub(super) async fn run(self, running: &Running) {
        match self {
            Self::Relay(shared, accepted) => session::run(shared, accepted).await,
            Self::Hub(exchange, link, admitted) => {
                let expires = expiry(&admitted.token, exchange.clock);
                exchange.run(*link, *admitted, expires, || running.orders()).await;
            }
        }
    }
}

impl Data {
    /// Hands the link over to whom it is for. If it is from another agent, a direct connection is tried first.
    ///
    /// # Errors
    /// Why the end of a call has failed.
    pub(super) async fn take(
        self,
        link: Link,
        acceptor: &Acceptor,
        from: Origin,
        spot: Option<Spot>,
    ) -> Result<(), String> {
        match self {
            Self::Tunnel(shared, holder) => {
                match session::upgrade(&shared, Some(acceptor), link, holder.secret(), spot).await {
                    Ok((link, direct)) => holder.attach(link, direct).await,
                    Err(what) => {
                        tracing::info!("another agent was lost: {what}");
                        holder.lost(what).await;
                    }
                }
            }
            Self::Call(exchange, end) => {
                let stream = timeout(HANDSHAKE, link.into_clear()).await;
                let stream = stream.map_err(|_| "it did not end TLS".to_owned())?;
                let stream = stream.map_err(|error| words(&error).to_string())?;
                exchange.attach(end, stream, from.seen_as());
            }
        }
        Ok(())
    }
}

/// When a token expires that has not expired yet; `None` if it never does.
fn expiry(token: &Accepted, clock: Clock) -> Option<Moment> {
    let When(at) = token.expires?;
    let When(today) = Clock::today();
    Some(clock.now() + Duration::from_secs(u64::try_from(at.saturating_sub(today)).unwrap_or(0)))
}
