//! The session of a client: any server and any caller.

use super::script::{Script, contains};
use ftp_proto::client::{CommandId, Config, Event, Input, Output, Security, Session};
use ftp_proto::command::{Verb, parse};
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::Class;
use ftp_proto::timer::Moment;
use ftp_proto::wire::Secret;
use std::time::Duration;

const PASSWORD: &str = "Xq7-tajne-42";
const ACCOUNT: &str = "Kc3-skrit-17";
/// The first step of a script that is no reply.
const STEPS: u8 = 0xA0;
/// How many deadlines may pass until a session ends whose server is silent.
const DEADLINES: usize = 64;

/// Replies of one line. New ones go to the end: the bytes of saved scripts name them.
const REPLIES: [&str; 40] = [
    "220 ftp-server 1.0 ready",
    "220 ftp-server 1.0 ready, no TLS",
    "300 ready",
    "120 wait",
    "234 go",
    "334 go",
    "500 what",
    "502 no",
    "504 no",
    "331 password",
    "332 account",
    "330 account",
    "230 in",
    "200 done",
    "202 needless",
    "211 end",
    "150 opening",
    "125 again",
    "226 complete",
    "250 done",
    "225 nothing",
    "426 aborted",
    "425 none",
    "450 busy",
    "550 missing",
    "530 no",
    "421 bye",
    "221 bye",
    "350 go on",
    "213 5",
    "227 (192,0,2,1,4,1)",
    "255 SOCK 5",
    "110 MARK 1 = 2",
    "000 note",
    "100 going on",
    "201 aborted",
    "452 broken",
    "401 bye",
    "999 what",
    "220 ready",
];
/// Replies of several lines.
const BLOCKS: [&str; 4] = [
    "211-Features\r\n UTF8\r\n HASH SHA-256\r\n REST STREAM\r\n211 End",
    "211-Transfer\r\n Bytes 7\r\n211 End",
    "230-Welcome\r\n 331 password\r\n230 in",
    "220-ftp-server\r\n220 ready",
];
/// What the caller sends.
const COMMANDS: [&str; 8] = ["RETR a", "STOR c", "SIZE a", "STAT", "NOOP", "LSTN R", "HASH a", "LIST"];

/// A server and a caller, step by step.
///
/// A session has one end, after which it wants nothing. Each reply goes to a command that was sent and has no final one,
/// in order; STAT alone may be answered before others. No wait is without a timer but that for a transfer that has begun.
/// The password is sent once it may be, and is shown nowhere else.
pub fn client_session(data: &[u8]) {
    let mut script = Script::new(data);
    let kind = script.byte();
    let security =
        [Security::Clear, Security::Offered, Security::Explicit, Security::Implicit][usize::from(kind & 3)];
    let config = Config {
        user: b"ann".to_vec(),
        password: (kind & 4 == 0).then(|| Secret::new(PASSWORD)),
        account: (kind & 8 != 0).then(|| Secret::new(ACCOUNT)),
        security,
        ..Config::default()
    };
    let mut caller = Caller::new(Session::new(config, Moment::START));
    caller.in_clear = security == Security::Clear;
    caller.secured = security == Security::Implicit;
    caller.shown = [PASSWORD, ACCOUNT].iter().any(|secret| contains(data, secret));
    caller.drain(0);
    while !caller.closed
        && let Some(step) = script.next()
    {
        caller.step(step, &mut script);
    }
    caller.judge(&format!("{:?}", caller.session));
    caller.end();
}

/// Whoever uses the session, and what is known of it.
struct Caller {
    session: Session,
    now: Moment,
    deadline: Option<Moment>,
    /// The login may go in clear.
    in_clear: bool,
    secured: bool,
    /// TLS is beginning, and has not begun.
    secures: bool,
    /// What the server has said. Where that contains a secret, a text may repeat it.
    said: Vec<u8>,
    shown: bool,
    ready: bool,
    aborting: bool,
    quits: bool,
    over: bool,
    closed: bool,
    /// The commands without a final reply, oldest first.
    pending: Vec<Pending>,
}

struct Pending {
    id: CommandId,
    is_stat: bool,
    is_transfer: bool,
    begun: bool,
    /// It waits for the end of an abort.
    held: bool,
}

