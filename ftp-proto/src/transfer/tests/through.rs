//! Attempts through the user agent. Besides the lines of the other attempts:
//!
//! | line | meaning |
//! |---|---|
//! | `src! connect 192.0.2.1:40001` | the driver is to connect to the source there |
//! | `src. connected`, `src. unconnected` | it has connected; it could not |
//! | `src! listen` | the driver is to listen for the source |
//! | `src. listening` | it listens at 203.0.113.9:50001 (`listening v6`: at an address of IPv6) |
//! | `src. arrived 192.0.2.1:20` | the source has connected from there |
//! | `! copy`, `! finish`, `! cut` | what to do with the two data connections |
//! | `copied` | the source has closed its connection, and everything has been sent |
//! | `copied less` | the same; it is less than the source has announced |
//! | `finished` | the destination's connection was closed in order |

use super::*;

fn between(source: Party, destination: Party) -> Play {
    known(source, destination, [KnownPostures { listener: Listener::Nobody, closed: None }; 2])
}

/// The same; the user agent may listen.
fn either(source: Party, destination: Party) -> Play {
    known(source, destination, [KnownPostures::default(); 2])
}

pub(super) fn known(source: Party, destination: Party, known: [KnownPostures; 2]) -> Play {
    let dialects = [source.dialect, destination.dialect];
    let (transfer, now) = (plain().transfer, Moment::START);
    let attempt = Attempt::through(transfer, source, destination, known, timeouts(), now);
    Play::new(attempt, dialects)
}

/// Two servers of today that do not list EPSV.
fn agent() -> Play {
    between(party(SITE1, ""), party(SITE2, ""))
}

const LISTEN: &str = "
    src: TYPE I
    dst: TYPE I
    src< 200 image
    src: EPSV
    dst< 200 image
    dst: EPSV
    src< 229 listening (|||40001|)
    src! connect 192.0.2.1:40001
    src. connected
    dst< 229 listening (|||40002|)
    dst! connect 192.0.2.2:40002
    dst. connected
    src: RETR a
";

const MOVE: &str = "
    src< 150 opening
    dst: STOR b
    dst< 150 opening
    ! copy
";

/// Both know EPSV, and data moves.
pub(super) fn moving() -> Play {
    between(party(SITE1, "EPSV"), party(SITE2, "EPSV")).play(LISTEN).play(MOVE)
}

#[test]
fn i05_the_destination_is_closed_after_the_last_byte_and_both_confirm_the_whole_file() {
    moving().play("copied\n src< 226 sent\n ! finish\n dst< 226 stored\n = moved 226 226");
    moving().play("src< 226 sent\n copied\n ! finish\n dst< 226 stored\n = moved 226 226");
}

#[test]
fn i01_epsv_then_pasv_at_each_end() {
    agent().play(&format!(
        "{SOURCE_TYPE}
         src: PASV
         dst< 200 image
         dst: PASV
         src< 227 Entering Passive Mode (192,0,2,1,156,65)
         src! connect 192.0.2.1:40001
         dst< 227 Entering Passive Mode (192,0,2,2,156,66)
         dst! connect 192.0.2.2:40002
         dst. connected
         src. connected
         src: RETR a"
    ));
    between(party(SITE1, "EPSV"), party(SITE2, "EPSV")).play(&format!(
        "{SOURCE_TYPE}
         src: EPSV
         src< 502 what
         src: PASV
         src< 502 what
         ! cut
         dst< 200 image
         = src PASV: 502, Unsupported"
    ));
}

#[test]
fn i07_each_end_listens_in_its_own_family() {
    between(party(SITE1, ""), party("2001:db8::2", "")).play(&format!(
        "{SOURCE_TYPE}
         src: PASV
         dst< 200 image
         dst: EPSV
         src< 227 Entering Passive Mode (192,0,2,1,156,65)
         src! connect 192.0.2.1:40001
         dst< 229 listening (|||40002|)
         dst! connect [2001:db8::2]:40002"
    ));
}

#[test]
fn an_old_server_listens_with_lstn_and_a_secret_is_forgotten() {
    between(party(SITE1, "1973 SOCK LSTN RNDZ"), party(SITE2, "EPSV RNDZ")).play(&format!(
        "{SOURCE_TYPE}
         src: RNDZ
         src< 200 forgotten
         src: LSTN S
         src< 255 SOCK 40001
         src! connect 192.0.2.1:40001
         dst< 200 image
         dst: RNDZ
         dst< 200 forgotten
         dst: EPSV"
    ));
}

