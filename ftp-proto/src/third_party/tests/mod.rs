//! Attempts as transcripts of both control connections.
//!
//! `src` is the source (SITE1 of RFC 438), `dst` the destination (SITE2).
//!
//! | line | meaning |
//! |---|---|
//! | `src: LSTN R` | the machine has told that end's session to send this |
//! | `src< 255 SOCK 40002` | that end replies |
//! | `src? 425 no` | that end says this without being asked |
//! | `src! abort`, `src! close` | the machine has asked for that |
//! | `src. aborted`, `src. closed` | that end's abort is complete; its session is over |
//! | `cancel`, `wait n` | the caller cancels; n seconds pass |
//! | `= text` | the outcome |

mod any;
mod carrier;
mod order;
mod relayed;
mod rescue;
mod setup;
mod socket;
mod through;

use super::*;
use crate::client::{Failure, Standing};
use crate::command::Verb;
use crate::dialect::Dialect;
use crate::feature::Capabilities;
use crate::reply::{Code, classify};
use std::collections::VecDeque;

const SITE1: &str = "192.0.2.1";
const SITE2: &str = "192.0.2.2";

struct Stage {
    transfer: Transfer,
    dialects: [Dialect; 2],
    last: [Option<Command>; 2],
    now: Moment,
    said: VecDeque<String>,
    deadline: Option<Moment>,
    over: bool,
}

/// What an attempt begins with.
#[derive(Clone)]
struct Case {
    job: Job,
    plan: Plan,
    source: Party,
    destination: Party,
}

fn path(name: &str) -> PathName {
    PathName::from_user(name.as_bytes()).unwrap()
}

/// A server of today that listed these features.
fn party(address: &str, features: &str) -> Party {
    let has = |feature| features.split(' ').any(|f| f == feature);
    let capabilities = Capabilities {
        sock: has("SOCK"),
        lstn: has("LSTN"),
        rndz: has("RNDZ"),
        epsv: has("EPSV"),
        pret: has("PRET"),
        loses_early: has("EARLY"),
        known: true,
        ..Capabilities::default()
    };
    let dialect = if has("1973") { Dialect::Rfc354 } else { Dialect::Rfc959 };
    Party { dialect, capabilities, address: address.parse().unwrap(), standing: Standing::default() }
}

/// The destination listens, by what both know; no filter, no proof.
fn case(source: Party, destination: Party) -> Case {
    let opening = opening(&destination, &source).unwrap();
    Case {
        job: Job {
            source_path: path("a"),
            destination_path: path("b"),
            store: Store::Replace,
            restart: None,
            secret: None,
        },
        plan: Plan { listener: Side::Destination, opening, filter: false, first: None },
        source,
        destination,
    }
}

impl Case {
    fn source_listens(mut self) -> Self {
        self.plan.listener = Side::Source;
        self.plan.opening = opening(&self.source, &self.destination).unwrap();
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Job, &mut Plan)) -> Self {
        change(&mut self.job, &mut self.plan);
        self
    }

    fn proven(self) -> Self {
        self.with(|job, _| job.secret = Some(RendezvousSecret::new([7; 32])))
    }

    fn stage(&self) -> Stage {
        let seconds = Duration::from_secs;
        let timeouts = Timeouts {
            reply: seconds(30),
            connect: seconds(60),
            preliminary: seconds(5),
            half_done: seconds(120),
            abort: seconds(10),
        };
        let Self { job, plan, source, destination } = self.clone();
        let dialects = [source.dialect, destination.dialect];
        let transfer = Transfer::new(job, plan, source, destination, timeouts, Moment::START);
        let mut stage = Stage {
            transfer,
            dialects,
            last: [None, None],
            now: Moment::START,
            said: VecDeque::new(),
            deadline: None,
            over: false,
        };
        stage.drain();
        stage
    }

    fn play(&self, script: &str) {
        self.stage().play(script);
    }
}

const fn name(side: Side) -> &'static str {
    match side {
        Side::Source => "src",
        Side::Destination => "dst",
    }
}

