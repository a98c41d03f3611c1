//! How many sessions there may be, so that a flood of connections leaves the others unharmed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ftp_proto::address::{Group, Kind, kind};
use ftp_proto::fair::{Bounds, Fair, Place};
use ftp_proto::timer::Moment;
use tokio::sync::oneshot;

use super::limit::{Limit, Use};
use super::owner::Owner;
use super::settings::Limits;

/// Counts the sessions of a server.
#[derive(Debug)]
pub struct Sessions {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    /// Connections that are open, those that were told to end included.
    open: usize,
    by_address: HashMap<Group, usize>,
    by_account: HashMap<Vec<u8>, OfAccount>,
    /// Every session that was not told to end, by its number.
    all: Fair<Owner, u64>,
    /// Those of them that have not logged in.
    door: Fair<Group, u64>,
    seats: HashMap<u64, Seat>,
    next: u64,
}

/// What is known of a session that was not told to end.
#[derive(Debug)]
struct Seat {
    place: Place,
    /// Its place among those without login.
    door: Option<Place>,
    account: Option<Vec<u8>>,
    idle: Arc<Idle>,
    /// Tells the session to end.
    end: oneshot::Sender<Full>,
}

/// The sessions of one account.
#[derive(Debug, Default)]
struct OfAccount {
    limits: AccountLimits,
    addresses: HashMap<Group, usize>,
}

/// Since when a session does nothing: microseconds since the start, and 0 while it works.
#[derive(Debug, Default)]
struct Idle(AtomicU64);

/// The place of one session. The session counts until this and all that share it are dropped.
#[derive(Clone, Debug)]
#[must_use]
pub struct SessionSlot(Arc<Slot>);

