//! The matrices inside TLS of servers that only a relay, or an agent beside each of them, reaches. Each server is as it is
//! by itself: it takes data connections with the host of its control connection only, and some take only those that
//! resume its TLS session.

use super::private::{Side, arrived, files, is_direct, matrix, named};
use integration_tests::foreign::{Between, Form, Hosts, Skipped};
use integration_tests::or_skip;
use integration_tests::site::PASSWORD;
use integration_tests::user::user;

/// The files arrive, verified: from server to server where one of them can be the TLS client, otherwise through this
/// program, and nothing goes in clear where a server has TLS.
fn cell(form: Form, from: Side, to: Side) -> Result<&'static str, Skipped> {
    let files = files();
    let (source, source_pin) = from.start_private(Hosts::Refused, &files)?;
    let (target, target_pin) = to.start_private(Hosts::Refused, &[])?;
    let between = Between::start(form, &source, &target);
    let urls: Vec<String> =
        files.iter().map(|(name, _)| from.url(&source, &name.replace(' ', "%20"))).collect();
    let run = user().args(["copy", "--json", "--trace", "trace.txt", "--no-race", "--retries", "1"]);
    let run = run.args(["--timeout", "20s"]).args(between.options()).args(source_pin).args(target_pin);
    let run = run.args(urls).args([to.url(&target, "")]).run();
    let more = format!("-- {form:?} --\n{}", between.said());
    let shown = arrived(&run, (from, to), (&source, &target), &more);
    let summary = run.summary();
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

#[test]
fn matrix_inside_tls_through_a_relay() {
    matrix("matrix inside tls through a relay", |from, to| cell(Form::Relay, from, to));
}

#[test]
fn matrix_inside_tls_through_agents() {
    matrix("matrix inside tls through agents", |from, to| cell(Form::Agents, from, to));
}
