//! How many sessions there may be, so that a flood of connections leaves the others unharmed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ftp_io::lock::Lock;
use ftp_proto::address::{Group, Kind, kind};
use ftp_proto::fair::{Bounds, Fair, PlaceId};
use ftp_proto::timer::Moment;
use tokio::sync::oneshot;

use super::Owner;
use super::door::{Door, release};
use super::limit::{Limit, Limits, Use};

/// Counts the sessions of a server.
#[derive(Debug)]
pub struct Sessions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    limits: Limits,
    /// Connections that are open, those that were told to end included.
    open: usize,
    by_address: HashMap<Group, usize>,
    by_account: HashMap<Vec<u8>, OfAccount>,
    /// The sessions that have logged in, by their numbers. Those that were told to end are not among them.
    inside: Fair<Share, u64>,
    /// The anonymous ones of them.
    anonymous: Fair<Group, u64>,
    /// Those that have not logged in.
    door: Door,
    seats: HashMap<u64, Seat>,
    next: u64,
}

/// Whose share of the server a session counts in. All anonymous sessions together have that of one account.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Share {
    Account(Vec<u8>),
    Anonymous,
}

/// What there is for a connection that comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    Enough,
    /// Those that are left are for the sessions that are inside.
    FewDescriptors,
}

/// Where a session has a place.
#[derive(Clone, Copy, Debug)]
enum Seated {
    Door,
    /// Its place among those that have logged in, and among the anonymous ones.
    Inside(PlaceId, Option<PlaceId>),
}

/// What is known of a session that was not told to end.
#[derive(Debug)]
struct Seat {
    at: Seated,
    account: Option<Vec<u8>>,
    idle: Arc<Idle>,
    /// Tells the session to end.
    end: oneshot::Sender<NoPlace>,
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
    /// Whether its login has to displace somebody, because there were hardly any descriptors when it came.
    displaces: AtomicBool,
    /// The account that has logged in.
    account: Mutex<Option<Vec<u8>>>,
}

/// A session whose password is being checked. Dropping it means that the check is over.
#[derive(Debug)]
#[must_use]
pub struct CheckedAtDoor {
    sessions: Arc<Sessions>,
    number: u64,
}

/// Tells a session that it has to end: its connection makes room for another one, or its account is gone.
#[derive(Debug)]
pub struct Displacement(Option<oneshot::Receiver<NoPlace>>);

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
pub enum NoPlace {
    /// A limit is reached, and somebody else needs the place more.
    #[error("{}", _0.refusal().unwrap_or(_0.name()))]
    Reached(Limit),
    /// The operator has removed the account.
    #[error("Your account was removed")]
    Removed,
    /// The address has guessed too many passwords. It is told when the ban ends, which tells it nothing that it
    /// could not find out.
    #[error("Too many wrong logins from your address; try again in {minutes} min")]
    Banned {
        /// How long the ban still lasts, in minutes, rounded up.
        minutes: u64,
    },
}

impl NoPlace {
    /// One word for it: the name of the limit, or what has happened.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reached(limit) => limit.name(),
            Self::Removed => "removed",
            Self::Banned { .. } => "banned",
        }
    }
}

