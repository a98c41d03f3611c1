//! Lines of the log and of the audit that somebody can cause as often as he likes: a few for each token and
//! minute. The next line says how many were left out.

use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use ftp_io::lock::Lock;
use ftp_proto::address::Network;
use ftp_proto::fair;
use ftp_proto::timer::Moment;

use crate::policy::Neighbours;

/// How many lines each token has had in its minute.
#[derive(Debug)]
pub(super) struct Seldom<K>(Mutex<fair::Seldom<K>>);

impl<K: Eq + Hash> Seldom<K> {
    /// At most `most` lines for each token in a minute.
    pub(super) fn new(most: u32) -> Self {
        Self(Mutex::new(fair::Seldom::new(most, MAX_TOKENS, PAUSE)))
    }

    /// Something happens that has a line. Returns `None` if it has to go without one, and otherwise how many had none
    /// before, of the same token and of those that are not remembered.
    pub(super) fn due(&self, from: impl Into<K>, now: Moment) -> Option<u64> {
        self.0.locked().due(from.into(), now)
    }

    /// How many of this token had no line, if that is to be told now. They are not told again.
    pub(super) fn take_untold(&self, of: &K) -> u64 {
        self.0.locked().take_untold(of)
    }

    /// The same of all.
    pub(super) fn take_all(&self) -> u64 {
        self.0.locked().take_all()
    }
}

/// How many refusals of one token the log and the audit tell in this time.
pub(super) const REFUSALS: u32 = 60;
/// How many sessions of one token the log and the audit tell in this time.
pub(super) const SESSIONS: u32 = 120;
/// How many lines of one kind of event the sessions of one token get in this time.
pub(super) const OF_A_KIND: u32 = 60;
/// Lines are counted for this time.
pub(super) const PAUSE: Duration = Duration::from_secs(60);
/// Maximum number of tokens that are remembered. Only the operator makes them.
pub(super) const MAX_TOKENS: usize = 4_096;

/// How many lines strangers have had in their minute.
///
/// Each address has a few. Strangers have as many addresses as they like: beyond some, their network has lines in place of
/// them, and beyond some networks all others together. So a network of strangers keeps no stranger elsewhere out of the log,
/// and the number of lines is bounded.
#[derive(Debug)]
pub struct Strangers(Mutex<Lines>);

#[derive(Debug)]
struct Lines {
    addresses: fair::Seldom<Neighbours>,
    networks: fair::Seldom<Network>,
    others: fair::Seldom<()>,
}

impl Strangers {
    /// At most `most` lines for each address (IPv4), /64 network (IPv6) or user of this host in a minute.
    pub fn new(most: u32) -> Self {
        Self(Mutex::new(Lines {
            addresses: fair::Seldom::new(most, MAX_ADDRESSES, PAUSE),
            networks: fair::Seldom::new(OF_A_NETWORK, MAX_NETWORKS, PAUSE),
            others: fair::Seldom::new(OF_A_NETWORK, 1, PAUSE),
        }))
    }

    /// Something happens that has a line. Returns `None` if it has to go without one, and otherwise how many had none
    /// before, of the same address, of its network, and of those that are not remembered.
    pub fn due(&self, from: Neighbours, now: Moment) -> Option<u64> {
        let mut lines = self.0.locked();
        let Lines { addresses, networks, others } = &mut *lines;
        let network = from.network();
        if addresses.has_room(&from, now) {
            let own = addresses.due(from, now)?;
            let of_network = network.map_or(0, |network| networks.take_untold(&network));
            return Some(own.saturating_add(of_network).saturating_add(others.take_untold(&())));
        }
        match network.filter(|network| networks.has_room(network, now)) {
            Some(network) => networks.due(network, now),
            None => others.due((), now),
        }
    }
}

/// How many refused links of one address the log and the audit tell in a minute.
pub const DENIALS: u32 = 8;
/// Maximum number of addresses that have lines of their own.
const MAX_ADDRESSES: usize = 256;
/// Lines of a network (IPv4: /16, IPv6: /32) for its further addresses, and of all further networks together.
const OF_A_NETWORK: u32 = 60;
/// Maximum number of such networks that have lines of their own.
const MAX_NETWORKS: usize = 32;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use ftp_proto::address::Group;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_token_takes_no_line_from_another_one() {
        let seldom = Seldom::<Option<String>>::new(REFUSALS);
        let due = |name: &str| seldom.due(name.to_owned(), at(1));
        let told = (0..10_000).filter_map(|_| due("eve")).count();
        assert_eq!(told, 60);
        assert!((0..1_000).all(|number| due(&number.to_string()) == Some(0)));
        assert_eq!(seldom.due("eve".to_owned(), at(61)), Some(9_940));
    }

    fn of(ip: impl Into<IpAddr>) -> Neighbours {
        Neighbours::Group(Group::of(ip.into()))
    }

    fn host(number: u32) -> Neighbours {
        of(Ipv4Addr::from_bits(0x0a00_0000 + number))
    }

    #[test]
    fn an_address_has_one_line_in_a_minute_and_the_next_one_has_the_count() {
        let lines = Strangers::new(1);
        assert_eq!(lines.due(host(1), at(1)), Some(0));
        for _ in 0..20_000 {
            assert_eq!(lines.due(host(1), at(30)), None);
        }
        assert_eq!(lines.due(host(2), at(30)), Some(0), "a neighbour is another one");
        assert_eq!(lines.due(host(1), at(61)), Some(20_000));
        assert_eq!(lines.due(host(1), at(121)), Some(0));
    }

    #[test]
    fn an_address_with_several_lines_has_them_at_once_and_is_silent_then() {
        let lines = Strangers::new(3);
        let due: Vec<Option<u64>> = (0..5).map(|second| lines.due(host(1), at(second))).collect();
        assert_eq!(due, [Some(0), Some(0), Some(0), None, None]);
        assert_eq!(lines.due(host(1), at(60)), Some(2), "its minute is over");
        assert_eq!(lines.due(host(1), at(61)), Some(0));
    }

    #[test]
    fn many_addresses_have_a_bounded_number_of_lines_and_all_are_counted() {
        let lines = Strangers::new(1);
        let told = (0..10_000).filter_map(|number| lines.due(host(number), at(1))).count();
        assert_eq!(told, 256 + 60);
        assert_eq!(lines.due(host(0), at(2)), None);
        assert_eq!(lines.due(host(20_000), at(61)), Some(10_000 - 256 - 60 + 1));
        let everywhere = (0..16_384).filter_map(|number| lines.due(host(number << 10), at(200))).count();
        assert_eq!(everywhere, 256 + 60 * (32 + 1));
    }

    #[test]
    fn t18_whoever_has_a_whole_network_takes_no_line_of_another_one() {
        let lines = Strangers::new(8);
        let mine = |number: u128| of(Ipv6Addr::from_bits((0x2001_0db8 << 96) + (number << 64)));
        for _ in 0..8 {
            for number in 0..2_048 {
                lines.due(mine(number), at(1));
            }
        }
        let victim: Vec<_> = (0..3).map(|_| lines.due(host(1), at(2))).collect();
        assert_eq!(victim, [Some(0); 3], "nothing of the others is told as its own");
        assert_eq!(lines.due(mine(70_000), at(2)), None);
        assert_eq!(
            lines.due(mine(70_000), at(61)),
            Some(2_048 - 256 + 1),
            "what had none since the last line of the network"
        );
    }
}
