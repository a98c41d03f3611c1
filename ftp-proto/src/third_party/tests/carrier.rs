//! Plays an attempt whose octets are carried by something between the servers. A line that is no
//! reply, abort, end, cancel or wait is the machine's own; `! text` is what it asks of its carrier.

use super::*;

/// What a machine is told.
#[derive(Debug)]
pub(super) enum Told<'a> {
    Reply(Side, Heard),
    Aborted(Side),
    Ended(Side, Failure),
    Cancel,
    Time,
    /// Something of its carrier; of the destination where the line names no side.
    Other(Side, &'a str),
}

/// A machine with a carrier.
pub(super) trait Carrier {
    /// The next output; what is not for the control connections as a line.
    fn next(&mut self) -> Result<Output, String>;
    fn hear(&mut self, now: Moment, told: Told<'_>);
}

pub(super) struct Play<M> {
    machine: M,
    dialects: [Dialect; 2],
    last: [Option<Command>; 2],
    now: Moment,
    said: VecDeque<String>,
}

pub(super) fn timeouts() -> Timeouts {
    let seconds = Duration::from_secs;
    Timeouts {
        reply: seconds(30),
        connect: seconds(20),
        preliminary: seconds(5),
        half_done: seconds(120),
        abort: seconds(10),
    }
}

impl<M: Carrier> Play<M> {
    pub(super) fn new(machine: M, dialects: [Dialect; 2]) -> Self {
        let mut play =
            Self { machine, dialects, last: [None, None], now: Moment::START, said: VecDeque::new() };
        play.drain();
        play
    }

    pub(super) fn play(mut self, script: &str) -> Self {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if line.starts_with(['=', '!']) || line.get(3..4).is_some_and(|told| matches!(told, ":" | "!")) {
                let said = self.said.pop_front();
                assert_eq!(said.as_deref(), Some(line), "then: {:?}", self.said);
                continue;
            }
            assert_eq!(self.said.pop_front(), None, "before {line:?}");
            self.tell(line);
            self.drain();
        }
        assert_eq!(self.said.pop_front(), None, "at the end");
        self
    }

    fn tell(&mut self, line: &str) {
        let side = if line.starts_with("src") { Side::Source } else { Side::Destination };
        let told = match line.get(3..).unwrap_or_default() {
            ". aborted" => Told::Aborted(side),
            ". closed" => Told::Ended(side, Failure::Closed),
            said if said.starts_with("< ") => {
                let verb = self.last[side as usize].as_ref().unwrap().verb();
                Told::Reply(side, heard(self.dialects[side as usize], verb, &said[2..]))
            }
            said if said.starts_with(". ") => Told::Other(side, &said[2..]),
            _ if line == "cancel" => Told::Cancel,
            _ => match line.strip_prefix("wait ") {
                Some(seconds) => {
                    self.now = self.now + Duration::from_secs(seconds.parse().unwrap());
                    Told::Time
                }
                None => Told::Other(side, line),
            },
        };
        self.machine.hear(self.now, told);
    }

    fn drain(&mut self) {
        loop {
            let line = match self.machine.next() {
                Err(line) => line,
                Ok(Output::Command(side, command)) => {
                    let line = command.redacted(self.dialects[side as usize]);
                    self.last[side as usize] = Some(command);
                    format!("{}: {}", name(side), line.trim_end())
                }
                Ok(Output::Abort(side)) => format!("{}! abort", name(side)),
                Ok(Output::Close(side)) => format!("{}! close", name(side)),
                Ok(Output::Done(outcome)) => said(&outcome),
                Ok(Output::Wait(_)) => return,
            };
            self.said.push_back(line);
        }
    }
}
