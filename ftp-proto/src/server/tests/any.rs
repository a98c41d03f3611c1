//! Any sequence of inputs: the session stays in step, forgets nothing, and has an end.

use super::Harness;
use super::harness::{Config, FOREIGN, OWN, config};
use crate::command::Direction;
use crate::dialect::Dialect;
use crate::policy::{Foreign, Rules};
use crate::server::Gender;
use crate::server::ask::{End, FileFailure};
use proptest::prelude::*;
use std::time::Duration;

/// Command lines that matter to the data sockets, the transfers and the queue.
const LINES: &[&str] = &[
    "NOOP",
    "USER u",
    "PASS secret",
    "PASS wrong",
    "REIN",
    "TYPE I",
    "TYPE A",
    "REST 7",
    "SOCK 40004",
    "SOCK abc",
    "SOCK 198.51.100.9,40004",
    "SOCK 198.51.100.9,0",
    "LSTN R",
    "LSTN S",
    "PASV",
    "EPSV",
    "EPSV ALL",
    "ACTV",
    "GSOC",
    "PORT 192,0,2,7,156,68",
    "EPRT |1|192.0.2.7|40004|",
    "EPRT |2|2001:db8::1|40004|",
    "RETR a",
    "RETR missing",
    "STOR c",
    "APPE c",
    "LIST",
    "NLST",
    "MLSD",
    "STAT",
    "STAT a",
    "DGST SHA-256",
    "RATE 1000",
    "PROB S",
    "PROB R",
    "MODE Z",
    "MODE B",
    "MODE B",
    "RANG 1 3",
    "STOU",
    "HASH a",
    "ABOR",
    "HASH a",
    "SIZE a",
    "RNFR a",
    "RNTO c",
    "SITE CPFR a",
    "SITE CPTO c",
    "CWD d",
    "PWD",
    "FEAT",
    "HELP",
    "OPTS MLST size;",
    "FOO",
    "AUTH TLS",
    "",
    "RNDZ 0707070707070707070707070707070707070707070707070707070707070707",
    "RNDZ",
];

#[derive(Clone, Debug)]
enum Act {
    Say(usize),
    Bytes(Vec<u8>),
    Arrive(usize, u8),
    Connected,
    Refused,
    Prove(usize, bool),
    Octets(usize),
    Lose(usize),
    Finish(u8),
    Pass(u64),
    Permit(bool),
    AnswerFiles,
    Ports(bool),
    Stops(bool),
    Answers(bool),
    Permits(Option<bool>),
    Progress(u64),
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => (0..LINES.len()).prop_map(Act::Say),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Act::Bytes),
        4 => (any::<usize>(), any::<u8>()).prop_map(|(port, from)| Act::Arrive(port, from)),
        3 => Just(Act::Connected),
        2 => Just(Act::Refused),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(conn, right)| Act::Prove(conn, right)),
        1 => any::<usize>().prop_map(Act::Octets),
        1 => any::<usize>().prop_map(Act::Lose),
        3 => any::<u8>().prop_map(Act::Finish),
        3 => (0..20_000u64).prop_map(Act::Pass),
        1 => any::<bool>().prop_map(Act::Permit),
        1 => Just(Act::AnswerFiles),
        1 => any::<bool>().prop_map(Act::Ports),
        1 => any::<bool>().prop_map(Act::Stops),
        1 => any::<bool>().prop_map(Act::Answers),
        1 => any::<Option<bool>>().prop_map(Act::Permits),
        1 => (0..3u64).prop_map(Act::Progress),
    ]
}

