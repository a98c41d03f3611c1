//! Whether two agents can connect directly at all, and how often an agent tries one address, and how many addresses it tries. So
//! a hub that names foreign addresses causes few connections, and two agents that cannot connect do not wait for it with every
//! file. A hub that tells no addresses is not waited for with every file either.

use crate::address::{Family, Group, plain, unmapped};
use crate::timer::Moment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What has come of a try.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Try {
    /// A direct connection.
    Connected,
    /// None, although this agent has connected to the address.
    Failed,
    /// This agent has not connected to the address.
    Skipped,
}

/// Why no try may begin.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Busy {
    /// The address is left alone after a failure.
    #[error("a direct connection with that address has failed, and it is left alone for a while")]
    Resting,
    /// As many tries with that address as there may be are under way.
    #[error("direct connections with that address are being tried")]
    Trying,
    /// As many tries as there may be are under way.
    #[error("too many direct connections are being tried")]
    TooManyOpen,
    /// Too many addresses do not answer.
    #[error("direct connections with too many other addresses have failed")]
    TooManyFailing,
    /// The hub has told nothing the last time.
    #[error("the hub has not told where other agents are, and is not asked for a while")]
    SilentHub,
}

/// The tries of one agent.
#[derive(Debug, Default)]
pub struct Memory {
    addresses: BTreeMap<Group, Past>,
    /// Failures of the hub to tell where it sees other agents.
    silent: Option<Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Past {
    /// Tries that are under way.
    open: usize,
    last: Last,
}

/// What has come of the last try.
#[derive(Clone, Copy, Debug)]
enum Last {
    /// It is the first one.
    None,
    Answered(Moment),
    Failed(Failures),
}

/// Failures without a success since.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Moment,
}

impl Memory {
    /// Begins a try with this address. [`Memory::ended`] must follow.
    ///
    /// # Errors
    ///
    /// No try may begin now.
    pub fn begin(&mut self, now: Moment, with: IpAddr) -> Result<(), Busy> {
        let of = Group::of(with);
        self.addresses.retain(|_, past| past.open > 0 || !past.last.is_forgotten(now));
        let open: usize = self.addresses.values().map(|past| past.open).sum();
        let past = self.addresses.get(&of).copied();
        match past {
            Some(Past { last: Last::Failed(failures), .. }) if failures.rest(now) => {
                return Err(Busy::Resting);
            }
            Some(past) if past.open >= past.last.most() => return Err(Busy::Trying),
            None if self.count(|last| !matches!(last, Last::Answered(_))) >= FAILING => {
                return Err(Busy::TooManyFailing);
            }
            Some(_) | None if open >= OPEN => return Err(Busy::TooManyOpen),
            Some(_) | None => {}
        }
        self.addresses.entry(of).or_insert(Past { open: 0, last: Last::None }).open += 1;
        Ok(())
    }

    /// A try with this address has ended.
    pub fn ended(&mut self, now: Moment, with: IpAddr, result: Try) {
        let of = Group::of(with);
        let Some(past) = self.addresses.get_mut(&of) else { return };
        past.open = past.open.saturating_sub(1);
        match (result, past.last) {
            (Try::Connected, _) => past.last = Last::Answered(now),
            (Try::Failed, Last::Failed(failures)) => past.last = Last::Failed(failures.and(now)),
            (Try::Failed, Last::None | Last::Answered(_)) => {
                past.last = Last::Failed(Failures { count: 1, last: now });
            }
            (Try::Skipped, _) => {}
        }
        if past.open == 0 && matches!(past.last, Last::None) {
            self.addresses.remove(&of);
        }
        if self.count(|last| matches!(last, Last::Answered(_))) > ANSWERED {
            self.forget_oldest();
        }
    }

