//! What the tokens use now: how many sessions, tunnels and joins, how many bytes, and at what rate. Each level of the
//! policy has an account; what a token uses is charged to its own account and to all above it.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::copy::{Digests, Join, Meter, Meters, Pipes};
use ftp_io::limiter::{Limiter, SharedRate, Volume};
use ftp_io::lock::Lock;
use ftp_proto::timer::{Bucket, Moment, Window};

use super::limits::{Descriptors, Kind};
use super::rules::{Level, Policy, Shared, Terms};

/// The accounts of all levels. Clones are the same.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<All>);

#[derive(Debug)]
struct All {
    clock: Clock,
    descriptors: Descriptors,
    accounts: Mutex<HashMap<Level, Arc<Account>>>,
    /// The number of the next account or flow.
    next: AtomicU64,
}

/// What one level has used.
#[derive(Debug)]
struct Account {
    level: Level,
    /// How it is called among those that share a rate.
    number: u64,
    rate: SharedRate,
    daily: Volume,
    messages: Mutex<Bucket>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    shared: Shared,
    sessions: usize,
    tunnels: usize,
    joins: usize,
    calls: usize,
    starts: Window,
    /// Data ports at which no server listened.
    closed_ports: Window,
    /// Connections to data ports that are under way.
    dialling: usize,
}

/// The accounts of one token, from its own to that of the whole relay.
#[derive(Clone, Debug)]
pub struct Standing {
    all: Accounts,
    accounts: Vec<Arc<Account>>,
    terms: Arc<Terms>,
}

/// One session, tunnel or join. Dropping it gives it back.
#[derive(Debug)]
#[must_use]
pub struct Share {
    kind: Kind,
    held: Vec<Arc<Account>>,
}

/// How far the limits of the whole relay are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Use {
    /// What is counted.
    pub kind: Kind,
    /// How many there are.
    pub used: usize,
    /// How many there may be.
    pub bound: usize,
}

/// Why there is none left.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Full {
    /// A level has all that it may have at the same time.
    #[error("{level} has all {bound} {kind} that it may have")]
    Count {
        /// Who has them.
        level: Level,
        /// What is counted.
        kind: Kind,
        /// How many there may be.
        bound: usize,
    },
    /// A level has begun all that it may begin within a minute.
    #[error("{0} has begun all {1} that it may begin within a minute")]
    Starts(Level, u64),
    /// A token has tried too many data ports at which no server listens.
    #[error("{0} has tried {CLOSED_PORTS} data ports within a minute at which no server listened")]
    ClosedPorts(Level),
    /// A token connects to too many data ports at the same time.
    #[error("{0} connects to {1} data ports already, which have not answered")]
    Dialling(Level, usize),
    /// A level has moved all that it may move within a day.
    #[error("{0} has moved all bytes that it may move within a day")]
    Daily(Level),
    /// There are few descriptors, and this token holds so many of them.
    #[error("this host has few descriptors left, which are for others: this token holds up to {0}")]
    Descriptors(usize),
}

impl Full {
    /// The limit that was reached, as the policy file calls it.
    pub const fn limit(&self) -> &'static str {
        match self {
            Self::Count { kind, .. } => kind.name(),
            Self::Starts(..) => "starts-per-minute",
            Self::ClosedPorts(_) => "closed-ports-per-minute",
            Self::Dialling(..) => "connections-under-way",
            Self::Daily(_) => "bytes-per-day",
            Self::Descriptors(_) => "descriptors",
        }
    }
}

impl Accounts {
    /// No account yet.
    pub fn new(clock: Clock) -> Self {
        Self::with(clock, Descriptors::of_process())
    }

    /// The same with these descriptors.
    fn with(clock: Clock, descriptors: Descriptors) -> Self {
        Self(Arc::new(All { clock, descriptors, accounts: Mutex::default(), next: AtomicU64::new(0) }))
    }

    /// The accounts for these terms. What the terms say holds from now on, also for what is in use.
    pub fn standing(&self, terms: Terms) -> Standing {
        let mut all = self.0.accounts.locked();
        let accounts = terms.levels.iter().map(|(level, shared)| {
            let account = all.entry(level.clone()).or_insert_with(|| self.account(level, *shared));
            account.set(*shared);
            Arc::clone(account)
        });
        let accounts = accounts.collect();
        Standing { all: self.clone(), accounts, terms: Arc::new(terms) }
    }

