//! Which way next: blame in, step out.

use super::Way;
use ftp_proto::client;
use ftp_proto::reply::Blame;
use ftp_proto::third_party::{Cause, Side, Trouble};
use ftp_proto::timer::Timer;

/// The ways of one file, and how far it has come.
#[derive(Clone, Debug)]
pub struct Climb {
    ways: std::vec::IntoIter<Way>,
    current: Option<Way>,
    /// The way that has worked between the two ends before.
    worked: Option<Way>,
    /// On some way one end was done and the other never said so.
    unfinished: bool,
}

/// What to do after a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Try this way.
    Try(Way),
    /// The same again, later.
    Later,
    /// No way is left.
    NoneLeft,
    /// No other way can help.
    Stop,
}

impl Climb {
    /// At the foot of the ladder; the way that has worked between the two ends before comes first
    /// (H18).
    pub fn new(mut ways: Vec<Way>, worked: Option<Way>) -> Self {
        if let Some(index) = worked.and_then(|worked| ways.iter().position(|way| *way == worked)) {
            ways.get_mut(..=index).unwrap_or_default().rotate_right(1);
        }
        Self { ways: ways.into_iter(), current: None, worked, unfinished: false }
    }

    /// The first way, or the next one, whatever the failure was.
    pub fn up(&mut self) -> Step {
        self.current = self.ways.next();
        self.current.map_or(Step::NoneLeft, Step::Try)
    }

    /// The next way that is not closed by what closed this one at `side`.
    fn next_other(&mut self, side: Side) -> Step {
        let failed = self.current;
        self.past(|way| failed.is_some_and(|failed| failed.shares(way, side)))
    }

    /// The next way past all those of this relay: it is of no use.
    pub fn past_relay(&mut self) -> Step {
        let failed = self.current.and_then(|way| way.relay());
        self.past(|way| way.relay().is_some() && way.relay() == failed)
    }

    fn past(&mut self, is_passed: impl Fn(&Way) -> bool) -> Step {
        loop {
            let step = self.up();
            if self.current.as_ref().is_none_or(|way| !is_passed(way)) {
                return step;
            }
        }
    }

    /// The step after `trouble` on the current way (H17).
    pub fn after(&mut self, trouble: &Trouble) -> Step {
        let side = trouble.side;
        let step = match (&trouble.cause, trouble.blame) {
            // Pure-FTPd says 451 when its peer has turned it away, pyftpdlib nothing at all.
            (Cause::Ended(client::Failure::Silent(_)), _)
            | (Cause::Refused(_) | Cause::Silent(_), Blame::Busy)
                if trouble.touched =>
            {
                self.unfinished = true;
                self.next_other(side)
            }
            // It refuses all of it, whoever listens.
            (Cause::Relay(_), Blame::Path) => self.past_relay(),
            (
                Cause::Ended(
                    client::Failure::Closed | client::Failure::Silent(_) | client::Failure::OutOfStep,
                )
                | Cause::Relay(_),
                _,
            ) => self.later(side),
            (Cause::Ended(client::Failure::NotFtp(_)), _) => Step::Stop,
            (Cause::Ended(_), _) => Step::Later,
            (Cause::Cancelled, _) => Step::Stop,
            // The other end is done, this one does not know: who listens may make the difference
            // (some servers lose a connection that is complete before their transfer command).
            (Cause::Silent(Timer::HalfDone), _) => {
                self.unfinished = true;
                self.next_other(side)
            }
            (Cause::Silent(_), Blame::Busy) => self.later(side),
            // It does not know these commands: it may know the older ones of the same rung.
            (_, Blame::Unsupported) => self.up(),
            // The way itself is closed: who listens must change, other commands change nothing.
            (_, Blame::Path) => self.next_other(side),
            (_, Blame::Busy) => Step::Later,
            (_, Blame::Missing | Blame::File | Blame::Space | Blame::Login | Blame::Peer) => Step::Stop,
        };
        self.or_later(step)
    }

    /// The step after nothing has moved on the current way for too long.
    pub fn stalled(&mut self) -> Step {
        let step = self.later(Side::Source);
        self.or_later(step)
    }

