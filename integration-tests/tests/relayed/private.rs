//! TLS through a relay: each control connection runs TLS from end to end, and so does the data between the servers.

use super::{copy, relay_for, warned, went};
use integration_tests::foreign::own_address;
use integration_tests::relay::{Agent, Relay};
use integration_tests::site::{PASSWORD, Server, Site, sample};
use integration_tests::user::User;

const SIZE: usize = 1_000_003;

/// A site with a certificate that lets no foreign host in.
fn site(args: &[&'static str]) -> Site {
    Site::new("private").at(&own_address().to_string()).tls().args(["--foreign", "never"]).args(args.to_vec())
}

/// A run that trusts these servers and nobody else.
fn trusting(agent: &Agent, servers: [&Server; 2]) -> User {
    copy(agent).args(servers.iter().flat_map(|server| ["--pin".to_owned(), server.pin()]))
}

#[test]
fn r50_h23_explicit_and_implicit_tls_pass_the_relay_from_end_to_end() {
    let file = |name: &str| (name.to_owned(), sample(SIZE));
    let one = [file("a.bin"), file("b.bin"), file("c.bin")]
        .into_iter()
        .fold(site(&["--require-tls"]), |site, (name, bytes)| site.file(&name, bytes))
        .start();
    let two = site(&["--require-tls"]).start();
    let relay = Relay::new().at(&own_address().to_string());
    let agent = [&one, &two].iter().fold(relay, |relay, end| relay.tls_server(&end.ip().to_string())).start();
    for (from, to) in [
        (one.explicit_url("a.bin"), two.explicit_url("a.bin")),
        (one.implicit_url("b.bin"), two.implicit_url("b.bin")),
        (one.implicit_url("c.bin"), two.explicit_url("c.bin")),
    ] {
        let run = trusting(&agent, [&one, &two]).args(["--path", "relay", &from, &to]).run().exits(0);
        went(&run, "relay", "relay-source");
        assert_eq!(run.summary()["protection"], "private", "{run}");
        let trace = run.text("trace.txt");
        assert_eq!(trace.matches("> SSCN ON").count(), 1, "{trace}");
        assert_eq!(trace.matches("> PINC SHA-256").count(), 2, "{trace}");
        assert!(trace.matches("> RNDZ").count() == 2 && !trace.contains("> PROT C"), "{trace}");
    }
    for name in ["a.bin", "b.bin", "c.bin"] {
        assert!(two.bytes(name) == sample(SIZE), "{name}");
    }
    let log = agent.running.said();
    for secret in [PASSWORD, "ann", "a.bin", "RETR"] {
        assert!(!log.contains(secret), "the relay's log has {secret:?}: {log}");
    }
}

#[test]
fn h23_two_servers_that_refuse_each_other_inside_tls_use_the_relay_for_a_whole_tree() {
    let one = site(&["--tls-session-reuse", "required"]);
    let one = one.file("t/a.bin", sample(SIZE)).file("t/empty", "").file("t/s/small", "hello").start();
    let two = site(&["--tls-session-reuse", "required"]).start();
    let agent = relay_for(&[&one, &two]);
    let run = trusting(&agent, [&one, &two]).args(["-r"]);
    let run = run.args([one.explicit_url("t"), two.explicit_url("t")]).run().exits(0);
    went(&run, "relay", "relay-source");
    assert_eq!(run.summary()["protection"], "private", "{run}");
    warned(&run, "the data passes the relay");
    assert_eq!(two.names(), one.names(), "{run}");
    assert!(two.bytes("t/a.bin") == sample(SIZE), "{run}");
    let log = agent.running.said();
    assert_eq!((log.matches("session token=").count(), log.matches(": tunnel ").count()), (1, 2), "{log}");
}

#[test]
fn h24_where_one_control_connection_is_in_clear_the_relay_carries_data_only_if_that_is_permitted() {
    let (one, two) = (site(&[]).file("a.bin", "hello").start(), site(&[]).start());
    let agent = relay_for(&[&one, &two]);
    let copy = || trusting(&agent, [&one, &two]).args(["--path", "relay", "--no-tls"]);
    let run = copy().args([one.url("a.bin"), two.explicit_url("a.bin")]).run().exits(6);
    run.says("only one of the two control connections runs TLS").says("--allow-clear-data");
    assert_eq!(two.names(), [""; 0]);
    let run = copy().args(["--allow-clear-data", &one.url("a.bin"), &two.explicit_url("a.bin")]);
    let run = run.run().exits(0);
    assert_eq!(run.summary()["protection"], "clear", "{run}");
    assert_eq!(two.bytes("a.bin"), b"hello");
}

#[test]
fn a_certificate_that_is_not_trusted_is_not_trusted_through_a_relay() {
    let (one, two) = (site(&[]).file("a.bin", "hello").start(), site(&[]).start());
    let agent = relay_for(&[&one, &two]);
    let run = copy(&agent).args(["--pin", &one.pin(), "--path", "relay"]);
    let run = run.args([one.explicit_url("a.bin"), two.explicit_url("a.bin")]).run().exits(11);
    run.says(&two.pin());
    assert_eq!(two.names(), [""; 0]);
}
