//! What a run has learnt of the ways from one end to the other: a tree of files pays each lesson once.
//! Pure.
//!
//! | what happened on a way | remembered |
//! |---|---|
//! | it worked | it is tried first (H18) |
//! | it was refused for good (5yz; an address that is not believed) | closed for the run |
//! | it was closed for another reason (4yz, nobody came) | closed for a while |
//! | its relay could not be used | that relay is left alone for a while |
//! | it failed for the file's sake, or of the moment | not at all |
//!
//! A way that has worked is open, whatever happens on it later. Octets that pass this host are the
//! last resort: after a while the ways that may be open again come first.

use super::{Climb, Way};
use ftp_proto::reply::Blame;
use ftp_proto::third_party::{Cause, Side, Trouble};
use ftp_proto::timer::Moment;
use std::time::Duration;

/// The memory of one ordered pair of ends.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    worked: Option<Worked>,
    closed: Vec<Closed>,
    /// The detour that was announced.
    announced: Option<Way>,
}

/// The way that worked last.
#[derive(Clone, Copy, Debug)]
struct Worked {
    way: Way,
    since: Moment,
}

/// A way that is not tried again.
#[derive(Clone, Debug)]
struct Closed {
    way: Way,
    extent: Extent,
    why: String,
    /// `None`: as long as the run lasts.
    until: Option<Moment>,
}

/// What else is closed with a way.
#[derive(Clone, Copy, Debug)]
enum Extent {
    /// Nothing: the other commands of its rung may do.
    Alone,
    /// All that asks the same of that end: other commands change nothing.
    Posture(Side),
    /// Every way through its relay.
    Relay,
}

impl Memory {
    /// The ladder for the next file, and why some of its ways are left out.
    pub fn climb(&mut self, ways: Vec<Way>, now: Moment) -> (Climb, Vec<String>) {
        self.closed.retain(|closed| closed.until.is_none_or(|until| now < until));
        let (shut, open): (Vec<Way>, Vec<Way>) =
            ways.into_iter().partition(|way| self.closed.iter().any(|closed| closed.shuts(*way)));
        let known = self.closed.iter().filter(|closed| shut.iter().any(|way| closed.shuts(*way)));
        let known = known.map(|closed| closed.why.clone()).collect();
        if self.worked.is_some_and(|worked| {
            worked.way == Way::Through && now.since(worked.since) >= WHILE && open.len() > 1
        }) {
            (self.worked, self.announced) = (None, None);
        }
        (Climb::new(open, self.worked.map(|worked| worked.way)), known)
    }

    /// A file has gone this way.
    pub fn worked(&mut self, way: Way, now: Moment) {
        if self.worked.is_none_or(|worked| worked.way != way) {
            self.worked = Some(Worked { way, since: now });
        }
    }

    /// A file could not go this way; `why` is for people.
    pub fn failed(&mut self, way: Way, trouble: &Trouble, why: &str, now: Moment) {
        let extent = match trouble.blame {
            Blame::Path if matches!(trouble.cause, Cause::Relay(_)) => Extent::Relay,
            Blame::Path => Extent::Posture(trouble.side),
            Blame::Unsupported => Extent::Alone,
            Blame::Missing | Blame::File | Blame::Space | Blame::Login | Blame::Busy | Blame::Peer => return,
        };
        if self.worked.is_some_and(|worked| worked.way == way) {
            return;
        }
        let until = if is_for_good(&trouble.cause) { None } else { Some(now + WHILE) };
        self.closed.push(Closed { way, extent, why: why.to_owned(), until });
    }

    /// The relay of a way could not be used at all.
    pub fn unusable(&mut self, way: Way, why: &str, now: Moment) {
        let until = Some(now + WHILE);
        self.closed.push(Closed { way, extent: Extent::Relay, why: why.to_owned(), until });
    }

    /// Whether people have not been told yet that files take this detour: a relay is one, whoever listens.
    pub fn announces(&mut self, way: Way) -> bool {
        self.announced.replace(way).is_none_or(|told| told.relay() != way.relay())
    }
}

impl Closed {
    fn shuts(&self, way: Way) -> bool {
        match self.extent {
            Extent::Alone => self.way == way,
            Extent::Posture(side) => self.way.shares(&way, side),
            Extent::Relay => way.relay().is_some() && way.relay() == self.way.relay(),
        }
    }
}

/// Whether the server will say the same the next time (RFC 959 4.2.1).
fn is_for_good(cause: &Cause) -> bool {
    match cause {
        Cause::Refused(reply) => reply.code.is_permanent(),
        Cause::Unusable(..) | Cause::Policy(..) => true,
        Cause::Silent(_) | Cause::Data(_) | Cause::Relay(_) | Cause::Ended(_) | Cause::Cancelled => false,
    }
}

