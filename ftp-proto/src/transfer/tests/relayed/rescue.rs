//! An end or the relay fails: who is to blame. Both sessions can be used again or are closed.

use super::*;

/// Both listen, and data moves.
fn moving() -> Play {
    scene(Passive, Passive).play(BOTH_PASSIVE).play(STOR_FIRST)
}

/// Both are told to stop, and do.
const BOTH_ABORTED: &str = "
    src! abort
    dst! abort
    src< 426 aborted
    src. aborted
    dst< 426 aborted
    dst. aborted
";

#[test]
fn h14_a_missing_source_touches_nothing_at_an_active_destination() {
    scene(Active, Active).play(BOTH_ACTIVE).play("src< 550 No such file\n ! cut\n = src RETR: 550, Missing");
    scene(Passive, Active)
        .play(SOURCE_PASSIVE)
        .play("src< 550 No such file\n ! cut\n = src RETR: 550, Missing");
    // A passive one has begun its file, which has the attempt's own name.
    scene(Active, Passive).play(DESTINATION_PASSIVE).play(
        "dst< 150 go
         src: RETR a
         src< 550 No such file
         ! cut
         dst! abort
         dst< 426 aborted
         dst. aborted
         = src RETR: 550, Missing, touched",
    );
}

#[test]
fn a_refused_name_at_the_destination_asks_nothing_of_the_source() {
    scene(Active, Passive)
        .play(DESTINATION_PASSIVE)
        .play("dst< 553 Not that name\n ! cut\n = dst STOR: 553, File");
    scene(Active, Active).play(BOTH_ACTIVE).play(
        "src< 150 go
         dst: STOR b
         dst< 553 Not that name
         ! cut
         src! abort
         src< 426 aborted
         src. aborted
         = dst STOR: 553, File",
    );
}

#[test]
fn a_refused_port_is_a_fault_of_the_path_at_its_side() {
    let up_to_port = BOTH_ACTIVE.split("dst< 200 ok").next().unwrap();
    scene(Active, Active).play(up_to_port).play(
        "dst< 200 ok
         src< 500 Illegal PORT command
         ! cut
         = src PORT: 500, Path",
    );
    scene(Active, Active).play(up_to_port).play(
        "src< 200 ok
         dst< 504 not there
         ! cut
         = dst PORT: 504, Path",
    );
}

#[test]
fn what_one_end_refuses_before_the_relay_is_asked_leaves_the_relay_alone() {
    scene(Active, Active).play(&format!(
        "{SOURCE_TYPE}
         dst< 421 going down
         = dst TYPE: 421, Busy"
    ));
}

#[test]
fn i11_the_relay_does_not_connect_to_another_host_that_a_227_names() {
    scene(Passive, Active).with(|scene| scene.source = party(SITE1, "")).play(&format!(
        "{SOURCE_TYPE}
         src: PASV
         dst< 200 image
         src< 227 Entering Passive Mode (198,51,100,7,156,65)
         src! abort
         src. aborted
         = src PASV: 227 (the server announced the address of another host), Path"
    ));
}

#[test]
fn r07_a_connection_that_never_stands_is_a_fault_of_the_path_at_its_side() {
    // While the relay is asked.
    let asked = BOTH_PASSIVE.split("ready").next().unwrap();
    for side in ["src", "dst"] {
        scene(Passive, Passive).play(asked).play(&format!(
            "{side}. broken
             src! abort
             dst! abort
             src. aborted
             dst. aborted
             = {side} data connection: reset, Path"
        ));
        // While the transfer commands run.
        scene(Active, Active).play(BOTH_ACTIVE).play(&format!(
            "src< 150 go
             dst: STOR b
             {side}. broken
             src! abort
             dst! abort
             dst< 425 nobody there
             dst. aborted
             src< 425 nobody there
             src. aborted
             = {side} data connection: reset, Path, touched"
        ));
    }
}

