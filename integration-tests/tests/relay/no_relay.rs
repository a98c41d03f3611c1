//! What is said of something that is no relay, or no hub.

use super::{checks, relay};
use crate::contact::web;
use integration_tests::binary::{Program, Running};
use integration_tests::relay::{Greeter, wrong_token_file};

#[test]
fn check_names_what_is_no_relay() {
    let file = wrong_token_file();
    let ftp = Greeter::start("127.0.0.1").address();
    let ssh = Greeter::saying("127.0.0.1", b"SSH-2.0-test\r\n").address();
    for (address, words) in
        [(ftp, "it is an FTP server"), (ssh, "it is an SSH server"), (web(), "it is a web server")]
    {
        let said = checks(address, file.path(), 1);
        assert!(said.contains(&format!("{address} is no relay and no hub: {words}")), "{words:?}: {said}");
    }
}

#[test]
fn an_agent_says_that_it_has_joined_a_relay_instead_of_a_hub() {
    let agent = relay();
    let mut command = Program::RelayAgent.command();
    command.args(["join", &agent.address.to_string(), "--name", "zurich", "--allow", "192.0.2.7"]);
    command.arg("--token-file").arg(&agent.token_file);
    let join = Running::start("join", command);
    integration_tests::socket::until("the agent says what is there", || {
        join.said().contains("what is there is no hub, but a relay (ftp-relay-agent run)")
    });
}
