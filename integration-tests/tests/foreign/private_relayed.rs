//! The matrices inside TLS of servers that only a relay, or an agent beside each of them, reaches. Each server is as it is
//! by itself: it takes data connections with the host of its control connection only, and some take only those that
//! resume its TLS session.

use super::matrix::{Cell, ELSEWHERE, run_all};
use super::private::{SIDES, Side, files, is_direct, named};
use integration_tests::foreign::{End, Hosts, Page, Skipped, own_address};
use integration_tests::hub::{Hub, Joined};
use integration_tests::relay::{Agent, Relay};
use integration_tests::site::PASSWORD;
use integration_tests::socks::{Conduct, Proxy};
use integration_tests::user::user;
use integration_tests::{or_skip, skip};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What stands between the user agent and the servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// One relay, which reaches both servers.
    Relay,
    /// A hub, and an agent beside each server.
    Agents,
}

/// What was started of it.
enum Between {
    Relay(Agent),
    Agents(Hub, [Joined; 2]),
}

impl Between {
    fn start(form: Form, from: &End, to: &End) -> Self {
        let own = || own_address().to_string();
        match form {
            Form::Relay => {
                let relay = Relay::new().at(&own());
                Self::Relay(relay.server(&from.ip().to_string()).server(&to.ip().to_string()).start())
            }
            Form::Agents => {
                let hub = Hub::start(&own());
                let beside = [("zurich", from), ("berlin", to)]
                    .map(|(name, end)| hub.join(name, &own(), &[&end.ip().to_string()]));
                Self::Agents(hub, beside)
            }
        }
    }

    fn reached(&self) -> (SocketAddr, &PathBuf) {
        match self {
            Self::Relay(agent) => (agent.address, &agent.token_file),
            Self::Agents(hub, _) => (hub.address, &hub.token_file),
        }
    }

    fn said(&self) -> String {
        match self {
            Self::Relay(agent) => agent.running.said(),
            Self::Agents(hub, [one, two]) => {
                [&hub.running, &one.running, &two.running].map(|it| it.said()).concat()
            }
        }
    }
}

/// The files arrive, verified: from server to server where one of them can be the TLS client, otherwise through this
/// program, and nothing goes in clear where a server has TLS.
fn cell(form: Form, from: Side, to: Side) -> Result<&'static str, Skipped> {
    let files = files();
    let (source, source_pin) = from.start_private(Hosts::Refused, &files)?;
    let (target, target_pin) = to.start_private(Hosts::Refused, &[])?;
    let between = Between::start(form, &source, &target);
    let (address, token_file) = between.reached();
    let proxy = Proxy::start(&own_address().to_string(), Conduct::Only(address), &[]);
    let urls: Vec<String> =
        files.iter().map(|(name, _)| from.url(&source, &name.replace(' ', "%20"))).collect();
    let run = user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "1", "--timeout", "20s"]);
    let run = run.args(["--proxy", &proxy.url(), "--relay", &address.to_string(), "--relay-token-file"]);
    let run = run.args([token_file]).args(source_pin).args(target_pin);
    let run = run.args(urls).args([to.url(&target, "")]).run();
    let trace = String::from_utf8_lossy(&run.bytes("trace.txt")).into_owned();
    let shown = format!(
        "{form:?}: {} -> {}\n{run}\n{trace}\n-- source --\n{}\n-- destination --\n{}\n-- between --\n{}",
        from.name,
        to.name,
        source.said(),
        target.said(),
        between.said()
    );
    assert_eq!(run.code(), Some(0), "{shown}");
    for (path, bytes) in &files {
        assert!(target.bytes(path) == *bytes, "{path} differs\n{shown}");
    }
    assert_eq!(target.names().len(), files.len(), "{shown}");
    let summary = run.summary();
    assert_ne!(summary["verified"], "none", "{shown}");
    assert!(!trace.contains("> PROT C"), "{shown}");
    assert_eq!(summary["protection"], if from.tls && to.tls { "private" } else { "clear" }, "{shown}");
    let word = if is_direct(from, to) { "relay" } else { "user" };
    assert_eq!(summary["path"], word, "{shown}");
    for secret in [PASSWORD, "a.bin", "two words", "RETR", "STOR"] {
        assert!(!between.said().contains(secret), "{secret}\n{shown}");
    }
    Ok(word)
}

/// For every change: ends that demand the sessions of their own, in both forms.
#[test]
fn i02_r55_servers_that_demand_their_own_sessions_exchange_files_through_a_relay() {
    assert_eq!(or_skip!(cell(Form::Relay, named("vsftpd reuse"), named("proftpd reuse"))), "user");
}

#[test]
fn i02_r50_a_server_that_demands_its_own_sessions_is_the_tls_client_of_the_other_one_behind_agents() {
    assert_eq!(or_skip!(cell(Form::Agents, named("proftpd reuse"), named("pure-ftpd"))), "relay");
}

/// `FOREIGN_MATRIX=all`: every ordered pair with TLS at one end at least.
fn matrix(form: Form, name: &'static str) {
    if std::env::var_os("FOREIGN_MATRIX").is_none_or(|value| value != "all") {
        skip!("FOREIGN_MATRIX is not `all`; `.ci/full matrix-more` runs all pairs");
    }
    let pairs = SIDES.into_iter().flat_map(|from| SIDES.map(|to| (from, to)));
    let cells: Vec<Cell<'_>> = pairs
        .map(|(from, to)| Cell {
            from: from.name,
            to: to.name,
            work: Box::new(move || if from.tls || to.tls { cell(form, from, to) } else { Ok(ELSEWHERE) }),
        })
        .collect();
    let sides = SIDES.iter().map(|side| side.name.to_owned()).collect();
    run_all(Page::named(name, sides), &cells);
}

#[test]
fn matrix_inside_tls_through_a_relay() {
    matrix(Form::Relay, "matrix inside tls through a relay");
}

#[test]
fn matrix_inside_tls_through_agents() {
    matrix(Form::Agents, "matrix inside tls through agents");
}
