//! Data ports, shared fairly: when none is free, the account that holds most of them gives one back.
//!
//! Which ports exist is not known here: other programs may use some of a range, and without a range the
//! system has its own. The range counts as exhausted when a port cannot be bound.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_io::socket::{Ports, Reserved};
use ftp_proto::address::Parity;
use ftp_proto::fair::{Bounds, Fair, GivesWay, PlaceId};
use tokio::sync::Notify;

use super::Owner;
use super::descriptors::{Descriptors, Scarcity, is_out_of_descriptors};
use super::limit::{Limit, Use};

/// The data ports of the process, and who has them.
#[derive(Debug)]
pub struct DataPorts {
    ports: Arc<Ports>,
    descriptors: Arc<Descriptors>,
    clock: Clock,
    /// How many ports there are at one address of this host; `None` without a range.
    count: Option<usize>,
    /// How many ports the anonymous sessions may have at one address of this host.
    for_anonymous: usize,
    tables: Mutex<HashMap<IpAddr, Table>>,
    /// A port was given back.
    freed: Notify,
}

/// Who has ports at one address of this host.
#[derive(Debug, Default)]
struct Table {
    all: Fair<Owner, HeldPort>,
    /// The same for anonymous sessions alone; each holder is named by its number.
    anonymous: Fair<Owner, u64>,
    /// The places of a holder in both, by its number.
    places: HashMap<u64, Places>,
    next: u64,
}

/// The places of one holder.
#[derive(Clone, Copy, Debug)]
struct Places {
    all: PlaceId,
    anonymous: Option<PlaceId>,
}

/// A port that somebody has, or waits for.
#[derive(Debug)]
struct HeldPort {
    number: u64,
    /// Tells the session that others need its ports.
    needed: Arc<Notify>,
}

/// A data port of one session. Dropping it gives the port back.
#[derive(Debug)]
pub struct DataPort {
    /// The port itself.
    pub reserved: Arc<Reserved>,
    /// Held for its effect.
    _claim: Claim,
}

/// A place in the table.
#[derive(Debug)]
struct Claim {
    ports: Arc<DataPorts>,
    at: IpAddr,
    number: u64,
}

