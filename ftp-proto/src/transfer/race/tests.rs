//! The race, step by step.

use super::*;
use crate::timer::Moment;
use crate::transfer::Side;
use std::time::Duration;

const HEAD_START: Duration = Duration::from_millis(250);

/// A race on a clock that the test moves.
struct Play {
    race: Race,
    now: Moment,
}

fn entrants(groups: &[usize]) -> Vec<Entrant> {
    groups.iter().map(|group| Entrant { group: *group, head_start: HEAD_START, probes: false }).collect()
}

impl Play {
    fn new(entrants: Vec<Entrant>, settings: Settings) -> Self {
        Self { race: Race::new(entrants, settings, Moment::START), now: Moment::START }
    }

    /// A race of candidates that do not share anything.
    fn of(count: usize) -> Self {
        Self::new(entrants(&(0..count).collect::<Vec<_>>()), Settings::default())
    }

    /// The same; the first one's head start is over, and the second one has started.
    fn of_two_that_run(count: usize) -> Self {
        let mut play = Self::of(count);
        play.asks(&[start(0)]);
        play.wait();
        play.asks(&[start(1)]);
        play
    }

    /// What the race asks for now, and when it wants to be told the time.
    fn out(&mut self) -> (Vec<Output>, Option<Moment>) {
        let mut out = Vec::new();
        loop {
            match self.race.poll() {
                Output::Wait(until) => return (out, until),
                output @ (Output::Start(..) | Output::Abort(_) | Output::Done(_)) => out.push(output),
            }
        }
    }

    #[track_caller]
    fn asks(&mut self, expect: &[Output]) {
        assert_eq!(self.out().0, expect);
    }

    fn tell(&mut self, input: Input) -> &mut Self {
        self.race.input(self.now, input);
        self
    }

    /// Waits until the race wants to be told the time.
    fn wait(&mut self) -> Duration {
        let (out, until) = self.out();
        assert_eq!(out, []);
        let until = until.expect("a timer");
        let passed = until.since(self.now);
        self.now = until;
        self.tell(Input::Timeout);
        passed
    }

    fn asks_nothing_for(&mut self, time: Duration) {
        let began = self.now;
        while self.now.since(began) < time {
            self.asks(&[]);
            self.wait();
        }
    }

    fn claims(&mut self, candidate: usize) -> &mut Self {
        self.tell(Input::Claims(candidate, Side::Source)).tell(Input::Claims(candidate, Side::Destination))
    }

    fn moves(&mut self, candidate: usize) -> &mut Self {
        self.tell(Input::Moving(candidate, Side::Source)).tell(Input::Moving(candidate, Side::Destination))
    }
}

fn start(candidate: usize) -> Output {
    Output::Start(candidate, CandidatePurpose::Transfer)
}

fn probe(candidate: usize) -> Output {
    Output::Start(candidate, CandidatePurpose::Probe)
}

#[test]
fn the_next_candidate_starts_after_a_head_start_that_begins_with_the_transfer_commands() {
    let mut play = Play::of(2);
    play.asks(&[start(0)]);
    play.now = play.now + Duration::from_millis(100);
    play.tell(Input::Connecting(0));
    assert_eq!(play.wait(), HEAD_START);
    play.asks(&[start(1)]);
    // No other candidate waits, so there is nothing to wait for but what the candidates say.
    assert_eq!(play.out(), (vec![], None));
    let mut slow = Play::of(2);
    slow.asks(&[start(0)]);
    assert_eq!(slow.wait(), Settings::default().setup);
    slow.asks(&[start(1)]);
}

#[test]
fn both_ends_must_report_the_same_candidate_as_moving() {
    let mut play = Play::of_two_that_run(2);
    play.tell(Input::Moving(0, Side::Source)).tell(Input::Moving(1, Side::Destination)).asks(&[]);
    play.tell(Input::Moving(1, Side::Source)).asks(&[Output::Abort(0)]);
    play.tell(Input::Ended(1, CandidateEnd::Moved)).asks(&[]);
    // The race is over when the loser has ended, however it says so.
    play.tell(Input::Ended(0, CandidateEnd::Decided)).asks(&[Output::Done(Conclusion::Won(1))]);
    play.moves(0).tell(Input::Timeout).asks(&[]);
}

#[test]
fn a_failure_starts_the_next_candidate_at_once_and_closes_those_that_share_it() {
    let mut play = Play::new(entrants(&[0, 0, 1]), Settings::default());
    play.asks(&[start(0)]);
    play.tell(Input::Closed(1)).tell(Input::Ended(0, CandidateEnd::Failed)).asks(&[start(2)]);
    play.tell(Input::Ended(2, CandidateEnd::Failed)).asks(&[Output::Done(Conclusion::Exhausted)]);
}

