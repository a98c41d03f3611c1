//! The transfer commands: which end goes first, which one is awaited, and for how long.

use super::*;

/// Up to the transfer commands, the destination listens.
fn opened() -> String {
    PASV.trim_end().trim_end_matches("src: RETR a").to_owned()
}

#[test]
fn h13_the_passive_ends_preliminary_reply_is_never_awaited() {
    // The active end goes first, whichever it is.
    plain().play(PASV);
    plain().source_listens().play(PASV_AT_SOURCE);
    // If the roles name the passive end, its command goes first and the other one follows at once.
    plain()
        .with(|_, roles| roles.first = Some(Side::Destination))
        .play(&format!("{}dst: STOR b\nsrc: RETR a", opened()));
    let opened = PASV_AT_SOURCE.trim_end().trim_end_matches("dst: STOR b");
    plain()
        .source_listens()
        .with(|_, roles| roles.first = Some(Side::Source))
        .play(&format!("{opened}src: RETR a\ndst: STOR b"));
}

/// Up to the transfer command of a destination that loses data which comes before it.
const EARLY: &str = "
    dst: TYPE I
    src: TYPE I
    src< 200 image
    dst< 200 image
    dst: PASV
    dst< 227 (192,0,2,2,156,66)
    src: PORT 192,0,2,2,156,66
    src< 200 ok
    dst: STOR b
";

#[test]
fn a_passive_destination_that_loses_early_data_is_ready_before_it_comes() {
    let early = case(party(SITE1, ""), party(SITE2, "EARLY"));
    early.play(&format!(
        "{EARLY}
         dst< 150 About to open data connection
         src: RETR a
         src< 150 opening
         src< 226 done
         dst< 226 done
         = moved 226 226"
    ));
    // H13: an end that waits for its peer is not awaited for longer than this.
    early.play(&format!(
        "{EARLY}wait 4
wait 1
src: RETR a"
    ));
    // The destination rejects the source: that fails the attempt without a timer. Its STOR waits for another peer, so the next
    // data connection would be stored as this file.
    early.play(&format!(
        "{EARLY}
         dst< 150 About to open data connection
         src: RETR a
         dst< 425 Rejected data connection from foreign address 192.0.2.1:5000.
         src! abort
         dst! close
         src< 426 broken
         src. aborted
         = dst STOR: 425, Path, touched"
    ));
    // So would the next one get the file of a source that waits.
    case(party(SITE1, "EARLY"), party(SITE2, "")).source_listens().play(&format!(
        "{PASV_AT_SOURCE}
         dst< 150 connecting
         src: RETR a
         src< 150 About to open data connection
         src< 425 Rejected data connection from foreign address 192.0.2.2:20.
         dst! abort
         src! close
         dst< 226 stored
         dst. aborted
         = src RETR: 425, Path, touched, dst complete"
    ));
    // If the source does not have the file, an empty file is left at the destination. The caller removes it.
    early.play(&format!(
        "{EARLY}
         dst< 150 About to open data connection
         src: RETR a
         src< 550 no such file
         dst! abort
         dst< 426 aborted
         dst. aborted
         = src RETR: 550, Missing, touched"
    ));
    early.source_listens().play(PASV_AT_SOURCE);
}

#[test]
fn a_listener_that_refuses_its_peer_before_its_command_is_not_ignored() {
    plain().play(&format!(
        "{PASV}
         dst? 226 of something else
         dst? 425 Rejected data connection from foreign address 192.0.2.1:5000.
         src! abort
         dst! abort
         src< 426 broken
         src. aborted
         dst. aborted
         = dst STOR: 425, Path"
    ));
    // The peer may connect as soon as it knows the address.
    plain().play(&format!(
        "{TYPE}
         dst: PASV
         dst< 227 Entering Passive Mode (192,0,2,2,156,66)
         src: PORT 192,0,2,2,156,66
         dst? 425 Rejected data connection from foreign address 192.0.2.1:5000.
         dst! abort
         src< 200 Active data connection established.
         dst. aborted
         = dst STOR: 425, Path"
    ));
    // After the transfer command the final reply counts, and an unasked reply changes nothing.
    plain().play(&format!("{PASV}src< 150 ok\ndst: STOR b\ndst? 425 no"));
}

#[test]
fn with_rndz_either_order_goes_without_a_wait() {
    for (first, second) in [(Side::Source, "dst: STOR b"), (Side::Destination, "src: RETR a")] {
        for listener in [Side::Source, Side::Destination] {
            let case = both("SOCK LSTN RNDZ").proven();
            let case = if listener == Side::Source { case.source_listens() } else { case };
            let mut play = case.with(|_, roles| roles.first = Some(first)).start();
            play.lines.clear();
            for end in ["src", "src", "dst", "dst"] {
                play.line(&format!("{end}< 200 ok"));
                play.lines.clear();
            }
            play.line(&format!("{}< 255 SOCK 40002", name(listener)));
            play.lines.clear();
            play.line(&format!("{}< 255 SOCK 40003", name(listener.other())));
            assert_eq!(play.lines.len(), 2, "{:?}", play.lines);
            assert_eq!(play.lines.pop_back().as_deref(), Some(second));
        }
    }
}

#[test]
fn h13_an_active_end_that_keeps_its_preliminary_reply_is_waited_for_five_seconds() {
    plain().play(&format!(
        "{PASV}
         wait 4
         wait 1
         dst: STOR b
         src< 150 ok
         dst< 150 ok
         src< 226 done
         dst< 226 done
         = moved 226 226"
    ));
}

#[test]
fn a_server_without_preliminary_replies_is_followed() {
    plain().play(&format!(
        "{PASV}
         src< 226 it was a small file
         dst: STOR b
         dst< 226 done
         = moved 226 226"
    ));
}