    /// Time may heal it, and so may a third host between the two: a server that falls silent, hangs up
    /// or stands still where it has to talk to the other one shows nothing of its own state. Not where
    /// they have talked to each other before. A relay that fails in mid-file is gone around, too.
    fn later(&mut self, side: Side) -> Step {
        let others = self.ways.as_slice();
        match self.current {
            Some(way) if Some(way) == self.worked => Step::Later,
            Some(Way::Direct(_)) if others.iter().any(|way| !matches!(way, Way::Direct(_))) => {
                self.unfinished = true;
                self.next_other(side)
            }
            Some(Way::Relay(_)) => {
                self.unfinished = true;
                self.past_relay()
            }
            Some(Way::Direct(_) | Way::Through) | None => Step::Later,
        }
    }

    /// A way that was open to the end is no closed one.
    fn or_later(&self, step: Step) -> Step {
        if step == Step::NoneLeft && self.unfinished { Step::Later } else { step }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Relaying;
    use super::super::Rung;
    use super::*;
    use ftp_proto::third_party::relayed::{Posture, Postures};
    use ftp_proto::third_party::{Opening, Plan};

    fn way(rung: Rung, opening: Opening) -> Way {
        let listener = if rung == Rung::DestListens { Side::Destination } else { Side::Source };
        Way::Direct(Plan { listener, opening, filter: false, first: None })
    }

    fn climb() -> Climb {
        let mut climb = Climb::new(
            vec![
                way(Rung::DestListens, Opening::Lstn),
                way(Rung::DestListens, Opening::Pasv),
                way(Rung::SourceListens, Opening::Lstn),
            ],
            None,
        );
        assert_eq!(climb.up(), Step::Try(way(Rung::DestListens, Opening::Lstn)));
        climb
    }

    fn trouble(blame: Blame, cause: Cause) -> Trouble {
        Trouble { side: Side::Source, during: "SOCK", cause, blame, touched: false }
    }

    fn check(blame: Blame, expect: Step) {
        assert_eq!(climb().after(&trouble(blame, Cause::Silent(Timer::Reply))), expect, "{blame:?}");
    }

    #[test]
    fn h17_only_a_refused_way_leads_to_the_next_rung() {
        check(Blame::Path, Step::Try(way(Rung::SourceListens, Opening::Lstn)));
        check(Blame::Unsupported, Step::Try(way(Rung::DestListens, Opening::Pasv)));
        check(Blame::Busy, Step::Later);
        for blame in [Blame::Missing, Blame::File, Blame::Space, Blame::Login, Blame::Peer] {
            check(blame, Step::Stop);
        }
    }

    #[test]
    fn the_ladder_ends() {
        let mut climb = climb();
        let closed = trouble(Blame::Path, Cause::Silent(Timer::Reply));
        assert_eq!(climb.after(&closed), Step::Try(way(Rung::SourceListens, Opening::Lstn)));
        assert_eq!(climb.after(&closed), Step::NoneLeft);
    }

    #[test]
    fn an_end_that_never_says_it_is_done_may_say_so_the_other_way_round() {
        let mut climb = climb();
        let deaf = trouble(Blame::Busy, Cause::Silent(Timer::HalfDone));
        assert_eq!(climb.after(&deaf), Step::Try(way(Rung::SourceListens, Opening::Lstn)));
        assert_eq!(climb.after(&trouble(Blame::Path, Cause::Silent(Timer::Connect))), Step::Later);
    }

    #[test]
    fn h17_a_transfer_that_fails_for_a_while_may_go_the_other_way_round() {
        let touched = |cause: Cause| Trouble { touched: true, during: "STOR", ..trouble(Blame::Busy, cause) };
        let other = Step::Try(way(Rung::SourceListens, Opening::Lstn));
        for cause in [Cause::Silent(Timer::Connect), Cause::Ended(client::Failure::Silent(Timer::Reply))] {
            let mut climb = climb();
            assert_eq!(climb.after(&touched(cause.clone())), other, "{cause:?}");
            // No way was refused for good.
            assert_eq!(climb.after(&trouble(Blame::Path, Cause::Silent(Timer::Reply))), Step::Later);
        }
        let gone = Cause::Ended(client::Failure::Closed);
        assert_eq!(climb().after(&touched(gone)), Step::Later);
    }

    #[test]
    fn two_servers_that_fail_each_other_for_a_while_are_gone_between() {
        let [dest, source] = [Rung::DestListens, Rung::SourceListens].map(|rung| way(rung, Opening::Pasv));
        let gone = trouble(Blame::Busy, Cause::Ended(client::Failure::Closed));
        let mute = trouble(Blame::Busy, Cause::Silent(Timer::Reply));
        let all = vec![dest, source, Way::Through];
        let mut climb = Climb::new(all.clone(), None);
        climb.up();
        assert_eq!(climb.after(&gone), Step::Try(source));
        assert_eq!(climb.stalled(), Step::Try(Way::Through));
        assert_eq!(climb.after(&mute), Step::Later);
        // Two that have talked to each other before will do so again.
        let mut climb = Climb::new(all, Some(dest));
        climb.up();
        assert_eq!([climb.after(&gone), climb.stalled()], [Step::Later, Step::Later]);
        // Nobody may go between them.
        let mut climb = Climb::new(vec![dest, source], None);
        climb.up();
        assert_eq!([climb.after(&gone), climb.stalled()], [Step::Later, Step::Later]);
    }

    #[test]
    fn h18_the_way_that_worked_is_tried_first_the_next_time() {
        let (first, second) =
            (way(Rung::DestListens, Opening::Lstn), way(Rung::SourceListens, Opening::Lstn));
        let mut climb = Climb::new(vec![first, second], Some(second));
        assert_eq!(
            [climb.up(), climb.up(), climb.up()],
            [Step::Try(second), Step::Try(first), Step::NoneLeft]
        );
        let mut climb = Climb::new(vec![first], Some(second));
        assert_eq!([climb.up(), climb.up()], [Step::Try(first), Step::NoneLeft]);
    }

    #[test]
    fn a_lost_session_is_tried_again_and_a_cancelled_one_is_not() {
        let mut climb = climb();
        assert_eq!(climb.after(&trouble(Blame::Path, Cause::Ended(client::Failure::Closed))), Step::Later);
        assert_eq!(climb.after(&trouble(Blame::Path, Cause::Cancelled)), Step::Stop);
        let noise = Cause::Ended(client::Failure::NotFtp("noise".into()));
        assert_eq!(climb.after(&trouble(Blame::Peer, noise)), Step::Stop);
    }

    /// All ways of two relays, then this host.
    fn relays() -> Vec<Way> {
        use Posture::{Active, Passive};
        let way = |relay, source, destination| {
            Way::Relay(Relaying { relay, near: None, postures: Postures { source, destination } })
        };
        let mut all = Vec::new();
        for relay in [0, 1] {
            for source in [Passive, Active] {
                all.extend([Passive, Active].map(|destination| way(relay, source, destination)));
            }
        }
        all.push(Way::Through);
        all
    }

    #[test]
    fn a_leg_that_a_relay_cannot_have_is_had_the_other_way_round() {
        let leg = |side| Trouble { side, ..trouble(Blame::Path, Cause::Data("refused".into())) };
        let all = relays();
        let mut climb = Climb::new(all.clone(), None);
        climb.up();
        // The destination cannot be dialled: it dials. The source cannot either: the destination still dials.
        assert_eq!(climb.after(&leg(Side::Destination)), Step::Try(all[1]));
        assert_eq!(climb.after(&leg(Side::Source)), Step::Try(all[2]));
        assert_eq!(climb.after(&leg(Side::Destination)), Step::Try(all[3]));
        assert_eq!(climb.after(&leg(Side::Destination)), Step::Try(all[4]));
        // A server that refuses PASV or PORT is the same.
        assert_eq!(climb.after(&trouble(Blame::Path, Cause::Silent(Timer::Connect))), Step::Try(all[6]));
    }

    #[test]
    fn a_relay_that_fails_in_mid_file_is_gone_around() {
        let all = relays();
        let lost = trouble(Blame::Busy, Cause::Relay("gone".into()));
        let mut climb = Climb::new(all.clone(), None);
        climb.up();
        assert_eq!(climb.after(&lost), Step::Try(all[4]));
        assert_eq!(climb.stalled(), Step::Try(Way::Through));
        // A relay that cannot be reached at all.
        let mut climb = Climb::new(all.clone(), None);
        climb.up();
        let closed = trouble(Blame::Path, Cause::Relay("no".into()));
        assert_eq!([climb.past_relay(), climb.after(&closed)], [Step::Try(all[4]), Step::Try(Way::Through)]);
        // With nothing else it may be back in a while.
        let mut climb = Climb::new(all[..4].to_vec(), None);
        climb.up();
        assert_eq!(climb.after(&lost), Step::Later);
    }
}
