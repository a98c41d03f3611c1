//! How logins are checked so that nobody who guesses passwords harms anybody else.
//!
//! The driver keeps one [`Guard`] for all sessions. A login passes two gates and then, if it is wrong, a
//! delay:
//!
//! ```text
//! enter --> its host has a place? --> checked --> a slow hash? --> a place in the pool? --> hashed --> done
//!            no: it waits                                          no: it waits             right: at once
//!                                                                                           wrong: after a delay
//! ```
//!
//! * A host (an IPv4 address or an IPv6 /64 network) has a few places per second, over all its connections.
//!   A wrong password keeps its place for a second; a right one gives it back. So guesses are slow, and a
//!   host that logs in right a thousand times a second does not notice.
//! * The pool for slow hashes is shared fairly: first come those whose host has failed least of late.
//! * A refusal comes a while after its check began, the longer the more the host or the name has failed, so
//!   that its time tells nothing about its cause. A success never waits for a delay, and nobody else's
//!   success shortens it. No name is ever locked.
//! * A host that fails too often may be banned; a name never is.

mod failures;
mod queue;
#[cfg(test)]
mod tests;

use crate::address::Group;
use crate::timer::Moment;
use failures::Remembered;
use queue::Queue;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// The bounds of a [`Guard`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// How many wrong passwords of one host are checked in each second.
    pub wrong_per_second: usize,
    /// How many slow hashes are made at the same time.
    pub at_once: usize,
    /// The delay of a first refusal. It doubles with each further failure.
    pub first_delay: Duration,
    /// The longest delay of a refusal.
    pub longest_delay: Duration,
    /// How long failures count after the last one.
    pub memory: Duration,
    /// When a host is banned, if ever.
    pub ban: Option<Ban>,
}

/// When a host is banned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ban {
    /// After so many failures that still count.
    pub after: u32,
    /// For so long.
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            wrong_per_second: 7,
            at_once: 2,
            first_delay: Duration::from_millis(250),
            longest_delay: Duration::from_secs(8),
            memory: Duration::from_secs(600),
            ban: None,
        }
    }
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
    bounds: Bounds,
    logins: HashMap<K, Login>,
    /// Places of hosts that wrong passwords keep, until these moments.
    spent: HashMap<Group, Vec<Moment>>,
    /// Places of hosts that logins have now.
    held: HashMap<Group, usize>,
    /// Logins that wait for a place of their host.
    entering: Queue<Group, K>,
    /// Logins that wait for a place in the pool.
    hashing: Queue<Group, K>,
    /// Places of the pool that are taken.
    busy: usize,
    hosts: Remembered<Group>,
    names: Remembered<Vec<u8>>,
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
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            logins: HashMap::new(),
            spent: HashMap::new(),
            held: HashMap::new(),
            entering: Queue::default(),
            hashing: Queue::default(),
            busy: 0,
            hosts: Remembered::default(),
            names: Remembered::default(),
            bans: HashMap::new(),
            banned: 0,
        }
    }

    /// Sets other bounds. What has been counted stays; where hosts are banned no more, all bans end.
    pub fn set(&mut self, bounds: Bounds) {
        if bounds.ban.is_none() {
            self.bans.clear();
        }
        self.bounds = bounds;
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
            self.hashing.push(login.host, key);
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
    pub fn right(&mut self, key: K) {
        self.leave(key);
    }

    /// Name or password was wrong, or the login was given up after its check began. Returns the moment at
    /// which the refusal may be said.
    pub fn wrong(&mut self, now: Moment, key: K) -> Moment {
        let Some(login) = self.leave(key) else { return now };
        let since = match login.state {
            State::Entering => return now,
            State::Checking { since } | State::Waiting { since } | State::Hashing { since } => since,
        };
        self.spent.entry(login.host).or_default().push(now + SECOND);
        let failed = self.hosts.add(now, self.bounds.memory, login.host);
        let of_name = self.names.add(now, self.bounds.memory, login.name);
        if let Some(ban) = self.bounds.ban.filter(|ban| failed >= ban.after) {
            self.ban(now, login.host, now + ban.time);
            self.hosts.forget(&login.host);
        }
        since + self.delay(failed.max(of_name))
    }

    /// The login was given up. If its check had begun, it counts as wrong: else whoever hangs up would
    /// guess without a limit.
    pub fn give_up(&mut self, now: Moment, key: K) {
        self.wrong(now, key);
    }

    /// Whether `host` is banned.
    pub fn is_banned(&self, now: Moment, host: Group) -> bool {
        self.bans.get(&host).is_some_and(|until| *until > now)
    }

    /// Bans `host` until a moment.
    pub fn ban(&mut self, now: Moment, host: Group, until: Moment) {
        self.bans.retain(|_, until| *until > now);
        if self.bans.len() < MAX_BANS {
            self.bans.insert(host, until);
            self.banned += 1;
        }
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
    pub fn hashes(&self) -> usize {
        self.busy
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

    /// The bounds that are in force.
    pub const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// How long after the beginning of its check a refusal comes.
    fn delay(&self, failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.bounds.first_delay.saturating_mul(doubled).min(self.bounds.longest_delay)
    }

    /// The login that has waited longest at a host with a free place.
    fn next_check(&mut self, now: Moment) -> Option<K> {
        let Self { spent, held, bounds, entering, .. } = self;
        let key = entering
            .pop_best(|host| (taken(spent, held, now, host) < bounds.wrong_per_second).then_some(0))?;
        let login = self.logins.get_mut(&key)?;
        login.state = State::Checking { since: now };
        *self.held.entry(login.host).or_default() += 1;
        self.sweep(now);
        Some(key)
    }

    /// The login whose host has failed least of late, if the pool has a place.
    fn next_hash(&mut self, now: Moment) -> Option<K> {
        if self.busy >= self.bounds.at_once {
            return None;
        }
        let (hosts, memory) = (&self.hosts, self.bounds.memory);
        let key = self.hashing.pop_best(|host| Some(hosts.count(now, memory, host)))?;
        let login = self.logins.get_mut(&key)?;
        if let State::Waiting { since } = login.state {
            login.state = State::Hashing { since };
            self.busy += 1;
        }
        Some(key)
    }

    /// Forgets a login and gives back what it holds.
    fn leave(&mut self, key: K) -> Option<Login> {
        let login = self.logins.remove(&key)?;
        match login.state {
            State::Entering => self.entering.remove(&login.host, &key),
            State::Checking { .. } => {}
            State::Waiting { .. } => self.hashing.remove(&login.host, &key),
            State::Hashing { .. } => self.busy = self.busy.saturating_sub(1),
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
/// Maximum number of banned hosts.
const MAX_BANS: usize = 64 * 1024;