#[test]
fn candidates_of_one_group_never_run_at_the_same_time() {
    let mut play = Play::new(entrants(&[0, 0, 1]), Settings::default());
    play.asks(&[start(0)]);
    play.wait();
    play.asks(&[start(2)]);
    assert_eq!(play.out().1, None);
    play.tell(Input::Ended(0, CandidateEnd::Failed)).asks(&[start(1)]);
}

#[test]
fn a_winner_that_fails_gives_the_losers_a_second_chance() {
    let mut play = Play::of_two_that_run(2);
    play.moves(1).asks(&[Output::Abort(0)]);
    play.tell(Input::Ended(0, CandidateEnd::Failed))
        .tell(Input::Ended(1, CandidateEnd::Failed))
        .asks(&[start(0)]);
    play.moves(0).tell(Input::Ended(0, CandidateEnd::Moved)).asks(&[Output::Done(Conclusion::Won(0))]);
}

#[test]
fn a_failure_that_decides_starts_nothing_but_what_runs_may_still_win() {
    let decided = |ended| {
        let mut play = Play::of_two_that_run(3);
        play.tell(Input::Ended(0, CandidateEnd::Decided)).asks(&[]);
        play.tell(Input::Ended(1, ended));
        play.out().0
    };
    assert_eq!(decided(CandidateEnd::Failed), [Output::Done(Conclusion::Decided(0))]);
    assert_eq!(decided(CandidateEnd::Moved), [Output::Done(Conclusion::Won(1))]);
}

#[test]
fn between_servers_that_know_prob_the_others_probe_and_the_first_proof_wins() {
    let entrants = entrants(&[0, 1, 2]).into_iter().map(|entrant| Entrant { probes: true, ..entrant });
    let mut play = Play::new(entrants.collect(), Settings::default());
    play.asks(&[start(0)]);
    play.wait();
    play.asks(&[probe(1)]);
    play.wait();
    play.asks(&[probe(2)]);
    // A probe reports no data; if it did, that would not win.
    play.moves(2).asks(&[]);
    play.tell(Input::Ended(1, CandidateEnd::Proven)).asks(&[Output::Abort(0), Output::Abort(2), start(1)]);
    play.tell(Input::Ended(0, CandidateEnd::Failed)).tell(Input::Ended(2, CandidateEnd::Proven)).asks(&[]);
    play.moves(1).tell(Input::Ended(1, CandidateEnd::Moved)).asks(&[Output::Done(Conclusion::Won(1))]);
}

#[test]
fn where_sessions_are_limited_candidates_take_turns_with_little_patience() {
    let mut play = Play::of_two_that_run(2);
    play.tell(Input::Ended(1, CandidateEnd::NoSession)).asks(&[]);
    assert_eq!(play.wait(), Settings::default().patience);
    play.asks(&[Output::Abort(0)]);
    play.tell(Input::Ended(0, CandidateEnd::Failed)).asks(&[start(1)]);
    assert_eq!(play.wait(), Settings::default().patience);
    // No other one has not had its turn, so this one goes on to its own end.
    play.asks(&[]);
    play.tell(Input::Ended(1, CandidateEnd::Failed)).asks(&[start(0)]);
    // Alone, it has no sessions: there is nothing to wait for.
    play.tell(Input::Ended(0, CandidateEnd::NoSession)).asks(&[Output::Done(Conclusion::Decided(0))]);
}

#[test]
fn where_sessions_are_limited_a_claim_is_judged_before_it_is_believed() {
    let limited = || {
        let mut play = Play::of_two_that_run(2);
        play.tell(Input::Ended(1, CandidateEnd::NoSession)).claims(0).asks(&[]);
        play
    };
    let Settings { claim, patience, .. } = Settings::default();
    // Its destination has received nothing: the next candidate gets its turn, and this one comes again at the end.
    let mut play = limited();
    play.tell(Input::Idle(0));
    assert_eq!((play.wait(), play.wait()), (claim, patience - claim));
    play.asks(&[Output::Abort(0)]);
    play.tell(Input::Ended(0, CandidateEnd::Failed)).asks(&[start(1)]);
    play.tell(Input::Ended(1, CandidateEnd::Failed)).asks(&[start(0)]);
    // The server has no session for the question.
    let mut play = limited();
    assert_eq!(play.wait(), claim);
    assert_eq!((play.race.winner(), play.out()), (Some(0), (vec![], None)));
    // A claim that comes late is not cut short by the end of the patience.
    let mut play = Play::of_two_that_run(2);
    play.tell(Input::Ended(1, CandidateEnd::NoSession));
    play.now = play.now + (patience - claim / 2);
    play.claims(0);
    assert_eq!(play.wait(), claim / 2);
    play.asks(&[]);
    assert_eq!((play.race.winner(), play.wait()), (None, claim / 2));
    assert_eq!(play.race.winner(), Some(0));
}

