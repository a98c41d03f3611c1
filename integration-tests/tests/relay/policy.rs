//! The policy file: what each token may reach and use, and what happens to it when the file is read again.

use super::{
    SOURCE, TARGET, asks_for_legs, at, checks, connect_from, ended, flows, is_reset, joined_in, refused,
};
use ftp_proto::relay::message::{Code, End, FromAgent, LegId};
use ftp_proto::relay::token::Token;
use ftp_proto::relay::user::Failure;
use integration_tests::binary::{Program, Running};
use integration_tests::relay::{Agent, Relay, Session, write_private};
use integration_tests::site::sample;
use integration_tests::socket;
use std::io::{Read, Write};

/// Both servers may be reached.
const ALLOW: &str = "allow = [\"127.0.0.2:21,1024-65535\", \"127.0.0.3:21,1024-65535\"]\n";
/// Both tokens have a rule.
const BOTH: &str = "[[identities]]\nname = \"test\"\n[[identities]]\nname = \"ann\"\n";

fn relay(tables: &str) -> Agent {
    Relay::new().token("ann").policy(&format!("{ALLOW}{tables}")).start()
}

fn greeted(agent: &Agent, token: &Token) -> Session {
    agent.session_with(token).unwrap().greeted(&[SOURCE, TARGET])
}

/// The text of the next refusal.
fn why(session: &mut Session) -> String {
    session.hear_until(|heard| match heard {
        FromAgent::Refused { text, .. } => Some(text.as_str().to_owned()),
        _ => None,
    })
}

/// How the session is told that it is over.
fn bye(session: &mut Session) -> (Code, String) {
    loop {
        match session.said() {
            Err(Failure::Bye { code, text, .. }) => return (code, text.as_str().to_owned()),
            Err(failure) => panic!("{failure:?}"),
            Ok(_) => {}
        }
    }
}

#[test]
fn r27_each_token_reaches_the_servers_of_its_own_rule_and_no_others() {
    let narrow = "[[identities]]\nname = \"test\"\n[[identities]]\nname = \"ann\"\nallow = [\"127.0.0.4\"]\n";
    let agent = relay(narrow);
    let mut test = greeted(&agent, &agent.token);
    joined_in(&mut test, u64::MAX);
    let mut ann = agent.session_with(&agent.others[0]).unwrap();
    let tunnel = ann.tunnel(SOURCE, 2121);
    assert_eq!(refused(&mut ann), (tunnel, Code::Denied, None));
}

#[test]
fn r27_a_token_that_the_policy_does_not_name_is_told_so() {
    let agent = relay("[[identities]]\nname = \"test\"\n");
    agent.running.logs("the policy does not name the token \"ann\"");
    let mut ann = agent.session_with(&agent.others[0]).unwrap();
    let (code, text) = bye(&mut ann);
    assert_eq!((code, text.as_str()), (Code::Denied, "the policy does not name the token"));
    greeted(&agent, &agent.token);
    // The relay has hung up before `check` has asked anything.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    write_private(&file, &agent.others[0].line());
    for _ in 0..3 {
        let said = checks(agent.address, &file, 11);
        assert!(said.contains("the policy does not name the token"), "{said}");
    }
}

#[test]
fn r28_a_token_that_is_taken_out_of_the_policy_loses_what_flows_and_others_go_on() {
    let agent = relay(BOTH);
    let mut test = greeted(&agent, &agent.token);
    let (mut source, target) = joined_in(&mut test, u64::MAX);
    let mut ann = greeted(&agent, &agent.others[0]);
    let (mut cut_source, mut cut_target) = joined_in(&mut ann, u64::MAX);
    agent.change_policy(
        &format!("{ALLOW}[[identities]]\nname = \"test\"\n"),
        "does not name the token: the session ends",
    );
    assert!(is_reset(&mut cut_source) && is_reset(&mut cut_target));
    let (code, text) = bye(&mut ann);
    assert_eq!((code, text.as_str()), (Code::Denied, "the policy does not name the token"));
    source.write_all(b"x").unwrap();
    drop(source);
    assert_eq!(socket::drain(target), b"x");
    assert_eq!(ended(&mut test), (1, 0, End::Eof));
}

#[test]
fn r28_what_flows_to_a_server_that_is_no_longer_allowed_is_reset_and_the_session_goes_on() {
    let agent = relay("");
    let mut session = greeted(&agent, &agent.token);
    let (mut source, mut target) = joined_in(&mut session, u64::MAX);
    agent.change_policy("allow = [\"127.0.0.2:21,1024-65535\"]\n", "other rules hold");
    assert!(is_reset(&mut source) && is_reset(&mut target));
    asks_for_legs(&mut session, u64::MAX);
    let (_, code, leg) = refused(&mut session);
    assert_eq!((code, leg), (Code::Denied, Some(LegId::B)));
}

