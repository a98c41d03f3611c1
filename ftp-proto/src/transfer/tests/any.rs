//! Two servers, and a host in the middle, that answer anything, at any time, or nothing. There is one outcome; it
//! is never "moved" unless both ends said so; and no end is left with a command that nobody follows.

use super::play::{describe, event, reply};
use super::*;
use proptest::prelude::*;

/// What an end does when it is its turn.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// It answers its command with a preliminary reply.
    Begin,
    /// With a good final one.
    Good,
    /// With a refusal: of the file, of the path, for the moment.
    Bad(u16),
    /// Its abort is complete.
    Aborted,
    /// Its session ends.
    Close,
    /// Time passes.
    Pass(u64),
    Cancel,
    /// Something happens to a data connection or to the relay.
    Says(&'static str),
}

fn listener() -> impl Strategy<Value = Listener> {
    prop::sample::select(vec![Listener::Nobody, Listener::Here, Listener::Relay])
}

fn act(words: &[(usize, &'static str)]) -> impl Strategy<Value = Act> {
    let refusals = vec![421u16, 425, 426, 450, 452, 500, 504, 550, 553];
    let words: Vec<_> = words.iter().flat_map(|(weight, word)| vec![*word; *weight]).collect();
    prop_oneof![
        8 => Just(Act::Begin),
        24 => Just(Act::Good),
        1 => prop::sample::select(refusals).prop_map(Act::Bad),
        3 => Just(Act::Aborted),
        1 => Just(Act::Close),
        2 => (0u64..15).prop_map(Act::Pass),
        1 => Just(Act::Cancel),
        words.len() as u32 => prop::sample::select(words).prop_map(Act::Says),
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
    /// Its abort is complete, but the transfer that it had begun has no final reply.
    forgot: bool,
    closed: bool,
}

struct Pair {
    attempt: Attempt,
    ends: [End; 2],
    proven: bool,
    /// What has happened to data connections or the relay, and what the attempt asked of them.
    said: Vec<&'static str>,
    asked: Vec<String>,
    now: Moment,
    deadline: Option<Moment>,
    outcome: Option<Outcome>,
}

impl Pair {
    fn new(attempt: Attempt, proven: bool) -> Self {
        let mut pair = Self {
            attempt,
            ends: Default::default(),
            proven,
            said: Vec::new(),
            asked: Vec::new(),
            now: Moment::START,
            deadline: None,
            outcome: None,
        };
        pair.drain();
        pair
    }

    fn drain(&mut self) {
        loop {
            let output = self.attempt.poll();
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
                Output::Connect(..)
                | Output::Listen(_)
                | Output::JoinAtRelay { .. }
                | Output::Copy
                | Output::Finish
                | Output::Cut
                | Output::Begins(_)
                | Output::FileEnded(..)
                | Output::AllEnded => self.asked.push(describe(&output, [Dialect::Rfc959; 2])),
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
        // Through the user agent, an end may get its transfer command again with another data connection.
        end.refused &= !command.is_transfer();
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
            Outcome::Failed(failure) => {
                let written = destination.started || destination.complete;
                assert!(failure.touched || !written, "{failure:?}");
                assert!(destination.transfer || !failure.touched, "{failure:?}");
                // With RNDZ a refusal before the first reply says that nothing was touched.
                let refused = destination.refused && !written;
                assert!(!self.proven || !refused || !failure.touched, "{failure:?}");
            }
        }
    }

    fn act(&mut self, side: Side, act: Act) {
        let end = &mut self.ends[side as usize];
        match (act, end.pending.clone()) {
            (Act::Pass(seconds), _) => {
                self.now = self.now + Duration::from_secs(seconds);
                self.attempt.input(self.now, Input::Timeout);
            }
            (Act::Cancel, _) => self.attempt.input(self.now, Input::Cancel),
            (Act::Says(word), _) => {
                if self.outcome.is_none() {
                    self.said.push(word);
                }
                self.attempt.input(self.now, event(side, word));
            }
            (Act::Aborted, _) if end.aborting => {
                end.forgot = end.started && end.pending.is_some();
                (end.aborting, end.pending) = (false, None);
                self.attempt.input(self.now, Input::Aborted(side));
            }
            (Act::Close, _) if !end.closed => {
                (end.aborting, end.closed, end.pending) = (false, true, None);
                self.attempt.input(self.now, Input::Ended(side, client::Failure::Closed));
            }
            (Act::Begin, Some(command)) => {
                end.started |= command.is_transfer();
                self.answer_pending(side, 150, "go");
            }
            (Act::Good, Some(command)) => {
                end.pending = None;
                end.complete |= command.is_transfer();
                let at = format!("(192,0,2,{},156,66)", side as usize + 1);
                let answers = [
                    (Verb::Epsv, 229, "(|||40002|)"),
                    (Verb::Pasv, 227, at.as_str()),
                    (Verb::Lstn, 255, "SOCK 40002"),
                    (Verb::Sock, 255, "SOCK 40003"),
                    (Verb::Rest, 350, "ok"),
                    (Verb::Retr, 226, "done"),
                    (Verb::Stor, 226, "done"),
                    (command.verb(), 200, "ok"),
                ];
                let (_, code, text) = *answers.iter().find(|(verb, ..)| *verb == command.verb()).unwrap();
                self.answer(side, &command, code, text);
            }
            (Act::Bad(code), Some(command)) => {
                end.pending = None;
                end.refused |= command.is_transfer();
                self.answer(side, &command, code, "no");
            }
            (Act::Begin | Act::Good | Act::Bad(_) | Act::Aborted | Act::Close, _) => {}
        }
        self.drain();
    }

    fn answer_pending(&mut self, side: Side, code: u16, text: &str) {
        let command = self.ends[side as usize].pending.clone().unwrap();
        self.answer(side, &command, code, text);
    }

    fn answer(&mut self, side: Side, command: &Command, code: u16, text: &str) {
        let input = reply(side, Dialect::Rfc959, command.verb(), &format!("{code} {text}"));
        self.attempt.input(self.now, input);
    }

    /// Plays all events. `watched` says whether the caller watches for a stall.
    fn play(mut self, acts: Vec<(bool, Act)>, watched: impl Fn(&Self) -> bool) -> Self {
        for (source, act) in acts {
            self.act(if source { Side::Source } else { Side::Destination }, act);
        }
        // From here on all are silent, and the caller cancels after a stall.
        for _ in 0..20 {
            match self.deadline {
                Some(deadline) => {
                    self.now = deadline;
                    self.attempt.input(deadline, Input::Timeout);
                }
                None if self.outcome.is_none() => {
                    assert!(watched(&self), "a wait without an end");
                    self.attempt.input(self.now, Input::Cancel);
                }
                None => break,
            }
            self.drain();
        }
        assert!(self.outcome.is_some());
        self
    }

    fn asked(&self, word: &str) -> usize {
        self.asked.iter().filter(|line| line.starts_with(word)).count()
    }

    fn moved(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Moved { .. }))
    }

    fn begun(&self) -> bool {
        self.ends.iter().any(|end| end.started || end.complete)
    }
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Source), Just(Side::Destination)]
}