fn act(h: &mut Harness, said: &mut usize, act: Act) {
    match act {
        Act::Say(line) => {
            h.send(&format!("{}\r\n", LINES[line]));
            *said += 1;
        }
        Act::Bytes(bytes) => {
            // No line end, so that the replies can still be counted; the next line begins afresh.
            let bytes: Vec<u8> = bytes.into_iter().filter(|o| !matches!(o, b'\r' | b'\n' | 0xF0..)).collect();
            h.input(crate::server::ask::Input::Bytes(&bytes));
            h.send("\r\n");
            *said += 1;
        }
        Act::Arrive(index, from) => {
            let host = if from % 2 == 0 { OWN } else { FOREIGN };
            let port = if from % 3 == 0 { 40_004 } else { 1000 + u16::from(from) };
            if let Some(at) = h.any_port(index) {
                h.arrive(at, &format!("{host}:{port}"));
            }
        }
        Act::Connected if h.is_connecting() => drop(h.connected()),
        Act::Refused => drop(h.try_refuse()),
        Act::Prove(index, right) => {
            let proving: Vec<_> = h
                .open
                .iter()
                .filter(|conn| h.written.get(conn).is_some_and(|w| w.len() == 32))
                .copied()
                .collect();
            if let Some(conn) = proving.get(index % proving.len().max(1)) {
                let secret = if right { [7; 32] } else { [8; 32] };
                let direction = if index % 2 == 0 { Direction::Send } else { Direction::Receive };
                if !h.heard.contains(conn) {
                    h.prove(*conn, secret, direction);
                }
            }
        }
        Act::Octets(index) => {
            if let Some(conn) = h.open.get(index % h.open.len().max(1)).copied() {
                h.bytes(conn, b"220 ");
            }
        }
        Act::Lose(index) => {
            let proving: Vec<_> =
                h.open.iter().filter(|conn| h.written.contains_key(conn)).copied().collect();
            if let Some(conn) = proving.get(index % proving.len().max(1)) {
                h.lose(*conn);
            }
        }
        Act::Finish(how) if h.has_move() => {
            let end = match how % 4 {
                0 => End::WHOLE_FILE,
                1 => End::Broken("reset".to_owned()),
                2 => End::Failed(FileFailure::NoSpace),
                _ => End::Stopped,
            };
            h.finish_quietly(u64::from(how), end);
        }
        Act::Pass(milliseconds) => h.pass(Duration::from_millis(milliseconds)),
        Act::Permit(may) => h.permit_if_asked(may),
        Act::AnswerFiles => h.answer_files(),
        Act::Ports(ports) => h.ports = ports,
        Act::Stops(stops) => h.stops = stops,
        Act::Answers(answers) => h.answers_files = answers,
        Act::Permits(permit) => h.permit = permit,
        Act::Progress(more) => h.progress.0 += more,
        Act::Connected | Act::Finish(_) => {}
    }
}

/// How many final replies of today's dialect stand in a transcript.
fn finals(transcript: &[String]) -> usize {
    let is_final = |line: &&String| {
        let code = line.as_bytes();
        code.len() > 3 && code[..3].iter().all(u8::is_ascii_digit) && code[3] == b' ' && code[0] != b'1'
    };
    transcript.iter().filter(is_final).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_sequence_leaves_the_session_in_step(
        old in any::<bool>(),
        strict in any::<bool>(),
        foreign in prop_oneof![Just(Foreign::Never), Just(Foreign::Proven), Just(Foreign::Authenticated)],
        sequence in prop::collection::vec(acts(), 0..60),
    ) {
        let dialect = if old { Dialect::Rfc354 } else { Dialect::Rfc959 };
        let gender = if strict { Gender::Strict } else { Gender::Off };
        let rules = Rules { foreign, ..Rules::default() };
        let mut h = Harness::new(Config { dialect, gender, rules, ..config() }).logged_in();
        let mut said = finals(&h.transcript);
        for next in sequence {
            if h.closed {
                return Ok(());
            }
            act(&mut h, &mut said, next);
            prop_assert!(h.open.len() <= 2 * 8 + 16 + 1, "held and proving connections are bounded");
        }
        // Whatever is under way is ended; then every line has had exactly one final reply.
        (h.stops, h.answers_files) = (true, true);
        h.answer_files();
        for _ in 0..70 {
            if h.has_move() {
                h.finish_quietly(0, End::Stopped);
            }
            h.send("ABOR\r\n");
            said += 1;
        }
        prop_assert!(h.closed || !h.has_move());
        if h.closed {
            return Ok(());
        }
        if !old {
            prop_assert_eq!(finals(&h.transcript), said, "{:#?}", h.transcript);
        }
        h.take();
        prop_assert_eq!(h.say("NOOP").len(), 1);
        h.say("REIN");
        prop_assert!(h.open.is_empty(), "no data connection is left");
        prop_assert_eq!(h.any_port(0), None, "no listener is left");
        prop_assert!(h.has_no_port(), "no port is left");
        let goodbye = h.say("QUIT");
        prop_assert!(goodbye[0].starts_with('2') && h.closed, "{:?}", goodbye);
    }
}
