//! A relay whose tunnel ends at another server than the one that it was asked for. The certificate tells.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::foreign::Skipped;
use integration_tests::net::Network;
use integration_tests::or_skip;
use integration_tests::relay::Relay;
use integration_tests::site::Site;
use integration_tests::tls_peer::{Sends, TlsPeer};
use integration_tests::user::user;

/// Why the user accepts the certificates of the two servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trust {
    /// They are named.
    Pinned,
    /// They are new, and were kept when the user's own connections began.
    Kept,
}

/// The relay leads the tunnel to this end (0 is the source) to an impostor.
fn leads_elsewhere(end: usize, trust: Trust) -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let [source, target, relay, here, elsewhere] =
        ["source", "target", "relay", "user", "impostor"].map(|name| network.host(name));
    let site = |name, ip: &str| Site::new(name).at(ip).tls().args(["--foreign", "never"]);
    let from = source.run(|| site("source", &source.ip()).file("a.bin", "hello").start());
    let to = target.run(|| site("target", &target.ip()).start());
    let impostor = elsewhere.run(|| TlsPeer::start(&elsewhere.ip(), Sends::InOrder, b"other"));
    let allowed = [&source, &target].into_iter().fold(Relay::new(), |relay, host| relay.server(&host.ip()));
    let agent = relay.run(|| allowed.at(&relay.ip()).start());
    network.mislead(&relay, [&from, &to][end].address(Rfc959), impostor.address());

    let trusted = match trust {
        Trust::Pinned => vec!["--pin".to_owned(), from.pin(), "--pin".to_owned(), to.pin()],
        Trust::Kept => vec!["--trust".to_owned(), "new".to_owned()],
    };
    let run = user().args(["copy", "--path", "relay", "--trace", "trace.txt"]).args(trusted);
    let run = run.relay(agent.address, &agent.token_file);
    let run = run.args([from.explicit_url("a.bin"), to.explicit_url("b.bin")]);
    let run = here.run(|| run.run());
    // The relay writes its log in its own time.
    let peer = format!("peer={}", [&from, &to][end].address(Rfc959));
    agent.running.logs(&peer);
    let (heard, log) = (impostor.heard(), agent.running.said());
    let shown = format!("{trust:?} {end}\n{run}\n{heard:#?}\n{log}");
    assert_eq!(run.code(), Some(11), "{shown}");
    // One time for each candidate that has begun.
    assert!(!heard.is_empty() && heard.iter().all(|line| line == "AUTH TLS"), "{shown}");
    assert_eq!(to.names(), [""; 0], "{shown}");
    let why = match trust {
        Trust::Pinned => "it is not one of the pinned certificates",
        Trust::Kept => "has changed",
    };
    run.says("through relay").says(why).says(&impostor.pin());
    Ok(())
}

#[test]
fn r50_a_relay_that_leads_to_another_server_is_found_out_by_its_certificate_before_anybody_is_named() {
    for end in [0, 1] {
        or_skip!(leads_elsewhere(end, Trust::Pinned));
        or_skip!(leads_elsewhere(end, Trust::Kept));
    }
}
