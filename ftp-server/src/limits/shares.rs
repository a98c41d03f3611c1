//! Everything that the sessions of one server share, in one value.

use std::net::IpAddr;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ftp_io::clock::Clock;
use ftp_io::crowd::Crowd;
use ftp_proto::address::Group;

use super::descriptors::Descriptors;
use super::detached::DetachedTransfers;
use super::held::HeldPlaces;
use super::hooks::Hooks;
use super::limit::{Limit, Limits, MAX_FILE_THREADS, MAX_FILE_WORK, MAX_HEADERS, MAX_PAM, Use};
use super::logins::Logins;
use super::ports::DataPorts;
use super::proofs::Proofs;
use super::rates::Rates;
use super::sessions::{Displacement, NoPlace, SessionSlot, Sessions};
use super::syncs::Syncs;
use super::turns::Turns;

/// What the sessions of one server share.
#[derive(Debug)]
pub struct Shares {
    /// The file descriptors of the process.
    pub descriptors: Arc<Descriptors>,
    /// Places for sessions.
    pub sessions: Arc<Sessions>,
    /// The pool of data ports.
    pub ports: Arc<DataPorts>,
    /// Data connections that are kept between two files.
    pub kept: Arc<HeldPlaces>,
    /// Groups of files that wait for their names.
    pub groups: Arc<HeldPlaces>,
    /// Transfers that may outlive their control connection.
    pub detached: Arc<DetachedTransfers>,
    /// Checks of passwords.
    pub logins: Arc<Logins>,
    /// The rates that sessions share.
    pub rates: Arc<Rates>,
    /// Attempts to reach foreign targets.
    pub proofs: Arc<Proofs>,
    /// Turns to work on files, on a thread that may block.
    pub files: Arc<Turns>,
    /// Turns to open, move or finish the file of a transfer, on a thread that may block.
    pub transfers: Arc<Turns>,
    /// Turns to ask PAM, on a thread that may hang.
    pub pam: Arc<Turns>,
    /// Turns to compute a part of a digest: one for each processor.
    pub digests: Arc<Turns>,
    /// Syncs of whole file systems.
    pub syncs: Arc<Syncs>,
    /// Connections of proxies whose header has not come yet, by proxy.
    pub headers: Arc<Crowd<Group>>,
    /// Room for hooks after uploads, and their turns.
    pub hooks: Hooks,
}