impl DataPorts {
    /// Creates the table; no port is taken yet. Ports come from `range`; without it, any free port will do.
    pub fn new(range: Option<RangeInclusive<u16>>, descriptors: Arc<Descriptors>, clock: Clock) -> Arc<Self> {
        let count = range.as_ref().map(ExactSizeIterator::len);
        Arc::new(Self {
            ports: Ports::new(range),
            descriptors,
            clock,
            count,
            for_anonymous: (count.unwrap_or(usize::MAX) / 2).max(1),
            tables: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Reserves a port at the address `at` for a session of `owner`. If there is none, a session that has
    /// more than its share is told by its `needed` to give its ports back, and this waits for one of them.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] if no other owner has to give way, or none does so in time.
    pub async fn reserve(
        self: &Arc<Self>,
        at: IpAddr,
        owner: Owner,
        needed: &Arc<Notify>,
        parity: Parity,
    ) -> io::Result<DataPort> {
        let claim = self.claim(at, owner.clone(), needed)?;
        let bind = || self.judge(self.ports.reserve(at, parity), |port| port);
        let reserved = self.bind_in_time(at, &owner, claim.number, bind).await?;
        Ok(DataPort { reserved: Arc::new(reserved), _claim: claim })
    }

    /// Reserves an even port and the odd one that follows it, in the same way. They count as two.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] if no other owner has to give way, or none does so in time.
    pub async fn reserve_pair(
        self: &Arc<Self>,
        at: IpAddr,
        owner: Owner,
        needed: &Arc<Notify>,
    ) -> io::Result<[DataPort; 2]> {
        let (first, second) =
            (self.claim(at, owner.clone(), needed)?, self.claim(at, owner.clone(), needed)?);
        let bind = || self.judge(self.ports.reserve_pair(at), |(_, odd)| odd);
        let (even, odd) = self.bind_in_time(at, &owner, first.number, bind).await?;
        Ok([(even, first), (odd, second)]
            .map(|(reserved, claim)| DataPort { reserved: Arc::new(reserved), _claim: claim }))
    }

    /// Waits until `bind` has got what it wants for the holder `number`.
    async fn bind_in_time<T>(
        &self,
        at: IpAddr,
        owner: &Owner,
        number: u64,
        bind: impl Fn() -> io::Result<T>,
    ) -> io::Result<T> {
        let mut deadline = None;
        loop {
            // Before the attempt: what is given back meanwhile must not be missed.
            let freed = self.freed.notified();
            match bind() {
                Ok(reserved) => return Ok(reserved),
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Err(error),
                Err(error) if deadline.is_some_and(|deadline| self.clock.now() >= deadline) => {
                    return Err(error);
                }
                Err(error) if deadline.is_none() => {
                    if !self.displace(at, owner, number) {
                        return Err(error);
                    }
                    deadline = Some(self.clock.now() + GIVE_BACK_TIMEOUT);
                }
                Err(_) => {}
            }
            tokio::select! {
                biased;
                () = freed => {}
                // A socket may be closed a little later than it is given back.
                () = self.clock.sleep_until(Some(self.clock.now() + RETRY_DELAY)) => {}
            }
        }
    }

    /// Called when descriptors are scarce: the owner of most data ports, if above its equal share, gives its
    /// oldest one back. No owner loses its only port.
    pub fn relieve(&self) {
        let mut tables = self.tables.locked();
        let mut counts: HashMap<&Owner, usize> = HashMap::new();
        for (owner, _) in tables.values().flat_map(|table| table.all.iter()) {
            *counts.entry(owner).or_default() += 1;
        }
        let (owners, all) = (counts.len(), counts.values().sum::<usize>());
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let is_beyond_share = |count: usize| count > 1 && (count.saturating_mul(owners) > all || owners == 1);
        let Some((most, _)) = most.filter(|(_, count)| is_beyond_share(*count)) else { return };
        let most = most.clone();
        for table in tables.values_mut() {
            let number = table.all.iter().find(|(owner, _)| **owner == most).map(|(_, taken)| taken.number);
            if let Some(taken) = number.and_then(|number| table.remove(number)) {
                taken.needed.notify_one();
                return;
            }
        }
    }

    /// How far the limits of ports are used, at the address of this host where most are.
    pub fn uses(&self) -> [Use; 2] {
        let tables = self.tables.locked();
        let most = |held: fn(&Table) -> usize| tables.values().map(held).max().unwrap_or(0);
        let for_anonymous = self.count.map(|_| self.for_anonymous);
        [
            (Limit::DataPorts, most(|table| table.all.len()), self.count),
            (Limit::AnonymousPorts, most(|table| table.anonymous.len()), for_anonymous),
        ]
        .map(|(limit, used, bound)| Use { limit, used, bound })
    }

    /// What was bound, of which `newest` is the port that was bound last. Reports [`io::ErrorKind::AddrInUse`] when only
    /// reserved descriptors are left.
    fn judge<T>(&self, bound: io::Result<T>, newest: impl Fn(&T) -> &Reserved) -> io::Result<T> {
        match bound {
            Ok(bound) if self.descriptors.scarcity(newest(&bound).descriptor()) < Scarcity::ForFiles => {
                Ok(bound)
            }
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if is_out_of_descriptors(&error) => Err(io::ErrorKind::AddrInUse.into()),
            Err(error) => Err(error),
        }
    }

    /// Enters `owner` in the table. Beyond their bound, anonymous ports displace each other.
    fn claim(self: &Arc<Self>, at: IpAddr, owner: Owner, needed: &Arc<Notify>) -> io::Result<Claim> {
        let mut tables = self.tables.locked();
        let table = tables.entry(at).or_default();
        let number = table.next;
        table.next += 1;
        let full = || io::Error::from(io::ErrorKind::AddrInUse);
        let mut anonymous = None;
        if owner.is_anonymous() {
            let bounds = bounds(self.for_anonymous);
            let admitted = table.anonymous.admit(bounds, owner.clone(), number, |_, _| false);
            let (place, displaced) = admitted.map_err(|_| full())?;
            anonymous = Some(place);
            if let Some(taken) = displaced.and_then(|number| table.remove(number)) {
                taken.needed.notify_one();
            }
        }
        let taken = HeldPort { number, needed: Arc::clone(needed) };
        // The table has no bound of its own: the system says whether a port is free.
        let admitted = table.all.admit(bounds(usize::MAX), owner, taken, |_, _| false);
        let (all, _) = admitted.map_err(|_| full())?;
        table.places.insert(number, Places { all, anonymous });
        Ok(Claim { ports: Arc::clone(self), at, number })
    }

    /// All ports are taken, and `owner` waits for one as `number`. Returns whether another holder was
    /// displaced.
    fn displace(&self, at: IpAddr, owner: &Owner, number: u64) -> bool {
        let mut tables = self.tables.locked();
        let Some(table) = tables.get_mut(&at) else { return false };
        let Some(Places { all, .. }) = table.places.get(&number).copied() else { return false };
        let Some(mine) = table.all.remove(all) else { return false };
        let full = bounds(table.all.len());
        let Ok((place, displaced)) = table.all.admit(full, owner.clone(), mine, |_, _| false) else {
            return false;
        };
        if let Some(places) = table.places.get_mut(&number) {
            places.all = place;
        }
        let Some(displaced) = displaced else { return false };
        table.remove(displaced.number);
        displaced.needed.notify_one();
        true
    }
}

impl Table {
    /// Strikes a holder out, if it is still there.
    fn remove(&mut self, number: u64) -> Option<HeldPort> {
        let Places { all, anonymous } = self.places.remove(&number)?;
        if let Some(place) = anonymous {
            self.anonymous.remove(place);
        }
        self.all.remove(all)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut tables = self.ports.tables.locked();
        if let Some(table) = tables.get_mut(&self.at) {
            table.remove(self.number);
            if table.all.is_empty() {
                tables.remove(&self.at);
            }
        }
        drop(tables);
        self.ports.freed.notify_waiters();
    }
}

/// A newcomer displaces the oldest port of another account, never one of its own.
const fn bounds(places: usize) -> Bounds {
    Bounds { to_own: GivesWay::Newest, to_others: GivesWay::Oldest, ..Bounds::new(places) }
}

/// How long to wait for a port that somebody has to give back.
const GIVE_BACK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often binding is tried again in that time.
const RETRY_DELAY: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::named;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 77));

