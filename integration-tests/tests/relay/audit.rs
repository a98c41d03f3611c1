//! What the operator of a relay sees: a line for each event, and counters.

use super::{SOURCE, TARGET, ended, joined_in, refused};
use ftp_proto::relay::message::{Code, End};
use integration_tests::operator::{audit, find, page};
use integration_tests::relay::{Agent, Relay, wrong_token};
use integration_tests::socket;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::SocketAddr;

/// A relay with an audit and metrics, and where the metrics are.
fn relay() -> (Agent, SocketAddr) {
    let policy = "audit = \"audit.log\"\nmetrics = \"127.0.0.9:0\"\n\
        allow = [\"127.0.0.2:21,1024-65535\", \"127.0.0.3:21,1024-65535\"]\n\
        [[identities]]\nname = \"test\"\n";
    let mut agent = Relay::new().token("ann").policy(policy).start();
    let metrics = agent.running.listens(" (metrics)");
    (agent, metrics)
}

#[test]
fn r43_the_audit_tells_who_what_and_why_and_no_secret() {
    let (mut agent, metrics) = relay();
    let mut session = agent.session().greeted(&[SOURCE, TARGET]);
    let (mut source, mut target) = joined_in(&mut session, u64::MAX);
    source.write_all(b"file").unwrap();
    drop(source);
    target.read_to_end(&mut Vec::new()).unwrap();
    drop(target);
    assert_eq!(ended(&mut session), (4, 0, End::Eof));
    let tunnel = session.tunnel("127.0.0.4", 2121);
    assert_eq!(refused(&mut session), (tunnel, Code::Denied, None));
    // The metrics are no target, like every listener of the relay.
    let tunnel = session.tunnel(&metrics.ip().to_string(), metrics.port());
    assert_eq!(refused(&mut session), (tunnel, Code::Denied, None));
    let wrong = wrong_token();
    assert!(agent.session_with(&wrong).is_err());
    drop(agent.session_with(&agent.others[0]).unwrap());
    drop(session);
    let lines = audit(agent.directory(), &["session-ended"]);
    let join = find(&lines, "join-ended");
    assert_eq!(
        (&join["token"], &join["a_to_b"], &join["result"]),
        (&"test".into(), &4.into(), &"done".into())
    );
    assert!(
        join["a"].as_str().unwrap().starts_with(SOURCE) && join["b"].as_str().unwrap().starts_with(TARGET)
    );
    let refused = find(&lines, "request-refused");
    assert_eq!(
        (refused["target"].as_str(), refused["result"].as_str()),
        (Some("127.0.0.4:2121"), Some("refused"))
    );
    assert_eq!(find(&lines, "link-denied")["reason"], "unknown token");
    let other = find(&lines, "session-refused");
    assert_eq!((other["token"].as_str(), other["result"].as_str()), (Some("ann"), Some("refused")));
    for event in ["relay-started", "session-opened", "tunnel-opened", "tunnel-ended", "join-opened"] {
        find(&lines, event);
    }
    let page = page(metrics);
    for line in ["ftp_relay_ended_total{of=\"join\",how=\"eof\"} 1", "ftp_relay_links_denied_total 1"] {
        assert!(page.lines().any(|found| found == line), "{line}: {page}");
    }
    // SIGHUP with a mistake is told, too, and the end.
    agent.change_policy("allow = 7\n", "stay as they were");
    agent.running.signal(Signal::TERM);
    assert_eq!(agent.running.wait().code(), Some(0));
    let text = agent.file("audit.log");
    assert!(text.contains("\"event\":\"policy-refused\"") && text.contains("policy.toml:1:9"), "{text}");
    assert!(text.lines().last().unwrap().contains("\"event\":\"relay-stopped\""), "{text}");
    for token in [&agent.token, &agent.others[0], &wrong] {
        let line = token.line();
        let secret = line.rsplit('.').next().unwrap();
        assert!(!text.contains(secret) && !page.contains(secret));
    }
    assert!(!page.contains("test") && !page.contains("127.0.0.2"), "{page}");
}

#[test]
fn r43_a_token_does_not_fill_the_audit_with_what_it_is_refused() {
    let (agent, metrics) = relay();
    for _ in 0..4 {
        let mut session = agent.session();
        for _ in 0..50 {
            let tunnel = session.tunnel("127.0.0.4", 2121);
            assert_eq!(refused(&mut session), (tunnel, Code::Denied, None));
        }
    }
    let count = |event: &str| agent.file("audit.log").matches(&format!("\"event\":\"{event}\"")).count();
    socket::until("all sessions have ended", || count("session-ended") == 4);
    // 60 in a minute: a slow machine may begin another one.
    let told = count("request-refused");
    assert!((60..200).contains(&told), "{told} lines");
    let page = page(metrics);
    assert!(page.contains("ftp_relay_refused_total{reason=\"Denied\"} 200\n"), "{page}");
}
