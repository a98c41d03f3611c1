//! Which leave of the relay covers what is asked next: one grant serves several tunnels or joins.

use ftp_proto::relay::message::{Id, Purpose};
use ftp_proto::timer::Moment;
use std::time::Duration;

/// The grants of one session.
#[derive(Debug, Default)]
pub(super) struct Grants(Vec<Grant>);

#[derive(Debug)]
struct Grant {
    id: Id,
    purpose: Purpose,
    asked: Moment,
    /// What ends with the grant must have time to end before it.
    life: Duration,
    used: u8,
    uses: u8,
}

impl Grants {
    /// Takes a use of a grant that is good for long.
    pub(super) fn take(&mut self, now: Moment, purpose: &Purpose) -> Option<Id> {
        let fits = |grant: &&mut Grant| {
            grant.purpose == *purpose && grant.used < grant.uses && now.since(grant.asked) < grant.life / 2
        };
        let grant = self.0.iter_mut().find(fits)?;
        grant.used += 1;
        Some(grant.id)
    }

    /// A grant was asked for, and one use of it.
    pub(super) fn asked(&mut self, now: Moment, id: Id, purpose: Purpose) {
        self.0.push(Grant { id, purpose, asked: now, life: LIFE, used: 1, uses: USES });
    }

    /// The relay gave less than was asked, perhaps.
    pub(super) fn given(&mut self, id: Id, life: Duration, uses: u8) {
        if let Some(grant) = self.0.iter_mut().find(|grant| grant.id == id) {
            grant.life = grant.life.min(life);
            grant.uses = grant.uses.min(uses);
        }
    }

    /// It was worth nothing: the next use needs another one.
    pub(super) fn wear(&mut self, id: Id) {
        if let Some(grant) = self.0.iter_mut().find(|grant| grant.id == id) {
            grant.used = grant.uses;
        }
    }

    /// Forgets all for this purpose, which are used up or too old: they are to be revoked.
    pub(super) fn worn(&mut self, purpose: &Purpose) -> Vec<Id> {
        self.0.extract_if(.., |grant| grant.purpose == *purpose).map(|grant| grant.id).collect()
    }
}

/// As long as an agent lets a grant live.
pub(super) const LIFE: Duration = Duration::from_secs(24 * 3600);
/// As often as an agent lets one be used.
pub(super) const USES: u8 = 16;

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
        grants.asked(now, Id(1), one.clone());
        assert_eq!(grants.take(now, &two), None);
        for _ in 1..USES {
            assert_eq!(grants.take(now, &one), Some(Id(1)));
        }
        assert_eq!(grants.take(now, &one), None);
        assert_eq!(grants.worn(&one), [Id(1)]);
        assert_eq!(grants.worn(&one), []);

        grants.asked(now, Id(3), one.clone());
        assert_eq!(grants.take(now + LIFE / 2, &one), None, "it would end in mid-file");
        grants.given(Id(3), LIFE, 2);
        assert_eq!(grants.take(now, &one), Some(Id(3)));
        assert_eq!(grants.take(now, &one), None, "the relay gave two uses");
        assert_eq!(grants.worn(&one), [Id(3)]);

        grants.asked(now, Id(5), one.clone());
        grants.wear(Id(5));
        assert_eq!(grants.take(now, &one), None);
        assert_eq!(grants.worn(&one), [Id(5)]);
    }
}