fn posture() -> impl Strategy<Value = Posture> {
    prop_oneof![Just(Posture::Passive), Just(Posture::Active)]
}

fn acts(words: &[(usize, &'static str)]) -> impl Strategy<Value = Vec<(bool, Act)>> {
    prop::collection::vec((any::<bool>(), act(words)), 0..80)
}

const NOBODY: [(usize, &str); 4] = [(1, "connected"), (1, "copied"), (1, "broken"), (1, "lost")];
const RELAY: [(usize, &str); 7] = [
    (6, "ready 203.0.113.9:50001 203.0.113.9:50002"),
    (9, "flows"),
    (3, "passed"),
    (1, "ready"),
    (1, "broken"),
    (1, "join broken"),
    (1, "lost"),
];
const HOST: [(usize, &str); 4] = [(12, "connected"), (1, "unconnected"), (9, "copied"), (1, "broken")];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_two_servers_have_one_outcome(
        proven: bool,
        passive in side(),
        first in prop::option::of(side()),
        restart: bool,
        acts in acts(&NOBODY),
    ) {
        let know = "SOCK LSTN RNDZ";
        let case = case(party(SITE1, know), party(SITE2, know)).with(|transfer, roles| {
            *roles = Roles { passive, opening: Opening::Lstn, filter: true, first, tls: DataTls::Clear };
            transfer.part = restart.then_some(ByteRange::from(4096));
        });
        let case = if proven { case.proven() } else { case };
        let Case { transfer, roles, source, destination } = case;
        let attempt = Attempt::direct(transfer, roles, source, destination, timeouts(), Moment::START);
        Pair::new(attempt, proven).play(acts, Pair::begun);
    }

    #[test]
    fn any_two_servers_at_any_relay_have_one_outcome(
        proven: bool,
        source in posture(),
        destination in posture(),
        restart: bool,
        acts in acts(&RELAY),
    ) {
        let know = "EPSV RNDZ";
        let case = case(party(SITE1, know), party(SITE2, know));
        let mut transfer = if proven { case.proven().transfer } else { case.transfer };
        transfer.part = restart.then_some(ByteRange::from(4096));
        let (one, two) = (party(SITE1, know), party(SITE2, know));
        let postures = Postures { source, destination };
        let attempt = Attempt::relayed(transfer, postures.into(), one, two, timeouts(), Moment::START);
        let pair = Pair::new(attempt, proven)
            .play(acts, |pair| {
                let last = pair.said.iter().rfind(|word| matches!(**word, "flows" | "passed"));
                pair.begun() && last == Some(&"flows")
            });
        let over = ["broken", "join broken", "lost", "passed"].iter().any(|word| pair.said.contains(word));
        let (joins, cuts) = (pair.asked("! join"), pair.asked("! cut"));
        prop_assert!(joins <= 1 && cuts <= joins);
        prop_assert!(!pair.moved() || cuts == 0);
        prop_assert!(pair.moved() || over || cuts == joins, "something is left at the relay");
        prop_assert!(joins == 1 || pair.ends.iter().all(|end| !end.transfer));
    }

    #[test]
    fn any_two_servers_at_this_host_have_one_outcome(restart: bool, listener in listener(), acts in acts(&HOST)) {
        let know = "EPSV RNDZ";
        let (one, two) = (party(SITE1, know), party(SITE2, know));
        let transfer = Transfer { part: restart.then_some(ByteRange::from(4096)), ..plain().transfer };
        let known = KnownPostures { listener, closed: None };
        let attempt =
            Attempt::through(transfer, one, two, [known; 2], timeouts(), Moment::START);
        let pair = Pair::new(attempt, false).play(acts, |pair| pair.asked("! copy") == 1);
        prop_assert!(pair.asked("! cut") == usize::from(!pair.moved()));
        prop_assert!(!pair.moved() || pair.said.contains(&"copied"));
    }
}

/// The inputs that belong to the other paths change nothing.
#[test]
fn inputs_of_other_paths_are_ignored() {
    let (source, destination) = (party(SITE1, "EPSV"), party(SITE2, "EPSV"));
    let relay = ["ready", "flows", "passed", "join broken", "lost"];
    let user = ["connected", "listening", "arrived 192.0.2.1:9", "copied"];
    let transfer = plain().transfer;
    let direct = plain().start();
    let known = [KnownPostures::default(); 2];
    let through = Attempt::through(transfer, source, destination, known, timeouts(), Moment::START);
    let through = Play::new(through, [Dialect::Rfc959; 2]);
    for (mut play, foreign) in [(direct, [&relay[..], &user].concat()), (through, relay.to_vec())] {
        let (lines, deadline) = (play.lines.clone(), play.deadline);
        for words in foreign {
            play.input(event(Side::Source, words));
            assert_eq!((&play.lines, play.deadline, play.over), (&lines, deadline, false), "{words}");
        }
    }
}