#[test]
fn r07_the_relay_names_the_side_though_the_reset_peer_speaks_first() {
    let waits = format!("{DESTINATION_PASSIVE}dst< 150 go\n src: RETR a\n");
    scene(Active, Passive).play(&waits).play(
        "dst< 426 reset
         ! cut
         src! abort
         src. broken
         src. aborted
         = src data connection: reset, Path, touched",
    );
    // The source's server has turned the relay away.
    scene(Passive, Passive).play(BOTH_PASSIVE).play("flows\n dst< 150 go\n src: RETR a").play(
        "dst< 426 reset
         ! cut
         src! abort
         src. broken
         src< 425 not you
         src. aborted
         = src data connection: reset, Path, touched",
    );
    // In mid-file the connections may fail because they were cut.
    moving().play(
        "src< 451 read error
         ! cut
         dst! abort
         dst. broken
         dst< 426 reset
         dst. aborted
         = src RETR: 451, Busy, touched",
    );
    // Its own words say more than a connection that never stood.
    scene(Active, Passive).play(&waits).play(
        "dst< 452 disk full
         ! cut
         src! abort
         src. broken
         src. aborted
         = dst STOR: 452, Space, touched",
    );
}

#[test]
fn a_relay_that_refuses_or_does_not_answer_is_a_fault_of_the_path() {
    let asked = BOTH_ACTIVE.split("ready").next().unwrap();
    scene(Active, Active).play(asked).play("join broken\n = src relay: refused, limit, Path");
    scene(Active, Active).play(asked).play("lost\n = src relay: lost, gone, Busy");
    scene(Active, Active).play(asked).play("wait 30\n ! cut\n = src relay: Silent, Path");
    scene(Active, Active)
        .play(asked)
        .play("ready 203.0.113.9:50001 -\n ! cut\n = src relay: NoAddress, Path");
}

#[test]
fn r12_r13_a_connection_that_breaks_during_a_file_is_reported_in_its_servers_words() {
    moving().play(
        "src. broken
         dst< 426 reset
         src< 451 read error
         = src RETR: 451, Busy, touched",
    );
    moving().play(
        "dst. broken
         src< 426 reset by you
         dst< 552 quota
         = dst STOR: 552, Space, touched",
    );
    moving().play(&format!(
        "dst. broken
         wait 10
         {BOTH_ABORTED}
         = dst STOR: reset, Busy, touched"
    ));
}

#[test]
fn h17_a_server_that_demands_its_own_session_is_heard_whichever_connection_breaks_first() {
    let demand = "src< 425 Unable to build data connection: Operation not permitted";
    moving().play(&format!(
        "dst. broken
         {demand}
         dst! abort
         dst< 426 reset
         dst. aborted
         = src RETR: 425, Busy, touched"
    ));
    moving().play(&format!(
        "dst< 226 stored\n dst. broken\n {demand}\n = src RETR: 425, Busy, touched, dst complete"
    ));
    // The connection breaks while the transfer commands run, and the relay tells it after the server.
    scene(Passive, Passive).play(BOTH_PASSIVE).play("flows\n dst< 150 go\n src: RETR a").play(&format!(
        "{demand}
         ! cut
         dst! abort
         dst. broken
         dst< 426 reset
         dst. aborted
         = src RETR: 425, Path, touched"
    ));
}

#[test]
fn a_destination_that_resets_what_it_has_wholly_read_has_the_file_if_both_say_so() {
    moving().play("dst. broken\n dst< 226 stored\n src< 226 sent\n = moved 226 226");
    moving().play(
        "src< 226 sent
         src. broken
         dst< 426 reset
         = src RETR: reset, Busy, touched, src complete",
    );
}

#[test]
fn r33_a_join_that_the_relay_has_cut_is_no_ends_fault() {
    moving().play(
        "join broken
         src! abort
         dst! abort
         src< 426 reset
         dst< 426 reset
         src. aborted
         dst. aborted
         = src relay: refused, limit, Busy, touched",
    );
}

#[test]
fn r33_a_join_that_the_relay_has_cut_before_the_source_was_asked_is_no_fault_of_the_path() {
    scene(Passive, Passive).play(BOTH_PASSIVE).play(
        "flows
         join broken
         src! abort
         dst! abort
         dst< 426 reset
         dst. aborted
         src. aborted
         = src relay: refused, limit, Busy, touched",
    );
}