/// An outcome, as a line.
fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Moved { source, destination } => {
            format!("= moved {:03} {:03}", source.code.0, destination.code.0)
        }
        Outcome::Failed(Trouble { side, during, cause, blame, touched }) => {
            let cause = match cause {
                Cause::Refused(reply) => format!("{:03}", reply.code.0),
                Cause::Unusable(reply, why) => format!("{:03} ({why})", reply.code.0),
                Cause::Policy(why, reply) => format!("{:03} ({why})", reply.code.0),
                Cause::Silent(timer) => format!("silent ({} timer)", timer.name()),
                Cause::Data(why) => why.clone(),
                Cause::Relay(why) => format!("relay: {why}"),
                Cause::Ended(failure) => failure.to_string(),
                Cause::Cancelled => "cancelled".into(),
            };
            let touched = if *touched { ", touched" } else { "" };
            format!("= {} {during}: {cause}, {blame:?}{touched}", name(*side))
        }
    }
}

impl Stage {
    fn drain(&mut self) {
        loop {
            let text = match self.transfer.poll() {
                Output::Command(side, command) => {
                    let line = command.redacted(self.dialects[side as usize]);
                    self.last[side as usize] = Some(command);
                    format!("{}: {}", name(side), line.trim_end())
                }
                Output::Abort(side) => format!("{}! abort", name(side)),
                Output::Close(side) => format!("{}! close", name(side)),
                Output::Done(outcome) => {
                    self.over = true;
                    said(&outcome)
                }
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            };
            self.said.push_back(text);
        }
    }

    fn play(&mut self, script: &str) -> &mut Self {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.line(line);
        }
        assert_eq!(self.said.pop_front(), None, "at the end");
        self
    }

    fn line(&mut self, line: &str) {
        let side = if line.starts_with("src") { Side::Source } else { Side::Destination };
        let (told, text) = line.get(3..).map_or((' ', ""), |rest| {
            let rest = if line.starts_with(name(side)) { rest } else { " " };
            (rest.chars().next().unwrap_or(' '), rest.get(2..).unwrap_or(""))
        });
        if line.starts_with("= ") || matches!(told, ':' | '!') {
            assert_eq!(self.said.pop_front().as_deref(), Some(line), "then: {:?}", self.said);
            return;
        }
        assert_eq!(self.said.pop_front(), None, "before {line:?}");
        match (told, text) {
            ('<', _) => self.hear(side, text),
            ('?', _) => self.unasked(side, text),
            ('.', "aborted") => self.transfer.aborted(self.now, side),
            ('.', "closed") => self.transfer.ended(self.now, side, Failure::Closed),
            _ if line == "cancel" => self.transfer.cancel(self.now),
            _ => {
                let seconds = line.strip_prefix("wait ").unwrap().parse().unwrap();
                self.now = self.now + Duration::from_secs(seconds);
                self.transfer.timeout(self.now);
            }
        }
        self.drain();
    }

    fn hear(&mut self, side: Side, text: &str) {
        let verb = self.last[side as usize].as_ref().unwrap().verb();
        self.transfer.reply(self.now, side, heard(self.dialects[side as usize], verb, text));
    }

    fn unasked(&mut self, side: Side, text: &str) {
        let heard = heard(self.dialects[side as usize], Verb::Noop, text);
        self.transfer.unasked(self.now, side, heard.reply);
    }
}

/// One reply, `^` between its lines.
fn heard(dialect: Dialect, verb: Verb, text: &str) -> Heard {
    let (code, text) = text.split_once(' ').unwrap();
    let code = Code(code.parse().unwrap());
    let lines = text.split('^').map(|line| line.as_bytes().to_vec()).collect();
    Heard { reply: Reply { code, lines }, class: classify(dialect, verb, code) }
}

/// Both ends accept TYPE I.
const TYPE: &str = "
    dst: TYPE I
    src: TYPE I
    src< 200 image
    dst< 200 image
";

/// Two of today's servers, the destination listens with PASV, up to the transfer commands.
const PASV: &str = "
    dst: TYPE I
    src: TYPE I
    src< 200 image
    dst< 200 image
    dst: PASV
    dst< 227 Entering Passive Mode (192,0,2,2,156,66)
    src: PORT 192,0,2,2,156,66
    src< 200 PORT command successful
    src: RETR a
";

/// The same with the source listening: the active end is again the one that goes first.
const PASV_AT_SOURCE: &str = "
    src: TYPE I
    dst: TYPE I
    src< 200 image
    src: PASV
    dst< 200 image
    src< 227 Entering Passive Mode (192,0,2,1,156,66)
    dst: PORT 192,0,2,1,156,66
    dst< 200 PORT command successful
    dst: STOR b
";

/// Two servers that know nothing beyond RFC 959.
fn plain() -> Case {
    case(party(SITE1, ""), party(SITE2, ""))
}
