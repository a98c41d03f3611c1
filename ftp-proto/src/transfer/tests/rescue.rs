//! One end fails: the other one is aborted. Both sessions can be used again or are closed.

use super::*;

/// Up to both preliminary replies.
pub(super) fn moving() -> String {
    format!("{PASV}src< 150 ok\ndst: STOR b\ndst< 150 ok\n")
}

/// Two servers that prove themselves, up to the transfer commands.
fn proven() -> String {
    format!(
        "{PROVEN_TYPE}
         src< 200 ok
         dst< 200 ok
         dst: LSTN R
         dst< 255 SOCK 40002
         src: SOCK 192.0.2.2,40002
         src< 255 SOCK 40003
         src: RETR a
         dst: STOR b\n"
    )
}

#[test]
fn h14_a_missing_source_touches_nothing_at_the_destination() {
    plain().play(&format!(
        "{PASV}
         src< 550 No such file
         dst! abort
         dst. aborted
         = src RETR: 550, Missing"
    ));
    both("SOCK LSTN RNDZ").proven().play(&format!(
        "{}
         src< 550 No such file
         dst! abort
         dst< 426 aborted
         dst. aborted
         = src RETR: 550, Missing",
        proven()
    ));
}

#[test]
fn h15_a_refused_store_aborts_the_source_that_has_begun() {
    plain().play(&format!(
        "{PASV}
         src< 150 ok
         dst: STOR b
         dst< 553 Not that name
         src! abort
         src< 426 aborted
         src. aborted
         = dst STOR: 553, File"
    ));
}

/// Each end fails before and after the other one's preliminary reply.
#[test]
fn each_end_may_fail_before_or_after_the_other_has_begun() {
    let sent = format!("{PASV}wait 5\ndst: STOR b\n");
    plain().play(&format!(
        "{sent}src< 425 no connection\ndst! abort\ndst. aborted\n= src RETR: 425, Path, touched"
    ));
    plain().play(&format!("{sent}dst< 553 no\nsrc! abort\nsrc. aborted\n= dst STOR: 553, File"));
    plain().play(&format!(
        "{sent}dst< 150 ok\nsrc< 425 no connection\ndst! abort\ndst< 426 off\ndst. aborted\n= src RETR: 425, Path, touched"
    ));
    plain().play(&format!(
        "{sent}src< 150 ok\ndst< 553 no\nsrc! abort\nsrc< 426 off\nsrc. aborted\n= dst STOR: 553, File"
    ));
    // Both have begun.
    let both = moving();
    plain().play(&format!(
        "{both}src< 451 disk\ndst! abort\ndst< 426 off\ndst. aborted\n= src RETR: 451, Busy, touched"
    ));
    plain().play(&format!(
        "{both}dst< 452 full\nsrc! abort\nsrc< 426 off\nsrc. aborted\n= dst STOR: 452, Space, touched"
    ));
    // The source listens.
    plain().source_listens().play(&format!(
        "{PASV_AT_SOURCE}
         dst< 150 ok
         src: RETR a
         src< 550 No such file
         dst! abort
         dst< 426 off
         dst. aborted
         = src RETR: 550, Missing, touched"
    ));
    plain()
        .source_listens()
        .play(&format!("{PASV_AT_SOURCE}dst< 553 no\nsrc! abort\nsrc. aborted\n= dst STOR: 553, File"));
}

