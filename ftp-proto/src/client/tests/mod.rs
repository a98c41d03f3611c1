//! Sessions as transcripts of what the server sends and what the session does.
//!
//! | line | meaning |
//! |---|---|
//! | `S: text` | the server sends this line |
//! | `C: text` | the session has sent this line (Telnet's IP and Synch not shown) |
//! | `= text` | the session has reported this |
//! | `> command` | the driver sends a command |
//! | `>> command` | the same, and the session sends it at once |
//! | `abort`, `quit`, `close`, `secured` | the driver passes that input |
//! | `wait n` | n seconds pass |

mod aborts;
mod login;
mod replies;
mod security;

use super::*;
use crate::command::{Command, parse};
use crate::dialect::Dialect;
use crate::timer::Moment;
use crate::wire::{PathName, Secret};
use std::time::Duration;

struct Stage {
    session: Session,
    now: Moment,
    /// Outputs that the script has not consumed yet.
    said: VecDeque<String>,
    deadline: Option<Moment>,
}

fn config() -> Config {
    Config {
        user: b"ann".to_vec(),
        password: Some(Secret::new("secret")),
        reply_timeout: Duration::from_secs(30),
        traces: false,
        ..Config::default()
    }
}

impl Stage {
    fn new(config: Config) -> Self {
        let now = Moment::START;
        let session = Session::new(config, now);
        let mut stage = Self { session, now, said: [].into(), deadline: None };
        stage.drain();
        stage
    }

    fn with(security: Security) -> Self {
        Self::new(Config { security, ..config() })
    }

    fn drain(&mut self) {
        loop {
            let text = match self.session.poll() {
                Output::Send(bytes) => {
                    let line = bytes.strip_prefix(b"\xFF\xF4\xFF\xF2").unwrap_or(&bytes);
                    format!("C: {}", String::from_utf8_lossy(line).trim_end())
                }
                Output::Event(Event::Sent(line)) => panic!("told without a trace: {line}"),
                Output::Event(Event::Received { .. }) => continue,
                Output::Event(Event::Ready { dialect, .. }) => format!("= ready {dialect:?}"),
                Output::Event(Event::Reply { to, reply, class }) => {
                    format!("= {} {class:?} {:03}", to.0, reply.code.0)
                }
                Output::Event(Event::Unasked(reply)) => format!("= unasked {:03}", reply.code.0),
                Output::Event(Event::TlsAbsent) => "= no tls".into(),
                Output::Event(Event::TakesMore) => continue,
                Output::Event(Event::AbortDone) => "= abort done".into(),
                Output::Event(Event::Ended(failure)) => format!("= ended: {failure}"),
                Output::StartTls => "= start tls".into(),
                Output::Close => "= close".into(),
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            };
            self.said.push_back(text);
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(command) = line.strip_prefix(">> ") {
            self.line(&format!("> {command}"));
            return self.line(&format!("C: {command}"));
        }
        let (session, now) = (&mut self.session, self.now);
        if line.starts_with("C: ") || line.starts_with("= ") {
            assert_eq!(self.said.pop_front().as_deref(), Some(line), "then: {:?}", self.said);
            return;
        }
        assert_eq!(self.said.pop_front(), None, "before {line:?}");
        if let Some(text) = line.strip_prefix("S: ") {
            session.input(now, Input::Bytes(format!("{text}\r\n").as_bytes()));
        } else if let Some(text) = line.strip_prefix("> ") {
            let command = parse(text.as_bytes(), session.control.dialect).unwrap();
            session.send(now, command, None);
        } else if let Some(seconds) = line.strip_prefix("wait ") {
            self.now = now + Duration::from_secs(seconds.parse().unwrap());
            session.input(self.now, Input::Timeout);
        } else {
            match line {
                "abort" => session.input(now, Input::Abort),
                "quit" => session.input(now, Input::Quit),
                "close" => session.input(now, Input::Closed),
                "secured" => session.input(now, Input::Secured),
                other => panic!("{other:?}"),
            }
        }
        self.drain();
    }

    fn play(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.line(line);
        }
        assert_eq!(self.said.pop_front(), None, "at the end");
    }
}

/// Whether the session waits for nothing but the caller.
fn is_idle(session: &Session) -> bool {
    let head = session.control.pipeline.head();
    matches!(session.stage, super::Stage::Ready) && head.is_none_or(|head| head.transfer && head.started)
}

fn play(script: &str) {
    Stage::new(config()).play(script);
}

/// Our own server, which has no TLS, gets the whole login at once.
const WITHOUT_TLS: &str = "
    S: 220 ftp-server 0.1.0 ready, no TLS
    C: USER ann
    C: PASS secret
    C: FEAT
    C: OPTS UTF8 ON
";

/// The replies of our own server to the features.
const FEATURES: &str = "
    S: 211-Features
    S:  UTF8
    S: 211 End
    S: 200 Names are UTF-8
    = ready Rfc959
";

const LOGIN: &str = "
    S: 220 ready
    C: USER ann
    S: 331 password
    C: PASS secret
    S: 230 in
    C: FEAT
    S: 500 what?
    = ready Rfc959
";

const LOGIN_1973: &str = "
    S: 300 ready
    C: USER ann
    S: 330 password
    C: PASS secret
    S: 230 in
    C: HELP
    S: 200 no help
    = ready Rfc354
";

fn ready(script: &str) {
    let mut stage = Stage::new(config());
    stage.play(LOGIN);
    stage.play(script);
}

fn ready_1973(script: &str) {
    let mut stage = Stage::new(config());
    stage.play(LOGIN_1973);
    stage.play(script);
}
