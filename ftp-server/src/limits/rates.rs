//! How fast the transfers of a session are at most, as RATE says. The sessions of one account can share a rate.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ftp_io::clock::Clock;
use ftp_io::limiter::{Limiter, SharedRate};
use ftp_io::lock::Lock;
use ftp_proto::command::{Rate, RateGroup};

use super::Owner;

/// The rates that sessions share, by account and id. A session is in at most one group, so there are never more groups than
/// sessions.
#[derive(Debug)]
pub struct Rates {
    clock: Clock,
    groups: Mutex<HashMap<Group, (SharedRate, usize)>>,
    next: AtomicU64,
}

type Group = (Owner, RateGroup);

impl Rates {
    /// No session has a rate yet.
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, groups: Mutex::default(), next: AtomicU64::new(0) })
    }

    /// One more session shares the rate of `group`, which is `bytes` per second for all of them from now on.
    fn join(self: &Arc<Self>, group: Group, bytes: NonZeroU64) -> (Limiter, GroupSeat) {
        let mut groups = self.groups.locked();
        let (rate, sessions) =
            groups.entry(group.clone()).or_insert_with(|| (SharedRate::new(self.clock), 0));
        rate.set(Some(bytes));
        *sessions += 1;
        let limiter = rate.limiter(self.next.fetch_add(1, Ordering::Relaxed));
        (limiter, GroupSeat { all: Arc::clone(self), group })
    }
}

/// Keeps a session in its group. The last one that is dropped removes the group.
#[derive(Debug)]
struct GroupSeat {
    all: Arc<Rates>,
    group: Group,
}

impl Drop for GroupSeat {
    fn drop(&mut self) {
        let mut groups = self.all.groups.locked();
        if let Some((_, sessions)) = groups.get_mut(&self.group) {
            *sessions -= 1;
            if *sessions == 0 {
                groups.remove(&self.group);
            }
        }
    }
}

/// What RATE has set in a session. It holds for one transfer after the other: while it stays the same, they share one
/// allowance, so that many small files are not faster together than one large file.
#[derive(Debug, Default)]
pub struct SessionRate(Option<CurrentRate>);

#[derive(Debug)]
struct CurrentRate {
    owner: Owner,
    rate: Rate,
    limiter: Limiter,
    _seat: Option<GroupSeat>,
}

impl SessionRate {
    /// The limiter of the next transfer of `owner`; `None` if there is no limit.
    pub fn limiter(&mut self, rate: Option<Rate>, owner: &Owner, all: &Arc<Rates>) -> Option<Limiter> {
        let Some(rate) = rate else {
            self.0 = None;
            return None;
        };
        if !self.0.as_ref().is_some_and(|kept| kept.rate == rate && kept.owner == *owner) {
            let (limiter, seat) = match rate.group {
                None => (Limiter::new(rate.bytes, all.clock), None),
                Some(id) => {
                    let (limiter, seat) = all.join((owner.clone(), id), rate.bytes);
                    (limiter, Some(seat))
                }
            };
            self.0 = Some(CurrentRate { owner: owner.clone(), rate, limiter, _seat: seat });
        }
        self.0.as_ref().map(|kept| kept.limiter.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::named;

    fn rate(bytes: u64, group: Option<u8>) -> Option<Rate> {
        let group = group.map(|byte| RateGroup::new([byte; 16]));
        NonZeroU64::new(bytes).map(|bytes| Rate { bytes, group })
    }

    #[test]
    fn the_next_transfer_pays_for_the_last_one_until_the_rate_changes() {
        let (all, owner) = (Rates::new(Clock::start()), named("a"));
        let mut session = SessionRate::default();
        assert!(session.limiter(None, &owner, &all).is_none());
        let first = session.limiter(rate(1_000, None), &owner, &all).unwrap();
        first.allowance().unwrap();
        // More than the time of a test pays for.
        first.take(10_000_000);
        session.limiter(rate(1_000, None), &owner, &all).unwrap().allowance().unwrap_err();
        session.limiter(rate(2_000, None), &owner, &all).unwrap().allowance().unwrap();
    }

    #[test]
    fn sessions_of_one_account_share_the_rate_of_their_group_and_others_do_not() {
        let all = Rates::new(Clock::start());
        let mut sessions: [SessionRate; 4] = std::array::from_fn(|_| SessionRate::default());
        let mut limiter = |session: usize, group, name: &str| {
            sessions[session].limiter(rate(80_000, group), &named(name), &all).unwrap()
        };
        let first = limiter(0, Some(1), "a");
        first.take(10_000_000);
        limiter(1, Some(1), "a").allowance().unwrap_err();
        limiter(2, Some(2), "a").allowance().unwrap();
        limiter(3, Some(1), "b").allowance().unwrap();
        // A session that logs in as somebody else leaves the group of its first account.
        limiter(1, Some(1), "b").allowance().unwrap();
        drop(sessions);
        assert!(all.groups.locked().is_empty());
    }
}
