//! What a run has learnt about the candidates of one ordered pair of sites, so that the files of a tree do not
//! repeat each other's failures. Pure.
//!
//! | what happened to a candidate | what is remembered |
//! |---|---|
//! | a file moves on it | others try it first for as long as it does, and small files share it |
//! | it worked | it is tried first (H18) |
//! | it was refused for good (5yz; an address that is not believed) | closed for the run |
//! | it was closed for another reason (4yz, nobody came) | closed for a while |
//! | TLS between the two failed, or a server demands its own session | closed with all candidates that need the same |
//! | its relay could not be used | that relay is left alone for a while |
//! | it failed because of the file, or temporarily | nothing |
//!
//! A candidate that has worked stays open, whatever happens to it later. The path through this host is the
//! last resort: after a while the candidates that may be open again come first.

use super::ascent::Ascent;
use super::candidate::{Candidate, Rung};
use super::security::Hitch;
use crate::failure::{self, Kind};
use ftp_io::lock::Lock;
use ftp_proto::reply::Blame;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::race::Manner;
use ftp_proto::transfer::{Cause, Failure, Opening, Side};
use ftp_proto::wire::counted;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The memory of one ordered pair of ends.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    worked: Option<Worked>,
    /// The candidates on which files move now, one entry for each such file.
    moving: Vec<Candidate>,
    /// The candidate that has worked in an earlier run, and how long ago.
    preferred: Option<(Candidate, Duration)>,
    /// The rungs on which nothing arrived in an earlier run, and how long ago.
    silent: Vec<(Rung, Duration)>,
    closed: Vec<ClosedCandidate>,
    /// When a file was last to try what is open.
    tried: Option<Moment>,
    /// The detour that was announced last.
    announced: Option<Candidate>,
    /// The slowest rate at which a file has gone from server to server, in bytes a second.
    pub slowest: Option<u64>,
    /// What is to be told before the next file.
    news: Option<String>,
}

/// The candidate that worked last.
#[derive(Clone, Copy, Debug)]
struct Worked {
    candidate: Candidate,
    since: Moment,
}

/// A candidate that is not tried, for a while or for the rest of the run.
#[derive(Clone, Debug)]
struct ClosedCandidate {
    candidate: Candidate,
    extent: Extent,
    why: Refusal,
    /// When it may be tried again; `None` is never.
    until: Option<Moment>,
}

/// Why a candidate is not tried, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The candidate in words, if the reason is of one alone.
    pub candidate: Option<String>,
    /// The reason, and what to do about it.
    pub failure: failure::Failure,
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Self { candidate: None, failure: failure::Failure::new(Kind::NoPath, why) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let candidate = self.candidate.as_ref().map_or_else(String::new, |words| format!("{words}: "));
        write!(f, "{candidate}{}", self.failure.why())
    }
}

/// Which other candidates are closed with one.
#[derive(Clone, Copy, Debug)]
enum Extent {
    /// None: the other commands of its rung may work.
    Alone,
    /// All candidates that ask the same of that end: other commands do not help.
    Posture(Side),
    /// All candidates that use its relay.
    Relay,
    /// All candidates that would meet the same difficulty with TLS.
    Tls(Hitch),
}

impl Memory {
    /// Returns the ascent for the next file, and the reasons why some candidates are left out. With `Turns` a dead
    /// path costs all the patience of an attempt, so candidates on whose rung nothing arrived come last; beside each
    /// other they still come before a third host.
    pub fn ascend(
        &mut self,
        candidates: Vec<Candidate>,
        manner: Manner,
        now: Moment,
    ) -> (Ascent, Vec<Refusal>) {
        self.tried = Some(now);
        self.closed.retain(|closed| closed.until.is_none_or(|until| now < until));
        let (shut, open): (Vec<Candidate>, Vec<Candidate>) = candidates
            .into_iter()
            .partition(|candidate| self.closed.iter().any(|closed| closed.shuts(*candidate)));
        let known = self.closed.iter().filter(|closed| shut.iter().any(|candidate| closed.shuts(*candidate)));
        let known = known.map(|closed| closed.why.clone()).collect();
        if self.worked.is_some_and(|worked| {
            worked.candidate == Candidate::Through && now.since(worked.since) >= WHILE && open.len() > 1
        }) {
            (self.worked, self.announced) = (None, None);
        }
        let mut open = open;
        open.sort_by_key(|candidate| self.place(*candidate, manner));
        let silent = self.silent.iter().map(|(rung, _)| *rung).collect();
        (Ascent::new(open, self.worked.map(|worked| worked.candidate)).with_silent(silent), known)
    }