/// How long a way that was closed for no lasting reason is left alone.
const WHILE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::super::{Relaying, Step};
    use super::*;
    use ftp_proto::reply::{Code, Reply};
    use ftp_proto::third_party::relayed::{Posture, Postures};
    use ftp_proto::third_party::{Opening, Plan};
    use ftp_proto::timer::Timer;

    fn way(listener: Side, opening: Opening) -> Way {
        Way::Direct(Plan { listener, opening, filter: false, first: None })
    }

    fn all() -> Vec<Way> {
        let (to, from) = (Side::Destination, Side::Source);
        vec![way(to, Opening::Epsv), way(to, Opening::Pasv), way(from, Opening::Pasv), Way::Through]
    }

    fn refused(code: u16, blame: Blame) -> Trouble {
        let cause = Cause::Refused(Reply { code: Code(code), lines: vec![b"no".to_vec()] });
        Trouble { side: Side::Source, during: "PORT", cause, blame, touched: false }
    }

    fn nobody_came() -> Trouble {
        Trouble { cause: Cause::Silent(Timer::Connect), ..refused(0, Blame::Path) }
    }

    fn at(seconds: u64) -> Moment {
        Moment::START + Duration::from_secs(seconds)
    }

    /// The ways of the next file.
    fn next(memory: &mut Memory, now: Moment) -> Vec<Way> {
        let (mut climb, _) = memory.climb(all(), now);
        std::iter::from_fn(|| match climb.up() {
            Step::Try(way) => Some(way),
            Step::Later | Step::NoneLeft | Step::Stop => None,
        })
        .collect()
    }

    #[test]
    fn h18_what_worked_comes_first() {
        let mut memory = Memory::default();
        assert_eq!(next(&mut memory, at(0)), all());
        let [epsv, pasv, source, through] = all().try_into().unwrap();
        memory.worked(source, at(0));
        assert_eq!(next(&mut memory, at(1)), [source, epsv, pasv, through]);
    }

    #[test]
    fn h18_a_refused_way_is_closed_for_the_run_with_its_rung_and_an_unknown_command_alone() {
        let [epsv, pasv, source, through] = all().try_into().unwrap();
        let mut memory = Memory::default();
        memory.failed(epsv, &refused(500, Blame::Path), "no", at(0));
        assert_eq!(next(&mut memory, at(1_000_000)), [source, through]);
        let mut memory = Memory::default();
        memory.failed(epsv, &refused(500, Blame::Unsupported), "no", at(0));
        assert_eq!(next(&mut memory, at(1_000_000)), [pasv, source, through]);
        assert_eq!(memory.climb(all(), at(0)).1, ["no"]);
    }

    #[test]
    fn a_way_that_is_closed_for_no_lasting_reason_is_tried_again_later() {
        for trouble in [refused(425, Blame::Path), nobody_came()] {
            let [epsv, _, source, through] = all().try_into().unwrap();
            let mut memory = Memory::default();
            memory.failed(epsv, &trouble, "no", at(0));
            assert_eq!(next(&mut memory, at(299)), [source, through]);
            assert_eq!(next(&mut memory, at(300)), all());
            assert!(memory.climb(all(), at(300)).1.is_empty());
        }
    }

    #[test]
    fn what_is_of_the_file_or_of_the_moment_closes_no_way() {
        let mut memory = Memory::default();
        for blame in [Blame::Missing, Blame::File, Blame::Space, Blame::Login, Blame::Busy, Blame::Peer] {
            memory.failed(all()[0], &refused(550, blame), "no", at(0));
        }
        assert_eq!(next(&mut memory, at(0)), all());
    }

    #[test]
    fn a_way_that_has_worked_is_open() {
        let epsv = all()[0];
        let mut memory = Memory::default();
        memory.worked(epsv, at(0));
        memory.failed(epsv, &refused(426, Blame::Path), "no", at(0));
        assert_eq!(next(&mut memory, at(1)), all());
    }

    #[test]
    fn the_detour_is_announced_once_and_left_when_a_way_may_be_open_again() {
        let [epsv, _, source, through] = all().try_into().unwrap();
        let mut memory = Memory::default();
        memory.failed(epsv, &nobody_came(), "no", at(0));
        memory.failed(source, &refused(500, Blame::Path), "no", at(0));
        assert!(memory.announces(through));
        memory.worked(through, at(0));
        assert_eq!(next(&mut memory, at(299)), [through]);
        assert!(!memory.announces(through));
        assert_eq!(next(&mut memory, at(300)), [epsv, all()[1], through]);
        assert!(memory.announces(through));
    }

    #[test]
    fn a_relay_is_announced_once_whoever_listens() {
        let way = |relay, destination| {
            let postures = Postures { source: Posture::Passive, destination };
            Way::Relay(Relaying { relay, near: None, postures })
        };
        let (passive, active) = (way(0, Posture::Passive), way(0, Posture::Active));
        let mut memory = Memory::default();
        let ways = [passive, active, way(1, Posture::Active), Way::Through, Way::Through, passive];
        assert_eq!(ways.map(|way| memory.announces(way)), [true, false, true, true, false, true]);
    }
}