    /// Whether the hub may be waited for to tell where it sees another agent.
    ///
    /// # Errors
    ///
    /// It has told nothing the last time.
    pub fn wait_for_hub(&self, now: Moment) -> Result<(), Busy> {
        let rests = self.silent.is_some_and(|failures| failures.rest(now));
        if rests { Err(Busy::SilentHub) } else { Ok(()) }
    }

    /// The hub has told where it sees another agent.
    pub fn hub_told(&mut self) {
        self.silent = None;
    }

    /// The hub was waited for in vain.
    pub fn hub_was_silent(&mut self, now: Moment) {
        self.silent = Some(match self.silent {
            Some(failures) => failures.and(now),
            None => Failures { count: 1, last: now },
        });
    }

    fn count(&self, which: impl Fn(Last) -> bool) -> usize {
        self.addresses.values().filter(|past| which(past.last)).count()
    }

    /// Forgets the address that has answered longest ago, unless it is being tried.
    fn forget_oldest(&mut self) {
        let answered = self.addresses.iter().filter_map(|(of, past)| match past {
            Past { open: 0, last: Last::Answered(at) } => Some((*at, *of)),
            Past { .. } => None,
        });
        if let Some((_, oldest)) = answered.min_by_key(|(at, _)| *at) {
            self.addresses.remove(&oldest);
        }
    }
}

impl Last {
    const fn most(self) -> usize {
        match self {
            Self::Answered(_) => OPEN_OF_ONE,
            Self::None | Self::Failed(_) => 1,
        }
    }

    fn is_forgotten(self, now: Moment) -> bool {
        match self {
            Self::None => true,
            Self::Answered(at) | Self::Failed(Failures { last: at, .. }) => {
                now.since(at) >= LONGEST_REST.saturating_mul(2)
            }
        }
    }
}

impl Failures {
    fn rest(self, now: Moment) -> bool {
        let doublings = self.count.saturating_sub(1).min(MAX_DOUBLINGS);
        now.since(self.last) < REST.saturating_mul(1 << doublings).min(LONGEST_REST)
    }

    /// One more. No try begins during a rest: one that ends in it began beside the one that has failed, and does not
    /// count.
    fn and(self, now: Moment) -> Self {
        if self.rest(now) {
            return self;
        }
        Self { count: self.count.saturating_add(1), last: now }
    }
}

/// Maximum number of tries at the same time.
const OPEN: usize = 64;
/// Maximum number of tries at the same time with one address that has answered the last time. With any other
/// address there is one.
const OPEN_OF_ONE: usize = 16;
/// After a failure an address is left alone for this time, doubled by each further failure.
const REST: Duration = Duration::from_secs(60);
/// No rest is longer. Failures are forgotten after twice this time.
const LONGEST_REST: Duration = Duration::from_secs(3600);
/// Maximum number of addresses that have not answered: their last try failed and is not forgotten yet, or their
/// first one is under way. Beyond it only these are tried, and those that have answered.
const FAILING: usize = 16;
/// Maximum number of addresses that have answered and are remembered. Beyond it the oldest one is forgotten.
const ANSWERED: usize = 64;
/// So many doublings are enough for the longest rest.
const MAX_DOUBLINGS: u32 = 16;

/// What lies between an agent and the network where the hub is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Nat {
    /// Nothing that changes addresses.
    None,
    /// A router that changes the address and keeps the port.
    KeepsPort,
    /// A router that changes the port too. Nobody can know the next port: it may be another one for each peer
    /// (symmetric NAT).
    ChangesPort,
}

/// Where the hub sees an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The address and port.
    pub at: SocketAddr,
    /// What is before the agent.
    pub nat: Nat,
}

impl Place {
    /// The place of an agent that has connected from `local` and is seen at `seen`.
    pub fn of(local: SocketAddr, seen: SocketAddr) -> Self {
        let (local, at) = (plain(local), plain(seen));
        let nat = if local.ip() == at.ip() && local.port() == at.port() {
            Nat::None
        } else if local.port() == at.port() {
            Nat::KeepsPort
        } else {
            Nat::ChangesPort
        };
        Self { at, nat }
    }
}