impl Sessions {
    /// No session is counted yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { limits, ..State::default() }) })
    }

    /// Sets other limits. Sessions that are there stay.
    pub fn set(&self, limits: Limits) {
        self.state.locked().limits = limits;
    }

    /// Ends the sessions of all accounts that `stay` does not name.
    pub fn end_others(&self, stay: impl Fn(&[u8]) -> bool) {
        let mut state = self.state.locked();
        let is_gone = |seat: &Seat| seat.account.as_ref().is_some_and(|account| !stay(account));
        let gone: Vec<u64> =
            state.seats.iter().filter(|(_, seat)| is_gone(seat)).map(|(number, _)| *number).collect();
        for number in gone {
            state.end(number, NoPlace::Removed);
        }
    }

    /// Takes a place for a connection from `ip`. If the door is full, the oldest connection of the address
    /// that holds most places there gives way; where several do, of the network that holds most. A session
    /// that has logged in never gives way to one that has not: in a full server, a connection gets in only if
    /// its login could displace somebody ([`SessionSlot::log_in`]).
    ///
    /// # Errors
    /// A limit is reached: the connection has to be turned away.
    pub fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<(SessionSlot, Displacement), NoPlace> {
        self.admit_to(ip, Room::Enough)
    }

    /// The same where there are hardly any descriptors: a connection gets in only if its login could displace
    /// somebody, and if the door is not empty, somebody there gives way to it.
    ///
    /// # Errors
    /// A limit is reached: the connection has to be turned away.
    pub fn admit_to_few_descriptors(
        self: &Arc<Self>,
        ip: IpAddr,
    ) -> Result<(SessionSlot, Displacement), NoPlace> {
        self.admit_to(ip, Room::FewDescriptors)
    }

    fn admit_to(self: &Arc<Self>, ip: IpAddr, room: Room) -> Result<(SessionSlot, Displacement), NoPlace> {
        let from = Group::of(ip);
        let mut state = self.state.locked();
        let limits = state.limits;
        let here = state.by_address.get(&from).copied().unwrap_or(0);
        if kind(ip) != Kind::Loopback && is_full(here, limits.per_address) {
            return Err(NoPlace::Reached(Limit::SessionsPerAddress));
        }
        if state.is_crowded_by(&from) {
            return Err(NoPlace::Reached(Limit::UnauthenticatedPerAddress));
        }
        let number = state.next;
        state.enter(from, number, room)?;
        let (end, ended) = oneshot::channel();
        let idle = Arc::new(Idle::default());
        let seat = Seat { at: Seated::Door, account: None, idle: Arc::clone(&idle), end };
        state.seats.insert(number, seat);
        state.next += 1;
        state.open += 1;
        *state.by_address.entry(from).or_default() += 1;
        let displaces = AtomicBool::new(room == Room::FewDescriptors);
        let account = Mutex::default();
        let slot = Slot { sessions: Arc::clone(self), number, from, idle, displaces, account };
        Ok((SessionSlot(Arc::new(slot)), Displacement(Some(ended))))
    }

    /// If one address crowds the door, its oldest connection without login gives way. Returns whether it did.
    pub fn relieve(&self, why: NoPlace) -> bool {
        let mut state = self.state.locked();
        let displaced = state.door.oldest_of_crowd(CROWD);
        displaced.is_some_and(|displaced| state.end(displaced, why))
    }

    /// How far the limits of sessions are used.
    pub fn uses(&self) -> Vec<Use> {
        let state = self.state.locked();
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
            (Limit::Sessions, (state.seats.len(), sessions)),
            (Limit::SessionsPerAddress, (most_of_address, per_address)),
            (Limit::Unauthenticated, (state.door.len(), unauthenticated)),
            (Limit::UnauthenticatedPerAddress, (state.door.most(), unauthenticated_per_address)),
            (Limit::AccountSessions, closest(&all_of)),
            (Limit::AccountSessionsPerAddress, closest(&most_of)),
        ]
        .map(|(limit, (used, bound))| Use { limit, used, bound })
        .to_vec()
    }
}

impl State {
    /// Whether an address has as many connections without login as it may.
    fn is_crowded_by(&self, from: &Group) -> bool {
        is_full(self.door.count(from), self.limits.unauthenticated_per_address)
    }

