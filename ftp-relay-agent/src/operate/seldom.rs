//! Lines of the log that anybody can cause: a few for each address and minute. The next one tells how many there were
//! not.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ftp_proto::timer::Moment;

use crate::policy::Neighbours;

/// How many lines each address (IPv4), /64 network (IPv6) or user of this host has had in its minute.
#[derive(Debug)]
pub struct Seldom {
    lines: Mutex<Lines>,
    /// Lines of one address in this time.
    most: u32,
}

#[derive(Debug, Default)]
struct Lines {
    of: HashMap<Neighbours, Line>,
    /// What had no line, of addresses that are not remembered.
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

impl Seldom {
    /// At most `most` lines for each address and minute.
    pub fn new(most: u32) -> Self {
        Self { lines: Mutex::default(), most }
    }

    /// Something happens that has a line. Returns `None` if it has to go without one, and otherwise how many had none
    /// before, of this address and of those that are not remembered.
    pub fn due(&self, from: impl Into<Neighbours>, now: Moment) -> Option<u64> {
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
        if of.len() >= MAX_REMEMBERED {
            of.retain(|_, line| {
                let counts = now.since(line.at) < PAUSE;
                *untold = untold.saturating_add(if counts { 0 } else { line.untold });
                counts
            });
        }
        if of.len() >= MAX_REMEMBERED {
            *untold = untold.saturating_add(1);
            return None;
        }
        of.insert(from, Line { at: now, told: 1, untold: 0 });
        Some(std::mem::take(untold))
    }
}

/// How many refused links of one address the log and the audit tell in this time.
pub const DENIALS: u32 = 8;
/// The lines of an address are counted for this time.
const PAUSE: Duration = Duration::from_secs(60);
/// Maximum number of addresses that are remembered; only these have lines within the time.
const MAX_REMEMBERED: usize = 256;

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
        let seldom = Seldom::new(1);
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
        let seldom = Seldom::new(3);
        let due: Vec<Option<u64>> = (0..5).map(|second| seldom.due(host(1), at(second))).collect();
        assert_eq!(due, [Some(0), Some(0), Some(0), None, None]);
        assert_eq!(seldom.due(host(1), at(60)), Some(2), "its minute is over");
        assert_eq!(seldom.due(host(1), at(61)), Some(0));
    }

    #[test]
    fn many_addresses_have_a_bounded_number_of_lines_and_all_are_counted() {
        let seldom = Seldom::new(1);
        let told = (0..10_000).filter_map(|number| seldom.due(host(number), at(1))).count();
        assert_eq!(told, MAX_REMEMBERED);
        assert_eq!(seldom.due(host(0), at(2)), None);
        assert_eq!(seldom.due(host(20_000), at(61)), Some(10_000 - 256 + 1));
        assert_eq!(seldom.lines.lock().unwrap().of.len(), 1);
    }
}