    /// Where other files and earlier runs put a candidate. Candidates with the same number keep their order.
    fn place(&self, candidate: Candidate, manner: Manner) -> u8 {
        let is_silent = self.silent_for(candidate).is_some();
        match (candidate, manner) {
            // Where a third host carries a large file, others may still find a more direct path.
            (Candidate::Direct(_), _) if self.moving.contains(&candidate) => 0,
            _ if !is_silent && self.preferred.is_some_and(|(preferred, _)| preferred == candidate) => 1,
            _ if self.silent.is_empty() => 2,
            (Candidate::Direct(_), _) if !is_silent => 2,
            (Candidate::Direct(_), Manner::Beside) => 3,
            (Candidate::Relay(_) | Candidate::Through, _) => 4,
            (Candidate::Direct(_), Manner::Turns) => 5,
        }
    }

    /// How long ago nothing arrived on the rung of a candidate.
    fn silent_for(&self, candidate: Candidate) -> Option<Duration> {
        self.silent.iter().find(|(rung, _)| *rung == candidate.rung()).map(|(_, age)| *age)
    }

    /// The path of the last file, or of one that moves, if small files may share it: one connection, or one server that listens for
    /// each of them. After a while on the path through this host a file goes alone, and tries what may be open again.
    pub fn shared_path(&self, now: Moment) -> Option<Candidate> {
        let candidate = self.found_path()?;
        let may_share = match candidate {
            Candidate::Direct(roles) => roles.opening != Opening::Symmetric,
            Candidate::Relay(_) => true,
            Candidate::Through => self.tried.is_some_and(|tried| now.since(tried) < WHILE),
        };
        may_share.then_some(candidate)
    }

    /// The path that has worked in an earlier run, if small files may share it before one of this run has shown that it works.
    pub fn remembered_path(&self) -> Option<Candidate> {
        let (candidate, _) = self.preferred.filter(|_| self.worked.is_none() && self.closed.is_empty())?;
        let may_share = matches!(candidate, Candidate::Direct(roles) if roles.opening != Opening::Symmetric);
        (may_share && self.silent_for(candidate).is_none()).then_some(candidate)
    }

    /// The path that has worked in this run, or else one on which a file moves now, unless it is closed to others.
    pub fn found_path(&self) -> Option<Candidate> {
        let is_open = |moving: &&Candidate| !self.closed.iter().any(|closed| closed.shuts(**moving));
        self.worked.map(|worked| worked.candidate).or(self.moving.iter().find(is_open).copied())
    }

    /// Whether no file of this run has shown yet that a path works to the end of a file.
    pub const fn has_no_path_yet(&self) -> bool {
        self.worked.is_none()
    }

    /// Whether nothing is known of this pair yet.
    pub const fn is_new(&self) -> bool {
        self.worked.is_none()
            && self.moving.is_empty()
            && self.preferred.is_none()
            && self.silent.is_empty()
            && self.closed.is_empty()
    }

    /// Puts a candidate first that has worked in an earlier run, and candidates back on whose rung nothing arrived.
    /// It is not more than an order: if the first one fails, the others follow as always.
    pub fn recall(&mut self, preferred: Option<(Candidate, Duration)>, silent: Vec<(Rung, Duration)>) {
        (self.preferred, self.silent) = (preferred, silent);
    }

    /// What earlier runs say of a candidate, in words.
    pub fn says(&self, candidate: Candidate) -> Option<String> {
        if let Some(age) = self.silent_for(candidate) {
            return Some(format!("nothing arrived there {}", ago(age)));
        }
        let (preferred, age) = self.preferred?;
        (preferred == candidate).then(|| format!("it worked {}", ago(age)))
    }