/// Whether no direct connection between two agents can come about: one of two routers gives ports that nobody can
/// know, both agents are behind one router (their addresses behind it are not told), or they are of two families.
///
/// ```
/// use ftp_proto::relay::punch::{Nat, Place, is_hopeless};
/// let place = |at: &str, nat| Place { at: at.parse().unwrap(), nat };
/// let [one, two] = ["192.0.2.1:4000", "198.51.100.2:5000"];
/// assert!(!is_hopeless(place(one, Nat::KeepsPort), place(two, Nat::KeepsPort)));
/// assert!(!is_hopeless(place(one, Nat::ChangesPort), place(two, Nat::None)));
/// assert!(is_hopeless(place(one, Nat::ChangesPort), place(two, Nat::KeepsPort)));
/// ```
pub fn is_hopeless(one: Place, other: Place) -> bool {
    let (ip, peer) = (unmapped(one.at.ip()), unmapped(other.at.ip()));
    let unknown_port = match (one.nat, other.nat) {
        (Nat::ChangesPort, Nat::KeepsPort | Nat::ChangesPort) | (Nat::KeepsPort, Nat::ChangesPort) => true,
        (Nat::None, _) | (_, Nat::None) | (Nat::KeepsPort, Nat::KeepsPort) => false,
    };
    unknown_port || ip == peer || Family::of(ip) != Family::of(peer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    fn ip(n: u32) -> IpAddr {
        Ipv4Addr::from_bits(0xc000_0200 + n).into()
    }

    fn fails(memory: &mut Memory, now: Moment, with: IpAddr) -> bool {
        let begun = memory.begin(now, with).is_ok();
        if begun {
            memory.ended(now, with, Try::Failed);
        }
        begun
    }

    fn answers(memory: &mut Memory, now: Moment, with: IpAddr) {
        memory.begin(now, with).unwrap();
        memory.ended(now, with, Try::Connected);
    }

    #[test]
    fn r48_an_address_that_does_not_answer_is_tried_more_and_more_seldom() {
        let mut memory = Memory::default();
        let tried: Vec<u64> = (0..4 * 3600).filter(|second| fails(&mut memory, at(*second), ip(1))).collect();
        assert_eq!(tried[..6], [0, 60, 180, 420, 900, 1_860]);
        assert!(tried.windows(2).skip(6).all(|pair| pair[1] - pair[0] == 3_600), "{tried:?}");
    }

    #[test]
    fn r48_a_hub_cannot_make_an_agent_try_many_addresses() {
        let mut memory = Memory::default();
        let tried = (0..10_000).filter(|n| fails(&mut memory, at(1), ip(*n))).count();
        assert_eq!(tried, FAILING);
        assert_eq!(memory.begin(at(1), ip(9_999)), Err(Busy::TooManyFailing));
        assert_eq!(memory.begin(at(2 * 3600 + 1), ip(9_999)), Ok(()), "what failed long ago is forgotten");
    }

    #[test]
    fn r48_tries_that_are_under_way_count_as_if_they_had_failed() {
        let mut memory = Memory::default();
        let tried = (0..10_000).filter(|n| memory.begin(at(1), ip(*n)).is_ok()).count();
        assert_eq!(tried, FAILING);
        assert_eq!(memory.begin(at(1), ip(1)), Err(Busy::Trying), "one host gets the connections of one try");
        memory.ended(at(2), ip(1), Try::Skipped);
        assert_eq!(memory.begin(at(2), ip(9_999)), Ok(()));
    }

    #[test]
    fn addresses_that_fail_do_not_end_direct_connections_with_those_that_have_answered() {
        let mut memory = Memory::default();
        answers(&mut memory, at(0), ip(9_999));
        assert_eq!((0..100).filter(|n| fails(&mut memory, at(1), ip(*n))).count(), FAILING);
        assert_eq!(memory.begin(at(1), ip(9_999)), Ok(()));
    }

    #[test]
    fn an_address_that_has_answered_is_tried_again_at_once_and_several_times() {
        let mut memory = Memory::default();
        fails(&mut memory, at(0), ip(1));
        assert_eq!(memory.begin(at(59), ip(1)), Err(Busy::Resting));
        answers(&mut memory, at(60), ip(1));
        let open = (0..100).filter(|_| memory.begin(at(61), ip(1)).is_ok()).count();
        assert_eq!(open, OPEN_OF_ONE);
        (2..20).for_each(|n| answers(&mut memory, at(61), ip(n)));
        let more = (0..100).flat_map(|_| 2..20).filter(|n| memory.begin(at(61), ip(*n)).is_ok()).count();
        assert_eq!(more, OPEN - open);
        assert_eq!(memory.begin(at(61), ip(20)), Err(Busy::TooManyOpen));
    }

    #[test]
    fn tries_that_fail_beside_each_other_are_one_failure() {
        let mut memory = Memory::default();
        answers(&mut memory, at(0), ip(1));
        (0..10).for_each(|_| memory.begin(at(0), ip(1)).unwrap());
        (0..10).for_each(|_| memory.ended(at(2), ip(1), Try::Failed));
        assert_eq!(memory.begin(at(61), ip(1)), Err(Busy::Resting));
        assert_eq!(memory.begin(at(62), ip(1)), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut memory = Memory::default();
        for n in 0..10_000 {
            memory.begin(at(1), ip(n)).unwrap();
            memory.ended(at(1), ip(n), if n % 2 == 0 { Try::Connected } else { Try::Skipped });
        }
        assert_eq!(memory.addresses.len(), ANSWERED);
    }

    #[test]
    fn a_hub_that_tells_nothing_is_not_waited_for_with_every_file() {
        let mut memory = Memory::default();
        let waited: Vec<u64> = (0..4 * 3600)
            .filter(|second| {
                let waits = memory.wait_for_hub(at(*second)).is_ok();
                if waits {
                    memory.hub_was_silent(at(*second));
                }
                waits
            })
            .collect();
        assert_eq!(waited[..6], [0, 60, 180, 420, 900, 1_860]);
        memory.hub_told();
        assert_eq!(memory.wait_for_hub(at(4 * 3600)), Ok(()));
    }

    #[test]
    fn what_is_before_an_agent_shows_in_what_the_hub_sees() {
        let of = |local: &str, seen: &str| Place::of(local.parse().unwrap(), seen.parse().unwrap());
        assert_eq!(of("192.0.2.1:4000", "[::ffff:192.0.2.1]:4000").nat, Nat::None);
        assert_eq!(of("10.0.0.2:4000", "192.0.2.1:4000").nat, Nat::KeepsPort);
        assert_eq!(of("10.0.0.2:4000", "192.0.2.1:1024").nat, Nat::ChangesPort);
        assert_eq!(of("192.0.2.1:4000", "192.0.2.1:4001").nat, Nat::ChangesPort);
    }

    #[test]
    fn r48_a_port_that_nobody_can_know_is_hopeless_only_between_two_routers() {
        let nats = [Nat::None, Nat::KeepsPort, Nat::ChangesPort];
        let place = |at: &str, nat| Place { at: at.parse().unwrap(), nat };
        let hopeless = nats.map(|one| {
            nats.map(|other| is_hopeless(place("192.0.2.1:4000", one), place("192.0.2.9:4000", other)))
        });
        assert_eq!(hopeless, [[false, false, false], [false, false, true], [false, true, true]]);
        for (one, other) in [("192.0.2.1:4000", "192.0.2.1:5000"), ("192.0.2.1:4000", "[2001:db8::1]:5000")] {
            assert!(is_hopeless(place(one, Nat::KeepsPort), place(other, Nat::KeepsPort)), "{one} {other}");
        }
    }
}
