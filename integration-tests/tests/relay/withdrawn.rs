//! Tokens that are taken out of the file of a relay that runs.

use super::{flows, is_reset, joined, relay};
use ftp_proto::relay::token::Token;
use integration_tests::relay::write_private;
use integration_tests::socket;
use rustix::process::Signal;

#[test]
fn r28_a_token_that_is_taken_out_of_the_file_ends_what_flows() {
    let agent = relay();
    let (mut session, mut source, mut target) = joined(&agent, u64::MAX);
    flows(&mut source, &mut target);
    let other = Token::new("other", None, [9; 32]).unwrap();
    write_private(&agent.token_file, &other.line());
    agent.running.signal(Signal::HUP);
    assert!(is_reset(&mut source));
    assert!(is_reset(&mut target));
    while session.said().is_ok() {}
    agent.running.logs(&format!("gone since the files were read last: token {:?}", agent.token.name()));
    assert!(agent.session_with(&agent.token).is_err());
    assert!(agent.session_with(&other).is_ok());
}

#[test]
fn r28_the_last_token_can_be_taken_out_of_the_file() {
    let agent = relay();
    let (mut session, mut source, mut target) = joined(&agent, u64::MAX);
    flows(&mut source, &mut target);
    // Somebody may be about to write it.
    write_private(&agent.token_file, "# withdrawn");
    agent.running.signal(Signal::HUP);
    agent.running.logs("the tokens and the policy stay as they were");
    flows(&mut source, &mut target);
    write_private(&agent.token_file, "# none");
    agent.running.signal(Signal::HUP);
    agent.running.logs("holds no token of a user: nobody may come");
    assert!(is_reset(&mut source) && is_reset(&mut target));
    while session.said().is_ok() {}
    assert!(agent.session_with(&agent.token).is_err());
    write_private(&agent.token_file, &agent.token.line());
    agent.running.signal(Signal::HUP);
    socket::until("the token is good again", || agent.session_with(&agent.token).is_ok());
}