/// pyftpdlib queues a transfer that waits for its connection. ABOR does not remove it from the queue, so the
/// next data connection would get this file, whatever it is for.
#[test]
fn a_transfer_that_had_begun_and_is_forgotten_ends_its_session() {
    let both = moving();
    plain().play(&format!(
        "{both}src< 226 sent
         wait 120
         dst! abort
         dst. aborted
         dst! close
         = dst STOR: silent (other end's final reply timer), Busy, touched, src complete"
    ));
    plain().play(&format!(
        "{both}cancel
         src! abort
         dst! abort
         src< 426 off
         src. aborted
         dst. aborted
         dst! close
         = src attempt: cancelled, Busy, touched"
    ));
}

#[test]
fn the_failure_that_explains_the_other_one_is_told() {
    // The disk is full. The source notices it first, as a broken connection.
    plain().play(&format!(
        "{}src< 426 broken pipe\ndst! abort\ndst< 552 full\ndst. aborted\n= dst STOR: 552, Space, touched",
        moving()
    ));
    // A reply that is caused by ABOR explains nothing.
    plain().play(&format!(
        "{}src< 426 broken pipe\ndst! abort\ndst< 426 off\ndst. aborted\n= src RETR: 426, Path, touched",
        moving()
    ));
}

#[test]
fn a_refusal_of_the_set_up_frees_the_listener_and_blames_the_path() {
    let opened = format!("{TYPE}dst: PASV\ndst< 227 (192,0,2,2,156,66)\nsrc: PORT 192,0,2,2,156,66\n");
    for (refusal, told) in [
        ("500 Illegal PORT command.", "500, Path"),
        ("500 I won't open a connection to 192.0.2.2 (only to 192.0.2.9)", "500, Path"),
        ("501 Rejected data connection to foreign address 192.0.2.2", "501, Path"),
        ("504 not allowed", "504, Path"),
        ("502 not implemented", "502, Unsupported"),
    ] {
        plain().play(&format!("{opened}src< {refusal}\ndst! abort\ndst. aborted\n= src PORT: {told}"));
    }
    plain().play(&format!("{TYPE}dst: PASV\ndst< 425 no port\n= dst PASV: 425, Path"));
    both("SOCK LSTN").with(|_, roles| roles.filter = true).play(&format!(
        "{TYPE}
         dst: LSTN R
         dst< 255 SOCK 40002
         src: SOCK 192.0.2.2,40002
         src< 255 SOCK 40003
         dst: SOCK 192.0.2.1,40003
         dst< 504 not allowed
         dst! abort
         dst. aborted
         = dst SOCK: 504, Path"
    ));
    plain().with(|transfer, _| transfer.part = Some(ByteRange::from(9))).play(&format!(
        "{TYPE}
         dst: PASV
         dst< 227 (192,0,2,2,156,66)
         dst: REST 9
         src: PORT 192,0,2,2,156,66
         dst< 504 no
         dst! abort
         dst. aborted
         src< 200 ok
         = dst REST: 504, Unsupported"
    ));
}

#[test]
fn a_reply_still_owed_by_the_other_end_is_awaited() {
    plain().play(
        "dst: TYPE I
         src: TYPE I
         dst< 504 no
         src< 200 ok
         = dst TYPE: 504, Unsupported",
    );
    plain().play(
        "dst: TYPE I
         src: TYPE I
         dst< 504 no
         wait 30
         src! abort
         src. aborted
         = dst TYPE: 504, Unsupported",
    );
}

#[test]
fn silence_in_the_set_up_is_resynchronised_or_closed() {
    plain().play(&format!(
        "{TYPE}
         dst: PASV
         wait 30
         dst! abort
         dst< 227 (192,0,2,2,156,66)
         dst. aborted
         = dst PASV: silent (reply timer), Busy"
    ));
    plain().play(&format!(
        "{TYPE}
         dst: PASV
         wait 30
         dst! abort
         wait 10
         dst! close
         = dst PASV: silent (reply timer), Busy"
    ));
}

#[test]
fn h20_a_deaf_end_is_closed_and_the_other_is_not_touched() {
    plain().play(&format!(
        "{PASV}
         src< 550 No such file
         dst! abort
         wait 9
         wait 1
         dst! close
         = src RETR: 550, Missing"
    ));
    // Both are aborted, and one does not answer.
    plain().play(&format!(
        "{}cancel\nsrc! abort\ndst! abort\nsrc< 426 off\nsrc. aborted\nwait 10\ndst! close\n= src attempt: cancelled, Busy, touched",
        moving()
    ));
}

#[test]
fn h33_a_cancel_aborts_both_ends_whatever_they_do() {
    plain()
        .play("dst: TYPE I\nsrc: TYPE I\ncancel\ndst< 200 ok\nsrc< 200 ok\n= src attempt: cancelled, Busy");
    plain().play(&format!(
        "{PASV}cancel\nsrc! abort\ndst! abort\nsrc. aborted\ndst. aborted\n= src attempt: cancelled, Busy"
    ));
    plain().play(&format!(
        "{}cancel\nsrc! abort\ndst! abort\ndst< 552 full\ndst. aborted\nsrc< 426 off\nsrc. aborted\n= src attempt: cancelled, Busy, touched",
        moving()
    ));
    // One end is complete: only the other one is aborted.
    plain().play(&format!(
        "{}src< 226 done\ncancel\ndst! abort\ndst< 226 done\ndst. aborted\n= src attempt: cancelled, Busy, touched, src complete",
        moving()
    ));
    // A second cancel, and one after the end, change nothing.
    plain().play(&format!(
        "{PASV}src< 550 none\ndst! abort\ncancel\ndst. aborted\n= src RETR: 550, File\ncancel"
    ));
}

#[test]
fn an_end_whose_session_is_over_fails_the_attempt_unless_it_was_complete() {
    plain().play(&format!(
        "{}dst. closed\nsrc! abort\nsrc< 426 off\nsrc. aborted\n= dst STOR: closed, Busy, touched",
        moving()
    ));
    plain().play(&format!("{}src< 226 done\nsrc. closed\ndst< 226 done\n= moved 226 226", moving()));
    plain().play(&format!("{PASV}src< 550 none\ndst! abort\ndst. closed\n= src RETR: 550, File"));
    plain().play("dst: TYPE I\nsrc: TYPE I\nsrc. closed\ndst< 200 ok\n= src TYPE: closed, Busy");
    plain().play(&format!(
        "{}dst. closed\nsrc! abort\nsrc. closed\n= dst STOR: closed, Busy, touched",
        moving()
    ));
}

/// A firewall or a server cuts a control connection in the silence of a long transfer. The servers go on.
#[test]
fn nothing_comes_after_the_outcome() {
    let play = plain().start().play(&format!("{}src< 226 done\ndst< 226 done\n= moved 226 226", moving()));
    let play = play.play("src< 426 late\ndst. aborted\nsrc. closed\ncancel\nwait 1000");
    assert_eq!(play.deadline, None);
}

/// A proven destination that never gives its final reply may have stored the whole file.
#[test]
fn a_destination_without_a_final_reply_counts_as_touched() {
    let done = format!("{}src< 150 ok\nsrc< 226 done", proven());
    let case = both("SOCK LSTN RNDZ").proven();
    case.play(&format!(
        "{done}
         wait 120
         dst! abort
         wait 10
         dst! close
         = dst STOR: silent (other end's final reply timer), Busy, touched, src complete"
    ));
    case.play(&format!(
        "{done}
         dst. closed
         = dst STOR: closed, Busy, touched, src complete"
    ));
}