#[test]
fn a_destination_that_is_complete_before_the_source_was_asked_has_nothing() {
    plain().source_listens().play(&format!(
        "{PASV_AT_SOURCE}
         dst< 226 done
         src! abort
         src. aborted
         = dst STOR: 226 (TooEarly), Path, touched, dst complete"
    ));
}

#[test]
fn h05_status_and_markers_in_between_change_nothing() {
    plain().play(&format!(
        "{PASV}
         src< 110 MARK 1 = 1
         src< 150 ok
         dst: STOR b
         dst< 110 MARK 1 = 1
         dst< 150 ok
         src< 226 done
         dst< 226 done
         = moved 226 226"
    ));
    both("1973").play(&format!(
        "{TYPE}
         dst: PASV
         dst< 010 thinking
         dst< 255 SOCK 40002
         src: SOCK 3221225986,40002
         src< 255 SOCK 40003
         src: RETR a
         src< 030 the system goes down at 5
         src< 250 started
         dst: STOR b
         src< 252 done
         dst< 250 started
         dst< 100 halfway
         dst< 252 done
         = moved 252 252"
    ));
}

#[test]
fn h16_one_end_complete_and_the_other_not_is_a_failure_of_the_other() {
    let both = format!("{PASV}src< 150 ok\ndst: STOR b\ndst< 150 ok\n");
    plain()
        .play(&format!("{both}src< 226 done\ndst< 452 full\n= dst STOR: 452, Space, touched, src complete"));
    plain()
        .play(&format!("{both}dst< 226 done\nsrc< 426 broken\n= src RETR: 426, Path, touched, dst complete"));
    // A 226 with a text that says the opposite (DrFTPD).
    plain().play(&format!(
        "{both}src< 226 done\ndst< 226 Transfer aborted - deleting file\n= dst STOR: 226, Path, touched, src complete"
    ));
}

#[test]
fn what_the_source_has_sent_may_be_stored_although_the_destination_says_that_it_has_not_begun() {
    let sent = format!("{PASV}src< 150 ok\ndst: STOR b\n");
    plain().play(&format!(
        "{sent}src< 226 done\ndst< 502 no\n= dst STOR: 502, Unsupported, touched, src complete"
    ));
    plain().play(&format!("{sent}src< 226 done\ndst< 553 no\n= dst STOR: 553, File, touched, src complete"));
    plain().play(&format!(
        "{sent}dst< 502 no\nsrc! abort\nsrc< 426 off\nsrc. aborted\n= dst STOR: 502, Unsupported, touched"
    ));
    plain()
        .play(&format!("{sent}dst< 553 no\nsrc! abort\nsrc< 426 off\nsrc. aborted\n= dst STOR: 553, File"));
    let sent = sent.replace("STOR", "APPE");
    plain().with(|transfer, _| transfer.store = Store::Append).play(&format!(
        "{sent}dst< 553 no\nsrc! abort\nsrc< 426 off\nsrc. aborted\n= dst APPE: 553, File, touched"
    ));
}

#[test]
fn h16_half_done_has_a_timer() {
    let both = format!("{PASV}src< 150 ok\ndst: STOR b\ndst< 150 ok\n");
    plain().play(&format!(
        "{both}
         src< 226 done
         wait 119
         wait 1
         dst! abort
         dst< 426 off
         dst. aborted
         = dst STOR: silent (other end's final reply timer), Busy, touched, src complete"
    ));
    plain().play(&format!(
        "{both}
         dst< 226 done
         wait 4
         wait 1
         src! abort
         src< 226 it was done
         src. aborted
         = src RETR: silent (other end's final reply timer), Busy, touched, src complete"
    ));
}

#[test]
fn a_connection_that_never_comes_has_a_timer_and_is_a_matter_of_the_path() {
    plain().play(&format!(
        "{PASV}
         wait 5
         dst: STOR b
         wait 59
         wait 1
         src! abort
         dst! abort
         src< 425 no
         src. aborted
         dst. aborted
         = src RETR: silent (connect timer), Path, touched"
    ));
}

/// Every state has a timer, except while data moves and the caller watches for a stall. So silence alone ends
/// every attempt.
#[test]
fn silence_ends_every_wait() {
    let long = "src< 150 ok\ndst: STOR b\ndst< 150 ok\nsrc< 226 done";
    let rescue = "src< 550 none\ndst! abort";
    let cases: [(Case, String); 5] = [
        (plain(), format!("{PASV}{long}")),
        (plain(), format!("{PASV}{rescue}")),
        (plain().source_listens(), format!("{PASV_AT_SOURCE}dst< 553 no\nsrc! abort")),
        (plain(), format!("{PASV}src< 150 ok\ndst: STOR b\ncancel\nsrc! abort\ndst! abort")),
        (both("SOCK LSTN RNDZ").proven(), "dst: TYPE I\nsrc: TYPE I".into()),
    ];
    for (case, script) in &cases {
        let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        for cut in 0..=lines.len() {
            let is_input = |line: &&str| line.contains("< ") || *line == "cancel";
            if lines.get(cut).is_some_and(|line| !is_input(line)) {
                continue;
            }
            let mut play = case.start().play(&lines[..cut].join("\n"));
            let moving = lines[..cut].iter().any(|line| line.contains("< 150"))
                && !lines[..cut].iter().any(|line| line.contains("< 226") || *line == "cancel");
            for _ in 0..12 {
                let Some(deadline) = play.deadline else { break };
                play.now = deadline;
                play.input(Input::Timeout);
            }
            assert_eq!(play.deadline, None, "{:?}", &lines[..cut]);
            assert_eq!(play.over, !moving, "{:?}", &lines[..cut]);
        }
    }
}