    /// Forgets what the policy does not know and no session uses.
    pub fn forget(&self, policy: &Policy) {
        self.0
            .accounts
            .locked()
            .retain(|level, account| policy.knows(level) || Arc::strong_count(account) > 1);
    }

    /// How far the limits of the whole relay or hub for `kinds` are used.
    pub fn uses(&self, kinds: &[Kind]) -> Vec<Use> {
        let Some(whole) = self.0.accounts.locked().get(&Level::Whole).cloned() else { return Vec::new() };
        let mut state = whole.state.locked();
        let of = |kind: &Kind| Use { kind: *kind, bound: state.shared.of(*kind), used: *state.taken(*kind) };
        kinds.iter().map(of).collect()
    }

    fn account(&self, level: &Level, shared: Shared) -> Arc<Account> {
        let (starts, closed_ports) = (Window::new(MINUTE), Window::new(MINUTE));
        let state =
            State { shared, sessions: 0, tunnels: 0, joins: 0, calls: 0, starts, closed_ports, dialling: 0 };
        Arc::new(Account {
            level: level.clone(),
            number: self.number(),
            rate: SharedRate::new(self.0.clock),
            daily: Volume::new(DAY, self.0.clock),
            messages: Mutex::new(Bucket::new(MESSAGES)),
            state: Mutex::new(state),
        })
    }

    fn number(&self) -> u64 {
        self.0.next.fetch_add(1, Ordering::Relaxed)
    }
}

impl Standing {
    /// What the token may do.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The token, to tell it from the others.
    pub fn identity(&self) -> Level {
        self.accounts.first().map_or(Level::Whole, |account| account.level.clone())
    }

    /// Takes one.
    ///
    /// # Errors
    ///
    /// Fails if the token, a group of it, or the whole host has all that it may have. What others hold is never touched.
    pub fn take(&self, kind: Kind) -> Result<Share, Full> {
        let mut share = Share { kind, held: Vec::new() };
        for account in &self.accounts {
            account.take(kind, self.all.0.clock.now())?;
            share.held.push(Arc::clone(account));
        }
        self.descriptors()?;
        Ok(share)
    }

    /// Whether there are descriptors for what the token holds now.
    fn descriptors(&self) -> Result<(), Full> {
        let All { descriptors, accounts, .. } = &*self.all.0;
        let of = |account: Option<&Arc<Account>>| {
            account.map_or(0, |account| account.state.locked().descriptors())
        };
        let (own, held) = (of(self.accounts.first()), of(self.accounts.last()));
        if !descriptors.is_scarce(held) {
            return Ok(());
        }
        let all = accounts.locked();
        let tokens = all.iter().filter(|(level, _)| matches!(level, Level::Identity(_)));
        let holders = tokens.filter(|(_, account)| of(Some(account)) > 0).count();
        if descriptors.may_hold(own, held, holders) { Ok(()) } else { Err(Full::Descriptors(own)) }
    }

    /// Hears a message of the token.
    ///
    /// # Errors
    ///
    /// How long its sessions have to wait before the next one.
    pub fn hear(&self) -> Result<(), Duration> {
        let Some(own) = self.accounts.first() else { return Ok(()) };
        let now = self.all.0.clock.now();
        let mut messages = own.messages.locked();
        messages.allowance(now)?;
        messages.take(1, now);
        Ok(())
    }

    /// A connection to a data port begins. Unless it comes about, the token is charged for a port at which no server listens:
    /// who tries the ports of others finds many of these, and whom a server has told its port finds none.
    pub fn dial(&self) -> Dialling {
        let account = self.accounts.first().map(Arc::clone);
        if let Some(own) = &account {
            own.state.locked().dialling += 1;
        }
        Dialling { account, clock: self.all.0.clock, is_charged: true }
    }

    /// What bounds the rate of a new tunnel or join: its own rate and those that it shares.
    pub fn limiters(&self) -> Vec<Limiter> {
        let mut key = self.all.number();
        let mut limiters = Vec::new();
        for account in &self.accounts {
            limiters.push(account.rate.limiter(key));
            key = account.number;
        }
        limiters.extend(self.terms.each_rate.map(|rate| Limiter::new(rate, self.all.0.clock)));
        limiters
    }