impl Shares {
    /// Nothing is in use yet. Data ports come from `ports`; without it, any free port will do.
    pub fn new(limits: Limits, ports: Option<RangeInclusive<u16>>, clock: Clock) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let descriptors = Arc::new(Descriptors::open());
        Self {
            sessions: Sessions::new(limits),
            ports: DataPorts::new(ports, Arc::clone(&descriptors), clock),
            descriptors,
            pam: Turns::with_half_per_owner(MAX_PAM),
            kept: HeldPlaces::connections(),
            groups: HeldPlaces::groups(),
            detached: DetachedTransfers::new(clock),
            logins: Logins::new(limits.logins, clock),
            rates: Rates::new(clock),
            proofs: Proofs::new(clock),
            files: Turns::with_half_per_owner(limits.at_once.commands.unwrap_or(MAX_FILE_WORK)),
            transfers: Turns::with_half_per_owner(
                limits.at_once.transfers.unwrap_or(MAX_FILE_THREADS - MAX_FILE_WORK),
            ),
            digests: Turns::new(limits.at_once.digests.unwrap_or(processors)),
            syncs: Syncs::new(clock),
            headers: Crowd::new(MAX_HEADERS),
            hooks: Hooks::new(limits.hooks),
        }
    }

    /// Takes a place for a connection from `ip`, unless that is banned.
    ///
    /// # Errors
    /// It has to be turned away.
    pub fn admit(&self, ip: IpAddr) -> Result<(SessionSlot, Displacement), NoPlace> {
        self.is_welcome(ip)?;
        self.sessions.admit(ip)
    }

    /// The same where the last descriptors are for those who are inside. What one account keeps between two commands gives
    /// way before any session does. Where no account keeps anything, a connection gets in only if its login could displace
    /// somebody who holds more than an equal share.
    ///
    /// # Errors
    /// It has to be turned away.
    pub fn admit_to_few_descriptors(&self, ip: IpAddr) -> Result<(SessionSlot, Displacement), NoPlace> {
        self.is_welcome(ip)?;
        if self.relieve_kept() {
            return self.sessions.admit(ip);
        }
        self.relieve_others();
        self.sessions.admit_to_few_descriptors(ip)
    }

    fn is_welcome(&self, ip: IpAddr) -> Result<(), NoPlace> {
        match self.logins.banned_for(ip) {
            Some(left) => Err(NoPlace::Banned { minutes: left.as_secs().div_ceil(60).max(1) }),
            None => Ok(()),
        }
    }

    /// How far each limit is used, in the order of [`Limit::all`].
    pub fn uses(&self) -> Vec<Use> {
        let mut uses = self.sessions.uses();
        uses.extend(self.logins.uses());
        uses.push(self.proofs.in_use());
        uses.extend(self.ports.uses());
        uses.push(self.descriptors.in_use());
        uses.extend([
            self.files.in_use(Limit::FileCommands),
            self.transfers.in_use(Limit::Transfers),
            self.digests.in_use(Limit::Digests),
            self.syncs.in_use(),
        ]);
        uses.extend([self.kept.in_use(), self.groups.in_use()]);
        let headers = (self.headers.len(), Some(self.headers.places()));
        uses.push(Use { limit: Limit::ProxyHeaders, used: headers.0, bound: headers.1 });
        uses.push(self.pam.in_use(Limit::Pam));
        uses.extend([self.hooks.in_use(), self.detached.in_use()]);
        uses
    }

    /// Called when descriptors are scarce. A data connection that no file uses or a group that waits
    /// for its names gives way first, then a crowd of connections without login, then the owner of most data ports.
    pub fn relieve(&self) {
        if !self.relieve_kept() {
            self.relieve_others();
        }
    }

    /// The same where no account keeps anything between two commands.
    fn relieve_others(&self) {
        if !self.sessions.relieve(NoPlace::Reached(Limit::Descriptors)) {
            self.ports.relieve();
        }
    }

    /// Called when descriptors are scarce for a data connection: one that no file uses or a group gives way
    /// first, then the owner of most data ports.
    pub fn relieve_data(&self) {
        if !self.relieve_kept() {
            self.ports.relieve();
        }
    }

    /// The account that keeps most descriptors between two commands gives back what it has of this kind.
    fn relieve_kept(&self) -> bool {
        let groups_first = self.groups.most_descriptors() > self.kept.most_descriptors();
        let [first, second] =
            if groups_first { [&self.groups, &self.kept] } else { [&self.kept, &self.groups] };
        first.relieve() || second.relieve()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{AccountLimits, HeldSlot, named};
    use ftp_proto::timer::Moment;
    use std::time::Duration;
    use tokio::sync::Notify;

    #[test]
    fn when_descriptors_are_few_whoever_keeps_most_of_them_gives_back() {
        let shares = Shares::new(Limits::default(), None, Clock::start());
        let needed = Arc::<Notify>::default();
        let bob = [(); 3].map(|()| shares.kept.take(named("bob"), &needed).unwrap());
        let eve = [(); 3].map(|()| shares.groups.take(named("eve"), &needed).unwrap());
        let taken = |slots: &[HeldSlot]| slots.iter().filter(|slot| slot.is_taken()).count();
        shares.relieve();
        assert_eq!((taken(&bob), taken(&eve)), (0, 1), "three connections, and six descriptors of groups");
        shares.relieve_data();
        assert_eq!((taken(&bob), taken(&eve)), (0, 2));
        shares.relieve();
        assert_eq!((taken(&bob), taken(&eve)), (1, 2));
    }

    /// How many sessions were told to end since the last time.
    async fn displaced(sessions: &mut [(SessionSlot, Displacement)]) -> usize {
        let mut count = 0;
        for (_, told) in sessions {
            count += tokio::select! {
                biased;
                _ = told.wait() => 1,
                () = std::future::ready(()) => 0,
            };
        }
        count
    }

    #[tokio::test]
    async fn what_one_account_keeps_gives_way_before_a_session_of_another_one() {
        let shares = Shares::new(Limits::default(), None, Clock::start());
        let host = |n: u8| IpAddr::from([192, 0, 2, n]);
        let log_in = |slot: &SessionSlot, name: &str| {
            slot.log_in(name.as_bytes(), named(name), AccountLimits::default()).unwrap();
        };
        // Three idle sessions of ann are more than an equal share of the sessions.
        let mut anns = [(); 3].map(|()| shares.admit(host(1)).unwrap());
        for (slot, _) in &anns {
            log_in(slot, "ann");
            slot.set_idle(Some(Moment::after_start(Duration::from_secs(1))));
        }
        let needed = Arc::<Notify>::default();
        let mut eve: Vec<HeldSlot> =
            [(); 2].map(|()| shares.groups.take(named("eve"), &needed).unwrap()).into();
        for (left, name) in [(1, "bob"), (0, "dan")] {
            let (slot, _told) = shares.admit_to_few_descriptors(host(2)).unwrap();
            // Her session gives the group back.
            eve.retain(|group| !group.is_taken());
            log_in(&slot, name);
            assert_eq!((eve.len(), displaced(&mut anns).await), (left, 0), "{name} needs no session of ann");
        }
        let (slot, _told) = shares.admit_to_few_descriptors(host(2)).unwrap();
        log_in(&slot, "kim");
        assert_eq!(displaced(&mut anns).await, 1, "nobody keeps anything, and ann has most sessions");
    }

    #[test]
    fn every_limit_has_its_use() {
        let shares = Shares::new(Limits::default(), Some(20_000..=20_009), Clock::start());
        let uses = shares.uses();
        assert_eq!(uses.iter().map(|of| of.limit).collect::<Vec<_>>(), Limit::all().collect::<Vec<_>>());
        let of = |limit: Limit| uses.iter().find(|of| of.limit == limit).unwrap();
        assert_eq!((of(Limit::DataPorts).bound, of(Limit::AnonymousPorts).bound), (Some(10), Some(5)));
        assert!(of(Limit::Descriptors).used > 2);
        let idle = uses.iter().filter(|of| of.limit != Limit::Descriptors);
        assert!(idle.clone().all(|of| of.used == 0), "{uses:?}");
    }
}