    /// Notes that `candidate` has moved a file.
    pub fn worked(&mut self, candidate: Candidate, now: Moment) {
        if self.worked.is_none_or(|worked| worked.candidate != candidate) {
            self.worked = Some(Worked { candidate, since: now });
        }
    }

    /// Notes that a file moves on `candidate`: its data connection stands.
    pub fn note_moving(&mut self, candidate: Candidate) {
        self.moving.push(candidate);
    }

    /// Notes that a file does not move on `candidate` any more.
    pub fn note_not_moving(&mut self, candidate: Candidate) {
        if let Some(index) = self.moving.iter().position(|moving| *moving == candidate) {
            self.moving.swap_remove(index);
        }
    }

    /// Notes that `candidate` has failed for a file.
    pub fn failed(&mut self, candidate: Candidate, failure: &Failure, why: Refusal, now: Moment) {
        let extent = match failure.blame {
            Blame::Path if matches!(failure.cause, Cause::Relay(_)) => Extent::Relay,
            Blame::Path => Extent::Posture(failure.side),
            Blame::Unsupported => Extent::Alone,
            Blame::Missing | Blame::File | Blame::Space | Blame::Login | Blame::Busy | Blame::Peer => return,
        };
        let extent = Hitch::of(candidate, failure).map_or(extent, Extent::Tls);
        if self.worked.is_some_and(|worked| worked.candidate == candidate) {
            return;
        }
        let until = if is_for_good(&failure.cause) { None } else { Some(now + WHILE) };
        self.closed.push(ClosedCandidate { candidate, extent, why, until });
    }

    /// Notes that the relay of `candidate` could not be used at all.
    pub fn unusable(&mut self, candidate: Candidate, why: Refusal, now: Moment) {
        let until = Some(now + WHILE);
        self.closed.push(ClosedCandidate { candidate, extent: Extent::Relay, why, until });
    }

    /// Notes how long a file of so many bytes took from server to server. Small ones tell nothing of a rate.
    pub fn note_rate(&mut self, bytes: u64, took: Duration) {
        if bytes >= TELLING && took >= TELLING_TIME {
            let rate = bytes / took.as_secs().max(1);
            self.slowest = Some(self.slowest.map_or(rate, |slowest| slowest.min(rate)));
        }
    }

    /// Notes what is to be told before the next file, if there is one.
    pub fn tell(&mut self, news: String) {
        self.news = Some(news);
    }

    /// What is to be told before the next file, once.
    pub const fn news(&mut self) -> Option<String> {
        self.news.take()
    }

    /// Whether this intermediary has not been announced yet. Two candidates of one relay are the same detour.
    pub fn announces(&mut self, candidate: Candidate) -> bool {
        self.announced.replace(candidate).is_none_or(|told| told.relay() != candidate.relay())
    }
}

impl ClosedCandidate {
    fn shuts(&self, candidate: Candidate) -> bool {
        match self.extent {
            Extent::Alone => self.candidate == candidate,
            Extent::Posture(side) => self.candidate.shares(&candidate, side),
            Extent::Tls(hitch) => hitch.hinders(&candidate),
            Extent::Relay => candidate.is_of_one_relay(&self.candidate),
        }
    }
}

/// How long ago something was, in words.
pub fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    let (count, unit) = match seconds {
        0..60 => return "less than a minute ago".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", counted(count, unit))
}

/// Whether the failure is permanent (RFC 959 section 4.2.1).
fn is_for_good(cause: &Cause) -> bool {
    match cause {
        Cause::Refused(reply) => reply.code.is_permanent(),
        Cause::Unusable(..) | Cause::Policy(..) => true,
        Cause::Silent(_) | Cause::Data(_) | Cause::Relay(_) | Cause::Ended(_) | Cause::Cancelled => false,
    }
}

/// The smallest file whose rate counts, in bytes.
const TELLING: u64 = 1 << 20;
/// The shortest time over which a rate counts.
const TELLING_TIME: Duration = Duration::from_secs(1);
/// How long a candidate stays closed after a failure that is not permanent.
const WHILE: Duration = Duration::from_secs(300);

