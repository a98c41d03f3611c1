//! Commands that are sent before the replies to those before them.

use super::*;
use crate::client::UnusedListener;
use crate::command::Direction;

/// Two servers that take commands ahead.
const TAKE_AHEAD: &str = "SOCK LSTN RNDZ EPSV AHEAD";

/// What both get together.
const AHEAD: &str = "
    dst: TYPE I
    dst: RNDZ ***
    dst: LSTN R
    src: TYPE I
    src: RNDZ ***
";

/// The replies to all but the command that listens.
const ACCEPTED: &str = "
    src< 200 ok
    src< 200 ok
    dst< 200 ok
    dst< 200 ok
";

#[test]
fn t14_a_server_that_takes_commands_ahead_gets_its_settings_together() {
    // A server that takes commands ahead gets its settings together with what follows them.
    both(TAKE_AHEAD).with(|_, roles| roles.filter = true).proven().play(&format!(
        "{AHEAD}
         dst< 200 ok
         dst< 200 ok
         src< 200 ok
         dst< 255 SOCK 40002
         dst: SOCK 192.0.2.1,0
         src: SOCK 192.0.2.2,40002
         src: RETR a
         dst: STOR b
         src< 200 ok
         src< 255 SOCK 40003
         dst< 255 SOCK 40002
         src< 150 go
         dst< 150 go
         src< 226 sent
         dst< 226 stored
         = moved 226 226"
    ));
    // A listener that may have opened behind a refusal is closed.
    both(TAKE_AHEAD).proven().play(&format!(
        "{AHEAD}
         src< 200 ok
         src< 200 ok
         dst< 200 ok
         dst< 504 no
         dst! abort
         dst. aborted
         = dst RNDZ: 504, Unsupported"
    ));
}

/// A server of ours that has told at the start of the clock that it listens for a transfer in this direction.
fn listening(direction: Direction) -> Party {
    let mut party = party(SITE2, TAKE_AHEAD);
    let listener = UnusedListener { direction, port: 40_007, since: Moment::START };
    (party.standing.listens, party.standing.unused) = (true, Some(listener));
    party
}

#[test]
fn t20_where_the_destination_listens_already_nothing_waits_for_a_reply() {
    let source = || party(SITE1, TAKE_AHEAD);
    let filters = |_: &mut Transfer, roles: &mut Roles| roles.filter = true;
    let together = "
        dst: TYPE I
        dst: SOCK 192.0.2.1,0
        src: TYPE I
        src: RNDZ ***
        src: SOCK 192.0.2.2,40007
        src: RETR a
        dst: STOR b
    ";
    let launched = || {
        let case = case(source(), listening(Direction::Receive)).with(filters).proven();
        case.start().play(together)
    };
    launched().play(
        "dst< 200 ok
         dst< 255 SOCK 40007
         src< 200 ok
         src< 200 ok
         src< 255 SOCK 40003
         src< 150 go
         dst< 150 go
         src< 226 sent
         dst< 226 stored
         = moved 226 226",
    );
    // Nothing may move without the proof.
    launched().play(
        "src< 200 ok
         src< 504 no
         src! abort
         dst! abort
         src< 504 no proof, so nobody is named
         src< 425 no peer is named
         src. aborted
         dst. aborted
         = src RNDZ: 504, Unsupported, touched",
    );
    // Nobody would prove what was prepared, if the source does not know RNDZ.
    case(party(SITE1, "SOCK LSTN EPSV"), listening(Direction::Receive)).proven().play(
        "dst: TYPE I
         dst: RNDZ
         dst: LSTN R
         src: TYPE I",
    );
    // Where it connects, its listener would take SOCK for a filter.
    case(source(), listening(Direction::Receive)).source_listens().proven().play(
        "src: TYPE I
         src: RNDZ ***
         src: LSTN S
         dst: TYPE I
         dst: ACTV
         dst: RNDZ ***
         src< 200 ok
         src< 200 ok
         src< 255 SOCK 40002
         dst: SOCK 192.0.2.1,40002
         src: RETR a
         dst: STOR b",
    );
}

