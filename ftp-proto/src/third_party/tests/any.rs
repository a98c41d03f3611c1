//! Two servers that answer anything, at any time, or nothing: one outcome, never "moved" without
//! two ends that said so, and no end left with a command that nobody follows.

use super::*;
use crate::command::Verb;
use proptest::prelude::*;

/// What an end does when it is its turn.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// It answers its command with a preliminary reply.
    Begin,
    /// With a good final one.
    Good,
    /// With a refusal: of the file, of the way, for now.
    Bad(u16),
    /// Its abort is complete.
    Aborted,
    /// Its session ends.
    Close,
    /// Time passes.
    Pass(u64),
    Cancel,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Begin),
        12 => Just(Act::Good),
        2 => prop::sample::select(vec![421u16, 425, 426, 450, 452, 500, 504, 550, 553]).prop_map(Act::Bad),
        3 => Just(Act::Aborted),
        1 => Just(Act::Close),
        3 => (0u64..50).prop_map(Act::Pass),
        1 => Just(Act::Cancel),
    ]
}

/// One end, as its session would see it.
#[derive(Default)]
struct End {
    pending: Option<Command>,
    transfer: bool,
    started: bool,
    complete: bool,
    refused: bool,
    aborting: bool,
    /// Its abort is complete, and what it had begun has no end.
    forgot: bool,
    closed: bool,
}

struct Pair {
    transfer: Transfer,
    ends: [End; 2],
    proven: bool,
    listener: Side,
    now: Moment,
    deadline: Option<Moment>,
    outcome: Option<Outcome>,
}

