//! What clients are refused has a few lines for each account, kind and minute, because a client can cause as many
//! refusals as it likes. No kind takes the lines of another: strangers at the data ports of an account do not hide what
//! the account tries.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use ftp_io::lock::Lock;
use ftp_proto::fair::Seldom;
use ftp_proto::timer::Moment;

use crate::limits::Owner;

/// Who has had how many such lines, by the name of their event.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<&'static str, Lines>>);

/// The lines about one event. Addresses, of which strangers have as many as they like, take no line from an account.
#[derive(Debug)]
struct Lines {
    accounts: Seldom<Owner>,
    addresses: Seldom<Owner>,
}

impl Lines {
    fn new() -> Self {
        Self {
            accounts: Seldom::new(MAX_REFUSALS, MAX_ACCOUNTS, MINUTE),
            addresses: Seldom::new(MAX_REFUSALS, MAX_ADDRESSES, MINUTE),
        }
    }

    const fn of(&mut self, owner: &Owner) -> &mut Seldom<Owner> {
        if owner.is_anonymous() { &mut self.addresses } else { &mut self.accounts }
    }
}

impl Refusals {
    /// Creates the table; no refusal was told yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `owner` is refused something. Returns `None` if that has no line, and otherwise how many of this event had none
    /// before.
    pub fn due(&self, event: &'static str, owner: Owner, now: Moment) -> Option<u64> {
        let mut all = self.0.locked();
        all.entry(event).or_insert_with(Lines::new).of(&owner).due(owner, now)
    }

    /// How many of `owner` had no line, for each event of which there are some. They are not told again.
    pub fn take_untold(&self, owner: &Owner) -> Vec<(&'static str, u64)> {
        let mut all = self.0.locked();
        let untold = all.iter_mut().map(|(event, lines)| (*event, lines.of(owner).take_untold(owner)));
        untold.filter(|(_, count)| *count > 0).collect()
    }
}

/// Lines about one event of an account, or of the address of anonymous sessions, in a minute.
const MAX_REFUSALS: u32 = 120;
/// Maximum number of accounts that have lines about one event within a minute. Only the operator makes them.
const MAX_ACCOUNTS: usize = 65_536;
/// The same of addresses. What further ones are refused is counted with the next line of any of them.
const MAX_ADDRESSES: usize = 4_096;
const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn each_event_has_lines_of_its_own_and_what_has_none_is_counted() {
        let (refusals, now) = (Refusals::new(), Moment::after_start(MINUTE));
        let owner = |name: &str| Owner::Account(name.as_bytes().to_vec());
        let ann = owner("ann");
        let told = |event, times: u32| {
            (0..times).filter(|_| refusals.due(event, ann.clone(), now).is_some()).count() as u64
        };
        assert_eq!(told("stranger closed", 500), u64::from(MAX_REFUSALS));
        assert_eq!(told("change failed", 2), 2, "strangers take no lines of the account itself");
        assert_eq!(refusals.take_untold(&owner("bob")), []);
        assert_eq!(refusals.take_untold(&ann), [("stranger closed", u64::from(500 - MAX_REFUSALS))]);
        assert_eq!(refusals.take_untold(&ann), [], "each is counted once");
    }

    #[test]
    fn a_crowd_of_addresses_takes_no_line_of_an_account() {
        let (refusals, now) = (Refusals::new(), Moment::after_start(MINUTE));
        let crowd = 2 * u32::try_from(MAX_ADDRESSES).unwrap();
        let address = |number: u32| Owner::new(None, Ipv4Addr::from_bits(0x0a00_0000 + number).into());
        let told = (0..crowd).filter(|number| refusals.due("change failed", address(*number), now).is_some());
        assert_eq!(told.count(), MAX_ADDRESSES);
        let ann = Owner::Account(b"ann".to_vec());
        assert_eq!(refusals.due("change failed", ann.clone(), now), Some(0), "none of hers is missing");
        assert_eq!(refusals.take_untold(&ann), []);
        let later = Moment::after_start(2 * MINUTE);
        assert_eq!(refusals.due("change failed", ann, later), Some(0), "others are not counted as hers");
        let missing = u64::from(crowd) - MAX_ADDRESSES as u64;
        assert_eq!(refusals.due("change failed", address(crowd), later), Some(missing));
    }
}
