//! Plays an attempt as a transcript.

use super::*;

/// An attempt and what it has asked for but the script has not mentioned.
pub(super) struct Play {
    pub(super) attempt: Attempt,
    dialects: [Dialect; 2],
    /// The commands of each end that await replies. The last one stays.
    last: [VecDeque<Command>; 2],
    /// Whether the last one has its final reply.
    answered: [bool; 2],
    pub(super) now: Moment,
    pub(super) lines: VecDeque<String>,
    pub(super) deadline: Option<Moment>,
    pub(super) over: bool,
}

impl Play {
    pub(super) fn new(attempt: Attempt, dialects: [Dialect; 2]) -> Self {
        let mut play = Self {
            attempt,
            dialects,
            last: [VecDeque::new(), VecDeque::new()],
            answered: [false; 2],
            now: Moment::START,
            lines: VecDeque::new(),
            deadline: None,
            over: false,
        };
        play.drain();
        play
    }

    /// Plays a script. At its end the attempt has asked for nothing else.
    pub(super) fn play(mut self, script: &str) -> Self {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.line(line);
        }
        assert_eq!(self.lines.pop_front(), None, "at the end");
        self
    }

    /// Expects an output, or passes an input.
    pub(super) fn line(&mut self, line: &str) {
        if line.starts_with(['=', '!']) || line.get(3..4).is_some_and(|mark| matches!(mark, ":" | "!")) {
            assert_eq!(self.lines.pop_front().as_deref(), Some(line), "then: {:?}", self.lines);
            return;
        }
        assert_eq!(self.lines.pop_front(), None, "before {line:?}");
        let input = self.read(line);
        self.input(input);
    }

    pub(super) fn input(&mut self, input: Input) {
        self.attempt.input(self.now, input);
        self.drain();
    }

    fn read(&mut self, line: &str) -> Input {
        let side = if line.starts_with("src") { Side::Source } else { Side::Destination };
        let dialect = self.dialects[side as usize];
        let rest = if line.starts_with(name(side)) { &line[3..] } else { line };
        if let Some(text) = rest.strip_prefix("< ") {
            let last = &mut self.last[side as usize];
            let verb = last.front().unwrap().verb();
            if !text.starts_with(['0', '1']) {
                self.answered[side as usize] = last.len() == 1;
                if last.len() > 1 {
                    last.pop_front();
                }
            }
            return reply(side, dialect, verb, text);
        }
        if let Some(text) = rest.strip_prefix("? ") {
            return Input::Unasked { side, reply: parse(text) };
        }
        if let Some(seconds) = line.strip_prefix("wait ") {
            self.now = self.now + Duration::from_secs_f64(seconds.parse().unwrap());
            return Input::Timeout;
        }
        event(side, rest.strip_prefix(". ").unwrap_or(rest))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are only told")]
    pub(super) fn drain(&mut self) {
        loop {
            let output = self.attempt.poll();
            match &output {
                Output::Command(side, command) => {
                    let last = &mut self.last[*side as usize];
                    if std::mem::take(&mut self.answered[*side as usize]) {
                        last.clear();
                    }
                    last.push_back(command.clone());
                }
                Output::Done(_) => self.over = true,
                Output::Wait(deadline) => {
                    self.deadline = *deadline;
                    return;
                }
                _ => {}
            }
            self.lines.push_back(describe(&output, self.dialects));
        }
    }
}

/// An input that is no reply, in the words of the scripts.
pub(super) fn event(side: Side, words: &str) -> Input {
    match words {
        "aborted" => Input::Aborted(side),
        "closed" => Input::Ended(side, client::Failure::Closed),
        "cancel" => Input::Cancel,
        "moving" => Input::Moving,
        "connected" => Input::Connected(side),
        "listening" => Input::Listening(side, "203.0.113.9:50001".parse().unwrap()),
        "listening v6" => Input::Listening(side, "[2001:db8::9]:50001".parse().unwrap()),
        "unconnected" => Input::DataFailed(side, "refused".into()),
        "broken" => Input::DataFailed(side, "reset".into()),
        "copied" => Input::Copied { is_all: true },
        "copied less" => Input::Copied { is_all: false },
        "finished" => Input::Finished,
        "join broken" => Input::RelayRefused("limit".into()),
        "flows" => Input::RelayFlowing,
        "passed" => Input::RelayPassed,
        "lost" => Input::RelayLost("gone".into()),
        _ if words.starts_with("arrived ") => {
            Input::Arrived(side, words.trim_start_matches("arrived ").parse().unwrap())
        }
        _ => {
            let mut at =
                words.strip_prefix("ready").unwrap_or_else(|| panic!("{words:?}")).split_whitespace();
            let mut address = || at.next().and_then(|text| text.parse().ok());
            Input::RelayReady { source: address(), destination: address() }
        }
    }
}