#[derive(Debug)]
struct Slot {
    sessions: Arc<Sessions>,
    number: u64,
    from: Group,
    idle: Arc<Idle>,
    /// The account that has logged in.
    account: Mutex<Option<Vec<u8>>>,
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

/// Why a connection is turned away, or its session ended. The text is for the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Full {
    /// A limit is reached, and somebody else needs the place more.
    #[error("{}", _0.refusal())]
    Reached(Limit),
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
            open: 0,
            by_address: HashMap::new(),
            by_account: HashMap::new(),
            all: Fair::new(),
            door: Fair::new(),
            seats: HashMap::new(),
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
        let is_gone = |seat: &Seat| seat.account.as_ref().is_some_and(|account| !stay(account));
        let gone: Vec<u64> =
            state.seats.iter().filter(|(_, seat)| is_gone(seat)).map(|(number, _)| *number).collect();
        for number in gone {
            state.end(number, Full::Removed);
        }
    }

    /// Takes a place for a connection from `ip`. If the door is full, the oldest connection of the address
    /// that holds most places there gives way. If only the server is full, a session gives way that does
    /// nothing; its account or address holds most, and more than its equal share.
    ///
    /// # Errors
    /// A limit is reached: the connection has to be turned away.
    pub fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<(SessionSlot, Eviction), Full> {
        let from = Group::of(ip);
        let mut state = self.state();
        let limits = state.limits;
        let here = state.by_address.get(&from).copied().unwrap_or(0);
        if kind(ip) != Kind::Loopback && is_full(here, limits.per_address) {
            return Err(Full::Reached(Limit::SessionsPerAddress));
        }
        if state.is_crowded_by(&from) {
            return Err(Full::Reached(Limit::UnauthenticatedPerAddress));
        }
        if is_full(state.all.len(), limits.sessions)
            && !is_full(state.door.len(), limits.unauthenticated)
            && !state.make_room(from)
        {
            return Err(Full::Reached(Limit::Sessions));
        }
        let number = state.next;
        let (place, door) = state.enter(from, number)?;
        let (end, ended) = oneshot::channel();
        let idle = Arc::new(Idle::default());
        let seat = Seat { place, door: Some(door), account: None, idle: Arc::clone(&idle), end };
        state.seats.insert(number, seat);
        state.next += 1;
        state.open += 1;
        *state.by_address.entry(from).or_default() += 1;
        let slot = Slot { sessions: Arc::clone(self), number, from, idle, account: Mutex::default() };
        Ok((SessionSlot(Arc::new(slot)), Eviction(Some(ended))))
    }

    /// If one address crowds the door, its oldest connection without login gives way. Returns whether it did.
    pub fn relieve(&self, why: Full) -> bool {
        let mut state = self.state();
        let most = state.door.iter().map(|(from, _)| *from).max_by_key(|from| state.door.count(from));
        let displaced = most
            .filter(|most| state.door.count(most) >= CROWD)
            .and_then(|most| state.door.take_oldest_of(&most));
        displaced.is_some_and(|displaced| state.end(displaced, why))
    }

    /// How far the limits of sessions are used.
    pub fn uses(&self) -> Vec<Use> {
        let state = self.state();
        let Limits { sessions, per_address, unauthenticated, unauthenticated_per_address, .. } = state.limits;
        let closest = |of: &dyn Fn(&OfAccount) -> (usize, Option<usize>)| {
            let uses = state.by_account.values().map(of);
            uses.min_by_key(|(used, bound)| bound.map_or(usize::MAX, |bound| bound.saturating_sub(*used)))
                .unwrap_or_default()
        };
        let all_of = |of: &OfAccount| (of.addresses.values().sum(), of.limits.sessions);
        let most_of =
            |of: &OfAccount| (of.addresses.values().copied().max().unwrap_or(0), of.limits.per_address);
        let most_of_address = state.by_address.values().copied().max().unwrap_or(0);
        [
            (Limit::Sessions, (state.all.len(), sessions)),
            (Limit::SessionsPerAddress, (most_of_address, per_address)),
            (Limit::Unauthenticated, (state.door.len(), unauthenticated)),
            (Limit::UnauthenticatedPerAddress, (state.door.most(), unauthenticated_per_address)),
            (Limit::AccountSessions, closest(&all_of)),
            (Limit::AccountSessionsPerAddress, closest(&most_of)),
        ]
        .map(|(limit, (used, bound))| Use { limit, used, bound })
        .to_vec()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether an address has as many connections without login as it may.
    fn is_crowded_by(&self, from: &Group) -> bool {
        is_full(self.door.count(from), self.limits.unauthenticated_per_address)
    }

    /// The places of a session without login. At a full door the oldest connection of whoever holds most
    /// gives way.
    fn enter(&mut self, from: Group, number: u64) -> Result<(Place, Place), Full> {
        let bounds = Bounds::new(self.limits.unauthenticated.unwrap_or(usize::MAX));
        let admitted = self.door.admit(bounds, from, number, |_, _| false);
        let (door, displaced) = admitted.map_err(|_| Full::Reached(Limit::Unauthenticated))?;
        if let Some(displaced) = displaced {
            self.end(displaced, Full::Reached(Limit::Unauthenticated));
        }
        let place = self.all.admit(Bounds::new(usize::MAX), Owner::Address(from), number, |_, _| false);
        let (place, _) = place.map_err(|_| Full::Reached(Limit::Sessions))?;
        Ok((place, door))
    }

    /// Tells a session to end, and frees its place. Returns whether it was there.
    fn end(&mut self, number: u64, why: Full) -> bool {
        // If that session has ended meanwhile, its place is free all the same.
        self.leave(number).is_some_and(|seat| seat.end.send(why).is_ok())
    }

    fn leave(&mut self, number: u64) -> Option<Seat> {
        let seat = self.seats.remove(&number)?;
        self.all.remove(seat.place);
        if let Some(door) = seat.door {
            self.door.remove(door);
        }
        Some(seat)
    }

    /// The server is full: ends a session that does nothing, for a newcomer from `from`. Returns whether
    /// there was one.
    fn make_room(&mut self, from: Group) -> bool {
        // Those that were told to end need their descriptors a little longer.
        if self.open - self.seats.len() >= MAX_LEAVING {
            return false;
        }
        let Self { all, seats, .. } = self;
        let idle = |number: &u64| seats.get(number).filter(|seat| seat.account.is_some())?.idle.since();
        match all.make_room(all.len(), &Owner::Address(from), idle) {
            Some(number) => self.end(number, Full::Reached(Limit::Sessions)),
            None => false,
        }
    }

    fn leave_account(&mut self, account: &[u8], from: Group) {
        if let Some(of) = self.by_account.get_mut(account) {
            release(&mut of.addresses, from);
            if of.addresses.is_empty() {
                self.by_account.remove(account);
            }
        }
    }
}