#[test]
fn i11_a_227_of_another_host_is_not_believed() {
    agent().play(&format!(
        "{SOURCE_TYPE}
         src: PASV
         dst< 200 image
         dst: PASV
         src< 227 Entering Passive Mode (198,51,100,7,156,65)
         ! cut
         src! abort
         dst! abort
         src. aborted
         dst< 227 Entering Passive Mode (192,0,2,2,156,66)
         dst. aborted
         = src PASV: 227 (the server announced the address of another host), Path"
    ));
}

#[test]
fn a_file_that_is_not_there_touches_nothing() {
    between(party(SITE1, "EPSV"), party(SITE2, "EPSV")).play(LISTEN).play(
        "src< 550 No such file
         ! cut
         dst! abort
         dst. aborted
         = src RETR: 550, Missing",
    );
}

#[test]
fn i03_a_source_that_replies_426_after_an_orderly_end_has_not_sent_the_whole_file() {
    moving().play(
        "copied
         src< 426 disk failed
         ! cut
         dst! abort
         dst< 426 aborted
         dst. aborted
         = src RETR: 426, Busy, touched",
    );
}

#[test]
fn i03_a_source_that_resets_is_given_the_time_to_say_why() {
    moving().play(
        "src. broken
         ! cut
         dst< 426 reset
         src< 451 read error
         = src RETR: 451, Busy, touched",
    );
    moving().play(
        "src. broken
         ! cut
         dst< 426 reset
         wait 10
         src! abort
         src. aborted
         src! close
         = src RETR: reset, Busy, touched",
    );
}

#[test]
fn i04_a_full_disk_is_told_in_the_words_of_the_destination() {
    moving().play(
        "dst< 452 disk full
         ! cut
         src! abort
         src< 426 aborted
         src. aborted
         = dst STOR: 452, Space, touched",
    );
    moving().play(
        "dst. broken
         ! cut
         src< 426 reset by you
         dst< 552 quota
         = dst STOR: 552, Space, touched",
    );
}

#[test]
fn servers_that_reply_only_when_data_moves_get_their_commands_in_time() {
    between(party(SITE1, "EPSV"), party(SITE2, "EPSV")).play(LISTEN).play(
        "wait 5
         dst: STOR b
         wait 5
         ! copy
         src< 226 sent
         copied
         ! finish
         dst< 226 stored
         = moved 226 226",
    );
}

#[test]
fn a_source_that_is_done_before_the_destination_is_asked() {
    between(party(SITE1, "EPSV"), party(SITE2, "EPSV")).play(LISTEN).play(
        "src< 150 opening
         dst: STOR b
         src< 226 sent
         dst< 150 opening
         ! copy
         copied
         ! finish
         dst< 226 stored
         = moved 226 226",
    );
}

