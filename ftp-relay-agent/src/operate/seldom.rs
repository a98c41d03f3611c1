//! Lines of the log and of the audit that somebody can cause as often as he likes: a few for each address or token and
//! minute. The next line says how many were left out.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ftp_proto::timer::Moment;

use crate::policy::Neighbours;

/// How many lines each address (IPv4), /64 network (IPv6), user of this host or token has had in its minute.
#[derive(Debug)]
pub struct Seldom<K> {
    lines: Mutex<Lines<K>>,
    /// Lines of one of them in a minute.
    most: u32,
    /// How many of them are remembered at most; only these have lines within the minute.
    remembered: usize,
}

#[derive(Debug)]
struct Lines<K> {
    of: HashMap<K, Line>,
    /// What had no line, of those that are not remembered.
    untold: u64,
}

#[derive(Debug)]
struct Line {
    /// When the first line of this minute was written.
    at: Moment,
    /// The lines of this minute.
    told: u32,
    /// What had no line since.
    untold: u64,
}

impl Seldom<Neighbours> {
    /// At most `most` lines for each address and minute.
    pub fn of_addresses(most: u32) -> Self {
        Self::new(most, MAX_ADDRESSES)
    }
}

impl Seldom<Option<String>> {
    /// The lines of what the holders of tokens are refused, by the name of the token.
    pub fn of_tokens() -> Self {
        Self::new(REFUSALS, MAX_TOKENS)
    }

    /// The sessions with lines of the holders of tokens, by the name of the token.
    pub fn of_sessions() -> Self {
        Self::new(SESSIONS, MAX_TOKENS)
    }
}

impl Seldom<(Option<String>, &'static str)> {
    /// The lines of sessions that have none of their own, by the name of the token and of the event.
    pub fn of_silent() -> Self {
        Self::new(SILENT, MAX_TOKENS)
    }
}

impl<K: Eq + Hash> Seldom<K> {
    fn new(most: u32, remembered: usize) -> Self {
        Self { lines: Mutex::new(Lines { of: HashMap::new(), untold: 0 }), most, remembered }
    }

    /// Something happens that has a line. Returns `None` if it has to go without one, and otherwise how many had none
    /// before, of the same address or token and of those that are not remembered.
    pub fn due(&self, from: impl Into<K>, now: Moment) -> Option<u64> {
        let from = from.into();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Lines { of, untold } = &mut *lines;
        if let Some(line) = of.get_mut(&from) {
            if now.since(line.at) >= PAUSE {
                (line.at, line.told) = (now, 0);
            } else if line.told >= self.most {
                line.untold = line.untold.saturating_add(1);
                return None;
            }
            line.told += 1;
            return Some(std::mem::take(&mut line.untold).saturating_add(std::mem::take(untold)));
        }
        if of.len() >= self.remembered {
            of.retain(|_, line| {
                let counts = now.since(line.at) < PAUSE;
                *untold = untold.saturating_add(if counts { 0 } else { line.untold });
                counts
            });
        }
        if of.len() >= self.remembered {
            *untold = untold.saturating_add(1);
            return None;
        }
        of.insert(from, Line { at: now, told: 1, untold: 0 });
        Some(std::mem::take(untold))
    }
}

/// How many refused links of one address the log and the audit tell in this time.
pub const DENIALS: u32 = 8;
/// How many refusals of one token the log and the audit tell in this time.
const REFUSALS: u32 = 60;
/// How many sessions of one token the log and the audit tell in this time.
const SESSIONS: u32 = 120;
/// How many lines of one kind of event the sessions of one token that have none of their own get in this time.
const SILENT: u32 = 60;
/// Lines are counted for this time.
const PAUSE: Duration = Duration::from_secs(60);
/// Maximum number of addresses that are remembered. Strangers have as many as they like.
const MAX_ADDRESSES: usize = 256;
/// The same of tokens. Only the operator makes them.
const MAX_TOKENS: usize = 4_096;

#[cfg(test)]
mod tests {
    use ftp_proto::address::Group;

    use super::*;
    use std::net::Ipv4Addr;

    fn host(number: u32) -> Group {
        Group::of(Ipv4Addr::from_bits(0x0a00_0000 + number).into())
    }

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn an_address_has_one_line_in_a_minute_and_the_next_one_has_the_count() {
        let seldom = Seldom::of_addresses(1);
        assert_eq!(seldom.due(host(1), at(1)), Some(0));
        for _ in 0..20_000 {
            assert_eq!(seldom.due(host(1), at(30)), None);
        }
        assert_eq!(seldom.due(host(2), at(30)), Some(0), "a neighbour is another one");
        assert_eq!(seldom.due(host(1), at(61)), Some(20_000));
        assert_eq!(seldom.due(host(1), at(121)), Some(0));
    }

    #[test]
    fn an_address_with_several_lines_has_them_at_once_and_is_silent_then() {
        let seldom = Seldom::of_addresses(3);
        let due: Vec<Option<u64>> = (0..5).map(|second| seldom.due(host(1), at(second))).collect();
        assert_eq!(due, [Some(0), Some(0), Some(0), None, None]);
        assert_eq!(seldom.due(host(1), at(60)), Some(2), "its minute is over");
        assert_eq!(seldom.due(host(1), at(61)), Some(0));
    }

    #[test]
    fn many_addresses_have_a_bounded_number_of_lines_and_all_are_counted() {
        let seldom = Seldom::of_addresses(1);
        let told = (0..10_000).filter_map(|number| seldom.due(host(number), at(1))).count();
        assert_eq!(told, MAX_ADDRESSES);
        assert_eq!(seldom.due(host(0), at(2)), None);
        assert_eq!(seldom.due(host(20_000), at(61)), Some(10_000 - 256 + 1));
        assert_eq!(seldom.lines.lock().unwrap().of.len(), 1);
    }

    #[test]
    fn a_token_takes_no_line_from_another_one() {
        let seldom = Seldom::of_tokens();
        let due = |name: &str| seldom.due(name.to_owned(), at(1));
        let told = (0..10_000).filter_map(|_| due("eve")).count();
        assert_eq!(told, 60);
        assert!((0..1_000).all(|number| due(&number.to_string()) == Some(0)));
        assert_eq!(seldom.due("eve".to_owned(), at(61)), Some(9_940));
    }
}
