//! How many sessions there may be, so that a flood of connections leaves the others unharmed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ftp_proto::address::{Group, Kind, kind};
use ftp_proto::fair::{Bounds, Fair, Place};
use tokio::sync::oneshot;

use super::settings::Limits;

/// Counts the sessions of a server.
#[derive(Debug)]
pub struct Sessions {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    all: usize,
    by_address: HashMap<Group, usize>,
    by_account: HashMap<Vec<u8>, HashMap<Group, usize>>,
    /// Connections without login. Who gives way is told through the sender.
    door: Fair<Group, oneshot::Sender<Full>>,
    /// Sessions with an account, by their numbers.
    inside: HashMap<u64, Inside>,
    next: u64,
}

/// A session with an account.
#[derive(Debug)]
struct Inside {
    account: Vec<u8>,
    /// Tells the session to end.
    end: oneshot::Sender<Full>,
}

/// The place of one session. The session counts until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct SessionSlot {
    sessions: Arc<Sessions>,
    number: u64,
    from: Group,
    /// Its place among those without login.
    door: Option<Place>,
    /// The account that has logged in.
    account: Option<Vec<u8>>,
}

/// Tells a session that it has to end: its connection makes room for another one, or its account is gone.
#[derive(Debug)]
pub struct Eviction(Option<oneshot::Receiver<Full>>);

/// How many sessions one account may have; `None` means no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AccountLimits {
    /// At the same time.
    pub sessions: Option<usize>,
    /// From one address at the same time.
    pub per_address: Option<usize>,
}

/// Which limit turns a connection away. The text is for the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Full {
    /// `--max-sessions` is reached.
    #[error("Too many sessions (max-sessions); try again later")]
    Sessions,
    /// `--max-sessions-per-address` is reached.
    #[error("Too many sessions from your address (max-sessions-per-address)")]
    Address,
    /// `--max-unauthenticated` is reached, and somebody else needs the place more.
    #[error(
        "Too many connections that have not logged in (max-unauthenticated); log in faster or try again later"
    )]
    Unauthenticated,
    /// One address has too many connections that have not logged in.
    #[error("Too many connections from your address that have not logged in (max-unauthenticated)")]
    UnauthenticatedAddress,
    /// The account has as many sessions as it may.
    #[error("Too many sessions of this account")]
    Account,
    /// The account has as many sessions from this address as it may.
    #[error("Too many sessions of this account from your address")]
    AccountAddress,
    /// The descriptors that are left are for those who are inside.
    #[error("Too many open files (descriptors); try again later")]
    Descriptors,
    /// The operator has removed the account.
    #[error("Your account was removed")]
    Removed,
    /// The address has guessed too many passwords.
    #[error("Too many wrong logins from your address; try again later")]
    Banned,
}

impl Sessions {
    /// No session is counted yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        let state = State {
            limits,
            all: 0,
            by_address: HashMap::new(),
            by_account: HashMap::new(),
            door: Fair::new(),
            inside: HashMap::new(),
            next: 0,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Sets other limits. Sessions that are there stay.
    pub fn set(&self, limits: Limits) {
        self.state().limits = limits;
    }

    /// Ends the sessions of all accounts that `stay` does not name.
    pub fn end_others(&self, stay: impl Fn(&[u8]) -> bool) {
        let mut state = self.state();
        let gone: Vec<u64> = state
            .inside
            .iter()
            .filter(|(_, inside)| !stay(&inside.account))
            .map(|(number, _)| *number)
            .collect();
        for inside in gone.iter().filter_map(|number| state.inside.remove(number)) {
            // If that session has ended meanwhile, nothing is left to do.
            let _ = inside.end.send(Full::Removed);
        }
    }

    /// Takes a place for a connection from `ip`. If the door is full, the oldest connection of the address
    /// that holds most places there gives way.
    ///
    /// # Errors
    /// A limit is reached: the connection has to be turned away.
    pub fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<(SessionSlot, Eviction), Full> {
        let from = Group::of(ip);
        let mut state = self.state();
        let limits = state.limits;
        if is_full(state.all, limits.sessions) {
            return Err(Full::Sessions);
        }
        let here = state.by_address.get(&from).copied().unwrap_or(0);
        if kind(ip) != Kind::Loopback && is_full(here, limits.per_address) {
            return Err(Full::Address);
        }
        if is_full(state.door.count(&from), limits.unauthenticated_per_address) {
            return Err(Full::UnauthenticatedAddress);
        }
        let (evict, evicted) = oneshot::channel();
        let bounds = Bounds::new(limits.unauthenticated.unwrap_or(usize::MAX));
        let admitted = state.door.admit(bounds, from, evict, |_, _| false);
        let (place, displaced) = admitted.map_err(|_| Full::Unauthenticated)?;
        if let Some(displaced) = displaced {
            // If that session has ended meanwhile, its place is free all the same.
            let _ = displaced.send(Full::Unauthenticated);
        }
        state.all += 1;
        *state.by_address.entry(from).or_default() += 1;
        let number = state.next;
        state.next += 1;
        let slot = SessionSlot { sessions: Arc::clone(self), number, from, door: Some(place), account: None };
        Ok((slot, Eviction(Some(evicted))))
    }

