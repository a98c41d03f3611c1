//! When logins are checked, so that a client that guesses passwords does not harm others.
//!
//! The driver keeps one [`Guard`] for all sessions. A login waits for an address slot and then for a hash
//! slot; a failed login also waits for a delay:
//!
//! ```text
//! enter --> its host has a place? --> checked --> a slow hash? --> a place in the pool? --> hashed --> done
//!            no: it waits                                          no: it waits             right: at once
//!                                                                                           wrong: after a
//!                                                                                           delay
//! ```
//!
//! * A host (an IPv4 address or an IPv6 /64 network) has a few places per second, over all its connections.
//!   A wrong password keeps its place for a second; a right one gives it back. So guesses are slow, and a
//!   host that logs in right a thousand times a second does not notice.
//! * The pool for slow hashes is shared fairly (docs/decisions/0018): first come addresses from which named
//!   accounts have logged in of late, then strangers, then names that are guessed at and hosts that guess.
//!   Among
//!   these, networks have turns: of providers, of sites, of hosts. Every fourth turn goes by networks alone, so
//!   that no login waits forever.
//! * A refusal comes a while after its check began, the longer the more the host or the name has failed, so
//!   that its time tells nothing about its cause. A success never waits for a delay, and the success of
//!   another login does not shorten it. No name is ever locked.
//! * A host that fails too often may be banned; a name never is.

#[cfg(test)]
mod crowd_tests;
mod known;
mod pool;
#[cfg(test)]
mod tests;

pub use known::KnownHost;

use crate::address::{Group, Network};
use crate::timer::Moment;
use known::{KnownAddresses, Remembered};
use pool::{Pool, Queue, Standing};
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// What a [`Guard`] goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How many wrong passwords of one host are checked in each second.
    pub wrong_per_second: usize,
    /// How many slow hashes are made at the same time. One more is made for a known address.
    pub at_once: usize,
    /// The delay of a first refusal. It doubles with each further failure.
    pub first_delay: Duration,
    /// The longest delay of a refusal.
    pub longest_delay: Duration,
    /// How long failures count after the last one.
    pub memory: Duration,
    /// How long an address is known after the last login of a named account from there; zero for never.
    pub known: Duration,
    /// When a host is banned, if ever.
    pub ban: Option<Ban>,
}

impl Settings {
    /// How many slow hashes there may be, that of a known address included.
    pub const fn most_hashes(&self) -> usize {
        self.at_once.saturating_add(pool::SPARE)
    }
}

/// When a host is banned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ban {
    /// The number of failures that still count.
    pub after: u32,
    /// How long the ban lasts.
    pub time: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            wrong_per_second: 7,
            at_once: 2,
            first_delay: Duration::from_millis(250),
            longest_delay: Duration::from_secs(8),
            memory: Duration::from_secs(600),
            known: Duration::from_secs(30 * 24 * 60 * 60),
            ban: None,
        }
    }
}

/// Whose login was right.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LoginOwner {
    /// That of an account with a name. Its address is known from here on.
    Named,
    /// That of an anonymous user, who may be anybody.
    Anonymous,
}

/// What a login may do next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// The password may be looked at.
    Check,
    /// The slow hash may be made.
    Hash,
}

/// The guard of all logins. `K` names a login, for example by session and ticket.
#[derive(Debug)]
pub struct Guard<K> {
    settings: Settings,
    logins: HashMap<K, Login>,
    /// Places of hosts that wrong passwords keep, until these moments.
    spent: HashMap<Group, Vec<Moment>>,
    /// Places of hosts that logins have now.
    held: HashMap<Group, usize>,
    /// Logins that wait for a place of their host.
    entering: Queue<Group, K>,
    /// Logins that wait for a place in the pool, and its places.
    hashing: Pool<K>,
    hosts: Remembered<Group>,
    sites: Remembered<Network>,
    names: Remembered<Vec<u8>>,
    known: KnownAddresses,
    /// How often an address has become known so far.
    learned: u64,
    bans: HashMap<Group, Moment>,
    /// How many bans there have been so far.
    banned: u64,
}

#[derive(Debug)]
struct Login {
    host: Group,
    name: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Entering,
    Checking { since: Moment },
    Waiting { since: Moment },
    Hashing { since: Moment },
}

