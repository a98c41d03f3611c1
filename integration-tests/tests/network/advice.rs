//! What `check` tells each host of a small internet about itself, and what it advises.

use integration_tests::binary::{Program, Running};
use integration_tests::foreign::Skipped;
use integration_tests::hub::Hub;
use integration_tests::net::{Host, Network, Ports};
use integration_tests::or_skip;
use integration_tests::site::Site;
use std::net::SocketAddr;

/// What lies before the host that is asked, and what it is told.
fn told(ports: Option<Ports>, nat: &str, hints: &[&str]) -> Result<(), Skipped> {
    let mut network = Network::public()?;
    let [one, two, far] = ["one", "two", "far"].map(|name| network.host(name));
    let host: Host = match ports {
        None => network.host("here"),
        Some(ports) => {
            let mut router = network.nat_with("nat", ports)?;
            network.host_behind(&mut router, "here")
        }
    };
    let hub = one.run(|| Hub::start(&one.ip()));
    // A second one with the same tokens, for another destination.
    let second = hub.again_at(|command| two.run(move || Running::start("hub", command)), &two.ip());
    let server = far.run(|| Site::new("far").at(&far.ip()).start());
    let listener: SocketAddr = server.address(ftp_proto::dialect::Dialect::Rfc959);
    let mut command = Program::RelayAgent.command();
    command.args(["check", &hub.address.to_string(), &second.address.to_string(), "--token-file"]);
    command.arg(&hub.token_file).args(["--server", &listener.to_string()]);
    let mut check = host.run(|| Running::start("check", command));
    let status = check.wait();
    let said = check.said();
    assert_eq!(status.code(), Some(0), "{said}");
    let greets = format!("ok    the FTP server {listener} greets");
    for line in ["is a hub, holds token test", "warn  no agent", nat, &greets].iter().chain(hints) {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(said.matches("hint  ").count(), hints.len(), "{said}");
    // The command that runs a relay here works as it is printed.
    if let Some((_, words)) = said.split_once("ftp-relay-agent run ") {
        let words = words.lines().next().unwrap().split(' ').map(|word| match word {
            "FILE" => hub.token_file.as_os_str().to_owned(),
            "SERVER" => far.ip().into(),
            word => word.into(),
        });
        let mut relay = Program::RelayAgent.command();
        relay.arg("run").args(words);
        let mut relay = host.run(|| Running::start("relay", relay));
        assert_eq!(relay.line().unwrap(), format!("listening on {}:2190 (relay)", host.ip()));
    } else {
        assert!(ports.is_some(), "{said}");
    }
    Ok(())
}

#[test]
fn r51_a_host_that_everybody_reaches_may_run_a_relay() {
    or_skip!(told(
        None,
        "ok    no NAT",
        &["hint  hosts that can connect to", "hint  this host can join the hub"]
    ));
}

#[test]
fn r51_a_host_behind_nat_is_told_to_join_the_hub() {
    let hints = ["hint  nobody can connect to this host", "hint  this host can join the hub"];
    or_skip!(told(Some(Ports::Kept), "ok    NAT that keeps ports", &hints));
}

#[test]
fn r51_a_host_behind_symmetric_nat_is_told_that_only_the_hub_helps() {
    let hints = [
        "hint  nobody can connect to this host",
        "hint  this host can join the hub",
        "there is no direct path",
    ];
    or_skip!(told(Some(Ports::Random), "ok    symmetric NAT", &hints));
}