    /// If one address crowds the door, its oldest connection without login gives way. Returns whether it did.
    pub fn relieve(&self, why: Full) -> bool {
        let mut state = self.state();
        let most = state.door.iter().map(|(from, _)| *from).max_by_key(|from| state.door.count(from));
        let displaced = most
            .filter(|most| state.door.count(most) >= CROWD)
            .and_then(|most| state.door.take_oldest_of(&most));
        displaced.is_some_and(|displaced| displaced.send(why).is_ok())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn leave_account(&mut self, account: &[u8], from: Group) {
        if let Some(addresses) = self.by_account.get_mut(account) {
            release(addresses, from);
            if addresses.is_empty() {
                self.by_account.remove(account);
            }
        }
    }
}

/// Connections of one address without login that are more than somebody needs who logs in.
const CROWD: usize = 8;

impl SessionSlot {
    /// Records that `account` has logged in. A login after another one takes the place of that.
    ///
    /// # Errors
    /// The account has as many sessions as it may.
    pub fn log_in(&mut self, account: &[u8], limits: AccountLimits) -> Result<(), Full> {
        let mut state = self.sessions.state();
        if let Some(before) = self.account.take() {
            state.leave_account(&before, self.from);
        }
        let addresses = state.by_account.get(account);
        let here = addresses.and_then(|all| all.get(&self.from)).copied().unwrap_or(0);
        if is_full(addresses.map_or(0, |all| all.values().sum()), limits.sessions) {
            return Err(Full::Account);
        }
        if is_full(here, limits.per_address) {
            return Err(Full::AccountAddress);
        }
        let addresses = state.by_account.entry(account.to_vec()).or_default();
        *addresses.entry(self.from).or_default() += 1;
        self.account = Some(account.to_vec());
        let end = match self.door.take() {
            Some(place) => state.door.remove(place),
            None => state.inside.remove(&self.number).map(|inside| inside.end),
        };
        if let Some(end) = end {
            state.inside.insert(self.number, Inside { account: account.to_vec(), end });
        }
        Ok(())
    }
}

impl Eviction {
    /// Waits until the session has to end. A connection that has logged in makes room for no other.
    pub async fn wait(&mut self) -> Full {
        if let Some(evicted) = &mut self.0 {
            let why = evicted.await;
            self.0 = None;
            if let Ok(why) = why {
                return why;
            }
        }
        std::future::pending().await
    }
}

impl Drop for SessionSlot {
    fn drop(&mut self) {
        let mut state = self.sessions.state();
        if let Some(place) = self.door.take() {
            state.door.remove(place);
        }
        if let Some(account) = self.account.take() {
            state.leave_account(&account, self.from);
        }
        state.inside.remove(&self.number);
        state.all = state.all.saturating_sub(1);
        release(&mut state.by_address, self.from);
    }
}

fn is_full(count: usize, limit: Option<usize>) -> bool {
    limit.is_some_and(|limit| count >= limit)
}

/// One less; nobody is remembered after leaving.
fn release(counts: &mut HashMap<Group, usize>, from: Group) {
    if let Some(count) = counts.get_mut(&from) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LIMITS: AccountLimits = AccountLimits { sessions: None, per_address: None };

    fn host(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    /// Whether a connection has to make room.
    fn is_evicted((_, eviction): &mut (SessionSlot, Eviction)) -> bool {
        eviction.0.as_mut().is_some_and(|evicted| evicted.try_recv().is_ok())
    }

    #[test]
    fn sessions_are_counted_until_they_end() {
        let sessions = Sessions::new(Limits { sessions: Some(2), ..Limits::default() });
        let first = sessions.admit(host(1)).unwrap();
        let _second = sessions.admit(host(2)).unwrap();
        assert_eq!(sessions.admit(host(2)).unwrap_err(), Full::Sessions);
        drop(first);
        assert!(sessions.admit(host(2)).is_ok());
    }

    #[test]
    fn one_address_does_not_take_the_places_of_others_and_loopback_is_spared() {
        let sessions = Sessions::new(Limits { per_address: Some(1), ..Limits::default() });
        let _first = sessions.admit(host(1)).unwrap();
        assert_eq!(sessions.admit(host(1)).unwrap_err(), Full::Address);
        let _other = sessions.admit(host(2)).unwrap();
        let _network = sessions.admit("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(sessions.admit("2001:db8::2".parse().unwrap()).unwrap_err(), Full::Address);
        for here in ["127.0.0.1", "127.0.0.1", "::1", "::1", "::ffff:127.0.0.1"] {
            std::mem::forget(sessions.admit(here.parse().unwrap()).unwrap());
        }
    }

    #[test]
    fn a_login_makes_room_at_the_door() {
        let limits =
            Limits { unauthenticated: Some(2), unauthenticated_per_address: Some(1), ..Limits::default() };
        let sessions = Sessions::new(limits);
        let mut ann = sessions.admit(host(1)).unwrap();
        assert_eq!(sessions.admit(host(1)).unwrap_err(), Full::UnauthenticatedAddress);
        ann.0.log_in(b"ann", NO_LIMITS).unwrap();
        ann.0.log_in(b"ann", NO_LIMITS).unwrap();
        let _again = sessions.admit(host(1)).unwrap();
        let _bob = sessions.admit(host(2)).unwrap();
        assert!(!is_evicted(&mut ann));
    }

    #[test]
    fn at_a_full_door_the_oldest_of_the_address_that_holds_most_gives_way() {
        let sessions = Sessions::new(Limits { unauthenticated: Some(4), ..Limits::default() });
        let mut eve = sessions.admit(host(1)).unwrap();
        let mut flood: Vec<_> = (0..3).map(|_| sessions.admit(host(2)).unwrap()).collect();
        let mut ann = sessions.admit(host(3)).unwrap();
        assert!(is_evicted(&mut flood[0]) && !is_evicted(&mut flood[1]) && !is_evicted(&mut eve));
        let _more = sessions.admit(host(2)).unwrap();
        assert!(is_evicted(&mut flood[1]), "the flood makes room for itself");
        assert!(!is_evicted(&mut eve) && !is_evicted(&mut ann), "never one within its equal share");
    }

    #[test]
    fn if_nobody_holds_more_than_a_share_the_oldest_of_all_gives_way() {
        let sessions = Sessions::new(Limits { unauthenticated: Some(3), ..Limits::default() });
        let mut all: Vec<_> = (0..3).map(|n| sessions.admit(host(n)).unwrap()).collect();
        let _newcomer = sessions.admit(host(9)).unwrap();
        assert!(is_evicted(&mut all[0]) && !is_evicted(&mut all[1]) && !is_evicted(&mut all[2]));
        drop(all);
        assert_eq!(sessions.state().door.len(), 1);
    }

    #[test]
    fn an_account_has_its_own_limits() {
        let sessions = Sessions::new(Limits::default());
        let limits = AccountLimits { sessions: Some(3), per_address: Some(2) };
        let log_in = |from: u8, name: &str| {
            let (mut slot, _) = sessions.admit(host(from)).unwrap();
            slot.log_in(name.as_bytes(), limits).map(|()| slot)
        };
        let first = log_in(1, "ann").unwrap();
        let _second = log_in(1, "ann").unwrap();
        assert_eq!(log_in(1, "ann").unwrap_err(), Full::AccountAddress);
        let _third = log_in(2, "ann").unwrap();
        assert_eq!(log_in(3, "ann").unwrap_err(), Full::Account);
        let mut bob = log_in(1, "bob").unwrap();
        drop(first);
        bob.log_in(b"ann", limits).unwrap();
        assert_eq!(log_in(3, "ann").unwrap_err(), Full::Account);
    }

    #[test]
    fn sessions_of_removed_accounts_end_and_others_stay() {
        let sessions = Sessions::new(Limits::default());
        let log_in = |name: &str| {
            let mut session = sessions.admit(host(1)).unwrap();
            session.0.log_in(b"first", NO_LIMITS).unwrap();
            session.0.log_in(name.as_bytes(), NO_LIMITS).unwrap();
            session
        };
        let (mut ann, mut bob) = (log_in("ann"), log_in("bob"));
        let mut nobody = sessions.admit(host(1)).unwrap();
        sessions.end_others(|name| name == b"bob");
        assert!(is_evicted(&mut ann) && !is_evicted(&mut bob) && !is_evicted(&mut nobody));
        drop((ann, bob));
        assert!(sessions.state().inside.is_empty());
    }

    #[test]
    fn nobody_is_remembered_after_leaving() {
        let sessions = Sessions::new(Limits::default());
        let (mut slot, _) = sessions.admit(host(1)).unwrap();
        slot.log_in(b"ann", NO_LIMITS).unwrap();
        drop((slot, sessions.admit(host(2)).unwrap()));
        let state = sessions.state();
        assert!(state.by_address.is_empty() && state.by_account.is_empty() && state.door.is_empty());
        assert_eq!(state.all, 0);
    }
}