#[test]
fn an_end_that_never_says_it_is_done_is_found_out() {
    moving().play(
        "copied
         wait 120
         ! cut
         src! abort
         dst! abort
         src< 426 aborted
         src. aborted
         dst. aborted
         dst! close
         = src RETR: silent (other end's final reply timer), Busy, touched",
    );
}

#[test]
fn a_data_port_that_cannot_be_reached_is_a_fault_of_the_path() {
    let start = LISTEN.split("src. connected").next().unwrap();
    between(party(SITE1, "EPSV"), party(SITE2, "EPSV")).play(start).play(
        "src. unconnected
         ! cut
         src! abort
         dst! abort
         src. aborted
         dst< 229 listening (|||40002|)
         dst. aborted
         = src data connection: refused, Path",
    );
}

#[test]
fn h34_a_refusal_of_pret_ends_an_attempt_through_the_user_agent() {
    between(party(SITE1, "PRET"), party(SITE2, "")).play(&format!(
        "{SOURCE_TYPE}
         src: PRET RETR a
         src< 550 a: No such file
         ! cut
         dst< 200 image
         = src PRET: 550, Missing"
    ));
}

#[test]
fn h34_a_server_that_requires_pret_gets_it_and_is_asked_for_the_best_opening_again() {
    between(party(SITE1, "EPSV"), party(SITE2, "")).play(&format!(
        "{SOURCE_TYPE}
         src: EPSV
         src< 500 You need to use a client supporting PRET
         src: PRET RETR a
         src< 200 ok
         src: EPSV
         src< 229 listening (|||40001|)
         src! connect 192.0.2.1:40001"
    ));
}

/// Two servers of today: the source's data port cannot be listened at or reached, and it is told to connect.
const TURN: &str = "
    src! listen
    src. listening
    src: PORT 203,0,113,9,195,81
    src< 200 PORT command successful
";

const DESTINATION_LISTENS: &str = "
    dst< 227 Entering Passive Mode (192,0,2,2,156,66)
    dst! connect 192.0.2.2:40002
    dst. connected
    src: RETR a
";

pub(super) const BOTH_PASV: &str = "
    src: TYPE I
    dst: TYPE I
    src< 200 image
    src: PASV
    dst< 200 image
    dst: PASV
";

/// Neither lists EPSV, and the user agent may listen.
fn both_pasv() -> Play {
    either(party(SITE1, ""), party(SITE2, "")).play(BOTH_PASV)
}

impl Play {
    pub(super) fn all(self, parts: &[&str]) -> Self {
        self.play(&parts.join("\n"))
    }
}

fn closed(play: &Play) -> [Option<Posture>; 2] {
    Side::BOTH.map(|side| play.attempt.known_postures(side).closed)
}

#[test]
fn a_server_that_does_not_listen_connects_and_the_other_end_goes_on_listening() {
    let play = both_pasv().all(&["src< 550 Permission denied", TURN, DESTINATION_LISTENS]).play(
        "src. arrived 192.0.2.1:20
         src< 150 opening
         dst: STOR b
         dst< 150 opening
         ! copy
         copied
         src< 226 sent
         ! finish
         dst< 226 stored
         = moved 226 226",
    );
    assert_eq!(closed(&play), [Some(Posture::Passive), None]);
    assert_eq!(play.attempt.failed_postures().len(), 1, "{:?}", play.attempt.failed_postures());
}

#[test]
fn two_silent_ports_cost_one_wait_of_a_second_and_a_half() {
    let play = both_pasv().play(
        "src< 227 Entering Passive Mode (192,0,2,1,156,65)
         src! connect 192.0.2.1:40001
         dst< 227 Entering Passive Mode (192,0,2,2,156,66)
         dst! connect 192.0.2.2:40002
         wait 1
         wait 0.5
         src! listen
         dst! listen
         src. listening
         src: PORT 203,0,113,9,195,81
         dst. listening
         dst: PORT 203,0,113,9,195,81
         src< 200 ok
         dst< 200 ok
         src: RETR a
         src. arrived 192.0.2.1:20
         src< 150 opening
         dst: STOR b
         dst. arrived 192.0.2.2:20
         dst< 150 opening
         ! copy",
    );
    assert_eq!(play.attempt.failed_postures().len(), 2);
}

#[test]
fn a_port_that_refuses_or_is_silent_for_a_second_and_a_half_is_closed() {
    for closed in ["src. unconnected", "wait 1.5"] {
        let dials = "src< 227 Entering Passive Mode (192,0,2,1,156,65)\n src! connect 192.0.2.1:40001";
        both_pasv().play(dials).all(&[closed, TURN, DESTINATION_LISTENS]);
    }
}

#[test]
fn a_425_to_a_transfer_command_turns_that_end_only_and_the_other_one_keeps_its_connection() {
    let listening = both_pasv().play(
        "src< 227 Entering Passive Mode (192,0,2,1,156,65)\n src! connect 192.0.2.1:40001\n src. connected",
    );
    let play = listening.play(DESTINATION_LISTENS).all(&[
        "src< 425 Cannot open data connection",
        TURN,
        "src: RETR a
         src< 150 opening
         dst: STOR b
         dst< 425 Security: bad IP connecting
         dst! listen
         dst. listening
         dst: PORT 203,0,113,9,195,81
         dst< 200 ok
         dst: STOR b
         dst. arrived 192.0.2.2:20
         dst< 150 opening
         src. arrived 192.0.2.1:20
         ! copy
         src< 226 sent
         copied
         ! finish
         dst< 226 stored
         = moved 226 226",
    ]);
    assert_eq!(closed(&play), [Some(Posture::Passive); 2]);
}

#[test]
fn what_an_earlier_file_has_learnt_is_tried_first_and_the_other_posture_after_it() {
    let port_first = KnownPostures { listener: Listener::Here, closed: Some(Posture::Passive) };
    let play = known(party(SITE1, ""), party(SITE2, ""), [port_first, KnownPostures::default()]).play(
        "src! listen
         src: TYPE I
         dst: TYPE I
         src. listening
         src< 200 image
         src: PORT 203,0,113,9,195,81
         dst< 200 image
         dst: PASV
         src< 500 Illegal PORT command
         src: PASV",
    );
    assert_eq!(closed(&play), [Some(Posture::Active), None]);
}

#[test]
fn h14_a_destination_gets_no_command_while_a_source_that_has_refused_its_own_gets_another_connection() {
    let listening = both_pasv().play(
        "src< 227 Entering Passive Mode (192,0,2,1,156,65)\n src! connect 192.0.2.1:40001\n src. connected",
    );
    listening.play(DESTINATION_LISTENS).play(
        "src< 425 Cannot open data connection
         src! listen
         wait 6
         src. listening
         src: PORT 203,0,113,9,195,81
         wait 6
         src< 200 ok
         src: RETR a
         src< 150 opening
         dst: STOR b",
    );
}

#[test]
fn an_end_that_never_connects_is_found_out_and_both_are_brought_back_in_step() {
    let play = both_pasv().all(&["src< 550 Permission denied", TURN, DESTINATION_LISTENS]).play(
        "wait 5
         dst: STOR b
         wait 5
         wait 10
         ! cut
         src! abort
         dst! abort
         src< 425 cannot connect
         src. aborted
         dst< 426 aborted
         dst. aborted
         = src data connection: silent (connect timer), Path, touched",
    );
    assert_eq!(play.attempt.failed_postures()[0].posture, Posture::Passive);
}

#[test]
fn an_end_that_can_do_neither_fails_the_attempt_and_nothing_is_remembered() {
    let play = both_pasv().all(&["src< 550 Permission denied", TURN, DESTINATION_LISTENS]).play(
        "src< 425 cannot connect to you
         ! cut
         dst! abort
         dst. aborted
         = src RETR: 425, Path",
    );
    assert_eq!(closed(&play), [None; 2]);
}

#[test]
fn over_ipv6_the_server_is_told_with_eprt() {
    either(party("2001:db8::1", ""), party(SITE2, "")).play(&format!(
        "{SOURCE_TYPE}
         src: EPSV
         src< 500 what
         src! listen
         src. listening v6
         src: EPRT |2|2001:db8::9|50001|
         dst< 200 image
         dst: PASV"
    ));
}

#[test]
fn a_server_of_1973_is_told_with_sock_and_its_listener_ends_first() {
    let start = "
         src: TYPE I
         dst: TYPE I
         src< 200 image
         src: LSTN S
         src< 255 SOCK 40001
         src! connect 192.0.2.1:40001
         src. unconnected
         src! listen
         src: ACTV
         src. listening
         src< 506 what
         src: SOCK 3405803785,50001
         dst< 200 image
         dst: PASV
    ";
    let both = || either(party(SITE1, "1973 SOCK LSTN"), party(SITE2, "")).play(start);
    let rest = "dst: STOR b\n dst< 150 opening\n ! copy";
    // H04: 255 may come later.
    for told in ["255 SOCK 40003", "200 Socket command accepted"] {
        both()
            .play(&format!("src< {told}"))
            .play(DESTINATION_LISTENS)
            .all(&["src< 255 SOCK 40003\n src. arrived 192.0.2.1:40003\n src< 250 started", rest]);
    }
    // The lowest bit says who sends.
    both()
        .play("src< 255 SOCK 40002")
        .play(DESTINATION_LISTENS)
        .all(&["src. arrived 192.0.2.1:40003\n src< 250 started", rest]);
}

#[test]
fn h37_a_1973_server_that_connects_from_another_port_than_it_announced_is_refused() {
    let old = KnownPostures { listener: Listener::Here, closed: Some(Posture::Passive) };
    let both = |told: &str| {
        known(party(SITE1, "1973 SOCK LSTN"), party(SITE2, ""), [old, KnownPostures::default()])
            .play(
                "src! listen
                 src: TYPE I
                 dst: TYPE I
                 src. listening
                 src< 200 image
                 src: SOCK 3405803785,50001
                 dst< 200 image
                 dst: PASV",
            )
            .play(&format!("src< {told}"))
            .play(DESTINATION_LISTENS)
    };
    let end = "
         ! cut
         src! abort
         dst! abort
         src< 454 aborted
         src. aborted
         dst. aborted
         = src data connection: 40999 is not 40003, Path";
    both("255 SOCK 40003").all(&["src. arrived 192.0.2.1:40999", end]);
    both("200 ok").all(&["src. arrived 192.0.2.1:40999\n src< 255 SOCK 40003", end]);
}