#[test]
fn t20_a_listener_that_is_old_or_for_the_other_direction_is_not_relied_on() {
    let at = Moment::START + Duration::from_secs(4);
    let listens = Some("192.0.2.2:40007".parse().unwrap());
    assert_eq!(listening(Direction::Receive).listens_at(Direction::Receive, at), listens);
    assert_eq!(listening(Direction::Send).listens_at(Direction::Receive, at), None);
    let old = Moment::START + Duration::from_secs(6);
    assert_eq!(listening(Direction::Receive).listens_at(Direction::Receive, old), None);
    let mut other = listening(Direction::Receive);
    other.capabilities.takes_ahead = false;
    assert_eq!(other.listens_at(Direction::Receive, at), None);
}

/// Up to the transfer commands.
fn launched() -> Play {
    let case = both(TAKE_AHEAD).with(|_, roles| roles.filter = true);
    case.proven().start().play(&format!(
        "{AHEAD}{ACCEPTED}
         dst< 255 SOCK 40002
         dst: SOCK 192.0.2.1,0
         src: SOCK 192.0.2.2,40002
         src: RETR a
         dst: STOR b"
    ))
}

#[test]
fn t14_a_peer_that_is_refused_behind_the_transfer_commands_ends_the_attempt() {
    launched().play(
        "src< 504 not there
         src! abort
         dst! abort
         src< 425 no peer is named
         src. aborted
         dst< 255 SOCK 40002
         dst< 426 aborted
         dst. aborted
         = src SOCK: 504, Path",
    );
    launched().play(
        "dst< 504 not from there
         src! abort
         dst! abort
         dst< 425 nobody may connect
         src< 255 SOCK 40003
         dst. aborted
         src< 426 aborted
         src. aborted
         = dst SOCK: 504, Path",
    );
}

#[test]
fn t14_the_reply_to_sock_that_does_not_come_ends_the_attempt_and_that_to_the_transfer_command_has_no_such_timer()
 {
    launched().play(
        "src< 255 SOCK 40003
         src< 150 go
         wait 30
         dst! abort
         src! abort
         dst. aborted
         src. aborted
         src! close
         = dst SOCK: silent (reply timer), Busy, touched",
    );
    launched().play(
        "src< 255 SOCK 40003
         src< 150 go
         dst< 255 SOCK 40002
         dst< 150 go
         wait 1000
         src< 226 sent
         dst< 226 stored
         = moved 226 226",
    );
}

#[test]
fn t14_rest_is_answered_before_the_transfer_commands() {
    let case = both(TAKE_AHEAD).with(|transfer, _| transfer.part = Some(ByteRange::from(5)));
    case.proven().play(&format!(
        "{AHEAD}{ACCEPTED}
         dst< 255 SOCK 40002
         dst: REST 5
         src: SOCK 192.0.2.2,40002
         dst< 350 go on
         src< 255 SOCK 40003
         src: REST 5
         src< 350 go on
         src: RETR a
         dst: STOR b"
    ));
}

#[test]
fn t14_where_an_old_filter_acts_the_new_one_is_in_force_before_anybody_connects() {
    let mut destination = party(SITE2, TAKE_AHEAD);
    destination.standing.sock = true;
    let with_pasv = |_: &mut Transfer, roles: &mut Roles| roles.opening = Opening::Pasv;
    case(party(SITE1, TAKE_AHEAD), destination).with(with_pasv).proven().play(
        "dst: TYPE I
         dst: RNDZ ***
         dst: PASV
         src: TYPE I
         src: RNDZ ***
         src< 200 ok
         src< 200 ok
         dst< 200 ok
         dst< 200 ok
         dst< 227 Entering Passive Mode (192,0,2,2,156,66)
         dst: SOCK 192.0.2.1,0
         src: PORT 192,0,2,2,156,66
         src< 200 noted
         dst< 255 SOCK 40002
         src: RETR a
         dst: STOR b",
    );
}