    /// A session without login takes its place. At a full door somebody gives way ([`Door`]). In a full
    /// server the door is as large as it is, and so full.
    fn enter(&mut self, from: Group, number: u64, room: Room) -> Result<(), NoPlace> {
        let mut limit = Limit::Unauthenticated;
        let mut places = self.limits.unauthenticated.unwrap_or(usize::MAX);
        if room == Room::FewDescriptors {
            if !self.could_give_way() {
                return Err(NoPlace::Reached(Limit::Descriptors));
            }
            (limit, places) = (Limit::Descriptors, places.min(self.door.len().max(1)));
        }
        if is_full(self.seats.len(), self.limits.sessions) {
            if !self.could_give_way() {
                return Err(NoPlace::Reached(Limit::Sessions));
            }
            // Those that were told to end need their descriptors a little longer.
            let beyond = self.open.saturating_sub(self.limits.sessions.unwrap_or(usize::MAX));
            if beyond >= MAX_BEYOND {
                (limit, places) = (Limit::Sessions, places.min(self.door.len()));
            }
        }
        let displaced = self.door.admit(places, from, number).map_err(|()| NoPlace::Reached(limit))?;
        if let Some(displaced) = displaced {
            self.end(displaced, NoPlace::Reached(limit));
        }
        Ok(())
    }

    /// Whether somebody inside holds so much that another one, who holds nothing, could displace it.
    fn could_give_way(&self) -> bool {
        let shares = self.inside.keys() + 1;
        self.inside.most() > 1 && self.inside.most().saturating_mul(shares) > self.inside.len()
    }

    /// Tells a session to end, and frees its place. Returns whether it was there.
    fn end(&mut self, number: u64, why: NoPlace) -> bool {
        // If that session has ended meanwhile, its place is free all the same.
        self.leave(number).is_some_and(|seat| seat.end.send(why).is_ok())
    }

    fn leave(&mut self, number: u64) -> Option<Seat> {
        let seat = self.seats.remove(&number)?;
        match seat.at {
            Seated::Door => drop(self.door.remove(number)),
            Seated::Inside(place, anonymous) => {
                self.inside.remove(place);
                anonymous.map(|place| self.anonymous.remove(place));
            }
        }
        Some(seat)
    }

    /// `limit` is reached, and `owner` has logged in: ends a session of the account that holds most, if above its
    /// equal share. Of several sessions the one that does nothing for longest goes, then the oldest. Returns
    /// whether there was one.
    fn make_room(&mut self, owner: &Owner, limit: Limit) -> bool {
        let Self { inside, anonymous, seats, .. } = self;
        let rank = |number: &u64| {
            let idle = seats.get(number)?.idle.since();
            Some((idle.is_none(), idle, *number))
        };
        let share = Share::of(owner);
        let mut chosen = inside.make_room(inside.len(), &share, rank);
        if let (None, Owner::Address(from)) = (chosen, owner) {
            chosen = anonymous.make_room(anonymous.len(), from, rank);
        }
        chosen.is_some_and(|number| self.end(number, NoPlace::Reached(limit)))
    }

