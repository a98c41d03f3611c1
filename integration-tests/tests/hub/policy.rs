//! Who may use how much of a hub, and what its operator sees.

use super::{Far, copy};
use integration_tests::foreign::own_address;
use integration_tests::hub::Hub;
use integration_tests::operator::{audit, find, page};
use integration_tests::site::{PASSWORD, sample};
use integration_tests::socket;
use rustix::process::Signal;

/// A hub with an audit and metrics. `rest` follows the options.
fn hub(rest: &str) -> Hub {
    Hub::with_policy(&own_address().to_string(), &policy(rest))
}

fn policy(rest: &str) -> String {
    format!("audit = \"audit.log\"\nmetrics = \"127.0.0.9:0\"\n{rest}")
}

/// Waits until the metrics have this line.
fn counts(hub: &Hub, line: &str) {
    let at = hub.metrics.unwrap();
    socket::until(&format!("the metrics say {line}"), || page(at).lines().any(|found| found == line));
}

#[test]
fn r43_the_operator_of_a_hub_sees_who_calls_whom_and_how_much_and_no_secret() {
    let data = sample(300_001);
    let (from, to) = (Far::start(&[("secret-name.bin", &data)]), Far::start(&[]));
    let hub = hub("");
    let _agents = [from.agent(&hub, "zurich"), to.agent(&hub, "berlin")];
    counts(&hub, "ftp_relay_agents 2");
    let run = copy(&hub).args([from.url("secret-name.bin"), to.url("b.bin")]).run().exits(0);
    assert_eq!(run.summary()["rung"], "hub", "{run}");
    assert_eq!(run.events("file")[0]["rung"], "hub", "{run}");
    let paths = run.events("path");
    assert!(!paths.is_empty() && paths.iter().all(|path| path["rung"] == "hub"), "{run}");
    // The sessions of the user agent, two tunnels and the file: each is a call.
    counts(&hub, "ftp_relay_limit_used{limit=\"calls\"} 0");
    let lines = audit(
        hub.directory(),
        &["hub-started", "agent-joined", "call-opened", "call-ended", "session-ended"],
    );
    let joined = find(&lines, "agent-joined");
    assert_eq!((joined["agent"].as_str(), joined["token"].as_str()), (Some("zurich"), Some("test")));
    let ended = lines.iter().filter(|line| line["event"] == "call-ended");
    let moved = ended.map(|line| line["a_to_b"].as_u64().unwrap() + line["b_to_a"].as_u64().unwrap());
    assert!(moved.clone().any(|bytes| bytes > 300_001), "{lines:?}");
    assert!(page(hub.metrics.unwrap()).contains("ftp_relay_ended_total{of=\"call\",how=\"eof\"}"));
    hub.running.signal(Signal::TERM);
    let lines = audit(hub.directory(), &["hub-stopped"]);
    let (text, log) = (format!("{lines:?}"), hub.running.said());
    for word in ["secret-name", PASSWORD, "RETR", "frt1", "relay is stopping"] {
        assert!(!text.contains(word) && !log.contains(word), "{word}: {text}\n{log}");
    }
}

#[test]
fn r27_r28_a_policy_says_who_may_use_a_hub_and_holds_at_once_when_it_is_read_again() {
    let (from, to) = (Far::start(&[]), Far::start(&[]));
    let hub = hub("[[identities]]\nname = \"test\"\nsessions = 1\n");
    let zurich = from.agent(&hub, "zurich");
    let berlin = hub.try_to_join(hub.address, "berlin", &to.near, &[&to.ip()]);
    berlin.running.logs("this token has all 1 sessions that it may have");
    assert_eq!(find(&audit(hub.directory(), &["session-refused"]), "session-refused")["token"], "test");
    counts(&hub, "ftp_relay_sessions_refused_total{reason=\"sessions\"} 1");

    let more = policy("[[identities]]\nname = \"test\"\nsessions = 9\n");
    hub.change_policy(&more, "the tokens and the policy were read again");
    audit(hub.directory(), &["policy-read", "rules-changed"]);
    berlin.hurry();
    berlin.until_joined(1);

    hub.change_policy("[limits]\njoins = 1\n", "a hub has calls");
    audit(hub.directory(), &["policy-refused"]);
    let nobody = policy("[[identities]]\nname = \"other\"\n");
    hub.change_policy(&nobody, "the policy does not name the token");
    for agent in [&zurich, &berlin] {
        agent.running.logs("the policy does not name the token");
    }
    audit(hub.directory(), &["session-revoked"]);
    counts(&hub, "ftp_relay_agents 0");
}

#[test]
fn r33_a_call_whose_bytes_are_used_up_is_cut_and_the_file_never_counts_as_whole() {
    let data = sample(3_000_003);
    let (from, to) = (Far::start(&[("a.bin", &data)]), Far::start(&[]));
    let hub = hub("[limits]\nmax-bytes = \"1MB\"\n");
    let _agents = [from.agent(&hub, "zurich"), to.agent(&hub, "berlin")];
    let run = copy(&hub).args([from.url("a.bin"), to.url("b.bin")]).run().fails();
    assert!(!to.server.names().contains(&"b.bin".to_owned()), "{run}");
    let at = hub.metrics.unwrap();
    let cut = "ftp_relay_ended_total{of=\"call\",how=\"limit-bytes\"}";
    socket::until("the metrics count the cut", || page(at).contains(cut));
}