/// The memory of one ordered pair of ends. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SharedMemory(Arc<Mutex<Memory>>);

impl SharedMemory {
    /// The memory, for as long as nothing is awaited.
    pub fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.locked()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Step;
    use super::super::fixtures::{direct, failed, relayed};
    use super::*;
    use ftp_proto::command::Verb;
    use ftp_proto::reply::{Code, Reply};
    use ftp_proto::transfer::{Opening, Posture, RelayFault, Stage, Timer};

    fn all() -> Vec<Candidate> {
        let (to, from) = (Side::Destination, Side::Source);
        vec![
            direct(to, Opening::Epsv),
            direct(to, Opening::Pasv),
            direct(from, Opening::Pasv),
            Candidate::Through,
        ]
    }

    fn refused(code: u16, blame: Blame) -> Failure {
        let cause = Cause::Refused(Reply { code: Code(code), lines: vec![b"no".to_vec()] });
        failed(Side::Source, Stage::Command(Verb::Port), cause, blame)
    }

    fn nobody_came() -> Failure {
        Failure { cause: Cause::Silent(Timer::Connect), ..refused(0, Blame::Path) }
    }

    fn at(seconds: u64) -> Moment {
        Moment::START + Duration::from_secs(seconds)
    }

    /// The candidates of the next file.
    fn next(memory: &mut Memory, now: Moment) -> Vec<Candidate> {
        next_of(all(), memory, now)
    }