impl<K: Copy + Eq + Hash + Ord> Guard<K> {
    /// A guard that has seen nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            logins: HashMap::new(),
            spent: HashMap::new(),
            held: HashMap::new(),
            entering: Queue::default(),
            hashing: Pool::default(),
            hosts: Remembered::default(),
            sites: Remembered::default(),
            names: Remembered::default(),
            known: KnownAddresses::default(),
            learned: 0,
            bans: HashMap::new(),
            banned: 0,
        }
    }

    /// Changes the settings. What has been counted stays; where hosts are banned no more, all bans end, and
    /// where addresses are known no more, all are forgotten.
    pub fn set(&mut self, settings: Settings) {
        if settings.ban.is_none() {
            self.bans.clear();
        }
        if settings.known.is_zero() {
            self.known.clear();
        }
        self.settings = settings;
    }

    /// A login of `host` for `name` begins. [`Self::next`] says when it may go on.
    pub fn enter(&mut self, key: K, host: Group, name: Vec<u8>) {
        self.logins.insert(key, Login { host, name, state: State::Entering });
        self.entering.push(host, key);
    }

    /// The login needs a slow hash. [`Self::next`] says when it may be made.
    pub fn needs_hash(&mut self, key: K) {
        if let Some(login) = self.logins.get_mut(&key)
            && let State::Checking { since } = login.state
        {
            login.state = State::Waiting { since };
            let is_known = self.known.has(&login.host) || self.known.has_site(&login.host);
            self.hashing.push(login.host, key, is_known);
        }
    }

    /// The next login that may go on, and with what. Call it until it returns `None`.
    pub fn next(&mut self, now: Moment) -> Option<(K, Step)> {
        self.next_hash(now).map(|key| (key, Step::Hash)).or_else(|| {
            let key = self.next_check(now)?;
            Some((key, Step::Check))
        })
    }

    /// When [`Self::next`] may have something again although nothing has happened.
    pub fn deadline(&self) -> Option<Moment> {
        let spent = self.entering.keys().filter_map(|host| self.spent.get(host)?.iter().min());
        spent.min().copied()
    }

    /// The password was right.
    pub fn succeeded(&mut self, now: Moment, key: K, whose: LoginOwner) {
        if let (Some(login), LoginOwner::Named) = (self.leave(key), whose) {
            self.know(now, &login.name, login.host, now + self.settings.known);
        }
    }

    /// `account` has logged in from `host`, which is known until a moment.
    pub fn know(&mut self, now: Moment, account: &[u8], host: Group, until: Moment) {
        if until > now && self.known.add(now, account, host, until) {
            self.learned += 1;
        }
    }

    /// Whether `host` is known, and has not lost its preference by failures.
    pub fn prefers(&self, now: Moment, host: Group) -> bool {
        self.known.has(&host) && self.hosts.count(now, self.settings.memory, &host) < MANY_OF_HOST
    }

    /// How often an address has become known so far, so that a driver sees when there is another one.
    pub const fn learned(&self) -> u64 {
        self.learned
    }

    /// The known addresses.
    pub fn known(&self, now: Moment) -> impl Iterator<Item = KnownHost<'_>> {
        self.known.iter().filter(move |known| known.until > now)
    }

    /// Name or password was wrong, or the login was given up after its check began. Returns the moment at
    /// which the refusal may be said.
    pub fn failed(&mut self, now: Moment, key: K) -> Moment {
        let Some(login) = self.leave(key) else { return now };
        let since = match login.state {
            State::Entering => return now,
            State::Checking { since } | State::Waiting { since } | State::Hashing { since } => since,
        };
        self.spent.entry(login.host).or_default().push(now + SECOND);
        let failed = self.hosts.add(now, self.settings.memory, login.host);
        self.sites.add(now, self.settings.memory, login.host.site());
        let of_name = self.names.add(now, self.settings.memory, login.name);
        if let Some(ban) = self.settings.ban.filter(|ban| failed >= ban.after) {
            self.ban(now, login.host, now + ban.time);
            self.hosts.forget(&login.host);
        }
        since + self.delay(failed.max(of_name))
    }

    /// The login was given up. If its check had begun, it counts as wrong. Otherwise a client could guess
    /// without limit by hanging up.
    pub fn give_up(&mut self, now: Moment, key: K) {
        self.failed(now, key);
    }

    /// Whether `host` is banned.
    pub fn is_banned(&self, now: Moment, host: Group) -> bool {
        self.banned_for(now, host).is_some()
    }

    /// For how long `host` is still banned; `None` if it is not.
    pub fn banned_for(&self, now: Moment, host: Group) -> Option<Duration> {
        self.bans.get(&host).filter(|until| **until > now).map(|until| until.since(now))
    }

    /// Bans `host` until a moment. If too many are banned, the ban that would end first gives way.
    pub fn ban(&mut self, now: Moment, host: Group, until: Moment) {
        self.bans.retain(|_, until| *until > now);
        if self.bans.len() >= MAX_BANS && !self.bans.contains_key(&host) {
            let first = self.bans.iter().min_by_key(|(_, until)| **until).map(|(host, _)| *host);
            first.map(|first| self.bans.remove(&first));
        }
        self.bans.insert(host, until);
        self.banned += 1;
    }

    /// How many bans there have been so far, so that a driver sees when there is another one.
    pub const fn banned(&self) -> u64 {
        self.banned
    }

    /// All bans that hold, and how long they still do.
    pub fn bans(&self, now: Moment) -> impl Iterator<Item = (Group, Duration)> + '_ {
        self.bans
            .iter()
            .filter(move |(_, until)| **until > now)
            .map(move |(host, until)| (*host, until.since(now)))
    }

    /// How many slow hashes are being made.
    pub const fn hashes(&self) -> usize {
        self.hashing.busy()
    }

    /// The most places that one host has taken.
    pub fn most_taken(&self, now: Moment) -> usize {
        self.spent
            .keys()
            .chain(self.held.keys())
            .map(|host| taken(&self.spent, &self.held, now, host))
            .max()
            .unwrap_or(0)
    }

    /// The settings that are in force.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How long after the beginning of its check a refusal comes.
    fn delay(&self, failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.settings.first_delay.saturating_mul(doubled).min(self.settings.longest_delay)
    }

    /// The login that has waited longest at a host with a free place.
    fn next_check(&mut self, now: Moment) -> Option<K> {
        let Self { spent, held, settings, entering, .. } = self;
        let key = entering
            .pop_best(|host| (taken(spent, held, now, host) < settings.wrong_per_second).then_some(0))?;
        let login = self.logins.get_mut(&key)?;
        login.state = State::Checking { since: now };
        *self.held.entry(login.host).or_default() += 1;
        self.sweep(now);
        Some(key)
    }

    /// The login that has the next place in the pool, if there is one for it.
    fn next_hash(&mut self, now: Moment) -> Option<K> {
        let Self { hashing, logins, hosts, sites, names, known, settings, .. } = self;
        let memory = settings.memory;
        let judge = |host: &Group, key: K| {
            let failures = hosts.count(now, memory, host);
            let name = logins.get(&key).map_or(0, |login| names.count(now, memory, login.name.as_slice()));
            let standing = if failures >= MANY_OF_HOST {
                Standing::Guesses
            } else if known.has(host) {
                Standing::KnownHost
            } else if known.has_site(host) && sites.count(now, memory, &host.site()) < MANY_OF_SITE {
                Standing::KnownSite
            } else if name < MANY_OF_NAME {
                Standing::Stranger
            } else {
                Standing::GuessedName
            };
            (standing, failures)
        };
        let key = hashing.next(settings.at_once, judge)?;
        let login = logins.get_mut(&key)?;
        if let State::Waiting { since } = login.state {
            login.state = State::Hashing { since };
        }
        Some(key)
    }

    /// Forgets a login and gives back what it holds.
    fn leave(&mut self, key: K) -> Option<Login> {
        let login = self.logins.remove(&key)?;
        match login.state {
            State::Entering => self.entering.remove(&login.host, &key),
            State::Checking { .. } => {}
            State::Waiting { .. } => self.hashing.remove(key),
            State::Hashing { .. } => self.hashing.free(),
        }
        if login.state != State::Entering
            && let Some(held) = self.held.get_mut(&login.host)
        {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(&login.host);
            }
        }
        Some(login)
    }

    /// Removes places that are free again.
    fn sweep(&mut self, now: Moment) {
        if self.spent.len() >= MAX_SPENT {
            self.spent.retain(|_, until| {
                until.retain(|until| *until > now);
                !until.is_empty()
            });
        }
        for until in self.spent.values_mut().filter(|until| until.len() >= MANY) {
            until.retain(|until| *until > now);
        }
    }
}

/// How many places of a host wrong passwords and logins have taken.
fn taken(
    spent: &HashMap<Group, Vec<Moment>>,
    held: &HashMap<Group, usize>,
    now: Moment,
    host: &Group,
) -> usize {
    let spent = spent.get(host).map_or(0, |until| until.iter().filter(|until| **until > now).count());
    spent + held.get(host).copied().unwrap_or(0)
}

/// How long a wrong password keeps its place.
const SECOND: Duration = Duration::from_secs(1);
/// Hosts with places that wrong passwords have kept, before those that are free again are removed.
const MAX_SPENT: usize = 1024;
/// Moments of one host before those that are over are removed.
const MANY: usize = 64;
/// Failures of late with which a host is one that guesses, and no address that is preferred.
const MANY_OF_HOST: u32 = 4;
/// Failures of late with which a site is preferred no more.
const MANY_OF_SITE: u32 = 16;
/// Failures of late with which a name is one that is guessed at.
const MANY_OF_NAME: u32 = 8;
/// Maximum number of banned hosts.
const MAX_BANS: usize = if cfg!(test) { 8 } else { 64 * 1024 };
