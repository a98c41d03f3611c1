//! Lines of the log that anybody can cause: one for each address and minute. The next one tells how many there were
//! not.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ftp_proto::timer::Moment;

use crate::policy::Neighbours;

/// When each address (IPv4), /64 network (IPv6) or user of this host had its last line.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    of: HashMap<Neighbours, Line>,
    /// What had no line, of addresses that are not remembered.
    untold: u64,
}

#[derive(Debug)]
struct Line {
    at: Moment,
    /// What had no line since.
    untold: u64,
}

impl Seldom {
    /// Something happens that has a line. Returns `None` if it has to go without one, and otherwise how many had none
    /// before, of this address and of those that are not remembered.
    pub fn due(&self, from: impl Into<Neighbours>, now: Moment) -> Option<u64> {
        let from = from.into();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Lines { of, untold } = &mut *lines;
        if let Some(line) = of.get_mut(&from) {
            if now.since(line.at) < PAUSE {
                line.untold = line.untold.saturating_add(1);
                return None;
            }
            line.at = now;
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
        of.insert(from, Line { at: now, untold: 0 });
        Some(std::mem::take(untold))
    }
}

/// One line of an address in this time.
const PAUSE: Duration = Duration::from_secs(60);
/// Maximum number of addresses that are remembered, and so of lines within the time.
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
        let seldom = Seldom::default();
        assert_eq!(seldom.due(host(1), at(1)), Some(0));
        for _ in 0..20_000 {
            assert_eq!(seldom.due(host(1), at(30)), None);
        }
        assert_eq!(seldom.due(host(2), at(30)), Some(0), "a neighbour is another one");
        assert_eq!(seldom.due(host(1), at(61)), Some(20_000));
        assert_eq!(seldom.due(host(1), at(121)), Some(0));
    }

    #[test]
    fn many_addresses_have_a_bounded_number_of_lines_and_all_are_counted() {
        let seldom = Seldom::default();
        let told = (0..10_000).filter_map(|number| seldom.due(host(number), at(1))).count();
        assert_eq!(told, MAX_REMEMBERED);
        assert_eq!(seldom.due(host(0), at(2)), None);
        assert_eq!(seldom.due(host(20_000), at(61)), Some(10_000 - 256 + 1));
        assert_eq!(seldom.0.lock().unwrap().of.len(), 1);
    }
}