#[test]
fn in_turns_the_next_candidate_waits_for_the_end_of_the_one_before() {
    let settings = Settings { manner: Manner::Turns, ..Settings::default() };
    let mut play = Play::new(entrants(&[0, 1]), settings);
    play.asks(&[start(0)]);
    play.tell(Input::Connecting(0));
    assert_eq!(play.out(), (vec![], None));
    play.tell(Input::Ended(0, CandidateEnd::Failed)).asks(&[start(1)]);
    play.tell(Input::Ended(1, CandidateEnd::Moved)).asks(&[Output::Done(Conclusion::Won(1))]);
}

#[test]
fn no_more_than_so_many_have_sessions_at_the_same_time() {
    let settings = Settings { together: 2, ..Settings::default() };
    let mut play = Play::new(entrants(&[0, 1, 2]), settings);
    play.asks(&[start(0)]);
    play.wait();
    play.asks(&[start(1)]);
    play.wait();
    play.asks(&[]);
    play.tell(Input::Ended(1, CandidateEnd::Failed)).asks(&[start(2)]);
}

#[test]
fn a_race_of_nobody_is_over() {
    Play::of(0).asks(&[Output::Done(Conclusion::Exhausted)]);
}

/// A race of three, of which the first one claims to move the file while the second one runs.
fn claimed() -> Play {
    let mut play = Play::of_two_that_run(3);
    play.claims(0).asks(&[]);
    play
}

#[test]
fn a_claim_wins_as_soon_as_one_end_is_certain_or_the_file_has_moved() {
    let certain = [Input::Moving(0, Side::Destination), Input::Moving(0, Side::Source)];
    for sign in certain {
        claimed().tell(sign).asks(&[Output::Abort(1)]);
    }
    claimed().tell(Input::Ended(0, CandidateEnd::Moved)).asks(&[Output::Abort(1)]);
    // Certainty of one end says nothing before the other one has begun.
    let mut play = Play::of_two_that_run(2);
    play.tell(Input::Moving(0, Side::Source)).asks(&[]);
    play.tell(Input::Claims(0, Side::Destination)).asks(&[Output::Abort(1)]);
}

#[test]
fn during_a_claim_nobody_starts_and_nobody_is_aborted_and_then_it_is_believed() {
    let mut play = claimed();
    play.asks_nothing_for(Settings::default().claim);
    play.asks(&[Output::Abort(1)]);
    // Without any other candidate there is nothing to keep ready.
    let mut alone = Play::of(1);
    alone.asks(&[start(0)]);
    assert_eq!(alone.claims(0).out(), (vec![], None));
}

#[test]
fn a_claim_of_a_destination_that_has_received_nothing_is_not_believed() {
    let mut play = claimed();
    play.tell(Input::Idle(0));
    play.asks_nothing_for(Settings::default().claim);
    // The race goes on beside it, and it may still win.
    play.asks(&[start(2)]);
    let mut late = play;
    late.tell(Input::Moving(0, Side::Destination)).asks(&[Output::Abort(1), Output::Abort(2)]);
}

#[test]
fn another_candidate_wins_during_a_claim_and_the_claimant_is_aborted() {
    let mut play = claimed();
    play.moves(1).asks(&[Output::Abort(0)]);
    play.tell(Input::Ended(0, CandidateEnd::Failed)).tell(Input::Ended(1, CandidateEnd::Moved));
    play.asks(&[Output::Done(Conclusion::Won(1))]);
    // A claimant that fails leaves the way to the next one at once.
    let mut failed = claimed();
    failed.tell(Input::Ended(0, CandidateEnd::Failed)).asks(&[start(2)]);
}

#[test]
fn a_second_claim_has_its_own_time_after_the_first_one_was_not_believed() {
    let mut play = claimed();
    play.claims(1).tell(Input::Idle(0));
    play.asks_nothing_for(Settings::default().claim * 2);
    play.asks(&[Output::Abort(0)]);
}

#[test]
fn where_candidates_take_turns_a_claim_is_believed_at_once() {
    let settings = Settings { manner: Manner::Turns, ..Settings::default() };
    let mut play = Play::new(entrants(&[0, 1]), settings);
    play.asks(&[start(0)]);
    assert_eq!(play.claims(0).out(), (vec![], None));
    play.tell(Input::Ended(0, CandidateEnd::Moved)).asks(&[Output::Done(Conclusion::Won(0))]);
}