    /// The places of a session that has logged in.
    fn sit(&mut self, owner: &Owner, number: u64) -> Option<Seated> {
        let no_bound = Bounds::new(usize::MAX);
        let (place, _) = self.inside.admit(no_bound, Share::of(owner), number, |_, _| false).ok()?;
        let Owner::Address(from) = owner else { return Some(Seated::Inside(place, None)) };
        let (among, _) = self.anonymous.admit(no_bound, *from, number, |_, _| false).ok()?;
        Some(Seated::Inside(place, Some(among)))
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

impl Share {
    fn of(owner: &Owner) -> Self {
        match owner {
            Owner::Account(name) => Self::Account(name.clone()),
            Owner::Address(_) => Self::Anonymous,
        }
    }
}

impl Idle {
    fn since(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|since| *since > 0)
    }
}

/// Unauthenticated connections of one address from which on it is displaced first when descriptors are
/// scarce.
const CROWD: usize = 8;
/// Connections beyond the limit of sessions: those that may log in and then displace somebody, and those that
/// were told to end and have not ended yet.
const MAX_BEYOND: usize = 64;

impl SessionSlot {
    /// Records that `account` has logged in. A login after another one takes the place of that. Its share is
    /// that of `owner`. In a full server somebody gives way to it who holds more than an equal share.
    ///
    /// # Errors
    /// The account has as many sessions as it may, or the server is full and no session gives way.
    pub fn log_in(&self, account: &[u8], owner: Owner, limits: AccountLimits) -> Result<(), NoPlace> {
        let Slot { sessions, number, from, displaces, account: mine, .. } = &*self.0;
        let mut state = sessions.state.locked();
        let mut mine = mine.locked();
        if let Some(before) = mine.take() {
            state.leave_account(&before, *from);
        }
        let default = state.limits.per_account.filter(|_| !owner.is_anonymous());
        let of = state.by_account.entry(account.to_vec()).or_default();
        of.limits = AccountLimits { sessions: limits.sessions.or(default), ..limits };
        let here = of.addresses.get(from).copied().unwrap_or(0);
        let refused = if is_full(of.addresses.values().sum(), of.limits.sessions) {
            Some(Limit::AccountSessions)
        } else {
            is_full(here, limits.per_address).then_some(Limit::AccountSessionsPerAddress)
        };
        if let Some(limit) = refused {
            if of.addresses.is_empty() {
                state.by_account.remove(account);
            }
            return Err(NoPlace::Reached(limit));
        }
        *of.addresses.entry(*from).or_default() += 1;
        *mine = Some(account.to_vec());
        let Some(seat) = state.leave(*number) else { return Ok(()) };
        // Another login of this session finds its own place.
        let displaces = displaces.swap(false, Ordering::Relaxed);
        let limit = if is_full(state.inside.len(), state.limits.sessions) {
            Some(Limit::Sessions)
        } else {
            displaces.then_some(Limit::Descriptors)
        };
        if let Some(limit) = limit
            && !state.make_room(&owner, limit)
        {
            return Err(NoPlace::Reached(limit));
        }
        if let Some(at) = state.sit(&owner, *number) {
            state.seats.insert(*number, Seat { at, account: Some(account.to_vec()), ..seat });
        }
        Ok(())
    }

    /// Logs the session out. The session counts among those without login again.
    ///
    /// # Errors
    /// There is no place among them: the session has to end.
    pub fn log_out(&self) -> Result<(), NoPlace> {
        let Slot { sessions, number, from, account, .. } = &*self.0;
        let mut state = sessions.state.locked();
        if let Some(account) = account.locked().take() {
            state.leave_account(&account, *from);
        }
        // A session that was told to end has no seat any more.
        let Some(seat) = state.leave(*number) else { return Ok(()) };
        if state.is_crowded_by(from) {
            return Err(NoPlace::Reached(Limit::UnauthenticatedPerAddress));
        }
        state.enter(*from, *number, Room::Enough)?;
        state.seats.insert(*number, Seat { at: Seated::Door, account: None, ..seat });
        Ok(())
    }

    /// The password of the session is being checked until the result is dropped: it does not give way to
    /// connections that have sent nothing. Those from known addresses are preferred.
    pub fn is_checked(&self, is_preferred: bool) -> CheckedAtDoor {
        let Slot { sessions, number, .. } = &*self.0;
        let mut state = sessions.state.locked();
        let places = state.limits.unauthenticated.unwrap_or(usize::MAX);
        if let Some(displaced) = state.door.begin_check(places, *number, is_preferred) {
            state.end(displaced, NoPlace::Reached(Limit::Hashes));
        }
        CheckedAtDoor { sessions: Arc::clone(sessions), number: *number }
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

impl Displacement {
    /// Waits until the session has to end.
    pub async fn wait(&mut self) -> NoPlace {
        if let Some(displaced) = &mut self.0 {
            let why = displaced.await;
            self.0 = None;
            if let Ok(why) = why {
                return why;
            }
        }
        std::future::pending().await
    }
}

impl Drop for CheckedAtDoor {
    fn drop(&mut self) {
        self.sessions.state.locked().door.end_check(self.number);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.sessions.state.locked();
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

#[cfg(test)]
mod tests;