/// A reply to a command, `^` between its lines.
pub(super) fn reply(side: Side, dialect: Dialect, verb: Verb, text: &str) -> Input {
    let reply = parse(text);
    let class = classify(dialect, verb, reply.code);
    Input::Reply { side, reply, class }
}

fn parse(text: &str) -> Reply {
    let (code, text) = text.split_once(' ').unwrap();
    let lines = text.split('^').map(|line| line.as_bytes().to_vec()).collect();
    Reply { code: Code(code.parse().unwrap()), lines }
}

/// An output as a line.
pub(super) fn describe(output: &Output, dialects: [Dialect; 2]) -> String {
    match output {
        Output::Command(side, command) => {
            let line = command.redacted(dialects[*side as usize]);
            format!("{}: {}", name(*side), line.trim_end())
        }
        Output::Abort(side) => format!("{}! abort", name(*side)),
        Output::Close(side) => format!("{}! close", name(*side)),
        Output::Connect(side, at) => format!("{}! connect {at}", name(*side)),
        Output::Listen(side) => format!("{}! listen", name(*side)),
        Output::JoinAtRelay { source, destination } => {
            format!("! join {} {}", junction(*source), junction(*destination))
        }
        Output::Copy => "! copy".into(),
        Output::Finish => "! finish".into(),
        Output::Cut => "! cut".into(),
        Output::Done(outcome) => describe_outcome(outcome),
        other @ (Output::Wait(_) | Output::Begins(_) | Output::FileEnded(..) | Output::AllEnded) => {
            format!("{other:?}")
        }
    }
}

fn junction(junction: Junction) -> String {
    match junction {
        Junction::Dial(at) => at.to_string(),
        Junction::Listen => "listen".into(),
    }
}

fn describe_outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Moved { source, destination } => {
            format!("= moved {:03} {:03}", source.code.0, destination.code.0)
        }
        Outcome::Failed(Failure { side, stage, cause, blame, touched, complete, passed }) => {
            let stage = match stage {
                Stage::Command(verb) => verb.row().unwrap().name,
                Stage::DataConnection => "data connection",
                Stage::Relay => "relay",
                Stage::Attempt => "attempt",
            };
            let cause = match cause {
                Cause::Refused(reply) => format!("{:03}", reply.code.0),
                Cause::Unusable(reply, why) => format!("{:03} ({why:?})", reply.code.0),
                Cause::Policy(why, reply) => format!("{:03} ({why})", reply.code.0),
                Cause::Silent(timer) => format!("silent ({} timer)", timer.name()),
                Cause::Data(DataFault::Failed(why)) => why.clone(),
                Cause::Data(DataFault::ClosedEarly) => "closed early".into(),
                Cause::Data(DataFault::OtherPort { announced, from }) => format!("{from} is not {announced}"),
                Cause::Relay(RelayFault::Refused(why)) => format!("refused, {why}"),
                Cause::Relay(RelayFault::Lost(why)) => format!("lost, {why}"),
                Cause::Relay(fault) => format!("{fault:?}"),
                Cause::Ended(client::Failure::Closed) => "closed".into(),
                Cause::Ended(failure) => failure.to_string(),
                Cause::Cancelled => "cancelled".into(),
            };
            let touched = if *touched { ", touched" } else { "" };
            let complete = complete.map(|side| format!(", {} complete", name(side))).unwrap_or_default();
            let passed = if *passed { ", passed" } else { "" };
            format!("= {} {stage}: {cause}, {blame:?}{touched}{complete}{passed}", name(*side))
        }
    }
}
