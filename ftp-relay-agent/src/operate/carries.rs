//! Lines of the tunnels, joins and calls of a token. The first of a token to a host or agent within a minute has its lines
//! whatever else was told, so a host cannot be hidden behind many connections to another one.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Mutex;

use ftp_io::lock::Lock;
use ftp_proto::timer::Moment;

use super::seldom::{MAX_TOKENS, PAUSE, Seldom};

/// Which lines the tokens have had in their minute for what they carry.
#[derive(Debug)]
pub(super) struct Carries {
    lines: Seldom<Key>,
    reached: Mutex<HashMap<Key, Reached>>,
}

/// The name of a token and of an event.
type Key = (Option<String>, &'static str);

/// What a token has reached since a moment.
#[derive(Debug)]
struct Reached {
    since: Moment,
    targets: HashSet<Target>,
    /// Whether there was one more than are remembered.
    is_full: bool,
}

/// Where something is carried to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Target {
    /// A server, whatever its port.
    Host(IpAddr),
    /// An agent at a hub.
    Agent(String),
}

/// Whether a target is new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Visit {
    First,
    Again,
    /// It may be new: no more are remembered. This is told once in a minute.
    OneTooMany,
}

impl Carries {
    pub(super) fn new() -> Self {
        Self { lines: Seldom::of_kinds(), reached: Mutex::default() }
    }

    /// Something begins that a token carries to these `targets`. Returns `None` if it has to go without a line, and otherwise
    /// how many of its kind had none before.
    pub(super) fn due(&self, key: &Key, targets: Vec<Target>, now: Moment) -> Option<u64> {
        let visit = self.visit(key, targets, now);
        let due = self.lines.due(key.clone(), now);
        if visit == Visit::OneTooMany {
            let (token, event) = key;
            tracing::warn!(
                token,
                event,
                most = MAX_TARGETS,
                "too many hosts within a minute: some have no line"
            );
        }
        match (due, visit) {
            // It was counted as one without a line.
            (None, Visit::First) => Some(self.lines.take_untold(key).saturating_sub(1)),
            (due, _) => due,
        }
    }

    /// How many tunnels, joins and calls of this token had no line, if that is to be told now.
    pub(super) fn take_untold(&self, token: Option<&str>, events: &[&'static str]) -> u64 {
        let of = |event: &&'static str| self.lines.take_untold(&(token.map(str::to_owned), *event));
        events.iter().map(of).fold(0, u64::saturating_add)
    }

    /// The same of all tokens.
    pub(super) fn take_all(&self) -> u64 {
        self.lines.take_all()
    }

    fn visit(&self, key: &Key, targets: Vec<Target>, now: Moment) -> Visit {
        let mut all = self.reached.locked();
        let counts = |reached: &Reached| now.since(reached.since) < PAUSE;
        if !all.get(key).is_some_and(counts) {
            all.remove(key);
            if all.len() >= MAX_TOKENS {
                all.retain(|_, reached| counts(reached));
            }
            if all.len() >= MAX_TOKENS {
                return Visit::Again;
            }
        }
        let new = || Reached { since: now, targets: HashSet::new(), is_full: false };
        let Reached { targets: known, is_full, .. } = all.entry(key.clone()).or_insert_with(new);
        let mut visit = Visit::Again;
        for target in targets {
            if known.contains(&target) {
                continue;
            }
            if known.len() < MAX_TARGETS {
                known.insert(target);
                visit = Visit::First;
            } else if !std::mem::replace(is_full, true) && visit == Visit::Again {
                visit = Visit::OneTooMany;
            }
        }
        visit
    }
}

/// How many hosts or agents of one token and kind are remembered within a minute.
const MAX_TARGETS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TUNNEL: &str = "tunnel-opened";

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    fn host(number: u32) -> Vec<Target> {
        vec![Target::Host(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into())]
    }

    fn key(token: &str) -> Key {
        (Some(token.to_owned()), TUNNEL)
    }

    #[test]
    fn r43_a_host_has_its_line_whatever_was_told_of_another_one() {
        let carries = Carries::new();
        let eve = key("eve");
        assert_eq!((0..10_000).filter_map(|_| carries.due(&eve, host(1), at(1))).sum::<u64>(), 0);
        assert_eq!(carries.due(&eve, host(2), at(2)), Some(10_000 - 60));
        assert_eq!(carries.due(&eve, host(2), at(2)), None, "only the first one");
        assert_eq!(carries.due(&eve, host(3), at(2)), Some(1));
        assert_eq!(carries.take_untold(Some("eve"), &[TUNNEL]), 0);
        assert_eq!(carries.due(&eve, host(1), at(2)), None);
        assert_eq!(carries.take_untold(Some("eve"), &[TUNNEL, "join-opened"]), 1);
        assert_eq!(carries.take_all(), 0, "nothing is told twice");
    }

    #[test]
    fn r43_either_host_of_a_join_may_be_the_new_one() {
        let carries = Carries::new();
        let join = |a, b| carries.due(&key("eve"), [host(a), host(b)].concat(), at(1));
        assert_eq!((0..100).filter_map(|_| join(1, 2)).count(), 60);
        assert_eq!((join(3, 1), join(1, 4), join(4, 3)), (Some(40), Some(0), None));
    }

    #[test]
    fn r43_the_hosts_of_a_token_have_a_bounded_number_of_lines() {
        let carries = Carries::new();
        let told = |name, hosts: u32, seconds| {
            (0..hosts).filter(|number| carries.due(&key(name), host(*number), at(seconds)).is_some()).count()
        };
        assert_eq!(told("eve", 10_000, 1), MAX_TARGETS);
        assert_eq!(carries.visit(&key("eve"), host(20_000), at(1)), Visit::Again, "it was told");
        assert_eq!(told("ann", 100, 1), 100, "those of others are theirs");
        assert_eq!(told("eve", 1, 61), 1);
        for number in 0..2 * MAX_TOKENS {
            carries.visit(&key(&number.to_string()), host(1), at(62));
        }
        assert_eq!(carries.reached.lock().unwrap().len(), MAX_TOKENS);
    }
}