    /// Those of these candidates that are open.
    fn next_of(candidates: Vec<Candidate>, memory: &mut Memory, now: Moment) -> Vec<Candidate> {
        let (mut ascent, _) = memory.ascend(candidates, Manner::Beside, now);
        std::iter::from_fn(|| match ascent.proceed() {
            Step::Attempt(candidate) => Some(candidate),
            Step::Later | Step::Exhausted | Step::Fail => None,
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
    fn h18_what_worked_in_an_earlier_run_comes_first_and_never_adds_a_candidate() {
        let [epsv, pasv, source, through] = all().try_into().unwrap();
        let mut memory = Memory::default();
        assert!(memory.is_new());
        let day = Duration::from_secs(24 * 3600);
        memory.recall(Some((source, day)), Vec::new());
        assert_eq!(next(&mut memory, at(0)), [source, epsv, pasv, through]);
        assert_eq!(memory.says(source), Some("it worked 24 hours ago".to_owned()));
        assert_eq!(memory.says(epsv), None);
        memory.recall(Some((direct(Side::Source, Opening::Lstn), day)), Vec::new());
        assert_eq!(next(&mut memory, at(0)), all());
        memory.recall(Some((source, day)), Vec::new());
        memory.worked(pasv, at(0));
        assert_eq!(next(&mut memory, at(1)), [pasv, source, epsv, through]);
    }

    #[test]
    fn h18_where_nothing_arrived_in_an_earlier_run_comes_behind_the_other_direct_paths_and_in_turns_last() {
        let [epsv, pasv, source, through] = all().try_into().unwrap();
        let hour = Duration::from_secs(3600);
        let mut memory = Memory::default();
        memory.recall(Some((epsv, hour * 50)), vec![(Rung::DestListens, hour)]);
        assert!(!memory.is_new());
        let mut order = |manner| {
            let (ascent, _) = memory.ascend(all(), manner, at(0));
            let silent = (0..4).map(|index| ascent.is_silent(index)).collect::<Vec<_>>();
            (ascent.candidates.to_vec(), silent)
        };
        assert_eq!(
            order(Manner::Beside),
            (vec![source, epsv, pasv, through], vec![false, true, true, false])
        );
        assert_eq!(order(Manner::Turns), (vec![source, through, epsv, pasv], vec![false, false, true, true]));
        assert_eq!(memory.says(pasv), Some("nothing arrived there 1 hour ago".to_owned()));
        assert_eq!(memory.says(source), None);
    }

    #[test]
    fn how_long_ago_something_was_is_told_in_one_unit() {
        let check = |seconds, expect: &str| assert_eq!(ago(Duration::from_secs(seconds)), expect);
        check(59, "less than a minute ago");
        check(60, "1 minute ago");
        check(3_599, "59 minutes ago");
        check(7_200, "2 hours ago");
        check(172_800, "2 days ago");
    }

    #[test]
    fn h18_a_refusal_closes_a_rung_for_the_run_and_an_unknown_command_closes_one_candidate() {
        let [epsv, pasv, source, through] = all().try_into().unwrap();
        let mut memory = Memory::default();
        memory.failed(epsv, &refused(500, Blame::Path), "no".into(), at(0));
        assert_eq!(next(&mut memory, at(1_000_000)), [source, through]);
        let mut memory = Memory::default();
        memory.failed(epsv, &refused(500, Blame::Unsupported), "no".into(), at(0));
        assert_eq!(next(&mut memory, at(1_000_000)), [pasv, source, through]);
        assert_eq!(memory.ascend(all(), Manner::Beside, at(0)).1, [Refusal::from("no")]);
    }

    #[test]
    fn a_candidate_that_failed_temporarily_is_tried_again_later() {
        for trouble in [refused(425, Blame::Path), nobody_came()] {
            let [epsv, _, source, through] = all().try_into().unwrap();
            let mut memory = Memory::default();
            memory.failed(epsv, &trouble, "no".into(), at(0));
            assert_eq!(next(&mut memory, at(299)), [source, through]);
            assert_eq!(next(&mut memory, at(300)), all());
            assert!(memory.ascend(all(), Manner::Beside, at(300)).1.is_empty());
        }
    }

    #[test]
    fn a_failure_of_the_file_or_of_the_moment_closes_no_candidate() {
        let mut memory = Memory::default();
        for blame in [Blame::Missing, Blame::File, Blame::Space, Blame::Login, Blame::Busy, Blame::Peer] {
            memory.failed(all()[0], &refused(550, blame), "no".into(), at(0));
        }
        assert_eq!(next(&mut memory, at(0)), all());
    }

    #[test]
    fn a_candidate_that_has_worked_stays_open() {
        let epsv = all()[0];
        let mut memory = Memory::default();
        memory.worked(epsv, at(0));
        memory.failed(epsv, &refused(426, Blame::Path), "no".into(), at(0));
        assert_eq!(next(&mut memory, at(1)), all());
    }

    #[test]
    fn a_detour_is_announced_once_and_left_when_another_candidate_may_be_open_again() {
        let [epsv, _, source, through] = all().try_into().unwrap();
        let mut memory = Memory::default();
        memory.failed(epsv, &nobody_came(), "no".into(), at(0));
        memory.failed(source, &refused(500, Blame::Path), "no".into(), at(0));
        assert!(memory.announces(through));
        memory.worked(through, at(0));
        assert_eq!(next(&mut memory, at(299)), [through]);
        assert!(!memory.announces(through));
        assert_eq!(next(&mut memory, at(300)), [epsv, all()[1], through]);
        assert!(memory.announces(through));
    }

    #[test]
    fn others_take_a_path_for_as_long_as_a_file_moves_on_it() {
        let [first, second] = [all()[0], all()[1]];
        let mut memory = Memory::default();
        memory.recall(Some((first, Duration::from_secs(60))), Vec::new());
        memory.note_moving(second);
        memory.note_moving(second);
        assert_eq!((memory.shared_path(at(0)), memory.has_no_path_yet()), (Some(second), true));
        assert_eq!(next(&mut memory, at(0))[..2], [second, first], "before the one of an earlier run");
        // One ends, and the other goes on.
        memory.note_not_moving(second);
        assert_eq!(memory.found_path(), Some(second));
        memory.failed(second, &refused(425, Blame::Path), "no".into(), at(0));
        assert_eq!(memory.shared_path(at(0)), None, "it is closed to others");
        memory.note_not_moving(second);
        memory.note_moving(Candidate::Through);
        assert_eq!(memory.found_path(), Some(Candidate::Through));
        assert_ne!(next(&mut memory, at(0))[0], Candidate::Through, "others may find a more direct one");
        memory.worked(first, at(1));
        memory.note_moving(second);
        assert_eq!(memory.found_path(), Some(first));
    }

    #[test]
    fn small_files_share_the_path_through_this_host_until_others_may_be_open_again() {
        let mut memory = Memory::default();
        assert_eq!(memory.shared_path(at(0)), None);
        next(&mut memory, at(0));
        memory.worked(Candidate::Through, at(1));
        assert_eq!(memory.shared_path(at(299)), Some(Candidate::Through));
        assert_eq!(memory.shared_path(at(300)), None, "one file tries the others");
        next(&mut memory, at(300));
        memory.worked(Candidate::Through, at(301));
        assert_eq!(memory.shared_path(at(599)), Some(Candidate::Through));
        memory.worked(all()[0], at(600));
        assert_eq!(memory.shared_path(at(9_000)), Some(all()[0]));
        memory.worked(direct(Side::Source, Opening::Symmetric), at(9_000));
        assert_eq!(memory.shared_path(at(9_000)), None);
    }

    #[test]
    fn the_slowest_rate_of_files_that_tell_one_is_remembered() {
        let mut memory = Memory::default();
        let mut after = |bytes, millis| {
            memory.note_rate(bytes, Duration::from_millis(millis));
            memory.slowest
        };
        assert_eq!(after(TELLING - 1, 9_000), None);
        assert_eq!(after(1 << 40, 999), None);
        assert_eq!(after(10 << 20, 2_000), Some(5 << 20));
        assert_eq!(after(40 << 20, 2_000), Some(5 << 20));
        assert_eq!(after(4 << 20, 4_000), Some(1 << 20));
    }

    #[test]
    fn a_detour_without_an_alternative_is_not_announced_again() {
        let [epsv, _, source, through] = all().try_into().unwrap();
        let mut memory = Memory::default();
        for closed in [epsv, source] {
            memory.failed(closed, &refused(500, Blame::Path), "no".into(), at(0));
        }
        assert!(memory.announces(through));
        memory.worked(through, at(0));
        assert_eq!(next(&mut memory, at(1_000)), [through]);
        assert!(!memory.announces(through));
    }

    #[test]
    fn a_detour_that_goes_on_working_is_left_no_later() {
        let [epsv, pasv, source, through] = all().try_into().unwrap();
        let mut memory = Memory::default();
        memory.worked(through, at(0));
        memory.worked(through, at(200));
        assert_eq!(next(&mut memory, at(299)), [through, epsv, pasv, source]);
        assert_eq!(next(&mut memory, at(300)), all());
        memory.worked(source, at(300));
        memory.worked(pasv, at(301));
        assert_eq!(next(&mut memory, at(302)), [pasv, epsv, source, through]);
    }

    #[test]
    fn a_relay_that_fails_is_closed_for_a_while_with_all_its_candidates_and_nothing_else() {
        let relayed = |relay, source| relayed(relay, source, Posture::Passive);
        let broken = [relayed(0, Posture::Passive), relayed(0, Posture::Active)];
        let others = [all()[0], relayed(1, Posture::Passive), Candidate::Through];
        let failure = Failure { cause: Cause::Relay(RelayFault::Silent), ..refused(0, Blame::Path) };
        let (mut failed, mut unusable) = (Memory::default(), Memory::default());
        failed.failed(broken[0], &failure, "no".into(), at(0));
        unusable.unusable(broken[0], "no".into(), at(0));
        for memory in [&mut failed, &mut unusable] {
            let both = [&broken[..], &others].concat();
            assert_eq!(next_of(both.clone(), memory, at(299)), others);
            assert_eq!(next_of(both.clone(), memory, at(300)), both);
        }
    }

    #[test]
    fn a_relay_is_announced_once_whichever_end_listens() {
        let candidate = |relay, destination| relayed(relay, Posture::Passive, destination);
        let (passive, active) = (candidate(0, Posture::Passive), candidate(0, Posture::Active));
        let mut memory = Memory::default();
        let candidates =
            [passive, active, candidate(1, Posture::Active), Candidate::Through, Candidate::Through, passive];
        assert_eq!(
            candidates.map(|candidate| memory.announces(candidate)),
            [true, false, true, true, false, true]
        );
    }
}