impl Pair {
    fn drain(&mut self) {
        loop {
            let output = self.transfer.poll();
            assert!(
                self.outcome.is_none() || matches!(output, Output::Wait(None)),
                "{output:?} after the outcome"
            );
            match output {
                Output::Command(side, command) => self.command(side, command),
                Output::Abort(side) => {
                    let end = &mut self.ends[side as usize];
                    assert!(!end.aborting && !end.closed, "aborted twice, or after its end");
                    end.aborting = true;
                }
                Output::Close(side) => {
                    let end = &mut self.ends[side as usize];
                    assert!((end.aborting || end.forgot) && !end.closed);
                    (end.aborting, end.closed, end.pending) = (false, true, None);
                }
                Output::Done(outcome) => {
                    self.judge(&outcome);
                    self.outcome = Some(outcome);
                }
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn command(&mut self, side: Side, command: Command) {
        let other = &self.ends[side.other() as usize];
        if command.is_transfer() {
            // H14: a source that refused has touched nothing.
            let source_refused = side == Side::Destination && other.refused;
            assert!(!source_refused, "STOR after a refused RETR");
            assert!(other.pending.is_none() || other.transfer, "a transfer before the set-up is complete");
        }
        let end = &mut self.ends[side as usize];
        assert!(
            !end.aborting && !end.closed && end.pending.is_none(),
            "{command:?} while something is under way"
        );
        end.transfer |= command.is_transfer();
        end.pending = Some(command);
    }

    fn judge(&self, outcome: &Outcome) {
        for end in &self.ends {
            assert!(end.closed || (end.pending.is_none() && !end.aborting), "an end is left behind");
            assert!(!end.forgot || end.closed, "what an end has forgotten it may still do");
        }
        let [source, destination] = &self.ends;
        match outcome {
            Outcome::Moved { .. } => assert!(source.complete && destination.complete),
            Outcome::Failed(trouble) => {
                let written = destination.started || destination.complete;
                assert!(trouble.touched || !written, "{trouble:?}");
                assert!(destination.transfer || !trouble.touched, "{trouble:?}");
                // With RNDZ a refusal before the first reply says that nothing was touched.
                let refused = destination.refused && !written;
                assert!(!self.proven || !refused || !trouble.touched, "{trouble:?}");
            }
        }
    }

    fn act(&mut self, side: Side, act: Act) {
        let end = &mut self.ends[side as usize];
        match (act, end.pending.clone()) {
            (Act::Pass(seconds), _) => {
                self.now = self.now + Duration::from_secs(seconds);
                self.transfer.timeout(self.now);
            }
            (Act::Cancel, _) => self.transfer.cancel(self.now),
            (Act::Aborted, _) if end.aborting => {
                end.forgot = end.started && end.pending.is_some();
                (end.aborting, end.pending) = (false, None);
                self.transfer.aborted(self.now, side);
            }
            (Act::Close, _) if !end.closed => {
                (end.aborting, end.closed, end.pending) = (false, true, None);
                self.transfer.ended(self.now, side, Failure::Closed);
            }
            (Act::Begin, Some(command)) => {
                end.started |= command.is_transfer();
                self.hear(side, 150, "go");
            }
            (Act::Good, Some(command)) => {
                end.pending = None;
                end.complete |= command.is_transfer();
                let answers = [
                    (Verb::Lstn, 255, "SOCK 40002"),
                    (Verb::Sock, 255, "SOCK 40003"),
                    (Verb::Rest, 350, "ok"),
                    (Verb::Retr, 226, "done"),
                    (Verb::Stor, 226, "done"),
                    (command.verb(), 200, "ok"),
                ];
                let (_, code, text) = *answers.iter().find(|(verb, ..)| *verb == command.verb()).unwrap();
                self.hear_of(side, &command, code, text);
            }
            (Act::Bad(code), Some(command)) => {
                end.pending = None;
                end.refused |= command.is_transfer();
                self.hear_of(side, &command, code, "no");
            }
            (Act::Begin | Act::Good | Act::Bad(_) | Act::Aborted | Act::Close, _) => {}
        }
        self.drain();
    }

    fn hear(&mut self, side: Side, code: u16, text: &str) {
        let command = self.ends[side as usize].pending.clone().unwrap();
        self.hear_of(side, &command, code, text);
    }

    fn hear_of(&mut self, side: Side, command: &Command, code: u16, text: &str) {
        let class = classify(Dialect::Rfc959, command.verb(), Code(code));
        let reply = Reply { code: Code(code), lines: vec![text.into()] };
        self.transfer.reply(self.now, side, Heard { reply, class });
    }
}

fn play(proven: bool, listener: Side, first: Option<Side>, restart: bool, acts: Vec<(bool, Act)>) {
    let know = "SOCK LSTN RNDZ";
    let case = case(party(SITE1, know), party(SITE2, know)).with(|job, plan| {
        *plan = Plan { listener, opening: Opening::Lstn, filter: true, first };
        job.restart = restart.then_some(4096);
    });
    let case = if proven { case.proven() } else { case };
    let stage = Case::stage(&case);
    let mut pair = Pair {
        transfer: stage.transfer,
        ends: Default::default(),
        proven,
        listener,
        now: Moment::START,
        deadline: None,
        outcome: None,
    };
    // The stage has looked at the first two commands already.
    for (side, command) in [Side::Source, Side::Destination].into_iter().zip(stage.last) {
        pair.command(side, command.unwrap());
    }
    pair.deadline = stage.deadline;
    for (source, act) in acts {
        pair.act(if source { Side::Source } else { Side::Destination }, act);
    }
    // From here on both are silent, and the caller waits no longer than its patience with a stall.
    for _ in 0..20 {
        match pair.deadline {
            Some(deadline) => {
                pair.now = deadline;
                pair.transfer.timeout(deadline);
            }
            None if pair.outcome.is_none() => {
                let moving = pair.ends.iter().any(|end| end.started || end.complete);
                assert!(moving, "a wait without an end, {:?} listening", pair.listener);
                pair.transfer.cancel(pair.now);
            }
            None => break,
        }
        pair.drain();
    }
    assert!(pair.outcome.is_some());
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Source), Just(Side::Destination)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_two_servers_have_one_outcome(
        proven: bool,
        listener in side(),
        first in prop::option::of(side()),
        restart: bool,
        acts in prop::collection::vec((any::<bool>(), act()), 0..60),
    ) {
        play(proven, listener, first, restart, acts);
    }
}
