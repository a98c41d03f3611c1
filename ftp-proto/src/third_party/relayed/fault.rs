//! What the relay says went wrong, and how that goes with what the servers say of it.

use super::super::carried::CONNECTING;
use super::super::ends::Phase;
use super::super::judge::is_decisive;
use super::super::{Cause, Side, Trouble};
use super::join::Join;
use super::{JOINING, Relayed};
use crate::reply::Blame;
use crate::timer::Moment;

impl Relayed {
    /// The relay refused the join, or it failed: which end's data connection, where known, and why.
    ///
    /// Before octets may have moved that is the way's fault ([`Blame::Path`]); of a known side
    /// ([`Cause::Data`]) the other posture may do. Later what broke may hold the next time, and that
    /// server's own words are waited for.
    pub fn broken(&mut self, now: Moment, side: Option<Side>, why: String) {
        self.join = Join::Over;
        let blame = self.carried.blame(side.unwrap_or(Side::Source));
        match &self.carried.ends.phase {
            Phase::Setup | Phase::Running => match side {
                Some(_) if self.carried.broken.is_some() => {}
                Some(side) if blame == Blame::Busy => self.carried.broke(now, side, why),
                Some(side) => self.carried.ends.fail(now, side, CONNECTING, Cause::Data(why), blame),
                None => self.carried.ends.fail(now, Side::Source, JOINING, Cause::Relay(why), blame),
            },
            // Its peer was reset for it, and was heard first.
            Phase::Rescue(first) => {
                let tells_less = matches!(first.cause, Cause::Refused(_)) && !is_decisive(first.blame);
                if let Some(side) = side.filter(|side| *side != first.side)
                    && tells_less
                    && blame == Blame::Path
                {
                    self.explain(side, CONNECTING, Cause::Data(why), blame);
                }
            }
            Phase::Over => {}
        }
    }

    /// The relay itself is gone (its link was lost, it was killed), or has no place for the join now: the
    /// attempt fails with [`Cause::Relay`], also where a control connection was the first to tell. Time may
    /// heal it ([`Blame::Busy`]).
    pub fn relay_lost(&mut self, now: Moment, why: String) {
        self.join = Join::Over;
        match &self.carried.ends.phase {
            Phase::Setup | Phase::Running => {
                self.carried.ends.fail(now, Side::Source, JOINING, Cause::Relay(why), Blame::Busy);
            }
            Phase::Rescue(first) => {
                if matches!(first.cause, Cause::Ended(_) | Cause::Data(_)) {
                    self.explain(Side::Source, JOINING, Cause::Relay(why), Blame::Busy);
                }
            }
            Phase::Over => {}
        }
    }

    /// What was heard after the failure tells more than what was heard first.
    fn explain(&mut self, side: Side, during: &'static str, cause: Cause, blame: Blame) {
        if let Phase::Rescue(trouble) = &mut self.carried.ends.phase {
            *trouble = Trouble { side, during, cause, blame, touched: false };
        }
    }
}