    /// A join that may carry `limit` bytes, at the rates of the token and from the bytes that it shares.
    pub fn join(&self, limit: u64, pipes: Pipes, digests: Option<Digests>) -> Join {
        // Both directions together have one rate.
        let limiters = self.limiters();
        let limited = |limiters| Meters { taken: Meter::limited(limiters), given: Meter::default() };
        let (forth, back) = (limited(limiters.clone()), limited(limiters));
        Join { forth, back, limit, volumes: self.volumes(), pipes, digests }
    }

    /// The bytes that a new tunnel or join shares with others.
    pub fn volumes(&self) -> Vec<Volume> {
        self.accounts.iter().map(|account| account.daily.clone()).collect()
    }
}

impl Account {
    fn set(&self, shared: Shared) {
        self.rate.set(shared.rate);
        self.daily.set(shared.daily);
        self.state.locked().shared = shared;
    }

    fn take(&self, kind: Kind, now: Moment) -> Result<(), Full> {
        let mut state = self.state.locked();
        let bound = state.shared.of(kind);
        if *state.taken(kind) >= bound {
            return Err(Full::Count { level: self.level.clone(), kind, bound });
        }
        if kind == Kind::Join {
            if state.closed_ports.left(now, Some(CLOSED_PORTS)) == 0 {
                return Err(Full::ClosedPorts(self.level.clone()));
            }
            let most = state.dialling_at_once();
            if state.dialling >= most {
                return Err(Full::Dialling(self.level.clone(), most));
            }
        }
        if kind != Kind::Session {
            if self.daily.left_at(now) == 0 {
                return Err(Full::Daily(self.level.clone()));
            }
            let starts = state.shared.starts;
            if !state.starts.take(now, 1, starts) {
                return Err(Full::Starts(self.level.clone(), starts.unwrap_or_default()));
            }
        }
        *state.taken(kind) += 1;
        Ok(())
    }
}

/// A connection to a data port that is under way.
#[derive(Debug)]
#[must_use]
pub struct Dialling {
    account: Option<Arc<Account>>,
    clock: Clock,
    is_charged: bool,
}

impl Dialling {
    /// The token is not charged: a server listens there, or the network is to blame.
    pub fn is_innocent(mut self) {
        self.is_charged = false;
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        let Some(own) = &self.account else { return };
        let now = self.clock.now();
        let mut state = own.state.locked();
        state.dialling = state.dialling.saturating_sub(1);
        if self.is_charged {
            state.closed_ports.take(now, 1, None);
        }
    }
}

impl State {
    /// How many data ports may be connected to at the same time: those that are closed are known only later.
    fn dialling_at_once(&self) -> usize {
        (self.shared.of(Kind::Join) / DIALLING_SHARE).max(DIALLING_LEAST)
    }

    /// How many descriptors it may need at most.
    const fn descriptors(&self) -> usize {
        self.sessions * Kind::Session.descriptors()
            + self.tunnels * Kind::Tunnel.descriptors()
            + self.joins * Kind::Join.descriptors()
            + self.calls * Kind::Call.descriptors()
    }

    const fn taken(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Session => &mut self.sessions,
            Kind::Tunnel => &mut self.tunnels,
            Kind::Join => &mut self.joins,
            Kind::Call => &mut self.calls,
        }
    }
}

impl Shared {
    const fn of(&self, kind: Kind) -> usize {
        match kind {
            Kind::Session => self.sessions,
            Kind::Tunnel => self.tunnels,
            Kind::Join => self.joins,
            Kind::Call => self.calls,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        for account in &self.held {
            let mut state = account.state.locked();
            let taken = state.taken(self.kind);
            *taken = taken.saturating_sub(1);
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "this host",
            Self::Group(_) => "a group of this token",
            Self::Identity(_) => "this token",
        })
    }
}

/// Maximum number of data ports of one token within a minute at which no server listens. Then the token begins no join until
/// the minute is over.
const CLOSED_PORTS: u64 = 16;
/// The part of the joins of a token that may connect to data ports at the same time, and their number at least.
const DIALLING_SHARE: usize = 4;
const DIALLING_LEAST: usize = 16;
/// Messages of one token that are heard within a second, in all its sessions.
const MESSAGES: NonZeroU64 = NonZeroU64::new(2_000).unwrap();
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests;
