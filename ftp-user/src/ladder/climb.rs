//! Which way next: blame in, step out.

use super::Way;
use ftp_proto::reply::Blame;
use ftp_proto::third_party::{Cause, Trouble};

/// The ways of one file, and how far it has come.
#[derive(Clone, Debug)]
pub struct Climb {
    ways: std::vec::IntoIter<Way>,
    current: Option<Way>,
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
    /// At the foot of the ladder.
    pub fn new(ways: Vec<Way>) -> Self {
        Self { ways: ways.into_iter(), current: None }
    }

    /// The first way, or the next one, whatever the failure was.
    pub fn up(&mut self) -> Step {
        self.current = self.ways.next();
        self.current.map_or(Step::NoneLeft, Step::Try)
    }

    /// The step after `trouble` on the current way (H17).
    pub fn after(&mut self, trouble: &Trouble) -> Step {
        match &trouble.cause {
            Cause::Ended(_) => return Step::Later,
            Cause::Cancelled => return Step::Stop,
            Cause::Refused(_) | Cause::Unusable(..) | Cause::Policy(..) | Cause::Silent(_) => {}
        }
        match trouble.blame {
            // It does not know these commands: it may know the older ones of the same rung.
            Blame::Unsupported => self.up(),
            // The way itself is closed: who listens must change, other commands change nothing.
            Blame::Path => {
                let failed = self.current.map(|way| way.rung);
                loop {
                    let step = self.up();
                    if self.current.is_none_or(|way| Some(way.rung) != failed) {
                        return step;
                    }
                }
            }
            Blame::Busy => Step::Later,
            Blame::Missing | Blame::File | Blame::Space | Blame::Login | Blame::Peer => Step::Stop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rung;
    use super::*;
    use ftp_proto::client::Failure;
    use ftp_proto::third_party::{Opening, Plan, Side};
    use ftp_proto::timer::Timer;

    fn way(rung: Rung, opening: Opening) -> Way {
        let listener = if rung == Rung::DestListens { Side::Destination } else { Side::Source };
        Way { rung, plan: Plan { listener, opening, filter: false, first: None } }
    }

    fn climb() -> Climb {
        let mut climb = Climb::new(vec![
            way(Rung::DestListens, Opening::Lstn),
            way(Rung::DestListens, Opening::Pasv),
            way(Rung::SourceListens, Opening::Lstn),
        ]);
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
    fn a_lost_session_is_tried_again_and_a_cancelled_one_is_not() {
        let mut climb = climb();
        assert_eq!(climb.after(&trouble(Blame::Path, Cause::Ended(Failure::Closed))), Step::Later);
        assert_eq!(climb.after(&trouble(Blame::Path, Cause::Cancelled)), Step::Stop);
    }
}
