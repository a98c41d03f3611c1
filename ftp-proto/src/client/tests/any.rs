//! Whatever a server sends and a driver does, a session ends once and each command has one final reply.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// One thing that happens to a session.
#[derive(Clone, Debug)]
enum Act {
    Line(u16, bool),
    Bytes(Vec<u8>),
    Send(bool),
    Abort,
    Quit,
    Pass(u64),
    Close,
}

fn act() -> impl Strategy<Value = Act> {
    let code = prop_oneof![
        Just(100),
        Just(120),
        Just(125),
        Just(150),
        Just(200),
        Just(201),
        Just(202),
        Just(211),
        Just(220),
        Just(225),
        Just(226),
        Just(230),
        Just(250),
        Just(252),
        Just(255),
        Just(300),
        Just(330),
        Just(331),
        Just(332),
        Just(350),
        Just(421),
        Just(426),
        Just(452),
        Just(500),
        Just(530),
        Just(550),
        0u16..=999
    ];
    prop_oneof![
        12 => (code, any::<bool>()).prop_map(|(code, block)| Act::Line(code, block)),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Act::Bytes),
        4 => any::<bool>().prop_map(Act::Send),
        2 => Just(Act::Abort),
        1 => Just(Act::Quit),
        2 => (0u64..20).prop_map(Act::Pass),
        1 => Just(Act::Close),
    ]
}

/// What the session has put out so far.
#[derive(Default)]
struct SessionOutput {
    finals: BTreeSet<CommandId>,
    issued: BTreeSet<CommandId>,
    aborts: usize,
    done: usize,
    over: bool,
    closed: bool,
    deadline: Option<Moment>,
}

impl SessionOutput {
    fn drain(&mut self, session: &mut Session) {
        loop {
            let output = session.poll();
            match &output {
                Output::Wait(deadline) => {
                    self.deadline = *deadline;
                    return;
                }
                Output::StartTls => {
                    assert!(!self.over);
                    session.input(Moment::START, Input::Secured);
                    continue;
                }
                Output::Close => {
                    assert!(self.over && !self.closed);
                    self.closed = true;
                    continue;
                }
                Output::Send(bytes) => assert!(bytes.ends_with(b"\r\n")),
                Output::Event(Event::Reply { to, class, .. }) => {
                    assert!(self.issued.contains(to), "a reply to a command that was never sent");
                    assert!(!self.finals.contains(to), "a reply after the final one");
                    if class.is_final() {
                        self.finals.insert(*to);
                    }
                }
                Output::Event(Event::AbortDone) => self.done += 1,
                Output::Event(Event::Ended(_)) => {
                    assert!(!self.over, "ended twice");
                    self.over = true;
                    continue;
                }
                Output::Event(
                    Event::Sent(_)
                    | Event::Received { .. }
                    | Event::Ready { .. }
                    | Event::TlsAbsent
                    | Event::TakesMore
                    | Event::Unasked(_),
                ) => {}
            }
            assert!(!self.over, "{output:?} after the end");
        }
    }
}

/// The server sends nothing more and the driver waits: the session ends, or it is idle.
fn silence(session: &mut Session, seen: &mut SessionOutput) {
    for _ in 0..40 {
        let Some(deadline) = seen.deadline else { break };
        session.input(deadline, Input::Timeout);
        seen.drain(session);
    }
    assert_eq!(seen.deadline, None);
    assert!(seen.over || is_idle(session), "a wait without an end");
    assert!(seen.over || seen.done == seen.aborts, "an abort without an end");
}

fn play(security: Security, logged_in: bool, acts: Vec<Act>) {
    let mut session = Session::new(Config { security, ..config() }, Moment::START);
    let (mut now, mut seen) = (Moment::START, SessionOutput::default());
    if logged_in {
        session.input(now, Input::Bytes(b"220 hi\r\n"));
        match security {
            Security::Explicit => session.input(now, Input::Bytes(b"234 go\r\n")),
            Security::Offered => session.input(now, Input::Bytes(b"500 no\r\n")),
            Security::Clear | Security::Implicit => {}
        }
        seen.drain(&mut session);
        let private: &[u8] = if security.is_secured() { b"200 no buffer\r\n200 private\r\n" } else { b"" };
        session.input(now, Input::Bytes(&[&b"230 in\r\n"[..], private, b"500 no\r\n"].concat()));
    }
    seen.drain(&mut session);
    for act in acts {
        match act {
            Act::Line(code, false) => {
                session.input(now, Input::Bytes(format!("{code:03} text\r\n").as_bytes()))
            }
            Act::Line(code, true) => {
                session.input(
                    now,
                    Input::Bytes(format!("{code:03}-text\r\n UTF8\r\n{code:03} end\r\n").as_bytes()),
                );
            }
            Act::Bytes(bytes) => session.input(now, Input::Bytes(&bytes)),
            Act::Send(transfer) => {
                let path = PathName::from_user("a").unwrap();
                let command = if transfer { Command::Retr(path) } else { Command::Size(path) };
                seen.issued.insert(session.send(now, command, None));
            }
            Act::Abort => {
                let merged =
                    matches!(session.stage, crate::client::Stage::Aborting(_)) || session.control.is_over();
                seen.aborts += usize::from(!merged);
                session.input(now, Input::Abort);
            }
            Act::Quit => session.input(now, Input::Quit),
            Act::Pass(seconds) => {
                now = now + Duration::from_secs(seconds);
                session.input(now, Input::Timeout);
            }
            Act::Close => session.input(now, Input::Closed),
        }
        seen.drain(&mut session);
    }
    silence(&mut session, &mut seen);
}

proptest! {
    #[test]
    fn any_server_leaves_a_session_with_one_end(
        security in prop_oneof![
            Just(Security::Clear),
            Just(Security::Offered),
            Just(Security::Explicit),
            Just(Security::Implicit),
        ],
        logged_in: bool,
        acts in prop::collection::vec(act(), 0..40),
    ) {
        play(security, logged_in, acts);
    }
}