impl Caller {
    const fn new(session: Session) -> Self {
        Self {
            session,
            now: Moment::START,
            deadline: None,
            in_clear: false,
            secured: false,
            secures: false,
            said: Vec::new(),
            shown: false,
            ready: false,
            aborting: false,
            quits: false,
            over: false,
            closed: false,
            pending: Vec::new(),
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step.checked_sub(STEPS) {
            None if step < 0x80 => {
                self.hear(format!("{}\r\n", REPLIES[usize::from(step) % REPLIES.len()]).as_bytes())
            }
            None => self.hear(format!("{}\r\n", BLOCKS[usize::from(step) % BLOCKS.len()]).as_bytes()),
            Some(0) => self.hear(script.text()),
            Some(1 | 2) => self.send(COMMANDS[usize::from(script.byte()) % COMMANDS.len()]),
            Some(3) => {
                self.aborting |= !self.over;
                self.input(Input::Abort);
            }
            Some(4) => {
                self.quits = true;
                self.input(Input::Quit);
            }
            Some(5) => self.wait(),
            Some(6) => {
                self.now = self.now + Duration::from_secs(script.byte().into());
                self.input(Input::Timeout);
            }
            Some(7) => self.input(Input::Closed),
            Some(8) => {
                if std::mem::take(&mut self.secures) {
                    self.secured = true;
                    self.input(Input::Secured);
                }
            }
            Some(9) => {
                let code = any_code(script);
                self.hear(format!("{code:03} text\r\n").as_bytes());
            }
            Some(10) => {
                let code = any_code(script);
                self.hear(format!("{code:03}-text\r\n UTF8\r\n{code:03} end\r\n").as_bytes());
            }
            Some(_) => self.hear(b"\xff\xfd\x18"),
        }
    }

    /// Bytes of the server.
    fn hear(&mut self, bytes: &[u8]) {
        let in_clear = self.secures && !bytes.is_empty();
        // Its pieces may make up a secret that none of them has, also around what a reader leaves out.
        self.said.extend(bytes.iter().filter(|byte| byte.is_ascii_graphic()));
        self.shown |= [PASSWORD, ACCOUNT].iter().any(|secret| contains(&self.said, secret));
        self.session.input(self.now, Input::Bytes(bytes));
        self.drain(bytes.len());
        assert!(!in_clear || self.over, "bytes in clear go unnoticed");
    }

    fn input(&mut self, input: Input<'_>) {
        self.session.input(self.now, input);
        self.drain(0);
    }

    fn send(&mut self, line: &str) {
        let command = parse(line.as_bytes(), Dialect::Rfc959).unwrap();
        let (is_stat, is_transfer) = (command.verb() == Verb::Stat, command.is_transfer());
        let id = self.session.send(self.now, command, None);
        if !self.quits && !self.over {
            self.pending.push(Pending { id, is_stat, is_transfer, begun: false, held: self.aborting });
        }
        self.drain(0);
    }

    /// Performs what the session asks for after so many bytes.
    fn drain(&mut self, bytes: usize) {
        for _ in 0..32 + 4 * bytes + 4 * self.pending.len() {
            let output = self.session.poll();
            assert!(!self.closed || matches!(output, Output::Wait(None)), "{output:?} after the end");
            match output {
                Output::Send(bytes) => self.sends(&bytes),
                Output::Event(event) => self.event(event),
                Output::StartTls => {
                    assert!(!self.over && !self.secured);
                    self.secures = true;
                }
                Output::Close => {
                    assert!(self.over, "closed without a reason");
                    self.closed = true;
                }
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
        panic!("the session does not come to rest");
    }

    fn sends(&self, bytes: &[u8]) {
        assert!(!self.over && !self.secures && bytes.ends_with(b"\r\n"), "{}", bytes.escape_ascii());
        for (secret, verb) in [(PASSWORD, "PASS "), (ACCOUNT, "ACCT ")] {
            if contains(bytes, secret) {
                assert!(bytes.starts_with(verb.as_bytes()), "{verb}sends another secret");
                assert!(self.secured || self.in_clear, "{verb}goes in clear");
            }
        }
    }

    fn event(&mut self, event: Event) {
        self.judge(&format!("{event:?}"));
        assert!(!self.over, "{event:?} after the end");
        match event {
            Event::Reply { to, class, .. } => self.reply(to, class),
            Event::Ready { .. } => {
                assert!(!self.ready, "ready twice");
                assert!(self.secured || self.in_clear, "ready in clear");
                self.ready = true;
            }
            Event::TlsAbsent => self.in_clear = true,
            Event::AbortDone => {
                assert!(std::mem::take(&mut self.aborting), "an abort is done that was not asked for");
                if self.ready {
                    self.pending.retain(|pending| pending.held);
                }
                self.pending.iter_mut().for_each(|pending| pending.held = false);
            }
            Event::Ended(failure) => {
                self.judge(&failure.to_string());
                self.over = true;
            }
            Event::Sent(_) | Event::Received { .. } | Event::TakesMore | Event::Unasked(_) => {}
        }
    }

    fn reply(&mut self, to: CommandId, class: Class) {
        let index = self.pending.iter().position(|pending| pending.id == to);
        let index = index.expect("a reply to a command that awaits none");
        assert!(!self.pending[index].held, "a reply to a command that was not sent");
        self.pending[index].begun |= class == Class::Preliminary;
        if class.is_final() {
            let overtakes = self.pending[..index].iter().any(|before| !before.is_stat);
            assert!(!overtakes || self.pending[index].is_stat || self.aborting, "a reply overtakes another");
            self.pending.remove(index);
        }
    }

    fn wait(&mut self) {
        if let Some(deadline) = self.deadline {
            self.now = self.now.max(deadline);
            self.input(Input::Timeout);
        }
    }

    /// The server is silent from now on. The session ends, or it waits for its caller or for a transfer.
    fn end(&mut self) {
        for _ in 0..DEADLINES {
            self.wait();
        }
        assert_eq!(self.deadline, None, "deadlines without end");
        let moves = self.pending.iter().any(|pending| pending.is_transfer && pending.begun);
        let rests = self.ready && !self.aborting && (self.pending.is_empty() || moves);
        assert!(self.over || rests, "a wait without an end: {:?}", self.session);
        self.input(Input::Closed);
        assert!(self.closed);
        for input in
            [Input::Bytes(b"220 ready\r\n"), Input::Abort, Input::Quit, Input::Timeout, Input::Closed]
        {
            self.input(input);
        }
        self.send("NOOP");
    }

    fn judge(&self, text: &str) {
        let shown = [PASSWORD, ACCOUNT].into_iter().find(|secret| text.contains(secret));
        assert!(self.shown || shown.is_none(), "{shown:?} is shown in {text}");
    }
}

/// Any three digits.
fn any_code(script: &mut Script<'_>) -> u16 {
    u16::from_be_bytes([script.byte(), script.byte()]) % 1000
}
