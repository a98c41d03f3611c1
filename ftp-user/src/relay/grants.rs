//! The grants of one relay session. One grant serves several tunnels or joins.

use ftp_proto::relay::message::{Id, Purpose};
use ftp_proto::timer::Moment;
use std::time::Duration;

/// The grants of one relay session, used up or not.
#[derive(Debug, Default)]
pub(super) struct Grants(Vec<Grant>);

#[derive(Debug)]
struct Grant {
    id: Id,
    purpose: Purpose,
    requested: Moment,
    /// How long the grant is valid. A new use starts only in the first half, so that a transfer can finish.
    life: Duration,
    used: u8,
    uses: u8,
}

impl Grants {
    /// Uses a grant for `purpose` that has a use left and at least half of its life. Returns its id.
    pub(super) fn take(&mut self, now: Moment, purpose: &Purpose) -> Option<Id> {
        let fits = |grant: &&mut Grant| {
            grant.purpose == *purpose
                && grant.used < grant.uses
                && now.since(grant.requested) < grant.life / 2
        };
        let grant = self.0.iter_mut().find(fits)?;
        grant.used += 1;
        Some(grant.id)
    }

    /// Adds a grant that was asked for, with its first use.
    pub(super) fn requested(&mut self, now: Moment, id: Id, purpose: Purpose) {
        self.0.push(Grant { id, purpose, requested: now, life: MAX_LIFE, used: 1, uses: MAX_USES });
    }

    /// Records what the relay granted, which may be less than was asked for.
    pub(super) fn granted(&mut self, id: Id, life: Duration, uses: u8) {
        if let Some(grant) = self.0.iter_mut().find(|grant| grant.id == id) {
            grant.life = grant.life.min(life);
            grant.uses = grant.uses.min(uses);
        }
    }

    /// Marks the grant as used up, because the relay refused it.
    pub(super) fn mark_used_up(&mut self, id: Id) {
        if let Some(grant) = self.0.iter_mut().find(|grant| grant.id == id) {
            grant.used = grant.uses;
        }
    }

    /// Removes and returns the grants for `purpose`, which are used up or too old. The caller revokes them.
    pub(super) fn take_used_up(&mut self, purpose: &Purpose) -> Vec<Id> {
        self.0.extract_if(.., |grant| grant.purpose == *purpose).map(|grant| grant.id).collect()
    }
}

/// Longest life of a grant that an agent accepts.
pub(super) const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Maximum number of uses of one grant that an agent accepts.
pub(super) const MAX_USES: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_serves_one_purpose_until_it_is_used_up_or_old() {
        let (one, two) =
            (Purpose::Join(vec![[192, 0, 2, 1].into()]), Purpose::Join(vec![[192, 0, 2, 2].into()]));
        let now = Moment::START;
        let mut grants = Grants::default();
        assert_eq!(grants.take(now, &one), None);
        grants.requested(now, Id(1), one.clone());
        assert_eq!(grants.take(now, &two), None);
        for _ in 1..MAX_USES {
            assert_eq!(grants.take(now, &one), Some(Id(1)));
        }
        assert_eq!(grants.take(now, &one), None);
        assert_eq!(grants.take_used_up(&one), [Id(1)]);
        assert_eq!(grants.take_used_up(&one), []);

        grants.requested(now, Id(3), one.clone());
        assert_eq!(grants.take(now + MAX_LIFE / 2, &one), None, "it would end in the middle of a file");
        grants.granted(Id(3), MAX_LIFE, 2);
        assert_eq!(grants.take(now, &one), Some(Id(3)));
        assert_eq!(grants.take(now, &one), None, "the relay gave two uses");
        assert_eq!(grants.take_used_up(&one), [Id(3)]);

        grants.requested(now, Id(5), one.clone());
        grants.mark_used_up(Id(5));
        assert_eq!(grants.take(now, &one), None);
        assert_eq!(grants.take_used_up(&one), [Id(5)]);
    }
}