#[test]
fn a_policy_with_a_mistake_is_refused_with_its_place_and_the_old_one_stays_in_force() {
    let agent = relay(BOTH);
    let mut ann = greeted(&agent, &agent.others[0]);
    let (mut source, mut target) = joined_in(&mut ann, u64::MAX);
    agent.change_policy(&format!("{ALLOW}[limits]\njoins = \"many\"\n"), "policy.toml:3:9: ");
    agent.running.logs("stay as they were");
    flows(&mut source, &mut target);
    drop(greeted(&agent, &agent.others[0]));
    // At the start it is refused with the same place.
    let directory = tempfile::tempdir().unwrap();
    let (policy, tokens) = (directory.path().join("policy.toml"), directory.path().join("tokens"));
    std::fs::write(&policy, "[limits]\njoins = 1\njions = 2\n").unwrap();
    write_private(&tokens, &agent.token.line());
    let mut command = Program::RelayAgent.command();
    command
        .args(["run", "--listen", "127.0.0.9:0", "--config"])
        .arg(&policy)
        .arg("--token-file")
        .arg(&tokens);
    let mut running = Running::start("relay", command);
    assert_eq!(running.wait().code(), Some(2), "{}", running.said());
    assert!(running.said().contains("policy.toml:3:1: unknown key \"jions\""), "{}", running.said());
}

#[test]
fn counts_are_those_of_the_token_and_of_its_group() {
    let agent = relay(
        "[[groups]]\nname = \"staff\"\njoins = 2\n\
         [[identities]]\nname = \"test\"\nparent = \"staff\"\njoins = 1\n\
         [[identities]]\nname = \"ann\"\nparent = \"staff\"\njoins = 2\n",
    );
    let mut refusals = Vec::new();
    let mut sessions = [&agent.token, &agent.others[0]].map(|token| greeted(&agent, token));
    let mut kept = Vec::new();
    for session in &mut sessions {
        kept.push(joined_in(session, u64::MAX));
        asks_for_legs(session, u64::MAX);
        refusals.push(why(session));
    }
    let expected = [
        "this token has all 1 joins that it may have",
        "a group of this token has all 2 joins that it may have",
    ];
    assert_eq!(refusals, expected);
}

#[test]
fn r33_the_bytes_of_a_day_end_what_flows_with_a_reset_and_refuse_what_comes_then() {
    let agent =
        relay("[[identities]]\nname = \"test\"\nbytes-per-day = \"100KB\"\n[[identities]]\nname = \"ann\"\n");
    let mut session = greeted(&agent, &agent.token);
    let (mut source, mut target) = joined_in(&mut session, u64::MAX);
    // It may be cut while it is still being written.
    drop(source.write_all(&sample(500_000)));
    assert!(is_reset(&mut target));
    assert_eq!(ended(&mut session).2, End::LimitBytes);
    // What is left is less than a piece; it may be used up.
    let rest = loop {
        asks_for_legs(&mut session, u64::MAX);
        let next = session.hear_until(|heard| match heard {
            FromAgent::Refused { text, .. } => Some(Err(text.as_str().to_owned())),
            FromAgent::JoinReady { a, b, .. } => Some(Ok((*a, *b))),
            _ => None,
        });
        match next {
            Err(text) => break text,
            Ok((a, b)) => {
                let (mut source, mut target) = (connect_from(SOURCE, at(a)), connect_from(TARGET, at(b)));
                drop(source.write_all(&sample(1_000)));
                drop(source);
                drop(target.read_to_end(&mut Vec::new()));
                drop(target);
                ended(&mut session);
            }
        }
    };
    assert_eq!(rest, "this token has moved all bytes that it may move within a day");
    // Others are not affected.
    let mut ann = greeted(&agent, &agent.others[0]);
    joined_in(&mut ann, u64::MAX);
}

#[test]
fn r34_a_rate_holds_for_its_token_alone_and_can_be_taken_away_while_bytes_flow() {
    let slow = "[[identities]]\nname = \"test\"\n[[identities]]\nname = \"ann\"\nmax-bytes = \"1GB\"\nrate = \"1KB/s\"\n";
    let agent = relay(slow);
    let data = sample(2_000_000);
    let mut sessions = [&agent.others[0], &agent.token].map(|token| greeted(&agent, token));
    let [slow, fast] = &mut sessions;
    let flows = [joined_in(slow, u64::MAX), joined_in(fast, u64::MAX)];
    let receivers = flows.map(|(mut source, mut target)| {
        let data = data.clone();
        std::thread::spawn(move || source.write_all(&data).unwrap());
        std::thread::spawn(move || {
            let mut got = Vec::new();
            target.read_to_end(&mut got).unwrap();
            got
        })
    });
    // The file of ann takes half an hour.
    let [slow_file, fast_file] = receivers;
    assert!(fast_file.join().unwrap() == data);
    assert!(!slow_file.is_finished());
    assert_eq!(ended(fast), (2_000_000, 0, End::Eof));
    agent.change_policy(&format!("{ALLOW}{BOTH}"), "other rules hold");
    assert!(slow_file.join().unwrap() == data);
    assert_eq!(ended(slow), (2_000_000, 0, End::Eof));
}

#[test]
fn r08_a_relay_at_all_addresses_tells_servers_the_one_that_its_operator_names() {
    let asked = |relay: Relay| {
        let agent = relay.at("0.0.0.0").server(SOURCE).server(TARGET).start();
        let mut session = greeted(&agent, &agent.token);
        asks_for_legs(&mut session, u64::MAX);
        (agent, session)
    };
    let (_agent, mut session) = asked(Relay::new().policy("address = [\"127.0.0.9\"]\n"));
    let (a, b) = session.ready();
    for leg in [a, b] {
        assert_eq!(at(leg).ip().to_string(), "127.0.0.9");
    }
    // Without the name there is none: no loopback address is announced by itself.
    let (_agent, mut session) = asked(Relay::new());
    assert_eq!(refused(&mut session).1, Code::NoAddress);
}