impl Idle {
    fn since(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|since| *since > 0)
    }
}

/// Connections of one address without login that are more than somebody needs who logs in.
const CROWD: usize = 8;
/// Sessions that were told to end and have not ended yet, beyond which nobody else gives way to newcomers.
const MAX_LEAVING: usize = 64;

impl SessionSlot {
    /// Records that `account` has logged in. A login after another one takes the place of that. Its share is
    /// that of `owner`.
    ///
    /// # Errors
    /// The account has as many sessions as it may.
    pub fn log_in(&self, account: &[u8], owner: Owner, limits: AccountLimits) -> Result<(), Full> {
        let Slot { sessions, number, from, account: mine, .. } = &*self.0;
        let mut state = sessions.state();
        let mut mine = mine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = mine.take() {
            state.leave_account(&before, *from);
        }
        let of = state.by_account.entry(account.to_vec()).or_default();
        of.limits = limits;
        let here = of.addresses.get(from).copied().unwrap_or(0);
        let refused = if is_full(of.addresses.values().sum(), limits.sessions) {
            Some(Limit::AccountSessions)
        } else {
            is_full(here, limits.per_address).then_some(Limit::AccountSessionsPerAddress)
        };
        if let Some(limit) = refused {
            if of.addresses.is_empty() {
                state.by_account.remove(account);
            }
            return Err(Full::Reached(limit));
        }
        *of.addresses.entry(*from).or_default() += 1;
        *mine = Some(account.to_vec());
        let Some(seat) = state.leave(*number) else { return Ok(()) };
        let admitted = state.all.admit(Bounds::new(usize::MAX), owner, *number, |_, _| false);
        if let Ok((place, _)) = admitted {
            let seat = Seat { place, door: None, account: Some(account.to_vec()), ..seat };
            state.seats.insert(*number, seat);
        }
        Ok(())
    }

    /// Records that nobody is logged in any more. The session counts among those without login again.
    ///
    /// # Errors
    /// There is no place among them: the session has to end.
    pub fn log_out(&self) -> Result<(), Full> {
        let Slot { sessions, number, from, account, .. } = &*self.0;
        let mut state = sessions.state();
        if let Some(account) = account.lock().unwrap_or_else(PoisonError::into_inner).take() {
            state.leave_account(&account, *from);
        }
        // A session that was told to end has no seat any more.
        let Some(seat) = state.leave(*number) else { return Ok(()) };
        if state.is_crowded_by(from) {
            return Err(Full::Reached(Limit::UnauthenticatedPerAddress));
        }
        let (place, door) = state.enter(*from, *number)?;
        state.seats.insert(*number, Seat { place, door: Some(door), account: None, ..seat });
        Ok(())
    }

    /// Records that the session does nothing since `since`; `None` while it works. One that does nothing may
    /// have to make room.
    pub fn set_idle(&self, since: Option<Moment>) {
        let micros = since
            .map_or(0, |since| u64::try_from(since.since_start().as_micros()).unwrap_or(u64::MAX).max(1));
        self.0.idle.0.store(micros, Ordering::Relaxed);
    }

    /// The same place, for work that may last longer than the session.
    pub fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Eviction {
    /// Waits until the session has to end.
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

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.sessions.state();
        state.leave(self.number);
        let account = self.account.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(account) = account {
            state.leave_account(&account, self.from);
        }
        state.open = state.open.saturating_sub(1);
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
mod tests;