    fn anonymous(last: u8) -> Owner {
        Owner::new(None, [192, 0, 2, last].into())
    }

    /// A pool of `count` ports that nobody else uses.
    fn pool(count: u16) -> Arc<DataPorts> {
        for low in (20_000..60_000_u16).step_by(usize::from(count)) {
            let free = |port| Ports::new(Some(port..=port)).reserve(HERE, Parity::Any).is_ok();
            if (low..low + count).all(free) {
                let range = Some(low..=low + count - 1);
                return DataPorts::new(range, Arc::new(Descriptors::open()), Clock::start());
            }
        }
        panic!("no {count} free ports in a row");
    }

    /// A session that gives its port back when it is told to.
    async fn obedient(ports: &Arc<DataPorts>, owner: Owner) -> tokio::task::JoinHandle<()> {
        let needed = Arc::new(Notify::new());
        let port = ports.reserve(HERE, owner, &needed, Parity::Any).await.unwrap();
        tokio::spawn(async move {
            needed.notified().await;
            drop(port);
        })
    }

    async fn has_room(ports: &Arc<DataPorts>, owner: Owner) -> io::Result<DataPort> {
        ports.reserve(HERE, owner, &Arc::new(Notify::new()), Parity::Any).await
    }

    #[tokio::test]
    async fn the_oldest_port_of_whoever_has_most_is_given_to_others_but_not_to_its_own() {
        let ports = pool(4);
        let bobs = obedient(&ports, named("bob")).await;
        let first = obedient(&ports, named("ann")).await;
        let second = obedient(&ports, named("ann")).await;
        let third = obedient(&ports, named("ann")).await;
        let refused = has_room(&ports, named("ann")).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        let _eves = has_room(&ports, named("eve")).await.unwrap();
        first.await.unwrap();
        let _dans = has_room(&ports, named("dan")).await.unwrap();
        second.await.unwrap();
        assert!(!third.is_finished() && !bobs.is_finished());
        assert!(has_room(&ports, named("bob")).await.is_err(), "each has one");
    }

    #[tokio::test]
    async fn anonymous_sessions_have_at_most_half_and_share_it() {
        let ports = pool(6);
        let mut theirs = Vec::new();
        for _ in 0..3 {
            theirs.push(obedient(&ports, anonymous(1)).await);
        }
        assert!(has_room(&ports, anonymous(1)).await.is_err());
        let mut anns = Vec::new();
        for _ in 0..3 {
            anns.push(has_room(&ports, named("ann")).await.unwrap());
        }
        let _other = has_room(&ports, anonymous(2)).await.unwrap();
        theirs.remove(0).await.unwrap();
        assert!(theirs.iter().all(|session| !session.is_finished()));
    }

    #[tokio::test]
    async fn too_few_descriptors_are_relieved_by_whoever_has_most_ports() {
        let ports = pool(4);
        let bobs = obedient(&ports, named("bob")).await;
        let first = obedient(&ports, named("ann")).await;
        let second = obedient(&ports, named("ann")).await;
        ports.relieve();
        first.await.unwrap();
        assert!(!bobs.is_finished() && !second.is_finished());
    }

    #[tokio::test]
    async fn nobody_gives_its_only_port_back_because_there_are_too_few_descriptors() {
        let ports = pool(4);
        let bobs = obedient(&ports, named("bob")).await;
        ports.relieve();
        tokio::task::yield_now().await;
        assert!(!bobs.is_finished());
        let second = obedient(&ports, named("bob")).await;
        ports.relieve();
        bobs.await.unwrap();
        assert!(!second.is_finished());
    }

    #[tokio::test]
    async fn nothing_is_remembered_of_ports_that_were_given_back() {
        let ports = pool(2);
        drop(has_room(&ports, named("ann")).await.unwrap());
        drop(has_room(&ports, anonymous(1)).await.unwrap());
        assert!(ports.tables.locked().is_empty());
    }
}