#[test]
fn a_relay_that_is_killed_in_mid_file_is_named_though_a_control_connection_tells_first() {
    moving().play(
        "lost
         src! abort
         dst! abort
         src. closed
         dst. closed
         = src relay: lost, gone, Busy, touched",
    );
    moving().play(
        "dst. closed
         ! cut
         src! abort
         lost
         src. closed
         = src relay: lost, gone, Busy, touched",
    );
}

#[test]
fn a_path_that_broke_in_mid_file_may_work_the_next_time() {
    moving().play(
        "src< 425 lost it
         ! cut
         dst! abort
         dst< 426 reset
         dst. aborted
         = src RETR: 425, Busy, touched",
    );
    // A server that lets nobody but its user in says so when it should begin.
    scene(Passive, Passive).play(BOTH_PASSIVE).play(
        "flows
         dst< 425 not you
         ! cut
         src! abort
         src. aborted
         = dst STOR: 425, Path, touched",
    );
}

#[test]
fn a_destination_that_is_complete_before_anything_was_sent_is_not_believed() {
    scene(Passive, Passive).play(BOTH_PASSIVE).play(
        "dst< 226 stored
         ! cut
         src! abort
         src. aborted
         = dst STOR: 226 (TooEarly), Path, touched, dst complete",
    );
}

#[test]
fn an_end_that_never_says_it_is_done_is_found_out() {
    moving().play(
        "src< 226 sent
         wait 120
         ! cut
         dst! abort
         dst< 426 aborted
         dst. aborted
         = dst STOR: silent (other end's final reply timer), Busy, touched, src complete",
    );
}

#[test]
fn h35_a_relayed_file_goes_on_without_the_session_of_an_end_until_its_last_byte() {
    let flowing = || moving().play("flows");
    for play in [
        "src. closed\n passed\n dst< 226 stored\n = src RETR: closed, Busy, touched, dst complete, passed",
        "src. closed\n dst< 226 stored\n passed\n = src RETR: closed, Busy, touched, dst complete, passed",
        "dst. closed\n src< 226 sent\n passed\n = dst STOR: closed, Busy, touched, src complete, passed",
        "passed\n dst. closed\n src< 226 sent\n = dst STOR: closed, Busy, touched, src complete, passed",
        "src. closed\n dst. closed\n passed\n = src RETR: closed, Busy, touched, passed",
        "src. closed\n src. broken\n dst! abort\n dst< 426 off\n dst. aborted\n = src RETR: reset, Busy, touched",
        "src. closed\n lost\n dst! abort\n dst< 426 off\n dst. aborted\n = src relay: lost, gone, Busy, touched",
    ] {
        flowing().play(&format!("moving\n {play}"));
    }
}

#[test]
fn two_ends_that_say_nothing_after_the_last_byte_end_the_attempt() {
    moving().play(&format!(
        "passed
         wait 120
         {BOTH_ABORTED}
         = src RETR: silent (other end's final reply timer), Busy, touched, passed"
    ));
    // Closed before the source was asked for anything: the path is gone.
    scene(Passive, Passive).play(BOTH_PASSIVE).play(
        "flows
         passed
         src! abort
         dst! abort
         dst< 426 aborted
         dst. aborted
         src. aborted
         = src data connection: closed early, Path, touched",
    );
}

#[test]
fn a_connection_that_never_opens_has_a_timer() {
    scene(Active, Active).play(BOTH_ACTIVE).play(&format!(
        "src< 150 go
         dst: STOR b
         wait 20
         ! cut
         {BOTH_ABORTED}
         = dst STOR: silent (connect timer), Path, touched"
    ));
}

#[test]
fn h20_a_cancelled_attempt_ends_both_and_a_deaf_one_is_closed() {
    for play in [moving(), through::moving()] {
        play.play(
            "cancel
             ! cut
             src! abort
             dst! abort
             src< 426 aborted
             src. aborted
             wait 10
             dst! close
             = src attempt: cancelled, Busy, touched",
        );
    }
}

#[test]
fn a_silent_end_in_the_set_up_is_aborted_or_closed() {
    scene(Active, Active).play(&format!(
        "{SOURCE_TYPE}
         wait 30
         dst! abort
         wait 10
         dst! close
         = dst TYPE: silent (reply timer), Busy"
    ));
}
